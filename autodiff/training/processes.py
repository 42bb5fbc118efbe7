"""Processes: one run on several machines, which JAX connects.

Every process is given the same examples and draws the same batches; each computes its devices'
share of them. The first one, the leader, prints, and keeps the model and the checkpoint.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from autodiff.compiler.targets import JAX
from autodiff.optim import Optimizer
from autodiff.training.checkpoints import Checkpoint, State
from autodiff.training.lifeline import LOST, Lifeline
from autodiff.value import Value


def join(coordinator: str, processes: int, rank: int) -> Lifeline:
    """Meet the other processes of a run, and wait until all are there.

    Args:
        coordinator: the address at which process 0 can be reached, HOST:PORT; the port below is
            used, too.
        processes: how many there are.
        rank: the number of this one, from 0.

    Raises:
        ValueError: if an argument is not such.
        ConnectionError: if they do not meet within a minute.
    """
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ValueError(f"--coordinator: expected HOST:PORT of rank 0, got {coordinator!r}")
    if not 0 <= rank < processes:
        raise ValueError(f"--rank: expected 0 to {processes - 1}, got {rank}")
    JAX.check(np.dtype(np.float32))
    import jax

    if rank == 0:
        _check_free(int(port))
    lifeline = Lifeline(host, int(port) - 1, processes, rank)
    jax.distributed.initialize(coordinator, processes, rank)
    return lifeline


def _check_free(port: int) -> None:
    """JAX itself crashes where another program has the port."""
    try:
        socket.create_server(("", port)).close()
    except OSError as error:
        raise ConnectionError(
            f"port {port} of this machine is not free ({error}); choose another --coordinator"
        ) from None


def is_leader() -> bool:
    """Whether this process prints and keeps files: the first one, or the only one."""
    return _count() == 1 or sys.modules["jax"].process_index() == 0


def _count() -> int:
    """Return the number of processes; JAX alone knows of others."""
    jax: Any = sys.modules.get("jax")
    is_connected = jax is not None and jax.distributed.is_initialized()
    return jax.process_count() if is_connected else 1


def check_agreement(run: dict[str, Any]) -> None:
    """Raise an error unless every process was given the same run, of which each does a part."""
    from jax.experimental import multihost_utils

    own = np.int32(zlib.crc32(json.dumps(run, sort_keys=True).encode()) >> 1)
    if len(set(multihost_utils.process_allgather(own).tolist())) > 1:
        raise ValueError(
            "the processes of a run need the same data and options, but for their rank; start the "
            "same command on every machine"
        )


@contextmanager
def naming_lost_processes() -> Iterator[None]:
    """Inside, an error of JAX because another process is gone becomes one sentence."""
    try:
        yield
    except RuntimeError as error:
        if type(error).__name__ != "JaxRuntimeError":
            raise
        raise ConnectionError(LOST) from error


class SharedCheckpoint(Checkpoint):
    """A checkpoint in a file of the leader, from which every process goes on."""

    @property
    def is_due(self) -> bool:
        """Whether the leader is to write it."""
        return is_leader() and super().is_due

    def write(
        self, state: State, run: dict[str, Any], values: Sequence[Value], optimizer: Optimizer
    ) -> None:
        """Keep the run, in the leader's file."""
        if is_leader():
            super().write(state, run, values, optimizer)

    def content(self) -> bytes | None:
        """Return the content of the leader's file, on every process."""
        from jax.experimental import multihost_utils

        own = super().content() if is_leader() else None
        size = multihost_utils.broadcast_one_to_all(np.int32(-1 if own is None else len(own)))
        if size < 0:
            return None
        sent = np.zeros(int(size), np.uint8) if own is None else np.frombuffer(own, np.uint8)
        return np.asarray(multihost_utils.broadcast_one_to_all(sent), np.uint8).tobytes()


def checkpoint_of(given: Checkpoint | str | os.PathLike[str], is_shared: bool) -> Checkpoint:
    """A checkpoint of one process, or of several."""
    own = given if isinstance(given, Checkpoint) else Checkpoint(Path(given))
    return SharedCheckpoint(own.path, own.seconds) if is_shared else own


def are_several() -> bool:
    """Whether this process was connected with others."""
    return _count() > 1
