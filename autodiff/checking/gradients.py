"""Checking derivatives against differences of the function itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from autodiff.structure import align, flatten
from autodiff.transforms import grad
from autodiff.value import Value

_SHRINK = 1.4
_COLUMNS = 12


class GradientError(AssertionError):
    """A derivative is wrong, or cannot be checked here; the message says which and by how much."""


class Difference(NamedTuple):
    """A numerical derivative and an estimate of its own error.

    Attributes:
        value: the derivative.
        error: about how far off it may be, as an absolute number.
    """

    value: float
    error: float


def numerical_derivative(function: Callable[[float], float], at: float) -> Difference:
    """Central differences with ever smaller steps, extrapolated to step zero.

    Ridders, Accurate computation of F'(x) and F'(x)F''(x) (1982): Neville's tableau on the squares
    of the steps; the error of an entry is estimated by how much its neighbours differ from it, and
    the entry with the least is the answer.

    Args:
        function: of one float.
        at: the point.

    Raises:
        GradientError: if the function has no value on both sides of the point, however near.

    >>> round(numerical_derivative(lambda x: x**3, 2.0).value, 12)
    12.0
    """
    step = 0.1 * max(abs(at), 1.0)
    while True:
        step = _possible_step(function, at, step)
        try:
            return _extrapolated(function, at, step)
        except (ValueError, ArithmeticError):  # no value somewhere within the step
            step /= 8


def _extrapolated(function: Callable[[float], float], at: float, step: float) -> Difference:
    tableau: list[list[float]] = []
    best = Difference(math.nan, math.inf)
    for column in range(_COLUMNS):
        high, low = at + step, at - step
        row = [(function(high) - function(low)) / (high - low)]
        factor = _SHRINK**2
        for j in range(column):
            row.append((row[j] * factor - tableau[-1][j]) / (factor - 1))
            factor *= _SHRINK**2
            error = max(abs(row[j + 1] - row[j]), abs(row[j + 1] - tableau[-1][j]))
            if error <= best.error:
                best = Difference(row[j + 1], error)
        tableau.append(row)
        step /= _SHRINK
    return Difference(best.value, max(best.error, _kink(function, at, step)))


def _kink(function: Callable[[float], float], at: float, step: float) -> float:
    """How much the slopes on both sides differ, if that does not get less nearer to the point."""
    here = function(at)
    far, near = (abs(function(at + h) + function(at - h) - 2 * here) / h for h in (step, step / 4))
    return near if near > far / 2 and near > 1e-6 * max(1.0, abs(here) / step) else 0.0


def _possible_step(function: Callable[[float], float], at: float, step: float) -> float:
    least = 1e-12 * max(abs(at), 1.0)
    while step > least:
        try:
            if math.isfinite(function(at + step)) and math.isfinite(function(at - step)):
                return step
        except (ValueError, ArithmeticError):
            pass
        step /= 8
    raise GradientError(
        f"the derivative at {at!r} cannot be checked: the function has no value on both sides of it"
    )


def check_gradient(
    function: Callable[..., Any],
    *arguments: Any,
    order: int = 1,
    gradient: Callable[..., Any] | None = None,
    tolerance: float = 1e-6,
) -> None:
    """Check derivatives of a scalar function at one point, against differences of its values.

    Args:
        function: of numbers or structures of numbers, with one scalar result. It is called with
            Values; with floats, where ``gradient`` is given.
        arguments: the point, in the structure that the function takes.
        order: 1 for the gradient, 2 for the gradient and all second derivatives.
        gradient: a gradient to check in place of autodiff's own, a hand-written one say. It takes
            the same arguments and returns one number for each number in them, in the same structure
            (of the only argument, or a tuple of structures if there are several).
        tolerance: how far off a derivative may be, relative to its size, or to 1 if it is smaller.

    Raises:
        GradientError: an AssertionError that says which derivative is wrong, what was expected and
            how far off it is; or that the function is not smooth enough here to tell.

    >>> check_gradient(lambda x, y: x * y + x, 2.0, 3.0, order=2)
    >>> wrong = lambda x: 2 * x**2
    >>> check_gradient(lambda x: x**3, 2.0, gradient=wrong)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    GradientError: argument 0: expected a derivative of 12, got 8, which is 4 off
    """
    if order not in (1, 2):
        raise ValueError(f"order must be 1 or 2, got {order!r}")
    numbers, rebuild = flatten(list(arguments))
    point = [float(n.data if isinstance(n, Value) else n) for n in numbers]
    names = _places(arguments)
    every = range(len(arguments)) if len(arguments) != 1 else 0
    slopes = gradient or grad(function, every)
    wanted = arguments[0] if len(arguments) == 1 else arguments

    def value(at: Sequence[float]) -> float:
        seen = at if gradient else [Value(x) for x in at]
        return _plain(function(*rebuild(seen)))

    def slope(at: Sequence[float]) -> list[float]:
        return [_plain(number) for number in in_order(slopes(*rebuild(at)))]

    def in_order(derivatives: Any) -> list[Any]:
        try:
            return align(derivatives, wanted, "derivatives")
        except ValueError as error:
            raise GradientError(str(error)) from None

    found = slope(point)
    for i, name in enumerate(names):
        expected = numerical_derivative(_along(value, point, i), point[i])
        _compare(found[i], expected, f"{name}: expected a derivative", tolerance)
    if order == 2:
        _check_second(lambda at: in_order(slopes(*rebuild(at))), slope, point, names, tolerance)


def _check_second(
    slopes: Callable[[Sequence[Any]], list[Any]],
    slope: Callable[[Sequence[float]], list[float]],
    point: list[float],
    names: list[str],
    tolerance: float,
) -> None:
    """Each row of the Hessian against differences of the gradient, whose own check has passed."""
    for i, name in enumerate(names):

        def component(at: Sequence[Any], i: int = i) -> Any:
            return slopes(at)[i]

        def plain_component(at: Sequence[float], i: int = i) -> float:
            return slope(at)[i]

        row = grad(component)(list(point))
        for j, other in enumerate(names):
            expected = numerical_derivative(_along(plain_component, point, j), point[j])
            what = f"{name} and {other}: expected a second derivative"
            _compare(row[j], expected, what, tolerance)


def _compare(found: float, expected: Difference, what: str, tolerance: float) -> None:
    if not math.isfinite(found):
        raise GradientError(f"{what} of {expected.value:.10g}, got {found}")
    size = max(1.0, abs(expected.value), abs(found))
    if abs(found - expected.value) <= tolerance * size:
        return
    if not expected.error <= tolerance * size:
        raise GradientError(
            f"{what} of {expected.value:.6g} ± {expected.error:.1g}, which is too uncertain to "
            f"check {found:.6g}: the function is not smooth enough near this point"
        )
    off = abs(found - expected.value)
    raise GradientError(
        f"{what} of {expected.value:.10g}, got {found:.10g}, which is {off:.3g} off"
    )


def _along(
    function: Callable[[Sequence[float]], float], point: Sequence[float], i: int
) -> Callable[[float], float]:
    """The function of one number alone, all others as at the point."""
    return lambda x: function([*point[:i], x, *point[i + 1 :]])


def _plain(number: Any) -> float:
    return float(number.data if isinstance(number, Value) else number)


def _places(arguments: Sequence[Any]) -> list[str]:
    """A name for every scalar: ``argument 0``; in a structure ``argument 1, number 5 of 8``."""
    names = []
    for i, argument in enumerate(arguments):
        count = len(flatten(argument)[0])
        if count == 1:
            names.append(f"argument {i}")
        else:
            names += [f"argument {i}, number {j} of {count}" for j in range(count)]
    return names
