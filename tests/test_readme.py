"""The README's code runs, and its pictures are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_code_blocks_run(
    block: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("pygraphviz", reason="the README draws")
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})
    promised = re.findall(r"print\(.*\)  # (.*)", block)
    printed = capsys.readouterr().out
    assert all(line in printed for line in promised)


def test_pictures_and_files_exist() -> None:
    linked = re.findall(r'(?:src|srcset)="([^"]+)"|\]\((?!http)([^)]+)\)', README)
    paths = [ROOT / (picture or file) for picture, file in linked]
    assert paths
    assert all(path.is_file() for path in paths)
