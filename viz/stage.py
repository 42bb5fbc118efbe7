"""Stage: a graph laid out once, and the steps that are shown on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

from autodiff.graph import Outlined, Value
from viz import layout
from viz.compose import compose
from viz.diagram import Diagram
from viz.draw import (
    DIRECTIONS,
    check_choice,
    check_number_format,
    check_seconds,
    check_values,
    foldings,
    graph_of,
    opened,
)
from viz.folding import Folding
from viz.scene import Circle, Group, Rectangle, Scene, Text
from viz.steps import Naming, Step, steps
from viz.theme import Theme
from viz.typography import width
from viz.views import Style, diagram_of

_ID_SIZE = 8
_ID_WIDTH = 28


class _Placed(NamedTuple):
    folding: Folding
    diagram: Diagram
    scene: Scene


class Stage:
    """A graph whose picture is laid out when it is needed, like :class:`viz.Picture`.

    Args:
        value: a Value, several Values or a Graph.
        fold, open, parameters, direction, number, limit, seconds: as for :func:`viz.draw`.
        theme: how large type is; colours come later.

    Attributes:
        graph: what is shown, with its gates opened as asked.
        called: what nodes are called.
        folding, diagram: which nodes are drawn as one, and what the picture shows.
        scene: every shape in its place; gates have what they are called beneath their symbol.
        steps: what happens, one gate at a time.

    Raises:
        TypeError: if there is no Value to show.
        ValueError: if the direction, the number format or the scope to fold is unknown.
    """

    def __init__(
        self,
        value: Any,
        *,
        fold: str | Sequence[str] | None,
        open: bool | str | Sequence[str],
        parameters: Iterable[Value] | None,
        direction: str,
        number: str,
        limit: int,
        seconds: float,
        theme: Theme,
    ) -> None:
        check_choice("direction", direction, DIRECTIONS)
        check_number_format(number)
        check_seconds("seconds", seconds)
        if isinstance(value, Outlined):
            raise TypeError(
                "a compiled function can be drawn with viz.draw, but it has no steps to show; "
                "show the Value that the function gives on Values instead"
            )
        self.graph = opened(graph_of(value), open)
        self.number, self.seconds, self.theme = number, seconds, theme
        self.called = Naming(self.graph, number)
        self._style = Style(
            direction=direction,
            number=number,
            parameters=None if parameters is None else check_values("parameters", parameters),
        )
        self._foldings = foldings(self.graph, fold, limit)
        self._first = next(self._foldings)

    @cached_property
    def _placed(self) -> _Placed:
        folding_of: dict[int, Folding] = {}

        def diagrams() -> Iterator[Diagram]:
            for folding, caption in chain([self._first], self._foldings):
                diagram = diagram_of(self.graph, folding, self._style, caption)
                folding_of[id(diagram)] = folding
                yield diagram

        diagram, placed = layout.lay_out_first(
            diagrams(), self.theme.size, self.theme.font, self.seconds
        )
        scene = compose(diagram, placed, self.theme.size)
        return _Placed(folding_of[id(diagram)], diagram, scene)

    @property
    def folding(self) -> Folding:
        """Which nodes are drawn as one."""
        return self._placed.folding

    @property
    def diagram(self) -> Diagram:
        """What the picture shows."""
        return self._placed.diagram

    @cached_property
    def scene(self) -> Scene:
        """Every shape in its place.

        Raises:
            RendererNotFoundError: if there is no Graphviz.
            TimeoutError: if even the simplest picture takes too long to lay out.
        """
        scene = self._placed.scene
        called = {
            self.graph.id(item.nodes[0]): self.called(item.nodes[0])
            for item in self.folding.items
            if item.is_single and item.nodes[0].parents
        }
        for group in scene.groups:
            if group.kind == "gate":
                _write_inside(group, called[group.data["node"]])
        return scene

    @cached_property
    def step_count(self) -> int:
        """How many steps there are, if the graph need not be folded further to lay it out."""
        return (
            2 * sum(any(node.parents for node in item.nodes) for item in self._first[0].items) + 2
        )

    @cached_property
    def steps(self) -> list[Step]:
        """What happens, one gate at a time."""
        return steps(self.graph, self.folding, self.diagram, self.number)


def _write_inside(gate: Group, called: str) -> None:
    """Under the symbol of a gate, what its result is called, if there is room."""
    outline, symbol = gate.shapes
    assert isinstance(outline, Circle | Rectangle)
    assert isinstance(symbol, Text)
    if width(called, _ID_SIZE) <= _ID_WIDTH:
        below = Text(called, symbol.x, symbol.y + 6.6, "ink", _ID_SIZE)
        gate.shapes = [outline, symbol._replace(y=round(symbol.y - 3, 2)), below]
