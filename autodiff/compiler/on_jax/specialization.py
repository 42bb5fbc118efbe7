"""Specialization for JAX: one function for each shape of arguments, which JAX compiles.

Arrays of NumPy are answered with arrays of NumPy. Arrays of JAX stay where they are, and the
function can stand within others that JAX transforms; its derivative is that of our own gradient.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from autodiff.compiler.gradient import gradient
from autodiff.compiler.on_jax.devices import Placement, fetched
from autodiff.compiler.program import BATCHED, SHARED
from autodiff.compiler.specialization import Specialization
from autodiff.compiler.targets import JAX
from autodiff.compiler.trace import Parameter
from autodiff.compiler.vectors import (
    Block,
    Elementwise,
    VectorProgram,
    View,
    whole,
    with_inputs,
)
from autodiff.expressions import call
from autodiff.primitives import PRIMITIVES, fsum
from autodiff.structure import leaf_forms, map_forms, put_together, shape_of

Function = Callable[..., Any]


class JaxSpecialization(Specialization):
    """The program for one shape of arguments, as functions of JAX.

    Args:
        devices: along which examples are split; none: JAX's default.
    """

    def __init__(
        self,
        function: Function,
        parameters: list[Parameter],
        dtype: Any,
        devices: Sequence[Any] = (),
    ) -> None:
        super().__init__(function, parameters, JAX.name, dtype)
        self.placement = Placement(devices) if devices else None
        self._pure: dict[tuple[int, ...] | None, Function] = {}

    def pure(self, wanted: tuple[int, ...] | None) -> Function:
        """The generated function: from blocks to outputs and gradients, all of them JAX's."""
        if wanted not in self._pure:
            self._pure[wanted] = JAX.load(self.source(wanted), self.dtype)
        return self._pure[wanted]

    @functools.cached_property
    def weighted(self) -> Function:
        """The outputs, and the gradients of all inputs of the sum of weights times outputs.

        The weights are one more block, the last one: one for each output, of each example if there
        are examples, also where the outputs are the same for all of them.
        """
        program = _with_weights(self.form)
        wanted = tuple(range(self.form.inputs))
        return JAX.load(JAX.source(gradient(program, wanted), self.dtype), self.dtype)

    @functools.cached_property
    def differentiable(self) -> Function:
        """The outputs of blocks, by example, as a function that JAX differentiates our way."""

        def forward(*blocks: Any) -> Any:
            return self.by_example(self.pure(None)(*blocks), self._examples(blocks))

        def backward(blocks: tuple[Any, ...], cotangent: Any) -> Any:
            return tuple(self.weighted(*blocks, cotangent)[1:])

        outputs: Any = jax.custom_vjp(forward)
        outputs.defvjp(lambda *blocks: (forward(*blocks), blocks), backward)
        return outputs  # type: ignore[no-any-return]

    def results_in_jax(self, blocks: list[Any], examples: int | None) -> Any:
        """The results for arrays of JAX, in their structure."""
        if self.placement is not None:
            padding = self.placement.padding(examples)
            out = self.differentiable(*self.placement.put(blocks, self.inputs, padding))
            out = out[:examples] if padding else out
        else:
            out = self.differentiable(*blocks)
        return put_together(map_forms(shape_of, self.results), self._leaves(out))

    def gradients_in_jax(
        self, wanted: tuple[int, ...], blocks: list[Any], examples: int | None
    ) -> tuple[Any, list[Any]]:
        """The result for arrays of JAX, and the gradients of the wanted blocks."""
        out, gradients = self._on_devices(wanted, blocks, examples)
        return self.by_example(out, examples)[..., 0], gradients

    def _loaded(self, wanted: tuple[int, ...] | None) -> Function:
        """The function on NumPy's arrays, with the examples along the last axis of the outputs."""
        self.source(wanted)

        def on_numpy(*blocks: Any) -> Any:
            out, gradients = self._on_devices(wanted, list(blocks), self._examples(blocks))
            found = fetched(out).T
            return found if wanted is None else (found, *map(fetched, gradients))

        return on_numpy

    def _on_devices(
        self, wanted: tuple[int, ...] | None, blocks: list[Any], examples: int | None
    ) -> tuple[Any, list[Any]]:
        """Outputs and gradients, with what was added for even parts taken away again."""
        placement = self.placement
        padding = placement.padding(examples) if placement else 0
        if placement:
            blocks = placement.put(blocks, self.inputs, padding)
        if not padding or wanted is None:
            results = self.pure(wanted)(*blocks)
            out, *gradients = results if wanted is not None else (results,)
        else:
            assert placement is not None
            assert examples is not None
            weights = placement.weights(examples, padding, self.dtype)
            out, *every = self.weighted(*blocks, self.weights_of_first(weights))
            gradients = [every[i] for i in wanted]
        if padding:
            rows = [g[:examples] if self.inputs[i].kind == BATCHED else g
                    for i, g in zip(wanted or (), gradients, strict=True)]  # fmt: skip
            return (out[:examples] if out.ndim == 2 else out), rows
        return out, gradients

    def weights_of_first(self, weights: Any) -> Any:
        """Weights of all outputs of which the first alone counts, one column for each example."""
        others = jnp.zeros((len(weights), self.output_count - 1), weights.dtype)
        return jnp.concatenate([weights, others], axis=1)

    def _examples(self, blocks: Sequence[Any]) -> int | None:
        """Number of examples."""
        kinds = [own.kind for own in self.inputs]
        return len(blocks[kinds.index(BATCHED)]) if BATCHED in kinds else None

    def by_example(self, out: Any, examples: int | None) -> Any:
        """Outputs with an axis of examples, if there are any."""
        if examples is not None and out.ndim == 1:  # the same for every example
            return jnp.broadcast_to(out, (examples, len(out)))
        return out

    def _leaves(self, out: Any) -> Any:
        """The numbers and arrays of the results, of outputs in rows."""
        start = 0
        for form in leaf_forms(self.results):
            shape = shape_of(form)
            size = int(np.prod(shape))
            piece = out[..., start : start + size]
            yield piece.reshape((*out.shape[:-1], *shape))
            start += size

    def __getstate__(self) -> dict[str, Any]:
        """Functions of JAX are made again; devices are those of the process that reads it."""
        state = super().__getstate__()
        for name in ("weighted", "differentiable"):
            state.pop(name, None)
        return {**state, "_pure": {}, "placement": None}


def _with_weights(program: VectorProgram) -> VectorProgram:
    """The program, of which the sum of weights times outputs is differentiated.

    The weights are one more input, batched if another is.
    """
    kind = max([block.kind for block in program.blocks[: program.inputs]], default=SHARED)
    size, weights = program.outputs.indices.size, program.inputs
    program = with_inputs(program, [Block("weights", kind, size)])
    outputs = program.outputs
    products, total = len(program.blocks), len(program.blocks) + 1
    blocks = [*program.blocks, Block("weighted", kind, size), Block("total", kind, 1)]
    operands = (outputs, whole(weights, size))
    rows = whole(products, size)
    instructions = [
        *program.instructions[: program.forward],
        Elementwise(call("multiply", *operands), products, (), PRIMITIVES["multiply"], operands),
        Elementwise(rows, total, (0,), fsum, (rows,)),
    ]
    return replace(
        program,
        blocks=blocks,
        instructions=instructions,
        first_output=View(total, np.zeros(1, np.int64)),
        forward=len(instructions),
    )
