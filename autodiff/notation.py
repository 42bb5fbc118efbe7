"""Notation: the rules of the table written for people, as a textbook has them.

Where a rule has branches, the one is written that is taken at the given numbers.

>>> from autodiff import primitives
>>> derivative(primitives.abs, Operand(1.0), [Operand(-1.0)], 0), value(primitives.exp, ["x"])
('-1', 'exp(x)')
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from autodiff.formula import Formula, FormulaMathematics, as_formula
from autodiff.mathematics import Number, mathematics_of
from autodiff.primitives import Primitive

_MOST_OPERANDS = 6
"""An operation with more of them is not written out."""

_CALLED_BY_SYMBOL = ("minimum", "fsum", "logsumexp")
_FUNCTIONS = {"sigmoid": "σ", "sqrt": "√", "log": "ln", "pi": "π", "maximum": "max"}
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_PRINTED: list[tuple[str, Any]] = [
    (r" \*\* (\d+)\b", lambda power: power[1].translate(_SUPERSCRIPTS)),
    (r" \*\* ", "^"),
    (r" \* ", " · "),
    (r"softmax\(.*\)\[(\d+)\]", lambda found: f"softmax{found[1].translate(_SUBSCRIPTS)}"),
    (r"abs\(([^()]*)\)", r"|\1|"),
    (r" \+ 0\)", ")"),
    (r"(\(|, )\((-[\w.]+)\)(?=[,)])", r"\1\2"),
    (r"\((\([^()]*\))\)", r"\1"),
    (r"<=", "≤"),
    (r">=", "≥"),
]
"""How Python's text is printed: patterns and what stands for them, in turn."""


class Operand(NamedTuple):
    """A number in an operation, and what it is called."""

    number: Number
    name: str = ""


def value(primitive: Primitive, operands: Sequence[str]) -> str:
    """An operation on operands with these names or numbers; one without is called a, b or c."""
    if len(operands) > _MOST_OPERANDS:
        return f"{primitive.symbol} of {len(operands)} operands"
    letters = _letters(primitive, len(operands))
    names = [
        operand or subscripted(letter) for operand, letter in zip(operands, letters, strict=True)
    ]
    text = str(as_formula(primitive.value(_TEXTBOOK, *map(Formula, letters))))
    if " if " in text or primitive.name in _CALLED_BY_SYMBOL:  # a choice says little in one line
        return call(primitive.symbol, names)
    return typeset(text, dict(zip(letters, names, strict=True)))


def call(symbol: str, operands: Sequence[str]) -> str:
    """A function applied to operands with these names or numbers."""
    if len(operands) > _MOST_OPERANDS:
        return f"{symbol} of {len(operands)} operands"
    names = [operand or letter for operand, letter in zip(operands, "abcdef", strict=False)]
    return f"{symbol}({', '.join(names)})"


def derivative(
    primitive: Primitive, result: Operand, operands: Sequence[Operand], slot: int
) -> str:
    """∂(operation)/∂(operand), from its rule.

    A result without a name is called by the symbol of a function, as in 1 - tanh · tanh, else y.
    """
    letters = _letters(primitive, len(operands))
    numbers = dict(zip(letters, (operand.number for operand in operands), strict=True))
    numbers["y"] = result.number
    m = _AtPoint(numbers)
    partial = primitive.partial_derivatives(
        m, Formula("y"), list(map(Formula, letters)), [i == slot for i in range(len(operands))]
    )[slot]
    names = {
        letter: operand.name or subscripted(letter)
        for letter, operand in zip(letters, operands, strict=True)
    }
    names["y"] = result.name or _result_of(primitive, names)
    return typeset(str(as_formula(partial)), names)


class TextbookMathematics(FormulaMathematics):
    """The namespace in which functions of our own are written as every textbook has them."""

    def logistic_density(self, a: Any) -> Any:  # noqa: ARG002
        """The slope of the sigmoid."""
        return Formula("σ(1 - σ)")

    def sinc_slope(self, a: Any) -> Any:
        """The slope of sinc."""
        return self.where(
            self.is_zero(a),
            lambda: 0,
            lambda: (self.cos(self.pi * a) - Formula("sinc")) / a,
        )

    def polygamma(self, order: Any, a: Any) -> Any:
        """The digamma function ψ, and its derivatives by their order."""
        if isinstance(order, Formula):
            return Formula(f"polygamma({order}, {a})")
        mark = f"⁽{str(order).translate(_SUPERSCRIPTS)}⁾" if order else ""
        return Formula(f"ψ{mark}({a})")


_TEXTBOOK = TextbookMathematics(lambda c, a, b: f"({a} if {c} else {b})")


class _AtPoint(TextbookMathematics):
    """The namespace in which a choice is decided by numbers; what is chosen is written."""

    def __init__(self, numbers: Mapping[str, Number]) -> None:
        super().__init__(_not_written)
        self._numbers = dict(numbers)

    def where(self, condition: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
        """The branch that is taken.

        A condition on sizes, as |a| < 1, only chooses between forms that are equal in value but
        not in rounding; then the first, which is the simpler one, is written.
        """
        is_on_sizes = str(condition).startswith("abs(")
        return if_true() if is_on_sizes or self._holds(condition) else if_false()

    def _holds(self, condition: Any) -> bool:
        """Whether a condition of a rule, which is an expression of Python, is true here."""
        if not isinstance(condition, Formula):
            return bool(condition)
        m = mathematics_of(list(self._numbers.values()))
        return bool(eval(str(condition), {"exp": m.exp, "log": m.log}, self._numbers))


def _not_written(condition: str, if_true: str, if_false: str) -> str:
    raise AssertionError(f"the choice between {if_true} and {if_false} by {condition} was made")


def _result_of(primitive: Primitive, names: Mapping[str, str]) -> str:
    if primitive.symbol == "√":
        return f"√{names['a']}"
    return primitive.symbol if primitive.arity == 1 and len(primitive.symbol) < 5 else "y"


def _letters(primitive: Primitive, count: int) -> list[str]:
    return list("abc"[:count]) if primitive.arity else [f"a{i}" for i in range(count)]


def subscripted(letter: str) -> str:
    """A letter with its number as it is printed: a₁ for a1."""
    return letter.translate(_SUBSCRIPTS)


def typeset(text: str, names: Mapping[str, str]) -> str:
    """Python's text of a formula with names and signs as they are printed."""

    def word(found: re.Match[str]) -> str:
        name = names.get(found[0])
        if name is None:
            return _FUNCTIONS.get(found[0], found[0])
        return f"({name})" if _is_compound(name) and found[0] != text else name

    # Squares of letters, which are operands, and not of names, which others may have as well.
    squared = re.sub(r"(?<!\w)(?<!\* )(\w+) \* \1(?!\w|\(| \*\*)", r"\1 ** 2", text)
    typeset = re.sub(r"\b[a-z]\w*\b", word, squared)
    for pattern, printed in _PRINTED:
        typeset = re.sub(pattern, printed, typeset)
    return typeset


def _is_compound(name: str) -> bool:
    return name.startswith("-") or " " in name
