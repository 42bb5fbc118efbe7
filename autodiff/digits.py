"""The main job: a multilayer perceptron learns to read digits, and its accuracy is measured."""

from __future__ import annotations

import time
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
    images_per_second: float


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
    images: int | None = None,
    epochs: int = 15,
    batch_size: int = 16,
    learning_rate: float = 0.02,
    momentum: float = 0.9,
    seed: int = 0,
    engine: str = "compiled",
) -> Reader:
    """Set a tenth of the images aside for validation, train on the others, and say how it went.

    With a number of ``images``, train on so many of them and validate on a fifth as many.
    """
    kept, aside = split(dataset, validation=0.1, seed=seed)
    training, validation = _some(kept, aside, images, seed)
    model = MLP(dataset.images.shape[1], [*hidden, 10], seed=seed)
    optimizer = SGD(model.parameters(), learning_rate, momentum)
    print(f"{model}: {len(training):,} images to train on, {len(validation):,} to validate")
    started = time.perf_counter()
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
    seconds = time.perf_counter() - started
    print(f"validation accuracy: {accuracy:.1%} after {seconds:.1f} s".replace("%", " %"))
    return Reader(model, history, validation, len(training) * len(history.epochs) / seconds)


def _some(kept: Dataset, aside: Dataset, images: int | None, seed: int) -> tuple[Dataset, Dataset]:
    """All images to train on and to validate, or some of both."""
    if images is None:
        return kept, aside
    if images < 1:
        raise ValueError(f"expected at least one image to train on, got {images}")
    if images > len(kept):
        raise ValueError(
            f"expected at most {len(kept):,} images to train on (a tenth of "
            f"{len(kept) + len(aside):,} is set aside for validation), got {images:,}"
        )
    return kept.sample(images, seed), aside.sample(min(len(aside), max(100, images // 5)), seed)
