"""The functions of the table, over Values and plain numbers alike.

On a Value they record a node; on plain numbers they compute and return a plain number.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from autodiff import primitives
from autodiff.primitives import abs, cos, exp, log, maximum, relu, sigmoid, sin, sqrt, tanh

__all__ = [
    "abs", "cos", "dot", "exp", "log", "logsumexp", "maximum", "relu", "sigmoid", "sin", "sqrt",
    "tanh",
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


def logsumexp(operands: Iterable[Any]) -> Any:
    """log(Σ exp(aᵢ)), the smooth maximum, recorded as one gate; it never overflows.

    Raises:
        ValueError: if there are no operands.

    >>> logsumexp([1000.0, 1000.0])
    1000.6931471805599
    """
    operands = tuple(operands)
    if not operands:
        raise ValueError("logsumexp() needs at least one operand, got none")
    return primitives.logsumexp(*operands)
