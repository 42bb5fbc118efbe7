"""The whole table, against mpmath at 50 digits: nothing in it is untested.

A new entry is tested without a new test: its value with mpmath's function of the same name, its
derivatives with numerical derivatives of its own value rule, evaluated at 50 digits.
"""

from __future__ import annotations

import itertools
import math
import operator
import pickle
import struct
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, find, given
from hypothesis import strategies as st

from autodiff import functions, primitives
from autodiff.adjoint import FLAT
from autodiff.compiler import source
from autodiff.expressions import EXPRESSION, Name, as_expression, evaluate
from autodiff.float_rules import float_rule
from autodiff.mathematics import ARRAY, FLOAT, mathematics_of
from autodiff.primitives import PRIMITIVES, Primitive
from autodiff.printers import PYTHON
from autodiff.testing import Example, expressions_at_points

ULP = 2.0**-52

OPERATIONS = [p for p in PRIMITIVES.values() if p.arity != 0]


class Oracles(dict[str, Callable[..., Any]]):
    """What each operation should be: as listed, or else mpmath's own function of the same name.

    Where mpmath has none, or chooses a complex value, the value rule is its own oracle at 50
    digits: then its rounding is tested, and its derivatives, but not what it means.
    """

    def __missing__(self, name: str) -> Callable[..., Any]:
        theirs, rule = getattr(mpmath, name, None), PRIMITIVES[name].evaluate

        def value(*operands: Any) -> Any:
            found = theirs(*operands) if theirs else None
            return found if isinstance(found, mpmath.mpf) else rule(operands)

        return value


ORACLES = Oracles({
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": mpmath.fdiv,
    "negate": mpmath.fneg,
    "identity": lambda a: a,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "sigmoid": lambda a: 1 / (1 + mpmath.exp(-a)),
    "softplus": lambda a: mpmath.log1p(mpmath.exp(a)),
    "relu": lambda a: max(a, mpmath.mpf(0)),
    "abs": mpmath.fabs,
    "maximum": max,
    "minimum": min,
    "where": lambda c, a, b: a if c else b,
    "log2": lambda a: mpmath.log(a) / mpmath.log(2),
    "exp2": lambda a: mpmath.mpf(2) ** a,
    "round": mpmath.nint,
    "remainder": lambda a, b: a - b * mpmath.floor(a / b),
    "cbrt": lambda a: mpmath.cbrt(abs(a)) * (-1 if a < 0 else 1),
    "copysign": lambda a, b: mpmath.fabs(a) * (-1 if b < 0 or math.copysign(1, b) < 0 else 1),
    "logaddexp": lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b)),
    "sinc": mpmath.sincpi,
    "lgamma": lambda a: mpmath.re(mpmath.loggamma(a)),
    "polygamma": lambda n, a: mpmath.polygamma(int(n), a),
    "dot": lambda *wxb: (
        mpmath.fdot(wxb[: len(wxb) // 2], wxb[len(wxb) // 2 : len(wxb) // 2 * 2])
        + (wxb[-1] if len(wxb) % 2 else 0)
    ),
    "fsum": lambda *a: mpmath.fsum(a),
    "logsumexp": lambda *a: mpmath.log(mpmath.fsum(map(mpmath.exp, a))),
})  # fmt: skip

# Rounded, so that ties, zeros and whole numbers are met often; many of them in narrow domains.
numbers = (st.floats(-30, 30) | st.floats(0, 1) | st.floats(1, 30)).map(lambda a: round(a, 4) + 0.0)


# Whole numbers from 0, for an operand that is an index.
indices = st.integers(0, 4).map(float)


def points(primitive: Primitive) -> st.SearchStrategy[tuple[float, ...]]:
    """Operands inside the domain."""
    slots = [numbers if varies else indices for varies in varying(primitive)]
    return st.tuples(*slots).filter(lambda a: primitive.domain.contains(*a))


def varying(primitive: Primitive) -> list[bool]:
    """The operands with respect to which there is a derivative at all, each by its slot."""
    return [slot not in primitive.index_slots for slot in range(primitive.arity or 5)]


def numerical_derivatives(primitive: Primitive, point: tuple[float, ...]) -> list[mpmath.mpf]:
    """Central differences of the value rule with 100 digits, right to about 40."""
    with mpmath.workdps(100):
        step = mpmath.mpf(10) ** -30

        def value(slot: int, shift: mpmath.mpf) -> mpmath.mpf:
            moved = [mpmath.mpf(a) + (shift if i == slot else 0) for i, a in enumerate(point)]
            return primitive.evaluate(moved)

        return [
            (value(slot, step) - value(slot, -step)) / (2 * step) if varies else 0
            for slot, varies in enumerate(varying(primitive))
        ]


def condition(name: str, point: tuple[float, ...]) -> float:
    """How much a rounded exponent is magnified, in ulps of the result."""
    if name in ("logsumexp", "logaddexp"):  # exp(a - y)
        return 4 * max(map(abs, point))
    if name == "power":  # a ** (b - 1)
        return abs(point[1] * math.log(point[0]))
    if name in ("erf", "erfc"):  # exp(-a²)
        return point[0] ** 2
    if name == "tan":  # 1 + y²
        return 8.0
    if name == "sinc":  # cos(πa) - y
        return float(2 / abs(point[0] * mpmath.diff(mpmath.sincpi, point[0]))) if point[0] else 0.0
    if name in ("lgamma", "digamma", "polygamma"):  # the distance to a pole, or to a zero
        order = {"lgamma": 0, "digamma": 1}.get(name, int(point[0]) + 1)
        here, slope = (mpmath.polygamma(order + k, point[-1]) for k in (0, 1))
        return float(4 * abs(point[-1] * slope / here))
    return 0.0


def slope_of_polygamma(name: str, point: tuple[float, ...]) -> mpmath.mpf:
    """How much ψ, or a derivative of it, changes with its operand."""
    return mpmath.polygamma(1 if name == "digamma" else int(point[0]) + 1, point[-1])


def test_every_operation_of_ours_has_an_oracle() -> None:
    assert set(ORACLES) <= set(PRIMITIVES)
    assert all(name in ORACLES or hasattr(mpmath, name) for name in functions.__all__)


@pytest.mark.parametrize("primitive", OPERATIONS, ids=str)
@given(data=st.data())
def test_value_against_mpmath(primitive: Primitive, data: st.DataObject) -> None:
    point = data.draw(points(primitive))
    computed = primitive.evaluate(point)
    with mpmath.workdps(50):
        exact = [mpmath.mpf(a) for a in point]
        expected = ORACLES[primitive.name](*exact)
        # A sum is as exact as its largest term allows.
        scale = abs(expected)
        if primitive.name == "dot":
            scale += sum(abs(a) for a in map(operator.mul, exact, exact[2:4])) + abs(exact[4])
        if primitive.name in ("logsumexp", "logaddexp"):
            scale += max(map(abs, exact))
        if primitive.name == "lgamma":  # as Python's own, absolutely
            scale += 1 + exact[0] ** 2
        if primitive.name in ("digamma", "polygamma"):
            scale += abs(exact[-1] * slope_of_polygamma(primitive.name, point))
        scale = max(scale, mpmath.mpf(2.0**-1022))  # below, floats have fewer digits
        assert abs(computed - expected) <= 4 * ULP * scale, (
            f"{primitive}{point} should be {mpmath.nstr(expected, 17)}; the value rule is wrong or "
            f"loses digits, or mpmath.{primitive} means something else: then say what in ORACLES"
        )


@pytest.mark.parametrize("primitive", OPERATIONS, ids=str)
@given(data=st.data())
def test_derivatives_against_50_digits(primitive: Primitive, data: st.DataObject) -> None:
    point = data.draw(points(primitive))
    assume(not primitive.is_corner(*point))
    expected = numerical_derivatives(primitive, point)
    varies = varying(primitive)
    _, computed = primitive.linearize(point, varies)
    assert len(computed) == len(point)
    slack = 8 + condition(primitive.name, point)
    for derivative, reference in zip(computed, expected, strict=True):
        assert (
            abs(derivative - reference) <= slack * ULP * abs(reference) + mpmath.mpf(10) ** -35
        ), (
            f"a derivative of {primitive} at {point} should be {mpmath.nstr(reference, 17)}, as "
            "differences of the value rule are; the rule is wrong or loses digits, or the entry "
            "needs a domain= or a corner= that says so"
        )

    with mpmath.workdps(50):
        _, precise = primitive.linearize([mpmath.mpf(a) for a in point], varies)
        for derivative, reference in zip(precise, expected, strict=True):
            assert abs(derivative - reference) <= mpmath.mpf(10) ** -30 * (1 + abs(reference))


@pytest.mark.parametrize("primitive", OPERATIONS, ids=str)
@given(data=st.data())
def test_the_same_rule_serves_arrays(primitive: Primitive, data: st.DataObject) -> None:
    columns = data.draw(st.lists(points(primitive), min_size=1, max_size=4))
    arrays = [np.array(column) for column in zip(*columns, strict=True)]
    with np.errstate(all="ignore"):  # where() evaluates both branches of an array
        values = np.broadcast_to(primitive.value(ARRAY, *arrays), len(columns))
    for value, point in zip(values, columns, strict=True):
        assert float(value) == pytest.approx(primitive.evaluate(point), rel=1e-14, abs=1e-14)


@pytest.mark.parametrize("primitive", OPERATIONS, ids=str)
@given(data=st.data())
def test_the_same_rule_serves_expressions(primitive: Primitive, data: st.DataObject) -> None:
    """An expression, evaluated or written as Python, is the very number that the rule gives."""
    point = data.draw(points(primitive))
    assume(not primitive.is_corner(*point))
    y, slopes = primitive.linearize(point, varying(primitive))
    names = [Name(f"x{i}") for i in range(len(point))]
    numbers = {"y": y, **{name.text: number for name, number in zip(names, point, strict=True)}}
    rules = primitive.partial_derivatives(EXPRESSION, Name("y"), names, varying(primitive))
    scope = {**source.functions(FLOAT), "abs": abs}
    for rule, number in zip(
        (primitive.value(EXPRESSION, *names), *rules), (y, *slopes), strict=True
    ):
        expression = as_expression(rule)
        assert evaluate(expression, numbers, FLOAT) == number
        assert eval(PYTHON.text(expression), scope, numbers) == number


def bits(number: Any) -> Any:
    """What distinguishes floats, also 0 from -0; NaN is like NaN, and flat like flat alone."""
    return FLAT if number is FLAT else struct.pack("d", number) if number == number else "nan"


def assert_float_rule(primitive: Primitive, point: tuple[float, ...]) -> None:
    """A float rule gives the bits of the table, or leaves the point to it."""
    for varies in itertools.product([True, False], repeat=len(point)):
        try:
            value, slopes = float_rule(primitive, varies)(*point)
        except (ValueError, ArithmeticError, TypeError):
            continue
        if math.isfinite(value):
            y, expected = primitive.linearize(point, varies)
            assert list(map(bits, (value, *slopes))) == list(map(bits, (y, *expected)))


FIXED = [p for p in PRIMITIVES.values() if p.arity]


@pytest.mark.parametrize("primitive", FIXED, ids=str)
@given(data=st.data())
def test_float_rules_give_the_bits_of_the_table(primitive: Primitive, data: st.DataObject) -> None:
    assert_float_rule(primitive, data.draw(points(primitive)))


@pytest.mark.parametrize("primitive", FIXED, ids=str)
@given(data=st.data())
def test_float_rules_at_any_floats(primitive: Primitive, data: st.DataObject) -> None:
    corner = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-310, 1e200, -1e308, 1e-20])
    numbers = st.tuples(*[corner | st.floats(allow_nan=False)] * (primitive.arity or 0))
    assert_float_rule(primitive, data.draw(numbers))


NAN, INF = math.nan, math.inf

CORNERS = [
    # name, operands, value, derivatives
    ("relu", (0.0,), 0.0, (0,)),
    ("abs", (0.0,), 0.0, (0,)),
    ("maximum", (2.0, 2.0), 2.0, (0.5, 0.5)),
    ("maximum", (1.0, 2.0), 2.0, (0, 1)),
    ("power", (0.0, 0.0), 1.0, (0, NAN)),
    ("power", (5.0, 0.0), 1.0, (0, math.log(5.0))),
    ("power", (0.0, 1.0), 0.0, (1, 0)),
    ("power", (0.0, 0.5), 0.0, (INF, 0)),
    ("power", (-2.0, 3.0), -8.0, (12.0, NAN)),
    ("sqrt", (0.0,), 0.0, (INF,)),
    ("tanh", (1000.0,), 1.0, (0.0,)),
    ("tanh", (-1000.0,), -1.0, (0.0,)),
    ("sigmoid", (-1000.0,), 0.0, (0.0,)),
    ("sigmoid", (1000.0,), 1.0, (0.0,)),
    ("sigmoid", (-40.0,), math.exp(-40.0), (math.exp(-40.0),)),
    ("sigmoid", (40.0,), 1.0, (math.exp(-40.0),)),
    ("logsumexp", (1000.0, 1000.0), 1000.0 + math.log(2.0), (0.5, 0.5)),
    ("logsumexp", (1e16, 1e16), 1e16, (0.5, 0.5)),
    ("logsumexp", (-1000.0, 1000.0), 1000.0, (0.0, 1.0)),
    ("logsumexp", (-INF, 0.0), 0.0, (0.0, 1.0)),
    ("logsumexp", (-INF, -INF), -INF, (NAN, NAN)),
    ("exp", (INF,), INF, (INF,)),
    ("exp", (-INF,), 0.0, (0.0,)),
    ("log", (INF,), INF, (0.0,)),
    ("sin", (INF,), NAN, (NAN,)),
    ("relu", (NAN,), NAN, (0,)),
    ("relu", (-INF,), 0.0, (0,)),
    ("maximum", (NAN, 1.0), NAN, (0.5, 0.5)),
    ("divide", (1.0, INF), 0.0, (0.0, 0.0)),
    ("where", (1.0, 2.0, 3.0), 2.0, (0, 1, 0)),
    ("where", (0.0, 2.0, 3.0), 3.0, (0, 0, 1)),
    ("minimum", (2.0, 2.0), 2.0, (0.5, 0.5)),
    ("minimum", (1.0, 2.0), 1.0, (1, 0)),
    ("asin", (1.0,), math.pi / 2, (INF,)),
    ("acos", (-1.0,), math.pi, (-INF,)),
    ("hypot", (0.0, 0.0), 0.0, (0, 0)),
    ("hypot", (3e200, 4e200), 5e200, (0.6, 0.8)),
    ("atan2", (0.0, 0.0), 0.0, (NAN, NAN)),
    ("atan2", (1e200, 1e200), math.pi / 4, (5e-201, -5e-201)),
    ("atan2", (0.0, -1.0), math.pi, (-1.0, 0.0)),
    ("atan", (1e200,), math.pi / 2, (0.0,)),
    ("softplus", (1000.0,), 1000.0, (1.0,)),
    ("softplus", (-40.0,), math.exp(-40.0), (math.exp(-40.0),)),
    ("softplus", (21.0,), 21.0 + math.exp(-21.0), (1 / (1 + math.exp(-21.0)),)),
    ("expm1", (1e-20,), 1e-20, (1.0,)),
    ("expm1", (-50.0,), -1.0, (math.exp(-50.0),)),
    ("log1p", (1e-20,), 1e-20, (1.0,)),
    ("fsum", (1e100, 1.0, -1e100), 1.0, (1, 1, 1)),
    ("multiply", (0.0, INF), NAN, (INF, 0.0)),
    ("less", (1.0, 1.0), 0.0, (0, 0)),
    ("less_equal", (1.0, 1.0), 1.0, (0, 0)),
    ("power", (0.0, 2.0), 0.0, (0, 0)),
    ("logsumexp", (-38.0, 0.0), math.exp(-38.0), (math.exp(-38.0), 1)),
    ("logaddexp", (1000.0, 1000.0), 1000.0 + math.log(2.0), (0.5, 0.5)),
    ("tanh", (1.7e308,), 1.0, (0,)),
    ("erf", (1e160,), 1.0, (0,)),
    ("erfc", (30.0,), 0.0, (0,)),
    ("sign", (0.0,), 0.0, (0,)),
    ("sign", (NAN,), NAN, (0,)),
    ("floor", (2.0,), 2.0, (0,)),
    ("ceil", (INF,), INF, (0,)),
    ("round", (0.5,), 0.0, (0,)),
    ("round", (1.5,), 2.0, (0,)),
    ("remainder", (5.0, -3.0), -1.0, (1, 2)),
    ("remainder", (-1.0, 3.0), 2.0, (1, 1)),
    ("remainder", (1.0, 0.1), 1.0 % 0.1, (1, -9)),
    ("remainder", (6.0, 3.0), 0.0, (1, -2)),
    ("copysign", (0.0, -1.0), 0.0, (0, 0)),
    ("copysign", (2.0, -0.0), -2.0, (-1, 0)),
    ("log2", (8.0,), 3.0, (1 / (8 * math.log(2.0)),)),
    ("cbrt", (0.0,), 0.0, (INF,)),
    ("cbrt", (-8.0,), -2.0, (1 / 12,)),
    ("acosh", (1.0,), 0.0, (INF,)),
    ("acosh", (1e200,), math.acosh(1e200), (1e-200,)),
    ("asinh", (-1e200,), math.asinh(-1e200), (1e-200,)),
    ("sinc", (0.0,), 1.0, (0,)),
    ("sinc", (1e9,), 0.0, (1e-9,)),
    ("lgamma", (INF,), INF, (INF,)),
    ("lgamma", (1.0,), 0.0, (-0.5772156649015329,)),
    ("digamma", (-0.5,), 0.03648997397857652, (8.934802200544679,)),
    ("polygamma", (1.0, 1.0), math.pi**2 / 6, (NAN, -2.404113806319188)),
]


@pytest.mark.parametrize(("name", "operands", "value", "derivatives"), CORNERS)
def test_corners(
    name: str, operands: tuple[float, ...], value: float, derivatives: tuple[float, ...]
) -> None:
    computed, partials = PRIMITIVES[name].linearize(operands, [True] * len(operands))
    assert computed == pytest.approx(value, rel=4 * ULP, abs=0, nan_ok=True)
    assert partials == pytest.approx(derivatives, rel=1e-13, abs=0, nan_ok=True)


def test_the_corner_table_in_the_docs_states_these_corners() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "corners.md").read_text()
    rows = [line.split(" | ")[:3] for line in page.splitlines() if line.startswith("| `")]
    shown = [
        [
            f"| `{name}({', '.join(f'{a:.4g}'.replace('e+', 'e') for a in operands)})`",
            f"{value:.4g}".replace("e+", "e"),
            ", ".join(f"{d:.4g}".replace("e+", "e") for d in derivatives),
        ]
        for name, operands, value, derivatives in CORNERS
    ]
    assert rows == shown


UNDEFINED = [
    ("log", (0.0,), ValueError),
    ("log", (-1.0,), ValueError),
    ("sqrt", (-1.0,), ValueError),
    ("log1p", (-1.0,), ValueError),
    ("lgamma", (0.0,), ValueError),
    ("digamma", (-1.0,), ValueError),
    ("polygamma", (1.5, 1.0), ValueError),
    ("polygamma", (-1.0, 1.0), ValueError),
    ("asin", (1.5,), ValueError),
    ("acos", (-1.5,), ValueError),
    ("sinh", (1000.0,), OverflowError),
    ("cosh", (1000.0,), OverflowError),
    ("expm1", (1000.0,), OverflowError),
    ("hypot", (1.5e308, 1.5e308), OverflowError),
    ("fsum", (1.5e308, 1.5e308), OverflowError),
    ("divide", (1.0, 0.0), ZeroDivisionError),
    ("divide", (0.0, 0.0), ZeroDivisionError),
    ("power", (0.0, -1.0), ZeroDivisionError),
    ("power", (-8.0, 1 / 3), ValueError),
    ("power", (10.0, 400.0), OverflowError),
    ("exp", (1000.0,), OverflowError),
    ("add", (1.7e308, 1.7e308), OverflowError),
    ("multiply", (1e200, -1e200), OverflowError),
    ("subtract", (1.7e308, -1.7e308), OverflowError),
    ("dot", (1e200, 1e200, 0.0), OverflowError),
]


@pytest.mark.parametrize(("name", "operands", "error"), UNDEFINED)
def test_finite_operands_never_give_a_silent_infinity(
    name: str, operands: tuple[float, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        PRIMITIVES[name].evaluate(operands)


@pytest.mark.parametrize(
    ("operands", "inside", "is_corner"),
    [
        ((2.0, 0.5), True, False),
        ((2.0, -1.0), True, False),
        ((0.0, 0.0), True, True),
        ((0.0, 0.5), True, True),
        ((0.0, -1.0), False, True),
        ((0.0, -0.5), False, True),
        ((-2.0, 3.0), True, True),
        ((-2.0, -3.0), True, True),
        ((-2.0, 0.5), False, True),
    ],
)
def test_where_powers_and_their_derivatives_are_defined(
    operands: tuple[float, ...], inside: bool, is_corner: bool
) -> None:
    """What the entry says of a point is what it answers there."""
    power = primitives.power
    assert power.domain.contains(*operands) is inside
    assert power.is_corner(*operands) is is_corner
    if inside:
        slopes = power.linearize(operands, [True, True])[1]
        assert all(map(math.isfinite, slopes)) is not is_corner
    else:
        with pytest.raises((ValueError, ZeroDivisionError)):
            power.evaluate(operands)


def test_derivatives_of_where_are_compared_on_both_sides() -> None:
    """Else its rule for a false condition could be anything."""
    assert not primitives.where.is_corner(0.0, 2.0, 3.0)
    false = find(points(primitives.where), lambda point: point[0] == 0)
    assert false == (0.0, 0.0, 0.0)


@given(expressions_at_points(max_steps=6, operations=("multiply", "where")))
def test_conditions_of_random_expressions_are_comparisons(example: Example) -> None:
    expression = example.expression
    made_by = dict(enumerate((name for name, _ in expression.steps), start=expression.inputs))
    for name, operands in expression.steps:
        assert name != "where" or made_by[operands[0]] in (
            "less",
            "less_equal",
            "greater",
            "greater_equal",
        )


@pytest.mark.parametrize("result", [0.0, 1.0])
def test_random_expressions_take_both_branches(result: float) -> None:
    """The conditions of some are true, of others false."""

    def is_met(example: Example) -> bool:
        met: list[float] = []

        def where(c: float, a: float, b: float) -> float:
            met.append(c)
            return a if c else b

        example.expression(example.point, {**PRIMITIVES, "where": where})
        return result in met

    assert find(expressions_at_points(operations=("multiply", "where")), is_met)


def test_exact_carriers_stay_exact() -> None:
    half, third = Fraction(1, 2), Fraction(1, 3)
    assert primitives.divide.linearize([half, third], [True, True]) == (
        Fraction(3, 2),
        (Fraction(3), Fraction(-9, 2)),
    )
    value, derivatives = primitives.power.linearize([half, 3], [True, False])
    assert (value, derivatives) == (Fraction(1, 8), (Fraction(3, 4), 0))
    assert primitives.maximum.linearize([half, half], [True, True])[1] == (half, half)
    assert isinstance(primitives.less.evaluate([half, third]), Fraction)


def test_decimal_and_multiprecision_use_their_own_functions() -> None:
    assert primitives.exp.evaluate([Decimal(1)]) == Decimal(1).exp()
    assert primitives.log.evaluate([Decimal(2)]) == Decimal(2).ln()
    with mpmath.workdps(40):
        assert primitives.sin.evaluate([mpmath.mpf(1)]) == mpmath.sin(1)
        with pytest.raises(ValueError, match="no real value"):
            primitives.log.evaluate([mpmath.mpf(-1)])


@pytest.mark.parametrize(("name", "operand"), [("exp", Fraction(1)), ("sin", Decimal(1))])
def test_a_function_without_a_rule_for_a_carrier_says_so(name: str, operand: object) -> None:
    with pytest.raises(TypeError, match=f"{name} has no"):
        PRIMITIVES[name].evaluate([operand])


def test_mixed_carriers_follow_python() -> None:
    assert mathematics_of([1.5, Fraction(1, 2)]) is FLOAT
    with pytest.raises(TypeError, match="unsupported operand"):
        primitives.add.evaluate([1.5, Decimal(1)])


def test_primitives_are_functions_of_plain_numbers() -> None:
    assert primitives.exp(0) == 1.0
    assert primitives.maximum(1, 2.5) == 2.5
    with pytest.raises(TypeError, match="exp takes 1 operand"):
        primitives.exp(1.0, 2.0)
    with pytest.raises(TypeError, match="expected a real number"):
        primitives.exp("1")


@pytest.mark.parametrize("primitive", PRIMITIVES.values(), ids=str)
def test_primitives_pickle_by_name(primitive: Primitive) -> None:
    assert pickle.loads(pickle.dumps(primitive)) is primitive
