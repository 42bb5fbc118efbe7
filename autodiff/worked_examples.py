"""The lectures' worked examples, as functions that build their graphs.

Most return their Values by name, so that tables, pictures, tests and notebooks share one source.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any

from autodiff.functions import abs as absolute
from autodiff.functions import dot, exp, fsum, log, maximum, relu, sigmoid, sin
from autodiff.nn import MLP, hinge, l2_penalty
from autodiff.recording import scope
from autodiff.value import Value

Example = dict[str, Value]
Weights = Mapping[str, Sequence[Sequence[Any]]]


def product_of_sum(x: float = -2.0, y: float = 5.0, z: float = -4.0) -> Example:
    """f = (x + y) · z, with q = x + y between.

    >>> example = product_of_sum()
    >>> example["f"].backward()
    >>> {name: value.grad for name, value in example.items()}
    {'x': -4.0, 'y': -4.0, 'z': 3.0, 'q': -4.0, 'f': 1.0}
    """
    leaves = _leaves(x=x, y=y, z=z)
    q = _named("q", leaves["x"] + leaves["y"])
    return {**leaves, "q": q, "f": _named("f", q * leaves["z"])}


def sigmoid_neuron(
    w0: float = 2.0, x0: float = -1.0, w1: float = -3.0, x1: float = -2.0, w2: float = -3.0
) -> Example:
    """f = 1 / (1 + exp(-(w0·x0 + w1·x1 + w2))), spelled out gate by gate.

    >>> round(sigmoid_neuron()["f"].data, 2)
    0.73
    """
    leaves = _leaves(w0=w0, x0=x0, w1=w1, x1=x1, w2=w2)
    s = leaves["w0"] * leaves["x0"] + leaves["w1"] * leaves["x1"] + leaves["w2"]
    return {**leaves, "f": _named("f", 1 / (exp(-s) + 1))}


def grouped_sigmoid_neuron(
    w0: float = 2.0, x0: float = -1.0, w1: float = -3.0, x1: float = -2.0, w2: float = -3.0
) -> Example:
    """The same neuron with its last four gates grouped into one: σ, with dσ/dx = σ(1 - σ).

    >>> round(grouped_sigmoid_neuron()["f"].data, 2)
    0.73
    """
    leaves = _leaves(w0=w0, x0=x0, w1=w1, x1=x1, w2=w2)
    s = leaves["w0"] * leaves["x0"] + leaves["w1"] * leaves["x1"] + leaves["w2"]
    return {**leaves, "f": _named("f", sigmoid(s))}


def patterns(x: float = 3.0, y: float = -4.0, z: float = 2.0, w: float = -1.0) -> Example:
    """f = (x · y + max(z, w)) · 2: gates that hand on, swap and route their gradient.

    Add hands its gradient on unchanged, multiply swaps its inputs and scales, max routes to the
    larger input.

    >>> example = patterns()
    >>> example["f"].backward()
    >>> {name: example[name].grad for name in "xyzw"}
    {'x': -8.0, 'y': 6.0, 'z': 2.0, 'w': 0.0}
    """
    leaves = _leaves(x=x, y=y, z=z, w=w)
    total = leaves["x"] * leaves["y"] + maximum(leaves["z"], leaves["w"])
    return {**leaves, "f": _named("f", total * 2)}


def product_rule(x: float = 2.0) -> Example:
    """h(x) = f(x) · g(x) with f = x² and g = sin x: both paths count, h' = g·f' + f·g'.

    >>> example = product_rule(0.0)
    >>> example["h"].backward()
    >>> example["x"].grad
    0.0
    """
    leaf = Value(x, "x")
    f, g = _named("f", leaf**2), _named("g", sin(leaf))
    return {"x": leaf, "f": f, "g": g, "h": _named("h", f * g)}


def two_layers(x1: float = 0.5, x2: float = -1.0, depth: int = 1) -> Example:
    """p(z1(x1, x2), z2(x1, x2)), and again with more hidden layers: paths multiply with depth.

    Args:
        x1, x2: the inputs.
        depth: how many layers of two units there are between the inputs and p.

    >>> from autodiff import Graph
    >>> for depth in (1, 2, 3):
    ...     example = two_layers(depth=depth)
    ...     print(Graph(example["p"]).paths(example["x1"], example["p"]).count)
    2
    4
    8
    """
    example = _leaves(x1=x1, x2=x2)
    layer = list(example.values())
    for i in range(1, depth + 1):
        first, second = layer
        layer = [sigmoid(first - second), sin(first * second)]
        for j, unit in enumerate(layer, start=1):
            example[f"z{i}{j}"] = _named(f"z{i}{j}", unit)
    example["p"] = _named("p", layer[0] * layer[1])
    return example


def one_neuron(
    alpha: float = 0.5, beta: float = 1.0, x1: float = 1.0, x2: float = 2.0, y: float = 3.0
) -> Example:
    """One neuron and its loss: s = α·x1 + β·x2, z = σ(s), L = 0.5 · (y - z)².

    >>> example = one_neuron()
    >>> example["L"].backward()
    >>> round(example["L"].data, 4), round(example["α"].grad, 4)
    (2.1546, -0.1455)
    """
    leaves = _leaves(α=alpha, β=beta, x1=x1, x2=x2, y=y)
    s = _named("s", leaves["α"] * leaves["x1"] + leaves["β"] * leaves["x2"])
    z = _named("z", sigmoid(s))
    return {**leaves, "s": s, "z": z, "L": _named("L", 0.5 * (leaves["y"] - z) ** 2)}


def mazur_network(
    weights: Sequence[float] = (0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55),
) -> Example:
    """A 2-2-2 network with sigmoid units and squared error: Mazur's step-by-step example.

    Its inputs are 0.05 and 0.10, its targets 0.01 and 0.99, its biases 0.35 and 0.60.

    >>> example = mazur_network()
    >>> example["E"].backward()
    >>> round(example["E"].data, 9), round(example["w5"].grad, 9)
    (0.298371109, 0.082167041)
    """
    example = _leaves(i1=0.05, i2=0.10)
    signal, first = list(example.values()), 1
    for layer, unit, bias in (("hidden", "h", 0.35), ("output", "o", 0.60)):
        with scope(layer):
            w = _leaves(**{f"w{i}": weights[i - 1] for i in range(first, first + 4)})
            w1, w2, w3, w4 = w.values()
            signal = [sigmoid(dot(pair, signal, bias)) for pair in ((w1, w2), (w3, w4))]
        example |= w
        for i, value in enumerate(signal, start=1):
            example[f"{unit}{i}"] = _named(f"{unit}{i}", value)
        first += 4
    errors = [0.5 * (t - o) ** 2 for t, o in zip((0.01, 0.99), signal, strict=True)]
    return {**example, "E": _named("E", errors[0] + errors[1])}


def hinge_classifier(
    weights: Sequence[Sequence[float]] = ((0.2, -0.5), (1.5, 1.3), (-0.4, 0.25)),
    points: Sequence[Sequence[float]] = ((1.0, 2.0), (-1.5, 0.5), (0.5, -1.0)),
    labels: Sequence[int] = (0, 1, 2),
    strength: float = 0.1,
) -> Example:
    """A linear classifier with the hinge loss of a multi-class SVM, and a penalty on its weights.

    s = W x for each point, data = mean of Σ max(0, sⱼ - s_label + 1), R = Σ w², and
    L = data + strength · R. Weights are wjk, that of class j and feature k.

    >>> example = hinge_classifier()
    >>> example["L"].backward()
    >>> round(example["L"].data, 4), round(example["w10"].grad, 4)
    (5.8202, 1.8)
    """
    w = [_leaves(**{f"w{j}{k}": x for k, x in enumerate(row)}) for j, row in enumerate(weights)]
    losses = []
    for i, (point, label) in enumerate(zip(points, labels, strict=True)):
        with scope(f"example{i}"):
            losses.append(hinge([dot(row.values(), point) for row in w], label))
    data = _named("data", fsum(losses) / len(losses))
    leaves = {name: weight for row in w for name, weight in row.items()}
    penalty = _named("R", l2_penalty(leaves.values(), 1.0))
    return {**leaves, "data": data, "R": penalty, "L": _named("L", data + strength * penalty)}


def maximum_likelihood(
    logits: Sequence[Sequence[float]] = ((1.0, -2.0, 0.5), (0.2, 0.4, -0.1)),
    labels: Sequence[int] = (2, 0),
) -> Example:
    """From maximum likelihood to the cross-entropy.

    p = softmax(z) for each example; the likelihood is the product of the probabilities of the right
    classes, its logarithm a sum, and minus the mean of that sum the cross-entropy. Logits are zij
    and probabilities pij, of example i and class j.

    >>> example = maximum_likelihood()
    >>> round(example["likelihood"].data, 4), round(example["cross-entropy"].data, 4)
    (0.1236, 1.0453)
    """
    example: Example = {}
    right = []
    for i, (row, label) in enumerate(zip(logits, labels, strict=True)):
        z = _leaves(**{f"z{i}{j}": logit for j, logit in enumerate(row)})
        exponentials = [exp(logit) for logit in z.values()]
        total = fsum(exponentials)
        p = {f"p{i}{j}": _named(f"p{i}{j}", e / total) for j, e in enumerate(exponentials)}
        right.append(p[f"p{i}{label}"])
        example |= z | p
    example["likelihood"] = _named("likelihood", functools.reduce(operator.mul, right))
    log_likelihood = _named("log-likelihood", fsum([log(p) for p in right]))
    cross_entropy = _named("cross-entropy", -log_likelihood / len(right))
    return {**example, "log-likelihood": log_likelihood, "cross-entropy": cross_entropy}


def squared_error_of_two_layers(weights: Weights, x: Sequence[Any], y: Sequence[Any]) -> Any:
    """Σ (ŷ - y)² of one example, with ŷ = W2 σ(W1 x): the network in twenty lines.

    Args:
        weights: ``W1`` and ``W2``, a row for each unit.
        x, y: what goes in, and what should come out.

    >>> squared_error_of_two_layers({"W1": [[0.0, 0.0]], "W2": [[2.0]]}, [1.0, 1.0], [3.0])
    4.0
    """
    with scope("hidden"):
        hidden = [sigmoid(dot(row, x)) for row in weights["W1"]]
    with scope("output"):
        outputs = [dot(row, hidden) for row in weights["W2"]]
    with scope("loss"):
        differences = [output - target for output, target in zip(outputs, y, strict=True)]
        return dot(differences, differences)


def triangle_network(sharpness: float = 100.0) -> MLP:
    """The smallest neural network, by hand: three logistic regressions whose outputs feed a fourth.

    Each of the three is a side of the triangle of :func:`autodiff.data.triangle`, at 0.3 from its
    middle, and says how surely a point is on the inner side; the fourth asks for all three.

    Args:
        sharpness: how steep the three are: the length of their normals.

    >>> from autodiff.data import triangle
    >>> from autodiff.training import evaluate
    >>> evaluate(triangle_network(), triangle(noise=0), "binary_cross_entropy")[1]
    1.0
    """
    model = MLP(2, [3, 1], "sigmoid")
    sides, (all_of_them,) = (layer.neurons for layer in model.layers)
    for side, corner in zip(sides, (90, 210, 330), strict=True):
        inwards = math.cos(math.radians(corner)), math.sin(math.radians(corner))
        for weight, number in zip(side.weights, inwards, strict=True):
            weight.data = sharpness * number
        side.bias.data = sharpness * 0.3
    for weight in all_of_them.weights:
        weight.data = 20.0
    all_of_them.bias.data = -50.0
    return model


def saddle_and_cliff(x: Any, y: Any) -> Any:
    """A valley with a saddle at (0, 0), minima of 0 at (0, ±1), and cliffs beyond x = ±1.5.

    ``x² / 2 + (y² - 1)² / 4 + 200 relu(|x| - 1.5)``: on the cliffs the slope is 200.

    >>> saddle_and_cliff(0.0, 0.0), saddle_and_cliff(0.0, -1.0)
    (0.25, 0.0)
    """
    return x**2 / 2 + (y**2 - 1) ** 2 / 4 + 200 * relu(absolute(x) - 1.5)


def monkey_saddle(x: Any, y: Any) -> Any:
    """x³ - 3 x y² + (x² + y²)² / 4, which is flat at (0, 0): downhill for two legs and a tail.

    Its minima of -6.75 are at a radius of 3, at angles of 60°, 180° and 300°.

    >>> monkey_saddle(0.0, 0.0), monkey_saddle(-3.0, 0.0)
    (0.0, -6.75)
    """
    return x**3 - 3 * x * y**2 + (x**2 + y**2) ** 2 / 4


def _leaves(**numbers: float) -> Example:
    return {name: Value(number, name) for name, number in numbers.items()}


def _named(name: str, value: Value) -> Value:
    value.name = name
    return value
