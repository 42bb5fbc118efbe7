"""Images in time: what a decoder makes of a code that moves."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from viz.plots.inputs import pixels, square_side
from viz.plots.page import new_figure, ramp, settings
from viz.plots.plot import Animation, Frame
from viz.theme import Theme, theme_of

_WIDTH = 224
"""Of the film, in pixels, at least."""


def image_film(
    images: ArrayLike, *, seconds: float = 0.08, theme: str | Theme = "light"
) -> Animation:
    """Square images one after another, as a film that goes round.

    Args:
        images: shape (count, pixels), from 0, the background, to 1, or bytes from 0 to 255.
        seconds: how long each is shown.
        theme: a name in :data:`viz.theme.THEMES`, or a Theme.

    Raises:
        ValueError, TypeError: if these are no such images.
        ImportError: if matplotlib is missing.

    >>> image_film(np.linspace(0, 1, 12).reshape(3, 4))
    <Animation: 3 images of 2 × 2 pixels>
    """
    theme = theme_of(theme)
    shown = pixels("images", images, "count", "pixels")
    side = square_side("images", shown.shape[1])
    description = f"{len(shown)} images of {side} × {side} pixels"
    with settings(theme):
        from PIL import Image

        paper = ramp(theme.background, theme.ink)
        squares = paper(np.clip(shown, 0, 1).reshape(-1, side, side), bytes=True)[..., :3]
        width = side * max(1, round(_WIDTH / side))
        pictures = [
            Image.fromarray(np.ascontiguousarray(square)).resize(
                (width, width), Image.Resampling.BICUBIC
            )
            for square in squares
        ]
        figure = new_figure(2, 2)
        axes = figure.add_subplot()
        axes.imshow(squares[-1])
        axes.set_axis_off()
    frames = [Frame(f"{i} of {len(pictures)}", each) for i, each in enumerate(pictures, start=1)]
    return Animation(frames, figure, description, seconds)
