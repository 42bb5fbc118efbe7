"""The main job: a multilayer perceptron learns to read digits, and its accuracy is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autodiff.data import Dataset, load_mnist, load_subset, split
from autodiff.nn import MLP
from autodiff.optim import SGD
from autodiff.training import History, evaluate, fit


class Reader(NamedTuple):
    """A trained network, how it came about, and images that it has never seen."""

    model: MLP
    history: History
    validation: Dataset


def load(data: str) -> Dataset:
    """Training images by name: ``"subset"``, ``"mnist"``, or a folder with IDX files."""
    if not data:
        raise ValueError("expected subset, mnist or a folder for the data, got an empty name")
    if data == "subset":
        return load_subset()
    return load_mnist(None if data == "mnist" else data)


def learn_to_read(
    dataset: Dataset,
    *,
    hidden: Sequence[int] = (40, 40),
    images: int = 1000,
    epochs: int = 3,
    batch_size: int = 16,
    learning_rate: float = 0.02,
    momentum: float = 0.9,
    seed: int = 0,
    engine: str = "compiled",
) -> Reader:
    """Train on ``images`` of the images, validate on a fifth as many others, and say how it went.

    A tenth of the data is set aside first, and the validation images come from there.
    """
    if images < 1:
        raise ValueError(f"expected at least one image to train on, got {images}")
    kept, aside = split(dataset, validation=0.1, seed=seed)
    if images > len(kept):
        raise ValueError(
            f"expected at most {len(kept):,} images to train on (a tenth of {len(dataset):,} is "
            f"set aside for validation), got {images:,}"
        )
    training = kept.sample(images, seed)
    validation = aside.sample(min(len(aside), max(100, images // 5)), seed)
    model = MLP(dataset.images.shape[1], [*hidden, 10], seed=seed)
    optimizer = SGD(model.parameters(), learning_rate, momentum)
    print(f"{model}: {len(training):,} images to train on, {len(validation):,} to validate")
    history = fit(
        model,
        training,
        validation,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        seed=seed,
        engine=engine,
    )
    if history.interrupted:
        print(f"stopped after {len(history.epochs)} whole epochs; what was learned so far is kept")
        accuracy = evaluate(model, validation)[1]
    else:
        accuracy = history.validation_accuracy[-1]
    print(f"validation accuracy: {accuracy:.1%}".replace("%", " %"))
    return Reader(model, history, validation)
