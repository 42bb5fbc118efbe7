"""Hypothesis strategies for other people's tests: random expressions, and points in their domain.

::

    from hypothesis import given
    from autodiff.testing import expressions_at_points

    @given(expressions_at_points())
    def test_my_engine(example):
        expression, point = example
        assert my_gradient(expression, point) == ...

An expression is called with Values or floats, or with your own numbers and ``functions=``. It
prints as readable code, and a failing example shrinks to a small one. Needs hypothesis, from the
extra ``test``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from hypothesis import strategies as st

from autodiff.primitives import PRIMITIVES

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
) -> Example:
    """Random expressions with shared subexpressions, at points inside their domain.

    Args:
        max_inputs: at most so many variables.
        max_steps: at most so many operations.
        operations: names from the table of primitives. The condition of a ``"where"`` is a
            comparison, which ``functions`` must then have, too.
        largest: no intermediate result is larger than this.

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
    numbers = st.integers(-300, 300).map(lambda n: n / 100)
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
