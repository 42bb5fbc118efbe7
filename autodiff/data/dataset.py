"""Dataset: images with their labels, and how to set some aside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels that belong together.

    Attributes:
        images: float64 array of shape (count, pixels), from 0 (background) to 1 (ink).
        labels: int64 array of shape (count,).

    Raises:
        ValueError: if the shapes do not fit together, a label is no whole number from 0, or a
            pixel is not a finite float.

    >>> dataset = Dataset(np.zeros((3, 784)), np.array([5, 0, 4]))
    >>> len(dataset), dataset.take([0, 2]).labels.tolist()
    (3, [5, 4])
    """

    images: NDArray[np.float64]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        images, labels = np.asarray(self.images), np.asarray(self.labels)
        if images.ndim != 2 or labels.ndim != 1 or len(images) != len(labels):
            raise ValueError(
                "a Dataset needs images of shape (count, pixels) and as many labels, got shapes "
                f"{images.shape} and {labels.shape}"
            )
        if not np.issubdtype(labels.dtype, np.integer) or (labels < 0).any():
            wrong = labels.min() if np.issubdtype(labels.dtype, np.integer) else labels.dtype
            raise ValueError(f"labels must be whole numbers from 0, got {wrong}")
        if not np.issubdtype(images.dtype, np.floating) or not np.isfinite(images).all():
            is_float = np.issubdtype(images.dtype, np.floating)
            wrong = images[~np.isfinite(images)][0] if is_float else images.dtype
            raise ValueError(
                f"pixels must be finite floats, got {wrong}"
                + ("; divide bytes by 255" if images.dtype == np.uint8 else "")
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def inputs(self) -> NDArray[np.float64]:
        """What a network is given: the images."""
        return self.images

    @property
    def targets(self) -> NDArray[np.int64]:
        """What it is to answer: the labels."""
        return self.labels

    def take(self, indices: NDArray[np.int64]) -> Dataset:
        """The images at these positions."""
        return Dataset(self.images[indices], self.labels[indices])

    def sample(self, count: int, seed: int = 0) -> Dataset:
        """``count`` images, drawn without replacement with the classes kept in balance.

        Raises:
            ValueError: if there are fewer images than that.
        """
        if not 1 <= count <= len(self):
            raise ValueError(f"cannot take {count} of {len(self)} images")
        return self.take(_balanced_order(self.labels, seed)[:count])


def split(dataset: Dataset, validation: float = 0.1, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Set a share of every class aside: training and validation images.

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
    order = _balanced_order(dataset.labels, seed)
    spare = _spare(dataset.labels[order])
    if not len(spare):
        raise ValueError(
            f"cannot split {len(dataset)} image(s) of {len(np.unique(dataset.labels))} class(es) "
            "in two: expected at least two images of some class"
        )
    aside = spare[: max(1, round(len(dataset) * validation))]
    return dataset.take(np.delete(order, aside)), dataset.take(order[aside])


def _spare(labels: NDArray[np.int64]) -> NDArray[np.intp]:
    """Where those stand that are not the last of their class."""
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
