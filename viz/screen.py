"""Widgets that show what a function returns: pictures, pages, texts and other widgets."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from viz.controls import ipywidgets
from viz.markup import text
from viz.mime import PLAIN, base64_of, page_width

_PAGE = "text/html"
_PNG = "image/png"
_FORMATS = {"image/svg+xml": "svg+xml", _PNG: "png"}
_METHODS = {_PAGE: "_repr_html_", "image/svg+xml": "_repr_svg_", _PNG: "_repr_png_"}


class Screen:
    """Shows one result after another in the same widgets, so that nothing flickers.

    Attributes:
        box: the widget around them.
        picture: the first picture, as a notebook stores it: its format and its content.
        text: all the texts.
    """

    def __init__(self) -> None:
        self.box = ipywidgets().VBox([])
        self.picture: dict[str, str] = {}
        self.text = ""
        self._made: dict[tuple[int, str], Any] = {}

    def show(self, result: Any) -> None:
        """Show one thing, or the things of a list one below the other; None is nothing."""
        parts = result if isinstance(result, list | tuple) else [result]
        parts = [part for part in parts if part is not None]
        bundles = [_bundle(part) for part in parts]
        best = [_best(bundle) for bundle in bundles]
        self.box.children = [
            part if _is_widget(part) else self._filled(place, *best[place])
            for place, part in enumerate(parts)
        ]
        pictures = [(kind, b[kind]) for b in bundles for kind in _FORMATS if kind in b]
        self.picture = dict(pictures[:1])
        self.text = "\n".join(content for kind, content in best if kind == PLAIN)

    def _filled(self, place: int, kind: str, content: str) -> Any:
        """The widget for this format at this place, made once, with a new content."""
        if (place, kind) not in self._made:
            self._made[place, kind] = _widget(kind)
        widget = self._made[place, kind]
        widget.value = _as_value(kind, content)
        if kind == _PNG:
            pixels = page_width(bytes(widget.value))
            widget.layout.width = f"{pixels}px" if pixels else None
        return widget


def _is_widget(part: Any) -> bool:
    return isinstance(part, ipywidgets().Widget)


def _bundle(part: Any) -> dict[str, str]:
    """Something in all the formats in which it can be shown; as a text in any case."""
    if isinstance(part, str):
        return {PLAIN: part}
    if _is_widget(part):
        return {PLAIN: repr(part)}
    shown = _called(part, "_repr_mimebundle_") or {
        kind: _called(part, method) for kind, method in _METHODS.items()
    }
    texts = {
        kind: base64_of(content) if isinstance(content, bytes) else content
        for kind, content in shown.items()
        if content is not None
    }
    return texts if PLAIN in texts else {**texts, PLAIN: repr(part)}


def _called(part: Any, method: str) -> Any:
    """Return the data of one of the methods that notebooks know, without its metadata."""
    if isinstance(part, type) or not hasattr(part, method):
        return None
    shown = getattr(part, method)()
    return shown[0] if isinstance(shown, tuple) else shown


def _best(bundle: Mapping[str, str]) -> tuple[str, str]:
    """The best of the formats, with its content: a page, a picture, or else a text."""
    kind = next((kind for kind in (_PAGE, *_FORMATS) if kind in bundle), PLAIN)
    return kind, bundle[kind]


def _widget(kind: str) -> Any:
    widgets = ipywidgets()
    if kind not in _FORMATS:
        return widgets.HTML()
    layout = widgets.Layout(max_width="100%", align_self="flex-start")
    return widgets.Image(format=_FORMATS[kind], layout=layout)


def _as_value(kind: str, content: str) -> str | bytes:
    """The content as the widget for its format wants it."""
    if kind == PLAIN:
        return f'<pre style="white-space: pre-wrap">{text(content)}</pre>'
    if kind == _PAGE:
        return content
    return content.encode() if kind == "image/svg+xml" else base64.b64decode(content)
