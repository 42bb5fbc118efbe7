"""Compiled programs against the eager engine: values and gradients, on every target."""

from __future__ import annotations

import builtins
import itertools
import linecache
import math
import pickle
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autodiff as ad
from autodiff import Value, compile, grad, hessian, value_and_grad
from autodiff.compiler.gradient import gradient
from autodiff.compiler.memory import interpret_planned, memory_plan
from autodiff.compiler.native import machine
from autodiff.compiler.program import interpret
from autodiff.compiler.schedule import schedule
from autodiff.compiler.simplify import gather_sums, share, simplify
from autodiff.compiler.tangent import tangent
from autodiff.compiler.trace import Parameter, trace
from autodiff.compiler.vectors import interpret_vectors
from autodiff.structure import flatten, form_of
from autodiff.testing import KINKED, SMOOTH, Example, expressions_at_points
from conftest import ON_JAX

expressions = expressions_at_points(operations=(*SMOOTH, *KINKED, "logsumexp", "fsum", "where"))


def size(example: Example, point: list[float]) -> float:
    """How large the numbers get on the way: what rounding errors are proportional to."""
    leaves = [Value(x) for x in point]
    root = example.expression(leaves)
    graph = ad.Graph(root)
    values = max(abs(graph.value(node)) for node in graph.nodes)
    sizes = dict.fromkeys(graph.nodes, 0.0)
    sizes[root] = 1.0
    for edge in reversed(graph.edges):
        sizes[edge.tail] += abs(edge.local) * sizes[edge.head]
    return max(1.0, values) * max(1.0, *sizes.values())


@pytest.mark.parametrize("target", ["numpy", "python", "auto", ON_JAX])
@given(expressions)
def test_random_expressions(target: str, example: Example) -> None:
    f = compile(example.expression, target=target)
    value, gradient = f.value_and_grad(example.point)
    expected, slopes = value_and_grad(example.expression)(example.point)
    tolerance = 1e-10 * size(example, example.point)
    assert abs(value - expected) <= tolerance
    assert np.abs(np.subtract(gradient, slopes)).max() <= tolerance
    assert abs(f(example.point) - expected) <= tolerance


def nearby(example: Example, shifts: list[int]) -> np.ndarray:
    """Points at which the expression is defined, among a few around the example's."""
    rows = []
    for shift in shifts:
        row = [x + 1e-3 * shift for x in example.point]
        try:
            value_and_grad(example.expression)(row)
        except (ValueError, ArithmeticError):
            continue
        rows.append(row)
    return np.array(rows).reshape(-1, len(example.point))


@given(expressions, st.lists(st.integers(-3, 3), max_size=4), st.integers(0, 4))
def test_random_expressions_in_batches(example: Example, shifts: list[int], shared: int) -> None:
    """The first arguments are the same for all examples, the others have a batch axis."""
    points = nearby(example, shifts)
    shared = min(shared, points.shape[1])
    points[:, :shared] = example.point[:shared]

    def function(p: Any, x: Any) -> Any:
        return example.expression([*p, *x])

    f = compile(function, batched="x")
    p, x = points[0, :shared] if len(points) else np.zeros(shared), points[:, shared:]
    losses, (dp, dx) = f.value_and_grad(p, x, argnums=(0, 1))
    assert losses.shape == (len(points),)
    expected = [value_and_grad(function, (0, 1))(p, row) for row in x]
    tolerance = 1e-10 * max([size(example, row) for row in points.tolist()], default=1.0)
    for i, (value, (_, slope)) in enumerate(expected):
        assert abs(losses[i] - value) <= tolerance
        np.testing.assert_allclose(dx[i], slope, atol=tolerance, rtol=0)
    total = sum((g[0] for _, g in expected), np.zeros(shared))
    np.testing.assert_allclose(dp, total, atol=tolerance * max(1, len(x)), rtol=0)
    assert dx.shape == x.shape


@given(expressions, st.integers(1, 3))
def test_every_pass_keeps_the_meaning(example: Example, outputs: int) -> None:
    """Traced, shared, gathered and scheduled, by the slow interpreters; several outputs."""
    expression = example.expression

    def function(x: Any) -> Any:
        results = [expression(x), x[0] + x[-1], expression(x) * x[0]]
        return results[:outputs]

    program = trace(function, [Parameter("x", form_of(example.point), False)]).program
    expected = [float(y) for y in function(example.point)]
    tolerance = 1e-10 * size(example, example.point) * (1 + abs(example.point[0]))
    for passed in (program, share(program), gather_sums(program), simplify(program)):
        assert np.abs(np.subtract(interpret(passed, [example.point]), expected)).max() <= tolerance
    vectors = schedule(simplify(program))
    computed, _ = interpret_vectors(vectors, [np.array(example.point)])
    assert np.abs(np.ravel(computed) - expected).max() <= tolerance


@given(expressions, st.booleans())
def test_the_gradient_of_a_program_is_a_program(example: Example, batched: bool) -> None:
    """The chain rule and the memory plan, each by its own slow interpreter."""
    points = np.array([example.point, example.point]) if batched else np.array([example.point])
    program = trace(example.expression, [Parameter("x", form_of(points[0]), batched)]).program
    slopes = gradient(schedule(simplify(program)), [0])
    inputs = [points.T if batched else points[0]]
    with np.errstate(all="ignore"):  # both branches of a choice are computed
        out, (slope,) = interpret_vectors(slopes, inputs)
        planned = interpret_planned(slopes, memory_plan(slopes), inputs)
    value, expected = value_and_grad(example.expression)(points[0])
    tolerance = 1e-10 * size(example, example.point)
    assert np.abs(out - value).max() <= tolerance
    assert np.abs(slope.T - expected).max() <= tolerance
    np.testing.assert_array_equal(planned[0], out)
    np.testing.assert_array_equal(planned[1][0], slope)


@given(expressions_at_points(max_steps=6, operations=("add", "multiply", "sin", "exp", "divide")))
def test_second_derivatives_compile(example: Example) -> None:
    expected = hessian(example.expression)(example.point)
    for target in ("numpy", "python", "native")[: 3 if machine.is_there() else 2]:
        computed = compile(hessian(example.expression), target=target)(example.point)
        scale = max(1.0, *np.abs(expected).ravel()) * size(example, example.point)
        np.testing.assert_allclose(computed, expected, atol=1e-10 * scale, rtol=0)


@given(expressions)
def test_the_tangent_of_a_gradient_is_a_hessian(example: Example) -> None:
    """Forward mode on programs, by the slow interpreter."""
    program = trace(example.expression, [Parameter("x", form_of(example.point), False)]).program
    second = tangent(gradient(schedule(simplify(program)), [0]), [0])
    with np.errstate(all="ignore"):
        inputs = [np.array(example.point), np.eye(len(example.point))]
        _, (found,) = interpret_vectors(second, inputs)
    expected = np.array(hessian(example.expression)(example.point))
    scale = max(1.0, *np.abs(expected).ravel()) * size(example, example.point)
    np.testing.assert_allclose(found, expected, atol=1e-10 * scale, rtol=0)


def test_a_hessian_that_vanishes_takes_nothing() -> None:
    best = compile(hessian(lambda x: ad.maximum(x[0] + x[1], x[2]) + 3 * x[0]), target="numpy")
    assert best([1.0, 2.0, 0.5]) == [[0.0] * 3] * 3
    assert best.stats["operations"] == 1


def test_hessians_of_several_arguments_and_structures() -> None:
    def function(p: Any, q: Any, unused: Any) -> Any:
        return p["a"] * p["w"] @ p["w"] * q[0] + ad.exp(q[1] * p["b"]) * 2

    p = {"a": 1.5, "w": np.array([1.0, -2.0]), "b": 0.5}
    q, unused = [0.25, 2.0], np.ones(2)
    for argnums in (0, 1, (1, 0), (0, 2)):
        expected = hessian(function, argnums)(p, q, unused)
        found = compile(hessian(function, argnums), target="numpy")(p, q, unused)
        np.testing.assert_allclose(flatten(found)[0], flatten(expected)[0], rtol=1e-13)
        assert form_of(found) == form_of(expected)


@pytest.mark.parametrize("target", ["numpy", "native"])
def test_a_hessian_outside_of_the_domain(target: str) -> None:
    f = compile(hessian(lambda x: ad.log(x[0]) * x[1]), target=target)
    assert f([2.0, 3.0]) == [[-0.75, 0.5], [0.5, 0.0]]
    with pytest.raises(ValueError, match="math domain error"):
        f([-2.0, 3.0])
    assert pickle.loads(pickle.dumps(f))([2.0, 3.0]) == [[-0.75, 0.5], [0.5, 0.0]]
    assert f.stats["target"] == target


# ----------------------------------------------------------------------------- what is found

GENERATOR = np.random.default_rng(0)


def chained(w: Any, x: Any) -> Any:
    total = w[0] * x[0]
    for a, b in zip(w[1:], x[1:], strict=True):
        total = total + a * b
    return total


def shuffled(w: Any, x: Any) -> Any:
    order = np.random.default_rng(len(w)).permutation(len(w))
    return chained([w[i] for i in order], [x[i] for i in order])


SUMS = {
    "dot": ad.dot,
    "sum": lambda w, x: sum(a * b for a, b in zip(w, x, strict=True)),
    "fsum": lambda w, x: ad.fsum(a * b for a, b in zip(w, x, strict=True)),
    "chained": chained,
    "shuffled": shuffled,
    "matrix": lambda w, x: np.asarray(w) @ np.asarray(x),
}


def perceptron(weighted_sum: Any) -> Any:
    def loss(p: Any, x: Any, t: Any) -> Any:
        signal = list(x)
        for k in range(len(p) // 2):
            w, b = p[2 * k], p[2 * k + 1]
            signal = [
                weighted_sum(list(row), signal) + bias for row, bias in zip(w, b, strict=True)
            ]
            if k < len(p) // 2 - 1:
                signal = [ad.relu(s) for s in signal]
        return ad.logsumexp(signal) - ad.dot(t, signal)

    return loss


def parameters(*sizes: int) -> list[np.ndarray]:
    made = []
    for inputs, outputs in itertools.pairwise(sizes):
        made += [GENERATOR.normal(size=(outputs, inputs)), GENERATOR.normal(size=outputs)]
    return made


def assert_like_eager(
    function: Any, f: Any, *arguments: Any, batched: tuple[int, ...] = ()
) -> None:
    """Value and gradients by every argument, against the eager engine, example by example."""
    argnums = tuple(range(len(arguments)))
    value, gradients = f.value_and_grad(*arguments, argnums=argnums)
    if not batched:
        expected, slopes = value_and_grad(function, argnums)(*arguments)
        assert value == pytest.approx(expected, rel=1e-10)
        for a, b in zip(
            ad.structure.flatten(gradients)[0], ad.structure.flatten(slopes)[0], strict=True
        ):
            assert a == pytest.approx(b, rel=1e-10, abs=1e-10)
        return
    examples = len(arguments[batched[0]])
    singles = [
        value_and_grad(function, argnums)(
            *[a[i] if k in batched else a for k, a in enumerate(arguments)]
        )
        for i in range(examples)
    ]
    np.testing.assert_allclose(value, [single for single, _ in singles], rtol=1e-10)
    for k in argnums:
        flat = np.array(ad.structure.flatten(gradients[k])[0], float)
        rows = [ad.structure.flatten(slopes[k])[0] for _, slopes in singles]
        expected = np.ravel(rows) if k in batched else np.sum(rows, axis=0)
        np.testing.assert_allclose(flat, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("written", SUMS)
def test_matrix_products_are_found_however_sums_are_written(written: str) -> None:
    loss = perceptron(SUMS[written])
    p = parameters(6, 5, 4, 3)
    x, t = GENERATOR.normal(size=(7, 6)), np.eye(3)[GENERATOR.integers(0, 3, 7)]
    f = compile(loss, batched=("x", "t"))
    assert_like_eager(loss, f, p, x, t, batched=(1, 2))
    assert f.stats["products"] == 3
    assert f.stats["gathers"] == 0
    assert f.stats["operations"] <= 13


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (np.array([2.0, -2.0, 1.0, -1.0, 1.0]) * x) @ x,
        lambda x: sum(a * ad.sin(a) for a in [x[3], x[0], x[1]]),
        lambda x: [x[3] * x[0], x[1] * x[2], x[3], x[1], x[0]],
        lambda x: np.max(x[[0, 0, 2, 0]].reshape(2, 2) @ x[[1, 0]]) + x[[2, 0, 1]] @ x[[1, 0, 2]],
    ],
)
def test_gathers_are_there_as_long_as_they_are_read(function: Any) -> None:
    x = GENERATOR.normal(size=(3, 5))
    f = compile(function, batched="x")
    expected = [function(row) for row in x]
    np.testing.assert_allclose(np.transpose(f(x)), expected)
    if not isinstance(expected[0], list):
        _, slopes = f.value_and_grad(x)
        np.testing.assert_allclose(slopes, [grad(function)(row) for row in x])


def test_a_residual_connection() -> None:
    def loss(w: Any, x: Any) -> Any:
        h = [ad.tanh(s) for s in np.asarray(w[0]) @ x]
        y = [a + b for a, b in zip(x, np.asarray(w[1]) @ np.array(h), strict=True)]
        return ad.fsum(a * a for a in y)

    w = GENERATOR.normal(size=(2, 4, 4))
    x = GENERATOR.normal(size=(5, 4))
    f = compile(loss, batched="x")
    assert_like_eager(loss, f, w, x, batched=(1,))
    assert f.stats["products"] == 2


def test_logits_that_the_loss_uses_once_stay_in_their_product() -> None:
    def loss(w: Any, x: Any, t: Any) -> Any:
        z = [SUMS["sum"](row, x) for row in w]
        return (z[0] - t) * (z[0] - t) + z[1] + ad.exp(z[2]) - z[3]

    w, x, t = GENERATOR.normal(size=(4, 6)), GENERATOR.normal(size=(5, 6)), GENERATOR.normal(size=5)
    f = compile(loss, batched=("x", "t"))
    assert_like_eager(loss, f, w, x, t, batched=(1, 2))
    assert f.stats["products"] == 1


def test_a_convolution_is_a_matrix_product_over_gathered_columns() -> None:
    def loss(filters: Any, image: Any) -> Any:
        total = 0.0
        for kernel in filters:
            for i in range(4):
                for j in range(4):
                    patch = image[i : i + 3, j : j + 3]
                    total = total + ad.relu(ad.dot(kernel.ravel(), patch.ravel()))
        return total

    filters, images = GENERATOR.normal(size=(5, 3, 3)), GENERATOR.normal(size=(3, 6, 6))
    f = compile(loss, batched="image")
    assert_like_eager(loss, f, filters, images, batched=(1,))
    assert f.stats["products"] == 1
    assert f.stats["operations"] <= 4


def test_a_recurrent_chain() -> None:
    def lstm(p: Any, xs: Any) -> Any:
        h, c = [0.0] * 3, [0.0] * 3
        for x in xs:
            signal = [*x, *h]
            gates = [[ad.dot(row, signal) for row in w] for w in p]
            i, o, g = (
                [f(s) for s in gate]
                for f, gate in zip((ad.sigmoid, ad.sigmoid, ad.tanh), gates[:3], strict=True)
            )
            c = [
                ad.sigmoid(f) * old + a * b for f, old, a, b in zip(gates[3], c, i, g, strict=True)
            ]
            h = [a * ad.tanh(b) for a, b in zip(o, c, strict=True)]
        return ad.fsum(h)

    p, xs = GENERATOR.normal(size=(4, 3, 5)), GENERATOR.normal(size=(6, 4, 2))
    f = compile(lstm, batched="xs")
    assert_like_eager(lstm, f, p, xs, batched=(1,))
    assert 4 <= f.stats["products"] <= 8


def test_triangular_factors_are_padded_to_matrix_products() -> None:
    def loss(factors: Any, x: Any) -> Any:
        total = 0.0
        for lower in factors:
            y = [ad.dot(lower[i, : i + 1], x[: i + 1]) for i in range(6)]
            total = total + ad.dot(y, y)
        return total

    factors, x = GENERATOR.normal(size=(3, 6, 6)), GENERATOR.normal(size=(4, 6))
    f = compile(loss, batched="x")
    assert_like_eager(loss, f, factors, x, batched=(1,))
    assert f.stats["products"] <= 2
    assert f.stats["operations"] <= 6


def test_outer_products() -> None:
    def loss(x: Any, y: Any) -> Any:
        outer = np.outer(x, y)
        return ad.fsum(ad.sin(a) for a in outer.ravel())

    x, y = GENERATOR.normal(size=4), GENERATOR.normal(size=5)
    f = compile(loss)
    assert_like_eager(loss, f, x, y)


def test_a_whole_loss_over_all_examples_in_one_graph() -> None:
    one = perceptron(ad.dot)

    def loss(p: Any, xs: Any, ts: Any) -> Any:
        return ad.fsum(one(p, x, t) for x, t in zip(xs, ts, strict=True)) / len(xs)

    p = parameters(3, 4, 3)
    xs, ts = GENERATOR.normal(size=(6, 3)), np.eye(3)[GENERATOR.integers(0, 3, 6)]
    f = compile(loss, target="numpy")
    assert_like_eager(loss, f, p, xs, ts)
    assert f.stats["operations"] <= 14


# ------------------------------------------------------------------------------------ corners


@pytest.mark.parametrize("target", ["numpy", "python", "native", ON_JAX])
@pytest.mark.parametrize(
    "function",
    [
        lambda x: ad.where(x[0] > 0, x[1], x[2]),
        lambda x: ad.maximum(x[0], x[0] + 0 * x[1]) + ad.minimum(x[1], x[1] * 1),
        lambda x: ad.relu(x[0]) + abs(x[0]) + x[0] ** 0,
        lambda x: x[1] ** 2 + x[1] ** 3 + x[1] ** -1 + x[1] ** 0.5 + x[2] ** x[1],
        lambda x: ad.hypot(x[0], x[0] * 2),
        lambda x: (x[0] <= 0) * x[1] + (x[1] >= x[2]) * x[2],
        lambda x: ad.logsumexp([x[1] * 1000, x[2] * 1000, x[0]]),
        lambda x: ad.tanh(x[1] * 1e4) + ad.sigmoid(-x[2] * 1e4) + ad.softplus(x[1] * 1e4),
        lambda x: ad.erf(x[1]) + ad.log1p(x[0]) + ad.expm1(x[0]) + ad.atan2(x[1], x[0]),
        lambda x: 3.0,
        lambda x: x[1],
    ],
)
def test_corners_are_those_of_the_eager_engine(function: Any, target: str) -> None:
    point = [0.0, 1.5, 2.5]
    assert_like_eager(function, compile(function, target=target), point)


def test_a_derivative_that_is_infinite_is_infinite() -> None:
    for target in ("numpy", "python", "native")[: 3 if machine.is_there() else 2]:
        value, slope = compile(lambda x: ad.sqrt(x), target=target).value_and_grad(0.0)
        assert (value, slope) == (0.0, math.inf)


def test_what_went_wrong_is_named() -> None:
    def loss(w: Any, x: Any) -> Any:
        with ad.scope("layer1"):
            return ad.log(w * x)

    f = compile(loss, batched="x")
    with pytest.raises(ValueError, match="math domain error") as failure:
        f(2.0, np.array([1.0, -3.0]))
    notes = " ".join(failure.value.__notes__)
    assert "in log(-6.0)" in notes
    assert "'layer1'" in notes
    assert "example 1 of 2" in notes
    with pytest.raises(ZeroDivisionError):
        compile(lambda x: 1 / x, target="python")(0.0)
    with pytest.raises(OverflowError, match="exp is too large"):
        compile(lambda x: ad.exp(x), target="numpy").value_and_grad(1e4)


def test_results_and_structures() -> None:
    f = compile(lambda p, x: {"sum": p["a"] + x, "pair": (p["b"][0], np.array([x, p["a"]]))})
    result = f({"a": 1.0, "b": [2]}, 3)
    assert result["sum"] == 4.0
    assert result["pair"][0] == 2.0
    np.testing.assert_array_equal(result["pair"][1], [3.0, 1.0])
    g = compile(lambda w, x: np.array([[w * x[0], x[1]]]), batched="x")
    assert g(2.0, np.ones((5, 2))).shape == (5, 1, 2)
    slopes = compile(lambda p: p["a"] * p["b"][0]).value_and_grad({"a": 2.0, "b": [3.0, 4.0]})[1]
    assert slopes == {"a": 3.0, "b": [2.0, 0.0]}


def test_captured_values_are_read_at_every_call() -> None:
    w = Value(2.0)
    f = compile(lambda x: w * x + w)
    assert f(3.0) == 8.0
    w.data = 10.0
    assert f(3.0) == 40.0
    assert w.grad == 0.0


def test_float32() -> None:
    loss = perceptron(ad.dot)
    p = [a.astype(np.float32) for a in parameters(6, 5, 3)]
    x, t = GENERATOR.normal(size=(7, 6)), np.eye(3)[GENERATOR.integers(0, 3, 7)]
    losses, gradients = compile(loss, batched=("x", "t"), dtype="float32").value_and_grad(p, x, t)
    exact, exact_gradients = compile(loss, batched=("x", "t")).value_and_grad(p, x, t)
    assert losses.dtype == gradients[0].dtype == np.float32
    np.testing.assert_allclose(losses, exact, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gradients[0], exact_gradients[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (lambda x: x if x > 0 else -x, "use where"),
        (lambda x: max(x, 1.0), "use where"),
        (lambda x: x.data + 1, "asks for the number"),
        (lambda x: x.item() + 1, "asks for the number"),
        (
            lambda x: math.exp(x),
            "turns a traced value into float, .* autodiff's functions in place of",
        ),
        (lambda x: x * x.detach(), "cuts a traced value off"),
        (lambda x: "no", "got the string"),
    ],
)
def test_tracing_refuses_what_needs_a_number(function: Any, complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        compile(function)(1.0)


def test_the_line_that_branches_is_named() -> None:
    def function(x: Any) -> Any:
        if x > 0:
            return x
        return -x

    with pytest.raises(
        TypeError, match=r"test_compiler\.py, `if x > 0:`, decides by a traced value"
    ):
        compile(function)(1.0)


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("/somewhere/ipykernel_12/345.py", "line 2 of the cell, `if x > 0:`, decides"),
        ("<ipython-input-3-abc>", "line 2 of the cell, `if x > 0:`, decides"),
        ("<string>", "line 2 of <string> decides"),
    ],
)
def test_in_a_notebook_the_line_is_that_of_the_cell(
    file: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "def f(x):\n    if x > 0:\n        return x\n    return -x\n"
    if "string" not in file:  # IPython keeps the text of its cells
        lines = text.splitlines(keepends=True)
        monkeypatch.setitem(linecache.cache, file, (len(text), None, lines, file))
    names: dict[str, Any] = {}
    exec(builtins.compile(text, file, "exec"), names)
    with pytest.raises(TypeError, match=re.escape(place)):
        compile(names["f"])(1.0)


@pytest.mark.parametrize(
    ("call", "error", "complaint"),
    [
        (lambda: compile(3), TypeError, "expected a function, got int"),
        (lambda: compile(abs, dtype="int8"), ValueError, "float32"),
        (lambda: compile(lambda x: x, target="fast"), ValueError, "one of auto, numpy, python"),
        (lambda: compile(lambda x: x, batched="y"), ValueError, "batched names y"),
        (lambda: compile(lambda x: x).source, RuntimeError, "call it first"),
        (lambda: compile(lambda x: x)("1"), TypeError, "argument x must be a number"),
        (lambda: compile(lambda x: x)(np.array(["a"])), TypeError, "real numbers"),
        (lambda: compile(lambda x: x, batched="x")(1.0), ValueError, "leading axis"),
        (
            lambda: compile(lambda x, y: x + y, batched=("x", "y"))(np.ones(2), np.ones(3)),
            ValueError,
            "equally many examples, got 2 before 3 in y",
        ),
        (lambda: compile(lambda x: [x, x]).value_and_grad(1.0), TypeError, "one scalar result"),
        (lambda: compile(lambda x: x).value_and_grad(1.0, argnums=1), ValueError, "argnums"),
        (
            lambda: compile(lambda x: x, batched="x", target="python")(np.ones(2)),
            ValueError,
            "without batched",
        ),
    ],
)
def test_wrong_calls(call: Any, error: type[Exception], complaint: str) -> None:
    with pytest.raises(error, match=complaint):
        call()


def cube(x: Any) -> Any:
    return x * x * x


def test_programs_pickle() -> None:
    import pickle

    f = compile(cube)
    assert f.value_and_grad(2.0) == (8.0, 12.0)
    again = pickle.loads(pickle.dumps(f))
    assert again.value_and_grad(2.0) == (8.0, 12.0)
    local = compile(lambda x: x * x)
    local(2.0)
    again = pickle.loads(pickle.dumps(local))
    assert again(3.0) == 9.0
    with pytest.raises(RuntimeError, match="unpickled without its function"):
        again(np.ones(3))


def test_recompilation_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    f = compile(lambda x: sum(a * a for a in x))
    f(np.ones(3))
    f(np.ones(3))
    assert not caplog.records
    f(np.ones(4))
    assert "compiling" in caplog.text
    assert "(4,)" in caplog.text
    f([1.0] * 500)
    assert len(caplog.records[-1].getMessage()) < 200, "a line, however many numbers there are"


def test_a_result_that_is_the_same_for_every_example() -> None:
    f = compile(lambda p, x: ad.logsumexp(list(p)), batched="x")
    losses, slopes = f.value_and_grad(np.array([0.0, 0.0]), np.ones((3, 1)))
    assert losses.tolist() == [math.log(2.0)] * 3
    assert slopes.tolist() == [1.5, 1.5]


def test_many_examples_run_in_chunks() -> None:
    f = compile(lambda w, x: ad.sin(w * x[0]) * x[1], batched="x")
    x = GENERATOR.normal(size=(200_000, 2))
    losses, (dw, dx) = f.value_and_grad(2.0, x, argnums=(0, 1))
    np.testing.assert_allclose(losses, np.sin(2 * x[:, 0]) * x[:, 1])
    np.testing.assert_allclose(dw, (np.cos(2 * x[:, 0]) * x[:, 0] * x[:, 1]).sum())
    np.testing.assert_allclose(dx[:, 0], 2 * np.cos(2 * x[:, 0]) * x[:, 1])


def test_grad_inside_a_compiled_function() -> None:
    f = compile(lambda x, v: grad(lambda y: y**3 * v)(x))
    assert f(2.0, 5.0) == 60.0
    assert f.value_and_grad(2.0, 5.0) == (60.0, 60.0)


# ------------------------------------------------------------------------- what reviews found


def test_all_pairs_of_one_array() -> None:
    """Views of one block as a row and as a column are different views."""

    def loss(x: Any) -> Any:
        return sum((x[i] - x[j]) ** 3 * (i + 1) for i in range(8) for j in range(8))

    assert_like_eager(loss, compile(loss), GENERATOR.normal(size=8))
    assert_like_eager(loss, compile(loss, batched="x"), GENERATOR.normal(size=(3, 8)), batched=(0,))


def test_gradients_that_arrive_as_reshaped_views_are_not_overwritten() -> None:
    def loss(a: Any, b: Any, w: Any) -> Any:
        total = sum(ad.sin(x) for x in a.ravel())
        return total + sum(ad.exp(x) for x in ((a + b) + w).ravel())

    f = compile(loss, target="numpy")
    a, b, w = GENERATOR.normal(size=(8, 8)), GENERATOR.normal(size=8), GENERATOR.normal(size=(8, 8))
    assert_like_eager(loss, f, a, b, w)
    _, (da, dw) = f.value_and_grad(a, b, w, argnums=(0, 2))
    before = dw.copy()
    da[:] = 0
    np.testing.assert_array_equal(dw, before)


def test_dot_products_of_the_same_terms_in_another_order() -> None:
    def both(w: Any, x: Any) -> Any:
        rows = [ad.dot(list(row), list(x)) for row in w]
        return rows + [ad.dot(list(row[::-1]), list(x[::-1])) for row in w]

    w, x = np.arange(1.0, 7).reshape(2, 3), np.array([1.0, 2.0, 3.0])
    assert np.ravel(compile(both, batched="x")(w, x[None])).tolist() == [14, 32, 14, 32]


def test_equal_rows_after_padding() -> None:
    def loss(w: Any, x: Any) -> Any:
        return [ad.dot([w[0], w[1], 0.0], x), ad.dot([w[0], w[1]], x[:2]), ad.dot(w, x)]

    w, x = GENERATOR.normal(size=3), GENERATOR.normal(size=(2, 3))
    computed = np.transpose(compile(loss, batched="x")(w, x))
    np.testing.assert_allclose(
        computed, [[y.data if isinstance(y, Value) else y for y in loss(w, row)] for row in x]
    )


def test_gradients_are_arrays_of_their_own() -> None:
    def loss(x: Any) -> Any:
        columns = [ad.fsum(list(column)) for column in x.T]
        return ad.fsum(columns) + sum(ad.sin(a) for a in x[2:].ravel())

    x = GENERATOR.normal(size=(4, 4))
    f = compile(loss, target="numpy")
    assert_like_eager(loss, f, x)
    _, gradient = compile(lambda x: ad.fsum(x.ravel()), target="numpy").value_and_grad(x)
    gradient[0, 0] = 7.0
    assert gradient.sum() == 22.0


@pytest.mark.parametrize("target", ["numpy", "python", "native", ON_JAX])
def test_arrays_of_no_dimension(target: str) -> None:
    f = compile(lambda p: 3 * p["b"] + 5 * p["w"][0] + 7 * p["c"], target=target)
    point = {"b": np.array(0.5), "w": np.array([1.0]), "c": 2.0}
    value, slopes = f.value_and_grad(point)
    assert (value, float(slopes["b"]), slopes["w"].tolist(), slopes["c"]) == (20.5, 3.0, [5.0], 7.0)


NAMES_OF_PROGRAMS = (
    "d_x0", "v0", "lambda", "x²", "a\nb", "run", "n", "shares", "", "1", "arg0", "exp", "é",
    "float", "pow", "isfinite", "OverflowError", "nan", "where", "dtype",
    "a\0b", "\ud800", "\u2028x",
)  # fmt: skip


@pytest.mark.parametrize("target", ["numpy", "python", "native", ON_JAX])
@pytest.mark.parametrize("name", NAMES_OF_PROGRAMS)
def test_names_of_nodes_and_scopes_never_clash(target: str, name: str) -> None:
    def loss(x: Any) -> Any:
        with ad.scope(name or "scope"):
            y = ad.sin(x["x"][0]) * x["x"][1]
            y.name = name
            z = ad.logsumexp([y, x[name], x["x"][0]])
        return ad.exp(y) * y + x["x"][0] * z

    assert_like_eager(loss, compile(loss, target=target), {"x": [0.3, 0.7], name: 0.2})


def test_names_of_arguments_never_clash() -> None:
    for target in ("numpy", "python", "native")[: 3 if machine.is_there() else 2]:
        f = compile(lambda arg, y, d_y, v, run: arg[0] * arg[1] * y * d_y * v * run, target=target)
        value, slopes = f.value_and_grad([2.0, 3.0], 4.0, 5.0, 6.0, 7.0, argnums=(0, 1, 2, 3, 4))
        assert (value, slopes) == (5040.0, ([2520.0, 1680.0], 1260.0, 1008.0, 840.0, 720.0))


def test_variable_arguments_and_transforms_can_be_batched() -> None:
    f = compile(lambda *xs: (xs[0] * xs[1]).sum(), batched="xs")
    assert f(np.ones((3, 2)), np.ones((3, 2))).tolist() == [2.0, 2.0, 2.0]
    slope = compile(grad(lambda x: ad.sin(x) ** 2), batched="x")
    np.testing.assert_allclose(slope(np.array([0.5, 1.0])), np.sin([1.0, 2.0]))


@pytest.mark.parametrize("target", ["numpy", "python", "native", ON_JAX])
def test_no_complex_numbers(target: str) -> None:
    for function in (lambda x: abs(x**1.5), lambda x: x**0.3, lambda x: ad.sin(x**1.5)):
        with pytest.raises(ValueError, match="no real value"):
            compile(function, target=target)(-2.0)


@pytest.mark.parametrize("target", ["numpy", "python", "native", ON_JAX])
def test_infinite_constants(target: str) -> None:
    assert compile(lambda x: ad.maximum(x, -math.inf), target=target)(1.0) == 1.0
    masked = compile(lambda s: ad.logsumexp([s[0], s[1], -math.inf]), target=target)
    assert masked([1.0, 2.0]) == pytest.approx(math.log(math.e + math.e**2))


def test_kinds_of_structures_are_told_apart_and_kept() -> None:
    from collections import OrderedDict, namedtuple

    ab, ba = namedtuple("P", "a b"), namedtuple("P", "b a")
    f = compile(lambda p: p.a - 10 * p.b)
    assert (f(ab(1.0, 2.0)), f(ba(2.0, 1.0))) == (-19.0, -19.0)
    assert f(ba(1.0, 2.0)) == -8.0
    g = compile(lambda p: p["a"] * p["b"])
    _, slopes = g.value_and_grad(OrderedDict(a=2.0, b=3.0))
    assert slopes == OrderedDict(a=3.0, b=2.0)
    assert type(slopes) is OrderedDict


@pytest.mark.parametrize(
    ("call", "error", "complaint"),
    [
        (lambda: compile(lambda x: x, batched=0), TypeError, "expected names of arguments"),
        (lambda: compile(lambda x: x, dtype="foo"), ValueError, "dtype must be"),
        (lambda: compile(lambda x: x).value_and_grad(1.0, argnums=True), ValueError, "argnums"),
        (
            lambda: compile(lambda x: x, batched="x")([np.ones(2), np.ones(2)]),
            ValueError,
            "np.stack makes one",
        ),
        (
            lambda: compile(lambda x: x, batched="x")([[1.0], [1.0, 2.0]]),
            ValueError,
            "equally long",
        ),
        (lambda: grad(compile(lambda x: x))(1.0), TypeError, "attribute .function"),
    ],
)
def test_more_wrong_calls(call: Any, error: type[Exception], complaint: str) -> None:
    with pytest.raises(error, match=complaint):
        call()


def test_erf_in_single_precision() -> None:
    f = compile(lambda x: ad.erf(x), batched="x", dtype="float32")
    losses, slopes = f.value_and_grad(np.array([0.5, 1.0]))
    assert losses.dtype == slopes.dtype == np.float32


@pytest.mark.parametrize("operation", ["add", "multiply", "subtract", "divide", "mixed"])
def test_deep_programs_do_not_recurse(operation: str) -> None:
    def function(x: Any) -> Any:
        y = x
        for k in range(3000):
            name = ("add", "multiply", "subtract")[k % 3] if operation == "mixed" else operation
            y = ad.primitives.PRIMITIVES[name](y, 1 + 1e-4 * x)
        return y

    for target in ("numpy", "python", "native")[: 3 if machine.is_there() else 2]:
        value, slope = compile(function, target=target).value_and_grad(1e-3)
        expected, derivative = value_and_grad(function)(1e-3)
        assert value == pytest.approx(expected, rel=1e-9)
        assert slope == pytest.approx(derivative, rel=1e-9)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: 1 - a[0] + 1,
        lambda a: 3 - (a[0] + 1),
        lambda a: ad.dot([-1, a[0]], [0.5, 0.5]),
        lambda a: -1 * 0.0 * a[0] + 0 * a[0],
        lambda a: a[0] * -0.0 - a[0] * 0 + a[1],
        lambda a: (a[0] - a[0]) * 3 + 2 - 5,
        lambda a: (0 * -3.0) * a[0] + a[1] * 0.0 + (1 - 1.0) * a[0] * a[1] + a[0] / (0.5 + 0.5),
        lambda a: ad.dot([1.0, 1, a[0]], [a[0], 2, a[1]]) * (0.0 + (-1 * 0.0) + a[1]),
    ],
)
def test_constants_that_meet_and_zeros_with_signs(function: Any) -> None:
    point = np.array([1.5, 2.5])
    for target in ("numpy", "python", "native")[: 3 if machine.is_there() else 2]:
        assert_like_eager(function, compile(function, target=target), point)
    batch = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert_like_eager(function, compile(function, batched="a"), batch, batched=(0,))
