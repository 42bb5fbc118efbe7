"""Graphviz, wherever it is installed: the ``dot`` program, else the copy in pygraphviz.

Either runs as a process of its own, so that a layout that takes too long can be given up.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence

_BETWEEN = "\n// the next graph\n"
_PYGRAPHVIZ = """
import sys, pygraphviz
between, format, *settings = sys.argv[1:]
for text in sys.stdin.buffer.read().decode().split(between):
    graph = pygraphviz.AGraph(text)
    graph.graph_attr.update(setting.split("=") for setting in settings)
    sys.stdout.buffer.write(graph.draw(format=format, prog="dot"))
"""


class RendererNotFoundError(RuntimeError):
    """Neither way to run Graphviz is installed; the message says how to get one."""

    def __init__(self) -> None:
        super().__init__(
            "drawing needs Graphviz, and neither the dot program nor pygraphviz is installed; "
            "run: pip install pygraphviz (it brings Graphviz along; or: apt install graphviz, or: "
            "brew install graphviz); a picture saved as NAME.dot needs none"
        )


def run(dots: Sequence[str], format: str, settings: Mapping[str, str], seconds: float) -> bytes:
    """Let Graphviz lay out graphs; its answers follow one another.

    Args:
        dots: each graph in the DOT language.
        format: of the answer, one of Graphviz's own.
        settings: attributes of the graphs, instead of their own.
        seconds: when to give up.

    Raises:
        RendererNotFoundError: if there is no Graphviz at all.
        TimeoutError: if it takes longer than ``seconds``.
        RuntimeError: if Graphviz fails, with what it said.
    """
    for command in _commands(format, [f"{name}={value}" for name, value in settings.items()]):
        try:
            done = subprocess.run(
                command,
                input=_BETWEEN.join(dots).encode(),
                capture_output=True,
                timeout=seconds,
                check=False,
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
        yield [sys.executable, "-c", _PYGRAPHVIZ, _BETWEEN, format, *settings]
