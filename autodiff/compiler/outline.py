"""Outline: a vector program as a short list for people, which pictures are drawn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from autodiff.compiler.layout import strided
from autodiff.compiler.program import BATCHED
from autodiff.compiler.vectors import (
    CONSTANTS,
    Add,
    Contraction,
    Elementwise,
    Fill,
    Instruction,
    Pack,
    VectorProgram,
    View,
    shape_of,
    views_of,
)
from autodiff.expressions import Call, Expression, Literal
from autodiff.primitives import PRIMITIVES


class Operand(NamedTuple):
    """An operand of an operation.

    Attributes:
        row: where in the outline it is computed.
        shape: rows and columns of what is read; ``n`` stands for the examples.
        is_gather: whether elements are picked that are not evenly spaced.
    """

    row: int
    shape: str
    is_gather: bool


@dataclass
class Row:
    """An input, a constant, an operation on vectors, or the result.

    Attributes:
        kind: ``"input"`` (one for each example), ``"parameter"`` (shared by all of them),
            ``"constant"``, ``"operation"`` or ``"output"``.
        symbol: of an operation: that of its primitive, ``@`` for a matrix product.
        name: of an input, or of what is computed.
        shape: of the vector; ``n`` stands for the examples.
        scope: where it was recorded.
        operands: what it reads, in order.
    """

    kind: str
    symbol: str
    name: str
    shape: str
    scope: str = ""
    operands: list[Operand] = field(default_factory=list)


def outline(program: VectorProgram) -> list[Row]:
    """The inputs, constants, operations and the result of a program, operands first."""
    rows = [
        Row(
            "input" if block.kind == BATCHED else "parameter",
            "",
            block.name,
            _size(block.size, block.kind),
        )
        for block in program.blocks[: program.inputs]
    ]
    row_of = {block: block for block in range(program.inputs)}

    def read(view: Expression, shape: tuple[int, ...]) -> Operand:
        if not isinstance(view, View) or view.block == CONSTANTS:
            rows.append(Row("constant", "", _constant(program, view), ""))
            return Operand(len(rows) - 1, "", False)
        axes = [f"{size:,}" for size in shape if size > 1] or ["1"]
        if program.blocks[view.block].kind == BATCHED:
            axes.append("n")
        text = " × ".join(axes)
        return Operand(row_of[view.block], text, strided(view.indices) is None)

    for instruction in program.instructions[: program.forward]:
        operands = [read(view, shape) for view, shape in _views(instruction)]
        block = program.blocks[instruction.block]
        size = _size(block.size, block.kind)
        row_of[instruction.block] = len(rows)
        rows.append(Row("operation", _symbol(instruction), block.name, size, block.scope, operands))
    operand = read(program.outputs, (program.outputs.indices.size,))
    rows.append(Row("output", "", "result", operand.shape, "", [operand]))
    return rows


def _views(instruction: Instruction) -> Iterator[tuple[Expression, tuple[int, ...]]]:
    """Return the operands of an instruction, with the shapes in which it reads them."""
    if isinstance(instruction, Contraction):
        groups, rows, inner = instruction.left.indices.shape
        columns = instruction.right.indices.shape[1]
        many = (groups,) if groups > 1 else ()
        yield instruction.left, (*many, rows, inner)
        yield instruction.right, (*many, inner, columns) if columns > 1 else (*many, inner)
    elif isinstance(instruction, Elementwise):
        for operand in instruction.operands or views_of(instruction):
            yield operand, shape_of(operand)
    elif isinstance(instruction, Add):
        for view in (instruction.target, *views_of(instruction)):
            yield view, view.indices.shape
    elif isinstance(instruction, Pack):
        for view in instruction.views:
            yield view, view.indices.shape


def _symbol(instruction: Instruction) -> str:
    if isinstance(instruction, Elementwise):
        if instruction.primitive is not None:
            return instruction.primitive.symbol
        formula = instruction.formula
        root = PRIMITIVES.get(formula.function) if isinstance(formula, Call) else None
        return root.symbol if root else "f"
    symbols = {Contraction: "@", Pack: "pack", Fill: "const", Add: "+="}
    return symbols[type(instruction)]


def _constant(program: VectorProgram, operand: Expression) -> str:
    if isinstance(operand, Literal):
        return f"{operand.number:.4g}"
    assert isinstance(operand, View)
    numbers = program.constants[operand.indices].ravel()
    return f"{numbers[0]:.4g}" if (numbers == numbers[0]).all() else f"{numbers.size:,} constants"


def _size(size: int, kind: int) -> str:
    return f"{size:,} × n" if kind == BATCHED else f"{size:,}"
