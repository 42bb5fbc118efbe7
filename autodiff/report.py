"""Graphs as tables of plain text."""

from __future__ import annotations

from collections.abc import Iterable

from autodiff.graph import Graph
from autodiff.mathematics import format_number
from autodiff.value import Value


def table(graph: Graph, values: Iterable[Value]) -> str:
    """Name, value and gradient of some values, one row each.

    >>> x = Value(3.0, "x")
    >>> print(table(Graph(x * x), [x]))
    name  value  gradient
    x         3         6
    """
    rows = [("name", "value", "gradient")]
    for value in values:
        if value in graph:
            number, gradient = graph.value(value), graph.gradient(value)
        else:
            number, gradient = value.data, 0.0
        rows.append((value.name, format_number(number, ".6g"), format_number(gradient, ".6g")))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{name:<{widths[0]}}  {number:>{widths[1]}}  {gradient:>{widths[2]}}"
        for name, number, gradient in rows
    )
