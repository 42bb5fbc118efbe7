"""MNIST: 28 × 28 grey images of handwritten digits."""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
import urllib.request
from importlib import resources
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from tqdm import tqdm

from autodiff.data.dataset import Dataset
from autodiff.data.idx import read_idx
from autodiff.files import SteadyStream, write_whole

SUBSET = "mnist_5000.npz"

_MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)


class _Published(NamedTuple):
    """The published facts about a gzipped file."""

    size: int
    sha256: str


_PUBLISHED = {
    "train-images-idx3-ubyte.gz": _Published(
        9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": _Published(
        28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "t10k-images-idx3-ubyte.gz": _Published(
        1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "t10k-labels-idx1-ubyte.gz": _Published(
        4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
}
_INSTEAD = "load_subset(), or --data subset, gives the 5,000 packaged images without a network"


def load_subset() -> Dataset:
    """The 5,000 MNIST training images that come with this package, 500 of each digit.

    >>> load_subset().images.shape
    (5000, 784)
    """
    with (
        resources.files("autodiff.data").joinpath(SUBSET).open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return _dataset(arrays["images"], arrays["labels"])


def load_mnist(
    path: str | Path | None = None, split: Literal["train", "test"] = "train"
) -> Dataset:
    """The full MNIST: 60,000 images to train on, or 10,000 to test with.

    Args:
        path: a folder with the original IDX files, gzipped or not. Without it, the cache folder
            (``$AUTODIFF_DATA``, else ``~/.cache/autodiff-viz/mnist``), to which missing files are
            downloaded; their SHA-256 sums are checked whenever they are read.
        split: ``"train"`` or ``"test"``.

    Raises:
        FileNotFoundError: if the folder, or a file in it, is missing.
        ConnectionError: if files have to be downloaded and cannot be.
        ValueError: if a file is damaged, or images and labels do not belong together.
    """
    if split not in ("train", "test"):
        raise ValueError(f'split must be "train" or "test", got {split!r}')
    prefix = "train" if split == "train" else "t10k"
    names = (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte")
    if path is not None:
        images, labels = (_find(Path(path), name) for name in names)
    else:
        images, labels = (_cached(name) for name in names)
    return _checked(images, labels)


def _find(folder: Path, name: str) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(f"expected a folder with MNIST's files at {folder}; {_INSTEAD}")
    dotted = name.replace("-idx", ".idx")  # some archives spell it so
    for candidate in (name, f"{name}.gz", dotted, f"{dotted}.gz"):
        if (folder / candidate).is_file():
            return folder / candidate
    raise FileNotFoundError(f"found neither {name} nor {name}.gz in {folder}; {_INSTEAD}")


def _cached(name: str) -> Path:
    """Find a file in the cache; what was downloaded is checked again, since disks fail."""
    folder = Path(os.environ.get("AUTODIFF_DATA") or "~/.cache/autodiff-viz/mnist").expanduser()
    try:
        found = _find(folder, name)
    except FileNotFoundError:
        return _download(f"{name}.gz", folder)
    published = _PUBLISHED.get(found.name)
    if published is None or _is_right(found, published):
        return found
    return _download(found.name, folder)


def _is_right(path: Path, published: _Published) -> bool:
    if path.stat().st_size != published.size:
        return False
    return hashlib.sha256(path.read_bytes()).hexdigest() == published.sha256


def _download(name: str, folder: Path) -> Path:
    """Fetch one file from the first mirror that has it whole; write it only when it is right."""
    reasons = []
    for mirror in _MIRRORS:
        try:
            content = _fetch(mirror + name, _PUBLISHED[name])
        except (OSError, http.client.HTTPException, ValueError) as error:
            reasons.append(f"{mirror}: {_reason(error)}")
            continue
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(content, folder / name)
        return folder / name
    raise ConnectionError(f"could not download {name} ({'; '.join(reasons)}); {_INSTEAD}")


def _reason(error: Exception) -> str:
    words = " ".join(str(getattr(error, "reason", error)).split())
    return words[:200] or type(error).__name__


def _fetch(address: str, published: _Published) -> bytes:
    """Fetch a file whose size is known; a mirror that sends more is not heard to its end."""
    name = address.rsplit("/", 1)[-1]
    content = bytearray()
    with (
        urllib.request.urlopen(address, timeout=30) as answer,
        tqdm(
            total=published.size,
            desc=name,
            unit="B",
            unit_scale=True,
            leave=False,
            file=SteadyStream(sys.stderr),
            dynamic_ncols=True,
        ) as progress,
    ):
        while len(content) <= published.size and (chunk := answer.read(1 << 16)):
            content += chunk
            progress.update(len(chunk))
    if len(content) != published.size:
        more = "more than " if len(content) > published.size else ""
        raise ValueError(f"expected {published.size:,} bytes, got {more}{len(content):,}")
    if hashlib.sha256(content).hexdigest() != published.sha256:
        raise ValueError("the SHA-256 sum is not the published one")
    return bytes(content)


def _checked(images_path: Path, labels_path: Path) -> Dataset:
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3 or images.dtype != np.uint8:
        raise ValueError(
            f"{images_path} should hold grey images (count, rows, columns) of bytes, "
            f"but holds shape {images.shape} of {images.dtype}"
        )
    if labels.ndim != 1 or labels.dtype != np.uint8:
        raise ValueError(
            f"{labels_path} should hold one byte per image, "
            f"but holds shape {labels.shape} of {labels.dtype}"
        )
    if len(images) != len(labels):
        raise ValueError(
            f"{images_path} holds {len(images)} images, but {labels_path} {len(labels)} labels"
        )
    if labels.size and labels.max() > 9:
        raise ValueError(f"{labels_path} should hold digits 0 to 9, but holds {labels.max()}")
    return _dataset(images, labels)


def _dataset(images: np.ndarray, labels: np.ndarray) -> Dataset:
    pixels = images.shape[1] * images.shape[2]
    return Dataset(images.reshape(len(images), pixels) / 255.0, labels.astype(np.int64))
