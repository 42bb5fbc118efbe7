"""Files from strangers: whatever they announce, reading them costs little and is one sentence."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import nn
from autodiff.data import Dataset, read_idx
from autodiff.data.pictures import read_digit
from autodiff.digits import load_reader
from autodiff.files import read_arrays
from autodiff.nn import files
from autodiff.optim import Adam
from autodiff.training import fit

MEGABYTE = 1 << 20


def refused(act: Callable[[], object], words: str, most: int = 16 * MEGABYTE) -> None:
    """It raises one sentence, and takes little memory to find out."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=words) as failure:
            act()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "\n" not in str(failure.value)
    assert peak < most


# ------------------------------------------------------------------------------------- archives


def npy(announced: str, content: bytes = b"") -> bytes:
    """An array with a header of one's own, by the description of the format."""
    header = announced.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as written:
        for name, content in members.items():
            written.writestr(f"{name}.npy", content)
    return file


FLOATS = "{'descr': '<f8', 'fortran_order': False, 'shape': (%s), }"


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (archive({"a": npy(FLOATS % "3000000000,")}), "another size than it announces"),
        (archive({"a": npy(FLOATS % "-1,")}), "another size than it announces"),
        (archive({"a": npy(FLOATS % "2,", bytes(8))}), "another size than it announces"),
        (archive({"a": npy(FLOATS % "2,", bytes(24))}), "another size than it announces"),
        (archive({"a": npy(FLOATS % "0, -3", b"")}), "another size than it announces"),
        (archive({"a": npy(FLOATS.replace("<f8", "|O") % "1,", bytes(8))}), "it holds object"),
        (archive({"a": npy(FLOATS.replace("<f8", "<c16") % "1,", bytes(16))}), "holds complex128"),
        (archive({"a": npy(FLOATS.replace("<f8", "<i8") % "1,", bytes(8))}), "it holds int64"),
        (archive({"a": npy(FLOATS % "1,", bytes(8))}, zipfile.ZIP_BZIP2), "NumPy does not use"),
        (archive({"a": npy(FLOATS % "1,", bytes(8))}, zipfile.ZIP_LZMA), "NumPy does not use"),
        (
            archive({"a": npy(FLOATS % "8000000,", bytes(64_000_000))}),
            r"would unpack to 64,000,128",
        ),
        (archive({str(i): bytes(MEGABYTE) for i in range(5)}), r"would unpack to 5,242,880"),
        (archive({"a": b"no array"}), "damaged|magic"),
        (archive({"a": b""}), "damaged|EOF|magic"),
        (io.BytesIO(b""), "damaged"),
        (io.BytesIO(b"PK\x05\x06"), "damaged"),
    ],
    ids=range(16),
)
def test_archives_that_announce_what_they_do_not_hold(file: io.BytesIO, words: str) -> None:
    refused(lambda: read_arrays(file), words)


@given(
    arrays=st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        st.lists(st.floats(allow_nan=False), max_size=6).map(np.array)
        | st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=9).map(np.array)
        | st.floats(-1, 1).map(lambda a: np.full((2, 3), a, ">f4").T),
        max_size=4,
    ),
    is_packed=st.booleans(),
)
def test_what_numpy_writes_is_read(arrays: dict[str, Any], is_packed: bool) -> None:
    file = io.BytesIO()
    (np.savez_compressed if is_packed else np.savez)(file, **arrays)
    read = read_arrays(file)
    assert set(read) == set(arrays)
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)
        if read[name].dtype.kind == "f":
            read[name][...] = 1.0  # it is the reader's own


# --------------------------------------------------------------------------------------- models


def model_file(path: Path, specification: Any, parameters: Any) -> Path:
    text = specification if isinstance(specification, str) else json.dumps(specification)
    np.savez_compressed(path, specification=np.array(text), parameters=parameters)
    return path


def linear(inputs: Any, outputs: Any, **more: Any) -> dict[str, Any]:
    return {"kind": "Linear", "inputs": inputs, "outputs": outputs, **more}


def conv(**more: Any) -> dict[str, Any]:
    return {"kind": "Conv2d", "channels": 1, "filters": 1, "size": 1, **more}


ONE, THREE = np.ones(1), np.ones(3)
MODELS: list[tuple[Any, Any, str]] = [
    (linear(3000, 3000), THREE, "a Linear that cannot be made: it has more parameters"),
    (linear(1, 4_000_000), THREE, "the number 4000000, for which it holds too few parameters"),
    (linear(10**300, 10**300), THREE, "the number 1000000"),
    (conv(channels=3000, filters=300, size=10), THREE, "a Conv2d that cannot be made: it has more"),
    (conv(size=9_000), THREE, "a Conv2d that cannot be made: it has more"),
    ({"kind": "MLP", "inputs": 9_000, "widths": [9_000] * 9}, THREE, "MLP .*: it has more"),
    ({"kind": "Autoencoder", "inputs": 9_000, "widths": [9_000]}, THREE, "it has more parameters"),
    ({"kind": "Sequential", "layers": [linear(1000, 9)] * 2000}, THREE, "it has more parameters"),
    (conv(padding=10**9), np.ones(2), "the number 1000000000, for which"),
    ({"kind": "Dropout", "rate": 0.5, "seed": 5}, ONE[:0], "holds 0 parameters|.*"),
    ({"kind": "LeakyReLU", "slope": float("inf")}, ONE[:0], "the number inf"),
    ({"kind": "LeakyReLU", "slope": float("nan")}, ONE[:0], "the number nan"),
    ({"kind": "LeakyReLU", "slope": "steep"}, ONE[:0], "LeakyReLU that cannot be made"),
    ({"kind": "LeakyReLU", "slope": None}, ONE[:0], "LeakyReLU that cannot be made"),
    ({"kind": "Reshape", "shape": ["a"]}, ONE[:0], "Reshape that cannot be made"),
    ({"kind": "Reshape", "shape": [2, -1]}, ONE[:0], "Reshape that cannot be made"),
    ({"kind": "Reshape", "shape": None}, ONE[:0], "Reshape that cannot be made"),
    (linear(2, 1, seed=5), THREE, "Linear that cannot be made"),
    (linear(2, 1, activation=["relu"]), THREE, "Linear that cannot be made"),
    (linear(2.0, 1), THREE, "Linear that cannot be made"),
    ({"kind": "Sequential", "layers": [5]}, THREE, "cannot be made"),
    ({"kind": "Sequential", "layers": "Linear"}, THREE, "cannot be made"),
    ({"kind": ["Linear"]}, THREE, "cannot be made"),
    ({"kind": "Lin\near" * 100}, THREE, "which autodiff.nn does not know"),
    ({}, THREE, "holds a None"),
    ([], THREE, "no model that autodiff saved: expected a specification"),
    ("{", THREE, "no model that autodiff saved"),
    ("[" * 100_000, THREE, "no model that autodiff saved"),
    ("9" * 5000, THREE, "no model that autodiff saved"),
    (linear(2, 1), np.array([1 + 5j, 2, 3]), "no model that autodiff saved: it holds complex128"),
    (linear(2, 1), np.array(["1", "2", "3"]), "no model that autodiff saved: expected a spec"),
    (linear(2, 1), np.array([1, 2, 3]), "no model that autodiff saved: it holds int64"),
    (linear(2, 1), np.array([True, False, True]), "no model that autodiff saved: it holds bool"),
    (linear(2, 1), np.ones((1, 3)), "real numbers in one row"),
    (linear(2, 1), np.array([1, np.nan, 3]), "parameters that are not finite"),
    (linear(2, 1), np.zeros(9_000_000), "no model that autodiff saved: its .* would unpack to 72,"),
    (linear(2, 1), np.ones(4), "holds 4 parameters, and the model has 3"),
]  # fmt: skip


@pytest.mark.parametrize(("specification", "parameters", "words"), MODELS, ids=range(len(MODELS)))
def test_models_that_are_none(
    specification: Any, parameters: Any, words: str, tmp_path: Path
) -> None:
    path = model_file(tmp_path / "m.npz", specification, parameters)
    refused(lambda: files.load(path), words)


def test_names_that_are_missing(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", specification=np.array("{}"))
    refused(lambda: files.load(tmp_path / "m.npz"), "it has no parameters")


PLANES = {"kind": "Reshape", "shape": [1, 28, 28]}
READERS: list[tuple[list[dict[str, Any]], int, str]] = [
    ([PLANES, conv(padding=9_999), {"kind": "Flatten"}], 2, "more than 1,000,000 numbers of an im"),
    ([PLANES, conv(padding=9_999, stride=9_999), {"kind": "Flatten"}], 2, "more than 1,000,000"),
    ([PLANES, {**conv(padding="same"), "dilation": 9_999, "size": 2}], 5, "more than 1,000,000"),
    (
        [
            {"kind": "Reshape", "shape": [784, 1]},
            {"kind": "Linear", "inputs": 1, "outputs": 2, "activation": "linear"},
            {"kind": "MultiheadAttention", "width": 2, "heads": 2, "causal": False, "bias": False},
        ],
        20,
        "more than 1,000,000 numbers",
    ),
    ([PLANES, {**conv(stride=9_999), "kind": "ConvTranspose2d"}], 2, "more than 1,000,000 numbers"),
    ([{"kind": "Sequential", "layers": [PLANES, conv(padding=9_999)]}], 2, "more than 1,000,000"),
    ([linear(784, 9)], 7065, "is no network that reads digits: it has 9 outputs"),
    ([{"kind": "Reshape", "shape": [28, 28]}], 0, "it has 28 × 28 outputs"),
    ([linear(5, 10)], 60, r"layer 1: .* expects shape \(5,\), got \(784,\)|expects shape"),
    ([{"kind": "MaxPool2d", "size": 2}], 0, "expects"),
    ([], 0, "it has 784 outputs"),
]


@pytest.mark.parametrize(("layers", "count", "words"), READERS, ids=range(len(READERS)))
def test_models_that_read_no_digits(
    layers: list[dict[str, Any]], count: int, words: str, tmp_path: Path
) -> None:
    specification = {"kind": "Sequential", "layers": layers}
    path = model_file(tmp_path / "m.npz", specification, np.ones(count))
    refused(lambda: load_reader(path), words)


KINDS = st.sampled_from(
    ["Linear", "MLP", "Conv2d", "Reshape", "LeakyReLU", "Dropout", "Embedding", "Window", "LSTM",
     "LayerNorm", "MultiheadAttention", "Residual", "Other"]
)  # fmt: skip
NAMES = st.sampled_from(
    ["kind", "inputs", "outputs", "widths", "shape", "slope", "rate", "layers", "size", "channels",
     "filters", "activation", "padding", "stride", "count", "width", "heads", "epsilon"]
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | KINDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(
    specification=st.dictionaries(NAMES, ANYTHING, max_size=5).flatmap(
        lambda given: KINDS.map(lambda kind: {**given, "kind": kind})
    )
)
def test_any_specification_is_a_model_or_one_sentence(
    specification: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = model_file(tmp_path_factory.getbasetemp() / "any.npz", specification, np.ones(8))
    with suppress(ValueError):
        files.load(path)


def test_dropout_still_draws_after_it_was_loaded(tmp_path: Path) -> None:
    model = files.load(nn.Sequential(nn.Dropout(0.5)).save(tmp_path / "m.npz")).train()
    drawn = model([1.0] * 200)
    assert {0.0, 2.0} == set(drawn)


# ---------------------------------------------------------------------------------- checkpoints

DATA = Dataset(np.eye(4), np.array([0, 1, 0, 1]))


def go_on(path: Path) -> list[float]:
    model = nn.MLP(4, [2], seed=0)
    before = [parameter.data for parameter in model.parameters()]
    optimizer = Adam(model.parameters())
    try:
        fit(model, DATA, epochs=2, optimizer=optimizer, progress=False, checkpoint=path,
            engine="eager")  # fmt: skip
    except ValueError:
        assert [parameter.data for parameter in model.parameters()] == before
        raise
    return [parameter.data for parameter in model.parameters()]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("kept") / "run.npz"
    go_on(path)
    with np.load(path) as arrays:
        return dict(arrays)


def put(path: Path, kept: dict[str, Any], changes: dict[str, Any]) -> Path:
    """The same checkpoint, with other words and arrays; an Ellipsis leaves one out."""
    words = json.loads(str(kept["words"]))
    arrays = dict(kept)
    for name, change in changes.items():
        (arrays if name in arrays else words)[name] = change
    words = {name: word for name, word in words.items() if word is not ...}
    if "words" not in changes:
        arrays["words"] = np.array(json.dumps(words))
    np.savez(path, **{name: array for name, array in arrays.items() if array is not ...})
    return path


GENERATOR = np.random.default_rng(0).bit_generator.state
NO_CHECKPOINT = "run.npz is no checkpoint; remove it, or name another file"
CHANGES: list[tuple[dict[str, Any], str]] = [
    *[({name: wrong}, NO_CHECKPOINT) for name in ("epoch", "batch", "seen", "waited", "steps")
      for wrong in ("1", -1, 1.5, None, [], True, 10**400, ...)],
    *[({name: wrong}, NO_CHECKPOINT) for name in ("loss", "right", "best_loss")
      for wrong in ("1", None, [0.5], True)],
    *[({name: wrong}, NO_CHECKPOINT) for name in ("order", "draws")
      for wrong in (5, "PCG64", {"bit_generator": "PCG64"}, {"bit_generator": "MT19937"},
                    {**GENERATOR, "state": {"state": "a", "inc": 1}},
                    {**GENERATOR, "state": {"state": 10**99, "inc": 1}})],
    ({"order": {}}, NO_CHECKPOINT),
    ({"epochs": [[1, 2, 3, 4]]}, NO_CHECKPOINT),
    ({"epochs": [[1, 2, 3]] * 2}, NO_CHECKPOINT),
    ({"epochs": [["1", 2, 3, 4]] * 2}, NO_CHECKPOINT),
    ({"epochs": 2}, NO_CHECKPOINT),
    ({"stopped": 5}, NO_CHECKPOINT),
    ({"run": 5}, NO_CHECKPOINT),
    ({"run": []}, "holds another run: seed is None there"),
    ({"run": {"seed": "\n" * 9}}, "holds another run: seed is  there"),
    ({"other": 5}, NO_CHECKPOINT),
    ({"words": np.array("[" * 100_000)}, NO_CHECKPOINT),
    ({"words": np.array("5")}, NO_CHECKPOINT),
    ({"words": np.ones(3)}, NO_CHECKPOINT),
    *[({name: wrong}, NO_CHECKPOINT) for name in ("parameters", "best", "remembered_mean")
      for wrong in (np.array(1.0), np.ones((10, 1)), np.array(["1"] * 10), np.ones(10, complex),
                    np.ones(10, int))],
    *[({name: wrong}, "holds numbers that do not fit this run")
      for name in ("parameters", "remembered_mean")
      for wrong in (np.ones(9), np.ones(0), np.full(10, np.nan))],
    ({"best": np.ones(9)}, "holds numbers that do not fit this run"),
    ({"remembered_mean": ...}, "holds numbers that do not fit this run"),
    ({"parameters": ...}, NO_CHECKPOINT),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), CHANGES, ids=range(len(CHANGES)))
def test_checkpoints_that_are_none(
    changes: dict[str, Any], words: str, kept: dict[str, Any], tmp_path: Path
) -> None:
    path = put(tmp_path / "run.npz", kept, changes)
    before = path.read_bytes()
    refused(lambda: go_on(path), words)
    assert path.read_bytes() == before


def test_a_checkpoint_that_would_unpack_to_gigabytes(tmp_path: Path, kept: dict[str, Any]) -> None:
    packed = tmp_path / "run.npz"
    np.savez_compressed(packed, **{**kept, "best": np.zeros(9_000_000)})
    refused(lambda: go_on(packed), NO_CHECKPOINT)


def test_the_words_that_are_changed_here_are_those_of_a_checkpoint(
    tmp_path: Path, kept: dict[str, Any]
) -> None:
    assert go_on(put(tmp_path / "run.npz", kept, {})) == kept["parameters"].tolist()
    assert {name for changes, _ in CHANGES for name in changes} >= set(
        json.loads(str(kept["words"]))
    )


# -------------------------------------------------------------------------------------- IDX, gzip


def packed(*blocks: tuple[bytes, int]) -> bytes:
    """Blocks, each so many times, gzipped without ever being whole in memory."""
    file = io.BytesIO()
    with gzip.open(file, "wb", compresslevel=9) as written:
        for block, times in blocks:
            for _ in range(times):
                written.write(block)
    return file.getvalue()


def vector(length: int) -> bytes:
    return bytes([0, 0, 8, 1]) + length.to_bytes(4, "big")


ZEROS = bytes(MEGABYTE)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (packed((vector(12), 1), (bytes(12), 1), (ZEROS, 64)), "12 bytes of data, but holds more"),
        (packed((vector(64 * MEGABYTE), 1), (ZEROS, 64)), "bytes would unpack to 67,108,864"),
        (packed((vector(2**32 - 1), 1)), "bytes would unpack to 4,294,967,295"),
        (packed((ZEROS, 64)), "is not an IDX file"),
        (vector(2**32 - 1), "but holds 0"),
        (packed((vector(3 * MEGABYTE), 1), (ZEROS, 2)), "3145728 bytes of data, but holds 2097152"),
        (packed((vector(2), 1), (b"12", 1)) + b"rubbish", "is a damaged gzip file"),
        (packed((vector(2), 1), (b"12", 1))[:-4] + bytes(4), "is a damaged gzip file"),
        (packed((vector(2), 1), (b"12", 1)) + packed((ZEROS, 64)), "but holds more"),
    ],
    ids=range(9),
)
def test_idx_files_that_announce_one_thing_and_hold_another(
    content: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "train-images"
    path.write_bytes(content)
    refused(lambda: read_idx(path), words)


def test_a_file_may_be_gzipped_in_several_parts(tmp_path: Path) -> None:
    path = tmp_path / "labels.gz"
    path.write_bytes(packed((vector(4), 1), (b"12", 1)) + packed((b"34", 1)))
    assert read_idx(path).tobytes() == b"1234"


# ------------------------------------------------------------------------------------- pictures

WEBP = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\xfe\xbf\xff\x0f\0\0\0\0\0\0\0\0\0"
"""Says 16,383 × 16,383."""


def png(width: int, height: int) -> bytes:
    """The beginning of a picture of this size, by the specification of the format."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + kind + content + check

    sides = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    pixels = zlib.compress(bytes(MEGABYTE))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", sides + b"\x08\0\0\0\0") + chunk(b"IDAT", pixels)


@pytest.mark.parametrize(
    ("content", "size", "words"),
    [
        (png(2**31 - 1, 2**31 - 1), None, "more than 50 million pixels"),
        (png(50_001, 1_000), None, "more than 50 million pixels"),
        (WEBP, None, "more than 50 million pixels|is no picture|is a damaged picture"),
        (WEBP, 500 * MEGABYTE, "more than 50 million pixels"),
        (b"P5 40000 40000 255 ", None, "more than 50 million pixels"),
        (b"P2 3 3 255 " + b"9" * 3000, None, "is a damaged picture|is no picture"),
        (b"BM" + bytes(16), None, "is no picture|is a damaged picture"),
        (b"GIF89a\xff\xff\xff\xff\0\0\0", None, "more than 50 million|is no picture"),
    ],
    ids=range(8),
)
def test_pictures_that_announce_too_much(
    content: bytes, size: int | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "digit.png"
    with path.open("wb") as file:
        file.write(content)
        file.truncate(size or len(content))  # without using the disk
    refused(lambda: read_digit(path), words, most=40 * MEGABYTE)
