"""How Sphinx builds the site: ``make docs``."""

from __future__ import annotations

import autodiff

project = "autodiff-viz"
author = "The autodiff-viz authors"
release = version = autodiff.__version__

extensions = ["myst_nb", "sphinx_design", "sphinx_copybutton"]
exclude_patterns = ["gallery"]
html_theme = "furo"
nb_execution_mode = "off"
