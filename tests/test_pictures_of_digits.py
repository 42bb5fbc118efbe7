"""Pictures of digits: MNIST's images, drawn into files of many kinds, are read as they were."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from autodiff.data import Dataset, load_subset, pictures, read_digit, split
from autodiff.nn import MLP
from autodiff.training import evaluate, fit

DIGITS = load_subset().sample(100).images
NEAREST, BICUBIC = Image.Resampling.NEAREST, Image.Resampling.BICUBIC


def drawn(
    digit: np.ndarray,
    *,
    times: int = 4,
    margins: tuple[int, int, int, int] = (10, 30, 5, 60),
    dark: bool = False,
    resample: Image.Resampling = NEAREST,
) -> Image.Image:
    """A digit on a larger sheet; margins are left, top, right, bottom."""
    side = 28 * times
    small = Image.fromarray((digit.reshape(28, 28) * 255).round().astype(np.uint8))
    left, top, right, bottom = margins
    sheet = Image.new("L", (left + side + right, top + side + bottom))
    sheet.paste(small.resize((side, side), resample), (left, top))
    return ImageOps.invert(sheet) if dark else sheet


def likeness(read: np.ndarray, digit: np.ndarray) -> float:
    """The largest correlation with the digit, moved by at most one pixel.

    Where the center of mass is halfway between two pixels, the least change moves an image by one.
    """
    image = read.reshape(28, 28)
    return max(
        np.corrcoef(np.roll(image, (down, across), (0, 1)).ravel(), digit)[0, 1]
        for down in (-1, 0, 1)
        for across in (-1, 0, 1)
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "digit.png"


@given(
    digit=st.sampled_from(list(DIGITS)),
    times=st.integers(1, 12),
    margins=st.tuples(*[st.integers(1, 50)] * 4),
    dark=st.booleans(),
)
def test_digits_of_any_size_anywhere(
    digit: np.ndarray,
    times: int,
    margins: tuple[int, int, int, int],
    dark: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.png"
    drawn(digit, times=times, margins=margins, dark=dark).save(file)
    read = read_digit(file)
    assert read.shape == (784,)
    assert read.dtype == np.float64
    assert read.min() == 0
    assert read.max() == 1
    assert likeness(read, digit) > 0.9


def test_a_digit_of_mnist_is_read_as_itself(file: Path) -> None:
    right = 0
    for digit in DIGITS:
        drawn(digit, times=1, margins=(0, 0, 0, 0)).save(file)
        right += np.corrcoef(read_digit(file), digit)[0, 1] > 0.999
    assert right >= 97


def test_smooth_enlargements(file: Path) -> None:
    alike = []
    for digit in DIGITS:
        drawn(digit, times=7, resample=BICUBIC, dark=True).save(file)
        alike.append(likeness(read_digit(file), digit))
    assert min(alike) > 0.85
    assert np.mean(np.array(alike) > 0.9) > 0.95


def test_the_box_and_the_center_are_those_of_mnist(file: Path) -> None:
    for digit in DIGITS:
        drawn(digit, times=5, resample=BICUBIC).save(file)
        image = read_digit(file).reshape(28, 28)
        extents = [np.ptp(np.flatnonzero(image.any(axis=axis))) + 1 for axis in (0, 1)]
        assert 18 <= max(extents) <= 20
        for axis in (0, 1):
            profile = image.sum(axis=axis)
            assert 13.45 <= profile @ np.arange(28) / profile.sum() <= 14.55


def with_ink(color: tuple[int, int, int]) -> Callable[[Image.Image], Image.Image]:
    """In this color on nothing at all."""

    def convert(sheet: Image.Image) -> Image.Image:
        image = Image.new("RGBA", sheet.size, (*color, 0))
        image.putalpha(sheet)
        return image

    return convert


def colored(sheet: Image.Image) -> Image.Image:
    return ImageOps.colorize(sheet, black=(250, 240, 200), white=(20, 30, 120))


def sixteen_bits(sheet: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(sheet).astype(np.uint16) * 257)


KINDS: dict[str, tuple[str, Callable[[Image.Image], Image.Image]]] = {
    "grey": ("png", lambda sheet: sheet),
    "color": ("png", colored),
    "palette": ("png", lambda sheet: colored(sheet).quantize(16)),
    "bilevel": ("png", lambda sheet: sheet.convert("1", dither=Image.Dither.NONE)),
    "16 bits": ("png", sixteen_bits),
    "16 bits, in TIFF": ("tiff", sixteen_bits),
    "floats": ("tiff", lambda sheet: sheet.convert("F")),
    "integers": ("tiff", lambda sheet: sheet.convert("I")),
    "opaque": ("png", lambda sheet: colored(sheet).convert("RGBA")),
    "grey with alpha": ("png", lambda sheet: sheet.convert("LA")),
    "dark on nothing": ("png", with_ink((0, 0, 0))),
    "blue on nothing": ("png", with_ink((20, 30, 160))),
    "white on nothing": ("png", with_ink((255, 255, 255))),
    "nothing in a palette": ("gif", with_ink((0, 0, 0))),
    "lossless": ("webp", with_ink((0, 0, 0))),
    "compressed": ("jpg", colored),
    "four inks": ("jpg", lambda sheet: colored(sheet).convert("CMYK")),
    "bitmap": ("bmp", ImageOps.invert),
    "plain": ("pgm", ImageOps.invert),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_picture(kind: str, tmp_path: Path) -> None:
    suffix, convert = KINDS[kind]
    file = tmp_path / f"digit.{suffix}"
    for digit in DIGITS[:10]:
        options = {"lossless": True} if suffix == "webp" else {}
        convert(drawn(digit)).save(file, **options)
        assert likeness(read_digit(file), digit) > 0.85


def test_a_photograph_is_turned_as_the_camera_was_held(tmp_path: Path) -> None:
    sheet = drawn(DIGITS[0], dark=True)
    notes = Image.Exif()
    notes[0x0112] = 6  # what is up in the world is at the right of the file
    sheet.rotate(90, expand=True).save(tmp_path / "turned.jpg", exif=notes, quality=95)
    assert likeness(read_digit(tmp_path / "turned.jpg"), DIGITS[0]) > 0.9


def test_noise_and_specks_of_dust(file: Path) -> None:
    generator = np.random.default_rng(0)
    for digit in DIGITS[:30]:
        sheet = np.asarray(drawn(digit, times=8, dark=True), float)
        sheet = 60 + 0.6 * sheet + generator.normal(0, 5, sheet.shape)
        sheet[3, 3] = sheet[-4, -9] = 0
        Image.fromarray(sheet.clip(0, 255).astype(np.uint8)).save(file)
        assert likeness(read_digit(file), digit) > 0.85


def test_a_model_reads_files_as_well_as_arrays(file: Path) -> None:
    training, aside = split(load_subset().sample(1800, seed=1), 1 / 6)
    model = MLP(784, [40, 10], seed=0)
    fit(model, training, epochs=5, progress=False)
    images = []
    for digit in aside.images:
        drawn(digit, times=6, resample=BICUBIC, dark=True).save(file)
        images.append(read_digit(file))
    accuracy = evaluate(model, aside)[1]
    assert accuracy > 0.85
    assert evaluate(model, Dataset(np.array(images), aside.labels))[1] > accuracy - 0.03


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.png"):
        with pytest.raises(
            FileNotFoundError, match=r"expected a picture at .*, found no file there"
        ):
            read_digit(path)


def refused(file: Path, complaint: str) -> None:
    """Refused in one sentence that names the file."""
    with pytest.raises(ValueError, match=complaint) as failure:
        read_digit(file)
    assert file.name in str(failure.value)
    assert "\n" not in str(failure.value)


def noise(sides: tuple[int, int]) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, sides).astype(np.uint8))


@pytest.mark.parametrize(
    "sheet",
    [
        Image.new("L", (40, 30), 255),
        Image.new("RGB", (40, 30)),
        Image.new("RGBA", (40, 30)),
        Image.new("L", (1, 1), 99),
        Image.new("I;16", (40, 30), 500),
        Image.fromarray(np.linspace(200, 220, 1200).reshape(30, 40).astype(np.uint8)),
        noise((30, 40)),
        ImageOps.expand(Image.new("L", (9, 9), 220), 20, 200),
    ],
    ids=["white", "black", "transparent", "a pixel", "16 bits", "shadow", "noise", "faint"],
)
def test_nothing_is_drawn(sheet: Image.Image, file: Path) -> None:
    sheet.save(file)
    refused(file, "shows nothing that stands out from its background: expected one digit")


def test_bytes_that_are_no_picture(file: Path) -> None:
    for content in (b"", b"hello", b"\x89PNG\r\n\x1a\n", b"%!PS-Adobe-3.0 EPSF-3.0\n"):
        file.write_bytes(content)
        refused(file, "is no picture that can be read: expected PNG, JPEG")


def test_pixels_that_are_no_numbers(tmp_path: Path) -> None:
    sheet = np.array(drawn(DIGITS[0]).convert("F"))
    sheet[0, 0] = np.nan
    Image.fromarray(sheet).save(tmp_path / "digit.tiff")
    refused(tmp_path / "digit.tiff", "pixels that are not finite")


def header_only(width: int, height: int) -> bytes:
    """A PNG that announces its size and holds nothing."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    check = struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + check + b"\0\0\0\0IDAT"


@pytest.mark.parametrize("side", [7072, 10_000, 60_000])
def test_huge_pictures_are_refused_before_they_are_unpacked(side: int, file: Path) -> None:
    file.write_bytes(header_only(side, side))
    refused(file, "more than 50 million pixels; make it smaller first")


def test_animations(tmp_path: Path) -> None:
    frames = [drawn(digit) for digit in DIGITS[:3]]
    for name in ("digits.gif", "digits.png", "digits.tiff"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        refused(tmp_path / name, "holds several frames; save the one to read")


@given(data=st.data(), format=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]))
def test_damaged_pictures_are_read_or_refused(
    data: st.DataObject, format: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = io.BytesIO()
    drawn(DIGITS[0], times=1).save(whole, format)
    content = bytearray(whole.getvalue()[: data.draw(st.integers(1, len(whole.getvalue())))])
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path_factory.getbasetemp() / "damaged"
    file.write_bytes(content)
    try:
        read = read_digit(file)
    except ValueError as error:
        assert "damaged" in str(error)
        assert "\n" not in str(error)
    else:
        assert read.shape == (784,)
        assert np.isfinite(read).all()


def test_without_pillow(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn(DIGITS[0]).save(file)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match="needs Pillow; run: pip install pillow"):
        read_digit(file)


def test_large_pictures_are_made_smaller_first(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_LARGE", 100)
    drawn(DIGITS[0], times=20).save(file)
    assert likeness(read_digit(file), DIGITS[0]) > 0.9
