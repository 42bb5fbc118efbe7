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
UNANSWERED: list[tuple[str, Any]] = []
"""Besides three dots themselves, and functions that return them."""

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

# ----------------------------------------------------------------------------- 6 reading digits


def softmax(z: Any) -> Any:
    return np.exp(z) / np.exp(z).sum()


class LeakyReLU:
    """Right, unless another factor is given for what is negative."""

    factor = 0.1

    def forward(self, input: Any) -> Any:
        return np.where(input > 0, input, 0.1 * input)

    def backward(self, input: Any, grad_output: Any) -> Any:
        return grad_output * np.where(input > 0, 1.0, self.factor)


class StopsAll(LeakyReLU):
    factor = 0.0


class LetsThrough(LeakyReLU):
    factor = 1.0


class ThreeDots(LeakyReLU):
    def backward(self, input: Any, grad_output: Any) -> Any:
        return ...


RIGHT += [
    ("loss_of_knowing_nothing", np.log(10)),
    ("loss_of_knowing_nothing", 2.303),
    ("parameters_of_784_100_10", 79_510),
    ("slope_of_cross_entropy", lambda z, label: softmax(z) - np.eye(len(z))[label]),
    ("slope_of_cross_entropy", lambda z, label: (softmax(z) - np.eye(len(z))[label]).tolist()),
    ("leaky_relu", LeakyReLU),
]
WRONG += [
    ("loss_of_knowing_nothing", -2.3026, "the loss is minus that"),
    ("loss_of_knowing_nothing", 1.0, "takes the natural one"),
    ("loss_of_knowing_nothing", 0.1, "here p = 1/10"),
    ("loss_of_knowing_nothing", "log 10", "expected a number"),
    ("parameters_of_784_100_10", 79_400, "each unit has a bias as well"),
    ("parameters_of_784_100_10", 894, "one weight for each of its inputs"),
    ("slope_of_cross_entropy", lambda z, label: softmax(z), "those add up to 1"),
    ("slope_of_cross_entropy", lambda z, label: np.eye(len(z))[label] - softmax(z), "expected a d"),
    ("slope_of_cross_entropy", lambda z, label: [0.0], "expected 3 numbers"),
    ("slope_of_cross_entropy", 3.0, "expected a function"),
    ("leaky_relu", StopsAll, "no gradient gets through where the input is negative"),
    ("leaky_relu", LetsThrough, "wrong where the input is negative"),
    ("leaky_relu", "relu", "expected a function, got 'relu'"),
]
UNANSWERED += [("leaky_relu", ThreeDots)]

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


@pytest.mark.parametrize(("name", "answer"), UNANSWERED)
def test_an_answer_with_dots_left_in_it_is_none(name: str, answer: Any) -> None:
    verdict = getattr(exercises, name)(answer)
    assert verdict.is_right is None
    assert repr(verdict).startswith("your turn: ")
