"""A function of two numbers, and the tracks of optimizers that look for its minimum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from autodiff.graph import Value
from viz.plots.inputs import Floats, numbers, positive
from viz.plots.page import blend, class_colors, new_figure, ramp, settings
from viz.plots.plot import Plot
from viz.theme import Theme, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BANDS = 16
_LINES = ("-", "--", "-.", ":")
_ENDS = ("s", "^", "D", "v", "P", "X", "*", "p")


def loss_surface(
    function: Callable[[Any, Any], Any],
    tracks: Mapping[str, ArrayLike],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    *,
    names: tuple[str, str] = ("x", "y"),
    resolution: int = 120,
    theme: str | Theme = "light",
) -> Plot:
    """Contours of a function of two numbers, with the tracks of optimizers on it.

    Each band between two contours covers about the same area, so that a valley is seen beside a
    cliff of any height. Where the function is not finite, or fails, the page is hatched.

    Args:
        function: takes two floats. It may take two arrays, too: that is tried first, and believed
            if it gives the same numbers.
        tracks: for each optimizer, by name, its positions, shape (steps, 2), the start first. A
            track that is no longer finite ends there, and the legend says so.
        x_range, y_range: what to show, from low to high.
        names: of the two numbers.
        resolution: points along each side where the function is asked.
        theme: a name in :data:`viz.theme.THEMES`, or a Theme.

    Raises:
        ValueError, TypeError: if a track or a range is no such thing, or the function is finite
            nowhere in the ranges.
        ImportError: if matplotlib is missing.

    >>> tracks = {"SGD": [[2.0, 1.0], [1.0, 0.5], [0.5, 0.25]]}
    >>> loss_surface(lambda x, y: x**2 + y**2, tracks, (-1, 3), (-2, 2), resolution=20)
    <Plot: loss surface from 0.0139 to 13, with 1 track: SGD>
    """
    theme = theme_of(theme)
    x, y = (
        np.linspace(*_range(name, given), max(2, positive("resolution", resolution)))
        for name, given in (("x_range", x_range), ("y_range", y_range))
    )
    paths = {str(name): _track(name, given) for name, given in dict(tracks).items()}
    heights = evaluate(function, x, y)
    with settings(theme):
        figure = new_figure(6.8, 4.9)
        axes = figure.add_subplot()
        axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), xlabel=names[0], ylabel=names[1])
        _draw_surface(figure, axes, x, y, heights, theme)
        _draw_tracks(axes, paths, theme)
        if axes.get_legend_handles_labels()[0]:
            figure.legend(loc="outside lower center", ncols=3)
    finite = heights[np.isfinite(heights)]
    text = f"loss surface from {finite.min():.3g} to {finite.max():.3g}"
    if paths:
        text += f", with {len(paths)} track{'s' * (len(paths) > 1)}: {', '.join(paths)}"
    return Plot(figure, text, theme)


class _Track(NamedTuple):
    """The positions of an optimizer while they are finite, and the first step where not."""

    path: Floats
    diverged: int | None


def evaluate(function: Callable[[Any, Any], Any], x: Floats, y: Floats) -> Floats:
    """The function on a grid, shape (len(y), len(x)); NaN where it has no finite number."""
    grid = np.meshgrid(x, y)
    with np.errstate(all="ignore"):
        heights = _all_at_once(function, *grid)
        if heights is None:
            pairs = zip(*(axis.ravel().tolist() for axis in grid), strict=True)
            heights = np.array([_at(function, *pair) for pair in pairs]).reshape(grid[0].shape)
    if np.isnan(heights).all():
        reason = _failure(function, float(x[0]), float(y[0]))
        raise ValueError(f"function: expected finite numbers in the ranges, got none; {reason}")
    return heights


def _all_at_once(function: Callable[[Any, Any], Any], x: Floats, y: Floats) -> Floats | None:
    """The function of two arrays, if it takes them and gives the same as for single numbers."""
    try:
        heights = np.asarray(function(x.copy(), y.copy()))
    except Exception:  # whatever it raises, it does not take arrays
        return None
    if heights.shape != x.shape or heights.dtype.kind not in "fiu":
        return None
    heights = _finite(heights.astype(np.float64))
    some = np.linspace(0, x.size - 1, 5).astype(int)
    singly = [_at(function, float(x.flat[i]), float(y.flat[i])) for i in some]
    same = np.allclose(heights.flat[some], singly, rtol=1e-6, atol=1e-12, equal_nan=True)
    return heights if same else None


def _at(function: Callable[[Any, Any], Any], x: float, y: float) -> float:
    """The function at one point; NaN where it fails as arithmetic does."""
    try:
        height = function(x, y)
        return float(_finite(height.data if isinstance(height, Value) else height))
    except (ArithmeticError, ValueError):
        return np.nan
    except TypeError as error:
        raise TypeError(f"function: expected one number for two floats; {error}") from error


def _failure(function: Callable[[Any, Any], Any], x: float, y: float) -> str:
    try:
        return f"at ({x:g}, {y:g}) it gave {function(x, y)!r}"
    except (ArithmeticError, ValueError) as error:
        return f"at ({x:g}, {y:g}) it raised {type(error).__name__}: {error}"


def _finite(heights: ArrayLike) -> Floats:
    """Infinities as NaN, too."""
    return np.where(np.isfinite(heights), heights, np.nan)


def _draw_surface(
    figure: Figure, axes: Axes, x: Floats, y: Floats, heights: Floats, theme: Theme
) -> None:
    if np.isnan(heights).any():
        _hatch(axes, theme)
    nodes = np.unique(np.nanquantile(heights, np.linspace(0, 1, 16 * _BANDS + 1)))
    if len(nodes) == 1:
        axes.set_title(f"constant: {nodes[0]:g}")
        return
    # Contours of the rank, which has no cliffs, are smooth where those of the height are torn.
    ranks = np.ma.masked_invalid(np.interp(heights, nodes, np.arange(len(nodes))))
    levels = np.unique(np.linspace(0, len(nodes) - 1, _BANDS + 1).astype(int))
    colors = ramp(theme.background, blend(theme.background, theme.quiet, 0.75))
    filled = axes.contourf(x, y, ranks, levels, cmap=colors, zorder=0.5)
    axes.contour(x, y, ranks, levels[1:-1], colors=[theme.wire], linewidths=0.5, zorder=0.6)
    bar = figure.colorbar(filled, ax=axes, spacing="uniform", pad=0.02, aspect=26)
    bar.set_ticks(levels[::2].tolist(), labels=_distinct(nodes[levels])[::2])
    bar.ax.tick_params(length=0)
    bar.ax.set_title(f"f({axes.get_xlabel()}, {axes.get_ylabel()})", fontsize=9)
    bar.outline.set(edgecolor=theme.wire, linewidth=0.6)


def _hatch(axes: Axes, theme: Theme) -> None:
    """Hatch the area that the contours leave free."""
    from matplotlib.patches import Rectangle

    page = Rectangle(
        (0, 0),
        1,
        1,
        transform=axes.transAxes,
        facecolor=theme.background,
        edgecolor=theme.wire,
        linewidth=0,
        hatch="////",
        zorder=0,
        label="not finite",
    )
    axes.add_patch(page)


def _distinct(levels: Floats) -> list[str]:
    """The levels with three digits, or with as many as tell them apart.

    >>> _distinct(np.array([0.5, 1000.25, 1000.5]))
    ['0.5', '1000.2', '1000.5']
    """
    for digits in range(3, 17):
        texts = [f"{level:.{digits}g}" for level in levels]
        if len(set(texts)) == len(texts):
            break
    return texts


def _range(name: str, given: tuple[float, float]) -> tuple[float, float]:
    low, high = numbers(name, given, 2)
    if not low < high:
        raise ValueError(f"{name}: expected two numbers, the lower one first, got {given!r}")
    return float(low), float(high)


def _track(name: str, given: ArrayLike) -> _Track:
    path = numbers(f"track {name!r}", given, "steps", 2, finite=False)
    odd = np.flatnonzero(~np.isfinite(path).all(axis=1))
    if not odd.size:
        return _Track(path, None)
    if odd[0] == 0:
        raise ValueError(f"track {name!r}: expected a finite start, got {path[0].tolist()}")
    return _Track(path[: odd[0]], int(odd[0]))


def _draw_tracks(axes: Axes, tracks: Mapping[str, _Track], theme: Theme) -> None:
    for track in tracks.values():
        _mark_start(axes, track.path[:1], theme)
    if tracks:
        _mark_start(axes, np.empty((0, 2)), theme, "start")
    colors = class_colors(theme, len(tracks))
    for i, (name, track) in enumerate(tracks.items()):
        line, end = _LINES[i % len(_LINES)], _ENDS[i % len(_ENDS)]
        _draw_track(axes, track, colors[i], line, end, theme)
        label = f"{name}{_fate(axes, track)}"
        axes.plot([], [], line, color=colors[i], lw=1.8, marker=end, markersize=7, label=label)


def _mark_start(axes: Axes, place: Floats, theme: Theme, label: str = "") -> None:
    axes.plot(
        *place.T,
        "o",
        markersize=9,
        markerfacecolor=theme.background,
        markeredgecolor=theme.ink,
        markeredgewidth=1.4,
        label=label or "_",  # matplotlib leaves such labels out
        zorder=3,
    )


def _draw_track(axes: Axes, track: _Track, color: str, line: str, end: str, theme: Theme) -> None:
    from matplotlib.patheffects import withStroke

    x, y = _within_reach(axes, track.path).T
    halo = [withStroke(linewidth=3.4, foreground=theme.background)]
    dots = "." if len(x) <= 60 else ""  # so many can be told apart
    axes.plot(x, y, line, color=color, lw=1.8, marker=dots, path_effects=halo, zorder=2)
    edge = theme.background
    axes.plot(x[-1:], y[-1:], end, color=color, markersize=9, markeredgecolor=edge, zorder=4)


def _within_reach(axes: Axes, path: Floats) -> Floats:
    """The path, with what is a million pages away drawn nearer, in the same direction.

    Numbers like 1e300 are beyond what matplotlib can turn into places on a page.
    """
    low, high = np.array([axes.get_xlim(), axes.get_ylim()]).T
    middle, size = (low + high) / 2, high - low
    with np.errstate(over="ignore"):
        away = (path / size - middle / size) / 1e6
        farthest = np.abs(away).max(axis=1, keepdims=True)
    near: Floats = middle + size * 1e6 * away / np.maximum(1, farthest)
    return np.where(farthest > 1, near, path)


def _fate(axes: Axes, track: _Track) -> str:
    """A note for the legend, where the end of a track is not to be seen."""
    if track.diverged is not None:
        return f" (not finite at step {track.diverged})"
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    x, y = track.path[-1]
    inside = left <= x <= right and bottom <= y <= top
    return "" if inside else " (ends outside)"
