"""First names, and their characters as numbers: what character models learn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autodiff.data.dataset import Dataset

ALPHABET = ".abcdefghijklmnopqrstuvwxyz"
"""The symbol of each number. A full stop stands before a name and after it."""
CONTEXT = 16
"""How many symbols a model is given: the longest name, of 15 characters, and the stop before it."""
NOTHING = -1
"""The target where a name has ended already."""


def load_names() -> list[str]:
    """Return the 32,033 packaged first names, lower-case, in the order of their file.

    >>> names = load_names()
    >>> len(names), names[:3], max(map(len, names))
    (32033, ['emma', 'olivia', 'ava'], 15)
    """
    return (Path(__file__).parent / "names.txt").read_text("ascii").split()


def encoded(names: Iterable[str]) -> Dataset:
    """Return names as numbers: for each symbol the one that comes next.

    Args:
        names: of at most 15 of the letters a to z each.

    Returns:
        Inputs and targets of shape (count, 16). Inputs begin with the stop, which also fills the
        places after the name; targets end with the stop, and are -1 after it.

    Raises:
        ValueError: if there is no name, or one has other characters or too many.

    >>> pairs = encoded(["ab"])
    >>> pairs.inputs[0, :4].tolist(), pairs.targets[0, :4].tolist()
    ([0.0, 1.0, 2.0, 0.0], [1.0, 2.0, 0.0, -1.0])
    """
    names = list(names)
    inputs = np.zeros((len(names), CONTEXT))
    targets = np.full((len(names), CONTEXT), float(NOTHING))
    if not names:
        raise ValueError("expected at least one name, got none")
    for i, name in enumerate(names):
        places = _places(name)
        inputs[i, 1 : len(name) + 1] = places
        targets[i, : len(name) + 1] = [*places, 0]
    return Dataset(inputs, targets)


def _places(name: str) -> list[int]:
    places = [ALPHABET.find(character) for character in name]
    if not 1 <= len(name) < CONTEXT or min(places) < 1:
        raise ValueError(
            f"a name has 1 to {CONTEXT - 1} letters from a to z, lower-case, got {name!r:.40}"
        )
    return places


def decoded(symbols: Sequence[int] | NDArray[np.int64]) -> str:
    """Return the characters up to the first stop.

    Args:
        symbols: numbers from 0 to 26, without the stop before the name.

    >>> decoded([1, 2, 0, 5])
    'ab'
    """
    return "".join([ALPHABET[symbol] for symbol in symbols]).partition(".")[0]
