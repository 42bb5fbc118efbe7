"""Linearize: an operation's value and local derivatives, with a note on where it failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff import primitives
from autodiff.mathematics import Number
from autodiff.primitives import Primitive


def linearize(
    primitive: Primitive, parents: Sequence[Any], operands: Sequence[Number], scope: str
) -> tuple[Number, tuple[Number, ...]]:
    """The value at these operands, and the local derivative for each parent.

    A failure carries a note that says where in the graph it happened.
    """
    varies = [parent.op is not primitives.constant for parent in parents] if primitive.arity else ()
    try:
        return primitive.linearize(operands, varies)
    except FAILURES as error:
        explain(error, primitive, parents, operands, scope)
        raise


FAILURES = (ArithmeticError, ValueError, TypeError)


def explain(
    error: Exception,
    primitive: Primitive,
    parents: Sequence[Any],
    operands: Sequence[Number],
    scope: str,
) -> None:
    """Add a note on where it happened: the operation, its operands and their names, the scope."""
    named = [
        f"{parent.name} = {operand}" if parent.name else str(operand)
        for parent, operand in zip(parents[:4], operands[:4], strict=True)
    ]
    shown = ", ".join(named) + (f", ... {len(parents)} operands" if len(parents) > 4 else "")
    note = f"in {primitive.name}({shown})"
    if isinstance(error, ValueError | ZeroDivisionError) and primitive.domain.text:
        letters = ", ".join("ab"[: len(parents)])
        note += f"; {primitive.name}({letters}) is defined for {primitive.domain.text}"
    error.add_note(f"{note}; in scope {scope!r}" if scope else note)
