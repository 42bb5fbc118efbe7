"""Recording: what happens to operations, and in which scope, here and now.

The state is a context variable, so that threads and tasks do not disturb each other.
"""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import NoReturn

TRACING = "tracing"
"""Recording structure alone: operations are not evaluated, because the numbers come later."""

_context: ContextVar[tuple[str, bool | str]] = ContextVar("recording", default=("", True))
"""The current scope, and whether operations are recorded: True, False or TRACING."""

recording_now = _context.get


@contextmanager
def _recording(scope: str, records: bool | str) -> Iterator[None]:
    token = _context.set((scope, records))
    try:
        yield
    finally:
        _context.reset(token)


def scope(name: str) -> AbstractContextManager[None]:
    """Nodes made inside remember ``name``; scopes nest, as ``"layer1/neuron3"``.

    >>> from autodiff import Value
    >>> with scope("layer1"), scope("neuron3"):
    ...     Value(1.0).scope
    'layer1/neuron3'
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f"scope() expected a name, a non-empty string, got {name!r}")
    outer, records = recording_now()
    return _recording(f"{outer}/{name}" if outer else name, records)


def no_grad() -> AbstractContextManager[None]:
    """Operations inside compute values but record nothing: their results are constants.

    >>> from autodiff import Value
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.parents
    (9.0, ())
    """
    scope, records = recording_now()
    if records is TRACING:
        raise TypeError("no_grad() has no meaning inside a compiled function; leave it out")
    return _recording(scope, False)


def recording() -> AbstractContextManager[None]:
    """Operations inside are recorded, even within :func:`no_grad`."""
    scope, records = recording_now()
    return _recording(scope, records or True)


def tracing() -> AbstractContextManager[None]:
    """Operations inside are recorded but not evaluated; see :mod:`autodiff.compiler`."""
    return _recording("", TRACING)


def is_tracing() -> bool:
    """Whether a function is being traced just now."""
    return recording_now()[1] is TRACING


def refuse_while_tracing(complaint: str) -> NoReturn:
    """Raise a TypeError that names the user's line."""
    frame: FrameType | None = sys._getframe(1)
    internal = ("autodiff", "numpy")
    while frame is not None and frame.f_globals.get("__name__", "").startswith(internal):
        frame = frame.f_back
    where = ""
    if frame is not None:
        path, line = frame.f_code.co_filename, frame.f_lineno
        where = f"line {line} of {path}, `{linecache.getline(path, line).strip()}`, "
    raise TypeError(f"{where or 'a compiled function '}{complaint}")
