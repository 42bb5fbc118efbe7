"""draw: a computation graph in the manner of the CS231n lectures.

A gate is a small circle with its symbol. Every wire between two gates carries the value that flows
forward above the line and the gradient that flows back below it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from autodiff.graph import Graph, Outlined, Path, Value
from viz import folding
from viz.diagram import Diagram
from viz.picture import Picture
from viz.programs import diagram_of_program
from viz.theme import Theme, theme_of
from viz.views import VIEWS, Style, diagram_of

DIRECTIONS = ("right", "down")


def draw(
    value: Any,
    view: str | None = None,
    *,
    paths: tuple[Value, Value] | Path | None = None,
    formulas: bool = False,
    magnitudes: bool = False,
    fold: str | Sequence[str] | None = "auto",
    open: bool | str | Sequence[str] = False,
    parameters: Iterable[Value] | None = None,
    theme: str | Theme = "light",
    direction: str = "right",
    number: str = ".4g",
    limit: int = 300,
    seconds: float = 20.0,
) -> Picture:
    """Draw everything that a value was computed from.

    Args:
        value: a Value, several Values, a Graph, or a compiled function that has been called.
        view: ``"both"`` (value above each wire, gradient below; the default), ``"forward"`` (values
            only), ``"backward"`` (arrows turned round; above each wire local derivative × gradient
            at the operation, below it their product, which is what arrives) or ``"derivatives"``
            (on each wire the local derivative alone).
        paths: two nodes; the paths from the first to the second are highlighted, and the caption
            has each product and their sum. Or one path out of ``Graph.paths``, to highlight it
            alone. The view is then ``"derivatives"``, unless it is given.
        formulas: also write the formula of each local derivative, as ``× y``.
        magnitudes: give wires the hue of their gradient's sign and the width of its size.
        fold: ``"auto"`` folds scopes, and if need be layers, until at most ``limit`` nodes are
            left; ``"scopes"`` folds every outermost scope, ``"identical"`` identical siblings into
            one, ``"layers"`` the same operation at the same depth; anything else is the name of a
            scope, or several; ``*`` stands for any letters. None folds nothing.
        open: whether to show what is inside gates made with :func:`autodiff.gate`; symbols open
            only these gates.
        parameters: which leaves are parameters; without it, those made in a scope.
        theme: ``"light"``, ``"dark"``, ``"print"`` or a Theme.
        direction: ``"right"`` or ``"down"``; downwards, the value stands left of the wire.
        number: a format specification for the numbers.
        limit: the number of nodes from which on ``fold="auto"`` folds.
        seconds: the time for each attempt to lay out the picture; then it is folded further.

    Raises:
        TypeError: if there is no Value to draw.
        ValueError: if the view, the theme, the direction or the scope to fold is unknown, or a path
            is not one of this graph.
        KeyError: if a path's end is not in the graph.

    >>> x, y = Value(-2.0, "x"), Value(5.0, "y")
    >>> draw(x * y)
    <Picture: Computation graph of 3 nodes: values and gradients>
    """
    check_choice("view", view, (*VIEWS, None))
    check_choice("direction", direction, DIRECTIONS)
    check_number_format(number)
    check_seconds("seconds", seconds)
    colors = theme_of(theme)
    if isinstance(value, Outlined):
        _refuse_for_programs(view=view, paths=paths, formulas=formulas, magnitudes=magnitudes)
        program = diagram_of_program(value.__name__, value.outline, value.stats, direction)
        return Picture(iter([program]), colors, seconds)
    graph = opened(graph_of(value), open)
    style = Style(
        view=view or ("derivatives" if paths else "both"),
        formulas=formulas,
        magnitudes=magnitudes,
        direction=direction,
        number=number,
        parameters=None if parameters is None else check_values("parameters", parameters),
        paths=None if paths is None else _path_or_pair(paths),
    )
    return Picture(_diagrams(graph, style, fold, limit), colors, seconds)


def check_values(name: str, given: Any) -> frozenset[Value]:
    """One Value or several as a set; TypeError if anything else is among them."""
    values = list(given) if hasattr(given, "__iter__") else [given]
    for value in values:
        if not isinstance(value, Value):
            raise TypeError(f"{name}: expected Values, got {type(value).__name__} {value!r:.40}")
    return frozenset(values)


def _path_or_pair(paths: Any) -> Path | tuple[Value, Value]:
    if isinstance(paths, Path):
        return paths
    is_pair = isinstance(paths, list | tuple) and len(paths) == 2
    if not is_pair or not all(isinstance(end, Value) for end in paths):
        raise TypeError(f"paths: expected two Values, (start, end), got {paths!r:.60}")
    return paths[0], paths[1]


def _refuse_for_programs(**options: object) -> None:
    for name, given in options.items():
        if given:
            raise ValueError(
                f"{name} is for graphs of Values, and a compiled program has no numbers on its "
                "wires; draw the Value that the function gives on Values instead"
            )


def graph_of(value: Any) -> Graph:
    """The graph of a Value or of several, or a graph as it is."""
    if isinstance(value, Graph):
        return value
    if isinstance(value, np.ndarray):
        return Graph(*value.flat)
    return Graph(*value) if isinstance(value, list | tuple) else Graph(value)


def opened(graph: Graph, which: bool | str | Sequence[str]) -> Graph:
    """The graph with none, all or some of its gates opened."""
    if which is False:
        return graph
    symbols = [] if which is True else folding.strings("open: expected symbols of gates", which)
    known = {graph.symbol(node) for node in graph.nodes if graph.group(node) is not None}
    if symbols and not known & set(symbols):
        has = f"its gates are {', '.join(sorted(known))}" if known else "it has none"
        inner = "; to open a gate inside another one, name both" if known else ""
        raise ValueError(f"open: there is no gate {' or '.join(symbols)} to be seen; {has}{inner}")
    return graph.open(*symbols)


def _diagrams(
    graph: Graph, style: Style, fold: str | Sequence[str] | None, limit: int
) -> Iterator[Diagram]:
    """The picture as it was asked for, then simpler ones in case that takes too long."""
    for folded, caption in foldings(graph, fold, limit):
        yield diagram_of(graph, folded, style, caption)


def foldings(
    graph: Graph, fold: str | Sequence[str] | None, limit: int
) -> Iterator[tuple[folding.Folding, list[str]]]:
    """A graph folded as it was asked for, with a caption; then more and more of it folded."""
    if not isinstance(limit, int) or limit < 1:
        raise ValueError(f"limit must be a whole number of nodes, at least 1, got {limit!r}")
    fold = {True: "scopes", False: None}.get(fold, fold) if isinstance(fold, bool) else fold
    if fold is None:
        yield folding.unfolded(graph), []
    elif fold != "auto":
        folded = folding.fold_as_asked(graph, fold)
        yield folded, _caption(folded, "draw all of it with fold=None")
    else:
        for folded in folding.ways_to_fit(graph, limit):
            how = f"draw more of it with limit={_round_up(len(graph.nodes))} or fold=None"
            yield folded, _caption(folded, how)
            limit = min(limit, len(folded.items) // 2)
    for folded in folding.ways_to_fit(graph, min(limit, len(graph.nodes) // 2)):
        yield (
            folded,
            _caption(folded, "the layout of more of it took too long; allow more with seconds="),
        )


def _caption(folded: folding.Folding, how: str) -> list[str]:
    return [f"{folded.explanation}; {how}."] if folded.explanation else []


def _round_up(count: int) -> int:
    return -(-count // 100) * 100


def check_choice(name: str, choice: object, known: Sequence[object]) -> None:
    """Raise ValueError unless a choice is a known one."""
    if choice not in known:
        words = ", ".join(str(word) for word in known if word)
        raise ValueError(f"{name} must be one of {words}, got {choice!r}")


def check_seconds(name: str, seconds: object) -> None:
    """Raise ValueError unless it is a length of time."""
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 0 < seconds < 1e6:  # type: ignore[operator]
        raise ValueError(f"{name} must be a number of seconds above 0, got {seconds!r}")


def check_number_format(number: str) -> None:
    """Raise ValueError unless numbers can be formatted so."""
    try:
        format(1.0, number)
    except (ValueError, TypeError):
        raise ValueError(
            f"number must be a format specification like '.4g' or '.2f', got {number!r}"
        ) from None
