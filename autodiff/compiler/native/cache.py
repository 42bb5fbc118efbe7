"""Cache: machine code kept on disk, so that the next process need not compile it again.

It lies in the user's folder for caches, or where the environment variable ``AUTODIFF_CACHE`` says;
set to nothing, it keeps none. A file is named after everything that its code depends on, and holds
a checksum: one that is damaged is compiled again. Files are put in place whole, so that processes
may share the folder.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

from autodiff.files import write_whole

log = logging.getLogger("autodiff.compiler")

MOST_BYTES = 256 << 20
"""Largest size of the cache; beyond it the least recently used files are removed."""
_CHECKSUM = hashlib.sha256().digest_size


def cache_folder() -> Path | None:
    """Return the folder where machine code is kept; None if it is not kept.

    >>> os.environ["AUTODIFF_CACHE"] = ""
    >>> cache_folder() is None
    True
    """
    chosen = os.environ.get("AUTODIFF_CACHE")
    if chosen is not None:
        return Path(os.path.expanduser(chosen)) if chosen else None
    try:
        from platformdirs import user_cache_path  # comes with llvmlite, as the extra "native"
    except ImportError:
        return None
    return user_cache_path("autodiff", appauthor=False)


def kept_bytes() -> int:
    """Return the size of the machine code that is kept."""
    folder = cache_folder()
    if folder is None or not folder.is_dir():
        return 0
    return sum(path.stat().st_size for path in _files(folder))


def _files(folder: Path) -> list[Path]:
    """The files that are named after what they depend on, and nobody else's."""
    return [path for path in folder.glob("[0-9a-f]" * 64 + ".o") if path.is_file()]


def clear_cache() -> int:
    """Remove all machine code that is kept, and give the number of bytes."""
    return _remove_oldest(0)


def kept(depends_on: str, make: Callable[[], bytes]) -> bytes:
    """The code that was kept under this text, or that is made, and kept from now on."""
    folder = cache_folder()
    if folder is None:
        return make()
    path = folder / f"{hashlib.sha256(depends_on.encode()).hexdigest()}.o"
    code = _read(path)
    if code is None:
        code = make()
        _write(path, code)
    return code


def _read(path: Path) -> bytes | None:
    try:
        found = path.read_bytes()
        code = found[_CHECKSUM:]
        if hashlib.sha256(code).digest() != found[:_CHECKSUM]:
            log.info("%s is damaged; compiling again", path)
            return None
        os.utime(path)  # used now
    except OSError:
        return None
    return code


def _write(path: Path, code: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(hashlib.sha256(code).digest() + code, path)
        _remove_oldest(MOST_BYTES)
    except OSError as error:
        log.info("machine code was not kept: %s", error)


def _remove_oldest(most_bytes: int) -> int:
    """Remove the files that were not used for longest, down to so many bytes."""
    folder = cache_folder()
    if folder is None or not folder.is_dir():
        return 0
    found = []
    for path in _files(folder):
        try:
            state = path.stat()
        except OSError:  # another process removed it
            continue
        found.append((state.st_mtime, state.st_size, path))
    total, removed = sum(size for _, size, _ in found), 0
    for _, size, path in sorted(found):
        if total - removed <= most_bytes:
            break
        path.unlink(missing_ok=True)
        removed += size
    return removed
