"""Autoencoder: a network that says its input again, through a code of a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff.nn.layers import Linear, Seed, Sequential, generator_of
from autodiff.nn.module import Module, Specification
from autodiff.recording import scope


class Autoencoder(Module):
    """An encoder down to a code, and a decoder of the same widths back.

    Hinton and Salakhutdinov, Reducing the dimensionality of data with neural networks (2006).

    Args:
        inputs: how many numbers go in, and come out.
        widths: of the encoder's layers; the last one is the length of the code.
        activation: of the hidden layers; the code itself has none.
        output: of the last layer: ``"sigmoid"`` for pixels from 0 to 1.
        seed: where the random weights come from.

    Attributes:
        encoder, decoder: the two halves, which are networks by themselves.

    Raises:
        ValueError: if there are no widths, a number is not a positive whole one, or there is no
            such activation.

    >>> model = Autoencoder(784, [128, 32, 2])
    >>> code = model.encoder([0.0] * 784)
    >>> len(code), len(model.decoder(code)), len(model.parameters())
    (2, 784, 210130)
    """

    def __init__(
        self,
        inputs: int,
        widths: Sequence[int],
        activation: str = "relu",
        output: str = "sigmoid",
        seed: Seed = 0,
    ) -> None:
        if not widths:
            raise ValueError("Autoencoder(inputs, widths) needs at least the length of the code")
        generator = generator_of(seed)
        self.encoder = _half([inputs, *widths], activation, "linear", generator)
        self.decoder = _half([*widths[::-1], inputs], activation, output, generator)
        for name, half in (("encoder", self.encoder), ("decoder", self.decoder)):
            for parameter in half.parameters():
                parameter.scope = f"{name}/{parameter.scope}"

    def forward(self, inputs: Any) -> Any:
        """The input again, as well as the code can tell it."""
        with scope("encoder"):
            code = self.encoder(inputs)
        with scope("decoder"):
            return self.decoder(code)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """As it was."""
        return self.decoder.output_shape(self.encoder.output_shape(shape))

    def specification(self) -> Specification:
        """The arguments that make a network of this shape."""
        encoder, last = self.encoder.layers, self.decoder.layers[-1]
        assert isinstance(last, Linear)
        layers = [layer for layer in encoder if isinstance(layer, Linear)]
        hidden = layers[0].activation if len(layers) > 1 else "relu"
        return {
            "kind": "Autoencoder",
            "inputs": layers[0].inputs,
            "widths": [len(layer.neurons) for layer in layers],
            "activation": hidden,
            "output": last.activation,
        }

    def __repr__(self) -> str:
        given = self.specification()
        sizes = [given["inputs"], *given["widths"]]
        return f"Autoencoder({'-'.join(map(str, [*sizes, *sizes[-2::-1]]))})"


def _half(sizes: Sequence[int], activation: str, last: str, generator: Seed) -> Sequential:
    kinds = [activation] * (len(sizes) - 2) + [last]
    return Sequential(
        *[
            Linear(before, after, kind, generator)
            for before, after, kind in zip(sizes, sizes[1:], kinds, strict=False)
        ]
    )
