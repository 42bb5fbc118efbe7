"""Times that can be compared: one thread, repetitions that take turns, medians."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

REPETITIONS = 9

Measurement = Callable[[], float]


def one_thread() -> None:
    """Keep linear algebra on one thread; it must be called before NumPy is imported."""
    for library in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM"):
        os.environ[f"{library}_NUM_THREADS"] = "1"


def seconds_of(work: Callable[[], Any]) -> float:
    gc.collect()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def seconds_per_call(work: Callable[[], Any], at_least: float = 0.02) -> Measurement:
    """Measures as many calls as take ``at_least`` seconds together, after one that warms up."""
    work()  # the first call may compile
    calls = 1
    while (taken := seconds_of_calls(work, calls)) < at_least:
        calls = max(2 * calls, int(1.2 * calls * at_least / taken))

    def measure() -> float:
        work()
        return seconds_of_calls(work, calls) / calls

    return measure


def seconds_of_calls(work: Callable[[], Any], calls: int) -> float:
    """Without collecting garbage, as timeit: a collection's cost depends on what else is alive."""

    def all_calls() -> None:
        for _ in range(calls):
            work()

    gc.disable()
    try:
        return seconds_of(all_calls)
    finally:
        gc.enable()


def interleaved(measurements: Sequence[Measurement], repetitions: int = REPETITIONS) -> list[float]:
    """Medians of repetitions that take turns, so that all sides see the same machine."""
    rounds = [[measure() for measure in measurements] for _ in range(repetitions)]
    return [statistics.median(times) for times in zip(*rounds, strict=True)]
