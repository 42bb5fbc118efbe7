"""The checks of the exercises: right answers are right, wrong ones get a hint."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import autodiff
from autodiff import (
    Graph,
    Value,
    exercises,
    exp,
    gate,
    log,
    log1p,
    logsumexp,
    maximum,
    sigmoid,
    softplus,
    tanh,
)
from autodiff.adjoint import topological_order

RIGHT: list[tuple[str, Any]] = []
WRONG: list[tuple[str, Any, str]] = []
UNANSWERED: list[tuple[str, Any]] = []
"""Besides three dots themselves, and functions that return them."""

# ------------------------------------------------------------------------- 0 write your own engine


class Engine:
    """An engine as a reader may write it, whose faults are its subclasses'."""

    made = 0

    def __init__(self, data: float, parents: Any = (), local_derivatives: Any = ()) -> None:
        self.data, self.parents, self.local_derivatives = data, parents, local_derivatives
        self.grad = 0.0
        Engine.made += 1
        self.age = Engine.made

    def of(self, data: float, parents: Any, local_derivatives: Any) -> Any:
        return type(self)(data, parents, local_derivatives)

    def wrapped(self, other: Any) -> Any:
        return other if isinstance(other, Engine) else type(self)(other)

    def __add__(self, other: Any) -> Any:
        other = self.wrapped(other)
        return self.of(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Any) -> Any:
        other = self.wrapped(other)
        return self.of(self.data * other.data, (self, other), (other.data, self.data))

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Any:
        return self * -1.0

    def __sub__(self, other: Any) -> Any:
        return self + -self.wrapped(other)

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __pow__(self, n: float) -> Any:
        return self.of(self.data**n, (self,), (n * self.data ** (n - 1),))

    def __truediv__(self, other: Any) -> Any:
        return self * self.wrapped(other) ** -1.0

    def __rtruediv__(self, other: Any) -> Any:
        return self.wrapped(other) / self

    def exp(self) -> Any:
        y = math.exp(self.data)
        return self.of(y, (self,), (y,))

    def tanh(self) -> Any:
        y = math.tanh(self.data)
        return self.of(y, (self,), (1 - y * y,))

    def backward(self) -> Any:
        order = by_age(self)
        for node in order:
            node.grad *= not node.parents
        self.grad += 1.0
        for node in order:
            for parent, local in zip(node.parents, node.local_derivatives, strict=True):
                self.hand(parent, local * node.grad)

    def hand(self, parent: Any, gradient: float) -> None:
        parent.grad += gradient


def reachable(root: Any) -> list[Any]:
    found = {root: None}
    pending = [root]
    for node in pending:
        for parent in node.parents:
            if parent not in found:
                found[parent] = None
                pending.append(parent)
    return list(found)


def by_age(root: Any) -> list[Any]:
    return sorted(reachable(root), key=lambda node: -node.age)


def by_recursion(root: Any) -> list[Any]:
    order: list[Any] = []
    seen = set()

    def visit(node: Any) -> None:
        if node not in seen:
            seen.add(node)
            for parent in node.parents:
                visit(parent)
            order.append(node)

    visit(root)
    return order[::-1]


def by_depth_first_search(root: Any) -> list[Any]:
    ends = [node for node in reachable(root) if not node.parents]
    return [*reversed(topological_order([root])), *ends]


class TanhByParts(Engine):
    def tanh(self) -> Any:
        e = (self * -2.0).exp()
        return (1.0 - e) / (1.0 + e)


class DotsForSums(Engine):
    def __add__(self, other: Any) -> Any:
        return ...


class DotsForProducts(Engine):
    def __mul__(self, other: Any) -> Any:
        return ...


class DotsForBackward(Engine):
    def backward(self) -> Any:
        return ...


class DotsForTanh(Engine):
    def tanh(self) -> Any:
        return ...


class SumOfSecond(Engine):
    def __add__(self, other: Any) -> Any:
        return self.of(self.data + other.data, (self, other), (0.0, 1.0))


class Unswapped(Engine):
    def __mul__(self, other: Any) -> Any:
        return self.of(self.data * other.data, (self, other), (self.data, other.data))


class OneParentEach(Engine):
    def __mul__(self, other: Any) -> Any:
        return self.of(self.data * other.data, tuple({self: 0, other: 0}), (other.data, self.data))


class Overwrites(Engine):
    def hand(self, parent: Any, gradient: float) -> None:
        parent.grad = gradient


class Stale(Engine):
    def backward(self) -> Any:
        self.grad = 1.0
        for node in by_age(self):
            for parent, local in zip(node.parents, node.local_derivatives, strict=True):
                parent.grad += local * node.grad


class WrongSlope(Engine):
    def tanh(self) -> Any:
        y = math.tanh(self.data)
        return self.of(y, (self,), (1 - y,))


class NoReflection(Engine):
    __radd__ = None  # type: ignore[assignment]


def descend(parameters: Any, rate: float) -> None:
    for p in parameters:
        p.data -= rate * p.grad
        p.grad = 0.0


def forget_zero(parameters: Any, rate: float) -> None:
    for p in parameters:
        p.data -= rate * p.grad


def ascend(parameters: Any, rate: float) -> None:
    for p in parameters:
        p.data += rate * p.grad
        p.grad = 0.0


def ignore_rate(parameters: Any, rate: float) -> None:
    for p in parameters:
        p.data -= p.grad
        p.grad = 0.0


RIGHT += [
    ("own_addition", Engine),
    ("own_addition", DotsForProducts),
    ("own_product", Engine),
    ("own_product", DotsForBackward),
    ("own_order", by_depth_first_search),
    ("own_order", by_age),
    ("own_backward", Engine),
    ("own_backward", Stale),
    ("own_backward_twice", Engine),
    ("own_tanh", Engine),
    ("own_tanh_by_parts", TanhByParts),
    ("own_step", descend),
    ("own_step", lambda parameters, rate: descend(parameters, rate) or parameters),
    ("own_engine", Engine),
    ("own_engine", TanhByParts),
    ("own_engine", Value),
]
WRONG += [
    ("own_addition", SumOfSecond, "expected ∂/∂x0, by the local derivatives, to be 1, got 0"),
    ("own_addition", object, "TypeError"),
    ("own_product", Unswapped, "expected ∂/∂x0, by the local derivatives, to be 3, got 2"),
    ("own_product", OneParentEach, "x0 * x0 with x0 = 2: ValueError: expected one local"),
    ("own_order", reachable, "a node comes before one that was computed from it"),
    ("own_order", lambda root: [root], "x · y: expected 3 nodes, each once, got 1"),
    ("own_order", lambda root: by_age(root) * 2, "x: expected 1 nodes, each once, got 2"),
    ("own_order", lambda root: by_age(root)[::-1], "x · y: the first should be the result"),
    ("own_order", by_recursion, "Python does not call that deep"),
    ("own_backward", Overwrites, "x0 + x0 with x0 = 2: expected x0.grad to be 2, got 1"),
    ("own_backward_twice", Stale, "after backward() 2 times on the same result"),
    ("own_tanh", WrongSlope, "tanh(x0) with x0 = 2: expected ∂/∂x0"),
    ("own_tanh_by_parts", Engine, "that is one gate"),
    ("own_step", forget_zero, "the old gradient is still there"),
    ("own_step", ascend, "against the gradient"),
    ("own_step", ignore_rate, "expected 2, got -1"),
    ("own_engine", NoReflection, "2 + x1 with x1 = 3: TypeError"),
    ("own_engine", 3, "expected a function, got 3"),
]
UNANSWERED += [
    ("own_addition", DotsForSums),
    ("own_product", DotsForProducts),
    ("own_backward", DotsForBackward),
    ("own_backward_twice", DotsForBackward),
    ("own_tanh", DotsForTanh),
    ("own_step", lambda parameters, rate: ...),
]

# ------------------------------------------------------------------------------ 1 graphs by hand


def sum_of_products(x: Any) -> Any:
    y = x * x + x
    return y + y


RIGHT += [
    ("gradients_by_hand", (3, 7, 0)),
    ("gradients_by_hand", [3.0, 7.0, 0.0]),
    ("gradients_by_hand", (np.int64(3), np.int64(7), np.int64(0))),
    ("gradients_by_hand", np.array([3, 7, 0])),
    ("slope_of_a_cube", lambda a: 3 * a * a),
    ("slope_of_a_bell", lambda x: -2 * x * exp(-x * x)),
    ("slope_of_a_bell", lambda x: -2 * x * np.exp(-x * x)),
    ("a_gradient_of_ten", sum_of_products),
    ("a_gradient_of_ten", gate("f")(sum_of_products)),
]
WRONG += [
    ("gradients_by_hand", (4, 7, 0), "what does the multiply gate send"),
    ("gradients_by_hand", (3, 4, 0), "from one of the uses of b, and it has two"),
    ("gradients_by_hand", (3, 12, 0), "add up what comes back"),
    ("gradients_by_hand", (3, 7, 4), "b is the larger one"),
    ("gradients_by_hand", (3, 7), "expected 3 numbers"),
    ("gradients_by_hand", (3, "7", 0), "expected a number, got '7'"),
    ("slope_of_a_cube", lambda a: 3 * a, "expected a derivative of 27, got 9"),
    ("slope_of_a_cube", lambda a: a**3, "expected a derivative"),
    ("slope_of_a_bell", lambda x: exp(-x * x), "multiplied by the slope of -x²"),
    ("slope_of_a_bell", lambda x: 2 * x * exp(-x * x), "expected a derivative of -0.857"),
    ("a_gradient_of_ten", lambda x: 10 * x, "a number in your graph"),
    ("a_gradient_of_ten", lambda x: x * x, "the gradient at 2 is 4"),
    ("a_gradient_of_ten", lambda x: x * x * x - x - x, "neither + nor ·: subtract"),
    ("a_gradient_of_ten", lambda x: (x + x) * x + x + x, "with 4 gates"),
    ("a_gradient_of_ten", lambda x: 20, "not computed from x"),
    ("a_gradient_of_ten", gate("f")(lambda x: x + x + x + x + x + x + x + x + x + x), "9 gates"),
    ("a_gradient_of_ten", gate("f")(lambda x: (x * 5.0).relu() + x * 5.0), "a number in your"),
]

# --------------------------------------------------------------------------- 2 the sigmoid neuron

RIGHT += [
    ("slope_of_tanh", lambda s: 1 - tanh(s) ** 2),
    ("slope_of_tanh", lambda s: 1 - np.tanh(s) ** 2),
    ("slope_of_swish", lambda s: sigmoid(s) + s * sigmoid(s) * (1 - sigmoid(s))),
    ("stable_softplus", lambda s: maximum(s, 0) + log1p(exp(-abs(s)))),
    ("stable_softplus", lambda s: logsumexp([s, 0])),
]
WRONG += [
    ("slope_of_tanh", lambda s: tanh(s) * (1 - tanh(s)), "y (1 - y) is the slope of σ"),
    ("slope_of_tanh", lambda s: 1 - tanh(s), "expected a derivative of 0.634"),
    ("slope_of_tanh", lambda s: "steep", "expected a number, got 'steep'"),
    ("slope_of_swish", lambda s: s * sigmoid(s) * (1 - sigmoid(s)), "the path through σ"),
    ("slope_of_swish", lambda s: sigmoid(s), "straight into the product; there is another"),
    ("slope_of_swish", lambda s: 1.0, "expected a derivative of 0.5, got 1"),
    ("stable_softplus", lambda s: log(1 + exp(s)), "at 1000: "),
    ("stable_softplus", lambda s: log(1 + exp(-s)), "at 0.5: expected 0.97"),
    ("stable_softplus", lambda s: maximum(s, 0) + log1p(exp(-abs(s.data))), "expected a slope of"),
    ("stable_softplus", lambda s: softplus(s), "that is the library's own"),
    ("stable_softplus", gate("s")(lambda s: softplus(s) + 0.0), "that is the library's own"),
    ("stable_softplus", lambda s: 3.0, "not computed from s"),
]

# -------------------------------------------------------------------------- 3 paths and backprop


def forwards(graph: Graph, leaf: Value, *, adds: bool = True, seeds: int = 1) -> Any:
    """Forward mode in one loop, and what is easily wrong with it."""
    tangents: dict[Value, Any] = dict.fromkeys(graph.nodes, seeds - 1)
    tangents[leaf] = seeds
    for edge in graph.edges:
        change = edge.local * tangents[edge.tail]
        tangents[edge.head] = tangents[edge.head] + change if adds else change
    return tangents


def longest(graph: Graph) -> int:
    depth = dict.fromkeys(graph.nodes, 0)
    for edge in graph.edges:
        depth[edge.head] = max(depth[edge.head], depth[edge.tail] + 1)
    return depth[graph.outputs[0]]


def first_operands(graph: Graph) -> int:
    node, length = graph.outputs[0], 0
    while node.parents:
        node, length = node.parents[0], length + 1
    return length


def longest_from(leaf: int, graph: Graph) -> int:
    paths = graph.paths(graph.leaves[leaf], graph.outputs[0])
    return max(len(path.edges) for path in paths)


RIGHT += [
    ("number_of_edges", lambda d, w: d * (w * w + w) + w),
    ("number_of_edges", lambda d, w: np.int64(d * (w * w + w) + w)),
    ("forward_mode", forwards),
    ("longest_path", longest),
]
WRONG += [
    ("number_of_edges", lambda d, w: d * w * w + w, "from each sum to its gate"),
    ("number_of_edges", lambda d, w: d * (w * w + w), "the edges into the last sum"),
    ("number_of_edges", lambda d, w: w**d, "that is the number of paths"),
    ("number_of_edges", lambda d, w: d * w, "depth 3, width 2: there are 20, and you say 6"),
    ("forward_mode", lambda graph, leaf: forwards(graph, leaf, adds=False), "add to its head"),
    ("forward_mode", lambda graph, leaf: forwards(graph, leaf, seeds=2), "changes by 1 per change"),
    ("forward_mode", lambda graph, leaf: {leaf: 1}, "is missing"),
    ("forward_mode", lambda graph, leaf: dict.fromkeys(graph.nodes, 1), "one leaf does not change"),
    ("forward_mode", lambda graph, leaf: 1, "expected a dict"),
    ("longest_path", lambda graph: longest(graph) + 1, "it has one edge less"),
    ("longest_path", lambda graph: len(graph.edges), "the number of all edges"),
    ("longest_path", lambda graph: 1, "in the graph of "),
    ("longest_path", first_operands, "in the graph of "),
    ("longest_path", lambda graph: longest_from(0, graph), "in the graph of "),
    ("longest_path", lambda graph: longest_from(-1, graph), "in the graph of "),
]

# --------------------------------------------------------------------------- 4 gradient descent


def slope_of_a_neuron(alpha: float, beta: float) -> tuple[float, float]:
    z = 1 / (1 + math.exp(-alpha - 2 * beta))
    return (z - 3) * z * (1 - z), 2 * (z - 3) * z * (1 - z)


def momentum_step(x: float, v: float, g: float, rate: float, kept: float) -> list[float]:
    return [x - rate * (kept * v + g), kept * v + g]


RIGHT += [
    ("gradient_of_a_neuron", slope_of_a_neuron),
    ("gradient_of_a_neuron", lambda a, b: np.array(slope_of_a_neuron(a, b))),
    ("largest_rate", 0.25),
    ("largest_rate", 2 / 8),
    ("largest_rate", np.float32(0.25)),
    ("largest_rate", Fraction(1, 4)),
    ("largest_rate", np.array([0.25])),
    ("momentum", momentum_step),
]
WRONG += [
    ("gradient_of_a_neuron", lambda a, b: [-d for d in slope_of_a_neuron(a, b)], "the sign"),
    ("gradient_of_a_neuron", lambda a, b: slope_of_a_neuron(a, b)[::-1], "argument 0: expected"),
    ("gradient_of_a_neuron", lambda a, b: slope_of_a_neuron(a, b)[0], "expected 2 numbers"),
    ("gradient_of_a_neuron", lambda a, b: 1 / 0, "ZeroDivisionError"),
    ("gradient_of_a_neuron", 0.5, "expected a function"),
    ("largest_rate", 0.5, "so what is λ?"),
    ("largest_rate", 0.125, "there in one step"),
    ("largest_rate", 2, "if the slope is 8x"),
    ("largest_rate", "1/4", "expected a number"),
    ("momentum", lambda *a: momentum_step(*a)[::-1], "return x first"),
    ("momentum", lambda x, v, g, η, μ: (x - η * v, μ * v + g), "not along the one before"),
    ("momentum", lambda x, v, g, η, μ: (x - η * g, μ * v + g), "x moves from -0.5"),
    ("momentum", lambda x, v, g, η, μ: (x - η * g, g), "the velocity is 2.5"),
    ("momentum", lambda x, v, g, η, μ: x, "expected 2 numbers"),
    ("momentum", lambda *a: (math.nan, math.nan), "expected a number, got nan"),
]
UNANSWERED += [("gradient_of_a_neuron", lambda a, b: (..., ...))]

# ----------------------------------------------------------------------- 5 neurons that separate


def logistic(w: Any, x: Any, t: float) -> Any:
    z = 1 / (1 + np.exp(-np.dot(w, x)))
    return (z - t) * np.array(x)


def squared(w: Any, x: Any, t: float) -> Any:
    z = 1 / (1 + np.exp(-np.dot(w, x)))
    return (z - t) * z * (1 - z) * np.array(x)


def two_lines(x1: float, x2: float) -> float:
    either, both = sigmoid(20 * x1 + 20 * x2 - 10), sigmoid(20 * x1 + 20 * x2 - 30)
    return sigmoid(20 * either - 20 * both - 10)


def steep(x1: float, x2: float) -> Any:
    either, both = sigmoid(1e4 * (x1 + x2 - 0.5)), sigmoid(1e4 * (x1 + x2 - 1.5))
    return sigmoid(1e4 * (either - both - 0.5))


RIGHT += [
    ("line_through_two_points", ([1, 1], -1)),
    ("line_through_two_points", ([2.5, 2.5], -2.5)),
    ("line_through_two_points", ([1e-12, 1e-12], -1e-12)),
    ("logistic_gradient", logistic),
    ("logistic_gradient", lambda w, x, t: logistic(w, x, t).tolist()),
    ("separates_xor", two_lines),
    ("separates_xor", steep),
    ("separates_xor", lambda x1, x2: abs(x1 - x2)),
    ("separates_xor", lambda x1, x2: Value(two_lines(x1, x2))),
]
WRONG += [
    ("line_through_two_points", ([-1, -1], 1), "turn w round"),
    ("line_through_two_points", ([1, 0], -1), "(0, 1) is not on the line"),
    ("line_through_two_points", ([0, 0], 0), "every point is on it"),
    ("line_through_two_points", ([0, 0], -1e-10), "(1, 0) is not on the line"),
    ("line_through_two_points", ([math.nan, math.nan], math.nan), "expected a number, got nan"),
    ("line_through_two_points", [1, 1, -1], "expected ([w1, w2], b)"),
    ("line_through_two_points", ([1, 1, 1], -1), "expected 2 numbers"),
    ("line_through_two_points", ("ab", -1), "expected 2 numbers"),
    ("logistic_gradient", squared, "it cancels"),
    ("logistic_gradient", lambda w, x, t: -logistic(w, x, t), "must come down"),
    ("logistic_gradient", lambda w, x, t: logistic(w, x, 0), "number 0 of 2: expected a deriv"),
    ("logistic_gradient", lambda w, x, t: 1.0, "expected 2 numbers"),
    ("separates_xor", lambda x1, x2: sigmoid(x1 + x2 - 0.5), "at (1, 1) it gives"),
    ("separates_xor", lambda x1, x2: 0.1, "should be above 0.5"),
    ("separates_xor", lambda x1, x2: float(x1 != x2), "it jumps between them"),
    ("separates_xor", lambda a, b: float((a > 0.3) != (b > 0.3)), "it jumps between them"),
    ("separates_xor", lambda a, b: math.nan if 0.4 < a < 0.6 else abs(a - b), "got nan"),
    ("separates_xor", lambda x1, x2: [x1, x2], "expected a number"),
    ("separates_xor", lambda x1, x2: sigmoid(x1 * ...), "TypeError"),
]
UNANSWERED += [
    ("line_through_two_points", ([..., 1], -1)),
    ("line_through_two_points", ([1, 1], ...)),
]

# ----------------------------------------------------------------------------- 6 reading digits


def softmax(z: Any) -> Any:
    return np.exp(z) / np.exp(z).sum()


class LeakyReLU:
    """Right, unless another factor is given for what is negative."""

    factor = 0.1

    def forward(self, input: Any) -> Any:
        return np.where(input > 0, input, 0.1 * input)

    def backward(self, input: Any, grad_output: Any) -> Any:
        return grad_output * np.where(input > 0, 1.0, self.factor)


class StopsAll(LeakyReLU):
    factor = 0.0


class LetsThrough(LeakyReLU):
    factor = 1.0


class ThreeDots(LeakyReLU):
    def backward(self, input: Any, grad_output: Any) -> Any:
        return ...


RIGHT += [
    ("loss_of_knowing_nothing", np.log(10)),
    ("loss_of_knowing_nothing", 2.303),
    ("parameters_of_784_100_10", 79_510),
    ("parameters_of_784_100_10", np.int64(79_510)),
    ("parameters_of_784_100_10", np.array(79_510)),
    ("slope_of_cross_entropy", lambda z, label: softmax(z) - np.eye(len(z))[label]),
    ("slope_of_cross_entropy", lambda z, label: (softmax(z) - np.eye(len(z))[label]).tolist()),
    ("leaky_relu", LeakyReLU),
]
WRONG += [
    ("loss_of_knowing_nothing", -2.3026, "the loss is minus that"),
    ("loss_of_knowing_nothing", 1.0, "takes the natural one"),
    ("loss_of_knowing_nothing", 0.1, "here p = 1/10"),
    ("loss_of_knowing_nothing", "log 10", "expected a number"),
    ("loss_of_knowing_nothing", math.nan, "expected a number, got nan"),
    ("loss_of_knowing_nothing", np.array([math.inf]), "expected a number, got inf"),
    ("loss_of_knowing_nothing", 1 + 2j, "expected a number"),
    ("parameters_of_784_100_10", 79_400, "each unit has a bias as well"),
    ("parameters_of_784_100_10", 894, "one weight for each of its inputs"),
    ("slope_of_cross_entropy", lambda z, label: softmax(z), "those add up to 1"),
    ("slope_of_cross_entropy", lambda z, label: np.eye(len(z))[label] - softmax(z), "expected a d"),
    ("slope_of_cross_entropy", lambda z, label: [0.0], "expected 3 numbers"),
    ("slope_of_cross_entropy", 3.0, "expected a function"),
    ("leaky_relu", StopsAll, "no gradient gets through where the input is negative"),
    ("leaky_relu", LetsThrough, "wrong where the input is negative"),
    ("leaky_relu", "relu", "expected a function, got 'relu'"),
]
UNANSWERED += [("leaky_relu", ThreeDots)]

# --------------------------------------------------------------------------------- 7 autoencoder


RIGHT += [
    ("between", lambda a, b, t: (1 - t) * a + t * b),
    ("between", lambda a, b, t: a + t * (b - a)),
    ("parameters_of_784_2_784", 3922),
    ("slope_of_absolute_error", lambda y, t: np.sign(np.subtract(y, t)) / len(y)),
    (
        "slope_of_absolute_error",
        lambda y, t: [(1 if a > b else -1) / len(y) for a, b in zip(y, t, strict=True)],
    ),
]
WRONG += [
    ("between", lambda a, b, t: t * a + (1 - t) * b, "goes from b to a"),
    ("between", lambda a, b, t: a, "between [ 1. -2.] and [3. 4.] at t = 1"),
    ("between", lambda a, b, t: a + t * b, "at t = 1: expected [3. 4.], got [4. 2.]"),
    ("between", 0.5, "expected a function"),
    ("parameters_of_784_2_784", 3136, "each unit has a bias, too"),
    ("parameters_of_784_2_784", 3138, "784 units of the output have biases"),
    ("parameters_of_784_2_784", 1570, "there is a decoder"),
    ("parameters_of_784_2_784", 2, "and as many back"),
    ("slope_of_absolute_error", lambda y, t: np.subtract(y, t) / 2, "of the squared error"),
    ("slope_of_absolute_error", lambda y, t: np.sign(np.subtract(y, t)), "counts for a quarter"),
    ("slope_of_absolute_error", lambda y, t: np.sign(np.subtract(t, y)) / 4, "expected a deriv"),
    ("slope_of_absolute_error", lambda y, t: 1.0, "expected 4 numbers"),
]

# ------------------------------------------------------------------ 8 from scalars to matrices


def spelled_out(w: Any, x: Any, t: Any) -> Any:
    z = [sum(b * a for b, a in zip(row, x, strict=True)) for row in w]
    return autodiff.log(sum(autodiff.exp(score) for score in z)) - sum(
        a * b for a, b in zip(t, z, strict=True)
    )


def without_target(w: Any, x: Any, t: Any) -> Any:
    return autodiff.logsumexp(w @ x)


def if_larger(z: Any) -> Any:
    return z[0] if z[0] > z[1] else z[1]


def multiplied(w: Any, x: Any, t: Any) -> Any:
    """Right, with the exponentials of each class multiplied, not the terms of its score added."""
    powers = [math.prod(autodiff.exp(b * a) for b, a in zip(row, x, strict=True)) for row in w]
    total = autodiff.log(sum(powers))
    return total - autodiff.log(autodiff.dot(t, powers))


def scores(w: Any, x: Any, t: Any) -> Any:
    return list(w @ x)


RIGHT += [
    ("linear_cross_entropy", spelled_out),
    ("linear_cross_entropy", lambda w, x, t: autodiff.logsumexp(w @ x) - autodiff.dot(t, w @ x)),
    ("products_of_three_layers", 8),
    ("slope_by_matrix", lambda w, x: np.outer(2 * np.tanh(w @ x) / np.cosh(w @ x) ** 2, x)),
]
WRONG += [
    ("linear_cross_entropy", without_target, "is taken off it"),
    (
        "linear_cross_entropy",
        lambda w, x, t: autodiff.dot(t, w @ x) - autodiff.logsumexp(w @ x),
        "expected a loss",
    ),
    ("linear_cross_entropy", scores, "the loss of one example is one number"),
    ("linear_cross_entropy", lambda w, x, t: if_larger(w @ x), "decides by a traced value"),
    ("linear_cross_entropy", multiplied, "compiles to 0 products"),
    ("linear_cross_entropy", 3, "expected a function, got 3"),
    ("products_of_three_layers", 3, "those are the products forward"),
    ("products_of_three_layers", 6, "how do gradients reach them"),
    ("products_of_three_layers", 9, "for which nobody asked"),
    ("products_of_three_layers", 50, "one product forward, and up to two back"),
    (
        "slope_by_matrix",
        lambda w, x: 2 * np.tanh(w @ x),
        "expected the shape of W, (3, 2), got (3,)",
    ),
    ("slope_by_matrix", lambda w, x: np.outer(2 * np.tanh(w @ x), x), "expected a derivative"),
]

# ----------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_is_right(name: str, answer: Any) -> None:
    verdict = getattr(exercises, name)(answer)
    assert verdict.is_right, verdict.text
    assert repr(verdict).startswith("right: ")


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_a_wrong_answer_gets_a_hint(name: str, answer: Any, hint: str) -> None:
    verdict = getattr(exercises, name)(answer)
    assert verdict.is_right is False
    assert hint in verdict.text
    assert repr(verdict).startswith("not yet: ")


@pytest.mark.parametrize("name", exercises.__all__)
def test_no_answer_is_no_mistake(name: str) -> None:
    verdict = getattr(exercises, name)(...)
    assert verdict.is_right is None
    assert repr(verdict).startswith("your turn: ")


FUNCTIONS = sorted({name for name, answer in RIGHT if callable(answer)})


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("function", [lambda *_: ..., lambda *_: None])
def test_a_function_without_a_result_is_no_answer(name: str, function: Callable[..., Any]) -> None:
    assert getattr(exercises, name)(function).is_right is None


@pytest.mark.parametrize("name", exercises.__all__)
@pytest.mark.parametrize("answer", ["a", None, -3.5, [], {}, object(), len, lambda: 1, 1 / 3 + 2j])
def test_anything_else_is_refused_without_a_traceback(name: str, answer: Any) -> None:
    verdict = getattr(exercises, name)(answer)
    assert verdict.is_right is not True
    assert 0 < len(verdict.text) < 400
    assert "Traceback" not in verdict.text


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise ValueError

    __repr__ = __str__


def raises(error: BaseException) -> Callable[..., Any]:
    def function(*arguments: Any) -> Any:
        raise error

    return function


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("error", [UnspeakableError(), SystemExit(0)], ids=type)
def test_whatever_a_function_raises_the_answer_is_wrong(name: str, error: BaseException) -> None:
    verdict = getattr(exercises, name)(raises(error))
    assert verdict.is_right is False
    assert type(error).__name__ in verdict.text


def test_an_exercise_can_be_interrupted() -> None:
    with pytest.raises(KeyboardInterrupt):
        exercises.slope_of_tanh(raises(KeyboardInterrupt()))


def test_every_exercise_has_right_answers_and_wrong_ones_here() -> None:
    assert {name for name, _ in RIGHT} == set(exercises.__all__)
    assert {name for name, _, _ in WRONG} == set(exercises.__all__)


@pytest.mark.parametrize(("name", "answer"), UNANSWERED)
def test_an_answer_with_dots_left_in_it_is_none(name: str, answer: Any) -> None:
    verdict = getattr(exercises, name)(answer)
    assert verdict.is_right is None
    assert repr(verdict).startswith("your turn: ")
