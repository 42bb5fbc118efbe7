"""Curves over an axis of numbers: functions, or how something grows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from viz.checks import check_choice
from viz.plots.inputs import check_names, check_texts, limits_of, numbers
from viz.plots.page import class_colors, new_figure, settings
from viz.plots.plot import Plot
from viz.theme import Theme, theme_of

_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
"""Since colour is never the only cue."""
_FEW = 25
"""Points of a curve up to which each is marked."""
_LETTERS = 70
"""Of names that fit beside each other in the legend."""
_LOGARITHMIC = 1e200
"""The largest number on a logarithmic axis, and one over the smallest."""
_ROW = 0.22
"""Inches of a row of the legend; the first two are in the height of every plot."""


def function_curves(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    points: Mapping[str, tuple[float, float]] | None = None,
    x: str = "",
    y: str = "",
    title: str = "",
    log: str = "",
    limits: tuple[float, float] | None = None,
    theme: str | Theme = "light",
) -> Plot:
    """A curve for each name, from its places along x and along y.

    Args:
        curves: for each name its numbers along x and along y, as many of each; a y that is not
            finite leaves a gap. Up to 25 points, each is marked.
        points: places (x, y) that are marked with their names.
        x, y: what the axes show.
        title: stands above.
        log: which axes are logarithmic, ``"x"``, ``"y"`` or ``"xy"``.
        limits: of the y axis, without it as far as the curves go; good for a plot that changes.
        theme: a name in :data:`viz.theme.THEMES`, or a Theme.

    Raises:
        ValueError, TypeError: if there is no curve, or these are no such numbers.
        ImportError: if matplotlib is missing.

    >>> function_curves({"x²": ([0, 1, 2], [0, 1, 4])}, x="x")
    <Plot: x², against x>
    """
    theme = theme_of(theme)
    check_texts(x=x, y=y, title=title)
    check_choice("log", log, ("", "x", "y", "xy"))
    check_names("curves", curves)
    check_names("points", points or {}, least=0)
    ends = None if limits is None else limits_of("limits", limits, 0 if "y" in log else -math.inf)
    drawn = {name: _pair(name, curve) for name, curve in curves.items()}
    places = {name: numbers(f"point {name}", place, 2) for name, place in (points or {}).items()}
    for name, (along, up) in drawn.items():
        _check_logarithmic(log, f"curve {name}", along, up)
    for name, (right, up) in places.items():
        _check_logarithmic(log, f"point {name}", right, up)
    columns = max(1, min(4, _LETTERS // max(map(len, drawn))))
    rows = math.ceil(len(drawn) / columns)
    with settings(theme):
        figure = new_figure(7.6, 3.2 + _ROW * max(0, rows - 2))
        axes = figure.add_subplot(xlabel=x, ylabel=y, title=title)
        colors = [theme.value, theme.gradient, *class_colors(theme, 10)[2:]]
        for i, (along, up) in enumerate(drawn.values()):
            axes.plot(
                along,
                up,
                color=colors[i % len(colors)],
                linestyle=_STYLES[(i + i // len(colors)) % len(_STYLES)],
                linewidth=1.8,
                marker="o" if len(along) <= _FEW else None,
                markersize=4,
            )
        lines = list(axes.lines)
        for name, (right, up) in places.items():
            _mark(axes, name, (right, up), theme)
        for axis in log:
            _make_logarithmic(axes, axis)
        if ends is not None:
            axes.set_ylim(*ends)
        if "x" not in log and all((along % 1 == 0).all() for along, _ in drawn.values()):
            axes.locator_params(axis="x", integer=True)
        axes.margins(x=0.03)
        axes.grid()
        if len(drawn) > 1:
            figure.legend(lines, list(drawn), loc="outside lower center", ncols=columns)
    named = list(drawn) if len(drawn) <= 4 else [*list(drawn)[:3], f"{len(drawn) - 3} more"]
    return Plot(figure, ", ".join(named) + (f", against {x}" if x else ""), theme)


def _pair(name: str, curve: Any) -> tuple[Any, Any]:
    """The numbers of one curve along x and along y."""
    if not isinstance(curve, list | tuple) or len(curve) != 2:
        raise TypeError(f"curve {name}: expected (x, y), got {curve!r:.60}")
    along = numbers(f"curve {name}, x", curve[0], "count")
    up = numbers(f"curve {name}, y", curve[1], "count", finite=False)
    if len(up) != len(along):
        raise ValueError(
            f"curve {name}: expected as many numbers along y as along x, got {len(up)} and "
            f"{len(along)}"
        )
    return along, np.where(np.isfinite(up), up, np.nan)


def _check_logarithmic(log: str, name: str, x: Any, y: Any) -> None:
    """Raise ValueError if nothing is to be seen, or more than an axis can hold."""
    numbers_of = {"x": x, "y": y}
    shown = np.isfinite(y) & np.all([numbers_of[axis] > 0 for axis in log], axis=0)
    if log and not shown.any():
        raise ValueError(f"{name}: expected numbers above 0, since log is {log!r}, got none")
    for axis in log:
        least, most = numbers_of[axis][shown].min(), numbers_of[axis][shown].max()
        if least < 1 / _LOGARITHMIC or most > _LOGARITHMIC:
            raise ValueError(
                f"{name}: expected numbers from {1 / _LOGARITHMIC:g} to {_LOGARITHMIC:g} along "
                f"{axis}, which is logarithmic, got {least:g} to {most:g}"
            )


def _make_logarithmic(axes: Any, axis: str) -> None:
    """A logarithmic axis with plain numbers, as the settings leave formulas as they are written."""
    from matplotlib.ticker import LogFormatter

    getattr(axes, f"set_{axis}scale")("log")
    ticks = getattr(axes, f"{axis}axis")
    ticks.set_major_formatter("{x:g}")
    ticks.set_minor_formatter(LogFormatter())


def _mark(axes: Any, name: str, place: tuple[float, float], theme: Theme) -> None:
    from matplotlib.patheffects import withStroke

    axes.plot(*place, marker="o", markersize=7, color=theme.highlight, linestyle="none")
    axes.annotate(
        name,
        place,
        xytext=(0, 9),
        textcoords="offset points",
        ha="center",
        color=theme.highlight,
        fontweight="bold",
        path_effects=[withStroke(linewidth=3, foreground=theme.background)],
    )
