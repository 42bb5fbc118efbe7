"""A trained model is never lost, whoever stops listening; and no command ends with a traceback."""

from __future__ import annotations

import errno
import io
import os
import re
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autodiff import nn
from autodiff.cli import main
from autodiff.data import Dataset, load_subset
from autodiff.digits import learn_to_read
from autodiff.files import SteadyStream, steady_output
from autodiff.nn import files
from autodiff.training import Checkpoint, fit

DATA = Dataset(np.eye(4), np.array([0, 1, 0, 1]))
TRAIN = ["train", "--images", "20", "--epochs", "2", "--hidden", "4", "--save", "m.npz"]
ON_POSIX = pytest.mark.skipif(os.name != "posix", reason="needs the streams of POSIX")


def command(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "autodiff", *arguments], text=True, **options)


def closed_pipe() -> int:
    """The end of a pipe whose reader is gone."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def full_disk() -> int:
    return os.open("/dev/full", os.O_WRONLY)


# ------------------------------------------------------------------------------ whole commands


@ON_POSIX
@pytest.mark.parametrize(
    ("broken", "open_broken", "code", "said"),
    [
        ("stdout", closed_pipe, 0, r"epoch 1/2: .*\nepoch 2/2: .*\n"),
        ("stderr", closed_pipe, 0, r"MLP.*\nvalidation.*\nwrote m.npz\n"),
        ("stderr", full_disk, 0, r"MLP.*\nvalidation.*\nwrote m.npz\n"),
        ("stdout", full_disk, 2, r"epoch 1/2: .*\nepoch 2/2: .*\nautodiff: error: cannot print: "
         r"\[Errno 28\] No space left on device\n"),
    ],
)  # fmt: skip
def test_a_model_is_saved_whoever_listens(
    broken: str, open_broken: Callable[[], int], code: int, said: str, tmp_path: Path
) -> None:
    if open_broken is full_disk and not Path("/dev/full").exists():
        pytest.skip("needs /dev/full, as on Linux")
    number = open_broken()
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = command(*TRAIN, cwd=tmp_path, **{**streams, broken: number})
    os.close(number)
    out, err = process.communicate(timeout=300)
    assert re.fullmatch(said, err if broken == "stdout" else out)
    assert process.returncode == code
    assert len(files.load(tmp_path / "m.npz").parameters()) == 784 * 4 + 4 + 4 * 10 + 10


@ON_POSIX
def test_a_model_is_saved_where_there_are_no_streams(tmp_path: Path) -> None:
    given = " ".join([sys.executable, "-m", "autodiff", *TRAIN])
    subprocess.run(f"{given} >&- 2>&-", shell=True, cwd=tmp_path, check=True, timeout=300)
    assert (tmp_path / "m.npz").is_file()


@ON_POSIX
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["draw", "x*y", "x=1", "y=2", "-o", "f.dot"],
        ["demo", "--images", "20", "--epochs", "1", "-o", "pictures"],
    ],
)
def test_a_reader_who_has_seen_enough_is_no_error(arguments: list[str], tmp_path: Path) -> None:
    number = closed_pipe()
    process = command(*arguments, cwd=tmp_path, stdout=number, stderr=subprocess.PIPE)
    os.close(number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0
    assert "Broken pipe" not in err
    assert "Traceback" not in err
    if arguments[0] == "demo":
        assert (tmp_path / "pictures" / "trained-neuron.svg").is_file()


STOP = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
"""


@ON_POSIX
@pytest.mark.parametrize("module", ["numpy", "autodiff.graph", "autodiff.cli", "viz"])
def test_ctrl_c_in_the_first_second_is_no_traceback(module: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(STOP.format(module=module))
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    process = command(
        "demo", "-o", "pictures", cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    _, err = process.communicate(timeout=300)
    assert process.returncode in (130, -signal.SIGINT)
    assert err in ("autodiff: stopped\n", "")


# ------------------------------------------------------------------------------ before and after


def unreachable(*arguments: object, **options: object) -> Any:
    raise AssertionError("it was trained although the place was known to be none")


def test_the_place_of_a_model_is_checked_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("autodiff.cli.learn_to_read", unreachable)
    (tmp_path / "file").touch()
    places = [tmp_path / "none" / "m.npz", tmp_path / "file" / "m.npz", tmp_path]
    if Path("/proc/self").is_dir():
        places.append(Path("/proc/self/m.npz"))
    for place in places:
        for option in ("--save", "--checkpoint"):
            assert main(["train", option, str(place)]) == 2
            said = capsys.readouterr().err
            assert said.startswith("autodiff: error: ")
            assert len(said.splitlines()) == 1


def test_a_model_that_cannot_be_saved_where_it_should_is_saved_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = files.save

    def full(model: nn.Module, path: Any) -> Path:
        if Path(path).parent == tmp_path:
            raise OSError(f"cannot save {path}: No space left on device")
        return save(model, path)

    monkeypatch.setattr(files, "save", full)
    with pytest.raises(OSError, match="No space left on device; the trained model is in ") as error:
        learn_to_read(load_subset(), images=20, epochs=1, save=tmp_path / "m.npz")
    aside = Path(str(error.value).rpartition(" is in ")[2])
    assert len(files.load(aside).parameters()) == 33_450
    aside.unlink()
    aside.parent.rmdir()


def test_a_checkpoint_that_cannot_be_written_does_not_cost_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "run.npz")

    monkeypatch.setattr(Checkpoint, "write", full)
    monkeypatch.chdir(tmp_path)
    assert main([*TRAIN, "--checkpoint", "run.npz"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "autodiff: error: run.npz: No space left on device; what was learned so far is in m.npz"
    )
    assert (tmp_path / "m.npz").is_file()


def test_a_second_ctrl_c_does_not_cost_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one ends training; the second one comes while the result is measured."""

    def ctrl_c(*arguments: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("autodiff.digits.reading._result", ctrl_c)
    monkeypatch.chdir(tmp_path)
    assert main(TRAIN) == 130
    assert (tmp_path / "m.npz").is_file()


def test_the_demo_needs_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["demo", "-o", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err == (
        f"autodiff: error: --output: expected a folder, got the file {tmp_path / 'file'}\n"
    )
    assert main(["demo", "-o", str(tmp_path / "file" / "pictures")]) == 2
    assert "Errno" not in capsys.readouterr().err


# ---------------------------------------------------------------------------------- the library


class Broken(io.StringIO):
    """A stream that takes so many texts, and then no more."""

    def __init__(self, most: int, error: Exception) -> None:
        super().__init__()
        self.left, self.error = most, error

    def write(self, text: str) -> int:
        self.left -= 1
        if self.left < 0:
            raise self.error
        return super().write(text)


class Terminal(Broken):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("kind", [Broken, Terminal])
@pytest.mark.parametrize("most", [0, 1, 3])
@pytest.mark.parametrize(
    "error", [BrokenPipeError(errno.EPIPE, "x"), OSError(5, "x"), ValueError()]
)
def test_training_goes_on_where_its_bar_cannot_be_seen(
    kind: Any, most: int, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", kind(most, error))
    assert len(fit(nn.MLP(4, [2], seed=0), DATA, epochs=3, engine="eager").epochs) == 3


def test_training_without_a_console(monkeypatch: pytest.MonkeyPatch) -> None:
    """So it is in programs with windows on Windows."""
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", None)
    assert len(fit(nn.MLP(4, [2], seed=0), DATA, epochs=1, engine="eager").epochs) == 1
    with steady_output() as (output, _):
        print("nobody hears this")
        assert not output.isatty()
        assert not output.is_lost


def test_a_steady_stream_is_the_stream_until_it_breaks() -> None:
    inner = Broken(2, OSError(errno.ENOSPC, "full"))
    stream = SteadyStream(inner)
    for text in ("a", "b", "c", "d"):
        assert stream.write(text) == 1
    stream.flush()
    assert inner.getvalue() == "ab"
    assert stream.is_lost
    closed = SteadyStream(io.StringIO())
    closed._stream.close()  # type: ignore[union-attr]
    closed.write("x")
    assert not closed.is_lost
    assert not closed.isatty()


# ------------------------------------------------------------------------------------- the line


def train_shortly(**options: Any) -> None:
    fit(nn.MLP(4, [2], seed=0), DATA, DATA, batch_size=1, epochs=15, engine="eager", **options)


@pytest.mark.parametrize(
    ("loss", "ending"),
    [
        ("cross_entropy", r"loss \d\.\d{3}, accuracy \d+\.\d%, validation \d+\.\d%"),
        (lambda outputs, label: outputs[0] ** 2, r"loss \d\.\d{3}, .*validation .*"),
    ],
)
def test_without_a_terminal_there_is_one_plain_line_for_each_epoch(
    loss: Any, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    train_shortly(loss=loss)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 15
    for i, line in enumerate(lines, start=1):
        assert re.fullmatch(f"epoch {i}/15: {ending}", line)


@ON_POSIX
def test_on_a_terminal_of_80_columns_the_accuracies_are_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import fcntl
    import pty
    import termios

    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    drawn: list[bytes] = []
    watching = threading.Thread(target=lambda: drawn.extend(read_until_closed(screen)))
    watching.start()
    with os.fdopen(terminal, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        train_shortly()
    watching.join()
    os.close(screen)
    lines = [line.strip() for line in re.split(r"[\r\n]+", b"".join(drawn).decode())]
    last = [line for line in lines if line.startswith("epoch 15/15")][-1]
    assert re.fullmatch(
        r"epoch 15/15 \|█{5,}\| \d\d:\d\d<00:00, loss \d\.\d{3}, accuracy \d+\.\d%, "
        r"validation \d+\.\d%", last,
    )  # fmt: skip
    assert max(map(len, lines)) <= 80


def read_until_closed(screen: int) -> Iterator[bytes]:
    with suppress(OSError):  # so says Linux that the other side was closed
        while block := os.read(screen, 1 << 16):
            yield block
