"""Copies of graphs of any depth: deepcopy and pickle, iterative, with shared parts shared.

Either goes through the nodes below in topological order, so that a node's operands are there before
the node, and nothing nests deeply.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Collection, Iterator
from typing import Any

from autodiff.adjoint import topological_order


def deep_copy(
    root: Any, memo: dict[int, Any], inputs: Collection[Any], see_through: Callable[[Any], Any]
) -> Any:
    """A graph of its own, with everything below the root.

    Args:
        inputs: the nodes by which a transform differentiates just now: their copies must not be cut
            off from them, and nothing below them is copied.
        see_through: what makes such a copy.
    """
    for node in [*_leaves(root, inputs), *topological_order([root], until=inputs)]:
        if id(node) not in memo and node in inputs:
            memo[id(node)] = see_through(node)
        elif id(node) not in memo:
            twin = object.__new__(type(node))
            memo[id(node)] = twin
            parents = tuple([memo[id(parent)] for parent in node.parents])
            twin.__setstate__(node._state(parents))
            twin._grad = copy.deepcopy(node._grad, memo)  # it may be a graph as well
    return memo[id(root)]


def shallow_copy(node: Any) -> Any:
    """A node of its own, with the same operands."""
    return _restore([], type(node), node._state(node.parents))


def reduce(node: Any) -> tuple[Any, ...]:
    """Tell pickle how to rebuild the node, after everything below it."""
    state = node._state(node.parents)
    if _pickling.below or not node.parents:
        return object.__new__, (type(node),), state
    return _restore, (_Below(node), type(node), state)


class _Pickling(threading.local):
    """Whether this thread is pickling what is below a node, operands first."""

    below = False


_pickling = _Pickling()


class _Below:
    """Stands for the list of all nodes below one, in topological order, while it is pickled."""

    def __init__(self, root: Any) -> None:
        self.root = root

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (), None, self._nodes()

    def _nodes(self) -> Iterator[Any]:
        _pickling.below = True
        try:
            yield from _leaves(self.root)
            yield from topological_order([self.root])[:-1]
        finally:
            _pickling.below = False


def _restore(_: list[Any], kind: type, state: tuple[Any, ...]) -> Any:
    node: Any = object.__new__(kind)
    node.__setstate__(state)
    return node


def _leaves(root: Any, inputs: Collection[Any] = ()) -> list[Any]:
    """The nodes without operands, constants among them, and inputs, in the order of first use."""
    used = [
        parent
        for node in topological_order([root], until=inputs)
        for parent in node.parents
        if not parent.parents or parent in inputs
    ]
    return list(dict.fromkeys(used)) or [root]
