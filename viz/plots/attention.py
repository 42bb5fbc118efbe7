"""How much each part of a sequence takes in from each other one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from viz.plots.inputs import numbers
from viz.plots.page import blend, new_figure, settings
from viz.plots.plot import Plot
from viz.theme import Theme, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CELL = 0.26
"""Inches."""


def attention_map(shares: ArrayLike, parts: Sequence[str], *, theme: str | Theme = "light") -> Plot:
    """Squares for each head: a row for each part that looks, a column for each one it looks at.

    The darker a square is, the larger is the share; nothing is drawn where there is none, as above
    the diagonal of a causal mask.

    Args:
        shares: shape (heads, length, length), from 0 to 1.
        parts: what stands at each place of the sequence, such as its characters.
        theme: a name in :data:`viz.theme.THEMES`, or a Theme.

    Raises:
        ValueError, TypeError: if these are no such numbers, or there are not as many parts.
        ImportError: if matplotlib is missing.

    >>> attention_map([[[1.0, 0.0], [0.3, 0.7]]], ".a")
    <Plot: attention of 1 head over 2 parts>
    """
    theme = theme_of(theme)
    heads = _checked(shares, len(parts))
    described = f"attention of {len(heads)} head{'s' * (len(heads) > 1)} over {len(parts)} parts"
    with settings(theme):
        side = _CELL * len(parts) + 0.5
        figure = new_figure(max(3.0, side * len(heads) + 0.4), side + 0.7)
        for i, head in enumerate(heads, start=1):
            axes = figure.add_subplot(1, len(heads), i)
            axes.set_title(f"head {i}", fontsize=10)
            _draw_head(axes, head, list(parts), theme)
        figure.axes[0].set(ylabel="looks", xlabel="at")
    return Plot(figure, described, theme)


def _checked(shares: ArrayLike, parts: int) -> NDArray[np.float64]:
    heads = numbers("shares", shares, "heads", parts, parts)
    if heads.min() < 0 or heads.max() > 1 + 1e-9:
        raise ValueError(f"shares are from 0 to 1, got {heads.min():g} to {heads.max():g}")
    return heads


def _draw_head(axes: Axes, head: NDArray[np.float64], parts: list[str], theme: Theme) -> None:
    import matplotlib.colors

    colors = [[blend(theme.background, theme.value, float(s)) for s in row] for row in head]
    rgb = np.array([[matplotlib.colors.to_rgb(color) for color in row] for row in colors])
    edges = np.arange(len(parts) + 1) - 0.5
    axes.pcolormesh(edges, edges, rgb, edgecolors=theme.gate, linewidth=0.5)
    axes.set(aspect="equal", xlim=(-0.5, len(parts) - 0.5), ylim=(len(parts) - 0.5, -0.5))
    axes.set_xticks(range(len(parts)), parts, fontsize=9)
    axes.set_yticks(range(len(parts)), parts, fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
