"""Formulas as MathML, which browsers show by themselves: no script, and no network."""

from __future__ import annotations

import html
import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

log = logging.getLogger(__name__)

_BIG = re.compile(r"\\([bB]igg?)(?=[^a-zA-Z])")
"""Large parentheses of no direction, which GitHub knows and docutils does not."""


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
    try:
        return str(tex2mathml(_BIG.sub(r"\\\1l", text), as_block=as_block))
    except MathError as error:
        log.warning("%s in the formula %s", error, text, location=node)
        return f"<code>{html.escape(text)}</code>"


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.add_html_math_renderer("mathml", (inline, None), (displayed, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
