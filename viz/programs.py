"""Programs: a compiled function drawn as the operations on vectors that it became."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from viz.diagram import Diagram, Label, Part, Wire, frames
from viz.typography import counted, printable


class RowLike(Protocol):
    """An input, a constant, an operation or the result."""

    kind: str
    symbol: str
    name: str
    shape: str
    scope: str

    @property
    def operands(self) -> Sequence[Any]:
        """Operands, in order."""


def diagram_of_program(
    name: str, rows: Sequence[RowLike], stats: dict[str, Any], direction: str
) -> Diagram:
    """The diagram of a compiled function.

    Args:
        name: of the function.
        rows: its outline; see :attr:`autodiff.compiler.Compiled.outline`.
        stats: what became of the scalar graph.
        direction: ``"right"`` or ``"down"``.
    """
    diagram = Diagram(direction=direction, roles=("ink", "quiet"))
    for i, row in enumerate(rows):
        diagram.parts.append(_part(f"v{i}", row))
        for slot, operand in enumerate(row.operands):
            label = Label(operand.shape, "gather" if operand.is_gather else "")
            wire = Wire(f"v{operand.row}_v{i}_{slot}", f"v{operand.row}", f"v{i}", slot, label)
            wire.is_constant = rows[operand.row].kind == "constant"
            diagram.wires.append(wire)
    diagram.clusters = frames(diagram.parts)
    _fork(diagram, rows)
    diagram.title = f"Compiled program of {printable(name)}"
    diagram.description = _summary(rows, stats)
    diagram.caption = [diagram.description]
    return diagram


def _summary(rows: Sequence[RowLike], stats: dict[str, Any]) -> str:
    operations = sum(row.kind == "operation" for row in rows)
    text = f"{stats['scalars']:,} scalar nodes became {counted(operations, 'operation')} on vectors"
    if stats["products"]:
        text += f", {stats['products']:,} of them matrix products with shared weights"
    if any(row.kind == "input" for row in rows):
        text += "; n is the number of examples"
    if stats["target"] == "python":
        text += "; they run one by one on floats, which is faster here"
    return f"{text}."


def _part(name: str, row: RowLike) -> Part:
    if row.kind == "operation":
        tooltip = f"{row.name}, {row.shape}"
        return Part(name, "gate", row.symbol, scope=row.scope, tooltip=tooltip)
    return Part(name, row.kind, printable(row.name), tooltip=row.shape)


def _fork(diagram: Diagram, rows: Sequence[RowLike]) -> None:
    """Draw a result that several operations read as one line that forks."""
    uses: dict[str, int] = {}
    for wire in diagram.wires:
        uses[wire.tail] = uses.get(wire.tail, 0) + 1
    for part, row in zip(diagram.parts, rows, strict=True):
        if uses.get(part.id, 0) > 1:
            diagram.trunks[part.id] = Label(row.shape)
