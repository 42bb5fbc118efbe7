"""Bars and grids of images: what was put in is read back off what was drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from viz import plots

matplotlib = pytest.importorskip("matplotlib", reason="plots need matplotlib")

from matplotlib.colors import to_hex  # noqa: E402

P = [0.25, 0.7, 0.05]
SLOPES = [0.25, -0.3, 0.05]
IMAGES = np.random.default_rng(0).uniform(size=(5, 16))


def test_bars_are_the_numbers_on_one_scale() -> None:
    plot = plots.bars({"p": P, "p - onehot": SLOPES}, ["cat", "dog", "owl"], marked=1)
    first, second = plot.figure.axes
    assert first.get_ylim() == second.get_ylim()
    for axes, row in ((first, P), (second, SLOPES)):
        assert [bar.get_height() for bar in axes.patches] == pytest.approx(row)
        assert [text.get_text() for text in axes.texts] == [f"{x:.2f}" for x in row]
        assert [name.get_text() for name in axes.get_xticklabels()] == ["cat", "dog", "owl"]
        assert [name.get_weight() for name in axes.get_xticklabels()][1] == "bold"
    assert [axes.get_title(loc="left") for axes in (first, second)] == ["p", "p - onehot"]
    colors = [to_hex(bar.get_facecolor()) for bar in second.patches]
    assert colors[0] == colors[2] != colors[1]  # down is orange, and strong since it is marked


def test_bars_beside_an_image_keep_the_scale_that_is_given() -> None:
    plot = plots.bars({"p": P}, image=IMAGES[0], limits=(0, 1))
    image, axes = plot.figure.axes
    np.testing.assert_allclose(image.images[0].get_array(), IMAGES[0].reshape(4, 4))
    low, high = axes.get_ylim()
    assert low == 0
    assert high >= 1
    assert len({to_hex(bar.get_facecolor()) for bar in axes.patches}) == 1


@pytest.mark.parametrize("row", [[0.0, 0.0], [-1.0, -2.0], [3.0]])
def test_bars_of_any_sign_have_room_for_their_numbers(row: list[float]) -> None:
    axes = plots.bars({"z": row}).figure.axes[0]
    low, high = axes.get_ylim()
    assert low < high
    assert all(low <= text.get_position()[1] <= high for text in axes.texts)


def test_a_bar_beyond_the_limits_ends_there_and_says_so() -> None:
    axes = plots.bars({"p": [1.0, 25.0, -7.0]}, limits=(0, 2)).figure.axes[0]
    assert [bar.get_height() for bar in axes.patches] == [1, 2, 0]
    assert [text.get_text() for text in axes.texts] == ["1.00", "↑ 25.00", "↓ -7.00"]
    low, high = axes.get_ylim()
    assert low < 0 < 2 < high


def test_a_grid_shows_the_images_with_their_captions() -> None:
    plot = plots.image_grid(IMAGES, list("abcde"), title="five", columns=3)
    axes = plot.figure.axes[0]
    for shown, image in zip(axes.images, IMAGES, strict=True):
        np.testing.assert_allclose(shown.get_array(), image.reshape(4, 4))
        assert shown.get_clim() == (0, 1)
    assert [text.get_text() for text in axes.texts] == list("abcde")
    assert len({shown.get_extent()[2] for shown in axes.images}) == 2
    assert plot.description == "5 images: five"
    assert not plots.image_grid(IMAGES).figure.axes[0].texts


@pytest.mark.parametrize("kind", [np.uint8, np.int64, float])
def test_bytes_are_shares_of_255(kind: type) -> None:
    images = np.arange(16).reshape(1, 16) * 17
    shown = {
        "grid": plots.image_grid(images.astype(kind)),
        "predictions": plots.prediction_grid(images.astype(kind), [3], [3]),
    }
    for plot in shown.values():
        (image,) = plot.figure.axes[0].images
        np.testing.assert_allclose(image.get_array().ravel(), np.arange(16) / 15)
        assert image.get_clim() == (0, 1)
    beside = plots.bars({"p": P}, image=images[0].astype(kind)).figure.axes[0].images[0]
    np.testing.assert_allclose(beside.get_array().ravel(), np.arange(16) / 15)
    film = plots.image_film(images.astype(kind))
    assert film.render() == plots.image_film(images / 255).render()


def test_whole_numbers_beyond_bytes_are_refused_and_other_numbers_are_cut_off() -> None:
    for beyond in ([[0, 1, 2, 256]], [[-1, 0, 1, 2]]):
        with pytest.raises(ValueError, match="expected pixels from 0 to 1, or bytes from 0 to"):
            plots.image_grid(beyond)
    (image,) = plots.image_grid([[0, 0.5, 1.5, -1]]).figure.axes[0].images
    assert image.get_array().ravel().tolist() == [0, 0.5, 1.5, -1]
    (mask,) = plots.image_grid(np.array([[0, 1, 1, 0]], np.uint8)).figure.axes[0].images
    assert mask.get_array().max() == 1


def test_a_grid_of_two_sizes() -> None:
    small, large = (plots.image_grid(IMAGES, side=side).figure.get_size_inches() for side in (1, 2))
    assert large[0] > 1.8 * small[0]


def test_what_is_shown_as_weights_may_have_a_name_of_its_own() -> None:
    plot = plots.weight_images(IMAGES - 0.5, title="what was learned")
    assert plot.figure.axes[0].get_title(loc="left") == "what was learned"
    assert plot.description.startswith("what was learned, from -0.4")
    plain = plots.weight_images(IMAGES - 0.5)
    assert plain.figure.axes[0].get_title(loc="left") == "weights of 5 units"


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_they_are_the_same_bytes_each_time_in_every_theme(theme: str) -> None:
    for draw in (
        lambda: plots.bars({"p": P}, image=IMAGES[0], marked=0, theme=theme),
        lambda: plots.image_grid(IMAGES, range(5), theme=theme),
    ):
        assert draw().render() == draw().render()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: plots.bars({}), "expected at least one"),
        (lambda: plots.bars({"a": [1.0], "b": [1.0, 2.0]}), "got 1, 2 numbers"),
        (lambda: plots.bars({"a": P}, number="zz"), "number must be a format specification"),
        (lambda: plots.bars({"a": [np.nan]}), "a: expected finite numbers"),
        (lambda: plots.bars({"a": P}, marked=3), "marked: expected a class from 0 to 2"),
        (lambda: plots.bars({"a": P}, marked=0.5), "marked: expected a class from 0 to 2"),
        (lambda: plots.bars({"a": P}, limits=(1, 0)), "limits: .* the lower one first"),
        (lambda: plots.bars({"a": P}, limits=(1, 2)), "limits: expected a scale that holds 0"),
        (lambda: plots.bars({"a": P}, image=[0.0] * 5), "image: expected square images"),
        (lambda: plots.bars({"a": P}, ["x"]), "at least 3 names"),
        (lambda: plots.bars({"a": P}, list("wxyz")), "classes: expected 3 names, .* got 4"),
        (lambda: plots.image_grid(IMAGES, ["a"]), "captions: expected a list of 5, one for each"),
        (lambda: plots.image_grid(IMAGES, side=0), "side must be a number of inches"),
        (lambda: plots.image_grid(IMAGES[0]), "images: expected numbers in shape"),
    ],
)
def test_bad_input_is_one_sentence(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words) as failure:
        call()
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize("series", [{1: [1, 2], "1": [3, 4]}, [1, 2]])
def test_series_have_names_that_are_not_confused(series: Any) -> None:
    with pytest.raises(TypeError, match=r"^series: expected [^\n]*$"):
        plots.bars(series)
