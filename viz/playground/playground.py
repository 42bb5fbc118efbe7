"""playground: a model of one's own that trains in a page, as one watches."""

from __future__ import annotations

import html
import math
import os
from collections.abc import Callable, Collection
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from viz.files import save
from viz.mime import mime_bundle
from viz.playground.examples import PlaneExamples, plane_examples
from viz.playground.network import Network, network_of
from viz.playground.programs import Programs, count_outputs, programs_of, starts_of
from viz.playground.task import Loss, Task, task_of
from viz.typography import counted, printable
from viz.webpage import as_json, framed, packaged, web_page

_SCRIPTS = ("training", "plane", "curve", "network", "page")
_HEIGHT = 760
_AROUND = 0.12
"""Room around the points, as a part of the plane's width."""


def playground(
    model: Callable[..., Any],
    data: Any,
    *,
    loss: Loss | str | None = None,
    learning_rate: float = 0.1,
    batch_size: int = 32,
    validation: Any = None,
) -> Playground:
    """A page in which the model trains on points of the plane, by gradient descent.

    The compiler writes the model and its loss in JavaScript; the page needs no network, and nothing
    that runs beside it. Its reader plays, pauses, steps, changes learning rate, batch size and
    noise, starts from other weights, and points at a unit to see what it computes.

    Args:
        model: of two inputs: ``nn.MLP``, ``nn.Sequential``, any module, or a function of a list of
            two numbers that uses Values as its parameters. It begins as it is, and stays so.
        data: a toy set of ``autodiff.data``, or arrays (X, y) of shapes (count, 2) and
            (count,). Whole numbers are classes, others the numbers of a regression.
        loss: of the outputs for one point and its target, a list of numbers, 1 for the right class
            and 0 for the others where there are several outputs; or the name of a loss in
            ``autodiff.nn.losses.LOSSES``. By default cross-entropy for classes (``"mse"`` if the
            model ends in a sigmoid or a softmax, ``"nll"`` after LogSoftmax), else ``"mse"``.
        learning_rate, batch_size: what the page begins with.
        validation: examples that the model does not learn from, as ``data``.

    Raises:
        TypeError: if the model is no function or cannot be traced, or the data are no examples.
        ValueError: if model, data and loss do not fit each other, or a number is out of range.

    >>> from autodiff.data import moons
    >>> from autodiff.nn import MLP
    >>> playground(MLP(2, [8, 1], activation="tanh"), moons(100), validation=moons(50, seed=1))
    <Playground: MLP(2-8-1, 33 parameters), 100 points>
    """
    rate = _positive("learning_rate", learning_rate)
    size = _positive("batch_size", batch_size)
    if size != int(size):
        raise ValueError(f"batch_size: expected a whole number, got {batch_size!r}")
    training = plane_examples("data", data)
    aside = None if validation is None else plane_examples("validation", validation)
    outputs = count_outputs(model)
    task = task_of(model, outputs, loss, [training] if aside is None else [training, aside])
    network = network_of(model)
    programs = programs_of(model, task.loss, outputs, network)
    page = _Page(model, training, aside, task, network, programs, outputs, rate, int(size))
    return Playground(page)


class Playground:
    """A page that shows itself in a notebook and saves itself to a file.

    Attributes:
        html: the page as text; the same model and data give the same text every time.
    """

    def __init__(self, page: _Page) -> None:
        self._page = page

    @cached_property
    def html(self) -> str:
        """The page as text."""
        return self._page.html()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file, whole or not at all.

        Raises:
            ValueError: if the name does not end in .html.
            FileNotFoundError: if the folder does not exist.
        """
        return save(path, {"html": lambda: self.html.encode()})

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        """Return what a notebook shows: the page in a frame. Never a traceback."""
        return mime_bundle(repr(self), {"text/html": self._frame}, include, exclude)

    def _frame(self) -> str:
        return framed(self.html, self._page.title, _HEIGHT)

    def __repr__(self) -> str:
        return (
            f"<Playground: {self._page.title}, {counted(len(self._page.training.points), 'point')}>"
        )


class _Page:
    """Everything that the page is made from."""

    def __init__(
        self,
        model: Any,
        training: PlaneExamples,
        validation: PlaneExamples | None,
        task: Task,
        network: Network | None,
        programs: Programs,
        outputs: int,
        rate: float,
        batch: int,
    ) -> None:
        self.model, self.training, self.validation = model, training, validation
        self.task, self.network, self.programs = task, network, programs
        self.outputs, self.rate, self.batch = outputs, rate, batch
        self.starts = starts_of(model, programs.parameters)

    @property
    def title(self) -> str:
        """The name of the model."""
        own = getattr(self.model, "__name__", None)
        return printable(own if isinstance(own, str) else repr(self.model))

    def html(self) -> str:
        """The page as text."""
        programs = "\n".join(
            [
                '"use strict";',
                f"const lossProgram = {self.programs.loss.strip()};",
                f"const unitsProgram = {self.programs.units.strip()};",
            ]
        )
        scripts = [packaged("viz.playground", f"{name}.js") for name in _SCRIPTS]
        return web_page(
            "viz.playground",
            style=packaged("viz.playground", "page.css"),
            script="\n".join([programs, *scripts]),
            title=html.escape(self.title),
            data=as_json(self.data()),
        )

    def data(self) -> dict[str, Any]:
        """The data of the page besides its programs."""
        return {
            "title": self.title,
            "rate": self.rate,
            "batch": self.batch,
            "training": self._examples(self.training),
            "validation": None if self.validation is None else self._examples(self.validation),
            "outputs": self.outputs,
            "reading": asdict(self.task.reading),
            "classes": ["-1", "1"] if -1 in self.training.classes else ["0", "1"],
            "loss": printable(getattr(self.task.loss, "__name__", "loss").replace("_", " ")),
            "plane": self._plane(),
            "parameters": self._parameters(),
            "reads": {"loss": self.programs.loss_reads, "units": self.programs.units_read},
            "units": self.programs.unit_count,
            "network": self._network(),
        }

    def _examples(self, examples: PlaneExamples) -> dict[str, Any]:
        targets = self.task.targets(examples, self.outputs)
        return {
            "points": examples.points.ravel().tolist(),
            "targets": targets.ravel().tolist(),
            "answers": self.task.answers(examples),
        }

    def _plane(self) -> dict[str, Any]:
        """A square with room around all points; noise is a part of half of their own width."""
        points = self.training.points
        if self.validation is not None:
            points = np.concatenate([points, self.validation.points])
        low, high = points.min(axis=0), points.max(axis=0)
        half = float((high - low).max()) / 2 or 1.0
        middle, reach = (low + high) / 2, half * (1 + 2 * _AROUND)
        return {
            "low": (middle - reach).tolist(),
            "high": (middle + reach).tolist(),
            "half": half,
        }

    def _parameters(self) -> dict[str, Any]:
        values = self.programs.parameters
        names = [f"{value.scope}/{value.name}" if value.scope else value.name for value in values]
        return {
            "numbers": [float(value.data) for value in values],
            "names": [printable(name or f"parameter {i}") for i, name in enumerate(names, start=1)],
            "middles": [start.middle for start in self.starts],
            "deviations": [start.deviation for start in self.starts],
        }

    def _network(self) -> dict[str, Any] | None:
        """Circles and lines, with the places of their weights and biases among the parameters."""
        if self.network is None:
            return None
        place = {value: i for i, value in enumerate(self.programs.parameters)}
        return {
            "width": self.network.width,
            "height": self.network.height,
            "circles": [
                {
                    "x": circle.x,
                    "y": circle.y,
                    "name": circle.name,
                    "unit": circle.unit,
                    "bias": None if circle.bias is None else place.get(circle.bias),
                }
                for circle in self.network.circles
            ],
            "lines": [
                {"tail": line.tail, "head": line.head, "weight": place.get(line.weight)}
                for line in self.network.lines
            ],
        }


def _positive(name: str, number: Any) -> float:
    if isinstance(number, bool) or not isinstance(number, int | float | np.number):
        raise TypeError(f"{name}: expected a number, got {type(number).__name__}")
    if not 0 < number < math.inf:
        raise ValueError(f"{name}: expected a positive finite number, got {number!r}")
    return float(number)
