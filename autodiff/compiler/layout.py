"""Layout: how a view of a block is written in NumPy: a slice, else a reshape, else a gather."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from autodiff.compiler.vectors import Indices


class Strided(NamedTuple):
    """Evenly spaced elements: ``indices[i, j, ...] = start + i·strides[0] + j·strides[1] + ...``.

    An axis of one element has stride 0.
    """

    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def strided(indices: Indices) -> Strided | None:
    """The even spacing of these indices, if they have one.

    >>> strided(np.array([[4, 5, 6], [8, 9, 10]]))
    Strided(start=4, shape=(2, 3), strides=(4, 1))
    """
    origin = (0,) * indices.ndim
    start = int(indices[origin])
    if indices.size == 1:
        return Strided(start, indices.shape, (0,) * indices.ndim)
    strides = []
    expected = np.full(indices.shape, start)
    for axis, size in enumerate(indices.shape):
        one = (*origin[:axis], 1, *origin[axis + 1 :])
        stride = int(indices[one]) - start if size > 1 else 0
        strides.append(stride)
        steps = np.arange(size) * stride
        expected += steps.reshape((-1,) + (1,) * (indices.ndim - axis - 1))
    return Strided(start, indices.shape, tuple(strides)) if (expected == indices).all() else None


class Window(NamedTuple):
    """A view as NumPy writes it: ``block[start:stop:step]``, reshaped, cut and transposed.

    ``shape`` is () where the slice is the view; ``columns`` cuts the last axis of the reshaped
    slice; ``axes`` is () where nothing is transposed.
    """

    start: int
    stop: int
    step: int
    shape: tuple[int, ...] = ()
    columns: tuple[int, int] | None = None
    axes: tuple[int, ...] = ()

    def is_whole(self, block_size: int) -> bool:
        """Whether the slice is all of the block."""
        return (self.start, self.stop, self.step) == (0, block_size, 1)


def window(layout: Strided, block_size: int) -> Window | None:
    """The slice and reshape that give this view, if there are any."""
    start, shape, strides = layout
    if prod(shape) == 1:
        return Window(start, start + 1, 1, () if len(shape) == 1 else shape)
    long = [axis for axis, size in enumerate(shape) if size > 1]
    if min(strides[axis] for axis in long) <= 0:
        return None
    if len(long) == 1:
        (axis,) = long
        step = strides[axis]
        stop = start + step * (shape[axis] - 1) + 1
        return Window(start, stop, step, () if len(shape) == 1 else shape)
    order = sorted(range(len(shape)), key=lambda axis: (-strides[axis], axis))
    ordered = [shape[axis] for axis in order]
    expected = 1
    for axis in reversed(order):
        if shape[axis] > 1:
            if strides[axis] != expected:
                return _cut(layout, block_size)
            expected *= shape[axis]
    inverse = tuple(int(i) for i in np.argsort(order))
    axes = () if inverse == tuple(range(len(shape))) else inverse
    return Window(start, start + prod(shape), 1, tuple(ordered), None, axes)


def _cut(layout: Strided, block_size: int) -> Window | None:
    """Some of the columns of a matrix stored by rows."""
    start, shape, strides = layout
    *outer, last = shape
    rows = prod(outer)
    long = [axis for axis in range(len(outer)) if outer[axis] > 1]
    if strides[-1] != 1 or not long:
        return None
    width = strides[long[-1]]
    expected = width
    for axis in reversed(long):
        if strides[axis] != expected:
            return None
        expected *= outer[axis]
    first = start % width
    base = start - first
    if first + last > width or base + rows * width > block_size:
        return None
    return Window(base, base + rows * width, 1, (*outer, width), (first, first + last))


def is_even(indices: Indices, block_size: int) -> bool:
    """Whether it is a slice, reshaped or transposed, or one element."""
    layout = strided(indices)
    return bool(layout and (not any(layout.strides) or window(layout, block_size)))


def repeating(indices: Indices) -> tuple[int, int] | None:
    """Rows and columns of a vector that repeats itself, as a whole or element by element."""
    size = indices.size
    (changes,) = np.nonzero(indices[1:] != indices[:-1])
    run = int(changes[0]) + 1 if len(changes) else size
    if 1 < run < size and size % run == 0:
        rows = indices.reshape(-1, run)
        if (rows == rows[:, :1]).all():
            return size // run, run
    (again,) = np.nonzero(indices[1:] == indices[0])
    period = int(again[0]) + 1 if len(again) else size
    if period < size and size % period == 0:
        rows = indices.reshape(-1, period)
        if (rows == rows[0]).all():
            return size // period, period
    return None


def in_rows(indices: Indices) -> tuple[int, int] | None:
    """Rows and columns of a vector that is part of the columns of a matrix, row by row.

    >>> in_rows(np.array([5, 6, 7, 9, 10, 11]))
    (2, 3)
    """
    steps = np.diff(indices)
    (breaks,) = np.nonzero(steps != steps[0])
    columns = int(breaks[0]) + 1 if len(breaks) else len(indices)
    rows, rest = divmod(len(indices), columns)
    if rest or columns < 2 or rows < 2:
        return None
    return (rows, columns) if strided(indices.reshape(rows, columns)) else None


def on_grid(indices: Indices, shape: tuple[int, ...]) -> Indices:
    """The indices in a shape; an axis along which they are the same has one element."""
    indices = indices.reshape(shape)
    for axis in range(indices.ndim):
        first = indices.take([0], axis)
        if (indices == first).all():
            indices = first
    return indices
