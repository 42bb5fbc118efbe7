"""Toy sets: where their points lie without noise, found by geometry of another kind."""

from __future__ import annotations

import cmath
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff.data import Points, batches, circle, gaussians, moons, spiral, triangle, xor
from autodiff.nn import MLP
from autodiff.training import fit

Toy = Callable[..., Points]
TOYS = [circle, xor, gaussians, spiral, moons, triangle]
COUNTS = st.integers(2, 400)
SEEDS = st.integers(0, 1000)

every_toy = pytest.mark.parametrize("toy", TOYS, ids=lambda toy: toy.__name__)


@every_toy
@given(count=COUNTS, seed=SEEDS)
def test_classes_are_balanced_and_points_lie_in_the_square(toy: Toy, count: int, seed: int) -> None:
    points = toy(count, noise=0, seed=seed)
    assert len(points) == count
    assert points.points.shape == (count, 2)
    assert points.points.dtype == np.float64
    assert points.labels.dtype == np.int64
    assert np.bincount(points.labels).tolist() == [count - count // 2, count // 2]
    assert np.abs(points.points).max() <= 1 + 1e-12


@every_toy
def test_a_seed_says_it_all(toy: Toy) -> None:
    first, again, other = toy(seed=3), toy(seed=3), toy(seed=4)
    assert first.points.tobytes() == again.points.tobytes()
    assert first.points.tobytes() != other.points.tobytes()


@every_toy
def test_noise_moves_both_coordinates_by_normal_deviates(toy: Toy) -> None:
    moved = toy(4000, noise=0.3).points - toy(4000, noise=0).points
    np.testing.assert_allclose(moved.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(moved.std(axis=0), 0.3, rtol=0.05)
    assert abs(np.corrcoef(moved.T)[0, 1]) < 0.05


@every_toy
@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"count": 1}, "count must be a whole number of at least 2, got 1"),
        ({"count": 10.0}, r"got 10\.0"),
        ({"noise": -0.1}, r"noise must be a finite number of at least 0, got -0\.1"),
        ({"noise": float("nan")}, "got nan"),
        ({"noise": float("inf")}, "got inf"),
        ({"noise": "much"}, "got 'much'"),
    ],
)
def test_impossible_sets_are_refused(toy: Toy, wrong: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        toy(**wrong)


def test_points_come_in_batches() -> None:
    toy = moons(10)
    parts = list(batches(toy, 4, np.random.default_rng(0)))
    assert [len(part) for part in parts] == [4, 3, 3]
    order = np.random.default_rng(0).permutation(10)
    np.testing.assert_array_equal(np.concatenate([p.points for p in parts]), toy.points[order])
    np.testing.assert_array_equal(np.concatenate([p.labels for p in parts]), toy.labels[order])


def each(points: Points) -> list[tuple[complex, int]]:
    """Points as complex numbers, with their labels."""
    return [
        (complex(x, y), label)
        for (x, y), label in zip(points.points.tolist(), points.labels.tolist(), strict=True)
    ]


@given(count=COUNTS, seed=SEEDS)
def test_the_circle_holds_one_class(count: int, seed: int) -> None:
    for point, label in each(circle(count, 0, seed)):
        assert abs(point) <= 0.5 if label else 0.7 <= abs(point) <= 1 + 1e-12


def test_discs_and_rings_are_even_in_area() -> None:
    radius = np.hypot(*circle(20_000, noise=0).points.T)
    labels = circle(20_000, noise=0).labels
    assert abs((radius[labels == 1] < 0.25).mean() - 1 / 4) < 0.02  # a quarter of the area
    middle = (0.7**2 + 1) / 2
    assert abs((radius[labels == 0] ** 2 < middle).mean() - 1 / 2) < 0.02


@given(count=COUNTS, seed=SEEDS)
def test_the_quadrants_of_xor(count: int, seed: int) -> None:
    met = {(right, up): 0 for right in (False, True) for up in (False, True)}
    for point, label in each(xor(count, 0, seed)):
        assert (point.real > 0) ^ (point.imag > 0) == label
        assert min(abs(point.real), abs(point.imag)) >= 0.1
        met[point.real > 0, point.imag > 0] += 1
    assert max(met.values()) - min(met.values()) <= 1


def test_gaussians_have_their_means_and_widths() -> None:
    drawn = gaussians(20_000, noise=0.3)
    for label, center in ((0, -0.5), (1, 0.5)):
        cloud = drawn.points[drawn.labels == label]
        np.testing.assert_allclose(cloud.mean(axis=0), center, atol=0.01)
        np.testing.assert_allclose(np.cov(cloud.T), 0.09 * np.eye(2), atol=0.005)


@given(count=COUNTS, seed=SEEDS)
def test_the_arms_of_the_spiral(count: int, seed: int) -> None:
    for point, label in each(spiral(count, 0, seed)):
        radius = abs(point)
        assert 0.1 <= radius <= 1 + 1e-12
        unwound = point * cmath.exp(-3j * cmath.pi * radius)  # 1 or -1, times the radius
        assert cmath.isclose(unwound, -radius if label else radius, abs_tol=1e-9)


@given(count=COUNTS, seed=SEEDS)
def test_the_two_moons(count: int, seed: int) -> None:
    for point, label in each(moons(count, 0, seed)):
        side = 1 if label else -1
        center = side * complex(1 / 3, 1 / 6)
        assert abs(point - center) == pytest.approx(2 / 3)
        assert side * (point - center).imag <= 1e-12


def test_no_line_separates_the_moons_and_each_reaches_into_the_other() -> None:
    drawn = moons(400, noise=0)
    upper, lower = (drawn.points[drawn.labels == label] for label in (0, 1))
    assert upper[:, 1].min() < lower[:, 1].max()
    assert not separable(drawn)


CORNERS = np.array([[0, 1], [-np.sqrt(3) / 2, -1 / 2], [np.sqrt(3) / 2, -1 / 2]])


def barycentric(points: np.ndarray, scale: float) -> np.ndarray:
    """Weights of the three corners, which add up to each point and to 1; all positive inside."""
    system = np.vstack([scale * CORNERS.T, np.ones(3)])
    return np.linalg.solve(system, np.column_stack([points, np.ones(len(points))]).T).T


@given(count=COUNTS, seed=SEEDS)
def test_the_triangle_and_its_band(count: int, seed: int) -> None:
    drawn = triangle(count, 0, seed)
    inside, outside = (drawn.points[drawn.labels == label] for label in (1, 0))
    assert (barycentric(inside, 0.5) >= -1e-9).all()
    assert (barycentric(outside, 0.7).min(axis=1) <= 1e-9).all()
    assert (barycentric(outside, 1.0) >= -1e-9).all()


def test_three_lines_separate_the_triangle_but_one_does_not() -> None:
    drawn = triangle(noise=0)
    sides = -CORNERS  # outwards, opposite the corners
    farthest = (drawn.points @ sides.T).max(axis=1)
    np.testing.assert_array_equal(farthest < 0.3, drawn.labels == 1)
    around = (drawn.points[drawn.labels == 0] @ sides.T).argmax(axis=1)
    assert sorted(np.bincount(around)) == [33, 33, 34]
    assert not separable(drawn)
    assert separable(gaussians(noise=0.05))


def separable(points: Points) -> bool:
    """Whether there is a line between the classes, among lines of 720 directions."""
    angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    along = points.points @ np.array([np.cos(angles), np.sin(angles)])
    lowest, highest = along[points.labels == 1].min(axis=0), along[points.labels == 0].max(axis=0)
    return bool((lowest > highest).any())


def test_a_small_network_learns_the_triangle() -> None:
    model = MLP(2, [8, 2], seed=0)
    history = fit(model, triangle(300), epochs=60, batch_size=10, progress=False)
    assert history.accuracy[-1] > 0.95
