"""Structures of numbers: lists, tuples, dicts and arrays, taken apart and put together again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.arrays import as_array

Rebuild = Callable[[Sequence[Any]], Any]


def flatten(structure: Any) -> tuple[list[Any], Rebuild]:
    """The scalars in a structure, and a function that puts others in their places.

    A list stays a list, a tuple (named or not) a tuple, a dict a dict in the order of its keys; an
    array gives its elements in row-major order and is rebuilt as an array of the same shape.
    Anything else is one scalar.

    >>> scalars, rebuild = flatten({"w": [1.0, 2.0], "b": 3.0})
    >>> scalars, rebuild([10, 20, 30])
    ([1.0, 2.0, 3.0], {'w': [10, 20], 'b': 30})
    """
    if isinstance(structure, np.ndarray):
        shape = structure.shape
        return structure.ravel().tolist(), lambda scalars: as_array(scalars, shape)
    if isinstance(structure, dict):
        keys = list(structure)
        scalars, rebuild = flatten(list(structure.values()))
        return scalars, lambda others: dict_like(structure, keys, rebuild(others))
    if isinstance(structure, list | tuple):
        return _flatten_sequence(structure)
    return [structure], lambda scalars: scalars[0]


def dict_like(model: dict[Any, Any], keys: list[Any], others: list[Any]) -> dict[Any, Any]:
    """A dict of the same kind, OrderedDict or defaultdict for instance, with other values."""
    if type(model) is dict:
        return dict(zip(keys, others, strict=True))
    same_kind = copy.copy(model)
    for key, other in zip(keys, others, strict=True):
        same_kind[key] = other
    return same_kind


def _flatten_sequence(structure: Sequence[Any]) -> tuple[list[Any], Rebuild]:
    parts = [flatten(element) for element in structure]
    ends = np.cumsum([len(scalars) for scalars, _ in parts]).tolist()
    kind: Any = type(structure)

    def rebuild(scalars: Sequence[Any]) -> Any:
        elements = [
            rebuild_part(scalars[end - len(part) : end])
            for (part, rebuild_part), end in zip(parts, ends, strict=True)
        ]
        return kind(*elements) if hasattr(kind, "_fields") else kind(elements)

    return [scalar for scalars, _ in parts for scalar in scalars], rebuild


def align(given: Any, wanted: Any, what: str) -> list[Any]:
    """The scalars of one structure in the order of another, which must be the same in shape.

    Raises:
        ValueError: if keys, lengths or array shapes differ.

    >>> align({"b": 2, "a": 1}, {"a": 0.0, "b": 0.0}, "weights")
    [1, 2]
    """
    if isinstance(wanted, np.ndarray):
        if np.shape(given) != wanted.shape:
            raise ValueError(f"expected {what} of shape {wanted.shape}, got {np.shape(given)}")
        return np.asarray(given, object).ravel().tolist()
    if isinstance(wanted, dict):
        if not isinstance(given, dict) or set(given) != set(wanted):
            keys = list(given) if isinstance(given, dict) else type(given).__name__
            raise ValueError(f"expected {what} with the keys {list(wanted)}, got {keys}")
        return [s for key in wanted for s in align(given[key], wanted[key], what)]
    if isinstance(wanted, list | tuple):
        if not isinstance(given, list | tuple | np.ndarray) or len(given) != len(wanted):
            count = len(given) if hasattr(given, "__len__") else type(given).__name__
            raise ValueError(f"expected {what}, {len(wanted)} in a list or tuple, got {count}")
        pairs = zip(given, wanted, strict=True)
        return [s for part, like in pairs for s in align(part, like, what)]
    if isinstance(given, list | tuple | dict) or np.ndim(given):
        raise ValueError(f"expected {what}, one number, got {given!r:.60}")
    return [given]
