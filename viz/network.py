"""Network: a graph of dot products as the classic picture of its neurons, in columns.

A neuron is a circle with its value; the line from another one to it is their weight: its width the
size, its hue the sign.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from autodiff.graph import Graph, Value, dot, weights_inputs_bias
from viz.diagram import Diagram, Part, Wire
from viz.folding import scope_of
from viz.layout import Arc, Box, Layout, part_size, straight
from viz.scene import Point
from viz.typography import printable, width
from viz.words import Words

_MOST_IN_COLUMN = 14
_ROW, _COLUMN, _TOP = 70, 190, 26
_HEADING_SIZE = 12


@dataclass(eq=False)
class _Neuron:
    """An input, or a dot product with what is applied to it alone.

    Attributes:
        value: the node whose number stands in the circle.
        dot: the dot product; None for an input.
        column: how many layers are before it.
    """

    value: Value
    dot: Value | None
    column: int


def diagram_of_network(graph: Graph, number: str, direction: str) -> Diagram:
    """The neurons of a graph, in columns.

    Args:
        graph: with dot products of weights and inputs, as the layers of :mod:`autodiff.nn` make.
        number: a format specification for the numbers.
        direction: ``"right"`` or ``"down"``.

    Raises:
        ValueError: if there is no dot product in it.
    """
    return _Network(graph, number).diagram(direction)


class _Network:
    def __init__(self, graph: Graph, number: str) -> None:
        self.graph, self.inside = graph, graph.open()
        self.words = Words(self.inside, number)
        self.neurons: dict[Value, _Neuron] = {}
        for node in self.inside.nodes:
            if node.op is dot:
                self._add(node)
        if not self.neurons:
            raise ValueError(
                "view='network' expected dot products, as the layers of autodiff.nn record them, "
                "and the graph has none; write neurons as dot(weights, inputs, bias), or draw the "
                "graph without view='network'"
            )
        self._show_activations()
        self.columns = self._columns()
        self.shown = [neuron for column in self.columns for neuron in column if neuron]

    def _add(self, node: Value) -> None:
        _, inputs, _ = weights_inputs_bias(node.parents)
        column = 0
        for value in inputs:
            source = self._source(value)
            if source not in self.neurons:
                self.neurons[source] = _Neuron(value, None, 0)
            column = max(column, self.neurons[source].column)
        self.neurons[node] = _Neuron(node, node, column + 1)

    def _source(self, value: Value) -> Value:
        """The dot product that a value is a function of, else the value itself."""
        node = value
        while node.op is not dot and len(node.parents) == 1:
            node = node.parents[0]
        return node if node.op is dot else value

    def _show_activations(self) -> None:
        """In the circle stands what the next layer reads, or what comes out."""
        for node in self.inside.nodes:
            if node.op is dot:
                for value in weights_inputs_bias(node.parents)[1]:
                    self.neurons[self._source(value)].value = value
        for output in self.graph.outputs:
            source = self._source(output)
            if source in self.neurons:
                self.neurons[source].value = output

    def _columns(self) -> list[list[_Neuron | None]]:
        """The neurons of each layer from top to bottom; None for those that are left out."""
        columns: list[list[_Neuron | None]] = []
        for neuron in sorted(self.neurons.values(), key=lambda neuron: neuron.column):
            while len(columns) <= neuron.column:
                columns.append([])
            columns[neuron.column].append(neuron)
        half = _MOST_IN_COLUMN // 2
        return [
            column if len(column) <= _MOST_IN_COLUMN else [*column[:half], None, *column[-half:]]
            for column in columns
        ]

    # ---------------------------------------------------------------------------- the diagram

    def diagram(self, direction: str) -> Diagram:
        diagram = Diagram(direction=direction, roles=("ink", "quiet"))
        for at, column in enumerate(self.columns):
            diagram.columns.append([])
            for place, neuron in enumerate(column):
                part = self._part(neuron) if neuron else Part(f"more{at}_{place}", "more", "⋮")
                diagram.parts.append(part)
                diagram.columns[-1].append(part.id)
            diagram.headings.append(self._heading(at))
        shown = {self._dot_or_value(neuron): neuron for neuron in self.shown}
        for neuron in self.shown:
            diagram.wires += self._wires(neuron, shown)
        heaviest = max((abs(wire.gradient or 0.0) for wire in diagram.wires), default=0.0) or 1.0
        for wire in diagram.wires:
            wire.width = 0.6 + 4.4 * abs(wire.gradient or 0.0) / heaviest
        sizes = " → ".join(f"{self._count(at):,}" for at in range(len(self.columns)))
        diagram.title = f"Network of neurons: {sizes}"
        diagram.description = f"{diagram.title}. {len(self.graph.nodes):,} nodes of a graph."
        diagram.caption = [
            "In a circle is the value of a neuron, b is its bias. A line is a weight: the wider, "
            f"the larger, up to {self.words.format(heaviest)}; blue and solid if positive, orange "
            "and dashed if negative."
        ]
        if len(self.shown) < len(self.neurons):
            half = _MOST_IN_COLUMN // 2
            diagram.caption.append(
                f"Of a large layer the first {half} and the last {half} neurons are shown."
            )
        return diagram

    def _part(self, neuron: _Neuron) -> Part:
        value = self.words.value(neuron.value)
        name = self.inside.id(self._dot_or_value(neuron))
        if neuron.dot is None:
            called = printable(neuron.value.name, 12)
            return Part(name, "neuron", value, called=called, tooltip=f"input {called} = {value}")
        bias = weights_inputs_bias(neuron.dot.parents)[2]
        beneath = f"b {self.words.value(bias[0])}" if bias else ""
        formula = " → ".join(self._applied(neuron))
        tooltip = f"{formula} = {value}"
        return Part(name, "neuron", value, subtitle=beneath, tooltip=tooltip)

    def _applied(self, neuron: _Neuron) -> list[str]:
        """The dot product and what is applied to it."""
        symbols, node = [], neuron.value
        while node is not neuron.dot:
            symbols.append(self.inside.symbol(node))
            (node,) = node.parents
        return [self.inside.symbol(node), *symbols[::-1]]

    def _wires(self, neuron: _Neuron, shown: dict[Value, _Neuron]) -> Iterator[Wire]:
        if neuron.dot is None:
            return
        head = self.inside.id(neuron.dot)
        weights, inputs, _ = weights_inputs_bias(neuron.dot.parents)
        for slot, (weight, value) in enumerate(zip(weights, inputs, strict=True)):
            source = self._source(value)
            if source in shown:
                tail = self.inside.id(source)
                wire = Wire(f"{tail}_{head}_{slot}", tail, head, slot)
                wire.gradient = float(self.inside.value(weight))
                slope = self.words.gradient(weight)
                wire.tooltip = f"{self.words.equation(weight)}, gradient {slope}"
                yield wire

    def _heading(self, column: int) -> str:
        """The scope that the neurons of a column have in common, if it is that of no other."""
        if column == 0:
            return "inputs"
        scopes = [scope_of(self.inside, n.dot) for n in self.columns[column] if n and n.dot]
        outermost = {scope.split("/")[0] for scope in scopes}
        return printable(outermost.pop(), 24) if len(outermost) == 1 else ""

    def _count(self, column: int) -> int:
        return sum(neuron.column == column for neuron in self.neurons.values())

    def _dot_or_value(self, neuron: _Neuron) -> Value:
        return neuron.dot or self._source(neuron.value)


def layout_in_columns(diagram: Diagram, size: int) -> Layout:
    """The place of everything in a diagram of columns, with straight lines between them."""
    sizes = {part.id: part_size(part, size) for part in diagram.parts}
    room = max(width(part.called, _HEADING_SIZE) for part in diagram.parts) + 10
    highest = max(map(len, diagram.columns)) * _ROW
    boxes: dict[str, Box] = {}
    sideways = diagram.direction == "right"
    for at, column in enumerate(diagram.columns):
        start = (highest - len(column) * _ROW) / 2
        for place, name in enumerate(column):
            along, across = at * _COLUMN + 30, start + (place + 0.5) * _ROW
            x, y = (room + along, _TOP + across) if sideways else (across + room, along + _TOP)
            boxes[name] = Box(x, y, *sizes[name])
    arcs: dict[tuple[str, str], Arc] = {}
    for wire in diagram.wires:
        tail, head = boxes[wire.tail], boxes[wire.head]
        first, last = _between(tail, head), _between(head, tail)
        middle = (first[0] + last[0]) / 2, (first[1] + last[1]) / 2
        boxes[wire.id] = Box(*middle, 0.0, 0.0)
        arcs[wire.tail, wire.id] = Arc((first, *straight(first, middle)), None, None)
        arcs[wire.id, wire.head] = Arc((middle, *straight(middle, last)), None, None)
    long = (len(diagram.columns) - 1) * _COLUMN + 60
    wide, high = (room + long, _TOP + highest) if sideways else (highest + room, long + _TOP)
    return Layout(wide, high, boxes, arcs, {})


def _between(one: Box, other: Box) -> Point:
    """Return the point where the line from the middle of one circle to another leaves the first."""
    dx, dy = other.x - one.x, other.y - one.y
    share = one.width / 2 / max((dx * dx + dy * dy) ** 0.5, 1e-9)
    return round(one.x + dx * share, 2), round(one.y + dy * share, 2)
