"""Random expression graphs with shared nodes, against numerical derivatives at 60 digits."""

from __future__ import annotations

from typing import Any

import mpmath
from hypothesis import assume, given
from hypothesis import strategies as st

from autodiff import Graph, Value
from autodiff.testing import KINKED, SMOOTH, Example, expressions_at_points
from conftest import MANY_EXAMPLES, MOST_STEPS
from test_primitives import ORACLES

DIGITS = 60

expressions = expressions_at_points(max_steps=MOST_STEPS, operations=(*SMOOTH, *KINKED, "where"))


def numerical_gradient(example: Example) -> list[Any]:
    step = mpmath.mpf(10) ** -(DIGITS // 3)
    gradient = []
    for i in range(len(example.point)):
        ends = []
        for shift in (step, -step):
            leaves = [mpmath.mpf(leaf) for leaf in example.point]
            leaves[i] += shift
            ends.append(example.expression(leaves, ORACLES))
        gradient.append((ends[0] - ends[1]) / (2 * step))
    return gradient


def size_of_gradient(graph: Graph, leaf: Value) -> Any:
    """The sum over paths of |products|: what rounding errors are proportional to."""
    sizes = dict.fromkeys(graph.nodes, 0)
    sizes[graph.outputs[0]] = 1
    for edge in reversed(graph.edges):
        sizes[edge.tail] += abs(edge.local) * sizes[edge.head]
    return sizes[leaf]


@MANY_EXAMPLES
@given(expressions)
def test_gradients_at_high_precision(example: Example) -> None:
    """With mpmath's numbers in the graph, nothing is left but the error of the difference."""
    with mpmath.workdps(DIGITS):
        leaves = [Value(mpmath.mpf(leaf)) for leaf in example.point]
        root = example.expression(leaves)
        root.backward()
        graph = Graph(root)
        for leaf, expected in zip(leaves, numerical_gradient(example), strict=True):
            size = size_of_gradient(graph, leaf) if leaf in graph else 0
            assert abs(leaf.grad - expected) <= mpmath.mpf(10) ** -20 * (1 + size)


@MANY_EXAMPLES
@given(expressions)
def test_gradients_in_floats(example: Example) -> None:
    leaves = [Value(leaf) for leaf in example.point]
    root = example.expression(leaves)
    root.backward()
    graph = Graph(root)
    with mpmath.workdps(DIGITS):
        expected_gradient = numerical_gradient(example)
        exact = example.expression([mpmath.mpf(leaf) for leaf in example.point], ORACLES)
    assert abs(root.data - exact) <= 1e-9 * (1 + abs(exact))
    for leaf, expected in zip(leaves, expected_gradient, strict=True):
        size = size_of_gradient(graph, leaf) if leaf in graph else 0
        assert abs(leaf.grad - expected) <= 1e-9 * (1 + size)


@MANY_EXAMPLES
@given(expressions)
def test_a_graph_finds_what_backward_finds(example: Example) -> None:
    leaves = [Value(leaf) for leaf in example.point]
    root = example.expression(leaves)
    root.backward()
    graph = Graph(root)
    assert graph.value(root) == root.data
    assert graph.backward() == {leaf: leaf.grad for leaf in graph.leaves}


@MANY_EXAMPLES
@given(expressions, st.data())
def test_replay_is_building_anew(example: Example, data: st.DataObject) -> None:
    leaves = [Value(leaf) for leaf in example.point]
    graph = Graph(example.expression(leaves))
    nearby = [leaf + data.draw(st.sampled_from([0.0, 1e-3])) for leaf in example.point]
    fresh = [Value(number) for number in nearby]
    feed = {leaf: x for leaf, x in zip(leaves, nearby, strict=True) if leaf in graph}
    try:
        expected = example.expression(fresh)
    except (ValueError, ArithmeticError):
        assume(False)  # the point moved out of the domain of some step
    expected.backward()
    assert graph.forward(feed) == expected.data
    again = dict(zip(leaves, fresh, strict=True))
    assert graph.backward() == {leaf: again[leaf].grad for leaf in graph.leaves}
