"""The lectures' worked examples, to 12 digits against independent calculations."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import Graph, Value
from autodiff.worked_examples import (
    grouped_sigmoid_neuron,
    mazur_network,
    one_neuron,
    patterns,
    product_of_sum,
    product_rule,
    sigmoid_neuron,
    two_layers,
)

TWELVE_DIGITS = 5e-13


def twelve(expected: Any) -> Any:
    return pytest.approx(float(expected), rel=TWELVE_DIGITS, abs=0)


def test_1_product_of_a_sum() -> None:
    example = product_of_sum()
    example["f"].backward()
    assert (example["q"].data, example["f"].data) == (3.0, -12.0)
    gradients = {name: value.grad for name, value in example.items()}
    assert gradients == {"x": -4.0, "y": -4.0, "z": 3.0, "q": -4.0, "f": 1.0}


def neuron_by_hand() -> dict[str, Any]:
    """σ(s) at s = 1, and σ'(1) = e / (1 + e)², times what each operand is multiplied by."""
    with mpmath.workdps(30):
        slope = mpmath.e / (1 + mpmath.e) ** 2
        factors = {"w0": -1, "x0": 2, "w1": -2, "x1": -3, "w2": 1}
        return {"f": 1 / (1 + mpmath.exp(-1)), **{name: k * slope for name, k in factors.items()}}


@pytest.mark.parametrize("build", [sigmoid_neuron, grouped_sigmoid_neuron])
def test_2_and_3_the_sigmoid_neuron_spelled_out_and_grouped(build: Any) -> None:
    example, by_hand = build(), neuron_by_hand()
    example["f"].backward()
    assert example["f"].data == twelve(by_hand.pop("f"))
    assert {name: example[name].grad for name in by_hand} == {
        name: twelve(gradient) for name, gradient in by_hand.items()
    }


def test_2_the_gradients_on_the_way_back() -> None:
    graph = Graph(sigmoid_neuron()["f"])
    shown = [
        f"{edge.grad:.2f}"
        for edge in reversed(graph.edges)
        if edge.tail.op is None or edge.tail.parents
    ]
    assert ["1.00", *shown] == [
        "1.00", "-0.53", "-0.53", "-0.20", "0.20",
        "0.20", "0.20",  # w2, and the sum of the two products
        "0.20", "0.20",  # the products
        "-0.59", "-0.39", "0.39", "-0.20",
    ]  # fmt: skip


def test_3_is_shorter() -> None:
    spelled_out, grouped = Graph(sigmoid_neuron()["f"]), Graph(grouped_sigmoid_neuron()["f"])
    operations = [sum(bool(node.parents) for node in g.nodes) for g in (spelled_out, grouped)]
    assert operations == [8, 5]


def test_4_patterns_of_gates() -> None:
    example = patterns()
    example["f"].backward()
    assert example["f"].data == -20.0
    assert {name: example[name].grad for name in "xyzw"} == {
        "x": 2 * -4.0, "y": 2 * 3.0, "z": 2.0, "w": 0.0
    }  # fmt: skip


@given(st.floats(-50, 50))
def test_5_the_product_rule_is_the_sum_over_both_paths(x: float) -> None:
    example = product_rule(x)
    paths = Graph(example["h"]).paths(example["x"], example["h"])
    by_f, by_g = 2 * x * math.sin(x), x * x * math.cos(x)
    assert sorted(path.product for path in paths) == pytest.approx(sorted([by_f, by_g]))
    assert paths.sum == pytest.approx(by_f + by_g, abs=1e-12)


@pytest.mark.parametrize("depth", range(1, 11))
def test_6_paths_grow_exponentially_and_backprop_visits_every_edge_once(depth: int) -> None:
    example = two_layers(depth=depth)
    graph = Graph(example["p"])
    paths = graph.paths(example["x1"], example["p"])
    assert paths.count == 2**depth
    assert len(graph.edges) == 6 * depth + 2
    products = [path.product for path in paths]
    assert math.fsum(products) == pytest.approx(graph.gradient(example["x1"]), rel=1e-9)


def test_7_one_neuron_three_gradient_steps() -> None:
    rate, alpha, beta = 1.0, 0.5, 1.0
    with mpmath.workdps(30):
        expected_alpha, expected_beta = mpmath.mpf("0.5"), mpmath.mpf(1)
        for _ in range(3):
            example = one_neuron(alpha, beta)
            s, z, loss = example["s"], example["z"], example["L"]
            loss.backward()

            expected_s = expected_alpha + 2 * expected_beta
            expected_z = 1 / (1 + mpmath.exp(-expected_s))
            slope_of_loss, slope = expected_z - 3, expected_z * (1 - expected_z)
            table = {
                "s": (s.data, expected_s),
                "z": (z.data, expected_z),
                "L": (loss.data, (3 - expected_z) ** 2 / 2),
                "∂L/∂z": (z.grad, slope_of_loss),
                "∂σ/∂s": (z.local_derivatives[0], slope),
                "∂L/∂α": (example["α"].grad, slope_of_loss * slope),
                "∂L/∂β": (example["β"].grad, slope_of_loss * slope * 2),
            }
            for computed, expected in table.values():
                assert computed == twelve(expected)

            alpha -= rate * example["α"].grad
            beta -= rate * example["β"].grad
            expected_alpha -= slope_of_loss * slope
            expected_beta -= slope_of_loss * slope * 2
            assert (alpha, beta) == (twelve(expected_alpha), twelve(expected_beta))


def test_8_mazurs_network() -> None:
    example, rate = mazur_network(), 0.5
    error = example["E"]
    w = {i: example[f"w{i}"] for i in range(1, 9)}
    error.backward()

    # As published, to the digits given there.
    assert error.data == pytest.approx(0.298371109, abs=5e-10)
    assert w[5].grad == pytest.approx(0.082167041, abs=5e-10)
    assert w[5].data - rate * w[5].grad == pytest.approx(0.35891648, abs=5e-9)

    # And to 12 digits, from numerical derivatives at 40 digits.
    numbers = [mpmath.mpf(weight.data) for weight in w.values()]
    with mpmath.workdps(40):
        assert error.data == twelve(mazur(*numbers))
        for i, weight in enumerate(w.values()):
            order = tuple(int(i == j) for j in range(8))
            assert weight.grad == twelve(mpmath.diff(mazur, numbers, order))


def mazur(*w: Any) -> Any:
    def unit(a: Any, b: Any, first: Any, second: Any, bias: float) -> Any:
        return 1 / (1 + mpmath.exp(-(a * first + b * second + bias)))

    h = [unit(w[0], w[1], 0.05, 0.10, 0.35), unit(w[2], w[3], 0.05, 0.10, 0.35)]
    o = [unit(w[4], w[5], *h, 0.60), unit(w[6], w[7], *h, 0.60)]
    return ((mpmath.mpf(0.01) - o[0]) ** 2 + (mpmath.mpf(0.99) - o[1]) ** 2) / 2


def test_11_softmax_and_cross_entropy() -> None:
    """The gradient on the logits is p - onehot."""
    from autodiff.nn import cross_entropy

    logits = [Value(1.0), Value(-2.0), Value(0.5)]
    loss = cross_entropy(logits, 2)
    loss.backward()
    exponentials = [math.exp(logit.data) for logit in logits]
    softmax = [e / sum(exponentials) for e in exponentials]
    assert loss.data == pytest.approx(-math.log(softmax[2]))
    assert [logit.grad for logit in logits] == pytest.approx(
        [softmax[0], softmax[1], softmax[2] - 1]
    )
