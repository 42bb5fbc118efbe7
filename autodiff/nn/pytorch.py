"""PyTorch's names for losses: ``criterion = nn.CrossEntropyLoss(); loss = criterion(model(x), y)``.

Each gives a function of this package, the mean over a batch; PyTorch's other means have no name.
"""

from __future__ import annotations

from autodiff.nn import losses
from autodiff.nn.losses import Loss


def CrossEntropyLoss() -> Loss:  # noqa: N802 (as PyTorch writes it)
    """Return :func:`autodiff.nn.cross_entropy`.

    >>> round(CrossEntropyLoss()([0.0, 0.0], 1), 6)
    0.693147
    """
    return losses.cross_entropy


def NLLLoss() -> Loss:  # noqa: N802
    """Return :func:`autodiff.nn.negative_log_likelihood`, for a model that ends in LogSoftmax."""
    return losses.negative_log_likelihood


def MSELoss() -> Loss:  # noqa: N802
    """Return :func:`autodiff.nn.mean_squared_error`."""
    return losses.mean_squared_error


def L1Loss() -> Loss:  # noqa: N802
    """Return :func:`autodiff.nn.mean_absolute_error`."""
    return losses.mean_absolute_error


def BCEWithLogitsLoss() -> Loss:  # noqa: N802
    """Return :func:`autodiff.nn.binary_cross_entropy`."""
    return losses.binary_cross_entropy


def BCELoss() -> Loss:  # noqa: N802
    """Return :func:`autodiff.nn.binary_cross_entropy`, which knows what Sigmoid gave."""
    return losses.binary_cross_entropy
