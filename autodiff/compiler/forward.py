"""Emit, forward: each vector instruction as a line of NumPy.

Blocks are arrays of shape (size,), or (size, examples) if batched, so that a slice of scalars is
always a view. The table's rules are applied to names, which gives the text of every line.
"""

from __future__ import annotations

import re

import numpy as np

from autodiff.compiler.program import BATCHED
from autodiff.compiler.schedule import (
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
from autodiff.compiler.writer import ProgramPrinter, Writer, identifier
from autodiff.expressions import (
    EXPRESSION,
    Expression,
    Name,
    Rows,
    as_expression,
    is_function,
    replaced,
)
from autodiff.printers import ANYTHING, ATOM, Template

_NUMPY = ProgramPrinter(Template("where({}, {}, {})", ATOM, (ANYTHING,) * 3))


class Forward(Writer):
    """The lines that compute every block."""

    def __init__(self, program: VectorProgram) -> None:
        super().__init__(program)
        self.matrices: dict[str, str] = {}
        self.known: dict[Expression, Expression] = {}

    # -------------------------------------------------------------------------------- forward

    def _forward(self, instruction: Instruction) -> None:
        block = self.program.blocks[instruction.block]
        self._comment(block)
        name = self.names[instruction.block]
        if isinstance(instruction, Elementwise):
            operands = self._operands(instruction)
            expression = as_expression(instruction.primitive.value(EXPRESSION, *operands))
            value = self._text(expression)
            if self._grid(instruction):
                value = f"({value}).reshape{shape_text(block)}"
            elif is_function(expression):
                self.known[expression] = Name(name)
            if _is_one_row(instruction):
                value = f"{value}[None]"
            value = self._in_full(value, instruction)
            if not self._is_grown(instruction, block):
                value = f"{value} + zeros({shape_text(block)}, dtype)"
            self._line(f"{name} = {value}")
        elif isinstance(instruction, Contraction):
            self._line(f"{name} = {self._contraction(instruction, block)}")
        elif isinstance(instruction, Sum):
            self._line(f"{name} = {self._sum(instruction)}")
        else:
            self._pack(instruction, block)

    def _text(self, expression: Expression) -> str:
        """As code; a function that was computed before is read by its name."""
        return _NUMPY.text(replaced(expression, self.known))

    def _operands(self, instruction: Elementwise) -> list[Name]:
        batched = self.program.blocks[instruction.block].kind == BATCHED
        views = self._operand_views(instruction)
        if instruction.primitive.arity is None:
            return [Rows(self._read_stack(view)) for view in views]
        return [Name(self._read(view, batched)) for view in views]

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
                is_full = np.broadcast_shapes(*[v.indices.shape for v in views]) == grid
                return grid if is_full and all(map(self._is_even, views)) else None
        return None

    def _is_grown(self, instruction: Elementwise, block: Block) -> bool:
        """Whether some operand has as many elements as the result; equal ones are read as one."""
        if block.size == 1 or instruction.primitive.arity is None:
            return True
        return not all(self._is_same(view) for view in instruction.views)

    def _in_full(self, value: str, instruction: Elementwise) -> str:
        """A comparison as numbers, and a value in the shape of its block."""
        if instruction.primitive.name in ("less", "less_equal", "greater", "greater_equal"):
            return f"({value}).astype(dtype)"
        if re.fullmatch(r"[\w.]+", value):  # another name for the same array would be shared
            return f"{value} + 0"
        return value

    def _sum(self, instruction: Sum) -> str:
        view = summed(instruction)
        keep = ", keepdims=True" if view.indices.ndim == 1 else ""
        return f"{self._read_stack(view)}.sum(0{keep})"

    def _pack(self, instruction: Pack, block: Block) -> None:
        name, batched = self.names[instruction.block], block.kind == BATCHED
        self._line(f"{name} = empty({shape_text(block)}, dtype)")
        for view, place in zip(instruction.views, instruction.places, strict=True):
            self._line(f"{name}[{self._place(place)}] = {self._read(view, batched)}")

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
            if is_one_dot(instruction):
                return f"({left} * {right}).sum(0, keepdims=True)"
            subscripts = [
                "gk" if self._is_unbatched(v) else "gkn"
                for v in (instruction.left, instruction.right)
            ]
            out = "gn" if "gkn" in subscripts else "g"
            return f'einsum("{",".join(subscripts)}->{out}", {left}, {right})'
        left, right = self._left(instruction), self._right(instruction)
        text = f"{left} @ {right}"
        if not self._has_plain_shape(instruction):
            text = f"({text}).reshape{shape_text(block)}"
        return text

    def _has_plain_shape(self, instruction: Contraction) -> bool:
        """Whether the matrix product has the shape of its block: a matrix times one column."""
        groups, columns = instruction.left.indices.shape[0], instruction.right.indices.shape[1]
        return bool(groups == columns == 1)

    def _rows_of(self, instruction: Contraction) -> tuple[str, str]:
        """Both sides of separate dot products, each of shape (groups, k) and examples."""
        left, right = rows_view(instruction.left), rows_view(instruction.right)
        texts = [self._read_stack(view) for view in (left, right)]
        if is_one_dot(instruction) and left.block != right.block:
            for i, view in enumerate((left, right)):
                if self._is_unbatched(view) and not self._is_unbatched((right, left)[i]):
                    texts[i] += "[..., None]"
        return texts[0], texts[1]

    def _left(self, instruction: Contraction) -> str:
        """(rows, k), or (groups, rows, k); a matrix of parameters gets a name."""
        text = self._read_stack(squeezed(instruction.left))
        if instruction.left.block not in range(self.program.inputs) or text.isidentifier():
            return text
        if text not in self.matrices:
            scope = self.program.blocks[instruction.block].scope
            self.matrices[text] = self._fresh(identifier("weights", scope))
            self._line(f"{self.matrices[text]} = {text}")
        return self.matrices[text]

    def _right_view(self, instruction: Contraction) -> View:
        """(k, columns) or (groups, k, columns); a single column is left out where it can be."""
        view = instruction.right
        indices = view.indices.transpose(0, 2, 1)
        if indices.shape[2] == 1 and (not self._is_unbatched(view) or indices.shape[0] == 1):
            indices = indices[..., 0]
        return squeezed(View(view.block, indices))

    def _right(self, instruction: Contraction) -> str:
        """With the examples as further columns."""
        view = self._right_view(instruction)
        text = self._read_stack(view)
        columns = instruction.right.indices.shape[1]
        if columns > 1 and not self._is_unbatched(view):
            shape = ", ".join(map(str, view.indices.shape[:-1]))
            return f"{text}.reshape({shape}, {columns} * n)"
        return text


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


def summed(instruction: Sum) -> View:
    """The terms, of shape (terms, sums), or (terms,) for a single sum."""
    view = instruction.view
    return View(view.block, view.indices[:, 0]) if view.indices.shape[1] == 1 else view


def _is_one_row(instruction: Elementwise) -> bool:
    if instruction.primitive.arity is not None:
        return False
    is_single: bool = instruction.views[0].indices.shape[1] == 1
    return is_single


def is_one_dot(instruction: Contraction) -> bool:
    """Whether it is a single dot product, or a single matrix product."""
    return len(instruction.left.indices) == 1


def rows_view(view: View) -> View:
    """One side of separate dot products, of shape (groups, k), or (k,) for a single one."""
    rows = view.indices[:, 0]
    return View(view.block, rows[0] if len(rows) == 1 else rows)


def squeezed(view: View) -> View:
    """Without the axis of groups where there is one group."""
    return View(view.block, view.indices[0]) if view.indices.shape[0] == 1 else view


def shape_text(block: Block, transposed: bool = False) -> str:
    """The shape of a block's array."""
    if block.kind != BATCHED:
        return f"({block.size},)"
    return f"(n, {block.size})" if transposed else f"({block.size}, n)"


def views_of(instruction: Instruction) -> tuple[View, ...]:
    """All that an instruction reads."""
    if isinstance(instruction, Elementwise | Pack):
        return instruction.views
    if isinstance(instruction, Contraction):
        return instruction.left, instruction.right
    return (instruction.view,)
