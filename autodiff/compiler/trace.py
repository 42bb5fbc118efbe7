"""Trace: a function called once on Values without numbers, and what it recorded as a Program."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from autodiff import primitives
from autodiff.adjoint import topological_order
from autodiff.compiler.program import BATCHED, SHARED, Input, Program
from autodiff.recording import tracing
from autodiff.structure import (
    AnyForm,
    as_array,
    flatten,
    leaf_forms,
    leaf_names,
    put_together,
    shape_of,
)
from autodiff.value import Value, as_values, traced_leaf


class Traced(NamedTuple):
    """A program, the form of the results that its outputs are put in, and what it captured.

    ``captured`` are leaves that the function used without being given them: model parameters in a
    closure, for instance. They are the program's last input, read at every call.
    """

    program: Program
    form: AnyForm
    captured: list[Value]


class Parameter(NamedTuple):
    """An argument as the function sees it: the form of its structure, for one example."""

    name: str
    form: AnyForm
    is_batched: bool


def trace(function: Callable[..., Any], parameters: Sequence[Parameter]) -> Traced:
    """Call the function on Values in the place of its arguments' numbers, and flatten its graph.

    Each array in an argument is an input of its own, and so are all plain numbers of one argument
    together.

    Raises:
        TypeError: if the function asks for the number of a traced Value, or decides by one.
    """
    with tracing():
        inputs: list[Input] = []
        leaves: list[Value] = []
        arguments = []
        for parameter in parameters:
            argument, blocks = _as_traced(parameter)
            arguments.append(argument)
            for block, values in blocks:
                inputs.append(block)
                leaves += values
        results, rebuild = flatten(function(*arguments))
        outputs = as_values(results)
    program, captured = _flatten_graph(inputs, leaves, outputs)
    return Traced(program, rebuild.form, captured)


def _as_traced(parameter: Parameter) -> tuple[Any, list[tuple[Input, list[Value]]]]:
    """The argument with Values in it, and these Values input by input."""
    kind = BATCHED if parameter.is_batched else SHARED
    leaves: list[Any] = []
    blocks: list[tuple[Input, list[Value]]] = []
    plain: list[Value] = []
    names = leaf_names(parameter.form, parameter.name)
    for name, leaf in zip(names, leaf_forms(parameter.form), strict=True):
        values = [traced_leaf(name) for _ in range(math.prod(shape_of(leaf)))]
        if leaf is None:
            plain += values
            leaves += values
        else:
            blocks.append((Input(name, kind, len(values)), values))
            leaves.append(as_array(values, shape_of(leaf)))
    if plain:
        blocks.append((Input(parameter.name, kind, len(plain)), plain))
    return put_together(parameter.form, leaves), blocks


def _flatten_graph(
    inputs: list[Input], leaves: list[Value], outputs: list[Value]
) -> tuple[Program, list[Value]]:
    """Number every scalar: inputs, what was captured, constants, then operations in order."""
    order = topological_order(outputs)
    number_of: dict[Value, int] = {leaf: i for i, leaf in enumerate(leaves)}
    captured: list[Value] = []
    numbers: list[Value] = []
    for value in chain((parent for node in order for parent in node.parents), outputs):
        if not value.parents and value not in number_of:
            found = numbers if value.op is primitives.constant else captured
            number_of[value] = len(found)
            found.append(value)
    if captured:
        inputs = [*inputs, Input("captured", SHARED, len(captured))]
    for value in captured:
        number_of[value] += len(leaves)
    places: dict[str, int] = {}  # by text, which tells -0.0 from 0.0
    for value in numbers:
        place = places.setdefault(repr(float(value._data)), len(places))
        number_of[value] = len(leaves) + len(captured) + place
    program = Program(inputs, [float(text) for text in places])
    for i, node in enumerate(order, start=program.first):
        number_of[node] = i
    for node in order:
        assert node.op is not None
        operands = tuple([number_of[parent] for parent in node.parents])
        program.append(node.op, operands, node.scope, node.name)
    program.outputs = [number_of[output] for output in outputs]
    return program, captured
