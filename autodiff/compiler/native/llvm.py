"""LLVM: modules and functions of its intermediate representation, as text.

The language is that of https://llvm.org/docs/LangRef.html: every instruction gives a name to its
result, and a loop is a block that jumps back to itself.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Format(NamedTuple):
    """A kind of floating-point numbers (IEEE 754, table 3.5).

    Attributes:
        name: LLVM's.
        digits: binary digits of the fraction, without the leading one.
        bias: what is added to an exponent.
    """

    name: str
    digits: int
    bias: int

    @property
    def bits(self) -> int:
        """Of one number."""
        return 64 if self.digits == 52 else 32


DOUBLE = Format("double", 52, 1023)
SINGLE = Format("float", 23, 127)


def format_of(dtype: Any) -> Format:
    """The format of NumPy's float64 or float32."""
    return DOUBLE if np.dtype(dtype) == np.float64 else SINGLE


def literal(number: float, format: Format = DOUBLE) -> str:
    """A number as LLVM writes it: in decimal digits where they are exact, or in hexadecimal ones.

    >>> literal(0.5), literal(1e300), literal(math.inf)
    ('0.5', '1.0e+300', '0x7FF0000000000000')
    """
    if format is SINGLE:
        with np.errstate(over="ignore"):
            number = float(np.float32(number))
    if math.isfinite(number) and (format is DOUBLE or number * 8 == round(number * 8)):
        mantissa, e, exponent = repr(number).partition("e")
        return f"{mantissa if '.' in mantissa else mantissa + '.0'}{e}{exponent}"
    return f"0x{struct.pack('>d', number).hex().upper()}"


FIRST = ("program", "run")
"""The functions that are shown before those that they call."""


@dataclass
class Module:
    """Functions that are compiled together.

    Attributes:
        functions: the text of each, by its name.
        declarations: of functions that are elsewhere, by their names.
        tables: arrays of constants, by their contents.
        has_undefined: whether a constant is not finite, so that a result may be so, although no
            operation went wrong.
    """

    functions: dict[str, str] = field(default_factory=dict)
    declarations: dict[str, str] = field(default_factory=dict)
    tables: dict[bytes, str] = field(default_factory=dict)
    has_undefined: bool = False

    def text(self) -> str:
        """The whole module."""
        own = [text for name, text in self.functions.items() if name in FIRST]
        others = [text for name, text in self.functions.items() if name not in FIRST]
        parts = [*own[::-1], *others, "\n".join(self.tables.values())]
        parts.append("\n".join(self.declarations.values()))
        return "\n\n".join(part for part in parts if part) + "\n"

    def declare(self, name: str, result: str, *parameters: str, effects: str = "") -> None:
        """Say that a function is elsewhere."""
        line = f"declare {result} @{name}({', '.join(parameters)}) {effects}".rstrip()
        self.declarations.setdefault(name, line)

    def table(self, numbers: NDArray[Any], format: Format) -> str:
        """The name of an array with these numbers, whole ones or others."""
        key = numbers.dtype.char.encode() + format.name.encode() + numbers.tobytes()
        name = f"@table.{len(self.tables)}"
        if key in self.tables:
            return self.tables[key].split(" ")[0]
        if numbers.dtype.kind == "i":
            kind, texts = "i32", [f"i32 {number}" for number in numbers.ravel().tolist()]
        else:
            kind = format.name
            texts = [f"{kind} {literal(number, format)}" for number in numbers.ravel().tolist()]
        self.tables[key] = (
            f"{name} = private unnamed_addr constant [{numbers.size} x {kind}] "
            f"[{', '.join(texts)}], align 64"
        )
        return name


class Function:
    """The lines of one function.

    Attributes:
        module: where other functions, declarations and tables go.
        block: the basic block to which lines are added.
    """

    def __init__(self, module: Module, head: str) -> None:
        self.module = module
        self.head = head
        self.lines: list[str] = []
        self._first: list[str] = []
        self.block = "start.0"
        self._count = 0
        self._known: dict[str, tuple[str, str]] = {}

    def text(self) -> str:
        """The whole function."""
        body = "\n".join([*self._first, *self.lines])
        return f"define {self.head} {{\nstart.0:\n{body}\n}}"

    def line(self, text: str) -> None:
        """Add a line."""
        self.lines.append(f"  {text}")

    def fresh(self, base: str = "") -> str:
        """A name that no other instruction has."""
        self._count += 1
        return f"%{base}.{self._count}"

    def named(self, instruction: str, base: str = "") -> str:
        """Add an instruction, and give the name of its result."""
        name = self.fresh(base)
        self.lines.append(f"  {name} = {instruction}")
        return name

    def at_start(self, instruction: str) -> str:
        """Add an instruction that is run once, when the function begins."""
        name = self.fresh()
        self._first.append(f"  {name} = {instruction}")
        return name

    def begin(self, block: str) -> None:
        """Begin a basic block."""
        self.lines.append(f"{block}:")
        self.block = block

    @contextmanager
    def loop(self, count: int | str, base: str = "i", step: int = 1) -> Iterator[str]:
        """A loop over 0, step, ... below a count, which is at least 1; gives the counter."""
        counter = self.fresh(base)
        head, following, before = counter[1:] + ".loop", counter + ".next", self.block
        self.line(f"br label %{head}")
        self.begin(head)
        at = len(self.lines)
        self.lines.append("")
        yield counter
        self.line(f"{following} = add nuw nsw i64 {counter}, {step}")
        again = self.named(f"icmp ult i64 {following}, {count}")
        self.lines[at] = f"  {counter} = phi i64 [ 0, %{before} ], [ {following}, %{self.block} ]"
        self.line(f"br i1 {again}, label %{head}, label %{counter[1:]}.after")
        self.begin(f"{counter[1:]}.after")

    @contextmanager
    def only_if(self, condition: str) -> Iterator[None]:
        """Emit code that runs only if a condition holds."""
        inside = self.fresh("if")[1:]
        self.line(f"br i1 {condition}, label %{inside}, label %{inside}.after")
        self.begin(inside)
        yield
        self.line(f"br label %{inside}.after")
        self.begin(f"{inside}.after")
