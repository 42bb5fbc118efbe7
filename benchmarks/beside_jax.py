"""Workloads beside vectorised JAX programs of the same values, in one run.

Values and gradients are compared first. All sides run on one thread in double precision and give
NumPy arrays. JAX's arguments are arrays of its own already, as is common in its use; the others
take NumPy's. The time to trace and compile is autodiff's at a first call, with no machine code kept
on disk, and JAX's ``jit(...).lower(...).compile()``; neither includes what an engine does once,
when it starts. CasADi runs the scalar programs themselves, those without examples.
"""

from __future__ import annotations

import argparse
import gc
import math
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from autodiff import compile as compiled
from autodiff import exp
from autodiff.compiler.targets import TARGETS
from benchmarks import workloads
from benchmarks.compiled import installed, shown, versions
from benchmarks.measure import interleaved, seconds_of, seconds_per_call
from benchmarks.workloads import Workload

Results = list[NDArray[np.float64]]
"""The value, or one for each example, and the gradients."""
Run = Callable[[], Results]

THIS = [sys.executable, "-m", "benchmarks", "workloads"]
PEERS = ("numpy", "llvmlite", "jax", "casadi")
TOLERANCE = 1e-12

JAX_ENVIRONMENT = {
    "JAX_PLATFORMS": "cpu",
    "JAX_ENABLE_X64": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
"""JAX reads these when it is imported."""


class Side(NamedTuple):
    """A workload that an engine has compiled.

    Attributes:
        compiling: seconds to trace and compile.
    """

    compiling: float
    run: Run


# -------------------------------------------------------------------------------------- engines


def start_autodiff(target: str) -> None:
    """Load what the first compiled function of a process loads."""
    os.environ["AUTODIFF_CACHE"] = ""
    for one in {target, "native"} if installed("llvmlite") else {target}:
        compiled(lambda x: exp(x) * x, target=one).value_and_grad(1.0)


def in_autodiff(work: Workload, target: str) -> Side:
    function = compiled(work.function, batched=work.batched, target=target, threads=1)

    def run() -> Results:
        value, gradients = function.value_and_grad(*work.arguments, argnums=work.argnums)
        return [np.asarray(value), *gradients]

    return Side(seconds_of(run) - seconds_of(run), run)


def start_jax() -> None:
    """Import JAX, and have it start its backend and compile something."""
    os.environ.update(JAX_ENVIRONMENT)
    import jax
    import jax.numpy as jnp

    gradient = jax.jit(jax.grad(lambda x: jnp.sum(jnp.exp(x @ x))))
    np.asarray(gradient(jnp.eye(3)))


def in_jax(work: Workload) -> Side:
    import jax

    from benchmarks.workloads_in_jax import PROGRAMS

    program = PROGRAMS[work.name]
    arguments = [jax.numpy.asarray(argument) for argument in work.arguments]

    def total(*arguments: Any) -> tuple[Any, Any]:
        values = program(*arguments)
        return values.sum(), values

    def value_and_gradients(*arguments: Any) -> list[Any]:
        slopes = jax.value_and_grad(total, work.argnums, has_aux=True)
        (_, values), gradients = slopes(*arguments)
        return [values, *gradients]

    function = jax.jit(value_and_gradients)
    compiling = seconds_of(lambda: function.lower(*arguments).compile())

    def run() -> Results:
        return [np.asarray(result) for result in function(*arguments)]  # waits for each

    return Side(compiling, run)


def in_casadi(work: Workload) -> Run:
    """The program itself on CasADi's symbols, run by its virtual machine."""
    import casadi

    symbols = [casadi.SX.sym(f"x{i}", array.size) for i, array in enumerate(work.arguments)]
    arguments = [nested(x, array.shape) for x, array in zip(symbols, work.arguments, strict=True)]
    with mock.patch.multiple(workloads, **casadi_functions()):
        value = work.function(*arguments)
    wanted = [symbols[i] for i in work.argnums]
    ends = np.cumsum([0, *(x.numel() for x in wanted)]).tolist()
    gradients = casadi.vertsplit(casadi.gradient(value, casadi.vertcat(*wanted)), ends)
    function = casadi.Function("workload", symbols, [value, *gradients])
    numbers = [np.ravel(array) for array in work.arguments]
    shapes = [(), *(work.arguments[i].shape for i in work.argnums)]

    def run() -> Results:
        results = function(*numbers)
        return [r.full().reshape(shape) for r, shape in zip(results, shapes, strict=True)]

    return run


def casadi_functions() -> dict[str, Any]:
    """The functions that the programs import from autodiff, on CasADi's symbols."""
    import casadi

    same = {name: getattr(casadi, name) for name in ("cos", "exp", "log", "sin", "sqrt", "tanh")}
    return same | {
        "dot": lambda a, b: sum(x * y for x, y in zip(a, b, strict=True)),
        "logsumexp": lambda terms: casadi.logsumexp(casadi.vertcat(*terms)),
        "maximum": casadi.fmax,
        "sigmoid": lambda a: 1 / (1 + casadi.exp(-a)),
    }


def nested(vector: Any, shape: tuple[int, ...]) -> Any:
    """The elements of CasADi's vector as nested lists of a shape."""
    import casadi

    elements = np.empty(vector.numel(), dtype=object)
    for i, element in enumerate(casadi.vertsplit(vector)):
        elements[i] = element
    return elements.reshape(shape).tolist()


# ----------------------------------------------------------------------------------- comparison


class Row(NamedTuple):
    """The measurements of a workload; None where an engine is not installed or cannot.

    Attributes:
        error: the largest difference from a peer, relative to the largest number of its array.
    """

    name: str
    running: float
    compiling: float
    jax_running: float | None
    jax_compiling: float | None
    casadi_running: float | None
    error: float | None

    @property
    def running_ratio(self) -> float | None:
        return None if self.jax_running is None else self.running / self.jax_running

    @property
    def compiling_ratio(self) -> float | None:
        return None if self.jax_compiling is None else self.compiling / self.jax_compiling


def measured(work: Workload, target: str) -> Row:
    ours = in_autodiff(work, target)
    jax = in_jax(work) if installed("jax") else None
    runs = {"autodiff": ours.run}
    if jax is not None:
        runs["JAX"] = jax.run
    if installed("casadi") and not work.batched:
        runs["CasADi"] = in_casadi(work)
    found, *others = [run() for run in runs.values()]
    medians = interleaved([seconds_per_call(run) for run in runs.values()])
    seconds = dict(zip(runs, medians, strict=True))
    return Row(
        work.name,
        running=seconds["autodiff"],
        compiling=ours.compiling,
        jax_running=seconds.get("JAX"),
        jax_compiling=None if jax is None else jax.compiling,
        casadi_running=seconds.get("CasADi"),
        error=max((difference(found, other) for other in others), default=None),
    )


def difference(found: Results, expected: Results) -> float:
    """The largest of all arrays, each relative to its largest number; infinite for NaN."""
    errors = []
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape, (one.shape, other.shape)
        error = np.max(np.abs(one - other)) / np.max(np.abs(other))
        errors.append(float(error) if np.isfinite(error) else math.inf)
    return max(errors)


# ------------------------------------------------------------------------------------ the table


def print_heading() -> None:
    print(f"\n{'':<27}{'value and gradient':^38}{'trace and compile':^28}")
    running = f"{'autodiff':>10}{'CasADi':>10}{'JAX':>10}{'ratio':>8}"
    compiling = f"{'autodiff':>10}{'JAX':>10}{'ratio':>8}"
    print(f"{'program':<27}{running}{compiling}{'difference':>12}", flush=True)


def print_row(row: Row) -> None:
    running = [row.running, row.casadi_running, row.jax_running]
    compiling = [row.compiling, row.jax_compiling]
    print(
        f"{row.name:<27}{times(running)}{ratio(row.running_ratio)}"
        f"{times(compiling)}{ratio(row.compiling_ratio)}{verdict(row.error)}",
        flush=True,
    )


def times(seconds: Sequence[float | None]) -> str:
    return "".join(f"{'-' if one is None else shown(one):>10}" for one in seconds)


def ratio(number: float | None) -> str:
    return f"{'-' if number is None else format(number, '.3g'):>8}"


def verdict(error: float | None) -> str:
    if error is None:
        return f"{'-':>12}"
    return f"{error:>12.1e}" + ("" if error <= TOLERANCE else "  DIFFERS")


def print_summary(rows: Sequence[Row]) -> None:
    """Ratios below 1 mean that autodiff takes less time."""
    running = {row.running_ratio: row.name for row in rows if row.running_ratio is not None}
    compiling = {row.compiling_ratio: row.name for row in rows if row.compiling_ratio is not None}
    if not running:
        print("\nJAX is not installed: these are autodiff's own times (make peers installs JAX)")
        return
    mean, worst = statistics.geometric_mean(running), max(running)
    print(f"\nrun time / JAX's: geometric mean {mean:.3g}, worst {worst:.3g} ({running[worst]})")
    median, worst = statistics.median(compiling), max(compiling)
    print(f"trace and compile / JAX's: median {median:.3g}, worst {worst:.3g} ({compiling[worst]})")
    differing = [row.name for row in rows if row.error is not None and row.error > TOLERANCE]
    print(f"agree to {TOLERANCE:g}: all{' but ' if differing else ''}{'; '.join(differing)}")


# --------------------------------------------------------------------------------------- memory


def print_memory(works: Sequence[Workload], target: str) -> None:
    """Each side of each program in a process of its own, started while this one is small.

    A process inherits the peak of the one that starts it.
    """
    engines = ["autodiff", *(["JAX"] if installed("jax") else [])]
    columns = "".join(f"{engine:>10}" for engine in engines)
    print(f"\n{'peak memory by compiling and a call, MB':<46}{columns}")
    for work in works:
        peaks = [memory_in_a_process(engine, work, target) for engine in engines]
        print(f"{work.name:<46}" + "".join(f"{peak:>10.1f}" for peak in peaks), flush=True)


def memory_in_a_process(engine: str, work: Workload, target: str) -> float:
    command = [*THIS, "--target", target, "--memory-of", engine, work.name]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(answer.stdout)


def memory_of(engine: str, work: Workload, target: str) -> float:
    """MB that the peak of this process grows by when an engine compiles and runs a workload."""
    if engine == "JAX":
        start_jax()
        before = peak_memory()
        in_jax(work).run()
    else:
        start_autodiff(target)
        before = peak_memory()
        in_autodiff(work, target).run()
    return peak_memory() - before


def peak_memory() -> float:
    """This process's, in MB."""
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


# ------------------------------------------------------------------------------------------ all


def main(arguments: Sequence[str] = ()) -> int:
    options = parser().parse_args(arguments)
    works = chosen(options.names, options.target)
    if not works:
        names = "; ".join(work.name for work in chosen([], options.target))
        print(f"there are {names}; got {' '.join(options.names)}", file=sys.stderr)
        return 2
    if options.memory_of:
        (work,) = (work for work in works if [work.name] == options.names)
        print(memory_of(options.memory_of, work, options.target))
        return 0
    print(f"{versions(PEERS)}, target {options.target}", flush=True)
    if options.memory:
        print_memory(works, options.target)
    print_times(works, options.target)
    return 0


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m benchmarks workloads", description=__doc__)
    found.add_argument("names", nargs="*", metavar="name", help="part of a program's name")
    found.add_argument("--target", default="auto", choices=["auto", *TARGETS])
    found.add_argument("--memory", action="store_true", help="measure peak memory first, as well")
    found.add_argument("--memory-of", choices=["autodiff", "JAX"], help=argparse.SUPPRESS)
    return found


def chosen(names: Sequence[str], target: str) -> list[Workload]:
    """The workloads that a target can run and whose names contain one of these, or all."""
    works = [*workloads.workloads(), *workloads.adbench_workloads()]
    if target == "python":  # it takes no examples
        works = [work for work in works if not work.batched]
    parts = [name.lower() for name in names] or [""]
    return [work for work in works if any(part in work.name.lower() for part in parts)]


def print_times(works: Sequence[Workload], target: str) -> None:
    start_autodiff(target)
    if installed("jax"):
        start_jax()
    gc.freeze()  # or collections while a program is traced would walk over all that JAX imported
    print_heading()
    rows = []
    for work in works:
        rows.append(measured(work, target))
        print_row(rows[-1])
    print_summary(rows)
