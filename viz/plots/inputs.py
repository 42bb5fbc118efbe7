"""Inputs of plots as arrays, or one sentence that says what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from viz.markup import allowed

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

MOST_CLASSES = 200
_LARGEST = 1e300
"""So that the length of a scale, and what stands beyond its ends, are numbers too."""


def numbers(name: str, given: ArrayLike, *shape: str | int, finite: bool = True) -> Floats:
    """An array of at least one number.

    Args:
        name: how the sentence calls it.
        given: the array, or nested lists.
        shape: for each axis its length, or a word where any length will do.
        finite: whether NaN and infinities are refused.

    >>> numbers("points", [[1, 2]], "count", 2)
    array([[1., 2.]])
    >>> numbers("points", [1, 2, 3], "count", 2)
    Traceback (most recent call last):
    ...
    ValueError: points: expected numbers in shape (count, 2), got shape (3,)
    """
    array = array_of(name, given)
    fits = array.ndim == len(shape) and all(
        length == expected or isinstance(expected, str)
        for length, expected in zip(array.shape, shape, strict=False)
    )
    if not fits or not array.size:
        wanted = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        raise ValueError(f"{name}: expected numbers in shape ({wanted}), got shape {array.shape}")
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: expected numbers, got {_kind(array)}")
    array = array.astype(np.float64)
    if finite and not np.isfinite(array).all():
        odd = np.argwhere(~np.isfinite(array))
        where = ", ".join(map(str, odd[0].tolist()))
        more = f" and at {len(odd) - 1:,} more places" if len(odd) > 1 else ""
        raise ValueError(
            f"{name}: expected finite numbers, got {array[tuple(odd[0])]} at [{where}]{more}; "
            "leave such entries out"
        )
    sizes = np.abs(array[np.isfinite(array)])
    if sizes.size and sizes.max() > _LARGEST:
        raise ValueError(
            f"{name}: expected numbers up to {_LARGEST:g} in size, got {sizes.max():g}"
        )
    return array


def pixels(name: str, given: ArrayLike, *shape: str | int) -> Floats:
    """Return images from 0, the background, to 1; of bytes, from 0 to 255, their shares of 255.

    Whole numbers of which one is above 1 are bytes.

    >>> pixels("image", [0, 51, 255], "pixels")
    array([0. , 0.2, 1. ])
    """
    array = numbers(name, given, *shape)
    if array.max() <= 1 or (array != np.round(array)).any():
        return array
    if array.min() < 0 or array.max() > 255:
        raise ValueError(
            f"{name}: expected pixels from 0 to 1, or bytes from 0 to 255, got {array.min():g} to "
            f"{array.max():g}"
        )
    return array / 255


def class_labels(name: str, given: ArrayLike, count: int | None = None) -> Labels:
    """One class for each example: whole numbers from 0, as many as ``count`` says.

    >>> class_labels("labels", [0, 2, 1], count=3)
    array([0, 2, 1])
    """
    labels = whole_numbers(name, given, count)
    if labels.min() < 0:
        raise ValueError(f"{name}: expected classes from 0 on, got {labels.min()}")
    if labels.max() >= MOST_CLASSES:
        raise ValueError(
            f"{name}: expected at most {MOST_CLASSES} classes, numbered from 0, got {labels.max()}"
        )
    return labels


def whole_numbers(name: str, given: ArrayLike, count: int | None = None) -> Labels:
    """A row of at least one whole number."""
    array = array_of(name, given)
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"{name}: expected one whole number for each example, got shape {array.shape}"
        )
    if array.dtype.kind == "f" and (array == np.round(array)).all():
        array = array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise TypeError(f"{name}: expected whole numbers, got {_kind(array)}")
    if count is not None and len(array) != count:
        raise ValueError(f"{name}: expected {count}, one for each example, got {len(array)}")
    return array.astype(np.int64)


def square_side(name: str, pixels: int) -> int:
    """The side of a square image with so many pixels."""
    side = math.isqrt(pixels)
    if side * side != pixels:
        raise ValueError(
            f"{name}: expected square images, got {pixels} pixels each, which is no square number"
        )
    return side


def positive(name: str, number: int) -> int:
    """A whole number of at least 1."""
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {number!r}")
    return int(number)


def check_texts(**given: object) -> None:
    """Raise TypeError unless all of them are strings."""
    for name, text in given.items():
        if not isinstance(text, str):
            raise TypeError(f"{name} must be a string, got {text!r:.60}")


def check_names(name: str, given: object, least: int = 1) -> None:
    """Raise TypeError or ValueError unless it is a dict whose keys can stand in a legend."""
    if not isinstance(given, Mapping) or len(given) < least:
        raise TypeError(f"{name}: expected a dict from names to numbers, got {given!r:.60}")
    for key in given:
        if not isinstance(key, str):
            raise TypeError(f"{name}: expected names that are strings, got {key!r:.60}")


def limits_of(name: str, given: ArrayLike, above: float = -math.inf) -> tuple[float, float]:
    """The two ends of a scale, the lower one first.

    >>> limits_of("limits", (0, 1))
    (0.0, 1.0)
    """
    low, high = numbers(name, given, 2).tolist()
    if not above < low < high:
        beyond = "" if above == -math.inf else f" above {above:g}"
        raise ValueError(
            f"{name}: expected two numbers{beyond}, the lower one first, got {low:g} and {high:g}"
        )
    return low, high


def class_names(classes: Sequence[str] | None, least: int) -> list[str]:
    """The names as they are given, or else the numbers of the classes."""
    if classes is None:
        return [str(i) for i in range(least)]
    if isinstance(classes, str) or len(classes) < least:
        raise ValueError(
            f"classes: expected a list of at least {least} names, since the largest label is "
            f"{least - 1}, got {classes!r}"
        )
    return [allowed(str(name)) for name in classes]


def array_of(name: str, given: ArrayLike) -> NDArray[Any]:
    """An array of anything, if it is not ragged and nothing of it is hidden."""
    if isinstance(given, np.ma.MaskedArray):
        raise TypeError(f"{name}: expected a plain array, got a masked one; pass .filled(np.nan)")
    try:
        return np.asarray(given)
    except ValueError:  # lists of unequal lengths
        raise ValueError(f"{name}: expected rows of equal lengths, got a ragged list") from None


def _kind(array: NDArray[Any]) -> str:
    """Describe the content of an array, and what to do about it.

    >>> _kind(np.array(["a"]))
    'str'
    """
    if array.dtype.kind == "f":
        return f"{array[array != np.round(array)][0]}"
    kind = type(array.flat[0]).__name__ if array.dtype.kind == "O" else array.dtype.type.__name__
    hint = "; pass their .data" if kind == "Value" else ""
    return kind.rstrip("_").removesuffix("64").removesuffix("128") + hint
