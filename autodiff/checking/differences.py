"""Numerical derivatives: central differences, extrapolated, at the function's own scale.

One step cannot serve every function. Too large a step misses what the function does at the point,
too small a step drowns in the rounding of the function's values. So several sizes are tried, far
apart, until one is good enough; each size is a *window* of steps, halved from one to the next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import median
from typing import NamedTuple

_STEPS = 7  # in a window
_STRIDE = 8  # halvings from one window to the next
_REACH = 56  # halvings that a search goes either way: floats have 53 bits
_FIRST = math.sqrt(2) / 20  # of the point: no fraction, lest the steps are periods of the function
_ROUNDING = 2.0**-50  # of a function's value, relative: a few units in the last place
_SMALLEST, _LARGEST = 2.0**-1074, 2.0**1020


class Difference(NamedTuple):
    """A numerical derivative and an estimate of its own error.

    Attributes:
        value: the derivative; infinite if it is too large for a float.
        error: about how far off it may be, as an absolute number.
        noise: the part of the error that comes from the rounding of the function's values.
    """

    value: float
    error: float
    noise: float = 0.0

    def agrees(self, other: Difference) -> bool:
        """Whether both may be the same, as far as is known."""
        return abs(self.value - other.value) <= 2 * (self.error + other.error)

    @property
    def rounding(self) -> float:
        """The part of the error that may be due to rounding, also of what the function computes."""
        return min(self.error, 8 * self.noise)


class _Sides(NamedTuple):
    """A step, the function on both sides of the point, and the steps that floats really take."""

    step: float
    above: float
    below: float
    misplaced: float


class _Window(NamedTuple):
    """The best derivative from a window of steps.

    Attributes:
        top: the largest step.
        difference: the derivative.
        variation: how much the function changes per step, in either direction.
    """

    top: float
    difference: Difference
    variation: float

    @property
    def is_known(self) -> bool:
        """Whether the derivative is seen well, or as well as rounding lets it."""
        value, error, _ = self.difference
        return error < 1e-3 * abs(value) or error <= self.difference.rounding

    def is_good_enough(self, tolerance: float) -> bool:
        """Whether no better one need be looked for."""
        value, error, _ = self.difference
        is_flat = error < 1e-10 * self.variation and error <= self.difference.rounding
        return error <= tolerance * abs(value) or is_flat

    def agrees(self, windows: list[_Window]) -> bool:
        """Whether no smaller steps contradict: what is smooth in the large is smooth in the small.

        So a staircase is flat, however straight it looks from afar, unless its steps are those of
        the rounding of the function's values.
        """
        return all(
            self.difference.agrees(other.difference)
            for other in windows
            if other.top < self.top and other.is_known
        )


def best_difference(
    function: Callable[[float], float], at: float, tolerance: float
) -> Difference | None:
    """Return the first derivative that is known to a tolerance, else the best one there is.

    Returns:
        None if the function has no value on both sides of the point, however near.
    """
    search = _Search(function, at)
    windows: list[_Window] = []
    for top in search.tops():
        found = search.window(top)
        if found is None:
            continue
        windows.append(found)
        if found.is_good_enough(tolerance) and found.agrees(windows):
            return found.difference
    if not windows:
        return None
    windows.sort(key=search.rank)
    best = next((window for window in windows if window.agrees(windows)), windows[0])
    return search.refined(best).difference


def closest_difference(
    function: Callable[[float], float], at: float, found: Difference
) -> Difference:
    """Return what the smallest steps tell of a derivative, made as exact as larger ones agree to.

    From far away a function with many poles, or many waves, may look smooth.
    """
    search = _Search(function, at)
    seen: list[Difference] = []  # by larger and larger steps, as long as they agree
    for halvings in range(_REACH, -1, -_STRIDE // 2):
        window = search.window(_FIRST * _scaled(abs(at), -halvings))
        if window is None or not window.difference.error < 1e-3 * abs(window.difference.value):
            continue
        if seen and not window.difference.agrees(seen[-1]):
            if len(seen) > 1:
                break
            seen = []  # one alone may be the rounding of what the function computes
        seen.append(window.difference)
    best = min(seen, key=lambda difference: difference.error, default=found)
    return best if len(seen) > 1 and not best.agrees(found) else found


def is_constant_near(function: Callable[[float], float], at: float, slope: float) -> bool:
    """Whether the function keeps its value over steps at which a slope would show clearly in it.

    So a staircase is told from a ramp that is seen from far away, unless its steps might be the
    rounding of what the function computes: of sin(x + 1000), say.
    """
    here = function(at)
    visible = 2.0**20 * max(math.ulp(here), math.ulp(at) * abs(slope))
    step = visible / abs(slope) if slope else math.inf
    try:
        return function(at + step) == here == function(at - step)
    except (ValueError, ArithmeticError):
        return False


def is_erratic(function: Callable[[float], float], at: float) -> bool:
    """Whether the function changes from one float to the next about as much as far away.

    Then floats are too coarse for it, as they are for sin(x) at 1e100: no step is small enough.
    """

    def change(step: float) -> float:
        try:
            return max(abs(function(at + step) - here), abs(function(at - step) - here))
        except (ValueError, ArithmeticError):
            return math.inf

    here = function(at)
    usual = median(change(_scaled(_FIRST * abs(at), -halvings)) for halvings in range(0, 48, 4))
    nearest = max(change(ulps * math.ulp(at)) for ulps in (1, 2, 3))
    return 16 * nearest > usual > 64 * math.ulp(here)


class _Search:
    """A function near a point, and how far from it there is something to see.

    Attributes:
        too_small: steps up to this one change nothing beyond rounding.
        too_large: from this step on the function has no value on one side or the other.
    """

    def __init__(self, function: Callable[[float], float], at: float) -> None:
        self.function, self.at, self.here = function, at, function(at)
        self.too_small, self.too_large = 0.0, _LARGEST

    def tops(self) -> Iterator[float]:
        """The largest steps of windows to try, likely ones first."""
        strides = range(_STRIDE, _REACH + 1, _STRIDE)
        for halvings in [0] + [sign * stride for stride in strides for sign in (1, -1)]:
            yield from self._within(_FIRST * _scaled(abs(self.at) or 1.0, -halvings))
            if self.too_small and not halvings:  # larger steps are needed, how large will be seen
                break
        yield from self._within(_FIRST)
        visible = self._smallest_visible()
        for doublings in (-1, *strides):
            yield from self._within(_FIRST * _scaled(visible, doublings + 4))

    def rank(self, window: _Window) -> tuple[bool, float]:
        """The less, the better: first what is known but for rounding, by its error.

        A step far below the point's own size, where nothing is seen for rounding, knows nothing:
        what is seen with larger steps, a kink for instance, must not be lost in it. And in what is
        not known, the error alone would prefer huge steps: of a bounded function, it falls as they
        grow.
        """
        value, error, _ = window.difference
        is_seen = error < 1e-3 * abs(value)
        is_near = window.top < _FIRST * _scaled(abs(self.at) or 1.0, -_STRIDE - 1)
        if window.is_known and (is_seen or not is_near):
            return False, error
        return True, error / window.variation if window.variation else math.inf

    def refined(self, best: _Window) -> _Window:
        """The best window near a good one."""
        for halvings in (4, 2, 1):
            for shift in (halvings, -halvings):
                found = self.window(_scaled(best.top, shift))
                if found is not None and self.rank(found) < self.rank(best):
                    best = found
        return best

    def window(self, top: float) -> _Window | None:
        """The best derivative from a window; None if it has too few steps."""
        sides = [self._sides(_scaled(top, -halvings)) for halvings in range(_STEPS)]
        if sides[0] is None:
            self.too_large = min(self.too_large, top)
        by_step = {side.step: side for side in sides if side is not None}
        usable = list(by_step.values())
        if len(usable) < 4:
            return None
        found = _extrapolated(self.here, usable)
        if found.variation * usable[-1].step <= _ROUNDING * abs(self.here):
            self.too_small = max(self.too_small, top)
        return found

    def _within(self, top: float) -> Iterator[float]:
        if self.too_small < top < self.too_large:
            yield top

    def _sides(self, step: float) -> _Sides | None:
        high, low = self.at + step, self.at - step
        step = high - self.at
        if not low < self.at < high:
            return None
        try:
            above, below = self.function(high), self.function(low)
        except (ValueError, ArithmeticError):
            return None
        if not (math.isfinite(above) and math.isfinite(below)):
            return None
        return _Sides(step, above, below, abs((self.at - low) - step))

    def _smallest_visible(self) -> float:
        """The smallest step that changes the function, or the largest that it has a value for."""
        low = math.frexp(math.ulp(self.at))[1] if self.at else -1070
        high = math.frexp(self.too_large)[1] - 1
        while low < high:
            middle = (low + high) // 2
            sides = self._sides(math.ldexp(1.0, middle))
            if sides is not None and sides.above == sides.below == self.here:
                low = middle + 1
            else:
                high = middle
        return math.ldexp(1.0, low)


def _extrapolated(here: float, sides: list[_Sides]) -> _Window:
    """Extrapolate the central differences to step zero.

    Ridders, Accurate computation of F'(x) and F'(x)F''(x) (1982): Neville's tableau on the squares
    of the steps; the error of an entry is estimated by how much its neighbours differ from it. The
    mean of both sides is extrapolated alike, and has to arrive at the function's value at the
    point: if it does not, the function has a kink there, or does something between the steps.
    """
    exponent = math.frexp(max(abs(here), *[max(abs(s.above), abs(s.below)) for s in sides]))[1]
    top = sides[0].step
    steps = [s.step / top for s in sides]
    above = [_scaled(s.above, -exponent) - _scaled(here, -exponent) for s in sides]
    below = [_scaled(s.below, -exponent) - _scaled(here, -exponent) for s in sides]
    slopes = [(a - b) / (2 * h) for a, b, h in zip(above, below, steps, strict=True)]
    means = [(a + b) / 2 for a, b in zip(above, below, strict=True)]
    here = abs(_scaled(here, -exponent))
    quantum = _scaled(_SMALLEST, -exponent)
    noises = [
        max(_ROUNDING * (here + max(abs(a), abs(b))), quantum) / h
        + abs(slope) * s.misplaced / s.step
        for a, b, h, slope, s in zip(above, below, steps, slopes, sides, strict=True)
    ]
    squares = [h * h for h in steps]
    odd, even = _neville(slopes, squares), _neville(means, squares)
    best = Difference(math.nan, math.inf)
    for i in range(2, len(sides)):
        for j in range(2, i + 1):
            value, noise = odd[i][j], max(noises[i - j : i + 1])
            nearby = odd[i][j - 1], odd[i - 1][j - 1], odd[i - 2][j - 2]
            spread = max(abs(value - other) for other in nearby)
            error = spread + abs(even[i][j]) / steps[i] + noise
            if error < best.error:
                best = Difference(value, error, noise)
    late = max(abs(best.value - odd[-1][-1]), abs(even[-1][-1]) / steps[-1])
    best = best._replace(error=max(best.error, late - 4 * noises[-1]))  # what smaller steps say
    variation = max(max(abs(a), abs(b)) / h for a, b, h in zip(above, below, steps, strict=True))
    mantissa, exponent_of_top = math.frexp(top)
    in_units = [_scaled(number / mantissa, exponent - exponent_of_top) for number in best]
    difference = Difference(*in_units)
    if math.isinf(difference.value):  # only its sign is known, and that for sure
        difference = Difference(difference.value, 0.0 if best.error < abs(best.value) else math.inf)
    return _Window(top, difference, _scaled(variation / mantissa, exponent - exponent_of_top))


def _neville(values: list[float], squares: list[float]) -> list[list[float]]:
    """Neville's tableau: row i, column j is the extrapolation to 0 from values i - j to i."""
    rows: list[list[float]] = []
    for i, value in enumerate(values):
        row = [value]
        for j in range(1, i + 1):
            change = row[j - 1] - rows[-1][j - 1]
            row.append(row[j - 1] + change / (squares[i - j] / squares[i] - 1))
        rows.append(row)
    return rows


def _scaled(number: float, exponent: int) -> float:
    """number · 2**exponent, infinite where that is too large for a float."""
    try:
        return math.ldexp(number, exponent)
    except OverflowError:
        return math.copysign(math.inf, number)
