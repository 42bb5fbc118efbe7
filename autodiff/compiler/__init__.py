"""The compiler: from a graph of scalars to a short NumPy program, forward and adjoint.

trace → simplify → schedule → emit, one file for each stage; :mod:`~autodiff.compiler.compiled` runs
the result.
"""

from autodiff.compiler.compiled import Compiled, compile

__all__ = ["Compiled", "compile"]
