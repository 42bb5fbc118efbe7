"""Special functions of floats that neither Python's ``math`` nor NumPy has.

The digamma function ψ, the derivative of ln Γ, and its own derivatives ψ⁽ⁿ⁾ (Abramowitz and Stegun,
Handbook of Mathematical Functions, sections 6.3 and 6.4): far to the right by their asymptotic
series, from where a recurrence leads back, and to the left of 0 by reflection.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

_TERMS = 15
"""Of the asymptotic series."""

_LARGEST_ORDER = 1000
"""Up to which a value takes milliseconds."""


def _bernoulli(count: int) -> list[Fraction]:
    """B₂, B₄, ... by their recurrence, Σ over k of binomial(m + 1, k) Bₖ = 0."""
    numbers: list[Fraction] = [Fraction(1)]
    for m in range(1, 2 * count + 1):
        total = sum(math.comb(m + 1, k) * b for k, b in enumerate(numbers))
        numbers.append(Fraction(-total, m + 1))
    return numbers[2::2]


BERNOULLI = [float(b) for b in _bernoulli(_TERMS)]


def whole_order(order: Any) -> int:
    """The order of a derivative as an int.

    Raises:
        ValueError: if it is not 0, 1, 2, ...

    >>> whole_order(2.0)
    2
    """
    if not (order >= 0 and order % 1 == 0):
        raise ValueError(f"expected 0, 1, 2, ... as the order of a derivative, got {order}")
    return int(order)


def polygamma(order: float, a: float) -> float:
    """The derivative of ψ of some order, ψ itself for order 0.

    Args:
        order: a whole number from 0.
        a: any number but 0, -1, -2, ...

    Raises:
        ValueError: if the order is none or too large, or the function has a pole here.

    >>> round(polygamma(0, 1.0), 15), round(polygamma(1, 1.0), 12)  # -γ and π²/6
    (-0.577215664901533, 1.644934066848)
    """
    if math.isnan(order) or math.isnan(a) or a == -math.inf:
        return math.nan
    whole = whole_order(order)
    if whole > _LARGEST_ORDER:
        raise ValueError(f"polygamma takes orders up to {_LARGEST_ORDER}, got {whole}")
    if a == math.inf:
        return math.inf if whole == 0 else 0.0
    if a <= 0 and a == math.floor(a):
        raise ValueError("math domain error")
    value = _reflected(whole, a) if a < 0 else _right_of_zero(whole, a)
    if not math.isfinite(value):
        raise OverflowError("the result of polygamma is too large")
    return value


def _right_of_zero(order: int, a: float) -> float:
    """By ψ⁽ⁿ⁾(a) = ψ⁽ⁿ⁾(a + 1) - (-1)ⁿ n! / aⁿ⁺¹ from where the series is exact."""
    sign = 1.0 if order % 2 else -1.0  # of every term but ln a, which is order 0's alone
    steps = max(0, math.ceil(15 + order - a))
    shifted = a + steps
    back = [sign * _term(order, a + k) for k in range(steps)]
    return math.fsum([*back, *_series(order, shifted, sign)])


def _series(order: int, a: float, sign: float) -> list[float]:
    """The terms of the asymptotic series (6.3.18 and 6.4.11)."""
    terms = [math.log(a) if order == 0 else sign * _term(order - 1, a), sign * _term(order, a) / 2]
    rising = sign * _term(order + 1, a) / 2  # (2k + n - 1)! / (2k)! / a²ᵏ⁺ⁿ for k = 1
    for k, bernoulli in enumerate(BERNOULLI, start=1):
        terms.append(bernoulli * rising)
        m = 2 * k + order
        rising *= m / a * ((m + 1) / a) / ((2 * k + 1) * (2 * k + 2))
    return terms


def _term(order: int, a: float) -> float:
    """n! / aⁿ⁺¹, of which neither the factorial nor the power need be a float."""
    return math.prod([j / a for j in range(1, order + 1)], start=1 / a)


def _reflected(order: int, a: float) -> float:
    """By (-1)ⁿ ψ⁽ⁿ⁾(1 - a) - ψ⁽ⁿ⁾(a) = π dⁿ/daⁿ cot πa."""
    mirrored = _right_of_zero(order, 1 - a) * (-1.0 if order % 2 else 1.0)
    return math.fsum([mirrored, -_derivative_of_cotangent(order, a)])


def _derivative_of_cotangent(order: int, a: float) -> float:
    """π dⁿ/daⁿ cot πa, a polynomial in c = cot πa, since c' = -π (1 + c²)."""
    reduced = a - round(a)
    cotangent = 0.0 if abs(reduced) == 0.5 else 1 / math.tan(math.pi * reduced)
    value = 0.0
    for coefficient in reversed(derivative_of_cotangent(order)):
        value = value * cotangent + coefficient
    return math.pi ** (order + 1) * value


def derivative_of_cotangent(order: int) -> list[int]:
    """The coefficients of dⁿ/daⁿ cot πa / πⁿ in powers of cot πa, from the lowest.

    >>> derivative_of_cotangent(1)  # -(1 + c²)
    [-1, 0, -1]
    """
    coefficients = [0, 1]
    for _ in range(order):
        slopes = [k * c for k, c in enumerate(coefficients)][1:]
        coefficients = [0] * (len(slopes) + 2)
        for k, slope in enumerate(slopes):
            coefficients[k] -= slope
            coefficients[k + 2] -= slope
    return coefficients
