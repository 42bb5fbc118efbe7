"""JAX: a vector program as the source of one pure function of ``jax.numpy``.

Blocks are arrays of shape (size,), or (examples, size) if batched, as JAX programs have them, so
that examples can be split over devices. Nothing is changed in place: a sum to which several
instructions add is bound anew each time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.compiler.layout import on_grid, strided, window
from autodiff.compiler.memory import memory_plan
from autodiff.compiler.program import BATCHED
from autodiff.compiler.source import (
    Names,
    ProgramPrinter,
    Source,
    comment,
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
    Indices,
    Instruction,
    Loop,
    Pack,
    VectorProgram,
    View,
    shape_of,
    views_in,
)
from autodiff.expressions import Call, Expression, Literal, Name, repeated_functions, replaced
from autodiff.printers import ANYTHING, ATOM, PRODUCT, SIGN, Template, Written

_IN_JNP = (
    "abs", "cbrt", "ceil", "copysign", "cos", "cosh", "exp", "exp2", "expm1", "floor", "hypot",
    "log", "log10", "log1p", "log2", "logaddexp", "maximum", "remainder", "round", "sign", "sin",
    "sinh", "sqrt", "tan", "tanh",
)  # fmt: skip
_FUNCTIONS = {
    **{name: f"jnp.{name}" for name in _IN_JNP},
    **{name: f"jnp.arc{name[1:]}" for name in ("acos", "acosh", "asin", "asinh", "atan", "atan2",
                                               "atanh")},
    **{name: f"jax.nn.{name}" for name in ("logsumexp", "sigmoid", "softmax", "softplus")},
    "erf": "jax.scipy.special.erf",
    "erfc": "jax.scipy.special.erfc",
    "lgamma": "jax.scipy.special.gammaln",
    "fsum": "jnp.sum",
}  # fmt: skip
OWN_FUNCTIONS = ("logistic_density", "polygamma", "sinc", "sinc_slope")
"""Functions of the mathematics namespace that JAX has not, or not as exact."""


def jax_source(program: VectorProgram, dtype: Any, name: str = "run") -> Source:
    """The source of a function of the inputs, which returns the outputs and the gradients.

    The arrays of the inputs, outputs and gradients have shape (size,), or (examples, size).
    """
    return _Writer(program).run(name, np.dtype(dtype).name)


class _Code(Expression):
    """A view as it is written; ``axis`` is that of the rows, if it has rows."""

    __slots__ = ("are_rows", "axis", "code")

    def __init__(self, code: Written, are_rows: bool = False, axis: int = 0) -> None:
        self.code = code
        self.are_rows = are_rows
        self.axis = axis


class _Reshaped(Written):
    """A reshaped array; before that it had the shape ``of`` something else."""

    of: Written

    def __new__(cls, written: Written, of: Written) -> _Reshaped:
        self = super().__new__(cls, *written)
        self.of = of
        return self


class _Printer(ProgramPrinter):
    """Writes formulas of views; ``used`` are our own functions that were called so far."""

    def __init__(self) -> None:
        super().__init__(Template("jnp.where({}, {}, {})", ATOM, (ANYTHING,) * 3), _FUNCTIONS)
        self.used: set[str] = set()

    def leaf(self, leaf: Expression) -> Written:
        """A view."""
        assert isinstance(leaf, _Code)
        return leaf.code

    def name(self, name: Name) -> Written:
        """The only name in a formula of views is that of a constant."""
        return Written(f"jnp.{name.text}")

    def literal(self, literal: Literal) -> Written:
        """A number; those that are not finite have names, and no int is too large for JAX."""
        if math.isfinite(literal.number):
            is_large = isinstance(literal.number, int) and abs(literal.number) >= 1 << 31
            return super().literal(Literal(float(literal.number)) if is_large else literal)
        return Written("-jnp.inf", SIGN) if literal.number < 0 else Written(f"jnp.{literal.number}")

    def called(self, expression: Call) -> Written:
        """A function of rows takes the axis that they lie along."""
        if expression.function in OWN_FUNCTIONS:
            self.used.add(expression.function)
        first = expression.operands[0]
        if not isinstance(first, _Code) or not first.are_rows:
            return super().called(expression)
        name = self.functions[expression.function]
        return Written(f"{name}({first.code.text}, axis={first.axis})")


_TAKEN = {"n", "dtype", "run", "jax", "jnp", "carried", "row", *OWN_FUNCTIONS}


class _Writer:
    """Writes a program, or a step of a loop of the one that a writer around it writes."""

    def __init__(self, program: VectorProgram, around: _Writer | None = None) -> None:
        self.program = program
        self.source: Source = around.source if around else Source("")
        self.printer: _Printer = around.printer if around else _Printer()
        self.array_names: dict[Any, str] = around.array_names if around else {}
        self._fresh: Callable[[str], str] = around._fresh if around else Names(_TAKEN).fresh
        self.lines: list[str] = []
        self.names: dict[int, str] = {}
        for i, block in enumerate(program.blocks):
            if block.gradient_of is not None:
                self.names[i] = self._fresh(f"d_{self.names[block.gradient_of]}")
            elif block.name:
                self.names[i] = self._fresh(identifier(block.name, block.scope))
        self.plan = memory_plan(program)
        self.unnamed: dict[int, Written] = {}
        """Blocks that are written where they are read."""
        self.pieces: dict[int, list[tuple[Indices, Written]]] = {}
        """What was written so far of blocks that are put together of pieces."""
        self.gathered: dict[View, str] = {}
        self.scope = ""

    def run(self, name: str, dtype: str) -> Source:
        """The whole function: inputs, forward, gradients, results."""
        program = self.program
        batched = [i for i in range(program.inputs) if program.blocks[i].kind == BATCHED]
        if batched:
            self._line(f"n = {self.names[batched[0]]}.shape[0]  # examples")
        self._write_all()
        kind = program.kind(program.outputs)
        results = [self._row(program.outputs, kind), *[self.names[g] for g in program.gradients]]
        self._line(f"return {', '.join(results)}")
        inputs = ", ".join(self.names[i] for i in range(program.inputs))
        head = ["import jax", "import jax.numpy as jnp"]
        if self.printer.used:
            own = ", ".join(sorted(self.printer.used))
            head += ["", f"from autodiff.compiler.on_jax.functions import {own}"]
        head += ["", f"dtype = jnp.{dtype}", "", "", f"def {name}({inputs}):"]
        lines = [*head, *_indented(self.lines)]
        self.source.text = "\n".join(lines) + "\n"
        return self.source

    def _write_all(self) -> None:
        program = self.program
        for at, instruction in enumerate(program.instructions):
            if at == program.forward and program.gradients:
                self.lines += ["", "# the chain rule, from the output back to the inputs"]
            if at < program.forward:
                self._comment(program.blocks[instruction.block])
            self._write(at, instruction)

    def _line(self, text: str) -> None:
        self.lines.append(text)

    def _comment(self, block: Block) -> None:
        if block.scope != self.scope:
            self.scope = block.scope
            if block.scope:
                self.lines += ["", comment(block.scope)]

    # --------------------------------------------------------------------------- instructions

    def _write(self, at: int, instruction: Instruction) -> None:
        if isinstance(instruction, Loop):
            self._loop(instruction)
        elif isinstance(instruction, Add):
            self._add(instruction, at in self.plan.puts)
        elif isinstance(instruction, Fill):
            if at in self.plan.unfilled and self._is_made_of_pieces(at):
                self.pieces[instruction.block] = []
            else:
                shape = self._shape(self.program.blocks[instruction.block])
                maker = {0.0: "jnp.zeros", 1.0: "jnp.ones"}[instruction.number]
                self._bind(instruction.block, Written(f"{maker}({shape}, dtype)"))
        elif isinstance(instruction, Pack):
            self._pack(instruction)
        elif isinstance(instruction, Contraction):
            self._bind(instruction.block, self._contraction(instruction))
        else:
            assert isinstance(instruction, Elementwise)  # NumPy alone looks rows up
            self._bind(instruction.block, self._elementwise(instruction))

    def _bind(self, block: int, written: Written) -> None:
        if block in self.names:
            self._line(f"{self.names[block]} = {written.text}")
        else:
            self.unnamed[block] = written

    def _elementwise(self, instruction: Elementwise) -> Written:
        block = self.program.blocks[instruction.block]
        formula = instruction.formula
        written = self._formula(formula)
        if _has_no_type(formula):
            written = _method(written, "astype(dtype)")
        written, shape = self._summed(written, formula, instruction.sums, block.kind)
        is_batched = block.kind == BATCHED
        is_spread = is_batched and not self._is_batched(formula)
        if not shape and not is_spread:
            return _method(written, "", "[..., None]")
        if math.prod(shape) != block.size or is_spread:
            return self._broadcast(written, (block.size,), is_batched)
        return self._reshaped(written, (block.size,), is_batched) if len(shape) > 1 else written

    def _summed(
        self, written: Written, formula: Expression, sums: Sequence[int], kind: int
    ) -> tuple[Written, tuple[int, ...]]:
        """A formula summed over some axes, and over the examples if its result is shared."""
        shape, is_batched = shape_of(formula), self._is_batched(formula)
        axes = [axis + is_batched for axis in sums]
        if is_batched and kind != BATCHED:
            axes.insert(0, 0)
        if axes:
            chosen = "" if len(axes) == len(shape) + is_batched else _tuple(axes, one="{}")
            written = _method(written, f"sum({chosen})")
        return written, tuple(n for axis, n in enumerate(shape) if axis not in sums)

    def _contraction(self, instruction: Contraction) -> Written:
        """A matrix product where it is one, else what its letters say."""
        left, right, _ = instruction
        block = self.program.blocks[instruction.block]
        groups, rows, inner = left.indices.shape
        columns = right.indices.shape[1]
        sizes = {"g": groups, "i": rows, "j": columns, "k": inner}
        many = {letter for letter, size in sizes.items() if size > 1}
        letters, views = [], []
        for view, own in ((left, "gik"), (right, "gjk")):
            kept = [letter for letter in own if letter in many]
            shape = tuple(sizes[letter] for letter in kept)
            letters.append("n" * self._is_batched(view) + "".join(kept))
            views.append(view.reshaped(view.indices.reshape(shape)))
        out = "n" * (block.kind == BATCHED) + "".join(c for c in "gij" if c in many)
        written = self._product(letters, out, views)
        if len(out) - (block.kind == BATCHED) == 1:
            return written
        return self._reshaped(written, (block.size,), block.kind == BATCHED)

    def _product(self, letters: Sequence[str], out: str, views: Sequence[View]) -> Written:
        """Two factors, whose axes have letters; those that are not in the result are summed."""
        (left, right), (first, second) = letters, views
        if set(left + right) == set(out) or not left or not right:
            return self._einsum(letters, out, views)
        if left[-1] == right[-1] and left[:-1] + right[:-1] == out and len(right) <= 2:
            return self._matmul(first, second, turns_right=len(right) == 2)
        if left[-1] == right[-1] and right[:-1] + left[:-1] == out and len(left) <= 2:
            return self._matmul(second, first, turns_right=len(left) == 2)
        if len(left) == len(right) == 2 and left[0] == right[0] and left[1] + right[1] == out:
            factors = _method(self._read(first), "T"), self._read(second)
            return Written(f"{factors[0].text} @ {_atom(factors[1])}", PRODUCT)
        return self._einsum(letters, out, views)

    def _matmul(self, left: View, right: View, turns_right: bool) -> Written:
        turned = right.reshaped(right.indices.T) if not self._is_batched(right) else right
        factor = self._read(turned)
        if turns_right and self._is_batched(right):
            factor = _method(factor, "T")
        return Written(f"{self._read(left).text} @ {_atom(factor)}", PRODUCT)

    def _einsum(self, letters: Sequence[str], out: str, views: Sequence[View]) -> Written:
        texts = ", ".join(self._read(view).text for view in views)
        return Written(f'jnp.einsum("{",".join(letters)}->{out}", {texts})')

    # ------------------------------------------------------------------------------------- sums

    def _add(self, instruction: Add, is_first: bool) -> None:
        """An addition to elements of a block; the first ones are what the block is made of."""
        target, formula, sums = instruction
        if isinstance(formula, View) and formula.indices.shape == target.indices.shape:
            target, formula = _in_memory_order(target, formula)
        block = self.program.blocks[target.block]
        written = self._formula(formula)
        if _has_no_type(formula):
            written = _method(written, "astype(dtype)")
        written, shape = self._summed(written, formula, sums, block.kind)
        kept = tuple(1 if axis in sums else n for axis, n in enumerate(shape_of(formula)))
        if sums and shape != kept:
            has_examples = self._is_batched(formula) and block.kind == BATCHED
            written = self._reshaped(written, kept, has_examples)
        flat, places = self._in_target(written, kept, formula, target)
        name = self.names[target.block]
        if target.block in self.pieces:
            assert is_first
            self._put_piece(target.block, flat, places)
        elif _is_range(places) and len(places) == block.size:
            self._line(f"{name} += {flat.text}")
        else:
            self._line(f"{name} = {name}.at[..., {self._place(places)}].add({flat.text})")

    def _in_target(
        self, written: Written, shape: tuple[int, ...], formula: Expression, target: View
    ) -> tuple[Written, Indices]:
        """Return the terms, as a row of elements, and the places they are added to, in order."""
        block, indices = self.program.blocks[target.block], target.indices
        has_examples = self._is_batched(formula) and block.kind == BATCHED
        if shape != indices.shape or has_examples != (block.kind == BATCHED):
            if has_examples and len(shape) < indices.ndim:
                ones = [1] * (indices.ndim - len(shape))
                written = self._reshaped(written, [*ones, *shape], True)
            written = self._broadcast(written, indices.shape, block.kind == BATCHED)
        if indices.ndim == 1:
            return written, indices
        long = tuple(n for n in indices.shape if n > 1)
        if len(long) < indices.ndim:
            written = self._reshaped(written, long or (1,), block.kind == BATCHED)
            indices = indices.reshape(long or (1,))
        order = _axes_in_memory(indices)
        if order != tuple(range(indices.ndim)):
            written = _transposed(written, order, block.kind == BATCHED)
            indices = indices.transpose(order)
        if indices.ndim > 1:
            written = self._reshaped(written, [indices.size], block.kind == BATCHED)
        return written, indices.ravel()

    def _reshaped(self, written: Written, shape: Sequence[int], is_batched: bool) -> Written:
        """The same in another shape; a reshape of what was reshaped is one reshape."""
        sizes = ["n"] * is_batched + [str(size) for size in shape]
        whole = written.of if isinstance(written, _Reshaped) else written
        return _Reshaped(_method(whole, f"reshape({', '.join(sizes)})"), whole)

    def _broadcast(self, written: Written, shape: Sequence[int], is_batched: bool) -> Written:
        sizes = ["n"] * is_batched + [str(size) for size in shape]
        return Written(f"jnp.broadcast_to({written.text}, {_tuple(sizes)})")

    def _is_made_of_pieces(self, fill: int) -> bool:
        """Whether all elements are written before any is added to."""
        block = self.program.instructions[fill].block
        missing = self.program.blocks[block].size
        for at, instruction in enumerate(self.program.instructions[fill:], start=fill):
            if missing and isinstance(instruction, Add) and instruction.block == block:
                if at not in self.plan.puts:
                    return False
                missing -= instruction.target.indices.size
        return not missing

    def _put_piece(self, block: int, written: Written, places: Indices) -> None:
        """Keep a piece of a block; the last one binds the block, put together of all."""
        pieces = self.pieces[block]
        pieces.append((places, written))
        if sum(len(own) for own, _ in pieces) == self.program.blocks[block].size:
            del self.pieces[block]
            self._bind(block, self._joined(pieces))

    def _joined(self, pieces: Iterable[tuple[Indices, Written]]) -> Written:
        """Pieces side by side, each element at its place."""
        pieces = sorted(pieces, key=lambda piece: int(piece[0][0]))
        parts = [written for _, written in pieces]
        order = np.concatenate([places for places, _ in pieces])
        joined = parts[0] if len(parts) == 1 else _concatenated([part.text for part in parts])
        if _is_range(order):
            return joined
        return _method(joined, "", f"[..., {self._array('i', np.argsort(order))}]")

    def _pack(self, instruction: Pack) -> None:
        block = self.program.blocks[instruction.block]
        pieces = []
        for view, places in zip(instruction.views, instruction.places, strict=True):
            pieces.append((places, Written(self._row(view, block.kind))))
        self._bind(instruction.block, self._joined(pieces))

    # ------------------------------------------------------------------------------------ loops

    def _loop(self, loop: Loop) -> None:
        """A recurrence as ``jax.lax.scan``: states, what is kept and what is read are rows."""
        step = _Writer(loop.body, self)
        state = step.names[0]
        by_step = []
        for i, given in enumerate(loop.given, start=1):
            if not given.view.indices.size:
                continue
            text = self._given(given.view, loop.body.blocks[i].kind)
            if given.by_step:
                is_row_batched = loop.body.blocks[i].kind == BATCHED
                by_step.append(
                    (step.names[i], f"{text}.swapaxes(0, 1)" if is_row_batched else text)
                )
            else:
                self._line(f"{step.names[i]} = {text}")
        function, sums = self._fresh("step"), [self._fresh("total") for _ in loop.sums]
        step._write_all()
        following = step._row(loop.next, loop.body.blocks[0].kind)
        kept = [step._row(view, self.program.blocks[block].kind) for view, block in loop.kept]
        for total, (view, block) in zip(sums, loop.sums, strict=True):
            step._line(f"{total} += {step._row(view, self.program.blocks[block].kind)}")
        carried = [state, *sums]
        head = [f"def {function}(carried, row):", f"    {_names(carried)} = carried"]
        if by_step:
            head.append(f"    {_names([name for name, _ in by_step])} = row")
        rows = _names([following, *kept])
        step._line(f"return ({_names([following, *sums])}), ({rows})")
        self.lines += ["", *head, *_indented(step.lines), ""]
        self._scan(loop, function, by_step)

    def _scan(self, loop: Loop, function: str, by_step: Sequence[tuple[str, str]]) -> None:
        """The call of a step for all rows, and the blocks that come of it."""
        blocks = self.program.blocks
        start = self._given(loop.start, loop.body.blocks[0].kind)
        zeros = [f"jnp.zeros({self._shape(blocks[block])}, dtype)" for _, block in loop.sums]
        first = self._fresh("first")
        self._line(f"{first} = {start}")
        rows = f"({_names([text for _, text in by_step])})" if by_step else "None"
        reverse = ", reverse=True" if loop.is_reversed else ""
        results = [self.names[block] for block in (loop.block, *[b for _, b in loop.kept])]
        totals = [self.names[block] for _, block in loop.sums]
        last = self._fresh("last")
        self._line(
            f"({_names([last, *totals])}), ({_names(results)}) = jax.lax.scan({function}, "
            f"({_names([first, *zeros])}), {rows}, length={loop.steps}{reverse})"
        )
        states = results[0]  # which stand in the order of the rows, not of the steps
        in_order = f"{states}[::-1]" if loop.is_reversed else states
        self._line(f"{states} = jnp.concatenate([{first}[None], {in_order}])")
        for name, block in zip(results, (loop.block, *[b for _, b in loop.kept]), strict=True):
            turned = ".swapaxes(0, 1)" if blocks[block].kind == BATCHED else ""
            self._line(f"{name} = {name}{turned}.reshape({self._shape(blocks[block])})")

    def _given(self, view: View, kind: int) -> str:
        """Return an input of a loop, with an axis of examples if its steps want one."""
        text = self._read(view).text
        if kind == BATCHED and not self._is_batched(view):
            return self._broadcast(Written(text), view.indices.shape, True).text
        return text

    # ---------------------------------------------------------------------------------- reading

    def _is_batched(self, formula: Expression) -> bool:
        return self.program.kind(formula) == BATCHED

    def _formula(self, formula: Expression) -> Written:
        """A formula with the texts of its views."""
        shape = shape_of(formula)
        known: dict[Expression, Expression] = {
            view: self._code(view, shape) for view in views_in([formula])
        }
        for part in repeated_functions(formula):
            name = self._fresh("part")
            self._line(f"{name} = {self.printer.text(replaced(part, known))}")
            known[part] = _Code(Written(name))
        return self.printer.written(replaced(formula, known))

    def _code(self, view: View, shape: tuple[int, ...]) -> _Code:
        """A view in a formula of a shape, before whose axes stands that of the examples."""
        is_batched = self._is_batched(view)
        if view.are_rows:
            return _Code(self._read(view), True, int(is_batched))
        missing = len(shape) - view.indices.ndim
        if is_batched and missing:
            own = [1] * missing + list(view.indices.shape)
            return _Code(self._reshaped(self._read(view), own, True))
        is_one = view.indices.size == 1 < math.prod(shape)
        if is_one and view.block != CONSTANTS and not is_batched:
            text = self._block(view.block)
            return _Code(_method(text, "", f"[{view.indices.flat[0]}]"))
        return _Code(self._read(view))

    def _read(self, view: View) -> Written:
        """A view as JAX has it: a slice, else a reshape, else a gather."""
        indices = view.indices
        if view.block == CONSTANTS:
            return Written(self._array("c", self.program.constants[indices]))
        size, is_batched = self.program.blocks[view.block].size, self._is_batched(view)
        text = self._block(view.block)
        if indices.ndim == 0:
            return _method(text, "", f"[..., {int(indices)}]")
        layout = strided(indices)
        found = window(layout, size) if layout else None
        if found is None:
            return self._repeated(view) or self._gather(view, text)
        if not found.is_whole(size):
            step = f":{found.step}" if found.step != 1 else ""
            text = _method(text, "", f"[..., {found.start}:{found.stop}{step}]")
        if found.shape:
            text = self._reshaped(text, found.shape, is_batched)
        if found.columns:
            text = _method(text, "", f"[..., {found.columns[0]}:{found.columns[1]}]")
        return _transposed(text, found.axes, is_batched) if found.axes else text

    def _repeated(self, view: View) -> Written | None:
        """Elements that are the same along an axis, if they are evenly spaced along the others."""
        once = on_grid(view.indices, view.indices.shape)
        layout = strided(once)
        is_even = layout and window(layout, self.program.blocks[view.block].size)
        if once.shape == view.indices.shape or not is_even:
            return None
        written = self._read(view.reshaped(once))
        return self._broadcast(written, view.indices.shape, self._is_batched(view))

    def _gather(self, view: View, text: Written) -> Written:
        if view not in self.gathered:
            self.source.gathers += 1
            at = self._array("i", view.indices)
            self.gathered[view] = self._fresh(f"{identifier(text.text, '')[:40]}_at_{at}")
            self._line(f"{self.gathered[view]} = {_method(text, '', f'[..., {at}]').text}")
        return Written(self.gathered[view])

    def _block(self, block: int) -> Written:
        return self.unnamed[block] if block in self.unnamed else Written(self.names[block])

    def _row(self, view: View, kind: int) -> str:
        """Elements as a row, or as one row for each example."""
        text = self._read(view.reshaped(view.indices.ravel())).text
        if kind == BATCHED and not self._is_batched(view):
            return f"jnp.broadcast_to({text}, (n, {view.indices.size}))"
        return f"jnp.asarray({text}, dtype)" if view.block == CONSTANTS else text

    def _place(self, places: Indices) -> str:
        layout = strided(places)
        if layout and (layout.strides[0] > 0 or len(places) == 1):
            step = layout.strides[0] or 1
            stop = layout.start + step * (len(places) - 1) + 1
            return f"{layout.start}:{stop}" + (f":{step}" if step > 1 else "")
        return self._array("i", places)

    def _array(self, name: str, array: NDArray[Any]) -> str:
        key = (array.dtype.char, array.shape, array.tobytes())
        if key not in self.array_names:
            self.array_names[key] = self._fresh(name)
            self.source.arrays[self.array_names[key]] = array
        return self.array_names[key]

    def _shape(self, block: Block) -> str:
        return f"(n, {block.size})" if block.kind == BATCHED else f"({block.size},)"


def _has_no_type(formula: Expression) -> bool:
    """Whether it is a condition, or a choice between numbers, which has no type of its own."""
    if is_condition(formula) or isinstance(formula, Literal):
        return True
    is_choice = isinstance(formula, Call) and formula.function == "where"
    return is_choice and all(map(_has_no_type, formula.operands[1:]))  # type: ignore[attr-defined]


def _method(written: Written, call: str, suffix: str = "") -> Written:
    text = _atom(written)
    return Written(f"{text}.{call}" if call else f"{text}{suffix}")


def _atom(written: Written) -> str:
    return written.text if written.rank == ATOM else f"({written.text})"


def _transposed(written: Written, axes: Sequence[int], is_batched: bool) -> Written:
    """The same with its axes in another order; that of the examples stays the first."""
    if len(axes) == 2:
        return _method(written, "swapaxes(1, 2)" if is_batched else "T")
    order = [0, *[axis + 1 for axis in axes]] if is_batched else axes
    return _method(written, f"transpose{_tuple(order)}")


def _axes_in_memory(indices: Indices) -> tuple[int, ...]:
    """The order of the axes in which the elements of a target ascend, if there is one."""
    first = (0,) * indices.ndim
    strides = []
    for axis, size in enumerate(indices.shape):
        one = (*first[:axis], 1, *first[axis + 1 :])
        strides.append(int(indices[one] - indices[first]) if size > 1 else 0)
    if min(strides) < 0:
        return tuple(range(indices.ndim))
    return tuple(sorted(range(indices.ndim), key=lambda axis: (-strides[axis], axis)))


def _in_memory_order(target: View, read: View) -> tuple[View, View]:
    """Two views of one shape, without axes of one element, in the order of the first's elements."""
    long = tuple(n for n in target.indices.shape if n > 1) or (1,)
    order = _axes_in_memory(target.indices.reshape(long))
    places, indices = (view.indices.reshape(long).transpose(order) for view in (target, read))
    return target.reshaped(places), read.reshaped(indices)


def _is_range(places: Indices) -> bool:
    return bool((places == np.arange(len(places))).all())


def _concatenated(texts: Sequence[str]) -> Written:
    line = f"jnp.concatenate([{', '.join(texts)}], axis=-1)"
    if len(line) <= 90:
        return Written(line)
    rows = "".join(f"    {text},\n    " for text in texts)
    return Written(f"jnp.concatenate([\n    {rows}], axis=-1)")


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"    {part}" if part else "" for line in lines for part in line.split("\n")]


def _names(texts: Sequence[str]) -> str:
    """The inside of a tuple."""
    return f"{texts[0]}," if len(texts) == 1 else ", ".join(texts)


def _tuple(parts: Sequence[object], one: str = "({},)") -> str:
    return one.format(parts[0]) if len(parts) == 1 else f"({', '.join(map(str, parts))})"
