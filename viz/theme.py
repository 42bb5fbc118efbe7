"""Colours, type and distances of pictures, in one place."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Theme:
    """Colours, type and distances of a picture.

    Position is the first cue (value above the wire, gradient below), colour only the second. Values
    are blue and gradients orange, a pair that people with any common colour blindness tell apart
    (Okabe and Ito, Color universal design, 2008), darkened or lightened to stand out as text.

    Attributes:
        background, ink: of the page, and of names and symbols.
        wire: lines and outlines.
        gate: the inside of a gate.
        parameter: the inside of a parameter, which training changes.
        quiet: constants, formulas and captions.
        cluster: the inside of a scope.
        value, gradient: the two rows of numbers on a wire.
        positive, negative: wires coloured by the sign of their gradient.
        highlight: paths, and the step that is being explained.
        font: families with much the same widths, tried in turn.
        size: of names and symbols, in points; numbers are a little smaller.
    """

    background: str
    ink: str
    wire: str
    gate: str
    parameter: str
    quiet: str
    cluster: str
    value: str
    gradient: str
    positive: str
    negative: str
    highlight: str
    font: str = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
    size: int = 14

    @property
    def colors(self) -> dict[str, str]:
        """The colours by their roles, as ``"#ffffff"``."""
        given = asdict(self).items()
        return {role: color for role, color in given if role not in ("font", "size")}


LIGHT = Theme(
    background="#ffffff",
    ink="#1f2430",
    wire="#7e8898",
    gate="#eef2f8",
    parameter="#fdf3e3",
    quiet="#626c7e",
    cluster="#f7f9fc",
    value="#005a94",
    gradient="#b34700",
    positive="#0072b2",
    negative="#d55e00",
    highlight="#a3246f",
)
DARK = Theme(
    background="#161a22",
    ink="#eef1f6",
    wire="#778195",
    gate="#262d3a",
    parameter="#3a3020",
    quiet="#9aa5b8",
    cluster="#1c212b",
    value="#7cc4f5",
    gradient="#f6a563",
    positive="#56b4e9",
    negative="#f08c3a",
    highlight="#f58cc8",
)
PRINT = Theme(  # for black ink on white paper
    background="#ffffff",
    ink="#000000",
    wire="#555555",
    gate="#ffffff",
    parameter="#e8e8e8",
    quiet="#555555",
    cluster="#f6f6f6",
    value="#000000",
    gradient="#555555",
    positive="#000000",
    negative="#777777",
    highlight="#000000",
)
THEMES = {"light": LIGHT, "dark": DARK, "print": PRINT}


def theme_of(theme: str | Theme) -> Theme:
    """A theme as it is, or by its name.

    Raises:
        ValueError: if there is no theme of this name.
    """
    if isinstance(theme, Theme):
        return theme
    if not isinstance(theme, str) or theme not in THEMES:
        raise ValueError(f"theme must be one of {', '.join(THEMES)} or a Theme, got {theme!r}")
    return THEMES[theme]
