"""Diagram: what a picture shows before anybody knows where, as plain data.

A computation graph, a folded one and a compiled program are all drawn as a diagram: parts, and
wires between them that carry labels.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from autodiff.graph import Edge, gate_calls
from viz.typography import printable


class Cluster(NamedTuple):
    """A titled frame around the parts of a scope."""

    id: str
    title: str
    parent: str | None
    name: str


class Label(NamedTuple):
    """The texts on a wire: above the line, below it, and a quiet note beneath."""

    above: str = ""
    below: str = ""
    note: str = ""


@dataclass
class Part:
    """A gate, a leaf, an output, or many nodes in one.

    Attributes:
        kind: input, parameter, constant, gate, group or output; in a network neuron, or more for
            those that are left out.
        title, subtitle: what stands in it; a group has both.
        called: of a gate, what its result is called, in small type beneath the symbol.
        scope: where it stands.
        cluster: the id of the frame around it, which :func:`frames` gives.
        copies: how many identical ones it stands for, drawn as a stack.
    """

    id: str
    kind: str
    title: str
    subtitle: str = ""
    called: str = ""
    scope: str = ""
    cluster: str | None = None
    tooltip: str = ""
    copies: int = 1
    highlighted: bool = False


@dataclass
class Wire:
    """From one part to another.

    Attributes:
        id: unique in the diagram.
        slot: which operand of the head it is.
        label: what it carries.
        gradient: for colour and width, the gradient that flows back; None for neither.
        edge: of the graph that it shows; None if it carries many values, or the output.
        is_constant: whether nothing flows back because the tail does not vary.
        width: of the line, in points.
    """

    id: str
    tail: str
    head: str
    slot: int = 0
    label: Label = field(default_factory=Label)
    gradient: float | None = None
    edge: Edge | None = None
    is_constant: bool = False
    highlighted: bool = False
    width: float = 1.2
    tooltip: str = ""


@dataclass
class Diagram:
    """Parts and wires, in the order in which they are computed.

    Attributes:
        trunks: for parts that several wires leave, the label of the line before it forks.
        trunk_gradients: for colour and width of these lines, as for wires.
        roles: the colours of the rows above and below the wires.
        flows_back: whether the arrows are turned round.
        leaves_first: whether leaves stand side by side in the first column.
        direction: ``"right"`` or ``"down"``.
        focused: whether what is not highlighted stands back.
        columns: of a network, the ids of the parts in each; else none.
        headings: what stands above the columns.
        must_fit: whether a simpler diagram takes its place if it is too large for a screen.
        is_small: whether it may be longer than a screen, if its area is not larger.
    """

    parts: list[Part] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    trunks: dict[str, Label] = field(default_factory=dict)
    clusters: dict[str, Cluster] = field(default_factory=dict)
    roles: tuple[str, str] = ("value", "gradient")
    flows_back: bool = False
    leaves_first: bool = False
    direction: str = "right"
    focused: bool = False
    title: str = ""
    description: str = ""
    caption: list[str] = field(default_factory=list)
    trunk_gradients: dict[str, tuple[float | None, float]] = field(default_factory=dict)
    columns: list[list[str]] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    must_fit: bool = False
    is_small: bool = False


def frames(parts: Iterable[Part]) -> dict[str, Cluster]:
    """Frames for the scopes that parts stand in, outer ones first; the parts are put in them.

    Every call of a gate that is open has a frame of its own.
    """
    found: dict[Hashable, Cluster] = {}
    for part in parts:
        for name in _around(part.scope):
            calls = tuple(call for call in gate_calls(part.scope) if _is_in(name, call.path))
            if (name, calls) not in found:
                title = printable(name.rpartition("/")[2])
                found[name, calls] = Cluster(f"s{len(found)}", title, part.cluster, name)
            part.cluster = found[name, calls].id
    return {cluster.id: cluster for cluster in found.values()}


def _around(scope: str) -> list[str]:
    """A scope and those around it, outer ones first."""
    names = scope.split("/") if scope else []
    return ["/".join(names[: i + 1]) for i in range(len(names))]


def _is_in(scope: str, other: str) -> bool:
    return f"{scope}/".startswith(f"{other}/")


def outer(scope: str) -> str:
    """The scope around a scope.

    >>> outer("layer1/neuron3"), outer("layer1")
    ('layer1', '')
    """
    return scope.rpartition("/")[0]


def stem(scope: str) -> str:
    """Return the last part of a scope without its number, which identical siblings share.

    >>> stem("layer1/neuron3"), stem("7")
    ('neuron', '7')
    """
    last = scope.rpartition("/")[2]
    return re.sub(r"[\W_]*\d+\W*$", "", last) or last
