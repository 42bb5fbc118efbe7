"""Formulas: the rules of the table applied to names instead of numbers, giving readable text.

>>> from autodiff import primitives
>>> a, b = Formula("a"), Formula("b")
>>> str(primitives.divide.value(FORMULA, a, b)), derivative(primitives.sqrt, "y", ["a"], 0)
('a / b', '1 / (2 * y)')
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from autodiff.mathematics import Mathematics
from autodiff.primitives import Primitive

_COMPARISON, _SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(6)


class Formula:
    """Python text of an expression, with the rank that says where it needs parentheses."""

    __slots__ = ("rank", "text")

    def __init__(self, text: str, rank: int = _ATOM) -> None:
        self.text = text
        self.rank = rank

    def __str__(self) -> str:
        return self.text

    def within(self, rank: int) -> str:
        """The text as part of an operation of this rank."""
        return self.text if self.rank >= rank else f"({self.text})"

    def __add__(self, other: Any) -> Formula:
        return _infix(self, "+", other, _SUM)

    def __radd__(self, other: Any) -> Formula:
        return _infix(other, "+", self, _SUM)

    def __sub__(self, other: Any) -> Formula:
        return _infix(self, "-", other, _SUM)

    def __rsub__(self, other: Any) -> Formula:
        return _infix(other, "-", self, _SUM)

    def __mul__(self, other: Any) -> Formula:
        return _product(self, other)

    def __rmul__(self, other: Any) -> Formula:
        return _product(other, self)

    def __truediv__(self, other: Any) -> Formula:
        return _infix(self, "/", other, _PRODUCT)

    def __rtruediv__(self, other: Any) -> Formula:
        return _infix(other, "/", self, _PRODUCT)

    def __pow__(self, other: Any) -> Formula:
        return Formula(f"{self.within(_ATOM)} ** {as_formula(other).within(_POWER)}", _POWER)

    def __neg__(self) -> Formula:
        return Formula(f"-{self.within(_SIGN)}", _SIGN)

    def __abs__(self) -> Formula:
        return Formula(f"abs({self})")

    def __lt__(self, other: Any) -> Formula:
        return _infix(self, "<", other, _COMPARISON)

    def __le__(self, other: Any) -> Formula:
        return _infix(self, "<=", other, _COMPARISON)

    def __gt__(self, other: Any) -> Formula:
        return _infix(self, ">", other, _COMPARISON)

    def __ge__(self, other: Any) -> Formula:
        return _infix(self, ">=", other, _COMPARISON)


def as_formula(part: Any) -> Formula:
    """A formula as it is; a number as its shortest exact text."""
    if isinstance(part, Formula):
        return part
    return Formula(repr(part), _SIGN if part < 0 else _ATOM)


def _infix(left: Any, symbol: str, right: Any, rank: int) -> Formula:
    texts = as_formula(left).within(rank), as_formula(right).within(rank + 1)
    return Formula(f"{texts[0]} {symbol} {texts[1]}", rank)


def _product(left: Any, right: Any) -> Formula:
    """A product; a factor of one is not written."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, int) and one in (1, -1):
            return as_formula(other) if one == 1 else as_formula(-other)
    return _infix(left, "*", right, _PRODUCT)


class FormulaMathematics(Mathematics):
    """The namespace in which a rule's result is text. Functions are called by their names.

    Args:
        where: how a choice is written, from the texts of condition and branches.
    """

    carrier = staticmethod(as_formula)
    pi = Formula("pi")

    def __init__(self, where: Callable[[str, str, str], str]) -> None:
        self._where = where

    @property
    def undefined(self) -> Any:
        """The name of NaN."""
        return Formula("nan")

    def is_zero(self, a: Any) -> Any:
        """As a comparison."""
        return _infix(a, "==", 0, _COMPARISON)

    def is_positive(self, a: Any) -> Any:
        """As a comparison."""
        return _infix(a, ">", 0, _COMPARISON)

    def ratio(self, numerator: int, denominator: int) -> Any:
        """As a float."""
        return as_formula(numerator / denominator)

    def where(self, condition: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
        """Both branches as text; a choice between 1 and 0 is the condition itself."""
        if not isinstance(condition, Formula):
            return if_true() if condition else if_false()
        chosen, other = if_true(), if_false()
        if isinstance(chosen, int) and isinstance(other, int) and (chosen, other) == (1, 0):
            return condition if condition.rank == _COMPARISON else _infix(condition, "!=", 0, 0)
        return Formula(self._where(*map(str, (condition, as_formula(chosen), as_formula(other)))))

    def fsum(self, operands: Iterable[Any]) -> Any:
        """As a call."""
        return Formula(f"fsum({_listed(operands)})")

    def logsumexp(self, operands: Iterable[Any]) -> Any:
        """As a call."""
        return Formula(f"logsumexp({_listed(operands)})")

    def softmax(self, operands: Iterable[Any]) -> Sequence[Any]:
        """As a call, and an element of it for each operand."""
        operands = list(operands)
        call = f"softmax({_listed(operands)})"
        if isinstance(operands[0], Rows):
            return [Formula(call)]
        return [Formula(f"{call}[{i}]") for i in range(len(operands))]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *operands: Formula(
            f"{name}({', '.join(map(str, map(as_formula, operands)))})"
        )


class Rows(Formula):
    """All operands of a variadic primitive at once: the rows of one array."""

    __slots__ = ()


def _listed(operands: Iterable[Any]) -> str:
    operands = list(operands)
    if isinstance(operands[0], Rows):
        return str(operands[0])
    return f"({''.join(f'{as_formula(operand)}, ' for operand in operands).rstrip()})"


FORMULA = FormulaMathematics(lambda c, a, b: f"({a} if {c} else {b})")
"""For floats: a branch that is not taken is not evaluated."""


def derivative(
    primitive: Primitive, y: str, operands: Sequence[str], slot: int, m: Mathematics = FORMULA
) -> str:
    """∂y/∂operand as text, from the rule in the table."""
    varies = [i == slot for i in range(len(operands))]
    names = [Formula(operand) for operand in operands]
    return str(as_formula(primitive.partial_derivatives(m, Formula(y), names, varies)[slot]))
