"""Scopes and no_grad: with statements and decorators, generators, threads, tasks; setters."""

from __future__ import annotations

import asyncio
import builtins
import contextvars
import gc
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest

import viz
from autodiff import (
    Graph,
    Value,
    compile,
    exp,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    scope,
    value_and_grad,
    vjp,
)
from autodiff.recording import recording_now


def now() -> tuple[Any, ...]:
    """The state, as a new Value and an operation see it."""
    x = Value(2.0)
    assert x.scope == (x * x).scope == exp(x).scope == recording_now()[0]
    assert bool((x * x).parents) == bool(exp(x).parents) == bool(recording_now()[1])
    return x.scope, bool((x * x).parents)


# ---------------------------------------------------------------------------------- decorators


@scope("imported")
def leaky_by_deciding(x: Any) -> Any:
    return x if x > 0 else 0.1 * x


@no_grad()
def constant_square(x: Any) -> Any:
    return x * x


@scope("imported")
def state_inside() -> tuple[Any, ...]:
    return now()


def test_a_decorated_function_takes_the_state_of_its_calls() -> None:
    assert state_inside() == ("imported", True)
    with scope("outer"), no_grad():
        assert state_inside() == ("outer/imported", False)
    assert state_inside() == ("imported", True)
    assert now() == ("", True)


def test_a_decorated_function_is_guarded_against_deciding_while_it_is_compiled() -> None:
    assert leaky_by_deciding(-2.0) == -0.2
    with pytest.raises(TypeError, match="decides by a traced value"):
        compile(leaky_by_deciding)(1.0)


def test_no_grad_as_a_decorator_holds_at_each_call_and_is_refused_while_compiling() -> None:
    assert constant_square(Value(3.0)).parents == ()
    with scope("outer"):
        assert constant_square(Value(3.0)).scope == "outer"
    with pytest.raises(TypeError, match="leave it out"):
        compile(constant_square)(1.0)
    assert now() == ("", True)


def test_no_grad_that_was_made_outside_is_refused_inside_a_compiled_function() -> None:
    region = no_grad()

    def f(x: Any) -> Any:
        with region:
            return x * x

    with pytest.raises(TypeError, match="no meaning inside a compiled function"):
        compile(f)(1.0)


def test_a_scope_made_under_no_grad_does_not_carry_it() -> None:
    with no_grad(), scope("there"):
        region = scope("later")
    with region:
        assert now() == ("later", True)


def test_transforms_see_through_decorated_functions() -> None:
    @scope("layer")
    def cube(x: Any) -> Any:
        return x**3

    assert grad(grad(cube))(2.0) == compile(grad(grad(cube)))(2.0) == 12.0
    assert grad(constant_square)(3.0) == 0.0


def test_regions_serve_again_and_within_themselves() -> None:
    region = scope("a")
    with region, region:
        assert now() == ("a/a", True)
        with region:
            assert now() == ("a/a/a", True)
        assert now() == ("a/a", True)
    with pytest.raises(KeyError), region:
        raise KeyError
    assert now() == ("", True)

    @region
    def factorial(n: int) -> Value:
        return Value(1.0) if n == 0 else n * factorial(n - 1)

    assert factorial(2).scope == "a"


def test_decorated_functions_keep_their_names_and_documentation() -> None:
    assert state_inside.__name__ == "state_inside"
    assert repr(scope("a")) == "scope('a')"
    assert repr(no_grad()) == "no_grad()"


@pytest.mark.parametrize("decorated", [3, None, Value])
def test_only_functions_are_decorated(decorated: Any) -> None:
    with pytest.raises(TypeError, match=r"@scope\('a'\) decorates a function, got"):
        scope("a")(decorated)


# ---------------------------------------------------------------------------------- generators


def suspended_in(region: Any, seen: list[Any], count: int = 2) -> Iterator[int]:
    with region:
        for i in range(count):
            seen.append(now())
            yield i
        seen.append(now())


def decorated_generator(region: Any, seen: list[Any], count: int = 2) -> Iterator[int]:
    @region
    def items() -> Iterator[int]:
        for i in range(count):
            seen.append(now())
            yield i
        seen.append(now())

    return items()


def delegating(region: Any, seen: list[Any], count: int = 2) -> Iterator[int]:
    yield from suspended_in(region, seen, count)


def by_a_context_manager(region: Any, seen: list[Any], count: int = 2) -> Iterator[int]:
    @contextmanager
    def manager() -> Iterator[None]:
        with region:
            yield

    with manager():
        for i in range(count):
            seen.append(now())
            yield i
        seen.append(now())


def by_a_stack(region: Any, seen: list[Any], count: int = 2) -> Iterator[int]:
    with ExitStack() as stack:
        stack.enter_context(region)
        for i in range(count):
            seen.append(now())
            yield i
        seen.append(now())


GENERATORS = [suspended_in, decorated_generator, delegating, by_a_context_manager, by_a_stack]


@pytest.mark.parametrize("generator", GENERATORS)
def test_a_suspended_generator_does_not_change_its_caller(generator: Callable[..., Any]) -> None:
    seen: list[Any] = []
    for _ in generator(no_grad(), seen):
        assert now() == ("", True)
        with scope("body"):
            assert now() == ("body", True)
    assert seen == [("", False)] * 3
    assert now() == ("", True)


@pytest.mark.parametrize("generator", GENERATORS)
def test_generators_that_take_turns_keep_their_own_states(generator: Callable[..., Any]) -> None:
    seen: list[Any] = []
    others: list[Any] = []
    with scope("outer"):
        pairs = zip(generator(scope("a"), seen, 2), generator(no_grad(), others, 3), strict=False)
        for _ in pairs:
            assert now() == ("outer", True)
        assert now() == ("outer", True)
    assert seen == [("outer/a", True)] * 3
    assert others == [("outer", False)] * 2
    del pairs
    gc.collect()
    assert now() == ("", True)


@pytest.mark.parametrize("generator", GENERATORS)
def test_a_chain_of_generators(generator: Callable[..., Any]) -> None:
    seen: list[Any] = []

    def doubled(items: Iterator[int]) -> Iterator[int]:
        with scope("doubled"):
            for item in items:
                assert now() == ("doubled", True)
                yield 2 * item

    for _ in doubled(generator(scope("source"), seen)):
        assert now() == ("", True)
    assert seen == [("doubled/source", True)] * 3
    assert now() == ("", True)


@pytest.mark.parametrize("generator", GENERATORS)
def test_an_abandoned_generator_leaves_nothing(generator: Callable[..., Any]) -> None:
    for _ in generator(no_grad(), []):
        break
    gc.collect()
    assert now() == ("", True)
    items = generator(scope("a"), [])
    next(items)
    items.close()
    assert now() == ("", True)


@pytest.mark.parametrize("generator", GENERATORS)
def test_a_generator_that_outlives_the_region_it_began_in(generator: Callable[..., Any]) -> None:
    seen: list[Any] = []
    with scope("outer"):
        items = generator(scope("a"), seen)
        next(items)
        assert now() == ("outer", True)
    assert now() == ("", True)
    assert list(items) == [1]
    assert seen == [("outer/a", True)] * 3
    assert now() == ("", True)


@pytest.mark.parametrize("generator", GENERATORS)
def test_what_is_open_is_refused(generator: Callable[..., Any]) -> None:
    items = generator(no_grad(), [])
    next(items)
    with scope("other"):
        assert now() == ("other", True)
        with pytest.raises(RuntimeError, match=r"goes on inside scope\('other'\).*a list of all"):
            next(items)
        assert now() == ("other", True)
    assert now() == ("", True)


def test_regions_between_two_yields_are_as_in_a_function() -> None:
    def layers(x: Value) -> Iterator[Value]:
        for i in range(3):
            with scope(f"layer{i}"):
                x = x * x
            yield x

    assert [(v.scope, now()) for v in layers(Value(1.1))] == [
        (f"layer{i}", ("", True)) for i in range(3)
    ]


def test_a_context_manager_made_of_a_generator_holds_for_its_user() -> None:
    @contextmanager
    def layer(name: str) -> Iterator[None]:
        with scope(name), no_grad():
            yield

    with layer("a"), layer("b"):
        assert now() == ("a/b", False)
    assert now() == ("", True)

    @contextmanager
    @scope("c")
    def decorated() -> Iterator[None]:
        yield

    with decorated():
        assert now() == ("c", True)
    assert now() == ("", True)


@pytest.fixture
def without_gradients() -> Iterator[None]:
    with no_grad():
        yield


@pytest.mark.usefixtures("without_gradients")
def test_a_fixture_of_pytest_holds_for_its_test() -> None:
    assert now() == ("", False)


def test_a_generator_returns_sends_and_throws_through_its_decoration() -> None:
    @scope("a")
    def echo() -> Iterator[Any]:
        try:
            received = yield "ready"
        except KeyError:
            received = "thrown"
        yield received
        return "end"

    items: Any = echo()
    assert (next(items), items.send("sent")) == ("ready", "sent")
    with pytest.raises(StopIteration, match="end"):
        next(items)
    items = echo()
    next(items)
    assert items.throw(KeyError) == "thrown"


# ----------------------------------------------------------------------------- threads and tasks


def test_threads_share_a_region_without_disturbing_each_other() -> None:
    region, barrier, seen = scope("shared"), threading.Barrier(4, timeout=10), []

    def work(depth: int) -> None:
        with ExitStack() as stack:
            for _ in range(depth):
                stack.enter_context(region)
            barrier.wait()
            seen.append(now() == ("/".join(["shared"] * depth), True))
            barrier.wait()
        seen.append(now() == ("", True))

    threads = [threading.Thread(target=work, args=(depth,)) for depth in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 8


def test_tasks_and_coroutine_functions() -> None:
    @scope("task")
    async def work(depth: int) -> list[Any]:
        seen = []
        with scope(str(depth)):
            for _ in range(3):
                seen.append(now())
                await asyncio.sleep(0)
        return seen

    async def main() -> list[Any]:
        with no_grad():
            inside = await asyncio.gather(*(work(i) for i in range(3)))
        assert now() == ("", True)
        return inside

    assert asyncio.run(main()) == [[(f"task/{i}", False)] * 3 for i in range(3)]


def test_async_generators_are_refused() -> None:
    async def items() -> AsyncIterator[int]:
        with scope("a"):
            yield 1

    async def main() -> None:
        async for _ in items():
            pass

    with pytest.raises(TypeError, match="put it around a function that computes one item"):
        asyncio.run(main())
    with pytest.raises(TypeError, match="put it around a function that computes one item"):
        no_grad()(items)
    assert now() == ("", True)


def test_a_region_is_left_where_it_was_entered() -> None:
    region = scope("a")
    contextvars.copy_context().run(region.__enter__)
    with pytest.raises(RuntimeError, match="leave it where it was entered"):
        region.__exit__(None, None, None)
    assert now() == ("", True)


# ------------------------------------------------------------------------------------- setters


class Line(NamedTuple):
    """A line that is refused, and what the message says."""

    run: Callable[[Value], Any]
    message: str


REFUSED = [
    Line(lambda x: setattr(x, "grad", np.zeros(3)), "is one number of that kind, got ndarray"),
    Line(lambda x: setattr(x, "grad", np.array(["a"])), "is one number of that kind, got ndarray"),
    Line(lambda x: setattr(x, "grad", "3"), "is one number of that kind, got str '3'; zero_grad"),
    Line(lambda x: setattr(x, "grad", [0.0]), "is one number of that kind, got list"),
    Line(lambda x: setattr(x, "grad", 1j), "is one number of that kind, got complex"),
    Line(lambda x: setattr(x, "grad", Decimal("0.5")), "gradient of a float is .* got Decimal"),
    Line(lambda x: setattr(x, "grad", Value(Decimal(1))), "gradient of a float is .* got Value"),
    Line(lambda x: setattr(x, "name", 3), "name must be a string, got int 3"),
    Line(lambda x: setattr(x, "name", None), "name must be a string, got NoneType None"),
    Line(lambda x: setattr(x, "data", None), "NoneType"),
    Line(lambda x: setattr(x, "data", np.zeros(3)), "array"),
    Line(lambda x: x.backward(True), "is a number; options go by name, as in .*create_graph=True"),
    Line(lambda x: x.backward("3"), "is one number of that kind, got str"),
    Line(lambda x: x.backward(np.ones(3)), "is one number of that kind, got ndarray"),
    Line(lambda x: x.backward(Value(2.0)), "got a Value; with create_graph=True it may be one"),
]


@pytest.mark.parametrize("line", REFUSED)
def test_what_cannot_be_set_is_refused_at_once(line: Line) -> None:
    x = Value(2.0, "x")
    with pytest.raises(TypeError, match=line.message):
        line.run(x)
    assert (x.data, x.grad, x.name) == (2.0, 0.0, "x")


@pytest.mark.parametrize("data", [2.0, Fraction(1, 3), Decimal("0.5"), mpmath.mpf(2)])
def test_none_and_zero_are_zero_in_the_carrier(data: Any) -> None:
    x = Value(data)
    for zero in (None, 0, 0.0, False, np.float32(0)):
        (3 * x).backward()
        assert x.grad == 3
        x.grad = zero
        assert x.grad == 0
        assert type(x.grad) is type(data)


def test_gradients_may_be_numbers_and_values() -> None:
    x = Value(2.0)
    x.grad = np.float64(1.5)
    (x * x).backward()
    assert x.grad == 5.5
    x.grad = Value(1.0)
    (x * x).backward(create_graph=True)
    assert x.grad.data == 5.0
    assert isinstance(x.grad, Value)


@pytest.mark.parametrize("seed", [3, 3.0, -0.5, Fraction(1, 2), 0, np.float64(2.0)])
def test_backward_from_a_given_gradient(seed: Any) -> None:
    x, y = Value(2.0), Value(5.0)
    (x * y + x).backward(seed)
    assert (x.grad, y.grad) == (6 * seed, 2 * seed)
    (x * y + x).backward(gradient=seed)
    assert (x.grad, y.grad) == (12 * seed, 4 * seed)
    a, b = Value(2.0), Value(5.0)
    (a * b + a).backward(seed, create_graph=True)
    assert (a.grad.data, b.grad.data) == (6 * seed, 2 * seed)
    b.grad.backward()
    assert b.grad.data == 2 * seed


def test_backward_from_a_gradient_keeps_exact_numbers() -> None:
    x = Value(Fraction(1, 3))
    (x * x).backward(Fraction(1, 7))
    (x * x).backward(2)
    assert x.grad == Fraction(2, 21) + Fraction(4, 3)
    assert type(x.grad) is Fraction


def test_a_gradient_to_start_from_may_be_a_value() -> None:
    x, weight = Value(3.0), Value(2.0)
    (x * x).backward(weight, create_graph=True)
    slope, x.grad = x.grad, None
    slope.backward()
    assert (slope.data, x.grad, weight.grad) == (12.0, 4.0, 6.0)


# ------------------------------------------------------------------------------------- messages


class Foreign:
    """An object of another library, with attributes that this one has names for."""

    _apply = 3
    outline = 4

    def __repr__(self) -> str:
        return "<foreign>"


class Call(NamedTuple):
    """A call that is refused, with the kind of error, and what its message and notes say."""

    run: Callable[[], Any]
    error: type[Exception]
    message: str


def square_root(x: Any) -> None:
    exp(x)


V = Value(2.0, "v")
MESSAGES = [
    Call(lambda: "x is " + V, TypeError, "the string 'x is '; for text write str"),
    Call(lambda: V * "2", TypeError, "(?s)the string '2'.* for a number float"),
    Call(lambda: V < "2", TypeError, "beside a Value, got the string '2'"),
    Call(lambda: grad(lambda x: None)(2.0), TypeError, "got None; let it return what it computes"),
    Call(lambda: grad(square_root)(2.0), TypeError, "as results of square_root, got None"),
    Call(lambda: jacobian(lambda x: [x, None])(2.0), TypeError, "got None; let it return"),
    Call(lambda: compile(square_root)(2.0), TypeError, "as results of square_root, got None"),
    Call(lambda: grad(lambda x: "a")(2.0), TypeError, "results of <lambda>: .* the string 'a'"),
    *[
        Call(lambda f=f: f(3.0), TypeError, rf"{f.__name__}\(\) expected a function, got float 3.0")
        for f in (grad, value_and_grad, jacobian, hessian)
    ],
    Call(lambda: grad(V * V), TypeError, r"got Value .*; give it the function f itself, not f\(x"),
    Call(lambda: jvp(3.0, (1.0,), (1.0,)), TypeError, r"jvp\(\) expected a function, got float"),
    Call(lambda: hvp(3.0, (1.0,), (1.0,)), TypeError, r"hvp\(\) expected a function, got float"),
    Call(lambda: vjp(3.0, 1.0), TypeError, r"vjp\(\) expected a function, got float"),
    Call(lambda: Graph(V * V).forward({"v": 3.0}), KeyError, r"keys are Values, as in forward\("),
    Call(lambda: compile(lambda w, x: w @ x, batched="x")(np.ones(3), np.ones(3)), TypeError,
        r"batched argument x gives one number to each example.*: x\[np.newaxis\] is one"),
    Call(lambda: compile(lambda x: x[0], batched="x")(np.ones(4)), TypeError, r"\(examples"),
    Call(lambda: compile(sum, batched="iterable")(np.ones(4)), TypeError, r"\(examples"),
    Call(lambda: exp(Foreign()), TypeError, "expected a real number .* got Foreign <foreign>"),
    Call(lambda: V + Foreign(), TypeError, "expected a real number .* got Foreign <foreign>"),
    Call(lambda: viz.draw(Foreign()), TypeError, "expected a Value, got Foreign <foreign>"),
    Call(lambda: viz.explore(Foreign()), TypeError, "expected a Value, got Foreign <foreign>"),
]  # fmt: skip


@pytest.mark.parametrize("call", MESSAGES)
def test_messages_say_what_to_do(call: Call) -> None:
    with pytest.raises(call.error) as failure:
        call.run()
    text = "\n".join([str(failure.value), *getattr(failure.value, "__notes__", ())])
    assert re.search(call.message, text), text


def test_the_advice_in_messages_helps() -> None:
    assert f"x is {V}" == "x is " + str(V)
    assert Graph(V * V).forward({V: 3.0}) == 9.0
    x = np.ones(3)
    f = compile(lambda w, x: w @ x, batched="x")
    assert f(np.ones(3), x[np.newaxis]).tolist() == [3.0]
    assert "outline" not in repr(viz.draw(f))


# ----------------------------------------------------------------------- whose line is it


@pytest.mark.parametrize("module", ["autodiffusion", "numpyro_model", "numpy_user.layers", None])
def test_a_users_module_is_the_users(module: str | None) -> None:
    source = "def f(x):\n    return 1.0 if x > 0 else 2.0\n"
    namespace: dict[str, Any] = {"__name__": module}
    exec(builtins.compile(source, "users_file.py", "exec"), namespace)
    with pytest.raises(TypeError, match=r"line 2 of users_file.py"):
        compile(namespace["f"])(1.0)


def test_no_grad_without_parentheses() -> None:
    @no_grad
    def square(x: Value) -> Value:
        return x * x

    assert square(Value(3.0)).parents == ()


def test_rounding_to_digits_keeps_the_carrier() -> None:
    assert round(Value(Fraction(7, 3)), 1).data == Fraction(23, 10)
    assert round(Value(Decimal("2.675")), 2).data == round(Decimal("2.675"), 2)
