"""The first notebook in JupyterLab, in a real browser: a slider moves picture and numbers."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from viz.theme import DARK

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

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
        # a port chosen for a kernel may be taken before the kernel is there; a file is not
        "KernelManager.transport": "tcp" if os.name == "nt" else "ipc",
    }
    places = {f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "DATA")}
    arguments = [f"--{name}={value}" for name, value in settings.items()]
    with (
        tempfile.TemporaryDirectory() as runtime,  # the path of a socket may have 100 characters
        subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *arguments],
            env={**os.environ, **places, "JUPYTER_RUNTIME_DIR": runtime},
            stderr=subprocess.PIPE,
            text=True,
        ) as server,
    ):
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


def cells_up_to(text: str, notebook: str) -> int:
    """How many cells there are up to the first that has this code."""
    cells = json.loads((NOTEBOOKS / notebook).read_text())["cells"]
    return next(i for i, cell in enumerate(cells, start=1) if text in "".join(cell["source"]))


def numbers(output: Locator) -> list[str]:
    """The numbers in the picture of an output, as the browser has it."""
    svg = output.locator("img").evaluate("async image => await (await fetch(image.src)).text()")
    return re.findall(r'<text class="(?:value|gradient)"[^>]*>([^<]*)<', svg)


def test_a_slider_of_the_first_notebook_moves_the_picture_and_the_numbers(
    browser: Browser, jupyterlab: str
) -> None:
    expect = pytest.importorskip("playwright.sync_api").expect
    expect.set_options(PATIENCE * 1000)
    name = "1-graphs-by-hand.ipynb"
    page = opened(browser, jupyterlab, name)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()  # before, cells are not run
    page.locator(".jp-Notebook .jp-Cell").first.click()
    for _ in range(cells_up_to("viz.sliders", name)):
        page.keyboard.press("Shift+Enter")

    output = page.locator(".jp-OutputArea-output", has=page.locator(".widget-slider")).first
    slider = output.locator(".noUi-handle").first
    readout = output.locator(".widget-readout").first
    expect(readout).to_have_text("−2.00")
    expect(output.locator("img")).to_have_attribute("src", re.compile("^blob:"))
    source = output.locator("img").get_attribute("src") or ""
    assert {"-2", "5", "-4", "3", "-12"} <= set(numbers(output)), "the lecture's (x + y) z"

    slider.press("PageUp")
    expect(output.locator("img")).not_to_have_attribute("src", source)
    x = float((readout.text_content() or "").replace("−", "-"))
    assert x > -2
    after = numbers(output)
    assert format(x, ".4g") in after
    assert format((x + 5) * -4, ".4g") in after, "f follows"
    assert format(x + 5, ".4g") in after, "and so does the gradient of z"
    assert page.locator(".jp-OutputArea-output[data-mime-type*='error']").count() == 0


def test_a_picture_is_dark_in_a_dark_notebook(
    browser: Browser, jupyterlab: str, tmp_path: Path
) -> None:
    image_module = pytest.importorskip("PIL.Image", reason="reads the screenshot")
    settings = tmp_path / "CONFIG" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "themes.jupyterlab-settings").write_text('{"theme": "JupyterLab Dark"}')
    code = "import viz\nfrom autodiff import Value\nviz.draw(Value(2.0, 'x') * 3)"
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "source": code}
    notebook = {
        "cells": [{**cell, "execution_count": None}],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (tmp_path / "notebooks" / "dark.ipynb").write_text(json.dumps(notebook))
    page = opened(browser, jupyterlab, "dark.ipynb")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.keyboard.press("Shift+Enter")
    picture = page.locator(".jp-RenderedSVG img").first
    picture.wait_for()
    assert page.locator("body").get_attribute("data-jp-theme-light") == "false"
    shown = image_module.open(io.BytesIO(picture.screenshot())).convert("RGB")
    assert shown.getpixel((5, 5)) == tuple(bytes.fromhex(DARK.background[1:]))
