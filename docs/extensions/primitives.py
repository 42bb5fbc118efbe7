"""``:::{primitives}``: THE table, from the table itself.

Each row is a target, so that the name of a function leads to it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

import autodiff
from autodiff import notation
from autodiff.expressions import Call, Expression, Name, as_expression
from autodiff.mathematics import Thunk
from autodiff.notation import TEXTBOOK, TextbookMathematics, is_on_sizes
from autodiff.primitives import PRIMITIVES, Primitive

HEADINGS = ("name", "gate", "value y", "derivatives", "defined where")
_TERMS = 3
"""Operands that are written of an operation that takes any number."""

DEFINITIONS: dict[str, Callable[..., Any]] = {
    "log1p": lambda m, a: m.log(1 + a),
    "expm1": lambda m, a: m.exp(a) - 1,
    "sinh": lambda m, a: (m.exp(a) - m.exp(-a)) / 2,
    "cosh": lambda m, a: (m.exp(a) + m.exp(-a)) / 2,
    "tanh": lambda m, a: m.sinh(a) / m.cosh(a),
    "sigmoid": lambda m, a: 1 / (1 + m.exp(-a)),
    "softplus": lambda m, a: m.log(1 + m.exp(a)),
    "hypot": lambda m, a, b: m.sqrt(m.power(a, 2) + m.power(b, 2)),
    "sinc": lambda m, a: m.sin(m.pi * a) / (m.pi * a),
    "where": lambda m, c, a, b: m.where(c, lambda: a, lambda: b),
    "dot": lambda _, a0, a1, a2: a0 * a1 + a2,
    "fsum": lambda _, a0, a1, a2: a0 + a1 + a2,
    "logsumexp": lambda m, a0, a1, a2: m.log(m.exp(a0) + m.exp(a1) + m.exp(a2)),
}
"""Operations that are computed otherwise than they are defined. A test agrees."""


class CasesMathematics(TextbookMathematics):
    """The namespace in which a choice is written case by case."""

    undefined = Name("undefined")

    def where(self, condition: Any, if_true: Thunk, if_false: Thunk) -> Any:
        """A choice; of forms that are chosen by size, and are equal in value, the first."""
        return if_true() if is_on_sizes(condition) else super().where(condition, if_true, if_false)


def case_by_case(formula: Any, names: Mapping[str, str]) -> str:
    """A formula as it is printed; with choices, each result with its condition."""
    *cases, (_, otherwise) = [
        (condition, notation.typeset(part, names))
        for condition, part in _cases(as_expression(formula), names)
    ]
    while cases and cases[-1][1] == otherwise:
        cases.pop()
    texts = [f"{text} if {condition}" for condition, text in cases]
    return "; ".join([*texts, f"else {otherwise}"]) if cases else otherwise


def _cases(formula: Expression, names: Mapping[str, str]) -> list[tuple[str, Expression]]:
    if not (isinstance(formula, Call) and formula.function == "where"):
        return [("", formula)]
    condition, chosen, other = formula.operands
    text = notation.typeset(condition, names)
    return [
        *[(f"{text} and {within}" if within else text, part) for within, part in
          _cases(chosen, names)],
        *_cases(other, names),
    ]  # fmt: skip


def operands(primitive: Primitive) -> list[str]:
    """The names of the operands, as in the entry of the table."""
    if primitive.arity is None:
        return [f"a{i}" for i in range(_TERMS)]
    return list(inspect.signature(primitive.value).parameters)[1:]


def derivatives(primitive: Primitive) -> Iterator[tuple[str, str]]:
    """For each operand its name and ∂y/∂operand."""
    names = operands(primitive)
    formulas = primitive.partial_derivatives(
        CasesMathematics(), Name("y"), list(map(Name, names)), [True] * len(names)
    )
    printed = {name: notation.subscripted(name) for name in names}
    for name, formula in zip(names, formulas, strict=True):
        yield printed[name], case_by_case(formula, printed)


def value(primitive: Primitive) -> str:
    """The formula of an operation's value."""
    printed = {name: notation.subscripted(name) for name in operands(primitive)}
    if definition := DEFINITIONS.get(primitive.name):
        return case_by_case(definition(TEXTBOOK, *map(Name, printed)), printed)
    return notation.value(primitive, list(printed.values()))


def row(primitive: Primitive) -> list[str]:
    """The cells of one row."""
    slopes = list(derivatives(primitive))
    texts = [text if len(slopes) == 1 else f"∂y/∂{name} = {text}" for name, text in slopes]
    if len(slopes) > 1 and len({text for _, text in slopes}) == 1:
        texts = [f"{slopes[0][1]} for each operand"]
    cells = [primitive.name, primitive.symbol, value(primitive), "\n".join(texts)]
    return [*cells, primitive.domain.text]


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
