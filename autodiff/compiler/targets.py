"""Targets: what a program can be turned into, and which of them is expected to be fastest.

A target gives a program its form, and prints and loads it; what a call would cost is asked of those
that may be chosen. The costs were measured on one core: NumPy's and Python's were fitted by least
squares of relative errors to the programs without examples of ``benchmarks/workloads.py`` (but the
LSTM), and to Rosenbrock's function and a layer of several widths. What counts is their ratios,
which differ little between machines.
"""

from __future__ import annotations

import builtins
import functools
import importlib.util
import math
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from autodiff.compiler import to_numpy, to_python
from autodiff.compiler.layout import is_even
from autodiff.compiler.native import machine
from autodiff.compiler.native.to_llvm import LLVMSource, llvm_source
from autodiff.compiler.on_jax.to_jax import jax_source
from autodiff.compiler.program import BATCHED, Program
from autodiff.compiler.scalars import in_scalars
from autodiff.compiler.schedule import schedule
from autodiff.compiler.source import Source
from autodiff.compiler.vectors import (
    CONSTANTS,
    Add,
    Contraction,
    Elementwise,
    Pack,
    VectorProgram,
    all_instructions,
    is_whole,
    views_of,
)
from autodiff.expressions import EXPRESSION, Call, Expression, Name, as_expression, is_function
from autodiff.primitives import Primitive, logsumexp

Run = Callable[..., Any]
"""Takes one array for each input, and returns the outputs, and gradients beside them, as arrays."""


class Target(Protocol):
    """The interface of a target of the compiler.

    Attributes:
        name: as in ``compile(..., target=name)``.
        raises: whether it raises for what the results needed alone, so that an error is final.
            Vectors compute both branches of a choice: there an error may be of the other one.
        watches: whether it raises FloatingPointError by itself if anything goes wrong, so that its
            results need not be looked at.
    """

    name: str
    raises: bool
    watches: bool

    def refusal(self, program: Program) -> str:
        """Why a program cannot be run here, in a sentence, or nothing."""

    def form(self, program: Program) -> VectorProgram:
        """The program in the form that is differentiated and printed."""

    def source(self, program: VectorProgram, dtype: Any) -> Source:
        """The text of a program."""

    def load(self, source: Source, dtype: Any) -> Run:
        """The function that a text defines."""


_WHOLE_BATCHES = (
    "what depends on a whole batch, as BatchNorm in training, is for NumPy; leave target= and "
    "engine= out"
)


class _Work(NamedTuple):
    """Numbers of operators and functions that are evaluated."""

    operators: int
    functions: int

    def __add__(self, other: Any) -> _Work:
        return _Work(self[0] + other[0], self[1] + other[1])


def _work_of(formula: Expression) -> _Work:
    if not isinstance(formula, Call):
        return _Work(0, 0)
    is_called = is_function(formula) or formula.function == "power"
    own = _Work(0, 1) if is_called else _Work(1, 0)
    return sum(map(_work_of, formula.operands), own)


@functools.cache
def _work_with_gradient(primitive: Primitive) -> _Work:
    """The work of an operation of fixed arity, and of what it hands back to its operands."""
    assert primitive.arity is not None
    y, operands = Name("y"), list(map(Name, "abc"[: primitive.arity]))
    total = _work_of(as_expression(primitive.value(EXPRESSION, *operands)))
    partials = primitive.partial_derivatives(EXPRESSION, y, operands, [True] * len(operands))
    for slot, partial in enumerate(partials):
        if slot not in primitive.flat_slots:  # a product and a sum for each
            total += _work_of(as_expression(partial)) + _Work(2, 0)
    return total


class _Numpy:
    """Vectors, by NumPy."""

    name = "numpy"
    raises = watches = False
    # Seconds of one operation, each with what its gradient adds; FIRST is that of the call itself.
    CALL, SLICE, GATHER, PRODUCT, LOGSUMEXP, FIRST = 340e-9, 400e-9, 2.2e-6, 11e-6, 20e-6, 13e-6
    ELEMENT, GATHERED = 0.3e-9, 3.4e-9

    def refusal(self, program: Program) -> str:  # noqa: ARG002
        return ""

    def form(self, program: Program) -> VectorProgram:
        return schedule(program)

    def least_cost(self, program: Program) -> float:
        """Return a lower bound of the cost, found without making vectors.

        Only instructions of one depth and one operation can be a vector instruction together.
        """
        depths = program.depths()[program.first :]
        together = Counter(
            operation for _, operation in set(zip(depths, program.operations, strict=True))
        )
        calls = sum(
            count * (1 if operation.arity is None else sum(_work_with_gradient(operation)))
            for operation, count in together.items()
        )
        return self.FIRST + self.CALL * calls

    def cost(self, vectors: VectorProgram) -> float:
        """Seconds that a value and its gradient are expected to take."""
        total = self.FIRST
        for instruction in vectors.instructions:
            size = vectors.blocks[instruction.block].size
            if isinstance(instruction, Contraction):
                total += self.PRODUCT
            elif isinstance(instruction, Pack):
                total += self.CALL + 2 * self.SLICE * len(instruction.views)
            elif isinstance(instruction, Elementwise):
                primitive = instruction.primitive
                assert primitive is not None
                if primitive.arity is not None:
                    calls = sum(_work_with_gradient(primitive))
                    total += calls * (self.CALL + self.ELEMENT * size)
                else:
                    total += self.LOGSUMEXP if primitive is logsumexp else self.CALL
            for view in views_of(instruction):
                if view.block == CONSTANTS or is_whole(view, vectors.blocks[view.block].size):
                    continue
                if is_even(view.indices, vectors.blocks[view.block].size):
                    total += self.SLICE
                else:
                    total += self.GATHER + self.GATHERED * view.indices.size
        return total

    def cost_as_it_is(self, program: VectorProgram, examples: int) -> float:
        """Seconds that a call of a program takes, which has its gradients or tangents already."""
        total = self.FIRST
        for instruction in program.instructions:
            block = program.blocks[instruction.block]
            size = block.size * (examples if block.kind == BATCHED else 1)
            calls = 1 if not isinstance(instruction, Elementwise | Add) else (
                sum(_work_of(instruction.formula)) + len(instruction.sums)
            )  # fmt: skip
            total += (calls + isinstance(instruction, Add)) * (self.CALL + self.ELEMENT * size)
            for view in views_of(instruction):
                if view.block != CONSTANTS and view.indices.size < program.blocks[view.block].size:
                    total += self.SLICE
        return total

    def source(self, program: VectorProgram, dtype: Any) -> Source:  # noqa: ARG002
        return to_numpy.numpy_source(program)

    def load(self, source: Source, dtype: Any) -> Run:
        return _defined(source, to_numpy.namespace(source, dtype))


class _Python:
    """Straight lines on floats."""

    name = "python"
    raises, watches = True, False
    # Seconds of one operation, likewise.
    OPERATOR, FUNCTION, TERM, LOGSUMEXP_TERM, INPUT = 15e-9, 235e-9, 45e-9, 1.2e-6, 28e-9
    FIRST = 11e-6

    def refusal(self, program: Program) -> str:
        if any(block.kind == BATCHED for block in program.inputs):
            return 'target="python" is for functions without batched arguments'
        return ""

    def form(self, program: Program) -> VectorProgram:
        return in_scalars(program)

    def cost(self, program: Program) -> float:
        """Seconds that a value and its gradient are expected to take."""
        total = self.FIRST + self.INPUT * program.input_size
        for operation, count in Counter(program.operations).items():
            if operation.arity is not None:
                work = _work_with_gradient(operation)
                total += count * (self.OPERATOR * work.operators + self.FUNCTION * work.functions)
        for operation, operands in zip(program.operations, program.operands, strict=True):
            if operation.arity is None:
                term = self.LOGSUMEXP_TERM if operation is logsumexp else self.TERM
                total += term * len(operands)
        return total

    def source(self, program: VectorProgram, dtype: Any) -> Source:  # noqa: ARG002
        return to_python.python_source(program)

    def load(self, source: Source, dtype: Any) -> Run:
        run = _defined(source, to_python.namespace())

        def on_arrays(*blocks: NDArray[Any]) -> Any:
            results = run(*[block.tolist() for block in blocks])
            if isinstance(results, tuple):
                return tuple([np.array(result, dtype) for result in results])
            return np.array(results, dtype)

        return on_arrays


class _Native:
    """Vectors, by machine code."""

    name = "native"
    raises, watches = False, True
    FIRST = 9e-6  # seconds of the call itself; operations hardly count beside it
    MOST_SCALARS, MOST_COMPILED, MOST_PRODUCTS = 1_000_000, 4_000, 100_000

    def refusal(self, program: Program) -> str:
        if not machine.is_there():
            return 'target="native" needs llvmlite: pip install "autodiff-viz[native]"'
        return _WHOLE_BATCHES if program.couples_examples else ""

    def form(self, program: Program) -> VectorProgram:
        return schedule(program, rolled=True)

    def pays(self, program: Program, form: Callable[[], VectorProgram]) -> bool:
        """Whether it may be chosen: not for what takes long to compile, or is large products."""
        if self.refusal(program) or len(program.operations) > self.MOST_SCALARS:
            return False
        instructions = list(all_instructions(form()))
        products = max(
            [
                i.left.indices.size * i.right.indices.shape[1]
                for i in instructions
                if isinstance(i, Contraction)
            ],
            default=0,
        )
        return products <= self.MOST_PRODUCTS and len(instructions) <= self.MOST_COMPILED

    def source(self, program: VectorProgram, dtype: Any) -> LLVMSource:
        return llvm_source(program, dtype)

    def load(self, source: Source, dtype: Any) -> Run:
        assert isinstance(source, LLVMSource)
        return machine.load(source, dtype)


class _Jax:
    """Vectors, by JAX: never chosen for anybody, since it moves arrays to its devices."""

    name = "jax"
    raises = watches = False

    def refusal(self, program: Program) -> str:
        return _WHOLE_BATCHES if program.couples_examples else ""

    def check(self, dtype: np.dtype[Any]) -> None:
        """Raise an error unless JAX is there, and computes with numbers of this type."""
        if importlib.util.find_spec("jax") is None:
            raise ValueError('target="jax" needs JAX: pip install "autodiff-viz[jax]"')
        import jax

        if dtype == np.float64 and not jax.config.jax_enable_x64:
            raise ValueError(
                'dtype="float64" needs JAX\'s 64-bit mode, which is off; turn it on with '
                'jax.config.update("jax_enable_x64", True), or compile with dtype="float32"'
            )

    def form(self, program: Program) -> VectorProgram:
        return schedule(program, rolled=True)

    def source(self, program: VectorProgram, dtype: Any) -> Source:
        return jax_source(program, dtype)

    def load(self, source: Source, dtype: Any) -> Run:
        """The function, compiled by JAX, with the examples along the first axis of the outputs."""
        import jax

        arrays = {
            name: array.astype(dtype) if array.dtype.kind == "f" else array
            for name, array in source.arrays.items()
        }
        return jax.jit(_defined(source, arrays))  # type: ignore[no-any-return]


NUMPY, PYTHON, NATIVE, JAX = _Numpy(), _Python(), _Native(), _Jax()
TARGETS: dict[str, Target] = {"numpy": NUMPY, "python": PYTHON, "native": NATIVE, "jax": JAX}
MOST_STATEMENTS = 100_000
"""Longer straight-line programs take Python longer to compile than they save."""


def choose(
    program: Program,
    vectors: Callable[[], VectorProgram],
    loops: Callable[[], VectorProgram],
) -> Target:
    """The target that is expected to be fastest.

    Args:
        vectors: gives the program's form for NumPy, which is not asked for if it cannot pay.
        loops: gives its form for native code, likewise.
    """
    is_narrow = not PYTHON.refusal(program) and len(program.operations) <= MOST_STATEMENTS
    in_python = PYTHON.cost(program) if is_narrow else math.inf
    if in_python * WORTH_COMPILING < NATIVE.FIRST:
        return PYTHON
    if NATIVE.pays(program, loops):
        return NATIVE
    if in_python < NUMPY.least_cost(program):
        return PYTHON
    return PYTHON if in_python < NUMPY.cost(vectors()) else NUMPY


WORTH_COMPILING = 0.6
"""Native code is made if it is expected to take this share of the time at most."""


def _defined(source: Source, space: dict[str, Any]) -> Run:
    exec(builtins.compile(source.text, "<compiled>", "exec"), space)
    return space["run"]  # type: ignore[no-any-return]
