"""What all tests share: how many examples hypothesis tries, and where shared data may be."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # test workers share the cores already

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from autodiff.compiler.native import machine

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# On a build server many examples, the same ones every time; elsewhere fewer, new at each run.
settings.register_profile("ci", max_examples=200, deadline=None, derandomize=True)
settings.register_profile("default", max_examples=50, deadline=None)
settings.register_profile("quick", max_examples=30, deadline=None)
settings.register_profile(
    "thorough", max_examples=1_000, deadline=None, suppress_health_check=list(HealthCheck)
)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default")
settings.load_profile(PROFILE)

THOROUGH = PROFILE == "thorough"
IN_FULL = PROFILE in ("ci", "thorough")
"""Whether every case of a long table is tried."""
MANY_EXAMPLES = settings(max_examples=10_000 if THOROUGH else settings().max_examples)
"""For random graphs and first derivatives."""
MOST_STEPS = 200 if THOROUGH else 25
"""Operations in a random expression, where first derivatives are compared."""
DEEP = 1_000_000 if THOROUGH else 100_000
"""Nodes of the graphs that show that depth does not matter."""

HAS_DEVICES = (
    "device_count=8" in os.environ.get("XLA_FLAGS", "")
    and importlib.util.find_spec("jax") is not None
)
ON_JAX = pytest.param("jax", marks=pytest.mark.devices)
"""JAX among the targets of a test."""

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what asks for native code where it cannot be made, or for JAX's devices."""
    if item.get_closest_marker("devices") and not HAS_DEVICES:
        pytest.skip("needs JAX with eight virtual devices: make devices-test")
    given = getattr(item, "callspec", None)
    chosen = [x for x in given.params.values() if isinstance(x, str)] if given else []
    if any(x.startswith("native") for x in chosen) and not machine.is_there():
        pytest.skip("needs llvmlite, the extra native")


@pytest.fixture(scope="session", autouse=True)
def machine_code_is_kept_for_these_tests_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ.setdefault("AUTODIFF_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def shared_mnist() -> Path:
    folder = SHARED / "mnist"
    if not folder.is_dir():
        pytest.skip(f"needs the 10,000 MNIST images in {folder.name}, which are not here")
    return folder


@pytest.fixture(scope="session")
def shared_adbench() -> Path:
    folder = SHARED / "adbench"
    if not folder.is_dir():
        pytest.skip(f"needs ADBench's data sets in {folder.name}, which are not here")
    return folder


def _chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="needs playwright: pip install '.[browser]'"
    )
    program = _chromium()
    if program is None:
        pytest.skip("needs Chromium: apt install chromium, or make browser-test")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
