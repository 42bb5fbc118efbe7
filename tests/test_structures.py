"""Structures: every kind of container, through every transform and the compiler."""

from __future__ import annotations

import dataclasses
import importlib.util
import logging
import math
import pickle
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import autodiff as ad
from autodiff import compile, grad, hessian, jacobian, jvp, register_structure, value_and_grad, vjp
from autodiff.structure import align, flatten, form_of, map_leaves, put_together, take_apart


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclasses.dataclass(frozen=True)
class Layer:
    weights: Any
    bias: Any
    activation: str = "tanh"


class Circle:
    def __init__(self, center: Any, radius: Any, color: str = "red") -> None:
        self.center, self.radius, self.color = center, radius, color


register_structure(
    Circle,
    lambda circle: ({"center": circle.center, "radius": circle.radius}, circle.color),
    lambda parts, color: Circle(**parts, color=color),
)


class AttributeDict(dict[str, Any]):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.__dict__ = self


def same(a: Any, b: Any) -> bool:
    """Whether two structures are equal, down to the types of containers; compared by hand here."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return bool(a.shape == b.shape and (a == b).all())
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, Layer | Circle):
        return same(vars(a), vars(b))
    return bool(a == b)


numbers = st.floats(-2, 2).map(lambda x: round(x, 3))
arrays = st.tuples(st.integers(0, 3), st.integers(1, 2)).flatmap(
    lambda shape: st.lists(numbers, min_size=math.prod(shape), max_size=math.prod(shape)).map(
        lambda elements: np.array(elements).reshape(shape)
    )
)


def containers(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = st.text("abc", min_size=1, max_size=2)
    dicts = st.dictionaries(keys, parts, max_size=3)
    return st.one_of(
        st.lists(parts, max_size=3),
        st.lists(parts, max_size=3).map(tuple),
        dicts,
        dicts.map(OrderedDict),
        dicts.map(lambda items: defaultdict(float, items)),
        dicts.map(AttributeDict),
        st.builds(Pair, parts, parts),
        st.builds(Layer, parts, parts, st.sampled_from(["tanh", "relu"])),
        st.builds(Circle, parts, parts, st.sampled_from(["red", "blue"])),
    )


structures = st.recursive(st.one_of(numbers, arrays), containers, max_leaves=8)


# -------------------------------------------------------------------------- the module by itself


@given(structures)
def test_round_trips(structure: Any) -> None:
    scalars, rebuild = flatten(structure)
    assert all(type(scalar) is float for scalar in scalars)
    assert same(rebuild(scalars), structure)
    counted = [float(i) for i in range(len(scalars))]
    assert flatten(rebuild(counted))[0] == counted
    leaves, form = take_apart(structure)
    assert same(put_together(form, leaves), structure)
    assert same(map_leaves(lambda leaf: leaf, structure), structure)
    doubled = map_leaves(lambda a, b: a + b, structure, structure)
    assert flatten(doubled)[0] == [2 * scalar for scalar in scalars]


@given(structures)
def test_forms_are_without_numbers(structure: Any) -> None:
    scalars, rebuild = flatten(structure)
    other = rebuild([scalar + 1 for scalar in scalars])
    form = form_of(structure)
    assert form == form_of(other)
    assert hash(form) == hash(form_of(other))
    assert pickle.loads(pickle.dumps(form)) == form
    for changed in ([structure], (structure,), {"a": structure}, OrderedDict(a=structure)):
        assert form_of(changed) not in (form, form_of([other, other]))


def shuffled(structure: Any, draw: Any) -> Any:
    """The same with the keys of every dict in another order."""
    if isinstance(structure, dict):
        items = [(key, shuffled(part, draw)) for key, part in structure.items()]
        return dict(draw(st.permutations(items)))
    if isinstance(structure, Pair):
        return Pair(*[shuffled(part, draw) for part in structure])
    if isinstance(structure, list | tuple):
        return [shuffled(part, draw) for part in structure]
    if isinstance(structure, Layer):
        parts = [shuffled(part, draw) for part in (structure.weights, structure.bias)]
        return Layer(*parts, structure.activation)
    if isinstance(structure, Circle):
        return Circle(shuffled(structure.center, draw), shuffled(structure.radius, draw))
    return structure


@given(structures, st.data())
def test_structures_are_aligned_by_keys(structure: Any, data: st.DataObject) -> None:
    given_one = shuffled(structure, data.draw)
    assert align(given_one, structure, "weights") == flatten(structure)[0]


@pytest.mark.parametrize(
    ("given_one", "wanted", "complaint"),
    [
        ({"a": 1.0}, {"b": 1.0}, r"with the keys \['b'\], got \['a'\]"),
        (1.0, {"b": 1.0}, "with the keys .* got float"),
        ([1.0], [1.0, 2.0], "2 in a list or tuple, got 1"),
        (np.ones(3), np.ones(2), r"of shape \(2,\), got \(3,\)"),
        ([1.0], 1.0, "one number, got"),
        (Pair(1.0, 2.0), 1.0, "one number, got"),
        (1.0, Circle(1.0, 2.0), "in a Circle of center, radius, got float"),
        (Layer(1.0, 2.0), Circle(1.0, 2.0), "in a Circle of center, radius, got Layer"),
        (Layer(1.0, None), Layer(1.0, 2.0), "in a Layer of weights, bias, got Layer of weights"),
    ],
)
def test_what_does_not_fit_is_said(given_one: Any, wanted: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"expected directions.* {complaint}"):
        align(given_one, wanted, "directions")


def calls(work: Callable[[], Any]) -> int:
    """How many function calls some work takes."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "large",
    [
        lambda n: [1.0] * n,
        lambda n: {i: {"w": np.ones(2), "b": [1.0]} for i in range(n)},
        lambda n: np.ones(n),
        lambda n: [Layer(1.0, np.ones(1)) for _ in range(n)],
    ],
)
def test_work_is_linear(large: Callable[[int], Any]) -> None:
    def work(structure: Any) -> None:
        scalars, rebuild = flatten(structure)
        align(rebuild(scalars), structure, "copies")

    small, twice = large(200), large(400)
    work(small)
    assert calls(lambda: work(twice)) <= 2 * calls(lambda: work(small)) + 20


# ----------------------------------------------------------------------------- every function


def weighted(structure: Any) -> Any:
    """Σ k·sin(xₖ) over the scalars of a structure, whatever it is."""
    scalars, _ = flatten(structure)
    return sum(((k + 1) * ad.sin(x) for k, x in enumerate(scalars)), ad.Value(0.5) * 0.0)


def curved(structure: Any) -> Any:
    """A structure of results like that of the argument, and a number."""
    scalars, rebuild = flatten(structure)
    return {"like": rebuild([x * x + scalars[-1] for x in scalars]), "last": scalars[-1] * 3.0}


@given(structures)
def test_gradients_have_the_structure_of_the_argument(structure: Any) -> None:
    scalars, rebuild = flatten(structure)
    value, slopes = value_and_grad(weighted)(structure)
    assert value == pytest.approx(sum((k + 1) * math.sin(x) for k, x in enumerate(scalars)))
    expected = [(k + 1) * math.cos(x) for k, x in enumerate(scalars)]
    assert flatten(slopes)[0] == pytest.approx(expected)
    assert same(map_leaves(lambda _, old: old, slopes, structure), structure)
    compiled_value, compiled = compile(weighted).value_and_grad(structure)
    assert compiled_value == pytest.approx(value)
    assert form_of(compiled) == form_of(slopes)
    assert flatten(compiled)[0] == pytest.approx(expected)
    if scalars:
        eager = curved(rebuild([ad.Value(x) for x in scalars]))
        ours = compile(curved)(structure)
        assert form_of(ours) == form_of(eager)
        assert flatten(ours)[0] == pytest.approx([v.data for v in flatten(eager)[0]])
        _, moved = jvp(weighted, (structure,), (rebuild([1.0] * len(scalars)),))
        assert moved == pytest.approx(sum(expected))
        results, pull_back = vjp(curved, structure)
        (back,) = pull_back(results)
        assert form_of(back) == form_of(structure)


@given(structures, st.integers(1, 3))
def test_batched_structures_are_examples_of_structures(structure: Any, examples: int) -> None:
    def batch(leaf: Any) -> Any:
        return np.stack([np.asarray(leaf) + 0.1 * i for i in range(examples)])

    def one(i: int) -> Any:
        return map_leaves(lambda leaf: leaf + 0.1 * i, structure)

    assume(flatten(structure)[0] and type(structure) is not list)  # a list could be examples
    f = compile(lambda s: weighted(s), batched="s")
    values, slopes = f.value_and_grad(map_leaves(batch, structure))
    results = compile(lambda s: curved(s), batched="s")(map_leaves(batch, structure))
    for i in range(examples):
        value, slope = value_and_grad(weighted)(one(i))
        assert values[i] == pytest.approx(value)
        mine = map_leaves(lambda leaf, i=i: leaf[i], slopes)
        assert flatten(mine)[0] == pytest.approx(flatten(slope)[0])
        expected = jvp(curved, (one(i),), (one(i),))[0]
        mine = map_leaves(lambda leaf, i=i: leaf[i], results)
        assert flatten(mine)[0] == pytest.approx(flatten(expected)[0])


def test_kinds_of_containers_have_programs_of_their_own() -> None:
    f = compile(lambda p: p)
    for kind in (dict, OrderedDict, AttributeDict, dict, OrderedDict):
        assert same(f(kind(a=1.0, b=2.0)), kind(a=1.0, b=2.0))
    for structure in ([1.0, 2.0], (1.0, 2.0), Pair(1.0, 2.0), Counter(a=1.0, b=2.0)):
        assert same(f(structure), structure)
    first = compile(lambda p: next(iter(p.values())))
    assert first({"a": 1.0, "b": 2.0}) == 1.0
    assert first({"b": 2.0, "a": 1.0}) == 2.0  # keys in another order are another program
    assert first({"a": 3.0, "b": 2.0}) == 3.0
    made = f(defaultdict(list, a=1.0))
    assert made["more"] == []


def test_dataclasses_keep_what_is_no_number() -> None:
    def apply(layer: Layer, x: Any) -> Any:
        y = layer.weights * x + layer.bias
        return ad.relu(y) if layer.activation == "relu" else ad.tanh(y)

    f = compile(apply)
    for _ in range(2):
        assert f(Layer(2.0, 1.0, "relu"), 3.0) == 7.0
        assert f(Layer(2.0, 1.0), 3.0) == math.tanh(7.0)
    value, slope = f.value_and_grad(Layer(2.0, 1.0, "relu"), 3.0)
    assert (value, slope) == (7.0, Layer(3.0, 1.0, "relu"))
    assert grad(apply)(Layer(2.0, 1.0, "relu"), 3.0) == Layer(3.0, 1.0, "relu")


def test_fields_of_dataclasses_that_are_computed_or_static() -> None:
    @dataclasses.dataclass
    class Filter:
        taps: Any
        steps: int = dataclasses.field(metadata={"static": True})
        energy: Any = dataclasses.field(init=False)

        def __post_init__(self) -> None:
            self.energy = sum(tap * tap for tap in self.taps)

    def f(p: Filter) -> Any:
        return p.energy * sum(p.taps[0] for _ in range(p.steps))

    point = Filter([2.0, 1.0], 3)
    for slopes in (grad(f)(point), compile(f).value_and_grad(point)[1]):
        assert (slopes.taps, slopes.energy) == ([3 * 5.0, 0.0], 3 * 2.0)  # each field is one input
    with pytest.raises(TypeError, match=r"the field steps of Filter .* must be hashable"):
        grad(f)(Filter([2.0], [3]))  # type: ignore[arg-type]


def test_a_constructor_that_refuses_derivatives_is_not_asked() -> None:
    @dataclasses.dataclass(frozen=True, slots=True)
    class Ball:
        radius: float

        def __post_init__(self) -> None:
            if self.radius < 0:
                raise ValueError("the radius is negative")

    assert grad(lambda ball: -ball.radius)(Ball(1.0)).radius == -1.0


class Unknown:
    x = 1.0


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: register_structure(3, len, len), "a class and two functions"),  # type: ignore[arg-type]
        (lambda: register_structure(Unknown, None, len), "a class and two functions"),  # type: ignore[arg-type]
        (lambda: compile(lambda p: p.x)(Unknown()), "register_structure makes a class"),
        (lambda: compile(lambda p: p["a"])({"a": "1"}), "argument p_a must be a number"),
        (lambda: grad(lambda p: p.sum())(np.ma.array([1.0], mask=[1])), r"array.filled\(0.0\)"),
        (lambda: compile(lambda p: p)([1.0, ad.Value(2.0)]), "argument p_1 is a Value"),
        (lambda: compile(lambda p: p)((np.array(["a"]),)), "argument p_0 must hold real numbers"),
    ],
)
def test_what_is_no_structure_is_said(call: Callable[[], Any], complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        call()


@pytest.mark.parametrize("found", [3, {"x": 1.0}, ([1.0], None), ({"x": 1.0}, [])])
def test_parts_that_cannot_be(found: Any) -> None:
    class Wrong:
        pass

    register_structure(Wrong, lambda _: found, lambda parts, rest: Wrong())
    with pytest.raises(
        TypeError, match=r"to_parts of Wrong must return|the rest of Wrong .* hashable"
    ):
        grad(lambda p: 1.0)(Wrong())


# ---------------------------------------------------------------------------- batched arguments

Q, P, A, B = np.array([0.0, 2.0, 5.0]), np.ones(3), np.ones(3), np.array([7.0, 2.0, 2.0])


@pytest.mark.parametrize(
    ("function", "argument", "expected"),
    [
        (lambda s: s[0][0] * s[1][1], ((Q, P), (A, B)), [0, 4, 10]),
        (lambda s: s[0] * s[1], ((0.0, 2.0), (3.0, 4.0)), [0, 12]),  # numbers only: examples
        (lambda s: s[0] * s[1], [[0.0, 2.0], [3.0, 4.0]], [0, 12]),
        (lambda s: s[0] * s[1], ([1.0, 2.0], [3.0, 4.0], [5.0, 6.0]), [2, 12, 30]),
        (lambda s: s * 2, [1.0, 2.0], [2, 4]),
        (lambda s: s[0] * s[1], (Q, B), [0, 4, 10]),
        (lambda s: s["q"] * s["b"], {"q": Q, "b": [7.0, 2.0, 2.0]}, [0, 4, 10]),
        (lambda s: s["in"][0] * s["in"][1], {"in": (Q, B)}, [0, 4, 10]),
        (lambda s: s.a * s.b, Pair(Q, B), [0, 4, 10]),
        (lambda s: s.a * s.b, Pair([0.0, 2.0], [3.0, 4.0]), [0, 8]),
        (lambda s: s.weights * s.bias, Layer(Q, B), [0, 4, 10]),
        (lambda s: s.center[0] * s.radius, Circle((Q, P), B), [0, 4, 10]),
        (lambda s: s[0]["q"] * s[1], ({"q": Q}, B), [0, 4, 10]),
        (lambda s: s["in"][0] * s["in"][1], {"in": [Q, B]}, [0, 4, 10]),
        (lambda s: s["q"] * 2 + len(s["none"]), {"q": Q, "none": []}, [0, 4, 10]),
        (lambda s: len(s) + ad.Value(1.0), [[], []], [1, 1]),
        (lambda s: s, [], []),
    ],
)
def test_batched_arguments(function: Any, argument: Any, expected: list[float]) -> None:
    assert compile(function, batched="s")(argument).tolist() == expected


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ([Q, B], "np.stack makes one of a list"),
        ([[Q, B], [Q, B]], "np.stack makes one of a list"),
        ([{"q": Q}], "np.stack makes one of a list"),
        ((Q, [1.0, 2.0, 3.0]), "has arrays beside plain numbers; np.array"),
        (((Q, 1.0), B), "argument s_0 has arrays beside plain numbers"),
        ({"q": Q, "b": 2.0}, "argument s_b must be an array with a leading axis"),
        ({"q": Q, "b": np.array(2.0)}, "argument s_b must be an array with a leading axis"),
        ((Q, B[:2]), "different numbers of examples"),
        ([[1.0], [2.0, 3.0]], "equally long lists"),
    ],
)
def test_batched_arguments_that_could_be_either(argument: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        compile(lambda s: 1.0, batched="s")(argument)


def test_examples_that_are_replayed_have_the_same_structure() -> None:
    f = compile(lambda s: s[0]["x"] / s[1], batched="s")
    with pytest.raises(ZeroDivisionError) as caught:
        f(({"x": Q}, np.array([1.0, 0.0, 1.0])))
    assert "in example 1 of 3" in caught.value.__notes__
    root = compile(lambda s: {"y": ad.sqrt(s["x"])}, batched="s")
    slopes = compile(lambda s: ad.sqrt(s["x"]), batched="s").value_and_grad({"x": Q})[1]
    assert slopes["x"][0] == math.inf
    assert root({"x": Q})["y"].tolist() == np.sqrt(Q).tolist()


# ------------------------------------------------------------- arrays of derivatives, beside JAX

W, V = np.array([[1.0, 2.0], [3.0, 0.5]]), np.array([0.5, -1.0])

FUNCTIONS: list[tuple[str, Callable[..., Any], tuple[Any, ...], Any]] = [
    ("dict", lambda p: (p["w"] ** 2).sum() * p["b"], ({"w": V, "b": 3.0},), 0),
    ("list", lambda p: (p[0] ** 2).sum() * p[1] ** 2, ([V, 3.0],), 0),
    ("tuple", lambda p: (p[0] @ p[1][0]).sum() * p[1][1] ** 3, ((W, (V, 2.0)),), 0),
    ("dicts in lists", lambda p: (p[0]["w"] @ p[1]["w"]).sum() ** 2, ([{"w": W}, {"w": V}],), 0),
    ("two arrays", lambda x, y: (x * y * y).sum() * x[0], (V, V + 2), (0, 1)),
    ("matrix and vector", lambda w, x: ((w @ x) ** 2).sum(), (W, V), (0, 1)),
    ("second alone", lambda w, x: ((w @ x) ** 2).sum(), (W, V), 1),
    ("structures", lambda p, x: (p["w"] @ x["v"]).sum() ** 2, ({"w": W}, {"v": V}), (0, 1)),
    ("other order", lambda p: p["b"] ** 2 * (p["a"] ** 3).sum(), ({"b": 2.0, "a": V},), 0),
    ("scalars", lambda p: p["a"] ** 2 * p["b"][0] ** 3, ({"a": 2.0, "b": [3.0]},), 0),
]  # fmt: skip

MANY: list[tuple[str, Callable[..., Any], tuple[Any, ...], Any]] = [
    ("array to dict", lambda x: {"y": x * x, "s": x.sum()}, (V,), 0),
    ("dict to array", lambda p: p["w"] @ p["x"], ({"w": W, "x": V},), 0),
    ("dict to dict", lambda p: {"y": p["w"] @ p["x"], "n": p["x"][0] ** 2}, ({"w": W, "x": V},), 0),
    ("arrays to tuple", lambda w, x: (w @ x, (x * x, w[0, 0] * x[1])), (W, V), (0, 1)),
    ("list of numbers", lambda p: [p[0] * p[1], p[1] ** 2], ([2.0, 3.0],), 0),
    ("number to array", lambda x: x * V, (2.0,), 0),
]


def assert_like_jax(ours: Any, theirs: Any) -> None:
    """The same containers, and arrays of the same shapes with the same numbers."""
    if isinstance(theirs, dict):
        assert set(ours) == set(theirs)
        for key in theirs:
            assert_like_jax(ours[key], theirs[key])
    elif isinstance(theirs, list | tuple):
        assert type(ours) is type(theirs)
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_like_jax(one, other)
    else:
        assert np.shape(ours) == theirs.shape
        assert np.asarray(ours).dtype == float
        np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-10, atol=1e-12)


def in_jax(arguments: Any) -> Any:
    jax = pytest.importorskip("jax", reason="needs JAX: pip install '.[peers]'")
    jax.config.update("jax_enable_x64", True)
    return jax, jax.tree.map(jax.numpy.asarray, arguments)


@pytest.mark.peers
@pytest.mark.parametrize(("function", "arguments", "argnums"), [f[1:] for f in FUNCTIONS + MANY],
                         ids=[f[0] for f in FUNCTIONS + MANY])  # fmt: skip
def test_jacobians_are_those_of_jax(function: Any, arguments: Any, argnums: Any) -> None:
    jax, theirs = in_jax(arguments)
    expected = jax.jacobian(function, argnums)(*theirs)
    assert_like_jax(jacobian(function, argnums)(*arguments), expected)
    for target in ("numpy", "python"):
        f = compile(jacobian(function, argnums), target=target)
        assert_like_jax(f(*arguments), expected)


@pytest.mark.peers
@pytest.mark.parametrize(("function", "arguments", "argnums"), [f[1:] for f in FUNCTIONS],
                         ids=[f[0] for f in FUNCTIONS])  # fmt: skip
def test_hessians_are_those_of_jax(function: Any, arguments: Any, argnums: Any) -> None:
    jax, theirs = in_jax(arguments)
    expected = jax.hessian(function, argnums)(*theirs)
    assert_like_jax(hessian(function, argnums)(*arguments), expected)
    for target in ("numpy", "python"):
        f = compile(hessian(function, argnums), target=target)
        assert_like_jax(f(*arguments), expected)
    expected = jax.jacobian(jax.hessian(function, argnums), argnums)(*theirs)
    third = jacobian(hessian(function, argnums), argnums)
    assert_like_jax(third(*arguments), expected)
    assert_like_jax(compile(third)(*arguments), expected)


@pytest.mark.parametrize("wrap", [lambda f: f, compile], ids=["eager", "compiled"])
def test_hessians_of_arrays_in_structures(wrap: Any) -> None:
    """Of b·Σ wᵢ², by hand."""
    found = wrap(hessian(lambda p: p["b"] * (p["w"] ** 2).sum()))({"w": V, "b": 3.0})
    np.testing.assert_allclose(found["w"]["w"], 6.0 * np.eye(2))
    np.testing.assert_allclose(found["w"]["b"], 2 * V)
    np.testing.assert_allclose(found["b"]["w"], 2 * V)
    assert found["b"]["b"] == 0.0
    third = wrap(jacobian(hessian(lambda x, y: (x * y * y).sum(), (0, 1)), (0, 1)))(V, V)
    one_place = np.zeros((2, 2, 2))
    one_place[[0, 1], [0, 1], [0, 1]] = 2.0
    np.testing.assert_allclose(third[0][1][1], one_place)
    np.testing.assert_allclose(third[1][1][1], 0 * one_place)


def test_batched_hessians_of_structures() -> None:
    f = compile(lambda p, x: hessian(lambda p: (p["w"] @ x) ** 2)(p), batched="x")
    x = np.array([[1.0, 2.0], [3.0, -1.0]])
    found = f({"w": V}, x)["w"]["w"]
    np.testing.assert_allclose(found, 2 * x[:, :, None] * x[:, None, :])


# -------------------------------------------------------------------------------------- pandas


def test_pandas_is_not_imported() -> None:
    program = (
        "import sys, autodiff; autodiff.grad(lambda x: x)(1.0); print('pandas' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ran.stdout.split() == [b"False"]


@pytest.fixture
def pandas() -> Any:
    return pytest.importorskip("pandas", reason="needs pandas: pip install '.[test]'")


def both(function: Any) -> list[Any]:
    return [grad(function), lambda *arguments: compile(function).value_and_grad(*arguments)[1]]


def test_series(pandas: Any) -> None:
    point = pandas.Series([2, 3], index=["a", "b"], name="rates")
    for slope in both(lambda s: s["a"] * s["b"] ** 2):
        expected = pandas.Series([9.0, 12.0], index=["a", "b"], name="rates")
        pandas.testing.assert_series_equal(slope(point), expected)
    second = pandas.DataFrame([[0.0, 6.0], [6.0, 4.0]], ["a", "b"], ["a", "b"])
    for wrap in (lambda f: f, compile):
        found = wrap(hessian(lambda s: s["a"] * s["b"] ** 2))(point)
        pandas.testing.assert_frame_equal(found, second)
        doubled = wrap(lambda s: {"y": 2 * s})(point) if wrap is compile else {"y": 2.0 * point}
        expected = pandas.Series([4.0, 6.0], index=["a", "b"])
        pandas.testing.assert_series_equal(doubled["y"], expected, check_names=False)


def test_labels_are_a_part_of_the_form(pandas: Any) -> None:
    f = compile(lambda s: s["a"])
    assert f(pandas.Series([1.0, 2.0], index=["a", "b"])) == 1.0
    assert f(pandas.Series([1.0, 2.0], index=["b", "a"])) == 2.0
    assert f(pandas.Series([1.0, 2.0], index=["a", "b"])) == 1.0
    nan = compile(lambda s: s.iloc[0])
    for _ in range(3):
        assert nan(pandas.Series([1.0, 2.0], index=[math.nan, 1.0])) == 1.0
    assert "1 shapes" in repr(nan)
    with pytest.raises(ValueError, match="with the same labels"):
        jvp(
            lambda s: s["a"],
            (pandas.Series([1.0, 2.0], index=["a", "b"]),),
            (pandas.Series([1.0, 2.0], index=["b", "a"]),),
        )


def test_frames(pandas: Any) -> None:
    frame = pandas.DataFrame({"x": [1, 2], "on": [True, False], "z": [1.5, 2.0]}, index=[5, 7])
    for slope in both(lambda d: (d["x"] * d["z"] + 3.0 * d["on"]).sum()):
        expected = pandas.DataFrame({"x": [1.5, 2.0], "on": [3.0, 3.0], "z": [1.0, 2.0]}, [5, 7])
        pandas.testing.assert_frame_equal(slope(frame), expected)
    for slope in both(lambda p: (p["d"] @ p["w"]).sum()):
        found = slope({"d": frame, "w": np.array([1.0, 2.0, 3.0])})
        assert found["w"].tolist() == [3.0, 1.0, 3.5]
        assert found["d"].columns.tolist() == ["x", "on", "z"]
    with pytest.raises(TypeError, match="argument d must hold real numbers"):
        compile(lambda d: d["x"].sum())(pandas.DataFrame({"x": ["a"]}))


def test_frames_of_examples(pandas: Any) -> None:
    frame = pandas.DataFrame({"x": [1.0, 2.0, 4.0], "z": [1.5, 2.0, 0.0]}, index=list("pqr"))
    f = compile(lambda w, row, t: (w * row["x"] * row["z"] - t) ** 2, batched=("row", "t"))
    target = pandas.Series([1.0, 0.0, 2.0], index=list("pqr"))
    values, slopes = f.value_and_grad(2.0, frame, target, argnums=(1, 2))
    assert values.tolist() == [4.0, 64.0, 4.0]
    assert slopes[0].loc["q"].tolist() == [64.0, 64.0]
    assert slopes[1].to_dict() == {"p": -4.0, "q": -16.0, "r": 4.0}
    f(2.0, frame.iloc[:2], target.iloc[:2])  # fewer examples, with other labels
    assert "1 shapes" in repr(f)
    rows = compile(lambda row: row * 2.0, batched="row")(frame)
    assert rows["z"].tolist() == [3.0, 4.0, 0.0]
    inverse = compile(lambda row: 1 / row["z"], batched="row")
    with pytest.raises(ZeroDivisionError):
        inverse(frame)


# --------------------------------------------------------------------- messages, and being kept


@pytest.mark.parametrize(
    ("first", "then", "phrase"),
    [
        ((np.ones(3), 1.0), (np.ones(4), 1.0),
         "p is an array of shape (4,), and was an array of shape (3,)"),
        ((1.0, 1.0), (np.ones(4), 1.0), "p is an array of shape (4,), and was a number"),
        ((1.0, [1.0, 2.0]), (1.0, [1.0] * 3), "q is a list of 3, and was a list of 2"),
        ((1.0, [1.0, 2.0]), (1.0, (1.0, 2.0)), "q is a tuple of 2, and was a list of 2"),
        (({"w": np.ones(2)}, 1.0), ({"w": np.ones((2, 2))}, 1.0),
         "p['w'] is an array of shape (2, 2), and was an array of shape (2,)"),
        (({"w": 1.0}, 1.0), ({"w": 1.0, "b": 1.0}, 1.0),
         "p is a dict of w, b, and was a dict of w"),
        (({"w": 1.0}, 1.0), (OrderedDict(w=1.0), 1.0),
         "p is an OrderedDict of w, and was a dict of w"),
        ((Pair([Layer(1.0, 2.0)], 1.0), 1.0), (Pair([Layer(1.0, V)], 1.0), 1.0),
         "p.a[0].bias is an array of shape (2,), and was a number"),
        ((Layer(1.0, 2.0), 1.0), (Layer(1.0, 2.0, "relu"), 1.0),
         "p is a Layer of weights, bias, with other labels or properties"),
        ((1.0,), (1.0, 2.0), "it was called with 2 arguments, and with 1 before"),
        (([{"weights": np.ones(9)}] * 900, 1.0), ([{"weights": np.ones(8)}] * 900, 1.0),
         "p[0]['weights'] is an array of shape (8,), and was an array of shape (9,)"),
    ],
)  # fmt: skip
def test_compiling_again_says_what_changed(
    first: Any, then: Any, phrase: str, caplog: pytest.LogCaptureFixture
) -> None:
    def f(p: Any, q: Any = 1.0) -> Any:
        return 1.0

    compiled = compile(f)
    compiled(*first)
    assert not caplog.records
    compiled(*then)
    assert [record.getMessage() for record in caplog.records] == [f"compiling f again: {phrase}"]


def test_the_first_compilation_is_told_briefly(caplog: pytest.LogCaptureFixture) -> None:
    f = compile(lambda p, x: x.sum(), batched="x")
    with caplog.at_level(logging.INFO, "autodiff.compiler"):
        f({str(i): 1.0 for i in range(1000)}, np.ones((2, 3)))
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.endswith("..., x: an array of shape (3,)")
    assert len(message) < 200


def activated(x: Any, activation: Any = lambda v: v * v) -> Any:
    return activation(x)


def annotated(x: Value_in_a_string) -> Any:  # type: ignore[name-defined]  # noqa: F821
    return x * 3.0


def test_defaults_and_annotations_do_not_keep_from_pickling() -> None:
    class Local:
        pass

    def local(x: Local, options: Any = Local(), rest: Any = lambda: 0) -> Any:  # noqa: B008
        return x * 2.0  # type: ignore[operator]

    for function, expected in ((activated, 9.0), (annotated, 9.0), (local, 6.0)):
        f = compile(function)
        assert f(3.0) == expected
        again = pickle.loads(pickle.dumps(f))
        assert again(3.0) == expected
        assert again(x=3.0) == expected
    assert pickle.loads(pickle.dumps(compile(activated)))(3.0) == 9.0  # the default is still known


def test_programs_for_classes_that_cannot_be_pickled_are_left_out() -> None:
    class Hidden(NamedTuple):
        a: Any

    f = compile(activated)
    assert f(3.0) == 9.0
    g = compile(lambda p: p[0])
    assert (g(Hidden(2.0)), g([2.0])) == (2.0, 2.0)
    again = pickle.loads(pickle.dumps(g))
    assert again([3.0]) == 3.0
    with pytest.raises(RuntimeError, match="unpickled without its function"):
        again(Hidden(3.0))


@pytest.mark.skipif(importlib.util.find_spec("pandas") is None, reason="needs pandas")
def test_programs_for_pandas_pickle(pandas: Any) -> None:
    series = pandas.Series([1.0, 2.0], index=["a", "b"])
    f = compile(activated)
    f(series)
    again = pickle.loads(pickle.dumps(f))
    pandas.testing.assert_series_equal(again(series), series**2)


@dataclasses.dataclass
class Halved:
    """A constructor that computes with what it is given."""

    w: float
    k: dataclasses.InitVar[float] = 2.0
    s: float = dataclasses.field(init=False, default=1.0)

    def __post_init__(self, k: float) -> None:
        self.w = self.w / k


def test_dataclasses_are_made_again_as_they_are_and_not_by_their_constructor() -> None:
    halved = Halved(8.0, k=4.0)
    halved.s = 10.0
    value, slope = value_and_grad(lambda p: p.w * 3 * p.s)(halved)
    assert (value, slope.w, slope.s) == (60.0, 30.0, 6.0)
    assert compile(lambda p: p.w * 3 * p.s)(halved) == 60.0
