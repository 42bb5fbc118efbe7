"""Views: what each way to look at a graph writes on its parts and wires.

A view of a graph is a :class:`viz.diagram.Diagram`; where things go is decided later.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from autodiff.graph import (
    Edge,
    Graph,
    Path,
    Paths,
    Value,
    dot,
    format_number,
    is_constant,
    weights_inputs_bias,
)
from viz.diagram import Diagram, Label, Part, Wire, frames
from viz.folding import Folding, Item
from viz.subject import Shown, Subject
from viz.typography import counted, factor, printable

VIEWS = ("both", "forward", "backward", "derivatives")

_SMALL = 40
"""Wires up to which leaves stand side by side in the first column."""
_SMALL_GRAPH = 60
"""Nodes up to which a graph is shown whole even if it is wider or higher than a screen."""
_NUMBERED = 50_000
"""Nodes up to which the derivatives of folded scopes are worked out."""
_LISTED_PATHS = 8
_LONGEST_PATH = 12
"""Of more nodes, those in the middle are left out of a caption."""
_NORM = "‖∇‖"
_ROLES = {
    "where": ("if", "then", "else"),
    "power": ("base", "exponent"),
    "atan2": ("y", "x"),
    "copysign": ("size", "sign"),
    "polygamma": ("order", "of"),
}
"""What operands are called whose order the sign of the gate does not tell."""
_LONGEST_FORMULA = 120


@dataclass(frozen=True)
class Style:
    """How a graph is looked at; see :func:`viz.draw` for what each option means."""

    view: str = "both"
    formulas: bool = False
    magnitudes: bool = False
    direction: str = "right"
    number: str = ".4g"
    parameters: frozenset[Value] | None = None
    paths: tuple[Value, Value] | Path | None = None

    @classmethod
    def of(cls, subject: Subject, **given: Any) -> Style:
        """How a subject is looked at."""
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


class _Folded:
    """Names a folded item: no two are equal, though they may have the same title."""

    def __init__(self, title: str) -> None:
        self.title = title

    def __str__(self) -> str:
        return self.title


class _View:
    """One diagram in the making."""

    def __init__(self, graph: Graph, folding: Folding, style: Style) -> None:
        self.graph, self.folding, self.style = graph, folding, style
        self.items = folding.items
        self.item_of = {node: item for item in self.items for node in item.results}
        self.ids = [graph.id(item.nodes[-1]) for item in self.items]
        self.id_of = {id(item): name for item, name in zip(self.items, self.ids, strict=True)}
        self.numbered = {id(item) for item in self.items if item.is_single}
        self.folded = self._numbered_graph()
        self.wires: list[Wire] = []
        self.outgoing: dict[str, list[Wire]] = defaultdict(list)
        self.carried: dict[str, Edge | Value | None] = {}
        self.trunks: dict[str, Label] = {}
        self.mentioned: set[Value] = set()  # by their ids, which the picture therefore shows

    def _numbered_graph(self) -> Graph:
        """The graph in which folded items with one result are gates, so that edges have numbers.

        What a gate hides is in the item that its results are in.
        """
        if len(self.graph.nodes) > _NUMBERED:
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

    def diagram(self, caption: list[str]) -> Diagram:
        self._make_wires()
        parts = [self._part(item, name) for item, name in zip(self.items, self.ids, strict=True)]
        weights: dict[str, tuple[float | None, float]] = {}
        for item, name in zip(self.items, self.ids, strict=True):
            forks = len(self.outgoing[name]) > 1 and not self._is_constant(item)
            for wire in self.outgoing[name]:
                wire.label = self._wire_label(wire, item, forks)
            if forks:
                self.trunks[name] = self._total(item, self.outgoing[name])
                weights[name] = None, _width_of(item)
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
            self._highlight(diagram, self.style.paths)
        self._show_mentioned(parts)
        return diagram

    def _show_mentioned(self, parts: Iterable[Part]) -> None:
        """Ids that a formula or a caption has stand in the picture, too."""
        for item, part in zip(self.items, parts, strict=True):
            if item.nodes[-1] in self.mentioned and item.is_single:
                if part.kind == "gate":
                    part.called = part.id
                else:
                    part.title = part.id

    def _legend(self) -> list[str]:
        """What is not a number of the graph, or is told by colour and width."""
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
        return self._format(self.graph.value(node)) if is_constant(node) else printable(node.name)

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

    def _is_constant(self, item: Item) -> bool:
        return item.is_single and is_constant(item.nodes[0])

    def _tooltip(self, node: Value) -> str:
        formula = printable(self.graph.formula(node), _LONGEST_FORMULA)
        name = printable(node.name) or self.graph.id(node)
        lines = [f"{name} = {formula}" if formula else name, f"value {self._value(node)}"]
        if not is_constant(node):
            lines.append(f"gradient {self._gradient(node)}")
        return "\n".join(lines)

    def _output(self, node: Value) -> Part:
        """The end of the graph: a part of its own, which the last wire leads to."""
        item = self.item_of[node]
        name = f"{self.graph.id(node)}_end"
        return Part(name, "output", printable(node.name) if node.parents else "",
                    tooltip=f"output of the graph, computed by {self.id_of[id(item)]}")  # fmt: skip

    # ---------------------------------------------------------------------------------- wires

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
        wire.is_constant = self._is_constant(tail)
        wire.width = _width_of(tail)
        wire.edge = carries if isinstance(carries, Edge) else None
        self.carried[wire.id] = carries
        if isinstance(carries, Edge) and not wire.is_constant:
            slope = f"∂{self._called(carries.head)}/∂{self._called(carries.tail)}"
            wire.tooltip = f"{slope} = {self._format(carries.local)}"
        self.wires.append(wire)

    # --------------------------------------------------------------------------------- labels

    def _wire_label(self, wire: Wire, tail: Item, forks: bool) -> Label:
        carried = self.carried[wire.id]
        if wire.is_constant:
            return Label(note=self._role(carried)) if isinstance(carried, Edge) else Label()
        if carried is None:
            return self._share(wire, tail) if forks else self._total(tail, [wire])
        node = carried.tail if isinstance(carried, Edge) else carried
        value = self._value(node) if forks else self._named_value(node)
        if isinstance(carried, Edge):
            return self._edge_label(carried, value)
        return self._label(value, self._format(self.graph.outputs.count(node)))

    def _share(self, wire: Wire, tail: Item) -> Label:
        """What flows back to one value from all its uses in an item that has several results."""
        if len(tail.results) != 1 or len(self.graph.nodes) > _NUMBERED:
            return Label()
        node = tail.results[0]
        return self._label(self._value(node), self._format(self._shares[node, wire.head]))

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
        """What an edge shows in this view."""
        formula = self._formula(edge) if self.style.formulas else ""
        note = f"× {factor(formula)}" if formula else self._role(edge)
        local, upstream = self._format(edge.local), self._gradient(edge.head)
        product = f"{local} × {factor(upstream)}"
        return self._label(value, self._format(edge.grad), product, local, note)

    def _formula(self, edge: Edge) -> str:
        """The local derivative in names that can be seen in the picture."""
        head = edge.head

        def called(node: Value) -> str:
            if node is head and self.folded.group(node) is not None:
                return self.folded.symbol(node)
            if node is head and len(head.parents) == 1 and len(self.graph.symbol(head)) < 5:
                return head.name  # else its symbol, as in 1 - tanh · tanh
            return self._format(self.graph.value(node)) if is_constant(node) else self._called(node)

        formula = printable(self.folded.local_formula(edge, called))
        for node in (head, *head.parents):
            if not node.name and re.search(rf"\b{self.graph.id(node)}\b", formula):
                self.mentioned.add(node)
        return formula

    def _role(self, edge: Edge) -> str:
        """Which operand it is, where that can not be told from the sign of the gate."""
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
        """What stands on the line that leaves an item, before it forks."""
        if len(item.results) != 1:
            count = len(item.results)
            norm = math.hypot(*(float(self.graph.gradient(node)) for node in item.results))
            return self._label(f"{count:,} values", f"{_NORM} {self._format(norm)}")
        node = item.results[0]
        label = self._label(self._named_value(node), self._gradient(node))
        if self.style.view == "backward":
            parts = [wire.label.below for wire in wires if wire.label.below]
            return label._replace(above=_sum(parts) if len(parts) == len(wires) else "")
        return label

    def _named_value(self, node: Value) -> str:
        """The value, with the name of what was computed; a leaf's name stands at its place."""
        named = node.name and node.parents and node not in self.graph.outputs
        return f"{printable(node.name)} = {self._value(node)}" if named else self._value(node)

    def _called(self, node: Value) -> str:
        return printable(node.name) or self.graph.id(node)

    def _value(self, node: Value) -> str:
        return self._format(self.graph.value(node))

    def _gradient(self, node: Value) -> str:
        return self._format(self.graph.gradient(node))

    def _format(self, number: Any) -> str:
        text = format_number(number, self.style.number)
        return text.removeprefix("-") if number == 0 else text

    # ------------------------------------------------------------------- emphasis and captions

    def _weigh(self, diagram: Diagram) -> None:
        """Hue for the sign of a gradient, width for its size, relative to the largest."""
        gradients = {
            name: float(carried.grad if isinstance(carried, Edge) else self.graph.gradient(carried))
            for name, carried in self.carried.items()
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

    def _highlight(self, diagram: Diagram, paths: tuple[Value, Value] | Path) -> None:
        """The paths from one node to another, each product and their sum; or one of them."""
        if isinstance(paths, Path):
            edges = exactly = self._edges_of(paths)
            start, end = paths.edges[0].tail, paths.edges[-1].head
        else:
            start, end = paths
            self._check_ends(start, end)
            edges = _edges_between(self.graph, start, end)
            exactly = _edges_between(self.folded, start, end)
        item_of = {node: self.id_of[id(item)] for item in self.items for node in item.nodes}
        between = {(item_of[tail], item_of[head]) for tail, head, _ in edges}
        touched = {item_of[start], item_of[end]} | {name for pair in between for name in pair}
        for wire in self.wires:
            edge = self.carried[wire.id]
            wire.highlighted = (
                (edge.tail, edge.head, edge.slot) in exactly
                if isinstance(edge, Edge)
                else (wire.tail, wire.head) in between
            )
        for part in diagram.parts:
            part.highlighted = part.id in touched
        self._highlight_output(diagram, end)
        if isinstance(paths, Path):
            explained = [self._explain_path(paths)]
        else:
            explained = self._explain_paths(self.folded.paths(start, end))
        diagram.caption = explained + diagram.caption

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
        shown = {*self.item_of, *(item.nodes[0] for item in self.items if item.is_single)}
        for node in ends:
            if node not in self.graph:
                raise KeyError(f"paths: {node!r} is not a node of this graph")
            if node not in seen:
                raise ValueError(
                    f"paths: {self._called(node)} is inside a gate; draw with open=True"
                )
            if node not in shown:
                (title,) = {item.title for item in self.items if node in item.nodes}
                raise ValueError(
                    f"paths: {self._called(node)} is inside of {title!r}, which is folded; draw "
                    "with fold=None, or with a larger limit"
                )

    def _highlight_output(self, diagram: Diagram, end: Value) -> None:
        """Paths to an output go on to the end of the picture."""
        name = f"{self.graph.id(end)}_end"
        for wire in self.wires:
            wire.highlighted |= wire.head == name
        for part in diagram.parts:
            part.highlighted |= part.id == name

    def _explain_paths(self, paths: Paths) -> list[str]:
        start, end = self._called(paths.start), self._called(paths.end)
        total = f"∂{end}/∂{start} = {self._format(paths.sum)}"
        if paths.count == 0:
            return [f"There is no path from {start} to {end}: {total}."]
        listed = [path for _, path in zip(range(_LISTED_PATHS), paths, strict=False)]
        lines = [self._explain_path(path, start) for path in listed]
        products = [self._format(path.product) for path in listed]
        rest = paths.count - len(lines)
        if rest:
            digits = f"{rest:,}" if rest < 10**15 else f"about 10^{len(str(rest)) - 1}"
            lines.append(f"and {digits} more path{'s' * (rest > 1)}")
        plural = "s" if paths.count > 1 else ""
        how = f" = {_sum(products)}" if 1 < paths.count <= _LISTED_PATHS else ""
        count = (
            f"{paths.count:,}" if paths.count < 10**15 else f"about 10^{len(str(paths.count)) - 1}"
        )
        slope = f"∂{end}/∂{start}{how} = {self._format(paths.sum)}"
        return [*lines, f"{count} path{plural} from {start} to {end}: {slope}"]

    def _explain_path(self, path: Path, start: str = "") -> str:
        nodes = [start or self._called(path.edges[0].tail), *map(self._step, path.edges)]
        factors = [factor(self._format(edge.local)) for edge in path.edges] or ["1"]
        product = " · ".join(_shortened(factors))
        return f"{' → '.join(_shortened(nodes))}:  {product} = {self._format(path.product)}"

    def _step(self, edge: Edge) -> str:
        if self.folded.group(edge.head) is not None:
            return printable(edge.head.name) or printable(self.folded.symbol(edge.head))
        if not edge.head.name:
            self.mentioned.add(edge.head)
        return self._called(edge.head)

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
        outputs = ", ".join(f"{self._called(n)} = {self._value(n)}" for n in self.graph.outputs[:3])
        leaves = [
            node for item in self.items if item.is_single for node in item.nodes if node.op is None
        ]
        named = [
            f"{self._called(leaf)} = {self._value(leaf)} with gradient {self._gradient(leaf)}"
            for leaf in leaves[:8]
        ]
        inputs = f" Inputs: {'; '.join(named)}." if named else ""
        return f"{len(self.graph.nodes):,} nodes. {outputs}.{inputs}"


def _width_of(tail: Item) -> float:
    """How wide the line is that carries the results of an item, in points."""
    return 1.2 if len(tail.results) == 1 else 2.4


def _paired(node: Value, edges: list[Edge]) -> list[Edge]:
    """The edges into a dot product, each weight before its input; other edges as they are."""
    if node.op is not dot or len(edges) != len(node.parents):
        return edges
    weights, inputs, bias = weights_inputs_bias(edges)
    return [*chain.from_iterable(zip(weights, inputs, strict=True)), *bias]


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


def _shortened(words: list[str]) -> list[str]:
    """The words, or those at the beginning and at the end if there are many."""
    if len(words) <= _LONGEST_PATH:
        return words
    half = _LONGEST_PATH // 2
    return [*words[:half], "…", *words[-half + 1 :]]


def _sum(parts: list[str]) -> str:
    if len(parts) > 4:
        return f"sum of {len(parts)}"
    return " + ".join([*parts[:1], *map(factor, parts[1:])]) if len(parts) > 1 else ""
