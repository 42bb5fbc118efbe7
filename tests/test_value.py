"""Value: recording, backward, and what it refuses."""

from __future__ import annotations

import ast
import gc
import inspect
import math
import threading
import weakref
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autodiff as ad
from autodiff import Value, functions, primitives, scope
from autodiff.primitives import PRIMITIVES
from conftest import DEEP

floats = st.floats(-1e100, 1e100)


def gradients(root: Value, *leaves: Value) -> list[Any]:
    root.backward()
    return [leaf.grad for leaf in leaves]


OPERATORS: list[tuple[str, Callable[[Any, Any], Any]]] = [
    ("add", lambda a, b: a + b),
    ("subtract", lambda a, b: a - b),
    ("multiply", lambda a, b: a * b),
    ("divide", lambda a, b: a / b),
    ("power", lambda a, b: a**b),
    ("less", lambda a, b: a < b),
    ("less_equal", lambda a, b: a <= b),
    ("greater", lambda a, b: a > b),
    ("greater_equal", lambda a, b: a >= b),
]


@pytest.mark.parametrize(("name", "apply"), OPERATORS)
@pytest.mark.parametrize(
    ("left", "right"),
    [(Value(3.0), Value(2.0)), (Value(3.0), 2.0), (3.0, Value(2.0)), (np.float64(3), Value(2.0))],
    ids=["both", "left", "right", "numpy"],
)
def test_operators_record_the_table(
    name: str, apply: Callable[[Any, Any], Any], left: Any, right: Any
) -> None:
    result = apply(left, right)
    assert isinstance(result, Value)
    assert result.data == PRIMITIVES[name].evaluate([3.0, 2.0])
    mirrored = {"less": "greater", "greater": "less", "less_equal": "greater_equal",
                "greater_equal": "less_equal"}  # fmt: skip
    if isinstance(left, Value | np.floating) or name not in mirrored:
        assert result.op is PRIMITIVES[name]
        assert [parent.data for parent in result.parents] == [3.0, 2.0]
    else:  # Python itself turns 3 < v round into v > 3
        assert result.op is PRIMITIVES[mirrored[name]]


@given(a=floats, b=floats)
def test_the_written_out_operators_equal_the_table(a: float, b: float) -> None:
    for result, primitive in (
        (Value(a) + Value(b), primitives.add),
        (Value(a) * Value(b), primitives.multiply),
    ):
        assert (result.data, result.local_derivatives) == primitive.linearize([a, b], [True, True])


def test_negation_and_absolute_value() -> None:
    x = Value(-3.0)
    assert (-x).data == 3.0
    assert abs(x).data == 3.0
    assert +x is x
    assert gradients(abs(x) * 2, x) == [-2.0]


@pytest.mark.parametrize("name", functions.__all__)
def test_functions_work_on_numbers_and_values(name: str) -> None:
    function = getattr(ad, name)
    if name == "dot":
        plain, recorded = function([2.0], [3.0], 1.0), function([Value(2.0)], [3.0], 1.0)
    elif name in ("logsumexp", "fsum"):
        plain, recorded = function([2.0, 3.0]), function([Value(2.0), 3.0])
    elif name == "where":
        plain, recorded = function(True, 2.0, 0.5), function(True, Value(2.0), 0.5)
    elif PRIMITIVES[name].arity == 2:
        plain, recorded = function(2.0, 0.5), function(Value(2.0), 0.5)
    else:
        at = 1.5 if name == "acosh" else 0.5
        plain, recorded = function(at), function(Value(at))
    assert type(plain) is float
    assert isinstance(recorded, Value)
    assert recorded.data == plain
    assert recorded.op is PRIMITIVES[name]


METHODS = [p for p in PRIMITIVES.values() if p.arity and 0 not in p.index_slots]


@pytest.mark.parametrize("primitive", METHODS, ids=str)
def test_every_operation_is_a_method_too(primitive: primitives.Primitive) -> None:
    assert primitive.arity
    first = 1.5 if primitive.name == "acosh" else 0.5
    operands = [Value(first), Value(0.25), Value(2.0)][: primitive.arity]
    method = getattr(operands[0], primitive.name)(*operands[1:])
    assert method.op is primitive
    assert method.data == primitive(*operands).data


def test_editors_are_told_of_every_method_of_our_functions() -> None:
    """The list in the class body is for them alone; the methods come from the table."""
    body = ast.parse(inspect.getsource(Value)).body[0]
    assert isinstance(body, ast.ClassDef)
    (for_editors,) = [part for part in body.body if isinstance(part, ast.If)]
    told = {method.name for method in for_editors.body if isinstance(method, ast.FunctionDef)}
    ours = {name for name in functions.__all__ if PRIMITIVES[name] in METHODS}
    assert ours <= told, f"add {sorted(ours - told)} to the methods declared in autodiff/value.py"
    assert told <= {primitive.name for primitive in METHODS}


# ------------------------------------------------------------------------------------- backward


def test_leaves_accumulate_and_intermediates_start_afresh() -> None:
    x = Value(3.0)
    square = x * x
    y = square + x
    y.backward()
    assert (x.grad, square.grad, y.grad) == (7.0, 1.0, 1.0)
    y.backward()
    assert (x.grad, square.grad, y.grad) == (14.0, 1.0, 1.0)
    (square * 2).backward()
    assert (x.grad, square.grad) == (26.0, 2.0)


def test_an_operand_used_twice_has_two_slots() -> None:
    a = Value(3.0)
    square = a * a
    assert square.parents == (a, a)
    assert gradients(square, a) == [6.0]


def test_backward_of_a_leaf_is_one() -> None:
    x = Value(3.0)
    assert gradients(x, x) == [1.0]


def test_backward_on_a_constant_says_what_is_missing() -> None:
    constant = (Value(1.0) + 2.0).parents[1]
    with pytest.raises(ValueError, match=r"at least one Value\(...\) leaf.*constant 2.0"):
        constant.backward()


def test_gradients_are_floats() -> None:
    x, y = Value(1), Value(2)
    (x + y).backward()
    assert (type(x.grad), type(y.grad)) == (float, float)


def test_backward_uses_the_derivatives_recorded_with_the_values() -> None:
    x = Value(3.0)
    y = x * x
    x.data = 100.0
    y.backward()
    assert (y.data, x.grad) == (9.0, 6.0)


def test_a_deep_chain() -> None:
    x = Value(1.0)
    y = x
    for _ in range(DEEP // 2):
        y = y * 1.000001 + 0.0
    assert gradients(y, x) == [pytest.approx(1.000001 ** (DEEP // 2), rel=1e-9)]


def test_a_long_chain_is_freed() -> None:
    x = Value(1.0)
    y = x
    for _ in range(DEEP):
        y = -y
    witness = weakref.ref(y.parents[0])
    del y
    gc.collect()
    assert witness() is None


def test_exponentially_many_paths_take_linear_work() -> None:
    x = Value(1.0)
    y = x
    for _ in range(100):
        y = y + y
    assert gradients(y, x) == [2.0**100]


def test_threads_do_not_disturb_each_other() -> None:
    results: dict[int, list[float]] = {}

    def work(number: int) -> None:
        x = Value(float(number))
        with scope(f"thread{number}"):
            y = x
            for _ in range(2_000):
                y = y + x
        assert y.scope == f"thread{number}"
        results[number] = gradients(y * y, x)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {i: [2.0 * 2001 * 2001 * i] for i in range(1, 5)}


# -------------------------------------------------------------------------------------- numbers


def test_exact_derivatives_over_fractions() -> None:
    a, b = Value(Fraction(1, 3)), Value(Fraction(-2, 5))
    y = (a * a + 2 * b) / (1 - b) - a**3
    assert y.data == (Fraction(1, 9) - Fraction(4, 5)) / Fraction(7, 5) - Fraction(1, 27)
    # ∂y/∂a = 2a/(1-b) - 3a²;  ∂y/∂b = 2/(1-b) + (a²+2b)/(1-b)²
    da = Fraction(2, 3) / Fraction(7, 5) - Fraction(1, 3)
    db = 2 / Fraction(7, 5) + (Fraction(1, 9) - Fraction(4, 5)) / Fraction(7, 5) ** 2
    assert gradients(y, a, b) == [da, db]
    assert all(isinstance(value.grad, Fraction) for value in (a, b, y))


def test_decimal_and_multiprecision_leaves() -> None:
    d = Value(Decimal("1.1"))
    assert gradients(d * d * 3, d) == [Decimal("6.6")]
    with mpmath.workdps(40):
        m = Value(mpmath.mpf(2))
        assert gradients(m.log(), m) == [mpmath.mpf(1) / 2]


@pytest.mark.parametrize(
    "number", [2, True, np.float32(2.5), np.int8(3), np.bool_(True), np.float64(1.5)]
)
def test_plain_numbers_become_floats(number: Any) -> None:
    assert type(Value(number).data) is float


@pytest.mark.parametrize(
    ("thing", "hint"),
    [
        ("1.5", "the string '1.5'"),
        (1j, "complex"),
        (None, "NoneType"),
        ([1.0, 2.0], r"autodiff\.array"),
        (np.zeros((2, 3)), r"shape \(2, 3\)"),
        (np.array(2.0), r"shape \(\)"),
        (Value(1.0), "use it as it is"),
    ],
)
def test_what_is_not_a_number_is_refused(thing: Any, hint: str) -> None:
    with pytest.raises(TypeError, match=hint):
        Value(thing)


@pytest.mark.parametrize("thing", ["1.5", 1j, None, [1.0]])
def test_operands_are_checked_too(thing: Any) -> None:
    x = Value(1.0)
    with pytest.raises(TypeError, match="expected a real number"):
        x + thing
    with pytest.raises(TypeError, match="expected a real number"):
        thing * x


@pytest.mark.parametrize("convert", [float, int, complex, math.exp, lambda v: np.array([v], float)])
def test_numbers_do_not_leave_silently(convert: Callable[[Value], Any]) -> None:
    with pytest.raises(TypeError, match=r"\.data or \.item\(\)"):
        convert(Value(1.0))


def test_numbers_leave_openly() -> None:
    x = Value(1.25, name="x")
    assert x.item() == x.data == 1.25
    assert f"{x:.1f}" == "1.2"
    assert str(x) == "Value(1.25, name='x', grad=0.0)"


def test_data_can_be_set_on_leaves_only() -> None:
    x = Value(1.0)
    x.data = 2
    assert type(x.data) is float
    with pytest.raises(TypeError, match="the string"):
        x.data = "3"
    with pytest.raises(AttributeError, match="computed by multiply"):
        (x * x).data = 3.0
    with pytest.raises(AttributeError):
        x.colour = "red"  # type: ignore[attr-defined]


def test_undefined_derivatives_stay_in_their_carrier() -> None:
    a, b = Value(Decimal(-2)), Value(Decimal(3))
    (a**b + a).backward()
    assert a.grad == 13
    assert b.grad.is_nan()


def test_a_value_is_not_subclassed() -> None:
    with pytest.raises(TypeError, match="not made for subclassing"):
        type("Special", (Value,), {})


def test_a_name_is_a_string() -> None:
    with pytest.raises(TypeError, match="name must be a string"):
        Value(1.0, name=3)  # type: ignore[arg-type]


def test_arrays_of_values_work_element_by_element() -> None:
    x = Value(2.0)
    array = np.array([1.0, 3.0])
    for product in (x * array, array * x):
        assert [value.data for value in product] == [2.0, 6.0]
    weights = np.array([[Value(1.0), Value(2.0)]])
    assert (weights @ array)[0].data == 7.0
    assert [value.data for value in np.exp(np.array([Value(0.0)]))] == [1.0]
    assert [np.square(x).data, np.reciprocal(x).data] == [4.0, 0.5]
    assert [value.data for value in np.square(np.array([x]))] == [4.0]


# ---------------------------------------------------------------------------------- comparisons


def test_comparisons_are_by_value_and_recorded() -> None:
    x, y = Value(1.0), Value(2.0)
    less = x < y
    assert isinstance(less, Value)
    assert (less.data, bool(less), bool(x > y)) == (1.0, True, False)
    assert max(x, y) is y
    assert sorted([y, x]) == [x, y]


def test_equality_and_hash_are_identity() -> None:
    x, same = Value(1.0), Value(1.0)
    assert x != same
    assert len({x, same, x}) == 2


# ------------------------------------------------------------------------------- failures, scopes


def test_a_failure_says_where_it_happened() -> None:
    x = Value(-2.0, name="x")
    with scope("layer1"), scope("neuron3"), pytest.raises(ValueError, match="math") as failure:
        x.log()
    (note,) = failure.value.__notes__
    assert note == ("in log(x = -2.0); log(a) is defined for a > 0; in scope 'layer1/neuron3'")


@pytest.mark.parametrize(
    ("compute", "error"),
    [
        (lambda x: x / 0, ZeroDivisionError),
        (lambda x: (x * 1e300) * (x * 1e300), OverflowError),
        (lambda x: x * 1e308 + x * 1e308, OverflowError),
        (lambda x: (x * 1000).exp(), OverflowError),
        (lambda x: (-x) ** 0.5, ValueError),
        (lambda x: Value(Fraction(1, 2)).exp(), TypeError),
    ],
)
def test_every_failure_carries_a_note(
    compute: Callable[[Value], Value], error: type[Exception]
) -> None:
    with pytest.raises(error) as failure:
        compute(Value(2.0, name="x"))
    assert failure.value.__notes__[0].startswith("in ")


def test_scopes_nest_and_end() -> None:
    with scope("a"):
        with scope("b"):
            inner = Value(1.0) * 2
        outer = Value(1.0)
    assert (inner.scope, outer.scope, Value(1.0).scope) == ("a/b", "a", "")
    with pytest.raises(TypeError, match="a non-empty string"), scope(""):
        pass


def test_dot_and_logsumexp_are_one_gate_and_check_their_operands() -> None:
    weights, inputs, bias = [Value(2.0), Value(-3.0)], [Value(-1.0), Value(-2.0)], Value(-3.0)
    s = ad.dot(weights, inputs, bias)
    assert s.parents == (*weights, *inputs, bias)
    assert gradients(s, *s.parents) == [-1.0, -2.0, 2.0, -3.0, 1.0]
    with pytest.raises(ValueError, match="2 weights and 1 inputs"):
        ad.dot(weights, inputs[:1])
    with pytest.raises(ValueError, match="at least one"):
        ad.logsumexp([])


def test_a_gradient_of_none_is_one() -> None:
    x = Value(3.0)
    (x * x).backward(None)
    assert x.grad == 6.0
