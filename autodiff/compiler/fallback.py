"""Fallback: a call repeated on Values, where a number has no value or is too large.

They raise with a note on the first operation that went wrong; if they do not, their own results are
the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.compiler.arguments import added, example, stacked
from autodiff.compiler.running import Call
from autodiff.recording import no_grad
from autodiff.structure import flatten
from autodiff.transforms import ArgumentNumbers, chosen_arguments, is_index, value_and_grad
from autodiff.value import Value

Function = Callable[..., Any]


def on_values(function: Function, call: Call, argnums: ArgumentNumbers | None) -> Any:
    """The results of a call, or results and gradients, with a leading axis of examples if any.

    Args:
        function: what was compiled.
        call: its arguments.
        argnums: the arguments whose gradients are wanted; None: results alone.
    """
    if call.examples is None:
        return _answer(function, call.arguments, argnums)
    results = []
    for i in range(call.examples):
        try:
            results.append(_answer(function, _example(call, i), argnums))
        except (ArithmeticError, ValueError) as error:
            error.add_note(f"in example {i} of {call.examples}")
            raise
    return _gathered(call, results, argnums)


def _example(call: Call, i: int) -> tuple[Any, ...]:
    return tuple(
        example(argument, i) if is_batched else argument
        for is_batched, argument in zip(call.special.is_batched, call.arguments, strict=True)
    )


def _answer(function: Function, arguments: tuple[Any, ...], argnums: ArgumentNumbers | None) -> Any:
    if argnums is not None:
        with np.errstate(all="ignore"):
            return value_and_grad(function, argnums)(*arguments)
    scalars, rebuild = flatten(list(arguments))
    with np.errstate(all="ignore"), no_grad():
        outputs = function(*rebuild([Value(scalar) for scalar in scalars]))
    results, rebuild_results = flatten(outputs)
    return rebuild_results([y.data if isinstance(y, Value) else y for y in results])


def _gathered(call: Call, results: list[Any], argnums: ArgumentNumbers | None) -> Any:
    """Examples computed one by one, put together as the program gives them."""
    if argnums is None:
        return stacked(results)
    values = stacked([value for value, _ in results])
    chosen = chosen_arguments(argnums, len(call.arguments))
    gradients = [[g] if is_index(argnums) else list(g) for _, g in results]
    combined = []
    for k, i in enumerate(chosen):
        of_argument = [gradient[k] for gradient in gradients]
        is_batched = call.special.is_batched[i]
        combined.append(stacked(of_argument) if is_batched else added(of_argument))
    return values, combined[0] if is_index(argnums) else tuple(combined)
