"""Draw the gallery, docs/gallery/: every view, theme and way to fold, and its index page.

Run with ``make gallery``. The pictures of the README are among these.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

import viz
from autodiff import Graph, Value, compile, dot, exp, gate, logsumexp, relu, scope, worked_examples
from autodiff.nn import MLP, cross_entropy
from docs import floors
from viz.files import save

FOLDER = Path(__file__).parent / "gallery"


class Entry(NamedTuple):
    """A picture in the light and the dark theme, with what it shows."""

    name: str
    text: str
    light: viz.Picture
    dark: viz.Picture


def entry(name: str, text: str, value: object, view: str | None = None, **options: object) -> Entry:
    """The same picture in two themes."""
    light, dark = (viz.draw(value, view, theme=theme, **options) for theme in ("light", "dark"))  # type: ignore[arg-type]
    return Entry(name, text, light, dark)


def worked() -> Iterator[tuple[str, list[Entry]]]:
    """The lectures' worked examples 1 to 8, in every view, with their paths."""
    for number, title, example, result, start, parameters in (
        (1, "f = (x + y) · z", worked_examples.product_of_sum(), "f", "x", ""),
        (2, "A sigmoid neuron, gate by gate", worked_examples.sigmoid_neuron(), "f", "x0", "w"),
        (3, "Its last gates grouped into one: σ", worked_examples.grouped_sigmoid_neuron(),
         "f", "x0", "w"),
        (4, "Patterns: add hands on, multiply swaps, max routes", worked_examples.patterns(),
         "f", "x", ""),
        (5, "The product rule: both paths count", worked_examples.product_rule(), "h", "x", ""),
        (6, "Two layers: ∂p/∂x1 is the sum over four paths", worked_examples.two_layers(depth=2),
         "p", "x1", ""),
        (7, "One neuron and its loss", worked_examples.one_neuron(), "L", "α", "αβ"),
        (8, "Mazur's 2-2-2 network", worked_examples.mazur_network(), "E", "w1", "w"),
    ):  # fmt: skip
        output = example[result]
        trained = [v for name, v in example.items() if parameters and name[0] in parameters]
        graph = Graph(output)
        texts = {
            "both": "values above the wires, gradients below",
            "forward": "values",
            "backward": "local derivative × upstream gradient, and what arrives",
            "derivatives": "on every edge ∂head/∂tail, with its formula",
        }
        entries = [
            entry(f"{number}-{view}", texts[view], graph, view, parameters=trained,
                  formulas=view == "derivatives")
            for view in texts
        ]  # fmt: skip
        ends = (example[start], output)
        words = f"the paths from {start} to {result}"
        entries.append(entry(f"{number}-paths", words, graph, paths=ends, parameters=trained))
        yield f"{number}. {title}", entries


@gate("σ")
def logistic(x: Value) -> Value:
    """A gate that pictures can open."""
    return 1 / (1 + exp(-x))


def styles() -> list[Entry]:
    """Options of one small graph."""
    neuron = worked_examples.sigmoid_neuron()["f"]
    w, x = Value(2.0, "w"), Value(-1.0, "x")
    s = w * x
    s.name = "s"
    y = logistic(s)
    y.name = "y"
    unit = dot([w, Value(0.5, "v")], [x, Value(3.0, "u")], Value(1.0, "b")).tanh()
    printed = viz.draw(neuron, theme="print", magnitudes=True)
    return [
        entry("magnitudes", "`magnitudes=True`: hue and dashes for the sign of a gradient, width "
              "for its size", neuron, magnitudes=True),
        entry("down", '`direction="down"`: value left of the wire, gradient right', y,
              direction="down", parameters=[w], open=True),
        entry("dot", "A dot product is one gate, each weight beside its input", unit),
        entry("dot-open", '`open="w·x + b"`: its products, and their sum', unit, open="w·x + b"),
        entry("gate-closed", '`@gate("σ")`: a function as one gate, with the derivative of all '
              "that is inside", y, parameters=[w]),
        entry("gate-open", "`open=True`: what is inside", y, parameters=[w], open=True),
        Entry("print", '`theme="print"`: black ink on white paper', printed, printed),
    ]  # fmt: skip


def networks() -> list[Entry]:
    """Networks: unfolded, folded, compiled, and one of 1.4 million nodes."""
    small = MLP(2, [3, 2])
    loss = cross_entropy(small([Value(0.5, "x0"), Value(-1.0, "x1")]), 1)
    loss.name = "loss"
    generator = np.random.default_rng(0)
    reader = MLP(784, [40, 40, 10])
    pixels = [Value(pixel, f"x{i}") for i, pixel in enumerate(generator.random(784))]
    digits = cross_entropy(reader(pixels), 3)
    digits.name = "loss"
    compiled = compile(lambda x, t: cross_entropy(reader(x), t), batched=("x", "t"))
    compiled(generator.random((32, 784)), np.eye(10)[np.arange(32) % 10])
    million = large_network(generator)
    layer = compile(three_neurons, batched="inputs")
    layer(generator.random((3, 2)), generator.random((5, 2)))
    size = f"784-512-128-64-10: {len(million):,} nodes"
    return [
        entry("mlp", "A 2-3-2 network: scopes are frames, parameters are square", loss),
        entry("mlp-network", '`view="network"`: neurons in columns; compare the widths of the '
              "lines with the weights above", small([0.5, -1.0]), "network"),
        entry("mlp-neurons", '`fold="layer*/neuron*"`: each neuron one gate', loss,
              fold="layer*/neuron*"),
        entry("mlp-identical", '`fold="identical"`: neurons that are alike as a stack', loss,
              fold="identical"),
        entry("mlp-scopes", '`fold="scopes"`: a layer is a box', loss, fold="scopes"),
        entry("digits", "784-40-40-10 on one image: too large, so that neurons fold by themselves",
              digits),
        entry("digits-layers", '`fold="layers"`: the same operation at the same depth', digits,
              fold="layers"),
        entry("compiled", "The same network compiled: the matrix operations it became", compiled),
        entry("layer-compiled", "Three neurons of two inputs, compiled: 23 scalars, two operations",
              layer),
        entry("million", size, million),
        entry("million-down", f'{size}, `direction="down"`: for a narrow page', million,
              direction="down"),
        entry("million-layers", f'{size}, `fold="layers"`', million, fold="layers"),
    ]  # fmt: skip


def three_neurons(weights: list[list[Value]], inputs: list[Value]) -> list[Value]:
    """A layer in plain loops."""
    return [sum(w * x for w, x in zip(row, inputs, strict=True)).sigmoid() for row in weights]


def large_network(generator: np.random.Generator) -> Graph:
    """The loss of 784-512-128-64-10 on one image, every multiplication a node."""
    signal = np.array([Value(pixel) for pixel in generator.random(784)], object)
    sizes = (784, 512, 128, 64, 10)
    for i, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        with scope(f"layer{i}"):
            numbers = generator.normal(0.0, inputs**-0.5, (outputs, inputs))
            weights = np.array([[Value(w) for w in row] for row in numbers], object)
            signal = weights @ signal + np.array([Value(0.0) for _ in range(outputs)], object)
            if outputs > 10:
                signal = np.array([relu(s) for s in signal], object)
    logits = signal.tolist()
    loss: Value = logsumexp(logits) - logits[3]
    loss.name = "loss"
    return Graph(loss)


def explorer() -> viz.Explorer:
    """The page that the README and the gallery link to."""
    return viz.explore(worked_examples.sigmoid_neuron()["f"])


def main() -> None:
    """Save everything and write the page that shows it."""
    FOLDER.mkdir(exist_ok=True)
    page = [HEAD]
    sections = [*worked(), ("Options", styles()), ("Networks", networks())]
    for title, entries in sections:
        page.append(f"## {title}\n")
        page += [_shown(each) for each in entries]
    page.append(EXPLORER.format(explorer().save(FOLDER / "explorer.html").name))
    value = worked_examples.product_of_sum()["f"]
    film = viz.animate(value)
    dark = viz.animate(value, theme="dark").save(FOLDER / "backward-dark.gif")
    light = film.save(FOLDER / "backward.gif")
    page.append(ANIMATION.format(light.name, dark.name, round(film.scenes[0].width)))
    floors.main()
    text = "\n".join(page)
    print(save(FOLDER / "README.md", {"md": text.encode}))


def _shown(shown: Entry) -> str:
    names = {}
    for theme, picture in (("light", shown.light), ("dark", shown.dark)):
        if theme == "light" or picture is not shown.light:
            path = picture.save(FOLDER / f"{shown.name}-{theme}.svg")
            print(path.relative_to(FOLDER.parent))
        names[theme] = path.name
    title = shown.light.scene.title.replace('"', "'")
    return (
        f"{shown.text}\n\n<picture>\n"
        f'  <source media="(prefers-color-scheme: dark)" srcset="{names["dark"]}">\n'
        f'  <img alt="{title}" src="{names["light"]}">\n</picture>\n'
    )


HEAD = """# Gallery

Every picture here is made by `make gallery`, from [make_gallery.py](../make_gallery.py). Each is
there in a light and a dark theme; a browser shows the one that goes with its setting.
"""
EXPLORER = """## A page to step through

`viz.explore(value)` is a page of its own, which works without a network: play, or step through the
forward pass and then the backward pass; change a number, and everything follows; point at a node
to see what it depends on; click two nodes to see the paths between them. Download [{0}]({0}) and
open it in a browser.
"""
ANIMATION = """`viz.animate(value).save("backward.gif")` makes the same steps a film:

<picture>
  <source media="(prefers-color-scheme: dark)" srcset="{1}" width="{2}">
  <img alt="The forward and the backward pass of (x + y) z, step by step" src="{0}" width="{2}">
</picture>
"""


if __name__ == "__main__":
    main()
