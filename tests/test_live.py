"""Pictures with controls: they follow their sliders and buttons, and say what goes wrong."""

from __future__ import annotations

import asyncio
import base64
import functools
import io
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import viz
from autodiff import Graph, Value, log, no_grad, scope
from viz import plots

widgets = pytest.importorskip("ipywidgets", reason="sliders are made by ipywidgets")
pytest.importorskip("pygraphviz", reason="a picture has to be laid out")
Image = pytest.importorskip("PIL.Image", reason="plots are drawn with matplotlib")

SVG, PNG, PLAIN = "image/svg+xml", "image/png", "text/plain"


def product_of_sum() -> tuple[Value, Value, Value, Value]:
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    f = (x + y) * z
    f.name = "f"
    return x, y, z, f


def run(actions: Coroutine[Any, Any, None]) -> None:
    """In a thread of its own: a browser of other tests may have left a loop in this one."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, actions).result()


def screen(live: viz.Live) -> list[widgets.Widget]:
    return list(live.widget.children[-1].children)


def button(live: viz.Live, description: str) -> widgets.Widget:
    row = live.widget.children[-2].children
    return next(button for button in row if button.description == description)


# ---------------------------------------------------------------------------------- sliders


def test_a_slider_for_each_leaf_moves_the_picture_and_leaves_the_leaves_alone() -> None:
    x, _, z, f = product_of_sum()
    live = viz.sliders(f)
    assert [control.description for control in live.controls.values()] == ["x", "y", "z"]
    (image,) = screen(live)
    before = bytes(image.value)
    live.controls["n0"].value = 1.0
    (same,) = screen(live)
    assert same is image, "a new widget would flicker"
    assert bytes(image.value) != before
    assert b">-24<" in bytes(image.value), "f = (1 + 5) (-4)"
    assert b">6<" in bytes(image.value), "the gradient of z is x + y"
    assert (x.data, f.data, z.grad) == (-2.0, -12.0, 0.0)


def test_what_is_on_display_is_saved(tmp_path: Path) -> None:
    _, _, _, f = product_of_sum()
    live = viz.sliders(f)
    path = live.save(tmp_path / "f.svg")
    assert path.read_text() == live.shown.svg
    with pytest.raises(TypeError, match="one picture on display, got list"):
        viz.live(lambda k=1: [viz.draw(f), k]).save(tmp_path / "two.svg")


def test_a_graph_that_is_shown_with_sliders_keeps_its_numbers() -> None:
    x, _, _, f = product_of_sum()
    graph = Graph(f)
    graph.forward({x: 3.0})
    live = viz.sliders(graph)
    assert live.controls["n0"].value == 3.0
    live.controls["n0"].value = 0.0
    assert (graph.value(x), graph.value(f)) == (3.0, -32.0)


def test_some_leaves_with_ranges_and_how_to_draw() -> None:
    x, y, _, f = product_of_sum()
    live = viz.sliders(f, {y: (0, 10, 0.5), x: (3, 4)}, view="derivatives")
    y_slider, x_slider = live.controls.values()
    assert (y_slider.min, y_slider.max, y_slider.step) == (0, 10, 0.5)
    assert (x_slider.min, x_slider.max) == (-2, 4), "wide enough for the leaf's own number"
    assert "derivatives" in live.shown.svg


def test_names_of_leaves_need_not_be_names_of_arguments() -> None:
    odd, unnamed = Value(1.0, "∂ x!"), Value(2.0)
    live = viz.sliders(odd * unnamed)
    assert [control.description for control in live.controls.values()] == ["∂ x!", "n1"]
    live.controls["n1"].value = 4.0
    assert ">4<" in live.shown.svg


def test_a_slider_that_leaves_the_domain_says_so_and_comes_back() -> None:
    x = Value(2.0, "x")
    live = viz.sliders(log(x))
    good = bytes(screen(live)[0].value)
    live.controls["n0"].value = -1.0
    (text,) = screen(live)
    assert "ValueError" in text.value
    assert "log" in text.value
    assert "x" in text.value
    live.controls["n0"].value = 2.0
    assert bytes(screen(live)[0].value) == good


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda x, f: viz.sliders(f, [Value(1.0, "w")]), KeyError, "not a leaf"),
        (lambda x, f: viz.sliders(f, [f]), KeyError, "not a leaf"),
        (lambda x, f: viz.sliders(f, {x: (-2, -2)}), ValueError, r"range \(low, high\)"),
        (lambda x, f: viz.sliders(sum(Value(1.0) for _ in range(30))), ValueError, "at most 20"),
        (lambda x, f: viz.sliders(3), TypeError, "expected a Value"),
        (lambda x, f: viz.sliders(f, view="sideways"), ValueError, "view"),
    ],
)
def test_sliders_refuses(call, error, said) -> None:  # type: ignore[no-untyped-def]
    x, _, _, f = product_of_sum()
    with pytest.raises(error, match=said):
        call(x, f)


def test_one_leaf_may_be_given_as_it_is() -> None:
    x, _, _, f = product_of_sum()
    assert list(viz.sliders(f, x).controls) == ["n0"]


@pytest.mark.parametrize(
    "span",
    [
        (0, float("inf")),
        (float("nan"), 1),
        (1, 2, 0),
        (1, 2, -1),
        (1, 2, 3, 4),
        (30, 20),
        (3,),
        3,
        "ab",
    ],
)
def test_a_range_goes_from_a_finite_number_to_a_larger_one(span) -> None:  # type: ignore[no-untyped-def]
    x, _, _, f = product_of_sum()
    with pytest.raises(ValueError, match=r"x: expected a range \(low, high\)"):
        viz.sliders(f, {x: span})


@pytest.mark.parametrize("number", [Decimal(2), Fraction(1, 2)])
def test_a_slider_moves_floats_alone(number) -> None:  # type: ignore[no-untyped-def]
    x = Value(number, "x")
    with pytest.raises(TypeError, match=f"x is a {type(number).__name__}"):
        viz.sliders(x * x)


def test_a_slider_needs_a_finite_leaf() -> None:
    x = Value(float("inf"), "x")
    with pytest.raises(ValueError, match="x: a slider needs a finite number, got inf"):
        viz.sliders(x + 1.0)


@pytest.mark.parametrize(
    ("number", "low", "high"),
    [
        (0.8, -3, 3),
        (0.1, 0.01, 1),
        (-2, -5, 5),
        (1 / 3, 0, 1),
        (0.0, 0, 1),
        (1e-9, 0, 1),
        (7, 0, 5),
    ],
)
def test_a_slider_starts_on_one_of_its_steps_or_a_browser_would_move_it(
    number: float, low: float, high: float
) -> None:
    x = Value(number, "x")
    in_range = [viz.live(lambda a=number: str(a), a=(low, high + 0.0))] if number <= high else []
    for live in [
        viz.sliders(x * x, {x: (low, high)}),
        viz.live(lambda a=number + 0.0: str(a)),
        *in_range,
    ]:
        (slider,) = live.controls.values()
        assert slider.value == number
        steps = (number - slider.min) / slider.step if isinstance(number, float) else 0
        assert steps == pytest.approx(round(steps), abs=1e-6)
        assert slider.step <= slider.max - slider.min


# ------------------------------------------------------------------------------------- live


@pytest.mark.parametrize(
    ("show", "given"),
    [
        (lambda a=1.0: repr(a), 2.0),
        (lambda a=True: repr(a), False),
        (lambda a="t": repr(a), "u"),
        (lambda a=1: repr(a), 50),
    ],
)
def test_a_value_that_is_given_takes_the_place_of_the_default(show, given) -> None:  # type: ignore[no-untyped-def]
    assert viz.live(show, a=given).shown == repr(given)


@pytest.mark.parametrize("as_dict", [False, True])
def test_arrays_may_be_chosen_and_be_defaults(as_dict: bool) -> None:
    arrays = [np.zeros(2), np.ones(2), np.ones(2)]

    def show(a=arrays[1]):  # type: ignore[no-untyped-def]
        return str([array is a for array in arrays].index(True))

    live = viz.live(show, a=dict(zip("abc", arrays, strict=True)) if as_dict else arrays)
    assert live.shown == "1"
    live.controls["a"].index = 2
    assert live.shown == "2"
    assert viz.live(lambda a: str(a), a=arrays).shown == "[0. 0.]"


def test_widgets_are_made_once_for_each_format_and_place() -> None:
    instances = sys.modules["ipywidgets.widgets.widget"]._instances
    picture = viz.draw(product_of_sum()[-1])
    live = viz.live(lambda n=0: ["text", picture, "text"] if n % 2 else picture, n=(0, 100))

    def turn() -> int:
        for n in (1, 2, 3, 4):
            live.controls["n"].value = n
        live.controls["n"].value = 0
        return len(instances)

    assert turn() == turn()


class Shown:
    """Something that a notebook shows by the methods that it is given."""

    def __init__(self, **methods: object) -> None:
        for name, content in methods.items():
            setattr(self, f"_repr_{name}_", lambda content=content: content)

    def __repr__(self) -> str:
        return "<Shown>"


DOT = b"\x89PNG dot"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        (Shown(mimebundle=None), "&lt;Shown&gt;"),
        (Shown(mimebundle={"text/markdown": "*a*"}), "&lt;Shown&gt;"),
        (Shown(mimebundle=None, html="<b>a</b>"), "<b>a</b>"),
        (Shown(html=None), "&lt;Shown&gt;"),
        (Shown(svg="<svg>"), b"<svg>"),
        (Shown(svg=("<svg>", {"a": 1})), b"<svg>"),
        (Shown(png=DOT), DOT),
        (Shown(png=base64.b64encode(DOT).decode()), DOT),
        (Shown(mimebundle={"image/png": DOT}), DOT),
        (Shown, "class"),
    ],
)
def test_what_notebooks_can_show_is_shown(part, value) -> None:  # type: ignore[no-untyped-def]
    (made,) = screen(viz.live(lambda: [part]))
    content = bytes(made.value) if isinstance(value, bytes) else made.value
    assert value == content if isinstance(value, bytes) else value in content


def test_a_widget_is_shown_as_it_is() -> None:
    inner = widgets.IntProgress(value=3)
    live = viz.live(lambda: ["progress", inner])
    assert screen(live)[1] is inner


class Positional:
    def __call__(self, x: float = 1.0, /) -> str:
        return str(x)


async def coroutine() -> str:
    return "never"


async def async_generator() -> AsyncIterator[str]:
    yield "never"


@pytest.mark.parametrize(
    ("show", "said"),
    [
        (Positional(), "by its name"),
        (lambda *numbers: "", r"by its name, which \*numbers"),
        (lambda **numbers: "", r"by its name, which \*\*numbers"),
        (lambda frames=1: "", "argument frames"),
        (dict, "does not say what its arguments are"),
        (coroutine, "async"),
        (async_generator, "async"),
    ],
)
def test_functions_whose_arguments_or_results_are_of_no_use_are_refused(show, said) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TypeError, match=said):
        viz.live(show)


@pytest.mark.parametrize("frames", [True, 0, -1, 1.0, "2"])
def test_frames_is_a_number_of_frames(frames) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="frames must be a whole number"):
        viz.live(counted, frames=frames)


def test_frames_may_be_a_numpy_integer() -> None:
    assert viz.live(counted, frames=np.int64(2)).shown == "frame 1"


class UnreadableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message")


def test_an_exception_without_a_message_is_said_too() -> None:
    def show(x=1.0):  # type: ignore[no-untyped-def]
        if x > 1.0:
            raise UnreadableError
        return "fine"

    live = viz.live(show, x=(0.0, 2.0))
    live.controls["x"].value = 2.0
    assert live.shown == "UnreadableError, whose message cannot be read"


def test_controls_are_made_from_ranges_defaults_and_choices() -> None:
    seen = []

    def show(eta, steps=3, title="hills", exact=False, kind="a"):  # type: ignore[no-untyped-def]
        seen.append((eta, steps, title, exact, kind))
        return f"{eta:.2f}"

    live = viz.live(show, eta=(0.0, 1.0), kind=["a", "b"])
    made = {name: type(control).__name__ for name, control in live.controls.items()}
    assert made == {
        "eta": "FloatSlider",
        "steps": "IntSlider",
        "title": "Text",
        "exact": "Checkbox",
        "kind": "Dropdown",
    }
    live.controls["kind"].value = "b"
    live.controls["eta"].value = 0.25
    assert seen[0][1:] == (3, "hills", False, "a")
    assert seen[-1] == (0.25, 3, "hills", False, "b")
    assert live.shown == "0.25"


def test_of_frames_that_are_not_shown_no_picture_is_made() -> None:
    made = []

    def film() -> Iterator[object]:
        for step in range(100):
            yield lambda step=step: made.append(step) or f"frame {step}"

    live = viz.live(film, frames=30)
    assert (live.shown, made) == ("frame 29", [29])
    button(live, "Step").click()
    assert (live.shown, made) == ("frame 30", [29, 30])
    assert viz.live(lambda: lambda: "made").shown == "made"


def test_pictures_plots_and_texts_are_shown_together() -> None:
    def show(x=2.0):  # type: ignore[no-untyped-def]
        value = Value(x, "x")
        matrix = plots.confusion_matrix([0, 1], [0, 1])
        return [viz.draw(value * value), matrix, f"{x} < 3 & so on", None, 7]

    live = viz.live(show)
    graph, matrix, text, seven = screen(live)
    assert (graph.format, matrix.format) == ("svg+xml", "png")
    assert bytes(matrix.value).startswith(b"\x89PNG")
    assert "2.0 &lt; 3 &amp; so on" in text.value
    assert ">7<" in seven.value


def test_a_plot_is_as_wide_as_its_figure_says_and_no_wider_than_the_page() -> None:
    plot = plots.function_curves({"f": ([0, 1], [0, 1])})
    (image,) = screen(viz.live(lambda: plot))
    inches = plot.figure.get_size_inches()[0]
    assert image.layout.width == f"{96 * inches:.0f}px"
    assert image.layout.max_width == "100%"


def test_a_png_without_a_resolution_has_its_own_width() -> None:
    class Dot:
        def _repr_mimebundle_(self) -> dict[str, str]:
            content = io.BytesIO()
            Image.new("L", (3, 2)).save(content, "png")
            return {"image/png": base64.b64encode(content.getvalue()).decode()}

    (image,) = screen(viz.live(Dot))
    assert image.layout.width is None


def test_elsewhere_its_first_picture_and_its_texts_are_shown() -> None:
    _, _, _, f = product_of_sum()
    bundle, _ = viz.sliders(f)._repr_mimebundle_()
    assert bundle[SVG] == viz.draw(f)._repr_mimebundle_()[SVG]
    assert bundle[PLAIN] == "<Live: f, with x, y, z>"
    assert "application/vnd.jupyter.widget-view+json" in bundle

    matrix = plots.confusion_matrix([0, 1], [0, 1])
    bundle, sizes = viz.live(lambda: [matrix, "all right"])._repr_mimebundle_([PNG, PLAIN])
    assert sizes == matrix._repr_mimebundle_()[1]
    assert bundle == {PNG: base64.b64encode(matrix.render()).decode(), PLAIN: "all right"}


def test_a_page_is_shown_alive_and_its_picture_elsewhere() -> None:
    _, _, _, f = product_of_sum()
    live = viz.live(lambda: viz.explore(f))
    assert "<iframe" in screen(live)[0].value
    assert live._repr_mimebundle_()[0][SVG].startswith("<svg")


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: viz.live(3), TypeError, "viz.sliders"),
        (lambda: viz.live(lambda x: x), ValueError, r"x=\(0.0, 1.0\)"),
        (lambda: viz.live(lambda x: x, y=3), TypeError, "no argument y; its arguments: x"),
        (lambda: viz.live(lambda x: x, x=object()), ValueError, "argument x: expected"),
        (lambda: viz.live(lambda x=5: x, x=(0, 1)), ValueError, "default 5 is not within"),
        (lambda: viz.live(lambda x=5.0: x, x=(10, 0)), ValueError, "argument x: expected a range"),
        (lambda: viz.live(lambda x: x, x=(0, float("inf"))), ValueError, "argument x: expected a"),
        (lambda: viz.live(lambda x: x, x=(0.0, 5e-324)), ValueError, "argument x: expected a"),
        (lambda: viz.live(lambda: 1, frames=0), ValueError, "frames"),
        (lambda: viz.live(lambda x=1: 1 / 0), ZeroDivisionError, "division"),
    ],
)
def test_live_refuses(call, error, said) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=said):
        call()


def test_without_ipywidgets_one_sentence_says_what_to_install() -> None:
    script = """
import sys
sys.modules["ipywidgets"] = None
import viz
from autodiff import Value
try:
    viz.sliders(Value(1.0, "x") * 2)
except ImportError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "pip install ipywidgets" in done.stdout
    assert done.stdout.count("\n") == 1


def test_many_controls_stand_in_two_columns() -> None:
    def show(a=1, b=2, c=3, d=4, e=5):  # type: ignore[no-untyped-def]
        return f"{a + b + c + d + e}"

    def columns(live: viz.Live) -> list[list[str]]:
        return [
            [c.description for c in column.children] for column in live.widget.children[0].children
        ]

    live = viz.live(show)
    assert columns(live) == [["a", "b", "c"], ["d", "e"]]
    live.controls["e"].value = 6
    assert live.shown == "16"
    assert columns(viz.sliders(product_of_sum()[-1])) == [["x", "y", "z"]]


# ------------------------------------------------------------------------------------- films


def counted(start: int = 0) -> Iterator[str]:
    for number in range(start, start + 5):
        yield f"frame {number}"


def test_a_generator_is_taken_step_by_step_and_starts_again() -> None:
    live = viz.live(counted, start=(0, 100))
    live.controls["start"].value = 0
    assert live.shown == "frame 0"
    button(live, "Step").click()
    button(live, "Step").click()
    assert live.shown == "frame 2"
    button(live, "Start again").click()
    assert live.shown == "frame 0"
    live.controls["start"].value = 10
    assert live.shown == "frame 10"


def test_some_frames_may_be_taken_at_first() -> None:
    live = viz.live(counted, frames=3)
    assert live.shown == "frame 2"
    assert viz.live(counted, frames=100).shown == "frame 4", "there are no more"


def test_at_the_end_there_is_nothing_to_play_until_it_starts_again() -> None:
    live = viz.live(counted, frames=5)
    step, play = button(live, "Step"), button(live, "Play")
    step.click()
    assert live.shown == "frame 4"
    assert step.disabled
    assert play.disabled
    button(live, "Start again").click()
    assert not step.disabled
    assert not play.disabled


def test_it_plays_to_the_end_and_can_be_paused() -> None:
    live = viz.live(counted)

    async def press_play_and_pause_at(frame: str | None) -> None:
        live._play.value = True
        while live._play.value:
            await asyncio.sleep(0)
            if live.shown == frame:
                live._play.value = False

    run(press_play_and_pause_at("frame 2"))
    assert live.shown == "frame 2"
    assert live._play.description == "Play"
    run(press_play_and_pause_at(None))
    assert live.shown == "frame 4"
    assert live._play.disabled


def test_pause_and_play_at_once_do_not_play_twice() -> None:
    live = viz.live(counted)

    async def press() -> None:
        for _ in range(3):
            live._play.value = True
            live._play.value = False
        live._play.value = True
        await asyncio.sleep(0)
        assert live.shown == "frame 1"
        live._play.value = False
        await asyncio.sleep(0.05)
        assert live.shown == "frame 1"

    run(press())


def test_a_generator_that_fails_stops_and_says_why() -> None:
    def diverging() -> Iterator[str]:
        yield "fine"
        raise OverflowError("the loss is too large")

    live = viz.live(diverging)
    button(live, "Step").click()
    assert live.shown == "OverflowError: the loss is too large"
    assert not live._play.value


def test_no_grad_and_scope_in_a_film_end_with_it() -> None:
    x = Value(3.0, "x")

    def film(n: int = 3) -> Iterator[str]:
        with no_grad(), scope("film"):
            for _ in range(n):
                yield str(len((x * x).parents))

    live = viz.live(film, frames=2, n=(1, 5))
    assert live.shown == "0", "nothing is recorded in the film"

    assert len((x * x).parents) == 2, "and everything outside"

    async def play() -> None:
        live._play.value = True
        while live._play.value:
            await asyncio.sleep(0)

    run(play())
    assert live.shown == "0"
    button(live, "Start again").click()
    live.controls["n"].value = 5
    assert live.shown == "0"
    assert len((x * x).parents) == 2


def test_a_film_that_is_left_is_ended_where_it_began() -> None:
    ended = []

    def film(n: int = 0) -> Iterator[str]:
        try:
            with no_grad():
                yield "one"
                yield "two"
        except ValueError as error:
            ended.append(error)
        finally:
            ended.append(n)

    live = viz.live(film, n=(0, 5))
    live.controls["n"].value = 1
    assert ended == [0]
    live.widget.close()
    assert ended == [0, 1]


def generator_of(count: int) -> Iterator[str]:
    return (f"frame {number}" for number in range(count))


@functools.wraps(counted)
def decorated(*args, **options):  # type: ignore[no-untyped-def]
    return counted(*args, **options)


class Film:
    def __call__(self, start: int = 0) -> Iterator[str]:
        yield from counted(start)


@pytest.mark.parametrize(
    "show",
    [decorated, Film(), lambda: generator_of(3), functools.partial(counted, 0)],
    ids=["decorated", "object", "expression", "partial"],
)
def test_a_film_is_what_returns_a_generator(show: Callable[..., object]) -> None:
    live = viz.live(show)
    assert live.shown == "frame 0"
    button(live, "Step").click()
    assert live.shown == "frame 1"


def test_a_film_without_frames_says_that_there_is_nothing_to_show() -> None:
    def film(n: int = 1) -> Iterator[str]:
        yield from map(str, range(n))

    live = viz.live(film, n=(0, 3))
    assert live.shown == "0"
    live.controls["n"].value = 0
    assert "nothing to show" in live.shown


def endless() -> Iterator[str]:
    while True:
        yield "frame"


@pytest.mark.parametrize(
    "end",
    [
        lambda live: live.widget.close(),
        lambda live: viz.live(counted),
        lambda live: setattr(viz.live(counted)._play, "value", True),
    ],
    ids=["closed", "made again", "another plays"],
)
def test_a_film_stops_playing_when_it_is(end: Callable[[viz.Live], object]) -> None:
    live = viz.live(endless)

    async def play() -> None:
        live._play.value = True
        task = live._playing
        await asyncio.sleep(0)
        end(live)
        assert task is not None
        await asyncio.wait_for(task, timeout=10)

    run(play())
    assert not live._play.value


def test_play_without_an_event_loop_says_what_to_do() -> None:
    live = viz.live(counted)
    with ThreadPoolExecutor(1) as threads:
        threads.submit(setattr, live._play, "value", True).result()
    assert "press Step" in live.shown
    assert (live._play.value, live._play.description) == (False, "Play")
