"""Settings of Sphinx, which builds the site: ``make docs``."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import autodiff  # noqa: E402
from viz.theme import DARK, LIGHT, Theme  # noqa: E402

project = "autodiff-viz"
author = "The autodiff-viz authors"
copyright = "2026, the autodiff-viz authors"
release = version = autodiff.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "myst_nb",
    "sphinx_design",
    "sphinx_copybutton",
    "docs.extensions.pages",
    "docs.extensions.embed",
    "docs.extensions.notebooks",
    "docs.extensions.sources",
    "docs.extensions.primitives",
    "docs.extensions.command_line",
    "docs.extensions.mathml",
    "docs.extensions.docstrings",
    "docs.extensions.elsewhere",
    "docs.extensions.anchors",
]

# ------------------------------------------------------------------------------------- pages

myst_enable_extensions = ["colon_fence", "dollarmath", "attrs_inline"]
myst_heading_anchors = 4  # as GitHub makes them
html_math_renderer = "mathml"
html_extra_path = ["gallery/explorer.html"]
numfig = False

# Notebooks are shown with what they showed when they were run (make notebooks).
nb_execution_mode = "off"
nb_merge_streams = True
nb_mime_priority_overrides = [
    ("html", "application/vnd.jupyter.widget-view+json", None),  # it would need a network
    *[("linkcheck", kind, 90) for kind in ("image/svg+xml", "image/png", "image/gif", "text/html")],
]

# -------------------------------------------------------------------------------- reference

default_role = "py:obj"
nitpicky = True
nitpick_ignore = [
    # Protocols and variables of types, which are explained where they occur.
    ("py:class", "Frame"),
    ("py:class", "viz.playground.playground._Page"),
    ("py:class", "autodiff.compiler.outline.Operand"),
    ("py:class", "P"),
    ("py:class", "CompiledScalar"),
    ("py:class", "autodiff.containers.T"),
    ("py:class", "autodiff.data.augmentation.Real"),
    ("py:class", "autodiff.recording.R"),
    ("py:class", "Unpack"),
    ("py:class", "viz.subject.Options"),
    ("py:class", "autodiff.optim._Common"),
    ("py:class", "autodiff.transforms.Gradient"),
    ("py:class", "autodiff.transforms.ValueAndGradient"),
    ("py:class", "hypothesis.strategies.SearchStrategy"),
    ("py:class", "st.SearchStrategy"),
]
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_param = False
viewcode_line_numbers = True

# ----------------------------------------------------------------------------------- links

linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_anchors_ignore_for_url = [r"https://github\.com/"]  # made by a script
linkcheck_ignore = [r"http://(localhost|127\.0\.0\.1)"]

# ------------------------------------------------------------------------------------ looks

html_theme = "furo"
html_title = "autodiff-viz"
html_static_path = ["_static"]
html_css_files = ["site.css", "beside.css"]
html_favicon = "_static/favicon.svg"
html_copy_source = False
html_show_sphinx = False
pygments_style = "tango"
pygments_dark_style = "github-dark"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def colors(theme: Theme) -> dict[str, str]:
    """The site in the colours of the pictures, whose names the style sheet may use as well."""
    named = {f"picture-{field.name}": getattr(theme, field.name) for field in fields(theme)}
    return {name: color for name, color in named.items() if str(color).startswith("#")} | {
        "color-brand-primary": theme.value,
        "color-brand-content": theme.value,
        "color-brand-visited": theme.value,
        "color-background-primary": theme.background,
        "color-background-secondary": theme.cluster,
        "color-foreground-primary": theme.ink,
        "color-foreground-secondary": theme.quiet,
        "color-foreground-muted": theme.quiet,
        "color-api-name": theme.ink,
        "color-api-pre-name": theme.quiet,
        "color-code-background": theme.cluster,
        "color-inline-code-background": theme.cluster,
    }


html_theme_options = {
    "light_css_variables": colors(LIGHT),
    "dark_css_variables": colors(DARK),
    "light_logo": "logo-light.svg",
    "dark_logo": "logo-dark.svg",
}
