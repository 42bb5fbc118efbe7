"""Highlighting: paths through a graph stand out, and the caption multiplies and adds them up."""

from __future__ import annotations

from collections.abc import Collection

from autodiff.graph import Edge, Graph, Path, Paths, Value
from viz.diagram import Diagram
from viz.typography import factor, printable
from viz.wiring import Wiring
from viz.words import Words, shortened, summed

_LISTED_PATHS = 8


def highlight(
    diagram: Diagram, wiring: Wiring, words: Words, paths: tuple[Value, Value] | Path
) -> None:
    """Let paths stand out in a diagram, and explain them in its caption.

    Raises:
        KeyError: if an end is not in the graph.
        ValueError: if an end, or a path, cannot be seen.
    """
    _Highlighter(diagram, wiring, words).paths(paths)


class _Highlighter:
    def __init__(self, diagram: Diagram, wiring: Wiring, words: Words) -> None:
        self.diagram, self.wiring, self.words = diagram, wiring, words
        self.graph, self.folded, self.items = wiring.graph, wiring.folded, wiring.items

    def paths(self, paths: tuple[Value, Value] | Path) -> None:
        """The paths from one node to another, each product and their sum; or one of them."""
        if isinstance(paths, Path):
            edges = exactly = self._edges_of(paths)
            start, end = paths.edges[0].tail, paths.edges[-1].head
        else:
            start, end = paths
            self._check_ends(start, end)
            edges = _edges_between(self.graph, start, end)
            exactly = _edges_between(self.folded, start, end)
        item_of = {node: self.wiring.id_of[id(item)] for item in self.items for node in item.nodes}
        between = {(item_of[tail], item_of[head]) for tail, head, _ in edges}
        touched = {item_of[start], item_of[end]} | {name for pair in between for name in pair}
        for wire in self.diagram.wires:
            edge = self.wiring.carried[wire.id]
            wire.highlighted = (
                (edge.tail, edge.head, edge.slot) in exactly
                if isinstance(edge, Edge)
                else (wire.tail, wire.head) in between
            )
        for part in self.diagram.parts:
            part.highlighted = part.id in touched
        self._highlight_output(end)
        if isinstance(paths, Path):
            explained = [self._explain_path(paths)]
        else:
            explained = self._explain_paths(self.folded.paths(start, end))
        self.diagram.caption = explained + self.diagram.caption

    def _edges_of(self, path: Path) -> Collection[tuple[Value, Value, int]]:
        """The edges of one path, all of which can be seen."""
        edges = {(edge.tail, edge.head, edge.slot) for edge in path.edges}
        seen = {(edge.tail, edge.head, edge.slot) for edge in self.folded.edges}
        if not edges or not edges <= seen:
            raise ValueError(
                "paths: expected a path of the graph as it is drawn, from one node to another; "
                "take it from graph.paths(start, end) and draw that graph, with fold=None"
            )
        return edges

    def _check_ends(self, *ends: Value) -> None:
        """Paths begin and end at nodes that can be seen."""
        seen = {node for item in self.items for node in item.nodes}
        shown = {*self.wiring.item_of, *(item.nodes[0] for item in self.items if item.is_single)}
        for node in ends:
            if node not in self.graph:
                raise KeyError(f"paths: {node!r} is not a node of this graph")
            if node not in seen:
                raise ValueError(
                    f"paths: {self.words.called(node)} is inside a gate; draw with open=True"
                )
            if node not in shown:
                (title,) = {item.title for item in self.items if node in item.nodes}
                raise ValueError(
                    f"paths: {self.words.called(node)} is inside of {title!r}, which is folded; "
                    "draw with fold=None, or with a larger limit"
                )

    def _highlight_output(self, end: Value) -> None:
        """Paths to an output go on to the end of the picture."""
        name = f"{self.graph.id(end)}_end"
        for wire in self.diagram.wires:
            wire.highlighted |= wire.head == name
        for part in self.diagram.parts:
            part.highlighted |= part.id == name

    def _explain_paths(self, paths: Paths) -> list[str]:
        start, end = self.words.called(paths.start), self.words.called(paths.end)
        total = f"∂{end}/∂{start} = {self.words.format(paths.sum)}"
        if paths.count == 0:
            return [f"There is no path from {start} to {end}: {total}."]
        listed = [path for _, path in zip(range(_LISTED_PATHS), paths, strict=False)]
        lines = [self._explain_path(path, start) for path in listed]
        products = [self.words.format(path.product) for path in listed]
        rest = paths.count - len(lines)
        if rest:
            digits = f"{rest:,}" if rest < 10**15 else f"about 10^{len(str(rest)) - 1}"
            lines.append(f"and {digits} more path{'s' * (rest > 1)}")
        plural = "s" if paths.count > 1 else ""
        how = f" = {summed(products)}" if 1 < paths.count <= _LISTED_PATHS else ""
        count = (
            f"{paths.count:,}" if paths.count < 10**15 else f"about 10^{len(str(paths.count)) - 1}"
        )
        slope = f"∂{end}/∂{start}{how} = {self.words.format(paths.sum)}"
        return [*lines, f"{count} path{plural} from {start} to {end}: {slope}"]

    def _explain_path(self, path: Path, start: str = "") -> str:
        nodes = [start or self.words.called(path.edges[0].tail), *map(self._step, path.edges)]
        factors = [factor(self.words.format(edge.local)) for edge in path.edges] or ["1"]
        product = " · ".join(shortened(factors))
        return f"{' → '.join(shortened(nodes))}:  {product} = {self.words.format(path.product)}"

    def _step(self, edge: Edge) -> str:
        if self.folded.group(edge.head) is not None:
            return printable(edge.head.name) or printable(self.folded.symbol(edge.head))
        return self.words.mention(edge.head)


def _edges_between(graph: Graph, start: Value, end: Value) -> Collection[tuple[Value, Value, int]]:
    """The edges on any path from one node to another."""
    edges = graph.edges
    after = {start}
    for edge in edges:
        if edge.tail in after:
            after.add(edge.head)
    before, found = {end}, set()
    for edge in reversed(edges):
        if edge.head in before and edge.tail in after:
            before.add(edge.tail)
            found.add((edge.tail, edge.head, edge.slot))
    return found
