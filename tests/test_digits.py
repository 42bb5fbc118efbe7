"""Digits that survive where a formula written naively would lose them, against mpmath."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import (
    Value,
    compile,
    dot,
    erf,
    grad,
    hessian,
    hvp,
    jvp,
    log,
    log2,
    log10,
    logsumexp,
    polygamma,
    sinc,
    tanh,
    value_and_grad,
)  # fmt: skip

POINTS = [[-38.0, 0.0], [0.0, -38.0, -50.0], [1.0, 1.0, -40.0], [-700.0, 3.0], [5.0]]
terms = st.lists(st.integers(-80, 80).map(lambda n: n / 2), min_size=1, max_size=4)


def exact_logsumexp(point: list[float]) -> Any:
    with mpmath.workdps(60):
        return mpmath.log(mpmath.fsum(mpmath.exp(a) for a in map(mpmath.mpf, point)))


def exact_second_derivatives(point: list[float]) -> list[list[float]]:
    with mpmath.workdps(60):
        exponentials = [mpmath.exp(mpmath.mpf(a)) for a in point]
        total = mpmath.fsum(exponentials)
        return [
            [
                float(((total - a if i == j else 0) - (b if i != j else 0)) * a / total**2)
                for j, b in enumerate(exponentials)
            ]
            for i, a in enumerate(exponentials)
        ]


@pytest.mark.parametrize("point", POINTS)
def test_logsumexp_keeps_small_terms(point: list[float]) -> None:
    expected = float(exact_logsumexp(point))
    assert logsumexp(point) == pytest.approx(expected, rel=1e-15)
    batch = compile(lambda x: logsumexp(list(x)), batched="x")
    assert batch(np.array([point, point])) == pytest.approx(expected, rel=1e-15)
    for target in ("numpy", "python"):
        assert compile(logsumexp, target=target)(point) == pytest.approx(expected, rel=1e-15)


@given(terms)
def test_first_and_second_derivatives_of_logsumexp(point: list[float]) -> None:
    value, slopes = value_and_grad(logsumexp)(point)
    exact = exact_logsumexp(point)
    rounding = 2.0**-52 * max(map(abs, point))  # where the largest and the rest cancel
    assert value == pytest.approx(float(exact), rel=1e-15, abs=rounding)
    with mpmath.workdps(60):
        shares = [float(mpmath.exp(mpmath.mpf(a) - exact)) for a in point]
    assert slopes == pytest.approx(shares, rel=1e-14)
    for row, expected in zip(
        hessian(logsumexp)(point), exact_second_derivatives(point), strict=True
    ):
        assert row == pytest.approx(expected, rel=1e-13, abs=1e-300)


def test_logsumexp_of_decimals() -> None:
    found = logsumexp([Decimal(-38), Decimal(0)])
    exact = Decimal(mpmath.nstr(exact_logsumexp([-38.0, 0.0]), 40))
    assert abs(found / exact - 1) < Decimal("1e-26")


@pytest.mark.parametrize(
    ("function", "at"),
    [(tanh, 1.7e308), (tanh, -1.7e308), (tanh, 400.0), (erf, 1e160), (erf, -1e160), (erf, 1e151)],
)
def test_what_is_flat_far_out_is_flat_to_every_order(function: Any, at: float) -> None:
    derivative = function
    for _ in range(3):
        derivative = grad(derivative)
        assert derivative(at) == 0
        assert compile(derivative)(at) == 0


@pytest.mark.parametrize("at", [0.9, 1.0, 1.1, 3.0, 20.0, 300.0, 372.0])
def test_slopes_of_tanh(at: float) -> None:
    with mpmath.workdps(60):
        slopes = [float(mpmath.diff(mpmath.tanh, mpmath.mpf(at), n)) for n in (1, 2)]
    assert [grad(tanh)(at), grad(grad(tanh))(at)] == pytest.approx(slopes, rel=1e-13)


SECOND_DERIVATIVES: dict[str, Callable[[Any, Any], Any]] = {
    "reverse over reverse": lambda f, x: grad(grad(f))(x),
    "reverse over forward": lambda f, x: grad(lambda a: jvp(f, (a,), (1.0,))[1])(x),
    "forward over reverse": lambda f, x: jvp(grad(f), (x,), (1.0,))[1],
    "forward over forward": lambda f, x: jvp(lambda a: jvp(f, (a,), (1.0,))[1], (x,), (1.0,))[1],
    "hvp": lambda f, x: hvp(f, (x,), (1.0,)),
    "hessian": lambda f, x: hessian(f)(x),
    "compiled": lambda f, x: compile(grad(grad(f)))(x),
    "compiled, forward": lambda f, x: compile(grad(lambda a: jvp(f, (a,), (1.0,))[1]))(x),
}


@pytest.mark.parametrize("way", SECOND_DERIVATIVES)
@pytest.mark.parametrize("x", [1e-160, 1e-300, 1.0, 1e160])
@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (lambda x: x * log(x), 1.0), (lambda x: -log(x) * x, -1.0), (lambda x: x * log(2 * x), 1.0),
        (lambda x: x * log2(x), 1 / math.log(2)), (lambda x: x * log10(x), 1 / math.log(10)),
        (lambda x: dot([x, x, 1.0], [log(x), log(x), x]), 2.0),
    ],
)  # fmt: skip
def test_the_second_derivative_of_x_log_x(function: Any, slope: float, x: float, way: str) -> None:
    """Its terms are 1/x each; 1/x², which overflows at 1e-160, is none of them."""
    assert SECOND_DERIVATIVES[way](function, x) == pytest.approx(slope / x, rel=1e-15)


@pytest.mark.parametrize(
    ("order", "at"),
    [
        (60, 0.1), (100, 0.1), (169, 1.0), (169, 100.0), (170, 2.0), (170, 50.0), (171, 200.0),
        (300, 500.0), (900, 700.0),
    ],
)  # fmt: skip
def test_polygamma_of_large_orders(order: int, at: float) -> None:
    """Though the factorial of the order is no float."""
    slope = grad(lambda x: polygamma(order, x))(at)
    assert polygamma(order, at) == pytest.approx(float(mpmath.psi(order, at)), rel=1e-13)
    assert slope == pytest.approx(float(mpmath.psi(order + 1, at)), rel=1e-13)


def test_polygamma_of_an_order_that_is_too_large() -> None:
    with pytest.raises(ValueError, match="takes orders up to 1000, got 1001"):
        polygamma(1001, Value(2.0))


@pytest.mark.parametrize("at", [0.0, 1e-8, 0.3, 0.5, 1.0, 2.0, -2.0, 4.0, 3.5, 1e6])
def test_sinc_to_the_fifth_derivative(at: float) -> None:
    function: Any = sinc
    for order in range(6):
        with mpmath.workdps(60):
            expected = mpmath.diff(mpmath.sincpi, mpmath.mpf(at), order)
        assert function(at) == pytest.approx(float(expected), rel=1e-12, abs=1e-12)
        function = grad(function)
