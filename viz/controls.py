"""Widgets for the arguments of a function and for the leaves of a graph."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np

_MOST_IN_A_COLUMN = 4
_NARROWEST, _WIDEST = 1e-300, 1e300
_STEPS = 100
"""Into which a slider's range is divided."""
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def controls_for(
    show: Callable[..., Any], given: Mapping[str, Any], reserved: str
) -> dict[str, Any]:
    """A widget for each argument of a function, by its name; none may have the reserved name."""
    parameters = _arguments(show, reserved)
    unknown = [name for name in given if name not in parameters]
    if unknown:
        has = ", ".join(parameters) or "none"
        raise TypeError(f"the function has no argument {unknown[0]}; its arguments: {has}")
    return {
        name: _control(name, given.get(name, parameter.default), parameter.default)
        for name, parameter in parameters.items()
    }


def _arguments(show: Callable[..., Any], reserved: str) -> Mapping[str, inspect.Parameter]:
    try:
        parameters = inspect.signature(show).parameters
    except (TypeError, ValueError):
        raise TypeError(
            f"{show!r:.60} does not say what its arguments are; give live() a function around it, "
            "such as lambda x=1.0: ..."
        ) from None
    for name, parameter in parameters.items():
        if parameter.kind not in _BY_NAME:
            raise TypeError(
                f"live() passes each argument by its name, which {parameter} does not allow; give "
                "it a function around this one, such as lambda x=1.0: ..."
            )
        if name == reserved:
            raise TypeError(
                f"the function's argument {name} would be taken for that of live(); rename it"
            )
    return parameters


def _control(name: str, wanted: Any, default: Any) -> Any:
    if wanted is inspect.Parameter.empty:
        raise ValueError(f"argument {name} needs a control, as {name}=(0.0, 1.0), or a default")
    if isinstance(wanted, tuple) and all(isinstance(end, Real) for end in wanted):
        _range(f"argument {name}", wanted)
    control = _widget(wanted, default)
    if control is None:
        raise ValueError(
            f"argument {name}: expected a number, (low, high), a list of choices, True or False, a "
            f"text or a widget, got {wanted!r:.60}"
        )
    is_chosen = wanted is default or default is inspect.Parameter.empty
    is_value = isinstance(wanted, Real | str | ipywidgets().Widget)
    if not is_chosen and not is_value and not _are_same(control.value, default):
        raise ValueError(f"argument {name}: the default {default!r} is not within {wanted!r:.60}")
    has_step = isinstance(wanted, ipywidgets().Widget) or np.size(wanted) == 3
    if isinstance(control, ipywidgets().FloatSlider) and not has_step:
        control.step = _step(control.min, control.max, control.value)
    control.description = control.description or name.replace("_", " ")
    control.style.description_width = "initial"
    return control


def _widget(wanted: Any, default: Any) -> Any:
    if isinstance(wanted, Real | str):  # a value, which takes the place of the default
        return ipywidgets().interactive.widget_from_abbrev(wanted)
    if isinstance(wanted, Mapping):
        return _choice(dict(wanted), list(wanted.values()), default)
    if isinstance(wanted, list):
        are_pairs = all(isinstance(c, list | tuple) and len(c) == 2 for c in wanted)
        return _choice(wanted, [c[1] for c in wanted] if are_pairs else wanted, default)
    return ipywidgets().interactive.widget_from_abbrev(wanted, default)


def _choice(options: Any, values: list[Any], default: Any) -> Any:
    """A list to choose from, where the default is chosen: also among arrays."""
    places = [place for place, value in enumerate(values) if _are_same(value, default)]
    first = 0 if values else None
    return ipywidgets().Dropdown(
        options=options, index=places[0] if places else first, equals=_are_same
    )


def _are_same(one: Any, other: Any) -> bool:
    """Whether two choices are the same; arrays, whose comparison is an array, if they are one."""
    try:
        return one is other or bool(one == other)
    except (TypeError, ValueError):
        return False


def slider(description: str, number: Any, span: Any) -> Any:
    """A slider for a leaf, as wide as its range, or wider if the leaf is outside."""
    if not isinstance(number, int | float | np.number):
        raise TypeError(
            f"a slider moves floats, and {description} is a {type(number).__name__}; build the "
            "graph from floats, or give sliders to other leaves"
        )
    if not math.isfinite(number):
        raise ValueError(f"{description}: a slider needs a finite number, got {number}")
    low, high, *step = _range(description, span)
    low, high = min(low, float(number)), max(high, float(number))
    return ipywidgets().FloatSlider(
        value=float(number),
        min=low,
        max=high,
        step=step[0] if step else _step(low, high, float(number)),
        description=description,
    )


def _step(low: float, high: float, number: float) -> float:
    """About a hundredth of a range, and such that a step ends at the number.

    Otherwise a browser moves the slider to the nearest step, and what is shown changes at once.
    """
    rough = (high - low) / _STEPS
    power = 10.0 ** math.floor(math.log10(rough))
    nice = min((factor * power for factor in (1, 2, 5, 10)), key=lambda step: abs(step - rough))
    steps = round((number - low) / nice)
    if math.isclose(low + steps * nice, number, rel_tol=0.0, abs_tol=1e-9 * nice):
        return nice
    return (number - low) / max(steps, 1)


def _range(description: str, span: Any) -> list[float]:
    """(low, high) or (low, high, step), if it is one."""
    numbers = list(span) if isinstance(span, Iterable) else []
    are_finite = all(isinstance(n, Real) and math.isfinite(n) for n in numbers)
    if len(numbers) in (2, 3) and are_finite:
        low, high, step = map(float, [*numbers, 1.0][:3])
        if low < high and step > 0 and _NARROWEST < high - low < _WIDEST:
            return [float(n) for n in numbers]
    raise ValueError(
        f"{description}: expected a range (low, high) or (low, high, step) of finite numbers, "
        f"low < high, step > 0, got {span!r:.60}"
    )


def in_columns(controls: list[Any]) -> Any:
    """The controls in one column; many in two, so that the picture stays in sight."""
    half = -(-len(controls) // 2)
    columns = (
        [controls[:half], controls[half:]] if len(controls) > _MOST_IN_A_COLUMN else [controls]
    )
    return ipywidgets().HBox([ipywidgets().VBox(column) for column in columns])


def ipywidgets() -> Any:
    """The library of the widgets, or what to do if it is missing."""
    try:
        import ipywidgets
    except ImportError:
        raise ImportError(
            "sliders and buttons need ipywidgets: pip install ipywidgets (in a checkout: "
            'pip install ".[notebooks]")'
        ) from None
    return ipywidgets
