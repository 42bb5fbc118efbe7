"""Pictures that notebooks keep: as seen, and small."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest

pytest.importorskip("nbclient", reason="notebooks are run with nbclient")
pytest.importorskip("matplotlib", reason="plots need matplotlib")

from PIL import Image

from notebooks.__main__ import with_few_colors
from viz import plots


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def test_a_plot_looks_the_same_with_few_colors_and_is_less_than_half_as_large() -> None:
    tracks = {"SGD": [[1.5, 1.0], [1.0, 0.5]], "Adam": [[1.5, 1.0], [0.0, 0.0]]}
    plot = plots.loss_surface(lambda x, y: x**2 + y**4, tracks, (-2, 2), (-2, 2), resolution=30)
    before = plot.render()
    after = base64.b64decode(with_few_colors(base64.b64encode(before).decode()))
    assert len(after) < len(before) / 2
    apart = np.abs(pixels(before) - pixels(after))
    assert apart.mean() < 0.5
    assert np.quantile(apart, 0.999) < 16
    assert (pixels(after)[0, 0] == 255).all(), "the page stays white"
