"""Strips: axes cut into pieces of so many lanes, and the counters of their loops."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

from autodiff.compiler.native.llvm import Function


class Counter(NamedTuple):
    """A counter of a loop, and a number that is added to it."""

    text: str
    offset: int


Counters = tuple[Counter, ...]


class Strip(NamedTuple):
    """A part of an axis: a loop whose steps handle several pieces of so many lanes each."""

    start: int
    steps: int
    widths: tuple[int, ...]

    def counter(self, function: Function, loops: ExitStack, base: str) -> str:
        """The counter of the strip's loop, which is entered if it needs one."""
        if self.steps == 1:
            return ""
        step = sum(self.widths)
        return loops.enter_context(function.loop(self.steps * step, base, step))


def strips(size: int, width: int, tile: int) -> Iterator[Strip]:
    """Parts of an axis: as many full ones as there are, then smaller ones by powers of two.

    >>> list(strips(21, 8, 1))
    [Strip(start=0, steps=2, widths=(8,)), Strip(start=16, steps=1, widths=(4, 1))]
    """
    start = 0
    steps = size // (width * tile)
    if steps:
        yield Strip(0, steps, (width,) * tile)
        start = steps * width * tile
    rest = size - start
    widths = [width] * (rest // width)
    rest -= sum(widths)
    while rest:
        widths.append(1 << (rest.bit_length() - 1))
        rest -= widths[-1]
    if widths:
        yield Strip(start, 1, tuple(widths))
