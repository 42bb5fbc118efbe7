"""Nothing is silently wrong in a compiled program: it raises or answers as Values do.

Also what was recorded while a function was traced is never mistaken for a number.
"""

from __future__ import annotations

import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import (
    Graph,
    Value,
    compile,
    digamma,
    exp,
    grad,
    hessian,
    lgamma,
    log,
    maximum,
    minimum,
    polygamma,
    sign,
    sqrt,
    tanh,
    where,
)
from autodiff.compiler.vectors import goes_wrong
from autodiff.primitives import PRIMITIVES, Primitive

WAYS = ["numpy", "python", "native", "numpy batched", "native batched"]


def run(function: Any, at: float, way: str) -> Any:
    target, _, is_batched = way.partition(" ")
    if is_batched:
        return compile(function, batched="x", target=target)(np.array([at]))[0]
    return compile(function, target=target)(at)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("function", "at", "error"),
    [
        (lambda x: where(log(x) > 0, 1.0, 2.0) * 2, -1.0, ValueError),
        (lambda x: minimum(1 / x, 5), 0.0, ZeroDivisionError),
        (lambda x: exp(-1 / x), 0.0, ZeroDivisionError),
        (lambda x: 1 / (1 / x), 0.0, ZeroDivisionError),
        (lambda x: tanh(sqrt(x)) * 0 + 1, -1.0, ValueError),
        (lambda x: where(x > 0, log(x), 0.0), -1.0, ValueError),
        (lambda x: where(x > 0, 1 / x, 0.0), 0.0, ZeroDivisionError),
        (lambda x: minimum(exp(x), 5), 1000.0, OverflowError),
        (lambda x: minimum(x * x, 5), 1e200, OverflowError),
        (lambda x: 1 / (1 + x * x), 1e200, OverflowError),
        (lambda x: where(x * x - x * x > 0, 1.0, 2.0), 1e200, OverflowError),
        (lambda x: tanh(x / 1e-300), 1e300, OverflowError),
        (lambda x: minimum(x**-2, 5), 0.0, ZeroDivisionError),
        (lambda x: where(x**0.5 > 1, 1.0, 2.0), -1.0, ValueError),
        (grad(log), -2.0, ValueError),
        (lambda x: grad(lambda a: log(1 + a) * 3)(x), -2.0, ValueError),
        (lambda x: (log(x), x)[1], -2.0, ValueError),
        (lambda x: (1 / x, x)[1], 0.0, ZeroDivisionError),
        (lambda x: digamma(where(x, 0.0, 0.0)), 1.0, ValueError),
        (lambda x: polygamma(sign(x), 0.0), 0.0, ValueError),
        (lambda x: minimum(1 / where(x > 0, 0.0, 0.0), 5), 1.0, ZeroDivisionError),
        (lambda x: where(log(x), x, x), -1.0, ValueError),
    ],
)
def test_what_raises_on_values_raises(
    function: Any, at: float, error: type[Exception], way: str
) -> None:
    with pytest.raises(error):
        function(Value(at))
    with pytest.raises(error):
        run(function, at, way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("function", "at", "expected"),
    [
        (lambda x: exp(-x), math.inf, 0.0),
        (lambda x: minimum(x, 5), math.inf, 5.0),
        (lambda x: where(x > 0, 1.0, 2.0), math.nan, 2.0),
        (lambda x: (x / 2, x**2, x)[2], 1e100, 1e100),
        (lambda x: maximum(x * 1e-200, 1.0), 1e-200, 1.0),
        (lambda x: 1 / (1 + x), math.inf, 0.0),
        (lambda x: x * 1e308, 1.5, 1.5e308),
    ],
)
def test_what_has_a_value_has_it(function: Any, at: float, expected: float, way: str) -> None:
    assert function(Value(at)).data == expected
    assert run(function, at, way) == expected


def functions_of_one(primitive: Primitive) -> list[Any]:
    """The primitive with x as one of its operands, beside 2s, and as all of them."""
    count = primitive.arity or 3
    slots = [{slot} for slot in range(count)] + [set(range(count))] * (count > 1)
    return [
        lambda x, of=of: primitive(*[x if slot in of else 2.0 for slot in range(count)])
        for of in slots
        if not of & primitive.index_slots
    ]


@pytest.mark.parametrize("target", ["python", "numpy", "native"])
@pytest.mark.parametrize("primitive", [p for p in PRIMITIVES.values() if p.arity != 0], ids=str)
def test_derivatives_where_nothing_is_finite(primitive: Primitive, target: Any) -> None:
    for function in functions_of_one(primitive):
        for derivative in (grad(function), grad(grad(function))):
            program = compile(derivative, target=target)
            for x in (math.nan, math.inf, -math.inf):
                try:
                    expected = derivative(x)
                except (ArithmeticError, ValueError) as error:
                    with pytest.raises(type(error)):
                        program(x)
                else:
                    assert program(x) == pytest.approx(expected, rel=1e-12, nan_ok=True), x


@pytest.mark.parametrize("way", [{}, {"batched": "x"}, {"target": "python"}])
def test_the_zeros_that_fill_a_triangle_meet_no_infinity(way: Any) -> None:
    def rows_above(x: Any) -> Any:
        sums = [sum(float(j <= i) * x[j] for j in range(i + 1)) for i in range(4)]
        return sum(where(s > 0.5, 1.0, 2.0) for s in sums)

    at = np.array([1.0, 1.0, 1.0, math.inf])
    found = compile(rows_above, **way)(at[None] if "batched" in way else at)
    assert np.ravel(found).tolist() == [4.0]


def test_triangular_products_meet_no_infinity() -> None:
    lower = np.tril(np.ones((4, 4)))

    def rows_above(lower: Any, x: Any) -> Any:
        return sum(
            where(sum(lower[i][j] * x[j] for j in range(i + 1)) > 0.5, 1.0, 2.0) for i in range(4)
        )

    at = np.array([1.0, 1.0, 1.0, math.inf])
    for target in ("numpy", "auto"):
        assert compile(rows_above, target=target)(lower, at) == 4.0
    assert compile(rows_above, batched="x")(lower, np.array([at, at])).tolist() == [4.0, 4.0]
    both = compile(rows_above, batched=("lower", "x"))
    assert both(np.array([lower, lower]), np.array([at, at])).tolist() == [4.0, 4.0]


def test_the_example_that_went_wrong_is_named() -> None:
    f = compile(lambda x: minimum(1 / x, 5), batched="x")
    with pytest.raises(ZeroDivisionError) as caught:
        f(np.array([1.0, 0.0, 2.0]))
    assert any("in example 1 of 3" in note for note in caught.value.__notes__)


def test_large_results_pass_whatever_errstate_says() -> None:
    with np.errstate(all="raise"):
        assert compile(lambda x: x * 1e160, target="numpy")(2.0) == 2e160
        assert compile(lambda x: x * 1e160, batched="x")(np.ones(3)).tolist() == [1e160] * 3
        value, slope = compile(lambda x: x * 1e160, batched="x").value_and_grad(np.ones(1))
        assert (value, slope) == ([1e160], [1e160])


def test_a_branch_that_is_not_taken_is_no_fault() -> None:
    f = compile(lambda x, y: PRIMITIVES["hypot"](x, y), batched=("x", "y"))
    lengths, slopes = f.value_and_grad(np.array([0.0, 3.0]), np.array([2.0, 4.0]))
    assert (lengths.tolist(), slopes.tolist()) == ([2.0, 5.0], [0.0, 0.6])


@given(st.lists(st.sampled_from([-1e200, -2.0, 0.0, 0.5, 1e200, math.inf]), min_size=1, max_size=4))
def test_faults_are_found_by_the_interpreter(numbers: list[float]) -> None:
    f = compile(lambda x: minimum(1 / x, 5) + minimum(x * x, 3), batched="x")
    f(np.ones(2))
    vectors = f._ran()[0].vectors
    bad = [a for a in numbers if a == 0 or abs(a) == 1e200]
    assert goes_wrong(vectors, [np.array([numbers])], "float64") is bool(bad)


# ------------------------------------------------------------------------------ traced Values


def kept_from_a_trace() -> Value:
    kept: list[Value] = []
    compile(lambda x: (kept.append(x * 2), x)[1])(1.0)
    return kept[0]


@pytest.mark.parametrize(
    "use",
    [
        lambda v: v + 1,
        lambda v: 1 - v,
        lambda v: v * Value(2.0),
        lambda v: Value(2.0) * v,
        lambda v: exp(v),
        lambda v: np.exp(v),
        lambda v: v > 0,
        lambda v: where(v, 1.0, 2.0),
        lambda v: maximum(v, 3),
        lambda v: v**2,
        lambda v: -v,
        lambda v: v.data,
        lambda v: v.item(),
        lambda v: v.detach(),
        lambda v: bool(v),
        lambda v: float(v),
        lambda v: v.backward(),
        lambda v: Graph(v),
        lambda v: grad(lambda x: x * v)(2.0),
        lambda v: compile(lambda x: x * v)(2.0),
    ],
)
def test_a_traced_value_that_was_kept_poisons_what_is_made_of_it(use: Any) -> None:
    with pytest.raises(TypeError):
        use(kept_from_a_trace())


def test_a_kept_value_says_what_to_do() -> None:
    with pytest.raises(TypeError, match="return it from that function instead of keeping it"):
        kept_from_a_trace() + 1
    v = kept_from_a_trace()
    assert repr(v) == "Value(unknown, grad=0.0)"
    with pytest.raises(TypeError, match="return it from that function"):
        pickle.loads(pickle.dumps(v)).data  # noqa: B018


def swallowing(refused: Any) -> Any:
    def function(x: Any) -> Any:
        try:
            return refused(x)
        except TypeError:
            return 5 * x

    return function


@pytest.mark.parametrize(
    "refused",
    [
        lambda x: x if x > 0 else -x,
        lambda x: math.exp(x),
        lambda x: x * x.data,
        lambda x: x.detach() * x,
        lambda x: int(x),
        lambda x: x.backward(),
    ],
)
def test_a_refusal_that_was_swallowed_fails_all_the_same(refused: Any) -> None:
    with pytest.raises(TypeError, match="line"):
        compile(swallowing(refused))(2.0)


def swallows(refused: Any) -> Any:
    def f(x: Any) -> Any:
        try:
            refused(x)
        except TypeError:
            return 5 * x
        return x

    return f


@pytest.mark.parametrize(
    "refused",
    [
        lambda x: x if x > 0 else -x,
        lambda x: x * x.data,
        lambda x: x.detach() * x,
        lambda x: x + 1,
        lambda x: x.item(),
        lambda x: f"{x:.3f}",
    ],
)
def test_also_in_another_thread(refused: Any) -> None:
    def function(x: Any) -> Any:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(refused, x).exception()
        return 5 * x

    with pytest.raises(TypeError, match="recorded while a function was being compiled"):
        compile(function)(2.0)
    assert compile(lambda x: 5 * x)(2.0) == 10.0


@pytest.mark.parametrize(
    ("refused", "complaint"),
    [
        (lambda x: float(f"{x:.3f}"), "writes out the number"),
        (lambda x: setattr(x, "data", 1.0), "sets the data"),
        (lambda x: setattr(OUTSIDE, "data", 1.0), "sets the data"),
        (lambda x: x * OUTSIDE.detach(), "cuts a Value off"),
    ],
)
def test_what_a_program_could_not_do_again_is_refused(refused: Any, complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        compile(swallows(refused))(3.0)


OUTSIDE = Value(2.0)


def test_a_derivative_that_nobody_asks_for_is_not_needed() -> None:
    power = lambda x, y: x**y  # noqa: E731
    assert grad(power)(-2.0, 3.0) == compile(grad(power))(-2.0, 3.0) == 12.0
    assert hessian(power)(-2.0, 3.0) == compile(hessian(power))(-2.0, 3.0) == -12.0
    for target in ("numpy", "python"):
        quotient = compile(grad(lambda x, y: x / y), target=target)
        assert quotient(1.0, 1e-300) == pytest.approx(1e300)
    for target in ("numpy", "python"):
        with pytest.raises(ValueError, match="domain"):
            compile(lambda x: where(lgamma(x) > 1, x, 2 * x), target=target)(-1.0)


@pytest.mark.parametrize("way", ["numpy", "python"])
@pytest.mark.parametrize(
    ("function", "at"),
    [
        (grad(PRIMITIVES["sqrt"]), 0.0),
        (grad(PRIMITIVES["asin"]), 1.0),
        (lambda x: 2 * grad(PRIMITIVES["cbrt"])(x) + x, 0.0),
        (lambda x: [grad(PRIMITIVES["sqrt"])(a) for a in [x, x + 1]], 0.0),
    ],
)
def test_an_infinite_derivative_is_the_answer_inside_as_well(
    function: Any, at: float, way: str
) -> None:
    assert compile(function, target=way)(at) == function(at)
