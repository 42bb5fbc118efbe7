"""Leaves: the numbers of many leaves at once, as optimizers read and set them at each step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter

from autodiff.mathematics import Number
from autodiff.recording import is_tracing
from autodiff.value import Value

_data_of, _grad_of = attrgetter("_data"), attrgetter("_grad")


def numbers_of(leaves: Iterable[Value]) -> list[Number]:
    """Return the data of many leaves, quickly."""
    return [leaf.data for leaf in leaves] if is_tracing() else list(map(_data_of, leaves))


def gradients_of(leaves: Iterable[Value]) -> list[Number]:
    """Return the gradients of many leaves, quickly."""
    return list(map(_grad_of, leaves))


def set_numbers(leaves: Sequence[Value], numbers: Sequence[Number]) -> None:
    """Set the data of many leaves.

    >>> x, y = Value(1.0), Value(2.0)
    >>> set_numbers([x, y], [3.0, 4.0])
    >>> x.data, y.data
    (3.0, 4.0)
    """
    is_simple = not is_tracing()
    for leaf, number in zip(leaves, numbers, strict=True):
        if is_simple and type(number) is type(leaf._data) is float and leaf.op is None:
            leaf._data = number
        else:
            leaf.data = number
