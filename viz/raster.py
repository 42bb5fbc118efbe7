"""PNG, PDF and frames of films: the SVG of a scene, rendered by Typst in a font of matplotlib's.

So these files are the same on every machine, whatever fonts it has. Letters that this font lacks,
of East Asia or emoji, come from the fonts of the machine.
"""

from __future__ import annotations

import atexit
import io
import math
import re
import shutil
import struct
import sys
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from viz.markup import allowed
from viz.scene import Scene
from viz.svg import to_svg
from viz.theme import Theme
from viz.typography import is_common

if TYPE_CHECKING:
    from PIL.Image import Image

POINTS_PER_INCH = 72
_FONT = "DejaVu Sans"
_FONTS = Path("mpl-data", "fonts", "ttf")
"""The place of the font in matplotlib."""
_MOST_DOTS = 16_000_000
"""Of a PNG: twice those of the largest usual screens. More takes seconds, and gigabytes."""
_LONGEST_PAGE = 14_400.0
"""Of a PDF, in points: viewers need not show what is longer."""
_METRES_PER_INCH = 0.0254
_HEADER = 33
"""Bytes at the beginning of a PNG: its signature and its first chunk."""


class _Page(NamedTuple):
    """An SVG, and the size in points that it is drawn at."""

    svg: str
    width: float
    height: float


def to_png(scene: Scene, theme: Theme, dots_per_inch: int = 192) -> bytes:
    """Return a picture of dots: 192 per inch are sharp on slides and high-density screens.

    A picture that would have more than sixteen million dots has fewer per inch; a PDF has none.
    """
    inches = scene.width * scene.height / POINTS_PER_INCH**2
    dots = min(dots_per_inch, math.floor(math.sqrt(_MOST_DOTS / inches)))
    (png,) = _drawn([scene], theme, "png", dots)
    return _with_resolution(png, dots)


def to_pdf(scene: Scene, theme: Theme) -> bytes:
    """Return a page of the size of the picture, smaller if that is longer than a PDF may be."""
    (pdf,) = _drawn([scene], theme, "pdf")
    return pdf


def to_images(scenes: Sequence[Scene], theme: Theme, dots_per_inch: int) -> list[Image]:
    """Return pictures of dots to work with: RGB images of Pillow, which comes with matplotlib."""
    pages = _drawn(scenes, theme, "png", dots_per_inch)
    from PIL import Image

    return [Image.open(io.BytesIO(page)).convert("RGB") for page in pages]


def svg_to_pdf(svg: str) -> bytes:
    """Return a PDF of a picture that is SVG already, as ``nbconvert --to latex`` needs it.

    Raises:
        ValueError: if it does not say its size by a ``viewBox``, as those of this package do.
    """
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if size is None:
        raise ValueError("expected the SVG of a picture, with its viewBox, got none")
    (pdf,) = _rendered([_Page(svg, float(size[1]), float(size[2]))], "pdf")
    return pdf


def _drawn(
    scenes: Sequence[Scene],
    theme: Theme,
    format: Literal["png", "pdf"],
    dots_per_inch: int | None = None,
) -> list[bytes]:
    ours = replace(theme, font=_FONT)
    return _rendered(
        [_Page(to_svg(scene, ours), scene.width, scene.height) for scene in scenes],
        format,
        dots_per_inch,
        background=theme.background,
        title=scenes[0].title,
        description=scenes[0].description,
    )


def _rendered(
    pages: Sequence[_Page],
    format: Literal["png", "pdf"],
    dots_per_inch: int | None = None,
    *,
    background: str = "",
    title: str = "",
    description: str = "",
) -> list[bytes]:
    """Return a PNG for each page, or one PDF of all of them."""
    letters = set().union(*(page.svg for page in pages))
    fonts = _fonts(rare=not all(letter.isascii() or is_common(letter) for letter in letters))
    import typst

    lines = ["#set document(title: sys.inputs.title, date: none)"]
    # Where a page ends within a dot, the dot is filled all the same.
    fill = f'fill: rgb("{background}"), ' if background.startswith("#") else ""
    for i, (_, width, height) in enumerate(pages):
        scale = min(1.0, _LONGEST_PAGE / max(width, height)) if format == "pdf" else 1.0
        size = f"width: {width * scale:.6f}pt, height: {height * scale:.6f}pt"
        lines.append(
            f"#page({size}, margin: 0pt, {fill}image("
            f'bytes(sys.inputs.svg{i}), format: "svg", {size}, alt: sys.inputs.description))'
        )
    made: bytes | list[bytes] = typst.compile(
        "\n".join(lines).encode(),
        format=format,
        ppi=dots_per_inch,
        font_paths=fonts,
        sys_inputs={
            "title": allowed(title),
            "description": allowed(description),
            **{f"svg{i}": page.svg for i, page in enumerate(pages)},
        },
    )
    return made if isinstance(made, list) else [made]


@cache
def _fonts(rare: bool) -> Any:
    """Return the font that comes with matplotlib; for rare letters also those of the machine."""
    matplotlib = find_spec("matplotlib")
    if find_spec("typst") is None or matplotlib is None or matplotlib.origin is None:
        raise ImportError(
            "saving a picture as .png, .pdf or .gif needs typst, and matplotlib for its font; "
            "run: pip install typst matplotlib, or save it as .svg"
        )
    import typst

    return typst.Fonts(
        include_system_fonts=rare,
        include_embedded_fonts=False,
        font_paths=[_folder_of_the_font(Path(matplotlib.origin).parent / _FONTS)],
    )


@cache
def _folder_of_the_font(found: Path) -> str:
    """Return a folder with copies of one font alone: typst takes all that are in a folder.

    One of matplotlib's has a box for every letter there is, and would hide those of the machine.
    """
    folder = tempfile.mkdtemp(prefix="viz-font-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for file in found.glob("DejaVuSans*.ttf"):
        if "Mono" not in file.name and "Display" not in file.name:
            shutil.copy(file, folder)
    return folder


def _with_resolution(png: bytes, dots_per_inch: int) -> bytes:
    """Return the PNG with how many of its dots are an inch, so that it is shown at its size."""
    per_metre = round(dots_per_inch / _METRES_PER_INCH)
    content = b"pHYs" + struct.pack(">IIB", per_metre, per_metre, 1)
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    return png[:_HEADER] + chunk + png[_HEADER:]


if __name__ == "__main__":  # for nbconvert; docs/guide/pictures.md has the command
    Path(sys.argv[2]).write_bytes(svg_to_pdf(Path(sys.argv[1]).read_text(encoding="utf-8")))
