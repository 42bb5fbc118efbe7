"""Checking derivatives against differences of the function itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from autodiff.checking.differences import (
    Difference,
    best_difference,
    closest_difference,
    is_constant_near,
    is_erratic,
)
from autodiff.mathematics import as_number
from autodiff.structure import align, flatten
from autodiff.transforms import grad
from autodiff.value import Value

_SUBNORMAL = 1e-322  # a few steps between the smallest floats: no derivative is more exact


class GradientError(AssertionError):
    """A derivative is wrong, or cannot be checked here; the message says which and by how much."""


def numerical_derivative(
    function: Callable[[float], float], at: float, tolerance: float = 1e-9
) -> Difference:
    """Return a numerical derivative, from central differences extrapolated to step zero.

    Steps of several sizes are tried, far apart, until one gives the derivative to the tolerance;
    where none does, the most exact result is the answer. So neither the size of the point nor that
    of the function matters.

    Args:
        function: of one float.
        at: the point.
        tolerance: how exact it has to be, relative to its size.

    Raises:
        GradientError: if the function has no value at the point, or none on both sides of it,
            however near.

    >>> round(numerical_derivative(lambda x: x**3, 2.0).value, 12)
    12.0
    """
    found = best_difference(function, at, tolerance)
    if found is None:
        raise GradientError(
            f"the derivative at {at!r} cannot be checked: the function has no value on both sides "
            "of it"
        )
    return found


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
        tolerance: how far off a derivative may be, relative to its own size; what the rounding of
            the function's values leaves open is allowed besides.

    Raises:
        GradientError: an AssertionError that says which derivative is wrong, what was expected and
            how far off it is; or that the function is not smooth enough here to tell.
        TypeError: if an argument, a result or a derivative is no real number.
        ValueError: if the order is not 1 or 2, or the tolerance is not positive.

    >>> check_gradient(lambda x, y: x * y + x, 2.0, 3.0, order=2)
    >>> wrong = lambda x: 2 * x**2
    >>> check_gradient(lambda x: x**3, 2.0, gradient=wrong)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    GradientError: argument 0: expected a derivative of 12, got 8, which is 4 off
    """
    _check_options(function, order, gradient, tolerance)
    numbers, rebuild = flatten(list(arguments))
    names = _places(arguments)
    point = [_point(number, name, gradient) for number, name in zip(numbers, names, strict=True)]
    every = range(len(arguments)) if len(arguments) != 1 else 0
    slopes = gradient or grad(function, every)
    wanted = arguments[0] if len(arguments) == 1 else arguments

    def value(at: Sequence[float]) -> float:
        seen = at if gradient else [Value(x) for x in at]
        return _result(function(*rebuild(seen)))

    def slope(at: Sequence[float]) -> list[float]:
        found = in_order(slopes(*rebuild(at)))
        return [
            _real(number, f"{name}: the gradient")
            for number, name in zip(found, names, strict=True)
        ]

    def in_order(derivatives: Any) -> list[Any]:
        if derivatives is None:
            raise TypeError("the gradient function returned None: does it end in a return?")
        try:
            return align(derivatives, wanted, "derivatives")
        except ValueError as error:
            raise GradientError(str(error)) from None

    here = value(point)
    if not math.isfinite(here):
        raise GradientError(f"the function is {here} here, so its derivative cannot be checked")
    found = slope(point)
    for i, name in enumerate(names):
        _check_first(found[i], _along(value, point, i), point[i], name, tolerance)
    if order == 2:
        _check_second(lambda at: in_order(slopes(*rebuild(at))), slope, point, names, tolerance)


def _check_first(
    found: float, along: Callable[[float], float], at: float, name: str, tolerance: float
) -> None:
    """One partial derivative against differences of the function of that number alone."""
    expected = numerical_derivative(along, at, tolerance / 10)
    if abs(expected.value) <= expected.error:  # terms that cancel leave a rounding of their own
        rounding = 2.0**-50 * abs(along(at)) / max(abs(at), 1.0)
        expected = expected._replace(
            error=expected.error + rounding, noise=expected.noise + rounding
        )
    try:
        _compare(found, expected, f"{name}: expected a derivative", tolerance)
    except GradientError:
        if is_erratic(along, at):
            raise GradientError(
                f"{name}: the derivative at {at!r} cannot be checked, because the function changes "
                "as much from one float to the next as it does far away"
            ) from None
        if found == 0 and is_constant_near(along, at, expected.value):
            return
        closer = closest_difference(along, at, expected)
        _compare(found, closer, f"{name}: expected a derivative", tolerance)


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
            along = _along(plain_component, point, j)
            expected = numerical_derivative(along, point[j], tolerance / 10)
            what = f"{name} and {other}: expected a second derivative"
            _compare(row[j], expected, what, tolerance)


def _compare(found: float, expected: Difference, what: str, tolerance: float) -> None:
    if found == expected.value:
        return
    value, error, _ = expected
    off = abs(found - value)
    allowed = tolerance * max(abs(value), abs(found)) if math.isfinite(found) else 0.0
    if off <= allowed:
        return
    is_known = error <= tolerance * abs(value) + expected.rounding
    if is_known and off <= allowed + error + _SUBNORMAL:
        return
    if math.isfinite(found) and not is_known and not 1000 * error < min(off, abs(value)):
        raise GradientError(
            f"{what} of {value:.6g} ± {error:.1g}, which is too uncertain to "
            f"check {found:.6g}: the function is not smooth enough near this point"
        )
    far = f", which is {off:.3g} off" if math.isfinite(off) else ""
    raise GradientError(f"{what} of {value:.10g}, got {found:.10g}{far}")


def _along(
    function: Callable[[Sequence[float]], float], point: Sequence[float], i: int
) -> Callable[[float], float]:
    """The function of one number alone, all others as at the point."""
    return lambda x: function([*point[:i], x, *point[i + 1 :]])


def _check_options(function: Any, order: Any, gradient: Any, tolerance: Any) -> None:
    if not callable(function):
        raise TypeError(f"expected a function to check, got {function!r:.60}")
    if gradient is not None and not callable(gradient):
        raise TypeError(
            f"gradient must be a function of the same arguments, got {gradient!r:.60}; for known "
            "numbers, write gradient=lambda *arguments: numbers"
        )
    if order not in (1, 2):
        raise ValueError(f"order must be 1 or 2, got {order!r}")
    try:
        is_positive = 0 < tolerance < math.inf
    except (TypeError, ValueError):
        raise TypeError(
            f"tolerance must be a positive number such as 1e-6, got {tolerance!r:.60}"
        ) from None
    if not is_positive:
        raise ValueError(f"tolerance must be a positive number such as 1e-6, got {tolerance!r}")


def _point(number: Any, name: str, gradient: object) -> float:
    if callable(number):
        hint = "" if gradient else "; pass a gradient to check by name, as gradient=..."
        raise TypeError(f"{name}: expected a number to check at, got the function {number!r}{hint}")
    return _real(number, name)


def _result(result: Any) -> float:
    """The number that a function returned."""
    if result is None:
        raise TypeError("the function returned None: does it end in a return?")
    results, _ = flatten(result)
    if len(results) != 1:
        raise TypeError(
            f"expected a function with one scalar result, got {len(results)} of them; check each "
            "alone, as in check_gradient(lambda *arguments: function(*arguments)[0], ...)"
        )
    return _real(results[0], "the function")


def _real(number: Any, what: str) -> float:
    """A number as a float; None is not taken for 0."""
    try:
        return float(as_number(number.data if isinstance(number, Value) else number))
    except TypeError as error:
        raise TypeError(f"{what}: {error}") from None


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
