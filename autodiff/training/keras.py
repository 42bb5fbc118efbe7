"""compile, fit, evaluate and predict by the names that people know from Keras.

They are methods of every module, and do what :func:`autodiff.training.fit` and its neighbours do:
the explicit loop and these give the same parameters.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.data.dataset import Dataset
from autodiff.data.pairs import Pairs
from autodiff.nn.losses import LOSSES, mean_absolute_error, mean_squared_error
from autodiff.nn.module import Module, register_training
from autodiff.optim import SGD, Adam, AdamW, Optimizer, RMSProp
from autodiff.training import fitting
from autodiff.training.engines import Examples, Loss
from autodiff.training.history import History
from autodiff.value import Value

OPTIMIZERS: dict[str, Callable[[list[Value]], Optimizer]] = {
    "sgd": SGD, "rmsprop": RMSProp, "adam": Adam, "adamw": AdamW,
}  # fmt: skip
_KERAS_LOSSES = {
    "categorical_crossentropy": "cross_entropy",
    "sparse_categorical_crossentropy": "cross_entropy",
    "binary_crossentropy": "binary_cross_entropy",
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
    "categorical_hinge": "hinge",
}
_METRICS = ("accuracy",)
_LARGEST_BYTE = 255


class Settings:
    """What ``model.compile`` was told."""

    def __init__(self, model: Module, loss: Any, optimizer: Any, metrics: Any) -> None:
        self.loss = _loss(loss)
        self.optimizer = _optimizer(model, optimizer)
        self.metrics = [metrics] if isinstance(metrics, str) else list(metrics or ())
        for metric in self.metrics:
            if metric not in _METRICS:
                raise ValueError(f"metrics can be {', '.join(_METRICS)}, got {metric!r}")


def fit(model: Module, settings: Settings, x: Any, y: Any, **options: Any) -> History:
    """Train on arrays; see :meth:`autodiff.nn.Module.fit`."""
    aside = options.pop("validation_data", None)
    if options.pop("verbose", 1) == 0:
        options["progress"] = False
    if aside is not None and (not isinstance(aside, list | tuple) or len(aside) != 2):
        raise TypeError(f"validation_data: expected (x, y), got {type(aside).__name__}")
    if "validation_split" in options:
        raise TypeError("validation_split is not known; autodiff.data.split, or validation_data")
    validation = None if aside is None else examples(aside[0], aside[1], settings.loss)
    return fitting.fit(
        model,
        examples(x, y, settings.loss),
        validation,
        optimizer=settings.optimizer,
        loss=settings.loss,
        **options,
    )


def evaluate(model: Module, settings: Settings, x: Any, y: Any) -> float | list[float]:
    """The mean loss; with the metric ``"accuracy"`` a list of both."""
    loss, accuracy = fitting.evaluate(model, examples(x, y, settings.loss), settings.loss)
    return [loss, accuracy] if settings.metrics else loss


def predict(model: Module, x: Any) -> NDArray[np.float64]:
    """What the model gives for each example, shape (count, outputs)."""
    return fitting.outputs(model, _inputs(x))


def examples(x: Any, y: Any, loss: Loss) -> Examples:
    """Inputs with labels where the loss is one of classes, else with targets.

    Labels may be one-hot rows, a column, floats or truth values.
    """
    inputs, targets = _inputs(x), np.asarray(y)
    if targets.ndim == 0 or len(targets) != len(inputs):
        raise ValueError(f"y: expected one entry for each of {len(inputs)} inputs, got {y!r:.60}")
    if not np.issubdtype(targets.dtype, np.number) and targets.dtype != bool:
        raise TypeError(f"y: expected numbers, got {targets.dtype}")
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if loss not in (mean_squared_error, mean_absolute_error):
        if targets.ndim == 2 and _is_one_hot(targets):
            targets = targets.argmax(1)
        if targets.ndim == 1 and (targets == np.floor(targets)).all():
            return Dataset(inputs, targets.astype(np.int64))
    return Pairs(inputs, targets.reshape(len(targets), -1).astype(float))


def _inputs(x: Any) -> NDArray[np.float64]:
    """One row of numbers for each example, bytes as shares of 255."""
    array = np.asarray(x)
    if array.ndim < 2:
        raise ValueError(f"expected an array of examples, of shape (count, ...), got {array.shape}")
    if array.size == 0:
        raise ValueError(f"expected at least one example, got an array of shape {array.shape}")
    if not np.issubdtype(array.dtype, np.number) and array.dtype != bool:
        raise TypeError(f"x: expected numbers, got {array.dtype}")
    flat = array.reshape(len(array), -1)
    return flat / _LARGEST_BYTE if array.dtype == np.uint8 else flat.astype(float)


def _is_one_hot(targets: NDArray[Any]) -> bool:
    is_zero_or_one = np.isin(targets, (0, 1)).all()
    return targets.shape[1] > 1 and bool(is_zero_or_one and (targets.sum(1) == 1).all())


def _loss(loss: Any) -> Loss:
    if callable(loss):
        return loss  # type: ignore[no-any-return]
    name = _KERAS_LOSSES.get(loss, loss) if isinstance(loss, str) else None
    if name not in LOSSES:
        known = ", ".join([*LOSSES, *_KERAS_LOSSES])
        raise ValueError(f"loss must be a function or one of {known}, got {loss!r}")
    return LOSSES[name]


def _optimizer(model: Module, optimizer: Any) -> Optimizer:
    if isinstance(optimizer, Optimizer):
        return optimizer
    optimizer = optimizer.lower() if isinstance(optimizer, str) else optimizer
    if not isinstance(optimizer, str) or optimizer not in OPTIMIZERS:
        known = ", ".join(OPTIMIZERS)
        raise ValueError(f"optimizer must be an Optimizer or one of {known}, got {optimizer!r}")
    return OPTIMIZERS[optimizer](model.parameters())


register_training(sys.modules[__name__])
