"""Layers on planes: convolution, pooling and transposed convolution, as scalar graphs.

A weight is shared by being the same Value wherever it is used. Signals are object arrays of shape
(channels, height, width).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff.functions import dot, fsum, maximum
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


Pair = int | tuple[int, int]
"""A number for rows and columns, or one for each."""


class _Windows(Module):
    """The arguments, weights and biases that the two kinds of convolution share."""

    def __init__(
        self,
        channels: int,
        filters: int,
        size: Pair,
        *,
        stride: Pair = 1,
        padding: Any = 0,
        bias: bool = True,
        seed: Seed = None,
    ) -> None:
        check_whole(self, channels=channels, filters=filters)
        self.channels, self.filters, self.bias = channels, filters, bias
        self.size = _pair(self, size=size)
        self.stride = _pair(self, stride=stride)
        self.padding = padding if padding == "same" else _pair(self, 0, padding=padding)
        shape = (*self._first_axes(), *self.size)
        self.weights = _weights(shape, channels * math.prod(self.size), seed)
        self.biases = [Value(0.0, f"b{i}") for i in range(filters)] if bias else []

    def _first_axes(self) -> tuple[int, int]:
        """Return the axes that come first in the weights."""
        return self.filters, self.channels

    def _bias_of(self, o: int) -> Value | None:
        return self.biases[o] if self.bias else None

    def specification(self) -> Specification:
        """The arguments that make a layer of this shape."""
        own: Specification = {
            "kind": type(self).__name__, "channels": self.channels, "filters": self.filters,
            "size": _as_given(self.size), "stride": _as_given(self.stride),
            "padding": _as_given(self.padding),
        }  # fmt: skip
        return own if self.bias else own | {"bias": False}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.channels}, {self.filters}, {_as_given(self.size)})"


class Conv2d(_Windows):
    """Each output is a weighted sum of the inputs in a window around it, in all channels.

    out[o, i, j] = bias[o] + Σ over c, u, v of weight[o, c, u, v] · in[c, s·i + d·u - p, s·j + d·v -
    p], with stride s, dilation d and padding p by zeros. LeCun et al., Gradient-based learning
    applied to document recognition (1998), section II; a cross-correlation, as everywhere in the
    field.

    Args:
        channels, filters: how many planes go in and come out.
        size: of the window, one number for both sides, or (rows, columns).
        stride, padding: how far the window moves, and the rows of zeros around the input; likewise.
            With the padding ``"same"`` and stride 1 planes keep their size.
        dilation: how far the inputs of a window are from each other; likewise.
        groups: planes and filters are divided into so many groups, which do not see each other.
        bias: whether filters have biases.
        seed: where the random weights come from.

    Raises:
        ValueError: if a number is not a whole one of its range, or the groups do not divide the
            planes and filters; at a call, if the input is not of shape (channels, height, width),
            or is smaller than the window.

    >>> layer = Conv2d(1, 8, 5, seed=0)
    >>> layer.output_shape((1, 28, 28)), len(layer.parameters())
    ((8, 24, 24), 208)
    >>> Conv2d(4, 8, (1, 3), padding="same", groups=2, seed=0).output_shape((4, 9, 9))
    (8, 9, 9)
    """

    def __init__(
        self,
        channels: int,
        filters: int,
        size: Pair,
        *,
        stride: Pair = 1,
        padding: Pair | str = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        seed: Seed = None,
    ) -> None:
        check_whole(self, channels=channels, filters=filters, groups=groups)
        if channels % groups or filters % groups:
            raise ValueError(
                f"Conv2d: groups must divide the channels and the filters, got {groups} groups of "
                f"{channels} channels and {filters} filters"
            )
        self.groups = groups
        self.dilation = _pair(self, dilation=dilation)
        super().__init__(
            channels, filters, size, stride=stride, padding=padding, bias=bias, seed=seed
        )
        if padding == "same" and self.stride != (1, 1):
            raise ValueError(f'Conv2d: padding="same" goes with stride 1, got {stride}')

    def _first_axes(self) -> tuple[int, int]:
        return self.filters, self.channels // self.groups

    def __call__(self, inputs: Signal) -> NDArray[Any]:
        """The planes of all filters."""
        array = planes(inputs, self.channels, "Conv2d")
        shape = self.output_shape(array.shape)
        padded = _padded(array, self._margins())
        result = np.empty(shape, object)
        each, of_group = self.channels // self.groups, self.filters // self.groups
        windows = [
            _windows(padded[g * each : (g + 1) * each], shape[1:], self._strides())
            for g in range(self.groups)
        ]
        for o, weights in enumerate(self.weights):
            with scope(f"filter{o}"):
                for place, window in windows[o // of_group].items():
                    result[o, *place] = dot(weights, window, self._bias_of(o))
        return result

    def _strides(self) -> _Strides:
        return _Strides(self.size, self.stride, self.dilation)

    def _margins(self) -> list[tuple[int, int]]:
        """The zeros before and after the rows, and before and after the columns."""
        if self.padding != "same":
            return [(p, p) for p in self.padding]
        missing = [reach - 1 for reach in self._strides().reach]
        return [(m // 2, m - m // 2) for m in missing]

    def padded_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the input with the zeros around it.

        Raises:
            ValueError: if the input is not of shape (channels, height, width).
        """
        padded = [s + sum(m) for s, m in zip(_sides(self, shape), self._margins(), strict=True)]
        return (self.channels, *padded)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """One plane for each filter."""
        sides = self._strides().places(self.padded_shape(shape)[1:])
        if min(sides) < 1:
            raise ValueError(f"{self!r} has a larger window than its input of shape {shape}")
        return (self.filters, *sides)

    def specification(self) -> Specification:
        """The arguments that make a layer of this shape."""
        own = super().specification()
        if self.dilation != (1, 1):
            own["dilation"] = _as_given(self.dilation)
        return own if self.groups == 1 else own | {"groups": self.groups}


class ConvTranspose2d(_Windows):
    """The transpose of a convolution: each input is spread over a window.

    out[o, s·i + u - p, s·j + v - p] gets weight[c, o, u, v] · in[c, i, j], added up, and bias[o].
    Dumoulin and Visin, A guide to convolution arithmetic for deep learning (2016), chapter 4.

    Args:
        channels, filters, size, stride, padding, bias, seed: as for :class:`Conv2d`; the padding
            is a number.

    Raises:
        ValueError: as :class:`Conv2d` does, and at a call, if the padding leaves nothing.

    >>> ConvTranspose2d(4, 1, 2, stride=2, seed=0).output_shape((4, 14, 14))
    (1, 28, 28)
    """

    def __init__(
        self,
        channels: int,
        filters: int,
        size: Pair,
        *,
        stride: Pair = 1,
        padding: Pair = 0,
        bias: bool = True,
        seed: Seed = None,
    ) -> None:
        _pair(self, 0, padding=padding)
        super().__init__(
            channels, filters, size, stride=stride, padding=padding, bias=bias, seed=seed
        )

    def _first_axes(self) -> tuple[int, int]:
        return self.channels, self.filters

    def __call__(self, inputs: Signal) -> NDArray[Any]:
        """The planes of all filters."""
        array = planes(inputs, self.channels, "ConvTranspose2d")
        _, height, width = self.output_shape(array.shape)
        result = np.empty((self.filters, height, width), object)
        rows = [self._sources(0, i, array.shape[1]) for i in range(height)]
        columns = [self._sources(1, j, array.shape[2]) for j in range(width)]
        for o in range(self.filters):
            with scope(f"filter{o}"):
                for i, sources in enumerate(rows):
                    for j, others in enumerate(columns):
                        weights, window = self._spread(array, o, sources, others)
                        result[o, i, j] = dot(weights, window, self._bias_of(o))
        return result

    def _sources(self, axis: int, place: int, count: int) -> list[tuple[int, int]]:
        """The inputs along one axis that reach an output, each with its place in the window."""
        found = []
        for u in range(self.size[axis]):
            source, remainder = divmod(place + self.padding[axis] - u, self.stride[axis])
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
        area, width = math.prod(self.size), self.size[1]
        for c in range(self.channels):
            plane = self.weights[c][o * area : (o + 1) * area]
            for i, u in rows:
                for j, v in columns:
                    weights.append(plane[u * width + v])
                    window.append(array[c, i, j])
        return weights, window

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """One plane for each filter."""
        numbers = zip(_sides(self, shape), self.size, self.stride, self.padding, strict=True)
        sides = [(side - 1) * s - 2 * p + size for side, size, s, p in numbers]
        if min(sides) < 1:
            raise ValueError(f"{self!r} leaves nothing of its input of shape {shape}")
        return (self.filters, *sides)


class _Pool2d(Module):
    """Base of layers that make one scalar of each window of a plane."""

    def __init__(self, size: Pair = 2, stride: Pair | None = None) -> None:
        self.size = _pair(self, size=size)
        self.stride = self.size if stride is None else _pair(self, stride=stride)

    def of_window(self, window: list[Any]) -> Any:
        """What becomes of the scalars in a window."""
        raise NotImplementedError

    def __call__(self, inputs: Signal) -> NDArray[Any]:
        """One scalar for each window; rows and columns that fill none are left out."""
        array = np.asarray(inputs, object)
        shape = self.output_shape(array.shape)
        result = np.empty(shape, object)
        for c in range(shape[0]):
            windows = _windows(array[c : c + 1], shape[1:], self._strides())
            for place, window in windows.items():
                result[c, *place] = self.of_window(window)
        return result

    def _strides(self) -> _Strides:
        return _Strides(self.size, self.stride, (1, 1))

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """As many planes, smaller."""
        if len(shape) != 3 or any(n < size for n, size in zip(shape[1:], self.size, strict=True)):
            raise ValueError(
                f"{self!r} expects (channels, height, width) of at least one square, got {shape}"
            )
        return (shape[0], *self._strides().places(shape[1:]))

    def specification(self) -> Specification:
        """The kind and the size, and the stride if it is another number."""
        own: Specification = {"kind": type(self).__name__, "size": _as_given(self.size)}
        return own if self.stride == self.size else own | {"stride": _as_given(self.stride)}

    def __repr__(self) -> str:
        stride = "" if self.stride == self.size else f", stride={_as_given(self.stride)}"
        return f"{type(self).__name__}({_as_given(self.size)}{stride})"


class MaxPool2d(_Pool2d):
    """The largest of each window of a plane.

    Rows and columns that fill no window are left out.

    Args:
        size: of a window, one number for both sides, or (rows, columns).
        stride: how far it moves, likewise; by default by its size, so that windows do not overlap.

    Raises:
        ValueError: if a number is not a positive whole one; at a call, if the input is not of shape
            (channels, height, width), or holds no window.

    >>> MaxPool2d(2)(np.arange(16.0).reshape(1, 4, 4).astype(object)).tolist()
    [[[5.0, 7.0], [13.0, 15.0]]]
    """

    def of_window(self, window: list[Any]) -> Any:
        """See the class."""
        return functools.reduce(maximum, window)


class AvgPool2d(_Pool2d):
    """The mean of each window of a plane.

    Args:
        size, stride: as for :class:`MaxPool2d`.

    Raises:
        ValueError: as :class:`MaxPool2d` does.

    >>> AvgPool2d(2)(np.arange(16.0).reshape(1, 4, 4).astype(object)).tolist()
    [[[2.5, 4.5], [10.5, 12.5]]]
    """

    def of_window(self, window: list[Any]) -> Any:
        """See the class."""
        return fsum(window) / len(window)


class _Strides(NamedTuple):
    """How a window lies on a plane: its rows and columns, how far it moves, and its gaps."""

    size: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]

    @property
    def reach(self) -> tuple[int, int]:
        """How many rows and columns it lies over, gaps included."""
        rows, columns = (d * (n - 1) + 1 for d, n in zip(self.dilation, self.size, strict=True))
        return rows, columns

    def places(self, sides: Sequence[int]) -> tuple[int, ...]:
        """How many places there are for it, down and across."""
        triples = zip(sides, self.reach, self.stride, strict=True)
        return tuple([(side - reach) // stride + 1 for side, reach, stride in triples])


def _weights(shape: tuple[int, int, int, int], inputs: int, seed: Seed) -> list[list[Value]]:
    """Random weights, one list for each entry of the first axis, that keep signals at their size.

    He et al., Delving Deep into Rectifiers (2015), equation 10.
    """
    numbers = generator_of(seed).normal(0.0, math.sqrt(2 / inputs), shape)
    return [
        [Value(number, f"w{i}") for i, number in enumerate(block.ravel().tolist())]
        for block in numbers
    ]


def _pair(layer: Module, least: int = 1, **argument: Any) -> tuple[int, int]:
    """A number for both sides, or one for each, as two."""
    ((name, given),) = argument.items()
    both = tuple(given) if isinstance(given, list | tuple) else (given, given)
    if len(both) != 2:
        raise ValueError(
            f"{type(layer).__name__}: {name} must be one whole number or two, got {given!r}"
        )
    for number in both:
        check_whole(layer, least, **{name: number})
    return int(both[0]), int(both[1])


def _as_given(pair: Any) -> Any:
    """Two equal numbers as one."""
    if pair == "same":
        return pair
    return pair[0] if pair[0] == pair[1] else list(pair)


def _padded(array: NDArray[Any], margins: Sequence[tuple[int, int]]) -> NDArray[Any]:
    if not np.any(margins):
        return array
    (top, bottom), (left, right) = margins
    channels, height, width = array.shape
    result = np.zeros((channels, height + top + bottom, width + left + right), object)
    result[:, top : top + height, left : left + width] = array
    return result


def _windows(
    array: NDArray[Any], places: Sequence[int], strides: _Strides
) -> dict[tuple[int, ...], list[Any]]:
    """The scalars in each window, plane by plane and row by row."""
    (rows, columns), (down, across) = strides.reach, strides.stride
    gaps = strides.dilation
    return {
        (i, j): array[
            :, i * down : i * down + rows : gaps[0], j * across : j * across + columns : gaps[1]
        ].ravel().tolist()
        for i, j in np.ndindex(*places)
    }  # fmt: skip


def _sides(layer: _Windows, shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) != 3 or shape[0] != layer.channels:
        raise ValueError(f"{layer!r} expects shape ({layer.channels}, height, width), got {shape}")
    return shape[1], shape[2]
