"""Subject: what is shown, and how, in a picture, on a page and in a film alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple, TypedDict

import numpy as np

from autodiff.graph import Graph, Outlined, Value, dot
from autodiff.mirror import Mirror, is_node
from viz import folding
from viz.checks import check_choice, check_number_format, check_seconds
from viz.folding import Folding
from viz.products import dot_products_as_gates

DIRECTIONS = ("right", "down")
MOST_ITEMS = 300
"""With fold="auto" and no limit, no more are laid out, since they would not fit."""


class Options(TypedDict, total=False):
    """The options that :func:`viz.draw` explains, common to all ways to show a graph."""

    fold: str | Sequence[str] | None
    open: bool | str | Sequence[str]
    parameters: Iterable[Value] | None
    direction: str
    number: str
    limit: int | None
    seconds: float


class Shown(NamedTuple):
    """One way to fold a graph.

    Attributes:
        folding: what is drawn as one.
        caption: what was folded, and how to see more of it.
        must_fit: whether it is only worth drawing if it fits on a screen.
    """

    folding: Folding
    caption: list[str]
    must_fit: bool = False


@dataclass(frozen=True)
class Subject:
    """A value and how it is shown.

    Args:
        value: as for :func:`viz.draw`.
        fold, open, parameters, direction, number, limit, seconds: as for :func:`viz.draw`.

    Raises:
        TypeError: if there is no Value to show, or an option has the wrong type.
        ValueError: if the direction, the number format, the limit or the time is none.
    """

    value: Any
    fold: str | Sequence[str] | None = "auto"
    open: bool | str | Sequence[str] = False
    parameters: Iterable[Value] | None = None
    direction: str = "right"
    number: str = ".4g"
    limit: int | None = None
    seconds: float = 20.0

    def __post_init__(self) -> None:
        check_choice("direction", self.direction, DIRECTIONS)
        check_number_format(self.number)
        check_seconds("seconds", self.seconds)
        if self.limit is not None and (not isinstance(self.limit, int) or self.limit < 1):
            raise ValueError(
                f"limit must be a whole number of nodes, at least 1, got {self.limit!r}"
            )
        if self.parameters is not None:
            given = check_values("parameters", self.parameters)
            object.__setattr__(self, "parameters", given)
        if not self.is_program:
            _ = self.graph  # what cannot be shown is refused now

    @classmethod
    def of(cls, function: str, value: Any, options: Options, **defaults: Any) -> Subject:
        """Gather the subject of a call; TypeError if there is no such option."""
        known = [field.name for field in fields(cls)][1:]
        for name in options:
            if name not in known:
                raise TypeError(
                    f"{function}() has no option {name!r}; its options are: {', '.join(known)}"
                )
        given: dict[str, Any] = {**defaults, **options}
        return cls(value, **given)

    @property
    def is_program(self) -> bool:
        """Whether it is a compiled function, which has no graph of Values."""
        return isinstance(self.value, Outlined)

    @property
    def graph(self) -> Graph:
        """The graph, with its gates opened as asked."""
        return self._opened[0]

    def node(self, value: Value) -> Value:
        """The node of the graph that stands for a Value."""
        return self._opened[1].get(value, value)

    @cached_property
    def _opened(self) -> tuple[Graph, Mapping[Value, Value]]:
        return _with_open_gates(graph_of(self.value), self.open)

    def foldings(self) -> Iterator[Shown]:
        """The graph folded as it was asked for; then simpler, should that not fit or take too long.

        Raises:
            ValueError: if there is no scope to fold by this name.
        """
        fold, graph = self.fold, self.graph
        if isinstance(fold, bool):
            fold = "scopes" if fold else None
        if fold == "auto" and self.limit is None:
            yield from self._fitting()
            return
        if fold is None:
            yield Shown(folding.unfolded(graph), [])
        elif fold != "auto":
            folded = folding.fold_as_asked(graph, fold)
            yield Shown(folded, _caption(folded, "draw all of it with fold=None"))
        limit = self.limit or MOST_ITEMS
        if fold == "auto":
            for folded in folding.ways_to_fit(graph, limit):
                how = f"draw more of it with limit={_round_up(len(graph.nodes))} or fold=None"
                yield Shown(folded, _caption(folded, how))
                limit = min(limit, len(folded.items) // 2)
        for folded in folding.ways_to_fit(graph, min(limit, len(graph.nodes) // 2)):
            why = "the layout of more of it took too long; allow more with seconds="
            yield Shown(folded, _caption(folded, why))

    def _fitting(self) -> Iterator[Shown]:
        """From the most detailed way on; the simplest is shown whether it fits or not."""
        for folded in folding.ways_to_fit(self.graph, MOST_ITEMS):
            caption = _caption(folded, "draw all of it with fold=None")
            yield Shown(folded, caption, must_fit=not folded.is_simplest)


def check_values(name: str, given: Any) -> frozenset[Value]:
    """One Value or several as a set; TypeError if anything else is among them."""
    values = list(given) if hasattr(given, "__iter__") else [given]
    for value in values:
        if not isinstance(value, Value):
            raise TypeError(f"{name}: expected Values, got {type(value).__name__} {value!r:.40}")
    return frozenset(values)


def graph_of(value: Any) -> Graph:
    """The graph of a Value or of several, or of nodes of another class, or a graph as it is."""
    if isinstance(value, Graph):
        return value
    if isinstance(value, np.ndarray):
        return graph_of(list(value.flat))
    values = value if isinstance(value, list | tuple) else [value]
    return Mirror(*values) if values and all(map(is_node, values)) else Graph(*values)


def _with_open_gates(
    graph: Graph, which: bool | str | Sequence[str]
) -> tuple[Graph, Mapping[Value, Value]]:
    """The graph with none, all or some of its gates opened; and nodes that others replace."""
    if which is False:
        return graph, {}
    symbols = [] if which is True else folding.strings("open: expected symbols of gates", which)
    twins: Mapping[Value, Value] = {}
    products = {graph.symbol(node) for node in graph.open().nodes if node.op is dot}
    if products and (not symbols or products & set(symbols)):
        graph, twins = dot_products_as_gates(graph, symbols)
    known = {graph.symbol(node) for node in graph.nodes if graph.group(node) is not None}
    if symbols and not known & set(symbols):
        has = f"its gates are {', '.join(sorted(known))}" if known else "it has none"
        inner = "; to open a gate inside another one, name both" if known else ""
        raise ValueError(f"open: there is no gate {' or '.join(symbols)} to be seen; {has}{inner}")
    return graph.open(*symbols), twins


def _caption(folded: Folding, how: str) -> list[str]:
    if not folded.explanation:
        return []
    is_folded = any(not item.is_single for item in folded.items)
    return [f"{folded.explanation}; {how}." if is_folded else f"{folded.explanation}."]


def _round_up(count: int) -> int:
    return -(-count // 100) * 100
