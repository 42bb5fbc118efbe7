"""Words: what nodes and numbers are called in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff.graph import Graph, Value, format_number
from viz.typography import factor, printable

_LONGEST = 12
"""Of more words in a row, those in the middle are left out."""


def shown(number: Any, specification: str) -> str:
    """Return a number as text; there is no -0."""
    text = format_number(number, specification)
    return text.removeprefix("-") if number == 0 else text


class Words:
    """The names and numbers of one graph.

    Attributes:
        mentioned: nodes that were called by their ids, which the picture therefore shows.
    """

    def __init__(self, graph: Graph, number: str) -> None:
        self.graph, self.number = graph, number
        self.mentioned: set[Value] = set()

    def called(self, node: Value) -> str:
        """The name of a node, else its id."""
        return printable(node.name) or self.graph.id(node)

    def mention(self, node: Value) -> str:
        """The same, of a node that the picture should call so as well."""
        if not node.name:
            self.mentioned.add(node)
        return self.called(node)

    def value(self, node: Value) -> str:
        """The number of a node."""
        return self.format(self.graph.value(node))

    def equation(self, node: Value) -> str:
        """Its name and its number, as ``"x = 3"``."""
        return f"{self.called(node)} = {self.value(node)}"

    def gradient(self, node: Value) -> str:
        """The gradient with respect to a node."""
        return self.format(self.graph.gradient(node))

    def format(self, number: Any) -> str:
        """A number as text."""
        return shown(number, self.number)


def shortened(words: Sequence[str]) -> list[str]:
    """The words, or those at the beginning and at the end if there are many."""
    if len(words) <= _LONGEST:
        return [*words]
    half = _LONGEST // 2
    return [*words[:half], "…", *words[-half + 1 :]]


def summed(parts: Sequence[str]) -> str:
    """Several numbers with plus signs between; of many, how many they are."""
    if len(parts) > 4:
        return f"sum of {len(parts)}"
    return " + ".join([*parts[:1], *map(factor, parts[1:])]) if len(parts) > 1 else ""
