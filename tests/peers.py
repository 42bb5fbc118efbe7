"""The table's operations in PyTorch, JAX and autograd, where these are installed."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Peer = Callable[[str, Sequence[float]], tuple[float, tuple[float, ...]]]

NAMES = ("torch", "jax", "autograd")

_OPERATORS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "power": lambda a, b: a**b,
    "negate": lambda a: -a,
    "identity": lambda a: a * 1.0,
    "abs": abs,
    "less": lambda a, b: (a < b) * 1.0,
    "less_equal": lambda a, b: (a <= b) * 1.0,
    "greater": lambda a, b: (a > b) * 1.0,
    "greater_equal": lambda a, b: (a >= b) * 1.0,
    "dot": lambda *wxb: sum(
        (w * x for w, x in zip(wxb[: len(wxb) // 2], wxb[len(wxb) // 2 :], strict=False)),
        wxb[-1] if len(wxb) % 2 else 0.0,
    ),
    "fsum": lambda *a: sum(a[1:], a[0]),
}


def installed() -> list[str]:
    return [name for name in NAMES if importlib.util.find_spec(name)]


def peer(name: str) -> Peer:
    return {"torch": _torch, "jax": _jax, "autograd": _autograd}[name]


class Functions(dict[str, Callable[..., Any]]):
    """A library's functions by our names: as listed, or else those that it calls the same."""

    def __init__(self, library: Any, listed: dict[str, Callable[..., Any]]) -> None:
        super().__init__({**_OPERATORS, **listed})
        self._library = library

    def __missing__(self, operation: str) -> Callable[..., Any]:
        function: Callable[..., Any] | None = getattr(self._library, operation, None)
        if function is None:
            raise LookupError(f"{self._library.__name__} has nothing that is called {operation}")
        return function


@functools.cache
def torch_functions() -> Functions:
    import torch

    return Functions(torch, {
        "where": lambda c, a, b: torch.where(c != 0, a, b),
        "less": lambda a, b: (a < b).double(),
        "less_equal": lambda a, b: (a <= b).double(),
        "greater": lambda a, b: (a > b).double(),
        "greater_equal": lambda a, b: (a >= b).double(),
        "relu": torch.relu,
        "softplus": torch.nn.functional.softplus,
        "cbrt": lambda a: torch.sign(a) * torch.abs(a) ** (1 / 3),
        "degrees": torch.rad2deg,
        "radians": torch.deg2rad,
        "polygamma": lambda n, a: torch.polygamma(int(n), a),
        "logsumexp": lambda *a: torch.logsumexp(torch.stack(a), 0),
    })  # fmt: skip


def _torch(operation: str, operands: Sequence[float]) -> tuple[float, tuple[float, ...]]:
    import torch

    tensors = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in operands]
    value = torch_functions()[operation](*tensors)
    if value.requires_grad:
        value.backward()
    gradient = tuple(0.0 if t.grad is None else t.grad.item() for t in tensors)
    return value.item(), gradient


@functools.cache
def jax_functions() -> Functions:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    special = jax.scipy.special
    return Functions(jnp, {
        "where": lambda c, a, b: jnp.where(c != 0, a, b),
        "relu": jax.nn.relu,
        "sigmoid": jax.nn.sigmoid,
        "softplus": jax.nn.softplus,
        "erf": special.erf,
        "erfc": special.erfc,
        "lgamma": special.gammaln,
        "digamma": special.digamma,
        "logsumexp": lambda *a: special.logsumexp(jnp.stack(a)),
    })  # fmt: skip


def _jax(operation: str, operands: Sequence[float]) -> tuple[float, tuple[float, ...]]:
    import jax
    import jax.numpy as jnp

    if operation == "polygamma":
        function = functools.partial(jax.scipy.special.polygamma, int(operands[0]))
        value, slope = jax.value_and_grad(function)(operands[1])
        return float(value), (0.0, float(slope))
    function = jax_functions()[operation]
    arguments = [jnp.float64(a) for a in operands]
    value, gradient = jax.value_and_grad(function, tuple(range(len(operands))))(*arguments)
    return float(value), tuple(map(float, gradient))


def _autograd(operation: str, operands: Sequence[float]) -> tuple[float, tuple[float, ...]]:
    import autograd.numpy as anp
    from autograd import grad
    from autograd.scipy.special import digamma, erf, erfc, expit, gammaln, logsumexp, polygamma

    functions = {
        "asin": anp.arcsin, "acos": anp.arccos, "atan": anp.arctan, "atan2": anp.arctan2,
        "asinh": anp.arcsinh, "acosh": anp.arccosh, "atanh": anp.arctanh,
        "cbrt": lambda a: anp.sign(a) * anp.abs(a) ** (1 / 3),
        "relu": lambda a: anp.maximum(a, 0.0), "sigmoid": expit, "erf": erf, "erfc": erfc,
        "softplus": lambda a: anp.logaddexp(a, 0.0),
        "hypot": lambda a, b: anp.sqrt(a * a + b * b),
        "where": lambda c, a, b: anp.where(c != 0, a, b),
        "logsumexp": lambda *a: logsumexp(anp.array(a)),
    }  # fmt: skip
    functions |= {"lgamma": gammaln, "digamma": digamma, "polygamma": polygamma}
    function = Functions(anp, functions)[operation]
    if operation in ("less", "less_equal", "greater", "greater_equal"):
        return float(function(*operands)), (0.0,) * len(operands)
    with np.errstate(all="ignore"):
        gradient = tuple(
            float(grad(function, i)(*map(float, operands))) for i in range(len(operands))
        )
        return float(function(*operands)), gradient
