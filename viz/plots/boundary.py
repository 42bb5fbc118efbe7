"""The regions into which a classifier divides the plane, at one time or while it learns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from viz.markup import allowed
from viz.plots.inputs import Floats, Labels, array_of, check_names, numbers, positive, whole_numbers
from viz.plots.page import (
    arrange,
    class_colors,
    class_markers,
    new_figure,
    region_colors,
    settings,
)
from viz.plots.plot import Animation, Frame, Plot
from viz.theme import Theme, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.contour import ContourSet
    from PIL.Image import Image

Predict = Callable[[Floats], ArrayLike]
"""Scores of points: from shape (n, 2) to shape (n,) or (n, 1) for two classes, or (n, k) for k."""


def decision_boundary(
    predict: Predict,
    points: ArrayLike,
    labels: ArrayLike,
    *,
    threshold: float = 0.5,
    resolution: int = 150,
    lines: Iterable[tuple[ArrayLike, float]] = (),
    losses: Mapping[str, ArrayLike] | None = None,
    theme: str | Theme = "light",
) -> Plot:
    """The region of each class and the boundary between them, with labelled points on top.

    Args:
        predict: maps points, shape (n, 2), to one score each, shape (n,) or (n, 1), or to a score
            for each of k classes, shape (n, k), of which the largest wins. It is called once, with
            the points and resolution² others.
        points: shape (count, 2).
        labels: shape (count,). For one score: 0 and 1, or -1 and 1. For k scores: 0 to k - 1.
        threshold: for one score, from where on a point is of class 1: 0.5 for probabilities, 0 for
            logits.
        resolution: points along each side of the plot where predict is asked.
        lines: neurons as (w, b): each is drawn as the line where w · x + b = 0, with an arrow along
            its normal w, at most a fifth of the page long.
        losses: curves to be drawn beside the plane, by name, one number for each epoch, from 1.
        theme: a name in :data:`viz.theme.THEMES`, or a Theme.

    Raises:
        ValueError, TypeError: if these are no such points, labels, scores, lines and losses.
        ImportError: if matplotlib is missing.

    >>> def predict(points):
    ...     return points[:, 0] + points[:, 1]
    >>> decision_boundary(predict, [[0, 0], [0, 1], [1, 1]], [0, 0, 1], resolution=20)
    <Plot: decision boundary of 2 classes: 2 of 3 points in the region of their class>
    """
    theme = theme_of(theme)
    field = _Field(points, labels, threshold, resolution)
    if losses is not None:
        check_names("losses", losses)
    neurons = _lines(lines)
    scored = field.score(predict)
    title = f"{scored.right} of {len(field.points)} points in the region of their class"
    canvas = _Canvas(field, scored, theme, losses)
    canvas.draw(scored, title)
    canvas.draw_lines(neurons)
    classes = len(scored.margins)
    return Plot(canvas.figure, f"decision boundary of {classes} classes: {title}", theme)


def decision_boundary_animation(
    frames: Iterable[tuple[str, Predict]],
    points: ArrayLike,
    labels: ArrayLike,
    *,
    threshold: float = 0.5,
    resolution: int = 100,
    seconds: float = 0.1,
    most_frames: int = 120,
    theme: str | Theme = "light",
) -> Animation:
    """The regions of a classifier while it learns, a frame for each ``(caption, predict)``.

    The pairs are taken one by one and each ``predict`` is called at once, so that a generator may
    train between them. Memory is limited: of more frames than ``most_frames`` every second one is
    dropped, as often as it takes. The first and the last are always there.

    Args:
        frames: a caption as ``"step 120"``, and a function as for :func:`decision_boundary`.
        points, labels, threshold, resolution: as for :func:`decision_boundary`.
        seconds: how long a frame is shown; at least 0.02, since browsers slow down what is faster.
        most_frames: frames to keep, besides the last one.
        theme: a name in :data:`viz.theme.THEMES`, or a Theme.

    Raises:
        ValueError, TypeError: if there is no frame, or something else does not fit.
        ImportError: if matplotlib is missing.

    >>> def training():
    ...     slope = -1.0
    ...     for step in range(3):
    ...         yield f"step {step}", lambda points: slope * points[:, 0] + points[:, 1]
    ...         slope += 1.0  # this is where a model would learn
    >>> decision_boundary_animation(training(), [[0, 0], [1, 1]], [0, 1], resolution=10)
    <Animation: decision boundary in 3 frames, from step 0 to step 2>
    """
    theme = theme_of(theme)
    field = _Field(points, labels, threshold, resolution)
    if not 0.02 <= seconds <= 60:
        raise ValueError(f"seconds must be from 0.02 to 60, got {seconds!r}")
    reel = _Reel(positive("most_frames", most_frames))
    canvas: _Canvas | None = None
    for caption, predict in frames:
        scored = field.score(predict, f"predict of {caption!r}")
        if canvas is None:
            canvas = _Canvas(field, scored, theme)
        reel.add(partial(canvas.frame, caption, scored))
    if canvas is None:
        raise ValueError("frames: expected at least one pair (caption, predict), got none")
    kept = reel.finish()
    count = f"{len(kept)} frame{'s' * (len(kept) > 1)}"
    description = f"decision boundary in {count}, from {kept[0].caption} to {kept[-1].caption}"
    return Animation(kept, canvas.figure, description, seconds)


class _Reel:
    """Frames at even distances, at most so many, and the last one.

    When it is full, every second frame is dropped, and from then on every second one is drawn.
    """

    def __init__(self, most: int) -> None:
        self._most, self._every, self._added = most, 1, 0
        self._frames: list[Frame] = []
        self._waiting: Callable[[], Frame] | None = None

    def add(self, draw: Callable[[], Frame]) -> None:
        """Take the next frame, which is drawn only if it is kept."""
        if len(self._frames) == self._most and self._is_due():
            del self._frames[1::2]
            self._every *= 2
        self._waiting = draw
        if self._is_due():
            self._draw(draw)
        self._added += 1

    def finish(self) -> list[Frame]:
        """All frames; the last one is drawn even if it was not due."""
        if self._waiting:
            self._draw(self._waiting)
        return self._frames

    def _is_due(self) -> bool:
        return self._added % self._every == 0

    def _draw(self, draw: Callable[[], Frame]) -> None:
        self._frames.append(draw())
        self._waiting = None


class _Scored(NamedTuple):
    """The scores of a classifier for the points and the places around them.

    Attributes:
        margins: shape (k, resolution, resolution). How far the score of each class is above the
            best of the other classes: its region is where that is positive.
        classes: of each point, from 0 to k - 1.
        right: how many of the points are in the region of their class.
    """

    margins: Floats
    classes: Labels
    right: int


class _Field:
    """Labelled points, and a grid of places around them where a classifier is asked."""

    def __init__(
        self, points: ArrayLike, labels: ArrayLike, threshold: float, resolution: int
    ) -> None:
        self.points = numbers("points", points, "count", 2)
        self.labels = whole_numbers("labels", labels, len(self.points))
        if not isinstance(threshold, int | float | np.number) or not np.isfinite(threshold):
            raise ValueError(f"threshold must be a finite number, got {threshold!r}")
        self.threshold = float(threshold)
        resolution = max(2, positive("resolution", resolution))
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        around = 0.12 * np.where(high > low, high - low, 8.0)
        self.x, self.y = np.linspace(low - around, high + around, resolution).T
        grid = np.stack(np.meshgrid(self.x, self.y), axis=-1).reshape(-1, 2)
        self._places = np.concatenate([self.points, grid])

    def score(self, predict: Predict, name: str = "predict") -> _Scored:
        count, n = len(self.points), len(self._places)
        given = array_of(name, predict(self._places.copy()))
        if given.ndim not in (1, 2) or len(given) != n or not given.size:
            raise ValueError(
                f"{name}: expected scores in shape ({n},) or ({n}, classes) for {n} points, got "
                f"shape {given.shape}"
            )
        scores = numbers(name, given.reshape(n, -1), n, "classes")
        if scores.shape[1] == 1:
            above = scores[:, 0] - self.threshold
            margins, winners = np.stack([-above, above]), (above >= 0).astype(int)
            classes = _binary_classes(self.labels)
        else:
            margins, winners = _margins(scores), scores.argmax(axis=1)
            classes = _classes(self.labels, len(margins))
        side = len(self.x)
        return _Scored(
            margins[:, count:].reshape(-1, side, side),
            classes,
            int(np.sum(winners[:count] == classes)),
        )


def _margins(scores: Floats) -> Floats:
    two_best = np.sort(scores, axis=1)[:, -2:]
    is_best = scores == two_best[:, 1:]
    best_other = np.where(is_best, two_best[:, :1], two_best[:, 1:])
    margins: Floats = (scores - best_other).T
    return margins


def _binary_classes(labels: Labels) -> Labels:
    """0 and 1, for labels that are 0 and 1 or else -1 and 1."""
    present = set(labels.tolist())
    if present <= {-1, 1}:
        return (labels + 1) // 2
    if not present <= {0, 1}:
        raise ValueError(
            f"labels: expected 0 and 1, or -1 and 1, for one score, got {sorted(present)}; for "
            "more classes predict must give a score for each"
        )
    return labels


def _classes(labels: Labels, count: int) -> Labels:
    if labels.min() < 0 or labels.max() >= count:
        raise ValueError(
            f"labels: expected 0 to {count - 1} for {count} scores, got {labels.min()} to "
            f"{labels.max()}"
        )
    return labels


class _Canvas:
    """A figure with the points, on which regions are drawn, again and again for an animation."""

    def __init__(
        self,
        field: _Field,
        scored: _Scored,
        theme: Theme,
        losses: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        self._field, self._theme = field, theme
        self._colors = class_colors(theme, len(scored.margins))
        self._regions: list[ContourSet] = []
        with settings(theme):
            self.figure = new_figure(6.0 if losses is None else 9.0, 4.8 if losses is None else 4.2)
            self._axes: Axes = self.figure.add_subplot(1, 1 if losses is None else 2, 1)
            if losses is not None:
                _draw_losses(self.figure.add_subplot(1, 2, 2), losses, theme)
            self._axes.set(
                xlim=(field.x[0], field.x[-1]),
                ylim=(field.y[0], field.y[-1]),
                xlabel="x₁",
                ylabel="x₂",
            )
            self._draw_points(scored.classes)
            self._draw_legend(is_below=losses is not None)
            self._axes.set_title("room for a title")
            arrange(self.figure)  # now, so that nothing moves from frame to frame

    def _draw_points(self, classes: Labels) -> None:
        markers = class_markers(len(self._colors))
        names = dict(zip(classes.tolist(), self._field.labels.tolist(), strict=True))
        for c in sorted(names):
            x, y = self._field.points[classes == c].T
            self._axes.scatter(
                x,
                y,
                s=34,
                marker=markers[c],
                color=self._colors[c],
                edgecolors=self._theme.background,
                linewidths=0.8,
                label=str(names[c]),
                zorder=3,
            )

    def _draw_legend(self, is_below: bool) -> None:
        handles, names = self._axes.get_legend_handles_labels()
        if is_below:
            names = [f"class {name}" for name in names]
            self.figure.legend(handles, names, loc="outside lower left", ncols=10)
        else:
            self.figure.legend(handles, names, loc="outside right upper", title="class")

    def draw(self, scored: _Scored, title: str) -> None:
        """Regions and boundaries in place of those before."""
        for region in self._regions:
            region.remove()
        self._regions.clear()
        with settings(self._theme):
            self._axes.set_title(allowed(title))
            colors = region_colors(self._theme, len(scored.margins))
            for margin, color in zip(scored.margins, colors, strict=True):
                if margin.max() > 0:
                    self._fill(margin, color)
            two_are_one_line = len(scored.margins) == 2
            for margin in scored.margins[: 1 if two_are_one_line else None]:
                if margin.min() < 0 < margin.max():
                    self._outline(margin)

    def draw_lines(self, lines: Sequence[tuple[Floats, float]]) -> None:
        """The line of each neuron, with its normal."""
        if not lines:
            return
        with settings(self._theme):
            self._axes.set_aspect("equal")  # else a normal would not look like one
            self._axes.autoscale(False)
            for w, b in lines:
                self._draw_line(w, b)

    def _draw_line(self, w: Floats, b: float) -> None:
        length = float(np.hypot(*w))
        if length == 0:
            return  # nowhere, or everywhere
        middle = np.array([self._field.x.mean(), self._field.y.mean()])
        normal = w / length
        foot = middle - normal * (w @ middle + b) / length
        tip = foot + normal * min(length, 0.2 * np.ptp(self._field.y))
        along = foot + np.array([-normal[1], normal[0]])
        ink = self._theme.ink
        self._axes.axline(foot, along, color=ink, lw=1.3, ls="--", zorder=2)
        arrow = {"arrowstyle": "-|>", "color": ink, "lw": 2.0, "shrinkA": 0, "shrinkB": 0}
        self._axes.annotate("", tip, foot, arrowprops=arrow, zorder=4)

    def _fill(self, margin: NDArray[np.float64], color: str) -> None:
        levels = [0.0, 2 * margin.max()]
        x, y = self._field.x, self._field.y
        self._regions.append(self._axes.contourf(x, y, margin, levels, colors=[color], zorder=0))

    def _outline(self, margin: NDArray[np.float64]) -> None:
        x, y, ink = self._field.x, self._field.y, self._theme.ink
        self._regions.append(
            self._axes.contour(x, y, margin, [0.0], colors=[ink], linewidths=1.3, zorder=1)
        )

    def frame(self, caption: str, scored: _Scored) -> Frame:
        """The regions as a frame, with the caption and the accuracy above it."""
        accuracy = scored.right / len(self._field.points)
        self.draw(scored, f"{caption}: {accuracy:.1%} right")
        with settings(self._theme):
            return Frame(caption, self._image())

    def _image(self) -> Image:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from PIL import Image

        canvas: Any = FigureCanvasAgg(self.figure)  # it has no types
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        return image.quantize(256, dither=Image.Dither.NONE)


def _lines(given: Iterable[tuple[ArrayLike, float]]) -> list[tuple[Floats, float]]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise TypeError(f"lines: expected a list of pairs (w, b), got {given!r:.60}")
    return [_line(i, line) for i, line in enumerate(given)]


def _line(i: int, given: tuple[ArrayLike, float]) -> tuple[Floats, float]:
    """The normal of a line and its offset."""
    if not isinstance(given, list | tuple) or len(given) != 2:
        raise TypeError(f"lines: expected pairs (w, b), got {given!r:.60}")
    (b,) = numbers(f"offset of line {i}", [given[1]], 1)
    return numbers(f"normal of line {i}", given[0], 2), float(b)


def _draw_losses(axes: Axes, losses: Mapping[str, ArrayLike], theme: Theme) -> None:
    """Curves by epoch; ticks have a fixed width, so that nothing moves while a model learns."""
    colors = [theme.value, theme.gradient, *class_colors(theme, 10)[2:]]
    styles: Sequence[str] = ("-", "--", "-.", ":")
    labels: list[str] = []
    for i, (name, given) in enumerate(losses.items()):
        curve = numbers(f"losses {name!r}", given, "epochs", finite=False)
        epochs, mark = range(1, len(curve) + 1), "o" if len(curve) == 1 else ""
        labels.append(f"{name} {curve[-1]:.3f}")
        axes.plot(epochs, curve, styles[i % 4], color=colors[i % 10], marker=mark)
    axes.set(xlabel="epoch", title="loss", ylim=(0, None))
    axes.yaxis.set_major_formatter("{x:.2f}")
    axes.locator_params(axis="x", integer=True)
    axes.grid()
    axes.legend(axes.lines, labels, loc="upper right")
