"""Signals: what flows between layers, a list of scalars or an object array of any shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Signal = Sequence[Any] | NDArray[Any]
"""Values or numbers, side by side."""


def mapped(function: Callable[[Any], Any], signal: Signal) -> Any:
    """A function of each scalar, in the shape that the signal has."""
    if isinstance(signal, np.ndarray):
        result = np.empty(signal.shape, object)
        result.ravel()[:] = [function(scalar) for scalar in signal.ravel()]
        return result
    return [function(scalar) for scalar in signal]


def flat(signal: Signal, layer: str) -> list[Any]:
    """The scalars of a signal that must be a list.

    Raises:
        ValueError: if it is an array of several axes.
    """
    if isinstance(signal, np.ndarray) and signal.ndim != 1:
        raise ValueError(
            f"{layer} expects a list of scalars, got shape {signal.shape}; put Flatten() before it"
        )
    return list(signal)


def planes(signal: Signal, channels: int, layer: str) -> NDArray[Any]:
    """A signal that must have the shape (channels, height, width).

    Raises:
        ValueError: if it has another shape.
    """
    array = signal if isinstance(signal, np.ndarray) else np.array(signal, object)
    if array.ndim != 3 or array.shape[0] != channels:
        raise ValueError(
            f"{layer} expects {channels} channel(s) of rows and columns, got shape {array.shape}; "
            f"put Reshape(({channels}, height, width)) before it"
        )
    return array


def as_rows(signal: Signal, width: int, layer: str) -> NDArray[Any]:
    """A signal that must have the shape (length, width).

    Raises:
        ValueError: if it has another shape.
    """
    array = np.asarray(signal, object)
    rows_shape(array.shape, width, layer)
    return array


def rows_shape(shape: tuple[int, ...], width: int, layer: str) -> None:
    """Raise ValueError unless this is the shape of rows of that width."""
    if len(shape) != 2 or shape[1] != width:
        raise ValueError(f"{layer} expects rows of shape (length, {width}), got shape {shape}")
