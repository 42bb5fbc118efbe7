"""Arrays of Values: NumPy's functions record what they choose, in every way to run them."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import autodiff as ad
from autodiff import Graph, Value, array, compile, grad, jacobian, value_and_grad
from autodiff.arrays import ELEMENT_RULES, ValueArray

M = np.array([[1.0, -2.0, 3.0], [0.5, 2.0, -1.0], [0.3, -0.2, 1.1]])
MASK = np.array([True, False, True])
W = np.arange(1.0, 4.0)

# What to compute with NumPy's names; on plain arrays it is NumPy itself that says what is right.
PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "layer": lambda x: np.maximum(M @ x + 1.0, 0).sum(),
    "minimum": lambda x: (np.minimum(x, W[::-1]) * W).sum(),
    "clip": lambda x: (np.clip(x, -1, 1.2) * W).sum(),
    "clip method": lambda x: x.clip(0.1, None).prod(),
    "max": lambda x: np.max(x) + np.amax(x) * x.max(),
    "max of rows": lambda x: (np.max(M * x, axis=1) * W).sum(),
    "max of some": lambda x: np.max(x, where=MASK, initial=-9.0),
    "max of columns, kept": lambda x: (M / (5 + (M * x).max(axis=0, keepdims=True))).sum(),
    "max of both axes": lambda x: (M * x).max(axis=(0, 1)),
    "min": lambda x: x.min() * np.min(x) + np.amin(M * x, 1)[1],
    "range": lambda x: np.ptp(x),
    "running max": lambda x: (np.maximum.accumulate(x) * W).sum(),
    "where": lambda x: np.where(x > 0, x * x, -x).sum(),
    "where, mask": lambda x: np.where(MASK, x, 2.0).prod(),
    "select": lambda x: np.select([x > 1, x > 0], [x, 2 * x], 3 * x).sum(),
    "sort": lambda x: (np.sort(x) * W).sum(),
    "sort of columns": lambda x: (np.sort(M * x, axis=0) * M).sum(),
    "sort of all": lambda x: (np.sort(M * x, axis=None) * np.arange(9.0)).sum(),
    "median": lambda x: np.median(x) * np.median(M[:2] * x, axis=0).sum(),
    "count": lambda x: (x > 0).sum() * x[0] + np.count_nonzero(x < 1) * x[1],
    "comparisons": lambda x: ((x >= 0) * W + (x <= 1) * W**2 + (x < 0.5) * x).sum(),
    "logic": lambda x: np.where((x > 0) & (x < 1) | ~(x < 2), x, 2 * x).sum(),
    "logic by name": lambda x: np.where(np.logical_and(x > 0, np.logical_not(x > 1)), x, 0).sum(),
    "exclusive": lambda x: np.where((x > 0) ^ (x > 1), x, 0).sum(),
    "any and all": lambda x: np.where(np.any(x > 1), x, -x).sum() + 2 * (x > 0).all() * x[1],
    "mean": lambda x: np.mean(x) * (M * x).mean(axis=0)[1],
    "std": lambda x: np.std(x) + (M * x).std(axis=1, ddof=1).sum(),
    "var": lambda x: np.var(x, ddof=1) * (M * x).var(0).sum(),
    "norm": lambda x: np.linalg.norm(x),
    "norms of rows": lambda x: (np.linalg.norm(M * x, axis=1) * W).sum(),
    "norm 1": lambda x: np.linalg.norm(x, 1) + np.linalg.norm(M * x, 1, axis=0)[2],
    "norm inf": lambda x: np.linalg.norm(x, np.inf) * np.linalg.norm(x, -np.inf),
    "norm 3": lambda x: np.linalg.norm(x, 3),
    "norm of a matrix": lambda x: np.linalg.norm(M * x) + np.linalg.norm(M * x, "fro"),
    "matrix norms": lambda x: np.linalg.norm(M * x, 1) * np.linalg.norm(M * x, np.inf),
    "absolute": lambda x: np.abs(x).sum() * abs(x)[0],
    "roots": lambda x: (np.sqrt(x * x + 1) * np.square(x)).sum(),
    "reciprocal": lambda x: np.reciprocal(x * x + 1).sum(),
    "arctan2": lambda x: (np.arctan2(2.0, x) + np.arctan2(x, W)).sum(),
    "hypot": lambda x: (np.hypot(x, 1.0) * np.hypot(2.0, x)).sum(),
    "functions": lambda x: (np.exp(x) + np.sin(x) * np.cos(x) - np.tanh(x) + np.log1p(x**2)).sum(),
    "powers": lambda x: (x**2 + np.power(2.0, x) - x**3).sum(),
    "negative": lambda x: (np.negative(x) - np.positive(x) + np.conjugate(x)).sum() * x[0],
    "logaddexp": lambda x: np.logaddexp.reduce(x) + np.logaddexp.reduce(M * x, axis=1)[2],
    "products": lambda x: np.prod(x) + np.cumprod(x)[1] + np.cumsum(x)[1] * x[2],
    "dot": lambda x: np.dot(M, x)[1] * x.dot(W) + np.inner(x, x) + np.vdot(W, x) + x @ M @ x,
    "outer": lambda x: np.outer(x, x).sum() * np.trace(np.outer(x, W)),
    "outer of a function": lambda x: (np.maximum.outer(x, W) * M).sum(),
    "einsum": lambda x: np.einsum("ij,j->i", M, x).max() + np.einsum("i,i", x, x),
    "tensordot": lambda x: np.tensordot(M, x, 1).sum() + np.kron(x, x)[4],
    "cross": lambda x: np.cross(x, W)[1] ** 2,
    "average": lambda x: np.average(x, weights=W) * np.average(x),
    "polynomial": lambda x: np.polyval(x, 2.0) * np.polyval(W, x[0]) + np.polyval(x, x)[1],
    "difference": lambda x: (np.diff(x) ** 2).sum() + np.trapezoid(x),
    "convolution": lambda x: (np.convolve(x, x)[::2]).sum(),
    "triangle": lambda x: (np.tril(np.outer(x, x)) * M).sum() + np.triu(np.outer(x, W)).max(),
    "joined": lambda x: np.concatenate([x, np.zeros(2)]).max() + np.stack([x, 2 * x]).min(0).sum(),
    "shapes": lambda x: (np.reshape(np.vstack([x, W, -x]), (3, 3)).T[::-1] * M).sum(),
    "padded": lambda x: (np.pad(x, 1) * np.arange(5.0)).sum() + np.roll(x, 1)[0] * np.flip(x)[0],
    "split": lambda x: sum(np.min(part) for part in np.split(np.tile(x, 2), 3)),
    "broadcast": lambda x: (np.broadcast_to(x, (2, 3)) * np.ones_like(x)).sum() * x[-1],
    "kept in zeros": lambda x: _filled(np.zeros_like(x), x).max(),
    "in place": lambda x: _in_place(x * 1.0).sum(),
    "masked": lambda x: _masked(x * 1.0).sum(),
    "sum as floats": lambda x: np.sum(x, dtype=float) * x.mean(dtype=np.float64),
    "astype": lambda x: ((x > 0).astype(float) * x).sum(),
    "along": lambda x: np.apply_along_axis(lambda row: row.max(), 1, M * x).sum(),
    "in place sort": lambda x: _sorted_in_place(x * 1.0)[0],
    "infinities": lambda x: np.max(np.where(x > -5, x, -np.inf)) + np.min(np.append(x, np.inf)),
}  # fmt: skip


def _filled(zeros: Any, x: Any) -> Any:
    zeros[1:] = x[1:]
    return zeros


def _in_place(x: Any) -> Any:
    x += 1
    x *= x
    np.maximum(x, 0.5, out=x)
    return x


def _masked(x: Any) -> Any:
    x[x < 0.5] = 0.25
    x[1] *= 3
    return x


def _sorted_in_place(x: Any) -> Any:
    x.sort()
    return x


POINT = np.array([0.3, 1.7, -0.4])
OTHERS = np.array([[0.9, -0.2, 0.6], [-1.3, -0.7, -2.2], [3.1, 1.05, 2.2]])


def difference_quotients(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    h = 1e-6
    return np.array([(function(x + h * e) - function(x - h * e)) / (2 * h) for e in np.eye(len(x))])


@pytest.mark.parametrize("name", PROGRAMS)
def test_numpys_functions_on_arrays_of_values(name: str) -> None:
    program = PROGRAMS[name]
    for x in (POINT, *OTHERS):
        value, slope = value_and_grad(program)(x)
        assert value == pytest.approx(float(program(x)), rel=1e-12)
        assert slope == pytest.approx(difference_quotients(program, x), rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_chosen_is_recorded(name: str) -> None:
    """A graph that was made at one point is right at others."""
    program, x = PROGRAMS[name], array(POINT)
    graph = Graph(program(x))
    for other in OTHERS:
        used = {
            leaf: a for leaf, a in zip(x.tolist(), other.tolist(), strict=True) if leaf in graph
        }
        assert graph.forward(used) == pytest.approx(float(program(other)), rel=1e-12)


@pytest.mark.parametrize("target", ["numpy", "python"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_arrays_of_values_compile(name: str, target: Any) -> None:
    program = PROGRAMS[name]
    compiled = compile(program, target=target)
    for x in (POINT, *OTHERS):
        value, slope = compiled.value_and_grad(x)
        expected, expected_slope = value_and_grad(program)(x)
        assert value == pytest.approx(expected, rel=1e-10)
        assert slope == pytest.approx(expected_slope, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", PROGRAMS)
def test_arrays_of_values_compile_for_batches(name: str) -> None:
    program = PROGRAMS[name]
    found = compile(program, batched="x")(np.stack([POINT, *OTHERS]))
    assert found == pytest.approx([float(program(x)) for x in (POINT, *OTHERS)], rel=1e-10)


SHAPES = [(), (3,), (4,), (3, 4), (4, 3), (2, 3, 4), (2, 4, 3), (1, 4), (0,), (3, 0), (5, 1, 3, 4)]
SINCE_2_2: dict[str, Callable[[Any, Any], Any]] = {
    name: getattr(np, name) for name in ("matvec", "vecmat") if hasattr(np, name)
}
CONTRACTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "matmul": np.matmul, "vecdot": np.vecdot, **SINCE_2_2,
    "dot": np.dot, "inner": np.inner, "vdot": np.vdot,
    "vecdot of columns": lambda a, b: np.vecdot(a, b, axis=0),
    "vecdot, kept": lambda a, b: np.vecdot(a, b, keepdims=True),
    "tensordot": lambda a, b: np.tensordot(a, b, 1), "tensordot, 2": np.tensordot,
    "tensordot, 0": lambda a, b: np.tensordot(a, b, 0),
    "tensordot, axes": lambda a, b: np.tensordot(a, b, (0, -1)),
    "tensordot, crossed": lambda a, b: np.tensordot(a, b, ([0, -1], (-1, 0))),
    **{
        f"{function.__name__}, {mode}": lambda a, b, f=function, mode=mode: f(a, b, mode)
        for function in (np.convolve, np.correlate)
        for mode in ("full", "same", "valid")
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRACTIONS)
def test_sums_of_products_are_numpys(name: str) -> None:
    """Of every shape, or of every length where there are vectors alone; and refused alike."""
    contract, random = CONTRACTIONS[name], np.random.default_rng(0)
    shapes: list[tuple[int, ...]] = SHAPES
    if name.startswith(("con", "cor")):
        shapes = [(n,) for n in range(8)]
    for left, right in itertools.product(shapes, shapes):
        a, b = random.standard_normal(left), random.standard_normal(right)
        try:
            expected = contract(a, b)
        except (ValueError, IndexError):
            expected = None
        for pair in ((array(a), b), (a, array(b)), (array(a), array(b))):
            if expected is None:
                with pytest.raises((ValueError, TypeError, IndexError)):
                    contract(*pair)
            else:
                found = contract(*pair)
                numbers = found.data if isinstance(found, Value | ValueArray) else found
                assert np.shape(numbers) == np.shape(expected)
                assert np.array(numbers, float) == pytest.approx(expected, rel=1e-12)


TOO_LARGE: dict[str, Callable[[Any], Any]] = {
    "@": lambda a: a @ a, "@ of stacks": lambda a: np.stack([a, a]) @ a,
    "plain @": lambda a: a.data @ a, "dot": lambda a: np.dot(a, a), "method": lambda a: a.dot(a),
    "inner": lambda a: np.inner(a, a), "vdot": lambda a: np.vdot(a, a),
    "vecdot": lambda a: np.vecdot(a, a),
    **{name: lambda a, f=function: f(a, a) for name, function in SINCE_2_2.items()},
    "tensordot": lambda a: np.tensordot(a, a),
    "tensordot, 1": lambda a: np.tensordot(a, a, 1), "outer": lambda a: np.outer(a, a),
    "einsum": lambda a: np.einsum("ij,jk", a, a),
    "einsum, optimized": lambda a: np.einsum("ij,jk,kl", a, a, a, optimize=True),
    "convolve": lambda a: np.convolve(a[0], a[0]),
    "correlate": lambda a: np.correlate(a[0], a[0], "full"),
    "multi_dot": lambda a: np.linalg.multi_dot([a, a, a]),
    "matrix_power": lambda a: np.linalg.matrix_power(a, 3), "kron": lambda a: np.kron(a, a),
    "product": lambda a: a * a, "square": np.square, "power": lambda a: a**2,
    "prod": lambda a: np.prod(a * a[0, 0]), "norm": np.linalg.norm,
    "sum": lambda a: np.sum(1e108 * a[:1] - np.array([[0.0], [-1e308]])),
    "mean": lambda a: np.mean(1e108 * a[:1] + np.array([[0.0], [1e308]])),
    "trapezoid": lambda a: np.trapezoid(1e108 * a[[0, 0]], axis=0),
    "vander": lambda a: np.vander(a[0]), "polyval": lambda a: np.polyval(a[0], a[0]),
    "polyval at a Value": lambda a: np.polyval(a[0], a[0, 0]),
}  # fmt: skip


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_is_too_large_says_so(name: str) -> None:
    """Also where NumPy would compute all the other elements before it looks at the error."""
    a = array(np.where(np.eye(3) * [1, 0, 0] > 0, 1e200, 1.0))
    with pytest.raises(OverflowError, match="is too large") as caught:
        TOO_LARGE[name](a)
    assert len(caught.value.__notes__) == 1
    assert "e+" in caught.value.__notes__[0]
    assert caught.value.__cause__ is None


# ------------------------------------------------------------------------------------- corners

INF, NAN = math.inf, math.nan
TIES: list[tuple[str, Callable[[Any], Any], list[float], float, list[float]]] = [
    ("max", np.max, [2.0, 2.0, 2.0], 2.0, [1 / 3, 1 / 3, 1 / 3]),
    ("max", np.max, [2.0, 1.0, 2.0, 0.0, 2.0], 2.0, [1 / 3, 0, 1 / 3, 0, 1 / 3]),
    ("max", np.max, [2.0, 2.0], 2.0, [0.5, 0.5]),
    ("max", np.max, [0.1] * 7, 0.1, [1 / 7] * 7),
    ("max", np.max, [1e150, -1e150, 1e150], 1e150, [0.5, 0, 0.5]),
    ("max", np.max, [0.0, -0.0, -1.0], 0.0, [0.5, 0.5, 0]),
    ("max", np.max, [INF, 1.0, 2.0], INF, [1, 0, 0]),
    ("max", np.max, [-INF, 1.0, 1.0], 1.0, [0, 0.5, 0.5]),
    ("min", np.min, [2.0, 1.0, 1.0, 1.0], 1.0, [0, 1 / 3, 1 / 3, 1 / 3]),
    ("min", np.min, [INF, 1.0, 2.0], 1.0, [0, 1, 0]),
    ("median", np.median, [1.0, 1.0, 1.0], 1.0, [1 / 3, 1 / 3, 1 / 3]),
    ("median", np.median, [3.0, 1.0, 2.0, 2.0, 9.0], 2.0, [0, 0, 0.5, 0.5, 0]),
    ("relu", lambda x: np.maximum(x, 0).sum(), [0.0, 1.0], 1.0, [0.5, 1]),
    ("clip", lambda x: np.clip(x, 0, 1).sum(), [0.0, 1.0, 0.5], 1.5, [0.5, 0.5, 1]),
    ("sort", lambda x: np.sort(x)[0], [1.0, 1.0], 1.0, [0.5, 0.5]),
]


@pytest.mark.parametrize(("name", "function", "x", "value", "slope"), TIES)
def test_ties_are_shared_evenly(name: str, function: Any, x: Any, value: Any, slope: Any) -> None:
    for transform in (value_and_grad, lambda f: compile(f, target="numpy").value_and_grad):
        found = transform(function)(np.array(x))
        assert found[0] == value, name
        assert found[1] == pytest.approx(slope, abs=1e-15), name


def test_comparing_never_overflows() -> None:
    value, slope = value_and_grad(np.max)(np.array([1e308, -1e308, 1e308, 1.0]))
    assert value == 1e308
    assert slope.tolist() == [0.5, 0, 0.5, 0]


@pytest.mark.parametrize("count", range(10))
def test_sorting_keeps_what_is_shared(count: int) -> None:
    """Each output has a gradient of 1 to give away, and each input gets 1 from all together."""
    x = np.array([1.0, 2.0, 1.0, 1.0, 0.0, 2.0, 2.0, 1.0, 3.0, 0.0])[:count]
    rows = jacobian(np.sort)(x).reshape(count, count)
    assert np.sort(array(x)).data.tolist() == sorted(x.tolist())
    assert rows.sum(0) == pytest.approx(np.ones(count))
    assert rows.sum(1) == pytest.approx(np.ones(count))
    assert all(
        abs(rows[i, j]) == 0 or sorted(x)[i] == x[j] for i in range(count) for j in range(count)
    )


@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize("function", [np.max, np.min, np.median, np.ptp, np.sum, np.std])
def test_nan_is_kept(function: Any, position: int) -> None:
    x = np.array([1.0, 2.0, 2.0, 5.0])
    x[position] = NAN
    assert math.isnan(function(array(x)).data)
    assert math.isnan(compile(lambda x: function(x))(x))
    assert np.isnan(np.maximum(array(x), 3.0).data[position])


def test_exact_numbers_stay_exact() -> None:
    x = array([Fraction(1, 3), Fraction(1, 2), Fraction(1, 2)])
    y = np.max(x) * np.sort(x)[0] + np.where(x > 0, x, 0).sum() + np.clip(x, 0, 1)[0]
    y.backward()
    assert y.data == Fraction(1, 6) + Fraction(4, 3) + Fraction(1, 3)
    assert x.grad.tolist() == [Fraction(5, 2), Fraction(7, 6), Fraction(7, 6)]


def test_second_derivatives() -> None:
    def function(x: Any) -> Any:
        return np.max(x**3) + np.where(x > 0, x**2, 0).sum() + np.sort(x * x)[0]

    expected = np.diag([2 + 0.0, 2 + 12.0, 2.0])
    assert ad.hessian(function)(np.array([0.5, 2.0, -0.1])) == pytest.approx(expected)


# ---------------------------------------------------------------------- functions map over arrays

UNARY = ["exp", "log1p", "sqrt", "sin", "tanh", "sigmoid", "softplus", "erf", "relu", "abs"]


@pytest.mark.parametrize("name", UNARY)
def test_functions_map_over_arrays(name: str) -> None:
    function, x = getattr(ad, name), np.array([[0.5, 1.0, 2.0], [0.1, 0.2, 3.0]])
    plain = function(x)
    assert type(plain) is np.ndarray
    assert plain.dtype == float
    assert plain.tolist() == [[function(a) for a in row] for row in x.tolist()]
    recorded = function(array(x))
    assert type(recorded) is ValueArray
    assert recorded.data.tolist() == plain.tolist()
    assert recorded[1, 2].op.name == name
    objects = np.array([Value(0.5), Value(2.0)], object)
    assert type(function(objects)) is ValueArray


def test_several_operands_are_broadcast() -> None:
    column, row = np.array([[1.0], [2.0]]), np.array([0.5, 1.5, 2.5])
    assert ad.maximum(column, row).tolist() == np.maximum(column, row).tolist()
    assert ad.atan2(Value(2.0), row).data == pytest.approx(np.arctan2(2.0, row))
    assert ad.hypot(array(column), row).data == pytest.approx(np.hypot(column, row))
    assert ad.where(column > 1.5, array(row), 0.0).data.tolist() == [[0.0] * 3, row.tolist()]
    assert Value(1.0).maximum(row).data.tolist() == [1.0, 1.5, 2.5]
    with pytest.raises(ValueError, match="shape"):
        ad.maximum(np.ones(2), np.ones(3))
    with pytest.raises(TypeError, match=r"takes 1 operand"):
        ad.exp(row, row)


def test_what_everyone_types() -> None:
    b = array([0.1, -0.2, 0.3])
    y = ad.relu(array(M) @ POINT + b).sum()
    y.backward()
    assert y.data == pytest.approx(np.maximum(M @ POINT + b.data, 0).sum())
    assert b.grad.tolist() == (M @ POINT + b.data > 0).tolist()


def test_a_value_and_an_array() -> None:
    v = Value(2.0)
    for result in (
        v * POINT,
        POINT * v,
        array(POINT) / v,
        v - array(POINT),
        v ** POINT[:2],
        v > POINT,
    ):
        assert type(result) is ValueArray
    assert (v * POINT).data == pytest.approx(2 * POINT)
    assert (v > POINT).data.tolist() == [1.0, 1.0, 1.0]
    assert np.arctan2(2.0, array(POINT)).data == pytest.approx(np.arctan2(2.0, POINT))


def test_rounding() -> None:
    if "rint" not in ELEMENT_RULES:
        pytest.skip("the table does not round")
    x = array([0.34, 1.78, -2.5])
    assert (x.round().data.tolist(), np.round(x, 1).data.tolist()) == ([0, 2, -2], [0.3, 1.8, -2.5])


@pytest.mark.parametrize(
    "function",
    [
        lambda v: np.where(v > 0, v, 2.0), lambda v: np.clip(v, 0, 1), lambda v: np.maximum(v, 0.5),
        lambda v: np.max(v) * np.sum(v), lambda v: np.stack([v, 2 * v]).max(),
        lambda v: np.logical_not(v > 1) * v, lambda v: np.append(v, 1.0).min(),
        lambda v: np.linalg.norm(v), lambda v: np.hstack([v, 0.3])[0] * np.ndim(v) + v,
    ],
)  # fmt: skip
def test_numpys_functions_on_a_single_value(function: Any) -> None:
    v = Value(0.3)
    graph = Graph(function(v))
    for number in (0.3, -0.7, 1.9):
        assert graph.forward({v: number}) == pytest.approx(float(function(number)))
        assert compile(lambda v: function(v))(number) == pytest.approx(float(function(number)))


def test_functions_of_many_operands() -> None:
    x = array(M)
    assert ad.logsumexp(x).data == pytest.approx(np.log(np.exp(M).sum()))
    assert ad.fsum(x).data == pytest.approx(M.sum())
    assert ad.fsum(M) == math.fsum(M.ravel())
    assert ad.dot(array(POINT), W, 1.0).data == pytest.approx(POINT @ W + 1)
    with pytest.raises(TypeError, match=r"one Value; for two numbers write a \* b"):
        ad.dot(Value(1.0), Value(2.0))
    with pytest.raises(TypeError, match="write weights @ inputs"):
        ad.dot(x, POINT)


# -------------------------------------------------------------------------------- what an array is


def test_array_makes_leaves_and_keeps_values() -> None:
    v = Value(3.0) * 2
    x = array([1, v, np.float64(2.5), True])
    assert [type(a) for a in x] == [Value] * 4
    assert x[1] is v
    assert x.data.tolist() == [1.0, 6.0, 2.5, 1.0]
    assert x.shape == (4,)
    assert array(x)[1] is v
    assert array([[1.0], [2.0]]).shape == (2, 1)
    assert array(np.zeros((0, 3))).shape == (0, 3)
    assert array(Value(1.0)).shape == ()
    for wrong in (["a"], [1j], [None]):
        with pytest.raises(TypeError, match="expected a real number"):
            array(wrong)


def test_results_are_values_and_arrays_of_values() -> None:
    x = array(M)
    for scalar in (x[0, 0], x.sum(), x.max(), np.mean(x), x.ravel() @ x.ravel(), np.median(x)):
        assert type(scalar) is Value
    for result in (x[0], x.T, x @ x, np.exp(x), np.copy(x), np.pad(x, 1), np.diag(x), x.sum(0)):
        assert type(result) is ValueArray
        assert {type(a) for a in result.ravel()} == {Value}
    x[0] = [1.0, 2, np.float64(3)]
    x[1, 1:] = 7.0
    for made in (x, np.zeros_like(x), np.ones_like(x), np.full_like(x, 2.0), np.diag(x[0])):
        assert {type(a) for a in made.ravel()} == {Value}
    parts = np.split(x, 3)
    assert [type(part) for part in parts] == [ValueArray] * 3
    assert np.shape(x) == (3, 3)


def test_copies_and_pickles() -> None:
    x = array([1.0, 2.0])
    y = np.maximum(x, 1.5) * 2
    for twin_x, twin_y in (copy.deepcopy((x, y)), pickle.loads(pickle.dumps((x, y)))):
        assert type(twin_x) is type(twin_y) is ValueArray
        twin_y.sum().backward()
        assert twin_x.grad.tolist() == [0.0, 2.0]
    assert copy.copy(x)[0] is x[0]
    assert x.grad.tolist() == [0.0, 0.0]


def test_arguments_of_transforms_may_be_arrays_of_values() -> None:
    x = array(POINT)
    inner = grad(lambda v: np.max(v) ** 3)(x)
    assert type(inner) is ValueArray
    inner.sum().backward()
    assert x.grad == pytest.approx([0, 6 * 1.7, 0])


# -------------------------------------------------------------------------------------- messages


@pytest.mark.parametrize(
    "decide",
    [
        np.argmax, np.argsort, np.unique, np.nonzero, np.isnan, np.linalg.det, np.sign, np.where,
        lambda x: x.argmax(), lambda x: x.argsort(), lambda x: np.searchsorted(x, 1.0),
        lambda x: np.partition(x, 1), lambda x: x.nonzero(), lambda x: np.interp(1.0, x, x),
    ],
)  # fmt: skip
def test_what_numpy_would_decide_by_numbers_is_refused(decide: Any) -> None:
    if decide is np.sign and "sign" in ad.PRIMITIVES:
        pytest.skip("the table has it")
    with pytest.raises(TypeError, match="without recording it; use operators"):
        decide(array(POINT))
    with pytest.raises(TypeError, match="without recording it; use operators"):
        compile(lambda x: decide(x))(POINT)


def test_messages_help() -> None:
    v, floats = Value(1.0), np.zeros(3)
    with pytest.raises(TypeError, match=r"cannot hold Values.*write a = a \+ b.*autodiff\.array"):
        floats += v
    floats = array(floats)
    floats += v
    assert floats.data.tolist() == [1.0] * 3
    with pytest.raises(TypeError, match=r"no index.*where\(\.\.\.\).*one-hot.*batched argument"):
        [1, 2][v]  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"as an index; choose with where"):
        compile(lambda i: [1.0, 2.0][i])(1.0)
    with pytest.raises(TypeError, match=r"same node.*a\.data == b\.data"):
        array([1.0]) == array([1.0])  # noqa: B015
    with pytest.raises(TypeError, match=r"got a single Value; \* multiplies"):
        np.ones(3) @ v
    with pytest.raises(TypeError, match=r"take one number.*np\.where"):
        floats[floats > 0] = np.ones(2)
    with pytest.raises(TypeError, match="leave astype"):
        array([1.0]).astype(int)


def following_messages(mistake: str) -> list[Callable[[list[Value]], Any]]:
    """A mistake, and what its message says to do instead."""
    return {
        "a Value of an array": [lambda v: Value(np.array(v)), lambda v: array(v).sum()],
        "a Value of a list": [lambda v: Value(v), lambda v: array(v).sum()],
        "a Value of a Value": [lambda v: Value(v[0]), lambda v: v[0]],
        "exp of a list": [lambda v: ad.exp(v), lambda v: ad.exp(array(v)).sum()],
        "an array of floats": [lambda v: np.array(v, float), lambda v: array(v).sum()],
        "an element of floats": [lambda v: _filled(np.zeros(2), v), lambda v: array(v).sum()],
        "math.exp": [lambda v: math.exp(v[0]), lambda v: ad.exp(v[0])],
        "astype": [lambda v: array(v).astype(int), lambda v: array(v).sum()],
    }[mistake]


@pytest.mark.parametrize(
    "mistake",
    [
        "a Value of an array", "a Value of a list", "a Value of a Value", "exp of a list",
        "an array of floats", "an element of floats", "math.exp", "astype",
    ],
)  # fmt: skip
def test_following_messages_never_loses_a_gradient(mistake: str) -> None:
    wrong, right = following_messages(mistake)
    v = [Value(1.0), Value(2.0)]
    with pytest.raises(TypeError) as caught:
        wrong(v)
    assert "pass its .data" not in str(caught.value)
    right(v).backward()
    assert v[0].grad != 0


# ---------------------------------------------------------------------------- random programs

STEPS: list[Callable[[Any], Any]] = [
    lambda x: np.maximum(x, 0.25), lambda x: np.minimum(x, x[::-1]), lambda x: np.clip(x, -1, 1),
    lambda x: np.where(x > 0, x, 0.5 * x), lambda x: np.sort(x), lambda x: x * np.max(x),
    lambda x: x - np.min(x), lambda x: np.cumsum(x), lambda x: np.abs(x), lambda x: np.tanh(x),
    lambda x: x / (1 + np.linalg.norm(x)), lambda x: x * (x > 0).sum(), lambda x: M @ x / 3,
    lambda x: np.roll(x, 1) * x, lambda x: x - np.median(x), lambda x: np.hypot(x, 1.0),
    lambda x: np.maximum.accumulate(x), lambda x: np.outer(x, x).max(axis=0) / 4,
    lambda x: np.where(np.any(x > 1), x / 2, x), lambda x: np.arctan2(x, 2.0),
    lambda x: x + x.var(),
]  # fmt: skip


@given(
    st.lists(st.integers(0, len(STEPS) - 1), min_size=1, max_size=5),
    st.lists(st.sampled_from([0.0, 0.25, 1.0, -1.0, 0.5, 2.0, -0.3]), min_size=3, max_size=3),
    st.lists(st.floats(-2, 2), min_size=3, max_size=3),
)
def test_random_programs(steps: list[int], x: list[float], other: list[float]) -> None:
    """Ties and corners among them: replay and compiled code agree with NumPy on plain numbers."""

    def program(x: Any) -> Any:
        for step in steps:
            x = STEPS[step](x)
        return (x * W).sum()

    leaves = array(x)
    graph = Graph(program(leaves))
    new = {leaf: a for leaf, a in zip(leaves.tolist(), other, strict=True) if leaf in graph}
    found = graph.forward(new)
    assert found == pytest.approx(float(program(np.array(other))), rel=1e-9, abs=1e-9)
    compiled = compile(program)
    for point in (x, other):
        value, slope = value_and_grad(program)(np.array(point))
        assert value == pytest.approx(float(program(np.array(point))), rel=1e-9, abs=1e-9)
        values, slopes = compiled.value_and_grad(np.array(point))
        assert values == pytest.approx(value, rel=1e-9, abs=1e-9)
        assert slopes == pytest.approx(slope, rel=1e-9, abs=1e-9, nan_ok=True)


# Matrices to matrices, in the names that NumPy and JAX share. Only the first kind may see ties,
# which both share evenly; JAX gives those of sort and median, and |0|, to one side, and what it
# rounds in a mean decides whether there is a tie.
WITH_TIES: list[Callable[[Any, Any], Any]] = [
    lambda n, x: n.maximum(x, 0.25), lambda n, x: n.minimum(x, x[::-1]), lambda n, x: 0.5 * x.T,
    lambda n, x: n.clip(x, -1, 1), lambda n, x: n.where(x > 0, x, 0.5 * x),
    lambda n, x: x * n.max(x, axis=0), lambda n, x: x - x.min(axis=1, keepdims=True),
    lambda n, x: x + n.max(x), lambda n, x: n.cumsum(x, 1), lambda n, x: n.outer(x[0], x[:, 1]),
    lambda n, x: x * (x > 0).sum(axis=0), lambda n, x: n.where(n.any(x > 1, axis=0), x / 2, x),
    lambda n, x: n.concatenate([x[:1], 2 * x]), lambda n, x: n.roll(x, 1, axis=0) * x,
    lambda n, x: x @ x.T / 3, lambda n, x: n.einsum("ij,kj->ik", x, x + 1),
    lambda n, x: n.amax(n.stack([x, x**2, 0.5 + 0 * x]), axis=0),
    lambda n, x: n.where((x > 0) & (x < 1), x, 2 * x), lambda n, x: n.pad(x, 1)[:3, 1:],
    lambda n, x: n.tril(x) + n.triu(x, 1)[::-1], lambda n, x: x[1:] - n.tensordot(x, x, 2) / 9,
]  # fmt: skip
WITHOUT_TIES: list[Callable[[Any, Any], Any]] = [
    lambda n, x: n.sort(x, axis=0), lambda n, x: n.sort(x, axis=-1) * x, lambda n, x: n.abs(x),
    lambda n, x: x - x.mean(axis=0),  # what is rounded, by XLA not alike in all lanes, makes ties
    lambda n, x: n.square(x) + n.exp(-x * x),
    lambda n, x: n.minimum(x, 1) * n.prod(n.tanh(x), axis=0),
    lambda n, x: x - n.median(x, axis=0), lambda n, x: x / n.linalg.norm(x, axis=1, keepdims=True),
    lambda n, x: x / n.linalg.norm(x), lambda n, x: x * n.std(x, axis=0),
    lambda n, x: x * n.var(x, ddof=1), lambda n, x: x / (1 + n.linalg.norm(x, 1, axis=0)),
    lambda n, x: x + n.linalg.norm(x, n.inf, axis=0), lambda n, x: n.hypot(x, 1.0) * n.sin(x),
    lambda n, x: n.arctan2(2.0, x) - n.arctan2(x, 3.0),
    lambda n, x: n.ptp(x, axis=0) * x, lambda n, x: n.logaddexp(x, x[::-1]) * 0.5,
]  # fmt: skip
LEVELS = [0.0, 0.25, 1.0, -1.0, 0.5, 2.0]


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
@settings(max_examples=max(500, settings().max_examples), deadline=None)
@given(st.data())
def test_random_programs_agree_with_jax(data: st.DataObject) -> None:
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    jax.config.update("jax_enable_x64", True)
    has_ties = data.draw(st.booleans())
    steps = WITH_TIES if has_ties else WITH_TIES + WITHOUT_TIES
    chosen = [steps[i] for i in data.draw(st.lists(st.sampled_from(range(len(steps))), max_size=4))]
    if has_ties:
        x = np.array(data.draw(st.lists(st.sampled_from(LEVELS), min_size=9, max_size=9)))
    else:
        x = np.random.default_rng(data.draw(st.integers(0, 2**32))).normal(size=9)

    def program(n: Any, x: Any) -> Any:
        x = x.reshape(3, 3)
        for step in chosen:
            x = step(n, x)
            assume(min(x.shape) >= 2 and x.shape[0] <= 6)
        return (x * np.cos(np.arange(x.size)).reshape(x.shape)).sum()

    try:
        expected, slope = jax.value_and_grad(lambda x: program(jax.numpy, x))(jax.numpy.asarray(x))
    except (TypeError, ValueError):  # shapes that do not fit
        assume(False)
    assume(np.isfinite([expected, *slope]).all() and abs(slope).max() < 1e6)
    ours = lambda x: program(np, x)  # noqa: E731
    for found in (value_and_grad(ours)(x), compile(ours).value_and_grad(x)):
        assert found[0] == pytest.approx(float(expected), rel=1e-9, abs=1e-9)
        assert found[1] == pytest.approx(np.asarray(slope), rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("mask", [[True, False, True], "recorded"])
def test_reductions_under_a_mask(mask: Any) -> None:
    x = array([3.0, 0.5, 2.0])
    where = x > 1 if mask == "recorded" else mask
    assert np.sum(x, where=where).data == 5.0
    assert np.prod(x, where=where).data == 6.0
    assert np.max(x, where=where, initial=-9.0).data == 3.0
    with pytest.raises(ValueError, match="initial"):
        np.max(x, where=where)


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_any_and_all_along_any_axes(axis: Any, keepdims: bool) -> None:
    numbers = np.array([[1.0, -2.0], [3.0, 4.0]])
    x = array(numbers)
    for function in (np.any, np.all):
        found = function(x > 0, axis=axis, keepdims=keepdims)
        expected = function(numbers > 0, axis=axis, keepdims=keepdims)
        assert np.array_equal(np.asarray(found.data, float), expected.astype(float))
