"""Program: a traced function as plain data, and the slow interpreter that says what it means.

Every pass of the compiler takes a Program and gives a Program that means the same. A program is a
list of scalar instructions over the table of primitives, in topological order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff.primitives import Primitive, over_examples

CONSTANT, SHARED, BATCHED = range(3)
"""Kinds: fixed at tracing; the same for all examples; one number for each example."""


def kind_of_result(operation: Primitive, kinds: Sequence[int]) -> int:
    """The kind of a result: that of the operand that varies most, but what is summed is shared."""
    kind = max(kinds)
    return SHARED if operation is over_examples and kind == BATCHED else kind


class Input(NamedTuple):
    """Scalars that arrive together, in one vector: an argument, or an array in it."""

    name: str
    kind: int
    size: int


class Read(NamedTuple):
    """The operands of all instructions.

    Attributes:
        scalars: their numbers, instruction by instruction.
        begins: where those of each instruction begin.
        counts: how many it has.
    """

    scalars: NDArray[np.int64]
    begins: NDArray[np.int64]
    counts: NDArray[np.int64]


@dataclass
class Program:
    """Scalar instructions in topological order.

    Scalars are numbered: first those of the inputs, in order, then the constants, then the result
    of each instruction.

    Attributes:
        inputs: where the first scalars come from.
        constants: numbers fixed at tracing.
        operations: the primitive of each instruction.
        operands: the numbers of its operands, one for each slot.
        scopes, names: where each instruction was recorded, and what its result is called, if it is.
        outputs: the numbers of the results.
        checked: the numbers of other scalars that are computed because they may have no value.
    """

    inputs: list[Input]
    constants: list[float]
    operations: list[Primitive] = field(default_factory=list)
    operands: list[tuple[int, ...]] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    checked: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.input_size = sum(block.size for block in self.inputs)
        """How many scalars the inputs hold."""

    @property
    def first(self) -> int:
        """The number of the first instruction's result."""
        return self.input_size + len(self.constants)

    @property
    def read(self) -> Read:
        """Yield the operands of all instructions, one after the other."""
        counts = np.fromiter(map(len, self.operands), np.int64, len(self.operands))
        begins = np.cumsum(counts) - counts
        total = int(counts.sum())
        return Read(
            np.fromiter(chain.from_iterable(self.operands), np.int64, total), begins, counts
        )

    def kinds(self) -> list[int]:
        """The kind of every scalar: that of the operand that varies most."""
        kinds = [block.kind for block in self.inputs for _ in range(block.size)]
        kinds += [CONSTANT] * len(self.constants)
        for operation, operands in zip(self.operations, self.operands, strict=True):
            kinds.append(kind_of_result(operation, [kinds[operand] for operand in operands]))
        return kinds

    @property
    def couples_examples(self) -> bool:
        """Whether the result for one example depends on the others in its batch."""
        return over_examples in self.operations

    def depths(self) -> list[int]:
        """For every scalar the length of the longest chain of instructions that leads to it."""
        depths = [0] * self.first
        for operands in self.operands:
            depths.append(1 + max([depths[operand] for operand in operands]))
        return depths

    def append(
        self, operation: Primitive, operands: tuple[int, ...], scope: str = "", name: str = ""
    ) -> int:
        """Add an instruction and give the number of its result."""
        self.extend(operation, operands, scope, name)
        return self.first + len(self.operations) - 1

    def extend(
        self, operation: Primitive, operands: tuple[int, ...], scope: str, name: str
    ) -> None:
        """Add an instruction whose number is known."""
        self.operations.append(operation)
        self.operands.append(operands)
        self.scopes.append(scope)
        self.names.append(name)


def interpret(program: Program, inputs: Sequence[Sequence[Any]]) -> list[Any]:
    """The outputs for one example, instruction by instruction: the meaning of a program.

    Args:
        inputs: for each input its numbers.
    """
    numbers: list[Any] = [float(number) for block in inputs for number in block]
    numbers += program.constants
    for operation, operands in zip(program.operations, program.operands, strict=True):
        numbers.append(operation.evaluate([numbers[operand] for operand in operands]))
    return [numbers[output] for output in program.outputs]
