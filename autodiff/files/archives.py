"""Archives: named arrays in a file of NumPy's (.npz), read without trusting what it says of itself.

A file of a few hundred bytes can announce gigabytes. So each size that is announced is compared
with the size of the file before anything is made of it. Nothing is ever unpickled.
"""

from __future__ import annotations

import math
import zipfile
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_FEW_BYTES = 4 << 20
"""A size to which any file may unpack."""
_MOST_RATIO = 20
"""Packed numbers from measurements or training are rarely a tenth of what they unpack to."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The methods that NumPy uses; the others unpack without any bound."""
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def check_unpacked(unpacked: int, packed: int) -> None:
    """Raise ValueError if so many bytes announce that they unpack to far too many.

    >>> check_unpacked(unpacked=3 << 30, packed=3 << 20)
    Traceback (most recent call last):
    ValueError: its 3,145,728 bytes would unpack to 3,221,225,472
    """
    if unpacked > max(_FEW_BYTES, _MOST_RATIO * packed):
        raise ValueError(f"its {packed:,} bytes would unpack to {unpacked:,}")


def read_arrays(file: BinaryIO) -> dict[str, NDArray[Any]]:
    """Return the arrays of floats and of text in an archive, by name.

    Args:
        file: what ``np.savez`` or ``np.savez_compressed`` wrote, open for reading.

    Raises:
        ValueError: if it is damaged, holds arrays of another kind, or announces more than such a
            file can hold; the message is the rest of a sentence on the file.

    >>> import io
    >>> file = io.BytesIO()
    >>> np.savez(file, ratio=np.array(0.5), word=np.array("half"))
    >>> read_arrays(file)
    {'ratio': array(0.5), 'word': array('half', dtype='<U4')}
    """
    size = file.seek(0, 2)
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            check_unpacked(sum(member.file_size for member in members), size)
            return {m.filename.removesuffix(".npy"): _array(archive, m) for m in members}
    except ValueError:
        raise
    except Exception as error:  # damaged bytes raise anything at all
        raise ValueError(f"it is damaged ({type(error).__name__})") from None


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    if member.compress_type not in _METHODS:
        raise ValueError("it is packed in a way that NumPy does not use")
    with archive.open(member) as file:
        shape, is_fortran, dtype = _HEADERS[np.lib.format.read_magic(file)](file)
        if dtype.kind not in "fU":
            raise ValueError(f"it holds {dtype} where numbers or text are expected")
        size = math.prod(shape) * dtype.itemsize
        if any(side < 0 for side in shape) or size != member.file_size - file.tell():
            raise ValueError("an array in it has another size than it announces")
        numbers = np.frombuffer(bytearray(file.read(size)), dtype)
        return numbers.reshape(shape, order="F" if is_fortran else "C")
