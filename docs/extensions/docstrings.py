"""Docstrings as this project writes them, where Sphinx would read them otherwise."""

from __future__ import annotations

from typing import Any

from sphinx.ext.napoleon import GoogleDocstring

MADE_BY_FUNCTIONS = {
    "autodiff.graph.Paths", "viz.Animation", "viz.Explorer", "viz.Live", "viz.Picture",
    "viz.plots.Animation", "viz.plots.Plot",
}  # fmt: skip
"""Classes whose arguments nobody needs to know."""


class Docstring(GoogleDocstring):
    """Attributes as a list like that of the arguments, and properties without ``type: text``."""

    def _parse_attributes_section(self, section: str) -> list[str]:
        return self._format_fields(section, self._consume_fields(parse_type=False))

    def _parse_attribute_docstring(self) -> list[str]:
        self._what = "method"
        self._parse()
        return []


def without_arguments(_app: Any, _what: str, name: str, *_others: Any) -> tuple[str, None] | None:
    """No signature for classes that functions make."""
    return ("", None) if name in MADE_BY_FUNCTIONS else None


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    for name in ("_parse_attributes_section", "_parse_attribute_docstring"):
        setattr(GoogleDocstring, name, getattr(Docstring, name))  # napoleon makes no other kind
    app.connect("autodoc-process-signature", without_arguments)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
