"""Batches of a dataset, in a random order or as they stand, and labels as rows of 0 and 1."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff.data.dataset import Dataset
from autodiff.transforms import is_index


def batches(
    examples: Dataset, batch_size: int, generator: np.random.Generator
) -> Iterator[Dataset]:
    """One epoch: every example once, in a random order, in batches of nearly equal size.

    Their sizes differ by one at most, since a last batch of a few would take as large a step as any
    other.

    Args:
        examples: what to divide.
        batch_size: examples in a batch, at most.
        generator: what the order is drawn from, at once; in the same state it gives the same one.

    Raises:
        ValueError: if the batch size is no whole number of at least 1.
        TypeError: if the generator is none of NumPy's.

    >>> dataset = Dataset(np.zeros((10, 784)), np.arange(10))
    >>> [batch.labels.tolist() for batch in batches(dataset, 4, np.random.default_rng(0))]
    [[4, 6, 2, 7], [3, 5, 9], [0, 8, 1]]
    """
    _check_batch_size(batch_size)
    if not isinstance(generator, np.random.Generator):
        raise TypeError(f"expected np.random.default_rng(seed) to draw from, got {generator!r}")
    order = generator.permutation(len(examples))
    parts = max(1, math.ceil(len(examples) / batch_size))
    return (examples.take(indices) for indices in np.array_split(order, parts) if len(indices))


class DataLoader:
    """Batches of inputs and targets, as arrays, one epoch at each loop: PyTorch's name and order.

    Unlike :func:`batches`, all but the last one have exactly the size that was asked for.

    Args:
        dataset: a Dataset, or a sequence of pairs of an input and a target.
        batch_size: examples in a batch.
        shuffle: whether to meet them in a new random order at each loop.
        drop_last: whether to leave out a last batch that is smaller.
        seed: of the orders; the same seed gives the same ones.

    Raises:
        ValueError: if the batch size is no whole number of at least 1.
        TypeError: if there are no such pairs.

    >>> loader = DataLoader(Dataset(np.zeros((10, 784)), np.arange(10)), batch_size=4)
    >>> [(x.shape, y.tolist()) for x, y in loader]
    [((4, 784), [0, 1, 2, 3]), ((4, 784), [4, 5, 6, 7]), ((2, 784), [8, 9])]
    """

    def __init__(
        self,
        dataset: Dataset | Sequence[tuple[Any, Any]],
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        drop_last: bool = False,
        seed: int = 0,
    ) -> None:
        _check_batch_size(batch_size)
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self._generator = np.random.default_rng(seed)
        self._arrays = dataset[:] if isinstance(dataset, Dataset) else _as_arrays(dataset)

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        whole, rest = divmod(len(self._arrays[0]), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        inputs, targets = self._arrays
        order = np.arange(len(inputs))
        if self.shuffle:
            order = self._generator.permutation(order)
        for i in range(len(self)):
            chosen = order[i * self.batch_size : (i + 1) * self.batch_size]
            yield inputs[chosen], targets[chosen]


def _as_arrays(pairs: Sequence[tuple[Any, Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    rows = [pairs[i] for i in range(len(pairs))]
    if not rows or any(not isinstance(row, tuple | list) or len(row) != 2 for row in rows):
        raise TypeError(
            "DataLoader expects a Dataset, or pairs of an input and a target; from two arrays "
            "make Dataset(x, y), or list(zip(x, y))"
        )
    inputs, targets = zip(*rows, strict=True)
    return np.array(inputs), np.array(targets)


def _check_batch_size(batch_size: Any) -> None:
    if not is_index(batch_size) or batch_size < 1:
        raise ValueError(f"batch_size must be a whole number of at least 1, got {batch_size!r}")


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
