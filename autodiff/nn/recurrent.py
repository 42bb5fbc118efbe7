"""Recurrent layers: a state that each row of a sequence changes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.functions import sigmoid, tanh
from autodiff.nn.layers import Linear, Seed, check_whole, generator_of
from autodiff.nn.module import Module, Specification
from autodiff.nn.signals import Signal, as_rows, rows_shape
from autodiff.recording import scope

State = list[Any]


class _Recurrent(Module):
    """Base of layers that go through a sequence from its first row to its last.

    Args:
        inputs: how long a row is.
        width: how long the state is.
        seed: where the random weights come from.

    Attributes:
        of_input, of_state: the two linear functions whose results the gates are made of.
    """

    gates = 1
    """How many vectors of the state's width both linear functions give."""
    has_two_biases = False
    """Whether the function of the state has biases as well, because they are not just added."""

    def __init__(self, inputs: int, width: int, seed: Seed = None) -> None:
        check_whole(self, inputs=inputs, width=width)
        self.inputs, self.width = inputs, width
        generator = generator_of(seed)
        several = self.gates * width
        self.of_input = Linear(inputs, several, seed=generator)
        self.of_state = Linear(width, several, seed=generator, bias=self.has_two_biases)

    def forward(self, inputs: Signal) -> NDArray[Any]:
        """The state after each row, of shape (length, width); it starts at 0."""
        array = as_rows(inputs, self.inputs, type(self).__name__)
        result = np.empty((len(array), self.width), object)
        memory = self.first()
        for i, row in enumerate(array):
            with scope(f"step{i}"):
                memory = self.step(list(row), memory)
            result[i] = memory[0]
        return result

    def first(self) -> tuple[State, ...]:
        """Return what is remembered before the first row; the state comes first."""
        return ([0.0] * self.width,)

    def step(self, row: list[Any], memory: tuple[State, ...]) -> tuple[State, ...]:
        """Return what is remembered after a row.

        Args:
            row: one row of the sequence.
            memory: what is remembered before; the state comes first.
        """
        raise NotImplementedError

    def _gates(self, linear: list[Any]) -> list[State]:
        """What a linear function gives, one list for each gate."""
        return [linear[i * self.width : (i + 1) * self.width] for i in range(self.gates)]

    def _added(self, row: list[Any], state: State) -> list[State]:
        """Both linear functions added up, one list for each gate."""
        pairs = zip(self.of_input(row), self.of_state(state), strict=True)
        return self._gates([a + b for a, b in pairs])

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """One state for each row."""
        rows_shape(shape, self.inputs, repr(self))
        return (shape[0], self.width)

    def specification(self) -> Specification:
        """The arguments that make a layer of this shape."""
        return {"kind": type(self).__name__, "inputs": self.inputs, "width": self.width}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inputs}, {self.width})"


class RNN(_Recurrent):
    """h' = tanh(W x + U h + b): each state from a row and the state before. Elman, Finding
    structure in time (1990).

    Args:
        inputs: how long a row x is.
        width: how long the state h is.
        seed: where the random weights come from.

    Raises:
        ValueError: if a number is not a positive whole one; at a call, if rows have another width.

    >>> RNN(3, 4, seed=0)(np.ones((5, 3))).shape
    (5, 4)
    """

    def step(self, row: list[Any], memory: tuple[State, ...]) -> tuple[State, ...]:
        """See the class."""
        (sums,) = self._added(row, memory[0])
        return ([tanh(a) for a in sums],)


class GRU(_Recurrent):
    """h' = (1 - z) · n + z · h, with two gates and a candidate n, made of a row x and the state h.

    r = σ(Wr x + Ur h + b), z = σ(Wz x + Uz h + b), n = tanh(Wn x + b + r · (Un h + c)). Cho et al.,
    Learning phrase representations using RNN encoder-decoder (2014), with the reset r after the
    product, as in the field's libraries.

    Args:
        inputs, width, seed: as for :class:`RNN`.

    Raises:
        ValueError: as :class:`RNN` does.

    >>> GRU(3, 4, seed=0)(np.ones((5, 3))).shape
    (5, 4)
    """

    gates = 3
    has_two_biases = True

    def step(self, row: list[Any], memory: tuple[State, ...]) -> tuple[State, ...]:
        """See the class."""
        (state,) = memory
        of_input, of_state = self._gates(self.of_input(row)), self._gates(self.of_state(state))
        reset, keep = (
            [sigmoid(a + b) for a, b in zip(of_input[i], of_state[i], strict=True)] for i in (0, 1)
        )
        parts = zip(of_input[2], reset, of_state[2], strict=True)
        candidate = [tanh(a + r * b) for a, r, b in parts]
        old_and_new = zip(candidate, keep, state, strict=True)
        return ([n + z * (h - n) for n, z, h in old_and_new],)


class LSTM(_Recurrent):
    """c' = f · c + i · g and h' = o · tanh(c'): a cell c that is written, kept and read by gates.

    i, f and o are σ, and g is tanh, of W x + U h + b, each with weights of its own. Hochreiter and
    Schmidhuber, Long short-term memory (1997), with the gate f of Gers, Schmidhuber and Cummins,
    Learning to forget (2000), whose biases start at 1.

    Args:
        inputs, width, seed: as for :class:`RNN`.

    Raises:
        ValueError: as :class:`RNN` does.

    >>> LSTM(3, 4, seed=0)(np.ones((5, 3))).shape
    (5, 4)
    """

    gates = 4

    def __init__(self, inputs: int, width: int, seed: Seed = None) -> None:
        super().__init__(inputs, width, seed)
        for neuron in self.of_input.neurons[width : 2 * width]:
            neuron.bias.data = 1.0

    def first(self) -> tuple[State, ...]:
        """Return the state and the cell before the first row."""
        return ([0.0] * self.width, [0.0] * self.width)

    def step(self, row: list[Any], memory: tuple[State, ...]) -> tuple[State, ...]:
        """See the class."""
        state, cell = memory
        write, forget, content, read = self._added(row, state)
        cell = [
            sigmoid(f) * c + sigmoid(i) * tanh(g)
            for i, f, g, c in zip(write, forget, content, cell, strict=True)
        ]
        return [sigmoid(o) * tanh(c) for o, c in zip(read, cell, strict=True)], cell
