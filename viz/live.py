"""live, sliders: pictures with controls, which change while one looks at them in a notebook."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import inspect
import operator
import os
import weakref
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from autodiff.graph import Value
from viz.controls import controls_for, in_columns, ipywidgets, slider
from viz.draw import draw
from viz.mime import PLAIN, sizes, wanted
from viz.screen import Screen
from viz.subject import graph_of

_PAUSE = 0.02
"""Seconds between frames, in which the notebook hears of buttons and sliders."""
_MOST_SLIDERS = 20
_NOTHING = "There is nothing to show: the generator yielded nothing."


def live(show: Callable[..., Any], /, *, frames: int = 1, **controls: Any) -> Live:
    """Show the picture that a function returns, with a control for each of its arguments.

    A generator function shows one frame after another, as a model that learns does: it gets buttons
    to play, to take one step and to start again.

    Args:
        show: returns, or yields, what is to be seen: a picture, a plot, a text, or a list of these;
            or a function without arguments that makes it, which is called if it is to be shown.
        frames: how many frames of a generator are taken before the first is shown, at least 1.
        controls: for each argument of ``show`` what ipywidgets makes a control of: a number,
            ``(low, high)`` or ``(low, high, step)`` for a slider, True or False for a box to tick,
            a list or a dict to choose from, a text, or a widget. An argument's default is its first
            value, and enough for a number, a text, True or False; a value that is given takes its
            place.

    Raises:
        ImportError: if ipywidgets is missing, from the ``notebooks`` extra.
        TypeError: if ``show`` is no function, or an async one, if it has no argument of a control's
            name, or one that cannot be passed by its name.
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
    made = controls_for(show, controls, reserved="frames")
    return Live(show, made, getattr(show, "__name__", "function"), _count(frames))


def sliders(
    value: Any,
    leaves: Mapping[Value, tuple[float, ...]] | Iterable[Value] | Value | None = None,
    *,
    low: float = -5.0,
    high: float = 5.0,
    **options: Any,
) -> Live:
    """The picture of a graph, with a slider for each of its leaves.

    The graph is replayed; the leaves themselves keep their numbers.

    Args:
        value: a Value, several Values or a Graph.
        leaves: which leaf or leaves get a slider, all without it; or a dict from them to
            ``(low, high)`` or ``(low, high, step)``. At most 20.
        low, high: the range of a slider that is given none; wider, if the leaf is outside.
        options: as for :func:`viz.draw`.

    Raises:
        ImportError: if ipywidgets is missing, from the ``notebooks`` extra.
        KeyError: if a value is not a leaf of the graph.
        TypeError: if a leaf that is to be moved is no float, but a Fraction for instance.
        ValueError: if there are too many leaves, or a leaf or a range is not finite, or a range
            does not go from a number to a larger one; or if the nodes are of a class of your own.

    >>> x, y = Value(-2.0, "x"), Value(5.0, "y")
    >>> sliders(x * y, {x: (-3, 3)}, view="backward")
    <Live: n2, with x>
    """
    graph = copy.copy(graph_of(value))
    if not graph.is_replayable:
        raise ValueError(
            "expected Values, got nodes of a class of your own, whose rules are not known here; "
            "give viz.live(...) a function that computes and draws them"
        )
    ranges = leaves if isinstance(leaves, Mapping) else {}
    leaves = [leaves] if isinstance(leaves, Value) else leaves
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
        name: slider(leaf.name or name, graph.value(leaf), ranges.get(leaf, (low, high)))
        for name, leaf in names.items()
    }

    def show(**numbers: float) -> Any:
        graph.forward({names[name]: number for name, number in numbers.items()})
        return draw(graph, **options)

    output = graph.outputs[0]
    return Live(show, controls, output.name or graph.id(output))


def _count(frames: Any) -> int:
    try:
        count = 0 if isinstance(frames, bool) else operator.index(frames)
    except TypeError:
        count = 0
    if count < 1:
        raise ValueError(f"frames must be a whole number, at least 1, got {frames!r}")
    return count


class Live:
    """A picture with its controls, alive in a notebook; elsewhere the picture alone.

    One plays at a time: another that begins to play, or is made, pauses it. So one whose cell runs
    again does not go on unseen.

    Attributes:
        controls: the widgets by the names of the arguments.
        widget: all of it, to be put into a box with others.
        shown: what is on display: the function's result, or the generator's last frame.
    """

    _player: ClassVar[Live | None] = None

    def __init__(
        self, show: Callable[..., Any], controls: Mapping[str, Any], name: str, frames: int = 1
    ) -> None:
        self._show, self._name, self._frames = show, name, frames
        self._film = _Film(_no_frames())
        self._playing: asyncio.Task[None] | None = None
        self._screen = Screen()
        self.controls = dict(controls)
        self.shown: Any = None
        widgets = ipywidgets()
        self._play = widgets.ToggleButton(description="Play", icon="play", tooltip="play or pause")
        self._step = widgets.Button(description="Step", icon="step-forward")
        self._again = widgets.Button(description="Start again", icon="refresh")
        self._buttons = widgets.HBox([self._play, self._step, self._again])
        self._panel = in_columns(list(self.controls.values()))
        self.widget = widgets.VBox([])
        self._start()
        self._listen()

    def _listen(self) -> None:
        for control in self.controls.values():
            control.observe(lambda _: self._guarded(self._start), names="value")
        self._play.observe(lambda change: self._set_playing(change["new"]), names="value")
        self._step.on_click(lambda _: self._guarded(self._advance))
        self._again.on_click(lambda _: self._guarded(self._start))
        self.widget.observe(lambda _: self._end(), names="comm")  # it has none once it is closed

    def _start(self) -> None:
        """Show what belongs to the present values of the controls."""
        self._film.close()
        result = self._show(**{name: control.value for name, control in self.controls.items()})
        _refuse_async(result)
        is_film = inspect.isgenerator(result)
        buttons = [self._buttons] if is_film else []
        self.widget.children = [self._panel, *buttons, self._screen.box]
        if not is_film:
            self._play.value = False
            self._put(result)
            return
        self._pause_others()
        self._film = _Film(result)
        self._play.disabled = self._step.disabled = False
        if not self._advance(self._frames):
            self._put(_NOTHING)

    def _advance(self, count: int = 1) -> bool:
        """Take some frames, and show the last; whether there was one."""
        frame = None
        for _ in range(count):
            following = self._film.step()
            if following is _END:
                self._play.value, self._play.disabled, self._step.disabled = False, True, True
                break
            frame = following
        if frame is not None:
            self._put(frame)
        return frame is not None

    def _put(self, result: Any) -> None:
        self.shown = result = result() if callable(result) else result
        self._screen.show(result)

    def _guarded(self, act: Callable[[], Any]) -> None:
        """A function that fails at some value of a slider says so in the picture's place."""
        try:
            act()
        except Exception as error:  # a traceback from a callback would be seen by nobody
            self._play.value = False
            self._put(_said(error))

    def _set_playing(self, playing: bool) -> None:
        self._play.description, self._play.icon = (
            ("Pause", "pause") if playing else ("Play", "play")
        )
        if playing and (self._playing is None or self._playing.done()):
            self._guarded(self._begin)

    def _begin(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise RuntimeError("Play needs the event loop of a notebook; press Step") from None
        self._pause_others()
        self._playing = loop.create_task(self._run())

    async def _run(self) -> None:
        while self._play.value:
            self._guarded(self._advance)
            await asyncio.sleep(_PAUSE)

    def _pause_others(self) -> None:
        if Live._player not in (None, self):
            Live._player._play.value = False
        Live._player = self

    def _end(self) -> None:
        self._play.value = False
        self._guarded(self._film.close)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture on display to a file, as its own ``save`` does.

        Raises:
            TypeError: if what is on display is not one picture.
        """
        if not hasattr(self.shown, "save"):
            raise TypeError(
                f"save: expected one picture on display, got {type(self.shown).__name__}; "
                "what is there is in .shown"
            )
        saved: Path = self.shown.save(path)
        return saved

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The widget, and for those who show no widgets the first picture and the texts."""
        bundle = {
            **self.widget._repr_mimebundle_(),
            **self._screen.picture,
            PLAIN: self._screen.text or repr(self),
        }
        shown = {kind: bundle[kind] for kind in wanted(bundle, include, exclude)}
        return shown, sizes(shown)

    def __repr__(self) -> str:
        names = ", ".join(control.description for control in self.controls.values())
        return f"<Live: {self._name}, with {names}>" if names else f"<Live: {self._name}>"


_END = object()


class _Film:
    """A generator in a context of its own: no_grad() around its yields ends where it ends."""

    def __init__(self, frames: Generator[Any]) -> None:
        self._frames = frames
        self._context = contextvars.copy_context()
        self.close = weakref.finalize(self, self._context.run, frames.close)

    def step(self) -> Any:
        return self._context.run(next, self._frames, _END)


def _no_frames() -> Generator[Any]:
    yield from ()


def _refuse_async(result: Any) -> None:
    if inspect.isasyncgen(result) or inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()  # or Python warns that nobody awaited it
        raise TypeError(
            "live() expected a function that returns or yields what is to be seen, got an async "
            "one; write it with def instead of async def"
        )


def _said(error: Exception) -> str:
    try:
        lines = [f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())]
        return "\n".join(lines)
    except Exception:  # of its own __str__
        return f"{type(error).__name__}, whose message cannot be read"
