"""Square images side by side, what a model took them for, and what its units look for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from viz.plots.inputs import (
    Floats,
    check_texts,
    class_labels,
    numbers,
    pixels,
    positive,
    square_side,
)
from viz.plots.page import blend, new_figure, ramp, settings, signed_ramp
from viz.plots.plot import Plot
from viz.theme import Theme, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


def image_grid(
    images: ArrayLike,
    captions: Sequence[object] | None = None,
    *,
    title: str = "",
    columns: int = 10,
    side: float = 0.82,
    theme: str | Theme = "light",
) -> Plot:
    """Square images side by side.

    Args:
        images: shape (count, pixels), from 0, the background, to 1, or bytes from 0 to 255;
            of other numbers what is beyond is cut off.
        captions: a short text, or a number, under each.
        title: above all of them.
        columns: images in a row, at most.
        side: of an image, in inches.
        theme: a name in :data:`viz.theme.THEMES`, or a Theme.

    Raises:
        ValueError, TypeError: if the arrays do not fit.
        ImportError: if matplotlib is missing.

    >>> image_grid([[0, 1, 1, 0], [0, 0, 1, 1]], ["diagonal", "bar"], title="two images")
    <Plot: 2 images: two images>
    """
    theme = theme_of(theme)
    shown = pixels("images", images, "count", "pixels")
    count, width = len(shown), square_side("images", shown.shape[1])
    if not isinstance(side, int | float | np.number) or not 0.1 <= side <= 20:
        raise ValueError(f"side must be a number of inches from 0.1 to 20, got {side!r}")
    check_texts(title=title)
    if captions is not None and (
        not isinstance(captions, Sequence | np.ndarray)
        or isinstance(captions, str)
        or len(captions) != count
    ):
        raise ValueError(
            f"captions: expected a list of {count}, one for each image, got {captions!r:.60}"
        )
    with settings(theme):
        below = 0.1 / side if captions is None else 0.06 + 0.23 / side
        grid = _Grid(count, positive("columns", columns), inches=side, below=below)
        grid.axes.set_title(title)
        paper = ramp(theme.background, theme.ink)
        for i in range(count):
            grid.draw(i, shown[i].reshape(width, width)).set(cmap=paper, clim=(0, 1))
            grid.frame(i, blend(theme.background, theme.wire, 0.5), 0.6)
            if captions is not None:
                grid.write(i, str(captions[i]), theme.ink)
    plural = "s" * (count > 1)
    return Plot(grid.figure, f"{count} image{plural}{': ' * bool(title)}{title}", theme)


def prediction_grid(
    images: ArrayLike,
    labels: ArrayLike,
    predicted: ArrayLike,
    *,
    columns: int = 10,
    theme: str | Theme = "light",
) -> Plot:
    """Square images with the predicted class under each.

    A mistake is framed, and says in bold what the image really is.

    Args:
        images: shape (count, pixels), from 0, the background, to 1, or bytes from 0 to 255.
        labels, predicted: shape (count,), the right classes and the model's, from 0.
        columns: images in a row, at most.
        theme: a name in :data:`viz.theme.THEMES`, or a Theme.

    Raises:
        ValueError, TypeError: if the arrays do not fit.
        ImportError: if matplotlib is missing.

    >>> prediction_grid(images=[[0, 1, 1, 0], [0, 0, 1, 1]], labels=[3, 1], predicted=[3, 7])
    <Plot: 1 of 2 read correctly>
    """
    theme = theme_of(theme)
    shown = pixels("images", images, "count", "pixels")
    count, side = len(shown), square_side("images", shown.shape[1])
    if shown.min() < 0 or shown.max() > 1:
        raise ValueError(
            f"images: expected pixels from 0 to 1, got {shown.min():g} to {shown.max():g}; "
            "divide them by the largest possible one"
        )
    right = class_labels("labels", labels, count)
    answers = class_labels("predicted", predicted, count)
    title = f"{np.sum(right == answers)} of {count} read correctly"
    with settings(theme):
        grid = _Grid(count, positive("columns", columns), inches=0.82, below=0.34)
        grid.axes.set_title(title)
        paper = ramp(theme.background, theme.ink)
        for i in range(count):
            grid.draw(i, shown[i].reshape(side, side)).set(cmap=paper, clim=(0, 1))
            if right[i] == answers[i]:
                grid.frame(i, blend(theme.background, theme.wire, 0.5), 0.6)
                grid.write(i, str(answers[i]), theme.ink)
            else:
                grid.frame(i, theme.gradient, 2.2)
                grid.write(i, f"{answers[i]}, not {right[i]}", theme.gradient, "bold")
    return Plot(grid.figure, title, theme)


def weight_images(
    weights: ArrayLike,
    *,
    title: str | None = None,
    columns: int = 10,
    theme: str | Theme = "light",
) -> Plot:
    """The weights of each unit of a first layer as an image of what it looks for.

    Positive weights are blue, negative ones orange, and 0 is the background; in a theme without
    colours they are white and black. All units share one scale, symmetric about 0; the few
    weights beyond its ends, one of 200 at most, have the colours of the ends.

    Args:
        weights: shape (units, pixels), one row for each unit, for square images.
        title: above all of them; default how many units there are.
        columns: images in a row, at most.
        theme: a name in :data:`viz.theme.THEMES`, or a Theme.

    Raises:
        ValueError, TypeError: if these are no such weights.
        ImportError: if matplotlib is missing.

    >>> from autodiff.nn import MLP
    >>> model = MLP(16, [3, 2])
    >>> units = model.layers[0].neurons
    >>> weight_images([[weight.data for weight in unit.weights] for unit in units])
    <Plot: weights of 3 units, from -0.822 to 0.693>
    """
    theme = theme_of(theme)
    rows = numbers("weights", weights, "units", "pixels")
    count, side = len(rows), square_side("weights", rows.shape[1])
    limit = _scale(np.abs(rows))
    with settings(theme):
        grid = _Grid(count, positive("columns", columns), inches=0.82, below=0.24)
        grid.axes.set_title(
            f"weights of {count} unit{'s' * (count > 1)}" if title is None else title
        )
        signed = signed_ramp(theme)
        for i in range(count):
            image = grid.draw(i, rows[i].reshape(side, side))
            image.set(cmap=signed, clim=(-limit, limit))
            grid.frame(i, blend(theme.background, theme.wire, 0.5), 0.6)
            grid.write(i, str(i), theme.quiet)
        extend: Literal["both", "neither"] = "both" if limit < np.abs(rows).max() else "neither"
        bar = grid.figure.colorbar(image, ax=grid.axes, extend=extend, aspect=24, pad=0.02)
        bar.outline.set(edgecolor=theme.wire, linewidth=0.6)
    text = f"{title or f'weights of {count} units'}, from {rows.min():.3g} to {rows.max():.3g}"
    return Plot(grid.figure, text, theme)


def _scale(sizes: Floats) -> float:
    """Return the end of the scale, so that a few outliers do not make all others pale."""
    return float(np.quantile(sizes, 0.995) or sizes.max() or 1.0)


class _Grid:
    """Images of one size in rows, each with a line of text below it, in one pair of axes.

    One pair of axes for each image would take matplotlib seconds to arrange.

    Args:
        count, columns: of images in all, and in a row.
        inches: the side of an image.
        below: the room for the text, as a share of that side.
    """

    def __init__(self, count: int, columns: int, inches: float, below: float) -> None:
        self._columns = min(count, columns)
        self._step = (1.12, 1 + below)
        rows = math.ceil(count / self._columns)
        width, height = self._columns * self._step[0], rows * self._step[1]
        self.figure: Figure = new_figure(max(width * inches, 3.0) + 0.2, height * inches + 0.36)
        self.axes: Axes = self.figure.add_subplot()
        self.axes.set(xlim=(0, width - 0.12), ylim=(height, -0.03), aspect="equal")
        self.axes.set_axis_off()

    def _corner(self, i: int) -> tuple[float, float]:
        row, column = divmod(i, self._columns)
        return column * self._step[0], row * self._step[1]

    def draw(self, i: int, image: ArrayLike) -> AxesImage:
        x, y = self._corner(i)
        limits = self.axes.get_xlim(), self.axes.get_ylim()
        shown = self.axes.imshow(image, extent=(x, x + 1, y + 1, y), aspect="equal")
        self.axes.set(xlim=limits[0], ylim=limits[1])  # imshow has moved them
        return shown

    def frame(self, i: int, color: str, width: float) -> None:
        from matplotlib.patches import Rectangle

        frame = Rectangle(self._corner(i), 1, 1, fill=False, edgecolor=color, linewidth=width)
        self.axes.add_patch(frame).set_clip_on(False)

    def write(self, i: int, text: str, color: str, weight: str = "normal") -> None:
        x, y = self._corner(i)
        self.axes.text(
            x + 0.5, y + 1.06, text, color=color, weight=weight, ha="center", va="top", fontsize=8.5
        )
