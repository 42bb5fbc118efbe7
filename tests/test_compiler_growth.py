"""Compiling takes time linear in the number of scalars, whatever the shape of the graph.

What is counted is not time but the lines of the compiler that are run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import autodiff
from autodiff import Value, compile, tanh

OURS = str(Path(autodiff.__file__).parent)
Trace = Callable[[FrameType, str, Any], Any]


def lines_run(work: Callable[[], object]) -> int:
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Trace | None:
        nonlocal count
        count += event == "line"
        return trace if frame.f_code.co_filename.startswith(OURS) else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def states(x: Value, steps: int) -> list[Value]:
    found = [x]
    for _ in range(steps):
        found.append(tanh(found[-1] * 0.5 + x))
    return found


def latest(x: Value, steps: int) -> Any:
    return states(x, steps)[-1]


def deepest_term_first(x: Value, steps: int) -> Any:
    return sum(reversed(states(x, steps)))


def signs_in_turn(x: Value, steps: int) -> Any:
    total: Any = 0
    for state in states(x, steps):
        total = state - total
    return total


def one_name_for_all(x: Value, steps: int) -> Any:
    h = x
    for _ in range(steps):
        h = tanh(h * 0.5 + x)
        h.name = "h"
    return h


@pytest.mark.parametrize("target", ["python", "numpy", "auto"])
@pytest.mark.parametrize("shape", [latest, deepest_term_first, signs_in_turn, one_name_for_all])
def test_work_grows_like_the_graph(shape: Callable[[Value, int], Any], target: str) -> None:
    def compiled(steps: int) -> int:
        f = compile(lambda x: shape(x, steps), target=target)
        return lines_run(lambda: f.value_and_grad(0.5))

    compiled(2)  # what is done once
    once, twice, four_times = compiled(100), compiled(200), compiled(400)
    assert four_times - twice < 2.1 * (twice - once)


@pytest.mark.parametrize("target", ["python", "numpy"])
@pytest.mark.parametrize("shape", [deepest_term_first, signs_in_turn])
def test_sums_whose_terms_change_hands_mean_the_same(
    shape: Callable[[Value, int], Any], target: str
) -> None:
    x = Value(0.5)
    y = shape(x, 50)
    y.backward()
    value, slope = compile(lambda x: shape(x, 50), target=target).value_and_grad(0.5)
    assert (value, slope) == pytest.approx((y.data, x.grad), rel=1e-12)
