"""Picture: a drawing that shows itself in a notebook and saves itself to a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from functools import cached_property, partial
from itertools import chain, islice
from pathlib import Path

from viz import layout, raster
from viz.compose import compose
from viz.diagram import Diagram
from viz.files import one_of, save, show
from viz.markup import text
from viz.mime import fitting, mime_bundle
from viz.placing import Placed, place_first
from viz.render import RendererNotFoundError
from viz.scene import Scene
from viz.svg import to_svg
from viz.theme import DARK, LIGHT, Theme

FORMATS = ("svg", "png", "pdf", "dot", "html")


class Picture:
    """A diagram that is laid out when it is needed.

    Args:
        diagrams: makes what to show, and after it simpler ways to show it, should the layout take
            too long.
        theme: colours and type.
        seconds: the time for each attempt at a layout.

    Attributes:
        dot: the diagram of the picture in the DOT language, plain but complete, for Graphviz and
            its friends; without Graphviz, the diagram that was asked for. The same graph gives the
            same text every time.
        svg: the picture as SVG text.
    """

    def __init__(
        self, diagrams: Callable[[], Iterator[Diagram]], theme: Theme, seconds: float = 20.0
    ) -> None:
        self._diagrams = diagrams
        self._first = next(diagrams())  # what is wrong with it is said at once
        self.theme, self.seconds = theme, seconds

    @cached_property
    def dot(self) -> str:
        """The text that Graphviz lays out; see the class."""
        try:
            diagram = self._placed.diagram
        except (RuntimeError, TimeoutError):  # Graphviz is missing, fails or takes too long
            diagram = self._first
        return layout.to_dot(diagram, self.theme.size, self.theme.font)

    @cached_property
    def _placed(self) -> Placed:
        """The first diagram that is laid out in time, with the place of everything."""
        simpler = islice(self._diagrams(), 1, None)
        diagrams = chain([self._first], simpler)
        return place_first(diagrams, self.theme.size, self.theme.font, self.seconds)

    @cached_property
    def scene(self) -> Scene:
        """Every shape in its place.

        Raises:
            RendererNotFoundError: if there is no Graphviz.
            TimeoutError: if even the simplest diagram takes too long to lay out.
        """
        return compose(self._placed.diagram, self._placed.layout, self.theme.size)

    @cached_property
    def svg(self) -> str:
        """The picture as SVG text; see the class."""
        return to_svg(self.scene, self.theme)

    def render(self, format: str = "svg") -> bytes:
        """The content of a file.

        Args:
            format: ``"svg"``, ``"png"``, ``"pdf"``, ``"dot"`` or ``"html"``.
        """
        if format not in FORMATS:
            raise ValueError(f"expected the format {one_of(FORMATS)}, got {format!r}")
        if format == "png":
            return raster.to_png(self.scene, self.theme)
        if format == "pdf":
            return raster.to_pdf(self.scene, self.theme)
        make = {"svg": lambda: self.svg, "dot": lambda: self.dot, "html": self._page}[format]
        return make().encode()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file, whole or not at all; the suffix says in which format.

        Raises:
            ValueError: if the suffix is none of .svg, .png, .pdf, .dot and .html.
            FileNotFoundError: if the folder does not exist.
            RendererNotFoundError: if there is no Graphviz (not needed for .dot).
            ImportError: if there is no typst, or no matplotlib (needed for .png and .pdf alone).
        """
        return save(path, {format: partial(self.render, format) for format in FORMATS})

    def show(self) -> None:
        """Show the picture: under the cell of a notebook, else in a browser, as a temporary file.

        Raises:
            RendererNotFoundError: if there is no Graphviz.
            RuntimeError: if there is no browser.
        """
        show(self, self._page)

    def _page(self) -> str:
        title = text(self.scene.title)
        body = "margin:0;display:grid;place-items:center;min-height:100vh"
        return (
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            f'<meta name="viewport" content="width=device-width"></head>\n'
            f'<body style="{body};background:{self.theme.background}">\n{self.svg}</body></html>\n'
        )

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        """Return SVG and plain text for a notebook; a light picture is dark where the notebook is.

        There is never a traceback.
        """
        return mime_bundle(repr(self), {"image/svg+xml": self._svg_or_dot}, include, exclude)

    def _svg_or_dot(self) -> str:
        """The picture; without Graphviz, an error that has the text for it to lay out."""
        try:
            dark = DARK if self.theme == LIGHT else None
            return fitting(to_svg(self.scene, self.theme, dark))
        except RendererNotFoundError as error:
            raise RuntimeError(f"{error}\n\n{self.dot}") from None

    def __repr__(self) -> str:
        return f"<Picture: {self._first.title}>"
