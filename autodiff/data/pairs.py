"""Pairs: inputs with numbers to answer, for regression and autoencoders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Pairs:
    """Inputs and targets that belong together.

    Attributes:
        inputs: float64 array of shape (count, size).
        targets: float64 array of shape (count, outputs).

    Raises:
        ValueError: if the shapes do not fit together, or a number is not finite.

    >>> images = np.zeros((5, 784))
    >>> len(Pairs(images, images))
    5
    """

    inputs: NDArray[np.float64]
    targets: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("inputs", "targets"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), float))
        shapes = self.inputs.shape, self.targets.shape
        if len(shapes[0]) != 2 or len(shapes[1]) != 2 or shapes[0][0] != shapes[1][0]:
            raise ValueError(
                "Pairs need inputs of shape (count, size) and targets of shape (count, outputs), "
                f"got shapes {shapes[0]} and {shapes[1]}"
            )
        for name, numbers in (("inputs", self.inputs), ("targets", self.targets)):
            if not np.isfinite(numbers).all():
                raise ValueError(f"{name} must be finite numbers")

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, indices: NDArray[np.int64]) -> Pairs:
        """The pairs at these positions."""
        return Pairs(self.inputs[indices], self.targets[indices])
