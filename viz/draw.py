"""draw: a computation graph in the manner of the CS231n lectures.

A gate is a small circle with its symbol. Every wire between two gates carries the value that flows
forward above the line and the gradient that flows back below it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Unpack

from autodiff.graph import Path, Value
from viz.checks import check_choice
from viz.diagram import Diagram
from viz.network import diagram_of_network
from viz.picture import Picture
from viz.programs import diagram_of_program
from viz.subject import MOST_ITEMS, Options, Subject
from viz.theme import Theme, theme_of
from viz.views import VIEWS, Style, diagram_of


def draw(
    value: Any,
    view: str | None = None,
    *,
    paths: tuple[Value, Value] | Path | None = None,
    formulas: bool = False,
    magnitudes: bool = False,
    theme: str | Theme = "light",
    **options: Unpack[Options],
) -> Picture:
    """Draw everything that a value was computed from.

    Args:
        value: a Value, several Values, a Graph, or a compiled function that has been called; or a
            node of your own class, with ``data``, ``parents`` and ``local_derivatives``, whose
            numbers are drawn as they are (see :class:`autodiff.mirror.Mirror`).
        view: ``"both"`` (value above each wire, gradient below; the default), ``"forward"`` (values
            only), ``"backward"`` (arrows turned round; above each wire local derivative × gradient
            at the operation, below it their product, which is what arrives), ``"derivatives"``
            (on each wire the local derivative alone) or ``"network"`` (dot products as neurons in
            columns, weights as lines).
        paths: two nodes; the paths from the first to the second are highlighted, and the caption
            has each product and their sum. Or one path out of ``Graph.paths``, to highlight it
            alone. The view is then ``"derivatives"``, unless it is given.
        formulas: also write the formula of each local derivative, as ``× y``.
        magnitudes: give wires the hue of their gradient's sign and the width of its size.
        theme: ``"light"``, ``"dark"``, ``"print"`` or a Theme.
        options: how the graph is shown, here and by :func:`viz.explore` and :func:`viz.animate`:

            - ``fold="auto"`` folds identical parts, scopes and if need be layers until the picture
              fits 1600 × 1000 points; ``"scopes"`` folds every outermost scope, ``"identical"``
              identical siblings into one, ``"layers"`` the same operation at the same depth;
              anything else is the name of a scope, or several; ``*`` stands for any letters. None
              folds nothing.
            - ``open=False``: whether to show what is inside gates made with :func:`autodiff.gate`,
              and the products of dot products; symbols open only these gates.
            - ``parameters=None``: which leaves are parameters; without it, those made in a scope.
            - ``direction="right"`` or ``"down"``; downwards, the value stands left of the wire.
            - ``number=".4g"``: a format specification for the numbers.
            - ``limit=None``: a number of nodes; then ``fold="auto"`` folds only above it, whatever
              the size of the picture.
            - ``seconds=20``: the time for each attempt at a layout; then more of it is folded.

    Raises:
        TypeError: if there is no Value to draw, or no such option.
        ValueError: if the view, the theme, the direction or the scope to fold is unknown, or a path
            is not one of this graph.
        KeyError: if a path's end is not in the graph.

    >>> x, y = Value(-2.0, "x"), Value(5.0, "y")
    >>> draw(x * y)
    <Picture: Computation graph of 3 nodes: values and gradients>
    """
    check_choice("view", view, (*VIEWS, "network", None))
    colors = theme_of(theme)
    # Paths are shown node by node, as long as there is a chance to see them.
    subject = Subject.of("draw", value, options, **({"limit": MOST_ITEMS} if paths else {}))
    if subject.is_program:
        _refuse(
            " is for graphs of Values, and a compiled program has no numbers on its wires; draw "
            "the Value that the function gives on Values instead",
            view=view, paths=paths, formulas=formulas, magnitudes=magnitudes,
        )  # fmt: skip
        program = diagram_of_program(value.__name__, value.outline, value.stats, subject.direction)
        return Picture(lambda: iter([program]), colors, subject.seconds)
    if view == "network":
        _refuse(
            "= does not go with view='network', which shows weights and values alone; leave it out",
            paths=paths, formulas=formulas, magnitudes=magnitudes, open=subject.open,
        )  # fmt: skip
        network = diagram_of_network(subject.graph, subject.number, subject.direction)
        return Picture(lambda: iter([network]), colors, subject.seconds)
    style = Style.of(
        subject,
        view=view or ("derivatives" if paths else "both"),
        formulas=formulas,
        magnitudes=magnitudes,
        paths=None if paths is None else _path_or_pair(paths, subject),
    )
    return Picture(partial(_diagrams, subject, style), colors, subject.seconds)


def _diagrams(subject: Subject, style: Style) -> Iterator[Diagram]:
    """The picture as it was asked for, then simpler ones in case that does not do."""
    for shown in subject.foldings():
        yield diagram_of(subject.graph, shown, style)


def _path_or_pair(paths: Any, subject: Subject) -> Path | tuple[Value, Value]:
    if isinstance(paths, Path):
        return paths
    is_pair = isinstance(paths, list | tuple) and len(paths) == 2
    if not is_pair or not all(isinstance(end, Value) for end in paths):
        raise TypeError(f"paths: expected two Values, (start, end), got {paths!r:.60}")
    return subject.node(paths[0]), subject.node(paths[1])


def _refuse(why: str, **options: object) -> None:
    """Raise ValueError if an option was given that does not go with what is drawn."""
    for name, given in options.items():
        if given:
            raise ValueError(f"{name}{why}")
