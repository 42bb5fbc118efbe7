"""Bound: a compiled function with its arguments, for solvers that call it very often."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from autodiff.compiler.native.machine import Kernel
from autodiff.compiler.running import Call, run
from autodiff.transforms import ArgumentNumbers, is_index

if TYPE_CHECKING:
    from autodiff.compiler.compiled import Compiled

Array = NDArray[Any]


class Bound:
    """A call that takes no arguments: it reads the arrays it was bound to, and writes its own.

    Attributes:
        value: the result, of shape (), or (examples,).
        gradients: with respect to the chosen arguments, each in the shape of its array; one array,
            or a tuple where several were chosen.

    >>> from autodiff import compile
    >>> x = np.array([1.0, 2.0])
    >>> call = compile(lambda x: x[0] * x[1]).bind(x)
    >>> call(), call.gradients
    (array(2.), array([2., 1.]))
    >>> x[0] = 5.0
    >>> call(), call.gradients
    (array(10.), array([2., 5.]))
    """

    def __init__(
        self, compiled: Compiled, call: Call, wanted: tuple[int, ...], argnums: ArgumentNumbers
    ) -> None:
        self._compiled, self._call, self._wanted, self._argnums = compiled, call, wanted, argnums
        special, n = call.special, call.examples
        shape = (1,) if n is None else (n, 1)
        self._out = np.zeros(shape, call.dtype)
        self._slopes = [np.zeros(call.blocks[i].shape, call.dtype) for i in wanted]
        self.value: Array = self._out.reshape(shape[:-1])
        chosen = [argnums] if is_index(argnums) else list(argnums)  # type: ignore[arg-type]
        shaped = [
            slope.reshape(np.shape(call.arguments[i]))
            for slope, i in zip(self._slopes, chosen, strict=True)
        ]
        self.gradients: Any = shaped[0] if is_index(argnums) else tuple(shaped)
        self._run: Callable[[], int] = self._by_calling
        function = special.function(wanted)
        is_whole = n is None or 0 < n <= special.chunk
        if isinstance(function, Kernel) and is_whole and not special.captured:
            self._run = function.bound(call.blocks, [self._out, *self._slopes])

    def __call__(self) -> Array:
        """Compute the value and the gradients anew, and give the value.

        Raises:
            ValueError, ZeroDivisionError, OverflowError: as the function itself on Values.
        """
        if self._run():
            self._by_calling()
        return self.value

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a bound call reads the arrays that it was given, and cannot be copied or pickled; "
            "bind the function to other arrays instead"
        )

    def _by_calling(self) -> int:
        """The same as an ordinary call does it."""
        if self._call.special.captured:
            self._call.blocks[-1][:] = [value.data for value in self._call.special.captured]
        found = run(self._call, self._wanted)
        if found is not None:
            self._out[...] = found[0].T.reshape(self._out.shape)
            for slope, new in zip(self._slopes, found[1], strict=True):
                slope[...] = new
            return 0
        value, gradients = self._compiled._on_values(self._call, self._argnums)
        self.value[...] = value
        is_one = is_index(self._argnums)
        for own, new in zip([self.gradients] if is_one else self.gradients,
                            [gradients] if is_one else gradients, strict=True):  # fmt: skip
            own[...] = new
        return 0


def check_bindable(name: str, argument: object, dtype: Any) -> None:
    """Raise an error in one sentence unless an argument is an array that can be read in place."""
    if not isinstance(argument, np.ndarray):
        raise TypeError(
            f"bind() reads arrays in place; expected an array of {dtype} for {name}, got "
            f"{type(argument).__name__}; make one of it with np.array(..., {str(dtype)!r}) and "
            "write into that"
        )
    if argument.dtype != dtype or not argument.flags.c_contiguous:
        kind = argument.dtype if argument.dtype != dtype else "one with gaps or in another order"
        raise TypeError(
            f"bind() reads arrays in place; expected a contiguous array of {dtype} for {name}, got "
            f"{kind}; bind to np.ascontiguousarray({name}, {str(dtype)!r}) and write into that"
        )
