"""Pictures in notebooks and what nbconvert makes of them: dark on dark pages, and never blank."""

from __future__ import annotations

import base64
import io
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import viz
from autodiff.worked_examples import product_of_sum
from viz.theme import DARK, LIGHT, PRINT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest.importorskip("pygraphviz", reason="a picture has to be laid out")

ROOT = Path(__file__).resolve().parents[1]
SVG = "image/svg+xml"


def in_a_notebook(theme: Any = "light") -> str:
    return viz.draw(product_of_sum()["f"], theme=theme)._repr_mimebundle_()[SVG]


def test_a_light_picture_follows_the_notebook_and_others_do_not() -> None:
    assert "prefers-color-scheme:dark" in in_a_notebook("light")
    for theme in ("dark", "print", PRINT):
        assert "prefers-color-scheme" not in in_a_notebook(theme)
    assert "prefers-color-scheme" not in viz.draw(product_of_sum()["f"]).svg, "files stay light"


def rgb(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color[1:]))


@pytest.mark.browser
@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("system", ["light", "dark"])
@pytest.mark.parametrize(("page_is", "theme"), [("light", LIGHT), ("dark", DARK)])
def test_a_picture_has_the_colors_of_the_page_that_shows_it(
    page_is: str, theme: viz.Theme, system: Any, inline: bool, browser: Browser
) -> None:
    """JupyterLab puts a picture into an img, and says of its page whether it is dark."""
    if inline and page_is != system:
        pytest.skip("a picture that is part of a page follows the system")
    image_module = pytest.importorskip("PIL.Image", reason="reads the screenshot")
    svg = in_a_notebook()
    source = f"data:{SVG};base64,{base64.b64encode(svg.encode()).decode()}"
    page = browser.new_page(color_scheme=system)
    shown = svg if inline else f'<img src="{source}">'
    page.set_content(f'<body style="color-scheme: {page_is}; margin: 0">{shown}')
    page.wait_for_function("[...document.images].every(image => image.complete)")
    screenshot = image_module.open(io.BytesIO(page.screenshot())).convert("RGB")
    found = {color for _, color in screenshot.crop((0, 0, 340, 180)).getcolors(1_000_000)}
    assert screenshot.getpixel((4, 4)) == rgb(theme.background)
    assert {rgb(theme.gate), rgb(theme.value), rgb(theme.ink)} <= found
    other = DARK if theme is LIGHT else LIGHT
    assert not {rgb(c) for c in (other.gate, other.value, other.wire)} & found


@pytest.fixture(scope="module")
def executed() -> Any:
    """A notebook that has run: sliders, a picture, and a function with a control."""
    nbformat = pytest.importorskip("nbformat", reason="notebooks are run with nbclient")
    nbclient = pytest.importorskip("nbclient", reason="notebooks are run with nbclient")
    pytest.importorskip("nbconvert", reason="needs nbconvert: pip install '.[notebooks]'")
    pytest.importorskip("ipywidgets", reason="sliders are made by ipywidgets")
    cells = [
        "import viz\nfrom autodiff import Value\nx, y = Value(2.0, 'x'), Value(3.0, 'y')",
        "viz.sliders(x * y)",
        "viz.draw(x * y)",
        "viz.live(lambda k=2.0: viz.draw(Value(k, 'k') * 5), k=(1.0, 5.0))",
    ]
    v4 = nbformat.v4
    notebook = v4.new_notebook(cells=[v4.new_code_cell(source) for source in cells])
    return nbclient.NotebookClient(notebook).execute()


def settings_in_the_guide(name: str) -> dict[str, dict[str, Any]]:
    """The settings of nbconvert in the guide's command for this format."""
    guide = (ROOT / "docs" / "guide" / "pictures.md").read_text().replace("\\\n", " ")
    (line,) = [line for line in guide.splitlines() if f"nbconvert --to {name} " in line]
    found: dict[str, dict[str, Any]] = {}
    for word in shlex.split(line):
        if setting := re.fullmatch(r"--(\w+)\.(\w+)=(.+)", word):
            value = {"True": True, "False": False}.get(setting[3], setting[3])
            found.setdefault(setting[1], {})[setting[2]] = value
    return found


def exported(executed: Any, exporter: str, name: str) -> Any:
    """A notebook in another format, by the settings in the guide, with its files."""
    import nbconvert
    from traitlets.config import Config

    config = Config(settings_in_the_guide(name))
    return getattr(nbconvert, exporter)(config=config).from_notebook_node(executed)


def test_where_there_are_no_widgets_a_page_shows_their_pictures(executed: Any) -> None:
    for name in ("html", "webpdf"):
        page, _ = exported(executed, "HTMLExporter", name)
        assert page.count(f'src="data:{SVG};base64,') == 3
        assert "application/vnd.jupyter.widget-view+json" not in page.partition("<body")[2]


def test_latex_includes_pictures_as_pdf(executed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("typst", reason="PDF is made by typst")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    text, resources = exported(executed, "LatexExporter", "latex")
    pdfs = {name: content for name, content in resources["outputs"].items() if "pdf" in name}
    assert len(pdfs) == 3
    for name, content in pdfs.items():
        assert content.startswith(b"%PDF")
        assert name in text
