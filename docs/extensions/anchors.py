"""Anchors of the site: links from the code to the reference are mended, and all are checked."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sphinx.util.logging import getLogger

_log = getLogger(__name__)
_LINK = re.compile(r'href="([^"#]*)#((?:autodiff|viz)[\w.]*)"')


def mended(body: str, names: dict[str, str]) -> str:
    """Return a page of code with links to names as the reference has them.

    Args:
        body: HTML, in which viewcode names an object by the module that the reference is about.
        names: the page of the reference for each full name.

    >>> mended('<a href="a.html#autodiff.Paths">', {"autodiff.graph.Paths": "a"})
    '<a href="a.html#autodiff.graph.Paths">'
    """

    def replaced(link: re.Match[str]) -> str:
        page, name = link[1], link[2]
        if name in names:
            return link[0]
        parts = name.split(".")
        ends = [f".{'.'.join(parts[i:])}" for i in range(1, len(parts))]
        here = [full for full, on in names.items() if Path(on).stem == Path(page).stem]
        found = [full for end in ends for full in here if full.endswith(end)]
        return f'href="{page}#{found[0] if found else name}"'

    return _LINK.sub(replaced, body)


def leading_nowhere(site: Path) -> Iterator[tuple[str, str]]:
    """Yield each page with a link of it to an anchor that its target does not have."""
    texts = {page.resolve(): page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    anchors = {p: set(re.findall(r'\b(?:id|name)="([^"]+)"', t)) for p, t in texts.items()}
    for page, text in texts.items():
        for address in re.findall(r'<a [^>]*?href="([^"]+)"', text):
            path, _, anchor = unquote(html.unescape(address)).partition("#")
            target = (page.parent / path).resolve() if path else page
            is_state = "=" in anchor  # of an explorer
            if anchor and not is_state and anchor not in anchors.get(target, {anchor}):
                yield page.relative_to(site.resolve()).as_posix(), address


def _mend(app: Any, name: str, _template: str, context: dict[str, Any], _tree: Any) -> None:
    if name.startswith("_modules/"):
        objects = app.env.get_domain("py").objects
        context["body"] = mended(context["body"], {n: o.docname for n, o in objects.items()})


def _check(app: Any, error: Exception | None) -> None:
    if error or app.builder.name != "html":
        return
    for page, address in leading_nowhere(Path(app.outdir)):
        _log.warning("%s: there is no anchor %s", page, address)
        app.statuscode = 1  # it is too late to count warnings


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.connect("html-page-context", _mend)
    app.connect("build-finished", _check)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
