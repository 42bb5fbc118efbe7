"""Neurons, layers, and the multilayer perceptron, one Value for each weight."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.functions import dot, relu, sigmoid, tanh
from autodiff.nn.module import Module
from autodiff.recording import scope
from autodiff.value import Value, as_values

Activation = Callable[[Any], Any]

_ACTIVATIONS: dict[str, Activation] = {
    "relu": relu,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "linear": lambda s: s,
}


def initial_deviation(activation: str, inputs: int, outputs: int) -> float:
    """The standard deviation of initial weights that keeps signals at their size.

    He et al., Delving Deep into Rectifiers (2015), equation 10, for ReLU: sqrt(2 / inputs). Glorot
    and Bengio, Understanding the difficulty of training deep feedforward neural networks (2010),
    equation 12, for the others: sqrt(2 / (inputs + outputs)).

    >>> initial_deviation("relu", 50, 10), initial_deviation("tanh", 30, 20)
    (0.2, 0.2)
    """
    return math.sqrt(2 / inputs) if activation == "relu" else math.sqrt(2 / (inputs + outputs))


def _check_activation(name: str) -> None:
    if name not in _ACTIVATIONS:
        raise ValueError(f"unknown activation {name!r}; choose one of {', '.join(_ACTIVATIONS)}")


class Neuron(Module):
    """activation(Σ wᵢxᵢ + b), the sum as one gate.

    Args:
        weights: the initial weights, one for each input.
        activation: ``"relu"``, ``"tanh"``, ``"sigmoid"`` or ``"linear"``.
        bias: the initial bias.

    >>> neuron = Neuron([2.0, -3.0], "sigmoid", bias=-3.0)
    >>> round(neuron([-1.0, -2.0]).data, 2)
    0.73
    """

    def __init__(
        self, weights: Sequence[float], activation: str = "relu", bias: float = 0.0
    ) -> None:
        _check_activation(activation)
        self.weights = [Value(weight, f"w{i}") for i, weight in enumerate(weights)]
        self.bias = Value(bias, "b")
        self.activation = activation

    def __call__(self, inputs: Sequence[Any]) -> Value:
        """The activation for one list of inputs, Values or numbers."""
        if len(inputs) != len(self.weights):
            raise ValueError(
                f"this neuron has {len(self.weights)} weights, and got {len(inputs)} inputs"
            )
        s: Value = dot(self.weights, inputs, self.bias)
        return _ACTIVATIONS[self.activation](s)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"Neuron({len(self.weights)} inputs, {self.activation})"


class Layer(Module):
    """Neurons side by side, each connected to every input.

    Args:
        inputs, outputs: how many numbers go in, and how many neurons there are.
        activation: as for a Neuron.
        generator: where the random weights come from; biases start at zero.
    """

    def __init__(
        self, inputs: int, outputs: int, activation: str, generator: np.random.Generator
    ) -> None:
        if inputs < 1 or outputs < 1:
            raise ValueError(f"a Layer needs inputs and outputs, got {inputs} and {outputs}")
        deviation = initial_deviation(activation, inputs, outputs)
        self.neurons = []
        for i in range(outputs):
            with scope(f"neuron{i}"):
                weights = generator.normal(0.0, deviation, inputs)
                self.neurons.append(Neuron(weights.tolist(), activation))

    def __call__(self, inputs: Sequence[Any]) -> list[Value]:
        """One activation for each neuron."""
        inputs = as_values(inputs)
        outputs = []
        for i, neuron in enumerate(self.neurons):
            with scope(f"neuron{i}"):
                outputs.append(neuron(inputs))
        return outputs

    def __repr__(self) -> str:
        return f"Layer of {len(self.neurons)} × {self.neurons[0]!r}"


class MLP(Module):
    """A multilayer perceptron: hidden layers with an activation, then a linear layer of logits.

    Args:
        inputs: how many numbers go in.
        widths: how many neurons each layer has; the last one is the output layer.
        activation: of the hidden layers.
        seed: an int or a NumPy generator; the same seed gives the same network.

    >>> model = MLP(784, [40, 40, 10])
    >>> len(model.parameters())
    33450
    """

    def __init__(
        self,
        inputs: int,
        widths: Sequence[int],
        activation: str = "relu",
        seed: int | np.random.Generator = 0,
    ) -> None:
        _check_activation(activation)
        sizes = [inputs, *widths]
        if len(sizes) < 2 or any(not isinstance(n, int | np.integer) or n < 1 for n in sizes):
            raise ValueError(
                "MLP(inputs, widths) needs positive whole numbers and at least one layer, "
                f"got inputs={inputs!r}, widths={list(widths)!r}"
            )
        generator = np.random.default_rng(seed)
        self.layers = []
        for i in range(1, len(sizes)):
            with scope(f"layer{i}"):
                kind = activation if i < len(sizes) - 1 else "linear"
                self.layers.append(Layer(sizes[i - 1], sizes[i], kind, generator))

    def __call__(self, inputs: Sequence[Any]) -> list[Value]:
        """The logits for one list of inputs."""
        signal = inputs
        for i, layer in enumerate(self.layers, start=1):
            with scope(f"layer{i}"):
                signal = layer(signal)
        return list(signal)

    def __repr__(self) -> str:
        sizes = [len(self.layers[0].neurons[0].weights)]
        sizes += [len(layer.neurons) for layer in self.layers]
        return f"MLP({'-'.join(map(str, sizes))}, {len(self.parameters()):,} parameters)"
