"""PNG, PDF and frames of films: the SVG of a scene, rendered by Typst in a font of matplotlib's.

So these files are the same on every machine, whatever fonts it has. Letters that this font lacks,
of East Asia or emoji, come from the fonts of the machine.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from viz.markup import allowed
from viz.scene import Scene, Text
from viz.svg import to_svg
from viz.theme import Theme
from viz.typography import is_common

if TYPE_CHECKING:
    from PIL.Image import Image

POINTS_PER_INCH = 72
_FONT = "DejaVu Sans"
_MOST_DOTS = 100_000_000
"""Of a PNG: more would need gigabytes of memory."""
_LONGEST_PAGE = 14_400.0
"""Of a PDF, in points: viewers need not show what is longer."""
_METRES_PER_INCH = 0.0254
_HEADER = 33
"""Bytes at the beginning of a PNG: its signature and its first chunk."""


def to_png(scene: Scene, theme: Theme, dots_per_inch: int = 192) -> bytes:
    """Return a picture of dots: 192 per inch are sharp on slides and high-density screens.

    A picture that would have more than a hundred million dots has fewer per inch.
    """
    inches = scene.width * scene.height / POINTS_PER_INCH**2
    dots = min(dots_per_inch, math.floor(math.sqrt(_MOST_DOTS / inches)))
    (png,) = _pages([scene], theme, "png", dots_per_inch=dots)
    return _with_resolution(png, dots)


def to_pdf(scene: Scene, theme: Theme) -> bytes:
    """Return a page of the size of the picture, smaller if that is longer than a PDF may be."""
    scale = min(1.0, _LONGEST_PAGE / max(scene.width, scene.height))
    (pdf,) = _pages([scene], theme, "pdf", scale=scale)
    return pdf


def to_images(scenes: Sequence[Scene], theme: Theme, dots_per_inch: int) -> list[Image]:
    """Return pictures of dots to work with: RGB images of Pillow, which comes with matplotlib."""
    pages = _pages(scenes, theme, "png", dots_per_inch=dots_per_inch)
    from PIL import Image

    return [Image.open(io.BytesIO(page)).convert("RGB") for page in pages]


def _pages(
    scenes: Sequence[Scene],
    theme: Theme,
    format: Literal["png", "pdf"],
    *,
    scale: float = 1.0,
    dots_per_inch: int | None = None,
) -> list[bytes]:
    """Return the scenes as a PNG each, or as one PDF of all of them."""
    fonts = _fonts(not all(map(is_common, _letters(scenes))))
    import typst

    drawn = replace(theme, font=_FONT)
    texts = {f"svg{i}": to_svg(scene, drawn) for i, scene in enumerate(scenes)}
    texts["title"] = allowed(scenes[0].title)
    texts["description"] = allowed(scenes[0].description)
    lines = ["#set document(title: sys.inputs.title, date: none)"]
    # Where a page ends within a dot, the dot is filled all the same.
    fill = f'fill: rgb("{theme.background}"), ' if theme.background.startswith("#") else ""
    for i, scene in enumerate(scenes):
        size = f"width: {scene.width * scale:.6f}pt, height: {scene.height * scale:.6f}pt"
        lines.append(
            f"#page({size}, margin: 0pt, {fill}image("
            f'bytes(sys.inputs.svg{i}), format: "svg", {size}, alt: sys.inputs.description))'
        )
    made: bytes | list[bytes] = typst.compile(
        "\n".join(lines).encode(),
        format=format,
        ppi=dots_per_inch,
        font_paths=fonts,
        sys_inputs=texts,
    )
    return made if isinstance(made, list) else [made]


@cache
def _fonts(rare: bool) -> Any:
    """Return the fonts that come with matplotlib; for rare letters also those of the machine."""
    matplotlib = find_spec("matplotlib")
    if find_spec("typst") is None or matplotlib is None or matplotlib.origin is None:
        raise ImportError(
            "saving a picture as .png, .pdf or .gif needs typst, and matplotlib for its font; "
            "run: pip install typst matplotlib, or save it as .svg"
        )
    import typst

    folder = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf"
    return typst.Fonts(
        include_system_fonts=rare, include_embedded_fonts=False, font_paths=[str(folder)]
    )


def _letters(scenes: Sequence[Scene]) -> Iterator[str]:
    for scene in scenes:
        for group in scene.groups:
            for shape in group.shapes:
                if isinstance(shape, Text):
                    yield from shape.text


def _with_resolution(png: bytes, dots_per_inch: int) -> bytes:
    """Return the PNG with how many of its dots are an inch, so that it is shown at its size."""
    per_metre = round(dots_per_inch / _METRES_PER_INCH)
    content = b"pHYs" + struct.pack(">IIB", per_metre, per_metre, 1)
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    return png[:_HEADER] + chunk + png[_HEADER:]
