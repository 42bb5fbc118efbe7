"""A network learns to spell names, is measured on others, and makes up new ones."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff.compiler import compile
from autodiff.data import Dataset
from autodiff.data.names import CONTEXT, decoded, encoded, load_names
from autodiff.functions import fsum, logsumexp, maximum, where
from autodiff.names.models import MODELS, SYMBOLS, CharacterModel
from autodiff.nn import Module, MultiheadAttention, Residual, Sequential, gather
from autodiff.optim import Adam
from autodiff.recording import no_grad
from autodiff.schedules import Cosine
from autodiff.training import evaluate, fit
from autodiff.training.checkpoints import Checkpoint
from autodiff.training.history import History
from autodiff.value import Value

HELD_OUT = 2_000
"""Names that are never trained on."""


class Speller(NamedTuple):
    """A trained network, how it came about, and how well it spells names that it has never seen.

    Attributes:
        model: the network.
        history: what was measured, epoch by epoch: nats per character.
        nats: the mean of -log p(next character) over the held-out names.
    """

    model: Sequential
    history: History
    nats: float


@dataclasses.dataclass(frozen=True)
class Surprise:
    """The loss of a name: Σ -log p(next symbol), divided by the mean number of symbols.

    Attributes:
        symbols: how many a name has in the mean, with its stop, so that the mean loss over names is
            in nats per character.
    """

    symbols: float

    def __call__(self, outputs: Sequence[Any], target: Sequence[Any]) -> Any:
        """Return the loss from all logits in a row, and the symbols that follow, or -1."""
        terms = []
        for i, symbol in enumerate(target):
            logits = outputs[i * SYMBOLS : (i + 1) * SYMBOLS]
            if isinstance(symbol, Value):
                surprise = logsumexp(logits) - gather(logits, maximum(symbol, 0.0))
                terms.append(where(symbol >= 0, surprise, 0.0))
            elif symbol >= 0:
                terms.append(logsumexp(logits) - gather(logits, symbol))
        return fsum(terms) / self.symbols


def learn_to_spell(
    kind: CharacterModel | str = "gpt",
    *,
    names: int | None = None,
    epochs: int | None = None,
    seed: int = 0,
    checkpoint: Checkpoint | str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Speller:
    """Hold 2,000 names out, train on the others, and measure the nats per character.

    Args:
        kind: the network and how it is trained, or the name of one in ``MODELS``.
        names: how many to train on.
        epochs: instead of the model's own.
        seed: the same seed gives the same run.
        checkpoint, progress: see :func:`autodiff.training.fit`.

    Raises:
        ValueError: if there is no such model, or not so many names.

    >>> speller = learn_to_spell("bigram", names=1000, epochs=1, progress=False)
    bigram, 729 parameters: 1,000 names to learn from, 2,000 held out
    >>> 2 < speller.nats < 4
    True
    """
    kind_name, kind = _named(kind)
    training, aside = split_names(names)
    model = kind.model(seed)
    print(
        f"{kind_name}, {len(model.parameters()):,} parameters: {len(training):,} names to learn "
        f"from, {len(aside):,} held out"
    )
    epochs = epochs or kind.epochs
    steps = epochs * math.ceil(len(training) / kind.batch_size)
    history = fit(
        model,
        training,
        epochs=epochs,
        batch_size=kind.batch_size,
        optimizer=Adam(model.parameters(), Cosine(kind.learning_rate, steps)),
        loss=Surprise(symbols_per_name(training)),
        seed=seed,
        checkpoint=checkpoint,
        progress=progress,
    )
    nats = held_out_nats(model, aside)
    return Speller(model, history, nats)


def _named(kind: CharacterModel | str) -> tuple[str, CharacterModel]:
    if isinstance(kind, CharacterModel):
        return kind.about, kind
    if kind not in MODELS:
        raise ValueError(f"the model must be one of {', '.join(MODELS)}, got {kind!r}")
    return kind, MODELS[kind]


def split_names(names: int | None = None) -> tuple[Dataset, Dataset]:
    """Return names to learn from, and those that are held out: always the same ones.

    Args:
        names: how many to learn from; None for all others.

    Raises:
        ValueError: if there are not so many.
    """
    everything = load_names()
    order = np.random.default_rng(0).permutation(len(everything)).tolist()
    aside = [everything[i] for i in order[:HELD_OUT]]
    unseen = frozenset(aside)  # many names are listed twice
    kept = [name for name in (everything[i] for i in order[HELD_OUT:]) if name not in unseen]
    if names is not None and not 1 <= names <= len(kept):
        raise ValueError(f"expected 1 to {len(kept):,} names to learn from, got {names:,}")
    return encoded(kept[:names]), encoded(aside)


def symbols_per_name(pairs: Dataset) -> float:
    """Return how many symbols are told of a name in the mean: its characters and the stop."""
    return float((pairs.targets >= 0).sum() / len(pairs))


def held_out_nats(model: Module, aside: Dataset) -> float:
    """Return the mean of -log p(next symbol) over all symbols of some names."""
    return evaluate(model, aside, Surprise(symbols_per_name(aside)))[0]


# ------------------------------------------------------------------------------ after training


def samples(model: Module, count: int, seed: int = 0) -> list[str]:
    """Return names that the model makes up, symbol by symbol, each drawn as likely as it says.

    Args:
        model: what :func:`learn_to_spell` trained.
        count: how many names.
        seed: the same seed gives the same names.

    >>> [len(name) < 17 for name in samples(MODELS["bigram"].model(0), 2)]
    [True, True]
    """
    generator = np.random.default_rng(seed)
    logits_of = compile(lambda symbols: model(symbols), batched="symbols")
    symbols = np.zeros((count, CONTEXT + 1))
    for place in range(CONTEXT):
        logits = logits_of(symbols[:, :CONTEXT])[:, place]
        symbols[:, place + 1] = _drawn(logits, generator)
    return [decoded(row[1:].astype(np.int64)) for row in symbols]


def _drawn(logits: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.int64]:
    """One symbol for each row, with the probabilities softmax(logits).

    The largest of logits to which Gumbel's noise is added is such a draw (Maddison, Tarlow and
    Minka, A* sampling, 2014, section 2).
    """
    drawn: NDArray[np.int64] = (logits + generator.gumbel(size=logits.shape)).argmax(1)
    return drawn


def attention_of(model: Sequential, name: str) -> NDArray[np.float64]:
    """Return how much of each symbol of a name every symbol takes in.

    Args:
        model: with a block of attention.
        name: of at most 15 letters.

    Returns:
        Shares of shape (heads, length, length), for the stop before the name and its characters.

    Raises:
        ValueError: if the model has no attention, or it is no such name.

    >>> attention_of(MODELS["gpt"].model(0), "emma").shape
    (4, 5, 5)
    """
    signal: Any = encoded([name]).inputs[0, : len(name) + 1]
    with no_grad():
        for layer in model.layers:
            inside = signal
            for part in layer.layers if isinstance(layer, Residual) else ():
                if isinstance(part, MultiheadAttention):
                    return _square(part.shares(inside))
                inside = part(inside)
            signal = layer(signal)
    raise ValueError("this model has no attention; train --model gpt")


def _square(shares: list[list[list[Value]]]) -> NDArray[np.float64]:
    """Rows of different lengths as a square for each head, with zeros behind."""
    squares = np.zeros((len(shares), len(shares[0]), len(shares[0])))
    for head, rows in enumerate(shares):
        for i, row in enumerate(rows):
            squares[head, i, : len(row)] = [share.data for share in row]
    return squares
