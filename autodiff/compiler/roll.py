"""Roll: what a program repeats along a recurrence, as one step that is run many times.

A loop in Python leaves its steps in the recorded graph, one after the other. Steps that are alike,
and of which each needs the one before, are found by their operations alone: first distances at
which sequences of them come again, then what the operands are. Steps that do not need each other
are no recurrence; the schedule computes them side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff.compiler.program import SHARED, Input, Program
from autodiff.primitives import Primitive

Numbers = NDArray[np.int64]

FEWEST_STEPS = 8
FEWEST_OPERATIONS = 100
"""In all steps together; what is shorter is not worth a loop."""
_WINDOWS = (4, 16, 64, 256, 1024, 4096, 16384)
_SPECIAL = ((0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (2, 1))
"""Numbers of first and last steps that may be unlike the others, the likeliest first."""
_OFTEN = 4
"""Number of the most frequent distances that are tried for each length of window."""


class Span(NamedTuple):
    """Operations that repeat: the first, how many there are in a step, and how many steps."""

    start: int
    period: int
    steps: int

    @property
    def end(self) -> int:
        """The first operation after it."""
        return self.start + self.period * self.steps


@dataclass(frozen=True)
class Recurrence:
    """A step of a program, and how its steps hang together.

    Scalars are numbered as in the program; a row of numbers is one for each step.

    Attributes:
        span: where it is in the program.
        body: one step, for no examples. Its inputs are the state, then what is the same for all
            steps, then what each step reads for itself; its outputs are the next state.
        first: the state that the first step starts from.
        carried: for each scalar of the state the operation of the step before that it comes from.
        fixed: what is the same for all steps.
        each: what each step reads, of shape (steps, numbers).
        kept: the operations whose results are needed outside, beside those of the state.
    """

    span: Span
    body: Program
    first: Numbers
    carried: list[int]
    fixed: Numbers
    each: Numbers
    kept: list[int]

    @property
    def width(self) -> int:
        """The count of numbers that a step takes from the step before, and for itself."""
        return len(self.first) + int(self.each.shape[1])

    @property
    def is_plain(self) -> bool:
        """Whether steps read nothing of their own, nor one result as two parts of the state."""
        return self.each.shape[1] == 0 and len(set(self.carried)) == len(self.carried)

    def body_of_kinds(self, kinds: NDArray[Any]) -> Program:
        """The step, when the scalars of the program are of these kinds.

        Its state is of the kind of what varies most, be it read in one step alone.
        """
        fixed, each = [
            max([SHARED, *kinds[np.ravel(numbers)].tolist()]) for numbers in (self.fixed, self.each)
        ]
        state = max([fixed, each, *kinds[self.first].tolist()])
        inputs = [
            block._replace(kind=int(kind))
            for block, kind in zip(self.body.inputs, (state, fixed, each), strict=True)
        ]
        return replace(self.body, inputs=inputs)

    def results(self, program: Program, operation: int) -> Numbers:
        """The scalars that an operation of the step gives, for each step."""
        steps = np.arange(self.span.steps)
        return program.first + self.span.start + steps * self.span.period + operation


def recurrences(program: Program) -> list[Recurrence]:
    """The recurrences of a program, in order; linear in its operations, but for a sort."""
    if len(program.operations) < FEWEST_OPERATIONS:
        return []
    finder = _Finder(program)
    return sorted(finder.found(0, len(program.operations)), key=lambda r: r.span.start)


class _Finder:
    def __init__(self, program: Program) -> None:
        self.program = program
        read = program.read
        codes: dict[tuple[Primitive, int], int] = {}
        alike = zip(program.operations, read.counts.tolist(), strict=True)
        self.codes = np.array([codes.setdefault(key, len(codes)) for key in alike])
        """Of each instruction a number for its operation and how many operands it has."""
        self.begins = np.append(read.begins, len(read.scalars))
        self.operands = read.scalars
        self.last_use = np.zeros(program.first + len(program.operations), np.int64)
        self.users = np.repeat(np.arange(len(read.counts)), read.counts)
        self.last_use[self.operands] = self.users  # in order, so that the last one stays
        self.last_use[[*program.outputs, *program.checked]] = len(read.counts)

    def found(self, start: int, end: int) -> Iterator[Recurrence]:
        """The recurrences between two operations: the longest, then those beside it."""
        waiting = [(start, end)]
        while waiting:
            start, end = waiting.pop()
            longest = self._longest(start, end)
            if longest is not None:
                yield longest
                waiting += [(start, longest.span.start), (longest.span.end, end)]

    def _longest(self, start: int, end: int) -> Recurrence | None:
        spans = [
            span
            for period in self._periods(start, end)
            if (span := self._span(start, end, period)) is not None
        ]
        spans.sort(key=lambda span: (-(span.end - span.start), span.period))
        for span in spans:
            found: Recurrence | None = None
            for skipped, dropped in _SPECIAL:
                first, steps = span.start + skipped * span.period, span.steps - skipped - dropped
                other = self._recurrence(Span(first, span.period, steps))
                if other is not None and (found is None or other.width < found.width):
                    found = other
                if found is not None and found.is_plain:
                    break
            if found is not None:
                return found
        return None

    def _periods(self, start: int, end: int) -> list[int]:
        """Distances at which sequences of operations come again."""
        codes = self.codes[start:end]
        periods: dict[int, None] = {}
        for width in _WINDOWS:
            if 2 * width > len(codes):
                break
            hashes = _window_hashes(codes, width)
            order = np.argsort(hashes, kind="stable")
            alike = hashes[order[1:]] == hashes[order[:-1]]
            distances, counts = np.unique(np.diff(order)[alike], return_counts=True)
            often = distances[np.argsort(-counts, kind="stable")[:_OFTEN]]
            periods.update(dict.fromkeys(often.tolist()))
        periods.update(dict.fromkeys(self._distances_of_operands(start, end)))
        return list(periods)

    def _distances_of_operands(self, start: int, end: int) -> list[int]:
        """Distances at which an operand is as far away again as it was.

        Sequences alone do not tell the steps from loops inside of them that are all alike.
        """
        begin, stop = self.begins[start], self.begins[end]
        users = self.users[begin:stop]
        away = self.program.first + users - self.operands[begin:stop]
        is_made = self.operands[begin:stop] >= self.program.first
        slots = np.arange(begin, stop) - self.begins[users]
        keys = np.stack([self.codes[users], slots, away])[:, is_made]
        users = users[is_made]
        order = np.lexsort((users, *keys))
        alike = (keys[:, order[1:]] == keys[:, order[:-1]]).all(0)
        distances, counts = np.unique(np.diff(users[order])[alike], return_counts=True)
        weights = counts * distances  # a long step has as many operands as many short ones
        often = distances[np.argsort(-weights, kind="stable")[: 3 * _OFTEN]]
        return [d for d in often.tolist() if d > 0]

    def _span(self, start: int, end: int, period: int) -> Span | None:
        """The longest sequence with a period, cut where least goes from step to step."""
        codes = self.codes[start:end]
        differs = np.flatnonzero(codes[period:] != codes[:-period])
        edges = np.concatenate([[-1], differs, [len(codes) - period]])
        lengths = np.diff(edges) - 1
        at = int(np.argmax(lengths))
        first, length = start + int(edges[at]) + 1, int(lengths[at]) + period
        cut = self._best_cut(first, length, period)
        count = (first + length - cut) // period
        if count < FEWEST_STEPS or count * period < FEWEST_OPERATIONS:
            return None
        return Span(cut, period, count)

    def _best_cut(self, first: int, length: int, period: int) -> int:
        """Find the cut in the first step after which the fewest results are needed."""
        if length < 3 * period:
            return first
        middle = first + (length // period // 2) * period
        made = np.arange(max(first, middle - period), min(first + length, middle + period))
        uses = np.minimum(self.last_use[self.program.first + made], first + length)
        needed = np.zeros(len(made) + 1, np.int64)
        stays = uses > made
        begins = made[stays] + 1 - made[0]
        ends = np.minimum(uses[stays] + 1 - made[0], len(made))
        np.add.at(needed, begins, 1)
        np.add.at(needed, np.maximum(ends, begins), -1)
        live = np.cumsum(needed)[middle - made[0] : middle - made[0] + period]
        return first + int(np.argmin(live))

    def _recurrence(self, span: Span) -> Recurrence | None:
        """The recurrence of a span, if its operands are alike, and one needs the step before."""
        if span.steps < FEWEST_STEPS:
            return None
        return _Operands(self, span).recurrence()


class _State:
    """The state that goes from step to step: results of the step before, or of that before it."""

    def __init__(self) -> None:
        self.places: dict[tuple[int, int, tuple[int, ...]], int] = {}

    def number(self, operation: int, starts: list[int]) -> int:
        """The place of what came from an operation as many steps before as there are starts.

        What comes from two steps before was, one step before, what came from one.
        """
        key = (operation, len(starts), tuple(starts))
        if len(starts) > 1:
            self.number(operation, starts[1:])
        return self.places.setdefault(key, len(self.places))


def _comes_back(body: Program) -> bool:
    """Whether a scalar of the state depends on itself a step, or some steps, before."""
    count = body.inputs[0].size
    needs: list[int] = [1 << i if i < count else 0 for i in range(body.first)]
    for operands in body.operands:
        mask = 0
        for operand in operands:
            mask |= needs[operand]
        needs.append(mask)
    of = [needs[output] for output in body.outputs]
    for k in range(count):  # Warshall 1962, a row of bits at a time
        for i in range(count):
            if of[i] >> k & 1:
                of[i] |= of[k]
    return any(of[i] >> i & 1 for i in range(count))


class _Operands:
    """The operands of a span's operations: results of its steps, or values from outside."""

    def __init__(self, finder: _Finder, span: Span) -> None:
        self.finder = finder
        self.program = finder.program
        self.span = span
        begin, end = finder.begins[span.start], finder.begins[span.end]
        self.rows = finder.operands[begin:end].reshape(span.steps, -1)
        """The operands of all operations of a step, for each step."""
        self.base = self.program.first + span.start

    def recurrence(self) -> Recurrence | None:
        """The step and what hangs on it, if operands are alike and steps need the one before."""
        span, rows = self.span, self.rows
        relative = rows - (self.base + np.arange(span.steps) * span.period)[:, None]
        is_outside = rows < self.base
        is_fixed = (rows == rows[0]).all(0) & is_outside[0]
        is_steady = (relative[2:] == relative[2]).all(0) & ~is_fixed
        last = relative[2]
        is_local = is_steady & (relative[:2] == last).all(0) & (last >= 0)
        is_next = is_steady & (relative[1] == last) & (last < 0) & (last >= -span.period)
        is_later = is_steady & (last < -span.period) & (last >= -2 * span.period)
        is_carried = (is_next & is_outside[0]) | (is_later & is_outside[:2].all(0))
        is_each = is_outside.all(0) & ~is_fixed
        if not (is_fixed | is_local | is_carried | is_each).all() or not is_carried.any():
            return None
        state = _State()
        self.numbers = np.zeros(rows.shape[1], np.int64)
        """Of each operand of a step, in the body."""
        for slot in np.flatnonzero(is_carried).tolist():
            behind = 1 if is_next[slot] else 2
            operation = int(last[slot]) + behind * span.period
            self.numbers[slot] = state.number(operation, rows[:behind, slot].tolist())
        body = self._body(state, is_fixed, is_each)
        self.numbers[is_local] = body.first + last[is_local]
        self._fill(body)
        body.outputs = [
            body.first + operation if behind == 1 else state.places[operation, 1, starts[1:]]
            for operation, behind, starts in state.places
        ]
        if not _comes_back(body):
            return None
        first = np.array([starts[0] for *_, starts in state.places])
        carried = [op if behind == 1 else -1 for op, behind, _ in state.places]
        return Recurrence(span, body, first, carried, self.fixed, self.each, self._kept(carried))

    def _body(self, state: _State, is_fixed: Any, is_each: Any) -> Program:
        """One step without its operations; what it reads gets its numbers."""
        program, rows = self.program, self.rows
        values = np.unique(rows[0, is_fixed])
        is_constant = (program.input_size <= values) & (values < program.first)
        self.fixed, constants = values[~is_constant], values[is_constant]
        self.each, column = np.unique(rows[:, is_each], axis=1, return_inverse=True)
        body = Program(
            [
                Input("state", SHARED, len(state.places)),
                Input("fixed", SHARED, len(self.fixed)),
                Input("each", SHARED, self.each.shape[1]),
            ],
            [program.constants[n - program.input_size] for n in constants.tolist()],
        )
        place = dict(zip(values[~is_constant].tolist(), range(len(values)), strict=False))
        place.update({n: len(self.fixed) + self.each.shape[1] + i
                      for i, n in enumerate(constants.tolist())})  # fmt: skip
        own = len(state.places)
        self.numbers[is_fixed] = [own + place[n] for n in rows[0, is_fixed].tolist()]
        self.numbers[is_each] = own + len(self.fixed) + column.ravel()
        return body

    def _fill(self, body: Program) -> None:
        """Add the operations of one step."""
        program, begins = self.program, self.finder.begins
        start = self.span.start
        for at in range(start, start + self.span.period):
            slots = slice(begins[at] - begins[start], begins[at + 1] - begins[start])
            operands = tuple(self.numbers[slots].tolist())
            body.append(program.operations[at], operands, program.scopes[at], program.names[at])

    def _kept(self, carried: list[int]) -> list[int]:
        """The operations whose results somebody needs outside, or after the next step."""
        span = self.span
        made = np.arange(self.base, self.base + span.steps * span.period)
        uses = self.finder.last_use[made].reshape(span.steps, span.period)
        needed = (uses >= span.end).any(0)
        return [int(j) for j in np.flatnonzero(needed) if int(j) not in carried]


def _window_hashes(codes: NDArray[Any], width: int) -> NDArray[np.uint64]:
    """A number for each window, the same for the same codes."""
    odd = np.uint64(0x9E3779B97F4A7C15)
    powers = np.full(len(codes), odd)
    powers[0] = 1
    powers = np.multiply.accumulate(powers)
    inverse = np.full(len(codes), np.uint64(pow(int(odd), -1, 1 << 64)))
    inverse[0] = 1
    inverse = np.multiply.accumulate(inverse)
    terms = (codes.astype(np.uint64) + np.uint64(1)) * powers
    total = np.concatenate([[np.uint64(0)], np.cumsum(terms)])
    sums = total[width:] - total[:-width]
    hashes: NDArray[np.uint64] = sums * inverse[: len(sums)]
    return hashes
