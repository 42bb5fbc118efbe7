"""What training needs of a dataset: batches in a random order, and labels as rows of 0 and 1."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff.transforms import is_index


class _Examples(Protocol):
    def __len__(self) -> int: ...
    def take(self, indices: NDArray[np.int64], /) -> Self: ...


Some = TypeVar("Some", bound=_Examples)


def batches(examples: Some, batch_size: int, generator: np.random.Generator) -> Iterator[Some]:
    """One epoch: every example once, in a random order, in batches of nearly equal size.

    Their sizes differ by one at most, since a last batch of a few would take as large a step as any
    other.

    Args:
        examples: a Dataset, toy points, or anything else with ``len`` and ``take``.
        batch_size: examples in a batch, at most.
        generator: what the order is drawn from, at once; in the same state it gives the same one.

    Raises:
        ValueError: if the batch size is no whole number of at least 1.
        TypeError: if the generator is none of NumPy's.

    >>> from autodiff.data import Dataset
    >>> dataset = Dataset(np.zeros((10, 784)), np.arange(10))
    >>> [batch.labels.tolist() for batch in batches(dataset, 4, np.random.default_rng(0))]
    [[4, 6, 2, 7], [3, 5, 9], [0, 8, 1]]
    """
    if not is_index(batch_size) or batch_size < 1:
        raise ValueError(f"batch_size must be a whole number of at least 1, got {batch_size!r}")
    if not isinstance(generator, np.random.Generator):
        raise TypeError(f"expected np.random.default_rng(seed) to draw from, got {generator!r}")
    order = generator.permutation(len(examples))
    parts = max(1, math.ceil(len(examples) / batch_size))
    return (examples.take(indices) for indices in np.array_split(order, parts) if len(indices))


def one_hot(labels: ArrayLike, classes: int) -> NDArray[np.float64]:
    """A row for each label, shape (count, classes): 1 at the label and 0 elsewhere.

    Args:
        labels: whole numbers from 0 to classes - 1, shape (count,).
        classes: how many classes there are.

    Raises:
        ValueError: if these are no such labels, or no such number of classes.

    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    if not is_index(classes) or classes < 1:
        raise ValueError(f"classes must be a whole number of at least 1, got {classes!r}")
    found = np.asarray(labels)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
        raise ValueError(
            "expected labels as whole numbers in an array of shape (count,), got "
            f"{found.dtype} of shape {found.shape}"
        )
    outside = found[(found < 0) | (found >= classes)]
    if outside.size:
        raise ValueError(
            f"labels of {classes} classes go from 0 to {classes - 1}, got {outside[0]}"
        )
    rows = np.zeros((len(found), classes))
    rows[np.arange(len(found)), found.astype(np.intp)] = 1
    return rows
