"""Losses: one number that says how wrong an answer is.

Each takes what a network gives for one example, and the target: the number of the right class, or
a number for each output, 1 for the right class where the target itself is an input. Of what a
network gives for a batch, and as many targets, it is the mean.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff.functions import abs as absolute
from autodiff.functions import dot, fsum, log, logsumexp, maximum, minimum, softplus, where
from autodiff.nn.probabilities import as_log_odds, as_logits

Target = int | Sequence[Any]
Loss = Callable[[Any, Any], Any]


def _also_of_batches(loss: Loss) -> Loss:
    """Let a loss of one example take the outputs for a batch as well: that is the mean."""
    names = list(inspect.signature(loss).parameters)

    @functools.wraps(loss)
    def of_one_or_many(*arguments: Any, **named: Any) -> Any:
        given = dict(zip(names, arguments, strict=False)) | named
        if hasattr(given.get(names[0]), "mean_loss"):
            outputs, *targets = [given.pop(name) for name in names[:2] if name in given]
            return outputs.mean_loss(_with_options(of_one_or_many, **given), *targets)
        return loss(*arguments, **named)

    return of_one_or_many


@functools.cache
def _with_options(loss: Loss, **options: Any) -> Loss:
    """A loss with options, the same one each time, so that what was compiled of it is found."""
    return functools.partial(loss, **options) if options else loss


@_also_of_batches
def cross_entropy(logits: Sequence[Any], label: Target) -> Any:
    """-log softmax(logits)[label] = logsumexp(logits - logits[label]), which never overflows.

    Only differences of logits count, so that no digit is lost when all of them are large. Its
    gradient on the logits is softmax(logits) - onehot(label). Bishop, Pattern Recognition and
    Machine Learning (2006), section 4.3.4.

    Args:
        logits: one Value or number per class, of any size. What Softmax or Sigmoid gave are no
            logits; of those it is -log p[label], where Sigmoid's are divided by their sum.
        label: the right class, from 0; or a probability for each class, 1 for the right one, where
            the label itself is an input.

    Raises:
        ValueError: if there is no class with that label, or not one probability for each class.

    >>> round(cross_entropy([0.0, 0.0], 1), 6)
    0.693147
    >>> round(cross_entropy([0.0, 0.0], [0.0, 1.0]), 6)
    0.693147
    """
    logits = as_logits(logits)
    expected = _of_class(logits, label)
    return logsumexp([logit - expected for logit in logits])


@_also_of_batches
def negative_log_likelihood(log_probabilities: Sequence[Any], label: Target) -> Any:
    """-log p[label], for a network that ends in LogSoftmax. Bishop (2006), equation 4.108.

    Args:
        log_probabilities: one Value or number per class, at most 0; or what Softmax gave.
        label: as for :func:`cross_entropy`.

    Raises:
        ValueError: as :func:`cross_entropy` does.

    >>> negative_log_likelihood([-0.5, -2.0], 1)
    2.0
    """
    return -_of_class(as_logits(log_probabilities), label)


@_also_of_batches
def hinge(scores: Sequence[Any], label: Target) -> Any:
    """Σ over wrong classes of max(0, score - score[label] + 1): the multi-class SVM.

    Weston and Watkins, Support vector machines for multi-class pattern recognition (1999).

    Args:
        scores: one Value or number per class, of any size.
        label: as for :func:`cross_entropy`.

    Raises:
        ValueError: as :func:`cross_entropy` does.

    >>> hinge([3.0, 5.0, -2.0], 0)
    3.0
    """
    right = _of_class(scores, label)
    margins = [maximum(score - right + 1, 0.0) for score in scores]
    return fsum(margins) - 1  # that of the right class itself is 1


@_also_of_batches
def mean_squared_error(outputs: Sequence[Any], target: Target) -> Any:
    """Σ (output - target)² / n. Bishop (2006), section 1.1, up to the factor.

    Args:
        outputs: n Values or numbers.
        target: as many; or a label, which stands for 1 at its place and 0 elsewhere.

    Raises:
        ValueError: if there are not as many targets as outputs, or no output with that label.

    >>> mean_squared_error([1.0, 3.0], [0.0, 1.0])
    2.5
    """
    differences = _differences(outputs, target)
    return dot(differences, differences) / len(differences)


@_also_of_batches
def mean_absolute_error(outputs: Sequence[Any], target: Target) -> Any:
    """``Σ |output - target| / n``.

    Args:
        outputs, target: as for :func:`mean_squared_error`.

    Raises:
        ValueError: as :func:`mean_squared_error` does.

    >>> mean_absolute_error([1.0, 3.0], [0.0, 1.0])
    1.5
    """
    differences = _differences(outputs, target)
    return fsum([absolute(difference) for difference in differences]) / len(differences)


@_also_of_batches
def binary_cross_entropy(logits: Sequence[Any], target: Target) -> Any:
    """-Σ t log σ(z) + (1 - t) log(1 - σ(z)), over n outputs, divided by n; it never overflows.

    Written as softplus(z) - t · z. Bishop (2006), equation 4.90.

    Args:
        logits: n Values or numbers, of any size; or what Sigmoid or Softmax gave: p = σ(z).
        target: a probability for each; or a label, which for one output is 0 or 1, and for several
            stands for 1 at its place and 0 elsewhere.

    Raises:
        ValueError: if there are not as many targets as outputs, or no such label.

    >>> round(binary_cross_entropy([0.0], 1), 6)
    0.693147
    """
    logits = as_log_odds(logits)
    if len(logits) == 1 and isinstance(target, int | np.integer):
        if target not in (0, 1):
            raise ValueError(f"with one output, the label must be 0 or 1, got {target}")
        target = [float(target)]
    targets = _targets(logits, target)
    terms = [softplus(z) - t * z for z, t in zip(logits, targets, strict=True)]
    return fsum(terms) / len(terms)


@_also_of_batches
def huber(outputs: Sequence[Any], target: Target, delta: float = 1.0) -> Any:
    """The mean of d²/2 for a small difference d, and of ``delta · (|d| - delta/2)`` for others.

    Huber, Robust estimation of a location parameter (1964): outliers pull no harder than delta.

    Args:
        outputs, target: as for :func:`mean_squared_error`.
        delta: up to which difference the loss is a square; positive.

    Raises:
        ValueError: as :func:`mean_squared_error` does, and if delta is not positive.

    >>> huber([0.5, 3.0], [0.0, 0.0])
    1.3125
    """
    if not delta > 0:
        raise ValueError(f"delta must be positive, got {delta!r}")
    sizes = [absolute(difference) for difference in _differences(outputs, target)]
    squares = [minimum(size, delta) for size in sizes]  # the part of each that is squared
    terms = [
        inner * inner / 2 + delta * (size - inner)
        for size, inner in zip(sizes, squares, strict=True)
    ]
    return fsum(terms) / len(terms)


@_also_of_batches
def kl_divergence(log_probabilities: Sequence[Any], target: Target) -> Any:
    """Σ t (log t - log p): how many nats are lost by taking p for the true probabilities t.

    Kullback and Leibler, On information and sufficiency (1951). Where t is 0, its term is 0.

    Args:
        log_probabilities: one Value or number per class, at most 0, as LogSoftmax gives them; or
            what Softmax gave.
        target: a probability for each class; or a label, for which this is
            :func:`negative_log_likelihood`.

    Raises:
        ValueError: as :func:`mean_squared_error` does.

    >>> round(kl_divergence([-1.0, -2.0], [0.5, 0.5]), 6)
    0.806853
    """
    log_probabilities = as_logits(log_probabilities)
    targets = _targets(log_probabilities, target)
    entropy = fsum([t * log(where(t > 0, t, 1.0)) for t in targets])
    return entropy - dot(targets, log_probabilities)


def l2_penalty(parameters: Iterable[Any], strength: float) -> Any:
    """strength · Σ w², which keeps weights small. Bishop (2006), equation 3.27, up to the factor.

    Args:
        parameters: at least one Value or number.
        strength: what the sum is multiplied by, at least 0.

    >>> l2_penalty([1.0, -2.0], 0.1)
    0.5
    """
    parameters = list(parameters)
    return strength * dot(parameters, parameters)


def l1_penalty(parameters: Iterable[Any], strength: float) -> Any:
    """``strength · Σ |w|``, which makes weights vanish.

    Tibshirani, Regression shrinkage and selection via the lasso (1996).

    Args:
        parameters, strength: as for :func:`l2_penalty`.

    >>> l1_penalty([1.0, -2.0], 0.5)
    1.5
    """
    return strength * fsum([absolute(parameter) for parameter in parameters])


LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "nll": negative_log_likelihood,
    "hinge": hinge,
    "mse": mean_squared_error,
    "mae": mean_absolute_error,
    "binary_cross_entropy": binary_cross_entropy,
    "huber": huber,
    "kl": kl_divergence,
}
"""Losses by name; all of them also take a vector as the target."""
OF_NUMBERS = (mean_squared_error, mean_absolute_error, huber)
"""The losses whose targets are numbers rather than classes."""


def target_rows(loss: Loss, targets: ArrayLike, count: int, outputs: int) -> NDArray[np.float64]:
    """One number for each output and example: targets as they are, labels as a 1 at their place.

    Args:
        loss: with one output, a label is 0 or 1 for :func:`binary_cross_entropy`.
        targets: shape (count,), (count, 1) or (count, outputs).
        count, outputs: of the examples, and of the model.

    Raises:
        ValueError: if there is no such label, or the shapes do not fit.

    >>> target_rows(cross_entropy, [1, 0], count=2, outputs=3).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    given = np.asarray(targets)
    if given.dtype.kind not in "biuf" or given.ndim not in (1, 2) or len(given) != count:
        raise ValueError(
            f"expected {count} targets, labels of shape ({count},) or numbers of shape "
            f"({count}, {outputs}), got {given.dtype} of shape {given.shape}"
        )
    if given.ndim == 2 or given.dtype.kind == "f":
        return np.asarray(given, float).reshape(count, -1)
    labels = given.astype(np.int64)
    if outputs == 1 and loss is binary_cross_entropy and np.isin(labels, (0, 1)).all():
        return labels[:, None].astype(float)
    wrong = labels[(labels < 0) | (labels >= outputs)]
    if len(wrong):
        raise ValueError(f"label must be one of 0 ... {outputs - 1}, got {wrong[0]}")
    rows: NDArray[np.float64] = np.eye(outputs)[labels]
    return rows


def _of_class(scores: Sequence[Any], label: Target) -> Any:
    """The score of the right class."""
    if isinstance(label, int | np.integer):
        if not 0 <= label < len(scores):
            raise ValueError(f"label must be one of 0 ... {len(scores) - 1}, got {label}")
        return scores[label]
    if len(label) != len(scores):
        raise ValueError(
            f"expected one probability for each of {len(scores)} classes, got {len(label)}"
        )
    return dot(label, scores)


def _differences(outputs: Sequence[Any], target: Target) -> list[Any]:
    targets = _targets(outputs, target)
    return [output - t for output, t in zip(outputs, targets, strict=True)]


def _targets(outputs: Sequence[Any], target: Target) -> Sequence[Any]:
    """One target for each output; a label is 1 for its class and 0 for the others."""
    if isinstance(target, int | np.integer):
        if not 0 <= target < len(outputs):
            raise ValueError(f"label must be one of 0 ... {len(outputs) - 1}, got {target}")
        return [float(i == target) for i in range(len(outputs))]
    if len(target) != len(outputs):
        raise ValueError(
            f"expected one target for each of {len(outputs)} outputs, got {len(target)}"
        )
    return target
