"""Schedules: how the learning rate changes, from step to step.

A schedule is any function from the number of a step, counted from 1, to its learning rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class StepDecay:
    """The rate times ``factor`` after every ``every`` steps.

    Attributes:
        rate: of the first steps.
        every: after how many steps it changes.
        factor: by which.

    Raises:
        ValueError: if a number is not positive and finite.

    >>> schedule = StepDecay(0.1, every=10, factor=0.5)
    >>> schedule(1), schedule(10), schedule(11), schedule(21)
    (0.1, 0.1, 0.05, 0.025)
    """

    rate: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        _check_positive(self, rate=self.rate, every=self.every, factor=self.factor)

    def __call__(self, step: int) -> float:
        """The learning rate of a step."""
        return self.rate * self.factor ** ((step - 1) // self.every)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from ``rate`` at the first of ``steps`` down to ``last``, which then stays.

    Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts (2017), equation 5.

    Attributes:
        rate: of the first step.
        steps: how many there are on the way down.
        last: the rate after them, at least 0.

    Raises:
        ValueError: if the rate or the steps are not positive and finite.

    >>> schedule = Cosine(0.1, steps=100)
    >>> schedule(1), round(schedule(51), 12), schedule(101), schedule(500)
    (0.1, 0.05, 0.0, 0.0)
    """

    rate: float
    steps: int
    last: float = 0.0

    def __post_init__(self) -> None:
        _check_positive(self, rate=self.rate, steps=self.steps)

    def __call__(self, step: int) -> float:
        """The learning rate of a step."""
        share = min((step - 1) / self.steps, 1.0)
        return self.last + (self.rate - self.last) * (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class WarmUp:
    """A rate, or a schedule, that is approached evenly over the first ``steps``.

    Goyal et al., Accurate, large minibatch SGD (2017), section 2.2.

    Attributes:
        after: the rate, or the schedule, that is approached.
        steps: until it is reached.

    Raises:
        ValueError: if the steps are not positive and finite.

    >>> schedule = WarmUp(0.1, steps=4)
    >>> schedule(1), schedule(2), schedule(4), schedule(5)
    (0.025, 0.05, 0.1, 0.1)
    """

    after: float | Cosine | StepDecay
    steps: int

    def __post_init__(self) -> None:
        _check_positive(self, steps=self.steps)

    def __call__(self, step: int) -> float:
        """The learning rate of a step."""
        rate = self.after(step) if callable(self.after) else self.after
        return rate * min(step / self.steps, 1.0)


def _check_positive(schedule: object, **numbers: float) -> None:
    for name, number in numbers.items():
        if not isinstance(number, int | float) or not 0 < number < math.inf:
            raise ValueError(
                f"{type(schedule).__name__}: {name} must be positive and finite, got {number!r}"
            )
