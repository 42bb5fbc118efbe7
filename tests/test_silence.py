"""Nothing is trained in silence: what trains the wrong thing, or nothing, is found or refused."""

from __future__ import annotations

import collections
import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autodiff import Value, dot, nn
from autodiff.data import Dataset
from autodiff.nn import files
from autodiff.optim import SGD, Adam, Optimizer
from autodiff.training import evaluate, fit, outputs, predict

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(40, 3))
LABELS = (X[:, 0] > X[:, 1]).astype(np.int64)
DATA = Dataset(X, LABELS)
ENGINES = ["compiled", "eager"]


def softmax(z: np.ndarray) -> np.ndarray:
    powers = np.exp(z - z.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


# ------------------------------------------------------------------------------- probabilities


def weights_of(layer: Any) -> tuple[np.ndarray, np.ndarray]:
    weights = np.array([[w.data for w in neuron.weights] for neuron in layer.neurons])
    return weights, np.array([neuron.bias.data for neuron in layer.neurons])


class Own(nn.Module):
    """A model of one's own that ends in Softmax, which only its outputs show."""

    def __init__(self) -> None:
        self.inner = nn.Linear(3, 4, seed=0)
        self.last = nn.Softmax()

    def __call__(self, inputs: Any) -> Any:
        return self.last(self.inner(inputs))


def layer_of(model: Any) -> Any:
    return model.inner if isinstance(model, Own) else model.layers[0]


def ends_in(*last: nn.Module, activation: str = "linear") -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4, activation, seed=0), *last)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("count", [5, 40])  # few examples are not compiled
@pytest.mark.parametrize(
    "make", [lambda: ends_in(nn.Softmax()), Own, lambda: nn.Sequential([nn.Dense(3, 4, "softmax")])]
)
def test_the_loss_of_probabilities_is_minus_their_logarithm(
    make: Any, count: int, engine: str
) -> None:
    model = make()
    some = DATA.take(np.arange(count))
    weights, biases = weights_of(layer_of(model))
    p = softmax(some.inputs @ weights.T + biases)
    expected = -np.log(p[np.arange(count), some.targets]).mean()
    for loss in ("cross_entropy", "nll"):
        assert evaluate(model, some, loss, engine)[0] == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(outputs(model, some.inputs, engine), p, rtol=1e-12)
    one_hot = np.eye(4)[some.targets]
    binary = -(one_hot * np.log(p) + (1 - one_hot) * np.log1p(-p)).mean()
    found, _ = evaluate(model, some, "binary_cross_entropy", engine)
    assert found == pytest.approx(binary, rel=1e-10)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "make", [lambda: ends_in(nn.Sigmoid()), lambda: ends_in(activation="sigmoid")]
)
def test_the_loss_of_sigmoids_takes_no_second_sigmoid(make: Any, engine: str) -> None:
    model = make()
    weights, biases = weights_of(model.layers[0])
    p = 1 / (1 + np.exp(-(X @ weights.T + biases)))
    one_hot = np.eye(4)[LABELS]
    expected = -(one_hot * np.log(p) + (1 - one_hot) * np.log1p(-p)).mean()
    found, _ = evaluate(model, DATA, "binary_cross_entropy", engine)
    assert found == pytest.approx(expected, rel=1e-10)
    shares = p / p.sum(1, keepdims=True)  # as Keras' categorical_crossentropy has it
    expected = -np.log(shares[np.arange(40), LABELS]).mean()
    assert evaluate(model, DATA, engine=engine)[0] == pytest.approx(expected, rel=1e-10)


def test_the_loss_of_probabilities_never_overflows() -> None:
    for outputs_, loss in ((nn.Softmax()([1000.0, -1000.0]), nn.cross_entropy),
                           (nn.Sigmoid()([1000.0]), nn.binary_cross_entropy)):  # fmt: skip
        assert loss(outputs_, 1 if len(outputs_) == 2 else 0) in (1000.0, 2000.0)
    with pytest.raises(ValueError, match="Softmax of one output is always 1"):
        nn.binary_cross_entropy(nn.Softmax()([3.0]), 1)


@pytest.mark.parametrize("engine", ENGINES)
def test_one_probability_says_yes_above_a_half(engine: str) -> None:
    model = nn.Sequential(nn.Linear(3, 1, "sigmoid", seed=0))
    weights, biases = weights_of(model.layers[0])
    expected = (X @ weights[0] + biases[0] > 0).astype(int)
    np.testing.assert_array_equal(predict(model, X, engine), expected)
    _, accuracy = evaluate(model, DATA, "binary_cross_entropy", engine)
    assert accuracy == (expected == LABELS).mean()
    history = fit(model, DATA, epochs=1, batch_size=40, loss="binary_cross_entropy",
                  engine=engine, progress=False)  # fmt: skip
    assert history.accuracy == [accuracy]


@pytest.mark.peers
def test_probabilities_train_as_pytorchs_do() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model = ends_in(nn.Softmax())
    theirs = torch.nn.Linear(3, 4).double()
    with torch.no_grad():
        for mine, own in zip(weights_of(model.layers[0]), theirs.parameters(), strict=True):
            own.copy_(torch.tensor(mine))
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.5)
    for _ in range(5):
        optimizer.zero_grad()
        p = theirs(torch.tensor(X)).softmax(1)
        loss = -p[torch.arange(40), torch.tensor(LABELS)].log().mean()
        loss.backward()
        optimizer.step()
    fit(model, DATA, epochs=5, batch_size=40, optimizer=SGD(model.parameters(), 0.5),
        progress=False)  # fmt: skip
    for mine, own in zip(weights_of(model.layers[0]), theirs.parameters(), strict=True):
        np.testing.assert_allclose(mine, own.detach().numpy(), rtol=1e-10)


# ---------------------------------------------------------------------------------- optimizers


def test_an_optimizer_of_another_model_is_refused() -> None:
    model, other = nn.MLP(3, [2]), nn.MLP(3, [2])
    with pytest.raises(ValueError, match="Adam moves none of the model's parameters"):
        fit(model, DATA, optimizer=Adam(other.parameters()), progress=False)
    model.compile(optimizer=SGD(other.parameters()))
    with pytest.raises(ValueError, match="SGD moves none of the model's parameters"):
        model.fit(X, LABELS)


@pytest.mark.parametrize("kind", [SGD, Adam, Optimizer])
def test_an_optimizer_of_nothing_is_refused(kind: Any) -> None:
    with pytest.raises(ValueError, match="has nothing to train: it was given no parameters"):
        kind([])
    with pytest.raises(RuntimeError, match=r"has no parameters yet; make it as .*parameters\(\)"):
        kind().step()
    with pytest.raises(TypeError, match=r"write \w+\(learning_rate=0.1\)"):
        kind(0.1)


# ---------------------------------------------------------------------- where parameters may be


@dataclasses.dataclass
class Cell:
    gain: Value
    name: str = "cell"


class Holder(nn.Module):
    def __init__(self, held: Any) -> None:
        self.held = held

    def __call__(self, inputs: Any) -> Any:
        return [dot(self.parameters()[:3], inputs), 0.0]


def three() -> list[Value]:
    return [Value(0.1), Value(0.2), Value(0.3)]


@pytest.mark.parametrize(
    "hold",
    [
        list, tuple, collections.deque, lambda v: dict(enumerate(v)), lambda v: np.array(v, object),
        lambda v: np.array([v], object), lambda v: {"deep": [{"er": tuple(v)}]},
        lambda v: [Cell(value) for value in v], lambda v: collections.OrderedDict(a=v),
        lambda v: collections.namedtuple("Three", "a b c")(*v),
        lambda v: {"module": Holder(v)}, lambda v: collections.deque([Holder(v)]),
        lambda v: np.array([Holder(v), None], object), lambda v: collections.ChainMap({"a": v}),
    ],
    ids=range(14),
)  # fmt: skip
def test_parameters_are_found_trained_and_saved(hold: Any, tmp_path: Path) -> None:
    values = three()
    model = Holder(hold(values))
    assert model.parameters() == values
    fit(model, DATA, epochs=1, progress=False)
    trained = [value.data for value in values]
    assert trained != [0.1, 0.2, 0.3]
    files.save(model, tmp_path / "m.npz")
    again = Holder(hold(three()))
    again.load(tmp_path / "m.npz")
    assert [value.data for value in again.parameters()] == trained


class Plain:
    def __init__(self, held: Any) -> None:
        self.held = held


@pytest.mark.parametrize(
    ("hold", "complaint"),
    [
        (set, "held holds parameters or modules in a set, which has no order"),
        (frozenset, "a frozenset, which has no order"),
        (lambda v: {nn.Linear(3, 2)}, "in a set"),
        (Plain, "held is a Plain, whose Values would be neither trained nor saved"),
        (lambda v: [Plain(v[0])], r"held\.0 is a Plain"),
        (lambda v: Plain(nn.Linear(3, 2)), "derive its class from nn.Module"),
    ],
)
def test_parameters_that_cannot_be_found_again_are_refused(hold: Any, complaint: str) -> None:
    model = Holder(hold(three()))
    for use in (model.parameters, lambda: fit(model, DATA, progress=False)):
        with pytest.raises(TypeError, match=complaint):
            use()


def test_an_object_may_refer_to_parameters_that_are_found_elsewhere() -> None:
    model = nn.MLP(3, [2])
    model.helper = Plain(model.layers)  # type: ignore[attr-defined]
    model.optimizer = Adam(model.parameters())  # type: ignore[attr-defined]
    assert len(model.parameters()) == 8


@pytest.mark.parametrize("kind", [nn.Linear, nn.Dense])
def test_a_layer_used_twice_is_saved_and_loaded_as_one(kind: Any, tmp_path: Path) -> None:
    shared = kind(3, 3, "tanh", seed=0)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.Linear(3, 2, seed=1))
    path = model.save(tmp_path / "m.npz")
    again = files.load(path)
    assert again.layers[0] is again.layers[2]  # type: ignore[attr-defined]
    assert len(again.parameters()) == len(model.parameters()) == 20
    np.testing.assert_array_equal(outputs(again, X), outputs(model, X))
    other = nn.Sequential(kind(3, 3, "tanh"), nn.ReLU(), kind(3, 3, "tanh"), nn.Linear(3, 2))
    with pytest.raises(ValueError, match="in the file a repetition"):
        other.load(path)


# ------------------------------------------------------------------------- what y says it holds


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (LABELS, int), (LABELS.astype(bool), int), (LABELS[:, None], int), (LABELS.tolist(), int),
        (LABELS.astype(float), list), (LABELS + 0.5, list), (np.eye(2)[LABELS], list),
        (np.eye(2, dtype=int)[LABELS], list), (np.zeros((40, 2)), list), (X[:, :2], list),
    ],
    ids=range(10),
)  # fmt: skip
def test_a_loss_of_ones_own_gets_what_y_declares(y: Any, kind: type) -> None:
    """Not what its numbers look like: one-hot rows are rows, and whole floats are floats."""
    met: list[Any] = []

    def own(outputs: Any, target: Any) -> Any:
        met.append(target)
        return outputs[0] * outputs[0]

    model = nn.MLP(3, [2], seed=0)
    model.compile(loss=own)
    model.fit(X, y, engine="eager", verbose=0)
    assert {type(target) for target in met} == {kind}
    model.fit(X, y, verbose=0)
    assert {type(target) for target in met} == {kind}


# ----------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize("where", ["inputs", "targets"])
def test_complex_numbers_keep_their_imaginary_part_or_are_refused(where: str) -> None:
    given = {"inputs": X, "targets": X}
    given[where] = given[where] + 1j
    with pytest.raises(TypeError, match=f"{where}: expected real numbers, got complex128"):
        Dataset(**given)
    if where == "inputs":
        with pytest.raises(TypeError, match="inputs: expected real numbers"):
            outputs(nn.MLP(3, [2]), X + 1j)


# ------------------------------------------------------------------------------------ resuming


def run(path: Path, loss: Any = nn.cross_entropy, **options: Any) -> list[float]:
    model = nn.MLP(3, [2], seed=0)
    rate = options.pop("learning_rate", 0.1)
    kind = options.pop("kind", SGD)
    optimizer = kind(model.parameters(), rate, **options)
    fit(model, DATA, epochs=2, loss=loss, optimizer=optimizer, checkpoint=path, progress=False)
    return [parameter.data for parameter in model.parameters()]


STRENGTH = 0.5


def scaled(strength: float) -> Any:
    return lambda outputs, label: strength * nn.cross_entropy(outputs, label)


def test_a_run_goes_on_with_the_same_loss_alone(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    first = run(path, lambda outputs, label: 2 * nn.cross_entropy(outputs, label))
    assert run(path, lambda outputs, label: 2 * nn.cross_entropy(outputs, label)) == first
    for other in (
        lambda outputs, label: 3 * nn.cross_entropy(outputs, label),
        lambda outputs, label: 2 * nn.hinge(outputs, label),
        lambda outputs, label: STRENGTH * nn.cross_entropy(outputs, label),
    ):
        with pytest.raises(ValueError, match=r"another run: loss is <lambda> \(\w+\) there and <"):
            run(path, other)
    with pytest.raises(ValueError, match="and cross_entropy here; remove it to start anew"):
        run(path)


def test_what_a_loss_sees_around_it_counts(tmp_path: Path, monkeypatch: Any) -> None:
    first, second = tmp_path / "a.npz", tmp_path / "b.npz"
    run(first, scaled(2.0))
    run(first, scaled(2.0))
    with pytest.raises(ValueError, match="another run: loss is"):
        run(first, scaled(3.0))

    def of_a_name(outputs: Any, label: Any) -> Any:
        return STRENGTH * nn.cross_entropy(outputs, label)

    run(second, of_a_name)
    monkeypatch.setattr(f"{__name__}.STRENGTH", 0.7)
    with pytest.raises(ValueError, match=r"another run: loss is of_a_name \("):
        run(second, of_a_name)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"learning_rate": 0.2}, "learning_rate is 0.1 there and 0.2 here"),
        ({"momentum": 0.5}, "momentum is 0.0 there and 0.5 here"),
        ({"nesterov": True, "momentum": 0.5}, "momentum is 0.0 there and 0.5 here"),
        ({"weight_decay": 0.1}, "weight_decay is 0.0 there and 0.1 here"),
        ({"clip_norm": 1.0}, "clip_norm is None there and 1.0 here"),
        ({"learning_rate": lambda step: 0.1 / step}, "learning_rate is 0.1 there and <lambda>"),
        ({"kind": Adam}, "optimizer is SGD there and Adam here"),
    ],
)
def test_a_run_goes_on_with_the_same_rule_alone(
    options: Any, complaint: str, tmp_path: Path
) -> None:
    run(tmp_path / "run.npz")
    with pytest.raises(ValueError, match=complaint):
        run(tmp_path / "run.npz", **options)


def test_schedules_are_told_apart_by_their_numbers(tmp_path: Path) -> None:
    from autodiff.schedules import Cosine, WarmUp

    path = tmp_path / "run.npz"
    run(path, learning_rate=WarmUp(Cosine(0.1, 20), 3))
    run(path, learning_rate=WarmUp(Cosine(0.1, 20), 3))
    with pytest.raises(ValueError, match=r"WarmUp\(.*steps=20.* there and .*steps=30"):
        run(path, learning_rate=WarmUp(Cosine(0.1, 30), 3))


# ------------------------------------------------------------------- programs belong to the model


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows at every function that is traced."""
    from autodiff.compiler import compiled

    met: list[object] = []
    specialized = compiled.specialized

    def watched(function: Any, *arguments: Any) -> Any:
        met.append(function)
        return specialized(function, *arguments)

    monkeypatch.setattr(compiled, "specialized", watched)
    return met


def test_a_model_is_compiled_once(compilations: list[object]) -> None:
    model = nn.Sequential(nn.Linear(3, 4, seed=0), nn.Dropout(0.5), nn.Linear(4, 2, seed=1))
    model.compile(loss="cross_entropy")
    for count in (40, 35, 40):
        model.predict(X[:count])
        model.evaluate(X[:count], LABELS[:count])
    assert len(compilations) == 2
    before = model.predict(X)
    model.fit(X, LABELS, verbose=0)  # in training mode, once
    model.fit(X, LABELS, verbose=0)
    assert len(compilations) == 3
    assert not np.array_equal(model.predict(X), before)  # new numbers, the same program
    assert len(compilations) == 3


class Ring(nn.Module):
    def __init__(self) -> None:
        self.layer = nn.Linear(3, 2, seed=0)
        self.slope = nn.LeakyReLU(0.1)
        self.scale = np.array([1.0, 2.0])
        self.buffer = [1.0, 0.5]
        self.options = Plain(2.0)

    def __call__(self, inputs: Any) -> Any:
        signal = self.slope(self.layer(inputs))
        return [
            a * float(s) * b * self.options.held
            for a, s, b in zip(signal, self.scale, self.buffer, strict=True)
        ]


def change_scale(model: Any) -> None:
    model.scale[1] = 3.0


def change_buffer(model: Any) -> None:
    model.buffer[0] = 5.0


def change_slope(model: Any) -> None:
    model.slope.slope = 0.7


def change_options(model: Any) -> None:
    model.options.held = 7.0


def change_a_weight(model: Any) -> None:
    model.layer.neurons[0].weights[1] = Value(9.0)


def change_a_layer(model: Any) -> None:
    model.layer = nn.Linear(3, 2, "tanh", seed=5)


def change_data(model: Any) -> None:
    model.layer.neurons[0].bias.data = 4.0


@pytest.mark.parametrize(
    "change",
    [change_scale, change_buffer, change_slope, change_options, change_a_weight, change_a_layer,
     change_data],
)  # fmt: skip
def test_a_model_that_changes_is_compiled_anew(change: Any, compilations: list[object]) -> None:
    model = Ring()
    before = outputs(model, X)
    np.testing.assert_array_equal(outputs(model, X), before)
    assert len(compilations) == 1
    change(model)
    found = outputs(model, X)
    assert len(compilations) == (1 if change is change_data else 2)
    np.testing.assert_allclose(found, outputs(model, X, "eager"), rtol=1e-12)
    assert not np.array_equal(found, before)


def test_layers_that_are_added_are_seen() -> None:
    model = nn.Sequential(nn.Linear(3, 2, seed=0))
    before = outputs(model, X)
    model.layers.append(nn.ReLU())
    np.testing.assert_array_equal(outputs(model, X), np.maximum(before, 0))


def test_copies_do_not_share_programs() -> None:
    import pickle
    from copy import deepcopy

    model = nn.MLP(3, [2], seed=0)
    outputs(model, X)
    for twin in (deepcopy(model), pickle.loads(pickle.dumps(model))):
        twin.layers[0].neurons[0].bias.data = 1.0
        np.testing.assert_allclose(outputs(twin, X)[:, 0], outputs(model, X)[:, 0] + 1.0)


def test_state_is_what_it_was() -> None:
    model = nn.MLP(3, [4, 2], seed=0)
    state = model.state_dict()
    before = outputs(model, X)
    fit(model, DATA, epochs=1, progress=False)
    model.load_state_dict(state)
    np.testing.assert_array_equal(outputs(model, X), before)
    with pytest.raises(
        ValueError, match=r"layers\.0\.neurons\.0\.weights has shape \(3,\), got \(2,"
    ):
        nn.MLP(3, [4, 2]).load_state_dict(nn.MLP(2, [4, 2]).state_dict())
    with pytest.raises(ValueError, match=r"no layers\.1\.neurons\.0\.weights in what was given"):
        model.load_state_dict(nn.MLP(3, [4]).state_dict())
    assert math.isclose(sum(v.size for v in state.values()), len(model.parameters()))
