"""Adjoint: the chain rule on the vector program, from the output back to the inputs.

The table's rule for elementwise instructions, two products for a product, slices and sorted
segments for what was read. A block's gradient is complete when its own instruction is reached.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.compiler.forward import (
    Forward,
    is_one_dot,
    rows_view,
    shape_text,
    squeezed,
    summed,
    views_of,
)
from autodiff.compiler.layout import strided, window
from autodiff.compiler.program import BATCHED
from autodiff.compiler.schedule import (
    Block,
    Contraction,
    Elementwise,
    Indices,
    Instruction,
    Sum,
    VectorProgram,
    View,
)
from autodiff.expressions import EXPRESSION, Name, as_expression


class _Gradient:
    """What is known, while lines are written, about the gradient of one block."""

    def __init__(self, name: str, block: Block) -> None:
        self.name = self.own_name = name
        self.block = block
        self.covered: NDArray[np.bool_] | None = None
        self.made_at: int | None = None
        self.needs_zeros = False
        self.is_shared = False
        """Whether the name stands for an array that others use too."""


class Adjoint(Forward):
    """The lines that compute gradients."""

    def __init__(self, program: VectorProgram) -> None:
        super().__init__(program)
        self.gradients: dict[int, _Gradient] = {}
        self.ones = ""

    def _adjoint(self, wanted: Sequence[int]) -> list[str]:
        varies = self._varying(wanted)
        self.scope = ""
        self.lines += ["", "# the chain rule, from the output back to the inputs"]
        first = self.program.first_output
        if first.block in varies:
            batched = not self._is_unbatched(first)
            seed = "ones((1, n), dtype)" if batched else "ones(1, dtype)"
            if not batched and any(b.kind == BATCHED for b in self.program.blocks):
                seed += " * n"  # the same result for every example
            self._contribute(first, seed, batched)
            if self.program.blocks[first.block].size == 1 and "*" not in seed:
                self.ones = self.gradients[first.block].name
        for instruction in reversed(self.program.instructions):
            gradient = self.gradients.get(instruction.block)
            if gradient is not None:
                self._finish(gradient)
                self._backward(instruction, gradient.name, varies)
        return [self._input_gradient(i) for i in wanted]

    def _varying(self, wanted: Collection[int]) -> set[int]:
        """The blocks that depend on the wanted inputs."""
        varies = set(wanted)
        for instruction in self.program.instructions:
            if any(view.block in varies for view in views_of(instruction)):
                varies.add(instruction.block)
        return varies

    def _input_gradient(self, i: int) -> str:
        block = self.program.blocks[i]
        gradient = self.gradients.get(i)
        if gradient is None:
            return f"zeros({shape_text(block, transposed=True)}, dtype)"
        self._finish(gradient)
        name = f"{gradient.name}.copy()" if gradient.is_shared else gradient.name
        return f"{name}.T" if block.kind == BATCHED else name

    def _backward(self, instruction: Instruction, d: str, varies: set[int]) -> None:
        block = self.program.blocks[instruction.block]
        batched = block.kind == BATCHED
        if isinstance(instruction, Elementwise):
            self._backward_elementwise(instruction, d, varies, batched)
        elif isinstance(instruction, Contraction):
            if self._is_rowwise(instruction):
                self._backward_rows(instruction, d, varies, batched)
            else:
                self._backward_product(instruction, d, varies, batched)
        elif isinstance(instruction, Sum):
            if instruction.view.block in varies:
                view = summed(instruction)
                shape = (*view.indices.shape, *(["n"] if batched else []))
                text = f"broadcast_to({d}, ({', '.join(map(str, shape))},))"
                self._contribute(view, text, batched)
        else:
            for view, place in zip(instruction.views, instruction.places, strict=True):
                if view.block in varies:
                    self._contribute(view, f"{d}[{self._place(place)}]", batched)

    def _backward_elementwise(
        self, instruction: Elementwise, d: str, varies: set[int], batched: bool
    ) -> None:
        flags = [view.block in varies for view in instruction.views]
        operands = self._operands(instruction)
        y = Name(self.names[instruction.block])
        grid = self._grid(instruction)
        if grid:
            shape = f"({grid[0]}, {grid[1]}{', n' * batched})"
            y, d = Name(f"{y}.reshape{shape}"), f"{d}.reshape{shape}"
        partials = instruction.primitive.partial_derivatives(EXPRESSION, y, operands, flags)
        by_view: dict[Any, Any] = {}
        view_of: dict[Any, View] = {}
        for view, partial, varying in zip(
            self._operand_views(instruction), partials, flags, strict=True
        ):
            if not varying or (isinstance(partial, int) and partial == 0):
                continue
            key = (view.block, view.indices.shape, view.indices.tobytes())
            view_of[key] = view
            before = by_view.get(key)
            if before is None:
                by_view[key] = partial
            else:  # the same operand twice, as in a·a
                by_view[key] = 2 * partial if before == partial else before + partial
        for key, partial in by_view.items():
            view = view_of[key]
            is_one = d == self.ones and instruction.primitive.arity is None
            text = self._text(as_expression(partial if is_one else Name(d) * partial))
            axes = [a for a in (0, 1) if grid and view.indices.shape[a] < grid[a]]
            if axes:
                text = f"({text}).sum({axes[0] if len(axes) == 1 else (0, 1)}, keepdims=True)"
            self._contribute(view, text, batched)

    def _backward_rows(
        self, instruction: Contraction, d: str, varies: set[int], batched: bool
    ) -> None:
        left, right = self._rows_of(instruction)
        if not is_one_dot(instruction):
            d = f"{d}[:, None]"
        if left == right and instruction.left.block in varies:
            self._contribute(rows_view(instruction.left), f"2 * {d} * {left}", batched)
            return
        sides = [(instruction.left, right), (instruction.right, left)]
        for (view, other), partner in zip(
            sides, (instruction.right, instruction.left), strict=True
        ):
            if view.block in varies:
                rows = rows_view(view)
                expanded = batched and self._is_unbatched(partner) and not is_one_dot(instruction)
                text = f"{d} * {other}[..., None]" if expanded else f"{d} * {other}"
                self._contribute(rows, text, batched)

    def _backward_product(
        self, instruction: Contraction, d: str, varies: set[int], batched: bool
    ) -> None:
        (groups, rows, _), columns = (
            instruction.left.indices.shape,
            instruction.right.indices.shape[1],
        )
        width = f"{columns} * n" if batched else str(columns)
        plain = batched and groups == columns == 1
        stack = [str(groups)] if groups > 1 else []
        d_matrix = d if plain else f"{d}.reshape({', '.join([*stack, str(rows), width])})"
        if instruction.left.block in varies:
            right = self._right(instruction)
            if not batched and groups == 1 and columns == 1:
                right = f"{right}[:, None]"
            transposed = f"{right}.T" if groups == 1 else f"{right}.swapaxes(1, 2)"
            self._contribute(
                squeezed(instruction.left),
                f"{d_matrix} @ {transposed}",
                False,
                (d_matrix, transposed),
            )
        if instruction.right.block in varies:
            left = self._left(instruction)
            transposed = f"{left}.T" if groups == 1 else f"{left}.swapaxes(1, 2)"
            view = self._right_view(instruction)
            text = f"{transposed} @ {d_matrix}"
            if not plain:
                shape = [*map(str, view.indices.shape), *(["n"] if batched else [])]
                text = f"({text}).reshape({', '.join(shape)})"
            self._contribute(view, text, batched)

    # -------------------------------------------------------------------------- adding it up

    def _contribute(
        self, view: View, text: str, batched: bool, factors: tuple[str, str] | None = None
    ) -> None:
        """Add to the gradient of a view; what comes per example is summed where it is shared."""
        block = self.program.blocks[view.block]
        if batched and block.kind != BATCHED:
            atom = re.fullmatch(r"(-?)(\w+(?:\.reshape\([\w, ]*\))?)", text)
            text = f"{atom[1]}{atom[2]}.sum(-1)" if atom else f"({text}).sum(-1)"
        gradient = self.gradients.get(view.block)
        if gradient is None:
            gradient = _Gradient(self._fresh(f"d_{self.names[view.block]}"), block)
            self.gradients[view.block] = gradient
        if _is_whole(view, block):
            if view.indices.ndim > 1:
                text = _reshaped(text, block)
            self._add_whole(gradient, text)
            return
        self._make_room(gradient)
        self._add_part(gradient, view, block, text, factors)

    def _add_whole(self, gradient: _Gradient, text: str) -> None:
        name = gradient.name
        if gradient.covered is None:
            gradient.covered = np.ones(gradient.block.size, bool)
            gradient.is_shared = not _is_new_array(text)
            if text.isidentifier():
                gradient.name = text
            else:
                self._line(f"{name} = {text}")
        elif gradient.is_shared:
            gradient.name, gradient.is_shared = gradient.own_name, False
            self._line(f"{gradient.name} = {name} + {text}")
        else:
            self._finish(gradient)
            self._line(f"{name} += {text}")

    def _make_room(self, gradient: _Gradient) -> None:
        """An array of its own, into which parts can be written."""
        if gradient.covered is None:
            gradient.covered = np.zeros(gradient.block.size, bool)
            gradient.made_at = len(self.lines)
            self._line("")  # filled in when it is known whether all of it is written
        elif gradient.is_shared:
            self._line(f"{gradient.own_name} = {gradient.name}.copy()")
            gradient.name, gradient.is_shared = gradient.own_name, False

    def _add_part(
        self,
        gradient: _Gradient,
        view: View,
        block: Block,
        text: str,
        factors: tuple[str, str] | None,
    ) -> None:
        name, indices, covered = gradient.name, view.indices, gradient.covered
        assert covered is not None
        fresh = gradient.made_at is not None and not covered[indices].any()
        if not fresh and not covered[indices].all():
            gradient.needs_zeros = True
        layout = strided(indices)
        found = window(layout, block.size) if layout and _are_distinct(indices) else None
        covered[indices] = True
        if not found:
            gradient.needs_zeros = True
            self._scatter(gradient, indices, text)
            return
        target = self._slice_text(name, found, block)
        if fresh and factors and not found.columns and not found.axes:
            self._line(f"matmul({factors[0]}, {factors[1]}, out={target})")
            return
        if target == name or found.shape:
            target += "[...]"
        self._line(f"{target} {'=' if fresh else '+='} {text}")

    def _scatter(self, gradient: _Gradient, indices: Indices, text: str) -> None:
        batched = gradient.block.kind == BATCHED
        flat = indices.ravel()
        if indices.ndim > 1:
            text = f"({text}).reshape({len(flat)}{', n' if batched else ''})"
        if _are_distinct(flat):
            self._line(f"{gradient.name}[{self._place(flat)}] += {text}")
            return
        order = np.argsort(flat, kind="stable")
        targets, starts = np.unique(flat[order], return_index=True)
        if len(targets) == 1:
            at = int(targets[0])
            self._line(f"{gradient.name}[{at}] += ({text}).sum(0)")
            return
        ordered = f"({text})"
        if (order != np.arange(len(order))).any():
            ordered += f".take({self._array('i', order)}, 0)"
        segments = f"add.reduceat({ordered}, {self._array('i', starts)}, 0)"
        self._line(f"{gradient.name}[{self._place(targets)}] += {segments}")

    def _finish(self, gradient: _Gradient) -> None:
        """Fill in how the array of parts is made: zeros, unless every element is written."""
        if gradient.made_at is not None:
            assert gradient.covered is not None
            full = gradient.covered.all() and not gradient.needs_zeros
            maker = "empty" if full else "zeros"
            text = f"{gradient.name} = {maker}({shape_text(gradient.block)}, dtype)"
            self.lines[gradient.made_at] = text
            gradient.made_at = None


def _is_new_array(text: str) -> bool:
    """Whether an expression makes an array, rather than a view of one that others may use."""
    node = ast.parse(text, mode="eval").body
    while True:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr not in ("reshape", "transpose", "swapaxes"):
                return True
            node = node.func.value
        elif isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call):
            return isinstance(node.func, ast.Name) and node.func.id != "broadcast_to"
        else:
            return not isinstance(node, ast.Name)


def _is_whole(view: View, block: Block) -> bool:
    size = view.indices.size
    return bool(size == block.size and (view.indices.ravel() == np.arange(size)).all())


def _reshaped(text: str, block: Block) -> str:
    """The text of an array in the shape of a block, instead of the shape that it had."""
    inner = re.fullmatch(r"(\(.*\))\.reshape\([\w, *]*\)", text)
    return f"{inner[1] if inner else f'({text})'}.reshape{shape_text(block)}"


def _are_distinct(indices: Indices) -> bool:
    return bool(len(np.unique(indices)) == indices.size)
