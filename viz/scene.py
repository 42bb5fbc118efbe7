"""Scene: a picture as plain data, shapes and texts with the roles that a theme colours.

A layout makes a scene, and writers make files of it (SVG in :mod:`viz.svg`, PNG, PDF and films in
:mod:`viz.raster`): every format shows the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Point = tuple[float, float]


class Text(NamedTuple):
    """One line of text; ``y`` is its baseline, ``anchor`` is start, middle or end."""

    text: str
    x: float
    y: float
    role: str
    size: float
    anchor: str = "middle"
    bold: bool = False
    italic: bool = False


class Rectangle(NamedTuple):
    """A box with rounded corners."""

    x: float
    y: float
    width: float
    height: float
    radius: float
    fill: str
    stroke: str
    stroke_width: float = 1.2


class Circle(NamedTuple):
    """A disc with an outline."""

    x: float
    y: float
    radius: float
    fill: str
    stroke: str
    stroke_width: float = 1.2


class Curve(NamedTuple):
    """A line through cubic Bézier segments: a first point, then three for each segment."""

    points: tuple[Point, ...]
    role: str
    stroke_width: float = 1.2
    dashed: bool = False


class Polygon(NamedTuple):
    """A filled shape without an outline: the head of an arrow."""

    points: tuple[Point, ...]
    role: str


Shape = Text | Rectangle | Circle | Curve | Polygon


@dataclass
class Group:
    """Shapes that belong together: a gate, a wire, a scope.

    Attributes:
        kind: what it is, for style sheets and readers of the file.
        data: what it stands for, e.g. ``{"node": "n3"}``.
        tooltip: what hovering over it shows.
        faded: whether it stands back, because others are highlighted.
    """

    kind: str
    data: dict[str, str]
    shapes: list[Shape]
    tooltip: str = ""
    faded: bool = False


@dataclass
class Scene:
    """A picture of ``width`` by ``height`` points, with ``y`` downwards."""

    width: float
    height: float
    groups: list[Group]
    title: str
    description: str
    caption: Sequence[str] = field(default_factory=tuple)
