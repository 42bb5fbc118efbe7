"""Normalization: rows brought to one size, so that deep networks train."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.functions import dot, fsum, sqrt
from autodiff.nn.layers import check_whole
from autodiff.nn.module import Module, Specification
from autodiff.nn.signals import Signal
from autodiff.value import Value


class _RowNorm(Module):
    """Base of layers that bring each row of ``width`` scalars to one size.

    Args:
        width: how long a row is.
        epsilon: what is added to the mean square, so that nothing is divided by 0.
    """

    def __init__(self, width: int, epsilon: float = 1e-5) -> None:
        check_whole(self, width=width)
        if not 0 < epsilon < 1:
            raise ValueError(
                f"{type(self).__name__}: epsilon must be above 0 and below 1, got {epsilon!r}"
            )
        self.width, self.epsilon = width, epsilon
        self.gains = [Value(1.0, f"g{i}") for i in range(width)]

    def forward(self, inputs: Signal) -> Any:
        """Each row by itself, for an array of any shape whose last axis is a row."""
        array = np.asarray(inputs, object)
        self.output_shape(array.shape)
        result = np.empty(array.shape, object)
        for place in np.ndindex(array.shape[:-1]):
            result[place] = self.of_row(list(array[place]))
        return result if isinstance(inputs, np.ndarray) else result.tolist()

    def of_row(self, row: list[Any]) -> list[Any]:
        """One row, normalized."""
        raise NotImplementedError

    def scaled(self, row: list[Any]) -> list[Any]:
        """A row divided by the root of its mean square, times the gains."""
        factor = 1 / sqrt(dot(row, row) / self.width + self.epsilon)
        return [a * factor * gain for a, gain in zip(row, self.gains, strict=True)]

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """As it was."""
        if not shape or shape[-1] != self.width:
            raise ValueError(f"{self!r} expects rows of {self.width} scalars, got shape {shape}")
        return shape

    def specification(self) -> Specification:
        """The arguments that make a layer of this shape."""
        kind = type(self).__name__
        return {"kind": kind, "width": self.width, "epsilon": self.epsilon}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.width})"


class LayerNorm(_RowNorm):
    """gain · (a - mean) / √(variance + ε) + bias, with the mean and variance of each row.

    Ba, Kiros and Hinton, Layer normalization (2016), equation 4.

    Args:
        width: how long a row is, the last axis of the input.
        epsilon: what is added to the variance, so that nothing is divided by 0.

    Raises:
        ValueError: if a number is out of its range; at a call, if rows have another width.

    >>> [round(a.data, 3) for a in LayerNorm(2)([1.0, 3.0])]
    [-1.0, 1.0]
    """

    def __init__(self, width: int, epsilon: float = 1e-5) -> None:
        super().__init__(width, epsilon)
        self.biases = [Value(0.0, f"b{i}") for i in range(width)]

    def of_row(self, row: list[Any]) -> list[Any]:
        """See the class."""
        mean = fsum(row) / self.width
        scaled = self.scaled([a - mean for a in row])
        return [a + bias for a, bias in zip(scaled, self.biases, strict=True)]


class RMSNorm(_RowNorm):
    """gain · a / √(mean of a² + ε): a row without a mean that is taken away.

    Zhang and Sennrich, Root mean square layer normalization (2019), equation 4.

    Args:
        width: how long a row is, the last axis of the input.
        epsilon: what is added to the mean square, so that nothing is divided by 0.

    Raises:
        ValueError: if a number is out of its range; at a call, if rows have another width.

    >>> [round(a.data, 3) for a in RMSNorm(2)([3.0, 4.0])]
    [0.849, 1.131]
    """

    def of_row(self, row: list[Any]) -> list[Any]:
        """See the class."""
        return self.scaled(row)
