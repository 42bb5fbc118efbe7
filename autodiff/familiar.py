"""Familiar words: what code written for micrograd says to a Value, and attributes of optimizers."""

from __future__ import annotations

from typing import Any, NoReturn
from weakref import WeakKeyDictionary

NO_OPERATION = (
    "is a function that knows its operands and its rule, such as exp(x), not something to give to "
    "Value(...) or to set; what is made of known operations needs no rule"
)


class _OfLeaves:
    """An attribute that few Values have, such as a parameter's momentum; others pay nothing."""

    def __init__(self) -> None:
        self._held: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, value: Any, owner: type) -> Any:
        if value is None:
            return self
        if value not in self._held:
            raise AttributeError(f"this Value has no {self._name} yet; set it first")
        return self._held[value]

    def __set__(self, value: Any, held: Any) -> None:
        self._held[value] = held


class FamiliarWords:
    """Base of Value: names that micrograd's readers know.

    >>> from autodiff import Value
    >>> x = Value(2.0, label="x")
    >>> y = x * x
    >>> x.label, y._op, y._prev == (x, x)
    ('x', '×', True)
    """

    __slots__ = ()

    m, v, momentum, velocity = _OfLeaves(), _OfLeaves(), _OfLeaves(), _OfLeaves()

    @property
    def label(self: Any) -> str:
        """The name."""
        return str(self.name)

    @label.setter
    def label(self: Any, label: str) -> None:
        self.name = label

    @property
    def _prev(self: Any) -> tuple[Any, ...]:
        """The parents, one for each slot."""
        return tuple(self.parents)

    @property
    def _op(self: Any) -> str:
        """The symbol of the operation; empty for a leaf."""
        return self.op.symbol if self.op is not None else ""

    def _refuse_backward(self, *_: object) -> NoReturn:
        raise AttributeError(f"a Value has no _backward: an operation {NO_OPERATION}")

    _backward = property(_refuse_backward, _refuse_backward)
