"""Layers, losses, the optimizer, and learning from real digits."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from autodiff import Value, fsum, log, relu
from autodiff.data import Dataset, load_mnist, load_subset, split
from autodiff.nn import MLP, Linear, Module, Neuron, cross_entropy
from autodiff.nn.layers import initial_deviation
from autodiff.optim import SGD
from autodiff.training import evaluate, fit, predict
from autodiff.training.engines import CompiledEngine, EagerEngine

ENGINES = {"compiled": CompiledEngine, "eager": EagerEngine}


@pytest.fixture(scope="module")
def digits() -> tuple[Dataset, Dataset]:
    """200 images to train on, and 50 others."""
    kept, aside = split(load_subset())
    return kept.sample(200), aside.sample(50)


def numpy_forward(model: MLP, x: np.ndarray) -> np.ndarray:
    """The network again, as matrix products."""
    for layer in model.layers:
        weights = np.array([[w.data for w in neuron.weights] for neuron in layer.neurons])
        x = weights @ x + np.array([neuron.bias.data for neuron in layer.neurons])
        x = np.maximum(x, 0) if layer.neurons[0].activation == "relu" else x
    return x


def test_an_mlp_is_matrix_products() -> None:
    model = MLP(5, [7, 6, 3], seed=3)
    x = np.random.default_rng(0).normal(size=5)
    assert [logit.data for logit in model(x.tolist())] == pytest.approx(numpy_forward(model, x))


def test_gradients_of_an_mlp_are_those_of_numpy() -> None:
    """One hidden layer, with the gradient written by hand: dL/dz = p - onehot, and so on back."""
    model = MLP(4, [5, 3], seed=1)
    x = np.random.default_rng(2).normal(size=4)
    cross_entropy(model(x.tolist()), 1).backward()
    first, second = (
        np.array([[w.data for w in neuron.weights] for neuron in layer.neurons])
        for layer in model.layers
    )
    hidden = np.maximum(first @ x, 0)
    z = np.exp(second @ hidden)
    dz = z / z.sum() - np.eye(3)[1]
    dh = second.T @ dz * (hidden > 0)
    for layer, expected, bias in zip(
        model.layers, [np.outer(dh, x), np.outer(dz, hidden)], [dh, dz], strict=True
    ):
        gradient = [[w.grad for w in neuron.weights] for neuron in layer.neurons]
        np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose([n.bias.grad for n in layer.neurons], bias, rtol=1e-12)


def test_parameters_have_names_and_scopes() -> None:
    model = MLP(784, [40, 40, 10])
    assert len(model.parameters()) == 784 * 40 + 40 + 40 * 40 + 40 + 40 * 10 + 10
    weight = model.layers[1].neurons[3].weights[7]
    assert (weight.name, weight.scope) == ("w7", "layer2/neuron3")
    assert model(np.zeros(784).tolist())[0].scope == "layer3/neuron0"
    assert repr(model) == "MLP(784-40-40-10, 33,450 parameters)"


def test_initial_weights_have_the_published_deviation() -> None:
    generator = np.random.default_rng(0)
    for activation, deviation in (("relu", math.sqrt(2 / 400)), ("tanh", math.sqrt(2 / 500))):
        layer = Linear(400, 100, activation, generator)
        weights = [w.data for neuron in layer.neurons for w in neuron.weights]
        # 40,000 draws: the deviation is known to 1 part in 280; five times that is allowed.
        assert np.std(weights) == pytest.approx(deviation, rel=5 / math.sqrt(2 * 40_000))
        assert initial_deviation(activation, 400, 100) == deviation
        assert all(neuron.bias.data == 0 for neuron in layer.neurons)


def test_the_same_seed_gives_the_same_network() -> None:
    first, again, other = (
        [p.data for p in MLP(3, [4, 2], seed=seed).parameters()] for seed in (7, 7, 8)
    )
    assert first == again != other


def test_a_parameter_that_appears_twice_is_given_once() -> None:
    class Shared(Module):
        def __init__(self) -> None:
            self.first = Neuron([1.0, 2.0])
            self.again = {"same": [self.first], "own": Value(1.0)}

    shared = Shared()
    assert len(shared.parameters()) == 4
    shared.again["own"].grad = 5.0  # type: ignore[union-attr]
    shared.zero_grad()
    assert [p.grad for p in shared.parameters()] == [0.0] * 4
    with pytest.raises(NotImplementedError, match="Shared must define __call__"):
        shared([1.0])


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: MLP(0, [3]), "positive whole numbers"),
        (lambda: MLP(3, []), "at least one layer"),
        (lambda: MLP(3, [4, 2.5]), "positive whole numbers"),
        (lambda: MLP(3, [4, 2], activation="step"), "unknown activation 'step'"),
        (lambda: MLP(3, [2])([1.0, 2.0]), "3 weights, and got 2 inputs"),
        (lambda: cross_entropy([1.0, 2.0], 2), "one of 0 ... 1, got 2"),
        (lambda: cross_entropy([1.0, 2.0], -1), "one of 0 ... 1, got -1"),
        (lambda: SGD([], learning_rate=0), "learning_rate must be positive"),
        (lambda: SGD([Value(1.0)], momentum=1), "momentum must be"),
        (lambda: SGD([]), "nothing to train: it was given no parameters"),
    ],
)
def test_wrong_arguments_are_refused(make: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make()


def test_sgd_with_momentum_follows_its_formula() -> None:
    x = Value(1.0)
    optimizer = SGD([x], learning_rate=0.5, momentum=0.25)
    velocity, expected = 0.0, 1.0
    for gradient in (2.0, -1.0, 0.5):
        x.grad = gradient
        optimizer.step()
        velocity = 0.25 * velocity + gradient
        expected -= 0.5 * velocity
        assert x.data == expected
    optimizer.zero_grad()
    assert x.grad == 0.0


# ------------------------------------------------------------------------------------- learning


def test_training_lowers_the_loss_and_is_the_same_run_for_run(
    digits: tuple[Dataset, Dataset],
) -> None:
    runs = []
    for _ in range(2):
        model = MLP(784, [12, 10], seed=4)
        history = fit(model, *digits, epochs=3, seed=5, progress=False)
        runs.append((history, [p.data for p in model.parameters()]))
    (history, _), _ = runs
    assert runs[0] == runs[1]
    assert history.loss[2] < history.loss[1] < history.loss[0]
    assert len(history.validation_loss) == len(history.validation_accuracy) == 3
    assert not history.interrupted


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_both_engines_give_the_same_parameters(
    digits: tuple[Dataset, Dataset], momentum: float
) -> None:
    """After 50 steps from one seed, and so do losses and accuracies."""
    trained = []
    for engine in ENGINES:
        model = MLP(784, [12, 10], seed=4)
        optimizer = SGD(model.parameters(), 0.05, momentum)
        history = fit(
            model, *digits, epochs=4, batch_size=16, optimizer=optimizer, engine=engine,
            progress=False,
        )  # fmt: skip
        trained.append((history, [p.data for p in model.parameters()]))
    (eager, expected), (compiled, computed) = trained
    np.testing.assert_allclose(computed, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(compiled.epochs, eager.epochs, rtol=1e-9)


def test_a_loss_that_wraps_another_trains(digits: tuple[Dataset, Dataset]) -> None:
    trained = []
    for engine in ENGINES:
        model = MLP(784, [6, 10], seed=1)
        fit(
            model, digits[0], epochs=1, loss=lambda z, label: 2 * cross_entropy(z, label),
            engine=engine, progress=False,
        )  # fmt: skip
        trained.append([p.data for p in model.parameters()])
    np.testing.assert_allclose(*trained, rtol=1e-9, atol=1e-12)


def test_a_loss_may_be_undefined_for_the_labels_that_are_wrong() -> None:
    class Scores(Module):
        def __init__(self) -> None:
            self.scores = [Value(1.0), Value(0.5)]

        def __call__(self, inputs: Any) -> Any:
            return [s * relu(x) for s, x in zip(self.scores, inputs, strict=True)]

    batch = Dataset(np.array([[2.0, -1.0], [-1.0, 3.0], [1.0, 0.0]]), np.array([0, 1, 0]))
    trained = []
    for engine in ENGINES:
        model = Scores()
        fit(model, batch, epochs=2, loss=lambda z, label: -log(z[label]), engine=engine,
            progress=False)  # fmt: skip
        trained.append([p.data for p in model.parameters()])
    assert trained[0] == pytest.approx(trained[1], rel=1e-12)


def test_an_optimizer_with_a_step_of_its_own_is_used(digits: tuple[Dataset, Dataset]) -> None:
    class Decay(SGD):
        def step(self) -> None:
            for parameter in self.parameters:
                parameter.grad += 0.1 * parameter.data
            super().step()

    trained = []
    for engine in ENGINES:
        model = MLP(784, [4, 10], seed=1)
        optimizer = Decay(model.parameters(), 0.05, 0.5)
        fit(model, digits[0], epochs=1, optimizer=optimizer, engine=engine, progress=False)
        trained.append([p.data for p in model.parameters()])
    np.testing.assert_allclose(*trained, rtol=1e-9, atol=1e-12)


def test_parameters_that_are_not_used_keep_their_momentum(
    digits: tuple[Dataset, Dataset],
) -> None:
    trained = []
    for engine in ENGINES:
        first, second = MLP(784, [3, 10], seed=1), MLP(784, [3, 10], seed=2)
        optimizer = SGD([*first.parameters(), *second.parameters()], 0.05, 0.9)
        for model in (first, second):
            fit(model, digits[0], epochs=1, optimizer=optimizer, engine=engine, progress=False)
        trained.append([p.data for p in first.parameters()])
    np.testing.assert_allclose(*trained, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_training_without_parameters_or_with_plain_logits(engine: str) -> None:
    class Scaled(Module):
        def __init__(self, own: bool) -> None:
            self.scale = Value(0.5) if own else 0.5

        def __call__(self, inputs: Any) -> Any:
            return [0.0, self.scale * inputs[0]]

    data = Dataset(np.array([[1.0], [-1.0]]), np.array([1, 0]))
    fit(Scaled(own=True), data, epochs=1, engine=engine, progress=False)
    with pytest.raises(ValueError, match="nothing to train"):
        fit(Scaled(own=False), data, epochs=1, engine=engine, progress=False)
    with pytest.raises(ValueError, match="finite pixels"):
        predict(Scaled(own=True), np.array([[math.nan]]), engine)


def test_a_model_that_branches_is_told_of_the_eager_engine(
    digits: tuple[Dataset, Dataset],
) -> None:
    class Branching(MLP):
        def __call__(self, inputs: Any) -> Any:
            return [z if z > 0 else 0 * z for z in super().__call__(inputs)]

    model = Branching(784, [10])
    with pytest.raises(TypeError, match="use where") as failure:
        fit(model, digits[0], epochs=1, progress=False)
    assert 'engine="eager"' in " ".join(failure.value.__notes__)


def test_any_loss_and_frozen_parameters_can_be_compiled(digits: tuple[Dataset, Dataset]) -> None:
    def hinge(logits: Any, label: int) -> Any:
        margins = [relu(logit - logits[label] + 1) for logit in logits]
        return fsum(margins) - 1

    trained = []
    for engine in ENGINES:
        model = MLP(784, [6, 10], seed=1)
        last = model.layers[1].parameters()
        frozen = [p.data for p in model.layers[0].parameters()]
        fit(
            model, *digits, epochs=1, optimizer=SGD(last, 0.05), loss=hinge, engine=engine,
            progress=False,
        )  # fmt: skip
        assert [p.data for p in model.layers[0].parameters()] == frozen
        trained.append([p.data for p in last])
    np.testing.assert_allclose(*trained, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_evaluate_and_predict_agree(digits: tuple[Dataset, Dataset], engine: str) -> None:
    model = MLP(784, [10], seed=0)
    mean_loss, accuracy = evaluate(model, digits[1], engine=engine)
    logits = np.array([numpy_forward(model, x) for x in digits[1].images])
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(50), digits[1].labels]
    assert mean_loss == pytest.approx(losses.mean())
    predicted = predict(model, digits[1].images, engine)
    assert predicted.tolist() == logits.argmax(1).tolist()
    assert accuracy == (predicted == digits[1].labels).mean()


def test_gradient_steps_are_those_of_the_mean_over_the_batch() -> None:
    """One batch, by hand: softmax regression."""
    generator = np.random.default_rng(0)
    batch = Dataset(generator.normal(size=(6, 3)), np.arange(6) % 2)
    model = MLP(3, [2], seed=0)
    w = np.array([[w.data for w in neuron.weights] for neuron in model.layers[0].neurons])
    exponentials = np.exp(batch.images @ w.T)
    p = exponentials / exponentials.sum(1, keepdims=True)
    expected = w - 0.3 * (p - np.eye(2)[batch.labels]).T @ batch.images / 6
    optimizer = SGD(model.parameters(), learning_rate=0.3)
    fit(model, batch, epochs=1, batch_size=6, optimizer=optimizer, progress=False)
    trained = [[w.data for w in neuron.weights] for neuron in model.layers[0].neurons]
    np.testing.assert_allclose(trained, expected, rtol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_control_c_keeps_what_was_learned(
    digits: tuple[Dataset, Dataset], monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    calls = 0
    measure = ENGINES[engine].measure

    def impatient(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return measure(*arguments)

    monkeypatch.setattr(ENGINES[engine], "measure", impatient)
    model = MLP(784, [10], seed=0)
    before = [p.data for p in model.parameters()]
    history = fit(model, *digits, epochs=5, progress=False, engine=engine)
    assert history.interrupted
    assert len(history.loss) == len(history.validation_loss) == 1
    assert [p.data for p in model.parameters()] != before
    assert all(p.grad == 0.0 for p in model.parameters())


def test_progress_is_shown_with_loss_and_accuracy(
    digits: tuple[Dataset, Dataset], capsys: pytest.CaptureFixture[str]
) -> None:
    fit(MLP(784, [10]), *digits, epochs=1)
    shown = capsys.readouterr().err
    assert "epoch 1/1" in shown
    assert "loss " in shown
    assert "validation " in shown


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"engine": "quantum"}, "engine must be one of compiled, eager, jax, got 'quantum'"),
        ({"training": Dataset(np.zeros((2, 9)), np.zeros(2, np.int64))}, "784 weights, and got 9"),
        ({"training": Dataset(np.zeros((2, 784)), np.array([1, 10]))}, "one of 0 ... 9, got 10"),
        ({"validation": Dataset(np.zeros((0, 784)), np.zeros(0, np.int64))}, "no validation"),
    ],
)
def test_fit_checks_its_arguments(
    digits: tuple[Dataset, Dataset], arguments: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        fit(MLP(784, [10]), **{"training": digits[0], **arguments})


@pytest.mark.parametrize("engine", ENGINES)
def test_a_loss_that_is_not_finite_stops_training(
    digits: tuple[Dataset, Dataset], engine: str
) -> None:
    model = MLP(784, [8, 10])
    optimizer = SGD(model.parameters(), 1e300)
    with pytest.raises((FloatingPointError, OverflowError)) as failure:
        fit(model, digits[0], optimizer=optimizer, progress=False, engine=engine)
    assert "in scope 'layer" in " ".join(getattr(failure.value, "__notes__", []))
    with pytest.raises(ValueError, match="no images to evaluate"):
        evaluate(model, Dataset(np.zeros((0, 784)), np.zeros(0, np.int64)))


def test_exact_parameters_stay_exact() -> None:
    x = Value(Fraction(1, 3))
    optimizer = SGD([x, x], learning_rate=Fraction(1, 10))  # type: ignore[arg-type]
    for _ in range(2):
        optimizer.zero_grad()
        (x * x).backward()
        optimizer.step()
    assert x.data == Fraction(1, 3) * Fraction(8, 10) ** 2


def test_parameters_are_leaves_and_modules_may_refer_to_themselves() -> None:
    neuron = Neuron([1.0, 2.0])
    neuron.me = neuron  # type: ignore[attr-defined]
    neuron.last = neuron([1.0, 1.0])  # type: ignore[attr-defined]
    assert len(neuron.parameters()) == 3


def test_learning_from_images_in_a_folder(shared_mnist: Any) -> None:
    """Real files in the original format; chance would be 10 %."""
    training_set, validation = split(load_mnist(shared_mnist).sample(400))
    history = fit(MLP(784, [20, 10]), training_set, validation, epochs=3, progress=False)
    assert history.validation_accuracy[-1] > 0.5
