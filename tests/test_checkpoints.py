"""Runs that are interrupted or killed go on as if nothing had happened."""

from __future__ import annotations

import errno
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autodiff import nn
from autodiff.data import Dataset
from autodiff.nn import files
from autodiff.optim import SGD, Adam
from autodiff.training import Checkpoint, Epoch, fit
from autodiff.training.engines import CompiledEngine, EagerEngine

ENGINES = {"compiled": CompiledEngine, "eager": EagerEngine}
GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.random((40, 6))
DATA = Dataset(IMAGES, (IMAGES[:, 0] > IMAGES[:, 1]).astype(np.int64))
TRAINING, VALIDATION = DATA.take(np.arange(30)), DATA.take(np.arange(30, 40))


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 5, "tanh", seed=1), nn.Dropout(0.2), nn.Linear(5, 2, seed=2))


class Noisy:
    """Augmentation that stops the run, in one way or another, at some call."""

    def __init__(self, stop_at: int = 0) -> None:
        self.calls, self.stop_at = 0, stop_at

    def __call__(self, inputs: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        self.calls += 1
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        return inputs + generator.normal(0.0, 0.01, inputs.shape)


def train(model: nn.Module, stop_at: int = 0, **options: Any) -> list[float]:
    options = {"epochs": 4, "engine": "compiled", **options}
    optimizer = Adam(model.parameters(), 0.05)
    fit(
        model, TRAINING, VALIDATION, batch_size=8, optimizer=optimizer, seed=3, progress=False,
        augment=Noisy(stop_at), **options,
    )  # fmt: skip
    return [parameter.data for parameter in model.parameters()]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("stop_at", [1, 2, 6, 13])
def test_an_interrupted_run_goes_on(engine: str, stop_at: int, tmp_path: Path) -> None:
    uninterrupted = train(network(), engine=engine)
    path = tmp_path / "run.npz"
    stopped = train(network(), stop_at, engine=engine, checkpoint=path)
    assert stopped != uninterrupted
    assert train(network(), engine=engine, checkpoint=path) == uninterrupted
    # And once more: there is nothing left to do.
    assert train(network(), engine=engine, checkpoint=path) == uninterrupted


def test_engines_agree_with_dropout_and_augmentation() -> None:
    eager, compiled = (train(network(), engine=engine) for engine in ("eager", "compiled"))
    assert eager == pytest.approx(compiled, rel=1e-9)


SCRIPT = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import test_checkpoints as t

class Killed(t.Noisy):
    def __call__(self, inputs, generator):
        if self.calls + 1 == self.stop_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(inputs, generator)

t.Noisy = Killed
t.train(t.network(), int(sys.argv[1]), checkpoint=t.Checkpoint(sys.argv[2], seconds=0))
"""


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    script, path = tmp_path / "script.py", tmp_path / "run.npz"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent)))
    for stop_at in (3, 4, 6):  # each run goes on from where the last one was killed
        done = subprocess.run(
            [sys.executable, script, str(stop_at), path], check=False, timeout=300
        )
        assert done.returncode == -signal.SIGKILL
        assert [file.name for file in tmp_path.iterdir() if file.suffix != ".py"] == ["run.npz"]
    assert train(network(), checkpoint=path) == train(network())


class CtrlC(Noisy):
    """A real Ctrl-C, in the middle of a batch."""

    def __call__(self, inputs: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        if self.calls + 1 == self.stop_at:
            self.stop_at = 0
            os.kill(os.getpid(), signal.SIGINT)
        return super().__call__(inputs, generator)


@pytest.fixture
def ctrl_c_is_heard() -> Iterator[None]:
    """Python's own handler, also where the tests run in the background, which ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_is_heard")
@pytest.mark.parametrize("stop_at", [1, 4, 9])
def test_ctrl_c_waits_for_the_batch_and_loses_nothing(
    stop_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted, path = train(network()), tmp_path / "run.npz"
    monkeypatch.setattr(sys.modules[__name__], "Noisy", CtrlC)
    train(network(), stop_at, checkpoint=path)
    with np.load(path) as kept:
        state = json.loads(str(kept["words"]))
    assert state["epoch"] * 4 + state["batch"] == stop_at
    monkeypatch.undo()
    assert train(network(), checkpoint=path) == uninterrupted
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("kept_epochs", [0, 2])
def test_a_run_that_is_stopped_before_it_goes_on_loses_nothing(
    kept_epochs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.npz"
    if kept_epochs:
        train(network(), epochs=kept_epochs, checkpoint=path)
    before = path.read_bytes() if kept_epochs else None

    def ctrl_c(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(Checkpoint, "read", ctrl_c)
        train(network(), checkpoint=path)
    assert (path.read_bytes() if path.exists() else None) == before
    with monkeypatch.context() as stopped:
        stopped.setattr("autodiff.training.fitting.patient_interrupts", ctrl_c)
        train(network(), checkpoint=path)
    assert train(network(), checkpoint=path) == train(network())


def test_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    train(network(), checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="parameters is 47 there and 29 here"):
        train(nn.Sequential(nn.Linear(6, 3), nn.Linear(3, 2)), checkpoint=path)
    model = network()
    sgd = SGD(model.parameters())
    with pytest.raises(ValueError, match="optimizer is Adam there and SGD here"):
        fit(model, TRAINING, batch_size=8, optimizer=sgd, seed=3, progress=False, checkpoint=path)
    assert path.read_bytes() == before
    path.write_bytes(before[:100])
    with pytest.raises(ValueError, match="is no checkpoint; remove it"):
        train(network(), checkpoint=path)
    with pytest.raises(ValueError, match=r"ends in \.npz, got 'run\.pt'"):
        Checkpoint(tmp_path / "run.pt")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        Checkpoint(tmp_path / "none" / "run.npz")


def test_a_full_disk_keeps_the_last_checkpoint_and_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.npz"
    train(network(), epochs=1, checkpoint=path)
    before = path.read_bytes()

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    model = network()
    with pytest.raises(OSError, match=r"cannot save .*run\.npz: No space left on device"):
        train(model, epochs=2, checkpoint=path)
    assert path.read_bytes() == before
    monkeypatch.undo()
    assert [p.data for p in model.parameters()] == pytest.approx(train(network(), epochs=2))


# --------------------------------------------------------------------- watching the validation


def test_patience_ends_training_and_the_best_parameters_are_kept() -> None:
    model = network()
    seen: list[list[float]] = []

    def remember(epoch: int, measured: Epoch, model: nn.Module) -> None:
        seen.append([parameter.data for parameter in model.parameters()])

    history = fit(
        model, TRAINING, VALIDATION, epochs=200, batch_size=8, progress=False, patience=3,
        keep_best=True, callbacks=[remember], optimizer=Adam(model.parameters(), 0.3), seed=1,
    )  # fmt: skip
    losses = history.validation_loss
    best = losses.index(min(losses))
    assert len(losses) == best + 1 + 3 < 200
    assert history.stopped == "the validation loss has not improved for 3 epochs"
    assert [parameter.data for parameter in model.parameters()] == seen[best]


def test_a_callback_can_end_training() -> None:
    def enough(epoch: int, measured: Epoch, model: nn.Module) -> bool:
        return epoch == 2

    history = fit(network(), TRAINING, epochs=9, progress=False, callbacks=[enough])
    assert len(history.epochs) == 2
    assert history.stopped == "enough asked for it"
    assert math.isnan(history.validation_loss[0])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"patience": 0}, "patience must be a whole number of at least 1, got 0"),
        ({"patience": 2}, "patience and keep_best need validation examples"),
        ({"keep_best": True}, "need validation examples to watch"),
        ({"loss": "l3"}, "loss must be a function or one of cross_entropy, nll"),
        ({"augment": lambda x, _: x[:1]}, r"as many finite inputs as it is given, .* \(1, 6\) for"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        fit(network(), TRAINING, progress=False, **options)


def test_divergence_names_the_step() -> None:
    model = nn.Sequential(nn.Linear(6, 2, seed=0))
    with pytest.raises(FloatingPointError, match=r"in step \d+, .* smaller learning rate may help"):
        fit(
            model,
            TRAINING,
            epochs=50,
            loss="mse",
            progress=False,
            optimizer=SGD(model.parameters(), 1e9),
        )


# ------------------------------------------------------------------- the same process, other runs


@pytest.mark.parametrize("make", [lambda p: SGD(p, 0.1, 0.9), lambda p: Adam(p, 0.05)])
def test_going_on_in_one_process_with_the_same_optimizer(make: Any, tmp_path: Path) -> None:
    def run(epochs: list[int], path: Path | None) -> list[float]:
        model = network()
        optimizer = make(model.parameters())
        for until in epochs:
            fit(model, TRAINING, epochs=until, batch_size=8, optimizer=optimizer, seed=3,
                progress=False, checkpoint=path)  # fmt: skip
        return [parameter.data for parameter in model.parameters()]

    whole = run([4], None)
    assert run([2, 2, 4, 4], tmp_path / "run.npz") == whole


def test_a_run_that_was_stopped_stays_stopped(tmp_path: Path) -> None:
    def run(**options: Any) -> Any:
        model = network()
        return fit(
            model, TRAINING, VALIDATION, epochs=200, batch_size=8, progress=False, seed=1,
            optimizer=Adam(model.parameters(), 0.3), checkpoint=tmp_path / "run.npz", **options,
        )  # fmt: skip

    first = run(patience=2)
    again = run(patience=2)
    assert first.stopped == again.stopped == "the validation loss has not improved for 2 epochs"
    assert first.epochs == again.epochs
    assert len(run(patience=5).epochs) > len(first.epochs)


def test_what_must_be_the_same_is_compared(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    train(network(), checkpoint=path)
    tanh = nn.Sequential(nn.Linear(6, 5, "relu", seed=1), nn.Dropout(0.2), nn.Linear(5, 2, seed=2))
    with pytest.raises(ValueError, match="holds another run: model is "):
        train(tanh, checkpoint=path)
    with pytest.raises(ValueError, match="keep_best is False there and True here"):
        train(network(), checkpoint=path, keep_best=True)
    model = network()
    with pytest.raises(ValueError, match="data is "):
        fit(model, TRAINING.take(np.arange(30)[::-1]), VALIDATION, epochs=4, batch_size=8, seed=3,
            optimizer=Adam(model.parameters(), 0.05), progress=False, checkpoint=path)  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_a_last_step_that_diverges_is_noticed(engine: str, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(6, 2, seed=0))
    large = Dataset(1000 * TRAINING.images, TRAINING.labels)
    optimizer = SGD(model.parameters(), 1e308)
    with pytest.raises(FloatingPointError, match=r"in step 1, .* smaller learning rate may help"):
        fit(model, large, epochs=1, batch_size=30, optimizer=optimizer, engine=engine,
            progress=False)  # fmt: skip
    model.parameters()[0].data = math.inf
    with pytest.raises(ValueError, match="not finite; it was not saved"):
        model.save(tmp_path / "m.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", [lambda p: p.write_bytes(b"PK"), lambda p: np.savez(p, a=1)])
def test_files_that_are_no_checkpoints(make: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    make(path)
    with pytest.raises(ValueError, match="is no checkpoint"):
        train(network(), checkpoint=path)


def test_damaged_files_are_one_sentence(tmp_path: Path) -> None:
    run, saved = tmp_path / "run.npz", tmp_path / "m.npz"
    train(network(), epochs=1, checkpoint=run)
    network().save(saved)
    generator = np.random.default_rng(0)
    for path, read in (
        (run, lambda: train(network(), epochs=1, checkpoint=run)),
        (saved, lambda: files.load(saved)),
    ):
        whole = path.read_bytes()
        for _ in range(60):
            damaged = bytearray(whole)
            for place in generator.integers(0, len(whole), 3):
                damaged[place] ^= int(generator.integers(1, 256))
            path.write_bytes(bytes(damaged))
            with suppress(ValueError):  # most are noticed; some bytes do not matter
                read()


# ----------------------------------------------------------------------------- losses of one's own


@pytest.mark.parametrize("engine", ENGINES)
def test_own_losses_are_treated_alike(engine: str) -> None:
    regression = Dataset(IMAGES, np.arange(40) % 3)
    model = nn.Sequential(nn.Linear(6, 1, seed=0))
    fit(model, regression, epochs=1, loss=lambda o, t: (o[0] - t) ** 2, engine=engine,
        progress=False)  # fmt: skip
    with pytest.raises(TypeError):
        fit(network(), TRAINING, loss=lambda o, t: [o[0], o[1]], engine=engine, progress=False)


def test_engines_agree_on_one_output_of_one_class() -> None:
    zeros = Dataset(IMAGES, np.zeros(40, np.int64))
    for loss in ("cross_entropy", "mse", "hinge"):
        losses = [
            fit(nn.Sequential(nn.Linear(6, 1, seed=0)), zeros, epochs=2, loss=loss, engine=engine,
                progress=False).loss
            for engine in ENGINES
        ]  # fmt: skip
        assert losses[0] == pytest.approx(losses[1], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"optimizer": "adam"}, "optimizer: expected one of autodiff.optim"),
        ({"callbacks": print}, "expected a list of functions of the epoch"),
        (
            {"validation": (IMAGES, IMAGES)},
            "validation: expected a Dataset, got tuple",
        ),
    ],
)
def test_arguments_of_another_kind(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        fit(network(), TRAINING, progress=False, **options)
