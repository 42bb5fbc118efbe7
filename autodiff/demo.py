"""The demo: three worked examples, then a network that learns to read digits, in pictures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from autodiff.data import load_subset
from autodiff.digits import Reader, learn_to_read
from autodiff.functions import dot, logsumexp
from autodiff.graph import Graph
from autodiff.nn import MLP, Linear, cross_entropy
from autodiff.optim import SGD
from autodiff.report import table
from autodiff.training import outputs, predict
from autodiff.training.engines import EagerEngine
from autodiff.value import Value
from autodiff.worked_examples import (
    Example,
    grouped_sigmoid_neuron,
    product_of_sum,
    sigmoid_neuron,
)

if TYPE_CHECKING:
    from viz import Picture
    from viz.plots import Plot


def run(folder: Path, *, images: int | None = None, epochs: int = 15, seed: int = 0) -> None:
    """Do everything, and save the pictures in a folder, which is made if it is not there."""
    started = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    gallery = _Gallery(folder)
    product = "1. f = (x + y) · z, with q = x + y"
    _show(gallery, product, product_of_sum(), "product", ["forward", "backward", "both"])
    neuron = "2. a sigmoid neuron, f = 1 / (1 + exp(-(w0·x0 + w1·x1 + w2)))"
    _show(gallery, neuron, sigmoid_neuron(), "neuron", ["forward", "backward", "both"])
    grouped = "3. the same neuron, its last four gates grouped into one"
    _show(gallery, grouped, grouped_sigmoid_neuron(), "neuron-grouped", ["both"])

    print("\n4. a network that learns to read handwritten digits")
    reader = learn_to_read(load_subset(), images=images, epochs=epochs, seed=seed)
    _compare_with_eager(reader)
    _show_reader(gallery, reader)

    seconds = time.perf_counter() - started
    print(f"\n{len(gallery.saved)} pictures in {folder.resolve()} ({seconds:.0f} s):")
    print("\n".join(f"  {path.name}" for path in gallery.saved))
    for reason in gallery.missing:
        print(f"note: {reason}")


class _Gallery:
    """The folder of pictures; what cannot be rendered here is kept as DOT text, with the reason."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.saved: list[Path] = []
        self.missing: dict[str, None] = {}

    def add(self, picture: Picture, name: str) -> None:
        from viz import RendererNotFoundError

        try:
            self.saved.append(picture.save(self.folder / f"{name}.svg"))
        except RendererNotFoundError as error:
            self.saved.append(picture.save(self.folder / f"{name}.dot"))
            self.missing[str(error)] = None


def _show(gallery: _Gallery, title: str, example: Example, name: str, views: list[str]) -> None:
    from autodiff import viz

    result = example["f"]
    print(f"\n{title}\n{table(Graph(result), example.values())}")
    for view in views:
        suffix = "" if view == "both" else f"-{view}"
        gallery.add(viz.draw(result, view), name + suffix)


def _compare_with_eager(reader: Reader, images: int = 32) -> None:
    """The speed of training, beside a step of the eager engine on an equal network."""
    model = MLP(reader.validation.images.shape[1], [len(n.neurons) for n in _layers(reader)])
    batch = reader.validation.take(np.arange(min(images, len(reader.validation))))
    engine = EagerEngine(model, cross_entropy, SGD(model.parameters()))
    started = time.perf_counter()
    engine.step(batch)
    eager = len(batch) / (time.perf_counter() - started)
    compiled = reader.images_per_second
    print(
        f"compiled: {compiled:,.0f} images per second, validation included; "
        f"eager, measured on {len(batch)} of them: {eager:,.0f}; "
        f"{compiled / eager:,.0f} times as fast"
    )


def _show_reader(gallery: _Gallery, reader: Reader) -> None:
    from autodiff import viz

    validation = reader.validation
    try:
        for name, plot in _plots(reader):
            gallery.saved.append(plot.save(gallery.folder / f"{name}.png"))
    except ImportError as error:
        gallery.missing[str(error)] = None
    assert isinstance(reader.model, MLP)
    i = most_undecided(reader.model, validation.images, validation.labels)
    loss = one_output_neuron(reader.model, validation.images[i].tolist(), int(validation.labels[i]))
    gallery.add(viz.draw(loss), "trained-neuron")


def _plots(reader: Reader, shown: int = 40) -> Iterator[tuple[str, Plot]]:
    """Draw the curves of training, and the results."""
    from viz import plots

    images, labels = reader.validation.images, reader.validation.labels
    predicted = predict(reader.model, images)
    first_layer = [[weight.data for weight in n.weights] for n in _layers(reader)[0].neurons]
    if reader.history.epochs:
        yield "training", plots.training_curves(reader.history)
    yield "predictions", plots.prediction_grid(images[:shown], labels[:shown], predicted[:shown])
    yield "confusion", plots.confusion_matrix(labels, predicted)
    yield "weights", plots.weight_images(first_layer)


def _layers(reader: Reader) -> list[Linear]:
    assert isinstance(reader.model, MLP)
    return reader.model.layers


def most_undecided(model: MLP, images: NDArray[np.float64], labels: NDArray[np.int64]) -> int:
    """Return the place of the image whose class has a probability nearest to 1/2.

    Its loss is about log 2, and its gradients can be seen; where a model is sure, they vanish.
    """
    logits = outputs(model, images)
    own = logits[np.arange(len(labels)), labels]
    others = np.where(np.arange(logits.shape[1]) == labels[:, None], -np.inf, logits)
    return int(np.abs(own - np.logaddexp.reduce(others, axis=1)).argmin())


def one_output_neuron(model: MLP, image: list[float], label: int, strongest: int = 4) -> Value:
    """The loss of one image as seen by the output neuron of its class, small enough to draw.

    The neuron's strongest connections are drawn; its other connections are added up into one leaf,
    and so are the other neurons' logits. Value and gradients are the whole network's.
    """
    signal: list[Value] = [Value(pixel) for pixel in image]
    for layer in model.layers[:-1]:
        signal = layer(signal)
    inputs = [value.data for value in signal]
    logits = [value.data for value in model.layers[-1](signal)]

    neuron = model.layers[-1].neurons[label]
    weights = [weight.data for weight in neuron.weights]
    products = np.multiply(weights, inputs)
    order = np.argsort(-np.abs(products), kind="stable")
    kept, rest = order[:strongest], order[strongest:]
    remainder = float(products[rest].sum()) + neuron.bias.data
    logit = dot(
        [Value(weights[i], f"w{i}") for i in kept],
        [Value(inputs[i], f"h{i}") for i in kept],
        Value(remainder, f"b + {len(rest)} others"),
    )
    logit.name = f"logit of {label}"
    others = Value(logsumexp(logits[:label] + logits[label + 1 :]), "other logits")
    loss: Value = logsumexp([logit, others]) - logit
    loss.name = "loss"
    return loss
