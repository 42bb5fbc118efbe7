"""Types of Python and of others in signatures, with links to their documentation.

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

WHOLE = {
    "ArrayLike": "numpy.typing.ArrayLike",
    "Figure": "matplotlib.figure.Figure",
    "NDArray": "numpy.typing.NDArray",
    "numpy.random._generator.Generator": "numpy.random.Generator",
}
"""Names that are short or otherwise in signatures."""

_COLLECTIONS = (str, bytes, list, tuple, dict, set, frozenset, range)


def address(name: str) -> str | None:
    """Return the address where a type or an error is documented; None if it is not known."""
    name = WHOLE.get(name, name)
    module, _, last = name.rpartition(".")
    if module == "numpy.random":
        return f"{NUMPY}/random/{last.lower()}.html#{name}"
    if module == "numpy.typing":
        return f"{NUMPY}/typing.html#{name}"
    if module == "numpy":
        is_scalar = last.rstrip("0123456789") in ("float", "int")
        page = "arrays.scalars" if is_scalar else f"generated/{name}"
        return f"{NUMPY}/{page}.html#{name}"
    if module.startswith("matplotlib."):
        return f"{MATPLOTLIB}/{module.split('.')[1]}_api.html#{name}"
    if module:
        is_standard = module.partition(".")[0] in sys.stdlib_module_names
        return f"{PYTHON}/{module}.html#{name}" if is_standard else None
    return _builtin(name)


def _builtin(name: str) -> str | None:
    if name == "None":
        return f"{PYTHON}/constants.html#None"
    found = getattr(builtins, name, None)
    if not isinstance(found, type):
        return None
    page = "functions"
    if issubclass(found, BaseException):
        page = "exceptions"
    elif found in _COLLECTIONS:
        page = "stdtypes"
    return f"{PYTHON}/{page}.html#{name}"


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
