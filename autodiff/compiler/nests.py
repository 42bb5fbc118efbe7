"""Nests: a vector program as loops over single elements, as plain data.

Each instruction becomes nests of loops whose bodies are one formula of elements. An element lies at
a sum of multiples of the counters, or where a table says. What is left for a target is to write
down loops, in its own language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

import numpy as np

from autodiff.compiler.layout import strided
from autodiff.compiler.memory import MemoryPlan, memory_plan
from autodiff.compiler.program import BATCHED
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
    made_by,
    shape_of,
    views_in,
    views_of,
)
from autodiff.expressions import Call, Expression, Literal, call, replaced


class Element(Expression):
    """One element of a block, or of the constants: at ``start + Σ strides · counters``.

    Attributes:
        table: says where it lies, if it is not there itself.
    """

    __slots__ = ("block", "start", "strides", "table")

    def __init__(
        self, block: int, start: int, strides: tuple[int, ...], table: Indices | None = None
    ) -> None:
        self.block = block
        self.start = start
        self.strides = strides
        self.table = table

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Element)
            and (other.block, other.start, other.strides) == (self.block, self.start, self.strides)
            and (other.table is self.table or _same(other.table, self.table))
        )

    def __hash__(self) -> int:
        return hash((self.block, self.start, self.strides))

    def is_even_along(self, axis: int | None) -> bool:
        """Whether it goes on evenly along an axis, there or in its table."""
        stride = 0 if axis is None else self.strides[axis]
        return stride != 0 and (self.table is None or stride == 1)

    @property
    def may_repeat(self) -> bool:
        """Whether its table has a place twice."""
        return self.table is not None and len(np.unique(self.table)) < len(self.table)

    def __repr__(self) -> str:
        where = "" if self.table is None else f", {self.table.tolist()}"
        return f"Element({self.block}, {self.start}, {self.strides}{where})"


def _same(one: Indices | None, other: Indices | None) -> bool:
    return one is not None and other is not None and np.array_equal(one, other)


class Nest(NamedTuple):
    """Loops around one formula, whose values are combined over the last axes.

    The first strides of its elements, as many as ``outer`` says, are along loops around it all.

    Attributes:
        sizes: how often each loop runs, outer loops first.
        combined: how many of the last axes are combined.
        combine: "add" or "maximum".
        formula: of elements.
        target: where the result goes; its strides along combined axes are 0.
        adds: whether it is added to what is there.
        over_examples: whether it is added up over the examples.
    """

    sizes: tuple[int, ...]
    combined: int
    combine: str
    formula: Expression
    target: Element
    adds: bool
    over_examples: bool
    outer: int = 0

    @property
    def kept(self) -> tuple[int, ...]:
        """The sizes of the axes that are not combined."""
        return self.sizes[: len(self.sizes) - self.combined]


class Phases(NamedTuple):
    """The parts of a program that run before the examples, for each of them, and after.

    Attributes:
        started: blocks that are made after the examples, although something of each is added.
    """

    before: list[int]
    each: list[int]
    after: list[int]
    started: frozenset[int]


def phases(program: VectorProgram) -> Phases:
    """The positions of instructions in each phase.

    What is summed over the examples is known after them, and so is all that is made of it or added
    to it. A block that is made then, although something of each example is added to it, has to
    start from zeros.
    """
    summed = [is_summed(program, instruction) for instruction in program.instructions]
    added = {
        instruction.block
        for instruction, is_summed in zip(program.instructions, summed, strict=True)
        if isinstance(instruction, Add) and is_summed
    }
    found = Phases([], [], [], frozenset())
    late: set[int] = set()
    started: set[int] = set()
    for at, instruction in enumerate(program.instructions):
        block = instruction.block
        if program.blocks[block].kind == BATCHED or summed[at]:
            found.each.append(at)
            if program.blocks[block].kind != BATCHED:
                late.update(made_by(instruction))
        elif block in late or any(view.block in late for view in views_of(instruction)):
            found.after.append(at)
            late.update(made_by(instruction))
            if block in added and not isinstance(instruction, Add):
                started.add(block)
        else:
            found.before.append(at)
    return found._replace(started=frozenset(started))


def is_summed(program: VectorProgram, instruction: Instruction) -> bool:
    """Whether the result of an instruction is added up over the examples."""
    if isinstance(instruction, Elementwise | Contraction | Add):
        return program.is_summed_over_examples(instruction)
    return False


@dataclass
class Lowering:
    """The nests of a program's instructions, and the blocks that they need in between.

    Attributes:
        blocks: those of the program, and more.
    """

    program: VectorProgram
    plan: MemoryPlan
    started: frozenset[int] = frozenset()
    blocks: list[Block] = field(init=False)
    constants: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.blocks = list(self.program.blocks)
        self.constants = self.program.constants.tolist()
        self._summed = {
            instruction.block
            for instruction in self.program.instructions
            if is_summed(self.program, instruction)
        }

    def nests(self, at: int) -> list[Nest]:
        """The nests of one instruction, which is no loop."""
        return list(self._nests(at, self.program.instructions[at]))

    def nest(
        self, formula: Expression, shape: Sequence[int], block: int, places: Indices, **options: Any
    ) -> Nest:
        """See :func:`nest`."""
        return nest(formula, shape, View(block, places), **options)

    def _nests(self, at: int, instruction: Instruction) -> Iterator[Nest]:
        if isinstance(instruction, Fill):
            if at not in self.plan.unfilled or instruction.block in self._summed:
                size = self.blocks[instruction.block].size
                target = np.arange(size)
                yield self.nest(
                    Literal(float(instruction.number)), (size,), instruction.block, target
                )
        elif isinstance(instruction, Pack):
            for view, place in zip(instruction.views, instruction.places, strict=True):
                yield self.nest(view, place.shape, instruction.block, place)
        elif isinstance(instruction, Contraction):
            yield self._contraction(instruction)
        elif isinstance(instruction, Elementwise):
            yield from self._elementwise(instruction)
        elif isinstance(instruction, Add):
            yield from self._add(instruction, at in self.plan.puts)

    def _contraction(self, instruction: Contraction) -> Nest:
        left, right, block = instruction
        groups, rows, inner = left.indices.shape
        columns = right.indices.shape[1]
        shape = (groups, rows, columns, inner)
        formula = call(
            "multiply",
            left.reshaped(left.indices[:, :, None]),
            right.reshaped(right.indices[:, None]),
        )
        places = np.arange(groups * rows * columns).reshape(groups, rows, columns, 1)
        return self.nest(
            formula,
            shape,
            block,
            places,
            sums=(3,),
            adds=self._starts(instruction),
            over_examples=is_summed(self.program, instruction),
        )

    def _starts(self, instruction: Instruction) -> bool:
        return instruction.block in self.started

    def _elementwise(self, instruction: Elementwise) -> Iterator[Nest]:
        shape = shape_of(instruction.formula) or (1,)
        kept = [1 if axis in instruction.sums else n for axis, n in enumerate(shape)]
        places = np.arange(prod(kept)).reshape(kept)
        formula = yield from self._without_many(instruction.formula)
        yield self.nest(
            formula,
            shape,
            instruction.block,
            places,
            sums=instruction.sums,
            adds=self._starts(instruction),
            over_examples=is_summed(self.program, instruction),
        )

    def _add(self, instruction: Add, puts: bool) -> Iterator[Nest]:
        target, formula, sums = instruction
        shape = np.broadcast_shapes(shape_of(formula), target.indices.shape)
        over_examples = is_summed(self.program, instruction)
        formula = yield from self._without_many(formula)
        adds = not puts or over_examples
        yield self.nest(
            formula,
            shape,
            target.block,
            target.indices,
            sums=sums,
            adds=adds,
            over_examples=over_examples,
        )

    # ------------------------------------------------------------------- functions of many

    def _without_many(self, formula: Expression) -> Any:
        """The formula with functions of many computed before, by nests of their own."""
        if not isinstance(formula, Call):
            return formula
        operands = formula.operands
        if not operands[0].are_rows:
            changed = []
            for operand in operands:
                changed.append((yield from self._without_many(operand)))
            return Call(formula.function, tuple(changed))
        (rows,) = operands
        assert isinstance(rows, View)
        result = yield from (
            self._softmax(rows) if formula.function == "softmax" else self._logsumexp(rows)
        )
        return result

    def _logsumexp(self, rows: View) -> Any:
        peak = yield from self._combined(rows, rows, "maximum")
        is_peak = call("equal", rows, peak)
        ties = yield from self._combined(rows, call("where", is_peak, 1.0, 0.0), "add")
        shares = call("where", is_peak, 0.0, call("exp", call("subtract", rows, peak)))
        total = yield from self._combined(rows, shares, "add")
        rest = call("log1p", call("add", total, call("subtract", ties, 1.0)))
        is_finite = call("equal", call("subtract", peak, peak), 0.0)
        return replaced(
            call("where", is_finite, call("add", peak, rest), peak),
            {part: part.reshaped(_columns(part)) for part in (peak, ties, total)},
        )

    def _softmax(self, rows: View) -> Any:
        peak = yield from self._combined(rows, rows, "maximum")
        shape = rows.indices.shape
        shares = self._temporary(rows, shape)
        difference = call("exp", call("subtract", rows, peak))
        yield self.nest(difference, shape, shares.block, shares.indices)
        total = yield from self._combined(rows, shares, "add")
        return call("divide", shares, total)

    def _combined(self, rows: View, formula: Expression, combine: str) -> Any:
        """A view of what is combined over the rows, with one row."""
        shape = rows.indices.shape
        result = self._temporary(rows, (1, *shape[1:]))
        yield self.nest(formula, shape, result.block, result.indices, sums=(0,), combine=combine)
        return result

    def _temporary(self, rows: View, shape: tuple[int, ...]) -> View:
        self.new_block(Block("", self.program.kind(rows), prod(shape)))
        return View(len(self.blocks) - 1, np.arange(prod(shape)).reshape(shape))

    def new_block(self, block: Block) -> None:
        """Add a block to those of the program."""
        self.blocks.append(block)


def _columns(part: View) -> Indices:
    return part.indices[0] if part.indices.ndim > 1 else part.indices


class StepLowering(Lowering):
    """The nests of one step of a loop, whose blocks are seen from outside.

    Attributes:
        numbers: those that blocks of the step have outside.
    """

    def __init__(self, around: Lowering, loop: Loop) -> None:
        super().__init__(loop.body, memory_plan(loop.body))
        self.around = around
        self.loop = loop
        self.numbers: dict[int, int] = {}
        for own in range(loop.body.inputs, len(loop.body.blocks)):
            self.numbers[own] = len(around.blocks)
            around.new_block(loop.body.blocks[own])
        self.first_constant = len(around.constants)
        around.constants += self.constants

    def nest(
        self, formula: Expression, shape: Sequence[int], block: int, places: Indices, **options: Any
    ) -> Nest:
        """A nest in the step, whose elements have a first stride along the steps."""
        return nest(formula, shape, self.seen(View(block, places)), seen=self.seen, **options)

    def seen(self, view: View) -> View:
        """A view in the step from outside, with an axis of steps, or of one element."""
        loop, indices = self.loop, view.indices
        if view.block == CONSTANTS:
            return View(CONSTANTS, indices[None] + self.first_constant)
        if view.block == 0:
            steps = np.arange(loop.steps).reshape(-1, *[1] * indices.ndim)
            return View(loop.block, steps * loop.body.blocks[0].size + indices)
        if view.block >= loop.body.inputs:
            return View(self.numbers[view.block], indices[None])
        given = loop.given[view.block - 1]
        if not given.by_step:
            return View(given.view.block, given.view.indices[indices][None])
        rows = given.view.indices[::-1] if loop.is_reversed else given.view.indices
        return View(given.view.block, rows[:, indices])

    def new_block(self, block: Block) -> None:
        """Add a block to those of the program, and to those around."""
        super().new_block(block)
        self.numbers[len(self.blocks) - 1] = len(self.around.blocks)
        self.around.new_block(block)

    def ends(self) -> Iterator[Nest]:
        """Return the results of every step: the next state, what is kept, and what is added up."""
        loop = self.loop
        size = loop.body.blocks[0].size
        steps = np.arange(loop.steps)[:, None]
        yield self._handed(loop.next, loop.block, (steps + 1) * size + np.arange(size))
        rows = steps[::-1] if loop.is_reversed else steps
        for view, block in loop.kept:
            count = view.indices.size
            yield self._handed(view, block, rows * count + np.arange(count))
        for view, block in loop.sums:
            yield self._handed(view, block, np.arange(view.indices.size)[None], True)

    def _handed(self, view: View, block: int, places: Indices, adds: bool = False) -> Nest:
        flat = view.reshaped(view.indices.ravel())
        return nest(flat, (places.shape[1],), View(block, places), adds=adds, seen=self.seen)


def nest(
    formula: Expression,
    shape: Sequence[int],
    target: View,
    sums: Sequence[int] = (),
    adds: bool = False,
    combine: str = "add",
    over_examples: bool = False,
    seen: Callable[[View], View] | None = None,
) -> Nest:
    """A nest with as few axes as say the same.

    Args:
        formula: of views.
        shape: of all its elements.
        target: where the results go, in a shape that is broadcast to the other.
        sums: the axes that are combined.
        adds, combine, over_examples: as for :class:`Nest`.
        seen: gives a view with a first axis of steps, if this is a step of a loop; the target has
            that axis, then.
    """
    outer = 0 if seen is None else 1
    if 0 in shape:
        nowhere = Element(target.block, 0, (0,) * (outer + 1))
        return Nest((0,), 0, combine, Literal(0.0), nowhere, adds, over_examples, outer)
    place = _element(target, len(shape), outer)
    elements = {
        view: _element(view if seen is None else seen(view), len(shape), outer)
        for view in views_in([formula])
    }
    combined = set(sums)
    if adds and place.table is None:  # what is added to one element is added up before
        combined |= {a for a, n in enumerate(shape) if n > 1 and place.strides[outer + a] == 0}
    order = [a for a in range(len(shape)) if a not in combined and shape[a] > 1]
    order += [a for a in range(len(shape)) if a in combined and shape[a] > 1]
    kept = sum(a not in combined for a in order)
    axes = _merged(order, shape, [place, *elements.values()], kept, outer)

    def on_axes(element: Element) -> Element:
        strides = tuple([element.strides[outer + axis] for _, axis in axes])
        return Element(
            element.block, element.start, element.strides[:outer] + strides, element.table
        )

    known: dict[Expression, Expression] = {v: on_axes(e) for v, e in elements.items()}
    return Nest(
        tuple([size for size, _ in axes]),
        sum(axis in combined for _, axis in axes),
        combine,
        replaced(formula, known),
        on_axes(place),
        adds,
        over_examples,
        outer,
    )


def _merged(
    order: Sequence[int],
    shape: Sequence[int],
    elements: Sequence[Element],
    kept: int,
    outer: int,
) -> list[tuple[int, int]]:
    """Axes one after the other as one, where all elements go on evenly.

    Returns:
        For each how often it runs, and the innermost of those that it is made of.
    """
    axes: list[tuple[int, int]] = []
    for position, axis in enumerate(order):
        if axes and position != kept:
            before = axes[-1][1]
            if all(
                e.strides[outer + before] == e.strides[outer + axis] * shape[axis] for e in elements
            ):
                axes[-1] = (axes[-1][0] * shape[axis], axis)
                continue
        axes.append((shape[axis], axis))
    return axes


def _element(view: View, axes: int, outer: int) -> Element:
    """The element of a view that is broadcast to so many axes, beside those of loops around."""
    indices = view.indices
    missing = outer + axes - indices.ndim
    if indices.size == 1:
        return Element(view.block, int(indices.flat[0]), (0,) * (outer + axes))
    indices = indices.reshape(*indices.shape[:outer], *[1] * missing, *indices.shape[outer:])
    layout = strided(indices)
    if layout:
        return Element(view.block, layout.start, layout.strides)
    for axis in range(indices.ndim):  # along an axis on which it is the same, one is enough
        first = indices.take([0], axis)
        indices = first if (indices == first).all() else indices
    strides = [prod(indices.shape[a + 1 :]) if n > 1 else 0 for a, n in enumerate(indices.shape)]
    return Element(view.block, 0, tuple(strides), indices.ravel())


def elements_in(formula: Expression) -> list[Element]:
    """The elements in a formula, each once."""
    found: dict[Element, None] = {}

    def visit(part: Expression) -> None:
        if isinstance(part, Element):
            found[part] = None
        elif isinstance(part, Call):
            for operand in part.operands:
                visit(operand)

    visit(formula)
    return list(found)
