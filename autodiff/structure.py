"""Structures: containers of numbers and arrays, nested at will, taken apart and put together again.

A structure has *leaves*: numbers and whole arrays. What remains without them is its *form*, which
can be hashed, compared, and filled with other leaves. Its *scalars* are its numbers and the
elements of its arrays. Every transform and the compiler walk structures through this module.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from autodiff.arrays import as_array
from autodiff.containers import Container, Form, Labelled, Shape, is_array, kind_of, single

Leaf: TypeAlias = "Labelled | Shape | None"
"""The form of a leaf: the shape of an array, with labels if it has some, None for a number."""
AnyForm: TypeAlias = "Form | Leaf"


# --------------------------------------------------------------------------- apart and together


def take_apart(structure: Any) -> tuple[list[Any], AnyForm]:
    """Return the leaves of a structure, which are numbers and NumPy arrays, and its form.

    >>> leaves, form = take_apart({"w": np.ones(2), "b": 3.0})
    >>> leaves, put_together(form, ["weights", "bias"])
    ([array([1., 1.]), 3.0], {'w': 'weights', 'b': 'bias'})
    """
    leaves: list[Any] = []
    return leaves, _take(structure, leaves)


def form_of(structure: Any) -> AnyForm:
    """Return the form of a structure, the same for all that differ in their numbers alone.

    >>> form_of([1.0, 2.0]) == form_of([3.0, 4.0]), form_of([1.0, 2.0]) == form_of((1.0, 2.0))
    (True, False)
    """
    return take_apart(structure)[1]


def put_together(form: AnyForm, leaves: Iterable[Any]) -> Any:
    """Return the structure of a form with these leaves, in the order of :func:`take_apart`."""
    return _put(form, iter(leaves), lambda _, remaining: next(remaining))


def flatten(structure: Any) -> tuple[list[Any], Rebuild]:
    """Return the scalars in a structure, and a function that puts others in their places.

    Lists, tuples, dicts and objects give their parts in order and are rebuilt as what they were; a
    plain array gives its elements in row-major order and is rebuilt as one of the same shape, a
    pandas Series or DataFrame with its labels. Anything else is one scalar.

    >>> scalars, rebuild = flatten({"w": [1.0, 2.0], "b": 3.0})
    >>> scalars, rebuild([10, 20, 30])
    ([1.0, 2.0, 3.0], {'w': [10, 20], 'b': 30})
    """
    leaves, form = take_apart(structure)
    return _scalars(leaves), Rebuild(form)


class Rebuild(NamedTuple):
    """A function from scalars to a structure of a given form."""

    form: AnyForm

    def __call__(self, scalars: Sequence[Any]) -> Any:
        """Return the structure with these scalars."""
        return _put(self.form, iter(scalars), _next_array)


def map_leaves(change: Callable[..., Any], structure: Any, *others: Any) -> Any:
    """Return a structure with each leaf changed, together with the same leaf of the others.

    Raises:
        ValueError: if another structure has other parts.

    >>> map_leaves(lambda a, b: a + b, {"w": 1.0, "b": [2.0]}, {"b": [20.0], "w": 10.0})
    {'w': 11.0, 'b': [22.0]}
    """
    leaves, form = take_apart(structure)
    columns = [leaves_like(other, form, "structures") for other in others]
    return put_together(form, map(change, leaves, *columns))


def align(given: Any, wanted: Any, what: str) -> list[Any]:
    """Return the scalars of one structure in the order of another, which must have the same parts.

    Raises:
        ValueError: if keys, lengths, labels or array shapes differ.

    >>> align({"b": 2, "a": 1}, {"a": 0.0, "b": 0.0}, "weights")
    [1, 2]
    """
    return _scalars(leaves_like(given, form_of(wanted), what))


def leaves_like(given: Any, form: AnyForm, what: str) -> list[Any]:
    """Return the leaves of a structure in the order of a form, where keys may be in another.

    A list may stand for a tuple, and nested lists for an array.

    Raises:
        ValueError: if keys, lengths, labels or array shapes differ.
    """
    leaves: list[Any] = []
    _take_like(given, form, what, leaves)
    return leaves


def nest(outer: AnyForm, inner: AnyForm, rows: Sequence[Sequence[Any]]) -> Any:
    """Return a structure of one form with a structure of another in the place of each leaf.

    Args:
        outer: the form of the whole. A leaf of shape S in it, and one of shape T in what takes its
            place, become an array of shape S + T.
        inner: the form of what takes the place of each leaf.
        rows: for each scalar of the outer form, one scalar for each of the inner.

    >>> nest(form_of({"y": 0.0}), form_of([0.0, 0.0]), [[1.0, 2.0]])
    {'y': [1.0, 2.0]}
    """
    ends, columns = _ends(outer), _ends(inner)
    blocks = []
    for above, start, end in zip(leaf_forms(outer), [0, *ends], ends, strict=False):
        own = rows[start:end]
        leaves = [
            _block(above, below, [scalar for row in own for scalar in row[first:last]])
            for below, first, last in zip(leaf_forms(inner), [0, *columns], columns, strict=False)
        ]
        form = inner if above is None else map_forms(functools.partial(with_axes, above), inner)
        blocks.append(put_together(form, leaves))
    return put_together(map_forms(lambda _: None, outer), blocks)


def _block(above: Leaf, below: Leaf, scalars: list[Any]) -> Any:
    if above is None and below is None:
        return scalars[0]
    return as_array(scalars, shape_of(above) + shape_of(below))


def _take(structure: Any, leaves: list[Any]) -> Any:
    cls = type(structure)
    if cls is float:  # without detours
        leaves.append(structure)
        return None
    kind = kind_of(cls)
    if type(kind) is Container:
        names, parts, rest = kind.split(structure)
        return Form(cls, names, rest, tuple([_take(part, leaves) for part in parts]))
    leaf, form = kind(structure)  # type: ignore[operator]
    leaves.append(leaf)
    return form


def _put(form: AnyForm, remaining: Iterator[Any], next_leaf: Callable[..., Any]) -> Any:
    if form is None:
        return next(remaining)
    if isinstance(form, Form):
        kind = kind_of(form.kind)
        assert isinstance(kind, Container)
        parts = [
            next(remaining) if part is None else _put(part, remaining, next_leaf)
            for part in form.parts
        ]
        return kind.make(form, parts)
    leaf = next_leaf(form, remaining)
    return form.attach(leaf) if isinstance(form, Labelled) else leaf


def _next_array(form: Labelled | Shape, scalars: Iterator[Any]) -> Any:
    shape = shape_of(form)
    return as_array(list(itertools.islice(scalars, math.prod(shape))), shape)


def _scalars(leaves: Iterable[Any]) -> list[Any]:
    scalars: list[Any] = []
    for leaf in leaves:
        if is_array(leaf):
            scalars += np.asarray(leaf).ravel().tolist()
        else:
            scalars.append(leaf)
    return scalars


def _take_like(given: Any, form: AnyForm, what: str, leaves: list[Any]) -> None:
    if isinstance(form, Form):
        for part, own in zip(_parts_like(given, form, what), form.parts, strict=True):
            _take_like(part, own, what, leaves)
    elif form is None:
        if kind_of(type(given)) is not single or np.ndim(given):
            raise ValueError(f"expected {what}, one number, got {given!r:.60}")
        leaves.append(given)
    else:
        leaves.append(_array_like(given, form, what))


def _array_like(given: Any, form: Labelled | Shape, what: str) -> Any:
    shape = shape_of(form)
    if np.shape(given) != shape:
        raise ValueError(f"expected {what} of shape {shape}, got {np.shape(given)}")
    kind = kind_of(type(given))
    if isinstance(kind, Container):
        return np.asarray(given, object)
    array, own = kind(given)
    if isinstance(form, Labelled) and isinstance(own, Labelled) and own.labels != form.labels:
        raise ValueError(f"expected {what} with the same labels, in the same order")
    return array


def _parts_like(given: Any, form: Form, what: str) -> Sequence[Any]:
    """The parts of a structure in the order of a form."""
    if issubclass(form.kind, dict):
        if not isinstance(given, dict) or set(given) != set(form.names):
            keys = list(given) if isinstance(given, dict) else type(given).__name__
            raise ValueError(f"expected {what} with the keys {list(form.names)}, got {keys}")
        return [given[key] for key in form.names]
    if issubclass(form.kind, list | tuple):
        count = len(form.parts)
        if not isinstance(given, list | tuple | np.ndarray) or len(given) != count:
            got = len(given) if hasattr(given, "__len__") else type(given).__name__
            raise ValueError(f"expected {what}, {count} in a list or tuple, got {got}")
        return list(given)
    kind = kind_of(form.kind)
    names, parts = (), ()
    if type(given) is form.kind and isinstance(kind, Container):
        names, parts, _ = kind.split(given)  # type: ignore[assignment]
    if set(names) != set(form.names):
        wanted = f"{form.kind.__name__} of {', '.join(form.names)}"
        got = f"{type(given).__name__} of {', '.join(names) or 'others'}"
        raise ValueError(f"expected {what} in a {wanted}, got {got}")
    by_name: dict[Any, Any] = dict(zip(names, parts, strict=True))
    return [by_name[name] for name in form.names]


# --------------------------------------------------------------------------------------- forms


def leaf_forms(form: AnyForm) -> Iterator[Leaf]:
    """Yield the forms of the leaves, in order."""
    if isinstance(form, Form):
        for part in form.parts:
            yield from leaf_forms(part)
    else:
        yield form


def leaf_names(form: AnyForm, name: str) -> Iterator[str]:
    """Yield a name for each leaf: that of the whole, and then keys, fields or numbers.

    >>> list(leaf_names(form_of({"w": np.ones((2, 3)), "b": [1.0]}), "p"))
    ['p_w', 'p_b_0']
    """
    if isinstance(form, Form):
        for key, part in zip(form.keys, form.parts, strict=True):
            yield from leaf_names(part, f"{name}_{key}")
    else:
        yield name


def map_forms(change: Callable[[Any], Leaf], form: AnyForm) -> AnyForm:
    """Return a form with the form of each leaf changed."""
    if isinstance(form, Form):
        return form._replace(parts=tuple([map_forms(change, part) for part in form.parts]))
    return change(form)


def shape_of(leaf: Leaf) -> Shape:
    """Return the shape of a leaf from its form, () for a number."""
    if leaf is None:
        return ()
    return leaf.shape if isinstance(leaf, Labelled) else leaf


def with_axes(first: Leaf, then: Leaf) -> Leaf:
    """Return the form of an array with the axes of one leaf before those of another.

    >>> with_axes((2,), (3, 4)), with_axes(None, (3,))
    ((2, 3, 4), (3,))
    """
    if first is None or then is None:
        return then if first is None else first
    if not isinstance(first, Labelled) and not isinstance(then, Labelled):
        return first + then
    return Labelled(shape_of(first) + shape_of(then), _labels(first) + _labels(then))


def _labels(leaf: Labelled | Shape) -> tuple[Any, ...]:
    return leaf.labels if isinstance(leaf, Labelled) else (None,) * len(leaf)


def without_first_axis(leaf: Labelled | Shape) -> Leaf:
    """Return the form of what stands at a place of the first axis of an array."""
    if len(shape_of(leaf)) == 1:
        return None
    return Labelled(leaf.shape[1:], leaf.labels[1:]) if isinstance(leaf, Labelled) else leaf[1:]


def difference(form: AnyForm, before: AnyForm, place: str) -> str:
    """Return a phrase that says where and how a form differs from an earlier one.

    >>> difference(form_of({"w": np.ones(3)}), form_of({"w": np.ones(2)}), "p")
    "p['w'] is an array of shape (3,), and was an array of shape (2,)"
    """
    if isinstance(form, Form) and isinstance(before, Form) and form[:3] == before[:3]:
        for key, part, other in zip(form.keys, form.parts, before.parts, strict=False):
            if part != other:
                kind = kind_of(form.kind)
                assert isinstance(kind, Container)
                return difference(part, other, place + kind.place(key))
    now, then = described(form), described(before)
    how = "with other labels or properties" if now == then else f"and was {then}"
    return f"{place} is {now}, {how}"


def described(form: AnyForm) -> str:
    """Return a form in a few words.

    >>> described(form_of([1.0, 2.0])), described(form_of({"w": 1.0, "b": 2.0}))
    ('a list of 2', 'a dict of w, b')
    """
    if form is None:
        return "a number"
    if isinstance(form, Form):
        name = form.kind.__name__
        article = "an" if name[0] in "AEIOUaeiou" else "a"
        parts = ", ".join(map(str, form.names)) if form.names else str(len(form.parts))
        return f"{article} {name} of {parts if len(parts) <= 60 else parts[:57] + '...'}"
    kind = "array"
    if isinstance(form, Labelled):
        kind = "Series" if len(form.shape) == 1 else "DataFrame"
    return f"{'an' if kind == 'array' else 'a'} {kind} of shape {shape_of(form)}"


def _ends(form: AnyForm) -> list[int]:
    """Return the end of each leaf among the scalars."""
    return list(itertools.accumulate(math.prod(shape_of(leaf)) for leaf in leaf_forms(form)))
