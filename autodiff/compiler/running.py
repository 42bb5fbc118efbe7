"""Running: the program on the numbers of one call, a chunk of examples at a time."""

from __future__ import annotations

import contextvars
import functools
import itertools
import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autodiff.compiler.program import BATCHED
from autodiff.compiler.specialization import Specialization
from autodiff.containers import is_jax

Array = NDArray[Any]


class Call(NamedTuple):
    """The arguments of one call, ready for the program.

    Attributes:
        special: the program for arguments of this shape.
        arguments: as they were given, examples as arrays.
        blocks: their numbers, one array for each input of the program.
        examples: how many there are; None if no argument is batched.
        dtype: of all numbers.
        threads: how many may run at once; None for as many as there are cores.
    """

    special: Specialization
    arguments: tuple[Any, ...]
    blocks: list[Array]
    examples: int | None
    dtype: np.dtype[Any]
    threads: int | None = None

    @property
    def is_in_jax(self) -> bool:
        """Whether an array of JAX was given, so that the answer is one."""
        return any(map(is_jax, self.blocks))


def run(call: Call, wanted: tuple[int, ...] | None) -> tuple[Array, list[Array]] | None:
    """Outputs of shape (count,) or (count, examples), and the gradients of the inputs.

    None if a number has no value or is too large, be it inside: then Values say what is so.
    """
    if call.examples == 0:  # there is nothing that could go wrong
        with np.errstate(all="ignore"):
            return run_all(call, wanted)
    call.special.function(wanted)  # which may fall back to another target
    if call.special.target.watches:
        try:
            return run_all(call, wanted)
        except FloatingPointError:
            return _run_again(call, wanted)
    try:
        with np.errstate(divide="raise", invalid="raise", over="raise", under="ignore"):
            out, gradients = run_all(call, wanted)
            return (out, gradients) if _are_finite(out, *gradients) else None
    except (ArithmeticError, ValueError):
        if call.special.target.raises:
            return None
    return _run_again(call, wanted)


def _run_again(call: Call, wanted: tuple[int, ...] | None) -> tuple[Array, list[Array]] | None:
    """The same where something was noticed, which may be in a branch that is not taken."""
    try:
        with np.errstate(all="ignore"):
            out, gradients = run_all(call, wanted)
            if not _are_finite(out, *gradients):
                return None
            for blocks in _chunks(call):
                columns = [block.T for block in blocks]  # one for each example
                if call.special.goes_wrong(columns):
                    return None
            return out, gradients
    except (ArithmeticError, ValueError):
        return None


def run_all(call: Call, wanted: tuple[int, ...] | None) -> tuple[Array, list[Array]]:
    """As :func:`run`, whatever the numbers are."""
    special = call.special
    function = special.function(wanted)
    if call.examples is None or 0 < call.examples <= special.chunk:
        out, gradients = _split(function(*call.blocks), wanted)
    else:
        out, gradients = _run_in_chunks(function, call, wanted)
    if call.examples is not None and out.ndim == 1:  # the same for every example
        out = np.repeat(out[:, None], call.examples, axis=1)
    return out, gradients


def _run_in_chunks(
    function: Callable[..., Any], call: Call, wanted: tuple[int, ...] | None
) -> tuple[Array, list[Array]]:
    kinds = [block.kind for block in call.special.inputs]
    results = [_split(result, wanted) for result in _each_chunk(function, call)]
    outs, found = [out for out, _ in results], [gradients for _, gradients in results]
    out = np.concatenate(outs, axis=1) if outs[0].ndim == 2 else outs[0]
    gradients = []
    for i, chunks in zip(wanted or (), zip(*found, strict=True), strict=True):
        joined = np.concatenate(chunks) if kinds[i] == BATCHED else np.sum(chunks, axis=0)
        gradients.append(joined if call.examples else np.zeros_like(joined))
    return out, gradients


def _each_chunk(function: Callable[..., Any], call: Call) -> Iterator[Any]:
    """The results for each chunk in order, whoever computes them: sums do not depend on it.

    NumPy's programs take turns, since its products run on threads of their own.
    """
    count = call.threads or usable_cores()
    if count == 1 or not call.special.target.watches:
        return (function(*blocks) for blocks in _chunks(call))
    context = contextvars.copy_context()  # which has what np.errstate says
    return _pool(count).map(lambda blocks: context.copy().run(function, *blocks), _chunks(call))


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def _pool(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="autodiff")


if hasattr(os, "register_at_fork"):  # threads do not survive in a child process
    os.register_at_fork(after_in_child=_pool.cache_clear)


def _split(results: Any, wanted: tuple[int, ...] | None) -> tuple[Any, list[Any]]:
    if wanted is None:
        return results, []
    out, *gradients = results if isinstance(results, tuple) else (results,)
    return out, gradients


def _chunks(call: Call) -> Iterator[list[Array]]:
    """The input blocks for so many examples at a time as the program is made for."""
    examples, special = call.examples, call.special
    if examples is None:
        yield call.blocks
        return
    pieces = max(1, math.ceil(examples / special.chunk))
    ends = np.linspace(0, examples, pieces + 1).astype(int)
    for start, end in itertools.pairwise(ends.tolist()):
        yield [
            block[start:end] if own.kind == BATCHED else block
            for block, own in zip(call.blocks, special.inputs, strict=True)
        ]


def _are_finite(*arrays: Array) -> bool:
    """Whether all numbers are finite; the sum of squares says so at once, unless it overflows."""
    return all(_squares_are_finite(array.ravel()) or np.isfinite(array).all() for array in arrays)


def _squares_are_finite(flat: Array) -> bool:
    try:
        return math.isfinite(flat.dot(flat))
    except FloatingPointError:  # as np.errstate says
        return False
