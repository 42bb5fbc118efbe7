"""Layers and losses against NumPy, closed forms and, where it is installed, PyTorch."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff import Value, check_gradient, compile, nn, value_and_grad
from autodiff.nn import files
from conftest import THOROUGH

GENERATOR = np.random.default_rng(0)


def numbers(values: Any) -> np.ndarray:
    """The plain numbers of Values in any structure."""
    array = np.asarray(values, object)
    result = np.array([getattr(v, "data", v) for v in array.ravel()], float)
    return result.reshape(array.shape)


# ------------------------------------------------------------------------------------ activations

ACTIVATIONS: list[tuple[nn.Module, Callable[[Any], Any]]] = [
    (nn.ReLU(), lambda a: max(a, mpmath.mpf(0))),
    (nn.LeakyReLU(0.1), lambda a: a if a > 0 else mpmath.mpf(0.1) * a),
    (nn.Sigmoid(), lambda a: 1 / (1 + mpmath.exp(-a))),
    (nn.Tanh(), mpmath.tanh),
    (nn.GELU(), lambda a: a * mpmath.ncdf(a)),
    (nn.ELU(0.7), lambda a: a if a > 0 else mpmath.mpf(0.7) * mpmath.expm1(a)),
    (nn.SiLU(), lambda a: a / (1 + mpmath.exp(-a))),
    (nn.Softplus(), lambda a: mpmath.log1p(mpmath.exp(a))),
]


@pytest.mark.parametrize(("layer", "oracle"), ACTIVATIONS, ids=range(len(ACTIVATIONS)))
@given(a=st.floats(-20, 20))
def test_activations(layer: nn.Module, oracle: Callable[[Any], Any], a: float) -> None:
    with mpmath.workdps(30):
        expected = float(oracle(mpmath.mpf(a)))
    assert layer([a])[0] == pytest.approx(expected, rel=1e-12, abs=1e-15)
    array = np.array([[Value(a), Value(-a)]], object)
    assert layer(array).shape == (1, 2)


@given(st.lists(st.floats(-700, 700), min_size=1, max_size=6))
def test_softmax_and_its_logarithm(logits: list[float]) -> None:
    with mpmath.workdps(30):
        total = mpmath.fsum([mpmath.exp(z) for z in logits])
        expected = [mpmath.exp(z) / total for z in logits]
        logarithms = [float(mpmath.log(p)) for p in expected]
    assert nn.Softmax()(logits) == pytest.approx([float(p) for p in expected], rel=1e-9, abs=1e-300)
    assert nn.LogSoftmax()(logits) == pytest.approx(logarithms, rel=1e-12, abs=1e-12)


# ----------------------------------------------------------------------------------------- layers


def convolution(weights: np.ndarray, x: np.ndarray, stride: int, padding: int) -> np.ndarray:
    """The definition, as loops."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    filters, channels, size, _ = weights.shape
    height, width = ((side - size) // stride + 1 for side in x.shape[1:])
    out = np.zeros((filters, height, width))
    for o, i, j, c, u, v in np.ndindex(filters, height, width, channels, size, size):
        out[o, i, j] += weights[o, c, u, v] * x[c, stride * i + u, stride * j + v]
    return out


def transposed(weights: np.ndarray, x: np.ndarray, stride: int, padding: int) -> np.ndarray:
    """The definition, as loops: each input is spread over a window."""
    _, filters, size, _ = weights.shape
    height, width = ((side - 1) * stride + size for side in x.shape[1:])
    out = np.zeros((filters, height, width))
    for c, i, j in np.ndindex(x.shape):
        for o, u, v in np.ndindex(filters, size, size):
            out[o, stride * i + u, stride * j + v] += weights[c, o, u, v] * x[c, i, j]
    return out[:, padding : height - padding, padding : width - padding]


SHAPES = st.tuples(
    st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(0, 1)
)


@pytest.mark.parametrize(
    ("kind", "definition"), [(nn.Conv2d, convolution), (nn.ConvTranspose2d, transposed)]
)
@given(shape=SHAPES, side=st.integers(3, 5))
def test_convolutions_are_their_definitions(
    kind: Any, definition: Any, shape: tuple[int, ...], side: int
) -> None:
    channels, filters, size, stride, padding = shape
    layer = kind(channels, filters, size, stride=stride, padding=padding, seed=1)
    ends = (filters, channels) if kind is nn.Conv2d else (channels, filters)
    weights = numbers(layer.weights).reshape(*ends, size, size)
    for i, bias in enumerate(layer.biases):
        bias.data = 0.25 * i
    x = GENERATOR.normal(size=(channels, side, side + 1))
    try:
        expected_shape = layer.output_shape(x.shape)
    except ValueError:
        return
    biases = 0.25 * np.arange(filters)[:, None, None]
    found = numbers(layer(x.astype(object)))
    assert found.shape == expected_shape
    expected = definition(weights, x, stride, padding) + biases
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def windows_of(weights: np.ndarray, x: np.ndarray, layer: nn.Conv2d) -> np.ndarray:
    """The definition, as loops: strides, gaps, margins and groups."""
    (rows, columns), (down, across), (high, wide) = layer.size, layer.stride, layer.dilation
    if layer.padding == "same":
        missing = (high * (rows - 1), wide * (columns - 1))
        margins = [(m // 2, m - m // 2) for m in missing]
    else:
        margins = [(p, p) for p in layer.padding]
    x = np.pad(x, ((0, 0), *margins))
    filters, each = weights.shape[:2]
    height = (x.shape[1] - high * (rows - 1) - 1) // down + 1
    width = (x.shape[2] - wide * (columns - 1) - 1) // across + 1
    out = np.zeros((filters, height, width))
    for o, i, j, c, u, v in np.ndindex(filters, height, width, each, rows, columns):
        plane = o // (filters // layer.groups) * each + c
        out[o, i, j] += weights[o, c, u, v] * x[plane, down * i + high * u, across * j + wide * v]
    return out


CONVOLUTIONS: list[dict[str, Any]] = [
    {"size": (1, 3), "padding": "same"},
    {"size": (2, 4), "padding": "same", "dilation": (2, 1)},
    {"size": (3, 2), "stride": (2, 1), "padding": (1, 2), "groups": 2},
    {"size": 2, "dilation": 2, "groups": 4, "bias": False},
]


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
def test_convolutions_of_every_shape(options: dict[str, Any], tmp_path: Path) -> None:
    layer = nn.Conv2d(4, 8, seed=1, **options)
    weights = numbers(layer.weights).reshape(8, 4 // layer.groups, *layer.size)
    x = GENERATOR.normal(size=(4, 5, 6))
    expected = windows_of(weights, x, layer)
    assert layer.output_shape(x.shape) == expected.shape
    np.testing.assert_allclose(numbers(layer(x.astype(object))), expected, rtol=1e-12, atol=1e-12)
    found = compile(lambda x: layer(x), batched="x", target="numpy")(x[None])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    again = files.load(files.save(layer, tmp_path / "layer.npz"))
    assert again.specification() == layer.specification()


@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, 1), ((1, 2), (2, 1)), (2, 3)])
def test_pooling_of_every_shape(size: Any, stride: Any) -> None:
    x = GENERATOR.normal(size=(2, 5, 7))
    for kind, of_window in ((nn.MaxPool2d, np.max), (nn.AvgPool2d, np.mean)):
        layer = kind(size, stride)
        (rows, columns), (down, across) = layer.size, layer.stride
        shape = layer.output_shape(x.shape)
        expected = np.empty(shape)
        for c, i, j in np.ndindex(shape):
            top, left = i * down, j * across
            expected[c, i, j] = of_window(x[c, top : top + rows, left : left + columns])
        np.testing.assert_allclose(numbers(layer(x.astype(object))), expected, rtol=1e-13)


def test_a_shared_weight_gets_the_gradients_of_all_its_uses() -> None:
    layer = nn.Conv2d(1, 1, 2, seed=0)
    x = GENERATOR.normal(size=(1, 4, 4))
    out = layer(x.astype(object))
    sum(out.ravel() ** 2).backward()  # type: ignore[union-attr]
    values = numbers(out)[0]
    for place, weight in enumerate(layer.weights[0]):
        u, v = divmod(place, 2)
        assert weight.grad == pytest.approx(2 * (values * x[0, u : u + 3, v : v + 3]).sum())


def test_a_convolution_compiles_to_a_product() -> None:
    model = nn.Sequential(
        nn.Reshape((1, 8, 8)), nn.Conv2d(1, 3, 3, seed=0), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(27, 4, seed=1),
    )  # fmt: skip
    f = compile(lambda x: model(list(x)), batched="x")
    x = GENERATOR.normal(size=(5, 64))
    expected = [numbers(model(row.tolist())) for row in x]
    np.testing.assert_allclose(np.array(f(x)).T, expected, rtol=1e-10)
    assert f.stats["products"] == 2


def test_pooling_takes_the_largest_of_each_square() -> None:
    x = GENERATOR.normal(size=(2, 5, 6))
    found = numbers(nn.MaxPool2d(2)(x.astype(object)))
    expected = x[:, :4].reshape(2, 2, 2, 3, 2).max((2, 4))
    np.testing.assert_array_equal(found, expected)


def test_a_sequence_of_layers_has_scopes_and_shapes() -> None:
    model = nn.Sequential(nn.Dense(3, 4, seed=0), nn.ReLU(), nn.Linear(4, 2, "tanh", seed=1))
    assert model.output_shape((3,)) == (2,)
    assert [p.scope for p in model.parameters()][-1] == "layer3/neuron1"
    assert [out.scope for out in model([1.0, 2.0, 3.0])] == ["layer3/neuron0", "layer3/neuron1"]
    assert repr(model) == "Sequential(Dense(4), ReLU(), Linear(4, 2, tanh))"
    with pytest.raises(ValueError, match=r"layer 3: Linear\(4, 2, tanh\) expects shape \(4,\)"):
        nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(4, 2, "tanh")).output_shape((3,))
    with pytest.raises(TypeError, match="expected modules, got int 3"):
        nn.Sequential(nn.ReLU(), 3)  # type: ignore[arg-type]


def test_layers_without_a_seed_differ() -> None:
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    assert first.neurons[0].weights[0].data != second.neurons[0].weights[0].data


@pytest.mark.parametrize(
    ("make", "inputs", "complaint"),
    [
        (lambda: nn.Linear(3, 2), np.ones((3, 1), object), "put Flatten"),
        (lambda: nn.Conv2d(1, 2, 3), [1.0] * 9, r"put Reshape\(\(1, height, width\)\) before it"),
        (lambda: nn.Conv2d(2, 2, 3), np.ones((1, 3, 3)), r"expects 2 channel\(s\)"),
        (lambda: nn.Conv2d(1, 2, 3), np.ones((1, 2, 2)), "larger window than its input"),
        (lambda: nn.Reshape((1, 2)), [1.0], "expects 2 scalars"),
        (lambda: nn.MaxPool2d(3), np.ones((1, 2, 2)), "at least one square"),
    ],
)
def test_signals_that_do_not_fit(make: Any, inputs: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make()(inputs)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: nn.Linear(0, 2), "needs positive whole numbers, got 0 and 2"),
        (lambda: nn.Linear(2, 2, "step"), "unknown activation 'step'"),
        (lambda: nn.Conv2d(1, 1, 0), "Conv2d: size must be a whole number of at least 1, got 0"),
        (lambda: nn.Conv2d(1, 1, 1, padding=-1), "padding must be a whole number of at least 0"),
        (lambda: nn.Dropout(1.0), "must be at least 0 and below 1, got 1.0"),
        (lambda: nn.MaxPool2d(0), "MaxPool2d: size"),
        (lambda: nn.AvgPool2d(2, (1, 0)), "AvgPool2d: stride must be a whole number"),
        (lambda: nn.Conv2d(1, 1, (1, 2, 3)), "Conv2d: size must be one whole number or two"),
        (lambda: nn.Conv2d(2, 3, 1, groups=2), "groups must divide the channels and the filters"),
        (lambda: nn.Conv2d(1, 1, 3, stride=2, padding="same"), "goes with stride 1, got 2"),
        (lambda: nn.Conv2d(1, 1, 3, padding="valid"), "padding must be a whole number"),
        (lambda: nn.ConvTranspose2d(1, 1, 3, padding="same"), "padding must be a whole number"),
        (lambda: nn.ELU(0.0), "ELU: scale must be positive and finite, got 0.0"),
        (lambda: nn.huber([1.0], [2.0], delta=0.0), "delta must be positive, got 0.0"),
    ],
)
def test_layers_that_cannot_be(make: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make()


# ---------------------------------------------------------------------------------------- dropout


def test_dropout_keeps_the_mean_and_drops_its_share() -> None:
    layer = nn.Dropout(0.3, seed=0)
    out = np.array(layer([1.0] * 20_000))
    assert set(np.unique(out)) == {0.0, 1 / 0.7}
    assert np.mean(out == 0) == pytest.approx(0.3, abs=5 * math.sqrt(0.21 / 20_000))


def test_dropout_is_for_training_alone() -> None:
    model = nn.Sequential(nn.Linear(2, 3, seed=0), nn.Sequential(nn.Dropout(0.5, seed=1)))
    x = [1.0, 2.0]
    assert [v.data for v in model.eval()(x)] == [v.data for v in model.layers[0](x)]
    assert any(v.data == 0.0 for _ in range(9) for v in model.train()(x))


# ----------------------------------------------------------------------------------------- losses

OUTPUTS = st.lists(st.floats(-30, 30), min_size=2, max_size=5)


def by_hand(name: str, outputs: list[float], target: list[float]) -> float:
    """The textbook formula, in NumPy, without care for overflow."""
    z, t = np.array(outputs), np.array(target)
    if name == "cross_entropy":
        return float(np.log(np.exp(z).sum()) - t @ z)
    if name == "nll":
        return float(-t @ z)
    if name == "hinge":
        return float(
            sum(max(0.0, s - t @ z + 1) for s, right in zip(z, t, strict=True) if not right)
        )
    if name == "mse":
        return float(((z - t) ** 2).mean())
    if name == "mae":
        return float(np.abs(z - t).mean())
    if name == "huber":
        d = np.abs(z - t)
        return float(np.where(d <= 1, d**2 / 2, d - 0.5).mean())
    if name == "kl":
        return float(sum(p * (math.log(p) - q) for p, q in zip(target, outputs, strict=True) if p))
    with mpmath.workdps(40):
        chances = [1 / (1 + mpmath.exp(-a)) for a in outputs]
        logs = [mpmath.log(p if right else 1 - p) for p, right in zip(chances, t, strict=True)]
        return float(-mpmath.fsum(logs) / len(logs))


@pytest.mark.parametrize("name", nn.losses.LOSSES)
@given(outputs=OUTPUTS, data=st.data())
def test_losses_are_their_formulas(name: str, outputs: list[float], data: st.DataObject) -> None:
    label = data.draw(st.integers(0, len(outputs) - 1))
    target = [float(i == label) for i in range(len(outputs))]
    loss = nn.losses.LOSSES[name]
    expected = by_hand(name, outputs, target)
    assert loss(outputs, label) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert loss(outputs, target) == pytest.approx(loss(outputs, label), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", nn.losses.LOSSES)
def test_gradients_of_losses(name: str) -> None:
    loss = nn.losses.LOSSES[name]
    check_gradient(lambda z: loss(z, 1), [0.3, -1.2, 2.0])
    check_gradient(lambda z: loss(z, [0.0, 0.0, 1.0]), [0.3, -1.2, 2.0])


@pytest.mark.parametrize("size", [1e3, 1e300])
def test_losses_never_overflow(size: float) -> None:
    logits = [Value(size), Value(-size), Value(0.0)]
    for name in ("cross_entropy", "hinge", "binary_cross_entropy", "mae"):
        loss = nn.losses.LOSSES[name](logits, 0)
        loss.backward()
        assert math.isfinite(loss.data)
        assert all(math.isfinite(logit.grad) for logit in logits)


def test_penalties() -> None:
    weights = [Value(1.0), Value(-2.0)]
    nn.l2_penalty(weights, 0.1).backward()
    assert [w.grad for w in weights] == pytest.approx([0.2, -0.4])
    nn.l1_penalty(weights, 0.5).backward()
    assert [w.grad for w in weights] == pytest.approx([0.7, -0.9])


@pytest.mark.parametrize("name", nn.losses.LOSSES)
def test_targets_that_do_not_fit(name: str) -> None:
    loss = nn.losses.LOSSES[name]
    with pytest.raises(ValueError, match=r"label must be one of 0 \.\.\. 2, got 3"):
        loss([1.0, 2.0, 3.0], 3)
    with pytest.raises(ValueError, match=r"for each of 3 .*, got 2"):
        loss([1.0, 2.0, 3.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="the label must be 0 or 1, got 2"):
        nn.binary_cross_entropy([1.0], 2)


# --------------------------------------------------------------------------------- files, summary

MODELS: list[Callable[[], nn.Module]] = [
    lambda: nn.MLP(4, [3, 2], "tanh", seed=1),
    lambda: nn.Sequential(
        nn.Reshape((1, 4, 4)), nn.Conv2d(1, 2, 3, padding=1, seed=0), nn.LeakyReLU(0.2),
        nn.MaxPool2d(2), nn.Dropout(0.1), nn.ConvTranspose2d(2, 1, 2, stride=2, seed=1), nn.GELU(),
        nn.Flatten(), nn.Linear(16, 3, "sigmoid", seed=2), nn.LogSoftmax(),
    ),
]  # fmt: skip


@pytest.mark.parametrize("make", MODELS)
def test_a_model_comes_back_from_its_file(make: Callable[[], nn.Module], tmp_path: Path) -> None:
    model = make().eval()
    again = files.load(files.save(model, tmp_path / "model.npz"))
    x = GENERATOR.normal(size=4 if isinstance(model, nn.MLP) else 16).tolist()
    assert repr(again) == repr(model)
    assert [v.data for v in again(x)] == [v.data for v in model(x)]
    for parameter in model.parameters():
        parameter.data = 0.0
    model.load(model.save(tmp_path / "again.npz"))
    assert not any(p.data for p in model.parameters())
    model.load(tmp_path / "model.npz")
    assert [p.data for p in model.parameters()] == [p.data for p in again.parameters()]


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (nn.MLP(4, [3, 5]), "layer 2 is 5, in the file 2"),
        (nn.MLP(4, [3, 2], "relu"), "the model's activation is relu, in the file tanh"),
        (nn.MLP(4, [2]), "layer 1 is 2, in the file 3"),
        (nn.Linear(4, 2), "the model is a Linear, in the file a MLP"),
    ],
)
def test_another_architecture_is_refused(other: nn.Module, difference: str, tmp_path: Path) -> None:
    path = files.save(nn.MLP(4, [3, 2], "tanh", seed=1), tmp_path / "m.npz")
    before = [p.data for p in other.parameters()]
    with pytest.raises(ValueError, match=difference):
        files.load_into(other, path)
    assert [p.data for p in other.parameters()] == before


def test_files_that_are_no_models(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file"):
        files.load(tmp_path / "none.npz")
    with pytest.raises(ValueError, match=r"ends in \.npz, got 'm\.pt'"):
        files.save(nn.MLP(2, [1]), tmp_path / "m.pt")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        files.save(nn.MLP(2, [1]), tmp_path / "none" / "m.npz")
    path = tmp_path / "m.npz"
    path.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="is no model that autodiff saved"):
        files.load(path)
    np.savez(path, specification=np.array([object()], object), parameters=np.ones(3))
    with pytest.raises(ValueError, match="is no model"):  # nothing is unpickled
        files.load(path)
    np.savez(path, specification=np.array(json.dumps({"kind": "os.system"})), parameters=[1.0])
    with pytest.raises(ValueError, match=r"holds a os\.system, which autodiff\.nn does not know"):
        files.load(path)
    whole = files.save(nn.MLP(2, [1]), path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="is no model"):
        files.load(path)
    assert zipfile.is_zipfile(files.save(nn.MLP(2, [1]), path))


def test_a_students_own_module_can_be_saved_and_filled(tmp_path: Path) -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            self.scale = Value(2.0)

    path = files.save(Own(), tmp_path / "own.npz")
    with pytest.raises(ValueError, match="holds a Own, which"):
        files.load(path)
    own = Own()
    own.scale.data = 5.0
    files.load_into(own, path)
    assert own.scale.data == 2.0


def test_the_summary_of_the_lectures_network() -> None:
    table = nn.summary(nn.MLP(784, [512, 128, 64, 10]))
    counts = [line.split()[-1] for line in table.splitlines()]
    assert counts == ["parameters", "401,920", "65,664", "8,256", "650", "476,490"]
    with pytest.raises(ValueError, match=r"layer 1: .* expects shape \(784,\), got \(100,\)"):
        nn.summary(nn.MLP(784, [10]), 100)


# ---------------------------------------------------------------------------------------- PyTorch


@pytest.mark.peers
def test_convolutions_and_pooling_are_pytorchs() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = GENERATOR.normal(size=(2, 6, 7))
    for ours, theirs, order in (
        (nn.Conv2d(2, 3, 3, stride=2, padding=1, seed=0),
         torch.nn.Conv2d(2, 3, 3, stride=2, padding=1), (3, 2, 3, 3)),
        (nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, seed=0),
         torch.nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1), (2, 3, 3, 3)),
    ):  # fmt: skip
        theirs = theirs.double()
        with torch.no_grad():
            theirs.weight.copy_(torch.tensor(numbers(ours.weights).reshape(order)))
            theirs.bias.zero_()
            expected = theirs(torch.tensor(x)[None])[0].numpy()
        np.testing.assert_allclose(numbers(ours(x.astype(object))), expected, rtol=1e-10)


@given(
    st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(0, 2), st.integers(3, 6)
)
@settings(max_examples=300 if THOROUGH else 25, deadline=None)
def test_padded_convolutions_compile(
    filters: int, size: int, stride: int, padding: int, side: int
) -> None:
    """Windows that lie wholly in the padding read nothing but weights and zeros."""
    model = nn.Sequential(
        nn.Reshape((1, side, side)),
        nn.Conv2d(1, filters, size, stride=stride, padding=padding, seed=0),
        nn.ReLU(), nn.Flatten(),
    )  # fmt: skip
    x = GENERATOR.normal(size=(3, side * side))

    def loss(x: Any) -> Any:
        return sum(out * out for out in model(list(x)))

    f = compile(loss, batched="x")
    values, gradients = f.value_and_grad(x)
    for row, value, gradient in zip(x, values, gradients, strict=True):
        expected, slopes = value_and_grad(lambda v: loss(v))(row)
        assert value == pytest.approx(expected, rel=1e-10)
        np.testing.assert_allclose(gradient, slopes, rtol=1e-9, atol=1e-10)


def test_options_of_a_loss_hold_for_batches_too() -> None:
    model = nn.Linear(3, 1, seed=0)
    x, y = np.arange(12.0).reshape(4, 3), np.array([0, 5, -40, 2])
    for delta in (1.0, 2.0):
        loss = nn.huber(model(x), y, delta=delta)
        alone = [
            nn.huber(model(list(a)), [float(t)], delta).data for a, t in zip(x, y, strict=True)
        ]
        assert loss.data == pytest.approx(np.mean(alone), rel=1e-12)
        loss.backward()
