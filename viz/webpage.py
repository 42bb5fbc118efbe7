"""Web pages: one file that needs no network, whose script and style alone may be used."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import fields
from importlib.resources import files
from string import Template
from typing import Any

from viz.theme import DARK, LIGHT, Theme


def web_page(package: str, *, style: str, script: str, **parts: str) -> str:
    """The page of a package's ``page.html``, in which nothing but its own parts may be used.

    Args:
        package: holds ``page.html``, a template.
        style: a style sheet; the colours of the themes, ``--ink`` and so on, and what all pages
            share (webpage.css) are put before it.
        script: the program of the page.
        parts: what else the template names; texts of users must be escaped before.
    """
    style = "\n".join([_colors(), *map(compact, (packaged("viz", "webpage.css"), style))])
    script = compact(script)
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}"
    return Template(packaged(package, "page.html")).substitute(
        policy=html.escape(f"{policy}; base-uri 'none'; form-action 'none'"),
        style=style,
        script=script,
        **parts,
    )


def packaged(package: str, name: str) -> str:
    """The text of a file that is part of a package."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


def compact(text: str) -> str:
    """A script or style sheet without indentation, empty lines and lines that are comments.

    >>> compact("// says what\\n  const x = 1; // stays\\n\\n")
    'const x = 1; // stays'
    """
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not _COMMENT.fullmatch(line))


_COMMENT = re.compile(r"//.*|/\*((?!\*/).)*\*/")


def framed(page: str, title: str, height: int) -> str:
    """The page in a frame that may run its script, and nothing else."""
    return (
        f'<iframe sandbox="allow-scripts" title="{html.escape(title)}" '
        f'srcdoc="{html.escape(page)}" '
        f'style="width: 100%; height: {height}px; border: 0"></iframe>'
    )


def as_json(data: Any) -> str:
    """JSON that can stand in a script element, whatever names are in it."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(content: str) -> str:
    """Return the hash by which a content security policy allows a script or a style sheet."""
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _colors() -> str:
    """The themes as variables of the style sheet: the viewer's setting chooses."""
    dark = f"@media (prefers-color-scheme: dark) {{ {_variables(DARK)} }}"
    return f":root {{ color-scheme: light dark; }}\n{_variables(LIGHT)}\n{dark}"


def _variables(theme: Theme) -> str:
    colors: Mapping[str, Any] = {field.name: getattr(theme, field.name) for field in fields(theme)}
    text = " ".join(f"--{name}: {c};" for name, c in colors.items() if str(c).startswith("#"))
    return f":root {{ {text} }}"
