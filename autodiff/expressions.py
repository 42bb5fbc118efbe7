"""Expressions: the rules of the table as data.

A rule applied to names instead of numbers gives a small immutable tree. A printer writes it down in
some language (:mod:`autodiff.printers`), :func:`evaluate` computes it with any carrier.

>>> from autodiff import primitives
>>> from autodiff.mathematics import FLOAT
>>> a, b = Name("a"), Name("b")
>>> primitives.divide.value(EXPRESSION, a, b)
Call('divide', a, b)
>>> evaluate(primitives.sqrt.derivatives[0](EXPRESSION, Name("y"), a), {"y": 2.0}, FLOAT)
0.25
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from autodiff.mathematics import Mathematics, Thunk


class Expression:
    """A formula as a tree: a name, a number, or a function called with operands.

    Operators and comparisons are calls like any other, under the names of the table. Whoever needs
    another kind of leaf makes a subclass.

    Attributes:
        are_rows: whether a leaf is all operands of a function of many, as the rows of one array.
    """

    __slots__ = ()
    are_rows = False

    def __add__(self, other: Any) -> Expression:
        return call("add", self, other)

    def __radd__(self, other: Any) -> Expression:
        return call("add", other, self)

    def __sub__(self, other: Any) -> Expression:
        return call("subtract", self, other)

    def __rsub__(self, other: Any) -> Expression:
        return call("subtract", other, self)

    def __mul__(self, other: Any) -> Expression:
        return product(self, other)

    def __rmul__(self, other: Any) -> Expression:
        return product(other, self)

    def __truediv__(self, other: Any) -> Expression:
        return call("divide", self, other)

    def __rtruediv__(self, other: Any) -> Expression:
        return call("divide", other, self)

    def __mod__(self, other: Any) -> Expression:
        return call("modulo", self, other)

    def __rmod__(self, other: Any) -> Expression:
        return call("modulo", other, self)

    def __pow__(self, other: Any) -> Expression:
        return call("power", self, other)

    def __rpow__(self, other: Any) -> Expression:
        return call("power", other, self)

    def __neg__(self) -> Expression:
        return call("negate", self)

    def __abs__(self) -> Expression:
        return call("abs", self)

    def __bool__(self) -> NoReturn:
        raise TypeError("an expression is neither true nor false; rules choose by m.where(...)")

    def __lt__(self, other: Any) -> Expression:
        return call("less", self, other)

    def __le__(self, other: Any) -> Expression:
        return call("less_equal", self, other)

    def __gt__(self, other: Any) -> Expression:
        return call("greater", self, other)

    def __ge__(self, other: Any) -> Expression:
        return call("greater_equal", self, other)


class Name(Expression):
    """An operand, a result or a constant, by its name."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return self.text


class Literal(Expression):
    """A number."""

    __slots__ = ("number",)

    def __init__(self, number: Any) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and repr(other.number) == repr(self.number)

    def __hash__(self) -> int:
        return hash(self.number)

    def __repr__(self) -> str:
        return repr(self.number)


class Call(Expression):
    """A function of operands, by its name."""

    __slots__ = ("_hash", "function", "operands")

    def __init__(self, function: str, operands: tuple[Expression, ...]) -> None:
        self.function = function
        self.operands = operands
        self._hash = hash((function, operands))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Call)
            and other._hash == self._hash
            and (other.function, other.operands) == (self.function, self.operands)
        )

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Call({', '.join(map(repr, (self.function, *self.operands)))})"


def as_expression(part: Any) -> Expression:
    """An expression as it is; a number as a literal."""
    return part if isinstance(part, Expression) else Literal(part)


def call(function: str, *operands: Any) -> Call:
    """A function of expressions or numbers."""
    return Call(function, tuple(map(as_expression, operands)))


def product(left: Any, right: Any) -> Expression:
    """A product; a factor of one is left out."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, int) and one in (1, -1):
            return as_expression(other if one == 1 else -other)
    return call("multiply", left, right)


class ExpressionMathematics(Mathematics):
    """The namespace in which a rule's result is an expression: functions are called by name."""

    carrier = staticmethod(as_expression)
    pi: Any = Name("pi")

    @property
    def undefined(self) -> Any:
        """The name of NaN."""
        return Name("nan")

    def is_zero(self, a: Any) -> Any:
        """As a comparison, unless the number is known."""
        return a.number == 0 if isinstance(a, Literal) else call("equal", a, 0)

    def is_positive(self, a: Any) -> Any:
        """As a comparison, unless the number is known."""
        return a.number > 0 if isinstance(a, Literal) else call("greater", a, 0)

    def ratio(self, numerator: int, denominator: int) -> Any:
        """A plain float."""
        return numerator / denominator

    def power(self, a: Any, b: Any) -> Any:
        """As a call."""
        return call("power", a, b)

    def where(self, condition: Any, if_true: Thunk, if_false: Thunk) -> Any:
        """Both branches, unless the condition is known."""
        if not isinstance(condition, Expression):
            return if_true() if condition else if_false()
        return call("where", condition, if_true(), if_false())

    def fsum(self, operands: Iterable[Any]) -> Any:
        """As a call."""
        return call("fsum", *operands)

    def logsumexp(self, operands: Iterable[Any]) -> Any:
        """As a call."""
        return call("logsumexp", *operands)

    def softmax(self, operands: Iterable[Any]) -> Sequence[Any]:
        """As a call, and an item of it for each operand."""
        operands = list(operands)
        shares = call("softmax", *operands)
        if operands[0].are_rows:
            return [shares]
        return [call("item", shares, i) for i in range(len(operands))]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *operands: call(name, *operands)


EXPRESSION = ExpressionMathematics()

OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul,
    "divide": operator.truediv, "modulo": operator.mod, "negate": operator.neg, "abs": operator.abs,
    "less": operator.lt, "less_equal": operator.le, "greater": operator.gt,
    "greater_equal": operator.ge, "equal": operator.eq, "item": operator.getitem,
}  # fmt: skip
"""Functions that are operators of Python, which every carrier has."""


def evaluate(expression: Expression, numbers: Mapping[Any, Any], m: Mathematics) -> Any:
    """The value of an expression.

    Args:
        expression: of leaves that are among the numbers; pi and nan are known.
        numbers: what each leaf stands for: a name by its text, another leaf by itself.
        m: the namespace of their carrier.

    >>> from autodiff.mathematics import FLOAT
    >>> evaluate(call("where", Name("a") > 0, Name("a"), 0), {"a": 3.0}, FLOAT)
    3.0
    """
    if isinstance(expression, Literal):
        return expression.number
    if isinstance(expression, Name):
        if expression.text in numbers:
            return numbers[expression.text]
        return {"pi": m.pi, "nan": m.undefined}[expression.text]
    if not isinstance(expression, Call):
        return numbers[expression]
    name = expression.function
    if name == "where":
        condition, chosen, other = expression.operands
        return m.where(
            evaluate(condition, numbers, m),
            lambda: evaluate(chosen, numbers, m),
            lambda: evaluate(other, numbers, m),
        )
    operands = [evaluate(operand, numbers, m) for operand in expression.operands]
    if name in OPERATORS:
        return OPERATORS[name](*operands)
    function = getattr(m, name)
    if name in OF_MANY:
        return function(operands[0] if expression.operands[0].are_rows else operands)
    return function(*operands)


def leaves(expression: Expression) -> Iterator[Expression]:
    """Everything in an expression that is no call, in order, as often as it is there."""
    if isinstance(expression, Call):
        for operand in expression.operands:
            yield from leaves(operand)
    else:
        yield expression


def replaced(expression: Expression, known: Mapping[Expression, Expression]) -> Expression:
    """The expression with others in place of parts that are known."""
    if expression in known:
        return known[expression]
    if isinstance(expression, Call):
        operands = tuple([replaced(operand, known) for operand in expression.operands])
        return Call(expression.function, operands)
    return expression


def folded(expression: Expression, m: Mathematics) -> Expression:
    """The expression with functions of numbers alone computed, where they have a value.

    >>> from autodiff.mathematics import FLOAT
    >>> folded(Name("a") ** (Literal(3.0) - 1), FLOAT)
    Call('power', a, 2.0)
    """
    if not isinstance(expression, Call):
        return expression
    operands = tuple([folded(operand, m) for operand in expression.operands])
    result = Call(expression.function, operands)
    if all(isinstance(operand, Literal) for operand in operands):
        try:
            return Literal(evaluate(result, {}, m))
        except (ArithmeticError, ValueError):
            return result
    if result.function == "where" and isinstance(operands[0], Literal):
        return operands[1] if operands[0].number else operands[2]
    return result


def is_function(expression: Expression) -> bool:
    """Whether it is a function called by its name, rather than an operator or a choice."""
    if not isinstance(expression, Call):
        return False
    return expression.function not in OPERATORS and expression.function not in ("where", "power")


OF_MANY = frozenset(["fsum", "logsumexp", "softmax"])
"""Functions of any number of operands."""


def shared_parts(expression: Expression) -> tuple[list[tuple[Name, Expression]], Expression]:
    """The calls that occur more than once, by names, and the expression written with these names.

    >>> a = Name("a")
    >>> shared_parts(call("exp", a) * call("exp", a))
    ([(t1, Call('exp', a))], Call('multiply', t1, t1))
    """
    named: dict[Expression, Expression] = {}
    parts: list[tuple[Name, Expression]] = []
    for part in _repeated(expression):
        name = Name(f"t{len(parts) + 1}")
        parts.append((name, replaced(part, named)))
        named[part] = name
    return parts, replaced(expression, named)


def repeated_functions(expression: Expression) -> list[Expression]:
    """The functions that are called more than once, inner ones first.

    >>> repeated_functions(call("exp", Name("a")) * call("exp", Name("a")))
    [Call('exp', a)]
    """
    return [part for part in _repeated(expression) if is_function(part)]


def _repeated(expression: Expression) -> list[Expression]:
    """The calls that occur more than once, operands before what is made of them."""
    counts: dict[Expression, int] = {}

    def count(part: Expression) -> None:
        if isinstance(part, Call):
            counts[part] = counts.get(part, 0) + 1
            if counts[part] == 1:
                for operand in part.operands:
                    count(operand)

    count(expression)
    return [part for part in reversed(counts) if counts[part] > 1]
