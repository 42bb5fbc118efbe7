"""The checks of the exercises: right answers are right, wrong ones get a hint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autodiff import exp
from notebooks import exercises

RIGHT: list[tuple[str, Any]] = []
WRONG: list[tuple[str, Any, str]] = []

# ------------------------------------------------------------------------------ 1 graphs by hand


def sum_of_products(x: Any) -> Any:
    y = x * x + x
    return y + y


RIGHT += [
    ("gradients_by_hand", (3, 7, 0)),
    ("gradients_by_hand", [3.0, 7.0, 0.0]),
    ("slope_of_a_cube", lambda a: 3 * a * a),
    ("slope_of_a_bell", lambda x: -2 * x * exp(-x * x)),
    ("slope_of_a_bell", lambda x: -2 * x * np.exp(-x * x)),
    ("a_gradient_of_ten", sum_of_products),
]
WRONG += [
    ("gradients_by_hand", (4, 7, 0), "what does the multiply gate send"),
    ("gradients_by_hand", (3, 4, 0), "from one of the uses of b, and it has two"),
    ("gradients_by_hand", (3, 12, 0), "add up what comes back"),
    ("gradients_by_hand", (3, 7, 4), "b is the larger one"),
    ("gradients_by_hand", (3, 7), "expected 3 numbers"),
    ("gradients_by_hand", (3, "7", 0), "expected a number, got '7'"),
    ("slope_of_a_cube", lambda a: 3 * a, "expected a derivative of 27, got 9"),
    ("slope_of_a_cube", lambda a: a**3, "expected a derivative"),
    ("slope_of_a_bell", lambda x: exp(-x * x), "multiplied by the slope of -x²"),
    ("slope_of_a_bell", lambda x: 2 * x * exp(-x * x), "expected a derivative of -0.857"),
    ("a_gradient_of_ten", lambda x: 10 * x, "a number in your graph"),
    ("a_gradient_of_ten", lambda x: x * x, "the gradient at 2 is 4"),
    ("a_gradient_of_ten", lambda x: x * x * x - x - x, "neither + nor ·: subtract"),
    ("a_gradient_of_ten", lambda x: (x + x) * x + x + x, "with 4 gates"),
    ("a_gradient_of_ten", lambda x: 20, "not computed from x"),
]

# ----------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_is_right(name: str, answer: Any) -> None:
    verdict = getattr(exercises, name)(answer)
    assert verdict.is_right, verdict.text
    assert repr(verdict).startswith("right: ")


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_a_hint(name: str, answer: Any, hint: str) -> None:
    verdict = getattr(exercises, name)(answer)
    assert verdict.is_right is False
    assert hint in verdict.text
    assert repr(verdict).startswith("not yet: ")


@pytest.mark.parametrize("name", exercises.__all__)
def test_no_answer_is_no_mistake(name: str) -> None:
    verdict = getattr(exercises, name)(...)
    assert verdict.is_right is None
    assert repr(verdict).startswith("your turn: ")


FUNCTIONS = sorted({name for name, answer in RIGHT if callable(answer)})


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("function", [lambda *_: ..., lambda *_: None])
def test_a_function_without_a_result_is_no_answer(name: str, function: Callable[..., Any]) -> None:
    assert getattr(exercises, name)(function).is_right is None


@pytest.mark.parametrize("name", exercises.__all__)
@pytest.mark.parametrize("answer", ["a", None, -3.5, [], {}, object(), len, lambda: 1, 1 / 3 + 2j])
def test_anything_else_is_refused_without_a_traceback(name: str, answer: Any) -> None:
    verdict = getattr(exercises, name)(answer)
    assert verdict.is_right is not True
    assert 0 < len(verdict.text) < 400
    assert "Traceback" not in verdict.text


def test_right_answers_and_wrong_ones_are_there() -> None:
    assert {name for name, _ in RIGHT} == {name for name, _, _ in WRONG}
