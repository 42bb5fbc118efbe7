"""The steps, replayed as a reader would: they give every value and every gradient of the graph."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import Graph, Value, dot, exp, gate, scope
from autodiff.graph import is_constant
from autodiff.nn import MLP
from autodiff.testing import Example, expressions_at_points
from autodiff.worked_examples import product_of_sum, sigmoid_neuron
from viz.folding import fold_as_asked, unfolded, ways_to_fit
from viz.steps import Step, steps


def graph_of(example: Example) -> Graph:
    expression, point = example
    leaves = [Value(number, f"x{i}") for i, number in enumerate(point)]
    return Graph(expression(leaves))


def totals(told: list[Step]) -> dict[str, float]:
    """The last that was said about the gradient of every part."""
    return {part: float(total) for step in told for part, total in step.totals}


@given(expressions_at_points())
def test_the_contributions_add_up_to_every_gradient(example: Example) -> None:
    graph = graph_of(example)
    come_together: Counter[str] = Counter()
    edges = {(graph.id(e.tail), graph.id(e.head), e.slot): e for e in graph.edges}
    for step in steps(graph):
        if step.phase == "output":
            come_together[graph.id(graph.outputs[0])] += 1
        elif step.phase == "backward":
            for wire in step.wires:
                edge = edges[wire]
                assert graph.gradient(edge.head) == pytest.approx(come_together[wire[1]])
                come_together[wire[0]] += edge.local * come_together[wire[1]]
        for part, total in step.totals:
            assert come_together[part] == pytest.approx(float(total), rel=1e-9, abs=1e-9)
    for node in graph.nodes:
        if node.parents or node.op is None:
            assert come_together[graph.id(node)] == pytest.approx(
                graph.gradient(node), rel=1e-9, abs=1e-9
            )


@given(expressions_at_points())
def test_the_text_of_the_rules_has_the_numbers(example: Example) -> None:
    graph = graph_of(example)
    told = steps(graph, number=".17g")
    by_id = {graph.id(node): node for node in graph.nodes}
    for step in told:
        if step.phase == "forward":
            [rule] = step.rules
            assert float(rule.numbers.rpartition("= ")[2]) == graph.value(by_id[step.part])
        for rule in step.rules if step.phase == "backward" else ():
            if not rule.numbers:
                continue
            product, _, result = rule.numbers.partition(" = ")
            local, upstream = (float(text.strip("()")) for text in product.split(" · "))
            assert local * upstream == pytest.approx(float(result))


@given(expressions_at_points())
def test_nothing_is_used_before_it_is_known(example: Example) -> None:
    graph = graph_of(example)
    values: set[str] = set()
    gradients: set[str] = set()
    for step in steps(graph):
        if step.phase == "forward":
            assert {tail for tail, _, _ in step.wires} <= values
        elif step.phase == "backward":
            assert step.part in gradients
        values.update(step.values)
        assert gradients.isdisjoint(step.complete)
        gradients.update(step.complete)
    assert values == {graph.id(node) for node in graph.nodes}
    assert gradients >= {graph.id(leaf) for leaf in graph.leaves}


@given(expressions_at_points(), st.sampled_from(["layers", "fit"]))
def test_folded_graphs_end_with_the_same_gradients(example: Example, how: str) -> None:
    graph = graph_of(example)
    folding = fold_as_asked(graph, "layers") if how == "layers" else next(ways_to_fit(graph, 5))
    told = totals(steps(graph, folding))
    for item in folding.items:
        if len(item.results) == 1 and (item.results[0].parents or item.results[0].op is None):
            gradient = graph.gradient(item.results[0])
            assert told[graph.id(item.nodes[-1])] == pytest.approx(gradient, rel=1e-9, abs=1e-9)


def test_the_lecture_s_example_in_words() -> None:
    told = [str(rule) for step in steps(Graph(product_of_sum()["f"])) for rule in step.rules]
    assert told == [
        "The leaves are given: x = -2, y = 5, z = -4",
        "q = x + y = -2 + 5 = 3",
        "f = q · z = 3 · (-4) = -12",
        "∂f/∂f = 1",
        "∂f/∂q += z · ∂f/∂f = -4 · 1 = -4",
        "∂f/∂z += q · ∂f/∂f = 3 · 1 = 3",
        "∂f/∂x += 1 · ∂f/∂q = 1 · (-4) = -4",
        "∂f/∂y += 1 · ∂f/∂q = 1 · (-4) = -4",
    ]


def test_nodes_without_a_name_are_called_by_their_id() -> None:
    told = {str(rule) for step in steps(Graph(sigmoid_neuron()["f"])) for rule in step.rules}
    assert "n10 = exp(n9) = exp(-1) = 0.3679" in told
    assert "∂f/∂n9 += n10 · ∂f/∂n10 = 0.3679 · (-0.5344) = -0.1966" in told


def test_several_contributions_are_added_up_in_sight() -> None:
    x = Value(3.0, "x")
    f = x * x
    f.name = "f"
    backward = steps(Graph(f))[-1]
    assert [rule.total for rule in backward.rules] == ["", "∂f/∂x = 3 + 3 = 6"]


def test_several_outputs_are_differentiated_as_their_sum() -> None:
    x = Value(3.0, "x")
    a, b = x * 2, x * x
    a.name, b.name = "a", "b"
    told = steps(Graph(a, b, a))
    seed = next(step for step in told if step.phase == "output")
    assert [str(rule) for rule in seed.rules] == ["∂(a + b + a)/∂a = 2", "∂(a + b + a)/∂b = 1"]
    assert totals(told)["n0"] == 10.0
    many = steps(Graph(*[x * i for i in range(10)]))
    seed = next(step for step in many if step.phase == "output")
    assert str(seed.rules[0]) == "Σ is the sum of all 10 outputs"
    assert totals(many)["n0"] == 45.0


def test_an_output_that_is_used_further_starts_with_one() -> None:
    x = Value(3.0, "x")
    a = x * 2
    told = steps(Graph(a, a * a))
    assert totals(told)["n2"] == 1 + 2 * 6.0


def test_two_nodes_of_one_name_are_told_apart() -> None:
    told = [
        str(rule) for step in steps(Graph(Value(1.0, "w") * Value(2.0, "w"))) for rule in step.rules
    ]
    assert told[1] == "n2 = n0 · n1 = 1 · 2 = 2"
    with scope("layer"):
        inner = Value(1.0, "w")
    told = [str(rule) for step in steps(Graph(inner * Value(2.0, "w"))) for rule in step.rules]
    assert told[1] == "n2 = layer.w · n1 = 1 · 2 = 2"


def test_a_gate_is_one_step() -> None:
    @gate("σ")
    def sigma(a: Value) -> Value:
        return 1 / (1 + exp(-a))

    graph = Graph(sigma(Value(1.0, "a")))
    told = [str(rule) for step in steps(graph) for rule in step.rules]
    assert len(told) == 4
    assert told[1].endswith("= σ(a) = σ(1) = 0.7311")
    assert told[3].endswith("= 0.1966 · 1 = 0.1966")
    assert len(steps(graph.open())) > len(told)


def test_what_is_folded_is_told_in_words() -> None:
    with scope("layer"):
        a, b = (Value(x, f"x{x}") * 2 for x in (1.0, 2.0))
    f = a * b
    graph = Graph(f)
    told = steps(graph, fold_as_asked(graph, "layer"))
    words = [str(rule) for step in told for rule in step.rules]
    assert any(text.startswith("layer computes 2 values with 2 operations") for text in words)
    assert any(re.search(r"hands the gradient on to layer", text) for text in words)


def test_a_folded_scope_that_nothing_flows_out_of_says_so() -> None:
    with scope("inside"):
        f = Value(2.0, "w") * 3
    graph = Graph(f)
    told = steps(graph, fold_as_asked(graph, "inside"))
    assert str(told[-1].rules[0]) == "The gradient stays in inside: no operand comes from outside"


def test_many_operands_are_counted() -> None:
    xs = [Value(float(i), f"x{i}") for i in range(20)]
    told = steps(Graph(dot(xs, xs)))
    assert len(told[-1].rules) == 40
    assert str(told[1].rules[0]) == ("n20 = x0 · x0 + … + x19 · x19 = 0 · 0 + … + 19 · 19 = 2470")


def test_a_large_network_has_few_steps() -> None:
    model = MLP(784, [40, 40, 10], seed=0)
    graph = Graph(*model([Value(0.5, f"x{i}") for i in range(784)]))
    assert len(steps(graph, next(ways_to_fit(graph, 300)))) < 300


def test_depth_does_not_matter() -> None:
    x = y = Value(1.0, "x")
    for _ in range(20_000):
        y = y + x
    assert totals(steps(Graph(y)))["n0"] == 20_001


@gate("σ")
def sigma(a: Value) -> Value:
    return 1 / (1 + exp(-a))


def gates_in_scopes() -> Graph:
    """Gates inside scopes, a box with several results, and a leaf that is used everywhere."""
    x, w = Value(0.7, "x"), Value(-1.3, "w")
    with scope("cell"):
        a = sigma(x * w) * x
        with scope("inner"):
            b = sigma(a + w)
    with scope("pair"):
        c, d = sigma(b * x) + w, b * w
    f = sigma(c * d + x) * x + a
    f.name = "f"
    return Graph(f)


@pytest.mark.parametrize("fold", [None, "scopes", "identical", "layers", "cell", "*inner", "pair"])
@pytest.mark.parametrize("is_open", [False, True])
def test_gates_in_scopes_end_with_the_gradients_of_the_graph(
    fold: str | None, is_open: bool
) -> None:
    graph = gates_in_scopes().open() if is_open else gates_in_scopes()
    folding = fold_as_asked(graph, fold) if fold else unfolded(graph)
    told = steps(graph, folding, number=".12g")
    final = totals(told)
    singles = {
        graph.id(item.nodes[-1]): item.results[0]
        for item in folding.items
        if len(item.results) == 1 and not is_constant(item.results[0])
    }
    assert {part: final[part] for part in singles} == {
        part: pytest.approx(graph.gradient(node), rel=1e-9) for part, node in singles.items()
    }
    said = {}
    for rule in (rule for step in told if step.phase == "backward" for rule in step.rules):
        slope, _, numbers = (rule.total or str(rule)).partition(" ")
        said[slope] = numbers.rpartition("= ")[2]
    for name in ("x", "w"):
        [leaf] = [leaf for leaf in graph.leaves if leaf.name == name]
        if graph.id(leaf) in singles:
            assert float(said[f"∂f/∂{name}"]) == pytest.approx(graph.gradient(leaf))


def test_what_flows_back_through_a_box_is_a_number() -> None:
    x = Value(3.0, "x")
    with scope("box"):
        a, b = x * 2, x * x
    f = a * b + x
    f.name = "f"
    graph = Graph(f)
    told = [str(rule) for step in steps(graph, fold_as_asked(graph, "box")) for rule in step.rules]
    assert told[-1] == "∂f/∂x += what flows back through box = 54"
    totals_told = [rule.total for step in steps(graph, fold_as_asked(graph, "box"))
                   for rule in step.rules]  # fmt: skip
    assert totals_told[-1] == "∂f/∂x = 1 + 54 = 55"
