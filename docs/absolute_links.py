"""Make the README's relative links absolute, for the package's page, where no other file lies.

A release runs ``python -m docs.absolute_links https://HOST/OWNER/NAME TAG`` before it builds.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"

_PICTURE = re.compile(r'(\b(?:src|srcset)=")(?![a-z]+:|#)([^"]+)')
_LINK = re.compile(r'(\bhref="|(?<!!)\[[^\]\[]*\]\()(?![a-z]+:|#)([^")\s]+)')


def absolute(text: str, repository: str, tag: str) -> str:
    """Return a page with links that lead into a repository, as it was at a tag.

    Args:
        text: Markdown whose relative links start at the root of the repository.
        repository: the address of the repository.
        tag: the name of a tag or branch.

    >>> absolute("[guide](docs/a.md)", "https://example.org/me/it", "v1")
    '[guide](https://example.org/me/it/blob/v1/docs/a.md)'
    >>> absolute('<img src="a.svg">', "https://example.org/me/it", "v1")
    '<img src="https://example.org/me/it/raw/v1/a.svg">'
    """
    text = _PICTURE.sub(rf"\g<1>{repository}/raw/{tag}/\2", text)
    return _LINK.sub(rf"\g<1>{repository}/blob/{tag}/\2", text)


def main() -> None:
    """Rewrite README.md in place."""
    _, repository, tag = sys.argv
    text = README.read_text(encoding="utf-8")
    README.write_text(absolute(text, repository, tag), encoding="utf-8")


if __name__ == "__main__":
    main()
