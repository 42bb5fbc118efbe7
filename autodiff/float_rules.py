"""Float rules: for each primitive a Python function of floats, generated from its expressions.

It gives the value and all local derivatives at once, the same bits as the table's rules, and is
the eager path of every operation. What the table refuses or answers with a limit raises here.

>>> from autodiff import primitives
>>> float_rule(primitives.divide, (True, True))(1.0, 4.0)
(0.25, (0.25, -0.0625))
>>> print(source(primitives.divide, (True, False)))
def divide_rule(a, b):
    y = a / b
    return y, (1 / b, 0)
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from autodiff.adjoint import FLAT
from autodiff.expressions import (
    Expression,
    ExpressionMathematics,
    Literal,
    Name,
    as_expression,
    call,
)
from autodiff.mathematics import FLOAT, NumberMathematics
from autodiff.primitives import Primitive
from autodiff.printers import CONDITIONAL, CodePrinter, as_float

FloatRule = Callable[..., tuple[float, tuple[float, ...]]]

_OF_FLOATS = {
    name: getattr(FLOAT, name)
    for name in vars(type(FLOAT))
    if not name.startswith("_") and name not in ("carrier", "pi")
}
"""Functions that are called; others are written out by their definitions."""

_PRINTER = CodePrinter(CONDITIONAL, {"power": "pow"})  # ** of floats may be complex, pow raises


class _FloatExpressions(ExpressionMathematics, NumberMathematics):
    """Expressions of functions that floats have."""

    pi = Literal(math.pi)

    def __init__(self) -> None:
        for name in _OF_FLOATS:
            setattr(self, name, functools.partial(call, name))


_EXPRESSIONS = _FloatExpressions()


def source(primitive: Primitive, varies: tuple[bool, ...]) -> str:
    """The text of a rule.

    Args:
        primitive: of a fixed number of operands.
        varies: the operands whose local derivatives are wanted; the others' are 0.
    """
    letters = "abc"[: len(varies)]
    names = list(map(Name, letters))
    value = as_expression(primitive.value(_EXPRESSIONS, *names))
    if primitive.compares:
        value = call("where", value, 1, 0)
    slopes = primitive.partial_derivatives(_EXPRESSIONS, Name("y"), names, varies)
    texts = [
        _text(slope) if varying else "0" for slope, varying in zip(slopes, varies, strict=True)
    ]
    operands = ", ".join(letters)
    return (
        f"def {primitive}_rule({operands}):\n"
        f"    y = {_text(value)}\n"
        f"    return y, ({', '.join(texts)}{',' * (len(texts) == 1)})"
    )


def _text(part: Any) -> str:
    if part is FLAT:
        return "FLAT"
    expression: Expression = as_float(as_expression(part))
    return _PRINTER.text(expression)


@functools.cache
def float_rule(primitive: Primitive, varies: tuple[bool, ...]) -> FloatRule:
    """The rule of a primitive with a fixed number of operands, as a function of floats.

    Returns:
        A function that gives the value and a tuple of local derivatives; it raises ValueError,
        ArithmeticError or TypeError where the table has to be asked.
    """
    scope: dict[str, Any] = {
        **_OF_FLOATS, "abs": abs, "pow": math.pow, "logsumexp": FLOAT.logsumexp,
        "nan": math.nan, "inf": math.inf, "FLAT": FLAT,
    }  # fmt: skip
    exec(compile(source(primitive, varies), f"<float rule of {primitive}>", "exec"), scope)
    return scope[f"{primitive}_rule"]  # type: ignore[no-any-return]
