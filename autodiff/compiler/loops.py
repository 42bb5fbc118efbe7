"""Loops: a vector program in a language that has for loops and arrays, as C and JavaScript do.

Each example is computed by itself, so that what is batched needs room for one example alone: first
comes what all of them share, then a loop over them, then what depends on sums over them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.compiler.definitions import definition
from autodiff.compiler.exported import Exported
from autodiff.compiler.layout import strided
from autodiff.compiler.nests import is_summed, phases
from autodiff.compiler.program import BATCHED
from autodiff.compiler.source import Names, comment, identifier, is_comparison
from autodiff.compiler.vectors import (
    CONSTANTS,
    Add,
    Contraction,
    Elementwise,
    Fill,
    Indices,
    Instruction,
    Pack,
    VectorProgram,
    View,
    made_by,
    needed_for,
    shape_of,
)
from autodiff.expressions import (
    EXPRESSION,
    OPERATORS,
    Call,
    Expression,
    Name,
    call,
    leaves,
    repeated_functions,
    replaced,
    shared_parts,
)
from autodiff.mathematics import NumberMathematics
from autodiff.printers import CodePrinter


@dataclass(frozen=True)
class Dialect:
    """The way in which a language writes functions.

    Attributes:
        printer: writes formulas.
        native: functions that the language has.
        helpers: functions that are written out in it, by name; others come from the definitions
            in :mod:`autodiff.mathematics`.
        needs: the helpers that a helper calls.
        constant: a scalar that is given a value once.
        function: a helper of one line of parameters, and its body.
        parameter: of a helper.
        result: how a helper returns its result.
    """

    printer: CodePrinter
    native: frozenset[str]
    helpers: Mapping[str, str]
    needs: Mapping[str, tuple[str, ...]]
    constant: str
    function: str
    parameter: str
    result: str


@dataclass(frozen=True)
class Language(Dialect):
    """The syntax of one language for what all languages with loops and arrays can say.

    Attributes:
        reserved: names that are taken.
        variable: a scalar that may change.
        offset: where the numbers of an example begin in an array.
        array: an array of numbers, for the whole call.
        table: an array of whole numbers or of constants, for all calls.
        loop: the head of a loop.
    """

    reserved: Sequence[str]
    variable: str
    offset: str
    array: Callable[[str, int], str]
    table: Callable[[str, Sequence[Any]], str]
    loop: str


def helpers_text(language: Dialect, used: set[str]) -> str:
    """The functions that a program uses and its language has not, each after what it needs.

    Raises:
        TypeError: if there is none for this language.
    """
    written: dict[str, str] = {}
    started: set[str] = set()  # some need each other

    def write(name: str) -> None:
        if name in started or name in language.native or name in OPERATORS:
            return
        if name in ("where", "power", "unequal"):
            return
        started.add(name)
        text = language.helpers.get(name)
        if text is not None:
            for other in language.needs.get(name, ()):
                write(other)
            written[name] = text
            return
        found = definition(name)
        if found is None:
            raise TypeError(f"{name} cannot be exported, since the language has no such function")
        parameters, formula = found
        for function in functions_in(formula):
            write(function)
        parts, result = shared_parts(formula)
        lines = [language.constant.format(n, language.printer.text(part)) for n, part in parts]
        lines.append(language.result.format(language.printer.text(result)))
        head = ", ".join(language.parameter.format(p) for p in parameters)
        body = "\n".join(f"    {line}" for line in lines)
        written[name] = language.function.format(name=name, parameters=head, body=body)

    for name in sorted(used):
        write(name)
    return "\n\n".join(written.values())


def functions_in(expression: Expression) -> Iterator[str]:
    """The names of all functions in an expression."""
    if isinstance(expression, Call):
        yield "remainder" if expression.function == "modulo" else expression.function
        for operand in expression.operands:
            yield from functions_in(operand)


@dataclass
class Body:
    """The lines of a function, and what it needs around it.

    Attributes:
        arrays: lines that make its arrays.
        functions: names of the functions that it calls.
        unread: names of inputs that nothing depends on.
        size: how many numbers its arrays hold.
    """

    lines: list[str] = field(default_factory=list)
    arrays: list[str] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    unread: list[str] = field(default_factory=list)
    size: int = 0


class Tables:
    """Arrays of constants, which all functions of a file share."""

    def __init__(self, language: Language) -> None:
        self.lines: list[str] = []
        self._language = language
        self._names: dict[bytes, str] = {}

    def name(self, numbers: NDArray[Any]) -> str:
        """The name of the array with these numbers."""
        key = numbers.dtype.char.encode() + numbers.tobytes()
        if key not in self._names:
            self._names[key] = f"table_{len(self._names)}"
            line = self._language.table(self._names[key], numbers.ravel().tolist())
            self.lines.append(line)
        return self._names[key]


def write_both(program: Exported, language: Language) -> tuple[list[Body], list[str], str]:
    """The bodies of a function without and with gradients, their tables, and their helpers."""
    tables = Tables(language)
    value, both = _only_needed(program.value), _only_needed(program.both)
    bodies = [
        write_loops(value, language, program.inputs, (), tables),
        write_loops(both, language, program.inputs, program.gradients, tables),
    ]
    fixed = [language.table(name, numbers) for name, numbers in program.fixed.items()]
    helpers = helpers_text(language, bodies[0].functions | bodies[1].functions)
    return bodies, [*fixed, *tables.lines], helpers


def _only_needed(program: VectorProgram) -> VectorProgram:
    """The program without what is computed only because it may have no value."""
    results = [program.outputs.block, *program.gradients]
    return replace(program, instructions=needed_for(results, program.instructions))


def in_sections(sections: Sequence[Sequence[str]]) -> str:
    """The text of a file, with an empty line between what belongs together."""
    return "\n\n".join("\n".join(lines) for lines in sections if any(lines)) + "\n"


def wrapped(texts: Sequence[str]) -> str:
    """A list in lines of bearable length."""
    return textwrap.fill(", ".join(texts), 96, initial_indent="  ", subsequent_indent="  ")


def write_loops(
    program: VectorProgram,
    language: Language,
    inputs: Sequence[str],
    gradients: Sequence[str],
    tables: Tables,
) -> Body:
    """The body of a function that reads arrays, and writes ``out`` and the gradients.

    Args:
        program: with or without gradients.
        language: what it is written in.
        inputs: the names of the arrays that are read, each row by row.
        gradients: the names of the arrays that gradients are written to.
        tables: the constants that the function shares with others.
    """
    return _LoopWriter(program, language, inputs, gradients, tables).run()


class _LoopWriter:
    def __init__(
        self,
        program: VectorProgram,
        language: Language,
        inputs: Sequence[str],
        gradients: Sequence[str],
        tables: Tables,
    ) -> None:
        self.program = program
        self.tables = tables
        self.language = language
        self.body = Body()
        self.depth = 0
        taken = [
            *language.reserved,
            *language.native,
            *language.helpers,
            *NumberMathematics.__dict__,
        ]
        self._fresh = Names([*taken, "n", "e", "out", *"ijklm", "s", *inputs, *gradients]).fresh
        self.names: dict[int, str] = dict(enumerate(inputs))
        self.names.update(zip(program.gradients, gradients, strict=True))
        self.given = set(self.names)
        self.inputs = inputs
        self.touched: set[int] = set()
        self.offsets: dict[int, str] = {}
        self.started: frozenset[int] = frozenset()
        for i in range(len(program.blocks)):
            if i not in self.names:
                self.names[i] = self._fresh(self._base(i))
        self.is_batched = any(block.kind == BATCHED for block in program.blocks)
        self.changing = {
            instruction.block
            for instruction in program.instructions
            if isinstance(instruction, Add) or self._is_summed(instruction)
        }
        self.scope = ""

    def _base(self, i: int) -> str:
        block = self.program.blocks[i]
        if block.gradient_of is not None:
            return f"d_{self.names[block.gradient_of]}"
        name = identifier(block.name, block.scope) if block.name else f"v{i}"
        return f"v_{name}" if name.startswith("table_") else name

    def _is_summed(self, instruction: Instruction) -> bool:
        return is_summed(self.program, instruction)

    def run(self) -> Body:
        """Before the examples, each example, and after them."""
        found = phases(self.program)
        before, each, after = [
            [self.program.instructions[at] for at in positions] for positions in found[:3]
        ]
        self.started = found.started  # from zeros, since something of each example is added
        before += [Fill(0.0, block) for block in sorted(found.started)]
        self._make_arrays()
        for instruction in before:
            self._write(instruction)
        if self.is_batched:
            for instruction in each:
                if self._is_summed(instruction) and not isinstance(instruction, Add):
                    self._fill(instruction.block, 0.0)
            batched = [i for i in self.given if self.program.blocks[i].kind == BATCHED]
            self.offsets = {i: self._fresh(f"{self.names[i]}_at") for i in sorted(batched)}
            with self._loop("e", "n"):
                first = len(self.body.lines)
                for instruction in each:
                    self._write(instruction)
                self._outputs()
                self.body.lines[first:first] = [
                    "  " + self.language.offset.format(name, self.program.blocks[i].size)
                    for i, name in self.offsets.items()
                    if i in self.touched
                ]
        for instruction in after:
            self._write(instruction)
        if not self.is_batched:
            self._outputs()
        self.body.unread = [name for i, name in enumerate(self.inputs) if i not in self.touched]
        return self.body

    # ------------------------------------------------------------------------------- lines

    def _line(self, text: str) -> None:
        self.body.lines.append("  " * self.depth + text)

    @contextmanager
    def _loop(self, name: str, end: object) -> Iterator[None]:
        self._line(self.language.loop.format(name=name, end=end))
        self.depth += 1
        yield
        self.depth -= 1
        self._line("}")

    @contextmanager
    def _nest(self, shape: Sequence[int], letters: str = "ijklm") -> Iterator[None]:
        """Loops over the axes that have more than one element."""
        axes = [(letter, n) for letter, n in zip(letters, shape, strict=False) if n > 1]
        for letter, n in axes:
            self._line(self.language.loop.format(name=letter, end=n))
            self.depth += 1
        yield
        for _ in axes:
            self.depth -= 1
            self._line("}")

    def _array(self, base: str, size: int) -> str:
        name = self._fresh(base)
        self.body.arrays.append(self.language.array(name, size))
        self.body.size += size
        return name

    def _make_arrays(self) -> None:
        made = {i for instruction in self.program.instructions for i in made_by(instruction)}
        for i, block in enumerate(self.program.blocks):
            if i in made and i not in self.given and not self._is_scalar(i):
                self.body.arrays.append(self.language.array(self.names[i], block.size))
                self.body.size += block.size

    def _is_scalar(self, block: int) -> bool:
        return self.program.blocks[block].size == 1 and block not in self.given

    # ------------------------------------------------------------------------- instructions

    def _write(self, instruction: Instruction) -> None:
        block = self.program.blocks[instruction.block]
        if block.scope != self.scope and block.gradient_of is None and block.name != "packed":
            self.scope = block.scope
            if block.scope:
                self._line("//" + comment(block.scope)[1:].rstrip("\\"))  # goes on in C
        if isinstance(instruction, Elementwise):
            self._elementwise(instruction)
        elif isinstance(instruction, Contraction):
            self._contraction(instruction)
        elif isinstance(instruction, Pack):
            for view, place in zip(instruction.views, instruction.places, strict=True):
                with self._nest(place.shape):
                    at = self._index(place, place.shape)
                    self._line(f"{self._element(instruction.block, at)} = "
                               f"{self._view(view, place.shape)};")  # fmt: skip
        elif isinstance(instruction, Fill):
            self._fill(instruction.block, instruction.number)
        elif isinstance(instruction, Add):
            self._add(instruction)

    def _fill(self, block: int, number: float) -> None:
        if self._is_scalar(block):
            self._line(self.language.variable.format(self.names[block], f"{number:g}"))
            return
        size = self.program.blocks[block].size
        with self._nest((size,)):
            self._line(f"{self._element(block, 'i' if size > 1 else '0')} = {number:g};")

    def _elementwise(self, instruction: Elementwise) -> None:
        block, formula, sums = instruction.block, instruction.formula, instruction.sums
        shape = shape_of(formula) or (1,)
        is_summed = self._is_summed(instruction) or block in self.started
        formula = self._with_many(formula)
        if prod(shape) == 1 and self._is_scalar(block) and not is_summed:
            template = self.language.variable if block in self.changing else self.language.constant
            self._line(template.format(self.names[block], self._text(formula, shape)))
            return
        if sums and not is_summed:
            self._fill(block, 0.0)
        kept = [1 if axis in sums else n for axis, n in enumerate(shape)]
        places = np.broadcast_to(np.arange(prod(kept)).reshape(kept), shape)
        sign = "+=" if sums or is_summed else "="
        with self._nest(shape):
            place = self._element(block, self._index(places, shape))
            self._line(f"{place} {sign} {self._text(formula, shape)};")

    def _add(self, instruction: Add) -> None:
        target, formula = instruction.target, instruction.formula
        shape = np.broadcast_shapes(shape_of(formula), target.indices.shape)
        formula = self._with_many(formula)
        places = np.broadcast_to(target.indices, shape)
        with self._nest(shape):
            place = self._element(target.block, self._index(places, shape))
            self._line(f"{place} += {self._text(formula, shape)};")

    def _contraction(self, instruction: Contraction) -> None:
        left, right, block = instruction
        groups, rows, inner = left.indices.shape
        columns = right.indices.shape[1]
        shape = (groups, rows, columns, inner)
        places = np.arange(groups * rows * columns).reshape(groups, rows, columns)
        all_left = left.reshaped(np.broadcast_to(left.indices[:, :, None], shape))
        all_right = right.reshaped(np.broadcast_to(right.indices[:, None], shape))
        is_summed = self._is_summed(instruction) or block in self.started
        with self._nest(shape[:3]):
            total = "s" if prod(shape[:3]) > 1 else self._fresh("s")
            self._line(self.language.variable.format(total, "0"))
            with self._nest(shape[3:], "l"):
                product = f"{self._view(all_left, shape)} * {self._view(all_right, shape)}"
                self._line(f"{total} += {product};")
            if self._is_scalar(block) and not is_summed:
                self._line(self._declared(block, total))
            else:
                place = self._element(block, self._index(places, shape[:3]))
                self._line(f"{place} {'+=' if is_summed else '='} {total};")

    def _declared(self, block: int, value: str) -> str:
        template = self.language.variable if block in self.changing else self.language.constant
        return template.format(self.names[block], value)

    def _outputs(self) -> None:
        view = self.program.outputs
        count = view.indices.size
        with self._nest((count,)):
            at = "i" if count > 1 else "0"
            if self.is_batched:
                at = f"e * {count} + {at}" if count > 1 else "e"
            self._line(f"out[{at}] = {self._view(view, (count,))};")

    # ------------------------------------------------------------------------------ formulas

    def _text(self, formula: Expression, shape: tuple[int, ...]) -> str:
        """A formula, for the element at the loops' variables."""
        self.body.functions.update(functions_in(formula))
        if is_comparison(formula):
            formula = call("where", formula, 1, 0)
        known: dict[Expression, Expression] = {
            leaf: Name(self._view(leaf, shape))
            for leaf in leaves(formula)
            if isinstance(leaf, View)
        }
        for leaf in leaves(formula):
            if isinstance(leaf, _Temporary):
                known[leaf] = Name(f"{leaf.name}[{self._index(leaf.indices, shape)}]")
        for part in repeated_functions(formula):
            name = self._fresh("part")
            text = self.language.printer.text(replaced(part, known))
            self._line(self.language.constant.format(name, text))
            known[part] = Name(name)
        return self.language.printer.text(replaced(formula, known))

    def _with_many(self, formula: Expression) -> Expression:
        """The formula with functions of many computed before, into arrays."""
        if not isinstance(formula, Call):
            return formula
        if not formula.operands[0].are_rows:
            return Call(formula.function, tuple(map(self._with_many, formula.operands)))
        (rows,) = formula.operands
        assert isinstance(rows, View)
        self.body.functions.add(formula.function)
        shape = rows.indices.shape
        count, size = shape[0], prod(shape[1:])
        columns = View(rows.block, rows.indices.reshape(count, size))
        given = self._array("rows", count)
        is_softmax = formula.function == "softmax"
        result = self._array("shares" if is_softmax else formula.function + "s",
                             count * size if is_softmax else size)  # fmt: skip
        with self._nest((1, size)):
            with self._nest((count, size), "i"):
                self._line(f"{given}[{'i' if count > 1 else '0'}] = "
                           f"{self._view(columns, (count, size))};")  # fmt: skip
            if not is_softmax:
                value = f"{formula.function}({given}, {count})"
                self._line(f"{result}[{'j' if size > 1 else '0'}] = {value};")
            else:
                self._line(f"softmax({given}, {count});")
                places = np.arange(count * size).reshape(count, size)
                with self._nest((count, size), "i"):
                    at = self._index(places, (count, size))
                    self._line(f"{result}[{at}] = {given}[{'i' if count > 1 else '0'}];")
        kept = shape if is_softmax else shape[1:] or (1,)
        return _Temporary(result, np.arange(prod(kept)).reshape(kept))

    def _view(self, view: View, shape: tuple[int, ...]) -> str:
        """One element of a view, where the loops go over a shape that it is broadcast to."""
        if view.block == CONSTANTS:
            numbers = self.program.constants[view.indices]
            if numbers.size == 1:
                return self.language.printer.text(EXPRESSION.carrier(float(numbers.flat[0])))
            table = self.tables.name(numbers)
            return f"{table}[{self._index(np.arange(numbers.size).reshape(numbers.shape), shape)}]"
        return self._element(view.block, self._index(view.indices, shape))

    def _element(self, block: int, at: str) -> str:
        self.touched.add(block)
        name = self.names[block]
        if self._is_scalar(block):
            return name
        if block in self.given and self.program.blocks[block].kind == BATCHED:
            start = self.offsets[block]
            return f"{name}[{start} + {at}]" if at != "0" else f"{name}[{start}]"
        return f"{name}[{at}]"

    def _index(self, indices: Indices, shape: Sequence[int], letters: str = "ijklm") -> str:
        """The index that belongs to the loops' variables: a sum of multiples, or from a table."""
        letters = letters[len(shape) - indices.ndim :]
        layout = strided(indices) if indices.ndim else None
        if indices.size == 1:
            return str(int(indices.flat[0]))
        if layout:
            return _sum_of_multiples(layout.start, layout.strides, letters)
        kept = indices
        for axis in range(indices.ndim):  # along an axis on which it is the same, one is enough
            first = kept.take([0], axis)
            kept = first if (kept == first).all() else kept
        strides = [
            prod(kept.shape[axis + 1 :]) if n > 1 else 0 for axis, n in enumerate(kept.shape)
        ]
        return f"{self.tables.name(kept)}[{_sum_of_multiples(0, strides, letters)}]"


class _Temporary(Expression):
    """Elements of an array that was computed on the way."""

    __slots__ = ("indices", "name")

    def __init__(self, name: str, indices: Indices) -> None:
        self.name = name
        self.indices = indices


def _sum_of_multiples(start: int, strides: Sequence[int], letters: str) -> str:
    terms = [
        letter if stride == 1 else f"{stride} * {letter}"
        for stride, letter in zip(strides, letters, strict=False)
        if stride
    ]
    if start or not terms:
        terms.append(str(start))
    return " + ".join(terms)
