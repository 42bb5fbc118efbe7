"""Transforms: functions of numbers in, functions that compute derivatives out.

A function may take numbers, NumPy arrays and structures of them; it is called with Values in their
places, and derivatives come back in the same structure. Plain numbers in, plain
numbers out; inside another transform, or given Values, the derivatives are Values, so that
transforms nest. Every call sees its arguments through nodes of its own, which is why nested
transforms never confuse theirs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple, Protocol, TypeGuard, TypeVar, overload

import numpy as np

from autodiff.adjoint import ONE, gradients, tangents
from autodiff.derivative_graphs import derivatives_as_values, neutral_as_value
from autodiff.mathematics import as_number, carrier_of
from autodiff.recording import differentiated, differentiating, is_tracing, recording_now
from autodiff.structure import Rebuild, align, flatten, nest
from autodiff.value import (
    Value,
    as_values,
    results_as_values,
    seen_through,
)

Function = Callable[..., Any]
ArgumentNumbers = int | Sequence[int]
T = TypeVar("T")


class Gradient(Protocol):
    """A gradient with respect to the first argument, in the structure of that argument."""

    @overload
    def __call__(self, argument: float, /, *others: Any, **options: Any) -> float: ...
    @overload
    def __call__(self, argument: T, /, *others: Any, **options: Any) -> T: ...


class ValueAndGradient(Protocol):
    """A result, and its gradient with respect to the first argument, in that one's structure."""

    @overload
    def __call__(self, argument: float, /, *others: Any, **options: Any) -> tuple[float, float]: ...
    @overload
    def __call__(self, argument: Value, /, *others: Any, **options: Any) -> tuple[Value, Value]: ...
    @overload
    def __call__(self, argument: T, /, *others: Any, **options: Any) -> tuple[Any, T]: ...


@overload
def grad(function: Function, argnums: Literal[0] = 0) -> Gradient: ...
@overload
def grad(function: Function, argnums: int) -> Function: ...
@overload
def grad(function: Function, argnums: Sequence[int]) -> Callable[..., tuple[Any, ...]]: ...
@overload
def grad(function: Function, argnums: ArgumentNumbers) -> Function: ...
def grad(function: Function, argnums: ArgumentNumbers = 0) -> Function:
    """The gradient of a function with one scalar result.

    Args:
        function: called with Values in place of the numbers.
        argnums: the positional argument to differentiate with respect to; a sequence gives a tuple.

    Returns:
        A function of the same arguments, which gives the gradient in their structure.

    Raises:
        TypeError: at a call, if the function has several results, or an argument is no number.
        ValueError: at a call, if there is no such argument, or one is named twice.

    >>> grad(lambda x: x**3)(2.0)
    12.0
    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    >>> grad(lambda p: p["a"] * p["b"][0])({"a": 2.0, "b": [3.0, 4.0]})
    {'a': 3.0, 'b': [2.0, 0.0]}
    """
    _check_function("grad", function)
    both = value_and_grad(function, argnums)
    return _named("grad", function, lambda *arguments, **options: both(*arguments, **options)[1])


@overload
def value_and_grad(function: Function, argnums: Literal[0] = 0) -> ValueAndGradient: ...
@overload
def value_and_grad(
    function: Function, argnums: ArgumentNumbers
) -> Callable[..., tuple[Any, Any]]: ...
def value_and_grad(function: Function, argnums: ArgumentNumbers = 0) -> Function:
    """The result of a function together with its gradient; see :func:`grad`.

    >>> value_and_grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 5.0)
    (10.0, (5.0, 2.0))
    """

    _check_function("value_and_grad", function)

    def transformed(*arguments: Any, **options: Any) -> tuple[Any, Any]:
        call = _call(function, arguments, options, argnums)
        output = call.only_output()
        return call.plain(output), call.rebuild_inputs(call.gradient([output], [call.one(output)]))

    return _named("value_and_grad", function, transformed)


def jacobian(function: Function, argnums: ArgumentNumbers = 0) -> Function:
    """All partial derivatives of a function with any structure of results.

    The result has the structure of the function's results, with the structure of the arguments in
    place of each number or array; arrays of shapes S and T make one of shape S + T. It takes one
    reverse pass for each scalar result.

    Args:
        function, argnums: as for :func:`grad`.

    >>> jacobian(lambda x: [x[0] * x[1], x[0] ** 2])([3.0, 4.0])
    [[4.0, 3.0], [6.0, 0.0]]
    >>> jacobian(lambda p: p["w"] * p["c"])({"w": np.array([1.0, 2.0]), "c": 3.0})["w"].tolist()
    [[3.0, 0.0], [0.0, 3.0]]
    """

    _check_function("jacobian", function)

    def transformed(*arguments: Any, **options: Any) -> Any:
        call = _call(function, arguments, options, argnums)
        rows = [call.gradient([y], [call.one(y)]) for y in call.outputs]
        return nest(call.rebuild_outputs.form, call.rebuild_inputs.form, rows)

    return _named("jacobian", function, transformed)


def hessian(function: Function, argnums: ArgumentNumbers = 0) -> Function:
    """All second partial derivatives of a function with one scalar result.

    The result has the structure of the arguments, with the same structure in place of each number
    or array, as for :func:`jacobian`: it is the Jacobian of the gradient.

    Args:
        function, argnums: as for :func:`grad`.

    >>> hessian(lambda x: x[0] ** 2 * x[1])([3.0, 4.0])
    [[8.0, 6.0], [6.0, 0.0]]
    """
    _check_function("hessian", function)
    transformed = _named("hessian", function, jacobian(grad(function, argnums), argnums))
    transformed.second_derivatives_of = SecondDerivatives(function, argnums)  # type: ignore[attr-defined]
    return transformed


class SecondDerivatives(NamedTuple):
    """The origin of a Hessian, for the compiler, which takes it apart."""

    function: Function
    argnums: ArgumentNumbers


def jvp(function: Function, primals: Sequence[Any], directions: Sequence[Any]) -> tuple[Any, Any]:
    """Jacobian-vector product, in forward mode: how the results move with the arguments.

    Args:
        function: of ``len(primals)`` positional arguments.
        primals: a tuple or list of arguments, the point.
        directions: for each argument its direction, in the same structure.

    Returns:
        The results, and their derivative along the directions, in the same structure.

    Raises:
        TypeError: if the point or the directions are no tuples or lists.
        ValueError: if the directions have another structure than the point.

    >>> jvp(lambda x, y: x * y, (2.0, 5.0), (1.0, 0.0))
    (10.0, 5.0)
    """
    _check_function("jvp", function)
    if not isinstance(primals, list | tuple) or not isinstance(directions, list | tuple):
        raise TypeError("primals and directions are tuples with one entry for each argument")
    call = _call(function, primals, {}, range(len(primals)))
    seeds = _seeds(align(list(directions), list(primals), "directions"), call.inputs)
    moved = tangents(call.inputs, call.outputs, seeds, call.derivatives_of)
    derivatives = [call.finish(t, y) for t, y in zip(moved, call.outputs, strict=True)]
    return call.results(), call.rebuild_outputs(derivatives)


def vjp(function: Function, *primals: Any) -> tuple[Any, Function]:
    """Vector-Jacobian product, in reverse mode.

    Args:
        function: of as many positional arguments as there are primals.
        primals: the point.

    Returns:
        The results, and a function that takes one number for each scalar of the results, in their
        structure, and returns a tuple with one gradient for each argument.

    >>> results, pull_back = vjp(lambda x, y: [x * y, x + y], 2.0, 5.0)
    >>> results, pull_back([1.0, 10.0])
    ([10.0, 7.0], (15.0, 12.0))
    """
    _check_function("vjp", function)
    call = _call(function, primals, {}, range(len(primals)))

    def pull_back(weights: Any) -> Any:
        seeds = _seeds(align(weights, call.results(), "weights"), call.outputs)
        return call.rebuild_inputs(call.gradient(call.outputs, seeds))

    return call.results(), pull_back


def hvp(function: Function, primals: Sequence[Any], directions: Sequence[Any]) -> Any:
    """Hessian-vector product, forward over reverse: two passes, however many arguments there are.

    Pearlmutter, Fast exact multiplication by the Hessian (1994). The result has the structure of
    the first argument if there is one, else of all of them.

    Args:
        function: with one scalar result.
        primals, directions: as for :func:`jvp`.

    Raises:
        TypeError, ValueError: as :func:`jvp` and :func:`grad` do.

    >>> hvp(lambda x: x[0] ** 2 * x[1], ([3.0, 4.0],), ([1.0, 0.0],))
    [8.0, 6.0]
    """
    _check_function("hvp", function)
    if not isinstance(primals, list | tuple):
        raise TypeError("primals and directions are tuples with one entry for each argument")
    argnums = 0 if len(primals) == 1 else range(len(primals))
    return jvp(grad(function, argnums), primals, directions)[1]


# ------------------------------------------------------------------------------------ one call


class _Call(NamedTuple):
    """One traced call of a function: its inputs and outputs as Values, and how to put them back."""

    inputs: list[Value]
    outputs: list[Value]
    rebuild_inputs: Rebuild
    rebuild_outputs: Rebuild
    as_values: bool
    as_graph: bool

    def derivatives_of(self, node: Value, wanted: Sequence[bool]) -> Sequence[Any]:
        return derivatives_as_values(node, wanted) if self.as_graph else node.local_derivatives

    def gradient(self, outputs: list[Value], seeds: Sequence[Any]) -> list[Any]:
        found = gradients(self.inputs, outputs, seeds, self.derivatives_of)
        return [self.finish(found[node], node) for node in self.inputs]

    def one(self, output: Value) -> Any:
        return ONE if self.as_graph else carrier_of(output.data)(1)

    def finish(self, derivative: Any, like: Value) -> Any:
        return self.plain(neutral_as_value(derivative, like))

    def plain(self, value: Value) -> Any:
        if self.as_graph:
            return value
        return as_values([value.data])[0] if self.as_values else value.data

    def results(self) -> Any:
        return self.rebuild_outputs([self.plain(output) for output in self.outputs])

    def only_output(self) -> Value:
        if len(self.outputs) != 1:
            raise TypeError(
                f"expected a function with one scalar result, got {len(self.outputs)} of them; "
                "use jacobian(...) for several"
            )
        return self.outputs[0]


def _call(
    function: Function, arguments: Sequence[Any], options: dict[str, Any], argnums: ArgumentNumbers
) -> _Call:
    chosen = chosen_arguments(argnums, len(arguments))
    single = is_index(argnums)
    scalars, rebuild = flatten(
        arguments[chosen[0]] if single else tuple(arguments[i] for i in chosen)
    )
    inputs = [_seen(scalar) for scalar in scalars]
    nested = (
        bool(differentiated())
        or is_tracing()
        or any(isinstance(scalar, Value) for scalar in scalars)
    )
    replaced = list(arguments)
    seen = rebuild(inputs)
    for i, argument in zip(chosen, [seen] if single else seen, strict=True):
        replaced[i] = argument
    # Within no_grad() nobody differentiates further: results are constants, and may be infinite.
    as_graph = nested and (bool(differentiated()) or recording_now()[1] is not False)
    with differentiating(inputs):
        outputs, rebuild_outputs = flatten(function(*replaced, **options))
    return _Call(
        inputs,
        results_as_values(outputs, function),
        rebuild,
        rebuild_outputs,
        nested,
        as_graph,
    )


def _seen(scalar: Any) -> Value:
    """A node of this call's own, through which the function sees an argument."""
    return seen_through(scalar) if isinstance(scalar, Value) else Value(scalar)


def chosen_arguments(argnums: ArgumentNumbers, count: int) -> list[int]:
    """The positions that argnums names, from 0.

    Raises:
        ValueError: if there is no such argument among ``count``, or one is named twice.
    """
    if isinstance(argnums, bool) or not (is_index(argnums) or hasattr(argnums, "__iter__")):
        raise ValueError(f"argnums must be a whole number or several, got {argnums!r}")
    numbers: list[int] = [argnums] if is_index(argnums) else list(argnums)  # type: ignore[arg-type]
    for number in numbers:
        if not is_index(number) or not -count <= number < count:
            raise ValueError(
                f"argnums names argument {number!r}, but the function was called with {count} "
                "positional argument(s)"
            )
    chosen = [number % count for number in numbers]
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"argnums names an argument twice: {numbers}")
    return chosen


def is_index(number: object) -> TypeGuard[int]:
    """Whether it is a whole number, Python's or NumPy's."""
    return isinstance(number, int | np.integer) and not isinstance(number, bool)


def _seeds(numbers: Sequence[Any], likes: Sequence[Value]) -> list[Any]:
    """Numbers for the chain rule to start from; an int in the carrier of what it belongs to."""
    return [
        number
        if isinstance(number, Value)
        else carrier_of(like._data)(number)
        if type(number) is int
        else as_number(number)
        for number, like in zip(numbers, likes, strict=True)
    ]


def _check_function(transform: str, function: object) -> None:
    if not callable(function):
        raise TypeError(
            f"{transform}() expected a function, got {type(function).__name__} {function!r:.40}; "
            "give it the function f itself, not f(x)"
        )


def _named(transform: str, function: Function, transformed: Function) -> Function:
    name = getattr(function, "__name__", "function")
    with suppress(TypeError, ValueError):
        transformed.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    transformed.__name__ = transformed.__qualname__ = f"{transform}({name})"
    return transformed
