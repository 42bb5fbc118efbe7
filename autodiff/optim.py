"""Optimizers: how parameters move, once their gradients are known."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.value import Value


class SGD:
    """Stochastic gradient descent with momentum.

    v ← momentum · v + grad, then parameter ← parameter - learning_rate · v. Sutskever et al., On
    the importance of initialization and momentum in deep learning (2013), in PyTorch's form.

    Args:
        parameters: leaves to train.
        learning_rate: step size, positive.
        momentum: at least 0 and below 1; 0 is plain gradient descent.

    >>> x = Value(3.0)
    >>> optimizer = SGD([x], learning_rate=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> x.data
    2.4
    """

    def __init__(
        self, parameters: Iterable[Value], learning_rate: float = 0.1, momentum: float = 0.0
    ) -> None:
        if isinstance(learning_rate, Value) or isinstance(momentum, Value):
            raise TypeError("learning_rate and momentum are numbers, got a Value; pass its .data")
        if not 0 < learning_rate < math.inf:
            raise ValueError(f"learning_rate must be positive and finite, got {learning_rate}")
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be at least 0 and below 1, got {momentum}")
        self.parameters = list(dict.fromkeys(parameters))
        self.learning_rate = learning_rate
        self.momentum = momentum
        self._velocities = np.zeros(len(self.parameters))

    def step(self) -> None:
        """Move every parameter against its gradient."""
        numbers = np.array([parameter.data for parameter in self.parameters])
        self.move(numbers, np.array([parameter.grad for parameter in self.parameters]))
        for parameter, number in zip(self.parameters, numbers.tolist(), strict=True):
            parameter.data = number

    def move(self, numbers: NDArray[Any], gradients: NDArray[Any]) -> None:
        """The same step on a vector: the first parameters' numbers, which are changed in place."""
        if self.momentum:
            velocities = self._velocities[: len(numbers)]
            velocities *= self.momentum
            velocities += gradients.astype(float, copy=False)
            gradients = velocities
        numbers -= self.learning_rate * gradients

    def arrange(self, first: Sequence[Value]) -> None:
        """Put some of the parameters first, in this order, so that a vector holds their numbers."""
        position = {parameter: i for i, parameter in enumerate(self.parameters)}
        order = [position.pop(parameter) for parameter in first] + list(position.values())
        self.parameters = [self.parameters[i] for i in order]
        self._velocities = self._velocities[order]

    def zero_grad(self) -> None:
        """Set every gradient back to zero, since gradients add up over backward()."""
        for parameter in self.parameters:
            parameter.zero_grad()
