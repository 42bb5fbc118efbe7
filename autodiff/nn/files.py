"""Models in files: what they are, in words, and their parameters, as one vector.

A file is a NumPy archive (.npz) that holds text and numbers alone. Nothing is ever unpickled, so
that a file from anywhere can be read without running what is in it.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff import nn
from autodiff.files import write_whole
from autodiff.nn.module import Module, Specification

_KINDS: dict[str, Callable[..., Module]] = {
    kind.__name__: kind
    for kind in (
        nn.Linear, nn.MLP, nn.ReLU, nn.LeakyReLU, nn.Sigmoid, nn.Tanh, nn.GELU, nn.Softmax,
        nn.LogSoftmax, nn.Dropout, nn.Flatten, nn.Reshape, nn.Conv2d, nn.ConvTranspose2d,
        nn.MaxPool2d, nn.Autoencoder,
    )
}  # fmt: skip


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
    numbers = np.array([parameter.data for parameter in model.parameters()], float)
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
    model = _built(specification, Path(path))
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
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            specification = json.loads(str(archive["specification"]))
            numbers = np.asarray(archive["parameters"], float)
    except Exception as error:  # damaged bytes raise anything at all
        raise ValueError(
            f"{path.name} is no model that autodiff saved ({type(error).__name__})"
        ) from None
    if not isinstance(specification, dict) or numbers.ndim != 1:
        raise ValueError(f"{path.name} is no model that autodiff saved")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{path.name} holds parameters that are not finite")
    return specification, numbers


def _built(specification: Specification, path: Path) -> Module:
    arguments = dict(specification)
    kind = arguments.pop("kind", None)
    try:
        if kind == "Sequential":
            return nn.Sequential(*[_built(layer, path) for layer in arguments["layers"]])
        if kind == "Reshape":
            return nn.Reshape(tuple(arguments["shape"]))
        if kind in _KINDS:
            return _KINDS[kind](**arguments)
    except (TypeError, KeyError, ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path.name} describes a {kind} that cannot be made: {error}") from None
    raise ValueError(
        f"{path.name} holds a {kind}, which autodiff.nn does not know; make one yourself and use "
        "load_into(model, path)"
    )


def _fill(model: Module, numbers: NDArray[np.float64], path: Path) -> None:
    parameters = model.parameters()
    if len(parameters) != len(numbers):
        raise ValueError(
            f"{path.name} holds {len(numbers):,} parameters, and the model has {len(parameters):,}"
        )
    for parameter, number in zip(parameters, numbers.tolist(), strict=True):
        parameter.data = number


def _difference(theirs: Any, ours: Any, where: str) -> str:
    """Where two specifications part, in words; empty if they do not."""
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
