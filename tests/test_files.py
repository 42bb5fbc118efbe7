"""Files are written whole or not at all, and what killed processes leave behind goes."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autodiff.files import check_place, whole, write_whole


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_on_the_disk_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = tmp_path / "a.npz", []
    path.write_bytes(b"before")
    sync = os.fsync

    def watched(number: int) -> None:
        seen.append((path.read_bytes(), os.fstat(number).st_size))
        sync(number)

    monkeypatch.setattr(os, "fsync", watched)
    write_whole(b"after, and longer", path)
    assert path.read_bytes() == b"after, and longer"
    assert seen[0] == (b"before", len(b"after, and longer"))
    assert [content for content, _ in seen[1:]] == [b"after, and longer"] * (os.name == "posix")
    assert names(tmp_path) == ["a.npz"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_leaves_what_was_there(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.npz"
    write_whole(b"before", path)

    def full(number: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=f"cannot save .*a.npz: {os.strerror(code)}"):
        write_whole(b"after", path)
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == ["a.npz"]


KILLED = """
import os, pathlib, signal, sys
from autodiff.files import write_whole
os.fsync = lambda number: os.kill(os.getpid(), signal.SIGKILL)
write_whole(b"never", pathlib.Path(sys.argv[1]))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_what_a_killed_process_left_is_removed_by_the_next_that_writes_there(
    tmp_path: Path,
) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "run.npz"], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = names(tmp_path)
    assert left.startswith(".run.npz.")
    assert left.endswith(".part")
    write_whole(b"other", tmp_path / "other.npz")
    assert names(tmp_path) == ["other.npz"]


def test_what_others_are_writing_or_have_named_so_stays(tmp_path: Path) -> None:
    here = whole._HOST
    mine = tmp_path / f".a.npz.{here}.{os.getpid()}.999999.part"
    elsewhere, forgotten = (tmp_path / f".a.npz.{host}.1.0.part" for host in ("there", "far"))
    foreign = tmp_path / ".download.part"
    for path in (mine, elsewhere, forgotten, foreign):
        path.write_bytes(b"")
    old = time.time() - 2 * 24 * 3600
    os.utime(forgotten, (old, old))
    os.utime(foreign, (old, old))
    write_whole(b"", tmp_path / "b")
    assert names(tmp_path) == sorted([mine.name, elsewhere.name, foreign.name, "b"])


def test_files_have_the_permissions_that_others_expect(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_whole(b"", tmp_path / "new")
        (tmp_path / "kept").touch()
        (tmp_path / "kept").chmod(0o640)
        write_whole(b"", tmp_path / "kept")
    finally:
        os.umask(before)
    if os.name == "posix":
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o644
        assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o640


def unwritable() -> Path:
    """A folder in which even an administrator can write nothing."""
    return Path("/proc/self")


@pytest.mark.skipif(not unwritable().is_dir(), reason="needs /proc, as on Linux")
@pytest.mark.parametrize("act", [check_place, lambda path: write_whole(b"", path)])
def test_a_folder_that_cannot_be_written_to_is_noticed_beforehand(act: object) -> None:
    with pytest.raises(OSError, match=r"^cannot save /proc/\w+/m\.npz: "):
        act(unwritable() / "m.npz")  # type: ignore[operator]


def test_places_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "file").touch()
    for path, kind, words in [
        (tmp_path / "none" / "m.npz", FileNotFoundError, "there is no folder"),
        (tmp_path / "file" / "m.npz", FileNotFoundError, "there is no folder"),
        (tmp_path / "folder.npz", IsADirectoryError, "there is a folder of that name"),
    ]:
        with pytest.raises(kind, match=f"cannot save {path.name}: {words}"):
            check_place(path)
    check_place(tmp_path / "m.npz")
    assert names(tmp_path) == ["file", "folder.npz"]
