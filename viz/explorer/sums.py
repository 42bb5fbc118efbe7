"""Sums over paths that the page cannot add up, because they lead through folded boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

from autodiff.graph import Graph, Number, Value
from viz.diagram import Diagram, Wire

Sums: TypeAlias = dict[str, dict[str, Number]]
"""∂(end)/∂(start), by the ids of the start and of the end."""

_MOST_SUMS = 15_000
_MOST_WORK = 2_000_000
"""Ends times nodes of the graph: a second, about."""


def sums_through_boxes(
    graph: Graph, diagram: Diagram, nodes: Mapping[str, Value], boxes: Mapping[str, str]
) -> Sums | None:
    """The path sums between parts, where a wire on the way has no number of its own.

    Args:
        graph: with what is inside the folded boxes.
        diagram: the picture.
        nodes: what parts show that show one node.
        boxes: for outputs that are computed in a box with several results, the box.

    Returns:
        Every sum except those that no path leads to; None if that would take too long, or too
        much room in the page.
    """
    leaving: dict[str, list[Wire]] = defaultdict(list)
    for wire in diagram.wires:
        leaving[wire.tail].append(wire)
    wanted = {end: _starts(diagram, leaving, boxes, end) & nodes.keys() for end in nodes}
    wanted = {end: starts for end, starts in wanted.items() if starts}
    count = sum(map(len, wanted.values()))
    if count > _MOST_SUMS or len(wanted) * len(graph.nodes) > _MOST_WORK:
        return None
    sums: Sums = defaultdict(dict)
    edges_out = _edges_out(graph) if wanted else {}
    for end, starts in wanted.items():
        found = _sums_to(nodes[end], edges_out)
        for start in sorted(starts):
            if nodes[start] in found:
                sums[start][end] = found[nodes[start]]
    return dict(sums)


def has_number(wire: Wire) -> bool:
    """Whether one number says how fast the head of a wire changes with its tail."""
    return wire.edge is not None or wire.head.endswith("_end")


def _starts(
    diagram: Diagram, leaving: Mapping[str, list[Wire]], boxes: Mapping[str, str], end: str
) -> set[str]:
    """The parts from which a path leads to the end along a wire without a number."""
    reaching, found = {end}, set()
    for part in reversed(diagram.parts):
        for wire in leaving.get(part.id, ()):
            if wire.head in reaching:
                reaching.add(part.id)
                if wire.head in found or not has_number(wire):
                    found.add(part.id)
    found |= {output for output, box in boxes.items() if box in reaching}
    return found - {end}


_EdgesOut: TypeAlias = dict[Value, list[tuple[Value, Number]]]


def _edges_out(graph: Graph) -> _EdgesOut:
    """For every node what uses it, and the local derivatives; what is computed last comes first."""
    found: _EdgesOut = {node: [] for node in reversed(graph.nodes)}
    for edge in graph.edges:
        found[edge.tail].append((edge.head, edge.local))
    return found


def _sums_to(end: Value, edges_out: _EdgesOut) -> dict[Value, Number]:
    """∂(end)/∂(node) for every node from which paths lead to the end."""
    sums: dict[Value, Number] = {end: 1}
    for node, edges in edges_out.items():
        ways = [local * sums[head] for head, local in edges if head in sums]
        if ways and node is not end:
            sums[node] = sum(ways)
    return sums
