"""Startup: Ctrl-C ends a command quietly, also while Python still imports it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType


def _is_command() -> bool:
    """Whether this program is ``autodiff ...`` or ``python -m autodiff ...``, and no other."""
    given = [*sys.orig_argv, "", ""]
    is_module = "-m" in given and given[given.index("-m") + 1] == "autodiff"
    return is_module or Path(sys.argv[0] if sys.argv else "").stem == "autodiff"


def _say_stopped(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    elif sys.stderr is not None:
        print("autodiff: stopped", file=sys.stderr)


if _is_command():
    sys.excepthook = _say_stopped
