"""Processes: one run on several machines, which JAX connects.

Every process is given the same examples and draws the same batches; each computes its devices'
share of them. The first one, the leader, prints, and keeps the model and the checkpoint.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from autodiff.compiler.targets import JAX
from autodiff.optim import Optimizer
from autodiff.training.checkpoints import Checkpoint, State
from autodiff.value import Value

HEARTBEAT = 10
"""Seconds after which a process that is not heard of counts as lost."""
MEETING = 60
"""Seconds within which all processes must have started."""


def join(coordinator: str, processes: int, rank: int) -> None:
    """Meet the other processes of a run, and wait until all are there.

    Args:
        coordinator: the address at which process 0 can be reached, HOST:PORT.
        processes: how many there are.
        rank: the number of this one, from 0.

    If they do not come within a minute, this process says so and ends: while JAX waits, no error
    can be raised.

    Raises:
        ValueError: if an argument is not such.
    """
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"--coordinator: expected HOST:PORT of rank 0, got {coordinator!r}")
    if not 0 <= rank < processes:
        raise ValueError(f"--rank: expected 0 to {processes - 1}, got {rank}")
    JAX.check(np.dtype(np.float32))
    import jax

    jax.config.update("jax_enable_recoverability", True)  # a lost process is an error, no abort
    patience = threading.Timer(MEETING, _give_up, [coordinator, processes])
    patience.daemon = True
    patience.start()
    try:
        jax.distributed.initialize(
            coordinator,
            processes,
            rank,
            initialization_timeout=2 * MEETING,
            heartbeat_timeout_seconds=HEARTBEAT,
        )
    finally:
        patience.cancel()


def _give_up(coordinator: str, processes: int) -> None:
    print(
        f"autodiff: error: the {processes} processes did not meet at {coordinator} within "
        f"{MEETING} seconds; start the same command on every machine, with --rank 0 to "
        f"{processes - 1}",
        file=sys.stderr,
        flush=True,
    )
    os._exit(2)


def is_leader() -> bool:
    """Whether this process prints and keeps files: the first one, or the only one."""
    return _count() == 1 or sys.modules["jax"].process_index() == 0


def _count() -> int:
    """How many processes there are; JAX alone knows of others."""
    jax: Any = sys.modules.get("jax")
    return jax.process_count() if jax is not None and _is_connected(jax) else 1


def _is_connected(jax: Any) -> bool:
    return bool(jax.distributed.is_initialized())


def check_agreement(run: dict[str, Any]) -> None:
    """Raise an error unless every process was given the same run, of which each does a part."""
    if _count() == 1:
        return
    from jax.experimental import multihost_utils

    own = np.int32(zlib.crc32(json.dumps(run, sort_keys=True).encode()) >> 1)
    if len(set(multihost_utils.process_allgather(own).tolist())) > 1:
        raise ValueError(
            "the processes of a run need the same data and options, but for their rank; start the "
            "same command on every machine"
        )


@contextmanager
def lost_processes_said() -> Iterator[None]:
    """Inside, an error of JAX because another process is gone becomes one sentence."""
    try:
        yield
    except RuntimeError:
        if _count() == 1:
            raise
        raise ConnectionError(
            "another process of this run was lost; start all of them again, and the run goes on "
            "from its checkpoint if it has one"
        ) from None


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
        """What the leader's file holds, on every process."""
        from jax.experimental import multihost_utils

        own = super().content() if is_leader() else None
        size = multihost_utils.broadcast_one_to_all(np.int32(-1 if own is None else len(own)))
        if size < 0:
            return None
        sent = np.zeros(int(size), np.uint8) if own is None else np.frombuffer(own, np.uint8)
        return np.asarray(multihost_utils.broadcast_one_to_all(sent), np.uint8).tobytes()


def checkpoint_of(given: Checkpoint | str | os.PathLike[str]) -> Checkpoint:
    """A checkpoint, shared where there are several processes."""
    own = given if isinstance(given, Checkpoint) else Checkpoint(Path(given))
    return SharedCheckpoint(own.path, own.seconds) if _count() > 1 else own
