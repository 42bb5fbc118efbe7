"""History: what was measured in training, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Epoch(NamedTuple):
    """The measurements of one epoch; NaN for whatever was not measured.

    Attributes:
        loss, validation_loss: means over the examples.
        accuracy, validation_accuracy: shares of right answers, from 0 to 1.
    """

    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass
class History:
    """The record of a training run.

    Attributes:
        epochs: one entry for each finished epoch. Loss and accuracy are means over the training
            examples as they were met; the validation numbers were measured after the epoch.
        interrupted: whether training was stopped by Ctrl-C. The model keeps what it had learned.
        stopped: why training ended before the last epoch, in words; empty if it did not.

    >>> history = History([Epoch(1.0, 0.5, 1.1, 0.4), Epoch(0.5, 0.8, 0.7, 0.7)])
    >>> history.loss, history.validation_accuracy
    ([1.0, 0.5], [0.4, 0.7])
    """

    epochs: list[Epoch] = field(default_factory=list)
    interrupted: bool = False
    stopped: str = ""

    @property
    def history(self) -> dict[str, list[float]]:
        """Everything by the names that Keras has."""
        return {
            "loss": self.loss,
            "accuracy": self.accuracy,
            "val_loss": self.validation_loss,
            "val_accuracy": self.validation_accuracy,
        }

    @property
    def loss(self) -> list[float]:
        """The training loss of each epoch."""
        return [epoch.loss for epoch in self.epochs]

    @property
    def accuracy(self) -> list[float]:
        """The training accuracy of each epoch."""
        return [epoch.accuracy for epoch in self.epochs]

    @property
    def validation_loss(self) -> list[float]:
        """The validation loss after each epoch."""
        return [epoch.validation_loss for epoch in self.epochs]

    @property
    def validation_accuracy(self) -> list[float]:
        """The validation accuracy after each epoch."""
        return [epoch.validation_accuracy for epoch in self.epochs]
