"""Gathers: products with vectors of one 1, which look up a row, as the look-up that they are.

A function that is compiled does not know its whole numbers. ``autodiff.nn.gather`` records
Σ over k of [index = k] · table[k], which every target computes; where rows can be looked up at run
time, that is what such products become.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff import primitives
from autodiff.compiler.program import BATCHED
from autodiff.compiler.vectors import (
    CONSTANTS,
    Contraction,
    Elementwise,
    Gather,
    Indices,
    Instruction,
    VectorProgram,
    View,
    made_by,
    views_of,
)
from autodiff.expressions import Expression, Literal


def with_gathers(program: VectorProgram) -> VectorProgram:
    """The program, without gradients yet, in which rows of shared tables are looked up."""
    made = {i.block: i for i in program.instructions if isinstance(i, Elementwise)}
    instructions = [
        _gather(program, made, i) or i if isinstance(i, Contraction) else i
        for i in program.instructions
    ]
    if instructions == program.instructions:
        return program
    instructions = _without_comparisons(program, instructions)
    return replace(program, instructions=instructions, forward=len(instructions))


class _Comparison(NamedTuple):
    """What is compared with what: [index = number], element by element.

    Attributes:
        block: the block that the indices are in, and ``elements`` their places there.
    """

    block: int
    elements: Indices
    numbers: NDArray[np.float64]


Made = dict[int, Elementwise]


def _gather(program: VectorProgram, made: Made, product: Contraction) -> Gather | None:
    """A product of a shared table with vectors of one 1, if it is one."""
    left, right, block = product
    if len(left.indices) > 1 or program.kind(left) == BATCHED:
        return None
    found = _comparison(program, made, right)
    if found is None:
        return None
    elements, numbers = found.elements[0], found.numbers[0]
    count = numbers.shape[-1]
    order = np.argsort(numbers[0])
    is_each_place_once = (numbers == numbers[0]).all() and (
        numbers[0][order] == np.arange(count)
    ).all()
    if not is_each_place_once or not (elements == elements[:, :1]).all():
        return None
    table = left.reshaped(left.indices[0][:, order])
    return Gather(table, View(found.block, elements[:, 0]), block)


def _comparison(program: VectorProgram, made: Made, view: View) -> _Comparison | None:
    """The elements of a view as |(index + ½) - (number + ½)| ≤ ½, if all are that."""
    within = _operands(made, view, primitives.less_equal)
    if within is None or within[1] != Literal(0.5):
        return None
    distance = _operands(made, within[0], primitives.abs)
    difference = distance and _operands(made, distance[0], primitives.subtract)
    if not difference:
        return None
    shifted, number = difference
    sum_of = _operands(made, shifted, primitives.add)
    if sum_of is None or sum_of[1] != Literal(0.5) or not isinstance(sum_of[0], View):
        return None
    index = sum_of[0]
    if not isinstance(number, View) or number.block != CONSTANTS:
        return None
    return _Comparison(index.block, index.indices, program.constants[number.indices] - 0.5)


def _operands(
    made: Made, view: Expression, primitive: primitives.Primitive
) -> tuple[Expression, ...] | None:
    """What the elements of a view were computed from, each operand in the view's shape."""
    instruction = made.get(view.block) if isinstance(view, View) else None
    if instruction is None or instruction.primitive is not primitive:
        return None
    assert isinstance(view, View)
    shapes = [o.indices.shape for o in instruction.operands if isinstance(o, View)]
    shape = np.broadcast_shapes(*shapes)
    return tuple(
        [
            operand.reshaped(np.broadcast_to(operand.indices, shape).ravel()[view.indices])
            if isinstance(operand, View)
            else operand
            for operand in instruction.operands
        ]
    )


def _without_comparisons(
    program: VectorProgram, instructions: list[Instruction]
) -> list[Instruction]:
    """Without the vectors of one 1 that nobody reads any more; what is only checked stays."""
    read_before = _readers(program, program.instructions)
    kept = list(instructions)
    while True:
        read = _readers(program, kept)
        unread = {block for block in read_before if not read[block]}
        rest = [i for i in kept if not unread.issuperset(made_by(i))]
        if len(rest) == len(kept):
            return kept
        kept = rest


def _readers(program: VectorProgram, instructions: list[Instruction]) -> Counter[int]:
    """How many instructions or results read each block."""
    read = Counter(view.block for i in instructions for view in views_of(i))
    read.update([program.outputs.block, program.first_output.block])
    return read
