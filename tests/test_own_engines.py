"""An engine of one's own against autodiff: what is right passes, what is wrong is told briefly."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import Value
from autodiff.checking import GradientError
from autodiff.testing import Example, check_engine, expressions_at_points
from test_exercises import Engine


class Closures:
    """An engine in the other common form, which keeps functions and no derivatives."""

    def __init__(self, data: float, *parents: Closures) -> None:
        self.data, self.grad, self.previous = data, 0.0, parents
        self.hand_back = lambda: None

    def __add__(self, other: Closures) -> Closures:
        result = Closures(self.data + other.data, self, other)

        def hand_back() -> None:
            self.grad += result.grad
            other.grad += result.grad

        result.hand_back = hand_back
        return result

    def __mul__(self, other: Closures) -> Closures:
        result = Closures(self.data * other.data, self, other)

        def hand_back() -> None:
            self.grad += other.data * result.grad
            other.grad += self.data * result.grad

        result.hand_back = hand_back
        return result

    def backward(self) -> None:
        order: list[Closures] = []

        def visit(node: Closures) -> None:
            if node not in order:
                for parent in node.previous:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            node.hand_back()


class Breadth(Closures):
    """It hands on what it has when it comes by, before all has arrived."""

    def __add__(self, other: Closures) -> Closures:
        return self._again(super().__add__(other))

    def __mul__(self, other: Closures) -> Closures:
        return self._again(super().__mul__(other))

    def _again(self, result: Any) -> Any:
        result.__class__ = Breadth
        return result

    def backward(self) -> None:
        self.grad = 1.0
        order = [self]
        for node in order:
            order += [parent for parent in node.previous if parent not in order]
            node.hand_back()


def test_closures_are_judged_by_what_backward_leaves() -> None:
    check_engine(Closures)
    with pytest.raises(GradientError, match=r"after backward\(\) 2 times on the same result"):
        check_engine(Closures, backward=2)
    with pytest.raises(GradientError, match=r"a chain of 5,000 additions of x: RecursionError"):
        check_engine(Closures, ["add"], deepest=5000)


def test_a_wrong_order_is_shown_where_a_node_waits_for_another() -> None:
    with pytest.raises(GradientError, match=r"x0\.grad to be") as raised:
        check_engine(Breadth)
    assert str(raised.value).count("t") <= 30, "a short expression"


def test_autodiff_agrees_with_itself() -> None:
    operations = ["add", "multiply", "subtract", "divide", "negate", "exp", "tanh", "abs"]
    check_engine(Value, operations, backward=2, plain=True, deepest=5000)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lambda a, b: None, "expected the value to be 5, got None"),
        (lambda a, b: a.data + b.data, "AttributeError: 'float' object has no attribute"),
        (lambda a, b: "4", "expected the value to be 5, got '4'"),
        (lambda a, b: True, "expected the value to be 5, got True"),
        (lambda a, b: Closures(math.nan), "expected the value to be 5, got nan"),
        (lambda a, b: Closures(a.data + b.data), "expected x0.grad to be 1, got 0"),
        (lambda a, b: 1 / 0, "ZeroDivisionError: division by zero"),
    ],
)
def test_whatever_an_engine_gives_is_answered_in_a_sentence(fault: Any, said: str) -> None:
    class Faulty(Closures):
        def __add__(self, other: Any) -> Any:
            return fault(self, other)

    with pytest.raises(GradientError) as raised:
        check_engine(Faulty, ["add"])
    assert str(raised.value).startswith(f"x0 + x1 with x0 = 2, x1 = 3: {said}")


def test_each_operator_is_tried_with_a_number_on_either_side() -> None:
    class Reflected(Engine):
        def __rsub__(self, other: Any) -> Any:
            return self - other

    operations = ["add", "multiply", "subtract", "divide", "negate", "exp", "tanh"]
    check_engine(Reflected, operations)
    with pytest.raises(GradientError, match=r"^2 - x1 with x1 = 3: expected the value to be -1"):
        check_engine(Reflected, operations, plain=True)


def test_an_unknown_operation_is_named() -> None:
    with pytest.raises(ValueError, match="'addd'"):
        check_engine(Closures, ["addd"])


def test_a_missing_method_is_named() -> None:
    with pytest.raises(GradientError, match=r"^tanh\(x0\) with x0 = 2: AttributeError: .*'tanh'"):
        check_engine(Closures, ["tanh"])


@given(expressions_at_points(max_steps=4, operations=["add"], numbers=st.just(2.0)))
def test_points_are_made_of_the_numbers_that_are_given(example: Example) -> None:
    assert set(example.point) == {2.0}
