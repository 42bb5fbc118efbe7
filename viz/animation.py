"""animate: the forward pass and then the backward pass of a graph as a film."""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

from viz import raster
from viz.checks import check_seconds
from viz.files import save
from viz.mime import PNG, base64_of, film_page, mime_bundle
from viz.scene import Circle, Curve, Group, Polygon, Rectangle, Scene, Shape, Text
from viz.stage import Stage
from viz.steps import Rule, Step, WireKey
from viz.subject import Options, Subject
from viz.theme import Theme, theme_of
from viz.typography import width, wrapped

if TYPE_CHECKING:
    from PIL.Image import Image

_MOST_FRAMES = 300
_WIDEST = 1400
"""Of a film, in dots; a small one has two dots for each point, for screens of high density."""
_COLORS = 64
_ALIKE = 10
"""Colors whose red, green and blue differ by no more than this are the same in a film."""
_MARGIN, _LINE = 16, 21
_HEADING_SIZE, _RULE_SIZE, _TOTAL_SIZE = 12, 14, 12
_WIDEST_CAPTION = 480
"""Up to which a caption may be wider than the graph, in points."""
_MOST_RULES = 6
_HEADINGS = {"start": "Leaves", "forward": "Forward", "output": "Output", "backward": "Backward"}


def animate(
    value: Any,
    *,
    theme: str | Theme = "light",
    seconds_per_step: float = 1.5,
    **options: Unpack[Options],
) -> Animation:
    """A film in which values appear on the way forward, and gradients on the way back.

    Args:
        value: a Value, several Values or a Graph.
        theme: ``"light"``, ``"dark"``, ``"print"`` or a Theme.
        seconds_per_step: how long each gate is shown.
        options: fold, open, parameters, direction, number, limit and seconds as for
            :func:`viz.draw`; but ``limit`` is 100.

    Raises:
        TypeError: if there is no Value to show; a compiled function has no steps.
        ValueError: if an option is unknown, or the film would have more than 300 steps.

    >>> from autodiff import Value
    >>> x, y = Value(-2.0, "x"), Value(5.0, "y")
    >>> animate(x * y)
    <Animation: n2, 4 steps>
    """
    check_seconds("seconds_per_step", seconds_per_step)
    if not 0.02 <= seconds_per_step <= 60:
        raise ValueError(f"seconds_per_step must be from 0.02 to 60, got {seconds_per_step!r}")
    colors = theme_of(theme)
    subject = Subject.of("animate", value, options, limit=100)
    return Animation(Stage(subject, colors), colors, seconds_per_step)


class Animation:
    """A film that shows itself in a notebook and saves itself to a file."""

    def __init__(self, stage: Stage, theme: Theme, seconds_per_step: float) -> None:
        self._stage, self._theme = stage, theme
        self._milliseconds = round(1000 * seconds_per_step)
        if stage.step_count > _MOST_FRAMES:
            raise ValueError(
                f"a film of {stage.step_count:,} steps is too long, the most are {_MOST_FRAMES}; "
                "fold more of the graph, with fold='scopes' or limit=100, or use viz.explore"
            )

    @cached_property
    def scenes(self) -> list[Scene]:
        """A picture of every step, all of the same size.

        Raises:
            RendererNotFoundError: if there is no Graphviz.
            TimeoutError: if even the simplest picture takes too long to lay out.
        """
        return list(_Film(self._stage).scenes())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the film as .gif, or its last picture as .png, whole or not at all.

        Raises:
            ValueError: if the suffix is neither .gif nor .png.
            FileNotFoundError: if the folder does not exist.
            RendererNotFoundError: if there is no Graphviz.
            ImportError: if there is no typst, or no matplotlib.
        """
        return save(path, {"gif": lambda: self._gif, "png": self._png})

    def _png(self) -> bytes:
        return raster.to_png(self.scenes[-1], self._theme)

    @cached_property
    def _gif(self) -> bytes:
        points = raster.POINTS_PER_INCH
        dots = min(2 * points, round(points * _WIDEST / self.scenes[0].width))
        images = raster.to_images(self.scenes, self._theme, dots)
        durations = [self._milliseconds] * len(images)
        durations[-1] *= 3
        file = io.BytesIO()
        first, *rest = _with_one_palette(images, self._theme)
        first.save(
            file,
            format="GIF",
            save_all=True,
            append_images=rest,
            duration=durations,
            loop=0,
            optimize=False,
        )
        return file.getvalue()

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
        """Return the film, and its last picture for those who show no film: never a traceback."""
        formats = {"text/html": self._page, PNG: lambda: base64_of(self._png())}
        shown = mime_bundle(repr(self), formats, include, exclude)
        return shown, {PNG: {"width": self._width}} if PNG in shown else {}

    @property
    def _width(self) -> int:
        """Of the film on a page, in pixels: that of a picture of the same graph."""
        return round(self.scenes[0].width)

    def _page(self) -> str:
        return film_page(self._gif, self.scenes[0].description, self._width)

    def __repr__(self) -> str:
        return f"<Animation: {self._stage.called.output()}, {self._stage.step_count:,} steps>"


class _Run(NamedTuple):
    """Some text of a line, in one color."""

    text: str
    role: str
    size: int
    bold: bool = False


class _Film:
    """The scenes of one film: more and more is known, and the gate of the step is lit."""

    def __init__(self, stage: Stage) -> None:
        self.scene, self.steps = stage.scene, stage.steps
        texts = [str(rule) for step in self.steps for rule in step.rules]
        longest = max(width(text, _RULE_SIZE) for text in texts) + 2 * _MARGIN
        self.width = max(stage.scene.width, min(math.ceil(longest), _WIDEST_CAPTION))
        self.captions = [
            [self._heading(i), *self._rules(step)] for i, step in enumerate(self.steps)
        ]
        lines = max(map(len, self.captions))
        self.height = round(stage.scene.height + _LINE * lines + _MARGIN, 1)

    def scenes(self) -> Iterator[Scene]:
        values: set[str] = set()
        complete: set[str] = set()
        gradients: set[WireKey] = set()
        for step, caption in zip(self.steps, self.captions, strict=True):
            values.update(step.values)
            complete.update(step.complete)
            if step.phase != "forward":
                gradients.update(step.wires)
            groups = [
                _shown(group, step, values, gradients, complete) for group in self.scene.groups
            ]
            groups.append(Group("step", {}, list(self._texts(caption))))
            yield Scene(self.width, self.height, groups, self.scene.title, self.scene.description)

    def _heading(self, i: int) -> list[_Run]:
        heading = f"{_HEADINGS[self.steps[i].phase]} · {i} / {len(self.steps) - 1}"
        return [_Run(heading, "quiet", _HEADING_SIZE, bold=True)]

    def _rules(self, step: Step) -> Iterator[list[_Run]]:
        role = "value" if step.phase == "forward" else "gradient"
        few = len(step.rules) if len(step.rules) <= _MOST_RULES + 1 else _MOST_RULES
        for rule in step.rules[:few]:
            yield from self._lines(rule, role)
        if len(step.rules) > few:
            yield [_Run(f"and {len(step.rules) - few:,} more", "quiet", _TOTAL_SIZE)]

    def _lines(self, rule: Rule, role: str) -> Iterator[list[_Run]]:
        """A rule on one line if there is room, else its numbers on a line of their own."""
        room = self.width - 2 * _MARGIN
        if width(str(rule), _RULE_SIZE) <= room and rule.numbers:
            numbers = _Run(f"= {rule.numbers}", role, _RULE_SIZE)
            yield [_Run(rule.names, "ink", _RULE_SIZE), numbers]
        else:
            for line in wrapped(rule.names, _RULE_SIZE, room):
                yield [_Run(line, "ink", _RULE_SIZE)]
            for line in wrapped(f"= {rule.numbers}" if rule.numbers else "", _RULE_SIZE, room):
                yield [_Run(line, role, _RULE_SIZE)]
        for line in wrapped(rule.total, _TOTAL_SIZE, room):
            yield [_Run(line, "quiet", _TOTAL_SIZE)]

    def _texts(self, caption: Iterable[Sequence[_Run]]) -> Iterator[Text]:
        y = self.scene.height + _HEADING_SIZE
        for line in caption:
            x = float(_MARGIN)
            for text, role, size, bold in line:
                yield Text(text, x, y, role, size, "start", bold=bold)
                x += width(f"{text} ", size, bold=bold)  # XML drops a space at the beginning
            y += _LINE


def _shown(
    group: Group, step: Step, values: set[str], gradients: set[WireKey], complete: set[str]
) -> Group:
    """A part, a wire or a scope as it looks at this step."""
    data = group.data
    if group.kind == "wire":
        key = data["tail"], data["head"], int(data["slot"])
        is_lit = key in step.wires
        hidden = _hidden(data["tail"] in values, key in gradients)
    elif group.kind == "trunk":
        is_lit = any(tail == data["node"] for tail, _, _ in step.wires)
        hidden = _hidden(data["node"] in values, data["node"] in complete)
    else:
        is_lit = data.get("node") == step.part
        hidden = _hidden(True, True)
    shapes = [s for s in group.shapes if not (isinstance(s, Text) and s.role in hidden)]
    return Group(group.kind, data, [_lit(s) for s in shapes] if is_lit else shapes)


def _hidden(is_value_known: bool, is_gradient_known: bool) -> set[str]:
    """The roles of the texts that cannot be seen yet."""
    known = {"value": is_value_known, "gradient": is_gradient_known}
    return {role for role, is_known in known.items() if not is_known}


def _lit(shape: Shape) -> Shape:
    match shape:
        case Rectangle() | Circle():
            return shape._replace(stroke="highlight", stroke_width=2.4)
        case Curve():
            return shape._replace(role="highlight", stroke_width=max(2.4, shape.stroke_width))
        case Polygon():
            return shape._replace(role="highlight")
        case Text():
            return shape


def _with_one_palette(images: list[Image], theme: Theme) -> list[Image]:
    """The images in the same few colors, so that nothing flickers; those of the theme are exact."""
    from PIL import Image

    samples = images[:: max(1, len(images) // 6)] + images[-1:]
    wide, high = images[0].size
    sheet = Image.new("RGB", (wide, high * len(samples)))
    for i, sample in enumerate(samples):
        sheet.paste(sample, (0, i * high))
    found = sheet.quantize(_COLORS, dither=Image.Dither.NONE).getpalette() or []
    exact = _colors(theme)
    between = [
        color
        for color in _triples(found)
        if all(max(map(_distance, color, own)) > _ALIKE for own in exact)
    ]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for color in (*exact, *between) for part in color])
    return [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]


def _colors(theme: Theme) -> list[tuple[int, ...]]:
    """Red, green and blue of every color of a theme."""
    colors = theme.colors.values()
    return [tuple(bytes.fromhex(c[1:])) for c in colors if re.fullmatch("#[0-9a-fA-F]{6}", c)]


def _triples(numbers: Sequence[int]) -> list[tuple[int, ...]]:
    return [tuple(numbers[i : i + 3]) for i in range(0, len(numbers), 3)]


def _distance(one: int, other: int) -> int:
    return abs(one - other)
