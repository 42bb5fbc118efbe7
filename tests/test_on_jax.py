"""JAX: arrays of both kinds, within JAX's own transforms, on eight devices, in two processes."""

from __future__ import annotations

import importlib.util
import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_roll import decay, observed

from autodiff import (
    Value,
    compile,
    dot,
    exp,
    log,
    logsumexp,
    nn,
    relu,
    sin,
    tanh,
    value_and_grad,
    where,
)
from autodiff.data import Pairs, moons
from autodiff.optim import SGD, Adam, AdamW, Optimizer, RMSProp
from autodiff.testing import expressions_at_points
from autodiff.training import fit, outputs
from benchmarks.workloads import adbench_workloads, workloads
from conftest import HAS_DEVICES, THOROUGH

pytestmark = pytest.mark.devices
if HAS_DEVICES:
    import jax
    import jax.numpy as jnp

RANDOM = np.random.default_rng(0)
P = {"W": RANDOM.normal(size=(4, 3)), "b": RANDOM.normal(size=4), "c": 0.5}
X, T = RANDOM.normal(size=(21, 3)), RANDOM.normal(size=21)


def loss(p: Any, x: Any, t: Any) -> Any:
    h = relu(p["W"] @ x + p["b"])
    return (p["c"] * logsumexp(list(h)) - t) ** 2


def on_jax(function: Callable[..., Any] = loss, **options: Any) -> Any:
    return compile(function, **{"batched": ("x", "t"), "target": "jax", **options})


def expected() -> tuple[Any, Any]:
    return compile(loss, ("x", "t"), target="numpy").value_and_grad(P, X, T)


def assert_same(found: Any, wanted: Any, tolerance: float = 1e-12) -> None:
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def test_arrays_of_numpy_give_arrays_of_numpy() -> None:
    values, slopes = on_jax().value_and_grad(P, X, T)
    assert_same((values, slopes), expected())
    assert type(values) is np.ndarray
    assert type(slopes["W"]) is np.ndarray
    assert type(slopes["c"]) is float
    assert type(compile(lambda x: x * x, target="jax")(2.0)) is float


def test_arrays_of_jax_stay_on_their_device() -> None:
    device = jax.devices()[3]
    p, x, t = jax.device_put((P, X, T), device)
    values, slopes = on_jax().value_and_grad(p, x, t)
    assert_same((values, slopes), expected())
    for found in (values, slopes["W"], slopes["b"], on_jax()(p, x, t)):
        assert found.devices() == {device}


def test_it_stands_in_what_jax_transforms() -> None:
    f = on_jax()
    _, slopes = expected()
    p = jax.tree.map(jnp.asarray, P)
    mean = jax.jit(jax.grad(lambda p: f(p, X, T).mean()))(p)
    assert_same(mean, jax.tree.map(lambda g: g / len(X), slopes))
    weighted = jax.grad(lambda p, w: (w * f(p, jnp.asarray(X), T)).sum())(p, jnp.asarray(T))
    by_hand = [value_and_grad(loss)(P, x, t)[1] for x, t in zip(X, T, strict=True)]
    assert_same(weighted["W"], sum(t * g["W"] for t, g in zip(T, by_hand, strict=True)))
    several = compile(lambda v: {"a": sin(v[0]) * v[1], "b": v * v[0]}, target="jax")
    jacobian = jax.vmap(jax.jacrev(several))(jnp.asarray(X))
    assert_same(jacobian["a"][:, 0], np.cos(X[:, 0]) * X[:, 1])
    assert jacobian["b"].shape == (21, 3, 3)
    once = compile(lambda x: exp(x) * x, target="jax")
    assert jax.hessian(once)(1.0) == pytest.approx(3 * np.e)
    assert jax.grad(jax.grad(once))(1.0) == pytest.approx(3 * np.e)


def test_what_is_printed_is_a_program_of_jax() -> None:
    f = on_jax()
    f.value_and_grad(P, X, T)
    space: dict[str, Any] = {}
    exec(f.source, space)
    values, *_ = jax.jit(space["run"])(P["W"].ravel(), P["b"], np.array([0.5]), X, T[:, None])
    assert_same(values[:, 0], expected()[0])
    assert "x @ p_W.reshape(4, 3).T" in f.source


@pytest.mark.parametrize("function", [decay, observed])
def test_recurrences_are_scans(function: Callable[[Any], Any]) -> None:
    x = np.array([0.4, 0.3, -0.2])
    f = compile(lambda x: function([*x, *[0.1 * a for a in x]]), target="jax")
    value, slopes = f.value_and_grad(x)
    wanted = value_and_grad(f.function)(x)
    assert_same((value, slopes), wanted)
    rows = compile(f.function, "x", target="jax", devices=jax.devices())
    values, slopes = rows.value_and_grad(np.stack([x] * 9))
    assert_same((values[8], slopes[8]), wanted)
    rows = np.stack([x] * 3)
    assert_same(jax.vmap(f)(jnp.asarray(rows)), np.full(3, wanted[0]))


PROGRAMS = ("hidden Markov model", "attention, 32 examples", "gravity", "tridiagonal",
            "Gaussian mixture, K = 5", "bundle adjustment, 5,000")  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_of_researchers(name: str) -> None:
    (work,) = [w for w in (*workloads(), *adbench_workloads()) if w.name == name]
    found, wanted = (
        compile(work.function, work.batched, target=target).value_and_grad(
            *work.arguments, argnums=work.argnums
        )
        for target in ("jax", "numpy")
    )
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12 * np.abs(b).max())


def test_precisions() -> None:
    _, slopes = expected()
    for dtype, tolerance in (("float32", 1e-5), ("bfloat16", 0.1)):
        for x in (X, jnp.asarray(X)):
            values, found = on_jax(dtype=dtype).value_and_grad(P, x, T)
            assert values.dtype == found["W"].dtype == dtype
            np.testing.assert_allclose(found["W"].astype(float), slopes["W"], rtol=tolerance,
                                       atol=tolerance * np.abs(slopes["W"]).max())  # fmt: skip


def test_what_it_says() -> None:
    with jax.enable_x64(False), pytest.raises(ValueError, match="jax_enable_x64"):
        on_jax()(P, X, T)
    with jax.enable_x64(False):
        assert on_jax(dtype="float32")(P, X, T).dtype == np.float32
    with pytest.raises(ValueError, match="math domain error") as raised:
        compile(lambda x: log(x), target="jax")(-1.0)
    assert "log(-1.0)" in raised.value.__notes__[0]
    assert np.isnan(compile(lambda x: log(x), target="jax")(jnp.float64(-1.0)))
    for options, complaint in (
        ({"target": "numpy", "devices": [0]}, "devices are those of JAX"),
        ({"devices": []}, r"such as jax.devices\(\), got \[\]"),
        ({"devices": ["gpu"]}, r"got \['gpu'\]"),
        ({"devices": jax.devices()[:1] * 2}, "every device takes part once"),
        ({"dtype": "float16"}, '"float32" or "float64" or "bfloat16"'),
        ({"target": "numpy", "dtype": "bfloat16"}, 'or "bfloat16" with target="jax"'),
    ):
        with pytest.raises(ValueError, match=complaint):
            on_jax(**options)


def test_other_targets_take_arrays_of_jax() -> None:
    found = compile(loss, ("x", "t"), target="numpy").value_and_grad(P, jnp.asarray(X), T)
    assert_same(found, expected())
    assert type(found[0]) is np.ndarray
    assert value_and_grad(lambda v: dot(list(v), list(v)))(jnp.ones(3))[1].tolist() == [2.0] * 3


def test_captured_values_and_pickles() -> None:
    w = Value(2.0)
    f = compile(lambda x: w * x, "x", target="jax")
    assert f(np.ones(2)).tolist() == [2.0, 2.0]
    w.data = 3.0
    assert f(jnp.ones(2)).tolist() == [3.0, 3.0]
    g = on_jax(where_module_can_be_found)
    g(P, X, T)
    assert_same(pickle.loads(pickle.dumps(g))(P, X, T), g(P, X, T))
    g = on_jax(where_module_can_be_found, devices=np.array(jax.devices()), dtype=np.float64)
    assert_same(pickle.loads(pickle.dumps(g))(P, X, T), g(P, X, T))


def where_module_can_be_found(p: Any, x: Any, t: Any) -> Any:
    return where(t > 0, tanh(x[0] * p["c"]), x[1])


@settings(max_examples=100 if THOROUGH else 15)
@given(expressions_at_points(max_steps=12), st.integers(1, 19))
def test_random_expressions_on_all_devices(example: Any, count: int) -> None:
    """Uneven batches over devices, and one device, with a shared argument and without."""

    def function(x: Any, s: Any) -> Any:
        return example.expression([*x]) * s

    rows = np.array([example.point] * count)
    alone = compile(function, "x", target="jax").value_and_grad(rows, 2.0, argnums=(0, 1))
    spread = compile(function, "x", target="jax", devices=jax.devices())
    assert_same(spread.value_and_grad(rows, 2.0, argnums=(0, 1)), alone)
    given_jax = spread.value_and_grad(jnp.asarray(rows), 2.0, argnums=(0, 1))
    assert_same(given_jax, alone)
    assert_same(spread(rows, 2.0), alone[0])


@pytest.mark.parametrize("count", [1, 2, 3, 8])
@pytest.mark.parametrize("examples", [1, 2, 7, 8, 9, 21])
def test_batches_that_do_not_divide_evenly(count: int, examples: int) -> None:
    f = on_jax(devices=jax.devices()[:count])
    wanted = compile(loss, ("x", "t"), target="numpy").value_and_grad(
        P, X[:examples], T[:examples], argnums=(0, 1)
    )
    assert_same(f.value_and_grad(P, X[:examples], T[:examples], argnums=(0, 1)), wanted)
    found = f.value_and_grad(P, jnp.asarray(X[:examples]), T[:examples], argnums=(0, 1))
    assert_same(found, wanted)


@pytest.mark.parametrize("count", [1, 3])
def test_results_that_are_the_same_for_every_example(count: int) -> None:
    several = compile(lambda w, x: (w * w, 2 * w), "x", target="jax", devices=jax.devices()[:count])
    slope = jax.grad(lambda w: sum(map(jnp.sum, several(w, jnp.asarray(T)))))
    assert slope(3.0) == 21 * (6 + 2)
    f = compile(lambda w, x: w * w, "x", target="jax", devices=jax.devices()[:count])
    assert f.value_and_grad(3.0, T)[1] == 21 * 6
    assert f.value_and_grad(jnp.float64(3.0), T)[1] == 21 * 6
    assert f(3.0, jnp.asarray(T)).shape == (21,)


def test_no_examples() -> None:
    values, slopes = on_jax(devices=jax.devices()).value_and_grad(P, X[:0], T[:0])
    assert values.shape == (0,)
    assert not slopes["W"].any()


def test_a_large_shared_argument_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    from autodiff.compiler.on_jax import devices

    monkeypatch.setattr(devices, "LARGE", 8)
    w = RANDOM.normal(size=(8, 3))
    f = compile(lambda w, x: sum(tanh(w @ x)), "x", target="jax", devices=jax.devices())
    wanted = compile(f.function, "x", target="numpy").value_and_grad(w, X)
    assert_same(f.value_and_grad(w, X), wanted)


# --------------------------------------------------------------------------------- training

OPTIMIZERS: dict[str, Callable[[Any], Optimizer]] = {
    "SGD": lambda p: SGD(p, 0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "Adam": lambda p: Adam(p, lambda step: 0.02 / step**0.5, clip_norm=0.5),
    "AdamW": lambda p: AdamW(p, 0.02),
    "RMSProp": lambda p: RMSProp(p, 0.01),
}


def network(*, dropout: float = 0.3) -> nn.Module:
    return nn.Sequential(
        nn.Linear(2, 8, seed=0), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 2, seed=1)
    )


def trained(engine: str, model: nn.Module, **options: Any) -> np.ndarray:
    fit(model, moons(), engine=engine, progress=False, **options)
    return np.array([parameter.data for parameter in model.parameters()])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_gives_the_parameters_of_the_compiled_engine(optimizer: str) -> None:
    found = []
    for engine in ("compiled", "jax"):
        model = network()
        rule = OPTIMIZERS[optimizer](model.parameters())
        found.append(trained(engine, model, epochs=7, batch_size=27, optimizer=rule))
        assert rule.steps >= 50
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("change", ["frozen", "own loss", "targets"])
def test_other_ways_of_training(change: str) -> None:
    found = []
    for engine in ("compiled", "jax"):
        model = network(dropout=0.0)
        options: dict[str, Any] = {"epochs": 2, "batch_size": 9}
        if change == "frozen":
            options["optimizer"] = Adam(model.parameters()[:5], 0.05)
        elif change == "own loss":
            options["loss"] = lambda z, label: (z[label] - 1.0) ** 2 + z[1 - label] ** 2
        history = fit(
            model,
            Pairs(moons().inputs, moons().inputs) if change == "targets" else moons(),
            moons(seed=1) if change != "targets" else None,
            engine=engine, progress=False,
            **({**options, "loss": "mse"} if change == "targets" else options),
        )  # fmt: skip
        found.append([*[p.data for p in model.parameters()], history.epochs[-1].loss])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-9)


def test_a_loss_that_is_not_finite_is_told_with_its_step() -> None:
    messages = []
    for engine in ("compiled", "jax"):
        model = nn.Sequential(nn.Linear(2, 2, seed=0))
        data = Pairs(moons().inputs, moons().inputs)
        with pytest.raises(FloatingPointError) as raised:
            fit(model, data, loss="mse", optimizer=SGD(model.parameters(), 1e30), engine=engine,
                progress=False)  # fmt: skip
        messages.append(str(raised.value).partition(",")[0])
        assert all(np.isfinite(parameter.data) for parameter in model.parameters())
    assert messages[0] == messages[1]


def test_a_loss_that_depends_on_no_input() -> None:
    class Constant(nn.Module):
        def __init__(self) -> None:
            self.w = [Value(0.5), Value(2.0)]

        def __call__(self, x: Any) -> Any:
            return [self.w[0] * 1.5, self.w[0] * self.w[1]]

    found = [
        trained(engine, Constant(), epochs=1, batch_size=9, loss=lambda z, label: (z[0] - 1) ** 2)
        for engine in ("compiled", "jax")
    ]
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_a_loss_that_is_not_finite_with_dropped_units() -> None:
    model = nn.Sequential(nn.Linear(2, 4, seed=0), nn.Dropout(0.5), nn.Linear(4, 2, seed=1))
    data = Pairs(moons().inputs, moons().inputs)
    with pytest.raises(FloatingPointError, match="in step"):
        fit(model, data, loss="mse", engine="jax", optimizer=SGD(model.parameters(), 1e30),
            progress=False)  # fmt: skip


def test_what_is_not_trained_stays_in_single_precision() -> None:
    with jax.enable_x64(False):
        model = network(dropout=0.0)
        before = [parameter.data for parameter in model.parameters()]
        after = trained("jax", model, epochs=1, optimizer=Adam(model.parameters()[5:9]))
    assert [i for i in range(len(before)) if before[i] != after[i]] == [5, 6, 7, 8]
    found = outputs(model, moons().inputs, engine="jax")
    np.testing.assert_allclose(found, outputs(model, moons().inputs), rtol=1e-12)


def test_optimizers_that_cannot_step_there() -> None:
    class Own(SGD):
        def step(self) -> None:
            super().step()

    class InPlace(Optimizer):
        def update(self, numbers: Any, gradients: Any, rate: float, state: Any, step: int) -> Any:
            numbers -= rate * gradients

    for kind, complaint in ((Own, "has a step"), (InPlace, "returned nothing")):
        model = network()
        with pytest.raises(TypeError, match=complaint):
            trained("jax", model, optimizer=kind(model.parameters(), 0.1))


def test_a_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    model = network()
    whole = trained("jax", model, epochs=3, optimizer=Adam(model.parameters()))
    for epochs in (1, 3):
        model = network()
        optimizer = Adam(model.parameters())
        ended = trained("jax", model, epochs=epochs, optimizer=optimizer,
                        checkpoint=tmp_path / "run.npz")  # fmt: skip
    np.testing.assert_array_equal(ended, whole)


# --------------------------------------------------------------------------- two processes


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        port: int = found.getsockname()[1]
        return port


def start(rank: int, port: int, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "autodiff", "train", "--engine", "jax", "--images", "500",
               "--hidden", "10", "--checkpoint", str(folder / "run.npz"),
               "--coordinator", f"localhost:{port}", "--processes", "2", "--rank", str(rank),
               *options]  # fmt: skip
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    with (folder / f"{rank}.txt").open("w") as said:
        return subprocess.Popen(command, env=environment, stdout=said, stderr=said)


def ended(process: subprocess.Popen[bytes], rank: int, folder: Path) -> str:
    """What a process has said when it has ended, but for what JAX's own libraries say."""
    process.wait(timeout=300)
    lines = (folder / f"{rank}.txt").read_text().splitlines()
    return "\n".join(line for line in lines if "[Gloo]" not in line)


@pytest.mark.xdist_group("processes")
def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    port = free_port()
    options = ["--epochs", "2", "--save", str(tmp_path / "together.npz")]
    both = [start(rank, port, tmp_path, *options) for rank in (0, 1)]
    said = [ended(process, rank, tmp_path) for rank, process in enumerate(both)]
    assert [process.returncode for process in both] == [0, 0], said
    assert "validation accuracy" in said[0]
    assert said[1] == ""
    alone = tmp_path / "alone.npz"
    subprocess.run(
        [sys.executable, "-m", "autodiff", "train", "--images", "500", "--hidden", "10",
         "--epochs", "2", "--save", str(alone)], check=True, capture_output=True,
    )  # fmt: skip
    with np.load(tmp_path / "together.npz") as found, np.load(alone) as wanted:
        np.testing.assert_allclose(found["parameters"], wanted["parameters"], rtol=1e-9, atol=1e-9)


@pytest.mark.xdist_group("processes")
@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_process_is_told_and_the_run_goes_on(killed: int, tmp_path: Path) -> None:
    port = free_port()
    both = [start(rank, port, tmp_path, "--epochs", "5000") for rank in (0, 1)]
    deadline = time.monotonic() + 120
    while not (tmp_path / "run.npz").exists():  # written after the first epoch
        assert both[0].poll() is None, ended(both[0], 0, tmp_path)
        assert time.monotonic() < deadline
        time.sleep(0.1)
    both[killed].kill()
    both[killed].wait()
    other = 1 - killed
    both[other].wait(timeout=60)
    said = ended(both[other], other, tmp_path)
    assert both[other].returncode != 0
    assert "autodiff: error: another process of this run was lost" in said
    port = free_port()
    both = [start(rank, port, tmp_path, "--epochs", "1") for rank in (0, 1)]
    said = ended(both[0], 0, tmp_path)
    assert [process.wait(timeout=300) for process in both] == [0, 0], said
    assert "epoch 1/1" not in said  # it was done before


@pytest.mark.xdist_group("processes")
@pytest.mark.parametrize("option", ["--epochs", "--learning-rate"])
def test_processes_with_other_options(option: str, tmp_path: Path) -> None:
    port = free_port()
    both = [start(rank, port, tmp_path, option, str(1 + rank)) for rank in (0, 1)]
    for rank, process in enumerate(both):
        assert "need the same data and options" in ended(process, rank, tmp_path)
        assert process.returncode == 2


def test_jax_is_there() -> None:
    assert importlib.util.find_spec("jax")
    assert len(jax.devices()) == 8
