"""Learning to separate: what the lectures claim of lines, of small networks, and of descent."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff import Value, compile, dot, fsum, grad, sigmoid, value_and_grad
from autodiff.checking import numerical_derivative
from autodiff.data import (
    Dataset,
    Points,
    circle,
    gaussians,
    load_subset,
    moons,
    spiral,
    triangle,
    xor,
)
from autodiff.nn import MLP, Linear, Module, Neuron, ReLU, Sequential, mean_squared_error
from autodiff.optim import SGD, Adam, Optimizer, RMSProp
from autodiff.training import evaluate, fit, outputs, predict
from autodiff.worked_examples import monkey_saddle, saddle_and_cliff, triangle_network

Array = np.ndarray[Any, np.dtype[np.float64]]


# ---------------------------------------------------------------------------------- straight lines


def points_near_a_plane() -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 2))
    return x, x @ np.array([2.0, -1.0]) + 0.5 + rng.normal(scale=0.3, size=40)


def closed_form(x: Array, y: Array) -> Array:
    """Weights and bias by the normal equations."""
    with_ones = np.column_stack([x, np.ones(len(x))])
    return np.linalg.solve(with_ones.T @ with_ones, with_ones.T @ y)


def test_linear_regression_arrives_at_the_closed_form_solution() -> None:
    x, y = points_near_a_plane()

    def error(p: Any, row: Any, target: Any) -> Any:
        return mean_squared_error([dot(p[:2], row, p[2])], [target])

    p, _ = descend(compile(error, batched=("row", "target")), np.zeros(3), x, y)
    np.testing.assert_allclose(p, closed_form(x, y), atol=1e-9)


def descend(error: Any, p: Array, x: Array, y: Array, epsilon: float = 1e-9) -> tuple[Array, int]:
    """Gradient descent on the mean error, until the gradient's norm is below epsilon."""
    for step in range(2000):
        _, slope = error.value_and_grad(p, x, y)
        if np.linalg.norm(slope / len(x)) < epsilon:
            return p, step
        p = p - 0.2 * slope / len(x)
    raise AssertionError("gradient descent has not arrived")


@pytest.mark.parametrize("epsilon", [1e-2, 1e-5, 1e-8])
def test_descent_until_the_norm_of_the_gradient_is_below_epsilon(epsilon: float) -> None:
    """At a bowl's bottom the gradient vanishes, and each factor of 1000 takes as many steps."""
    x, y = points_near_a_plane()
    error = compile(lambda p, row, t: (dot(p[:2], row, p[2]) - t) ** 2, batched=("row", "t"))
    p, steps = descend(error, np.zeros(3), x, y, epsilon)
    _, slope = error.value_and_grad(p, x, y)
    assert np.linalg.norm(slope) / len(x) < epsilon
    assert np.linalg.norm(p - closed_form(x, y)) < 2 * epsilon
    assert steps < 30 * -math.log10(epsilon)


COORDINATES = st.floats(-10, 10)


@given(COORDINATES, COORDINATES, st.floats(0, 2 * math.pi), st.floats(0.1, 5), st.floats(-3, 3))
def test_the_normal_of_a_line_says_the_side_and_how_sure(
    x: float, y: float, angle: float, length: float, offset: float
) -> None:
    """w · p + b is the distance from the line times the length of w, positive where w points to."""
    w = [length * math.cos(angle), length * math.sin(angle)]
    on_the_line = [-offset * math.cos(angle), -offset * math.sin(angle)]
    neuron = Neuron(w, "linear", bias=length * offset)
    assert neuron(on_the_line).data == pytest.approx(0, abs=1e-9)

    along = (x - on_the_line[0]) * math.cos(angle) + (y - on_the_line[1]) * math.sin(angle)
    score = neuron([x, y])
    assert score.data == pytest.approx(length * along, abs=1e-9)
    if abs(score.data) < 1e-9:
        return
    sure = sigmoid(score)
    assert (sure.data > 0.5) == (along > 0)
    further = neuron([x + w[0], y + w[1]])
    assert sigmoid(further).data >= sure.data
    sure.backward()
    assert [weight.grad for weight in neuron.weights] == pytest.approx(
        [sure.data * (1 - sure.data) * x, sure.data * (1 - sure.data) * y], abs=1e-9
    )


def regression() -> Linear:
    """Logistic regression on two features: one neuron, whose sigmoid is in the loss."""
    return Linear(2, 1, seed=0)


def learn(model: Module, toy: Points, epochs: int, optimizer: Optimizer) -> float:
    """Train a model with one output, and say how many points it then tells right."""
    fit(
        model,
        toy,
        epochs=epochs,
        batch_size=20,
        optimizer=optimizer,
        loss="binary_cross_entropy",
        progress=False,
    )
    return evaluate(model, toy, "binary_cross_entropy")[1]


def test_logistic_regression_separates_two_gaussians() -> None:
    model, toy = regression(), gaussians(200, noise=0.25)
    assert learn(model, toy, 30, SGD(model.parameters(), 0.5)) >= 0.97
    assert evaluate(model, gaussians(400, noise=0.25, seed=1), "binary_cross_entropy")[1] >= 0.97

    normal = np.array([weight.data for weight in model.neurons[0].weights])
    between = np.array([1.0, 1.0]) / math.sqrt(2)  # from one mean to the other
    assert normal @ between / np.linalg.norm(normal) > 0.98
    sides = toy.points @ normal + model.neurons[0].bias.data > 0
    np.testing.assert_array_equal(sides.astype(int), predict(model, toy.points))


# -------------------------------------------------------------------- the smallest neural network


def best_line(toy: Points) -> float:
    """The share of points that the best of many lines tells right."""
    angles = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    along = toy.points @ np.array([np.cos(angles), np.sin(angles)])
    is_one = toy.labels[:, None] == 1
    return float(max(((along > t) == is_one).mean(axis=0).max() for t in np.linspace(-1, 1, 101)))


def test_no_single_line_separates_a_triangle_from_what_is_around_it() -> None:
    model, toy = regression(), triangle(300)
    accuracy = learn(model, toy, 30, SGD(model.parameters(), 0.5))
    assert accuracy <= best_line(toy) < 0.75


def test_three_regressions_by_hand_that_feed_a_fourth() -> None:
    assert evaluate(triangle_network(), triangle(600, noise=0), "binary_cross_entropy")[1] == 1.0
    hidden, output = triangle_network().layers
    inside = [sigmoid(s).data for s in output([h.data for h in hidden([0.0, 0.0])])]
    assert inside == pytest.approx([1.0], abs=1e-4)
    below = [h.data for h in hidden([0.0, -0.5])]  # beyond the lower side, inside of the others
    assert [round(h) for h in below] == [0, 1, 1]


@pytest.mark.parametrize("seed", range(3))
def test_three_regressions_learn_to_feed_a_fourth(seed: int) -> None:
    model = MLP(2, [3, 1], "sigmoid", seed=seed)
    assert learn(model, triangle(300), 100, Adam(model.parameters(), 0.1)) >= 0.98
    assert evaluate(model, triangle(300, seed=1), "binary_cross_entropy")[1] >= 0.97


def test_the_three_learned_sides_face_three_ways() -> None:
    model = MLP(2, [3, 1], "sigmoid", seed=0)
    learn(model, triangle(300), 100, Adam(model.parameters(), 0.1))
    normals = np.array([[w.data for w in neuron.weights] for neuron in model.layers[0].neurons])
    signs = np.sign([w.data for w in model.layers[1].neurons[0].weights])
    inwards = normals * signs[:, None] / np.linalg.norm(normals, axis=1, keepdims=True)
    corners = np.array([[0, 1], [-math.sqrt(3) / 2, -0.5], [math.sqrt(3) / 2, -0.5]])
    alike = inwards @ corners.T
    assert sorted(alike.argmax(axis=1)) == [0, 1, 2]
    assert (alike.max(axis=1) > 0.9).all()


# -------------------------------------------------------------------------- why layers need curves


def matrix(layer: Linear) -> Array:
    return np.array([[w.data for w in neuron.weights] for neuron in layer.neurons])


@settings(max_examples=30)
@given(st.integers(0, 1000), st.lists(st.floats(-5, 5), min_size=4, max_size=4))
def test_two_linear_layers_collapse_into_one(seed: int, x: list[float]) -> None:
    first, second = Linear(4, 5, seed=seed), Linear(5, 3, seed=seed + 1)
    for neuron in [*first.neurons, *second.neurons]:
        neuron.bias.data = 0.5
    biases = [np.full(len(layer.neurons), 0.5) for layer in (first, second)]
    one = Linear(4, 3, seed=0)
    product, bias = matrix(second) @ matrix(first), matrix(second) @ biases[0] + biases[1]
    for neuron, row, b in zip(one.neurons, product, bias, strict=True):
        neuron.bias.data = float(b)
        for weight, number in zip(neuron.weights, row.tolist(), strict=True):
            weight.data = number
    expected = [value.data for value in one(x)]
    assert [value.data for value in Sequential(first, second)(x)] == pytest.approx(
        expected, abs=1e-9
    )


def test_the_collapsed_layer_compiles_to_the_same_outputs_and_one_product() -> None:
    rng = np.random.default_rng(0)
    w1, w2, x = rng.normal(size=(20, 30)), rng.normal(size=(10, 20)), rng.normal(size=(50, 30))
    two = compile(lambda w1, w2, x: w2 @ (w1 @ x), batched="x")
    one = compile(lambda w, x: w @ x, batched="x")
    np.testing.assert_allclose(two(w1, w2, x), one(w2 @ w1, x), rtol=1e-12, atol=1e-12)
    assert (two.stats["products"], one.stats["products"]) == (2, 1)


def test_a_curve_between_them_keeps_two_layers_apart() -> None:
    """A linear map is odd: f(-x) = -f(x). With ReLU between the layers it is not."""
    layers = Linear(4, 5, seed=0), Linear(5, 3, seed=1)
    x = [1.0, -2.0, 0.5, 3.0]

    def there_and_back(model: Module) -> list[float]:
        return [
            a.data + b.data for a, b in zip(model(x), model([-number for number in x]), strict=True)
        ]

    assert there_and_back(Sequential(*layers)) == pytest.approx([0, 0, 0], abs=1e-12)
    bent = there_and_back(Sequential(layers[0], ReLU(), layers[1]))
    assert min(map(abs, bent)) > 0.01


# ---------------------------------------------------------------------------------------- symmetry


@pytest.mark.parametrize("engine", ["compiled", "eager"])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_hidden_units_that_start_alike_stay_alike(engine: str, activation: str) -> None:
    """To the last bit: they are given the same gradients, at every step.

    With tanh all of them stay at 0 and only the last bias learns; σ(0) = 0.5 at least is an input.
    """
    model = MLP(2, [4, 1], activation, seed=0)
    for parameter in model.parameters():
        parameter.data = 0.0
    optimizer = Adam(model.parameters(), 0.05)
    options = {"epochs": 3, "batch_size": 8, "engine": engine, "progress": False}
    fit(model, moons(40), optimizer=optimizer, loss="binary_cross_entropy", **options)
    hidden, output = model.layers
    first, *others = units(hidden)
    assert others == [first] * 3
    assert len({weight.data for weight in output.neurons[0].weights}) == 1
    assert (output.neurons[0].weights[0].data != 0) == (activation == "sigmoid")


def units(layer: Linear) -> list[list[float]]:
    return [[*[w.data for w in neuron.weights], neuron.bias.data] for neuron in layer.neurons]


def test_units_that_start_alike_are_one_unit_and_random_ones_are_not() -> None:
    alike, different = (MLP(2, [8, 1], "tanh", seed=0) for _ in range(2))
    for parameter in alike.parameters():
        parameter.data = 0.5
    for model in (alike, different):
        learn(model, xor(200), 40, Adam(model.parameters(), 0.03))
    rows = np.array(units(alike.layers[0]))
    assert np.ptp(rows, axis=0).max() == 0
    rank = np.linalg.matrix_rank
    assert (rank(matrix(alike.layers[0])), rank(matrix(different.layers[0]))) == (1, 2)
    told = [evaluate(model, xor(200), "binary_cross_entropy")[1] for model in (alike, different)]
    assert told[0] < 0.8
    assert told[1] > 0.95


# ---------------------------------------------------------------------------------- the playground


@pytest.mark.parametrize(
    ("toy", "widths", "epochs", "least"),
    [
        (circle, [8, 1], 60, 0.95),
        (xor, [8, 1], 60, 0.95),
        (gaussians, [4, 1], 20, 0.95),
        (moons, [16, 1], 100, 0.95),
        (spiral, [16, 16, 1], 300, 0.90),
    ],
    ids=["circle", "xor", "gaussians", "moons", "spiral"],
)
def test_the_playground(
    toy: Callable[..., Points], widths: list[int], epochs: int, least: float
) -> None:
    model = MLP(2, widths, "relu", seed=0)
    assert learn(model, toy(300), epochs, Adam(model.parameters(), 0.01)) >= least
    assert evaluate(model, toy(300, seed=1), "binary_cross_entropy")[1] >= least


@pytest.mark.parametrize("toy", [circle, xor, spiral], ids=lambda toy: toy.__name__)
def test_the_playground_is_beyond_a_line(toy: Callable[..., Points]) -> None:
    model = regression()
    assert learn(model, toy(300), 30, SGD(model.parameters(), 0.5)) <= best_line(toy(300)) < 0.8


# ----------------------------------------------------------------------------- saddles and a cliff

Surface = Callable[[Any, Any], Any]


def track(
    surface: Surface, start: tuple[float, float], steps: int, kind: Callable[..., Optimizer]
) -> Array:
    """Where an optimizer comes by, one row (x, y) for each step."""
    x, y = (Value(number) for number in start)
    optimizer = kind([x, y])
    places = [start]
    for _ in range(steps):
        optimizer.zero_grad()
        surface(x, y).backward()
        optimizer.step()
        places.append((x.data, y.data))
    return np.array(places)


def of(kind: Any, rate: float, **options: Any) -> Callable[..., Optimizer]:
    return lambda parameters: kind(parameters, rate, **options)


OPTIMIZERS = {
    "sgd": of(SGD, 0.01),
    "momentum": of(SGD, 0.01, momentum=0.9),
    "rmsprop": of(RMSProp, 0.01),
    "adam": of(Adam, 0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_on_the_axis_of_a_saddle_nothing_pushes_aside(name: str) -> None:
    places = track(saddle_and_cliff, (1.0, 0.0), 1000, OPTIMIZERS[name])
    assert (places[:, 1] == 0).all()
    assert abs(places[-1, 0]) < 0.02
    assert saddle_and_cliff(*places[-1]) == pytest.approx(0.25, abs=1e-3)


def test_a_hair_beside_the_axis_all_leave_the_saddle_at_their_own_pace() -> None:
    left = {}
    for name, kind in OPTIMIZERS.items():
        places = track(saddle_and_cliff, (0.5, 1e-6), 3000, kind)
        assert places[-1] == pytest.approx([0, 1], abs=0.02), name
        left[name] = int(np.argmax(places[:, 1] > 0.5))
    assert left["sgd"] > 5 * left["momentum"]  # it grows by 1 % a step, momentum by some 10 %
    assert left["momentum"] > 1.5 * max(left["rmsprop"], left["adam"])  # whose steps have a size
    assert left["sgd"] > 1000


def test_where_it_is_flat_descent_stops_and_momentum_passes() -> None:
    """Plain steps get ever smaller towards the flat place, like 1 / steps, and never pass it."""
    plain, rolling = (
        track(monkey_saddle, (1.0, 0.0), 600, OPTIMIZERS[name])[:, 0]
        for name in ("sgd", "momentum")
    )
    assert (np.diff(plain) < 0).all()
    assert 0 < plain[-1] < 0.1
    assert 1.5 < plain[300] / plain[600] < 2.5
    assert rolling[-1] == pytest.approx(-3, abs=1e-6)


def test_a_cliff_throws_plain_descent_back_and_clipping_survives_it() -> None:
    start = (1.6, 0.5)
    thrown = track(saddle_and_cliff, start, 200, of(SGD, 0.1))
    assert np.abs(thrown[1:, 0]).max() > 10
    assert (np.abs(thrown[1:51, 0]) > 1.5).any()

    clipped = track(saddle_and_cliff, start, 200, of(SGD, 0.1, clip_norm=1.0))
    assert np.linalg.norm(np.diff(clipped, axis=0), axis=1).max() <= 0.1 + 1e-12
    assert np.abs(clipped[:, 0]).max() == 1.6
    assert clipped[-1] == pytest.approx([0, 1], abs=1e-6)

    adam = track(saddle_and_cliff, start, 200, of(Adam, 0.1))
    assert np.abs(adam[:, 0]).max() == 1.6  # its steps are about the rate, however steep it is


# ------------------------------------------------------------------- the price of a gradient


@pytest.mark.parametrize("count", [1, 5, 40])
def test_a_numerical_gradient_takes_a_pass_for_each_parameter(count: int) -> None:
    calls = {"function": 0}
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=count).tolist(), rng.normal(size=count).tolist()

    def loss(w: Any) -> Any:
        calls["function"] += 1
        return (sigmoid(dot(w, x)) - 1) ** 2

    def counted(run: Callable[[], Any]) -> tuple[Any, int]:
        before = calls["function"]
        return run(), calls["function"] - before

    exact, passes = counted(lambda: grad(loss)(w))
    assert passes == 1
    numerical, passes = counted(lambda: differences(loss, w))
    assert passes == count + 1
    assert numerical == pytest.approx(exact, abs=1e-5)
    finer = [numerical_derivative(lambda v, i=i: loss(moved(w, i, v)), w[i]) for i in range(count)]
    assert [difference.value for difference in finer] == pytest.approx(exact, abs=1e-9)


def differences(function: Callable[[list[float]], float], at: list[float]) -> list[float]:
    """Forward differences: one pass at the point, and one more for each number."""
    here, step = function(at), 1e-7
    return [(function(moved(at, i, at[i] + step)) - here) / step for i in range(len(at))]


def moved(at: list[float], i: int, number: float) -> list[float]:
    return [*at[:i], number, *at[i + 1 :]]


def test_backprop_is_two_sweeps_however_many_parameters() -> None:
    """Its cost is that of the graph: the operations grow as the parameters do, not their square."""
    sizes = {}
    for count in (10, 100, 1000):
        w = [Value(0.1 * i) for i in range(count)]
        loss = fsum([weight * weight for weight in w])
        result, slopes = value_and_grad(lambda numbers: fsum([n * n for n in numbers]))(
            [weight.data for weight in w]
        )
        loss.backward()
        assert result == loss.data
        assert slopes == [weight.grad for weight in w]
        sizes[count] = len(loss.parents) + count
    assert sizes[1000] == 10 * sizes[100] == 100 * sizes[10]


# --------------------------------------------------------------------------------------- templates


def test_the_rows_of_a_linear_classifier_are_templates_of_the_classes() -> None:
    """f = W x: each row of W resembles the mean image of its own class most."""
    digits = load_subset().sample(600)
    model = Linear(784, 10, seed=0)
    for parameter in model.parameters():
        parameter.data = 0.0
    history = fit(model, digits, epochs=8, optimizer=SGD(model.parameters(), 0.05), progress=False)
    assert history.accuracy[-1] > 0.9
    alike = correlations(matrix(model), means(digits))
    np.testing.assert_array_equal(alike.argmax(axis=1), np.arange(10))
    np.testing.assert_array_equal(alike.argmax(axis=0), np.arange(10))
    np.testing.assert_allclose(
        outputs(model, digits.inputs[:50]), digits.inputs[:50] @ matrix(model).T + biases(model)
    )


def means(digits: Dataset) -> Array:
    """The mean image of each class."""
    return np.array([digits.inputs[digits.targets == label].mean(axis=0) for label in range(10)])


def biases(layer: Linear) -> Array:
    return np.array([neuron.bias.data for neuron in layer.neurons])


def correlations(templates: Array, images: Array) -> Array:
    """Of each template with each image, what all have in common taken away."""
    t, m = templates - templates.mean(axis=0), images - images.mean(axis=0)
    scale = np.outer(np.linalg.norm(t, axis=1), np.linalg.norm(m, axis=1))
    return t @ m.T / scale
