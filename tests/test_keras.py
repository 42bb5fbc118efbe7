"""Keras' names and PyTorch's loop: both are there, and give the same parameters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from autodiff import nn
from autodiff.data.dataset import Dataset
from autodiff.optim import SGD, Adam
from autodiff.training import fit

GENERATOR = np.random.default_rng(0)
X = GENERATOR.random((24, 4))
LABELS = (X[:, 0] > X[:, 1]).astype(np.int64)


def network() -> nn.Sequential:
    return nn.Sequential(nn.Dense(4, 6, seed=1), nn.ReLU(), nn.Dense(6, 2, seed=2))


def parameters(model: nn.Module) -> list[float]:
    return [parameter.data for parameter in model.parameters()]


def test_keras_and_pytorch_side_by_side() -> None:
    keras = network()
    keras.compile(
        loss="cross_entropy", optimizer=SGD(keras.parameters(), 0.1), metrics=["accuracy"]
    )
    keras.fit(X, LABELS, batch_size=24, epochs=3, verbose=0)

    pytorch = network()
    optimizer = SGD(pytorch.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        losses = [
            nn.cross_entropy(pytorch(x), int(label)) for x, label in zip(X, LABELS, strict=True)
        ]
        (sum(losses) / len(losses)).backward()
        optimizer.step()

    ours = network()
    fit(ours, Dataset(X, LABELS), epochs=3, batch_size=24, progress=False,
        optimizer=SGD(ours.parameters(), 0.1))  # fmt: skip
    assert parameters(keras) == parameters(ours)
    assert parameters(keras) == pytest.approx(parameters(pytorch), rel=1e-9)


def test_evaluate_predict_and_history() -> None:
    model = network()
    adam = Adam(model.parameters(), 0.05)
    model.compile(loss="sparse_categorical_crossentropy", optimizer=adam, metrics=["accuracy"])
    history = model.fit(X, LABELS, epochs=60, validation_data=(X, LABELS), verbose=0)
    loss, accuracy = model.evaluate(X, LABELS)
    scores = model.predict(X)
    assert scores.shape == (24, 2)
    assert accuracy == pytest.approx(np.mean(scores.argmax(1) == LABELS))
    assert history.history["val_loss"][-1] == pytest.approx(loss)
    assert history.history["val_accuracy"][-1] == accuracy > 0.8
    expected = np.log(np.exp(scores).sum(1)) - scores[np.arange(24), LABELS]
    assert loss == pytest.approx(expected.mean())


@pytest.mark.parametrize(
    "targets",
    [
        np.eye(2)[LABELS], np.eye(2, dtype=np.uint8)[LABELS], LABELS.astype(np.int32),
        LABELS.astype(float), LABELS[:, None], LABELS.astype(bool), LABELS.tolist(),
    ],
)  # fmt: skip
def test_labels_may_be_one_hot(targets: np.ndarray) -> None:
    model, same = network(), network()
    for each, y in ((model, targets), (same, LABELS)):
        each.compile(optimizer="rmsprop")
        each.fit(X, y, verbose=0)
    assert parameters(model) == parameters(same)


def test_bytes_are_shares_and_targets_may_be_numbers() -> None:
    images = (X * 255).astype(np.uint8).reshape(24, 2, 2)
    model = nn.Autoencoder(4, [3, 2], seed=0)
    model.compile(loss="mse", optimizer="adam")
    history = model.fit(images, images / 255, epochs=2, verbose=0)
    assert math.isnan(history.accuracy[0])
    assert model.predict(images).shape == (24, 4)
    expected = ((model.predict(images) - images.reshape(24, 4) / 255) ** 2).mean()
    assert model.evaluate(images, images / 255) == pytest.approx(expected)


def test_one_output_answers_yes_or_no() -> None:
    model = nn.Sequential(nn.Dense(4, 1, seed=0))
    adam = Adam(model.parameters(), 0.1)
    model.compile(loss="binary_crossentropy", optimizer=adam, metrics=["accuracy"])
    model.fit(X, LABELS, epochs=80, verbose=0)
    _, accuracy = model.evaluate(X, LABELS)
    assert accuracy == np.mean((model.predict(X)[:, 0] > 0) == LABELS)
    assert accuracy > 0.8


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"loss": "l3"}, "loss must be a function or one of cross_entropy"),
        ({"optimizer": "adamax"}, "optimizer must be an Optimizer or one of sgd, rmsprop"),
        ({"metrics": ["recall"]}, "metrics can be accuracy, got 'recall'"),
        ({"metrics": "recall"}, "metrics can be accuracy, got 'recall'"),
        ({"loss": ["mse"]}, "loss must be a function or one of"),
        ({"optimizer": ["sgd"]}, "optimizer must be an Optimizer or one of"),
    ],
)
def test_what_keras_has_and_we_have_not(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        network().compile(**options)


def test_whole_numbers_are_targets_of_a_regression() -> None:
    model = nn.Sequential(nn.Dense(4, 1, seed=0))
    model.compile(loss="mse", optimizer="Adam", metrics=None)
    model.fit(X, np.arange(24), verbose=0)
    assert model.evaluate(X, np.arange(24)) == pytest.approx(
        np.mean((model.predict(X)[:, 0] - np.arange(24)) ** 2)
    )


@pytest.mark.parametrize(
    ("x", "y", "options", "complaint"),
    [
        (X[:0], LABELS[:0], {}, "expected at least one example"),
        (X, LABELS[:3], {}, "expected one entry for each of 24 inputs"),
        (X, 1, {}, "expected one entry for each of 24 inputs"),
        (X, ["a"] * 24, {}, "y: expected real numbers, got"),
        (X.astype(str), LABELS, {}, "x: expected real numbers, got"),
        (X, LABELS, {"validation_data": (X,)}, r"validation_data: expected \(x, y\), got tuple"),
        (
            X,
            LABELS,
            {"validation_split": 0.99},
            "validation_split: expected a share of 24 examples",
        ),
        (X, LABELS, {"shuffle": False}, "shuffle: examples are met in a random order"),
        (
            X,
            LABELS,
            {"class_weight": {0: 1, 1: 2}},
            "class_weight is not known; give a loss of your",
        ),
        (X, LABELS, {"sample_weight": LABELS}, "sample_weight is not known; leave examples out"),
        (X, LABELS, {"callbacks": ["early"]}, "callbacks: expected a list of functions"),
        (X + 1j, LABELS, {}, "x: expected real numbers, got complex128; give its real part"),
        (X, LABELS * 1j, {}, "y: expected real numbers, got complex128"),
        (X, np.zeros((24, 2, 1)), {}, r"y: expected labels .* got \(24, 2, 1\)"),
        ((X * 255).astype(np.uint8), LABELS, {}, "x: bytes are taken for images"),
        ((X > 0.5).astype(np.uint8).reshape(24, 2, 2), LABELS, {}, "numbers up to 1; divide them"),
    ],
)
def test_arrays_that_do_not_fit(x: Any, y: Any, options: Any, complaint: str) -> None:
    model = network()
    model.compile()
    with pytest.raises((ValueError, TypeError), match=complaint):
        model.fit(x, y, verbose=0, **options)


def test_compile_comes_first() -> None:
    with pytest.raises(RuntimeError, match=r"call model\.compile\(loss=\.\.\., optimizer=\.\.\.\)"):
        network().fit(X, LABELS)
    with pytest.raises(ValueError, match=r"of shape \(count, \.\.\.\), got \(24,\)"):
        network().predict(LABELS)
