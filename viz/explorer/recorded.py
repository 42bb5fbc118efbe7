"""The graph itself, as data for a page that computes: operations, operands and numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from autodiff.graph import Edge, GateCall, Graph, Number, Value, is_constant
from viz.stage import Stage
from viz.typography import printable

MOST_OPERATIONS = 10_000
"""Operations up to which a page computes; beyond, it shows the numbers that it was made with."""

MOST_OPERANDS = 30_000
"""Of all operations together; a page of so many takes half a megabyte."""


def recorded_graph(stage: Stage) -> dict[str, Any] | None:
    """Return the data from which a page computes every number of a graph again.

    Nodes go by their position, which is the number in their id.

    Returns:
        None if the graph has too many operations, or numbers that are no floats, or no rules.
    """
    if not stage.graph.is_replayable:
        return None
    graph = stage.graph.open()
    operands = [len(node.parents) for node in graph.nodes if node.parents]
    if len(operands) > MOST_OPERATIONS or sum(operands) > MOST_OPERANDS:
        return None
    if not all(isinstance(graph.value(node), float) for node in graph.nodes):
        return None
    position = {node: at for at, node in enumerate(graph.nodes)}
    names = list(dict.fromkeys(node.op.name for node in graph.nodes if node.op is not None))
    number_of = {name: at for at, name in enumerate(names)}

    def row(node: Value) -> list[Any]:
        if not node.parents:
            own = None if node.op is None else number_of[node.op.name]
            return [own, plain(graph.value(node))]
        assert node.op is not None
        return [number_of[node.op.name], *(position[parent] for parent in node.parents)]

    shown = [node for item in stage.folding.items for node in (*item.nodes, *item.results)]
    return {
        "operations": names,
        "nodes": [row(node) for node in graph.nodes],
        "names": {position[node]: stage.called(node) for node in shown if not is_constant(node)},
        "named": {
            position[node]: printable(node.name)
            for node in dict.fromkeys(shown)
            if node.name and node.parents and node not in graph.outputs
        },
        "of": stage.called.output(),
        "outputs": [position[node] for node in graph.outputs],
    }


def without_computed_texts(data: dict[str, Any]) -> dict[str, Any]:
    """The data of a page without what the page works out itself, which is most of it."""
    if data["replay"] is None:
        return data
    parts = {part["id"]: part for part in data["parts"]}
    wires = data["wires"]

    def kept_of_part(part: dict[str, Any]) -> dict[str, Any]:
        known = dict(part)
        if "node" in part or "result" in part:
            del known["value"]
        if "node" in part:
            del known["formula"]
            if part.get("label") == part["name"]:
                del known["label"]
            if data["replay"]["names"].get(part["node"]) == part["name"]:
                del known["name"]
        return {name: thing for name, thing in known.items() if thing is not None}

    def kept_of_wire(wire: dict[str, Any]) -> dict[str, Any]:
        written = ("number", "local", "slope", "rule") if "edge" in wire else ()
        return {name: thing for name, thing in wire.items() if name not in written}

    def kept_of_step(step: dict[str, Any]) -> dict[str, Any]:
        rules = list(step["rules"])
        if step["phase"] == "forward" and "node" in parts[step["part"]]:
            rules = [0]
        elif step["phase"] == "backward":
            into = [wires[at] for at in step["wires"]]
            single = [wire for wire in into if "results" not in parts[wire["tail"]]]
            for line, wire in enumerate(single):
                rules[line] = 0 if "edge" in wire else rules[line]
        if not any(rules):
            rules = []
        kept = {**step, "rules": rules, "totals": []}
        return {name: thing for name, thing in kept.items() if thing not in ([], (), None)}

    return {
        **data,
        "parts": [kept_of_part(part) for part in data["parts"]],
        "wires": [kept_of_wire(wire) for wire in wires],
        "steps": [kept_of_step(step) for step in data["steps"]],
    }


class Positions:
    """The positions of the nodes of a graph in :func:`recorded_graph`."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def of(self, node: Value) -> int:
        """The position of one node."""
        return int(self._graph.id(node)[1:])

    def all(self, nodes: Iterable[Value]) -> list[int]:
        """The positions of several, in order."""
        return sorted(map(self.of, nodes))

    def edge(self, edge: Edge) -> list[int]:
        """Tail, head and slot."""
        return [self.of(edge.tail), self.of(edge.head), edge.slot]

    def symbol(self, node: Value) -> str | None:
        """The symbol of a gate that people made; None for an operation of the table."""
        group = self._graph.group(node)
        return group.symbol if isinstance(group, GateCall) else None


def plain(number: Number) -> float | str:
    """A float, or a word for what is not finite, which JavaScript's ``Number()`` understands.

    >>> plain(2), plain(float("-inf"))
    (2.0, '-Infinity')
    """
    try:
        as_float = float(number)
    except OverflowError:
        as_float = math.inf if number > 0 else -math.inf
    if math.isfinite(as_float):
        return as_float
    return "NaN" if math.isnan(as_float) else f"{'-' * (as_float < 0)}Infinity"
