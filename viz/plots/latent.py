"""Two-dimensional codes of labelled examples."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from viz.plots.inputs import Floats, class_labels, numbers
from viz.plots.page import class_colors, new_figure, settings
from viz.plots.plot import Plot
from viz.theme import Theme, theme_of

if TYPE_CHECKING:
    from matplotlib.path import Path as Outline


def latent_scatter(codes: ArrayLike, labels: ArrayLike, *, theme: str | Theme = "light") -> Plot:
    """Each example at its code, drawn as its digit.

    A large digit stands at the mean of each class, or beside it where two of them would overlap.

    Args:
        codes: shape (count, 2), of an autoencoder's middle, say, or two principal components.
        labels: shape (count,), whole numbers from 0 to 199.
        theme: a name in :data:`viz.theme.THEMES`, or a Theme.

    Raises:
        ValueError, TypeError: if these are no such codes and labels.
        ImportError: if matplotlib is missing.

    >>> latent_scatter(codes=[[0.0, 1.0], [0.5, 1.5], [3.0, 0.0]], labels=[4, 4, 9])
    <Plot: 3 codes of 2 classes>
    """
    theme = theme_of(theme)
    points = numbers("codes", codes, "count", 2)
    digits = class_labels("labels", labels, len(points))
    with settings(theme):
        from matplotlib.patheffects import withStroke

        colors = class_colors(theme, max(10, int(digits.max()) + 1))
        figure = new_figure(6.4, 5.6)
        axes = figure.add_subplot()
        height = float(np.clip(200 / np.sqrt(len(points)), 6.2, 8.0))  # points
        present = np.unique(digits).tolist()
        for digit in present:
            x, y = points[digits == digit].T
            outline = _outline(str(digit))
            half_width, half_height = np.abs(outline.vertices).max(axis=0)
            # matplotlib would make the longer side as long as this says
            side = height * max(1.0, half_width / half_height)
            axes.scatter(
                x,
                y,
                s=side**2,
                marker=outline,
                color=colors[digit],
                linewidths=0,
                alpha=0.8,
            )
        axes.set(title="large digits: about the mean of each class")
        axes.set(xlabel="code 1", ylabel="code 2")
        axes.set_aspect("equal", adjustable="datalim")
        axes.margins(0.04)
        axes.grid()
        axes.set_axisbelow(True)
        halo = [withStroke(linewidth=4, foreground=theme.background)]
        means = np.array([points[digits == digit].mean(axis=0) for digit in present])
        room = (0.055 if max(present) < 10 else 0.085) * float(np.ptp(points, axis=0).max())
        for digit, (x, y) in zip(present, _apart(means, room), strict=True):
            axes.text(
                x,
                y,
                str(digit),
                color=colors[digit],
                fontsize=22,
                fontweight="bold",
                ha="center",
                va="center_baseline",
                path_effects=halo,
            )
    classes = f"{len(present)} class{'es' * (len(present) > 1)}"
    return Plot(figure, f"{len(points):,} codes of {classes}", theme)


def _apart(places: Floats, room: float) -> Floats:
    """The places, those that are too near to each other moved until there is room between them."""
    places = places.copy()
    for _ in range(100):
        crowded = False
        for i, j in itertools.combinations(range(len(places)), 2):
            away = places[i] - places[j]
            distance = float(np.hypot(*away))
            if distance < 0.999 * room:
                direction = away / distance if distance else np.array([1.0, 0.0])
                places[i] += direction * (room - distance) / 2
                places[j] -= direction * (room - distance) / 2
                crowded = True
        if not crowded:
            break
    return places


def _outline(text: str) -> Outline:
    """Text as the shape of a marker, with its middle at the origin."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    outline = TextPath((0, 0), text, prop=FontProperties(weight="bold"))
    box = outline.get_extents()
    return outline.transformed(Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2))
