"""Augmentation: every image a little moved, turned, stretched and bent, anew each time it is met.

A new image has at pixel p what the old one has at A (p - m) + m + s + d(p). About the middle m, the
matrix A turns, shears and scales; s is a shift, and d a smooth random field of displacements.
(P. Y. Simard, D. Steinkraus and J. C. Platt, Best practices for convolutional neural networks
applied to visual document analysis, ICDAR 2003.)

The field is white noise that was smoothed, K N Kᵀ for a matrix K that smooths along an axis. Little
is left of the noise: K has few singular values that count, seven of 28 for the default, and drawing
noise for those alone gives the same distribution. With a constant and the axis itself as two more
rows of a basis B, shift, matrix and field together are Bᵀ C B: a small random C for each image.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Real = TypeVar("Real", np.float32, np.float64)

_PIXELS_AT_ONCE = 50_000
"""So many stay in a processor's cache from step to step."""
_FAINT = 0.03
"""Singular values below this share of the largest count for a thousandth of the variance."""
_ALLOWED = {
    "shift": (0, 1000),
    "rotation": (0, 180),
    "scale": (0, 3),
    "shear": (0, 3),
    "elastic": (0, 1000),
    "smoothness": (0.5, 1000),
}


@dataclass(frozen=True)
class Augmentation:
    """Random changes that leave a digit the same digit. Each image gets its own.

    All but the elastic field are drawn evenly from minus to plus the number given; with zeros
    everywhere, images stay exactly as they are.

    Attributes:
        shift: pixels, along each axis.
        rotation: degrees, about the middle.
        scale: natural logarithm of the factor, along each axis: 0.15 is up to about 15 %.
        shear: pixels sideways for each pixel away from the middle.
        elastic: strength of the field. It is noise with this number / √3 as its standard deviation,
            smoothed; away from the border the displacements have 0.163 · elastic / smoothness.
        smoothness: standard deviation in pixels of the Gaussian that smooths the field, at least
            0.5. A smaller number bends finer details.

    Raises:
        ValueError: if one of them is not such a number.

    >>> images = np.zeros((2, 784))
    >>> images[:, 14 * 28 : 15 * 28] = 1  # a line across the middle
    >>> changed = Augmentation(rotation=30)(images, np.random.default_rng(0))
    >>> changed.shape, bool(changed.max() <= 1), np.array_equal(changed[0], changed[1])
    ((2, 784), True, False)
    """

    shift: float = 2.0
    rotation: float = 15.0
    scale: float = 0.15
    shear: float = 0.15
    elastic: float = 20.0
    smoothness: float = 4.0

    def __post_init__(self) -> None:
        for name, number in asdict(self).items():
            least, most = _ALLOWED[name]
            if not _is_real(number) or not least <= number <= most:
                raise ValueError(f"{name} must be a number from {least} to {most}, got {number!r}")

    def __call__(self, images: NDArray[Real], generator: np.random.Generator) -> NDArray[Real]:
        """New images, changed at random; outside of an image there is background, 0.

        Args:
            images: float32 or float64, shape (count, pixels), each a square. They are not changed.
            generator: what chance depends on; in the same state it gives the same images.

        Returns:
            An array of the same shape and type, within the range of the pixels and 0.

        Raises:
            ValueError: if these are no such images.
            TypeError: if the generator is none of NumPy's.
        """
        images = np.asarray(images)
        side = _side(images)
        if not isinstance(generator, np.random.Generator):
            raise TypeError(f"expected np.random.default_rng(seed) to draw from, got {generator!r}")
        basis = _basis(side, self.smoothness)
        coefficients = self._draw(len(images), len(basis), generator)
        changed = np.empty_like(images)
        step = max(1, _PIXELS_AT_ONCE // side**2)
        for start in range(0, len(images), step):
            part = slice(start, start + step)
            places = basis.T @ coefficients[:, part] @ basis
            changed[part] = _read(images[part].reshape(-1, side, side), places)
        return changed

    def _draw(self, count: int, size: int, generator: np.random.Generator) -> NDArray[np.float32]:
        """C for the row and for the column to read at: shape (2, count, size, size)."""
        noise = generator.standard_normal((2, count, size, size), np.float32)
        noise *= self.elastic / math.sqrt(3)  # as strong as noise from -elastic to elastic
        noise[:, :, :2] = noise[:, :, :, :2] = 0
        noise[:, :, 0, 0] = generator.uniform(-self.shift, self.shift, (2, count))
        matrices = self._matrices(count, generator)
        noise[:, :, 1, 0], noise[:, :, 0, 1] = matrices[:, 0], matrices[:, 1]
        return noise

    def _matrices(self, count: int, generator: np.random.Generator) -> NDArray[np.float64]:
        """Turned · sheared · scaled, shape (2, 2, count)."""
        angle = np.radians(generator.uniform(-self.rotation, self.rotation, count))
        shear = generator.uniform(-self.shear, self.shear, count)
        down, across = np.exp(generator.uniform(-self.scale, self.scale, (2, count)))
        cos, sin = np.cos(angle), np.sin(angle)
        return np.array(
            [
                [cos * down, (cos * shear - sin) * across],
                [sin * down, (sin * shear + cos) * across],
            ]
        )


@cache
def _basis(side: int, smoothness: float) -> NDArray[np.float32]:
    """Functions along an axis: a constant, the distance from the middle, and smooth waves."""
    axis = np.arange(side, dtype=float)
    distances = (axis - axis[:, None]) / smoothness
    smoothing = np.exp(-(distances**2) / 2) / (smoothness * math.sqrt(2 * math.pi))
    waves, strengths, _ = np.linalg.svd(smoothing)
    counting = strengths > _FAINT * strengths[0]
    rows = [np.ones(side), axis - axis.mean(), *(waves * strengths).T[counting]]
    basis = np.array(rows, np.float32)
    basis.flags.writeable = False
    return basis


def _read(images: NDArray[Real], places: NDArray[np.floating]) -> NDArray[Real]:
    """Pixels between pixels, by bilinear interpolation.

    Args:
        images: shape (count, side, side).
        places: row and column for each new pixel, from the middle, shape (2, count, side, side).

    Returns:
        Shape (count, side²).
    """
    count, side, _ = images.shape
    wide = side + 3  # background before the first pixel, and two after the last
    framed = np.zeros((count, wide, wide), images.dtype)
    framed[:, 1:-2, 1:-2] = images
    pixels = framed.ravel()
    places = (places + np.float32((side + 1) / 2)).clip(0, side + 1)
    corners = places.astype(np.int32)
    down, across = places - corners
    starts = np.arange(0, pixels.size, wide**2)[:, None, None]
    first = starts + corners[0] * wide + corners[1]
    above = _between(pixels.take(first), pixels[1:].take(first), across)
    below = _between(pixels[wide:].take(first), pixels[wide + 1 :].take(first), across)
    return _between(above, below, down).reshape(count, side**2)


def _between(low: NDArray[Real], high: NDArray[Real], share: NDArray[np.floating]) -> NDArray[Real]:
    """From low to high by this share of the way. (The numbers of high are used up.)"""
    high -= low
    high *= share
    high += low
    return high


def _side(images: NDArray[Any]) -> int:
    """Pixels along each side of the images, which are checked."""
    side = math.isqrt(images.shape[1]) if images.ndim == 2 else 0
    if not side or side**2 != images.shape[1]:
        raise ValueError(
            "expected images of shape (count, pixels), each a square as of 28 × 28 = 784 pixels, "
            f"got shape {images.shape}"
        )
    if images.dtype not in (np.float32, np.float64):
        raise ValueError(f"expected pixels of type float32 or float64, got {images.dtype}")
    if not np.isfinite(images).all():
        raise ValueError("expected finite pixels, got NaN or infinity among them")
    return side


def _is_real(number: object) -> bool:
    return isinstance(number, int | float | np.number) and not isinstance(number, bool)
