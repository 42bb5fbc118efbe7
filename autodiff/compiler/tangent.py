"""Tangent: forward mode on programs, along several directions at once.

The directions are examples: what does not move is shared, and a tangent has one column for each.
So the tangents of a program with gradients are a Hessian, a column for each direction (forward over
reverse; Griewank and Walther, Evaluating Derivatives, 2nd ed., chapters 3.1 and 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from autodiff.compiler.definitions import definition
from autodiff.compiler.gradient import is_rowwise, rows_of
from autodiff.compiler.program import BATCHED
from autodiff.compiler.vectors import (
    CONSTANTS,
    Add,
    Block,
    Contraction,
    Elementwise,
    Fill,
    Instruction,
    Pack,
    VectorProgram,
    View,
    shape_of,
    views_of,
    whole,
    with_inputs,
)
from autodiff.expressions import (
    EXPRESSION,
    Call,
    Expression,
    Literal,
    Name,
    as_expression,
    call,
    folded,
    replaced,
)
from autodiff.mathematics import FLOAT
from autodiff.primitives import EVERYWHERE, PRIMITIVES


def tangent(program: VectorProgram, moved: Sequence[int]) -> VectorProgram:
    """The program whose results are the derivatives of the gradients along some directions.

    Args:
        program: without examples, with gradients.
        moved: inputs that move. For each there is one more input, with a direction as each example.

    Returns:
        A program without outputs, whose gradients, so called, have one column for each direction.
    """
    return _Tangents(program, moved).run()


class _Tangents:
    def __init__(self, program: VectorProgram, moved: Sequence[int]) -> None:
        blocks = program.blocks
        directions = [Block(f"d_{blocks[i].name}", BATCHED, blocks[i].size) for i in moved]
        self.program = with_inputs(program, directions)
        self.given = self.program.instructions
        self.program.instructions = []
        self.tangents: dict[int, View] = {
            i: whole(program.inputs + k, blocks[i].size) for k, i in enumerate(moved)
        }

    def run(self) -> VectorProgram:
        """Every instruction, and its tangent after it."""
        program = self.program
        for instruction in self.given:
            program.instructions.append(instruction)
            if isinstance(instruction, Elementwise):
                self._elementwise(instruction)
            elif isinstance(instruction, Contraction):
                self._contraction(instruction)
            elif isinstance(instruction, Pack):
                self._pack(instruction)
            elif isinstance(instruction, Add):
                self._add(instruction)
        program.gradients = tuple([self._own(i) for i in program.gradients])
        program.outputs = program.first_output = View(CONSTANTS, np.zeros(0, np.int64))
        program.instructions = self._needed()
        program.forward = len(program.instructions)
        return program

    def _needed(self) -> list[Instruction]:
        """Return the instructions that tangents need, and those that may have no value."""
        needed, kept = set(self.program.gradients), []
        for instruction in reversed(self.program.instructions):
            primitive = instruction.primitive if isinstance(instruction, Elementwise) else None
            is_partial = primitive is not None and primitive.domain is not EVERYWHERE
            if is_partial or instruction.block in needed:
                kept.append(instruction)
                needed.add(instruction.block)
                needed.update([view.block for view in views_of(instruction)])
        return kept[::-1]

    def _new(self, size: int) -> int:
        self.program.blocks.append(Block("tangent", BATCHED, size))
        return len(self.program.blocks) - 1

    def _append(self, instruction: Instruction) -> None:
        self.program.instructions.append(instruction)

    def _set(self, block: int, formula: Expression, sums: tuple[int, ...] = ()) -> None:
        own = self._new(self.program.blocks[block].size)
        self._append(Elementwise(formula, own, sums))
        self.tangents[block] = whole(own, self.program.blocks[own].size)

    def _own(self, block: int) -> int:
        """The block of a tangent; zeros if there is none."""
        size = self.program.blocks[block].size
        found = self.tangents.get(block)
        if found is None:
            own = self._new(size)
            self._append(Fill(0.0, own))
        elif (found.indices == np.arange(size)).all():
            return found.block
        else:
            own = self._new(size)
            self._append(Elementwise(found, own))
        self.tangents[block] = whole(own, size)
        return own

    def _of_view(self, view: View) -> View | None:
        found = None if view.block == CONSTANTS else self.tangents.get(view.block)
        return None if found is None else View(found.block, found.indices[view.indices])

    # --------------------------------------------------------------------------- instructions

    def _elementwise(self, instruction: Elementwise) -> None:
        formula, block, sums = instruction.formula, instruction.block, instruction.sums
        if isinstance(formula, Call) and formula.function == "logsumexp":
            (rows,) = formula.operands
            assert isinstance(rows, View)
            moved = self._of_view(rows)
            if moved is not None:
                self._set(block, as_expression(call("softmax", rows) * moved), (0,))
            return
        if instruction.primitive is not None and not sums:
            y = whole(block, self.program.blocks[block].size)
            y = y.reshaped(y.indices.reshape(shape_of(formula)))
            slope = self._chain(instruction.primitive.name, y, instruction.operands)
        else:
            slope = self._derivative(formula)
        if slope is not None:
            self._set(block, self._in_full(folded(slope, FLOAT), shape_of(formula)), sums)

    def _contraction(self, instruction: Contraction) -> None:
        left, right, block = instruction
        moved_left, moved_right = self._of_view(left), self._of_view(right)
        if is_rowwise(self.program, instruction):
            a, b = rows_of(instruction)
            terms = [
                as_expression(own * other)
                for own, other in ((self._of_view(a), b), (self._of_view(b), a))
                if own is not None
            ]
            if terms:
                total = terms[0] if len(terms) == 1 else as_expression(terms[0] + terms[1])
                self._set(block, total, (a.indices.ndim - 1,))
            return
        groups, rows, _ = left.indices.shape
        columns = right.indices.shape[1]
        parts: list[View] = []
        if moved_right is not None:
            parts.append(self._product(left, moved_right))
        if moved_left is not None:  # the shared factor stands left
            turned = self._product(right, moved_left)
            at = turned.indices.reshape(groups, columns, rows).swapaxes(1, 2)
            parts.append(View(turned.block, at.ravel()))
        if len(parts) == 2:
            self._set(block, as_expression(parts[0] + parts[1]))
        elif parts:
            self.tangents[block] = parts[0]

    def _product(self, left: View, right: View) -> View:
        size = prod(left.indices.shape[:2]) * right.indices.shape[1]
        block = self._new(size)
        self._append(Contraction(left, right, block))
        return whole(block, size)

    def _pack(self, instruction: Pack) -> None:
        moved = list(map(self._of_view, instruction.views))
        if any(view is not None for view in moved):
            size = self.program.blocks[instruction.block].size
            own = self._new(size)
            self._append(Fill(0.0, own))
            for view, place in zip(moved, instruction.places, strict=True):
                if view is not None:
                    self._append(Add(View(own, place), view))
            self.tangents[instruction.block] = whole(own, size)

    def _add(self, instruction: Add) -> None:
        slope = self._derivative(instruction.formula)
        if slope is not None:
            target = View(self._own(instruction.block), instruction.target.indices)
            full = self._in_full(folded(slope, FLOAT), shape_of(instruction.formula))
            self._append(Add(target, full, instruction.sums))

    def _in_full(self, slope: Expression, shape: tuple[int, ...]) -> Expression:
        """A tangent in the shape of what it belongs to, where a smaller operand alone moves."""
        own = shape_of(slope)
        if own == shape:
            return slope
        small = self._new(prod(own))
        self._append(Elementwise(slope, small))
        return View(small, np.broadcast_to(np.arange(prod(own)).reshape(own), shape))

    # ------------------------------------------------------------------------------ formulas

    def _derivative(self, formula: Expression) -> Expression | None:
        """The tangent of a formula; None if it does not move."""
        if isinstance(formula, View):
            return self._of_view(formula)
        if not isinstance(formula, Call) or formula.function in ("equal", "unequal"):
            return None
        if formula.function == "where":
            condition, *branches = formula.operands
            moved = list(map(self._derivative, branches))
            if moved == [None, None]:
                return None
            return call("where", condition, *[Literal(0.0) if m is None else m for m in moved])
        if formula.operands[0].are_rows:
            return self._of_softmax(formula)
        name = "remainder" if formula.function == "modulo" else formula.function
        if name in PRIMITIVES:
            return self._chain(name, formula, formula.operands)
        found = definition(name)
        assert found is not None
        parameters, body = found
        known = dict(zip(map(Name, parameters), formula.operands, strict=True))
        return self._derivative(replaced(body, known))  # type: ignore[arg-type]

    def _chain(self, name: str, y: Expression, operands: Sequence[Expression]) -> Expression | None:
        """Σ ∂y/∂operand · tangent of the operand, by the rules of the table."""
        primitive = PRIMITIVES[name]
        if primitive.is_flat:
            return None
        moved = [
            None if slot in primitive.flat_slots else self._derivative(operand)
            for slot, operand in enumerate(operands)
        ]
        flags = [own is not None for own in moved]
        if not any(flags):
            return None
        partials = primitive.partial_derivatives(EXPRESSION, y, operands, flags)
        total: Expression | None = None
        for own, partial in zip(moved, partials, strict=True):
            if own is None or (isinstance(partial, int) and partial == 0):
                continue
            term = as_expression(own * partial)
            total = term if total is None else as_expression(total + term)
        return total

    def _of_softmax(self, formula: Call) -> Expression | None:
        """The tangent of s = softmax(rows): s (t - Σ s t), for the rows' tangent t."""
        (rows,) = formula.operands
        assert isinstance(rows, View)
        moved = self._of_view(rows)
        if moved is None:
            return None
        shape = (1, *rows.indices.shape[1:])
        mean = self._new(prod(shape))
        self._append(Elementwise(as_expression(formula * moved), mean, (0,)))
        return as_expression(formula * (moved - View(mean, np.arange(prod(shape)).reshape(shape))))
