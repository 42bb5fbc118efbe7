"""Nests: a vector program as loops over single elements, as plain data.

Each instruction becomes nests of loops whose bodies are one formula of elements. An element lies at
a sum of multiples of the counters, or where a table says. What is left for a target is to write
down loops, in its own language.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

import numpy as np

from autodiff.compiler.layout import strided
from autodiff.compiler.memory import MemoryPlan
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
    Pack,
    VectorProgram,
    View,
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

    def __repr__(self) -> str:
        where = "" if self.table is None else f", {self.table.tolist()}"
        return f"Element({self.block}, {self.start}, {self.strides}{where})"


def _same(one: Indices | None, other: Indices | None) -> bool:
    return one is not None and other is not None and np.array_equal(one, other)


class Nest(NamedTuple):
    """Loops around one formula, whose values are combined over the last axes.

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

    @property
    def kept(self) -> tuple[int, ...]:
        """The sizes of the axes that are not combined."""
        return self.sizes[: len(self.sizes) - self.combined]


class Phases(NamedTuple):
    """What comes before the examples, for each of them, and after.

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
                late.add(block)
        elif block in late or any(view.block in late for view in views_of(instruction)):
            found.after.append(at)
            late.add(block)
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

    def __post_init__(self) -> None:
        self.blocks = list(self.program.blocks)
        self._summed = {
            instruction.block
            for instruction in self.program.instructions
            if is_summed(self.program, instruction)
        }

    def nests(self, at: int) -> list[Nest]:
        """The nests of one instruction."""
        return list(self._nests(at, self.program.instructions[at]))

    def _nests(self, at: int, instruction: Instruction) -> Iterator[Nest]:
        if isinstance(instruction, Fill):
            if at not in self.plan.unfilled or instruction.block in self._summed:
                size = self.blocks[instruction.block].size
                target = np.arange(size)
                yield nest(Literal(float(instruction.number)), (size,), instruction.block, target)
        elif isinstance(instruction, Pack):
            for view, place in zip(instruction.views, instruction.places, strict=True):
                yield nest(view, place.shape, instruction.block, place)
        elif isinstance(instruction, Contraction):
            yield self._contraction(instruction)
        elif isinstance(instruction, Elementwise):
            yield from self._elementwise(instruction)
        else:
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
        return nest(formula, shape, block, places, (3,), self._starts(instruction),
                    over_examples=is_summed(self.program, instruction))  # fmt: skip

    def _starts(self, instruction: Instruction) -> bool:
        return instruction.block in self.started

    def _elementwise(self, instruction: Elementwise) -> Iterator[Nest]:
        shape = shape_of(instruction.formula) or (1,)
        kept = [1 if axis in instruction.sums else n for axis, n in enumerate(shape)]
        places = np.arange(prod(kept)).reshape(kept)
        formula = yield from self._without_many(instruction.formula)
        yield nest(formula, shape, instruction.block, places, instruction.sums,
                   self._starts(instruction),
                   over_examples=is_summed(self.program, instruction))  # fmt: skip

    def _add(self, instruction: Add, puts: bool) -> Iterator[Nest]:
        target, formula, sums = instruction
        shape = np.broadcast_shapes(shape_of(formula), target.indices.shape)
        over_examples = is_summed(self.program, instruction)
        formula = yield from self._without_many(formula)
        yield nest(formula, shape, target.block, target.indices, sums,
                   not puts or over_examples, over_examples=over_examples)  # fmt: skip

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
        yield nest(difference, shape, shares.block, shares.indices)
        total = yield from self._combined(rows, shares, "add")
        return call("divide", shares, total)

    def _combined(self, rows: View, formula: Expression, combine: str) -> Any:
        """A view of what is combined over the rows, with one row."""
        shape = rows.indices.shape
        result = self._temporary(rows, (1, *shape[1:]))
        yield nest(formula, shape, result.block, result.indices, (0,), combine=combine)
        return result

    def _temporary(self, rows: View, shape: tuple[int, ...]) -> View:
        kind = self.program.kind(rows)
        self.blocks.append(Block("", kind, prod(shape)))
        return View(len(self.blocks) - 1, np.arange(prod(shape)).reshape(shape))


def _columns(part: View) -> Indices:
    return part.indices[0] if part.indices.ndim > 1 else part.indices


def nest(
    formula: Expression,
    shape: Sequence[int],
    block: int,
    places: Indices,
    sums: Sequence[int] = (),
    adds: bool = False,
    combine: str = "add",
    over_examples: bool = False,
) -> Nest:
    """A nest with as few axes as say the same.

    Args:
        formula: of views.
        shape: of all its elements.
        block: where the results go.
        places: where in it, in a shape that is broadcast to the other.
        sums: the axes that are combined.
        adds, combine, over_examples: as for :class:`Nest`.
    """
    views = views_in([formula])
    target = _element(View(block, places), tuple(shape))
    elements = {view: _element(view, tuple(shape)) for view in views}
    combined = set(sums)
    if adds and target.table is None:  # what is added to one element is added up before
        combined |= {a for a, n in enumerate(shape) if n > 1 and target.strides[a] == 0}
    order = [a for a in range(len(shape)) if a not in combined and shape[a] > 1]
    order += [a for a in range(len(shape)) if a in combined and shape[a] > 1]
    count = sum(a in combined for a in order)
    axes = _merged(order, shape, [target, *elements.values()], len(order) - count)
    known: dict[Expression, Expression] = {
        view: _on_axes(element, axes) for view, element in elements.items()
    }
    sizes = tuple(size for size, _ in axes.sizes)
    return Nest(
        sizes,
        axes.combined,
        combine,
        replaced(formula, known),
        _on_axes(target, axes),
        adds,
        over_examples,
    )


class _Axes(NamedTuple):
    """Axes, each with how often it runs and the innermost of those that it is made of."""

    sizes: list[tuple[int, int]]
    combined: int


def _merged(
    order: Sequence[int], shape: Sequence[int], elements: Sequence[Element], kept: int
) -> _Axes:
    """Axes one after the other as one, where all elements go on evenly."""
    sizes: list[tuple[int, int]] = []
    combined = 0
    for position, axis in enumerate(order):
        may_merge = bool(sizes) and position != kept
        if may_merge:
            outer = sizes[-1][1]
            may_merge = all(e.strides[outer] == e.strides[axis] * shape[axis] for e in elements)
        if may_merge:
            sizes[-1] = (sizes[-1][0] * shape[axis], axis)
        else:
            sizes.append((shape[axis], axis))
            combined += position >= kept
    return _Axes(sizes, combined)


def _on_axes(element: Element, axes: _Axes) -> Element:
    strides = tuple(element.strides[axis] for _, axis in axes.sizes)
    return Element(element.block, element.start, strides, element.table)


def _element(view: View, shape: tuple[int, ...]) -> Element:
    """The element of a view that is broadcast to a shape."""
    indices = view.indices
    layout = strided(indices) if indices.ndim else None
    if indices.size == 1:
        return Element(view.block, int(indices.flat[0]), (0,) * len(shape))
    missing = len(shape) - indices.ndim
    if layout:
        return Element(view.block, layout.start, (0,) * missing + layout.strides)
    for axis in range(indices.ndim):  # along an axis on which it is the same, one is enough
        first = indices.take([0], axis)
        indices = first if (indices == first).all() else indices
    strides = [prod(indices.shape[a + 1 :]) if n > 1 else 0 for a, n in enumerate(indices.shape)]
    return Element(view.block, 0, (0,) * missing + tuple(strides), indices.ravel())


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


def of_constants(element: Element) -> bool:
    """Whether it reads constants."""
    return element.block == CONSTANTS
