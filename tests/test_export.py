"""Exported files give what the compiled function gives, in Python, JavaScript and C."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exports import LANGUAGES, Exports, require
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff import (
    Value,
    compile,
    exp,
    grad,
    log,
    logsumexp,
    polygamma,
    relu,
    scope,
    sin,
    tanh,
    value_and_grad,
    where,
)  # fmt: skip
from autodiff.testing import Example, expressions_at_points

RANDOM = np.random.default_rng(0)


def two_layers(w1: Any, w2: Any, x: Any, t: Any) -> Any:
    with scope("first layer"):
        hidden = relu(w1 @ x)
    logits = w2 @ hidden
    return logsumexp(list(logits)) - t @ logits


def pairs(x: Any) -> Any:
    return sum(exp(-((a - b) ** 2)) for a in x for b in x)


def recurrence(w: Any) -> Any:
    h = 0.1
    for _ in range(20):
        h = tanh(w[0] * h + w[1]) + 0.1 * sin(h)
    return h


def structured(p: Any) -> Any:
    return p["w"][0] * p["b"] + where(p["b"] > 0, p["w"][1], -p["w"][1]) ** 3


CAPTURED = [Value(0.5), Value(-1.5)]


def captured(x: Any) -> Any:
    return CAPTURED[0] * x[0] + exp(CAPTURED[1] * x[1])


def reserved(double: Any, out: Any, let: Any, table_0: Any, lambda_: Any) -> Any:
    return double * out + let * table_0 - lambda_


def shared(w: Any, x: Any) -> Any:
    return w[0] * w[1] + 0 * x


def penalised(w: Any, x: Any) -> Any:
    return sin(w * x) + w * w


def penalised_inside(w: Any, x: Any) -> Any:
    with scope("ends in a backslash\\"):
        t = tanh(w)
    return sin(t * x) + t**2


def offsets(x: Any, x_at: Any) -> Any:
    return x @ x_at


def fused(map: Any, len: Any, NULL: Any) -> Any:  # noqa: N803
    return map * len + NULL


fused.__name__ = "list"


PROGRAMS: dict[str, tuple[Any, tuple[Any, ...], tuple[str, ...]]] = {
    "layers": (two_layers, (RANDOM.normal(size=(4, 3)), RANDOM.normal(size=(3, 4)),
                            RANDOM.normal(size=(5, 3)), np.eye(3)[[0, 2, 1, 1, 0]]), ("x", "t")),
    "layers of one": (two_layers, (RANDOM.normal(size=(4, 3)), RANDOM.normal(size=(3, 4)),
                                   RANDOM.normal(size=3), np.eye(3)[1]), ()),
    "pairs": (pairs, (RANDOM.normal(size=6),), ()),
    "pairs of many": (pairs, (RANDOM.normal(size=(4, 6)),), ("x",)),
    "recurrence": (recurrence, (np.array([0.7, -0.2]),), ()),
    "captured": (captured, (np.array([0.3, 0.4]),), ()),
    "reserved": (reserved, (1.0, 2.0, 3.0, 4.0, 5.0), ()),
    "shared": (shared, (np.array([2.0, 3.0]), np.array([1.0, 2.0, 3.0])), ("x",)),
    "penalised": (penalised, (0.5, np.array([1.0, 2.0, 3.0])), ("x",)),
    "penalised inside": (penalised_inside, (0.5, np.array([1.0, 2.0, 3.0])), ("x",)),
    "offsets": (offsets, (np.ones((3, 2)), np.array([2.0, 3.0])), ("x",)),
    "names of Python and C": (fused, (2.0, 3.0, 4.0), ()),
    "several": (lambda x: [x[0] * x[1], x.sum(), 2.0], (np.array([0.3, 0.4]),), ()),
    "nothing of an input": (lambda x, y: x * x, (2.0, np.ones(3)), ()),
    "nothing of examples": (lambda x, y: y * y, (np.ones((4, 2)), np.ones(4)), ("x", "y")),
    "checked alone": (lambda x: (log(x[0]), log(x).sum(), x[1] * x[2])[2], (np.ones(3),), ()),
    "a branch of none": (lambda x: where(x[0] > 0, log(x[1]) * 0, 2.0).exp(), (np.ones(3),), ()),
    "slopes of powers": (lambda x: sum(grad(lambda a, b: a**b, (0, 1))(x[0], x[1])),
                         (np.array([2.0, 3.0]),), ()),
    "polygamma": (lambda x: sum(polygamma(n, a) / polygamma(n, 2.0) for n, a in
                                zip((0, 1, 2, 15, 60, 150, 170), x, strict=True)),
                  (np.array([0.3, 4.0, -1.4, 2.0, 3.0, 9.0, 8.0]),), ()),
    "constant": (lambda x: 1.5 + 0 * x[1], (np.ones(3),), ()),
    "none": (lambda x: x[0] * x[1], (np.zeros((0, 2)),), ("x",)),
}  # fmt: skip


def first(function: Any) -> Any:
    return lambda *arguments: function(*arguments)[0]


@pytest.mark.parametrize("target", ["auto", "numpy"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_programs(language: str, target: str, tmp_path: Path) -> None:
    exports = Exports(language, tmp_path)
    expected = []
    for function, arguments, batched in PROGRAMS.values():
        f = compile(function, batched=batched, target=target)
        result = f(*arguments)
        count = len(result) if isinstance(result, list) else 1
        n = (
            len(arguments[0 if batched == ("x",) and function is offsets else -1])
            if batched
            else None
        )
        if count == 1:
            value, slopes = f.value_and_grad(*arguments, argnums=range(len(arguments)))
        else:
            value, slopes = result, value_and_grad(first(function))(*arguments)[1:]
        expected.append((np.ravel(value), [np.ravel(slope) for slope in slopes]))
        exports.add(f, arguments, count, n)
    for name, (value, slopes), found in zip(PROGRAMS, expected, exports.run(), strict=True):
        np.testing.assert_allclose(found[0], value, rtol=1e-13, err_msg=name)
        for slope, own in zip(found[1], slopes, strict=True):
            np.testing.assert_allclose(slope, own, rtol=1e-12, atol=1e-13, err_msg=name)


def test_structures_are_flat_arrays(tmp_path: Path) -> None:
    f = compile(structured)
    f({"w": np.array([1.0, 2.0]), "b": -0.5})
    for language in LANGUAGES:
        f.export(tmp_path / f"f.{language}")
        assert "p_w: 2 numbers" in (tmp_path / f"f.{language}").read_text()
        assert "p: 1 number" in (tmp_path / f"f.{language}").read_text()


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=3)
@given(st.lists(expressions_at_points(), min_size=10, max_size=20))
def test_random_programs(language: str, examples: list[Example]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        exports = Exports(language, Path(folder))
        expected = []
        for k, example in enumerate(examples):
            target = ["python", "numpy"][k % 2]
            f = compile(lambda x, own=example.expression: own(x), target=target)
            expected.append(f.value_and_grad(np.array(example.point)))
            exports.add(f, [example.point])
        for (value, slope), (found, (slopes,)) in zip(expected, exports.run(), strict=True):
            scale = max(1.0, abs(value), *np.abs(slope))
            np.testing.assert_allclose(found, value, atol=1e-12 * scale)
            np.testing.assert_allclose(slopes, slope, atol=1e-11 * scale)


def test_what_cannot_be_exported_says_so(tmp_path: Path) -> None:
    f = compile(lambda x: x * x)
    with pytest.raises(RuntimeError, match="call it first"):
        f.export(tmp_path / "f.c")
    f(1.0)
    with pytest.raises(ValueError, match=r"end in \.c, \.js, \.py, got 'f\.rs'"):
        f.export(tmp_path / "f.rs")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        f.export(tmp_path / "none" / "f.c")
    (tmp_path / "g.js").mkdir()
    with pytest.raises(IsADirectoryError, match="there is a folder of that name"):
        f.export(tmp_path / "g.js")
    nothing = compile(lambda x: [])
    nothing(1.0)
    with pytest.raises(ValueError, match="a function with results"):
        nothing.export(tmp_path / "f.c")
    assert [path.name for path in tmp_path.iterdir()] == ["g.js"]


def test_files_need_nothing_of_autodiff(tmp_path: Path) -> None:
    for target in ("python", "numpy"):
        f = compile(recurrence, target=target)
        f(np.array([0.7, -0.2]))
        f.export(tmp_path / "f.py")
        text = (tmp_path / "f.py").read_text()
        assert "import autodiff" not in text
        assert ("import numpy" in text) is (target == "numpy")


def by_node(folder: Path, text: str) -> Any:
    """What a script of node prints as JSON."""
    require("js")
    (folder / "script.js").write_text(text)
    done = subprocess.run(["node", folder / "script.js"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_javascript_takes_captured_values_as_an_argument(tmp_path: Path) -> None:
    f = compile(captured, batched="x")
    points = np.array([[1.0, 0.5], [2.0, -0.25], [-3.0, 1.0]])
    f.specialize(points)
    numbers = np.array([0.3, -0.7])
    value, gradient = f.captured_gradient(numbers, points)
    given = f"{points.ravel().tolist()}, {numbers.tolist()}"
    found = by_node(
        tmp_path,
        f""""use strict";
        const f = {f.javascript(captured="numbers")};
        const {{ value, gradient }} = f.value_and_grad({given});
        const shown = [value, f.value({given}), gradient.numbers].map((a) => Array.from(a));
        console.log(JSON.stringify(shown));""",
    )
    np.testing.assert_allclose(found[0], value[0], rtol=1e-14)
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_allclose(found[2], gradient, rtol=1e-14)


def test_javascript_with_the_numbers_of_captured_values(tmp_path: Path) -> None:
    f = compile(captured)
    expected = f(np.array([1.0, 0.5]))
    found = by_node(tmp_path, f"console.log(({f.javascript()}).value([1, 0.5]));")
    assert found == pytest.approx(expected, rel=1e-14)


def test_no_name_of_a_user_ends_the_script_that_javascript_stands_in() -> None:
    def hostile(x: Any) -> Any:
        with scope("</script><script>alert(1)</script><!--"):
            return x[0] * x[1] + exp(x[0])

    hostile.__name__ = "</script>"
    f = compile(hostile, target="numpy")
    f(np.ones(2))
    text = f.javascript()
    assert "</" not in text
    assert "<!" not in text


def test_javascript_before_the_first_call_says_so() -> None:
    with pytest.raises(RuntimeError, match="call it first"):
        compile(lambda x: x).javascript()
