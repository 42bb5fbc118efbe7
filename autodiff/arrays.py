"""Arrays of Values: NumPy's, with rules of our own wherever NumPy would decide by comparing.

NumPy computes with objects by Python's operators, which record. But its ``maximum``, ``sort`` or
``where`` ask for truth, and take one side without a record. :class:`ValueArray` is an ndarray whose
functions go through the tables below. They are filled from above: by :mod:`autodiff.value` with the
operations of the table, by :mod:`autodiff.array_functions` with what is composed of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Rule: TypeAlias = Callable[..., Any]

ELEMENT_RULES: dict[str, Rule] = {}
"""Functions of scalars by the name of NumPy's ufunc, which works on arrays element by element."""

REDUCTIONS: dict[str, Rule] = {}
"""The ``reduce`` of ufuncs that is more than one operand after the other."""

CONTRACTIONS: dict[str, Rule] = {}
"""The ufuncs of sums of products, of vectors and matrices and no single elements."""

FUNCTIONS: dict[Rule, Rule] = {}
"""NumPy's functions that are replaced by ours."""

NUMPYS_OWN: set[Rule] = set()
"""NumPy's functions that move elements, or compute by operators and ufuncs alone."""

# Python's operators, which NumPy calls for each object, record all that there is to record.
_OPERATORS = frozenset([
    "add", "subtract", "multiply", "divide", "negative", "positive", "power", "absolute", "square",
    "conjugate",
])  # fmt: skip
_NODES_ARE_COMPARED = frozenset(["equal", "not_equal"])

_as_constant: dict[type, Callable[[Any], Any]] = {}


def register(kind: type, as_constant: Callable[[Any], Any]) -> None:
    """Say which class records what is done with its objects: Value, one floor above.

    Args:
        kind: the class.
        as_constant: makes one of these of a plain number.
    """
    _as_constant[kind] = as_constant


class ValueArray(np.ndarray[Any, np.dtype[Any]]):
    """A NumPy array of Values: ``autodiff.array`` makes one, and functions in transforms get them.

    Operators, ``@``, NumPy's functions and those of autodiff work element by element and record
    what they choose. What NumPy could only decide by today's numbers raises TypeError.

    >>> import autodiff, numpy as np
    >>> x = autodiff.array([3.0, -1.0])
    >>> y = np.maximum(x, 0).sum()
    >>> y.backward()
    >>> y.data, x.grad.tolist()
    (3.0, [1.0, 0.0])
    """

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Apply NumPy's ufuncs, and with them all operators."""
        return apply_ufunc(ufunc, method, inputs, options)

    def __array_function__(
        self,
        function: Any,
        types: Iterable[type],
        arguments: Any,
        options: Any,
    ) -> Any:
        """Apply NumPy's other functions."""
        return apply_function(function, arguments, options)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Put Values in places; where the places are told by recorded comparisons, one number."""
        if isinstance(key, ValueArray):
            if np.ndim(value) or key.shape != self.shape:
                raise TypeError(
                    "places that are told by recorded comparisons take one number, and have the "
                    "shape of the array; write np.where(condition, a, b) for anything else"
                )
            key, value = ..., np.where(key, value, self)
        super().__setitem__(key, mapped(_as_value, [value]))

    @property
    def data(self) -> Any:
        """The numbers that the Values hold, as an array without gradients."""
        return self._each("data")

    @property
    def grad(self) -> Any:
        """The gradients of the Values."""
        return self._each("grad")

    def _each(self, attribute: str) -> Any:
        elements = [getattr(element, attribute) for element in with_values(self).ravel().tolist()]
        return as_array(elements, self.shape)

    def astype(self, dtype: Any, *arguments: Any, **options: Any) -> Any:
        """Return a copy, if the type is one of real numbers, which Values are.

        Raises:
            TypeError: if it is a type of whole numbers or anything else.
        """
        kind = np.dtype(dtype).kind
        if kind == "f":
            return self.copy()
        if kind == "O":
            return super().astype(dtype, *arguments, **options)
        raise TypeError(
            f"an array of Values holds real numbers and is not turned into {np.dtype(dtype)}, "
            "because its gradients would be lost; leave astype(...) out, or use where(...)"
        )


def apply_function(function: Rule, arguments: Sequence[Any], options: dict[str, Any]) -> Any:
    """A function of NumPy that is no ufunc, at Values or arrays of them.

    Raises:
        TypeError: if it is not one that can be recorded.
    """
    if function in FUNCTIONS:
        return FUNCTIONS[function](*arguments, **options)
    if function not in NUMPYS_OWN:
        refuse(function.__name__)
    ours = tuple([_single(argument) for argument in arguments])
    result = np.ndarray.__array_function__(_NO_VALUES, function, (ValueArray,), ours, options)
    return with_values(result)


def with_values(result: Any) -> Any:
    """The result of a NumPy function, with Values for plain numbers in arrays that hold Values."""
    if isinstance(result, list | tuple):
        parts = [with_values(part) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if not isinstance(result, np.ndarray) or result.dtype != object:
        return result
    kinds = set(map(type, result.ravel().tolist()))
    if kinds <= _as_constant.keys():
        return result.view(ValueArray) if result.ndim else result[()]
    if not isinstance(result, ValueArray) and _as_constant.keys().isdisjoint(kinds):
        return result
    values = np.empty(result.shape, object)
    values.ravel()[:] = [_as_value(element) for element in result.ravel().tolist()]
    is_empty = not values.ndim and values[()] is None  # to be filled, as zeros_like does
    return values.view(ValueArray) if values.ndim or is_empty else values[()]


def _as_value(element: Any) -> Any:
    if element is None or type(element) in _as_constant:
        return element
    (as_constant,) = _as_constant.values()
    return as_constant(element)


def as_array(scalars: Sequence[Any], shape: tuple[int, ...]) -> Array:
    """An array of floats if that is what they are, of Values, or else of objects.

    Arrays among the scalars add dimensions.
    """
    if scalars and all(isinstance(scalar, np.ndarray) for scalar in scalars):
        stacked: Array = np.stack(scalars)
        return stacked.reshape(shape + scalars[0].shape)
    kinds = set(map(type, scalars))
    array = np.empty(len(scalars), float if kinds <= {float} else object)
    array[:] = scalars
    array = array.reshape(shape)
    return array if _as_constant.keys().isdisjoint(kinds) else array.view(ValueArray)


def mapped(rule: Rule, operands: Sequence[Any]) -> Any:
    """A function of scalars at each element of its operands, which are broadcast."""
    arrays = [np.asarray(_plain(operand), object) for operand in operands]
    shape = np.broadcast_shapes(*[array.shape for array in arrays])
    columns = [np.broadcast_to(array, shape).ravel().tolist() for array in arrays]
    results = as_array([rule(*elements) for elements in zip(*columns, strict=True)], shape)
    return results[()]


def apply_ufunc(ufunc: Any, method: str, inputs: Sequence[Any], options: dict[str, Any]) -> Any:
    """A method of a NumPy ufunc, ``__call__`` or ``reduce`` for instance, at arrays of Values.

    Raises:
        TypeError: if there is no rule for it, or the result is to go where no Value can be.
    """
    if ufunc.__name__ in _OPERATORS and "out" not in options and "where" not in options:
        return by_numpy(ufunc, method, inputs, options)
    (out,) = options.pop("out", None) or (None,)
    if out is not None and out.dtype != object:
        raise TypeError(
            f"a NumPy array of {out.dtype} cannot hold Values, whose gradients would be lost; "
            "write a = a + b in place of a += b, or begin with autodiff.array(...)"
        )
    result = _computed(ufunc, method, inputs, options)
    if out is None:
        return result
    out[...] = result
    return out


def _computed(ufunc: Any, method: str, inputs: Sequence[Any], options: dict[str, Any]) -> Any:
    name = ufunc.__name__
    if name in _NODES_ARE_COMPARED:
        raise TypeError(
            "== and != ask whether two Values are the same node, and not for equal numbers; for "
            "arrays write (a <= b) * (a >= b), which is recorded, or a.data == b.data"
        )
    if method == "reduce" and name in REDUCTIONS:
        return REDUCTIONS[name](*inputs, **options)
    if name in _OPERATORS:
        return by_numpy(ufunc, method, inputs, options)
    if name in CONTRACTIONS:
        return _contracted(ufunc, inputs, options)
    rule = ELEMENT_RULES.get(name)
    if rule is None and ufunc.types == [f"{'O' * ufunc.nin}->{'O' * ufunc.nout}"]:
        return by_numpy(ufunc, method, inputs, options)  # made by np.frompyfunc
    if rule is None:
        refuse(name)
    if method == "__call__" and not options:
        return mapped(rule, inputs)
    options.pop("dtype", None)
    return by_numpy(np.frompyfunc(rule, ufunc.nin, 1), method, inputs, options)


def _contracted(ufunc: Any, inputs: Sequence[Any], options: dict[str, Any]) -> Any:
    """Sums of products, which NumPy's own loops would go on with after an error in one of them."""
    if any(type(operand) in _as_constant for operand in inputs):
        raise TypeError(
            f"np.{ufunc.__name__}, which @ stands for, takes vectors and matrices, got a single "
            "Value; * multiplies by one"
        )
    options.pop("dtype", None)
    ufunc(*[np.zeros(np.shape(operand), bool) for operand in inputs], **options)  # if they fit
    rule = CONTRACTIONS[ufunc.__name__]
    if not options.keys() <= {"axis", "keepdims"}:
        refuse(f"{ufunc.__name__}({', '.join(options)}=...)")
    return rule(*map(np.asanyarray, inputs), **options)


def by_numpy(ufunc: Any, method: str, inputs: Sequence[Any], options: dict[str, Any]) -> Any:
    """A method of a NumPy ufunc as NumPy has it for objects, by their operators."""
    if options.get("dtype") is not None and np.dtype(options["dtype"]).kind == "f":
        del options["dtype"]  # Values are real numbers already
    with np.errstate(all="ignore"):  # Values say themselves what is wrong
        result = getattr(ufunc, method)(*[_plain(operand) for operand in inputs], **options)
    return result.view(ValueArray) if isinstance(result, np.ndarray) else result


def _plain(operand: Any) -> Any:
    """An array as NumPy's own, and a single Value as an array of one, so that NumPy takes over."""
    operand = _single(operand)
    return operand.view(np.ndarray) if isinstance(operand, ValueArray) else operand


def _single(operand: Any) -> Any:
    """A single Value as an array without dimensions; anything else as it is."""
    if type(operand) not in _as_constant:
        return operand
    single = np.empty((), object)
    single[()] = operand
    return single.view(ValueArray)


_NO_VALUES = np.empty(0, object).view(ValueArray)


def refuse(name: str) -> NoReturn:
    """Raise TypeError for a NumPy function that cannot be recorded.

    Raises:
        TypeError: always.
    """
    raise TypeError(
        f"np.{name} has no rule for Values, and might decide by numbers without recording it; "
        "use operators, autodiff's functions, and np.where, np.maximum, np.max or np.sort, which "
        "are recorded"
    )
