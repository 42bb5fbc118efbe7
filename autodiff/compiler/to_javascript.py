"""JavaScript: a program as a module that needs nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from autodiff.compiler.exported import Exported
from autodiff.compiler.loops import Body, Language, in_sections, wrapped, write_both
from autodiff.compiler.program import BATCHED
from autodiff.compiler.to_c import CLikePrinter
from autodiff.expressions import Literal
from autodiff.special import BERNOULLI

_MATH_WORDS = (
    "abs exp expm1 log log1p log2 log10 sqrt cbrt sin cos tan asin acos atan atan2 sinh cosh "
    "tanh asinh acosh atanh hypot floor ceil"
)
_MATH = _MATH_WORDS.split()
_HELPERS = {
    "remainder": """\
function remainder(a, b) { // with the sign of b
  const r = a % b;
  return r !== 0 ? (r < 0 !== b < 0 ? r + b : r) : copysign(0, b);
}""",
    "copysign": """\
function copysign(a, b) {
  return b < 0 || Object.is(b, -0) ? -Math.abs(a) : Math.abs(a);
}""",
    "exp2": """\
function exp2(a) {
  return Math.pow(2, a);
}""",
    "round": """\
function round(a) { // the even one of two that are equally near
  const below = Math.floor(a), rest = a - below;
  if (!(rest >= 0)) return a;
  const up = rest > 0.5 || (rest === 0.5 && below % 2 !== 0);
  return copysign(up ? below + 1 : below, a);
}""",
    "sign": """\
function sign(a) {
  return a > 0 ? 1 : a < 0 ? -1 : a;
}""",
    "erf": """\
function erf(a) { // a series with positive terms near 0 (Abramowitz and Stegun, 7.1.6)
  const size = Math.abs(a);
  if (!(size < 2.5)) return size >= 2.5 ? Math.sign(a) * (1 - erfc(size)) : a;
  let term = a, sum = a;
  for (let k = 1; k < 80; k++) sum += term *= (2 * a * a) / (2 * k + 1);
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-a * a) * sum;
}""",
    "erfc": """\
function erfc(a) { // far out a continued fraction (7.1.14), from its end
  if (!(a >= 1.5)) return 1 - erf(a);
  if (a > 27.5) return 0;
  let tail = 0;
  for (let k = 120; k > 0; k--) tail = k / 2 / (a + tail);
  const high = Math.fround(a); // its square is exact
  const below = Math.exp(-high * high) * Math.exp((high - a) * (high + a));
  return below / ((a + tail) * Math.sqrt(Math.PI));
}""",
    "lgamma": """\
function lgamma(a) { // Stirling's series, and a recurrence to it; reflection on the left
  if (Number.isNaN(a) || (a <= 0 && a === Math.floor(a))) return a === -Infinity ? Infinity : NaN;
  if (!Number.isFinite(a)) return Infinity;
  if (a < 0.5) {
    const sine = Math.sin(Math.PI * (a - Math.round(a)));
    return Math.log(Math.PI / Math.abs(sine)) - lgamma(1 - a);
  }
  if (Math.abs(a - 1) <= 0.5) return near_one(a - 1);
  if (Math.abs(a - 2) <= 0.5) return near_one(a - 2) + Math.log1p(a - 2);
  let product = 1;
  for (; a < 15; a++) product *= a;
  let sum = (a - 0.5) * Math.log(a) - a + Math.log(2 * Math.PI) / 2 - Math.log(product);
  for (let k = 1; k <= 10; k++) {
    sum += BERNOULLI_NUMBERS[k - 1] / (2 * k * (2 * k - 1) * Math.pow(a, 2 * k - 1));
  }
  return sum;
}
function near_one(x) { // ln Γ(1 + x) by its Taylor series (6.1.33, which converges faster)
  let sum = -Math.log1p(x) + x * 0.42278433509846714, power = x;
  for (let k = 2; k < 40; k++) {
    power *= -x;
    sum -= (power * zeta_minus_one(k)) / k;
  }
  return sum;
}
function zeta_minus_one(k) {
  let sum = 0;
  for (let m = 2; m < 30; m++) sum += Math.pow(m, -k);
  const end = 30; // Euler and Maclaurin (23.2.3)
  sum += Math.pow(end, 1 - k) / (k - 1) + Math.pow(end, -k) / 2;
  sum += (k / 12) * Math.pow(end, -k - 1);
  return sum - ((k * (k + 1) * (k + 2)) / 720) * Math.pow(end, -k - 3);
}""",
    "logsumexp": """\
function logsumexp(a) {
  let at = 0;
  for (let i = 0; i < a.length; i++) {
    if (Number.isNaN(a[i])) return NaN;
    if (a[i] > a[at]) at = i;
  }
  if (!Number.isFinite(a[at])) return a[at];
  let sum = 0;
  for (let i = 0; i < a.length; i++) if (i !== at) sum += Math.exp(a[i] - a[at]);
  return a[at] + Math.log1p(sum);
}""",
    "softmax": """\
function softmax(a) {
  let peak = a[0], sum = 0;
  for (let i = 1; i < a.length; i++) peak = a[i] > peak ? a[i] : peak;
  for (let i = 0; i < a.length; i++) sum += a[i] = Math.exp(a[i] - peak);
  for (let i = 0; i < a.length; i++) a[i] /= sum;
}""",
    "polygamma": """\
function term_of(n, a) { // n! / aⁿ⁺¹
  let term = 1 / a;
  for (let k = 1; k <= n; k++) term *= k / a;
  return term;
}
function right_of_zero(n, a) { // asymptotic series, and a recurrence to it
  const sign = n % 2 ? 1 : -1;
  let sum = 0;
  for (; a < 15 + n; a++) sum += sign * term_of(n, a);
  sum += n ? sign * term_of(n - 1, a) : Math.log(a);
  sum += (sign * term_of(n, a)) / 2;
  let rising = (sign * term_of(n + 1, a)) / 2; // (2k + n - 1)! / (2k)! / a²ᵏ⁺ⁿ for k = 1
  for (let k = 1; k <= 15; k++) {
    sum += BERNOULLI_NUMBERS[k - 1] * rising;
    rising *= (((2 * k + n) / a) * ((2 * k + n + 1) / a)) / ((2 * k + 1) * (2 * k + 2));
  }
  return sum;
}
function polygamma(n, a) {
  if (Number.isNaN(a) || !(n >= 0 && n <= 1000) || n % 1 !== 0) return NaN;
  if (a <= 0 && a === Math.floor(a)) return NaN;
  if (a > 0) return a === Infinity ? (n ? 0 : a) : right_of_zero(n, a);
  if (n > 160) return NaN;
  let c = new Array(n + 2).fill(0); // derivatives of the cotangent, as polynomials in it
  c[1] = 1;
  for (let m = 0; m < n; m++) {
    const d = new Array(n + 2).fill(0);
    for (let k = 1; k <= m + 1; k++) {
      d[k - 1] -= k * c[k];
      d[k + 1] -= k * c[k];
    }
    c = d;
  }
  const reduced = a - Math.round(a);
  const cotangent = Math.abs(reduced) === 0.5 ? 0 : 1 / Math.tan(Math.PI * reduced);
  let value = 0;
  for (let k = n + 1; k >= 0; k--) value = value * cotangent + c[k];
  return (n % 2 ? -1 : 1) * right_of_zero(n, 1 - a) - Math.pow(Math.PI, n + 1) * value;
}""",
}
_KEYWORDS_WORDS = (
    "arguments await break case catch class const continue debugger default delete do else "
    "enum eval export extends false finally for function if implements import in instanceof "
    "interface let new null package private protected public return static super switch this "
    "throw true try typeof undefined var void while with yield Math Number Object Array "
    "Float64Array Infinity NaN BERNOULLI_NUMBERS term_of right_of_zero near_one "
    "zeta_minus_one"
)
_KEYWORDS = _KEYWORDS_WORDS.split()


def _table(name: str, numbers: Sequence[Any]) -> str:
    texts = [str(x) if isinstance(x, int) else JAVASCRIPT.printer.text(Literal(x)) for x in numbers]
    return f"const {name} = [\n{wrapped(texts)}\n];"


JAVASCRIPT = Language(
    printer=CLikePrinter(
        {**{name: f"Math.{name}" for name in _MATH}, "power": "Math.pow"},
        {"nan": "NaN", "inf": "Infinity", "pi": "Math.PI"},
    ),
    native=frozenset(_MATH),
    helpers=_HELPERS,
    needs={
        "remainder": ("copysign",),
        "round": ("copysign",),
        "erf": ("erfc",),
        "erfc": ("erf",),
    },
    reserved=_KEYWORDS,
    constant="const {} = {};",
    variable="let {} = {};",
    offset="const {} = e * {};",
    array=lambda name, size: f"const {name} = new Float64Array({size});",
    table=_table,
    loop="for (let {name} = 0; {name} < {end}; {name}++) {{",
    result="return {};",
    function="function {name}({parameters}) {{\n{body}\n}}",
    parameter="{}",
)


def bernoulli_table() -> str:
    """The constants that the helpers for polygamma and lgamma need."""
    return _table("BERNOULLI_NUMBERS", BERNOULLI)


def javascript_source(program: Exported) -> str:
    """The text of a module with two functions, for the value alone, and with the gradients."""
    return in_sections(_sections(program, "export function"))


def javascript_expression(program: Exported) -> str:
    """The same two functions as an object, ``value`` and ``value_and_grad``, by an expression.

    It may stand within a script of a web page: no comment of it can end a script element.
    """
    own = program.name
    functions = f"return {{ value: {own}, value_and_grad: {own}_value_and_grad }};"
    text = in_sections([["(() => {"], *_sections(program, "function"), [functions, "})()"]])
    return re.sub("<(?=[/!])", "< ", text)


def _sections(program: Exported, function: str) -> list[list[str]]:
    """Notes, constants, helpers and the two functions, which begin with the given words."""
    bodies, tables, helpers = write_both(program, JAVASCRIPT)
    used = bodies[0].functions | bodies[1].functions
    numbers = [bernoulli_table()] if used & {"polygamma", "lgamma"} else []
    sections = [
        [f"// {note}".rstrip() for note in program.notes],
        [*tables, *numbers],
        [helpers],
    ]
    takes = ", ".join(program.parameters)
    for suffix, body in zip(("", "_value_and_grad"), bodies, strict=True):
        lines = [f"  {line}" for line in _with_results(program, body, bool(suffix))]
        head = f"{function} {program.name}{suffix}({takes}) {{"
        sections.append([head, *lines, "}"])
    return sections


def _with_results(program: Exported, body: Body, has_gradients: bool) -> list[str]:
    """The lines of a function that returns its results, and an object with the gradients."""
    lines = []
    count, blocks = program.value.outputs.indices.size, program.value.blocks
    batched = [name for name, block in zip(program.inputs, blocks, strict=False)
               if block.kind == BATCHED]  # fmt: skip
    for name in program.parameters:
        if program.sizes[name] == 1:
            lines.append(f'if (typeof {name} === "number") {name} = [{name}];')
    if batched:
        first = max(batched, key=lambda name: min(1, program.sizes[name]))
        lines.append(f"const n = {first}.length / {max(1, program.sizes[first])};")
    per_example = " * n" if program.is_batched else ""
    lines.append(f"const out = new Float64Array({count}{per_example});")
    if has_gradients:
        for name, gradient in zip(program.parameters, program.gradients, strict=True):
            times = " * n" if name in batched else ""
            lines.append(f"const {gradient} = new Float64Array({program.sizes[name]}{times});")
    lines += [*body.arrays, *body.lines]
    out = "out[0]" if count == 1 and not program.is_batched else "out"
    if not has_gradients:
        return [*lines, f"return {out};"]
    pairs = zip(program.parameters, program.gradients, strict=True)
    fields = ", ".join(f"{name}: {gradient}" for name, gradient in pairs)
    return [*lines, f"return {{ value: {out}, gradient: {{ {fields} }} }};"]
