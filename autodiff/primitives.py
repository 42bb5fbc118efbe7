"""THE table: every operation that a graph can record, each with one rule.

An entry states mathematics only: the value, and the partial derivative for each operand. The same
line serves every carrier (see :mod:`autodiff.mathematics`), because it is written in operators and
in the namespace ``m``. In a derivative, ``y`` is the value of the operation, so that ``exp`` can
say "my derivative is ``y``". The chain rule is not here; it stands once, in :mod:`autodiff.value`.

To add an operation, add one entry: it is then a function, a method of ``Value``, a gate in pictures
and a row of the tests. CONTRIBUTING.md goes through two of them.
"""

from __future__ import annotations

import builtins
import decimal
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import mul as times
from typing import Any, NamedTuple, TypeVar

import numpy as np

from autodiff.adjoint import FLAT
from autodiff.arrays import mapped
from autodiff.mathematics import (
    ARRAY,
    RATIONAL,
    Mathematics,
    Number,
    as_number,
    is_complex,
    mathematics_of,
)

Rule = Callable[..., Any]
T = TypeVar("T")


class Domain(NamedTuple):
    """The domain of an operation and of its derivatives, in words and as a test."""

    text: str
    contains: Callable[..., bool]


EVERYWHERE = Domain("", lambda *operands: True)
NO_POLE_OF_GAMMA = Domain("a ≠ 0, -1, -2, ...", lambda a: a > 0 or a % 1 != 0)


class Recorded:
    """The base of what records a primitive that is applied to it: of Value, one floor above."""

    __slots__ = ()

    def _apply(self, primitive: Primitive, operands: tuple[Any, ...]) -> Any:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Primitive:
    """One operation of the table. Calling it on Values records a node; on numbers it computes.

    Attributes:
        name: the field's name for it, also the name of the function and of the method.
        symbol: what a picture shows in the gate.
        arity: how many operands it takes; None for any number.
        value: ``value(m, *operands)``, the operation itself.
        derivatives: for a fixed arity, one rule ``d(m, y, *operands)`` per operand; for a variadic
            primitive a single rule that gives all partial derivatives as a tuple.
        domain: where both are defined.
        corner: 0 where a derivative jumps or is infinite, and elsewhere about as far from 0 as the
            operands are from there; None for an operation that is smooth all over its domain.
        flat_slots: the operands by which it is flat, so that the chain rule has no edge there.
        index_slots: the operands that are whole numbers, with respect to which nothing varies.
        compares: whether the value is true or false, given as 1 or 0.
        commutes: whether the order of two operands does not matter.
        sees_zeros: whether it tells 0.0 from -0.0, which is all that adding 0.0 can change.

    >>> exp(0.0), add(2, 3)
    (1.0, 5.0)
    """

    name: str
    symbol: str
    arity: int | None
    value: Rule
    derivatives: tuple[Rule, ...]
    domain: Domain
    corner: Callable[..., float] | None
    flat_slots: frozenset[int]
    index_slots: frozenset[int]
    compares: bool
    commutes: bool
    sees_zeros: bool

    @property
    def is_flat(self) -> bool:
        """Whether no operand has an edge in the chain rule."""
        return len(self.flat_slots) == self.arity

    def __call__(self, *operands: Any) -> Any:
        """A recorded Value if an operand is one, an array over arrays, else a plain number."""
        recorder = RECORDERS.get(self)
        if recorder is not None and len(operands) == self.arity:
            return recorder(*operands)
        return self.apply(operands)

    def apply(self, operands: tuple[Any, ...]) -> Any:
        """The same in general: what is recorded, and how, is asked of the operands."""
        for operand in operands:
            if isinstance(operand, Recorded):
                return operand._apply(self, operands)
            if isinstance(operand, np.ndarray):
                self.check_arity(operands)
                return mapped(self, operands)
        self.check_arity(operands)
        return self.evaluate([as_number(operand) for operand in operands])

    def is_corner(self, *operands: float) -> bool:
        """Whether a derivative jumps or is infinite here."""
        return self.corner is not None and self.corner(*operands) == 0

    def check_arity(self, operands: Sequence[object]) -> None:
        """Raise TypeError unless the number of operands is right."""
        if not operands:
            raise TypeError(f"{self.name} needs at least one operand, got none")
        if self.arity is not None and len(operands) != self.arity:
            raise TypeError(f"{self.name} takes {self.arity} operand(s), got {len(operands)}")

    def evaluate(self, operands: Sequence[Number]) -> Number:
        """The value at these numbers.

        Raises:
            ValueError, ZeroDivisionError, OverflowError: Python's own class, where finite operands
                give a result that is not a finite real number. Operands that are themselves
                infinite or NaN follow IEEE 754 instead.
        """
        return self._value(mathematics_of(operands), operands)

    def linearize(
        self, operands: Sequence[Number], varies: Sequence[bool]
    ) -> tuple[Number, tuple[Number, ...]]:
        """The value and ∂(value)/∂(operand) for each operand, in order.

        A derivative that is infinite or undefined at a valid value is given as inf or NaN. An
        operand that does not ``vary`` (a constant) may be given 0 in place of its derivative.
        """
        m = mathematics_of(operands)
        y = self._value(m, operands)
        try:
            return y, tuple(self.partial_derivatives(m, y, operands, varies))
        except (ArithmeticError, ValueError):
            with np.errstate(all="ignore"):
                limits = self.partial_derivatives(
                    ARRAY, np.float64(y), [np.float64(a) for a in operands], varies
                )
            return y, tuple([d if d is FLAT else m.carrier(float(d)) for d in limits])

    def partial_derivatives(
        self, m: Mathematics, y: Any, operands: Sequence[Any], varies: Sequence[bool]
    ) -> Sequence[Any]:
        """The rules of the table, applied in one namespace: ∂y/∂operand, or 0 for a constant."""
        if self.arity is None:
            (all_at_once,) = self.derivatives
            return all_at_once(m, y, *operands)  # type: ignore[no-any-return]
        return [
            rule(m, y, *operands) if varying else 0
            for rule, varying in zip(self.derivatives, varies, strict=True)
        ]

    def _value(self, m: Mathematics, operands: Sequence[Number]) -> Number:
        try:
            y = self.value(m, *operands)
        except (ArithmeticError, ValueError) as error:
            if builtins.all(m.is_finite(operand) for operand in operands):
                raise self._in_pythons_own_class(error) from None
            with np.errstate(all="ignore"):
                y = m.carrier(float(self.value(ARRAY, *[np.float64(a) for a in operands])))
        if type(y) is float and y - y == 0.0:
            return y
        if is_complex(y):
            raise ValueError(f"{self.name} has no real value here")
        if m is RATIONAL and isinstance(y, float):
            raise TypeError(f"{self.name} has no exact value over Fraction here")
        if isinstance(y, int):  # a comparison, or a rule that answers with a plain 0 or 1
            y = m.carrier(y)
        if not m.is_finite(y) and builtins.all(m.is_finite(operand) for operand in operands):
            inside = self.domain.contains(*operands)
            raise self._overflow() if inside else ValueError("math domain error")
        return y

    def _in_pythons_own_class(self, error: Exception) -> Exception:
        """Decimal has classes of its own, and some libraries an empty message."""
        if isinstance(error, OverflowError | decimal.Overflow):
            return self._overflow()
        if isinstance(error, ZeroDivisionError):
            return ZeroDivisionError(f"{self.name} by zero")
        return ValueError("math domain error") if isinstance(error, ArithmeticError) else error

    def _overflow(self) -> OverflowError:
        return OverflowError(f"the result of {self.name} is too large")

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return (named, (self.name,))


PRIMITIVES: dict[str, Primitive] = {}

STRUCTURAL: dict[str, Primitive] = {}
"""Operations beside the table, which mean something to programs over many examples alone."""

RECORDERS: dict[Primitive, Callable[..., Any]] = {}
"""Short ways to record an operation, filled from above; they leave the rest to ``apply``."""


def define(
    name: str,
    symbol: str,
    value: Rule,
    *derivatives: Rule,
    domain: Domain = EVERYWHERE,
    corner: Callable[..., float] | None = None,
    variadic: bool = False,
    compares: bool = False,
    commutes: bool = False,
    sees_zeros: bool = False,
    table: dict[str, Primitive] = PRIMITIVES,
) -> Primitive:
    """Add an entry to the table; the number of derivative rules says how many operands it takes."""
    arity = None if variadic else len(derivatives)

    def slots(of: Rule) -> frozenset[int]:
        return frozenset([slot for slot, rule in enumerate(derivatives) if rule is of])

    primitive = Primitive(
        name, symbol, arity, value, derivatives, domain, corner, slots(flat), slots(undefined),
        compares, commutes, sees_zeros,
    )  # fmt: skip
    table[name] = primitive
    return primitive


def named(name: str) -> Primitive:
    """The primitive with this name."""
    return PRIMITIVES[name] if name in PRIMITIVES else STRUCTURAL[name]


def flat(*_: Any) -> int:
    """The rule of a derivative that is 0 wherever there is one."""
    return FLAT


def undefined(m: Mathematics, *_: Any) -> Any:
    """The rule of a derivative that does not exist, with respect to an operand that is an index."""
    return m.undefined


# Shapes that several derivatives share. Each is written one way near 0 and another far from
# it, equal in value: derivatives of derivatives then lose no digits on either side.


def _one_minus_square(m: Mathematics, a: Any) -> Any:
    """1 - a², which loses digits near ±1, where (1 - a)(1 + a) loses none."""
    return m.where(builtins.abs(a) < 0.5, lambda: 1 - a * a, lambda: (1 - a) * (1 + a))


def _slope_by_base(m: Mathematics, a: Any, b: Any) -> Any:
    """∂(aᵇ)/∂a = b aᵇ⁻¹, and 0 at 0⁰, since a⁰ is 1 for every a."""
    if m.is_constant(b) and m.is_zero(b):
        return 0  # of a polynomial of degree 0, to every order

    def smooth() -> Any:
        return b * m.power(a, b - 1)

    return m.where(
        m.is_zero(b), lambda: m.where(m.is_zero(a), lambda: m.limit(0, a), smooth), smooth
    )


def _slope_by_exponent(m: Mathematics, y: Any, a: Any, b: Any) -> Any:
    """∂(aᵇ)/∂b = aᵇ ln a. 0ᵇ is flat for b > 0; a negative base has whole exponents only."""
    return m.where(
        a > 0,
        lambda: y * m.log(a),
        lambda: m.where(
            m.is_zero(a),
            lambda: m.where(m.is_positive(b), lambda: m.vanishing(a, b), lambda: m.undefined),
            lambda: m.undefined,
        ),
    )


def _cosine(m: Mathematics, a: Any, b: Any, radius: Any) -> Any:
    """a / hypot(a, b), for b far below a in size as ±1 / hypot(1, b/a)."""
    return m.where(
        builtins.abs(a) <= builtins.abs(b),
        lambda: a / radius,
        lambda: m.where(a > 0, lambda: 1, lambda: -1) / m.hypot(1, b / a),
    )


def _square_of_sech(m: Mathematics, a: Any) -> Any:
    """1 / cosh²(a), in which nothing overflows."""
    shrinking = m.exp(-builtins.abs(a))
    square = shrinking * shrinking
    return 4 * square / ((1 + square) * (1 + square))


def _bell(m: Mathematics, a: Any) -> Any:
    """exp(-a²); far out, where a² may overflow, it is 0 to any number of digits."""
    return m.where(builtins.abs(a) < 10**150, lambda: m.exp(-(a * a)), lambda: 0)


def _distance_to_whole(a: float) -> float:
    """Return the distance to the nearest whole number, at most a half."""
    return builtins.abs(a - builtins.round(a)) if math.isfinite(a) else 1.0


# A plain number inside an expression, as the 2 in ``2 * x``. It never varies.
constant = define("constant", "", lambda m: 0)

# fmt: off
# ---------------------------------------------------------------------------------- arithmetic

add = define(
    "add", "+", lambda m, a, b: a + b,
    lambda m, y, a, b: 1,
    lambda m, y, a, b: 1,
    commutes=True,
)
subtract = define(
    "subtract", "−", lambda m, a, b: a - b,
    lambda m, y, a, b: 1,
    lambda m, y, a, b: -1,
)
multiply = define(
    "multiply", "×", lambda m, a, b: a * b,
    lambda m, y, a, b: b,
    lambda m, y, a, b: a,
    commutes=True,
)
divide = define(
    "divide", "÷", lambda m, a, b: a / b,
    lambda m, y, a, b: 1 / b,
    lambda m, y, a, b: -y / b,
    domain=Domain("b ≠ 0", lambda a, b: b != 0),
)
power = define(
    "power", "aᵇ", lambda m, a, b: m.power(a, b),
    lambda m, y, a, b: _slope_by_base(m, a, b),
    lambda m, y, a, b: _slope_by_exponent(m, y, a, b),
    domain=Domain(
        "a ≥ 0, or b a whole number (and a ≠ 0 where b < 0)",
        lambda a, b: (a >= 0 or b % 1 == 0) and (a != 0 or b >= 0),
    ),
    corner=lambda a, b: max(a, 0),  # left of 0 only whole exponents: no ∂/∂b
)
remainder = define(
    "remainder", "mod", lambda m, a, b: m.remainder(a, b),
    lambda m, y, a, b: 1,
    lambda m, y, a, b: m.round((y - a) / b),  # -⌊a / b⌋, however a / b was rounded
    domain=Domain("b ≠ 0", lambda a, b: b != 0),
    corner=lambda a, b: _distance_to_whole(a / b) if b else 0,
)
# A value under another name: a transform sees its argument through it.
identity = define(
    "identity", "=", lambda m, a: a,
    lambda m, y, a: 1,
)
negate = define(
    "negate", "×−1", lambda m, a: -a,
    lambda m, y, a: -1,
)

# ---------------------------------------------- comparisons: 0 or 1, and flat on both sides

less = define(
    "less", "<", lambda m, a, b: a < b, flat, flat,
    corner=lambda a, b: a - b, compares=True,
)
less_equal = define(
    "less_equal", "≤", lambda m, a, b: a <= b, flat, flat,
    corner=lambda a, b: a - b, compares=True,
)
greater = define(
    "greater", ">", lambda m, a, b: a > b, flat, flat,
    corner=lambda a, b: a - b, compares=True,
)
greater_equal = define(
    "greater_equal", "≥", lambda m, a, b: a >= b, flat, flat,
    corner=lambda a, b: a - b, compares=True,
)

# ------------------------------------------------------------------- steps: flat between jumps

sign = define("sign", "sgn", lambda m, a: m.sign(a), flat, corner=lambda a: a)
floor = define("floor", "⌊a⌋", lambda m, a: m.floor(a), flat, corner=_distance_to_whole)
ceil = define("ceil", "⌈a⌉", lambda m, a: m.ceil(a), flat, corner=_distance_to_whole)
# The even one of two whole numbers that are equally near.
round = define(
    "round", "round", lambda m, a: m.round(a), flat,
    corner=lambda a: _distance_to_whole(a - 0.5),
)
copysign = define(
    "copysign", "±|a|", lambda m, a, b: m.copysign(a, b),
    lambda m, y, a, b: m.sign(a) * m.copysign(1, b),
    flat,
    corner=lambda a, b: min(builtins.abs(a), builtins.abs(b)),
    sees_zeros=True,
)

# ---------------------------------------------------------------------------------- functions

exp = define(
    "exp", "eˣ", lambda m, a: m.exp(a),
    lambda m, y, a: y,
)
log = define(
    "log", "ln", lambda m, a: m.log(a),
    lambda m, y, a: 1 / a,
    domain=Domain("a > 0", lambda a: a > 0),
)
exp2 = define(
    "exp2", "2ˣ", lambda m, a: m.exp2(a),
    lambda m, y, a: y * m.log(m.ratio(2, 1)),
)
log2 = define(
    "log2", "log₂", lambda m, a: m.log2(a),
    lambda m, y, a: 1 / m.log(m.ratio(2, 1)) / a,
    domain=Domain("a > 0", lambda a: a > 0),
)
log10 = define(
    "log10", "log₁₀", lambda m, a: m.log10(a),
    lambda m, y, a: 1 / m.log(m.ratio(10, 1)) / a,
    domain=Domain("a > 0", lambda a: a > 0),
)
sqrt = define(
    "sqrt", "√", lambda m, a: m.sqrt(a + 0),  # -0.0 as 0.0, whose slope is +inf
    lambda m, y, a: 1 / (2 * y),
    domain=Domain("a ≥ 0", lambda a: a >= 0),
    corner=lambda a: a,
)
cbrt = define(
    "cbrt", "∛", lambda m, a: m.cbrt(a),
    lambda m, y, a: 1 / (3 * y * y),
    corner=lambda a: a,
)
log1p = define(
    "log1p", "ln(1+a)", lambda m, a: m.log1p(a),
    lambda m, y, a: 1 / (1 + a),
    domain=Domain("a > -1", lambda a: a > -1),
)
expm1 = define(
    "expm1", "eᵃ−1", lambda m, a: m.expm1(a),
    lambda m, y, a: m.exp(a),
)
sin = define(
    "sin", "sin", lambda m, a: m.sin(a),
    lambda m, y, a: m.cos(a),
)
cos = define(
    "cos", "cos", lambda m, a: m.cos(a),
    lambda m, y, a: -m.sin(a),
)
tan = define(
    "tan", "tan", lambda m, a: m.tan(a),
    lambda m, y, a: 1 + y * y,
)
asin = define(
    "asin", "asin", lambda m, a: m.asin(a),
    lambda m, y, a: 1 / m.sqrt(_one_minus_square(m, a)),
    domain=Domain("-1 ≤ a ≤ 1", lambda a: -1 <= a <= 1),
    corner=lambda a: 1 - builtins.abs(a),
)
acos = define(
    "acos", "acos", lambda m, a: m.acos(a),
    lambda m, y, a: -1 / m.sqrt(_one_minus_square(m, a)),
    domain=Domain("-1 ≤ a ≤ 1", lambda a: -1 <= a <= 1),
    corner=lambda a: 1 - builtins.abs(a),
)
atan = define(
    "atan", "atan", lambda m, a: m.atan(a),
    lambda m, y, a: 1 / m.hypot(1, a) / m.hypot(1, a),  # 1 + a² may overflow
)
# The angle of the point (b, a). Divided twice by the radius, because its square may overflow.
atan2 = define(
    "atan2", "atan2", lambda m, a, b: m.atan2(a, b),
    lambda m, y, a, b: b / m.hypot(a, b) / m.hypot(a, b),
    lambda m, y, a, b: -a / m.hypot(a, b) / m.hypot(a, b),
    domain=Domain("a ≠ 0 or b > 0; elsewhere the angle jumps", lambda a, b: a != 0 or b > 0),
    corner=lambda a, b: max(builtins.abs(a), b),  # the cut, where b is negative, and its end
    sees_zeros=True,
)
sinh = define(
    "sinh", "sinh", lambda m, a: m.sinh(a),
    lambda m, y, a: m.cosh(a),
)
cosh = define(
    "cosh", "cosh", lambda m, a: m.cosh(a),
    lambda m, y, a: m.sinh(a),
)
asinh = define(
    "asinh", "asinh", lambda m, a: m.asinh(a),
    lambda m, y, a: 1 / m.hypot(1, a),
)
acosh = define(
    "acosh", "acosh", lambda m, a: m.acosh(a),
    lambda m, y, a: 1 / (m.sqrt(a - 1) * m.sqrt(a + 1)),  # a² - 1 may overflow
    domain=Domain("a ≥ 1", lambda a: a >= 1),
    corner=lambda a: a - 1,
)
tanh = define(
    "tanh", "tanh", lambda m, a: m.tanh(a),
    lambda m, y, a: m.where(
        builtins.abs(a) < 1, lambda: 1 - y * y, lambda: _square_of_sech(m, a)
    ),
)
atanh = define(
    "atanh", "atanh", lambda m, a: m.atanh(a),
    lambda m, y, a: 1 / _one_minus_square(m, a),
    domain=Domain("-1 < a < 1", lambda a: -1 < a < 1),
)
sigmoid = define(
    "sigmoid", "σ", lambda m, a: m.sigmoid(a),
    lambda m, y, a: m.logistic_density(a),
)
softplus = define(
    "softplus", "softplus", lambda m, a: m.softplus(a),
    lambda m, y, a: m.sigmoid(a),
)
erf = define(
    "erf", "erf", lambda m, a: m.erf(a),
    lambda m, y, a: 2 / m.sqrt(m.pi) * _bell(m, a),
)
erfc = define(
    "erfc", "erfc", lambda m, a: m.erfc(a),
    lambda m, y, a: -2 / m.sqrt(m.pi) * _bell(m, a),
)
logaddexp = define(
    "logaddexp", "ln(eᵃ+eᵇ)", lambda m, a, b: m.logaddexp(a, b),
    lambda m, y, a, b: m.sigmoid(a - b),
    lambda m, y, a, b: m.sigmoid(b - a),
)
sinc = define(
    "sinc", "sinc", lambda m, a: m.sinc(a),
    lambda m, y, a: m.sinc_slope(a),
)
lgamma = define(
    "lgamma", "ln|Γ|", lambda m, a: m.lgamma(a),
    lambda m, y, a: m.polygamma(0, a),
    domain=NO_POLE_OF_GAMMA,
)
digamma = define(
    "digamma", "ψ", lambda m, a: m.polygamma(0, a),
    lambda m, y, a: m.polygamma(1, a),
    domain=NO_POLE_OF_GAMMA,
)
# ψ⁽ⁿ⁾(a), the derivative of digamma of order n; there is none by n.
polygamma = define(
    "polygamma", "ψ⁽ⁿ⁾", lambda m, n, a: m.polygamma(n, a),
    undefined,
    lambda m, y, n, a: m.polygamma(n + 1, a),
    domain=Domain(
        "n = 0, 1, 2, ...; a ≠ 0, -1, -2, ...",
        lambda n, a: n >= 0 and n % 1 == 0 and NO_POLE_OF_GAMMA.contains(a),
    ),
)
degrees = define(
    "degrees", "°", lambda m, a: a * (180 / m.pi),
    lambda m, y, a: 180 / m.pi,
)
radians = define(
    "radians", "rad", lambda m, a: a * (m.pi / 180),
    lambda m, y, a: m.pi / 180,
)
hypot = define(
    "hypot", "√(a²+b²)", lambda m, a, b: m.hypot(a, b),
    lambda m, y, a, b: m.where(m.is_zero(y), lambda: m.limit(0, y), lambda: _cosine(m, a, b, y)),
    lambda m, y, a, b: m.where(m.is_zero(y), lambda: m.limit(0, y), lambda: _cosine(m, b, a, y)),
    corner=lambda a, b: max(builtins.abs(a), builtins.abs(b)),  # the tip of the cone
)

# --------------------------------------------------------------------------------- branches

relu = define(
    "relu", "ReLU", lambda m, a: m.maximum(a, 0),
    lambda m, y, a: m.where(a > 0, lambda: 1, lambda: 0),
    corner=lambda a: a,
)
abs = define(
    "abs", "|a|", lambda m, a: builtins.abs(a),
    lambda m, y, a: m.where(a > 0, lambda: 1, lambda: m.where(a < 0, lambda: -1, lambda: 0)),
    corner=lambda a: a,
)
# A tie is shared: half the gradient for each. The same rule for both operands, seen from each.
maximum = define(
    "maximum", "max", lambda m, a, b: m.maximum(a, b),
    lambda m, y, a, b: m.share(a > b, a < b),
    lambda m, y, a, b: m.share(b > a, b < a),
    corner=lambda a, b: a - b,
)
minimum = define(
    "minimum", "min", lambda m, a, b: -m.maximum(-a, -b),
    lambda m, y, a, b: m.share(a < b, a > b),
    lambda m, y, a, b: m.share(b < a, b > a),
    corner=lambda a, b: a - b,
)
# The public where is strict: both a and b are computed, and must be in their domains. It has no
# corner: its condition is true or false, and what jumps there is the comparison that made it.
where = define(
    "where", "where", lambda m, c, a, b: m.where(c, lambda: a, lambda: b),
    flat,
    lambda m, y, c, a, b: m.where(c, lambda: 1, lambda: 0),
    lambda m, y, c, a, b: m.where(c, lambda: 0, lambda: 1),
)

# ------------------------------------------------------- any number of operands, as one gate

# Operands in the order w1 ... wn, x1 ... xn, and last a bias, if their number is odd.
def weights_inputs_bias(operands: Sequence[T]) -> tuple[Sequence[T], Sequence[T], Sequence[T]]:
    """The operands of a dot product, taken apart; there is one bias or none.

    >>> weights_inputs_bias("abxyc")
    ('ab', 'xy', 'c')
    """
    count = len(operands) // 2
    return operands[:count], operands[count : 2 * count], operands[2 * count :]


def _dot(_m: Mathematics, *operands: Any) -> Any:
    weights, inputs, bias = weights_inputs_bias(operands)
    return sum(map(times, weights, inputs), *bias)


def _dot_derivatives(_m: Mathematics, _y: Any, *operands: Any) -> tuple[Any, ...]:
    weights, inputs, bias = weights_inputs_bias(operands)
    return (*inputs, *weights, *(1 for _ in bias))


dot = define("dot", "w·x", _dot, _dot_derivatives, variadic=True)
# The sum rounded once, whatever the order of its terms.
fsum = define(
    "fsum", "Σ", lambda m, *a: m.fsum(a),
    lambda m, y, *a: (1,) * len(a),
    variadic=True,
)
# The derivatives are the softmax of the operands, which does not need the rounded value.
logsumexp = define(
    "logsumexp", "ln Σ eˣ", lambda m, *a: m.logsumexp(a),
    lambda m, y, *a: m.softmax(a),
    variadic=True,
)

# --------------------------------------------------------------- beside the table: whole batches

# The sum over all examples of a batch, the same for each of them. One example is a batch of one.
over_examples = define(
    "over_examples", "Σₙ", lambda m, a: a,
    lambda m, y, a: 1,
    table=STRUCTURAL,
)
