"""Seconds from a value to its picture, as SVG and as PNG: everything drawn, and folded."""

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
    print(f"{'graph':<34}{'nodes':>12}{'SVG, s':>9}{'PNG, s':>9}")
    work: dict[str, tuple[Value | Graph, int]] = {
        "chain, with gradients": (chain(300), 5),
        "sums and products, with gradients": (random_graph(300), 5),
        "784-40-40-10, folded": (digits, 5),
        "784-512-128-64-10, folded": (graph.outputs[0], 3),
        "784-512-128-64-10, from a Graph": (graph, 3),
    }
    for name, (value, repetitions) in work.items():
        drawn = [drawing(value, format) for format in ("svg", "png")]
        svg, png = interleaved(drawn, repetitions)
        nodes = len(value if isinstance(value, Graph) else Graph(value))
        print(f"{name:<34}{nodes:>12,}{svg:>9.2f}{png:>9.2f}")


def drawing(value: Value | Graph, format: str) -> Callable[[], float]:
    return lambda: seconds_of(lambda: viz.draw(value).render(format))


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
