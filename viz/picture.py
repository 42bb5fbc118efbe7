"""Picture: a drawn graph that shows itself in a notebook and saves itself to a file."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Collection
from pathlib import Path

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
        if path.is_dir():
            raise IsADirectoryError(f"cannot save {path.name}: there is a folder of that name")
        content = self.dot.encode() if format == "dot" else self.render(format)
        _write_whole(content, path)
        return path

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        """What a notebook shows: SVG and plain text. Never a traceback."""
        svg, plain = "image/svg+xml", "text/plain"
        shown = {svg, plain} & set(include or (svg, plain)) - set(exclude or ())
        bundle = {plain: repr(self)} if plain in shown else {}
        if svg in shown:
            try:
                bundle[svg] = self.render("svg").decode()
            except RendererNotFoundError as error:
                bundle[plain] = f"{error}\n\n{self.dot}"
            except (RuntimeError, OSError) as error:
                bundle[plain] = str(error)
        return bundle

    def __repr__(self) -> str:
        return f"<Picture, {len(self.dot.encode()):,} bytes of DOT>"


def _write_whole(content: bytes, path: Path) -> None:
    path = path.resolve()  # a link stays a link
    part = path.with_name(f".{path.name[:50]}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        part.write_bytes(content)
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(f"cannot save {path}: {error.strerror}") from None
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _or(words: list[str] | tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
