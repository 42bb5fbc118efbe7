"""autodiff: scalar reverse-mode differentiation whose every computation is a graph.

>>> from autodiff import Value
>>> x = Value(2.0, name="x")
>>> y = (x * x + 1).log()
>>> y.backward()
>>> x.grad
0.8
"""

from autodiff.functions import (
    abs,
    acos,
    asin,
    atan,
    atan2,
    cos,
    cosh,
    dot,
    erf,
    exp,
    expm1,
    fsum,
    hypot,
    log,
    log1p,
    logsumexp,
    maximum,
    minimum,
    relu,
    sigmoid,
    sin,
    sinh,
    softplus,
    sqrt,
    tan,
    tanh,
    where,
)
from autodiff.graph import Edge, Graph
from autodiff.value import Value, scope

__version__ = "0.1.0"

__all__ = [
    "Edge", "Graph", "Value", "abs", "acos", "asin", "atan", "atan2", "cos", "cosh", "dot", "erf",
    "exp", "expm1", "fsum", "hypot", "log", "log1p", "logsumexp", "maximum", "minimum", "relu",
    "scope", "sigmoid", "sin", "sinh", "softplus", "sqrt", "tan", "tanh", "where",
]  # fmt: skip
