"""The page of the playground: as text, its training in node, and in a real browser."""

from __future__ import annotations

import io
import json
import math
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from exports import require
from numpy.typing import NDArray
from PIL import Image
from test_explorer import HOSTILE, contrast, read

import viz
from autodiff import Value, compile, exp, scope, tanh
from autodiff.data import Points, moons
from autodiff.nn import (
    MLP,
    Dropout,
    Linear,
    LogSoftmax,
    Module,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    binary_cross_entropy,
)
from viz.playground import Playground
from viz.playground.network import layers_of, network_of
from viz.theme import DARK, LIGHT, Theme
from viz.webpage import compact, packaged

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Open = Callable[..., "Page"]
Array = NDArray[np.float64]

POINTS = moons(40)
FRACTIONS = ([[0.0, 1.0], [1.0, 0.5], [0.2, 0.3]], [0.25, 1.5, -2.0])


def small_network() -> MLP:
    return MLP(2, [4, 3, 1], activation="tanh", seed=0)


def data_of(page: Playground) -> dict[str, Any]:
    """What the page knows."""
    return json.loads(read(page.html).scripts[0])  # type: ignore[no-any-return]


def named_bump() -> Callable[[Any], Any]:
    """A function with parameters of its own, which is no network."""
    height, width = Value(2.0, "height"), Value(0.5, "width")

    def bump(x: Any) -> Any:
        return height * exp(-width * (x[0] ** 2 + x[1] ** 2)) - 1.0

    return bump


# ------------------------------------------------------------------------------ the page as text


def test_the_page_is_well_formed_and_complete_in_itself() -> None:
    page = viz.playground(small_network(), POINTS, validation=moons(20, seed=1)).html
    reader = read(page)
    assert {tag for tag, _ in reader.tags}.isdisjoint({"link", "img", "iframe", "object"})
    assert not any("src" in attributes for _, attributes in reader.tags)
    assert {attributes.get("href") for _, attributes in reader.tags} == {None, "#bar"}
    assert not any(name.startswith("on") for _, attributes in reader.tags for name in attributes)
    assert not any("style" in attributes for _, attributes in reader.tags)
    assert set(re.findall(r"https?://[^\"'\s<]*", page)) == {"http://www.w3.org/2000/svg"}
    assert "innerHTML" not in page
    [policy] = [a["content"] for _, a in reader.tags if a.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_the_same_model_gives_the_same_bytes() -> None:
    pages = [viz.playground(small_network(), POINTS).html for _ in range(2)]
    assert pages[0] == pages[1]


def test_the_model_stays_as_it_is() -> None:
    model = small_network()
    before = [value.data for value in model.parameters()]
    assert viz.playground(model, POINTS).html
    assert [value.data for value in model.parameters()] == before
    assert model.is_training


def test_parameters_stand_in_the_order_of_the_model() -> None:
    model = small_network()
    data = data_of(viz.playground(model, POINTS))
    assert data["parameters"]["numbers"] == [value.data for value in model.parameters()]
    assert data["parameters"]["names"][0] == "layer1/neuron0/w0"
    assert sorted(data["reads"]["loss"]) == list(range(len(model.parameters())))


def test_new_weights_are_drawn_as_the_layers_draw_them() -> None:
    data = data_of(viz.playground(small_network(), POINTS))["parameters"]
    numbers = np.array([data["middles"], data["deviations"]]).T
    assert set(map(tuple, numbers[:2])) == {(0.0, math.sqrt(2 / (2 + 4)))}
    assert (0.0, 0.0) in set(map(tuple, numbers))
    bump = data_of(viz.playground(named_bump(), POINTS))["parameters"]
    assert dict(zip(bump["names"], bump["deviations"], strict=True)) == {
        "height": 1.0,
        "width": 0.25,
    }


def test_a_notebook_shows_a_frame_that_may_run_its_script_alone() -> None:
    page = viz.playground(small_network(), POINTS)
    shown = page._repr_mimebundle_()
    assert (
        shown["text/plain"] == repr(page) == "<Playground: MLP(2-4-3-1, 31 parameters), 40 points>"
    )
    assert shown["text/html"].startswith('<iframe sandbox="allow-scripts" title="MLP(2-4-3-1')
    assert set(page._repr_mimebundle_(include=["text/plain"])) == {"text/plain"}


def test_a_page_is_saved_by_its_suffix(tmp_path: Path) -> None:
    page = viz.playground(small_network(), POINTS)
    assert page.save(tmp_path / "page.html").read_text() == page.html
    with pytest.raises(ValueError, match=r"ends in \.html"):
        page.save(tmp_path / "page.pdf")


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_users_stay_names(name: str) -> None:
    weight, bias = Value(0.5, name), Value(0.1, "b")

    def model(x: Any) -> Any:
        with scope(name):
            return tanh(weight * x[0] + bias * x[1]) + exp(weight) * x[1]

    model.__name__ = name
    page = viz.playground(model, POINTS).html
    assert page.encode()
    reader = read(page)
    assert len([tag for tag, _ in reader.tags if tag == "script"]) == 2
    assert {tag for tag, _ in reader.tags}.isdisjoint({"img"})
    json.loads(reader.scripts[0])


def mixed(color: str, other: str, part: float) -> str:
    """A colour, so far on the way to another one."""
    pairs = [[int(c[i : i + 2], 16) for c in (color, other)] for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in pairs)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_points_and_lines_stand_out_from_what_is_below_them(theme: Theme) -> None:
    [strength] = re.findall(r"STRENGTH = ([\d.]+);", packaged("viz.playground", "plane.js"))
    assert f"{float(strength):.0%}, var(--background)" in packaged("viz.playground", "page.css")
    below = mixed(theme.background, theme.negative, float(strength))
    above = mixed(theme.background, theme.positive, float(strength))
    for shade, point in ((below, theme.gradient), (above, theme.value)):
        assert contrast(point, shade) >= 3
        assert contrast(point, theme.background) >= 3
        assert contrast(theme.ink, shade) >= 3
    assert min(contrast(c, theme.background) for c in (theme.positive, theme.negative)) >= 3
    for ground in (theme.background, theme.cluster):
        for text in (theme.quiet, theme.ink, theme.value, theme.gradient):
            assert contrast(text, ground) >= 4.5


# ----------------------------------------------------------------------------------- the network


def test_the_circles_and_lines_of_a_network() -> None:
    model = MLP(2, [3, 1])
    network = network_of(model)
    assert network is not None
    assert [circle.name for circle in network.circles] == [
        "x₁", "x₂", "layer 1, unit 1", "layer 1, unit 2", "layer 1, unit 3", "output 1",
    ]  # fmt: skip
    assert [circle.unit for circle in network.circles] == [None, None, 0, 1, 2, 3]
    assert len({circle.x for circle in network.circles}) == 3
    assert all(0 < c.x < network.width and 0 < c.y < network.height for c in network.circles)
    weights = [w for layer in model.layers for neuron in layer.neurons for w in neuron.weights]
    assert [line.weight for line in network.lines] == weights
    assert [(line.tail, line.head) for line in network.lines[-3:]] == [(2, 5), (3, 5), (4, 5)]


def test_activations_of_their_own_belong_to_the_layer_before() -> None:
    layers = [Linear(2, 3, seed=0), Tanh(), Linear(3, 2, seed=1), LogSoftmax()]
    assert layers_of(Sequential(*layers)) == [layers[:2], layers[2:]]
    inner = Sequential(*layers[:2])
    assert layers_of(Sequential(inner, *layers[2:])) == [layers[:2], layers[2:]]


class Squared(MLP):
    def __call__(self, inputs: Any) -> Any:
        return [output**2 for output in super().__call__(inputs)]


@pytest.mark.parametrize(
    "model",
    [Squared(2, [3, 1]), named_bump(), MLP(2, [17, 1]), MLP(2, [2] * 9), Sequential(Tanh())],
)
def test_what_is_no_network_of_linear_layers_has_no_picture(model: Any) -> None:
    assert network_of(model) is None


def test_a_model_that_computes_something_else_is_shown_as_it_is() -> None:
    data = data_of(viz.playground(Squared(2, [3, 1]), POINTS))
    assert data["network"] is None
    assert data["units"] == 1


# -------------------------------------------------------------------------------- what is learned


def of_classes(*classes: int) -> tuple[Array, NDArray[np.int64]]:
    return np.random.default_rng(0).normal(size=(6, 2)), np.resize(classes, 6)


READINGS: list[tuple[Any, Any, str, str]] = [
    (MLP(2, [1]), of_classes(0, 1), "binary cross entropy", "sides"),
    (MLP(2, [1]), of_classes(-1, 1), "binary cross entropy", "sides"),
    (MLP(2, [3]), of_classes(0, 1, 2), "cross entropy", "classes"),
    (Sequential(Linear(2, 1), Sigmoid()), of_classes(0, 1), "mean squared error", "sides"),
    (Sequential(Linear(2, 1, "sigmoid")), of_classes(0, 1), "mean squared error", "sides"),
    (Sequential(Linear(2, 2), Softmax()), of_classes(0, 1), "mean squared error", "classes"),
    (Sequential(Linear(2, 2), LogSoftmax()), of_classes(0, 1), "negative log likelihood",
     "classes"),
    (MLP(2, [1]), FRACTIONS, "mean squared error", "numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "data", "loss", "kind"), READINGS)
def test_the_loss_fits_the_answers_and_the_end_of_the_model(
    model: Any, data: Any, loss: str, kind: str
) -> None:
    found = data_of(viz.playground(model, data))
    assert found["loss"] == loss
    assert found["reading"]["kind"] == kind


def test_answers_and_targets_of_two_sides() -> None:
    data = data_of(viz.playground(MLP(2, [1]), of_classes(-1, 1)))
    assert data["training"]["answers"] == [-1, 1, -1, 1, -1, 1]
    assert data["training"]["targets"] == [0, 1, 0, 1, 0, 1]
    assert data["classes"] == ["-1", "1"]
    data = data_of(viz.playground(MLP(2, [1]), of_classes(0, 1), loss="mse"))
    assert data["reading"] == {"kind": "sides", "middle": 0.5, "scale": 0.5, "are_scores": False}


def test_a_loss_of_ones_own() -> None:
    def cubed(outputs: Any, target: Any) -> Any:
        return (outputs[0] - target[0]) ** 4

    data = data_of(viz.playground(named_bump(), FRACTIONS, loss=cubed))
    assert data["loss"] == "cubed"
    assert data["training"]["targets"] == FRACTIONS[1]


class Unfit(Module):
    def __call__(self, inputs: Any) -> Any:
        return [2.0 * inputs[0]]


WRONG: list[tuple[Any, Any, dict[str, Any], type[Exception], str]] = [
    (3, POINTS, {}, TypeError, "expected a model, such as .* got int; a function"),
    (MLP(3, [1]), POINTS, {}, ValueError, "takes a list of two inputs, got MLP"),
    (Sequential(Linear(2, 1), Dropout()), POINTS, {}, ValueError, "Dropout; leave it out"),
    (Unfit(), POINTS, {}, ValueError, "expected a model with parameters"),
    (MLP(2, [1]), 5, {}, TypeError, r"data: expected a toy set .* got int; .* \(X, y\)"),
    (MLP(2, [1]), ([[0.0, 1.0, 2.0]], [0]), {}, ValueError, r"data, the points: expected numbers"),
    (MLP(2, [1]), ([[0.0, 1.0]], [0, 1]), {}, ValueError, "data, the answers: expected"),
    (MLP(2, [1]), of_classes(0, 1, 2), {}, ValueError, "classes 0 and 1, or -1 and 1, for one"),
    (MLP(2, [2]), of_classes(0, 1, 2), {}, ValueError, "classes from 0 to 1 for 2 outputs"),
    (MLP(2, [2]), FRACTIONS, {}, ValueError, "one output for answers that are numbers, got 2"),
    (MLP(2, [1]), POINTS, {"loss": "mine"}, ValueError, "one of cross_entropy, .* got 'mine'"),
    (MLP(2, [1]), POINTS, {"loss": 3}, TypeError, "expected a loss function .* got int"),
    (MLP(2, [1]), POINTS, {"loss": "hinge"}, ValueError, "an output for each class with hinge"),
    (MLP(2, [1]), POINTS, {"learning_rate": 0}, ValueError, "learning_rate: expected a positive"),
    (MLP(2, [1]), POINTS, {"batch_size": 2.5}, ValueError, "batch_size: expected a whole number"),
    (MLP(2, [1]), POINTS, {"batch_size": "8"}, TypeError, "batch_size: expected a number, got str"),
    (MLP(2, [1]), POINTS, {"validation": 5}, TypeError, "validation: expected a toy set"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "data", "options", "kind", "sentence"), WRONG)
def test_what_does_not_fit_says_so_in_one_sentence(
    model: Any, data: Any, options: dict[str, Any], kind: type[Exception], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence) as raised:
        viz.playground(model, data, **options)
    assert "\n" not in str(raised.value)


# ------------------------------------------------------------------------------ the same in Python


def random_numbers(seed: int) -> Iterator[float]:
    """Mulberry32."""
    state = seed
    while True:
        state = (state + 0x6D2B79F5) % 2**32
        mixed = (state ^ state >> 15) * (1 | state) % 2**32
        mixed ^= (mixed + (mixed ^ mixed >> 7) * (61 | mixed)) % 2**32
        yield (mixed ^ mixed >> 14) / 2**32


def shuffled(count: int, random: Iterator[float]) -> list[int]:
    order = list(range(count))
    for i in reversed(range(1, count)):
        j = int(next(random) * (i + 1))
        order[i], order[j] = order[j], order[i]
    return order


def trained_in_python(
    model: MLP, points: Points, rates: list[float], batch: int, seed: int
) -> Array:
    """The parameters after as many steps as there are learning rates."""

    def loss(point: Any, target: Any) -> Any:
        return binary_cross_entropy(model(list(point)), list(target))

    compiled = compile(loss, batched=["point", "target"])
    targets = points.labels[:, None].astype(float)
    compiled.specialize(points.points, targets)
    numbers = np.array([value.data for value in compiled.captured])
    random = random_numbers(3 * seed)
    batches: list[NDArray[np.int64]] = []
    for rate in rates:
        if not batches:
            order = np.array(shuffled(len(points), random))
            batches = np.array_split(order, math.ceil(len(points) / batch))
        at = batches.pop(0)
        _, gradient = compiled.captured_gradient(numbers, points.points[at], targets[at])
        numbers = numbers - rate * gradient / len(at)
    place = dict(zip(compiled.captured, numbers.tolist(), strict=True))
    return np.array([place[value] for value in model.parameters()])


def by_node(folder: Path, page: Playground, script: str) -> Any:
    """What a script prints that has the page's programs and its training, and no page."""
    require("js")
    data, page_script = read(page.html).scripts
    training = compact(packaged("viz.playground", "training.js"))
    programs, found, _ = page_script.partition(training)
    assert found
    path = folder / "training.js"
    path.write_text("\n".join([programs, training, f"const model = {data};", script]))
    done = subprocess.run(["node", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


TRAIN = """
const trainer = new Trainer(model, lossProgram, %s);
for (let i = 0; i < 50; i++) trainer.step();
const { parameters, history } = trainer;
console.log(JSON.stringify([Array.from(parameters), trainer.losses(), history.rows]));
"""


@pytest.mark.parametrize(("batch", "seed"), [(16, 0), (7, 0), (100, 0), (1, 0)])
def test_fifty_steps_give_the_numbers_of_python(tmp_path: Path, batch: int, seed: int) -> None:
    model, points = small_network(), moons(45)
    settings = {"rates": [[0, 0.3], [20, 0.1]], "batch": batch, "noise": 0, "seed": seed}
    page = viz.playground(model, points)
    numbers, losses, rows = by_node(tmp_path, page, TRAIN % json.dumps(settings))
    expected = trained_in_python(model, points, [0.3] * 20 + [0.1] * 30, batch, seed)
    np.testing.assert_allclose(numbers, expected, rtol=0, atol=1e-12)
    assert np.abs(expected - [value.data for value in model.parameters()]).max() > 0.1
    for value, number in zip(model.parameters(), numbers, strict=True):
        value.data = number
    pairs = zip(points.points.tolist(), points.labels.tolist(), strict=True)
    mean = np.mean([binary_cross_entropy(model(point), [label]).data for point, label in pairs])
    assert losses[0] == pytest.approx(mean, abs=1e-12)
    assert [row[0] for row in rows] == list(range(51))


def test_an_order_is_that_of_python(tmp_path: Path) -> None:
    page = viz.playground(small_network(), POINTS)
    script = "console.log(JSON.stringify(Array.from(shuffled(30, streams.order(5)))));"
    assert by_node(tmp_path, page, script) == shuffled(30, random_numbers(15))


def test_seeds_and_noise(tmp_path: Path) -> None:
    page = viz.playground(small_network(), POINTS)
    script = """
    const usual = { rates: [[0, 0.1]], batch: 8, noise: 0, seed: 0 };
    const made = (settings) => {
      const trainer = new Trainer(model, lossProgram, { ...usual, ...settings });
      return [Array.from(trainer.parameters), Array.from(trainer.training.points)];
    };
    const changes = [{}, { seed: 3 }, { seed: 3 }, { seed: 4 }, { noise: 0.2 }];
    console.log(JSON.stringify(changes.map(made)));
    """
    own, three, again, four, noisy = by_node(tmp_path, page, script)
    assert own[0] == [value.data for value in small_network().parameters()]
    np.testing.assert_array_equal(own[1], POINTS.points.ravel())
    assert three == again
    assert three[0] != four[0]
    assert noisy[0] == own[0]
    moved = np.subtract(noisy[1], own[1])
    half = np.ptp(POINTS.points, axis=0).max() / 2
    assert 0.7 < moved.std() / (0.2 * half) < 1.3


def test_losses_are_remembered_at_even_distances(tmp_path: Path) -> None:
    page = viz.playground(small_network(), POINTS)
    script = """
    const kept = new LossHistory(10);
    for (let step = 0; step < 100; step++) if (kept.isDue(step)) kept.add(step, 0, 0);
    console.log(JSON.stringify(kept.rows.map(([step]) => step)));
    """
    assert by_node(tmp_path, page, script) == list(range(0, 100, 16))


# --------------------------------------------------------------------------- in a real browser


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """A function that opens a playground offline; what the console says fails the test."""
    said: list[str] = []
    contexts = []

    def opened(
        playground: Playground,
        address: str = "",
        width: int = 1280,
        height: int = 800,
        **options: Any,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, offline=True, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(playground.save(tmp_path / "page.html").as_uri() + address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


def steps(page: Page) -> int:
    return int(page.locator("body").get_attribute("data-step") or -1)


def wait_for(page: Page, step: int) -> None:
    page.locator(f'body[data-step="{step}"]').wait_for()


def loss(page: Page) -> str:
    return page.locator("#loss").inner_text()


def address(page: Page) -> str:
    return page.url.partition("#")[2]


def seen(page: Page, part: str = "#plane-box") -> NDArray[np.int16]:
    """The pixels of a part of the page."""
    page.evaluate("() => new Promise(requestAnimationFrame)")
    return np.array(Image.open(io.BytesIO(page.locator(part).screenshot())), np.int16)


def look_alike(one: NDArray[np.int16], other: NDArray[np.int16]) -> bool:
    """Whether pictures are the same, but for edges that a browser draws in one way or another."""
    return one.shape == other.shape and float(np.abs(one - other).mean()) < 0.3


def played(page: Page, least: int) -> int:
    """The steps after playing until there are so many, and pausing."""
    page.get_by_role("button", name="Play").click()
    page.wait_for_selector("body.playing")
    while steps(page) < least:
        page.locator("#step-count").evaluate("() => new Promise(requestAnimationFrame)")
    page.get_by_role("button", name="Pause").click()
    page.wait_for_selector("body:not(.playing)")
    page.locator("body").evaluate("() => new Promise(requestAnimationFrame)")
    return steps(page)


def small_page(**options: Any) -> Playground:
    return viz.playground(small_network(), POINTS, **options)


@pytest.mark.browser
def test_it_begins_paused_and_plays_and_pauses(open_page: Open) -> None:
    page = open_page(small_page())
    wait_for(page, 0)
    before = loss(page)
    reached = played(page, 20)
    assert reached >= 20
    assert float(loss(page)) < float(before)
    assert address(page) == f"rate=0.1&batch=32&noise=0&seed=0&steps={reached}"
    assert f"{reached} steps: loss" in page.locator("#spoken").inner_text()


@pytest.mark.browser
def test_steps_and_reset(open_page: Open) -> None:
    page = open_page(small_page())
    wait_for(page, 0)
    first, picture = loss(page), seen(page)
    for step in (1, 2, 3):
        page.get_by_role("button", name="One step").click()
        wait_for(page, step)
    assert loss(page) != first
    assert not look_alike(seen(page), picture)
    assert page.locator("#step-count").inner_text() == "3 steps"
    assert page.locator("#epoch-count").inner_text() == "1 epoch"
    page.get_by_role("button", name="Reset").click()
    wait_for(page, 0)
    assert loss(page) == first
    assert look_alike(seen(page), picture)
    assert address(page).endswith("steps=0")


@pytest.mark.browser
def test_an_address_shows_the_same_again(open_page: Open) -> None:
    wanted = "rate=0.3&batch=16&noise=0.1&seed=2&steps=120"
    page = open_page(small_page(), f"#{wanted}")
    wait_for(page, 120)
    assert address(page) == wanted
    assert page.locator("#rate-text").inner_text() == "0.3"
    assert page.locator("#batch-text").inner_text() == "16"
    assert page.locator("#noise-text").inner_text() == "0.1"
    assert page.locator("#seed").input_value() == "2"
    pictures = [seen(page, part) for part in ("#plane-box", "#curve")]
    page.goto("about:blank")
    again = open_page(small_page(), f"#{wanted}")
    wait_for(again, 120)
    for part, picture in zip(("#plane-box", "#curve"), pictures, strict=True):
        assert look_alike(seen(again, part), picture)


@pytest.mark.browser
def test_a_rate_that_changed_while_it_learned_is_in_the_address(open_page: Open) -> None:
    page = open_page(small_page(), "#steps=30")
    wait_for(page, 30)
    page.locator("#rate").press("ArrowRight")
    assert address(page) == "rate=0.1,30:0.3&batch=32&noise=0&seed=0&steps=30"
    page.get_by_role("button", name="One step").click()
    wait_for(page, 31)
    there, loss_there = address(page), loss(page)
    again = open_page(small_page(), f"#{there}")
    wait_for(again, 31)
    assert loss(again) == loss_there
    other = open_page(small_page(), "#steps=31")
    wait_for(other, 31)
    assert loss(other) != loss_there


@pytest.mark.browser
@pytest.mark.parametrize(
    "wrong",
    ["#rate=-1&batch=x&noise=NaN&seed=1e99x&steps=", "#rate=5:1", "#<script>", "#rate=1,a:2"],
)
def test_a_wrong_address_is_as_the_page_begins(open_page: Open, wrong: str) -> None:
    page = open_page(small_page(), wrong)
    wait_for(page, 0)
    assert address(page) == "rate=0.1&batch=32&noise=0&seed=0&steps=0"


@pytest.mark.browser
def test_sliders_say_their_number_and_start_anew(open_page: Open) -> None:
    page = open_page(small_page(), "#steps=5")
    wait_for(page, 5)
    points = seen(page)
    page.get_by_label("Noise").press("End")
    wait_for(page, 0)
    assert page.get_by_label("Noise").get_attribute("aria-valuetext") == "0.5"
    assert not look_alike(seen(page), points)
    page.get_by_label("Batch size").press("Home")
    assert address(page) == "rate=0.1&batch=1&noise=0.5&seed=0&steps=0"


@pytest.mark.browser
def test_new_weights(open_page: Open) -> None:
    page = open_page(small_page())
    wait_for(page, 0)
    own = seen(page)
    page.get_by_role("button", name="New weights").click()
    page.locator("#own").wait_for(state="hidden")
    assert page.locator("#seed").input_value() == "1"
    assert not look_alike(seen(page), own)
    page.locator("#seed").fill("0")
    page.locator("#seed").press("Enter")
    page.locator("#own").wait_for()
    assert look_alike(seen(page), own)


@pytest.mark.browser
def test_a_unit_that_is_pointed_at_is_seen_on_the_plane(open_page: Open) -> None:
    page = open_page(small_page())
    wait_for(page, 0)
    whole = seen(page)
    page.locator('[data-unit="1"]').hover()
    page.locator(".unit.shown").wait_for()
    page.locator("body").evaluate("() => new Promise(requestAnimationFrame)")
    assert page.locator("#what").inner_text() == "Output of layer 1, unit 2"
    neuron = small_network().layers[0].neurons[1]
    weights = ", ".join(f"{weight.data:.2f}".replace("-", "−") for weight in neuron.weights)
    assert page.locator("#unit-numbers").inner_text() == f"bias 0.00, weights {weights}"
    assert not look_alike(seen(page), whole)
    page.mouse.move(2, 2)
    page.locator("body").evaluate("() => new Promise(requestAnimationFrame)")
    assert page.locator("#what").inner_text() == "Output of the model"
    assert look_alike(seen(page), whole)
    assert page.locator("#network line").count() == 2 * 4 + 4 * 3 + 3


@pytest.mark.browser
def test_lines_are_as_wide_as_weights_are_large_and_coloured_by_their_sign(open_page: Open) -> None:
    model = MLP(2, [2, 1], seed=0)
    for value, number in zip(model.parameters()[:4], (3.0, -1.0, 0.0, 0.5), strict=False):
        value.data = number
    by_value = {id(value): value.data for value in model.parameters()}
    weights = [by_value[id(w)] for layer in model.layers for n in layer.neurons for w in n.weights]
    page = open_page(viz.playground(model, POINTS))
    wait_for(page, 0)
    lines = page.locator("#network line").all()
    found = [
        (float(line.evaluate("(line) => line.style.strokeWidth")), line.get_attribute("class"))
        for line in lines
    ]
    for (width, sign), weight in zip(found, weights, strict=True):
        assert sign == ("negative" if weight < 0 else "positive")
        assert width == pytest.approx(0.4 + 6.6 * math.tanh(abs(weight) / 2.5), abs=0.006)


@pytest.mark.browser
def test_the_keyboard_is_enough(open_page: Open) -> None:
    page = open_page(small_page())
    wait_for(page, 0)
    page.keyboard.press("ArrowRight")
    wait_for(page, 1)
    page.keyboard.press("Space")
    page.wait_for_selector("body.playing")
    page.keyboard.press("Space")
    page.wait_for_selector("body:not(.playing)")
    page.keyboard.press("Home")
    wait_for(page, 0)
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.count():
            reached.add(focused.get_attribute("id") or focused.get_attribute("data-unit"))
    controls = {"copy", "rate", "batch", "noise", "seed", "new", "reset", "play", "step", "speed"}
    assert reached >= controls | {str(unit) for unit in range(8)}
    page.locator('[data-unit="0"]').focus()
    page.locator(".unit.shown").wait_for()
    page.keyboard.press("Escape")
    page.locator(".unit.shown").wait_for(state="detached")


@pytest.mark.browser
def test_every_control_has_a_name(open_page: Open) -> None:
    page = open_page(small_page(validation=moons(10, seed=1)))
    wait_for(page, 0)
    for control in page.locator("button, input, select").all():
        if control.is_visible():
            named = control.evaluate(
                "(c) => c.ariaLabel || c.labels?.[0]?.textContent || c.textContent.trim()"
            )
            assert named


@pytest.mark.browser
def test_the_link_is_copied(open_page: Open) -> None:
    page = open_page(small_page(), "#steps=3", permissions=["clipboard-read", "clipboard-write"])
    wait_for(page, 3)
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("Copied").wait_for()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied == page.url
    assert copied.endswith("#rate=0.1&batch=32&noise=0&seed=0&steps=3")


@pytest.mark.browser
def test_a_rate_that_is_too_large_is_told(open_page: Open) -> None:
    data = ([[0.0, 1.0], [1.0, 0.5], [2.0, 3.0]], [0.25, 1.5, -2.0])
    page = open_page(viz.playground(MLP(2, [1], seed=0), data, learning_rate=10.0), "#steps=5000")
    page.get_by_role("alert").filter(has_text="The numbers became infinite").wait_for()
    assert 10 < steps(page) < 5000


@pytest.mark.browser
def test_another_model_has_its_parameters_as_bars(open_page: Open) -> None:
    page = open_page(viz.playground(named_bump(), POINTS), "#steps=10")
    wait_for(page, 10)
    assert page.locator("#network").is_hidden()
    assert page.locator("#bars .name").all_inner_texts() == ["width", "height"]
    assert page.locator("#bars .number").last.inner_text() != "2.000"


@pytest.mark.browser
def test_three_classes_and_a_regression(open_page: Open) -> None:
    page = open_page(viz.playground(MLP(2, [5, 3]), of_classes(0, 1, 2)), "#steps=10")
    wait_for(page, 10)
    assert page.locator("#low").inner_text() == "others"
    assert page.locator("#high").inner_text() == "class 2"
    points = seen(page)
    page.get_by_role("button", name="Show output 1").focus()
    page.locator(".unit.shown").wait_for()
    assert not look_alike(seen(page), points)
    page = open_page(viz.playground(MLP(2, [5, 1]), FRACTIONS), "#steps=10")
    wait_for(page, 10)
    assert page.locator("#low").inner_text() == "−2"
    assert page.locator("#high").inner_text() == "1.5"
    assert page.locator("#right").is_hidden()


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 1024, 390, 320])
def test_nothing_is_wider_than_the_window(open_page: Open, width: int) -> None:
    page = open_page(small_page(validation=moons(10, seed=1)), width=width)
    wait_for(page, 0)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


@pytest.mark.browser
def test_it_works_within_a_frame_of_a_notebook(browser: Browser) -> None:
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_content(small_page()._repr_mimebundle_()["text/html"])
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name="One step").click()
    frame.locator('body[data-step="1"]').wait_for()
    assert frame.locator("#copy").is_hidden()
    page.close()
    assert said == []
