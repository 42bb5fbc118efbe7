"""check_gradient and the strategies: they find what is wrong, and say what it is."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, find, given, settings
from hypothesis import strategies as st

from autodiff import Value, ceil, check_gradient, exp, floor, relu, sigmoid, sign, sin
from autodiff.checking import GradientError, numerical_derivative
from autodiff.primitives import PRIMITIVES, Primitive
from autodiff.testing import Example, Expression, expressions_at_points


@given(st.floats(-3, 3))
def test_numerical_derivatives_are_as_good_as_they_say(x: float) -> None:
    for function, slope in ((math.sin, math.cos), (math.exp, math.exp), (math.tanh, None)):
        found = numerical_derivative(function, x)
        expected = slope(x) if slope else 1 / math.cosh(x) ** 2
        assert abs(found.value - expected) <= max(10 * found.error, 1e-12 * (1 + abs(expected)))
        assert found.error < 1e-6


def test_right_gradients_pass_in_every_structure() -> None:
    check_gradient(lambda x: x**3, 2.0, order=2)
    check_gradient(lambda x, y: sin(x * y) + x, 0.5, 2.0, order=2)
    check_gradient(lambda p: p["a"] * exp(p["b"][0]), {"a": 2.0, "b": [0.3, 1.0]}, order=2)
    check_gradient(lambda w, x: sigmoid((w @ x).sum()), np.eye(2), np.array([0.1, -0.2]))
    check_gradient(lambda x: 3.0, 1.0)
    check_gradient(lambda x: x.log(), 0.001)


def test_functions_of_floats_are_checked_against_a_hand_written_gradient() -> None:
    check_gradient(lambda x: math.exp(2 * x), 0.5, gradient=lambda x: 2 * math.exp(2 * x))
    with pytest.raises(GradientError, match=r"argument 0: expected a derivative of 5\.436563"):
        check_gradient(lambda x: math.exp(2 * x), 0.5, gradient=lambda x: math.exp(2 * x))


@pytest.mark.parametrize(
    ("function", "gradient", "point", "complaint"),
    [
        (lambda x, y: x * y, lambda x, y: (y, 2 * x), (3.0, 5.0),
         "argument 1: expected a derivative of 3, got 6, which is 3 off"),
        (lambda p: p[0] * p[1], lambda p: [p[1], 0.0], ([3.0, 5.0],),
         "argument 0, number 1 of 2: expected a derivative of 3, got 0"),
        (lambda x, y: x * y, lambda x, y: x, (3.0, 5.0), "expected derivatives, 2 in a list"),
        (lambda x: x * x, lambda x: math.inf, (1.0,), "expected a derivative of 2, got inf"),
        (lambda p: p["a"] * 2 + p["b"], lambda p: {"b": 2.0, "a": 1.0}, ({"a": 1.0, "b": 1.0},),
         "argument 0, number 0 of 2: expected a derivative of 2, got 1"),
        (relu, lambda x: 0.0, (0.0,), "not smooth enough"),
        (math.sqrt, lambda x: 1.0, (0.0,), "no value on both sides"),
    ],
)  # fmt: skip
def test_wrong_gradients_are_named(
    function: Any, gradient: Any, point: tuple[Any, ...], complaint: str
) -> None:
    with pytest.raises(GradientError, match=complaint):
        check_gradient(function, *point, gradient=gradient)


NARROW = [
    (lambda x: math.exp(-(((x - 0.3) / 0.01) ** 2) / 2), 0.31, -100 * math.exp(-0.5)),
    (lambda x: 1 / x, 0.01, -1e4),
    (lambda x: math.sin(1000 * x), 0.3, 1000 * math.cos(300)),
    (lambda x: math.tanh(200 * x), 0.01, 200 / math.cosh(2) ** 2),
    (lambda x: max(x, 0.0), 1e-3, 1.0),
    (lambda x: max(x, 0.0) + 1, -1e-3, 0.0),
    (math.log, 1e-13, 1e13),
    (math.sqrt, 1e-300, 5e149),
    (lambda x: 1e12 + x, 1.0, 1.0),
    (lambda x: 1e300 + x, 1e-300, 1.0),
    (math.exp, 1e-300, 1.0),
    (math.cos, 0.0, 0.0),
    (lambda x: math.sin(1e200 * x), 0.0, 1e200),
    (lambda x: math.sin(128 * math.pi * x), 1.0, 128 * math.pi),
    (math.tanh, 20.0, 4 * math.exp(-40)),
    (lambda x: 3.0, 1.0, 0.0),
]


@pytest.mark.parametrize(("function", "point", "slope"), NARROW)
def test_steps_are_of_the_functions_own_scale(function: Any, point: float, slope: float) -> None:
    check_gradient(function, point, gradient=lambda x: slope)
    if abs(slope) > 1e-10:
        for wrong in (0.0, -slope, slope * (1 + 2e-6)):
            with pytest.raises(GradientError, match="expected a derivative"):
                check_gradient(function, point, gradient=lambda x, wrong=wrong: wrong)


@pytest.mark.parametrize(
    ("call", "kind", "complaint"),
    [
        (lambda: check_gradient(math.sin, 2.0, math.cos), TypeError, "by name, as gradient="),
        (lambda: check_gradient(math.sin, 2.0, gradient=2.0), TypeError, "must be a function"),
        (lambda: check_gradient(math.sin, 2.0, gradient=lambda x: None), TypeError, "None"),
        (lambda: check_gradient(lambda x: None, 2.0, gradient=math.cos), TypeError, "None"),
        (lambda: check_gradient(lambda x: [x, x], 2.0, gradient=math.cos), TypeError, "2 of them"),
        (lambda: check_gradient(math.sin, "2", gradient=math.cos), TypeError, "argument 0"),
        (lambda: check_gradient(sin, 2.0, tolerance=-1), ValueError, "positive number"),
        (lambda: check_gradient(sin, 2.0, tolerance=math.nan), ValueError, "positive number"),
        (lambda: check_gradient(sin, 2.0, tolerance="1e-6"), TypeError, "positive number"),
    ],
)  # fmt: skip
def test_a_call_that_cannot_be_meant_gets_a_sentence(call: Any, kind: Any, complaint: str) -> None:
    with pytest.raises(kind, match=complaint):
        call()


def test_a_wrong_second_derivative_is_found() -> None:
    class Careless:
        """Right to first order; its gradient forgets that it depends on x."""

        def __call__(self, x: Any) -> Any:
            return 3 * (x.detach() if isinstance(x, Value) else x) ** 2

    check_gradient(lambda x: x**3, 2.0, gradient=Careless())
    with pytest.raises(GradientError, match="expected a second derivative of 12, got 0"):
        check_gradient(lambda x: x**3, 2.0, order=2, gradient=Careless())
    with pytest.raises(ValueError, match="order must be 1 or 2"):
        check_gradient(lambda x: x**3, 2.0, order=3)


def test_a_hole_within_the_first_step_is_stepped_over() -> None:
    """As beyond the pole of a tangent, where a larger step lands on the other side."""

    def with_a_hole(x: float) -> float:
        if 0.02 < x - 1 < 0.05:
            raise OverflowError("too large")
        return x * x

    check_gradient(with_a_hole, 1.0, gradient=lambda x: 2 * x)


@settings(max_examples=50)
@given(expressions_at_points(max_steps=8))
def test_random_expressions_pass(example: Example) -> None:
    try:
        check_gradient(example.expression, example.point, tolerance=1e-5)
    except GradientError as error:  # a kink or an edge may still be nearer than the first step
        if "not smooth enough" not in str(error):
            raise


def test_failures_shrink_to_readable_expressions() -> None:
    """The smallest expression that uses tanh and a product."""
    example = find(
        expressions_at_points(),
        lambda e: {"tanh", "multiply"} <= {name for name, _ in e.expression.steps},
        settings=settings(database=None, max_examples=2000),
        random=random.Random(0),
    )
    lines = str(example.expression).splitlines()
    assert len(lines) <= 3
    assert sum("tanh(" in line for line in lines) == 1
    assert sum(" * " in line for line in lines) == 1


def test_expressions_run_on_anything() -> None:
    expression = Expression(2, (("multiply", (0, 1)), ("add", (2, 0))))
    assert str(expression) == "t1 = x0 * x1\nt2 = t1 + x0"
    assert expression([2.0, 3.0]) == 8.0
    result = expression([Value(2.0), Value(3.0)])
    result.backward()
    assert (result.data, result.parents[1].grad) == (8.0, 4.0)
    words = {"multiply": "({}·{})".format, "add": "({}+{})".format}
    assert expression(["a", "b"], words) == "((a·b)+a)"


def test_strategies_name_an_unknown_operation() -> None:
    with pytest.raises(ValueError, match=r"unknown operation.*nope"):
        find(expressions_at_points(operations=("nope",)), lambda _: True)


@pytest.mark.parametrize("at", [0.01, 0.5, 0.99, 3.01, -2.5])
@pytest.mark.parametrize("function", [floor, ceil, sign])
def test_a_staircase_is_flat(function: Any, at: float) -> None:
    check_gradient(function, at)
    with pytest.raises(GradientError):
        check_gradient(function, at, gradient=lambda x: 1.0)


# Functions with a scale of their own, which floats are too coarse for, far away from 0.
WITH_OWN_SCALE = {
    "sin", "cos", "tan", "sinc", "floor", "ceil", "round", "remainder",
    "lgamma", "digamma", "polygamma", "logaddexp",
}  # fmt: skip
CHECKED = [p for p in PRIMITIVES.values() if p.arity]
signs = st.sampled_from((1.0, -1.0))
magnitudes = st.builds(
    lambda sign, mantissa, exponent: sign * mantissa * 10.0**exponent,
    signs,
    st.floats(1, 9.9),
    st.integers(-300, 300),
)


@st.composite
def points_of_any_magnitude(draw: st.DrawFn, primitive: Primitive) -> tuple[list[float], int]:
    """Operands in the domain, far from each other or alike in size, and a slot to check."""
    operands = [draw(magnitudes) for _ in range(primitive.arity or 0)]
    if len(operands) == 2 and draw(st.booleans()):
        operands[1] = operands[0] * draw(signs) * draw(st.floats(0.1, 3))
    if primitive.name == "power" and draw(st.booleans()):
        operands[1] = draw(st.floats(-3, 3))
    for slot in primitive.index_slots:
        operands[slot] = float(draw(st.integers(0, 3)))
    if primitive.name in ("acos", "asin", "atanh", "exp", "sinh", "cosh", "expm1", "exp2"):
        operands[0] = draw(signs) * abs(operands[0]) ** 0.01
    assume(all(map(math.isfinite, operands)) and primitive.domain.contains(*operands))
    assume(not primitive.is_corner(*operands))
    slots = set(range(len(operands))) - primitive.index_slots
    return operands, draw(st.sampled_from(sorted(slots)))


def is_between_steps(number: float) -> bool:
    """Whether the next whole number is far enough for steps that show above rounding."""
    return abs(number - round(number)) > max(1e-6, 2.0**21 * math.ulp(number))


@pytest.mark.parametrize("primitive", CHECKED, ids=str)
@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(st.data())
def test_the_table_at_any_magnitude(primitive: Primitive, data: st.DataObject) -> None:
    """Right derivatives pass, and errors just above the tolerance are found where floats can."""
    operands, slot = data.draw(points_of_any_magnitude(primitive))
    at = operands[slot]
    try:
        value, slopes = primitive.linearize(operands, [True] * len(operands))
    except (ValueError, ArithmeticError):
        assume(False)
    slope = float(slopes[slot])
    assume(math.isfinite(slope))
    scale = abs(at)
    if primitive.name in WITH_OWN_SCALE:
        half = 0.5 if primitive.name == "round" else 0.0  # it steps between whole numbers
        assume(scale < 2**25 and is_between_steps(at - half))
        if primitive.name == "remainder":
            quotient = operands[0] / operands[1]
            assume(abs(quotient) < 2**25 and is_between_steps(quotient))
        scale = min(scale, 0.01)
    elif primitive.corner:
        assume(abs(primitive.corner(*operands)) > 1e-9 * scale)

    def along(x: float) -> float:
        return float(primitive.evaluate([*operands[:slot], x, *operands[slot + 1 :]]))

    check_gradient(along, at, gradient=lambda _: slope)
    is_visible = abs(slope) * scale > 1e10 * math.ulp(value) and abs(slope) > 1e-290
    if is_visible:
        wrong = slope * (1 + data.draw(signs) * 2.5e-6)
        with pytest.raises(GradientError):
            check_gradient(along, at, gradient=lambda _: wrong)


@pytest.mark.parametrize("at", [0.01, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("shift", [1.0, 50.0, 100.0, 1000.0])
@pytest.mark.parametrize(("function", "slope"), [(math.sin, math.cos), (math.exp, math.exp)])
def test_a_gradient_that_was_lost_is_found_beside_a_large_shift(
    function: Any, slope: Any, shift: float, at: float
) -> None:
    if function is math.exp:
        shift /= 10  # else it overflows
    check_gradient(lambda x: function(x + shift), at, gradient=lambda x: slope(x + shift))
    with pytest.raises(GradientError):
        check_gradient(lambda x: function(x + shift), at, gradient=lambda _: 0.0)


@pytest.mark.parametrize(("waves", "at"), [(2000, 2.8), (8065, 2.8), (1000, 1e6)])
def test_fast_waves(waves: int, at: float) -> None:
    check_gradient(lambda x: sin(waves * x + 1), at)
    with pytest.raises(GradientError):
        check_gradient(lambda x: sin(waves * x + 1), at, gradient=lambda _: 1.0)


def test_steps_are_no_periods() -> None:
    with pytest.raises(GradientError):
        check_gradient(lambda x: x + math.sin(128 * math.pi * x), 1e4, gradient=lambda _: 1.0)
