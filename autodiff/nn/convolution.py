"""Layers on planes: convolution, pooling and transposed convolution, as scalar graphs.

A weight is shared by being the same Value wherever it is used. Signals are object arrays of shape
(channels, height, width).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.functions import dot, maximum
from autodiff.nn.layers import Seed, check_whole, generator_of
from autodiff.nn.module import Module, Specification
from autodiff.nn.signals import Signal, planes
from autodiff.recording import scope
from autodiff.value import Value


class Flatten(Module):
    """Any shape as one list.

    Args:
        input_shape: of one example, where it is the first layer and others want to know.

    >>> Flatten()(np.arange(4).reshape(1, 2, 2).astype(object))
    [0, 1, 2, 3]
    """

    def __init__(self, input_shape: tuple[int, ...] | None = None) -> None:
        self.input_shape = input_shape

    def __call__(self, inputs: Signal) -> list[Any]:
        """Row by row."""
        return list(np.asarray(inputs, object).ravel())

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """One axis."""
        return (math.prod(shape),)

    def specification(self) -> Specification:
        """The kind alone."""
        return {"kind": "Flatten"}

    def __repr__(self) -> str:
        return "Flatten()"


class Reshape(Module):
    """A list, or an array of another shape, as an array of this shape, row by row.

    Args:
        shape: of the result; for planes (channels, height, width).

    Raises:
        ValueError: if a side is not a positive whole number; at a call, if there are not as many
            scalars.

    >>> Reshape((1, 2, 2))([1.0, 2.0, 3.0, 4.0]).shape
    (1, 2, 2)
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = tuple(shape)
        if not all(isinstance(side, int | np.integer) and side > 0 for side in self.shape):
            raise ValueError(f"Reshape expects positive whole numbers, got {self.shape!r:.60}")

    def __call__(self, inputs: Signal) -> NDArray[Any]:
        """Row by row."""
        array = np.asarray(inputs, object)
        self.output_shape(array.shape)
        return array.reshape(self.shape)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that it makes."""
        if math.prod(shape) != math.prod(self.shape):
            raise ValueError(f"{self!r} expects {math.prod(self.shape)} scalars, got shape {shape}")
        return self.shape

    def specification(self) -> Specification:
        """The kind and the shape."""
        return {"kind": "Reshape", "shape": list(self.shape)}

    def __repr__(self) -> str:
        return f"Reshape({self.shape})"


class _Windows(Module):
    """What the two kinds of convolution share: their arguments, weights and biases."""

    def __init__(
        self,
        channels: int,
        filters: int,
        size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        seed: Seed = None,
    ) -> None:
        check_whole(self, channels=channels, filters=filters, size=size, stride=stride)
        check_whole(self, least=0, padding=padding)
        self.channels, self.filters, self.size = channels, filters, size
        self.stride, self.padding = stride, padding
        shape = (*self._first_axes(), size, size)
        self.weights = _weights(shape, channels * size * size, seed)
        self.biases = [Value(0.0, f"b{i}") for i in range(filters)]

    def _first_axes(self) -> tuple[int, int]:
        """What the weights are ordered by."""
        return self.filters, self.channels

    def specification(self) -> Specification:
        """The arguments that make a layer of this shape."""
        return {
            "kind": type(self).__name__, "channels": self.channels, "filters": self.filters,
            "size": self.size, "stride": self.stride, "padding": self.padding,
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.channels}, {self.filters}, {self.size})"


class Conv2d(_Windows):
    """Each output is a weighted sum of the ``size`` × ``size`` inputs around it, in all channels.

    out[o, i, j] = bias[o] + Σ over c, u, v of weight[o, c, u, v] · in[c, s·i + u - p, s·j + v - p],
    with stride s and padding p by zeros. LeCun et al., Gradient-based learning applied to document
    recognition (1998), section II; a cross-correlation, as everywhere in the field.

    Args:
        channels, filters: how many planes go in and come out.
        size: of the square window.
        stride, padding: how far the window moves, and the rows of zeros around the input.
        seed: where the random weights come from.

    Raises:
        ValueError: if a number is not a whole one of its range; at a call, if the input is not of
            shape (channels, height, width), or is smaller than the window.

    >>> layer = Conv2d(1, 8, 5, seed=0)
    >>> layer.output_shape((1, 28, 28)), len(layer.parameters())
    ((8, 24, 24), 208)
    """

    def __call__(self, inputs: Signal) -> NDArray[Any]:
        """The planes of all filters."""
        array = planes(inputs, self.channels, "Conv2d")
        _, height, width = self.output_shape(array.shape)
        padded = _padded(array, self.padding)
        result = np.empty((self.filters, height, width), object)
        windows = {
            (i, j): _window(padded, i * self.stride, j * self.stride, self.size)
            for i in range(height)
            for j in range(width)
        }
        for o, (weights, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            with scope(f"filter{o}"):
                for place, window in windows.items():
                    result[o, *place] = dot(weights, window, bias)
        return result

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """One plane for each filter."""
        sides = [
            (side + 2 * self.padding - self.size) // self.stride + 1 for side in _sides(self, shape)
        ]
        if min(sides) < 1:
            raise ValueError(f"{self!r} has a larger window than its input of shape {shape}")
        return (self.filters, *sides)


class ConvTranspose2d(_Windows):
    """The transpose of a convolution: each input is spread over a ``size`` × ``size`` window.

    out[o, s·i + u - p, s·j + v - p] gets weight[c, o, u, v] · in[c, i, j], added up, and bias[o].
    Dumoulin and Visin, A guide to convolution arithmetic for deep learning (2016), chapter 4.

    Args:
        channels, filters, size, stride, padding, seed: as for :class:`Conv2d`.

    Raises:
        ValueError: as :class:`Conv2d` does, and at a call, if the padding leaves nothing.

    >>> ConvTranspose2d(4, 1, 2, stride=2, seed=0).output_shape((4, 14, 14))
    (1, 28, 28)
    """

    def _first_axes(self) -> tuple[int, int]:
        return self.channels, self.filters

    def __call__(self, inputs: Signal) -> NDArray[Any]:
        """The planes of all filters."""
        array = planes(inputs, self.channels, "ConvTranspose2d")
        _, height, width = self.output_shape(array.shape)
        result = np.empty((self.filters, height, width), object)
        rows = [self._sources(i, array.shape[1]) for i in range(height)]
        columns = [self._sources(j, array.shape[2]) for j in range(width)]
        for o in range(self.filters):
            with scope(f"filter{o}"):
                for i, sources in enumerate(rows):
                    for j, others in enumerate(columns):
                        weights, window = self._spread(array, o, sources, others)
                        result[o, i, j] = dot(weights, window, self.biases[o])
        return result

    def _sources(self, place: int, count: int) -> list[tuple[int, int]]:
        """The inputs along one axis that reach an output, each with its place in the window."""
        found = []
        for u in range(self.size):
            source, remainder = divmod(place + self.padding - u, self.stride)
            if remainder == 0 and 0 <= source < count:
                found.append((source, u))
        return found

    def _spread(
        self,
        array: NDArray[Any],
        o: int,
        rows: list[tuple[int, int]],
        columns: list[tuple[int, int]],
    ) -> tuple[list[Any], list[Any]]:
        weights, window = [], []
        for c in range(self.channels):
            plane = self.weights[c][o * self.size**2 : (o + 1) * self.size**2]
            for i, u in rows:
                for j, v in columns:
                    weights.append(plane[u * self.size + v])
                    window.append(array[c, i, j])
        return weights, window

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """One plane for each filter."""
        sides = [
            (side - 1) * self.stride - 2 * self.padding + self.size for side in _sides(self, shape)
        ]
        if min(sides) < 1:
            raise ValueError(f"{self!r} leaves nothing of its input of shape {shape}")
        return (self.filters, *sides)


class MaxPool2d(Module):
    """The largest of each ``size`` × ``size`` square, which do not overlap.

    Rows and columns that fill no square are left out.

    Args:
        size: of a square, along each side.

    Raises:
        ValueError: if it is not a positive whole number; at a call, if the input is not of shape
            (channels, height, width), or holds no square.

    >>> MaxPool2d(2)(np.arange(16.0).reshape(1, 4, 4).astype(object)).tolist()
    [[[5.0, 7.0], [13.0, 15.0]]]
    """

    def __init__(self, size: int = 2) -> None:
        check_whole(self, size=size)
        self.size = size

    def __call__(self, inputs: Signal) -> NDArray[Any]:
        """One scalar for each square; rows and columns that fill none are left out."""
        array = np.asarray(inputs, object)
        channels, height, width = self.output_shape(array.shape)
        result = np.empty((channels, height, width), object)
        for place in np.ndindex(result.shape):
            c, i, j = place
            square = array[c : c + 1]
            window = _window(square, i * self.size, j * self.size, self.size)
            result[place] = functools.reduce(maximum, window)
        return result

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """As many planes, smaller."""
        if len(shape) != 3 or min(shape[1:]) < self.size:
            raise ValueError(
                f"{self!r} expects (channels, height, width) of at least one square, got {shape}"
            )
        return (shape[0], shape[1] // self.size, shape[2] // self.size)

    def specification(self) -> Specification:
        """The kind and the size."""
        return {"kind": "MaxPool2d", "size": self.size}

    def __repr__(self) -> str:
        return f"MaxPool2d({self.size})"


def _weights(shape: tuple[int, int, int, int], inputs: int, seed: Seed) -> list[list[Value]]:
    """Random weights, one list for each entry of the first axis, that keep signals at their size.

    He et al., Delving Deep into Rectifiers (2015), equation 10.
    """
    numbers = generator_of(seed).normal(0.0, math.sqrt(2 / inputs), shape)
    return [
        [Value(number, f"w{i}") for i, number in enumerate(block.ravel().tolist())]
        for block in numbers
    ]


def _padded(array: NDArray[Any], padding: int) -> NDArray[Any]:
    if not padding:
        return array
    channels, height, width = array.shape
    result = np.zeros((channels, height + 2 * padding, width + 2 * padding), object)
    result[:, padding:-padding, padding:-padding] = array
    return result


def _window(array: NDArray[Any], top: int, left: int, size: int) -> list[Any]:
    return list(array[:, top : top + size, left : left + size].ravel())


def _sides(layer: _Windows, shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) != 3 or shape[0] != layer.channels:
        raise ValueError(f"{layer!r} expects shape ({layer.channels}, height, width), got {shape}")
    return shape[1], shape[2]
