"""Exported: what a file for another language is written from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autodiff.compiler.program import BATCHED
from autodiff.compiler.vectors import VectorProgram


@dataclass(frozen=True)
class Exported:
    """A function with its gradient, as two programs, and the names in its file.

    Attributes:
        name: of the function; with its gradient it is called ``name_value_and_grad``.
        value: the program of the outputs alone.
        both: the program with the gradients of all inputs that are not fixed.
        inputs: a name for each input.
        gradients: a name for the gradient of each input that is not fixed.
        fixed: inputs that are constants of the file, by name.
        notes: lines that say what is taken and given.
        is_on_floats: whether its programs are of scalars, for Python.
    """

    name: str
    value: VectorProgram
    both: VectorProgram
    inputs: Sequence[str]
    gradients: Sequence[str]
    fixed: dict[str, list[float]]
    notes: Sequence[str]
    is_on_floats: bool

    @property
    def parameters(self) -> list[str]:
        """The names of the inputs that are given at a call."""
        return [name for name in self.inputs if name not in self.fixed]

    @property
    def is_batched(self) -> bool:
        """Whether it computes many examples."""
        return any(block.kind == BATCHED for block in self.value.blocks)

    @property
    def sizes(self) -> dict[str, Any]:
        """Number of elements of each input, for one example if it is batched."""
        return {name: b.size for name, b in zip(self.inputs, self.value.blocks, strict=False)}
