"""Losses: one number that says how wrong an answer is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.functions import dot, logsumexp


def cross_entropy(logits: Sequence[Any], label: int | Sequence[Any]) -> Any:
    """-log softmax(logits)[label] = logsumexp(logits - logits[label]), which never overflows.

    Only differences of logits count, so that no digit is lost when all of them are large. Its
    gradient on the logits is softmax(logits) - onehot(label). Bishop, Pattern Recognition and
    Machine Learning (2006), section 4.3.4.

    Args:
        logits: one Value or number per class, of any size.
        label: the right class, from 0; or a probability for each class, 1 for the right one, where
            the label itself is an input.

    Raises:
        ValueError: if there is no class with that label, or not one probability for each class.

    >>> round(cross_entropy([0.0, 0.0], 1), 6)
    0.693147
    >>> round(cross_entropy([0.0, 0.0], [0.0, 1.0]), 6)
    0.693147
    """
    if not isinstance(label, int | np.integer):
        if len(label) != len(logits):
            raise ValueError(
                f"expected one probability for each of {len(logits)} classes, got {len(label)}"
            )
        expected = dot(label, logits)
        return logsumexp([logit - expected for logit in logits])
    if not 0 <= label < len(logits):
        raise ValueError(f"label must be one of 0 ... {len(logits) - 1}, got {label}")
    return logsumexp([logit - logits[label] for logit in logits])
