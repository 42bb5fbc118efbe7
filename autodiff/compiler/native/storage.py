"""Storage: where the numbers of a program are, in registers or in memory, and how they are read.

A block is an argument, or lies in the memory of a call; numbers that stand alone are in registers.
Of a batched block there is one number for each lane.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

import numpy as np

from autodiff.compiler.native.lanes import Lane, Lanes
from autodiff.compiler.native.llvm import Format, Function
from autodiff.compiler.native.strips import Counters
from autodiff.compiler.nests import Element, Lowering
from autodiff.compiler.program import BATCHED
from autodiff.compiler.vectors import CONSTANTS

BYTES = 64
"""Of the numbers that are computed together; processors with smaller registers take several."""


class Position(NamedTuple):
    """The place where a nest is evaluated, in lanes that lie along an axis or are examples."""

    counters: Counters
    m: Lanes
    axis: int | None = None


class Storage:
    """The places of blocks while a function is written.

    Attributes:
        function: where lines are added.
        lowering: has the blocks and the constants.
        width: how many lanes a register has.
        one, full: the namespaces of one lane, and of a register.
        values: blocks of one number, in registers.
        alone: the blocks that are kept there.
        bases: pointers to the numbers of blocks.
        in_lanes: blocks that have a number for each lane.
        is_each: whether lanes are examples now.
        is_step: whether a step of a recurrence is written now.
        mask: which of them hold an example.
        rows_of: pointers to the arguments of a group of examples, one example after the other.
    """

    def __init__(self, function: Function, lowering: Lowering, format: Format) -> None:
        self.function = function
        self.lowering = lowering
        self.format = format
        self.width = BYTES * 8 // format.bits
        self.one, self.full = Lanes(function, format, 1), Lanes(function, format, self.width)
        self.align = f", align {format.bits // 8}"
        self.values: dict[int, Lane] = {}
        self.alone: set[int] = set()
        self.bases: dict[int, str] = {}
        self.in_lanes: set[int] = set()
        self.memory = Workspace(format.bits // 8)
        self.is_each = False
        self.is_step = False
        self.mask = ""
        self.rows_of: dict[int, str] = {}

    def lanes(self, width: int) -> Lanes:
        """The namespace of so many lanes."""
        return Lanes(self.function, self.format, width)

    @property
    def own(self) -> Lanes:
        """The namespace of what stands alone: one lane, or one for each example."""
        return self.full if self.is_each else self.one

    def base(self, block: int) -> str:
        """The pointer to the numbers of a block, which gets memory now if it has none."""
        if block not in self.bases:
            own = self.lowering.blocks[block]
            is_lanes = own.kind == BATCHED
            if is_lanes:
                self.in_lanes.add(block)
            self.bases[block] = self.reserve(block, own.size * (self.width if is_lanes else 1))
        return self.bases[block]

    def reserve(self, owner: Any, numbers: int) -> str:
        """The pointer to memory for so many numbers."""
        start = self.memory.take(owner, numbers)
        return self.function.at_start(f"getelementptr i8, ptr %work, i64 {start}")

    def release(self, block: int) -> None:
        """Give back what a block has, which nobody needs any more."""
        if self.memory.give_back(block):
            del self.bases[block]
            self.in_lanes.discard(block)
        self.values.pop(block, None)

    def index(self, element: Element, counters: Counters, along: int = 0) -> tuple[str, int]:
        """Return an element's offset: the part known at run time alone, and the rest."""
        f, offset, terms = self.function, element.start, []
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
        name = self.function.module.table(element.table.astype(np.int32), self.format)
        place = f.named(f"getelementptr i32, ptr {name}, i64 {total}")
        if offset:
            place = f.named(f"getelementptr i32, ptr {place}, i64 {offset}")
        return f.named(f"zext i32 {f.named(f'load i32, ptr {place}')} to i64"), 0

    def place(self, type: str, base: str, index: tuple[str, int]) -> str:
        """The pointer to a number."""
        text, offset = index
        place = (
            self.function.named(f"getelementptr {type}, ptr {base}, i64 {text}") if text else base
        )
        if offset:
            place = self.function.named(f"getelementptr {type}, ptr {place}, i64 {offset}")
        return place

    def pointer(
        self, type: str, base: str, element: Element, counters: Counters, along: int = 0
    ) -> str:
        """The pointer to an element, so many further on."""
        return self.place(type, base, self.index(element, counters, along))

    def of_examples(self, lane: Lane) -> Lane:
        """Numbers, but 0 in lanes that hold no example."""
        m = lane.m
        return m.number(
            f"select {m.truth} {self.mask}, {m.type} {lane.text}, {m.type} {m.lane(0.0).text}"
        )

    def loaded(self, element: Element, position: Position) -> Any:
        """The numbers of an element, in the lanes of a position."""
        m, counters = position.m, position.counters
        if element.block == CONSTANTS:
            return self._constant(element, position)
        if element.block in self.values:
            return self.spread(self.values[element.block], m)
        base = self.base(element.block)
        if element.block in self.in_lanes:
            place = self.pointer(m.type, base, element, counters)
            return m.number(f"load {m.type}, ptr {place}")
        return self._gathered(element, base, position)

    def _constant(self, element: Element, position: Position) -> Any:
        numbers = np.array(self.lowering.constants)
        if not any(element.strides):
            at = element.start if element.table is None else int(element.table[element.start])
            return float(numbers[at])
        if element.table is not None:
            used = numbers[element.table]
            element = Element(CONSTANTS, element.start, element.strides)
        else:
            used = numbers
        return self._gathered(element, self.function.module.table(used, self.format), position)

    def _gathered(self, element: Element, base: str, position: Position) -> Lane:
        """Numbers from memory, side by side or not."""
        m, counters, one = position.m, position.counters, self.one.type
        stride = 0 if position.axis is None else element.strides[position.axis]
        if m.width == 1:
            place = self.pointer(one, base, element, counters)
            return m.number(f"load {one}, ptr {place}")
        if self.is_each or stride == 0:
            place = self.pointer(one, base, element, counters)
            return self.spread(self.one.number(f"load {one}, ptr {place}"), m)
        if stride == 1 and element.table is None:
            place = self.pointer(one, base, element, counters)
            return m.number(f"load {m.type}, ptr {place}{self.align}")
        if self.are_at_once(element, position):
            return m.gathered(self.pointers(base, element, position))
        places = [
            self.pointer(one, base, element, counters, lane * stride) for lane in range(m.width)
        ]
        return m.of([self.one.number(f"load {one}, ptr {place}") for place in places])

    def are_at_once(self, element: Element, position: Position) -> bool:
        """Whether numbers apart are read or written by one instruction.

        That is shorter than one for each, and takes a few percent longer to run; so not in the
        steps of a loop.
        """
        return not self.is_step and element.is_even_along(position.axis)

    def pointers(self, base: str, element: Element, position: Position) -> str:
        """The pointers to an element that is even along the lanes of a position."""
        f, m, one = self.function, position.m, self.one.type
        wide = m.vector("i64")
        if element.table is None:
            first = self.pointer(one, base, element, position.counters)
            assert position.axis is not None
            stride = element.strides[position.axis]
            steps = ", ".join(f"i64 {lane * stride}" for lane in range(m.width))
            return f.named(f"getelementptr {one}, ptr {first}, {wide} <{steps}>")
        name = f.module.table(element.table.astype(np.int32), self.format)
        in_table = Element(element.block, element.start, element.strides)
        place = self.pointer("i32", name, in_table, position.counters)
        narrow = m.vector("i32")
        steps = f.named(
            f"zext {narrow} {f.named(f'load {narrow}, ptr {place}, align 4')} to {wide}"
        )
        return f.named(f"getelementptr {one}, ptr {base}, {wide} {steps}")

    def spread(self, lane: Lane, m: Lanes) -> Lane:
        """A number in all lanes."""
        if lane.m.width == m.width:
            return lane
        f = self.function
        first = f.named(f"insertelement {m.type} poison, {lane.m.type} {lane.text}, i32 0")
        return m.number(
            f"shufflevector {m.type} {first}, {m.type} poison, <{m.width} x i32> zeroinitializer"
        )

    def put(self, m: Lanes, place: str, value: Lane, adds: bool) -> None:
        """Write numbers to memory, or add them to what is there."""
        if adds:
            value = m.number(f"load {m.type}, ptr {place}{self.align}") + value
        self.function.line(f"store {m.type} {value.text}, ptr {place}{self.align}")


class Workspace:
    """The places of blocks in the memory of a call; places that are given back are used again."""

    def __init__(self, bytes: int) -> None:
        self.bytes = bytes
        self.end = 0
        self._taken: dict[Any, tuple[int, int]] = {}
        self._free: dict[int, list[int]] = defaultdict(list)

    def take(self, owner: Any, numbers: int) -> int:
        """Reserve a place for so many numbers."""
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
