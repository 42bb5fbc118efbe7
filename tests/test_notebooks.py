"""Every notebook runs from top to bottom and can be read without running it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="notebooks are read with nbformat")
pytest.importorskip("nbclient", reason="notebooks are run with nbclient")
pytest.importorskip("ipywidgets", reason="notebooks have sliders")
pytest.importorskip("pygraphviz", reason="notebooks draw")

from notebooks.__main__ import (  # noqa: E402 (after what they need)
    FOLDER,
    LARGEST,
    NotebookError,
    as_readable,
    execute,
    main,
)

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LOCAL = re.compile(r"/(home|root|Users|tmp|work|var)/\w|[A-Z]:\\\\")


def code_cells(path: Path) -> list[Any]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_what_is_kept(path: Path) -> None:
    executed = execute(path)
    fresh = [cell for cell in executed.notebook.cells if cell.cell_type == "code"]
    kept = code_cells(path)
    assert [shown_by(cell) for cell in fresh] == [shown_by(cell) for cell in kept], "make notebooks"


def shown_by(cell: Any) -> list[list[str]]:
    """In which formats the outputs of a cell are."""
    return [sorted(output.get("data", {"stream": ""})) for output in cell.outputs]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_can_be_read_without_running_it(path: Path) -> None:
    text = path.read_text()
    assert len(text.encode()) < LARGEST
    assert not LOCAL.search(text), "a path of one machine"
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert kinds <= {"image/svg+xml", "image/png", "text/plain", "text/markdown", "text/html"}
    pictures = [o for o in outputs if {"image/svg+xml", "image/png"} & set(o.get("data", ()))]
    assert len(pictures) >= 3
    assert sum("viz.live" in c.source or "viz.sliders" in c.source for c in cells) >= 3
    assert sum("exercises." in cell.source for cell in cells) >= 2


def test_who_solves_the_first_notebook_is_told_so(tmp_path: Path) -> None:
    """Each of its exercises, answered with what is in the closed cell below it."""
    notebook = nbformat.read(FOLDER / "0-write-your-own-engine.ipynb", as_version=4)
    cells = notebook.cells
    asked = []
    for cell, after in pairwise(cells):
        if after.cell_type == "code" and after.source.startswith("if not verdict.is_right"):
            answer = textwrap.dedent(after.source.partition("\n")[2])
            answer = re.sub(r"^(Value\.|assert ).*", "", answer, flags=re.MULTILINE)
            stub = re.compile(r"def .*\n    return \.\.\.\n|Engine = \.\.\.\n")
            cell.source = stub.sub(lambda _, answer=answer: answer + "\n", cell.source)
            asked.append(cells.index(cell))
    nbformat.write(notebook, tmp_path / "0-solved.ipynb")
    solved = execute(tmp_path / "0-solved.ipynb").notebook.cells
    verdicts = [solved[at].outputs[-1].data["text/plain"] for at in asked]
    assert len(verdicts) == 9
    assert [verdict for verdict in verdicts if not verdict.startswith("right: ")] == []


def notebook_of(folder: Path, *sources: str) -> Path:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    path = folder / "1-made-here.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import sys; print('10 %', file=sys.stderr)", "10 %"),
        ("import warnings; warnings.warn('look out')", "look out"),
        ("import pathlib; pathlib.Path.home()", "names a place on this machine"),
        ("'long ' * 500_000", "bytes"),
        ("from IPython.display import Image; Image(b'GIF89', format='png')", "is no PNG"),
        ("import os; os._exit(3)", "died"),
    ],
)
def test_a_notebook_with_a_fault_is_refused(source: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match=said) as raised:
        execute(notebook_of(tmp_path, "2 + 2", source))
    assert "1-made-here.ipynb" in str(raised.value)


def test_of_a_slider_and_of_a_page_the_picture_is_kept(tmp_path: Path) -> None:
    path = notebook_of(
        tmp_path,
        "import viz\nfrom autodiff import Value\nx = Value(3.0, 'x')\nviz.sliders(x * x)",
        "viz.live(lambda k=2: [viz.draw(x * k), f'k is {k}'])",
        "viz.explore(x * x)",
        "viz.draw(x * x)",
    )
    sliders, live, page, picture = execute(path).notebook.cells
    assert [sorted(o.data) for o in sliders.outputs] == [["image/svg+xml", "text/plain"]]
    assert [sorted(o.data) for o in live.outputs] == [["image/svg+xml"], ["text/plain"]]
    assert live.outputs[1].data["text/plain"] == "k is 2"
    assert [sorted(o.data) for o in page.outputs] == [["image/svg+xml", "text/plain"]]
    assert picture.outputs[0].data == sliders.outputs[0].data | {
        "text/plain": picture.outputs[0].data["text/plain"]
    }


def test_a_long_line_is_too_large_and_not_endless(tmp_path: Path) -> None:
    path = notebook_of(tmp_path, "print('x' * 2_000_000, end='')\nprint('y', flush=True)")
    with pytest.raises(NotebookError, match="bytes, and may have"):
        execute(path)


def test_what_is_printed_is_one_piece(tmp_path: Path) -> None:
    source = "import time\nfor i in range(3):\n    print(i, flush=True)\n    time.sleep(0.2)\ni"
    (cell,) = execute(notebook_of(tmp_path, source)).notebook.cells
    assert [output.get("text") for output in cell.outputs] == ["0\n1\n2\n", None]


@pytest.mark.parametrize("text", ["not JSON", "[1]", "3", "{}", '{"nbformat": 4}', '{"cells": 1}'])
def test_a_file_that_is_no_notebook_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "1-made-here.ipynb"
    path.write_text(text)
    with pytest.raises(NotebookError, match=r"1-made-here\.ipynb is not a notebook: "):
        execute(path)


def test_a_folder_is_no_notebook(tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match="is not a notebook"):
        execute(tmp_path)


def test_outputs_without_text_and_errors_that_are_meant_are_kept(tmp_path: Path) -> None:
    path = notebook_of(
        tmp_path,
        "from IPython.display import display, SVG\ndisplay({'image/svg+xml': '<svg/>'}, raw=True)",
        "import ipywidgets\nwith ipywidgets.Output() as output: print(2)\noutput",
        "raise ValueError('this is meant')",
    )
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].metadata.tags = ["raises-exception"]
    nbformat.write(notebook, path)
    svg, _, failed = execute(path).notebook.cells
    assert [dict(output.data) for output in svg.outputs] == [{"image/svg+xml": "<svg/>"}]
    assert [output.ename for output in failed.outputs] == ["ValueError"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_ctrl_c_ends_the_run_in_one_line_and_writes_nothing(tmp_path: Path) -> None:
    path = notebook_of(tmp_path, "import os, signal, time", INTERRUPT)
    unrun = path.read_text()
    program = (
        "import pathlib, sys, notebooks.__main__ as command\n"
        "command.FOLDER = pathlib.Path(sys.argv[1])\n"
        "sys.exit(command.main([]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=FOLDER.parent,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert ended.returncode == 130
    assert ended.stderr.strip() == "stopped; 1-made-here.ipynb is as it was"
    assert path.read_text() == unrun


INTERRUPT = "os.kill(os.getppid(), signal.SIGINT)\ntime.sleep(60)"


def test_what_is_kept_does_not_depend_on_when_and_where_it_was_run(tmp_path: Path) -> None:
    path = notebook_of(tmp_path, "2 + 2")
    first, second = execute(path), execute(path)
    assert first.text == second.text
    assert json.loads(first.text)["cells"][0]["id"] == "cell-0"
    assert as_readable(first.notebook) == first.notebook


def test_the_command_names_the_notebooks_that_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("notebooks.__main__.FOLDER", tmp_path)
    with pytest.raises(SystemExit):
        main(["9"])
    assert "there is no notebook 9" in capsys.readouterr().err
    notebook_of(tmp_path, "2 + 2")
    with pytest.raises(SystemExit):
        main(["1", "9", "x"])
    assert "there is no notebook 9 or x in" in capsys.readouterr().err

    path = notebook_of(tmp_path, "2 + 2")
    unrun = path.read_text()
    assert main(["1", "--check"]) == 0
    assert path.read_text() == unrun
    assert main([]) == 0
    assert '"execution_count": 1' in path.read_text()

    twice = path.with_name("1-again.ipynb")
    twice.write_text(unrun)
    with pytest.raises(SystemExit):
        main([])
    assert "number of its own, and that of 1-again.ipynb is taken" in capsys.readouterr().err
    twice.unlink()

    path = notebook_of(tmp_path, "1 / 0")
    unrun = path.read_text()
    assert main([]) == 1
    assert path.read_text() == unrun, "what fails is not written"
