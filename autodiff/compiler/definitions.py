"""Definitions: functions of the mathematics namespace as expressions of simpler ones."""

from __future__ import annotations

from typing import Any

from autodiff.expressions import Expression, ExpressionMathematics, Name, call
from autodiff.mathematics import NumberMathematics


class _Defined(ExpressionMathematics, NumberMathematics):
    """Functions composed of others, as expressions."""

    def logaddexp(self, a: Any, b: Any) -> Any:
        """log(exp(a) + exp(b)), also of infinities."""
        below = call("exp", -abs(a - b))
        return self.where(
            call("equal", a, b),
            lambda: a + call("log", 2),
            lambda: call("maximum", a, b) + call("log1p", below),
        )

    def maximum(self, a: Any, b: Any) -> Any:
        return NumberMathematics.maximum(self, a, b)

    def __getattr__(self, name: str) -> Any:
        return ExpressionMathematics.__getattr__(self, name)


def definition(name: str) -> tuple[list[str], Expression] | None:
    """The parameters of a function and the expression that defines it, if one does."""
    own = _Defined.__dict__.get(name) or NumberMathematics.__dict__.get(name)
    if own is None:
        return None
    count = own.__code__.co_argcount - 1
    parameters = list("ab"[:count])

    class Once(_Defined):
        """The namespace in which this function alone is written out."""

        def __getattribute__(self, other: str) -> Any:
            if other in NumberMathematics.__dict__ and other not in (name, "where"):
                return lambda *operands: call(other, *operands)
            return super().__getattribute__(other)

    return parameters, own(Once(), *map(Name, parameters))
