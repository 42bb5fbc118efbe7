"""Bar: how far an epoch is, in one line."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType

from tqdm import tqdm

from autodiff.files import SteadyStream

_FORMAT = "{desc} |{bar}| {elapsed}<{remaining}{postfix}"
"""Short, so that loss and accuracies are seen on a terminal of 80 columns."""


class EpochBar:
    """A bar on a terminal; elsewhere one plain line when the epoch is finished.

    A stream that breaks, or is not there, ends no training.

    Args:
        name: of the epoch.
        total, done: how many examples it has, and how many of them were met before.
        is_shown: whether there is anything to be seen.

    >>> with EpochBar("epoch 1/2", total=100, is_shown=False) as bar:
    ...     _ = bar.update(100)
    ...     bar.finish({"loss": "0.123"})
    """

    def __init__(self, name: str, total: int, done: int = 0, is_shown: bool = True) -> None:
        self._name, self._stream = name, SteadyStream(sys.stderr)
        self._is_plain = is_shown and not self._stream.isatty()
        self._bar = tqdm(
            total=total, initial=done, desc=name, file=self._stream, bar_format=_FORMAT,
            dynamic_ncols=True, disable=not is_shown or self._is_plain,
        )  # fmt: skip

    def __enter__(self) -> EpochBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def update(self, count: int) -> bool:
        """Count examples that were met; True if :meth:`show` would be seen now."""
        return bool(self._bar.update(count))

    def show(self, measured: Mapping[str, str]) -> None:
        """Have what was measured so far in the line from its next update on."""
        self._bar.set_postfix_str(_line(measured), refresh=False)

    def finish(self, measured: Mapping[str, str]) -> None:
        """Show what was measured in the whole epoch."""
        self._bar.set_postfix_str(_line(measured))
        if self._is_plain:
            self._stream.write(f"{self._name}: {_line(measured)}\n")
            self._stream.flush()


def _line(measured: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in measured.items())
