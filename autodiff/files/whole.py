"""Files that are written whole or not at all."""

from __future__ import annotations

import itertools
import os
import platform
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

_HOST = re.sub(r"[^\w-]", "-", platform.node()) or "here"
_PART = re.compile(r"\..+\.(?P<host>[\w-]+)\.(?P<process>\d+)\.\d+\.part")
_numbers = itertools.count()
_DAY = 24 * 3600.0


def write_whole(content: bytes, path: Path) -> None:
    """Write a file beside its place and then put it there, so that no half of it is ever seen.

    It is on the disk before it takes its place, so that it outlives a power cut. A link stays a
    link, and a file that is replaced keeps its permissions. What a killed process left unfinished
    in the same folder is removed.

    Raises:
        FileNotFoundError, IsADirectoryError: see :func:`check_place`.
        OSError: if the folder cannot be written to, or the disk is full; what was there stays.
    """
    _check_folder(path)
    path = path.resolve()
    _remove_left_over(path.parent)
    part = _part_of(path)
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(f"cannot save {path}: {error.strerror}") from None
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def check_place(path: Path) -> None:
    """Raise an error in one sentence unless a file of this name could be written now.

    Raises:
        FileNotFoundError, IsADirectoryError: if there is no such folder, or a folder in its place.
        OSError: if nothing can be written in the folder.
    """
    _check_folder(path)
    probe = _part_of(path.resolve())
    try:
        probe.touch()  # permissions alone do not tell: a file system may be read-only
        probe.unlink()
    except OSError as error:
        raise OSError(f"cannot save {path}: {error.strerror}") from None


def _check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot save {path.name}: there is no folder {path.parent}")
    if path.is_dir():
        raise IsADirectoryError(f"cannot save {path.name}: there is a folder of that name")


def _part_of(path: Path) -> Path:
    """Return a name that no other writer has, and that says which process writes."""
    return path.with_name(f".{path.name[:50]}.{_HOST}.{os.getpid()}.{next(_numbers)}.part")


def _remove_left_over(folder: Path) -> None:
    """Remove the unfinished files of processes that are gone."""
    with suppress(OSError):  # another process removes them, too; some folders cannot be listed
        for part in folder.glob(".*.part"):
            if _is_left_over(part):
                part.unlink(missing_ok=True)


def _is_left_over(part: Path) -> bool:
    named = _PART.fullmatch(part.name)
    if named is None:
        return False
    if named["host"] == _HOST and not _is_running(int(named["process"])):
        return True
    return time.time() - part.stat().st_mtime > _DAY  # of another machine


def _is_running(process: int) -> bool:
    if os.name == "nt":
        return True  # asking in this way would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _sync_folder(folder: Path) -> None:
    """Have the new name on the disk as well; not every system can."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
