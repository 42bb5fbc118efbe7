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
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_MOST_DIMENSIONS = 32


def read_idx(path: str | Path) -> NDArray[Any]:
    """Read one IDX file, whatever its name.

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
    content = path.read_bytes()
    if content[:2] == _GZIP_MAGIC:
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path} is a damaged gzip file: {error}") from None
    return _parse(content, path)


def _parse(content: bytes, path: Path) -> NDArray[Any]:
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES or content[3] == 0:
        raise ValueError(
            f"{path} is not an IDX file: expected the magic number 00 00 <type> <dimensions>, "
            f"found {content[:4].hex(' ') or 'an empty file'}"
        )
    element, header = np.dtype(_TYPES[content[2]]), 4 + 4 * content[3]
    if content[3] > _MOST_DIMENSIONS:
        raise ValueError(f"{path} announces {content[3]} dimensions, more than any array has")
    if len(content) < header:
        raise ValueError(f"{path} ends inside its header, after {len(content)} bytes")
    shape = tuple(np.frombuffer(content[4:header], ">u4").tolist())
    expected, found = math.prod(shape) * element.itemsize, len(content) - header
    if expected != found:
        raise ValueError(
            f"{path} announces shape {shape}, which is {expected} bytes of data, but holds {found}"
        )
    try:
        return np.frombuffer(content, element, offset=header).reshape(shape)
    except ValueError as error:  # dimensions such as 0 × 2³² × 2³²
        raise ValueError(f"{path} announces the impossible shape {shape}: {error}") from None
