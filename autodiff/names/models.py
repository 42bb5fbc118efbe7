"""Models of characters: 16 symbols in, a row of 27 logits for what follows each of them out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autodiff.data.names import ALPHABET, CONTEXT
from autodiff.nn import (
    LSTM,
    RNN,
    Embedding,
    Linear,
    MultiheadAttention,
    PositionalEmbedding,
    Residual,
    RMSNorm,
    Sequential,
    Window,
)

SYMBOLS = len(ALPHABET)


@dataclass(frozen=True)
class CharacterModel:
    """A network, and how it is trained.

    Attributes:
        about: what it is, in words.
        make: the network, with random weights from a generator.
        epochs, batch_size: as in :func:`autodiff.training.fit`.
        learning_rate: of Adam at first; it goes down to 0 as half a cosine.
    """

    about: str
    make: Callable[[np.random.Generator], Sequential]
    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 0.01

    def model(self, seed: int) -> Sequential:
        """Return the network before training; the same seed gives the same one."""
        return self.make(np.random.default_rng(seed))


def _bigram(generator: np.random.Generator) -> Sequential:
    """Logits that start at 0, so that all symbols are equally likely after each other."""
    table = Embedding(SYMBOLS, SYMBOLS, generator)
    for logit in table.parameters():
        logit.data = 0.0
    return Sequential(table)


def _mlp(generator: np.random.Generator) -> Sequential:
    """As in Bengio et al. (2003): the vectors of three symbols, and one hidden layer."""
    return Sequential(
        Embedding(SYMBOLS, 10, generator),
        Window(3),
        Linear(30, 100, "tanh", generator),
        Linear(100, SYMBOLS, seed=generator),
    )


def _rnn(generator: np.random.Generator) -> Sequential:
    return Sequential(
        Embedding(SYMBOLS, 16, generator),
        RNN(16, 64, generator),
        Linear(64, SYMBOLS, seed=generator),
    )


def _lstm(generator: np.random.Generator) -> Sequential:
    return Sequential(
        Embedding(SYMBOLS, 16, generator),
        LSTM(16, 48, generator),
        Linear(48, SYMBOLS, seed=generator),
    )


def _gpt(generator: np.random.Generator) -> Sequential:
    """One block of a transformer, normalized before each part."""
    width = 32
    return Sequential(
        Embedding(SYMBOLS, width, generator),
        PositionalEmbedding(CONTEXT, width, generator),
        Residual(
            RMSNorm(width),
            MultiheadAttention(width, 4, causal=True, bias=False, seed=generator),
        ),
        Residual(
            RMSNorm(width),
            Linear(width, 4 * width, "relu", generator),
            Linear(4 * width, width, seed=generator),
        ),
        RMSNorm(width),
        Linear(width, SYMBOLS, seed=generator),
    )


MODELS = {
    "bigram": CharacterModel("a table of what follows each symbol", _bigram, 3, learning_rate=0.05),
    "mlp": CharacterModel("three symbols and one hidden layer", _mlp),
    "rnn": CharacterModel("a state that each symbol changes", _rnn, learning_rate=0.005),
    "lstm": CharacterModel("a state and a cell behind gates", _lstm, epochs=8),
    "gpt": CharacterModel("one block of a transformer", _gpt, epochs=8),
}
"""The networks by name."""
