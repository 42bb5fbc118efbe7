"""Lanes: numbers side by side in a vector register, as a carrier whose operations are LLVM's.

Applying a rule of the table to lanes writes it down, one LLVM instruction for each operation. That
is how formulas become native code, and how elementary functions do.
"""

from __future__ import annotations

import functools
import math
import operator
import struct
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from autodiff.compiler.native import elementary
from autodiff.compiler.native.llvm import DOUBLE, Format, Function, literal
from autodiff.mathematics import NumberMathematics, Thunk


class Lane:
    """The result of an instruction: in each lane a number, or whether something is true.

    Attributes:
        m: the namespace of its functions, which knows how many lanes there are.
        text: its name in the LLVM function, or a constant.
        is_truth: whether it is true or false.
    """

    __slots__ = ("is_truth", "m", "text")

    def __init__(self, m: Lanes, text: str, is_truth: bool = False) -> None:
        self.m = m
        self.text = text
        self.is_truth = is_truth

    def __repr__(self) -> str:
        return f"{self.m.truth if self.is_truth else self.m.type} {self.text}"

    def __add__(self, other: Any) -> Lane:
        return self.m.operation("fadd", self, other)

    def __radd__(self, other: Any) -> Lane:
        return self.m.operation("fadd", other, self)

    def __sub__(self, other: Any) -> Lane:
        return self.m.operation("fsub", self, other)

    def __rsub__(self, other: Any) -> Lane:
        return self.m.operation("fsub", other, self)

    def __mul__(self, other: Any) -> Lane:
        return self.m.operation("fmul", self, other)

    def __rmul__(self, other: Any) -> Lane:
        return self.m.operation("fmul", other, self)

    def __truediv__(self, other: Any) -> Lane:
        return self.m.operation("fdiv", self, other)

    def __rtruediv__(self, other: Any) -> Lane:
        return self.m.operation("fdiv", other, self)

    def __mod__(self, other: Any) -> Lane:
        return self.m.remainder(self, other)

    def __rmod__(self, other: Any) -> Lane:
        return self.m.remainder(other, self)

    def __neg__(self) -> Lane:
        return self.m.number(f"fneg {self.m.type} {self.m.lane(self).text}")

    def __abs__(self) -> Lane:
        return self.m.intrinsic("fabs", self)

    def __lt__(self, other: Any) -> Lane:
        return self.m.comparison("olt", self, other)

    def __le__(self, other: Any) -> Lane:
        return self.m.comparison("ole", self, other)

    def __gt__(self, other: Any) -> Lane:
        return self.m.comparison("ogt", self, other)

    def __ge__(self, other: Any) -> Lane:
        return self.m.comparison("oge", self, other)

    def __eq__(self, other: object) -> Any:
        return self.m.comparison("oeq", self, other)

    def __ne__(self, other: object) -> Any:
        return self.m.comparison("une", self, other)

    __hash__ = None  # type: ignore[assignment]
    __array_ufunc__ = None  # NumPy's numbers leave operators to this class

    def __and__(self, other: Lane) -> Lane:
        text = f"and {self.m.truth} {self.text}, {other.text}"
        return Lane(self.m, self.m.function.named(text), True)

    def __or__(self, other: Lane) -> Lane:
        text = f"or {self.m.truth} {self.text}, {other.text}"
        return Lane(self.m, self.m.function.named(text), True)

    def __xor__(self, other: Lane) -> Lane:
        text = f"xor {self.m.truth} {self.text}, {other.text}"
        return Lane(self.m, self.m.function.named(text), True)

    def __invert__(self) -> Lane:
        text = f"xor {self.m.truth} {self.text}, {self.m.splat('i1', 'true')}"
        return Lane(self.m, self.m.function.named(text), True)


class Lanes(NumberMathematics):
    """The namespace of numbers in so many lanes, whose operations become lines of a function.

    Attributes:
        function: where lines are added.
        format: of the numbers.
        width: how many lanes there are.
        type, truth: LLVM's names of numbers, and of what is true or false, in each lane.
    """

    carrier = float
    pi: Any = elementary.PI

    def __init__(self, function: Function, format: Format, width: int) -> None:
        self.function = function
        self.format = format
        self.width = width
        self.type = self.vector(format.name)
        self.truth = self.vector("i1")
        self.whole = self.vector(f"i{format.bits}")
        letters = f"f{format.bits}"
        self.suffix = letters if width == 1 else f"v{width}{letters}"

    # -------------------------------------------------------------------------- instructions

    def vector(self, of: str) -> str:
        """The type of one of these in each lane."""
        return of if self.width == 1 else f"<{self.width} x {of}>"

    def splat(self, of: str, text: str) -> str:
        """The same constant in each lane."""
        return text if self.width == 1 else f"splat ({of} {text})"

    def lane(self, operand: Any) -> Lane:
        """An operand as a number in each lane; what is true is 1, what is false 0."""
        if not isinstance(operand, Lane):
            if not math.isfinite(operand):
                self.function.module.has_undefined = True
            return self.constant(operand)
        return self._selected(operand, 1, 0) if operand.is_truth else operand

    def constant(self, number: float) -> Lane:
        """A number in each lane."""
        return Lane(self, self.splat(self.format.name, literal(float(number), self.format)))

    def condition(self, operand: Any) -> Lane:
        """An operand as a truth: a number is true unless it is 0."""
        if not isinstance(operand, Lane):
            return Lane(self, self.splat("i1", "true" if operand else "false"), True)
        return operand if operand.is_truth else operand != 0

    def number(self, instruction: str) -> Lane:
        """The result of an instruction."""
        return Lane(self, self.function.named(instruction))

    def operation(self, name: str, left: Any, right: Any) -> Lane:
        """The result of an operation on two operands."""
        return self.number(f"{name} {self.type} {self.lane(left).text}, {self.lane(right).text}")

    def comparison(self, relation: str, left: Any, right: Any) -> Lane:
        """Whether a relation holds, in each lane."""
        text = f"fcmp {relation} {self.type} {self.lane(left).text}, {self.lane(right).text}"
        return Lane(self, self.function.named(text), True)

    def intrinsic(self, name: str, *operands: Any) -> Lane:
        """One of LLVM's own functions."""
        full = f"llvm.{name}.{self.suffix}"
        self.function.module.declare(full, self.type, *[self.type] * len(operands))
        given = ", ".join(f"{self.type} {self.lane(operand).text}" for operand in operands)
        return self.number(f"call {self.type} @{full}({given})")

    def gathered(self, pointers: str) -> Lane:
        """The number that each lane's pointer leads to."""
        name, where = self._at_pointers("gather", pointers)
        self.function.module.declare(name, self.type, *self._kinds_of_pointers(), self.type)
        return self.number(f"call {self.type} @{name}({where}, {self.type} poison)")

    def scatter(self, value: Lane, pointers: str) -> None:
        """Write each lane's number to where its pointer leads, the first lane first."""
        name, where = self._at_pointers("scatter", pointers)
        self.function.module.declare(name, "void", self.type, *self._kinds_of_pointers())
        self.function.line(f"call void @{name}({self.type} {value.text}, {where})")

    def _at_pointers(self, name: str, pointers: str) -> tuple[str, str]:
        """One of LLVM's functions of pointers, and what says that all of them count."""
        places, all_lanes = self.vector("ptr"), self.splat("i1", "true")
        where = f"{places} {pointers}, i32 {self.format.bits // 8}, {self.truth} {all_lanes}"
        return f"llvm.masked.{name}.{self.suffix}.v{self.width}p0", where

    def _kinds_of_pointers(self) -> tuple[str, ...]:
        return self.vector("ptr"), "i32", self.truth

    def _selected(self, condition: Lane, chosen: Any, other: Any) -> Lane:
        return self.number(
            f"select {self.truth} {condition.text}, {self.type} {self.lane(chosen).text}, "
            f"{self.type} {self.lane(other).text}"
        )

    def any(self, condition: Lane) -> str:
        """Whether a condition holds in some lane."""
        if self.width == 1:
            return condition.text
        name = f"llvm.vector.reduce.or.v{self.width}i1"
        self.function.module.declare(name, "i1", self.truth)
        return self.function.named(f"call i1 @{name}({self.truth} {condition.text})")

    def of(self, numbers: Sequence[Lane]) -> Lane:
        """Numbers of one lane each, side by side."""
        if self.width == 1:
            return numbers[0]
        text = "poison"
        for at, number in enumerate(numbers):
            given = f"{number.m.type} {number.text}, i32 {at}"
            text = self.function.named(f"insertelement {self.type} {text}, {given}")
        return Lane(self, text)

    def combined(self, lane: Lane, combine: str) -> Lane:
        """The sum, or the maximum, of what is in the lanes, in one lane."""
        if self.width == 1:
            return lane
        one, module = Lanes(self.function, self.format, 1), self.function.module
        if combine == "maximum":
            name = f"llvm.vector.reduce.fmaximum.{self.suffix}"
            module.declare(name, one.type, self.type)
            return one.number(f"call {one.type} @{name}({self.type} {lane.text})")
        name = f"llvm.vector.reduce.fadd.{self.suffix}"
        module.declare(name, one.type, one.type, self.type)
        zero = one.constant(-0.0).text
        return one.number(
            f"call reassoc {one.type} @{name}({one.type} {zero}, {self.type} {lane.text})"
        )

    # ------------------------------------------------------------------- for elementary functions

    def fma(self, a: Any, b: Any, c: Any) -> Lane:
        """a b + c, rounded once."""
        return self.intrinsic("fma", a, b, c)

    def polynomial(self, a: Lane, coefficients: Sequence[float]) -> Any:
        """c₀ + c₁ a + c₂ a² + ..., by Horner's rule."""
        total: Any = coefficients[-1]
        for coefficient in reversed(coefficients[:-1]):
            total = self.fma(total, a, coefficient)
        return total

    def power_of_two(self, k: Lane) -> Lane:
        """2ᵏ of whole numbers, if it is neither subnormal nor too large."""
        # In the last digits of k + 1.5 · 2ᵈⁱᵍⁱᵗˢ stands k, which is shifted to the exponent.
        digits, bias = self.format.digits, self.format.bias
        bits = self._bits(k + (1.5 * 2**digits + bias))
        shift = self.splat(f"i{self.format.bits}", str(digits))
        return self._of_bits(self.function.named(f"shl {self.whole} {bits}, {shift}"))

    def exponent_and_fraction(self, a: Lane) -> tuple[Lane, Lane]:
        """k and f with a = 2ᵏ f and √½ ≤ f < √2, of positive normal numbers."""
        named, of = self.function.named, f"i{self.format.bits}"
        digits = self.format.digits
        least = self._whole_bits(0.5**0.5)
        bits = self._bits(a)
        above = named(f"sub {self.whole} {bits}, {self.splat(of, str(least))}")
        k = named(f"ashr {self.whole} {above}, {self.splat(of, str(digits))}")
        shifted = named(f"shl {self.whole} {k}, {self.splat(of, str(digits))}")
        fraction = self._of_bits(named(f"sub {self.whole} {bits}, {shifted}"))
        large = 1.5 * 2**digits
        moved = named(f"add {self.whole} {k}, {self.splat(of, str(self._whole_bits(large)))}")
        return self._of_bits(moved) - large, fraction

    def _whole_bits(self, number: float) -> int:
        codes = ("<d", "<q") if self.format is DOUBLE else ("<f", "<i")
        bits: int = struct.unpack(codes[1], struct.pack(codes[0], number))[0]
        return bits

    def _bits(self, lane: Lane) -> str:
        return self.function.named(f"bitcast {self.type} {lane.text} to {self.whole}")

    def _of_bits(self, text: str) -> Lane:
        return self.number(f"bitcast {self.whole} {text} to {self.type}")

    def rarely(self, condition: Lane, name: str, usual: Lane, *operands: Lane) -> Lane:
        """The usual result, but what the C library gives in lanes in which a condition holds."""
        f, before = self.function, self.function.block
        some = self.any(condition)
        with f.only_if(some):
            found = self._selected(condition, self.from_library(name, *operands), usual)
            inside = f.block
        return self.number(
            f"phi {self.type} [ {usual.text}, %{before} ], [ {found.text}, %{inside} ]"
        )

    def from_library(self, name: str, *operands: Any) -> Lane:
        """A function of the C library, of one lane after the other."""
        f, one = self.function, Lanes(self.function, self.format, 1)
        f.module.declare(name, "double", *["double"] * len(operands), effects=EFFECTS)
        lanes = [self.lane(operand) for operand in operands]
        result = "poison"
        for at in range(self.width):
            given = []
            for lane in lanes:
                text = lane.text
                if self.width > 1:
                    text = f.named(f"extractelement {self.type} {text}, i32 {at}")
                if self.format is not DOUBLE:
                    text = f.named(f"fpext float {text} to double")
                given.append(f"double {text}")
            found = f.named(f"call double @{name}({', '.join(given)})")
            if self.format is not DOUBLE:
                found = f.named(f"fptrunc double {found} to float")
            if self.width == 1:
                return Lane(self, found)
            result = f.named(f"insertelement {self.type} {result}, {one.type} {found}, i32 {at}")
        return Lane(self, result)

    def widened(self, lane: Lane) -> Lane:
        """Numbers in double precision."""
        m = Lanes(self.function, DOUBLE, self.width)
        return m.number(f"fpext {self.type} {lane.text} to {m.type}")

    def narrowed(self, lane: Lane) -> Lane:
        """Numbers of double precision in single precision."""
        return self.number(f"fptrunc {lane.m.type} {lane.text} to {self.type}")

    def looked_up(self, table: Sequence[float], at: Lane) -> Lane:
        """The element of a table at a whole number, in each lane."""
        f, name = self.function, self.function.module.table(np.array(table), self.format)
        whole = f.named(f"fptosi {self.type} {at.text} to {self.vector('i32')}")
        element = self.format.name
        result = "poison"
        for lane in range(self.width):
            index = whole
            if self.width > 1:
                index = f.named(f"extractelement {self.vector('i32')} {whole}, i32 {lane}")
            place = f.named(f"getelementptr {element}, ptr {name}, i32 {index}")
            found = f.named(f"load {element}, ptr {place}")
            if self.width == 1:
                return Lane(self, found)
            result = f.named(f"insertelement {self.type} {result}, {element} {found}, i32 {lane}")
        return Lane(self, result)

    # ----------------------------------------------------------------- functions of the table

    def _own(self, name: str, *operands: Any) -> Lane:
        """An elementary function of ours, written out once for each number of lanes."""
        full = f"{name}.{self.suffix}"
        module = self.function.module
        if full not in module.functions:
            module.functions[full] = ""  # its place: before those that call it
            names = [f"%{letter}" for letter in "ab"[: len(operands)]]
            given = ", ".join(f"{self.type} {text}" for text in names)
            f = Function(module, f"internal {self.type} @{full}({given}) {EFFECTS}")
            m = Lanes(f, self.format, self.width)
            result = getattr(elementary, name)(m, *[Lane(m, text) for text in names])
            f.line(f"ret {self.type} {m.lane(result).text}")
            module.functions[full] = f.text()
        given = ", ".join(f"{self.type} {self.lane(operand).text}" for operand in operands)
        return self.number(f"call {self.type} @{full}({given})")

    def power(self, a: Any, b: Any) -> Any:
        """The power; by a small constant whole number as products."""
        if isinstance(b, Lane):
            return self._own("power", a, b)
        if b == 0.5:
            return self.sqrt(a + 0.0)
        if b != int(b) if abs(b) < 2**53 else True:
            return self._own("power", a, b)
        if abs(b) <= MOST_FACTORS:
            if b == 0:
                return 1.0
            result = functools.reduce(operator.mul, [self.lane(a)] * int(abs(b)))
            return result if b > 0 else 1 / result
        size = self._own("power", abs(self.lane(a)), b)
        return size if b % 2 == 0 else self.copysign(size, a)

    def where(self, condition: Any, if_true: Thunk, if_false: Thunk) -> Any:
        """One of two results, in each lane; both are computed."""
        if not isinstance(condition, Lane):
            return if_true() if condition else if_false()
        return self._selected(self.condition(condition), if_true(), if_false())

    def maximum(self, a: Any, b: Any) -> Lane:
        """The larger of two; NaN where either is NaN."""
        a, b = self.lane(a), self.lane(b)
        return self._selected((a >= b) | (a != a), a, b)

    def sqrt(self, a: Any) -> Lane:
        """The square root."""
        return self.intrinsic("sqrt", a)

    def floor(self, a: Any) -> Lane:
        """The next whole number below."""
        return self.intrinsic("floor", a)

    def ceil(self, a: Any) -> Lane:
        """The next whole number above."""
        return self.intrinsic("ceil", a)

    def round(self, a: Any) -> Lane:
        """The nearest whole number, the even one of two."""
        return self.intrinsic("roundeven", a)

    def copysign(self, a: Any, b: Any) -> Lane:
        """The size of a with the sign of b."""
        return self.intrinsic("copysign", a, b)

    def remainder(self, a: Any, b: Any) -> Lane:
        """a - b ⌊a / b⌋, which has the sign of b."""
        b = self.lane(b)
        rest = self.from_library("fmod", a, b)
        own = self._selected((rest < 0) ^ (b < 0), rest + b, rest)
        return self._selected(rest == 0, self.copysign(0, b), own)

    def polygamma(self, order: Any, a: Any) -> Lane:
        """By Python, whose NaN raises no flag of the processor; an invalid operation does."""
        own: Lane = self.lane(a)
        found = self.from_library("polygamma", order, own)
        is_number = ~self.comparison("uno", found, found) | self.comparison("uno", own, own)
        zero = self.copysign(0.0, found)  # of which LLVM knows nothing: 0 / 0 is left to be done
        return found + zero / self._selected(is_number, 1.0, zero)

    def logaddexp(self, a: Any, b: Any) -> Any:
        """log(exp(a) + exp(b)), also of equal infinities."""
        a, b = self.lane(a), self.lane(b)
        return self.where(
            a == b,
            lambda: a + math.log(2),
            lambda: self.maximum(a, b) + self.log1p(self.exp(-abs(a - b))),
        )

    def fsum(self, operands: Iterable[Any]) -> Any:
        """The sum."""
        return functools.reduce(operator.add, operands)

    def __getattr__(self, name: str) -> Any:
        if name in OWN:
            return functools.partial(self._own, name)
        if name in OF_LIBRARY:
            return functools.partial(self.from_library, OF_LIBRARY[name])
        raise AttributeError(name)


class Accumulator:
    """A result that is combined on the way, in memory of which LLVM makes a register.

    Attributes:
        m: the namespace of its lanes.
        combine: "add" or "maximum".
    """

    def __init__(self, m: Lanes, combine: str = "add", first: Lane | None = None) -> None:
        self.m = m
        self.combine = combine
        self._place = m.function.at_start(f"alloca {m.type}")
        if first is None:
            first = m.constant(0.0 if combine == "add" else -math.inf)
        self.put(first)

    def take(self, value: Lane) -> None:
        """Combine it with one more value."""
        before = self.value()
        self.put(before + value if self.combine == "add" else self.m.maximum(before, value))

    def take_product(self, left: Any, right: Any) -> None:
        """Add a product, rounded once."""
        self.put(self.m.fma(left, right, self.value()))

    def put(self, value: Lane) -> None:
        """Have another value."""
        self.m.function.line(f"store {self.m.type} {value.text}, ptr {self._place}")

    def value(self) -> Lane:
        """Return the result so far."""
        return self.m.number(f"load {self.m.type}, ptr {self._place}")


EFFECTS = "memory(none) nounwind willreturn"
MOST_FACTORS = 4
"""Powers with larger exponents are not products, which would lose more than two digits."""
OWN = frozenset(["exp", "expm1", "log", "log1p", "sin", "cos", "tanh", "erf"])
"""The functions in :mod:`autodiff.compiler.native.elementary`, beside the power."""
_SAME_NAME = (
    "tan asin acos atan atan2 sinh cosh asinh acosh atanh hypot cbrt erfc lgamma log2 log10 exp2"
)
OF_LIBRARY = {name: name for name in _SAME_NAME.split()}
"""Functions that are called for one lane after the other, and what they are called there."""
