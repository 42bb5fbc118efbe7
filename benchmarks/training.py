"""Images per second of 784-512-128-64-10, beside PyTorch: one thread, the same precision."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from autodiff.data import load_subset
from autodiff.nn import MLP, cross_entropy
from autodiff.optim import SGD
from autodiff.training.engines import CompiledEngine
from benchmarks.measure import interleaved, seconds_of

SIZES = (784, 512, 128, 64, 10)
IMAGES = 2560


def main() -> None:
    dataset = load_subset()
    print(f"{'batch':>5}{'autodiff':>10}{'PyTorch':>10}  ratio")
    for size in (32, 256):
        batches = [np.arange(start, start + size) for start in range(0, IMAGES, size)]
        work = [ours(dataset, batches), theirs(dataset, batches)]
        for each in work:
            each()  # the first round compiles
        seconds = interleaved([lambda each=each: seconds_of(each) for each in work])  # type: ignore[misc]
        rates = [IMAGES / s for s in seconds]
        print(f"{size:>5}{rates[0]:>10,.0f}{rates[1]:>10,.0f}  {rates[0] / rates[1]:.2f}")


def ours(dataset, batches) -> Callable[[], None]:  # type: ignore[no-untyped-def]
    model = MLP(SIZES[0], SIZES[1:])
    engine = CompiledEngine(model, cross_entropy, SGD(model.parameters(), 0.05))

    def run() -> None:
        for indices in batches:
            engine.step(dataset.take(indices))

    return run


def theirs(dataset, batches) -> Callable[[], None]:  # type: ignore[no-untyped-def]
    import torch

    torch.set_num_threads(1)
    layers: list[torch.nn.Module] = []
    for before, after in pairwise(SIZES):
        layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1]).double()
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    images, labels = torch.tensor(dataset.images), torch.tensor(dataset.labels)
    loss = torch.nn.CrossEntropyLoss()
    chosen = [torch.tensor(indices) for indices in batches]

    def run() -> None:
        for indices in chosen:
            optimizer.zero_grad()
            loss(model(images[indices]), labels[indices]).backward()
            optimizer.step()

    return run
