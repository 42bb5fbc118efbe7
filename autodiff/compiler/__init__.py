"""The compiler: from a graph of scalars to a short program, value and gradient.

trace → simplify → roll → schedule → gradient → memory → native, to_numpy, to_python, to_c or
to_javascript, one file for each stage; :mod:`~autodiff.compiler.compiled` runs the result.
"""

from autodiff.compiler.compiled import Compiled, compile

__all__ = ["Compiled", "compile"]
