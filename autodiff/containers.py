"""Containers: how objects of each class are taken apart, and made again of other parts.

Lists, tuples, dicts, dataclasses and what is derived from them are known; a user's own classes are
registered. pandas objects are arrays with labels, known as soon as the user has imported pandas;
so are arrays of JAX.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

T = TypeVar("T")
Shape: TypeAlias = tuple[int, ...]


class Form(NamedTuple):
    """The form of a container: its class, and the forms of its parts."""

    kind: type
    names: tuple[Any, ...]
    """Of the parts: keys or fields; empty where they are only counted."""
    rest: Hashable
    """Anything else that is needed to build an equal object."""
    parts: tuple[Any, ...]

    @property
    def keys(self) -> Sequence[Any]:
        """A name for each part, which is its number if it has no other."""
        return self.names or range(len(self.parts))


class Labels:
    """The labels along an axis of a pandas object, which can be hashed."""

    def __init__(self, index: Any) -> None:
        self.index = index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Labels) and bool(self.index.identical(other.index))

    def __hash__(self) -> int:
        return len(self.index)


class Labelled(NamedTuple):
    """The form of a pandas Series or DataFrame: an array with labels along its axes."""

    shape: Shape
    labels: tuple[Labels | None, ...]
    name: Hashable = None

    def attach(self, array: Any) -> Any:
        """Return the array as a Series or DataFrame; as it is, if it has more dimensions."""
        pandas: Any = sys.modules["pandas"]
        if array.ndim > 2 or is_jax(array):
            return array
        axes = [None if labels is None else labels.index for labels in self.labels]
        plain = array.view(np.ndarray)
        if plain.dtype.kind == "V":  # pandas knows no bfloat16
            plain = plain.astype(np.float32)
        if array.ndim == 1:
            return pandas.Series(plain, *axes, dtype=array.dtype, name=self.name)
        return pandas.DataFrame(plain, *axes, dtype=array.dtype)


class Container(NamedTuple):
    """The functions that take objects of a class apart and rebuild them."""

    split: Callable[[Any], tuple[tuple[Any, ...], Iterable[Any], Hashable]]
    """From an object to the names of its parts, if they have any, the parts, and the rest."""
    make: Callable[[Form, list[Any]], Any]
    place: Callable[[Any], str] = "[{!r}]".format
    """The Python expression that reaches a part."""


Leaf: TypeAlias = Callable[[Any], tuple[Any, Any]]
"""From an object without parts to a number or an array, and its form: None, or its shape."""

_known: dict[type, Container | Leaf] = {}


def kind_of(cls: type) -> Container | Leaf:
    """Return how objects of a class are treated."""
    try:
        return _known[cls]
    except KeyError:
        found = _known[cls] = _find(cls)
        return found


def is_jax(thing: object) -> bool:
    """Whether it is an array of JAX, or stands for one while JAX traces a function."""
    jax: Any = sys.modules.get("jax")
    return jax is not None and isinstance(thing, jax.Array)


def is_array(leaf: object) -> bool:
    """Whether a leaf is an array, of NumPy or of JAX, rather than a number."""
    return isinstance(leaf, np.ndarray) or (is_jax(leaf) and leaf.ndim > 0)  # type: ignore[attr-defined]


def register_structure(
    cls: type[T],
    to_parts: Callable[[T], tuple[Mapping[str, Any], Hashable]],
    from_parts: Callable[[dict[str, Any], Any], T],
) -> None:
    """Say what objects of your own class are made of: then functions may take and return them.

    Dataclasses are known without it: each field is a part, and the constructor is not run again.

    Args:
        cls: the class. Classes derived from it are registered on their own.
        to_parts: from an object to a dict of its parts, each a number, an array or a structure,
            and whatever else is needed to make it again: a hashable object, None if nothing is.
            Functions are compiled for each of these anew.
        from_parts: from such a dict and the rest to an object. Parts may be Values, derivatives or
            arrays of more dimensions, and are not to be checked.

    Raises:
        TypeError: if these are not a class and two functions.

    >>> from autodiff import grad
    >>> class Line:
    ...     def __init__(self, slope, offset):
    ...         self.slope, self.offset = slope, offset
    >>> register_structure(
    ...     Line,
    ...     lambda line: ({"slope": line.slope, "offset": line.offset}, None),
    ...     lambda parts, rest: Line(**parts),
    ... )
    >>> grad(lambda line: line.slope * 3.0 + line.offset)(Line(2.0, 1.0)).slope
    3.0
    """
    if not isinstance(cls, type) or not callable(to_parts) or not callable(from_parts):
        raise TypeError(
            "register_structure(cls, to_parts, from_parts) expected a class and two functions, got "
            f"{cls!r:.60}, {to_parts!r:.60} and {from_parts!r:.60}"
        )

    def split(structure: T) -> tuple[tuple[Any, ...], Iterable[Any], Hashable]:
        found = to_parts(structure)
        if not isinstance(found, tuple) or len(found) != 2 or not isinstance(found[0], Mapping):
            raise TypeError(
                f"to_parts of {cls.__name__} must return a dict of parts, and what else is needed "
                f"to make it again or None, got {found!r:.60}"
            )
        parts, rest = found
        return tuple(parts), parts.values(), _hashable(rest, f"the rest of {cls.__name__}")

    def make(form: Form, parts: list[Any]) -> T:
        return from_parts(dict(zip(form.names, parts, strict=True)), form.rest)

    _known[cls] = Container(split, make, ".{}".format)


def _hashable(rest: Any, what: str) -> Hashable:
    try:
        hash(rest)
    except TypeError:
        raise TypeError(
            f"{what} tells compiled functions apart and must be hashable, as a tuple is and a list "
            f"is not, got {rest!r:.60}"
        ) from None
    return rest  # type: ignore[no-any-return]


def _find(cls: type) -> Container | Leaf:
    """Find the container for a class that is new."""
    if issubclass(cls, np.ndarray):
        return _masked if issubclass(cls, np.ma.MaskedArray) else _array
    if issubclass(cls, dict):
        return _DEFAULT_DICT if issubclass(cls, defaultdict) else _DICT
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return _NAMED_TUPLE
    if issubclass(cls, list | tuple):
        return _SEQUENCE
    pandas: Any = sys.modules.get("pandas")
    if pandas is not None and issubclass(cls, pandas.Series | pandas.DataFrame):
        return _labelled
    jax: Any = sys.modules.get("jax")
    if jax is not None and issubclass(cls, (jax.Array, jax.core.Tracer)):
        return _jax_array
    return _DATACLASS if dataclasses.is_dataclass(cls) else single


def single(number: Any) -> tuple[Any, None]:
    """Return a number, or what else has no parts, and its form."""
    return number, None


def _array(array: Any) -> tuple[Any, Shape]:
    return array, array.shape


def _jax_array(array: Any) -> tuple[Any, Shape | None]:
    return array, array.shape or None


def _masked(array: Any) -> tuple[Any, Shape]:
    raise TypeError(
        f"expected numbers, got a masked array of shape {array.shape}, which has none where it is "
        "masked; fill these places, as array.filled(0.0) does"
    )


def _labelled(table: Any) -> tuple[Any, Labelled]:
    dtypes = [table.dtype] if table.ndim == 1 else table.dtypes
    are_numbers = all(dtype.kind in "fiub" for dtype in dtypes)
    array = table.to_numpy(float, na_value=np.nan) if are_numbers else table.to_numpy()
    name = table.name if table.ndim == 1 else None
    return array, Labelled(table.shape, tuple([Labels(axis) for axis in table.axes]), name)


def _split_sequence(sequence: Any) -> tuple[tuple[Any, ...], Iterable[Any], Hashable]:
    return (), sequence, None


def _make_sequence(form: Form, parts: list[Any]) -> Any:
    return parts if form.kind is list else _constructed(form.kind, parts)


def _split_named_tuple(named: Any) -> tuple[tuple[Any, ...], Iterable[Any], Hashable]:
    return named._fields, named, None


def _make_named_tuple(form: Form, parts: list[Any]) -> Any:
    return form.kind._make(parts)  # type: ignore[attr-defined]


def _split_dict(mapping: Any) -> tuple[tuple[Any, ...], Iterable[Any], Hashable]:
    return tuple(mapping), mapping.values(), None


def _make_dict(form: Form, parts: list[Any]) -> Any:
    items = dict(zip(form.names, parts, strict=True))
    return items if form.kind is dict else _constructed(form.kind, items)


def _split_default_dict(mapping: Any) -> tuple[tuple[Any, ...], Iterable[Any], Hashable]:
    return tuple(mapping), mapping.values(), mapping.default_factory


def _make_default_dict(form: Form, parts: list[Any]) -> Any:
    return _constructed(form.kind, form.rest, dict(zip(form.names, parts, strict=True)))


def _split_dataclass(instance: Any) -> tuple[tuple[Any, ...], Iterable[Any], Hashable]:
    """Fields that are no numbers, such as the name of an activation, are kept as they are."""
    names, parts, rest = [], [], []
    for field in dataclasses.fields(instance):
        part = getattr(instance, field.name)
        if field.metadata.get("static") or _is_no_number(part):
            what = f"the field {field.name} of {type(instance).__name__}"
            rest.append((field.name, _hashable(part, what)))
        else:
            names.append(field.name)
            parts.append(part)
    return tuple(names), parts, tuple(rest)


def _is_no_number(part: Any) -> bool:
    if part is None or isinstance(part, str | Enum | type):
        return True
    return callable(part) and not isinstance(kind_of(type(part)), Container)


def _make_dataclass(form: Form, parts: list[Any]) -> Any:
    """With the fields as they are: a constructor would compute with them once more."""
    instance: Any = object.__new__(form.kind)
    fields: Any = form.rest
    for name, part in (*zip(form.names, parts, strict=True), *fields):
        object.__setattr__(instance, name, part)
    return instance


def _constructed(cls: type, *arguments: Any, **named: Any) -> Any:
    try:
        return cls(*arguments, **named)
    except Exception as error:
        error.add_note(
            f"while {cls.__name__} was made of other parts, such as Values or derivatives; "
            "autodiff.register_structure says how to make one without its constructor"
        )
        raise


_SEQUENCE = Container(_split_sequence, _make_sequence)
_NAMED_TUPLE = Container(_split_named_tuple, _make_named_tuple, ".{}".format)
_DICT = Container(_split_dict, _make_dict)
_DEFAULT_DICT = Container(_split_default_dict, _make_default_dict)
_DATACLASS = Container(_split_dataclass, _make_dataclass, ".{}".format)
