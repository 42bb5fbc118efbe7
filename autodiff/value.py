"""Value: a number that remembers the operation and the operands that it came from.

From that one record everything else follows. ``backward()`` is a topological sort and the chain
rule, which stand in :mod:`autodiff.adjoint`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeAlias, cast, overload

import numpy as np
from numpy.typing import NDArray

from autodiff import arrays, copies, primitives
from autodiff.adjoint import (
    ONE,
    ZERO,
    Reciprocal,
    backpropagate,
    gradients,
    topological_order,
)
from autodiff.float_rules import float_rule
from autodiff.linearize import FAILURES, explain, linearize
from autodiff.mathematics import (
    UNKNOWN,
    Mathematics,
    Number,
    as_number,
    carrier_of,
    format_number,
    logistic_density,
    mathematics_of,
    sinc_slope,
)
from autodiff.primitives import PRIMITIVES, RECORDERS, Primitive, Recorded
from autodiff.recording import TRACING, differentiated, is_tracing, refuse_while_tracing, trace_now
from autodiff.recording import recording_now as _recording_now

_CONSTANT = primitives.constant

Operand: TypeAlias = "Value | float | Fraction | Decimal | np.number[Any]"
"""What an operator takes beside a Value; mpmath's numbers have no types, and are taken too."""


class _Operator(Protocol):
    """An operator of Values, for type checkers: over an array it works element by element."""

    @overload
    def __call__(self, other: Operand, /) -> Value: ...
    @overload
    def __call__(self, other: NDArray[Any], /) -> NDArray[Any]: ...


_new = object.__new__
_PLAIN = frozenset([float, int, np.float64])
_NAN = float("nan")


# Each operation on floats goes one of the short ways below, by its float rule. What they do not
# know (other carriers, constants, tracing, no_grad, arrays, failures) goes the general way.


def _recorder_of_one(primitive: Primitive) -> Callable[[Value], Value]:
    """Return the function, and method, that records an operation with one operand."""
    rule = float_rule(primitive, (True,))

    def record(operand: Any) -> Any:
        if type(operand) is Value and type(a := operand._data) is float:
            scope, records = _recording_now()
            if records is True and operand.op is not _CONSTANT:
                try:
                    y, slopes = rule(a)
                except FAILURES:
                    y = _NAN
                if y - y == 0.0:
                    node = _new(Value)
                    node._data = y
                    node._grad = 0.0
                    node.op = primitive
                    node.parents = (operand,)
                    node.local_derivatives = slopes
                    node._name = ""
                    node.scope = scope
                    return node
        return primitive.apply((operand,))

    record.__name__ = primitive.name
    return record


def _recorders_of_two(
    primitive: Primitive, otherwise: Callable[[Any, Any], Any]
) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    """Return what records an operation with a Value on the left, and with one on the right alone.

    Args:
        primitive: the operation.
        otherwise: the general way, given the left and the right operand.
    """
    of_both = float_rule(primitive, (True, True))
    of_left = float_rule(primitive, (True, False))
    of_right = float_rule(primitive, (False, True))

    def record(self: Any, other: Any) -> Any:
        if type(a := self._data) is float and self.op is not _CONSTANT:
            scope, records = _recording_now()
            if records is True:
                y = _NAN
                try:
                    if type(other) is Value:
                        if type(b := other._data) is float and other.op is not _CONSTANT:
                            y, slopes = of_both(a, b)
                    elif type(other) in _PLAIN:
                        other = _constant_of(float(other), scope)
                        y, slopes = of_left(a, other._data)
                except FAILURES:
                    pass
                if y - y == 0.0:
                    node = _new(Value)
                    node._data = y
                    node._grad = 0.0
                    node.op = primitive
                    node.parents = (self, other)
                    node.local_derivatives = slopes
                    node._name = ""
                    node.scope = scope
                    return node
        return otherwise(self, other)

    def record_reflected(self: Any, other: Any) -> Any:
        if type(b := self._data) is float and self.op is not _CONSTANT and type(other) in _PLAIN:
            scope, records = _recording_now()
            if records is True:
                y = _NAN
                try:
                    other = _constant_of(float(other), scope)
                    y, slopes = of_right(other._data, b)
                except FAILURES:
                    pass
                if y - y == 0.0:
                    node = _new(Value)
                    node._data = y
                    node._grad = 0.0
                    node.op = primitive
                    node.parents = (other, self)
                    node.local_derivatives = slopes
                    node._name = ""
                    node.scope = scope
                    return node
        return otherwise(other, self)

    record.__name__ = primitive.name
    return record, record_reflected


def _constant_of(number: float, scope: str) -> Value:
    node = _new(Value)
    node._data = number
    node._grad = 0.0
    node.op = _CONSTANT
    node.parents = ()
    node.local_derivatives = ()
    node._name = ""
    node.scope = scope
    return node


def _operators(primitive: Primitive) -> tuple[_Operator, _Operator]:
    """Return the operator for a Value on the left, and the one for a Value on the right alone."""
    left, right = _recorders_of_two(primitive, lambda a, b: _binary(primitive, a, b))
    return cast(_Operator, left), cast(_Operator, right)


class Value(Recorded):
    """A scalar in a computation graph.

    Args:
        data: the number. int, bool and NumPy scalars become float; Fraction, Decimal and mpmath
            numbers are kept, so that derivatives can be exact.
        name: what pictures and messages call it.

    Attributes:
        data: the number. It may be set on a leaf, as optimizers do, and only there.
        grad: ∂(root)/∂(this), after ``root.backward()``. Leaves add up over calls until it is set
            back to zero, or to None, as in PyTorch; intermediate values start afresh at each call.
        op: the primitive that made it; None for a leaf.
        parents: the operands, one for each slot: ``a * a`` has two.
        local_derivatives: ∂(this)/∂(operand) for each slot, recorded together with the value.
        name, scope: who it is and where it was made; either may be empty.

    ``<``, ``<=``, ``>`` and ``>=`` compare numbers; ``==`` asks whether it is the same node, so
    that nodes can be keys. Compare ``.data`` for equal numbers.

    Raises:
        TypeError: if ``data`` is not one real number.

    >>> x, y, z = Value(-2.0), Value(5.0), Value(-4.0)
    >>> f = (x + y) * z
    >>> f.backward()
    >>> f.data, x.grad, y.grad, z.grad
    (-12.0, -4.0, -4.0, 3.0)
    """

    __slots__ = (
        "__weakref__", "_data", "_grad", "op", "parents", "local_derivatives", "_name", "scope",
    )  # fmt: skip

    _data: Number
    _grad: Number
    op: Primitive | None
    parents: tuple[Value, ...]
    local_derivatives: tuple[Number, ...]
    _name: str
    scope: str

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Value is not made for subclassing; hold Values in a class of your own")

    def __init__(self, data: Number, name: str = "") -> None:
        if type(data) is float:
            self._data, self._grad = data, 0.0
        elif isinstance(data, Value):
            raise TypeError(
                "expected a number, got a Value, which needs no other around it: use it as it is"
            )
        else:
            self._data = as_number(data)
            self._grad = _zero_like(self._data)
        self.op = None
        self.parents = ()
        self.local_derivatives = ()
        if type(name) is str:
            self._name = name
        else:
            self.name = name
        self.scope = _recording_now()[0]

    # ------------------------------------------------------------------------------ the number

    @property
    def data(self) -> Number:
        """The number that this value holds.

        Setting a leaf's data does not change what was computed from it: that keeps the numbers
        and derivatives recorded with it. Compute again, or replay it with a Graph.
        """
        if self._data is UNKNOWN:
            _refuse_unknown("asks for the number of a traced value, which is not known yet")
        return self._data

    @data.setter
    def data(self, data: Number) -> None:
        if is_tracing():
            refuse_while_tracing(
                "sets the data of a Value, which a compiled function does not do again at each call"
            )
        if self.op is not None:
            raise AttributeError(
                f"only a leaf's data can be set, and this one was computed by {self.op}; "
                "set the leaves and compute again, or use Graph(...).forward({leaf: number})"
            )
        before, self._data = self._data, as_number(data)
        if type(before) is not type(self._data) and not self._grad:
            self.zero_grad()

    @property
    def grad(self) -> Number:
        """∂(root)/∂(this), after ``root.backward()``; None sets it back to zero."""
        return self._grad

    @grad.setter
    def grad(self, gradient: Number | None) -> None:
        self._grad = _zero_like(self._data) if gradient is None else self._as_gradient(gradient)

    @property
    def name(self) -> str:
        """What pictures and messages call it; it may be empty."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"name must be a string, got {type(name).__name__} {name!r:.40}")
        self._name = name

    def _as_gradient(self, gradient: Any) -> Number:
        """A number or Value that can be added to gradients of this value; 0 in its carrier."""
        is_value = isinstance(gradient, Value)
        try:
            number = gradient._data if is_value else as_number(gradient)
            if not is_value and (not number or isinstance(gradient, int | np.integer)):
                return type(self._data)(int(gradient))
            _zero_like(self._data) + number
        except TypeError:
            raise TypeError(
                f"the gradient of a {type(self._data).__name__} is one number of that kind, "
                f"got {type(gradient).__name__} {gradient!r:.40}; zero_grad() sets it back to zero"
            ) from None
        return gradient if is_value else number

    def zero_grad(self) -> None:
        """Set the gradient back to zero, since gradients add up over backward()."""
        self._grad = _zero_like(self._data)

    def item(self) -> Number:
        """The plain number, cut off from the graph; the same as ``.data``."""
        return self.data

    # ----------------------------------------------------------------------------- NumPy, copies

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """np.exp(v), np.add(v, 1), np.float64(2) * v: recorded, like the table's own functions."""
        if any(isinstance(each, np.ndarray) for each in (*inputs, *options.get("out", ()))):
            return arrays.apply_ufunc(ufunc, method, inputs, options)
        rule = arrays.ELEMENT_RULES.get(ufunc.__name__)
        if rule is None or method != "__call__" or options:
            arrays.refuse(ufunc.__name__)
        return rule(*inputs)

    def __array_function__(
        self,
        function: Any,
        types: Iterable[type],
        arguments: Any,
        options: Any,
    ) -> Any:
        """np.where(v > 0, a, b), np.clip(v, 0, 1), np.stack([v, w]): as for arrays of Values."""
        return arrays.apply_function(function, arguments, options)

    def __copy__(self) -> Value:
        if is_tracing() or self in differentiated():
            return _copy_seen_through(self)
        return cast(Value, copies.shallow_copy(self))

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        if is_tracing():
            return _copy_seen_through(self)
        return cast(Value, copies.deep_copy(self, memo, differentiated(), _copy_seen_through))

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return copies.reduce(self)

    def _state(self, parents: tuple[Value, ...]) -> tuple[Any, ...]:
        return (
            self._data, self._grad, self.op, parents, self.local_derivatives, self._name,
            self.scope,
        )  # fmt: skip

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        (
            self._data, self._grad, self.op, self.parents, self.local_derivatives, self._name,
            self.scope,
        ) = state  # fmt: skip

    def detach(self) -> Value:
        """The same number as a constant: gradients do not flow through it.

        >>> x = Value(3.0)
        >>> (x * x.detach()).backward()
        >>> x.grad
        3.0
        """
        if self._data is UNKNOWN:
            _refuse_unknown("cuts a traced value off, which a compiled function cannot do")
        if is_tracing() and self.op is not _CONSTANT:
            refuse_while_tracing(
                "cuts a Value off, whose number would be that of now at each call; read it outside"
            )
        return _constant(self._data)

    # ------------------------------------------------------------------------------- backward

    def backward(self, gradient: Number = 1, *, create_graph: bool = False) -> None:
        """Add ∂(this)/∂(leaf) to the ``grad`` of every leaf below, in time linear in the graph.

        The derivatives are those recorded together with the values, even if a leaf's data was
        changed since.

        Args:
            gradient: that of what comes after this, times which all derivatives are taken.
            create_graph: make gradients Values, so that they can be differentiated again.

        Raises:
            TypeError: if ``gradient`` is not one number of this value's kind.
            ValueError: if this is a constant: then there is nothing to differentiate by.
            RuntimeError: with ``create_graph``, if a leaf's data was changed since.

        >>> x = Value(2.0)
        >>> (x**3).backward(create_graph=True)
        >>> slope, x.grad = x.grad, 0.0
        >>> slope.backward()
        >>> slope.data, x.grad
        (12.0, 12.0)
        """
        if is_tracing():
            refuse_while_tracing(
                "calls backward(), but a compiled function is differentiated as "
                "a whole: use grad(...) inside, or value_and_grad outside"
            )
        if self._data is UNKNOWN:
            _refuse_unknown("differentiates a traced value")
        if self.op is _CONSTANT:
            raise ValueError(
                "backward() needs a value computed from at least one Value(...) leaf, "
                f"and this is the constant {self._data}"
            )
        if type(gradient) is not int:
            gradient = self._as_seed(gradient, create_graph)
        order = topological_order([self])
        if create_graph:
            self._backward_as_graph(order, gradient)
            return
        zero = _zero_like(self._data)
        for node in order:
            node._grad = zero
        self._grad += gradient
        backpropagate(reversed(order), zero)

    def _as_seed(self, gradient: Any, create_graph: bool) -> Number:
        if isinstance(gradient, bool):
            raise TypeError(
                f"backward({gradient}) gives the gradient to start from, which is a number; "
                f"options go by name, as in backward(create_graph={gradient})"
            )
        if isinstance(gradient, Value) and not create_graph:
            raise TypeError(
                "backward() expected a number to start from, got a Value; with create_graph=True "
                "it may be one, and gradients become graphs as well"
            )
        return self._as_gradient(gradient)

    def _backward_as_graph(self, order: Sequence[Value], seed: Any) -> None:
        leaves = [parent for node in order for parent in node.parents if parent.op is None]
        inputs = list(dict.fromkeys(leaves or [self]))
        seeds = [ONE if type(seed) is int and seed == 1 else seed]
        found = gradients(inputs, [self], seeds, derivatives_as_values)
        for node in dict.fromkeys([*inputs, *order]):
            value = neutral_as_value(found.get(node, ZERO), node)
            is_fresh = bool(node.parents) or (type(node._grad) is not Value and not node._grad)
            node._grad = value if is_fresh else node._grad + value

    # ------------------------------------------------------------------------------ operators

    def _apply(self, primitive: Primitive, operands: tuple[Any, ...]) -> Value:
        """A new node: the primitive applied to operands, of which at least one is a Value."""
        primitive.check_arity(operands)
        if set(map(type, operands)) != {Value}:
            if any(isinstance(operand, np.ndarray) for operand in operands):
                return arrays.mapped(primitive, operands)  # type: ignore[no-any-return]
            operands = tuple([self._operand(operand) for operand in operands])
        return _record(primitive, operands)

    def _operand(self, operand: Any) -> Value:
        """A Value as it is; a plain number as a constant, an int in this value's carrier."""
        if type(operand) is Value:
            return operand
        if isinstance(operand, int | np.integer) and type(self._data) is not float:
            return _constant(carrier_of(self._data)(int(operand)))
        try:
            return _constant(as_number(operand))
        except TypeError:
            if not isinstance(operand, str):
                raise
            raise TypeError(
                f"expected a real number beside a Value, got the string {operand!r:.40}; "
                'for text write str(v) or f"x is {v}", for a number float(...) of the string'
            ) from None

    __add__, __radd__ = _operators(primitives.add)
    __sub__, __rsub__ = _operators(primitives.subtract)
    __mul__, __rmul__ = _operators(primitives.multiply)
    __truediv__, __rtruediv__ = _operators(primitives.divide)
    __mod__, __rmod__ = _operators(primitives.remainder)
    __pow__, _rpow = _operators(primitives.power)

    def __rpow__(self, other: Any) -> Value:
        is_rounded = type(other) is float and type(self._data) is Fraction
        if is_rounded and sys.version_info < (3, 12):
            raise TypeError(
                "a Fraction to the power of a Value arrives here as a float, because Python's "
                "Fraction turns itself into one; write Value(base) ** exponent"
            )
        return cast(Value, self._rpow(other))

    __lt__, _ = _operators(primitives.less)
    __le__, _ = _operators(primitives.less_equal)
    __gt__, _ = _operators(primitives.greater)
    __ge__, _ = _operators(primitives.greater_equal)
    __neg__ = _recorder_of_one(primitives.negate)
    __abs__ = _recorder_of_one(primitives.abs)
    __floor__ = _recorder_of_one(primitives.floor)
    __ceil__ = _recorder_of_one(primitives.ceil)

    def __pos__(self) -> Value:
        return self

    def __round__(self, digits: int | None = None) -> Value:
        """The nearest whole number, or multiple of 10 to the power of minus digits."""
        if digits is None:
            return _record(primitives.round, (self,))
        scale = carrier_of(self._data)(10) ** digits
        whole: Value = _record(primitives.round, (self * scale,))
        return cast(Value, whole / scale)

    def conjugate(self) -> Value:
        """Return the value itself, as for every real number; NumPy asks for it."""
        return self

    # == and hash() are identity, as for any object: nodes are keys of dicts and sets.

    # ----------------------------------------------------------------- numbers out, in the open

    def __bool__(self) -> bool:
        if self.op is not _CONSTANT and is_tracing():
            refuse_while_tracing(
                "decides by a traced value, whose number is not known yet; "
                "use where(condition, a, b), and autodiff.array(...) in place of np.array(...)"
            )
        return bool(self._data)

    def __float__(self) -> NoReturn:
        self._refuse("float")

    def __int__(self) -> NoReturn:
        self._refuse("int")

    def __complex__(self) -> NoReturn:
        self._refuse("complex")

    def __index__(self) -> NoReturn:
        complaint = "a Value is no index, because a choice by its number would not be recorded; "
        advice = (
            "choose with where(...), or multiply by a one-hot vector, and for numbers that come "
            "with each example give them as a batched argument"
        )
        if is_tracing():
            refuse_while_tracing(f"uses a traced value as an index; {advice}")
        raise TypeError(complaint + advice)

    def _refuse(self, kind: str) -> NoReturn:
        if is_tracing():
            refuse_while_tracing(
                f"turns a traced value into {kind}, but its number is not known yet; "
                "use autodiff's functions in place of math's"
            )
        raise TypeError(
            f"a Value is not turned into {kind} silently, because its gradient would be lost; "
            "use autodiff's functions in place of math's, autodiff.array(...) in place of "
            "np.array(..., float), and .data or .item() only to look at the number"
        )

    def __format__(self, specification: str) -> str:
        if specification and self._data is UNKNOWN:
            _refuse_unknown("writes out the number of a traced value, which is not known yet")
        return format_number(self._data, specification) if specification else repr(self)

    def __repr__(self) -> str:
        name = f", name={self._name!r}" if self._name else ""
        return f"Value({self._data}{name}, grad={self._grad})"

    if TYPE_CHECKING:  # The methods that the table gives, for type checkers and editors.

        def acosh(self) -> Value: ...
        def atanh(self) -> Value: ...
        def cbrt(self) -> Value: ...
        def asinh(self) -> Value: ...
        def ceil(self) -> Value: ...
        def degrees(self) -> Value: ...
        def erfc(self) -> Value: ...
        def lgamma(self) -> Value: ...
        def digamma(self) -> Value: ...
        def sinc(self) -> Value: ...
        def exp2(self) -> Value: ...
        def floor(self) -> Value: ...
        def log10(self) -> Value: ...
        def log2(self) -> Value: ...
        def radians(self) -> Value: ...
        def round(self) -> Value: ...
        def sign(self) -> Value: ...
        def copysign(self, other: Any) -> Value: ...
        def logaddexp(self, other: Any) -> Value: ...
        def remainder(self, other: Any) -> Value: ...
        def exp(self) -> Value: ...
        def expm1(self) -> Value: ...
        def log(self) -> Value: ...
        def log1p(self) -> Value: ...
        def sqrt(self) -> Value: ...
        def sin(self) -> Value: ...
        def cos(self) -> Value: ...
        def tan(self) -> Value: ...
        def asin(self) -> Value: ...
        def acos(self) -> Value: ...
        def atan(self) -> Value: ...
        def atan2(self, other: Operand) -> Value: ...
        def sinh(self) -> Value: ...
        def cosh(self) -> Value: ...
        def tanh(self) -> Value: ...
        def sigmoid(self) -> Value: ...
        def softplus(self) -> Value: ...
        def erf(self) -> Value: ...
        def hypot(self, other: Operand) -> Value: ...
        def relu(self) -> Value: ...
        def abs(self) -> Value: ...
        def maximum(self, other: Operand) -> Value: ...
        def minimum(self, other: Operand) -> Value: ...
        def where(self, if_true: Operand, if_false: Operand) -> Value: ...


def _method(primitive: Primitive) -> Callable[..., Value]:
    if primitive.arity == 1:
        method: Callable[..., Value] = _recorder_of_one(primitive)
    else:

        def method(self: Value, *others: Any) -> Value:
            return primitive(self, *others)  # type: ignore[no-any-return]

    method.__name__ = primitive.name
    method.__doc__ = f"The same as ``{primitive.name}(self, ...)``."
    return method


def _function_of_two(primitive: Primitive) -> Callable[[Any, Any], Any]:
    def otherwise(left: Any, right: Any) -> Any:
        return primitive.apply((left, right))

    of_left, of_right = _recorders_of_two(primitive, otherwise)

    def record(left: Any, right: Any) -> Any:
        if type(left) is Value:
            return of_left(left, right)
        return of_right(right, left) if type(right) is Value else otherwise(left, right)

    return record


for _primitive in PRIMITIVES.values():
    if _primitive.arity == 1:
        RECORDERS[_primitive] = _recorder_of_one(_primitive)
    elif _primitive.arity == 2:
        RECORDERS[_primitive] = _function_of_two(_primitive)
    if _primitive.arity and 0 not in _primitive.index_slots:
        setattr(Value, _primitive.name, _method(_primitive))


# ------------------------------------------------------------------------------------ recording


def _node(
    data: Number,
    op: Primitive | None,
    parents: tuple[Value, ...],
    local_derivatives: tuple[Number, ...],
) -> Value:
    node = _new(Value)
    node._data = data
    node._grad = 0.0
    node.op = op
    node.parents = parents
    node.local_derivatives = local_derivatives
    node._name = ""
    node.scope = _recording_now()[0]
    return node


def traced_leaf(name: str) -> Value:
    """A leaf whose number is not known yet."""
    leaf = _node(UNKNOWN, None, (), ())
    leaf.name = name
    return leaf


def seen_through(value: Value) -> Value:
    """Another node with the same value, recorded even of a constant and within no_grad()."""
    return _node(value._data, primitives.identity, (value,), (1,))


def _copy_seen_through(value: Value) -> Value:
    """A copy that is not cut off from what is differentiated."""
    node = seen_through(value)
    node._name = value._name
    return node


def _constant(number: Number) -> Value:
    node = _node(number, _CONSTANT, (), ())
    node._grad = _zero_like(number)
    return node


def as_values(numbers: Iterable[Any]) -> list[Value]:
    """Values as they are; plain numbers as constants."""
    return [n if type(n) is Value else _constant(as_number(n)) for n in numbers]


def results_as_values(results: Iterable[Any], function: Callable[..., Any]) -> list[Value]:
    """The scalars that a function returned as Values.

    Raises:
        TypeError: if one of them is no number, which names the function.
    """
    values: list[Value] = []
    for result in results:
        try:
            values += as_values([result])
        except TypeError as error:
            name = getattr(function, "__name__", "the function")
            if result is None:
                raise TypeError(
                    f"expected numbers or Values as results of {name}, got None; "
                    "let it return what it computes"
                ) from None
            raise TypeError(f"among the results of {name}: {error}") from None
    return values


_OTHERS_DECIDE = (np.ndarray, type(ZERO))


def _binary(primitive: Primitive, left: Any, right: Any) -> Value:
    """An operator with a Value on at least one side; arrays work element by element, by NumPy."""
    if isinstance(left, _OTHERS_DECIDE) or isinstance(right, _OTHERS_DECIDE):
        return NotImplemented  # type: ignore[no-any-return]
    value = left if type(left) is Value else right
    return _record(primitive, (value._operand(left), value._operand(right)))


def _record(primitive: Primitive, parents: tuple[Value, ...]) -> Value:
    """The primitive at these operands, with its value and its local derivatives.

    What is computed from constants alone is a constant, and so is everything within no_grad().
    """
    operands = [parent._data for parent in parents]
    scope, records = _recording_now()
    only_constants = parents[0].op is _CONSTANT and all(p.op is _CONSTANT for p in parents)
    if records is TRACING and not only_constants:
        node = _node(UNKNOWN, primitive, parents, ())
        if primitive.domain.text and (trace := trace_now()):
            trace.partial.append(node)
        return node
    if only_constants or not records:
        try:
            return _constant(primitive.evaluate(operands))
        except FAILURES as error:
            explain(error, primitive, parents, operands, scope)
            raise
    y, local_derivatives = linearize(primitive, parents, operands, scope)
    return _node(y, primitive, parents, local_derivatives)


def _refuse_unknown(complaint: str) -> NoReturn:
    """Raise a TypeError for a traced Value, which has no number, here or anywhere."""
    if is_tracing():
        refuse_while_tracing(complaint)
    float(UNKNOWN)
    raise AssertionError


def _zero_like(number: Number) -> Number:
    """Zero in the carrier of a number, so that a sum that starts with it stays exact."""
    return 0.0 if type(number) is float else carrier_of(number)(0)


# NumPy's names for the operations of the table, where they differ.
_NUMPY_NAMES = {
    "subtract": "subtract", "negative": "negate", "absolute": "abs", "fabs": "abs",
    "positive": "identity", "true_divide": "divide", "float_power": "power",
    "mod": "remainder", "rint": "round", "deg2rad": "radians", "rad2deg": "degrees",
    "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2",
}  # fmt: skip
_UFUNCS: dict[str, Callable[..., Any]] = {
    **PRIMITIVES,
    **{theirs: PRIMITIVES[ours] for theirs, ours in _NUMPY_NAMES.items()},
    "square": lambda a: a * a,
    "reciprocal": lambda a: 1 / a,
}
arrays.ELEMENT_RULES.update(_UFUNCS)
arrays.register(Value, lambda number: _constant(as_number(number)))
for _theirs, _ours in _NUMPY_NAMES.items():  # np.arcsin of an array of Values asks for v.arcsin()
    if not hasattr(Value, _theirs):
        setattr(Value, _theirs, getattr(Value, _ours))


# --------------------------------------------------------------- derivatives that are graphs


class _ValueMathematics(Mathematics):
    """The namespace in which a rule's result is a graph: its functions are those of the table."""

    def __init__(self, numbers: Mathematics) -> None:
        self._numbers = numbers
        self.ratio = numbers.ratio  # type: ignore[method-assign]

    @property
    def undefined(self) -> Any:
        if is_tracing():  # it may turn out that nobody goes there; the compiled program finds out
            return _constant(self._numbers.undefined)
        raise ValueError("a derivative that does not exist has no derivatives either")

    def limit(self, number: int, at: Value) -> Any:
        """The number, with a derivative that is infinite or undefined where ``at`` is 0."""
        return number + 0 * primitives.sqrt(primitives.abs(at))

    def vanishing(self, base: Value, exponent: Value) -> Any:
        """0, with as many derivatives that are 0 as the exponent is large, and then none.

        The product with ln(base) has them as long as the exponent is above their order; so has
        0 times a power of half less, except that it may give up one derivative early.
        """
        return self.where(
            exponent > self.ratio(1, 2),
            lambda: 0 * base ** (exponent - self.ratio(1, 2)),
            lambda: self.limit(0, base),
        )

    def is_constant(self, a: Value) -> bool:
        """Whether it is a plain number in an expression."""
        return a.op is _CONSTANT

    def is_zero(self, a: Value) -> Any:
        return (a >= 0) * (a <= 0) if _is_open(a) else bool(a._data == 0)

    def is_positive(self, a: Value) -> Any:
        return a > 0 if _is_open(a) else bool(a._data > 0)

    def where(self, condition: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
        if isinstance(condition, Value) and _is_open(condition):
            return primitives.where(condition, if_true(), if_false())
        return super().where(condition, if_true, if_false)

    def logistic_density(self, a: Value) -> Any:
        return logistic_density(self, a)

    def sinc_slope(self, a: Value) -> Any:
        return sinc_slope(self, a)

    def softmax(self, operands: Iterable[Value]) -> list[Value]:
        """Shifted by a constant, the largest operand's number, which changes no derivative.

        The largest share is a sigmoid, because 1 minus a share close to 1 would lose all digits.
        """
        operands = list(operands)
        if is_tracing():
            total = primitives.logsumexp(*operands)
            return [primitives.exp(a - total) for a in operands]
        peak = max(a._data for a in operands)
        exponentials = [primitives.exp(a - peak) for a in operands]
        total = primitives.fsum(*exponentials)
        shares = [exponential / total for exponential in exponentials]
        largest = next((i for i, a in enumerate(operands) if a._data == peak), 0)
        others = operands[:largest] + operands[largest + 1 :]
        if others:
            shares[largest] = primitives.sigmoid(operands[largest] - primitives.logsumexp(*others))
        return shares

    def __getattr__(self, name: str) -> Any:
        return self._numbers.pi if name == "pi" else PRIMITIVES[name]


def _is_open(a: Value) -> bool:
    """Whether the number will be known only when a traced program runs."""
    return a.op is not _CONSTANT and is_tracing()


def derivatives_as_values(node: Value, wanted: Sequence[bool]) -> Sequence[Any]:
    """The local derivatives of an operation as graphs over its operands, by the same rules.

    Args:
        node: the operation.
        wanted: the operands whose derivatives are asked for; those of others may be 0.

    Raises:
        RuntimeError: if the operands' data has changed since the operation was recorded.
        ValueError, ZeroDivisionError, OverflowError: where a derivative is infinite or undefined,
            so that there is nothing to differentiate further.
    """
    assert node.op is not None
    operands = [parent._data for parent in node.parents]
    constant = [parent.op is _CONSTANT for parent in node.parents]
    varies = [each and not fixed for each, fixed in zip(wanted, constant, strict=True)]
    if not is_tracing() and _has_changed(node, operands, [not fixed for fixed in constant]):
        raise RuntimeError(
            f"a leaf's data was changed after {node.op}(...) was computed from it (or mpmath's "
            "precision was); compute the value again before asking for derivatives that are graphs"
        )
    m = _ValueMathematics(mathematics_of(operands))
    try:
        partials = node.op.partial_derivatives(m, node, node.parents, varies)
    except (ArithmeticError, ValueError) as error:
        error.add_note(f"in the derivative of {node.op}({', '.join(map(str, operands[:4]))})")
        raise
    return [_as_factor(derivative) for derivative in partials]


def _as_factor(derivative: Any) -> Any:
    """A local derivative as the chain rule is to multiply by it."""
    if isinstance(derivative, int):
        return {0: ZERO, 1: ONE}.get(derivative, derivative)
    if isinstance(derivative, Value) and derivative.op is primitives.divide and not is_tracing():
        numerator, divisor = derivative.parents
        if numerator.op is _CONSTANT and numerator._data == 1:
            return Reciprocal(derivative, divisor)
    return derivative


def _has_changed(node: Value, operands: Sequence[Number], varies: Sequence[bool]) -> bool:
    assert node.op is not None
    y, local_derivatives = node.op.linearize(operands, varies)
    return not _same(y, node._data) or any(
        varying and not _same(now, recorded)
        for now, recorded, varying in zip(
            local_derivatives, node.local_derivatives, varies, strict=True
        )
    )


def neutral_as_value(gradient: Any, like: Value) -> Value:
    """A gradient as a Value, also where the chain rule found a plain 0 or 1."""
    if isinstance(gradient, Value):
        return gradient
    if gradient is ZERO or gradient is ONE:
        gradient = gradient.number
    is_int = type(gradient) is int
    return _constant(carrier_of(like._data)(gradient) if is_int else as_number(gradient))


def _same(a: Number, b: Number) -> bool:
    return bool(a == b or (a != a and b != b))
