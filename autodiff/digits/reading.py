"""The main job: a network learns to read digits, and what it learned is measured on others."""

from __future__ import annotations

import dataclasses
import math
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff.data import Dataset, Pairs, load_mnist, load_subset, split
from autodiff.digits.presets import PRESETS, Preset
from autodiff.nn import Conv2d, Module, MultiheadAttention, Sequential, files
from autodiff.training import evaluate, fit
from autodiff.training.checkpoints import Checkpoint
from autodiff.training.history import History
from autodiff.training.processes import is_leader

_WHOLE_MNIST = 60_000
_MOST_SCALARS = 1_000_000
"""The most numbers that a layer may make of an image."""


class Reader(NamedTuple):
    """A trained network, how it came about, and images that it has never seen.

    Attributes:
        model: the network.
        history: what was measured, epoch by epoch.
        validation: the images that were set aside.
        images_per_second: how many were trained on in a second.
    """

    model: Module
    history: History
    validation: Dataset
    images_per_second: float


def load(data: str) -> Dataset:
    """Training images by name.

    Args:
        data: ``"subset"`` for the packaged images, ``"mnist"``, or a folder with IDX files.

    Raises:
        ValueError: if the name is empty.
        FileNotFoundError, ConnectionError: as :func:`autodiff.data.load_mnist` does.

    >>> len(load("subset"))
    5000
    """
    if not data:
        raise ValueError("expected subset, mnist or a folder for the data, got an empty name")
    if data == "subset":
        return load_subset()
    return load_mnist(None if data == "mnist" else data)


def learn_to_read(
    dataset: Dataset,
    preset: Preset | str = "quick",
    *,
    images: int | None = None,
    epochs: int | None = None,
    seed: int = 0,
    engine: str = "compiled",
    checkpoint: Checkpoint | str | os.PathLike[str] | None = None,
    save: str | os.PathLike[str] | None = None,
) -> Reader:
    """Set a tenth of the images aside for validation, train on the others, and say how it went.

    Of MNIST's 60,000 images, 10,000 are set aside, as is the custom.

    Args:
        dataset: images of 784 pixels.
        preset: the network and how it is trained, or the name of one in ``PRESETS``.
        images: how many to train on; then a fifth as many are for validation.
        epochs: instead of the preset's.
        seed: the same seed gives the same run.
        engine, checkpoint: see :func:`autodiff.training.fit`.
        save: a file for the model, which is written as soon as training ends, before anything else
            can go wrong.

    Raises:
        ValueError: if there is no such preset, or not so many images.
        OSError: if the model or the checkpoint cannot be written; of the model it says where it is
            instead.

    >>> reader = learn_to_read(load_subset(), images=100, epochs=1)  # doctest: +ELLIPSIS
    MLP(784-40-40-10, 33,450 parameters): 100 images to train on, 100 to validate
    validation accuracy: ... % after ... s
    >>> len(reader.history.epochs), len(reader.validation)
    (1, 100)
    """
    preset = _named(preset)
    if epochs is not None:
        preset = dataclasses.replace(preset, epochs=epochs)
    kept, aside = split(dataset, validation=_share_aside(len(dataset)), seed=seed)
    training, validation = _some(kept, aside, images, seed)
    model = preset.model(seed)
    print(f"{model}: {len(training):,} images to train on, {len(validation):,} to validate")
    steps = preset.epochs * math.ceil(len(training) / preset.batch_size)
    started = time.perf_counter()
    with _kept(model, save):
        history = fit(
            model,
            examples(training, preset),
            examples(validation, preset),
            epochs=preset.epochs,
            batch_size=preset.batch_size,
            optimizer=preset.optimizer(model.parameters(), steps),
            loss=preset.loss,
            augment=preset.augmentation,
            seed=seed,
            engine=engine,
            checkpoint=checkpoint,
        )
    if history.interrupted:
        print(f"stopped after {len(history.epochs)} whole epochs; what was learned so far is kept")
    seconds = time.perf_counter() - started
    print(f"validation {_result(model, history, validation, preset)} after {seconds:.1f} s")
    return Reader(model, history, validation, len(training) * len(history.epochs) / seconds)


@contextmanager
def _kept(model: Module, path: str | os.PathLike[str] | None) -> Iterator[None]:
    """Write a model after it was trained, also when only its checkpoint could not be written."""
    try:
        yield
    except OSError as error:
        _save(model, path)
        if path is not None:
            error.add_note(f"what was learned so far is in {path}")
        raise
    _save(model, path)


def _save(model: Module, path: str | os.PathLike[str] | None) -> None:
    if path is None or not is_leader():
        return
    try:
        files.save(model, path)
    except OSError as error:
        aside = Path(tempfile.mkdtemp(prefix="autodiff-"), Path(path).name)
        files.save(model, aside)
        raise OSError(f"{error}; the trained model is in {aside}") from None


def examples(dataset: Dataset, preset: Preset) -> Dataset:
    """Images with their labels, or with themselves as the target, as the preset has it."""
    return Pairs(dataset.images, dataset.images) if preset.repeats_images else dataset


def in_percent(share: float) -> str:
    """A share as people write it.

    >>> in_percent(0.956)
    '95.6 %'
    """
    return f"{100 * share:.1f} %"


def _result(model: Module, history: History, validation: Dataset, preset: Preset) -> str:
    if history.interrupted or not history.epochs:
        loss, accuracy = evaluate(model, examples(validation, preset), preset.loss)
    else:
        loss, accuracy = history.validation_loss[-1], history.validation_accuracy[-1]
    if preset.repeats_images:
        variance = validation.images.var(0).mean()
        return f"error: {loss:.4f} (the mean image alone gives {variance:.4f})"
    return f"accuracy: {in_percent(accuracy)}"


def _named(preset: Preset | str) -> Preset:
    if isinstance(preset, Preset):
        return preset
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}")
    return PRESETS[preset]


def _share_aside(count: int) -> float:
    return 1 / 6 if count == _WHOLE_MNIST else 0.1


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


def as_shares(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ten logits, logarithms of probabilities, or probabilities, as probabilities.

    Args:
        scores: of one image, shape (10,).

    >>> as_shares(np.array([0.0, 0.0])).tolist(), as_shares(np.array([0.25, 0.75])).tolist()
    ([0.5, 0.5], [0.25, 0.75])
    """
    if (scores >= 0).all() and abs(scores.sum() - 1) < 1e-9:
        return scores
    powers = np.exp(scores - scores.max())
    shares: NDArray[np.float64] = powers / powers.sum()
    return shares


def load_reader(path: str | os.PathLike[str]) -> Module:
    """Load a model that gives ten scores for an image of 784 pixels.

    Raises:
        FileNotFoundError, ValueError: as :func:`autodiff.nn.files.load` does, and if it is another
            model, or one that makes more of an image than memory holds.
    """
    model = files.load(path)
    (outputs, *more) = _shape_after(model, (784,), Path(path))
    if more or outputs != 10:
        shown = " × ".join(map(str, (outputs, *more)))
        raise ValueError(f"{path} is no network that reads digits: it has {shown} outputs")
    return model


def _shape_after(model: Module, shape: tuple[int, ...], path: Path) -> tuple[int, ...]:
    """Return the shape of the outputs, while nothing inside is too large."""
    for layer in model.layers if isinstance(model, Sequential) else [model]:
        if isinstance(layer, Sequential):
            _shape_after(layer, shape, path)
        inside = _most_inside(layer, shape)
        shape = layer.output_shape(shape)
        if max(inside, math.prod(shape)) > _MOST_SCALARS:
            raise ValueError(
                f"{path} is no network that reads digits: it makes more than {_MOST_SCALARS:,} "
                f"numbers of an image, in {layer!r:.60}"
            )
    return shape


def _most_inside(layer: Module, shape: tuple[int, ...]) -> int:
    """Return how many numbers there are inside a layer, before its result."""
    if isinstance(layer, Conv2d):
        return math.prod(layer.padded_shape(shape))
    if isinstance(layer, MultiheadAttention):
        return layer.heads * shape[0] ** 2
    return 0


def load_to_evaluate(data: str, seed: int = 0) -> tuple[Dataset, str]:
    """Return images to evaluate a model on, and what they are in words.

    Args:
        data: ``"subset"`` for the tenth of the packaged images that training sets aside,
            ``"mnist"`` for its test images, or a folder with IDX files: its test images, or its
            training images if it has no others.
        seed: of the training whose tenth it is.

    Raises:
        FileNotFoundError, ConnectionError, ValueError: as :func:`autodiff.data.load_mnist` does.

    >>> len(load_to_evaluate("subset")[0])
    500
    """
    if data == "subset":
        subset = load_subset()
        aside = split(subset, validation=_share_aside(len(subset)), seed=seed)[1]
        return aside, f"packaged images that training with seed {seed} sets aside"
    if data == "mnist":
        return load_mnist(split="test"), "MNIST's test images"
    try:
        return load_mnist(data, "test"), "test images"
    except FileNotFoundError:
        return load_mnist(data), "training images (there are no test files)"


def most_frequent_mistakes(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], most: int = 3
) -> str:
    """Name the most frequent mistakes in words; empty if there are none.

    Args:
        labels, predicted: shape (count,), the right classes and the model's.
        most: how many kinds of mistakes to name.

    >>> most_frequent_mistakes(np.array([4, 4, 9]), np.array([9, 9, 9]))
    '4 read as 9 (2 times)'
    """
    wrong = labels != predicted
    pairs = Counter(zip(labels[wrong].tolist(), predicted[wrong].tolist(), strict=True))
    times = {1: "once"}
    return ", ".join(
        f"{label} read as {read} ({times.get(count, f'{count} times')})"
        for (label, read), count in pairs.most_common(most)
    )
