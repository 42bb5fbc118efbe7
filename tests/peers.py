"""The table's operations in PyTorch, JAX and autograd, where these are installed."""

from __future__ import annotations

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
        (w * x for w, x in zip(wxb, wxb[len(wxb) // 2 : -1], strict=False)), wxb[-1]
    ),
    "fsum": lambda *a: sum(a[1:], a[0]),
}


def installed() -> list[str]:
    return [name for name in NAMES if importlib.util.find_spec(name)]


def peer(name: str) -> Peer:
    return {"torch": _torch, "jax": _jax, "autograd": _autograd}[name]


def _find(operation: str, functions: dict[str, Any], library: Any) -> Callable[..., Any]:
    function = _OPERATORS.get(operation) or functions.get(operation)
    function = function or getattr(library, operation, None)
    if function is None:
        raise LookupError(f"{library.__name__} has nothing that is called {operation}")
    return function


def _torch(operation: str, operands: Sequence[float]) -> tuple[float, tuple[float, ...]]:
    import torch

    functions = {
        "where": lambda c, a, b: torch.where(c != 0, a, b),
        "relu": torch.relu,
        "softplus": torch.nn.functional.softplus,
        "cbrt": lambda a: torch.sign(a) * torch.abs(a) ** (1 / 3),
        "degrees": torch.rad2deg,
        "radians": torch.deg2rad,
        "polygamma": lambda n, a: torch.polygamma(int(n), a),
        "logsumexp": lambda *a: torch.logsumexp(torch.stack(a), 0),
    }
    tensors = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in operands]
    function = _find(operation, functions, torch)
    value = function(*tensors)
    if value.requires_grad:
        value.backward()
    gradient = tuple(0.0 if t.grad is None else t.grad.item() for t in tensors)
    return value.item(), gradient


def _jax(operation: str, operands: Sequence[float]) -> tuple[float, tuple[float, ...]]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    functions = {
        "where": lambda c, a, b: jnp.where(c != 0, a, b),
        "relu": jax.nn.relu,
        "sigmoid": jax.nn.sigmoid,
        "softplus": jax.nn.softplus,
        "erf": jax.scipy.special.erf,
        "erfc": jax.scipy.special.erfc,
        "lgamma": jax.scipy.special.gammaln,
        "digamma": jax.scipy.special.digamma,
        "polygamma": lambda n, a: jax.scipy.special.polygamma(jnp.int64(operands[0]), a),
        "logsumexp": lambda *a: jax.scipy.special.logsumexp(jnp.stack(a)),
    }
    function = _find(operation, functions, jnp)
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
    function = _find(operation, functions, anp)
    if operation in ("less", "less_equal", "greater", "greater_equal"):
        return float(function(*operands)), (0.0,) * len(operands)
    with np.errstate(all="ignore"):
        gradient = tuple(
            float(grad(function, i)(*map(float, operands))) for i in range(len(operands))
        )
        return float(function(*operands)), gradient
