"""LLVM: a vector program as one function of machine instructions to be.

Where there are examples, as many as fit into a register lie side by side in its lanes; what they
share is computed before them, or after. Where there are none, the elements of a block lie side by
side. Numbers that stand alone are never written to memory.
"""

from __future__ import annotations

import functools
import itertools
import operator
import platform
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import prod
from typing import Any, NamedTuple

import numpy as np

from autodiff.compiler.lanes import Lane, Lanes
from autodiff.compiler.llvm import Function, Module, format_of, literal
from autodiff.compiler.memory import memory_plan
from autodiff.compiler.nests import (
    Element,
    Lowering,
    Nest,
    StepLowering,
    elements_in,
    is_summed,
    nest,
    phases,
)
from autodiff.compiler.program import BATCHED
from autodiff.compiler.source import Names, Source, comment, identifier
from autodiff.compiler.vectors import (
    CONSTANTS,
    Instruction,
    Loop,
    VectorProgram,
    View,
    whole,
)
from autodiff.expressions import Call, Expression, Literal, evaluate, is_function

BYTES = 64
"""Of the numbers that are computed together; processors with smaller registers take several."""
X86 = platform.machine().lower() in ("x86_64", "amd64")
FLAGS = 13 if X86 else 7
"""The bits of an invalid operation, a division by zero and an overflow."""
FEWEST_PRODUCTS = 128
"""In a matrix that is summed over the examples, so that it is worth to turn a factor round."""
TILE = 4
"""How many sums are computed at once, so that none waits for the one before."""
FUNCTION, GATHERED = 20, 1.5
"""Instructions of a function, and of an element that is put into its lane by itself."""
STACK = 1 << 16
"""Bytes that a program may have on the stack."""


@dataclass
class LLVMSource(Source):
    """The text of a module whose function ``run`` takes the inputs and what it writes to.

    Attributes:
        inputs: for each input whether it is batched, and its size.
        output: whether the outputs are batched, and how many there are.
        gradients: for each gradient whether it is batched, and its size.
        library: the functions of the C library that it calls.
        has_undefined: see :class:`autodiff.compiler.llvm.Module`.
    """

    inputs: Sequence[tuple[bool, int]] = ()
    output: tuple[bool, int] = (False, 0)
    gradients: Sequence[tuple[bool, int]] = ()
    library: Sequence[str] = ()
    has_undefined: bool = False


def llvm_source(program: VectorProgram, dtype: Any) -> LLVMSource:
    """The text of a program in one precision."""
    return _Writer(program, dtype).run()


class _Counter(NamedTuple):
    """A counter of a loop, and a number that is added to it."""

    text: str
    offset: int


Counters = tuple[_Counter, ...]


class _Position(NamedTuple):
    """Where a nest is evaluated, in so many lanes, which lie along an axis or are examples."""

    counters: Counters
    m: Lanes
    axis: int | None = None


class _Turned(NamedTuple):
    """Numbers one example after the other: where, the element, and how many an example has."""

    base: str
    element: Element
    size: int


class _Strip(NamedTuple):
    """A part of an axis: a loop whose steps handle several pieces of so many lanes each."""

    start: int
    steps: int
    widths: tuple[int, ...]


def strips(size: int, width: int, tile: int) -> Iterator[_Strip]:
    """Parts of an axis: as many full ones as there are, then smaller ones by powers of two.

    >>> list(strips(21, 8, 1))
    [_Strip(start=0, steps=2, widths=(8,)), _Strip(start=16, steps=1, widths=(4, 1))]
    """
    start = 0
    steps = size // (width * tile)
    if steps:
        yield _Strip(0, steps, (width,) * tile)
        start = steps * width * tile
    rest = size - start
    widths = [width] * (rest // width)
    rest -= sum(widths)
    while rest:
        widths.append(1 << (rest.bit_length() - 1))
        rest -= widths[-1]
    if widths:
        yield _Strip(start, 1, tuple(widths))


class _Writer:
    def __init__(self, program: VectorProgram, dtype: Any) -> None:
        found = phases(program)
        order = [*found.before, *found.each, *found.after]
        self.forward = {i for i, at in enumerate(order) if at < program.forward}
        self.is_forward = False
        ends = [0, *itertools.accumulate(map(len, found[:3]))]
        self.phases = [range(*pair) for pair in itertools.pairwise(ends)]
        program = replace(program, instructions=[program.instructions[at] for at in order])
        self.program = program
        self.plan = memory_plan(program)
        self.lowering = Lowering(program, self.plan, found.started)
        self.module = Module()
        self.format = format_of(dtype)
        self.width = BYTES * 8 // self.format.bits
        self.f = Function(self.module, "")
        self.values: dict[int, Lane] = {}
        self.bases: dict[int, str] = {}
        self.in_lanes: set[int] = set()
        self.partial: dict[int, str] = {}
        self.rows_of: dict[int, str] = {}
        self.memory = _Memory(self.format.bits // 8)
        self.is_batched = any(block.kind == BATCHED for block in program.blocks)
        self.lanes = self.one = Lanes(self.f, self.format, 1)
        self.is_each = False
        self.mask = ""
        self.alone = self._alone()
        self.around: Counters = ()

    def run(self) -> LLVMSource:
        """The whole module."""
        program, f = self.program, self.f
        blocks = program.blocks
        is_batched_output = program.kind(program.outputs) == BATCHED
        fresh = Names(["out", "work", "n", "control"]).fresh
        own = [fresh(identifier(block.name, "")) for block in blocks[: program.inputs]]
        names = [f"%{name}" for name in own]
        of = [blocks[g].gradient_of for g in program.gradients]
        slopes = [f"%{fresh(f'd_{own[i] if i is not None else g}')}" for g, i in enumerate(of)]
        parameters = ", ".join(f"ptr noalias {name}" for name in [*names, "%out", *slopes])
        f.head = (
            f"internal void @program({parameters}, ptr noalias %work, i64 %n) noinline nounwind"
        )
        for i, name in enumerate(names):
            if blocks[i].kind != BATCHED:
                self.bases[i] = name
        for g, name in zip(program.gradients, slopes, strict=True):
            if blocks[g].kind != BATCHED:
                self.bases[g] = name
        self._run_phase(self.phases[0])
        if self.is_batched:
            self._examples(names, slopes, is_batched_output)
        self._run_phase(self.phases[2])
        if not is_batched_output:
            self._outputs("%out")
        f.line("ret void")
        self.module.functions["program"] = f.text()
        self._entry([*names, "%out", *slopes])
        library = [name for name in self.module.declarations if not name.startswith("llvm.")]
        return LLVMSource(
            self.module.text(),
            inputs=[(blocks[i].kind == BATCHED, blocks[i].size) for i in range(program.inputs)],
            output=(is_batched_output, program.outputs.indices.size),
            gradients=[(blocks[g].kind == BATCHED, blocks[g].size) for g in program.gradients],
            library=library,
            has_undefined=self.module.has_undefined or not np.isfinite(program.constants).all(),
        )

    def _entry(self, pointers: Sequence[str]) -> None:
        """The function that is called on arrays, which watches the processor's flags."""
        f, bytes_needed = Function(self.module, ""), self.memory.end + BYTES
        parameters = ", ".join(f"ptr {name}" for name in pointers)
        f.head = f"i32 @run({parameters}, i64 %n)"
        numbers = []
        for name in pointers:  # NumPy's PyArrayObject begins with Python's head, then this
            place = f.named(f"getelementptr i8, ptr {name}, i64 {object.__basicsize__}")
            numbers.append(f.named(f"load ptr, ptr {place}"))
        module = self.module
        if bytes_needed <= STACK:
            work = f.named(f"alloca [{bytes_needed} x i8], align {BYTES}", "work")
        else:
            module.declare("malloc", "ptr", "i64")
            module.declare("free", "void", "ptr")
            room = f.named(f"call ptr @malloc(i64 {bytes_needed})", "room")
            missing = f.named(f"icmp eq ptr {room}, null")
            with f.only_if(missing):
                f.line("ret i32 -1")
                f.begin("unreachable.block")
            at = f.named(f"ptrtoint ptr {room} to i64")
            up = f.named(f"and i64 {f.named(f'add i64 {at}, {BYTES - 1}')}, -{BYTES}")
            work = f.named(f"inttoptr i64 {up} to ptr", "work")
        self._clear_flags(f)
        given = ", ".join(f"ptr {name}" for name in [*numbers, work])
        f.line(f"call void @program({given}, i64 %n)")
        flags = self._flags(f)
        if bytes_needed > STACK:
            f.line(f"call void @free(ptr {room})")
        f.line(f"ret i32 {flags}")
        module.functions["run"] = f.text()

    def _clear_flags(self, f: Function) -> None:
        """Forget what the processor noticed before."""
        if X86:
            f.module.declare("llvm.x86.sse.stmxcsr", "void", "ptr")
            f.module.declare("llvm.x86.sse.ldmxcsr", "void", "ptr")
            f.line("%control = alloca i32")
            f.line("call void @llvm.x86.sse.stmxcsr(ptr %control)")
            cleared = f.named(f"and i32 {f.named('load i32, ptr %control')}, -64")
            f.line(f"store i32 {cleared}, ptr %control")
            f.line("call void @llvm.x86.sse.ldmxcsr(ptr %control)")
        else:
            f.module.declare("feclearexcept", "i32", "i32")
            f.line(f"call i32 @feclearexcept(i32 {FLAGS})")

    def _flags(self, f: Function) -> str:
        """What it noticed since: an invalid operation, a division by zero, an overflow."""
        if X86:
            f.line("call void @llvm.x86.sse.stmxcsr(ptr %control)")
            return f.named(f"and i32 {f.named('load i32, ptr %control')}, {FLAGS}")
        f.module.declare("fetestexcept", "i32", "i32")
        return f.named(f"call i32 @fetestexcept(i32 {FLAGS})")

    # ------------------------------------------------------------------------------- memory

    def _alone(self) -> set[int]:
        """Blocks of one number that no loop writes and no memory holds."""
        program = self.program
        phase_of: dict[int, set[int]] = defaultdict(set)
        for phase, positions in enumerate(self.phases):
            for at in positions:
                phase_of[program.instructions[at].block].add(phase)
        given = {*range(program.inputs), *program.gradients}
        summed = {i.block for i in program.instructions if is_summed(program, i)}
        return {
            block
            for block, found in phase_of.items()
            if program.blocks[block].size == 1
            and len(found) == 1
            and block not in given
            and block not in summed
        }

    def _base(self, block: int) -> str:
        """The pointer to the numbers of a block, which gets memory now if it has none."""
        if block not in self.bases:
            own = self.lowering.blocks[block]
            is_lanes = own.kind == BATCHED
            if is_lanes:
                self.in_lanes.add(block)
            start = self.memory.take(block, own.size * (self.width if is_lanes else 1))
            self.bases[block] = self._in_work(start)
        return self.bases[block]

    def _in_work(self, start: int) -> str:
        return self.f.at_start(f"getelementptr i8, ptr %work, i64 {start}")

    def _free(self, at: int, waiting: list[int]) -> None:
        for block in self.plan.frees[at]:
            if self.is_each and block not in self.in_lanes:
                waiting.append(block)
            else:
                self._release(block)

    def _release(self, block: int) -> None:
        if self.memory.give_back(block):
            del self.bases[block]
            self.in_lanes.discard(block)
        self.values.pop(block, None)

    # ------------------------------------------------------------------------------- phases

    def _run_phase(self, positions: Sequence[int]) -> None:
        waiting: list[int] = []
        for at in positions:
            self.is_forward = at in self.forward
            instruction = self.program.instructions[at]
            self._comment(self.program, instruction)
            if isinstance(instruction, Loop):
                self._loop(instruction)
            else:
                for one in self.lowering.nests(at):
                    self._nest(one)
            self._free(at, waiting)
        for block in waiting:
            self._release(block)

    def _comment(self, program: VectorProgram, instruction: Instruction) -> None:
        """Say what the next lines compute, by the name that it has in the function."""
        block = program.blocks[instruction.block]
        of = program.blocks[block.gradient_of] if block.gradient_of is not None else block
        name = "/".join(part for part in (of.scope, of.name) if part)
        if name:
            prefix = "the gradient of " if of is not block else ""
            self.f.line("; " + comment(prefix + name)[2:])

    def _loop(self, loop: Loop) -> None:
        """All steps of a recurrence."""
        step, is_forward = StepLowering(self.lowering, loop), self.is_forward
        blocks = self.lowering.blocks
        self.alone.update(n for n in step.numbers.values() if blocks[n].size == 1)
        size = loop.start.indices.size
        self._nest(nest(loop.start, (size,), whole(loop.block, size)))
        for view, block in loop.sums:
            size = view.indices.size
            self._nest(nest(Literal(0.0), (size,), whole(block, size)))
        with self.f.loop(loop.steps, "step") as number:
            self.around = (_Counter(number, 0),)
            for at in range(len(loop.body.instructions)):
                self.is_forward = is_forward and at < loop.body.forward
                self._comment(loop.body, loop.body.instructions[at])
                for one in step.nests(at):
                    self._nest(one)
            for one in step.ends():
                self._nest(one)
            self.around = ()
        for block in step.numbers.values():
            self._release(block)

    def _examples(self, names: list[str], slopes: list[str], is_batched_output: bool) -> None:
        """The loop over examples, in groups of as many as there are lanes."""
        program, f = self.program, self.f
        self._prepare_sums()
        some = f.named("icmp sgt i64 %n, 0")
        with f.only_if(some), f.loop("%n", "e", self.width) as e:
            self.is_each = True
            self.lanes = self._lanes(self.width)
            left = f.named(f"sub i64 %n, {e}")
            is_full = f.named(f"icmp uge i64 {left}, {self.width}")
            self._make_mask(left)
            for i, name in enumerate(names):
                if program.blocks[i].kind == BATCHED:
                    self._read_examples(i, name, e, left, is_full)
            self._run_phase(self.phases[1])
            if is_batched_output:
                self._write_examples(program.outputs, "%out", e, left, is_full)
            for g, name in zip(program.gradients, slopes, strict=True):
                block = program.blocks[g]
                if block.kind == BATCHED:
                    view = View(g, np.arange(block.size))
                    self._write_examples(view, name, e, left, is_full)
            self.is_each = False
        self.lanes = self.one
        self._finish_sums()

    def _make_mask(self, left: str) -> None:
        """Which lanes hold an example."""
        f, width = self.f, self.width
        vector = f"<{width} x i64>"
        first = f.named(f"insertelement {vector} poison, i64 {left}, i32 0")
        lefts = f.named(
            f"shufflevector {vector} {first}, {vector} poison, <{width} x i32> zeroinitializer"
        )
        numbers = ", ".join(f"i64 {lane}" for lane in range(width))
        self.mask = f.named(f"icmp slt {vector} <{numbers}>, {lefts}", "mask")

    def _prepare_sums(self) -> None:
        """Zeros for what is added up over the examples, in each lane, and where it goes then."""
        program = self.program
        made = {program.instructions[at].block for at in self.phases[0]}
        for at in self.phases[1]:
            block = program.instructions[at].block
            size = program.blocks[block].size
            if program.blocks[block].kind == BATCHED or not size:
                continue
            if block not in made:
                self._nest(nest(Literal(0.0), (size,), whole(block, size)))
                made.add(block)
            if block in self.partial or all(map(self._factors, self.lowering.nests(at))):
                continue
            start = self.memory.take(-2 - block, size * self.width)
            self.partial[block] = self._in_work(start)
            m = self._lanes(self.width)
            with self.f.loop(size) as i:
                place = self.f.named(f"getelementptr {m.type}, ptr {self.partial[block]}, i64 {i}")
                self.f.line(f"store {m.type} {m.lane(0.0).text}, ptr {place}")

    def _finish_sums(self) -> None:
        f, m = self.f, self._lanes(self.width)
        for block, sums in self.partial.items():
            base = self._base(block)
            with f.loop(self.program.blocks[block].size) as i:
                place = f.named(f"getelementptr {m.type}, ptr {sums}, i64 {i}")
                total = self._total(m.number(f"load {m.type}, ptr {place}"), "add")
                at = f.named(f"getelementptr {self.one.type}, ptr {base}, i64 {i}")
                before = self.one.number(f"load {self.one.type}, ptr {at}")
                f.line(f"store {self.one.type} {(before + total).text}, ptr {at}")
        for block in self.partial:
            self.memory.give_back(-2 - block)

    def _read_examples(self, block: int, name: str, e: str, left: str, is_full: str) -> None:
        """The numbers of a group of examples, one example in each lane."""
        f, size, width = self.f, self.program.blocks[block].size, self.width
        if size == 0:
            return
        base, one = self._base(block), self.one.type
        rows = self.rows_of[block] = self._rows(name, e, size, is_full)
        with f.only_if(f.named(f"xor i1 {is_full}, true")):  # the last one again and again
            last = f.named(f"sub i64 {left}, 1")
            self._copy_rows(
                rows,
                f.named(f"getelementptr {one}, ptr {name}, i64 {f.named(f'mul i64 {e}, {size}')}"),
                size,
                width,
                last,
            )
        lanes = Lanes(f, self.format, width)
        if size == 1:
            found = f.named(f"load {lanes.type}, ptr {rows}, align {self.format.bits // 8}")
            f.line(f"store {lanes.type} {found}, ptr {base}")
            return
        with f.loop(size, "s") as s:
            text = "poison"
            for lane in range(width):
                at = f.named(f"add i64 {s}, {lane * size}")
                place = f.named(f"getelementptr {one}, ptr {rows}, i64 {at}")
                number = f.named(f"load {one}, ptr {place}")
                text = f.named(f"insertelement {lanes.type} {text}, {one} {number}, i32 {lane}")
            place = f.named(f"getelementptr {lanes.type}, ptr {base}, i64 {s}")
            f.line(f"store {lanes.type} {text}, ptr {place}")

    def _rows(self, name: str, e: str, size: int, is_full: str) -> str:
        """The rows of a group of examples, or room for as many if they are not all there."""
        f = self.f
        start = self.memory.take(("rows", name), size * self.width)
        room = self._in_work(start)
        first = f.named(f"mul i64 {e}, {size}")
        own = f.named(f"getelementptr {self.one.type}, ptr {name}, i64 {first}")
        return f.named(f"select i1 {is_full}, ptr {own}, ptr {room}", "rows")

    def _copy_rows(self, to: str, source: str, size: int, count: int | str, last: str) -> None:
        f, one = self.f, self.one.type
        with f.loop(count, "l") as row:
            at = row
            if last:
                less = f.named(f"icmp ult i64 {row}, {last}")
                at = f.named(f"select i1 {less}, i64 {row}, i64 {last}")
            with f.loop(size, "s") as s:
                read = f.named(f"add i64 {f.named(f'mul i64 {at}, {size}')}, {s}")
                written = f.named(f"add i64 {f.named(f'mul i64 {row}, {size}')}, {s}")
                place = f.named(f"getelementptr {one}, ptr {source}, i64 {read}")
                number = f.named(f"load {one}, ptr {place}")
                place = f.named(f"getelementptr {one}, ptr {to}, i64 {written}")
                f.line(f"store {one} {number}, ptr {place}")

    def _write_examples(self, view: View, name: str, e: str, left: str, is_full: str) -> None:
        f, one, size = self.f, self.one.type, view.indices.size
        if size == 0:
            return
        rows = self._rows(name, e, size, is_full)
        if size == 1:
            element = Element(view.block, int(view.indices.flat[0]), ())
            value = self._loaded(element, _Position((), self.lanes))
            f.line(
                f"store {self.lanes.type} {value.text}, ptr {rows}, align {self.format.bits // 8}"
            )
        else:
            made = nest(view, (size,), whole(view.block, size))
            (element,) = elements_in(made.formula)
            with f.loop(size, "s") as s:
                value = self._loaded(element, _Position((_Counter(s, 0),), self.lanes))
                for lane in range(self.width):
                    number = f.named(f"extractelement {self.lanes.type} {value.text}, i32 {lane}")
                    at = f.named(f"add i64 {s}, {lane * size}")
                    place = f.named(f"getelementptr {one}, ptr {rows}, i64 {at}")
                    f.line(f"store {one} {number}, ptr {place}")
        with f.only_if(f.named(f"xor i1 {is_full}, true")):
            first = f.named(f"mul i64 {e}, {size}")
            to = f.named(f"getelementptr {one}, ptr {name}, i64 {first}")
            self._copy_rows(to, rows, size, left, "")

    def _outputs(self, to: str) -> None:
        view = self.program.outputs
        size = view.indices.size
        if size == 0:
            return
        self.bases[-2] = to
        self._nest(nest(view, (size,), whole(-2, size)))

    # -------------------------------------------------------------------------------- nests

    def _nest(self, one: Nest) -> None:
        """The loops of a nest, and what is in them."""
        if 0 in one.sizes:
            return
        factors = self._factors(one) if self.is_each else None
        if factors:
            self._outer_products(one, *factors)
            return
        axis = None if self.is_each else self._vector_axis(one)
        kept = len(one.kept)
        with ExitStack() as loops:
            counters = self.around[: one.outer]
            for size in one.kept[:-1]:
                counters += (_Counter(loops.enter_context(self.f.loop(size)), 0),)
            if not kept:
                self._evaluate(one, [_Position(counters, self.lanes)], axis)
                return
            is_vector = axis == kept - 1
            width = self.width if is_vector else 1
            for strip in strips(one.kept[-1], width, TILE if one.combined else 1):
                with ExitStack() as inner:
                    text = self._steps(inner, strip, "j")
                    positions, offset = [], strip.start
                    for w in strip.widths:
                        m = self._lanes(w) if is_vector else self.lanes
                        place = (*counters, _Counter(text, offset))
                        along = one.outer + axis if axis is not None and is_vector else None
                        positions.append(_Position(place, m, along))
                        offset += w
                    self._evaluate(one, positions, axis)

    # --------------------------------------------------------- matrices summed over examples

    def _factors(self, one: Nest) -> tuple[Element, Element] | None:
        """Both factors if it adds up large outer products of the examples, as for weights.

        There the elements of one factor lie side by side, example by example; it costs less to turn
        it round than to have a sum for each lane.
        """
        formula, j = one.formula, len(one.kept) - 1
        is_large = prod(one.kept) >= FEWEST_PRODUCTS and one.kept[-1:] >= (self.width,)
        if not (one.over_examples and is_large and isinstance(formula, Call)):
            return None
        if formula.function != "multiply" or one.target.table is not None:
            return None
        a, b = formula.operands
        for left, right in ((a, b), (b, a)):
            if (
                isinstance(left, Element)
                and isinstance(right, Element)
                and all(self._is_in_memory_by_lanes(own.block) for own in (left, right))
                and right.table is None
                and (left.strides[j], right.strides[j], one.target.strides[j]) == (0, 1, 1)
            ):
                return left, right
        return None

    def _is_in_memory_by_lanes(self, block: int) -> bool:
        is_batched = block >= 0 and self.lowering.blocks[block].kind == BATCHED
        return is_batched and block not in self.alone

    def _outer_products(self, one: Nest, left: Element, right: Element) -> None:
        """Add left · right of each example, a register of elements of the right one at a time."""
        f = self.f
        weights, turned = self._masked(left.block), self._turned(right)
        with ExitStack() as loops:
            counters: Counters = ()
            for size in one.kept[:-2]:
                counters += (_Counter(loops.enter_context(f.loop(size)), 0),)
            rows = list(strips(one.kept[-2], 1, TILE)) if len(one.kept) > 1 else [_Strip(0, 1, ())]
            for strip in rows:
                with ExitStack() as inner:
                    text = self._steps(inner, strip, "i")
                    own: list[Counters] = [
                        (_Counter(text, strip.start + k),) for k in range(len(strip.widths))
                    ]
                    for columns in strips(one.kept[-1], self.width, 2):
                        with ExitStack() as innermost:
                            j, offset = self._steps(innermost, columns, "j"), columns.start
                            positions = []
                            for w in columns.widths:
                                place = _Counter(j, offset)
                                positions += [((*counters, *row, place), w) for row in own or [()]]
                                offset += w
                            self._add_products(one, left, positions, weights, turned)

    def _add_products(
        self,
        one: Nest,
        left: Element,
        positions: Sequence[tuple[Counters, int]],
        weights: str,
        turned: _Turned,
    ) -> None:
        f, base, element = self.f, self._base(one.target.block), self.one.type
        totals = []
        for counters, w in positions:
            place = self._place(element, base, self._index(one.target, counters))
            m = self._lanes(w)
            before = m.number(f"load {m.type}, ptr {place}, align {self.format.bits // 8}")
            totals.append((_Total(m, "add", before), place))
        with ExitStack() as loops:
            lane = loops.enter_context(f.loop(self.width, "lane"))
            combined: Counters = ()
            for size in one.sizes[len(one.kept) :]:
                combined += (_Counter(loops.enter_context(f.loop(size, "k")), 0),)
            for (counters, w), (total, _) in zip(positions, totals, strict=True):
                m, all_counters = self._lanes(w), (*counters, *combined)
                at = self._place(self._lanes(self.width).type, weights,
                                 self._index(left, all_counters))  # fmt: skip
                place = f.named(f"getelementptr {element}, ptr {at}, i64 {lane}")
                weight = self._spread(self.one.number(f"load {element}, ptr {place}"), m)
                place = self._place(element, turned.base, self._index(turned.element, all_counters))
                place = self._place(element, place, (f.named(f"mul i64 {lane}, {turned.size}"), 0))
                number = m.number(f"load {m.type}, ptr {place}, align {self.format.bits // 8}")
                total.put(m.fma(weight, number, total.value()))
        for total, place in totals:
            align = f", align {self.format.bits // 8}"
            f.line(f"store {total.m.type} {total.value().text}, ptr {place}{align}")

    def _masked(self, block: int) -> str:
        """A copy of a block in which the lanes without an example are 0."""
        f, m = self.f, self._lanes(self.width)
        size = self.lowering.blocks[block].size
        room = self._in_work(self.memory.take(("masked", block), size * self.width))
        base = self._base(block)
        with f.loop(size) as i:
            place = f.named(f"getelementptr {m.type}, ptr {base}, i64 {i}")
            number = f.named(f"load {m.type}, ptr {place}")
            kept = f"select {m.truth} {self.mask}, {m.type} {number}, {m.type} {m.lane(0.0).text}"
            place = f.named(f"getelementptr {m.type}, ptr {room}, i64 {i}")
            f.line(f"store {m.type} {f.named(kept)}, ptr {place}")
        return room

    def _turned(self, element: Element) -> _Turned:
        """The numbers of an element, one example after the other."""
        if element.block in self.rows_of:
            return _Turned(
                self.rows_of[element.block], element, self.lowering.blocks[element.block].size
            )
        f, m, size = self.f, self._lanes(self.width), self.lowering.blocks[element.block].size
        room = self._in_work(self.memory.take(("turned", element.block), size * self.width))
        base, number = self._base(element.block), self.one.type
        for strip in strips(size, self.width, 1):
            with ExitStack() as loops:
                text, offset = self._steps(loops, strip, "s"), strip.start
                for w in strip.widths:
                    lanes = []
                    for k in range(w):
                        place = self._place(m.type, base, (text, offset + k))
                        lanes.append(f.named(f"load {m.type}, ptr {place}"))
                    for example, row in enumerate(self._transposed(lanes)):
                        place = self._place(number, room, (text, offset + example * size))
                        f.line(f"store {self._lanes(w).type} {row}, ptr {place}, "
                               f"align {self.format.bits // 8}")  # fmt: skip
                    offset += w
        return _Turned(room, element, size)

    def _transposed(self, lanes: Sequence[str]) -> list[str]:
        """As many rows as there are lanes, each of as many numbers as there were registers.

        Halves of pairs of registers change places, then halves of halves.
        """
        f, count, width = self.f, len(lanes), self.width
        if count < width:
            rows = []
            for lane in range(width):
                text, own = "poison", self._lanes(count)
                for k, register in enumerate(lanes):
                    wide = self._lanes(width).type
                    number = f.named(f"extractelement {wide} {register}, i32 {lane}")
                    if count == 1:
                        text = number
                        break
                    text = f.named(
                        f"insertelement {own.type} {text}, {self.one.type} {number}, i32 {k}"
                    )
                rows.append(text)
            return rows
        registers, type = list(lanes), self._lanes(width).type
        distance = 1
        while distance < width:
            for i in range(width):
                if i & distance:
                    continue
                a, b = registers[i], registers[i + distance]
                low = [k if not k & distance else width + k - distance for k in range(width)]
                high = [k + distance if not k & distance else width + k for k in range(width)]
                for at, order in ((i, low), (i + distance, high)):
                    mask = ", ".join(f"i32 {k}" for k in order)
                    registers[at] = f.named(
                        f"shufflevector {type} {a}, {type} {b}, <{width} x i32> <{mask}>"
                    )
            distance *= 2
        return registers

    def _vector_axis(self, one: Nest) -> int | None:
        """The axis along which numbers lie side by side, or none, where it costs least."""
        elements, work = [*elements_in(one.formula), one.target], _work(one.formula)

        def cost(axis: int | None) -> float:
            """Instructions for each element: some for all lanes at once, and some for each."""
            if axis is None:
                return len(elements) + work
            width, at = min(self.width, one.sizes[axis]), one.outer + axis
            apart = sum(
                e.strides[at] != 0 and (e.strides[at] != 1 or e.table is not None) for e in elements
            )
            at_once = len(elements) - apart + work
            if axis >= len(one.kept):  # the lanes are combined in the end
                at_once += 8 / max(1, one.sizes[axis] // width)
            return at_once / width + GATHERED * apart

        axes = [a for a in (len(one.kept) - 1, len(one.sizes) - 1) if a >= 0]
        return min([*dict.fromkeys(axes), None], key=cost)

    def _evaluate(self, one: Nest, positions: list[_Position], axis: int | None) -> None:
        """The formula at some positions, combined if it is, and put where it belongs."""
        if not one.combined:
            for position in positions:
                self._store(one, position, self._formula(one, position))
            return
        f, sizes = self.f, one.sizes[len(one.kept) :]
        is_along = axis is not None and axis >= len(one.kept)
        on = None if axis is None else one.outer + axis
        pieces = list(strips(sizes[-1], self.width, 1)) if is_along else [_Strip(0, 1, (0,))]
        widths = dict.fromkeys(w for strip in pieces for w in strip.widths)
        totals = [
            {w: _Total(self._lanes(w) if w else p.m, one.combine) for w in widths}
            for p in positions
        ]
        with ExitStack() as loops:
            counters: Counters = ()
            for size in sizes[:-1] if is_along else sizes:
                counters += (_Counter(loops.enter_context(f.loop(size, "k")), 0),)
            for strip in pieces:
                with ExitStack() as inner:
                    text, offset = self._steps(inner, strip, "k"), strip.start
                    for w in strip.widths:
                        own = (_Counter(text, offset),) if is_along else ()
                        for total, p in zip(totals, positions, strict=True):
                            m, along = (self._lanes(w), on) if is_along else (p.m, p.axis)
                            place = _Position((*p.counters, *counters, *own), m, along)
                            total[w].take(self, one, place)
                        offset += w
        for total, p in zip(totals, positions, strict=True):
            results = [part.value() for part in total.values()]
            if is_along:
                results = [self._total(result, one.combine) for result in results]
            m = self.one if is_along else p.m
            both = operator.add if one.combine == "add" else m.maximum
            self._store(one, p._replace(m=m), functools.reduce(both, results))

    def _lanes(self, width: int) -> Lanes:
        return Lanes(self.f, self.format, width)

    def _steps(self, loops: ExitStack, strip: _Strip, base: str) -> str:
        """The counter of a strip's loop, if it needs one."""
        if strip.steps == 1:
            return ""
        step = sum(strip.widths)
        return loops.enter_context(self.f.loop(strip.steps * step, base, step))

    def _total(self, lane: Lane, combine: str) -> Lane:
        """What is in the lanes, combined to one number."""
        m = lane.m
        if m.width == 1:
            return lane
        if combine == "maximum":
            name = f"llvm.vector.reduce.fmaximum.{m.suffix}"
            self.module.declare(name, self.one.type, m.type)
            return self.one.number(f"call {self.one.type} @{name}({m.type} {lane.text})")
        name = f"llvm.vector.reduce.fadd.{m.suffix}"
        self.module.declare(name, self.one.type, self.one.type, m.type)
        zero = literal(-0.0, self.format)
        return self.one.number(
            f"call reassoc {self.one.type} @{name}({self.one.type} {zero}, {m.type} {lane.text})"
        )

    def _formula(self, one: Nest, position: _Position) -> Lane:
        """The value of a nest's formula."""
        numbers = {element: self._loaded(element, position) for element in elements_in(one.formula)}
        found = _evaluated(one.formula, numbers, position.m)
        return position.m.lane(found)

    # ------------------------------------------------------------------------------ elements

    def _index(self, element: Element, counters: Counters, along: int = 0) -> tuple[str, int]:
        """Where an element lies: the part that is known at run time alone, and the rest."""
        f, offset, terms = self.f, element.start, []
        for stride, counter in zip(element.strides, counters, strict=False):
            if stride:
                offset += stride * counter.offset
                if counter.text:
                    text = counter.text
                    terms.append(text if stride == 1 else f.named(f"mul i64 {text}, {stride}"))
        offset += along
        total = ""
        for term in terms:
            total = f.named(f"add i64 {total}, {term}") if total else term
        if element.table is None:
            return total, offset
        if not total:
            return "", int(element.table[offset])
        name = self.module.table(element.table.astype(np.int32), self.format)
        place = f.named(f"getelementptr i32, ptr {name}, i64 {total}")
        if offset:
            place = f.named(f"getelementptr i32, ptr {place}, i64 {offset}")
        return f.named(f"zext i32 {f.named(f'load i32, ptr {place}')} to i64"), 0

    def _place(self, type: str, base: str, index: tuple[str, int]) -> str:
        """The pointer to a number."""
        text, offset = index
        place = self.f.named(f"getelementptr {type}, ptr {base}, i64 {text}") if text else base
        if offset:
            place = self.f.named(f"getelementptr {type}, ptr {place}, i64 {offset}")
        return place

    def _loaded(self, element: Element, position: _Position) -> Any:
        """The numbers of an element, in the lanes of a position."""
        m, counters = position.m, position.counters
        if element.block == CONSTANTS:
            return self._constant(element, position)
        if element.block in self.values:
            return self._spread(self.values[element.block], m)
        base = self._base(element.block)
        if element.block in self.in_lanes:
            place = self._place(m.type, base, self._index(element, counters))
            return m.number(f"load {m.type}, ptr {place}")
        return self._gathered(element, base, position)

    def _constant(self, element: Element, position: _Position) -> Any:
        numbers = np.array(self.lowering.constants)
        if not any(element.strides):
            at = element.start if element.table is None else int(element.table[element.start])
            return float(numbers[at])
        if element.table is not None:
            used = numbers[element.table]
            element = Element(CONSTANTS, element.start, element.strides)
        else:
            used = numbers
        return self._gathered(element, self.module.table(used, self.format), position)

    def _gathered(self, element: Element, base: str, position: _Position) -> Lane:
        """Numbers from memory, side by side or not."""
        m, counters, f, one = position.m, position.counters, self.f, self.one.type
        stride = 0 if position.axis is None else element.strides[position.axis]
        if m.width == 1:
            place = self._place(one, base, self._index(element, counters))
            return m.number(f"load {one}, ptr {place}")
        if self.is_each or stride == 0:
            place = self._place(one, base, self._index(element, counters))
            return self._spread(self.one.number(f"load {one}, ptr {place}"), m)
        if stride == 1 and element.table is None:
            place = self._place(one, base, self._index(element, counters))
            return m.number(f"load {m.type}, ptr {place}, align {self.format.bits // 8}")
        text = "poison"
        for lane in range(m.width):
            place = self._place(one, base, self._index(element, counters, lane * stride))
            number = f.named(f"load {one}, ptr {place}")
            text = f.named(f"insertelement {m.type} {text}, {one} {number}, i32 {lane}")
        return Lane(m, text)

    def _spread(self, lane: Lane, m: Lanes) -> Lane:
        """A number in all lanes."""
        if lane.m.width == m.width:
            return lane
        f = self.f
        first = f.named(f"insertelement {m.type} poison, {lane.m.type} {lane.text}, i32 0")
        return m.number(
            f"shufflevector {m.type} {first}, {m.type} poison, <{m.width} x i32> zeroinitializer"
        )

    def _store(self, one: Nest, position: _Position, value: Lane) -> None:
        """Put or add a result where it belongs."""
        target, m, f = one.target, position.m, self.f
        if self.is_each and one.over_examples:
            base = self.partial[target.block]
            masked = (
                f"select {m.truth} {self.mask}, {m.type} {value.text}, {m.type} {m.lane(0.0).text}"
            )
            self._put(m, self._place(m.type, base, self._index(target, position.counters)),
                      Lane(m, f.named(masked)), True)  # fmt: skip
            return
        if target.block in self.alone:
            if one.adds and target.block in self.values:
                value = self.values[target.block] + value
            self.values[target.block] = value
            if self.is_forward:
                self._keep(value)
            return
        base = self._base(target.block)
        if target.block in self.in_lanes:
            place = self._place(m.type, base, self._index(target, position.counters))
            self._put(m, place, value, one.adds)
            return
        stride = 0 if position.axis is None else target.strides[position.axis]
        if m.width == 1 or (stride == 1 and target.table is None):
            place = self._place(self.one.type, base, self._index(target, position.counters))
            self._put(m, place, value, one.adds)
            return
        for lane in range(m.width):  # one after the other, since places may repeat
            number = f.named(f"extractelement {m.type} {value.text}, i32 {lane}")
            place = self._place(
                self.one.type, base, self._index(target, position.counters, lane * stride)
            )
            self._put(self.one, place, Lane(self.one, number), one.adds)

    def _keep(self, value: Lane) -> None:
        """Have a number computed although nobody may need it, for the processor's flags."""
        self.module.declare("llvm.fake.use", "void", "...")
        self.f.line(f"call void (...) @llvm.fake.use({value.m.type} {value.text})")

    def _put(self, m: Lanes, place: str, value: Lane, adds: bool) -> None:
        align = f", align {self.format.bits // 8}"
        if adds:
            value = m.number(f"load {m.type}, ptr {place}{align}") + value
        self.f.line(f"store {m.type} {value.text}, ptr {place}{align}")


def _evaluated(formula: Expression, numbers: dict[Any, Any], m: Lanes) -> Any:
    """The formula on lanes; what is of numbers alone follows IEEE 754, as all else does."""
    with np.errstate(all="ignore"):
        return evaluate(_with_floats(formula), numbers, m)


def _with_floats(formula: Expression) -> Expression:
    """The formula with NumPy's floats as its numbers, which may be divided by zero."""
    if isinstance(formula, Literal):
        return Literal(np.float64(formula.number))
    if isinstance(formula, Call):
        return Call(formula.function, tuple(map(_with_floats, formula.operands)))
    return formula


def _work(formula: Expression) -> float:
    """The instructions that a formula takes; a function takes many."""
    if not isinstance(formula, Call):
        return 0
    own = FUNCTION if is_function(formula) or formula.function == "power" else 1
    return own + sum(map(_work, formula.operands))


class _Total:
    """What is combined on the way, in memory that LLVM makes a register of."""

    def __init__(self, m: Lanes, combine: str, first: Lane | None = None) -> None:
        self.m = m
        self.combine = combine
        self.place = m.function.at_start(f"alloca {m.type}")
        if first is None:
            first = m.constant(0.0 if combine == "add" else -np.inf)
        m.function.line(f"store {m.type} {first.text}, ptr {self.place}")

    def take(self, writer: _Writer, one: Nest, position: _Position) -> None:
        """Combine it with one more value."""
        m, formula = position.m, one.formula
        before = self.value()
        is_product = getattr(formula, "function", "") == "multiply"
        if self.combine == "add" and is_product:
            left, right = [
                _evaluated(o, {e: writer._loaded(e, position) for e in elements_in(o)}, m)
                for o in formula.operands  # type: ignore[attr-defined]
            ]
            after = m.fma(left, right, before)
        else:
            value = writer._formula(one, position)
            after = before + value if self.combine == "add" else m.maximum(before, value)
        self.put(after)

    def put(self, value: Lane) -> None:
        """Have another value."""
        self.m.function.line(f"store {self.m.type} {value.text}, ptr {self.place}")

    def value(self) -> Lane:
        """What was combined so far."""
        return self.m.number(f"load {self.m.type}, ptr {self.place}")


class _Memory:
    """Where blocks lie in the memory of a call; what is given back is taken again."""

    def __init__(self, bytes: int) -> None:
        self.bytes = bytes
        self.end = 0
        self._taken: dict[Any, tuple[int, int]] = {}
        self._free: dict[int, list[int]] = defaultdict(list)

    def take(self, owner: Any, numbers: int) -> int:
        """Where so many numbers may lie."""
        size = -(-numbers * self.bytes // BYTES) * BYTES
        if owner in self._taken:
            return self._taken[owner][0]
        if self._free[size]:
            start = self._free[size].pop()
        else:
            start, self.end = self.end, self.end + size
        self._taken[owner] = start, size
        return start

    def give_back(self, owner: Any) -> bool:
        """Whether it had something."""
        if owner not in self._taken:
            return False
        start, size = self._taken.pop(owner)
        self._free[size].append(start)
        return True
