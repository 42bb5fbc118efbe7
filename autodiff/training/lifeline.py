"""Lifeline: connections between the processes of a run, which break when one of them is lost.

While JAX waits for a process that is gone, no error can be raised; so a thread watches.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time

MEETING = 60.0
"""Seconds within which all processes must have started."""
GRACE = 5.0
"""Seconds that a process has to end by itself when another ended with an error."""
_GOODBYE, _FAILED = b".", b"!"


class Lifeline:
    """A connection of every process with the first one, to which all others connect.

    Args:
        host, port: where the first process listens.
        processes: how many there are.
        rank: the number of this one, from 0.

    Raises:
        ConnectionError: if they do not meet within a minute.
    """

    def __init__(self, host: str, port: int, processes: int, rank: int) -> None:
        try:
            if rank == 0:
                self._connections = _accepted(port, processes - 1)
            else:
                self._connections = [_connected(host, port)]
        except OSError as error:
            raise ConnectionError(
                f"the {processes} processes did not meet at {host}:{port} within {MEETING:.0f} "
                "seconds; start the same command on every machine, with --rank 0 to "
                f"{processes - 1} ({error})"
            ) from None
        self._code: int | None = None
        for connection in self._connections:
            _keep_alive(connection)
            threading.Thread(target=self._watch, args=[connection], daemon=True).start()

    def leave(self, code: int) -> None:
        """Say that this process ends, as it should (0) or with another exit code."""
        self._code = code
        for connection in self._connections:
            try:
                connection.sendall(_FAILED if code else _GOODBYE)
            except OSError:
                continue  # it ended before

    def _watch(self, connection: socket.socket) -> None:
        """Wait until the other process ends; if not as it should, end this one."""
        try:
            received = connection.recv(1)
        except OSError:
            received = b""
        if received == _GOODBYE:
            return
        if received == _FAILED:  # perhaps so does this one
            time.sleep(GRACE)
        if self._code is None:
            print(f"autodiff: error: {LOST}", file=sys.stderr, flush=True)
        os._exit(self._code or 2)


def _accepted(port: int, count: int) -> list[socket.socket]:
    deadline = time.monotonic() + MEETING
    connections = []
    with socket.create_server(("", port)) as server:
        for _ in range(count):
            server.settimeout(max(0.1, deadline - time.monotonic()))
            connections.append(server.accept()[0])
    return connections


def _connected(host: str, port: int) -> socket.socket:
    """The first process may start later than this one."""
    deadline = time.monotonic() + MEETING
    while True:
        try:
            return socket.create_connection((host, port), timeout=5)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _keep_alive(connection: socket.socket) -> None:
    """Notice within half a minute if a machine or its network is gone."""
    connection.settimeout(None)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, number in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), number)


LOST = (
    "another process of this run was lost; start all of them again, and the run goes on from its "
    "checkpoint if it has one"
)
