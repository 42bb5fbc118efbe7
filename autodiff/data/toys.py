"""Toy sets: points of the plane in two classes, to watch how a model separates them.

Every set is drawn from a seed, half of its points in each class, one after the other in turn;
another seed gives points to validate with. With ``noise=0`` the points lie exactly where the
description says, within -1 and 1 along both axes; otherwise each coordinate is moved by a normal
deviate with ``noise`` as its standard deviation. All raise ``ValueError`` for fewer than two points
and for a noise that is negative or not finite.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from autodiff.data.dataset import Points
from autodiff.transforms import is_index

Array = NDArray[np.float64]


def circle(count: int = 200, noise: float = 0.05, seed: int = 0) -> Points:
    """A disc (1) and a ring around it (0): even in area up to a radius of 0.5, and from 0.7 to 1.

    >>> toy = circle(noise=0)
    >>> radius = np.hypot(toy.points[:, 0], toy.points[:, 1])
    >>> bool(((radius <= 0.5) == (toy.labels == 1)).all())
    True
    """
    generator, labels = _start(count, noise, seed)
    radius = _even_in_area(generator, labels, inner=0.5, ring=(0.7, 1))
    return _finish(_polar(radius, generator.uniform(0, 2 * np.pi, count)), labels, noise, generator)


def xor(count: int = 200, noise: float = 0.05, seed: int = 0) -> Points:
    """Four squares: 1 where the signs of x and y differ, 0 where they agree.

    Both coordinates are 0.1 to 1 away from 0, evenly. Opposite squares hold one class, and the
    numbers of points in the four differ by one at most.

    >>> toy = xor(noise=0)
    >>> bool(((toy.points.prod(axis=1) < 0) == (toy.labels == 1)).all())
    True
    """
    generator, labels = _start(count, noise, seed)
    side = 1 - 2 * (np.arange(count) // 2 % 2)
    signs = np.stack([side, side * (1 - 2 * labels)], axis=1)
    return _finish(signs * generator.uniform(0.1, 1, (count, 2)), labels, noise, generator)


def gaussians(count: int = 200, noise: float = 0.2, seed: int = 0) -> Points:
    """Two round Gaussians about (-0.5, -0.5) (0) and (0.5, 0.5) (1), ``noise`` wide.

    >>> gaussians(2, noise=0).points
    array([[-0.5, -0.5],
           [ 0.5,  0.5]])
    """
    generator, labels = _start(count, noise, seed)
    return _finish(np.repeat(labels[:, None] - 0.5, 2, axis=1), labels, noise, generator)


def spiral(count: int = 200, noise: float = 0.02, seed: int = 0) -> Points:
    """Two arms that wind around each other, one and a half turns each.

    At radius r, evenly from 0.1 to 1, class 0 is at the angle 3π r and class 1 opposite, at
    3π r + π.

    >>> x, y = spiral(2, noise=0).points[1]
    >>> angle = 3 * np.pi * np.hypot(x, y) + np.pi
    >>> bool(np.isclose(np.cos(angle), x / np.hypot(x, y)))
    True
    """
    generator, labels = _start(count, noise, seed)
    radius = generator.uniform(0.1, 1, count)
    return _finish(_polar(radius, np.pi * (3 * radius + labels)), labels, noise, generator)


def moons(count: int = 200, noise: float = 0.05, seed: int = 0) -> Points:
    """Two half circles of radius 2/3 that reach into each other.

    Class 0 is the upper half about (-1/3, -1/6), class 1 the lower half about (1/3, 1/6).

    >>> x, y = moons(2, noise=0).points[1]
    >>> bool(np.isclose(np.hypot(x - 1 / 3, y - 1 / 6), 2 / 3))
    True
    """
    generator, labels = _start(count, noise, seed)
    side = 2 * labels - 1
    centers = side[:, None] * np.array([1 / 3, 1 / 6])
    arcs = _polar(np.full(count, 2 / 3), generator.uniform(0, np.pi, count) + np.pi * labels)
    return _finish(centers + arcs, labels, noise, generator)


def triangle(count: int = 200, noise: float = 0.02, seed: int = 0) -> Points:
    """A triangle (1) and a band around all of it (0): no line separates them, three lines do.

    Three logistic regressions, one for each side, whose outputs feed a fourth: the smallest neural
    network. The triangle points upwards, and its middle is at 0. Its points are up to 0.25 from the
    middle towards a side, even in area, and those of the band from 0.35 to 0.5, where the corners
    are at a radius of 1. Each of the three directions has its share of both.

    >>> toy = triangle(noise=0)
    >>> bool((toy.points[toy.labels == 1, 1] >= -0.25).all())  # the lower side
    True
    """
    generator, labels = _start(count, noise, seed)
    distance = _even_in_area(generator, labels, inner=0.25, ring=(0.35, 0.5))
    corners = _polar(np.ones(3), np.radians([90.0, 210.0, 330.0]))
    side = np.arange(count) // 2 % 3
    along = generator.random((count, 1))
    edge = (1 - along) * corners[side] + along * corners[side - 1]
    return _finish(2 * distance[:, None] * edge, labels, noise, generator)


def _start(count: int, noise: float, seed: int) -> tuple[np.random.Generator, NDArray[np.int64]]:
    """Check the arguments; return a generator, and the labels 0 and 1 in turn."""
    if not is_index(count) or count < 2:
        raise ValueError(f"count must be a whole number of at least 2, got {count!r}")
    if not isinstance(noise, int | float | np.number) or not 0 <= noise < math.inf:
        raise ValueError(f"noise must be a finite number of at least 0, got {noise!r}")
    return np.random.default_rng(seed), np.arange(count) % 2


def _finish(
    points: Array, labels: NDArray[np.int64], noise: float, generator: np.random.Generator
) -> Points:
    return Points(points + generator.normal(0, noise, points.shape), labels)


def _even_in_area(
    generator: np.random.Generator,
    labels: NDArray[np.int64],
    inner: float,
    ring: tuple[float, float],
) -> Array:
    """Distances from the middle: up to ``inner`` for class 1, within the ring for class 0.

    Area grows as the square of the distance, for circles as for triangles.
    """
    least = np.where(labels == 1, 0, ring[0] ** 2)
    most = np.where(labels == 1, inner**2, ring[1] ** 2)
    return np.sqrt(generator.uniform(least, most))


def _polar(radius: Array, angle: Array) -> Array:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
