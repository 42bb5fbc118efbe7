"""Pictures in notebooks and what nbconvert makes of them: dark on dark pages, and never blank."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import pytest

import viz
from autodiff.worked_examples import product_of_sum
from viz.theme import DARK, LIGHT, PRINT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest.importorskip("pygraphviz", reason="a picture has to be laid out")

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
