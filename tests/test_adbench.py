"""ADBench's problems: values and gradients against independent implementations, to 1e-10.

The mixture's gradient is derived by hand in NumPy; the Jacobian of bundle adjustment comes from
complex steps (Squire and Trapp, Using complex variables to estimate derivatives, 1998), which take
no differences. The measure of error is ADBench's: |x - y| / max(1, |x| + |y|).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest

from autodiff import jacobian, value_and_grad
from benchmarks.adbench import (
    Mixture,
    mixture_objective,
    read_mixture,
    read_observation,
    reprojection_residual,
)


def assert_close(found: Any, expected: Any) -> None:
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    error = np.abs(found - expected) / np.maximum(1, np.abs(found) + np.abs(expected))
    assert error.max() <= 1e-10


def mixture_by_hand(problem: Mixture) -> tuple[float, list[np.ndarray]]:
    alphas, means, factors, x, gamma, m = problem
    (k, d), n = means.shape, len(x)
    q, lower = factors[:, :d], np.zeros((k, d, d))
    lower[:, *np.triu_indices(d, 1)[::-1]] = factors[:, d:]
    big_q = lower + np.eye(d) * np.exp(q)[:, None, :]
    centred = x[:, None, :] - means
    projected = np.einsum("kab,nkb->nka", big_q, centred)
    terms = alphas + q.sum(1) - 0.5 * (projected**2).sum(2)
    peak = terms.max(1, keepdims=True)
    densities = peak[:, 0] + np.log(np.exp(terms - peak).sum(1))
    share = np.exp(terms - densities[:, None])
    weights = np.exp(alphas) / np.exp(alphas).sum()
    degrees = d + m + 1
    value = (
        -n * d / 2 * np.log(2 * np.pi)
        + densities.sum()
        - n * np.log(np.exp(alphas).sum())
        + 0.5 * gamma**2 * (np.exp(2 * q).sum() + (lower**2).sum())
        - m * q.sum()
        - k * (degrees * d * np.log(gamma / np.sqrt(2)) - log_multigamma(degrees / 2, d))
    )
    d_alphas = share.sum(0) - n * weights
    d_means = np.einsum("nk,kab,nka->kb", share, big_q, projected)
    d_big_q = -np.einsum("nk,nka,nkb->kab", share, projected, centred) + gamma**2 * lower
    diagonal = np.einsum("kaa->ka", d_big_q) * np.exp(q)
    d_q = share.sum(0)[:, None] + diagonal + gamma**2 * np.exp(2 * q) - m
    d_lower = d_big_q[:, *np.triu_indices(d, 1)[::-1]]
    return value, [d_alphas, d_means, np.hstack([d_q, d_lower])]


def log_multigamma(a: float, d: int) -> float:
    """From the integral's recursion: Γ_d(a) = π^((d-1)/2) Γ(a) Γ_(d-1)(a - 1/2)."""
    if d == 1:
        return float(mpmath.loggamma(a))
    rest = log_multigamma(a - 0.5, d - 1)
    return float((d - 1) / 2 * mpmath.log(mpmath.pi) + mpmath.loggamma(a)) + rest


@pytest.mark.parametrize("name", ["gmm_d2_K5", "gmm_d10_K5", "gmm_d10_K25"])
def test_gaussian_mixture(name: str, shared_adbench: Path) -> None:
    problem = read_mixture(shared_adbench / f"{name}.txt")
    if name == "gmm_d10_K25":  # two hundred of its thousand points, for time
        problem = problem._replace(data=problem.data[:200])
    value, gradient = value_and_grad(mixture_objective, argnums=(0, 1, 2))(
        problem.alphas, problem.means, problem.factors, problem
    )
    expected_value, expected_gradient = mixture_by_hand(problem)
    assert_close(value, expected_value)
    for found, expected in zip(gradient, expected_gradient, strict=True):
        assert_close(found, expected)


def residual_in_numpy(parameters: Any, feature: Any) -> Any:
    """The formulas again, on complex arrays."""
    r, centre, focal, principal, (k1, k2) = np.split(parameters[:11], [3, 6, 7, 9])
    angle = np.sqrt(r @ r)
    axis, moved = r / angle, parameters[11:14] - centre
    turned = (
        moved * np.cos(angle)
        + np.cross(axis, moved) * np.sin(angle)
        + axis * (axis @ moved) * (1 - np.cos(angle))
    )
    ray = turned[:2] / turned[2]
    r2 = ray @ ray
    return parameters[14] * (focal * (1 + k1 * r2 + k2 * r2**2) * ray + principal - feature)


def test_bundle_adjustment(shared_adbench: Path) -> None:
    camera, point, weight, feature = read_observation(shared_adbench / "ba1_n49_m7776_p31843.txt")
    parameters = np.concatenate([camera, point, [weight]]).astype(complex)
    assert_close(
        reprojection_residual(camera, point, weight, feature),
        residual_in_numpy(parameters, feature).real,
    )
    found = jacobian(reprojection_residual, argnums=(0, 1, 2))(camera, point, weight, feature)
    step = 1e-150
    expected = np.empty((2, 15))
    for i in range(15):
        moved = parameters.copy()
        moved[i] += 1j * step
        expected[:, i] = residual_in_numpy(moved, feature).imag / step
    assert_close([np.concatenate([*row[:2], [row[2]]]) for row in found], expected)
    assert jacobian(lambda w: 1 - w * w)(weight) == -2 * weight
