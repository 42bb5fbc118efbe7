"""Dropout, and where its random numbers come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from autodiff.nn.layers import Seed, generator_of
from autodiff.nn.module import Module, Specification
from autodiff.nn.signals import Signal, mapped

_source: ContextVar[Callable[[float], Any] | None] = ContextVar("factors", default=None)
"""Gives the factor of the next unit, from its rate; None: each layer draws for itself."""


class Dropout(Module):
    """In training, each scalar is 0 with probability ``rate``, else divided by 1 - rate.

    Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting (2014), in
    its inverted form. ``model.eval()`` hands everything on as it is.

    Args:
        rate: at least 0 and below 1.
        seed: where the draws come from, unless training hands them in.

    Raises:
        ValueError: if the rate is out of its range.

    >>> layer = Dropout(0.5, seed=0)
    >>> layer([1.0, 1.0, 1.0, 1.0])
    [2.0, 0.0, 0.0, 0.0]
    >>> layer.eval()([1.0, 1.0])
    [1.0, 1.0]
    """

    def __init__(self, rate: float = 0.5, seed: Seed = None) -> None:
        if not 0 <= rate < 1:
            raise ValueError(f"the rate of Dropout must be at least 0 and below 1, got {rate}")
        self.rate = rate
        self._generator = generator_of(seed)

    def __call__(self, inputs: Signal) -> Any:
        """The scalars that are kept, and zeros."""
        if not self.is_training or self.rate == 0:
            return inputs
        next_factor = _source.get() or self._draw
        return mapped(lambda a: a * next_factor(self.rate), inputs)

    def _draw(self, rate: float) -> float:
        return float(factors(self._generator.random(), rate))

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """As it was."""
        return shape

    def specification(self) -> Specification:
        """The kind and the rate."""
        return {"kind": "Dropout", "rate": self.rate}

    def __repr__(self) -> str:
        return f"Dropout({self.rate:g})"


def factors(uniform: Any, rates: Any) -> Any:
    """Return the factors of units, from numbers drawn evenly between 0 and 1."""
    return (np.asarray(uniform) >= rates) / (1 - np.asarray(rates))


@contextmanager
def factors_given(numbers: Sequence[Any]) -> Iterator[None]:
    """Inside, dropped units are multiplied by these Values or numbers, in the order of the calls.

    A compiled program is traced once; so its random numbers are an input.
    """
    remaining = iter(numbers)
    token = _source.set(lambda _: next(remaining))
    try:
        yield
    finally:
        _source.reset(token)


def dropped_units(run: Callable[[], object]) -> list[float]:
    """The rates of all units that are dropped at random while ``run`` is run, in order."""
    rates: list[float] = []

    def count(rate: float) -> float:
        rates.append(rate)
        return 1.0

    token = _source.set(count)
    try:
        run()
    finally:
        _source.reset(token)
    return rates
