"""Programs: what was compiled of a model stays with it, as long as its structure is the same.

The structure is everything that tracing can see but the numbers of parameters, which a program
reads at every call. A layer more, another slope or another Value in place of a weight, and the
programs are made anew.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Hashable
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, TypeVar

import numpy as np

from autodiff.nn.module import Leaves, Module, contents
from autodiff.value import Value

T = TypeVar("T")

_SAME_WHILE_THEY_LAST = (
    type, FunctionType, BuiltinFunctionType, MethodType, np.ufunc, np.random.Generator,
)  # fmt: skip
_PLAIN = (int, float, complex, str, bytes, bool, type(None), np.generic, range)


class Programs:
    """The compiled programs of a model, and whatever else depends on its structure alone.

    Attributes:
        structure: of the model; None if it holds something that may change unseen.
        modules: those it is made of.
        leaves: its parameters, in its order.
    """

    def __init__(self, model: Module, structure: list[Any] | None) -> None:
        self.structure = structure
        self.modules, self.leaves = model.modules(), model.parameters()
        self._kept: dict[Hashable, Any] = {}

    @property
    def modes(self) -> tuple[bool, ...]:
        """Return which parts are in training mode, since each mode has programs of its own."""
        return tuple([module.is_training for module in self.modules])

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what was made under this key, or make it now."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]  # type: ignore[no-any-return]


def programs_of(model: Module) -> Programs:
    """The programs of a model, new ones if its structure is not that of the last call.

    >>> from autodiff.nn import MLP, ReLU
    >>> model = MLP(2, [2])
    >>> before = programs_of(model)
    >>> model.layers[0].neurons[0].weights[0].data = 3.0
    >>> programs_of(model) is before
    True
    >>> model.layers.append(ReLU())
    >>> programs_of(model) is before
    False
    """
    structure = _structure(model)
    kept = vars(model).get("_programs")
    if isinstance(kept, Programs) and structure is not None and kept.structure == structure:
        return kept
    programs = Programs(model, structure)
    vars(model)["_programs"] = programs
    return programs


def _structure(model: Module) -> list[Any] | None:
    """Everything that tracing may see, with where it stands; equal as long as it is the same."""
    marks: list[Any] = []
    for path, part in contents(model):
        if path.rpartition(".")[2] == "is_training":
            continue
        mark = _mark(part)
        if mark is None:
            return None
        marks.append((path, *mark))
    return marks


def _mark(part: Any) -> tuple[Any, ...] | None:
    """Something that is equal as long as a part is the same; None if nobody can know."""
    if isinstance(part, Leaves):
        return (part,)
    if isinstance(part, Module):
        return (type(part),)
    if isinstance(part, Value):
        return part, part.data
    if isinstance(part, np.ndarray):
        return part.shape, part.dtype, zlib.crc32(np.ascontiguousarray(part).tobytes())
    if isinstance(part, _PLAIN + _SAME_WHILE_THEY_LAST):
        return type(part), part
    if isinstance(part, list | tuple | set | frozenset):
        return type(part), tuple(part)
    held = getattr(part, "__dict__", None)
    if held and all(map(_is_told, held.values())):
        return part, tuple(held.items())
    return None


def _is_told(part: Any) -> bool:
    """Whether a part is the same as long as it is equal; programs read the numbers of Values."""
    values = part if isinstance(part, list) and part else [part]
    return isinstance(part, _PLAIN) or all(
        isinstance(value, Value) and value.op is None for value in values
    )
