"""Activations as layers: functions of each scalar, and the two of all of them together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.functions import (
    erf,
    exp,
    expm1,
    logsumexp,
    relu,
    sigmoid,
    softplus,
    tanh,
    where,
)
from autodiff.nn.module import Module, Specification
from autodiff.nn.probabilities import Probabilities, of_sigmoid, of_softmax
from autodiff.nn.signals import Signal, flat, mapped


class Elementwise(Module):
    """Base of layers that apply a function to each scalar and keep the shape."""

    def function(self, a: Any) -> Any:
        """The function that is applied."""
        raise NotImplementedError(f"{type(self).__name__} must define function(a)")

    def __call__(self, inputs: Signal) -> Any:
        """The function of each scalar."""
        return mapped(self.function, inputs)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """As it was."""
        return shape

    def specification(self) -> Specification:
        """The kind alone."""
        return {"kind": type(self).__name__}

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ReLU(Elementwise):
    """max(a, 0).

    >>> ReLU()([-2.0, 3.0])
    [0.0, 3.0]
    """

    def function(self, a: Any) -> Any:
        """See the class."""
        return relu(a)


class LeakyReLU(Elementwise):
    """a where it is positive, else ``slope · a``. Maas, Hannun and Ng, Rectifier nonlinearities
    improve neural network acoustic models (2013).

    Args:
        slope: where the scalar is negative, or 0.

    Raises:
        ValueError: if the slope is no finite number.

    >>> LeakyReLU(0.1)([-2.0, 3.0])
    [-0.2, 3.0]
    """

    def __init__(self, slope: float = 0.01) -> None:
        if not isinstance(slope, int | float | np.number) or not math.isfinite(slope):
            raise ValueError(f"the slope of LeakyReLU must be a finite number, got {slope!r:.40}")
        self.slope = slope

    def function(self, a: Any) -> Any:
        """See the class."""
        return where(a > 0, a, self.slope * a)

    def specification(self) -> Specification:
        """The kind and the slope."""
        return {"kind": "LeakyReLU", "slope": self.slope}

    def __repr__(self) -> str:
        return f"LeakyReLU({self.slope:g})"


class Sigmoid(Elementwise):
    """1 / (1 + exp(-a)), from 0 to 1. Losses know that these are probabilities.

    >>> Sigmoid()([0.0])
    [0.5]
    """

    def function(self, a: Any) -> Any:
        """See the class."""
        return sigmoid(a)

    def __call__(self, inputs: Signal) -> Any:
        """One probability for each logit, in the shape that they have."""
        outputs = super().__call__(inputs)
        return of_sigmoid(outputs, inputs) if isinstance(outputs, list) else outputs


class Tanh(Elementwise):
    """The hyperbolic tangent, from -1 to 1.

    >>> Tanh()([0.0])
    [0.0]
    """

    def function(self, a: Any) -> Any:
        """See the class."""
        return tanh(a)


class GELU(Elementwise):
    """a · Φ(a), with the distribution function of the normal distribution: a (1 + erf(a/√2)) / 2.

    Hendrycks and Gimpel, Gaussian error linear units (2016), section 2.

    >>> round(GELU()([1.0])[0], 6)
    0.841345
    """

    def function(self, a: Any) -> Any:
        """See the class."""
        return a * (1 + erf(a / math.sqrt(2))) / 2


class ELU(Elementwise):
    """a where it is positive, else ``scale`` · (exp(a) - 1).

    Clevert, Unterthiner and Hochreiter, Fast and accurate deep network learning by exponential
    linear units (2016), equation 1.

    Args:
        scale: how far below 0 it goes; positive.

    Raises:
        ValueError: if the scale is not positive and finite.

    >>> [round(a, 4) for a in ELU()([-1.0, 3.0])]
    [-0.6321, 3.0]
    """

    def __init__(self, scale: float = 1.0) -> None:
        if not 0 < scale < math.inf:
            raise ValueError(f"ELU: scale must be positive and finite, got {scale!r}")
        self.scale = scale

    def function(self, a: Any) -> Any:
        """See the class."""
        is_positive = a > 0
        below = expm1(where(is_positive, 0.0, a))  # which cannot overflow
        return where(is_positive, a, self.scale * below)

    def specification(self) -> Specification:
        """The kind and the scale."""
        return {"kind": "ELU", "scale": self.scale}

    def __repr__(self) -> str:
        return f"ELU({self.scale:g})"


class SiLU(Elementwise):
    """a · σ(a), also known as swish: Elfwing, Uchibe and Doya, Sigmoid-weighted linear units for
    neural network function approximation in reinforcement learning (2018).

    >>> round(SiLU()([1.0])[0], 6)
    0.731059
    """

    def function(self, a: Any) -> Any:
        """See the class."""
        return a * sigmoid(a)


class Softplus(Elementwise):
    """log(1 + exp(a)), a smooth ReLU: Dugas et al., Incorporating second-order functional knowledge
    for better option pricing (2001).

    >>> round(Softplus()([0.0])[0], 6)
    0.693147
    """

    def function(self, a: Any) -> Any:
        """See the class."""
        return softplus(a)


class LogSoftmax(Elementwise):
    """a - log Σ exp(a): the logarithms of probabilities, which never overflow.

    Args:
        dim: the axis of the classes in a batch, as PyTorch names it, 1 or -1: there is no other.

    >>> [round(log_p, 4) for log_p in LogSoftmax()([1000.0, 1000.0])]
    [-0.6931, -0.6931]
    """

    def __init__(self, dim: int = -1) -> None:
        if dim not in (1, -1):
            raise ValueError(
                f"{type(self).__name__} goes over the outputs of each example, dim=1 or dim=-1, "
                f"got dim={dim!r}"
            )

    def __call__(self, inputs: Signal) -> list[Any]:
        """One logarithm for each logit."""
        logits = flat(inputs, type(self).__name__)
        # Differences, so that no digit is lost when all of them are large.
        return [-logsumexp([other - logit for other in logits]) for logit in logits]


class Softmax(LogSoftmax):
    """exp(a) / Σ exp(a): probabilities that add up to 1, which losses know as such.

    Args:
        dim: as for :class:`LogSoftmax`.

    >>> Softmax()([0.0, 0.0])
    [0.5, 0.5]
    """

    def __call__(self, inputs: Signal) -> Probabilities:
        """One probability for each logit."""
        logarithms = super().__call__(inputs)
        return of_softmax(map(exp, logarithms), logarithms)
