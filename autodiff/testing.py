"""Hypothesis strategies for other people's tests: random expressions, and points in their domain.

:func:`check_engine` is such a test already: of an engine that you wrote, against this one.

::

    from hypothesis import given
    from autodiff.testing import expressions_at_points

    @given(expressions_at_points())
    def test_my_engine(example):
        expression, point = example
        assert my_gradient(expression, point) == ...

An expression is called with Values or floats, or with your own numbers and ``functions=``. It
prints as readable code, and a failing example shrinks to a small one. Needs hypothesis, from the
extra ``test`` or ``notebooks``.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from hypothesis import find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from autodiff.checking import GradientError
from autodiff.graph import Graph
from autodiff.mirror import Mirror, is_node
from autodiff.primitives import PRIMITIVES
from autodiff.value import Value

_OPERATORS = {
    "add": "{} + {}", "subtract": "{} - {}", "multiply": "{} * {}", "divide": "{} / {}",
    "power": "{} ** {}", "negate": "-{}",
}  # fmt: skip

_COMPARISONS = [name for name, primitive in PRIMITIVES.items() if primitive.compares]
_LEFT_OUT = {"identity", "where"}
_OPERATIONS = {
    name: p
    for name, p in PRIMITIVES.items()
    if p.arity and name not in _LEFT_OUT and len(p.flat_slots) < p.arity
}

SMOOTH = tuple(name for name, primitive in _OPERATIONS.items() if primitive.corner is None)
"""Operations that are smooth wherever they are defined."""

KINKED = tuple(name for name, primitive in _OPERATIONS.items() if primitive.corner)
"""Operations with a corner, where a derivative jumps or is infinite; expressions stay away."""


_HUNDREDTHS = st.integers(-300, 300).map(lambda n: n / 100)


class Expression(NamedTuple):
    """A straight-line program: each step applies an operation to inputs or earlier steps.

    Attributes:
        inputs: how many variables there are.
        steps: the name of each operation, and its operands: the inputs are counted from 0, then
            the steps.

    >>> square = Expression(1, (("multiply", (0, 0)), ("sin", (1,))))
    >>> print(square)
    t1 = x0 * x0
    t2 = sin(t1)
    >>> round(square([2.0]), 6)
    -0.756802
    """

    inputs: int
    steps: tuple[tuple[str, tuple[int, ...]], ...]

    def __call__(
        self, point: Sequence[Any], functions: Mapping[str, Callable[..., Any]] = PRIMITIVES
    ) -> Any:
        """The value of the last step; ``functions`` says what each operation means."""
        results = list(point)
        for name, operands in self.steps:
            results.append(functions[name](*[results[i] for i in operands]))
        return results[-1]

    def __str__(self) -> str:
        names = [f"x{i}" for i in range(self.inputs)]
        lines = []
        for name, operands in self.steps:
            texts = [names[i] for i in operands]
            call = f"{name}({', '.join(texts)})"
            names.append(f"t{len(names) - self.inputs + 1}")
            lines.append(f"{names[-1]} = {_OPERATORS.get(name, call).format(*texts)}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


class Example(NamedTuple):
    """An expression and a point at which it, and all its derivatives, are well defined.

    Attributes:
        expression: to be called.
        point: one float for each of its inputs.
    """

    expression: Expression
    point: list[float]


@st.composite
def expressions_at_points(
    draw: st.DrawFn,
    max_inputs: int = 4,
    max_steps: int = 25,
    operations: Sequence[str] = SMOOTH + KINKED,
    largest: float = 1e3,
    numbers: st.SearchStrategy[float] = _HUNDREDTHS,
) -> Example:
    """Random expressions with shared subexpressions, at points inside their domain.

    Args:
        max_inputs: at most so many variables.
        max_steps: at most so many operations.
        operations: names from the table of primitives. The condition of a ``"where"`` is a
            comparison, which ``functions`` must then have, too.
        largest: no intermediate result is larger than this.
        numbers: what the point is made of.

    Raises:
        ValueError: if there is no operation of that name.

    >>> from hypothesis import given
    >>> @given(expressions_at_points(max_steps=5))
    ... def test(example):
    ...     expression, point = example
    ...     assert isinstance(expression(point), float)
    >>> test()
    """
    if unknown := [name for name in operations if name not in PRIMITIVES]:
        raise ValueError(f"unknown operation(s) {unknown}; the table has {', '.join(PRIMITIVES)}")
    point = draw(st.lists(numbers, min_size=1, max_size=max_inputs))
    results = list(point)
    steps: list[tuple[str, tuple[int, ...]]] = []

    def add(name: str, operands: tuple[int, ...]) -> bool:
        result = _result(name, [results[i] for i in operands], largest)
        if result is not None:
            results.append(result)
            steps.append((name, operands))
        return result is not None

    for _ in range(draw(st.integers(1, max_steps))):
        name = draw(st.sampled_from(operations))
        earlier = st.integers(0, len(results) - 1)
        operands = draw(st.tuples(*[earlier] * (PRIMITIVES[name].arity or 3)))
        if not draw(st.booleans()):  # mostly go on with the latest result, for depth
            operands = (len(results) - 1, *operands[1:])
        if name == "where":
            comparison = draw(st.sampled_from(_COMPARISONS))
            if not add(comparison, (operands[0], draw(earlier))):
                continue
            operands = (len(results) - 1, *operands[1:])
        add(name, operands)
    return Example(_without_dead_steps(Expression(len(point), tuple(steps))), point)


def _result(name: str, operands: list[float], largest: float) -> float | None:
    """The result of a step; None near a corner or an edge of the domain, or if it is too large."""
    primitive, margin = PRIMITIVES[name], 0.01
    nearby = [
        [a + by * (i == j) for j, a in enumerate(operands)]
        for i in range(len(operands))
        for by in (-margin, 0.0, margin)
    ]
    if not all(primitive.domain.contains(*moved) for moved in nearby):
        return None
    if primitive.corner is not None and abs(primitive.corner(*operands)) < margin:
        return None
    try:
        result, slopes = primitive.linearize(operands, [True] * len(operands))
    except (ValueError, ArithmeticError):
        return None
    return result if max(abs(result), *map(abs, slopes)) <= largest else None


def _without_dead_steps(expression: Expression) -> Expression:
    """Only the steps that the result needs."""
    total = expression.inputs + len(expression.steps)
    needed = {total - 1}
    for i in range(total - 1, expression.inputs - 1, -1):
        if i in needed:
            needed.update(expression.steps[i - expression.inputs][1])
    places = {i: i for i in range(expression.inputs)}
    steps: list[tuple[str, tuple[int, ...]]] = []
    for i, (name, operands) in enumerate(expression.steps, start=expression.inputs):
        if i in needed:
            places[i] = expression.inputs + len(steps)
            steps.append((name, tuple(places[operand] for operand in operands)))
    return Expression(expression.inputs, tuple(steps))


_ROUND = st.sampled_from((2.0, 3.0, -1.0, 0.5, -2.0, 1.5))
"""Numbers for examples that people read, the plainest first."""
_CALLS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "subtract": operator.sub, "multiply": operator.mul,
    "divide": operator.truediv, "power": operator.pow, "negate": operator.neg,
    "abs": operator.abs,
}  # fmt: skip
_TRIED = 100


def check_engine(
    leaf: Callable[[float], Any],
    operations: Sequence[str] = ("add", "multiply"),
    *,
    backward: int = 1,
    plain: bool = False,
    deepest: int = 0,
) -> None:
    """Compare an engine of your own with autodiff, and name the smallest mistake.

    Random expressions are computed by both. The values must agree; so must the derivatives that
    the nodes recorded, if they have ``parents`` and ``local_derivatives``; and so must what
    ``backward()`` leaves in ``grad``. Of the expressions that differ the smallest is told.

    Args:
        leaf: makes a leaf of a float: the class itself, mostly. Nodes have ``data`` and ``grad``.
        operations: names from the table of primitives, as operators where Python has one, else as
            methods: ``"tanh"`` calls ``node.tanh()``.
        backward: how often backward() is called on the same result; by then leaves hold so many
            times their gradient. 0 leaves it out.
        plain: whether operands may be plain numbers, on either side of an operator.
        deepest: if not 0, a chain of so many additions is tried as well.

    Raises:
        GradientError: an AssertionError with one sentence that has the expression, the point, what
            was expected and what came.

    >>> class Number:
    ...     def __init__(self, data):
    ...         self.data = data
    ...     def __add__(self, other):
    ...         return Number(self.data + other.data)
    ...     def __mul__(self, other):
    ...         return Number(self.data * self.data)
    >>> check_engine(Number, backward=0)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    GradientError: x0 * x1 with x0 = 2, x1 = 3: expected the value to be 6, got 4
    """

    def is_wrong(tried: _Tried) -> bool:
        return bool(_mistake(leaf, *tried, backward))

    tried = next(filter(is_wrong, _of_one_operation(operations, plain)), None)
    tried = tried or _smallest(is_wrong, operations, plain)
    if tried:
        raise GradientError(f"{_as_sentence(*tried)}: {_mistake(leaf, *tried, backward)}")
    if deepest:
        _check_chain(leaf, deepest, backward)


_Tried = tuple[Example, frozenset[int]]
"""An expression at a point, and which of its inputs are plain numbers."""


def _of_one_operation(operations: Sequence[str], plain: bool) -> Iterator[_Tried]:
    """Each operation on inputs of its own."""
    for name in operations:
        primitive = PRIMITIVES.get(name)
        if primitive is None or primitive.arity is None:
            continue
        inputs = range(primitive.arity)
        point = [2.0, 3.0, -1.0][: primitive.arity]
        if primitive.domain.contains(*point):
            example = Example(Expression(len(point), ((name, tuple(inputs)),)), point)
            yield example, frozenset()
            if plain and len(inputs) == 2:
                yield from ((example, frozenset([i])) for i in inputs)


def _smallest(
    is_wrong: Callable[[_Tried], bool], operations: Sequence[str], plain: bool
) -> _Tried | None:
    """The smallest of the random expressions that are wrong; None if none is."""
    points = expressions_at_points(3, 8, operations, numbers=_ROUND)
    which = st.frozensets(st.integers(0, 2)) if plain else st.just(frozenset[int]())
    options = settings(max_examples=_TRIED, database=None, deadline=None)
    try:
        return find(st.tuples(points, which), is_wrong, settings=options, random=Random(0))
    except NoSuchExample:
        return None


def _mistake(
    leaf: Callable[[float], Any], example: Example, numbers: frozenset[int], backward: int
) -> str:
    """What an engine gets wrong; empty if nothing."""
    expression, point = example
    ours = [x if i in numbers else Value(x) for i, x in enumerate(point)]
    expected = expression(ours)
    if not isinstance(expected, Value):
        return ""  # nothing but plain numbers
    try:
        theirs = [x if i in numbers else leaf(x) for i, x in enumerate(point)]
        result = expression(theirs, {name: _call(name) for name, _ in expression.steps})
        slopes = Graph(expected)
        inputs = [
            (f"x{i}", node, float(slopes.gradient(value)) if value in slopes else 0.0)
            for i, (node, value) in enumerate(zip(theirs, ours, strict=True))
            if isinstance(value, Value)
        ]
        return (
            _differs("the value", getattr(result, "data", result), expected.data)
            or _recorded_wrongly(result, inputs)
            or _goes_back_wrongly(result, inputs, backward)
        )
    except Exception as error:  # somebody else's code may raise anything
        return _raised(error)


def _call(name: str) -> Callable[..., Any]:
    """An operation as people write it, on whatever its operands are."""

    def called(*operands: Any) -> Any:
        if all(isinstance(operand, float) for operand in operands):
            return PRIMITIVES[name](*operands)
        if name in _CALLS:
            return _CALLS[name](*operands)
        return getattr(operands[0], name)(*operands[1:])

    return called


def _differs(what: str, found: Any, expected: Any) -> str:
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    if is_number and math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9):
        return ""
    said = f"{found:.6g}" if is_number else f"{found!r:.60}"
    return f"expected {what} to be {expected:.6g}, got {said}"


_Inputs = Sequence[tuple[str, Any, float]]
"""Leaves: what each is called, the node, and the gradient that is right."""


def _recorded_wrongly(result: Any, inputs: _Inputs) -> str:
    """Whether parents and local derivatives, by the chain rule, give another gradient."""
    if not is_node(result):
        return ""
    mirror = Mirror(result)
    total: dict[Value | None, float] = dict.fromkeys(mirror.nodes, 0.0)
    total[mirror.outputs[0]] = 1.0
    for edge in reversed(mirror.edges):
        total[edge.tail] += edge.local * total[edge.head]
    for name, node, expected in inputs:
        found = total.get(mirror.node(node), 0.0)
        if said := _differs(f"∂/∂{name}, by the local derivatives,", found, expected):
            return said
    return ""


def _goes_back_wrongly(result: Any, inputs: _Inputs, times: int) -> str:
    """Whether backward() leaves another gradient in the leaves."""
    for time in range(1, times + 1):
        result.backward()
        for name, node, once in inputs:
            often = f", after backward() {time} times on the same result," if time > 1 else ""
            if said := _differs(f"{name}.grad{often}", node.grad, time * once):
                return said
    return ""


def _check_chain(leaf: Callable[[float], Any], length: int, times: int) -> None:
    x = leaf(2.0)
    what = f"a chain of {length:,} additions of x"
    try:
        node = x
        for _ in range(length):
            node = node + x
        said = _goes_back_wrongly(node, [("x", x, length + 1.0)], times)
    except Exception as error:
        said = _raised(error)
    if said:
        raise GradientError(f"{what}: {said}")


def _raised(error: Exception) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # an exception may be unable to show itself
        return type(error).__name__


def _as_sentence(example: Example, numbers: frozenset[int]) -> str:
    """An expression in one line, and its point."""
    expression, point = example
    *steps, last = str(expression).splitlines() or ["x0"]
    text = "; ".join([*steps, last.partition(" = ")[2] or last])
    for i in numbers:
        if i < len(point):
            text = re.sub(rf"\bx{i}\b", f"{point[i]:g}", text)
    variables = [f"x{i} = {x:g}" for i, x in enumerate(point) if i not in numbers]
    return f"{text} with {', '.join(variables)}"
