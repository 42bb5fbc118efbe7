"""Layers and losses beside PyTorch's: values and both gradients, eager and compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from autodiff import Value, compile, nn
from autodiff.functions import fsum

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]
torch = pytest.importorskip("torch", reason="needs PyTorch: make peers")

GENERATOR = np.random.default_rng(0)
Case = tuple[Callable[[], nn.Module], Callable[[nn.Module], Any], tuple[int, ...]]


def numbers(values: Any) -> np.ndarray:
    array = np.asarray(values, object)
    return np.array([getattr(v, "data", v) for v in array.ravel()], float).reshape(array.shape)


def grads(values: Any) -> np.ndarray:
    array = np.asarray(values, object)
    return np.array([v.grad for v in array.ravel()]).reshape(array.shape)


def put(theirs: Any, ours: Any) -> Any:
    """Their tensor with our numbers, and beside it what they are, for the gradients."""
    with torch.no_grad():
        theirs.copy_(torch.tensor(numbers(ours)).reshape(theirs.shape))
    return ours


Pairs = list[tuple[Any, Any]]
"""Their parameters, and our Values in the same order."""


def weights_of(layer: nn.Linear) -> list[Any]:
    return [neuron.weights for neuron in layer.neurons]


def biases_of(layer: nn.Linear) -> list[Any]:
    return [neuron.bias for neuron in layer.neurons]


def linear(layer: Any) -> tuple[Any, Pairs]:
    theirs = torch.nn.Linear(layer.inputs, len(layer.neurons), bias=layer.has_bias)
    pairs = [(theirs.weight, weights_of(layer))]
    return theirs, pairs + ([(theirs.bias, biases_of(layer))] if layer.has_bias else [])


def layer_norm(layer: Any) -> tuple[Any, Pairs]:
    theirs = torch.nn.LayerNorm(layer.width, eps=layer.epsilon)
    return theirs, [(theirs.weight, layer.gains), (theirs.bias, layer.biases)]


def rms_norm(layer: Any) -> tuple[Any, Pairs]:
    theirs = torch.nn.RMSNorm(layer.width, eps=layer.epsilon)
    return theirs, [(theirs.weight, layer.gains)]


def attention(layer: Any) -> tuple[Any, Pairs]:
    theirs = torch.nn.MultiheadAttention(
        layer.width, layer.heads, bias=layer.bias, batch_first=True
    )
    first = [layer.query, layer.key, layer.value]
    pairs = [
        (theirs.in_proj_weight, [weights_of(part) for part in first]),
        (theirs.out_proj.weight, weights_of(layer.output)),
    ]
    if layer.bias:
        pairs += [
            (theirs.in_proj_bias, [biases_of(part) for part in first]),
            (theirs.out_proj.bias, biases_of(layer.output)),
        ]

    def run(x: Any) -> Any:
        mask = torch.triu(torch.ones(len(x), len(x), dtype=torch.bool), 1)
        own = x[None]
        return theirs(own, own, own, attn_mask=mask if layer.causal else None)[0][0]

    run.module = theirs  # type: ignore[attr-defined]
    return run, pairs


def recurrent(kind: Any) -> Callable[[Any], tuple[Any, Pairs]]:
    def make(layer: Any) -> tuple[Any, Pairs]:
        theirs = kind(layer.inputs, layer.width, batch_first=True)
        with torch.no_grad():
            theirs.bias_hh_l0.zero_()
        pairs = [
            (theirs.weight_ih_l0, weights_of(layer.of_input)),
            (theirs.weight_hh_l0, weights_of(layer.of_state)),
            (theirs.bias_ih_l0, biases_of(layer.of_input)),
        ]
        if layer.of_state.has_bias:
            pairs.append((theirs.bias_hh_l0, biases_of(layer.of_state)))

        def run(x: Any) -> Any:
            return theirs(x[None])[0][0]

        run.module = theirs  # type: ignore[attr-defined]
        return run, pairs

    return make


def convolution(layer: Any) -> tuple[Any, Pairs]:
    theirs = torch.nn.Conv2d(
        layer.channels, layer.filters, layer.size, stride=layer.stride, padding=layer.padding,
        dilation=layer.dilation, groups=layer.groups, bias=layer.bias,
    )  # fmt: skip
    return theirs, [(theirs.weight, layer.weights), *[(theirs.bias, layer.biases)] * layer.bias]


def transposed(layer: Any) -> tuple[Any, Pairs]:
    theirs = torch.nn.ConvTranspose2d(
        layer.channels, layer.filters, layer.size, stride=layer.stride, padding=layer.padding
    )
    return theirs, [(theirs.weight, layer.weights), (theirs.bias, layer.biases)]


def plain(make: Callable[[], Any]) -> Callable[[Any], tuple[Any, Pairs]]:
    return lambda layer: (make(), [])


def positions(layer: Any) -> tuple[Any, Pairs]:
    theirs = torch.nn.Embedding(layer.length, layer.width)
    return (lambda x: x + theirs(torch.arange(len(x)))), [(theirs.weight, layer.rows)]


ROWS, PLANES = (5, 4), (4, 6, 7)
LAYERS: dict[str, Case] = {
    "Linear": (lambda: nn.Linear(4, 3, seed=0), linear, ROWS),
    "Linear without biases": (lambda: nn.Linear(4, 3, seed=0, bias=False), linear, ROWS),
    "LayerNorm": (lambda: nn.LayerNorm(4), layer_norm, ROWS),
    "RMSNorm": (lambda: nn.RMSNorm(4), rms_norm, ROWS),
    "attention": (lambda: nn.MultiheadAttention(4, 2, seed=0), attention, ROWS),
    "causal attention": (
        lambda: nn.MultiheadAttention(4, 2, causal=True, bias=False, seed=0), attention, ROWS,
    ),
    "RNN": (lambda: nn.RNN(4, 3, seed=0), recurrent(torch.nn.RNN), ROWS),
    "GRU": (lambda: nn.GRU(4, 3, seed=0), recurrent(torch.nn.GRU), ROWS),
    "LSTM": (lambda: nn.LSTM(4, 3, seed=0), recurrent(torch.nn.LSTM), ROWS),
    "positions": (lambda: nn.PositionalEmbedding(6, 4, seed=0), positions, ROWS),
    "ELU": (lambda: nn.ELU(0.7), plain(lambda: torch.nn.ELU(0.7)), ROWS),
    "SiLU": (nn.SiLU, plain(torch.nn.SiLU), ROWS),
    "Softplus": (nn.Softplus, plain(torch.nn.Softplus), ROWS),
    "convolution": (
        lambda: nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2,
                          seed=0),
        convolution, PLANES,
    ),
    "same padding": (
        lambda: nn.Conv2d(4, 2, (3, 4), padding="same", bias=False, seed=0), convolution, PLANES,
    ),
    "transposed": (
        lambda: nn.ConvTranspose2d(4, 2, (2, 3), stride=(2, 1), padding=(0, 1), seed=0),
        transposed, PLANES,
    ),
    "MaxPool2d": (
        lambda: nn.MaxPool2d(3, 2), plain(lambda: torch.nn.MaxPool2d(3, 2)), PLANES,
    ),
    "AvgPool2d": (
        lambda: nn.AvgPool2d((2, 3), (1, 2)), plain(lambda: torch.nn.AvgPool2d((2, 3), (1, 2))),
        PLANES,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str) -> None:
    make, peer, shape = LAYERS[name]
    layer = make()
    for parameter in layer.parameters():
        parameter.data = float(GENERATOR.normal(0, 0.6))
    theirs, pairs = peer(layer)
    module = getattr(theirs, "module", theirs)
    if isinstance(module, torch.nn.Module):
        module.double()
    for parameter, values in pairs:
        parameter.data = parameter.data.double()
        put(parameter, values)
    x = GENERATOR.normal(size=shape)
    given = torch.tensor(x, requires_grad=True)
    their_result = theirs(given)
    weights = GENERATOR.normal(size=tuple(their_result.shape))
    (their_result * torch.tensor(weights)).sum().backward()

    own = np.array([Value(a) for a in x.ravel()], object).reshape(shape)
    result = layer(own)
    _agree(numbers(result), their_result.detach().numpy())
    fsum((np.asarray(result) * weights).ravel()).backward()
    _agree(grads(own), given.grad.numpy())
    for parameter, values in pairs:
        _agree(grads(values), parameter.grad.numpy().reshape(np.shape(grads(values))))
    _compiled_agrees(layer, x, weights, own)


def _compiled_agrees(layer: nn.Module, x: np.ndarray, weights: np.ndarray, own: Any) -> None:
    """The same loss as a program: its gradients with respect to x and to the parameters."""
    f = compile(lambda x: (layer(x) * weights).sum(), batched="x")
    _, slope = f.value_and_grad(x[None])
    _agree(slope[0], grads(own))
    if f.captured:
        _, slopes = f.captured_gradient(np.array([v.data for v in f.captured]), x[None])
        _agree(slopes, grads(f.captured))


def _agree(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("BatchNorm1d", (6, 3)), ("BatchNorm1d", (4, 3, 5)), ("BatchNorm2d", (3, 2, 4, 5))],
)
def test_batch_normalization(kind: str, shape: tuple[int, ...]) -> None:
    layer = getattr(nn, kind)(shape[1], momentum=0.3)
    theirs = getattr(torch.nn, kind)(shape[1], momentum=0.3).double()
    for parameter in layer.parameters():
        parameter.data = float(GENERATOR.normal())
    put(theirs.weight, layer.gains)
    put(theirs.bias, layer.biases)
    x, weights = GENERATOR.normal(1.0, 2.0, shape), GENERATOR.normal(size=shape)
    given = torch.tensor(x, requires_grad=True)
    their_result = theirs(given)
    (their_result * torch.tensor(weights)).sum().backward()

    own = np.array([Value(a) for a in x.ravel()], object).reshape(shape)
    result = layer.of_batch(own)
    fsum((result * weights).ravel()).backward()
    _agree(numbers(result), their_result.detach().numpy())
    _agree(grads(own), given.grad.numpy())
    _agree(grads(layer.gains), theirs.weight.grad.numpy())
    _agree(numbers(layer.running.means), theirs.running_mean.numpy())
    _agree(numbers(layer.running.variances), theirs.running_var.numpy())
    f = compile(lambda x, w: (layer(x) * w).sum(), batched=("x", "w"))
    _, slope = f.value_and_grad(x, weights)
    _agree(slope, given.grad.numpy())
    _agree(numbers(layer.eval().of_batch(x)), theirs.eval()(given).detach().numpy())


@pytest.mark.parametrize("places", [[3], [0, 2, 0, 4]])
def test_embedding(places: Sequence[int]) -> None:
    layer = nn.Embedding(5, 3, seed=0)
    theirs = torch.nn.Embedding(5, 3).double()
    put(theirs.weight, layer.rows)
    weights = GENERATOR.normal(size=(len(places), 3))
    (theirs(torch.tensor(places)) * torch.tensor(weights)).sum().backward()
    fsum((layer(places) * weights).ravel()).backward()
    _agree(grads(layer.rows), theirs.weight.grad.numpy())
    f = compile(lambda x: (layer(x) * weights).sum(), batched="x")
    x = np.array([places], float)
    f(x)
    _, slopes = f.captured_gradient(np.array([v.data for v in f.captured]), x)
    _agree(slopes, grads(f.captured))


def one_hot(label: int) -> Any:
    return torch.nn.functional.one_hot(torch.tensor(label), 4).double()


LOSSES: dict[str, Callable[[Any], Any]] = {
    "cross_entropy": lambda z: torch.nn.CrossEntropyLoss()(z[None], torch.tensor([2])),
    "nll": lambda z: torch.nn.NLLLoss()(z[None], torch.tensor([2])),
    "hinge": lambda z: 4 * torch.nn.MultiMarginLoss()(z[None], torch.tensor([2])),
    "mse": lambda z: torch.nn.MSELoss()(z, one_hot(2)),
    "mae": lambda z: torch.nn.L1Loss()(z, one_hot(2)),
    "binary_cross_entropy": lambda z: torch.nn.BCEWithLogitsLoss()(z, one_hot(2)),
    "huber": lambda z: torch.nn.HuberLoss()(z, one_hot(2)),
    "kl": lambda z: torch.nn.KLDivLoss(reduction="batchmean")(z[None], one_hot(2)[None]),
}


@pytest.mark.parametrize("name", nn.losses.LOSSES)
def test_losses(name: str) -> None:
    z = np.array([0.3, -1.7, 0.9, 2.4])
    given = torch.tensor(z, requires_grad=True)
    expected = LOSSES[name](given)
    expected.backward()
    own = [Value(a) for a in z]
    loss = nn.losses.LOSSES[name](own, 2)
    loss.backward()
    _agree(loss.data, expected.item())
    _agree(grads(own), given.grad.numpy())


def test_probabilities_as_targets() -> None:
    z, t = np.log([0.1, 0.2, 0.3, 0.4]), np.array([0.25, 0.0, 0.5, 0.25])
    expected = torch.nn.KLDivLoss(reduction="sum")(torch.tensor(z), torch.tensor(t))
    _agree(nn.kl_divergence(z.tolist(), t.tolist()), expected.item())
    f = compile(nn.kl_divergence, batched=("log_probabilities", "target"))
    _agree(f(z[None], t[None]), [expected.item()])
