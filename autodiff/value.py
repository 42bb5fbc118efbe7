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

from autodiff import arrays, copies, primitives, recorders
from autodiff.adjoint import (
    ONE,
    ZERO,
    backpropagate,
    gradients,
    topological_order,
)
from autodiff.derivative_graphs import derivatives_as_values, neutral_as_value
from autodiff.familiar import NO_OPERATION, FamiliarWords
from autodiff.linearize import FAILURES, explain, linearize
from autodiff.mathematics import (
    UNKNOWN,
    Number,
    as_number,
    carrier_of,
    format_number,
)
from autodiff.primitives import Primitive, Recorded
from autodiff.recording import TRACING, differentiated, is_tracing, refuse_while_tracing, trace_now
from autodiff.recording import recording_now as _recording_now

_CONSTANT = primitives.constant

Operand: TypeAlias = "Value | float | Fraction | Decimal | np.number[Any]"
"""Operands that go with a Value; mpmath's numbers have no types, and are accepted, too."""


class _Operator(Protocol):
    """An operator of Values, for type checkers: over an array it works element by element."""

    @overload
    def __call__(self, other: Operand, /) -> Value: ...
    @overload
    def __call__(self, other: NDArray[Any], /) -> NDArray[Any]: ...


_new = object.__new__


def _operator_on_one(primitive: Primitive) -> Callable[[Value], Value]:
    return recorders.of_one(primitive)


def _operators(primitive: Primitive) -> tuple[_Operator, _Operator]:
    """Return the operator for a Value on the left, and the one for a Value on the right alone."""
    left, right = recorders.of_two(primitive, lambda a, b: _binary(primitive, a, b))
    return cast(_Operator, left), cast(_Operator, right)


class Value(Recorded, FamiliarWords):
    """A scalar in a computation graph.

    Args:
        data: the number. int, bool and NumPy scalars become float; Fraction, Decimal and mpmath
            numbers are kept, so that derivatives can be exact.
        name: what pictures and messages call it.
        label: micrograd's word for the name.

    Attributes:
        data: the number. It may be set on a leaf, as optimizers do, and only there.
        grad: ∂(root)/∂(this), after ``root.backward()``. Leaves add up over calls until it is set
            back to zero, or to None, as in PyTorch; intermediate values start afresh at each call.
        op: the primitive that made it; None for a leaf.
        parents: the operands, one for each slot: ``a * a`` has two.
        local_derivatives: ∂(this)/∂(operand) for each slot, recorded together with the value.
        name, scope: who it is and where it was made; either may be empty.
        m, v, momentum, velocity: free for an optimizer of one's own, which sets them first.

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

    def __init__(self, data: Number, name: str = "", _op: str = "", *, label: str = "") -> None:
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
        if type(name) is str and not label and not _op:
            self._name = name
        else:
            self.name = label if name == "" else name
            if _op:
                raise TypeError(f"{_op!r} {NO_OPERATION}")
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
        """The name in pictures and messages; it may be empty."""
        return self._name

    @name.setter
    def name(self, name: str) -> None:
        if not isinstance(name, str):
            advice = f"; an operation {NO_OPERATION}" if isinstance(name, tuple | set) else ""
            raise TypeError(
                f"name must be a string, got {type(name).__name__} {name!r:.40}{advice}"
            )
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

    def backward(self, gradient: Number | None = 1, *, create_graph: bool = False) -> None:
        """Add ∂(this)/∂(leaf) to the ``grad`` of every leaf below, in time linear in the graph.

        The derivatives are those recorded together with the values, even if a leaf's data was
        changed since.

        Args:
            gradient: that of what comes after this, times which all derivatives are taken; None
                is 1, as in PyTorch.
            create_graph: make gradients Values, so that they can be differentiated again.

        Raises:
            TypeError: if ``gradient`` is not one number of this value's kind.
            ValueError: if this is a constant, which has no derivatives.
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
            gradient = 1 if gradient is None else self._as_seed(gradient, create_graph)
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

    @staticmethod
    def _constant(number: Number) -> Value:
        return _constant(number)

    def _apply(self, primitive: Primitive, operands: tuple[Any, ...]) -> Value:
        """A new node: the primitive applied to operands, of which at least one is a Value."""
        primitive.check_arity(operands)
        kinds = set(map(type, operands))
        if kinds != {Value}:
            if any(issubclass(kind, np.ndarray) for kind in kinds):
                return arrays.mapped(primitive, operands)  # type: ignore[no-any-return]
            operands = tuple([o if type(o) is Value else self._operand(o) for o in operands])
        return _record(primitive, operands)

    def _operand(self, operand: Any) -> Value:
        """A Value as it is; a plain number as a constant, an int in this value's carrier."""
        if type(operand) is Value:
            return operand
        if type(operand) is float:
            return _constant(operand)
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
    __neg__ = _operator_on_one(primitives.negate)
    __abs__ = _operator_on_one(primitives.abs)
    __floor__ = _operator_on_one(primitives.floor)
    __ceil__ = _operator_on_one(primitives.ceil)

    def __pos__(self) -> Value:
        return self

    def __round__(self, digits: int | None = None) -> Value:
        """The nearest whole number, or multiple of 10 to the power of minus digits.

        What is rounded then is the product with that power, as ``np.round`` has it. Python's
        ``round(2.675, 2)`` is 2.67, because the float is a little less; here, it is 2.68.
        """
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


recorders.install(Value)


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


def computed_value(
    data: float,
    op: Primitive,
    parents: tuple[Value, ...],
    local_derivatives: tuple[float, ...],
) -> Value:
    """A Value that something else has computed, with its derivatives with respect to its parents.

    Without parents it is a constant.
    """
    return _node(data, op, parents, local_derivatives) if parents else _constant(data)


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
    if type(left) is type(right) is Value:
        return _record(primitive, (left, right))
    if isinstance(left, _OTHERS_DECIDE) or isinstance(right, _OTHERS_DECIDE):
        return NotImplemented  # type: ignore[no-any-return]
    value = left if type(left) is Value else right
    return _record(primitive, (value._operand(left), value._operand(right)))


def _record(primitive: Primitive, parents: tuple[Value, ...]) -> Value:
    """The primitive at these operands, with its value and its local derivatives.

    What is computed from constants alone is a constant, and so is everything within no_grad().
    """
    scope, records = _recording_now()
    only_constants = parents[0].op is _CONSTANT and all(p.op is _CONSTANT for p in parents)
    if records is TRACING and not only_constants:
        node = _node(UNKNOWN, primitive, parents, ())
        if primitive.domain.text and (trace := trace_now()):
            trace.partial.append(node)
        return node
    operands = [parent._data for parent in parents]
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


arrays.register(Value, lambda number: _constant(as_number(number)))
