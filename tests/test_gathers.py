"""Look-ups by index: in graphs, in programs and on the way back, against NumPy's own indexing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import Value, compile, grad, nn
from autodiff.compiler.gathers import with_gathers
from autodiff.compiler.gradient import gradient
from autodiff.compiler.memory import interpret_planned, memory_plan
from autodiff.compiler.vectors import Gather, Scatter, VectorProgram, interpret_vectors
from conftest import ON_JAX

TARGETS = ["numpy", "native", ON_JAX]
GENERATOR = np.random.default_rng(0)


def looked_up(table: Any, weights: Any, x: Any) -> Any:
    """Σ over looked-up rows and their columns of weight · entry²: smooth, and no two are alike."""
    total = 0.0
    for index, own in zip(x, weights, strict=True):
        row = nn.gather(table, index)
        total = total + sum([w * a * a for a, w in zip(row, own, strict=True)])
    return total


def by_numpy(table: np.ndarray, weights: np.ndarray, x: np.ndarray) -> tuple[Any, np.ndarray]:
    places = x.astype(int)
    rows = table[places]
    slope = np.zeros_like(table)
    np.add.at(slope, places, 2 * weights * rows)
    return (weights * rows**2).sum((1, 2)), slope


SIZES = st.tuples(*[st.integers(1, 5)] * 4)


@pytest.mark.parametrize("target", TARGETS)
@given(sizes=SIZES, seed=st.integers(0, 99))
def test_rows_are_looked_up_and_added_to(
    target: str, sizes: tuple[int, int, int, int], seed: int
) -> None:
    count, width, length, examples = sizes
    generator = np.random.default_rng(seed)
    table, weights = generator.normal(size=(count, width)), generator.normal(size=(length, width))
    x = generator.integers(0, count, (examples, length)).astype(float)
    f = compile(looked_up, batched="x", target=target)
    value, slope = f.value_and_grad(table, weights, x)
    expected, slopes = by_numpy(table, weights, x)
    np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(slope, slopes, rtol=1e-12, atol=1e-12)


def test_numpy_looks_rows_up_and_compares_nothing() -> None:
    layer = nn.Embedding(9, 4, seed=0)
    f = compile(lambda x: layer(x).sum(), batched="x", target="numpy")
    x = GENERATOR.integers(0, 9, (6, 5)).astype(float)
    expected = np.array([[[v.data for v in row] for row in layer(each)] for each in x])
    np.testing.assert_allclose(f(x), expected.sum((1, 2)), rtol=1e-12)
    assert ".take(places, 1)" in f.source
    assert "<=" not in f.source
    numbers = np.array([value.data for value in f.captured])
    _, slope = f.captured_gradient(numbers, x)
    counts = np.bincount(x.astype(int).ravel(), minlength=9)
    found = dict(zip(f.captured, slope.tolist(), strict=True))
    assert [found[row[0]] for row in layer.rows] == counts.tolist()


def program_of(f: Any, *arguments: Any) -> VectorProgram:
    return f.prepare(arguments, {}).special.form  # type: ignore[no-any-return]


def test_what_a_gather_means() -> None:
    table, weights = GENERATOR.normal(size=(4, 3)), GENERATOR.normal(size=(5, 3))
    x = GENERATOR.integers(0, 4, (6, 5)).astype(float)
    program = program_of(compile(looked_up, batched="x", target="numpy"), table, weights, x)
    inputs = [table.ravel(), weights.ravel(), x.T]
    expected = interpret_vectors(gradient(program, (0,)), inputs)
    changed = with_gathers(program)
    assert [type(i) for i in changed.instructions].count(Gather) == 1
    slopes = gradient(changed, (0,))
    assert [type(i) for i in slopes.instructions].count(Scatter) == 1
    for found in (
        interpret_vectors(slopes, inputs),
        interpret_planned(slopes, memory_plan(slopes), inputs),
    ):
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-13)
        np.testing.assert_allclose(found[1][0], expected[1][0], rtol=1e-13)


def test_a_table_that_is_also_read_otherwise_keeps_all_of_its_gradient() -> None:
    table = GENERATOR.normal(size=(4, 3))
    x = np.array([[0.0, 0.0], [3.0, 1.0]])

    def f(table: Any, x: Any) -> Any:
        first = sum([a * a for row in table for a in row])
        return sum(nn.gather(table, x[0])) * first + sum(nn.gather(table, x[1])) + first

    def of_one(table: Any, places: Any) -> Any:
        first = sum([a * a for row in table for a in row])
        return sum(table[int(places[0])]) * first + sum(table[int(places[1])]) + first

    _, slope = compile(f, batched="x", target="numpy").value_and_grad(table, x)
    expected = sum(np.array(grad(of_one)(table, row)) for row in x)
    np.testing.assert_allclose(slope, expected, rtol=1e-12)


@pytest.mark.parametrize("target", ["numpy", "native", "python"])
@pytest.mark.parametrize("index", [-1.0, 3.0, 1.5, float("nan"), 1e300])
def test_no_place_in_the_table(target: str, index: float) -> None:
    if target == "native" and index != index:
        pytest.skip("machine code goes on with NaN")
    f = compile(lambda table, x: nn.gather(table, x), target=target)
    assert f([1.0, 2.0, 4.0], 2.0) == 4.0
    with pytest.raises(ValueError, match="an index must be a whole number from 0 to 2, got"):
        f([1.0, 2.0, 4.0], index)
    with pytest.raises(ValueError, match="an index must be a whole number from 0 to 2, got"):
        nn.gather([1.0, 2.0, 4.0], index)


def test_training_refuses_an_index_as_well() -> None:
    layer = nn.Embedding(3, 2, seed=0)
    f = compile(lambda x: layer(x).sum(), batched="x", target="numpy")
    f(np.zeros((2, 1)))
    numbers = np.array([value.data for value in f.captured])
    with pytest.raises(ValueError, match="from 0 to 2, got"):
        f.captured_gradient(numbers, np.array([[1.0], [3.0]]))


def test_an_index_chooses_in_a_graph() -> None:
    table = [[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]]
    assert nn.gather(table, 1) is table[1]
    index = Value(1.0)
    first, second = nn.gather(table, index)
    (first * second).backward()
    assert (first.data, second.data, index.grad) == (3.0, 4.0, 0.0)
    assert [[a.grad for a in row] for row in table] == [[0.0, 0.0], [4.0, 3.0]]
