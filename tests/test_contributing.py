"""CONTRIBUTING.md, followed to the letter in a copy; and the habits that it speaks of.

A primitive is added there by its one entry. Then the page's own commands run, the tests that were
there before find it, and they find it out if its rule is wrong.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import autodiff
from checkout import ROOT, copy_to, run
from documents import blocks

pytestmark = pytest.mark.xdist_group("contributing")

PAGE = "CONTRIBUTING.md"
LEFT_TO_US = [
    block.text for block in blocks(PAGE) if block.tested_by == "tests/test_contributing.py"
]
TABLE_TESTS = [f"tests/test_{of}.py" for of in ("primitives", "transforms", "notation", "value")]


class Entry(NamedTuple):
    """An entry of the table on the page, and the neighbour below which it belongs."""

    name: str
    text: str
    below: str


def entries() -> list[Entry]:
    page = (ROOT / PAGE).read_text()
    found = []
    for text in LEFT_TO_US:
        if name := re.match(r"(\w+) = define\(", text):
            places = re.findall(r"Put\s+this\s+below\s+`(\w+)`", page[: page.index(text)])
            found.append(Entry(name[1], text, places[-1]))
    return found


ENTRIES = entries()
NAMES = [entry.name for entry in ENTRIES]


def the_block(beginning: str) -> str:
    (found,) = [text for text in LEFT_TO_US if text.startswith(beginning)]
    return found


def defined(name: str) -> re.Pattern[str]:
    """The entry of the table with this name."""
    return re.compile(rf"^{name} = define\(\n.*?^\)\n", re.MULTILINE | re.DOTALL)


def add(entry: Entry, copy: Path) -> None:
    """Add it to the table, in place of one that a reader of the page may have added before."""
    table = copy / "autodiff" / "primitives.py"
    text = defined(entry.name).sub("", table.read_text())
    neighbour = defined(entry.below).search(text)
    assert neighbour, f"the table has no {entry.below}"
    table.write_text(text[: neighbour.end()] + entry.text + text[neighbour.end() :])


def pytest_in(copy: Path, *arguments: str) -> str:
    """What the tests report, passed ones by name as well."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rpf", "-m", "not peers"]
    done = run(*command, *arguments, folder=copy, environment={"HYPOTHESIS_PROFILE": "quick"})
    return done.stdout + done.stderr


def outcomes(report: str, name: str) -> dict[str, str]:
    """PASSED or FAILED, for each test of one operation."""
    lines = re.findall(rf"^(PASSED|FAILED) \S+::(\w+)\[{name}\]", report, re.MULTILINE)
    return {test: outcome for outcome, test in lines}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with the entries of the page."""
    copy = copy_to(tmp_path_factory.mktemp("contribution"))
    for entry in ENTRIES:
        add(entry, copy)
    return copy


def test_the_page_adds_one_entry_with_a_domain_and_one_with_a_corner() -> None:
    assert NAMES == ["acot", "signed_sqrt"]
    assert "domain=" in ENTRIES[0].text
    assert "corner=" in ENTRIES[1].text


def test_an_entry_is_tested_by_what_was_there_before(copy: Path) -> None:
    assert shlex.split(the_block("python")) == ["python", "-m", "pytest", "tests", "-k", NAMES[0]]
    report = pytest_in(copy, *TABLE_TESTS, "-k", " or ".join(NAMES))
    for name in NAMES:
        assert outcomes(report, name) == {
            "test_value_against_mpmath": "PASSED",
            "test_derivatives_against_50_digits": "PASSED",
            "test_second_derivatives_of_the_table": "PASSED",
            "test_the_same_rule_serves_arrays": "PASSED",
            "test_the_same_rule_serves_expressions": "PASSED",
            "test_float_rules_give_the_bits_of_the_table": "PASSED",
            "test_float_rules_at_any_floats": "PASSED",
            "test_what_formulas_say_is_true": "PASSED",
            "test_every_operation_is_a_method_too": "PASSED",
            "test_primitives_pickle_by_name": "PASSED",
        }, report


def test_random_graphs_meet_it(copy: Path) -> None:
    script = f"""
from hypothesis import given, settings
from autodiff import compile, value_and_grad
from autodiff.testing import KINKED, SMOOTH, expressions_at_points

assert {NAMES[0]!r} in SMOOTH and {NAMES[1]!r} in KINKED

@settings(max_examples=50, deadline=None, database=None)
@given(expressions_at_points(max_steps=5, operations=("multiply", *{NAMES})))
def compiled_is_eager(example):
    value, gradient = compile(example.expression).value_and_grad(example.point)
    expected, slopes = value_and_grad(example.expression)(example.point)
    for one, other in zip((value, *gradient), (expected, *slopes), strict=True):
        assert abs(one - other) <= 1e-9 * (1 + abs(other))

compiled_is_eager()
"""
    done = run(sys.executable, "-c", script, folder=copy)
    assert done.returncode == 0, done.stderr


def test_it_is_a_function_a_method_and_a_program(copy: Path) -> None:
    script = the_block("from autodiff")
    done = run(sys.executable, "-c", script, folder=copy)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == re.findall(r"print\(.*\)  # (.*)", script)


@pytest.mark.parametrize(
    ("name", "formula"), [("acot", "-1 / (1 + n"), ("signed_sqrt", "1 / (2 · ")]
)
def test_it_is_drawn(name: str, formula: str, copy: Path) -> None:
    pytest.importorskip("pygraphviz", reason="the page draws")
    words = shlex.split(the_block("autodiff").replace(NAMES[0], name))
    done = run(sys.executable, "-m", *words, folder=copy)
    assert done.returncode == 0, done.stderr
    picture = (copy / words[-1]).read_text()
    assert formula in picture
    assert ">±√<" in picture or name != "signed_sqrt"


def test_its_code_is_in_the_house_style(copy: Path) -> None:
    done = run(sys.executable, "-m", "ruff", "check", "autodiff/primitives.py", folder=copy)
    assert done.returncode == 0, done.stdout


def test_it_is_in_the_reference(copy: Path) -> None:
    if importlib.util.find_spec("sphinx") is None:
        pytest.skip("needs Sphinx, which make docs installs")
    script = (
        "from docs.extensions.primitives import row; from autodiff.primitives import PRIMITIVES\n"
        f"for name in {NAMES}: print(row(PRIMITIVES[name]))"
    )
    done = run(sys.executable, "-c", script, folder=copy)
    assert done.returncode == 0, done.stderr
    first, second = map(ast.literal_eval, done.stdout.splitlines())
    assert first[0] == NAMES[0]
    assert first[-2:] == ["-1 / (1 + a²)", "a ≠ 0"]
    assert second[:4] == ["signed_sqrt", "±√", "±√(a)", "1 / (2 · |y|)"]


def test_a_wrong_entry_is_found_out(tmp_path: Path) -> None:
    """A wrong rule, a corner that nobody mentioned, and a name that means something else."""
    copy = copy_to(tmp_path)
    acot, signed_sqrt = ENTRIES
    wrong = [
        (acot, "-1 / (1", "-2 / (1"),
        (signed_sqrt, "    corner=lambda a: a,  # the slope is infinite at 0\n", ""),
        (acot, "acot", "acsch"),
    ]
    for entry, right, instead in wrong:
        assert right in entry.text
        name = entry.name.replace(right, instead)
        add(entry._replace(name=name, text=entry.text.replace(right, instead)), copy)
    names = "against and (atan or acot or acsch or signed_sqrt)"
    report = pytest_in(copy, "tests/test_primitives.py", "-k", names)
    by_rule, by_value = "test_derivatives_against_50_digits", "test_value_against_mpmath"
    assert outcomes(report, "acot") == {by_rule: "FAILED", by_value: "PASSED"}
    assert outcomes(report, "signed_sqrt") == {by_rule: "FAILED", by_value: "PASSED"}
    assert outcomes(report, "acsch") == {by_rule: "PASSED", by_value: "FAILED"}
    assert outcomes(report, "atan") == {by_rule: "PASSED", by_value: "PASSED"}
    for advice in (
        r"a derivative of acot at \(\S+,\) should be \S+, as differences of the value rule are",
        r"a derivative of signed_sqrt at \(0\.0,\) should be .*needs a domain= or a corner=",
        r"acsch\(\S+,\) should be .*mpmath\.acsch means something else: then say what in ORACLES",
    ):
        assert re.search(advice, report), report


# ----------------------------------------------------------------------------------- other habits


def test_the_newest_heading_of_the_changelog_is_the_version() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == autodiff.__version__


def test_a_citation_names_the_version() -> None:
    (cited,) = re.findall(r"^version: (\S+)", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited == autodiff.__version__


def test_make_help_has_a_line_for_every_target() -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    (phony,) = re.findall(r"^\.PHONY: (.*)", makefile, re.MULTILINE)
    done = run("make", "help", folder=ROOT)
    lines = dict(re.findall(r"^  make (\S+) +(\S.*)$", done.stdout, re.MULTILINE))
    assert list(lines) == phony.split()
    assert all(len(text) <= 80 for text in lines.values())


@pytest.mark.parametrize("script", ["echo False", "exit 127", None])
def test_make_says_at_once_that_the_python_that_was_named_is_too_old(
    script: str | None, tmp_path: Path
) -> None:
    if shutil.which("make") is None or os.name != "posix":
        pytest.skip("needs make and a shell")
    program = tmp_path / "python3.10"
    if script is not None:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    # As from a shell, also if make itself runs the tests.
    env = {
        name: text for name, text in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    done = subprocess.run(
        ["make", "-n", "demo", f"PYTHON={program}"],
        cwd=ROOT, text=True, capture_output=True, check=False, env=env,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    (said,) = done.stderr.splitlines()
    assert f"needs Python 3.11 or newer, and PYTHON={program} is none" in said
    known = ["make", "-n", "demo", f"PYTHON={sys.executable}"]
    assert (
        subprocess.run(known, cwd=ROOT, capture_output=True, check=False, env=env).returncode == 0
    )


def test_hooks_check_what_make_lint_checks() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (recipe,) = re.findall(r"^lint:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    checks = [line.split("/")[1].removesuffix(" .") for line in recipe.splitlines()]
    hooks = re.findall(r"entry: \.venv/bin/(.*)", (ROOT / ".pre-commit-config.yaml").read_text())
    assert [hook.removesuffix(" --force-exclude") for hook in hooks[: len(checks)]] == checks
