"""Docstrings as this project writes them, where Sphinx would read them otherwise."""

from __future__ import annotations

import re
from typing import Any

from numpy.typing import ArrayLike
from sphinx.ext.napoleon import GoogleDocstring
from sphinx.util.typing import stringify_annotation

MADE_BY_FUNCTIONS = {
    "autodiff.graph.Paths", "viz.Animation", "viz.Explorer", "viz.Live", "viz.Picture",
    "viz.plots.Animation", "viz.plots.HistoryLike", "viz.plots.Plot",
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


_ARRAY = re.compile(
    r"(?:~?numpy\.)?ndarray\[tuple\[(?:~?typing\.)?Any, \.\.\.\], (?:~?numpy\.)?dtype\[([^][]+)\]\]"
)
"""The form that Python gives to ``NDArray[np.float64]``."""


_ARRAY_LIKE = stringify_annotation(ArrayLike, "smart")


def with_short_types(
    _app: Any, _what: str, _name: str, _obj: Any, _options: Any, signature: str, returned: str
) -> tuple[str, str] | None:
    """Arrays by the names that the code has for them."""
    if not signature:
        return None
    return _shortened(signature), _shortened(returned or "")


def _shortened(text: str) -> str:
    text = text.replace(_ARRAY_LIKE, "~numpy.typing.ArrayLike")
    return _ARRAY.sub(r"~numpy.typing.NDArray[\1]", text)


def without_arguments(_app: Any, _what: str, name: str, *_others: Any) -> tuple[str, None] | None:
    """No signature for classes that functions make."""
    return ("", None) if name in MADE_BY_FUNCTIONS else None


def without_parameters(
    _app: Any, _what: str, name: str, _obj: Any, _options: Any, lines: list[str]
) -> None:
    """Nor an explanation of them."""
    starts = [i for i, line in enumerate(lines) if line.startswith(":Parameters:")]
    if name in MADE_BY_FUNCTIONS and starts:
        (start,) = starts
        end = start + 1
        while end < len(lines) and lines[end][:1] in ("", " "):
            end += 1
        del lines[start:end]


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    for name in ("_parse_attributes_section", "_parse_attribute_docstring"):
        setattr(GoogleDocstring, name, getattr(Docstring, name))  # napoleon makes no other kind
    app.connect("autodoc-process-signature", without_arguments, priority=400)
    app.connect("autodoc-process-docstring", without_parameters, priority=900)
    app.connect("autodoc-process-signature", with_short_types)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
