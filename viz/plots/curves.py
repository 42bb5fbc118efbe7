"""Loss and accuracy by epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from viz.plots.page import new_figure, settings
from viz.plots.plot import Plot
from viz.theme import Theme, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class HistoryLike(Protocol):
    """One number per epoch in each list; NaN where nothing was measured."""

    @property
    def loss(self) -> Sequence[float]:
        """Of the training examples."""

    @property
    def accuracy(self) -> Sequence[float]:
        """From 0 to 1."""

    @property
    def validation_loss(self) -> Sequence[float]:
        """Of examples that were set aside."""

    @property
    def validation_accuracy(self) -> Sequence[float]:
        """From 0 to 1."""


def training_curves(history: HistoryLike, *, theme: str | Theme = "light") -> Plot:
    """Loss and accuracy (in percent) by epoch, training beside validation.

    Args:
        history: as :func:`autodiff.training.fit` returns it. A number that is not finite leaves a
            gap; validation that was never measured is not drawn.
        theme: a name in :data:`viz.theme.THEMES`, or a Theme.

    Raises:
        ValueError: if there is no finished epoch, the lists differ in length, or an accuracy is
            not from 0 to 1.
        ImportError: if matplotlib is missing.

    >>> from autodiff.training import Epoch, History
    >>> training_curves(History([Epoch(1.0, 0.5, 1.1, 0.4), Epoch(0.5, 0.8, 0.7, 0.7)]))
    <Plot: training of 2 epochs: loss 0.5, validation loss 0.7, validation accuracy 70.0%>
    """
    theme = theme_of(theme)
    epochs = _check(history)
    panels = (
        ("loss", history.loss, history.validation_loss),
        ("accuracy in %", _percent(history.accuracy), _percent(history.validation_accuracy)),
    )
    with settings(theme):
        figure = new_figure(8.0, 3.4)
        for column, (title, training, validation) in enumerate(panels, start=1):
            axes = figure.add_subplot(1, 2, column)
            axes.set_title(title)
            _draw_pair(axes, training, validation, theme)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return Plot(figure, _description(history, epochs), theme)


def _check(history: HistoryLike) -> int:
    """The number of epochs."""
    lengths = [
        len(numbers)
        for numbers in (
            history.loss,
            history.accuracy,
            history.validation_loss,
            history.validation_accuracy,
        )
    ]
    if not lengths[0]:
        raise ValueError("there is no finished epoch to plot; train for at least one")
    if len(set(lengths)) > 1:
        raise ValueError(f"expected as many numbers in each list of the history, got {lengths}")
    for share in (*history.accuracy, *history.validation_accuracy):
        if not (math.isnan(share) or 0 <= share <= 1):
            raise ValueError(f"expected accuracy as a share from 0 to 1, got {share}")
    return lengths[0]


def _draw_pair(
    axes: Axes, training: Sequence[float], validation: Sequence[float], theme: Theme
) -> None:
    epochs = range(1, len(training) + 1)
    every = math.ceil(len(training) / 40)  # so that markers do not touch
    size = 5 if len(training) <= 20 else 4
    axes.plot(
        epochs,
        training,
        marker="o",
        markevery=every,
        markersize=size,
        color=theme.value,
        label="training, during the epoch",
    )
    if any(math.isfinite(number) for number in validation):
        axes.plot(
            epochs,
            validation,
            linestyle="--",
            marker="s",
            markevery=every,
            markersize=size,
            color=theme.gradient,
            label="validation, after it",
        )
    axes.set_xlabel("epoch")
    axes.locator_params(axis="x", integer=True)
    axes.margins(x=0.03)
    axes.grid()


def _percent(shares: Sequence[float]) -> list[float]:
    return [100 * share for share in shares]


def _description(history: HistoryLike, epochs: int) -> str:
    text = f"training of {epochs} epoch{'s' * (epochs > 1)}: loss {history.loss[-1]:.3g}"
    if math.isfinite(history.validation_loss[-1]):
        text += f", validation loss {history.validation_loss[-1]:.3g}"
        text += f", validation accuracy {history.validation_accuracy[-1]:.1%}"
    return text
