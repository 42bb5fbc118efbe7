"""Compiled functions beside the peers that are installed, in the same run.

Every side does the same work in the same precision on one thread, sides take turns, and medians
are compared. Before anything is timed, ``check`` proves on small sizes that all sides compute the
same gradients. ``python -m benchmarks compiled rosenbrock mlp`` runs some of the parts alone.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import autodiff
from autodiff import Graph, Value, dot, exp, logsumexp, relu, sin, value_and_grad
from autodiff import compile as compiled
from autodiff.compiler.trace import Parameter, trace
from autodiff.structure import form_of
from benchmarks import adbench
from benchmarks.measure import interleaved, seconds_of, seconds_per_call
from benchmarks.workloads import Workload, workloads

Work = Callable[[], Any]
Array = NDArray[Any]
Layers = list[tuple[Array, Array]]

THIS = [sys.executable, "-m", "benchmarks", "compiled"]
REPETITIONS = 15

LEARNING_RATE = 1e-3


class Peer(NamedTuple):
    """Somebody else's way to do a piece of work, and the ratio to reach against it, if any."""

    name: str
    work: Work
    reach: float | None = None


def installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def torch_alone() -> Any:
    """PyTorch, on one thread."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    return torch


# ------------------------------------------------------------------------------------ the table


def print_heading() -> None:
    columns = f"{'autodiff':>10}{'peer':>10}{'ratio':>8}  {'reach':<9}"
    print(f"\n{'work':<46}{columns}beside")


def print_row(work: str, ours: Work, peers: Sequence[Peer]) -> None:
    """One line for each peer; a ratio below 1 means that autodiff takes less time."""
    sides = [seconds_per_call(side) for side in (ours, *(peer.work for peer in peers))]
    own, *others = interleaved(sides, REPETITIONS)
    if not peers:
        print(f"{work:<46}{shown(own):>10}")
    for peer, seconds in zip(peers, others, strict=True):
        print(f"{work:<46}{shown(own):>10}{shown(seconds):>10}{verdict(own / seconds, peer)}")


def verdict(ratio: float, peer: Peer) -> str:
    reach = "" if peer.reach is None else f"≤ {peer.reach:g}"
    missed = peer.reach is not None and ratio > peer.reach
    return f"{ratio:>8.3f}  {reach:<9}{peer.name}{'   MISSED' if missed else ''}"


def shown(seconds: float) -> str:
    """Three digits and a unit.

    >>> shown(0.0123), shown(4.5e-6), shown(12.0)
    ('12.3 ms', '4.5 µs', '12 s')
    """
    if seconds >= 1:
        return f"{seconds:.3g} s"
    return f"{1e3 * seconds:.3g} ms" if seconds >= 1e-3 else f"{1e6 * seconds:.3g} µs"


def assert_close(found: Any, expected: Any) -> None:
    """ADBench's measure of error, over every number of two equal structures."""
    if isinstance(expected, list | tuple):
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other)
        return
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    assert found.shape == expected.shape, (found.shape, expected.shape)
    error = np.abs(found - expected) / np.maximum(1, np.abs(found) + np.abs(expected))
    assert error.max() <= 1e-10, error.max()


# ----------------------------------------------------------------------------------- Rosenbrock


def rosenbrock(x: Any) -> Any:
    """Over a list or array of floats, Values, or other engines' scalars."""
    total: Any = 0.0
    for i in range(len(x) - 1):
        total = total + 100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2
    return total


def rosenbrock_point(n: int = 100) -> Array:
    return np.linspace(-1.0, 1.0, n)


def micrograd_rosenbrock(x: Sequence[float]) -> tuple[float, list[float]]:
    """Builds the graph and runs backward; it recurses over the graph and needs the room."""
    engine = importlib.import_module("micrograd.engine")
    leaves = [engine.Value(a) for a in x]
    total = rosenbrock(leaves)
    total.backward()
    return total.data, [leaf.grad for leaf in leaves]


def casadi_rosenbrock(n: int) -> Any:
    """A function of its virtual machine: a vector to the value and the gradient."""
    casadi = importlib.import_module("casadi")
    x = casadi.SX.sym("x", n)
    total = rosenbrock(casadi.vertsplit(x))
    return casadi.Function("rosenbrock", [x], [total, casadi.gradient(total, x)])


def casadi_with_buffers(x: Array) -> tuple[Work, tuple[Array, Array]]:
    """CasADi bound to memory once: calls neither take arguments nor return results."""
    buffer, trigger = casadi_rosenbrock(len(x)).buffer()
    value, gradient = np.zeros(1), np.zeros(len(x))
    buffer.set_arg(0, x.data)
    buffer.set_res(0, value.data)
    buffer.set_res(1, gradient.data)
    # The trigger holds addresses only: what they belong to must live as long as it does.
    return lambda kept=(buffer, x): trigger(), (value, gradient)  # noqa: ARG005


def casadi_peers(x: Array) -> list[Peer]:
    casadi = importlib.import_module("casadi")
    function = casadi_rosenbrock(len(x))
    point = casadi.DM(x)

    def by_numpy() -> tuple[float, Array]:
        value, gradient = function(x)
        return float(value), gradient.full()

    return [
        Peer(
            "CasADi, its own DM in and out (its fastest ordinary call)",
            lambda: function(point),
            0.75,
        ),
        Peer("CasADi, NumPy in and out, as autodiff", by_numpy, 0.75),
        Peer("CasADi, bound to buffers, no arguments", casadi_with_buffers(x)[0]),
    ]


def rosenbrock_part() -> None:
    x = rosenbrock_point()
    function = compiled(rosenbrock)
    peers = []
    if installed("micrograd"):
        peers.append(Peer("micrograd", lambda: micrograd_rosenbrock(x.tolist()), 0.015))
    if installed("casadi"):
        peers += casadi_peers(x)
    print_heading()
    print_row("Rosenbrock-100, value and gradient", lambda: function.value_and_grad(x), peers)


def check_rosenbrock() -> None:
    x = rosenbrock_point(7)
    expected = value_and_grad(rosenbrock)(x)
    assert_close(compiled(rosenbrock).value_and_grad(x), expected)
    if installed("micrograd"):
        assert_close(micrograd_rosenbrock(x.tolist()), expected)
    if installed("casadi"):
        value, gradient = casadi_rosenbrock(len(x))(x)
        assert_close((float(value), gradient.full()[:, 0]), expected)
        trigger, (one_value, gradient) = casadi_with_buffers(x)
        trigger()
        assert_close((one_value[0], gradient), expected)


# ------------------------------------------------------------------------- multilayer perceptron


class Batch(NamedTuple):
    """Pixels from 0 to 1 by rows, and the right classes."""

    images: Array
    labels: NDArray[np.int64]

    def one_hot(self, classes: int) -> Array:
        return np.eye(classes, dtype=self.images.dtype)[self.labels]


def random_batch(size: int, pixels: int, classes: int, dtype: str = "float64") -> Batch:
    generator = np.random.default_rng(1)
    images = generator.uniform(size=(size, pixels)).astype(dtype)
    return Batch(images, generator.integers(classes, size=size))


def random_layers(sizes: Sequence[int], dtype: str = "float64") -> Layers:
    """Weights of shape (outputs, inputs), and biases."""
    generator = np.random.default_rng(0)
    return [
        (
            generator.normal(0, np.sqrt(2 / inputs), (outputs, inputs)).astype(dtype),
            generator.normal(0, 0.1, outputs).astype(dtype),
        )
        for inputs, outputs in pairwise(sizes)
    ]


def network_loss(layers: Any, x: Any, t: Any) -> Any:
    """Cross-entropy of one image: scalar by scalar, W @ x on arrays of Values."""
    *hidden, (last, last_bias) = layers
    signal = x
    for weights, bias in hidden:
        signal = np.array([relu(s) for s in weights @ signal + bias], dtype=object)
    logits = last @ signal + last_bias
    return logsumexp(logits) - dot(t, logits)


def compiled_network(dtype: str = "float64") -> Any:
    return compiled(network_loss, batched=("x", "t"), dtype=dtype)


def autodiff_step(layers: Layers, batch: Batch, dtype: str) -> Work:
    """As training does it: all parameters are one vector, and the step is one subtraction."""
    numbers = np.concatenate([part.ravel() for layer in layers for part in layer])
    shapes = [part.shape for layer in layers for part in layer]

    def loss(parameters: Any, x: Any, t: Any) -> Any:
        parts = np.split(parameters, np.cumsum([np.prod(shape) for shape in shapes])[:-1])
        arrays = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        return network_loss(list(zip(arrays[::2], arrays[1::2], strict=True)), x, t)

    function = compiled(loss, batched=("x", "t"), dtype=dtype)
    targets = batch.one_hot(len(layers[-1][1]))

    def step() -> float:
        losses, gradient = function.value_and_grad(numbers, batch.images, targets)
        gradient *= LEARNING_RATE / len(batch.labels)
        np.subtract(numbers, gradient, out=numbers)
        return float(losses.mean())

    return step


def descend(layers: Layers, gradients: Layers, rate: float) -> None:
    for parameters, slopes in zip(layers, gradients, strict=True):
        for parameter, slope in zip(parameters, slopes, strict=True):
            slope *= rate
            parameter -= slope


def numpy_step(layers: Layers, batch: Batch) -> Work:
    def step() -> float:
        loss, gradients = numpy_gradients(layers, batch)
        descend(layers, gradients, LEARNING_RATE)
        return loss

    return step


def numpy_gradients(layers: Layers, batch: Batch) -> tuple[float, Layers]:
    """The mean loss and its gradient as one writes them by hand, arrays reused where it helps."""
    signals: list[Array] = [batch.images]
    for weights, bias in layers[:-1]:
        signal = signals[-1] @ weights.T
        signal += bias
        signals.append(np.maximum(signal, 0, out=signal))
    loss, upstream = numpy_cross_entropy(signals[-1] @ layers[-1][0].T + layers[-1][1], batch)
    gradients: Layers = []
    for (weights, _), signal in zip(reversed(layers), reversed(signals), strict=True):
        gradients.append((upstream.T @ signal, upstream.sum(0)))
        if signal is not batch.images:
            upstream = upstream @ weights
            upstream *= signal > 0
    return loss, gradients[::-1]


def numpy_cross_entropy(logits: Array, batch: Batch) -> tuple[float, Array]:
    count = len(logits)
    logits -= logits.max(1, keepdims=True)
    chosen = logits[np.arange(count), batch.labels]
    shares = np.exp(logits)
    sums = shares.sum(1)
    loss = float((np.log(sums) - chosen).mean())
    shares /= sums[:, None]
    shares[np.arange(count), batch.labels] -= 1
    shares /= count
    return loss, shares


def torch_network(layers: Layers) -> Any:
    torch = torch_alone()
    modules: list[Any] = []
    for weights, bias in layers:
        linear = torch.nn.Linear(*reversed(weights.shape), dtype=torch.from_numpy(weights).dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weights))
            linear.bias.copy_(torch.from_numpy(bias))
        modules += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*modules[:-1])


def torch_step(model: Any, batch: Batch) -> Work:
    torch = torch_alone()
    images, labels = torch.from_numpy(batch.images), torch.from_numpy(batch.labels)
    # foreach=False is the fastest of SGD's implementations here.
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, foreach=False)

    def step() -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step


class Network(NamedTuple):
    """A perceptron to train, and what to reach with it."""

    sizes: tuple[int, ...]
    batch: int
    beside_numpy: float
    beside_torch: float | None
    seconds: float

    def name(self) -> str:
        return f"{'-'.join(map(str, self.sizes))}, batch {self.batch}"


SMALL = Network((784, 40, 40, 10), 32, 1.2, 0.7, 1.0)
LARGE = Network((784, 512, 128, 64, 10), 256, 1.1, None, 12.0)


def mlp_part() -> None:
    print_heading()
    print_training_row(SMALL)
    print_training_row(SMALL, "float32")


def large_part() -> None:
    print_heading()
    print_training_row(LARGE)


def print_training_row(network: Network, dtype: str = "float64") -> None:
    sizes = network.sizes
    batch = random_batch(network.batch, sizes[0], sizes[-1], dtype)
    steps = autodiff_step(random_layers(sizes, dtype), batch, dtype)
    peers = [Peer("NumPy", numpy_step(random_layers(sizes, dtype), batch), network.beside_numpy)]
    if installed("torch"):
        model = torch_network(random_layers(sizes, dtype))
        peers.append(Peer("PyTorch", torch_step(model, batch), network.beside_torch))
    print_row(f"SGD step, {network.name()}, {dtype}", steps, peers)


def check_mlp() -> None:
    layers, batch = random_layers((6, 5, 4, 3)), random_batch(4, 6, 3)
    targets = batch.one_hot(3)
    loss, gradients = numpy_gradients(layers, batch)
    eager = [
        value_and_grad(network_loss)(layers, x, t)
        for x, t in zip(batch.images, targets, strict=True)
    ]
    count = len(eager)
    assert_close(sum(value for value, _ in eager) / count, loss)
    for i, pair in enumerate(gradients):
        for j, expected in enumerate(pair):
            assert_close(sum(slopes[i][j] for _, slopes in eager) / count, expected)
    check_torch_network(layers, batch, gradients)
    losses, sums = compiled_network().value_and_grad(layers, batch.images, targets)
    assert_close(losses, [value for value, _ in eager])
    assert_close([(w / count, b / count) for w, b in sums], gradients)


def check_torch_network(layers: Layers, batch: Batch, gradients: Layers) -> None:
    if installed("torch"):
        model = torch_network(layers)
        torch_step(model, batch)()
        found = [parameter.grad.numpy() for parameter in model.parameters()]
        assert_close(list(zip(found[::2], found[1::2], strict=True)), gradients)


# ------------------------------------------------------------------- tracing, compiling, memory


def footprint_part() -> None:
    """Each in a process of its own, whose parent has imported no peer: peaks are inherited."""
    print(f"\n{'trace and compile, value and gradient':<46}{'time':>10}  reach    memory  reach")
    for network in (SMALL, LARGE):
        command = [*THIS, "footprint-of", ",".join(map(str, network.sizes)), str(network.batch)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds, megabytes = json.loads(answer.stdout)
        missed = "   MISSED" if seconds > network.seconds or megabytes > 1000 else ""
        print(
            f"{network.name():<46}{shown(seconds):>10}  ≤ {network.seconds:<4g} s"
            f"{megabytes:>6.0f} MB  ≤ 1000 MB{missed}"
        )


def footprint_of(sizes: str, size: str) -> None:
    """Seconds to trace and compile, and this process's peak memory with one call, in MB."""
    widths = [int(width) for width in sizes.split(",")]
    layers, batch = random_layers(widths), random_batch(int(size), widths[0], widths[-1])
    call = first_call(compiled_network(), layers, batch.images, batch.one_hot(widths[-1]))
    unit = 1e6 if sys.platform == "darwin" else 1e3
    print(json.dumps([call.compiling, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit]))


class FirstCall(NamedTuple):
    """Seconds that a first call takes beyond a later one, and the later one's."""

    compiling: float
    running: float


def first_call(function: Any, *arguments: Any, **options: Any) -> FirstCall:
    def call() -> Any:
        return function.value_and_grad(*arguments, **options)

    first = seconds_of(call)
    (running,) = interleaved([seconds_per_call(call)])
    return FirstCall(first - running, running)


# -------------------------------------------------------------------------------------- ADBench


def adbench_mixture() -> tuple[adbench.Mixture, str]:
    path = Path(__file__).parents[2] / "shared" / "adbench" / "gmm_d10_K5.txt"
    if path.exists():
        return adbench.read_mixture(path), "ADBench's data"
    return adbench.random_mixture(10, 5, 1000), "random data"


def mixture_value_and_grad(problem: adbench.Mixture) -> Work:
    """The likelihood of one example, and its share of the terms without data, over a batch."""
    count = len(problem.data)

    def objective(alphas: Any, means: Any, factors: Any, x: Any) -> Any:
        rest = adbench.terms_without_data(alphas, factors, problem)
        return adbench.log_likelihood(alphas, means, factors, x) + rest / count

    function = compiled(objective, batched=("x",))

    def work() -> tuple[float, list[Array]]:
        values, gradient = function.value_and_grad(*problem[:4], argnums=(0, 1, 2))
        return float(values.sum()), list(gradient)

    return work


def torch_mixture(problem: adbench.Mixture) -> Work:
    torch = torch_alone()
    alphas, means, factors = (torch.tensor(p, requires_grad=True) for p in problem[:3])
    data = torch.from_numpy(problem.data)

    def work() -> tuple[Any, Any]:
        value = adbench.torch_mixture_objective(alphas, means, factors, data, problem)
        return value.detach(), torch.autograd.grad(value, (alphas, means, factors))

    return work


def whole_mixture(problem: adbench.Mixture) -> Any:
    def objective(alphas: Any, means: Any, factors: Any) -> Any:
        return adbench.mixture_objective(alphas, means, factors, problem)

    return compiled(objective)


def gmm_part() -> None:
    problem, source = adbench_mixture()
    peers = [Peer("PyTorch", torch_mixture(problem), 0.5)] if installed("torch") else []
    print_heading()
    print_row(f"GMM d=10 K=5 n=1000, {source}", mixture_value_and_grad(problem), peers)
    whole = whole_mixture(problem)
    call = first_call(whole, *problem[:3], argnums=(0, 1, 2))
    print_row(
        "the same, all data in one graph",
        lambda: whole.value_and_grad(*problem[:3], argnums=(0, 1, 2)),
        [peer._replace(reach=None) for peer in peers],
    )
    print(f"    (which takes {shown(call.compiling)} to trace and compile)")


def check_gmm() -> None:
    problem = adbench.random_mixture(3, 2, 4)
    expected = value_and_grad(adbench.mixture_objective, argnums=(0, 1, 2))(*problem[:3], problem)
    if installed("torch"):
        value, gradient = torch_mixture(problem)()
        assert_close((value, gradient), expected)
    assert_close(mixture_value_and_grad(problem)(), (expected[0], list(expected[1])))
    whole = whole_mixture(problem).value_and_grad(*problem[:3], argnums=(0, 1, 2))
    assert_close(whole, expected)


OBSERVED = ("camera", "point", "weight", "feature")


def torch_adjustment(residuals: Callable[..., Any], observed: adbench.Observations) -> Work:
    """Squares and their gradient, of which each observation has a row of its own."""
    torch = torch_alone()
    parameters = [torch.tensor(p, requires_grad=True) for p in observed[:3]]
    features = torch.from_numpy(observed.features)

    def work() -> tuple[Any, Any]:
        errors = residuals(*parameters, features)
        squares = (errors * errors).sum(1)
        return squares.detach(), torch.autograd.grad(squares.sum(), parameters)

    return work


def torch_values(residuals: Callable[..., Any], observed: adbench.Observations) -> Work:
    torch = torch_alone()
    tensors = [torch.from_numpy(p) for p in observed]

    def work() -> Any:
        with torch.no_grad():
            return residuals(*tensors)

    return work


TORCH_RESIDUALS = {
    "PyTorch, a vector for each coordinate": adbench.torch_residuals_by_columns,
    "PyTorch, a row for each observation": adbench.torch_residuals_by_rows,
}


def ba_part() -> None:
    observed = adbench.random_observations(49, 7776, 31843)
    residual = compiled(adbench.reprojection_residual, batched=OBSERVED)
    squared = compiled(adbench.squared_residual, batched=OBSERVED)
    both, values = [], []
    for name, residuals in TORCH_RESIDUALS.items() if installed("torch") else ():
        both.append(Peer(name, torch_adjustment(residuals, observed), 0.5))
        values.append(Peer(name, torch_values(residuals, observed)))
    print_heading()
    print_row(
        "BA, 31,843 squared residuals and gradients",
        lambda: squared.value_and_grad(*observed, argnums=(0, 1, 2)),
        both,
    )
    print_row("BA, both components of the residuals alone", lambda: residual(*observed), values)


def check_ba() -> None:
    observed = adbench.random_observations(2, 3, 4)
    slopes = value_and_grad(adbench.squared_residual, argnums=(0, 1, 2))
    eager = [slopes(*one) for one in zip(*observed, strict=True)]
    squares = [value for value, _ in eager]
    expected = squares, [np.stack([s[i] for _, s in eager]) for i in range(3)]
    residuals = np.array(
        [adbench.reprojection_residual(*one) for one in zip(*observed, strict=True)]
    )
    assert_close((residuals**2).sum(1), squares)
    for peer in TORCH_RESIDUALS.values() if installed("torch") else ():
        assert_close(torch_values(peer, observed)().numpy(), residuals)
        values, gradient = torch_adjustment(peer, observed)()
        assert_close((list(values), gradient), expected)
    squared = compiled(adbench.squared_residual, batched=OBSERVED)
    values, gradient = squared.value_and_grad(*observed, argnums=(0, 1, 2))
    assert_close((list(values), gradient), expected)
    both = compiled(adbench.reprojection_residual, batched=OBSERVED)(*observed)
    assert_close(np.stack(both, axis=1), residuals)


# --------------------------------------------------------------------------- growth, crossing over

DEPTH = 3


def layered_sum(layers: Any, x: Any) -> Any:
    """A network of + and × alone, in plain loops."""
    signal = x
    for rows in layers:
        signal = [weighted_sum(row, signal) for row in rows]
    return weighted_sum(signal, x)


def weighted_sum(weights: Any, inputs: Any) -> Any:
    total = weights[0] * inputs[0]
    for weight, value in zip(weights[1:], inputs[1:], strict=True):
        total = total + weight * value
    return total


def nodes_of_layered_sum(width: int) -> int:
    """Leaves, products and sums."""
    leaves = DEPTH * width * width + width
    products = DEPTH * width * width + width
    return leaves + products + (DEPTH * width + 1) * (width - 1)


def layered_arguments(width: int) -> tuple[Array, Array]:
    generator = np.random.default_rng(0)
    layers = generator.normal(0, 1 / np.sqrt(width), (DEPTH, width, width))
    return layers, generator.normal(size=width)


def growth_part() -> None:
    """Wide: a perceptron of + and × in plain loops. Deep: recurrences, one number at a time."""
    columns = ("trace", "per node", "compile", "per node", "run", "per node")
    print(f"\n{'nodes':<46}" + "".join(f"{column:>10}" for column in columns))
    for width in (10, 33, 105, 333):
        nodes = nodes_of_layered_sum(width)
        print_growth(f"{nodes:,}, width {width}", nodes, layered_sum, *layered_arguments(width))
    for length in (333, 3_333, 33_333):
        name = f"{3 * length:,}, a chain"
        print_growth(name, 3 * length, lambda x, length=length: chain(x, length), 0.5)
    for length in (250, 2_500, 25_000):
        name = f"{4 * length:,}, a chain's sum, deepest first"
        print_growth(name, 4 * length, lambda x, length=length: chain_sum(x, length), 0.5)
    for length in (333, 3_333, 33_333):
        name = f"{3 * length:,}, a chain of examples"
        print_growth(name, 3 * length, lambda x, length=length: chain(x, length), 0.5, batch=10)


def print_growth(
    name: str, nodes: int, function: Any, *arguments: Any, batch: int | None = None
) -> None:
    """Seconds to trace, for everything after that, and to run; each also per node.

    With a batch, every argument is repeated for so many examples.
    """
    letters = "abc"[: len(arguments)]
    parameters = [Parameter(a, form_of(b), False) for a, b in zip(letters, arguments, strict=True)]
    tracing = seconds_of(lambda: trace(function, parameters))
    if batch is None:
        call = first_call(compiled(function), *arguments)
    else:
        examples = [np.array([argument] * batch) for argument in arguments]
        names = tuple(inspect.signature(function).parameters)[: len(arguments)]
        call = first_call(compiled(function, batched=names), *examples)
    times = (tracing, call.compiling - tracing, call.running)
    columns = [f"{shown(t):>10}{shown_per_node(t / nodes):>10}" for t in times]
    print(f"{name:<46}{''.join(columns)}")


def shown_per_node(seconds: float) -> str:
    return f"{1e9 * seconds:.3g} ns" if seconds < 1e-6 else f"{1e6 * seconds:.3g} µs"


def chain(x: Any, length: int) -> Any:
    y = x
    for _ in range(length):
        y = sin(y) * x + 0.1
    return y


def chain_sum(x: Any, length: int) -> Any:
    """The sum of a chain's numbers, the last one first."""
    states = [x]
    for _ in range(length):
        states.append(sin(states[-1]) * x + 0.1)
    return sum(reversed(states))


def check_growth() -> None:
    layers, x = layered_arguments(5)
    leaves = [[[Value(w) for w in row] for row in rows] for rows in layers.tolist()]
    graph = Graph(layered_sum(leaves, [Value(a) for a in x.tolist()]))
    assert len(graph.nodes) == nodes_of_layered_sum(5)
    expected = value_and_grad(layered_sum)(layers, x)
    assert_close(compiled(layered_sum).value_and_grad(layers, x), expected)


def waves(x: Any) -> Any:
    total: Any = 0.0
    for a in x:
        total = total + sin(a) * a + exp(-a * a)
    return total


def crossover_part() -> None:
    """Straight-line Python against vectors, and which of them ``auto`` took."""
    title = "Σ sin(x) x + exp(-x²), value and gradient"
    print(f"\n{title:<46}{'python':>10}{'vector':>10}{'ratio':>8}{'auto':>10}")
    for width in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000):
        x = np.linspace(-2.0, 2.0, width)
        sides = [waves_in(target, x) for target in ("python", "numpy", "auto")]
        python, vector, auto = interleaved([seconds_per_call(side) for side in sides])
        times = f"{shown(python):>10}{shown(vector):>10}{python / vector:>8.2f}{shown(auto):>10}"
        print(f"{f'width {width}':<46}{times}")


def waves_in(target: str, x: Array) -> Work:
    function = compiled(waves, target=target)
    return lambda: function.value_and_grad(x)


def check_crossover() -> None:
    x = np.linspace(-2.0, 2.0, 5)
    for target in ("python", "numpy"):
        assert_close(compiled(waves, target=target).value_and_grad(x), value_and_grad(waves)(x))


def workloads_part() -> None:
    """Run researchers' programs on each target, and show which one ``auto`` took."""
    print(f"\n{'value and gradient':<30}{'auto':>10}{'numpy':>10}{'python':>10}{'first call':>12}")
    for work in workloads():
        targets = ["auto", "numpy", *([] if work.batched else ["python"])]
        sides: dict[str, Work] = {}
        first = 0.0
        for target in targets:
            start = time.perf_counter()
            sides[target] = workload_in(target, work)
            sides[target]()
            first = first or time.perf_counter() - start
        times = interleaved([seconds_per_call(side) for side in sides.values()])
        row = "".join(f"{shown(own):>10}" for own in times) + " " * 10 * (len(times) == 2)
        print(f"{work.name:<30}{row}{first:>10.2f} s")


def workload_in(target: str, work: Workload) -> Work:
    function = compiled(work.function, batched=work.batched, target=target)
    return lambda: function.value_and_grad(*work.arguments, argnums=work.argnums)


def check_workloads() -> None:
    for work in workloads():
        if work.batched or work.name in ("Lotka-Volterra", "LSTM"):  # long, on Values
            continue
        expected = value_and_grad(work.function, work.argnums)(*work.arguments)
        for target in ("numpy", "python"):
            assert_close(workload_in(target, work)(), expected)


# ------------------------------------------------------------------------------------------ all

PARTS: dict[str, Callable[[], None]] = {
    "footprint": footprint_part,
    "rosenbrock": rosenbrock_part,
    "mlp": mlp_part,
    "large": large_part,
    "gmm": gmm_part,
    "ba": ba_part,
    "growth": growth_part,
    "crossover": crossover_part,
    "workloads": workloads_part,
}

CHECKS: dict[str, Callable[[], None]] = {
    "rosenbrock": check_rosenbrock,
    "mlp": check_mlp,
    "large": check_mlp,
    "gmm": check_gmm,
    "ba": check_ba,
    "growth": check_growth,
    "crossover": check_crossover,
    "workloads": check_workloads,
}


def check() -> None:
    """All sides compute the same, on small sizes."""
    for part in dict.fromkeys(CHECKS.values()):
        part()


def main(arguments: Sequence[str] = ()) -> int:
    """Each part in a process of its own: none inherits another's memory or garbage."""
    if arguments[:1] == ["alone"]:
        run_part(arguments[1])
        return 0
    if arguments[:1] == ["footprint-of"]:
        footprint_of(*arguments[1:])
        return 0
    unknown = set(arguments) - set(PARTS)
    if unknown:
        print(f"there are {', '.join(PARTS)}; got {', '.join(unknown)}", file=sys.stderr)
        return 2
    print(versions(), flush=True)
    return max(subprocess.run([*THIS, "alone", name]).returncode for name in arguments or PARTS)


def run_part(name: str) -> None:
    CHECKS.get(name, lambda: None)()
    PARTS[name]()


def versions(peers: Sequence[str] = ("numpy", "torch", "micrograd", "casadi")) -> str:
    found = [f"{name} {importlib.metadata.version(name)}" for name in peers if installed(name)]
    python = f"Python {platform.python_version()}"
    return f"autodiff {autodiff.__version__}, {python}, {', '.join(found)}; one thread"
