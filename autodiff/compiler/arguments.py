"""Arguments: from structures of numbers and arrays to the vectors that a program reads, and back.

Each array of an argument is a block of its own; its plain numbers are a block together.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from autodiff.containers import Container, Form, is_array, is_jax, kind_of, single
from autodiff.structure import (
    AnyForm,
    described,
    difference,
    leaf_forms,
    leaf_names,
    leaves_like,
    map_forms,
    map_leaves,
    put_together,
    shape_of,
    take_apart,
    with_axes,
    without_first_axis,
)
from autodiff.value import Value

Array = NDArray[Any]

_NUMBERS = (float, int, np.integer, np.floating, np.bool)


# ----------------------------------------------------------------------------------- into blocks


def as_arrays(argument: Any, name: str, is_whole: bool = True) -> Any:
    """Return a batched argument with arrays in place of lists and tuples of numbers.

    Lists and tuples that hold nothing but numbers, nested or not, are examples. Whatever holds
    arrays is a structure, of which each array has a leading axis of examples.

    Raises:
        ValueError: if the whole is a list of arrays, which could be examples, or if arrays stand
            beside plain numbers.

    >>> as_arrays({"x": [[1.0, 2.0], [3.0, 4.0]]}, "data")["x"].shape
    (2, 2)
    """
    kind = kind_of(type(argument))
    if not isinstance(kind, Container):
        return argument
    names, parts, rest = kind.split(argument)
    parts = list(parts)
    if isinstance(argument, list | tuple) and not names:
        leaves, _ = take_apart(argument)
        if not any(map(_holds_arrays, parts)):
            return _as_array(argument) if leaves or is_whole else argument
        if isinstance(argument, list) and is_whole:
            raise ValueError(
                "a batched argument is an array with a leading axis of examples (np.stack makes "
                f"one of a list), or a tuple or dict of such arrays, got a list of them for {name}"
            )
        if any(take_apart(part)[0] and not _holds_arrays(part) for part in parts):
            raise ValueError(
                f"the batched argument {name} has arrays beside plain numbers; np.array(...) makes "
                f"an array of those, with a leading axis of examples, got {argument!r:.60}"
            )
    keys: Sequence[Any] = names or range(len(parts))
    changed = [
        as_arrays(part, f"{name}_{key}", is_whole=False)
        for key, part in zip(keys, parts, strict=True)
    ]
    if all(a is b for a, b in zip(changed, parts, strict=True)):
        return argument
    return kind.make(Form(type(argument), names, rest, ()), changed)


def _holds_arrays(part: Any) -> bool:
    """Whether there is anything but lists and tuples of numbers."""
    if isinstance(part, list | tuple) and not hasattr(part, "_fields"):
        return any(map(_holds_arrays, part))
    return kind_of(type(part)) is not single


def _as_array(numbers: Sequence[Any]) -> Array:
    try:
        return np.asarray(numbers, float)
    except (TypeError, ValueError):
        raise ValueError(
            f"expected equally long lists of numbers as examples, got {numbers!r:.60}"
        ) from None


def note_on_examples(error: TypeError, parameters: Iterable[tuple[str, AnyForm, bool]]) -> None:
    """Say beside an error which batched argument holds one number for each example."""
    for name, form, is_batched in parameters:
        if is_batched and form is None:
            error.add_note(
                f"the batched argument {name} gives one number to each example; for vectors it has "
                f"shape (examples, length): {name}[np.newaxis] is one"
            )
            return


def count_blocks(form: AnyForm) -> int:
    """Count the input blocks of an argument: each array, then all plain numbers together."""
    are_numbers = [leaf is None for leaf in leaf_forms(form)]
    return are_numbers.count(False) + any(are_numbers)


def blocks_of_argument(
    argument: Any, name: str, is_batched: bool, dtype: Any, keeps_jax: bool = False
) -> tuple[list[Array], AnyForm, int | None]:
    """The numbers of an argument by blocks, its form for one example, and how many there are.

    Args:
        keeps_jax: whether arrays of JAX stay such; else they become arrays of NumPy.
    """
    if type(argument) is np.ndarray and argument.dtype.kind in "fiub":  # without detours
        if not is_batched:
            return [_converted(argument, dtype).ravel()], argument.shape, None
        if argument.ndim == 2:
            return [_converted(argument, dtype)], argument.shape[1:], len(argument)
    leaves, form = take_apart(argument)
    arrays: list[Array] = []
    plain: list[Any] = []
    for leaf in leaves:
        if is_jax(leaf) and not keeps_jax:
            leaf = np.asarray(leaf)
            leaf = leaf if leaf.ndim else leaf[()]
        if is_array(leaf):
            if not _holds_real_numbers(leaf):
                _refuse(leaf, leaves, form, name)
            arrays.append(leaf if is_batched else _converted(leaf, dtype).ravel())
        elif (isinstance(leaf, _NUMBERS) or is_jax(leaf)) and not is_batched:
            plain.append(leaf)
        else:
            _refuse(leaf, leaves, form, name, is_batched)
    if is_batched:
        return _blocks_of_examples(arrays, form, name, dtype)
    return ([*arrays, _stacked(plain, 0, dtype)] if plain else arrays), form, None


def _blocks_of_examples(
    arrays: list[Array], form: AnyForm, name: str, dtype: Any
) -> tuple[list[Array], AnyForm, int | None]:
    for array in arrays:
        if not array.ndim:
            _refuse(array, arrays, form, name, is_batched=True)
    counts = {len(array) for array in arrays}
    if len(counts) > 1:
        raise ValueError(f"the arrays in {name} have different numbers of examples: {counts}")
    rows = [_converted(array, dtype) for array in arrays]
    blocks = [row.reshape(len(row), math.prod(row.shape[1:])) for row in rows if row.ndim > 1]
    plain = [row for row in rows if row.ndim == 1]
    if plain:
        blocks.append(plain[0][:, None] if len(plain) == 1 else _stacked(plain, 1, dtype))
    return blocks, map_forms(without_first_axis, form), counts.pop() if counts else None


def _holds_real_numbers(array: Any) -> bool:
    return array.dtype.kind in "fiub" or array.dtype.name == "bfloat16"


def _stacked(parts: list[Any], axis: int, dtype: Any) -> Any:
    """Numbers or arrays side by side, on JAX's devices if some are there."""
    if any(map(is_jax, parts)):
        jnp: Any = sys.modules["jax.numpy"]
        return jnp.stack([jnp.asarray(part, dtype) for part in parts], axis)
    return np.array(parts, dtype) if axis == 0 else np.stack(parts, axis)


def _converted(array: Array, dtype: Any) -> Array:
    return array if array.dtype == dtype else array.astype(dtype)


def _refuse(
    leaf: Any, leaves: list[Any], form: AnyForm, name: str, is_batched: bool = False
) -> NoReturn:
    """Say what is wrong with a leaf, which goes by its own name."""
    name = next(
        own for own, other in zip(leaf_names(form, name), leaves, strict=True) if other is leaf
    )
    number = leaf.flat[0] if isinstance(leaf, np.ndarray) and leaf.size else leaf
    if isinstance(number, Value):
        raise TypeError(
            f"the argument {name} is a Value, and a compiled function takes numbers; within grad() "
            "or another compiled function call what it was made from, its attribute .function"
        )
    if is_array(leaf) and not _holds_real_numbers(leaf):
        raise TypeError(f"the argument {name} must hold real numbers, got an array of {leaf.dtype}")
    if is_batched:
        raise ValueError(
            f"the batched argument {name} must be an array with a leading axis of examples, "
            f"got {leaf!r:.60}"
        )
    raise TypeError(
        f"the argument {name} must be a number, an array or a structure of them, got "
        f"{type(leaf).__name__} {leaf!r:.40}; autodiff.register_structure makes a class of your "
        "own a structure"
    )


def described_arguments(forms: Sequence[AnyForm], names: Sequence[str]) -> str:
    """Return a phrase that says what a function is compiled for."""
    pairs = zip(names, forms, strict=True)
    return ", ".join(f"{name}: {described(form)}" for name, form in pairs) or "no arguments"


def changed_argument(
    forms: Sequence[AnyForm], before: Sequence[AnyForm], names: Sequence[str]
) -> str:
    """Return a phrase that says which argument differs from an earlier call, and how."""
    for form, other, name in zip(forms, before, names, strict=False):
        if form != other:
            return difference(form, other, name)
    return f"it was called with {len(forms)} arguments, and with {len(before)} before"


# --------------------------------------------------------------------------------- out of blocks


def results_of(form: AnyForm, out: Array, examples: int | None) -> Any:
    """Return results in their structure, with a leading axis of examples if there are any.

    Args:
        form: of the results, for one example.
        out: their scalars, of shape (count,) or (count, examples).
    """
    if examples is not None:
        form = map_forms(lambda leaf: with_axes((examples,), leaf), form)
    return put_together(form, _leaves_of_results(form, out, examples))


def _leaves_of_results(form: AnyForm, out: Array, examples: int | None) -> Iterator[Any]:
    start = 0
    for leaf in leaf_forms(form):
        if leaf is None:
            yield float(out[start])
            start += 1
        elif examples is None:
            shape = shape_of(leaf)
            end = start + math.prod(shape)
            yield out[start:end].reshape(shape).copy()
            start = end
        else:
            shape = shape_of(leaf)[1:]
            end = start + math.prod(shape)
            yield np.moveaxis(out[start:end].reshape(*shape, examples).copy(), -1, 0)
            start = end


def gradient_like(argument: Any, blocks: Sequence[Array], is_batched: bool) -> Any:
    """Return the gradients of an argument's blocks in the structure of the argument."""
    leaves, form = take_apart(argument)
    are_blocks = [is_array(leaf) and (leaf.ndim > 1 or not is_batched) for leaf in leaves]
    arrays, plain = iter(blocks), iter(())
    if not all(are_blocks):
        numbers = blocks[-1].T if is_batched else blocks[-1]
        plain = iter(numbers if is_batched or is_jax(numbers) else numbers.tolist())
    return put_together(
        form,
        [
            next(arrays).reshape(leaf.shape) if is_block else next(plain)
            for leaf, is_block in zip(leaves, are_blocks, strict=True)
        ],
    )


def example(argument: Any, i: int) -> Any:
    """Return one example of a batched argument, with its own structure."""
    leaves, form = take_apart(argument)
    own = [leaf[i] if leaf.ndim > 1 else float(leaf[i]) for leaf in leaves]
    return put_together(map_forms(without_first_axis, form), own)


def stacked(results: list[Any]) -> Any:
    """Structures of equal form with their numbers stacked along a new leading axis."""
    leaves, form = take_apart(results[0])
    others = [leaves_like(other, form, "results") for other in results[1:]]
    arrays = [np.stack(own) for own in zip(leaves, *others, strict=True)]
    return put_together(map_forms(lambda leaf: with_axes((len(results),), leaf), form), arrays)


def added(results: list[Any]) -> Any:
    """The sum of structures of equal form, number by number."""
    return map_leaves(lambda *leaves: sum(leaves[1:], leaves[0]), *results)
