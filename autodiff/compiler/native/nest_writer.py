"""Nest writer: the loops of an instruction, as LLVM has them.

Numbers are computed side by side along one axis, or for all examples of a group; sums stay in
registers until they are complete.
"""

from __future__ import annotations

import functools
import operator
from contextlib import ExitStack
from math import prod
from typing import Any

import numpy as np

from autodiff.compiler.native.lanes import Accumulator, Lane, Lanes
from autodiff.compiler.native.outer_products import TILE, OuterProducts
from autodiff.compiler.native.storage import Position, Storage
from autodiff.compiler.native.strips import Counter, Counters, Strip, strips
from autodiff.compiler.nests import Nest, elements_in
from autodiff.expressions import Call, Expression, Literal, evaluate, is_function

FUNCTION, GATHERED = 20, 1.5
"""Instructions of a function, and of an element that is put into its lane by itself."""


class NestWriter:
    """Writes the loops of nests into a function.

    Attributes:
        around: the counters of loops around all of them.
        times: how often these loops run.
        elements: how many elements have been written down so far, each as often as it is computed.
        sums: pointers to what is added up over the examples, in each lane.
        is_forward: whether what is computed belongs to the outputs.
        is_unread: whether nobody reads it, so that it is wanted for the flags alone.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.function = storage.function
        self.outer_products = OuterProducts(storage)
        self.around: Counters = ()
        self.times = 1
        self.elements = 0
        self.sums: dict[int, str] = {}
        self.is_forward = self.is_unread = False

    def write(self, one: Nest) -> None:
        """The loops of a nest, and what is in them."""
        self.elements += prod(one.sizes) * self.times
        if 0 in one.sizes:
            return
        factors = self.outer_products.factors(one) if self.storage.is_each else None
        if factors:
            self.outer_products.write(one, *factors)
            return
        axis = None if self.storage.is_each else self._vector_axis(one)
        kept = len(one.kept)
        with ExitStack() as loops:
            counters = self.around[: one.outer]
            for size in one.kept[:-1]:
                counters += (Counter(loops.enter_context(self.function.loop(size)), 0),)
            if not kept:
                self._evaluate(one, [Position(counters, self.storage.own)], axis)
                return
            is_vector = axis == kept - 1
            width = self.storage.width if is_vector else 1
            for strip in strips(one.kept[-1], width, TILE if one.combined else 1):
                with ExitStack() as inner:
                    text = strip.counter(self.function, inner, "j")
                    positions, offset = [], strip.start
                    for w in strip.widths:
                        m = self.storage.lanes(w) if is_vector else self.storage.own
                        place = (*counters, Counter(text, offset))
                        along = one.outer + axis if axis is not None and is_vector else None
                        positions.append(Position(place, m, along))
                        offset += w
                    self._evaluate(one, positions, axis)

    def _vector_axis(self, one: Nest) -> int | None:
        """The axis along which numbers lie side by side, or none, where it costs least."""
        elements, work = [*elements_in(one.formula), one.target], _work(one.formula)

        def cost(axis: int | None) -> float:
            """Instructions for each element: some for all lanes at once, and some for each."""
            if axis is None:
                return len(elements) + work
            width, at = min(self.storage.width, one.sizes[axis]), one.outer + axis
            apart = sum(
                e.strides[at] != 0 and (e.strides[at] != 1 or e.table is not None) for e in elements
            )
            at_once = len(elements) - apart + work
            if axis >= len(one.kept):  # the lanes are combined in the end
                at_once += 8 / max(1, one.sizes[axis] // width)
            return at_once / width + GATHERED * apart

        axes = [a for a in (len(one.kept) - 1, len(one.sizes) - 1) if a >= 0]
        return min([*dict.fromkeys(axes), None], key=cost)

    def _evaluate(self, one: Nest, positions: list[Position], axis: int | None) -> None:
        """The formula at some positions, combined if it is, and put where it belongs."""
        if not one.combined:
            for position in positions:
                self._store(one, position, self._formula(one, position))
            return
        f, sizes = self.function, one.sizes[len(one.kept) :]
        is_along = axis is not None and axis >= len(one.kept)
        on = None if axis is None else one.outer + axis
        pieces = list(strips(sizes[-1], self.storage.width, 1)) if is_along else [Strip(0, 1, (0,))]
        widths = dict.fromkeys(w for strip in pieces for w in strip.widths)
        totals = [
            {w: Accumulator(self.storage.lanes(w) if w else p.m, one.combine) for w in widths}
            for p in positions
        ]
        with ExitStack() as loops:
            counters: Counters = ()
            for size in sizes[:-1] if is_along else sizes:
                counters += (Counter(loops.enter_context(f.loop(size, "k")), 0),)
            for strip in pieces:
                with ExitStack() as inner:
                    text, offset = strip.counter(self.function, inner, "k"), strip.start
                    for w in strip.widths:
                        own = (Counter(text, offset),) if is_along else ()
                        for total, p in zip(totals, positions, strict=True):
                            m, along = (self.storage.lanes(w), on) if is_along else (p.m, p.axis)
                            place = Position((*p.counters, *counters, *own), m, along)
                            self._take(one, place, total[w])
                        offset += w
        for total, p in zip(totals, positions, strict=True):
            results = [part.value() for part in total.values()]
            if is_along:
                results = [result.m.combined(result, one.combine) for result in results]
            m = self.storage.one if is_along else p.m
            both = operator.add if one.combine == "add" else m.maximum
            self._store(one, p._replace(m=m), functools.reduce(both, results))

    def _take(self, one: Nest, position: Position, total: Accumulator) -> None:
        """Combine the formula's value at a position with others."""
        formula = one.formula
        if total.combine == "add" and isinstance(formula, Call) and formula.function == "multiply":
            total.take_product(*[self._value(part, position) for part in formula.operands])
        else:
            total.take(self._formula(one, position))

    def _formula(self, one: Nest, position: Position) -> Lane:
        """The value of a nest's formula."""
        return position.m.lane(self._value(one.formula, position))

    def _value(self, formula: Expression, position: Position) -> Any:
        numbers = {e: self.storage.loaded(e, position) for e in elements_in(formula)}
        return _evaluated(formula, numbers, position.m)

    def _store(self, one: Nest, position: Position, value: Lane) -> None:
        """Put or add a result where it belongs."""
        storage, target, m, counters = self.storage, one.target, position.m, position.counters
        if storage.is_each and one.over_examples:
            place = storage.pointer(m.type, self.sums[target.block], target, counters)
            storage.put(m, place, storage.of_examples(value), True)
        elif target.block in storage.alone:
            if one.adds and target.block in storage.values:
                value = storage.values[target.block] + value
            storage.values[target.block] = value
            if self.is_forward:
                self._keep(value)
        else:
            base = storage.base(target.block)
            stride = 0 if position.axis is None else target.strides[position.axis]
            side_by_side = m.width == 1 or (stride == 1 and target.table is None)
            if target.block in storage.in_lanes or side_by_side:
                type = m.type if target.block in storage.in_lanes else storage.one.type
                storage.put(m, storage.pointer(type, base, target, counters), value, one.adds)
                return
            may_repeat = one.adds and target.may_repeat
            if storage.are_at_once(target, position) and not may_repeat:
                pointers = storage.pointers(base, target, position)
                m.scatter(m.gathered(pointers) + value if one.adds else value, pointers)
                return
            for lane in range(m.width):  # one after the other, since places may repeat
                element = f"extractelement {m.type} {value.text}, i32 {lane}"
                place = storage.pointer(storage.one.type, base, target, counters, lane * stride)
                storage.put(storage.one, place, storage.one.number(element), one.adds)

    def _keep(self, value: Lane) -> None:
        """Have a number computed although nobody may need it, for the processor's flags.

        A fake use keeps it from LLVM's passes. Where these are not run, what is not read would be
        left out all the same, and is written to memory that nobody reads.
        """
        m, f = value.m, self.function
        f.module.declare("llvm.fake.use", "void", "...")
        f.line(f"call void (...) @llvm.fake.use({m.type} {value.text})")
        if self.is_unread:
            f.line(f"store volatile {m.type} {value.text}, ptr {f.at_start(f'alloca {m.type}')}")


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
