"""Numbers as JSON can have them."""

from __future__ import annotations

import math

from autodiff.graph import Number


def plain(number: Number) -> float | str:
    """A float, or a word for what is not finite, which JavaScript's ``Number()`` understands.

    >>> plain(2), plain(float("-inf"))
    (2.0, '-Infinity')
    """
    try:
        as_float = float(number)
    except OverflowError:
        as_float = math.inf if number > 0 else -math.inf
    if math.isfinite(as_float):
        return as_float
    return "NaN" if math.isnan(as_float) else f"{'-' * (as_float < 0)}Infinity"
