"""Transforms: structures, orders, nesting, and agreement with each other and with mpmath."""

from __future__ import annotations

import copy
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import autodiff as ad
from autodiff import (
    Graph,
    Value,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    primitives,
    value_and_grad,
    vjp,
)
from autodiff.testing import Example, expressions_at_points
from test_primitives import INF, OPERATIONS, ORACLES, condition, points, varying
from test_random_graphs import DIGITS


class Point(NamedTuple):
    x: float
    y: float


STRUCTURES: list[tuple[Callable[[Any], Any], Any, Any]] = [
    (lambda p: p * p, 3.0, 6.0),
    (lambda p: p[0] * p[1], [3.0, 4.0], [4.0, 3.0]),
    (lambda p: p[0] * p[1], (3.0, 4.0), (4.0, 3.0)),
    (lambda p: p.x * p.y, Point(3.0, 4.0), Point(4.0, 3.0)),
    (lambda p: p["a"] * p["b"][0], {"a": 3.0, "b": [4.0, 5.0]}, {"a": 4.0, "b": [3.0, 0.0]}),
    (lambda p: p[0][0] * p[1], [[3], 4], [[4.0], 3.0]),
    (lambda p: 7.0, [1.0, 2.0], [0.0, 0.0]),
    (lambda p: p[1], [1.0, 2.0], [0.0, 1.0]),
]


@pytest.mark.parametrize(("function", "point", "gradient"), STRUCTURES)
def test_structure_in_is_structure_out(
    function: Callable[[Any], Any], point: Any, gradient: Any
) -> None:
    computed = grad(function)(point)
    assert computed == gradient
    assert type(computed) is type(gradient)
    assert value_and_grad(function)(point)[1] == gradient


def test_kinds_of_dicts_are_kept() -> None:
    ordered = OrderedDict(b=3.0, a=4.0)
    assert grad(lambda p: p["a"] * p["b"])(ordered) == OrderedDict(b=4.0, a=3.0)
    counted = grad(lambda p: p["a"] * p["a"])(defaultdict(list, a=3.0))
    assert (counted["a"], counted["new"]) == (6.0, [])


def test_arrays_arrive_as_arrays_of_values() -> None:
    seen: list[Any] = []

    def function(w: Any, x: Any) -> Any:
        seen.append(w)
        return (w @ x + 1.0).sum() + w[0, 0] ** 2

    w, x = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 6.0])
    dw, dx = grad(function, argnums=(0, 1))(w, x)
    assert seen[0].shape == (2, 2)
    assert seen[0].dtype == object
    np.testing.assert_array_equal(dw, [[7.0, 6.0], [5.0, 6.0]])
    np.testing.assert_array_equal(dx, [4.0, 6.0])
    assert dw.dtype == dx.dtype == float


def test_jacobian_shapes() -> None:
    a = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 5.0]])
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(jacobian(lambda x: a @ x)(x), a)
    assert jacobian(lambda x: np.outer(x, x))(x).shape == (3, 3, 3)
    by_name = jacobian(lambda x, y: {"sum": x + y, "product": x * y}, argnums=(0, 1))(2.0, 3.0)
    assert by_name == {"sum": (1.0, 1.0), "product": (3.0, 2.0)}
    np.testing.assert_array_equal(hessian(lambda x: x @ x)(x), 2 * np.eye(3))
    assert hessian(lambda p: p["a"] ** 2 * p["b"])({"a": 3.0, "b": 5.0}) == {
        "a": {"a": 10.0, "b": 6.0},
        "b": {"a": 6.0, "b": 0.0},
    }


def test_transforms_never_touch_grad_and_ignore_no_grad() -> None:
    w = Value(3.0)
    assert grad(lambda x: x * w)(2.0) == 3.0
    assert (w.grad, w.data) == (0.0, 3.0)
    with no_grad():
        assert grad(lambda x: x * x)(2.0) == 4.0


def test_constants_and_values_within_no_grad_are_arguments_like_any() -> None:
    x = Value(2.0)
    assert grad(lambda y: y**3)(x.detach()).data == 12.0
    with no_grad():
        assert grad(lambda y: y**3)(x).data == 12.0
    assert grad(lambda x: x * grad(lambda y: y**3)(x.detach()))(2.0) == 12.0


def test_directions_and_weights_are_matched_by_key() -> None:
    assert jvp(
        lambda p: p["a"] * 10 + p["b"], ({"a": 1.0, "b": 2.0},), ({"b": 1.0, "a": 0.0},)
    ) == (
        12.0,
        1.0,
    )
    assert vjp(lambda x: {"a": x, "b": 10 * x}, 1.0)[1]({"b": 1.0, "a": 0.0}) == (10.0,)


def test_whole_directions_stay_exact() -> None:
    third = Fraction(1, 3)
    assert jvp(lambda x: x**3 / 7, (third,), (1,))[1] == Fraction(1, 21)
    assert vjp(lambda x: x * x / 3, third)[1](1) == (Fraction(2, 9),)
    assert hvp(lambda x: x**3, (third,), (1,)) == 2


def test_zero_times_infinity_is_nan_by_every_route() -> None:
    x = Value(0.0)
    ad.sqrt(abs(x)).backward()
    assert np.isnan(x.grad)
    assert np.isnan(grad(lambda y: ad.sqrt(abs(y)))(0.0))
    assert np.isnan(jvp(lambda y: ad.sqrt(abs(y)), (0.0,), (1.0,))[1])


@pytest.mark.parametrize(
    ("function", "point"),
    [
        (lambda p: p[0] ** p[1], [0.0, 0.0]),
        (lambda p: p[0] ** p[1], [-2.0, 3.0]),
    ],
)
def test_a_derivative_that_does_not_exist_is_not_differentiated_further(
    function: Any, point: list[float]
) -> None:
    with pytest.raises(ValueError, match="has no derivatives"):
        hessian(function)(point)


@pytest.mark.parametrize(
    ("function", "point", "where"),
    [
        (lambda p: p[0] ** p[1], [0.0, 1.0], [[False, True], [True, False]]),
        (lambda p: ad.hypot(p[0], p[1]), [0.0, 0.0], [[True, True], [True, True]]),
    ],
)
def test_the_derivative_of_a_convention_is_nan(
    function: Any, point: list[float], where: list[list[bool]]
) -> None:
    assert np.isnan(hessian(function)(point)).tolist() == where


def test_argnums_may_be_a_numpy_integer() -> None:
    assert grad(lambda x, y: x * y, argnums=np.int64(1))(2.0, 5.0) == 2.0


def test_keyword_arguments_are_passed_on() -> None:
    assert grad(lambda x, scale: scale * x)(2.0, scale=5.0) == 5.0


@pytest.mark.parametrize(
    ("call", "error", "complaint"),
    [
        (lambda: grad(lambda x: [x, x])(1.0), TypeError, "one scalar result, got 2"),
        (lambda: grad(lambda x: x, argnums=1)(1.0), ValueError, "argnums names argument 1"),
        (lambda: grad(lambda x: x)("1"), TypeError, "the string '1'"),
        (lambda: grad(lambda x: None)(1.0), TypeError, "got None"),
        (lambda: jvp(lambda x: x[0], ([1.0, 2.0],), ([1.0],)), ValueError, "2 in a list or tuple"),
        (lambda: vjp(lambda x: [x, x], 1.0)[1](1.0), ValueError, "2 in a list or tuple"),
        (lambda: jvp(lambda x: x, 1.0, 1.0), TypeError, "are tuples"),
        (lambda: hvp(lambda x: x, 1.0, 1.0), TypeError, "are tuples"),
        (lambda: jvp(lambda p: p["a"], ({"a": 1.0},), ({"b": 1.0},)), ValueError, "the keys"),
        (
            lambda: jvp(lambda a: a.sum(), (np.ones((2, 3)),), (np.ones((3, 2)),)),
            ValueError,
            r"of shape \(2, 3\), got \(3, 2\)",
        ),
        (lambda: grad(lambda x: x, argnums=(0, 0))(1.0), ValueError, "twice"),
        (lambda: grad(lambda x: x, argnums=(True,))(1.0), ValueError, "names argument True"),
    ],
)
def test_wrong_calls_say_what_was_expected(
    call: Callable[[], Any], error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        call()


# ------------------------------------------------------------------------------------- nesting


def test_nested_transforms_do_not_confuse_their_perturbations() -> None:
    """Siskind and Pearlmutter, Nesting forward-mode AD in a functional framework (2008)."""
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(1.0))(2.0) == 4.0
    assert grad(lambda x: jvp(lambda y: x * y, (1.0,), (1.0,))[1] * x)(3.0) == 6.0
    assert jvp(lambda x: x * jvp(lambda y: x * y, (2.0,), (1.0,))[1], (3.0,), (1.0,))[1] == 6.0
    # The same value as argument and from outside: only the argument counts.
    assert grad(lambda x: grad(lambda a: a * x)(x))(5.0) == 1.0
    assert grad(lambda x: grad(lambda y: y**2 * x)(x))(3.0) == 12.0


def test_values_in_values_out() -> None:
    x = Value(3.0)
    slope = grad(lambda a: a**3 * x)(x)
    assert isinstance(slope, Value)
    slope.backward()
    assert (slope.data, x.grad) == (81.0, 81.0)


def test_orders_up_to_five() -> None:
    function: Any = lambda x: x**5  # noqa: E731
    for expected in (80.0, 160.0, 240.0, 240.0, 120.0):
        function = grad(function)
        assert function(2.0) == expected


def test_create_graph_accumulates_and_refuses_stale_values() -> None:
    x = Value(2.0)
    y = x * x * x
    y.backward(create_graph=True)
    y.backward(create_graph=True)
    assert x.grad.data == 24.0
    x.data = 3.0
    with pytest.raises(RuntimeError, match="leaf's data was changed"):
        y.backward(create_graph=True)


def test_create_graph_notices_a_change_that_leaves_the_value_the_same() -> None:
    x = Value(2.0)
    square, even = x * x, ad.cos(x)
    x.data = -2.0
    for y in (square, even):
        with pytest.raises(RuntimeError, match="leaf's data was changed"):
            y.backward(create_graph=True)


def test_an_infinite_derivative_is_not_differentiated_further() -> None:
    assert grad(ad.sqrt)(0.0) == INF
    with pytest.raises(ZeroDivisionError) as failure:
        grad(grad(ad.sqrt))(0.0)
    assert "in the derivative of sqrt(0.0)" in failure.value.__notes__


def test_exact_second_derivatives_over_fractions() -> None:
    def function(p: list[Any]) -> Any:
        return p[0] ** 3 * p[1] / (1 + p[1])

    a, b = Fraction(2, 3), Fraction(1, 5)
    ((aa, ab), (ba, bb)) = hessian(function)([a, b])
    assert aa == 6 * a * b / (1 + b)
    assert ab == ba == 3 * a**2 / (1 + b) ** 2
    assert bb == -2 * a**3 / (1 + b) ** 3


# ---------------------------------------------------------------------------- second derivatives


@pytest.mark.parametrize("primitive", OPERATIONS, ids=str)
@given(data=st.data())
def test_second_derivatives_of_the_table(
    primitive: primitives.Primitive, data: st.DataObject
) -> None:
    """∂²y/∂a∂b from the rules applied to Values, against differences of the rules at 100 digits."""
    point = data.draw(points(primitive))
    assume(not primitive.is_corner(*point))
    slots = [slot for slot, varies in enumerate(varying(primitive)) if varies]

    def applied(operands: list[Any]) -> Any:
        placed: list[Any] = list(point)
        for slot, operand in zip(slots, operands, strict=True):
            placed[slot] = operand
        return primitive(*placed)

    with mpmath.workdps(100):
        step = mpmath.mpf(10) ** -30
        exact = [mpmath.mpf(a) for a in point]

        def slopes(slot: int, shift: Any) -> list[Any]:
            moved = [a + (shift if i == slot else 0) for i, a in enumerate(exact)]
            partials = primitive.linearize(moved, varying(primitive))[1]
            return [partials[i] for i in slots]

        expected = [
            [(p - m) / (2 * step) for p, m in zip(slopes(i, step), slopes(i, -step), strict=True)]
            for i in slots
        ]
        computed = hessian(applied)([exact[slot] for slot in slots])
        for row, reference in zip(computed, expected, strict=True):
            for a, b in zip(row, reference, strict=True):
                assert abs(a - b) <= mpmath.mpf(10) ** -25 * (1 + abs(b))
    in_floats = hessian(applied)([point[slot] for slot in slots])
    largest = 1 + max(abs(b) for row in expected for b in row)
    slack = 64 * (1 + condition(primitive.name, point))
    for row, reference in zip(in_floats, expected, strict=True):
        for a, b in zip(row, reference, strict=True):
            assert abs(a - b) <= slack * 2.0**-52 * largest


FEW_DIGITS_LEFT = [
    # Where the obvious rules, differentiated again, subtract numbers that are nearly equal.
    *[
        (name, (a,))
        for name in ("tanh", "sigmoid", "softplus", "asin", "acos", "atan", "erf", "log1p", "expm1")
        for a in (1e-10, -1e-5, 0.01)
    ],
    *[(name, (a,)) for name in ("tanh", "sigmoid", "softplus") for a in (2.5, -30.0)],
    *[(name, (a,)) for name in ("asin", "acos") for a in (0.49, -0.51, 1 - 2.0**-40)],
    ("atan", (1e20,)),
    *[(name, p) for name in ("hypot", "atan2") for p in ((1e-6, 2.0), (-3.0, 1e-8), (2.0, 2.5))],
]


@pytest.mark.parametrize(("name", "point"), FEW_DIGITS_LEFT)
def test_second_and_third_derivatives_keep_their_digits(
    name: str, point: tuple[float, ...]
) -> None:
    function = primitives.PRIMITIVES[name]
    with mpmath.workdps(150):
        for slots in [(0, 0), (0, -1), (-1, -1), (0, 0, 0)]:
            orders = tuple(sum(slot % len(point) == i for slot in slots) for i in range(len(point)))
            expected = mpmath.diff(ORACLES[name], point, orders)
            derivative: Any = function
            for slot in slots:
                derivative = grad(derivative, argnums=slot)
            assert abs(derivative(*point) - expected) <= 1e-13 * abs(expected) + 1e-300


def test_second_derivatives_far_out_are_zero_and_do_not_overflow() -> None:
    for function in (ad.tanh, ad.sigmoid, ad.atan, ad.softplus):
        assert grad(grad(function))(1e160) == 0
        assert grad(grad(function))(-1e160) == 0


def as_function(example: Example) -> Callable[[list[Any]], Any]:
    return lambda leaves: example.expression(leaves)


@given(expressions_at_points(max_steps=10))
def test_hessians_of_random_graphs(example: Example) -> None:
    with mpmath.workdps(DIGITS):
        step = mpmath.mpf(10) ** -12
        exact = [mpmath.mpf(leaf) for leaf in example.point]
        computed = hessian(as_function(example))(exact)

        def value(i: int, a: Any, j: int, b: Any) -> Any:
            moved = list(exact)
            moved[i] += a
            moved[j] += b
            return example.expression(moved, ORACLES)

        for i in range(len(exact)):
            for j in range(len(exact)):
                corners = [
                    value(i, a, j, b) * (1 if a == b else -1)
                    for a in (step, -step)
                    for b in (step, -step)
                ]
                expected = sum(corners) / (4 * step**2)
                assert abs(computed[i][j] - expected) <= mpmath.mpf(10) ** -8 * (1 + abs(expected))


@given(expressions_at_points(), st.data())
def test_forward_and_reverse_mode_agree(example: Example, data: st.DataObject) -> None:
    count = len(example.point)
    direction = [data.draw(st.integers(-3, 3)) / 2 for _ in range(count)]
    with mpmath.workdps(DIGITS):
        point = [mpmath.mpf(leaf) for leaf in example.point]
        function = as_function(example)
        value, gradient = value_and_grad(function)(point)
        along = sum(g * d for g, d in zip(gradient, direction, strict=True))
        forward = jvp(function, (point,), ([mpmath.mpf(d) for d in direction],))
        tiny = mpmath.mpf(10) ** -40
        assert forward[0] == value
        assert abs(forward[1] - along) <= tiny * (1 + abs(along))
        (pulled,) = vjp(function, point)[1](mpmath.mpf(2))
        assert all(
            abs(p - 2 * g) <= tiny * (1 + abs(g)) for p, g in zip(pulled, gradient, strict=True)
        )
        product = hvp(function, (point,), ([mpmath.mpf(d) for d in direction],))
        rows = hessian(function)(point)
        for row, entry in zip(rows, product, strict=True):
            expected = sum(h * d for h, d in zip(row, direction, strict=True))
            assert abs(entry - expected) <= tiny * (1 + abs(expected))


def square_by_a_copy(x: Any) -> Any:
    return copy.deepcopy(x) * x


def square_by_a_copied_result(x: Any) -> Any:
    y = x * 1
    return copy.deepcopy({"y": [y]})["y"][0] * y


@pytest.mark.parametrize("function", [square_by_a_copy, square_by_a_copied_result])
def test_a_copy_of_an_argument_is_differentiated_too(function: Callable[..., Any]) -> None:
    assert grad(function)(3.0) == 6.0
    assert grad(grad(function))(3.0) == 2.0
    assert jvp(function, (3.0,), (1.0,)) == (9.0, 6.0)
    assert grad(lambda x: grad(lambda y: function(x) * y)(2.0))(3.0) == 6.0
    assert (grad(lambda a: function(a).sum())(np.array([1.0, 3.0])) == [2.0, 6.0]).all()


def test_a_graph_that_has_nothing_to_do_with_a_transform_is_copied_as_ever() -> None:
    w = Value(2.0, "w")
    loss = (w * 3.0 - 1.0) ** 2

    def step(x: Any) -> Any:
        own, own_loss = copy.deepcopy((w, loss))
        own_loss.backward()
        return x * own.grad

    assert grad(step)(1.0) == 30.0
    assert w.grad == 0.0

    def moved(x: Any) -> Any:
        graph = copy.deepcopy(Graph(w * w))
        return x * graph.forward({graph.leaves[0]: 3.0})

    assert grad(moved)(1.0) == 9.0


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_a_copy_is_a_node_of_its_own(duplicate: Callable[[Any], Any]) -> None:
    def function(x: Any) -> Any:
        for node in (x, x * x):
            node.name = "before"
            twin = duplicate(node)
            assert twin is not node
            assert twin.name == "before"
            twin.name, twin.grad = "after", 7.0
            assert (node.name, node.grad) == ("before", 0.0)
        with pytest.raises(AttributeError, match="data"):
            duplicate(x).data = 5.0  # else the copy were cut off from the derivative
        return duplicate(x) * twin

    assert grad(function)(2.0) == 12.0
    assert hessian(function)(2.0) == 12.0


def test_what_is_shared_stays_shared_in_a_copy() -> None:
    def function(x: Any) -> Any:
        y = x * x
        first, second, third = copy.deepcopy([y, y, x])
        assert first is second
        assert first.parents == (third, third)
        return first * second

    assert grad(function)(2.0) == 32.0


def test_a_copy_is_compiled() -> None:
    assert ad.compile(square_by_a_copy).value_and_grad(3.0) == (9.0, 6.0)
    assert ad.compile(square_by_a_copied_result).value_and_grad(3.0) == (9.0, 6.0)
    assert ad.compile(grad(square_by_a_copy))(3.0) == 6.0
    assert ad.compile(lambda x: copy.copy(x) * x).value_and_grad(3.0) == (9.0, 6.0)


def test_a_model_that_is_copied_inside_a_function_is_a_model_of_its_own() -> None:
    weight = Value(2.0, "w")

    def stepped(x: Any) -> Any:
        own = copy.deepcopy(weight)
        own.data = 5.0
        return own * x

    assert grad(stepped)(3.0) == 5.0
    assert weight.data == 2.0
