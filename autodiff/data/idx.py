"""The IDX file format, in which MNIST was published.

Two zero bytes, one byte for the type, one for the number of dimensions, then each dimension as a
big-endian 32-bit integer, then the elements in row-major order, big-endian. (LeCun, Cortes and
Burges, The MNIST database of handwritten digits, section "File formats".)
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from autodiff.files import check_unpacked

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_MOST_DIMENSIONS = 32


def read_idx(path: str | Path) -> NDArray[Any]:
    """Read one IDX file, whatever its name.

    No more is read than its header announces, and no header may announce far more than the file
    can hold.

    Args:
        path: a file in this format, gzipped or not.

    Returns:
        An array with the shape and the element type that the file states.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not IDX, or has more or fewer bytes than its header announces.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "labels")
    ...     _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
    ...     read_idx(file)
    array([5, 0, 4], dtype=uint8)
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"expected an IDX file at {path}, found no file there")
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(2) != _GZIP_MAGIC:
            file.seek(0)
            return _parse(file, size, size, path)
        file.seek(0)
        try:
            with gzip.open(file) as unpacked:
                return _parse(cast(BinaryIO, unpacked), size, None, path)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path} is a damaged gzip file: {error}") from None


def _parse(file: BinaryIO, packed: int, size: int | None, path: Path) -> NDArray[Any]:
    """Read a file of so many bytes on the disk, and of a known size unless it is gzipped."""
    element, shape = _header(file, path)
    expected = math.prod(shape) * element.itemsize
    if size is not None and size - file.tell() != expected:
        raise _another_size(path, shape, expected, f"{size - file.tell()}")
    try:
        check_unpacked(expected, packed)
    except ValueError as error:
        raise ValueError(f"{path} announces shape {shape}, but {error}") from None
    content = file.read(expected)
    if len(content) < expected:
        raise _another_size(path, shape, expected, f"{len(content)}")
    if file.read(1):
        raise _another_size(path, shape, expected, "more")
    try:
        return np.frombuffer(content, element).reshape(shape)
    except ValueError as error:  # dimensions such as 0 × 2³² × 2³²
        raise ValueError(f"{path} announces the impossible shape {shape}: {error}") from None


def _another_size(path: Path, shape: tuple[int, ...], expected: int, found: str) -> ValueError:
    return ValueError(
        f"{path} announces shape {shape}, which is {expected} bytes of data, but holds {found}"
    )


def _header(file: BinaryIO, path: Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Read the element type and the shape."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or magic[3] == 0:
        raise ValueError(
            f"{path} is not an IDX file: expected the magic number 00 00 <type> <dimensions>, "
            f"found {magic.hex(' ') or 'an empty file'}"
        )
    if magic[3] > _MOST_DIMENSIONS:
        raise ValueError(f"{path} announces {magic[3]} dimensions, more than any array has")
    sides = file.read(4 * magic[3])
    if len(sides) < 4 * magic[3]:
        raise ValueError(f"{path} ends inside its header, after {4 + len(sides)} bytes")
    return np.dtype(_TYPES[magic[2]]), tuple(np.frombuffer(sides, ">u4").tolist())
