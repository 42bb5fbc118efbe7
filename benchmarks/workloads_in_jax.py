"""The workloads in JAX: the same values, by arrays and vectors as those write who know JAX well.

Arguments are those of ``benchmarks.workloads``; with examples a program gives one value for each.
The environment says before this is imported on what JAX runs and how precisely.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.nn import log_softmax, logsumexp, sigmoid, softmax
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import erf

from benchmarks import adbench
from benchmarks import workloads as plain

Array = jax.Array

# ------------------------------------------------------------------------------- time series


def hidden_markov_model(transition: Array, emission: Array, start: Array) -> Array:
    """The forward algorithm; every step adds up over the states before it."""
    step, seen = log_softmax(transition), log_softmax(emission).T[np.array(plain.SYMBOLS)]

    def forward(alpha: Array, symbol_seen: Array) -> tuple[Array, None]:
        return logsumexp(alpha[:, None] + step, axis=0) + symbol_seen, None

    alpha, _ = lax.scan(forward, log_softmax(start) + seen[0], seen[1:])
    return logsumexp(alpha)


def viterbi(transition: Array, emission: Array, start: Array) -> Array:
    seen = emission.T[np.array(plain.SYMBOLS)]

    def forward(best: Array, symbol_seen: Array) -> tuple[Array, None]:
        return jnp.max(best[:, None] + transition, axis=0) + symbol_seen, None

    best, _ = lax.scan(forward, start + seen[0], seen[1:])
    return jnp.max(best)


def kalman_filter(variances: Array) -> Array:
    process, noise = jnp.exp(variances)

    def step(state: tuple[Array, Array], y: Array) -> tuple[tuple[Array, Array], Array]:
        mean, variance = state[0], state[1] + process
        residual, spread = y - mean, variance + noise
        gain = variance / spread
        term = jnp.log(2 * math.pi * spread) + residual * residual / spread
        return (mean + gain * residual, (1 - gain) * variance), term

    _, terms = lax.scan(step, (jnp.array(0.0), jnp.array(1.0)), jnp.array(plain.OBSERVED))
    return -0.5 * jnp.sum(terms)


def lstm(inner: Array, outer: Array, bias: Array) -> Array:
    """The inputs enter by one product for all steps."""
    units = outer.shape[1]
    driven = jnp.array(plain.INPUTS) @ inner.T + bias

    def step(state: tuple[Array, Array], drive: Array) -> tuple[tuple[Array, Array], Array]:
        h, c = state
        z = drive + outer @ h
        forget, take, show = jnp.split(sigmoid(z[: 3 * units]), 3)
        c = forget * c + take * jnp.tanh(z[3 * units :])
        h = show * jnp.tanh(c)
        return (h, c), h[0]

    _, outputs = lax.scan(step, (jnp.zeros(units), jnp.zeros(units)), driven)
    return jnp.sum((outputs - jnp.array(plain.TARGETS)) ** 2)


def lotka_volterra(rates: Array, start: Array) -> Array:
    a, b, c, d = rates
    h = 0.01

    def slope(state: Array) -> Array:
        x, y = state
        return jnp.array([a * x - b * x * y, c * x * y - d * y])

    def step(state: Array, _: None) -> tuple[Array, None]:
        k1 = slope(state)
        k2 = slope(state + h / 2 * k1)
        k3 = slope(state + h / 2 * k2)
        k4 = slope(state + h * k3)
        return state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

    end, _ = lax.scan(step, start, length=1000)
    return jnp.sum(end)


# ------------------------------------------------------------------------------ linear algebra


def attention(query: Array, key: Array, value: Array, tokens: Array) -> Array:
    q, k, v = tokens @ query.T, tokens @ key.T, tokens @ value.T
    mixed = softmax(q @ k.T / math.sqrt(len(query))) @ v
    return jnp.sum(mixed * mixed)


def gaussian_process(logs: Array) -> Array:
    scale, length, noise = jnp.exp(logs)
    points, heights = jnp.array(plain.POINTS), jnp.array(plain.HEIGHTS)
    squares = (points[:, None] - points) ** 2
    kernel = scale * jnp.exp(-squares / (2 * length * length)) + noise * jnp.eye(len(points))
    factor = jnp.linalg.cholesky(kernel)
    solved = solve_triangular(factor, heights, lower=True)
    return -0.5 * solved @ solved - jnp.sum(jnp.log(jnp.diag(factor)))


def log_determinant(matrix: Array) -> Array:
    return jnp.linalg.slogdet(matrix)[1]


def tridiagonal(lower: Array, diagonal: Array, upper: Array, right: Array) -> Array:
    """By LAPACK; its bands are as long as the diagonal."""
    below, above = jnp.pad(lower, (1, 0)), jnp.pad(upper, (0, 1))
    x = lax.linalg.tridiagonal_solve(below, diagonal, above, right[:, None])
    return jnp.sum(x * x)


def fourier_power(signal: Array, weights: Array) -> Array:
    spectrum = jnp.fft.fft(signal)
    return weights @ (spectrum.real**2 + spectrum.imag**2)


# ------------------------------------------------------------------------------------ others


def robot_arm(angles: Array) -> Array:
    """All links at once, then their product."""
    c, s = jnp.cos(angles), jnp.sin(angles)
    ct, st = np.cos(plain.TWISTS), np.sin(plain.TWISTS)
    offsets, lengths = np.array(plain.OFFSETS), np.array(plain.LENGTHS)
    zeros, ones = jnp.zeros(len(angles)), jnp.ones(len(angles))
    rows: list[list[Any]] = [
        [c, -s * ct, s * st, lengths * c],
        [s, c * ct, -c * st, lengths * s],
        [zeros, st, ct, offsets],
        [zeros, zeros, zeros, ones],
    ]
    links = jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2)
    pose = links[0]
    for link in links[1:]:
        pose = pose @ link
    return jnp.linalg.norm(pose[:3, 3] - jnp.array(plain.GOAL))


def black_scholes(spot: Array, rate: Array, volatility: Array, strike: Array) -> Array:
    def normal(x: Array) -> Array:
        return 0.5 * (1 + erf(x / math.sqrt(2)))

    d1 = (jnp.log(spot / strike) + rate + volatility * volatility / 2) / volatility
    return spot * normal(d1) - strike * jnp.exp(-rate) * normal(d1 - volatility)


def gravity(positions: Array, masses: Array) -> Array:
    """All pairs in a square, of which the part below the diagonal counts."""
    squares = jnp.sum((positions[:, None] - positions) ** 2, axis=-1)
    energies = masses[:, None] * masses / jnp.sqrt(squares + 0.01)
    return -jnp.sum(jnp.tril(energies, -1))


# ----------------------------------------------------------------------------------- ADBench


def gaussian_mixture(alphas: Array, means: Array, factors: Array, data: Array) -> Array:
    """The log density of each example, and its share of the terms without data.

    Means are projected by themselves, which saves an array of examples × components × dimensions.
    """
    rest = adbench.Mixture(alphas, means, factors, data, gamma=1.0, m=0)  # as in all its data
    n, d = data.shape
    logarithms, lower = factors[:, :d], factors[:, d:]
    columns, rows = np.triu_indices(d, 1)
    diagonal = jnp.exp(logarithms)
    left = jnp.zeros((len(alphas), d, d)).at[:, rows, columns].set(lower)
    left = left + jax.vmap(jnp.diag)(diagonal)
    projected = jnp.einsum("kij,nj->kin", left, data)
    projected = projected - jnp.einsum("kij,kj->ki", left, means)[:, :, None]
    weights = alphas + jnp.sum(logarithms, axis=1)
    shares = weights[:, None] - 0.5 * jnp.sum(projected * projected, axis=1)
    prior = 0.5 * rest.gamma**2 * (jnp.sum(diagonal**2) + jnp.sum(lower**2))
    constant = d / 2 * math.log(2 * math.pi) + logsumexp(alphas)
    normalizer = len(alphas) * adbench.log_wishart_normalizer(rest)
    return logsumexp(shares, axis=0) - constant + (prior - normalizer) / n


def squared_residual(camera: Array, point: Array, weight: Array, feature: Array) -> Array:
    """Coordinate by coordinate, which XLA does faster than vectors of three."""
    r0, r1, r2, c0, c1, c2, focal, p0, p1, k1, k2 = camera
    x, y, z = point[0] - c0, point[1] - c1, point[2] - c2
    angle = jnp.sqrt(r0 * r0 + r1 * r1 + r2 * r2)
    a0, a1, a2 = r0 / angle, r1 / angle, r2 / angle
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    along = (a0 * x + a1 * y + a2 * z) * (1 - cosine)
    depth = z * cosine + (a0 * y - a1 * x) * sine + a2 * along
    u = (x * cosine + (a1 * z - a2 * y) * sine + a0 * along) / depth
    v = (y * cosine + (a2 * x - a0 * z) * sine + a1 * along) / depth
    square = u * u + v * v
    scale = focal * (1 + square * (k1 + square * k2))
    across, down = scale * u + p0 - feature[0], scale * v + p1 - feature[1]
    return weight * weight * (across * across + down * down)


PROGRAMS: dict[str, Callable[..., Any]] = {
    "hidden Markov model": hidden_markov_model,
    "Viterbi": viterbi,
    "LSTM": lstm,
    "attention": attention,
    "attention, 32 examples": jax.vmap(attention, in_axes=(None, None, None, 0)),
    "Gaussian process": gaussian_process,
    "Lotka-Volterra": lotka_volterra,
    "robot arm": robot_arm,
    "robot arm, 1,000 poses": jax.vmap(robot_arm),
    "Black-Scholes": black_scholes,
    "gravity": gravity,
    "Fourier transform": fourier_power,
    "Kalman filter": kalman_filter,
    "determinant": log_determinant,
    "tridiagonal": tridiagonal,
    "Gaussian mixture, K = 5": gaussian_mixture,
    "Gaussian mixture, K = 25": gaussian_mixture,
    "bundle adjustment, 5,000": jax.vmap(squared_residual),
    "bundle adjustment, 31,843": jax.vmap(squared_residual),
}
"""Each workload in JAX, by its name."""
