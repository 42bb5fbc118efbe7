"""Lines as people write them, who know Keras, PyTorch or micrograd: they run, and mean the same."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from autodiff import Graph, Value, nn, no_grad, relu
from autodiff.data import DataLoader, Dataset, load_subset, one_hot
from autodiff.nn import Dense, Dropout, Flatten, Input, Sequential
from autodiff.nn.batch import Outputs
from autodiff.optim import SGD, Adam, RMSprop

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(12, 4))
LABELS = (X[:, 0] > X[:, 1]).astype(np.int64)
DIGITS = load_subset().sample(120)


def numbers(model: nn.Module) -> list[float]:
    return [parameter.data for parameter in model.parameters()]


def slopes(model: nn.Module) -> np.ndarray:
    return np.array([parameter.grad for parameter in model.parameters()])


# ------------------------------------------------------------------------------------- Keras


def test_the_lectures_cells_in_keras(capsys: pytest.CaptureFixture[str]) -> None:
    x_train, y_train = DIGITS.images, one_hot(DIGITS.labels, 10)
    model = Sequential([
        Dense(16, activation='relu', input_shape=(784,)),
        Dense(10, activation='softmax'),
    ])  # fmt: skip
    model.summary()
    assert "total" in capsys.readouterr().out
    model.compile(loss="categorical_crossentropy", optimizer=SGD(), metrics=["accuracy"])
    history = model.fit(
        x_train, y_train, batch_size=32, epochs=8, verbose=0, validation_data=(x_train, y_train)
    )
    score = model.evaluate(x_train, y_train, verbose=0)
    assert history.history["val_loss"][-1] == pytest.approx(score[0])
    assert score[1] > 0.6
    p = model.predict(x_train, batch_size=128, verbose=0)
    np.testing.assert_allclose(p.sum(1), 1.0)
    assert score[0] == pytest.approx(-np.log((p * y_train).sum(1)).mean())


def test_layers_are_added_one_by_one() -> None:
    model = Sequential()
    model.add(Input(shape=(4,)))
    model.add(Dense(3, activation="tanh", seed=0))
    model.add(Dropout(0.2))
    model.add(Dense(2, "softmax", seed=1))
    same = Sequential(Dense(4, 3, "tanh", seed=0), Dropout(0.2), Dense(3, 2, "softmax", seed=1))
    assert numbers(model) == numbers(same)
    assert [p.scope for p in model.parameters()] == [p.scope for p in same.parameters()]
    assert model.parameters()[0].scope == "layer1/neuron0"
    assert model.parameters()[-1].scope == "layer3/neuron1"
    assert nn.summary(model) == nn.summary(same, 4)


def test_images_are_flattened() -> None:
    model = Sequential([Flatten(input_shape=(28, 28)), Dense(10, activation="softmax", seed=0)])
    images = (DIGITS.images * 255).round().astype(np.uint8).reshape(-1, 28, 28)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, DIGITS.labels, epochs=1, verbose=0)
    found = model.predict(images)
    np.testing.assert_allclose(found, model.predict(images / 255))
    np.testing.assert_allclose(found, model(images / 255).data)


def test_inputs_are_found_out_at_the_first_call() -> None:
    for use in (lambda m: m([1.0, 2.0, 3.0, 4.0]), lambda m: m(X),
                lambda m: m.fit(X, LABELS, verbose=0)):  # fmt: skip
        model = Sequential([Dense(3, activation="relu"), Dense(2)])
        model.compile("sgd", "cross_entropy")
        with pytest.raises(ValueError, match=r"Dense\(3, relu\) has no parameters yet"):
            model.parameters()
        with pytest.raises(ValueError, match="expected the shape of one example"):
            model.summary()
        use(model)
        assert len(model.parameters()) == 4 * 3 + 3 + 3 * 2 + 2


def test_a_layer_alone_that_does_not_know_its_inputs() -> None:
    layer = Dense(3)
    for use in (layer.parameters, layer.state_dict, Sequential(Sequential(layer)).parameters):
        with pytest.raises(ValueError, match=r"Dense\(3\) has no parameters yet"):
            use()
    assert len(layer([1.0, 2.0])) == 3
    assert len(layer.parameters()) == 9


def test_an_optimizer_without_parameters_takes_those_of_the_model() -> None:
    given, taken, by_name = (
        Sequential([Dense(3, "relu", input_dim=4, seed=0), Dense(2, seed=1)]) for _ in range(3)
    )
    given.compile(optimizer=SGD(given.parameters(), 0.1), loss="cross_entropy")
    taken.compile(optimizer=SGD(learning_rate=0.1), loss="cross_entropy")
    by_name.compile(optimizer="SGD", loss="categorical_crossentropy")
    for model in (given, taken, by_name):
        model.fit(X, LABELS, epochs=2, verbose=0)
    assert numbers(given) == numbers(taken) == numbers(by_name)
    taken.add(Dense(2, seed=2))
    before = numbers(taken)
    taken.fit(X, LABELS, verbose=0)
    assert all(a != b for a, b in zip(numbers(taken)[-6:], before[-6:], strict=True))


def test_a_share_of_the_data_is_set_aside() -> None:
    ours, split = (Sequential([Dense(2, input_dim=4, seed=0)]) for _ in range(2))
    for model, x, options in (
        (ours, X, {"validation_split": 0.25}),
        (split, X[:9], {"validation_data": (X[9:], LABELS[9:])}),
    ):
        model.compile(optimizer="sgd", loss="cross_entropy")
        history = model.fit(x, LABELS[: len(x)], batch_size=4, epochs=2, verbose=0, **options)
        assert len(history.history["val_loss"]) == 2
    assert numbers(ours) == numbers(split)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Dense(3, "step"), "unknown activation 'step'; choose one of relu, tanh"),
        (lambda: Dense(0), "needs a positive whole number, got 0"),
        (lambda: Dense(3, "relu", activation="tanh"), "the activation is one name"),
        (lambda: Dense(3)(np.ones((2, 2), object)), "put Flatten"),
        (lambda: nn.Softmax(dim=0), "goes over the outputs of each example, dim=1"),
    ],
)
def test_layers_that_cannot_be(make: Any, complaint: str) -> None:
    with pytest.raises((ValueError, TypeError), match=complaint):
        make()


# ----------------------------------------------------------------------------------- PyTorch


class Net(nn.Module):
    """A model with a ``forward``, whose layers are attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(4, 5, seed=0)
        self.fc2 = nn.Linear(5, 2, seed=1)

    def forward(self, x: Any) -> Any:
        x = [relu(a) for a in self.fc1(x)]
        return self.fc2(x)


def sequential(*last: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 5, seed=0), nn.ReLU(), nn.Linear(5, 2, seed=1), *last)


def test_the_training_loop_of_pytorch() -> None:
    dataset = Dataset(DIGITS.images, DIGITS.labels)
    train_loader = DataLoader(dataset, batch_size=64, shuffle=True)
    image, label = dataset[0]
    assert image.shape == (784,)
    assert label == DIGITS.labels[0]
    model = nn.Sequential(
        nn.Linear(784, 16, seed=0), nn.ReLU(), nn.Linear(16, 10, seed=1), nn.LogSoftmax(dim=1)
    )
    criterion = nn.NLLLoss()
    optimizer = Adam(model.parameters(), lr=1e-2)
    first = None
    for _ in range(6):
        running_loss = 0.0
        for images, labels in train_loader:
            optimizer.zero_grad()
            output = model(images)
            loss = criterion(output, labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        first = first or running_loss
    assert running_loss < first / 3
    model.eval()
    with no_grad():
        output = model(DIGITS.images)
        correct = (output.argmax(dim=1) == DIGITS.labels).sum().item()
    assert correct > 80


@pytest.mark.parametrize(
    ("criterion", "function", "make", "targets"),
    [
        (nn.CrossEntropyLoss, nn.cross_entropy, sequential, LABELS),
        (nn.CrossEntropyLoss, nn.cross_entropy, Net, LABELS),
        (nn.CrossEntropyLoss, nn.cross_entropy, sequential, np.eye(2)[LABELS]),
        (nn.CrossEntropyLoss, nn.cross_entropy, lambda: sequential(nn.Softmax(dim=1)), LABELS),
        (nn.NLLLoss, nn.negative_log_likelihood, lambda: sequential(nn.LogSoftmax(-1)), LABELS),
        (nn.MSELoss, nn.mean_squared_error, sequential, X[:, :2]),
        (nn.L1Loss, nn.mean_absolute_error, sequential, X[:, :2]),
        (nn.BCEWithLogitsLoss, nn.binary_cross_entropy, sequential, np.eye(2)[LABELS]),
        (nn.BCELoss, nn.binary_cross_entropy, lambda: sequential(nn.Sigmoid()), np.eye(2)[LABELS]),
        (lambda: nn.hinge, nn.hinge, sequential, LABELS),
        (nn.MSELoss, nn.mean_squared_error, lambda: nn.Autoencoder(4, [3], seed=1), X),
    ],
    ids=range(11),
)  # fmt: skip
def test_a_batch_is_the_mean_over_its_examples(
    criterion: Any, function: Any, make: Any, targets: Any
) -> None:
    """One compiled call gives what a graph of Values for each example gives."""
    model = make()
    outputs = model(X)
    loss = criterion()(outputs, targets)
    loss.backward()
    found = slopes(model)
    model.zero_grad()
    each = [function(model(x), t) for x, t in zip(X.tolist(), targets.tolist(), strict=True)]
    expected = sum(each) / len(each)
    expected.backward()
    assert loss.data == pytest.approx(expected.data, rel=1e-12)
    np.testing.assert_allclose(found, slopes(model), rtol=1e-10, atol=1e-12)
    rows = [[getattr(a, "data", a) for a in np.ravel(model(x))] for x in X.tolist()]
    np.testing.assert_allclose(outputs.data, rows, rtol=1e-12)
    assert outputs.shape == outputs.data.shape == (12, len(rows[0]))


@pytest.mark.peers
def test_the_loop_gives_pytorchs_numbers() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model = sequential()
    theirs = torch.nn.Sequential(
        torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2)
    ).double()  # fmt: skip
    with torch.no_grad():
        for ours, layer in zip((model.layers[0], model.layers[2]), (theirs[0], theirs[2]),
                               strict=True):  # fmt: skip
            weights = [[w.data for w in neuron.weights] for neuron in ours.neurons]
            biases = [neuron.bias.data for neuron in ours.neurons]
            layer.weight.copy_(torch.tensor(weights, dtype=torch.float64))
            layer.bias.copy_(torch.tensor(biases, dtype=torch.float64))
    for kind, options in (("Adam", {"lr": 1e-2}), ("RMSprop", {"lr": 1e-2}), ("SGD", {"lr": 0.1})):
        ours = {"Adam": Adam, "RMSprop": RMSprop, "SGD": SGD}[kind](model.parameters(), **options)
        other = getattr(torch.optim, kind)(theirs.parameters(), **options)
        for _ in range(4):
            ours.zero_grad()
            other.zero_grad()
            loss = nn.CrossEntropyLoss()(model(X), LABELS)
            expected = torch.nn.CrossEntropyLoss()(theirs(torch.tensor(X)), torch.tensor(LABELS))
            loss.backward()
            expected.backward()
            ours.step()
            other.step()
            assert loss.item() == pytest.approx(expected.item(), rel=1e-10)
    np.testing.assert_allclose(model(X).data, theirs(torch.tensor(X)).detach().numpy(), rtol=1e-8)


def test_a_penalty_is_added_to_the_loss_of_a_batch() -> None:
    model = sequential()
    loss = nn.cross_entropy(model(X), LABELS) + nn.l2_penalty(model.parameters(), 0.1)
    loss.backward()
    found = slopes(model)
    model.zero_grad()
    nn.cross_entropy(model(X), LABELS).backward()
    np.testing.assert_allclose(found, slopes(model) + 0.2 * np.array(numbers(model)), rtol=1e-12)


def test_gradients_of_batches_add_up_and_are_those_of_the_call() -> None:
    model = sequential()
    outputs = model(X)
    before = outputs.argmax(1), slopes(model)
    for parameter in model.parameters():
        parameter.data += 1.0
    late = nn.cross_entropy(outputs, LABELS)  # of the parameters at the time of the call
    late.backward()
    changed = slopes(model)
    model.zero_grad()
    for parameter in model.parameters():
        parameter.data -= 1.0
    nn.cross_entropy(model(X), LABELS).backward()
    np.testing.assert_allclose(changed, slopes(model), rtol=1e-9, atol=1e-12)
    nn.cross_entropy(model(X), LABELS).backward()
    np.testing.assert_allclose(2 * changed, slopes(model), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(outputs.argmax(1), before[0])


def test_a_loss_with_whole_numbers_for_one_output() -> None:
    model = nn.Linear(4, 1, seed=0)
    y = np.arange(12)
    expected = ((model(X).data[:, 0] - y) ** 2).mean()
    for targets in (y, y.astype(float), y[:, None]):
        assert nn.MSELoss()(model(X), targets).item() == pytest.approx(expected)
    with pytest.raises(ValueError, match=r"label must be one of 0 \.\.\. 0, got 1"):
        nn.cross_entropy(model(X), LABELS)
    expected = np.log1p(np.exp(-(2 * LABELS - 1) * model(X).data[:, 0])).mean()
    assert nn.BCEWithLogitsLoss()(model(X), LABELS).item() == pytest.approx(expected)


def test_dropout_drops_in_training_alone() -> None:
    model = nn.Sequential(nn.Linear(4, 30, seed=0), nn.Dropout(0.5), nn.Linear(30, 2, seed=1))
    model.train()
    first, second = model(X), model(X)
    assert not np.allclose(first.data, second.data)
    loss = nn.cross_entropy(first, LABELS)  # with the units that were dropped in first.data
    p = np.exp(first.data) / np.exp(first.data).sum(1, keepdims=True)
    assert loss.data == pytest.approx(-np.log(p[np.arange(12), LABELS]).mean())
    model.eval()
    np.testing.assert_array_equal(model(X).data, model(X).data)
    np.testing.assert_allclose(
        model(X).data, [[a.data for a in model(x)] for x in X.tolist()], rtol=1e-12
    )


def test_images_go_through_convolutions_in_batches() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, seed=0), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(8, 2, seed=1),
    )  # fmt: skip
    images = GENERATOR.normal(size=(7, 1, 6, 6))
    outputs = model(images)
    assert isinstance(outputs, Outputs)
    expected = [[a.data for a in model(image)] for image in images]  # one image is no batch
    np.testing.assert_allclose(outputs.data, expected, rtol=1e-10)
    nn.cross_entropy(outputs, [0, 1, 0, 1, 0, 1, 1]).backward()
    found = slopes(model)
    model.zero_grad()
    (sum(nn.cross_entropy(model(i), t) for i, t in zip(images, [0, 1, 0, 1, 0, 1, 1], strict=True))
     / 7).backward()  # fmt: skip
    np.testing.assert_allclose(found, slopes(model), rtol=1e-9, atol=1e-12)


def test_the_loss_of_a_batch_is_a_value_of_its_own() -> None:
    model = sequential()
    loss = nn.cross_entropy(model(X), LABELS)
    assert set(loss.parents) == set(model.parameters())
    assert [np.shape(a) for a in (loss.parents, loss.local_derivatives)] == [(37,), (37,)]
    twin = copy.deepcopy(loss)
    assert twin.data == loss.data
    with no_grad():
        assert nn.cross_entropy(model(X), LABELS).parents == ()
    for use in (
        lambda: Graph(loss),
        lambda: loss.backward(create_graph=True),
        lambda: pickle.dumps(loss),
    ):
        with pytest.raises(TypeError, match=r"compiled program|cannot be pickled; keep its \.data"):
            use()


@pytest.mark.parametrize(
    ("use", "error", "complaint"),
    [
        (lambda m: np.asarray(m(X)), TypeError, "would lose their gradient"),
        (lambda m: m(X) - X[:, :2], TypeError, "arithmetic on them would lose"),
        (lambda m: X[:, :2] - m(X), TypeError, "arithmetic on them would lose"),
        (lambda m: nn.cross_entropy(m(X), LABELS[:3]), ValueError, "expected 12 targets"),
        (lambda m: nn.cross_entropy(m(X), LABELS + 1), ValueError, "one of 0 ... 1, got 2"),
        (lambda m: nn.mean_squared_error(m(X), X), ValueError, "one target for each of 2 outputs"),
        (lambda m: nn.cross_entropy(m(X), LABELS * 1j), ValueError, "got complex128"),
        (lambda m: m(X[:0]), ValueError, "expected a batch of finite numbers"),
        (lambda m: m(X * np.nan), ValueError, "with some that are not finite"),
        (lambda m: m(X[:, :3]), ValueError, "this neuron has 4 weights, and got 3 inputs"),
    ],
    ids=range(10),
)
def test_batches_that_do_not_fit(use: Any, error: Any, complaint: str) -> None:
    with pytest.raises(error, match=complaint):
        use(sequential())


def test_a_batch_without_a_value_says_where() -> None:
    class Root(nn.Module):
        def __init__(self) -> None:
            self.scale = Value(1.0, "scale")

        def forward(self, x: Any) -> Any:
            return [(self.scale * a).sqrt() for a in x]

    model = Root()
    np.testing.assert_allclose(model(X**2).data, abs(X))
    for use in (lambda: model(X).data, lambda: nn.mean_squared_error(model(X), X)):
        with pytest.raises(ValueError, match="math domain error") as failure:
            use()
        assert "in sqrt(" in " ".join(failure.value.__notes__)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"eps": 1e-8}, "Adam has no option eps; it is called epsilon here"),
        ({"amsgrad": True}, "Adam has no option amsgrad; leave it out"),
        ({"lr": 0.1, "learning_rate": 0.1}, "learning_rate and lr are the same"),
    ],
)
def test_options_of_optimizers(options: Any, complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        Adam([Value(1.0)], **options)


def test_loaders_go_over_every_example_once() -> None:
    loader = DataLoader(list(zip(X, LABELS, strict=True)), batch_size=5, shuffle=True)
    assert len(loader) == 3
    epochs = [np.concatenate([x for x, _ in loader]) for _ in range(2)]
    assert not np.array_equal(*epochs)
    for epoch in epochs:
        assert sorted(epoch.tolist()) == sorted(X.tolist())
    assert [len(y) for _, y in loader] == [5, 5, 2]
    assert [len(y) for _, y in DataLoader(Dataset(X, LABELS), 5, drop_last=True)] == [5, 5]
    with pytest.raises(TypeError, match=r"from two arrays make Dataset\(x, y\)"):
        DataLoader(X)  # type: ignore[arg-type]
    assert [label for _, label in Dataset(X, LABELS)] == LABELS.tolist()


# --------------------------------------------------------------------------------- micrograd


def test_the_lecture_on_micrograd_draws_these_values() -> None:
    a = Value(2.0, label="a")
    b = Value(-3.0, label="b")
    c = Value(10.0, label="c")
    e = a * b
    e.label = "e"
    d = e + c
    d.label = "d"
    f = Value(-2.0, label="f")
    L = d * f  # noqa: N806
    L.label = "L"
    L.backward()

    nodes, edges = set(), set()

    def build(v: Any) -> None:
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    build(L)
    assert {n.label for n in nodes} == set("abcdefL")
    assert {(p.label, q.label) for p, q in edges} == {
        ("a", "e"), ("b", "e"), ("e", "d"), ("c", "d"), ("d", "L"), ("f", "L"),
    }  # fmt: skip
    assert {n.label: n._op for n in nodes if n._op} == {"e": "×", "d": "+", "L": "×"}
    assert a.grad == 6.0


def test_an_optimizer_of_ones_own_keeps_numbers_on_parameters() -> None:
    """Adam as people write it on micrograd's parameters, against ours."""
    mine, ours = nn.MLP(3, [2], seed=0), nn.MLP(3, [2], seed=0)
    optimizer = Adam(ours.parameters(), lr=0.05)
    for p in mine.parameters():
        assert not hasattr(p, "m")
        p.m = p.v = 0.0
    for step in range(1, 6):
        for model in (mine, ours):
            model.zero_grad()
            nn.cross_entropy(model([1.0, -2.0, 0.5]), 1).backward()
        for p in mine.parameters():
            p.m = 0.9 * p.m + 0.1 * p.grad
            p.v = 0.999 * p.v + 0.001 * p.grad**2
            p.data -= 0.05 * (p.m / (1 - 0.9**step)) / ((p.v / (1 - 0.999**step)) ** 0.5 + 1e-8)
        optimizer.step()
    assert numbers(mine) == pytest.approx(numbers(ours), rel=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: Value(4.0, (x,), "exp"),
        lambda x: Value(4.0, {x}),
        lambda x: Value(1.0, "a", "+"),
        lambda x: setattr(x * x, "_backward", lambda: None),
        lambda x: x._backward,
    ],
)
def test_operations_are_functions(make: Any) -> None:
    with pytest.raises((TypeError, AttributeError), match="is a function that knows its operands"):
        make(Value(2.0))
