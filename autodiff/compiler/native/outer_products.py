"""Outer products: matrices that are summed over the examples, as the gradients of weights.

A sum for each lane would take as many registers as the matrix has elements, and all of them again
at the end. Here one factor is turned round, so that the numbers of one example lie side by side,
and each example adds its products to the matrix itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from math import prod
from typing import NamedTuple

from autodiff.compiler.native.lanes import Accumulator, Lane
from autodiff.compiler.native.storage import Storage
from autodiff.compiler.native.strips import Counter, Counters, Strip, strips
from autodiff.compiler.nests import Element, Nest
from autodiff.compiler.program import BATCHED
from autodiff.expressions import Call

FEWEST_PRODUCTS = 128
"""In a matrix, so that it is worth to turn a factor round."""
TILE = 4
"""Rows that are computed at once, so that no sum waits for the one before."""


class Turned(NamedTuple):
    """Numbers one example after the other: where, the element, and how many an example has."""

    base: str
    element: Element
    size: int


class OuterProducts:
    """Writes sums of outer products into a function."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.function = storage.function

    def factors(self, one: Nest) -> tuple[Element, Element] | None:
        """Both factors if it adds up large outer products of the examples, as for weights.

        There the elements of one factor lie side by side, example by example; it costs less to turn
        it round than to have a sum for each lane.
        """
        formula, j = one.formula, len(one.kept) - 1
        is_large = prod(one.kept) >= FEWEST_PRODUCTS and one.kept[-1:] >= (self.storage.width,)
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
        is_batched = block >= 0 and self.storage.lowering.blocks[block].kind == BATCHED
        return is_batched and block not in self.storage.alone

    def write(self, one: Nest, left: Element, right: Element) -> None:
        """Add left · right of each example, a register of elements of the right one at a time."""
        f = self.function
        weights, turned = self._masked(left.block), self._turned(right)
        with ExitStack() as loops:
            counters: Counters = ()
            for size in one.kept[:-2]:
                counters += (Counter(loops.enter_context(f.loop(size)), 0),)
            rows = list(strips(one.kept[-2], 1, TILE)) if len(one.kept) > 1 else [Strip(0, 1, ())]
            for strip in rows:
                with ExitStack() as inner:
                    text = strip.counter(f, inner, "i")
                    own: list[Counters] = [
                        (Counter(text, strip.start + k),) for k in range(len(strip.widths))
                    ]
                    for columns in strips(one.kept[-1], self.storage.width, 2):
                        with ExitStack() as innermost:
                            j, offset = columns.counter(f, innermost, "j"), columns.start
                            positions = []
                            for w in columns.widths:
                                place = Counter(j, offset)
                                positions += [((*counters, *row, place), w) for row in own or [()]]
                                offset += w
                            self._add_products(one, left, positions, weights, turned)

    def _add_products(
        self,
        one: Nest,
        left: Element,
        positions: Sequence[tuple[Counters, int]],
        weights: str,
        turned: Turned,
    ) -> None:
        """Add the products of all examples at some positions, each in so many lanes."""
        f, storage, element = self.function, self.storage, self.storage.one.type
        base, totals = storage.base(one.target.block), []
        for counters, w in positions:
            place, m = storage.pointer(element, base, one.target, counters), storage.lanes(w)
            before = m.number(f"load {m.type}, ptr {place}{storage.align}")
            totals.append((Accumulator(m, first=before), place))
        with ExitStack() as loops:
            lane = loops.enter_context(f.loop(storage.width, "lane"))
            combined: Counters = ()
            for size in one.sizes[len(one.kept) :]:
                combined += (Counter(loops.enter_context(f.loop(size, "k")), 0),)
            row = f.named(f"mul i64 {lane}, {turned.size}")
            for (counters, _), (total, _) in zip(positions, totals, strict=True):
                m, here = total.m, (*counters, *combined)
                of_left = storage.pointer(storage.full.type, weights, left, here)
                place = f.named(f"getelementptr {element}, ptr {of_left}, i64 {lane}")
                weight = storage.spread(storage.one.number(f"load {element}, ptr {place}"), m)
                of_right = storage.pointer(element, turned.base, turned.element, here)
                place = f.named(f"getelementptr {element}, ptr {of_right}, i64 {row}")
                total.take_product(weight, m.number(f"load {m.type}, ptr {place}{storage.align}"))
        for total, place in totals:
            storage.put(total.m, place, total.value(), False)

    def _masked(self, block: int) -> str:
        """A copy of a block in which the lanes without an example are 0."""
        f, m, storage = self.function, self.storage.full, self.storage
        size, base = storage.lowering.blocks[block].size, storage.base(block)
        room = storage.reserve(("masked", block), size * storage.width)
        with f.loop(size) as i:
            place = f.named(f"getelementptr {m.type}, ptr {base}, i64 {i}")
            kept = storage.of_examples(m.number(f"load {m.type}, ptr {place}"))
            place = f.named(f"getelementptr {m.type}, ptr {room}, i64 {i}")
            storage.put(m, place, kept, False)
        return room

    def _turned(self, element: Element) -> Turned:
        """The numbers of an element, one example after the other."""
        f, m, storage = self.function, self.storage.full, self.storage
        size = storage.lowering.blocks[element.block].size
        if element.block in storage.rows_of:
            return Turned(storage.rows_of[element.block], element, size)
        room = storage.reserve(("turned", element.block), size * storage.width)
        base, one = storage.base(element.block), storage.one.type
        for strip in strips(size, storage.width, 1):
            with ExitStack() as loops:
                text, offset = strip.counter(f, loops, "s"), strip.start
                for w in strip.widths:
                    lanes = []
                    for k in range(w):
                        place = storage.place(m.type, base, (text, offset + k))
                        lanes.append(f.named(f"load {m.type}, ptr {place}"))
                    for example, row in enumerate(self._transposed(lanes)):
                        place = storage.place(one, room, (text, offset + example * size))
                        storage.put(storage.lanes(w), place, row, False)
                    offset += w
        return Turned(room, element, size)

    def _transposed(self, registers: Sequence[str]) -> list[Lane]:
        """As many rows as there are lanes, each of as many numbers as there are registers."""
        m, count = self.storage.full, len(registers)
        if count == m.width:
            return [Lane(m, text) for text in self._turned_round(registers)]
        rows = []
        for lane in range(m.width):
            numbers = [
                self.storage.one.number(f"extractelement {m.type} {register}, i32 {lane}")
                for register in registers
            ]
            rows.append(self.storage.lanes(count).of(numbers))
        return rows

    def _turned_round(self, registers: Sequence[str]) -> list[str]:
        """A square of numbers, transposed.

        Neighbours of pairs of registers change places, then pairs of neighbours, then halves.
        """
        f, m, width, distance = self.function, self.storage.full, self.storage.width, 1
        found = list(registers)
        while distance < width:
            low = [k if not k & distance else width + k - distance for k in range(width)]
            high = [k + distance if not k & distance else width + k for k in range(width)]
            for i in range(width):
                if i & distance:
                    continue
                a, b = found[i], found[i + distance]
                for at, order in ((i, low), (i + distance, high)):
                    mask = ", ".join(f"i32 {k}" for k in order)
                    found[at] = f.named(
                        f"shufflevector {m.type} {a}, {m.type} {b}, <{width} x i32> <{mask}>"
                    )
            distance *= 2
        return found
