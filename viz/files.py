"""Files in the format that their suffix names, and pages that a browser opens."""

from __future__ import annotations

import os
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from autodiff.files import check_place, write_whole


def save(path: str | os.PathLike[str], formats: Mapping[str, Callable[[], bytes]]) -> Path:
    """Write what the suffix of a file asks for, whole or not at all.

    Args:
        path: where to; a file that is there already is replaced.
        formats: for every known suffix, without its dot, what makes the content.

    Raises:
        TypeError: if the path is no name of a file.
        ValueError: if the suffix is not a known one.
        FileNotFoundError, IsADirectoryError: if there is no such folder, or a folder in its place.
        OSError: if the folder cannot be written to, or the disk is full.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"expected a file name, got {type(path).__name__} {path!r:.40}")
    path = Path(path)
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in formats:
        known = one_of([f".{format}" for format in formats])
        raise ValueError(f"expected a file name that ends in {known}, got {path.name!r}")
    check_place(path)
    write_whole(formats[suffix](), path)
    return path


def show(thing: object, page: Callable[[], str]) -> None:
    """Show something under the cell of a notebook, else as a page in a browser.

    Args:
        thing: what is shown; a notebook knows how.
        page: makes a web page of it, which stays in the folder for temporary files.

    Raises:
        RuntimeError: if there is no browser.
    """
    if _is_notebook():
        from IPython.display import display

        display(thing)  # type: ignore[no-untyped-call]
        return
    with tempfile.NamedTemporaryFile(prefix="viz-", suffix=".html", delete=False) as file:
        file.write(page().encode())
    if not webbrowser.open(Path(file.name).as_uri()):
        raise RuntimeError(
            f"there is no browser to show it; the page is {file.name}; or save it as .svg or .png"
        )


def _is_notebook() -> bool:
    """Return whether the code runs in a kernel, and not in a script or a terminal."""
    shell: Any = sys.modules.get("IPython")
    return shell is not None and hasattr(shell.get_ipython(), "kernel")


def one_of(words: list[str] | tuple[str, ...]) -> str:
    """The words as a choice: ``"a, b or c"``."""
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
