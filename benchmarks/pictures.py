"""Seconds from a value to its SVG: everything drawn, and folded."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

import viz
from autodiff import Graph, Value, sin, tanh
from autodiff.nn import MLP, cross_entropy
from benchmarks.measure import interleaved, seconds_of
from docs.make_gallery import large_network


def main() -> None:
    generator = np.random.default_rng(0)
    reader = MLP(784, [40, 40, 10])
    digits = cross_entropy(reader([Value(pixel) for pixel in generator.random(784)]), 3)
    graph = large_network(generator)
    print(f"{'graph':<34}{'nodes':>12}{'seconds':>9}")
    work: dict[str, tuple[int, Callable[[], object], int]] = {
        "chain, with gradients": (300, drawing(chain(300)), 5),
        "sums and products, with gradients": (300, drawing(random_graph(300)), 5),
        "784-40-40-10, folded": (len(Graph(digits)), drawing(digits), 5),
        "784-512-128-64-10, folded": (len(graph), drawing(graph.outputs[0]), 3),
        "784-512-128-64-10, from a Graph": (len(graph), drawing(graph), 3),
    }
    for name, (nodes, draw, repetitions) in work.items():
        (seconds,) = interleaved([lambda draw=draw: seconds_of(draw)], repetitions)  # type: ignore[misc]
        print(f"{name:<34}{nodes:>12,}{seconds:>9.2f}")


def drawing(value: Value | Graph) -> Callable[[], object]:
    return lambda: viz.draw(value).svg


def chain(nodes: int) -> Value:
    value = Value(0.5, "x")
    for _ in range(nodes - 1):
        value = sin(value)
    return value


def random_graph(nodes: int) -> Value:
    """Sums, products and functions of recent values, as in expressions; all of them are used."""
    generator = random.Random(0)
    values = [Value(generator.uniform(-1, 1), f"x{i}") for i in range(nodes // 10)]
    unused = list(values)
    while len(values) < nodes - 1:
        a = unused.pop(0)
        b = generator.choice(values[-8:])
        value = generator.choice([lambda: a * b, lambda: a + b, lambda: tanh(a)])()  # noqa: B023
        values.append(value)
        unused.append(value)
    total = unused[0]
    for value in unused[1:]:
        total = total + value
    return total
