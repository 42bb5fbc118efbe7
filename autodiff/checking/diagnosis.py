"""Guesses at the mistake in a wrong gradient, from its numbers.

A guess is a sentence and an array that the mistake would have given. If that is the array that was
found, the sentence is said. Nothing here looks at anybody's code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Guess = Callable[[], str]
"""A sentence about the mistake, empty if this is not it."""

ALONE = (
    "each example alone is right, a batch of them is not; "
    "is something summed or divided along the wrong axis?"
)


@dataclass(frozen=True)
class Right:
    """The right gradient, as far as it is known.

    Attributes:
        values: one number for each element; NaN where it was not looked for, or could not be found.
        tolerance: how far off an element may be, relative to the largest.
        noise: and how far off in any case, for all elements or for each.
    """

    values: Array
    tolerance: float
    noise: Any = 0.0

    @property
    def known(self) -> NDArray[np.bool_]:
        """Mask of the elements that have a number."""
        return ~np.isnan(self.values)

    @property
    def allowed(self) -> Array:
        """Allowed error of each element."""
        largest = float(np.abs(self.values[self.known]).max(initial=0))
        allowed: Array = np.full(self.values.shape, self.tolerance * (largest or 1.0))
        allowed += self.noise
        return allowed

    def is_zero(self, array: Array) -> bool:
        """Whether there is nothing but zeros, wherever the right one is known."""
        return bool((np.abs(array) <= self.allowed)[self.known].all())

    def wrong(self, found: Array) -> NDArray[np.bool_]:
        """The known elements that are off."""
        off = np.abs(np.where(self.known, found - np.nan_to_num(self.values), 0))
        return off > self.allowed

    def alike(self, found: Array, other: Array) -> bool:
        """Whether two arrays agree wherever the right one is known."""
        if np.shape(found) != np.shape(other) or np.shape(found) != self.values.shape:
            return False
        return bool((np.abs(found - other) <= self.allowed)[self.known].all())

    def agrees(self, found: Array) -> bool:
        """Whether an array is right wherever that is known."""
        return found.shape == self.values.shape and not self.wrong(found).any()


def first(guesses: Iterable[Guess]) -> str:
    """Return the first guess that fits."""
    return next((said for guess in guesses if (said := guess())), "")


def sentence(what: str, found: Array, right: Right, reason: str) -> str:
    """Describe the wrong elements, the worst of them in numbers, and the reason if one is found.

    >>> right = Right(np.array([1.0, -0.5]), tolerance=1e-6)
    >>> print(sentence("b", np.array([1.0, 0.5]), right, "the sign is wrong"))
    b, element (1,): expected -0.5, got 0.5 (1 of 2 elements is wrong): the sign is wrong
    """
    wrong = right.wrong(found)
    off = np.where(wrong, np.abs(found - np.nan_to_num(right.values)), -1)
    place = tuple(int(i) for i in np.unravel_index(int(off.argmax()), off.shape))
    expected, got = right.values[place] + 0.0, found[place] + 0.0  # no -0
    numbers = f"expected {expected:.6g}, got {got:.6g}"
    if place:
        what += f", element {place}"
        are = "is" if wrong.sum() == 1 else "are"
        numbers += f" ({wrong.sum()} of {right.known.sum()} elements {are} wrong)"
    return f"{what}: {numbers}" + (f": {reason}" if reason else "")


# ------------------------------------------------------------------------------------- the guesses


def scaled(found: Array, right: Right, sizes: Mapping[str, float]) -> str:
    """Zero, the sign, or a factor; sizes are names of positive numbers that it may be."""
    if right.is_zero(right.values):
        return ""
    if right.is_zero(found):
        return "it is zero everywhere"
    expected, got = right.values[right.known], found[right.known]
    factor = float(got @ expected / (expected @ expected))
    if not factor or not right.alike(found / factor, right.values):
        return ""
    sign = "the sign is wrong" if factor < 0 else ""
    size = abs(factor)
    if abs(size - 1) < 1e-3:
        return sign
    times = max(size, 1 / size)
    text = f"it is {times:.6g} times too {'large' if size > 1 else 'small'}"
    text += _named(times, sizes)
    return f"{sign}, and {text}" if sign else text


def _named(times: float, sizes: Mapping[str, float]) -> str:
    for name, size in sizes.items():
        for number, words in ((size, name), (1 / size, f"one over {name}")):
            if abs(times / number - 1) < 1e-4:
                return f", which is {words}"
    return ""


def transposed(found: Array, right: Right) -> str:
    """A square array, rows and columns exchanged."""
    if found.ndim != 2 or found.shape[0] != found.shape[1] or found.shape[0] < 2:
        return ""
    return "it is transposed" if right.alike(found.T, right.values) else ""


def one_sided(found: Array, right: Right, inputs: Array, grad_output: Array) -> str:
    """Wrong where the input is negative and nowhere else, or where it is positive."""
    if inputs.shape != grad_output.shape:
        return ""
    wrong = right.wrong(found)
    sides = {"negative": inputs < 0, "positive": inputs > 0}
    if not all((side & right.known).any() for side in sides.values()):
        return ""
    for name, side in sides.items():
        if not (wrong == (side & right.known)).all():
            continue
        if right.is_zero(np.where(wrong, right.values, 0)):
            return f"gradients get through where the input is {name}"
        if right.is_zero(np.where(wrong, found, 0)):
            return f"no gradient gets through where the input is {name}"
        return f"it is wrong where the input is {name}, and right elsewhere"
    if right.alike(found, grad_output - right.values):
        return (
            "gradients get through where they should stop, and stop where they should get through"
        )
    return ""


def impostor(found: Array, right: Right, impostors: Mapping[str, Array]) -> str:
    """Another array in place of the gradient."""
    matching = (text for text, array in impostors.items() if right.alike(found, array))
    return next(matching, "")


def misshapen(shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Guess at the reason of a wrong shape."""
    if len(shape) > 1 and shape == wanted[::-1]:
        return ": it is transposed"
    if shape == wanted[1:]:
        return ": it is summed over the batch, and should not be"
    if shape[1:] == wanted:
        return ": sum it over the batch"
    return ""
