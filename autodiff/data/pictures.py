"""Pictures of digits from files, made into images like those of MNIST.

As MNIST was made, a digit is fitted into 20 × 20 pixels, with its proportions kept and grey edges,
and put into 28 × 28 so that its centre of mass is in the middle (LeCun, Cortes and Burges, The
MNIST database of handwritten digits). In the images as published, the centre of mass, rounded, is
at row and column 14, counted from 0.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

Array = NDArray[np.float64]

_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "PPM", "TIFF")
_MOST_PIXELS = 50_000_000
_MOST_BYTES = 8 * _MOST_PIXELS  # four channels of sixteen bits
_LARGE = 1000  # pixels along a side, more than enough detail
_FAINTEST = 0.1  # of the way from black to white
_SPECKS = 0.001  # of the ink, on each side
_SIDE, _BOX, _CENTER = 28, 20, 14


def read_digit(path: str | Path) -> Array:
    """The digit in a picture, as MNIST would have it.

    A picture of any size and color that shows one digit, dark on light or light on dark, with some
    empty background around it. What surrounds the digit says which of both is background.

    Args:
        path: a file in PNG, JPEG, GIF, BMP, WebP, PPM or TIFF.

    Returns:
        float64 array of shape (784,), 28 × 28 pixels from 0 (background) to 1 (ink).

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no still picture of at most 50 million pixels in one of these formats,
            is damaged, or shows nothing that stands out from its background.
        ImportError: if Pillow is missing, which comes with matplotlib.

    >>> read_digit("seven.png")
    Traceback (most recent call last):
    FileNotFoundError: expected a picture at seven.png, found no file there
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"expected a picture at {path}, found no file there")
    if path.stat().st_size > _MOST_BYTES:  # some formats are read whole before they say their size
        raise ValueError(f"{path} {_too_large()}")
    with path.open("rb") as file, _one_sentence(path):
        brightness = _brightness(_load(file))
    return _like_mnist(_ink(brightness, path)).ravel()


class _UnfitError(ValueError):
    """A picture that is refused for a reason of our own."""


@contextmanager
def _one_sentence(path: Path) -> Iterator[None]:
    """Whatever Pillow says of a file, as one sentence that names it."""
    try:
        from PIL import UnidentifiedImageError
        from PIL.Image import DecompressionBombError
    except ImportError:
        raise ImportError("reading pictures needs Pillow; run: pip install pillow") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about files that are odd, but can be read
            yield
    except _UnfitError as error:
        raise ValueError(f"{path} {error}") from None
    except DecompressionBombError:
        raise ValueError(f"{path} {_too_large()}") from None
    except UnidentifiedImageError:
        raise ValueError(
            f"{path} is no picture that can be read: expected {', '.join(_FORMATS)}"
        ) from None
    except Exception as error:  # its decoders raise anything at all where bytes are wrong
        raise ValueError(f"{path} is a damaged picture: {error}") from None


def _too_large() -> str:
    return f"has more than {_MOST_PIXELS // 10**6} million pixels; make it smaller first"


def _load(file: BinaryIO) -> Image:
    from PIL import Image, ImageOps

    with Image.open(file, formats=_FORMATS) as image:
        if image.width * image.height > _MOST_PIXELS:
            raise _UnfitError(_too_large())
        # A photograph in MPO has previews of itself as further frames.
        if getattr(image, "is_animated", False) and image.format != "MPO":
            raise _UnfitError("holds several frames; save the one to read as a picture of its own")
        return ImageOps.exif_transpose(image)  # as the camera was held


def _brightness(image: Image) -> Array:
    """From 0, black, to 1, white; what is transparent is shown on what contrasts with the rest."""
    if image.mode.startswith(("I", "F")):  # more than eight bits, of which not all may be in use
        numbers = _pixels(image.convert("F")).clip(0)
        if not np.isfinite(numbers).all():
            raise _UnfitError("holds pixels that are not finite; save it with 8 bits for each")
        return numbers / max(float(numbers.max()), 1.0)
    if not ({"A", "a"} & set(image.getbands()) or "transparency" in image.info):
        return _pixels(image.convert("L")) / 255
    layers = _pixels(image.convert("RGBA").convert("LA")) / 255
    brightness, opacity = layers[..., 0], layers[..., 1]
    shown: Array = brightness * opacity
    sheet = 1.0 if shown.sum() < opacity.sum() / 2 else 0.0
    return shown + (1 - opacity) * sheet


def _pixels(image: Image) -> Array:
    """Its numbers, of a smaller copy if it is large."""
    from PIL.Image import Resampling

    image.thumbnail((_LARGE, _LARGE), Resampling.BOX)
    return np.array(image, float)


def _ink(brightness: Array, path: Path) -> Array:
    """From 0 to 1 where a pixel stands out from the background, which is what the border shows."""
    edges = brightness[[0, -1]], brightness[:, [0, -1]]
    border = np.concatenate([edge.ravel() for edge in edges])
    background = np.median(border)
    away = brightness - background
    ink = away if away.max() > -away.min() else -away
    strongest = ink.max()
    # Three times the third quartile is 3.5 standard deviations of normal noise.
    uneven = 3 * float(np.quantile(np.abs(border - background), 0.75)) / max(strongest, _FAINTEST)
    if strongest < _FAINTEST or uneven > 0.5:
        raise ValueError(
            f"{path} shows nothing that stands out from its background: expected one digit on a "
            "plain background, with some of it left on all sides"
        )
    ink = ink / strongest
    return np.where(ink > uneven + 0.05, ink, 0)


def _like_mnist(ink: Array) -> Array:
    """The ink in a box of 20 × 20, and its center of mass in the center of 28 × 28."""
    from PIL import Image

    ink = ink[_extent(ink.sum(axis=1)), _extent(ink.sum(axis=0))]
    high, wide = (max(1, round(_BOX * size / max(ink.shape))) for size in ink.shape)
    picture = Image.fromarray(ink.astype(np.float32))
    box = np.asarray(picture.resize((wide, high), Image.Resampling.BICUBIC), float).clip(0)
    image = np.zeros((_SIDE, _SIDE))
    top, left = _start(box.sum(axis=1)), _start(box.sum(axis=0))
    image[top : top + high, left : left + wide] = box / box.max()
    return image


def _extent(profile: Array) -> slice:
    """From where to where there is ink along an axis, but for specks."""
    before = np.cumsum(profile) / profile.sum()
    first, last = np.searchsorted(before, [_SPECKS, 1 - _SPECKS])
    return slice(first, last + 1)


def _start(profile: Array) -> int:
    """Return the start of the box along an axis that puts its center of mass in the center."""
    center = profile @ np.arange(len(profile)) / profile.sum()
    return int(np.clip(np.floor(_CENTER - center + 0.5), 0, _SIDE - len(profile)))
