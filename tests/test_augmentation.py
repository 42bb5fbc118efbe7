"""Augmentation: where each pixel is read, and how chance decides.

An image whose pixels are their own row, or column, numbers shows after augmentation where each
pixel was read, since bilinear interpolation leaves linear functions as they are.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autodiff.data import Augmentation, augmentation, load_subset

SIDE = 28
ROWS, COLUMNS = np.indices((SIDE, SIDE)).reshape(2, 1, -1).astype(float)
NOTHING = Augmentation(0, 0, 0, 0, 0)


def places(count: int, seed: int = 0, **strengths: float) -> np.ndarray:
    """Row and column at which pixels were read, from the middle: shape (2, count, 28, 28).

    NaN where the background had a part in it.
    """
    augment = Augmentation(
        **{name: 0 for name in vars(NOTHING) if name != "smoothness"} | strengths
    )
    rows, columns, inside = (
        augment(np.repeat(pixels, count, axis=0), np.random.default_rng(seed))
        for pixels in (ROWS, COLUMNS, np.ones_like(ROWS))
    )
    found = np.array([rows, columns])
    found[:, inside < 1 - 1e-6] = np.nan
    return found.reshape(2, count, SIDE, SIDE) - (SIDE - 1) / 2


def maps(found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and shift of each image, by least squares: shapes (count, 2, 2) and (count, 2)."""
    middle = np.arange(SIDE) - (SIDE - 1) / 2
    at = np.stack([*np.meshgrid(middle, middle, indexing="ij"), np.ones((SIDE, SIDE))], axis=-1)
    matrices, shifts = [], []
    for rows, columns in zip(*found, strict=True):
        seen = ~np.isnan(rows)
        read = np.stack([rows[seen], columns[seen]], axis=1)
        solution, *_ = np.linalg.lstsq(at[seen], read, rcond=None)
        np.testing.assert_allclose(at[seen] @ solution, read, atol=1e-4)
        matrices.append(solution[:2].T)
        shifts.append(solution[2])
    return np.array(matrices), np.array(shifts)


def spread_evenly(numbers: np.ndarray, most: float) -> bool:
    """Whether they look like even deviates from -most to most."""
    quarters = np.histogram(numbers, 4, (-most, most))[0] / numbers.size
    return bool(np.abs(numbers).max() <= most + 1e-4 and np.abs(quarters - 1 / 4).max() < 0.06)


def test_shifts() -> None:
    matrices, shifts = maps(places(1000, shift=3))
    np.testing.assert_allclose(matrices, np.broadcast_to(np.eye(2), matrices.shape), atol=1e-5)
    assert spread_evenly(shifts[:, 0], 3)
    assert spread_evenly(shifts[:, 1], 3)
    assert abs(np.corrcoef(shifts.T)[0, 1]) < 0.1


def test_rotations() -> None:
    matrices, shifts = maps(places(1000, rotation=40))
    np.testing.assert_allclose(shifts, 0, atol=1e-4)
    identities = np.broadcast_to(np.eye(2), matrices.shape)
    np.testing.assert_allclose(matrices @ matrices.mT, identities, atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(matrices), 1, atol=1e-5)
    assert spread_evenly(np.degrees(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0])), 40)


def test_scales() -> None:
    matrices, _ = maps(places(1000, scale=0.3))
    np.testing.assert_allclose(matrices[:, [0, 1], [1, 0]], 0, atol=1e-5)
    for axis in (0, 1):
        assert spread_evenly(np.log(matrices[:, axis, axis]), 0.3)


def test_shears() -> None:
    matrices, _ = maps(places(1000, shear=0.4))
    np.testing.assert_allclose(matrices[:, [0, 1, 1], [0, 0, 1]] - [1, 0, 1], 0, atol=1e-5)
    assert spread_evenly(matrices[:, 0, 1], 0.4)


def test_together_they_turn_what_was_sheared_and_that_what_was_scaled() -> None:
    matrices, _ = maps(places(1000, rotation=30, shear=0.4, scale=0.3))
    angle = np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0])
    assert spread_evenly(np.degrees(angle), 30)
    back = np.moveaxis(
        np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]), -1, 0
    )
    upright = back @ matrices
    down, across = upright[:, 0, 0], upright[:, 1, 1]
    np.testing.assert_allclose(upright[:, 1, 0], 0, atol=1e-5)
    assert spread_evenly(np.log(down), 0.3)
    assert spread_evenly(np.log(across), 0.3)
    assert spread_evenly(upright[:, 0, 1] / across, 0.4)


@pytest.mark.parametrize("smoothness", [2.0, 4.0])
def test_elastic_fields_are_noise_smoothed_by_a_gaussian(smoothness: float) -> None:
    still = places(1)
    moves = (places(2000, elastic=6, smoothness=smoothness) - still)[:, :, 8:20, 8:20]
    assert not np.isnan(moves).any()
    deviation = 6 / math.sqrt(3) / (2 * math.sqrt(math.pi) * smoothness)
    np.testing.assert_allclose(moves.std(axis=1), deviation, rtol=0.1)
    assert abs((moves[0] * moves[1]).mean()) < 0.05 * deviation**2
    for distance in (1, 3, 6):
        expected = deviation**2 * math.exp(-(distance**2) / (4 * smoothness**2))
        for one, other in (
            (moves[..., distance:], moves[..., :-distance]),
            (moves[..., distance:, :], moves[..., :-distance, :]),
        ):
            assert (one * other).mean() == pytest.approx(expected, abs=0.05 * deviation**2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data(), side=st.integers(1, 30), count=st.integers(0, 3))
def test_nothing_changes_nothing(dtype: type, data: st.DataObject, side: int, count: int) -> None:
    pixels = st.floats(0, 1, width=32)
    images = data.draw(arrays(dtype, (count, side * side), elements=pixels))
    same = NOTHING(images, np.random.default_rng(0))
    np.testing.assert_array_equal(same, images)
    assert same.dtype == dtype
    assert same is not images


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_digits_stay_digits(dtype: type) -> None:
    images = load_subset().images[:200].astype(dtype)
    before = images.copy()
    changed = Augmentation()(images, np.random.default_rng(0))
    np.testing.assert_array_equal(images, before)
    assert changed.shape == images.shape
    assert changed.dtype == dtype
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert changed.sum() == pytest.approx(images.sum(), rel=0.05)  # as much ink, on average
    assert not (changed == images).all(axis=1).any()


def test_chance_is_the_generator_and_each_image_has_its_own() -> None:
    images = np.repeat(load_subset().images[:1], 50, axis=0)
    augment, generator = Augmentation(), np.random.default_rng(5)
    first, next_one = augment(images, generator), augment(images, generator)
    np.testing.assert_array_equal(first, augment(images, np.random.default_rng(5)))
    assert not np.array_equal(first, next_one)
    assert len(np.unique(first, axis=0)) == 50


def test_images_in_small_parts_come_out_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    images = load_subset().images[:150]
    whole = Augmentation()(images, np.random.default_rng(0))
    monkeypatch.setattr(augmentation, "_PIXELS_AT_ONCE", 1)
    np.testing.assert_allclose(Augmentation()(images, np.random.default_rng(0)), whole, atol=1e-5)


def test_beyond_the_image_there_is_background() -> None:
    changed = Augmentation(shift=1000)(np.ones((100, 784)), np.random.default_rng(0))
    assert (changed == 0).all(axis=1).sum() > 90


def test_interpolation_is_bilinear() -> None:
    generator = np.random.default_rng(0)
    image = generator.random((6, 6))
    to = generator.uniform(-5, 5, (2, 1, 6, 6)).astype(np.float32)
    framed = np.pad(image, 10)
    for new, row, column in zip(
        augmentation._read(image[None], to)[0], *(to + 12.5).reshape(2, -1).tolist(), strict=True
    ):
        i, j = int(row), int(column)
        weights = np.outer([i + 1 - row, row - i], [j + 1 - column, column - j])
        assert new == pytest.approx((weights * framed[i : i + 2, j : j + 2]).sum(), abs=1e-5)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"shift": -1}, "shift must be a number from 0 to 1000, got -1"),
        ({"rotation": 181}, "rotation must be a number from 0 to 180, got 181"),
        ({"scale": math.nan}, "scale .* got nan"),
        ({"shear": "a little"}, "shear .* got 'a little'"),
        ({"elastic": math.inf}, "elastic .* got inf"),
        ({"smoothness": 0}, r"smoothness must be a number from 0\.5 to 1000, got 0"),
        ({"shift": True}, "shift .* got True"),
    ],
)
def test_impossible_strengths_are_refused(wrong: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Augmentation(**wrong)


@pytest.mark.parametrize(
    ("images", "complaint"),
    [
        (np.zeros(784), r"\(count, pixels\).* got shape \(784,\)"),
        (np.zeros((2, 783)), r"each a square.* got shape \(2, 783\)"),
        (np.zeros((2, 0)), r"got shape \(2, 0\)"),
        (np.zeros((2, 28, 28)), r"got shape \(2, 28, 28\)"),
        (np.zeros((2, 784), np.uint8), "float32 or float64, got uint8"),
        (np.zeros((2, 784), np.float16), "float32 or float64, got float16"),
        (np.full((2, 784), np.nan), "got NaN or infinity"),
    ],
)
def test_images_of_other_kinds_are_refused(images: np.ndarray, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Augmentation()(images, np.random.default_rng(0))


def test_a_seed_is_no_generator() -> None:
    with pytest.raises(TypeError, match=r"expected np.random.default_rng\(seed\).* got 0"):
        Augmentation()(np.zeros((1, 784)), 0)  # type: ignore[arg-type]
