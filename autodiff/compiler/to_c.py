"""C: a program as a file that needs nothing but the standard library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from autodiff.compiler.exported import Exported
from autodiff.compiler.loops import Body, Language, in_sections, wrapped, write_both
from autodiff.expressions import Call, Literal, Name
from autodiff.printers import CHOICE, COMPARISON, POWER, SIGN, CodePrinter, Template, Written
from autodiff.special import BERNOULLI

CONDITION = Template("{} ? {} : {}", CHOICE, (CHOICE + 1, CHOICE + 1, CHOICE))
NEGATION = Template("-{}", SIGN, (POWER,))  # no -- in these languages


class CLikePrinter(CodePrinter):
    """Writes formulas of floating-point numbers in languages with C's operators.

    Args:
        functions: the names of functions, where they have another one.
        names: the names of what is not finite, and of pi.
    """

    def __init__(self, functions: Mapping[str, str], names: Mapping[str, str]) -> None:
        super().__init__(CONDITION, {"power": "pow", "modulo": "remainder", **functions})
        self.templates = {**self.templates, "negate": NEGATION}
        self.names = names

    def name(self, name: Name) -> Written:
        """A name, or a number that has one."""
        return Written(self.names.get(name.text, name.text))

    def literal(self, literal: Literal) -> Written:
        """A number as a double."""
        number = float(literal.number)
        text = repr(abs(number)) if math.isfinite(number) else self.names[repr(abs(number))]
        return Written(f"-{text}", SIGN) if math.copysign(1, number) < 0 else Written(text)

    def write_equal(self, expression: Call) -> Written:
        """Equality, as every language has it."""
        left, right = [self.within(o, COMPARISON + 1) for o in expression.operands]
        return Written(f"{left} == {right}", COMPARISON)


_POLYGAMMA = """\
static double term_of(int n, double a) {  // n! / a^(n + 1)
  double term = 1 / a;
  for (int k = 1; k <= n; k++) term *= k / a;
  return term;
}
static double right_of_zero(int n, double a) {  // asymptotic series, and a recurrence to it
  static const double bernoulli[] = {BERNOULLI};
  double sign = n % 2 ? 1 : -1, sum = 0;
  for (; a < 15 + n; a++) sum += sign * term_of(n, a);
  sum += n ? sign * term_of(n - 1, a) : log(a);
  sum += sign * term_of(n, a) / 2;
  double rising = sign * term_of(n + 1, a) / 2;
  for (int k = 1; k <= 15; k++) {
    sum += bernoulli[k - 1] * rising;
    rising *= (2 * k + n) / a * ((2 * k + n + 1) / a) / ((2 * k + 1) * (2 * k + 2));
  }
  return sum;
}
static double polygamma(double order, double a) {
  int n = (int)order;
  if (isnan(a) || n < 0 || n > 1000 || n != order || (a <= 0 && a == floor(a))) return NAN;
  if (a > 0) return isinf(a) ? (n ? 0 : a) : right_of_zero(n, a);
  if (n > 160) return NAN;
  double c[164] = {0}, d[164], reduced = a - nearbyint(a), value = 0;
  c[1] = 1;  // derivatives of the cotangent, as polynomials in it
  for (int m = 0; m < n; m++) {
    for (int k = 0; k <= n + 1; k++) d[k] = 0;
    for (int k = 1; k <= m + 1; k++) d[k - 1] -= k * c[k], d[k + 1] -= k * c[k];
    for (int k = 0; k <= n + 1; k++) c[k] = d[k];
  }
  double cotangent = fabs(reduced) == 0.5 ? 0 : 1 / tan(PI * reduced);
  for (int k = n + 1; k >= 0; k--) value = value * cotangent + c[k];
  return (n % 2 ? -1 : 1) * right_of_zero(n, 1 - a) - pow(PI, n + 1) * value;
}"""
_HELPERS = {
    "remainder": """\
static double remainder_of(double a, double b) {  // with the sign of b
  double r = fmod(a, b);
  return r != 0 ? ((r < 0) != (b < 0) ? r + b : r) : copysign(0.0, b);
}""",
    "sign": """\
static double sign(double a) {
  return a > 0 ? 1.0 : a < 0 ? -1.0 : a;
}""",
    "logsumexp": """\
static double logsumexp(const double *a, int n) {
  int at = 0;
  for (int i = 0; i < n; i++) {
    if (isnan(a[i])) return a[i];
    if (a[i] > a[at]) at = i;
  }
  if (isinf(a[at])) return a[at];
  double sum = 0;
  for (int i = 0; i < n; i++)
    if (i != at) sum += exp(a[i] - a[at]);
  return a[at] + log1p(sum);
}""",
    "softmax": """\
static void softmax(double *a, int n) {
  double peak = a[0], sum = 0;
  for (int i = 1; i < n; i++) peak = a[i] > peak ? a[i] : peak;
  for (int i = 0; i < n; i++) sum += a[i] = exp(a[i] - peak);
  for (int i = 0; i < n; i++) a[i] /= sum;
}""",
    "polygamma": _POLYGAMMA.replace("BERNOULLI", ", ".join(map(repr, BERNOULLI))),
}
_NATIVE_WORDS = (
    "abs exp expm1 exp2 log log1p log2 log10 sqrt cbrt sin cos tan asin acos atan atan2 sinh "
    "cosh tanh asinh acosh atanh hypot erf erfc lgamma floor ceil round copysign"
)
_NATIVE = frozenset(_NATIVE_WORDS.split())
_KEYWORDS_WORDS = (
    "NULL RAND_MAX EXIT_SUCCESS EXIT_FAILURE HUGE_VAL fmax fmin fma fdim trunc tgamma isnan isinf "
    "isfinite isnormal signbit rint lrint llrint nan nextafter scalbn scalbln ldexp frexp modf "
    "ilogb logb lround llround pow10 exp10 drem significand finite remquo rand srand exit abort "
    "atexit atof atoi atol strtod strtol qsort bsearch system getenv labs ldiv realloc random "
    "auto break case char const continue default do double else enum extern float for goto if "
    "inline int long main register restrict return short signed sizeof static struct switch "
    "typedef union unsigned void volatile while bool true false complex pow fmod fabs "
    "nearbyint remainder_of term_of right_of_zero gamma y0 y1 yn j0 j1 jn work malloc calloc "
    "free size_t div index time signal near far all NAN INFINITY PI"
)
_KEYWORDS = _KEYWORDS_WORDS.split()
_NAMES = {"nan": "NAN", "inf": "INFINITY", "pi": "PI"}


def _table(name: str, numbers: Sequence[Any]) -> str:
    kind = "int" if isinstance(numbers[0], int) else "double"
    printer = CLikePrinter({}, _NAMES)
    texts = [str(x) if kind == "int" else printer.text(Literal(x)) for x in numbers]
    return f"static const {kind} {name}[] = {{\n{wrapped(texts)}\n}};"


C = Language(
    printer=CLikePrinter(
        {
            "abs": "fabs",
            "round": "nearbyint",
            "remainder": "remainder_of",
            "modulo": "remainder_of",
        },
        _NAMES,
    ),
    native=_NATIVE,
    helpers=_HELPERS,
    needs={},
    reserved=_KEYWORDS,
    constant="const double {} = {};",
    variable="double {} = {};",
    offset="const size_t {} = e * {};",
    array=lambda name, size: f"double *{name} = work; work += {size};",
    table=_table,
    loop="for (size_t {name} = 0; {name} < {end}; {name}++) {{",
    result="return {};",
    function="static double {name}({parameters}) {{\n{body}\n}}",
    parameter="double {}",
)


def c_source(program: Exported) -> str:
    """The text of a file with two functions, for the value alone, and with the gradients."""
    kinds = [("double *out",), ("double *out", *[f"double *{d}" for d in program.gradients])]
    takes = ["size_t n"] if program.is_batched else []
    takes += [f"const double *{name}" for name in program.parameters]
    bodies, tables, helpers = write_both(program, C)
    sections = [
        [f"// {note}".rstrip() for note in program.notes],
        ["#include <math.h>", "#include <stdlib.h>"],
        [f"#define PI {math.pi!r}"],
        tables,
        [helpers],
    ]
    for suffix, gives, body in zip(("", "_value_and_grad"), kinds, bodies, strict=True):
        head = f"int {program.name}{suffix}({', '.join([*takes, *gives])}) {{"
        unread = [f"(void){name};" for name in body.unread if name not in program.fixed]
        sections.append([head, *[f"  {line}" for line in [*unread, *_with_room(body)]], "}"])
    return in_sections(sections)


def _with_room(body: Body) -> list[str]:
    """The lines of a function, with memory for its arrays; it returns 0, or 1 if there is none."""
    if not body.size:
        return [*body.lines, "return 0;"]
    room = [f"double *work = malloc({body.size} * sizeof(double)), *all = work;"]
    room.append("if (!work) return 1;")
    return [*room, *body.arrays, *body.lines, "free(all);", "return 0;"]
