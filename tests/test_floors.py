"""Imports only go down: a floor knows what is below it, and no more."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from docs.floors import FLOORS, scene
from viz.scene import Rectangle, Text
from viz.typography import width

ROOT = Path(__file__).resolve().parents[1]
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("autodiff", "viz")
    for path in (ROOT / package).rglob("*.py")
}
NO_FLOOR = {"autodiff", "autodiff.__main__", "viz"}  # the doors of the house
LEVEL = {module.rstrip("/"): -i for i, floor in enumerate(FLOORS) for module in floor.modules}
LEVEL["viz"] = next(-i for i, floor in enumerate(FLOORS) if floor.name == "viz")


def level(module: str) -> int:
    package, part = module.split(".")[:2]
    return LEVEL["viz"] if package == "viz" else LEVEL[part]


def imported(statements: Iterable[ast.AST]) -> Iterator[str]:
    """The modules of this project that statements import."""
    for statement in statements:
        if isinstance(statement, ast.ImportFrom) and statement.module:
            for name in statement.names:
                longer = f"{statement.module}.{name.name}"
                module = longer if longer in FILES else statement.module
                if module in FILES:
                    yield module
        elif isinstance(statement, ast.Import):
            yield from (name.name for name in statement.names if name.name in FILES)


TREES = {module: ast.parse(path.read_text()) for module, path in FILES.items()}
IMPORTS = {module: set(imported(tree.body)) - {module} for module, tree in TREES.items()}
"""What a module imports when it is imported itself."""
NESTED = {module: set(imported(ast.walk(tree))) - {module} for module, tree in TREES.items()}
"""What it imports at any time, as inside of a function."""


def test_every_module_is_on_a_floor() -> None:
    on_floors = {module for module in FILES if module not in NO_FLOOR}
    assert {module.split(".")[1] for module in on_floors if module.startswith("autodiff.")} == (
        {
            name
            for name in LEVEL
            if name not in {"viz", "draw", "explore", "playground", "animate", "live", "plots"}
        }
    )


@pytest.mark.parametrize("module", sorted(set(FILES) - NO_FLOOR))
def test_imports_go_down(module: str) -> None:
    up = {other for other in NESTED[module] - NO_FLOOR if level(other) > level(module)}
    assert not up, f"{module} imports from above"


def test_nothing_goes_round_in_circles() -> None:
    assert list(TopologicalSorter(IMPORTS).static_order())


def read_by_viz(is_playground: bool) -> set[str]:
    """What pictures read of autodiff: those of the playground, or all others."""
    return {
        other
        for module, imports in NESTED.items()
        if module.startswith("viz") and module.startswith("viz.playground") is is_playground
        for other in imports
        if other.startswith("autodiff")
    }


def test_viz_reads_the_graph_and_the_basement_alone() -> None:
    assert read_by_viz(is_playground=False) <= {
        "autodiff.graph",
        "autodiff.mirror",  # the graph of somebody's own class
        "autodiff.files",
        "autodiff.compiler.javascript_rules",  # a program as data, for pages that compute
    }


def test_the_playground_reads_programs_and_layers_as_well() -> None:
    packages = {".".join(name.split(".")[:2]) for name in read_by_viz(is_playground=True)}
    assert packages <= {"autodiff.graph", "autodiff.compiler", "autodiff.nn"}


def test_the_picture_of_the_floors_holds_its_texts() -> None:
    for group in scene().groups:
        box, *texts = group.shapes
        assert isinstance(box, Rectangle)
        for text in texts:
            assert isinstance(text, Text)
            assert text.x + width(text.text, text.size, bold=text.bold) <= box.x + box.width
