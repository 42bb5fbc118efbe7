"""Source: generated text, the names in it, and what all printers of programs share."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from autodiff.expressions import Call, Literal, call
from autodiff.mathematics import Mathematics
from autodiff.primitives import PRIMITIVES
from autodiff.printers import COMPARISON, CodePrinter, Written


@dataclass
class Source:
    """Text that defines one function, and the arrays that it refers to by name."""

    text: str
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    gathers: int = 0


def functions(m: Mathematics) -> dict[str, Any]:
    """Return the functions that generated code may call, by their names in a namespace."""
    names = [name for name in dir(m) if not name.startswith("_") and name != "where"]
    return {name: getattr(m, name) for name in names}


class ProgramPrinter(CodePrinter):
    """Writes the lines of a program, in which a condition is a factor like any other."""

    def write_where(self, expression: Call) -> Written:
        """A choice; one between 1 and 0 is the condition itself."""
        if is_condition(expression):
            condition = expression.operands[0]
            is_comparison = self.written(condition).rank == COMPARISON
            return self.written(condition if is_comparison else call("unequal", condition, 0))
        return super().write_where(expression)


def is_condition(expression: object) -> bool:
    """Whether it is a choice between 1 and 0, or a comparison."""
    if not isinstance(expression, Call):
        return False
    if expression.function == "where":
        return expression.operands[1:] == (Literal(1), Literal(0))
    return is_comparison(expression)


def is_comparison(expression: object) -> bool:
    """Whether it is true or false."""
    primitive = PRIMITIVES.get(expression.function) if isinstance(expression, Call) else None
    return primitive is not None and primitive.compares


class Names:
    """Python names of which none is given twice, nor one that is taken already."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._reserved = frozenset(taken)
        self._taken = set(self._reserved)
        self._counts: dict[str, int] = {}

    def fresh(self, name: str) -> str:
        """This name, or this name with a number, in constant time."""
        candidate = name
        while candidate in self._taken or keyword.iskeyword(candidate):
            count = self._counts.get(name, 1 if name in self._reserved else 2)
            self._counts[name] = count + 1
            candidate = f"{name}_{count}"
        self._taken.add(candidate)
        return candidate


def comment(scope: str) -> str:
    """A scope as a comment; what Python does not read as a part of one line is left out."""
    return "# " + "".join(c if c.isprintable() else " " for c in scope).strip()


def identifier(name: str, scope: str) -> str:
    """A Python name made of a scope and a name."""
    text = f"{scope}_{name}" if scope else name
    text = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "value"
    return text if not text[0].isdigit() else f"v{text}"
