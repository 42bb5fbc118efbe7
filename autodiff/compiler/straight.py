"""Straight-line Python on floats: the second emitter, for narrow graphs without examples.

Each scalar instruction is one statement, forward and then in reverse. The rules are those of the
table, applied to names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autodiff import primitives
from autodiff.compiler.program import Program
from autodiff.compiler.source import Names, ProgramPrinter, Source, comment, functions, identifier
from autodiff.expressions import EXPRESSION, Name, as_expression
from autodiff.mathematics import FLOAT
from autodiff.printers import CONDITIONAL

TERMS_IN_A_LINE = 50
_ARITHMETIC = {
    primitives.add, primitives.subtract, primitives.multiply, primitives.divide,
    primitives.negate, primitives.dot, primitives.fsum, primitives.hypot,
}  # fmt: skip
"""What may overflow silently on Python's floats, and keeps what has overflowed visible."""
_CODE = ProgramPrinter(CONDITIONAL)


def emit_straight(program: Program, wanted: Sequence[int] | None = None) -> Source:
    """The source of ``run(*inputs)``, whose inputs and gradients are lists of floats.

    Args:
        wanted: inputs whose gradients are returned after the list of outputs; None: outputs alone.
    """
    return _Straight(program, wanted).run()


def namespace() -> dict[str, Any]:
    """The globals of a generated function."""
    constants = {"nan": math.nan, "inf": math.inf, "isfinite": math.isfinite}
    return {**functions(FLOAT), "abs": abs, "float": float, "pow": math.pow, **constants,
            "OverflowError": OverflowError}  # fmt: skip


class _Straight:
    def __init__(self, program: Program, wanted: Sequence[int] | None) -> None:
        self.program = program
        self.wanted = wanted
        self.lines: list[str] = []
        self.inputs: list[list[str]] = []
        self.names: list[str] = []
        self._fresh = Names({"run", *namespace()}).fresh
        for block in program.inputs:
            base = identifier(block.name, "")
            self.inputs.append([self._fresh(f"{base}{k}") for k in range(block.size)])
            self.names += self.inputs[-1]
        self.names += [repr(constant) for constant in program.constants]

    def run(self) -> Source:
        """The source, instruction by instruction."""
        program = self.program
        arguments = [self._fresh(f"arg{i}") for i in range(len(program.inputs))]
        for argument, names in zip(arguments, self.inputs, strict=True):
            if names:
                self.lines.append(f"{', '.join(names)}, = {argument}")
        scope = ""
        for at, (operation, operands) in enumerate(
            zip(program.operations, program.operands, strict=True)
        ):
            if program.scopes[at] != scope:
                scope = program.scopes[at]
                self.lines.append(comment(scope) if scope else "")
            self.names.append(self._result_name(at))
            self._forward(operation, [self.names[o] for o in operands], self.names[-1])
        self._notice_overflow()
        results = [f"[{', '.join(self.names[output] for output in program.outputs)}]"]
        if self.wanted is not None:
            results += self._adjoint(self.wanted)
        self.lines.append(f"return {', '.join(results)}")
        body = "\n".join(f"    {line}" if line else "" for line in self.lines)
        return Source(f"def run({', '.join(arguments)}):\n{body}\n")

    def _result_name(self, at: int) -> str:
        given = self.program.names[at]
        return self._fresh(identifier(given, "") if given else f"v{at}")

    def _forward(self, operation: primitives.Primitive, operands: list[str], name: str) -> None:
        if operation is primitives.dot:
            count = len(operands) // 2
            pairs = zip(operands[:count], operands[count:-1], strict=True)
            self._sum(name, [f"{a} * {b}" for a, b in pairs] + operands[-1:])
        elif operation is primitives.fsum:
            self._sum(name, operands)
        else:
            value = _text(operation.value(EXPRESSION, *map(Name, operands)))
            if operation is primitives.power:  # ** of floats may be complex, pow raises
                value = f"pow({operands[0]}, {operands[1]})"
            is_comparison = operation.name in ("less", "less_equal", "greater", "greater_equal")
            self.lines.append(f"{name} = {f'float({value})' if is_comparison else value}")

    def _notice_overflow(self) -> None:
        """Python's arithmetic overflows without a word, and some operations make it finite again.

        A sum of all numbers that it could happen to is not finite if one of them is not.
        """
        made = dict(enumerate(self.program.operations, start=self.program.first))
        hidden = {
            operand: None
            for operation, operands in zip(
                self.program.operations, self.program.operands, strict=True
            )
            if operation not in _ARITHMETIC or operation is primitives.divide
            for operand in operands
            if made.get(operand) in _ARITHMETIC
        }
        names = [self.names[operand] for operand in hidden]
        for start in range(0, len(names), TERMS_IN_A_LINE):
            terms = " + ".join(names[start : start + TERMS_IN_A_LINE])
            self.lines.append(f"if not isfinite({terms}): raise OverflowError")

    def _sum(self, name: str, terms: list[str]) -> None:
        terms = [term for term in terms if term not in ("0", "0.0", "-0.0")]
        for start in range(0, len(terms), TERMS_IN_A_LINE):
            sign = "+=" if start else "="
            self.lines.append(f"{name} {sign} {' + '.join(terms[start : start + TERMS_IN_A_LINE])}")

    def _adjoint(self, wanted: Sequence[int]) -> list[str]:
        program, first = self.program, self.program.first
        varies = [False] * (first + len(program.operations))
        starts = [0]
        for block in program.inputs:
            starts.append(starts[-1] + block.size)
        for i in wanted:
            varies[starts[i] : starts[i + 1]] = [True] * program.inputs[i].size
        for i, operands in enumerate(program.operands, start=first):
            varies[i] = any(varies[operand] for operand in operands)
        self.lines += ["", "# the chain rule, from the output back to the inputs"]
        gradients: dict[int, str] = {}
        if program.outputs and varies[program.outputs[0]]:
            self._contribute(gradients, program.outputs[0], "1.0")
        for i in range(len(varies) - 1, first - 1, -1):
            if i in gradients:
                self._backward(i, gradients, varies)
        return [
            f"[{', '.join(gradients.get(k, '0.0') for k in range(starts[i], starts[i + 1]))}]"
            for i in wanted
        ]

    def _backward(self, i: int, gradients: dict[int, str], varies: list[bool]) -> None:
        at = i - self.program.first
        operation, operands = self.program.operations[at], self.program.operands[at]
        flags = [varies[operand] for operand in operands]
        names = [Name(self.names[operand]) for operand in operands]
        partials = operation.partial_derivatives(EXPRESSION, Name(self.names[i]), names, flags)
        if operation is primitives.logsumexp:
            shares = self._fresh("shares")
            self.lines.append(f"{shares} = softmax(({', '.join(map(str, names))},))")
            partials = [Name(f"{shares}[{k}]") for k in range(len(operands))]
        d = Name(gradients[i])
        for operand, partial, varying in zip(operands, partials, flags, strict=True):
            if varying and not (isinstance(partial, int) and partial == 0):
                self._contribute(gradients, operand, _text(d * partial))

    def _contribute(self, gradients: dict[int, str], i: int, text: str) -> None:
        if i in gradients:
            self.lines.append(f"{gradients[i]} += {text}")
        else:
            gradients[i] = self._fresh(f"d_{self.names[i]}")
            self.lines.append(f"{gradients[i]} = {text}")


def _text(part: Any) -> str:
    return _CODE.text(as_expression(part))
