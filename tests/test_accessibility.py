"""Explorer and playground for everybody: contrast, names, keyboard alone, touch (browser tests)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from test_explorer import contrast, gradients, node, open_page, perceptron, step

import viz
from autodiff.data import moons
from autodiff.nn import MLP
from autodiff.worked_examples import product_of_sum, sigmoid_neuron
from documents import ROOT
from viz.theme import DARK, LIGHT, PRINT, Theme

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["open_page"]  # a fixture

Open = Callable[..., "Page"]

AXE = Path(os.environ.get("AXE_CORE", ROOT / "node_modules/axe-core/axe.min.js"))
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FOUND = """async (rules) => {
  const options = { runOnly: rules, rules: { "label-content-name-mismatch": { enabled: true } } };
  const { violations } = await axe.run(document, options);
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)}`);
}"""


@pytest.mark.parametrize("theme", [LIGHT, DARK, PRINT])
def test_wires_stand_out_from_whatever_they_cross(theme: Theme) -> None:
    for ground in (theme.background, theme.cluster, theme.gate, theme.parameter):
        for line in (theme.wire, theme.positive, theme.negative, theme.highlight):
            assert contrast(line, ground) >= 3


@pytest.mark.parametrize("theme", [LIGHT, DARK, PRINT])
def test_text_stands_out_from_whatever_it_is_on(theme: Theme) -> None:
    for ground in (theme.background, theme.cluster, theme.gate, theme.parameter):
        for text in (theme.ink, theme.quiet, theme.value, theme.gradient, theme.highlight):
            assert contrast(text, ground) >= 4.5


def network() -> viz.Explorer:
    return viz.explore(perceptron())


def with_constants() -> viz.Explorer:
    return viz.explore(sigmoid_neuron()["f"], constants=True)


def playground() -> Any:
    model = MLP(2, [4, 3, 1], activation="tanh", seed=0)
    return viz.playground(model, moons(40), validation=moons(20, seed=1))


STATES = {
    network: ["", "moves.last()", "moves.first(); togglePrediction()",
              "togglePrediction(); toggleFold('s0')"],
    with_constants: ["", "moves.last()", "pick(graph.leaves[0]); pick(graph.parts.at(-2).id)"],
    playground: ["", "stepOnce(); document.querySelector('details').open = true"],
}  # fmt: skip


@pytest.mark.browser
@pytest.mark.skipif(
    not AXE.is_file(), reason="needs axe: npm install axe-core, or its file as AXE_CORE"
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 1024, 390])
@pytest.mark.parametrize("make", STATES)
def test_axe_finds_nothing(open_page: Open, make: Any, width: int, scheme: str) -> None:
    page = open_page(
        make(), width, 844, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True
    )
    page.evaluate(AXE.read_text())
    for state in STATES[make]:
        page.evaluate(f"() => {{ {state} }}")
        assert page.evaluate(FOUND, RULES) == []


def focus(page: Page, name: str) -> None:
    """Tab to what has this accessible name, and nothing else."""
    for _ in range(150):
        page.keyboard.press("Tab")
        found = page.evaluate(
            "() => { const it = document.activeElement;"
            " return it.getAttribute('aria-label') ?? (it.textContent || it.id); }"
        )
        if found == name:
            return
    raise AssertionError(f"the Tab key does not lead to {name}")


@pytest.mark.browser
def test_the_keyboard_alone_does_everything_in_an_explorer(open_page: Open) -> None:
    page = open_page(network(), reduced_motion="reduce")
    keys = page.keyboard
    focus(page, "Skip to the controls")
    keys.press("Enter")
    focus(page, "Next step")
    keys.press("Enter")
    keys.press("ArrowRight")
    assert step(page) == 2
    focus(page, "Scope layer1 6 operations")
    keys.press("Enter")
    assert page.locator(".cover:not(.inside)").count() == 1
    keys.press("Enter")
    focus(page, "x0, input, value 1")
    keys.press("Enter")
    focus(page, "y, output")
    keys.press("Enter")
    assert "from x0 to y" in page.locator("#paths h3").inner_text()
    keys.press("Escape")
    focus(page, "x0, change the value")
    keys.press("ArrowUp")
    keys.press("End")
    before = gradients(page)
    focus(page, "x1")  # in the table
    keys.press("Control+a")
    keys.type("0.5")
    assert gradients(page) != before
    focus(page, "Reset values")
    keys.press("Enter")
    assert page.locator("#reset").is_disabled()
    focus(page, "Gradient descent")
    keys.press("Enter")
    focus(page, "Step")
    keys.press("Enter")
    assert "1 step" in page.locator("#descended").inner_text()
    focus(page, "Zoom in")
    view = page.locator("main > svg").get_attribute("viewBox")
    keys.press("Enter")
    assert page.locator("main > svg").get_attribute("viewBox") != view


@pytest.mark.browser
def test_a_node_that_the_tab_key_leads_to_is_in_view(open_page: Open) -> None:
    page = open_page(network(), reduced_motion="reduce")
    for _ in range(6):
        page.get_by_role("button", name="Zoom in").click()
    node(page, "n0").focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    box, frame = node(page, "n0").bounding_box(), page.locator("main > svg").bounding_box()
    assert box is not None
    assert frame is not None
    assert frame["x"] <= box["x"] <= frame["x"] + frame["width"] - box["width"]
    assert frame["y"] <= box["y"] <= frame["y"] + frame["height"] - box["height"]


@pytest.mark.browser
def test_the_keyboard_alone_trains_in_a_playground(open_page: Open) -> None:
    page = open_page(playground())
    keys = page.keyboard
    focus(page, "One step")
    keys.press("Enter")
    page.locator("body[data-step='1']").wait_for()
    focus(page, "New weights")
    keys.press("Enter")
    page.locator("body[data-step='0']").wait_for()
    assert page.locator("#seed").input_value() == "1"


@pytest.mark.browser
def test_two_fingers_zoom_about_the_middle_between_them(open_page: Open) -> None:
    page = open_page(viz.explore(product_of_sum()["f"]), 390, 844, has_touch=True, is_mobile=True)
    fingers = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    def seen() -> list[float]:
        return page.evaluate(  # type: ignore[no-any-return]
            "(() => { const { x, y } = toGraph({ x: 195, y: 200 }); return [x, y, view.width]; })()"
        )

    x, y, wide = seen()
    touch("touchStart", (150, 200))
    touch("touchStart", (150, 200), (240, 200))
    for apart in range(0, 100, 10):
        touch("touchMove", (150 - apart, 200), (240 + apart, 200))
    touch("touchEnd")
    assert seen() == pytest.approx([x, y, wide * 90 / 270], rel=1e-3)
    assert page.evaluate("visualViewport.scale") == 1
    assert page.locator("[aria-pressed=true]").count() == 0
    touch("touchStart", (150, 200))
    touch("touchMove", (100, 250))
    touch("touchEnd")
    assert seen()[:2] != pytest.approx([x, y], rel=1e-3)
