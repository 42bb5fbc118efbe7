"""live, sliders: pictures with controls, which change while one looks at them in a notebook."""

from __future__ import annotations

import asyncio
import base64
import copy
import html
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from autodiff.graph import Value
from viz.draw import draw, graph_of
from viz.mime import PLAIN, page_width, sizes

_PAUSE = 0.02
"""Seconds between frames, in which the notebook hears of buttons and sliders."""
_MOST_SLIDERS = 20
_MOST_IN_A_COLUMN = 4
_STEPS = 100
"""Into which a slider's range is divided."""
_PAGE = "text/html"
_FORMATS = {"image/svg+xml": "svg+xml", "image/png": "png"}


def live(show: Callable[..., Any], /, *, frames: int = 1, **controls: Any) -> Live:
    """What a function shows, with a control for each of its arguments.

    A generator function shows one frame after another, as a model that learns does: it gets buttons
    to play, to take one step and to start again.

    Args:
        show: returns, or yields, what is to be seen: a picture, a plot, a text, or a list of these;
            or a function without arguments that makes it, which is called if it is to be shown.
        frames: how many frames of a generator are taken before the first is shown, at least 1.
        controls: for each argument of ``show`` what ipywidgets makes a control of: a number,
            ``(low, high)`` or ``(low, high, step)`` for a slider, True or False for a box to tick,
            a list or a dict to choose from, a text, or a widget. An argument's default is its first
            value, and enough for a number, a text, True or False.

    Raises:
        ImportError: if ipywidgets is missing, from the ``notebooks`` extra.
        TypeError: if ``show`` is no function, or has no argument of a control's name.
        ValueError: if an argument has neither a control nor a default.

    >>> def square(x=3.0):
    ...     x = Value(x, "x")
    ...     return draw(x * x)
    >>> live(square, x=(0.0, 10.0))
    <Live: square, with x>
    """
    if not callable(show):
        raise TypeError(
            f"live() expected a function that returns a picture, got {type(show).__name__}; "
            "sliders for the leaves of a graph: viz.sliders(value)"
        )
    if not isinstance(frames, int) or frames < 1:
        raise ValueError(f"frames must be a whole number, at least 1, got {frames!r}")
    return Live(show, _controls(show, controls), getattr(show, "__name__", "function"), frames)


def sliders(
    value: Any,
    leaves: Mapping[Value, tuple[float, ...]] | Iterable[Value] | None = None,
    *,
    low: float = -5.0,
    high: float = 5.0,
    **options: Any,
) -> Live:
    """The picture of a graph, with a slider for each of its leaves.

    The graph is replayed; the leaves themselves keep their numbers.

    Args:
        value: a Value, several Values or a Graph.
        leaves: which leaves get a slider, all without it; or a dict from them to ``(low, high)`` or
            ``(low, high, step)``. At most 20.
        low, high: the range of a slider that is given none; wider, if the leaf is outside.
        options: as for :func:`viz.draw`.

    Raises:
        ImportError: if ipywidgets is missing, from the ``notebooks`` extra.
        KeyError: if a value is not a leaf of the graph.
        ValueError: if there are too many leaves, or a range is none.

    >>> x, y = Value(-2.0, "x"), Value(5.0, "y")
    >>> sliders(x * y, {x: (-3, 3)}, view="backward")
    <Live: n2, with x>
    """
    graph = copy.copy(graph_of(value))
    ranges = leaves if isinstance(leaves, Mapping) else {}
    moved = list(graph.leaves if leaves is None else leaves)
    if len(moved) > _MOST_SLIDERS:
        raise ValueError(
            f"expected at most {_MOST_SLIDERS} leaves, got {len(moved):,}; say which of them get a "
            "slider: viz.sliders(value, [x, y])"
        )
    for leaf in moved:
        if leaf not in graph.leaves:
            raise KeyError(f"{leaf!r} is not a leaf of this graph, and cannot be moved")
    names = {graph.id(leaf): leaf for leaf in moved}
    controls = {
        name: _slider(
            leaf.name or name, float(graph.value(leaf).real), ranges.get(leaf, (low, high))
        )
        for name, leaf in names.items()
    }

    def show(**numbers: float) -> Any:
        graph.forward({names[name]: number for name, number in numbers.items()})
        return draw(graph, **options)

    output = graph.outputs[0]
    return Live(show, controls, output.name or graph.id(output))


class Live:
    """A picture with its controls, alive in a notebook; elsewhere the picture alone.

    Attributes:
        controls: the widgets by the names of the arguments.
        widget: all of it, to be put into a box with others.
        shown: what is on display: the function's result, or the generator's last frame.
    """

    def __init__(
        self, show: Callable[..., Any], controls: Mapping[str, Any], name: str, frames: int = 1
    ) -> None:
        self._show, self._name, self._frames = show, name, frames
        self._is_film = inspect.isgeneratorfunction(show)
        self._film: Iterator[Any] = iter(())
        self._playing: asyncio.Task[None] | None = None
        self._screen = _Screen()
        self.controls = dict(controls)
        self.shown: Any = None
        widgets = _ipywidgets()
        self._play = widgets.ToggleButton(description="Play", icon="play", tooltip="play or pause")
        self._step = widgets.Button(description="Step", icon="step-forward")
        self._again = widgets.Button(description="Start again", icon="refresh")
        buttons = [widgets.HBox([self._play, self._step, self._again])] if self._is_film else []
        panel = _columns(list(self.controls.values()))
        self.widget = widgets.VBox([panel, *buttons, self._screen.box])
        self._start()
        self._listen()

    def _listen(self) -> None:
        for control in self.controls.values():
            control.observe(lambda _: self._guarded(self._start), names="value")
        self._play.observe(lambda change: self._set_playing(change["new"]), names="value")
        self._step.on_click(lambda _: self._guarded(self._advance))
        self._again.on_click(lambda _: self._guarded(self._start))

    def _start(self) -> None:
        """Show what belongs to the present values of the controls."""
        result = self._show(**{name: control.value for name, control in self.controls.items()})
        if self._is_film:
            self._film = iter(result)
            self._play.disabled = self._step.disabled = False
            self._advance(self._frames)
        else:
            self._put(result)

    def _advance(self, count: int = 1) -> None:
        """Take some frames, and show the last."""
        frame = None
        for _ in range(count):
            following = next(self._film, _END)
            if following is _END:
                self._play.value, self._play.disabled, self._step.disabled = False, True, True
                break
            frame = following
        if frame is not None:
            self._put(frame)

    def _put(self, result: Any) -> None:
        self.shown = result = result() if callable(result) else result
        self._screen.show(result)

    def _guarded(self, act: Callable[[], None]) -> None:
        """A function that fails at some value of a slider says so in the picture's place."""
        try:
            act()
        except Exception as error:  # a traceback from a callback would be seen by nobody
            notes = getattr(error, "__notes__", ())
            self._play.value = False
            self._put("\n".join([f"{type(error).__name__}: {error}", *notes]))

    def _set_playing(self, playing: bool) -> None:
        self._play.description, self._play.icon = (
            ("Pause", "pause") if playing else ("Play", "play")
        )
        if playing and (self._playing is None or self._playing.done()):
            self._playing = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while self._play.value:
            self._guarded(self._advance)
            await asyncio.sleep(_PAUSE)

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The widget, and for those who show no widgets the first picture and the texts."""
        bundle = {
            **self.widget._repr_mimebundle_(),
            **self._screen.picture,
            PLAIN: self._screen.text or repr(self),
        }
        shown = {
            kind: content
            for kind, content in bundle.items()
            if kind in (include or bundle) and kind not in (exclude or ())
        }
        return shown, sizes(shown)

    def __repr__(self) -> str:
        names = ", ".join(control.description for control in self.controls.values())
        return f"<Live: {self._name}, with {names}>" if names else f"<Live: {self._name}>"


_END = object()


class _Screen:
    """Widgets that show pictures and texts, the same ones again and again, so nothing flickers.

    Attributes:
        box: the widget around them.
        picture: the first picture, as a notebook stores it: its format and its content.
        text: all the texts.
    """

    def __init__(self) -> None:
        self.box = _ipywidgets().VBox([])
        self._kinds: list[str] = []
        self.picture: dict[str, str] = {}
        self.text = ""

    def show(self, result: Any) -> None:
        parts = result if isinstance(result, list | tuple) else [result]
        bundles = [_bundle(part) for part in parts if part is not None]
        best = [_best(bundle) for bundle in bundles]
        kinds = [kind for kind, _ in best]
        if kinds != self._kinds:
            self.box.children = [_widget(kind) for kind in kinds]
            self._kinds = kinds
        for widget, (kind, content) in zip(self.box.children, best, strict=True):
            widget.value = _as_value(kind, content)
            if kind == "image/png":
                pixels = page_width(bytes(widget.value))
                widget.layout.width = f"{pixels}px" if pixels else None
        pictures = [(kind, b[kind]) for b in bundles for kind in _FORMATS if kind in b]
        self.picture = dict(pictures[:1])
        self.text = "\n".join(content for kind, content in best if kind == PLAIN)


def _bundle(part: Any) -> dict[str, str]:
    """Something in all the formats in which it can be shown."""
    if hasattr(part, "_repr_mimebundle_"):
        shown = part._repr_mimebundle_()
        return dict(shown[0] if isinstance(shown, tuple) else shown)
    return {PLAIN: part if isinstance(part, str) else repr(part)}


def _best(bundle: Mapping[str, str]) -> tuple[str, str]:
    """The best of the formats, with its content: a page, a picture, or else a text."""
    kind = next((kind for kind in (_PAGE, *_FORMATS) if kind in bundle), PLAIN)
    return kind, bundle[kind]


def _widget(kind: str) -> Any:
    widgets = _ipywidgets()
    if kind not in _FORMATS:
        return widgets.HTML()
    layout = widgets.Layout(max_width="100%", align_self="flex-start")
    return widgets.Image(format=_FORMATS[kind], layout=layout)


def _as_value(kind: str, content: str) -> str | bytes:
    """The content as the widget for its format wants it."""
    if kind == PLAIN:
        return f'<pre style="white-space: pre-wrap">{html.escape(content)}</pre>'
    if kind == _PAGE:
        return content
    return content.encode() if kind == "image/svg+xml" else base64.b64decode(content)


def _columns(controls: list[Any]) -> Any:
    """The controls in one column; many in two, so that the picture stays in sight."""
    widgets = _ipywidgets()
    half = -(-len(controls) // 2)
    columns = (
        [controls[:half], controls[half:]] if len(controls) > _MOST_IN_A_COLUMN else [controls]
    )
    return widgets.HBox([widgets.VBox(column) for column in columns])


def _controls(show: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A widget for each argument of a function, by its name."""
    parameters = inspect.signature(show).parameters
    unknown = [name for name in given if name not in parameters]
    if unknown:
        has = ", ".join(parameters) or "none"
        raise TypeError(f"the function has no argument {unknown[0]}; its arguments: {has}")
    return {
        name: _control(name, given.get(name, parameter.default), parameter.default)
        for name, parameter in parameters.items()
    }


def _control(name: str, wanted: Any, default: Any) -> Any:
    widgets = _ipywidgets()
    if wanted is inspect.Parameter.empty:
        raise ValueError(f"argument {name} needs a control, as {name}=(0.0, 1.0), or a default")
    control = widgets.interactive.widget_from_abbrev(wanted, default)
    if control is None:
        raise ValueError(
            f"argument {name}: expected a number, (low, high), a list of choices, True or False, a "
            f"text or a widget, got {wanted!r:.60}"
        )
    is_chosen = wanted is default or default is inspect.Parameter.empty
    if not is_chosen and not isinstance(wanted, widgets.Widget) and control.value != default:
        raise ValueError(f"argument {name}: the default {default!r} is not within {wanted!r:.60}")
    control.description = control.description or name.replace("_", " ")
    control.style.description_width = "initial"
    return control


def _slider(description: str, number: float, span: tuple[float, ...]) -> Any:
    low, high, *step = span
    low, high = min(low, number), max(high, number)
    if not low < high:
        raise ValueError(f"{description}: expected a range (low, high), got {span}")
    return _ipywidgets().FloatSlider(
        value=number,
        min=low,
        max=high,
        step=step[0] if step else (high - low) / _STEPS,
        description=description,
    )


def _ipywidgets() -> Any:
    try:
        import ipywidgets
    except ImportError:
        raise ImportError(
            "sliders and buttons need ipywidgets: pip install ipywidgets (in a checkout: "
            'pip install ".[notebooks]")'
        ) from None
    return ipywidgets
