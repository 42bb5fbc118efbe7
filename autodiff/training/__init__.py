"""Training: a model learns from examples, eagerly or compiled, and can be stopped at any time."""

from autodiff.training import keras  # noqa: F401 (registers itself with nn.Module)
from autodiff.training.checkpoints import Checkpoint
from autodiff.training.fitting import evaluate, fit, outputs, predict
from autodiff.training.history import Epoch, History

__all__ = ["Checkpoint", "Epoch", "History", "evaluate", "fit", "outputs", "predict"]
