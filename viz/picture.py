"""Picture: a drawn graph that shows itself in a notebook and saves itself to a file."""

from __future__ import annotations

import os
from collections.abc import Collection
from functools import partial
from pathlib import Path

from viz.files import one_of, save
from viz.render import FORMATS, RendererNotFoundError, render


class Picture:
    """A drawing in the DOT language, rendered when it is needed.

    Attributes:
        dot: the DOT text. The same graph gives the same text every time.
    """

    def __init__(self, dot: str) -> None:
        self.dot = dot

    def render(self, format: str = "svg") -> bytes:
        """The picture as ``"svg"``, ``"png"`` or ``"pdf"``; see :func:`viz.render.render`."""
        if format not in FORMATS:
            raise ValueError(f"expected the format {one_of(FORMATS)}, got {format!r}")
        return render(self.dot, format)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file, whole or not at all; the suffix says in which format.

        Raises:
            ValueError: if the suffix is none of .svg, .png, .pdf and .dot.
            FileNotFoundError: if the folder does not exist.
            RendererNotFoundError: if there is no Graphviz (not needed for .dot).
        """
        formats = {format: partial(self.render, format) for format in FORMATS}
        return save(path, formats | {"dot": self.dot.encode})

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        """What a notebook shows: SVG and plain text. Never a traceback."""
        svg, plain = "image/svg+xml", "text/plain"
        shown = {svg, plain} & set(include or (svg, plain)) - set(exclude or ())
        bundle = {plain: repr(self)} if plain in shown else {}
        if svg in shown:
            try:
                bundle[svg] = self.render("svg").decode()
            except RendererNotFoundError as error:
                bundle[plain] = f"{error}\n\n{self.dot}"
            except (RuntimeError, OSError) as error:
                bundle[plain] = str(error)
        return bundle

    def __repr__(self) -> str:
        return f"<Picture, {len(self.dot.encode()):,} bytes of DOT>"
