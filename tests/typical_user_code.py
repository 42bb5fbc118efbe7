"""A page of typical user code; tests/test_typing.py has mypy and pyright read it."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, assert_type

import numpy as np
from numpy.typing import NDArray

from autodiff import (
    Graph,
    Value,
    compile,
    dot,
    exp,
    fsum,
    gate,
    grad,
    hessian,
    jacobian,
    log,
    logsumexp,
    maximum,
    no_grad,
    scope,
    sqrt,
    value_and_grad,
    where,
)


def swish(x: Value) -> Value:
    return x / (1 + exp(-x))


def gaussian(x: float) -> float:
    return exp(-x * x / 2) / sqrt(2 * 3.14159)


def leaky(x: Value) -> Value:
    return where(x > 0, x, 0.1 * x)


@gate("σ")
def logistic(x: Value) -> Value:
    return 1 / (1 + exp(-x))


@scope("layer1")
def layer(weights: list[list[Value]], inputs: list[Value], biases: list[Value]) -> list[Value]:
    return [maximum(dot(row, inputs, b), 0.0) for row, b in zip(weights, biases, strict=True)]


@no_grad()
def accuracy(outputs: list[Value], labels: list[float]) -> float:
    right = [(out.data > 0.5) == (label > 0.5) for out, label in zip(outputs, labels, strict=True)]
    return float(sum(right)) / len(right)


def cross_entropy(logits: list[Value], label: int) -> Value:
    return logsumexp(logits) - logits[label]


class Neuron:
    def __init__(self, count: int) -> None:
        self.weights = [Value(0.1 * i, name=f"w{i}") for i in range(count)]
        self.bias = Value(0.0, "b")

    def __call__(self, inputs: list[float]) -> Value:
        return (dot(self.weights, inputs) + self.bias).tanh()

    def parameters(self) -> list[Value]:
        return [*self.weights, self.bias]


def train(neuron: Neuron, rate: float) -> Iterator[float]:
    loss = (neuron([1.0, 2.0]) - 1.0) ** 2
    loss.backward()
    for parameter in neuron.parameters():
        parameter.data -= rate * parameter.grad
        parameter.grad = None
    yield loss.item()


x, y = Value(2.0, name="x"), Value(3)
assert_type(x * y + 1, Value)
assert_type(2 - x / y**2, Value)
assert_type(-abs(x), Value)
assert_type(Fraction(1, 2) + Value(Fraction(1)), Value)
assert_type(np.float64(2.0) * x, Value)
assert_type(x * np.ones(3), NDArray[Any])
assert_type(np.ones(3) * x, NDArray[Any])
if TYPE_CHECKING:  # mistakes that are found before they run
    "x is " + x  # type: ignore[operator]
    x + "1"  # type: ignore[call-overload]
assert_type(x > y, Value)
assert_type(exp(x), Value)
assert_type(exp(1.0), float)
assert_type(exp(1), float)
assert_type(maximum(x, 0), Value)
assert_type(maximum(0.0, 1.0), float)
assert_type(fsum([x, y]), Value)
assert_type(fsum([1.0, 2.0]), float)
assert_type(x.exp().log(), Value)
assert_type(dot([x], [2.0], 1.0), Value)
assert_type(dot([1.0], [2.0]), float)
total: Value = sum([x, y], Value(0.0))
(x * y).backward()
(x * y).backward(3.0, create_graph=True)
with scope("loss"), no_grad():
    assert_type(log(x).scope, str)

assert_type(grad(swish)(2.0), float)
assert_type(grad(swish)(x), Value)
assert_type(grad(lambda v: v[0] * v[1])([1.0, 2.0]), list[float])
assert_type(grad(lambda p: p["a"] ** 2)({"a": 1.0}), dict[str, float])
assert_type(value_and_grad(swish)(2.0), tuple[float, float])
vector: NDArray[np.float64] = np.ones(3)
assert_type(grad(lambda v: v @ v)(vector), NDArray[np.float64])
second: Callable[[float], float] = grad(grad(swish))
by_both: tuple[float, float] = grad(lambda a, b: a * b, argnums=(0, 1))(1.0, 2.0)
matrix: list[list[float]] = hessian(lambda v: v[0] * v[1])([1.0, 2.0])
rows: list[list[float]] = jacobian(lambda v: [v[0], v[1]])([1.0, 2.0])

fast = compile(swish)
assert_type(fast(2.0), float)
number, slope = fast.value_and_grad(2.0)
batch = compile(lambda w, x: w @ x, batched="x")
results: NDArray[np.float64] = batch(vector, np.ones((5, 3)))
graph = Graph(x * y)
print(graph.nodes, fast.source, slope)
