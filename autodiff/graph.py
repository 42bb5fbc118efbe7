"""Graph: nodes and edges as plain data, with numbers of its own.

A Graph never writes to the nodes that it was made from; it replays them. So a picture of one graph
never disturbs another, and one graph can be looked at in many points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from autodiff import primitives
from autodiff.adjoint import Adjoint, backpropagate, topological_order
from autodiff.linearize import linearize
from autodiff.mathematics import Number, as_number, format_number
from autodiff.value import Value

__all__ = ["Edge", "Graph", "Path", "Paths", "format_number"]


class Edge(NamedTuple):
    """One operand slot of one operation: the value of ``tail`` flows into ``head``.

    Attributes:
        tail, head: the operand and the operation that uses it.
        slot: which operand of ``head`` it is, from 0; ``a * a`` has an edge for each slot.
        local: ∂head/∂tail at this slot; 0 if the tail is a constant, which does not vary.
        grad: what flows back along the edge, ``local`` · (gradient at ``head``).
    """

    tail: Value
    head: Value
    slot: int
    local: Number
    grad: Number


class Path(NamedTuple):
    """One way from a node to another, and the product of the local derivatives along it."""

    edges: tuple[Edge, ...]
    product: Number


class Paths:
    """All paths from one node to another: they are counted at once, and listed only one by one.

    Attributes:
        count: how many there are, exactly, however many digits that takes.
        sum: the sum of their products, ∂(end)/∂(start).

    >>> x = Value(3.0)
    >>> y = x * x
    >>> for _ in range(999):
    ...     y = y + y
    >>> paths = Graph(y).paths(x, y)
    >>> paths.count == 2**1000, next(iter(paths)).product
    (True, 3.0)
    """

    def __init__(
        self, edges_out: dict[Value, list[Edge]], start: Value, end: Value, one: Number
    ) -> None:
        self._edges_out = edges_out
        self.start, self.end = start, end
        counts: dict[Value, int] = {end: 1}
        sums: dict[Value, Number] = {end: one}
        for node in reversed(edges_out):  # from the end towards the start
            if node is not end:
                counts[node] = sum(counts[edge.head] for edge in edges_out[node])
                sums[node] = sum(
                    (edge.local * sums[edge.head] for edge in edges_out[node]), 0 * one
                )
        self.count = counts.get(start, 0)
        self.sum = sums.get(start, 0 * one)
        self._one = one

    def __iter__(self) -> Iterator[Path]:
        if not self.count:
            return
        if self.start is self.end:
            yield Path((), self._one)
            return
        taken: list[Edge] = []
        products: list[Number] = [self._one]
        choices = [iter(self._edges_out[self.start])]
        while choices:
            edge = next(choices[-1], None)
            if edge is None:
                choices.pop()
                if taken:
                    taken.pop()
                    products.pop()
                continue
            product = edge.local * products[-1]
            if edge.head is self.end:
                yield Path((*taken, edge), product)
            else:
                taken.append(edge)
                products.append(product)
                choices.append(iter(self._edges_out[edge.head]))

    def __repr__(self) -> str:
        bits = self.count.bit_length()
        count = str(self.count) if bits < 100 else f"at least 2**{bits - 1}"
        return f"<{count} paths with the sum {self.sum}>"


class _Replica(Adjoint):
    """The numbers that a Graph holds for one node, linked like the nodes themselves."""

    __slots__ = ("data",)

    def __init__(
        self, data: Number, parents: Sequence[_Replica], local_derivatives: Sequence[Number]
    ) -> None:
        super().__init__(parents, local_derivatives)
        self.data = data


class Graph:
    """Everything that one or more values were computed from, at the present values of the leaves.

    Args:
        outputs: the values to explain. With several, gradients are those of their sum.

    Attributes:
        outputs: the values that it was made from.
        nodes: every node, operands before the operations that use them. The order depends on the
            structure alone; node ``i`` has the stable id ``f"n{i}"``.

    >>> x = Value(2.0, name="x")
    >>> graph = Graph(x * x)
    >>> [(edge.slot, edge.local, edge.grad) for edge in graph.edges]
    [(0, 2.0, 2.0), (1, 2.0, 2.0)]
    >>> graph.forward({x: 3.0}), graph.backward()[x]
    (9.0, 6.0)
    """

    def __init__(self, *outputs: Value) -> None:
        if not outputs:
            raise TypeError("Graph() expected at least one Value, got none")
        for output in outputs:
            if not isinstance(output, Value):
                raise TypeError(
                    f"Graph() expected a Value, got {type(output).__name__} {output!r:.60}; "
                    "compute it from at least one Value(...)"
                )
        self.outputs = outputs
        self.nodes = _leaves_and_operations(outputs)
        self._position = {node: position for position, node in enumerate(self.nodes)}
        self._replicas: list[_Replica] = []
        self._is_differentiated = False
        self.forward()

    # ---------------------------------------------------------------------------- the structure

    @property
    def leaves(self) -> tuple[Value, ...]:
        """The variables: nodes that were not computed from others, constants left out."""
        return tuple(node for node in self.nodes if node.op is None)

    @property
    def edges(self) -> tuple[Edge, ...]:
        """Every edge with its numbers, ordered by head, then by slot."""
        self._differentiate()
        return tuple(
            Edge(tail, head, slot, local, local * replica.grad)
            for head, replica in zip(self.nodes, self._replicas, strict=True)
            for slot, (tail, local) in enumerate(
                zip(head.parents, replica.local_derivatives, strict=True)
            )
        )

    def id(self, node: Value) -> str:
        """The stable id of a node: ``n0``, ``n1``, ... in topological order."""
        return f"n{self._find(node)}"

    def __len__(self) -> int:
        return len(self.nodes)

    def __contains__(self, node: object) -> bool:
        return node in self._position

    def __repr__(self) -> str:
        return f"<Graph of {len(self.nodes)} nodes, {len(self.leaves)} of them leaves>"

    # ------------------------------------------------------------------------------ the numbers

    def value(self, node: Value) -> Number:
        """The value of a node in this graph."""
        return self._replicas[self._find(node)].data

    def gradient(self, node: Value) -> Number:
        """∂(output)/∂(node) in this graph."""
        self._differentiate()
        return self._replicas[self._find(node)].grad

    def forward(self, feed: Mapping[Value, Number] | None = None) -> Number | tuple[Number, ...]:
        """Replay the graph, with new numbers for some of its leaves; the others keep theirs.

        Returns:
            The value of the output; a tuple if there are several.

        Raises:
            KeyError: if a fed value is not a leaf of this graph.
            ValueError, ZeroDivisionError, OverflowError: as when the graph was built; the graph
                then keeps the numbers that it had.
        """
        numbers = self._leaf_numbers({} if feed is None else feed)
        replicas: list[_Replica] = []
        for node in self.nodes:
            if node.parents:
                replicas.append(self._replay(node, replicas))
            else:
                replicas.append(_Replica(numbers[node], (), ()))
        self._replicas = replicas
        self._is_differentiated = False
        outputs = tuple(self.value(output) for output in self.outputs)
        return outputs if len(outputs) > 1 else outputs[0]

    def backward(self) -> dict[Value, Number]:
        """∂(output)/∂(leaf) for every leaf, at the present point of the graph."""
        for replica in self._replicas:
            replica.grad = type(replica.data)(0)
        for output in self.outputs:
            self._replicas[self._find(output)].grad += 1
        backpropagate(reversed(self._replicas))
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
        first, last = self._find(start), self._find(end)
        reaches_end = {end}
        edges_out: dict[Value, list[Edge]] = {node: [] for node in self.nodes[first : last + 1]}
        for edge in reversed(self.edges):
            if edge.head in reaches_end and edge.tail in edges_out:
                reaches_end.add(edge.tail)
                edges_out[edge.tail].append(edge)
        for edges in edges_out.values():
            edges.reverse()
        return Paths(edges_out, start, end, type(self.value(end))(1))

    def path_sum(self, start: Value, end: Value) -> Number:
        """Σ over all paths of the product of their local derivatives: ∂(end)/∂(start)."""
        return self.paths(start, end).sum

    # -------------------------------------------------------------------------------- internals

    def _differentiate(self) -> None:
        if not self._is_differentiated:
            self.backward()

    def _find(self, node: Value) -> int:
        try:
            return self._position[node]
        except (KeyError, TypeError):
            raise KeyError(f"{node!r} is not a node of this graph") from None

    def _leaf_numbers(self, feed: Mapping[Value, Number]) -> dict[Value, Number]:
        if not isinstance(feed, Mapping):
            raise TypeError(
                f"forward() expected a dict from leaves to numbers, got {type(feed).__name__}"
            )
        numbers: dict[Value, Number] = {}
        for node, position in self._position.items():
            if not node.parents:
                numbers[node] = self._replicas[position].data if self._replicas else node.data
        for node, number in feed.items():
            if node not in numbers or node.op is primitives.constant:
                raise KeyError(f"forward() can feed leaves of this graph, and {node!r} is none")
            numbers[node] = as_number(number)
        return numbers

    def _replay(self, node: Value, replicas: list[_Replica]) -> _Replica:
        assert node.op is not None
        parents = [replicas[self._position[parent]] for parent in node.parents]
        operands = [parent.data for parent in parents]
        y, local_derivatives = linearize(node.op, node.parents, operands, node.scope)
        return _Replica(y, parents, _without_constants(node.parents, local_derivatives))


def _leaves_and_operations(outputs: Sequence[Value]) -> tuple[Value, ...]:
    """All nodes in topological order, each leaf just before the first operation that uses it."""
    nodes: dict[Value, None] = {}
    for operation in topological_order(outputs):
        nodes.update((parent, None) for parent in operation.parents)
        nodes[operation] = None
    nodes.update((output, None) for output in outputs)
    return tuple(nodes)


def _without_constants(
    parents: Sequence[Value], local_derivatives: Sequence[Number]
) -> tuple[Number, ...]:
    """The local derivatives, with 0 for every constant: it does not vary."""
    return tuple(
        [
            0 if parent.op is primitives.constant else local
            for parent, local in zip(parents, local_derivatives, strict=True)
        ]
    )
