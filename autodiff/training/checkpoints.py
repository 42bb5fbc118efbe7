"""Checkpoints: all that a run needs to go on as if nothing had happened.

A checkpoint is written whole or not at all. A run that was killed and goes on from its checkpoint
ends with the same parameters as one that was not.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff.files import check_place, read_arrays, write_whole
from autodiff.optim import Optimizer
from autodiff.training.history import Epoch
from autodiff.value import Value


@dataclass
class State:
    """The position of a run in its training.

    Attributes:
        epoch, batch: how many are finished, epochs in all and batches of the present epoch.
        loss, right, seen: sums over the present epoch.
        order: the state of the generator before the present epoch's order was drawn.
        draws: its present state.
        epochs: what was measured so far.
        best: the parameters with the best validation loss so far, if they are kept.
        best_loss, waited: that loss, and the epochs since.
        stopped: why the run was stopped, in words.
    """

    epoch: int = 0
    batch: int = 0
    loss: float = 0.0
    right: float = 0.0
    seen: int = 0
    order: dict[str, Any] = field(default_factory=dict)
    draws: dict[str, Any] = field(default_factory=dict)
    epochs: list[Epoch] = field(default_factory=list)
    best: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    best_loss: float = float("inf")
    waited: int = 0
    stopped: str = ""


class Checkpoint:
    """A file in which a run is kept.

    Args:
        path: must end in ``.npz``. If the file is there, training goes on from it.
        seconds: at least so much time passes between two writes; one is always made at the end of
            an epoch, and at Ctrl-C.

    Raises:
        ValueError: if the name ends otherwise.
        FileNotFoundError: if there is no such folder.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Checkpoint(f"{folder}/run.npz", seconds=60).is_due
    False
    """

    def __init__(self, path: str | os.PathLike[str], seconds: float = 30.0) -> None:
        self.path = Path(path)
        if self.path.suffix != ".npz":
            raise ValueError(
                f"expected a checkpoint's name that ends in .npz, got {self.path.name!r}"
            )
        check_place(self.path)
        self.seconds = seconds
        self._last = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether enough time has passed since the last write."""
        return time.monotonic() - self._last >= self.seconds

    def write(
        self, state: State, run: dict[str, Any], values: Sequence[Value], optimizer: Optimizer
    ) -> None:
        """Keep a run.

        Args:
            state: where it is.
            run: what must be the same when it goes on.
            values: the parameters in a fixed order.
            optimizer: what it remembers, in an order of its own.
        """
        place = {value: i for i, value in enumerate(optimizer.parameters)}
        order = [place[value] for value in values if value in place]
        numbers = {f"remembered_{name}": vector[order] for name, vector in optimizer.state.items()}
        words = {name: value for name, value in vars(state).items() if name != "best"}
        file = io.BytesIO()
        np.savez(
            file,
            parameters=np.array([value.data for value in values], float),
            best=state.best,
            words=np.array(json.dumps({"run": run, "steps": optimizer.steps, **words})),
            **numbers,  # type: ignore[arg-type]
        )
        write_whole(file.getvalue(), self.path)
        self._last = time.monotonic()

    def read(
        self, run: dict[str, Any], values: Sequence[Value], optimizer: Optimizer
    ) -> State | None:
        """Return the state of the run in the file, and set the parameters; None without a file.

        Raises:
            ValueError: if the file holds no run, or another one; it names the first difference.
        """
        content = self.content()
        if content is None:
            return None
        try:
            found = _unpacked(content)
        except Exception as error:  # what was not written by this module can be anything at all
            raise ValueError(
                f"{self.path.name} is no checkpoint; remove it, or name another file "
                f"({_line(error)})"
            ) from None
        if not found.state.draws:
            return None  # the run was stopped before its first step
        theirs = found.run
        for name, ours in run.items():
            if theirs.get(name) != ours:
                raise ValueError(
                    f"{self.path.name} holds another run: {name} is {_line(theirs.get(name))} "
                    f"there and {ours} here; remove it to start anew, or name another file"
                )
        place = {value: i for i, value in enumerate(optimizer.parameters)}
        order = [place[value] for value in values if value in place]
        self._check_sizes(found, len(values), len(order), optimizer)
        for value, number in zip(values, found.parameters.tolist(), strict=True):
            value.data = number
        for name, vector in optimizer.state.items():
            vector[order] = found.remembered[name]
        optimizer.steps = found.steps
        return found.state

    def content(self) -> bytes | None:
        """Return the content of the file; None if there is none."""
        return self.path.read_bytes() if self.path.is_file() else None

    def _check_sizes(
        self, found: _Unpacked, count: int, trained: int, optimizer: Optimizer
    ) -> None:
        """Check that what was read fits, before anything is changed."""
        vectors = [(found.parameters, count)]
        vectors += [(found.remembered.get(n, _NONE), trained) for n in optimizer.state]
        if found.state.best.size:
            vectors.append((found.state.best, count))
        if any(v.shape != (size,) or not np.isfinite(v).all() for v, size in vectors):
            raise ValueError(
                f"{self.path.name} holds numbers that do not fit this run; remove it to start anew"
            )


_NONE = np.zeros(0)


class _Unpacked(NamedTuple):
    """A checkpoint as it stands in its file."""

    state: State
    run: dict[str, Any]
    steps: int
    parameters: NDArray[np.float64]
    remembered: dict[str, NDArray[np.float64]]


def _unpacked(content: bytes) -> _Unpacked:
    arrays = read_arrays(io.BytesIO(content))
    words = json.loads(str(arrays.pop("words")))
    numbers = {name: _vector(name, array) for name, array in arrays.items()}
    run, steps = dict(words.pop("run")), _whole("steps", words.pop("steps"))
    epochs = [Epoch(*map(_real, numbers)) for numbers in words.pop("epochs")]
    parameters, best = numbers.pop("parameters"), numbers.pop("best")
    if {*words, "epochs", "best"} != {part.name for part in fields(State)}:
        raise ValueError("it says less or more than where a run is")
    state = State(**words, epochs=epochs, best=best)
    _check_state(state)
    remembered = {name.removeprefix("remembered_"): a for name, a in numbers.items()}
    return _Unpacked(state, run, steps, parameters, remembered)


def _check_state(state: State) -> None:
    """Raise an error unless each of its parts is what :class:`State` says."""
    for name in ("epoch", "batch", "seen", "waited"):
        _whole(name, getattr(state, name))
    for name in ("loss", "right", "best_loss"):
        _real(getattr(state, name))
    if not isinstance(state.stopped, str) or len(state.epochs) != state.epoch:
        raise ValueError("it says what no run says")
    for generator in (state.order, state.draws):
        if generator or state.epoch or state.batch:
            np.random.default_rng().bit_generator.state = generator


def _line(anything: Any) -> str:
    """Return text from a file of unknown origin in one line, and not a long one."""
    return " ".join(str(anything)[:500].split())


def _vector(name: str, array: NDArray[Any]) -> NDArray[np.float64]:
    if array.dtype.kind != "f" or array.ndim != 1:
        raise ValueError(f"{name} should be real numbers in one row")
    return array.astype(float)


def _whole(name: str, number: Any) -> int:
    if type(number) is not int or not 0 <= number < 1 << 53:
        raise ValueError(f"{name} should be a whole number")
    return number


def _real(number: Any) -> float:
    if type(number) not in (int, float):
        raise ValueError("a measurement should be a number")
    return float(number)
