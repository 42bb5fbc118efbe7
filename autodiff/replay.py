"""Replay: the numbers of recorded nodes, computed again without touching the nodes."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence

from autodiff import primitives
from autodiff.adjoint import Adjoint
from autodiff.float_rules import FloatRule, float_rule
from autodiff.linearize import FAILURES, linearize
from autodiff.mathematics import Number
from autodiff.memory import collection_paused
from autodiff.primitives import Primitive
from autodiff.value import Value

_CONSTANT = primitives.constant
_FLOAT = {float}


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
    """The numbers of an operation, from those of its operands: on floats by its float rule."""
    operation = node.op
    assert operation is not None
    operands = [parent.data for parent in parents]
    if operation.arity and _are_floats(operands):
        try:
            y, slopes = _rule(operation, *[parent.op is not _CONSTANT for parent in node.parents])(
                *operands
            )
        except FAILURES:  # the general way says what went wrong
            y, slopes = math.nan, ()
        if y - y == 0.0:
            return Replica(y, parents, slopes)
    y, local_derivatives = linearize(operation, node.parents, operands, node.scope)
    return Replica(y, parents, _without_constants(node.parents, local_derivatives))


def _are_floats(operands: list[Number]) -> bool:
    if len(operands) == 2:
        a, b = operands
        return type(a) is float and type(b) is float
    return set(map(type, operands)) == _FLOAT


@functools.cache
def _rule(operation: Primitive, *varies: bool) -> FloatRule:
    return float_rule(operation, varies)


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
