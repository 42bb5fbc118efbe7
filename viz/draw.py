"""draw: a computation graph in the manner of the CS231n lectures.

A gate is a small circle with its symbol. Every wire between two gates carries the value that flows
forward above the line and the gradient that flows back below it.
"""

from __future__ import annotations

import html
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import graphviz

from autodiff.graph import Edge, Graph, format_number
from viz.picture import Picture
from viz.theme import THEMES, Theme

VIEWS = ("both", "forward", "backward", "derivatives")

_LONGEST_NAME = 40
_QUICK_LAYOUT_ABOVE = 40
"""Wires in a picture from which on Graphviz may take less care."""


class Wire(NamedTuple):
    """What a wire carries: one text above the line and one below, either may be empty."""

    above: str
    below: str


def draw(
    value: Any,
    view: str = "both",
    *,
    theme: str | Theme = "light",
    number: str = ".4g",
    limit: int = 1000,
) -> Picture:
    """Draw everything that a value was computed from.

    Args:
        value: a Value, several Values, or a Graph.
        view: ``"both"`` (value above each wire, gradient below), ``"forward"`` (values only),
            ``"backward"`` (arrows turned round; above each wire local derivative × gradient at the
            operation, below it their product, which is what arrives) or ``"derivatives"`` (above
            each wire the local derivative alone).
        theme: ``"light"``, ``"dark"`` or a Theme.
        number: a format specification for the numbers.
        limit: refuse to draw more wires than this, which would take long and could not be read.

    Raises:
        TypeError: if there is no Value to draw.
        ValueError: if the view or the theme is unknown, or the graph has too many wires.
    """
    if view not in VIEWS:
        raise ValueError(f"view must be one of {', '.join(VIEWS)}, got {view!r}")
    graph = value if isinstance(value, Graph) else Graph(*_outputs(value))
    wires = sum(len(node.parents) for node in graph.nodes)
    if wires > limit:
        raise ValueError(
            f"this graph has {wires:,} wires, more than the limit of {limit:,}; draw a part of it, "
            f"or force it with limit={wires}"
        )
    return Picture(_Drawing(graph, view, _theme(theme), number).source())


def _outputs(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else (value,)


def _theme(theme: str | Theme) -> Theme:
    if isinstance(theme, Theme):
        return theme
    if theme not in THEMES:
        raise ValueError(f"theme must be one of {', '.join(THEMES)} or a Theme, got {theme!r}")
    return THEMES[theme]


class _Drawing:
    """One picture in the making: the graph's nodes become gates, its edges become wires."""

    def __init__(self, graph: Graph, view: str, theme: Theme, number: str) -> None:
        self.graph, self.view, self.theme, self.number = graph, view, theme, number
        self.edges = graph.edges
        self.flows_back: dict[Any, list[Any]] = defaultdict(list)
        for edge in self.edges:
            self.flows_back[edge.tail].append(edge.grad)
        self.dot = graphviz.Digraph(
            graph_attr={
                "rankdir": "LR",
                "bgcolor": theme.background,
                "pad": "0.25",
                "nodesep": "0.1",
                "ranksep": "0.25",
                "ordering": "in",  # operands from top to bottom
                "outputorder": "edgesfirst",
            },
            node_attr={
                "shape": "plain",
                "fontname": theme.font,
                "fontsize": str(theme.size),
                "fontcolor": theme.ink,
            },
            edge_attr={"color": theme.wire, "penwidth": "1.2", "arrowsize": "0.6"},
        )

        if len(self.edges) > _QUICK_LAYOUT_ABOVE:
            # The network simplex then stops early; without it one value with 60 uses takes
            # seconds, and one with 120 a minute.
            self.dot.attr(nslimit="0.2", nslimit1="0.2")

    def source(self) -> str:
        self._draw_leaves()
        for node in self.graph.nodes:
            if node.parents:
                self._draw_gate(node)
        self._draw_forks_and_outputs()
        for edge in self.edges:
            self._draw_edge(edge)
        return str(self.dot.source)

    # ------------------------------------------------------------------------------------ nodes

    def _draw_leaves(self) -> None:
        """Inputs side by side at the left, like the first column of a page; constants near by."""
        with self.dot.subgraph(graph_attr={"rank": "source"}) as column:
            for leaf in self.graph.leaves:
                name = _text(str(leaf.name), self.theme.ink, self.theme.size, bold=True)
                column.node(self.graph.id(leaf), label=f"<{_table([name])}>")
        for node in self.graph.nodes:
            if not node.parents and node.op is not None:
                self.dot.node(
                    self.graph.id(node), shape="point", width="0.05", color=self.theme.quiet
                )

    def _draw_gate(self, node: Any) -> None:
        symbol = node.op.symbol
        shape = {"shape": "circle", "width": "0.46", "fixedsize": "true"}
        if len(symbol) > 2:
            shape = {"shape": "box", "height": "0.4", "margin": "0.09,0.03"}
        self.dot.node(
            self.graph.id(node),
            label=f"<{_text(symbol, self.theme.ink, self.theme.size)}>",
            style="filled,rounded" if shape["shape"] == "box" else "filled",
            fillcolor=self.theme.gate,
            color=self.theme.wire,
            penwidth="1.2",
            **shape,
        )

    def _draw_forks_and_outputs(self) -> None:
        """A value used several times gets a wire of its own, where the gradients add up."""
        for node in self.graph.nodes:
            is_output = node in self.graph.outputs
            if self._forks(node) or is_output:
                name = f"{self.graph.id(node)}_out"
                self._wire(name, self._whole(node), node)
                self._leave(self.graph.id(node), f"{name}:w")
            if is_output:
                end = f"{name}_end"
                self.dot.node(end, shape="point", width="0.01", style="invis")
                self._arrive(f"{name}:e", end)

    def _forks(self, node: Any) -> bool:
        return len(self.flows_back[node]) + (node in self.graph.outputs) > 1 and not _is_constant(
            node
        )

    # ------------------------------------------------------------------------------------ wires

    def _draw_edge(self, edge: Edge) -> None:
        tail, head = self.graph.id(edge.tail), self.graph.id(edge.head)
        name = f"{tail}_{head}_{edge.slot}"
        self._wire(name, self._carried(edge), edge.tail)
        if self._forks(edge.tail):
            self.dot.edge(f"{tail}_out:e", f"{name}:w", dir="none", headclip="false")
        else:
            self._leave(tail, f"{name}:w", flows_back=not _is_constant(edge.tail))
        self._arrive(f"{name}:e", head)

    def _carried(self, edge: Edge) -> Wire:
        """What an edge shows in this view."""
        if _is_constant(edge.tail):
            return Wire(self._format(self.graph.value(edge.tail)), "")
        value = self._named_value(edge.tail)
        if self._forks(edge.tail):
            value = self._format(self.graph.value(edge.tail))
        local, arrives = self._format(edge.local), self._format(edge.grad)
        upstream = self._format(self.graph.gradient(edge.head))
        return {
            "both": Wire(value, arrives),
            "forward": Wire(value, ""),
            "backward": Wire(f"{local} × {_in_parentheses(upstream)}", arrives),
            "derivatives": Wire(local, ""),
        }[self.view]

    def _whole(self, node: Any) -> Wire:
        """What the wire shows that leaves a node before it forks, or at the end of the graph."""
        total = self._format(self.graph.gradient(node))
        return {
            "both": Wire(self._named_value(node), total),
            "forward": Wire(self._named_value(node), ""),
            "backward": Wire(self._added_up(node), total),
            "derivatives": Wire("", ""),
        }[self.view]

    def _added_up(self, node: Any) -> str:
        parts = [self._format(gradient) for gradient in self.flows_back[node]]
        if node in self.graph.outputs:
            parts.append(self._format(1))
        if len(parts) == 1:
            return ""
        if len(parts) > 4:
            return f"sum of {len(parts)}"
        return " + ".join([parts[0], *map(_in_parentheses, parts[1:])])

    def _named_value(self, node: Any) -> str:
        """The value, with the name of what was computed; a leaf's name stands at its place."""
        number = self._format(self.graph.value(node))
        return f"{_shortened(str(node.name))} = {number}" if node.name and node.parents else number

    def _wire(self, name: str, wire: Wire, tail: Any) -> None:
        above, below = self.theme.value, self.theme.gradient
        if _is_constant(tail):
            above = self.theme.quiet
        elif self.view in ("backward", "derivatives"):
            above = self.theme.ink
        size = self.theme.size - 2
        rows = [_text(wire.above, above, size), _text(wire.below, below, size)]
        self.dot.node(name, label=f"<{_table(rows, self.theme.wire)}>", penwidth="0")

    def _leave(self, gate: str, wire: str, *, flows_back: bool = True) -> None:
        """From a gate or a leaf to its wire; here arrives what flows back."""
        direction = "back" if self.view == "backward" and flows_back else "none"
        self.dot.edge(gate, wire, dir=direction, headclip="false")

    def _arrive(self, wire: str, gate: str) -> None:
        direction = "none" if self.view == "backward" else "forward"
        self.dot.edge(wire, gate, dir=direction, tailclip="false")

    def _format(self, number: Any) -> str:
        return format_number(number, self.number)


def _is_constant(node: Any) -> bool:
    return node.op is not None and not node.parents


# ------------------------------------------------------------------- text that is safe in a label


def _in_parentheses(number: str) -> str:
    """A negative number after an operator, as it is written by hand."""
    return f"({number})" if number.startswith("-") else number


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _text(text: str, color: str, size: int, *, bold: bool = False) -> str:
    """Text for an HTML-like label: escaped, on one line, and free of what XML does not allow."""
    visible = "".join(" " if _unprintable(character) else character for character in text)
    content = html.escape(_shortened(visible)).replace("\\", "\\\\") or " "
    content = f"<B>{content}</B>" if bold else content
    return f'<FONT COLOR="{color}" POINT-SIZE="{size}">{content}</FONT>'


def _unprintable(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Cn", "Co", "Zl", "Zp")


def _table(rows: Sequence[str], line: str = "") -> str:
    """Rows under one another, with a line between them: the wire itself."""
    cells = "<HR/>".join(f"<TR><TD>{row}</TD></TR>" for row in rows)
    color = f' COLOR="{line}"' if line else ""
    return (
        f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2"{color}>{cells}</TABLE>'
    )
