"""Vector programs: instructions on blocks of scalars as plain data, and what they mean.

Every pass after the schedule takes a vector program and gives one. An interpreter says what one
means, by NumPy's fancy indexing alone: slow, and short enough to be believed.

An instruction makes a block, which no other changes; but :class:`Add` adds to what :class:`Fill` or
another instruction made, before anybody reads it. A result that is shared, of operands that vary
with the examples, is summed over the examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff.compiler.program import BATCHED, CONSTANT
from autodiff.expressions import Call, Expression, Literal, evaluate, leaves, replaced
from autodiff.mathematics import ARRAY
from autodiff.primitives import Primitive

Indices = NDArray[np.int64]

CONSTANTS = -1
"""The block of a view that reads constants."""


class Block(NamedTuple):
    """A vector of scalars, computed together; with one column for each example if batched.

    Attributes:
        gradient_of: the block whose gradient it is, if it is one.
    """

    name: str
    kind: int
    size: int
    scope: str = ""
    gradient_of: int | None = None


class View(Expression):
    """A view of elements of one block, in an order and shape of its own.

    It is a leaf of formulas. Shapes in a formula are broadcast as NumPy does it.
    """

    __slots__ = ("_hash", "block", "indices")

    def __init__(self, block: int, indices: Indices) -> None:
        self.block = block
        self.indices = indices
        self._hash: int | None = None

    def __eq__(self, other: object) -> bool:
        return self is other or (
            type(other) is type(self)
            and other.block == self.block
            and other.indices.shape == self.indices.shape
            and bool((other.indices == self.indices).all())
        )

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self.block, self.indices.shape, self.indices.tobytes()))
        return self._hash

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.block}, {self.indices.tolist()})"

    def reshaped(self, indices: Indices) -> View:
        """The same block, read in another way."""
        return type(self)(self.block, indices)


class Rows(View):
    """All operands of a function of many, as the rows of one array."""

    __slots__ = ()
    are_rows = True


class Elementwise(NamedTuple):
    """A formula of views, for all elements; summed over some axes, which keep one element.

    Attributes:
        primitive, operands: what it was recorded as, if it was; ``formula`` is its value then.
    """

    formula: Expression
    block: int
    sums: tuple[int, ...] = ()
    primitive: Primitive | None = None
    operands: tuple[Expression, ...] = ()


class Contraction(NamedTuple):
    """Σ over k of left[g, i, k] · right[g, j, k], for all g, i and j: matrix products."""

    left: View
    right: View
    block: int


class Pack(NamedTuple):
    """Elements of several blocks put into one; ``places`` says where each piece goes."""

    views: tuple[View, ...]
    places: tuple[Indices, ...]
    block: int


class Gather(NamedTuple):
    """table[i, chosen[j]] for all i and j: columns of a table, by whole numbers known at run time.

    A number that is no place in the table is refused.
    """

    table: View
    chosen: View
    block: int


class Scatter(NamedTuple):
    """slope[i, j], added to the elements target[i, chosen[j]]: what a gather hands back."""

    target: View
    chosen: View
    slope: View

    @property
    def block(self) -> int:
        """The block that is added to."""
        return self.target.block


class Fill(NamedTuple):
    """One number everywhere."""

    number: float
    block: int


class Add(NamedTuple):
    """A formula, summed over some axes, added to elements of a block, which may repeat."""

    target: View
    formula: Expression
    sums: tuple[int, ...] = ()

    @property
    def block(self) -> int:
        """The block that is added to."""
        return self.target.block


class Given(NamedTuple):
    """An input of the steps of a loop: the same for all of them, or a row for each."""

    view: View
    by_step: bool


class Loop(NamedTuple):
    """A recurrence: a body that is run again and again, each time on the state that it gave last.

    Attributes:
        body: one step. Its inputs are the state, then what is given.
        steps: how many there are.
        start: the first state.
        next: the next state, as a view in the body.
        block: all states, the first one included, one after the other.
        given: what the steps read.
        kept: views in the body, and the blocks in which they are kept for all steps.
        sums: views in the body, and the blocks in which they are added up over the steps.
        is_reversed: whether rows are read, and kept, from the last one to the first.
    """

    body: VectorProgram
    steps: int
    start: View
    next: View
    block: int
    given: tuple[Given, ...]
    kept: tuple[tuple[View, int], ...] = ()
    sums: tuple[tuple[View, int], ...] = ()
    is_reversed: bool = False


Instruction = Elementwise | Contraction | Pack | Fill | Add | Loop | Gather | Scatter


@dataclass
class VectorProgram:
    """Instructions on blocks. The first blocks are the inputs of the scalar program.

    Attributes:
        constants: numbers that views may read.
        inputs: how many blocks are inputs.
        outputs: the results.
        first_output: the first of them, which is differentiated.
        gradients: blocks that are returned after the outputs, each the gradient of an input.
        forward: how many instructions compute the outputs, before the gradients are.
        scalars: how many scalars became this program.
    """

    constants: NDArray[Any]
    blocks: list[Block] = field(default_factory=list)
    inputs: int = 0
    instructions: list[Instruction] = field(default_factory=list)
    outputs: View = field(default_factory=lambda: View(CONSTANTS, np.zeros(0, np.int64)))
    first_output: View = field(default_factory=lambda: View(CONSTANTS, np.zeros(0, np.int64)))
    gradients: tuple[int, ...] = ()
    forward: int = 0
    scalars: int = 0

    def kind(self, *read: Expression) -> int:
        """The kind of formulas: that of the view that varies most."""
        return max(
            [
                self.blocks[leaf.block].kind
                for formula in read
                for leaf in leaves(formula)
                if isinstance(leaf, View) and leaf.block != CONSTANTS
            ],
            default=CONSTANT,
        )

    def is_summed_over_examples(self, instruction: Elementwise | Contraction | Add) -> bool:
        """Whether its result is shared, and its operands vary with the examples."""
        kind = self.blocks[instruction.block].kind
        return kind != BATCHED and self.kind(*formulas_of(instruction)) == BATCHED


def whole(block: int, size: int) -> View:
    """All of a block."""
    return View(block, np.arange(size))


def is_whole(view: View, size: int) -> bool:
    """Whether it reads all elements of a block in their order, in whatever shape."""
    flat = view.indices.ravel()
    if len(flat) != size or flat[0] != 0 or flat[-1] != size - 1:
        return size == len(flat) == 0
    return size <= 2 or bool((flat[1:] > flat[:-1]).all())


def formulas_of(instruction: Instruction) -> tuple[Expression, ...]:
    """All that an instruction reads."""
    if isinstance(instruction, Elementwise | Add):
        return (instruction.formula,)
    if isinstance(instruction, Contraction):
        return instruction.left, instruction.right
    if isinstance(instruction, Gather):
        return instruction.table, instruction.chosen
    if isinstance(instruction, Scatter):
        return instruction.chosen, instruction.slope
    if isinstance(instruction, Loop):
        return (instruction.start, *[given.view for given in instruction.given])
    return instruction.views if isinstance(instruction, Pack) else ()


def made_by(instruction: Instruction) -> list[int]:
    """The blocks that an instruction makes or adds to."""
    if isinstance(instruction, Loop):
        others = [block for _, block in (*instruction.kept, *instruction.sums)]
        return [instruction.block, *others]
    return [instruction.block]


def needed_for(results: Iterable[int], instructions: Sequence[Instruction]) -> list[Instruction]:
    """The instructions that some blocks depend on, in their order."""
    read = set(results)
    kept: list[Instruction] = []
    for instruction in reversed(instructions):
        if any(block in read for block in made_by(instruction)):
            kept.append(instruction)
            read.update([view.block for view in views_of(instruction)])
    return kept[::-1]


def all_instructions(program: VectorProgram) -> Iterator[Instruction]:
    """The instructions of a program and of the bodies of its loops."""
    for part in with_bodies(program):
        yield from part.instructions


def with_bodies(program: VectorProgram) -> Iterator[VectorProgram]:
    """A program and the bodies of its loops."""
    yield program
    for instruction in program.instructions:
        if isinstance(instruction, Loop):
            yield from with_bodies(instruction.body)


def has_loops(program: VectorProgram) -> bool:
    """Whether there is a recurrence in it."""
    return any(isinstance(instruction, Loop) for instruction in program.instructions)


def views_in(formulas: Iterable[Expression]) -> list[View]:
    """The views in formulas, each once."""
    found = [leaf for formula in formulas for leaf in leaves(formula) if isinstance(leaf, View)]
    return list(dict.fromkeys(found)) if len(found) > 1 else found


def views_of(instruction: Instruction) -> list[View]:
    """The views that an instruction reads, each once."""
    return views_in(formulas_of(instruction))


def shape_of(formula: Expression) -> tuple[int, ...]:
    """The shape of a formula of views, without the axis of examples."""
    if isinstance(formula, View):
        return formula.indices.shape
    if not isinstance(formula, Call):
        return ()
    if formula.operands and formula.operands[0].are_rows:
        shape = shape_of(formula.operands[0])
        return shape if formula.function == "softmax" else shape[1:]
    return np.broadcast_shapes(*map(shape_of, formula.operands))


# ------------------------------------------------------------------------------- interpreters

Watch = Callable[[Instruction, Sequence[Any], Any], None]


def interpret_vectors(
    program: VectorProgram, inputs: Sequence[Any], watch: Watch | None = None
) -> tuple[Any, list[Any]]:
    """The outputs and the gradients: what a vector program means.

    Args:
        inputs: for each input block an array of shape (size,), or (size, examples) if batched.
        watch: is shown every instruction with what it read and its result.

    Returns:
        The outputs and gradients, of shape (size,) or (size, examples) each.
    """
    return Interpreter(program, inputs).run(watch)


class Interpreter:
    """The numbers of all blocks, of shape (size, examples), with one column if shared."""

    def __init__(self, program: VectorProgram, inputs: Sequence[Any]) -> None:
        self.program = program
        self.values: dict[int, Any] = {}
        self.examples = 1
        for i, given in enumerate(inputs):
            numbers = np.asarray(given)
            is_batched = program.blocks[i].kind == BATCHED
            self.examples = numbers.shape[1] if is_batched else self.examples
            self.values[i] = numbers if is_batched else numbers[:, None]

    def run(self, watch: Watch | None = None) -> tuple[Any, list[Any]]:
        """All instructions in turn."""
        for instruction in self.program.instructions:
            self.step(instruction, watch)
        return self.results()

    def results(self) -> tuple[Any, list[Any]]:
        """The outputs and the gradients."""
        gradients = [self._squeezed(whole(g, self.program.blocks[g].size))
                     for g in self.program.gradients]  # fmt: skip
        return self._squeezed(self.program.outputs), gradients

    def _squeezed(self, view: View) -> Any:
        found = self.read(view)
        return found if self.program.kind(view) == BATCHED else found[..., 0]

    def read(self, view: View) -> Any:
        """The elements of a view; the last axis is that of the examples."""
        if view.block == CONSTANTS:
            return self.program.constants[view.indices][..., None]
        return self.values[view.block][view.indices]

    def step(self, instruction: Instruction, watch: Watch | None = None) -> None:
        """One instruction."""
        if isinstance(instruction, Loop):
            self._loop(instruction, watch)
            return
        if isinstance(instruction, Gather):
            self._gather(instruction)
            return
        if isinstance(instruction, Scatter):
            self._scatter(instruction)
            return
        block = self.program.blocks[instruction.block]
        operands = [self.read(view) for view in views_of(instruction)]
        if isinstance(instruction, Fill):
            columns = self.examples if block.kind == BATCHED else 1
            result = np.full((block.size, columns), instruction.number)
        elif isinstance(instruction, Pack):
            pieces = [self.read(view) for view in instruction.views]
            result = np.empty((block.size, max(piece.shape[-1] for piece in pieces)))
            for place, piece in zip(instruction.places, pieces, strict=True):
                result[place] = piece
        else:
            result = self._computed(instruction)
            if self.program.is_summed_over_examples(instruction):
                result = self._over_examples(result)
        if watch:
            watch(instruction, operands, result)
        if isinstance(instruction, Add):
            self._add(instruction.target, result)
        else:
            self.values[instruction.block] = np.array(result.reshape(block.size, -1))

    def _computed(self, instruction: Elementwise | Contraction | Add) -> Any:
        if isinstance(instruction, Contraction):
            left, right = self.read(instruction.left), self.read(instruction.right)
            return (left[:, :, None] * right[:, None]).sum(3)
        numbers = {view: self.read(view) for view in views_of(instruction)}
        result = 1.0 * evaluate(instruction.formula, numbers, ARRAY)  # comparisons: 0 or 1
        return np.asarray(result).sum(instruction.sums, keepdims=True)

    def _gather(self, instruction: Gather) -> None:
        table = self.read(instruction.table)
        places = places_in(self.read(instruction.chosen), table.shape[1])
        made = np.take_along_axis(table, places[None], 1)
        self.values[instruction.block] = made.reshape(-1, made.shape[-1])

    def _scatter(self, instruction: Scatter) -> None:
        rows, count = instruction.target.indices.shape
        places = places_in(self.read(instruction.chosen), count)
        slope = np.broadcast_to(self.read(instruction.slope), (rows, *places.shape))
        accumulated = self.values[instruction.block]
        for i, j, example in np.ndindex(slope.shape):
            place = instruction.target.indices[i, places[j, example]]
            accumulated[place, 0] += slope[i, j, example]

    def _loop(self, loop: Loop, watch: Watch | None) -> None:
        state, steps = self.read(loop.start), list(range(loop.steps))
        states, kept = [state], {block: [] for _, block in loop.kept}  # type: ignore[var-annotated]
        sums: dict[int, Any] = {}
        for step in reversed(steps) if loop.is_reversed else steps:
            inner = Interpreter(loop.body, [])
            inner.examples = self.examples
            inputs = [state, *[self.read(g.view)[step] if g.by_step else self.read(g.view)
                               for g in loop.given]]  # fmt: skip
            for i, numbers in enumerate(inputs):
                columns = self.examples if loop.body.blocks[i].kind == BATCHED else 1
                inner.values[i] = np.broadcast_to(numbers, (*numbers.shape[:-1], columns))
            inner.run(watch)
            state = inner.read(loop.next)
            states.append(state)
            for view, block in loop.kept:
                kept[block].append(inner.read(view))
            for view, block in loop.sums:
                sums[block] = sums.get(block, 0) + inner.read(view)
        for block, rows in kept.items():
            self._make(block, rows[::-1] if loop.is_reversed else rows)
        for block, total in sums.items():
            self._make(block, [total])
        self._make(loop.block, states)

    def _make(self, block: int, rows: list[Any]) -> None:
        columns = self.examples if self.program.blocks[block].kind == BATCHED else 1
        self.values[block] = np.concatenate(
            [np.broadcast_to(row, (*row.shape[:-1], columns)) for row in rows]
        )

    def _over_examples(self, result: Any) -> Any:
        if result.shape[-1] != self.examples:  # the same for every example
            result = np.broadcast_to(result, (*result.shape[:-1], self.examples))
        return result.sum(-1, keepdims=True)

    def _add(self, target: View, result: Any) -> None:
        columns = self.examples if self.program.kind(target) == BATCHED else 1
        accumulated = self.values[target.block]
        if accumulated.shape[1] != columns:
            accumulated = np.repeat(accumulated, columns, axis=1)
        shape = (*target.indices.shape, columns)
        np.add.at(accumulated, target.indices, np.broadcast_to(result, shape))
        self.values[target.block] = accumulated


def places_in(index: Any, count: int) -> Any:
    """Whole numbers as places in a table of so many columns.

    Raises:
        ValueError: if one of them is no such place.
    """
    with np.errstate(invalid="ignore"):
        places = index.astype(np.int64)
    if places.size and ((places != index).any() or places.min() < 0 or places.max() >= count):
        bad = index[(places != index) | (places < 0) | (places >= count)].flat[0]
        raise ValueError(f"an index must be a whole number from 0 to {count - 1}, got {bad!r}")
    return places


def goes_wrong(program: VectorProgram, inputs: Sequence[Any], dtype: Any) -> bool:
    """Whether an instruction gives a number that is not finite where its operands are.

    Of a sum that has no value, it is not asked which of its terms were not finite.
    """
    found = False

    def watch(instruction: Instruction, operands: Sequence[Any], result: Any) -> None:
        nonlocal found
        is_bad = ~np.isfinite(result)
        if not is_bad.any() or isinstance(instruction, Pack):
            return
        if isinstance(instruction, Elementwise) and not instruction.sums:
            for operand in operands:
                finite = np.isfinite(operand)
                is_bad = is_bad & (finite.all(0) if finite.ndim > is_bad.ndim else finite)
        elif all(np.isfinite(operand).all() for operand in operands):
            found = True
        else:
            is_bad = np.isnan(result)
        found = found or bool(is_bad.any())

    with np.errstate(all="ignore"):
        typed = _typed(program, dtype)
        interpret_vectors(typed, inputs, watch)
    return found


def _typed(program: VectorProgram, dtype: Any) -> VectorProgram:
    """The forward program, with constants of one type."""
    return VectorProgram(
        program.constants.astype(dtype),
        program.blocks,
        program.inputs,
        program.instructions[: program.forward],
        program.outputs,
    )


def literal_or_view(program: VectorProgram, indices: Indices) -> Expression:
    """Constants: one number if they are all the same, NaN like NaN and 0 unlike -0."""
    numbers = program.constants[indices]
    first = numbers.flat[0]
    same = (numbers == first) & (np.signbit(numbers) == np.signbit(first))
    if same.all() or np.isnan(numbers).all():
        return Literal(float(first))
    return View(CONSTANTS, indices)


def with_inputs(
    program: VectorProgram, more: Sequence[Block], at: int | None = None
) -> VectorProgram:
    """The same program with more inputs, which it does not read, behind the others or there."""
    first, count = program.inputs if at is None else at, len(more)

    def block(number: int) -> int:
        return number if number < first else number + count

    def moved(formula: Any) -> Any:
        views = views_in([formula])
        return replaced(formula, {v: type(v)(block(v.block), v.indices) for v in views})

    def moved_instruction(instruction: Instruction) -> Instruction:
        if isinstance(instruction, Loop):
            return instruction._replace(
                start=moved(instruction.start),
                block=block(instruction.block),
                given=tuple([g._replace(view=moved(g.view)) for g in instruction.given]),
                kept=tuple([(view, block(number)) for view, number in instruction.kept]),
                sums=tuple([(view, block(number)) for view, number in instruction.sums]),
            )
        changed: dict[str, Any] = {
            name: (
                block(part)
                if name == "block"
                else moved(part)
                if isinstance(part, Expression)
                else tuple(map(moved, part))
                if name in ("views", "operands")
                else part
            )
            for name, part in instruction._asdict().items()
        }
        return instruction._replace(**changed)

    blocks = [
        own if own.gradient_of is None else own._replace(gradient_of=block(own.gradient_of))
        for own in program.blocks
    ]
    return replace(
        program,
        blocks=[*blocks[:first], *more, *blocks[first:]],
        inputs=program.inputs + count,
        instructions=list(map(moved_instruction, program.instructions)),
        outputs=moved(program.outputs),
        first_output=moved(program.first_output),
        gradients=tuple(map(block, program.gradients)),
    )
