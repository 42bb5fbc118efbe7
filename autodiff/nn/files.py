"""Models in files: what they are, in words, and their parameters, as one vector.

A file is a NumPy archive (.npz) that holds text and numbers alone. Nothing is ever unpickled, so
that a file from anywhere can be read without running what is in it.
"""

from __future__ import annotations

import inspect
import io
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff import nn
from autodiff.files import read_arrays, write_whole
from autodiff.nn.batch_norm import running_values
from autodiff.nn.layers import AGAIN
from autodiff.nn.module import Module, Specification

_KINDS: dict[str, Callable[..., Module]] = {
    kind.__name__: kind
    for kind in (
        nn.Linear, nn.MLP, nn.ReLU, nn.LeakyReLU, nn.Sigmoid, nn.Tanh, nn.GELU, nn.Softmax,
        nn.LogSoftmax, nn.Dropout, nn.Flatten, nn.Reshape, nn.Conv2d, nn.ConvTranspose2d,
        nn.MaxPool2d, nn.Autoencoder, nn.Dense, nn.Embedding, nn.PositionalEmbedding, nn.Window,
        nn.LayerNorm, nn.RMSNorm, nn.MultiheadAttention, nn.RNN, nn.GRU, nn.LSTM,
        nn.ELU, nn.SiLU, nn.Softplus, nn.AvgPool2d, nn.BatchNorm1d, nn.BatchNorm2d,
    )
}  # fmt: skip
_CONTAINERS = {kind.__name__: kind for kind in (nn.Sequential, nn.Residual)}

_ANY_SIZE = 10_000
"""Up to here the size of a layer is not compared with the number of parameters in its file."""


def save(model: Module, path: str | os.PathLike[str]) -> Path:
    """Write a model to a file, whole or not at all.

    Args:
        model: of any kind; only those of layers of this package can be loaded without it.
        path: must end in ``.npz``.

    Returns:
        The path.

    Raises:
        ValueError: if the name ends otherwise, or a parameter is not finite.
        OSError: if it cannot be written.

    >>> import tempfile
    >>> model = nn.MLP(4, [3, 2])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(model, f"{folder}/model.npz")
    ...     print(load(path))
    MLP(4-3-2, 23 parameters)
    """
    path = _checked(path)
    file = io.BytesIO()
    kept = [*model.parameters(), *running_values(model)]
    numbers = np.array([value.data for value in kept], float)
    if not np.isfinite(numbers).all():
        raise ValueError("the model has parameters that are not finite; it was not saved")
    specification = json.dumps(model.specification())
    np.savez_compressed(file, specification=np.array(specification), parameters=numbers)
    write_whole(file.getvalue(), path)
    return path


def load(path: str | os.PathLike[str]) -> Module:
    """The model in a file, in evaluation mode; see :func:`save` for an example.

    Raises:
        ValueError: if it is no such file, or holds a model of another kind than those of this
            package; make that yourself, and give it to :func:`load_into`.
        FileNotFoundError: if there is no file.
    """
    specification, numbers = _read(Path(path))
    model = _built(specification, len(numbers), Path(path))
    _fill(model, numbers, Path(path))
    return model.eval()


def load_into(model: Module, path: str | os.PathLike[str]) -> None:
    """Give a model the parameters in a file.

    Args:
        model: of the same architecture as the one that was saved.
        path: what :func:`save` wrote.

    Raises:
        ValueError: if the file holds another architecture; it names the first difference, and the
            model stays as it was.
    """
    specification, numbers = _read(Path(path))
    difference = _difference(specification, model.specification(), "the model")
    if difference:
        raise ValueError(f"{Path(path).name} holds another architecture: {difference}")
    _fill(model, numbers, Path(path))


def _checked(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix != ".npz":
        raise ValueError(f"expected a file name that ends in .npz, got {path.name!r}")
    return path


def _read(path: Path) -> tuple[Specification, NDArray[np.float64]]:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with path.open("rb") as file:
            arrays = read_arrays(file)
        specification, numbers = json.loads(str(arrays["specification"])), arrays["parameters"]
    except KeyError as error:
        raise _no_model(path, f"it has no {error.args[0]}") from None
    except (ValueError, RecursionError) as error:
        raise _no_model(path, str(error)) from None
    if not isinstance(specification, dict) or numbers.ndim != 1 or numbers.dtype.kind != "f":
        raise _no_model(path, "expected a specification, and real numbers in one row")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{path.name} holds parameters that are not finite")
    return specification, numbers.astype(float)


def _no_model(path: Path, reason: str) -> ValueError:
    return ValueError(f"{path.name} is no model that autodiff saved: {reason}")


def _built(specification: Specification, count: int, path: Path) -> Module:
    """Make the model, in memory for no more parameters than the file holds."""
    _check_numbers(specification, max(count, _ANY_SIZE), path)
    return _made(specification, _Budget(count), path)


def _check_numbers(specification: Specification, most: int, path: Path) -> None:
    """Refuse sizes that no layer has which fits the file."""
    pending: list[Any] = [specification]
    while pending:
        part = pending.pop()
        if isinstance(part, dict | list):
            pending += part.values() if isinstance(part, dict) else part
        elif isinstance(part, int | float) and not abs(part) <= most:
            raise ValueError(
                f"{path.name} describes a layer with the number {part!s:.20}, for which it holds "
                "too few parameters"
            )


class _Budget(np.random.Generator):
    """Random numbers for as many parameters as there are, and no more."""

    def __init__(self, count: int) -> None:
        super().__init__(np.random.PCG64(0))
        self._left = count

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        """Draw initial weights, which are about to be replaced by those in the file."""
        self.spend(math.prod(np.atleast_1d(() if size is None else size).tolist()))
        return super().normal(loc, scale, size)

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        """Draw initial weights, as for :meth:`normal`."""
        self.spend(math.prod(np.atleast_1d(() if size is None else size).tolist()))
        return super().uniform(low, high, size)

    def spend(self, count: int) -> None:
        """Count parameters that were made, drawn or not.

        Raises:
            ValueError: if there are more than the file holds.
        """
        self._left -= count
        if self._left < 0:
            raise ValueError("it has more parameters than the file holds")


def _made(specification: Specification, budget: _Budget, path: Path) -> Module:
    kind: Any = None
    try:
        arguments = dict(specification)
        kind = arguments.pop("kind", None)
        if "seed" in arguments:
            raise ValueError("no seed stands in a file")
        if kind in _CONTAINERS:
            return _CONTAINERS[kind](*_layers(arguments["layers"], budget, path))
        if kind == "Reshape":
            return nn.Reshape(tuple(arguments["shape"]))
        if kind in _KINDS:
            seed = _seed(_KINDS[kind], budget)
            layer = _KINDS[kind](**arguments, **seed)
            if not seed:
                budget.spend(len(layer.parameters()))
            return layer
    except _NotMadeError:
        raise
    except (TypeError, KeyError, ValueError, AttributeError, RecursionError) as error:
        raise _NotMadeError(
            f"{path.name} describes a {_word(kind)} that cannot be made: {error!s:.200}"
        ) from None
    raise _NotMadeError(
        f"{path.name} holds a {_word(kind)}, which autodiff.nn does not know; make one yourself "
        "and use load_into(model, path)"
    )


def _layers(specifications: list[Specification], budget: _Budget, path: Path) -> list[Module]:
    """The layers of a Sequential; one that occurs again is the same module."""
    layers: list[Module] = []
    for each in specifications:
        if each.get("kind") != AGAIN:
            layers.append(_made(each, budget, path))
        elif each["layer"] in range(len(layers)):
            layers.append(layers[each["layer"]])
        else:
            raise ValueError("a layer is said to occur again that did not occur before")
    return layers


def _word(kind: Any) -> str:
    return " ".join(str(kind)[:40].split())


class _NotMadeError(ValueError):
    """A description of a layer that is none."""


def _seed(kind: Callable[..., Module], budget: _Budget) -> dict[str, Any]:
    """Return the seed of a layer's weights; Dropout keeps its generator, and has no weights."""
    is_drawn = kind is not nn.Dropout and "seed" in inspect.signature(kind).parameters
    return {"seed": budget} if is_drawn else {}


def _fill(model: Module, numbers: NDArray[np.float64], path: Path) -> None:
    parameters = [*model.parameters(), *running_values(model)]
    if len(parameters) != len(numbers):
        raise ValueError(
            f"{path.name} holds {len(numbers):,} parameters, and the model has {len(parameters):,}"
        )
    for parameter, number in zip(parameters, numbers.tolist(), strict=True):
        parameter.data = number


def _difference(theirs: Any, ours: Any, where: str) -> str:
    """Describe the first difference of two specifications; empty if there is none."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        if theirs.get("kind") != ours.get("kind"):
            return f"{where} is a {ours.get('kind')}, in the file a {theirs.get('kind')}"
        for name in dict.fromkeys([*ours, *theirs]):
            inner = f"{where}'s {name}"
            if found := _difference(theirs.get(name), ours.get(name), inner):
                return found
        return ""
    if isinstance(theirs, list) and isinstance(ours, list):
        for i, (their, our) in enumerate(zip(theirs, ours, strict=False), start=1):
            if found := _difference(their, our, f"layer {i}"):
                return found
        if len(theirs) != len(ours):
            return f"{where} are {len(ours)}, in the file {len(theirs)}"
        return ""
    return "" if theirs == ours else f"{where} is {ours}, in the file {theirs}"
