"""Arguments: from structures of numbers and arrays to the vectors that a program reads, and back.

An argument is a number, an array, or a list, tuple or dict of these. Each array is a block of its
own; the plain numbers of one argument are a block together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.compiler.trace import parts
from autodiff.structure import dict_like
from autodiff.value import Value

Array = NDArray[Any]


def as_arrays(argument: Any) -> Any:
    """A list of examples as an array; tuples and dicts of arrays as they are.

    Raises:
        ValueError: for a list of arrays, which could be examples or parts of each example.
    """
    if not isinstance(argument, list | tuple):
        return argument
    holds_arrays = any(isinstance(part, np.ndarray | dict) for part in argument)
    if holds_arrays and isinstance(argument, list):
        raise ValueError(
            "a batched argument is an array with a leading axis of examples (np.stack makes one of "
            "a list), or a tuple or dict of such arrays, got a list of arrays"
        )
    if holds_arrays:
        return argument
    try:
        return np.asarray(argument, float)
    except (TypeError, ValueError):
        raise ValueError(
            f"expected equally long lists of numbers as examples, got {argument!r:.60}"
        ) from None


def one_example(argument: Any) -> Any:
    """The structure of one example of a batched argument: an array, or a number."""
    return map_leaves(argument, lambda part: np.zeros(part.shape[1:]) if part.ndim > 1 else 0.0)


def note_on_examples(error: TypeError, batched: dict[str, Any]) -> None:
    """Say beside an error which batched arguments hold one number for each example."""
    flat = [name for name, argument in batched.items() if np.ndim(argument) == 1]
    if flat and isinstance(batched[flat[0]], np.ndarray):
        name, count = flat[0], len(batched[flat[0]])
        error.add_note(
            f"the batched argument {name} of shape ({count},) gives one number to each of {count} "
            f"examples; for vectors it has shape (examples, length): {name}[np.newaxis] is one"
        )


def count_blocks(structure: Any) -> int:
    """How many input blocks an argument has: each array, then all plain numbers together."""
    arrays = [isinstance(part, np.ndarray) for _, part in parts(structure, "")]
    return sum(arrays) + (not all(arrays))


def blocks_of_argument(
    argument: Any, name: str, is_batched: bool, dtype: Any
) -> tuple[list[Array], Any, int | None]:
    """The numbers of an argument by blocks, its shape as a key, and its number of examples."""
    arrays: list[Array] = []
    plain: list[Any] = []
    if not is_batched:
        key = _scan(argument, name, dtype, arrays, plain)
        return ([*arrays, np.array(plain, dtype)] if plain else arrays), key, None
    if type(argument) is np.ndarray and argument.ndim == 2:  # the usual case, without detours
        return [_real(argument, name, dtype)], argument.shape[1:], len(argument)
    counts: set[int] = set()
    for own, part in parts(argument, name):
        if not isinstance(part, np.ndarray) or part.ndim == 0:
            raise ValueError(
                f"the batched argument {own} must be an array with a leading axis of examples, "
                f"got {part!r:.60}"
            )
        counts.add(len(part))
        part = _real(part, own, dtype)
        if part.ndim == 1:
            plain.append(part)
        else:
            arrays.append(part.reshape(len(part), int(np.prod(part.shape[1:]))))
    if len(counts) > 1:
        raise ValueError(f"the arrays in {name} have different numbers of examples: {counts}")
    if plain:
        arrays.append(np.stack(plain, axis=1))
    return arrays, _key_of(argument), counts.pop() if counts else None


def _real(array: Array, name: str, dtype: Any) -> Array:
    if array.dtype.kind not in "fiub":
        if array.size and isinstance(array.flat[0], Value):
            _number(array.flat[0], name)
        raise TypeError(
            f"the argument {name} must hold real numbers, got an array of {array.dtype}"
        )
    return array if array.dtype == dtype else array.astype(dtype)


def _number(number: Any, name: str) -> float:
    if isinstance(number, int | float | np.integer | np.floating | np.bool):
        return float(number)
    if isinstance(number, Value):
        raise TypeError(
            f"the argument {name} is a Value, and a compiled function takes numbers; within grad() "
            "or another compiled function call what it was made from, its attribute .function"
        )
    raise TypeError(
        f"the argument {name} must be a number, an array or a structure of them, "
        f"got {type(number).__name__} {number!r:.40}"
    )


def _key_of(argument: Any) -> Any:
    """Structure and shapes of a batched argument, without the number of examples."""
    if isinstance(argument, np.ndarray):
        return argument.shape[1:]
    if isinstance(argument, dict):
        return ("dict", *[(key, _key_of(part)) for key, part in argument.items()])
    return (_kind_of(argument), *[_key_of(part) for part in argument])


def _kind_of(argument: list[Any] | tuple[Any, ...]) -> Any:
    """The name of a sequence's type, with its fields if they are named."""
    return type(argument).__name__, getattr(argument, "_fields", ())


def _scan(argument: Any, name: str, dtype: Any, arrays: list[Array], plain: list[float]) -> Any:
    """Collect the arrays and the plain numbers of an argument; give its shape as a key."""
    if type(argument) is np.ndarray:
        arrays.append(_real(argument, name, dtype).ravel())
        return argument.shape
    if isinstance(argument, dict):
        return (
            "dict",
            *[(key, _scan(part, name, dtype, arrays, plain)) for key, part in argument.items()],
        )
    if isinstance(argument, list | tuple):
        kind = _kind_of(argument)
        return (kind, *[_scan(part, name, dtype, arrays, plain) for part in argument])
    plain.append(_number(argument, name))
    return "number"


def map_leaves(structure: Any, change: Callable[[Any], Any]) -> Any:
    """A structure with every array or number in it changed, in the order of ``flatten``."""
    if isinstance(structure, dict):
        others = [map_leaves(part, change) for part in structure.values()]
        return dict_like(structure, list(structure), others)
    if isinstance(structure, list | tuple):
        elements = [map_leaves(part, change) for part in structure]
        kind: Any = type(structure)
        return kind(*elements) if hasattr(kind, "_fields") else kind(elements)
    return change(structure)


def stacked(results: list[Any]) -> Any:
    """Structures of equal form with their numbers stacked along a new leading axis."""
    return _combined(results, lambda leaves: np.stack([np.asarray(leaf) for leaf in leaves]))


def added(results: list[Any]) -> Any:
    """The sum of structures of equal form, number by number."""
    return _combined(results, lambda leaves: sum(leaves[1:], leaves[0]))


def _combined(results: list[Any], combine: Callable[[list[Any]], Any]) -> Any:
    first = results[0]
    if isinstance(first, dict):
        return {key: _combined([r[key] for r in results], combine) for key in first}
    if isinstance(first, list | tuple):
        elements = [_combined([r[i] for r in results], combine) for i in range(len(first))]
        kind: Any = type(first)
        return kind(*elements) if hasattr(kind, "_fields") else kind(elements)
    return combine(results)
