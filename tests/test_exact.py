"""Rational functions over Fraction: derivatives are exactly equal, without a tolerance."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from hypothesis import assume, given
from hypothesis import strategies as st

from autodiff import Value, grad, hessian, jvp
from autodiff.testing import Expression
from conftest import MANY_EXAMPLES

RATIONAL = ("add", "subtract", "multiply", "divide", "negate")


class Dual(NamedTuple):
    """a + bε with ε² = 0: forward mode on its own, to compare with. a and b may be dual again."""

    a: Any
    b: Any


def add(x: Any, y: Any) -> Any:
    return Dual(add(x.a, y.a), add(x.b, y.b)) if isinstance(x, Dual) else x + y


def multiply(x: Any, y: Any) -> Any:
    if not isinstance(x, Dual):
        return x * y
    return Dual(multiply(x.a, y.a), add(multiply(x.a, y.b), multiply(x.b, y.a)))


def negate(x: Any) -> Any:
    return Dual(negate(x.a), negate(x.b)) if isinstance(x, Dual) else -x


def invert(x: Any) -> Any:
    if not isinstance(x, Dual):
        return 1 / x
    inverse = invert(x.a)
    return Dual(inverse, negate(multiply(x.b, multiply(inverse, inverse))))


DUAL = {
    "add": add,
    "multiply": multiply,
    "negate": negate,
    "subtract": lambda x, y: add(x, negate(y)),
    "divide": lambda x, y: multiply(x, invert(y)),
}


@st.composite
def rational_functions(draw: st.DrawFn) -> tuple[Expression, list[Fraction]]:
    point = draw(st.lists(st.fractions(-5, 5, max_denominator=9), min_size=1, max_size=3))
    steps: list[tuple[str, tuple[int, ...]]] = []
    for _ in range(draw(st.integers(1, 10))):
        name = draw(st.sampled_from(RATIONAL))
        slot = st.integers(0, len(point) + len(steps) - 1)
        steps.append((name, draw(st.tuples(*[slot] * (1 if name == "negate" else 2)))))
    expression = Expression(len(point), tuple(steps))
    try:
        expression(point, DUAL)
    except ZeroDivisionError:
        assume(False)
    return expression, point


@MANY_EXAMPLES
@given(rational_functions())
def test_gradients_are_exact(example: tuple[Expression, list[Fraction]]) -> None:
    expression, point = example
    leaves = [Value(x) for x in point]
    root = expression(leaves)
    root.backward()
    for i, leaf in enumerate(leaves):
        duals = [Dual(x, Fraction(i == j)) for j, x in enumerate(point)]
        expected = expression(duals, DUAL)
        assert (root.data, leaf.grad) == expected
        assert isinstance(leaf.grad, Fraction)
    assert grad(expression)(point) == [leaf.grad for leaf in leaves]


@MANY_EXAMPLES
@given(rational_functions())
def test_second_derivatives_are_exact(example: tuple[Expression, list[Fraction]]) -> None:
    expression, point = example
    rows = hessian(expression)(point)
    for i in range(len(point)):
        for j in range(len(point)):
            nested = [
                Dual(Dual(x, Fraction(i == k)), Dual(Fraction(j == k), Fraction(0)))
                for k, x in enumerate(point)
            ]
            assert rows[i][j] == expression(nested, DUAL).b.b
    ones = [Fraction(1)] * len(point)
    value, along = jvp(expression, (point,), (ones,))
    assert along == sum(grad(expression)(point))
    assert value == expression(point, DUAL)


@MANY_EXAMPLES
@given(st.fractions(-5, 5, max_denominator=9), st.integers(-4, 6))
def test_whole_powers_are_exact(x: Fraction, n: int) -> None:
    assume(x or n > 0)
    assert grad(lambda a: a**n)(x) == n * x ** (n - 1)
    assume(x or n > 1)
    assert grad(grad(lambda a: a**n))(x) == n * (n - 1) * (x ** (n - 2) if x or n > 2 else 1)
