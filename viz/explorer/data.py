"""The data of a graph in the explorer's page, ready for JSON."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable
from functools import cached_property
from typing import Any

from autodiff.graph import Edge, Number, Value
from viz.diagram import Part, Wire
from viz.explorer.recorded import Positions, plain, recorded_graph
from viz.explorer.sums import has_number, sums_through_boxes
from viz.folding import Item
from viz.layout import TITLE_SIZE
from viz.stage import Stage
from viz.steps import Rule, Step
from viz.typography import printable, width
from viz.words import shown

_WORDS = {
    "add": "plus", "subtract": "minus", "multiply": "times", "divide": "divided by",
    "negate": "negated", "power": "to the power of",
}  # fmt: skip
"""Words for symbols, for reading aloud."""


def page_data(stage: Stage, constants: bool = False) -> dict[str, Any]:
    """Everything that the page shows besides the picture: parts, wires, scopes and steps.

    Args:
        stage: the graph, laid out.
        constants: whether constants can be changed, as leaves can.
    """
    return _Data(stage).page(constants)


class _Data:
    def __init__(self, stage: Stage) -> None:
        self.graph, self.called, self.number = stage.graph, stage.called, stage.number
        self.diagram, self.steps = stage.diagram, stage.steps
        self.items = {self.graph.id(item.nodes[-1]): item for item in stage.folding.items}
        self.items_of = {node: item for item in stage.folding.items for node in item.nodes}
        self.outputs = {
            f"{self.graph.id(node)}_end": (part, node)
            for part, item in self.items.items()
            for node in item.results
        }
        self.wire_numbers = {
            (wire.tail, wire.head, wire.slot): i for i, wire in enumerate(self.diagram.wires)
        }

        self.positions = Positions(stage.graph)
        self.recorded = recorded_graph(stage)

    def page(self, constants: bool) -> dict[str, Any]:
        inside = self._operations_inside()
        return {
            "number": self.number,
            "parts": [self._part(part) for part in self.diagram.parts],
            "wires": [self._wire(wire) for wire in self.diagram.wires],
            "clusters": [
                {
                    "id": cluster.id,
                    "title": cluster.title,
                    "title_width": width(cluster.title, TITLE_SIZE, bold=True),
                    "path": printable(cluster.name),
                    "parent": cluster.parent,
                    "operations": inside[cluster.id],
                }
                for cluster in self.diagram.clusters.values()
            ],
            "steps": [self._step(step) for step in self.steps],
            "leaves": [
                part for part, item in self.items.items() if item.is_single and _is_leaf(item)
            ],
            "constants": [
                part.id for part in self.diagram.parts if constants and part.kind == "constant"
            ],
            "sums": {} if self.recorded else self._sums(),
            "replay": self.recorded,
        }

    def _sums(self) -> dict[str, dict[str, str]] | None:
        """Between parts that show one node, and outputs of boxes that have several results."""
        several = {part for part, item in self.items.items() if len(item.results) != 1}
        nodes = {part: self.items[part].results[0] for part in self.items if part not in several}
        boxes = {}
        for output in self.diagram.parts:
            if output.kind == "output" and self.outputs[output.id][0] in several:
                boxes[output.id], nodes[output.id] = self.outputs[output.id]
        sums = sums_through_boxes(self.graph, self.diagram, nodes, boxes)
        if sums is None:
            return None
        return {
            start: {end: self._format(total) for end, total in totals.items()}
            for start, totals in sums.items()
        }

    # ------------------------------------------------------------------------- parts and wires

    def _part(self, part: Part) -> dict[str, Any]:
        if part.kind == "output":
            return self._output(part)
        item = self.items[part.id]
        known: dict[str, Any] = {"id": part.id, "cluster": part.cluster}
        if not item.is_single:
            return known | {
                "name": part.title,
                "word": part.subtitle,
                "formula": "",
                "value": self._values(item),
                "several": len(item.results) != 1,
                **self._result(item),
            }
        node = item.nodes[0]
        known |= {"node": self.positions.of(node)}
        if symbol := self.positions.symbol(node):
            operands = [self.positions.of(operand) for operand in self.graph.operands(node)]
            known |= {"symbol": symbol, "operands": operands}
        return known | {
            "name": self.called(node),
            "label": self._label(node),
            "word": self._word(node, part.kind),
            "formula": self.graph.formula(node, called=self.called),
            "value": self._format(self.graph.value(node)),
        }

    def _result(self, item: Item) -> dict[str, Any]:
        """The node that a folded part stands for, or several."""
        if len(item.results) == 1:
            return {"result": self.positions.of(item.results[0])}
        return {"results": self.positions.all(item.results)} if self.recorded else {}

    def _output(self, part: Part) -> dict[str, Any]:
        """The end of the graph: whoever points at it means what it shows."""
        shows, node = self.outputs[part.id]
        name = part.title or self.called(node)
        known: dict[str, Any] = {
            "id": part.id,
            "cluster": None,
            "shows": shows,
            "name": name,
            "word": "output",
        }
        known |= {"node": self.positions.of(node)}
        return known | {"formula": "", "value": self._format(self.graph.value(node))}

    def _values(self, item: Item) -> str:
        if len(item.results) != 1:
            return f"{len(item.results):,} values"
        return self._format(self.graph.value(item.results[0]))

    def _label(self, node: Value) -> str:
        """The name, as the picture has it, and the id if others have that name, too."""
        called, name = self.called(node), printable(node.name)
        return f"{name} ({called})" if name and called == self.graph.id(node) != name else called

    def _word(self, node: Value, kind: str) -> str:
        if not node.parents:
            return kind
        if self.graph.group(node) is not None or node.op is None:
            return printable(self.graph.symbol(node))
        return _WORDS.get(node.op.name, node.op.name)

    def _wire(self, wire: Wire) -> dict[str, Any]:
        ends: dict[str, Any] = {"tail": wire.tail, "head": wire.head}
        if not has_number(wire):
            return ends | self._within(wire)
        if wire.edge is None:
            return ends | {"number": 1, "local": "1"}
        edge = wire.edge
        slope = f"∂{self.called(edge.head)}/∂{self.called(edge.tail)}"
        ends |= {"number": plain(edge.local), "local": self._format(edge.local)}
        ends |= {"edge": self.positions.edge(edge)} | self._inside(edge)
        if wire.is_constant:
            return ends
        is_single = self.items[wire.head].is_single
        rule = self.graph.local_formula(edge, self.called) if is_single else slope
        return ends | {"slope": slope, "rule": rule}

    def _inside(self, edge: Edge) -> dict[str, list[int]]:
        """The nodes that are hidden in the head of an edge, itself among them."""
        item = self.items_of[edge.head]
        group = self.graph.group(edge.head)
        if not self.recorded or (item.is_single and group is None):
            return {}
        within = self._operations_of[group] if item.is_single else item.nodes
        return {"inside": self.positions.all(node for node in within if node.parents)}

    @cached_property
    def _operations_of(self) -> dict[Hashable, list[Value]]:
        """The operations of each gate."""
        found: dict[Hashable, list[Value]] = defaultdict(list)
        for node in self.graph.open().nodes:
            if node.parents:
                found[self.graph.group(node)].append(node)
        return found

    def _within(self, wire: Wire) -> dict[str, list[int]]:
        """The nodes of a folded part, along whose edges a gradient flows back."""
        if not self.recorded:
            return {}
        return {"within": self.positions.all(self.items[wire.head].nodes)}

    # ------------------------------------------------------------------------ scopes and steps

    def _operations_inside(self) -> Counter[str]:
        inside: Counter[str] = Counter()
        for part in self.diagram.parts:
            if part.kind == "output":
                continue
            operations = sum(bool(node.parents) for node in self.items[part.id].nodes)
            cluster = part.cluster
            while cluster is not None:
                inside[cluster] += operations
                cluster = self.diagram.clusters[cluster].parent
        return inside

    def _step(self, step: Step) -> dict[str, Any]:
        return {
            "phase": step.phase,
            "part": step.part,
            "rules": [_texts(rule) for rule in step.rules],
            "wires": [self.wire_numbers[wire] for wire in step.wires],
            "values": step.values,
            "totals": [(part, self._format(total)) for part, total in step.totals],
            "complete": step.complete,
        }

    def _format(self, number: Number) -> str:
        return shown(number, self.number)


def _texts(rule: Rule) -> tuple[str, str, str]:
    return rule.names, rule.numbers, rule.total


def _is_leaf(item: Item) -> bool:
    return item.nodes[0].op is None and not item.nodes[0].parents
