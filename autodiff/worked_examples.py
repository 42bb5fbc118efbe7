"""The lectures' worked examples, as functions that build their graphs.

Each returns the Values by name, so that tables, pictures, tests and notebooks share one source.
"""

from __future__ import annotations

from autodiff.functions import exp, sigmoid
from autodiff.value import Value

Example = dict[str, Value]


def product_of_sum(x: float = -2.0, y: float = 5.0, z: float = -4.0) -> Example:
    """f = (x + y) · z, with q = x + y between.

    >>> example = product_of_sum()
    >>> example["f"].backward()
    >>> {name: value.grad for name, value in example.items()}
    {'x': -4.0, 'y': -4.0, 'z': 3.0, 'q': -4.0, 'f': 1.0}
    """
    leaves = _leaves(x=x, y=y, z=z)
    q = _named("q", leaves["x"] + leaves["y"])
    return {**leaves, "q": q, "f": _named("f", q * leaves["z"])}


def sigmoid_neuron(
    w0: float = 2.0, x0: float = -1.0, w1: float = -3.0, x1: float = -2.0, w2: float = -3.0
) -> Example:
    """f = 1 / (1 + exp(-(w0·x0 + w1·x1 + w2))), spelled out gate by gate.

    >>> round(sigmoid_neuron()["f"].data, 2)
    0.73
    """
    leaves = _leaves(w0=w0, x0=x0, w1=w1, x1=x1, w2=w2)
    s = leaves["w0"] * leaves["x0"] + leaves["w1"] * leaves["x1"] + leaves["w2"]
    return {**leaves, "f": _named("f", 1 / (exp(-s) + 1))}


def grouped_sigmoid_neuron(
    w0: float = 2.0, x0: float = -1.0, w1: float = -3.0, x1: float = -2.0, w2: float = -3.0
) -> Example:
    """The same neuron with its last four gates grouped into one: σ, with dσ/dx = σ(1 - σ).

    >>> round(grouped_sigmoid_neuron()["f"].data, 2)
    0.73
    """
    leaves = _leaves(w0=w0, x0=x0, w1=w1, x1=x1, w2=w2)
    s = leaves["w0"] * leaves["x0"] + leaves["w1"] * leaves["x1"] + leaves["w2"]
    return {**leaves, "f": _named("f", sigmoid(s))}


def _leaves(**numbers: float) -> Example:
    return {name: Value(number, name) for name, number in numbers.items()}


def _named(name: str, value: Value) -> Value:
    value.name = name
    return value
