"""The command ``autodiff names``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from autodiff.data.names import encoded
from autodiff.files import check_place
from autodiff.names.learning import (
    attention_of,
    held_out_nats,
    learn_to_spell,
    samples,
    split_names,
)
from autodiff.names.models import MODELS
from autodiff.nn import Sequential, files

Draw = Callable[[Sequential, str, Path], Path]
"""Draws the attention of a model over a name to a file; the command line knows how."""


def add_options(
    command: argparse.ArgumentParser,
    count: Callable[[str], int],
    seed: Callable[[str], int],
) -> None:
    """Say what the command understands.

    Args:
        command: to which the options are added.
        count, seed: read whole numbers from 1 and from 0 on.
    """
    described = "; ".join(f"{name}: {model.about}" for name, model in MODELS.items())
    command.add_argument(
        "--model", choices=list(MODELS), default="gpt",
        help=f"{described} (default: %(default)s)",
    )  # fmt: skip
    command.add_argument("--names", type=count, help="how many to train on (default: all others)")
    command.add_argument("--epochs", type=count, help="default: the model's own")
    command.add_argument(
        "--seed", type=seed, default=0, help="same seed, same run (default: %(default)s)"
    )
    command.add_argument(
        "--samples", type=count, default=10, help="names to make up (default: %(default)s)"
    )
    command.add_argument("--save", type=Path, metavar="M.npz", help="write the trained model there")
    command.add_argument(
        "--load", type=Path, metavar="M.npz", help="take a saved model, and train nothing"
    )
    command.add_argument(
        "--checkpoint", type=Path, metavar="RUN.npz",
        help="keep the run in this file, and go on from it if it is there",
    )  # fmt: skip
    command.add_argument(
        "--attention", metavar="NAME", help="draw which characters of a name gpt looks at"
    )
    command.add_argument(
        "-o", "--output", type=Path, default=Path("attention.svg"), metavar="FILE",
        help="where that picture goes: .svg, .png or .pdf (default: %(default)s)",
    )  # fmt: skip


def run(options: argparse.Namespace, draw: Draw) -> None:
    """Train or load a model, make up names, and say how well it spells those it has never seen."""
    _check(options)
    interrupted = False
    if options.load is not None:
        model = _loaded(options.load)
        nats = held_out_nats(model, split_names()[1])
    else:
        speller = learn_to_spell(
            options.model,
            names=options.names,
            epochs=options.epochs,
            seed=options.seed,
            checkpoint=options.checkpoint,
        )
        model, nats = speller.model, speller.nats
        interrupted = speller.history.interrupted
    if options.save is not None:
        print(f"wrote {files.save(model, options.save)}")
    if options.attention is not None:
        print(f"wrote {draw(model, options.attention, options.output)}")
    print(f"made up: {', '.join(samples(model, options.samples, options.seed))}")
    print(f"held-out: {nats:.2f} nats per character")
    if interrupted:
        raise KeyboardInterrupt  # for the exit code; what was learned is kept


def _check(options: argparse.Namespace) -> None:
    """Before anything is trained, so that nothing is lost for want of a folder."""
    for name in ("save", "output"):
        path = getattr(options, name)
        if path is not None and (name != "output" or options.attention is not None):
            check_place(path)
    if options.save is not None and options.save.suffix != ".npz":
        raise ValueError(
            f"--save: expected a file name that ends in .npz, got {options.save.name!r}"
        )
    if options.load is not None:
        for name in ("names", "epochs", "save", "checkpoint"):
            if getattr(options, name) is not None:
                raise ValueError(f"--load trains nothing; leave --{name} out")
    if options.attention is not None:
        encoded([options.attention])
        if options.load is None:
            attention_of(MODELS[options.model].model(0), options.attention)


def _loaded(path: Path) -> Sequential:
    model = files.load(path)
    try:
        is_speller = isinstance(model, Sequential) and model.output_shape((16,)) == (16, 27)
    except ValueError:
        is_speller = False
    if not is_speller:
        raise ValueError(f"{path} is no network that spells names; names --save writes one")
    assert isinstance(model, Sequential)
    return model
