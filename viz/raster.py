"""PNG and PDF: a scene drawn by matplotlib, in a font that comes with it.

So these files are the same on every machine, whatever fonts it has.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from viz.scene import Circle, Curve, Polygon, Rectangle, Scene, Shape, Text
from viz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from PIL.Image import Image

_POINTS_PER_INCH = 72
_FADED = 0.3
_ALIGNMENTS: dict[str, Literal["left", "center", "right"]] = {
    "start": "left", "middle": "center", "end": "right",
}  # fmt: skip


def to_png(scene: Scene, theme: Theme, dots_per_inch: int = 192) -> bytes:
    """A picture of dots: 192 per inch are sharp on slides and high-density screens."""
    return _save(scene, theme, "png", dpi=dots_per_inch, metadata={"Software": None})


def to_pdf(scene: Scene, theme: Theme) -> bytes:
    """A page of the size of the picture."""
    return _save(scene, theme, "pdf", metadata={"CreationDate": None, "Producer": None})


def to_image(scene: Scene, theme: Theme, dots_per_inch: int = 144) -> Image:
    """A picture of dots to work with: an RGB image of Pillow, which comes with matplotlib."""
    from PIL import Image

    return Image.open(io.BytesIO(to_png(scene, theme, dots_per_inch))).convert("RGB")


def _save(scene: Scene, theme: Theme, format: str, **options: Any) -> bytes:
    figure = _figure(scene, theme)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # shown as a box
        figure.savefig(file, format=format, facecolor=theme.background, **options)
    return file.getvalue()


def _figure(scene: Scene, theme: Theme) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(
            "saving a picture as .png or .pdf needs matplotlib; run: pip install matplotlib, or "
            "save it as .svg"
        ) from None
    figure = Figure(figsize=(scene.width / _POINTS_PER_INCH, scene.height / _POINTS_PER_INCH))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, scene.width), ylim=(scene.height, 0))
    axes.set_axis_off()
    for group in scene.groups:
        for shape in group.shapes:
            for artist in _artists(shape, theme):
                artist.set_alpha(_FADED if group.faded else None)
                axes.add_artist(artist)
    return figure


def _artists(shape: Shape, theme: Theme) -> Iterator[Artist]:
    from matplotlib import patches, path, text

    match shape:
        case Text():
            yield text.Text(
                shape.x,
                shape.y,
                shape.text,
                color=getattr(theme, shape.role),
                fontsize=shape.size,
                fontfamily="DejaVu Sans",
                fontweight="bold" if shape.bold else "normal",
                fontstyle="italic" if shape.italic else "normal",
                horizontalalignment=_ALIGNMENTS[shape.anchor],
                verticalalignment="baseline",
                parse_math=False,
            )
        case Rectangle(_, _, _, _, _, fill, stroke, stroke_width):
            yield patches.PathPatch(
                path.Path(*_rounded(shape, path.Path)),
                facecolor=getattr(theme, fill),
                edgecolor=getattr(theme, stroke),
                linewidth=stroke_width,
            )
        case Circle(x, y, radius, fill, stroke, stroke_width):
            yield patches.Circle(
                (x, y),
                radius,
                facecolor=getattr(theme, fill),
                edgecolor=getattr(theme, stroke),
                linewidth=stroke_width,
            )
        case Curve(points, role, stroke_width, dashed):
            codes = [path.Path.MOVETO] + [path.Path.CURVE4] * (len(points) - 1)
            yield patches.PathPatch(
                path.Path(points, codes),
                facecolor="none",
                edgecolor=getattr(theme, role),
                linewidth=stroke_width,
                linestyle=(0, (5 / stroke_width, 3 / stroke_width)) if dashed else "solid",
                capstyle="butt",
            )
        case Polygon(points, role):
            yield patches.Polygon(points, facecolor=getattr(theme, role), linewidth=0)


def _rounded(box: Rectangle, path: Any) -> tuple[list[tuple[float, float]], list[int]]:
    """The outline of a box whose corners are arcs, as points and codes of a path.

    A quarter of a circle is a cubic Bézier curve with its handles 0.5523 radii long.
    """
    radius = min(box.radius, box.width / 2, box.height / 2)
    left, top, right, bottom = box.x, box.y, box.x + box.width, box.y + box.height
    points, codes = [(left + radius, top)], [path.MOVETO]
    corners = (
        ((right, top), (-1, 0), (0, 1)), ((right, bottom), (0, -1), (-1, 0)),
        ((left, bottom), (1, 0), (0, -1)), ((left, top), (0, 1), (1, 0)),
    )  # fmt: skip
    for (x, y), (back_x, back_y), (on_x, on_y) in corners:
        handle = 0.4477 * radius
        points += [
            (x + back_x * radius, y + back_y * radius),
            (x + back_x * handle, y + back_y * handle),
            (x + on_x * handle, y + on_y * handle),
            (x + on_x * radius, y + on_y * radius),
        ]
        codes += [path.LINETO, path.CURVE4, path.CURVE4, path.CURVE4]
    return [*points, points[0]], [*codes, path.CLOSEPOLY]
