"""Checks for the exercises of the notebooks. Look here only after you have tried.

A check is given the reader's answer and returns a verdict: it raises nothing, whatever the answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import wraps
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from autodiff import (
    Graph,
    Value,
    check_gradient,
    check_layer,
    compile,
    dot,
    exp,
    fsum,
    grad,
    nn,
    sigmoid,
    softplus,
    tanh,
)
from autodiff.graph import is_constant

__all__ = [
    "a_gradient_of_ten",
    "between",
    "forward_mode",
    "gradient_of_a_neuron",
    "gradients_by_hand",
    "largest_rate",
    "leaky_relu",
    "line_through_two_points",
    "linear_cross_entropy",
    "logistic_gradient",
    "longest_path",
    "loss_of_knowing_nothing",
    "momentum",
    "number_of_edges",
    "own_addition",
    "own_backward",
    "own_backward_twice",
    "own_engine",
    "own_order",
    "own_product",
    "own_step",
    "own_tanh",
    "own_tanh_by_parts",
    "parameters_of_784_2_784",
    "parameters_of_784_100_10",
    "products_of_three_layers",
    "separates_xor",
    "slope_by_matrix",
    "slope_of_a_bell",
    "slope_of_a_cube",
    "slope_of_absolute_error",
    "slope_of_cross_entropy",
    "slope_of_swish",
    "slope_of_tanh",
    "stable_softplus",
]


class Verdict(NamedTuple):
    """The verdict of a check on an answer.

    Attributes:
        is_right: None if there is no answer yet.
        text: one or two sentences.
    """

    is_right: bool | None
    text: str

    def __repr__(self) -> str:
        mark = {True: "right", False: "not yet", None: "your turn"}[self.is_right]
        return f"{mark}: {self.text}"


class Wrong(Exception):  # noqa: N818 (an answer is wrong, nothing failed)
    """An answer that is not right yet, and why."""


def exercise(praise: str) -> Callable[[Callable[[Any], None]], Callable[[Any], Verdict]]:
    """Make a check of a function that raises if an answer is wrong.

    Args:
        praise: what is said to a right answer; it may add what there is to see in it.
    """

    def decorate(check: Callable[[Any], None]) -> Callable[[Any], Verdict]:
        @wraps(check)
        def checked(answer: Any) -> Verdict:
            if answer is ...:
                return Verdict(None, "put your answer in the place of the three dots")
            try:
                check(_ask(answer))
            except _NoAnswerError:
                return Verdict(None, "there are three dots left, or a function without a result")
            except (Exception, SystemExit) as error:  # the reader's function may raise anything
                return Verdict(False, _said(error))
            return Verdict(True, praise)

        return checked

    return decorate


def _said(error: BaseException) -> str:
    try:
        return str(error) if isinstance(error, Wrong | AssertionError) else repr(error)
    except Exception:  # an exception may be unable to show itself
        return type(error).__name__


class _NoAnswerError(Exception):
    """The reader's function returned nothing, or three dots."""


def _ask(answer: Any) -> Any:
    """An answer as it is; if it is a function, one that must answer when it is called."""
    if not callable(answer):
        return answer

    @wraps(answer)
    def asked(*arguments: Any, **options: Any) -> Any:
        result = answer(*arguments, **options)
        if result is None or result is ...:
            raise _NoAnswerError
        return result

    return asked


def _function(answer: Any) -> Callable[..., Any]:
    if not callable(answer):
        raise Wrong(f"expected a function, got {answer!r:.40}")
    return answer  # type: ignore[no-any-return]


def _number(answer: Any) -> float:
    if isinstance(answer, Value):
        answer = answer.data
    if isinstance(answer, np.ndarray) and answer.size == 1:
        answer = answer.item()
    if not isinstance(answer, Real):
        raise Wrong(f"expected a number, got {answer!r:.40}")
    number = float(answer)
    if not math.isfinite(number):
        raise Wrong(f"expected a number, got {number}")
    return number


def _numbers(answer: Any, count: int) -> list[float]:
    if hasattr(answer, "tolist"):  # an array
        answer = answer.tolist()
    if not isinstance(answer, list | tuple) or len(answer) != count:
        raise Wrong(f"expected {count} numbers, got {answer!r:.40}")
    if any(number is ... for number in answer):
        raise _NoAnswerError
    return [_number(number) for number in answer]


# ------------------------------------------------------------------------- 0 write your own engine


@exercise("one more a is one more a + b: both local derivatives are 1.")
def own_addition(answer: Any) -> None:
    """A class of the reader's whose nodes can be added, with parents and local derivatives."""
    _check_own(answer, lambda a, b: a + b, ("add",), backward=0)


@exercise("one more a is b more of a · b, and the other way round; a · a has two parents, both a.")
def own_product(answer: Any) -> None:
    """The same class, whose nodes can be multiplied as well."""
    _check_own(answer, lambda a, b: a * b, ("add", "multiply"), backward=0)


class _Node:
    """As much of a node as its order asks about; younger than all that were made before."""

    def __init__(self, age: int, *parents: _Node) -> None:
        self.age, self.parents = age, parents


@exercise("each node once, and none before all that was computed from it; depth does not matter.")
def own_order(answer: Any) -> None:
    """A function from a node with parents and an age to all below it, each after what uses it."""
    order = _function(answer)
    x, y = _Node(1), _Node(2)
    product = _Node(3, x, y)
    square = _Node(4, product, product)
    chain = x
    for age in range(5000):
        chain = _Node(5 + age, chain, x)
    graphs = {
        "x": (x, 1),
        "x · y": (product, 3),
        "p = x · y; p · p": (square, 4),
        "p = x · y; p · p · x + p": (_Node(6, _Node(5, square, x), product), 6),
        "a chain of 5,000 gates": (chain, 5001),
    }
    for text, (root, count) in graphs.items():
        try:
            found = list(order(root))
        except RecursionError:
            raise Wrong(
                f"{text}: Python does not call that deep; keep the nodes that are still to be "
                "visited in a list"
            ) from None
        if len(found) != count:
            raise Wrong(f"{text}: expected {count} nodes, each once, got {len(found)}")
        if found[0] is not root:
            raise Wrong(f"{text}: the first should be the result, which nothing was computed from")
        _check_order(text, found)


def _check_order(text: str, found: list[_Node]) -> None:
    place = {node: at for at, node in enumerate(found)}
    for node in found:
        if any(place.get(parent, -1) < place[node] for parent in node.parents):
            raise Wrong(f"{text}: a node comes before one that was computed from it, or is missing")


@exercise("every node adds up what comes back, and hands it on when it has all of it.")
def own_backward(answer: Any) -> None:
    """The same class, whose nodes can go backward once."""
    _check_own(answer, lambda a, b: (a + b).backward(), ("add", "multiply"), backward=1)


@exercise("leaves add up, and what is between them starts from 0 each time, as in autodiff.")
def own_backward_twice(answer: Any) -> None:
    """The same class, whose nodes can go backward again."""
    _check_own(
        answer, lambda a, b: (a + b).backward(), ("add", "multiply"), backward=2, deepest=5000
    )


@exercise("1 - tanh²: it needs no more than its own value.")
def own_tanh(answer: Any) -> None:
    """The same class, with tanh as one gate."""
    _check_own(answer, lambda a, _: a.tanh(), ("add", "multiply", "tanh"), backward=2)


@exercise("the same numbers from other gates: a gate may be as large or as small as you like.")
def own_tanh_by_parts(answer: Any) -> None:
    """The same class, with tanh made of other gates."""
    _check_own(answer, lambda a, _: a.tanh(), ("add", "multiply", "tanh"), backward=2)
    result = answer(0.5).tanh()
    if all(not parent.parents for parent in result.parents):
        raise Wrong("that is one gate; make it of exp, +, - and /")


@exercise("a step against the gradient, which then starts from 0 again.")
def own_step(answer: Any) -> None:
    """A function of parameters and a rate that takes a step of gradient descent."""
    step = _function(answer)
    parameters = [Value(3.0), Value(-1.0)]
    for _ in range(2):
        for parameter, gradient in zip(parameters, (2.0, -4.0), strict=True):
            parameter.grad += gradient
        with suppress(_NoAnswerError):  # it need not return anything
            step(parameters, 0.25)
    found = [parameter.data for parameter in parameters]
    if found == [3.0, -1.0]:
        raise _NoAnswerError
    if found[0] > 3:
        raise Wrong("that goes up the slope: the loss falls against the gradient")
    if found == [1.5, 2.0]:
        raise Wrong("one step is right; at the next the old gradient is still there")
    if found != [2.0, 1.0]:
        raise Wrong(f"from 3 by 2 steps of 0.25 · 2: expected 2, got {found[0]:g}")


@exercise("no difference from autodiff was found. It is an engine.")
def own_engine(answer: Any) -> None:
    """A whole class: all its operators, functions, plain numbers, backward, and depth."""
    operations = ("add", "multiply", "subtract", "divide", "negate", "exp", "tanh")
    _check_own(answer, lambda a, _: a, operations, backward=2, plain=True, deepest=5000)


def _check_own(
    answer: Any, try_out: Callable[[Any, Any], Any], operations: Sequence[str], **options: Any
) -> None:
    """The reader's class against autodiff; three dots where it gives an ellipsis."""
    from autodiff.testing import check_engine  # needs hypothesis, as no other exercise does

    leaf = _function(answer)
    a, b = leaf(2.0), leaf(3.0)
    try:
        is_open = try_out(a, b) is ...
    except Exception:  # the check itself says what is wrong
        is_open = False
    if is_open:
        raise _NoAnswerError
    check_engine(leaf, operations, **options)


# ------------------------------------------------------------------------------ 1 graphs by hand


@exercise("3, 3 + 4 and 0: b gets something back from both of its uses, c lost the maximum.")
def gradients_by_hand(answer: Any) -> None:
    """The gradients of (a + b) · max(b, c) at a = 1, b = 3, c = 2."""
    df_da, df_db, df_dc = _numbers(answer, 3)
    if df_da != 3:
        raise Wrong(f"∂f/∂a is not {df_da:g}: what does the multiply gate send to a + b?")
    if df_db in (3, 4):
        raise Wrong(f"∂f/∂b: {df_db:g} comes back from one of the uses of b, and it has two")
    if df_db != 7:
        raise Wrong(f"∂f/∂b is not {df_db:g}: add up what comes back from + and from max")
    if df_dc != 0:
        raise Wrong(f"∂f/∂c is not {df_dc:g}: b is the larger one, so what does max send to c?")


@exercise("3a² it is, 27 at 3: three edges lead from a into the products.")
def slope_of_a_cube(slope: Any) -> None:
    """The derivative of a · a · a, as a function of a."""
    for point in (3.0, -1.5, 0.2):
        check_gradient(lambda a: a * a * a, point, gradient=_function(slope))


@exercise("the slope of exp at -x², which is exp(-x²) itself, times the slope of -x².")
def slope_of_a_bell(slope: Any) -> None:
    """The derivative of exp(-x²), as a function of x."""
    if _number(_function(slope)(0.7)) == _number(exp(-(0.7**2))):
        raise Wrong("that is exp′ at -x²; by the chain rule it is multiplied by the slope of -x²")
    for point in (0.0, 0.7, -1.5):
        check_gradient(lambda x: exp(-(x**2)), point, gradient=slope)


@exercise("10 at x = 2, with add and multiply gates alone.")
def a_gradient_of_ten(function: Any) -> None:
    """A function of x whose graph has at most three gates, + and ·, and the gradient 10 at 2."""
    x = Value(2.0, "x")
    result = _function(function)(x)
    if not isinstance(result, Value):
        raise Wrong(f"the function gives {result!r:.40}, which was not computed from x")
    graph = Graph(result).open()
    if any(is_constant(node) for node in graph.nodes) or len(graph.leaves) > 1:
        raise Wrong("there is a number in your graph that is not x")
    gates = [node.op.name for node in graph.nodes if node.op is not None]
    if other := set(gates) - {"add", "multiply"}:
        raise Wrong(f"there is a gate in your graph that is neither + nor ·: {min(other)}")
    if graph.gradient(x) != 10:
        raise Wrong(f"the gradient at 2 is {graph.gradient(x):g}")
    if len(gates) > 3:
        raise Wrong(f"the gradient is 10, with {len(gates)} gates; it can be done with three")


# --------------------------------------------------------------------------- 2 the sigmoid neuron


@exercise("1 - tanh²: 1 at 0, and next to nothing where tanh is near 1 or -1.")
def slope_of_tanh(slope: Any) -> None:
    """The derivative of tanh."""
    y = tanh(0.7)
    if abs(_number(_function(slope)(0.7)) - y * (1 - y)) < 1e-9:
        raise Wrong("y (1 - y) is the slope of σ; tanh goes from -1 to 1, and is steepest at y = 0")
    for point in (0.0, 0.7, -2.0):
        check_gradient(tanh, point, gradient=slope)


@exercise("σ + s σ (1 - σ), the two paths of the product rule.")
def slope_of_swish(slope: Any) -> None:
    """The derivative of s · σ(s)."""
    y = sigmoid(0.7)
    if abs(_number(_function(slope)(0.7)) - 0.7 * y * (1 - y)) < 1e-9:
        raise Wrong("that is the path through σ; there is another one, straight into the product")
    if abs(_number(slope(0.7)) - y) < 1e-9:
        raise Wrong("that is the path straight into the product; there is another one, through σ")
    for point in (0.0, 0.7, -2.0):
        check_gradient(lambda s: s * sigmoid(s), point, gradient=slope)


@exercise("right everywhere, and its slope is σ.")
def stable_softplus(function: Any) -> None:
    """log(1 + exp(s)) that never overflows."""
    for point in (0.5, -3.0, 0.0, 1000.0, -1000.0):
        s = Value(point, "s")
        try:
            y = _function(function)(s)
        except OverflowError as error:
            raise Wrong(f"at {point:g}: {error}; which of e^s and e^-s is small there?") from None
        if not isinstance(y, Value):
            raise Wrong(f"the function gives {y!r:.40}, which was not computed from s")
        graph = Graph(y).open()
        if any(node.op is not None and node.op.name == "softplus" for node in graph.nodes):
            raise Wrong("that is the library's own softplus; do it with exp and log1p")
        expected = softplus(point)
        if abs(graph.value(y) - expected) > 1e-9:
            raise Wrong(f"at {point:g}: expected {expected:.6g}, got {graph.value(y):.6g}")
        if abs(graph.gradient(s) - sigmoid(point)) > 1e-9:
            raise Wrong(
                f"at {point:g}: expected a slope of {sigmoid(point):.6g}, got "
                f"{graph.gradient(s):.6g}"
            )


# -------------------------------------------------------------------------- 3 paths and backprop


@exercise("d (w² + w) + w: one more layer adds w² + w edges, and multiplies the paths by w.")
def number_of_edges(function: Any) -> None:
    """Edges of a fully connected network of sums and gates, by depth and width."""
    for depth, width in ((3, 2), (1, 3), (4, 5), (1, 1), (0, 5)):
        given = _number(_function(function)(depth, width))
        counted = _edges_of_network(depth, width)
        if given == counted:
            continue
        if given == depth * width**2 + width:
            raise Wrong("that leaves out the edge from each sum to its gate")
        if given == depth * (width**2 + width):
            raise Wrong("that leaves out the edges into the last sum, p")
        if given == width**depth:
            raise Wrong("that is the number of paths; edges add up, layer by layer")
        raise Wrong(f"depth {depth}, width {width}: there are {counted}, and you say {given:g}")


def _edges_of_network(depth: int, width: int) -> int:
    layer = [Value(1.0) for _ in range(width)]
    for _ in range(depth):
        layer = [sigmoid(fsum(layer)) for _ in range(width)]
    return len(Graph(fsum(layer)).edges)


@exercise("derivatives of everything by one leaf, in one pass from the front.")
def forward_mode(function: Any) -> None:
    """The derivatives of every node of a graph by one leaf, as a dict."""
    for graph in _small_graphs():
        for leaf in graph.leaves:
            given = _function(function)(graph, leaf)
            if not isinstance(given, dict):
                raise Wrong(f"expected a dict from nodes to numbers, got {given!r:.40}")
            for node in graph.nodes:
                _check_derivative(graph, leaf, node, given)


def _check_derivative(graph: Graph, leaf: Value, node: Value, given: dict[Any, Any]) -> None:
    where = f"∂{_called(graph, node)}/∂{_called(graph, leaf)} of {_called(graph, graph.outputs[0])}"
    if node not in given:
        raise Wrong(f"{where} is missing")
    expected = Graph(node).gradient(leaf) if leaf in Graph(node) else 0
    if given[node] == expected:
        return
    if node is leaf:
        raise Wrong(f"{where}: a leaf changes by 1 per change of itself, and you say {given[node]}")
    if node.op is None:
        raise Wrong(f"{where}: one leaf does not change with another, and you say {given[node]}")
    raise Wrong(
        f"{where} is {expected}, and you say {given[node]}; does each edge add to its head?"
    )


def _called(graph: Graph, node: Value) -> str:
    return node.name or graph.formula(node) or graph.id(node)


def _small_graphs() -> list[Graph]:
    """Graphs in fractions, so that no answer is nearly right."""
    x, y = Value(Fraction(1, 2), "x"), Value(Fraction(-3), "y")
    square = x * x
    square.name = "x²"
    product = square * y
    product.name = "x² y"
    quotient = product * (square + y) / y
    middle = x * x - (y * y) * Value(Fraction(2), "z")  # the longest path starts at the second leaf
    return [Graph(node) for node in (x * y, square, product - y, x - y * y, quotient, middle)]


@exercise("one more than the longest of its operands: the same loop, with max for the sum.")
def longest_path(function: Any) -> None:
    """The number of edges on the longest path from any leaf of a graph to its output."""
    for graph in reversed(_small_graphs()):
        end = graph.outputs[0]
        paths = [path for leaf in graph.leaves for path in graph.paths(leaf, end)]
        longest = max(len(path.edges) for path in paths)
        given = _number(_function(function)(graph))
        if given == len(graph.edges) != longest:
            raise Wrong("that is the number of all edges")
        if given == longest + 1:
            raise Wrong("that is the number of nodes on the path; it has one edge less")
        if given != longest:
            formula = _called(graph, end)
            raise Wrong(f"in the graph of {formula} it has {longest} edges, and you say {given:g}")


# ----------------------------------------------------------------------------- 6 reading digits


@exercise("log 10 it is: what the linear classifier started from.")
def loss_of_knowing_nothing(answer: Any) -> None:
    """The cross-entropy of ten equal probabilities."""
    given = _number(answer)
    if abs(given + math.log(10)) < 0.01:
        raise Wrong(
            "a probability is below 1, so its logarithm is negative; the loss is minus that"
        )
    if abs(given - 1) < 0.01:
        raise Wrong("that is the logarithm with base 10; the loss takes the natural one")
    if abs(given - math.log(10)) > 0.01:
        raise Wrong("the loss of one image is -log p of its class, and here p = 1/10")


@exercise("78,400 + 100 + 1,000 + 10, most of them in the first layer.")
def parameters_of_784_100_10(answer: Any) -> None:
    """Weights and biases of two layers."""
    given = _number(answer)
    if given == 79_400:
        raise Wrong("those are the weights; each unit has a bias as well")
    if given != 79_510:
        raise Wrong("each unit of a layer has one weight for each of its inputs, and a bias")


@exercise("Probabilities, with 1 taken off at the right class: p - onehot.")
def slope_of_cross_entropy(answer: Any) -> None:
    """The gradient of the cross-entropy on the logits, from logits and a label."""
    slope = _function(answer)
    for logits, label in (([0.5, -1.0, 2.0], 0), ([3.0, 3.0], 1), ([-0.3, 0.1, 0.2, 0.9], 3)):
        found = _numbers(slope(list(logits), label), len(logits))
        if math.isclose(sum(found), 1, abs_tol=1e-6):
            raise Wrong("those add up to 1, as probabilities do; a gradient of logits adds up to 0")

        def loss(given: Any, label: int = label) -> Any:
            return nn.cross_entropy(given, label)

        check_gradient(loss, logits, gradient=lambda _, found=found: found)


@exercise("1 where the input was positive, 0.1 where it was not, times what comes back.")
def leaky_relu(answer: Any) -> None:
    """A class with forward and backward."""
    kind = _function(answer)
    batch = np.array([[1.0, -2.0, 0.5], [-0.3, 4.0, -1.5]])
    _ask(kind().backward)(batch, np.ones_like(batch))
    check_layer(kind(), batch, expected=nn.LeakyReLU(0.1))


# --------------------------------------------------------------------------- 4 gradient descent


@exercise("the three factors of the chain rule; only the last one differs, x1 or x2.")
def gradient_of_a_neuron(gradient: Any) -> None:
    """(∂L/∂α, ∂L/∂β) of ½ (3 - σ(α + 2β))², as a function of α and β."""

    def loss(alpha: Any, beta: Any) -> Any:
        return 0.5 * (3 - sigmoid(alpha + 2 * beta)) ** 2

    for point in ((0.5, 1.0), (-1.0, 0.3), (0.0, -0.5)):
        found = _numbers(_function(gradient)(*point), 2)
        exact = grad(loss, (0, 1))(*point)
        if all(abs(a + b) < 1e-9 for a, b in zip(found, exact, strict=True)):
            raise Wrong("the sign is the other one: the derivative of ½(y - z)² is z - y")
        check_gradient(loss, *point, gradient=gradient)


@exercise("the curvature is λ = 8, and 2 / λ is the limit.")
def largest_rate(answer: Any) -> None:
    """The limit of the learning rate on 4x² + 7, which is 2/8."""
    rate = _number(answer)
    if rate == 0.5:
        raise Wrong("that is 2/4; but 4x² is λ/2 · x², so what is λ?")
    if rate == 0.125:
        raise Wrong("with that rate it is there in one step; how much longer may a step be?")
    if rate != 0.25:
        raise Wrong(f"not {rate:g}: by what is x multiplied in one step, if the slope is 8x?")


@exercise("the velocity first, then a step along it.")
def momentum(step: Any) -> None:
    """One step of momentum: (x, v) from x, v, g, η and μ."""
    for x, v, g, rate, kept in ((1.0, 0.0, 2.0, 0.1, 0.9), (-0.5, 3.0, 1.0, 0.2, 0.5)):
        new_x, new_v = _numbers(_function(step)(x, v, g, rate, kept), 2)
        velocity = kept * v + g
        if (new_x, new_v) == (velocity, x - rate * velocity):
            raise Wrong("return x first, then v")
        if abs(new_v - velocity) > 1e-12:
            raise Wrong(f"the velocity is {velocity:g} after v = {v:g}, g = {g:g}, not {new_v:g}")
        if abs(new_x - (x - rate * v)) < 1e-12:
            raise Wrong("x moves along the new velocity, not along the one before")
        if abs(new_x - (x - rate * velocity)) > 1e-12:
            raise Wrong(f"x moves from {x:g} to {x - rate * velocity:g}, not to {new_x:g}")


# ----------------------------------------------------------------------- 5 neurons that separate


@exercise("w = (1, 1) and b = -1, or any positive multiple of them: the steeper, the surer.")
def line_through_two_points(answer: Any) -> None:
    """A normal and an offset, ([w1, w2], b), of the line through (1, 0) and (0, 1)."""
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        raise Wrong(f"expected ([w1, w2], b), got {answer!r:.40}")
    (w1, w2), b = _numbers(answer[0], 2), _numbers([answer[1]], 1)[0]
    for name, score in (("(1, 0)", w1 + b), ("(0, 1)", w2 + b)):
        if abs(score) > 1e-9 * max(abs(w1), abs(w2)):
            raise Wrong(f"{name} is not on the line: w · x + b is {score:g} there")
    if b == 0:
        raise Wrong("with w = (0, 0) and b = 0 every point is on it")
    if b > 0:
        raise Wrong("that is the line, but the origin is on its positive side: turn w round")


@exercise("prediction less label, times the input: nothing is left of σ'.")
def logistic_gradient(gradient: Any) -> None:
    """The gradient of the logistic loss on (w1, w2), as a function of w, x and the label t."""
    for w, x, t in (([0.5, -0.5], [2.0, 1.0], 1.0), ([1.5, 0.2], [-1.0, 0.5], 0.0)):

        def loss(w: Any, x: Any = x, t: float = t) -> Any:
            s = dot(w, x)
            return softplus(s) - t * s

        found = _numbers(_function(gradient)(w, x, t), 2)
        z = 1 / (1 + math.exp(-w[0] * x[0] - w[1] * x[1]))
        if all(abs(a - (z - t) * z * (1 - z) * c) < 1e-9 for a, c in zip(found, x, strict=True)):
            raise Wrong("σ' is one factor too many: it cancels against the slope of the logarithm")
        if all(abs(a + (z - t) * c) < 1e-9 for a, c in zip(found, x, strict=True)):
            raise Wrong("the sign is the other one: a prediction above the label must come down")
        check_gradient(loss, w, gradient=lambda _, found=found: found)


@exercise("all four points are on their side, and no single line could have done that.")
def separates_xor(network: Any) -> None:
    """A function of x1 and x2, above 0.5 exactly where one of them is 1 and the other 0."""
    answers = {
        point: _number(_function(network)(*point)) for point in ((0, 0), (0, 1), (1, 0), (1, 1))
    }
    for (x1, x2), answer in answers.items():
        if (answer > 0.5) != (x1 != x2):
            side = "above" if x1 != x2 else "below"
            raise Wrong(f"at ({x1}, {x2}) it gives {answer:.3f}, which should be {side} 0.5")
    edges = (lambda t: (t, 0), lambda t: (0, t), lambda t: (t, 1), lambda t: (1, t))

    def along(edge: Callable[[float], tuple[float, float]]) -> Callable[[float], float]:
        return lambda t: _number(network(*edge(t)))

    if any(_jumps(along(edge)) for edge in edges):
        raise Wrong("right at the corners, but it jumps between them: build it of sigmoids")


def _jumps(curve: Callable[[float], float]) -> bool:
    """Whether a curve, on different sides of 0.5 at 0 and at 1, gets there by a jump."""
    start, end = 0.0, 1.0
    starts_above = curve(start) > 0.5
    for _ in range(40):
        middle = (start + end) / 2
        if (curve(middle) > 0.5) == starts_above:
            start = middle
        else:
            end = middle
    return abs(curve(end) - curve(start)) > 0.1


# -------------------------------------------------------------------------------- 7 autoencoder


@exercise("a at 0, b at 1, and a straight line between them.")
def between(answer: Any) -> None:
    """(1 - t) · a + t · b, for arrays a and b."""
    function = _function(answer)
    a, b = np.array([1.0, -2.0]), np.array([3.0, 4.0])
    for t in (0.0, 1.0, 0.25):
        found = np.asarray(function(a.copy(), b.copy(), t), float)
        expected = (1 - t) * a + t * b
        if t == 0 and found.shape == b.shape and np.allclose(found, b):
            raise Wrong("that goes from b to a: at t = 0 it is to be a")
        if found.shape != a.shape or not np.allclose(found, expected):
            raise Wrong(f"between {a} and {b} at t = {t:g}: expected {expected}, got {found}")


@exercise("784 · 2 + 2 to the code, 2 · 784 + 784 back.")
def parameters_of_784_2_784(answer: Any) -> None:
    """Weights and biases, there and back."""
    given = _number(answer)
    hints = {
        3136.0: "those are the weights; each unit has a bias, too, the 784 of the output as well",
        3138.0: "the 784 units of the output have biases, too",
        1570.0: "that is the encoder; there is a decoder",
    }
    if given != 3922:
        raise Wrong(hints.get(given, "there are 784 · 2 weights to the code, and as many back"))


@exercise("the sign of the mistake over their number: its size does not matter.")
def slope_of_absolute_error(answer: Any) -> None:
    """The gradient of the mean absolute error on the outputs."""
    slope = _function(answer)
    outputs, targets = [0.5, -1.0, 2.0, 0.25], [0.0, 1.0, 2.5, -3.0]
    found = _numbers(slope(list(outputs), list(targets)), len(outputs))
    if np.allclose(found, 2 * (np.array(outputs) - targets) / len(outputs)):
        raise Wrong("that is the gradient of the squared error")
    if np.allclose(found, np.sign(np.array(outputs) - targets)):
        raise Wrong("the mean of four errors: each counts for a quarter")
    check_gradient(
        lambda given: nn.mean_absolute_error(given, targets), outputs, gradient=lambda _: found
    )


# ----------------------------------------------------------------- 8 from scalars to matrices


@exercise("one matrix product for all examples, found in your sums.")
def linear_cross_entropy(answer: Any) -> None:
    """The cross-entropy of a linear classifier, of W, one example and its one-hot target."""
    rng = np.random.default_rng(0)
    weights, examples = rng.normal(size=(3, 4)), rng.normal(size=(5, 4))
    targets = np.eye(3)[[0, 1, 2, 1, 0]]
    loss = _function(answer)
    compiled = compile(lambda w, x, t: loss(w, x, t), batched=("x", "t"))
    found = compiled(weights, examples, targets)
    if np.shape(found) != (5,):
        raise Wrong("the loss of one example is one number")
    scores = examples @ weights.T
    right = (targets * scores).sum(axis=1)
    normalizers = np.log(np.exp(scores).sum(axis=1))
    if np.allclose(found, normalizers):
        raise Wrong("that is log Σ exp(z); the score of the right class, Σ t z, is taken off it")
    if not np.allclose(found, normalizers - right, rtol=1e-9):
        raise Wrong(f"expected a loss of {(normalizers - right)[0]:.6g}, got {found[0]:.6g}")
    if compiled.stats["products"] != 1:
        raise Wrong(
            f"the loss is right, but it compiles to {compiled.stats['products']} products; is "
            "each score a sum of weights times inputs?"
        )


@exercise("3 forward, 3 for the weights, 2 for the hidden units.")
def products_of_three_layers(answer: Any) -> None:
    """The number of matrix products that value and gradient of three layers take."""
    given = _number(answer)
    hints = {
        3.0: "those are the products forward; each layer also needs some on the way back",
        6.0: "that is forward, and the gradients of the weights; how do gradients reach them?",
        9.0: "one of these would be the gradient of the images, for which nobody asked",
    }
    if given != 8:
        raise Wrong(hints.get(given, "a layer is one product forward, and up to two back"))


@exercise("2 tanh · (1 - tanh²) for each row, times x: an outer product.")
def slope_by_matrix(answer: Any) -> None:
    """The gradient of Σ tanh(W x)² on W, from W and x."""
    rng = np.random.default_rng(0)
    weights, x = rng.normal(size=(3, 2)), np.array([0.5, -1.5])
    slope = np.asarray(_function(answer)(weights.copy(), x.copy()))
    if slope.shape != weights.shape:
        raise Wrong(f"expected the shape of W, {weights.shape}, got {slope.shape}")

    def value(matrix: Any) -> float:
        return float((np.tanh(np.asarray(matrix, float) @ x) ** 2).sum())

    check_gradient(value, weights, gradient=lambda _: slope)
