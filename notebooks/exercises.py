"""Checks for the exercises of the notebooks. Look here only after you have tried.

A check is given the reader's answer and returns a verdict: it raises nothing, whatever the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

from autodiff import check_gradient

__all__ = ["slope_of_a_cube"]


class Verdict(NamedTuple):
    """What a check says of an answer.

    Attributes:
        is_right: None if there is no answer yet.
        text: one or two sentences.
    """

    is_right: bool | None
    text: str

    def __repr__(self) -> str:
        mark = {True: "right", False: "not yet", None: "your turn"}[self.is_right]
        return f"{mark}: {self.text}"


class Wrong(Exception):  # noqa: N818 (an answer is wrong, nothing failed)
    """An answer that is not right yet, and why."""


def exercise(praise: str) -> Callable[[Callable[[Any], None]], Callable[[Any], Verdict]]:
    """Make a check of a function that raises if an answer is wrong.

    Args:
        praise: what is said to a right answer; it may add what there is to see in it.
    """

    def decorate(check: Callable[[Any], None]) -> Callable[[Any], Verdict]:
        @wraps(check)
        def checked(answer: Any) -> Verdict:
            if answer is ...:
                return Verdict(None, "put your answer in the place of the three dots")
            try:
                check(_ask(answer))
            except _NoAnswerError:
                return Verdict(None, "your function returns nothing yet")
            except Exception as error:  # the reader's function may raise anything
                said = str(error) if isinstance(error, Wrong | AssertionError) else repr(error)
                return Verdict(False, said)
            return Verdict(True, praise)

        return checked

    return decorate


class _NoAnswerError(Exception):
    """The reader's function returned nothing, or three dots."""


def _ask(answer: Any) -> Any:
    """An answer as it is; if it is a function, one that must answer when it is called."""
    if not callable(answer):
        return answer

    @wraps(answer)
    def asked(*arguments: Any, **options: Any) -> Any:
        result = answer(*arguments, **options)
        if result is None or result is ...:
            raise _NoAnswerError
        return result

    return asked


# ------------------------------------------------------------------------------ 1 graphs by hand


@exercise("3a² it is, 27 at 3: three edges lead from a into the products.")
def slope_of_a_cube(slope: Any) -> None:
    """The derivative of a · a · a, as a function of a."""
    for point in (3.0, -1.5, 0.2):
        check_gradient(lambda a: a * a * a, point, gradient=slope)
