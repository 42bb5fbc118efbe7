"""Static types: mypy and pyright read a page of typical user code, and find nothing."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from checkout import ROOT, run

PAGE = Path(__file__).with_name("typical_user_code.py")


def read_by(command: list[str], folder: Path) -> str:
    """What a type checker says of the page, in a project of its own."""
    shutil.copy(PAGE, folder)
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    finished = subprocess.run(
        [sys.executable, "-m", *command, PAGE.name],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    return finished.stdout + finished.stderr


def test_the_page_passes_mypy_strict(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed")
    said = read_by(["mypy", "--strict", "--follow-imports=silent"], tmp_path)
    assert said == "Success: no issues found in 1 source file\n"


def test_the_page_passes_pyright(tmp_path: Path) -> None:
    if importlib.util.find_spec("pyright") is None:
        pytest.skip("pyright is not installed")
    options = {
        "extraPaths": [str(ROOT)],
        "typeCheckingMode": "strict",
        "reportUnnecessaryTypeIgnoreComment": "error",
        "reportUnknownLambdaType": "none",  # a lambda has no place for types
        "reportUnknownMemberType": "none",
        "reportUnknownVariableType": "none",
        "reportUnknownArgumentType": "none",
        "reportUnusedExpression": "none",
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(options))
    said = read_by(["pyright", "--pythonpath", sys.executable], tmp_path)
    if "nodeenv" in said or "Traceback" in said:
        pytest.skip("pyright cannot be started without a network")
    assert "0 errors" in said, said


def test_the_page_runs() -> None:
    result = run(sys.executable, PAGE, folder=ROOT, environment={"PYTHONPATH": str(ROOT)})
    assert result.returncode == 0, result.stderr
