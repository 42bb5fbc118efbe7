"""Random programs at corner values, beside the same programs in PyTorch and JAX.

At a documented corner of one operation engines choose differently (``docs/corners.md``), and far
out their formulas overflow where ours do not; such programs are left to
``test_corner_programs.py``, which has 40 digits to compare with.
"""

from __future__ import annotations

import importlib.util
import math
from typing import Any

import pytest
from hypothesis import assume, given
from test_corner_programs import CONSTANTS, answer, at_forty_digits, close, programs

import peers
from autodiff import Value, value_and_grad
from autodiff.adjoint import topological_order
from autodiff.primitives import PRIMITIVES
from autodiff.testing import Expression
from conftest import MANY_EXAMPLES

pytestmark = pytest.mark.peers

NO_PEER = {"polygamma", "lgamma", "digamma", "sinc"}
"""Operations of which the peers have few digits; alone they are in ``test_peers.py``."""


def is_at_a_corner(expression: Expression, point: list[float]) -> bool:
    """Whether any step is computed where engines may differ, or with what is not finite."""
    results = [*point]
    for name, operands in expression.steps:
        numbers = [results[i] for i in operands]
        primitive = PRIMITIVES[name]
        if not all(abs(a) == 0 or 1e-100 < abs(a) < 1e100 for a in numbers):
            return True
        if name in NO_PEER or primitive.is_corner(*numbers):
            return True
        results.append(primitive(*numbers))
    return not math.isfinite(results[-1])


def sizes_of_terms(function: Any, point: list[float]) -> list[float]:
    """For each number of the point, the sum over all paths of |∂y/∂x|: terms may cancel.

    Each local derivative is taken for a millionth more: the peers' 1 - y² of tanh, say, has the
    rounding of 1 in it.
    """
    leaves = [Value(a) for a in point]
    result = function(leaves)
    sizes = dict.fromkeys([result], 1.0)
    for node in reversed(topological_order([result])):
        for parent, local in zip(node.parents, node.local_derivatives, strict=True):
            sizes[parent] = sizes.get(parent, 0.0) + (abs(local) + 1e-6) * sizes.get(node, 0.0)
    return [sizes.get(leaf, 0.0) for leaf in leaves]


def theirs(name: str, expression: Expression, point: list[float]) -> list[float]:
    """The value, and the derivative with respect to each number of the point."""
    return {"torch": in_torch, "jax": in_jax}[name](expression, point)


def in_torch(expression: Expression, point: list[float]) -> list[float]:
    import torch

    at = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in point]
    constants = [torch.tensor(a, dtype=torch.float64) for a in CONSTANTS]
    y = expression([*at, *constants], peers.torch_functions()) + 0 * at[0]
    y.backward()
    return [y.item(), *[0.0 if a.grad is None else a.grad.item() for a in at]]


def in_jax(expression: Expression, point: list[float]) -> list[float]:
    import jax
    import jax.numpy as jnp

    functions = peers.jax_functions()

    def function(at: Any) -> Any:
        constants = [jnp.float64(a) for a in CONSTANTS]
        return expression([*at, *constants], functions) + 0 * at[0]

    value, gradient = jax.value_and_grad(function)([jnp.float64(a) for a in point])
    return [float(value), *map(float, gradient)]


@pytest.mark.parametrize("name", ["torch", "jax"])
@MANY_EXAMPLES
@given(programs())
def test_peers_answer_alike(name: str, program: tuple[Expression, list[float]]) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    expression, point = program

    def function(x: Any) -> Any:
        return expression([*x, *CONSTANTS]) + 0 * x[0]

    ours = answer(value_and_grad(function), point)
    assume(not isinstance(ours, str) and all(map(math.isfinite, ours)))
    assume(math.isfinite(point[0]) and not is_at_a_corner(expression, [*point, *CONSTANTS]))
    assume(close(ours, at_forty_digits(function, point)))
    sizes = [abs(ours[0]), *sizes_of_terms(function, point)]
    for our, their, size in zip(ours, theirs(name, expression, point), sizes, strict=True):
        assert math.isclose(our, their, rel_tol=1e-8, abs_tol=1e-290 + 1e-9 * size)
