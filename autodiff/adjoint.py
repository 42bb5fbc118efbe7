"""The algorithms on graphs: topological order, and the chain rule backward and forward.

They ask very little of a node: its ``parents``, one ``local_derivative`` for each, and a
``_grad``, the number behind ``grad``, which needs no check here.
So they serve Values, the replicas in a Graph, and derivatives that are graphs themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar


class Node(Protocol):
    """The interface of a node that the chain rule needs."""

    _grad: Any

    @property
    def parents(self) -> Sequence[Any]:
        """The operands, one for each slot."""

    @property
    def local_derivatives(self) -> Sequence[Any]:
        """∂(this)/∂(operand), one for each slot."""


N = TypeVar("N", bound=Node)


def topological_order(roots: Sequence[N], until: Collection[N] = ()) -> list[N]:
    """The operations below the roots, each once, operands before what is computed from them.

    Leaves are not listed: they have no operands, so that any place would do. Nor is anything that
    is only below the nodes in ``until``, or these themselves. The order is that of a depth-first
    search in postorder, first operand first (Cormen et al., Introduction to Algorithms,
    "Topological sort"), and so depends on the structure of the graph alone. Linear in nodes and
    edges, and without recursion: depth does not matter.

    >>> from autodiff import Value
    >>> x = Value(2.0)
    >>> [node.op.name for node in topological_order([(x * x + 1).log()])]
    ['multiply', 'add', 'log']
    """
    order: list[N] = []
    seen = set(until)
    for root in roots:
        if root in seen or not root.parents:
            continue
        seen.add(root)
        node, operands = root, iter(root.parents)
        suspended: list[Any] = []  # a node and its operands still to be visited, in turn
        while True:
            for parent in operands:
                if parent.parents and parent not in seen:
                    seen.add(parent)
                    suspended.append(node)
                    suspended.append(operands)
                    node, operands = parent, iter(parent.parents)
                    break
            else:  # all operands of this node are done
                order.append(node)
                if not suspended:
                    break
                operands = suspended.pop()
                node = suspended.pop()
    return order


def backpropagate(order: Iterable[Node], untouched: Any) -> None:
    """The chain rule: each node hands ``local derivative · its own gradient`` to each operand.

    Reverse accumulation (Griewank and Walther, Evaluating Derivatives, 2nd ed., chapter 3).

    Args:
        order: the nodes in reverse topological order, so that a node's gradient is complete before
            it is handed on.
        untouched: the very object that all their gradients are at first, a zero. A node that it is
            left with is only below what is flat, and hands nothing on.
    """
    for node in order:
        gradient = node._grad
        if gradient is not untouched:
            for parent, local in zip(node.parents, node.local_derivatives):  # noqa: B905 (speed)
                parent._grad += local * gradient


class _Neutral:
    """0 or 1 in the chain rule: adding nothing, or multiplying by one, records nothing."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __add__(self, other: Any) -> Any:
        if self is ZERO:
            return other
        return other + 1 if other is not ONE else 2

    def __mul__(self, other: Any) -> Any:
        return other if self is ONE else self

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Any:
        return self if self is ZERO else -1

    def __repr__(self) -> str:
        return f"<{self.number}>"


ZERO, ONE = _Neutral(0), _Neutral(1)


class _Flat(int):
    """A local derivative of 0 that hands nothing on, not even NaN for an infinite gradient."""

    def __mul__(self, other: object) -> Any:
        return ZERO

    __rmul__ = __mul__


FLAT = _Flat(0)
"""The local derivative of what is flat, as a comparison is: it has no edge in the chain rule."""


class Reciprocal:
    """A local derivative c/a of a constant c: a gradient is multiplied by c and divided by a.

    The product of a gradient and 1/a has a factor 1/a² in its derivatives, which overflows at an a
    at which the quotient's derivatives do not: x · log(x) at 1e-160.
    """

    def __init__(self, quotient: Any, dividend: Any, divisor: Any) -> None:
        self._quotient, self._dividend, self._divisor = quotient, dividend, divisor

    def __mul__(self, gradient: Any) -> Any:
        if gradient is ZERO or gradient is ONE:
            return gradient * self._quotient
        return self._dividend * gradient / self._divisor


class _Postponed(NamedTuple):
    """A tangent that is yet to be divided: what it is multiplied by goes into the dividend."""

    reciprocal: Reciprocal
    tangent: Any


class Adjoint:
    """The shadow of a node: the same links, with local derivatives and a gradient of its own."""

    __slots__ = ("_grad", "local_derivatives", "parents")

    def __init__(self, parents: Sequence[Adjoint], local_derivatives: Sequence[Any]) -> None:
        self.parents = parents
        self.local_derivatives = local_derivatives
        self._grad: Any = ZERO


def linked_operands(node: Any) -> Sequence[Any]:
    """The operands of an operation by which it is not flat."""
    flat_slots = node.op.flat_slots
    if not flat_slots:
        return node.parents  # type: ignore[no-any-return]
    return [parent for slot, parent in enumerate(node.parents) if slot not in flat_slots]


def adjoints(
    inputs: Sequence[N],
    roots: Sequence[N],
    derivatives_of: Callable[[N, Sequence[bool]], Sequence[Any]],
) -> dict[N, Adjoint]:
    """Shadows of the inputs and of every operation between them and the roots, in that order.

    What is flat is no link, and what is only below it has no shadow.
    """
    depends = set(inputs)
    order = []
    for node in topological_order(roots, until=depends):
        if not depends.isdisjoint(linked_operands(node)):
            depends.add(node)
            order.append(node)
    reached = set(roots)
    links: dict[N, list[tuple[N, Any]]] = {}
    for node in reversed(order):
        if node in reached:
            wanted = [parent in depends for parent in node.parents]
            links[node] = [
                (parent, local)
                for parent, local in zip(node.parents, derivatives_of(node, wanted), strict=True)
                if parent in depends and local is not ZERO and local is not FLAT
            ]
            reached.update([parent for parent, _ in links[node]])
    shadows = {node: Adjoint((), ()) for node in inputs}
    for node, linked in reversed(links.items()):
        parents = [shadows[parent] for parent, _ in linked]
        shadows[node] = Adjoint(parents, [local for _, local in linked])
    return shadows


def gradients(
    inputs: Sequence[N],
    roots: Sequence[N],
    seeds: Sequence[Any],
    derivatives_of: Callable[[N, Sequence[bool]], Sequence[Any]],
) -> dict[N, Any]:
    """Σ seed · ∂root/∂node for the inputs and everything above them: reverse mode."""
    shadows = adjoints(inputs, roots, derivatives_of)
    for root, seed in zip(roots, seeds, strict=True):
        if root in shadows:
            shadows[root]._grad = shadows[root]._grad + seed
    backpropagate(reversed(shadows.values()), ZERO)
    return {node: shadow._grad for node, shadow in shadows.items()}


def tangents(
    inputs: Sequence[N],
    roots: Sequence[N],
    seeds: Sequence[Any],
    derivatives_of: Callable[[N, Sequence[bool]], Sequence[Any]],
) -> list[Any]:
    """Σ ∂root/∂input · seed for each root: forward mode, the chain rule from left to right.

    Griewank and Walther, Evaluating Derivatives, 2nd ed., chapter 3.1.
    """
    shadows = adjoints(inputs, roots, derivatives_of)
    moved = {shadows[node]: seed for node, seed in zip(inputs, seeds, strict=True)}
    for shadow in shadows.values():
        if shadow not in moved:
            total: Any = ZERO
            for parent, local in zip(shadow.parents, shadow.local_derivatives, strict=True):
                term = _passed_on(local, moved[parent])
                total = term if total is ZERO else _divided(total) + _divided(term)
            moved[shadow] = total
    return [_divided(moved[shadows[root]]) if root in shadows else ZERO for root in roots]


def _passed_on(local: Any, tangent: Any) -> Any:
    if isinstance(local, Reciprocal):
        return _Postponed(local, _divided(tangent))
    if isinstance(tangent, _Postponed):
        return _Postponed(tangent.reciprocal, local * tangent.tangent)
    return local * tangent


def _divided(tangent: Any) -> Any:
    return tangent.reciprocal * tangent.tangent if isinstance(tangent, _Postponed) else tangent
