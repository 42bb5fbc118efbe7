"""Emit: a vector program as Python source with NumPy, forward and adjoint.

Blocks are arrays of shape (size,), or (size, examples) if batched, so that a slice of scalars is
always a view. The table's rules are applied to names, which gives the text of every line: values
forward, and local derivatives in the adjoint, where the chain rule adds them up.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.compiler.layout import Window, strided, window
from autodiff.compiler.program import BATCHED, CONSTANT
from autodiff.compiler.schedule import (
    CONSTANTS,
    Block,
    Contraction,
    Elementwise,
    Indices,
    Instruction,
    Pack,
    Sum,
    VectorProgram,
    View,
)
from autodiff.formula import Formula, FormulaMathematics, Rows, as_formula
from autodiff.mathematics import ARRAY, Mathematics


@dataclass
class Source:
    """Python text that defines one function, and the arrays that it refers to by name."""

    text: str
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    gathers: int = 0


def emit(program: VectorProgram, wanted: Sequence[int] | None = None) -> Source:
    """The source of ``run(*inputs)``.

    Args:
        wanted: blocks of inputs whose gradients are returned after the outputs, as many as there
            are; the gradient is that of the sum over examples of the first output. None: outputs
            alone.
    """
    return _Emitter(program, wanted).run()


_NUMPY = (
    "abs", "add", "ascontiguousarray", "broadcast_to", "einsum", "empty", "matmul", "nan", "ones",
    "where", "zeros",
)  # fmt: skip


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
    return {**functions(ARRAY), **numpys, "dtype": dtype, **arrays}


class _SharingMathematics(FormulaMathematics):
    """Rules as text, where a function that was computed before is read by its name."""

    def __init__(self) -> None:
        super().__init__(lambda c, a, b: f"where({c}, {a}, {b})")
        self.known: dict[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        function = super().__getattr__(name)

        def call(*operands: Any) -> Formula:
            text = str(function(*operands))
            return Formula(self.known.get(text, text))

        return call


class _Emitter:
    def __init__(self, program: VectorProgram, wanted: Sequence[int] | None) -> None:
        self.program = program
        self.wanted = wanted
        self.source = Source("")
        self.lines: list[str] = []
        self.names: dict[int, str] = {}
        self.functions = {*functions(ARRAY), *_NUMPY}
        self.taken: set[str] = {"n", "dtype", "run", *self.functions}
        self.counts: dict[str, int] = {}
        self.matrices: dict[str, str] = {}
        self.array_names: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self.read_before: dict[tuple[int, bytes, tuple[int, ...]], str] = {}
        self.scope = ""
        self.mathematics = _SharingMathematics()
        self.gradients: dict[int, _Gradient] = {}

    # ------------------------------------------------------------------------------- the whole

    def run(self) -> Source:
        program = self.program
        for i, block in enumerate(program.blocks):
            self.names[i] = self._unique(_identifier(block.name, block.scope))
        inputs = [self.names[i] for i in range(program.inputs)]
        batched = [i for i in range(program.inputs) if program.blocks[i].kind == BATCHED]
        if batched:
            self._line(f"n = {self.names[batched[0]]}.shape[0]  # examples")
        for i in batched:
            self._transpose_input(i)
        for instruction in program.instructions:
            self._forward(instruction)
        results = [self._outputs()]
        if self.wanted is not None:
            results += self._adjoint(self.wanted)
        self._line(f"return {', '.join(results)}")
        if batched:
            self._free_after_last_use()
        body = "\n".join(f"    {line}" if line else "" for line in self.lines)
        self.source.text = f"def run({', '.join(inputs)}):\n{body}\n"
        return self.source

    def _free_after_last_use(self) -> None:
        """Delete intermediate arrays as soon as they are not needed, so that memory is reused."""
        inputs = {self.names[i] for i in range(self.program.inputs)}
        last: dict[str, int] = {}
        for at, line in enumerate(self.lines):
            if not line.startswith("#"):
                last.update(dict.fromkeys(re.findall(r"[A-Za-z_]\w*", line), at))
        made = {line.split(" = ")[0] for line in self.lines if " = " in line}
        ends: dict[int, list[str]] = {}
        for name in sorted((made & last.keys()) - inputs - {"n"} - set(self.matrices.values())):
            if name.isidentifier() and last[name] < len(self.lines) - 1:
                ends.setdefault(last[name], []).append(name)
        lines: list[str] = []
        for at, line in enumerate(self.lines):
            lines.append(line)
            if at in ends:
                lines.append(f"del {', '.join(ends[at])}")
        self.lines = lines

    def _outputs(self) -> str:
        """All results in one array, which shares no memory with an input."""
        view = self.program.outputs
        if view.block == CONSTANTS:
            return self._array("c", self.program.constants[view.indices]) + ".copy()"
        text = self._read_stack(view)
        return f"{text}.copy()" if view.block < self.program.inputs else text

    def _transpose_input(self, i: int) -> None:
        """One column for each example; copied where more than matrix products read it."""
        name = self.names[i]
        readers = [
            instruction
            for instruction in self.program.instructions
            if any(view.block == i for view in views_of(instruction))
        ]
        products_only = all(
            isinstance(reader, Contraction) and self._is_unbatched(reader.left)
            for reader in readers
        )
        text = f"{name}.T" if products_only else f"ascontiguousarray({name}.T)"
        self._line(f"{name} = {text}")

    def _unique(self, name: str) -> str:
        candidate = name
        while candidate in self.taken or keyword.iskeyword(candidate):
            count = self.counts.get(name, 1 if name in self.functions else 2)
            self.counts[name] = count + 1
            candidate = f"{name}_{count}"
        self.taken.add(candidate)
        return candidate

    def _line(self, text: str) -> None:
        self.lines.append(text)

    def _comment(self, block: Block) -> None:
        if block.scope != self.scope:
            self.scope = block.scope
            if block.scope:
                self.lines += ["", f"# {block.scope}"]

    def _kind(self, view: View) -> int:
        return CONSTANT if view.block == CONSTANTS else self.program.blocks[view.block].kind

    def _is_unbatched(self, view: View) -> bool:
        return self._kind(view) != BATCHED

    def _array(self, name: str, array: NDArray[Any]) -> str:
        key = (array.dtype.char, array.shape, array.tobytes())
        if key not in self.array_names:
            self.array_names[key] = self._unique(name)
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
        same = (view.indices == view.indices.flat[0]).all()
        return bool(same) and self._is_unbatched(view) and view.indices.size > 1

    def _read_constants(self, indices: Indices, batched: bool) -> str:
        numbers = self.program.constants[indices]
        if (numbers == numbers.flat[0]).all() or np.isnan(numbers).all():
            number = float(numbers.flat[0])
            return str(as_formula(int(number) if number == int_or_nan(number) else number))
        return self._array("c", numbers[..., None] if batched else numbers)

    def _read_block(self, view: View, block: Block) -> str:
        name, indices = self.names[view.block], view.indices
        if (indices == indices.flat[0]).all() and indices.size > 1:
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
            gathered = self._unique(f"{name}_at_{at_name}")
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

    # -------------------------------------------------------------------------------- forward

    def _forward(self, instruction: Instruction) -> None:
        block = self.program.blocks[instruction.block]
        self._comment(block)
        name = self.names[instruction.block]
        if isinstance(instruction, Elementwise):
            operands = self._operands(instruction)
            value = str(as_formula(instruction.primitive.value(self.mathematics, *operands)))
            if self._grid(instruction):
                value = f"({value}).reshape{_shape(block)}"
            if value.endswith(")"):
                self.mathematics.known[value] = name
            if _is_one_row(instruction):
                value = f"{value}[None]"
            self._line(f"{name} = {self._in_full(value, instruction)}")
        elif isinstance(instruction, Contraction):
            self._line(f"{name} = {self._contraction(instruction, block)}")
        elif isinstance(instruction, Sum):
            self._line(f"{name} = {self._sum(instruction)}")
        else:
            self._pack(instruction, block)

    def _operands(self, instruction: Elementwise) -> list[Formula]:
        batched = self.program.blocks[instruction.block].kind == BATCHED
        kind = Rows if instruction.primitive.arity is None else _expression
        views = self._operand_views(instruction)
        if kind is Rows:
            return [Rows(self._read_stack(view)) for view in views]
        return [kind(self._read(view, batched)) for view in views]

    def _operand_views(self, instruction: Elementwise) -> tuple[View, ...]:
        """The views as they are read: without an axis of one element, or on a grid."""
        if _is_one_row(instruction):
            (view,) = instruction.views
            return (View(view.block, view.indices[:, 0]),)
        grid = self._grid(instruction)
        if grid:
            return tuple(_on_grid(view, grid) for view in instruction.views)
        return instruction.views

    def _grid(self, instruction: Elementwise) -> tuple[int, int] | None:
        """Rows and columns, if an operand that would be gathered is the same along one of them."""
        if instruction.primitive.arity is None:
            return None
        for view in instruction.views:
            grid = None if self._is_even(view) else _repeating(view.indices)
            if grid:
                views = [_on_grid(other, grid) for other in instruction.views]
                return grid if all(map(self._is_even, views)) else None
        return None

    def _is_even(self, view: View) -> bool:
        """Whether it is read without a gather."""
        if view.block == CONSTANTS or (view.indices == view.indices.flat[0]).all():
            return True
        layout = strided(view.indices)
        return bool(layout and window(layout, self.program.blocks[view.block].size))

    def _in_full(self, value: str, instruction: Elementwise) -> str:
        """A comparison as numbers, and a value in the shape of its block."""
        if instruction.primitive.name in ("less", "less_equal", "greater", "greater_equal"):
            return f"({value}).astype(dtype)"
        if re.fullmatch(r"[\w.]+", value):  # another name for the same array would be shared
            return f"{value} + 0"
        return value

    def _sum(self, instruction: Sum) -> str:
        view = _summed(instruction)
        keep = ", keepdims=True" if view.indices.ndim == 1 else ""
        return f"{self._read_stack(view)}.sum(0{keep})"

    def _pack(self, instruction: Pack, block: Block) -> None:
        name, batched = self.names[instruction.block], block.kind == BATCHED
        self._line(f"{name} = empty({_shape(block)}, dtype)")
        for view, place in zip(instruction.views, instruction.places, strict=True):
            self._line(f"{name}[{self._place(place)}] = {self._read(view, batched)}")

    def _place(self, place: Indices) -> str:
        layout = strided(place)
        if layout and (layout.strides[0] > 0 or len(place) == 1):
            step = layout.strides[0] or 1
            stop = layout.start + step * (len(place) - 1) + 1
            return f"{layout.start}:{stop}" + (f":{step}" if step > 1 else "")
        return self._array("i", place)

    # ---------------------------------------------------------------------------- contractions

    def _is_rowwise(self, instruction: Contraction) -> bool:
        """Whether it is a stack of separate dot products, rather than matrix products."""
        rows, columns = instruction.left.indices.shape[1], instruction.right.indices.shape[1]
        if not self._is_unbatched(instruction.left):
            return True
        is_stack: bool = rows == columns == 1
        return is_stack and self._is_unbatched(instruction.right)

    def _contraction(self, instruction: Contraction, block: Block) -> str:
        if self._is_rowwise(instruction):
            left, right = self._rows_of(instruction)
            if _is_one_dot(instruction):
                return f"({_expression(left) * _expression(right)}).sum(0, keepdims=True)"
            subscripts = [
                "gk" if self._is_unbatched(v) else "gkn"
                for v in (instruction.left, instruction.right)
            ]
            out = "gn" if "gkn" in subscripts else "g"
            return f'einsum("{",".join(subscripts)}->{out}", {left}, {right})'
        left, right = self._left(instruction), self._right(instruction)
        text = f"{left} @ {right}"
        if not self._has_plain_shape(instruction):
            text = f"({text}).reshape{_shape(block)}"
        return text

    def _has_plain_shape(self, instruction: Contraction) -> bool:
        """Whether the matrix product has the shape of its block: a matrix times one column."""
        groups, columns = instruction.left.indices.shape[0], instruction.right.indices.shape[1]
        return bool(groups == columns == 1)

    def _rows_of(self, instruction: Contraction) -> tuple[str, str]:
        """Both sides of separate dot products, each of shape (groups, k) and examples."""
        left, right = _rows_view(instruction.left), _rows_view(instruction.right)
        texts = [self._read_stack(view) for view in (left, right)]
        if _is_one_dot(instruction) and left.block != right.block:
            for i, view in enumerate((left, right)):
                if self._is_unbatched(view) and not self._is_unbatched((right, left)[i]):
                    texts[i] += "[..., None]"
        return texts[0], texts[1]

    def _read_stack(self, view: View) -> str:
        """A view whose shape matters, even where all its elements are the same."""
        if view.block == CONSTANTS:
            return self._array("c", self.program.constants[view.indices])
        if view.indices.size > 1 and (view.indices == view.indices.flat[0]).all():
            self.source.gathers += 1
            return f"{self.names[view.block]}.take({self._array('i', view.indices)}, 0)"
        return self._read(view, batched=False)

    def _left(self, instruction: Contraction) -> str:
        """(rows, k), or (groups, rows, k); a matrix of parameters gets a name."""
        text = self._read_stack(_squeezed(instruction.left))
        if instruction.left.block not in range(self.program.inputs) or text.isidentifier():
            return text
        if text not in self.matrices:
            scope = self.program.blocks[instruction.block].scope
            self.matrices[text] = self._unique(_identifier("weights", scope))
            self._line(f"{self.matrices[text]} = {text}")
        return self.matrices[text]

    def _right_view(self, instruction: Contraction) -> View:
        """(k, columns) or (groups, k, columns); a single column is left out where it can be."""
        view = instruction.right
        indices = view.indices.transpose(0, 2, 1)
        if indices.shape[2] == 1 and (not self._is_unbatched(view) or indices.shape[0] == 1):
            indices = indices[..., 0]
        return _squeezed(View(view.block, indices))

    def _right(self, instruction: Contraction) -> str:
        """With the examples as further columns."""
        view = self._right_view(instruction)
        text = self._read_stack(view)
        columns = instruction.right.indices.shape[1]
        if columns > 1 and not self._is_unbatched(view):
            shape = ", ".join(map(str, view.indices.shape[:-1]))
            return f"{text}.reshape({shape}, {columns} * n)"
        return text

    # --------------------------------------------------------------------------------- adjoint

    def _adjoint(self, wanted: Sequence[int]) -> list[str]:
        varies = self._varying(wanted)
        self.scope = ""
        self.lines += ["", "# the chain rule, from the output back to the inputs"]
        first = self.program.first_output
        if first.block in varies:
            batched = not self._is_unbatched(first)
            seed = "ones((1, n), dtype)" if batched else "ones(1, dtype)"
            if not batched and any(b.kind == BATCHED for b in self.program.blocks):
                seed += " * n"  # the same result for every example
            self._contribute(first, seed, batched)
        for instruction in reversed(self.program.instructions):
            gradient = self.gradients.get(instruction.block)
            if gradient is not None:
                self._finish(gradient)
                self._backward(instruction, gradient.name, varies)
        return [self._input_gradient(i) for i in wanted]

    def _varying(self, wanted: Collection[int]) -> set[int]:
        """The blocks that depend on the wanted inputs."""
        varies = set(wanted)
        for instruction in self.program.instructions:
            if any(view.block in varies for view in views_of(instruction)):
                varies.add(instruction.block)
        return varies

    def _input_gradient(self, i: int) -> str:
        block = self.program.blocks[i]
        gradient = self.gradients.get(i)
        if gradient is None:
            return f"zeros({_shape(block, transposed=True)}, dtype)"
        self._finish(gradient)
        name = f"{gradient.name}.copy()" if gradient.is_shared else gradient.name
        return f"{name}.T" if block.kind == BATCHED else name

    def _backward(self, instruction: Instruction, d: str, varies: set[int]) -> None:
        block = self.program.blocks[instruction.block]
        batched = block.kind == BATCHED
        if isinstance(instruction, Elementwise):
            self._backward_elementwise(instruction, d, varies, batched)
        elif isinstance(instruction, Contraction):
            if self._is_rowwise(instruction):
                self._backward_rows(instruction, d, varies, batched)
            else:
                self._backward_product(instruction, d, varies, batched)
        elif isinstance(instruction, Sum):
            if instruction.view.block in varies:
                view = _summed(instruction)
                shape = (*view.indices.shape, *(["n"] if batched else []))
                text = f"broadcast_to({d}, ({', '.join(map(str, shape))},))"
                self._contribute(view, text, batched)
        else:
            for view, place in zip(instruction.views, instruction.places, strict=True):
                if view.block in varies:
                    self._contribute(view, f"{d}[{self._place(place)}]", batched)

    def _backward_elementwise(
        self, instruction: Elementwise, d: str, varies: set[int], batched: bool
    ) -> None:
        flags = [view.block in varies for view in instruction.views]
        operands = self._operands(instruction)
        y = Formula(self.names[instruction.block])
        grid = self._grid(instruction)
        if grid:
            shape = f"({grid[0]}, {grid[1]}{', n' * batched})"
            y, d = Formula(f"{y}.reshape{shape}"), f"{d}.reshape{shape}"
        partials = instruction.primitive.partial_derivatives(self.mathematics, y, operands, flags)
        by_view: dict[tuple[int, bytes], Any] = {}
        view_of: dict[tuple[int, bytes], View] = {}
        for view, partial, varying in zip(
            self._operand_views(instruction), partials, flags, strict=True
        ):
            if not varying or (isinstance(partial, int) and partial == 0):
                continue
            key = (view.block, view.indices.tobytes())
            view_of[key] = view
            before = by_view.get(key)
            if before is None:
                by_view[key] = partial
            else:  # the same operand twice, as in a·a
                same = str(before) == str(partial)
                by_view[key] = 2 * partial if same else before + partial
        for key, partial in by_view.items():
            view = view_of[key]
            text = str(as_formula(Formula(d) * partial))
            axes = [a for a in (0, 1) if grid and view.indices.shape[a] < grid[a]]
            if axes:
                text = f"({text}).sum({axes[0] if len(axes) == 1 else (0, 1)}, keepdims=True)"
            self._contribute(view, text, batched)

    def _backward_rows(
        self, instruction: Contraction, d: str, varies: set[int], batched: bool
    ) -> None:
        left, right = self._rows_of(instruction)
        if not _is_one_dot(instruction):
            d = f"{d}[:, None]"
        if left == right and instruction.left.block in varies:
            self._contribute(_rows_view(instruction.left), f"2 * {d} * {left}", batched)
            return
        sides = [(instruction.left, right), (instruction.right, left)]
        for (view, other), partner in zip(
            sides, (instruction.right, instruction.left), strict=True
        ):
            if view.block in varies:
                rows = _rows_view(view)
                expanded = batched and self._is_unbatched(partner) and not _is_one_dot(instruction)
                text = f"{d} * {other}[..., None]" if expanded else f"{d} * {other}"
                self._contribute(rows, text, batched)

    def _backward_product(
        self, instruction: Contraction, d: str, varies: set[int], batched: bool
    ) -> None:
        (groups, rows, _), columns = (
            instruction.left.indices.shape,
            instruction.right.indices.shape[1],
        )
        width = f"{columns} * n" if batched else str(columns)
        plain = batched and groups == columns == 1
        stack = [str(groups)] if groups > 1 else []
        d_matrix = d if plain else f"{d}.reshape({', '.join([*stack, str(rows), width])})"
        if instruction.left.block in varies:
            right = self._right(instruction)
            if not batched and groups == 1 and columns == 1:
                right = f"{right}[:, None]"
            transposed = f"{right}.T" if groups == 1 else f"{right}.swapaxes(1, 2)"
            self._contribute(
                _squeezed(instruction.left),
                f"{d_matrix} @ {transposed}",
                False,
                (d_matrix, transposed),
            )
        if instruction.right.block in varies:
            left = self._left(instruction)
            transposed = f"{left}.T" if groups == 1 else f"{left}.swapaxes(1, 2)"
            view = self._right_view(instruction)
            text = f"{transposed} @ {d_matrix}"
            if not plain:
                shape = [*map(str, view.indices.shape), *(["n"] if batched else [])]
                text = f"({text}).reshape({', '.join(shape)})"
            self._contribute(view, text, batched)

    # -------------------------------------------------------------------------- adding it up

    def _contribute(
        self, view: View, text: str, batched: bool, factors: tuple[str, str] | None = None
    ) -> None:
        """Add to the gradient of a view; what comes per example is summed where it is shared."""
        block = self.program.blocks[view.block]
        if batched and block.kind != BATCHED:
            atom = re.fullmatch(r"(-?)(\w+(?:\.reshape\([\w, ]*\))?)", text)
            text = f"{atom[1]}{atom[2]}.sum(-1)" if atom else f"({text}).sum(-1)"
        gradient = self.gradients.get(view.block)
        if gradient is None:
            gradient = _Gradient(self._unique(f"d_{self.names[view.block]}"), block)
            self.gradients[view.block] = gradient
        if _is_whole(view, block):
            if view.indices.ndim > 1:
                text = _reshaped(text, block)
            self._add_whole(gradient, text)
            return
        self._make_room(gradient)
        self._add_part(gradient, view, block, text, factors)

    def _add_whole(self, gradient: _Gradient, text: str) -> None:
        name = gradient.name
        if gradient.covered is None:
            gradient.covered = np.ones(gradient.block.size, bool)
            gradient.is_shared = bool(re.fullmatch(r"\w+|\w+\[.*\]|broadcast_to\(.*\)", text))
            if text.isidentifier():
                gradient.name = text
            else:
                self._line(f"{name} = {text}")
        elif gradient.is_shared:
            gradient.name, gradient.is_shared = gradient.own_name, False
            self._line(f"{gradient.name} = {name} + {text}")
        else:
            self._finish(gradient)
            self._line(f"{name} += {text}")

    def _make_room(self, gradient: _Gradient) -> None:
        """An array of its own, into which parts can be written."""
        if gradient.covered is None:
            gradient.covered = np.zeros(gradient.block.size, bool)
            gradient.made_at = len(self.lines)
            self._line("")  # filled in when it is known whether all of it is written
        elif gradient.is_shared:
            self._line(f"{gradient.own_name} = {gradient.name}.copy()")
            gradient.name, gradient.is_shared = gradient.own_name, False

    def _add_part(
        self,
        gradient: _Gradient,
        view: View,
        block: Block,
        text: str,
        factors: tuple[str, str] | None,
    ) -> None:
        name, indices, covered = gradient.name, view.indices, gradient.covered
        assert covered is not None
        fresh = gradient.made_at is not None and not covered[indices].any()
        if not fresh and not covered[indices].all():
            gradient.needs_zeros = True
        layout = strided(indices)
        found = window(layout, block.size) if layout and _are_distinct(indices) else None
        covered[indices] = True
        if not found:
            gradient.needs_zeros = True
            self._scatter(gradient, indices, text)
            return
        target = self._slice_text(name, found, block)
        if fresh and factors and not found.columns and not found.axes:
            self._line(f"matmul({factors[0]}, {factors[1]}, out={target})")
            return
        if target == name or found.shape:
            target += "[...]"
        self._line(f"{target} {'=' if fresh else '+='} {text}")

    def _scatter(self, gradient: _Gradient, indices: Indices, text: str) -> None:
        batched = gradient.block.kind == BATCHED
        flat = indices.ravel()
        if indices.ndim > 1:
            text = f"({text}).reshape({len(flat)}{', n' if batched else ''})"
        if _are_distinct(flat):
            self._line(f"{gradient.name}[{self._place(flat)}] += {text}")
            return
        order = np.argsort(flat, kind="stable")
        targets, starts = np.unique(flat[order], return_index=True)
        if len(targets) == 1:
            at = int(targets[0])
            self._line(f"{gradient.name}[{at}] += ({text}).sum(0)")
            return
        ordered = f"({text})"
        if (order != np.arange(len(order))).any():
            ordered += f".take({self._array('i', order)}, 0)"
        segments = f"add.reduceat({ordered}, {self._array('i', starts)}, 0)"
        self._line(f"{gradient.name}[{self._place(targets)}] += {segments}")

    def _finish(self, gradient: _Gradient) -> None:
        """Fill in how the array of parts is made: zeros, unless every element is written."""
        if gradient.made_at is not None:
            assert gradient.covered is not None
            full = gradient.covered.all() and not gradient.needs_zeros
            maker = "empty" if full else "zeros"
            text = f"{gradient.name} = {maker}({_shape(gradient.block)}, dtype)"
            self.lines[gradient.made_at] = text
            gradient.made_at = None


class _Gradient:
    """What is known, while lines are written, about the gradient of one block."""

    def __init__(self, name: str, block: Block) -> None:
        self.name = self.own_name = name
        self.block = block
        self.covered: NDArray[np.bool_] | None = None
        self.made_at: int | None = None
        self.needs_zeros = False
        self.is_shared = False
        """Whether the name stands for an array that others use too."""


def views_of(instruction: Instruction) -> tuple[View, ...]:
    """All that an instruction reads."""
    if isinstance(instruction, Elementwise | Pack):
        return instruction.views
    if isinstance(instruction, Contraction):
        return instruction.left, instruction.right
    return (instruction.view,)


def _repeating(indices: Indices) -> tuple[int, int] | None:
    """Rows and columns of a vector that repeats itself, as a whole or element by element."""
    size = indices.size
    (changes,) = np.nonzero(indices[1:] != indices[:-1])
    run = int(changes[0]) + 1 if len(changes) else size
    if 1 < run < size and size % run == 0:
        rows = indices.reshape(-1, run)
        if (rows == rows[:, :1]).all():
            return size // run, run
    (again,) = np.nonzero(indices[1:] == indices[0])
    period = int(again[0]) + 1 if len(again) else size
    if period < size and size % period == 0:
        rows = indices.reshape(-1, period)
        if (rows == rows[0]).all():
            return size // period, period
    return None


def _on_grid(view: View, grid: tuple[int, int]) -> View:
    """The view in rows and columns; an axis along which it is the same has one element."""
    indices = view.indices.reshape(grid)
    if (indices == indices[:1]).all():
        indices = indices[:1]
    if (indices == indices[:, :1]).all():
        indices = indices[:, :1]
    return View(view.block, indices)


def _summed(instruction: Sum) -> View:
    """The terms, of shape (terms, sums), or (terms,) for a single sum."""
    view = instruction.view
    return View(view.block, view.indices[:, 0]) if view.indices.shape[1] == 1 else view


def _is_one_row(instruction: Elementwise) -> bool:
    if instruction.primitive.arity is not None:
        return False
    is_single: bool = instruction.views[0].indices.shape[1] == 1
    return is_single


def _is_one_dot(instruction: Contraction) -> bool:
    return len(instruction.left.indices) == 1


def _rows_view(view: View) -> View:
    """One side of separate dot products, of shape (groups, k), or (k,) for a single one."""
    rows = view.indices[:, 0]
    return View(view.block, rows[0] if len(rows) == 1 else rows)


def int_or_nan(number: float) -> float:
    """The nearest whole number, or NaN for what has none."""
    return round(number) if abs(number) < 1e15 else float("nan")


def _expression(text: str) -> Formula:
    """The text of a view as an operand: a literal may need parentheses."""
    return Formula(text, 3) if text.startswith("-") else Formula(text)


def _squeezed(view: View) -> View:
    """Without the axis of groups where there is one group."""
    return View(view.block, view.indices[0]) if view.indices.shape[0] == 1 else view


def _is_whole(view: View, block: Block) -> bool:
    size = view.indices.size
    return bool(size == block.size and (view.indices.ravel() == np.arange(size)).all())


def _reshaped(text: str, block: Block) -> str:
    """The text of an array in the shape of a block, instead of the shape that it had."""
    inner = re.fullmatch(r"(\(.*\))\.reshape\([\w, *]*\)", text)
    return f"{inner[1] if inner else f'({text})'}.reshape{_shape(block)}"


def _are_distinct(indices: Indices) -> bool:
    return bool(len(np.unique(indices)) == indices.size)


def _shape(block: Block, transposed: bool = False) -> str:
    if block.kind != BATCHED:
        return f"({block.size},)"
    return f"(n, {block.size})" if transposed else f"({block.size}, n)"


def _identifier(name: str, scope: str) -> str:
    text = f"{scope}_{name}" if scope else name
    text = re.sub(r"\W+", "_", text).strip("_") or "value"
    return text if not text[0].isdigit() else f"v{text}"
