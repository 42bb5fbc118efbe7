"""From DOT text to a file: Graphviz, wherever it is installed.

The ``dot`` program if there is one, else the copy that pygraphviz brings along. Either runs as a
process of its own, so that a layout that takes too long can be given up.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator

_SIGNATURES: dict[str, bytes | tuple[bytes, ...]] = {
    "svg": (b"<?xml", b"<svg"),
    "png": b"\x89PNG",
    "pdf": b"%PDF",
}
FORMATS = tuple(_SIGNATURES)

_DOTS_PER_INCH = {"png": "192"}  # sharp on slides and high-density screens

_PYGRAPHVIZ = """
import sys, pygraphviz
graph = pygraphviz.AGraph(sys.stdin.buffer.read().decode())
if sys.argv[2]:
    graph.graph_attr["dpi"] = sys.argv[2]
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


def render(dot: str, format: str, seconds: float = 60.0) -> bytes:
    """Lay out and draw a graph.

    Args:
        dot: the graph in the DOT language.
        format: ``"svg"``, ``"png"`` or ``"pdf"``.
        seconds: when to give up.

    Raises:
        RendererNotFoundError: if there is no Graphviz at all.
        TimeoutError: if the layout takes longer than ``seconds``.
        RuntimeError: if Graphviz fails, with what it said.
    """
    for command in _commands(format):
        try:
            done = subprocess.run(
                command, input=dot.encode(), capture_output=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError(
                f"Graphviz did not finish the layout in {seconds:g} s; draw a smaller part of the "
                "graph"
            ) from None
        except OSError:  # a dot that is not a program for this machine
            continue
        if done.returncode != 0 or not done.stdout.lstrip().startswith(_SIGNATURES[format]):
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise RuntimeError(f"Graphviz failed: {said[-1] if said else f'it gave no {format}'}")
        return done.stdout
    raise RendererNotFoundError


def _commands(format: str) -> Iterator[list[str]]:
    resolution = _DOTS_PER_INCH.get(format, "")
    if dot := shutil.which("dot"):
        yield [dot, f"-T{format}"] + ([f"-Gdpi={resolution}"] if resolution else [])
    if importlib.util.find_spec("pygraphviz"):
        yield [sys.executable, "-c", _PYGRAPHVIZ, format, resolution]
