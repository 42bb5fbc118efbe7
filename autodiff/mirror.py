"""Mirror: the graph that an engine of your own recorded, as a Graph that can be drawn.

A node is anything with ``data``, ``parents`` and ``local_derivatives``, the words of a Value.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from autodiff import notation
from autodiff.adjoint import topological_order
from autodiff.graph import Graph
from autodiff.mathematics import Number, as_number
from autodiff.paths import Edge
from autodiff.primitives import EVERYWHERE, Primitive
from autodiff.replay import Replica
from autodiff.value import Value

_WORDS = ("data", "parents", "local_derivatives")
_OPERATORS = "+-*/·×÷^"


def is_node(given: object) -> bool:
    """Whether it is a node of somebody's own class: it knows its parents and local derivatives."""
    return not isinstance(given, Value) and all(hasattr(given, word) for word in _WORDS)


class Mirror(Graph):
    """The graph of nodes of your own class, with the numbers that they hold.

    Nothing is computed again. Each node stands for one of yours, with its number, and with its
    ``grad`` as the gradient; each edge has your local derivative, and hands back that derivative
    times the ``grad`` at its head. So a mistake in the class is drawn as it is: what arrives at a
    node may differ from the ``grad`` that it holds.

    Args:
        outputs: nodes. Each has ``data``, a number; ``parents``, the nodes that it was computed
            from, one for each slot; ``local_derivatives``, one number for each parent; and if it
            likes ``grad`` (else 0), ``name`` and ``op``, the sign in the gate.

    Raises:
        TypeError: if something among the parents is no node, or a number is none.
        ValueError: if a node has more parents than local derivatives, or fewer.

    >>> class Node:
    ...     def __init__(self, data, parents=(), local_derivatives=(), op="", grad=0.0):
    ...         self.data, self.grad, self.op = data, grad, op
    ...         self.parents, self.local_derivatives = parents, local_derivatives
    >>> a = Node(3.0, grad=6.0)
    >>> square = Mirror(Node(9.0, (a, a), (3.0, 3.0), "×", grad=1.0))
    >>> [(edge.local, edge.grad) for edge in square.edges]
    [(3.0, 3.0), (3.0, 3.0)]
    >>> square.backward()[square.leaves[0]]
    6.0
    """

    is_replayable = False

    def __init__(self, *outputs: Any) -> None:
        self._recorded: dict[Value, tuple[Number, Number, Sequence[Number]]] = {}
        self._twins: dict[Any, Value] = {}
        super().__init__(*self._mirrored(outputs))

    def _mirrored(self, outputs: Sequence[Any]) -> list[Value]:
        """A Value in the place of each node, linked as they are."""
        _check(outputs)
        twins = self._twins
        for operation in topological_order(outputs):
            for node in (*operation.parents, operation):
                if node not in twins:
                    twins[node] = self._twin(node, twins)
        for output in outputs:
            if output not in twins:
                twins[output] = self._twin(output, twins)
        return [twins[output] for output in outputs]

    def _twin(self, node: Any, twins: Mapping[Any, Value]) -> Value:
        data, grad = as_number(node.data), as_number(getattr(node, "grad", 0.0))
        locals_ = tuple(as_number(local) for local in node.local_derivatives)
        parents = tuple(twins[parent] for parent in node.parents)
        if len(parents) != len(locals_):
            raise ValueError(
                f"expected one local derivative for each parent, got {len(parents)} parents and "
                f"{len(locals_)} local derivatives in {node!r:.60}; a · a has two parents, where a "
                "set keeps one"
            )
        twin = Value(data, str(getattr(node, "name", "")))
        twin.scope, twin.parents, twin.local_derivatives = "", parents, locals_
        if parents:
            twin.op = _operation(str(getattr(node, "op", "")) or "f", len(parents))
        self._recorded[twin] = data, grad, locals_
        return twin

    def node(self, original: Any) -> Value | None:
        """The node of this graph that stands for one of yours; None if it is not in it."""
        return self._twins.get(original)

    def forward(self, feed: Mapping[Value, Number] | None = None) -> Any:
        """The numbers as they were recorded; ValueError if others are fed, for want of a rule."""
        if feed:
            raise ValueError(
                "these nodes are of a class of your own, whose rules are not known here: compute "
                "them again at the other numbers, and draw the result"
            )
        replicas: dict[Value, Replica] = {}
        for node in self._all:
            data, grad, local_derivatives = self._recorded[node]
            parents = [replicas[parent] for parent in node.parents]
            replicas[node] = Replica(data, parents, local_derivatives)
            replicas[node]._grad = grad
        self._replicas, self._is_differentiated = replicas, True
        outputs = tuple(self.value(output) for output in self.outputs)
        return outputs if len(outputs) > 1 else outputs[0]

    def backward(self) -> dict[Value, Number]:
        """The gradients that the leaves hold, right or wrong."""
        return {leaf: self.gradient(leaf) for leaf in self.leaves}

    def local_formula(self, edge: Edge, called: Any = None) -> str:
        """The derivative of the gate by the operand: what rule it comes from is not known."""
        tail = (called or self._called)(edge.tail) or "abcdef"[edge.slot : edge.slot + 1]
        return f"∂{self.symbol(edge.head)}/∂{tail}"

    def _written(self, node: Value, texts: Sequence[str]) -> str:
        symbol = self.symbol(node)
        if self.group(node) is None and symbol.strip(_OPERATORS) == "" and len(texts) == 2:
            names = [text or letter for text, letter in zip(texts, "ab", strict=True)]
            return f" {symbol} ".join(names)
        return notation.call_of(symbol, texts)


def _check(outputs: Sequence[Any]) -> None:
    """Raise TypeError unless all that they were computed from are nodes."""
    pending = list(outputs)
    seen: set[Any] = set()
    while pending:
        node = pending.pop()
        if not is_node(node):
            raise TypeError(
                "expected nodes of your own class, each with data, parents and local_derivatives, "
                f"got {type(node).__name__} {node!r:.40}; a number has to become a leaf first"
            )
        if node not in seen:
            seen.add(node)
            pending += node.parents


@functools.cache
def _operation(symbol: str, arity: int) -> Primitive:
    """A sign for the gate, without a rule."""
    return Primitive(
        symbol, symbol, arity, _no_rule, (_no_rule,) * arity, EVERYWHERE, None,
        frozenset(), frozenset(), compares=False, commutes=False, sees_zeros=False,
    )  # fmt: skip


def _no_rule(*_: Any) -> NoReturn:
    raise ValueError("an operation of a class of your own has no rule here")
