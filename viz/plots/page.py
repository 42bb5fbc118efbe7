"""A page to draw on: matplotlib's settings for a theme, and colours that go with it."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from viz.markup import allowed
from viz.theme import Theme

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

ON_LIGHT = (
    *("#0a52c4", "#f2840e", "#580a22", "#c881f8", "#38b390"),
    *("#281084", "#787ead", "#9a6f2e", "#5d4d63", "#a00a06"),
)
ON_DARK = (
    *("#0074cd", "#feb590", "#c44b0c", "#b28af8", "#3baaaa"),
    *("#96c9f7", "#3fffe6", "#e6f772", "#7b7176", "#cc8f00"),
)
"""Ten colours for ten classes.

Found by simulated annealing: the least difference between any two of them (in OKLab; Ottosson, A
perceptual color space for image processing, 2020) is as large as can be for the eyes that see it
worst, out of usual sight, protanopia, deuteranopia and tritanopia (Machado, Oliveira and Fernandes,
A physiologically-based model for simulation of color vision deficiency, 2009), within bounds on
lightness, chroma and the contrast with the page. A test measures it.
"""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "p", ">")
"""As many shapes, since colour is never the only cue."""

_SETTINGS: Any = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same type on every machine
    "font.size": 10,
    "text.parse_math": False,  # a caption may contain $
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titlepad": 9,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "grid.linewidth": 0.6,
    "grid.alpha": 0.35,
    "figure.constrained_layout.w_pad": 0.08,  # inches
    "figure.constrained_layout.h_pad": 0.08,
    "savefig.dpi": 150,
    "svg.hashsalt": "viz.plots",  # ids that are the same every time
    "pdf.fonttype": 42,  # text stays text
}


@contextmanager
def settings(theme: Theme) -> Iterator[None]:
    """Matplotlib in the colours of a theme, and otherwise as it comes; afterwards as it was.

    Raises:
        ImportError: if there is no matplotlib.
    """
    try:
        import matplotlib
    except ImportError:
        raise ImportError("plots need matplotlib; run: pip install matplotlib") from None
    colors = {
        "figure.facecolor": theme.background,
        "axes.facecolor": theme.background,
        "axes.edgecolor": theme.wire,
        "axes.labelcolor": theme.ink,
        "axes.titlecolor": theme.ink,
        "grid.color": theme.wire,
        "text.color": theme.ink,
        "xtick.color": theme.wire,
        "xtick.labelcolor": theme.ink,
        "ytick.color": theme.wire,
        "ytick.labelcolor": theme.ink,
        "hatch.color": theme.wire,
    }
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS | colors)
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, sizes in inches, that arranges its parts without overlaps."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def arrange(figure: Figure) -> None:
    """Give every part its place for good: drawn again and again, they would move a little.

    Texts of users lose what neither XML nor the font has.
    """
    from matplotlib.layout_engine import PlaceHolderLayoutEngine
    from matplotlib.text import Text

    for written in figure.findobj(Text):
        assert isinstance(written, Text)
        written.set_text(allowed(written.get_text()))
    if not isinstance(figure.get_layout_engine(), PlaceHolderLayoutEngine):  # not arranged yet
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def blend(below: str, above: str, share: float) -> str:
    """The colour that shows where ``above`` covers ``below`` with an opacity from 0 to 1.

    >>> blend("#000000", "#ff8000", 0.5)
    '#804000'
    """
    mixed = [(1 - share) * a + share * b for a, b in zip(_rgb(below), _rgb(above), strict=True)]
    return "#" + "".join(f"{round(255 * part):02x}" for part in mixed)


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours, from 1 to 21, as WCAG 2.2 defines it.

    >>> contrast("#000000", "#ffffff")
    21.0
    """
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def readable_on(color: str, theme: Theme) -> str:
    """The colour of text on a coloured ground: the theme's ink or its background."""
    return max((theme.ink, theme.background), key=lambda text: contrast(color, text))


def ramp(*colors: str) -> Colormap:
    """A continuous scale from the first colour over the others to the last."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("ramp", list(colors))


def class_colors(theme: Theme, count: int) -> list[str]:
    """Return one colour for each class, no two the same; up to ten are told apart by all eyes.

    Two classes have the colours of the theme: orange the first, negative one, blue the second.
    """
    if count <= 2:
        return [theme.gradient, theme.value][:count]
    if is_gray(theme):
        step = min(0.06, 0.6 / count)
        return [blend(theme.ink, theme.background, step * i) for i in range(count)]
    is_light = _luminance(theme.background) > 0.2
    more = (_hue(i, 0.36 if is_light else 0.68) for i in range(count - 10))
    return [*(ON_LIGHT if is_light else ON_DARK), *more][:count]


def _hue(i: int, lightness: float) -> str:
    """Return the i-th of many hues, as far from those before as can be, now lighter, now darker."""
    hue = i * 0.618034 % 1.0  # the golden section
    rgb = colorsys.hls_to_rgb(hue, lightness + 0.06 * (i % 3 - 1), 0.7)
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


def region_colors(theme: Theme, count: int) -> list[str]:
    """The grounds on which the points of each class stand out."""
    if is_gray(theme):
        return [
            blend(theme.background, theme.ink, 0.4 * i / max(1, count - 1)) for i in range(count)
        ]
    return [blend(theme.background, color, 0.24) for color in class_colors(theme, count)]


def signed_ramp(theme: Theme) -> Colormap:
    """From negative over 0 to positive; in a theme without colours from dark to light."""
    if is_gray(theme):
        return ramp(theme.ink, blend(theme.ink, theme.background, 0.5), theme.background)
    return ramp(theme.gradient, theme.background, theme.value)


def is_gray(theme: Theme) -> bool:
    """Whether values and gradients do not differ in hue."""
    return all(len(set(_rgb(color))) == 1 for color in (theme.value, theme.gradient))


def class_markers(count: int) -> list[str]:
    """One shape for each class; a class that repeats a colour does not repeat its shape."""
    return [MARKERS[(i + i // len(MARKERS)) % len(MARKERS)] for i in range(count)]


def _rgb(color: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(color)


def _luminance(color: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _rgb(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
