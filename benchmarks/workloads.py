"""Workloads: programs as researchers write them who know nothing of vectors.

Each is plain scalar code on lists and loops, with arguments of the size that is measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff import cos, dot, erf, exp, log, logsumexp, maximum, sigmoid, sin, sqrt, tanh
from benchmarks import adbench

RANDOM = np.random.default_rng(0)


@dataclass(frozen=True)
class Workload:
    """A program, its arguments, and what it is differentiated with respect to.

    Attributes:
        batched: names of arguments with an axis of examples.
        argnums: the arguments whose gradients are wanted.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    batched: tuple[str, ...] = ()
    argnums: tuple[int, ...] = (0,)


# ------------------------------------------------------------------------------- time series


def normalised(logits: Sequence[Any]) -> list[Any]:
    """Logarithms of probabilities."""
    total = logsumexp(logits)
    return [logit - total for logit in logits]


SYMBOLS = RANDOM.integers(0, 5, 60).tolist()


def hidden_markov_model(transition: Any, emission: Any, start: Any) -> Any:
    """The forward algorithm in logarithms (Rabiner 1989)."""
    step = [normalised(row) for row in transition]
    seen = [normalised(row) for row in emission]
    states = range(len(step))
    alpha = [a + seen[k][SYMBOLS[0]] for k, a in enumerate(normalised(start))]
    for symbol in SYMBOLS[1:]:
        alpha = [
            logsumexp([alpha[j] + step[j][k] for j in states]) + seen[k][symbol] for k in states
        ]
    return logsumexp(alpha)


def viterbi(transition: Any, emission: Any, start: Any) -> Any:
    """The score of the best path through a hidden Markov model."""
    states = range(len(transition))
    best = [start[k] + emission[k][SYMBOLS[0]] for k in states]
    for symbol in SYMBOLS[1:]:
        scores = []
        for k in states:
            score = best[0] + transition[0][k]
            for j in states[1:]:
                score = maximum(score, best[j] + transition[j][k])
            scores.append(score + emission[k][symbol])
        best = scores
    score = best[0]
    for other in best[1:]:
        score = maximum(score, other)
    return score


OBSERVED = np.cumsum(RANDOM.normal(size=100)).tolist()


def kalman_filter(variances: Any) -> Any:
    """The log likelihood of a random walk that is seen with noise."""
    process, noise = exp(variances[0]), exp(variances[1])
    mean, variance, total = 0.0, 1.0, 0.0
    for y in OBSERVED:
        variance = variance + process
        residual, spread = y - mean, variance + noise
        gain = variance / spread
        total = total - 0.5 * (log(2 * math.pi * spread) + residual * residual / spread)
        mean = mean + gain * residual
        variance = (1 - gain) * variance
    return total


INPUTS = RANDOM.normal(size=(100, 6)).tolist()
TARGETS = np.sin(np.arange(100) / 5).tolist()


def lstm(inner: Any, outer: Any, bias: Any) -> Any:
    """A long short-term memory on lists; the error of its first unit at every step."""
    units = len(outer[0])
    h, c, total = [0.0] * units, [0.0] * units, 0.0
    for x, target in zip(INPUTS, TARGETS, strict=True):
        z = [dot(inner[r], x) + dot(outer[r], h) + bias[r] for r in range(4 * units)]
        gates = [sigmoid(a) for a in z[: 3 * units]]
        candidate = [tanh(a) for a in z[3 * units :]]
        forget, take, show = gates[:units], gates[units : 2 * units], gates[2 * units :]
        c = [f * a + i * b for f, a, i, b in zip(forget, c, take, candidate, strict=True)]
        h = [o * tanh(a) for o, a in zip(show, c, strict=True)]
        total = total + (h[0] - target) ** 2
    return total


def lotka_volterra(rates: Any, start: Any) -> Any:
    """Predators and prey by the classical Runge-Kutta method, 1,000 steps."""
    a, b, c, d = rates
    x, y = start
    h = 0.01

    def slopes(x: Any, y: Any) -> tuple[Any, Any]:
        return a * x - b * x * y, c * x * y - d * y

    for _ in range(1000):
        k1, l1 = slopes(x, y)
        k2, l2 = slopes(x + h / 2 * k1, y + h / 2 * l1)
        k3, l3 = slopes(x + h / 2 * k2, y + h / 2 * l2)
        k4, l4 = slopes(x + h * k3, y + h * l3)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        y = y + h / 6 * (l1 + 2 * l2 + 2 * l3 + l4)
    return x + y


# ------------------------------------------------------------------------------ linear algebra


def attention(query: Any, key: Any, value: Any, tokens: Any) -> Any:
    """Self-attention of one head; the sum of squares of the result."""
    width = range(len(query))
    q = [[dot(query[r], t) for r in width] for t in tokens]
    k = [[dot(key[r], t) for r in width] for t in tokens]
    v = [[dot(value[r], t) for r in width] for t in tokens]
    total = 0.0
    for row in q:
        scores = [dot(row, other) / math.sqrt(len(query)) for other in k]
        shift = logsumexp(scores)
        weights = [exp(score - shift) for score in scores]
        for r in width:
            mixed = dot(weights, [other[r] for other in v])
            total = total + mixed * mixed
    return total


POINTS = np.sort(RANDOM.random(20) * 4).tolist()
HEIGHTS = np.sin(POINTS).tolist()


def gaussian_process(logs: Any) -> Any:
    """The log likelihood of a Gaussian process, by a Cholesky factor in loops."""
    scale, length, noise = exp(logs[0]), exp(logs[1]), exp(logs[2])
    n = len(POINTS)
    factor: list[list[Any]] = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            k = scale * exp(-((POINTS[i] - POINTS[j]) ** 2) / (2 * length * length))
            if i == j:
                k = k + noise
            for m in range(j):
                k = k - factor[i][m] * factor[j][m]
            factor[i][j] = sqrt(k) if i == j else k / factor[j][j]
    total: Any = 0.0
    solved: list[Any] = []
    for i in range(n):
        z = HEIGHTS[i]
        for m in range(i):
            z = z - factor[i][m] * solved[m]
        solved.append(z / factor[i][i])
        total = total - 0.5 * solved[i] ** 2 - log(factor[i][i])
    return total


def log_determinant(matrix: Any) -> Any:
    """The logarithm of a determinant by elimination without pivots."""
    rows = [list(row) for row in matrix]
    total: Any = 0.0
    for k in range(len(rows)):
        total = total + log(rows[k][k])
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / rows[k][k]
            for j in range(k + 1, len(rows)):
                rows[i][j] = rows[i][j] - factor * rows[k][j]
    return total


def tridiagonal(lower: Any, diagonal: Any, upper: Any, right: Any) -> Any:
    """The Thomas algorithm; the sum of squares of the solution."""
    n = len(diagonal)
    c, d = [upper[0] / diagonal[0]], [right[0] / diagonal[0]]
    for i in range(1, n):
        pivot = diagonal[i] - lower[i - 1] * c[i - 1]
        if i < n - 1:
            c.append(upper[i] / pivot)
        d.append((right[i] - lower[i - 1] * d[i - 1]) / pivot)
    x = d[-1]
    total = x * x
    for i in reversed(range(n - 1)):
        x = d[i] - c[i] * x
        total = total + x * x
    return total


def fourier_power(signal: Any, weights: Any) -> Any:
    """The weighted power of a spectrum, by a radix-2 fast Fourier transform."""

    def transform(re: list[Any], im: list[Any]) -> tuple[list[Any], list[Any]]:
        n = len(re)
        if n == 1:
            return re, im
        er, ei = transform(re[::2], im[::2])
        odd_r, odd_i = transform(re[1::2], im[1::2])
        out_r, out_i = [0.0] * n, [0.0] * n
        for k in range(n // 2):
            c, s = math.cos(2 * math.pi * k / n), -math.sin(2 * math.pi * k / n)
            tr, ti = c * odd_r[k] - s * odd_i[k], c * odd_i[k] + s * odd_r[k]
            out_r[k], out_i[k] = er[k] + tr, ei[k] + ti
            out_r[k + n // 2], out_i[k + n // 2] = er[k] - tr, ei[k] - ti
        return out_r, out_i

    re, im = transform(list(signal), [0.0] * len(signal))
    total = 0.0
    for w, a, b in zip(weights, re, im, strict=True):
        total = total + w * (a * a + b * b)
    return total


# ------------------------------------------------------------------------------------ others

OFFSETS = [0.3, 0.0, 0.25, 0.0, 0.2, 0.0, 0.1]
LENGTHS = [0.0, 0.4, 0.0, 0.35, 0.0, 0.2, 0.1]
TWISTS = [math.pi / 2, -math.pi / 2, math.pi / 2, -math.pi / 2, math.pi / 2, -math.pi / 2, 0.0]
GOAL = [0.3, 0.2, 0.9]


def robot_arm(angles: Any) -> Any:
    """The distance of a hand from its goal, by Denavit-Hartenberg matrices."""
    pose: list[list[Any]] = [[float(i == j) for j in range(4)] for i in range(4)]
    for angle, offset, length, twist in zip(angles, OFFSETS, LENGTHS, TWISTS, strict=True):
        c, s, ct, st = cos(angle), sin(angle), math.cos(twist), math.sin(twist)
        link = [
            [c, -s * ct, s * st, length * c],
            [s, c * ct, -c * st, length * s],
            [0.0, st, ct, offset],
            [0.0, 0.0, 0.0, 1.0],
        ]
        pose = [
            [sum(pose[i][k] * link[k][j] for k in range(4)) for j in range(4)] for i in range(4)
        ]
    return sqrt(sum((pose[i][3] - GOAL[i]) ** 2 for i in range(3)))


def black_scholes(spot: Any, rate: Any, volatility: Any, strike: Any) -> Any:
    """The price of a call that ends in a year (Black and Scholes 1973)."""

    def normal(x: Any) -> Any:
        return 0.5 * (1 + erf(x / math.sqrt(2)))

    d1 = (log(spot / strike) + rate + volatility * volatility / 2) / volatility
    return spot * normal(d1) - strike * exp(-rate) * normal(d1 - volatility)


def gravity(positions: Any, masses: Any) -> Any:
    """The potential energy of bodies that attract each other, softened."""
    total = 0.0
    for i in range(len(masses)):
        for j in range(i):
            square = sum((a - b) ** 2 for a, b in zip(positions[i], positions[j], strict=True))
            total = total - masses[i] * masses[j] / sqrt(square + 0.01)
    return total


def workloads() -> list[Workload]:
    """All of them, with their arguments."""
    random = np.random.default_rng(1)
    normal = random.normal
    matrix = normal(size=(12, 12)) * 0.1 + 2 * np.eye(12)
    tables = normal(size=(8, 8)), normal(size=(8, 5)), normal(size=8)
    heads = tuple(normal(size=(8, 8)) / 3 for _ in range(3))
    cells = normal(size=(40, 6)) / 3, normal(size=(40, 10)) / 3, normal(size=40) / 3
    bands = normal(size=49), 4 + random.random(50), normal(size=49), normal(size=50)
    spots = random.random(10_000) + 0.5
    return [
        Workload("hidden Markov model", hidden_markov_model, tables, argnums=(0, 1, 2)),
        Workload("Viterbi", viterbi, tables, argnums=(0, 1, 2)),
        Workload("LSTM", lstm, cells, argnums=(0, 1, 2)),
        Workload("attention", attention, (*heads, normal(size=(16, 8))), argnums=(0, 1, 2)),
        Workload("attention, 32 examples", attention, (*heads, normal(size=(32, 16, 8))),
                 ("tokens",), (0, 1, 2)),
        Workload("Gaussian process", gaussian_process, (np.array([0.1, 0.2, -2.0]),)),
        Workload("Lotka-Volterra", lotka_volterra,
                 (np.array([1.1, 0.4, 0.1, 0.4]), np.array([10.0, 5.0])), argnums=(0, 1)),
        Workload("robot arm", robot_arm, (normal(size=7),)),
        Workload("robot arm, 1,000 poses", robot_arm, (normal(size=(1000, 7)),), ("angles",)),
        Workload("Black-Scholes", black_scholes,
                 (spots, 0.02 + 0.01 * spots, 0.2 + 0.1 * spots, np.ones(10_000)),
                 ("spot", "rate", "volatility", "strike"), (0, 1, 2)),
        Workload("gravity", gravity, (normal(size=(30, 3)), random.random(30)), argnums=(0, 1)),
        Workload("Fourier transform", fourier_power,
                 (normal(size=256), random.random(256)), argnums=(0, 1)),
        Workload("Kalman filter", kalman_filter, (np.array([-1.0, 0.5]),)),
        Workload("determinant", log_determinant, (matrix,)),
        Workload("tridiagonal", tridiagonal, bands, argnums=(0, 1, 2, 3)),
    ]  # fmt: skip


# ----------------------------------------------------------------------------------- ADBench


def mixture_workload(components: int, points: int = 1_000) -> Workload:
    """The likelihood of one example, and its share of the terms without data, over a batch."""
    problem = adbench.mixture_at_hand(components)
    problem = problem._replace(data=np.resize(problem.data, (points, problem.data.shape[1])))
    count = len(problem.data)

    def log_posterior(alphas: Any, means: Any, factors: Any, x: Any) -> Any:
        rest = adbench.terms_without_data(alphas, factors, problem)
        return adbench.log_likelihood(alphas, means, factors, x) + rest / count

    name = f"Gaussian mixture, K = {components}"
    return Workload(name, log_posterior, problem[:4], ("x",), (0, 1, 2))


def adjustment_workload(count: int) -> Workload:
    """Squared residuals, and a row of gradients for each observation."""
    observed = adbench.random_observations(49, 7776, count)
    batched = ("camera", "point", "weight", "feature")
    name = f"bundle adjustment, {count:,}"
    return Workload(name, adbench.squared_residual, tuple(observed), batched, (0, 1))


def adbench_workloads() -> list[Workload]:
    """The problems of ADBench as programs on one example."""
    mixtures = [mixture_workload(components) for components in (5, 25)]
    return mixtures + [adjustment_workload(count) for count in (5_000, 31_843)]
