"""Module: something with parameters."""

from __future__ import annotations

import dataclasses
import itertools
from collections import deque
from collections.abc import Iterator, Mapping, Sequence, Set
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.recording import is_tracing
from autodiff.value import Value

Specification = dict[str, Any]
"""A module in words that a file can hold: its kind, and the arguments that make it again."""


class Module:
    """Base of neurons, layers and networks: finds its parameters in its own attributes.

    An attribute that is a Value, a Module, or a list, tuple, deque, dict, dataclass or NumPy array
    of these, counts; a parameter that appears twice is given once. A subclass defines ``__call__``,
    or ``forward``, for one example.

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

    is_built = True
    """Whether it has its parameters already: Keras' layers wait until they know their inputs."""
    is_training = True
    """Whether layers that behave differently in training, such as Dropout, do so."""

    def parameters(self) -> list[Value]:
        """The trainable Values, in the order in which the attributes were set.

        Raises:
            TypeError: if Values are held in a set, which has no order, or in an object that is no
                Module: neither would be trained or saved.
            ValueError: if a layer has no parameters yet.
        """
        groups = [leaves for _, leaves in self._groups()]
        return list(dict.fromkeys(itertools.chain.from_iterable(groups)))

    def modules(self) -> list[Module]:
        """This module and all that it is made of, from the outside to the inside."""
        return [part for _, part in contents(self) if isinstance(part, Module)]

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Copies of all parameters' numbers, by where they stand: ``layers.0.neurons.3.weights``.

        Values that stand together, in a list, are one array.

        >>> from autodiff.nn import Linear
        >>> {name: numbers.shape for name, numbers in Linear(2, 1).state_dict().items()}
        {'neurons.0.weights': (2,), 'neurons.0.bias': (1,)}
        """
        return {name: np.array(_numbers(leaves)) for name, leaves in self._groups()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the numbers that :meth:`state_dict` gave, of this model or of one like it.

        Raises:
            ValueError: if names or shapes differ; the model stays as it was.
        """
        groups = dict(self._groups())
        for name in dict.fromkeys([*groups, *state]):
            if name not in groups or name not in state:
                where = "the model" if name not in groups else "what was given"
                raise ValueError(f"load_state_dict: there is no {name} in {where}")
            wanted, got = np.shape(_numbers(groups[name])), np.shape(state[name])
            if wanted != got:
                raise ValueError(f"load_state_dict: {name} has shape {wanted}, got {got}")
        for name, leaves in groups.items():
            for leaf, number in zip(leaves, np.ravel(state[name]).tolist(), strict=True):
                leaf.data = number

    def _groups(self) -> Iterator[tuple[str, Leaves]]:
        """The parameters that stand together, with a name."""
        for path, part in contents(self):
            if isinstance(part, Leaves):
                yield path, part
            elif isinstance(part, Module) and not part.is_built:
                raise ValueError(
                    f"{_innermost_unbuilt(part)!r} has no parameters yet, since it is not known "
                    "what goes in: give input_shape= to the first layer, or call the model on an "
                    "example"
                )

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
        self, optimizer: Any = "sgd", loss: Any = "cross_entropy", metrics: Any = ()
    ) -> None:
        """Say how :meth:`fit` trains.

        Args:
            optimizer: an Optimizer, with this model's parameters or with none, ``SGD()``; or
                ``"sgd"``, ``"rmsprop"``, ``"adam"`` or ``"adamw"``.
            loss: a function of outputs and target, or its name, ours or Keras'.
            metrics: ``["accuracy"]`` or nothing.

        Raises:
            TypeError, ValueError: if one of them is none of these.
        """
        self._settings = _training[0].Settings(loss, optimizer, metrics)

    def fit(self, x: Any, y: Any, batch_size: int = 32, epochs: int = 1, **options: Any) -> Any:
        """Train on arrays; the history comes back.

        Args:
            x: of shape (count, ...); images of bytes, of shape (count, rows, columns), are divided
                by 255.
            y: labels of shape (count,), one-hot rows, or targets of shape (count, outputs).
            batch_size, epochs: as in Keras.
            options: ``validation_data=(x, y)``, ``validation_split=0.1``, ``verbose=0``, and those
                of :func:`autodiff.training.fit`.
        """
        options |= {"batch_size": batch_size, "epochs": epochs}
        return _training[0].fit(self, self._told("fit"), x, y, **options)

    def evaluate(self, x: Any, y: Any, batch_size: Any = None, verbose: Any = 0) -> Any:  # noqa: ARG002
        """The mean loss, and with the metric ``"accuracy"`` that as well.

        Args:
            x, y: as for :meth:`fit`.
            batch_size, verbose: as in Keras; here all examples are computed at once, in silence.
        """
        return _training[0].evaluate(self, self._told("evaluate"), x, y)

    def predict(self, x: Any, batch_size: Any = None, verbose: Any = 0) -> Any:  # noqa: ARG002
        """The outputs for each example, shape (count, outputs).

        Args:
            x, batch_size, verbose: as for :meth:`evaluate`.
        """
        return _training[0].predict(self, x)

    def _told(self, what: str) -> Any:
        if not hasattr(self, "_settings"):
            raise RuntimeError(f"call model.compile(loss=..., optimizer=...) before model.{what}")
        return self._settings

    def summary(self, input_shape: Any = None) -> None:
        """Print the table of the layers that :func:`autodiff.nn.summary` makes.

        Args:
            input_shape: of one example; may be left out where the first layer knows it.
        """
        from autodiff.nn.summary import summary

        print(summary(self, input_shape))

    def save(self, path: Any) -> Any:
        """Write the model to a file; see :func:`autodiff.nn.files.save`."""
        from autodiff.nn import files

        return files.save(self, path)

    def load(self, path: Any) -> None:
        """Take the parameters in a file; see :func:`autodiff.nn.files.load_into`."""
        from autodiff.nn import files

        files.load_into(self, path)

    def __call__(self, inputs: Any) -> Any:
        """Return the outputs of ``forward`` for one example, or for each row of a batch."""
        if is_batch(self, inputs):
            return _on_batch[0](self, inputs)
        return self.forward(inputs)

    def of_example(self, inputs: Any) -> Any:
        """What the module makes of one example, where an array is never taken for a batch.

        Args:
            inputs: one example, as another layer gives it.
        """
        if type(self).__call__ is Module.__call__:
            return self.forward(inputs)
        return self(inputs)

    def forward(self, inputs: Any) -> Any:  # noqa: ARG002
        """Return the outputs for one example, under PyTorch's name."""
        name = type(self).__name__
        raise NotImplementedError(f"{name} must define __call__(inputs), or forward(inputs)")

    def build_for(self, shape: tuple[int, ...]) -> None:
        """Make the parameters that depend on the shape of an example, where they are not there."""

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the outputs, given the shape of the inputs.

        Raises:
            ValueError: if inputs of this shape do not fit.
        """
        raise NotImplementedError(f"{type(self).__name__} must define output_shape(shape)")

    def specification(self) -> Specification:
        """Describe the module for :mod:`autodiff.nn.files`."""
        return {"kind": type(self).__name__, "parameters": len(self.parameters())}

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the compiled programs, which a copy makes for itself."""
        return {name: part for name, part in vars(self).items() if name != "_programs"}


_training: list[Any] = []
_on_batch: list[Any] = []


def register_training(training: Any) -> None:
    """Say what trains modules: training stands on them, and they do not know it.

    Args:
        training: has ``Settings``, ``fit``, ``evaluate`` and ``predict``, as
            :mod:`autodiff.training.keras` has.
    """
    _training[:] = [training]


def register_batch(on_batch: Any) -> None:
    """Say what computes a module on a batch, as :mod:`autodiff.nn.batch` does."""
    _on_batch[:] = [on_batch]


def is_batch(module: Module, inputs: Any) -> bool:
    """Whether these are many examples for a module, rather than one.

    They are numbers in a NumPy array whose rows fit the module, while the whole does not fit it, or
    fits because each row is computed by itself. Where the module does not say which shapes fit, an
    array of two axes is a batch.
    """
    if type(inputs) is not np.ndarray or inputs.ndim < 2 or inputs.dtype.kind not in "biuf":
        return False
    if is_tracing():
        return False
    try:
        row = _shape_after(module, inputs.shape[1:])
        whole = _shape_after(module, inputs.shape)
    except NotImplementedError:
        return inputs.ndim == 2
    if row is None and whole is None:  # what does not fit is said of what a module usually takes
        known = getattr(module, "input_shape", None)
        return known is not None and len(known) == inputs.ndim - 1
    return row is not None and whole in (None, (len(inputs), *row))


def _shape_after(module: Module, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """What a module makes of inputs of this shape; None if they do not fit."""
    try:
        return module.output_shape(shape)
    except ValueError:
        return None


# ------------------------------------------------------------------------- what a module holds


class Leaves(list[Value]):
    """Parameters that stand together in a module."""


_OWN = frozenset(["_settings", "_programs"])
"""Attributes of every module that are no part of what it computes."""
_operation = attrgetter("op")
_PLAIN = frozenset([float, int, bool, str, bytes, type(None)])


def contents(module: Module) -> Iterator[tuple[str, Any]]:
    """Everything in a module, with where it stands, from the outside to the inside.

    Containers are opened: lists, tuples and the like, mappings, dataclasses, arrays of objects.
    Given are modules, each once, :class:`Leaves`, and all that is no container.

    Raises:
        TypeError: if Values or modules are where they cannot be found in an order that stays: in a
            set, or in an object that is none of these.
    """
    modules: set[Module] = set()
    found: list[Leaves] = []
    strangers: list[tuple[str, object]] = []
    pending: list[tuple[str, Any]] = [("", module)]
    while pending:
        path, part = pending.pop()
        if leaves := _leaves(part):
            found.append(leaves)
            yield path, leaves
            continue
        if isinstance(part, Module):
            if part in modules:
                continue
            modules.add(part)
            yield path, part
        inner = _inside(part, path)
        if inner is None:
            if hasattr(part, "__dict__") and not isinstance(part, type):
                strangers.append((path, part))
            yield path, part
        else:
            within = f"{path}." if path else ""
            pending += [(f"{within}{name}", each) for name, each in reversed(inner.items())]
    if strangers:
        _refuse_hidden(strangers, set[Any](modules).union(*found))


def _innermost_unbuilt(module: Module) -> Module:
    inner = [part for part in module.modules()[1:] if not part.is_built]
    return _innermost_unbuilt(inner[0]) if inner else module


def _leaves(part: Any) -> Leaves:
    """A parameter, or the parameters that a sequence or array consists of; else none."""
    if isinstance(part, np.ndarray) and part.dtype == object:
        part = part.ravel().tolist()
    values = [part] if isinstance(part, Value) else part
    if not isinstance(values, list | tuple | deque) or set(map(type, values)) != {Value}:
        return Leaves()
    return Leaves(values) if set(map(_operation, values)) == {None} else Leaves()


def _inside(part: Any, path: str) -> dict[Any, Any] | None:
    """The parts of a container by name or number; None for what is no container."""
    if isinstance(part, Module):
        return {name: each for name, each in vars(part).items() if name not in _OWN}
    if isinstance(part, Mapping):
        return dict(part)
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        return {f.name: getattr(part, f.name, None) for f in dataclasses.fields(part)}
    if isinstance(part, np.ndarray) and part.dtype == object:
        return dict(enumerate(part.ravel().tolist()))
    if isinstance(part, Set) and any(isinstance(each, Value | Module) for each in part):
        raise TypeError(
            f"{path} holds parameters or modules in a {type(part).__name__}, which has no order in "
            "which they could be saved; use a list"
        )
    if isinstance(part, Sequence) and not isinstance(part, str | bytes | bytearray | range):
        return None if set(map(type, part)) <= _PLAIN else dict(enumerate(part))
    return None


def _refuse_hidden(strangers: Sequence[tuple[str, object]], found: Set[Any]) -> None:
    """Raise TypeError if an object holds Values or modules that were not found elsewhere."""
    for path, stranger in strangers:
        if type(stranger).__module__.startswith("autodiff."):
            continue
        for part in vars(stranger).values():
            held = part if isinstance(part, list | tuple) else [part]
            if any(isinstance(each, Value | Module) and each not in found for each in held):
                raise TypeError(
                    f"{path} is a {type(stranger).__name__}, whose Values would be neither trained "
                    "nor saved; derive its class from nn.Module, or hold them in a list"
                )


def _numbers(leaves: Leaves) -> Any:
    return [leaf.data for leaf in leaves]
