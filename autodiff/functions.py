"""The functions of the table, over Values and plain numbers alike, and over arrays of them.

On a Value they record a node; on plain numbers they compute and return a plain number; over arrays
they work element by element.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

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
    return primitives.dot(*weights, *inputs, bias)


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
