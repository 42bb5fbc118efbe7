"""Dense: a layer that finds out for itself how many numbers go in, as in Keras."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.nn.activations import Softmax
from autodiff.nn.layers import ACTIVATIONS, Linear, Neuron, Seed
from autodiff.nn.module import Module, Specification
from autodiff.nn.signals import Signal


class Dense(Module):
    """A Linear layer as Keras says it: so many units, and an activation, which may be softmax.

    How many numbers go in is what comes out of the layer before. The first layer of a model is told
    so, or finds out when the model is called or trained for the first time; until then there are
    no parameters.

    Args:
        units: how many neurons there are; ``Dense(inputs, units)`` says both.
        activation: ``"relu"``, ``"tanh"``, ``"sigmoid"``, ``"softmax"``, or ``"linear"`` for none.
        input_shape, input_dim: of one example, ``(784,)`` or 784, for the first layer.
        seed: where the random weights come from, an int or a NumPy generator.

    Raises:
        ValueError: if a number is not a positive whole one, or there is no such activation.

    >>> from autodiff.nn import Sequential
    >>> model = Sequential([Dense(3, activation="relu", input_shape=(4,)), Dense(2, "softmax")])
    >>> model.summary()
    layer               output   parameters
    Dense(3, relu)      3                15
    Dense(2, softmax)   2                 8
    total                                23
    """

    def __init__(
        self,
        units: int,
        *more: int | str | None,
        activation: str | None = None,
        input_shape: tuple[int, ...] | None = None,
        input_dim: int | None = None,
        seed: Seed = None,
    ) -> None:
        if more and isinstance(more[0], int | np.integer):
            units, input_dim, more = int(more[0]), units, more[1:]
        names = [name for name in (*more, activation) if name is not None]
        if len(names) > 1 or not all(isinstance(name, str) for name in names):
            raise TypeError(
                "Dense(units, activation) or Dense(inputs, units, activation): the activation is "
                f"one name, got {', '.join(map(repr, names))}"
            )
        self.activation = str(names[0]) if names else "linear"
        known = [*ACTIVATIONS, "softmax"]
        if self.activation not in known:
            raise ValueError(
                f"unknown activation {self.activation!r}; choose one of {', '.join(known)}"
            )
        self.units = units
        self._seed = seed
        self.linear: Linear | None = None
        if input_dim is not None:
            input_shape = (input_dim,)
        if input_shape is not None:
            self.build_for(input_shape)
        elif not isinstance(units, int | np.integer) or units < 1:
            raise ValueError(f"Dense(units) needs a positive whole number, got {units!r}")

    @property
    def is_built(self) -> bool:  # type: ignore[override]
        """Whether it knows how many numbers go in."""
        return self.linear is not None

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """Of one example; None if it is not known yet."""
        return None if self.linear is None else (self.linear.inputs,)

    @property
    def neurons(self) -> list[Neuron]:
        """One for each unit; none as long as it is not known how many numbers go in."""
        return [] if self.linear is None else self.linear.neurons

    @property
    def layers(self) -> list[Module]:
        """The Linear layer, and Softmax where that is the activation."""
        last = [Softmax()] if self.activation == "softmax" else []
        return [self.linear, *last] if self.linear is not None else []

    def build_for(self, shape: tuple[int, ...]) -> None:
        """Make the weights, unless they are there."""
        if self.linear is not None:
            return
        if len(shape) != 1:
            raise ValueError(
                f"{self!r} expects a list of scalars, got shape {shape}; put Flatten() before it"
            )
        activation = "linear" if self.activation == "softmax" else self.activation
        self.linear = Linear(shape[0], self.units, activation, self._seed)

    def forward(self, inputs: Signal) -> list[Any]:
        """One activation for each unit."""
        self.build_for(np.shape(inputs))
        signal: Any = inputs
        for layer in self.layers:
            signal = layer(signal)
        return signal  # type: ignore[no-any-return]

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """One number for each unit."""
        if len(shape) != 1 or self.input_shape not in (None, shape):
            wanted = self.input_shape or "(inputs,)"
            raise ValueError(f"{self!r} expects shape {wanted}, got {shape}")
        return (self.units,)

    def specification(self) -> Specification:
        """The arguments that make a layer of this shape."""
        inputs = None if self.linear is None else self.linear.inputs
        return {
            "kind": "Dense", "units": self.units, "activation": self.activation,
            "input_dim": inputs,
        }  # fmt: skip

    def __repr__(self) -> str:
        activation = "" if self.activation == "linear" else f", {self.activation}"
        return f"Dense({self.units}{activation})"
