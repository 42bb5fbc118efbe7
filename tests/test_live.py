"""Pictures with controls: they follow their sliders and buttons, and say what goes wrong."""

from __future__ import annotations

import asyncio
import base64
import io
import subprocess
import sys
from collections.abc import Iterator

import pytest

import viz
from autodiff import Graph, Value, log
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


# ------------------------------------------------------------------------------------- live


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

    asyncio.run(press_play_and_pause_at("frame 2"))
    assert live.shown == "frame 2"
    assert live._play.description == "Play"
    asyncio.run(press_play_and_pause_at(None))
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

    asyncio.run(press())


def test_a_generator_that_fails_stops_and_says_why() -> None:
    def diverging() -> Iterator[str]:
        yield "fine"
        raise OverflowError("the loss is too large")

    live = viz.live(diverging)
    button(live, "Step").click()
    assert live.shown == "OverflowError: the loss is too large"
    assert not live._play.value
