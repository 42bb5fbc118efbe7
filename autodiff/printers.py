"""Printers: expressions written down in some language.

A language is one table of templates: how each function is written, how tightly that binds, and how
tightly each operand has to bind to need no parentheses. What has no template is written as a call.

>>> from autodiff.expressions import Name
>>> PYTHON.text(2 * (Name("a") + 1))
'2 * (a + 1)'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from autodiff.expressions import OF_MANY, Call, Expression, Literal, Name, evaluate
from autodiff.mathematics import FLOAT

ANYTHING, CHOICE, COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(8)
"""Ranks of precedence: how tightly a written expression binds."""


class Written(NamedTuple):
    """The text of an expression, and how tightly it binds."""

    text: str
    rank: int = ATOM


class Template(NamedTuple):
    """A template of a function: the text around its operands, and the ranks of all."""

    text: str
    rank: int
    operands: tuple[int, ...]


def infix(sign: str, rank: int) -> Template:
    """An operator between two operands, grouped from the left."""
    return Template(f"{{}} {sign} {{}}", rank, (rank, rank + 1))


ARITHMETIC: dict[str, Template] = {
    "add": infix("+", SUM),
    "subtract": infix("-", SUM),
    "multiply": infix("*", PRODUCT),
    "divide": infix("/", PRODUCT),
    "modulo": infix("%", PRODUCT),
    "negate": Template("-{}", SIGN, (SIGN,)),
    "power": Template("{} ** {}", POWER, (ATOM, POWER)),
    "less": infix("<", COMPARISON),
    "less_equal": infix("<=", COMPARISON),
    "greater": infix(">", COMPARISON),
    "greater_equal": infix(">=", COMPARISON),
    "equal": infix("==", COMPARISON),
    "unequal": infix("!=", COMPARISON),
    "item": Template("{}[{}]", ATOM, (ATOM, ANYTHING)),
}
"""The operators as Python and many languages have them."""


class Printer:
    """Writes expressions in one language.

    What no template can say, a subclass writes with a method ``write_...`` of the function's name.

    Args:
        templates: how functions are written; others are written as calls.
        functions: the names of functions, where they have another one.
    """

    def __init__(
        self, templates: Mapping[str, Template], functions: Mapping[str, str] | None = None
    ) -> None:
        self.templates = templates
        self.functions = functions or {}

    def text(self, expression: Expression) -> str:
        """The text of an expression."""
        return self.written(expression).text

    def within(self, expression: Expression, rank: int) -> str:
        """The text of an expression as an operand that has to bind as tightly as the rank."""
        written = self.written(expression)
        return written.text if written.rank >= rank else f"({written.text})"

    def written(self, expression: Expression) -> Written:
        """The text of an expression, and how tightly it binds."""
        if isinstance(expression, Name):
            return self.name(expression)
        if isinstance(expression, Literal):
            return self.literal(expression)
        if not isinstance(expression, Call):
            return self.leaf(expression)
        own: Callable[[Call], Written] | None = getattr(self, f"write_{expression.function}", None)
        if own is not None:
            return own(expression)
        template = self.templates.get(expression.function)
        if template is None:
            return self.called(expression)
        operands = map(self.within, expression.operands, template.operands)
        return Written(template.text.format(*operands), template.rank)

    def name(self, name: Name) -> Written:
        """A name, which may be code that was written before."""
        return Written(name.text, SIGN if name.text.startswith("-") else ATOM)

    def literal(self, literal: Literal) -> Written:
        """A number as its shortest exact text."""
        text = repr(literal.number)
        return Written(text, SIGN if text.startswith("-") else ATOM)

    def leaf(self, leaf: Expression) -> Written:
        """A leaf of another kind, which a subclass knows."""
        raise TypeError(f"{type(self).__name__} cannot write {leaf!r}")

    def called(self, expression: Call) -> Written:
        """A function with its operands in parentheses, one tuple of them if there may be many."""
        name = self.functions.get(expression.function, expression.function)
        operands = [self.within(operand, ANYTHING) for operand in expression.operands]
        if expression.function in OF_MANY and not expression.operands[0].are_rows:
            return Written(f"{name}(({''.join(f'{text}, ' for text in operands).rstrip()}))")
        return Written(f"{name}({', '.join(operands)})")


class CodePrinter(Printer):
    """Writes code for floats: a choice between ints, or a function of them, gets floats.

    Python's int among floats changes nothing; but NumPy's makes an array of ints.

    Args:
        where: how a choice is written.
        functions: the names of functions, where they have another one.
    """

    def __init__(self, where: Template, functions: Mapping[str, str] | None = None) -> None:
        templates = {name: t for name, t in ARITHMETIC.items() if name not in (functions or ())}
        super().__init__(templates, functions)
        self._where = where

    def write_where(self, expression: Call) -> Written:
        """A choice."""
        condition, *branches = expression.operands
        texts = map(self.within, (condition, *map(as_float, branches)), self._where.operands)
        return Written(self._where.text.format(*texts), self._where.rank)

    def called(self, expression: Call) -> Written:
        """A function of numbers alone is a number, of no type of its own."""
        if all(isinstance(operand, Literal) for operand in expression.operands):
            return self.literal(Literal(evaluate(expression, {}, FLOAT)))
        operands = tuple(map(as_float, expression.operands))
        return super().called(Call(expression.function, operands))


def as_float(part: Expression) -> Expression:
    """An int as a float."""
    is_int = isinstance(part, Literal) and isinstance(part.number, int)
    return Literal(float(part.number)) if is_int else part  # type: ignore[attr-defined]


CONDITIONAL = Template("{1} if {0} else {2}", CHOICE, (CHOICE + 1,) * 3)
"""A choice as Python has it: a branch that is not taken is not evaluated."""

PYTHON = CodePrinter(CONDITIONAL)
"""Python on floats."""
