"""Everyday code: whole small programs, and each operation by itself, worst first."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import autodiff
from benchmarks import minimal
from benchmarks.measure import Measurement, interleaved, seconds_of, seconds_of_calls

Make = Callable[[float], Any]


def mixed_expression(make: Make) -> Any:
    """Values and plain numbers on either side, as in the README of micrograd."""
    a, b = make(-4.0), make(2.0)
    c, d = a + b, a * b + b**3
    c = c + c + 1
    c = c + 1 + c + (-a)
    d = d + d * 2 + (b + a).relu()
    d = d + 3 * d + (b - a).relu()
    f = (c - d) ** 2
    return f / 2.0 + 10.0 / f


def rosenbrock(make: Make) -> Any:
    """Of 20 variables, with the squares and constants of its definition."""
    x = [make(0.1 * i) for i in range(20)]
    return sum(100.0 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in itertools.pairwise(x))


_random = random.Random(0)
_WEIGHTS = [[_random.gauss(0, 0.2) for _ in range(64)] for _ in range(32)]
_WEIGHTS_OUT = [[_random.gauss(0, 0.2) for _ in range(32)] for _ in range(10)]
_INPUTS = [_random.random() for _ in range(64)]


def network(make: Make, inputs: list[Any]) -> Callable[[], Any]:
    """64-32-10 with ReLU, the sum of its outputs; weights are made once, as in training."""
    hidden_rows = [list(map(make, row)) for row in _WEIGHTS]
    output_rows = [list(map(make, row)) for row in _WEIGHTS_OUT]
    bias = make(0.1)

    def weighted(weights: list[Any], values: list[Any]) -> Any:
        return sum((w * x for w, x in zip(weights, values, strict=True)), bias)

    def build() -> Any:
        hidden = [weighted(row, inputs).relu() for row in hidden_rows]
        outputs = [weighted(row, hidden) for row in output_rows]
        return sum(outputs[1:], outputs[0])

    return build


PROGRAMS: dict[str, Callable[[Make], Callable[[], Any]]] = {
    "mixed expression": lambda make: lambda: mixed_expression(make),
    "Rosenbrock-20": lambda make: lambda: rosenbrock(make),
    "MLP, float inputs": lambda make: network(make, _INPUTS),
    "MLP, Values alone": lambda make: network(make, [make(a) for a in _INPUTS]),
}

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "v + w": lambda v, w: v + w, "v + 2.0": lambda v, w: v + 2.0, "2.0 + v": lambda v, w: 2.0 + v,
    "v - w": lambda v, w: v - w, "v - 2.0": lambda v, w: v - 2.0, "2 - v": lambda v, w: 2 - v,
    "v * w": lambda v, w: v * w, "v * 2.0": lambda v, w: v * 2.0, "2 * v": lambda v, w: 2 * v,
    "v / w": lambda v, w: v / w, "v / 2.0": lambda v, w: v / 2.0, "2 / v": lambda v, w: 2 / v,
    "v ** 2": lambda v, w: v**2, "-v": lambda v, w: -v, "v.exp()": lambda v, w: v.exp(),
    "v.tanh()": lambda v, w: v.tanh(), "v.relu()": lambda v, w: v.relu(),
}  # fmt: skip


def programs(micrograd: Make | None) -> None:
    """Build and backward of each program, beside a minimal Value and micrograd."""
    engines = [autodiff.Value, minimal.Value, *([micrograd] if micrograd else [])]
    rows = []
    for name, program in PROGRAMS.items():
        seconds = interleaved([builds(program(make)) for make in engines])
        rows.append((seconds[0] / seconds[-1], name, seconds))
    print(f"{'build and backward':<20}{'autodiff':>12}{'minimal':>12}{'micrograd':>12}   ratio")
    for ratio, name, seconds in sorted(rows, reverse=True):
        times = "".join(f"{1e6 * s:>9.0f} µs" for s in seconds)
        print(f"{name:<20}{times:<36}   {ratio:.2f}")


def builds(build: Callable[[], Any], calls: int = 10) -> Measurement:
    """With Python's garbage collector as it is by default."""

    def all_calls() -> None:
        for _ in range(calls):
            build().backward()

    return lambda: seconds_of(all_calls) / calls


def operations() -> None:
    """Each operation alone, beside that of a minimal Value."""
    rows = []
    for name, operation in OPERATIONS.items():
        seconds = interleaved([many(operation, make) for make in (autodiff.Value, minimal.Value)])
        rows.append((seconds[0] / seconds[1], name, seconds))
    print(f"{'operation':<20}{'autodiff':>12}{'minimal':>12}   ratio")
    for ratio, name, (ours, least) in sorted(rows, reverse=True):
        print(f"{name:<20}{1e9 * ours:>9.0f} ns{1e9 * least:>9.0f} ns   {ratio:.2f}")


def many(operation: Callable[[Any, Any], Any], make: Make, calls: int = 10_000) -> Measurement:
    v, w = make(0.7), make(0.3)
    return lambda: seconds_of_calls(lambda: operation(v, w), calls) / calls
