"""explore: a graph as a page of its own, to be stepped through forward and backward."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

from autodiff.compiler.javascript_rules import javascript_rules
from autodiff.graph import PRIMITIVES
from viz.explorer.data import page_data
from viz.explorer.recorded import without_computed_texts
from viz.files import save
from viz.mime import fitting, mime_bundle
from viz.scene import Group, Scene
from viz.stage import Stage
from viz.subject import Options, Subject
from viz.svg import to_svg
from viz.theme import LIGHT
from viz.typography import printable
from viz.webpage import as_json, framed, packaged, web_page

_BARS = 120
"""Height of what is above and below the graph in a notebook, in pixels."""
_SCRIPTS = (
    "numbers", "graph", "replay", "view", "squeeze", "routes", "folding", "change", "practice",
    "magnitudes", "page",
)  # fmt: skip
_LOWEST, _HIGHEST = 520, 760
_LONGEST_OUTPUT = 16
"""Letters of what the gradients are of, at the head of a narrow column."""


def explore(
    value: Any,
    *,
    constants: bool = False,
    magnitudes: bool = False,
    **options: Unpack[Options],
) -> Explorer:
    """A page that shows the forward and the backward pass gate by gate, and follows paths.

    The value of a leaf can be changed there, and everything follows: values, local derivatives,
    gradients, sums over paths, and the words of every step. The page is complete in itself: it
    needs no network, and nothing that runs beside it. Above 10,000 operations it shows the
    numbers that it was made with.

    Args:
        value: a Value, several Values or a Graph.
        constants: whether the constants in the formula can be changed as well.
        magnitudes: give wires the hue of their gradient's sign and the width of its size, as soon
            as the backward pass has reached them, and anew with every number that is changed; on a
            page that computes.
        options: fold, open, parameters, direction, number, limit and seconds as for
            :func:`viz.draw`.

    Raises:
        TypeError: if there is no Value to show; a compiled function has no steps.
        ValueError: if the direction, the number format or the scope to fold is unknown.

    >>> from autodiff import Value
    >>> x, y = Value(-2.0, "x"), Value(5.0, "y")
    >>> explore(x * y)
    <Explorer: n2, 3 nodes>
    """
    stage = Stage(Subject.of("explore", value, options), LIGHT)
    return Explorer(stage, constants, magnitudes)


class Explorer:
    """A page that shows itself in a notebook and saves itself to a file.

    Attributes:
        html: the page as text; the same graph gives the same text every time.
    """

    def __init__(self, stage: Stage, constants: bool = False, magnitudes: bool = False) -> None:
        self._stage = stage
        self._constants = constants
        self._scripts = [name for name in _SCRIPTS if magnitudes or name != "magnitudes"]

    @cached_property
    def html(self) -> str:
        """The page as text.

        Raises:
            RendererNotFoundError: if there is no Graphviz.
            TimeoutError: if even the simplest picture takes too long to lay out.
        """
        data = page_data(self._stage, self._constants)
        return web_page(
            "viz.explorer",
            style=packaged("viz.explorer", "page.css"),
            script=self._script(data),
            title=html.escape(f"{self._title()}, step by step"),
            output=html.escape(printable(self._stage.called.output(), _LONGEST_OUTPUT)),
            svg=_shortened(to_svg(_without_tooltips(self._stage), None)),
            data=as_json(without_computed_texts(data)),
        )

    def _script(self, data: Mapping[str, Any]) -> str:
        """The program of the page, with those rules of the table that it computes by."""
        operations = data["replay"]["operations"] if data["replay"] else []
        rules = javascript_rules(PRIMITIVES[name] for name in sorted(operations))
        files = [packaged("viz.explorer", f"{name}.js") for name in self._scripts]
        return "\n".join([rules, *files])

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file, whole or not at all.

        Raises:
            ValueError: if the name does not end in .html.
            FileNotFoundError: if the folder does not exist.
            RendererNotFoundError: if there is no Graphviz.
        """
        return save(path, {"html": lambda: self.html.encode()})

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        """Return the page in a frame for a notebook, else its picture. Never a traceback."""
        formats = {"text/html": self._frame, "image/svg+xml": self._still}
        return mime_bundle(repr(self), formats, include, exclude)

    def _still(self) -> str:
        return fitting(to_svg(self._stage.scene, LIGHT))

    def _frame(self) -> str:
        """The page in a frame that may run its script, and nothing else."""
        height = round(min(max(self._stage.scene.height * 1.5 + _BARS, _LOWEST), _HIGHEST))
        return framed(self.html, self._title(), height)

    def _title(self) -> str:
        outputs = self._stage.graph.outputs
        named = self._stage.called.output()
        return named if named != "Σ" else f"{len(outputs):,} outputs"

    def __repr__(self) -> str:
        return f"<Explorer: {self._title()}, {len(self._stage.graph.nodes):,} nodes>"


_COMMON = ('font-size="12"', 'text-anchor="middle"', 'stroke-width="1.2"')
"""Attributes of most shapes, which are stated once for the whole picture."""
_SHAPE = re.compile(r"<(?:text|path|rect|circle) [^>]*>")
_SAID_ONCE = re.compile(rf" (?:{'|'.join(_COMMON)}|fill=\"none\")")  # page.css fills no path


def _shortened(svg: str) -> str:
    """The picture without attributes that its shapes inherit, a sixth of its text."""
    own = _SHAPE.sub(lambda tag: _SAID_ONCE.sub("", tag[0]), svg)
    return own.replace("<svg ", f"<svg {' '.join(_COMMON)} ", 1)


def _without_tooltips(stage: Stage) -> Scene:
    """The picture for the page, which explains nodes itself, and only as far as the steps are."""
    ids = iter(stage.diagram.clusters)
    scene = stage.scene
    groups = [
        Group(group.kind, {"scope": next(ids)}, group.shapes)
        if group.kind == "cluster"
        else Group(group.kind, group.data, group.shapes)
        for group in scene.groups
    ]
    return Scene(scene.width, scene.height, groups, scene.title, scene.description, scene.caption)
