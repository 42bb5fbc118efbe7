"""Checks: options that are wrong are refused in one sentence, before any work."""

from __future__ import annotations

import re
from collections.abc import Sequence

_THREE_DIGITS = re.compile(r"[1-9][0-9]{2}")  # a width of so many gigabytes is a valid one


def check_choice(name: str, choice: object, known: Sequence[object]) -> None:
    """Raise ValueError unless a choice is a known one."""
    if choice not in known:
        words = ", ".join(str(word) for word in known if word)
        raise ValueError(f"{name} must be one of {words}, got {choice!r}")


def check_seconds(name: str, seconds: object) -> None:
    """Raise ValueError unless it is a length of time."""
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 0 < seconds < 1e6:  # type: ignore[operator]
        raise ValueError(f"{name} must be a number of seconds above 0, got {seconds!r}")


def check_number_format(number: str) -> None:
    """Raise ValueError unless numbers can be formatted so, in a reasonable number of digits."""
    try:
        if _THREE_DIGITS.search(number):
            raise ValueError(number)
        format(1.0, number)
    except (ValueError, TypeError):
        raise ValueError(
            f"number must be a format specification like '.4g' or '.2f', got {number!r:.40}"
        ) from None
