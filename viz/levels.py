"""Levels: a diagram with frames is laid out frame by frame, the inner ones first.

In the frame around it, a frame is one box, which lines enter on one side and leave on the other. So
no wire runs through a frame in which it has no business, and what a frame holds keeps its order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import graphviz

from viz.diagram import Diagram, Label, Part, Wire, stem
from viz.layout import (
    SPACING,
    TITLE_SIZE,
    Arc,
    Box,
    Layout,
    in_own_order,
    is_round,
    label_size,
    part_size,
    straight,
    trunk_id,
)
from viz.scene import Point
from viz.typography import width

_SIDE, _HEAD = 8, 28
"""Around what a frame holds: on its sides and beneath, and above, where its title is."""
_FAN, _WIDEST_FAN = 0.03, 0.5
"""Room for each line that goes into a frame, and the most, in inches."""
_NARROWEST_BEND = 10
_TOUCHING = 2
"""The distance up to which a line ends at a box, rather than runs through it."""
_POINT = 2.0
"""Height of a port, and width of the point inside that it leads to."""
_TABLE = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">'


class _Port(NamedTuple):
    """The place where a line enters or leaves an inner frame."""

    frame: str
    point: str


_End = str | _Port
_Line = tuple[_End, _End]


@dataclass
class _Level:
    """The content of one frame, apart from the frames inside it.

    Attributes:
        frame: the id of the cluster; None for the whole picture.
        depth: how many frames are around it.
        entries, exits: the points on its border that lines go through, by where they come from.
        lines: between parts, labels, points and ports; whether an arrow stands at either end.
    """

    frame: str | None
    depth: int
    parts: list[Part] = field(default_factory=list)
    labels: dict[str, Label] = field(default_factory=dict)
    inner: list[str] = field(default_factory=list)
    entries: dict[str, None] = field(default_factory=dict)
    exits: dict[str, None] = field(default_factory=dict)
    lines: dict[_Line, str] = field(default_factory=dict)


class Levels:
    """The levels of one diagram, and the place of everything in them.

    The innermost frames come first; each :meth:`text` needs the layouts of those before.

    Args:
        diagram: one that has frames.
        size: of names and symbols.
        font: as Graphviz names it, for the boxes.
    """

    def __init__(self, diagram: Diagram, size: int, font: str) -> None:
        self.diagram, self.size, self.font = diagram, size, font
        self.sideways = diagram.direction == "right"
        self.around = {name: cluster.parent for name, cluster in diagram.clusters.items()}
        self.levels: dict[str | None, _Level] = {None: _Level(None, 0)}
        for name, parent in self.around.items():
            self.levels[name] = _Level(name, self.levels[parent].depth + 1)
            self.levels[parent].inner.append(name)
        self.routes: dict[str, list[tuple[str | None, _Line]]] = {}
        self.placed: dict[str | None, Layout] = {}
        self._fill()

    # ------------------------------------------------------------------ what stands at each level

    def _fill(self) -> None:
        cluster_of = {part.id: part.cluster for part in self.diagram.parts}
        for part in self.diagram.parts:
            self.levels[part.cluster].parts.append(part)
        back = "back" if self.diagram.flows_back else ""
        for name, label in self.diagram.trunks.items():
            level = self.levels[cluster_of[name]]
            level.labels[trunk_id(name)] = label
            level.lines[name, trunk_id(name)] = back
        for wire in self.diagram.wires:
            self._route(wire, cluster_of[wire.tail], cluster_of[wire.head])

    def _route(self, wire: Wire, tail: str | None, head: str | None) -> None:
        """A wire leaves the frames around its tail and enters those of its head.

        Its label stands beside the head. Wires of one value share what they have in common.
        """
        forks = wire.tail in self.diagram.trunks
        start = trunk_id(wire.tail) if forks else wire.tail
        flows_back = self.diagram.flows_back
        arrow = "back" if flows_back and not forks and not wire.is_constant else ""
        leaving, entering = self._apart(tail, head)
        route = self.routes[wire.id] = []
        end: _End = start

        def line(level: str | None, to: _End) -> None:
            route.append((level, (end, to)))
            self.levels[level].lines.setdefault((end, to), arrow if end == start else "")

        for frame in leaving:
            self.levels[frame].exits[_out(start)] = None
            line(frame, _out(start))
            end = _Port(frame, _out(start))
        for frame in entering:
            self.levels[frame].entries[_in(start)] = None
            line(self.around[frame], _Port(frame, _in(start)))
            end = _in(start)
        line(head, wire.id)
        self.levels[head].labels[wire.id] = wire.label
        self.levels[head].lines[wire.id, wire.head] = "" if flows_back else "forward"

    def _apart(self, tail: str | None, head: str | None) -> tuple[list[str], list[str]]:
        """The frames that a wire leaves, the inner ones first, and those it enters, then last."""
        leaving, entering = self._frames_around(tail), self._frames_around(head)
        while leaving and entering and leaving[-1] == entering[-1]:
            leaving.pop()
            entering.pop()
        return leaving, entering[::-1]

    def _frames_around(self, frame: str | None) -> list[str]:
        found = []
        while frame is not None:
            found.append(frame)
            frame = self.around[frame]
        return found

    # ------------------------------------------------------------------------- the DOT of a level

    def by_depth(self) -> Iterator[list[str | None]]:
        """The frames to lay out together, the deepest first and the whole picture last."""
        at: dict[int, list[str | None]] = defaultdict(list)
        for name, level in self.levels.items():
            at[level.depth].append(name)
        for depth in sorted(at, reverse=True):
            yield at[depth]

    def text(self, frame: str | None) -> str:
        """Return the content of a frame in the DOT language."""
        level = self.levels[frame]
        dot = graphviz.Digraph(
            graph_attr={
                **SPACING,
                "ranksep": f"{self._space_between_columns(level):.2f}",
                "rankdir": "LR" if self.sideways else "TB",
                "ordering": "in",
            },
            node_attr={"shape": "box", "fixedsize": "true", "fontname": self.font, "label": ""},
            edge_attr={"dir": "none", "arrowsize": "0.7", "weight": "9"},
        )
        self._points(dot, [*level.entries], "min")
        for part in level.parts:
            shape = {"shape": "circle"} if is_round(part, self.size) else {}
            self._box(dot, part.id, part_size(part, self.size), **shape)
        for name, label in level.labels.items():
            self._box(dot, name, label_size(label, self.diagram.direction))
        for name in level.inner:
            self._frame(dot, name)
        in_own_order(dot, level.parts)
        self._points(dot, self._in_own_order(level), "max")
        gates = {part.id for part in level.parts if part.kind == "gate"}
        first, last = ("w", "e") if self.sideways else ("n", "s")
        for number, ((tail, head), arrow) in enumerate(level.lines.items()):
            direction = {"dir": arrow} if arrow else {}
            start, end = _end(tail, last, gates), _end(head, first, gates)
            dot.edge(start, end, id=str(number), **direction)
        return str(dot.source)

    def _space_between_columns(self, level: _Level) -> float:
        """More room where many lines fan out to a frame, in inches."""
        ports = [len(self.levels[name].entries) for name in level.inner]
        return min(float(SPACING["ranksep"]) + _FAN * max(ports, default=0), _WIDEST_FAN)

    def _in_own_order(self, level: _Level) -> list[str]:
        """The exits of a frame, in the order of what they lead out of: neuron0, neuron1 and so on.

        Parts come in the order in which they are computed, and that may be another one.
        """
        parts = {part.id: part for part in self.diagram.parts}
        sources: dict[str, str] = {}  # of each exit, what stands in the frame and has it
        for tail, head in level.lines:
            if isinstance(head, str) and head in level.exits:
                source = tail.frame if isinstance(tail, _Port) else tail.removesuffix("_out")
                is_frame = isinstance(tail, _Port)
                title = self.diagram.clusters[source].title if is_frame else parts[source].title
                sources[head] = title
        stems: dict[str, list[str]] = defaultdict(list)
        for point, title in sources.items():
            stems[stem(title)].append(point)
        for alike in stems.values():
            alike.sort(key=lambda point: int("0" + "".join(filter(str.isdecimal, sources[point]))))
        taken = {stem: iter(alike) for stem, alike in stems.items()}
        return [next(taken[stem(sources[point])]) for point in level.exits]

    def _points(self, dot: graphviz.Digraph, names: Sequence[str], rank: str) -> None:
        """Points on a border of the frame, in this order."""
        with dot.subgraph(graph_attr={"rank": rank}) as column:
            for name in names:
                self._box(column, name, (_POINT, _POINT))
            for one, following in pairwise(names):
                column.edge(one, following, style="invis", weight="1")

    @staticmethod
    def _box(dot: graphviz.Digraph, name: str, size: tuple[float, float], **style: str) -> None:
        wide, high = (f"{points / 72:.4f}" for points in size)
        dot.node(name, width=wide, height=high, **style)

    def _frame(self, dot: graphviz.Digraph, name: str) -> None:
        """A frame that is laid out already: a table with a cell for every port."""
        across, along = self._size(name) if self.sideways else self._size(name)[::-1]
        level = self.levels[name]
        one, other = (
            _side({point: self._place(name, point) for point in points}, across // 2, along,
                  self.sideways)
            for points in (level.entries, level.exits)
        )  # fmt: skip
        between = "" if self.sideways else "</TR><TR>"
        rows = f"<TR><TD>{one}</TD>{between}<TD>{other}</TD></TR>"
        dot.node(name, shape="plain", fixedsize="false", label=f"<{_TABLE}{rows}</TABLE>>")

    # --------------------------------------------------------------------------------- the places

    def _size(self, frame: str) -> tuple[int, int]:
        """Of a frame in whole points, the title included."""
        inside = self.placed[frame]
        title = width(self.diagram.clusters[frame].title, TITLE_SIZE, bold=True) + 20
        wide = max(inside.width + 2 * _SIDE, title)
        return -int(-wide // 2) * 2, -int(-(inside.height + _HEAD + _SIDE) // 2) * 2

    def _offset(self, frame: str) -> Point:
        """Return the origin of a frame's content within the frame."""
        wide, _ = self._size(frame)
        return (wide - self.placed[frame].width) / 2, _HEAD

    def _place(self, frame: str, point: str) -> float:
        """Return the position of a port along the side of a frame."""
        box, offset = self.placed[frame].boxes[point], self._offset(frame)
        return box.y + offset[1] if self.sideways else box.x + offset[0]

    def layout(self) -> Layout:
        """The place of everything in the whole picture, when all levels are laid out."""
        origins: dict[str | None, Point] = {None: (0.0, 0.0)}
        boxes: dict[str, Box] = {}
        clusters: dict[str, Box] = {}
        for name in self.levels:
            if name is not None:
                around = origins[self.around[name]]
                box = self.placed[self.around[name]].boxes[name].moved(around)
                wide, high = self._size(name)
                clusters[name] = box = box._replace(width=wide, height=high)
                left, top = box.x - wide / 2, box.y - high / 2
                dx, dy = self._offset(name)
                origins[name] = left + dx, top + dy
            level = self.levels[name]
            for part in (*(part.id for part in level.parts), *level.labels):
                boxes[part] = self.placed[name].boxes[part].moved(origins[name])
        whole = self.placed[None]
        return Layout(whole.width, whole.height, boxes, self._arcs(origins), clusters)

    def _arcs(self, origins: dict[str | None, Point]) -> dict[tuple[str, str], Arc]:
        numbers = {
            name: {line: str(i) for i, line in enumerate(level.lines)}
            for name, level in self.levels.items()
        }

        def arc(level: str | None, line: _Line) -> Arc:
            drawn = self.placed[level].arcs[numbers[level][line], ""]
            if any(isinstance(end, _Port) for end in line):
                drawn = self._eased(drawn, self.placed[level].boxes.values())
            return drawn.moved(origins[level])

        found: dict[tuple[str, str], Arc] = {}
        cluster_of = {part.id: part.cluster for part in self.diagram.parts}
        for part in self.diagram.trunks:
            ends = part, trunk_id(part)
            found[ends] = arc(cluster_of[part], ends)
        for wire in self.diagram.wires:
            start = trunk_id(wire.tail) if wire.tail in self.diagram.trunks else wire.tail
            pieces = [arc(level, line) for level, line in self.routes[wire.id]]
            found[start, wire.id] = _joined(pieces)
            ends = wire.id, wire.head
            found[ends] = arc(cluster_of[wire.head], ends)
        return found

    def _eased(self, arc: Arc, boxes: Iterable[Box]) -> Arc:
        """A line to or from a frame as a single bend, if there is room for one."""
        if arc.start_tip or arc.end_tip:
            return arc
        start, end = (self._turned(point) for point in (arc.points[0], arc.points[-1]))
        if (room := _room(start, end, map(self._turned_box, boxes))) is None:
            return arc
        (first, last), middle = room, sum(room) / 2
        bend = ((middle, start[1]), (middle, end[1]), (last, end[1]))
        to, on = straight(start, (first, start[1])), straight((last, end[1]), end)
        return Arc(tuple(map(self._turned, (start, *to, *bend, *on))), None, None)

    def _turned(self, point: Point) -> Point:
        """A point as it is if lines run sideways, else with its coordinates exchanged; and back."""
        return point if self.sideways else (point[1], point[0])

    def _turned_box(self, box: Box) -> Box:
        return box if self.sideways else Box(box.y, box.x, box.height, box.width)


def _room(start: Point, end: Point, boxes: Iterable[Box]) -> tuple[float, float] | None:
    """From where to where on its way to the right a line can bend without touching a box."""
    first, last = start[0], end[0]
    middle = (first + last) / 2
    top, bottom = sorted((start[1], end[1]))
    for box in boxes:
        left, right = box.x - box.width / 2, box.x + box.width / 2
        beside = right <= first + _TOUCHING or left >= last - _TOUCHING
        if beside or box.y + box.height / 2 <= top or box.y - box.height / 2 >= bottom:
            continue
        at_end, at_start = (abs(box.y - y) < box.height / 2 for y in (end[1], start[1]))
        if left > middle and not at_end:
            last = left
        elif right < middle and not at_start:
            first = right
        else:
            return None
    return (first, last) if last - first >= _NARROWEST_BEND else None


def _in(start: str) -> str:
    return f"in_{start}"


def _out(start: str) -> str:
    return f"out_{start}"


def _end(end: _End, side: str, gates: Collection[str]) -> str:
    """An end of a line as DOT has it; a gate is reached from any side."""
    if isinstance(end, _Port):
        return f"{end.frame}:{end.point}:{side}"
    return end if end in gates else f"{end}:{side}"


def _side(places: Mapping[str, float], across: int, along: int, sideways: bool) -> str:
    """One side of a frame as a table: a thin cell for each port, and what lies between."""
    cells, at = [], 0
    for point, place in sorted(places.items(), key=lambda item: item[1]):
        start = max(at, round(place - _POINT / 2))
        cells += [(start - at, ""), (round(_POINT), f' PORT="{point}"')]
        at = start + round(_POINT)
    cells.append((along - at, ""))
    texts = []
    for length, port in cells:
        if length > 0:
            wide, high = (across, length) if sideways else (length, across)
            texts.append(f'<TD FIXEDSIZE="TRUE" WIDTH="{wide}" HEIGHT="{high}"{port}></TD>')
    between = "</TR><TR>" if sideways else ""
    return f"{_TABLE}<TR>{between.join(texts)}</TR></TABLE>"


def _joined(pieces: Sequence[Arc]) -> Arc:
    """Lines one after another as one, straight across what lies between them."""
    points = list(pieces[0].points)
    for piece in pieces[1:]:
        points += [*straight(points[-1], piece.points[0]), *piece.points[1:]]
    return Arc(tuple(points), pieces[0].start_tip, pieces[-1].end_tip)
