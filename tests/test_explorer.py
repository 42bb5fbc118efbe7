"""The page of the explorer: as text, and in a real browser (make browser-test)."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import viz
from autodiff import Graph, Value, compile, gate, scope
from autodiff.nn import MLP
from autodiff.testing import Example, expressions_at_points
from autodiff.worked_examples import (
    grouped_sigmoid_neuron,
    mazur_network,
    one_neuron,
    product_of_sum,
    sigmoid_neuron,
    two_layers,
)
from viz import render
from viz.explorer import recorded, sums
from viz.explorer.data import page_data
from viz.explorer.explorer import Explorer
from viz.theme import DARK, LIGHT
from viz.webpage import as_json

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

Open = Callable[..., "Page"]

HOSTILE = [
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<!--", "]]>", "&lt;",
    "\u2028\u2029", "\ud800", "\x00", "a\"b'c`${1}", "$title", "{{x}}", "名前", "x" * 500,
]  # fmt: skip


def wide_graph(nodes: int) -> Graph:
    """About so many nodes with names, most of them used more than once."""
    values = [Value(1.0 + i / 100, f"leaf{i}") for i in range(10)]
    while len(values) < nodes:
        made = values[-1] * values[-7] if len(values) % 2 else values[-2] + values[-9].tanh()
        made.name = f"result{len(values)}"
        values.append(made)
    outputs = values[-8:]
    return Graph(*outputs)


def large_graph() -> Graph:
    """Many leaves that are used far from each other, nothing of it in a scope."""
    random = Random(1)
    values = [Value(random.random(), f"a{i}") for i in range(150)]
    while len(values) < 900:
        one, other = random.sample(values[-200:], 2)
        values.append(one * other if len(values) % 3 else one + other * 2)
    return Graph(*values[-4:])


def perceptron() -> Value:
    out = MLP(2, [3, 1], seed=0)([Value(1.0, "x0"), Value(-2.0, "x1")])[0]
    out.name = "y"
    return out


class _Reader(HTMLParser):
    """Whether tags match, and what is in the script elements."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "input", "br", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)


def read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


# ------------------------------------------------------------------------------ the page as text


def test_the_page_is_well_formed_and_complete_in_itself() -> None:
    page = viz.explore(perceptron()).html
    reader = read(page)
    assert {tag for tag, _ in reader.tags}.isdisjoint({"link", "img", "iframe", "object"})
    assert not any("src" in attributes for _, attributes in reader.tags)
    assert {attributes.get("href") for _, attributes in reader.tags} == {None, "#bar"}
    assert not any(name.startswith("on") for _, attributes in reader.tags for name in attributes)
    assert set(re.findall(r"https?://[^\"'\s<]*", page)) == {"http://www.w3.org/2000/svg"}
    assert "innerHTML" not in page
    [policy] = [a["content"] for _, a in reader.tags if a.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_the_page_has_the_graph_as_data() -> None:
    graph = Graph(product_of_sum()["f"])
    data = json.loads(read(viz.explore(graph).html).scripts[0])
    assert data["replay"]["operations"] == ["add", "multiply"]
    assert data["replay"]["nodes"] == [[None, -2], [None, 5], [0, 0, 1], [None, -4], [1, 2, 3]]
    assert data["replay"]["names"] == {"0": "x", "1": "y", "2": "q", "3": "z", "4": "f"}
    assert [wire.get("edge") for wire in data["wires"]] == [
        [0, 2, 0], [1, 2, 1], [2, 4, 0], [3, 4, 1], None,
    ]  # fmt: skip
    assert len(data["steps"]) == 6
    assert data["leaves"] == ["n0", "n1", "n3"]


def test_the_same_graph_gives_the_same_bytes() -> None:
    assert viz.explore(perceptron()).html == viz.explore(perceptron()).html


def test_three_hundred_nodes_are_less_than_a_megabyte() -> None:
    graph = wide_graph(250)
    assert 300 <= len(graph.nodes) <= 400
    page = viz.explore(graph, limit=400).html
    assert len(page.encode()) < 1_000_000
    assert len(json.loads(read(page).scripts[0])["steps"]) > 500


def test_fifty_nodes_are_at_most_150_kilobytes() -> None:
    x = y = Value(1.5, "x")
    for i in range(16):
        y = y * 0.9 + x.sin() if i % 2 else y.tanh() + x
    assert 49 <= len(Graph(y).nodes) <= 50
    assert len(viz.explore(y).html.encode()) <= 150_000


def test_a_network_for_digits_is_folded() -> None:
    model = MLP(784, [40, 40, 10], seed=0)
    page = viz.explore(model([Value(0.5, f"x{i}") for i in range(784)])).html
    assert len(page) < 200_000
    assert "10 outputs, step by step" in page


def test_the_colors_are_those_of_the_themes() -> None:
    page = viz.explore(product_of_sum()["f"]).html
    for theme in (LIGHT, DARK):
        assert f"--gradient: {theme.gradient}" in page


def contrast(one: str, other: str) -> float:
    """How text stands out from its ground, from 1 to 21 (Web Content Accessibility Guidelines)."""

    def luminance(color: str) -> float:
        parts = [part / 255 for part in bytes.fromhex(color[1:])]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_all_text_of_the_page_stands_out(theme: Any) -> None:
    for ground in (theme.background, theme.cluster):
        for text in (theme.ink, theme.quiet, theme.value, theme.gradient):
            assert contrast(text, ground) >= 4.5
    assert contrast(theme.ink, theme.gate) >= 4.5
    assert contrast(theme.background, theme.ink) >= 4.5


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(max_size=20) | st.sampled_from(HOSTILE), min_size=3, max_size=3))
def test_any_name_is_only_text(names: list[str]) -> None:
    with scope(names[2].replace("/", "") or "s"):
        f = Value(1.0, names[0]) * Value(2.0, names[0])
    f.name = names[1]
    page = viz.explore(f).html
    page.encode()
    reader = read(page)
    assert [tag for tag, _ in reader.tags].count("script") == 2
    json.loads(reader.scripts[0])


@given(st.text() | st.sampled_from(HOSTILE))
def test_json_cannot_leave_its_element(text: str) -> None:
    written = as_json({"name": text})
    assert json.loads(written) == {"name": text}
    assert written.isascii()
    assert not set("<>&") & set(written)


def test_numbers_that_json_does_not_know_are_words() -> None:
    x = Value(0.0, "x")
    data = json.loads(as_json(page_data(viz.explore(x.sqrt())._stage)))
    assert data["wires"][0]["number"] == "Infinity"


def test_exact_numbers_stay_as_they_are() -> None:
    page = viz.explore(Value(Fraction(1, 3), "x") * 2).html
    data = json.loads(read(page).scripts[0])
    assert data["replay"] is None
    assert data["parts"][-1]["value"] == "0.6667"
    assert data["wires"][0]["local"] == "2"


def test_it_saves_itself(tmp_path: Path) -> None:
    page = viz.explore(product_of_sum()["f"])
    assert page.save(tmp_path / "f.html").read_text() == page.html
    with pytest.raises(ValueError, match=r"ends in \.html"):
        page.save(tmp_path / "f.svg")


def test_a_notebook_shows_it_in_a_sandbox() -> None:
    page = viz.explore(product_of_sum()["f"])
    bundle = page._repr_mimebundle_()
    assert bundle["text/plain"] == "<Explorer: f, 5 nodes>"
    [(tag, attributes)] = read(bundle["text/html"]).tags
    assert tag == "iframe"
    assert attributes["sandbox"] == "allow-scripts"
    assert attributes["srcdoc"] == page.html
    assert set(page._repr_mimebundle_(include=["text/plain"])) == {"text/plain"}
    assert set(page._repr_mimebundle_(exclude=["text/plain"])) == {"text/html", "image/svg+xml"}


def test_without_graphviz_a_notebook_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "_commands", lambda *_: iter(()))
    page = viz.explore(product_of_sum()["f"])
    assert "pip install pygraphviz" in page._repr_mimebundle_()["text/plain"]
    with pytest.raises(viz.RendererNotFoundError):
        _ = page.html


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "up"}, "direction must be one of right, down"),
        ({"number": "q"}, "format specification"),
        ({"fold": "nowhere"}, "no scope of this graph matches 'nowhere'"),
    ],
)
def test_wrong_options_are_refused_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        viz.explore(product_of_sum()["f"], **options)


@pytest.mark.parametrize("path", [None, 3])
def test_what_is_no_file_name_is_refused(path: Any) -> None:
    with pytest.raises(TypeError, match=f"expected a file name, got {type(path).__name__} {path}"):
        viz.explore(product_of_sum()["f"]).save(path)


def test_a_compiled_function_has_no_steps() -> None:
    function = compile(lambda x: x * x)
    function(2.0)
    with pytest.raises(TypeError, match=r"can be drawn with viz\.draw, but it has no steps"):
        viz.explore(function)


def squares_of_a_network() -> Value:
    outputs = MLP(3, [4, 2], seed=0)([Value(0.5, "i0"), Value(-1.0, "i1"), Value(2.0, "i2")])
    loss = sum((output * output for output in outputs), Value(0.0, "zero"))
    loss.name = "L"
    return loss


def box_of_two() -> Value:
    x, y = Value(3.0, "x"), Value(-2.0, "y")
    with scope("d"):
        u = x * x + 1
        v = u * u
    f = u * v * y
    f.name = "L"
    return f


def two_boxes() -> Graph:
    """Outputs of a box with several results; the sums through it are not those of its wires."""
    x, y = Value(0.5, "x"), Value(-1.5, "y")
    with scope("one"):
        a, b = x * y, x + y
    with scope("two"):
        c, d = a * 3, b.exp() * x
    return Graph(a * d, c, d)


FOLDED: list[tuple[Callable[[], Any], str]] = [
    (squares_of_a_network, "scopes"), (squares_of_a_network, "identical"), (box_of_two, "scopes"),
    (two_boxes, "scopes"), (two_boxes, "one"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "fold"), FOLDED)
def test_sums_through_folded_boxes_are_those_of_the_graph(
    make: Any, fold: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "MOST_OPERATIONS", 0)
    made = make()
    graph = made if isinstance(made, Graph) else Graph(made)
    data = json.loads(read(viz.explore(graph, fold=fold, number=".12g").html).scripts[0])
    nodes = {graph.id(value): value for value in graph.nodes}
    assert data["sums"]
    for start, found in data["sums"].items():
        for end, total in found.items():
            expected = graph.path_sum(*(nodes[part.removesuffix("_end")] for part in (start, end)))
            assert float(total) == pytest.approx(expected)


def test_a_page_without_boxes_needs_no_sums() -> None:
    assert json.loads(read(viz.explore(perceptron()).html).scripts[0])["sums"] == {}


def test_many_sums_through_boxes_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "MOST_OPERATIONS", 0)
    xs = [Value(1.0 + i / 100, f"x{i}") for i in range(100)]
    with scope("box"):
        a, b = sum(xs, Value(0.0, "zero")), xs[0] * xs[1]
    ends = [a * x + b for x in xs]
    page = viz.explore(Graph(*ends), fold="scopes", limit=1000, seconds=60).html
    assert len(page.encode()) < 1_000_000
    assert json.loads(read(page).scripts[0])["sums"] is None


# --------------------------------------------------------------------------- in a real browser


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """A function that opens an explorer offline; what the console says fails the test."""
    said: list[str] = []
    contexts = []

    def opened(explorer: Explorer, width: int = 1280, height: int = 800, **options: Any) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, offline=True, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(explorer.save(tmp_path / "page.html").as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def node(page: Page, name: str) -> Locator:
    return page.locator(f'main [data-node="{name}"]:not(.trunk)')


def step(page: Page) -> int:
    return int(page.locator("body").get_attribute("data-step") or -1)


def gradients(page: Page) -> dict[str, str]:
    """The table of leaves: the gradient of each, as it is shown."""
    rows = page.locator("#leaves tr").all()
    return {
        row.locator("td").nth(0).inner_text(): row.locator("td").nth(2).inner_text() for row in rows
    }


def marked(page: Page, name: str) -> set[str | None]:
    """The ids of the nodes that have a class."""
    found = page.locator(f"main [data-node].{name}:not(.trunk)").all()
    return {element.get_attribute("data-node") for element in found}


@pytest.mark.browser
@pytest.mark.parametrize("example", [product_of_sum, sigmoid_neuron])
def test_every_gradient_can_be_read_off_at_the_end(open_page: Open, example: Any) -> None:
    graph = Graph(example()["f"])
    page = open_page(viz.explore(graph))
    assert set(gradients(page).values()) == {""}
    while page.locator("#next").is_enabled():
        page.keyboard.press("ArrowRight")
    assert step(page) == 2 * sum(bool(node.parents) for node in graph.nodes) + 1
    assert gradients(page) == {
        leaf.name: format(graph.gradient(leaf), ".4g") for leaf in graph.leaves
    }
    for value in graph.nodes:
        label = node(page, graph.id(value)).get_attribute("aria-label") or ""
        assert f"value {graph.value(value):.4g}" in label
        if value.parents or value.op is None:
            assert f"gradient {graph.gradient(value):.4g}" in label
    assert page.locator("main .unreached").count() == 0


@pytest.mark.browser
def test_values_and_gradients_appear_as_they_are_reached(open_page: Open) -> None:
    page = open_page(viz.explore(product_of_sum()["f"]))
    result = page.locator('main .wire[data-tail="n2"] text.value')
    assert "unreached" in (result.get_attribute("class") or "")
    page.keyboard.press("ArrowRight")
    assert "unreached" not in (result.get_attribute("class") or "")
    assert page.locator("#rules .names").inner_text() == "q = x + y".replace(" = ", "\u00a0=\u00a0")
    assert page.locator("#rules .numbers").inner_text() == "= -2 + 5 = 3"
    assert page.locator("#spoken").inner_text() == "Forward: q = x + y = -2 + 5 = 3"
    assert marked(page, "active") == {"n2"}
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert gradients(page) == {"x": "", "y": "", "z": "3"}
    page.keyboard.press("Home")
    assert step(page) == 0


@pytest.mark.browser
def test_contributions_add_up_in_the_table(open_page: Open) -> None:
    x = Value(3.0, "x")
    page = open_page(viz.explore(x * x * x))
    seen = []
    while page.locator("#next").is_enabled():
        page.keyboard.press("ArrowRight")
        seen.append(gradients(page)["x"])
    assert list(dict.fromkeys(seen)) == ["", "9", "27"]
    assert "= 18 + 9 = 27" in page.locator("#rules .total").last.inner_text()


@pytest.mark.browser
def test_the_slider_and_the_buttons_go_to_any_step(open_page: Open) -> None:
    page = open_page(viz.explore(sigmoid_neuron()["f"]))
    page.locator("#slider").fill("9")
    assert step(page) == 9
    assert page.locator("#counter").inner_text() == "Output · 9 / 17"
    page.get_by_role("button", name="Previous step").click()
    assert step(page) == 8
    page.get_by_role("button", name="Last step").click()
    assert step(page) == 17
    assert page.locator("#next").is_disabled()
    page.get_by_role("button", name="First step").click()
    assert step(page) == 0


@pytest.mark.browser
def test_it_plays_to_the_end_and_pauses(open_page: Open) -> None:
    page = open_page(viz.explore(product_of_sum()["f"]))
    page.clock.install()
    page.keyboard.press("Space")
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    page.clock.run_for(2 * 1600)
    assert step(page) == 2
    page.keyboard.press("Space")
    page.clock.run_for(10 * 1600)
    assert step(page) == 2
    page.locator("#speed").select_option("4")
    page.locator("#play").click()
    page.clock.run_for(400)
    assert step(page) == 3
    page.clock.run_for(10 * 400)
    assert step(page) == 5
    assert page.locator("#play").get_attribute("aria-label") == "Play"
    page.locator("#play").click()  # from the beginning
    assert step(page) == 0


@pytest.mark.browser
def test_hovering_lights_what_is_before_and_after(open_page: Open) -> None:
    page = open_page(viz.explore(product_of_sum()["f"]))
    page.keyboard.press("End")
    node(page, "n2").hover()
    assert marked(page, "from") - {"n2"} == {"n0", "n1"}
    assert marked(page, "to") - {"n2"} == {"n4", "n4_end"}
    assert "q = x + y" in page.locator("#node").inner_text()
    dashes = page.eval_on_selector_all(
        "main .to path", "paths => paths.map(path => getComputedStyle(path).strokeDasharray)"
    )
    assert set(dashes) == {"6px, 4px"}  # not by colour alone
    page.locator("h1").hover()
    assert marked(page, "from") == set()
    page.keyboard.press("Tab")
    node(page, "n0").focus()
    assert marked(page, "to") == {"n0", "n2", "n4", "n4_end"}


@pytest.mark.browser
def test_two_clicks_show_the_paths_and_their_sum(open_page: Open) -> None:
    x = Value(3.0, "x")
    y = x * x + x.exp() * x
    y.name = "y"
    graph = Graph(y)
    page = open_page(viz.explore(graph))
    node(page, graph.id(y)).click()
    assert "another node" in page.locator("#paths").inner_text()
    node(page, graph.id(x)).click()
    text = page.locator("#paths").inner_text()
    assert text.startswith("4 paths from x to y")
    for path in graph.paths(x, y):
        assert f"= {path.product:.4g}" in text
    assert page.locator("#paths .sum").inner_text().endswith(f"= {graph.path_sum(x, y):.4g}")
    assert marked(page, "picked") == {graph.id(x), graph.id(y)}
    page.keyboard.press("Escape")
    assert page.locator("#paths").is_hidden()


def paths_between(page: Page, one: str, other: str) -> str:
    """What the panel says when these two are picked."""
    page.evaluate("pair => { clear(); pair.forEach(pick); }", [one, other])
    return page.locator("#paths").inner_text()


@pytest.mark.browser
@pytest.mark.parametrize(("make", "fold"), FOLDED)
def test_any_two_clicks_give_the_sum_of_the_graph(open_page: Open, make: Any, fold: str) -> None:
    made = make()
    graph = made if isinstance(made, Graph) else Graph(made)
    page = open_page(viz.explore(graph, fold=fold))
    parts = page.evaluate("graph.parts.map(({id, several, shows}) => [id, several, shows])")
    boxes = {part for part, several, _ in parts if several}
    names = {graph.id(value): value for value in graph.nodes}
    kept = [part for part, _, shows in parts if part not in boxes and (not shows or shows in boxes)]
    for start, end in itertools.combinations(kept, 2):
        one, other = (names[part.removesuffix("_end")] for part in (start, end))
        sums = {graph.path_sum(one, other), graph.path_sum(other, one)}
        said = paths_between(page, start, end).splitlines()
        [slope] = [line for line in said if line.startswith("∂")]
        expected = max(sums, key=abs)
        assert float(slope.rpartition("= ")[2]) == pytest.approx(expected, rel=1e-3)
    for box in boxes:
        assert "has several results" in paths_between(page, box, kept[-1])


@pytest.mark.browser
def test_ways_through_a_box_are_counted_and_the_sum_is_of_all_paths(open_page: Open) -> None:
    graph = Graph(squares_of_a_network())
    page = open_page(viz.explore(graph, fold="scopes"))
    x = next(leaf for leaf in graph.leaves if leaf.name == "i0")
    text = paths_between(page, graph.id(x), graph.id(graph.outputs[0]))
    assert text.startswith("2 ways from i0 to L")
    assert "layer1 → layer2" in text
    assert f"∂L/∂i0 = {graph.path_sum(x, graph.outputs[0]):.4g}" in text
    assert "also through the folded layer1, layer2" in text


@pytest.mark.browser
def test_sums_that_were_left_out_are_said_to_be_unknown(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "MOST_OPERATIONS", 0)
    monkeypatch.setattr(sums, "_MOST_SUMS", 0)
    graph = Graph(box_of_two())
    page = open_page(viz.explore(graph, fold="scopes"))
    text = paths_between(page, "n0", graph.id(graph.outputs[0]))
    assert "∂L/∂x is not known" in text
    assert "too large to add up here what leads through the folded d" in text


@pytest.mark.browser
def test_more_paths_than_anyone_can_list_are_counted_exactly(open_page: Open) -> None:
    x = y = Value(1.0, "x")
    for _ in range(60):
        y = y + y
    y.name = "y"
    page = open_page(viz.explore(y))
    node(page, "n0").focus()
    page.keyboard.press("Enter")
    node(page, "n60").focus()
    page.keyboard.press("Enter")
    text = page.locator("#paths").inner_text()
    assert f"{2**60:,} paths from x to y" in text
    assert f"and {2**60 - 8:,} more" in text
    assert f"∂y/∂x = {2.0**60:.4g}" in text
    assert x.data == 1.0


def rules(page: Page) -> str:
    """The rules of the step that is shown."""
    return page.locator("#rules").inner_text().replace("\u00a0", " ")


@pytest.mark.browser
def test_a_number_in_the_table_changes_everything(open_page: Open) -> None:
    page = open_page(viz.explore(product_of_sum()["f"]))
    page.keyboard.press("End")
    page.get_by_role("spinbutton", name="y", exact=True).fill("10")
    assert gradients(page) == {"x": "-4", "y": "-4", "z": "8"}
    assert "q · ∂f/∂f" in rules(page) or "z · ∂f/∂f" in rules(page) or "∂f/∂q" in rules(page)
    assert page.locator('main .wire[data-tail="n2"] text.value').text_content() == "q = 8"
    assert page.locator('main .wire[data-tail="n4"] text.value').text_content() == "-32"
    node(page, "n3").click()
    node(page, "n4").click()
    assert page.locator("#paths .sum").inner_text() == "∂f/∂z = 8"
    page.get_by_role("button", name="Reset values").click()
    assert gradients(page) == {"x": "-4", "y": "-4", "z": "3"}
    assert page.get_by_role("button", name="Reset values").is_disabled()


@pytest.mark.browser
def test_a_number_changes_on_its_wire_by_keys_typing_and_dragging(open_page: Open) -> None:
    page = open_page(viz.explore(product_of_sum()["f"]))
    page.keyboard.press("End")
    number = page.get_by_role("spinbutton", name="x, change the value")
    number.focus()
    page.keyboard.press("ArrowUp")
    assert number.text_content() == "-1.9"
    page.keyboard.press("Shift+ArrowLeft")
    assert number.text_content() == "-2.9"
    page.keyboard.press("7")
    page.keyboard.type(".5")
    page.keyboard.press("Enter")
    assert number.text_content() == "7.5"
    assert gradients(page)["z"] == "12.5"
    box = number.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y)
    page.mouse.up()
    assert number.text_content() == "8.5"
    assert gradients(page)["z"] == "13.5"
    assert number.get_attribute("aria-valuenow") == "8.5"


@pytest.mark.browser
def test_where_a_number_has_no_value_the_gate_says_so(open_page: Open) -> None:
    x, y = Value(2.0, "x"), Value(3.0, "y")
    f = (x - y * 0).log() * y
    f.name = "f"
    page = open_page(viz.explore(f))
    page.keyboard.press("End")
    field = page.get_by_role("spinbutton", name="x", exact=True)
    field.fill("-1")
    failing = next(node for node in Graph(f).nodes if node.op and node.op.name == "log")
    assert marked(page, "failed") == {Graph(f).id(failing)}
    said = page.get_by_role("alert").inner_text()
    assert said.startswith("log(n4 = -1) has no value: log(a) is defined for a > 0")
    assert page.locator("#next").is_disabled()
    field.fill("1")
    assert page.locator("#failure").is_hidden()
    page.keyboard.press("Escape")
    assert marked(page, "failed") == set()


@pytest.mark.browser
@pytest.mark.parametrize("fold", [None, "box"])
def test_the_failing_gate_is_found_wherever_its_operands_come_from(
    open_page: Open, fold: str | None
) -> None:
    x = Value(2.0, "x")
    with scope("box"):
        logarithm = x.log()
        inside = logarithm * Value(3.0, "y") + x
    f = inside.sigmoid() + x / Value(4.0, "z")
    page = open_page(viz.explore(f, fold=fold))
    page.keyboard.press("End")
    page.get_by_role("spinbutton", name="x", exact=True).fill("-3")
    graph = Graph(f)
    failing = graph.id(inside if fold else logarithm)
    assert marked(page, "failed") == {failing}
    assert "log(x = -3) has no value" in rules(page)
    assert "value 4" in (
        page.get_by_role("button", name="z, input").get_attribute("aria-label") or ""
    )
    assert page.locator("#next").is_disabled()
    page.get_by_role("spinbutton", name="x", exact=True).fill("1e308")
    page.get_by_role("spinbutton", name="z", exact=True).fill("1e-9")
    assert page.get_by_role("alert").inner_text().startswith("The result of divide(x = 1e+308")


@pytest.mark.browser
def test_a_link_opens_what_was_seen(open_page: Open) -> None:
    page = open_page(viz.explore(product_of_sum()["f"]))
    page.get_by_role("spinbutton", name="x", exact=True).fill("3")
    page.locator("#slider").fill("4")
    node(page, "n0").click()
    node(page, "n4").click()
    address = page.url.partition("#")[2]
    assert address == "step=4&x=3&path=x%2Cf"
    before = page.locator("aside").inner_text(), gradients(page)
    page.reload()
    assert (page.locator("aside").inner_text(), gradients(page)) == before
    assert step(page) == 4
    page.evaluate("location.hash = 'step=99&x=oops&path=nobody'")
    page.wait_for_function("document.body.dataset.step === '5'")
    assert gradients(page)["z"] == "3"


@pytest.mark.browser
def test_a_page_in_a_frame_begins_in_the_state_of_its_address(
    open_page: Open, tmp_path: Path
) -> None:
    explorer = viz.explore(product_of_sum()["f"])
    page = open_page(explorer)
    outside = tmp_path / "outside.html"
    outside.write_text('<!DOCTYPE html><iframe src="page.html#step=4&x=3&path=x,f"></iframe>')
    page.goto(outside.as_uri())
    inside = page.frame_locator("iframe")
    inside.locator("body[data-step='4']").wait_for()
    assert inside.locator("#leaves input").first.input_value() == "3"
    assert "1 path from x to f" in inside.locator("#paths").inner_text()


@pytest.mark.browser
def test_names_that_stand_nowhere_are_shown_when_they_are_spoken_of(open_page: Open) -> None:
    x = Value(3.0, "x")
    f = (x * Value(2.0)).tanh()
    f.name = "f"
    page = open_page(viz.explore(f))
    tag = page.locator("main .tag")
    assert tag.all_text_contents() == ["n1"]
    assert tag.is_hidden()
    page.keyboard.press("ArrowRight")  # n2 = x · n1
    assert tag.is_visible()
    page.keyboard.press("ArrowRight")
    assert tag.is_hidden()
    node(page, "n1").click()
    page.locator("h1").hover()
    assert tag.is_visible()


def widths(page: Page) -> list[tuple[str, float, str]]:
    """Which hue each wire has, its width and its dashes."""
    return [
        (hue, float(width), dashes)
        for hue, width, dashes in page.evaluate(
            """() => wireElements.map((g) => {
              const style = getComputedStyle(g.querySelector("path"));
              const hue = g.classList.contains("plus") ? "plus"
                : g.classList.contains("minus") ? "minus" : "";
              return [hue, style.strokeWidth.replace("px", ""), style.strokeDasharray];
            })"""
        )
    ]


@pytest.mark.browser
def test_hues_and_widths_follow_the_gradients(open_page: Open) -> None:
    f = product_of_sum()["f"]
    page = open_page(viz.explore(f, magnitudes=True), reduced_motion="reduce")
    assert {hue for hue, *_ in widths(page)} == {""}
    page.keyboard.press("End")
    page.evaluate("mark('active', null)")
    picture = viz.draw(f, magnitudes=True).svg
    drawn = re.findall(
        r'<path class="(\w+)-line"[^>]*? stroke-width="([\d.]+)"',
        picture.partition('class="wire"')[2],
    )
    names = {"positive": "plus", "negative": "minus", "wire": ""}
    assert [(hue, width) for hue, width, _ in widths(page)] == [
        (names[hue], float(width)) for hue, width in drawn
    ]
    assert {dashes for hue, _, dashes in widths(page) if hue == "minus"} == {"5px, 3px"}
    before = widths(page)
    page.get_by_role("spinbutton", name="z", exact=True).fill("4")
    page.evaluate("mark('active', null)")
    assert widths(page)[0][0] == "plus" != before[0][0]
    plain = open_page(viz.explore(f))
    plain.keyboard.press("End")
    assert {hue for hue, *_ in widths(plain)} == {""}


@pytest.mark.browser
def test_constants_can_be_changed_if_asked(open_page: Open) -> None:
    x = Value(3.0, "x")
    f = x * 2 + 1
    f.name = "f"
    page = open_page(viz.explore(f, constants=True))
    page.keyboard.press("End")
    assert set(gradients(page)) == {"x", "constant 2", "constant 1"}
    page.locator("#leaves input").nth(1).fill("5")
    assert gradients(page)["x"] == "5"
    assert page.locator("main .constant text").first.text_content() == "5"


@pytest.mark.browser
def test_too_large_a_graph_keeps_its_numbers_and_says_so(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(viz.explore(product_of_sum()["f"]))
    assert page.locator("#still").is_hidden()
    monkeypatch.setattr(recorded, "MOST_OPERATIONS", 1)
    page = open_page(viz.explore(product_of_sum()["f"]))
    assert "This page does not compute" in page.locator("#still").inner_text()
    assert page.get_by_role("spinbutton").count() == 0
    page.keyboard.press("End")
    assert gradients(page) == {"x": "-4", "y": "-4", "z": "3"}


@pytest.mark.browser
def test_paths_to_the_output_reach_its_end_and_stand_alone(open_page: Open) -> None:
    page = open_page(viz.explore(product_of_sum()["f"]))
    page.keyboard.press("End")
    assert marked(page, "active") != set()
    node(page, "n0").click()
    node(page, "n4").click()
    assert marked(page, "traced") == {"n0", "n2", "n4", "n4_end"}
    assert marked(page, "active") == set()
    page.keyboard.press("Escape")
    assert marked(page, "active") != set()


@pytest.mark.browser
def test_local_derivatives_are_reached_by_keyboard(open_page: Open) -> None:
    page = open_page(viz.explore(product_of_sum()["f"]))
    page.keyboard.press("End")
    node(page, "n4").focus()
    assert "∂f/∂q = z = -4; ∂f/∂z = q = 3" in page.locator("#facts").inner_text()


@pytest.mark.browser
def test_predicting_says_where_a_wrong_number_comes_from(open_page: Open) -> None:
    x, y = Value(-3.0, "x"), Value(2.0, "y")
    f = x * y * x
    f.name = "f"
    page = open_page(viz.explore(f))
    page.get_by_role("button", name="Predict").click()
    remark, score = page.locator("#remark"), page.locator("#score")

    def answer(text: str) -> None:
        page.locator("#guess").fill(text)
        page.keyboard.press("Enter")

    assert page.locator("#question").inner_text() == "n2 = x · y = ?"
    answer("6")
    assert "sign" in remark.inner_text()
    answer("-6")
    assert page.locator("#question").inner_text() == "f = n2 · x = ?"
    answer("18")
    assert step(page) == 2
    page.locator("#next").click()  # the gradient of the output needs no prediction
    answer("1")
    assert "multiply it by the local derivative" in remark.inner_text()
    answer("-3")
    assert page.locator("#question").inner_text() == "∂f/∂x = ?"
    page.get_by_role("button", name="Show").click()
    assert remark.inner_text() == "It is -6. Check goes on."
    page.keyboard.press("Enter")
    assert "∂f/∂x, with what came before" in page.locator("#question").inner_text()
    answer("-6.0")
    assert "add it" in remark.inner_text() or "add this path" in remark.inner_text()
    answer("-12")
    answer("9")
    assert step(page) == 5
    assert score.text_content() == "5 of 9 right"


@pytest.mark.browser
def test_gradient_descent_moves_chosen_leaves_and_draws_the_loss(open_page: Open) -> None:
    x, y = Value(3.0, "x"), Value(1.0, "y")
    loss = (x - y) ** 2
    loss.name = "L"
    page = open_page(viz.explore(loss))
    page.get_by_text("Gradient descent", exact=True).click()
    page.locator("#choices").get_by_role("checkbox", name="y").uncheck()
    for _ in range(5):
        page.get_by_role("button", name="Step", exact=True).click()
    at = 3.0
    for _ in range(5):
        at -= 0.1 * 2 * (at - 1.0)
    assert float(page.locator("#leaves input").first.input_value()) == pytest.approx(at, rel=1e-12)
    assert page.locator("#leaves input").nth(1).input_value() == "1"
    assert page.locator("#descended").inner_text() == f"5 steps: L from 4 to {(at - 1) ** 2:.4g}"
    assert len((page.locator("#curve").get_attribute("points") or "").split()) == 6


@pytest.mark.browser
def test_a_step_out_of_the_domain_is_undone(open_page: Open) -> None:
    x = Value(0.1, "x")
    page = open_page(viz.explore(x.log()))
    page.get_by_text("Gradient descent", exact=True).click()
    page.get_by_role("button", name="Step", exact=True).click()
    assert "The step was undone: log(x = -0.9) has no value" in (
        page.locator("#descended").inner_text()
    )
    assert page.locator("#leaves input").input_value() == "0.1"


@pytest.mark.browser
def test_search_finds_by_name(open_page: Open) -> None:
    page = open_page(viz.explore(sigmoid_neuron()["f"]))
    page.keyboard.press("/")
    page.keyboard.type("W")
    assert page.locator("#found").inner_text() == "3 found"
    assert marked(page, "match") == {"n0", "n3", "n7"}
    page.keyboard.press("Enter")
    assert page.locator("#node").inner_text() == "w0"
    page.keyboard.press("Enter")
    assert page.locator("#node").inner_text() == "w1"
    page.locator("#search").fill("nothing")
    assert page.locator("#found").inner_text() == "none found"
    page.keyboard.press("Escape")
    assert marked(page, "match") == set()
    assert page.locator("#search").input_value() == ""


@pytest.mark.browser
def test_a_scope_folds_in_place_and_is_one_step(open_page: Open) -> None:
    page = open_page(viz.explore(perceptron()))
    button = page.get_by_role("button", name="Scope layer1 6 operations")
    assert button.get_attribute("aria-expanded") == "true"
    button.click()
    assert button.get_attribute("aria-expanded") == "false"
    assert page.get_by_text("6 operations").is_visible()
    assert node(page, "n5").is_hidden()
    assert page.get_by_role("button", name="Scope neuron1").is_hidden()
    page.keyboard.press("ArrowRight")
    assert step(page) == 6
    assert page.locator("#rules").inner_text() == "layer1: the values of 6 gates"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert step(page) == 6
    page.keyboard.press("End")
    assert "layer1: the gradients of 6 gates" in page.locator("#rules").inner_text()
    assert gradients(page)["x0"] != ""
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"
    assert node(page, "n5").is_visible()


SEEN = """() => Object.fromEntries([...document.querySelectorAll(
  `main [data-node]:not(.trunk), main .wire > text, main .trunk > text`)]
  .filter(g => getComputedStyle(g).visibility === "visible").map((g, i) => {
    const { x, y, width, height } = g.getBBox();
    return [g.dataset.node ?? `${i} ${g.textContent}`, { x, y, width, height }];
  }))"""
COVERS = """() => [...document.querySelectorAll(".cover:not(.inside) > rect")].map(box => {
  const { x, y, width, height } = box.getBBox();
  return { x, y, width, height };
})"""


def toggle(page: Page, scope: str) -> None:
    """Fold a scope, or unfold it."""
    page.get_by_role("button", name=f"Scope {scope}").focus()
    page.keyboard.press("Enter")


def deep_network() -> Value:
    out = MLP(2, [3, 2, 1], seed=0)([Value(1.0, "x0"), Value(-2.0, "x1")])[0]
    out.name = "y"
    return out


@pytest.mark.browser
@pytest.mark.parametrize("direction", ["right", "down"])
@pytest.mark.parametrize("scopes", [["layer1"], ["layer2"], ["layer1", "layer2"], ["layer3"]])
def test_a_folded_scope_leaves_no_hole(open_page: Open, scopes: list[str], direction: str) -> None:
    page = open_page(viz.explore(deep_network(), direction=direction), reduced_motion="reduce")
    before = page.evaluate(SEEN)
    area = page.evaluate("size.width * size.height")
    for name in scopes:
        toggle(page, name)
    after, boxes = page.evaluate(SEEN), page.evaluate(COVERS)
    assert len(boxes) == len(scopes)
    assert page.evaluate("size.width * size.height") < 0.95 * area
    for box in boxes:
        assert box["width"] <= 200
        assert box["height"] <= 100
    kept = [name for name in after if name in before and name.startswith("n")]
    assert kept
    for name in kept:  # moved, and as large as before
        for side in ("width", "height"):
            assert after[name][side] == pytest.approx(before[name][side], abs=0.1)
    for one, other in itertools.combinations([*boxes, *(after[name] for name in kept)], 2):
        assert not _overlap(one, other)
    for one, other in itertools.combinations(kept, 2):  # nothing changes its side
        for side in ("x", "y"):
            was = before[one][side] - before[other][side]
            assert (after[one][side] - after[other][side]) * was >= -0.1
    for name in scopes:
        toggle(page, name)
    for name, box in page.evaluate(SEEN).items():
        assert box == pytest.approx(before[name], abs=0.02)


@pytest.mark.browser
def test_wires_lead_to_the_cover_of_a_folded_scope(open_page: Open) -> None:
    page = open_page(viz.explore(deep_network()), reduced_motion="reduce")
    toggle(page, "layer2")
    [box] = page.evaluate(COVERS)
    tips = page.evaluate(
        """() => [...document.querySelectorAll("main .wire:not(.inside) > polygon")]
        .map(arrow => arrow.points[1]).map(({x, y}) => [x, y])"""
    )
    on_sides = [
        (x, y)
        for x, y in tips
        if box["x"] - 0.1 <= x <= box["x"] + box["width"] + 0.1
        and box["y"] - 0.1 <= y <= box["y"] + box["height"] + 0.1
    ]
    assert len(on_sides) == len(set(on_sides)) == 3  # from the three neurons of layer 1
    for x, y in on_sides:
        sides = (x - box["x"], box["x"] + box["width"] - x, y - box["y"])
        assert min(abs(side) for side in (*sides, box["y"] + box["height"] - y)) < 0.1


@pytest.mark.browser
def test_one_wire_leads_from_one_folded_scope_to_the_next(open_page: Open) -> None:
    page = open_page(viz.explore(deep_network()), reduced_motion="reduce")
    toggle(page, "layer1")
    toggle(page, "layer2")
    first, second = sorted(page.evaluate(COVERS), key=lambda box: box["x"])
    ends = page.evaluate(
        """() => [...document.querySelectorAll("main .wire:not(.inside) > path")].map(path => {
          const at = (share) => path.getPointAtLength(share * path.getTotalLength());
          return [at(0), at(1)].map(({ x, y }) => [x, y]);
        })"""
    )
    right, left = first["x"] + first["width"], second["x"]
    between = [
        (start, end)
        for start, end in ends
        if abs(start[0] - right) < 1 and abs(end[0] - left) < 10  # the head of an arrow
    ]
    assert len(between) == 1
    assert not page.locator("main .bundle text").filter(visible=True).count()


@pytest.mark.browser
def test_folding_moves_the_picture_to_where_it_is_without_motion(open_page: Open) -> None:
    places = []
    for motion in ("no-preference", "reduce"):
        page = open_page(viz.explore(deep_network()), reduced_motion=motion)
        toggle(page, "layer1")
        page.evaluate("finishMotion()")
        view = page.locator("main > svg").get_attribute("viewBox") or ""
        places.append((page.evaluate(SEEN), page.evaluate(COVERS), list(map(float, view.split()))))
    assert places[0][:2] == places[1][:2]
    assert places[0][2] == pytest.approx(places[1][2], abs=0.1)


@pytest.mark.browser
def test_a_folded_scope_lights_all_leaves_that_its_gates_reach(open_page: Open) -> None:
    page = open_page(viz.explore(perceptron()), reduced_motion="reduce")
    page.get_by_role("button", name="Scope layer1").click()
    page.keyboard.press("End")
    changed = page.locator("#leaves tr.changed td:first-child").all_inner_texts()
    inside = {f"layer1.neuron{i}.{name}" for i in range(3) for name in ("w0", "w1", "b")}
    assert set(changed) == inside | {"x0", "x1"}


@pytest.mark.browser
@pytest.mark.parametrize("clicks", [0, 2, -4])
def test_a_folded_scope_can_be_read_at_any_zoom(open_page: Open, clicks: int) -> None:
    page = open_page(viz.explore(perceptron()))
    button = page.get_by_role("button", name="Scope layer1")
    button.click()
    page.get_by_role("button", name="Fit").click()
    for _ in range(abs(clicks)):
        page.get_by_role("button", name="Zoom out" if clicks < 0 else "Zoom in").click()
    texts = [page.locator(".cover:not(.inside) text").nth(i).bounding_box() for i in (0, 1)]
    outside = page.locator(".cover:not(.inside) rect").bounding_box()
    for text in texts:
        assert text is not None
        assert outside is not None
        assert min(14, 0.1 * outside["width"]) <= text["height"] <= 30
        assert outside["x"] <= text["x"]
        assert text["x"] + text["width"] <= outside["x"] + outside["width"]
    assert not _overlap(*texts) or clicks < 0
    assert page.locator('main g.cluster:not(.inside) [data-scope="s1"]').count() == 0
    button.click()  # anywhere on the cover
    assert button.get_attribute("aria-expanded") == "true"


@pytest.mark.browser
def test_dragging_a_folded_scope_does_not_unfold_it(open_page: Open) -> None:
    page = open_page(viz.explore(perceptron()))
    button = page.get_by_role("button", name="Scope layer1")
    button.click()
    box = page.locator(".cover:not(.inside) rect").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 90)
    page.mouse.up()
    assert button.get_attribute("aria-expanded") == "false"


@pytest.mark.browser
def test_a_large_graph_opens_at_its_first_gate(open_page: Open) -> None:
    graph = large_graph()
    assert len(graph.nodes) >= 400
    page = open_page(viz.explore(graph, fold=None, seconds=60), 1200, 800)
    frame = page.locator("main > svg").bounding_box()
    first = next(value for value in graph.nodes if value.parents)
    for value in (first, *first.parents):
        box = node(page, graph.id(value)).bounding_box()
        assert box is not None
        assert frame is not None
        assert frame["x"] <= box["x"]
        assert box["x"] + box["width"] <= frame["x"] + frame["width"]
        assert frame["y"] <= box["y"]
        assert box["y"] + box["height"] <= frame["y"] + frame["height"]


@pytest.mark.browser
def test_operands_that_are_far_away_leave_the_first_gate_in_view(open_page: Open) -> None:
    x = y = Value(0.5, "x")
    for i in range(150):
        y = (y * Value(i / 10, f"c{i}") + x).tanh()
    graph = Graph(y)
    page = open_page(viz.explore(graph, fold=None, seconds=60), 1200, 800)
    first = next(value for value in graph.nodes if value.parents)
    box, frame = (g.bounding_box() for g in (node(page, graph.id(first)), page.locator("main")))
    assert box is not None
    assert frame is not None
    assert frame["x"] <= box["x"] <= frame["x"] + frame["width"] - box["width"]
    assert frame["y"] <= box["y"] <= frame["y"] + frame["height"] - box["height"]


@pytest.mark.browser
def test_the_table_has_names_and_ids_where_names_are_shared(open_page: Open) -> None:
    x, other = Value(1.0, "x"), Value(2.0, "x")
    f = x * other * Value(3.0, "weight")
    f.name = "the_name_of_an_output_that_is_rather_long"
    page = open_page(viz.explore(f), 1000, 800)
    assert set(gradients(page)) == {"x (n0)", "x (n1)", "weight"}
    for row in page.locator("#leaves tr").all():
        box = row.locator("td").first.bounding_box()
        assert box is not None
        assert box["height"] < 32  # one line
        assert box["width"] > 70
    heading = page.locator("th").last.text_content()
    assert heading == "∂the_name_of_an_…/∂leaf"
    page.locator("#search").fill("x")
    assert page.locator("#found").inner_text() == "2 found"


@pytest.mark.browser
def test_searching_in_a_folded_scope_unfolds_it(open_page: Open) -> None:
    page = open_page(viz.explore(perceptron()))
    button = page.get_by_role("button", name="Scope layer1")
    button.click()
    page.locator("#search").fill("layer1.neuron1.b")
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-expanded") == "true"


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "theme"), [("light", LIGHT), ("dark", DARK)])
def test_light_and_dark_by_the_viewer_s_setting(open_page: Open, scheme: str, theme: Any) -> None:
    page = open_page(viz.explore(product_of_sum()["f"]), color_scheme=scheme)

    def color(selector: str, name: str) -> str:
        script = f"element => getComputedStyle(element).{name}"
        numbers = re.findall(r"\d+", page.eval_on_selector(selector, script))
        return "#" + "".join(f"{int(number):02x}" for number in numbers[:3])

    assert color("body", "backgroundColor") == theme.background
    assert color("main text.value", "fill") == theme.value
    assert color("main text.gradient", "fill") == theme.gradient
    assert color("main .gate circle", "fill") == theme.gate
    assert color("#rules", "color") == theme.ink


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1024, 768), (390, 844)])
def test_nothing_overlaps_or_is_cut_off(open_page: Open, width: int, height: int) -> None:
    page = open_page(viz.explore(perceptron()), width, height)
    page.keyboard.press("End")
    boxes = [page.locator(name).bounding_box() for name in ("header", "main", "aside", "footer")]
    for i, box in enumerate(boxes):
        assert box is not None
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
        assert box["height"] >= 40
        assert not any(other and _overlap(box, other) for other in boxes[i + 1 :])
    for control in page.locator("footer :is(button, input, select), header input").all():
        found = control.bounding_box()
        assert found is not None
        assert found["x"] + found["width"] <= width
        assert found["y"] + found["height"] <= height
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def _overlap(one: Any, other: Any) -> bool:
    return all(
        one[start] + one[size] > other[start] + 0.5
        and other[start] + other[size] > one[start] + 0.5
        for start, size in (("x", "width"), ("y", "height"))
    )


@pytest.mark.browser
def test_everything_can_be_reached_with_the_tab_key(open_page: Open) -> None:
    page = open_page(viz.explore(perceptron()))
    reached = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert {"Play", "Next step", "Step", "Speed", "Search nodes by name", "Zoom in"} <= reached
    assert "Scope layer1 6 operations" in reached
    assert "x0, input, value 1" in reached


@pytest.mark.browser
def test_the_graph_moves_and_zooms(open_page: Open) -> None:
    page = open_page(viz.explore(product_of_sum()["f"]))
    start = page.locator("main > svg").get_attribute("viewBox")
    page.get_by_role("button", name="Zoom in").click()
    assert page.locator("main > svg").get_attribute("viewBox") != start
    page.get_by_role("button", name="Fit").click()
    assert page.locator("main > svg").get_attribute("viewBox") == start
    page.mouse.move(300, 300)
    page.mouse.down()
    page.mouse.move(400, 350)
    page.mouse.up()
    moved = page.locator("main > svg").get_attribute("viewBox")
    assert moved != start
    page.mouse.wheel(0, -200)
    page.wait_for_function(
        "before => document.querySelector('main > svg').getAttribute('viewBox') !== before",
        arg=moved,
    )


@pytest.mark.browser
def test_names_with_markup_are_shown_as_they_are(open_page: Open) -> None:
    name = "<img src=x onerror=alert(1)>"
    with scope("<b>bold</b>"):
        f = Value(1.0, name) * Value(2.0, "</script>")
    page = open_page(viz.explore(f))
    page.keyboard.press("End")
    assert set(gradients(page)) == {name, "</script>"}
    node(page, "n0").click()
    assert page.locator("#node").inner_text() == name
    assert page.locator("img").count() == 0


@pytest.mark.browser
def test_a_graph_with_its_gates_opened(open_page: Open) -> None:
    @gate("σ")
    def sigma(a: Value) -> Value:
        return 1 / (1 + (-a).exp())

    f = sigma(Value(1.0, "a"))
    for is_open in (False, True):
        page = open_page(viz.explore(f, open=is_open))
        page.keyboard.press("End")
        assert gradients(page) == {"a": "0.1966"}


@pytest.mark.browser
def test_it_runs_in_the_sandbox_of_a_notebook(open_page: Open, tmp_path: Path) -> None:
    explorer = viz.explore(product_of_sum()["f"])
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!DOCTYPE html>{explorer._repr_mimebundle_()['text/html']}")
    page = open_page(explorer)
    page.goto(notebook.as_uri())
    inside = page.frame_locator("iframe")
    inside.locator("#last").click()
    inside.locator("body[data-step='5']").wait_for()
    assert inside.locator("#leaves tr").count() == 3


@pytest.mark.browser
def test_in_a_notebook_the_wheel_scrolls_the_notebook_and_zooms_with_control(
    open_page: Open, tmp_path: Path
) -> None:
    explorer = viz.explore(product_of_sum()["f"])
    frame = explorer._repr_mimebundle_()["text/html"]
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!DOCTYPE html>{frame}<div style='height: 9000px'></div>")
    page = open_page(explorer)
    page.goto(notebook.as_uri())
    picture = page.frame_locator("iframe").locator("main > svg")
    start = picture.get_attribute("viewBox")
    page.mouse.move(300, 200)
    page.mouse.wheel(0, 150)
    page.wait_for_function("scrollY > 100")
    assert picture.get_attribute("viewBox") == start
    page.mouse.move(300, 60)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    zoomed = page.frame_locator("iframe").locator(f"main > svg:not([viewBox='{start}'])")
    zoomed.wait_for()


@pytest.mark.browser
def test_a_page_that_is_hidden_at_first_is_fitted_when_it_is_shown(
    open_page: Open, tmp_path: Path
) -> None:
    explorer = viz.explore(perceptron())
    notebook = tmp_path / "notebook.html"
    frame = explorer._repr_mimebundle_()["text/html"]
    notebook.write_text(f"<!DOCTYPE html><div hidden>{frame}</div>")
    page = open_page(explorer)
    page.goto(notebook.as_uri())
    inside = page.frame_locator("iframe")
    inside.locator("body[data-step]").wait_for(state="attached")
    page.evaluate("document.querySelector('div').hidden = false")
    inside.locator('main [data-node="n0"]').hover()
    inside.get_by_role("button", name="Scope layer1").click()
    assert inside.get_by_text("6 operations").is_visible()


@pytest.mark.browser
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(example=expressions_at_points(max_steps=12))
def test_random_graphs_end_with_every_gradient(open_page: Open, example: Example) -> None:
    expression, point = example
    graph = Graph(expression([Value(number, f"x{i}") for i, number in enumerate(point)]))
    page = open_page(viz.explore(graph))
    page.keyboard.press("End")
    shown = {leaf.name: f"{graph.gradient(leaf):.4g}" for leaf in graph.leaves}
    assert gradients(page) == {name: "0" if text == "-0" else text for name, text in shown.items()}
    [start, *_], end = graph.leaves, graph.outputs[0]
    node(page, graph.id(start)).focus()
    page.keyboard.press("Enter")
    if start is not end:
        node(page, graph.id(end)).focus()
        page.keyboard.press("Enter")
        total = page.locator("#paths .sum").inner_text().rpartition("= ")[2]
        expected = float(graph.path_sum(start, end))
        assert float(total) == pytest.approx(expected, rel=1e-3, abs=1e-9)


@pytest.mark.browser
@pytest.mark.parametrize("specification", [".4g", ".2f", ".0f", ".3e", ".10g", "g", ".1g"])
def test_numbers_are_written_as_python_writes_them(open_page: Open, specification: str) -> None:
    numbers = [
        0.0, 1.0, -1.0, 0.5, 1.5, 2.5, 0.125, 1.0625, 2.03125, 1e-4, 1e-5, 9999.5, 99995.0, 1e21,
        1e22, 123456789.0, 1e300, 5e-324, 0.1, 1 / 3, 2 / 3, 1234.5, 12345.0, -0.00012345, 1e16,
        *(math.sin(i) * 10.0 ** (i % 40 - 20) for i in range(300)),
        *((2 * i + 1) / 2**k for i in range(40) for k in range(1, 12)),
    ]  # fmt: skip
    page = open_page(viz.explore(product_of_sum()["f"]))
    written = page.evaluate(
        "([numbers, how]) => numbers.map((number) => formatNumber(number, how))",
        [numbers, specification],
    )
    assert written == [format(number, specification) for number in numbers]
    for word in ("nan", "inf", "-inf"):
        assert page.evaluate("word => formatNumber(Number({nan: NaN, inf: Infinity, "
                             "'-inf': -Infinity}[word]), '.4g')", word) == word  # fmt: skip


NUMBERS = """(feed) => {
  change(feed);
  const { values, gradients } = numbers;
  return [values, gradients.map((gradient) => gradient ?? 0), failure];
}"""
EXAMPLES: dict[str, Callable[[], Value]] = {
    "1": lambda: product_of_sum()["f"], "2": lambda: sigmoid_neuron()["f"],
    "3": lambda: grouped_sigmoid_neuron()["f"], "6": lambda: two_layers(depth=2)["p"],
    "7": lambda: one_neuron()["L"], "8": lambda: mazur_network()["E"], "2-3-1": perceptron,
}  # fmt: skip


@pytest.mark.browser
@pytest.mark.parametrize("name", EXAMPLES)
def test_twenty_random_changes_equal_python(open_page: Open, name: str) -> None:
    output = EXAMPLES[name]()
    graph = Graph(output)
    page = open_page(viz.explore(output))
    page.keyboard.press("End")
    random = Random(name)
    numbers = {leaf: graph.value(leaf) for leaf in graph.leaves}
    opened = graph.open()
    for _ in range(20):
        leaf = random.choice(graph.leaves)
        numbers[leaf] = random.uniform(-3, 3)
        values, gradients, failure = page.evaluate(NUMBERS, [[graph.id(leaf), numbers[leaf]]])
        assert failure is None
        opened.forward(numbers)
        expected = [opened.value(node) for node in opened.nodes]
        assert values == pytest.approx(expected, rel=1e-12, abs=1e-15)
        expected = [opened.gradient(node) for node in opened.nodes]
        assert gradients == pytest.approx(expected, rel=1e-12, abs=1e-15)
        shown = page.locator("#leaves td.gradient").all_inner_texts()
        assert len(shown) == len(graph.leaves)
        for text, one in zip(shown, graph.leaves, strict=True):
            assert float(text) == pytest.approx(opened.gradient(one), rel=1e-3, abs=1e-300)
