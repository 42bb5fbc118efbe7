"""Engines: two ways to run a model on labelled images, with the same numbers.

The eager engine builds a graph of Values for each image. The compiled engine traces the model and
its loss once, and runs the program on whole batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from autodiff.compiler import Compiled
from autodiff.data import Dataset
from autodiff.nn import Module, cross_entropy
from autodiff.optim import Optimizer
from autodiff.recording import no_grad
from autodiff.value import Value, as_values

Loss = Callable[[Sequence[Any], Any], Any]


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

    def __init__(self, model: Module, loss: Loss, optimizer: Optimizer | None = None) -> None:
        self.model = model
        self.loss = loss
        self.optimizer = optimizer

    def step(self, batch: Dataset) -> Measured:
        """One graph and one backward pass for each image; their gradients add up."""
        assert self.optimizer is not None
        self.optimizer.zero_grad()
        total, right = 0.0, 0
        for image, label in zip(batch.images.tolist(), batch.labels.tolist(), strict=True):
            logits = as_values(self.model(image))
            (loss,) = as_values([self.loss(logits, label)])
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
                logits = as_values(self.model(image))
                (loss,) = as_values([self.loss(logits, label)])
            total += loss.data
            right += largest(logits) == label
        return Measured(total, right)

    def finish(self) -> None:
        """The parameters are those of the model at any time."""


class CompiledEngine:
    """A program for all images of a batch; parameters are one vector while it trains.

    Cross-entropy takes the labels as inputs, so that one program serves all images. Another loss is
    compiled for each label by itself, because it may be undefined for the labels that are wrong.

    Raises:
        TypeError: if the model or the loss cannot be traced.
    """

    def __init__(self, model: Module, loss: Loss, optimizer: Optimizer | None = None) -> None:
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.programs: dict[int, _Program] = {}
        self.numbers: NDArray[np.float64] | None = None
        self.place: dict[Value, int] = {}
        self.classes = 0
        self.trained: list[int] = []

    def step(self, batch: Dataset) -> Measured:
        """Forward and adjoint on the whole batch, then one step on the vector of parameters."""
        parts = list(self._parts(batch))
        for program, _ in parts:
            self._make_room(program)
        assert self.numbers is not None
        gradient: NDArray[np.float64] | None = None
        total, right = 0.0, 0
        for program, part in parts:
            places = program.places
            own = self.numbers if places is None else self.numbers[places]
            out, slopes = program.compiled.captured_gradient(own, *self._inputs(part))
            self._check(out, part)
            if places is not None:
                slopes, partial = np.zeros(len(self.numbers)), slopes
                slopes[places] = partial
            gradient = slopes if gradient is None else gradient + slopes
            total += float(out[0].sum())
            right += int((out[1:].argmax(0) == part.labels).sum())
        assert gradient is not None
        gradient /= len(batch)
        self._move(gradient)
        return Measured(total, right)

    def measure(self, dataset: Dataset) -> Measured:
        """Forward on the whole set."""
        self.finish()
        total, right = 0.0, 0
        for program, part in self._parts(dataset):
            losses, logits = program.compiled(*self._inputs(part))
            total += float(np.sum(losses))
            right += int((np.array(logits).argmax(0) == part.labels).sum())
        return Measured(total, right)

    def finish(self) -> None:
        """Write the vector of parameters back to the model."""
        if self.numbers is not None:
            for parameter, number in zip(self.place, self.numbers.tolist(), strict=True):
                parameter.data = number

    # ------------------------------------------------------------------------------- programs

    def _parts(self, dataset: Dataset) -> Iterator[tuple[_Program, Dataset]]:
        """The images that one program computes: all of them, or those of each label."""
        self._check_labels(dataset)
        if self.loss is cross_entropy:
            yield self._program(0, dataset), dataset
            return
        for label in np.unique(dataset.labels).tolist():
            part = dataset.take(np.flatnonzero(dataset.labels == label))
            yield self._program(label, part), part

    def _program(self, label: int, dataset: Dataset) -> _Program:
        if label not in self.programs:
            function = _loss_and_logits(self.model, self.loss, label)
            compiled = Compiled(function, ("image", "target"))
            try:
                compiled.specialize(*self._inputs(dataset))
            except TypeError as error:
                error.add_note('engine="eager" also runs models that cannot be traced')
                raise
            self.programs[label] = _Program(compiled)
        return self.programs[label]

    def _inputs(self, dataset: Dataset) -> tuple[Any, Any]:
        return dataset.images, np.eye(self.classes)[dataset.labels]

    def _check_labels(self, dataset: Dataset) -> None:
        if self.classes == 0:
            with no_grad():
                self.classes = len(self.model(dataset.images[0].tolist()))
        largest_label = int(dataset.labels.max())
        if largest_label >= self.classes:
            raise ValueError(f"label must be one of 0 ... {self.classes - 1}, got {largest_label}")

    # ----------------------------------------------------------------------------- parameters

    def _make_room(self, program: _Program) -> None:
        """Numbers for everything that the program captured, in the vector of parameters.

        They are read from the model once, in the order of the first program, which the optimizer
        takes over.
        """
        if program.has_room:
            return
        assert self.optimizer is not None
        captured = program.compiled.captured
        wanted = dict.fromkeys(
            [*captured, *self.optimizer.parameters]
        )  # others keep their momentum
        new = [value for value in wanted if value not in self.place]
        self.place.update({value: i for i, value in enumerate(new, start=len(self.place))})
        old = [] if self.numbers is None else self.numbers.tolist()
        self.numbers = np.array([*old, *[value.data for value in new]], float)
        own, values = set(self.optimizer.parameters), list(self.place)
        self.trained = [i for i, value in enumerate(values) if value in own]
        self.optimizer.arrange([values[i] for i in self.trained])
        program.has_room = True
        for other in self.programs.values():
            places = [self.place[value] for value in other.compiled.captured if value in self.place]
            is_whole = places == list(range(len(self.numbers)))
            other.places = None if is_whole else np.array(places, np.int64)

    def _move(self, gradient: NDArray[np.float64]) -> None:
        """One step of the optimizer, on the vector, or its own step where it has one."""
        optimizer, numbers = self.optimizer, self.numbers
        assert optimizer is not None
        assert numbers is not None
        if type(optimizer).step is not Optimizer.step:
            self._step_by_parameter(gradient)
        elif len(self.trained) == len(numbers):
            optimizer.move(numbers, gradient)
        else:
            moved = numbers[self.trained]
            optimizer.move(moved, gradient[self.trained])
            numbers[self.trained] = moved

    def _step_by_parameter(self, gradient: NDArray[np.float64]) -> None:
        assert self.optimizer is not None
        self.finish()
        self.optimizer.zero_grad()
        for parameter, slope in zip(self.place, gradient.tolist(), strict=True):
            parameter.grad = slope
        self.optimizer.step()
        self.numbers = np.array([parameter.data for parameter in self.place], float)

    def _check(self, out: NDArray[np.float64], batch: Dataset) -> None:
        """Where a loss is not finite, the model itself says on that image what went wrong."""
        bad = np.flatnonzero(~np.isfinite(out[0]))
        if len(bad):
            self.finish()
            image, label = batch.images[bad[0]].tolist(), int(batch.labels[bad[0]])
            _check_finite(self.loss(self.model(image), label).data, label)
            _check_finite(float(out[0, bad[0]]), label)


@dataclass
class _Program:
    """A compiled loss, and where its captured Values stand in the engine's vector; None: as is."""

    compiled: Compiled
    places: NDArray[np.int64] | None = None
    has_room: bool = False


def _loss_and_logits(model: Module, loss: Loss, label: int) -> Callable[[Any, Any], list[Any]]:
    """The loss of one image, and the logits; cross-entropy by a one-hot target."""

    def run(image: Any, target: Any) -> Any:
        logits = list(model(list(image)))
        return [loss(logits, target if loss is cross_entropy else label), logits]

    return run


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
