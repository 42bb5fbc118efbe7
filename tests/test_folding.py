"""Folding: large graphs as few items, without cycles, with true numbers, and said in words."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import viz
from autodiff import Graph, Value, exp, gate, relu, scope, sin
from autodiff.nn import MLP, cross_entropy
from autodiff.testing import Example, expressions_at_points
from conftest import DEEP
from svg import number, read
from viz import layout
from viz.folding import Folding, fold_as_asked, unfolded, ways_to_fit


def assert_sound(graph: Graph, folding: Folding) -> None:
    """Every node is in one item, arrows are the edges between items, and go forward."""
    item_of = {node: i for i, item in enumerate(folding.items) for node in item.nodes}
    assert sorted(map(graph.id, item_of)) == sorted(map(graph.id, graph.nodes))
    assert sum(len(item.nodes) for item in folding.items) == len(graph.nodes)
    between = {
        (item_of[operand], item_of[node])
        for node in graph.nodes
        for operand in graph.operands(node)
        if item_of[operand] != item_of[node]
    }
    assert set(folding.arrows) == between
    assert len(folding.arrows) == len(between)
    assert all(tail < head for tail, head in folding.arrows)
    for i, item in enumerate(folding.items):
        used = {
            operand
            for node in graph.nodes
            for operand in graph.operands(node)
            if item_of[operand] == i != item_of[node]
        }
        assert set(item.results) == used | (set(graph.outputs) & set(item.nodes))


SCOPES = st.sampled_from(["", "", "a", "b", "a/n0", "a/n1", "a/n2", "b/n0/deep", "b/n1/deep"])


@given(example=expressions_at_points(max_steps=30), data=st.data())
def test_every_way_to_fold_is_sound(example: Example, data: st.DataObject) -> None:
    leaves = [Value(number) for number in example.point]
    y = example.expression(leaves)
    for node in Graph(y).nodes:
        node.scope = data.draw(SCOPES)
    graph = Graph(y)
    limit = data.draw(st.integers(1, len(graph.nodes)))
    ways = list(ways_to_fit(graph, limit))
    for folding in [
        *ways,
        unfolded(graph),
        *(fold_as_asked(graph, f) for f in ("identical", "scopes", "layers")),
    ]:
        assert_sound(graph, folding)
    assert len(ways[0].items) <= max(limit, 41 + 2 * len(leaves))


def test_a_scope_that_is_left_and_entered_again_is_cut() -> None:
    state = Value(0.5, "state")
    for step in range(3):
        with scope("cell"):
            inside = sin(state)
        state = inside * 2.0 + float(step)
    graph = Graph(state)
    folding = fold_as_asked(graph, "cell")
    assert_sound(graph, folding)
    assert sum(node.scope == "cell" for item in folding.items for node in item.nodes) == 3


def test_neurons_that_need_one_another_are_no_stack() -> None:
    signal = Value(0.5, "x")
    for i in range(4):
        with scope(f"cell{i}"):
            signal = sin(signal) * 2.0
    assert all(item.copies == 1 for item in fold_as_asked(Graph(signal), "identical").items)


def network(widths: list[int], inputs: int = 784) -> Value:
    generator = np.random.default_rng(0)
    pixels = [Value(pixel, f"x{i}") for i, pixel in enumerate(generator.random(inputs))]
    loss: Value = cross_entropy(MLP(inputs, widths)(pixels), 1)
    loss.name = "loss"
    return loss


def test_a_network_for_digits_folds_its_neurons() -> None:
    loss = network([40, 40, 10])
    drawn = read(viz.draw(loss))
    stacks = [texts for kind, texts in drawn.parts.values() if kind == "group"]
    assert stacks == [
        ["784 inputs", "x0 … x783"],
        ["neuron", "× 40 · 785 parameters each"],
        ["neuron", "× 40 · 41 parameters each"],
        ["neuron", "× 10 · 41 parameters each"],
    ]
    assert drawn.frames == ["layer1", "layer2", "layer3"]
    assert " ".join(drawn.caption) == (
        "34,415 nodes, folded: 90 scopes, identical ones drawn as a stack; "
        "draw more of it with limit=34500 or fold=None."
    )


def test_what_many_values_say_together() -> None:
    loss = network([4, 3], inputs=5)
    graph = Graph(loss)
    drawn = read(viz.draw(graph, fold="scopes"))
    (tail,) = [name for name, (_, texts) in drawn.parts.items() if texts[0] == "layer1"]
    (label,) = [texts for (start, _, _), texts in drawn.wires.items() if start == tail]
    hidden = [node for node in graph.nodes if node.op is not None and node.op.name == "relu"]
    assert label["value"] == f"{len(hidden)} values"
    norm = math.hypot(*(graph.gradient(node) for node in hidden))
    assert number(label["gradient"].replace("‖∇‖ ", "")) == float(f"{norm:.4g}")


@pytest.mark.parametrize("view", ["both", "backward", "derivatives"])
def test_a_folded_scope_with_one_result_is_a_gate_with_numbers(view: str) -> None:
    x, y = Value(0.5, "x"), Value(2.0, "y")
    with scope("unit"):
        w = Value(3.0, "w")
        z = exp(sin(w * x)) * y
    z.name = "z"
    graph = Graph(z * x)
    drawn = read(viz.draw(graph, view, fold="unit"))
    inside = graph.path_sum(x, z)
    (texts,) = [t for ends, t in drawn.wires.items() if ends[:2] == (graph.id(x), graph.id(z))]
    upstream = graph.gradient(z)
    expected = {
        "both": {"value": "0.5", "gradient": f"{inside * upstream:.4g}"},
        "backward": {
            "ink": f"{inside:.4g} × {upstream:.4g}", "gradient": f"{inside * upstream:.4g}"
        },
        "derivatives": {"ink": f"{inside:.4g}"},
    }  # fmt: skip
    assert texts == expected[view]
    assert ["unit", "4 operations · 1 parameter"] in [texts for _, texts in drawn.parts.values()]


def test_the_formula_of_a_folded_scope_has_its_name() -> None:
    x = Value(0.5, "x")
    with scope("unit"):
        y = exp(sin(x))
    notes = [t.get("note") for t in read(viz.draw(y, fold="unit", formulas=True)).wires.values()]
    assert notes == ["× ∂unit/∂x", None]


def test_a_network_without_scopes_is_drawn_by_layer() -> None:
    generator = np.random.default_rng(0)
    signal = np.array([Value(number) for number in generator.random(30)], object)
    for inputs, outputs in ((30, 20), (20, 10)):
        weights = generator.normal(size=(outputs, inputs))
        signal = np.array([[Value(w) for w in row] for row in weights], object) @ signal
        signal = np.array([relu(s) for s in signal], object)
    drawn = read(viz.draw(list(signal)))
    groups = [texts for kind, texts in drawn.parts.values() if kind == "group"]
    assert sorted(groups) == [
        ["200 inputs"], ["630 inputs"], ["ReLU", "× 10"], ["ReLU", "× 20"],
        ["×", "× 200"], ["×", "× 600"], ["Σ", "× 10"], ["Σ", "× 20"],
    ]  # fmt: skip
    assert "the same operation at the same depth" in drawn.caption[0]


def test_a_deep_chain_is_drawn_by_its_depth() -> None:
    y = x = Value(0.5, "x")
    for _ in range(DEEP // 2):
        y = sin(y) + x
    drawn = read(viz.draw(y))
    titles = [texts[0] for kind, texts in drawn.parts.values() if kind == "group"]
    assert len(titles) == 40
    ends = [int(n.replace(",", "")) for title in titles for n in re.findall(r"[\d,]+", title)]
    assert ends[0] == 1
    assert ends[-1] == DEEP // 2 * 2
    assert ends[1::2][:-1] == [start - 1 for start in ends[2::2]]


def test_unknown_scopes_are_named() -> None:
    loss = network([2], inputs=2)
    with pytest.raises(ValueError, match=r"no scope of this graph matches 'layer7'; .* layer1"):
        viz.draw(loss, fold="layer7")
    with pytest.raises(ValueError, match="it has no scopes"):
        viz.draw(Value(1.0), fold=["a"])


def test_gates_count_as_one_node() -> None:
    @gate("f")
    def f(x: Value) -> Value:
        for _ in range(400):
            x = sin(x)
        return x

    y = f(Value(0.5, "x"))
    assert read(viz.draw(y)).caption == []
    assert "folded" in read(viz.draw(y, open=True)).caption[0]


def test_a_layout_that_takes_too_long_is_folded_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempts = []
    real = layout.lay_out

    def slow_at_first(diagram: object, *rest: object) -> object:
        attempts.append(len(diagram.parts))  # type: ignore[attr-defined]
        if len(attempts) < 3:
            raise TimeoutError("too slow")
        return real(diagram, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(layout, "lay_out", slow_at_first)
    drawn = read(viz.draw(network([8, 4], inputs=6)))
    assert attempts == sorted(attempts, reverse=True)
    assert len(drawn.parts) < attempts[0]
    assert "folded" in drawn.caption[0]
    monkeypatch.setattr(layout, "lay_out", lambda *_: (_ for _ in ()).throw(TimeoutError("slow")))
    with pytest.raises(TimeoutError):
        viz.draw(Value(1.0)).render("svg")
