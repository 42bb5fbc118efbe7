"""The programs of a playground: a model's loss and its units, in JavaScript by the compiler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff.compiler import Compiled, compile
from autodiff.graph import Value
from autodiff.nn import Linear, Module
from autodiff.nn.dropout import Dropout
from autodiff.nn.layers import initial_deviation
from viz.playground.network import Network

_TRACED = 3
"""Examples for which programs are traced; they run for any number."""
_LEAST_SPREAD = 0.1


@dataclass(frozen=True)
class Start:
    """The distribution of a new initial value: normal, about a middle."""

    middle: float
    deviation: float


@dataclass(frozen=True)
class Programs:
    """A model as two programs of JavaScript, and the parameters that they share.

    Attributes:
        parameters: every Value that is trained, in the model's own order.
        loss: an expression, of the loss for a batch of points and targets, with its gradients.
        loss_reads: which parameters the loss takes, in its order.
        units: an expression, of the outputs of every unit for many points.
        units_read: the same for the units.
        unit_count: how many numbers the units give for a point; the outputs are the last.
    """

    parameters: list[Value]
    loss: str
    loss_reads: list[int]
    units: str
    units_read: list[int]
    unit_count: int


def outputs_of(model: Callable[..., Any], point: Sequence[Any]) -> list[Any]:
    """Return the outputs of the model for one point, as a list."""
    given = model(list(point))
    return list(np.ravel(given)) if isinstance(given, list | tuple | np.ndarray) else [given]


def count_outputs(model: Any) -> int:
    """Return the number of outputs of the model for a point.

    Raises:
        TypeError: if the model is no function.
        ValueError: if it does not take two inputs, or drops units by chance.
    """
    if not callable(model):
        raise TypeError(
            f"expected a model, such as nn.MLP(2, [8, 1]), got {type(model).__name__}; a function "
            "of a list of two numbers will do as well"
        )
    if isinstance(model, Module) and any(isinstance(part, Dropout) for part in model.modules()):
        raise ValueError(
            "expected a model that always computes the same, got one with Dropout; leave it out"
        )
    try:
        return len(outputs_of(model, [Value(0.5), Value(0.5)]))
    except (ValueError, TypeError, IndexError) as error:
        raise ValueError(
            f"expected a model that takes a list of two inputs, got {_called(model)}, which says: "
            f"{error}"
        ) from error


def programs_of(
    model: Callable[..., Any],
    loss: Callable[[Sequence[Any], Any], Any],
    outputs: int,
    network: Network | None,
) -> Programs:
    """Trace the model and its loss, and write both in JavaScript.

    Raises:
        TypeError: if the model cannot be traced.
        ValueError: if the loss depends on no parameters.
    """

    def loss_of(point: Any, target: Any) -> Any:
        return loss(outputs_of(model, list(point)), list(target))

    def units(point: Any) -> list[Any]:
        return _units(model, list(point), network)

    points, targets = np.full((_TRACED, 2), 0.5), np.full((_TRACED, outputs), 0.5)
    compiled_loss = compile(loss_of, batched=["point", "target"], target="numpy")
    compiled_loss.specialize(points, targets)
    compiled_units = compile(units, batched="point", target="numpy")
    compiled_units.specialize(points)
    if not compiled_loss.captured:
        raise ValueError(
            f"expected a model with parameters, got {_called(model)}, whose loss depends on none; "
            "make its weights Values outside of the function"
        )
    own = model.parameters() if isinstance(model, Module) else []
    used = [*compiled_loss.captured, *compiled_units.captured]
    parameters = [value for value in dict.fromkeys([*own, *used]) if value in set(used)]
    return Programs(
        parameters,
        compiled_loss.javascript("parameters"),
        _places(compiled_loss, parameters),
        compiled_units.javascript("parameters"),
        _places(compiled_units, parameters),
        outputs if network is None else sum(circle.unit is not None for circle in network.circles),
    )


def starts_of(model: Any, parameters: Sequence[Value]) -> list[Start]:
    """Return the distribution of the initial value of each parameter.

    Weights of a Linear layer as that layer draws them, its biases at 0; any other Value about its
    present number, with half its size as the standard deviation.

    >>> starts_of(Linear(2, 1, seed=0), [Value(4.0)])
    [Start(middle=4.0, deviation=2.0)]
    """
    known: dict[Value, Start] = {}
    layers = model.modules() if isinstance(model, Module) else []
    for layer in layers:
        if isinstance(layer, Linear):
            deviation = initial_deviation(layer.activation, layer.inputs, len(layer.neurons))
            for neuron in layer.neurons:
                known[neuron.bias] = Start(0.0, 0.0)
                known.update({weight: Start(0.0, deviation) for weight in neuron.weights})
    return [known.get(value) or _about(float(value.data)) for value in parameters]


def _about(number: float) -> Start:
    return Start(number, max(abs(number) / 2, _LEAST_SPREAD))


def _units(model: Callable[..., Any], point: list[Any], network: Network | None) -> list[Any]:
    """The outputs of every layer, one after the other; of the model alone without a network."""
    if network is None:
        return outputs_of(model, point)
    found: list[Any] = []
    signal: Any = point
    for layer in network.layers:
        for part in layer:
            signal = part(signal)
        found += signal
    return found


def _places(compiled: Compiled, parameters: Sequence[Value]) -> list[int]:
    place = {value: i for i, value in enumerate(parameters)}
    return [place[value] for value in compiled.captured]


def _called(model: Any) -> str:
    return repr(model) if isinstance(model, Module) else getattr(model, "__name__", repr(model))
