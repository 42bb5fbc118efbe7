"""Elementary functions on lanes: arithmetic alone, the same for all lanes, within 2 ulp.

Each reduces its operand to where a short series does, by exact steps, and puts the result together
again (Muller, Elementary Functions, chapters 5 and 11). The coefficients are those of Taylor's
series. What an operand of no ordinary size needs is left to the C library, lane by lane: infinities
and NaN, numbers outside the domain, results that are subnormal or too large.

A namespace ``m`` gives the operations; see :class:`autodiff.compiler.native.lanes.Lanes`.
"""

from __future__ import annotations

import decimal
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

from autodiff.compiler.native.llvm import DOUBLE

PI = math.pi


def split(number: Fraction, digits: tuple[int, ...]) -> tuple[float, ...]:
    """The number as a sum of parts, each with so many binary digits.

    >>> split(Fraction(1, 3), (4, 53))
    (0.34375, -0.010416666666666666)
    """
    parts = []
    for count in digits:
        exponent = math.frexp(float(number))[1] - count
        part = float(round(number / Fraction(2) ** exponent) * Fraction(2) ** exponent)
        parts.append(part)
        number -= Fraction(part)
    return tuple(parts)


def _logarithm_of_two() -> Fraction:
    with decimal.localcontext(prec=60):
        return Fraction(Decimal(2).ln())


def _pi() -> Fraction:
    """By Machin's formula (1706)."""

    def arctangent_of_one_over(n: int) -> Fraction:
        return sum(
            (Fraction((-1) ** k, (2 * k + 1) * n ** (2 * k + 1)) for k in range(60)), Fraction(0)
        )

    return 4 * (4 * arctangent_of_one_over(5) - arctangent_of_one_over(239))


LOG2, EXACT_PI = _logarithm_of_two(), _pi()


def _digits(m: Any) -> int:
    return int(m.format.digits) + 1


def exp(m: Any, a: Any) -> Any:
    """eᵃ = 2ᵏ eʳ, where k is the whole number that is nearest to a / log(2)."""
    largest, least = (709.0, -708.0) if m.format is DOUBLE else (88.0, -87.0)
    vanishes = -746.0 if m.format is DOUBLE else -104.0
    is_ordinary = (a <= largest) & (a >= least)
    inside = m.where(is_ordinary, lambda: a, lambda: 0)
    result = _exp_of_sum(m, inside, None)
    result = m.where(a < vanishes, lambda: 0, lambda: result)
    return m.rarely(~is_ordinary & ~(a < vanishes), "exp", result, a)


def _exp_of_sum(m: Any, a: Any, rest: Any) -> Any:
    """exp(a + rest) of a small rest, if the result is an ordinary number."""
    k, r, tail = _by_log2(m, a)
    if rest is not None:
        r, tail = _sum(r, tail + rest)
    q = m.polynomial(r, _exp_series(m)[2:])
    return m.power_of_two(k) * (1 + (r + (tail + r * r * q)))


def _exp_series(m: Any) -> list[float]:
    return [1 / math.factorial(n) for n in range(14 if m.format is DOUBLE else 8)]


def _by_log2(m: Any, a: Any) -> tuple[Any, Any, Any]:
    """k, r and a small rest with a = k log(2) + r + rest."""
    high, low = split(LOG2, (_digits(m) - 12, _digits(m)))
    k = m.round(a * (1 / math.log(2)))
    r = m.fma(k, -high, a)  # exact
    reduced = m.fma(k, -low, r)
    return k, reduced, m.fma(k, -low, r - reduced)


def expm1(m: Any, a: Any) -> Any:
    """eᵃ - 1 = 2ᵏ (r + r²/2 + ... + 1 - 2⁻ᵏ)."""
    largest, least = (709.0, -700.0) if m.format is DOUBLE else (88.0, -80.0)
    is_ordinary = (a <= largest) & (a >= least)
    inside = m.where(is_ordinary, lambda: a, lambda: 0)
    k, r, rest = _by_log2(m, inside)
    tail = rest + r * r * m.polynomial(r, _exp_series(m)[2:])
    scale, shift = m.power_of_two(k), 1 - m.power_of_two(-k)
    high, low = _sum(shift, r)
    result = m.where(k == 0, lambda: r + tail, lambda: scale * (high + (low + tail)))
    return m.rarely(~is_ordinary, "expm1", m.copysign(result, a), a)


def log(m: Any, a: Any) -> Any:
    """log(2ᵏ f) = k log(2) + log(f)."""
    is_ordinary = (a >= _least_normal(m)) & (a <= _largest(m))
    inside = m.where(is_ordinary, lambda: a, lambda: 1)
    return m.rarely(~is_ordinary, "log", _log_of_sum(m, inside, None), a)


def _least_normal(m: Any) -> float:
    return float(2.0 ** -(m.format.bias - 1))


def _largest(m: Any) -> float:
    return float((2 - 2.0**-m.format.digits) * 2.0**m.format.bias)


def _log_of_sum(m: Any, a: Any, rest: Any) -> Any:
    """log(a) + rest, where the rest is far below."""
    high, low = split(LOG2, (_digits(m) - 12, _digits(m)))
    k, fraction = m.exponent_and_fraction(a)
    f = fraction - 1
    s = f / (2 + f)  # f = 1 + s over 1 - s, less 1; log is 2 (s + s³/3 + s⁵/5 + ...)
    z = s * s
    series = z * m.polynomial(z, _atanh_series(m)[1:])
    half = 0.5 * f * f
    below = k * low if rest is None else m.fma(k, low, rest)
    return m.fma(k, high, f - (half - m.fma(s, half + series, below)))


def _atanh_series(m: Any) -> list[float]:
    return [2 / (2 * n + 1) for n in range(12 if m.format is DOUBLE else 5)]


def log1p(m: Any, a: Any) -> Any:
    """log(1 + a), with what is lost when the sum is rounded."""
    is_ordinary = (a > -1) & (a < 2.0 ** (m.format.bias - 1))
    inside = m.where(is_ordinary, lambda: a, lambda: 0)
    total, lost = _sum(1, inside)
    result = m.copysign(_log_of_sum(m, total, lost / total), a)
    return m.rarely(~is_ordinary, "log1p", result, a)


def power(m: Any, a: Any, b: Any) -> Any:
    """aᵇ = exp(b log(a)), with more digits in between, of positive numbers."""
    if m.format is not DOUBLE:
        wide = m.widened(a).m
        return m.narrowed(wide._own("power", m.widened(a), m.widened(b)))
    limit = 2.0**60
    is_ordinary = (a >= _least_normal(m)) & (a <= _largest(m)) & (abs(b) < limit)
    inside = m.where(is_ordinary, lambda: a, lambda: 1)
    exponent = m.where(is_ordinary, lambda: b, lambda: 1)
    high, low = _long_log(m, inside)
    total = exponent * high
    rest = m.fma(exponent, high, -total) + exponent * low
    is_ordinary = is_ordinary & (abs(total) < 708)
    total = m.where(is_ordinary, lambda: total, lambda: 0)
    return m.rarely(~is_ordinary, "pow", _exp_of_sum(m, total, rest), a, b)


def _long_log(m: Any, a: Any) -> tuple[Any, Any]:
    """log(a) as a sum of two numbers, with about 65 digits."""
    k, fraction = m.exponent_and_fraction(a)
    f = fraction - 1  # exact
    total, lost = _sum(1, fraction)
    s = f / total
    s_low = (m.fma(-s, total, f) - s * lost) / total
    z, z_low = _product(m, s, s)
    z_low = z_low + 2 * s * s_low
    # 2 s (1 + z/3 + z²/5 + ...): z/3 with all digits, what follows is far smaller.
    third, third_low = split(Fraction(1, 3), (53, 53))
    first, first_low = _product(m, z, third)
    first_low = first_low + z * third_low + z_low * third
    others = z * z * m.polynomial(z, [1 / (2 * n + 1) for n in range(2, 13)])
    series, series_low = _sum_of_ordered(first, others)
    series_low = series_low + first_low
    main, main_low = _product(m, s, series)
    main_low = main_low + s * series_low + s_low * series
    part, part_low = _sum_of_ordered(s, main)
    part_low = part_low + main_low + s_low
    high, low = split(LOG2, (_digits(m) - 12, _digits(m)))
    total, lost = _sum(k * high, 2 * part)
    return _sum_of_ordered(total, lost + (2 * part_low + k * low))


def _sum(a: Any, b: Any) -> tuple[Any, Any]:
    """a + b rounded, and what was lost (Knuth, The Art of Computer Programming, 4.2.2)."""
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


def _sum_of_ordered(a: Any, b: Any) -> tuple[Any, Any]:
    """The same for a that is larger in size, or 0 with b (Dekker 1971)."""
    total = a + b
    return total, b - (total - a)


def _product(m: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """a b rounded, and what was lost."""
    product = a * b
    return product, m.fma(a, b, -product)


def sin(m: Any, a: Any) -> Any:
    """The sine or cosine of what is left after whole quarters of a turn, with a sign."""
    return m.where(a == 0, lambda: a, lambda: _of_quarters(m, "sin", a, 0))


def cos(m: Any, a: Any) -> Any:
    """The sine a quarter of a turn ahead."""
    return _of_quarters(m, "cos", a, 1)


def _of_quarters(m: Any, name: str, a: Any, ahead: int) -> Any:
    limit = 2.0**20 if m.format is DOUBLE else 2.0**10
    is_ordinary = abs(a) < limit
    inside = m.where(is_ordinary, lambda: a, lambda: 0)
    digits = _digits(m)
    high, middle, low = split(EXACT_PI / 2, (digits - 1, digits, digits))
    k = m.round(inside * (2 / math.pi))
    near = m.fma(k, -high, inside)  # exact
    part, part_low = _product(m, k, middle)
    r, lost = _sum(near, -part)
    r, rest = _sum(r, m.fma(k, -low, lost - part_low))
    quarters = k + ahead
    half_turns = m.floor(quarters * 0.5)
    is_odd = quarters != 2 * half_turns
    is_negative = half_turns != 2 * m.floor(half_turns * 0.5)
    size = m.where(is_odd, lambda: _cosine(m, r, rest), lambda: _sine(m, r, rest))
    result = m.where(is_negative, lambda: -size, lambda: size)
    return m.rarely(~is_ordinary, name, result, a)


def _sine(m: Any, r: Any, rest: Any) -> Any:
    z = r * r
    terms = 9 if m.format is DOUBLE else 5
    series = [(-1) ** n / math.factorial(2 * n + 1) for n in range(1, terms)]
    return r + (rest + r * z * m.polynomial(z, series))


def _cosine(m: Any, r: Any, rest: Any) -> Any:
    z = r * r
    terms = 10 if m.format is DOUBLE else 6
    series = [(-1) ** n / math.factorial(2 * n) for n in range(2, terms)]
    near = 1 - 0.5 * z
    return near + ((1 - near - 0.5 * z) + (z * z * m.polynomial(z, series) - r * rest))


def tanh(m: Any, a: Any) -> Any:
    """t / (t + 2), where t = exp(2|a|) - 1; from 22 on it is 1."""
    size = m.where(abs(a) > 22, lambda: 22, lambda: abs(a))
    t = m.expm1(2 * size)
    return m.copysign(t / (t + 2), a)


def erf(m: Any, a: Any) -> Any:
    """Taylor's series about the nearest node of a table.

    Its terms are Hermite's polynomials (Abramowitz and Stegun, 7.1.19 and 22.7.13).
    """
    if m.format is not DOUBLE:
        wide = m.widened(a).m
        return m.narrowed(wide._own("erf", m.widened(a)))
    end = (len(ERF_HIGH) - 1) / NODES
    is_number = a == a
    size = m.where(is_number, lambda: m.where(abs(a) < end, lambda: abs(a), lambda: end), lambda: 0)
    at = m.round(size * NODES)
    node = at * (1 / NODES)
    h = size - node
    before, term = 0, m.looked_up(ERF_SLOPE, at) * h
    total: Any = 0
    for n in range(1, TERMS):
        before, term = term, (-2 / (n + 1)) * h * (node * term + (n - 1) / n * h * before)
        total = total + term
    first = m.looked_up(ERF_SLOPE, at) * h
    result = m.looked_up(ERF_HIGH, at) + (first + (total + m.looked_up(ERF_LOW, at)))
    result = m.copysign(result, a)
    return m.where(is_number, lambda: result, lambda: a)


NODES = 16
"""Nodes of the table for each unit."""
TERMS = 12


def _error_function(a: Fraction) -> Decimal:
    """2/√π (a + 2a³/3 + 4a⁵/15 + ...) exp(-a²), all of one sign (Abramowitz and Stegun, 7.1.6)."""
    with decimal.localcontext(prec=50):
        x = Decimal(a.numerator) / a.denominator
        term, total, n = x, x, 0
        while term > total * Decimal(10) ** -45:
            n += 1
            term = term * 2 * x * x / (2 * n + 1)
            total += term
        return total * (-x * x).exp() * _two_over_root_pi()


def _two_over_root_pi() -> Decimal:
    return 2 / (Decimal(EXACT_PI.numerator) / EXACT_PI.denominator).sqrt()


def _error_function_table() -> tuple[list[float], list[float], list[float]]:
    high, low, slopes = [], [], []
    with decimal.localcontext(prec=50):
        for node in range(6 * NODES + 1):
            a = Fraction(node, NODES)
            parts = split(Fraction(_error_function(a)), (53, 53)) if node else (0.0, 0.0)
            high.append(parts[0])
            low.append(parts[1])
            x = Decimal(a.numerator) / a.denominator
            slopes.append(float((-x * x).exp() * _two_over_root_pi()))
    return high, low, slopes


ERF_HIGH, ERF_LOW, ERF_SLOPE = _error_function_table()
