"""Functions of the mathematics namespace that JAX has not, or not as exact, on JAX's arrays."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np

from autodiff.mathematics import NumberMathematics, Thunk
from autodiff.special import derivative_of_cotangent, whole_order


class _JaxMathematics(NumberMathematics):
    """The namespace in which the functions below are defined."""

    pi = jnp.pi
    sin = staticmethod(jnp.sin)
    tanh = staticmethod(jnp.tanh)
    sigmoid: Any = staticmethod(jax.nn.sigmoid)
    round: Any = staticmethod(jnp.round)
    remainder: Any = staticmethod(jnp.remainder)

    def where(self, condition: Any, if_true: Thunk, if_false: Thunk) -> Any:
        return jnp.where(condition, if_true(), if_false())


_MATHEMATICS = _JaxMathematics()
logistic_density = _MATHEMATICS.logistic_density
sinc = _MATHEMATICS.sinc
sinc_slope = _MATHEMATICS.sinc_slope


def polygamma(order: Any, a: Any) -> Any:
    """The derivative of some order of the digamma function, a number or one for each element."""
    if isinstance(order, jax.Array):  # known at run time alone
        above = jax.scipy.special.polygamma(jnp.maximum(order, 1).astype(int), a)
        return jnp.where(order == 0, jax.scipy.special.digamma(a), above)
    result: Any = jnp.nan
    for one in np.unique(order).tolist():
        result = jnp.where(np.asarray(order) == one, _polygamma(whole_order(one), a), result)
    return result


def _polygamma(order: int, a: Any) -> Any:
    """Reflected left of 0, where JAX's own has half the digits (see ``special.py``)."""
    right = jnp.where(a < 0, 1 - a, a)
    own = jax.scipy.special
    value = own.digamma(right) if order == 0 else own.polygamma(order, right)
    cotangent = 1 / jnp.tan(jnp.pi * (a - jnp.round(a)))
    slope = jnp.polyval(jnp.asarray(derivative_of_cotangent(order)[::-1], a.dtype), cotangent)
    return jnp.where(a < 0, (-1) ** order * value - jnp.pi ** (order + 1) * slope, value)
