"""Pickle, copy and deepcopy: graphs of any depth, shared parts shared, gradients right."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings

from autodiff import Graph, Value, scope, sigmoid
from autodiff.nn import MLP, cross_entropy
from autodiff.testing import Example, expressions_at_points
from conftest import DEEP


def through_pickle(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))


def through_python_pickle(thing: Any) -> Any:
    """The pickler written in Python, which collects items in batches."""
    import io

    file = io.BytesIO()
    pickle._Pickler(file).dump(thing)  # type: ignore[attr-defined]
    return pickle.loads(file.getvalue())


WAYS = [through_pickle, through_python_pickle, copy.deepcopy]


@pytest.mark.parametrize("duplicate", WAYS)
@settings(max_examples=40)
@given(example=expressions_at_points())
def test_a_copy_has_the_same_gradients_and_leaves_the_original_alone(
    duplicate: Callable[[Any], Any], example: Example
) -> None:
    leaves = [Value(x, f"x{i}") for i, x in enumerate(example.point)]
    root = example.expression(leaves)
    twins, twin = duplicate((leaves, root))
    twin.backward()
    assert all(leaf.grad == 0.0 for leaf in leaves)
    root.backward()
    assert [t.grad for t in twins] == [leaf.grad for leaf in leaves]
    assert [t.name for t in twins] == [leaf.name for leaf in leaves]
    assert [e[2:] for e in Graph(twin).edges] == [e[2:] for e in Graph(root).edges]


@pytest.mark.parametrize("duplicate", WAYS)
def test_shared_parts_stay_shared(duplicate: Callable[[Any], Any]) -> None:
    with scope("layer"):
        x = Value(Fraction(1, 3), "x")
        q = x * x
        y = q * x + q
    y.backward()
    y2, q2, x2 = duplicate([y, q, x])
    assert y2.parents[1] is q2
    assert y2.parents[0].parents == (q2, x2)
    assert (x2.grad, x2.data, q2.scope, q2.op) == (x.grad, x.data, "layer", q.op)
    (alone,) = duplicate([q])
    assert alone.parents[0] is alone.parents[1]


@pytest.mark.parametrize("duplicate", WAYS)
def test_gradients_that_are_graphs_are_copied_too(duplicate: Callable[[Any], Any]) -> None:
    a = Value(2.0)
    b = a**3
    b.backward(create_graph=True)
    a2, _ = duplicate((a, b))
    slope, a2.grad = a2.grad, 0.0
    kept = a.grad
    slope.backward()
    assert (slope.data, a2.grad) == (12.0, 12.0)
    assert a.grad is kept


def test_a_shallow_copy_shares_its_operands() -> None:
    x = Value(2.0)
    y = sigmoid(x)
    twin = copy.copy(y)
    assert twin is not y
    assert twin.parents == (x,)


@pytest.mark.parametrize("duplicate", [through_pickle, copy.deepcopy])
def test_a_deep_chain(duplicate: Callable[[Any], Any]) -> None:
    x = Value(1.0)
    y = x
    for _ in range(DEEP):
        y = -y
    x2, y2 = duplicate((x, y))
    y2.backward()
    assert (x2.grad, x.grad) == (1.0, 0.0)


def test_a_failure_while_pickling_leaves_no_trace() -> None:
    x = Value(1.0)
    y = x * 2 + 1
    y.parents[0].scope = lambda: None  # type: ignore[assignment]
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(y)
    y.parents[0].scope = ""
    twin = through_pickle(y)
    twin.backward()
    assert twin.parents[0].parents[0].grad == 2.0


@pytest.mark.parametrize("duplicate", WAYS)
def test_a_network_survives(duplicate: Callable[[Any], Any]) -> None:
    model = MLP(3, [4, 2], seed=1)
    twin = duplicate(model)
    assert [p.data for p in twin.parameters()] == [p.data for p in model.parameters()]
    cross_entropy(twin([1.0, 2.0, 3.0]), 0).backward()
    assert any(p.grad for p in twin.parameters())
    assert not any(p.grad for p in model.parameters())
