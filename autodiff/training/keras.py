"""compile, fit, evaluate and predict by the names that people know from Keras.

They are methods of every module, and do what :func:`autodiff.training.fit` and its neighbours do:
the explicit loop and these give the same parameters.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.data.dataset import Dataset, real_numbers
from autodiff.nn.losses import LOSSES, OF_NUMBERS, Loss
from autodiff.nn.module import Module, register_training
from autodiff.optim import SGD, Adam, AdamW, Optimizer, RMSProp
from autodiff.training import fitting
from autodiff.training.history import History

OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {
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
_INSTEAD = {
    "class_weight": "give a loss of your own, as lambda outputs, label: weights[label] * "
    "nn.cross_entropy(outputs, label)",
    "sample_weight": "leave examples out, or repeat them in x and y",
    "steps_per_epoch": "an epoch is all of x; give fewer examples",
    "initial_epoch": "checkpoint= goes on where a run stopped",
}
"""Arguments of Keras' ``fit`` that this one lacks, and what to do in their place."""


class Settings:
    """The arguments of ``model.compile``."""

    def __init__(self, loss: Any, optimizer: Any, metrics: Any) -> None:
        self.loss = _loss(loss)
        self.optimizer = _optimizer(optimizer)
        self._takes_all = not self.optimizer.parameters
        self.metrics = [metrics] if isinstance(metrics, str) else list(metrics or ())
        for metric in self.metrics:
            if metric not in _METRICS:
                raise ValueError(f"metrics can be {', '.join(_METRICS)}, got {metric!r}")

    def optimizer_of(self, model: Module) -> Optimizer:
        """The optimizer; one that was given no parameters takes all that the model has now."""
        own = model.parameters()
        if self._takes_all and own and set(own) != set(self.optimizer.parameters):
            self.optimizer.bind(own)
        return self.optimizer


def fit(model: Module, settings: Settings, x: Any, y: Any, **options: Any) -> History:
    """Train on arrays; see :meth:`autodiff.nn.Module.fit`."""
    for name, instead in _INSTEAD.items():
        if options.pop(name, None) is not None:
            raise TypeError(f"{name} is not known; {instead}")
    if options.pop("shuffle", True) is not True:
        raise TypeError("shuffle: examples are met in a random order, always; seed= says in which")
    if options.pop("verbose", 1) == 0:
        options["progress"] = False
    training = examples(x, y, settings.loss)
    model.build_for(training.inputs.shape[1:])
    training, validation = _set_aside(training, settings.loss, options)
    return fitting.fit(
        model,
        training,
        validation,
        optimizer=settings.optimizer_of(model),
        loss=settings.loss,
        **options,
    )


def _set_aside(
    training: Dataset, loss: Loss, options: dict[str, Any]
) -> tuple[Dataset, Dataset | None]:
    """Examples to train on and to validate with; as in Keras, a share is the last of them."""
    aside, share = options.pop("validation_data", None), options.pop("validation_split", 0.0)
    if aside is not None:
        if not isinstance(aside, list | tuple) or len(aside) != 2:
            raise TypeError(f"validation_data: expected (x, y), got {type(aside).__name__}")
        return training, examples(aside[0], aside[1], loss)
    if not share:
        return training, None
    kept = math.floor(len(training) * (1 - share)) if 0 < share < 1 else 0
    if not 0 < kept < len(training):
        raise ValueError(
            f"validation_split: expected a share of {len(training)} examples that leaves some on "
            f"either side, got {share!r}"
        )
    places = np.arange(len(training))
    return training.take(places[:kept]), training.take(places[kept:])


def evaluate(model: Module, settings: Settings, x: Any, y: Any) -> float | list[float]:
    """The mean loss; with the metric ``"accuracy"`` a list of both."""
    loss, accuracy = fitting.evaluate(model, examples(x, y, settings.loss), settings.loss)
    return [loss, accuracy] if settings.metrics else loss


def predict(model: Module, x: Any) -> NDArray[np.float64]:
    """Return the outputs of the model for each example, shape (count, outputs)."""
    return fitting.outputs(model, _inputs(x))


def examples(x: Any, y: Any, loss: Loss) -> Dataset:
    """Inputs with labels where the loss is one of classes, else with targets.

    For losses of this package labels may also be one-hot rows, a column, floats or truth values. A
    loss of one's own gets what y says: of whole numbers or truth values, of shape (count,) or
    (count, 1), one label; of anything else a vector.
    """
    inputs, targets = _inputs(x), real_numbers("y", y)
    if targets.ndim == 0 or len(targets) != len(inputs):
        raise ValueError(f"y: expected one entry for each of {len(inputs)} inputs, got {y!r:.60}")
    if targets.ndim > 2 and targets.shape != np.shape(x):
        raise ValueError(
            "y: expected labels of shape (count,), rows of shape (count, outputs), or the shape of "
            f"x, {np.shape(x)}, got {targets.shape}"
        )
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if loss in LOSSES.values():
        if loss not in OF_NUMBERS and targets.ndim == 2 and _is_one_hot(targets):
            targets = targets.argmax(1)
        is_label = loss not in OF_NUMBERS and bool((targets == np.floor(targets)).all())
    else:
        is_label = targets.dtype.kind in "biu"
    if targets.ndim == 1 and is_label:
        return Dataset(inputs, targets.astype(np.int64))
    return Dataset(inputs, targets.reshape(len(targets), -1).astype(float))


def _inputs(x: Any) -> NDArray[np.float64]:
    """One row of numbers for each example, the bytes of images as shares of 255."""
    array = real_numbers("x", x)
    if array.ndim < 2:
        raise ValueError(f"expected an array of examples, of shape (count, ...), got {array.shape}")
    if array.size == 0:
        raise ValueError(f"expected at least one example, got an array of shape {array.shape}")
    flat = array.reshape(len(array), -1)
    if array.dtype != np.uint8:
        return flat.astype(float)
    if array.ndim == 2 or array.max() == 1:
        raise ValueError(
            "x: bytes are taken for images, from 0 to 255 and of shape (count, rows, columns), got "
            f"shape {array.shape} with numbers up to {array.max()}; divide them by 255 yourself, "
            "or give them as floats"
        )
    return flat / _LARGEST_BYTE


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


def _optimizer(optimizer: Any) -> Optimizer:
    if isinstance(optimizer, Optimizer):
        return optimizer
    optimizer = optimizer.lower() if isinstance(optimizer, str) else optimizer
    if not isinstance(optimizer, str) or optimizer not in OPTIMIZERS:
        known = ", ".join(OPTIMIZERS)
        raise ValueError(f"optimizer must be an Optimizer or one of {known}, got {optimizer!r}")
    return OPTIMIZERS[optimizer]()


register_training(sys.modules[__name__])
