"""Graphviz, wherever it is installed: the ``dot`` program, else the copy in pygraphviz.

Either runs as a process of its own, so that a layout that takes too long can be given up.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping

_PYGRAPHVIZ = """
import sys, pygraphviz
graph = pygraphviz.AGraph(sys.stdin.buffer.read().decode())
graph.graph_attr.update(setting.split("=") for setting in sys.argv[2:])
sys.stdout.buffer.write(graph.draw(format=sys.argv[1], prog="dot"))
"""


class RendererNotFoundError(RuntimeError):
    """Neither way to run Graphviz is installed; the message says how to get one."""

    def __init__(self) -> None:
        super().__init__(
            "drawing needs Graphviz, and neither the dot program nor pygraphviz is installed; "
            "run: pip install pygraphviz (it brings Graphviz along; or: apt install graphviz, or: "
            "brew install graphviz); a picture saved as NAME.dot needs none"
        )


def run(dot: str, format: str, settings: Mapping[str, str], seconds: float) -> bytes:
    """Let Graphviz lay out a graph.

    Args:
        dot: the graph in the DOT language.
        format: of the answer, one of Graphviz's own.
        settings: attributes of the graph, instead of its own.
        seconds: when to give up.

    Raises:
        RendererNotFoundError: if there is no Graphviz at all.
        TimeoutError: if it takes longer than ``seconds``.
        RuntimeError: if Graphviz fails, with what it said.
    """
    for command in _commands(format, [f"{name}={value}" for name, value in settings.items()]):
        try:
            done = subprocess.run(
                command, input=dot.encode(), capture_output=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError(
                f"Graphviz did not finish the layout in {seconds:g} s; draw a smaller part of the "
                "graph, or fold more of it"
            ) from None
        except OSError:  # a dot that is not a program for this machine
            continue
        if done.returncode != 0 or not done.stdout.strip():
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise RuntimeError(f"Graphviz failed: {said[-1] if said else 'it gave no answer'}")
        return done.stdout
    raise RendererNotFoundError


def _commands(format: str, settings: list[str]) -> Iterator[list[str]]:
    if dot := shutil.which("dot"):
        yield [dot, f"-T{format}", *(f"-G{setting}" for setting in settings)]
    if importlib.util.find_spec("pygraphviz"):
        yield [sys.executable, "-c", _PYGRAPHVIZ, format, *settings]
