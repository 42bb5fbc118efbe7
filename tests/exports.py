"""Files that compiled functions are exported to, run by Python, node and a C compiler."""

from __future__ import annotations

import ctypes
import importlib.util
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from autodiff.compiler import Compiled
from autodiff.compiler.export import exported_name

Array = NDArray[Any]
LANGUAGES = ("py", "js", "c")
_DRIVER = """
import { readFileSync, writeFileSync } from "node:fs";
const calls = JSON.parse(readFileSync(process.argv[2], "utf8"));
const number = (x) => (x === "nan" ? NaN : x === "inf" ? Infinity : x === "-inf" ? -Infinity : x);
const shown = (x) => (Number.isFinite(x) ? (Object.is(x, -0) ? "-0.0" : x) : String(x));
const list = (x) => (typeof x === "number" ? [x] : Array.from(x)).map(shown);
const results = [];
for (const [path, name, given] of calls) {
  const module = await import(path);
  const inputs = given.map((numbers) => numbers.map(number));
  const { value, gradient } = module[`${name}_value_and_grad`](...inputs);
  results.push([list(value), Object.values(gradient).map(list), list(module[name](...inputs))]);
}
writeFileSync(process.argv[2], JSON.stringify(results));
"""


def require(language: str) -> None:
    """Skip a test if the program that runs a language is absent."""
    program = {"js": "node", "c": "cc"}.get(language)
    if program and not shutil.which(program):
        pytest.skip(f"there is no {program} to run the exported file with")


class Exports:
    """Calls of exported functions, which are run together."""

    def __init__(self, language: str, folder: Path) -> None:
        require(language)
        self.language = language
        self.folder = folder
        self.calls: list[tuple[Path, str, list[Array], int, int | None]] = []

    def add(
        self, f: Compiled, inputs: Sequence[Any], outputs: int = 1, examples: int | None = None
    ) -> None:
        """Export a function that was called, to be called with these arrays."""
        path = self.folder / f"f{len(self.calls)}.{self.language}"
        f.export(path)
        arrays = [np.array(np.ravel(given), float) for given in inputs]
        self.calls.append((path, exported_name(f.__name__), arrays, outputs, examples))

    def run(self) -> list[tuple[Array, list[Array]]]:
        """The values and gradients of all calls; the value alone is checked to be the same."""
        run = {"py": self._by_python, "js": self._by_node, "c": self._by_compiler}[self.language]
        found = []
        for value, gradients, alone in run():
            np.testing.assert_array_equal(np.ravel(value), np.ravel(alone))
            found.append((np.ravel(value), [np.ravel(gradient) for gradient in gradients]))
        return found

    def _by_python(self) -> list[Any]:
        results = []
        for path, name, inputs, *_ in self.calls:
            spec = importlib.util.spec_from_file_location(path.stem, path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            with np.errstate(all="ignore"):
                value, gradient = getattr(module, f"{name}_value_and_grad")(*inputs)
                results.append((value, list(gradient.values()), getattr(module, name)(*inputs)))
        return results

    def _by_node(self) -> list[Any]:
        driver, calls = self.folder / "driver.mjs", self.folder / "calls.json"
        (self.folder / "package.json").write_text('{"type": "module"}')
        driver.write_text(_DRIVER)

        def shown(number: float) -> Any:
            return number if np.isfinite(number) else str(number)

        given = [
            (str(path), name, [list(map(shown, a.tolist())) for a in inputs])
            for path, name, inputs, *_ in self.calls
        ]
        calls.write_text(json.dumps(given))
        made = subprocess.run(["node", driver, calls], capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        return [
            [self._floats(value), list(map(self._floats, gradients)), self._floats(alone)]
            for value, gradients, alone in json.loads(calls.read_text())
        ]

    def _floats(self, numbers: list[Any]) -> Array:
        return np.array([float(str(n).replace("Infinity", "inf")) for n in numbers])

    def _by_compiler(self) -> list[Any]:
        library = self.folder / "all.so"
        sources = []
        for i, (path, name, *_) in enumerate(self.calls):
            wrapped = path.with_name(f"w{i}.c")
            wrapped.write_text(
                f"#define {name} f{i}\n#define {name}_value_and_grad g{i}\n{path.read_text()}"
            )
            sources.append(wrapped)
        flags = ["-std=c11", "-O0", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fPIC", "-shared"]
        made = subprocess.run(
            ["cc", *flags, "-o", library, *sources, "-lm"], capture_output=True, text=True
        )
        assert made.returncode == 0, made.stderr
        loaded = ctypes.CDLL(str(library))
        results = []
        for i, (_, _, inputs, outputs, examples) in enumerate(self.calls):
            out, alone = np.zeros((2, outputs * (1 if examples is None else examples)))
            gradients = [np.zeros(len(given)) for given in inputs]
            n = [] if examples is None else [ctypes.c_size_t(examples)]
            assert loaded[f"g{i}"](*n, *map(_pointer, [*inputs, out, *gradients])) == 0
            assert loaded[f"f{i}"](*n, *map(_pointer, [*inputs, alone])) == 0
            results.append((out, gradients, alone))
        return results


def _pointer(array: Array) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
