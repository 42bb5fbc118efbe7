"""Numbers as bars: what a classifier says, what was right, and the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from viz.checks import check_number_format
from viz.plots.inputs import (
    Floats,
    check_names,
    class_names,
    limits_of,
    numbers,
    pixels,
    square_side,
)
from viz.plots.page import blend, new_figure, ramp, settings
from viz.plots.plot import Plot
from viz.theme import Theme, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANEL = 2.9
"""The width of a panel in inches; it grows with the number of bars."""
_ROOM = 0.16
"""Beyond the longest bar, for its number, as a share of the scale."""


def bars(
    series: Mapping[str, ArrayLike],
    classes: Sequence[str] | None = None,
    *,
    image: ArrayLike | None = None,
    marked: int | None = None,
    limits: tuple[float, float] | None = None,
    number: str = ".2f",
    theme: str | Theme = "light",
) -> Plot:
    """One number for each class as bars, a panel for each series, all on one scale.

    Positive numbers are blue and go up, negative ones are orange and go down.

    Args:
        series: by its title, one number for each class; all have equally many.
        classes: their names; default the numbers from 0.
        image: square, shape (pixels,), from 0 to 1, or bytes from 0 to 255: what the numbers are
            about, shown beside them.
        marked: a class, the right one say, whose bars are strong and whose name is bold.
        limits: of the scale, which holds 0; by default those of the numbers. Pictures that follow
            each other are compared more easily on one scale. A bar that is longer ends there, and
            an arrow at its number says so.
        number: a format specification for the number at each bar.
        theme: a name in :data:`viz.theme.THEMES`, or a Theme.

    Raises:
        ValueError, TypeError: if these are no such numbers.
        ImportError: if matplotlib is missing.

    >>> bars({"p": [0.25, 0.75], "p - onehot": [0.25, -0.25]}, marked=1)
    <Plot: 2 series of 2 numbers: p, p - onehot>
    """
    theme = theme_of(theme)
    check_names("series", series, least=0)
    check_number_format(number)
    rows = {title: numbers(title, row, "count") for title, row in series.items()}
    count = _common_length(rows)
    names = class_names(classes, count)
    if len(names) != count:
        raise ValueError(f"classes: expected {count} names, one for each number, got {len(names)}")
    if marked is not None and (not isinstance(marked, Integral) or not 0 <= marked < count):
        raise ValueError(f"marked: expected a class from 0 to {count - 1}, got {marked!r}")
    shown = None if image is None else pixels("image", image, "pixels")
    ends = _ends(rows, limits)
    scale = _with_room(ends, np.concatenate(list(rows.values())))
    with settings(theme):
        panel = max(_PANEL, 0.3 * count)
        widths = [*([1.9] if shown is not None else []), *[panel] * len(rows)]
        figure = new_figure(sum(widths), 2.3)
        panels = figure.subplots(1, len(widths), squeeze=False, width_ratios=widths)[0].tolist()
        if shown is not None:
            _draw_image(panels.pop(0), shown, theme)
        for axes, (title, row) in zip(panels, rows.items(), strict=True):
            axes.set(title=title, ylim=scale, xlim=(-0.7, count - 0.3))
            _draw(axes, row, ends, marked, number, theme)
            axes.set_xticks(range(count), names, fontsize=9)
            if marked is not None:
                axes.get_xticklabels()[marked].set_fontweight("bold")
    return Plot(figure, f"{len(rows)} series of {count} numbers: {', '.join(rows)}", theme)


def _common_length(rows: Mapping[str, Floats]) -> int:
    lengths = {len(row) for row in rows.values()}
    if len(lengths) != 1:
        raise ValueError(
            "series: expected at least one, all with one number for each class, got "
            f"{', '.join(map(str, sorted(lengths))) or 'none'} numbers"
        )
    return lengths.pop()


def _ends(rows: Mapping[str, Floats], limits: tuple[float, float] | None) -> tuple[float, float]:
    """Return the lowest and the highest end of the bars."""
    if limits is None:
        every = np.concatenate(list(rows.values()))
        return min(0.0, float(every.min())), max(0.0, float(every.max()))
    low, high = limits_of("limits", limits)
    if not low <= 0 <= high:
        raise ValueError(f"limits: expected a scale that holds 0, got {low:g} to {high:g}")
    return low, high


def _with_room(ends: tuple[float, float], every: Floats) -> tuple[float, float]:
    """The scale: beyond the ends there is room for the numbers at the bars."""
    low, high = ends
    room = _ROOM * ((high - low) or 1.0)
    return low - room * bool((every < 0).any()), high + room * bool((every >= 0).any())


def _draw_image(axes: Axes, shown: Floats, theme: Theme) -> None:
    side = square_side("image", len(shown))
    paper = ramp(theme.background, theme.ink)
    axes.imshow(shown.reshape(side, side), cmap=paper, vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=blend(theme.background, theme.wire, 0.5))


def _draw(
    axes: Axes,
    row: Floats,
    ends: tuple[float, float],
    marked: int | None,
    number: str,
    theme: Theme,
) -> None:
    colors = [theme.value if height >= 0 else theme.gradient for height in row]
    pale = [blend(theme.background, color, 0.45) for color in colors]
    is_strong = [marked is None or i == marked for i in range(len(row))]
    shown = [color if is_strong[i] else pale[i] for i, color in enumerate(colors)]
    heights = row.clip(*ends)
    axes.bar(range(len(row)), heights, width=0.72, color=shown)
    axes.axhline(0, color=theme.wire, linewidth=0.8)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    axes.set_yticks([])
    low, high = axes.get_ylim()
    gap = 0.02 * (high - low)
    for i, (given, height) in enumerate(zip(row.tolist(), heights.tolist(), strict=True)):
        beyond = "" if given == height else "↑ " if given > height else "↓ "
        axes.text(
            i,
            height + (gap if given >= 0 else -gap),
            beyond + format(given, number),
            color=theme.ink if is_strong[i] else theme.quiet,
            ha="center",
            va="bottom" if given >= 0 else "top",
            fontsize=7.5,
            clip_on=True,
        )
