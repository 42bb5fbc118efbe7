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
    cos,
    dot,
    exp,
    log,
    logsumexp,
    maximum,
    relu,
    sigmoid,
    sin,
    sqrt,
    tanh,
)
from autodiff.graph import Edge, Graph
from autodiff.value import Value, scope

__version__ = "0.1.0"

__all__ = [
    "Edge", "Graph", "Value", "abs", "cos", "dot", "exp", "log", "logsumexp", "maximum", "relu",
    "scope", "sigmoid", "sin", "sqrt", "tanh",
]  # fmt: skip
