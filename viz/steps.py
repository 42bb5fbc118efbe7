"""Steps: what happens in a graph, one gate at a time, forward and then backward, as plain data.

The page of :func:`viz.explore` and the film of :func:`viz.animate` show the same steps.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from autodiff.graph import Edge, Graph, Number, Value, is_constant
from viz.diagram import Diagram, Wire
from viz.folding import Folding, Item, unfolded
from viz.subject import Shown
from viz.typography import factor, printable
from viz.views import Style, diagram_of
from viz.words import shown

Phase = Literal["start", "forward", "output", "backward"]
WireKey = tuple[str, str, int]
"""Tail, head and slot, as a picture has them."""

_FEW = 6
"""Names that are listed; of more, the rest is counted."""
_LEADING_PARENTHESES = re.compile(r"^\((-[^() ]*)\)(?= )")


class Rule(NamedTuple):
    """One line of a step: a rule applied.

    Attributes:
        names: in the names of the nodes, ``"∂f/∂x += z · ∂f/∂q"``; or a sentence.
        numbers: the same in numbers, ``"-4 · 1 = -4"``; empty for a sentence.
        total: how the contributions so far add up, if this is not the first one.
    """

    names: str
    numbers: str = ""
    total: str = ""

    def __str__(self) -> str:
        return f"{self.names} = {self.numbers}" if self.numbers else self.names


@dataclass(frozen=True)
class Step:
    """One gate, on the way forward or on the way back.

    Attributes:
        phase: ``"start"`` (the leaves are given), ``"forward"``, ``"output"`` (the gradient of the
            output by itself) or ``"backward"``.
        part: the id of the gate, as the picture has it; empty at the start and at the output.
        rules: what is computed: one line forward, backward one for each operand.
        wires: what it is computed from; backward, what a gradient flows along.
        values: the parts whose value is known from this step on.
        totals: the gradient that has come together so far, for parts that it changes for.
        complete: the parts whose gradient is known from this step on.
    """

    phase: Phase
    part: str = ""
    rules: tuple[Rule, ...] = ()
    wires: tuple[WireKey, ...] = ()
    values: tuple[str, ...] = ()
    totals: tuple[tuple[str, Number], ...] = ()
    complete: tuple[str, ...] = ()


def steps(
    graph: Graph,
    folding: Folding | None = None,
    diagram: Diagram | None = None,
    number: str = ".4g",
) -> list[Step]:
    """Every step of the forward pass, and then of the backward pass.

    Args:
        graph: with one output; with several, gradients are those of their sum.
        folding: what is drawn as one part, and therefore is one step; without it, nothing.
        diagram: the picture of it, if that is at hand.
        number: a format specification for the numbers in the rules.

    >>> x, y = Value(-2.0, "x"), Value(5.0, "y")
    >>> f = x * y
    >>> f.name = "f"
    >>> for step in steps(Graph(f)):
    ...     print(step.phase, *step.rules, sep=": ")
    start: The leaves are given: x = -2, y = 5
    forward: f = x · y = -2 · 5 = -10
    output: ∂f/∂f = 1
    backward: ∂f/∂x += y · ∂f/∂f = 5 · 1 = 5: ∂f/∂y += x · ∂f/∂f = -2 · 1 = -2
    """
    folding = folding or unfolded(graph)
    if diagram is None:
        diagram = diagram_of(graph, Shown(folding, []), Style(number=number))
    return list(_Narrator(graph, folding, diagram, number).steps())


class Naming:
    """The names of nodes, all different.

    By their name; if others have it too, by their scope and name; else by their id.

    >>> x, y = Value(1.0, "x"), Value(2.0, "y")
    >>> graph = Graph(x * y + x)
    >>> naming = Naming(graph)
    >>> [naming(node) for node in graph.nodes]
    ['x', 'y', 'n2', 'n3']
    """

    def __init__(self, graph: Graph, number: str = ".4g") -> None:
        self.graph, self.number = graph, number
        self.names = Counter(node.name for node in graph.nodes)
        self.full_names = Counter(
            _full_name(node) for node in graph.nodes if self.names[node.name] > 1
        )

    def __call__(self, node: Value) -> str:
        """Return the name of a node; for a constant, its number."""
        if is_constant(node):
            return shown(self.graph.value(node), self.number)
        if node.name and self.names[node.name] == 1:
            return printable(node.name)
        if node.name and node.scope and self.full_names[_full_name(node)] == 1:
            return printable(_full_name(node))
        return self.graph.id(node)

    def output(self) -> str:
        """Return the name of the output whose gradients are shown."""
        names = [self(node) for node in self.graph.outputs]
        if len(names) == 1:
            return names[0]
        return f"({' + '.join(names)})" if len(names) <= 3 else "Σ"


class _Narrator:
    """Tells the steps of one graph, and keeps count of the gradients meanwhile."""

    def __init__(self, graph: Graph, folding: Folding, diagram: Diagram, number: str) -> None:
        self.graph, self.number = graph, number
        self.called = Naming(graph, number)
        self.of = self.called.output()
        self.single = {item.nodes[0] for item in folding.items if item.is_single}
        self.titles = {part.id: part.title for part in diagram.parts}
        self.items = {graph.id(item.nodes[-1]): item for item in folding.items}
        self.into: dict[str, list[Wire]] = defaultdict(list)
        self.unfinished: Counter[str] = Counter()  # wires that the gradient has not come along yet
        for wire in diagram.wires:
            self.into[wire.head].append(wire)
            self.unfinished[wire.tail] += 1
        self.totals: dict[str, Number] = {}
        self.flows: dict[str, dict[Value, Number]] = {}

    def steps(self) -> Iterator[Step]:
        gates = [part for part, item in self.items.items() if _computes(item)]
        yield self._start()
        for part in gates:
            yield self._forward(part)
        yield self._output()
        for part in reversed(gates):
            yield self._backward(part)

    # ---------------------------------------------------------------------------------- forward

    def _start(self) -> Step:
        given = [part for part, item in self.items.items() if not _computes(item)]
        leaves = [
            f"{self._title(part)} = {self._value(self.items[part].nodes[0])}"
            for part in given
            if self.items[part].is_single and not is_constant(self.items[part].nodes[0])
        ]
        names = f"The leaves are given: {_listed(leaves)}" if leaves else "The leaves are given"
        return Step("start", rules=(Rule(names),), values=tuple(given))

    def _forward(self, part: str) -> Step:
        item = self.items[part]
        rule = self._formula(item) if item.is_single else self._summary(part)
        wires = tuple(_key(wire) for wire in self.into[part])
        return Step("forward", part, (rule,), wires, values=(part,))

    def _formula(self, item: Item) -> Rule:
        node = item.nodes[0]
        in_names = self.graph.formula(node, called=self.called)
        in_numbers = _LEADING_PARENTHESES.sub(r"\1", self.graph.formula(node, called=self._value))
        value = self._value(node)
        numbers = value if in_numbers in (in_names, value) else f"{in_numbers} = {value}"
        return Rule(f"{self.called(node)} = {in_names}", numbers)

    def _summary(self, part: str) -> Rule:
        """A part that stands for many nodes, in words."""
        item, title = self.items[part], self._title(part)
        operations = sum(bool(node.parents) for node in item.nodes)
        how = f"with {operations:,} operation{'s' * (operations > 1)}"
        if len(item.results) > 1:
            return Rule(f"{title} computes {len(item.results):,} values {how}")
        [result] = item.results
        return Rule(f"{title} computes {self.called(result)} {how}", self._value(result))

    # --------------------------------------------------------------------------------- backward

    def _output(self) -> Step:
        rules, wires, seeds = [], [], Counter(self.graph.outputs)
        if self.of == "Σ":
            rules.append(Rule(f"Σ is the sum of all {len(self.graph.outputs):,} outputs"))
            is_repeated = len(seeds) < len(self.graph.outputs)
            rules.append(Rule("∂Σ/∂output", "1" + " each time it is listed" * is_repeated))
        else:
            rules += [Rule(self._slope(node), self._format(n)) for node, n in seeds.items()]
        for node in seeds:
            wires += self.into[f"{self.graph.id(node)}_end"]
        changed: dict[str, Number] = {}
        for wire in wires:
            item = self.items[wire.tail]
            if len(item.results) == 1:
                changed[wire.tail] = self.totals[wire.tail] = seeds[item.results[0]]
        return self._step("output", "", rules, wires, changed)

    def _backward(self, part: str) -> Step:
        wires = [wire for wire in self.into[part] if not wire.is_constant]
        rules: list[Rule] = []
        bundles: list[str] = []
        changed: dict[str, Number] = {}
        for wire in wires:
            if wire.edge is not None:
                rules.append(self._contribution(wire.tail, wire.edge))
            elif len(self.items[wire.tail].results) == 1:
                rules.append(self._flow(wire))
            else:
                bundles.append(self._title(wire.tail))
                continue
            changed[wire.tail] = self.totals[wire.tail]
        if bundles:
            rules.append(Rule(f"{self._title(part)} hands the gradient on to {_listed(bundles)}"))
        if not wires:
            stays = f"The gradient stays in {self._title(part)}: no operand comes from outside"
            rules.append(Rule(stays))
        return self._step("backward", part, rules, wires, changed)

    def _contribution(self, tail: str, edge: Edge) -> Rule:
        """Describe the flow back along one edge, and the gradient that it leaves at the tail."""
        slope = self._slope(edge.tail)
        upstream = self.graph.gradient(edge.head)
        local, above, product = map(self._format, (edge.local, upstream, edge.grad))
        names = f"{slope} += {factor(self._local(edge))} · {self._slope(edge.head)}"
        in_numbers = f"{local} · {factor(above)} = {product}"
        return Rule(names, in_numbers, self._add(tail, slope, edge.grad))

    def _flow(self, wire: Wire) -> Rule:
        """Describe the flow back out of a part of many nodes, along all its edges."""
        [tail] = self.items[wire.tail].results
        slope, flow = self._slope(tail), self._flows_out_of(wire.head)[tail]
        names = f"{slope} += what flows back through {self._title(wire.head)}"
        return Rule(names, self._format(flow), self._add(wire.tail, slope, flow))

    def _flows_out_of(self, part: str) -> Mapping[Value, Number]:
        """The gradients that flow back from all nodes of a part, by the node that they reach."""
        if part not in self.flows:
            flows: dict[Value, Number] = {}
            for node in self.items[part].nodes:
                for edge in self.graph.edges_into(node):
                    flows[edge.tail] = flows.get(edge.tail, 0) + edge.grad
            self.flows = {part: flows}  # those of other parts are not asked for again
        return self.flows[part]

    def _add(self, tail: str, slope: str, grad: Number) -> str:
        """Count a contribution in; how those so far add up, if it is not the first."""
        before = self.totals.get(tail)
        if before is None:
            self.totals[tail] = grad
            return ""
        self.totals[tail] = total = before + grad
        terms = f"{self._format(before)} + {factor(self._format(grad))}"
        return f"{slope} = {terms} = {self._format(total)}"

    def _local(self, edge: Edge) -> str:
        """The rule for the local derivative; what is folded has none that could be written."""
        if edge.head in self.single:
            return self.graph.local_formula(edge, self.called)
        return f"∂{self.called(edge.head)}/∂{self.called(edge.tail)}"

    def _step(
        self,
        phase: Phase,
        part: str,
        rules: Iterable[Rule],
        wires: Sequence[Wire],
        changed: dict[str, Number],
    ) -> Step:
        """A step of the backward pass; where the last gradient arrives, the total is exact."""
        complete = []
        for wire in wires:
            self.unfinished[wire.tail] -= 1
            if not self.unfinished[wire.tail]:
                complete.append(wire.tail)
                results = self.items[wire.tail].results
                if len(results) == 1:
                    changed[wire.tail] = self.graph.gradient(results[0])
        return Step(
            phase,
            part,
            tuple(rules),
            tuple(_key(wire) for wire in wires),
            totals=tuple(changed.items()),
            complete=tuple(complete),
        )

    # ------------------------------------------------------------------------------------ words

    def _title(self, part: str) -> str:
        item = self.items[part]
        if item.is_single:
            return self.called(item.nodes[0])
        copies = f" × {item.copies:,}" if item.copies > 1 else ""
        return f"{self.titles[part]}{copies}"

    def _slope(self, node: Value) -> str:
        return f"∂{self.of}/∂{self.called(node)}"

    def _value(self, node: Value) -> str:
        return self._format(self.graph.value(node))

    def _format(self, number: Number) -> str:
        return shown(number, self.number)


def _full_name(node: Value) -> str:
    return ".".join([*node.scope.split("/"), node.name])


def _computes(item: Item) -> bool:
    return any(node.parents for node in item.nodes)


def _key(wire: Wire) -> WireKey:
    return wire.tail, wire.head, wire.slot


def _listed(words: Sequence[str]) -> str:
    rest = len(words) - _FEW
    more = f" and {rest:,} more" if rest > 0 else ""
    return ", ".join(words[:_FEW]) + more
