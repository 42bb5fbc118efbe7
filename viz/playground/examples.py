"""The examples that a playground trains on: points of the plane, and what a model is to answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viz.plots.inputs import array_of, numbers

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PlaneExamples:
    """Points of the plane, and the class or the number of each.

    Attributes:
        points: shape (count, 2).
        answers: shape (count,): classes, which are whole numbers, or what a regression is to give.
        are_classes: which of the two.
    """

    points: Array
    answers: Array
    are_classes: bool

    @property
    def classes(self) -> list[int]:
        """The classes that occur, in order; none for a regression."""
        return sorted(set(self.answers.astype(int).tolist())) if self.are_classes else []


def plane_examples(name: str, data: Any) -> PlaneExamples:
    """Examples of a toy set, or of a pair of arrays.

    Answers of an integer type are classes, and so are 0 and 1, or -1 and 1; others are the numbers
    of a regression.

    Args:
        name: how a sentence calls them.
        data: has ``inputs`` and ``targets``, as :class:`autodiff.data.Dataset` has, or is a pair
            (X, y) of shapes (count, 2) and (count,) or (count, 1).

    Raises:
        TypeError, ValueError: if it is neither, or the shapes do not fit.

    >>> examples = plane_examples("data", ([[0.0, 1.0], [2.0, 3.0]], [0, 1]))
    >>> examples.points.shape, examples.classes
    ((2, 2), [0, 1])
    """
    given_points, given_answers = _pair(name, data)
    points = numbers(f"{name}, the points", given_points, "count", 2)
    answers = array_of(f"{name}, the answers", given_answers)
    if answers.ndim == 2 and answers.shape[1] == 1:
        answers = answers[:, 0]
    floats = numbers(f"{name}, the answers", answers, len(points))
    are_two = any(set(floats.tolist()) <= two for two in ({0.0, 1.0}, {-1.0, 1.0}))
    return PlaneExamples(points, floats, answers.dtype.kind in "iub" or are_two)


def _pair(name: str, data: Any) -> tuple[Any, Any]:
    if hasattr(data, "inputs") and hasattr(data, "targets"):
        return data.inputs, data.targets
    if isinstance(data, tuple | list) and len(data) == 2:
        return data[0], data[1]
    raise TypeError(
        f"{name}: expected a toy set of autodiff.data or a pair of arrays (X, y), got "
        f"{type(data).__name__}; for a table of your own give (X, y)"
    )
