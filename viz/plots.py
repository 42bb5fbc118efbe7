"""Plots of training: curves by epoch, and digits with what the model took them for.

These need matplotlib, from the ``pictures`` extra.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from viz.theme import LIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class HistoryLike(Protocol):
    """One number per epoch in each list."""

    @property
    def loss(self) -> list[float]:
        """Of the training images."""

    @property
    def accuracy(self) -> list[float]:
        """From 0 to 1."""

    @property
    def validation_loss(self) -> list[float]:
        """NaN where there were no images for it."""

    @property
    def validation_accuracy(self) -> list[float]:
        """From 0 to 1."""


def plot_training(history: HistoryLike, path: str | Path) -> Path:
    """Loss and accuracy by epoch, training beside validation, saved to a file.

    Raises:
        ValueError: if there is no finished epoch to show.
        ImportError: if matplotlib is missing.
    """
    if not history.loss:
        raise ValueError("there is no finished epoch to plot")
    figure = _figure(8.0, 3.2)
    panels = (
        ("loss", history.loss, history.validation_loss),
        ("accuracy in %", _percent(history.accuracy), _percent(history.validation_accuracy)),
    )
    epochs = range(1, len(history.loss) + 1)
    for column, (title, training, validation) in enumerate(panels, start=1):
        axes = figure.add_subplot(1, 2, column)
        axes.plot(epochs, training, "o-", color=LIGHT.value, label="training, during the epoch")
        if not math.isnan(validation[0]):
            axes.plot(epochs, validation, "s--", color=LIGHT.gradient, label="validation, after it")
        axes.set_title(title, loc="left", color=LIGHT.ink)
        axes.set_xlabel("epoch", color=LIGHT.ink)
        axes.set_xticks(list(epochs) if len(epochs) <= 20 else list(epochs)[::5])
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    return _save(figure, path)


def plot_predictions(
    images: NDArray[Any],
    labels: NDArray[Any],
    predicted: NDArray[Any],
    path: str | Path,
) -> Path:
    """A grid of square images with the predicted label under each, saved to a file.

    A mistake is framed, and says what the digit really was.

    Args:
        images: shape (count, pixels), 0 is background and 1 is ink.
        labels, predicted: shape (count,), the right classes and the model's.
    """
    count, side = len(images), math.isqrt(images.shape[-1])
    if not count or images.ndim != 2 or not len(labels) == len(predicted) == count:
        raise ValueError(
            f"expected images of shape (count, pixels), and as many labels and predictions, got "
            f"{images.shape}, {len(labels)} and {len(predicted)}"
        )
    if side * side != images.shape[1]:
        raise ValueError(f"expected square images, got {images.shape[1]} pixels")
    columns = min(count, 10)
    rows = math.ceil(count / columns)
    figure = _figure(columns * 0.85, rows * 1.12 + 0.35)
    wrong = int(np.sum(labels != predicted))
    figure.suptitle(
        f"{count - wrong} of {count} validation digits read correctly", color=LIGHT.ink, fontsize=11
    )
    for i in range(count):
        axes = figure.add_subplot(rows, columns, i + 1)
        axes.imshow(images[i].reshape(side, side), cmap="gray_r", vmin=0, vmax=1)
        axes.set_xticks([])
        axes.set_yticks([])
        mistaken = labels[i] != predicted[i]
        text = f"{predicted[i]}, not {labels[i]}" if mistaken else f"{predicted[i]}"
        color = LIGHT.gradient if mistaken else LIGHT.ink
        weight = "bold" if mistaken else "normal"
        axes.set_xlabel(text, color=color, fontsize=9, fontweight=weight, labelpad=2)
        for spine in axes.spines.values():
            spine.set_color(LIGHT.gradient if mistaken else "#d5dae3")
            spine.set_linewidth(2.2 if mistaken else 0.6)
    return _save(figure, path)


def _percent(shares: list[float]) -> list[float]:
    return [100 * share for share in shares]


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("plots need matplotlib; run: pip install matplotlib") from None
    return Figure(figsize=(width, height), layout="constrained")


def _save(figure: Figure, path: str | Path) -> Path:
    figure.savefig(path, dpi=150)
    return Path(path)
