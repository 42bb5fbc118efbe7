"""The floors of the house: what may import what, and the picture of it.

Imports go down, or stay on a floor without going round in circles; ``tests/test_floors.py`` holds
the code to it. A name ending in ``/`` is a package. ``python -m docs.floors`` draws the picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from viz.files import save
from viz.scene import Group, Rectangle, Scene, Shape, Text
from viz.svg import to_svg
from viz.theme import DARK, LIGHT


class Floor(NamedTuple):
    """The purpose of a floor, and the modules that live there."""

    name: str
    purpose: str
    modules: tuple[str, ...]


FLOORS = (  # from the roof to the cellar
    Floor("people", "commands and demonstrations",
          ("cli", "demo", "digits/", "names/", "exercises", "report", "worked_examples",
           "pictures", "startup")),
    Floor("viz", "pictures and pages: reads autodiff.graph, and programs as data",
          ("draw", "explore", "playground", "animate", "live", "plots/")),
    Floor("training", "a model learns from real digits", ("training/",)),
    Floor("layers", "layers, losses, optimizers, data", ("nn/", "optim", "schedules", "data/")),
    Floor("functions", "what functions become: derivatives, fast programs, checks",
          ("transforms", "compiler/", "checking/", "testing", "expression")),
    Floor("graph", "nodes and edges as data, replay, paths, gates",
          ("graph", "mirror", "paths", "replay")),
    Floor("value", "Value, its operators, backward()",
          ("value", "familiar", "leaves", "recorders", "derivative_graphs", "functions",
           "array_functions", "linearize")),
    Floor("table", "one rule for each operation, and the rules as data",
          ("primitives", "expressions", "printers", "float_rules", "notation")),
    Floor("ground", "the chain rule, carriers of numbers, where things are recorded",
          ("adjoint", "mathematics", "recording", "structure", "containers", "arrays", "copies",
           "files/", "memory", "special")),
)  # fmt: skip

_WIDTH, _HEIGHT, _GAP, _MARGIN = 830, 54, 8, 12


def scene() -> Scene:
    """The floors, one on top of the other."""
    groups = []
    for i, floor in enumerate(FLOORS):
        top = _MARGIN + i * (_HEIGHT + _GAP)
        modules = " · ".join(floor.modules)
        shapes: list[Shape] = [
            Rectangle(_MARGIN, top, _WIDTH - 2 * _MARGIN, _HEIGHT, 8, "gate", "wire", 1.0),
            Text(floor.name, 2.5 * _MARGIN, top + 32, "ink", 15, "start", bold=True),
            Text(modules, 140, top + 23, "value", 13.5, "start"),
            Text(floor.purpose, 140, top + 42, "quiet", 12, "start"),
        ]
        groups.append(Group("floor", {"floor": floor.name}, shapes))
    height = 2 * _MARGIN + len(FLOORS) * (_HEIGHT + _GAP) - _GAP
    names = ", ".join(floor.name for floor in FLOORS)
    return Scene(_WIDTH, height, groups, "The floors of autodiff-viz", f"From the top: {names}.")


def main() -> None:
    """Draw the picture for docs/how-it-works.md."""
    folder = Path(__file__).parent / "gallery"
    for name, theme in (("light", LIGHT), ("dark", DARK)):
        text = to_svg(scene(), theme)
        print(save(folder / f"floors-{name}.svg", {"svg": text.encode}).relative_to(folder.parent))


if __name__ == "__main__":
    main()
