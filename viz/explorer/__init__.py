"""The explorer: a page in which a graph is stepped through, forward and back."""

from viz.explorer.explorer import Explorer, explore

__all__ = ["Explorer", "explore"]
