"""Simplify: shared subexpressions once, and chains of + and × as sums and dot products.

Two passes. ``share`` rewrites trivial operations and computes equal expressions once.
``gather_sums`` turns additions, however they were written, into n-ary sums and dot products, the
form in which the schedule finds matrix products.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from autodiff import primitives
from autodiff.compiler.program import BATCHED, Program, kind_of_result

_TRIVIAL_WITH_NUMBERS = frozenset(
    [primitives.multiply, primitives.add, primitives.subtract, primitives.divide]
)
_ADDITIVE = (primitives.add, primitives.subtract, primitives.dot, primitives.fsum)
SMALLEST_DOT = 3
"""Fewer products are written out as multiplications and additions."""


def simplify(program: Program) -> Program:
    """All passes in turn."""
    gathered = gather_sums(share(program))
    folded = fold(gathered)
    return gathered if folded is gathered else share(folded)


# ---------------------------------------------------------------------------------------- share


def share(program: Program) -> Program:
    """Rewrite trivial operations, and compute equal expressions once."""
    result = _Sharing(program)
    new = list(range(program.first))
    for operation, operands, scope, name in zip(
        program.operations, program.operands, program.scopes, program.names, strict=True
    ):
        new.append(result.append(operation, tuple([new[o] for o in operands]), scope, name))
    return result.ended(
        [new[output] for output in program.outputs], [new[scalar] for scalar in program.checked]
    )


class _Sharing:
    """A program in the making, in which nothing trivial is computed, and nothing twice.

    1·a, a + 0, a¹ and a choice between a and a are a; a² is a·a, a⁻¹ is 1/a and a to the power ½
    its square root.
    """

    def __init__(self, like: Program) -> None:
        self.program = Program(list(like.inputs), list(like.constants))
        self.one = _constant_place(self.program, 1.0)
        self.zero = _constant_place(self.program, 0.0)
        self.vanishing = _vanishing(like.operations, self.program)
        self.constants = dict(enumerate(self.program.constants, self.program.input_size))
        self.first = self.next = self.program.first
        self.found: dict[tuple[object, ...], int] = {}
        self.chosen_by: list[int] = []

    def append(
        self, operation: primitives.Primitive, operands: tuple[int, ...], scope: str, name: str
    ) -> int:
        """The number of an operation's result, which may be there already."""
        if operation in _TRIVIAL_WITH_NUMBERS and min(operands) < self.first:
            same = _trivial(operation, operands, self.vanishing, self.one)
            if same is not None:
                return same
        elif operation is primitives.identity:
            return operands[0]
        elif operation is primitives.where and operands[1] == operands[2]:
            self.chosen_by.append(operands[0])  # which may have no value itself
            return operands[1]
        elif operation is primitives.power and operands[1] in self.constants:
            exponent = self.constants[operands[1]]
            operation, operands = _whole_power(operation, operands, exponent, self.one)
            if operation is primitives.identity:
                return operands[0]
        elif operation is primitives.dot:
            operands = _in_order(operands)
        if operation.commutes and operands[0] > operands[1]:
            operands = (operands[1], operands[0])
        key = (operation, *operands)
        place = self.found.get(key)
        if place is None:
            place = self.found[key] = self.next
            self.next += 1
            self.program.extend(operation, operands, scope, name)
        return place

    def ended(self, outputs: list[int], checked: list[int]) -> Program:
        """The program, with what is wanted of it."""
        self.program.outputs = outputs
        self.program.checked = [*checked, *dict.fromkeys(self.chosen_by)]
        return self.program


def fold(program: Program) -> Program:
    """Compute what depends on constants alone; NaN stands for what has no value."""
    if not program.operations or not _has_constant_operands(program):
        return program
    numbers = dict(enumerate(program.constants, start=program.input_size))
    folded: list[int] = []
    for i, operands in enumerate(program.operands, start=program.first):
        if all(operand in numbers for operand in operands):
            try:
                operation = program.operations[i - program.first]
                numbers[i] = operation.evaluate([numbers[operand] for operand in operands])
            except (ArithmeticError, ValueError):
                numbers[i] = math.nan
            folded.append(i)
    places = {repr(c): k for k, c in enumerate(program.constants, start=program.input_size)}
    place = {}
    for i in folded:  # by text, which tells -0.0 from 0.0
        place[i] = places.setdefault(repr(numbers[i]), program.input_size + len(places))
    constants = [*program.constants, *map(float, list(places)[len(program.constants) :])]
    new = list(range(program.first))
    result = Program(program.inputs, constants)
    for i, operands in enumerate(program.operands, start=program.first):
        at = i - program.first
        new.append(
            place[i]
            if i in place
            else result.append(
                program.operations[at],
                tuple([new[operand] for operand in operands]),
                program.scopes[at],
                program.names[at],
            )
        )
    result.outputs = [new[output] for output in program.outputs]
    result.checked = [new[scalar] for scalar in program.checked]
    return result


def _has_constant_operands(program: Program) -> bool:
    """Whether an instruction reads numbers alone."""
    scalars, begins, _ = program.read
    is_number = (scalars >= program.input_size) & (scalars < program.first)
    return bool(np.logical_and.reduceat(is_number, begins).any())


def _in_order(operands: tuple[int, ...]) -> tuple[int, ...]:
    """The products of a dot product in an order that does not depend on how it was written."""
    weights, inputs, bias = primitives.weights_inputs_bias(operands)
    pairs = sorted(zip(weights, inputs, strict=True))
    return (*[a for a, _ in pairs], *[b for _, b in pairs], *bias)


def _constant_place(program: Program, number: float) -> int:
    """The number of a constant, which is added if it is not there; only before instructions."""
    texts = list(map(repr, program.constants))  # which tell -0.0 from 0.0
    if repr(number) not in texts:
        program.constants.append(number)
        return program.first - 1
    return program.input_size + texts.index(repr(number))


class _Vanishing(NamedTuple):
    """The constants that change nothing when they are added, and those when subtracted."""

    added: set[int]
    subtracted: set[int]


def _vanishing(operations: Iterable[primitives.Primitive], program: Program) -> _Vanishing:
    """-0.0 can always be left out of a sum; 0.0 makes 0.0 of -0.0, which few operations see."""
    zeros: set[int] = set()
    negative: set[int] = set()
    for i, constant in enumerate(program.constants, start=program.input_size):
        if constant == 0:
            (zeros if math.copysign(1, constant) > 0 else negative).add(i)
    if any(operation.sees_zeros for operation in operations):
        return _Vanishing(negative, zeros)
    return _Vanishing(zeros | negative, zeros | negative)


def _trivial(
    operation: primitives.Primitive, operands: tuple[int, ...], vanishing: _Vanishing, one: int
) -> int | None:
    """The operand that the operation gives back unchanged, if it does."""
    left, right = operands
    if operation is primitives.multiply and one in operands:
        return right if left == one else left
    if operation is primitives.add and right in vanishing.added:
        return left
    if operation is primitives.add and left in vanishing.added:
        return right
    if operation is primitives.subtract and right in vanishing.subtracted:
        return left
    if operation is primitives.divide and right == one:
        return left
    return None


def _whole_power(
    operation: primitives.Primitive, operands: tuple[int, ...], exponent: float, one: int
) -> tuple[primitives.Primitive, tuple[int, ...]]:
    base = operands[0]
    if exponent == 1:
        return primitives.identity, (base,)
    if exponent == 2:
        return primitives.multiply, (base, base)
    if exponent == -1:
        return primitives.divide, (one, base)
    if exponent == 0.5:
        return primitives.sqrt, (base,)
    return operation, operands


# ----------------------------------------------------------------------------------- gather sums


_Like = tuple[int, bool, int, int]
"""The common properties of terms that become one dot product or one sum: the depth of their
deepest operand, whether they are products, and the kinds of the factors."""
_Group = tuple[list[int], list[int]]
"""Terms, or the left and the right factors of products."""


class _Terms:
    """A sum as a multiset of terms, split by depth and kind of the operands.

    ``level`` is one more than the depth of the deepest operand. A sum takes in another only at its
    own level, so that a layer's dot product is not torn apart by what the next layer adds to it.
    """

    __slots__ = ("groups", "level", "name", "scope", "sign")

    def __init__(self, scope: str, name: str) -> None:
        self.groups: dict[tuple[_Like, int], _Group] = {}  # and by sign
        self.sign = 1  # of all terms together
        self.level = 0
        self.scope = scope
        self.name = name

    def group(self, like: _Like, sign: int) -> _Group:
        """The group for such terms, which are added to it."""
        key = (like, self.sign * sign)
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = ([], [])
            if like[0] >= self.level:
                self.level = like[0] + 1
        return group

    def take(self, other: _Terms, sign: int) -> None:
        """Move another sum's terms into this one, in the time of moving the smaller of the two."""
        groups, sign = other.groups, sign * other.sign
        if len(self.groups) < len(groups):
            self.groups, groups = groups, self.groups
            self.sign, sign = sign, self.sign
        for (like, own), (lefts, rights) in groups.items():
            mine = self.group(like, sign * own)
            if len(mine[0]) < len(lefts):
                mine, (lefts, rights) = (lefts, rights), mine
                self.groups[like, self.sign * sign * own] = mine
            mine[0].extend(lefts)
            mine[1].extend(rights)
        self.level = max(self.level, other.level)

    def signed(self) -> list[tuple[_Like, int, _Group]]:
        """The groups of terms with their signs, in an order that depends on them alone."""
        signed = [(like, self.sign * sign, group) for (like, sign), group in self.groups.items()]
        return sorted(signed, key=itemgetter(0, 1)) if len(signed) > 1 else signed


def gather_sums(program: Program) -> Program:
    """Additions as n-ary sums, sums of products as dot products, and nothing that is not needed."""
    return _Gatherer(program).run()


class _Gatherer:
    """One walk over a program; products and sums are held back until somebody needs their value."""

    def __init__(self, program: Program) -> None:
        self.old = program
        self.first = program.first
        self.new = _Sharing(program)
        self.place: list[int] = [*range(self.first), *[-1] * len(program.operations)]
        self.kind = self.new.program.kinds()
        self.depth = [0] * len(self.kind)
        self.sums: dict[int, _Terms] = {}
        self.vanishing = _vanishing(program.operations, program)
        read = program.read
        uses = np.bincount(read.scalars, minlength=len(self.place))
        uses[[*program.outputs, *program.checked]] += 2  # their values are needed as such
        is_additive = np.array([operation in _ADDITIVE for operation in program.operations], bool)
        is_term = np.zeros(len(self.place), bool)
        is_term[read.scalars[np.repeat(is_additive, read.counts)]] = True
        self.is_own_term: list[bool] = ((uses == 1) & is_term).tolist()
        """Whether a scalar is needed as a term of one sum only, and not for itself."""

    def run(self) -> Program:
        old, is_own_term = self.old, self.is_own_term
        for i, operation in enumerate(old.operations, start=self.first):
            if operation in _ADDITIVE:
                self.sums[i] = self._terms(i)
            elif operation is not primitives.multiply or not is_own_term[i]:
                self._emit(i)
        outputs = [self.value(output) for output in old.outputs]
        checked = [self.value(scalar) for scalar in old.checked]
        return _without_dead_code(self.new.ended(outputs, checked))

    def value(self, i: int) -> int:
        """The number, in the new program, of a scalar of the old one."""
        if self.place[i] < 0:
            if i in self.sums:
                self.place[i] = self._emit_sum(self.sums.pop(i))
            else:
                self._emit(i)
        return self.place[i]

    def _values(self, scalars: Sequence[int]) -> tuple[int, ...]:
        place = self.place
        return tuple([place[i] if place[i] >= 0 else self.value(i) for i in scalars])

    def _emit(self, i: int) -> None:
        at, old = i - self.first, self.old
        operands = self._values(old.operands[at])
        self.place[i] = self._append(old.operations[at], operands, old.scopes[at], old.names[at])

    def _append(
        self, operation: primitives.Primitive, operands: tuple[int, ...], scope: str, name: str
    ) -> int:
        kind, depth = self.kind, self.depth
        number = self.new.append(operation, operands, scope, name)
        if number == len(kind):
            kind.append(kind_of_result(operation, [kind[operand] for operand in operands]))
            depth.append(1 + max([depth[operand] for operand in operands]))
        return number

    # -------------------------------------------------------------------------- one sum

    def _terms(self, i: int) -> _Terms:
        at = i - self.first
        operation, operands = self.old.operations[at], self.old.operands[at]
        terms = _Terms(self.old.scopes[at], self.old.names[at])
        if operation is primitives.dot:
            weights, inputs, bias = primitives.weights_inputs_bias(operands)
            self._add_products(terms, 1, weights, inputs)
            operands = tuple(bias)
        sums: list[tuple[int, int]] = []
        last = -1 if operation is primitives.subtract else 1
        for position, term in enumerate(operands, start=1 - len(operands)):
            sign = 1 if position else last
            if term in (self.vanishing.added if sign > 0 else self.vanishing.subtracted):
                continue
            if not self.is_own_term[term] or self.place[term] >= 0:
                self._add_plain(terms, sign, term)
            elif term in self.sums:
                sums.append((sign, term))
            else:
                left, right = self.old.operands[term - self.first]
                self._add_products(terms, sign, (left,), (right,))
        if sums:
            self._take_in(terms, sums)
        return terms

    def _take_in(self, terms: _Terms, sums: list[tuple[int, int]]) -> None:
        """Take in the one sum that is at this level; others stay what they are, single terms."""
        highest = max([self.sums[child].level for _, child in sums], default=-1)
        at_level = [(sign, child) for sign, child in sums if self.sums[child].level == highest]
        candidate = at_level[0] if len(at_level) == 1 else None
        for sign, child in sums:
            if (sign, child) != candidate:
                self._add_plain(terms, sign, child)
        if candidate:
            sign, child = candidate
            if highest >= terms.level:
                terms.take(self.sums.pop(child), sign)
            else:
                self._add_plain(terms, sign, child)

    def _add_products(
        self, terms: _Terms, sign: int, lefts: Sequence[int], rights: Sequence[int]
    ) -> None:
        place, kind, depth = self.place, self.kind, self.depth
        like: _Like = (-1, True, 0, 0)  # of the product before
        group: _Group = ([], [])
        for left, right in zip(lefts, rights, strict=True):
            a = place[left] if place[left] >= 0 else self.value(left)
            b = place[right] if place[right] >= 0 else self.value(right)
            if kind[a] > kind[b] or (kind[a] == kind[b] and a > b):
                a, b = b, a
            one = (depth[a] if depth[a] > depth[b] else depth[b], True, kind[a], kind[b])
            if one != like:
                like = one
                group = terms.group(like, sign)
            group[0].append(a)
            group[1].append(b)

    def _add_plain(self, terms: _Terms, sign: int, term: int) -> None:
        a = self.value(term)
        kind = self.kind[a]
        terms.group((self.depth[a], False, kind, kind), sign)[0].append(a)

    def _emit_sum(self, terms: _Terms) -> int:
        """One dot product or sum for each group, and what adds them up."""
        parts: list[tuple[int, int]] = []
        for (_, is_product, *kinds), sign, (lefts, rights) in terms.signed():
            if is_product:
                found = self._emit_products(terms.scope, kinds, lefts, rights)
                parts += [(sign, part) for part in found]
            elif len(lefts) > SMALLEST_DOT:
                parts.append((sign, self._append(primitives.fsum, tuple(lefts), terms.scope, "")))
            else:
                parts += [(sign, left) for left in lefts]
        parts.sort(key=lambda part: (-part[0], self.depth[part[1]]))
        return self._add_up(terms, parts)

    def _emit_products(
        self, scope: str, kinds: Sequence[int], lefts: list[int], rights: list[int]
    ) -> list[int]:
        is_dot = len(lefts) > 1 and kinds[0] < kinds[1] == BATCHED
        if is_dot or len(lefts) >= SMALLEST_DOT:
            return [self._append(primitives.dot, (*lefts, *rights), scope, "")]
        return [
            self._append(primitives.multiply, (a, b), scope, "")
            for a, b in zip(lefts, rights, strict=True)
        ]

    def _add_up(self, terms: _Terms, parts: list[tuple[int, int]]) -> int:
        if not parts:
            return self.new.zero
        (sign, total), *others = parts
        if sign < 0:
            total = self._append(primitives.negate, (total,), terms.scope, "")
        for sign, part in others:
            operation = primitives.add if sign > 0 else primitives.subtract
            total = self._append(operation, (total, part), terms.scope, "")
        if total >= self.new.first and terms.name:
            self.new.program.names[total - self.new.first] = terms.name
        return total


def in_reading_order(program: Program, which: int) -> list[int]:
    """An order for the scalars of an input in which dot products read them one after another."""
    start = sum(block.size for block in program.inputs[:which])
    size = program.inputs[which].size
    seen: dict[int, None] = {}
    for first in (True, False):  # dot products before all others
        for operation, operands in zip(program.operations, program.operands, strict=True):
            if (operation is primitives.dot) is first:
                seen.update((o - start, None) for o in operands if 0 <= o - start < size)
    seen.update((i, None) for i in range(size))
    return list(seen)


def reordered(program: Program, which: int, order: list[int]) -> Program:
    """The same program with the scalars of one input in another order."""
    start = sum(block.size for block in program.inputs[:which])
    new = list(range(program.first + len(program.operations)))
    for place, old in enumerate(order):
        new[start + old] = start + place
    operands = [tuple([new[o] for o in row]) for row in program.operands]
    outputs = [new[output] for output in program.outputs]
    checked = [new[scalar] for scalar in program.checked]
    return replace(program, operands=operands, outputs=outputs, checked=checked)


def _is_all_read(program: Program) -> bool:
    """Whether every result is an output or read, so that nothing can be left out."""
    is_read = np.zeros(program.first + len(program.operations), bool)
    is_read[program.read.scalars] = True
    is_read[[*program.outputs, *program.checked]] = True
    return bool(is_read[program.first :].all())


def _without_dead_code(program: Program) -> Program:
    """Only the instructions that are needed for the outputs and for what is checked."""
    if _is_all_read(program):
        return program
    first = program.first
    needed = [False] * (first + len(program.operations))
    for scalar in (*program.outputs, *program.checked):
        needed[scalar] = True
    for i in range(len(needed) - 1, first - 1, -1):
        if needed[i]:
            for operand in program.operands[i - first]:
                needed[operand] = True
    result = Program(program.inputs, program.constants)
    place = list(range(first))
    for at, operation in enumerate(program.operations):
        place.append(-1)
        if needed[first + at]:
            operands = tuple([place[operand] for operand in program.operands[at]])
            scope, name = program.scopes[at], program.names[at]
            place[-1] = result.append(operation, operands, scope, name)
    result.outputs = [place[output] for output in program.outputs]
    result.checked = [place[scalar] for scalar in program.checked]
    return result
