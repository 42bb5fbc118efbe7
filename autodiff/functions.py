"""The functions of the table, over Values and plain numbers alike, and over arrays of them.

On a Value they record a node; on plain numbers they compute and return a plain number; over arrays
they work element by element.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from autodiff import primitives

if TYPE_CHECKING:
    from autodiff.primitives import Primitive
    from autodiff.value import Value

    class Unary(Primitive):
        """A function of one operand, for type checkers."""

        @overload
        def __call__(self, a: Value, /) -> Value: ...
        @overload
        def __call__(self, a: float, /) -> float: ...
        @overload
        def __call__(self, a: Any, /) -> Any: ...
        def __call__(self, *operands: Any) -> Any: ...

    class Binary(Primitive):
        """A function of two operands, of which one Value makes the result one."""

        @overload
        def __call__(self, a: Value, b: Value | float, /) -> Value: ...
        @overload
        def __call__(self, a: float, b: Value, /) -> Value: ...
        @overload
        def __call__(self, a: float, b: float, /) -> float: ...
        @overload
        def __call__(self, a: Any, b: Any, /) -> Any: ...
        def __call__(self, *operands: Any) -> Any: ...

    class Choice(Primitive):
        """A choice between two operands, which may be Values."""

        @overload
        def __call__(self, condition: Value, a: Value | float, b: Value | float, /) -> Value: ...
        @overload
        def __call__(self, condition: float, a: Value, b: Value | float, /) -> Value: ...
        @overload
        def __call__(self, condition: float, a: float, b: Value, /) -> Value: ...
        @overload
        def __call__(self, condition: float, a: float, b: float, /) -> float: ...
        @overload
        def __call__(self, condition: Any, a: Any, b: Any, /) -> Any: ...
        def __call__(self, *operands: Any) -> Any: ...

    abs: Unary
    acos: Unary
    acosh: Unary
    asin: Unary
    asinh: Unary
    atan: Unary
    atan2: Binary
    atanh: Unary
    cbrt: Unary
    ceil: Unary
    copysign: Binary
    cos: Unary
    cosh: Unary
    degrees: Unary
    digamma: Unary
    erf: Unary
    erfc: Unary
    exp: Unary
    exp2: Unary
    expm1: Unary
    floor: Unary
    hypot: Binary
    lgamma: Unary
    log: Unary
    log10: Unary
    log1p: Unary
    log2: Unary
    logaddexp: Binary
    maximum: Binary
    minimum: Binary
    polygamma: Binary
    radians: Unary
    relu: Unary
    remainder: Binary
    round: Unary
    sigmoid: Unary
    sign: Unary
    sin: Unary
    sinc: Unary
    sinh: Unary
    softplus: Unary
    sqrt: Unary
    tan: Unary
    tanh: Unary
    where: Choice
else:
    from autodiff.primitives import (
        abs,
        acos,
        acosh,
        asin,
        asinh,
        atan,
        atan2,
        atanh,
        cbrt,
        ceil,
        copysign,
        cos,
        cosh,
        degrees,
        digamma,
        erf,
        erfc,
        exp,
        exp2,
        expm1,
        floor,
        hypot,
        lgamma,
        log,
        log1p,
        log2,
        log10,
        logaddexp,
        maximum,
        minimum,
        polygamma,
        radians,
        relu,
        remainder,
        round,
        sigmoid,
        sign,
        sin,
        sinc,
        sinh,
        softplus,
        sqrt,
        tan,
        tanh,
        where,
    )

__all__ = [
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2", "atanh", "cbrt",
    "ceil",
    "copysign",
    "cos",
    "cosh",
    "degrees",
    "digamma",
    "dot",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "fsum",
    "hypot",
    "lgamma",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logsumexp",
    "maximum",
    "minimum",
    "polygamma",
    "radians",
    "relu",
    "remainder",
    "round",
    "sigmoid",
    "sign",
    "sin",
    "sinc",
    "sinh",
    "softplus",
    "sqrt",
    "tan",
    "tanh",
    "where",
]  # fmt: skip


@overload
def dot(
    weights: Iterable[Value], inputs: Iterable[Value | float], bias: Value | float | None = None
) -> Value: ...
@overload
def dot(
    weights: Iterable[float], inputs: Iterable[Value], bias: Value | float | None = None
) -> Value: ...
@overload
def dot(weights: Iterable[float], inputs: Iterable[float], bias: float | None = None) -> float: ...
@overload
def dot(weights: Iterable[Any], inputs: Iterable[Any], bias: Any = None) -> Any: ...
def dot(weights: Iterable[Any], inputs: Iterable[Any], bias: Any = None) -> Any:
    """Σ wᵢxᵢ + b, recorded as one gate.

    Args:
        weights, inputs: equally many Values or numbers; the sum over none is 0.
        bias: one Value or number; without it, none is recorded.

    Raises:
        TypeError: if one of them is a single number, or a matrix.
        ValueError: if there are not equally many weights and inputs.

    >>> dot([2.0, -3.0], [-1.0, -2.0], -3.0)
    1.0
    """
    weights, inputs = _scalars(weights, "dot", 1), _scalars(inputs, "dot", 1)
    if len(weights) != len(inputs):
        raise ValueError(
            f"dot() needs as many inputs as weights, got {len(weights)} weights "
            f"and {len(inputs)} inputs"
        )
    operands = [*weights, *inputs] if bias is None else [*weights, *inputs, bias]
    return primitives.dot(*operands) if operands else 0.0


@overload
def fsum(operands: Iterable[Value]) -> Value: ...
@overload
def fsum(operands: Iterable[float]) -> float: ...
@overload
def fsum(operands: Iterable[Any]) -> Any: ...
def fsum(operands: Iterable[Any]) -> Any:
    """The sum of any number of terms as one gate, rounded once.

    Shewchuk, Adaptive precision floating-point arithmetic and fast robust geometric predicates
    (1997), as :func:`math.fsum` does it.

    Args:
        operands: Values or numbers, also in an array of any shape; the sum of none is 0.

    >>> fsum([1e100, 1.0, -1e100])
    1.0
    """
    operands = _scalars(operands, "fsum")
    return primitives.fsum(*operands) if operands else 0.0


@overload
def logsumexp(operands: Iterable[Value]) -> Value: ...
@overload
def logsumexp(operands: Iterable[float]) -> float: ...
@overload
def logsumexp(operands: Iterable[Any]) -> Any: ...
def logsumexp(operands: Iterable[Any]) -> Any:
    """log(Σ exp(aᵢ)), the smooth maximum, recorded as one gate; it never overflows.

    Args:
        operands: at least one Value or number, also in an array of any shape.

    Raises:
        ValueError: if there are no operands.

    >>> logsumexp([1000.0, 1000.0])
    1000.6931471805599
    """
    operands = _scalars(operands, "logsumexp")
    if not operands:
        raise ValueError("logsumexp() needs at least one operand, got none")
    return primitives.logsumexp(*operands)


def _scalars(operands: Any, name: str, most: int | None = None) -> tuple[Any, ...]:
    """The scalars in a sequence or array, which has at most so many dimensions."""
    if isinstance(operands, np.ndarray):
        if most is not None and operands.ndim > most:
            raise TypeError(
                f"{name}() takes two vectors, got an array of shape {operands.shape}; "
                "write weights @ inputs + bias for a matrix"
            )
        return tuple(operands.ravel().tolist())
    try:
        return tuple(operands)
    except TypeError:
        raise TypeError(
            f"{name}() takes vectors, or other sequences of numbers, got one "
            f"{type(operands).__name__}; for two numbers write a * b or a + b"
        ) from None
