"""Descriptions: what a run was given, in words and numbers that a checkpoint can hold.

Two runs that were given something else have other descriptions, almost always.
"""

from __future__ import annotations

import zlib
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from autodiff.data.dataset import Dataset
from autodiff.nn.losses import LOSSES
from autodiff.optim import Optimizer

_PLAIN = (int, float, str, bool, type(None))


def fingerprint(examples: Dataset) -> int:
    """A number that other data do not have."""
    inputs, targets = (np.ascontiguousarray(a) for a in (examples.inputs, examples.targets))
    return zlib.crc32(targets.tobytes(), zlib.crc32(inputs.tobytes()))


def rule(optimizer: Optimizer) -> dict[str, Any]:
    """The options of an optimizer by name; a schedule by its own."""
    own = ("parameters", "state", "steps")
    return {name: described(each) for name, each in vars(optimizer).items() if name not in own}


def described(thing: Any) -> Any:
    """A loss, a schedule or an option, in words and numbers.

    Functions of one's own are told apart by what they do: their code, their defaults, and the
    numbers and functions that they see around them.

    >>> described(lambda outputs, t: 2 * t) == described(lambda outputs, t: 2 * t)
    True
    >>> described(lambda outputs, t: 2 * t) == described(lambda outputs, t: 3 * t)
    False
    """
    if isinstance(thing, _PLAIN):
        return thing
    if isinstance(thing, list | tuple):
        return [described(each) for each in thing]
    if isinstance(thing, FunctionType):
        if thing in LOSSES.values():
            return thing.__name__
        words = "\n".join(_words(thing, set()))
        return f"{thing.__name__} ({zlib.crc32(words.encode()):08x})"
    if isinstance(thing, np.ndarray):
        return f"array ({zlib.crc32(np.ascontiguousarray(thing).tobytes()):08x})"
    name = type(thing).__name__
    held = getattr(thing, "__dict__", None)
    inside = {key: described(each) for key, each in held.items()} if held else {}
    return f"{name}({', '.join(f'{key}={each}' for key, each in inside.items())})"


def _words(function: FunctionType, met: set[FunctionType]) -> list[str]:
    """Everything that decides what a function does, line by line."""
    if function in met:
        return []
    met.add(function)
    code = function.__code__
    around = {name: function.__globals__.get(name) for name in code.co_names}
    cells = [_content(cell) for cell in function.__closure__ or ()]
    seen = [*around.values(), *cells, *(function.__defaults__ or ())]
    own = [each for each in seen if _is_of_the_same_file(each, function)]
    words = [*_of_code(code), *(repr(each) for each in seen if isinstance(each, _PLAIN))]
    return words + [word for each in own for word in _words(each, met)]


def _of_code(code: CodeType) -> list[str]:
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    plain = [each for each in code.co_consts if not isinstance(each, CodeType | frozenset)]
    words = [code.co_code.hex(), repr(code.co_names), repr(plain)]
    return words + [word for each in inner for word in _of_code(each)]


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing is in it yet
        return None


def _is_of_the_same_file(thing: Any, function: FunctionType) -> bool:
    return isinstance(thing, FunctionType) and thing.__module__ == function.__module__
