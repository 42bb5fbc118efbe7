"""What users call things enters SVG and HTML, whatever letters it has, and comes out again."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import viz
from autodiff import Value, scope, sigmoid
from conftest import THOROUGH
from viz import plots
from viz.markup import allowed, attribute, text
from viz.mime import film_page
from viz.scene import Group, Scene, Text
from viz.svg import to_svg
from viz.theme import LIGHT

ANY = st.text(st.characters(), max_size=20)  # surrogates and control characters as well
BAD = ["a\x01b", "\ud800", "\udc00\ud800", "\0", "\x0b", "\ufffe", "]]>", "<b a='\"'>&amp;", "--"]
SVG = "{http://www.w3.org/2000/svg}"
EXAMPLES = settings(max_examples=300 if THOROUGH else 20, deadline=None)


def bad(function):  # type: ignore[no-untyped-def]
    """The names that once broke something, for a property of one name."""
    for name in BAD:
        function = example(name)(function)
    return function


@given(ANY)
@bad
def test_what_xml_allows_comes_out_as_it_went_in(name: str) -> None:
    root = ElementTree.fromstring(f"<a b={attribute(name)}>{text(name)}</a>")
    assert (root.text or "") == root.get("b") == allowed(name)
    assert len(allowed(name)) == len(name)


@pytest.mark.parametrize("name", ["größe λ→∞", "😀", "two\nlines", "tab\t", "\r", "a b", "\u202e"])
def test_what_xml_allows_is_not_changed(name: str) -> None:
    assert allowed(name) == name


@given(ANY)
@bad
def test_every_text_of_a_scene_is_well_formed(name: str) -> None:
    group = Group("gate", {"node": name, "scope": name}, [Text(name, 0, 0, "ink", 9)], name)
    root = ElementTree.fromstring(to_svg(Scene(9, 9, [group], name, name), LIGHT).encode())
    assert root.get("aria-label") == allowed(name)
    (drawn,) = root.iter(f"{SVG}g")
    assert drawn.get("data-scope") == allowed(name)
    assert [written.text or "" for written in drawn] == [allowed(name)] * len(drawn)


def named(name: str) -> Value:
    """A graph in which everything has this name."""
    with scope(name.replace("/", "") or "s"):
        x = Value(2.0, name)
        y = sigmoid(x * 3)
        y.name = name
    return y


@EXAMPLES
@given(ANY)
@bad
def test_a_picture_and_its_page_are_well_formed(name: str) -> None:
    pytest.importorskip("pygraphviz", reason="a picture has to be laid out")
    picture = viz.draw(named(name), fold=None)
    ElementTree.fromstring(picture.render("svg"))
    ElementTree.fromstring(picture._repr_mimebundle_()["image/svg+xml"].encode())
    assert Tags.of(picture.render("html").decode()) >= {"html", "svg", "title"}
    assert picture.render("dot")


class Tags(HTMLParser):
    """The elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: dict[str, str | None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes.update(attrs)

    @classmethod
    def of(cls, page: str) -> set[str]:
        parser = cls()
        parser.feed(page)
        return parser.found


@given(ANY)
@bad
def test_a_film_is_described_in_its_page(name: str) -> None:
    parser = Tags()
    parser.feed(film_page(b"", name))
    assert parser.found == {"img"}
    assert parser.attributes["alt"] == allowed(name)
    film_page(b"", name).encode()


@pytest.mark.parametrize("name", BAD)
def test_an_explorer_can_be_written(name: str) -> None:
    pytest.importorskip("pygraphviz", reason="a picture has to be laid out")
    page = viz.explore(named(name)).html
    assert {"html", "svg", "script"} <= Tags.of(page)
    page.encode()


@pytest.mark.parametrize("name", BAD)
def test_plots_have_any_name(name: str) -> None:
    pytest.importorskip("matplotlib", reason="plots need matplotlib")
    made = [
        plots.bars({name: [1, 2]}, [name, "b"]),
        plots.image_grid([[0, 1, 1, 0]], [name], title=name),
        plots.confusion_matrix([0, 1], [0, 1], [name, "b"]),
        plots.loss_surface(
            lambda x, y: x**2 + y**2, {name: [[1.0, 1.0], [0.5, 0.5]]}, (-2, 2), (-2, 2),
            resolution=9,
        ),
    ]  # fmt: skip
    for plot in made:
        ElementTree.fromstring(plot.render("svg"))
        assert plot.render("png")
        assert plot.render("pdf")
