"""Layout: where everything goes. Graphviz decides, from sizes that do not depend on any font.

A wire's label is a node of the layout, as wide as its text, so that labels never overlap; the wire
runs through its middle. Plain boxes of fixed size are what Graphviz lays out fastest.
"""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import graphviz

from viz.diagram import Diagram, Label, Part
from viz.render import run
from viz.scene import Point
from viz.typography import width

NUMBER_SIZE, NOTE_SIZE, TITLE_SIZE = 12, 11, 12
LINE = 15
"""From one row of a label to the next, in points."""

_MANY = 150
"""Labels in a picture from which on Graphviz may take less care."""

SPACING = {"nodesep": "0.1", "ranksep": "0.22", "outputorder": "edgesfirst"}
"""Of all layouts; lengths in inches."""

_SETTINGS: tuple[dict[str, str], ...] = (
    {"nslimit": "0.2", "nslimit1": "0.2"},
    {"nslimit": "0.1", "nslimit1": "0.1", "mclimit": "0.2", "splines": "line"},
)


class Box(NamedTuple):
    """The box of a part or a label: its middle and its size."""

    x: float
    y: float
    width: float
    height: float

    def moved(self, by: Point) -> Box:
        """Return the box elsewhere."""
        return self._replace(x=self.x + by[0], y=self.y + by[1])


class Arc(NamedTuple):
    """A line between two boxes: Bézier points, and the tips of its arrows where it has any."""

    points: tuple[Point, ...]
    start_tip: Point | None
    end_tip: Point | None

    def moved(self, by: Point) -> Arc:
        """Return the line elsewhere."""

        def there(point: Point) -> Point:
            return round(point[0] + by[0], 2), round(point[1] + by[1], 2)

        tips = [there(tip) if tip else None for tip in (self.start_tip, self.end_tip)]
        return Arc(tuple(map(there, self.points)), *tips)


class Layout(NamedTuple):
    """The place of everything, in points, with ``y`` downwards.

    Attributes:
        boxes: by the id of a part or a wire; the line before a fork is ``"<part>_out"``.
        arcs: by the ids of the boxes that they connect; those of lines with an id, by that.
        clusters: by the id of the cluster.
    """

    width: float
    height: float
    boxes: dict[str, Box]
    arcs: dict[tuple[str, str], Arc]
    clusters: dict[str, Box]


def straight(start: Point, end: Point) -> tuple[Point, Point, Point]:
    """A Bézier segment that is a straight line, without its first point."""

    def between(share: float) -> Point:
        return tuple(round(a + (b - a) * share, 2) for a, b in zip(start, end, strict=True))  # type: ignore[return-value]

    return between(1 / 3), between(2 / 3), end


def trunk_id(part: str) -> str:
    """The id of the line that leaves a part, before it forks."""
    return f"{part}_out"


def part_size(part: Part, size: int) -> tuple[float, float]:
    """Width and height of a part, given the size of its type."""
    if part.kind == "constant":
        return width(part.title, NUMBER_SIZE) + 8, 18.0
    if part.kind in ("neuron", "more"):
        return 52.0, 52.0
    if part.kind == "group":
        text = max(width(part.title, size, bold=True), width(part.subtitle, NOTE_SIZE))
        sheets = 8.0 if part.copies > 1 else 0.0
        return text + 20 + sheets, (44.0 if part.subtitle else 32.0) + sheets
    if part.kind == "gate":
        return (34.0, 34.0) if is_round(part, size) else (width(part.title, size) + 20, 32.0)
    if not part.title:
        return 14.0, 14.0
    return max(width(part.title, size, bold=True) + 18, 26.0), 26.0


def is_round(part: Part, size: int) -> bool:
    """Whether a part is drawn as a circle: a gate with a short symbol."""
    return part.kind == "gate" and width(part.title, size) <= 24


def label_size(label: Label, direction: str) -> tuple[float, float]:
    """Width and height of a label, whose wire runs through its middle."""
    above, below = width(label.above, NUMBER_SIZE), width(label.below, NUMBER_SIZE)
    note = width(label.note, NOTE_SIZE)
    if not any(label):
        return 4.0, 4.0
    rows = 2 if label.note and label.below else 1
    if direction == "right":
        return max(above, below, note) + 10, 2.0 * rows * LINE + 2
    return 2 * max(above, below, note) + 16, rows * LINE + 4.0


def to_dot(diagram: Diagram, size: int, font: str) -> str:
    """The diagram in the DOT language: a complete picture by itself, if a plain one."""
    return str(_Writer(diagram, size, font).dot.source)


def lay_out(dots: Sequence[str], labels: int, seconds: float) -> list[Layout]:
    """Let Graphviz decide where everything goes.

    Args:
        dots: graphs in the DOT language.
        labels: how many the largest of them has.
        seconds: the time for each of two attempts; the second takes less care.

    Raises:
        TimeoutError: if neither attempt ends in time.
    """
    attempts = _SETTINGS if labels > _MANY else ({}, *_SETTINGS)
    for settings in attempts:
        try:
            answer = run(dots, "json0", settings, seconds)
        except TimeoutError as error:
            too_slow = error
        else:
            return [_parse(found) for found in _decoded(answer, len(dots))]
    raise too_slow


def in_own_order(dot: graphviz.Digraph, parts: Iterable[Part]) -> None:
    """Let several outputs stand below one another at the end, in the order in which they came."""
    outputs = [part.id for part in parts if part.kind == "output"]
    with dot.subgraph(graph_attr={"rank": "same"}) as column:
        for one, following in itertools.pairwise(outputs):
            column.edge(one, following, style="invis", weight="1")


class _Writer:
    """The DOT text of one diagram."""

    def __init__(self, diagram: Diagram, size: int, font: str) -> None:
        self.diagram, self.size = diagram, size
        self.sideways = diagram.direction == "right"
        self.into, self.out_of = ("w", "e") if self.sideways else ("n", "s")
        self.dot = graphviz.Digraph(
            graph_attr={"rankdir": "LR" if self.sideways else "TB", **SPACING},
            node_attr={"shape": "box", "fixedsize": "true", "fontname": font, "fontsize": "12"},
            edge_attr={"dir": "none", "arrowsize": "0.7", "weight": "9"},
        )
        if not diagram.clusters:
            self.dot.attr(ordering="in")  # operands from top to bottom
        self.labels = {wire.id: wire.label for wire in diagram.wires}
        self.labels |= {trunk_id(part): label for part, label in diagram.trunks.items()}
        self.gates = {part.id for part in diagram.parts if part.kind == "gate"}
        self._frames()
        self._lines()

    def _frames(self) -> None:
        """Everything in its cluster: a wire is in the innermost one around both of its ends."""
        parts: dict[str | None, list[Part]] = defaultdict(list)
        for part in self.diagram.parts:
            parts[part.cluster].append(part)
        labels: dict[str | None, list[str]] = defaultdict(list)
        cluster_of = {part.id: part.cluster for part in self.diagram.parts}
        trunks = {name: cluster_of[name] for name in self.diagram.trunks}
        for wire in self.diagram.wires:
            around = self._common(cluster_of[wire.tail], cluster_of[wire.head])
            labels[around].append(wire.id)
            if wire.tail in trunks:
                trunks[wire.tail] = self._common(trunks[wire.tail], around)
        for name, around in trunks.items():
            labels[around].append(trunk_id(name))
        children: dict[str | None, list[str]] = defaultdict(list)
        for cluster in self.diagram.clusters.values():
            children[cluster.parent].append(cluster.id)

        self._fill(self.dot, parts[None], labels[None])
        stack = [(self.dot, iter(children[None]))]
        while stack:
            dot, remaining = stack[-1]
            child = next(remaining, None)
            if child is not None:
                frame = graphviz.Digraph(f"cluster_{child}", graph_attr=self._frame(child))
                # Within frames Graphviz begins at the bottom.
                self._fill(frame, parts[child][::-1], labels[child][::-1])
                stack.append((frame, iter(children[child])))
                continue
            stack.pop()
            if stack:
                stack[-1][0].subgraph(dot)

    def _common(self, one: str | None, other: str | None) -> str | None:
        """The innermost cluster around two."""
        around: set[str | None] = {None}
        while one is not None:
            around.add(one)
            one = self.diagram.clusters[one].parent
        while other not in around:
            assert other is not None
            other = self.diagram.clusters[other].parent
        return other

    def _frame(self, cluster: str) -> dict[str, str]:
        title = self.diagram.clusters[cluster].title
        room = f'FIXEDSIZE="TRUE" WIDTH="{width(title, TITLE_SIZE, bold=True) + 6:.0f}" HEIGHT="14"'
        return {
            "label": f'<<TABLE BORDER="0" {room}><TR><TD></TD></TR></TABLE>>',
            "labeljust": "l",
            "margin": "10",
            "comment": graphviz.escape(title),
        }

    def _fill(self, dot: graphviz.Digraph, parts: Iterable[Part], labels: Iterable[str]) -> None:
        leaves = []
        for part in parts:
            is_leaf = part.kind in ("input", "parameter")
            if is_leaf and self.diagram.leaves_first:
                leaves.append(part)
            else:
                self._part(dot, part)
        if leaves:
            with dot.subgraph(graph_attr={"rank": "source"}) as column:
                for part in leaves:
                    self._part(column, part)
        for name in labels:
            self._wire_label(dot, name, self.labels[name])
        if dot is self.dot and not self.diagram.clusters:
            in_own_order(dot, self.diagram.parts)

    def _part(self, dot: graphviz.Digraph, part: Part) -> None:
        label = f"{part.title}\n{part.subtitle}" if part.subtitle else part.title
        shape = {"shape": "circle"} if is_round(part, self.size) else {}
        self._box(dot, part.id, label, part_size(part, self.size), **shape)

    def _wire_label(self, dot: graphviz.Digraph, name: str, label: Label) -> None:
        text = "\n".join(filter(None, label))
        self._box(dot, name, text, label_size(label, self.diagram.direction), peripheries="0")

    def _box(
        self, dot: graphviz.Digraph, name: str, text: str, size: tuple[float, float], **style: str
    ) -> None:
        width, height = (f"{points / 72:.4f}" for points in size)
        dot.node(name, label=graphviz.escape(text), width=width, height=height, **style)

    def _lines(self) -> None:
        flows_back = self.diagram.flows_back
        for part in self.diagram.trunks:
            self._line(part, trunk_id(part), "back" if flows_back else "none")
        for wire in self.diagram.wires:
            if wire.tail in self.diagram.trunks:
                self._line(trunk_id(wire.tail), wire.id, "none")
            else:
                self._line(
                    wire.tail, wire.id, "back" if flows_back and not wire.is_constant else "none"
                )
            self._line(wire.id, wire.head, "none" if flows_back else "forward")

    def _line(self, tail: str, head: str, direction: str) -> None:
        start = tail if tail in self.gates else f"{tail}:{self.out_of}"
        end = head if head in self.gates else f"{head}:{self.into}"
        self.dot.edge(start, end, **({} if direction == "none" else {"dir": direction}))


def _decoded(answer: bytes, count: int) -> list[dict[str, Any]]:
    """The layouts of so many graphs, which follow one another."""
    decoder, rest = json.JSONDecoder(), answer.decode(errors="replace").lstrip()
    found: list[dict[str, Any]] = []
    try:
        while rest:
            layout, end = decoder.raw_decode(rest)
            found.append(layout)
            rest = rest[end:].lstrip()
    except ValueError:
        found = []
    if len(found) != count or not all(isinstance(f, dict) and "bb" in f for f in found):
        raise RuntimeError("Graphviz failed: it gave no layout")
    return found


def _parse(answer: dict[str, Any]) -> Layout:
    left, bottom, right, top = map(float, answer["bb"].split(","))

    def point(text: str) -> Point:
        x, y = text.split(",")
        return round(float(x) - left, 2), round(top - float(y), 2)

    boxes: dict[str, Box] = {}
    clusters: dict[str, Box] = {}
    names: dict[int, str] = {}
    for thing in answer.get("objects", ()):
        names[thing["_gvid"]] = thing["name"]
        if "pos" in thing:
            size = float(thing["width"]) * 72, float(thing["height"]) * 72
            boxes[thing["name"]] = Box(*point(thing["pos"]), *size)
        elif "bb" in thing:
            x0, y0, x1, y1 = map(float, thing["bb"].split(","))
            x, y = point(f"{(x0 + x1) / 2},{(y0 + y1) / 2}")
            clusters[thing["name"].removeprefix("cluster_")] = Box(x, y, x1 - x0, y1 - y0)
    arcs = {}
    for edge in answer.get("edges", ()):
        tips: dict[str, Point] = {}
        points = []
        for text in edge["pos"].split():
            if text[0] in "es":
                tips[text[0]] = point(text[2:])
            else:
                points.append(point(text))
        ends = (edge["id"], "") if "id" in edge else (names[edge["tail"]], names[edge["head"]])
        arcs[ends] = Arc(tuple(points), tips.get("s"), tips.get("e"))
    return Layout(round(right - left, 2), round(top - bottom, 2), boxes, arcs, clusters)
