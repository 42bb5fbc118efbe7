"""Files in the format that their suffix names."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

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


def one_of(words: list[str] | tuple[str, ...]) -> str:
    """The words as a choice: ``"a, b or c"``."""
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
