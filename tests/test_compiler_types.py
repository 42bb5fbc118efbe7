"""Every array of a program has the program's type, and every literal is a float."""

from __future__ import annotations

import ast
import contextlib
import math
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from autodiff import (
    Value,
    abs,
    atan2,
    compile,
    copysign,
    cos,
    fsum,
    grad,
    logsumexp,
    maximum,
    relu,
    where,
)  # fmt: skip
from autodiff.primitives import PRIMITIVES, Primitive
from autodiff.testing import Example, expressions_at_points
from conftest import ON_JAX

Trace = Callable[[FrameType, str, Any], Any]


def types_made(call: Callable[[], Any]) -> dict[str, set[np.dtype[Any]]]:
    """The types of all arrays that generated code gives a name, by name."""
    found: dict[str, set[np.dtype[Any]]] = {}

    def trace(frame: FrameType, event: str, argument: Any) -> Trace | None:
        if (frame.f_code.co_filename, frame.f_code.co_name) != ("<compiled>", "run"):
            return None
        for name, local in frame.f_locals.items():
            if isinstance(local, np.ndarray | np.generic):
                found.setdefault(name, set()).add(local.dtype)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return found


def check_types(f: Any, dtype: str, *arguments: Any, count: int = 1) -> None:
    made = types_made(lambda: f(*arguments))
    if count == 1:
        made |= types_made(lambda: f.value_and_grad(*arguments, argnums=range(len(arguments))))
    assert made
    assert {name: types for name, types in made.items() if types != {np.dtype(dtype)}} == {}
    assert [ast.unparse(part) for part in integers_that_become_results(f.source)] == []


def integers_that_become_results(source: str) -> list[ast.AST]:
    """Choices between ints and functions of ints alone; beside a float an int is a float."""

    def is_int(node: ast.AST) -> bool:
        return isinstance(node, ast.Constant) and type(node.value) is int

    def decides(node: ast.AST) -> bool:
        match node:
            case ast.Call(func=ast.Name(id=name), args=args):
                return name not in SHAPES and any(map(is_int, args))
            case ast.BinOp(left=left, right=right):
                return is_int(left) and is_int(right)
            case _:
                return False

    return [node for node in ast.walk(ast.parse(source)) if decides(node)]


SHAPES = {"zeros", "ones", "empty", "broadcast_to"}
ELEMENTWISE = [p for p in PRIMITIVES.values() if p.name not in ("constant", "identity")]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("primitive", ELEMENTWISE, ids=str)
def test_every_operation(primitive: Primitive, dtype: str) -> None:
    def f(x: Any, y: Any, z: Any) -> Any:
        return primitive(*[x, y, z][: primitive.arity or 3])

    x, y, z = np.array([0.25, 0.5, 0.75]), np.array([0.5, 0.25, 0.75]), np.array([0.3, 0.4, 0.5])
    if primitive.name == "acosh":
        x = x + 1
    if 0 in primitive.index_slots:
        x = np.array([0.0, 1.0, 2.0])
    check_types(compile(f, batched=("x", "y", "z"), dtype=dtype, target="numpy"), dtype, x, y, z)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "function",
    [
        lambda x: where(x > 0, 1000, 2000) ** 7,
        lambda x: where(x > 0, 1.0, 2.0),
        lambda x: where(x > 0, 2.0, 3.0) * abs(x),
        lambda x: maximum(x, 1) * maximum(2, x),
        lambda x: grad(lambda a: abs(a) * maximum(a, 1) ** 3)(x),
        lambda x: grad(relu)(x) + 1,
        lambda x: fsum([x, 1, x]) + logsumexp([x, 2, 3]),
        lambda x: (x > 1) * (x < 3) + (x > 1),
    ],
)
def test_choices_and_constants(function: Any, dtype: str) -> None:
    check_types(
        compile(function, batched="x", dtype=dtype, target="numpy"),
        dtype,
        np.array([-1.0, 0.5, 2.0]),
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(expressions_at_points(max_steps=8))
def test_random_programs(dtype: str, example: Example) -> None:
    f = compile(lambda x: example.expression(x), dtype=dtype, target="numpy")
    check_types(f, dtype, np.array(example.point))


@pytest.mark.parametrize(
    ("function", "at", "expected"),
    [
        (lambda x: where(x > 0, 1000.0, 2000.0) ** 7, [-1.0, 1.0], [1.28e23, 1e21]),
        (lambda x: x * where(x > 0, 2.0, 3.0) ** -12, [-1.0, 1.0], [-(3.0**-12), 2.0**-12]),
        (lambda x: where(x > 0, 1, 2) * 2**62 * 4, [-1.0, 1.0], [2.0**65, 2.0**64]),
    ],
)
def test_constants_do_not_overflow_as_integers_do(function: Any, at: Any, expected: Any) -> None:
    assert compile(function, batched="x")(at).tolist() == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("target", ["numpy", "python", "native", ON_JAX])
def test_a_sum_of_choices(target: str) -> None:
    f = compile(lambda v: sum(where(a > 1.5, 20000, 10000) ** 5 for a in v), target=target)
    above = np.linspace(0, 3, 200) > 1.5
    assert f(np.linspace(0, 3, 200)) == pytest.approx(above.sum() * 32e20 + (~above).sum() * 1e20)


def test_results_can_be_changed_in_place() -> None:
    result = compile(lambda x: where(x > 0, 1, 2), batched="x")(np.array([-1.0, 1.0]))
    result /= 2
    assert result.tolist() == [1.0, 0.5]


@pytest.mark.parametrize("target", ["numpy", "python", "native"])  # XLA reads x + 0.0 as x
@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize(
    "function",
    [
        lambda x: atan2(x + -0.0, -1.0),
        lambda x: atan2(-0.0 + x, -1.0),
        lambda x: atan2(x + 0.0, -1.0),
        lambda x: atan2(0 + x, -1.0),
        lambda x: atan2(x - 0.0, -1.0),
        lambda x: atan2(x - -0.0, -1.0),
        lambda x: atan2(x * -0.0 + x, -1.0),
        lambda x: atan2(-relu(x - 1), -1.0),
    ],
)
def test_zeros_keep_their_signs(function: Any, zero: float, target: str) -> None:
    assert compile(function, target=target)(zero) == function(Value(zero)).data
    assert math.isfinite(compile(function, target=target)(zero))


@pytest.mark.parametrize("target", ["numpy", "python", "native"])
@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_functions_keep_the_signs_of_zeros(target: Any, zero: float, dtype: Any) -> None:
    """But for NumPy's maximum, which leaves open which of two zeros is the larger."""
    names = []
    for primitive in PRIMITIVES.values():
        if primitive.arity == 1 and not (target == "numpy" and primitive.name == "relu"):
            with contextlib.suppress(ValueError, ZeroDivisionError):
                primitive(zero)
                names.append(primitive.name)

    def signs(x: Any) -> Any:
        return [copysign(1.0, PRIMITIVES[name](x)) for name in names]

    found = compile(signs, target=target, dtype=dtype)(zero)
    assert dict(zip(names, found, strict=True)) == {
        name: math.copysign(1, PRIMITIVES[name](zero)) for name in names
    }
    slopes = compile(grad(cos), target=target, dtype=dtype)(zero)
    assert math.copysign(1, slopes) == math.copysign(1, grad(cos)(zero))
