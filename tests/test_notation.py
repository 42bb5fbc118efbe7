"""Formulas for people: what they say is true, and reads as in a textbook."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autodiff import Graph, Value, dot, gate, maximum, notation, primitives
from autodiff.notation import Operand
from autodiff.primitives import PRIMITIVES, Primitive
from autodiff.special import polygamma
from test_primitives import points, varying

NAMES = ["u", "v", "s", "t", "r"]

FUNCTIONS: dict[str, Any] = {
    **{name: getattr(math, name) for name in (
        "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "exp",
        "expm1", "log1p", "hypot", "erf",
    )},
    "ln": math.log, "root": math.sqrt, "abs": abs, "max": max, "min": min, "pi": math.pi,
    "sigma": lambda a: 1 / (1 + math.exp(-a)), "ReLU": lambda a: max(a, 0.0),
    "softplus": lambda a: math.log1p(math.exp(a)), "where": lambda c, a, b: a if c else b,
    "sign": lambda a: (a > 0) - (a < 0), "copysign": math.copysign, "round": round,
    "polygamma": polygamma,
}  # fmt: skip

BACK = [
    (r"σ\(1 - σ\)", "sigma(u) * (1 - sigma(u))"), (r"σ", "sigma"), (r"π", "pi"),
    (r"√(\w+)", r"root(\1)"), (r"√\(", "root("), (r"\|([^|]*)\|", r"abs(\1)"),
    ("²", "**2"), (r"\^", "**"), ("·", "*"), ("≤", "<="), ("≥", ">="), ("eˣ", "exp(u)"),
    (r"\b(tan|tanh|sinc)\b(?!\()", r"\1(u)"),
    (r"ψ⁽¹⁾\(", "polygamma(1, "), (r"ψ\(", "polygamma(0, "),
]  # fmt: skip
"""What each printed sign means in Python."""


def evaluated(text: str, names: dict[str, float], primitive: Primitive) -> float:
    if not primitive.symbol.isidentifier():  # an operation that is called by its sign
        text = text.replace(f"{primitive.symbol}(", f"{primitive.name}(")
    for sign, meaning in BACK:
        text = re.sub(sign, meaning, text)
    return float(eval(text, {primitive.name: primitive, **FUNCTIONS}, names))


WRITTEN_OUT = [
    p for p in PRIMITIVES.values() if p.arity != 0 and p.name not in ("fsum", "logsumexp")
]


@pytest.mark.parametrize("primitive", WRITTEN_OUT, ids=str)
@given(data=st.data())
def test_what_formulas_say_is_true(primitive: Primitive, data: st.DataObject) -> None:
    point = data.draw(points(primitive))
    assume(not primitive.is_corner(*point))
    y, slopes = primitive.linearize(point, varying(primitive))
    assume(all(map(math.isfinite, (y, *slopes))) and all(abs(x) < 1e100 for x in (y, *slopes)))
    names = dict(zip(NAMES, point, strict=False))
    operands = [Operand(number, name) for name, number in names.items()]
    text = notation.value(primitive, list(names))
    assert evaluated(text, names, primitive) == pytest.approx(y, rel=1e-9, abs=1e-12)
    for slot, slope in enumerate(slopes):
        if slot in primitive.index_slots:
            continue
        text = notation.derivative(primitive, Operand(y, "y"), operands, slot)
        expected = pytest.approx(slope, rel=1e-6, abs=1e-9)
        assert evaluated(text, {**names, "y": y}, primitive) == expected, text


@pytest.mark.parametrize(
    ("name", "point", "texts"),
    [
        ("multiply", (2.0, 3.0), ["b", "a"]),
        ("sigmoid", (0.5,), ["σ(1 - σ)"]),
        ("exp", (0.5,), ["eˣ"]),
        ("tanh", (0.5,), ["1 - tanh²"]),
        ("sqrt", (4.0,), ["1 / (2 · √a)"]),
        ("relu", (-1.0,), ["0"]),
        ("relu", (1.0,), ["1"]),
        ("abs", (-1.0,), ["-1"]),
        ("abs", (0.0,), ["0"]),
        ("maximum", (1.0, 1.0), ["0.5", "0.5"]),
        ("maximum", (1.0, 2.0), ["0", "1"]),
        ("power", (2.0, 3.0), ["b · a^(b - 1)", "y · ln(a)"]),
        ("power", (0.0, 0.0), ["0", "nan"]),
        ("divide", (1.0, 2.0), ["1 / b", "-y / b"]),
        ("erf", (1.0,), ["2 / √(π) · exp(-a²)"]),
        ("logsumexp", (1.0, 2.0), ["softmax₀", "softmax₁"]),
        ("dot", (1.0, 2.0, 3.0, 4.0, 5.0), ["a₂", "a₃", "a₀", "a₁", "1"]),
        ("dot", (1.0, 2.0, 3.0, 4.0), ["a₂", "a₃", "a₀", "a₁"]),
    ],
)
def test_derivatives_read_as_in_a_textbook(
    name: str, point: tuple[float, ...], texts: list[str]
) -> None:
    primitive = PRIMITIVES[name]
    y = Operand(primitive(*point)) if name != "power" or point[0] else Operand(1.0)
    operands = [Operand(number) for number in point]
    found = [notation.derivative(primitive, y, operands, i) for i in range(len(point))]
    assert found == texts


def test_operations_in_names_and_in_numbers() -> None:
    x, y = Value(-2.0, "x"), Value(5.0, "y")
    q = maximum(x * y, y)
    graph = Graph(q)
    assert [graph.formula(node) for node in graph.nodes] == ["", "", "x · y", "max(n2, y)"]
    assert graph.formula(q, ".4g") == "max(-10, 5)"
    assert graph.formula(q.parents[0], ".4g") == "(-2) · 5"


@pytest.mark.parametrize(
    ("count", "bias", "in_names", "in_numbers", "sign"),
    [
        (1, None, "w0 · x0", "1 · (-1)", "w·x"),
        (2, None, "w0 · x0 + w1 · x1", "1 · (-1) + 2 · (-2)", "w·x"),
        (
            3,
            4.0,
            "w0 · x0 + w1 · x1 + w2 · x2 + b",
            "1 · (-1) + 2 · (-2) + 3 · (-3) + 4",
            "w·x + b",
        ),
        (9, None, "w0 · x0 + … + w8 · x8", "1 · (-1) + … + 9 · (-9)", "w·x"),
        (9, 4.0, "w0 · x0 + … + w8 · x8 + b", "1 · (-1) + … + 9 · (-9) + 4", "w·x + b"),
    ],
)
def test_a_dot_product_is_never_written_as_a_sum_of_its_operands(
    count: int, bias: float | None, in_names: str, in_numbers: str, sign: str
) -> None:
    weights = [Value(i + 1.0, f"w{i}") for i in range(count)]
    inputs = [Value(-i - 1.0, f"x{i}") for i in range(count)]
    y = dot(weights, inputs, None if bias is None else Value(bias, "b"))
    graph = Graph(y)
    assert graph.formula(y) == in_names
    assert graph.formula(y, ".4g") == in_numbers
    assert graph.symbol(y) == sign
    assert len(graph.leaves) == len(graph.nodes) - 1 == 2 * count + (bias is not None)


def test_letters_are_not_taken_for_names() -> None:
    a, b = Value(2.0, "a"), Value(3.0, "b")
    f = (a + b) * a
    graph = Graph(f)
    assert [graph.formula(node) for node in graph.nodes[2:]] == ["a + b", "n2 · a"]
    assert [graph.local_formula(edge) for edge in graph.edges] == ["1", "1", "a", "n2"]
    y = Value(0.5, "y")
    slope = Graph(((y + 1) ** 3.0).log())
    assert slope.formula(slope.outputs[0]) == "ln(n4)"


def test_leaves_of_one_name_are_not_one_leaf() -> None:
    f = Value(2.0, "w") * Value(3.0, "w")
    assert Graph(f).formula(f) == "w · w"


def test_constants_are_their_numbers() -> None:
    z = Value(2.0, "z")
    y = (z * -2.5) ** 3
    graph = Graph(y)
    assert graph.formula(y) == "a³"
    assert graph.formula(y.parents[0]) == "z · (-2.5)"
    assert graph.local_formula(graph.edges[-2]) == "3 · a^(3 - 1)"


def test_a_gate_is_called_by_its_symbol() -> None:
    @gate("f")
    def f(a: Value, b: Value) -> Value:
        return a * b + 1

    x, y = Value(2.0, "x"), Value(3.0)
    z = f(x, y)
    graph = Graph(z)
    assert graph.formula(z) == "f(x, b)"
    assert graph.formula(z, ".3g") == "f(2, 3)"
    assert [graph.local_formula(edge) for edge in graph.edges] == ["∂f/∂x", "∂f/∂b"]
    assert graph.open().formula(z) == "a + 1"


def test_names_of_several_words_are_set_apart() -> None:
    a, b = Value(2.0, "logit of 3"), Value(3.0, "b")
    y = a * b
    assert Graph(y).formula(y) == "(logit of 3) · b"
    assert Graph(y).local_formula(Graph(y).edges[1]) == "logit of 3"


def test_every_operation_has_a_formula_at_every_corner() -> None:
    for primitive in WRITTEN_OUT:
        for number in (0.0, 1.0):
            point = [number] * (primitive.arity or 5)
            try:
                y = primitive(*point)
            except (ValueError, ZeroDivisionError):
                continue
            for slot in range(len(point)):
                operands = [Operand(number) for number in point]
                assert notation.derivative(primitive, Operand(y), operands, slot)
    assert notation.value(primitives.minimum, ["", ""]) == "min(a, b)"
