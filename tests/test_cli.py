"""The command line, as a subprocess, with good and bad input."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import Value, cli
from autodiff.cli import main
from autodiff.expression import ExpressionError, evaluate


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "autodiff", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=120,
        check=False,
    )


def test_draw_prints_a_table_and_writes_a_picture(tmp_path: Path) -> None:
    done = run("draw", "(x+y)*z", "x=-2", "y=5", "z=-4", "-o", "f.dot", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "name  value  gradient",
        "x        -2        -4",
        "y         5        -4",
        "z        -4         3",
        "f       -12         1",
        "wrote f.dot",
    ]
    assert (tmp_path / "f.dot").read_text().startswith("digraph")


def test_draw_has_the_options_of_the_library(tmp_path: Path) -> None:
    options = ["--paths", "x", "--formulas", "--magnitudes", "--theme", "print", "--number", ".2f"]
    given = ["draw", "--x*y*x", "x=2", "y=5", *options, "--direction", "down", "-o", "f.svg"]
    done = run(*given, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "∂f/∂x = 10.00 + 10.00 = 20.00" in (tmp_path / "f.svg").read_text()
    assert main(["draw", "-x", "x=2", "-o", str(tmp_path / "g.dot")]) == 0


def test_every_option_of_draw_is_known_beforehand(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["draw", "--help"])
    listed = re.findall(r"(?<![\w-])--?[a-z]+", capsys.readouterr().out)
    assert set(listed) == set(cli._DRAW_OPTIONS)


BAD = [
    (["draw", "(x+y", "x=1"], "'(' was never closed"),
    (["draw", "x+y", "x=1"], "'y' has no value; add y=NUMBER"),
    (["draw", "f(x)", "x=1"], "unknown function 'f'; the functions are abs,"),
    (["draw", "__import__('os')", "x=1"], "unknown function '__import__'"),
    (["draw", "x.data", "x=1"], "'x.data' is not allowed"),
    (["draw", "[x]", "x=1"], "'[x]' is not allowed"),
    (["draw", "x^2", "x=1"], "write a**b"),
    (["draw", "2*3"], "at least one variable, got the constant"),
    (["draw", "log(x)", "x=-1"], "log(x = -1.0); log(a) is defined for a > 0"),
    (["draw", "1/x", "x=0"], "divide by zero"),
    (["draw", "9.0**9.0**9.0*x", "x=1"], "the result of power is too large"),
    (["draw", "exp(x,x)", "x=1"], "exp takes 1 operand"),
    (["draw", "x", "x=one"], "expected a number for x, got 'one'"),
    (["draw", "x", "x"], "expected NAME=NUMBER"),
    (["draw", "x", "1=x"], "expected NAME=NUMBER"),
    (["draw", "x", "x=1", "x=2"], "x was given twice"),
    (["draw", "x*x", "x=1", "-o", "f.xyz"], "ends in .svg, .png, .pdf, .dot or .html"),
    (["draw", "x*x", "x=1", "-o", "none/f.dot"], "there is no folder none"),
    (["train", "--data", "none"], "expected a folder with MNIST's files at none"),
    (["train", "--images", "0"], "--images: expected a whole number of at least 1, got '0'"),
    (["train", "--images", "6000"], "expected at most 4,500 images"),
    (
        ["train", "--images", "10", "--epochs", "0"],
        "--epochs: expected a whole number of at least 1",
    ),
    (["train", "--hidden", "40,x"], "commas between"),
    (["train", "--hidden", "40,-1"], "commas between"),
    (["train", "--hidden", "9999999999"], "a network of at most 10,000,000 parameters, got 7.95e+"),
    (["train", "--hidden", ",".join(["3000"] * 9)], "at most 10,000,000 parameters, got 7.4"),
    (["train", "--hidden", "9" * 5000], "commas between"),
    (["train", "--images", "10", "--learning-rate", "0"], "learning_rate must be positive"),
    (["train", "--engine", "quantum"], "invalid choice"),
    (["train", "--learning-rate", "inf", "--images", "10"], "positive and finite"),
    (["train", "--seed", "-1"], "--seed: expected a whole number of at least 0"),
    (["train", "--data", ""], "expected subset, mnist or a folder"),
    (["draw", "logsumexp()+x", "x=1"], "logsumexp needs at least one operand"),
    (["draw", "x*1" + "0" * 400, "x=1"], "too large for a float"),
    (["draw", "x*" + "1" * 5000, "x=1"], "a number in the expression is too long"),
    (["draw", "x", "x=1e400"], "too large for a float"),
    (["draw", "x", "x=1", "-o", "."], "ends in .svg"),
    (["draw", "x*x", "x=1", "--paths", "y"], "--paths: expected one of the variables (x), got 'y'"),
    (["draw", "x*x", "x=1", "y=1", "--paths", "y"], "y is not used in the expression"),
    (
        ["draw", "x*y", "x=1", "y=2", "xx=3"],
        "xx is not used in the expression (the names that are: x, y); leave it out",
    ),
    (["draw", "x", "x=1/0"], "expected a number for x, got '1/0'"),
    (["draw", "x", "x=9**9**9"], "expected a number for x, got '9**9**9'"),
    (["draw", "x", "x=y/3"], "expected a number for x, got 'y/3'"),
    (["draw", "x", "x="], "expected a number for x, got ''"),
    (["draw", "2*pi"], "at least one variable, got the constant"),
    (["draw", "x", "x=1", "-o", "/none/f.dot"], "there is no folder /none"),
    (["draw", "x*x", "x=1", "--number", "q"], "number must be a format specification like '.4g'"),
    (["draw", "x*x", "x=1", "--number", ".999999999f"], "a format specification like '.4g'"),
    (["draw", "x*x", "x=1", "--number", "999999999"], "a format specification like '.4g'"),
    (["fly"], "invalid choice"),
    ([], "required"),
]


@pytest.mark.parametrize(("arguments", "complaint"), BAD, ids=lambda a: " ".join(a)[:30])
def test_bad_input_is_one_sentence_and_code_2(
    arguments: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code: object = main(arguments)
    except SystemExit as exit:
        code = exit.code
    said = capsys.readouterr().err
    assert code == 2
    assert complaint in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_bad_input_as_a_subprocess(tmp_path: Path) -> None:
    done = run("draw", "x+", "x=1", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("autodiff: error: expected an expression such as (x+y)*z")
    assert len(done.stderr.splitlines()) == 1


def test_an_expression_may_start_with_a_minus(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["draw", "-x*y", "x=2", "y=3", "-o", str(tmp_path / "f.dot")]) == 0
    assert "f        -6         1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["-x", "x=2"], "-2"),
        (["--", "-x", "x=2"], "-2"),
        (["--", "--x", "x=2"], "2"),
        (["--", "x", "x=2"], "2"),
        (["--", "--help", "help=2"], "2"),
        (["--theme", "dark", "--", "-x", "x=2"], "-2"),
        (["pi*x", "x=2"], "6.28319"),
        (["e*x", "x=1"], "2.71828"),
        (["e*x", "x=1", "e=5"], "5"),
        (["ln(x)", "x=e"], "1"),
        (["ln(x)+max(x,y,)-min(x,y)", "x=1", "y=2"], "1"),
        (["(x+y)*z", "x=1", "y=1", "z=1/3"], "0.666667"),
        (["x*y", "x=-pi/2", "y=2**0.5"], "-2.22144"),
        (["x", "x=1e-3"], "0.001"),
        (["x", "x=sqrt(2)"], "1.41421"),
    ],
    ids=lambda a: " ".join(a)[:30],
)
def test_draw_understands_what_people_type(
    arguments: list[str], value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["draw", *arguments, "-o", str(tmp_path / "f.dot")]) == 0
    *_, last, wrote = capsys.readouterr().out.splitlines()
    assert last.split()[1] == value
    assert wrote.startswith("wrote ")


@pytest.mark.parametrize("engine", ["compiled", "eager"])
def test_train_measures_validation_accuracy(tmp_path: Path, engine: str) -> None:
    done = run(
        "train", "--engine", engine, "--hidden", "8", "--epochs", "1", "--images", "60",
        "--seed", "0", folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "60 images to train on, 100 to validate" in done.stdout
    assert re.fullmatch(
        r"validation accuracy: \d+\.\d % after \d+\.\d s", done.stdout.splitlines()[-1]
    )


def test_help_names_every_command(tmp_path: Path) -> None:
    done = run("--help", folder=tmp_path)
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("demo", "train", "draw"))


# ---------------------------------------------------------------------------------- expressions


def test_long_sums_need_no_recursion() -> None:
    x = Value(1.0)
    assert evaluate("+".join(["x"] * 2000), {"x": x}).data == 2000.0


@pytest.mark.parametrize(
    "expression", ["(" * 500 + "x" + ")" * 500, "-" * 9000 + "x", "x" * 10_001]
)
def test_too_deep_or_too_long_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(expression, {"x": Value(1.0)})


@given(st.text("xy0123456789.+-*/()<>= ,[]{}:;'\"\\_elogaxpm@!%&|^~#\n\t\0é", max_size=30))
def test_any_text_is_a_graph_or_one_sentence(text: str) -> None:
    try:
        result = evaluate(text, {"x": Value(0.5, "x"), "y": Value(-1.5, "y")})
    except (ExpressionError, ValueError, ArithmeticError) as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(result, Value)
