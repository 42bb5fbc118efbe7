"""Roll: recurrences are found in recorded graphs, and mean the same as loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autodiff as ad
from autodiff import compile, exp, log, logsumexp, maximum, sigmoid, sin, sqrt, tanh, where
from autodiff.compiler import roll, specialization
from autodiff.compiler.gradient import gradient
from autodiff.compiler.memory import interpret_planned, memory_plan
from autodiff.compiler.native import machine
from autodiff.compiler.program import Program
from autodiff.compiler.schedule import schedule
from autodiff.compiler.simplify import simplify
from autodiff.compiler.trace import Parameter, trace
from autodiff.compiler.vectors import Loop, VectorProgram, interpret_vectors
from autodiff.structure import form_of

RANDOM = np.random.default_rng(0)
SEEN = RANDOM.normal(size=400).tolist()


@pytest.fixture(autouse=True)
def short_recurrences_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll, "FEWEST_OPERATIONS", 20)


def program_of(function: Callable[[Any], Any], x: Any) -> Program:
    return simplify(trace(function, [Parameter("x", form_of(x), False)]).program)


def loops_of(program: VectorProgram) -> list[Loop]:
    return [i for i in program.instructions if isinstance(i, Loop)]


def check(function: Callable[[Any], Any], x: np.ndarray, steps: list[int]) -> None:
    """The loops that are found, and that they mean the same: by interpreters, and natively."""
    program = program_of(function, x)
    rolled = schedule(program, rolled=True)
    assert [loop.steps for loop in loops_of(rolled)] == steps
    value, slope = ad.value_and_grad(function)(x)
    slopes = gradient(rolled, [0])
    with np.errstate(all="ignore"):
        out, (found,) = interpret_vectors(slopes, [x])
        planned = interpret_planned(slopes, memory_plan(slopes), [x])
    tolerance = 1e-12 * max(1.0, np.abs(slope).max())
    np.testing.assert_allclose(out, value, rtol=1e-12)
    np.testing.assert_allclose(found, slope, atol=tolerance, rtol=0)
    np.testing.assert_array_equal(planned[1][0], found)
    rows = np.stack([x, x * 0.75, x])
    for target in ("native", "numpy"):
        if target == "native" and not machine.is_there():
            continue
        f = compile(function, target=target)
        np.testing.assert_allclose(f(x), value, rtol=1e-12)
        np.testing.assert_allclose(f.value_and_grad(x)[1], slope, atol=tolerance, rtol=0)
        batched = compile(function, batched="x", target=target)
        values, many = batched.value_and_grad(rows)
        np.testing.assert_allclose(values[[0, 2]], value, rtol=1e-12)
        np.testing.assert_allclose(many[[0, 2]], [slope, slope], atol=tolerance, rtol=0)


def decay(x: Any) -> Any:
    y = x[0]
    for _ in range(30):
        y = y + 0.1 * tanh(x[1] - y * y)
    return y


def observed(x: Any) -> Any:
    """Each step reads a constant; every state is needed in the end."""
    mean, total = x[0], 0.0
    for y in SEEN[:40]:
        mean = mean + sigmoid(x[1]) * (y - mean)
        total = total + (mean - y) ** 2
    return total


def two_before(x: Any) -> Any:
    """A state that comes from two steps before."""
    a, b = x[0], x[1]
    for _ in range(25):
        a, b = b, sin(b) + 0.5 * a * x[2]
    return a + b


def there_and_back(x: Any) -> Any:
    """A second recurrence reads what the first one kept, from its end."""
    forward = [x[0]]
    for k in range(20):
        forward.append(exp(-(forward[-1] ** 2)) + SEEN[k] * x[1])
    back = forward[-1]
    for y in reversed(forward[:-1]):
        back = tanh(back * y + x[2])
    return back


def several(x: Any) -> Any:
    """Runge and Kutta's method for two coupled equations."""
    a, b = x[0], x[1]
    for _ in range(15):
        k, m = b * x[2], -sin(a)
        p, q = (b + 0.05 * m) * x[2], -sin(a + 0.05 * k)
        a, b = a + 0.1 * p, b + 0.1 * q
    return a * b


def many_at_once(x: Any) -> Any:
    """The heat equation: a step changes every place, by its neighbours."""
    heat = list(x)
    for _ in range(12):
        padded = [heat[-1], *heat, heat[0]]
        heat = [b + 0.2 * (a - 2 * b + c) for a, b, c in zip(padded, padded[1:], padded[2:])]  # noqa: B905
    return sum(h * h * h for h in heat)


def in_logarithms(x: Any) -> Any:
    alpha = list(x)
    for k in range(18):
        alpha = [logsumexp([a + SEEN[3 * i + j] for j, a in enumerate(alpha)]) + SEEN[k + 9 * i]
                 for i in range(len(alpha))]  # fmt: skip
    return logsumexp(alpha)


def best(x: Any) -> Any:
    score = list(x)
    for k in range(16):
        score = [maximum(score[0] + SEEN[k + i], score[1] * 0.9 - SEEN[k]) for i in range(2)]
    return score[0] + score[1]


def running_sums(x: Any) -> Any:
    sums, total = x[0], 0.0
    for k in range(25):
        sums = sums * x[1] + SEEN[k] * x[2]
        total = total + where(sums > 0, sqrt(sums * sums + 1), sums)
    return total


RECURRENCES: list[tuple[Callable[[Any], Any], int, list[int]]] = [
    (decay, 2, [30]),
    (observed, 2, [37]),
    (two_before, 3, [22]),
    (there_and_back, 3, [20, 20]),
    (several, 3, [13]),
    (many_at_once, 7, [8]),
    (in_logarithms, 3, [16]),
    (best, 2, [15]),
    (running_sums, 3, [23]),
]


NAMES = [function.__name__ for function, *_ in RECURRENCES]


@pytest.mark.parametrize(("function", "size", "steps"), RECURRENCES, ids=NAMES)
def test_recurrences(function: Callable[[Any], Any], size: int, steps: list[int]) -> None:
    check(function, RANDOM.uniform(0.2, 0.9, size), steps)


# -------------------------------------------------------------------------- random recurrences

UNARY = (tanh, sin, lambda a: exp(-a * a), lambda a: a * 0.5, lambda a: sqrt(a * a + 1))
BINARY = (
    lambda a, b: a + b,
    lambda a, b: tanh(a) * b,
    lambda a, b: a - 0.3 * b,
    maximum,
    lambda a, b: a / (b * b + 1),
    lambda a, b: logsumexp([a, b]),
)


@st.composite
def steps(draw: st.DrawFn) -> Any:
    """A step: operations on what was there before, and which results are the next state."""
    states, parameters = draw(st.integers(1, 3)), 2
    known = states + parameters + 2  # and two numbers of its own for each step
    operations = []
    for _ in range(draw(st.integers(2, 6))):
        pick = st.integers(0, known - 1)
        if draw(st.booleans()):
            operations.append((draw(st.sampled_from(UNARY)), (draw(pick),)))
        else:
            operations.append((draw(st.sampled_from(BINARY)), (draw(pick), draw(pick))))
        known += 1
    following = draw(st.lists(st.integers(0, known - 1), min_size=states, max_size=states))
    return states, operations, following, draw(st.integers(0, known - 1))


@given(steps(), st.integers(9, 14), st.booleans())
def test_random_recurrences(step: Any, count: int, reads_all: bool) -> None:
    states, operations, following, shown = step

    def function(x: Any) -> Any:
        state, seen = list(x[:states]), []
        for k in range(count):
            known = [*state, *x[states:], SEEN[k], SEEN[2 * k]]
            for operation, operands in operations:
                known.append(tanh(operation(*[known[o] for o in operands])))
            state = [known[o] for o in following]
            seen.append(known[shown])
        if reads_all:
            return sum(s * (i + 1) for i, s in enumerate(seen)) + sum(a * a for a in state)
        return seen[-1] * state[0] + seen[-2]

    x = np.linspace(0.2, 0.7, states + 2)
    value, slope = ad.value_and_grad(function)(x)
    program = program_of(lambda x: function(x) + 0 * x[0], x)
    rolled = gradient(schedule(program, rolled=True), [0])
    with np.errstate(all="ignore"):
        out, (found,) = interpret_vectors(rolled, [x])
    np.testing.assert_allclose(out, value, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(found, slope, rtol=1e-9, atol=1e-11)
    if machine.is_there() and loops_of(rolled):
        many = compile(function, batched="x", target="native")
        values, slopes = many.value_and_grad(np.stack([x, x, x]))
        np.testing.assert_allclose(values, value, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(slopes, [slope] * 3, rtol=1e-9, atol=1e-11)


# ------------------------------------------------------------ what is shared, and what is not


def decaying(rate: Any, data: Any) -> Any:
    """A state that is the same for all examples beside one that is not; it is read at the end."""
    x = 1.0
    for v in data:
        x = x - rate * (x - v)
        rate = rate * 0.97
    return x + rate


def first_shared(s: Any, data: Any) -> Any:
    h = before = s
    for v in data:
        h, before = 0.6 * before + 0.3 * tanh(h), v
    return h


def shared_inside(a: Any, data: Any) -> Any:
    x = data[0]
    for t in range(30):
        x = x + 0.1 * tanh(a * (t + 1)) * x
    return x


def recurrent(w: Any, data: Any) -> Any:
    state = list(data[:3])
    for t in range(20):
        mixed = [ad.dot([w * (i + 1), w, 0.5], state) + 0.01 * t for i in range(3)]
        state = [tanh(m) for m in mixed]
    return state[0] + state[1] * state[2]


MIXED = (decaying, first_shared, shared_inside, recurrent)


def check_mixed(function: Callable[..., Any], shared: Any, rows: Any, target: str) -> None:
    """Against Values, example by example, for the gradients of both arguments."""
    expected = [ad.value_and_grad(function, (0, 1))(shared, row) for row in rows]
    f = compile(function, batched="data", target=target)
    for _ in range(2):
        values, (of_shared, of_rows) = f.value_and_grad(shared, rows, argnums=(0, 1))
    assert f.stats["target"] == target
    np.testing.assert_allclose(values, [v for v, _ in expected], rtol=1e-11, atol=1e-12)
    total = np.sum([np.asarray(g[0], float) for _, g in expected], axis=0)
    np.testing.assert_allclose(of_shared, total, rtol=1e-9, atol=1e-11)
    slopes = np.array([np.asarray(g[1], float) for _, g in expected])
    np.testing.assert_allclose(of_rows, slopes, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("examples", [1, 3, 8, 9])
@pytest.mark.parametrize("target", ["native", "numpy"])
@pytest.mark.parametrize("function", MIXED, ids=[f.__name__ for f in MIXED])
def test_shared_and_batched_numbers_in_one_loop(
    function: Callable[..., Any], target: str, examples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        specialization, "ROLLED_FROM", 1
    )  # so that NumPy's programs have loops, too
    rows = np.random.default_rng(1).normal(size=(examples, 40))
    check_mixed(function, 0.5, rows, target)


@given(steps(), st.integers(9, 12), st.integers(1, 3))
def test_random_recurrences_of_shared_and_batched_numbers(
    step: Any, count: int, batched_states: int
) -> None:
    states, operations, following, shown = step
    batched = min(batched_states, states)

    def function(p: Any, data: Any) -> Any:
        state, seen = [*data[:batched], *p[: states - batched]], []
        for k in range(count):
            known = [*state, p[-1], data[-1], SEEN[k], SEEN[2 * k]]
            for operation, operands in operations:
                known.append(tanh(operation(*[known[o] for o in operands])))
            state = [known[o] for o in following]
            seen.append(known[shown])
        return seen[-1] * state[0] + seen[-2] + sum(state)

    p = np.linspace(0.2, 0.7, states - batched + 1)
    rows = np.random.default_rng(count).uniform(0.2, 0.9, size=(3, batched + 1))
    for target in ("native", "numpy"):
        if target == "numpy" or machine.is_there():
            with mock.patch.object(specialization, "ROLLED_FROM", 1):
                check_mixed(function, p, rows, target)


# ------------------------------------------------------------------------------ what depends on


def test_the_source_does_not_grow_with_the_steps() -> None:
    def function(count: int) -> Callable[[Any], Any]:
        def f(x: Any) -> Any:
            y = x[0]
            for _ in range(count):
                y = y + 0.01 * tanh(x[1] * y)
            return y

        return f

    lengths = []
    for count in (50, 500, 5_000):
        rolled = schedule(program_of(function(count), np.ones(2)), rolled=True)
        (loop,) = loops_of(rolled)
        assert loop.steps >= count - 3
        lengths.append(len(gradient(rolled, [0]).instructions))
    assert len(set(lengths)) == 1


def test_steps_that_do_not_need_each_other_are_no_recurrence() -> None:
    def rows(x: Any) -> Any:
        return sum(tanh(a * x[0] + log(a * a + 1)) for a in x)

    assert roll.recurrences(program_of(rows, np.ones(60))) == []
