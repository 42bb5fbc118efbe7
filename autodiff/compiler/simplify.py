"""Simplify: shared subexpressions once, and chains of + and × as sums and dot products.

Two passes. ``share`` rewrites trivial operations and computes equal expressions once.
``gather_sums`` turns additions, however they were written, into n-ary sums and dot products, the
form in which the schedule finds matrix products.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from autodiff import primitives
from autodiff.compiler.program import BATCHED, Program

_MAY_BE_TRIVIAL = frozenset(
    [primitives.identity, primitives.multiply, primitives.add, primitives.subtract,
     primitives.divide]
)  # fmt: skip
_ADDITIVE = (primitives.add, primitives.subtract, primitives.dot, primitives.fsum)
SMALLEST_DOT = 3
"""Fewer products are written out as multiplications and additions."""


def simplify(program: Program) -> Program:
    """All passes in turn; equal expressions may appear again where sums are written out."""
    return share(fold(gather_sums(share(program))))


# ---------------------------------------------------------------------------------------- share


def share(program: Program) -> Program:
    """Rewrite trivial operations, and compute equal expressions once.

    1·a, a + 0, a¹ and a choice between a and a are a; a² is a·a, a⁻¹ is 1/a and a to the power ½
    its square root.
    """
    result = Program(list(program.inputs), list(program.constants))
    one = _constant_place(result, 1.0)
    _constant_place(result, 0.0)
    vanishing = _vanishing(program.operations, result)
    new = list(range(program.first))
    found: dict[tuple[object, ...], int] = {}
    chosen_by: list[int] = []
    constants = {program.input_size + i: c for i, c in enumerate(result.constants)}
    for operation, old_operands, scope, name in zip(
        program.operations, program.operands, program.scopes, program.names, strict=True
    ):
        operands = tuple([new[operand] for operand in old_operands])
        if operation is primitives.where and operands[1] == operands[2]:
            chosen_by.append(operands[0])  # which may have no value itself
            new.append(operands[1])
            continue
        if operation in _MAY_BE_TRIVIAL:
            same = _trivial(operation, operands, vanishing, one)
            if same is not None:
                new.append(same)
                continue
        if operation is primitives.power and operands[1] in constants:
            operation, operands = _whole_power(operation, operands, constants[operands[1]], one)
            if operation is primitives.identity:
                new.append(operands[0])
                continue
        if operation.commutes and operands[0] > operands[1]:
            operands = (operands[1], operands[0])
        if operation is primitives.dot:
            operands = _in_order(operands)
        key = (operation.name, *operands)
        place = found.get(key)
        if place is None:
            place = found[key] = result.append(operation, operands, scope, name)
        new.append(place)
    result.outputs = [new[output] for output in program.outputs]
    result.checked = [*[new[scalar] for scalar in program.checked], *dict.fromkeys(chosen_by)]
    return result


def fold(program: Program) -> Program:
    """Compute what depends on constants alone; NaN stands for what has no value."""
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
    if not folded:
        return program
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


def _in_order(operands: tuple[int, ...]) -> tuple[int, ...]:
    """The products of a dot product in an order that does not depend on how it was written."""
    count = len(operands) // 2
    pairs = sorted(zip(operands[:count], operands[count:-1], strict=True))
    return (*[a for a, _ in pairs], *[b for _, b in pairs], operands[-1])


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
    if operation is primitives.identity:
        return operands[0]
    left, right = operands if len(operands) == 2 else (-1, -1)
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


class _Key(NamedTuple):
    """What terms of a sum have in common that become one dot product or one sum."""

    depth: int
    is_product: bool
    kinds: tuple[int, int]
    sign: int


class _Terms:
    """A sum as a multiset of terms, split by depth and kind of the operands.

    ``level`` is one more than the depth of the deepest operand. A sum takes in another only at its
    own level, so that a layer's dot product is not torn apart by what the next layer adds to it.
    """

    __slots__ = ("groups", "level", "name", "scope", "sign")

    def __init__(self, scope: str, name: str) -> None:
        self.groups: dict[_Key, tuple[list[int], list[int]]] = {}
        self.sign = 1  # of all terms together
        self.level = 0
        self.scope = scope
        self.name = name

    def add(
        self, depth: int, kinds: tuple[int, int], sign: int, left: int, right: int | None = None
    ) -> None:
        """Add a term, or a product of two factors."""
        key = _Key(depth, right is not None, kinds, self.sign * sign)
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = ([], [])
        group[0].append(left)
        if right is not None:
            group[1].append(right)
        if depth >= self.level:
            self.level = depth + 1

    def take(self, other: _Terms, sign: int) -> None:
        """Move another sum's terms into this one, in the time of moving the smaller of the two."""
        groups, sign = other.groups, sign * other.sign
        if len(self.groups) < len(groups):
            self.groups, groups = groups, self.groups
            self.sign, sign = sign, self.sign
        for key, (lefts, rights) in groups.items():
            key = key._replace(sign=self.sign * sign * key.sign)
            mine = self.groups.setdefault(key, ([], []))
            if len(mine[0]) < len(lefts):
                mine, (lefts, rights) = (lefts, rights), mine
                self.groups[key] = mine
            mine[0].extend(lefts)
            mine[1].extend(rights)
        self.level = max(self.level, other.level)

    def signed(self) -> list[tuple[_Key, list[int], list[int]]]:
        """The groups of terms with their signs, in an order that depends on them alone."""
        signed = [
            (key._replace(sign=self.sign * key.sign), *group) for key, group in self.groups.items()
        ]
        return sorted(signed, key=lambda item: item[0])


def gather_sums(program: Program) -> Program:
    """Additions as n-ary sums, sums of products as dot products, and nothing that is not needed."""
    return _Gatherer(program).run()


class _Gatherer:
    """One walk over a program; products and sums are held back until somebody needs their value."""

    def __init__(self, program: Program) -> None:
        self.old = program
        self.first = program.first
        self.new = Program(list(program.inputs), list(program.constants))
        self.uses = [0] * (program.first + len(program.operations))
        self.is_term = [False] * len(self.uses)
        for operation, operands in zip(program.operations, program.operands, strict=True):
            for operand in operands:
                self.uses[operand] += 1
            if operation in _ADDITIVE:
                for operand in operands:
                    self.is_term[operand] = True
        for needed in (*program.outputs, *program.checked):
            self.uses[needed] += 2  # its value is needed as such
        self.place: list[int] = list(range(program.first))
        self.place += [-1] * len(program.operations)
        self.kind: list[int] = self.new.kinds()
        self.depth: list[int] = [0] * program.first
        self.sums: dict[int, _Terms] = {}
        texts = list(map(repr, program.constants))
        self.zero = program.input_size + texts.index("0.0") if "0.0" in texts else -1
        self.vanishing = _vanishing(program.operations, program)

    def run(self) -> Program:
        for i, operation in enumerate(self.old.operations, start=self.first):
            if operation in _ADDITIVE:
                self.sums[i] = self._terms(i)
            elif not self._is_product_in_a_sum(i):
                self._emit(i)
        self.new.outputs = [self.value(output) for output in self.old.outputs]
        self.new.checked = [self.value(scalar) for scalar in self.old.checked]
        return _without_dead_code(self.new)

    def value(self, i: int) -> int:
        """The number, in the new program, of a scalar of the old one."""
        if self.place[i] < 0:
            if i in self.sums:
                self.place[i] = self._emit_sum(self.sums.pop(i))
            else:
                self._emit(i)
        return self.place[i]

    def _is_product_in_a_sum(self, i: int) -> bool:
        """Whether a product is needed as a term of one sum only, and not for itself."""
        is_product = self._operation(i) is primitives.multiply
        return is_product and self.uses[i] == 1 and self.is_term[i]

    def _operation(self, i: int) -> primitives.Primitive | None:
        return self.old.operations[i - self.first] if i >= self.first else None

    def _emit(self, i: int) -> None:
        at = i - self.first
        operands = tuple([self.value(operand) for operand in self.old.operands[at]])
        self.place[i] = self._append(
            self.old.operations[at], operands, self.old.scopes[at], self.old.names[at]
        )

    def _append(
        self, operation: primitives.Primitive, operands: tuple[int, ...], scope: str, name: str
    ) -> int:
        self.kind.append(max([self.kind[operand] for operand in operands]))
        self.depth.append(1 + max([self.depth[operand] for operand in operands]))
        return self.new.append(operation, operands, scope, name)

    # -------------------------------------------------------------------------- one sum

    def _terms(self, i: int) -> _Terms:
        at = i - self.first
        terms = _Terms(self.old.scopes[at], self.old.names[at])
        sums: list[tuple[int, int]] = []
        for sign, left, right in self._signed_terms(i):
            if right >= 0:
                self._add_product(terms, sign, left, right)
            elif left in (self.vanishing.added if sign > 0 else self.vanishing.subtracted):
                continue
            elif self.uses[left] == 1 and left in self.sums:
                sums.append((sign, left))
            elif self._is_product_in_a_sum(left):
                self._add_product(terms, sign, *self.old.operands[left - self.first])
            else:
                self._add_plain(terms, sign, left)
        self._take_in(terms, sums)
        return terms

    def _signed_terms(self, i: int) -> Iterable[tuple[int, int, int]]:
        """(sign, factor, factor), or (sign, term, -1), in the numbers of the old program."""
        operation, operands = self._operation(i), self.old.operands[i - self.first]
        if operation is primitives.dot:
            count = len(operands) // 2
            yield from (
                (1, a, b) for a, b in zip(operands[:count], operands[count:-1], strict=True)
            )
            yield 1, operands[-1], -1
        else:
            last = -1 if operation is primitives.subtract else 1
            for term in operands[:-1]:
                yield 1, term, -1
            yield last, operands[-1], -1

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

    def _add_product(self, terms: _Terms, sign: int, left: int, right: int) -> None:
        kind, depth = self.kind, self.depth
        a, b = self.value(left), self.value(right)
        if (kind[a], a) > (kind[b], b):
            a, b = b, a
        terms.add(max(depth[a], depth[b]), (kind[a], kind[b]), sign, a, b)

    def _add_plain(self, terms: _Terms, sign: int, term: int) -> None:
        a = self.value(term)
        terms.add(self.depth[a], (self.kind[a], self.kind[a]), sign, a)

    def _emit_sum(self, terms: _Terms) -> int:
        """One dot product or sum for each group, and what adds them up."""
        parts: list[tuple[int, int]] = []
        for key, lefts, rights in terms.signed():
            if key.is_product:
                parts += self._emit_products(terms, key, lefts, rights)
            elif len(lefts) > SMALLEST_DOT:
                parts.append(
                    (key.sign, self._append(primitives.fsum, tuple(lefts), terms.scope, ""))
                )
            else:
                parts += [(key.sign, left) for left in lefts]
        parts.sort(key=lambda part: (-part[0], self.depth[part[1]]))
        return self._add_up(terms, parts)

    def _emit_products(
        self, terms: _Terms, key: _Key, lefts: list[int], rights: list[int]
    ) -> list[tuple[int, int]]:
        if len(lefts) >= SMALLEST_DOT or (
            len(lefts) > 1 and key.kinds[0] < key.kinds[1] == BATCHED
        ):
            operands = (*lefts, *rights, self.zero)
            return [(key.sign, self._append(primitives.dot, operands, terms.scope, ""))]
        return [
            (key.sign, self._append(primitives.multiply, (a, b), terms.scope, ""))
            for a, b in zip(lefts, rights, strict=True)
        ]

    def _add_up(self, terms: _Terms, parts: list[tuple[int, int]]) -> int:
        if not parts:
            return self.zero
        (sign, total), *others = parts
        if sign < 0:
            total = self._append(primitives.negate, (total,), terms.scope, "")
        for sign, part in others:
            operation = primitives.add if sign > 0 else primitives.subtract
            total = self._append(operation, (total, part), terms.scope, "")
        if total >= self.first and terms.name:
            self.new.names[total - self.first] = terms.name
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


def _without_dead_code(program: Program) -> Program:
    """Only the instructions that are needed for the outputs and for what is checked."""
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
