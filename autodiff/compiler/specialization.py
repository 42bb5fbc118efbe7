"""Specialization: the program for one shape of arguments, through all stages of the compiler."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.compiler.arguments import count_blocks
from autodiff.compiler.gathers import with_gathers
from autodiff.compiler.gradient import gradient
from autodiff.compiler.program import BATCHED, Program
from autodiff.compiler.schedule import schedule
from autodiff.compiler.simplify import in_reading_order, reordered, simplify
from autodiff.compiler.source import Source
from autodiff.compiler.targets import JAX, NATIVE, NUMPY, PYTHON, TARGETS, choose
from autodiff.compiler.trace import Parameter, trace
from autodiff.compiler.vectors import (
    Contraction,
    VectorProgram,
    all_instructions,
    goes_wrong,
    has_loops,
    with_bodies,
)

log = logging.getLogger("autodiff.compiler")

LARGEST_ARRAY = 1 << 16
"""Elements of an intermediate array that a chunk of examples may have, so that most of what is
computed is still in the processor's cache when it is used."""
ROLLED_FROM = 30_000
"""Instructions on scalars; fewer are not rolled for NumPy: without loops they take longer to
compile, but less time to run, since nothing is computed again on the way back."""
NATIVE_WORK = 2_000_000
"""Instructions on scalars, of all examples, in a chunk of native code: some tenths of a
millisecond, beside which it costs little to hand the chunk to another thread."""
FEWEST_EXAMPLES = 512
"""In a chunk, where there are more: matrix products want many examples at a time."""


@functools.cache
def _keep_freed_memory() -> None:
    """Make the allocator keep the memory of arrays that were deleted, for the next call.

    By default glibc gives arrays of more than 128 kB back to the system at once, and fetching their
    pages again takes longer than filling them. It stops that below the size of the largest one that
    was ever freed (mallopt(3), M_MMAP_THRESHOLD), so one is freed here.
    """
    np.empty(1 << 24, np.uint8)


class Specialization:
    """The program for one shape of arguments, and the functions generated from it so far."""

    def __init__(
        self,
        function: Callable[..., Any],
        parameters: list[Parameter],
        target: str,
        dtype: Any,
        keep_scalars: bool = False,
    ) -> None:
        self.dtype = dtype
        _keep_freed_memory()
        self.is_batched = [parameter.is_batched for parameter in parameters]
        counts = [count_blocks(parameter.form) for parameter in parameters]
        self.argument_ends = np.cumsum([0, *counts]).tolist()
        traced = trace(function, parameters)
        self.results = traced.form
        """The form of the results, for one example."""
        self.output_count = len(traced.program.outputs)
        self.traced_scalars = traced.program.input_size + len(traced.program.operations)
        program, self.captured = traced.program, traced.captured
        del traced
        program = simplify(program)
        if self.captured:
            last = len(program.inputs) - 1
            order = in_reading_order(program, last)
            program = reordered(program, last, order)
            self.captured = [self.captured[i] for i in order]
        self.inputs = program.inputs
        self.couples_examples = program.couples_examples
        """Whether the result for one example depends on the others in its batch."""
        if self.couples_examples and not any(self.is_batched):
            raise ValueError(
                "what depends on a whole batch, as BatchNorm in training, is compiled with batched="
            )
        self.instructions = len(program.operations)
        self.program: Program | None = program
        self.target = TARGETS.get(target) or choose(
            program, lambda: self.vectors, lambda: self.loops
        )
        refusal = self.target.refusal(program)
        if refusal:
            raise ValueError(refusal)
        if self.target is not PYTHON and not has_loops(self.form):
            self.vectors = self.form
            if not keep_scalars:
                self.program = None
        self.sources: dict[tuple[int, ...] | None, Source] = {}
        self._functions: dict[tuple[int, ...] | None, Callable[..., Any]] = {}

    def source(self, wanted: tuple[int, ...] | None) -> Source:
        """The generated text that returns the outputs and the gradients of the wanted inputs."""
        if wanted not in self.sources:
            program = with_gathers(self.form) if self.target is NUMPY else self.form
            if wanted is not None:
                program = gradient(program, wanted)
            self.sources[wanted] = self.target.source(program, self.dtype)
        return self.sources[wanted]

    def function(self, wanted: tuple[int, ...] | None) -> Callable[..., Any]:
        """The generated function; see :meth:`source`."""
        if wanted not in self._functions:
            self._functions[wanted] = self._loaded(wanted)
        return self._functions[wanted]

    def _loaded(self, wanted: tuple[int, ...] | None) -> Callable[..., Any]:
        source = self.source(wanted)
        try:
            return self.target.load(source, self.dtype)
        except (RuntimeError, OSError, AttributeError) as error:
            if self.target is not NATIVE:
                raise
            log.warning("native code could not be made, running NumPy instead: %s", error)
            self.target, self.sources = NUMPY, {}
            return self.target.load(self.source(wanted), self.dtype)

    @property
    def form(self) -> VectorProgram:
        """The program as its target wants it."""
        if self.target is PYTHON:
            assert self.program is not None
            return PYTHON.form(self.program)
        return self.in_vectors

    @functools.cached_property
    def loops(self) -> VectorProgram:
        """The program in instructions on vectors, and recurrences as loops."""
        assert self.program is not None
        return schedule(self.program, rolled=True)

    @functools.cached_property
    def vectors(self) -> VectorProgram:
        """The program in instructions on vectors."""
        assert self.program is not None
        return schedule(self.program)

    @functools.cached_property
    def chunk(self) -> int:
        """Number of examples that are computed at a time."""
        if self.target is JAX or self.couples_examples:
            return sys.maxsize
        if self.target is NATIVE:
            return max(FEWEST_EXAMPLES, NATIVE_WORK // max(1, self.instructions))
        made = self.vectors.blocks[self.vectors.inputs :]
        largest = max([block.size for block in made if block.kind == BATCHED], default=1)
        return max(FEWEST_EXAMPLES, LARGEST_ARRAY // largest)

    def goes_wrong(self, columns: list[Any]) -> bool:
        """Whether an instruction gives a number that is not finite where its operands are."""
        return goes_wrong(self.in_vectors, columns, self.dtype)

    @property
    def in_vectors(self) -> VectorProgram:
        """The program in instructions on vectors, as they run or might run."""
        is_long = (
            self.instructions >= ROLLED_FROM and self.target is NUMPY and self.program is not None
        )
        return self.loops if self.target in (NATIVE, JAX) or is_long else self.vectors

    def stats(self, wanted: tuple[int, ...] | None) -> dict[str, Any]:
        """Counts of the scalar graph and its program; see :attr:`Compiled.stats`."""
        products = sum(
            isinstance(i, Contraction) and program.blocks[i.left.block].kind != BATCHED
            for program in with_bodies(self.in_vectors)
            for i in program.instructions
        )
        return {
            "scalars": self.traced_scalars,
            "instructions": self.instructions,
            "operations": len(list(all_instructions(self.in_vectors))),
            "products": products,
            "gathers": self.source(wanted).gathers,
            "target": self.target.name,
        }

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "target": self.target.name, "_functions": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.target = TARGETS[state["target"]]
