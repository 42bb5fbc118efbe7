"""Formulas as MathML, which browsers show by themselves: no script, and no network."""

from __future__ import annotations

import html
import re
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

_MATHML = "http://www.w3.org/1998/Math/MathML"
ElementTree.register_namespace("", _MATHML)

log = logging.getLogger(__name__)

_AS_DOCUTILS_HAS_IT = [
    (re.compile(r"\\([bB]igg?)(?=[^a-zA-Z])"), r"\\\1l"),  # large parentheses of no direction
    (re.compile(r"\\([td]?frac)\s*(\d)\s*(\d)"), r"\\\1{\2}{\3}"),  # fractions without braces
]
"""Notation that GitHub understands, and what docutils uses instead."""

_NAMED = re.compile(r"&(?!lt;|gt;|amp;|quot;)\w+;")
"""Characters by names that HTML has and XML has not."""


def inline(self: Any, node: nodes.math) -> None:
    """A formula within a line."""
    self.body.append(as_mathml(node, as_block=False))
    raise nodes.SkipNode


def displayed(self: Any, node: nodes.math_block) -> None:
    """A formula on a line of its own."""
    self.body.append(f'<div class="math">{as_mathml(node, as_block=True)}</div>\n')
    raise nodes.SkipNode


def as_mathml(node: nodes.math | nodes.math_block, as_block: bool) -> str:
    """A formula; as it is written, with a warning, if it cannot be read."""
    text = node.astext()
    for pattern, other in _AS_DOCUTILS_HAS_IT:
        text = pattern.sub(other, text)
    try:
        return _labelled(tex2mathml(text, as_block=as_block))
    except MathError as error:
        log.warning("%s in the formula %s", error, text, location=node)
        return f"<code>{html.escape(text)}</code>"


def _labelled(formula: str) -> str:
    """The formula with the labels of braces below and above them; docutils puts them aside."""
    tree = ElementTree.fromstring(_NAMED.sub(lambda found: html.unescape(found[0]), formula))
    for aside, brace in (("msub", "munder"), ("msup", "mover")):
        for element in tree.iter(f"{{{_MATHML}}}{aside}"):
            if element[0].tag == f"{{{_MATHML}}}{brace}":
                element.tag = element[0].tag
                element[0][1].set("stretchy", "true")
    return ElementTree.tostring(tree, encoding="unicode")


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.add_html_math_renderer("mathml", (inline, None), (displayed, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
