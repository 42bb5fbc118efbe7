"""The table in JavaScript: each primitive's value, local derivatives and notation, for pages.

A page that replays a graph has one object with an entry for each primitive that it needs, printed
from the table. What the page does with it, the chain rule among it, is the page's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from autodiff import notation
from autodiff.compiler.loops import functions_in, helpers_text
from autodiff.compiler.to_javascript import JAVASCRIPT, bernoulli_table
from autodiff.expressions import EXPRESSION, Call, Expression, Name, as_expression, call
from autodiff.primitives import Primitive, dot

_LETTERS = "abc"
_MOST_OPERANDS = 6
"""Operands up to which a function of many is written out, as in :mod:`autodiff.notation`."""

_OF_MANY = {
    "dot": """\
    value: (...a) => {
      const half = a.length >> 1;
      let sum = a[2 * half] ?? 0;
      for (let i = 0; i < half; i++) sum += a[i] * a[half + i];
      return sum;
    },
    all: (y, ...a) => {
      const half = a.length >> 1;
      return [...a.slice(half, 2 * half), ...a.slice(0, half), ...a.slice(2 * half).map(() => 1)];
    },
    place: (slot, count) => {
      const half = count >> 1;
      return slot === 2 * half ? "1" : `{${slot < half ? slot + half : slot - half}}`;
    },
    many: (count) => { // as notation.py writes it
      const half = count >> 1;
      const bias = count % 2 ? ` + {(${2 * half})}` : "";
      return `{(0)} · {(${half})} + … + {(${half - 1})} · {(${2 * half - 1})}${bias}`;
    },""",
    "fsum": """\
    value: (...a) => { // exactly, in parts that do not overlap (Shewchuk, 1997)
      const parts = [];
      for (let x of a) {
        let kept = 0;
        for (let y of parts) {
          if (Math.abs(x) < Math.abs(y)) [x, y] = [y, x];
          const high = x + y, low = y - (high - x);
          if (low) parts[kept++] = low;
          x = high;
        }
        parts.length = kept;
        parts.push(x);
      }
      let sum = 0, low = 0;
      while (parts.length && !low) {
        const x = sum, y = parts.pop();
        sum = x + y;
        low = y - (sum - x);
      }
      const rest = parts.at(-1);
      if (low && rest && low < 0 === rest < 0) { // a tie that what is left decides
        const twice = low * 2, up = sum + twice;
        if (twice === up - sum) sum = up;
      }
      return Number.isFinite(sum) ? sum : a.reduce((x, y) => x + y, 0);
    },
    all: (y, ...a) => a.map(() => 1),
    place: () => "1",""",
    "logsumexp": """\
    value: (...a) => logsumexp(a),
    all: (y, ...a) => {
      softmax(a);
      return a;
    },
    place: (slot) => `softmax${subscripted(slot)}`,""",
}
"""Functions of any number of operands: loops, which a rule at a fixed count cannot give."""

_NEEDS = {"logsumexp": ("logsumexp", "softmax")}
_SUBSCRIPTED = """\
function subscripted(number) {
  return [...String(number)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]).join("");
}"""


def javascript_rules(primitives: Iterable[Primitive]) -> str:
    """The text of a constant ``RULES`` with an entry for each primitive, and what it calls.

    An entry has ``symbol`` and ``domain`` (in words) and

    - ``value(...operands)``;
    - ``slopes``: for each operand a function ``(y, ...operands)`` that gives the local derivative,
      or null where the operation is flat; a function of many has ``all``, which gives an array;
    - ``formula``: a template of :func:`autodiff.notation.value_template`; for a function of many
      one for each count; and ``places``, which give templates of the local derivatives.

    >>> from autodiff import primitives
    >>> text = javascript_rules([primitives.multiply])
    >>> "value: (a, b) => a * b," in text
    True
    """
    entries, used = [], set[str]()
    for primitive in primitives:
        lines = _of_many(primitive) if primitive.arity is None else _fixed(primitive, used)
        used.update(_NEEDS.get(primitive.name, ()))
        body = "\n".join(lines)
        entries.append(f"  {primitive.name}: {{\n{body}\n  }},")
    needs_numbers = bool(used & {"polygamma", "lgamma"})
    texts = [
        bernoulli_table() if needs_numbers else "",
        helpers_text(JAVASCRIPT, used),
        _SUBSCRIPTED if "softmax" in used else "",
        "\n".join(["const RULES = {", *entries, "};"]),
    ]
    return "\n\n".join(filter(None, texts))


def _fixed(primitive: Primitive, used: set[str]) -> Iterator[str]:
    assert primitive.arity is not None
    letters = list(_LETTERS[: primitive.arity])
    operands = list(map(Name, letters))
    takes, takes_result = ", ".join(letters), ", ".join(["y", *letters])
    value = _as_number(as_expression(primitive.value(EXPRESSION, *operands)))
    yield from _described(primitive)
    yield f"    value: ({takes}) => {_written(value, used)},"
    slopes, places = [], []
    for slot, rule in enumerate(primitive.derivatives):
        if slot in primitive.flat_slots:
            slopes.append("null")
            places.append('() => "0"')
            continue
        slope = as_expression(rule(EXPRESSION, Name("y"), *operands))
        slopes.append(f"({takes_result}) => {_written(slope, used)}")
        template = notation.derivative_template(primitive, len(letters), slot)
        places.append(f"({takes_result}) => {_choice(template, used)}")
    yield f"    slopes: [{', '.join(slopes)}],"
    if letters:
        yield f"    formula: {_quoted(notation.value_template(primitive, len(letters)))},"
        yield f"    places: [{', '.join(places)}],"


def _of_many(primitive: Primitive) -> Iterator[str]:
    yield from _described(primitive)
    yield _OF_MANY[primitive.name]
    counts = range(2, 8) if primitive is dot else range(1, _MOST_OPERANDS + 1)
    formulas = ", ".join(
        f"{count}: {_quoted(notation.value_template(primitive, count))}" for count in counts
    )
    yield f"    formulas: {{ {formulas} }},"


def _described(primitive: Primitive) -> Iterator[str]:
    yield f"    symbol: {_quoted(primitive.symbol)},"
    if primitive.domain.text:
        yield f"    domain: {_quoted(primitive.domain.text)},"


def _choice(template: str | notation.Choices, used: set[str]) -> str:
    """A template, or a conditional expression that chooses one."""
    if isinstance(template, str):
        return _quoted(template)
    condition, *branches = template
    first, second = (_choice(branch, used) for branch in branches)
    return f"{_written(condition, used)} ? {first} : {second}"


def _as_number(expression: Expression) -> Expression:
    is_comparison = isinstance(expression, Call) and expression.function in (
        "less", "less_equal", "greater", "greater_equal",
    )  # fmt: skip
    return call("where", expression, 1, 0) if is_comparison else expression


def _written(expression: Expression, used: set[str]) -> str:
    used.update(functions_in(expression))
    return JAVASCRIPT.printer.text(expression)


def _quoted(text: str) -> str:
    """A string of JavaScript; nothing in the table needs to be escaped."""
    assert '"' not in text
    assert "\\" not in text
    return f'"{text}"'
