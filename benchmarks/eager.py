"""Eager build and backward per node, beside micrograd: same graphs, same run, interleaved medians.

Three shapes, each of + and × alone: a multilayer perceptron without activations, a deep chain,
and a wide sum. Both sides build a fresh graph and run backward in every repetition, with Python's
garbage collector as it is by default. Memory is what a built graph holds, by tracemalloc.
"""

from __future__ import annotations

import gc
import importlib.util
import random
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import autodiff

REPETITIONS = 9

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


def engines() -> Iterator[tuple[str, Make]]:
    yield "autodiff", autodiff.Value
    if importlib.util.find_spec("micrograd"):
        from micrograd.engine import Value

        yield "micrograd", Value


def main() -> None:
    # micrograd recurses over the graph; give it the room that it needs.
    sys.setrecursionlimit(1_000_000)
    measured = {
        (name, shape): measure_later(build_shape(make))
        for shape, build_shape in SHAPES.items()
        for name, make in engines()
    }
    names = [name for name, _ in engines()]
    print(f"{'per node':<12}" + "".join(f"{name:>14}" for name in names) + f"{'ratio':>9}")
    for shape, build_shape in SHAPES.items():
        nodes = len(autodiff.Graph(build_shape(autodiff.Value)()))
        seconds = interleaved([measured[name, shape] for name in names])
        row = "".join(f"{1e9 * s / nodes:>11.0f} ns" for s in seconds)
        print(f"{shape:<12}{row}{ratio(seconds)}   ({nodes:,} nodes)")
    print(f"{'memory':<12}" + "".join(f"{memory(make):>8.0f} bytes" for _, make in engines()))


def measure_later(build: Callable[[], Any]) -> Callable[[], float]:
    def measure() -> float:
        gc.collect()
        started = time.perf_counter()
        build().backward()
        return time.perf_counter() - started

    return measure


def interleaved(measurements: list[Callable[[], float]]) -> list[float]:
    """Medians of repetitions that take turns, so that all sides see the same machine."""
    rounds = [[measure() for measure in measurements] for _ in range(REPETITIONS)]
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


def ratio(seconds: list[float]) -> str:
    return f"{seconds[0] / seconds[1]:>9.2f}" if len(seconds) > 1 else f"{'-':>9}"


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
