"""What all tests share: how many examples hypothesis tries, and where shared data may be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# On a build server the same examples every time; elsewhere new ones at each run.
SAME_EXAMPLES = bool(os.environ.get("CI"))
settings.register_profile("default", max_examples=200, deadline=None, derandomize=SAME_EXAMPLES)
settings.register_profile("quick", max_examples=30, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

SHARED = Path(__file__).resolve().parents[2] / "shared"


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
