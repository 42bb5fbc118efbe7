"""Pictures of compiled programs: the operations on vectors that a function became."""

from __future__ import annotations

import numpy as np
import pytest

import viz
from autodiff import compile, relu
from autodiff.nn import MLP, cross_entropy
from svg import read

GENERATOR = np.random.default_rng(0)


def two_layers(weights: dict[str, np.ndarray], x: np.ndarray) -> object:
    hidden = weights["W"] @ x + weights["b"]
    return sum(relu(h) for h in hidden)


def test_a_product_and_what_it_reads() -> None:
    f = compile(two_layers, batched="x")
    f({"W": GENERATOR.random((8, 12)), "b": np.zeros(8)}, GENERATOR.random((5, 12)))
    drawn = read(viz.draw(f))
    gates = [texts[0] for kind, texts in drawn.parts.values() if kind == "gate"]
    assert gates == ["@", "+", "ReLU", "Σ"]
    leaves = {texts[0]: kind for kind, texts in drawn.parts.values() if kind != "gate"}
    assert leaves == {
        "weights_W": "parameter", "weights_b": "parameter", "x": "input", "result": "output"
    }  # fmt: skip
    shapes = [texts["ink"] for texts in drawn.wires.values()]
    assert shapes == ["8 × 12", "12 × n", "8", "8 × n", "8 × n", "8 × n", "1 × n"]
    scalars = f.stats["scalars"]
    assert drawn.caption[0].startswith(f"{scalars} scalar nodes became 4 operations on vectors, 1 ")


def test_a_network_keeps_its_scopes_and_loses_its_neurons() -> None:
    model = MLP(6, [4, 3])
    f = compile(lambda x, t: cross_entropy(model(x), t), batched=("x", "t"))
    f(GENERATOR.random((5, 6)), np.eye(3)[[0, 1, 2, 0, 1]])
    drawn = read(viz.draw(f, theme="dark", direction="down"))
    assert drawn.frames == ["layer1", "layer2"]
    operations = sum(kind == "gate" for kind, _ in drawn.parts.values())
    assert operations == f.stats["operations"] == len(f.outline) - 4
    assert ("parameter", ["captured"]) in drawn.parts.values()


def test_constants_are_named_and_gathers_are_marked() -> None:
    places = [0, 1, 3, 4, 9]
    f = compile(lambda x: sum(2 * x[i] ** 2 for i in places), target="numpy")
    f(np.ones(10))
    drawn = read(viz.draw(f))
    assert ("constant", ["2"]) in drawn.parts.values()
    assert any(texts.get("quiet") == "gather" for texts in drawn.wires.values())


def test_what_a_program_has_not_is_refused() -> None:
    f = compile(lambda x: x * x)
    with pytest.raises(RuntimeError, match="call it first"):
        viz.draw(f)
    f(2.0)
    with pytest.raises(ValueError, match="view is for graphs of Values"):
        viz.draw(f, "backward")
    assert "on floats" in " ".join(read(viz.draw(f)).caption)
