"""What the pages say is so: every block of code in README and docs runs, or is parsed.

The rules, for those who write pages:

- ``python`` blocks of a page run in order in one namespace and one folder, as a reader pastes them;
  those in the cells of one HTML table in a namespace for each column.
- A comment behind a ``print(...)`` is exactly what this print prints. An ``output`` block is
  exactly what else the block above it prints, and if that raises, the error is its end. ``...``
  stands for anything.
- ``sh`` blocks are commands. Those of ``autodiff`` are parsed by the real parser and run if that is
  quick; targets of make, parts of the benchmarks, extras and modules have to exist.
- ``text`` is for people; the paths of files in it have to exist.
- Any other language, and code indented by four spaces, is a failure. A comment above a block,
  ``<!-- tested by tests/test_x.py -->``, leaves it to another test.
- In a table beside another library, both sides of a row print the same numbers; in a table of the
  class ``differs``, other ones.
"""

from __future__ import annotations

import ast
import builtins
import importlib.util
import io
import math
import re
import shlex
import sys
import tomllib
import traceback
from collections.abc import Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from autodiff import Graph, Value, cli
from autodiff.digits.presets import PRESETS
from benchmarks.eager import SHAPES
from documents import PAGES, ROOT, Block, anchors, blocks, blocks_of, inline_code, links

OURS = "autodiff"
PACKAGES = {
    "micrograd": "micrograd", "PyTorch": "torch", "Keras": "keras", "JAX": "jax",
    "autograd": "autograd", "CasADi": "casadi",
}  # fmt: skip
BESIDE = [
    pytest.param(page, table, id=f"{page}:{table}")
    for page in PAGES
    for table in sorted({block.cell.table for block in blocks(page) if block.cell})
]
PICTURES = {
    "README.md": {"neuron.svg": "3-both-light.svg"},
    "docs/quickstart.md": {"f.svg": "1-both-light.svg"},
}
"""The pictures that the code of a page draws, and those that the page shows for them."""

RUNNING = [
    pytest.param(page, marks=pytest.mark.devices if page == "docs/guide/devices.md" else ())
    for page in PAGES
]
"""The pages whose code runs; one needs JAX."""

# ---------------------------------------------------------------------------------- the tests


@pytest.mark.parametrize("page", RUNNING)
def test_blocks_do_what_the_page_says(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pygraphviz", reason="the pages draw")
    monkeypatch.chdir(tmp_path)
    own = [block for block in blocks(page) if not block.cell or block.cell.column == OURS]
    for _ in Reader(page).read(own):
        pass
    for made, shown in PICTURES.get(page, {}).items():
        assert words_in(tmp_path / made) == words_in(ROOT / "docs/gallery" / shown)


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("page", "table"), BESIDE)
def test_the_peers_do_what_the_page_says(
    page: str, table: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pygraphviz", reason="the pages draw")
    monkeypatch.chdir(tmp_path)
    here = [block for block in blocks(page) if block.cell and block.cell.table == table]
    for column in {block.cell.column for block in here if block.cell} - {OURS}:
        pytest.importorskip(PACKAGES[column], reason=f"{column} is not installed")
    printed: dict[int, dict[str, str]] = {}
    for block, text in Reader(page).read(here):
        assert block.cell
        row = printed.setdefault(block.cell.row, {})
        row[block.cell.column] = row.get(block.cell.column, "") + text
    for row in printed.values():
        if len(row) > 1:
            differs = any(block.cell and "differs" in block.cell.kind for block in here)
            assert are_alike(*row.values()) != differs, row


@pytest.mark.parametrize("page", PAGES)
def test_code_within_lines_names_what_there_is(page: str) -> None:
    for code in inline_code(page):
        if re.match(r"(autodiff|make|python -m|pip install) [^=]", code):
            check_command(shlex.split(code), is_example=False)
        elif dotted := re.match(r"(autodiff|viz)(\.\w+)+(?=\(|$)", code):
            assert is_there(dotted[0]), f"{page}: there is no {dotted[0]}"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in links(page):
        if link.startswith(("http:", "https:", "mailto:", "data:")):
            continue
        path, _, anchor = link.partition("#")
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert target.exists(), f"{page}: {link}"
        if anchor and target.suffix == ".md":
            found = anchors(target.relative_to(ROOT).as_posix())
            assert anchor in found, f"{page}: {link}; the headings are {', '.join(sorted(found))}"


@pytest.mark.parametrize("page", PAGES)
def test_code_fits_into_its_column(page: str) -> None:
    for block in blocks(page):
        limit = 46 if block.cell else 96
        for i, line in enumerate(block.text.splitlines() if block.language == "python" else ()):
            assert len(line) <= limit, f"{page}:{block.line + i} is longer than {limit}"


@pytest.mark.parametrize("shape", SHAPES)
def test_sizes_of_the_graphs_that_are_measured(shape: str) -> None:
    nodes = len(Graph(SHAPES[shape](Value)()))
    assert f"| {shape}, {nodes:,} nodes |" in (ROOT / "docs/benchmarks.md").read_text()


def test_presets_are_all_in_the_table() -> None:
    table = (ROOT / "docs/guide/training.md").read_text()
    assert all(f"`{name}`" in table for name in PRESETS)
    assert f"{len(PRESETS['conv'].model(0).parameters()):,} parameters" in table
    for name, preset in PRESETS.items():
        assert f"| `{name}`" not in table or f"| {preset.epochs} |" in table


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 170


# ------------------------------------------------------------------------------ reading a page


class Reader:
    """Somebody who pastes the blocks of a page, one after another."""

    def __init__(self, page: str) -> None:
        self.page = page
        self.namespaces: dict[object, ModuleType] = {}

    def read(self, some: Iterable[Block]) -> Iterator[tuple[Block, str]]:
        """Each block that ran with what it printed, after everything it promises was checked."""
        remaining = [block for block in some if not block.tested_by]
        for block in some:
            self._check_is_tested(block)
        for above, block, below in zip(
            [None, *remaining], remaining, [*remaining[1:], None], strict=False
        ):
            where = f"{self.page}:{block.line}"
            shown = below.text if below and below.language == "output" else None
            if block.language == "python":
                printed, rest = self._run(block, where, may_raise=shown is not None)
            elif block.language == "sh":
                printed = rest = run_commands(block.text)
            else:
                check_what_does_not_run(block, above, where)
                continue
            if shown is not None:
                assert rest, f"{where}: what the block below shows was not printed"
                assert_shown(rest, shown, where)
            yield block, printed

    def _check_is_tested(self, block: Block) -> None:
        if block.tested_by:
            text = (ROOT / block.tested_by).read_text()
            assert Path(self.page).name in text, f"{block.tested_by} does not read {self.page}"

    def _run(self, block: Block, where: str, may_raise: bool) -> tuple[str, str]:
        """All that a block prints, and what of it no comment promises."""
        source = "\n" * (block.line - 1) + block.text
        tree = ast.parse(source, self.page)
        record = Record(tree, source)
        key = (block.cell.table, block.cell.column) if block.cell else None
        module = self.namespaces.setdefault(key, ModuleType("page"))
        vars(module)["print"] = record.print
        sys.modules["page"] = module  # so that what is defined there can be pickled
        with redirect_stdout(record):
            try:
                exec(compile(tree, self.page, "exec", dont_inherit=True), vars(module))
            except Exception as error:
                if not may_raise or not is_last(tree, error, self.page):
                    raise
                print("".join(traceback.format_exception_only(error)), end="")
            finally:
                del sys.modules["page"]
        record.check(where)
        return record.everything.getvalue(), record.getvalue()


class Record(io.StringIO):
    """What a block prints; what its comments promise is kept apart."""

    def __init__(self, tree: ast.Module, source: str) -> None:
        super().__init__()
        self.everything = io.StringIO()
        self.printed: dict[int, str] = {}
        self.promises: dict[range, str] = {}
        lines = [line.encode() for line in source.splitlines()]
        for node in ast.walk(tree):
            match node:
                case ast.Expr(ast.Call(ast.Name("print")), end_lineno=int(last)):
                    rest = lines[last - 1][node.end_col_offset :].decode()
                    if promise := re.match(r"\s*# (.*)", rest):
                        self.promises[range(node.lineno, last + 1)] = promise[1]

    def write(self, text: str) -> int:
        self.everything.write(text)
        return super().write(text)

    def print(self, *arguments: Any, **options: Any) -> None:
        line = sys._getframe(1).f_lineno
        first = next((lines.start for lines in self.promises if line in lines), None)
        if first is None or options.get("file"):
            builtins.print(*arguments, **options)
            return
        text = io.StringIO()
        builtins.print(*arguments, **options, file=text)
        self.everything.write(text.getvalue())
        self.printed[first] = self.printed.get(first, "") + text.getvalue()

    def check(self, where: str) -> None:
        for lines, promise in self.promises.items():
            printed = self.printed.get(lines.start, "")
            assert_shown(printed, promise, f"{where}, line {lines.start}")


def is_last(tree: ast.Module, error: Exception, page: str) -> bool:
    """Whether an error came from the last statement of a block, so that nothing was left out."""
    lines = [f.lineno or 0 for f in traceback.extract_tb(error.__traceback__) if f.filename == page]
    return bool(lines) and lines[0] >= tree.body[-1].lineno


def check_what_does_not_run(block: Block, above: Block | None, where: str) -> None:
    if block.language == "output":
        is_made = above is not None and above.language in ("python", "sh")
        assert is_made, f"{where}: what makes this output?"
    elif block.language == "text":
        check_paths(block.text, where)
    elif not re.fullmatch(r"\{(embed|toctree|include|image|figure|eval-rst)\}.*", block.language):
        pytest.fail(f"{where}: nothing runs a block of {block.language or 'no language'}")


def assert_shown(printed: str, shown: str, where: str) -> None:
    """That the text is what the page shows, where ``...`` stands for anything."""
    lines = [line.rstrip() for line in printed.strip("\n").splitlines()]
    wanted = [line.rstrip() for line in shown.strip("\n").splitlines()]
    pattern = r"\n".join(re.escape(line) for line in wanted)
    pattern = pattern.replace(r"\.\.\.", "(?:.|\n)*?")
    if not re.fullmatch(pattern, "\n".join(lines)):
        pytest.fail(f"{where} shows\n{shown}\nand this was printed:\n{printed}")


def words_in(picture: Path) -> list[str]:
    """Everything that is written in an SVG."""
    return sorted(re.findall(r">([^<>]+)<", picture.read_text()))


def check_paths(text: str, where: str) -> None:
    """Every path below a folder of ours, from the root or from what stands left of it."""
    for path in re.findall(r"(?<![\w./])(?:[\w-]+/)+[\w.-]*|(?<![\w./])\w+\.(?:py|md|ipynb)", text):
        places = [ROOT / path, *(ROOT / top / path for top in ("autodiff", "viz", "docs", "tests"))]
        assert any(place.exists() for place in places), f"{where}: there is no {path}"


def is_there(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    module, _, rest = name.partition(".")
    found: Any = importlib.import_module(module)
    for part in rest.split("."):
        module = f"{module}.{part}"
        if not hasattr(found, part):
            if not isinstance(found, ModuleType) or not importlib.util.find_spec(module):
                return False
            importlib.import_module(module)
        found = getattr(found, part)
    return True


# ---------------------------------------------------------------------------------- commands

_BENCHMARKS = {
    "eager", "compiled", "pictures", "devices", "spelling", "training", "digits", "workloads",
}  # fmt: skip
_QUICK_IMAGES = 500


def run_commands(text: str) -> str:
    """Check each line of a shell block, and run what is quick; what it printed."""
    printed = ""
    for line in text.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            check_command(words)
            if words[0] == "autodiff" and is_quick(words[1:]):
                printed += run_autodiff(words[1:])
    return printed


def check_command(words: list[str], is_example: bool = True) -> None:
    """That what a command names is there; ``is_example`` if it is complete, with its arguments."""
    match words:
        case ["autodiff", *rest]:
            if is_example:
                options_of(rest)
            else:
                names = re.findall(r'"(\w+)", help=', Path(cli.__file__).read_text())
                names += re.findall(r'add_parser\(\s*"(\w+)"', Path(cli.__file__).read_text())
                assert rest[0] in [*names, "--version", "--help"], words
        case ["make", *targets]:
            named = {target for target in targets if "=" not in target and target.isidentifier()}
            named |= {target for target in targets if re.fullmatch(r"[a-z-]+", target)}
            assert named <= make_targets(), f"make has no {named - make_targets()}"
        case ["python", "-m", "pytest", *rest]:
            paths = [word for word in rest if word.startswith("tests/")]
            assert all((ROOT / path).exists() for path in paths), words
        case ["python", "-m", "benchmarks", *parts]:
            check_benchmarks(parts)
        case ["python", "-m", "pip", *rest]:
            check_command(["pip", *rest])
        case ["python", "-m", "autodiff", *rest]:
            check_command(["autodiff", *rest], is_example)
        case ["python", "-m", module, *_]:
            assert importlib.util.find_spec(module), f"there is no module {module}"
        case ["pip", "install", *rest]:
            named = set(",".join(re.findall(r"\[([\w,-]+)\]", " ".join(rest))).split(","))
            assert named - {""} <= extras(), f"there is no extra {named - extras()}"
        case ["git" | "cd" | "source" | "apt" | "jupyter" | "pre-commit" | "ruff" | "mypy", *_]:
            pass
        case _:
            pytest.fail(f"nobody knows the command {words[0]}")


def options_of(arguments: list[str]) -> Any:
    """What the real parser makes of a command line."""
    given = cli._protect_leading_minus(arguments)
    try:
        with redirect_stderr(io.StringIO()) as complaint, redirect_stdout(io.StringIO()):
            return cli.argument_parser().parse_args(given)
    except SystemExit as ended:
        assert not ended.code, f"autodiff {shlex.join(arguments)}: {complaint.getvalue()}"
        return None


def is_quick(arguments: list[str]) -> bool:
    options = options_of(arguments)
    if arguments[0] in ("draw", "--version", "--help"):
        return True
    if arguments[0] == "train":
        return bool(options.images and options.images <= _QUICK_IMAGES and options.epochs)
    needed = [options.model, *options.images] if arguments[0] == "predict" else []
    return bool(needed) and all(path.exists() for path in needed)


def run_autodiff(arguments: list[str]) -> str:
    with redirect_stdout(io.StringIO()) as stdout, redirect_stderr(io.StringIO()) as stderr:
        try:
            code = cli.main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
    assert code == 0, f"autodiff {shlex.join(arguments)}: {stderr.getvalue()}"
    return stdout.getvalue()


def check_benchmarks(parts: list[str]) -> None:
    from benchmarks.compiled import PARTS

    if not parts:
        return
    assert parts[0] in _BENCHMARKS, f"there are no benchmarks {parts[0]}"
    known = {"compiled": set(PARTS), "digits": {"choose", "unseen", "M.npz", "FOLDER"}}
    unknown = set(parts[1:]) - known.get(parts[0], set())
    assert not unknown, f"benchmarks {parts[0]} has no {unknown}"


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def extras() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return set(project["optional-dependencies"])


# ---------------------------------------------------------------------------- beside the peers

_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d[\d,]*\.?\d*(?:e[-+]?\d+)?|inf|nan|True|False)(?!\w)")


def numbers_in(text: str) -> list[float]:
    """Every number in a text; True is 1, and names of types are none.

    >>> numbers_in("tensor([1., -2.5e-3], dtype=torch.float64) True")
    [1.0, -0.0025, 1.0]
    """
    text = re.sub(r"dtype=[\w.]+|grad_fn=<\w+>", "", text)
    words = {"True": 1.0, "False": 0.0}
    found = [match[0].rstrip(",").replace(",", "") for match in _NUMBER.finditer(text)]
    return [words[word] if word in words else float(word) for word in found]


def are_alike(one: str, another: str) -> bool:
    """Whether two sides print the same numbers, or, where they print none, the same words."""
    some, others = numbers_in(one), numbers_in(another)
    if not some and not others:
        return one == another
    return len(some) == len(others) and all(
        math.isclose(a, b, rel_tol=1e-5, abs_tol=1e-7) or (math.isnan(a) and math.isnan(b))
        for a, b in zip(some, others, strict=True)
    )


# ----------------------------------------------------------------- whether these tests can fail


WRONG = {
    "another number": ("```python\nprint(1 + 1)  # 3\n```", "shows\n3\n"),
    "a line that never ran": ("```python\nif 0:\n    print(1)  # 1\n```", "shows\n1\n"),
    "another output": ("```python\nprint(1)\n```\n\n```output\n2\n```", "shows\n2\n"),
    "an error": ("```python\n1 / 0\n```", "division"),
    "an error too early": (
        "```python\n1 / 0\nprint(1)\n```\n\n```output\nZero...\n```", "division",
    ),
    "no error": ("```python\nx = 1\n```\n\n```output\nError\n```", "was not printed"),
    "a name of another page": ("```python\nprint(x)\n```", "'x' is not defined"),
    "an unknown language": ("```julia\nx\n```", "of julia"),
    "no language": ("```\nx\n```", "of no language"),
    "indented code": ("Text:\n\n    autodiff draw x x=1\n", "of indented"),
    "an open fence": ("```python\nx\n", "not closed"),
    "an unknown option": ("```sh\nautodiff draw x x=1 --colour\n```", "--colour"),
    "a failing command": ('```sh\nautodiff draw "1/x" x=0\n```', "divide by zero"),
    "output of nothing": ("```sh\nmake demo\n```\n\n```output\nx\n```", "was not printed"),
    "output without a source": ("```output\nx\n```", "what makes this"),
    "an unknown target": ("```sh\nmake coffee\n```", "coffee"),
    "an unknown extra": ('```sh\npip install ".[coffee]"\n```', "coffee"),
    "an unknown part": ("```sh\npython -m benchmarks compiled coffee\n```", "coffee"),
    "an unknown command": ("```sh\nrm file\n```", "rm"),
    "a missing file": ("```text\nautodiff/coffee.py  makes it\n```", "coffee"),
    "nobody's test": (
        "<!-- tested by tests/conftest.py -->\n```python\nx\n```", "does not read",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "complaint"), WRONG.values(), ids=WRONG)
def test_a_page_that_is_wrong_is_found(
    text: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((Exception, pytest.fail.Exception), match=complaint):
        list(Reader("page.md").read(blocks_of("page.md", text.splitlines())))


RIGHT = """
```python
x = 2
for i in range(2):
    print(x * i)
```

```output
0
2
```

- in a list

    with a second paragraph

```python
print(
    "µ", x
)  # µ 2
print("beside")
raise ValueError("so be it")
```

```output
beside
ValueError: so ... it
```

```sh
autodiff draw "x*x" x=3 -o a.svg   # a comment
```

```output
...
wrote a.svg
```
"""


def test_a_page_that_is_right_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pygraphviz", reason="the page draws")
    monkeypatch.chdir(tmp_path)
    found = blocks_of("page.md", RIGHT.splitlines())
    assert [block.language for block, _ in Reader("page.md").read(found)] == [
        "python", "python", "sh",
    ]  # fmt: skip
