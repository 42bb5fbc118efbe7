"""The formats in which a notebook shows an object."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Collection, Iterable, Mapping

from viz.markup import attribute

PLAIN = "text/plain"
PNG = "image/png"
_METRES_PER_INCH, _CSS_PIXELS = 0.0254, 96
_WIDE = 700
"""Pixels that any page has room for."""


def mime_bundle(
    plain: str,
    formats: Mapping[str, Callable[[], str]],
    include: Collection[str] | None,
    exclude: Collection[str] | None,
) -> dict[str, str]:
    """Plain text, and the contents in the formats that are wanted. Never a traceback.

    Args:
        plain: the plain text; what went wrong stands there instead, if something does.
        formats: what makes the content, by its MIME type.
        include, exclude: the types that are wanted, and those that are not, as IPython gives them.
    """
    makers = {PLAIN: lambda: plain, **formats}
    try:
        return {kind: makers[kind]() for kind in wanted(makers, include, exclude)}
    except Exception as error:  # a notebook would print all of its traceback
        return {PLAIN: f"{plain} cannot be drawn: {error}"}


def wanted(
    kinds: Iterable[str], include: Collection[str] | None, exclude: Collection[str] | None
) -> list[str]:
    """Return the types that are wanted: all without ``include``."""
    return [k for k in kinds if (not include or k in include) and k not in (exclude or ())]


def fitting(svg: str) -> str:
    """An SVG that gets smaller where a page has less room, instead of being cut off.

    A wide one says no width of its own: then it is as wide as the page, wherever it is put, but its
    content no larger than it was.

    >>> fitting('<svg width="90" height="80" viewBox="0 0 90 80">')
    '<svg style="max-width: 100%; height: auto" width="90" height="80" viewBox="0 0 90 80">'
    >>> fitting('<svg width="900" height="80" viewBox="0 0 900 80">')
    '<svg style="max-width: 900px" viewBox="0 0 900 80">'
    """
    size = re.search(r' width="([\d.]+)" height="[\d.]+"', svg)
    if size is None or float(size[1]) <= _WIDE:
        return svg.replace("<svg ", '<svg style="max-width: 100%; height: auto" ', 1)
    without = svg.replace(size[0], "", 1)
    return without.replace("<svg", f'<svg style="max-width: {size[1]}px"', 1)


def base64_of(content: bytes) -> str:
    """A picture as a notebook stores it."""
    return base64.b64encode(content).decode()


def film_page(gif: bytes, description: str, width: int | None = None) -> str:
    """Return a film as HTML, with its description for those who do not see it.

    Args:
        gif: the film.
        description: what is to be seen.
        width: of the film on a page that has room for it, in pixels; by default its dots.
    """
    size = f'width="{width}" ' if width else ""
    style = 'style="max-width: 100%; height: auto"'
    source = f"data:image/gif;base64,{base64_of(gif)}"
    return f'<img {size}{style} alt={attribute(description)} src="{source}">'


def sizes(bundle: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Return the metadata of a bundle: the width at which its PNG is meant to be shown."""
    width = page_width(base64.b64decode(bundle[PNG])) if PNG in bundle else None
    return {PNG: {"width": width}} if width else {}


def page_width(png: bytes) -> int | None:
    """Return the width of a PNG in pixels of a page, if it states its pixels per metre.

    Then its type is as large as the page's, and sharp on screens with more pixels.
    """
    at = png.find(b"pHYs", 0, 1000)
    per_metre = int.from_bytes(png[at + 4 : at + 8]) if at > 0 else 0
    pixels = int.from_bytes(png[16:20])  # a PNG begins with its width
    return round(pixels / (per_metre * _METRES_PER_INCH) * _CSS_PIXELS) if per_metre else None
