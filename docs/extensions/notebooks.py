"""The notebooks on the site, with what they show, from ``notebooks/`` at the root.

They are copied to ``docs/notebooks/``, which git ignores, with their links changed to those of the
site, and with one to the notebook itself. Comments that embed explorers are opened, so that readers
can move and step there as well; a still of the same explorer gives way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from docs.extensions.pages import ROOT, adapted

FOLDER = ROOT / "notebooks"
COPIES = ROOT / "docs" / "notebooks"


def cells_of_text(notebook: Path) -> Iterator[str]:
    """The Markdown of a notebook, cell by cell."""
    for cell in json.loads(notebook.read_text())["cells"]:
        if cell["cell_type"] == "markdown":
            yield "".join(cell["source"])


def copy(notebook: Path) -> str:
    """A notebook as the site shows it."""
    content = json.loads(notebook.read_text())
    source, target = notebook.relative_to(ROOT), (COPIES / notebook.name).relative_to(ROOT)
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = adapted("".join(cell["source"]), source, target)
    without_stills(content["cells"])
    first = content["cells"][0]
    title, _, rest = first["source"].partition("\n")
    link = f"[Download this notebook](path:../../{source.as_posix()})"
    first["source"] = f"{title}\n\n{link} and run it: `make lab` opens it.\n{rest}"
    content["metadata"].setdefault("language_info", {"name": "python", "pygments_lexer": "python"})
    return json.dumps(content, ensure_ascii=False)


def without_stills(cells: list[dict[str, Any]]) -> None:
    """Remove what ``viz.explore`` showed where the explorer itself follows."""
    for cell, after in pairwise(cells):
        is_still = cell["cell_type"] == "code" and "".join(cell["source"]).startswith("viz.explore")
        if is_still and "".join(after["source"]).startswith("```{embed}"):
            cell["outputs"] = []


def copy_all(_app: Any) -> None:
    """Copy what has changed, and remove what is no longer there."""
    COPIES.mkdir(exist_ok=True)
    notebooks = {notebook.name: notebook for notebook in FOLDER.glob("*.ipynb")}
    for old in COPIES.iterdir():
        if old.name not in notebooks:
            old.unlink()
    for name, notebook in notebooks.items():
        text, place = copy(notebook), COPIES / name
        if not place.exists() or place.read_text() != text:
            place.write_text(text)


def keep_pictures_aside(app: Any) -> None:
    """Write the pictures of outputs beside what Sphinx keeps, not beside the site."""
    folder = str(app.doctreedir.parent / "jupyter_execute")
    app.env.mystnb_config = app.env.mystnb_config.copy(output_folder=folder)


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.connect("builder-inited", copy_all)
    app.connect("builder-inited", keep_pictures_aside, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
