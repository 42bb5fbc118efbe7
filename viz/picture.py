"""Picture: a drawn graph that shows itself in a notebook and saves itself to a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from viz.render import FORMATS, RendererNotFoundError, render


class Picture:
    """A drawing in the DOT language, rendered when it is needed.

    Attributes:
        dot: the DOT text. The same graph gives the same text every time.
    """

    def __init__(self, dot: str) -> None:
        self.dot = dot

    def render(self, format: str = "svg") -> bytes:
        """The picture as ``"svg"``, ``"png"`` or ``"pdf"``; see :func:`viz.render.render`."""
        if format not in FORMATS:
            raise ValueError(f"expected the format {_or(FORMATS)}, got {format!r}")
        return render(self.dot, format)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file, whole or not at all; the suffix says in which format.

        Raises:
            ValueError: if the suffix is none of .svg, .png, .pdf and .dot.
            FileNotFoundError: if the folder does not exist.
            RendererNotFoundError: if there is no Graphviz (not needed for .dot).
        """
        path = Path(path)
        format = path.suffix.lower().removeprefix(".")
        if format not in (*FORMATS, "dot"):
            suffixes = _or([f".{known}" for known in (*FORMATS, "dot")])
            raise ValueError(f"expected a file name that ends in {suffixes}, got {path.name!r}")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"cannot save {path.name}: there is no folder {path.parent}")
        content = self.dot.encode() if format == "dot" else self.render(format)
        _write_whole(content, path)
        return path

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        try:
            return {"image/svg+xml": self.render("svg").decode(), "text/plain": repr(self)}
        except RendererNotFoundError as error:
            return {"text/plain": f"{error}\n\n{self.dot}"}
        except (RuntimeError, OSError) as error:
            return {"text/plain": str(error)}

    def __repr__(self) -> str:
        return f"<Picture, {len(self.dot.encode()):,} bytes of DOT>"


def _write_whole(content: bytes, path: Path) -> None:
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except PermissionError:
        message = f"cannot save {path.name}: no write access to {path.parent}"
        raise PermissionError(message) from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _or(words: list[str] | tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
