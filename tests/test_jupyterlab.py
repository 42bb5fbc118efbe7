"""The first notebook in JupyterLab, in a real browser: a slider moves picture and numbers."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
TOKEN = "for-this-test"
PATIENCE = 60
"""Seconds for JupyterLab or a kernel to start; a page that is ready is not waited for."""


@pytest.fixture
def jupyterlab(browser: Browser, tmp_path: Path) -> Iterator[str]:
    """The address of a JupyterLab with a copy of the notebooks and nobody's settings."""
    if importlib.util.find_spec("jupyterlab") is None:
        pytest.skip("needs JupyterLab: pip install '.[notebooks]'")
    folder = tmp_path / "notebooks"
    shutil.copytree(NOTEBOOKS, folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    settings = {
        "ServerApp.port": port,
        "ServerApp.ip": "127.0.0.1",
        "IdentityProvider.token": TOKEN,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "ServerApp.root_dir": str(folder),
        "LabApp.news_url": None,
    }
    places = {f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    arguments = [f"--{name}={value}" for name, value in settings.items()]
    with subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *arguments],
        env={**os.environ, **places},
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        reader = wait_until_running(server)
        yield f"http://127.0.0.1:{port}"
        server.terminate()
        reader.join(PATIENCE)


def wait_until_running(server: subprocess.Popen[str]) -> threading.Thread:
    """Read what the server says until it is there; the rest is read by a thread, to its end."""
    said = []
    assert server.stderr is not None
    for line in server.stderr:
        said.append(line)
        if "is running at" in line:
            reader = threading.Thread(target=deque, args=(server.stderr, 0), daemon=True)
            reader.start()
            return reader
    pytest.fail(f"JupyterLab did not start: {''.join(said)[-2000:]}")


def opened(browser: Browser, address: str, notebook: str) -> Page:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(f"{address}/lab/tree/{notebook}?token={TOKEN}")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    return page


def numbers(page: Page) -> list[str]:
    """The numbers in the picture beneath the first slider, as the browser has it."""
    svg = page.evaluate(
        """async () => {
            const image = document.querySelector('.widget-slider')
                .closest('.jp-OutputArea-output').querySelector('img');
            return image ? await (await fetch(image.src)).text() : '';
        }"""
    )
    return re.findall(r'<text class="(?:value|gradient)"[^>]*>([^<]*)<', svg)


def test_a_slider_of_the_first_notebook_moves_the_picture_and_the_numbers(
    browser: Browser, jupyterlab: str
) -> None:
    page = opened(browser, jupyterlab, "1-graphs-by-hand.ipynb")
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").first.wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    slider = page.locator(".widget-slider .noUi-handle").first
    slider.wait_for()
    page.wait_for_function(
        "document.querySelector('.widget-slider').closest('.jp-OutputArea-output').querySelector('img')"
    )
    before = numbers(page)
    assert {"-2", "5", "-4", "3", "-12"} <= set(before), "the lecture's (x + y) z"

    picture = page.locator(".widget-vbox img").first
    source = picture.get_attribute("src")
    readout = page.locator(".widget-slider .widget-readout").first
    assert readout.inner_text() == "−2.00"
    slider.focus()
    slider.press("PageUp")
    page.wait_for_function(
        "old => document.querySelector('.widget-vbox img').src !== old", arg=source
    )

    x = float(readout.inner_text().replace("−", "-"))
    assert x > -2
    after = numbers(page)
    assert format(x, ".4g") in after
    assert format((x + 5) * -4, ".4g") in after, "f follows"
    assert format(x + 5, ".4g") in after, "and so does the gradient of z"
    assert page.locator(".jp-OutputArea-output[data-mime-type*='error']").count() == 0
