"""Replay: the numbers of recorded nodes, computed again without touching the nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autodiff import primitives
from autodiff.adjoint import Adjoint
from autodiff.linearize import linearize
from autodiff.mathematics import Number
from autodiff.memory import collection_paused
from autodiff.value import Value

_CONSTANT, _ADD, _MULTIPLY = primitives.constant, primitives.add, primitives.multiply
_ONES = (1.0, 1.0)


class Replica(Adjoint):
    """The numbers of one node, linked like the nodes themselves."""

    __slots__ = ("data",)

    def __init__(
        self, data: Number, parents: Sequence[Replica], local_derivatives: Sequence[Number]
    ) -> None:
        self.parents = parents
        self.local_derivatives = local_derivatives
        self._grad = 0.0
        self.data = data


def replay(nodes: Sequence[Value], numbers: Mapping[Value, Number]) -> dict[Value, Replica]:
    """The numbers of every node, in the order of the nodes.

    Args:
        nodes: in topological order.
        numbers: of the nodes without operands.

    Raises:
        ValueError, ZeroDivisionError, OverflowError: as when the nodes were recorded.
    """
    replicas: dict[Value, Replica] = {}
    with collection_paused():
        for node in nodes:
            if node.parents:
                replicas[node] = _again(node, [replicas[parent] for parent in node.parents])
            else:
                replicas[node] = Replica(numbers[node], (), ())
    return replicas


def _again(node: Value, parents: Sequence[Replica]) -> Replica:
    """The numbers of an operation, from those of its operands.

    + and × are written out, because large graphs are made of them; a test holds them to the table.
    """
    operation = node.op
    assert operation is not None
    if operation is _ADD or operation is _MULTIPLY:
        left, right = node.parents
        a, b = parents[0].data, parents[1].data
        if type(a) is type(b) is float and left.op is not _CONSTANT is not right.op:
            y = a + b if operation is _ADD else a * b
            if y - y == 0.0:
                return Replica(y, parents, _ONES if operation is _ADD else (b, a))
    operands = [parent.data for parent in parents]
    y, local_derivatives = linearize(operation, node.parents, operands, node.scope)
    return Replica(y, parents, _without_constants(node.parents, local_derivatives))


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
