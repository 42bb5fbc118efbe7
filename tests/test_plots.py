"""Plots of training: what was put in is read back off what was drawn."""

from __future__ import annotations

import base64
import io
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autodiff import Value
from autodiff.training import Epoch, History
from viz import plots
from viz.theme import THEMES, Theme

matplotlib = pytest.importorskip("matplotlib", reason="plots need matplotlib")

from matplotlib.colors import to_hex, to_rgb  # noqa: E402
from PIL import Image  # noqa: E402

from viz.plots.page import ON_DARK, ON_LIGHT, class_colors, class_markers, contrast  # noqa: E402
from viz.plots.surface import evaluate  # noqa: E402

HISTORY = History(
    [Epoch(1.0, 0.5, 1.1, 0.4), Epoch(0.5, 0.8, 0.7, 0.7), Epoch(0.25, 0.9, 0.6, 0.75)]
)
GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.uniform(size=(12, 49))
LABELS = np.arange(12) % 10
POINTS = GENERATOR.normal(size=(30, 2))
SIDES = (POINTS[:, 0] > 0).astype(int)
TRACKS = {
    "SGD": np.array([[1.5, 1.0], [1.0, 0.5], [0.5, 0.25]]),
    "Adam": np.array([[1.5, 1.0], [0.0, 0.0]]),
}


SHARES = [[[1, 0, 0], [0.25, 0.75, 0], [0.5, 0.25, 0.25]], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]]
CURVES = {"2x": ([0, 1, 2], [0, 2, 4]), "1/x": ([0, 1, 2], [math.inf, 1, 0.5])}


def right_half(points: Any) -> Any:
    """The probability of class 1: above 0.5 where x is positive."""
    return 1 / (1 + np.exp(-4 * points[:, 0]))


def three_sectors(points: Any) -> Any:
    angles = np.array([0, 2, 4]) * math.pi / 3
    return points @ np.stack([np.cos(angles), np.sin(angles)])


def bowl(x: Any, y: Any) -> Any:
    return x**2 + 3 * y**2


def learning(steps: int) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """A boundary that moves to the right, in one model that changes after it was handed out."""
    model = {"offset": -1.0}
    for step in range(steps):
        yield f"step {step}", lambda points: points[:, 0] - model["offset"]
        model["offset"] += 1 / steps
    model["offset"] = math.nan


def every_plot(theme: Any = "light") -> dict[str, plots.Plot | plots.Animation]:
    sectors = three_sectors(POINTS).argmax(axis=1)
    return {
        "curves": plots.training_curves(HISTORY, theme=theme),
        "grid": plots.prediction_grid(IMAGES, LABELS, LABELS[::-1], theme=theme),
        "confusion": plots.confusion_matrix(LABELS, LABELS[::-1], theme=theme),
        "attention": plots.attention_map(SHARES, ".ab", theme=theme),
        "weights": plots.weight_images(IMAGES - 0.5, theme=theme),
        "binary": plots.decision_boundary(right_half, POINTS, SIDES, resolution=20, theme=theme),
        "classes": plots.decision_boundary(
            three_sectors, POINTS, sectors, resolution=20, theme=theme
        ),
        "animation": plots.decision_boundary_animation(
            learning(2), POINTS, SIDES, threshold=0, resolution=10, theme=theme
        ),
        "latent": plots.latent_scatter(POINTS, np.arange(30) % 10, theme=theme),
        "surface": plots.loss_surface(bowl, TRACKS, (-2, 2), (-1, 2), resolution=20, theme=theme),
        "functions": plots.function_curves(CURVES, points={"here": (1, 2)}, x="x", theme=theme),
    }


def texts(plot: plots.Plot) -> list[str]:
    return [text.get_text() for axes in plot.figure.axes for text in axes.texts]


def legend(plot: plots.Plot) -> list[str]:
    return [text.get_text() for text in plot.figure.legends[0].get_texts()]


# ------------------------------------------------------------------------------- what they all do


@pytest.mark.parametrize("theme", THEMES)
def test_every_plot_is_drawn_in_every_theme(theme: str, tmp_path: Path) -> None:
    for name, plot in every_plot(theme).items():
        image = Image.open(plot.save(tmp_path / f"{name}.png")).convert("RGB")
        corner = to_hex([part / 255 for part in image.getpixel((0, 0))])
        assert corner == THEMES[theme].background
        assert len(image.getcolors(maxcolors=image.width * image.height)) > 20


def test_the_same_plot_gives_the_same_bytes_whatever_was_drawn_before() -> None:
    starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "gif": b"GIF89a"}
    for (name, one), other in zip(every_plot().items(), every_plot().values(), strict=True):
        formats = ("gif", "png") if name == "animation" else ("png", "svg", "pdf")
        drawn = {format: one.render(format) for format in formats}
        for format in reversed(formats):
            assert drawn[format].startswith(starts[format])
            assert drawn[format] == other.render(format), f"{name} as {format}"


def test_the_file_says_what_it_shows_and_nothing_of_when_and_by_which_version() -> None:
    plot = plots.training_curves(HISTORY)
    svg = plot.render("svg").decode()
    assert "training of 3 epochs" in svg
    assert "dc:date" not in svg
    assert matplotlib.__version__ not in svg
    assert matplotlib.__version__.encode() not in plot.render("pdf")
    assert Image.open(io.BytesIO(plot.render("png"))).info["Title"] == plot.description


def test_in_a_notebook_a_plot_is_a_png_and_plain_text() -> None:
    plot = plots.confusion_matrix([0, 1], [0, 1])
    bundle, sizes = plot._repr_mimebundle_()
    assert sizes == {"image/png": {"width": round(96 * plot.figure.get_size_inches()[0])}}
    assert base64.b64decode(bundle["image/png"]) == plot.render("png")
    assert bundle["text/plain"] == repr(plot)
    assert set(plot._repr_mimebundle_(include=["text/plain"])[0]) == {"text/plain"}
    assert set(plot._repr_mimebundle_(exclude=["text/plain"])[0]) == {"image/png"}
    animation = plots.decision_boundary_animation(learning(1), POINTS, SIDES, resolution=5)
    assert set(animation._repr_mimebundle_()) == {"text/html", "image/png", "text/plain"}


def test_in_a_notebook_a_figure_that_cannot_be_drawn_is_one_line() -> None:
    plot = plots.confusion_matrix([0, 1], [0, 1])
    plot.figure.set_size_inches(1e-9, 1e-9)
    bundle, _ = plot._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert "cannot be drawn" in bundle["text/plain"]


def test_the_settings_of_matplotlib_do_not_matter_and_stay(tmp_path: Path) -> None:
    plain = plots.training_curves(HISTORY).render("svg")
    with matplotlib.rc_context({"lines.linewidth": 9, "font.family": "serif", "axes.grid": True}):
        before = dict(matplotlib.rcParams)
        assert plots.training_curves(HISTORY).render("svg") == plain
        assert dict(matplotlib.rcParams) == before
    assert (
        "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    )


def test_training_between_frames_sees_the_settings_of_its_own() -> None:
    seen = []

    def frames() -> Iterator[tuple[str, Callable[[Any], Any]]]:
        for step in range(2):
            seen.append(matplotlib.rcParams["svg.hashsalt"])
            yield str(step), right_half

    plots.decision_boundary_animation(frames(), POINTS, SIDES, resolution=5)
    assert seen == [None, None]


def test_a_dollar_sign_is_a_dollar_sign() -> None:
    plot = plots.confusion_matrix([0, 1], [1, 1], classes=["$", "$x^"])
    assert plot.render("svg")


def test_plots_come_with_viz_and_matplotlib_when_it_is_needed() -> None:
    code = "import sys, viz; viz.plots.bars; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.training_curves(HISTORY),
        lambda: plots.prediction_grid(IMAGES, LABELS, LABELS),
        lambda: plots.weight_images(IMAGES),
        lambda: plots.confusion_matrix(LABELS, LABELS),
        lambda: plots.decision_boundary(right_half, POINTS, SIDES),
        lambda: plots.decision_boundary_animation(learning(2), POINTS, SIDES),
        lambda: plots.latent_scatter(POINTS, SIDES),
        lambda: plots.loss_surface(bowl, TRACKS, (-1, 1), (-1, 1)),
        lambda: plots.function_curves(CURVES),
    ],
)
def test_without_matplotlib_there_is_one_sentence(
    draw: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"^plots need matplotlib; run: pip install matplotlib$"):
        draw()


def history(**lists: list[float]) -> Any:
    names = ("loss", "accuracy", "validation_loss", "validation_accuracy")
    return SimpleNamespace(**{name: [0.5] for name in names} | lists)


NAN = np.full((2, 2), math.nan)
BAD_INPUT: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: plots.training_curves(History()), ValueError, "no finished epoch"),
    (lambda: plots.training_curves(history(loss=[1.0, 2.0])), ValueError, "as many numbers"),
    (lambda: plots.training_curves(history(accuracy=[97.5])), ValueError, "share from 0 to 1"),
    (lambda: plots.training_curves(HISTORY, theme="drak"), ValueError, "theme must be one of"),
    (lambda: plots.prediction_grid(IMAGES, LABELS[:3], LABELS), ValueError, "expected 12, one"),
    (lambda: plots.prediction_grid(IMAGES, LABELS, LABELS[:3]), ValueError, "expected 12, one"),
    (lambda: plots.prediction_grid([[0] * 5], [1], [1]), ValueError, "square images, got 5"),
    (lambda: plots.prediction_grid([], [], []), ValueError, r"shape \(count, pixels\)"),
    (lambda: plots.prediction_grid([[1.5] * 4], [1], [1]), ValueError, "pixels from 0 to 1"),
    (lambda: plots.prediction_grid(NAN, [1, 1], [1, 1]), ValueError, "finite numbers, got nan"),
    (lambda: plots.prediction_grid(IMAGES, LABELS, LABELS, columns=0), ValueError, "at least 1"),
    (lambda: plots.weight_images(np.zeros(16)), ValueError, r"shape \(units, pixels\)"),
    (lambda: plots.weight_images([[1.0] * 4, [1.0] * 3]), ValueError, "ragged list"),
    (lambda: plots.weight_images([[Value(1.0)]]), TypeError, "got Value; pass their .data"),
    (lambda: plots.weight_images([[math.inf]]), ValueError, r"got inf at \[0, 0\]"),
    (lambda: plots.weight_images([["a"]]), TypeError, "expected numbers, got str"),
    (lambda: plots.weight_images(None), ValueError, "weights: expected numbers in shape"),  # type: ignore[arg-type]
    (lambda: plots.attention_map([[[1.0]]], "ab"), ValueError, r"shape \(heads, 2, 2\)"),
    (lambda: plots.attention_map([[[1.5]]], "a"), ValueError, "from 0 to 1, got 1.5 to 1.5"),
    (lambda: plots.confusion_matrix([0, 1], [0]), ValueError, "expected 2, one for each"),
    (lambda: plots.confusion_matrix([], []), ValueError, "one whole number for each example"),
    (lambda: plots.confusion_matrix([0.5], [0]), TypeError, "whole numbers, got 0.5"),
    (lambda: plots.confusion_matrix([-1], [0]), ValueError, "classes from 0 on, got -1"),
    (lambda: plots.confusion_matrix([0], [10**6]), ValueError, "at most 200 classes"),
    (lambda: plots.confusion_matrix([2], [0], ["a", "b"]), ValueError, "at least 3 names"),
    (lambda: plots.confusion_matrix([2], [0], "abc"), ValueError, "expected a list"),
    (lambda: plots.latent_scatter(IMAGES, LABELS), ValueError, r"shape \(count, 2\)"),
    (lambda: plots.latent_scatter(NAN, [0, 1]), ValueError, "and at 3 more places"),
    (lambda: plots.latent_scatter(POINTS, LABELS), ValueError, "expected 30, one for each"),
    (lambda: boundary(right_half, SIDES * 3), ValueError, "expected 0 and 1, or -1 and 1"),
    (lambda: boundary(three_sectors, SIDES * 3), ValueError, "expected 0 to 2 for 3 scores"),
    (lambda: boundary(lambda p: p[:-1], SIDES), ValueError, "predict: expected scores in shape"),
    (lambda: boundary(lambda p: [[1, 2], 3], SIDES), ValueError, "predict: expected rows of equal"),
    (lambda: boundary(lambda p: 0.5, SIDES), ValueError, "predict: expected scores in shape"),
    (lambda: boundary(lambda p: p[:, 0] * math.nan, SIDES), ValueError, "predict: expected fin"),
    (lambda: boundary(right_half, SIDES, threshold=math.nan), ValueError, "threshold must be"),
    (lambda: boundary(right_half, SIDES, resolution=0), ValueError, "resolution must be"),
    (lambda: boundary(right_half, SIDES, lines=[1.0]), TypeError, r"lines: expected pairs \(w, b"),
    (lambda: boundary(right_half, SIDES, lines=[([1.0], 0)]), ValueError, "normal of line 0"),
    (lambda: boundary(right_half, SIDES, lines=[([1, 1], math.inf)]), ValueError, "offset of line"),
    (lambda: boundary(right_half, SIDES, losses={"a": []}), ValueError, "losses 'a'"),
    (lambda: animation(iter([])), ValueError, "at least one pair"),
    (lambda: animation([("step 7", lambda p: p * math.nan)]), ValueError, "predict of 'step 7'"),
    (lambda: animation(learning(1), seconds=0), ValueError, "seconds must be"),
    (lambda: animation(learning(1), most_frames=0), ValueError, "most_frames must be a whole"),
    (lambda: surface(x_range=(1, 0)), ValueError, "x_range: expected two numbers, the lower one"),
    (lambda: surface(y_range=(0, math.inf)), ValueError, "y_range: expected finite"),
    (lambda: surface(tracks={"a": np.zeros((3, 3))}), ValueError, "track 'a': expected numbers"),
    (lambda: surface(tracks={"a": NAN}), ValueError, "track 'a': expected a finite start"),
    (lambda: surface(lambda x, y: math.log(-1)), ValueError, "it raised ValueError: math domain"),
    (lambda: surface(lambda x, y: None), TypeError, "function: expected one number"),
    (lambda: plots.function_curves({}), TypeError, "expected a dict from names"),
    (lambda: plots.function_curves([1, 2]), TypeError, "expected a dict from names"),  # type: ignore[arg-type]
    (
        lambda: plots.function_curves({"f": [1, 2, 3]}),
        TypeError,
        r"curve f: expected \(x, y\), got \[1, 2, 3",
    ),  # type: ignore[dict-item]
    (lambda: plots.function_curves({"f": ([1, 2], [1])}), ValueError, "curve f: .* got 1 and 2"),
    (lambda: plots.function_curves({"f": ([], [])}), ValueError, "curve f, x: expected numbers"),
    (lambda: plots.function_curves({1: ([1], [1])}), TypeError, "names that are strings, got 1"),  # type: ignore[dict-item]
    (lambda: plots.function_curves(CURVES, points=[(1, 2)]), TypeError, "points: expected a dict"),  # type: ignore[arg-type]
    (
        lambda: plots.function_curves(CURVES, limits=(1, 1)),
        ValueError,
        "lower one first, got 1 and",
    ),
    (lambda: plots.function_curves(CURVES, limits=(0, 1), log="y"), ValueError, "numbers above 0"),
    (lambda: plots.function_curves(CURVES, limits=(math.nan, 0)), ValueError, "limits: .*finite"),
    (lambda: plots.function_curves(CURVES, limits=(1, 2, 3)), ValueError, "limits: .*shape"),  # type: ignore[arg-type]
    (lambda: plots.function_curves(CURVES, title=None), TypeError, "title must be a string"),  # type: ignore[arg-type]
    (lambda: plots.function_curves({"f": ([0], [1e308])}), ValueError, r"up to 1e\+300 in size"),
    (
        lambda: plots.function_curves({"f": ([0], [0])}, log="y"),
        ValueError,
        "curve f: .* above 0",
    ),
    (
        lambda: plots.function_curves({"f": ([-1, 1], [1, -1])}, log="xy"),
        ValueError,
        "curve f: expected numbers above 0",
    ),
    (
        lambda: plots.function_curves({"f": ([1, 2], [1, 1e300])}, log="y"),
        ValueError,
        r"from 1e-200 to 1e\+200 along y, which is logarithmic, got 1 to 1e\+300",
    ),
    (
        lambda: plots.function_curves({"f": ([1], [1])}, points={"p": (1, -1)}, log="y"),
        ValueError,
        "point p: expected numbers above 0",
    ),
    (
        lambda: plots.function_curves({"f": ([0, 1], np.ma.masked_array([1, 99], [0, 1]))}),
        TypeError,
        r"curve f, y: expected a plain array, got a masked one; pass .filled",
    ),
    (lambda: boundary(right_half, SIDES, threshold="0"), ValueError, "threshold must be a finite"),
    (lambda: plots.image_grid([[0]], side=None), ValueError, "side must be a number of inches"),  # type: ignore[arg-type]
    (lambda: plots.image_grid([[0]], {"a"}), ValueError, "captions: expected a list of 1"),  # type: ignore[arg-type]
    (lambda: plots.function_curves(CURVES, points={"p": (1,)}), ValueError, "point p: .*shape"),  # type: ignore[dict-item]
    (lambda: plots.image_grid([[0]], title=None), TypeError, "title must be a string"),  # type: ignore[arg-type]
    (
        lambda: plots.image_grid([[0]] * 3, "abc"),
        ValueError,
        "captions: expected a list of 3, .* got 'abc'",
    ),
    (lambda: boundary(right_half, SIDES, losses=[1, 2]), TypeError, "losses: expected a dict"),
    (lambda: boundary(right_half, SIDES, lines=3), TypeError, "lines: expected a list of pairs"),
    (lambda: plots.function_curves(CURVES, log="z"), ValueError, "log must be one of x, y, xy"),
    (lambda: plots.training_curves(HISTORY).render("gif"), ValueError, "png, svg or pdf"),
    (lambda: plots.training_curves(HISTORY).save("a.gif"), ValueError, "ends in .png, .svg"),
    (lambda: animation(learning(1)).render("svg"), ValueError, "gif or png"),
    (lambda: animation(learning(1)).save("a.svg"), ValueError, "ends in .gif or .png"),
]


def boundary(predict: Any, labels: Any, **options: Any) -> plots.Plot:
    return plots.decision_boundary(predict, POINTS, labels, **{"resolution": 5} | options)


def animation(frames: Any, **options: Any) -> plots.Animation:
    return plots.decision_boundary_animation(frames, POINTS, SIDES, resolution=5, **options)


def surface(
    function: Any = bowl, tracks: Any = TRACKS, x_range: Any = (-2, 2), y_range: Any = (-2, 2)
) -> plots.Plot:
    return plots.loss_surface(function, tracks, x_range, y_range, resolution=10)


@pytest.mark.parametrize(("call", "kind", "words"), BAD_INPUT, ids=[row[2] for row in BAD_INPUT])
def test_bad_input_is_one_sentence(
    call: Callable[[], object], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words) as failure:
        call()
    assert "\n" not in str(failure.value)


# ----------------------------------------------------------------------------------------- colours

# Machado, Oliveira and Fernandes (2009), severity 1.0: protanopia, deuteranopia, tritanopia.
EYES = {
    "usual": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def oklab(linear: Any) -> Any:
    to_cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.cbrt(linear @ np.transpose(to_cones)) @ np.transpose(to_lab)


def least_difference(colors: Any, eyes: Any) -> float:
    rgb = np.array([to_rgb(color) for color in colors])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = oklab(np.clip(linear @ np.transpose(eyes), 0, 1))
    differences = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
    return float(differences[np.triu_indices(len(seen), 1)].min())


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize(("colors", "theme"), [(ON_LIGHT, "light"), (ON_DARK, "dark")])
def test_any_two_of_the_ten_colors_differ_for_all_eyes(
    eyes: str, colors: tuple[str, ...], theme: str
) -> None:
    # Of matplotlib's own ten, the nearest two are 0.03 apart, for deuteranopia.
    assert least_difference(colors, EYES[eyes]) > 0.105
    assert min(contrast(color, THEMES[theme].background) for color in colors) > 2.5


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("count", [1, 2, 3, 10, 11, 25, 100])
def test_no_two_classes_have_the_same_color(theme: Theme, count: int) -> None:
    colors = class_colors(theme, count)
    assert len(set(colors)) == len(colors) == count
    assert min(contrast(color, theme.background) for color in colors) > 2


def test_classes_that_share_a_color_have_different_shapes() -> None:
    shapes = class_markers(40)
    assert len({(i % 10, shape) for i, shape in enumerate(shapes)}) == 40


# ------------------------------------------------------------------------------------ one by one


def test_curves_are_the_history() -> None:
    loss, accuracy = plots.training_curves(HISTORY).figure.axes
    for axes, training, validation, scale in (
        (loss, HISTORY.loss, HISTORY.validation_loss, 1),
        (accuracy, HISTORY.accuracy, HISTORY.validation_accuracy, 100),
    ):
        drawn = [line.get_xydata().tolist() for line in axes.lines]
        assert drawn == [
            [[epoch, scale * number] for epoch, number in enumerate(numbers, start=1)]
            for numbers in (training, validation)
        ]
    assert len({line.get_linestyle() for line in loss.lines}) == 2
    assert len({line.get_marker() for line in loss.lines}) == 2


def test_curves_without_validation_and_of_one_epoch() -> None:
    nan = math.nan
    plot = plots.training_curves(History([Epoch(1.0, 0.5, nan, nan)]))
    assert [len(axes.lines) for axes in plot.figure.axes] == [1, 1]
    assert legend(plot) == ["training, during the epoch"]
    assert plot.render("png")


def test_curves_of_many_epochs_with_a_gap() -> None:
    losses = [math.inf, *np.linspace(1, 0.1, 499).tolist()]
    plot = plots.training_curves(History([Epoch(loss, 0.5, loss, 0.5) for loss in losses]))
    assert plot.render("png")


def test_the_grid_shows_each_image_with_its_answer() -> None:
    predicted = LABELS.copy()
    predicted[3] = 7
    plot = plots.prediction_grid(IMAGES, LABELS, predicted, columns=5)
    (axes,) = plot.figure.axes
    assert [image.get_array().ravel().tolist() for image in axes.images] == IMAGES.tolist()
    places = [image.get_extent() for image in axes.images]
    assert len({(left, top) for left, _, _, top in places}) == 12
    assert len({left for left, *_ in places}) == 5
    assert [text for text in texts(plot) if "not" in text] == ["7, not 3"]
    assert axes.get_title(loc="left") == "11 of 12 read correctly"
    widths = [patch.get_linewidth() for patch in axes.patches]
    assert widths.index(max(widths)) == 3
    assert axes.texts[3].get_fontweight() == "bold"


def test_weights_are_on_one_scale_about_zero() -> None:
    weights = GENERATOR.normal(size=(7, 9))
    plot = plots.weight_images(weights, columns=3)
    axes = plot.figure.axes[0]
    assert [image.get_array().ravel().tolist() for image in axes.images] == weights.tolist()
    (low, high), *others = {image.get_clim() for image in axes.images}
    assert not others
    assert 0.9 * np.abs(weights).max() < high == -low
    assert plots.weight_images(np.zeros((1, 4))).render("png")


@pytest.mark.parametrize("theme", THEMES)
def test_opposite_weights_differ_in_every_theme(theme: str) -> None:
    image = plots.weight_images([[-1, 0, 0, 1]], theme=theme).figure.axes[0].images[0]
    negative, zero, _, positive = (
        to_hex(c) for c in image.to_rgba(image.get_array()).reshape(4, 4)
    )
    assert len({negative, zero, positive}) == 3


def test_attention_is_darker_where_the_share_is_larger() -> None:
    plot = plots.attention_map(SHARES, ".ab")
    assert [axes.get_title("left") for axes in plot.figure.axes] == ["head 1", "head 2"]
    for axes, head in zip(plot.figure.axes, SHARES, strict=True):
        assert [label.get_text() for label in axes.get_xticklabels()] == [".", "a", "b"]
        (mesh,) = axes.collections
        light = np.asarray(mesh.get_facecolor())[:, :3].sum(1).reshape(3, 3)
        np.testing.assert_array_equal(
            np.argsort(-light, axis=None, kind="stable"),
            np.argsort(np.array(head), axis=None, kind="stable"),
        )


def test_the_confusion_matrix_counts() -> None:
    labels = GENERATOR.integers(4, size=300)
    predicted = np.where(GENERATOR.uniform(size=300) < 0.8, labels, (labels + 1) % 4)
    counted = Counter(zip(labels.tolist(), predicted.tolist(), strict=True))
    plot = plots.confusion_matrix(labels, predicted, classes=["a", "b", "c", "d", "e"])
    (axes,) = plot.figure.axes
    places = {text.get_position()[::-1]: text.get_text() for text in axes.texts}
    cells = {place: int(text) for place, text in places.items() if text.isdigit()}
    assert cells == counted
    assert axes.get_ylim() == (4.5, -0.5), "the first class is on top"
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "b", "c", "d", "e"]
    recalls = [places[y, x] for y, x in sorted(places) if x > 4.5 and y >= 0]
    shares = [counted[i, i] / sum(counted[i, j] for j in range(4)) for i in range(4)]
    assert recalls == [*(f"{share:.1%}" for share in shares), "–"]
    right = int(np.sum(labels == predicted))
    (i, j), times = max(
        ((pair, n) for pair, n in counted.items() if pair[0] != pair[1]), key=lambda item: item[1]
    )
    assert plot.figure.get_suptitle() == (
        f"accuracy {right / 300:.1%}: {right} of 300\n"
        f"most frequent error: {'abcd'[j]} predicted for {'abcd'[i]} ({times} times)"
    )


@pytest.mark.parametrize(
    ("predicted", "said"),
    [
        ([1, 0, 2, 3, 4], "errors: 1 predicted for 0 and 0 predicted for 1 (once each)"),
        ([1, 2, 0, 3, 4], "1 predicted for 0, 2 predicted for 1 and 0 predicted for 2 (once each)"),
        ([1, 2, 3, 4, 0], "1 predicted for 0, 2 predicted for 1 and 3 more (once each)"),
        ([1, 1, 2, 3, 4], "most frequent error: 1 predicted for 0 (once)"),
    ],
)
def test_errors_that_are_equally_frequent_are_all_named(predicted: list[int], said: str) -> None:
    plot = plots.confusion_matrix([0, 1, 2, 3, 4], predicted)
    assert plot.figure.get_suptitle().endswith(said)


@pytest.mark.parametrize("theme", THEMES)
def test_one_error_is_seen_beside_a_thousand_right_answers(theme: str) -> None:
    labels = [0] * 1000 + [1] * 1000
    predicted = [0] * 1000 + [1] * 999 + [0]
    (axes,) = plots.confusion_matrix(labels, predicted, theme=theme).figure.axes
    colors = axes.collections[0].get_array()
    error, right, empty = (to_hex(colors[cell]) for cell in ((1, 0), (0, 0), (0, 1)))
    page = THEMES[theme].background
    assert contrast(error, page) > 1.8 * contrast(right, page)
    assert contrast(empty, page) < contrast(right, page)
    for text in axes.texts[:3]:
        x, y = (int(place) for place in text.get_position())
        assert contrast(to_hex(text.get_color()), to_hex(colors[y, x])) > 4.5


def test_a_flawless_classifier_and_a_single_class() -> None:
    plot = plots.confusion_matrix([0, 0], [0, 0])
    assert plot.figure.get_suptitle() == "accuracy 100.0%: 2 of 2\nno errors"
    assert plot.render("png")


def lines_of(plot: plots.Plot | plots.Animation) -> list[Any]:
    """The vertices of the boundary lines."""
    from matplotlib.contour import ContourSet

    contours = plot.figure.axes[0].collections
    return [
        contour.get_paths()[0].vertices
        for contour in contours
        if isinstance(contour, ContourSet) and not contour.filled
    ]


@pytest.mark.parametrize(
    ("predict", "threshold"),
    [
        (right_half, 0.5),
        (lambda points: right_half(points)[:, None].tolist(), 0.5),
        (lambda points: points[:, 0], 0.0),
        (lambda points: np.stack([-points[:, 0], points[:, 0]], axis=1), 0.5),
    ],
    ids=["probabilities", "a column, as lists", "logits", "two scores"],
)
def test_the_boundary_is_where_the_classes_meet(predict: Any, threshold: float) -> None:
    plot = plots.decision_boundary(predict, POINTS, SIDES, threshold=threshold)
    (line,) = lines_of(plot)
    assert np.abs(line[:, 0]).max() < 1e-3
    assert np.ptp(line[:, 1]) > np.ptp(POINTS[:, 1]), "it goes on to the edge of the plot"
    assert "30 of 30 points" in plot.description
    assert legend(plot) == ["0", "1"]


def test_the_points_are_on_top_in_the_shape_of_their_class() -> None:
    labels = np.where(SIDES, 1, -1)
    plot = plots.decision_boundary(right_half, POINTS, labels, resolution=10)
    first, second = plot.figure.axes[0].collections[:2]
    assert first.get_offsets().tolist() == POINTS[labels == -1].tolist()
    assert second.get_offsets().tolist() == POINTS[labels == 1].tolist()
    assert len(first.get_paths()[0]) != len(second.get_paths()[0])
    assert first.get_zorder() > max(c.get_zorder() for c in plot.figure.axes[0].collections[2:])
    assert legend(plot) == ["-1", "1"]


def test_three_classes_have_three_regions() -> None:
    sectors = three_sectors(POINTS).argmax(axis=1)
    sectors[0] = (sectors[0] + 1) % 3
    plot = plots.decision_boundary(three_sectors, POINTS, sectors)
    assert "29 of 30" in plot.description
    lines = np.concatenate(lines_of(plot))
    away = np.abs(np.diff(np.sort(three_sectors(lines), axis=1)[:, 1:], axis=1))
    assert away.max() < 0.1, "the two best scores are equal there"


def test_a_classifier_that_knows_one_class_only_has_no_boundary() -> None:
    plot = plots.decision_boundary(lambda points: 0 * points[:, 0] + 1, POINTS, SIDES)
    assert lines_of(plot) == []
    assert f"{SIDES.sum()} of 30" in plot.description
    plots.decision_boundary(right_half, [[1.0, 1.0]], [True]).render("png")


@pytest.mark.parametrize(
    ("w", "b"),
    [((0.3, 0.4), -0.1), ((-30.0, 40.0), 2.0)],
    ids=["a short normal", "a long one, which is cut"],
)
def test_a_neuron_is_its_line_and_its_normal(w: tuple[float, float], b: float) -> None:
    plot = plots.decision_boundary(right_half, POINTS, SIDES, resolution=10, lines=[(w, b)])
    axes = plot.figure.axes[0]
    for point in (axes.lines[0].get_xy1(), axes.lines[0].get_xy2()):
        assert np.dot(w, point) + b == pytest.approx(0, abs=1e-9)
    (arrow,) = axes.texts
    normal = np.subtract(arrow.xyann, arrow.xy) * -1
    length = np.hypot(*normal)
    assert normal / length == pytest.approx(np.array(w) / np.hypot(*w))
    assert length == pytest.approx(min(np.hypot(*w), 0.2 * np.ptp(axes.get_ylim())))
    assert axes.get_aspect() == 1, "else a right angle is not seen as one"


def test_a_neuron_without_weights_has_no_line() -> None:
    plot = plots.decision_boundary(
        right_half, POINTS, SIDES, resolution=5, lines=[((0.0, 0.0), 1.0)]
    )
    assert not plot.figure.axes[0].lines


def test_losses_are_drawn_beside_the_plane() -> None:
    losses = {"training": [0.9, 0.5, 0.25], "validation": [1.0, math.nan, 0.5]}
    plot = plots.decision_boundary(right_half, POINTS, SIDES, resolution=5, losses=losses)
    beside = plot.figure.axes[1]
    for line, curve in zip(beside.lines, losses.values(), strict=True):
        assert line.get_xdata().tolist() == [1, 2, 3]
        np.testing.assert_array_equal(line.get_ydata(), curve)
    named = [text.get_text() for text in beside.get_legend().get_texts()]
    assert named == ["training 0.250", "validation 0.500"]
    assert legend(plot) == ["class 0", "class 1"]
    assert plot.render("png")


def test_each_frame_is_asked_at_once(tmp_path: Path) -> None:
    animated = plots.decision_boundary_animation(
        learning(5), POINTS, SIDES, threshold=0, resolution=30, seconds=0.25
    )
    path = animated.save(tmp_path / "learning.gif")
    with Image.open(path) as gif:
        assert gif.n_frames == 5
        assert gif.info["duration"] == 250
        assert gif.info["loop"] == 0
        gif.seek(4)
        assert gif.info["duration"] == 2000
    assert [frame.caption for frame in animated.frames] == [f"step {i}" for i in range(5)]
    assert animated.figure.axes[0].get_title(loc="left").startswith("step 4: ")
    (line,) = lines_of(animated)
    np.testing.assert_allclose(line[:, 0], -0.2)
    last = Image.open(animated.save(tmp_path / "last.png")).convert("RGB")
    assert last.tobytes() == animated.frames[-1].image.convert("RGB").tobytes()


@pytest.mark.parametrize("most", [1, 3, 4])
@pytest.mark.parametrize("steps", [1, 4, 5, 9, 23])
def test_an_animation_keeps_a_limited_number_of_frames(steps: int, most: int) -> None:
    animated = plots.decision_boundary_animation(
        learning(steps), POINTS, SIDES, threshold=0, resolution=3, most_frames=most
    )
    kept = [int(frame.caption.removeprefix("step ")) for frame in animated.frames]
    assert kept[0] == 0
    assert kept[-1] == steps - 1
    assert min(steps, most) / 2 <= len(kept) <= most + 1
    assert len(set(np.diff(kept[:-1]).tolist())) <= 1, "they are evenly spaced"


def test_codes_are_drawn_as_digits() -> None:
    digits = np.arange(30) % 3
    plot = plots.latent_scatter(POINTS, digits)
    axes = plot.figure.axes[0]
    drawn = [scatter.get_offsets().tolist() for scatter in axes.collections]
    assert drawn == [POINTS[digits == digit].tolist() for digit in range(3)]
    assert len({len(scatter.get_paths()[0]) for scatter in axes.collections}) == 3
    assert len({to_hex(scatter.get_facecolor()[0]) for scatter in axes.collections}) == 3
    assert texts(plot) == ["0", "1", "2"]


@pytest.mark.parametrize("count", [30, 1_000, 5_000])
def test_the_digits_of_codes_can_be_read(count: int) -> None:
    labels = np.arange(count) % 25
    plot = plots.latent_scatter(GENERATOR.normal(size=(count, 2)), labels)
    axes = plot.figure.axes[0]
    heights = []
    for scatter in axes.collections:
        outline = scatter.get_paths()[0].get_extents()
        (scale,) = {matrix[1, 1] for matrix in scatter.get_transforms()}
        heights.append(outline.height * scale * 72 / plot.figure.dpi)
    assert min(heights) > 6, "points"
    assert max(heights) < 1.15 * min(heights), "two digits are as high as one"
    assert len({to_hex(scatter.get_facecolor()[0]) for scatter in axes.collections}) == 25


def test_large_digits_stand_at_the_means_or_apart() -> None:
    codes = [[0, 0], [2, 0], [1, 1.01], [1, 0.99], [8, 8], [8, 8], [0, 9]]
    plot = plots.latent_scatter(codes, [0, 0, 1, 1, 12, 3, 3])
    places = {t.get_text(): np.array(t.get_position()) for t in plot.figure.axes[0].texts}
    assert places["0"].tolist() == [1, 0]
    assert places["12"].tolist() == [8, 8]
    crowd = plots.latent_scatter(np.zeros((10, 2)) + [[0.0, 1.0]] * 10, range(10))
    assert crowd.render("png")
    near = plots.latent_scatter([[0, 0], [0, 0.1], [10, 10]], [0, 1, 2])
    low, high = (np.array(text.get_position()) for text in near.figure.axes[0].texts[:2])
    assert np.linalg.norm(high - low) > 0.5


def test_tracks_are_drawn_from_start_to_end() -> None:
    plot = plots.loss_surface(bowl, TRACKS, (-2, 2), (-1, 2), names=("w", "b"))
    axes = plot.figure.axes[0]
    paths = [line for line in axes.lines if len(line.get_xdata()) > 1]
    assert [path.get_xydata().tolist() for path in paths] == [t.tolist() for t in TRACKS.values()]
    assert len({path.get_linestyle() for path in paths}) == 2
    single = [line.get_xydata()[0].tolist() for line in axes.lines if len(line.get_xdata()) == 1]
    assert single == [[1.5, 1.0], [1.5, 1.0], [0.5, 0.25], [0.0, 0.0]]
    assert legend(plot) == ["start", "SGD", "Adam"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("w", "b")


def test_bands_cover_equal_areas_whatever_the_heights() -> None:
    plot = plots.loss_surface(lambda x, y: np.exp(30 * x), {}, (0, 1), (0, 1))
    contours = next(c for c in plot.figure.axes[0].collections if len(c.get_paths()) > 10)
    edges = [path.vertices[:, 0].max() for path in contours.get_paths()]
    np.testing.assert_allclose(edges, np.linspace(0, 1, len(edges) + 1)[1:], atol=0.02)
    ticks = [float(tick.get_text()) for tick in plot.figure.axes[1].get_yticklabels()]
    assert ticks[0] == 1.0
    np.testing.assert_allclose(ticks[-1], math.exp(30), rtol=1e-2)
    assert ticks == sorted(ticks)
    assert not plot.figure.legends


def no_arrays(x: float, y: float) -> float:
    return math.sqrt(x) + (1 / y if y else math.inf)


def wrong_for_arrays(x: Any, y: Any) -> Any:
    return x + y if isinstance(x, float) else x - y


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (bowl, [[1.0, 0.0, 1.0], [4.0, 3.0, 4.0]]),
        (no_arrays, [[math.nan] * 3, [math.nan, 1.0, 2.0]]),
        (wrong_for_arrays, [[-1.0, 0.0, 1.0], [0.0, 1.0, 2.0]]),
        (lambda x, y: Value(x) * 2 + y, [[-2.0, 0.0, 2.0], [-1.0, 1.0, 3.0]]),
        (lambda x, y: 7, [[7.0] * 3] * 2),
    ],
    ids=["arrays", "numbers only", "wrong for arrays", "Values", "constant"],
)
def test_a_function_is_asked_with_arrays_or_point_by_point(
    function: Any, expected: list[list[float]]
) -> None:
    heights = evaluate(function, np.array([-1.0, 0.0, 1.0]), np.array([0.0, 1.0]))
    np.testing.assert_array_equal(heights, expected)


def test_cliffs_holes_and_tracks_that_fly_off() -> None:
    def cliff(x: float, y: float) -> float:
        if x > 1:
            return 1e300
        return math.log(y) if y > 0 else math.nan

    tracks = {
        "gone": np.array([[0.0, 1.0], [1e200, 1e300], [math.inf, 0.0]]),
        "far": np.array([[0.0, 1.0], [1e250, -1e250]]),
    }
    plot = plots.loss_surface(cliff, tracks, (-2, 2), (-1, 2), resolution=30)
    assert legend(plot) == [
        "not finite",
        "start",
        "gone (not finite at step 2)",
        "far (ends outside)",
    ]
    assert plot.render("png")
    assert plots.loss_surface(lambda x, y: 3.0, {}, (0, 1), (0, 1), resolution=5).render("png")


# ------------------------------------------------------------------------------------------ film


def test_function_curves_are_drawn_with_gaps_where_they_are_not_finite() -> None:
    plot = plots.function_curves(
        CURVES, points={"here": (1, 2)}, x="x", y="f", title="t", limits=(-1, 5)
    )
    axes = plot.figure.axes[0]
    straight, curved, place = axes.lines
    assert straight.get_xydata().tolist() == [[0, 0], [1, 2], [2, 4]]
    assert np.isnan(curved.get_ydata()).tolist() == [True, False, False]
    assert straight.get_linestyle() != curved.get_linestyle()
    assert straight.get_color() != curved.get_color()
    assert place.get_xydata().tolist() == [[1, 2]]
    assert texts(plot) == ["here"]
    assert legend(plot) == ["2x", "1/x"]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title(loc="left")) == ("x", "f", "t")
    assert axes.get_ylim() == (-1, 5)
    assert all(tick == int(tick) for tick in axes.get_xticks()), "what is counted has no halves"


@pytest.mark.parametrize("log", ["", "x", "y", "xy"])
def test_axes_of_function_curves_may_be_logarithmic(log: str) -> None:
    plot = plots.function_curves({"x²": ([1, 10], [1, 100])}, log=log)
    axes = plot.figure.axes[0]
    scales = {"x": axes.get_xscale(), "y": axes.get_yscale()}
    assert scales == {axis: "log" if axis in log else "linear" for axis in "xy"}
    assert not plot.figure.legends, "one curve is named by the axis"
    ticks = {"x": axes.xaxis, "y": axes.yaxis}
    for axis in log:
        plot.render()
        named = {tick.get_text() for tick in ticks[axis].get_ticklabels()}
        known = {f"{10.0**power:g}" for power in range(-3, 5)}
        assert named <= known, "numbers as they are read"


def test_a_legend_of_long_names_stays_on_the_page() -> None:
    names = ["cross-entropy", "log-softmax, then nll", "softmax, then squared error", "hinge"]
    plot = plots.function_curves({name: ([0, 1], [0, i]) for i, name in enumerate(names)})
    plot.render()
    box = plot.figure.legends[0].get_window_extent()
    assert 0 <= box.x0 < box.x1 <= plot.figure.bbox.width


def test_many_curves_have_a_legend_below_them_and_differ_from_each_other() -> None:
    plot = plots.function_curves({f"_{i}": ([0, 1], [0, i]) for i in range(50)})
    plot.render()
    axes, box = plot.figure.axes[0], plot.figure.legends[0].get_window_extent()
    assert legend(plot) == [f"_{i}" for i in range(50)]
    assert 0 <= box.y0 < box.y1 < axes.bbox.y0 < axes.bbox.y1 - 100
    # the fifth style, of dots and dashes, is another "--" to matplotlib
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == 40
    assert plot.description == "_0, _1, _2, 47 more"


def test_a_film_of_images_shows_each_of_them(tmp_path: Path) -> None:
    images = np.stack([np.zeros(16), np.ones(16), np.arange(16) / 15])
    film = plots.image_film(images, theme="dark")
    shown = [np.asarray(frame.image).mean() for frame in film.frames]
    assert shown[0] < shown[2] < shown[1]
    with Image.open(film.save(tmp_path / "film.gif")) as gif:
        assert gif.n_frames == 3
    with pytest.raises(ValueError, match="square"):
        plots.image_film(np.zeros((2, 5)))
