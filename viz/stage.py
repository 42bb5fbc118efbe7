"""Stage: a graph laid out once, and the steps that are shown on it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from viz.compose import compose
from viz.diagram import Diagram
from viz.folding import Folding
from viz.placing import place_first
from viz.scene import Scene
from viz.steps import Naming, Step, steps
from viz.subject import Shown, Subject
from viz.theme import Theme
from viz.views import Style, diagram_of


class _Placed(NamedTuple):
    folding: Folding
    diagram: Diagram
    scene: Scene


class Stage:
    """A graph whose picture is laid out when it is needed, like :class:`viz.Picture`.

    Args:
        subject: what is shown, and how.
        theme: how large type is; colours come later.

    Attributes:
        graph: what is shown, with its gates opened as asked.
        called: what nodes are called.
        folding, diagram: which nodes are drawn as one, and what the picture shows.
        scene: every shape in its place; gates have what they are called beneath their symbol.
        steps: what happens, one gate at a time.

    Raises:
        TypeError: if it is a compiled function.
        ValueError: if there is no scope to fold by this name.
    """

    def __init__(self, subject: Subject, theme: Theme) -> None:
        if subject.is_program:
            raise TypeError(
                "a compiled function can be drawn with viz.draw, but it has no steps to show; "
                "show the Value that the function gives on Values instead"
            )
        self.graph, self.number, self.seconds = subject.graph, subject.number, subject.seconds
        self.theme = theme
        self.called = Naming(self.graph, self.number)
        self._style = Style.of(subject)
        self._simpler = subject.foldings()
        self._first = next(self._simpler)

    @cached_property
    def _placed(self) -> _Placed:
        tried: list[Shown] = []

        def diagrams() -> Iterator[Diagram]:
            for shown in chain([self._first], self._simpler):
                tried.append(shown)
                yield self._with_names(diagram_of(self.graph, shown, self._style), shown.folding)

        placed = place_first(diagrams(), self.theme.size, self.theme.font, self.seconds)
        scene = compose(placed.diagram, placed.layout, self.theme.size)
        return _Placed(tried[placed.position].folding, placed.diagram, scene)

    @property
    def folding(self) -> Folding:
        """Nodes that are drawn as one."""
        return self._placed.folding

    @property
    def diagram(self) -> Diagram:
        """The diagram of the picture."""
        return self._placed.diagram

    @cached_property
    def scene(self) -> Scene:
        """Every shape in its place.

        Raises:
            RendererNotFoundError: if there is no Graphviz.
            TimeoutError: if even the simplest picture takes too long to lay out.
        """
        return self._placed.scene

    def _with_names(self, diagram: Diagram, folding: Folding) -> Diagram:
        """The diagram in which every gate says what its result is called."""
        called = {
            self.graph.id(item.nodes[0]): self.called(item.nodes[0])
            for item in folding.items
            if item.is_single
        }
        for part in diagram.parts:
            if part.kind == "gate":
                part.called = called[part.id]
        return diagram

    @cached_property
    def step_count(self) -> int:
        """The number of steps, if the graph need not be folded further to lay it out."""
        items = self._first.folding.items
        return 2 * sum(any(node.parents for node in item.nodes) for item in items) + 2

    @cached_property
    def steps(self) -> list[Step]:
        """The steps, one gate at a time."""
        return steps(self.graph, self.folding, self.diagram, self.number)
