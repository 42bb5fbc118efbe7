"""Wiring: the items of a folded graph, and the wires between them with what they carry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from itertools import chain

from autodiff.graph import Edge, Graph, Value, dot, is_constant, weights_inputs_bias
from viz.diagram import Wire
from viz.folding import Folding, Item
from viz.words import Words

_NUMBERED = 50_000
"""Nodes up to which the derivatives of folded scopes are worked out."""


class _Folded:
    """Names a folded item: no two are equal, though they may have the same title."""

    def __init__(self, title: str) -> None:
        self.title = title

    def __str__(self) -> str:
        return self.title


class Wiring:
    """The wires and items of a drawing, before anything is written on it.

    Attributes:
        items, ids: the nodes that are drawn as one, each with the id of its part.
        item_of: the item that a node is a result of.
        id_of: the id of an item, by its ``id()``.
        folded: the graph in which folded items with one result are gates.
        wires: from one part to another, those into a part in the order of its operands.
        outgoing: the same by the part that they leave.
        carried: what a wire carries: an edge, the output of the graph, or many values.
        is_numbered: whether derivatives of folded items are worked out.
    """

    def __init__(self, graph: Graph, folding: Folding, words: Words) -> None:
        self.graph, self.folding, self.words = graph, folding, words
        self.items = folding.items
        self.item_of = {node: item for item in self.items for node in item.results}
        self.ids = [graph.id(item.nodes[-1]) for item in self.items]
        self.id_of = {id(item): name for item, name in zip(self.items, self.ids, strict=True)}
        self.is_numbered = len(graph.nodes) <= _NUMBERED
        self.numbered = {id(item) for item in self.items if item.is_single}
        self.folded = self._numbered_graph()
        self.wires: list[Wire] = []
        self.outgoing: dict[str, list[Wire]] = defaultdict(list)
        self.carried: dict[str, Edge | Value | None] = {}
        self._make_wires()

    def _numbered_graph(self) -> Graph:
        """The graph in which folded items with one result are gates, so that edges have numbers.

        What a gate hides is in the item that its results are in.
        """
        if not self.is_numbered:
            return self.graph
        items_of_group: dict[Hashable, set[int]] = defaultdict(set)
        for item in self.items:
            for node in item.nodes:
                items_of_group[self.graph.group(node)].add(id(item))
        gates: dict[Hashable, _Folded] = {}
        for item in self.items:
            groups = {self.graph.group(node) for node in item.nodes} - {None}
            is_whole = all(len(items_of_group[group]) == 1 for group in groups)
            if len(item.results) == 1 and not item.is_single and is_whole:
                self.numbered.add(id(item))
                gates |= dict.fromkeys([*item.nodes, *groups], _Folded(item.title))
        if not gates:
            return self.graph

        def gate_of(node: Value) -> Hashable:
            group = self.graph.group(node)
            return gates.get(node) or gates.get(group) or group

        return self.graph.fold(gate_of)

    def _make_wires(self) -> None:
        tails: dict[int, list[int]] = defaultdict(list)
        for tail, head in self.folding.arrows:
            tails[head].append(tail)
        for position, item in enumerate(self.items):
            if id(item) in self.numbered:
                bundled = self._wires_with_numbers(item, self.ids[position])
            else:
                bundled = {id(self.items[tail]) for tail in tails[position]}
            for tail in tails[position]:
                if id(self.items[tail]) in bundled:
                    self._add(self.items[tail], self.ids[position], 0, None)
        for node in dict.fromkeys(self.graph.outputs):
            self._add(self.item_of[node], f"{self.graph.id(node)}_end", 0, node)
        for wire in self.wires:
            self.outgoing[wire.tail].append(wire)

    def _wires_with_numbers(self, head: Item, head_id: str) -> set[int]:
        """A wire for each operand; the items of which many values come are given back."""
        bundled = set()
        node = head.nodes[-1] if head.is_single else head.results[0]
        for edge in _paired(node, self.folded.edges_into(node)):
            tail = self.item_of.get(edge.tail)
            if tail is None or tail is head:  # inside of the head
                continue
            if len(tail.results) == 1:
                self._add(tail, head_id, edge.slot, edge)
            else:
                bundled.add(id(tail))
        return bundled

    def _add(self, tail: Item, head: str, slot: int, carries: Edge | Value | None) -> None:
        """A wire that carries an edge, the output of the graph, or many values."""
        tail_id = self.id_of[id(tail)]
        wire = Wire(f"{tail_id}_{head}_{slot}", tail_id, head, slot)
        wire.is_constant = is_constant_item(tail)
        wire.width = width_of(tail)
        wire.edge = carries if isinstance(carries, Edge) else None
        self.carried[wire.id] = carries
        if isinstance(carries, Edge) and not wire.is_constant:
            slope = f"∂{self.words.called(carries.head)}/∂{self.words.called(carries.tail)}"
            wire.tooltip = f"{slope} = {self.words.format(carries.local)}"
        self.wires.append(wire)


def is_constant_item(item: Item) -> bool:
    """Whether it is a plain number in an expression."""
    return item.is_single and is_constant(item.nodes[0])


def width_of(tail: Item) -> float:
    """Return the width of the line that carries the results of an item, in points."""
    return 1.2 if len(tail.results) == 1 else 2.4


def _paired(node: Value, edges: list[Edge]) -> list[Edge]:
    """The edges into a dot product, each weight before its input; other edges as they are."""
    if node.op is not dot or len(edges) != len(node.parents):
        return edges
    weights, inputs, bias = weights_inputs_bias(edges)
    return [*chain.from_iterable(zip(weights, inputs, strict=True)), *bias]
