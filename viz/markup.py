"""Markup: the one door through which texts and attributes enter SVG and HTML.

XML has no control characters and no halves of surrogate pairs, not even escaped; a name of a user's
may have both.
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def allowed(content: str) -> str:
    """Return the text with a replacement character for each that XML does not have.

    >>> allowed("a\\x01b")
    'a\ufffdb'
    """
    return _FORBIDDEN.sub("\ufffd", content)


def text(content: str) -> str:
    """Return the content of an element.

    >>> text("a < b & c")
    'a &lt; b &amp; c'
    """
    return escape(allowed(content), {"\r": "&#13;"})


def attribute(value: str) -> str:
    """Return the value of an attribute, in its quotation marks.

    >>> attribute('a "quoted" <b>')
    '\\'a "quoted" &lt;b&gt;\\''
    """
    return quoteattr(allowed(value))
