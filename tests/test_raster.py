"""PNG and PDF: the same picture as the SVG, the same bytes every time, and of a size to be used."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import viz
from autodiff import Value, sin
from autodiff.nn import MLP, cross_entropy
from autodiff.worked_examples import product_of_sum, sigmoid_neuron
from viz import raster
from viz.scene import Circle, Group, Scene, Text
from viz.svg import to_svg
from viz.theme import DARK, LIGHT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest.importorskip("typst", reason="PNG and PDF are made by typst")
matplotlib = pytest.importorskip("matplotlib", reason="its font is in PNG and PDF")
pytest.importorskip("pygraphviz", reason="a picture has to be laid out")

from PIL import Image  # noqa: E402

FACES = {  # the files of DejaVu Sans, with their weight and style
    "DejaVuSans": ("400", "normal"),
    "DejaVuSans-Bold": ("700", "normal"),
    "DejaVuSans-Oblique": ("400", "italic"),
    "DejaVuSans-BoldOblique": ("700", "italic"),
}


def scene(width: float = 100.0, height: float = 40.0, text: str = "x") -> Scene:
    shapes = [Circle(20, 20, 10, "gate", "wire", 1.2), Text(text, 40, 25, "ink", 12, "start")]
    return Scene(width, height, [Group("gate", {}, shapes)], "A title", "A description.")


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def page_size(pdf: bytes) -> tuple[float, float]:
    (box,) = re.findall(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    return float(box[0]), float(box[1])


def test_a_png_has_192_dots_for_each_inch_of_72_points_and_says_so() -> None:
    image = Image.open(io.BytesIO(raster.to_png(scene(), LIGHT)))
    assert abs(image.width - 100 * 192 / 72) <= 1
    assert abs(image.height - 40 * 192 / 72) <= 1
    assert image.info["dpi"] == pytest.approx((192, 192), abs=0.02)


def test_a_png_has_the_colors_of_the_theme() -> None:
    for theme in (LIGHT, DARK):
        shown = pixels(raster.to_png(scene(), theme))
        background, gate = (tuple(bytes.fromhex(c[1:])) for c in (theme.background, theme.gate))
        assert tuple(shown[0, 0]) == tuple(shown[-1, -1]) == background
        assert tuple(shown[53, 53]) == gate  # 20 points from the left and from above


def test_colors_may_have_names() -> None:
    theme = replace(LIGHT, background="navy", ink="white")
    assert tuple(pixels(raster.to_png(scene(), theme))[0, 0]) == (0, 0, 128)
    assert raster.to_pdf(scene(), theme)
    assert viz.animate(Value(2.0) * 3, theme=theme)._repr_mimebundle_()[0]["text/html"]


def test_a_pdf_is_a_page_of_the_size_of_the_picture_and_has_no_images() -> None:
    pdf = raster.to_pdf(scene(), LIGHT)
    assert page_size(pdf) == (100.0, 40.0)
    assert b"DejaVuSans" in pdf, "text stays text"
    assert b"/Subtype/Image" not in pdf
    assert b"/Title" in pdf


def test_a_pdf_is_no_longer_than_viewers_show() -> None:
    width, height = page_size(raster.to_pdf(scene(28_800.0, 400.0), LIGHT))
    assert (width, height) == pytest.approx((14_400.0, 200.0))


def test_an_svg_that_a_notebook_keeps_becomes_a_pdf(tmp_path: Path) -> None:
    picture = viz.draw(sigmoid_neuron()["f"])
    svg, pdf = tmp_path / "f.svg", tmp_path / "f.pdf"
    svg.write_text(picture._repr_mimebundle_()["image/svg+xml"], encoding="utf-8")
    subprocess.run([sys.executable, "-m", "viz.raster", svg, pdf], check=True)
    size = page_size(pdf.read_bytes())
    assert size == pytest.approx((picture.scene.width, picture.scene.height), abs=0.01)
    with pytest.raises(ValueError, match="expected the SVG of a picture, with its viewBox"):
        raster.svg_to_pdf("<svg/>")


def test_a_huge_picture_has_fewer_dots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raster, "_MOST_DOTS", 10_000)
    image = Image.open(io.BytesIO(raster.to_png(scene(), LIGHT)))
    assert 8_000 < image.width * image.height < 10_500


def test_several_scenes_are_as_many_images() -> None:
    images = raster.to_images([scene(text=letter) for letter in "abc"], LIGHT, 72)
    assert [image.size for image in images] == [(100, 40)] * 3
    assert len({image.tobytes() for image in images}) == 3


def test_usual_letters_come_from_one_font_whatever_the_machine_has() -> None:
    assert raster._fonts(False).families() == ["DejaVu Sans"]
    raster.to_png(scene(text="漢字 😀 é"), LIGHT)  # as boxes, where it has no such font


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere fonts are in other folders")
def test_letters_that_the_font_lacks_come_from_fonts_of_the_machine(tmp_path: Path) -> None:
    code = (
        "import sys, hashlib\n"
        "from test_raster import LIGHT, raster, scene\n"
        "for text in ('漢', 'x'): print(hash(raster.to_png(scene(text=text), LIGHT)))"
    )
    every_letter = list((Path(matplotlib.get_data_path()) / "fonts" / "ttf").glob("LastResort*"))
    if not every_letter:
        pytest.skip("needs the font of last resort, which comes with matplotlib from 3.9 on")
    fonts = tmp_path / ".local" / "share" / "fonts"
    answers = []
    for _ in range(2):
        environment = {**os.environ, "HOME": str(tmp_path), "PYTHONHASHSEED": "0"}
        environment["XDG_DATA_HOME"] = str(tmp_path / ".local" / "share")
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=Path(__file__).parent,
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        answers.append(done.stdout.split())
        fonts.mkdir(parents=True, exist_ok=True)
        shutil.copy(every_letter[0], fonts)
    (rare, usual), (rare_with_font, usual_with_font) = answers
    assert rare != rare_with_font
    assert usual == usual_with_font


@pytest.mark.parametrize("format", ["png", "pdf"])
def test_the_bytes_are_the_same_in_every_process(format: str) -> None:
    code = (
        "import sys, hashlib, viz\n"
        "from autodiff.worked_examples import product_of_sum\n"
        f"made = viz.draw(product_of_sum()['f']).render({format!r})\n"
        "print(hashlib.sha256(made).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "17", "SOURCE_DATE_EPOCH": "1", "TZ": "Asia/Tokyo"},
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    here = viz.draw(product_of_sum()["f"]).render(format)
    assert hashlib.sha256(here).hexdigest() == there


@pytest.mark.parametrize("missing", ["typst", "matplotlib"])
@pytest.mark.parametrize("suffix", ["png", "pdf", "gif"])
def test_without_the_extra_there_is_one_sentence(
    missing: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raster, "find_spec", lambda name: None if name == missing else sys)
    raster._fonts.cache_clear()
    f = product_of_sum()["f"]
    picture = viz.animate(f) if suffix == "gif" else viz.draw(f)
    with pytest.raises(ImportError, match=r"needs typst.*; run: pip install typst matplotlib, or"):
        picture.save(tmp_path / f"f.{suffix}")
    assert list(tmp_path.iterdir()) == []


def pictures() -> dict[str, viz.Picture]:
    loss = cross_entropy(MLP(2, [3, 2])([Value(0.5, "x0"), Value(-1.0, "x1")]), 1)
    x = Value(0.5, "x")
    return {
        "neuron": viz.draw(sigmoid_neuron()["f"], formulas=True, magnitudes=True),
        "frames": viz.draw(loss, fold=None, theme="dark"),
        "down": viz.draw(sin(x) * x, "derivatives", direction="down"),
    }


@pytest.mark.browser
@pytest.mark.parametrize("name", ["neuron", "frames", "down"])
def test_a_browser_shows_the_svg_as_the_png_is(name: str, browser: Browser) -> None:
    picture = pictures()[name]
    drawn, theme = picture.scene, replace(picture.theme, font="Ours")
    page = browser.new_page(
        device_scale_factor=2,
        viewport={"width": int(drawn.width) + 1, "height": int(drawn.height) + 1},
    )
    style = f"body {{ margin: 0; background: {theme.background} }} svg {{ display: block }}"
    page.set_content(f"<style>{faces()} {style}</style>{to_svg(drawn, theme)}")
    page.evaluate("document.fonts.ready")
    shown = pixels(page.screenshot())
    (ours,) = raster.to_images([drawn], picture.theme, 144)
    assert far_from(np.asarray(ours).astype(int), shown) < 0.001
    assert far_from(shown, np.asarray(ours).astype(int)) < 0.001


def faces() -> str:
    """Rules that give a browser the font that is in PNGs."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    rules = []
    for name, (weight, style) in FACES.items():
        content = base64.b64encode((folder / f"{name}.ttf").read_bytes()).decode()
        rules.append(
            f"@font-face {{ font-family: Ours; font-weight: {weight}; font-style: {style}; "
            f"src: url(data:font/ttf;base64,{content}) }}"
        )
    return " ".join(rules)


def far_from(one: np.ndarray, other: np.ndarray, reach: int = 2) -> float:
    """The share of pixels that look like none of the other picture's within two pixels."""
    height, width = (min(sizes) for sizes in zip(one.shape[:2], other.shape[:2], strict=True))
    near = np.pad(other[:height, :width], [(reach, reach), (reach, reach), (0, 0)], mode="edge")
    least = np.full((height, width), 255)
    for down, right in itertools.product(range(2 * reach + 1), repeat=2):
        moved = near[down : down + height, right : right + width]
        least = np.minimum(least, np.abs(one[:height, :width] - moved).max(axis=2))
    return float((least > 64).mean())
