"""The lectures' worked examples, to 12 digits against independent calculations."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import pytest

from autodiff import Graph, Value, dot, sigmoid
from autodiff.worked_examples import grouped_sigmoid_neuron, product_of_sum, sigmoid_neuron

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


def test_7_one_neuron_three_gradient_steps() -> None:
    x, y, rate = (1.0, 2.0), 3.0, 1.0
    alpha, beta = Value(0.5, "α"), Value(1.0, "β")
    with mpmath.workdps(30):
        expected_alpha, expected_beta = mpmath.mpf("0.5"), mpmath.mpf(1)
        for _ in range(3):
            s = alpha * x[0] + beta * x[1]
            z = sigmoid(s)
            loss = 0.5 * (y - z) ** 2
            alpha.grad = beta.grad = 0.0
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
                "∂L/∂α": (alpha.grad, slope_of_loss * slope),
                "∂L/∂β": (beta.grad, slope_of_loss * slope * 2),
            }
            for computed, expected in table.values():
                assert computed == twelve(expected)

            alpha.data -= rate * alpha.grad
            beta.data -= rate * beta.grad
            expected_alpha -= slope_of_loss * slope
            expected_beta -= slope_of_loss * slope * 2
            assert (alpha.data, beta.data) == (twelve(expected_alpha), twelve(expected_beta))


def test_8_mazurs_network() -> None:
    inputs, targets, rate = (0.05, 0.10), (0.01, 0.99), 0.5
    w = {
        i: Value(x, f"w{i}")
        for i, x in enumerate([0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55], 1)
    }
    hidden = [sigmoid(dot([w[i], w[i + 1]], inputs, 0.35)) for i in (1, 3)]
    outputs = [sigmoid(dot([w[i], w[i + 1]], hidden, 0.60)) for i in (5, 7)]
    error: Value = sum(0.5 * (t - o) ** 2 for t, o in zip(targets, outputs, strict=True))  # type: ignore[assignment]
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
