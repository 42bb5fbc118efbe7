"""Embeddings: rows of a table, chosen by whole numbers that may be inputs of a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.functions import abs as absolute
from autodiff.functions import dot, round, sqrt
from autodiff.mathematics import UNKNOWN
from autodiff.nn.layers import Seed, check_whole, generator_of
from autodiff.nn.module import Module, Specification
from autodiff.nn.signals import Signal, as_rows, rows_shape
from autodiff.value import Value


def gather(table: Sequence[Any] | NDArray[Any], index: Any) -> Any:
    """Return ``table[index]``, where the index may be a number or a Value.

    A number chooses while the graph is recorded, and leaves no trace in it. The index that a
    compiled function is given is not known then: what is recorded is Σ over k of [index = k] ·
    table[k], a product with a vector of one 1. Programs for NumPy read the row instead, and add to
    it on the way back. Nothing varies with the index itself. (Machine code and JAX give 0 for an
    index that is NaN; JAX also for any that is no place.)

    Args:
        table: scalars, or rows of scalars.
        index: a whole number from 0 up to the last place.

    Returns:
        One scalar, or a list of those of a row.

    Raises:
        ValueError: if there is no such place.

    >>> gather([10.0, 20.0, 30.0], 2)
    30.0
    >>> gather([10.0, 20.0, 30.0], Value(1.0)).data
    20.0
    """
    if not isinstance(index, Value):
        return table[_place(index, len(table))]
    count = len(table)
    shifted = index + 0.5  # so that nothing is compared with 0, which would be another operation
    if index._data is not UNKNOWN:
        _place(index._data, count)
    else:  # roots that have no value unless the index is a place, which programs look at
        sqrt(0.25 - absolute(index - round(index)))
        sqrt(shifted)
        sqrt(count - shifted)
    chosen = [absolute(shifted - (place + 0.5)) <= 0.5 for place in range(count)]
    if np.ndim(table[0]) == 0:
        return dot(chosen, table)
    return [dot(chosen, column) for column in zip(*table, strict=True)]


def _place(index: Any, count: int) -> int:
    """A number as a place in a table."""
    if not 0 <= index < count or index % 1 != 0:
        raise ValueError(
            f"an index must be a whole number from 0 to {count - 1}, got {index!r:.40}"
        )
    return int(index)


class Embedding(Module):
    """A vector for each whole number: a table, one row of which is looked up for each index.

    Bengio et al., A neural probabilistic language model (2003), section 2.

    Args:
        count: how many rows there are, for the indices 0 to ``count - 1``.
        width: how long a row is.
        seed: where the random rows come from, of standard deviation 1.

    Raises:
        ValueError: if a number is not a positive whole one; at a call, if an index is no place.

    >>> layer = Embedding(27, 3, seed=0)
    >>> layer([5, 0, 5]).shape, len(layer.parameters())
    ((3, 3), 81)
    """

    def __init__(self, count: int, width: int, seed: Seed = None) -> None:
        check_whole(self, count=count, width=width)
        self.count, self.width = count, width
        numbers = generator_of(seed).normal(0.0, 1.0, (count, width))
        self.rows = [[Value(number, "e") for number in row] for row in numbers.tolist()]

    def forward(self, inputs: Signal) -> NDArray[Any]:
        """One row for each index, numbers or Values."""
        indices = np.asarray(inputs, object).ravel().tolist()
        result = np.empty((len(indices), self.width), object)
        for i, index in enumerate(indices):
            result[i] = gather(self.rows, index)
        return result

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """One row for each index."""
        if len(shape) != 1:
            raise ValueError(f"{self!r} expects a list of indices, got shape {shape}")
        return (*shape, self.width)

    def specification(self) -> Specification:
        """The arguments that make a table of this shape."""
        return {"kind": "Embedding", "count": self.count, "width": self.width}

    def __repr__(self) -> str:
        return f"Embedding({self.count}, {self.width})"


class PositionalEmbedding(Module):
    """A learned vector for each position, added to the row that stands there.

    Gehring et al., Convolutional sequence to sequence learning (2017), section 3.1.

    Args:
        length: how many positions there are.
        width: how long a row is.
        seed: where the random rows come from, of standard deviation 1.

    Raises:
        ValueError: if a number is not a positive whole one; at a call, if there are more rows than
            positions, or they have another width.

    >>> PositionalEmbedding(16, 3, seed=0)(np.zeros((5, 3))).shape
    (5, 3)
    """

    def __init__(self, length: int, width: int, seed: Seed = None) -> None:
        check_whole(self, length=length, width=width)
        self.length, self.width = length, width
        numbers = generator_of(seed).normal(0.0, 1.0, (length, width))
        self.rows = [[Value(number, "p") for number in row] for row in numbers.tolist()]

    def forward(self, inputs: Signal) -> NDArray[Any]:
        """The rows with those of their positions."""
        array = as_rows(inputs, self.width, "PositionalEmbedding")
        self.output_shape(array.shape)
        result: NDArray[Any] = array + np.array(self.rows[: len(array)], object)
        return result

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """As it was."""
        rows_shape(shape, self.width, repr(self))
        if shape[0] > self.length:
            raise ValueError(f"{self!r} has {self.length} positions, got {shape[0]} rows")
        return shape

    def specification(self) -> Specification:
        """The arguments that make a table of this shape."""
        return {"kind": "PositionalEmbedding", "length": self.length, "width": self.width}

    def __repr__(self) -> str:
        return f"PositionalEmbedding({self.length}, {self.width})"


class Window(Module):
    """Each row behind the rows before it, as one long row: what an n-gram model looks at.

    Args:
        size: how many rows are seen together; before the first there are zeros.

    Raises:
        ValueError: if it is not a positive whole number.

    >>> Window(2)(np.array([[1.0], [2.0], [3.0]])).tolist()
    [[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]]
    """

    def __init__(self, size: int) -> None:
        check_whole(self, size=size)
        self.size = size

    def forward(self, inputs: Signal) -> NDArray[Any]:
        """The rows, each with those before it."""
        array = np.asarray(inputs, object)
        self.output_shape(array.shape)
        length, width = array.shape
        padded = np.concatenate([np.full((self.size - 1, width), 0.0, object), array])
        seen: NDArray[Any] = np.concatenate([padded[i : i + length] for i in range(self.size)], 1)
        return seen

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """As many rows, longer."""
        if len(shape) != 2:
            raise ValueError(f"{self!r} expects rows of shape (length, width), got shape {shape}")
        return (shape[0], shape[1] * self.size)

    def specification(self) -> Specification:
        """The kind and the size."""
        return {"kind": "Window", "size": self.size}

    def __repr__(self) -> str:
        return f"Window({self.size})"
