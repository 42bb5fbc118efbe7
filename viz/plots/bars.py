"""Numbers as bars: what a classifier says, what was right, and the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from viz.draw import check_number_format
from viz.plots.inputs import Floats, check_names, class_names, numbers, square_side
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
        image: square, shape (pixels,), from 0 to 1: what the numbers are about, shown beside them.
        marked: a class, the right one say, whose bars are strong and whose name is bold.
        limits: of the scale; by default those of the numbers. Pictures that follow each other
            are compared more easily on one scale.
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
    if marked is not None and not 0 <= marked < count:
        raise ValueError(f"marked: expected a class from 0 to {count - 1}, got {marked!r}")
    pixels = None if image is None else numbers("image", image, "pixels")
    low, high = _scale(rows, limits)
    with settings(theme):
        panel = max(_PANEL, 0.3 * count)
        widths = [*([1.9] if pixels is not None else []), *[panel] * len(rows)]
        figure = new_figure(sum(widths), 2.3)
        panels = figure.subplots(1, len(widths), squeeze=False, width_ratios=widths)[0].tolist()
        if pixels is not None:
            _draw_image(panels.pop(0), pixels, theme)
        for axes, (title, row) in zip(panels, rows.items(), strict=True):
            axes.set(title=title, ylim=(low, high), xlim=(-0.7, count - 0.3))
            _draw(axes, row, marked, number, theme)
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


def _scale(rows: Mapping[str, Floats], limits: tuple[float, float] | None) -> tuple[float, float]:
    """The ends of the scale, with room for the numbers at the bars."""
    if limits is not None:
        low, high = numbers("limits", limits, 2)
        if not low <= 0 <= high or low == high:
            raise ValueError(
                f"limits: expected a scale around 0, the lower end first, got {limits}"
            )
    else:
        low = min(0.0, *[row.min() for row in rows.values()])
        high = max(0.0, *[row.max() for row in rows.values()])
    room = _ROOM * ((high - low) or 1.0)
    return float(low - room * (low < 0)), float(high + room * (high > 0 or low == 0))


def _draw_image(axes: Axes, pixels: Floats, theme: Theme) -> None:
    side = square_side("image", len(pixels))
    paper = ramp(theme.background, theme.ink)
    axes.imshow(pixels.reshape(side, side), cmap=paper, vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=blend(theme.background, theme.wire, 0.5))


def _draw(axes: Axes, row: Floats, marked: int | None, number: str, theme: Theme) -> None:
    colors = [theme.value if height >= 0 else theme.gradient for height in row]
    pale = [blend(theme.background, color, 0.45) for color in colors]
    is_strong = [marked is None or i == marked for i in range(len(row))]
    shown = [color if is_strong[i] else pale[i] for i, color in enumerate(colors)]
    axes.bar(range(len(row)), row, width=0.72, color=shown)
    axes.axhline(0, color=theme.wire, linewidth=0.8)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    axes.set_yticks([])
    low, high = axes.get_ylim()
    gap = 0.02 * (high - low)
    for i, height in enumerate(row.tolist()):
        axes.text(
            i,
            height + (gap if height >= 0 else -gap),
            format(height, number),
            color=theme.ink if is_strong[i] else theme.quiet,
            ha="center",
            va="bottom" if height >= 0 else "top",
            fontsize=7.5,
            clip_on=True,
        )
