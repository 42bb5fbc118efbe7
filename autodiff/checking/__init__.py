"""Is my derivative right? Functions, layers and losses, compared with numerical derivatives."""

from autodiff.checking.differences import Difference
from autodiff.checking.gradients import GradientError, check_gradient, numerical_derivative
from autodiff.checking.layers import check_layer
from autodiff.checking.losses import check_loss

__all__ = [
    "Difference", "GradientError", "check_gradient", "check_layer", "check_loss",
    "numerical_derivative",
]  # fmt: skip
