"""Pictures: the package ``viz``, found also where another module has its name.

``viz`` is a short name: a file ``viz.py`` beside a script hides the package, and so does another
package of that name. ``from autodiff import viz`` is always ours.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path
from types import ModuleType

_HOME = Path(__file__).resolve().parents[1] / "viz"
_OURS = _HOME / "__init__.py"


def find_viz() -> ModuleType:
    """Return the package ``viz`` that belongs to this one.

    Raises:
        ImportError: if another module of that name was imported before, or has replaced it.

    >>> find_viz().draw.__name__
    'draw'
    """
    found = sys.modules.get("viz")
    if found is None:
        found = _loaded()
    elif not _is_ours(found.__file__):
        raise ImportError(
            f"another module is called viz, {found.__file__}, and was imported before this one; "
            "rename it, or write `from autodiff import viz` first"
        )
    if not hasattr(found, "RendererNotFoundError"):
        raise ImportError(
            f"another package called viz has replaced the one of autodiff in {_HOME}; uninstall "
            "it, and install autodiff-viz again"
        )
    return found


def warn_if_hidden() -> None:
    """Say in one sentence that ``import viz`` does not give the package, if that is so."""
    try:
        specification = importlib.util.find_spec("viz")
    except (ImportError, ValueError):  # a module without a file of its own
        return
    if specification is not None and not _is_ours(specification.origin):
        warnings.warn(
            f"another module called viz hides autodiff's: {specification.origin}; rename it, or "
            "write `from autodiff import viz` in place of `import viz`",
            stacklevel=3,
        )


def _is_ours(file: str | None) -> bool:
    return file is not None and Path(file).resolve() == _OURS


def _loaded() -> ModuleType:
    """Import the package from where it is, whatever else the name would give."""
    specification = importlib.util.spec_from_file_location("viz", _OURS)
    if specification is None or specification.loader is None or not _OURS.is_file():
        raise ImportError(f"the package viz is missing in {_HOME}; install autodiff-viz again")
    module = importlib.util.module_from_spec(specification)
    sys.modules["viz"] = module
    try:
        specification.loader.exec_module(module)
    except BaseException:
        del sys.modules["viz"]
        raise
    return module
