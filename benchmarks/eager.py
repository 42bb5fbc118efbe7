"""Eager build and backward per node, beside the peers that are installed, in the same run.

Three shapes, each of + and × alone: a multilayer perceptron without activations, a deep chain,
and a wide sum. Both sides build a fresh graph and run backward in every repetition, with Python's
garbage collector as it is by default. Memory is what a built graph holds, by tracemalloc.
"""

from __future__ import annotations

import gc
import importlib.util
import random
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import autodiff
from benchmarks import everyday
from benchmarks.measure import interleaved, seconds_of

Make = Callable[[float], Any]


def perceptron(make: Make) -> Callable[[], Any]:
    """Three layers of 60 neurons, weights made once, as in training."""
    generator = random.Random(0)
    layers = [
        [[make(generator.gauss(0, 0.1)) for _ in range(60)] for _ in range(60)] for _ in range(3)
    ]

    def build() -> Any:
        signal = [make(0.1) for _ in range(60)]
        for layer in layers:
            signal = [weighted_sum(row, signal) for row in layer]
        return weighted_sum(signal, signal)

    return build


def weighted_sum(weights: list[Any], inputs: list[Any]) -> Any:
    total = weights[0] * inputs[0]
    for weight, value in zip(weights[1:], inputs[1:], strict=True):
        total = total + weight * value
    return total


def deep_chain(make: Make) -> Callable[[], Any]:
    def build() -> Any:
        x, y = make(0.999), make(1.0)
        for _ in range(10_000):
            y = y * x + x
        return y

    return build


def wide_sum(make: Make) -> Callable[[], Any]:
    def build() -> Any:
        leaves = [make(0.5) for _ in range(10_000)]
        total = leaves[0] * leaves[0]
        for leaf in leaves[1:]:
            total = total + leaf * leaf
        return total

    return build


SHAPES = {"perceptron": perceptron, "deep chain": deep_chain, "wide sum": wide_sum}


def make_torch() -> Make:
    import torch

    return lambda x: torch.tensor(x, dtype=torch.float64, requires_grad=True)


def make_micrograd() -> Make:
    from micrograd.engine import Value

    return Value  # type: ignore[no-any-return]


def engines() -> dict[str, Make]:
    """The engines with values that have ``backward()``, as far as they are installed."""
    peers = {"micrograd": make_micrograd, "torch": make_torch}
    found = {name: make() for name, make in peers.items() if importlib.util.find_spec(name)}
    return {"autodiff": autodiff.Value, **found}


def main() -> None:
    # micrograd recurses over the graph; give it the room that it needs.
    sys.setrecursionlimit(1_000_000)
    everyday.programs(engines().get("micrograd"))
    everyday.operations()
    names = [*engines(), *(["autograd"] if importlib.util.find_spec("autograd") else [])]
    print(f"{'per node':<12}" + "".join(f"{name:>13}" for name in names) + "   autodiff/micrograd")
    for shape, build_shape in SHAPES.items():
        nodes = len(autodiff.Graph(build_shape(autodiff.Value)()))
        measurements = [backward_through(build_shape(make)) for make in engines().values()]
        if "autograd" in names:
            measurements.append(autograd_through(build_shape))
        seconds = interleaved(measurements)
        row = "".join(f"{1e9 * s / nodes:>10.0f} ns" for s in seconds)
        ratio = f"{seconds[0] / seconds[1]:.2f}" if "micrograd" in names else "-"
        print(f"{shape:<12}{row}   {ratio}   ({nodes:,} nodes)")
    held = [memory(make) for name, make in engines().items() if name != "torch"]
    print(f"{'memory':<12}" + "".join(f"{size:>7.0f} bytes" for size in held))


def backward_through(build: Callable[[], Any]) -> Callable[[], float]:
    return lambda: seconds_of(lambda: build().backward())


def autograd_through(build_shape: Callable[[Make], Callable[[], Any]]) -> Callable[[], float]:
    """HIPS autograd has no backward(): differentiate by a factor of 1 on every leaf."""
    from autograd import grad

    slope = grad(lambda factor: build_shape(lambda x: factor * x)())
    return lambda: seconds_of(lambda: slope(1.0))


def memory(make: Make) -> float:
    """Bytes per node of the deep chain."""
    build = deep_chain(make)
    gc.collect()
    tracemalloc.start()
    graph = build()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del graph
    return used / 20_002


if __name__ == "__main__":
    main()
