"""The whole table on every target and carrier, to orders one and two, domains and corners included.

A new entry of the table is tested here without a new line.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from exports import LANGUAGES, Exports
from numpy.typing import NDArray

from autodiff import compile, dot, grad, value_and_grad
from autodiff.primitives import PRIMITIVES, Primitive
from conftest import ON_JAX

Answer = tuple[float, list[float]] | str
TABLE = [p for p in PRIMITIVES.values() if p.arity != 0]
ORDERS = (1, 2)


def points(primitive: Primitive) -> list[tuple[float, ...]]:
    """Points all over the domain: between and on corners, ties, ends of the domain, zeros."""
    if primitive.arity == 1:
        wide = [
            -30.0,
            -7.25,
            -2.5,
            -1.0,
            -0.5,
            -1e-9,
            0.0,
            1e-9,
            0.3,
            0.5,
            1.0,
            1.75,
            2.5,
            6.0,
            40.0,
        ]
        found = [(a,) for a in wide]
    elif primitive.arity == 2:
        few = [-2.5, -1.0, 0.0, 0.5, 2.0, 3.25]
        found = list(itertools.product(few, few))
    else:
        found = [(1.0, 0.5, -2.0, 0.25, 3.0), (0.0, 0.5, 0.5, 1.5, -1.0), (2.0,) * 5]
        found = [point[: primitive.arity or 5] for point in found]
    if primitive.index_slots:
        found = [(-1.3,), (0.4,), (2.0,), (30.0,)]
    return [p for p in found if primitive.domain.contains(*operands(primitive, p))]


def operands(primitive: Primitive, x: Any) -> Any:
    """The operands of which some vary; an index is 1."""
    return [1, *x] if primitive.index_slots else x


def function_of(primitive: Primitive, order: int) -> Callable[[Any], Any]:
    """The operation, or a combination of its derivatives."""

    def value(x: Any) -> Any:
        return primitive(*operands(primitive, x))

    def slopes(x: Any) -> Any:
        return dot([0.75, 0.5, 0.25, 1.5, 2.5][: len(x)], grad(value)(x))

    return value if order == 1 else slopes


def answer(call: Callable[[], Any]) -> Answer:
    """The value and gradient, or the class of what is raised."""
    try:
        value, slopes = call()
    except (ArithmeticError, ValueError) as error:
        return type(error).__name__
    return float(value), [float(slope) for slope in slopes]


def assert_close(found: Answer, expected: Answer, tolerance: float, where: object) -> None:
    if isinstance(found, str) or isinstance(expected, str):
        assert found == expected, where
        return
    numbers, others = [found[0], *found[1]], [expected[0], *expected[1]]
    for a, b in zip(numbers, others, strict=True):
        same = a == b or (math.isnan(a) and math.isnan(b))
        assert same or abs(a - b) <= tolerance * max(1.0, abs(b)), (where, found, expected)


def eager(primitive: Primitive, order: int) -> dict[tuple[float, ...], Answer]:
    function = function_of(primitive, order)
    return {
        point: answer(lambda point=point: value_and_grad(function)(list(point)))  # type: ignore[misc]
        for point in points(primitive)
    }


# ----------------------------------------------------------------------------------- compiled


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("primitive", TABLE, ids=str)
@pytest.mark.parametrize("target", ["python", "numpy", "native", ON_JAX])
def test_one_example(primitive: Primitive, order: int, target: str) -> None:
    f = compile(function_of(primitive, order), target=target)
    for point, expected in eager(primitive, order).items():
        found = answer(lambda point=point: f.value_and_grad(np.array(point)))  # type: ignore[misc]
        assert_close(found, expected, 1e-12, point)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("primitive", TABLE, ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("target", ["numpy", "native", ON_JAX])
def test_many_examples(primitive: Primitive, order: int, dtype: str, target: str) -> None:
    expected = answered(primitive, order)
    if dtype == "float32":
        expected = {p: y for p, y in expected.items() if all(a == np.float32(a) for a in p)}
    f = compile(function_of(primitive, order), batched="x", dtype=dtype, target=target)
    values, slopes = f.value_and_grad(np.array(list(expected)))
    for point, value, slope in zip(expected, values, slopes, strict=True):
        tolerance = 1e-12 if dtype == "float64" else 1e-4
        assert_close((float(value), list(map(float, slope))), expected[point], tolerance, point)


def answered(primitive: Primitive, order: int) -> dict[tuple[float, ...], Answer]:
    """The points at which there is an answer, with finite numbers."""
    return {
        point: found
        for point, found in eager(primitive, order).items()
        if not isinstance(found, str) and all(map(math.isfinite, [found[0], *found[1]]))
    }


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_exported(language: str, order: int, tmp_path: Path) -> None:
    """On all points at once, and for floats on one."""
    exports = Exports(language, tmp_path)
    expected: list[tuple[Primitive, NDArray[Any], list[Answer]]] = []
    for primitive in TABLE:
        found = answered(primitive, order)
        if primitive.name in ("power", "hypot") and order == 2:  # there the compiler asks Values
            found = {point: own for point, own in found.items() if all(point)}
        inputs = np.array(list(found))
        batched = compile(function_of(primitive, order), batched="x")
        batched.value_and_grad(inputs)
        exports.add(batched, [inputs], examples=len(inputs))
        expected.append((primitive, inputs, list(found.values())))
        single = compile(function_of(primitive, order), target="python")
        single.value_and_grad(inputs[-1])
        exports.add(single, [inputs[-1]])
        expected.append((primitive, inputs[-1:], list(found.values())[-1:]))
    for (primitive, inputs, answers), (values, (slopes,)) in zip(
        expected, exports.run(), strict=True
    ):
        rows = slopes.reshape(inputs.shape)
        for point, value, slope, own in zip(inputs, values, rows, answers, strict=True):
            found_here = (float(value), list(map(float, slope)))
            assert_close(found_here, own, 1e-12, (primitive, point))


# ----------------------------------------------------------------------------------- carriers

CARRIERS: dict[str, Callable[[float], Any]] = {
    "mpf": mpmath.mpf,
    "Fraction": Fraction,
    "Decimal": Decimal,
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("primitive", TABLE, ids=str)
@pytest.mark.parametrize("carrier", CARRIERS)
def test_carriers(primitive: Primitive, order: int, carrier: str) -> None:
    """Other numbers give what floats give, but for digits; or a sentence that says they cannot."""
    function, make = function_of(primitive, order), CARRIERS[carrier]
    for point, expected in answered(primitive, order).items():
        try:
            with mpmath.workdps(30):
                value, slopes = value_and_grad(function)([make(a) for a in point])
        except TypeError as error:
            assert carrier in str(error) or "rule" in str(error)
            continue
        found = (float(value), _floats(slopes))
        assert_close(found, expected, 1e-12, point)


def _floats(numbers: Sequence[Any]) -> list[float]:
    return [float(number) for number in numbers]
