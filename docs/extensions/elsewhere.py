"""Names of Python and NumPy in signatures, with links to their documentation.

The addresses follow from the names, so that no inventory has to be fetched.
"""

from __future__ import annotations

import builtins
import sys
from typing import Any

from docutils import nodes

PYTHON = "https://docs.python.org/3/library"
NUMPY = "https://numpy.org/doc/stable/reference"
MATPLOTLIB = "https://matplotlib.org/stable/api"

WHOLE = {"Figure": "matplotlib.figure.Figure", "NDArray": "numpy.typing.NDArray"}
"""Names that are imported for type checkers alone, and stay short."""


def address(name: str) -> str | None:
    """Where a name is documented; None if that is not known."""
    name = WHOLE.get(name, name)
    top = name.partition(".")[0]
    if name in ("None", "True", "False"):
        return f"{PYTHON}/constants.html#{name}"
    if top == "numpy":
        page = "typing.html" if name.startswith("numpy.typing") else f"generated/{name}.html"
        return f"{NUMPY}/{page}#{name}"
    if top == "matplotlib":
        module = name.split(".")[1]
        return f"{MATPLOTLIB}/{module}_api.html#{name}"
    if hasattr(builtins, name):
        found = getattr(builtins, name)
        is_error = isinstance(found, type) and issubclass(found, BaseException)
        return f"{PYTHON}/{'exceptions' if is_error else 'functions'}.html#{name}"
    module = name.rpartition(".")[0]
    if top in sys.stdlib_module_names and module:
        return f"{PYTHON}/{module}.html#{name}"
    return None


def link(_app: Any, _env: Any, node: Any, content: Any) -> nodes.reference | None:
    """For Sphinx: a reference to a name that is not documented here."""
    if node.get("refdomain") != "py":
        return None
    where = address(node["reftarget"])
    return where and nodes.reference("", "", content, internal=False, refuri=where)


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.connect("missing-reference", link)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
