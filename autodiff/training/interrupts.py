"""Interrupts: Ctrl-C that waits until work is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def patient_interrupts() -> Iterator[Callable[[], bool]]:
    """Inside, a first Ctrl-C is only noted, so that the work at hand can be finished.

    A second one raises KeyboardInterrupt at once. In threads, and where the program has a way of
    its own to treat Ctrl-C, nothing is changed.

    Yields:
        A function that says whether there was a Ctrl-C.
    """
    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    noted = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal noted
        if noted:
            signal.default_int_handler(number, frame)
        noted = True

    if is_ours:
        signal.signal(signal.SIGINT, note)
    try:
        yield lambda: noted
    finally:
        if is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
