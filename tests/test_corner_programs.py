"""Random programs at corners: compiled in every way, they answer or raise as Values do.

Operands are drawn from zeros of both signs, ties, the ends of domains, and numbers near the ends of
what a float holds. Where rounding alone decides (Values differ from the same Values at 40 digits),
nothing is compared.
"""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autodiff import compile, value_and_grad
from autodiff.primitives import PRIMITIVES
from autodiff.testing import Expression, _without_dead_steps
from conftest import MANY_EXAMPLES

OPERATIONS = [name for name, p in PRIMITIVES.items() if name not in ("constant", "fsum", "dot")]
CORNERS = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -3.0, 1e-8, 1e200, -1e200, 1e-300, math.inf, -math.inf]
CONSTANTS = (0.0, 1.0, 2.0, -1.0, 0.5, 3.0)


@st.composite
def programs(draw: st.DrawFn) -> tuple[Expression, list[float]]:
    """An expression of inputs, then CONSTANTS, and the numbers of the inputs."""
    point = draw(st.lists(st.sampled_from(CORNERS), min_size=1, max_size=3))
    steps: list[tuple[str, tuple[int, ...]]] = []
    first = len(point) + len(CONSTANTS)
    for i in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from(OPERATIONS))
        operand = st.integers(0, first + i - 1)
        operands = draw(st.tuples(*[operand] * (PRIMITIVES[name].arity or 3)))
        if draw(st.booleans()):  # go on with the latest
            operands = (first + i - 1 if i else 0, *operands[1:])
        steps.append((name, operands))
    return _without_dead_steps(Expression(first, tuple(steps))), point


def answer(function: Any, point: list[float]) -> Any:
    """Value and gradient, or the class of the error."""
    try:
        value, gradient = function([*point])
    except (ArithmeticError, ValueError, TypeError) as error:
        return "TypeError" if isinstance(error, TypeError) else "no value"
    return [value, *gradient]


def at_forty_digits(function: Any, point: list[float]) -> Any:
    with mpmath.workdps(40):
        found = answer(value_and_grad(function), [mpmath.mpf(a) for a in point])
        return found if isinstance(found, str) else [float(number) for number in found]


def in_float32(number: float) -> float:
    """The same, or 1 if it is too large or too small for that."""
    fits = number == 0 or math.isinf(number) or 1e-30 < abs(number) < 1e30
    return float(np.float32(number)) if fits else 1.0


def close(a: Any, b: Any, tolerance: float = 1e-9) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return bool(a == b)
    return all(
        x == y or (x != x and y != y) or math.isclose(x, y, rel_tol=tolerance, abs_tol=1e-290)
        for x, y in zip(a, b, strict=True)
    )


def in_a_batch(function: Any, dtype: str = "float64") -> Any:
    f = compile(function, batched="x", dtype=dtype)

    def first_of_two(point: list[float]) -> Any:
        values, gradients = f.value_and_grad(np.array([point, point]))
        assert close(values[:1], values[1:])
        return values[0], gradients[0]

    return first_of_two


def as_array(f: Any) -> Any:
    return lambda point: f.value_and_grad(np.array(point))


def side_by_side(function: Any) -> Any:
    """Three of them in one program, so that scalars are really computed in vectors."""

    def all_three(rows: Any) -> Any:
        return sum(function(row) for row in rows)

    f = compile(all_three, target="numpy")

    def one_of_three(point: list[float]) -> Any:
        value, gradients = f.value_and_grad(np.array([point, point, point]))
        assert close(gradients[0], gradients[1])
        return value / 3, gradients[2]

    return one_of_three


WAYS = {
    "side by side": side_by_side,
    "numpy": lambda function: as_array(compile(function, target="numpy")),
    "python": lambda function: as_array(compile(function, target="python")),
    "batched": in_a_batch,
    "float32": lambda function: in_a_batch(function, "float32"),
}


CANCELLING = {"remainder", "asin", "acos", "atanh"}
"""Where operands may come so near to an end that 24 digits leave none of what is computed."""


@pytest.mark.parametrize("way", WAYS)
@MANY_EXAMPLES
@given(programs())
def test_compiled_answers_or_raises_as_values_do(
    way: str, program: tuple[Expression, list[float]]
) -> None:
    expression, point = program
    if way == "float32":
        assume(not CANCELLING & {name for name, _ in expression.steps})
        point = list(map(in_float32, point))

    def function(x: Any) -> Any:
        return expression([*x, *CONSTANTS]) + 0 * x[0]

    expected = answer(value_and_grad(function), point)
    if not isinstance(expected, str) and not close(expected, at_forty_digits(function, point)):
        return
    found = answer(WAYS[way](function), point)
    assert close(found, expected, 1e-9 if way != "float32" else 1e-3), (found, expected)
