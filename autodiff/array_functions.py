"""NumPy's functions on arrays of Values, composed of the operations of the table.

Nothing here looks at a number: a graph that is replayed with others, or compiled, chooses anew.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autodiff import arrays, primitives
from autodiff.arrays import (
    ELEMENT_RULES,
    FUNCTIONS,
    NUMPYS_OWN,
    REDUCTIONS,
    Array,
    Rule,
    ValueArray,
    by_numpy,
    mapped,
    with_values,
)
from autodiff.primitives import PRIMITIVES
from autodiff.value import Value

_NUMPY_NAMES = {
    "subtract": "subtract", "negative": "negate", "absolute": "abs", "fabs": "abs",
    "positive": "identity", "true_divide": "divide", "float_power": "power",
    "mod": "remainder", "rint": "round", "deg2rad": "radians", "rad2deg": "degrees",
    "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2",
}  # fmt: skip
"""NumPy's names for the operations of the table, where they differ."""
ELEMENT_RULES.update(PRIMITIVES)
ELEMENT_RULES.update({theirs: PRIMITIVES[ours] for theirs, ours in _NUMPY_NAMES.items()})
ELEMENT_RULES.update(square=lambda a: a * a, reciprocal=lambda a: 1 / a)
for _theirs, _ours in _NUMPY_NAMES.items():  # np.arcsin of an array of Values asks for v.arcsin()
    if not hasattr(Value, _theirs):
        setattr(Value, _theirs, getattr(Value, _ours))

Axes = int | tuple[int, ...] | None


def array(numbers: Any) -> ValueArray:
    """An array of Values: one new leaf for each plain number; Values stay the nodes they are.

    Args:
        numbers: an array, or nested lists or tuples of equal lengths.

    Raises:
        TypeError: if an element is no real number.
        ValueError: if the lengths are not equal.

    >>> x = array([[1.0, 2.0], [3.0, 4.0]])
    >>> (x @ x).sum().backward()
    >>> x.grad.tolist()
    [[7.0, 11.0], [9.0, 13.0]]
    """
    given = np.array(numbers) if _is_plain(numbers) else np.array(numbers, object)
    elements = [a if isinstance(a, Value) else Value(a) for a in given.ravel().tolist()]
    result = np.empty(len(elements), object)
    result[:] = elements
    return result.reshape(given.shape).view(ValueArray)


def _is_plain(numbers: Any) -> bool:
    return isinstance(numbers, np.ndarray)


def along(rule: Rule, operand: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """A function of any number of scalars, at each line of an array along the axes, or at all."""
    lines = lines_of(operand, axis)
    elements = [rule(*line) for line in lines.reshape(len(lines), -1).T.tolist()]
    result = arrays.as_array(elements, lines.shape[1:])[()]
    return _finished(result, np.shape(operand), axis, keepdims)


def lines_of(operand: Any, axis: Axes) -> Array:
    """An array whose first axis runs along the given axes of another, or through all of it."""
    given: Array = np.asarray(operand)
    axes = _positive(axis, given.ndim)
    moved = np.moveaxis(given, axes, range(len(axes)))
    return moved.reshape(-1, *moved.shape[len(axes) :])


def _positive(axis: Axes, ndim: int) -> list[int]:
    if axis is None:
        return list(range(ndim))
    axes = [axis] if not isinstance(axis, tuple) else list(axis)
    for a in axes:
        if not -ndim <= a < ndim:
            raise ValueError(f"there is no axis {a} in an array of {ndim} dimension(s)")
    return [a % ndim for a in axes]


def _finished(result: Any, shape: tuple[int, ...], axis: Axes, keepdims: bool) -> Any:
    """The results for all lines, as a scalar if there is one, or with axes of length 1 kept."""
    if keepdims:
        axes = _positive(axis, len(shape))
        kept = [1 if i in axes else length for i, length in enumerate(shape)]
        return with_values(np.asarray(result, object).reshape(kept))
    return with_values(result)


# ------------------------------------------------------------------------- the largest of many


def _extreme(choose: Rule, reaches: Rule) -> Rule:
    """The largest or smallest along axes: of n that tie, each has one nth of the gradient."""

    def reduce(
        operand: Any,
        axis: Axes = 0,
        dtype: object = None,  # noqa: ARG001
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> Any:
        if where is not True:
            if initial is None:
                raise ValueError("the largest or smallest of what a mask leaves needs initial=...")
            operand = np.where(where, operand, initial)
        lines = lines_of(operand, axis)
        if initial is not None:
            lines = np.concatenate([lines, np.full((1, *lines.shape[1:]), initial, object)])
        if not len(lines):
            raise ValueError("the largest or smallest of no elements is not defined")
        result = _evenly(lines, _tournament(choose, lines), reaches)
        return _finished(result, np.shape(operand), axis, keepdims)

    return reduce


def _tournament(choose: Rule, lines: Array) -> Any:
    """The one that is chosen again and again, in pairs, in as few rounds as there can be."""
    while len(lines) > 1:
        half = len(lines) // 2
        winners = choose(lines[:half], lines[half : 2 * half])
        lines = np.concatenate([winners, lines[2 * half :]])
    return lines[0]


def _evenly(lines: Array, peak: Any, reaches: Rule) -> Any:
    """The peak with its gradient shared by all that reach it, where pairs would give ½, ¼, ¼.

    What is added is 0, and its gradient takes from those that have too much. An infinite peak, for
    which it would be ∞ - ∞, keeps the shares of the pairs.
    """
    if len(lines) <= 2:
        return peak
    ties = reaches(lines, peak)
    excess = primitives.fsum(*primitives.subtract(primitives.where(ties, lines, peak), peak))
    zero = primitives.where(primitives.greater_equal(excess, 0), excess, 0)
    count = primitives.maximum(primitives.fsum(*ties), 1)  # no number equals a peak that is NaN
    return peak + zero / count


def _equals(a: Any, b: Any) -> Any:
    return primitives.greater_equal(a, b) * primitives.less_equal(a, b)


REDUCTIONS["maximum"] = _extreme(primitives.maximum, primitives.greater_equal)
REDUCTIONS["minimum"] = _extreme(primitives.minimum, primitives.less_equal)


def _logaddexp_reduce(operand: Any, axis: Axes = 0, keepdims: bool = False, **_: Any) -> Any:
    return along(primitives.logsumexp, operand, axis, keepdims)


REDUCTIONS["logaddexp"] = _logaddexp_reduce


def _masked(ufunc: np.ufunc, neutral: int) -> Rule:
    """A sum or product; what a mask leaves out is neutral in it."""

    def reduce(operand: Any, axis: Axes = 0, where: Any = True, **options: Any) -> Any:
        if where is not True:
            operand = np.where(where, operand, neutral)
        return by_numpy(ufunc, "reduce", [operand], {"axis": axis, **options})

    return reduce


REDUCTIONS["add"] = _masked(np.add, 0)
REDUCTIONS["multiply"] = _masked(np.multiply, 1)

# ---------------------------------------------------------------------------- sums of products


def _vecdot(a: Array, b: Array, axis: int = -1, keepdims: bool = False) -> Any:
    """Products along an axis that both have, added up from the first to the last."""
    products = np.moveaxis(a, axis, -1) * np.moveaxis(b, axis, -1)
    total = np.add.reduce(products, -1)
    return np.expand_dims(total, axis) if keepdims else total


def _matvec(a: Array, b: Array) -> Any:
    return _vecdot(a, b[..., None, :])


def _vecmat(a: Array, b: Array) -> Any:
    return _matvec(np.swapaxes(b, -1, -2), a)


def _matmul(a: Array, b: Array) -> Any:
    if a.ndim == 1:
        return _vecdot(a, b) if b.ndim == 1 else _vecmat(a, b)
    if b.ndim == 1:
        return _matvec(a, b)
    return _vecdot(a[..., :, None, :], np.swapaxes(b, -1, -2)[..., None, :, :])


arrays.CONTRACTIONS.update(vecdot=_vecdot, matvec=_matvec, vecmat=_vecmat, matmul=_matmul)

# ------------------------------------------------------------------------------ truth, recorded


def _truth(a: Any) -> Any:
    return primitives.where(a, 1, 0)


def _not(a: Any) -> Any:
    return primitives.where(a, 0, 1)


def _and(a: Any, b: Any) -> Any:
    return primitives.where(a, _truth(b), 0)


def _or(a: Any, b: Any) -> Any:
    return primitives.where(a, 1, _truth(b))


def _either(a: Any, b: Any) -> Any:
    return primitives.where(a, _not(b), _truth(b))


ELEMENT_RULES.update(
    logical_not=_not, logical_and=_and, logical_or=_or, logical_xor=_either,
    invert=_not, bitwise_and=_and, bitwise_or=_or, bitwise_xor=_either,
    clip=lambda a, low, high: primitives.minimum(primitives.maximum(a, low), high),
)  # fmt: skip


def _quantifier(combine: Rule, neutral: int) -> Rule:
    """any() or all(), along any number of axes; what a mask leaves out is neutral in it."""

    def over(*truths: Any) -> Any:
        return functools.reduce(combine, truths, neutral)

    def reduce(
        operand: Any, axis: Axes = 0, where: Any = True, keepdims: bool = False, **_: Any
    ) -> Any:
        if where is not True:
            operand = np.where(where, operand, neutral)
        return along(over, operand, axis, keepdims)

    return reduce


REDUCTIONS["logical_or"] = _quantifier(_or, 0)
REDUCTIONS["logical_and"] = _quantifier(_and, 1)

# --------------------------------------------------------------------------- NumPy's functions


def implements(function: Rule) -> Callable[[Rule], Rule]:
    """Decorate what takes the place of a NumPy function on arrays of Values."""

    def register(ours: Rule) -> Rule:
        FUNCTIONS[function] = ours
        return ours

    return register


@implements(np.where)
def _where(condition: Any, *branches: Any) -> Any:
    if len(branches) != 2:
        arrays.refuse("where with one argument")
    return mapped(_chosen, [condition, *branches])


def _chosen(condition: Any, a: Any, b: Any) -> Any:
    """A mask that is no Value is part of the program, and nothing has to be recorded."""
    return primitives.where(condition, a, b) if isinstance(condition, Value) else (b, a)[condition]


@implements(np.select)
def _select(conditions: Any, choices: Any, default: Any = 0) -> Any:
    result = default
    for condition, choice in reversed(list(zip(conditions, choices, strict=True))):
        result = _where(condition, choice, result)
    return result


@implements(np.count_nonzero)
def _count_nonzero(a: Any, axis: Axes = None, *, keepdims: bool = False) -> Any:
    return np.sum(mapped(_truth, [a]), axis=axis, keepdims=keepdims)


@implements(np.sort)
def _sort(a: Any, axis: int | None = -1, **_: Any) -> Any:
    lines = _sorted(lines_of(a, axis))
    return with_values(lines if axis is None else np.moveaxis(lines, 0, axis))


def _sorted(lines: Array) -> Array:
    """Sorted along the first axis, by comparisons whose order does not depend on any number."""
    lines = lines.copy()
    for lower, upper in _merge_exchange(len(lines)):
        a, b = lines[lower], lines[upper]
        lines[lower] = primitives.minimum(a, b)
        lines[upper] = primitives.maximum(a, b)
    return lines


def _merge_exchange(count: int) -> Iterator[tuple[Array, Array]]:
    """The rounds of a sorting network: which places are compared with which, all at once.

    Batcher, Sorting networks and their applications (1968), in Knuth's form, The Art of Computer
    Programming, volume 3, section 5.2.2, algorithm M.
    """
    places = np.arange(count)
    top = 1 << max(count - 1, 0).bit_length() >> 1
    p = top
    while p:
        q, r, distance = top, 0, p
        while True:
            lower = places[: max(count - distance, 0)]
            lower = lower[lower & p == r]
            if len(lower):
                yield lower, lower + distance
            if q == p:
                break
            distance, q, r = q - p, q >> 1, p
        p >>= 1


@implements(np.inner)
def _inner(a: Any, b: Any) -> Any:
    a, b = with_values(np.asarray(a)), with_values(np.asarray(b))
    if not (np.ndim(a) and np.ndim(b)):
        return a * b
    return np.vecdot(np.expand_dims(a, tuple(range(-b.ndim, -1))), b)


@implements(np.dot)
def _dot(a: Any, b: Any, out: Any = None) -> Any:
    b = np.asanyarray(b)
    result = np.inner(a, np.swapaxes(b, -1, -2) if np.ndim(a) and b.ndim > 1 else b)
    if out is None:
        return result
    out[...] = result
    return out


@implements(np.vdot)
def _vdot(a: Any, b: Any) -> Any:
    return np.dot(np.ravel(a), np.ravel(b))


@implements(np.tensordot)
def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    np.tensordot(np.zeros(np.shape(a), bool), np.zeros(np.shape(b), bool), axes)  # if they fit
    of_a, of_b = (range(-axes, 0), range(axes)) if isinstance(axes, int) else axes
    return np.inner(_with_last(a, of_a), _with_last(b, of_b))


def _with_last(a: Any, axes: Any) -> Any:
    """An array with these axes as one, the last."""
    a, axes = np.asarray(a), np.array(axes, int).ravel()
    last = np.moveaxis(a, axes, range(-len(axes), 0))
    kept = a.ndim - len(axes)
    return with_values(last.reshape(*last.shape[:kept], math.prod(last.shape[kept:])))


@implements(np.correlate)
def _correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    if len(v) > len(a):
        return np.correlate(v, a, mode)[::-1]
    overlaps = np.correlate(np.ones(len(a)), np.ones(len(v)), mode).astype(int)
    first = int(overlaps[0]) - len(v)  # where v begins
    places = range(first, first + len(overlaps))
    a, v = np.asanyarray(a), np.asanyarray(v)
    sums = [np.vecdot(a[max(k, 0) : k + len(v)], v[max(-k, 0) : len(a) - k]) for k in places]
    return arrays.as_array(sums, (len(sums),))


@implements(np.convolve)
def _convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    a, v = (a, v) if len(a) >= len(v) else (v, a)
    return np.correlate(a, np.flip(v), mode)


@implements(np.sinc)
def _sinc(x: Any) -> Any:
    return primitives.sinc(x)


@implements(np.median)
def _median(a: Any, axis: Axes = None, *, keepdims: bool = False) -> Any:
    lines = lines_of(a, axis)
    if not len(lines):
        raise ValueError("the median of no elements is not defined")
    in_order, half = _sorted(lines), len(lines) // 2
    middle = _evenly(lines, in_order[half], _equals)
    if len(lines) % 2 == 0:
        middle = (_evenly(lines, in_order[half - 1], _equals) + middle) / 2
    return _finished(middle, np.shape(a), axis, keepdims)


@implements(np.linalg.norm)
def _norm(x: Any, ord: Any = None, axis: Axes = None, keepdims: bool = False) -> Any:
    x = with_values(np.asarray(x))
    if ord is None and axis is None:
        return np.sqrt(np.sum(x * x, keepdims=keepdims))
    axes = _positive(axis, x.ndim)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ValueError(f"a norm is taken along one axis or two, got {len(axes)}")


def _vector_norm(x: Any, ord: Any, axis: int, keepdims: bool) -> Any:
    if ord is None or ord == 2:
        return np.sqrt(np.sum(x * x, axis, keepdims=keepdims))
    if ord == 1:
        return np.sum(abs(x), axis, keepdims=keepdims)
    if abs(ord) == np.inf:
        return (np.max if ord > 0 else np.min)(abs(x), axis, keepdims=keepdims)
    if ord == 0:
        return _count_nonzero(x, axis, keepdims=keepdims)
    return np.sum(abs(x) ** ord, axis, keepdims=keepdims) ** (1 / ord)


def _matrix_norm(x: Any, ord: Any, axes: list[int], keepdims: bool) -> Any:
    rows, columns = axes
    if ord in (None, "fro", "f"):
        return np.sqrt(np.sum(x * x, (rows, columns), keepdims=keepdims))
    if ord not in (1, -1, np.inf, -np.inf):
        arrays.refuse(f"linalg.norm(ord={ord!r}) of a matrix")
    summed, compared = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = np.sum(abs(x), summed, keepdims=True)
    result = (np.max if ord > 0 else np.min)(sums, compared, keepdims=True)
    return result if keepdims else np.squeeze(result, (rows, columns))


# NumPy's functions that compute by operators and ufuncs, or move elements and look at none.
_OWN = """
    sum prod cumsum cumprod mean var std max min amax amin ptp any all clip round around diff
    ediff1d outer einsum einsum_path kron cross
    trapezoid average polyval vander trace cumulative_sum cumulative_prod apply_along_axis
    apply_over_axes reshape ravel transpose permute_dims matrix_transpose swapaxes moveaxis
    rollaxis expand_dims squeeze broadcast_to broadcast_arrays atleast_1d atleast_2d
    atleast_3d concatenate concat stack vstack hstack dstack column_stack block unstack split
    array_split hsplit vsplit dsplit tile repeat roll rot90 flip fliplr flipud pad take
    take_along_axis put put_along_axis putmask place copyto compress choose delete insert
    append resize copy diag diagonal diagflat fill_diagonal tril triu meshgrid shape ndim size
    zeros_like ones_like full_like empty_like result_type iscomplexobj isrealobj real
    array_repr array_str array2string may_share_memory shares_memory linalg.multi_dot
    linalg.matrix_power linalg.outer linalg.cross linalg.diagonal linalg.trace
    linalg.matrix_transpose linalg.matmul linalg.tensordot linalg.vecdot linalg.vector_norm
    linalg.matrix_norm
"""


def _find(name: str) -> Any:
    """A function of NumPy by its name, or None where this version has none."""
    found: Any = np
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


NUMPYS_OWN.update(filter(None, map(_find, _OWN.split())))


# ----------------------------------------------------------------- methods that pass NumPy's tables


def _refusing(name: str) -> Rule:
    def method(*_: Any, **__: Any) -> Any:
        arrays.refuse(name)

    method.__name__ = name
    method.__doc__ = f"Refuse np.{name}, which decides by numbers without recording it."
    return method


for _name in (
    "argmax",
    "argmin",
    "argsort",
    "argpartition",
    "partition",
    "searchsorted",
    "nonzero",
):
    setattr(ValueArray, _name, _refusing(_name))


def _sort_in_place(self: ValueArray, axis: int = -1, **_: Any) -> None:
    """Sort in place, by a network of minimum and maximum; see :func:`numpy.sort`."""
    self[...] = np.sort(self, axis)


ValueArray.sort = _sort_in_place  # type: ignore[assignment,method-assign]


def _dot_method(self: ValueArray, b: Any, out: Any = None) -> Any:
    """Sums of products; see :func:`numpy.dot`."""
    return np.dot(self, b, out)


ValueArray.dot = _dot_method  # type: ignore[assignment,method-assign]


def _round(self: ValueArray, decimals: int = 0) -> Any:
    """Round to so many decimals, if the table has a rule for rounding; see :func:`numpy.round`."""
    scale = 10.0**decimals
    return np.rint(self * scale) / scale if decimals else np.rint(self)


ValueArray.round = _round  # type: ignore[assignment,method-assign]
