"""Presets: networks and how they are trained, by name, as the command line offers them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autodiff import nn
from autodiff.data import Augmentation
from autodiff.nn import Module
from autodiff.optim import SGD, Adam, Optimizer
from autodiff.schedules import Cosine
from autodiff.value import Value


@dataclass(frozen=True)
class Preset:
    """A network for 28 × 28 images, and everything that training it needs.

    Attributes:
        about: what it is, in a few words.
        model: makes it, from a seed.
        optimizer: makes it, from the parameters and the number of steps in all.
        epochs, batch_size: see :func:`autodiff.training.fit`.
        augmentation: changes images each time they are met.
        loss: by name.
        repeats_images: whether the target is the image itself, not its label.
    """

    about: str
    model: Callable[[int], Module]
    optimizer: Callable[[Sequence[Value], int], Optimizer]
    epochs: int
    batch_size: int
    augmentation: Augmentation | None = None
    loss: str = "cross_entropy"
    repeats_images: bool = False


def perceptron(
    hidden: Sequence[int] = (40, 40),
    *,
    epochs: int = 15,
    batch_size: int = 16,
    learning_rate: float = 0.02,
    momentum: float = 0.9,
) -> Preset:
    """784 pixels, hidden layers of ReLU, ten logits, trained by gradient descent.

    Args:
        hidden: how many neurons each hidden layer has.
        epochs, batch_size: see :func:`autodiff.training.fit`.
        learning_rate, momentum: see :class:`autodiff.optim.SGD`.

    >>> perceptron([30]).about
    '784-30-10, SGD at 0.02 with momentum 0.9'
    """
    sizes = "-".join(map(str, [784, *hidden, 10]))
    return Preset(
        about=f"{sizes}, SGD at {learning_rate:g} with momentum {momentum:g}",
        model=lambda seed: nn.MLP(784, [*hidden, 10], seed=seed),
        optimizer=lambda parameters, _: SGD(parameters, learning_rate, momentum),
        epochs=epochs,
        batch_size=batch_size,
    )


def _convolutional(seed: int) -> Module:
    return nn.Sequential(
        nn.Reshape((1, 28, 28)),
        nn.Conv2d(1, 8, 5, seed=seed),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5, seed=seed + 1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 10, seed=seed + 2),
    )


PRESETS: dict[str, Preset] = {
    "quick": perceptron(),
    "lecture": perceptron(batch_size=32, learning_rate=0.1, momentum=0.0),
    "keras": perceptron([512, 128, 64], epochs=10, batch_size=32, learning_rate=0.1, momentum=0.0),
    "best": Preset(
        about="784-512-256-10 on images that are shifted, turned and bent anew each time",
        model=lambda seed: nn.MLP(784, [512, 256, 10], seed=seed),
        optimizer=lambda parameters, steps: Adam(parameters, Cosine(1e-3, steps)),
        epochs=100,
        batch_size=100,
        augmentation=Augmentation(),
    ),
    "autoencoder": Preset(
        about="784-128-32-2-32-128-784, which reconstructs an image from two numbers",
        model=lambda seed: nn.Autoencoder(784, [128, 32, 2], seed=seed),
        optimizer=lambda parameters, steps: Adam(parameters, Cosine(2e-3, steps)),
        epochs=40,
        batch_size=50,
        loss="mse",
        repeats_images=True,
    ),
    "conv": Preset(
        about="two convolutions of 5 × 5 with pooling, 5,994 parameters",
        model=_convolutional,
        optimizer=lambda parameters, steps: Adam(parameters, Cosine(3e-3, steps)),
        epochs=10,
        batch_size=50,
    ),
}
"""The presets of ``autodiff train --preset``."""
