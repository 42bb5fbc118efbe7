"""Files of the repository that pages link to, on pages of their own: ``source/...``."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.extensions.notebooks import FOLDER, cells_of_text
from docs.extensions.pages import ROOT, SHOWN, is_shown, linked


def linked_sources() -> list[Path]:
    """The files that any page or notebook links to, and that are shown."""
    found: set[Path] = set()
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        found.update(linked(page.read_text(), page.relative_to(ROOT)))
    for notebook in FOLDER.glob("*.ipynb"):
        found.update(linked("\n\n".join(cells_of_text(notebook)), notebook.relative_to(ROOT)))
    return sorted(path for path in found if is_shown(path))


def pages(app: Any) -> Iterator[tuple[str, dict[str, Any], str]]:
    """For Sphinx: the name, the content and the template of each page."""
    for path in linked_sources():
        language = SHOWN.get(path.suffix, "make" if path.name == "Makefile" else "text")
        text = app.builder.highlighter.highlight_block(
            (ROOT / path).read_text(), language, linenos=False
        )
        title = html.escape(path.as_posix())
        body = f'<section><h1 class="source"><code>{title}</code></h1>{text}</section>'
        yield f"source/{path.as_posix()}", {"title": title, "body": body}, "page.html"


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.connect("html-collect-pages", pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
