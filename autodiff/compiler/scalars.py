"""Scalars: a scalar program as a vector program in which every block is one scalar.

That is the form in which narrow programs get their gradients and are written as straight lines.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence

import numpy as np

from autodiff.compiler.program import Program
from autodiff.compiler.vectors import CONSTANTS, Block, Elementwise, Pack, Rows, VectorProgram, View
from autodiff.expressions import EXPRESSION, Expression, Literal, as_expression
from autodiff.primitives import Primitive, dot, fsum, weights_inputs_bias

Operands = Sequence[Expression]

TERMS_AT_A_TIME = 50
"""Longer sums are several instructions, so that no formula is deep."""


def in_scalars(program: Program) -> VectorProgram:
    """One instruction for each instruction, in the same order."""
    return _Scalars(program).run()


class _Scalars:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.result = VectorProgram(np.array(program.constants, float))
        self.result.inputs = len(program.inputs)
        self.scalars: list[View] = []
        for i, block in enumerate(program.inputs):
            self.result.blocks.append(Block(block.name, block.kind, block.size))
            self.scalars += [View(i, np.array([k])) for k in range(block.size)]
        self.scalars += [View(CONSTANTS, np.array([k])) for k in range(len(program.constants))]
        self.kinds = program.kinds()

    def run(self) -> VectorProgram:
        """All instructions in turn."""
        program = self.program
        for at, (operation, numbers) in enumerate(
            zip(program.operations, program.operands, strict=True)
        ):
            name = program.names[at] or operation.name
            block = Block(name, self.kinds[program.first + at], 1, program.scopes[at])
            self.scalars.append(self._scheduled(operation, numbers, block))
        if program.outputs:
            self.result.first_output = self.scalars[program.outputs[0]]
            self.result.outputs = self._packed(program.outputs)
        self.result.forward = len(self.result.instructions)
        self.result.scalars = program.first + len(program.operations)
        return self.result

    def _scheduled(self, operation: Primitive, numbers: Sequence[int], block: Block) -> View:
        """The result of an operation on scalars."""
        operands = [self._operand(number) for number in numbers]
        if operation is dot:
            return self._sum_of_products(operands, block)
        if operation is fsum:
            return self._sum(operands, block)
        if operation.arity is None:
            view = self._packed(numbers)
            operands = [Rows(view.block, view.indices)]
        formula = as_expression(operation.value(EXPRESSION, *operands))
        return self._computed(operation, formula, operands, block)

    def _operand(self, number: int) -> Expression:
        view = self.scalars[number]
        if view.block == CONSTANTS:
            return Literal(self.program.constants[int(view.indices[0])])
        return view

    def _computed(
        self,
        operation: Primitive,
        formula: Expression,
        operands: Sequence[Expression],
        block: Block,
    ) -> View:
        """The block of an instruction."""
        view = self._new(block)
        self.result.instructions.append(
            Elementwise(formula, view.block, (), operation, tuple(operands))
        )
        return view

    def _new(self, block: Block) -> View:
        self.result.blocks.append(block)
        return View(len(self.result.blocks) - 1, np.arange(block.size))

    def _sum(self, terms: list[Expression], block: Block) -> View:
        """A sum, in pieces if it is long."""
        while len(terms) > TERMS_AT_A_TIME:
            piece = terms[:TERMS_AT_A_TIME]
            partial = self._computed(fsum, _added(piece), piece, block._replace(name=""))
            terms = [partial, *terms[TERMS_AT_A_TIME:]]
        return self._computed(fsum, _added(terms), terms, block)

    def _sum_of_products(self, operands: list[Expression], block: Block) -> View:
        """A dot product, in pieces if it is long, each added to the one before."""
        left, right, bias = weights_inputs_bias(operands)
        rest = [*bias]
        for start in range(0, len(left), TERMS_AT_A_TIME):
            end = start + TERMS_AT_A_TIME
            pairs = zip(left[start:end], right[start:end], strict=True)
            terms = [*(as_expression(a * b) for a, b in pairs), *rest]
            own = block if end >= len(left) else block._replace(name="")
            taken = [*left[start:end], *right[start:end], *rest]
            rest = [self._computed(dot, _added(terms), taken, own)]
        (total,) = rest
        assert isinstance(total, View)
        return total

    def _packed(self, numbers: Sequence[int]) -> View:
        """Scalars put side by side."""
        views = [self.scalars[number] for number in numbers]
        first = views[0].block
        if all(view.block == first for view in views):
            return View(first, np.concatenate([view.indices for view in views]))
        kind = max(self.kinds[number] for number in numbers)
        packed = self._new(Block("packed", kind, len(views)))
        places = tuple(np.array([k]) for k in range(len(views)))
        self.result.instructions.append(Pack(tuple(views), places, packed.block))
        return packed


def _added(terms: Sequence[Expression]) -> Expression:
    return functools.reduce(operator.add, terms)
