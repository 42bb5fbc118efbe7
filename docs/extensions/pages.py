"""Pages that are written for GitHub, as the site needs them.

Pictures are in two themes, links lead to what the site has, and live explorers are opened.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

PLACES = {
    "README.md": "docs/index.md",
    "CONTRIBUTING.md": "docs/contributing.md",
    "CHANGELOG.md": "docs/changelog.md",
    "notebooks": "docs/notebooks",
    "docs/gallery/explorer.html": "docs/explorer.html",
}
"""The places on the site of files that lie elsewhere in the repository."""

SHOWN = {".py": "python", ".toml": "toml", ".js": "javascript", ".css": "css", ".yaml": "yaml"}
"""Files that have pages of their own, made in sources.py, and their languages."""

_FENCED = re.compile(r"^( *)(```+|~~~+)[^\n]*\n.*?^\1\2 *$", re.MULTILINE | re.DOTALL)
_PICTURE = re.compile(r"<picture>.*?</picture>", re.DOTALL)
_ATTRIBUTE = re.compile(r'(srcset|src|alt)="([^"]*)"', re.DOTALL)
_WIDTH = re.compile(r'<svg [^>]*?width="([\d.]+)"')
_COLUMN = 832
"""The pixels of a page's column, as in site.css."""
_SMALLEST = 0.75
"""The least factor by which a picture may be shrunk to fit."""
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
_COMMENTED = re.compile(r"^<!-- (\{embed\}.*?)\s*-->$", re.MULTILINE | re.DOTALL)
"""Directives for the site alone, in comments, since they cannot be shown elsewhere."""
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^()\s]+)\)")


def adapted(text: str, source: Path, target: Path) -> str:
    """A page that was written to lie at ``source``, for the site, where it lies at ``target``.

    Args:
        text: Markdown; fenced blocks stay as they are.
        source, target: relative to the root of the repository.
    """
    parts, end = [], 0
    for block in _FENCED.finditer(text):
        parts += [_adapted(text[end : block.start()], source, target), block[0]]
        end = block.end()
    return "".join([*parts, _adapted(text[end:], source, target)])


def _adapted(text: str, source: Path, target: Path) -> str:
    text = _COMMENTED.sub(r"```\1\n```", text)
    text = _PICTURE.sub(lambda found: _images(found[0], source), text)
    text = _IMAGE.sub(lambda found: f"![{found[1]}]({_moved(found[2], source, target)})", text)
    return _LINK.sub(lambda found: _link(found[1], found[2], source, target), text)


def _images(picture: str, source: Path) -> str:
    """A picture in two themes as two images, of which the theme of the site shows one."""
    found = dict(_ATTRIBUTE.findall(picture))
    alt = html.unescape(" ".join(found["alt"].split())).replace("[", "(").replace("]", ")")
    light, dark = found["src"], found["srcset"]
    if light == dark:
        return f"![{alt}]({light})"
    return "\n".join(
        f"![{alt}]({address}){{.only-{theme}{_least_width(address, source)}}}"
        for theme, address in (("light", light), ("dark", dark))
    )


def _least_width(address: str, source: Path) -> str:
    """Attributes that keep the text of a wide picture readable: it is scrolled, not shrunk."""
    path = _path(address, source)
    if path is None or path.suffix != ".svg" or not (ROOT / path).is_file():
        return ""
    width = _WIDTH.search((ROOT / path).read_text())
    least = round(_SMALLEST * float(width[1])) if width else 0
    return f" .wide width={least}px" if least > _COLUMN else ""


def _link(text: str, address: str, source: Path, target: Path) -> str:
    path = _path(address, source)
    if path is None:
        return f"[{text}]({address})"
    anchor = address.partition("#")[2]
    if is_shown(path):
        page = Path("docs/source") / f"{path}.html"
        return f'<a href="{_relative(page, target)}">{text}</a>'
    moved = _moved(address, source, target)
    if path.suffix == ".html":
        return f'<a href="{moved}">{text}</a>'
    if (ROOT / path).is_dir() and _place(path) == path:
        return text  # the site has no lists of files
    return f"[{text}]({moved}{'#' + anchor if anchor else ''})"


def is_shown(path: Path) -> bool:
    """Whether a file of the repository has a page of its own."""
    return (path.suffix in SHOWN or path.name in ("Makefile", "LICENSE")) and (
        ROOT / path
    ).is_file()


def linked(text: str, source: Path) -> Iterator[Path]:
    """The files of the repository that a page links to."""
    for _, address in _LINK.findall(_FENCED.sub("", text)):
        if path := _path(address, source):
            yield path


def _moved(address: str, source: Path, target: Path) -> str:
    """The path of an address, without its anchor, as seen from another page."""
    path = _path(address, source)
    return address if path is None else _relative(_place(path), target)


def _path(address: str, source: Path) -> Path | None:
    """Return the path of a relative address from the root of the repository."""
    path = address.partition("#")[0]
    if not path or re.match(r"[a-z]+:", address):
        return None
    return Path(os.path.normpath(source.parent / path))


def _place(path: Path) -> Path:
    for inside in (path, path.parent):
        if place := PLACES.get(inside.as_posix()):
            return Path(place) / path.relative_to(inside)
    return path


def _relative(path: Path, target: Path) -> str:
    return Path(os.path.relpath(path, target.parent)).as_posix()


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""

    def read(app: Any, name: str, content: list[str]) -> None:
        path = Path(app.env.doc2path(name, base=False))
        if path.suffix == ".md":
            page = "docs" / path
            content[0] = adapted(content[0], page, page)

    def included(_app: Any, path: Path, parent: str, content: list[str]) -> None:
        source = Path(os.path.normpath("docs" / path))
        content[0] = adapted(content[0], source, Path("docs") / f"{parent}.md")

    handlers: dict[str, Callable[..., None]] = {"source-read": read, "include-read": included}
    for event, handler in handlers.items():
        app.connect(event, handler)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
