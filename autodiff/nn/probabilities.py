"""Probabilities: outputs of Softmax and Sigmoid that still know the logits that they came from.

A loss of logits must not take such outputs for logits. It asks for their logarithms here, which
never overflow, since they are computed from the logits and not from the rounded probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from autodiff.functions import log, logsumexp, softplus


class Probabilities(list[Any]):
    """Probabilities, side by side, as a list.

    >>> [round(a, 6) for a in Probabilities([0.5, 0.2]).logarithms()]
    [-0.693147, -1.609438]
    """

    _logarithms: Callable[[], list[Any]] | None = None
    _log_odds: Callable[[], list[Any]] | None = None

    def logarithms(self) -> list[Any]:
        """Return log p for each."""
        return self._logarithms() if self._logarithms else [log(p) for p in self]

    def log_odds(self) -> list[Any]:
        """Return log p - log(1 - p) for each."""
        return self._log_odds() if self._log_odds else [log(p) - log(1 - p) for p in self]


def of_sigmoid(numbers: Iterable[Any], logits: Iterable[Any]) -> Probabilities:
    """Return the values of the sigmoid function at these logits as probabilities."""
    probabilities = Probabilities(numbers)
    probabilities._log_odds = lambda: list(logits)
    probabilities._logarithms = lambda: [-softplus(-logit) for logit in logits]
    return probabilities


def of_softmax(numbers: Iterable[Any], logarithms: Sequence[Any]) -> Probabilities:
    """Return probabilities that add up to 1, given with their logarithms."""

    def log_odds() -> list[Any]:
        if len(logarithms) < 2:
            raise ValueError(
                "Softmax of one output is always 1; use Sigmoid, or an output for each class"
            )
        others = [[b for j, b in enumerate(logarithms) if j != i] for i in range(len(logarithms))]
        return [a - logsumexp(rest) for a, rest in zip(logarithms, others, strict=True)]

    probabilities = Probabilities(numbers)
    probabilities._log_odds = log_odds
    probabilities._logarithms = lambda: list(logarithms)
    return probabilities


def as_logits(outputs: Sequence[Any]) -> Sequence[Any]:
    """Return the inputs of softmax: logits as they are, logarithms of probabilities."""
    return outputs.logarithms() if isinstance(outputs, Probabilities) else outputs


def as_log_odds(outputs: Sequence[Any]) -> Sequence[Any]:
    """Return the inputs of the sigmoid function: logits as they are."""
    return outputs.log_odds() if isinstance(outputs, Probabilities) else outputs


def threshold(outputs: Sequence[Any]) -> float:
    """Threshold above which a single output means yes: 0.5 for a probability, 0 for a logit."""
    return 0.5 if isinstance(outputs, Probabilities) else 0.0
