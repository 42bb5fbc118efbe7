"""Engines: two ways to run a model on labelled images, with the same numbers.

The eager engine builds a graph of Values for each image. The compiled engine traces the model and
its loss once, and runs the program on whole batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from autodiff.compiler import Compiled
from autodiff.data import Dataset
from autodiff.functions import dot
from autodiff.nn import Module, cross_entropy
from autodiff.optim import SGD
from autodiff.value import Value, no_grad

Loss = Callable[[Sequence[Any], int], Any]


class Measured(NamedTuple):
    """The sum of the losses of some images, and how many were told right."""

    loss: float
    right: int


class Engine(Protocol):
    """What training asks of an engine."""

    def step(self, batch: Dataset) -> Measured:
        """One optimizer step on the mean loss of a batch; what was measured before it."""

    def measure(self, dataset: Dataset) -> Measured:
        """Losses and right answers, without training."""

    def finish(self) -> None:
        """Leave the model with its present parameters."""


class EagerEngine:
    """A graph of Values for each image."""

    def __init__(self, model: Module, loss: Loss, optimizer: SGD | None = None) -> None:
        self.model = model
        self.loss = loss
        self.optimizer = optimizer

    def step(self, batch: Dataset) -> Measured:
        """One graph and one backward pass for each image; their gradients add up."""
        assert self.optimizer is not None
        self.optimizer.zero_grad()
        total, right = 0.0, 0
        for image, label in zip(batch.images.tolist(), batch.labels.tolist(), strict=True):
            logits = self.model(image)
            loss = self.loss(logits, label)
            _check_finite(loss.data, label)
            (loss / len(batch)).backward()
            total += loss.data
            right += largest(logits) == label
        self.optimizer.step()
        return Measured(total, right)

    def measure(self, dataset: Dataset) -> Measured:
        """Image by image, nothing recorded."""
        total, right = 0.0, 0
        for image, label in zip(dataset.images.tolist(), dataset.labels.tolist(), strict=True):
            with no_grad():
                logits = self.model(image)
                total += self.loss(logits, label).data
            right += largest(logits) == label
        return Measured(total, right)

    def finish(self) -> None:
        """The parameters are those of the model at any time."""


class CompiledEngine:
    """One program for all images of a batch; parameters are one vector while it trains.

    Raises:
        TypeError: if the model or the loss cannot be traced.
    """

    def __init__(self, model: Module, loss: Loss, optimizer: SGD | None = None) -> None:
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.program = Compiled(_loss_and_logits(model, loss), ("image", "target"))
        self.numbers: NDArray[np.float64] | None = None
        self.trained: list[int] = []
        self.classes = 0

    def step(self, batch: Dataset) -> Measured:
        """Forward and adjoint on the whole batch, then one step on the vector of parameters."""
        assert self.optimizer is not None
        numbers = self._numbers(batch)
        out, gradient = self.program.captured_gradient(numbers, *self._arguments(batch))
        self._check(out, batch)
        gradient /= len(batch)
        if len(self.trained) == len(numbers):
            self.optimizer.move(numbers, gradient)
        else:
            moved = numbers[self.trained]
            self.optimizer.move(moved, gradient[self.trained])
            numbers[self.trained] = moved
        return _measured(out, batch)

    def measure(self, dataset: Dataset) -> Measured:
        """Forward on the whole set."""
        if self.numbers is not None:
            self.finish()
        out = self.program(*self._arguments(dataset))
        return _measured(np.array([out[0], *out[1]]), dataset)

    def finish(self) -> None:
        """Write the vector of parameters back to the model."""
        if self.numbers is not None:
            for parameter, number in zip(self.program.captured, self.numbers.tolist(), strict=True):
                parameter.data = number

    def _numbers(self, batch: Dataset) -> NDArray[np.float64]:
        """The parameters as a vector, read from the model at the first step."""
        if self.numbers is None:
            assert self.optimizer is not None
            self.program.specialize(*self._arguments(batch.take(np.arange(1))))
            captured = self.program.captured
            own = set(self.optimizer.parameters)
            self.numbers = np.array([value.data for value in captured], float)
            self.trained = [i for i, value in enumerate(captured) if value in own]
            self.optimizer.arrange([captured[i] for i in self.trained])
        return self.numbers

    def _arguments(self, dataset: Dataset) -> tuple[Any, Any]:
        if self.classes == 0:
            with no_grad():
                self.classes = len(self.model(dataset.images[0].tolist()))
        largest_label = int(dataset.labels.max())
        if largest_label >= self.classes:
            raise ValueError(f"label must be one of 0 ... {self.classes - 1}, got {largest_label}")
        return dataset.images, np.eye(self.classes)[dataset.labels]

    def _check(self, out: NDArray[np.float64], batch: Dataset) -> None:
        """Where a loss is not finite, the model itself says on that image what went wrong."""
        bad = np.flatnonzero(~np.isfinite(out[0]))
        if len(bad):
            self.finish()
            image, label = batch.images[bad[0]].tolist(), int(batch.labels[bad[0]])
            _check_finite(self.loss(self.model(image), label).data, label)
            _check_finite(float(out[0, bad[0]]), label)


def _loss_and_logits(model: Module, loss: Loss) -> Callable[[Any, Any], list[Any]]:
    """The loss of one image by a one-hot target, and the logits."""

    def run(image: Any, target: Any) -> Any:
        logits = list(model(list(image)))
        if loss is cross_entropy:
            return [cross_entropy(logits, target), logits]
        losses = [loss(logits, label) for label in range(len(logits))]
        return [dot(target, losses), logits]

    return run


def _measured(out: NDArray[np.float64], dataset: Dataset) -> Measured:
    return Measured(float(out[0].sum()), int((out[1:].argmax(0) == dataset.labels).sum()))


def _check_finite(loss: float, label: int) -> None:
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the loss of a training image of class {label} became {loss}; a smaller "
            "learning rate may help"
        )


def largest(logits: Sequence[Value]) -> int:
    """The class with the largest logit."""
    numbers = [logit.data for logit in logits]
    return numbers.index(max(numbers))


ENGINES: dict[str, type[CompiledEngine] | type[EagerEngine]] = {
    "compiled": CompiledEngine,
    "eager": EagerEngine,
}
