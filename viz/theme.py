"""How pictures look: type, colours and distances, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """Fonts, colours and distances of a picture.

    Position is the first cue (value above the wire, gradient below), colour only the second. Values
    are blue and gradients orange, a pair that people with any common colour blindness tell apart
    (Okabe and Ito, Color universal design, 2008), darkened or lightened to stand out as text.

    Attributes:
        background, ink: of the page, and of names and symbols.
        wire: lines and outlines.
        gate: the inside of a gate.
        quiet: constants, which do not vary.
        value, gradient: the two rows of numbers on a wire.
        font: a family that Graphviz and browsers both have.
        size: of the type, in points; the numbers on wires are a little smaller.
    """

    background: str
    ink: str
    wire: str
    gate: str
    quiet: str
    value: str
    gradient: str
    font: str = "Helvetica,Arial,sans-serif"
    size: int = 14


LIGHT = Theme(
    background="#ffffff",
    ink="#1f2430",
    wire="#8a93a3",
    gate="#eef2f8",
    quiet="#697386",
    value="#005a94",
    gradient="#b34700",
)
DARK = Theme(
    background="#161a22",
    ink="#eef1f6",
    wire="#778195",
    gate="#262d3a",
    quiet="#9aa5b8",
    value="#7cc4f5",
    gradient="#f6a563",
)
THEMES = {"light": LIGHT, "dark": DARK}
