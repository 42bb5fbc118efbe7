"""Compiled: a function together with the programs made of it, one for each shape of arguments."""

from __future__ import annotations

import inspect
import itertools
import logging
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from autodiff.compiler.arguments import (
    as_arrays,
    blocks_of_argument,
    changed_argument,
    described_arguments,
    gradient_like,
    note_on_examples,
    results_of,
)
from autodiff.compiler.bound import Bound, check_bindable
from autodiff.compiler.export import export, javascript
from autodiff.compiler.fallback import on_values
from autodiff.compiler.outline import Row, outline
from autodiff.compiler.running import Call, run, run_all
from autodiff.compiler.second import HessianSpecialization, specialized
from autodiff.compiler.specialization import Specialization
from autodiff.compiler.targets import JAX, TARGETS
from autodiff.compiler.trace import Parameter
from autodiff.graph import Outlined
from autodiff.transforms import ArgumentNumbers, chosen_arguments, is_index
from autodiff.value import Value

Array = NDArray[Any]

log = logging.getLogger("autodiff.compiler")


@overload
def compile(
    function: Callable[..., Value],
    *,
    dtype: str = "float64",
    target: str = "auto",
    threads: int | None = None,
) -> CompiledScalar: ...
@overload
def compile(
    function: Callable[..., Any],
    batched: Sequence[str] | str = (),
    *,
    dtype: str = "float64",
    target: str = "auto",
    threads: int | None = None,
    devices: Sequence[Any] | None = None,
) -> Compiled: ...
def compile(
    function: Callable[..., Any],
    batched: Sequence[str] | str = (),
    *,
    dtype: str = "float64",
    target: str = "auto",
    threads: int | None = None,
    devices: Sequence[Any] | None = None,
) -> Compiled:
    """Turn a function of Values into a fast program with the same values and gradients.

    The function is called once for each shape of arguments, on Values without numbers; what it
    records becomes a short program: machine code, NumPy, or JAX. Values that it uses without being
    given them are read at every call; all other Python state is fixed when it is traced.

    Args:
        function: of numbers, arrays and structures, as for :func:`autodiff.grad`. A choice that
            depends on a number is written with :func:`autodiff.where`.
        batched: names of arguments with a leading axis of examples; the function itself sees one
            example. Their arrays, or arrays in structures, all have equally many. Lists and tuples
            that hold numbers alone are examples.
        dtype: ``"float64"`` or ``"float32"``; with JAX also ``"bfloat16"``.
        target: ``"native"`` for machine code (needs llvmlite, the extra ``native``), ``"numpy"``
            for vectors, ``"python"`` for straight-line Python on floats (without batched
            arguments), ``"jax"`` for JAX and its devices (the extra ``jax``), ``"auto"`` for what
            is expected to be fastest without JAX.
        threads: how many chunks of examples native code computes at once; by default as many as
            there are cores. The results are the same bits for every number.
        devices: of JAX, over which examples are split evenly, such as ``jax.devices()``.

    Raises:
        TypeError: if it is no function; at a call, if it decides by a number that is not known yet.
        ValueError: if ``batched`` names no argument, or an option is unknown.

    >>> f = compile(lambda w, x: (w @ x - 1.0) ** 2, batched="x")
    >>> w, x = np.array([1.0, 2.0]), np.array([[1.0, 1.0], [0.0, 2.0], [1.0, 0.0]])
    >>> f(w, x).tolist()
    [4.0, 9.0, 0.0]
    >>> losses, gradient = f.value_and_grad(w, x)
    >>> gradient.tolist()
    [4.0, 16.0]
    """
    return Compiled(function, batched, dtype, target, threads, devices)


class Compiled(Outlined):
    """A function that runs as a program generated from its own graph; see :func:`autodiff.compile`.

    Attributes:
        function: what it was made from.
        batched: names of the arguments with a leading axis of examples.
        dtype, target, threads, devices: as given.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        batched: Sequence[str] | str = (),
        dtype: str = "float64",
        target: str = "auto",
        threads: int | None = None,
        devices: Sequence[Any] | None = None,
    ) -> None:
        if not callable(function):
            raise TypeError(f"compile() expected a function, got {type(function).__name__}")
        if not isinstance(target, str) or target not in ("auto", *TARGETS):
            known = ", ".join(["auto", *TARGETS])
            raise ValueError(
                f"target must be one of {known}, got {target!r}; f.export writes C and JavaScript"
            )
        self.function: Callable[..., Any] | None = function
        self.batched = _names(batched)
        self.dtype = _checked_dtype(dtype, target)
        self.devices = _checked_devices(devices, target)
        is_count = isinstance(threads, Integral) and not isinstance(threads, bool) and threads >= 1
        if threads is not None and not is_count:
            raise ValueError(f"threads must be a whole number from 1 on, or None, got {threads!r}")
        self.target = target
        self.threads = threads
        self.__name__ = getattr(function, "__name__", "function")
        self._signature = _bare(inspect.signature(function))
        unknown = set(self.batched) - set(self._signature.parameters)
        if unknown:
            raise ValueError(
                f"batched names {', '.join(sorted(unknown))}, but the arguments of "
                f"{self.__name__} are {', '.join(self._signature.parameters) or 'none'}"
            )
        self._names = list(self._signature.parameters)
        self._specializations: dict[Any, Specialization] = {}
        self._latest: tuple[Specialization, tuple[int, ...] | None] | None = None

    # ----------------------------------------------------------------------------------- calls

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """The results, with a leading axis of examples if an argument is batched.

        Raises:
            ValueError, ZeroDivisionError, OverflowError: as the function itself does on Values,
                where a result is not finite; the note names the operation that went wrong.
        """
        call = self.prepare(arguments, named)
        if self.target == "jax" and call.is_in_jax:
            self._latest = call.special, None
            return self._on_jax(call).results_in_jax(call.blocks, call.examples)
        found = self._run(call, None)
        return self._on_values(call, None) if found is None else self._results(call, found[0])

    def value_and_grad(self, *arguments: Any, argnums: ArgumentNumbers = 0, **named: Any) -> Any:
        """Return the result, and its gradient with respect to one argument, in its structure.

        With batched arguments there is one result for each example, and the gradient is that of
        their sum; by a batched argument that is one gradient for each example.

        Args:
            argnums: the argument to differentiate with respect to; a sequence gives a tuple.

        Raises:
            TypeError: if the function has more than one scalar result.
        """
        call = self.prepare(arguments, named)
        self._check_one_result(call)
        if type(argnums) is int and 0 <= argnums < len(call.arguments):
            chosen = [argnums]
        else:
            chosen = chosen_arguments(argnums, len(call.arguments))
        wanted = self._blocks_of(call, chosen)
        if self.target == "jax" and call.is_in_jax:
            self._latest = call.special, wanted
            result, gradients = self._on_jax(call).gradients_in_jax(
                wanted, call.blocks, call.examples
            )
        else:
            ran = self._run(call, wanted)
            if ran is None:
                return self._on_values(call, argnums)
            out, gradients = ran
            result = float(out[0]) if call.examples is None else out[0]
        found = iter(gradients)
        structures = [self._gradient(call, i, found) for i in chosen]
        return (
            result,
            structures[0] if is_index(argnums) else tuple(structures),
        )

    def bind(self, *arrays: Array, argnums: ArgumentNumbers = 0) -> Bound:
        """A call without arguments, which reads these arrays and writes its results in place.

        That is for solvers that call very often: what the next call shall see is written into the
        arrays, and its results stand in ``call.value`` and ``call.gradients``, the same arrays at
        every call.

        Args:
            arrays: contiguous, of this function's dtype.
            argnums: the argument to differentiate with respect to; a sequence gives a tuple.

        Raises:
            TypeError: for an argument that cannot be read in place, or more than one result.
        """
        for name, array in zip(self._bind(arrays, {})[1], arrays, strict=True):
            check_bindable(name, array, self.dtype)
        call = self.prepare(arrays, {})
        self._check_one_result(call)
        chosen = chosen_arguments(argnums, len(arrays))
        wanted = self._blocks_of(call, chosen)
        self._latest = call.special, wanted
        return Bound(self, call, wanted, argnums)

    def specialize(self, *arguments: Any) -> None:
        """Compile for arguments of this shape without running, so that ``captured`` is known."""
        self._latest = self.prepare(arguments, {}).special, None

    @property
    def captured(self) -> list[Value]:
        """The leaves that the program that ran last uses without being given them."""
        return self._ran()[0].captured

    def captured_gradient(self, numbers: Array, *arguments: Any) -> tuple[Array, Array]:
        """All results, and the gradient of the first by what was captured.

        Args:
            numbers: one for each of ``captured``, in place of their own.

        Returns:
            Results of shape (count,) or (count, examples), and a vector, the gradient of the first
            result, added up over examples. They are not checked to be finite.
        """
        call = self.prepare(arguments, {}, numbers)
        if not call.special.captured:
            raise ValueError(f"{self.__name__} captured no Values to differentiate with respect to")
        wanted = (len(call.special.inputs) - 1,)
        with np.errstate(all="ignore"):
            self._latest = call.special, wanted
            out, gradients = run_all(call, wanted)
        return out, gradients[0]

    # ----------------------------------------------------------------------------- inspection

    @property
    def source(self) -> str:
        """The text of the program that ran last: forward, or forward and adjoint."""
        special, wanted = self._ran()
        return special.source(wanted).text

    @property
    def stats(self) -> dict[str, Any]:
        """Counts of the scalar graph, and of the program that ran last.

        ``scalars`` recorded while tracing became ``instructions`` on scalars after simplification,
        and these ``operations`` on vectors, of which ``products`` are matrix products and
        ``gathers`` read elements that are not evenly spaced.
        """
        special, wanted = self._ran()
        return special.stats(wanted)

    @property
    def outline(self) -> list[Row]:
        """The vector program that ran last, as rows that name what they read.

        >>> f = compile(lambda w, x: w @ x, batched="x")
        >>> _ = f(np.ones(3), np.ones((5, 3)))
        >>> [(row.symbol, row.shape) for row in f.outline if row.kind == "operation"]
        [('@', '1 × n')]
        """
        return outline(self._ran()[0].vectors)

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the program that ran last, with its gradient, as a file that needs no autodiff.

        The file has two functions: one with the name of this one, and one that gives the gradients
        of all arguments, too, ``..._value_and_grad``. It says itself what they take and give.
        Numbers are doubles. Where this would ask Values, a file follows IEEE 754, or raises what
        Python's floats raise; a gradient through a branch that is not taken, and has no value
        there, may be NaN. Captured Values are written into the file with their present numbers.

        Args:
            path: ends in ``.py`` (on floats, or NumPy where this runs on vectors), ``.js`` (a
                module) or ``.c`` (C11).

        Raises:
            RuntimeError: before the first call.
            ValueError: for another ending.
        """
        export(self._exportable(), self.__name__, path)

    def javascript(self, captured: str | None = None) -> str:
        """The program that ran last, with its gradient, as a JavaScript expression.

        The expression is an object of two functions, which take and give what those of an exported
        file do: ``value`` and ``value_and_grad``. It can stand within a script of a web page.

        Args:
            captured: the name of a last argument for the numbers of ``self.captured``, in this
                order; without it, their present numbers are written into the text.

        Raises:
            RuntimeError: before the first call.

        >>> w = Value(2.0, "w")
        >>> f = compile(lambda x: w * x, batched="x")
        >>> f(np.ones(3)).tolist()
        [2.0, 2.0, 2.0]
        >>> "_value_and_grad(x, weights) {" in f.javascript(captured="weights")
        True
        """
        return javascript(self._exportable(), self.__name__, captured)

    def _exportable(self) -> Specialization:
        special = self._ran()[0]
        if isinstance(special, HessianSpecialization):
            raise TypeError(
                'a Hessian is exported where it was compiled with target="python", got '
                f'"{special.target.name}"'
            )
        return special

    def _ran(self) -> tuple[Specialization, tuple[int, ...] | None]:
        if self._latest is None:
            raise RuntimeError(f"{self.__name__} is compiled at its first call; call it first")
        return self._latest

    def __repr__(self) -> str:
        return f"<compiled {self.__name__}, for {len(self._specializations)} shapes so far>"

    def __getstate__(self) -> dict[str, Any]:
        """The programs, and the function if it can be pickled; without it no new shapes.

        Programs for structures of classes that cannot be pickled are left out.
        """
        state = {**vars(self), "devices": ()}  # those of this process
        if not _can_be_pickled(self.function):
            state["function"] = None
        kept = {
            key: special
            for key, special in self._specializations.items()
            if _can_be_pickled((key, special.results))
        }
        state["_specializations"] = kept
        if self._latest is not None and self._latest[0] not in kept.values():
            state["_latest"] = None
        return state

    # ------------------------------------------------------------------------------ arguments

    def prepare(
        self,
        arguments: tuple[Any, ...],
        named: dict[str, Any],
        captured_numbers: Array | None = None,
    ) -> Call:
        """A call of the program for these arguments, which is made if there is none."""
        if self.target == "jax":
            JAX.check(self.dtype)
        if named or len(arguments) != len(self._names):
            arguments, names = self._bind(arguments, named)
        else:
            names = self._names
        blocks: list[Array] = []
        key: list[Any] = []
        examples: int | None = None
        arranged = []
        for name, argument in zip(names, arguments, strict=True):
            is_batched = self._is_batched(name)
            if is_batched and type(argument) is not np.ndarray:
                argument = as_arrays(argument, name)
            arranged.append(argument)
            own, spec, count = blocks_of_argument(
                argument, name, is_batched, self.dtype, keeps_jax=self.target == "jax"
            )
            blocks += own
            key.append(spec)
            if count is not None:
                if examples is not None and count != examples:
                    raise ValueError(
                        f"batched arguments need equally many examples, got {examples} before "
                        f"{count} in {name}"
                    )
                examples = count
        special = self._specializations.get(tuple(key))
        if special is None:
            special = self._specialize(tuple(key), names)
        if special.captured:
            if captured_numbers is None:
                captured_numbers = np.array([value.data for value in special.captured], self.dtype)
            blocks.append(captured_numbers)
        return Call(special, tuple(arranged), blocks, examples, self.dtype, self.threads)

    def _bind(
        self, arguments: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[tuple[Any, ...], list[str]]:
        """Arguments by position, and their names; a default that is left out stays as it is."""
        bound = self._signature.bind(*arguments, **named)
        if bound.kwargs:
            name = next(iter(bound.kwargs))
            parameter = self._signature.parameters.get(name)
            is_keyword = parameter is not None and parameter.kind is parameter.KEYWORD_ONLY
            advice = (
                "write its definition without the *" if is_keyword else f"give those before {name}"
            )
            raise TypeError(
                f"{self.__name__} is compiled for arguments by position, and got {name} by name "
                f"alone; {advice}"
            )
        names: list[str] = []
        for name, argument in bound.arguments.items():
            is_rest = self._signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
            names += [f"{name}[{i}]" for i in range(len(argument))] if is_rest else [name]
        return bound.args, names

    def _specialize(self, key: Any, names: list[str]) -> Specialization:
        if self.function is None:
            raise RuntimeError(
                f"{self.__name__} was unpickled without its function, which could not be pickled; "
                "it runs only with arguments of the shapes that it had before"
            )
        parameters = [
            Parameter(name, form, self._is_batched(name))
            for name, form in zip(names, key, strict=True)
        ]
        if self._specializations:
            before = next(reversed(self._specializations))
            change = changed_argument(key, before, names)
            log.warning("compiling %s again: %s", self.__name__, change)
        else:
            log.info("compiling %s for %s", self.__name__, described_arguments(key, names))
        try:
            special = specialized(self.function, parameters, self.target, self.dtype, self.devices)
        except TypeError as error:
            note_on_examples(error, parameters)
            raise
        self._specializations[key] = special
        return special

    def _is_batched(self, name: str) -> bool:
        return name.split("[")[0] in self.batched

    def _check_one_result(self, call: Call) -> None:
        if call.special.output_count != 1:
            raise TypeError(
                f"expected a function with one scalar result, got {call.special.output_count}"
            )

    def _blocks_of(self, call: Call, chosen: Sequence[int]) -> tuple[int, ...]:
        """The input blocks of some arguments."""
        ends = call.special.argument_ends
        return tuple(b for i in chosen for b in range(ends[i], ends[i + 1]))

    # -------------------------------------------------------------------------------- results

    def _run(self, call: Call, wanted: tuple[int, ...] | None) -> tuple[Array, list[Array]] | None:
        self._latest = call.special, wanted
        return run(call, wanted)

    def _on_jax(self, call: Call) -> JaxSpecialization:
        special: Any = call.special
        return special  # type: ignore[no-any-return]

    def _on_values(self, call: Call, argnums: ArgumentNumbers | None) -> Any:
        """The same where a number has no finite value."""
        if self.function is None:
            raise FloatingPointError(
                f"{self.__name__} gave a number that is not finite, and was unpickled without its "
                "function, which could say where"
            )
        if call.special.couples_examples:
            raise FloatingPointError(
                f"{self.__name__} gave a number that is not finite; it depends on a whole batch, "
                "and no single example can say where"
            )
        log.info("a number in %s has no finite value: running it on Values", self.__name__)
        return on_values(self.function, call, argnums)

    def _results(self, call: Call, out: Array) -> Any:
        if call.special.results is None:  # a single number
            return float(out[0]) if call.examples is None else out[0]
        return results_of(call.special.results, out, call.examples)

    def _gradient(self, call: Call, i: int, found: Iterator[Array]) -> Any:
        """The gradients of an argument's blocks, which come next, in its structure."""
        argument, is_batched = call.arguments[i], call.special.is_batched[i]
        if type(argument) is np.ndarray and (argument.ndim > 1 or not is_batched):
            return next(found).reshape(argument.shape)
        start, end = call.special.argument_ends[i : i + 2]
        return gradient_like(argument, list(itertools.islice(found, end - start)), is_batched)


if TYPE_CHECKING:
    from autodiff.compiler.on_jax.specialization import JaxSpecialization

    class CompiledScalar(Compiled):
        """A compiled function with one scalar result and no batched arguments."""

        def __call__(self, *arguments: Any, **named: Any) -> float: ...  # noqa: D102
        def value_and_grad(  # noqa: D102
            self, *arguments: Any, argnums: ArgumentNumbers = 0, **named: Any
        ) -> tuple[float, Any]: ...


def _checked_dtype(dtype: str, target: str) -> np.dtype[Any]:
    known = ("float32", "float64", *["bfloat16"] * (target == "jax"))
    dtype = getattr(dtype, "__name__", dtype)  # such as np.float32
    if str(dtype) not in known:
        with_jax = ', or "bfloat16" with target="jax"' * (target != "jax")
        names = " or ".join([f'"{name}"' for name in known])
        raise ValueError(f"dtype must be {names}{with_jax}, got {dtype!r}")
    if str(dtype) == "bfloat16":
        JAX.check(np.dtype(np.float32))  # JAX brings this type with it
    return np.dtype(dtype)


def _checked_devices(devices: Sequence[Any] | None, target: str) -> tuple[Any, ...]:
    if devices is None:
        return ()
    if isinstance(devices, np.ndarray):
        devices = devices.ravel().tolist()
    if target != "jax":
        raise ValueError(
            f'devices are those of JAX, for target="jax", and the target is {target!r}'
        )
    if (
        not isinstance(devices, Sequence)
        or not devices
        or not all(hasattr(device, "platform") for device in devices)
    ):
        raise ValueError(
            f"devices must be devices of JAX, such as jax.devices(), got {devices!r:.60}"
        )
    if len(set(devices)) < len(devices):
        raise ValueError(f"every device takes part once, got {devices!r:.60}")
    return tuple(devices)


def _names(batched: Sequence[str] | str) -> tuple[str, ...]:
    names = (batched,) if isinstance(batched, str) else batched
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"batched expected names of arguments, got {batched!r}")
    return tuple(names)


def _bare(signature: inspect.Signature) -> inspect.Signature:
    """The same parameters, without the objects that are their defaults and annotations."""
    empty = inspect.Parameter.empty
    parameters = [
        parameter.replace(annotation=empty, default=empty if parameter.default is empty else None)
        for parameter in signature.parameters.values()
    ]
    return inspect.Signature(parameters)


def _can_be_pickled(thing: Any) -> bool:
    try:
        pickle.dumps(thing)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True
