"""Plot and Animation: finished pictures that show themselves in a notebook and save themselves."""

from __future__ import annotations

import io
import os
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from viz.files import one_of, save
from viz.markup import allowed
from viz.mime import base64_of, film_page, mime_bundle, sizes
from viz.plots.page import arrange, settings
from viz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

# Without dates and version numbers the same plot gives the same bytes.
_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}

_LAST_FRAME_SECONDS = 2.0


class Plot:
    """A figure that shows itself in a notebook and saves itself to a file.

    Attributes:
        figure: matplotlib's, for those who go on with it. It is not known to pyplot. Its parts are
            arranged once; ``figure.set_layout_engine("constrained")`` arranges them again.
        description: what is to be seen, in one line; it is also the title inside the file.
    """

    def __init__(self, figure: Figure, description: str, theme: Theme) -> None:
        self.figure = figure
        self.description = description
        self._theme = theme
        with settings(theme):
            arrange(figure)

    def render(self, format: str = "png") -> bytes:
        """The plot as ``"png"`` (150 pixels per inch), ``"svg"`` or ``"pdf"``.

        The same plot gives the same bytes every time.
        """
        if format not in _METADATA:
            raise ValueError(f"expected the format {one_of(tuple(_METADATA))}, got {format!r}")
        content = io.BytesIO()
        metadata = {**_METADATA[format], "Title": allowed(self.description)}
        with settings(self._theme):  # ticks are made when they are drawn
            self.figure.savefig(content, format=format, metadata=metadata)
        return content.getvalue()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the plot to a file, whole or not at all; the suffix says in which format.

        Raises:
            ValueError: if the suffix is none of .png, .svg and .pdf.
            FileNotFoundError: if the folder does not exist.
        """
        return save(path, {format: partial(self.render, format) for format in _METADATA})

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> tuple[dict[str, str], dict[str, Any]]:
        """Return what a notebook shows: PNG, as wide as the figure, and text. Never a traceback."""
        formats = {"image/png": lambda: base64_of(self.render())}
        shown = mime_bundle(repr(self), formats, include, exclude)
        return shown, sizes(shown)

    def __repr__(self) -> str:
        return f"<Plot: {self.description}>"


class Frame(NamedTuple):
    """One picture of an animation."""

    caption: str
    image: Image


class Animation:
    """Pictures in time: a GIF that plays in a notebook, over and over, and saves itself to a file.

    Attributes:
        frames: each with its caption and its image.
        figure: matplotlib's, as it was drawn last.
        description: what is to be seen, in one line.
        seconds: how long each frame is shown; the last one stays for two seconds.
    """

    def __init__(
        self, frames: Sequence[Frame], figure: Figure, description: str, seconds: float
    ) -> None:
        self.frames = list(frames)
        self.figure = figure
        self.description = description
        self.seconds = seconds

    def render(self, format: str = "gif") -> bytes:
        """The animation as ``"gif"``, or its last frame as ``"png"``."""
        first, *others = (frame.image for frame in self.frames)
        content = io.BytesIO()
        match format:
            case "gif":
                seconds = [*[self.seconds] * len(others), _LAST_FRAME_SECONDS]
                milliseconds = [round(1000 * duration) for duration in seconds]
                first.save(
                    content,
                    format="gif",
                    save_all=True,
                    append_images=others,
                    duration=milliseconds,
                    loop=0,  # for ever
                )
            case "png":
                self.frames[-1].image.save(content, format="png")
            case _:
                raise ValueError(f"expected the format gif or png, got {format!r}")
        return content.getvalue()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the animation to a .gif file, or its last frame to a .png file.

        Raises:
            ValueError: if the suffix is neither.
            FileNotFoundError: if the folder does not exist.
        """
        return save(path, {format: partial(self.render, format) for format in ("gif", "png")})

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        """Return what a notebook shows: the film, else its last frame. Never a traceback."""
        formats = {
            "text/html": lambda: film_page(self.render("gif"), self.description),
            "image/png": lambda: base64_of(self.render("png")),
        }
        return mime_bundle(repr(self), formats, include, exclude)

    def __repr__(self) -> str:
        return f"<Animation: {self.description}>"
