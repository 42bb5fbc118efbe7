"""Paths: multiply along each, add up all, and count without listing."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice

import pytest
from hypothesis import given

from autodiff import Graph, Value, sin
from autodiff.testing import Example, expressions_at_points
from test_random_graphs import size_of_gradient


def test_the_product_rule_is_two_paths() -> None:
    """Worked example 5: h(x) = f(x)·g(x)."""
    x = Value(3.0)
    f, g = x * x, sin(x)
    h = f * g
    paths = Graph(h).paths(x, h)
    assert paths.count == 3  # two through x·x, one through sin
    assert sorted(path.product for path in paths) == sorted(
        [3.0 * g.data, 3.0 * g.data, f.data * x.cos().data]
    )
    assert paths.sum == pytest.approx(6.0 * g.data + f.data * x.cos().data)


def layered(depth: int) -> tuple[list[Value], Value]:
    """Worked example 6: two units in each layer, each fed by both below."""
    inputs = [Value(Fraction(1, 2)), Value(Fraction(2, 3))]
    layer = inputs
    for _ in range(depth):
        a, b = layer
        layer = [a * 2 + b, a - b * 3]
    return inputs, layer[0] * layer[1]


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_sum_over_paths_is_what_backprop_finds(depth: int) -> None:
    inputs, p = layered(depth)
    graph = Graph(p)
    p.backward()
    for x in inputs:
        paths = graph.paths(x, p)
        listed = list(paths)
        assert paths.count == len(listed) == 2**depth
        assert sum(path.product for path in listed) == paths.sum == graph.path_sum(x, p) == x.grad
        for path in listed:
            assert path.edges[0].tail is x
            assert path.edges[-1].head is p
            assert all(a.head is b.tail for a, b in zip(path.edges, path.edges[1:], strict=False))


def test_paths_double_with_depth_while_backprop_visits_each_edge_once() -> None:
    inputs, p = layered(1000)
    graph = Graph(p)
    paths = graph.paths(inputs[0], p)
    assert paths.count == 2**1000
    assert len(str(paths.count)) == 302
    assert len(graph.edges) < 10_000
    p.backward()
    assert paths.sum == inputs[0].grad
    assert len(list(islice(paths, 10))) == 10


def test_counts_of_any_size_and_sums_that_overflow() -> None:
    a = Value(1.0)
    t = a * 0.0
    for _ in range(20_000):
        t = t + t
    paths = Graph(t).paths(a, t)
    assert paths.count == 2**20_000
    assert repr(paths).startswith("<at least 2**20000 paths")
    with pytest.raises(StopIteration):
        next(iter(Graph(t).paths(t, a)))


def test_where_there_is_no_path() -> None:
    x, y = Value(1.0), Value(2.0)
    f = x * 2
    graph = Graph(f, y * 3)
    assert (graph.paths(y, f).count, list(graph.paths(y, f)), graph.path_sum(y, f)) == (0, [], 0)
    assert graph.path_sum(f, x) == 0
    with pytest.raises(KeyError, match="not a node of this graph"):
        graph.paths(Value(1.0), f)


def test_the_path_from_a_node_to_itself_is_empty() -> None:
    x = Value(1.0)
    (path,) = Graph(x * 2).paths(x, x)
    assert (path.edges, path.product) == ((), 1)


@given(expressions_at_points())
def test_path_sums_equal_gradients(example: Example) -> None:
    leaves = [Value(leaf) for leaf in example.point]
    root = example.expression(leaves)
    graph = Graph(root)
    for leaf in graph.leaves:
        slack = 1e-13 * (1 + size_of_gradient(graph, leaf))
        assert abs(graph.path_sum(leaf, root) - graph.gradient(leaf)) <= slack
