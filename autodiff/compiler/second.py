"""Second derivatives: the Hessian of a function as the tangents of its gradient program.

Tracing ``hessian(f)`` records each second derivative as scalars of its own. Here the function alone
is traced, and the rest are passes: its gradient, and tangents along all directions at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.compiler.gradient import gradient
from autodiff.compiler.source import Source
from autodiff.compiler.specialization import Specialization
from autodiff.compiler.tangent import tangent
from autodiff.compiler.targets import NATIVE, NUMPY, PYTHON
from autodiff.compiler.trace import Parameter
from autodiff.compiler.vectors import VectorProgram, goes_wrong
from autodiff.structure import AnyForm, flatten, form_of, leaf_forms, nest, put_together, shape_of
from autodiff.transforms import SecondDerivatives, chosen_arguments, is_index


def specialized(
    function: Callable[..., Any],
    parameters: list[Parameter],
    target: str,
    dtype: Any,
    devices: Sequence[Any] = (),
) -> Specialization:
    """The program of a function for one shape of arguments."""
    if target == "jax":
        from autodiff.compiler.on_jax.specialization import JaxSpecialization

        return JaxSpecialization(function, parameters, dtype, devices)
    second = getattr(function, "second_derivatives_of", None)
    if second is None or target == "python" or any(p.is_batched for p in parameters):
        return Specialization(function, parameters, target, dtype)
    chosen = chosen_arguments(second.argnums, len(parameters))
    inner = Specialization(second.function, parameters, "numpy", dtype, keep_scalars=True)
    size = sum(len(_places(parameters[i].form, 0)[0]) for i in chosen)
    if inner.captured or inner.output_count != 1 or size < 2:
        return Specialization(function, parameters, target, dtype)
    special = HessianSpecialization(inner, second, parameters)
    assert inner.program is not None
    if target == "native" or (target == "auto" and not NATIVE.refusal(inner.program)):
        special.target = NATIVE
    elif target == "auto":
        in_python = (1 + 2 * size) * PYTHON.cost(inner.program)
        if in_python < NUMPY.cost_as_it_is(special.vectors, size):
            return Specialization(function, parameters, "python", dtype)
    return special


class HessianSpecialization(Specialization):
    """The program of a Hessian, of which no gradient is asked."""

    def __init__(
        self, inner: Specialization, second: SecondDerivatives, parameters: list[Parameter]
    ) -> None:
        vars(self).update(vars(inner))
        self.program = None
        self.sources, self._functions = {}, {}
        chosen = chosen_arguments(second.argnums, len(parameters))
        ends = inner.argument_ends
        wanted = [b for i in chosen for b in range(ends[i], ends[i + 1])]
        self.sizes = [inner.inputs[b].size for b in wanted]
        places = np.array(_all_places([parameters[i].form for i in chosen]))
        forms = [parameters[i].form for i in chosen]
        structures = [_zeros(form) for form in forms]
        form = form_of(structures[0] if is_index(second.argnums) else tuple(structures))
        size = len(places)
        entries = places[:, None] * size + places  # by rows, as the blocks have them
        scalars, rebuild = flatten(nest(form, form, entries.astype(float).tolist()))
        self.results = rebuild.form
        self.order = np.array(scalars, np.int64)
        """Where each scalar of the results stands in the matrix of second derivatives."""
        self.output_count = size * size
        self.hessian = tangent(gradient(inner.vectors, wanted), wanted)

    @property
    def vectors(self) -> VectorProgram:
        """The program, with tangents."""
        return self.hessian

    @property
    def loops(self) -> VectorProgram:
        """The same; recurrences in it are not rolled."""
        return self.hessian

    def source(self, wanted: tuple[int, ...] | None) -> Source:
        """The text of the program, which returns a column of the Hessian for each direction."""
        assert wanted is None
        if wanted not in self.sources:
            self.sources[wanted] = self.target.source(self.hessian, self.dtype)
        return self.sources[wanted]

    def _loaded(self, wanted: tuple[int, ...] | None) -> Callable[..., Any]:
        """The second derivatives as one vector, row by row."""
        run, directions = super()._loaded(wanted), self._directions()

        def entries(*blocks: NDArray[Any]) -> NDArray[Any]:
            _, *columns = run(*blocks, *directions)
            found = np.concatenate(columns, axis=1).T
            return np.ravel(found)[self.order]

        return entries

    def goes_wrong(self, columns: list[NDArray[Any]]) -> bool:
        """Whether an instruction gives a number that is not finite where its operands are."""
        directions = [direction.T for direction in self._directions()]
        return goes_wrong(self.hessian, [*columns, *directions], self.dtype)

    def _directions(self) -> list[NDArray[Any]]:
        ends = np.cumsum(self.sizes)
        return [np.ascontiguousarray(part) for part in
                np.split(np.eye(ends[-1], dtype=self.dtype), ends[:-1], axis=1)]  # fmt: skip


def _zeros(form: AnyForm) -> Any:
    shapes = [shape_of(leaf) if leaf is not None else None for leaf in leaf_forms(form)]
    return put_together(form, [0.0 if s is None else np.zeros(s) for s in shapes])


def _all_places(forms: list[AnyForm]) -> list[int]:
    places: list[int] = []
    start = 0
    for form in forms:
        own, start = _places(form, start)
        places += own
    return places


def _places(form: AnyForm, start: int) -> tuple[list[int], int]:
    """Return the place of each scalar of an argument in its blocks: arrays, then plain numbers."""
    leaves = list(leaf_forms(form))
    sizes = [0 if leaf is None else int(np.prod(shape_of(leaf))) for leaf in leaves]
    array, plain = start, start + sum(sizes)
    places: list[int] = []
    for leaf, size in zip(leaves, sizes, strict=True):
        if leaf is None:
            places.append(plain)
            plain += 1
        else:
            places += range(array, array + size)
            array += size
    return places, plain
