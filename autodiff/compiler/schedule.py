"""Schedule: scalar instructions of one kind, side by side, become one vector instruction.

Instructions of the same depth do not need each other. Those with the same operation, whose operands
come from the same blocks, are computed at once (Neubig, Goldberg and Dyer, On-the-fly operation
batching in dynamic computation graphs, 2017; superword-level parallelism in compilers). Dot
products that pair every one of some rows with every one of some columns are a matrix product.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np

from autodiff.compiler.layout import in_rows, is_even, on_grid, repeating
from autodiff.compiler.program import BATCHED, SHARED, Program
from autodiff.compiler.roll import Recurrence, recurrences
from autodiff.compiler.vectors import (
    CONSTANTS,
    Block,
    Contraction,
    Elementwise,
    Given,
    Indices,
    Loop,
    Pack,
    Rows,
    VectorProgram,
    View,
    literal_or_view,
)
from autodiff.expressions import EXPRESSION, Expression, as_expression
from autodiff.primitives import Primitive, fsum

FULL_ENOUGH = 0.3
"""Ragged dot products are padded with zeros if at least this share of the terms is not padding."""


def schedule(program: Program, rolled: bool = False) -> VectorProgram:
    """The vector program of a simplified scalar program, level by level.

    Args:
        rolled: whether recurrences become loops.
    """
    rolled = rolled and not program.couples_examples
    return _Scheduler(program, recurrences(program) if rolled else []).run()


MOST_GROUPS = 4
"""So many instructions of one operation and one depth may there be, that read different blocks."""
WORTH_PACKING = 32
"""As many scalars at least; of examples there are many for each, and packing would copy them."""


class _Dot(NamedTuple):
    """A dot product: the numbers of its factors, ordered by where the right ones are stored."""

    result: int
    left: Indices
    right: Indices


class _Scheduler:
    def __init__(self, program: Program, loops: Sequence[Recurrence] = ()) -> None:
        self.program = program
        self.loops = loops
        self.first = program.first
        total = program.first + len(program.operations)
        self.kind = np.array(self._kinds(), np.int8)
        self.block_of = np.full(total, CONSTANTS)
        self.offset_of = np.zeros(total, np.int64)
        self.result = VectorProgram(np.array(program.constants, float))
        for block in program.inputs:
            first = sum(b.size for b in self.result.blocks)
            self._place(np.arange(first, first + block.size), block.name, block.kind)
        constants = np.arange(program.input_size, program.first)
        self.offset_of[constants] = constants - program.input_size
        self.result.inputs = len(program.inputs)
        self.result.scalars = total
        self.packs: dict[bytes, View] = {}

    def run(self) -> VectorProgram:
        for level in self._levels():
            self._schedule_level(level)
        if self.program.outputs:
            self.result.first_output = self._view(np.array(self.program.outputs[:1]))
            self.result.outputs = self._view(np.array(self.program.outputs))
        self.result.forward = len(self.result.instructions)
        return self.result

    def _levels(self) -> Iterable[list[int]]:
        levels: dict[int, list[int]] = defaultdict(list)
        depths, loops = self._depths()
        for i, depth in enumerate(depths):
            levels[depth].append(i)
        levels[0] = []  # inputs and constants
        for level in sorted({*levels, *loops}):
            for loop in loops.get(level, ()):
                self._schedule_loop(loop)
            yield levels[level]

    def _kinds(self) -> list[int]:
        """The kind of every scalar; all results of a loop are of one, that of what varies most."""
        if not self.loops:
            return self.program.kinds()
        program = self.program
        kinds = program.kinds()[: program.first]
        loops = {loop.span.start: loop for loop in self.loops}
        at = 0
        while at < len(program.operations):
            loop = loops.get(at)
            if loop is None:
                kinds.append(max([kinds[operand] for operand in program.operands[at]]))
                at += 1
                continue
            read = np.concatenate([loop.first, loop.fixed, loop.each.ravel()]).tolist()
            kind = max([SHARED, *[kinds[number] for number in read]])
            kinds += [kind] * (loop.span.end - at)
            at = loop.span.end
        return kinds

    def _depths(self) -> tuple[list[int], dict[int, list[Recurrence]]]:
        """The depth of every scalar; 0 in loops, which are all at one depth, as one operation."""
        if not self.loops:
            return self.program.depths(), {}
        program, first = self.program, self.first
        depths = [0] * first
        levels: dict[int, list[Recurrence]] = defaultdict(list)
        known: list[int] = list(depths)
        ends = {loop.span.start: loop for loop in self.loops}
        at = 0
        while at < len(program.operations):
            loop = ends.get(at)
            if loop is None:
                depth = 1 + max([known[operand] for operand in program.operands[at]])
                depths.append(depth)
                known.append(depth)
                at += 1
                continue
            read = np.concatenate([loop.first, loop.fixed, loop.each.ravel()]).tolist()
            depth = 1 + max([known[operand] for operand in read])
            levels[depth].append(loop)
            size = loop.span.end - at
            depths += [0] * size
            known += [depth] * size
            at = loop.span.end
        return depths, levels

    def _schedule_loop(self, loop: Recurrence) -> None:
        """One instruction for all steps of a recurrence; its results are placed step by step."""
        start, count = self._view(loop.first), loop.span.steps
        nothing = View(CONSTANTS, np.zeros(0, np.int64))
        fixed = self._view(loop.fixed) if len(loop.fixed) else nothing
        each = self._view(loop.each) if loop.each.size else nothing.reshaped(loop.each)
        inner = _Scheduler(loop.body_of_kinds(self.kind))
        body = inner.run()
        kind, size = body.blocks[0].kind, len(loop.first)
        block = len(self.result.blocks)
        self.result.blocks.append(Block("states", kind, (count + 1) * size))
        for place, operation in reversed(list(enumerate(loop.carried))):
            if operation >= 0:
                made = loop.results(self.program, operation)
                self.block_of[made] = block
                self.offset_of[made] = (np.arange(count) + 1) * size + place
        kept = []
        operations = np.array(loop.kept, np.int64)
        blocks = inner.block_of[inner.first + operations]
        for own in np.unique(blocks).tolist():
            members = operations[blocks == own]
            view = View(own, inner.offset_of[inner.first + members])
            results = np.array([loop.results(self.program, j) for j in members.tolist()]).T
            name = self.program.operations[loop.span.start + int(members[0])].name
            kept.append((view, self._place(results.ravel(), name, kind)))
        given = (Given(fixed, False), Given(each, True))
        self.result.instructions.append(
            Loop(body, count, start, body.outputs, block, given, tuple(kept))
        )

    def _schedule_level(self, level: list[int]) -> None:
        groups = self._with_few_groups(self._groups(level))
        dots: dict[tuple[int, int], list[_Dot]] = defaultdict(list)
        for (name, *_), members in groups.items():
            if name == "dot":
                for dot in map(self._dot, members):
                    kinds = int(self.kind[dot.left].max()), int(self.kind[dot.right].max())
                    dots[kinds].append(dot)
        absorbed: set[int] = set()
        for kinds, members_of_kind in dots.items():
            if kinds[0] != BATCHED and len({len(dot.right) for dot in members_of_kind}) > 1:
                members_of_kind = self._padded(members_of_kind, self._short_rows(groups, kinds))
                absorbed.update(dot.result for dot in members_of_kind)
            self._schedule_dots(members_of_kind, kinds[0] == BATCHED)
        for (name, *_), members in groups.items():
            members = [i for i in members if i not in absorbed]
            if name == "fsum":
                self._schedule_sums(members)
            elif name != "dot" and members:
                self._schedule_elementwise(members)

    def _groups(self, level: list[int]) -> dict[Any, list[int]]:
        """The instructions of a level by operation, and by the blocks that they read."""
        groups: dict[Any, list[int]] = defaultdict(list)
        rows = [self.program.operands[i - self.first] for i in level]
        all_blocks = iter(self.block_of[[*chain.from_iterable(rows)]].tolist())
        for i, operands in zip(level, rows, strict=True):
            operation = self.program.operations[i - self.first]
            blocks = tuple(islice(all_blocks, len(operands)))
            if operation.arity is None:
                blocks = (len(operands), *sorted(set(blocks)))
            groups[operation.name, *blocks].append(i)
        return groups

    def _with_few_groups(self, groups: dict[Any, list[int]]) -> dict[Any, list[int]]:
        """The groups, in which those of one operation are one if there are many of them.

        Their operands are packed from several blocks. Else what reads a block here and a block
        there falls apart more and more from level to level, as in a fast Fourier transform.
        """
        alike: dict[Any, list[Any]] = defaultdict(list)
        for key, members in groups.items():
            operation, _ = self._instruction(members[0])
            if operation.arity is not None:
                of_constants = tuple([block == CONSTANTS for block in key[1:]])
                alike[key[0], of_constants].append(key)
        merged = dict(groups)
        for keys in alike.values():
            together = [i for key in keys for i in groups[key]]
            is_batched = BATCHED in self.kind[together]
            if len(keys) > MOST_GROUPS and len(together) >= WORTH_PACKING and not is_batched:
                first, *others = keys
                merged[first] = together
                for key in others:
                    del merged[key]
        return merged

    def _instruction(self, i: int) -> tuple[Primitive, tuple[int, ...]]:
        at = i - self.first
        return self.program.operations[at], self.program.operands[at]

    # --------------------------------------------------------------------------------- blocks

    def _place(self, results: Indices, name: str, kind: int, scope: str = "") -> int:
        """A new block for these scalars, in this order."""
        block = len(self.result.blocks)
        self.block_of[results] = block
        self.offset_of[results] = np.arange(len(results))
        self.result.blocks.append(Block(name, kind, len(results), scope))
        return block

    def _place_results(self, results: Indices, operation: str) -> int:
        at = (results[results >= 0] - self.program.first).tolist()
        scopes = {self.program.scopes[i] for i in at}
        names = {self.program.names[i] for i in at}
        kind = int(self.kind[results].max())
        own = names.pop() if len(names) == 1 else ""
        return self._place(results, own or operation, kind, _common_scope(scopes))

    def _view(self, numbers: Indices) -> View:
        """Return a view of these scalars; if they lie in several blocks, pack them into one."""
        blocks = self.block_of[numbers]
        first = int(blocks.flat[0])
        if (blocks == first).all():
            return View(first, self.offset_of[numbers])
        key = numbers.tobytes()
        if key not in self.packs:
            self.packs[key] = self._pack(numbers.ravel())
        return View(self.packs[key].block, self.packs[key].indices.reshape(numbers.shape))

    def _pack(self, numbers: Indices) -> View:
        blocks = self.block_of[numbers]
        places = tuple(np.flatnonzero(blocks == block) for block in np.unique(blocks))
        views = tuple(
            View(int(blocks[place[0]]), self.offset_of[numbers[place]]) for place in places
        )
        block = len(self.result.blocks)
        kind = int(self.kind[numbers].max())
        self.result.blocks.append(Block("packed", kind, len(numbers), ""))
        self.result.instructions.append(Pack(views, places, block))
        return View(block, np.arange(len(numbers)))

    def _by_storage(self, *columns: Indices) -> Indices:
        """The order of rows by where their first columns are stored, constants counting last."""
        keys = []
        for column in columns:
            keys += [self.offset_of[column], self.block_of[column]]
        varying = [k for k, b in zip(keys[::2], keys[1::2], strict=True) if (b >= 0).any()]
        return np.lexsort(varying[::-1]) if varying else np.arange(len(columns[0]))

    # --------------------------------------------------------------------------- instructions

    def _schedule_elementwise(self, members: list[int]) -> None:
        operation, _ = self._instruction(members[0])
        rows, results = np.array([self._instruction(i)[1] for i in members]), np.array(members)
        if len(members) > 1:
            rows, results = self._in_reading_order(rows, results)
        if operation.arity is None:
            view = self._view(rows.T if len(members) > 1 else rows[0])
            operands: list[Expression] = [Rows(view.block, view.indices)]
        else:
            operands = _spread([self._operand(column) for column in rows.T], self.result.blocks)
        block = self._place_results(results, operation.name)
        self._record(operation, operands, block)

    def _operand(self, numbers: Indices) -> Expression:
        """Return these scalars as an operand of a formula; equal constants are one number."""
        view = self._view(numbers)
        return literal_or_view(self.result, view.indices) if view.block == CONSTANTS else view

    def _record(self, operation: Primitive, operands: list[Expression], block: int) -> None:
        formula = as_expression(operation.value(EXPRESSION, *operands))
        self.result.instructions.append(Elementwise(formula, block, (), operation, tuple(operands)))

    def _in_reading_order(self, rows: Indices, results: Indices) -> tuple[Indices, Indices]:
        # By the operand that is different for most of them, so that it is read in order.
        columns = sorted(rows.T, key=lambda column: -len(np.unique(column)))
        order = self._by_storage(*columns)
        return rows[order], results[order]

    def _schedule_sums(self, members: list[int]) -> None:
        rows = np.array([self._instruction(i)[1] for i in members])
        rows = np.array([row[self._by_storage(row)] for row in rows])
        order = self._by_storage(rows[:, 0])
        rows, results = rows[order], np.array(members)[order]
        view = self._view(rows.T if len(rows) > 1 else rows[0])
        block = self._place_results(results, "sum")
        self.result.instructions.append(Elementwise(view, block, (0,), fsum, (view,)))

    def _short_rows(self, groups: dict[Any, list[int]], kinds: tuple[int, int]) -> list[_Dot]:
        """Multiplications that may be the first row of a triangle: a dot product of one term."""
        rows = []
        for (name, *_), members in groups.items():
            if name == "multiply":
                for i in members:
                    left, right = sorted(self._instruction(i)[1], key=lambda o: (self.kind[o], o))
                    if (self.kind[left], self.kind[right]) == kinds:
                        rows.append(_Dot(i, np.array([left]), np.array([right])))
        return rows

    def _dot(self, i: int) -> _Dot:
        left, right = np.split(np.array(self._instruction(i)[1]), 2)
        keys = (self.offset_of[left], self.offset_of[right], self.block_of[right])
        order = np.lexsort(keys)
        return _Dot(i, left[order], right[order])

    def _schedule_dots(self, dots: list[_Dot], left_is_batched: bool) -> None:
        """Equal products once, then grids of products of one length."""
        first: dict[tuple[bytes, bytes], _Dot] = {}
        for dot in dots:
            first.setdefault((dot.left.tobytes(), dot.right.tobytes()), dot)
        self._schedule_distinct_dots(list(first.values()), left_is_batched)
        for dot in dots:
            same = first[dot.left.tobytes(), dot.right.tobytes()].result
            self.block_of[dot.result] = self.block_of[same]
            self.offset_of[dot.result] = self.offset_of[same]

    def _schedule_distinct_dots(self, dots: list[_Dot], left_is_batched: bool) -> None:
        by_length: dict[int, list[_Dot]] = defaultdict(list)
        for dot in dots:
            by_length[len(dot.right)].append(dot)
        for same_length in by_length.values():
            grids: dict[tuple[int, int], list[_Grid]] = defaultdict(list)
            for grid in [] if left_is_batched else _grids(same_length):
                grids[grid.shape].append(grid)
            alone = grids.pop((1, 1), [])
            rest = same_length if left_is_batched else [dot for g in alone for dot in g.dots]
            for equal in grids.values():
                self._emit_grids(equal)
            if rest:
                self._emit_grids([_Grid([d.left], [d.right], [d]) for d in rest])

    def _padded(self, dots: list[_Dot], short_rows: list[_Dot]) -> list[_Dot]:
        """Dot products over parts of the same right-hand sides, with zeros for what is missing.

        Short rows are taken in where they fit between others.
        """
        (zero,) = [i for i, c in enumerate(self.program.constants) if c == 0][:1]
        zero += self.program.input_size
        result: list[_Dot] = []
        are_short = {dot.result for dot in short_rows}
        for together in _components(dots + short_rows):
            if all(dot.result in are_short for dot in together):
                continue
            union = np.unique(np.concatenate([dot.right for dot in together]))
            union = union[self._by_storage(union)]
            terms = sum(len(dot.right) for dot in together)
            distinct = all(len(np.unique(dot.right)) == len(dot.right) for dot in together)
            if terms < FULL_ENOUGH * len(union) * len(together) or not distinct:
                result += [dot for dot in together if dot.result not in are_short]
                continue
            place = {int(number): i for i, number in enumerate(union)}
            for dot in together:
                left = np.full(len(union), zero)
                left[[place[int(number)] for number in dot.right]] = dot.left
                result.append(_Dot(dot.result, left, union))
        return result

    def _emit_grids(self, grids: list[_Grid]) -> None:
        """Grids of one shape, stacked: one contraction."""
        grids = [self._in_storage_order(grid) for grid in grids]
        order = self._by_storage(
            np.array([grid.left[0][0] for grid in grids]),
            np.array([grid.right[0][0] for grid in grids]),
        )
        grids = [grids[i] for i in order]
        left = self._view(np.array([grid.left for grid in grids]))
        right = self._view(np.array([grid.right for grid in grids]))
        results = np.concatenate([grid.results() for grid in grids])
        name = "dot" if grids[0].shape == (1, 1) else "product"
        known = results[results >= 0]
        block = self._place_results(known, name)
        if len(known) < len(results):  # a nearly full grid: some products nobody asked for
            self.offset_of[known] = np.flatnonzero(results >= 0)
            self.result.blocks[block] = self.result.blocks[block]._replace(size=len(results))
        self.result.instructions.append(Contraction(left, right, block))

    def _in_storage_order(self, grid: _Grid) -> _Grid:
        left = self._by_storage(np.array([row[0] for row in grid.left]))
        right = self._by_storage(np.array([column[0] for column in grid.right]))
        return _Grid([grid.left[i] for i in left], [grid.right[j] for j in right], grid.dots)


class _Grid(NamedTuple):
    """Dot products of (nearly) every left row with every right column."""

    left: list[Indices]
    right: list[Indices]
    dots: list[_Dot]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.left), len(self.right)

    def results(self) -> Indices:
        """The results row by row; -1 for a product that nobody asked for."""
        row = {key.tobytes(): i for i, key in enumerate(self.left)}
        column = {key.tobytes(): j for j, key in enumerate(self.right)}
        results = np.full(self.shape, -1)
        for dot in self.dots:
            results[row[dot.left.tobytes()], column[dot.right.tobytes()]] = dot.result
        return results.ravel()


def _grids(dots: list[_Dot]) -> list[_Grid]:
    """The dot products as grids, each as large as can be; those that fit in none on their own."""
    grids: list[_Grid] = []
    left_of: dict[bytes, Indices] = {dot.left.tobytes(): dot.left for dot in dots}
    right_of: dict[bytes, Indices] = {dot.right.tobytes(): dot.right for dot in dots}
    roots = _Roots()
    for dot in dots:
        roots.join(("left", dot.left.tobytes()), ("right", dot.right.tobytes()))
    together: dict[Any, list[_Dot]] = defaultdict(list)
    for dot in dots:
        together[roots.find(("left", dot.left.tobytes()))].append(dot)
    for members in together.values():
        lefts = [left_of[key] for key in dict.fromkeys(d.left.tobytes() for d in members)]
        rights = [right_of[key] for key in dict.fromkeys(d.right.tobytes() for d in members)]
        if len(members) >= 0.5 * len(lefts) * len(rights):
            grids.append(_Grid(lefts, rights, members))
        else:
            grids += [_Grid([dot.left], [dot.right], [dot]) for dot in members]
    return grids


def _components(dots: list[_Dot]) -> list[list[_Dot]]:
    """Dot products that share right-hand factors, directly or through others."""
    roots = _Roots()
    for dot in dots:
        for number in dot.right.tolist():
            roots.join(int(dot.right[0]), number)
    together: dict[Any, list[_Dot]] = defaultdict(list)
    for dot in dots:
        together[roots.find(int(dot.right[0]))].append(dot)
    return list(together.values())


class _Roots:
    """Disjoint sets (Tarjan 1975), with path halving."""

    def __init__(self) -> None:
        self.parent: dict[Any, Any] = {}

    def find(self, element: Any) -> Any:
        parent = self.parent
        parent.setdefault(element, element)
        while parent[element] != element:
            parent[element] = parent[parent[element]]
            element = parent[element]
        return element

    def join(self, a: Any, b: Any) -> None:
        self.parent[self.find(b)] = self.find(a)


def _spread(operands: list[Expression], blocks: list[Block]) -> list[Expression]:
    """Operands of one length; what repeats is read in a smaller shape, and broadcast."""
    views = [operand for operand in operands if isinstance(operand, View)]
    size = views[0].indices.size
    if size == 1 or all((view.indices == view.indices[0]).all() for view in views):
        return operands
    shape = _grid(views, blocks) or (size,)
    return [
        operand.reshaped(on_grid(operand.indices, shape)) if isinstance(operand, View) else operand
        for operand in operands
    ]


def _grid(views: list[View], blocks: list[Block]) -> tuple[int, int] | None:
    """Rows and columns, if an operand that would be gathered is the same along one of them."""

    def is_easy(view: View, indices: Indices) -> bool:
        return view.block == CONSTANTS or is_even(indices, blocks[view.block].size)

    for view in views:
        if is_easy(view, view.indices):
            continue
        grid = repeating(view.indices) or in_rows(view.indices)
        if grid:
            shown = [on_grid(other.indices, grid) for other in views]
            is_full = np.broadcast_shapes(*[indices.shape for indices in shown]) == grid
            return grid if is_full and all(map(is_easy, views, shown)) else None
    return None


def _common_scope(scopes: set[str]) -> str:
    """The scope that holds them all."""
    split = [scope.split("/") for scope in scopes]
    common = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return "/".join(common)
