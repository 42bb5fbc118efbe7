"""Random expression graphs with shared nodes, against numerical derivatives at 60 digits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import mpmath
from hypothesis import assume, given
from hypothesis import strategies as st

from autodiff import Graph, Value
from autodiff.primitives import PRIMITIVES

DIGITS = 60

# Independent of the table: what each operation means, in mpmath's own words.
MEANING: dict[str, Any] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "negate": lambda a: -a,
    "exp": mpmath.exp,
    "log": mpmath.log,
    "sqrt": mpmath.sqrt,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tanh": mpmath.tanh,
    "sigmoid": lambda a: 1 / (1 + mpmath.exp(-a)),
    "relu": lambda a: a if a > 0 else mpmath.mpf(0),
    "abs": mpmath.fabs,
    "maximum": lambda a, b: a if a > b else b,
    "power": mpmath.power,
}


class Program(NamedTuple):
    """A straight-line program: leaves, then operations on earlier results."""

    leaves: list[float]
    steps: list[tuple[str, tuple[int, ...]]]

    def run(self, leaves: Sequence[Any], meaning: Any) -> Any:
        results = list(leaves)
        for name, operands in self.steps:
            results.append(meaning(name)(*[results[i] for i in operands]))
        return results[-1]


def is_tame(name: str, operands: list[Any], result: Any) -> bool:
    """In the domain, away from kinks, and of moderate size."""
    far = mpmath.mpf("0.01")
    if not mpmath.isfinite(result) or abs(result) > 1000:
        return False
    if name in ("log", "sqrt", "power"):
        return bool(operands[0] > far)
    if name == "divide":
        return bool(abs(operands[1]) > far)
    if name in ("relu", "abs"):
        return bool(abs(operands[0]) > far)
    return name != "maximum" or bool(abs(operands[0] - operands[1]) > far)


@st.composite
def programs(draw: st.DrawFn, most_steps: int = 25) -> Program:
    numbers = st.integers(-300, 300).map(lambda n: n / 100)
    leaves = draw(st.lists(numbers, min_size=1, max_size=4))
    results = [mpmath.mpf(leaf) for leaf in leaves]
    steps: list[tuple[str, tuple[int, ...]]] = []
    for _ in range(draw(st.integers(1, most_steps))):
        name = draw(st.sampled_from(sorted(MEANING)))
        slot = st.integers(0, len(results) - 1)
        operands = draw(st.tuples(*[slot] * (PRIMITIVES[name].arity or 0)))
        values = [results[i] for i in operands]
        if (name == "divide" and values[1] == 0) or (name in ("log", "power") and values[0] <= 0):
            continue
        if name in ("exp", "power") and max(map(abs, values)) > 20:
            continue
        result = MEANING[name](*values)
        if isinstance(result, mpmath.mpf) and is_tame(name, values, result):
            results.append(result)
            steps.append((name, operands))
    return Program(leaves, steps)


def numerical_gradient(program: Program) -> list[Any]:
    step = mpmath.mpf(10) ** -(DIGITS // 3)
    gradient = []
    for i in range(len(program.leaves)):
        ends = []
        for shift in (step, -step):
            leaves = [mpmath.mpf(leaf) for leaf in program.leaves]
            leaves[i] += shift
            ends.append(program.run(leaves, MEANING.__getitem__))
        gradient.append((ends[0] - ends[1]) / (2 * step))
    return gradient


def size_of_gradient(graph: Graph, leaf: Value) -> Any:
    """The sum over paths of |products|: what rounding errors are proportional to."""
    sizes = dict.fromkeys(graph.nodes, 0)
    sizes[graph.outputs[0]] = 1
    for edge in reversed(graph.edges):
        sizes[edge.tail] += abs(edge.local) * sizes[edge.head]
    return sizes[leaf]


@given(programs())
def test_gradients_at_high_precision(program: Program) -> None:
    """With mpmath's numbers in the graph, nothing is left but the error of the difference."""
    with mpmath.workdps(DIGITS):
        leaves = [Value(mpmath.mpf(leaf)) for leaf in program.leaves]
        root = program.run(leaves, PRIMITIVES.__getitem__)
        root.backward()
        graph = Graph(root)
        for leaf, expected in zip(leaves, numerical_gradient(program), strict=True):
            size = size_of_gradient(graph, leaf) if leaf in graph else 0
            assert abs(leaf.grad - expected) <= mpmath.mpf(10) ** -20 * (1 + size)


@given(programs())
def test_gradients_in_floats(program: Program) -> None:
    leaves = [Value(leaf) for leaf in program.leaves]
    root = program.run(leaves, PRIMITIVES.__getitem__)
    root.backward()
    graph = Graph(root)
    with mpmath.workdps(DIGITS):
        expected_gradient = numerical_gradient(program)
        exact = program.run([mpmath.mpf(leaf) for leaf in program.leaves], MEANING.__getitem__)
    assert abs(root.data - exact) <= 1e-9 * (1 + abs(exact))
    for leaf, expected in zip(leaves, expected_gradient, strict=True):
        size = size_of_gradient(graph, leaf) if leaf in graph else 0
        assert abs(leaf.grad - expected) <= 1e-9 * (1 + size)


@given(programs())
def test_a_graph_finds_what_backward_finds(program: Program) -> None:
    leaves = [Value(leaf) for leaf in program.leaves]
    root = program.run(leaves, PRIMITIVES.__getitem__)
    root.backward()
    graph = Graph(root)
    assert graph.value(root) == root.data
    assert graph.backward() == {leaf: leaf.grad for leaf in graph.leaves}


@given(programs(), st.data())
def test_replay_is_building_anew(program: Program, data: st.DataObject) -> None:
    leaves = [Value(leaf) for leaf in program.leaves]
    graph = Graph(program.run(leaves, PRIMITIVES.__getitem__))
    nearby = [leaf + data.draw(st.sampled_from([0.0, 1e-3])) for leaf in program.leaves]
    fresh = [Value(number) for number in nearby]
    feed = {leaf: x for leaf, x in zip(leaves, nearby, strict=True) if leaf in graph}
    try:
        expected = program.run(fresh, PRIMITIVES.__getitem__)
    except (ValueError, ArithmeticError):
        assume(False)  # the point moved out of the domain of some step
    expected.backward()
    assert graph.forward(feed) == expected.data
    again = dict(zip(leaves, fresh, strict=True))
    assert graph.backward() == {leaf: again[leaf].grad for leaf in graph.leaves}
