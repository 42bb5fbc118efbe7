"""Morph: what an autoencoder with two numbers in the middle made of the digits, as pictures."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autodiff.data import Dataset
from autodiff.nn import Autoencoder, Module
from autodiff.training import outputs

_FRAMES = 12
"""From one digit to the next."""


def pictures(model: Module, dataset: Dataset, stem: Path) -> Iterator[Path]:
    """The codes of images as a scatter of digits, and a film that goes through all ten of them.

    Args:
        model: an Autoencoder.
        dataset: images that it has not seen.
        stem: where the pictures go, without the ends of their names.
    """
    from autodiff.pictures import find_viz

    find_viz()
    from viz import plots

    assert isinstance(model, Autoencoder)
    codes = outputs(model.encoder, dataset.images)
    if codes.shape[1] == 2:
        scatter = plots.latent_scatter(codes, dataset.labels)
        yield scatter.save(stem.with_name(f"{stem.name}-codes.png"))
    frames = outputs(model.decoder, cycle(codes, dataset.labels))
    yield plots.image_film(frames).save(stem.with_name(f"{stem.name}-morph.gif"))


def cycle(codes: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Codes on the way from a typical image of each class to the next, and back to the first.

    Between two, c = (1 - t) · a + t · b.

    Args:
        codes: shape (count, length).
        labels: shape (count,).

    Returns:
        Shape (frames, length).
    """
    stations = [_typical(codes[labels == label]) for label in np.unique(labels)]
    shares = np.arange(_FRAMES) / _FRAMES
    legs = [
        (1 - shares)[:, None] * a + shares[:, None] * b
        for a, b in pairwise([*stations, stations[0]])
    ]
    return np.concatenate(legs)


def _typical(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The code that is nearest to the middle of its class: a real image's."""
    middle = np.median(codes, 0)
    nearest: NDArray[np.float64] = codes[np.linalg.norm(codes - middle, axis=1).argmin()]
    return nearest
