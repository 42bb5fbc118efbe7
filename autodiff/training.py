"""Training: a model learns from labelled images, epoch by epoch."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from autodiff.compiler import compile
from autodiff.data import Dataset
from autodiff.engines import ENGINES, Engine, Loss, largest
from autodiff.nn import Module, cross_entropy
from autodiff.optim import SGD, Optimizer
from autodiff.recording import no_grad
from autodiff.transforms import is_index
from autodiff.value import as_values

FEW = 32
"""Images for which it does not pay to compile."""


class Epoch(NamedTuple):
    """Mean loss, and accuracy from 0 to 1; NaN for validation where there are no images for it."""

    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass
class History:
    """What happened in training.

    Attributes:
        epochs: one entry for each finished epoch. Loss and accuracy are means over the training
            images as they were met; the validation numbers were measured after the epoch.
        interrupted: whether training was stopped by Ctrl-C. The model keeps what it had learned.
    """

    epochs: list[Epoch] = field(default_factory=list)
    interrupted: bool = False

    @property
    def loss(self) -> list[float]:
        """The training loss of each epoch."""
        return [epoch.loss for epoch in self.epochs]

    @property
    def accuracy(self) -> list[float]:
        """The training accuracy of each epoch."""
        return [epoch.accuracy for epoch in self.epochs]

    @property
    def validation_loss(self) -> list[float]:
        """The validation loss after each epoch."""
        return [epoch.validation_loss for epoch in self.epochs]

    @property
    def validation_accuracy(self) -> list[float]:
        """The validation accuracy after each epoch."""
        return [epoch.validation_accuracy for epoch in self.epochs]


def fit(
    model: Module,
    training: Dataset,
    validation: Dataset | None = None,
    *,
    epochs: int = 3,
    batch_size: int = 16,
    optimizer: Optimizer | None = None,
    loss: Loss = cross_entropy,
    seed: int = 0,
    engine: str = "compiled",
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
        engine: ``"compiled"`` traces the model once and runs whole batches; ``"eager"`` builds a
            graph of Values for each image. Both give the same parameters.
        progress: whether to show a progress bar.

    Returns:
        The history. Ctrl-C ends training early and returns what there is.

    Raises:
        ValueError: if images, labels or options do not fit the model, before anything is trained.
        FloatingPointError: if the loss of an image is not finite; the model keeps its last state.
    """
    _check(training, validation, epochs, batch_size, engine)
    for dataset in (training, validation):
        if dataset is not None:
            _check_fit(model, dataset, loss)
    optimizer = optimizer or SGD(model.parameters(), learning_rate=0.02, momentum=0.9)
    if not optimizer.parameters:
        raise ValueError("there is nothing to train: the model or the optimizer has no parameters")
    runner = ENGINES[engine](model, loss, optimizer)
    generator = np.random.default_rng(seed)
    history = History()
    try:
        for epoch in range(1, epochs + 1):
            bar = tqdm(
                total=len(training),
                desc=f"epoch {epoch}/{epochs}",
                unit=" images",
                disable=not progress,
                mininterval=0.1 if sys.stderr.isatty() else 5.0,  # few lines in a log file
            )
            with bar:
                mean_loss, accuracy = _run_epoch(runner, training, batch_size, generator, bar)
                shown = _shown(mean_loss, accuracy)
                aside = (math.nan, math.nan)
                if validation is not None:
                    aside = _means(runner, validation)
                    shown["validation accuracy"] = f"{aside[1]:.1%}"
                history.epochs.append(Epoch(mean_loss, accuracy, *aside))
                bar.set_postfix(shown)
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        try:
            runner.finish()
        except KeyboardInterrupt:  # a second Ctrl-C waits until the model is whole
            runner.finish()
            history.interrupted = True
    optimizer.zero_grad()
    return history


def predict(
    model: Module, images: NDArray[np.float64], engine: str = "compiled"
) -> NDArray[np.int64]:
    """The most likely class of each image, shape (count,), for images of shape (count, pixels)."""
    _check_engine(engine)
    images = np.asarray(images, float)
    if images.ndim != 2 or not np.isfinite(images).all():
        raise ValueError(
            "predict() expected finite pixels in an array of shape (count, pixels), got shape "
            f"{images.shape}"
        )
    if engine == "compiled" and len(images) >= FEW:
        logits = compile(lambda image: list(model(list(image))), batched="image")(images)
        classes: NDArray[np.int64] = np.array(logits).argmax(0)
        return classes
    with no_grad():
        return np.array([largest(as_values(model(image))) for image in images.tolist()], np.int64)


def evaluate(
    model: Module, dataset: Dataset, loss: Loss = cross_entropy, engine: str = "compiled"
) -> tuple[float, float]:
    """Mean loss, and accuracy from 0 to 1, on labelled images."""
    _check_engine(engine)
    if not len(dataset):
        raise ValueError("there are no images to evaluate the model on")
    kind = ENGINES[engine] if len(dataset) >= FEW else ENGINES["eager"]
    return _means(kind(model, loss), dataset)


def _means(engine: Engine, dataset: Dataset) -> tuple[float, float]:
    measured = engine.measure(dataset)
    return measured.loss / len(dataset), measured.right / len(dataset)


def _run_epoch(
    engine: Engine,
    training: Dataset,
    batch_size: int,
    generator: np.random.Generator,
    bar: tqdm[Any],
) -> tuple[float, float]:
    total, right, seen = 0.0, 0, 0
    order = generator.permutation(len(training))
    # Batches of nearly equal size: a last batch of a few images would take as large a step as any.
    for indices in np.array_split(order, math.ceil(len(training) / batch_size)):
        measured = engine.step(training.take(indices))
        total += measured.loss
        right += measured.right
        seen += len(indices)
        if bar.update(len(indices)):
            bar.set_postfix(_shown(total / seen, right / seen), refresh=False)
    return total / seen, right / seen


def _shown(loss: float, accuracy: float) -> dict[str, str]:
    return {"loss": f"{loss:.3f}", "accuracy": f"{accuracy:.1%}"}


def _check_fit(model: Module, training: Dataset, loss: Loss) -> None:
    """Try the model on one image with the largest label, before anything is trained."""
    with no_grad():
        last = int(training.labels.argmax())
        loss(model(training.images[last].tolist()), int(training.labels[last]))


def _check(
    training: Dataset, validation: Dataset | None, epochs: int, batch_size: int, engine: str
) -> None:
    _check_engine(engine)
    for name, number in (("epochs", epochs), ("batch_size", batch_size)):
        if not is_index(number) or number < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {number!r}")
    for name, dataset in (("training", training), ("validation", validation)):
        if dataset is not None and len(dataset) == 0:
            raise ValueError(f"there are no {name} images")


def _check_engine(engine: str) -> None:
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
