"""Training: a model learns from labelled images, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from autodiff.data import Dataset
from autodiff.nn import Module, cross_entropy
from autodiff.optim import SGD
from autodiff.value import Value, no_grad

Loss = Callable[[Sequence[Any], int], Value]


@dataclass
class History:
    """What happened in training: one number per finished epoch in each list.

    Attributes:
        loss, accuracy: mean over the training images, as they were met in that epoch.
        validation_loss, validation_accuracy: after the epoch; empty without validation images.
        interrupted: whether training was stopped by Ctrl-C. The model keeps what it had learned.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    interrupted: bool = False


def fit(
    model: Module,
    training: Dataset,
    validation: Dataset | None = None,
    *,
    epochs: int = 3,
    batch_size: int = 16,
    optimizer: SGD | None = None,
    loss: Loss = cross_entropy,
    seed: int = 0,
    engine: str = "eager",
    progress: bool = True,
) -> History:
    """Train a model by mini-batch gradient descent on the mean loss of each batch.

    Args:
        model: maps one image, a list of pixels from 0 to 1, to one logit per class.
        training, validation: images with labels.
        epochs: passes over the training images.
        batch_size: images per step, at most; the images are divided into batches evenly.
        optimizer: default SGD with learning rate 0.02 and momentum 0.9.
        loss: of one image, from its logits and its label.
        seed: of the order in which images are met; the same seed gives the same run.
        engine: ``"eager"`` builds a graph of Values for each image.
        progress: whether to show a progress bar.

    Returns:
        The history. Ctrl-C ends training early and returns what there is.
    """
    _check(training, validation, epochs, batch_size, engine)
    optimizer = optimizer or SGD(model.parameters(), learning_rate=0.02, momentum=0.9)
    generator = np.random.default_rng(seed)
    history = History()
    try:
        for epoch in range(1, epochs + 1):
            bar = tqdm(
                total=len(training),
                desc=f"epoch {epoch}/{epochs}",
                unit=" images",
                disable=not progress,
            )
            with bar:
                mean_loss, accuracy = _run_epoch(
                    model, training, batch_size, optimizer, loss, generator, bar
                )
                shown = {"loss": f"{mean_loss:.3f}", "accuracy": f"{accuracy:.1%}"}
                if validation is not None:
                    aside = evaluate(model, validation, loss)
                    shown["validation accuracy"] = f"{aside[1]:.1%}"
                    history.validation_loss.append(aside[0])
                    history.validation_accuracy.append(aside[1])
                history.loss.append(mean_loss)
                history.accuracy.append(accuracy)
                bar.set_postfix(shown)
    except KeyboardInterrupt:
        history.interrupted = True
    optimizer.zero_grad()
    return history


def predict(model: Module, images: NDArray[np.float64]) -> NDArray[np.int64]:
    """The most likely class of each image, shape (count,), for images of shape (count, pixels)."""
    with no_grad():
        return np.array([_largest(model(image)) for image in images.tolist()], dtype=np.int64)


def evaluate(model: Module, dataset: Dataset, loss: Loss = cross_entropy) -> tuple[float, float]:
    """Mean loss, and accuracy from 0 to 1, on labelled images."""
    total, right = 0.0, 0
    for image, label in zip(dataset.images.tolist(), dataset.labels.tolist(), strict=True):
        with no_grad():
            logits = model(image)
            total += loss(logits, label).data
        right += _largest(logits) == label
    return total / len(dataset), right / len(dataset)


def _run_epoch(
    model: Module,
    training: Dataset,
    batch_size: int,
    optimizer: SGD,
    loss: Loss,
    generator: np.random.Generator,
    bar: tqdm[Any],
) -> tuple[float, float]:
    total, right, seen = 0.0, 0, 0
    order = generator.permutation(len(training))
    # Batches of nearly equal size: a last batch of a few images would take as large a step as any.
    for indices in np.array_split(order, math.ceil(len(training) / batch_size)):
        batch = training.take(indices)
        optimizer.zero_grad()
        for image, label in zip(batch.images.tolist(), batch.labels.tolist(), strict=True):
            logits = model(image)
            one = loss(logits, label)
            (one / len(batch)).backward()
            total += one.data
            right += _largest(logits) == label
        optimizer.step()
        seen += len(batch)
        bar.update(len(batch))
        bar.set_postfix({"loss": f"{total / seen:.3f}", "accuracy": f"{right / seen:.1%}"})
    return total / seen, right / seen


def _largest(logits: Sequence[Value]) -> int:
    numbers = [logit.data for logit in logits]
    return numbers.index(max(numbers))


def _check(
    training: Dataset, validation: Dataset | None, epochs: int, batch_size: int, engine: str
) -> None:
    if engine != "eager":
        raise ValueError(f'engine must be "eager", got {engine!r}')
    for name, number in (("epochs", epochs), ("batch_size", batch_size)):
        if not isinstance(number, int) or number < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {number!r}")
    for name, dataset in (("training", training), ("validation", validation)):
        if dataset is not None and len(dataset) == 0:
            raise ValueError(f"there are no {name} images")
