"""Two problems of ADBench (Microsoft, MIT licence) as ordinary functions of numbers or Values.

Beside each stands the same problem vectorised in PyTorch, for comparison.

Šrajer, Kukelová and Fitzgibbon, A benchmark of selected algorithmic differentiation tools on some
problems in computer vision and machine learning (2018). Only the data's text formats and the
problems' definitions are ADBench's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff import cos, dot, exp, fsum, logsumexp, sin, sqrt

if TYPE_CHECKING:
    from torch import Tensor

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


class Component(NamedTuple):
    """One Gaussian: log weight (not normalized), mean, and the factor of its precision by rows."""

    log_weight: Any
    mean: Any
    rows: list[list[Any]]


def random_mixture(d: int, k: int, n: int, seed: int = 0) -> Mixture:
    generator = np.random.default_rng(seed)
    shapes = [(k,), (k, d), (k, d * (d + 1) // 2), (n, d)]
    alphas, means, factors, data = (generator.normal(size=shape) for shape in shapes)
    return Mixture(alphas, means, factors, data, gamma=1.0, m=0)


def mixture_at_hand(components: int) -> Mixture:
    """1,000 points in 10 dimensions: ADBench's own, or random numbers where they are missing."""
    path = Path(__file__).parents[2] / "shared" / "adbench" / f"gmm_d10_K{components}.txt"
    return read_mixture(path) if path.exists() else random_mixture(10, components, 1000)


def mixture_objective(alphas: Any, means: Any, factors: Any, rest: Mixture) -> Any:
    """The log posterior of the mixture, with a Wishart prior on the factors of the precisions."""
    mixture = components(alphas, means, factors)
    likelihood = fsum(log_density(x, mixture) for x in rest.data.tolist())
    return likelihood + terms_without_data(alphas, factors, rest)


def log_likelihood(alphas: Any, means: Any, factors: Any, x: Any) -> Any:
    """The term of the objective that one example adds."""
    return log_density(x, components(alphas, means, factors))


def components(alphas: Any, means: Any, factors: Any) -> list[Component]:
    return [
        Component(alpha + fsum(row[: len(mean)]), mean, rows_of_factor(row, len(mean)))
        for alpha, mean, row in zip(alphas, means, factors, strict=True)
    ]


def rows_of_factor(row: Any, d: int) -> list[list[Any]]:
    lower = rows_of_lower_triangle(row[d:], d)
    return [[*left, exp(q)] for left, q in zip(lower, row[:d], strict=True)]


def log_density(x: Sequence[Any], mixture: Sequence[Component]) -> Any:
    return logsumexp([log_share(x, component) for component in mixture])


def log_share(x: Sequence[Any], component: Component) -> Any:
    centred = [a - mean for a, mean in zip(x, component.mean, strict=True)]
    projected = [dot(row, centred[: len(row)]) for row in component.rows]
    return component.log_weight - 0.5 * dot(projected, projected)


def terms_without_data(alphas: Any, factors: Any, rest: Mixture) -> Any:
    """The prior, and what makes densities of the likelihood and of the prior."""
    n, d = rest.data.shape
    prior = fsum(log_prior(row[:d], row[d:], rest) for row in factors)
    constant = -n * d / 2 * math.log(2 * math.pi) - len(alphas) * log_wishart_normalizer(rest)
    return prior - n * logsumexp(alphas) + constant


def log_prior(logarithms: Any, lower: Any, rest: Mixture) -> Any:
    diagonal = [exp(q) for q in logarithms]
    squares = dot(diagonal, diagonal) + dot(lower, lower)
    return 0.5 * rest.gamma**2 * squares - rest.m * fsum(logarithms)


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
    return float(degrees * d * math.log(rest.gamma / math.sqrt(2)) - log_gamma)


def torch_mixture_objective(
    alphas: Tensor, means: Tensor, factors: Tensor, data: Tensor, rest: Mixture
) -> Any:
    """The same in PyTorch, examples along the last axis, which is the fastest of six layouts."""
    import torch

    n, d = rest.data.shape
    left_columns, left_rows = torch.triu_indices(d, d, 1)
    logarithms, lower = factors[:, :d], factors[:, d:]
    diagonal = logarithms.exp()
    left = factors.new_zeros(len(alphas), d, d)
    left[:, left_rows, left_columns] = lower
    projected = (left + torch.diag_embed(diagonal)) @ (data.T - means[:, :, None])
    sums = logarithms.sum(1)
    densities = (alphas + sums)[:, None] - 0.5 * (projected * projected).sum(1)
    squares = (diagonal * diagonal).sum() + (lower * lower).sum()
    prior = 0.5 * rest.gamma**2 * squares - rest.m * sums.sum()
    constant = -n * d / 2 * math.log(2 * math.pi) - len(alphas) * log_wishart_normalizer(rest)
    likelihood = torch.logsumexp(densities, 0).sum()
    return likelihood - n * torch.logsumexp(alphas, 0) + prior + constant


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


def reprojection_residual(camera: Any, point: Any, weight: Any, feature: Any) -> list[Any]:
    """w · (project(camera, point) - feature)."""
    rotation, centre, focal = camera[:3], camera[3:6], camera[6]
    principal, (k1, k2) = camera[7:9], camera[9:11]
    x, y, z = rotate(rotation, [a - c for a, c in zip(point, centre, strict=True)])
    u, v = x / z, y / z
    r2 = u * u + v * v
    distortion = 1 + k1 * r2 + k2 * r2 * r2
    return [
        weight * (focal * distortion * ray + offset - seen)
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


class Observations(NamedTuple):
    """Many observations, the camera and the point of each gathered: one row for each."""

    cameras: Array
    points: Array
    weights: Array
    features: Array


def random_observations(
    cameras: int, points: int, observations: int, seed: int = 0
) -> Observations:
    """Cameras near the origin that look along z at points some way off."""
    generator = np.random.default_rng(seed)
    typical = np.array([0.3, 0.2, 0.1, 0, 0, 0, 800, 320, 240, 0.01, 0.01])
    all_cameras = typical + generator.normal(0, 0.05, (cameras, 11))
    all_points = generator.uniform((-1, -1, 4), (1, 1, 6), (points, 3))
    return Observations(
        all_cameras[generator.integers(cameras, size=observations)],
        all_points[generator.integers(points, size=observations)],
        generator.uniform(0.5, 1.5, observations),
        generator.uniform(0, 600, (observations, 2)),
    )


def squared_residual(camera: Any, point: Any, weight: Any, feature: Any) -> Any:
    u, v = reprojection_residual(camera, point, weight, feature)
    return u * u + v * v


def torch_residuals_by_rows(
    cameras: Tensor, points: Tensor, weights: Tensor, features: Tensor
) -> Any:
    """Shape (observations, 2), in arrays of small vectors, as one writes it first."""
    import torch

    rotation, focal, principal = cameras[:, :3], cameras[:, 6:7], cameras[:, 7:9]
    moved = points - cameras[:, 3:6]
    angle = torch.linalg.vector_norm(rotation, dim=1, keepdim=True)
    axis = rotation / angle
    along = (axis * moved).sum(1, keepdim=True) * (1 - angle.cos())
    turned = moved * angle.cos() + torch.linalg.cross(axis, moved) * angle.sin() + axis * along
    ray = turned[:, :2] / turned[:, 2:]
    r2 = (ray * ray).sum(1, keepdim=True)
    distortion = 1 + r2 * (cameras[:, 9:10] + r2 * cameras[:, 10:])
    return weights[:, None] * (focal * distortion * ray + principal - features)


def torch_residuals_by_columns(
    cameras: Tensor, points: Tensor, weights: Tensor, features: Tensor
) -> Any:
    """The same with one long vector for each coordinate, which PyTorch does in half the time."""
    import torch

    *rotation, c0, c1, c2, focal, p0, p1, k1, k2 = cameras.unbind(1)
    x, y, z = (a - c for a, c in zip(points.unbind(1), (c0, c1, c2), strict=True))
    angle = torch.sqrt(rotation[0] ** 2 + rotation[1] ** 2 + rotation[2] ** 2)
    a0, a1, a2 = (r / angle for r in rotation)
    cosine, sine = angle.cos(), angle.sin()
    along = (a0 * x + a1 * y + a2 * z) * (1 - cosine)
    depth = z * cosine + (a0 * y - a1 * x) * sine + a2 * along
    u = (x * cosine + (a1 * z - a2 * y) * sine + a0 * along) / depth
    v = (y * cosine + (a2 * x - a0 * z) * sine + a1 * along) / depth
    r2 = u * u + v * v
    scale = focal * (1 + r2 * (k1 + r2 * k2))
    f0, f1 = features.unbind(1)
    return torch.stack([weights * (scale * u + p0 - f0), weights * (scale * v + p1 - f1)], 1)
