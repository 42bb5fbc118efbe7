"""Run the notebooks from top to bottom, and keep what they show.

A page on the web shows neither widgets nor frames. So where an output offers a picture, the picture
is kept; the widget, or the page around it, is left to those who run the notebook.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from PIL import Image

from autodiff.files import write_whole

FOLDER = Path(__file__).resolve().parent
SECONDS_PER_CELL = 60
SECONDS = 120
LARGEST = 1_500_000
"""Bytes of a notebook with its outputs."""

_SVG, _PNG, _PLAIN = "image/svg+xml", "image/png", "text/plain"
_WIDGET = "application/vnd.jupyter.widget-view+json"
_LOCAL = re.compile(
    "|".join(map(re.escape, (str(FOLDER.parent), str(Path.home()), tempfile.gettempdir())))
)


class NotebookError(Exception):
    """A notebook that cannot be kept, and why."""


class Executed(NamedTuple):
    """A notebook with its outputs, how many seconds it took, and its text."""

    notebook: NotebookNode
    seconds: float
    text: str


def execute(path: Path) -> Executed:
    """Run a notebook in its folder.

    Raises:
        NotebookError: if a cell fails, warns or takes too long, or what it shows is too large or
            names a place on this machine.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        store_widget_state=False,
        coalesce_streams=True,  # else lines are cut where they happened to arrive
    )
    started = time.perf_counter()
    try:
        client.execute(env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    except (CellExecutionError, CellTimeoutError, DeadKernelError, RuntimeError) as error:
        raise NotebookError(f"{path.name}: {error}") from None
    seconds = time.perf_counter() - started
    readable = as_readable(notebook)
    text = nbformat.writes(readable) + "\n"
    faults = list(_faults(readable, seconds, text))
    if faults:
        raise NotebookError("\n".join(f"{path.name}: {fault}" for fault in faults))
    return Executed(readable, seconds, text)


def _faults(notebook: NotebookNode, seconds: float, text: str) -> Iterator[str]:
    """Why a notebook cannot be kept."""
    for output in _outputs(notebook):
        if output.output_type == "stream" and output.name == "stderr":
            yield f"a cell warns: {output.text.strip()}"
    if local := _LOCAL.search(text):
        yield f"an output names a place on this machine: {local[0]}"
    if seconds > SECONDS:
        yield f"took {seconds:.0f} s, and may take {SECONDS}"
    if len(text.encode()) > LARGEST:
        yield f"has {len(text.encode()):,} bytes, and may have {LARGEST:,}"


def as_readable(notebook: NotebookNode) -> NotebookNode:
    """The notebook as it is seen without running it, with nothing that differs by machine."""
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [part for output in cell.outputs for part in _readable(output)]
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
    }
    return notebook


def _readable(output: NotebookNode) -> Iterator[NotebookNode]:
    """An output as those see it who do not run the notebook: its picture, and its text."""
    if output.output_type == "stream":
        yield output
        return
    data = output.data
    picture = next((kind for kind in (_SVG, _PNG) if kind in data), None)
    if picture is None:
        data.pop(_WIDGET, None)
        yield output
        return
    if picture == _PNG:
        data[_PNG] = with_few_colors(data[_PNG])
    is_text = not data[_PLAIN].startswith("<")
    shown = {picture: data[picture]} if is_text else {_PLAIN: data[_PLAIN], picture: data[picture]}
    yield new_output("display_data", data=shown, metadata=output.metadata)
    if is_text:
        yield new_output("display_data", data={_PLAIN: data[_PLAIN]})


def with_few_colors(png: str) -> str:
    """A PNG in base64 with at most 256 colours: plots look the same, at a third of the size."""
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    content = io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(content, "png", optimize=True)
    return base64.b64encode(content.getvalue()).decode()


def _outputs(notebook: NotebookNode) -> Iterator[NotebookNode]:
    for cell in notebook.cells:
        yield from cell.get("outputs", ())


def main(arguments: list[str] | None = None) -> int:
    """Run the notebooks that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m notebooks", description=__doc__)
    parser.add_argument("numbers", nargs="*", metavar="NUMBER", help="which ones, as 1 4; else all")
    parser.add_argument("--check", action="store_true", help="run them, but write nothing")
    options = parser.parse_args(arguments)
    paths = [
        path
        for path in sorted(FOLDER.glob("*.ipynb"))
        if not options.numbers or path.name.split("-")[0] in options.numbers
    ]
    if not paths:
        parser.error(f"there is no notebook {' or '.join(options.numbers)} in {FOLDER.name}/")
    for path in paths:
        print(f"{path.stem} ... ", end="", flush=True)
        try:
            executed = execute(path)
        except NotebookError as error:
            print(f"\n{error}", file=sys.stderr)
            return 1
        if not options.check:
            write_whole(executed.text.encode(), path)
        print(f"{executed.seconds:.0f} s, {len(executed.text.encode()) / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
