"""The repository as git has it, in a folder of its own, and commands that run there."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

_OURS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "MPLBACKEND", "MPLCONFIGDIR")


def run(
    *command: str | Path, folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A command in a folder, with nothing of the environment of these tests."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _OURS and not name.startswith(("PYTEST_", "HYPOTHESIS_", "MAKE"))
    }
    return subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**kept, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def tracked() -> list[str]:
    """What git tracks, as paths from the root; skips the test where there is no git."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is not a git checkout, so that nothing says what belongs to it")
    listed = run("git", "ls-files", "-z", folder=ROOT)
    assert listed.returncode == 0, listed.stderr
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def copy_to(folder: Path) -> Path:
    """What git tracks, as it is now, and nothing else."""
    for name in tracked():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder
