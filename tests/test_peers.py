"""The table beside PyTorch, JAX and autograd, over its domains: ``make peers``."""

from __future__ import annotations

import importlib.util
import math
import warnings
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import peers
from autodiff import primitives
from docs import corner_table
from test_primitives import OPERATIONS, points, varying

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "corners.md"


@pytest.mark.parametrize("name", peers.NAMES)
@pytest.mark.parametrize("primitive", OPERATIONS, ids=str)
@settings(max_examples=40)
@given(data=st.data())
def test_values_and_derivatives_agree(
    primitive: primitives.Primitive, name: str, data: st.DataObject
) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    point = data.draw(points(primitive))
    assume(not primitive.is_corner(*point))
    assume((primitive.name, name) != ("softplus", "torch") or point[0] <= 20)  # see the corners
    assume((primitive.name, name, *point) != ("sinc", "autograd", 0.0))  # 0 / 0
    if name == "jax" and "gamma" in primitive.name:
        assume(point[-1] > 0)  # JAX: polygamma(1, -7.5) is 9.7447594, mpmath's 9.7447663
    value, derivatives = primitive.linearize(point, varying(primitive))
    try:
        their_value, theirs = peers.peer(name)(primitive.name, point)
    except (LookupError, NotImplementedError) as missing:
        pytest.skip(str(missing))
    tolerance = 1e-7 if "gamma" in primitive.name else 1e-11  # PyTorch's have few digits
    for ours, other in zip((value, *derivatives), (their_value, *theirs), strict=True):
        assert math.isclose(ours, other, rel_tol=tolerance, abs_tol=tolerance)


def test_the_corner_table_states_what_the_peers_do_today() -> None:
    """It is made again and compared: ``python -m docs.corner_table`` writes it."""
    if set(peers.NAMES[:2]) - set(peers.installed()):
        pytest.skip("needs PyTorch and JAX")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert corner_table.table() in DOCUMENT.read_text()
