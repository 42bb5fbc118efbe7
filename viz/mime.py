"""What a notebook shows: an object in the formats that a notebook knows."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Collection, Mapping

PLAIN = "text/plain"


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
    wanted = set(include or (PLAIN, *formats)) - set(exclude or ())
    bundle = {PLAIN: plain} if PLAIN in wanted else {}
    for kind in formats:
        if kind in wanted:
            try:
                bundle[kind] = formats[kind]()
            except Exception as error:  # a notebook would print all of its traceback
                return {PLAIN: f"{plain} cannot be drawn: {error}"}
    return bundle


def fitting(svg: str) -> str:
    """An SVG that gets smaller where a page has less room, instead of being cut off.

    >>> fitting('<svg width="2000" height="80"></svg>')
    '<svg style="max-width: 100%; height: auto" width="2000" height="80"></svg>'
    """
    return svg.replace("<svg ", '<svg style="max-width: 100%; height: auto" ', 1)


def base64_of(content: bytes) -> str:
    """A picture as a notebook stores it."""
    return base64.b64encode(content).decode()


def film_page(gif: bytes, description: str) -> str:
    """A film as HTML, with its description for those who do not see it."""
    return f'<img alt="{html.escape(description)}" src="data:image/gif;base64,{base64_of(gif)}">'
