"""Optimizers: how parameters move, once their gradients are known."""

from __future__ import annotations

import math
from collections.abc import Iterable

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
        if not 0 < learning_rate < math.inf:
            raise ValueError(f"learning_rate must be positive and finite, got {learning_rate}")
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be at least 0 and below 1, got {momentum}")
        self.parameters = list(dict.fromkeys(parameters))
        self.learning_rate = learning_rate
        self.momentum = momentum
        self._velocities = [0.0] * len(self.parameters)

    def step(self) -> None:
        """Move every parameter against its gradient."""
        rate, momentum, velocities = self.learning_rate, self.momentum, self._velocities
        for i, parameter in enumerate(self.parameters):
            gradient = parameter.grad
            velocities[i] = momentum * velocities[i] + gradient if momentum else gradient
            parameter.data -= rate * velocities[i]

    def zero_grad(self) -> None:
        """Set every gradient back to zero, since gradients add up over backward()."""
        for parameter in self.parameters:
            parameter.zero_grad()
