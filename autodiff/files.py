"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path


def write_whole(content: bytes, path: Path) -> None:
    """Write a file beside its place and then put it there, so that no half of it is ever seen.

    A link stays a link, and a file that is replaced keeps its permissions.

    Raises:
        FileNotFoundError, IsADirectoryError: see :func:`check_place`.
        OSError: if the folder cannot be written to, or the disk is full; what was there stays.
    """
    check_place(path)
    path = path.resolve()
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


def check_place(path: Path) -> None:
    """Raise an error in one sentence unless a file of this name could be there.

    Raises:
        FileNotFoundError, IsADirectoryError: if there is no such folder, or a folder in its place.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot save {path.name}: there is no folder {path.parent}")
    if path.is_dir():
        raise IsADirectoryError(f"cannot save {path.name}: there is a folder of that name")
