"""Another module may be called viz: autodiff's own is found, or one sentence says what is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import viz as imported
from autodiff import pictures, viz
from autodiff.pictures import find_viz

HIDES = "another module called viz hides autodiff's: "


def run(program: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    script = folder / "lesson.py"
    script.write_text(program)
    return subprocess.run(
        [sys.executable, *options, script],
        cwd=folder, text=True, capture_output=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture
def students(tmp_path: Path) -> Path:
    """A folder with a student's own viz.py."""
    (tmp_path / "viz.py").write_text("mine = True\n")
    return tmp_path


def test_it_is_the_package_that_import_gives() -> None:
    assert viz is imported
    assert find_viz() is imported


def test_the_package_is_found_behind_a_module_of_its_name(students: Path) -> None:
    done = run(
        "from autodiff import Value, viz\n"
        "viz.draw(Value(2.0, 'x') * 3).save('f.dot')\n"
        "import viz.plots\n"
        "from viz import explore\n",
        students,
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if HIDES in line]
    assert len(said) == 1
    assert str(students / "viz.py") in said[0]
    assert "write `from autodiff import viz` in place of `import viz`" in said[0]


def test_one_sentence_says_that_import_viz_gave_something_else(students: Path) -> None:
    done = run("import autodiff, viz\nassert viz.mine\n", students)
    assert done.returncode == 0, done.stderr
    assert HIDES in done.stderr
    done = run("import viz\nfrom autodiff import viz\n", students, "-W", "ignore")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: another module is called viz, {students / 'viz.py'}, and was imported "
        "before this one; rename it, or write `from autodiff import viz` first"
    )


def test_the_command_draws_beside_a_module_of_its_name(students: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "autodiff", "draw", "x*x", "x=2", "-o", "f.dot"],
        cwd=students, text=True, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (students / "f.dot").is_file()


def test_a_package_that_was_written_over_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So pip does it with two distributions that have a package of one name."""
    (tmp_path / "__init__.py").write_text("")
    monkeypatch.setattr(pictures, "_HOME", tmp_path)
    monkeypatch.setattr(pictures, "_OURS", tmp_path / "__init__.py")
    monkeypatch.delitem(sys.modules, "viz")
    with pytest.raises(ImportError, match="another package called viz has replaced the one of"):
        find_viz()
    monkeypatch.delitem(sys.modules, "viz")
    (tmp_path / "__init__.py").unlink()
    with pytest.raises(ImportError, match="the package viz is missing in"):
        find_viz()
    assert "viz" not in sys.modules
