"""Two problems of ADBench (Microsoft, MIT licence) as ordinary functions of numbers or Values.

Šrajer, Kukelová and Fitzgibbon, A benchmark of selected algorithmic differentiation tools on some
problems in computer vision and machine learning (2018). Only the data's text formats and the
problems' definitions are ADBench's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff import cos, dot, exp, fsum, logsumexp, sin, sqrt

Array = NDArray[np.float64]


# ----------------------------------------------------------------------------- Gaussian mixture


class Mixture(NamedTuple):
    """Parameters, data and prior: shapes (K,), (K, d), (K, d(d+1)/2), (n, d); γ and m."""

    alphas: Array
    means: Array
    factors: Array
    data: Array
    gamma: float
    m: int


def read_mixture(path: Path) -> Mixture:
    lines = [list(map(float, line.split())) for line in path.read_text().splitlines()]
    d, k, n = map(int, lines[0])
    ends = np.cumsum([1, k, k, k, n])
    alphas, means, factors, data = (np.array(lines[start:end]) for start, end in pairwise(ends))
    gamma, m = lines[ends[-1]]
    assert means.shape == (k, d)
    return Mixture(alphas.ravel(), means, factors, data, gamma, int(m))


def mixture_objective(alphas: Any, means: Any, factors: Any, rest: Mixture) -> Any:
    """The log posterior of the mixture, with a Wishart prior on the factors of the precisions."""
    n, d = rest.data.shape
    sums = [fsum(row[:d]) for row in factors]
    diagonals = [[exp(q) for q in row[:d]] for row in factors]
    lower = [rows_of_lower_triangle(row[d:], d) for row in factors]

    def log_density(x: Array, k: int) -> Any:
        centred = [float(a) - mean for a, mean in zip(x, means[k], strict=True)]
        projected = [dot([*lower[k][i], diagonals[k][i]], centred[: i + 1]) for i in range(d)]
        return alphas[k] + sums[k] - 0.5 * dot(projected, projected)

    likelihood = fsum(logsumexp([log_density(x, k) for k in range(len(alphas))]) for x in rest.data)
    prior = fsum(
        0.5 * rest.gamma**2 * (dot(diagonals[k], diagonals[k]) + dot(row[d:], row[d:]))
        - rest.m * sums[k]
        for k, row in enumerate(factors)
    )
    constant = -n * d / 2 * math.log(2 * math.pi) - len(alphas) * log_wishart_normalizer(rest)
    return likelihood - n * logsumexp(alphas) + prior + constant


def rows_of_lower_triangle(column_by_column: Sequence[Any], d: int) -> list[list[Any]]:
    """Row i holds i numbers, those left of the diagonal."""
    rows: list[list[Any]] = [[] for _ in range(d)]
    numbers = iter(column_by_column)
    for column in range(d):
        for row in range(column + 1, d):
            rows[row].append(next(numbers))
    return rows


def log_wishart_normalizer(rest: Mixture) -> float:
    d = rest.data.shape[1]
    degrees = d + rest.m + 1
    log_gamma = d * (d - 1) / 4 * math.log(math.pi) + sum(
        math.lgamma(degrees / 2 - j / 2) for j in range(d)
    )
    return degrees * d * math.log(rest.gamma / math.sqrt(2)) - log_gamma


# ---------------------------------------------------------------------------- bundle adjustment


class Observation(NamedTuple):
    """One camera (11 numbers), one point (3), a weight, and the feature that was seen (2)."""

    camera: Array
    point: Array
    weight: float
    feature: Array


def read_observation(path: Path) -> Observation:
    lines = path.read_text().split("\n")
    camera, point, weight, feature = (np.array(line.split(), float) for line in lines[1:5])
    return Observation(camera, point, float(weight[0]), feature)


def reprojection_residual(camera: Any, point: Any, weight: Any, feature: Array) -> list[Any]:
    """w · (project(camera, point) - feature)."""
    rotation, centre, focal = camera[:3], camera[3:6], camera[6]
    principal, (k1, k2) = camera[7:9], camera[9:11]
    x, y, z = rotate(rotation, [a - c for a, c in zip(point, centre, strict=True)])
    u, v = x / z, y / z
    r2 = u * u + v * v
    distortion = 1 + k1 * r2 + k2 * r2 * r2
    return [
        weight * (focal * distortion * ray + offset - float(seen))
        for ray, offset, seen in zip((u, v), principal, feature, strict=True)
    ]


def rotate(rotation: Sequence[Any], x: Sequence[Any]) -> list[Any]:
    """Rodrigues' formula: the rotation vector is axis times angle."""
    angle = sqrt(dot(rotation, rotation))
    axis = [a / angle for a in rotation]
    across = [
        axis[1] * x[2] - axis[2] * x[1],
        axis[2] * x[0] - axis[0] * x[2],
        axis[0] * x[1] - axis[1] * x[0],
    ]
    along = dot(axis, x) * (1 - cos(angle))
    return [x[i] * cos(angle) + across[i] * sin(angle) + axis[i] * along for i in range(3)]
