"""NumPy: a vector program as the source of one Python function.

Blocks are arrays of shape (size,), or (size, examples) if batched, so that a slice of scalars is
always a view.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff.compiler.gradient import is_rowwise, rows_of
from autodiff.compiler.layout import Window, strided, window
from autodiff.compiler.memory import memory_plan
from autodiff.compiler.program import BATCHED
from autodiff.compiler.source import (
    Names,
    ProgramPrinter,
    Source,
    comment,
    functions,
    identifier,
    is_condition,
)
from autodiff.compiler.vectors import (
    CONSTANTS,
    Add,
    Block,
    Contraction,
    Elementwise,
    Fill,
    Gather,
    Indices,
    Instruction,
    Loop,
    Pack,
    Scatter,
    VectorProgram,
    View,
    places_in,
    shape_of,
    views_in,
    views_of,
)
from autodiff.expressions import Expression, repeated_functions, replaced
from autodiff.mathematics import ARRAY
from autodiff.printers import ANYTHING, ATOM, PRODUCT, Template, Written

FUNCTIONS = (
    "abs", "add", "ascontiguousarray", "broadcast_to", "einsum", "empty", "full", "inf", "matmul",
    "nan", "ones", "zeros",
)  # fmt: skip
"""NumPy's functions that generated code calls beside those of the array namespace."""
_MAKE_FLOAT64 = ("fsum",)
"""Functions of the array namespace whose results are float64 whatever they are given."""


def numpy_source(program: VectorProgram, name: str = "run") -> Source:
    """The source of a function of the inputs, which returns the outputs and the gradients."""
    return _NumpyWriter(program).run(name)


def namespace(source: Source, dtype: Any) -> dict[str, Any]:
    """The globals of a generated function, with its arrays in one precision."""
    arrays = {
        name: array.astype(dtype) if array.dtype.kind == "f" else array
        for name, array in source.arrays.items()
    }
    numpys = {name: getattr(np, name) for name in FUNCTIONS}
    ours = functions(ARRAY)
    typed = {name: _typed(ours[name], dtype) for name in _MAKE_FLOAT64}
    typed["where"] = _typed(np.where, dtype)  # of two literals it is float64
    typed["einsum"] = _watched_einsum
    typed.update(places_in=places_in, added_by_place=added_by_place)
    pi = np.dtype(dtype).type(np.pi)
    return {**ours, **numpys, **typed, "dtype": dtype, "pi": pi, **arrays}


def _typed(function: Callable[..., Any], dtype: Any) -> Callable[..., Any]:
    """The function, with results of one type."""

    def typed(*operands: Any) -> Any:
        result = function(*operands)
        return result if result.dtype == dtype else result.astype(dtype)

    return typed


def added_by_place(slope: Any, places: Any, count: int) -> Any:
    """Columns added up by place: of shape (rows, count), from (rows, ...) and places (...)."""
    flat = places.ravel()
    columns = np.broadcast_to(slope, (len(slope), *places.shape)).reshape(len(slope), -1)
    total = np.zeros((len(slope), count), slope.dtype)
    order = flat.argsort(kind="stable")
    found, starts = np.unique(flat[order], return_index=True)
    if len(found):
        total[:, found] = np.add.reduceat(columns.take(order, 1), starts, 1)
    return total


def _watched_einsum(subscripts: str, left: Any, right: Any) -> Any:
    """numpy.einsum, which looks at no floating-point flags, with an eye on its results."""
    result = np.einsum(subscripts, left, right)
    flat = result.ravel()
    if not np.isfinite(flat.dot(flat)):
        np.sqrt(-1.0)  # an invalid operation, which is treated as np.errstate says
    return result


class _Code(Expression):
    """A view as it is written."""

    __slots__ = ("are_rows", "code")

    def __init__(self, code: Written, are_rows: bool) -> None:
        self.code = code
        self.are_rows = are_rows


class _Printer(ProgramPrinter):
    def leaf(self, leaf: Expression) -> Written:
        """A view."""
        assert isinstance(leaf, _Code)
        return leaf.code


_PRINTER = _Printer(Template("where({}, {}, {})", ATOM, (ANYTHING,) * 3))


class _Product(NamedTuple):
    """A matrix product that is written where it is read."""

    written: Written
    factors: tuple[str, str]
    axes: tuple[int, ...]
    """The axes of (groups, rows, columns) that its array has."""


TAKEN = {
    "n",
    "dtype",
    "run",
    "where",
    "range",
    "places_in",
    "added_by_place",
    *functions(ARRAY),
    *FUNCTIONS,
}


class _NumpyWriter:
    """Writes a program, or a step of a loop of the one that a writer around it writes."""

    def __init__(self, program: VectorProgram, around: _NumpyWriter | None = None) -> None:
        self.program = program
        self.source: Source = around.source if around else Source("")
        self.lines: list[str] = []
        self._fresh: Callable[[str], str] = around._fresh if around else Names(TAKEN).fresh
        self.names: dict[int, str] = {}
        for i, block in enumerate(program.blocks):
            if block.gradient_of is not None:
                self.names[i] = self._fresh(f"d_{self.names[block.gradient_of]}")
            elif block.name:
                self.names[i] = self._fresh(identifier(block.name, block.scope))
        self.plan = memory_plan(program)
        self.last_read: dict[int, int] = {
            view.block: at for at, i in enumerate(program.instructions) for view in views_of(i)
        }
        self.last_read[program.outputs.block] = len(program.instructions)
        self.array_names: dict[tuple[str, tuple[int, ...], bytes], str] = (
            around.array_names if around else {}
        )
        self.gathered: dict[View, str] = {}
        self.gathers_of: dict[int, list[str]] = {}
        self.matrices: dict[View, str] = {}
        self.places: dict[tuple[View, int], str] = {}
        self.products: dict[int, _Product] = {}
        self.to_free: list[str] = []
        self.scope = ""

    def run(self, name: str) -> Source:
        """The whole function: inputs, forward, gradients, results."""
        program = self.program
        inputs = [self.names[i] for i in range(program.inputs)]
        batched = [i for i in range(program.inputs) if program.blocks[i].kind == BATCHED]
        if batched:
            self._line(f"n = {self.names[batched[0]]}.shape[0]  # examples")
        for i in batched:
            self._transpose_input(i)
        for at, instruction in enumerate(program.instructions):
            if at == program.forward and program.gradients:
                self.lines += ["", "# the chain rule, from the output back to the inputs"]
            self._write(at, instruction)
            if batched:
                self._free(at)
        results = [self._outputs(), *map(self._gradient, program.gradients)]
        self._line(f"return {', '.join(results)}")
        body = "\n".join(f"    {line}" if line else "" for line in self.lines)
        self.source.text = f"def {name}({', '.join(inputs)}):\n{body}\n"
        return self.source

    def _line(self, text: str) -> None:
        self.lines.append(text)

    # --------------------------------------------------------------------------- instructions

    def _write(self, at: int, instruction: Instruction) -> None:
        block = self.program.blocks[instruction.block]
        if at < self.program.forward:
            self._comment(block)
        if isinstance(instruction, Elementwise):
            self._line(f"{self.names[instruction.block]} = {self._elementwise(instruction)}")
        elif isinstance(instruction, Contraction):
            self._contraction(instruction, block)
        elif isinstance(instruction, Fill):
            maker = "empty" if at in self.plan.unfilled else _maker(instruction.number)
            self._line(f"{self.names[instruction.block]} = {maker}({self._shape(block)}, dtype)")
        elif isinstance(instruction, Add):
            self._add(instruction, "=" if at in self.plan.puts else "+=")
        elif isinstance(instruction, Pack):
            self._pack(instruction, block)
        elif isinstance(instruction, Gather):
            self._gather(instruction, block)
        elif isinstance(instruction, Scatter):
            self._scatter_at_run_time(instruction)
        else:
            self._loop(instruction)

    def _comment(self, block: Block) -> None:
        if block.scope != self.scope:
            self.scope = block.scope
            if block.scope:
                self.lines += ["", comment(block.scope)]

    def _free(self, at: int) -> None:
        """Delete arrays as soon as they are not needed, so that memory is reused."""
        instruction = self.program.instructions[at]
        self.to_free += [self.names[b] for b in self.plan.frees[at] if b in self.names]
        for block in {view.block for view in views_of(instruction)}:
            if self.last_read[block] == at:
                self.to_free += self.gathers_of.pop(block, [])
        is_last = at == len(self.program.instructions) - 1
        if self.to_free and instruction.block not in self.products and not is_last:
            self._line(f"del {', '.join(sorted(self.to_free))}")
            self.to_free = []

    def _elementwise(self, instruction: Elementwise) -> str:
        block = self.program.blocks[instruction.block]
        formula, sums = instruction.formula, instruction.sums
        if isinstance(formula, View) and not sums and self._kind(formula) == block.kind:
            return self._copied(formula, block)
        shape = shape_of(formula)
        written = self._formula(formula)
        if is_condition(formula):
            written = Written(f"({written.text}).astype(dtype)")
        if sums:
            keep = ", keepdims=True" if len(shape) == len(sums) else ""
            written = self._method(written, f"sum({_axes(sums)}{keep})")
            shape = shape if keep else tuple(n for a, n in enumerate(shape) if a not in sums)
        if self.program.is_summed_over_examples(instruction):
            written = self._method(written, "sum(-1)")
        if block.kind == BATCHED and self.program.kind(formula) != BATCHED:
            each = self._method(written, "", "[..., None]").text
            axes = ", ".join(map(str, shape))
            return f"broadcast_to({each}, ({axes}, n)).reshape{self._shape(block)}.copy()"
        if len(shape) > 1:
            written = self._method(written, f"reshape{self._shape(block)}")
        return written.text if shape else self._method(written, "", "[None]").text

    def _copied(self, view: View, block: Block) -> str:
        """Elements as an array that is no other's."""
        is_product = view.block in self.products
        text = self._read(view).text
        if len(view.indices.shape) > 1:
            text += f".reshape{self._shape(block)}"
        return text if is_product else f"{text}.copy()"

    def _add(self, instruction: Add, sign: str) -> None:
        target, formula, sums = instruction
        block = self.program.blocks[target.block]
        if isinstance(formula, View) and formula.block in self.products and target.indices.ndim > 1:
            product = self.products.pop(formula.block)
            axes = product.axes or (1,)
            shape = tuple(target.indices.shape[axis] for axis in axes)
            target = target.reshaped(target.indices.reshape(shape))
            found = self._window(target)
            if sign == "=" and found and not found.columns and not found.axes:
                factors = ", ".join(product.factors)
                if block.kind != BATCHED:
                    self._line(f"matmul({factors}, out={self._slice(target, found)})")
                    return
            written, is_full = product.written, True
        else:
            written = self._formula(formula)
            if sums:
                keep = ", keepdims=True" if len(shape_of(formula)) > 1 else ""
                written = self._method(written, f"sum({_axes(sums)}{keep})")
            if self.program.is_summed_over_examples(instruction):
                written = self._method(written, "sum(-1)")
            is_full = shape_of(formula) == target.indices.shape and not sums
            if block.kind == BATCHED and self.program.kind(formula) != BATCHED:
                written, is_full = self._method(written, "", "[..., None]"), False
        found = self._window(target)
        if not found:
            self._scatter(target, written, sign, is_full)
            return
        place = self._slice(target, found)
        if found.shape or (found.is_whole(block.size) and sign == "="):
            place += "[...]"
        self._line(f"{place} {sign} {written.text}")

    def _scatter(self, target: View, written: Written, sign: str, is_full: bool) -> None:
        """Add at places that are not evenly spaced, or that repeat."""
        name, block = self.names[target.block], self.program.blocks[target.block]
        batch = ", n" if block.kind == BATCHED else ""
        flat = target.indices.ravel()
        if not is_full:
            shape = ", ".join(map(str, target.indices.shape))
            written = Written(f"broadcast_to({written.text}, ({shape},{batch[1:]}))")
        if target.indices.ndim > 1:
            written = self._method(written, f"reshape({len(flat)}{batch})")
        order = np.argsort(flat, kind="stable")
        targets, starts = np.unique(flat[order], return_index=True)
        if len(targets) == len(flat):
            self._line(f"{name}[{self._place(flat)}] {sign} {written.text}")
        elif len(targets) == 1:
            self._line(f"{name}[{flat[0]}] += {self._method(written, 'sum(0)').text}")
        else:
            if (order != np.arange(len(order))).any():
                written = self._method(written, f"take({self._array('i', order)}, 0)")
            segments = f"add.reduceat({written.text}, {self._array('i', starts)}, 0)"
            self._line(f"{name}[{self._place(targets)}] += {segments}")

    def _pack(self, instruction: Pack, block: Block) -> None:
        name, batched = self.names[instruction.block], block.kind == BATCHED
        self._line(f"{name} = empty({self._shape(block)}, dtype)")
        for view, place in zip(instruction.views, instruction.places, strict=True):
            written = self._within(view, view.indices.shape, batched)
            self._line(f"{name}[{self._place(place)}] = {written.text}")

    # ---------------------------------------------------------------------------- look-ups

    def _gather(self, instruction: Gather, block: Block) -> None:
        places = self._places(instruction.chosen, instruction.table.indices.shape[1])
        taken = f"{self._read(instruction.table).text}.take({places}, 1)"
        self._line(f"{self.names[instruction.block]} = {taken}.reshape{self._shape(block)}")

    def _scatter_at_run_time(self, instruction: Scatter) -> None:
        target, chosen, slope = instruction
        count = target.indices.shape[1]
        places = self._places(chosen, count)
        written = self._within(slope, slope.indices.shape, self._kind(chosen) == BATCHED)
        added = f"added_by_place({written.text}, {places}, {count})"
        found = self._window(target)
        if found:
            place = self._slice(target, found)
            self._line(f"{place}{'[...]' * bool(found.shape)} += {added}")
        else:
            self._scatter(target, Written(added), "+=", True)

    def _places(self, chosen: View, count: int) -> str:
        """The name of whole numbers as places in a table."""
        if (chosen, count) not in self.places:
            name = self.places[chosen, count] = self._fresh("places")
            self._line(f"{name} = places_in({self._read(chosen).text}, {count})")
        return self.places[chosen, count]

    # ----------------------------------------------------------------------------------- loops

    def _loop(self, loop: Loop) -> None:
        """A recurrence as a loop in Python, step by step."""
        step = _NumpyWriter(loop.body, self)
        state, size = step.names[0], loop.body.blocks[0].size
        states, number = self.names[loop.block], self._fresh("step")
        given = [(loop.start, False), *loop.given]
        rows: list[str] = []
        for i, (view, by_step) in enumerate(given):
            if not view.indices.size:
                continue
            name = step.names[i]
            if by_step:
                name = self._fresh(f"{name}_rows")
                rows.append(f"{step.names[i]} = {name}[{number}]")
            self._line(f"{name} = {self._given(view, loop.body.blocks[i].kind)}")
        kept = {loop.block: (loop.steps + 1, size)}
        kept.update({block: (loop.steps, view.indices.size) for view, block in loop.kept})
        batch = ", n" * (self.program.blocks[loop.block].kind == BATCHED)
        for block, (count, width) in kept.items():
            self._line(f"{self.names[block]} = empty(({count}, {width}{batch}), dtype)")
        for _, block in loop.sums:
            self._line(
                f"{self.names[block]} = zeros({self._shape(self.program.blocks[block])}, dtype)"
            )
        self._line(f"{states}[0] = {state}")
        order = f"range({loop.steps})"
        self._line(f"for {number} in {f'reversed({order})' if loop.is_reversed else order}:")
        for at, instruction in enumerate(loop.body.instructions):
            step._write(at, instruction)
        step._line(f"{state} = {step._read(loop.next).text}")
        done = f"{loop.steps} - {number}" if loop.is_reversed else f"{number} + 1"
        step._line(f"{states}[{done}] = {state}")
        for view, block in loop.kept:
            step._line(f"{self.names[block]}[{number}] = {step._read(view).text}")
        for view, block in loop.sums:
            step._line(f"{self.names[block]} += {step._read(view).text}")
        self.lines += [f"    {line}" if line else "" for line in [*rows, *step.lines]]
        for block in kept:
            name = self.names[block]
            self._line(f"{name} = {name}.reshape{self._shape(self.program.blocks[block])}")

    def _given(self, view: View, kind: int) -> str:
        """Return an input of a loop, with an axis of examples if its steps want one."""
        text = self._read(view).text
        if kind == BATCHED and self._kind(view) != BATCHED:
            shape = ", ".join(map(str, view.indices.shape))
            return f"broadcast_to({text}[..., None], ({shape}, n))"
        return text

    # ---------------------------------------------------------------------------- contractions

    def _contraction(self, instruction: Contraction, block: Block) -> None:
        if is_rowwise(self.program, instruction):
            self._line(f"{self.names[instruction.block]} = {self._rowwise(instruction)}")
            return
        product = self._product(instruction)
        if instruction.block not in self.names:
            self.products[instruction.block] = product
            return
        written = product.written
        if len(product.axes) > 1 or product.axes == (2,):
            written = self._method(written, f"reshape{self._shape(block)}")
        self._line(f"{self.names[instruction.block]} = {written.text}")

    def _read_product(self, view: View) -> Written:
        """All of a product that was not written yet."""
        product = self.products.pop(view.block)
        if product.axes == (1,):
            return product.written
        return self._method(
            product.written, f"reshape{self._shape(self.program.blocks[view.block])}"
        )

    def _rowwise(self, instruction: Contraction) -> str:
        """Separate dot products."""
        rows = rows_of(instruction)
        kinds = [self._kind(view) == BATCHED for view in rows]
        if rows[0].indices.ndim == 1:
            texts = [self._within(view, view.indices.shape, any(kinds)).text for view in rows]
            return f"({texts[0]} * {texts[1]}).sum(0, keepdims=True)"
        subscripts = ["gkn" if is_batched else "gk" for is_batched in kinds]
        out = "gn" if any(kinds) else "g"
        texts = [self._read(view).text for view in rows]
        return f'einsum("{",".join(subscripts)}->{out}", {", ".join(texts)})'

    def _product(self, instruction: Contraction) -> _Product:
        """A matrix product, or a stack of them, with the examples as further columns."""
        left, right, block = instruction
        groups, rows, inner = left.indices.shape
        columns = right.indices.shape[1]
        is_batched = self.program.blocks[block].kind == BATCHED
        if self.program.is_summed_over_examples(instruction) and self._kind(left) == BATCHED:
            factors = self._matrix(left, True), f"{self._matrix(right, True)}"
            transposed = ".T" if groups == 1 else ".swapaxes(1, 2)"
            factors = factors[0], factors[1] + transposed
            text = f"{factors[0]} @ {factors[1]}"
            axes = (*([0] if groups > 1 else []), 1, 2)
            return _Product(Written(text, PRODUCT), factors, axes)
        turned = right.reshaped(right.indices.swapaxes(1, 2))
        is_vector = columns == 1 and (is_batched or groups == 1) and rows * inner > 0
        factors = self._weights(left, instruction), self._matrix(turned, is_vector)
        text = f"{factors[0]} @ {factors[1]}"
        axes = (*([0] if groups > 1 else []), 1, *([] if is_vector else [2]))
        written = Written(text, PRODUCT)
        if is_batched and columns > 1:
            shape = (*([groups] if groups > 1 else []), rows, columns)
            written = self._method(written, f"reshape({', '.join(map(str, shape))}, n)")
        return _Product(written, factors, axes)

    def _matrix(self, view: View, drops_column: bool) -> str:
        """(groups, rows, columns) without one group, and with the examples beside the columns."""
        indices, is_batched = view.indices, self._kind(view) == BATCHED
        groups, rows, columns = indices.shape
        if columns == 1 and drops_column and (is_batched or groups == 1):
            indices = indices[..., 0]
        elif is_batched and columns > 1:
            stack = (*([groups] if groups > 1 else []), rows)
            text = self._read(view.reshaped(indices if groups > 1 else indices[0])).text
            return f"{text}.reshape({', '.join(map(str, stack))}, {columns} * n)"
        return self._known_matrix(view.reshaped(indices if groups > 1 else indices[0]))

    def _weights(self, view: View, instruction: Contraction) -> str:
        """The shared factor; a matrix of parameters gets a name."""
        matrix = view.reshaped(view.indices[0]) if len(view.indices) == 1 else view
        text = self._known_matrix(matrix)
        is_input = 0 <= view.block < self.program.inputs
        if not is_input or not self._window(matrix) or instruction.block not in self.names:
            return text
        scope = self.program.blocks[instruction.block].scope
        if matrix not in self.matrices and not self._turned_matrix(matrix):
            self.matrices[matrix] = self._fresh(identifier("weights", scope))
            self._line(f"{self.matrices[matrix]} = {text}")
        return self._known_matrix(matrix)

    def _known_matrix(self, view: View) -> str:
        return self.matrices.get(view) or self._turned_matrix(view) or self._read(view).text

    def _turned_matrix(self, view: View) -> str:
        """A matrix that has a name the other way round."""
        if not self.matrices or view.indices.ndim < 2:
            return ""
        name = self.matrices.get(view.reshaped(view.indices.swapaxes(-1, -2)), "")
        return name and name + (".T" if view.indices.ndim == 2 else ".swapaxes(1, 2)")

    # -------------------------------------------------------------------------------- reading

    def _kind(self, view: View) -> int:
        return self.program.kind(view)

    def _formula(self, formula: Expression) -> Written:
        """A formula with the texts of its views."""
        shape, batched = shape_of(formula), self.program.kind(formula) == BATCHED
        known: dict[Expression, Expression] = {
            view: _Code(self._within(view, shape, batched), view.are_rows)
            for view in views_in([formula])
        }
        for part in repeated_functions(formula):
            name = self._fresh("part")
            self._line(f"{name} = {_PRINTER.text(replaced(part, known))}")
            self.to_free.append(name)
            known[part] = _Code(Written(name), False)
        return _PRINTER.written(replaced(formula, known))

    def _within(self, view: View, shape: tuple[int, ...], batched: bool) -> Written:
        """A view in a formula of a shape; it is broadcast along the axis of examples."""
        if view.block == CONSTANTS:
            numbers = self.program.constants[view.indices]
            return Written(self._array("c", numbers[..., None] if batched else numbers))
        is_shared = self._kind(view) != BATCHED
        if view.indices.size == 1 and is_shared and np.prod(shape) > 1:
            return Written(f"{self.names[view.block]}[{view.indices.flat[0]}]")
        written = self._read(view)
        return self._method(written, "", "[..., None]") if batched and is_shared else written

    def _read(self, view: View) -> Written:
        """A view as NumPy has it: a slice, else a reshape, else a gather."""
        if view.block == CONSTANTS:
            return Written(self._array("c", self.program.constants[view.indices]))
        if view.block in self.products:
            return self._read_product(view)
        found = self._window(view)
        if found:
            return Written(self._slice(view, found))
        if view not in self.gathered:
            self.source.gathers += 1
            name, at = self.names[view.block], self._array("i", view.indices)
            self.gathered[view] = self._fresh(f"{name}_at_{at}")
            self.gathers_of.setdefault(view.block, []).append(self.gathered[view])
            self._line(f"{self.gathered[view]} = {name}.take({at}, 0)")
        return Written(self.gathered[view])

    def _window(self, view: View) -> Window | None:
        layout = strided(view.indices)
        return window(layout, self.program.blocks[view.block].size) if layout else None

    def _slice(self, view: View, w: Window) -> str:
        block = self.program.blocks[view.block]
        batched = block.kind == BATCHED
        text = self.names[view.block]
        if not w.is_whole(block.size):
            text += f"[{w.start}:{w.stop}" + (f":{w.step}]" if w.step != 1 else "]")
        if w.shape:
            text += f".reshape({', '.join(map(str, w.shape))}{', n' * batched})"
        if w.columns:
            text += f"[..., {w.columns[0]}:{w.columns[1]}{', :' * batched}]"
        if w.axes:
            axes = (*w.axes, len(w.axes)) if batched else w.axes
            text += ".T" if axes == (1, 0) else f".transpose({', '.join(map(str, axes))})"
        return text

    def _place(self, place: Indices) -> str:
        layout = strided(place)
        if layout and (layout.strides[0] > 0 or len(place) == 1):
            step = layout.strides[0] or 1
            stop = layout.start + step * (len(place) - 1) + 1
            return f"{layout.start}:{stop}" + (f":{step}" if step > 1 else "")
        return self._array("i", place)

    def _array(self, name: str, array: NDArray[Any]) -> str:
        key = (array.dtype.char, array.shape, array.tobytes())
        if key not in self.array_names:
            self.array_names[key] = self._fresh(name)
            self.source.arrays[self.array_names[key]] = array
        return self.array_names[key]

    def _method(self, written: Written, call: str, suffix: str = "") -> Written:
        text = written.text if written.rank == ATOM else f"({written.text})"
        return Written(f"{text}.{call}" if call else f"{text}{suffix}")

    def _shape(self, block: Block) -> str:
        return f"({block.size}, n)" if block.kind == BATCHED else f"({block.size},)"

    # -------------------------------------------------------------------------------- results

    def _outputs(self) -> str:
        """All results in one array, which shares no memory with an input."""
        view = self.program.outputs
        text = self._read(view).text
        return f"{text}.copy()" if view.block < self.program.inputs else text

    def _gradient(self, block: int) -> str:
        name = self.names[block]
        return f"{name}.T" if self.program.blocks[block].kind == BATCHED else name

    def _transpose_input(self, i: int) -> None:
        """One column for each example; copied where more than matrix products read it."""
        name, program = self.names[i], self.program
        readers = [
            instruction
            for instruction in program.instructions[: program.forward]
            if any(view.block == i for view in views_of(instruction))
        ]
        products_only = all(
            isinstance(reader, Contraction) and program.kind(reader.left) != BATCHED
            for reader in readers
        )
        text = f"{name}.T" if products_only else f"ascontiguousarray({name}.T)"
        self._line(f"{name} = {text}")


def _maker(number: float) -> str:
    return {0.0: "zeros", 1.0: "ones"}[number]


def _axes(axes: Sequence[int]) -> str:
    return str(axes[0]) if len(axes) == 1 else str(tuple(axes))
