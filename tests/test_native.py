"""Native code: elementary functions to two units in the last place, lanes, threads, the cache."""

from __future__ import annotations

import copy
import gc
import logging
import math
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest

import autodiff as ad
from autodiff import compile, exp, grad, log, tanh
from autodiff.cli import main
from autodiff.compiler import specialization
from autodiff.compiler.native import cache, machine
from autodiff.compiler.native.cache import cache_folder, clear_cache
from autodiff.compiler.vectors import has_loops
from conftest import THOROUGH

pytestmark = pytest.mark.skipif(not machine.is_there(), reason="needs llvmlite, the extra native")
RANDOM = np.random.default_rng(0)


def numbers(*ranges: tuple[float, float]) -> np.ndarray:
    return np.concatenate([RANDOM.uniform(low, high, 120) for low, high in ranges])


def sizes(*ranges: tuple[float, float]) -> np.ndarray:
    return 10.0 ** numbers(*ranges)


SMALL = ((-1, 1), (-1e-3, 1e-3), (-1e-9, 1e-9))
Function = Callable[..., Any]


class Case(NamedTuple):
    """A function, what it is by mpmath, and operands all over where it is ordinary."""

    function: Function
    exact: Function
    operands: list[np.ndarray]


WIDE = numbers((-700, 700), (-9, 9), *SMALL)
POSITIVE = np.concatenate([sizes((-300, 300), (-30, 30), (-1, 1)), numbers((0.9, 1.1))])
BASES = np.concatenate([sizes((-30, 30), (-2, 2)), numbers((0.9, 1.1))])
EXPONENTS = numbers((-9, 9), (-99, 99), (-700, 700))
ELEMENTARY = {
    "exp": Case(ad.exp, mpmath.exp, [WIDE]),
    "expm1": Case(ad.expm1, mpmath.expm1, [numbers((-40, 700), (-5, 5), *SMALL)]),
    "log": Case(ad.log, mpmath.log, [POSITIVE]),
    "log1p": Case(
        ad.log1p, mpmath.log1p, [np.concatenate([POSITIVE, numbers((-0.99, 3), *SMALL)])]
    ),
    "sin": Case(ad.sin, mpmath.sin, [numbers((-10, 10), (-1e6, 1e6), (3.1415, 3.1416), *SMALL)]),
    "sin near zeros": Case(ad.sin, mpmath.sin, [np.arange(1.0, 600.0) * math.pi]),
    "cos near zeros": Case(ad.cos, mpmath.cos, [(np.arange(600.0) + 0.5) * math.pi]),
    "cos": Case(ad.cos, mpmath.cos, [numbers((-10, 10), (-1e6, 1e6), (1.5707, 1.5709), *SMALL)]),
    "tanh": Case(ad.tanh, mpmath.tanh, [numbers((-30, 30), (-3, 3), *SMALL)]),
    "sigmoid": Case(ad.sigmoid, lambda a: 1 / (1 + mpmath.exp(-a)), [WIDE]),
    "softplus": Case(ad.softplus, lambda a: mpmath.log1p(mpmath.exp(a)), [WIDE]),
    "erf": Case(ad.erf, mpmath.erf, [numbers((-7, 7), (-2, 2), (0, 0.2), *SMALL)]),
    "sqrt": Case(ad.sqrt, mpmath.sqrt, [POSITIVE]),
    "power": Case(lambda a, b: a**b, mpmath.power, [BASES, EXPONENTS]),
    "cube": Case(lambda a: a**3, lambda a: a**3, [numbers((-9, 9), (-1e5, 1e5))]),
    "seventh power": Case(lambda a: a**7, lambda a: a**7, [numbers((-9, 9), (-1e5, 1e5))]),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ELEMENTARY)
def test_elementary_functions_are_right_to_two_units(name: str, dtype: str) -> None:
    function, exact, operands = ELEMENTARY[name]
    if dtype == "float32":  # without what is too large or too small there
        with np.errstate(over="ignore"):
            operands = [operand.astype(np.float32) for operand in operands]
    with mpmath.workdps(60):
        values = [
            exact(*map(mpmath.mpf, map(float, point))) for point in zip(*operands, strict=True)
        ]
    info = np.finfo(dtype)
    ordinary = [bool(float(info.tiny) < abs(y) < float(info.max)) for y in values]
    operands = [operand[ordinary] for operand in operands]
    f = compile(lambda x: function(*x), batched="x", dtype=dtype, target="native")
    found = f(np.stack(operands, axis=1))
    assert found.dtype == dtype
    expected = [y for y, is_ordinary in zip(values, ordinary, strict=True) if is_ordinary]
    assert len(expected) > 100
    for y, right in zip(found.tolist(), expected, strict=True):
        unit = float(np.spacing(np.dtype(dtype).type(abs(float(right)))))
        assert abs(mpmath.mpf(y) - right) <= 2 * unit, (name, y, right)


# -------------------------------------------------------------------------------------- lanes


def mixed(w: Any, x: Any) -> Any:
    hidden = [tanh(row @ x) for row in w]
    return ad.logsumexp(hidden) + exp(x[0]) * ad.where(x[1] > 0, x[1], 0.1 * x[2]) + w[0, 0] ** 2


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("examples", [0, 1, 2, 7, 8, 9, 15, 16, 17, 33])
def test_lanes_that_are_not_full(examples: int, dtype: str) -> None:
    w, x = RANDOM.normal(size=(5, 3)), RANDOM.normal(size=(examples, 3))
    ways = [compile(mixed, batched="x", dtype=dtype, target=t) for t in ("native", "numpy")]
    (values, found), (others, expected) = [f.value_and_grad(w, x, argnums=(0, 1)) for f in ways]
    tolerance = 1e-13 if dtype == "float64" else 2e-5
    assert values.dtype == found[0].dtype == found[1].dtype == dtype
    np.testing.assert_allclose(values, others, rtol=tolerance)
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, other, atol=tolerance * 10, rtol=0)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 9, 31, 64, 67])
def test_elements_side_by_side(size: int) -> None:
    """Without examples the elements of a block are in lanes; sums and gathers among them."""

    def f(x: Any) -> Any:
        backwards = [x[-1 - i] * x[i] for i in range(0, size, 2)]
        return sum(tanh(a) for a in x) + ad.logsumexp(list(x)) * backwards[-1] + sum(backwards)

    x = RANDOM.normal(size=size)
    value, slope = compile(f, target="native").value_and_grad(x)
    expected, other = ad.value_and_grad(f)(x)
    assert value == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(slope, other, atol=1e-12)


def test_names_that_mean_something_to_others() -> None:
    f = compile(lambda start, out, work, n, run, i1: start * out + work * n + run * i1,
                batched=("n", "i1"), target="native")  # fmt: skip
    ones = np.ones(3)
    assert f(1.0, 2.0, 3.0, ones, 5.0, ones).tolist() == [10.0] * 3
    assert f.stats["target"] == "native"


def test_more_memory_than_a_stack_has() -> None:
    f = compile(lambda x: sum(tanh(a * b) ** 2 for a in x for b in x), target="native")
    x = RANDOM.normal(size=120)
    value, slope = f.value_and_grad(x)
    products = np.tanh(np.outer(x, x))
    assert value == pytest.approx((products**2).sum(), rel=1e-12)
    slopes = 4 * (products * (1 - products**2)) @ x
    np.testing.assert_allclose(slope, slopes, rtol=1e-10, atol=1e-10)


def test_results_are_never_shared_and_arguments_never_written() -> None:
    f = compile(lambda x, y: (x, y * x[0], x), target="native")
    x = np.array([1.0, 2.0])
    first, second = f(x, 3.0), f(x, 3.0)
    first[0][:] = -1.0
    assert x.tolist() == [1.0, 2.0]
    assert second[0].tolist() == second[2].tolist() == [1.0, 2.0]
    g = compile(lambda x: x @ x, batched="x", target="native")
    rows = np.ones((3, 4))[:, ::2]  # with gaps
    value, slope = g.value_and_grad(rows)
    slope[:] = 0
    assert value.tolist() == [2.0] * 3
    assert (rows == 1).all()


# ------------------------------------------------------------------------------------ threads


@pytest.mark.parametrize("batched", ["x", ()])
@pytest.mark.parametrize("lines", [0, 1_000_000])
def test_what_nobody_needs_is_watched_without_llvms_passes(
    lines: int, batched: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "TOO_LONG_TO_OPTIMIZE", lines)
    monkeypatch.setenv("AUTODIFF_CACHE", "")
    at: Any = np.array([-2.0]) if batched else -2.0
    for function in (lambda x: (log(x), x)[1], grad(log), lambda x: (x / (x + 2), x)[1]):
        with pytest.raises((ValueError, ZeroDivisionError)):
            compile(function, batched, target="native")(at)


@pytest.mark.parametrize("examples", [4096, 200_000])
def test_the_same_bits_for_every_number_of_threads(examples: int) -> None:
    w, x = RANDOM.normal(size=(5, 3)), RANDOM.normal(size=(examples, 3))
    found = []
    for threads in (1, 2, 3, None):
        f = compile(mixed, batched="x", target="native", threads=threads)
        values, slopes = f.value_and_grad(w, x, argnums=(0, 1))
        found.append(b"".join(a.tobytes() for a in (values, *slopes)))
    assert len(set(found)) == 1


def test_what_goes_wrong_on_another_thread_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(specialization, "NATIVE_WORK", 100)
    x = np.ones(3_000)
    x[2_900] = -1.0
    f = compile(lambda x: ad.minimum(log(x), 5.0), batched="x", target="native")
    with pytest.raises(ValueError, match="domain") as raised:
        f(x)
    assert "in example 2900 of 3000" in raised.value.__notes__


def test_threads_that_call_the_same_function() -> None:
    f = compile(mixed, target="native")
    w = RANDOM.normal(size=(5, 3))
    rows = RANDOM.normal(size=(200, 3))
    expected = [f(w, row) for row in rows]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda row: f(w, row), rows)) == expected


@pytest.mark.parametrize("threads", [0, -1, 1.5, "all", True])
def test_threads_are_a_number(threads: Any) -> None:
    with pytest.raises(ValueError, match="threads must be a whole number"):
        compile(lambda x: x, threads=threads)


# --------------------------------------------------------------------------------------- bind


@pytest.mark.parametrize("target", ["native", "numpy", "python"])
def test_a_bound_call_reads_and_writes_in_place(target: str) -> None:
    f = compile(lambda x, y: x @ x * y + log(y), target=target)
    x, y = np.array([1.0, 2.0]), np.array(3.0)
    call = f.bind(x, y, argnums=(1, 0))
    slopes, value = call.gradients, call.value
    assert call() is value
    assert value == pytest.approx(15 + math.log(3))
    x[:] = [0.0, 1.0]
    y[...] = 1.0
    call()
    assert value == 1.0
    assert slopes[0] == 2.0
    assert slopes[1].tolist() == [0.0, 2.0]
    y[...] = -1.0
    with pytest.raises(ValueError, match="domain"):
        call()
    y[...] = 1.0
    assert call() == 1.0


@pytest.mark.parametrize("target", ["native", "numpy"])
def test_a_bound_call_with_examples_and_captured_values(target: str) -> None:
    w = ad.Value(2.0)
    f = compile(lambda x: w * x**3, batched="x", target=target)
    x = np.array([1.0, 2.0, 3.0])
    call = f.bind(x)
    assert call().tolist() == [2.0, 16.0, 54.0]
    assert call.gradients.tolist() == [6.0, 24.0, 54.0]
    w.data = 1.0
    assert call().tolist() == [1.0, 8.0, 27.0]


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, pickle.dumps])
def test_a_bound_call_is_not_copied(copied: Callable[[Any], Any]) -> None:
    for target in ("native", "numpy"):
        call = compile(lambda x: x @ x, target=target).bind(np.ones(3))
        with pytest.raises(TypeError, match="bind the function to other arrays"):
            copied(call)


@pytest.mark.parametrize(
    ("array", "got"),
    [
        (3.0, "got float"),
        ([1.0, 2.0], "got list"),
        ({"a": np.ones(2)}, "got dict"),
        (np.ones(2, np.float32), "got float32"),
        (np.ones((3, 3))[:, 0], "with gaps"),
        (np.ones((3, 3)).T[:2], "with gaps"),
    ],
)
def test_what_cannot_be_bound(array: Any, got: str) -> None:
    f = compile(lambda x: x)
    with pytest.raises(TypeError, match=got):
        f.bind(array)


# --------------------------------------------------------------------------------- the cache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTODIFF_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


def cubed(x: Any) -> Any:
    return x**3 + 0.125


def compiled_once() -> float:
    result: float = compile(cubed, target="native")(2.0)
    return result


def test_machine_code_is_kept_and_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled_once() == 8.125
    (kept,) = folder.iterdir()

    def fail(self: Any, text: str) -> bytes:
        raise AssertionError("compiled again")

    monkeypatch.setattr(machine._Processor, "compiled", fail)
    assert compiled_once() == 8.125
    assert list(folder.iterdir()) == [kept]
    assert clear_cache() == pytest.approx(4000, abs=4000)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"x", b"\0" * 2000])
def test_damaged_code_is_compiled_again(folder: Path, damage: bytes) -> None:
    compiled_once()
    (kept,) = folder.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[:100] + damage)
    assert compiled_once() == 8.125
    assert kept.read_bytes() == whole


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AUTODIFF_CACHE", str(tmp_path / "file" / "below"))
    assert compiled_once() == 8.125


def test_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTODIFF_CACHE", "")
    assert cache_folder() is None
    assert compiled_once() == 8.125
    assert clear_cache() == 0


def test_the_cache_does_not_grow_without_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_BYTES", 20_000)
    for k in range(30):
        compile(lambda x, k=k: x**2 + k, target="native")(1.0)
    kept = list(folder.iterdir())
    assert 1 < len(kept) < 25
    assert sum(path.stat().st_size for path in kept) <= 20_000


def test_processes_that_share_a_cache(folder: Path) -> None:
    program = (
        "from autodiff import compile\n"
        "for k in range(5): print(compile(lambda x: x * x + k, target='native')(3.0))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    results = [process.communicate()[0].split() for process in running]
    assert results == [["9.0", "10.0", "11.0", "12.0", "13.0"]] * 3
    assert not [path for path in folder.iterdir() if path.suffix != ".o"]


def test_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compiled_once()
    assert main(["cache"]) == 0
    assert " kB of machine code in" in capsys.readouterr().out
    (folder / "mine.o").write_text("not a kernel")
    (folder / f"{'0' * 64}.o").mkdir()
    assert main(["cache", "--clear"]) == 0
    assert "removed " in capsys.readouterr().out
    assert sorted(path.name for path in folder.iterdir()) == [f"{'0' * 64}.o", "mine.o"]


# ----------------------------------------------------------------------------------- fallback


def test_code_that_cannot_be_made_is_numpys(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no such instruction")

    monkeypatch.setattr(machine, "load", fail)
    f = compile(lambda x: x**2 + tanh(x), target="native")
    with caplog.at_level(logging.WARNING, "autodiff.compiler"):
        assert f.value_and_grad(0.0) == (0.0, 1.0)
    assert [record.message for record in caplog.records] == [
        "native code could not be made, running NumPy instead: no such instruction"
    ]
    assert f.stats["target"] == "numpy"


def test_without_llvmlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "is_there", lambda: False)
    with pytest.raises(ValueError, match=r"pip install .autodiff-viz\[native\]."):
        compile(lambda x: x, target="native")(1.0)
    f = compile(lambda x: sum(tanh(a) for a in x))
    f(np.ones(300))
    assert f.stats["target"] == "numpy"


def test_a_pickled_function_makes_its_code_again() -> None:
    f = compile(cubed, target="native")
    f.value_and_grad(2.0)
    again = pickle.loads(pickle.dumps(f))
    assert again.value_and_grad(2.0) == (8.125, 12.0)
    assert again.stats["target"] == "native"


def test_nothing_is_left_of_functions_that_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory does not grow with how many were compiled."""
    monkeypatch.setenv("AUTODIFF_CACHE", "")

    def compile_some(count: int) -> None:
        for k in range(count):
            compile(lambda x, k=k: tanh(x * k) + exp(x), target="native").value_and_grad(0.5)
        gc.collect()

    compile_some(100)
    before = resident_kilobytes()
    compile_some(10_000 if THOROUGH else 300)
    assert resident_kilobytes() - before < 20_000


def resident_kilobytes() -> int:
    path = Path("/proc/self/statm")
    if not path.exists():
        pytest.skip("needs /proc")
    return int(path.read_text().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


# -------------------------------------------------------------------------------- what is chosen


def test_what_is_chosen() -> None:
    """Native code where it pays: not for a single operation, nor where products are large."""
    tiny = compile(lambda x: x * x)
    tiny(2.0)
    assert tiny.stats["target"] == "python"
    chain = compile(lambda x: sum(ad.sin(k * x) for k in range(50)))
    chain(0.1)
    assert chain.stats["target"] == "native"
    layer = compile(lambda w, x: sum(w @ x), batched="x")
    layer(np.ones((400, 400)), np.ones((2, 400)))
    assert layer.stats["target"] == "numpy"


def test_chunks_do_not_change_what_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    w, x = RANDOM.normal(size=(5, 3)), RANDOM.normal(size=(50, 3))
    whole = compile(mixed, batched="x", target="native").value_and_grad(w, x)
    monkeypatch.setattr(specialization, "FEWEST_EXAMPLES", 7)
    monkeypatch.setattr(specialization, "NATIVE_WORK", 7)
    parts = compile(mixed, batched="x", target="native").value_and_grad(w, x)
    np.testing.assert_array_equal(whole[0], parts[0])
    np.testing.assert_allclose(whole[1], parts[1], rtol=1e-13)


def test_a_recurrence_is_a_loop() -> None:
    def f(x: Any) -> Any:
        y = x
        for _ in range(100):
            y = y + 0.01 * tanh(y * x)
        return y

    compiled = compile(f, target="native")
    assert compiled.value_and_grad(0.5) == pytest.approx(ad.value_and_grad(f)(0.5), rel=1e-14)
    assert has_loops(next(iter(compiled._specializations.values())).loops)
    assert compiled.source.count("\n") < 400
