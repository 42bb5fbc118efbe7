"""Module: something with parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autodiff.value import Value

Specification = dict[str, Any]
"""A module in words that a file can hold: its kind, and the arguments that make it again."""


class Module:
    """Base of neurons, layers and networks: finds its parameters in its own attributes.

    An attribute that is a Value, a Module, or a list, tuple or dict of these, counts; a parameter
    that appears twice is given once.
    """

    is_training = True
    """Whether layers that behave differently in training, such as Dropout, do so."""

    def parameters(self) -> list[Value]:
        """The trainable Values, in the order in which the attributes were set."""
        return list(dict.fromkeys(part for part in _parts(self) if isinstance(part, Value)))

    def modules(self) -> list[Module]:
        """This module and all that it is made of, from the outside to the inside."""
        return list(dict.fromkeys(part for part in _parts(self) if isinstance(part, Module)))

    def zero_grad(self) -> None:
        """Set every parameter's gradient back to zero, since gradients add up over backward()."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def train(self, is_training: bool = True) -> Module:
        """Make Dropout drop; returns the module itself."""
        for module in self.modules():
            module.is_training = is_training
        return self

    def eval(self) -> Module:
        """Make Dropout hand everything on; returns the module itself."""
        return self.train(False)

    def __call__(self, inputs: Any) -> Any:
        """What the module makes of its inputs; each kind of module says how."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(inputs)")

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of what comes out, given that of what goes in.

        Raises:
            ValueError: if inputs of this shape do not fit.
        """
        raise NotImplementedError(f"{type(self).__name__} must define output_shape(shape)")

    def specification(self) -> Specification:
        """What the module is, for :mod:`autodiff.nn.files`."""
        return {"kind": type(self).__name__, "parameters": len(self.parameters())}


def _parts(module: Module) -> Iterator[Value | Module]:
    """The module, and every module and leaf in it; what was computed from leaves is none of it."""
    seen: set[int] = set()
    pending: list[object] = [module]
    while pending:
        part = pending.pop()
        if isinstance(part, Value):
            if part.op is None:
                yield part
        elif isinstance(part, Module):
            if id(part) not in seen:
                seen.add(id(part))
                yield part
                pending.extend(reversed(vars(part).values()))
        elif isinstance(part, dict):
            pending.extend(reversed(part.values()))
        elif isinstance(part, list | tuple):
            pending.extend(reversed(part))
