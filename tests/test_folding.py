"""Folding: large graphs as few items, without cycles, with true numbers, and said in words."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import viz
from autodiff import Graph, Value, exp, gate, relu, scope, sin, tanh
from autodiff.nn import MLP, cross_entropy
from autodiff.recording import GateCall, Region, _inside
from autodiff.testing import Example, expressions_at_points
from conftest import DEEP, THOROUGH
from svg import number, read
from viz import placing
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
        "draw all of it with fold=None. "
        "‖∇‖: the length of the gradient with respect to all these values."
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
    assert len(titles) == 8
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
    real = placing.place

    def slow_at_first(diagram: object, *rest: object) -> object:
        attempts.append(len(diagram.parts))  # type: ignore[attr-defined]
        if len(attempts) < 3:
            raise TimeoutError("too slow")
        return real(diagram, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(placing, "place", slow_at_first)
    drawn = read(viz.draw(network([8, 4], inputs=6), limit=300))
    assert attempts == sorted(attempts, reverse=True)
    assert len(drawn.parts) < attempts[0]
    assert "folded" in drawn.caption[0]
    monkeypatch.setattr(placing, "place", lambda *_: (_ for _ in ()).throw(TimeoutError("slow")))
    with pytest.raises(TimeoutError):
        viz.draw(Value(1.0)).render("svg")


# ------------------------------------------------------------------- gates and scopes together


@gate("G")
def cubic(x: Value) -> Value:
    return x * x + x


@pytest.mark.parametrize("view", ["both", "backward", "derivatives"])
def test_a_closed_gate_in_a_folded_scope_keeps_its_paths(view: str) -> None:
    x = Value(3.0, "x")
    with scope("a"):
        y = cubic(x) * 2
    drawn = read(viz.draw(y, view, fold="a"))
    (texts,) = [t for ends, t in drawn.wires.items() if ends[0] == "n0"]
    expected = {"both": "gradient", "backward": "gradient", "derivatives": "ink"}[view]
    assert texts[expected] == "14"
    opened = read(viz.draw(y, view, fold="a", open=True))
    assert opened.wires.keys() == drawn.wires.keys()


@given(example=expressions_at_points(max_steps=20), data=st.data())
@settings(max_examples=200 if THOROUGH else 25, deadline=None)
def test_whatever_is_folded_the_gradients_shown_add_up(
    example: Example, data: st.DataObject
) -> None:
    """Of every part with one result, the gradients on its wires are that on the line before."""
    leaves = [Value(number, f"x{i}") for i, number in enumerate(example.point)]
    y = example.expression(leaves)
    for node in Graph(y).nodes:
        name = data.draw(SCOPES)
        if name and data.draw(st.booleans()):
            with scope(name) if data.draw(st.booleans()) else gate_named(name):
                node.scope = Value(0.0).scope
        else:
            node.scope = name
    graph = Graph(y)
    fold = data.draw(st.sampled_from(["scopes", "identical", "layers", None]))
    drawn = read(viz.draw(graph, fold=fold, number=".17g"))
    arriving: dict[str, list[float]] = {}
    for (tail, _, _), texts in drawn.wires.items():
        arriving.setdefault(tail, []).append(
            float(texts.get("gradient", "nan").replace("‖∇‖ ", ""))
        )
    for name, texts in drawn.trunks.items():
        if "values" not in texts["value"]:
            total = float(texts["gradient"])
            parts = arriving[name]
            size = sum(map(abs, parts)) + abs(total)
            assert math.fsum(parts) == pytest.approx(total, abs=1e-9 * size + 1e-300)


def gate_named(name: str) -> Region:
    """A call of a gate, as a context."""
    return Region(name, lambda outer, records: (_inside(outer, GateCall(name, name)), records))


def test_the_cells_of_a_recurrent_network_are_the_times_they_were_entered() -> None:
    w, u, h = Value(0.5, "w"), Value(0.3, "u"), Value(0.1, "h0")
    for i, given_number in enumerate((0.2, 0.7, -0.4), start=1):
        x = Value(given_number, f"x{i}")
        with scope("cell"):
            h = tanh(w * h + u * x)
        h = h * 1.1
    graph = Graph(h)
    drawn = read(viz.draw(graph, fold="scopes"))
    cells = [texts for kind, texts in drawn.parts.values() if kind == "group"]
    assert cells == [["cell", "4 operations"]] * 3
    from_w = [texts for ends, texts in drawn.wires.items() if ends[0] == graph.id(w)]
    parts = [float(texts["gradient"]) for texts in from_w]
    assert len(parts) == 3
    assert sum(parts) == pytest.approx(graph.gradient(w), rel=1e-3)


def test_constants_in_folded_scopes_are_no_parameters() -> None:
    x = Value(3.0, "x")
    with scope("a"):
        p = x * x + 1
    q = p * 2
    with scope("a"):
        s = q * 3 + p * 5
    drawn = read(viz.draw(s, fold="scopes"))
    assert not [texts for _, texts in drawn.parts.values() if "parameter" in " ".join(texts)]


def test_parameters_are_what_the_caller_says_inside_of_folded_scopes_too() -> None:
    x = Value(3.0, "x")
    with scope("L"):
        y = Value(2.0, "w") * x + Value(1.0, "b")
    assert ["L", "2 operations · 2 parameters"] in texts_of(viz.draw(y, fold="L"))
    assert ["L", "2 operations"] in texts_of(viz.draw(y, fold="L", parameters=[x]))


def texts_of(picture: viz.Picture) -> list[list[str]]:
    return [texts for _, texts in read(picture).parts.values()]


# ------------------------------------------------------------------------------ folded, with paths


def two_boxes() -> tuple[Value, Value, Value]:
    x = Value(3.0, "x")
    with scope("L1"):
        a = x * x
        inside = a * x
    with scope("L2"):
        c = sin(inside * 2)
    y = c + x
    y.name = "y"
    return x, a, y


def test_paths_through_folded_scopes_have_their_names() -> None:
    x, _, y = two_boxes()
    caption = read(viz.draw(y, fold="scopes", paths=(x, y))).caption
    assert caption[0].startswith("x → L1 → L2 → y: 27 · ")
    again = two_boxes()
    assert viz.draw(again[2], fold="scopes", paths=(again[0], again[2])).svg == (
        viz.draw(y, fold="scopes", paths=(x, y)).svg
    )


def test_paths_light_up_through_boxes_with_several_results() -> None:
    x = Value(2.0, "x")
    with scope("L"):
        p, q = x * 2, x * 5
    f = p * q
    drawn = read(viz.draw(f, fold="L", paths=(x, f)))
    faded = [g for g in drawn.root.iter("{http://www.w3.org/2000/svg}g") if g.get("opacity")]
    assert faded == []
    assert drawn.caption[2].endswith("= 40")


def test_ends_of_paths_must_be_seen() -> None:
    x, a, y = two_boxes()
    with pytest.raises(ValueError, match="n1 is inside of 'L1', which is folded; draw with fold=N"):
        viz.draw(y, fold="L1", paths=(a, y))
    z = cubic(x)
    with pytest.raises(ValueError, match="is inside a gate; draw with open=True"):
        viz.draw(z, paths=(z.parents[0], z))
