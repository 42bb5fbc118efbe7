"""Dataset: inputs with what a model is to answer, and how to set some aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs and targets that belong together: images with labels, points with classes, pairs.

    ``dataset[0]`` is one input with its target, and a loop goes over all of them.

    Attributes:
        inputs: float array of shape (count, size); for images from 0 (background) to 1 (ink).
        targets: labels, whole numbers from 0 of shape (count,); or float64 array of shape
            (count, outputs), the numbers that a model is to give.

    Raises:
        TypeError: if numbers are complex, or none at all.
        ValueError: if the shapes do not fit together, a label is no whole number from 0, or a
            number is not finite.

    >>> dataset = Dataset(np.zeros((3, 784)), np.array([5, 0, 4]))
    >>> len(dataset), dataset.take([0, 2]).labels.tolist(), int(dataset[0][1])
    (3, [5, 4], 5)
    >>> Dataset(np.zeros((5, 784)), np.zeros((5, 10))).targets.shape
    (5, 10)
    """

    inputs: NDArray[np.float64]
    targets: NDArray[Any]

    def __post_init__(self) -> None:
        inputs, targets = real_numbers("inputs", self.inputs), real_numbers("targets", self.targets)
        if inputs.ndim != 2 or targets.ndim not in (1, 2) or len(inputs) != len(targets):
            raise ValueError(
                "a Dataset needs inputs of shape (count, size) and as many labels, of shape "
                f"(count,), or targets, of shape (count, outputs), got shapes {inputs.shape} and "
                f"{targets.shape}"
            )
        if targets.ndim == 1:
            _check_labels(targets)
        else:
            targets = np.asarray(targets, float)
        if inputs.dtype == np.uint8:
            raise ValueError("inputs must be finite floats, got uint8; divide bytes by 255")
        if not np.issubdtype(inputs.dtype, np.floating):
            inputs = inputs.astype(float)
        for name, numbers in (("inputs", inputs), ("targets", targets)):
            if not np.isfinite(numbers).all():
                raise ValueError(
                    f"{name} must be finite numbers, got {numbers[~np.isfinite(numbers)][0]}"
                )
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "targets", targets)

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        """An input and its target; of a slice or an array of places, two arrays."""
        return self.inputs[index], self.targets[index]

    @property
    def has_labels(self) -> bool:
        """Whether targets are one label for each input, rather than vectors."""
        return self.targets.ndim == 1

    @property
    def images(self) -> NDArray[np.float64]:
        """The inputs, where they are images."""
        return self.inputs

    @property
    def points(self) -> NDArray[np.float64]:
        """The inputs, where they are points."""
        return self.inputs

    @property
    def labels(self) -> NDArray[np.int64]:
        """The targets, where they are labels."""
        if not self.has_labels:
            raise AttributeError("this Dataset has no labels; its targets are vectors")
        return self.targets

    def take(self, indices: Any) -> Dataset:
        """The examples at these places."""
        return Dataset(self.inputs[indices], self.targets[indices])

    def sample(self, count: int, seed: int = 0) -> Dataset:
        """``count`` examples, drawn without replacement with the classes kept in balance.

        Raises:
            ValueError: if there are fewer than that.
        """
        if not 1 <= count <= len(self):
            raise ValueError(f"cannot take {count} of {len(self)} images")
        return self.take(_balanced_order(self._classes(), seed)[:count])

    def _classes(self) -> NDArray[Any]:
        """The class of each example; without labels there is one."""
        return self.targets if self.has_labels else np.zeros(len(self), np.int64)


Pairs: TypeAlias = Dataset
"""Inputs with numbers to answer, for regression and autoencoders."""
Points: TypeAlias = Dataset
"""Points of the plane with the class of each."""


def real_numbers(name: str, given: Any) -> NDArray[Any]:
    """An array of real numbers or truth values.

    Raises:
        TypeError: if it is anything else; an imaginary part is not dropped in silence.
    """
    array = np.asarray(given)
    if array.dtype.kind not in "biuf":
        advice = "; give its real part, or both parts side by side" * (array.dtype.kind == "c")
        raise TypeError(f"{name}: expected real numbers, got {array.dtype}{advice}")
    return array


def _check_labels(labels: NDArray[Any]) -> None:
    if not np.issubdtype(labels.dtype, np.integer) or (labels < 0).any():
        wrong = labels.min() if np.issubdtype(labels.dtype, np.integer) else labels.dtype
        raise ValueError(
            f"labels must be whole numbers from 0, got {wrong}; targets that are no labels have "
            "the shape (count, outputs)"
        )


def split(dataset: Dataset, validation: float = 0.1, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Set a share of every class aside: training and validation images.

    Without labels, a share of all examples is.

    Each class is divided in the same proportion, as nearly as whole images allow. Training keeps at
    least one image of every class, so that nothing is asked for that could not be learned; a class
    of one image is only trained on, and one whose share is less than an image may be, too.

    Args:
        dataset: what to divide.
        validation: the share to set aside, above 0 and below 1. At least one image is.
        seed: the same seed gives the same split.

    Raises:
        ValueError: if the share is none, or no class has two images.

    >>> training, aside = split(Dataset(np.zeros((20, 4)), np.arange(20) % 2))
    >>> len(training), np.bincount(aside.labels)
    (18, array([1, 1]))
    """
    if not 0 < validation < 1:
        raise ValueError(f"validation must be a share above 0 and below 1, got {validation}")
    classes = dataset._classes()
    order = _balanced_order(classes, seed)
    spare = _spare(classes[order])
    if not len(spare):
        raise ValueError(
            f"cannot split {len(dataset)} image(s) of {len(np.unique(classes))} class(es) "
            "in two: expected at least two images of some class"
        )
    aside = spare[: max(1, round(len(dataset) * validation))]
    return dataset.take(np.delete(order, aside)), dataset.take(order[aside])


def _spare(labels: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the places of examples that are not the last of their class."""
    _, last = np.unique(labels[::-1], return_index=True)
    return np.delete(np.arange(len(labels)), len(labels) - 1 - last)


def _balanced_order(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """A random order in which every stretch from the start holds the classes in proportion."""
    generator = np.random.default_rng(seed)
    places = np.empty(len(labels))
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        places[members] = (np.arange(len(members)) + generator.random()) / len(members)
    return np.argsort(places, kind="stable")
