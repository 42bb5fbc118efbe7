"""Gradient: the chain rule on programs, a vector program in and a vector program out.

Reverse accumulation (Griewank and Walther, Evaluating Derivatives, 2nd ed., chapter 3). The rules
are those of the table, applied to the views of the instructions; what several readers contribute to
the gradient of one block is added up in it, at the places that they read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from autodiff.compiler.layout import is_even, on_grid
from autodiff.compiler.program import BATCHED
from autodiff.compiler.vectors import (
    CONSTANTS,
    Add,
    Block,
    Contraction,
    Elementwise,
    Fill,
    Gather,
    Given,
    Indices,
    Instruction,
    Loop,
    Pack,
    Scatter,
    VectorProgram,
    View,
    formulas_of,
    is_whole,
    made_by,
    needed_for,
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
    as_expression,
    folded,
    is_function,
    replaced,
)
from autodiff.mathematics import FLOAT
from autodiff.primitives import fsum


def gradient(program: VectorProgram, wanted: Sequence[int]) -> VectorProgram:
    """The program with the gradient of its first output, summed over the examples.

    Args:
        program: without gradients.
        wanted: the blocks of inputs whose gradients are returned after the outputs.
    """
    return _Gradients(program).run(wanted)


@dataclass
class _Gradient:
    """The gradient of a block as far as it is known.

    Attributes:
        view: where it stands, in the order of the block.
        is_own: whether it is a whole block that nobody else reads, so that more can be added.
    """

    view: View
    is_own: bool


class _Gradients:
    """The gradients of all blocks, from the last instruction to the first.

    A gradient starts as the first thing that is contributed to it: a view of another gradient, if
    nothing has to be computed, or else a block of its own. What comes later is added to a block of
    its own, into which a view of another's is copied before; so no block changes that is read under
    two names.
    """

    def __init__(self, program: VectorProgram) -> None:
        self.program = replace(
            program, blocks=list(program.blocks), instructions=list(program.instructions)
        )
        self.forward = program.instructions
        self.gradients: dict[int, _Gradient] = {}
        self.ones: set[int] = set()
        self.varies: set[int] = set()
        self.computed = _functions_computed(program)

    def run(self, wanted: Sequence[int]) -> VectorProgram:
        """The whole chain rule."""
        self.varies = self._varying(wanted)
        first = self.program.first_output
        if first.block in self.varies:
            self._contribute(first, self._seed())
        for instruction in reversed(self.forward):
            if any(block in self.gradients for block in made_by(instruction)):
                self._backward(instruction)
        self.program.gradients = tuple([self._of_input(i) for i in wanted])
        return _without_dead_code(self.program)

    def _varying(self, wanted: Collection[int]) -> set[int]:
        """The blocks that depend on the wanted inputs."""
        varies = set(wanted)
        for instruction in self.forward:
            if any(view.block in varies for view in _linked(instruction)):
                varies.update(made_by(instruction))
        return varies

    def _seed(self) -> View:
        """A block of ones, one for each example, even if the output is the same for all of them."""
        kind = max(block.kind for block in self.program.blocks)
        ones = self._new_block(None, kind, 1, "seed")
        self._append(Fill(1.0, ones))
        self.ones.add(ones)
        return whole(ones, 1)

    def _of_input(self, i: int) -> int:
        """A block with the gradient of an input, and nothing else."""
        block, found = self.program.blocks[i], self.gradients.get(i)
        if found is None:
            zeros = self._new_block(i, block.kind, block.size)
            self._append(Fill(0.0, zeros))
            return zeros
        self._own(i, found)
        return found.view.block

    # ---------------------------------------------------------------------------- instructions

    def _backward(self, instruction: Instruction) -> None:
        if isinstance(instruction, Elementwise):
            self._backward_elementwise(instruction)
        elif isinstance(instruction, Loop):
            self._backward_loop(instruction)
        elif isinstance(instruction, Contraction):
            if is_rowwise(self.program, instruction):
                self._backward_rows(instruction)
            else:
                self._backward_product(instruction)
        elif isinstance(instruction, Gather):
            self._backward_gather(instruction)
        elif isinstance(instruction, Pack):
            for view, place in zip(instruction.views, instruction.places, strict=True):
                if view.block in self.varies:
                    self._contribute(view, self._read(instruction.block, place))

    def _read(self, block: int, indices: Indices) -> View:
        """Elements of a block's gradient; if they are all the same, as one that is broadcast."""
        view = self.gradients[block].view
        found = view.indices[indices]
        if found.size > self.program.blocks[view.block].size:
            found = on_grid(found, found.shape)
        return View(view.block, found)

    def _backward_elementwise(self, instruction: Elementwise) -> None:
        if instruction.sums:  # a plain sum of one view
            view = instruction.formula
            assert isinstance(view, View)
            if view.block in self.varies:
                shape = tuple(
                    1 if axis in instruction.sums else size
                    for axis, size in enumerate(view.indices.shape)
                )
                size = self.program.blocks[instruction.block].size
                self._contribute(
                    view, self._read(instruction.block, np.arange(size).reshape(shape))
                )
            return
        shape = shape_of(instruction.formula) or (1,)
        at = np.arange(self.program.blocks[instruction.block].size).reshape(shape)
        y, d = View(instruction.block, at), self._read(instruction.block, at)
        for operand, partial in self._partials(instruction, y):
            formula = self._times(d, partial)
            sums = []
            for axis, size in enumerate(operand.indices.shape):
                if len(shape) == operand.indices.ndim and size < shape[axis]:
                    if shape_of(formula)[axis] == size:  # the same all along this axis
                        formula = as_expression(shape[axis] * formula)
                    else:
                        sums.append(axis)
            self._contribute(operand, formula, tuple(sums))

    def _partials(self, instruction: Elementwise, y: View) -> list[tuple[View, Expression]]:
        """The operands that vary, each once, and what their gradients are multiplied by."""
        primitive, operands = instruction.primitive, instruction.operands
        assert primitive is not None
        flags = [isinstance(o, View) and o.block in self.varies for o in operands]
        partials = primitive.partial_derivatives(EXPRESSION, y, operands, flags)
        total: dict[View, Expression] = {}
        for operand, partial, varies in zip(operands, partials, flags, strict=True):
            if not varies or (isinstance(partial, int) and partial == 0):  # flat
                continue
            partial = folded(as_expression(partial), FLOAT)
            assert isinstance(operand, View)
            before = total.get(operand)
            if before is None:
                total[operand] = partial
            else:  # the same operand twice, as in a·a
                both = 2 * partial if before == partial else before + partial
                total[operand] = folded(both, FLOAT)
        return [(operand, replaced(total[operand], self.computed)) for operand in total]

    def _times(self, d: View, partial: Expression) -> Expression:
        """The product, without the factor d where that is 1 all over a partial derivative."""
        if d.block in self.ones:
            varies_as_much = self.program.kind(partial) == self.program.kind(d)
            if varies_as_much and np.prod(shape_of(partial)) >= d.indices.size:
                return partial
        is_one = isinstance(partial, Literal) and partial.number in (1, -1)
        return as_expression(d * (int(partial.number) if is_one else partial))  # type: ignore[attr-defined]

    def _backward_rows(self, instruction: Contraction) -> None:
        left, right = rows_of(instruction)
        size = self.program.blocks[instruction.block].size
        at = np.arange(size).reshape(*left.indices.shape[:-1], 1)
        d = self._read(instruction.block, at)
        if left == right:
            if left.block in self.varies:
                self._contribute(left, as_expression(2 * d * left))
            return
        for view, other in ((left, right), (right, left)):
            if view.block in self.varies:
                self._contribute(view, as_expression(self._times(d, other)))

    def _backward_product(self, instruction: Contraction) -> None:
        left, right = instruction.left, instruction.right
        groups, rows, _ = left.indices.shape
        at = np.arange(self.program.blocks[instruction.block].size).reshape(groups, rows, -1)
        d = self._read_all(instruction.block, at)
        if left.block in self.varies:
            columns = right.reshaped(right.indices.swapaxes(1, 2))
            self._contribute_product(left, d, columns)
        if right.block in self.varies:
            turned = View(d.block, d.indices.swapaxes(1, 2))
            target = right.reshaped(right.indices.swapaxes(1, 2))
            self._contribute_product(target, left.reshaped(left.indices.swapaxes(1, 2)), turned)

    def _backward_gather(self, instruction: Gather) -> None:
        table, chosen, block = instruction
        if table.block not in self.varies:
            return
        at = np.arange(self.program.blocks[block].size).reshape(len(table.indices), -1)
        slope = self._read_all(block, at)
        target = View(self._accumulator(table.block), table.indices)
        self._append(Scatter(target, chosen, slope))

    # ------------------------------------------------------------------------------- loops

    def _backward_loop(self, loop: Loop) -> None:
        """A loop from the last step to the first, whose state is the adjoint of the state.

        It computes each step again, from the state that it started from: only states are kept.
        """
        body, count, kind = loop.body, loop.steps, loop.body.blocks[0].kind
        size = body.blocks[0].size
        states = np.arange((count + 1) * size).reshape(count + 1, size)
        of_results = [(loop.next, loop.block, states[1:])]
        of_results += [
            (view, block, np.arange(count * view.indices.size).reshape(count, -1))
            for view, block in loop.kept
        ]
        seen = [result for result in of_results if result[1] in self.gradients]
        more = [Block("adjoint", kind, size)]
        step = with_inputs(body, more, at=0)
        step = with_inputs(step, [Block("slope", kind, view.indices.size) for view, *_ in seen])
        first = step.inputs - len(seen)

        def moved(view: View) -> View:
            number = view.block + 1
            if view.block >= body.inputs:
                number += len(seen)
            return view if view.block == CONSTANTS else View(number, view.indices)

        weighted = [(moved(loop.next), whole(0, size))]
        weighted += [
            (moved(view), whole(first + i, view.indices.size)) for i, (view, *_) in enumerate(seen)
        ]
        given = [Given(View(loop.block, states[:-1]), True), *loop.given]
        wanted = [1 + i for i, g in enumerate(given) if g.view.block in self.varies]
        step = _varying_as(step, wanted, kind)
        slopes = gradient(_weighted(step, weighted, kind), wanted)
        slopes = _only_needed(slopes)
        given += [Given(self._read_all(block, rows), True) for _, block, rows in seen]
        zeros = self._new_block(None, kind, size, "last_adjoint")
        self._append(Fill(0.0, zeros))
        adjoints = self._new_block(None, kind, (count + 1) * size, "adjoints")
        kept: list[tuple[View, int]] = []
        sums: list[tuple[View, int]] = []
        for number, found in zip(wanted[1:], slopes.gradients[1:], strict=True):
            view, own = given[number - 1].view, step.blocks[number].size
            by_step = given[number - 1].by_step
            block = self._new_block(None, kind, own * (count if by_step else 1), "slopes")
            (kept if by_step else sums).append((whole(found, own), block))
        self._append(
            Loop(
                slopes, count, whole(zeros, size), whole(slopes.gradients[0], size), adjoints,
                tuple(given), tuple(kept), tuple(sums), is_reversed=True,
            )
        )  # fmt: skip
        if loop.start.block in self.varies:
            self._contribute(loop.start, View(adjoints, states[-1]))
            if loop.block in self.gradients:
                self._contribute(loop.start, self._read_all(loop.block, states[0]))
        blocks = iter([block for _, block in kept]), iter([block for _, block in sums])
        for number in wanted[1:]:
            view, by_step = given[number - 1]
            block = next(blocks[0 if by_step else 1])
            places = np.arange(view.indices.size).reshape(view.indices.shape)
            self._contribute(view, View(block, places))

    def _read_all(self, block: int, indices: Indices) -> View:
        """Elements of a block's gradient, each of them, as a product needs them."""
        view = self.gradients[block].view
        return View(view.block, view.indices[indices])

    # ------------------------------------------------------------------------- adding it up

    def _contribute_product(self, target: View, left: View, right: View) -> None:
        """Add a matrix product to the gradient of a view, in the order of its rows and columns."""
        block, known = self.program.blocks[target.block], self.gradients.get(target.block)
        shape = (*left.indices.shape[:2], right.indices.shape[1])
        size = int(np.prod(shape))
        is_all = is_whole(target, block.size)
        if is_all and known is None:
            product = self._new_block(target.block, block.kind, size)
            self._append(Contraction(left, right, product))
            self.gradients[target.block] = _Gradient(whole(product, size), True)
            return
        if not is_all:
            self._accumulator(target.block)
        product = self._new_block(None, block.kind, size)
        self._append(Contraction(left, right, product))
        if is_all:
            self._contribute(whole(target.block, size), whole(product, size))
        else:
            self._contribute(target, View(product, np.arange(size).reshape(shape)))

    def _contribute(self, target: View, formula: Expression, sums: tuple[int, ...] = ()) -> None:
        """Add to the gradient of a view; what comes per example is summed where it is shared."""
        block, known = self.program.blocks[target.block], self.gradients.get(target.block)
        if is_whole(target, block.size):
            if known is None and self._start(target, formula, sums):
                return
            if known is not None and not known.is_own and not sums:
                alike = self.program.kind(formula) == self.program.kind(known.view) == block.kind
                if alike and target.indices.shape == shape_of(formula) == (block.size,):
                    total = self._new_block(target.block, block.kind, block.size)
                    both = as_expression(self._narrowed(known.view) + formula)
                    self._append(Elementwise(both, total))
                    self.gradients[target.block] = _Gradient(whole(total, block.size), True)
                    return
        accumulator = self._accumulator(target.block)
        self._append(Add(View(accumulator, target.indices), formula, sums))

    def _accumulator(self, of: int) -> int:
        """The block to which gradients of a block are added."""
        block, known = self.program.blocks[of], self.gradients.get(of)
        if known is None:
            zeros = self._new_block(of, block.kind, block.size)
            self._append(Fill(0.0, zeros))
            known = self.gradients[of] = _Gradient(whole(zeros, block.size), True)
        self._own(of, known)
        return known.view.block

    def _start(self, target: View, formula: Expression, sums: tuple[int, ...]) -> bool:
        """Make the first of what is contributed to all of a block the gradient, if it can be."""
        block = self.program.blocks[target.block]
        shape = tuple(1 if a in sums else n for a, n in enumerate(shape_of(formula)))
        size = int(np.prod(shape))
        if size not in (1, block.size):
            return False
        kind = self.program.kind(formula)
        if isinstance(formula, View) and not sums and kind == block.kind and self._is_even(formula):
            flat = np.broadcast_to(formula.indices.ravel(), block.size)
            self.gradients[target.block] = _Gradient(View(formula.block, flat), False)
            return True
        new = self._new_block(target.block, block.kind, size)
        self._append(Elementwise(formula, new, sums))
        flat = np.broadcast_to(np.arange(size), block.size)
        self.gradients[target.block] = _Gradient(View(new, flat), size == block.size)
        return True

    def _is_even(self, view: View) -> bool:
        return is_even(view.indices, self.program.blocks[view.block].size)

    def _own(self, of: int, known: _Gradient) -> None:
        """Copy a gradient that others read, too, into a block of its own."""
        if not known.is_own:
            block = self.program.blocks[of]
            own = self._new_block(of, block.kind, block.size)
            if self.program.blocks[known.view.block].size < block.size:
                self._append(Fill(0.0, own))
                self._append(Add(whole(own, block.size), self._narrowed(known.view)))
            else:
                self._append(Elementwise(known.view, own))
            known.view, known.is_own = whole(own, block.size), True

    def _narrowed(self, view: View) -> View:
        """The view with one element along each axis on which it is the same."""
        return View(view.block, on_grid(view.indices, view.indices.shape))

    def _new_block(self, of: int | None, kind: int, size: int, name: str = "") -> int:
        self.program.blocks.append(Block(name, kind, size, "", of))
        return len(self.program.blocks) - 1

    def _append(self, instruction: Instruction) -> None:
        self.program.instructions.append(instruction)


def is_rowwise(program: VectorProgram, instruction: Contraction) -> bool:
    """Whether it is a stack of separate dot products, rather than matrix products."""
    if program.is_summed_over_examples(instruction):
        return False
    if program.kind(instruction.left) == BATCHED:
        return True
    rows, columns = instruction.left.indices.shape[1], instruction.right.indices.shape[1]
    is_stack: bool = rows == columns == 1
    return is_stack and program.kind(instruction.right) != BATCHED


def rows_of(instruction: Contraction) -> tuple[View, View]:
    """Both sides of separate dot products, of shape (groups, k), or (k,) for a single one."""

    def rows(view: View) -> View:
        indices = view.indices[:, 0]
        return view.reshaped(indices[0] if len(indices) == 1 else indices)

    return rows(instruction.left), rows(instruction.right)


def _functions_computed(program: VectorProgram) -> dict[Expression, Expression]:
    """Return the function calls that were computed already, and their places."""
    known: dict[Expression, Expression] = {}
    for instruction in program.instructions:
        if isinstance(instruction, Elementwise) and is_function(instruction.formula):
            assert isinstance(instruction.formula, Call)
            shape = shape_of(instruction.formula)
            size = program.blocks[instruction.block].size
            known[instruction.formula] = View(instruction.block, np.arange(size).reshape(shape))
    return known


def _without_dead_code(program: VectorProgram) -> VectorProgram:
    """Without gradients that nobody reads, as that of a factor which is 1 everywhere."""
    forward = program.instructions[: program.forward]
    backward = needed_for(program.gradients, program.instructions[program.forward :])
    return replace(program, instructions=forward + backward)


def _varying_as(program: VectorProgram, inputs: Sequence[int], kind: int) -> VectorProgram:
    """The program with some inputs of another kind, and all that depends on them.

    A matrix product whose left factor varies with the examples becomes separate dot products.
    """
    blocks = [
        block._replace(kind=kind) if i in inputs else block
        for i, block in enumerate(program.blocks)
    ]
    changed = replace(program, blocks=blocks, instructions=[])
    for instruction in program.instructions:
        found = max(changed.kind(*formulas_of(instruction)), blocks[instruction.block].kind)
        for block in made_by(instruction):
            blocks[block] = blocks[block]._replace(kind=found)
        if isinstance(instruction, Contraction) and changed.kind(instruction.left) == BATCHED:
            instruction = _as_rows(instruction)
        changed.instructions.append(instruction)
    return changed


def _as_rows(instruction: Contraction) -> Contraction:
    """The same products, each of one row and one column."""
    left, right, block = instruction
    groups, rows, inner = left.indices.shape
    shape = (groups, rows, right.indices.shape[1], inner)
    both = left.indices[:, :, None], right.indices[:, None]
    of_left, of_right = [np.broadcast_to(i, shape).reshape(-1, 1, inner) for i in both]
    return Contraction(left.reshaped(of_left), right.reshaped(of_right), block)


def _weighted(
    program: VectorProgram, terms: Sequence[tuple[View, View]], kind: int
) -> VectorProgram:
    """The program, whose output is a sum of products of views; its gradient is linear in these."""
    products = []
    for left, right in terms:
        size = left.indices.size
        both = [view.reshaped(view.indices.reshape(1, 1, size)) for view in (left, right)]
        program.blocks.append(Block("", kind, 1))
        program.instructions.append(Contraction(both[0], both[1], len(program.blocks) - 1))
        products.append(whole(len(program.blocks) - 1, 1))
    total: Expression = products[0]
    for product in products[1:]:
        total = as_expression(total + product)
    program.blocks.append(Block("", kind, 1))
    block = len(program.blocks) - 1
    program.instructions.append(Elementwise(total, block, (), fsum, tuple(products)))
    program.first_output = program.outputs = whole(block, 1)
    program.forward = len(program.instructions)
    return program


def _only_needed(program: VectorProgram) -> VectorProgram:
    """The instructions that its gradients need, in which there is no result to be had."""
    outputs = View(CONSTANTS, np.zeros(0, np.int64))
    needed = needed_for(program.gradients, program.instructions)
    return replace(program, instructions=needed, outputs=outputs, first_output=outputs, forward=0)


def _linked(instruction: Instruction) -> list[View]:
    """The views with respect to which an instruction has a derivative other than 0."""
    if isinstance(instruction, Elementwise) and instruction.primitive is not None:
        flat = instruction.primitive.flat_slots
        operands = [o for slot, o in enumerate(instruction.operands) if slot not in flat]
        return [operand for operand in operands if isinstance(operand, View)]
    if isinstance(instruction, Gather):
        return [instruction.table]
    return views_of(instruction)
