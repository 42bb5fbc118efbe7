"""Functions of the mathematics namespace that JAX has not, or not as exact, on JAX's arrays."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special

from autodiff.mathematics import NumberMathematics, Thunk


class _JaxMathematics(NumberMathematics):
    """What the functions below are defined by."""

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
    """The derivative of that order of the digamma function."""
    whole = jnp.asarray(order, int)
    above = jax.scipy.special.polygamma(jnp.maximum(whole, 1), a)
    return jnp.where(whole == 0, jax.scipy.special.digamma(a), above)
