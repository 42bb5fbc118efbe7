"""The picture of a network, as data: units as circles in columns, and weights as lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autodiff.graph import Value
from autodiff.nn import Dense, Linear, Module, Sequential
from autodiff.nn.activations import Elementwise

MOST_UNITS = 16
"""In a column: more circles than that are too small to be pointed at."""
MOST_LAYERS = 8
COLUMN, ROW = 100.0, 44.0
"""Distance of columns and of circles, in units of the picture."""


@dataclass(frozen=True)
class Circle:
    """A unit: an input, or a neuron with its activation.

    Attributes:
        x, y: its middle.
        name: to be read: ``"x₁"``, or ``"layer 1, unit 2"``.
        unit: its place among all neurons, layer by layer; None for an input.
        bias: the Value of its bias.
    """

    x: float
    y: float
    name: str
    unit: int | None = None
    bias: Value | None = None


@dataclass(frozen=True)
class Line:
    """A weight: from the circle with the number ``tail`` to the one with the number ``head``."""

    tail: int
    head: int
    weight: Value


@dataclass(frozen=True)
class Network:
    """Circles and lines, and how large the picture of them is.

    Attributes:
        layers: for each column after the inputs, the Linear layer and what follows it.
    """

    width: float
    height: float
    circles: list[Circle]
    lines: list[Line]
    layers: list[list[Module]]


def network_of(model: Any) -> Network | None:
    """The picture of a network of Linear layers; None for any other model.

    Activations may be part of a layer or follow it as layers of their own. A layer of more than
    16 units, or a network of more than 8 layers, has no picture.

    >>> from autodiff.nn import MLP
    >>> network = network_of(MLP(2, [3, 1]))
    >>> len(network.circles), len(network.lines)
    (6, 9)
    """
    layers = layers_of(model)
    if not layers or len(layers) > MOST_LAYERS:
        return None
    linears = [layer[0] for layer in layers if isinstance(layer[0], Linear)]
    widths = [linears[0].inputs, *[len(linear.neurons) for linear in linears]]
    if max(widths) > MOST_UNITS or any(
        a.inputs != n for a, n in zip(linears, widths, strict=False)
    ):
        return None
    width, height = COLUMN * len(widths), ROW * (max(widths) + 0.5)
    middles = [_column(i, count, height) for i, count in enumerate(widths)]
    circles = [Circle(x, y, f"x{'₁₂₃₄₅₆₇₈₉'[i % 9]}") for i, (x, y) in enumerate(middles[0])]
    lines: list[Line] = []
    for number, (linear, column) in enumerate(zip(linears, middles[1:], strict=True), start=1):
        before = len(circles) - widths[number - 1]
        for i, (neuron, (x, y)) in enumerate(zip(linear.neurons, column, strict=True)):
            name = f"layer {number}, unit {i + 1}" if number < len(linears) else f"output {i + 1}"
            head = len(circles)
            circles.append(Circle(x, y, name, head - widths[0], neuron.bias))
            lines += [Line(before + k, head, w) for k, w in enumerate(neuron.weights)]
    return Network(width, height, circles, lines, layers)


def layers_of(model: Any) -> list[list[Module]] | None:
    """A network's Linear layers, each with the activations after it; None for any other model.

    >>> from autodiff.nn import Tanh
    >>> layers_of(Sequential(Linear(2, 3), Tanh(), Linear(3, 1)))
    [[Linear(2, 3), Tanh()], [Linear(3, 1)]]
    """
    layers: list[list[Module]] = []
    for part in _parts(model):
        if isinstance(part, Linear):
            layers.append([part])
        elif layers and isinstance(part, Elementwise):
            layers[-1].append(part)
        else:
            return None
    return layers or None


def _parts(model: Any) -> Sequence[Any]:
    """The layers of a Sequential, and of those inside it; a subclass may compute something else."""
    if not any(_computes_as(model, kind) for kind in (Sequential, Dense)):
        return [model]
    return [part for layer in model.layers for part in _parts(layer)]


def _computes_as(model: Any, kind: type[Module]) -> bool:
    own = type(model)
    is_called_alike = own.__call__ is kind.__call__ and own.forward is kind.forward
    return isinstance(model, kind) and is_called_alike


def _column(i: int, count: int, height: float) -> list[tuple[float, float]]:
    top = (height - ROW * (count - 1)) / 2
    return [(COLUMN * (i + 0.5), top + ROW * k) for k in range(count)]
