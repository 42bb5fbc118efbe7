"""Training steps of a small GPT on names, beside PyTorch: one thread, the same precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.compiler import Compiled
from autodiff.data import Dataset
from autodiff.names.learning import Surprise, split_names, symbols_per_name
from autodiff.names.models import MODELS
from autodiff.nn.batch import BATCHED
from autodiff.optim import Adam
from autodiff.training.engines import CompiledEngine
from benchmarks.measure import interleaved, seconds_of

STEPS = 20
RATE = 0.003


def main() -> None:
    training, _ = split_names(STEPS * 64)
    print(f"{'batch':>5}{'PyTorch ms':>12}{'native ms':>11}{'numpy ms':>10}  ratios")
    for size in (16, 32, 64):
        batches = [np.arange(i * size, (i + 1) * size) for i in range(STEPS)]
        work = [theirs(training, batches)]
        work += [ours(training, batches, target) for target in ("native", "numpy")]
        for each in work:
            each()  # the first round compiles
        seconds = interleaved([lambda each=each: seconds_of(each) for each in work])  # type: ignore[misc]
        other, native, numpy = (1e3 * s / STEPS for s in seconds)
        ratios = f"{native / other:.2f}  {numpy / other:.2f}"
        print(f"{size:>5}{other:>12.2f}{native:>11.2f}{numpy:>10.2f}  {ratios}")


class _Engine(CompiledEngine):
    """The engine of training, by one target."""

    target = "auto"

    def _compiled(self, function: Callable[..., Any]) -> Compiled:
        return Compiled(function, BATCHED, target=self.target)


def ours(training: Dataset, batches: Sequence[np.ndarray], target: str) -> Callable[[], None]:
    model = MODELS["gpt"].model(0)
    loss = Surprise(symbols_per_name(training))
    engine = _Engine(model, loss, Adam(model.parameters(), RATE))
    engine.target = target

    def run() -> None:
        for indices in batches:
            engine.step(training.take(indices))

    return run


def theirs(training: Dataset, batches: Sequence[np.ndarray]) -> Callable[[], None]:
    """The same network, as it is written there: a module of modules, fused attention."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(1)
    width, heads = 32, 4

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.joined = nn.Linear(width, 3 * width, bias=False)
            self.output = nn.Linear(width, width, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            count, length, _ = x.shape
            parts = self.joined(x).view(count, length, 3, heads, width // heads)
            query, key, value = parts.permute(2, 0, 3, 1, 4)
            mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
            return self.output(mixed.transpose(1, 2).reshape(count, length, width))

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.symbols, self.places = nn.Embedding(27, width), nn.Embedding(16, width)
            self.norms = nn.ModuleList([nn.RMSNorm(width, eps=1e-5) for _ in range(3)])
            self.attention = Attention()
            self.hidden = nn.Sequential(
                nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width)
            )
            self.output = nn.Linear(width, 27)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = self.symbols(x) + self.places.weight
            h = h + self.attention(self.norms[0](h))
            h = h + self.hidden(self.norms[1](h))
            return self.output(self.norms[2](h))  # type: ignore[no-any-return]

    model = Network().double()
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    inputs = torch.tensor(training.inputs, dtype=torch.int64)
    targets = torch.tensor(training.targets, dtype=torch.int64)
    chosen = [torch.tensor(indices) for indices in batches]

    def run() -> None:
        for indices in chosen:
            optimizer.zero_grad()
            logits = model(inputs[indices]).view(-1, 27)
            functional.cross_entropy(logits, targets[indices].view(-1), ignore_index=-1).backward()
            optimizer.step()

    return run
