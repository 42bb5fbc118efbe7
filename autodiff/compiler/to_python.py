"""Python: a program of scalars as straight lines on floats, for narrow graphs without examples."""

from __future__ import annotations

import math
from typing import Any

from autodiff import primitives
from autodiff.compiler.scalars import TERMS_AT_A_TIME
from autodiff.compiler.source import (
    Names,
    ProgramPrinter,
    Source,
    comment,
    functions,
    identifier,
    is_comparison,
)
from autodiff.compiler.vectors import (
    CONSTANTS,
    Add,
    Elementwise,
    Fill,
    Instruction,
    Pack,
    VectorProgram,
    View,
    views_of,
)
from autodiff.expressions import Call, Expression, Literal, Name, folded
from autodiff.mathematics import FLOAT
from autodiff.printers import CONDITIONAL

_ARITHMETIC = {
    primitives.add, primitives.subtract, primitives.multiply, primitives.divide,
    primitives.negate, primitives.dot, primitives.fsum, primitives.hypot,
}  # fmt: skip
"""Operations that overflow silently on Python's floats, and keep an overflow visible."""
_PRINTER = ProgramPrinter(CONDITIONAL, {"power": "pow"})  # ** of floats may be complex, pow raises


def python_source(
    program: VectorProgram, name: str = "run", notices_overflow: bool = True
) -> Source:
    """The source of a function whose inputs, outputs and gradients are lists of floats.

    Args:
        program: as :func:`autodiff.compiler.scalars.in_scalars` makes it, be it with gradients.
        name: of the function.
        notices_overflow: whether it raises where a number is too large, be it inside.
    """
    return _PythonWriter(program).run(name, notices_overflow)


def namespace() -> dict[str, Any]:
    """The globals of a generated function."""
    constants = {"nan": math.nan, "inf": math.inf, "isfinite": math.isfinite}
    return {**functions(FLOAT), "abs": abs, "float": float, "pow": math.pow, **constants,
            "OverflowError": OverflowError}  # fmt: skip


class _PythonWriter:
    def __init__(self, program: VectorProgram) -> None:
        self.program = program
        self.lines: list[str] = []
        self._fresh = Names({"run", *namespace()}).fresh
        self.texts: dict[int, list[str]] = {}
        """How each element of each block is read."""
        self.is_set: dict[int, dict[int, bool]] = {}
        """For blocks that are added to, which of their elements something was added to."""
        self.filled: dict[int, float] = {}
        self.shares: dict[View, str] = {}
        self.pieces: dict[int, tuple[View, ...]] = {}
        blocks = program.blocks[: program.inputs]
        self.arguments = [self._fresh(identifier(block.name, "")) for block in blocks]
        for i, block in enumerate(blocks):
            base = identifier(block.name, "")
            self.texts[i] = [self._fresh(f"{base}{k}") for k in range(block.size)]

    def run(self, name: str, notices_overflow: bool) -> Source:
        """The source, instruction by instruction."""
        program = self.program
        for argument, names in zip(self.arguments, self.texts.values(), strict=True):
            if names:
                self.lines.append(f"{', '.join(names)}, = {argument}")
        scope = ""
        for instruction in program.instructions[: program.forward]:
            own = program.blocks[instruction.block].scope
            if own != scope and not isinstance(instruction, Pack):
                scope = own
                self.lines.append(comment(scope) if scope else "")
            self._write(instruction)
        if notices_overflow:
            self._notice_overflow()
        results = [f"[{', '.join(self._read(program.outputs))}]"]
        if program.gradients:
            self.lines += ["", "# the chain rule, from the output back to the inputs"]
            for instruction in program.instructions[program.forward :]:
                self._write(instruction)
            results += [f"[{', '.join(self._finished(block))}]" for block in program.gradients]
        self.lines.append(f"return {', '.join(results)}")
        body = "\n".join(f"    {line}" if line else "" for line in self.lines)
        return Source(f"def {name}({', '.join(self.arguments)}):\n{body}\n")

    def _read(self, view: View) -> list[str]:
        if view.block == CONSTANTS:
            return [repr(float(self.program.constants[i])) for i in view.indices.ravel()]
        return [self.texts[view.block][i] for i in view.indices.ravel().tolist()]

    def _finished(self, block: int) -> list[str]:
        """The elements of a gradient; those to which nothing was added are 0."""
        are_set = self.is_set.get(block, {})
        return [t if are_set.get(k, True) else "0.0" for k, t in enumerate(self.texts[block])]

    # --------------------------------------------------------------------------- instructions

    def _write(self, instruction: Instruction) -> None:
        if isinstance(instruction, Elementwise):
            self._elementwise(instruction)
        elif isinstance(instruction, Add):
            self._add(instruction)
        elif isinstance(instruction, Pack):
            texts = [""] * self.program.blocks[instruction.block].size
            for view, place in zip(instruction.views, instruction.places, strict=True):
                for at, text in zip(place.tolist(), self._read(view), strict=True):
                    texts[at] = text
            self.pieces[instruction.block] = instruction.views
            self.texts[instruction.block] = texts
        else:
            assert isinstance(instruction, Fill)
            self._fill(instruction)

    def _fill(self, instruction: Fill) -> None:
        size = self.program.blocks[instruction.block].size
        if instruction.number:
            self.texts[instruction.block] = [repr(instruction.number)] * size
            self.filled[instruction.block] = instruction.number
            return
        name = self._name(instruction.block)
        many = size > 1
        self.texts[instruction.block] = [
            self._fresh(f"{name}{k}" if many else name) for k in range(size)
        ]
        self.is_set[instruction.block] = dict.fromkeys(range(size), False)

    def _name(self, block: int) -> str:
        own = self.program.blocks[block]
        if own.gradient_of is None:
            return identifier(own.name, "") if own.name else f"v{block - self.program.inputs}"
        of, texts = self.program.blocks[own.gradient_of], self.texts[own.gradient_of]
        if len(texts) == 1:
            return f"d_{texts[0]}"
        return f"d_{identifier(of.name, '') if of.name else own.gradient_of}"

    def _elementwise(self, instruction: Elementwise) -> None:
        block = instruction.block
        size = self.program.blocks[block].size
        name, formulas = self._name(block), self._by_element(instruction.formula, size)
        self.texts[block] = [self._fresh(f"{name}{k}" if size > 1 else name) for k in range(size)]
        for text, formula in zip(self.texts[block], formulas, strict=True):
            self.lines.append(f"{text} = {self._value(formula)}")

    def _value(self, formula: Expression) -> str:
        text = _PRINTER.text(formula)
        return f"float({text})" if is_comparison(formula) else text

    def _add(self, instruction: Add) -> None:
        block, places = instruction.block, instruction.target.indices.ravel().tolist()
        are_set = self.is_set.get(block, {})
        for k, formula in zip(
            places, self._by_element(instruction.formula, len(places)), strict=True
        ):
            sign = "+=" if are_set.get(k, True) else "="
            self.lines.append(f"{self.texts[block][k]} {sign} {_PRINTER.text(formula)}")
            are_set[k] = True

    def _by_element(self, formula: Expression, count: int) -> list[Expression]:
        return [folded(self._element(formula, k), FLOAT) for k in range(count)]

    def _element(self, formula: Expression, k: int) -> Expression:
        """The formula of one element, of names."""
        if isinstance(formula, View):
            if formula.block in self.filled:
                return Literal(self.filled[formula.block])
            texts = self._read(formula)
            return Name(texts[k if len(texts) > 1 else 0])
        if not isinstance(formula, Call):
            return formula
        if not formula.operands[0].are_rows:
            return Call(formula.function, tuple([self._element(o, k) for o in formula.operands]))
        (rows,) = formula.operands
        assert isinstance(rows, View)
        if formula.function != "softmax":
            return Call(formula.function, tuple(map(Name, self._read(rows))))
        if rows not in self.shares:
            self.shares[rows] = self._fresh("shares")
            shares = Call("softmax", tuple(map(Name, self._read(rows))))
            self.lines.append(f"{self.shares[rows]} = {_PRINTER.text(shares)}")
        return Name(f"{self.shares[rows]}[{k}]")

    def _read_through(self, instruction: Elementwise) -> list[View]:
        """Return the operands of an instruction, each packed scalar by itself."""
        views = views_of(instruction)
        return [piece for view in views for piece in self.pieces.get(view.block, (view,))]

    def _notice_overflow(self) -> None:
        """Python's arithmetic overflows without a word, and some operations make it finite again.

        A sum of all numbers that it could happen to is not finite if one of them is not.
        """
        forward = self.program.instructions[: self.program.forward]
        made = {i.block: i.primitive for i in forward if isinstance(i, Elementwise)}
        hidden = {
            text: None
            for instruction in forward
            if isinstance(instruction, Elementwise)
            and (
                instruction.primitive not in _ARITHMETIC
                or instruction.primitive is primitives.divide
            )
            for view in self._read_through(instruction)
            if made.get(view.block) in _ARITHMETIC
            for text in self._read(view)
        }
        names = list(hidden)
        for start in range(0, len(names), TERMS_AT_A_TIME):
            terms = " + ".join(names[start : start + TERMS_AT_A_TIME])
            self.lines.append(f"if not isfinite({terms}): raise OverflowError")
