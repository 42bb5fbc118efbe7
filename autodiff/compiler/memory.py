"""Memory plan: when each block is last used, and which sums need no zeros to start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff.compiler.vectors import (
    CONSTANTS,
    Add,
    Fill,
    Instruction,
    Interpreter,
    Scatter,
    VectorProgram,
    Watch,
    made_by,
    views_of,
)


@dataclass(frozen=True)
class MemoryPlan:
    """Plan of the memory of a program; instructions are named by their position.

    Attributes:
        frees: for each instruction the blocks that nobody needs after it.
        puts: additions to elements to which nothing was added before: they can be assignments.
        unfilled: fills with zeros of blocks whose elements are all written before they are read.
    """

    frees: tuple[tuple[int, ...], ...]
    puts: frozenset[int]
    unfilled: frozenset[int]


def memory_plan(program: VectorProgram) -> MemoryPlan:
    """The plan of a program; linear in what its instructions read."""
    puts: set[int] = set()
    unfilled: set[int] = set()
    additions: dict[int, list[int]] = {}
    scattered: set[int] = set()
    for at, instruction in enumerate(program.instructions):
        if isinstance(instruction, Fill) and instruction.number == 0:
            additions[instruction.block] = []
        elif isinstance(instruction, Add) and instruction.block in additions:
            additions[instruction.block].append(at)
        elif isinstance(instruction, Scatter):  # whose places are not known beforehand
            scattered.add(instruction.block)
    for at, instruction in enumerate(program.instructions):
        if (
            isinstance(instruction, Fill)
            and instruction.number == 0
            and instruction.block not in scattered
        ):
            first = _first_writers(program, additions[instruction.block])
            puts.update(first.writers)
            if first.are_all:
                unfilled.add(at)
    return MemoryPlan(_frees(program), frozenset(puts), frozenset(unfilled))


@dataclass
class _First:
    """The additions that find zeros, and whether no other does."""

    writers: list[int]
    are_all: bool


def _first_writers(program: VectorProgram, additions: Sequence[int]) -> _First:
    found = _First([], True)
    if not additions:
        return _First([], False)
    block = program.instructions[additions[0]].block
    is_written = np.zeros(program.blocks[block].size, bool)
    for at in additions:
        instruction = program.instructions[at]
        assert isinstance(instruction, Add)
        places = instruction.target.indices
        before = is_written[places]
        is_written[places] = True
        if not before.any() and _are_distinct(places, len(is_written)):
            found.writers.append(at)
        elif not before.all():
            found.are_all = False
    found.are_all = found.are_all and bool(is_written.all())
    return found


def _are_distinct(places: Any, size: int) -> bool:
    return places.size == 1 or bool(np.bincount(places.ravel(), minlength=size).max() == 1)


def _frees(program: VectorProgram) -> tuple[tuple[int, ...], ...]:
    last = {
        block: at
        for at, instruction in enumerate(program.instructions)
        for block in [*made_by(instruction), *[view.block for view in views_of(instruction)]]
    }
    kept = {program.outputs.block, program.first_output.block, CONSTANTS}
    kept.update(program.gradients, range(program.inputs))
    frees: list[list[int]] = [[] for _ in program.instructions]
    for block, at in last.items():
        if block not in kept:
            frees[at].append(block)
    return tuple([tuple(sorted(blocks)) for blocks in frees])


def interpret_planned(
    program: VectorProgram, plan: MemoryPlan, inputs: Sequence[Any]
) -> tuple[Any, list[Any]]:
    """The outputs and gradients by a memory plan, in which what is not there is NaN, or missing."""
    return _PlannedInterpreter(program, plan, inputs).run()


class _PlannedInterpreter(Interpreter):
    def __init__(self, program: VectorProgram, plan: MemoryPlan, inputs: Sequence[Any]) -> None:
        super().__init__(program, inputs)
        self.plan = plan
        self.at = 0

    def step(self, instruction: Instruction, watch: Watch | None = None) -> None:
        if isinstance(instruction, Fill) and self.at in self.plan.unfilled:
            instruction = instruction._replace(number=np.nan)
        elif isinstance(instruction, Add) and self.at in self.plan.puts:
            self.values[instruction.block] = self.values[instruction.block].copy()
            self.values[instruction.block][instruction.target.indices] = 0
        super().step(instruction, watch)
        for block in self.plan.frees[self.at]:
            del self.values[block]
        self.at += 1
