"""Devices: how the arrays of a call are placed on a mesh of them, and fetched from there.

The examples are split evenly; a last one is repeated until they can be, with a weight of zero.
Shared arguments are copied to every device, but for very large ones, of which each device holds a
part until it needs the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from autodiff.compiler.program import BATCHED, Input

LARGE = 1 << 24
"""Numbers in a shared argument from which on its rows are split over the devices: below, a copy on
each costs little memory, and saves gathering them for every product."""


class Placement:
    """A mesh of devices, along which examples are split.

    Args:
        devices: at least one; they may belong to several processes, of which each is given the
            same arrays.
    """

    def __init__(self, devices: Sequence[Any]) -> None:
        self.devices = tuple(devices)
        self.mesh = Mesh(np.array(self.devices), ("examples",))

    @property
    def count(self) -> int:
        """Number of devices."""
        return len(self.devices)

    def padding(self, examples: int | None) -> int:
        """Number of examples to add so that all devices get equally many."""
        return -examples % self.count if examples is not None else 0

    def put(self, blocks: Sequence[Any], inputs: Sequence[Input], padding: int) -> list[Any]:
        """The arrays of a call on their devices, with so many more examples."""
        return [
            self.split(_padded(block, padding)) if own.kind == BATCHED else self.shared(block)
            for block, own in zip(blocks, inputs, strict=True)
        ]

    def split(self, rows: Any) -> Any:
        """An array whose rows are split evenly."""
        return self._put(rows, PartitionSpec("examples"))

    def shared(self, block: Any) -> Any:
        """A copy on every device, or a part on each."""
        is_split = block.size >= LARGE and block.size % self.count == 0
        return self._put(block, PartitionSpec("examples" if is_split else None))

    def weights(self, examples: int, padding: int, dtype: Any) -> Any:
        """One for each example, and zero for what was added."""
        column = np.repeat(np.array([1, 0], dtype), [examples, padding])[:, None]
        return self.split(column)

    def _put(self, array: Any, spec: PartitionSpec) -> Any:
        sharding = NamedSharding(self.mesh, spec)
        if isinstance(array, jax.Array):
            return jax.device_put(array, sharding)
        own = np.asarray(array)
        return jax.make_array_from_callback(own.shape, sharding, lambda index: own[index])


def fetched(array: Any) -> NDArray[Any]:
    """All of an array as NumPy's, wherever its parts are."""
    if array.is_fully_addressable or array.is_fully_replicated:
        return np.asarray(array)
    return np.asarray(multihost_utils.process_allgather(array, tiled=True))


def _padded(rows: Any, padding: int) -> Any:
    if not padding:
        return rows
    library: Any = jnp if isinstance(rows, jax.Array) else np
    return library.concatenate([rows, library.repeat(rows[-1:], padding, axis=0)])
