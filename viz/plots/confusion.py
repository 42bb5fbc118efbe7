"""A confusion matrix: which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from viz.plots.inputs import Labels, class_labels, class_names
from viz.plots.page import blend, new_figure, readable_on, settings
from viz.plots.plot import Plot
from viz.theme import Theme, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_ERRORS = 3
"""In the caption, if they are equally frequent."""


def confusion_matrix(
    labels: ArrayLike,
    predicted: ArrayLike,
    classes: Sequence[str] | None = None,
    *,
    theme: str | Theme = "light",
) -> Plot:
    """Counts of examples: a row for each true class, a column for each predicted one.

    Right answers, on the diagonal, are pale. Errors are strong, on a scale of their own, so that
    one error is seen beside hundreds of right answers. At the end of each row stands the recall:
    the share of the examples of that class that were recognized.

    Args:
        labels, predicted: shape (count,), whole numbers from 0 to 199.
        classes: their names; default the numbers.
        theme: a name in :data:`viz.theme.THEMES`, or a Theme.

    Raises:
        ValueError, TypeError: if these are no such labels, or there are more classes than names.
        ImportError: if matplotlib is missing.

    >>> confusion_matrix([0, 0, 1, 2], [0, 1, 1, 2], classes=["cat", "dog", "owl"])
    <Plot: confusion matrix of 3 classes, accuracy 75.0%: 3 of 4>
    """
    theme = theme_of(theme)
    right = class_labels("labels", labels)
    answers = class_labels("predicted", predicted, len(right))
    names = class_names(classes, int(max(right.max(), answers.max())) + 1)
    counts = _count(right, answers, len(names))
    accuracy = f"accuracy {counts.trace() / len(right):.1%}: {counts.trace():,} of {len(right):,}"
    lines = [accuracy, _worst(counts, names)]
    with settings(theme):
        cell = min(0.46, 12 / len(names))  # inches
        fontsize = min(9.0, cell * 20)
        side = cell * len(names) + 0.008 * fontsize * max(map(len, names))  # cells and names
        figure = new_figure(max(side + 1.2, 0.085 * max(map(len, lines))), side + 1.2)
        figure.suptitle("\n".join(lines), x=0.02, ha="left", fontsize=11, linespacing=1.4)
        axes = figure.add_subplot()
        _draw_cells(axes, counts, theme, fontsize)
        _draw_recall(axes, counts, theme, fontsize)
        _label_axes(axes, names, fontsize)
    return Plot(figure, f"confusion matrix of {len(names)} classes, {accuracy}", theme)


def _count(labels: Labels, predicted: Labels, classes: int) -> Labels:
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def _worst(counts: Labels, names: list[str]) -> str:
    errors = counts - np.diag(counts.diagonal())
    if not errors.any():
        return "no errors"
    times = errors.max()
    often = "once" if times == 1 else f"{times:,} times"
    worst = [f"{names[j]} predicted for {names[i]}" for i, j in np.argwhere(errors == times)]
    if len(worst) == 1:
        return f"most frequent error: {worst[0]} ({often})"
    shown = worst if len(worst) <= _MOST_ERRORS else [*worst[:2], f"{len(worst) - 2:,} more"]
    return f"most frequent errors: {', '.join(shown[:-1])} and {shown[-1]} ({often} each)"


def _draw_cells(axes: Axes, counts: Labels, theme: Theme, fontsize: float) -> None:
    import matplotlib.colors

    colors = _cell_colors(counts, theme)
    edges = np.arange(len(counts) + 1) - 0.5
    rgb = np.array([[matplotlib.colors.to_rgb(color) for color in row] for row in colors])
    axes.pcolormesh(edges, edges, rgb, edgecolors=theme.background, linewidth=1.0)
    axes.set(aspect="equal", xlim=(-0.5, len(counts) - 0.5), ylim=(len(counts) - 0.5, -0.5))
    for i, j in np.argwhere(counts).tolist():
        axes.text(
            j,
            i,
            str(counts[i, j]),
            ha="center",
            va="center_baseline",
            color=readable_on(colors[i][j], theme),
            fontsize=fontsize,
            fontweight="normal" if i == j else "bold",
        )


def _cell_colors(counts: Labels, theme: Theme) -> list[list[str]]:
    most_errors = max(1, (counts - np.diag(counts.diagonal())).max())
    empty = blend(theme.background, theme.gate, 0.6)

    def color(i: int, j: int) -> str:
        if not counts[i, j]:
            return empty
        if i == j:
            return blend(theme.background, theme.value, 0.16)
        return blend(theme.background, theme.gradient, 0.4 + 0.6 * counts[i, j] / most_errors)

    classes = range(len(counts))
    return [[color(i, j) for j in classes] for i in classes]


def _draw_recall(axes: Axes, counts: Labels, theme: Theme, fontsize: float) -> None:
    x = len(counts) - 0.5 + 0.25
    axes.text(x, -0.65, "recall", ha="left", va="bottom", color=theme.quiet, fontsize=9)
    for i, row in enumerate(counts):
        text = f"{row[i] / row.sum():.1%}" if row.any() else "–"  # no example of this class
        axes.text(x, i, text, ha="left", va="center_baseline", fontsize=fontsize)


def _label_axes(axes: Axes, names: list[str], fontsize: float) -> None:
    longest = max(map(len, names))
    axes.set_xticks(range(len(names)), names, fontsize=fontsize, rotation=90 if longest > 4 else 0)
    axes.set_yticks(range(len(names)), names, fontsize=fontsize)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
