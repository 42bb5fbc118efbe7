"""Graph: nodes and edges as data, replay, and numbers of its own."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from autodiff import Graph, Value, dot, maximum
from conftest import DEEP


def test_nodes_are_in_topological_order_and_ids_are_stable() -> None:
    x, y = Value(2.0, "x"), Value(3.0, "y")
    f = (x + y) * x
    graph = Graph(f)
    assert graph.nodes == (x, y, f.parents[0], f)
    assert [graph.id(node) for node in graph.nodes] == ["n0", "n1", "n2", "n3"]
    assert graph.leaves == (x, y)
    assert len(graph) == 4
    assert x in graph
    assert Value(2.0) not in graph


def test_an_edge_for_each_slot() -> None:
    a = Value(3.0)
    graph = Graph(a * a * 2)
    square = graph.outputs[0].parents[0]
    assert [(e.tail, e.head, e.slot, e.local, e.grad) for e in graph.edges] == [
        (a, square, 0, 3.0, 6.0),
        (a, square, 1, 3.0, 6.0),
        (square, graph.outputs[0], 0, 2.0, 2.0),
        (graph.outputs[0].parents[1], graph.outputs[0], 1, 0, 0.0),
    ]


def test_a_constant_does_not_vary() -> None:
    x = Value(3.0)
    graph = Graph(dot([x], [4.0], 5.0) ** 2)
    assert graph.leaves == (x,)
    for edge in graph.edges:
        if edge.tail.op is not None and not edge.tail.parents:
            assert (edge.local, edge.grad) == (0, 0)
    assert graph.gradient(x) == 2 * 17 * 4


def test_replay_gives_what_building_anew_gives() -> None:
    x, y = Value(2.0), Value(3.0)
    graph = Graph((x * y + x).log() / maximum(x, y))
    value = graph.forward({x: 5.0})
    fresh = (Value(5.0), Value(3.0))
    expected = (fresh[0] * fresh[1] + fresh[0]).log() / maximum(*fresh)
    expected.backward()
    assert value == expected.data
    assert graph.backward() == {x: fresh[0].grad, y: fresh[1].grad}
    # What was fed stays, what was not fed too.
    assert graph.forward({y: 1.0}) == ((Value(5.0) * 1.0 + 5.0).log() / 5.0).data


def test_a_graph_never_writes_to_the_nodes() -> None:
    x = Value(2.0)
    y = x * x
    y.backward()
    graph = Graph(y)
    graph.forward({x: 10.0})
    assert graph.backward() == {x: 20.0}
    assert (x.data, x.grad, y.data, y.grad) == (2.0, 4.0, 4.0, 1.0)
    assert (graph.value(x), graph.value(y), graph.gradient(y)) == (10.0, 100.0, 1.0)


def test_a_graph_shows_the_leaves_as_they_are_now_and_never_a_mixture() -> None:
    x = Value(2.0)
    y = x * x
    x.data = 5.0
    graph = Graph(y)
    assert (graph.value(x), graph.value(y), graph.gradient(x)) == (5.0, 25.0, 10.0)


def test_a_failed_replay_keeps_the_old_numbers() -> None:
    x = Value(2.0, "x")
    graph = Graph(x.log())
    before = graph.value(graph.outputs[0])
    with pytest.raises(ValueError, match="math domain") as failure:
        graph.forward({x: -1.0})
    assert "log(x = -1.0)" in failure.value.__notes__[0]
    assert graph.value(graph.outputs[0]) == before
    assert graph.gradient(x) == 0.5


def test_replay_follows_a_recorded_comparison() -> None:
    x = Value(2.0)
    graph = Graph((x > 1.0) * x)
    assert graph.forward({x: 0.5}) == 0.0


def test_several_outputs_share_one_graph() -> None:
    x = Value(3.0)
    graph = Graph(x * x, x * 2)
    assert graph.forward({x: 4.0}) == (16.0, 8.0)
    assert graph.backward() == {x: 8.0 + 2.0}


def test_a_leaf_is_a_graph_of_one_node() -> None:
    x = Value(3.0)
    graph = Graph(x)
    assert graph.nodes == (x,)
    assert graph.edges == ()
    assert graph.backward() == {x: 1.0}


def test_exact_numbers_replay_exactly() -> None:
    x = Value(Fraction(1, 3))
    graph = Graph(1 / x)
    assert graph.forward({x: Fraction(2, 7)}) == Fraction(7, 2)
    assert graph.backward() == {x: Fraction(-49, 4)}


def test_a_deep_graph_replays() -> None:
    x = Value(1.0)
    y = x
    for _ in range(DEEP):
        y = y + 2.0**-30
    graph = Graph(y)
    assert graph.forward({x: 2.0}) == 2.0 + DEEP * 2.0**-30
    assert graph.backward() == {x: 1.0}


@pytest.mark.parametrize("thing", [3.0, "x", None])
def test_a_graph_is_made_of_values(thing: object) -> None:
    with pytest.raises(TypeError, match="expected a Value"):
        Graph(thing)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"got the function cos; give it what cos returns for"):
        Graph(math.cos)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="at least one Value"):
        Graph()


def test_only_leaves_of_the_graph_can_be_fed() -> None:
    x = Value(2.0)
    y = x * 3
    graph = Graph(y)
    for wrong in (y, y.parents[1], Value(1.0)):
        with pytest.raises(KeyError, match="leaves of this graph"):
            graph.forward({wrong: 1.0})
    with pytest.raises(TypeError, match="the string"):
        graph.forward({x: "1"})
    with pytest.raises(TypeError, match="expected a dict from leaves to numbers, got list"):
        graph.forward([1.0])  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="not a node of this graph"):
        graph.value(Value(1.0))
