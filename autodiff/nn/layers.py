"""Neurons and layers, one Value for each weight, and layers one after another."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.functions import dot, relu, sigmoid, tanh
from autodiff.nn.module import Module, Specification
from autodiff.nn.probabilities import of_sigmoid
from autodiff.nn.signals import Signal, flat
from autodiff.recording import scope
from autodiff.value import Value, as_values

Activation = Callable[[Any], Any]
Seed = int | np.random.Generator | None
"""Seed of random numbers. Without one, they go on from where the last layer stopped."""

AGAIN = "repetition"
"""The kind of a layer that occurred before, in the specification of a Sequential."""

ACTIVATIONS: dict[str, Activation] = {
    "relu": relu,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "linear": lambda s: s,
}

_unseeded = np.random.default_rng(0)


def generator_of(seed: Seed) -> np.random.Generator:
    """The random numbers that a layer starts from; see ``Seed``."""
    return _unseeded if seed is None else np.random.default_rng(seed)


def initial_deviation(activation: str, inputs: int, outputs: int) -> float:
    """The standard deviation of initial weights that keeps signals at their size.

    He et al., Delving Deep into Rectifiers (2015), equation 10, for ReLU: sqrt(2 / inputs). Glorot
    and Bengio, Understanding the difficulty of training deep feedforward neural networks (2010),
    equation 12, for the others: sqrt(2 / (inputs + outputs)).

    Args:
        activation: the name of one, see :class:`autodiff.nn.Linear`.
        inputs, outputs: how many numbers go into the layer, and come out.

    >>> initial_deviation("relu", 50, 10), initial_deviation("tanh", 30, 20)
    (0.2, 0.2)
    """
    return math.sqrt(2 / inputs) if activation == "relu" else math.sqrt(2 / (inputs + outputs))


def check_whole(layer: Module, least: int = 1, **numbers: int) -> None:
    """Raise ValueError unless these arguments of a layer are whole numbers of at least that."""
    for name, number in numbers.items():
        if not isinstance(number, int | np.integer) or number < least:
            raise ValueError(
                f"{type(layer).__name__}: {name} must be a whole number of at least {least}, got "
                f"{number!r}"
            )


def check_activation(name: str) -> None:
    """Raise ValueError unless it is one of ``ACTIVATIONS``."""
    if name not in ACTIVATIONS:
        raise ValueError(f"unknown activation {name!r}; choose one of {', '.join(ACTIVATIONS)}")


class Neuron(Module):
    """activation(Σ wᵢxᵢ + b), the sum as one gate.

    Args:
        weights: the initial weights, one for each input.
        activation: ``"relu"``, ``"tanh"``, ``"sigmoid"`` or ``"linear"``.
        bias: the initial bias; None for a neuron without one.

    Attributes:
        weights, bias: Values; the bias may be None.

    Raises:
        ValueError: if there is no such activation; at a call, if there are not as many inputs as
            weights.

    >>> neuron = Neuron([2.0, -3.0], "sigmoid", bias=-3.0)
    >>> round(neuron([-1.0, -2.0]).data, 2)
    0.73
    """

    def __init__(
        self, weights: Sequence[float], activation: str = "relu", bias: float | None = 0.0
    ) -> None:
        check_activation(activation)
        self.weights = [Value(weight, f"w{i}") for i, weight in enumerate(weights)]
        self.bias: Any = None if bias is None else Value(bias, "b")
        self.activation = activation

    def __call__(self, inputs: Sequence[Any]) -> Value:
        """The activation for one list of inputs, Values or numbers."""
        return ACTIVATIONS[self.activation](self.weighted_sum(inputs))  # type: ignore[no-any-return]

    def weighted_sum(self, inputs: Sequence[Any]) -> Value:
        """Σ wᵢxᵢ + b, before the activation."""
        if len(inputs) != len(self.weights):
            raise ValueError(
                f"this neuron has {len(self.weights)} weights, and got {len(inputs)} inputs"
            )
        s: Value = dot(self.weights, inputs, self.bias)
        return s

    def __repr__(self) -> str:
        return f"Neuron({len(self.weights)} inputs, {self.activation})"


class Linear(Module):
    """Neurons side by side, each connected to every input: ``activation(W x + b)``.

    Weights start at random, so that signals keep their size (see
    :func:`autodiff.nn.layers.initial_deviation`), and biases at zero. An array of several axes is
    taken row by row: its last axis holds the inputs. Keras' name is :class:`autodiff.nn.Dense`.

    Args:
        inputs, outputs: how many numbers go in, and how many neurons there are.
        activation: ``"relu"``, ``"tanh"``, ``"sigmoid"`` or ``"linear"``, for none.
        seed: where the random weights come from, an int or a NumPy generator.
        bias: whether the neurons have biases.

    Raises:
        ValueError: if a number is not a positive whole one, or there is no such activation; at a
            call, if there are not as many inputs.

    >>> layer = Linear(3, 2, seed=0)
    >>> len(layer([1.0, 2.0, 3.0])), len(layer.parameters())
    (2, 8)
    >>> layer(np.ones((5, 3))).shape
    (5, 2)
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        activation: str = "linear",
        seed: Seed = None,
        bias: bool = True,
    ) -> None:
        check_activation(activation)
        if not all(isinstance(n, int | np.integer) and n > 0 for n in (inputs, outputs)):
            raise ValueError(
                f"Linear(inputs, outputs) needs positive whole numbers, got {inputs!r} and "
                f"{outputs!r}"
            )
        deviation = initial_deviation(activation, inputs, outputs)
        generator = generator_of(seed)
        self.neurons = []
        for i in range(outputs):
            with scope(f"neuron{i}"):
                weights = generator.normal(0.0, deviation, inputs)
                first = 0.0 if bias else None
                self.neurons.append(Neuron(weights.tolist(), activation, first))

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return len(self.neurons[0].weights)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one row."""
        return (self.inputs,)

    @property
    def activation(self) -> str:
        """The name of the activation."""
        return self.neurons[0].activation

    @property
    def has_bias(self) -> bool:
        """Whether the neurons have biases."""
        return self.neurons[0].bias is not None

    def forward(self, inputs: Signal) -> Any:
        """One activation for each neuron, of each row."""
        if isinstance(inputs, np.ndarray) and inputs.ndim > 1 and inputs.shape[-1] == self.inputs:
            return self._of_rows(inputs)
        return self._of_row(inputs)

    def _of_rows(self, inputs: NDArray[Any]) -> NDArray[Any]:
        result = np.empty((*inputs.shape[:-1], len(self.neurons)), object)
        for place in np.ndindex(inputs.shape[:-1]):
            result[place] = self._of_row(inputs[place])
        return result

    def _of_row(self, inputs: Signal) -> list[Value]:
        signal = as_values(flat(inputs, "Linear"))
        activation = ACTIVATIONS[self.activation]
        sums, outputs = [], []
        for i, neuron in enumerate(self.neurons):
            with scope(f"neuron{i}"):
                sums.append(neuron.weighted_sum(signal))
                outputs.append(activation(sums[-1]))
        return of_sigmoid(outputs, sums) if self.activation == "sigmoid" else outputs

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """One number for each neuron."""
        if not shape or shape[-1] != self.inputs:
            raise ValueError(f"{self!r} expects shape ({self.inputs},), got {shape}")
        return (*shape[:-1], len(self.neurons))

    def specification(self) -> Specification:
        """The arguments that make a layer of this shape."""
        own: Specification = {
            "kind": "Linear",
            "inputs": self.inputs,
            "outputs": len(self.neurons),
            "activation": self.activation,
        }
        return own if self.has_bias else own | {"bias": False}

    def __repr__(self) -> str:
        activation = "" if self.activation == "linear" else f", {self.activation}"
        bias = "" if self.has_bias else ", bias=False"
        return f"Linear({self.inputs}, {len(self.neurons)}{activation}{bias})"


class Input(Module):
    """The shape of one example, as the first entry of a Sequential; it is no layer there.

    Args:
        shape: such as ``(784,)``.

    >>> Sequential([Input((784,)), Linear(784, 10)]).input_shape
    (784,)
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.input_shape = (shape,) if isinstance(shape, int) else tuple(shape)

    def forward(self, inputs: Signal) -> Signal:
        """Return the inputs as they are."""
        return inputs

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape as it is."""
        return shape

    def specification(self) -> Specification:
        """The kind and the shape."""
        return {"kind": "Input", "shape": list(self.input_shape)}

    def __repr__(self) -> str:
        return f"Input({self.input_shape})"


class Sequential(Module):
    """Layers one after another, each in a scope of its own: ``layer1``, ``layer2``, ...

    Args:
        layers: modules, or one list of them, as in Keras. A layer may occur twice, and is then
            trained once.

    Attributes:
        layers: the same, as a list.
        input_shape: of one example, where it was said, or the first layer knows it; else None.

    Raises:
        TypeError: if one of them is no module.

    >>> from autodiff.nn import ReLU
    >>> model = Sequential(Linear(4, 3, seed=0), ReLU(), Linear(3, 2, seed=1))
    >>> model.output_shape((4,)), len(model.parameters())
    ((2,), 23)
    """

    def __init__(self, *layers: Module | Sequence[Module]) -> None:
        self.layers: list[Module] = []
        self.input_shape: tuple[int, ...] | None = None
        listed = layers[0] if len(layers) == 1 and isinstance(layers[0], list | tuple) else layers
        for layer in listed:
            self._take(layer)
        self._tell_shapes(self.input_shape)

    def add(self, layer: Module) -> None:
        """Put one more layer at the end."""
        self._take(layer)
        self._tell_shapes(self.input_shape)

    def _take(self, layer: Any) -> None:
        if not isinstance(layer, Module):
            raise TypeError(
                f"Sequential() expected modules, got {type(layer).__name__} {layer!r:.40}"
            )
        if not self.layers and self.input_shape is None:
            self.input_shape = known_input_shape(layer)
            if isinstance(layer, Input):
                return
        is_new = layer not in self.layers
        self.layers.append(layer)
        if is_new and layer.is_built:
            self._place(layer)

    def _tell_shapes(self, shape: tuple[int, ...] | None) -> None:
        """Let layers make their weights as far as it is known what goes in."""
        for layer in self.layers:
            shape = known_input_shape(layer) if shape is None else shape
            if shape is None:
                continue
            if not layer.is_built:
                layer.build_for(shape)
                self._place(layer)
            try:
                shape = layer.output_shape(shape)
            except (ValueError, NotImplementedError):  # a call says what does not fit
                shape = None

    def _place(self, layer: Module) -> None:
        """Say in the scopes of a layer's parameters which layer it is."""
        i = list(dict.fromkeys(self.layers)).index(layer) + 1
        for parameter in layer.parameters():
            inside = f"/{parameter.scope}" if parameter.scope else ""
            parameter.scope = f"layer{i}{inside}"

    @property
    def is_built(self) -> bool:  # type: ignore[override]
        """Whether all layers know what goes in."""
        return all(layer.is_built for layer in self.layers)

    def build_for(self, shape: tuple[int, ...]) -> None:
        """Let all layers make their weights for inputs of this shape, where they are not there."""
        if not self.is_built:
            self._tell_shapes(shape)

    def forward(self, inputs: Any) -> Any:
        """Return the output of the last layer."""
        if not self.is_built:
            self._tell_shapes(np.shape(inputs))
        signal = inputs
        for i, layer in enumerate(self.layers, start=1):
            with scope(f"layer{i}"):
                signal = layer.of_example(signal)
        return signal

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape after the last layer; the error names the layer that does not fit."""
        for i, layer in enumerate(self.layers, start=1):
            try:
                shape = layer.output_shape(shape)
            except ValueError as error:
                raise ValueError(f"layer {i}: {error}") from None
        return shape

    def specification(self) -> Specification:
        """Describe the layers, in order; a layer that occurs again is named by its first place."""
        layers: list[Specification] = []
        for i, layer in enumerate(self.layers):
            first = self.layers.index(layer)
            is_again = first < i
            layers.append({"kind": AGAIN, "layer": first} if is_again else layer.specification())
        return {"kind": "Sequential", "layers": layers}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.layers))})"


def known_input_shape(layer: Module) -> tuple[int, ...] | None:
    """The shape of one example, where a layer knows it."""
    return getattr(layer, "input_shape", None)


class Residual(Sequential):
    """Layers whose result is added to what goes into them: a + layers(a).

    He et al., Deep residual learning for image recognition (2016), section 3.1.

    Args:
        layers: modules, one after another, that keep the shape.

    Raises:
        TypeError: if one of them is no module.
        ValueError: at a call, if they change the shape.

    >>> block = Residual(Linear(4, 8, "relu", seed=0), Linear(8, 4, seed=1))
    >>> block.output_shape((4,)), len(block([1.0, 2.0, 3.0, 4.0]))
    ((4,), 4)
    """

    def forward(self, inputs: Any) -> Any:
        """The inputs, and what the layers make of them, added up."""
        found = super().forward(inputs)
        if np.shape(found) != np.shape(inputs):
            self.output_shape(np.shape(inputs))
        if isinstance(found, np.ndarray):
            return np.asarray(inputs, object) + found
        return [a + change for a, change in zip(inputs, found, strict=True)]

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """As it was."""
        found = super().output_shape(shape)
        if found != shape:
            raise ValueError(
                f"the layers of a Residual must keep the shape, and made {found} of {shape}"
            )
        return shape

    def specification(self) -> Specification:
        """Those of the layers, in order."""
        return {**super().specification(), "kind": "Residual"}


class MLP(Sequential):
    """A multilayer perceptron: hidden layers with an activation, then a linear layer of logits.

    Args:
        inputs: how many numbers go in.
        widths: how many neurons each layer has; the last one is the output layer.
        activation: of the hidden layers.
        seed: an int or a NumPy generator; the same seed gives the same network.

    Raises:
        ValueError: if a number is not a positive whole one, there is no layer, or no such
            activation.

    >>> model = MLP(784, [40, 40, 10])
    >>> len(model.parameters())
    33450
    """

    layers: list[Linear]  # type: ignore[assignment]

    def __init__(
        self, inputs: int, widths: Sequence[int], activation: str = "relu", seed: Seed = 0
    ) -> None:
        check_activation(activation)
        sizes = [inputs, *widths]
        if len(sizes) < 2 or any(not isinstance(n, int | np.integer) or n < 1 for n in sizes):
            raise ValueError(
                "MLP(inputs, widths) needs positive whole numbers and at least one layer, "
                f"got inputs={inputs!r}, widths={list(widths)!r}"
            )
        generator = generator_of(seed)
        kinds = [activation] * (len(widths) - 1) + ["linear"]
        super().__init__(
            *[
                Linear(before, after, kind, generator)
                for before, after, kind in zip(sizes, widths, kinds, strict=False)
            ]
        )

    def specification(self) -> Specification:
        """The arguments that make a network of this shape."""
        return {
            "kind": "MLP",
            "inputs": int(self.layers[0].inputs),
            "widths": [len(layer.neurons) for layer in self.layers],
            "activation": self.layers[0].activation if len(self.layers) > 1 else "relu",
        }

    def __repr__(self) -> str:
        sizes = [self.layers[0].inputs, *[len(layer.neurons) for layer in self.layers]]
        return f"MLP({'-'.join(map(str, sizes))}, {len(self.parameters()):,} parameters)"
