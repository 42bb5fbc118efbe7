"""The lectures' worked examples, to 12 digits against independent calculations."""

from __future__ import annotations

import gc
import math
import tracemalloc
import weakref
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import Graph, Value, compile, exp, fsum, grad, sigmoid, sin, tanh
from autodiff.checking import numerical_derivative
from autodiff.nn import cross_entropy
from autodiff.worked_examples import (
    grouped_sigmoid_neuron,
    hinge_classifier,
    maximum_likelihood,
    mazur_network,
    one_neuron,
    patterns,
    product_of_sum,
    product_rule,
    sigmoid_neuron,
    squared_error_of_two_layers,
    two_layers,
)
from conftest import THOROUGH

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


def test_9_the_hinge_loss_with_a_penalty_as_one_graph() -> None:
    example = hinge_classifier()
    example["L"].backward()
    expected = hinge_by_hand()
    assert example["L"].data == twelve(expected.pop("L"))
    assert example["data"].data + 0.1 * example["R"].data == twelve(example["L"].data)
    assert {name: example[name].grad for name in expected} == {
        name: twelve(slope) for name, slope in expected.items()
    }


def hinge_by_hand() -> dict[str, float]:
    """L, and its derivative by each weight, as the lecture vectorises them."""
    w = np.array([[0.2, -0.5], [1.5, 1.3], [-0.4, 0.25]])
    x, labels = np.array([[1.0, 2.0], [-1.5, 0.5], [0.5, -1.0]]), np.array([0, 1, 2])
    n = np.arange(len(x))
    scores = x @ w.T
    margins = scores - scores[n, labels][:, None] + 1
    margins[n, labels] = 0
    loss = np.maximum(margins, 0).sum() / len(x) + 0.1 * (w * w).sum()
    counted = (margins > 0).astype(float)
    counted[n, labels] = -counted.sum(axis=1)
    slopes = counted.T @ x / len(x) + 2 * 0.1 * w
    return {"L": loss, **{f"w{j}{k}": slopes[j, k] for j in range(3) for k in range(2)}}


@given(st.lists(st.floats(-2, 2), min_size=6, max_size=6))
def test_9_the_penalty_alone_pulls_every_weight_towards_zero(numbers: list[float]) -> None:
    rows = [numbers[:2], numbers[2:4], numbers[4:]]
    without, with_it = (hinge_classifier(rows, strength=strength) for strength in (0.0, 0.5))
    without["L"].backward()
    with_it["L"].backward()
    for name in ("w00", "w11", "w20"):
        pull = with_it[name].grad - without[name].grad
        assert pull == pytest.approx(2 * 0.5 * with_it[name].data, abs=1e-12)


STEPS = 2000 if THOROUGH else 60


def test_10_twenty_lines_fall_as_the_numpy_version_does() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 1000)), rng.normal(size=(64, 10))
    w1, w2 = rng.normal(size=(1000, 100)), rng.normal(size=(100, 10))
    weights = {"W1": w1.T.copy(), "W2": w2.T.copy()}
    loss = compile(squared_error_of_two_layers, batched=("x", "y"))
    falling = []
    for _ in range(STEPS):
        losses, gradients = loss.value_and_grad(weights, x, y)
        falling.append(losses.sum())
        weights = {name: w - 1e-4 * gradients[name] for name, w in weights.items()}
    expected = twenty_lines(x, y, w1, w2)
    np.testing.assert_allclose(falling, expected, rtol=1e-9)
    np.testing.assert_allclose(weights["W1"].T, w1, rtol=1e-9, atol=1e-9)
    assert loss.stats["products"] == 2  # 64 · 101,000 multiplications
    assert expected[-1] < expected[0] / 2


def twenty_lines(x: Any, y: Any, w1: Any, w2: Any) -> list[float]:
    """The losses; w1 and w2 are changed in place."""
    losses = []
    for _ in range(STEPS):
        hidden = 1 / (1 + np.exp(-(x @ w1)))
        outputs = hidden @ w2
        losses.append(float(np.square(outputs - y).sum()))
        on_outputs = 2 * (outputs - y)
        on_hidden = on_outputs @ w2.T
        w2 -= 1e-4 * (hidden.T @ on_outputs)
        w1 -= 1e-4 * (x.T @ (on_hidden * hidden * (1 - hidden)))
    return losses


def test_11_softmax_and_cross_entropy() -> None:
    """The gradient with respect to the logits is p - onehot."""
    logits = [Value(1.0), Value(-2.0), Value(0.5)]
    loss = cross_entropy(logits, 2)
    loss.backward()
    exponentials = [math.exp(logit.data) for logit in logits]
    softmax = [e / sum(exponentials) for e in exponentials]
    assert loss.data == pytest.approx(-math.log(softmax[2]))
    assert [logit.grad for logit in logits] == pytest.approx(
        [softmax[0], softmax[1], softmax[2] - 1]
    )


@given(st.lists(st.lists(st.floats(-5, 5), min_size=3, max_size=3), min_size=1, max_size=4))
def test_11_maximum_likelihood_is_minimum_cross_entropy(logits: list[list[float]]) -> None:
    labels = [i % 3 for i in range(len(logits))]
    example = maximum_likelihood(logits, labels)
    with mpmath.workdps(30):
        rows = [[mpmath.exp(z) for z in row] for row in logits]
        p = [[e / sum(row) for e in row] for row in rows]
        likelihood = mpmath.fprod(row[label] for row, label in zip(p, labels, strict=True))
        expected = float(-mpmath.log(likelihood) / len(logits))
    assert example["likelihood"].data == pytest.approx(float(likelihood))
    assert math.exp(example["log-likelihood"].data) == pytest.approx(example["likelihood"].data)
    assert example["cross-entropy"].data == pytest.approx(expected)
    losses = [cross_entropy(row, label) for row, label in zip(logits, labels, strict=True)]
    assert math.fsum(losses) / len(losses) == pytest.approx(expected)


def test_11_both_climb_in_the_same_direction() -> None:
    """d likelihood = likelihood · d log-likelihood, and the cross-entropy has p - onehot over n."""
    example, labels = maximum_likelihood(), (2, 0)
    slopes = {}
    for name in ("likelihood", "log-likelihood", "cross-entropy"):
        graph = Graph(example[name])
        slopes[name] = [graph.gradient(example[f"z{i}{j}"]) for i in range(2) for j in range(3)]
    steepest = example["likelihood"].data * np.array(slopes["log-likelihood"])
    assert slopes["likelihood"] == pytest.approx(steepest.tolist())
    p = [example[f"p{i}{j}"].data - (j == labels[i]) for i in range(2) for j in range(3)]
    assert slopes["cross-entropy"] == pytest.approx([slope / 2 for slope in p])


def test_11_products_of_probabilities_vanish_and_sums_of_logarithms_do_not() -> None:
    rows = [[5.0, 0.0, 0.0]] * 200
    likely = maximum_likelihood(rows, [1] * 200)
    assert likely["likelihood"].data == 0.0
    assert likely["cross-entropy"].data == pytest.approx(math.log(math.exp(5) + 2))


FRACTIONS = st.fractions(-3, 3, max_denominator=20)
POLYNOMIALS = st.lists(FRACTIONS, min_size=1, max_size=5)
Polynomial = list[Fraction]


@given(POLYNOMIALS, POLYNOMIALS, FRACTIONS)
def test_12_the_chain_rule_without_a_rounding_error(
    f: Polynomial, g: Polynomial, x: Fraction
) -> None:
    inner = at(g, x)
    assert grad(lambda u: at(f, at(g, u)))(x) == at(slope_of(f), inner) * at(slope_of(g), x)


def at(polynomial: Polynomial, x: Any) -> Any:
    """Horner's rule, from the highest power down."""
    result = 0 * x
    for coefficient in reversed(polynomial):
        result = result * x + coefficient
    return result


def slope_of(polynomial: Polynomial) -> Polynomial:
    return [i * coefficient for i, coefficient in enumerate(polynomial)][1:]


SMOOTH = {
    "sin": (sin, math.cos),
    "exp": (exp, math.exp),
    "tanh": (tanh, lambda x: 1 / math.cosh(x) ** 2),
    "square": (lambda x: x * x, lambda x: 2 * x),
}


@pytest.mark.parametrize("outer", SMOOTH)
@pytest.mark.parametrize("inner", SMOOTH)
@pytest.mark.parametrize("x", [-1.5, 0.0, 0.7])
def test_12_the_chain_rule_numerically(outer: str, inner: str, x: float) -> None:
    (f, f_slope), (g, g_slope) = SMOOTH[outer], SMOOTH[inner]
    expected = f_slope(g(x)) * g_slope(x)
    assert grad(lambda u: f(g(u)))(x) == pytest.approx(expected)
    numerical = numerical_derivative(lambda u: f(g(u)), x)
    assert numerical.value == pytest.approx(expected, abs=1e-9)


NUMBERS = st.floats(-3, 3)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_14_feeding_a_graph_equals_building_it_anew(x1: float, x2: float, y: float) -> None:
    built_once = one_neuron()
    static = Graph(built_once["L"])
    fed = {built_once["x1"]: x1, built_once["x2"]: x2, built_once["y"]: y}
    loss, slopes = static.forward(fed), static.backward()

    anew = one_neuron(x1=x1, x2=x2, y=y)
    anew["L"].backward()
    assert loss == anew["L"].data
    for name in ("α", "β", "x1", "x2", "y"):
        assert slopes[built_once[name]] == anew[name].grad


EXAMPLES = [(1.0, 2.0, 3.0), (-1.0, 0.5, 0.0), (0.3, -0.7, 1.0)] * 5


def test_14_static_dynamic_and_compiled_training_give_the_same_numbers() -> None:
    assert trained_statically() == trained_dynamically()
    compiled = trained_by_a_program()
    for one, other in zip(compiled, trained_dynamically(), strict=True):
        assert one == pytest.approx(other, rel=1e-12)


def trained_statically() -> list[tuple[float, float, float]]:
    """Build once, feed later: α and β are the variables, x1, x2 and y the placeholders."""
    leaves = one_neuron()
    graph = Graph(leaves["L"])
    alpha, beta, trace = 0.5, 1.0, []
    for x1, x2, y in EXAMPLES:
        feed = {"α": alpha, "β": beta, "x1": x1, "x2": x2, "y": y}
        loss = graph.forward({leaves[name]: number for name, number in feed.items()})
        slopes = graph.backward()
        alpha -= slopes[leaves["α"]]
        beta -= slopes[leaves["β"]]
        trace.append((loss, alpha, beta))
    return trace


def trained_dynamically() -> list[tuple[float, float, float]]:
    """A new graph for each example."""
    alpha, beta, trace = 0.5, 1.0, []
    for example in EXAMPLES:
        built = one_neuron(alpha, beta, *example)
        built["L"].backward()
        alpha -= built["α"].grad
        beta -= built["β"].grad
        trace.append((built["L"].data, alpha, beta))
    return trace


def trained_by_a_program() -> list[tuple[float, float, float]]:
    program = compile(lambda p, x1, x2, y: 0.5 * (y - sigmoid(p[0] * x1 + p[1] * x2)) ** 2)
    p, trace = [0.5, 1.0], []
    for example in EXAMPLES:
        loss, slopes = program.value_and_grad(p, *example)
        p = [number - slope for number, slope in zip(p, slopes, strict=True)]
        trace.append((loss, *p))
    return trace


def losses_of_ten_steps(keep: Callable[[Value], Any]) -> tuple[list[Any], list[Any]]:
    """What is kept of each loss, and weak references to the losses' parents."""
    x, kept, parents = Value(1.0), [], []
    for _ in range(10):
        loss = fsum([sin(x * k) for k in range(200)]) ** 2
        kept.append(keep(loss))
        parents.append(weakref.ref(loss.parents[0]))
    del loss
    gc.collect()
    return kept, parents


def test_15_a_kept_loss_keeps_its_graph_alive() -> None:
    kept, parents = losses_of_ten_steps(lambda loss: loss)
    assert all(parent() is not None for parent in parents)
    kept.clear()
    gc.collect()
    assert all(parent() is None for parent in parents)

    numbers, parents = losses_of_ten_steps(lambda loss: loss.item())
    assert all(parent() is None for parent in parents)
    assert [type(number) for number in numbers] == [float] * 10


def test_15_memory_measured_both_ways() -> None:
    graphs = memory_of(lambda: losses_of_ten_steps(lambda loss: loss))
    numbers = memory_of(lambda: losses_of_ten_steps(lambda loss: loss.item()))
    nodes = 10 * 2 * 200  # a product and a sine in each term
    assert graphs > nodes * 100  # bytes
    assert numbers < graphs / 100


def memory_of(run: Callable[[], Any]) -> int:
    """How many bytes are held by what was made."""
    run()
    tracemalloc.start()
    try:
        kept = run()
        held, _ = tracemalloc.get_traced_memory()
        assert kept
        return held
    finally:
        tracemalloc.stop()
