"""The site: every public name is in the reference, and links lead somewhere, here and there."""

from __future__ import annotations

import importlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from autodiff.mathematics import FLOAT
from autodiff.primitives import PRIMITIVES
from docs.extensions.pages import adapted
from documents import ROOT, anchors, links
from viz.theme import DARK, LIGHT, THEMES

REFERENCE = ROOT / "docs" / "reference"
NOTEBOOKS_FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(path.name for path in NOTEBOOKS_FOLDER.glob("*.ipynb"))

# Packages say in __all__ what is public; of these modules it is what they define.
MODULES = (
    "autodiff", "autodiff.checking", "autodiff.compiler", "autodiff.data", "autodiff.digits",
    "autodiff.nn", "autodiff.nn.files", "autodiff.optim", "autodiff.schedules", "autodiff.testing",
    "autodiff.training", "autodiff.worked_examples", "viz", "viz.explorer", "viz.playground",
    "viz.plots",
)  # fmt: skip

_DOCUMENTED = re.compile(r"^\.\. (auto\w+|py:\w+):: ([\w.]+)\n((?:   .*\n)*)", re.MULTILINE)


def names_of(module: ModuleType) -> list[str]:
    """What a module offers."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", "") == module.__name__
    ]


def documented() -> Iterator[object]:
    """Every object that a page of the reference describes."""
    for page in REFERENCE.glob("*.md"):
        for kind, name, options in _DOCUMENTED.findall(page.read_text()):
            if kind != "automodule":
                yield found(name)
            elif ":members:" in options:
                module = importlib.import_module(name)
                yield from (getattr(module, each) for each in names_of(module))
    yield from PRIMITIVES.values()  # in the table, which is made from itself


def found(name: str) -> object:
    """The object of a dotted name; where a function and its module have one name, the function."""
    first, *rest = name.split(".")
    thing: object = importlib.import_module(first)
    path = first
    for part in rest:
        path = f"{path}.{part}"
        if not hasattr(thing, part):
            importlib.import_module(path)
        thing = getattr(thing, part)
    return thing


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_in_the_reference(name: str) -> None:
    if name == "autodiff.testing":
        pytest.importorskip("hypothesis", reason="the strategies need it")
    module = importlib.import_module(name)
    described = {id(thing) for thing in documented()}
    missing = [each for each in names_of(module) if id(getattr(module, each)) not in described]
    assert not missing, f"docs/reference/ has no {', '.join(missing)} of {name}"


def test_definitions_of_primitives_are_true() -> None:
    pytest.importorskip("sphinx", reason="the table of primitives is part of the site")
    from docs.extensions.primitives import DEFINITIONS, operands

    for name, definition in DEFINITIONS.items():
        primitive = PRIMITIVES[name]
        for point in ((0.7, -1.3, 0.4), (-0.3, 2.5, 1.1), (0.0, 0.2, -2.0)):
            numbers = dict(zip(operands(primitive), point, strict=False))
            if name == "sinc" and point[0] == 0:
                continue
            value = definition(FLOAT, *numbers.values())
            assert primitive.evaluate(list(numbers.values())) == pytest.approx(value), name


def test_every_primitive_has_a_row() -> None:
    pytest.importorskip("sphinx", reason="the table of primitives is part of the site")
    from docs.extensions.primitives import HEADINGS, row

    for primitive in PRIMITIVES.values():
        if primitive.arity != 0:
            cells = row(primitive)
            assert len(cells) == len(HEADINGS)
            assert all(cells[:4])
            assert not re.search(r"\bm\.|lambda|<|Formula", " ".join(cells[2:]).replace(" < ", ""))


@pytest.mark.parametrize(
    ("name", "derivatives"),
    [
        ("divide", ["1 / b", "-y / b"]),
        ("relu", ["1 if a > 0; else 0"]),
        ("maximum", ["1 if a > b; 0 if a < b; else 0.5", "1 if b > a; 0 if b < a; else 0.5"]),
        ("tanh", ["1 - y²"]),
        ("where", ["0", "1 if c; else 0", "0 if c; else 1"]),
    ],
)
def test_rules_are_written_case_by_case(name: str, derivatives: list[str]) -> None:
    pytest.importorskip("sphinx", reason="the table of primitives is part of the site")
    from docs.extensions import primitives

    assert [text for _, text in primitives.derivatives(PRIMITIVES[name])] == derivatives


@pytest.mark.parametrize("name", ["logo-light.svg", "logo-dark.svg", "favicon.svg"])
def test_the_logo_has_the_colours_of_the_pictures(name: str) -> None:
    text = (ROOT / "docs" / "_static" / name).read_text()
    themes = [theme for key, theme in THEMES.items() if key in name] or [LIGHT, DARK]
    known = {getattr(theme, field.name) for theme in themes for field in fields(theme)}
    assert set(re.findall(r"#[0-9a-f]{6}", text)) <= known


# ---------------------------------------------------------------------------------- the links


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_links_of_notebooks_lead_somewhere(name: str, tmp_path: Path) -> None:
    for link in links(text_of(NOTEBOOKS_FOLDER / name, tmp_path)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (NOTEBOOKS_FOLDER / (path or name)).resolve()
        assert target.exists(), f"{name}: {link}"
        if anchor and target.suffix in (".md", ".ipynb"):
            assert anchor in anchors(text_of(target, tmp_path)), f"{name}: {link}"


def text_of(page: Path, folder: Path) -> str:
    """A page of Markdown; of a notebook the text, as such a page."""
    if page.suffix == ".md":
        return str(page)
    cells = json.loads(page.read_text())["cells"]
    text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    copy = folder / f"{page.stem}.md"
    copy.write_text(text)
    return str(copy)


PAGE = Path("docs/guide/graphs.md")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[other](numbers.md#exact)", "[other](numbers.md#exact)"),
        ("[out](https://example.org/a.py)", "[out](https://example.org/a.py)"),
        ("[here](#paths)", "[here](#paths)"),
        ("[c](../../CONTRIBUTING.md#tests)", "[c](../contributing.md#tests)"),
        (
            "[`n`](../../notebooks/1-graphs-by-hand.ipynb)",
            "[`n`](../notebooks/1-graphs-by-hand.ipynb)",
        ),
        ("[a](../../autodiff/graph.py#L3)", '<a href="../source/autodiff/graph.py.html">a</a>'),
        ("[page](../gallery/explorer.html)", '<a href="../explorer.html">page</a>'),
        ("[all tests](../../tests)", "all tests"),
        ("![film](../gallery/backward.gif)", "![film](../gallery/backward.gif)"),
        (
            '<picture>\n  <source media="(prefers-color-scheme: dark)" srcset="a-dark.svg">\n'
            '  <img alt="f = [x]\n   &amp; y" src="a-light.svg">\n</picture>',
            "![f = (x) & y](a-light.svg){.only-light}\n![f = (x) & y](a-dark.svg){.only-dark}",
        ),
        ("```python\n[code](../../Makefile)\n```\n", "```python\n[code](../../Makefile)\n```\n"),
    ],
)
def test_pages_are_adapted(written: str, shown: str) -> None:
    assert adapted(written, PAGE, PAGE) == shown


def test_a_page_from_the_root_is_adapted() -> None:
    text = "[guide](docs/guide/graphs.md), [table](autodiff/primitives.py), [file](CHANGELOG.md)"
    assert adapted(text, Path("CONTRIBUTING.md"), Path("docs/contributing.md")) == (
        '[guide](guide/graphs.md), <a href="source/autodiff/primitives.py.html">table</a>, '
        "[file](changelog.md)"
    )


def test_wide_pictures_are_scrolled_and_not_shrunk_until_they_cannot_be_read() -> None:
    def shown(name: str) -> str:
        picture = (
            f'<picture><img alt="f" src="{name}-light.svg" srcset="{name}-dark.svg"></picture>'
        )
        page = Path("docs/gallery/README.md")
        return adapted(picture, page, page)

    narrow, wide = shown("1-both"), shown("8-both")
    assert narrow == "![f](1-both-light.svg){.only-light}\n![f](1-both-dark.svg){.only-dark}"
    least = re.findall(r"\.wide width=(\d+)px", wide)
    assert len(least) == 2
    assert all(int(width) > 832 for width in least)


# ------------------------------------------------------------------------------ live explorers

EMBED = "```{embed} worked_examples.product_of_sum:f\n:height: 420\n:title: A & B\n```\n"


def built(folder: Path, text: str, builder: str = "html") -> tuple[Path, str]:
    """A site of one page, and what was warned of."""
    pytest.importorskip("sphinx", reason="explorers are embedded in the site")
    pytest.importorskip("myst_nb", reason="the pages of the site are in Markdown")
    pytest.importorskip("pygraphviz", reason="explorers are drawn")
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace

    source, site, warnings = folder / "docs", folder / "site", io.StringIO()
    (source / "guide").mkdir(parents=True)
    (source / "index.md").write_text("# Home\n\n```{toctree}\nguide/page\n```\n")
    (source / "guide" / "page.md").write_text(f"# Page\n\n{text}")
    settings = {"extensions": ["myst_parser", "docs.extensions.embed"], "html_theme": "basic"}
    with docutils_namespace():
        app = Sphinx(source, None, site, folder / "doctrees", builder, settings, None, warnings)
        app.build()
    return site, warnings.getvalue()


@pytest.mark.filterwarnings("ignore")
def test_an_explorer_is_a_page_in_a_frame_that_is_written_once(tmp_path: Path) -> None:
    import viz
    from autodiff.worked_examples import product_of_sum

    site, warnings = built(tmp_path, EMBED + "\n" + EMBED)
    shown = (site / "guide" / "page.html").read_text()
    address = "../explorers/product_of_sum-f.html"
    frame = f'<iframe src="{address}" title="A &amp; B" loading="lazy" height="420"></iframe>'
    assert not warnings
    assert shown.count(frame) == 2
    assert shown.count(f'<a href="{address}">Open the page</a>') == 2
    (page,) = (site / "explorers").iterdir()
    assert page.read_text() == viz.explore(product_of_sum()["f"]).html


@pytest.mark.filterwarnings("ignore")
def test_explorers_are_found_from_pages_that_are_folders(tmp_path: Path) -> None:
    site, _ = built(tmp_path, EMBED, "dirhtml")
    page = site / "guide" / "page" / "index.html"
    (address,) = re.findall(r'<iframe src="([^"]+)"', page.read_text())
    assert (page.parent / address).resolve() == site / "explorers" / "product_of_sum-f.html"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("builder", ["latex", "text", "xml"])
def test_where_there_are_no_frames_an_explorer_is_a_link(tmp_path: Path, builder: str) -> None:
    site, warnings = built(tmp_path, EMBED, builder)
    written = [
        path.read_text() for path in site.rglob("*") if path.suffix in (".tex", ".txt", ".xml")
    ]
    assert any("A & B" in text or r"A \& B" in text or "A &amp; B" in text for text in written)
    assert not any("iframe" in text for text in written)
    assert (site / "explorers" / "product_of_sum-f.html").exists()
    assert "embed" not in warnings


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("worked_examples.nothing:f", "there is no worked example 'worked_examples.nothing:f'"),
        ("os.path:join", "there is no worked example 'os.path:join'"),
        ("worked_examples.triangle_network:f", "the functions are product_of_sum, sigmoid_neuron"),
        ("playgrounds.suns", "there is no playground 'playgrounds.suns'; they are moons"),
        ("worked_examples.product_of_sum:g", "has no 'g'; its Values are x, y, z, q, f"),
    ],
)
def test_unknown_examples_are_a_warning_of_one_sentence(
    tmp_path: Path, name: str, said: str
) -> None:
    site, warnings = built(tmp_path, f"```{{embed}} {name}\n```\n")
    assert said in warnings
    assert len(warnings.strip().splitlines()) == 1
    assert "page.md:3" in warnings
    assert "iframe" not in (site / "guide" / "page.html").read_text()


@pytest.mark.filterwarnings("ignore")
def test_a_page_can_begin_in_a_given_state(tmp_path: Path) -> None:
    text = EMBED.replace(":title", ":state: step=4&x=3&path=x,f\n:title")
    site, warnings = built(tmp_path, text + "\n" + EMBED)
    shown = (site / "guide" / "page.html").read_text()
    address = "../explorers/product_of_sum-f.html#step=4&amp;x=3&amp;path=x,f"
    assert not warnings
    assert f'<iframe src="{address}"' in shown
    assert f'<a href="{address}">Open the page</a>' in shown
    assert [page.name for page in (site / "explorers").iterdir()] == ["product_of_sum-f.html"]


@pytest.mark.filterwarnings("ignore")
def test_a_playground_is_embedded_as_an_explorer_is(tmp_path: Path) -> None:
    site, warnings = built(tmp_path, "```{embed} playgrounds.moons\n```\n")
    from docs.extensions.embed import two_moons

    shown = (site / "guide" / "page.html").read_text()
    assert not warnings
    assert '<iframe src="../explorers/playground-moons.html" title="A network learns' in shown
    assert 'loading="lazy"' in shown
    assert (site / "explorers" / "playground-moons.html").read_text() == two_moons().html


def test_the_explorer_of_the_gallery_is_the_one_that_is_made_today() -> None:
    pytest.importorskip("pygraphviz", reason="explorers are drawn")
    from docs.make_gallery import FOLDER, explorer

    def without_places(page: str) -> str:  # which other versions of Graphviz choose otherwise
        before, picture = page.split("<svg ", 1)
        picture, after = picture.split("</svg>", 1)
        return before + re.sub(r"-?\d[\d.e-]*", "0", picture) + after

    kept = (FOLDER / "explorer.html").read_text()
    assert without_places(kept) == without_places(explorer().html), "run make gallery"


def test_a_frame_can_be_narrower_than_its_column() -> None:
    pytest.importorskip("sphinx", reason="explorers are embedded in the site")
    from docs.extensions.embed import frame

    assert 'height="9" style="max-width: 740px"></iframe>' in frame("a.html", "f", 9, 740)


def test_every_example_that_can_be_embedded_has_a_title() -> None:
    pytest.importorskip("sphinx", reason="explorers are embedded in the site")
    from docs.extensions.embed import functions, summary

    for name in functions():
        assert not summary(f"worked_examples.{name}:f").endswith(".")


def test_explorers_in_comments_are_opened_on_the_site() -> None:
    text = "<!-- {embed} worked_examples.product_of_sum:f\n:title: f\n-->\n\n<!-- a comment -->"
    assert adapted(text, PAGE, PAGE) == (
        "```{embed} worked_examples.product_of_sum:f\n:title: f\n```\n\n<!-- a comment -->"
    )


@pytest.mark.parametrize("name", NOTEBOOKS[1:4])
def test_the_first_notebooks_are_live_on_the_site_and_keep_their_stills_elsewhere(
    name: str,
) -> None:
    from docs.extensions.notebooks import copy

    kept = json.loads((NOTEBOOKS_FOLDER / name).read_text())["cells"]
    shown = json.loads(copy(NOTEBOOKS_FOLDER / name))["cells"]
    assert sum("".join(cell["source"]).startswith("```{embed}") for cell in shown) >= 2
    for before, after in zip(kept, shown, strict=True):
        if "".join(before["source"]).startswith("viz.explore"):
            assert before["outputs"]
            assert not after["outputs"]
        elif before["cell_type"] == "code":
            assert before["outputs"] == after["outputs"]


def test_the_readme_has_no_relative_links_on_the_page_of_the_package() -> None:
    from docs.absolute_links import absolute

    text = absolute((ROOT / "README.md").read_text(), "https://example.org/a/b", "v1")
    found = re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"", text)
    assert {link or attribute for link, attribute in found} >= {
        "https://example.org/a/b/blob/v1/docs/quickstart.md",
        "https://example.org/a/b/raw/v1/docs/gallery/3-both-dark.svg",
    }
    assert all((link or attribute).startswith("https://") for link, attribute in found)


def test_anchors_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="the site is built by it")
    from docs.extensions.anchors import leading_nowhere

    (tmp_path / "a.html").write_text(
        '<h2 id="here"></h2><a href="#here"></a><a class="x" href="b.html#there"></a>'
        '<a href="b.html#lost"></a><a href="#gone"></a><a href="c.html#step=9&amp;x=3"></a>'
    )
    (tmp_path / "b.html").write_text('<a name="there"></a>')
    (tmp_path / "c.html").write_text("an explorer")
    assert list(leading_nowhere(tmp_path)) == [("a.html", "b.html#lost"), ("a.html", "#gone")]


def test_links_from_the_code_lead_to_the_names_of_the_reference() -> None:
    pytest.importorskip("sphinx", reason="the site is built by it")
    from docs.extensions.anchors import mended

    names = {"autodiff.graph.Paths.count": "reference/graphs", "viz.x.count": "reference/viz"}
    link = '<a href="../reference/graphs.html#autodiff.Paths.count">'
    assert mended(link, names) == link.replace("autodiff.", "autodiff.graph.")
    assert mended(link, {}) == link
