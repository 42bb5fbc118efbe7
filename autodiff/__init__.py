"""autodiff: scalar reverse-mode differentiation whose every computation is a graph.

>>> from autodiff import Value
>>> x = Value(2.0, name="x")
>>> y = (x * x + 1).log()
>>> y.backward()
>>> x.grad
0.8
"""

from typing import TYPE_CHECKING

import autodiff.startup  # noqa: F401 (first, because the others take their time)
from autodiff import training  # noqa: F401 (registers itself with nn.Module)
from autodiff.array_functions import array
from autodiff.checking import check_gradient, check_layer, check_loss
from autodiff.compiler import compile
from autodiff.containers import register_structure
from autodiff.functions import (
    abs,
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cbrt,
    ceil,
    copysign,
    cos,
    cosh,
    degrees,
    digamma,
    dot,
    erf,
    erfc,
    exp,
    exp2,
    expm1,
    floor,
    fsum,
    hypot,
    lgamma,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logsumexp,
    maximum,
    minimum,
    polygamma,
    radians,
    relu,
    remainder,
    sigmoid,
    sign,
    sin,
    sinc,
    sinh,
    softplus,
    sqrt,
    tan,
    tanh,
    where,
)
from autodiff.graph import Edge, Graph
from autodiff.pictures import find_viz, warn_if_hidden
from autodiff.primitives import PRIMITIVES, Primitive
from autodiff.recording import gate, no_grad, scope
from autodiff.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from autodiff.value import Value

if TYPE_CHECKING:
    import viz as viz

__version__ = "0.2.0"


def __getattr__(name: str) -> Primitive:
    """A new entry of the table is a function of this package without further ado."""
    if name in PRIMITIVES:
        return PRIMITIVES[name]
    if name == "viz":
        return find_viz()  # type: ignore[return-value]
    raise AttributeError(f"module 'autodiff' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *PRIMITIVES, "viz"})


warn_if_hidden()

__all__ = [
    "Edge", "Graph", "Value", "abs", "acos", "acosh", "array", "asin", "asinh", "atan", "atan2",
    "atanh", "cbrt", "ceil", "check_gradient", "check_layer", "check_loss", "compile",
    "copysign", "cos", "cosh", "degrees", "digamma", "dot", "erf", "erfc", "exp", "exp2",
    "expm1", "floor", "fsum", "gate", "grad", "hessian", "hvp", "hypot", "jacobian", "jvp",
    "lgamma", "log", "log1p", "log2", "log10", "logaddexp", "logsumexp", "maximum", "minimum",
    "no_grad", "polygamma", "radians", "register_structure", "relu", "remainder", "scope",
    "sigmoid", "sign", "sin", "sinc", "sinh", "softplus", "sqrt", "tan", "tanh",
    "value_and_grad", "vjp", "where",
]  # fmt: skip
