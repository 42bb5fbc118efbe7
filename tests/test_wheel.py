"""The wheel and the source archive, as others install them: in an environment with nothing else.

They are built from what git tracks, by ``python -m build``, which makes the archive and then the
wheel from the archive. All of it needs a package index, and is skipped where there is none.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import autodiff
from checkout import ROOT, copy_to, run, tracked
from viz.webpage import compact

pytestmark = pytest.mark.xdist_group("wheel")  # built once, also by several workers


def installing(*command: str | Path, folder: Path) -> None:
    """Run pip, or what runs it; the one excuse for failing is an index that is out of reach."""
    done = run(*command, folder=folder)
    if done.returncode and not an_index_answers(folder):
        pytest.skip("the package index cannot be reached, as pip says")
    assert done.returncode == 0, done.stdout + done.stderr


def an_index_answers(folder: Path) -> bool:
    """Whether pip gets through with what every index has, which is pip."""
    options = ["--no-deps", "--no-cache-dir", "--retries", "1", "--dest", folder / "probe"]
    asked = run(sys.executable, "-m", "pip", "download", *options, "pip", folder=folder)
    return asked.returncode == 0 or "connection broken by" not in asked.stderr


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive."""
    copy = copy_to(tmp_path_factory.mktemp("checkout"))
    installing(sys.executable, "-m", "build", folder=copy)
    return copy / "dist"


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment in which the wheel is installed, without extras."""
    folder = tmp_path_factory.mktemp("empty")
    installing(sys.executable, "-m", "venv", folder, folder=folder)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    installing(python, "-m", "pip", "install", "--quiet", wheel, folder=folder)
    return python


@pytest.fixture(scope="session")
def answers_without_pictures(
    python: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, subprocess.CompletedProcess[str]]:
    """What the bare installation answers, asked before the extra joins it."""
    folder = tmp_path_factory.mktemp("bare")
    without_dot = {"PATH": str(python.parent)}
    scripts = {
        "engine": "from autodiff import Value, compile; x = Value(3.0); (x * x).backward(); "
        "print(x.grad, compile(lambda a: a * a, target='numpy').value_and_grad(3.0))",
        "plot": "from viz import plots; plots.bars({'p': [1.0]})",
    }
    commands = {name: ("-c", script) for name, script in scripts.items()}
    commands["draw"] = ("-m", "autodiff", "draw", "x*y", "x=2", "y=3", "-o", "f.svg")
    commands["dot"] = ("-m", "autodiff", "draw", "x*y", "x=2", "y=3", "-o", "f.dot")
    commands["demo"] = ("-m", "autodiff", "demo", "--images", "64", "--epochs", "1")
    return {
        name: run(python, *arguments, folder=folder, environment=without_dot)
        for name, arguments in commands.items()
    }


@pytest.fixture(scope="session")
def python_with_pictures(
    python: Path, wheel: Path, answers_without_pictures: object, tmp_path_factory: object
) -> Path:
    installing(python, "-m", "pip", "install", "--quiet", f"{wheel}[pictures]", folder=wheel.parent)
    return python


def test_the_wheel_holds_what_git_tracks_of_the_packages(wheel: Path) -> None:
    packaged = {name for name in tracked() if name.startswith(("autodiff/", "viz/"))}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert {"autodiff/py.typed", "viz/py.typed", "viz/explorer/page.js"} <= names
    assert {"viz/playground/page.html", "viz/playground/training.js"} <= names
    assert names == packaged


def test_the_source_archive_holds_what_git_tracks(dist: Path) -> None:
    (found,) = dist.glob("*.tar.gz")
    with tarfile.open(found) as archive:
        names = {
            member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()
        }
    made = {name for name in names if re.match(r"PKG-INFO|setup\.cfg|[^/]*\.egg-info/", name)}
    hidden = {name for name in tracked() if name.startswith((".ci/", ".gitignore"))}
    assert names - made == set(tracked()) - hidden


def test_versions_agree(wheel: Path, python: Path) -> None:
    asked = run(python, "-m", "autodiff", "--version", folder=wheel.parent)
    assert asked.stdout == f"autodiff {autodiff.__version__}\n"
    assert wheel.name.split("-")[1] == autodiff.__version__


def test_without_pictures_the_engine_works(
    answers_without_pictures: dict[str, subprocess.CompletedProcess[str]],
) -> None:
    done = answers_without_pictures["engine"]
    assert done.stdout == "6.0 (9.0, 6.0)\n", done.stderr
    assert answers_without_pictures["dot"].returncode == 0


@pytest.mark.parametrize(
    ("what", "remedy"), [("draw", "pip install pygraphviz"), ("plot", "pip install matplotlib")]
)
def test_without_pictures_one_sentence_says_what_to_install(
    what: str, remedy: str, answers_without_pictures: dict[str, subprocess.CompletedProcess[str]]
) -> None:
    done = answers_without_pictures[what]
    assert done.returncode
    assert remedy in done.stderr.splitlines()[-1]
    if what == "draw":
        assert len(done.stderr.splitlines()) == 1


def test_without_pictures_the_demo_keeps_what_it_can(
    answers_without_pictures: dict[str, subprocess.CompletedProcess[str]],
) -> None:
    done = answers_without_pictures["demo"]
    assert done.returncode == 0, done.stderr
    assert "product.dot" in done.stdout
    assert sum(line.startswith("note:") for line in done.stdout.splitlines()) == 2


def test_the_demo_in_an_empty_folder(python_with_pictures: Path, tmp_path: Path) -> None:
    arguments = ["-m", "autodiff", "demo", "--images", "64", "--epochs", "1"]
    done = run(python_with_pictures, *arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    listed = re.findall(r"^  (\S+\.(?:svg|png))$", done.stdout, re.MULTILINE)
    assert sorted(listed) == sorted(path.name for path in (tmp_path / "demo").iterdir())
    assert {"product.svg", "trained-neuron.svg", "confusion.png"} <= set(listed)
    assert not re.search(r"\bmake \w|pyproject|\.venv|note:", done.stdout)


def test_the_command_and_the_explorer(python_with_pictures: Path, tmp_path: Path) -> None:
    command = python_with_pictures.with_name("autodiff")
    drawn = run(command, "draw", "(x+y)*z", "x=-2", "y=5", "z=-4", folder=tmp_path)
    assert drawn.stdout.endswith("wrote graph.svg\n"), drawn.stderr
    assert (tmp_path / "graph.svg").read_text().startswith("<svg")

    script = """
import autodiff, viz
from autodiff.data import load_subset
x = autodiff.Value(2.0, "x")
f = x.exp() * x
print(viz.__file__, len(load_subset()))
viz.draw(f).save("f.png")
viz.explore(f).save("f.html")
viz.playground(autodiff.nn.MLP(2, [3, 1]), autodiff.data.moons()).save("p.html")
viz.animate(f).save("f.gif")
"""
    done = run(python_with_pictures, "-c", script, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    path, images = done.stdout.split()
    assert Path(path).is_relative_to(python_with_pictures.parents[1])
    assert images == "5000"
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "f.gif").read_bytes().startswith(b"GIF8")
    for package, page in (("explorer", "f.html"), ("playground", "p.html")):
        text = (tmp_path / page).read_text()
        sources = [ROOT / "viz" / package / name for name in ("page.css", "page.js")]
        assert all(compact(source.read_text())[-200:] in text for source in sources)
