"""Batch normalization: whole batches in graphs and in programs, against NumPy and differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autodiff import Value, check_gradient, compile, nn
from autodiff.compiler.gradient import gradient
from autodiff.compiler.vectors import interpret_vectors
from autodiff.data import moons
from autodiff.nn import files
from autodiff.nn.batch_norm import running_values
from autodiff.nn.programs import programs_of
from autodiff.optim import Adam
from autodiff.training import evaluate, fit

GENERATOR = np.random.default_rng(0)
LAYERS: list[tuple[Callable[[], Any], tuple[int, ...]]] = [
    (lambda: nn.BatchNorm1d(3), (6, 3)),
    (lambda: nn.BatchNorm1d(3, epsilon=1e-2, momentum=0.3), (4, 3, 5)),
    (lambda: nn.BatchNorm2d(2), (3, 2, 2, 4)),
]


def numbers(values: Any) -> np.ndarray:
    array = np.asarray(values, object)
    return np.array([getattr(v, "data", v) for v in array.ravel()], float).reshape(array.shape)


def made(make: Callable[[], Any], shape: tuple[int, ...]) -> tuple[Any, np.ndarray]:
    layer = make()
    for parameter in layer.parameters():
        parameter.data = float(GENERATOR.normal())
    return layer, GENERATOR.normal(1.0, 2.0, shape)


def by_numpy(layer: Any, x: np.ndarray, gains: Any = None, biases: Any = None) -> np.ndarray:
    axes = (0, *range(2, x.ndim))
    shape = (-1,) + (1,) * (x.ndim - 2)
    scaled = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + layer.epsilon)
    gains = numbers(layer.gains) if gains is None else gains
    biases = numbers(layer.biases) if biases is None else biases
    return scaled * np.reshape(gains, shape) + np.reshape(biases, shape)


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_training_normalizes_by_the_batch(make: Any, shape: tuple[int, ...]) -> None:
    layer, x = made(make, shape)
    expected = by_numpy(layer, x)
    assert layer.output_shape(shape[1:]) == shape[1:]
    np.testing.assert_allclose(numbers(layer.of_batch(x)), expected, rtol=1e-12, atol=1e-12)
    f = compile(lambda x: layer(x), batched="x")
    np.testing.assert_allclose(f(x), expected, rtol=1e-12, atol=1e-12)
    assert f.stats["target"] == "numpy"


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_gradients_go_through_the_statistics(make: Any, shape: tuple[int, ...]) -> None:
    layer, x = made(make, shape)
    weights = GENERATOR.normal(size=shape)

    def of_all(x: Any) -> Any:
        layer.is_training = True
        return (layer.of_batch(x) * weights).sum()

    check_gradient(of_all, x)
    own = np.array([Value(a) for a in x.ravel()], object).reshape(shape)
    of_all(own).backward()
    f = compile(lambda x, w: (layer(x) * w).sum(), batched=("x", "w"))
    _, slope = f.value_and_grad(x, weights)
    eager = np.array([a.grad for a in own.ravel()]).reshape(shape)
    np.testing.assert_allclose(slope, eager, rtol=1e-10, atol=1e-12)
    _, slopes = f.captured_gradient(np.array([v.data for v in f.captured]), x, weights)
    np.testing.assert_allclose(slopes, [v.grad for v in f.captured], rtol=1e-10, atol=1e-12)


def test_programs_mean_what_they_say() -> None:
    """The interpreters agree with the printed program, forward and back."""
    layer, x = made(*LAYERS[0])
    f = compile(lambda x: (layer(x) * layer(x)).sum(), batched="x", target="numpy")
    values, slope = f.value_and_grad(x)
    special = f.prepare((x,), {}).special
    captured = np.array([v.data for v in special.captured])
    out, (slopes,) = interpret_vectors(gradient(special.form, (0,)), [x.T, captured])
    np.testing.assert_allclose(out[0], values, rtol=1e-12)
    np.testing.assert_allclose(slopes.T, slope, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_evaluation_normalizes_by_what_was_followed(make: Any, shape: tuple[int, ...]) -> None:
    layer, x = made(make, shape)
    axes = (0, *range(2, x.ndim))
    means, variances = np.zeros(layer.width), np.ones(layer.width)
    for batch in (x, 2 * x + 1, x**2):
        layer.of_batch(batch)
        means += layer.momentum * (batch.mean(axes) - means)
        variances += layer.momentum * (batch.var(axes, ddof=1) - variances)
    np.testing.assert_allclose(numbers(layer.running.means), means, rtol=1e-12)
    np.testing.assert_allclose(numbers(layer.running.variances), variances, rtol=1e-12)
    layer.eval()
    tail = (-1,) + (1,) * (x.ndim - 2)
    scaled = (x - means.reshape(tail)) / np.sqrt(variances.reshape(tail) + layer.epsilon)
    expected = scaled * numbers(layer.gains).reshape(tail) + numbers(layer.biases).reshape(tail)
    np.testing.assert_allclose(numbers(layer.of_batch(x)), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(numbers(layer(x[0])), expected[0], rtol=1e-12, atol=1e-12)
    for target in ("auto", "numpy"):
        f = compile(lambda x: layer(x), batched="x", target=target)
        np.testing.assert_allclose(f(x), expected, rtol=1e-12, atol=1e-12)
    assert len(layer.parameters()) == 2 * layer.width


def test_statistics_are_results_of_a_program() -> None:
    model = nn.Sequential(nn.Linear(3, 2, seed=0), nn.BatchNorm1d(2), nn.ReLU(), nn.BatchNorm1d(2))

    def run(x: Any) -> Any:
        with nn.batch_statistics() as found:
            outputs = model(list(x))
        assert [own.layer for own in found] == [model.layers[1], model.layers[3]]
        return outputs, [(own.means, own.variances) for own in found]

    x = GENERATOR.normal(size=(5, 3))
    _, ((means, variances), _) = compile(run, batched="x")(x)
    hidden = np.array([[v.data for v in model.layers[0](row.tolist())] for row in x])
    np.testing.assert_allclose(np.array(means)[:, 0], hidden.mean(0), rtol=1e-12)
    np.testing.assert_allclose(np.array(variances)[:, 0], hidden.var(0, ddof=1), rtol=1e-12)


@pytest.mark.parametrize("count", [2, 700, 3000])
def test_a_batch_is_never_cut_into_chunks(count: int) -> None:
    layer, x = made(lambda: nn.BatchNorm1d(40), (count, 40))
    found = compile(lambda x: layer(x), batched="x")(x)
    np.testing.assert_allclose(found, by_numpy(layer, x), rtol=1e-10, atol=1e-10)


def test_what_cannot_be_normalized_is_said() -> None:
    layer = nn.BatchNorm1d(2)
    with pytest.raises(ValueError, match="in training needs a batch"):
        layer([1.0, 2.0])
    with pytest.raises(ValueError, match="2 channels in an example of 1 axis or 2 axes"):
        layer.of_batch([[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="compiled with batched="):
        compile(lambda x: layer(x), target="numpy")([1.0, 2.0])
    with pytest.raises(ValueError, match="is for NumPy"):
        compile(lambda x: layer(x), batched="x", target="native")(np.ones((3, 2)))
    with pytest.raises(FloatingPointError, match="it depends on a whole batch"):
        compile(lambda x: [a / 0.0 for a in layer(x)], batched="x")(np.ones((3, 2)))
    with pytest.raises(ValueError, match="has followed no batch yet"):
        layer.eval()([1.0, 2.0])
    with pytest.raises(ValueError, match="momentum must be above 0 and below 1, got 1"):
        nn.BatchNorm2d(2, momentum=1)


# ------------------------------------------------------------------------------------- training


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(2, 6, seed=0), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2, seed=1)
    )


def train(epochs: int, **options: Any) -> tuple[nn.Sequential, list[float]]:
    model = network()
    optimizer = Adam(model.parameters(), 0.05)
    fit(model, moons(), epochs=epochs, optimizer=optimizer, progress=False, **options)
    return model, [v.data for v in (*model.parameters(), *running_values(model))]


def test_fit_follows_the_batches() -> None:
    model, _ = train(15)
    norm: Any = model.layers[1]
    assert norm.running.batches.data == 15 * math.ceil(len(moons()) / 16)
    assert evaluate(model, moons(seed=1))[1] > 0.9
    hidden = np.array([[v.data for v in model.layers[0](x)] for x in moons().inputs.tolist()])
    means = np.array([mean.data for mean in norm.running.means])
    spread = hidden.std(0)
    assert (np.abs(means - hidden.mean(0)) < spread).all()


def test_a_run_that_goes_on_has_the_same_statistics(tmp_path: Path) -> None:
    _, expected = train(3)
    path = tmp_path / "run.npz"
    train(2, checkpoint=path)
    _, found = train(3, checkpoint=path)
    assert found == expected


def test_files_keep_what_was_followed(tmp_path: Path) -> None:
    model, numbers_before = train(1)
    again = files.load(files.save(model, tmp_path / "m.npz"))
    assert [v.data for v in (*again.parameters(), *running_values(again))] == numbers_before
    x = moons().inputs[0].tolist()
    assert [v.data for v in again(x)] == [v.data for v in model(x)]


def test_what_cannot_be_trained_is_said() -> None:
    with pytest.raises(ValueError, match="in training needs a batch"):
        train(1, engine="eager")

    def own(outputs: Any, label: int) -> Any:
        return -outputs[label]

    with pytest.raises(ValueError, match="computed for each label by itself"):
        train(1, loss=own)


def test_a_loop_of_ones_own_follows_each_batch_once() -> None:
    layer, x = made(*LAYERS[0])
    outputs = layer(x)
    target = np.zeros((6, 3))
    loss = nn.mean_squared_error(outputs, target)
    nn.mean_squared_error(outputs, target)
    np.testing.assert_allclose(outputs.data, by_numpy(layer, x), rtol=1e-12, atol=1e-12)
    assert loss.data == pytest.approx((by_numpy(layer, x) ** 2).mean(), rel=1e-12)
    assert layer.running.batches.data == 1
    np.testing.assert_allclose(numbers(layer.running.means), 0.1 * x.mean(0), rtol=1e-12)
    loss.backward()
    own = np.array([Value(a) for a in x.ravel()], object).reshape(x.shape)
    slopes = [gain.grad for gain in layer.gains]
    layer.zero_grad()
    ((layer.of_batch(own) ** 2).sum() / x.size).backward()
    np.testing.assert_allclose(slopes, [gain.grad for gain in layer.gains], rtol=1e-10)


def test_programs_stay_with_a_model_that_follows_batches() -> None:
    model, _ = train(1)
    before = programs_of(model)
    loss = nn.cross_entropy(model.train()(moons().inputs), moons().labels)
    loss.backward()
    assert programs_of(model) is before
