"""Module: something with parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autodiff.value import Value


class Module:
    """Base of neurons, layers and networks: finds its parameters in its own attributes.

    An attribute that is a Value, a Module, or a list or tuple of these, counts; a parameter that
    appears twice is given once.
    """

    def parameters(self) -> list[Value]:
        """The trainable Values, in the order in which the attributes were set."""
        return list(dict.fromkeys(_parameters_in(vars(self))))

    def zero_grad(self) -> None:
        """Set every parameter's gradient back to zero, since gradients add up over backward()."""
        for parameter in self.parameters():
            parameter.grad = 0.0

    def __call__(self, inputs: Any) -> Any:
        """What the module makes of its inputs; each kind of module says how."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(inputs)")


def _parameters_in(attribute: object) -> Iterator[Value]:
    if isinstance(attribute, Value):
        yield attribute
    elif isinstance(attribute, Module):
        yield from attribute.parameters()
    elif isinstance(attribute, dict):
        for element in attribute.values():
            yield from _parameters_in(element)
    elif isinstance(attribute, list | tuple):
        for element in attribute:
            yield from _parameters_in(element)
