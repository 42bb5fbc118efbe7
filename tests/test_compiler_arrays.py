"""Compiled programs of wide array expressions, at random, against the eager engine."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

import autodiff as ad
from autodiff import compile, value_and_grad

UNARY = {
    "sin": ad.sin,
    "tanh": ad.tanh,
    "relu": ad.relu,
    "square": lambda a: a**2,
    "reciprocal": lambda a: (2 + ad.cos(a)) ** -1,
    "twice": lambda a: a + a,
}
BINARY = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / (2 + ad.sin(b)),
    "maximum": ad.maximum,
    "where": lambda a, b: ad.where(a < b, 2 * a, b),
    "power": lambda a, b: (2 + ad.sin(a)) ** ad.tanh(b),
}


def each(function: Any, *arrays: Any) -> Any:
    return np.frompyfunc(function, len(arrays), 1)(*arrays)


def shuffled_dot(seed: int, a: Any, b: Any) -> Any:
    order = np.random.default_rng(seed).permutation(len(a))
    return sum((a[i] * b[i] for i in order), 0.0)


def apply(step: tuple[str, str, int, int, int], pool: list[Any]) -> Any:
    """One step on arrays in the pool; what does not fit together is bent until it does."""
    kind, name, i, j, number = step
    a, b = pool[i % len(pool)], pool[j % len(pool)]
    if kind == "unary":
        return each(UNARY[name], a)
    if kind == "binary":
        a, b = a.ravel()[:6], b.ravel()[:6]
        count = min(len(a), len(b))
        return each(BINARY[name], a[:count], b[:count])
    if kind == "pairs":
        return each(BINARY[name], a.ravel()[:5, None], a.ravel()[:5])
    if kind == "outer":
        return each(BINARY[name], a.ravel()[:5, None], b.ravel()[:4])
    if kind == "row":
        rows, row = np.atleast_2d(a), np.resize(b.ravel(), np.atleast_2d(a).shape[1])
        return each(BINARY[name], rows, row)
    if kind == "matrix":
        rows, columns = np.atleast_2d(a), b.ravel()
        count = min(rows.shape[1], len(columns))
        return np.array(
            [shuffled_dot(number, row[:count], columns[:count]) for row in rows], object
        )
    if kind == "triangle":
        a, b = a.ravel(), b.ravel()
        return np.array(
            [ad.dot(a[: k + 1], b[: k + 1]) for k in range(min(len(a), len(b)))], object
        )
    if kind == "sum":
        return np.atleast_1d(np.atleast_2d(a).sum(number % 2))
    if kind == "logsumexp":
        return np.array([ad.logsumexp(list(row)) for row in np.atleast_2d(a)], object)
    views = [a[::-1], a.T, a.ravel()[::2], a.ravel()[1:] if a.size > 1 else a, a.reshape(-1, 1)]
    return views[number % len(views)]


KINDS = (
    "unary",
    "binary",
    "pairs",
    "outer",
    "row",
    "matrix",
    "triangle",
    "sum",
    "logsumexp",
    "view",
)
steps = st.lists(
    st.one_of(
        [
            st.tuples(
                st.just(kind),
                st.sampled_from(sorted(UNARY if kind == "unary" else BINARY)),
                st.integers(0, 9),
                st.integers(0, 9),
                st.integers(0, 9),
            )
            for kind in KINDS
        ]
    ),
    min_size=1,
    max_size=6,
)
shapes = st.sampled_from([(3,), (1,), (2, 3), (3, 3), (4,)])


def program(recipe: list[tuple[str, str, int, int, int]]) -> Any:
    """A function of two structures of arrays with one scalar result."""

    def function(p: Any, x: Any) -> Any:
        pool = [*p, *x]
        for step in recipe:
            pool.append(np.asarray(apply(step, pool), object))
        terms = [a for array in pool[-3:] for a in array.ravel()]
        return sum(each(ad.tanh, np.array(terms, object)) * np.linspace(0.5, 1.5, len(terms)))

    return function


@given(steps, st.tuples(shapes, shapes), st.integers(0, 3), st.integers(0, 2**16))
def test_wide_programs(
    recipe: Any, both: tuple[tuple[int, ...], tuple[int, ...]], examples: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    p = (generator.normal(size=both[0]), generator.normal(size=3))
    x = (generator.normal(size=(examples, *both[1])), generator.normal(size=(examples, 2)))
    function = program(recipe)
    single = [value_and_grad(function, (0, 1))(p, tuple(a[i] for a in x)) for i in range(examples)]
    assume(all(np.isfinite(value) for value, _ in single))
    f = compile(function, batched="x")
    losses, (dp, dx) = f.value_and_grad(p, x, argnums=(0, 1))
    np.testing.assert_allclose(losses, [value for value, _ in single], rtol=1e-9, atol=1e-9)
    scale = 1 + max((np.abs(a).max() for _, (gp, _) in single for a in gp), default=0.0)
    for k, gradient in enumerate(dp):
        expected = sum((slopes[0][k] for _, slopes in single), np.zeros(gradient.shape))
        np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-9 * scale)
    for k, gradient in enumerate(dx):
        for i, (_, slopes) in enumerate(single):
            np.testing.assert_allclose(gradient[i], slopes[1][k], rtol=1e-9, atol=1e-9 * scale)
    for gradient in (*dp, *dx):
        gradient[...] = 777.0  # arrays of their own
    again, _ = f.value_and_grad(p, x, argnums=(0, 1))
    np.testing.assert_array_equal(again, losses)
    if examples:
        for target in ("numpy", "python"):
            first = tuple(a[0] for a in x)
            value, slopes = compile(function, target=target).value_and_grad(p, first)
            assert abs(value - single[0][0]) <= 1e-9 * scale
            for ours, theirs in zip(slopes, single[0][1][0], strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9 * scale)
