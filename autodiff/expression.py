"""Expressions typed by people, as ``(x+y)*z``, turned into graphs without running them as code.

Python's own parser gives the tree; an allow-list of node types says what may stand in it: numbers,
names, operators, comparisons, and calls of the functions of the table.
"""

from __future__ import annotations

import ast
import math
import operator
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from autodiff.primitives import PRIMITIVES, Primitive
from autodiff.value import Value, as_values

LONGEST = 10_000
"""The most characters that an expression may have."""

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_WITHOUT_A_NAME_HERE = {
    "constant", "add", "subtract", "multiply", "divide", "power", "negate", "identity",
    "less", "less_equal", "greater", "greater_equal", "dot", "fsum",
}  # fmt: skip
_FUNCTIONS: dict[str, Primitive] = {
    name: primitive for name, primitive in PRIMITIVES.items() if name not in _WITHOUT_A_NAME_HERE
} | {
    "ln": PRIMITIVES["log"], "max": PRIMITIVES["maximum"], "min": PRIMITIVES["minimum"],
}  # fmt: skip
CONSTANTS = {"pi": math.pi, "e": math.e}
"""Names that have a value unless they are given another one."""


class ExpressionError(ValueError):
    """A fault in an expression, described in one sentence."""


def evaluate(expression: str, variables: Mapping[str, Value]) -> Value:
    """Build the graph of an expression.

    Args:
        expression: Python's notation, with ``**`` for powers and the functions of the table; also
            ``ln``, ``max`` and ``min``, and the constants ``pi`` and ``e``.
        variables: a Value for every other name in it.

    Raises:
        ExpressionError: if it is not an expression, uses anything that is not allowed, has a name
            without a value, or contains no variable at all.
        ValueError, ZeroDivisionError, OverflowError: if it has no value there.

    >>> evaluate("(x + y) * 2", {"x": Value(1.0), "y": Value(3.0)}).data
    8.0
    """
    expression = expression.strip()
    result, has_variable = _evaluated(expression, variables)
    if not has_variable:
        raise ExpressionError(
            "expected an expression with at least one variable, got the constant "
            f"{expression[:60]!r}; there is nothing to differentiate with respect to"
        )
    return result


def number(text: str) -> float:
    """Return a number that may be written as an expression of constants.

    Raises:
        ValueError: if it is none, or has no finite value.

    >>> number("1e-3"), number("1/4"), number("-pi") < -3
    (0.001, 0.25, True)
    """
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return float(_evaluated(text.strip(), {})[0].item())
    except ArithmeticError as error:
        raise ExpressionError(f"{text[:60]!r} has no value: {error}") from None


def _evaluated(expression: str, variables: Mapping[str, Value]) -> tuple[Value, bool]:
    """Return the value of an expression, and whether a variable is in it."""
    results: list[Value] = []
    has_variable = False
    for node, arity in _postorder(_parse(expression), expression):
        split = len(results) - arity
        operands, results = results[split:], results[:split]
        results.append(_apply(node, operands, variables))
        has_variable = has_variable or (isinstance(node, ast.Name) and node.id in variables)
    return results[0], has_variable


def _parse(expression: str) -> ast.expr:
    if len(expression) > LONGEST:
        raise ExpressionError(
            f"expected an expression of at most {LONGEST:,} characters, got {len(expression):,}"
        )
    try:
        return ast.parse(expression, mode="eval").body
    except SyntaxError as error:
        if "integer string conversion" in error.msg:
            raise ExpressionError("a number in the expression is too long") from None
        where = f" at character {error.offset}" if error.offset else ""
        raise ExpressionError(
            f"expected an expression such as (x+y)*z, got {expression[:60]!r}: {error.msg}{where}"
        ) from None
    except (MemoryError, RecursionError):
        raise ExpressionError("the expression is nested too deeply to be parsed") from None
    except ValueError:
        raise ExpressionError("the expression cannot be parsed: it holds a NUL byte") from None


def _postorder(root: ast.expr, expression: str) -> Iterator[tuple[ast.expr, int]]:
    """Every node with its number of operands, operands first; iterative, for long sums."""
    stack: list[tuple[ast.expr, int | None]] = [(root, None)]
    while stack:
        node, arity = stack.pop()
        if arity is not None:
            yield node, arity
            continue
        operands = _operands(node, expression)
        stack.append((node, len(operands)))
        stack += [(operand, None) for operand in reversed(operands)]


def _operands(node: ast.expr, expression: str) -> list[ast.expr]:
    """The operands of an allowed node, in order; an error for any other node."""
    match node:
        case ast.BinOp(op=op) if type(op) in _BINARY:
            return [node.left, node.right]
        case ast.UnaryOp(op=op) if type(op) in _UNARY:
            return [node.operand]
        case ast.Compare(ops=[op]) if type(op) in _COMPARISONS:
            return [node.left, *node.comparators]
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in _FUNCTIONS:
            return node.args
        case ast.Name():
            return []
        case ast.Constant(value=int() | float() as number) if type(number) is not bool:
            if number > sys.float_info.max:
                raise ExpressionError("a number in the expression is too large for a float")
            return []
        case ast.BinOp(op=ast.BitXor()):
            raise ExpressionError("^ is not a power here; write a**b")
        case ast.Call(func=ast.Name(id=name)) if name not in _FUNCTIONS:
            raise ExpressionError(
                f"unknown function {name!r}; the functions are {', '.join(sorted(_FUNCTIONS))}"
            )
    part = ast.get_source_segment(expression, node) or type(node).__name__
    raise ExpressionError(
        f"{part[:60]!r} is not allowed: an expression holds numbers, names, + - * / **, "
        "one comparison at a time, and functions"
    )


def _apply(node: ast.expr, operands: list[Value], variables: Mapping[str, Value]) -> Value:
    match node:
        case ast.Constant(value=number):
            return as_values([number])[0]
        case ast.Name(id=name):
            if name not in variables and name in CONSTANTS:
                return as_values([CONSTANTS[name]])[0]
            if name not in variables:
                known = ", ".join(variables) or "none"
                raise ExpressionError(
                    f"{name!r} has no value; add {name}=NUMBER (values were given for: {known})"
                )
            return variables[name]
        case ast.BinOp(op=op):
            result = _BINARY[type(op)](*operands)
        case ast.UnaryOp(op=op):
            result = _UNARY[type(op)](*operands)
        case ast.Compare(ops=[op]):
            result = _COMPARISONS[type(op)](*operands)
        case ast.Call(func=ast.Name(id=name)):
            result = _call(name, operands)
        case _:
            raise AssertionError(node)
    return cast(Value, result)


def _call(name: str, operands: list[Value]) -> Any:
    try:
        return _FUNCTIONS[name](*operands)
    except TypeError as error:
        raise ExpressionError(str(error)) from None
