"""Emit: a vector program as the source of one Python function with NumPy."""

from __future__ import annotations

import re
from collections.abc import Sequence

from autodiff.compiler.adjoint import Adjoint
from autodiff.compiler.forward import views_of
from autodiff.compiler.program import BATCHED
from autodiff.compiler.schedule import CONSTANTS, Contraction, VectorProgram
from autodiff.compiler.writer import Source


def emit(program: VectorProgram, wanted: Sequence[int] | None = None) -> Source:
    """The source of ``run(*inputs)``.

    Args:
        wanted: blocks of inputs whose gradients are returned after the outputs, as many as there
            are; the gradient is that of the sum over examples of the first output. None: outputs
            alone.
    """
    return _Emitter(program).run(wanted)


class _Emitter(Adjoint):
    """The whole function: inputs, forward, adjoint, results."""

    def run(self, wanted: Sequence[int] | None) -> Source:
        """The source, with the gradients of the wanted inputs."""
        program = self.program
        inputs = [self.names[i] for i in range(program.inputs)]
        batched = [i for i in range(program.inputs) if program.blocks[i].kind == BATCHED]
        if batched:
            self._line(f"n = {self.names[batched[0]]}.shape[0]  # examples")
        for i in batched:
            self._transpose_input(i)
        for instruction in program.instructions:
            self._forward(instruction)
        results = [self._outputs()]
        if wanted is not None:
            results += self._adjoint(wanted)
        self._line(f"return {', '.join(results)}")
        if batched:
            self._free_after_last_use()
        body = "\n".join(f"    {line}" if line else "" for line in self.lines)
        self.source.text = f"def run({', '.join(inputs)}):\n{body}\n"
        return self.source

    def _free_after_last_use(self) -> None:
        """Delete intermediate arrays as soon as they are not needed, so that memory is reused."""
        inputs = {self.names[i] for i in range(self.program.inputs)}
        last: dict[str, int] = {}
        for at, line in enumerate(self.lines):
            if not line.startswith("#"):
                last.update(dict.fromkeys(re.findall(r"[A-Za-z_]\w*", line), at))
        made = {line.split(" = ")[0] for line in self.lines if " = " in line}
        ends: dict[int, list[str]] = {}
        for name in sorted((made & last.keys()) - inputs - {"n"} - set(self.matrices.values())):
            if name.isidentifier() and last[name] < len(self.lines) - 1:
                ends.setdefault(last[name], []).append(name)
        lines: list[str] = []
        for at, line in enumerate(self.lines):
            lines.append(line)
            if at in ends:
                lines.append(f"del {', '.join(ends[at])}")
        self.lines = lines

    def _outputs(self) -> str:
        """All results in one array, which shares no memory with an input."""
        view = self.program.outputs
        if view.block == CONSTANTS:
            return self._array("c", self.program.constants[view.indices]) + ".copy()"
        text = self._read_stack(view)
        return f"{text}.copy()" if view.block < self.program.inputs else text

    def _transpose_input(self, i: int) -> None:
        """One column for each example; copied where more than matrix products read it."""
        name = self.names[i]
        readers = [
            instruction
            for instruction in self.program.instructions
            if any(view.block == i for view in views_of(instruction))
        ]
        products_only = all(
            isinstance(reader, Contraction) and self._is_unbatched(reader.left)
            for reader in readers
        )
        text = f"{name}.T" if products_only else f"ascontiguousarray({name}.T)"
        self._line(f"{name} = {text}")
