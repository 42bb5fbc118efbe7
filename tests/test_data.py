"""Data: IDX files good and bad, MNIST folders, the packaged subset, splits."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import socketserver
import struct
import threading
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff.data import Dataset, batches, load_mnist, load_subset, mnist, one_hot, read_idx, split

UBYTE = 0x08


def idx(array: np.ndarray, kind: int = UBYTE) -> bytes:
    """The format, written independently of the reader."""
    header = bytes([0, 0, kind, array.ndim])
    return header + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
LABELS = np.array([7, 0, 9], np.uint8)


@pytest.mark.parametrize("name", ["a.idx", "a.gz"])
@pytest.mark.parametrize("compress", [False, True])
def test_idx_files_are_read_gzipped_or_not(tmp_path: Path, name: str, compress: bool) -> None:
    content = idx(IMAGES)
    (tmp_path / name).write_bytes(gzip.compress(content) if compress else content)
    np.testing.assert_array_equal(read_idx(tmp_path / name), IMAGES)


@pytest.mark.parametrize(
    ("kind", "type"),
    [(0x08, ">u1"), (0x09, ">i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")],
)
def test_every_element_type(tmp_path: Path, kind: int, type: str) -> None:
    array = np.array([[1, 2, 3]], type)
    (tmp_path / "a").write_bytes(idx(array, kind))
    read = read_idx(tmp_path / "a")
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "an empty file"),
        (b"\x89PNG", "not an IDX file.*89 50 4e 47"),
        (b"\0\0\x08", "not an IDX file"),
        (b"\0\0\x07\x01\0\0\0\x01x", "not an IDX file"),
        (b"\0\0\x08\0", "not an IDX file"),
        (idx(IMAGES)[:10], "ends inside its header, after 10 bytes"),
        (idx(IMAGES)[:-1], "is 60 bytes of data, but holds 59"),
        (idx(IMAGES) + b"!", "is 60 bytes of data, but holds 61"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "but holds 0"),
        (b"\0\0\x08\xff" + b"\0" * 1020, "announces 255 dimensions"),
        (b"\0\0\x08\x03" + b"\0" * 4 + b"\xff" * 8, "the impossible shape"),
        (gzip.compress(idx(IMAGES), mtime=0)[:-9], "damaged gzip"),
        (gzip.compress(idx(IMAGES), mtime=0)[:-8] + b"\0" * 8, "damaged gzip"),
    ],
    ids=range(13),
)
def test_damaged_files_are_refused_in_one_sentence(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(ValueError, match=complaint) as failure:
        read_idx(tmp_path / "bad")
    assert "bad" in str(failure.value)
    assert "\n" not in str(failure.value)


@given(content=st.binary(max_size=40) | st.binary(max_size=30).map(lambda b: b"\0\0\x08\x01" + b))
def test_any_bytes_are_read_or_refused(tmp_path_factory: Any, content: bytes) -> None:
    path = tmp_path_factory.mktemp("idx") / "any"
    path.write_bytes(content)
    try:
        array = read_idx(path)
    except ValueError:
        return
    assert idx(array, content[2]) == content


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="found no file there"):
        read_idx(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="found no file there"):
        read_idx(tmp_path)


def folder(path: Path, images: bytes, labels: bytes) -> Path:
    (path / "train-images-idx3-ubyte").write_bytes(images)
    (path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    return path


def test_mnist_from_a_folder(tmp_path: Path) -> None:
    dataset = load_mnist(folder(tmp_path, idx(IMAGES), idx(LABELS)))
    assert dataset.images.shape == (3, 20)
    assert (dataset.images.min(), dataset.images.max()) == (0.0, 59 / 255)
    assert dataset.labels.tolist() == [7, 0, 9]
    assert len(dataset) == 3


@pytest.mark.parametrize("spelling", ["{}-idx{}-ubyte", "{}.idx{}-ubyte"])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_every_spelling_of_mnists_files_is_found(
    tmp_path: Path, spelling: str, ending: str
) -> None:
    for name, axes, content in (("train-images", 3, IMAGES), ("train-labels", 1, LABELS)):
        data = gzip.compress(idx(content)) if ending else idx(content)
        (tmp_path / (spelling.format(name, axes) + ending)).write_bytes(data)
    assert load_mnist(tmp_path).labels.tolist() == [7, 0, 9]


@pytest.mark.parametrize(
    ("images", "labels", "complaint"),
    [
        (idx(LABELS), idx(LABELS), "should hold grey images"),
        (idx(IMAGES), idx(IMAGES), "one byte per image"),
        (idx(IMAGES), idx(LABELS[:2]), "3 images.* 2 labels"),
        (idx(IMAGES), idx(np.array([1, 2, 12], np.uint8)), "digits 0 to 9, but holds 12"),
        (idx(IMAGES.astype(">i2"), 0x0B), idx(LABELS), "of bytes"),
    ],
)
def test_files_that_do_not_belong_together(
    tmp_path: Path, images: bytes, labels: bytes, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        load_mnist(folder(tmp_path, images, labels))


def test_missing_folders_and_files_name_the_subset(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileNotFoundError, match=r"load_subset\(\)"):
            load_mnist(path)
    with pytest.raises(ValueError, match='"train" or "test"'):
        load_mnist(tmp_path, split="both")  # type: ignore[arg-type]


class Server:
    """Stands for the network: addresses and what they answer."""

    def __init__(self, answers: dict[str, bytes]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, address: str, timeout: float) -> Any:
        self.asked.append(address)
        if address not in self.answers:
            raise urllib.error.URLError("no such host")
        content = self.answers[address]
        answer = io.BytesIO(content)
        answer.headers = {"Content-Length": str(len(content))}  # type: ignore[attr-defined]
        return answer


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTODIFF_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_without_a_network_the_message_names_the_subset(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("urllib.request.urlopen", Server({}))
    with pytest.raises(ConnectionError, match=r"load_subset\(\).* gives the 5,000 packaged images"):
        load_mnist()
    assert not cache.exists()


def publish(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        name: mnist._Published(len(content), hashlib.sha256(content).hexdigest())
        for name, content in files.items()
    }
    monkeypatch.setattr(mnist, "_PUBLISHED", known)


def test_downloads_are_checked_and_cached(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "train-images-idx3-ubyte.gz": gzip.compress(idx(IMAGES), mtime=0),
        "train-labels-idx1-ubyte.gz": gzip.compress(idx(LABELS)),
    }
    first, second = mnist._MIRRORS
    good = {second + name: content for name, content in files.items()}
    server = Server(good | {first + "train-images-idx3-ubyte.gz": b"something else"})
    monkeypatch.setattr("urllib.request.urlopen", server)
    publish(files, monkeypatch)
    assert load_mnist().labels.tolist() == [7, 0, 9]
    assert sorted(path.name for path in cache.iterdir()) == sorted(files)
    asked = len(server.asked)
    assert len(load_mnist()) == 3
    assert len(server.asked) == asked


def test_a_download_with_the_wrong_sum_is_not_kept(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish({"train-images-idx3-ubyte.gz": b"gold"}, monkeypatch)
    answers = {mirror + "train-images-idx3-ubyte.gz": b"junk" for mirror in mnist._MIRRORS}
    monkeypatch.setattr("urllib.request.urlopen", Server(answers))
    with pytest.raises(ConnectionError, match="SHA-256"):
        load_mnist()
    assert not cache.exists()


FILES = {
    "train-images-idx3-ubyte.gz": gzip.compress(idx(IMAGES), mtime=0),
    "train-labels-idx1-ubyte.gz": gzip.compress(idx(LABELS), mtime=0),
}


@pytest.fixture
def mirrors(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirrors]:
    """Two mirrors on this machine: the first one answers as a test says, the second one well."""
    publish(FILES, monkeypatch)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Mirrors() as mirrors:
        address = f"http://127.0.0.1:{mirrors.server_address[1]}"
        monkeypatch.setattr(mnist, "_MIRRORS", (f"{address}/broken/", f"{address}/good/"))
        running = threading.Thread(target=mirrors.serve_forever, kwargs={"poll_interval": 0.01})
        running.start()
        yield mirrors
        mirrors.shutdown()
        running.join()


class Mirrors(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.broken: Callable[[Any], object] = lambda out: None
        self.asked: list[str] = []


class _Answer(socketserver.StreamRequestHandler):
    server: Mirrors

    def handle(self) -> None:
        address = self.rfile.readline().split()[1].decode()
        while self.rfile.readline().strip():
            pass
        self.server.asked.append(address)
        with suppress(OSError):  # the other side may hang up
            if address.startswith("/broken/"):
                self.server.broken(self.wfile)
            else:
                content = FILES[address.removeprefix("/good/")]
                self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + content)


def endless(out: Any) -> None:
    out.write(b"HTTP/1.0 200 OK\r\n\r\n")
    while True:
        out.write(bytes(1 << 20))


def answer(*lines: bytes) -> Callable[[Any], object]:
    return lambda out: out.write(b"\r\n".join(lines))


OK = b"HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    "broken",
    [
        endless,
        answer(b""),
        answer(b"nonsense", b"", b""),
        answer(b"HTTP/9.9 abc", b"", b""),
        answer(b"HTTP/1.1 " + b"2" * 100_000, b"", b""),
        answer(b"HTTP/1.1 404 No", b"", b""),
        answer(b"HTTP/1.1 500 No", b"Content-Length: 0", b"", b""),
        answer(b"HTTP/1.1 302 There", b"Location: http://127.0.0.1:1/", b"", b""),
        answer(b"HTTP/1.1 302 There", b"Location: file:///etc/passwd", b"", b""),
        answer(b"HTTP/1.1 302 There", b"Location: http://[::1", b"", b""),
        answer(OK, b"Content-Length: abc", b"", b"junk"),
        answer(OK, b"Content-Length: -5", b"", b"junk"),
        answer(OK, b"Content-Length: 99999999999999", b"", b"junk"),
        answer(OK, b"Content-Length: 4", b"", b"junk"),
        answer(OK, *[b"X-%d: 5" % i for i in range(200)], b"", b"junk"),
        answer(OK, b"X: " + b"x" * 100_000, b"", b"junk"),
        answer(OK, b"Transfer-Encoding: chunked", b"", b"4", b"junk", b"zz", b"", b""),
        answer(OK, b"Transfer-Encoding: chunked", b"", b"-4", b"junk", b"0", b"", b""),
        answer(OK, b"Transfer-Encoding: chunked", b"", b"ffffffffff", b"junk"),
        answer(OK, b"Transfer-Encoding: chunked", b"", b"4" * 100_000, b"junk"),
    ],
    ids=range(20),
)
def test_a_broken_mirror_is_passed_over(
    broken: Callable[[Any], object], cache: Path, mirrors: Mirrors
) -> None:
    mirrors.broken = broken
    before = os.umask(0o022)
    try:
        assert load_mnist().labels.tolist() == [7, 0, 9]
    finally:
        os.umask(before)
    assert [address.split("/")[1] for address in mirrors.asked] == ["broken", "good"] * 2
    for name, content in FILES.items():
        assert (cache / name).read_bytes() == content
        if os.name == "posix":
            assert (cache / name).stat().st_mode & 0o777 == 0o644
    assert len(list(cache.iterdir())) == 2


def test_the_sentence_says_what_every_mirror_did(
    cache: Path, mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist, "_MIRRORS", mnist._MIRRORS[:1] * 2)
    mirrors.broken = endless
    with pytest.raises(
        ConnectionError, match=r"expected [\d,]+ bytes, got more than .*; .* got more"
    ):
        load_mnist()
    mirrors.broken = answer(b"two\nlines", b"", b"")
    with pytest.raises(ConnectionError, match="could not download") as failure:
        load_mnist()
    assert "\n" not in str(failure.value)
    assert not cache.exists()


@pytest.mark.parametrize("damage", [lambda c: b"", lambda c: c[:-1], lambda c: c[:-1] + b"?"])
def test_a_download_that_was_damaged_since_is_fetched_again(
    damage: Callable[[bytes], bytes], cache: Path, mirrors: Mirrors
) -> None:
    load_mnist()
    name = "train-images-idx3-ubyte.gz"
    (cache / name).write_bytes(damage(FILES[name]))
    mirrors.asked.clear()
    assert len(load_mnist()) == 3
    assert mirrors.asked == [f"/broken/{name}", f"/good/{name}"]
    assert (cache / name).read_bytes() == FILES[name]


def test_the_published_sizes_are_whole_files() -> None:
    assert sum(published.size for published in mnist._PUBLISHED.values()) == 11_594_722
    assert {len(published.sha256) for published in mnist._PUBLISHED.values()} == {64}


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-images.idx3-ubyte"])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_every_spelling_of_the_files_is_found(name: str, ending: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}{ending}").write_bytes(idx(IMAGES))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    assert len(load_mnist(tmp_path)) == 3


def test_the_packaged_subset() -> None:
    subset = load_subset()
    assert subset.images.shape == (5000, 784)
    assert np.bincount(subset.labels).tolist() == [500] * 10
    assert (subset.images.min(), subset.images.max()) == (0.0, 1.0)


def test_the_packaged_subset_is_real_mnist(shared_mnist: Path) -> None:
    """Every packaged image is one of MNIST's training images, with the same label."""
    known = load_mnist(shared_mnist)
    labels = {
        image.tobytes(): label for image, label in zip(known.images, known.labels, strict=True)
    }
    subset = load_subset()
    assert all(
        labels[x.tobytes()] == label for x, label in zip(subset.images, subset.labels, strict=True)
    )


@pytest.mark.parametrize(
    ("images", "labels", "complaint"),
    [
        (np.zeros((3, 4)), np.zeros(2, int), r"\(3, 4\) and \(2,\)"),
        (np.zeros((3, 2, 2)), np.zeros(3, int), r"\(3, 2, 2\)"),
        (np.zeros((2, 4)), np.zeros(2), "labels must be whole numbers"),
        (np.zeros((2, 4)), np.array([0, -1]), "labels must be whole numbers"),
        (np.full((2, 4), np.nan), np.zeros(2, int), "inputs must be finite"),
        (np.zeros((2, 4), np.uint8), np.zeros(2, int), "divide bytes by 255"),
    ],
)
def test_a_dataset_checks_itself(images: np.ndarray, labels: np.ndarray, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Dataset(images, labels)


def test_an_idx_file_may_hold_no_images(tmp_path: Path) -> None:
    assert len(load_mnist(folder(tmp_path, idx(IMAGES[:0]), idx(LABELS[:0])))) == 0


def numbered(counts: list[int]) -> Dataset:
    """So many images of each class, each with its number as its only pixel."""
    labels = np.repeat(np.arange(len(counts)), counts)
    return Dataset(np.arange(len(labels), dtype=float)[:, None], labels)


@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=5).filter(lambda c: max(c) > 1),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 5),
)
def test_a_split_loses_nothing_and_keeps_the_classes_in_proportion(
    counts: list[int], share: float, seed: int
) -> None:
    dataset = numbered(counts)
    training, aside = split(dataset, share, seed)
    seen = np.concatenate([training.images, aside.images])[:, 0]
    assert sorted(seen) == list(range(len(dataset)))
    assert set(training.labels) == set(dataset.labels)
    kept = sum(count * share > count - 1 for count in counts)  # others go in their place
    for label, count in enumerate(counts):
        found = (aside.labels == label).sum()
        assert abs(found - count * len(aside) / len(dataset)) <= 2 + kept
    again = split(dataset, share, seed)
    np.testing.assert_array_equal(again[1].images, aside.images)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_large_classes_are_split_exactly(share: float) -> None:
    training, aside = split(numbered([100, 200, 50]), share)
    assert np.bincount(aside.labels).tolist() == [100 * share, 200 * share, 50 * share]
    assert np.bincount(training.labels).tolist() == [
        100 - 100 * share,
        200 - 200 * share,
        50 - 50 * share,
    ]


def test_a_class_with_one_image_is_trained_on() -> None:
    for seed in range(20):
        training, aside = split(numbered([1, 9]), 0.9, seed)
        assert sorted(training.labels) == [0, 1]
        assert aside.labels.tolist() == [1] * 8


@pytest.mark.parametrize(
    ("counts", "complaint"),
    [
        ([], "0 image.* of 0 class"),
        ([1], "1 image.* of 1 class"),
        ([1] * 9, "9 image.* of 9 class"),
    ],
)
def test_classes_of_one_image_cannot_be_split(counts: list[int], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"cannot split {complaint}.* two images of some class"):
        split(numbered(counts))


@given(count=st.integers(1, 60), size=st.integers(1, 70), seed=st.integers(0, 9))
def test_batches_cover_every_image_once_in_nearly_equal_parts(
    count: int, size: int, seed: int
) -> None:
    dataset = numbered([count])
    parts = list(batches(dataset, size, np.random.default_rng(seed)))
    sizes = [len(part) for part in parts]
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == -(-count // size)
    met = np.concatenate([part.images[:, 0] for part in parts])
    np.testing.assert_array_equal(met, np.random.default_rng(seed).permutation(count))


def test_each_epoch_has_an_order_of_its_own() -> None:
    dataset, generator = numbered([10, 10]), np.random.default_rng(0)
    first, second = (
        np.concatenate([batch.images[:, 0] for batch in batches(dataset, 4, generator)])
        for _ in range(2)
    )
    assert first.tolist() != second.tolist()
    assert sorted(first) == sorted(second)
    assert list(batches(numbered([]), 4, generator)) == []


@given(labels=st.lists(st.integers(0, 6)), spare=st.integers(1, 3))
def test_one_hot_rows_have_their_one_at_the_label(labels: list[int], spare: int) -> None:
    classes = max(labels, default=0) + spare
    rows = one_hot(labels, classes)
    assert rows.shape == (len(labels), classes)
    assert rows.tolist() == [[float(k == label) for k in range(classes)] for label in labels]
    assert one_hot(np.array(labels, np.uint8), classes).tolist() == rows.tolist()


@pytest.mark.parametrize(
    ("labels", "classes", "complaint"),
    [
        ([0, 3], 3, "from 0 to 2, got 3"),
        ([-1], 3, "from 0 to 2, got -1"),
        ([0.0], 3, "whole numbers.* got float64"),
        ([[1]], 3, r"shape \(1, 1\)"),
        ([True], 3, "got bool"),
        ([0], 0, "classes must be a whole number of at least 1, got 0"),
        ([0], 2.0, "got 2.0"),
    ],
)
def test_labels_that_have_no_row(labels: Any, classes: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        one_hot(labels, classes)


@pytest.mark.parametrize("size", [0, -1, 1.5, True, None])
def test_a_batch_has_a_whole_number_of_images(size: Any) -> None:
    with pytest.raises(ValueError, match="batch_size must be a whole number of at least 1"):
        batches(load_subset(), size, np.random.default_rng(0))


def test_batches_need_a_generator() -> None:
    with pytest.raises(TypeError, match="default_rng"):
        batches(load_subset(), 10, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0, 1, -1, 1.5])
def test_a_share_is_between_0_and_1(share: float) -> None:
    with pytest.raises(ValueError, match="above 0 and below 1"):
        split(load_subset(), share)


def test_impossible_samples_are_refused() -> None:
    one = Dataset(np.zeros((1, 4)), np.zeros(1, np.int64))
    for count in (0, 2):
        with pytest.raises(ValueError, match=f"cannot take {count} of 1"):
            one.sample(count)
