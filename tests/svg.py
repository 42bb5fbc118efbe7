"""Pictures read back: the parts, wires and numbers of a rendered SVG."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from typing import NamedTuple

import viz

SVG = "{http://www.w3.org/2000/svg}"


class Drawn(NamedTuple):
    """What a picture shows.

    Attributes:
        parts: kind and texts, by id.
        wires: texts by their role, by (tail, head, slot).
        trunks: texts by their role, by the id of the part that the line leaves.
        frames: titles of the frames around scopes.
        caption: lines under the picture.
    """

    parts: dict[str, tuple[str, list[str]]]
    wires: dict[tuple[str, str, int], dict[str, str]]
    trunks: dict[str, dict[str, str]]
    frames: list[str]
    caption: list[str]
    root: ElementTree.Element


def read(picture: viz.Picture) -> Drawn:
    """Parse the SVG of a picture."""
    root = ElementTree.fromstring(picture.svg)
    drawn = Drawn({}, {}, {}, [], [], root)
    for group in root.iter(f"{SVG}g"):
        kind = group.get("class") or ""
        texts = dict(_texts(group))
        if kind == "wire":
            ends = group.get("data-tail") or "", group.get("data-head") or ""
            drawn.wires[*ends, int(group.get("data-slot") or 0)] = texts
        elif kind == "trunk":
            drawn.trunks[group.get("data-node") or ""] = texts
        elif kind == "cluster":
            drawn.frames.extend(text.text or "" for text in group.iter(f"{SVG}text"))
        elif kind == "caption":
            drawn.caption.extend(text.text or "" for text in group.iter(f"{SVG}text"))
        else:
            lines = [text.text or "" for text in group.iter(f"{SVG}text")]
            drawn.parts[group.get("data-node") or ""] = kind, lines
    return drawn


def _texts(group: ElementTree.Element) -> Iterator[tuple[str, str]]:
    for text in group.iter(f"{SVG}text"):
        role = "note" if text.get("font-style") == "italic" else text.get("class") or ""
        yield role, text.text or ""


def number(text: str) -> float:
    """The number in a label, which may have a name before it."""
    return float(text.rpartition("= ")[2])
