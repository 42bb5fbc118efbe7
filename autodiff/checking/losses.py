"""Is the gradient of a loss right that somebody wrote by hand, on NumPy arrays?

Both are functions of a network's outputs, a row for each example, and of targets such as labels.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from autodiff.checking import diagnosis
from autodiff.checking.diagnosis import Array, Right
from autodiff.checking.gradients import GradientError
from autodiff.checking.trials import (
    Settings,
    called,
    check_form,
    counts,
    finite,
    in_shape_of,
    not_finite,
    numerical,
    one_example,
)
from autodiff.structure import flatten
from autodiff.transforms import vjp


def check_loss(
    loss: Callable[..., Any],
    gradient: Callable[..., Any],
    outputs: ArrayLike,
    *targets: Any,
    reduction: str = "mean",
    expected: Callable[..., Any] | None = None,
    tolerance: float = 1e-6,
    elements: int = 100,
    seed: int = 0,
) -> None:
    """Check a loss and its gradient, two functions that were written by hand.

    Args:
        loss: ``loss(outputs, *targets)``, one number, or one for each example of a batch.
        gradient: ``gradient(outputs, *targets)``, with respect to the outputs and in their shape.
        outputs: of a network, say logits, a row for each example, as floats.
        targets: what else both are given, such as labels.
        reduction: ``"mean"`` or ``"sum"``: what is differentiated if there is one loss for each
            example.
        expected: the loss of one example as a function of Values, like those of
            :mod:`autodiff.nn`: of its outputs and its target.
        tolerance, elements, seed: as for :func:`check_layer`.

    Raises:
        GradientError: an AssertionError that says what is wrong, and if possible, why.
        ValueError: if there is no such reduction.

    >>> def squares(y, t):
    ...     return ((y - t) ** 2).sum(axis=1)
    >>> y, t = np.array([[1.0, 2.0], [0.5, 0.0]]), np.zeros((2, 2))
    >>> check_loss(squares, lambda y, t: 2 * (y - t) / len(y), y, t)
    >>> check_loss(squares, lambda y, t: 2 * (y - t), y, t)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    GradientError: gradient, element (0, 1): expected 2, got 4 (3 of 4 elements
    are wrong): it is 2 times too large, which is the batch size
    """
    if reduction not in ("mean", "sum"):
        raise ValueError(f'reduction must be "mean" or "sum", got {reduction!r}')
    settings = Settings(tolerance, elements, seed)
    trial = _LossTrial(loss, gradient, finite(outputs), targets, reduction, settings)
    if fault := trial.fault(expected):
        raise GradientError(fault)


class _LossTrial:
    """A loss and its gradient at one point."""

    def __init__(
        self,
        loss: Callable[..., Any],
        gradient: Callable[..., Any],
        outputs: Array,
        targets: tuple[Any, ...],
        reduction: str,
        settings: Settings,
    ) -> None:
        self.loss, self.gradient, self.reduction = loss, gradient, reduction
        self.outputs, self.targets, self.settings = outputs, targets, settings

    def fault(self, expected: Callable[..., Any] | None = None) -> str:
        """Describe the fault; empty if there is none."""
        self._check_loss(expected)
        found = self.call("gradient", self.gradient)
        check_form("gradient", found, self.outputs.shape)
        right = self._right(expected)
        if right.agrees(found):
            return ""
        guesses = [
            partial(self._right_class_only, found, right),
            partial(diagnosis.transposed, found, right),
            partial(diagnosis.scaled, found, right, self._sizes()),
            partial(self._right_alone, expected),
        ]
        return diagnosis.sentence("gradient", found, right, diagnosis.first(guesses))

    def _check_loss(self, expected: Callable[..., Any] | None) -> None:
        found = self.call("loss", self.loss)
        if found.size != 1 and found.shape != self.outputs.shape[:1]:
            raise GradientError(
                f"loss gives shape {found.shape}: expected one number, or one for each example, "
                f"shape {self.outputs.shape[:1]}"
            )
        if not np.isfinite(found).all():
            raise GradientError(f"loss gives {not_finite(found)} for these outputs")
        if expected is not None:
            rows = [[expected(*example)] for example in self._examples()]
            losses = in_shape_of(self.outputs[:, 0], rows, "loss")
            wanted = np.array(self._reduced(losses)) if found.size == 1 else losses
            right = Right(wanted.reshape(found.shape), self.settings.tolerance)
            if not right.agrees(found):
                reason = diagnosis.scaled(found, right, self._sizes())
                raise GradientError(diagnosis.sentence("loss", found, right, reason))

    def _right(self, expected: Callable[..., Any] | None) -> Right:
        if expected is not None:
            share = self._reduced(np.ones(len(self.outputs))) / len(self.outputs)
            rows = [
                [share * slope for slope in flatten(_slope_of_loss(expected, *example))[0]]
                for example in self._examples()
            ]
            return Right(in_shape_of(self.outputs, rows, "gradient"), self.settings.tolerance)
        point = self.outputs.copy()
        return numerical(lambda: self._total(point), point, "the outputs", self.settings)

    def _total(self, outputs: Array) -> float:
        return self._reduced(np.asarray(self.loss(outputs, *self.targets)))

    def _reduced(self, losses: Array) -> float:
        return float(losses.mean() if self.reduction == "mean" else losses.sum())

    def call(self, name: str, function: Callable[..., Any]) -> Array:
        """Call the loss or its gradient, and check that it leaves its arguments as they were."""
        targets = copy.deepcopy(self.targets)
        given = [("outputs", self.outputs.copy())] + [("targets", target) for target in targets]
        return called(name, function, given)

    def _examples(self) -> Iterator[tuple[Any, ...]]:
        """One example after the other: its outputs as a list, and its targets."""
        rows = [one_example(row) for row in self.outputs]
        return zip(rows, *[np.asarray(target).tolist() for target in self.targets], strict=True)

    def _sizes(self) -> dict[str, float]:
        return {"the batch size": len(self.outputs)} | counts(self.outputs, "output")

    def _right_class_only(self, found: Array, right: Right) -> str:
        """Whether only the elements of the right classes are wrong."""
        if not self.targets or found.ndim != 2 or not right.known.all():
            return ""
        labels = np.asarray(self.targets[0])
        if labels.shape != found.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
            return ""
        is_right_class = np.arange(found.shape[1]) == labels[:, None]
        off = (found - right.values)[is_right_class]
        if not (right.wrong(found) == is_right_class).all() or np.ptp(off) > right.allowed.max():
            return ""
        return f"it is wrong in the right class of each example, by {off[0]:.6g}; is 1 subtracted?"

    def _right_alone(self, expected: Callable[..., Any] | None) -> str:
        count = len(self.outputs)
        if count < 2 or any(np.shape(target)[:1] != (count,) for target in self.targets):
            return ""
        for i in range(min(3, count)):
            part = slice(i, i + 1)
            targets = tuple(target[part] for target in self.targets)
            alone = copy.copy(self)
            alone.outputs, alone.targets = self.outputs[part], targets
            if alone.fault(expected):
                return ""
        return diagnosis.ALONE


def _slope_of_loss(expected: Callable[..., Any], row: Any, *rest: Any) -> Any:
    return vjp(lambda outputs: expected(outputs, *rest), row)[1](1.0)
