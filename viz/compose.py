"""Compose: a diagram and its layout become a scene, shapes with a place."""

from __future__ import annotations

from collections.abc import Iterator

from viz.diagram import Diagram, Label, Part, Wire
from viz.layout import (
    LINE,
    NOTE_SIZE,
    NUMBER_SIZE,
    TITLE_SIZE,
    Arc,
    Box,
    Layout,
    is_round,
    straight,
    trunk_id,
)  # fmt: skip
from viz.scene import Circle, Curve, Group, Point, Polygon, Rectangle, Scene, Shape, Text
from viz.typography import width, wrapped

_MARGIN = 16
_IN = (_MARGIN, _MARGIN)
_NARROWEST_CAPTION = 480
_CALLED_SIZE = 10
"""Of what the result of a gate is called, beneath its symbol."""
_STACK = 8
"""Distance of the first sheet of a stack from the last."""
_PORT = 1
"""Distance from a box at which Graphviz begins a line."""
_ARROW = 0.42
"""Half of an arrow's width, as a share of its length."""


def compose(diagram: Diagram, layout: Layout, size: int) -> Scene:
    """The scene of a laid out diagram; ``size`` is that of names and symbols."""
    across = max(layout.width, _NARROWEST_CAPTION if diagram.caption else 0)
    caption = [line for text in diagram.caption for line in wrapped(text, NUMBER_SIZE, across)]
    widest = max([layout.width, *(width(line, NUMBER_SIZE) for line in caption)])
    foot = LINE * len(caption) + (10 if caption else 0)
    scene = Scene(
        round(widest + 2 * _MARGIN, 1),
        round(layout.height + foot + 2 * _MARGIN, 1),
        list(_Composer(diagram, layout, size).groups()),
        diagram.title,
        diagram.description,
    )
    if caption:
        first = _MARGIN + layout.height + 10 + NUMBER_SIZE
        lines: list[Shape] = [
            Text(line, _MARGIN, first + LINE * i, "quiet", NUMBER_SIZE, "start")
            for i, line in enumerate(caption)
        ]
        scene.groups.append(Group("caption", {}, lines))
    return scene


class _Composer:
    def __init__(self, diagram: Diagram, layout: Layout, size: int) -> None:
        self.diagram, self.size = diagram, size
        self.boxes = {name: box.moved(_IN) for name, box in layout.boxes.items()}
        self.clusters = {name: box.moved(_IN) for name, box in layout.clusters.items()}
        self.arcs = {ends: arc.moved(_IN) for ends, arc in layout.arcs.items()}
        self.sideways = diagram.direction == "right"
        self.forking_paths = {wire.tail for wire in diagram.wires if wire.highlighted}

    def groups(self) -> Iterator[Group]:
        for cluster in self.diagram.clusters.values():
            if cluster.id in self.clusters:
                yield self._cluster(cluster.id)
        for name, label in self.diagram.trunks.items():
            yield self._trunk(name, label)
        for wire in self.diagram.wires:
            yield self._wire(wire)
        for part in self.diagram.parts:
            yield self._neuron(part) if self.diagram.columns else self._part(part)
        if any(self.diagram.headings):
            yield Group("headings", {}, list(self._headings()))

    # ---------------------------------------------------------------------------------- parts

    def _cluster(self, name: str) -> Group:
        cluster, box = self.diagram.clusters[name], self.clusters[name]
        left, top = box.x - box.width / 2, box.y - box.height / 2
        frame = Rectangle(left, top, box.width, box.height, 10, "cluster", "wire", 0.8)
        title = Text(cluster.title, left + 10, top + 17, "quiet", TITLE_SIZE, "start", bold=True)
        return Group("cluster", {"scope": cluster.name}, [frame, title])

    def _part(self, part: Part) -> Group:
        box = self.boxes[part.id]
        stroke = "highlight" if part.highlighted else "wire"
        thickness = 2.4 if part.highlighted else 1.2
        shapes = list(self._outline(part, box, stroke, thickness))
        if part.copies > 1:
            box = _front_of_stack(box)
        if part.kind == "constant":
            shapes.append(_centred(part.title, box.x, box.y, "quiet", NUMBER_SIZE))
        elif part.called and width(part.called, _CALLED_SIZE) <= box.width - 6:
            shapes.append(_centred(part.title, box.x, box.y - 4, "ink", self.size))
            shapes.append(_centred(part.called, box.x, box.y + 9, "quiet", _CALLED_SIZE))
        elif part.subtitle:
            shapes.append(_centred(part.title, box.x, box.y - 8, "ink", self.size, bold=True))
            shapes.append(_centred(part.subtitle, box.x, box.y + 10, "quiet", NOTE_SIZE))
        elif part.title:
            bold = part.kind != "gate"
            shapes.append(_centred(part.title, box.x, box.y, "ink", self.size, bold=bold))
        return Group(
            part.kind, {"node": part.id}, shapes, part.tooltip, self._fades(part.highlighted)
        )

    def _neuron(self, part: Part) -> Group:
        """A circle with a value; outside of it its name, or its bias."""
        x, y, wide, _ = self.boxes[part.id]
        if part.kind == "more":
            return Group(part.kind, {"node": part.id}, [_centred(part.title, x, y, "quiet", 18)])
        shapes: list[Shape] = [Circle(x, y, wide / 2, "gate", "wire")]
        shapes.append(_centred(part.title, x, y, "value", NUMBER_SIZE - 1))
        if part.called:
            at = (x - wide / 2 - 7, y + 4.5) if self.sideways else (x, y - wide / 2 - 7)
            anchor = "end" if self.sideways else "middle"
            shapes.append(Text(part.called, *at, "ink", self.size - 1, anchor, bold=True))
        if part.subtitle:
            shapes.append(Text(part.subtitle, x, y + wide / 2 + 11, "quiet", _CALLED_SIZE))
        return Group(part.kind, {"node": part.id}, shapes, part.tooltip)

    def _headings(self) -> Iterator[Text]:
        """Return the headings above each column, or beside each row."""
        for column, heading in zip(self.diagram.columns, self.diagram.headings, strict=True):
            box = self.boxes[column[0]]
            if self.sideways:
                yield Text(heading, box.x, _MARGIN + 10, "quiet", TITLE_SIZE, bold=True)
            else:
                yield Text(heading, _MARGIN, box.y - 30, "quiet", TITLE_SIZE, "start", bold=True)

    def _outline(self, part: Part, box: Box, stroke: str, thickness: float) -> Iterator[Shape]:
        """Each kind of part has a shape of its own; colour only adds to that."""
        x, y, wide, high = box
        left, top = x - wide / 2, y - high / 2
        if part.kind == "constant":
            return
        if is_round(part, self.size):
            yield Circle(x, y, wide / 2, "gate", stroke, thickness)
        elif part.kind == "gate":
            yield Rectangle(left, top, wide, high, high / 2, "gate", stroke, thickness)
        elif part.kind == "group":
            if part.copies > 1:
                x, y, wide, high = _front_of_stack(box)
                left, top = x - wide / 2, y - high / 2
                for offset in (_STACK, _STACK / 2):
                    yield Rectangle(left + offset, top - offset, wide, high, 8, "gate", stroke, 0.8)
            yield Rectangle(left, top, wide, high, 8, "gate", stroke, thickness)
        elif part.kind == "parameter":
            yield Rectangle(left, top, wide, high, 2, "parameter", stroke, thickness)
        elif part.kind == "output":
            edge = stroke if part.highlighted else "ink"
            yield Rectangle(
                left, top, wide, high, high / 2, "background", edge, max(thickness, 1.8)
            )
        else:
            yield Rectangle(left, top, wide, high, high / 2, "background", stroke, thickness)

    # ---------------------------------------------------------------------------------- wires

    def _trunk(self, part: str, label: Label) -> Group:
        name = trunk_id(part)
        box = self.boxes[name]
        arc = self.arcs[part, name]
        highlighted = part in self.forking_paths
        gradient, weight = self.diagram.trunk_gradients.get(part, (None, 1.2))
        color, thickness, dashed = _line_style(gradient, weight, highlighted)
        line = (*arc.points, *straight(arc.points[-1], self._exit(box)))
        shapes: list[Shape] = [Curve(line, color, thickness, dashed)]
        shapes += _arrows(arc, color)
        shapes += self._texts(box, label, self.diagram.roles)
        return Group("trunk", {"node": part}, shapes, faded=self._fades(highlighted))

    def _wire(self, wire: Wire) -> Group:
        box = self.boxes[wire.id]
        start = trunk_id(wire.tail) if wire.tail in self.diagram.trunks else wire.tail
        first, last = self.arcs[start, wire.id], self.arcs[wire.id, wire.head]
        color, thickness, dashed = _line_style(wire.gradient, wire.width, wire.highlighted)
        across = straight(first.points[-1], last.points[0])
        line = Curve((*first.points, *across, *last.points[1:]), color, thickness, dashed)
        shapes: list[Shape] = [line, *_arrows(first, color), *_arrows(last, color)]
        above, below = self.diagram.roles
        shapes += self._texts(box, wire.label, ("quiet" if wire.is_constant else above, below))
        data = {"tail": wire.tail, "head": wire.head, "slot": str(wire.slot)}
        return Group("wire", data, shapes, wire.tooltip, self._fades(wire.highlighted))

    def _texts(self, box: Box, label: Label, roles: tuple[str, str]) -> Iterator[Text]:
        """The rows of a label: above and below a line that runs sideways, else on its two sides."""
        x, y = box.x, box.y
        rows = [text for text in (label.below, label.note) if text]
        if self.sideways:
            if label.above:
                yield Text(label.above, x, y - 5, roles[0], NUMBER_SIZE)
            places = [(x, y + LINE * (i + 1) - 1, "middle") for i in range(len(rows))]
        else:
            middle = y + 0.35 * NUMBER_SIZE
            if label.above:
                yield Text(label.above, x - 6, middle, roles[0], NUMBER_SIZE, "end")
            middle -= LINE * (len(rows) - 1) / 2
            places = [(x + 6, middle + LINE * i, "start") for i in range(len(rows))]
        for text, (left, baseline, anchor) in zip(rows, places, strict=True):
            if text is label.note:
                yield Text(text, left, baseline, "quiet", NOTE_SIZE, anchor, italic=True)
            else:
                yield Text(text, left, baseline, roles[1], NUMBER_SIZE, anchor)

    def _exit(self, box: Box) -> Point:
        if self.sideways:
            return box.x + box.width / 2 + _PORT, box.y
        return box.x, box.y + box.height / 2 + _PORT

    def _fades(self, highlighted: bool) -> bool:
        return self.diagram.focused and not highlighted


def _line_style(
    gradient: float | None, width: float, is_highlighted: bool
) -> tuple[str, float, bool]:
    """Colour, width and dashes: hue is the sign of the gradient, width its size."""
    width = round(width, 2)
    if is_highlighted:
        return "highlight", max(width, 2.4), False
    if gradient is None or gradient == 0:
        return "wire", width, False
    return ("negative", width, True) if gradient < 0 else ("positive", width, False)


def _arrows(arc: Arc, role: str) -> Iterator[Polygon]:
    for base, tip in ((arc.points[0], arc.start_tip), (arc.points[-1], arc.end_tip)):
        if tip is not None:
            yield Polygon(_triangle(base, tip), role)


def _triangle(base: Point, tip: Point) -> tuple[Point, Point, Point]:
    across = (tip[1] - base[1]) * _ARROW, (base[0] - tip[0]) * _ARROW
    left = round(base[0] + across[0], 2), round(base[1] + across[1], 2)
    right = round(base[0] - across[0], 2), round(base[1] - across[1], 2)
    return left, tip, right


def _centred(text: str, x: float, y: float, role: str, size: float, *, bold: bool = False) -> Text:
    return Text(text, x, round(y + 0.35 * size, 2), role, size, bold=bold)


def _front_of_stack(box: Box) -> Box:
    half = _STACK / 2
    return Box(box.x - half, box.y + half, box.width - _STACK, box.height - _STACK)
