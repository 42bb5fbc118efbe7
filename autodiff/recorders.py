"""Recorders: the short ways in which operations on floats are recorded.

Each goes by the float rule of its primitive. What it does not know (other carriers, constants,
tracing, no_grad, arrays, failures) goes the general way. :mod:`autodiff.value` has the class of the
nodes, and hands it down here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff import primitives
from autodiff.float_rules import float_rule
from autodiff.linearize import FAILURES
from autodiff.primitives import PRIMITIVES, RECORDERS, Primitive
from autodiff.recording import recording_now as _recording_now

Recorder = Callable[..., Any]

_CONSTANT = primitives.constant
_PLAIN = frozenset([float, int, np.float64])
_NAN = float("nan")
_new = object.__new__
_Node: Any = None
"""The class of nodes, once it is there."""


def install(node_class: type) -> None:
    """Make every operation of the table a function that records such nodes, and a method."""
    global _Node
    _Node = node_class
    for primitive in PRIMITIVES.values():
        if primitive.arity == 1:
            RECORDERS[primitive] = of_one(primitive)
        elif primitive.arity == 2:
            RECORDERS[primitive] = _function_of_two(primitive)
        if primitive.arity and 0 not in primitive.index_slots:
            setattr(node_class, primitive.name, _method(primitive))


def of_one(primitive: Primitive) -> Recorder:
    """Return the function, and method, that records an operation with one operand."""
    rule = float_rule(primitive, (True,))

    def record(operand: Any) -> Any:
        if type(operand) is _Node and type(a := operand._data) is float:
            scope, records = _recording_now()
            if records is True and operand.op is not _CONSTANT:
                try:
                    y, slopes = rule(a)
                except FAILURES:
                    y = _NAN
                if y - y == 0.0:
                    node = _new(_Node)
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


def of_two(primitive: Primitive, otherwise: Recorder) -> tuple[Recorder, Recorder]:
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
                    if type(other) is _Node:
                        if type(b := other._data) is float and other.op is not _CONSTANT:
                            y, slopes = of_both(a, b)
                    elif type(other) in _PLAIN:
                        other = _constant_of(float(other), scope)
                        y, slopes = of_left(a, other._data)
                except FAILURES:
                    pass
                if y - y == 0.0:
                    node = _new(_Node)
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
                    node = _new(_Node)
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


def _constant_of(number: float, scope: str) -> Any:
    node = _new(_Node)
    node._data = number
    node._grad = 0.0
    node.op = _CONSTANT
    node.parents = ()
    node.local_derivatives = ()
    node._name = ""
    node.scope = scope
    return node


def _method(primitive: Primitive) -> Recorder:
    if primitive.arity == 1:
        method: Recorder = of_one(primitive)
    else:

        def method(self: Any, *others: Any) -> Any:
            return primitive(self, *others)

    method.__name__ = primitive.name
    method.__doc__ = f"The same as ``{primitive.name}(self, ...)``."
    return method


def _function_of_two(primitive: Primitive) -> Recorder:
    def otherwise(left: Any, right: Any) -> Any:
        return primitive.apply((left, right))

    of_left, of_right = of_two(primitive, otherwise)

    def record(left: Any, right: Any) -> Any:
        if type(left) is _Node:
            return of_left(left, right)
        return of_right(right, left) if type(right) is _Node else otherwise(left, right)

    return record
