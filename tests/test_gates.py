"""Gates: a function's operations shown as one node, with path sums as local derivatives."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import Graph, Value, compile, exp, gate, grad, hessian, primitives, scope
from autodiff.recording import gate_calls
from autodiff.testing import Example, expressions_at_points


@gate("σ")
def logistic(x: Value) -> Value:
    return 1 / (1 + exp(-x))


@gate("softmax")
def softmax(xs: Sequence[Value]) -> list[Value]:
    powers = [exp(x) for x in xs]
    total = powers[0] + powers[1]
    return [power / total for power in powers]


def test_a_gate_is_one_node_with_the_derivative_of_all_that_is_inside() -> None:
    x = Value(0.7, "x")
    s = x * 2.0
    y = logistic(s)
    graph = Graph(y)
    assert graph.nodes[-2:] == (s, y)
    assert len(graph) == 4
    edge = graph.edges[-1]
    sigma = 1 / (1 + math.exp(-1.4))
    assert (edge.tail, edge.head, edge.slot) == (s, y, 0)
    assert edge.local == pytest.approx(sigma * (1 - sigma), rel=1e-14)
    assert list(graph.operands(y)) == [s]
    assert graph.group(y).symbol == "σ"
    assert graph.group(s) is None
    assert graph.value(y.parents[1]) == y.parents[1].data  # the numbers inside are still there


def test_a_gate_can_be_opened_and_ids_stay() -> None:
    y = logistic(Value(0.7, "x"))
    graph = Graph(y)
    opened = graph.open()
    assert len(opened) == 7 > len(graph) == 2
    assert [graph.id(node) for node in graph.nodes] == [opened.id(node) for node in graph.nodes]
    assert len(graph.open("tanh")) == len(graph)
    assert len(graph.open("σ")) == len(opened)


def test_two_calls_are_two_gates() -> None:
    x = Value(0.3, "x")
    y = logistic(logistic(x))
    graph = Graph(y)
    assert len(graph) == 3
    assert graph.group(graph.nodes[1]) is not graph.group(graph.nodes[2])
    assert [edge.head for edge in graph.edges] == list(graph.nodes[1:])


def test_a_gate_inside_a_gate_appears_when_the_outer_one_is_opened() -> None:
    @gate("outer/1")
    def outer(x: Value) -> Value:
        return logistic(x) * 2.0

    y = outer(Value(0.3))
    assert len(Graph(y)) == 2
    assert len(Graph(y).open("outer/1")) == 4
    assert [call.symbol for call in gate_calls(y.parents[0].scope)] == ["outer/1", "σ"]
    assert y.parents[0].scope == "outer∕1/σ"


def test_a_gate_with_several_results() -> None:
    a, b = Value(0.1, "a"), Value(0.9, "b")
    p, q = softmax([a, b])
    graph = Graph(p * 2.0 + q)
    assert {p, q} < set(graph.nodes)
    assert len(graph) == 7
    local = {(edge.tail, edge.head): edge.local for edge in graph.edges}
    assert local[a, p] == pytest.approx(p.data * (1 - p.data), rel=1e-14)
    assert local[b, p] == pytest.approx(-p.data * q.data, rel=1e-14)


def test_derivatives_of_every_order_and_the_compiler_see_through() -> None:
    sigma = 1 / (1 + math.exp(-0.4))
    assert grad(logistic)(0.4) == pytest.approx(sigma * (1 - sigma), rel=1e-14)
    second = hessian(lambda x: logistic(x))(0.4)
    assert second == pytest.approx(sigma * (1 - sigma) * (1 - 2 * sigma), rel=1e-13)
    assert compile(logistic)(0.4) == pytest.approx(sigma, rel=1e-15)
    assert logistic(0.4) == pytest.approx(sigma, rel=1e-15)  # plain numbers in, a number out


def test_replay_and_backward_go_through_gates() -> None:
    x = Value(0.7)
    graph = Graph(logistic(x) * x)
    value = graph.forward({x: 0.2})
    sigma = 1 / (1 + math.exp(-0.2))
    assert value == pytest.approx(0.2 * sigma)
    assert graph.backward()[x] == pytest.approx(sigma + 0.2 * sigma * (1 - sigma))
    assert graph.path_sum(x, graph.outputs[0]) == pytest.approx(graph.gradient(x))
    assert graph.paths(x, graph.outputs[0]).count == 2


def test_paths_to_the_inside_of_a_gate_are_refused() -> None:
    x = Value(0.7)
    y = logistic(x)
    with pytest.raises(KeyError, match=r"inside a gate; look for paths in graph\.open"):
        Graph(y).paths(x, y.parents[1])
    assert Graph(y).open().path_sum(x, y.parents[1]) != 0


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda y: pickle.loads(pickle.dumps(y))])
def test_copies_have_the_same_gates(copied: object) -> None:
    with scope("layer1"):
        y = logistic(logistic(Value(0.3, "x")))
    again = copied(y)  # type: ignore[operator]
    assert again.scope == y.scope == "layer1/σ"
    before, after = Graph(y), Graph(again)
    assert [edge.local for edge in after.edges] == [edge.local for edge in before.edges]
    assert len(after) == 3


def test_constants_and_leaves_in_gates() -> None:
    @gate("affine")
    def affine(x: Value) -> Value:
        return x * Value(3.0, "hidden weight") + 1.0

    graph = Graph(affine(Value(2.0, "x")))
    assert [leaf.name for leaf in graph.leaves] == ["x", "hidden weight"]
    assert [edge.local for edge in graph.edges] == [3.0, 2.0]
    assert len(graph) == 3
    passed_on = gate("=")(lambda x: x)(Value(1.0, "x"))
    assert len(Graph(passed_on)) == 1


def test_a_gate_needs_a_symbol() -> None:
    with pytest.raises(TypeError, match=r'as in @gate\("σ"\)'):
        gate(logistic)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="got ''"):
        gate("")


@given(example=expressions_at_points(max_steps=25), data=st.data())
def test_whatever_is_folded_gradients_add_up_over_the_edges(
    example: Example, data: st.DataObject
) -> None:
    leaves = [Value(number) for number in example.point]
    graph = Graph(example.expression(leaves))
    names = {node: data.draw(st.sampled_from([None, "a", "b"])) for node in graph.nodes}
    folded = graph.fold(names.__getitem__)
    assert set(folded.nodes) <= set(graph.nodes)
    for node in folded.nodes:
        if node.op is primitives.constant:
            continue
        parts = [edge.grad for edge in folded.edges if edge.tail is node]
        seed = folded.outputs.count(node)
        size = sum(abs(part) for part in parts) + seed
        cancelled = sum(abs(edge.grad) for edge in graph.edges)
        assert math.fsum(parts) + seed == pytest.approx(
            graph.gradient(node), rel=1e-9, abs=1e-12 * (size + cancelled)
        )


def test_folding_is_exact_for_exact_numbers() -> None:
    x = Value(Fraction(1, 3))
    y = x
    for _ in range(5):
        y = y * y + x
    folded = Graph(y).fold(lambda node: "everything")
    (edge,) = folded.edges
    assert edge.local == Graph(y).gradient(x)
    assert isinstance(edge.local, Fraction)
