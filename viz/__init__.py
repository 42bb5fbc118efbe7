"""viz: computation graphs as pictures.

>>> from autodiff import Value
>>> import viz
>>> x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
>>> picture = viz.draw((x + y) * z)
>>> "-12" in picture.dot
True
"""

from viz import plots as plots  # so that viz.plots.bars needs no second import
from viz.animation import Animation, animate
from viz.draw import draw
from viz.explorer import Explorer, explore
from viz.live import Live, live, sliders
from viz.picture import Picture
from viz.playground import Playground, playground
from viz.render import RendererNotFoundError
from viz.theme import DARK, LIGHT, PRINT, Theme

__all__ = [
    "DARK", "LIGHT", "PRINT", "Animation", "Explorer", "Live", "Picture", "Playground",
    "RendererNotFoundError", "Theme", "animate", "draw", "explore", "live", "playground", "sliders",
]  # fmt: skip
