"""The playground: a page in which a model of one's own trains, and can be watched."""

from viz.playground.playground import Playground, playground

__all__ = ["Playground", "playground"]
