"""Trace: a function called once on Values without numbers, and what it recorded as a Program."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from autodiff import primitives
from autodiff.adjoint import topological_order
from autodiff.arrays import as_array
from autodiff.compiler.program import BATCHED, SHARED, Input, Program
from autodiff.mathematics import UNKNOWN
from autodiff.recording import tracing
from autodiff.structure import (
    AnyForm,
    flatten,
    leaf_forms,
    leaf_names,
    put_together,
    shape_of,
)
from autodiff.value import Value, results_as_values, traced_leaf


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
    with tracing() as happened:
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
        outputs = results_as_values(results, function)
    if happened.refusals:  # also if the function went on regardless
        raise happened.refusals[0]
    checked = [node for node in happened.partial if _may_have_no_value(node)]
    program, captured = _flatten_graph(inputs, leaves, outputs, checked)
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


def _may_have_no_value(node: Value) -> bool:
    """Whether a partial operation may leave its domain; not so x / 2 or x ** 3."""
    assert node.op is not None
    constants = [p._data if p.op is primitives.constant else None for p in node.parents]
    return not all(
        node.op.domain.contains(*[probe if c is None else c for c in constants])
        for probe in (-2.0, -0.5, 0.0, 0.5, 2.0)
    )


def _flatten_graph(
    inputs: list[Input], leaves: list[Value], outputs: list[Value], checked: list[Value]
) -> tuple[Program, list[Value]]:
    """Number every scalar: inputs, what was captured, constants, then operations in order.

    What is to be checked is part of the program, even if no output needs it.
    """
    order = topological_order(outputs)
    needed = set(order)
    checked = [node for node in checked if node not in needed]
    if checked:
        order += topological_order(checked, until=needed)
    number_of: dict[Value, int] = {leaf: i for i, leaf in enumerate(leaves)}
    captured: list[Value] = []
    numbers: list[Value] = []
    read = chain.from_iterable([node.parents for node in order])
    for value in dict.fromkeys([value for value in chain(read, outputs) if not value.parents]):
        if value not in number_of:
            (numbers if value.op is primitives.constant else captured).append(value)
    if any(value._data is UNKNOWN for value in captured):
        float(UNKNOWN)  # kept from another function that was compiled; this says what to do
    if captured:
        inputs = [*inputs, Input("captured", SHARED, len(captured))]
    number_of.update({value: i for i, value in enumerate(captured, start=len(leaves))})
    places: dict[str, int] = {}  # by text, which tells -0.0 from 0.0
    for value in numbers:
        place = places.setdefault(repr(float(value._data)), len(places))
        number_of[value] = len(leaves) + len(captured) + place
    program = Program(inputs, [float(text) for text in places])
    number_of.update({node: i for i, node in enumerate(order, start=program.first)})
    program.operations = [node.op for node in order if node.op]
    program.operands = [tuple([number_of[p] for p in node.parents]) for node in order]
    program.scopes = [node.scope for node in order]
    program.names = [node._name for node in order]
    program.outputs = [number_of[output] for output in outputs]
    program.checked = [number_of[node] for node in checked]
    return program, captured
