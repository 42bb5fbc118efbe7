"""Writer: lines of a program, names for its arrays, and views of blocks as text."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.compiler.layout import Window, strided, window
from autodiff.compiler.program import BATCHED, CONSTANT
from autodiff.compiler.schedule import CONSTANTS, Block, Indices, VectorProgram, View
from autodiff.expressions import Call, Literal, call
from autodiff.mathematics import ARRAY, Mathematics
from autodiff.printers import COMPARISON, CodePrinter, Written


@dataclass
class Source:
    """Python text that defines one function, and the arrays that it refers to by name."""

    text: str
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    gathers: int = 0


_NUMPY = (
    "abs", "add", "ascontiguousarray", "broadcast_to", "einsum", "empty", "inf", "matmul", "nan",
    "ones", "zeros",
)  # fmt: skip
_MAKE_FLOAT64 = ("fsum",)
"""Functions of the array namespace whose results are float64 whatever they are given."""


def functions(m: Mathematics) -> dict[str, Any]:
    """What generated code may call: the functions of a carrier's namespace, by their names."""
    names = [name for name in dir(m) if not name.startswith("_") and name != "where"]
    return {name: getattr(m, name) for name in names}


def namespace(source: Source, dtype: Any) -> dict[str, Any]:
    """The globals of a generated function, with its arrays in one precision."""
    arrays = {
        name: array.astype(dtype) if array.dtype.kind == "f" else array
        for name, array in source.arrays.items()
    }
    numpys = {name: getattr(np, name) for name in _NUMPY}
    ours = functions(ARRAY)
    typed = {name: _typed(ours[name], dtype) for name in _MAKE_FLOAT64}
    typed["where"] = _typed(np.where, dtype)  # of two literals it is float64
    typed["einsum"] = _watched_einsum
    pi = np.dtype(dtype).type(np.pi)
    return {**ours, **numpys, **typed, "dtype": dtype, "pi": pi, **arrays}


def _typed(function: Callable[..., Any], dtype: Any) -> Callable[..., Any]:
    """The function, with results of one type."""

    def typed(*operands: Any) -> Any:
        result = function(*operands)
        return result if result.dtype == dtype else result.astype(dtype)

    return typed


def _watched_einsum(subscripts: str, left: Any, right: Any) -> Any:
    """numpy.einsum, which looks at no floating-point flags, with an eye on its results."""
    result = np.einsum(subscripts, left, right)
    flat = result.ravel()
    if not np.isfinite(flat.dot(flat)):
        np.sqrt(-1.0)  # an invalid operation, which is treated as np.errstate says
    return result


class ProgramPrinter(CodePrinter):
    """Writes the lines of a program, in which a condition is a factor like any other."""

    def write_where(self, expression: Call) -> Written:
        """A choice; one between 1 and 0 is the condition itself."""
        condition, *branches = expression.operands
        if branches == [Literal(1), Literal(0)]:
            is_comparison = self.written(condition).rank == COMPARISON
            return self.written(condition if is_comparison else call("unequal", condition, 0))
        return super().write_where(expression)


class Names:
    """Python names of which none is given twice, nor one that is taken already."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._reserved = frozenset(taken)
        self._taken = set(self._reserved)
        self._counts: dict[str, int] = {}

    def fresh(self, name: str) -> str:
        """This name, or this name with a number, in constant time."""
        candidate = name
        while candidate in self._taken or keyword.iskeyword(candidate):
            count = self._counts.get(name, 1 if name in self._reserved else 2)
            self._counts[name] = count + 1
            candidate = f"{name}_{count}"
        self._taken.add(candidate)
        return candidate


class Writer:
    """What the forward and the adjoint program are written with."""

    def __init__(self, program: VectorProgram) -> None:
        self.program = program
        self.source = Source("")
        self.lines: list[str] = []
        self.names: dict[int, str] = {}
        self._fresh = Names({"n", "dtype", "run", "where", *functions(ARRAY), *_NUMPY}).fresh
        self.array_names: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self.read_before: dict[tuple[int, bytes, tuple[int, ...]], str] = {}
        self.scope = ""
        for i, block in enumerate(program.blocks):
            self.names[i] = self._fresh(identifier(block.name, block.scope))

    def _line(self, text: str) -> None:
        self.lines.append(text)

    def _comment(self, block: Block) -> None:
        if block.scope != self.scope:
            self.scope = block.scope
            if block.scope:
                self.lines += ["", comment(block.scope)]

    def _kind(self, view: View) -> int:
        return CONSTANT if view.block == CONSTANTS else self.program.blocks[view.block].kind

    def _is_unbatched(self, view: View) -> bool:
        return self._kind(view) != BATCHED

    def _array(self, name: str, array: NDArray[Any]) -> str:
        key = (array.dtype.char, array.shape, array.tobytes())
        if key not in self.array_names:
            self.array_names[key] = self._fresh(name)
            self.source.arrays[self.array_names[key]] = array
        return self.array_names[key]

    # -------------------------------------------------------------------------------- reading

    def _read(self, view: View, batched: bool) -> str:
        """The text of a view; ``batched`` asks for an axis of examples in any case."""
        if view.block == CONSTANTS:
            return self._read_constants(view.indices, batched)
        block = self.program.blocks[view.block]
        text = self._read_block(view, block)
        if batched and block.kind != BATCHED and not text.endswith("]]"):
            return text if self._is_single(view) else f"{text}[..., None]"
        return text

    def _is_single(self, view: View) -> bool:
        """Whether one unbatched number stands for all elements."""
        is_repeated = view.indices.size > 1 and _are_same(view.indices)
        return is_repeated and self._is_unbatched(view)

    def _read_constants(self, indices: Indices, batched: bool) -> str:
        numbers = self.program.constants[indices]
        if _are_equal(numbers):
            return repr(float(numbers.flat[0]))
        return self._array("c", numbers[..., None] if batched else numbers)

    def _read_block(self, view: View, block: Block) -> str:
        name, indices = self.names[view.block], view.indices
        if indices.size > 1 and _are_same(indices):
            at = int(indices.flat[0])
            if block.kind != BATCHED:
                return f"{name}[{at}]"
            if indices.ndim == 1:
                return f"{name}[{at}:{at + 1}]"
        layout = strided(indices)
        found = window(layout, block.size) if layout else None
        if found:
            return self._slice_text(name, found, block)
        key = (view.block, indices.tobytes(), indices.shape)
        if key not in self.read_before:
            self.source.gathers += 1
            at_name = self._array("i", indices)
            gathered = self._fresh(f"{name}_at_{at_name}")
            self._line(f"{gathered} = {name}.take({at_name}, 0)")
            self.read_before[key] = gathered
        return self.read_before[key]

    def _slice_text(self, name: str, w: Window, block: Block) -> str:
        text = name
        if (w.start, w.stop, w.step) != (0, block.size, 1):
            text += f"[{w.start}:{w.stop}" + (f":{w.step}]" if w.step != 1 else "]")
        if w.shape:
            batch = ", n" if block.kind == BATCHED else ""
            text += f".reshape({', '.join(map(str, w.shape))}{batch})"
        if w.columns:
            text += f"[..., {w.columns[0]}:{w.columns[1]}{', :' * (block.kind == BATCHED)}]"
        if w.axes:
            axes = (*w.axes, len(w.axes)) if block.kind == BATCHED else w.axes
            text += ".T" if axes == (1, 0) else f".transpose({', '.join(map(str, axes))})"
        return text

    def _read_stack(self, view: View) -> str:
        """A view whose shape matters, even where all its elements are the same."""
        if view.block == CONSTANTS:
            return self._array("c", self.program.constants[view.indices])
        if view.indices.size > 1 and _are_same(view.indices):
            self.source.gathers += 1
            return f"{self.names[view.block]}.take({self._array('i', view.indices)}, 0)"
        return self._read(view, batched=False)

    def _is_same(self, view: View) -> bool:
        """Whether all elements are one and the same."""
        if view.block == CONSTANTS:
            return _are_equal(self.program.constants[view.indices])
        return _are_same(view.indices)

    def _is_even(self, view: View) -> bool:
        """Whether it is read without a gather."""
        if view.block == CONSTANTS or self._is_same(view):
            return True
        layout = strided(view.indices)
        return bool(layout and window(layout, self.program.blocks[view.block].size))

    def _place(self, place: Indices) -> str:
        layout = strided(place)
        if layout and (layout.strides[0] > 0 or len(place) == 1):
            step = layout.strides[0] or 1
            stop = layout.start + step * (len(place) - 1) + 1
            return f"{layout.start}:{stop}" + (f":{step}" if step > 1 else "")
        return self._array("i", place)


def _are_same(indices: Indices) -> bool:
    """Whether it is one element, once or several times."""
    return indices.size == 1 or bool((indices == indices.flat[0]).all())


def _are_equal(numbers: NDArray[Any]) -> bool:
    """Whether all numbers are the same, NaN like NaN, and 0 unlike -0."""
    if numbers.size == 1:
        return True
    first = numbers.flat[0]
    same = (numbers == first) & (np.signbit(numbers) == np.signbit(first))
    return bool(same.all() or np.isnan(numbers).all())


def comment(scope: str) -> str:
    """A scope as a comment; what Python does not read as a part of one line is left out."""
    return "# " + "".join(c if c.isprintable() else " " for c in scope).strip()


def identifier(name: str, scope: str) -> str:
    """A Python name made of a scope and a name."""
    text = f"{scope}_{name}" if scope else name
    text = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "value"
    return text if not text[0].isdigit() else f"v{text}"
