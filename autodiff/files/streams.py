"""Streams: what is printed where nobody may be listening any more."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO

_HANG_UP = (errno.EPIPE, errno.EINVAL)
"""Error numbers of a pipe whose reader is gone; the second one is Windows'."""


class SteadyStream(io.TextIOBase):
    """A stream of text that never fails: what cannot be written any more is dropped.

    So a reader that closes its end (``| head -1``) or a full disk ends no work.

    Args:
        stream: where the text goes; None, as ``sys.stderr`` is in a program without a console,
            drops all of it.

    Attributes:
        failure: why the stream could not be written to; None if it could.

    >>> stream = SteadyStream(None)
    >>> print("nobody hears this", file=stream)
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.failure: OSError | None = None

    @property
    def is_lost(self) -> bool:
        """Whether text was dropped although somebody was to read it."""
        return self.failure is not None and self.failure.errno not in _HANG_UP

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Encoding of the text."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def writable(self) -> bool:
        """Return True: it always takes text."""
        return True

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:  # closed
            return False

    def fileno(self) -> int:
        """Return the number of the file; OSError if there is none."""
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Write some text, or drop it."""
        if self._stream is not None and self.failure is None:
            try:
                self._stream.write(text)
            except (OSError, ValueError) as error:
                self._fail(error)
        return len(text)

    def flush(self) -> None:
        """Write what was held back, or drop it."""
        if self._stream is not None and self.failure is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._fail(error)

    def _fail(self, error: OSError | ValueError) -> None:
        """Remember the reason; ValueError says that the stream was closed."""
        if isinstance(error, OSError):
            self.failure = error
        else:
            self.failure = OSError(errno.EPIPE, str(error))

    def drop_the_rest(self) -> None:
        """Flush; if that is not possible, let Python's own flush at its end go nowhere."""
        self.flush()
        if self.failure is not None:
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self.fileno())
                os.close(nowhere)


@contextlib.contextmanager
def steady_output() -> Iterator[tuple[SteadyStream, SteadyStream]]:
    """Inside, standard output and standard error never fail.

    Yields:
        Both.
    """
    output, errors = SteadyStream(sys.stdout), SteadyStream(sys.stderr)
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            yield output, errors
        finally:
            output.drop_the_rest()
            errors.drop_the_rest()
