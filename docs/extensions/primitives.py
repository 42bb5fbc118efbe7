"""``:::{primitives}``: THE table, from the table itself.

Each row is a target, so that the name of a function leads to it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

import autodiff
from autodiff import notation
from autodiff.formula import Formula, as_formula
from autodiff.notation import TextbookMathematics
from autodiff.primitives import PRIMITIVES, Primitive

HEADINGS = ("name", "gate", "value y", "derivatives", "defined where")
_TERMS = 3
"""Operands that are written of an operation that takes any number."""

DEFINITIONS = {
    "log1p": "log(1 + a)",
    "expm1": "exp(a) - 1",
    "sinh": "(exp(a) - exp(-a)) / 2",
    "cosh": "(exp(a) + exp(-a)) / 2",
    "tanh": "sinh(a) / cosh(a)",
    "sigmoid": "1 / (1 + exp(-a))",
    "softplus": "log(1 + exp(a))",
    "hypot": "sqrt(a ** 2 + b ** 2)",
    "where": "a if c else b",
    "dot": "a0 * a1 + a2",
    "fsum": "a0 + a1 + a2",
    "logsumexp": "log(exp(a0) + exp(a1) + exp(a2))",
}
"""Operations that are computed otherwise than they are defined, as Python has it. A test agrees."""


class Choice(Formula):
    """A formula with cases: pairs of a condition and what holds there, and what holds elsewhere."""

    __slots__ = ("cases", "otherwise")

    def __init__(self, cases: list[tuple[str, Formula]], otherwise: Formula) -> None:
        while cases and str(cases[-1][1]) == str(otherwise):
            cases.pop()
        self.cases, self.otherwise = cases, otherwise
        texts = [f"{formula} if {condition}" for condition, formula in cases]
        if cases:
            super().__init__("; ".join([*texts, f"else {otherwise}"]), rank=0)
        else:
            super().__init__(str(otherwise), otherwise.rank)


class CasesMathematics(TextbookMathematics):
    """The namespace in which a choice is written case by case."""

    undefined = Formula("undefined")

    def __init__(self) -> None:
        super().__init__(lambda condition, *_: condition)

    def where(self, condition: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
        """Cases; of forms that are chosen by size, and are equal in value, the first."""
        text = str(condition)
        if text.startswith("abs("):
            return if_true()
        cases = [
            (text if within == "" else f"{text} and {within}", formula)
            for within, formula in _cases(if_true())
        ]
        *others, (_, otherwise) = _cases(if_false())
        return Choice([*cases, *others], otherwise)


def _cases(formula: Any) -> list[tuple[str, Formula]]:
    if isinstance(formula, Choice):
        return [*formula.cases, ("", formula.otherwise)]
    return [("", as_formula(formula))]


def operands(primitive: Primitive) -> list[str]:
    """The names of the operands, as in the entry of the table."""
    if primitive.arity is None:
        return [f"a{i}" for i in range(_TERMS)]
    return list(inspect.signature(primitive.value).parameters)[1:]


def derivatives(primitive: Primitive) -> Iterator[tuple[str, str]]:
    """For each operand its name and ∂y/∂operand."""
    names = operands(primitive)
    formulas = primitive.partial_derivatives(
        CasesMathematics(), Formula("y"), [Formula(name) for name in names], [True] * len(names)
    )
    printed = {name: notation.subscripted(name) for name in names}
    for name, formula in zip(names, formulas, strict=True):
        yield printed[name], notation.typeset(str(as_formula(formula)), printed)


def value(primitive: Primitive) -> str:
    """What an operation computes."""
    printed = {name: notation.subscripted(name) for name in operands(primitive)}
    if text := DEFINITIONS.get(primitive.name):
        return notation.typeset(text, printed)
    return notation.value(primitive, list(printed.values()))


def row(primitive: Primitive) -> list[str]:
    """The cells of one row."""
    slopes = list(derivatives(primitive))
    texts = [text if len(slopes) == 1 else f"∂y/∂{name} = {text}" for name, text in slopes]
    if len(slopes) > 1 and len({text for _, text in slopes}) == 1:
        texts = [f"{slopes[0][1]} for each operand"]
    cells = [primitive.name, primitive.symbol, value(primitive), "\n".join(texts)]
    return [cell.replace("==", "=") for cell in (*cells, primitive.domain.text)]


class Primitives(SphinxDirective):
    """The table, with a target for each function of the package."""

    def run(self) -> list[nodes.Node]:
        """Sphinx asks for this."""
        body = nodes.tbody()
        head = nodes.thead("", _row(HEADINGS))
        for primitive in PRIMITIVES.values():
            if primitive.arity != 0:
                body += self._entry(primitive)
        group = nodes.tgroup(cols=len(HEADINGS))
        group += [nodes.colspec(colwidth=1) for _ in HEADINGS]
        group += [head, body]
        return [nodes.table("", group, classes=["primitives"])]

    def _entry(self, primitive: Primitive) -> nodes.row:
        cells = _row(row(primitive))
        cells[0].children[0].children = [nodes.literal("", primitive.name)]
        if primitive.name in autodiff.__all__ and primitive.arity:
            name = f"autodiff.{primitive.name}"
            cells["ids"].append(name)
            self.state.document.note_explicit_target(cells)
            self.env.domains.python_domain.note_object(name, "function", name)
        return cells


def _row(texts: Any) -> nodes.row:
    cells = nodes.row()
    for text in texts:
        lines = [nodes.line("", line) for line in text.splitlines()]
        content = nodes.line_block("", *lines) if len(lines) > 1 else nodes.paragraph(text=text)
        cells += nodes.entry("", content)
    return cells


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.add_directive("primitives", Primitives)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
