"""Placing: where everything in a diagram goes, and which of several diagrams is shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from viz.diagram import Diagram
from viz.layout import Layout, label_size, lay_out, part_size, to_dot
from viz.levels import Levels
from viz.network import layout_in_columns

_WIDTH, _HEIGHT = 1700, 1060
"""Scaled to 1600 × 1000, a screen, type is then still 11 points high."""
_AREA = _WIDTH * _HEIGHT


def place(diagram: Diagram, size: int, font: str, seconds: float) -> Layout:
    """The place of everything in a diagram.

    Args:
        diagram: what is laid out.
        size: of names and symbols.
        font: as Graphviz names it.
        seconds: the time for each attempt at a layout.

    Raises:
        TimeoutError: if it takes too long.
    """
    if diagram.columns:
        return layout_in_columns(diagram, size)
    if not diagram.clusters:
        labels = len(diagram.wires) + len(diagram.trunks)
        (layout,) = lay_out([to_dot(diagram, size, font)], labels, seconds)
        return layout
    levels = Levels(diagram, size, font)
    for frames in levels.by_depth():
        labels = max(len(levels.levels[frame].labels) for frame in frames)
        layouts = lay_out([levels.text(frame) for frame in frames], labels, seconds)
        levels.placed.update(zip(frames, layouts, strict=True))
    return levels.layout()


class Placed(NamedTuple):
    """A diagram and its layout.

    Attributes:
        position: which of several diagrams it is.
    """

    position: int
    diagram: Diagram
    layout: Layout


def place_first(diagrams: Iterable[Diagram], size: int, font: str, seconds: float) -> Placed:
    """The first of several diagrams that is laid out in time, and fits if it must.

    If none does, it is the one that is least too large.

    Args:
        diagrams: from the richest to the simplest, which need not fit.
        size, font, seconds: as for :func:`place`.

    Raises:
        TimeoutError: if even the last one takes too long.
    """
    placed: list[Placed] = []
    must_fit = False
    for position, diagram in enumerate(diagrams):
        must_fit |= diagram.must_fit
        if diagram.must_fit and _smallest_area(diagram, size) > _AREA / 2:
            continue
        try:
            layout = place(diagram, size, font, seconds)
        except TimeoutError as error:
            too_slow = error
            continue
        placed.append(Placed(position, diagram, layout))
        if not must_fit or _excess(placed[-1]) <= 1:
            return placed[-1]
    if not placed:
        raise too_slow
    least = min(placed, key=_excess)
    least.diagram.caption.append(
        "Larger than a screen: no way to fold it fits; limit=20 draws less of it."
    )
    return least


def _smallest_area(diagram: Diagram, size: int) -> float:
    """Return the area of the boxes alone; a picture of a graph is ten times as large."""
    labels = [*(wire.label for wire in diagram.wires), *diagram.trunks.values()]
    sizes = [part_size(part, size) for part in diagram.parts]
    sizes += [label_size(label, diagram.direction) for label in labels]
    return sum(wide * high for wide, high in sizes)


def _excess(placed: Placed) -> float:
    """Return its size relative to a screen; at most 1 if it fits."""
    layout = placed.layout
    if placed.diagram.is_small:
        return layout.width * layout.height / _AREA
    return max(layout.width / _WIDTH, layout.height / _HEIGHT)
