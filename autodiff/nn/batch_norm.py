"""Batch normalization: scalars brought to one size by what they are in all examples of a batch.

In a function that is compiled with a batched argument, the mean and the variance are computed over
its examples, inside of the program, and gradients go through them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff.functions import dot, fsum, sqrt
from autodiff.nn.layers import check_whole
from autodiff.nn.module import Module, Specification
from autodiff.nn.signals import Signal
from autodiff.primitives import over_examples
from autodiff.recording import is_tracing, recording_now
from autodiff.value import Value


class Running:
    """What a layer remembers of the batches that it has followed; no parameters.

    Attributes:
        means, variances: one Value for each channel.
        batches: how many batches there were, a Value as well.
    """

    def __init__(self, width: int) -> None:
        self.means = [Value(0.0, "mean") for _ in range(width)]
        self.variances = [Value(1.0, "variance") for _ in range(width)]
        self.batches = Value(0.0, "batches")

    @property
    def values(self) -> list[Value]:
        """All of them, in a fixed order."""
        return [*self.means, *self.variances, self.batches]


class Statistics(NamedTuple):
    """Of a batch, one scalar for each channel of a layer; the variance is divided by n - 1."""

    layer: BatchNorm
    means: Sequence[Any]
    variances: Sequence[Any]


_gathered: ContextVar[list[Statistics] | None] = ContextVar("statistics", default=None)


@contextmanager
def batch_statistics() -> Iterator[list[Statistics]]:
    """Inside, layers add the statistics of their batch to the list that is given, in order.

    A compiled function has no side effects: it returns them, and ``layer.follow`` takes their
    numbers.

    >>> from autodiff import compile
    >>> layer = BatchNorm1d(1)
    >>> def f(x):
    ...     with batch_statistics() as found:
    ...         outputs = layer(x)
    ...     return outputs, found[0].means
    >>> outputs, means = compile(f, batched="x")(np.array([[1.0], [3.0]]))
    >>> outputs.ravel().round(2).tolist(), means[0].tolist()
    ([-1.0, 1.0], [2.0, 2.0])
    """
    found: list[Statistics] = []
    token = _gathered.set(found)
    try:
        yield found
    finally:
        _gathered.reset(token)


def running_values(model: Module) -> list[Value]:
    """Return what the layers of a model remember of batches, which files keep beside parameters.

    Args:
        model: with layers of batch normalization or without.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, BatchNorm)]
    return [value for layer in layers for value in layer.running.values]


class Followed(list["BatchNorm"]):
    """Layers whose statistics are the last results of a program, behind its loss and outputs.

    They are put in the list, in the order of their statistics, when the program is traced.
    """

    def outputs_in(self, out: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the outputs among all results, a row for each.

        Args:
            out: all results, of shape (results, count).
        """
        return out[1 : len(out) - sum(2 * layer.width for layer in self)]

    def follow(self, out: NDArray[np.float64]) -> None:
        """Hand the statistics of a batch to the layers that normalize by it.

        Args:
            out: all results, of shape (results, count).
        """
        at = 1 + len(self.outputs_in(out))
        for layer in self:
            middle, end = at + layer.width, at + 2 * layer.width
            layer.follow(out[at:middle, 0].tolist(), out[middle:end, 0].tolist())
            at = end


class BatchNorm(Module):
    """Base of layers that normalize each channel by a batch; see :class:`BatchNorm1d`.

    Attributes:
        running: what is remembered of the batches.
    """

    axes: tuple[int, ...] = ()
    """How many axes an example may have; the first is that of the channels."""

    def __init__(self, width: int, epsilon: float = 1e-5, momentum: float = 0.1) -> None:
        check_whole(self, width=width)
        for name, number in (("epsilon", epsilon), ("momentum", momentum)):
            if not 0 < number < 1:
                raise ValueError(
                    f"{type(self).__name__}: {name} must be above 0 and below 1, got {number!r}"
                )
        self.width, self.epsilon, self.momentum = width, epsilon, momentum
        self.gains = [Value(1.0, f"g{i}") for i in range(width)]
        self.biases = [Value(0.0, f"b{i}") for i in range(width)]
        self.running = Running(width)

    def forward(self, inputs: Signal) -> Any:
        """One example, normalized: in training by its batch, in evaluation by what was followed.

        A single example of which nothing is recorded, under ``no_grad``, has no batch, and is
        normalized as in evaluation.
        """
        array = np.asarray(inputs, object)
        self.output_shape(array.shape)
        if not self.is_training:
            self._check_followed()
        if not self.is_training or not recording_now()[1]:
            return self._as_given(inputs, self._by_running(array))
        if not is_tracing():
            raise ValueError(
                f"{self!r} in training needs a batch: give it to layer.of_batch(...), compile the "
                "function with batched=..., or call model.eval() before"
            )
        return self._as_given(inputs, self._by_batch(array[None], is_one=True)[0])

    def of_batch(self, examples: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
        """Return all examples of a batch, normalized, and follow its statistics in training.

        Args:
            examples: at least two scalars for each channel, of shape (count, width, ...).
        """
        array = np.asarray(examples, object)
        for example in array[:1]:
            self.output_shape(example.shape)
        if not self.is_training:
            self._check_followed()
            return np.array([self._by_running(example) for example in array], object)
        if is_tracing():
            return self._by_batch(array)
        with batch_statistics() as found:
            result = self._by_batch(array)
        ((_, means, variances),) = found
        self.follow(*([getattr(a, "data", a) for a in group] for group in (means, variances)))
        return result

    def follow(self, means: Sequence[float], variances: Sequence[float]) -> None:
        """Move the running statistics by the share ``momentum`` towards those of a batch.

        Args:
            means, variances: one number for each channel.
        """
        running = self.running
        for olds, news in ((running.means, means), (running.variances, variances)):
            for old, new in zip(olds, news, strict=True):
                old.data += self.momentum * (float(new) - old.data)
        running.batches.data += 1

    def _by_batch(self, batch: NDArray[Any], is_one: bool = False) -> NDArray[Any]:
        """By the mean and variance of the batch, of which one example stands for all if traced."""
        result = np.empty(batch.shape, object)
        means, variances = [], []
        for channel in range(self.width):
            own = batch[:, channel].ravel().tolist()
            count: Any = float(len(own))
            if is_one:  # as many as there are examples: each of them counts itself
                count = over_examples(own[0] <= own[0]) * count
            mean = _total(own, is_one) / count
            differences = [a - mean for a in own]
            squares = _sum_of_squares(differences, is_one)
            factor = self.gains[channel] / sqrt(squares / count + self.epsilon)
            bias = self.biases[channel]
            scaled = np.array([a * factor + bias for a in differences], object)
            result[:, channel] = scaled.reshape(result[:, channel].shape)
            if _gathered.get() is not None:
                means.append(mean)
                variances.append(squares / (count - 1))
        gathered = _gathered.get()
        if gathered is not None:
            gathered.append(Statistics(self, means, variances))
        return result

    def _check_followed(self) -> None:
        if not self.running.batches.data:
            raise ValueError(
                f"{self!r} has followed no batch yet, by which it could normalize in evaluation; "
                "train the model first"
            )

    def _by_running(self, example: NDArray[Any]) -> NDArray[Any]:
        result = np.empty(example.shape, object)
        running = self.running
        parts = zip(running.means, running.variances, self.gains, self.biases, strict=True)
        for channel, (mean, variance, gain, bias) in enumerate(parts):
            factor = gain / sqrt(variance + self.epsilon)
            result[channel] = (example[channel] - mean) * factor + bias
        return result

    def _as_given(self, inputs: Signal, result: NDArray[Any]) -> Any:
        return result if isinstance(inputs, np.ndarray) else result.tolist()

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """As it was."""
        if len(shape) not in self.axes or shape[0] != self.width:
            wanted = " or ".join(f"{n} axes" if n > 1 else "1 axis" for n in self.axes)
            raise ValueError(
                f"{self!r} expects {self.width} channels in an example of {wanted}, got {shape}"
            )
        return shape

    def specification(self) -> Specification:
        """The arguments that make a layer of this shape."""
        return {
            "kind": type(self).__name__, "width": self.width, "epsilon": self.epsilon,
            "momentum": self.momentum,
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.width})"


class BatchNorm1d(BatchNorm):
    """gain · (a - mean) / √(variance + ε) + bias, with the mean and variance over a batch.

    In evaluation they are those of the batches that were followed in training: running means.
    Ioffe and Szegedy, Batch normalization: accelerating deep network training by reducing internal
    covariate shift (2015), algorithms 1 and 2.

    Args:
        width: how many channels there are: the scalars of an example, or the rows of an array of
            shape (width, length).
        epsilon: what is added to the variance, so that nothing is divided by 0.
        momentum: how far the running statistics move to those of each batch, from 0 to 1.

    Raises:
        ValueError: if a number is out of its range; at a call, if an example has another shape, if
            it comes alone in training, or if no batch was followed in evaluation.

    >>> layer = BatchNorm1d(1)
    >>> [[round(a.data, 2) for a in row] for row in layer.of_batch([[1.0], [3.0]])]
    [[-1.0], [1.0]]
    >>> [round(mean.data, 6) for mean in layer.running.means]
    [0.2]
    """

    axes = (1, 2)


class BatchNorm2d(BatchNorm):
    """:class:`BatchNorm1d` for planes: the mean and variance of each over a batch and its pixels.

    Args:
        width: how many planes an example of shape (width, height, width) has.
        epsilon, momentum: as for :class:`BatchNorm1d`.

    Raises:
        ValueError: as :class:`BatchNorm1d` does.

    >>> BatchNorm2d(3).output_shape((3, 8, 8))
    (3, 8, 8)
    """

    axes = (3,)


def _total(scalars: list[Any], is_one: bool) -> Any:
    """The sum of scalars of one example over all examples, or of those of all."""
    total = fsum(scalars)
    return over_examples(total) if is_one else total


def _sum_of_squares(scalars: list[Any], is_one: bool) -> Any:
    total = dot(scalars, scalars)
    return over_examples(total) if is_one else total
