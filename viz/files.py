"""Files that are written whole or not at all, in the format that their suffix names."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Mapping
from pathlib import Path


def save(path: str | os.PathLike[str], formats: Mapping[str, Callable[[], bytes]]) -> Path:
    """Write what the suffix of a file asks for.

    Args:
        path: where to; a file that is there already is replaced.
        formats: for every known suffix, without its dot, what makes the content.

    Raises:
        ValueError: if the suffix is not a known one.
        FileNotFoundError, IsADirectoryError: if there is no such folder, or a folder in its place.
        OSError: if the folder cannot be written to, or the disk is full.
    """
    path = Path(path)
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in formats:
        known = one_of([f".{format}" for format in formats])
        raise ValueError(f"expected a file name that ends in {known}, got {path.name!r}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot save {path.name}: there is no folder {path.parent}")
    if path.is_dir():
        raise IsADirectoryError(f"cannot save {path.name}: there is a folder of that name")
    _write_whole(formats[suffix](), path)
    return path


def one_of(words: list[str] | tuple[str, ...]) -> str:
    """The words as a choice: ``"a, b or c"``."""
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def _write_whole(content: bytes, path: Path) -> None:
    path = path.resolve()  # a link stays a link
    part = path.with_name(f".{path.name[:50]}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        part.write_bytes(content)
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(f"cannot save {path}: {error.strerror}") from None
    except BaseException:
        part.unlink(missing_ok=True)
        raise
