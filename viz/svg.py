"""SVG: a scene as text that browsers, notebooks and slides show.

Colours are attributes, which every program understands; classes are there too, so that a page may
recolour the picture. Nothing has an id: two pictures on one page cannot clash.
"""

from __future__ import annotations

from collections.abc import Sequence

from viz.markup import attribute, text
from viz.scene import Circle, Curve, Group, Point, Polygon, Rectangle, Scene, Shape, Text
from viz.theme import LIGHT, Theme

_FOLLOWS = "follows-page"
"""The class of a picture that is dark where its page is: the style sheet of one is that of all."""


def to_svg(scene: Scene, theme: Theme | None, dark: Theme | None = None) -> str:
    """Return the scene as a complete SVG document, with title and description for screen readers.

    Args:
        scene: every shape in its place.
        theme: the colours; None leaves them to the style sheet of a page.
        dark: the colours on a dark page, if the picture is to follow the page that shows it.
    """
    ground = _painted("fill", "background", theme)
    follows = f'class="{_FOLLOWS}" ' if dark else ""
    size = f'width="{scene.width:g}" height="{scene.height:g}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {follows}{size} '
        f'viewBox="0 0 {scene.width:g} {scene.height:g}" role="img" '
        f"aria-label={attribute(scene.title)} font-family={attribute((theme or LIGHT).font)}>",
        f"<title>{text(scene.title)}</title>",
        f"<desc>{text(scene.description)}</desc>",
        *([f"<style>{_on_dark_pages(dark)}</style>"] if dark else []),
        f'<rect class="background" width="100%" height="100%"{ground}/>',
    ]
    for group in scene.groups:
        lines += _group(group, theme)
    return "\n".join([*lines, "</svg>\n"])


def _on_dark_pages(dark: Theme) -> str:
    """Return the style sheet for the colours on a dark page: rules come before attributes."""
    rules = []
    for role, color in dark.colors.items():
        filled = ",".join(f".{_FOLLOWS} .{role}{kind}" for kind in ("", "-fill", "-arrow"))
        rules.append(f"{filled}{{fill:{color}}}.{_FOLLOWS} .{role}-line{{stroke:{color}}}")
    return f"@media (prefers-color-scheme:dark){{{''.join(rules)}}}"


def _group(group: Group, theme: Theme | None) -> list[str]:
    data = "".join(f" data-{name}={attribute(value)}" for name, value in group.data.items())
    opacity = ' opacity="0.3"' if group.faded else ""
    tooltip = [f"<title>{text(group.tooltip)}</title>"] if group.tooltip else []
    shapes = [_shape(shape, theme) for shape in group.shapes]
    return [f'<g class="{group.kind}"{data}{opacity}>', *tooltip, *shapes, "</g>"]


def _shape(shape: Shape, theme: Theme | None) -> str:
    match shape:
        case Text():
            return _text(shape, theme)
        case Rectangle(x, y, width, height, radius):
            return (
                f'<rect x="{x:.6g}" y="{y:.6g}" width="{width:.6g}" height="{height:.6g}" '
                f'rx="{radius:g}" {_filled(shape, theme)}/>'
            )
        case Circle(x, y, radius):
            return f'<circle cx="{x:.6g}" cy="{y:.6g}" r="{radius:g}" {_filled(shape, theme)}/>'
        case Curve(points, role, stroke_width, dashed):
            dashes = ' stroke-dasharray="5 3"' if dashed else ""
            return (
                f'<path class="{role}-line" d="{_path(points)}" fill="none"'
                f'{_painted("stroke", role, theme)} stroke-width="{stroke_width:g}"{dashes}/>'
            )
        case Polygon(points, role):
            corners = " ".join(f"{x:g},{y:g}" for x, y in points)
            color = _painted("fill", role, theme)
            return f'<polygon class="{role}-arrow" points="{corners}"{color}/>'


def _filled(shape: Rectangle | Circle, theme: Theme | None) -> str:
    return (
        f'class="{shape.fill}-fill {shape.stroke}-line"{_painted("fill", shape.fill, theme)}'
        f'{_painted("stroke", shape.stroke, theme)} stroke-width="{shape.stroke_width:g}"'
    )


def _text(written: Text, theme: Theme | None) -> str:
    style = ' font-weight="bold"' if written.bold else ""
    style += ' font-style="italic"' if written.italic else ""
    return (
        f'<text class="{written.role}" x="{written.x:.6g}" y="{written.y:.6g}" '
        f'font-size="{written.size:g}" text-anchor="{written.anchor}"'
        f"{_painted('fill', written.role, theme)}{style}>{text(written.text)}</text>"
    )


def _path(points: Sequence[Point]) -> str:
    texts = [f"{x:g},{y:g}" for x, y in points]
    return f"M{texts[0]}C{' '.join(texts[1:])}"


def _painted(name: str, role: str, theme: Theme | None) -> str:
    return f" {name}={attribute(getattr(theme, role))}" if theme else ""
