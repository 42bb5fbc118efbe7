"""Run the notebooks from top to bottom, and keep what they show.

A page on the web shows neither widgets nor frames. So where an output offers a picture, the picture
is kept; the widget, or the page around it, is left to those who run the notebook.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from PIL import Image
from traitlets.config import Config

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


_UNREADABLE = (
    AttributeError, KeyError, OSError, TypeError, ValueError, nbformat.ValidationError,
)  # fmt: skip
"""Errors of nbformat for a file that holds something else."""


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
        NotebookError: if the file holds no notebook, if a cell fails, warns or takes too long, or
            if what it shows is no picture, is too large or names a place on this machine.
        KeyboardInterrupt: after Ctrl-C, when the notebook's kernel has ended.
    """
    notebook = _read(path)
    interrupt = _Interrupt()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=SECONDS_PER_CELL,
            kernel_name="python3",
            resources={"metadata": {"path": str(path.parent)}},
            shutdown_kernel="immediate",
            on_notebook_start=interrupt.watch,
            config=_talking_in(folder),
        )
        try:
            client.execute(env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
        except (asyncio.CancelledError, AssertionError):  # Ctrl-C while the kernel starts or ends
            raise KeyboardInterrupt from None
        except (CellExecutionError, CellTimeoutError, DeadKernelError, RuntimeError) as error:
            if interrupt.came:
                raise KeyboardInterrupt from None
            raise NotebookError(f"{path.name}: {error}") from None
    seconds = time.perf_counter() - started
    try:
        readable = as_readable(notebook)
    except (OSError, ValueError) as error:
        raise NotebookError(f"{path.name}: an output is no PNG: {error}") from None
    text = nbformat.writes(readable) + "\n"
    faults = list(_faults(readable, seconds, text))
    if faults:
        raise NotebookError("\n".join(f"{path.name}: {fault}" for fault in faults))
    return Executed(readable, seconds, text)


def _read(path: Path) -> NotebookNode:
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except _UNREADABLE as error:
        reason = str(error).splitlines()[0]
        raise NotebookError(f"{path.name} is not a notebook: {reason}") from None
    return notebook


def _talking_in(folder: str) -> Config:
    """Kernels that talk through files in a folder, where the system has such sockets.

    A kernel's port is chosen before the kernel takes it, and of two that start at once the second
    may find it taken.
    """
    transport = "tcp" if os.name == "nt" else "ipc"
    place = os.path.join(folder, "kernel.json")
    return Config({"KernelManager": {"transport": transport, "connection_file": place}})


class _Interrupt:
    """Ctrl-C: it cancels the run, where nbclient would end the kernel and go on waiting for it."""

    came = False

    def watch(self, **_: object) -> None:
        """Wait for it; called from the run."""
        task = asyncio.current_task()
        with suppress(RuntimeError):  # Windows, or not in the main thread
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._cancel, task)

    def _cancel(self, task: asyncio.Task[object]) -> None:
        self.came = True
        task.cancel()


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
    """The notebook as it is seen without running it, with nothing that differs by machine.

    Raises:
        OSError or ValueError: if a picture cannot be read.
    """
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [part for output in _joined(cell.outputs) for part in _readable(output)]
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
    }
    return notebook


def _joined(outputs: list[NotebookNode]) -> Iterator[NotebookNode]:
    """Outputs with what was printed in one piece; else it is cut where it happened to arrive."""
    for is_stream, group in groupby(outputs, lambda output: output.get("name")):
        first, *others = group
        if is_stream:
            first.text += "".join(other.text for other in others)
            yield first
        else:
            yield from (first, *others)


def _readable(output: NotebookNode) -> Iterator[NotebookNode]:
    """An output as those see it who do not run the notebook: its picture, and its text."""
    if output.output_type in ("stream", "error"):
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
    said = {_PLAIN: data[_PLAIN]} if isinstance(data.get(_PLAIN), str) else {}
    is_text = not said.get(_PLAIN, "<").startswith("<")
    shown = {picture: data[picture]} if is_text else said | {picture: data[picture]}
    yield new_output("display_data", data=shown, metadata=output.metadata)
    if is_text:
        yield new_output("display_data", data=said)


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
    paths = {path.name.split("-")[0]: path for path in sorted(FOLDER.glob("*.ipynb"))}
    if twice := set(FOLDER.glob("*.ipynb")) - set(paths.values()):
        names = ", ".join(sorted(path.name for path in twice))
        parser.error(f"each notebook needs a number of its own, and that of {names} is taken")
    if unknown := [number for number in options.numbers if number not in paths]:
        there = ", ".join(paths) or "none"
        parser.error(f"there is no notebook {' or '.join(unknown)} in {FOLDER.name}/ ({there})")
    try:
        for number, path in paths.items():
            if number in (options.numbers or paths):
                _run(path, options.check)
    except NotebookError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nstopped; {path.name} is as it was", file=sys.stderr)
        return 130
    return 0


def _run(path: Path, only_check: bool) -> None:
    print(f"{path.stem} ... ", end="", flush=True)
    executed = execute(path)
    if not only_check:
        write_whole(executed.text.encode(), path)
    print(f"{executed.seconds:.0f} s, {len(executed.text.encode()) / 1e6:.2f} MB")


if __name__ == "__main__":
    sys.exit(main())
