"""Notation: the rules of the table written for people, as a textbook has them.

Where a rule has branches, the one is written that is taken at the given numbers.

>>> from autodiff import primitives
>>> derivative(primitives.abs, Operand(1.0), [Operand(-1.0)], 0), value(primitives.exp, ["x"])
('-1', 'exp(x)')
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

from autodiff.expressions import (
    Call,
    Expression,
    ExpressionMathematics,
    Literal,
    Name,
    as_expression,
    evaluate,
)
from autodiff.mathematics import Number, Thunk, mathematics_of
from autodiff.primitives import Primitive, dot, weights_inputs_bias
from autodiff.printers import (
    ANYTHING,
    ARITHMETIC,
    ATOM,
    POWER,
    SIGN,
    SUM,
    Printer,
    Template,
    Written,
    infix,
)

_MOST_OPERANDS = 6
"""An operation with more of them is not written out."""
_MOST_PRODUCTS = 3
"""Of a dot product that is written out."""

_CALLED_BY_SYMBOL = ("minimum", "fsum", "logsumexp")
_FUNCTIONS = {"sigmoid": "σ", "sqrt": "√", "log": "ln", "maximum": "max"}
_CONSTANTS = {"pi": "π"}
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_TEMPLATES: dict[str, Template] = {
    **ARITHMETIC,
    "multiply": infix("·", ARITHMETIC["multiply"].rank),
    "less_equal": infix("≤", ARITHMETIC["less_equal"].rank),
    "greater_equal": infix("≥", ARITHMETIC["greater_equal"].rank),
    "equal": infix("=", ARITHMETIC["equal"].rank),
    "abs": Template("|{}|", ATOM, (ANYTHING,)),
}


class Operand(NamedTuple):
    """A number in an operation, and what it is called."""

    number: Number
    name: str = ""


def value(primitive: Primitive, operands: Sequence[str]) -> str:
    """An operation on operands with these names or numbers; one without is called a, b or c."""
    letters = _letters(primitive, len(operands))
    names = [
        operand or subscripted(letter) for operand, letter in zip(operands, letters, strict=True)
    ]
    if primitive is dot:
        return _sum_of_products(letters, _Textbook(dict(zip(letters, names, strict=True))))
    if len(operands) > _MOST_OPERANDS:
        return f"{primitive.symbol} of {len(operands)} operands"
    expression = as_expression(primitive.value(TEXTBOOK, *map(Name, letters)))
    if primitive.name in _CALLED_BY_SYMBOL or _chooses(expression):
        return call_of(primitive.symbol, names)  # a choice says little in one line
    return typeset(expression, dict(zip(letters, names, strict=True)))


def symbol(primitive: Primitive, count: int) -> str:
    """Return the symbol in a gate; that of a dot product also shows whether there is a bias.

    >>> from autodiff import primitives
    >>> symbol(primitives.dot, 4), symbol(primitives.dot, 5), symbol(primitives.multiply, 2)
    ('w·x', 'w·x + b', '×')
    """
    return f"{primitive.symbol} + b" if primitive is dot and count % 2 else primitive.symbol


def call_of(symbol: str, operands: Sequence[str]) -> str:
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
    partial = primitive.partial_derivatives(
        _AtPoint(numbers),
        Name("y"),
        list(map(Name, letters)),
        [i == slot for i in range(len(operands))],
    )[slot]
    names = {
        letter: operand.name or subscripted(letter)
        for letter, operand in zip(letters, operands, strict=True)
    }
    names["y"] = result.name or _result_of(primitive, names)
    return typeset(as_expression(partial), names)


Choices = tuple[Expression, "str | Choices", "str | Choices"]
"""A condition on the operands a, b, c and the result y, and what is written if it holds or not."""


def value_template(primitive: Primitive, count: int) -> str:
    """An operation on so many operands, with ``{0}`` or ``{(0)}`` for the first one's name.

    In the second form a name of several words, or with a sign, is set in parentheses; and ``{^1}``
    is an exponent, which stands above the line if it is a whole number.

    >>> from autodiff import primitives
    >>> value_template(primitives.multiply, 2), value_template(primitives.maximum, 2)
    ('{(0)} · {(1)}', 'max({0}, {1})')
    """
    letters = _letters(primitive, count)
    if primitive is dot:
        return _sum_of_products(letters, _Template(letters))
    expression = as_expression(primitive.value(TEXTBOOK, *map(Name, letters)))
    if primitive.name in _CALLED_BY_SYMBOL or _chooses(expression):
        return call_of(primitive.symbol, [f"{{{i}}}" for i in range(count)])
    return _Template(letters).text(expression)


def derivative_template(primitive: Primitive, count: int, slot: int) -> str | Choices:
    """∂(operation)/∂(operand) as a template, where the result is ``{y}``.

    A rule with branches gives the tree of its conditions.

    >>> from autodiff import primitives
    >>> derivative_template(primitives.multiply, 2, 0)
    '{1}'
    >>> derivative_template(primitives.relu, 1, 0)
    (Call('greater', a, 0), '1', '0')
    """
    letters = _letters(primitive, count)
    wanted = [i == slot for i in range(count)]

    def tree(decisions: tuple[bool, ...]) -> str | Choices:
        m = _Deciding(decisions)
        rules = primitive.partial_derivatives(m, Name("y"), list(map(Name, letters)), wanted)
        if len(m.conditions) == len(decisions):
            return _Template(letters).text(as_expression(rules[slot]))
        condition = m.conditions[len(decisions)]
        return condition, tree((*decisions, True)), tree((*decisions, False))

    return tree(())


class TextbookMathematics(ExpressionMathematics):
    """The namespace in which functions of our own are written as every textbook has them."""

    def logistic_density(self, a: Any) -> Any:  # noqa: ARG002
        """The slope of the sigmoid."""
        return Name("σ(1 - σ)")

    def sinc_slope(self, a: Any) -> Any:
        """The slope of sinc."""
        return self.where(
            self.is_zero(a),
            lambda: 0,
            lambda: (self.cos(self.pi * a) - Name("sinc")) / a,
        )


TEXTBOOK = TextbookMathematics()


class _AtPoint(TextbookMathematics):
    """The namespace in which a choice is decided by numbers; what is chosen is written."""

    def __init__(self, numbers: Mapping[str, Number]) -> None:
        self._numbers = numbers
        self._m = mathematics_of(list(numbers.values()))

    def where(self, condition: Any, if_true: Thunk, if_false: Thunk) -> Any:
        """The branch that is taken."""
        if is_on_sizes(condition):
            return if_true()
        if isinstance(condition, Expression):
            condition = evaluate(condition, self._numbers, self._m)
        return if_true() if condition else if_false()


class _Deciding(TextbookMathematics):
    """The namespace in which choices are decided beforehand, and their conditions are noted."""

    def __init__(self, decisions: Sequence[bool]) -> None:
        self._decisions = decisions
        self.conditions: list[Expression] = []

    def where(self, condition: Any, if_true: Thunk, if_false: Thunk) -> Any:
        """The branch that was decided on; the first one where nothing was."""
        if not isinstance(condition, Expression):
            return if_true() if condition else if_false()
        if is_on_sizes(condition):
            return if_true()
        self.conditions.append(condition)
        at = len(self.conditions) - 1
        taken = at >= len(self._decisions) or self._decisions[at]
        return if_true() if taken else if_false()


def is_on_sizes(condition: Any) -> bool:
    """Whether a condition is on sizes, as |a| < 1.

    Such a one only chooses between forms that are equal in value but not in rounding; then the
    first, which is the simpler one, is written.
    """
    if not isinstance(condition, Call):
        return False
    first = condition.operands[0]
    return isinstance(first, Call) and first.function == "abs"


def _chooses(expression: Expression) -> bool:
    return isinstance(expression, Call) and (
        expression.function == "where" or any(map(_chooses, expression.operands))
    )


def _result_of(primitive: Primitive, names: Mapping[str, str]) -> str:
    if primitive.symbol == "√":
        return f"√{names['a']}"
    return primitive.symbol if primitive.arity == 1 and len(primitive.symbol) < 5 else "y"


def _letters(primitive: Primitive, count: int) -> list[str]:
    return list("abc"[:count]) if primitive.arity else [f"a{i}" for i in range(count)]


def subscripted(letter: str) -> str:
    """A letter with its number as it is printed: a₁ for a1."""
    return letter.translate(_SUBSCRIPTS)


def _sum_of_products(letters: Sequence[str], printer: _Textbook) -> str:
    """A dot product, each weight beside its input; of many products the first and the last."""
    weights, inputs, bias = weights_inputs_bias(letters)
    products = [Call("multiply", (Name(w), Name(x))) for w, x in zip(weights, inputs, strict=True)]
    terms: list[Expression] = [*products, *map(Name, bias)]
    if len(products) <= _MOST_PRODUCTS:
        return printer.text(_added(terms))
    last = _added(terms[len(products) - 1 :])
    return f"{printer.text(products[0])} + … + {printer.text(last)}"


def _added(terms: Sequence[Expression]) -> Expression:
    return reduce(lambda total, term: Call("add", (total, term)), terms)


def typeset(expression: Expression, names: Mapping[str, str]) -> str:
    """An expression as it is printed, with names or numbers in place of letters."""
    return _Textbook(names).text(expression)


class _Textbook(Printer):
    """Writes expressions for people; a name of several words, or with a sign, is set apart."""

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__(_TEMPLATES, _FUNCTIONS)
        self._names = names

    def name(self, name: Name) -> Written:
        text = self._names.get(name.text, _CONSTANTS.get(name.text, name.text))
        is_compound = name.text in self._names and (text.startswith("-") or " " in text)
        return Written(text, ANYTHING if is_compound else ATOM)

    def write_add(self, expression: Call) -> Written:
        """A sum; 0 in one is for computers, which tell -0.0 from 0.0."""
        left, right = expression.operands
        if right == Literal(0):
            return self.written(left)
        return Written(f"{self.within(left, SUM)} + {self.within(right, SUM + 1)}", SUM)

    def write_multiply(self, expression: Call) -> Written:
        """A product, or the square of a letter."""
        left, right = expression.operands
        if left == right and isinstance(left, Name):
            return Written(f"{self.within(left, ATOM)}²", POWER)
        template = _TEMPLATES["multiply"]
        texts = map(self.within, expression.operands, template.operands)
        return Written(template.text.format(*texts), template.rank)

    def write_power(self, expression: Call) -> Written:
        """A whole number stands above the line."""
        base = self.within(expression.operands[0], ATOM)
        exponent = self.within(expression.operands[1], SIGN)
        if exponent.isdigit():
            return Written(f"{base}{exponent.translate(_SUPERSCRIPTS)}", POWER)
        return Written(f"{base}^{exponent}", POWER)

    def write_item(self, expression: Call) -> Written:
        """One of the shares of a softmax, by its number."""
        shares, index = expression.operands
        assert isinstance(shares, Call)
        return Written(f"{shares.function}{subscripted(str(index))}")

    def write_polygamma(self, expression: Call) -> Written:
        """Write the digamma function ψ, or its derivative of some order."""
        order, at = expression.operands
        if not isinstance(order, Literal):
            return self.called(expression)
        mark = f"⁽{str(order).translate(_SUPERSCRIPTS)}⁾" if order.number else ""
        return Written(f"ψ{mark}({self.text(at)})")


class _Template(_Textbook):
    """Writes places for names instead of names."""

    def __init__(self, letters: Sequence[str]) -> None:
        super().__init__({})
        self._places = {letter: str(i) for i, letter in enumerate(letters)} | {"y": "y"}

    def name(self, name: Name) -> Written:
        place = self._places.get(name.text)
        return super().name(name) if place is None else Written(f"{{{place}}}")

    def within(self, expression: Expression, rank: int) -> str:
        place = self._places.get(expression.text) if isinstance(expression, Name) else None
        if place is None or rank == ANYTHING:
            return super().within(expression, rank)
        return f"{{({place})}}"

    def write_power(self, expression: Call) -> Written:
        """An exponent that is a place is marked as one."""
        exponent = expression.operands[1]
        place = self._places.get(exponent.text) if isinstance(exponent, Name) else None
        if place is None:
            return super().write_power(expression)
        return Written(f"{self.within(expression.operands[0], ATOM)}{{^{place}}}", POWER)
