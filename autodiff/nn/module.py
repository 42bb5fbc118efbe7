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

    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = Value(2.0, "factor")
    ...
    ...     def __call__(self, inputs):
    ...         return [self.factor * a for a in inputs]
    >>> model = Scale()
    >>> [output.data for output in model([1.0, 3.0])], model.parameters()
    ([2.0, 6.0], [Value(2.0, name='factor', grad=0.0)])
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

    # ---------------------------------------------------------- the names that Keras users know

    def compile(
        self, loss: Any = "cross_entropy", optimizer: Any = "sgd", metrics: Any = ()
    ) -> None:
        """Say how :meth:`fit` trains.

        Args:
            loss: a function of outputs and target, or its name, ours or Keras'.
            optimizer: an Optimizer, or ``"sgd"``, ``"rmsprop"``, ``"adam"`` or ``"adamw"``.
            metrics: ``["accuracy"]`` or nothing.

        Raises:
            TypeError, ValueError: if one of them is none of these.
        """
        self._settings = _training[0].Settings(self, loss, optimizer, metrics)

    def fit(self, x: Any, y: Any, *, batch_size: int = 32, epochs: int = 1, **options: Any) -> Any:
        """Train on arrays; the history comes back.

        Args:
            x: of shape (count, ...); bytes are divided by 255.
            y: labels of shape (count,), one-hot rows, or targets of shape (count, outputs).
            batch_size, epochs: as in Keras.
            options: ``validation_data=(x, y)``, ``verbose=0``, and those of
                :func:`autodiff.training.fit`.
        """
        options |= {"batch_size": batch_size, "epochs": epochs}
        return _training[0].fit(self, self._told("fit"), x, y, **options)

    def evaluate(self, x: Any, y: Any) -> Any:
        """The mean loss, and with the metric ``"accuracy"`` that as well."""
        return _training[0].evaluate(self, self._told("evaluate"), x, y)

    def predict(self, x: Any) -> Any:
        """The outputs for each example, shape (count, outputs)."""
        return _training[0].predict(self, x)

    def _told(self, what: str) -> Any:
        if not hasattr(self, "_settings"):
            raise RuntimeError(f"call model.compile(loss=..., optimizer=...) before model.{what}")
        return self._settings

    def summary(self, input_shape: Any) -> str:
        """A table of the layers; see :func:`autodiff.nn.summary`."""
        from autodiff.nn.summary import summary

        return summary(self, input_shape)

    def save(self, path: Any) -> Any:
        """Write the model to a file; see :func:`autodiff.nn.files.save`."""
        from autodiff.nn import files

        return files.save(self, path)

    def load(self, path: Any) -> None:
        """Take the parameters in a file; see :func:`autodiff.nn.files.load_into`."""
        from autodiff.nn import files

        files.load_into(self, path)

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


_training: list[Any] = []


def register_training(training: Any) -> None:
    """Say what trains modules: training stands on them, and they do not know it.

    Args:
        training: has ``Settings``, ``fit``, ``evaluate`` and ``predict``, as
            :mod:`autodiff.training.keras` has.
    """
    _training[:] = [training]


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
