"""Worked example 13: layers as students write them, right and wrong, and what is said of each."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodiff import Value, check_layer, check_loss, dot, nn
from autodiff.checking import GradientError

Array = np.ndarray[Any, np.dtype[np.float64]]
RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(5, 3))
LABELS = np.array([0, 2, 1, 1, 0])


def sigma(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def layer(forward: Callable[[Array], Array], backward: Callable[[Array, Array], Array]) -> Any:
    """Two functions as a layer without parameters."""

    class Layer:
        def forward(self, input: Array) -> Array:
            return forward(input)

        def backward(self, input: Array, grad_output: Array) -> Array:
            return backward(input, grad_output)

    return Layer()


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


class Dense:
    """As in the assignment; each mistake overrides one of its methods."""

    def __init__(self, inputs: int = 3, units: int = 3, learning_rate: float = 0.1) -> None:
        self.learning_rate = learning_rate
        self.weights = np.random.default_rng(1).normal(size=(inputs, units))
        self.biases = np.random.default_rng(2).normal(size=units)

    def forward(self, input: Array) -> Array:
        return input @ self.weights + self.biases

    def backward(self, input: Array, grad_output: Array) -> Array:
        grad_input = self.on_input(input, grad_output)
        self.weights = self.weights - self.learning_rate * self.on_weights(input, grad_output)
        self.biases = self.biases - self.learning_rate * self.on_biases(grad_output)
        return grad_input

    def on_input(self, input: Array, grad_output: Array) -> Array:
        return grad_output @ self.weights.T

    def on_weights(self, input: Array, grad_output: Array) -> Array:
        return input.T @ grad_output

    def on_biases(self, grad_output: Array) -> Array:
        return grad_output.sum(axis=0)


class InPlace(Dense):
    def backward(self, input: Array, grad_output: Array) -> Array:
        grad_input = grad_output @ self.weights.T
        self.weights -= self.learning_rate * input.T @ grad_output
        self.biases -= self.learning_rate * grad_output.sum(axis=0)
        return grad_input


class LeavesGradients(Dense):
    """The step is taken elsewhere."""

    def backward(self, input: Array, grad_output: Array) -> Array:
        self.grad_weights = input.T @ grad_output
        self.dbiases = grad_output.sum(axis=0)
        return grad_output @ self.weights.T


class Remembers(Dense):
    """Backward uses what forward has kept."""

    def forward(self, input: Array) -> Array:
        self.kept = input
        return super().forward(input)

    def backward(self, input: Array, grad_output: Array) -> Array:
        return super().backward(self.kept, grad_output)


class Softmax:
    def forward(self, input: Array) -> Array:
        e = np.exp(input - input.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def backward(self, input: Array, grad_output: Array) -> Array:
        p = self.forward(input)
        return p * (grad_output - (grad_output * p).sum(axis=1, keepdims=True))


RELU = layer(relu, lambda x, g: g * (x > 0))
SIGMOID = layer(sigma, lambda x, g: g * sigma(x) * (1 - sigma(x)))
TANH = layer(np.tanh, lambda x, g: g * (1 - np.tanh(x) ** 2))

RIGHT = {
    "relu": (RELU, nn.ReLU()),
    "leaky relu": (
        layer(lambda x: np.where(x > 0, x, 0.01 * x), lambda x, g: g * np.where(x > 0, 1, 0.01)),
        nn.LeakyReLU(0.01),
    ),
    "sigmoid": (SIGMOID, nn.Sigmoid()),
    "tanh": (TANH, nn.Tanh()),
    "softmax": (Softmax(), nn.Softmax()),
    "identity": (layer(lambda x: x, lambda x, g: g), lambda row: row),
    "log of squares": (layer(lambda x: np.log(x * x), lambda x, g: 2 * g / x), None),
    "mean of each row": (
        layer(lambda x: x.mean(axis=1), lambda x, g: np.tile(g[:, None] / 3, 3)),
        lambda row: sum(row) / len(row),
    ),
    "dense": (Dense(), None),
    "dense, other sizes": (Dense(3, 7, learning_rate=1e-3), None),
    "dense, in place": (InPlace(3, 2), None),
    "dense, gradients left": (LeavesGradients(3, 2), None),
    "dense, input kept": (Remembers(3, 2), None),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("count", [1, 5])
def test_right_layers_pass(name: str, count: int) -> None:
    right, expected = RIGHT[name]
    check_layer(right, INPUTS[:count])
    if expected is not None:
        check_layer(right, INPUTS[:count], expected=expected)


def test_dense_is_compared_with_a_function_of_values() -> None:
    dense = Dense(3, 2)
    columns = list(zip(dense.weights.T.tolist(), dense.biases.tolist(), strict=True))

    def expected(row: list[Any]) -> list[Any]:
        return [
            sum((w * x for w, x in zip(column, row, strict=True)), bias) for column, bias in columns
        ]

    check_layer(dense, INPUTS, expected=expected)
    dense.biases[1] += 1
    with pytest.raises(GradientError, match=r"forward, element \(\d, 1\): expected .* \(5 of 10 "):
        check_layer(dense, INPUTS, expected=expected)


def test_convolutions_have_examples_of_several_axes() -> None:
    pairs = layer(
        lambda x: x[:, :, :-1] + 2 * x[:, :, 1:],
        lambda x, g: np.pad(g, ((0, 0), (0, 0), (0, 1))) + 2 * np.pad(g, ((0, 0), (0, 0), (1, 0))),
    )
    check_layer(pairs, np.ones((2, 3, 4)), expected=lambda a: a[:, :-1] + 2 * a[:, 1:])
    check_layer(pairs, np.ones((2, 3, 4)))


@settings(max_examples=30)
@given(st.sampled_from(sorted(RIGHT)[-7:]), st.integers(0, 1000), st.sampled_from([1e-3, 1, 100]))
def test_right_layers_pass_on_inputs_of_any_size(name: str, seed: int, scale: float) -> None:
    batch = np.random.default_rng(seed).normal(size=(4, 3)) * scale
    check_layer(RIGHT[name][0], batch, seed=seed)


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 4), st.integers(0, 1000))
def test_a_right_dense_layer_passes_in_any_size(n: int, inputs: int, units: int, seed: int) -> None:
    batch = np.random.default_rng(seed).normal(size=(n, inputs))
    check_layer(Dense(inputs, units), batch, seed=seed)


def test_the_layer_learns_nothing_from_being_checked() -> None:
    dense = InPlace()
    before = copy.deepcopy(vars(dense))
    check_layer(dense, INPUTS)
    assert all(np.array_equal(before[name], vars(dense)[name]) for name in before)


def test_corners_are_left_out_unless_there_is_nothing_else() -> None:
    check_layer(layer(relu, lambda x, g: g * (x >= 0)), [[0.0, 1.0, -1.0]])
    with pytest.raises(GradientError, match="forward is not smooth enough here"):
        check_layer(RELU, np.zeros((1, 3)))
    generous = layer(relu, lambda x, g: g * (x >= 0))
    with pytest.raises(GradientError, match=r"element \(0, 0\): expected 0, got"):
        check_layer(generous, [[0.0, 1.0, -1.0]], expected=nn.ReLU())


def test_of_large_arrays_some_elements_are_checked() -> None:
    batch = np.random.default_rng(3).normal(size=(20, 30))
    check_layer(Dense(30, 40), batch, elements=50)
    with pytest.raises(GradientError, match=r"\(50 of 50 elements are wrong\): the sign is wrong"):
        check_layer(layer(np.tanh, lambda x, g: -TANH.backward(x, g)), batch, elements=50)


# ------------------------------------------------------------------------------ mistakes in layers


def changes_input(x: Array) -> Array:
    x[x < 0] = 0
    return x


def not_written(x: Array, g: Array) -> Array:
    raise NotImplementedError


def changes_grad_output(x: Array, g: Array) -> Array:
    g[x < 0] = 0
    return g


def of(forward: Callable[[Array], Array]) -> Callable[..., Any]:
    return lambda backward: layer(forward, backward)


WRONG_LAYERS: dict[str, tuple[Any, str]] = {
    "relu hands everything on": (
        of(relu)(lambda x, g: g),
        r"grad_input, element \(\d, \d\): expected 0, got .*: "
        "gradients get through where the input is negative",
    ),
    "relu stops what is positive": (
        of(relu)(lambda x, g: g * (x < 0)),
        "gradients get through where they should stop, and stop where they should get through",
    ),
    "relu stops everything": (
        of(relu)(lambda x, g: np.zeros_like(x)),
        "no gradient gets through where the input is positive",
    ),
    "relu looks at grad_output": (
        of(relu)(lambda x, g: np.maximum(g, 0)),
        "depends on the sign of grad_output.*compared with 0, in place of the input",
    ),
    "relu forgets grad_output": (
        of(relu)(lambda x, g: (x > 0).astype(float)),
        "does not depend on the size of grad_output: multiply by grad_output",
    ),
    "relu gives truth values": (
        of(relu)(lambda x, g: x > 0),
        "backward gives dtype bool, expected float64",
    ),
    "relu halves what is negative": (
        of(lambda x: np.where(x > 0, x, 0.1 * x))(lambda x, g: g * np.where(x > 0, 1, 0.5)),
        "it is wrong where the input is negative, and right elsewhere",
    ),
    "forward in place": (
        of(changes_input)(lambda x, g: g * (x > 0)),
        "forward changes its argument input in place: work on a copy",
    ),
    "backward in place": (
        of(relu)(changes_grad_output),
        "backward changes its argument grad_output in place: work on a copy",
    ),
    "no return": (of(relu)(lambda x, g: None), r"backward gives None: is there a return\?"),
    "an exercise that is not done": (
        of(relu)(lambda x, g: NotImplementedError),
        "backward is not written yet: it returns NotImplementedError",
    ),
    "an exercise that raises": (
        of(relu)(not_written),
        "backward is not written yet: it raises NotImplementedError",
    ),
    "sum over the batch": (
        of(relu)(lambda x, g: (g * (x > 0)).sum(axis=0)),
        r"grad_input has shape \(3,\), expected \(5, 3\): it is summed over the batch",
    ),
    "transposed shape": (
        of(relu)(lambda x, g: (g * (x > 0)).T),
        r"grad_input has shape \(3, 5\), expected \(5, 3\): it is transposed",
    ),
    "nan": (of(relu)(lambda x, g: g * np.nan), r"grad_input is nan in element \(0, 0\)"),
    "single precision": (
        of(relu)(lambda x, g: (g * (x > 0)).astype(np.float32)),
        "backward gives dtype float32, expected float64, as it is given",
    ),
    "random draws": (
        of(lambda x: x * (RANDOM.random(x.shape) > 0.5))(lambda x, g: g),
        "forward gives something else each time",
    ),
    "sigmoid of the input": (
        of(sigma)(lambda x, g: g * x * (1 - x)),
        "takes the output, σ = forward.input., not the input",
    ),
    "half a sigmoid": (of(sigma)(lambda x, g: g * sigma(x)), r"it is grad_output · forward\(input"),
    "tanh without a square": (
        of(np.tanh)(lambda x, g: g * (1 - np.tanh(x))),
        r"it is grad_output · \(1 - forward\(input\)\)",
    ),
    "tanh of the input": (
        of(np.tanh)(lambda x, g: g * (1 - x**2)),
        "takes the output, t = forward.input., not the input",
    ),
    "tanh's sign": (of(np.tanh)(lambda x, g: g * (np.tanh(x) ** 2 - 1)), "the sign is wrong"),
    "the derivative is missing": (
        of(np.tanh)(lambda x, g: g),
        "backward hands on grad_output as it is",
    ),
    "forward once more": (of(np.tanh)(lambda x, g: np.tanh(x)), "does not depend on the size of"),
    "twice": (of(np.tanh)(lambda x, g: 2 * TANH.backward(x, g)), "it is 2 times too large"),
    "divided by the batch": (
        of(np.tanh)(lambda x, g: TANH.backward(x, g) / len(x)),
        "it is 5 times too small, which is the batch size",
    ),
    "squared": (of(np.tanh)(lambda x, g: TANH.backward(x, g) * abs(g)), "it is not proportional"),
    "softmax by itself": (
        layer(
            Softmax().forward, lambda x, g: g * Softmax().forward(x) * (1 - Softmax().forward(x))
        ),
        r"grad_input, element \(\d, \d\): expected",
    ),
    "softmax along the wrong axis": (
        layer(
            Softmax().forward,
            lambda x, g: (p := Softmax().forward(x)) * (g - (g * p).sum() / 1),
        ),
        "each example alone is right, a batch of them is not",
    ),
}


@pytest.mark.parametrize("name", WRONG_LAYERS)
def test_mistakes_in_layers_are_named(name: str) -> None:
    wrong, complaint = WRONG_LAYERS[name]
    with pytest.raises(GradientError, match=complaint):
        check_layer(wrong, INPUTS)


class NotTransposed(Dense):
    def on_input(self, input: Array, grad_output: Array) -> Array:
        return grad_output @ self.weights


class TransposedWeights(Dense):
    def on_weights(self, input: Array, grad_output: Array) -> Array:
        return grad_output.T @ input


class MeanOfBiases(Dense):
    def on_biases(self, grad_output: Array) -> Array:
        return grad_output.mean(axis=0)


class BiasesNotSummed(Dense):
    def on_biases(self, grad_output: Array) -> Array:
        return grad_output


class ForgetsBiases(Dense):
    def on_biases(self, grad_output: Array) -> Array:
        return np.zeros(grad_output.shape[1])


class Uphill(Dense):
    def on_weights(self, input: Array, grad_output: Array) -> Array:
        return -input.T @ grad_output


class ForgetsTheRate(Dense):
    def on_weights(self, input: Array, grad_output: Array) -> Array:
        return input.T @ grad_output / self.learning_rate


class LearnsFirst(Dense):
    def backward(self, input: Array, grad_output: Array) -> Array:
        super().backward(input, grad_output)
        return grad_output @ self.weights.T


class LearnsNothing(Dense):
    def __init__(self) -> None:
        super().__init__()
        del self.learning_rate

    def backward(self, input: Array, grad_output: Array) -> Array:
        return grad_output @ self.weights.T


class TwoMistakes(MeanOfBiases, TransposedWeights):
    pass


WRONG_DENSE: dict[type[Dense], str] = {
    NotTransposed: r"grad_input.*it is grad_output @ weights; transpose weights",
    TransposedWeights: r"the gradient of weights, element \(\d, \d\): .*: it is transposed",
    MeanOfBiases: r"the gradient of biases.*5 times too small, which is the batch size",
    BiasesNotSummed: r"biases, after backward, has shape \(5, 3\), expected \(3,\): sum it over",
    ForgetsBiases: "the gradient of biases.*it is zero everywhere",
    Uphill: "the gradient of weights.*the sign is wrong",
    ForgetsTheRate: "weights.*10 times too large, which is one over the learning rate",
    LearnsFirst: "grad_input.*compute it before the parameters are changed",
    LearnsNothing: r"backward gives no gradient of weights.*parameters=\(\) checks grad_input",
}


@pytest.mark.parametrize("kind", WRONG_DENSE, ids=lambda kind: kind.__name__)
def test_mistakes_in_dense_layers_are_named(kind: type[Dense]) -> None:
    with pytest.raises(GradientError, match=WRONG_DENSE[kind]):
        check_layer(kind(), INPUTS)


def test_all_parameters_that_are_wrong_are_named() -> None:
    with pytest.raises(GradientError) as caught:
        check_layer(TwoMistakes(), INPUTS)
    first, second = str(caught.value).splitlines()
    assert first.startswith("the gradient of weights")
    assert second.startswith("the gradient of biases")
    check_layer(TwoMistakes(), INPUTS, parameters=())
    with pytest.raises(TypeError, match="TwoMistakes has no array of floats named 'bias'"):
        check_layer(TwoMistakes(), INPUTS, parameters=["bias"])


def test_what_is_no_layer_is_refused() -> None:
    with pytest.raises(TypeError, match=r"object has no method forward\(\.\.\.\)"):
        check_layer(object(), INPUTS)
    with pytest.raises(ValueError, match="expected finite numbers, got nan in element"):
        check_layer(RELU, [[np.nan]])
    with pytest.raises(ValueError, match="matmul") as caught:
        check_layer(NotTransposed(3, 2), INPUTS)
    assert caught.value.__notes__ == [
        "in backward, given input of shape (5, 3), grad_output of shape (5, 2)"
    ]


# ------------------------------------------------------------------------------------------ losses


def cross_entropy(logits: Array, labels: Array) -> Array:
    of_answers = logits[np.arange(len(logits)), labels]
    return np.log(np.exp(logits).sum(axis=1)) - of_answers


def one_hot(labels: Array) -> Array:
    return np.eye(3)[labels]


def softmax(logits: Array) -> Array:
    return Softmax().forward(logits)


def right_slope(logits: Array, labels: Array) -> Array:
    return (softmax(logits) - one_hot(labels)) / len(logits)


def test_right_losses_pass() -> None:
    check_loss(cross_entropy, right_slope, INPUTS, LABELS)
    check_loss(cross_entropy, right_slope, INPUTS, LABELS, expected=nn.cross_entropy)
    check_loss(lambda z, t: cross_entropy(z, t).mean(), right_slope, INPUTS, LABELS)
    check_loss(
        cross_entropy,
        lambda z, t: right_slope(z, t) * len(z),
        INPUTS,
        LABELS,
        reduction="sum",
        expected=nn.cross_entropy,
    )
    targets = RANDOM.normal(size=INPUTS.shape)
    check_loss(
        lambda y, t: ((y - t) ** 2).mean(axis=1),
        lambda y, t: 2 * (y - t) / y.size,
        INPUTS,
        targets,
        expected=nn.mean_squared_error,
    )
    check_loss(lambda y: (y**2).sum(), lambda y: 2 * y, [1.0, 2.0])
    check_loss(lambda y, power: (y**power).sum(axis=1), lambda y, power: power * y / 5, INPUTS, 2)
    ones = [Value(1.0)] * 3
    check_loss(
        lambda z, t: z.sum(axis=1),
        lambda z, t: np.full(z.shape, 1 / 5),
        INPUTS,
        LABELS,
        expected=lambda row, label: dot(row, ones),
    )


def subtracts_one_in_place(logits: Array, labels: Array) -> Array:
    logits[np.arange(len(logits)), labels] -= 1
    return logits


WRONG_LOSSES: dict[str, tuple[Any, str]] = {
    "p alone": (
        lambda z, t: softmax(z) / len(z),
        r"it is wrong in the right class of each example, by 0\.2; is 1 subtracted\?",
    ),
    "1 subtracted after the mean": (
        lambda z, t: softmax(z) / len(z) - one_hot(t),
        r"it is wrong in the right class of each example, by -0\.8",
    ),
    "of the sum": (
        lambda z, t: softmax(z) - one_hot(t),
        "gradient, element .*5 times too large, which is the batch size",
    ),
    "times a number": (lambda z, t: right_slope(z, t) * 1.7, "it is 1.7 times too large$"),
    "onehot - p": (lambda z, t: (one_hot(t) - softmax(z)) / len(z), "the sign is wrong"),
    "onehot - p, of the sum": (
        lambda z, t: one_hot(t) - softmax(z),
        "the sign is wrong, and it is 5 times too large, which is the batch size",
    ),
    "divided by everything": (
        lambda z, t: right_slope(z, t) / 3,
        "3 times too small, which is the number of outputs",
    ),
    "softmax of columns": (
        lambda z, t: (np.exp(z) / np.exp(z).sum(axis=0) - one_hot(t)) / len(z),
        r"gradient, element \(\d, \d\): expected",
    ),
    "softmax of everything": (
        lambda z, t: (np.exp(z) / np.exp(z).sum() - one_hot(t)) / len(z),
        "each example alone is right, a batch of them is not",
    ),
    "in place": (subtracts_one_in_place, "gradient changes its argument outputs in place"),
    "one number for each example": (
        lambda z, t: right_slope(z, t).sum(axis=1),
        r"gradient has shape \(5,\), expected \(5, 3\)",
    ),
}


@pytest.mark.parametrize("name", WRONG_LOSSES)
@pytest.mark.parametrize("expected", [None, nn.cross_entropy], ids=["numerically", "on Values"])
def test_mistakes_in_the_gradient_of_a_loss_are_named(name: str, expected: Any) -> None:
    wrong, complaint = WRONG_LOSSES[name]
    with pytest.raises(GradientError, match=complaint):
        check_loss(cross_entropy, wrong, INPUTS, LABELS, expected=expected)


def test_mistakes_in_the_loss_itself_are_named() -> None:
    def check(loss: Any, complaint: str) -> None:
        with pytest.raises(GradientError, match=complaint):
            check_loss(loss, right_slope, INPUTS, LABELS, expected=nn.cross_entropy)

    check(lambda z, t: -cross_entropy(z, t), r"loss, element \(\d,\): .*: the sign is wrong")
    check(lambda z, t: cross_entropy(z, t).sum(), "loss: expected .* 5 times too large, which is")
    check(lambda z, t: one_hot(t), r"loss gives shape \(5, 3\): expected one number, or one for")
    check(lambda z, t: cross_entropy(z, t) * np.inf, r"loss gives inf in element \(0,\)")
    with pytest.raises(ValueError, match='reduction must be "mean" or "sum"'):
        check_loss(cross_entropy, right_slope, INPUTS, LABELS, reduction="max")


def test_nothing_to_try_is_no_proof() -> None:
    with pytest.raises(ValueError, match=r"expected some numbers to try it on, .* \(0, 3\)"):
        check_layer(
            object.__new__(type("L", (), {"forward": len, "backward": len})), np.zeros((0, 3))
        )
