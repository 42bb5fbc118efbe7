"""Attention: each row of a sequence takes in the others, by how well they fit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.functions import dot, exp, logsumexp
from autodiff.nn.layers import Linear, Seed, check_whole, generator_of
from autodiff.nn.module import Module, Specification
from autodiff.nn.signals import Signal, as_rows, rows_shape
from autodiff.recording import scope


class MultiheadAttention(Module):
    """Self-attention: softmax(q · k / √d) says how much of each row's v every row takes in.

    q, k and v are linear functions of the rows. Each head compares and mixes ``width / heads`` of
    their scalars by itself, and a last linear function joins the heads. Vaswani et al., Attention
    is all you need (2017), section 3.2.

    Args:
        width: how long a row is.
        heads: how many there are; they divide the width evenly.
        causal: whether a row sees only itself and the rows before it.
        bias: whether the linear functions have biases.
        seed: where the random weights come from.

    Raises:
        ValueError: if a number is not a positive whole one, or the width is no multiple of the
            heads; at a call, if rows have another width.

    >>> layer = MultiheadAttention(8, 2, causal=True, seed=0)
    >>> layer(np.ones((5, 8))).shape, len(layer.parameters())
    ((5, 8), 288)
    """

    def __init__(
        self, width: int, heads: int, causal: bool = False, bias: bool = True, seed: Seed = None
    ) -> None:
        check_whole(self, width=width, heads=heads)
        if width % heads:
            raise ValueError(
                f"MultiheadAttention: width must be a multiple of heads, got {width} and {heads}"
            )
        self.width, self.heads, self.causal, self.bias = width, heads, causal, bias
        generator = generator_of(seed)
        self.query, self.key, self.value, self.output = (
            Linear(width, width, bias=bias, seed=generator) for _ in range(4)
        )

    def forward(self, inputs: Signal) -> NDArray[Any]:
        """The rows, each with what it took in from the others."""
        array = as_rows(inputs, self.width, "MultiheadAttention")
        with scope("value"):
            values = self.value(array)
        shares = self.shares(array)
        mixed = np.empty(array.shape, object)
        for head, of_head in enumerate(shares):
            columns = values[:, self._columns(head)].T.tolist()
            with scope(f"head{head}"):
                for i, row in enumerate(of_head):
                    mixed[i, self._columns(head)] = [dot(row, c[: len(row)]) for c in columns]
        with scope("output"):
            return self.output(mixed)  # type: ignore[no-any-return]

    def shares(self, inputs: Signal) -> list[list[list[Any]]]:
        """How much of each row every row takes in, by head: numbers that add up to 1.

        With a causal mask the rows that are not seen are left out.

        Args:
            inputs: rows of shape (length, width).
        """
        array = as_rows(inputs, self.width, "MultiheadAttention")
        with scope("query"):
            queries = self.query(array)
        with scope("key"):
            keys = self.key(array)
        found = []
        for head in range(self.heads):
            columns = self._columns(head)
            own = [queries[:, columns].tolist(), keys[:, columns].tolist()]
            with scope(f"head{head}"):
                found.append(self._softmax(*own))
        return found

    def _softmax(self, queries: list[list[Any]], keys: list[list[Any]]) -> list[list[Any]]:
        shares = []
        root = math.sqrt(self.width // self.heads)
        for i, query in enumerate(queries):
            seen = keys[: i + 1] if self.causal else keys
            scores = [dot(query, key) / root for key in seen]
            total = logsumexp(scores)
            shares.append([exp(score - total) for score in scores])
        return shares

    def _columns(self, head: int) -> slice:
        size = self.width // self.heads
        return slice(head * size, (head + 1) * size)

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """As it was."""
        rows_shape(shape, self.width, repr(self))
        return shape

    def specification(self) -> Specification:
        """The arguments that make a layer of this shape."""
        return {
            "kind": "MultiheadAttention", "width": self.width, "heads": self.heads,
            "causal": self.causal, "bias": self.bias,
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"MultiheadAttention({self.width}, {self.heads}{', causal' * self.causal})"
