"""Graph: nodes and edges as plain data, with numbers of its own.

A Graph never writes to the nodes that it was made from; it replays them. So a picture of one graph
never disturbs another, and one graph can be looked at in many points.
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from typing import Any

from autodiff import notation, primitives
from autodiff.adjoint import FLAT, ZERO, backpropagate, gradients, topological_order
from autodiff.mathematics import Number, as_number, format_number
from autodiff.memory import collection_paused
from autodiff.paths import Edge, Path, Paths
from autodiff.primitives import PRIMITIVES, dot, fsum, weights_inputs_bias
from autodiff.recording import GateCall, ScopeEntry, entries, gate, gate_calls, scope
from autodiff.replay import Replica, replay
from autodiff.value import Value

__all__ = [
    "PRIMITIVES", "Edge", "GateCall", "Graph", "Number", "Outlined", "Path", "Paths", "ScopeEntry",
    "Value", "collection_paused", "dot", "entries", "format_number", "fsum", "gate",
    "gate_calls", "is_constant", "scope", "weights_inputs_bias",
]  # fmt: skip


class Outlined:
    """The base of what pictures show by its outline, in place of a graph: of programs."""

    __name__: str

    @property
    def outline(self) -> Sequence[Any]:
        """The operations as rows that name what they read."""
        raise NotImplementedError

    @property
    def stats(self) -> dict[str, Any]:
        """Sizes of the graph, by name."""
        raise NotImplementedError


def is_constant(node: Value) -> bool:
    """Whether a node is a plain number in an expression, which does not vary."""
    return node.op is primitives.constant


class Graph:
    """Everything that one or more values were computed from, at the present values of the leaves.

    Args:
        outputs: the values to explain. With several, gradients are those of their sum.

    A call of a gate is one node, which its result stands for; see :func:`autodiff.gate`.

    Attributes:
        outputs: the values that it was made from.
        nodes: every node, operands before the operations that use them. The order depends on the
            structure alone.
        is_replayable: whether it can be computed again at another point; not so a mirror's.

    Raises:
        TypeError: if there is no output, or one is no Value.

    >>> x = Value(2.0, name="x")
    >>> graph = Graph(x * x)
    >>> [(edge.slot, edge.local, edge.grad) for edge in graph.edges]
    [(0, 2.0, 2.0), (1, 2.0, 2.0)]
    >>> graph.forward({x: 3.0}), graph.backward()[x]
    (9.0, 6.0)
    """

    is_replayable = True

    def __init__(self, *outputs: Value) -> None:
        if not outputs:
            raise TypeError("Graph() expected at least one Value, got none")
        for output in outputs:
            if not isinstance(output, Value):
                raise TypeError(f"Graph() expected a Value, got {_described(output)}")
        self.outputs = outputs
        self._all = _leaves_and_operations(outputs)
        self._replicas: dict[Value, Replica] = {}
        self._is_differentiated = False
        self.forward()
        self._show(_outermost_call)

    # ---------------------------------------------------------------------------- the structure

    @property
    def leaves(self) -> tuple[Value, ...]:
        """The variables: nodes that were not computed from others, constants left out."""
        return tuple(node for node in self.nodes if node.op is None)

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Every edge with its numbers, ordered by head, then by slot."""
        return tuple(edge for head in self.nodes for edge in self.edges_into(head))

    def edges_into(self, head: Value) -> list[Edge]:
        """The edges of one node's operands, in the order of their slots."""
        self._differentiate()
        gradient = self._find(head)._grad
        return [
            Edge(tail, head, slot, local, 0.0 if local is FLAT else local * gradient)
            for slot, (tail, local) in enumerate(self._operands(head))
        ]

    def operands(self, node: Value) -> Sequence[Value]:
        """Return the operands of a node; for a gate, the arguments of its function."""
        if node not in self._group_of:
            return node.parents
        return [operand for operand, _ in self._operands(node)]

    def fold(self, group: Callable[[Value], Hashable]) -> Graph:
        """The same graph, in which nodes of the same group are one gate.

        The results of a group, which are used outside it, stand for it. What they need inside is
        eliminated: an edge then carries the sum over the paths through the group (vertex
        elimination; Griewank and Walther, Evaluating Derivatives, 2nd ed., chapter 9).

        Args:
            group: anything that names the group of a node; None if it has none. It is not asked
                about leaves, which stay.

        >>> x = Value(3.0, "x")
        >>> y = (x * x + 1) * x
        >>> folded = Graph(y).fold(lambda node: "cubic")
        >>> [(edge.tail.name, edge.local) for edge in folded.edges]
        [('x', 28.0)]
        """
        folded = copy.copy(self)
        folded._show(group)
        return folded

    def open(self, *symbols: str) -> Graph:
        """The same graph with the operations inside its gates.

        Args:
            symbols: which gates to open; all if none is given.
        """

        def still_closed(node: Value) -> GateCall | None:
            calls = gate_calls(node.scope) if symbols else ()
            return next((call for call in calls if call.symbol not in symbols), None)

        return self.fold(still_closed)

    def group(self, node: Value) -> Hashable:
        """The group that a node stands for: the call of a gate, or what ``fold`` was given."""
        return self._group_of.get(node)

    @property
    def has_groups(self) -> bool:
        """Whether any node stands for a group."""
        return bool(self._group_of)

    def formula(
        self, node: Value, number: str = "", called: Callable[[Value], str] | None = None
    ) -> str:
        """Return the formula of a node in its operands, for people to read; a leaf has none.

        Args:
            node: an operation; operands without a name are called a, b, c, or by their ids if a
                node has such a name.
            number: a format specification; then the operands' numbers stand in for their names.
            called: what to call an operand, instead of its name.

        >>> x, y = Value(-2.0, "x"), Value(5.0, "y")
        >>> q = x * y
        >>> Graph(q).formula(q), Graph(q).formula(q, ".4g")
        ('x · y', '(-2) · 5')
        """
        if not node.parents:
            return ""
        operands = self.operands(node)
        name_of = called or self._called
        texts = [
            format_number(self.value(operand), number) if number else name_of(operand)
            for operand in operands
        ]
        return self._written(node, texts)

    def _written(self, node: Value, texts: Sequence[str]) -> str:
        if self.group(node) is not None:
            return notation.call_of(self.symbol(node), texts)
        assert node.op is not None
        return notation.value(node.op, texts)

    def local_formula(self, edge: Edge, called: Callable[[Value], str] | None = None) -> str:
        """The local derivative of an edge, for people to read: the rule of the table.

        Operands without a name are called a, b, c, and an operation without one by its symbol, or
        y; ``called`` names them instead. Where the rule has branches, it is the one taken here.

        >>> x, y = Value(-2.0, "x"), Value(5.0, "y")
        >>> graph = Graph((x * y).sigmoid())
        >>> [graph.local_formula(edge) for edge in graph.edges]
        ['y', 'x', 'σ(1 - σ)']
        """
        head, name_of = edge.head, called or self._called
        if self.group(head) is not None:
            gate = called(head) if called else self.symbol(head)
            return f"∂{gate}/∂{name_of(edge.tail) or 'abc'[edge.slot : edge.slot + 1]}"
        operands = [notation.Operand(self.value(node), name_of(node)) for node in head.parents]
        assert head.op is not None
        result = notation.Operand(self.value(head), name_of(head))
        return notation.derivative(head.op, result, operands, edge.slot)

    def _called(self, node: Value) -> str:
        """Return the word for an operand in a formula: its name, or the number of a constant.

        Others are left to the letters a, b, c, unless a node has such a name; then they are called
        by their ids.
        """
        if node.name:
            return node.name
        if is_constant(node):
            return format_number(self.value(node), ".6g")
        return self.id(node) if self._has_letters else ""

    @cached_property
    def _has_letters(self) -> bool:
        return any(re.fullmatch(r"[abcy]|a[0-9₀-₉]+", node.name) for node in self._all)

    def symbol(self, node: Value) -> str:
        """Return the symbol in the gate of an operation; a leaf has none."""
        group = self.group(node)
        if isinstance(group, GateCall):
            return group.symbol
        if node.op is None or group is not None:
            return str(group or "")
        return notation.symbol(node.op, len(node.parents))

    def id(self, node: Value) -> str:
        """The stable id of a node: ``n0``, ``n1``, ... in topological order, gates opened."""
        self._find(node)
        return f"n{self._position[node]}"

    def __len__(self) -> int:
        return len(self.nodes)

    def __contains__(self, node: object) -> bool:
        return node in self._replicas

    def __repr__(self) -> str:
        return f"<Graph of {len(self.nodes)} nodes, {len(self.leaves)} of them leaves>"

    # ------------------------------------------------------------------------------ the numbers

    def value(self, node: Value) -> Number:
        """The value of a node in this graph."""
        return self._find(node).data

    def gradient(self, node: Value) -> Number:
        """∂(output)/∂(node) in this graph."""
        self._differentiate()
        return self._find(node)._grad

    def forward(self, feed: Mapping[Value, Number] | None = None) -> Any:
        """Replay the graph, with new numbers for some of its leaves; the others keep theirs.

        Returns:
            The value of the output; a tuple if there are several.

        Raises:
            KeyError: if a fed value is not a leaf of this graph.
            ValueError, ZeroDivisionError, OverflowError: as when the graph was built; the graph
                then keeps the numbers that it had.
        """
        self._replicas = replay(self._all, self._leaf_numbers({} if feed is None else feed))
        self._is_differentiated = False
        outputs = tuple(self.value(output) for output in self.outputs)
        return outputs if len(outputs) > 1 else outputs[0]

    def backward(self) -> dict[Value, Number]:
        """∂(output)/∂(leaf) for every leaf, at the present point of the graph."""
        zero = type(self.value(self.outputs[0]))(0)
        for replica in self._replicas.values():
            replica._grad = zero
        for output in self.outputs:
            self._replicas[output]._grad += 1
        backpropagate(reversed(self._replicas.values()), zero)
        self._is_differentiated = True
        return {leaf: self.gradient(leaf) for leaf in self.leaves}

    # -------------------------------------------------------------------------------- the paths

    def paths(self, start: Value, end: Value) -> Paths:
        """Every path from ``start`` to ``end``, each with the product of its local derivatives.

        "Multiply along each path, add up the paths": the sum is ∂(end)/∂(start). Counting and
        adding up take time linear in the graph; only listing takes as long as there are paths.

        Raises:
            KeyError: if either is not a node of this graph.
        """
        for node in (start, end):
            self._find(node)
        if hidden := [node for node in (start, end) if node in self._hidden]:
            raise KeyError(f"{hidden[0]!r} is inside a gate; look for paths in graph.open()")
        reaches_end = {end}
        edges_out: dict[Value, list[Edge]] = {node: [] for node in self._between(start, end)}
        for edge in reversed(self.edges):
            is_link = edge.head in reaches_end and edge.tail in edges_out
            if is_link and edge.local is not FLAT:
                reaches_end.add(edge.tail)
                edges_out[edge.tail].append(edge)
        for edges in edges_out.values():
            edges.reverse()
        return Paths(edges_out, start, end, type(self.value(end))(1))

    def path_sum(self, start: Value, end: Value) -> Number:
        """Σ over all paths of the product of their local derivatives: ∂(end)/∂(start)."""
        return self.paths(start, end).sum

    # -------------------------------------------------------------------------------- internals

    def _show(self, group: Callable[[Value], Hashable]) -> None:
        """Decide which nodes are seen: a group's results, and whatever has no group."""
        group_of = {
            node: named for node in self._all if node.parents and (named := group(node)) is not None
        }
        self._group_of: dict[Value, Hashable] = group_of
        self._hidden: set[Value] = set()
        self.nodes = self._all
        if not group_of:
            return
        seen = set(self.outputs)
        for node in self._all:
            named = group_of.get(node)
            for parent in node.parents:
                if named is None or (parent.parents and group_of.get(parent) != named):
                    seen.add(parent)
        self._hidden = {
            node
            for node in self._all
            if node not in seen and (node in group_of or node.op is primitives.constant)
        }
        self.nodes = tuple(node for node in self._all if node not in self._hidden)

    def _operands(self, head: Value) -> list[tuple[Value, Number]]:
        """The operands of a node that are seen, and ∂head/∂operand."""
        replica = self._replicas[head]
        if head not in self._group_of:
            return list(zip(head.parents, replica.local_derivatives, strict=True))
        inside, tails, pending = {head}, set(), [head]
        for node in pending:
            for parent in node.parents:
                if parent not in self._hidden:
                    tails.add(parent)
                elif parent not in inside:
                    inside.add(parent)
                    pending.append(parent)
        varying = sorted(
            (tail for tail in tails if tail.op is not primitives.constant),
            key=self._position.__getitem__,
        )
        one = type(replica.data)(1)
        sums = gradients(varying, [head], [one], self._local_derivatives)
        return [(tail, FLAT if sums[tail] is ZERO else sums[tail]) for tail in varying]

    def _local_derivatives(self, node: Value, _wanted: Sequence[bool]) -> Sequence[Number]:
        return self._replicas[node].local_derivatives

    def _differentiate(self) -> None:
        if not self._is_differentiated:
            self.backward()

    @cached_property
    def _position(self) -> dict[Value, int]:
        return {node: position for position, node in enumerate(self._all)}

    def _between(self, start: Value, end: Value) -> Sequence[Value]:
        return self._all[self._position[start] : self._position[end] + 1]

    def _find(self, node: Value) -> Replica:
        try:
            return self._replicas[node]
        except (KeyError, TypeError):
            raise KeyError(f"{node!r} is not a node of this graph") from None

    def _leaf_numbers(self, feed: Mapping[Value, Number]) -> dict[Value, Number]:
        if not isinstance(feed, Mapping):
            raise TypeError(
                f"forward() expected a dict from leaves to numbers, got {type(feed).__name__}"
            )
        numbers: dict[Value, Number] = {
            node: self._replicas[node].data if self._replicas else node.data
            for node in self._all
            if not node.parents
        }
        for node, number in feed.items():
            if node not in numbers or node.op is primitives.constant:
                hint = "; keys are Values, as in forward({x: 3.0})" if isinstance(node, str) else ""
                raise KeyError(
                    f"forward() can feed leaves of this graph, and {node!r} is none{hint}"
                )
            numbers[node] = as_number(number)
        return numbers


def _outermost_call(node: Value) -> GateCall | None:
    calls = gate_calls(node.scope)
    return calls[0] if calls else None


def _described(given: object) -> str:
    """Describe an object that is not a Value, and how to get one."""
    if inspect.isroutine(given):
        name = given.__name__
        return f"the function {name}; give it what {name} returns for at least one Value(...)"
    kind = type(given).__name__
    return f"{kind} {given!r:.60}; compute it from at least one Value(...)"


def _leaves_and_operations(outputs: Sequence[Value]) -> tuple[Value, ...]:
    """All nodes in topological order, each leaf just before the first operation that uses it."""
    nodes: dict[Value, None] = {}
    for operation in topological_order(outputs):
        nodes.update((parent, None) for parent in operation.parents)
        nodes[operation] = None
    nodes.update((output, None) for output in outputs)
    return tuple(nodes)
