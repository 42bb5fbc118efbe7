"""The functions of the table, over Values and plain numbers alike.

On a Value they record a node; on plain numbers they compute and return a plain number.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from autodiff import primitives
from autodiff.primitives import (
    abs,
    acos,
    asin,
    atan,
    atan2,
    cos,
    cosh,
    erf,
    exp,
    expm1,
    hypot,
    log,
    log1p,
    maximum,
    minimum,
    relu,
    sigmoid,
    sin,
    sinh,
    softplus,
    sqrt,
    tan,
    tanh,
    where,
)

__all__ = [
    "abs", "acos", "asin", "atan", "atan2", "cos", "cosh", "dot", "erf", "exp", "expm1", "fsum",
    "hypot", "log", "log1p", "logsumexp", "maximum", "minimum", "relu", "sigmoid", "sin", "sinh",
    "softplus", "sqrt", "tan", "tanh", "where",
]  # fmt: skip


def dot(weights: Iterable[Any], inputs: Iterable[Any], bias: Any = 0) -> Any:
    """Σ wᵢxᵢ + b, recorded as one gate.

    Args:
        weights, inputs: equally many Values or numbers.
        bias: one Value or number.

    Raises:
        ValueError: if there are not equally many weights and inputs.

    >>> dot([2.0, -3.0], [-1.0, -2.0], -3.0)
    1.0
    """
    weights, inputs = tuple(weights), tuple(inputs)
    if len(weights) != len(inputs):
        raise ValueError(
            f"dot() needs as many inputs as weights, got {len(weights)} weights "
            f"and {len(inputs)} inputs"
        )
    return primitives.dot(*weights, *inputs, bias)


def fsum(operands: Iterable[Any]) -> Any:
    """The sum of any number of terms as one gate, rounded once.

    Shewchuk, Adaptive precision floating-point arithmetic and fast robust geometric predicates
    (1997), as :func:`math.fsum` does it.

    Args:
        operands: Values or numbers; the sum of none is 0.

    >>> fsum([1e100, 1.0, -1e100])
    1.0
    """
    operands = tuple(operands)
    return primitives.fsum(*operands) if operands else 0.0


def logsumexp(operands: Iterable[Any]) -> Any:
    """log(Σ exp(aᵢ)), the smooth maximum, recorded as one gate; it never overflows.

    Args:
        operands: at least one Value or number.

    Raises:
        ValueError: if there are no operands.

    >>> logsumexp([1000.0, 1000.0])
    1000.6931471805599
    """
    operands = tuple(operands)
    if not operands:
        raise ValueError("logsumexp() needs at least one operand, got none")
    return primitives.logsumexp(*operands)
