"""The mathematics namespaces: one for each kind of number that can flow through a graph.

A rule in the table of primitives is written once, for instance ``m.exp(a) * b``. Which ``exp`` that
is depends on the *carrier*, the kind of number at hand: a float, an exact ``Fraction``, a
``Decimal``, an mpmath number, or a whole NumPy array. Each carrier has one namespace ``m`` here.
Rules use operators, ints and what :class:`Mathematics` lists, and nothing else.
"""

from __future__ import annotations

import decimal
import functools
import math
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from numbers import Complex, Real
from typing import Any, ClassVar, NoReturn

import numpy as np

from autodiff.special import polygamma, whole_order

Number = Any
"""A float, or a carrier that is kept as it is: Fraction, Decimal, mpmath's mpf."""

Thunk = Callable[[], Any]


class Mathematics:
    """The functions that a rule may use, whatever the numbers are."""

    carrier: Callable[[Any], Any]
    pi: Any
    exp: Callable[[Any], Any]
    expm1: Callable[[Any], Any]
    log: Callable[[Any], Any]
    log1p: Callable[[Any], Any]
    sqrt: Callable[[Any], Any]
    sin: Callable[[Any], Any]
    cos: Callable[[Any], Any]
    tan: Callable[[Any], Any]
    asin: Callable[[Any], Any]
    acos: Callable[[Any], Any]
    atan: Callable[[Any], Any]
    atan2: Callable[[Any, Any], Any]
    sinh: Callable[[Any], Any]
    cosh: Callable[[Any], Any]
    tanh: Callable[[Any], Any]
    erf: Callable[[Any], Any]
    hypot: Callable[[Any, Any], Any]
    log2: Callable[[Any], Any]
    log10: Callable[[Any], Any]
    exp2: Callable[[Any], Any]
    asinh: Callable[[Any], Any]
    acosh: Callable[[Any], Any]
    atanh: Callable[[Any], Any]
    cbrt: Callable[[Any], Any]
    erfc: Callable[[Any], Any]
    lgamma: Callable[[Any], Any]
    polygamma: Callable[[Any, Any], Any]
    sinc: Callable[[Any], Any]
    sinc_slope: Callable[[Any], Any]
    sign: Callable[[Any], Any]
    floor: Callable[[Any], Any]
    ceil: Callable[[Any], Any]
    round: Callable[[Any], Any]
    remainder: Callable[[Any, Any], Any]
    copysign: Callable[[Any, Any], Any]
    logaddexp: Callable[[Any, Any], Any]
    fsum: Callable[[Iterable[Any]], Any]
    maximum: Callable[[Any, Any], Any]
    sigmoid: Callable[[Any], Any]
    softplus: Callable[[Any], Any]
    logistic_density: Callable[[Any], Any]
    logsumexp: Callable[[Iterable[Any]], Any]
    softmax: Callable[[Iterable[Any]], Sequence[Any]]

    @property
    def undefined(self) -> Any:
        """Stands for a derivative that does not exist."""
        return self.carrier("nan")

    def limit(self, number: int, at: Any) -> Any:  # noqa: ARG002
        """A derivative by convention or as a limit: a number that holds where ``at`` is 0 alone."""
        return number

    def vanishing(self, base: Any, exponent: Any) -> Any:  # noqa: ARG002
        """baseᵉˣᵖᵒⁿᵉⁿᵗ ln(base) where the base is 0 and the exponent above 0."""
        return 0

    def is_constant(self, a: Any) -> bool:  # noqa: ARG002
        """Whether an operand is known never to vary; a number does not say so."""
        return False

    def power(self, a: Any, b: Any) -> Any:
        """The power of a base a, to b."""
        return a**b

    def is_finite(self, a: Any) -> bool:
        """Whether a number is neither infinite nor NaN."""
        return math.isfinite(a)

    def is_zero(self, a: Any) -> Any:
        """Whether a number is 0; for an array, where it is."""
        return a == 0

    def is_positive(self, a: Any) -> Any:
        """Whether a number is above 0; for an array, where it is."""
        return a > 0

    def ratio(self, numerator: int, denominator: int) -> Any:
        """A quotient of two ints, as exact as the carrier can hold it."""
        return self.carrier(numerator) / denominator

    def where(self, condition: Any, if_true: Thunk, if_false: Thunk) -> Any:
        """The value of one of two thunks: the branch that is not taken is never evaluated."""
        return if_true() if condition else if_false()

    def share(self, wins: Any, loses: Any) -> Any:
        """1 for the operand that wins, 0 for the one that loses, one half each in a tie."""
        return self.where(
            wins, lambda: 1, lambda: self.where(loses, lambda: 0, lambda: self.ratio(1, 2))
        )


def logistic_density(m: Mathematics, a: Any) -> Any:
    """The slope of the sigmoid, σ(a) (1 - σ(a)), so that its derivatives keep their digits, too.

    Far out it is σ(a) σ(-a), whose tails lose none; near 0 it is (1 - tanh²(a/2)) / 4.
    """

    def by_tanh() -> Any:
        t = m.tanh(a / 2)
        return (1 - t * t) / 4

    return m.where(abs(a) < 2, by_tanh, lambda: m.sigmoid(a) * m.sigmoid(-a))


def _sine_of_half_turns(m: Mathematics, a: Any) -> Any:
    """sin(πa), of which whole multiples of π are taken off exactly, before π is rounded."""
    alternating = 1 - 2 * m.remainder(m.round(a), 2)
    return alternating * m.sin(m.pi * (a - m.round(a)))


def _cosine_of_half_turns(m: Mathematics, a: Any) -> Any:
    """cos(πa), as a sine of what is left to the next zero."""
    turn = a - 2 * m.round(a / 2)
    size = m.where(turn < 0, lambda: -turn, lambda: turn)  # |turn|, but with a slope at 0
    return _sine_of_half_turns(m, (1 - 2 * size) / 2)


def sinc(m: Mathematics, a: Any) -> Any:
    """sin(πa) / (πa), and 1 at 0."""
    divisor = m.where(m.is_zero(a), lambda: 1, lambda: a)
    return m.where(m.is_zero(a), lambda: 1, lambda: _sine_of_half_turns(m, a) / m.pi / divisor)


_TERMS = 24
"""Of the series for the slope of sinc: enough for 50 digits up to a half."""


def sinc_slope(m: Mathematics, a: Any) -> Any:
    """(cos(πa) - sinc(a)) / a, and near 0, where that loses all digits, a series.

    It is -π j₁(πa), of a spherical Bessel function (Abramowitz and Stegun, 10.1.2 and 10.1.11).
    """
    near = m.where(abs(a) < 0.5, lambda: a, lambda: 0)
    far = m.where(abs(a) < 0.5, lambda: 1, lambda: a)

    def by_series() -> Any:
        square = (m.pi * near) * (m.pi * near)
        tail: Any = 1
        for k in range(_TERMS, 0, -1):
            tail = 1 - square * tail / (2 * k * (2 * k + 3))
        return -m.pi * (m.pi * near) / 3 * tail

    def by_quotient() -> Any:
        return (_cosine_of_half_turns(m, far) - m.sinc(far)) / far

    return m.where(abs(a) < 0.5, by_series, by_quotient)


class NumberMathematics(Mathematics):
    """Functions composed of the above, written once for all kinds of numbers."""

    def maximum(self, a: Any, b: Any) -> Any:
        """The larger of two; NaN where either is NaN."""
        return self.where(a >= b, lambda: a, lambda: self.where(b > a, lambda: b, lambda: a + b))

    def sign(self, a: Any) -> Any:
        """1, 0 or -1; NaN for NaN."""
        return self.where(
            a > 0,
            lambda: 1,
            lambda: self.where(
                a < 0, lambda: -1, lambda: self.where(self.is_zero(a), lambda: 0, lambda: a)
            ),
        )

    def floor(self, a: Any) -> Any:
        """The next whole number below; what is not finite stays as it is."""
        return self.carrier(math.floor(a)) if self.is_finite(a) else a

    def ceil(self, a: Any) -> Any:
        """The next whole number above."""
        return self.carrier(math.ceil(a)) if self.is_finite(a) else a

    def round(self, a: Any) -> Any:
        """The nearest whole number, the even one of two that are equally near."""
        return self.carrier(round(a)) if self.is_finite(a) else a

    def remainder(self, a: Any, b: Any) -> Any:
        """a - b ⌊a / b⌋, which has the sign of b, as Python's ``%`` on floats."""
        return a % b

    def copysign(self, a: Any, b: Any) -> Any:
        """The size of a with the sign of b."""
        return -abs(a) if b < 0 else abs(a)

    def softplus(self, a: Any) -> Any:
        """log(1 + exp(a)), written so that nothing overflows or is lost."""
        return self.maximum(a, 0) + self.log1p(self.exp(-abs(a)))

    def sigmoid(self, a: Any) -> Any:
        """1 / (1 + exp(-a)), written so that no exponent is positive and nothing overflows."""
        shrinking = self.exp(-abs(a))
        return self.where(a >= 0, lambda: 1 / (1 + shrinking), lambda: shrinking / (1 + shrinking))

    def logistic_density(self, a: Any) -> Any:
        """The slope of the sigmoid."""
        return logistic_density(self, a)

    def sinc(self, a: Any) -> Any:
        """sin(πa) / (πa), and 1 at 0."""
        return sinc(self, a)

    def sinc_slope(self, a: Any) -> Any:
        """The slope of sinc."""
        return sinc_slope(self, a)

    def logsumexp(self, operands: Iterable[Any]) -> Any:
        """log(sum(exp(a))), shifted by the largest operand so that nothing overflows."""
        others = list(operands)
        peak = functools.reduce(self.maximum, others)
        if peak - peak != 0:
            return peak
        others.remove(peak)  # exp(0) = 1, beside which small terms would be lost
        return peak + self.log1p(sum(self.exp(a - peak) for a in others))

    def logaddexp(self, a: Any, b: Any) -> Any:
        """log(exp(a) + exp(b))."""
        return self.logsumexp((a, b))

    def softmax(self, operands: Iterable[Any]) -> Sequence[Any]:
        """exp(a) / sum(exp(a)), shifted by the largest operand."""
        operands = tuple(operands)
        peak = functools.reduce(self.maximum, operands)
        shares = [self.exp(a - peak) for a in operands]
        total = sum(shares)
        return [share / total for share in shares]


class _FloatMathematics(NumberMathematics):
    carrier = float
    pi = math.pi
    exp = staticmethod(math.exp)
    expm1 = staticmethod(math.expm1)
    log = staticmethod(math.log)
    log1p = staticmethod(math.log1p)
    sqrt = staticmethod(math.sqrt)
    sin = staticmethod(math.sin)
    cos = staticmethod(math.cos)
    tan = staticmethod(math.tan)
    asin = staticmethod(math.asin)
    acos = staticmethod(math.acos)
    atan = staticmethod(math.atan)
    atan2 = staticmethod(math.atan2)
    sinh = staticmethod(math.sinh)
    cosh = staticmethod(math.cosh)
    tanh = staticmethod(math.tanh)
    erf = staticmethod(math.erf)
    hypot = staticmethod(math.hypot)
    log2 = staticmethod(math.log2)
    log10 = staticmethod(math.log10)
    exp2 = staticmethod(math.exp2)
    asinh = staticmethod(math.asinh)
    acosh = staticmethod(math.acosh)
    atanh = staticmethod(math.atanh)
    cbrt = staticmethod(math.cbrt)
    erfc = staticmethod(math.erfc)
    lgamma = staticmethod(math.lgamma)
    polygamma = staticmethod(polygamma)
    copysign: Any = staticmethod(math.copysign)
    fsum = staticmethod(math.fsum)

    # A zero keeps the sign of what was rounded, as IEEE 754 says.

    def floor(self, a: Any) -> Any:
        return math.copysign(math.floor(a), a) if math.isfinite(a) else a

    def ceil(self, a: Any) -> Any:
        return math.copysign(math.ceil(a), a) if math.isfinite(a) else a

    def round(self, a: Any) -> Any:
        return math.copysign(round(a), a) if math.isfinite(a) else a


class _RationalMathematics(NumberMathematics):
    """Exact arithmetic. A function whose values are irrational has no rule here."""

    carrier = Fraction

    @property
    def undefined(self) -> Any:
        raise TypeError("Fraction has no NaN for a derivative that does not exist")

    fsum = staticmethod(sum)

    def is_finite(self, a: Any) -> bool:  # noqa: ARG002
        return True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        what = "pi is no Fraction" if name == "pi" else f"{name} has no exact rule for Fraction"
        raise TypeError(f"{what}; convert the operand with float(...) first")


class _DecimalMathematics(NumberMathematics):
    carrier = Decimal
    exp = staticmethod(Decimal.exp)
    log = staticmethod(Decimal.ln)
    sqrt = staticmethod(Decimal.sqrt)
    fsum = staticmethod(sum)

    def log1p(self, a: Any) -> Any:
        """ln(1 + a), with as many more digits as the sum needs."""
        with decimal.localcontext() as context:
            context.prec += 2 + max(0, -a.adjusted())
            logarithm = (1 + a).ln()
        return +logarithm

    def is_finite(self, a: Any) -> bool:
        return Decimal(a).is_finite()

    def remainder(self, a: Any, b: Any) -> Any:
        rest = a % b  # with the sign of a
        return rest + b if rest * b < 0 else rest

    def power(self, a: Any, b: Any) -> Any:
        return Decimal(1) if b == 0 else a**b  # to Decimal, 0 to the power 0 is undefined

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise TypeError(
            f"{name} has no rule for Decimal; use float(...) or mpmath.mpf(...) for the operand"
        )


def _elementwise(function: Callable[..., float]) -> Callable[..., Any]:
    """A function of floats over arrays, for what NumPy has not.

    What is undefined is NaN, and an invalid operation, which is treated as np.errstate says.
    """

    def defined(*numbers: float) -> float:
        try:
            return function(*numbers)
        except (ValueError, OverflowError):
            return math.nan

    by_element = np.vectorize(defined, otypes=[float])

    def over_arrays(*operands: Any) -> Any:
        result = by_element(*operands)
        if np.isnan(result).any() and not any(np.isnan(operand).any() for operand in operands):
            np.sqrt(-1.0)
        return result.astype(np.result_type(*operands, np.float32))

    return over_arrays


class _ArrayMathematics(NumberMathematics):
    """NumPy arrays, element by element, following IEEE 754: overflow is inf, 0/0 is NaN."""

    carrier = staticmethod(np.asarray)
    undefined = math.nan
    pi = np.pi
    exp = staticmethod(np.exp)
    expm1 = staticmethod(np.expm1)
    log = staticmethod(np.log)
    log1p = staticmethod(np.log1p)
    sqrt = staticmethod(np.sqrt)
    sin = staticmethod(np.sin)
    cos = staticmethod(np.cos)
    tan = staticmethod(np.tan)
    asin = staticmethod(np.arcsin)
    acos = staticmethod(np.arccos)
    atan = staticmethod(np.arctan)
    atan2 = staticmethod(np.arctan2)
    sinh = staticmethod(np.sinh)
    cosh = staticmethod(np.cosh)
    tanh = staticmethod(np.tanh)
    hypot = staticmethod(np.hypot)
    log2 = staticmethod(np.log2)
    log10 = staticmethod(np.log10)
    exp2 = staticmethod(np.exp2)
    asinh = staticmethod(np.arcsinh)
    acosh = staticmethod(np.arccosh)
    atanh = staticmethod(np.arctanh)
    cbrt = staticmethod(np.cbrt)
    sign: Any = staticmethod(np.sign)
    floor: Any = staticmethod(np.floor)
    ceil: Any = staticmethod(np.ceil)
    round: Any = staticmethod(np.rint)
    remainder: Any = staticmethod(np.remainder)
    copysign: Any = staticmethod(np.copysign)
    logaddexp: Any = staticmethod(np.logaddexp)
    erf = staticmethod(_elementwise(math.erf))
    erfc = staticmethod(_elementwise(math.erfc))
    lgamma = staticmethod(_elementwise(math.lgamma))
    polygamma = staticmethod(_elementwise(polygamma))

    def fsum(self, operands: Iterable[Any]) -> Any:
        """Each element's sum over the operands, rounded once."""
        return np.vectorize(lambda *terms: math.fsum(terms), otypes=[float])(*operands)

    def where(self, condition: Any, if_true: Thunk, if_false: Thunk) -> Any:
        return np.where(condition, if_true(), if_false())

    def maximum(self, a: Any, b: Any) -> Any:
        return np.maximum(a, b)

    def logsumexp(self, operands: Iterable[Any]) -> Any:
        """Over the rows of an array, or over several arrays."""
        rows = np.asarray(operands)
        peak = rows.max(0)
        is_below = rows != peak  # exp(0) = 1, beside which small terms would be lost
        shares = np.exp(rows - peak)
        shares *= is_below
        ties = len(rows) - 1 - is_below.sum(0)
        total = np.log1p(shares.sum(0) + ties.astype(rows.dtype))
        total += peak
        if math.isfinite(np.add.reduce(total, axis=None)):
            return total
        return np.where(np.isfinite(peak), total, peak)

    def softmax(self, operands: Iterable[Any]) -> Any:
        """Over the rows of an array, or over several arrays."""
        rows = np.asarray(operands)
        shares = np.exp(rows - rows.max(0))
        shares /= shares.sum(0)
        return shares


class _MultiprecisionMathematics(NumberMathematics):
    """mpmath's numbers, at the precision of the context that they come from."""

    def __init__(self, carrier: Callable[[Any], Any], context: Any) -> None:
        self.carrier = carrier
        self._context = context

    def floor(self, a: Any) -> Any:
        return self._context.floor(a)

    def ceil(self, a: Any) -> Any:
        return self._context.ceil(a)

    def round(self, a: Any) -> Any:
        return self._context.nint(a)

    def log2(self, a: Any) -> Any:
        return self._context.log(a, 2)

    def exp2(self, a: Any) -> Any:
        return self._context.power(2, a)

    def cbrt(self, a: Any) -> Any:
        return self.copysign(self._context.cbrt(abs(a)), a)

    def lgamma(self, a: Any) -> Any:
        return self._context.re(self._context.loggamma(a))

    def polygamma(self, order: Any, a: Any) -> Any:
        return self._context.psi(whole_order(order), a)

    def is_finite(self, a: Any) -> bool:
        return bool(self._context.isfinite(a))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


class Unknown:
    """The number of a traced Value: there is none before the program runs.

    It computes with nothing, so that a Value that was kept from a compiled function poisons
    whatever is made of it.

    Attributes:
        refusals: for each trace at work the errors that it is to know of, in whatever thread they
            are raised.
    """

    refusals: ClassVar[dict[int, list[TypeError]]] = {}

    def _refuse(self, *_: object) -> NoReturn:
        error = TypeError(
            "expected a Value with a number, got one that was recorded while a function was being "
            "compiled, and has none outside; return it from that function instead of keeping it"
        )
        for refusals in list(self.refusals.values()):
            refusals.append(error)
        raise error

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __mod__ = __rmod__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __neg__ = __abs__ = __round__ = _refuse
    __bool__ = __float__ = __int__ = __index__ = _refuse

    def __repr__(self) -> str:
        return "unknown"

    def __reduce__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()
"""The number of every traced Value."""

FLOAT = _FloatMathematics()
RATIONAL = _RationalMathematics()
DECIMAL = _DecimalMathematics()
ARRAY = _ArrayMathematics()

_BY_CARRIER: dict[type, Mathematics] = {
    float: FLOAT,
    int: FLOAT,
    Unknown: FLOAT,
    Fraction: RATIONAL,
    Decimal: DECIMAL,
}


def is_multiprecision(number: object) -> bool:
    """Whether a number is mpmath's mpf; mpmath itself need not be installed."""
    return hasattr(number, "_mpf_") and hasattr(number, "context")


def mathematics_of(operands: Iterable[Number]) -> Mathematics:
    """The namespace for these operands: that of their common carrier, ints fitting in with any."""
    kinds = set(map(type, operands))
    if len(kinds) > 1:
        kinds.discard(int)
    if Unknown in kinds:
        return FLOAT
    if len(kinds) > 1:
        # Python's own operators decide whether such carriers can be combined at all.
        kinds = {type(functools.reduce(lambda a, b: a + b, (kind(0) for kind in kinds)))}
    (kind,) = kinds
    known = _BY_CARRIER.get(kind)
    if known is None:
        known = _BY_CARRIER[kind] = _MultiprecisionMathematics(kind, kind.context)  # type: ignore[attr-defined]
    return known


def carrier_of(number: Number) -> Callable[[Any], Number]:
    """Return a function that makes numbers of the same kind; programs compute with floats.

    >>> carrier_of(Fraction(1, 3))(2)
    Fraction(2, 1)
    """
    kind = type(number)
    return float if kind is Unknown else kind


_PLAIN = (int, float, np.bool, np.integer, np.floating)


def as_number(number: object) -> Number:
    """The number that a graph keeps: int, bool and NumPy scalars as float, exact carriers as is.

    Raises:
        TypeError: for anything else (str, complex, an array, None), saying what to pass instead.

    >>> as_number(3), as_number(Fraction(1, 3))
    (3.0, Fraction(1, 3))
    """
    if type(number) in (float, Fraction, Decimal):
        return number
    if isinstance(number, Fraction | Decimal):
        return Fraction(number) if isinstance(number, Fraction) else Decimal(number)
    if is_multiprecision(number):
        is_constant = isinstance(number, number.context.constant)  # type: ignore[attr-defined]
        return +number if is_constant else number  # type: ignore[operator]
    if isinstance(number, _PLAIN) and not isinstance(number, np.timedelta64):
        try:
            return float(number)
        except OverflowError:
            digits = len(f"{abs(number):x}") * 1.2
            raise OverflowError(
                f"an integer of about {digits:.0f} digits is too large for a float"
            ) from None
    raise TypeError(_not_a_number(number))


def format_number(number: Number, specification: str) -> str:
    """A number of any carrier as text; some of them know no format specifications.

    >>> format_number(Fraction(1, 3), ".3g")
    '0.333'
    """
    try:
        return format(number, specification)
    except (TypeError, ValueError):
        pass
    try:
        return format(float(number), specification)
    except OverflowError:
        return str(number)


def is_complex(number: object) -> bool:
    """Whether a result has left the real numbers."""
    return isinstance(number, Complex) and not isinstance(number, Real)


def _not_a_number(number: object) -> str:
    kind = type(number).__name__
    expected = "expected a real number (int, float, NumPy scalar, Fraction, Decimal or mpf)"
    if isinstance(number, np.ndarray):
        return (
            f"{expected}, got an array of shape {number.shape}; autodiff.array(...) makes an array "
            "of Values of it, and keeps those that it holds"
        )
    if isinstance(number, list | tuple | dict):
        return (
            f"{expected}, got a {kind} of {len(number)}; autodiff.array([...]) makes an array of "
            "Values, and keeps those that it is given"
        )
    if is_complex(number):
        return f"{expected}, got the complex {number}; make one Value each of .real and .imag"
    if isinstance(number, str):
        return f"{expected}, got the string {number!r}; convert it with float(...) first"
    return f"{expected}, got {kind} {number!r:.60}"
