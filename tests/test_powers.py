"""Powers at base 0: polynomials have all their derivatives; others as many as exist."""

from __future__ import annotations

import contextlib
import math
import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from autodiff import (
    Value,
    check_gradient,
    compile,
    grad,
    hessian,
    hvp,
    hypot,
    jacobian,
    value_and_grad,
)  # fmt: skip

COEFFICIENTS = (1, 2, 3, 4)
DERIVATIVES = [1, 2, 6, 24, 0, 0]  # of the polynomial with these, at 0
TARGETS = pytest.mark.parametrize("target", ["numpy", "python", "native"])


def polynomial(x: Any) -> Any:
    return sum(c * x**k for k, c in enumerate(COEFFICIENTS))


@pytest.mark.parametrize("zero", [0.0, -0.0, Fraction(0), Decimal(0)], ids=repr)
def test_a_polynomial_has_all_its_derivatives_at_zero(zero: Any) -> None:
    derivative: Any = polynomial
    for expected in DERIVATIVES:
        found = derivative(Value(zero)).data
        assert (found, type(found)) == (expected, type(zero))
        derivative = grad(derivative)


@TARGETS
@pytest.mark.parametrize("order", range(5))
def test_compiled_polynomials(order: int, target: str) -> None:
    derivative: Any = polynomial
    for _ in range(order):
        derivative = grad(derivative)
    expected = DERIVATIVES[order], DERIVATIVES[order + 1]
    assert compile(derivative, target=target).value_and_grad(0.0) == expected
    values, slopes = compile(derivative, batched="x").value_and_grad(np.array([0.0, 1.0]))
    assert (values[0], slopes[0]) == expected


def test_every_way_to_second_derivatives() -> None:
    assert hessian(polynomial)(0.0) == 6
    assert hvp(polynomial, (0.0,), (1.0,)) == 6
    assert compile(hessian(polynomial))(0.0) == 6
    check_gradient(polynomial, 0.0, order=2)
    x = Value(0.0)
    (x**2).backward(create_graph=True)
    slope, x.grad = x.grad, 0.0
    slope.backward()
    assert x.grad == 2
    assert grad(grad(grad(grad(lambda x: x**2))))(0.0) == 0


def test_a_row_of_vandermonde() -> None:
    def row(x: Any) -> Any:
        return [x**k for k in range(4)]

    assert jacobian(row)(0.0) == [0, 1, 0, 0]
    assert jacobian(jacobian(row))(0.0) == [0, 0, 2, 0]
    assert compile(jacobian(row))(0.0) == [0, 1, 0, 0]


@pytest.mark.parametrize("exponent", [2.0, 2.5, 3.0, 7.0])
def test_both_vary(exponent: float) -> None:
    def power(v: Any) -> Any:
        return v[0] ** v[1]

    second = 2.0 if exponent == 2 else 0.0
    assert hessian(power)([0.0, exponent]) == [[second, 0.0], [0.0, 0.0]]
    assert compile(hessian(power))([0.0, exponent]) == [[second, 0.0], [0.0, 0.0]]


def test_what_does_not_exist_is_never_a_number() -> None:
    mixed = grad(lambda a: grad(lambda b: a**b)(1.0))  # d/da a ln a
    with contextlib.suppress(ArithmeticError, ValueError):
        assert not math.isfinite(mixed(0.0))


@TARGETS
@pytest.mark.parametrize(
    ("function", "point", "expected"),
    [
        (lambda x: grad(lambda a: hypot(a, 0.0))(x), 0.0, 0.0),
        (lambda x: grad(lambda a: hypot(a, a))(x), 0.0, 0.0),
        (lambda y: grad(lambda b: 0.0**b)(y), 2.0, 0.0),
        (lambda y: grad(lambda b: 0.0**b)(y), 0.25, 0.0),
        (lambda x: grad(lambda a: a**0)(x), 0.0, 0.0),
        (lambda x: grad(lambda a: a**1)(x), 0.0, 1.0),
    ],
)
def test_where_eager_answers_compiled_answers(
    function: Any, point: float, expected: float, target: str
) -> None:
    assert function(point) == expected
    assert compile(function, target=target)(point) == expected
    assert compile(
        function, batched=("x", "y")[:1] if "x" in function.__code__.co_varnames else "y"
    )(np.array([point])).tolist() == [expected]


def test_both_slopes_at_the_tip_of_the_cone() -> None:
    assert grad(hypot, (0, 1))(0.0, 0.0) == (0.0, 0.0)
    assert compile(grad(hypot, (0, 1)))(0.0, 0.0) == (0.0, 0.0)


def test_a_power_of_zero_in_other_carriers() -> None:
    assert (Value(Decimal(0)) ** 0).data == 1
    assert value_and_grad(lambda x: x**0)(Decimal(0)) == (1, 0)
    assert value_and_grad(lambda x: x**1)(Decimal(0)) == (0, 1)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Fraction itself turns into a float before")
def test_a_fraction_to_the_power_of_a_value_is_exact() -> None:
    assert (Fraction(1, 3) ** Value(Fraction(2))).data == Fraction(1, 9)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Fraction leaves it to the Value")
def test_a_fraction_to_the_power_of_a_value_is_refused_where_it_would_be_rounded() -> None:
    with pytest.raises(TypeError, match=r"Value\(base\) \*\*"):
        Fraction(1, 3) ** Value(Fraction(2))
