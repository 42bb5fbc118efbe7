"""The page's own computation gives what Python gives, in node: numbers, rules and steps."""

from __future__ import annotations

import itertools
import json
import math
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

import viz
from autodiff import Graph, Value, dot, fsum, gate, logsumexp, scope
from autodiff.compiler.javascript_rules import javascript_rules
from autodiff.nn import MLP
from autodiff.primitives import PRIMITIVES
from autodiff.testing import Example, expressions_at_points
from autodiff.worked_examples import (
    grouped_sigmoid_neuron,
    patterns,
    product_of_sum,
    product_rule,
    sigmoid_neuron,
    two_layers,
)
from conftest import IN_FULL
from viz.explorer.data import page_data
from viz.explorer.recorded import without_computed_texts
from viz.webpage import packaged

NODE = shutil.which("node")
POINTS = 20 if IN_FULL else 4
pytestmark = pytest.mark.skipif(NODE is None, reason="needs node, which runs the page's script")


def run(script: str, given: Any, folder: Path) -> Any:
    """What a script prints as JSON; it reads ``given``."""
    path = folder / "script.js"
    path.write_text(f"const given = {json.dumps(given)};\n{script}")
    made = subprocess.run([str(NODE), path], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


REPLAYED = """
// Texts that the page writes when they are asked for.
const texts = () => {
  for (const step of graph.steps) {
    step.rules = rulesOf(step);
    step.totals = step.totals.map(([id, total]) => [id, shown(total)]);
    delete step.before;
  }
  for (const part of graph.parts) part.formula = formulaText(part);
  for (const wire of graph.wires) Object.assign(wire, textsOf(wire));
  return JSON.parse(JSON.stringify(graph));
};
replay(startingNumbers());
const first = texts();
const results = given.map((feed) => {
  const numbers = startingNumbers();
  for (const [node, number] of feed) numbers.set(node, number);
  replay(numbers);
  return { graph: texts(), failure };
});
console.log(JSON.stringify({ first, results }));
"""


def replayed(value: Any, feeds: list[list[tuple[int, float]]], folder: Path, **options: Any) -> Any:
    """The data of a page as it replays it, at first and with other numbers for leaves."""
    explorer = viz.explore(value, **options)
    data = page_data(explorer._stage)
    page = "const document = { getElementById: () => ({ textContent: TEXT }) };\n"
    rules = javascript_rules(PRIMITIVES[name] for name in data["replay"]["operations"])
    files = "\n".join(
        packaged("viz.explorer", f"{name}.js") for name in ("numbers", "graph", "replay")
    )
    text = f"const TEXT = {json.dumps(json.dumps(without_computed_texts(data)))};\n"
    found = run(text + page + rules + files + REPLAYED, feeds, folder)
    return json.loads(json.dumps(data)), found


def same(found: Any, expected: Any, at: str = "") -> None:
    """Equal, but for the last digits of numbers."""
    if isinstance(expected, dict):
        assert set(found) >= {k for k, v in expected.items() if v is not None}, at
        for key, part in expected.items():
            same(found.get(key), part, f"{at}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), at
        for i, (one, other) in enumerate(zip(found, expected, strict=True)):
            same(one, other, f"{at}[{i}]")
    elif isinstance(expected, float | int) and not isinstance(expected, bool):
        assert float(found) == pytest.approx(float(expected), rel=1e-12, abs=1e-300), at
    else:
        assert found == expected, at


def perceptron() -> Value:
    return MLP(2, [3, 1], seed=0)([Value(1.0, "x0"), Value(-2.0, "x1")])[0]


def of_gates() -> Value:
    @gate("σ")
    def sigma(a: Value) -> Value:
        return 1 / (1 + (-a).exp())

    x, y = Value(0.5, "x"), Value(2.0, "y")
    return sigma(x * y) * sigma(x) + sigma(y)


def of_many() -> Value:
    a, b, c = Value(1.5, "a"), Value(-2.0, "b"), Value(0.25, "c")
    return dot([a, b], [b, c]) * fsum([a, b, c, a]) + logsumexp([a, b, c])


def squares() -> Value:
    outputs = MLP(3, [4, 2], seed=0)([Value(0.5, "i0"), Value(-1.0, "i1"), Value(2.0, "i2")])
    return sum((output * output for output in outputs), Value(0.0, "zero"))


def branches() -> Graph:
    x, y = Value(1.0, "x"), Value(-1.0, "y")
    with scope("s"):
        z = abs(x * y).relu() + (x > y) * x.sign()
    return Graph(z * y, x.atan2(y), z)


MADE = {
    "1": lambda: product_of_sum()["f"], "2": lambda: sigmoid_neuron()["f"],
    "3": lambda: grouped_sigmoid_neuron()["f"], "6": lambda: patterns()["f"],
    "7": lambda: product_rule()["h"], "8": lambda: two_layers(depth=2)["p"],
    "network": perceptron, "gates": of_gates, "many": of_many, "squares": squares,
    "branches": branches,
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("fold", [None, "scopes"])
def test_a_page_replays_what_python_gives_at_other_points(
    name: str, fold: str | None, tmp_path: Path
) -> None:
    made = MADE[name]()
    graph = made if isinstance(made, Graph) else Graph(made)
    leaves = graph.leaves
    points = [
        [round(math.sin(7 * i + 3 * j) * 3, 2) for j, _ in enumerate(leaves)] for i in range(POINTS)
    ]
    feeds = [
        [(int(graph.id(leaf)[1:]), x) for leaf, x in zip(leaves, point, strict=True)]
        for point in points
    ]
    original, found = replayed(graph, feeds, tmp_path, fold=fold, number=".10g")
    same(found["first"]["parts"], original["parts"])
    same(found["first"]["wires"], original["wires"])
    same(found["first"]["steps"], original["steps"])
    for point, result in zip(points, found["results"], strict=True):
        graph.forward(dict(zip(leaves, point, strict=True)))
        expected = json.loads(
            json.dumps(page_data(viz.explore(graph, fold=fold, number=".10g")._stage))
        )
        for key in ("parts", "wires", "steps"):
            same(result["graph"][key], expected[key], key)


@settings(max_examples=15)
@given(example=expressions_at_points(max_steps=10))
def test_random_graphs_are_replayed(
    tmp_path_factory: pytest.TempPathFactory, example: Example
) -> None:
    expression, point = example
    graph = Graph(expression([Value(number, f"x{i}") for i, number in enumerate(point)]))
    found = replayed(graph, [], tmp_path_factory.mktemp("page"), number=".9g")
    same(found[1]["first"], found[0])


def points_of(name: str) -> list[tuple[float, ...]]:
    """Points in the domain of an operation, on both sides of 0 where it may be."""
    primitive = PRIMITIVES[name]
    numbers = [0.0, 0.3, -0.7, 1.0, 1.7, -2.5, 4.0, 12.0, -30.0]
    if name == "polygamma":
        return [(float(n), a) for n in (0, 1, 3) for a in (0.3, 1.7, 4.0, -2.5)]
    count = primitive.arity or 3
    if count == 1:
        candidates = [(a,) for a in numbers]
    else:
        candidates = [
            tuple(numbers[(i + k * j) % len(numbers)] for k in range(count))
            for i in range(len(numbers))
            for j in range(4)
        ]
    return [point for point in candidates if primitive.domain.contains(*point)]


TABLE = """
const words = (x) => (Number.isFinite(x) ? x : String(x));
console.log(JSON.stringify(given.map(([name, operands]) => {
  const rule = RULES[name];
  const y = rule.value(...operands);
  const slopes = rule.all ? rule.all(y, ...operands)
    : rule.slopes.map((slope) => (slope ? slope(y, ...operands) : 0));
  return [words(y), slopes.map(words)];
})));
"""


def test_the_whole_table_in_javascript_is_that_of_python(tmp_path: Path) -> None:
    names = [name for name, primitive in PRIMITIVES.items() if primitive.arity != 0]
    calls = [(name, point) for name in names for point in points_of(name)]
    assert {name for name, _ in calls} == set(names)
    found = run(javascript_rules(PRIMITIVES.values()) + TABLE, calls, tmp_path)
    for (name, point), (y, slopes) in zip(calls, found, strict=True):
        expected, partials = PRIMITIVES[name].linearize(point, [True] * len(point))
        at = f"{name}{point}"
        assert _float(y) == pytest.approx(expected, rel=1e-12, abs=1e-15, nan_ok=True), at
        numbers = list(map(_float, slopes))
        assert numbers == pytest.approx(list(partials), rel=1e-12, abs=1e-15, nan_ok=True), at


def _float(number: Any) -> float:
    return float(str(number).replace("Infinity", "inf"))


EXTREMES = [0.0, 1e-300, -1e-300, 0.5, 1.0, -1.0, 3.0, -2.5, 200.0, -1e3, 1e160, -1e160, 1e308]

FAILURES = """
const said = (name, operands) => {
  const rule = RULES[name];
  const y = rule.value(...operands);
  return Number.isFinite(y) ? "" : isTooLarge(name, rule, operands, y) ? "too large" : "outside";
};
console.log(JSON.stringify(given.map((call) => said(...call))));
"""


def failure(name: str, operands: tuple[float, ...]) -> str:
    """Whether Python gives a value, says that it is too large, or that there is none."""
    try:
        PRIMITIVES[name].evaluate(list(operands))
    except OverflowError:
        return "too large"
    except (ValueError, ArithmeticError):
        return "outside"
    return ""


def test_a_result_that_is_too_large_is_told_from_one_that_is_not_defined(tmp_path: Path) -> None:
    calls = [
        (name, operands)
        for name, primitive in PRIMITIVES.items()
        if primitive.arity and name != "polygamma"
        for operands in itertools.product(EXTREMES, repeat=min(primitive.arity, 2))
        if primitive.arity < 3
        and not (name == "power" and operands[0] < 0 and operands[1] % 1)  # complex in Python
    ]
    calls += [("polygamma", (n, a)) for n in (0.0, 1.0, 3.0) for a in (0.0, -1.0, 1e-300, 0.5)]
    page = "const document = { getElementById: () => ({ textContent: TEXT }) };\n"
    text = json.dumps(without_computed_texts(page_data(viz.explore(of_gates())._stage)))
    files = "\n".join(
        packaged("viz.explorer", f"{name}.js") for name in ("numbers", "graph", "replay")
    )
    rules = javascript_rules(PRIMITIVES.values())
    script = f"const TEXT = {json.dumps(text)};\n{page}{rules}{files}{FAILURES}"
    found = run(script, calls, tmp_path)
    wrong = [
        (call, said) for call, said in zip(calls, found, strict=True) if said != failure(*call)
    ]
    assert not wrong
    assert {"too large", "outside", ""} == set(found)
