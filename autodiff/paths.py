"""Edges of a graph, and the paths that they make: counted and added up without being listed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from autodiff.mathematics import Number
from autodiff.value import Value


class Edge(NamedTuple):
    """One operand slot of one operation: the value of ``tail`` flows into ``head``.

    Attributes:
        tail, head: the operand and the operation that uses it.
        slot: which operand of ``head`` it is, from 0; ``a * a`` has an edge for each slot.
        local: ∂head/∂tail at this slot; 0 if the tail is a constant, which does not vary. If the
            head is a gate, the sum over all paths through it.
        grad: what flows back along the edge, ``local`` · (gradient at ``head``).

    >>> from autodiff import Graph
    >>> x, y = Value(3.0, "x"), Value(4.0, "y")
    >>> [(edge.tail.name, edge.slot, edge.local) for edge in Graph(x * y).edges]
    [('x', 0, 4.0), ('y', 1, 3.0)]
    """

    tail: Value
    head: Value
    slot: int
    local: Number
    grad: Number


class Path(NamedTuple):
    """One way from a node to another, and the product of the local derivatives along it.

    Attributes:
        edges: in the order in which they are walked; none if start and end are the same node.
        product: 1 for no edges.
    """

    edges: tuple[Edge, ...]
    product: Number


class Paths:
    """All paths from one node to another: they are counted at once, and listed only one by one.

    Attributes:
        count: how many there are, exactly, however many digits that takes.
        sum: the sum of their products, ∂(end)/∂(start).

    >>> from autodiff import Graph
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
