"""Trying code that somebody else wrote: watched calls, and the numerical derivatives of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from autodiff.checking import diagnosis
from autodiff.checking.diagnosis import Array, Right
from autodiff.checking.differences import Difference
from autodiff.checking.gradients import GradientError, numerical_derivative


class Settings(NamedTuple):
    """Settings of a check: its accuracy, the elements tried of each array, and the random seed."""

    tolerance: float
    elements: int
    seed: int


# --------------------------------------------------------------------------- watched calls


def random_like(array: Array, seed: int) -> Array:
    """Random numbers of either sign, and none near 0, so that no mistake is lost in it."""
    generator = np.random.default_rng(seed)
    sizes: Array = generator.uniform(0.5, 1.5, array.shape)
    sizes *= generator.choice([-1.0, 1.0], array.shape)
    return sizes


def called(name: str, function: Callable[..., Any], given: list[tuple[str, Any]]) -> Array:
    """The array of floats that a function gives, which must leave its arguments as they are.

    Raises:
        GradientError: if it changes them, or gives something else.
    """
    before = [copy.deepcopy(argument) for _, argument in given]
    try:
        result = function(*[argument for _, argument in given])
    except NotImplementedError:
        raise GradientError(f"{name} is not written yet: it raises NotImplementedError") from None
    except Exception as error:
        shapes = ", ".join(f"{what} of shape {np.shape(argument)}" for what, argument in given)
        error.add_note(f"in {name}, given {shapes}")
        raise
    if result is None:
        raise GradientError(f"{name} gives None: is there a return?")
    if _is_unwritten(result):
        raise GradientError(f"{name} is not written yet: it returns NotImplementedError")
    for (what, argument), old in zip(given, before, strict=True):
        if not np.array_equal(argument, old, equal_nan=True):
            raise GradientError(f"{name} changes its argument {what} in place: work on a copy")
    return as_floats(name, result)


def _is_unwritten(result: Any) -> bool:
    """Whether it is what an exercise returns before its reader has written it."""
    is_error = isinstance(result, NotImplementedError) or result is NotImplementedError
    return is_error or result is NotImplemented


def as_floats(name: str, result: Any) -> Array:
    """An array of float64, unless digits or derivatives are lost in another kind."""
    array = np.asarray(result)
    if array.dtype != np.float64:
        raise GradientError(f"{name} gives dtype {array.dtype}, expected float64, as it is given")
    return array


def check_form(name: str, found: Array, wanted: tuple[int, ...]) -> None:
    """Raise GradientError unless a gradient is finite and of this shape."""
    if found.shape != wanted:
        hint = diagnosis.misshapen(found.shape, wanted)
        raise GradientError(f"{name} has shape {found.shape}, expected {wanted}{hint}")
    if not np.isfinite(found).all():
        raise GradientError(f"{name} is {not_finite(found)}")


def not_finite(array: Array) -> str:
    """The first element that is not, and where it is."""
    place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
    return f"{array[place]} in element {place}"


def counts(array: Array, name: str) -> dict[str, float]:
    """Numbers that a gradient may have been divided by, for :func:`diagnosis.scaled`."""
    if array.ndim < 2:
        return {}
    return {f"the number of {name}s": array[0].size, f"the size of the whole {name}": array.size}


def finite(inputs: ArrayLike) -> Array:
    """Return an array to try the code on, as floats.

    Raises:
        ValueError: if there is none, or a number is not finite.
    """
    array = np.array(inputs, float)
    if not array.size:
        raise ValueError(f"expected some numbers to try it on, got an array of shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"expected finite numbers, got {not_finite(array)}")
    return array


def one_example(row: Array) -> Any:
    """One example for a function of Values: a list, or an array if it has more axes."""
    return row if np.ndim(row) > 1 else row.tolist()


def in_shape_of(array: Array, rows: list[list[Any]], name: str) -> Array:
    """One row of numbers for each example, in the shape of an array."""
    numbers = [getattr(number, "data", number) for row in rows for number in row]
    if len(numbers) != array.size:
        raise GradientError(
            f"{name} has shape {array.shape}: expected {len(rows[0])} numbers for each example"
        )
    return np.array(numbers, float).reshape(array.shape)


# ------------------------------------------------------------------- numerical derivatives


def numerical(function: Callable[[], float], point: Array, name: str, settings: Settings) -> Right:
    """Return numerical derivatives with respect to the elements of an array."""
    slopes, errors, rounding = np.full((3, *point.shape), np.nan)
    with np.errstate(all="ignore"):  # a step may leave the domain; then a smaller one is tried
        for place in _chosen(point.shape, settings):
            found = _slope(function, point, place, settings)
            slopes[place], errors[place], rounding[place] = found.value, found.error, found.rounding
    right = Right(slopes, settings.tolerance, np.nan_to_num(rounding))
    slopes[errors > right.allowed] = np.nan  # a corner is too near
    if point.size and not right.known.any():
        raise GradientError(
            f"forward is not smooth enough here to check its gradient with respect to {name}"
        )
    return right


def _slope(
    function: Callable[[], float], point: Array, place: tuple[int, ...], settings: Settings
) -> Difference:
    here = float(point[place])

    def along(number: float) -> float:
        point[place] = number
        return function()

    try:
        return numerical_derivative(along, here, settings.tolerance / 10)
    finally:
        point[place] = here


def _chosen(shape: tuple[int, ...], settings: Settings) -> Iterable[tuple[int, ...]]:
    places = list(np.ndindex(shape))
    if len(places) <= settings.elements:
        return places
    chosen = np.random.default_rng(settings.seed).permutation(len(places))[: settings.elements]
    return [places[i] for i in np.sort(chosen)]
