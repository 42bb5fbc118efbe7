"""Module: something with parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autodiff.value import Value


class Module:
    """Base of neurons, layers and networks: finds its parameters in its own attributes.

    An attribute that is a Value, a Module, or a list, tuple or dict of these, counts; a parameter
    that appears twice is given once.
    """

    def parameters(self) -> list[Value]:
        """The trainable Values, in the order in which the attributes were set."""
        return list(dict.fromkeys(_parameters_in(self, set())))

    def zero_grad(self) -> None:
        """Set every parameter's gradient back to zero, since gradients add up over backward()."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def __call__(self, inputs: Any) -> Any:
        """What the module makes of its inputs; each kind of module says how."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(inputs)")


def _parameters_in(attribute: object, seen: set[int]) -> Iterator[Value]:
    """Leaves, not what was computed from them; ``seen`` holds modules on the way, by identity."""
    if isinstance(attribute, Value):
        if attribute.op is None:
            yield attribute
    elif isinstance(attribute, Module):
        if id(attribute) not in seen:
            yield from _parameters_in(vars(attribute), seen | {id(attribute)})
    elif isinstance(attribute, dict | list | tuple):
        for element in attribute.values() if isinstance(attribute, dict) else attribute:
            yield from _parameters_in(element, seen)
