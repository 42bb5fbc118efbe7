"""Machine: LLVM modules made into machine code by llvmlite, loaded, and called on arrays."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import importlib.util
import math
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.compiler.native.cache import kept
from autodiff.compiler.native.to_llvm import LLVMSource
from autodiff.special import polygamma

PASSES = ("sroa", "instruction_combine")
"""Passes of LLVM before it picks instructions: loops and lanes are there already, and its full
sequence of passes takes four times as long for a few percent."""

TOO_LONG_TO_OPTIMIZE = 8_000
"""Lines; a longer module is compiled in less than a third of the time, to code that may be half as
fast. So is one that is brief, which is hardly slower."""


SYNTHESIZED = (
    "fma", "fmaf", "floor", "floorf", "ceil", "ceilf", "roundeven", "roundevenf", "memset",
    "memcpy",
)  # fmt: skip
"""Functions that LLVM calls by itself where a processor has no such instruction."""


@functools.cache
def is_there() -> bool:
    """Whether llvmlite is installed."""
    return importlib.util.find_spec("llvmlite") is not None


class _Processor:
    """LLVM for the processor that this runs on.

    Attributes:
        name: what machine code depends on beside its text.
    """

    def __init__(self) -> None:
        import llvmlite
        import llvmlite.binding as llvm
        from llvmlite.binding import orcjit

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
        self.name = f"llvmlite {llvmlite.__version__}, {cpu}, {features}, {PASSES}"
        self.llvm, self.orcjit = llvm, orcjit
        self._cpu, self._features = cpu, features
        self._careful, self._quick = self._machine(1), self._machine(0)
        # Made once: llvmlite keeps something of each that is used.
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        self._builder = llvm.create_pass_builder(self._careful, options)
        self._passes = llvm.create_new_function_pass_manager()
        for name in PASSES:
            getattr(self._passes, f"add_{name}_pass")()
        self._lock = threading.Lock()

    def _machine(self, level: int) -> Any:
        return self.llvm.Target.from_default_triple().create_target_machine(
            cpu=self._cpu, features=self._features, opt=level, jit=True
        )

    def compiled(self, source: LLVMSource) -> bytes:
        """The object file of a module.

        Raises:
            RuntimeError: if LLVM does not take it.
        """
        with self._lock:
            module = self.llvm.parse_assembly(source.text, context=self.llvm.create_context())
            if source.is_brief or source.text.count("\n") > TOO_LONG_TO_OPTIMIZE:
                return self._quick.emit_object(module)  # type: ignore[no-any-return]
            for function in module.functions:
                if not function.is_declaration:
                    self._passes.run(function, self._builder)
            return self._careful.emit_object(module)  # type: ignore[no-any-return]

    def loaded(self, code: bytes, library: Sequence[str]) -> tuple[Any, Any]:
        """The objects that keep a module in memory, and last the module itself.

        Each has a compiler of its own: a common one would keep something of modules that are gone.
        """
        with self._lock:
            parts = self.orcjit.JITLibraryBuilder().add_object_img(code).export_symbol("run")
            for name in library:
                parts.import_symbol(name, _address(name))
            for name in SYNTHESIZED:
                if hasattr(_c_library(), name):
                    parts.import_symbol(name, _address(name))
            jit = self.orcjit.create_lljit_compiler(self._machine(1), use_jit_link=False)
            return jit, parts.link(jit, "autodiff")  # in this order, the second is freed first


@functools.cache
def _processor() -> _Processor:
    return _Processor()


@functools.cache
def _c_library() -> Any:
    name = "ucrtbase" if sys.platform == "win32" else ctypes.util.find_library("m")
    return ctypes.CDLL(name)


@functools.cache
def _address(name: str) -> int:
    """Return the address of a function of the C library; polygamma, which it lacks, is Python's."""
    function = _POLYGAMMA if name == "polygamma" else getattr(_c_library(), name)
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _polygamma(order: float, a: float) -> float:
    try:
        return polygamma(order, a)
    except (ValueError, OverflowError):
        return math.nan


_POLYGAMMA = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_double)(_polygamma)


def load(source: LLVMSource, dtype: Any) -> Kernel:
    """The function of arrays that a module defines.

    Raises:
        RuntimeError: if it cannot be compiled or loaded.
    """
    processor = _processor()
    code = kept(processor.name + source.text, lambda: processor.compiled(source))
    try:
        module = processor.loaded(code, source.library)
    except RuntimeError:  # what was kept is no code
        module = processor.loaded(processor.compiled(source), source.library)
    return Kernel(module, source, dtype)


class Kernel:
    """A function of arrays in machine code, which is in memory as long as this object is."""

    def __init__(self, module: tuple[Any, Any], source: LLVMSource, dtype: Any) -> None:
        self._module = module
        self._dtype = np.dtype(dtype)
        self._inputs = source.inputs
        self._results = [source.output, *source.gradients]
        objects = [ctypes.c_void_p] * (len(self._inputs) + len(self._results))
        self._call = ctypes.CFUNCTYPE(ctypes.c_int, *objects, ctypes.c_int64)(module[-1]["run"])
        self._has_undefined = source.has_undefined
        self._batched = [i for i, (is_batched, _) in enumerate(self._inputs) if is_batched]

    def bound(self, blocks: Sequence[Any], results: Sequence[Any]) -> Callable[[], int]:
        """A call that reads and writes these arrays, and gives 0, or what flags were raised."""
        n = len(blocks[self._batched[0]]) if self._batched else 0
        objects = [ctypes.c_void_p(id(array)) for array in (*blocks, *results)]
        call = functools.partial(self._call, *objects, n)
        call.arrays = self, blocks, results  # type: ignore[attr-defined]  # kept as long as it
        return call

    def __call__(self, *blocks: Any) -> Any:
        """The outputs, and the gradients beside them.

        Raises:
            FloatingPointError: where an operation was invalid, divided by zero or overflowed,
                unless np.errstate says that this is ignored.
        """
        n, given = 0, blocks
        if self._batched:
            given = tuple(map(np.ascontiguousarray, blocks))
            n = len(given[self._batched[0]])
        dtype = self._dtype
        results = [
            np.empty((n, size) if is_batched else size, dtype) for is_batched, size in self._results
        ]
        flags = self._call(*map(id, given), *map(id, results), n)
        if flags or (self._has_undefined and not all(np.isfinite(r).all() for r in results)):
            if flags < 0:
                raise MemoryError("there is not enough memory for what a native program computes")
            if np.geterr()["invalid"] != "ignore":
                raise FloatingPointError("an operation in native code has no finite value")
        if self._results[0][0]:
            results[0] = results[0].T
        return tuple(results) if len(results) > 1 else results[0]
