"""LLVM: a vector program as one function of machine instructions to be.

Where there are examples, as many as fit into a register lie side by side in its lanes; what they
share is computed before them, or after. Where there are none, the elements of a block lie side by
side. Numbers that stand alone are never written to memory.
"""

from __future__ import annotations

import itertools
import platform
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autodiff.compiler.memory import memory_plan
from autodiff.compiler.native.llvm import Function, Module, format_of
from autodiff.compiler.native.nest_writer import NestWriter
from autodiff.compiler.native.storage import BYTES, Position, Storage
from autodiff.compiler.native.strips import Counter
from autodiff.compiler.nests import (
    Element,
    Lowering,
    StepLowering,
    elements_in,
    is_summed,
    nest,
    phases,
)
from autodiff.compiler.program import BATCHED
from autodiff.compiler.source import Names, Source, comment, identifier
from autodiff.compiler.vectors import Instruction, Loop, VectorProgram, View, views_of, whole
from autodiff.expressions import Literal

X86 = platform.machine().lower() in ("x86_64", "amd64")
FLAGS = 13 if X86 else 7
"""The bits of an invalid operation, a division by zero and an overflow."""
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
        has_undefined: see :class:`autodiff.compiler.native.llvm.Module`.
        is_brief: whether most lines are run once at most in a call.
    """

    inputs: Sequence[tuple[bool, int]] = ()
    output: tuple[bool, int] = (False, 0)
    gradients: Sequence[tuple[bool, int]] = ()
    library: Sequence[str] = ()
    has_undefined: bool = False
    is_brief: bool = False


def llvm_source(program: VectorProgram, dtype: Any) -> LLVMSource:
    """The text of a program in one precision."""
    return _Writer(program, dtype).run()


def _blocks_read(program: VectorProgram, results: Sequence[View]) -> set[int]:
    """The blocks that instructions read, or results."""
    views = [view for instruction in program.instructions for view in views_of(instruction)]
    return {view.block for view in (*views, *results)}


class _Writer:
    def __init__(self, program: VectorProgram, dtype: Any) -> None:
        found = phases(program)
        order = [*found.before, *found.each, *found.after]
        ends = [0, *itertools.accumulate(map(len, found[:3]))]
        self.phases = [range(*pair) for pair in itertools.pairwise(ends)]
        program = replace(program, instructions=[program.instructions[at] for at in order])
        self.program = program
        self.forward = {i for i, at in enumerate(order) if at < program.forward}
        self.read = _blocks_read(program, [program.outputs]) | set(program.gradients)
        self.plan = memory_plan(program)
        self.lowering = Lowering(program, self.plan, found.started)
        self.module = Module()
        self.f = Function(self.module, "")
        self.storage = Storage(self.f, self.lowering, format_of(dtype))
        self.storage.alone = self._alone()
        self.nests = NestWriter(self.storage)
        self.is_batched = any(block.kind == BATCHED for block in program.blocks)

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
                self.storage.bases[i] = name
        for g, name in zip(program.gradients, slopes, strict=True):
            if blocks[g].kind != BATCHED:
                self.storage.bases[g] = name
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
            is_brief=not self.is_batched and self.nests.elements < len(f.lines),
        )

    def _entry(self, pointers: Sequence[str]) -> None:
        """The function that is called on arrays, which watches the processor's flags."""
        f, bytes_needed = Function(self.module, ""), self.storage.memory.end + BYTES
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
        """Read the flags: an invalid operation, a division by zero, an overflow."""
        if X86:
            f.line("call void @llvm.x86.sse.stmxcsr(ptr %control)")
            return f.named(f"and i32 {f.named('load i32, ptr %control')}, {FLAGS}")
        f.module.declare("fetestexcept", "i32", "i32")
        return f.named(f"call i32 @fetestexcept(i32 {FLAGS})")

    # ------------------------------------------------------------------------------- phases

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

    def _free(self, at: int, waiting: list[int]) -> None:
        for block in self.plan.frees[at]:
            if self.storage.is_each and block not in self.storage.in_lanes:
                waiting.append(block)
            else:
                self.storage.release(block)

    def _run_phase(self, positions: Sequence[int]) -> None:
        waiting: list[int] = []
        for at in positions:
            instruction = self.program.instructions[at]
            self.nests.is_forward = at in self.forward
            self.nests.is_unread = instruction.block not in self.read
            self._comment(self.program, instruction)
            if isinstance(instruction, Loop):
                self._loop(instruction)
            else:
                for one in self.lowering.nests(at):
                    self.nests.write(one)
            self._free(at, waiting)
        for block in waiting:
            self.storage.release(block)

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
        step, is_forward = StepLowering(self.lowering, loop), self.nests.is_forward
        blocks = self.lowering.blocks
        read = _blocks_read(loop.body, [loop.next, *[v for v, _ in (*loop.kept, *loop.sums)]])
        self.storage.alone.update(n for n in step.numbers.values() if blocks[n].size == 1)
        size = loop.start.indices.size
        self.nests.write(nest(loop.start, (size,), whole(loop.block, size)))
        for view, block in loop.sums:
            size = view.indices.size
            self.nests.write(nest(Literal(0.0), (size,), whole(block, size)))
        with self.f.loop(loop.steps, "step") as number:
            self.nests.around, self.nests.times = (Counter(number, 0),), loop.steps
            self.storage.is_step = True
            for at in range(len(loop.body.instructions)):
                self.nests.is_forward = is_forward and at < loop.body.forward
                self.nests.is_unread = loop.body.instructions[at].block not in read
                self._comment(loop.body, loop.body.instructions[at])
                for one in step.nests(at):
                    self.nests.write(one)
            for one in step.ends():
                self.nests.write(one)
            self.nests.around, self.nests.times = (), 1
            self.storage.is_step = False
        for block in step.numbers.values():
            self.storage.release(block)

    # ----------------------------------------------------------------------------- examples

    def _examples(self, names: list[str], slopes: list[str], is_batched_output: bool) -> None:
        """The loop over examples, in groups of as many as there are lanes."""
        program, f = self.program, self.f
        self._prepare_sums()
        some = f.named("icmp sgt i64 %n, 0")
        with f.only_if(some), f.loop("%n", "e", self.storage.width) as e:
            self.storage.is_each = True
            left = f.named(f"sub i64 %n, {e}")
            is_full = f.named(f"icmp uge i64 {left}, {self.storage.width}")
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
            self.storage.is_each = False
        self._finish_sums()

    def _make_mask(self, left: str) -> None:
        """Return a mask of the lanes that hold an example."""
        f, width = self.f, self.storage.width
        vector = f"<{width} x i64>"
        first = f.named(f"insertelement {vector} poison, i64 {left}, i32 0")
        lefts = f.named(
            f"shufflevector {vector} {first}, {vector} poison, <{width} x i32> zeroinitializer"
        )
        numbers = ", ".join(f"i64 {lane}" for lane in range(width))
        self.storage.mask = f.named(f"icmp slt {vector} <{numbers}>, {lefts}", "mask")

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
                self.nests.write(nest(Literal(0.0), (size,), whole(block, size)))
                made.add(block)
            if block in self.nests.sums or all(
                map(self.nests.outer_products.factors, self.lowering.nests(at))
            ):
                continue
            sums = self.storage.reserve(("sums", block), size * self.storage.width)
            self.nests.sums[block] = sums
            m = self.storage.full
            with self.f.loop(size) as i:
                place = self.f.named(f"getelementptr {m.type}, ptr {sums}, i64 {i}")
                self.f.line(f"store {m.type} {m.lane(0.0).text}, ptr {place}")

    def _finish_sums(self) -> None:
        f, m = self.f, self.storage.full
        for block, sums in self.nests.sums.items():
            base = self.storage.base(block)
            with f.loop(self.program.blocks[block].size) as i:
                place = f.named(f"getelementptr {m.type}, ptr {sums}, i64 {i}")
                total = self.storage.full.combined(m.number(f"load {m.type}, ptr {place}"), "add")
                at = f.named(f"getelementptr {self.storage.one.type}, ptr {base}, i64 {i}")
                before = self.storage.one.number(f"load {self.storage.one.type}, ptr {at}")
                f.line(f"store {self.storage.one.type} {(before + total).text}, ptr {at}")
        for block in self.nests.sums:
            self.storage.memory.give_back(("sums", block))

    def _read_examples(self, block: int, name: str, e: str, left: str, is_full: str) -> None:
        """The numbers of a group of examples, one example in each lane."""
        f, size, width = self.f, self.program.blocks[block].size, self.storage.width
        if size == 0:
            return
        base, one = self.storage.base(block), self.storage.one.type
        rows = self.storage.rows_of[block] = self._rows(name, e, size, is_full)
        with f.only_if(f.named(f"xor i1 {is_full}, true")):  # the last one again and again
            last = f.named(f"sub i64 {left}, 1")
            self._copy_rows(rows, self._row(name, e, size), size, width, last)
        lanes = self.storage.full
        if size == 1:
            found = f.named(f"load {lanes.type}, ptr {rows}{self.storage.align}")
            f.line(f"store {lanes.type} {found}, ptr {base}")
            return
        with f.loop(size, "s") as s:
            places = [self.storage.place(one, rows, (s, lane * size)) for lane in range(width)]
            numbers = [self.storage.one.number(f"load {one}, ptr {place}") for place in places]
            place = self.storage.place(lanes.type, base, (s, 0))
            f.line(f"store {lanes.type} {lanes.of(numbers).text}, ptr {place}")

    def _rows(self, name: str, e: str, size: int, is_full: str) -> str:
        """The rows of a group of examples, or room for as many if they are not all there."""
        room = self.storage.reserve(("rows", name), size * self.storage.width)
        own = self._row(name, e, size)
        return self.f.named(f"select i1 {is_full}, ptr {own}, ptr {room}", "rows")

    def _row(self, name: str, e: str, size: int) -> str:
        """The pointer to the numbers of an example, of as many for each."""
        first = self.f.named(f"mul i64 {e}, {size}")
        return self.storage.place(self.storage.one.type, name, (first, 0))

    def _copy_rows(self, to: str, source: str, size: int, count: int | str, last: str) -> None:
        f, one = self.f, self.storage.one.type
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
        f, one, size = self.f, self.storage.one.type, view.indices.size
        if size == 0:
            return
        rows = self._rows(name, e, size, is_full)
        if size == 1:
            element = Element(view.block, int(view.indices.flat[0]), ())
            value = self.storage.loaded(element, Position((), self.storage.full))
            f.line(f"store {self.storage.full.type} {value.text}, ptr {rows}{self.storage.align}")
        else:
            made = nest(view, (size,), whole(view.block, size))
            (element,) = elements_in(made.formula)
            with f.loop(size, "s") as s:
                value = self.storage.loaded(element, Position((Counter(s, 0),), self.storage.full))
                for lane in range(self.storage.width):
                    number = f.named(f"extractelement {value.m.type} {value.text}, i32 {lane}")
                    place = self.storage.place(one, rows, (s, lane * size))
                    f.line(f"store {one} {number}, ptr {place}")
        with f.only_if(f.named(f"xor i1 {is_full}, true")):
            self._copy_rows(self._row(name, e, size), rows, size, left, "")

    def _outputs(self, to: str) -> None:
        view = self.program.outputs
        size = view.indices.size
        if size == 0:
            return
        self.storage.bases[-2] = to
        self.nests.write(nest(view, (size,), whole(-2, size)))
