"""Derivative graphs: local derivatives that are nodes themselves, by the same rules of the table.

So gradients can be differentiated again. A node is whatever :mod:`autodiff.value` makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from autodiff import primitives
from autodiff.adjoint import ONE, ZERO, Reciprocal
from autodiff.mathematics import (
    Mathematics,
    Number,
    as_number,
    carrier_of,
    logistic_density,
    mathematics_of,
    sinc_slope,
)
from autodiff.primitives import PRIMITIVES, Recorded
from autodiff.recording import is_tracing

_CONSTANT = primitives.constant


class _ValueMathematics(Mathematics):
    """The namespace in which a rule's result is a graph: its functions are those of the table."""

    def __init__(self, numbers: Mathematics, constant: Callable[[Number], Any]) -> None:
        self._numbers = numbers
        self._constant = constant
        self.ratio = numbers.ratio  # type: ignore[method-assign]

    @property
    def undefined(self) -> Any:
        if is_tracing():  # it may turn out that nobody goes there; the compiled program finds out
            return self._constant(self._numbers.undefined)
        raise ValueError("a derivative that does not exist has no derivatives either")

    def limit(self, number: int, at: Any) -> Any:
        """The number, with a derivative that is infinite or undefined where ``at`` is 0."""
        return number + 0 * primitives.sqrt(primitives.abs(at))

    def vanishing(self, base: Any, exponent: Any) -> Any:
        """0, with as many derivatives that are 0 as the exponent is large, and then none.

        The product with ln(base) has them as long as the exponent is above their order; so has
        0 times a power of half less, except that it may give up one derivative early.
        """
        return self.where(
            exponent > self.ratio(1, 2),
            lambda: 0 * base ** (exponent - self.ratio(1, 2)),
            lambda: self.limit(0, base),
        )

    def is_constant(self, a: Any) -> bool:
        """Whether it is a plain number in an expression."""
        return a.op is _CONSTANT

    def is_zero(self, a: Any) -> Any:
        return (a >= 0) * (a <= 0) if _is_open(a) else bool(a._data == 0)

    def is_positive(self, a: Any) -> Any:
        return a > 0 if _is_open(a) else bool(a._data > 0)

    def where(self, condition: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
        if isinstance(condition, Recorded) and _is_open(condition):
            return primitives.where(condition, if_true(), if_false())
        return super().where(condition, if_true, if_false)

    def logistic_density(self, a: Any) -> Any:
        return logistic_density(self, a)

    def sinc_slope(self, a: Any) -> Any:
        return sinc_slope(self, a)

    def softmax(self, operands: Iterable[Any]) -> list[Any]:
        """Shifted by a constant, the largest operand's number, which changes no derivative.

        The largest share is a sigmoid, because 1 minus a share close to 1 would lose all digits.
        """
        operands = list(operands)
        if is_tracing():
            total = primitives.logsumexp(*operands)
            return [primitives.exp(a - total) for a in operands]
        peak = max(a._data for a in operands)
        exponentials = [primitives.exp(a - peak) for a in operands]
        total = primitives.fsum(*exponentials)
        shares = [exponential / total for exponential in exponentials]
        largest = next((i for i, a in enumerate(operands) if a._data == peak), 0)
        others = operands[:largest] + operands[largest + 1 :]
        if others:
            shares[largest] = primitives.sigmoid(operands[largest] - primitives.logsumexp(*others))
        return shares

    def __getattr__(self, name: str) -> Any:
        return self._numbers.pi if name == "pi" else PRIMITIVES[name]


def _is_open(a: Any) -> bool:
    """Whether the number will be known only when a traced program runs."""
    return a.op is not _CONSTANT and is_tracing()


def derivatives_as_values(node: Any, wanted: Sequence[bool]) -> Sequence[Any]:
    """The local derivatives of an operation as graphs over its operands, by the same rules.

    Args:
        node: the operation.
        wanted: the operands whose derivatives are asked for; those of others may be 0.

    Raises:
        RuntimeError: if the operands' data has changed since the operation was recorded.
        ValueError, ZeroDivisionError, OverflowError: where a derivative is infinite or undefined,
            so that there is nothing to differentiate further.
    """
    assert node.op is not None
    operands = [parent._data for parent in node.parents]
    constant = [parent.op is _CONSTANT for parent in node.parents]
    varies = [each and not fixed for each, fixed in zip(wanted, constant, strict=True)]
    if not is_tracing() and _has_changed(node, operands, [not fixed for fixed in constant]):
        raise RuntimeError(
            f"a leaf's data was changed after {node.op}(...) was computed from it (or mpmath's "
            "precision was); compute the value again before asking for derivatives that are graphs"
        )
    m = _ValueMathematics(mathematics_of(operands), node._constant)
    try:
        partials = node.op.partial_derivatives(m, node, node.parents, varies)
    except (ArithmeticError, ValueError) as error:
        error.add_note(f"in the derivative of {node.op}({', '.join(map(str, operands[:4]))})")
        raise
    return [_as_factor(derivative) for derivative in partials]


def _as_factor(derivative: Any) -> Any:
    """A local derivative as the chain rule is to multiply by it."""
    if isinstance(derivative, int):
        return {0: ZERO, 1: ONE}.get(derivative, derivative)
    is_node = isinstance(derivative, Recorded)
    if is_node and derivative.op is primitives.divide and not is_tracing():
        numerator, divisor = derivative.parents
        if numerator.op is _CONSTANT:
            return Reciprocal(derivative, ONE if numerator._data == 1 else numerator, divisor)
    return derivative


def _has_changed(node: Any, operands: Sequence[Number], varies: Sequence[bool]) -> bool:
    assert node.op is not None
    y, local_derivatives = node.op.linearize(operands, varies)
    return not _same(y, node._data) or any(
        varying and not _same(now, recorded)
        for now, recorded, varying in zip(
            local_derivatives, node.local_derivatives, varies, strict=True
        )
    )


def neutral_as_value(gradient: Any, like: Any) -> Any:
    """A gradient as a Value, also where the chain rule found a plain 0 or 1."""
    if isinstance(gradient, Recorded):
        return gradient
    if gradient is ZERO or gradient is ONE:
        gradient = gradient.number
    is_int = type(gradient) is int
    return like._constant(carrier_of(like._data)(gradient) if is_int else as_number(gradient))


def _same(a: Number, b: Number) -> bool:
    return bool(a == b or (a != a and b != b))
