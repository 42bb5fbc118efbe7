"""The accuracy of the preset ``best`` on digits that it has not seen, and its choice.

Five-fold cross-validation on the 5,000 packaged images alone: each fold is read by a network that
was trained on the four others.
"""

from __future__ import annotations

import dataclasses
import math
import sys
import time

import numpy as np

from autodiff import nn
from autodiff.data import Augmentation, Dataset, load_mnist, load_subset
from autodiff.digits.presets import PRESETS, Preset
from autodiff.nn import files
from autodiff.training import evaluate, fit

FOLDS = 5
BEST = PRESETS["best"]
CANDIDATES: dict[str, Preset] = {
    "best": BEST,
    "as best, elastic 34": dataclasses.replace(BEST, augmentation=Augmentation(elastic=34.0)),
    "as best, no augmentation": dataclasses.replace(BEST, augmentation=None),
    "as best, 800-800": dataclasses.replace(
        BEST, model=lambda seed: nn.MLP(784, [800, 800, 10], seed=seed)
    ),
    "as best, with dropout of 0.2": dataclasses.replace(
        BEST,
        model=lambda seed: nn.Sequential(
            nn.Linear(784, 512, "relu", seed=seed), nn.Dropout(0.2),
            nn.Linear(512, 256, "relu", seed=seed + 1), nn.Dropout(0.2),
            nn.Linear(256, 10, seed=seed + 2),
        ),
    ),
}  # fmt: skip


def main(arguments: list[str]) -> int:
    """``best`` on all folds; with ``choose`` every candidate, on the first two.

    With ``unseen M.npz FOLDER``, a saved model on the images of a folder that are not packaged.
    """
    if arguments[:1] == ["unseen"]:
        print(unseen(*arguments[1:]))
        return 0
    names, folds = (list(CANDIDATES), 2) if arguments == ["choose"] else (["best"], FOLDS)
    print(f"{'network':<32}{'right':>8}  on each fold")
    for name in names:
        started = time.perf_counter()
        shares = [accuracy(CANDIDATES[name], fold) for fold in range(folds)]
        seconds = (time.perf_counter() - started) / folds
        each = " ".join(f"{100 * share:.1f}" for share in shares)
        print(f"{name:<32}{100 * np.mean(shares):7.2f}%  {each}  ({seconds:.0f} s a fold)")
        sys.stdout.flush()
    return 0


def accuracy(preset: Preset, fold: int) -> float:
    """On one fold, after training on the others."""
    training, aside = divided(load_subset(), fold)
    model = preset.model(fold)
    steps = preset.epochs * math.ceil(len(training) / preset.batch_size)
    optimizer = preset.optimizer(model.parameters(), steps)
    fit(model, training, epochs=preset.epochs, batch_size=preset.batch_size, optimizer=optimizer,
        augment=preset.augmentation, seed=fold, progress=False)  # fmt: skip
    return evaluate(model, aside)[1]


def unseen(model: str, folder: str) -> str:
    """Measure a saved model on the training images in a folder that are not packaged."""
    packaged = {image.tobytes() for image in as_bytes(load_subset())}
    dataset = load_mnist(folder)
    new = [i for i, image in enumerate(as_bytes(dataset)) if image.tobytes() not in packaged]
    share = evaluate(files.load(model), dataset.take(np.array(new)))[1]
    return f"{len(new):,} images that are not packaged: {100 * share:.1f} % right"


def as_bytes(dataset: Dataset) -> np.ndarray:
    return np.round(dataset.images * 255).astype(np.uint8)


def divided(dataset: Dataset, fold: int) -> tuple[Dataset, Dataset]:
    """Four fifths and one, by an order drawn once; the fifths hold equally many of every digit."""
    generator = np.random.default_rng(0)
    place = np.empty(len(dataset), int)
    for label in range(10):
        members = np.flatnonzero(dataset.labels == label)
        place[generator.permutation(members)] = np.arange(len(members)) % FOLDS
    return dataset.take(np.flatnonzero(place != fold)), dataset.take(np.flatnonzero(place == fold))
