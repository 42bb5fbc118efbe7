"""Placing: where everything in a diagram goes, and which of several diagrams is shown."""

from __future__ import annotations

from collections.abc import Iterable

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


def place_first(
    diagrams: Iterable[Diagram], size: int, font: str, seconds: float
) -> tuple[Diagram, Layout]:
    """The first of several diagrams that is laid out in time, and fits if it must.

    Args:
        diagrams: from the richest to the simplest, which need not fit.
        size, font, seconds: as for :func:`place`.

    Raises:
        TimeoutError: if even the last one takes too long.
    """
    for diagram in diagrams:
        if diagram.must_fit and _smallest_area(diagram, size) > _AREA / 4:
            continue
        try:
            layout = place(diagram, size, font, seconds)
        except TimeoutError as error:
            too_slow = error
        else:
            if not diagram.must_fit or _fits(layout, diagram.is_small):
                return diagram, layout
    raise too_slow


def _smallest_area(diagram: Diagram, size: int) -> float:
    """What its boxes alone take; a picture of a graph is ten times as large."""
    labels = [*(wire.label for wire in diagram.wires), *diagram.trunks.values()]
    sizes = [part_size(part, size) for part in diagram.parts]
    sizes += [label_size(label, diagram.direction) for label in labels]
    return sum(wide * high for wide, high in sizes)


def _fits(layout: Layout, is_small: bool) -> bool:
    if is_small:
        return layout.width * layout.height <= _AREA
    return layout.width <= _WIDTH and layout.height <= _HEIGHT
