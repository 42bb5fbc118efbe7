"""The task of a model: a loss, its targets, and the reading of outputs as answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff.nn import (
    binary_cross_entropy,
    cross_entropy,
    hinge,
    mean_absolute_error,
    mean_squared_error,
    negative_log_likelihood,
)
from autodiff.nn.losses import LOSSES
from viz.playground.examples import Array, PlaneExamples
from viz.playground.network import layers_of

Loss = Callable[[Sequence[Any], Any], Any]

_OF_DISTANCES = (mean_squared_error, mean_absolute_error)
_AFTER = {"Sigmoid": "mse", "sigmoid": "mse", "Softmax": "mse", "LogSoftmax": "nll"}
"""Losses of labels, by what a model ends in that gives probabilities, or their logarithms."""


@dataclass(frozen=True)
class Reading:
    """The reading of outputs as answers, and as a shade from -1 to 1.

    Attributes:
        kind: ``"sides"`` for two classes by one output, ``"classes"`` for one output per class,
            ``"numbers"`` for a regression.
        middle: the output between two sides, or in the middle of the numbers of a regression.
        scale: how far from the middle the shade is full.
        are_scores: whether outputs have no bounds, so that the shade only comes near to full.
    """

    kind: str
    middle: float
    scale: float
    are_scores: bool


@dataclass(frozen=True)
class Task:
    """A loss of the outputs for one point, and its target, a list of numbers."""

    loss: Loss
    reading: Reading

    def targets(self, examples: PlaneExamples, outputs: int) -> Array:
        """Targets as the loss takes them, shape (count, outputs)."""
        answers = examples.answers
        if self.reading.kind == "classes":
            return np.array(np.eye(outputs)[answers.astype(int)])
        if self.loss is binary_cross_entropy:
            answers = np.maximum(answers, 0.0)
        return np.array(answers[:, None])

    def answers(self, examples: PlaneExamples) -> list[float]:
        """Answers as the page has them: -1 and 1 for two sides, else as they are."""
        are_sides = self.reading.kind == "sides"
        answers = np.where(examples.answers > 0, 1, -1) if are_sides else examples.answers
        return list(answers.tolist())


def task_of(
    model: Any, outputs: int, loss: Loss | str | None, training: Sequence[PlaneExamples]
) -> Task:
    """The loss that was asked for, or the one that fits the answers and the end of the model.

    Args:
        model: the model, whose last layer tells whether it gives probabilities.
        outputs: how many numbers it gives.
        loss: a function, the name of one, or None.
        training: the examples, for training and for validation.

    Raises:
        TypeError, ValueError: if the answers do not fit the outputs, or there is no such loss.
    """
    kind = _kind(outputs, training)
    chosen = _chosen(loss, kind, outputs, _end_of(model))
    answers = np.concatenate([examples.answers for examples in training])
    if kind == "numbers" or (kind == "sides" and chosen in _OF_DISTANCES):
        low, high = float(answers.min()), float(answers.max())
        reading = Reading(kind, (low + high) / 2, (high - low) / 2 or 1.0, are_scores=False)
    else:
        reading = Reading(kind, 0.0, 1.0, are_scores=chosen not in _OF_DISTANCES)
    return Task(chosen, reading)


def _kind(outputs: int, training: Sequence[PlaneExamples]) -> str:
    if not all(examples.are_classes for examples in training):
        if outputs != 1:
            raise ValueError(
                f"expected one output for answers that are numbers, got {outputs}; give the model "
                "one output, or classes as whole numbers"
            )
        return "numbers"
    classes = {c for examples in training for c in examples.classes}
    if outputs == 1:
        if not (classes <= {0, 1} or classes <= {-1, 1}):
            raise ValueError(
                f"expected classes 0 and 1, or -1 and 1, for one output, got {sorted(classes)}; "
                "give the model an output for each class, or the answers as floats with fractions"
            )
        return "sides"
    if min(classes) < 0 or max(classes) >= outputs:
        raise ValueError(
            f"expected classes from 0 to {outputs - 1} for {outputs} outputs, got "
            f"{sorted(classes)}; give the model an output for each class"
        )
    return "classes"


def _chosen(loss: Loss | str | None, kind: str, outputs: int, end: str) -> Loss:
    if loss is None:
        of_labels = "binary_cross_entropy" if outputs == 1 else "cross_entropy"
        loss = "mse" if kind == "numbers" else _AFTER.get(end, of_labels)
    if isinstance(loss, str):
        if loss not in LOSSES:
            known = ", ".join(LOSSES)
            raise ValueError(f"expected a loss function or one of {known}, got {loss!r}")
        loss = LOSSES[loss]
    if not callable(loss):
        raise TypeError(
            f"expected a loss function or the name of one, got {type(loss).__name__}; a loss takes "
            "the outputs for one point and its target"
        )
    if outputs == 1 and loss in (cross_entropy, hinge, negative_log_likelihood):
        raise ValueError(
            f"expected an output for each class with {loss.__name__}, got one output; use "
            "'binary_cross_entropy', or a model with two outputs"
        )
    return loss


def _end_of(model: Any) -> str:
    """The name of the activation that a network ends in."""
    layers = layers_of(model)
    if not layers:
        return ""
    last = layers[-1][-1]
    return str(getattr(last, "activation", type(last).__name__))
