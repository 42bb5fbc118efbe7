"""Views: what each way to look at a graph writes on its parts and wires.

A view of a graph is a :class:`viz.diagram.Diagram`; where things go is decided later.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from autodiff.graph import Edge, Graph, Path, Value, is_constant
from viz.diagram import Diagram, Label, Part, Wire, frames
from viz.folding import Folding, Item
from viz.highlighting import highlight
from viz.subject import Shown, Subject
from viz.typography import counted, factor, printable
from viz.wiring import Wiring, is_constant_item, width_of
from viz.words import Words, summed

VIEWS = ("both", "forward", "backward", "derivatives")

_SMALL = 40
"""Wires up to which leaves stand side by side in the first column."""
_SMALL_GRAPH = 60
"""Nodes up to which a graph is shown whole even if it is wider or higher than a screen."""
_NORM = "‖∇‖"
_ROLES = {
    "where": ("if", "then", "else"),
    "power": ("base", "exponent"),
    "atan2": ("y", "x"),
    "copysign": ("size", "sign"),
    "polygamma": ("order", "of"),
}
"""Names of operands whose order the sign of the gate does not tell."""
_LONGEST_FORMULA = 120


@dataclass(frozen=True)
class Style:
    """The options of a view; see :func:`viz.draw` for what each of them means."""

    view: str = "both"
    formulas: bool = False
    magnitudes: bool = False
    direction: str = "right"
    number: str = ".4g"
    parameters: frozenset[Value] | None = None
    paths: tuple[Value, Value] | Path | None = None

    @classmethod
    def of(cls, subject: Subject, **given: Any) -> Style:
        """Return the style of a subject."""
        return cls(
            direction=subject.direction,
            number=subject.number,
            parameters=subject.parameters,  # type: ignore[arg-type]  # which made a set of them
            **given,
        )


def diagram_of(graph: Graph, shown: Shown, style: Style) -> Diagram:
    """The diagram of a graph, folded as given, in one view."""
    diagram = _View(graph, shown.folding, style).diagram(shown.caption)
    diagram.must_fit = shown.must_fit
    diagram.is_small = len(graph.nodes) <= _SMALL_GRAPH
    return diagram


class _View:
    """One diagram in the making."""

    def __init__(self, graph: Graph, folding: Folding, style: Style) -> None:
        self.graph, self.style = graph, style
        self.words = Words(graph, style.number)
        self.wiring = Wiring(graph, folding, self.words)
        self.folded, self.wires = self.wiring.folded, self.wiring.wires
        self.items, self.ids = self.wiring.items, self.wiring.ids
        self.trunks: dict[str, Label] = {}

    def diagram(self, caption: list[str]) -> Diagram:
        parts = [self._part(item, name) for item, name in zip(self.items, self.ids, strict=True)]
        weights: dict[str, tuple[float | None, float]] = {}
        for item, name in zip(self.items, self.ids, strict=True):
            forks = len(self.wiring.outgoing[name]) > 1 and not is_constant_item(item)
            for wire in self.wiring.outgoing[name]:
                wire.label = self._wire_label(wire, item, forks)
            if forks:
                self.trunks[name] = self._total(item, self.wiring.outgoing[name])
                weights[name] = None, width_of(item)
        outputs = [self._output(node) for node in dict.fromkeys(self.graph.outputs)]
        diagram = Diagram(
            parts + outputs,
            self.wires,
            self.trunks,
            frames(parts),
            roles={
                "backward": ("ink", "gradient"), "derivatives": ("ink", "quiet"),
            }.get(self.style.view, ("value", "gradient")),
            flows_back=self.style.view == "backward",
            direction=self.style.direction,
            focused=self.style.paths is not None,
            title=self._title(),
            description=self._description(),
            caption=caption + self._legend(),
            trunk_gradients=weights,
        )  # fmt: skip
        diagram.leaves_first = not diagram.clusters and len(self.wires) <= _SMALL
        if self.style.magnitudes:
            self._weigh(diagram)
        if self.style.paths is not None:
            highlight(diagram, self.wiring, self.words, self.style.paths)
        self._show_mentioned(parts)
        return diagram

    def _show_mentioned(self, parts: Iterable[Part]) -> None:
        """Ids that a formula or a caption has stand in the picture, too."""
        for item, part in zip(self.items, parts, strict=True):
            if item.nodes[-1] in self.words.mentioned and item.is_single:
                if part.kind == "gate":
                    part.called = part.id
                else:
                    part.title = part.id

    def _legend(self) -> list[str]:
        """Return the legend: notes on colour, width and what is not a number of the graph."""
        texts = []
        if any(_NORM in text for label in self._labels() for text in label):
            texts.append(f"{_NORM}: the length of the gradient with respect to all these values.")
        if self.style.magnitudes:
            texts.append(
                "The wider a wire, the larger the gradient that flows back along it; it is blue "
                "and solid where that is positive, orange and dashed where it is negative."
            )
        return texts

    def _labels(self) -> Iterator[Label]:
        yield from (wire.label for wire in self.wires)
        yield from self.trunks.values()

    # ---------------------------------------------------------------------------------- parts

    def _part(self, item: Item, name: str) -> Part:
        node = item.nodes[-1]
        part = Part(name, self._kind(item), self._name(item), scope=item.scope)
        if item.is_single:
            part.tooltip = self._tooltip(node)
        elif item.title:
            part.subtitle = self._size(item)
            part.copies = item.copies
            part.tooltip = f"{len(item.nodes):,} nodes, {len(item.results):,} used outside"
        else:
            names = [leaf.name for leaf in (item.nodes[0], item.nodes[-1])]
            part.subtitle = " … ".join(map(printable, names)) if all(names) else ""
            part.copies = len(item.nodes)
        return part

    def _kind(self, item: Item) -> str:
        node = item.nodes[-1]
        if not item.is_single:
            return "group"
        if node.parents:
            return "gate"
        if is_constant(node):
            return "constant"
        return "parameter" if self._is_parameter(node) else "input"

    def _name(self, item: Item) -> str:
        node = item.nodes[-1]
        if item.title:
            return printable(item.title)
        if not item.is_single:
            noun = "parameters" if self._is_parameter(node) else "inputs"
            return f"{len(item.nodes):,} {noun}"
        if node.parents:
            return printable(self.graph.symbol(node))
        return self.words.value(node) if is_constant(node) else printable(node.name)

    def _size(self, item: Item) -> str:
        parameters = sum(node.op is None and self._is_parameter(node) for node in item.nodes)
        inside = counted(parameters // item.copies, "parameter") if parameters else ""
        if item.copies > 1:
            each = " each" if inside else ""
            return f"× {item.copies:,}" + (f" · {inside}{each}" if inside else "")
        operations = sum(bool(node.parents) for node in item.nodes)
        return " · ".join(filter(None, [counted(operations, "operation"), inside]))

    def _is_parameter(self, leaf: Value) -> bool:
        """Parameters are what the caller says; else leaves that were made in a scope."""
        if self.style.parameters is not None:
            return leaf in self.style.parameters
        return bool(leaf.scope)

    def _tooltip(self, node: Value) -> str:
        formula = printable(self.graph.formula(node), _LONGEST_FORMULA)
        name = printable(node.name) or self.graph.id(node)
        lines = [f"{name} = {formula}" if formula else name, f"value {self.words.value(node)}"]
        if not is_constant(node):
            lines.append(f"gradient {self.words.gradient(node)}")
        return "\n".join(lines)

    def _output(self, node: Value) -> Part:
        """The end of the graph: a part of its own, which the last wire leads to."""
        item = self.wiring.item_of[node]
        name = f"{self.graph.id(node)}_end"
        tooltip = f"output of the graph, computed by {self.wiring.id_of[id(item)]}"
        return Part(name, "output", printable(node.name) if node.parents else "", tooltip=tooltip)

    # --------------------------------------------------------------------------------- labels

    def _wire_label(self, wire: Wire, tail: Item, forks: bool) -> Label:
        carried = self.wiring.carried[wire.id]
        if wire.is_constant:
            return Label(note=self._role(carried)) if isinstance(carried, Edge) else Label()
        if carried is None:
            return self._share(wire, tail) if forks else self._total(tail, [wire])
        node = carried.tail if isinstance(carried, Edge) else carried
        value = self.words.value(node) if forks else self._named_value(node)
        if isinstance(carried, Edge):
            return self._edge_label(carried, value)
        return self._label(value, self.words.format(self.graph.outputs.count(node)))

    def _share(self, wire: Wire, tail: Item) -> Label:
        """Return the gradient of one value from all its uses in an item of several results."""
        if len(tail.results) != 1 or not self.wiring.is_numbered:
            return Label()
        node = tail.results[0]
        return self._label(self.words.value(node), self.words.format(self._shares[node, wire.head]))

    @cached_property
    def _shares(self) -> dict[tuple[Value, str], Any]:
        """The gradients along all edges from a node into an item, added up."""
        item_of = {node: name for item, name in zip(self.items, self.ids, strict=True)
                   for node in item.nodes}  # fmt: skip
        shares: dict[tuple[Value, str], Any] = {}
        for edge in self.graph.edges:
            key = edge.tail, item_of[edge.head]
            shares[key] = shares[key] + edge.grad if key in shares else edge.grad
        return shares

    def _edge_label(self, edge: Edge, value: str) -> Label:
        """Return the label of an edge in this view."""
        formula = self._formula(edge) if self.style.formulas else ""
        note = f"× {factor(formula)}" if formula else self._role(edge)
        local, upstream = self.words.format(edge.local), self.words.gradient(edge.head)
        product = f"{local} × {factor(upstream)}"
        return self._label(value, self.words.format(edge.grad), product, local, note)

    def _formula(self, edge: Edge) -> str:
        """The local derivative in names that can be seen in the picture."""
        head = edge.head

        def called(node: Value) -> str:
            if node is head and self.folded.group(node) is not None:
                return self.folded.symbol(node)
            if node is head and len(head.parents) == 1 and len(self.graph.symbol(head)) < 5:
                return head.name  # else its symbol, as in 1 - tanh · tanh
            return self.words.value(node) if is_constant(node) else self.words.called(node)

        formula = printable(self.folded.local_formula(edge, called))
        for node in (head, *head.parents):
            if re.search(rf"\b{self.graph.id(node)}\b", formula):
                self.words.mention(node)
        return formula

    def _role(self, edge: Edge) -> str:
        """Return the role of an operand, where the sign of the gate does not tell it."""
        operation = edge.head.op
        if operation is None or self.folded.group(edge.head) is not None:
            return ""
        if operation.name == "power" and is_constant(edge.head.parents[1]):
            return ""
        return _ROLES.get(operation.name, ("",) * (edge.slot + 1))[edge.slot]

    def _label(
        self, value: str, gradient: str, product: str = "", local: str = "", note: str = ""
    ) -> Label:
        return {
            "both": Label(value, gradient, note),
            "forward": Label(value, "", note),
            "backward": Label(product, gradient, note),
            "derivatives": Label(local, "", note),
        }[self.style.view]

    def _total(self, item: Item, wires: list[Wire]) -> Label:
        """Return the label of the line that leaves an item, before it forks."""
        if len(item.results) != 1:
            count = len(item.results)
            norm = math.hypot(*(float(self.graph.gradient(node)) for node in item.results))
            return self._label(f"{count:,} values", f"{_NORM} {self.words.format(norm)}")
        node = item.results[0]
        label = self._label(self._named_value(node), self.words.gradient(node))
        if self.style.view == "backward":
            parts = [wire.label.below for wire in wires if wire.label.below]
            return label._replace(above=summed(parts) if len(parts) == len(wires) else "")
        return label

    def _named_value(self, node: Value) -> str:
        """The value, with the name of what was computed; a leaf's name stands at its place."""
        named = node.name and node.parents and node not in self.graph.outputs
        return self.words.equation(node) if named else self.words.value(node)

    # ------------------------------------------------------------------- emphasis and captions

    def _weigh(self, diagram: Diagram) -> None:
        """Hue for the sign of a gradient, width for its size, relative to the largest."""
        gradients = {
            name: float(carried.grad if isinstance(carried, Edge) else self.graph.gradient(carried))
            for name, carried in self.wiring.carried.items()
            if carried is not None
        }
        totals = {
            name: float(self.graph.gradient(item.results[0]))
            for item, name in zip(self.items, self.ids, strict=True)
            if name in diagram.trunks and len(item.results) == 1
        }
        sizes = [abs(g) for g in (*gradients.values(), *totals.values()) if math.isfinite(g)]
        largest = max(sizes, default=0.0) or 1.0

        def width(gradient: float) -> float:
            share = min(abs(gradient) / largest, 1.0) if math.isfinite(gradient) else 1.0
            return 0.8 + 4.2 * share

        for wire in self.wires:
            if wire.id in gradients and not wire.is_constant:
                wire.gradient = gradients[wire.id]
                wire.width = width(wire.gradient)
        diagram.trunk_gradients |= {name: (g, width(g)) for name, g in totals.items()}

    def _title(self) -> str:
        named = ", ".join(printable(node.name) for node in self.graph.outputs[:3] if node.name)
        count = len(self.graph.nodes)
        what = {
            "both": "values and gradients",
            "forward": "values",
            "backward": "gradients flowing back",
            "derivatives": "local derivatives",
        }[self.style.view]
        of = named or f"{count:,} node{'s' * (count > 1)}"
        return f"Computation graph of {of}: {what}"

    def _description(self) -> str:
        """For those who cannot see it: the outputs, and the leaves with their numbers."""
        outputs = ", ".join(map(self.words.equation, self.graph.outputs[:3]))
        leaves = [
            node for item in self.items if item.is_single for node in item.nodes if node.op is None
        ]
        named = [
            f"{self.words.equation(leaf)} with gradient {self.words.gradient(leaf)}"
            for leaf in leaves[:8]
        ]
        inputs = f" Inputs: {'; '.join(named)}." if named else ""
        return f"{len(self.graph.nodes):,} nodes. {outputs}.{inputs}"
