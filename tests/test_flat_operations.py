"""What is flat has no edge in the chain rule: an infinite slope behind it does not matter."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest

from autodiff import Graph, Value, compile, grad, hessian, jvp, sqrt, value_and_grad, vjp, where

FLAT = {  # functions that are infinitely steep before something flat, with value and slope at 0
    "where": (lambda x: where(sqrt(x) > 0.5, x, 2 * x), 0.0, 2.0),
    "less": (lambda x: (sqrt(x) < 0.5) * x, 0.0, 1.0),
    "less_equal": (lambda x: (sqrt(x) <= 0.5) + 3 * x, 1.0, 3.0),
    "greater": (lambda x: (sqrt(x) > -1) * x, 0.0, 1.0),
    "greater_equal": (lambda x: (sqrt(x) >= 0) * x, 0.0, 1.0),
    "condition": (lambda x: where(sqrt(x), x, 5 * x), 0.0, 5.0),
    "chain": (lambda x: sqrt((sqrt(x) > 1) + 4) + x, 2.0, 1.0),
    "infinite behind": (lambda x: sqrt(sqrt(x) > 1) + x, 0.0, 1.0),
}
CASES = pytest.mark.parametrize(("function", "value", "slope"), FLAT.values(), ids=FLAT)


@CASES
def test_backward(function: Any, value: float, slope: float) -> None:
    x = Value(0.0)
    y = function(x)
    y.backward()
    assert (y.data, x.grad) == (value, slope)


@CASES
def test_transforms(function: Any, value: float, slope: float) -> None:
    assert value_and_grad(function)(0.0) == (value, slope)
    assert jvp(function, (0.0,), (1.0,)) == (value, slope)
    assert vjp(function, 0.0)[1](1.0) == (slope,)
    assert hessian(function)(0.0) == 0.0
    assert grad(grad(grad(function)))(0.0) == 0.0


@CASES
def test_graphs(function: Any, value: float, slope: float) -> None:
    x = Value(0.0)
    graph = Graph(function(x))
    assert (graph.forward(), graph.backward()[x]) == (value, slope)
    assert graph.path_sum(x, graph.outputs[0]) == slope
    assert all(math.isfinite(edge.grad) for edge in graph.edges if edge.head is graph.outputs[0])


@CASES
@pytest.mark.parametrize("target", ["numpy", "python"])
def test_compiled(function: Any, value: float, slope: float, target: str) -> None:
    assert compile(function, target=target).value_and_grad(0.0) == (value, slope)
    assert compile(value_and_grad(function), target=target)(0.0) == (value, slope)
    assert compile(hessian(function), target=target)(0.0) == 0.0


def test_exact_numbers_stay_exact() -> None:
    slope = grad(lambda x: where(x > 1, x * x, x) + (x > 3))(Fraction(7, 2))
    assert (slope, type(slope)) == (7, Fraction)


def test_what_is_not_flat_still_says_nan() -> None:
    assert math.isnan(grad(lambda x: 0.0 * Value(1.0) * sqrt(x))(0.0))
