"""Layers on sequences against NumPy, eager and compiled, and their gradients by differences."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import check_gradient, compile, nn
from autodiff.nn import files

GENERATOR = np.random.default_rng(0)


def numbers(values: Any) -> np.ndarray:
    array = np.asarray(values, object)
    return np.array([getattr(v, "data", v) for v in array.ravel()], float).reshape(array.shape)


def shuffle(layer: nn.Module) -> None:
    """Give every parameter a number of its own, so that none is 0 or 1 by chance."""
    for parameter, number in zip(
        layer.parameters(), GENERATOR.normal(0, 0.7, len(layer.parameters())), strict=True
    ):
        parameter.data = float(number)


def matrix(layer: nn.Linear) -> tuple[np.ndarray, np.ndarray]:
    weights = numbers([neuron.weights for neuron in layer.neurons])
    if not layer.has_bias:
        return weights, np.zeros(len(weights))
    return weights, numbers([neuron.bias for neuron in layer.neurons])


def linear(layer: nn.Linear, x: np.ndarray) -> np.ndarray:
    weights, biases = matrix(layer)
    return x @ weights.T + biases


def sigma(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


def layer_norm(layer: nn.LayerNorm, x: np.ndarray) -> np.ndarray:
    scaled = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + layer.epsilon)
    return scaled * numbers(layer.gains) + numbers(layer.biases)


def rms_norm(layer: nn.RMSNorm, x: np.ndarray) -> np.ndarray:
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + layer.epsilon) * numbers(layer.gains)


def attention(layer: nn.MultiheadAttention, x: np.ndarray) -> np.ndarray:
    q, k, v = (linear(part, x) for part in (layer.query, layer.key, layer.value))
    mixed = np.zeros_like(x)
    size = layer.width // layer.heads
    for head in range(layer.heads):
        own = slice(head * size, (head + 1) * size)
        scores = q[:, own] @ k[:, own].T / math.sqrt(size)
        if layer.causal:
            scores[np.triu_indices(len(x), 1)] = -math.inf
        shares = np.exp(scores - scores.max(1, keepdims=True))
        mixed[:, own] = shares / shares.sum(1, keepdims=True) @ v[:, own]
    return linear(layer.output, mixed)


def rnn(layer: nn.RNN, x: np.ndarray) -> np.ndarray:
    h, states = np.zeros(layer.width), []
    for row in x:
        h = np.tanh(linear(layer.of_input, row) + linear(layer.of_state, h))
        states.append(h)
    return np.array(states)


def gru(layer: nn.GRU, x: np.ndarray) -> np.ndarray:
    h, states = np.zeros(layer.width), []
    for row in x:
        of_row = np.split(linear(layer.of_input, row), 3)
        of_state = np.split(linear(layer.of_state, h), 3)
        r, z = sigma(of_row[0] + of_state[0]), sigma(of_row[1] + of_state[1])
        h = (1 - z) * np.tanh(of_row[2] + r * of_state[2]) + z * h
        states.append(h)
    return np.array(states)


def lstm(layer: nn.LSTM, x: np.ndarray) -> np.ndarray:
    h, c, states = np.zeros(layer.width), np.zeros(layer.width), []
    for row in x:
        i, f, g, o = np.split(linear(layer.of_input, row) + linear(layer.of_state, h), 4)
        c = sigma(f) * c + sigma(i) * np.tanh(g)
        h = sigma(o) * np.tanh(c)
        states.append(h)
    return np.array(states)


def positions(layer: nn.PositionalEmbedding, x: np.ndarray) -> np.ndarray:
    return x + numbers(layer.rows)[: len(x)]


def window(layer: nn.Window, x: np.ndarray) -> np.ndarray:
    before = [np.roll(x, i, 0) * (np.arange(len(x)) >= i)[:, None] for i in range(layer.size)]
    return np.concatenate(before[::-1], 1)


def residual(layer: nn.Residual, x: np.ndarray) -> np.ndarray:
    first, second = layer.layers
    return x + linear(second, np.maximum(linear(first, x), 0))  # type: ignore[arg-type]


LAYERS: dict[str, tuple[Callable[[], Any], Callable[[Any, np.ndarray], np.ndarray]]] = {
    "linear": (lambda: nn.Linear(4, 3, seed=0), linear),
    "linear without biases": (lambda: nn.Linear(4, 3, seed=0, bias=False), linear),
    "residual": (
        lambda: nn.Residual(nn.Linear(4, 6, "relu", seed=0), nn.Linear(6, 4, seed=1)), residual,
    ),
    "layer norm": (lambda: nn.LayerNorm(4), layer_norm),
    "RMS norm": (lambda: nn.RMSNorm(4, epsilon=1e-3), rms_norm),
    "attention": (lambda: nn.MultiheadAttention(4, 2, seed=0), attention),
    "causal attention": (
        lambda: nn.MultiheadAttention(4, 2, causal=True, bias=False, seed=0), attention,
    ),
    "one head": (lambda: nn.MultiheadAttention(4, 1, causal=True, seed=0), attention),
    "RNN": (lambda: nn.RNN(4, 3, seed=0), rnn),
    "GRU": (lambda: nn.GRU(4, 3, seed=0), gru),
    "LSTM": (lambda: nn.LSTM(4, 3, seed=0), lstm),
    "positions": (lambda: nn.PositionalEmbedding(6, 4, seed=0), positions),
    "window": (lambda: nn.Window(3), window),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
@given(length=st.integers(1, 6))
def test_layers_are_their_formulas(name: str, length: int) -> None:
    make, formula = LAYERS[name]
    layer = make()
    shuffle(layer)
    x = GENERATOR.normal(size=(length, 4))
    expected = formula(layer, x)
    assert layer.output_shape(x.shape) == expected.shape
    np.testing.assert_allclose(numbers(layer.of_example(x)), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer(x[None]).data, [expected.ravel()], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("target", ["numpy", "native"])
@pytest.mark.parametrize("name", LAYERS)
def test_compiled_layers_are_their_formulas(name: str, target: str) -> None:
    make, formula = LAYERS[name]
    layer = make()
    shuffle(layer)
    batch = GENERATOR.normal(size=(3, 5, 4))
    found = compile(lambda x: layer(x), batched="x", target=target)(batch)
    expected = [formula(layer, x) for x in batch]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_of_layers(name: str) -> None:
    layer = LAYERS[name][0]()
    shuffle(layer)
    weights = GENERATOR.normal(size=layer.output_shape((3, 4)))

    def loss(x: Any) -> Any:
        return (layer.of_example(x) * weights).sum()

    x = GENERATOR.normal(size=(3, 4))
    check_gradient(loss, x)
    parameters = layer.parameters()
    if not parameters:
        return
    loss(x).backward()
    eager = [parameter.grad for parameter in parameters]
    f = compile(loss, batched="x", target="numpy")
    f(x[None])
    _, slopes = f.captured_gradient(np.array([v.data for v in f.captured]), x[None])
    compiled = dict(zip(f.captured, slopes.tolist(), strict=True))
    np.testing.assert_allclose(
        [compiled.get(parameter, 0.0) for parameter in parameters], eager, rtol=1e-10, atol=1e-12
    )


def test_an_embedding_is_its_rows() -> None:
    layer = nn.Embedding(5, 3, seed=0)
    np.testing.assert_array_equal(numbers(layer([4, 0, 4])), numbers(layer.rows)[[4, 0, 4]])
    assert layer.output_shape((7,)) == (7, 3)
    with pytest.raises(ValueError, match="a whole number from 0 to 4, got 5"):
        layer([5])


def test_shares_of_attention_add_up_to_one_and_see_nothing_ahead() -> None:
    layer = nn.MultiheadAttention(6, 3, causal=True, seed=0)
    shares = layer.shares(GENERATOR.normal(size=(4, 6)))
    assert [[len(row) for row in head] for head in shares] == [[1, 2, 3, 4]] * 3
    for head in shares:
        for row in head:
            assert math.fsum(share.data for share in row) == pytest.approx(1, rel=1e-14)


def test_an_lstm_begins_by_keeping() -> None:
    layer = nn.LSTM(2, 3, seed=0)
    biases = [neuron.bias.data for neuron in layer.of_input.neurons]
    assert biases == [*[0.0] * 3, *[1.0] * 3, *[0.0] * 6]


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: nn.Embedding(0, 2), "Embedding: count must be a whole number of at least 1, got 0"),
    (lambda: nn.MultiheadAttention(6, 4), "width must be a multiple of heads, got 6 and 4"),
    (lambda: nn.LayerNorm(3, epsilon=0.0), "epsilon must be above 0 and below 1, got 0.0"),
    (lambda: nn.LayerNorm(3)([1.0, 2.0]), r"LayerNorm\(3\) expects rows of 3 scalars"),
    (lambda: nn.RNN(3, 2)(np.ones((2, 4))), r"RNN expects rows of shape \(length, 3\)"),
    (lambda: nn.PositionalEmbedding(2, 3)(np.ones((4, 3))), "has 2 positions, got 4 rows"),
    (lambda: nn.MultiheadAttention(4, 2)([1.0] * 4), r"rows of shape \(length, 4\), got shape"),
    (lambda: nn.Window(0), "Window: size must be a whole number"),
    (lambda: nn.Window(2)([1.0]), r"expects rows of shape \(length, width\)"),
    (lambda: nn.Residual(nn.Linear(3, 2, seed=0))([1.0] * 3), r"keep the shape, and made \(2,\)"),
    (lambda: nn.Embedding(3, 2).output_shape((2, 2)), "expects a list of indices"),
]


@pytest.mark.parametrize(("make", "complaint"), WRONG)
def test_what_does_not_fit_is_said(make: Callable[[], Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make()


def test_models_of_sequences_come_back_from_their_files(tmp_path: Path) -> None:
    model = nn.Sequential(
        nn.Embedding(5, 4, seed=0), nn.PositionalEmbedding(6, 4, seed=1),
        nn.Residual(nn.RMSNorm(4), nn.MultiheadAttention(4, 2, causal=True, seed=2)),
        nn.LayerNorm(4), nn.Window(2), nn.GRU(8, 3, seed=3), nn.LSTM(3, 3, seed=4),
        nn.RNN(3, 4, seed=5), nn.Linear(4, 5, seed=6, bias=False),
    )  # fmt: skip
    shuffle(model)
    again = files.load(files.save(model, tmp_path / "model.npz"))
    assert repr(again) == repr(model)
    np.testing.assert_array_equal(numbers(again([1, 0, 4])), numbers(model([1, 0, 4])))
    assert model.output_shape((6,)) == (6, 5)
