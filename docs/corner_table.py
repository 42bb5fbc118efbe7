"""Write corners.md from the corners that the tests check: ``python -m docs.corner_table``.

Each corner stands beside what PyTorch and JAX answer there, which are asked anew; every difference
needs a reason.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

import peers  # noqa: E402
from test_primitives import CORNERS  # noqa: E402

REASONS = {
    "abs": "The slope is -1 on one side and 1 on the other; 0 lies in the middle.",
    "power": "0 to the power b is 0 for b > 0 and 1 at b = 0: by b it jumps and has no derivative. "
    "a to the power 0 is 1 everywhere, at a = 0 as well.",
    "sigmoid": "exp(-40) is a float like any other; 1 - σ(40) loses it, σ(-40) does not.",
    "softplus": "PyTorch takes the identity for it above 20.",
    "expm1": "The derivative is exp(a); y + 1 loses it.",
    "relu": "At NaN no answer is right; the value is NaN, so that nothing passes unseen.",
    "maximum": "At NaN no answer is right; the value is NaN, so that nothing passes unseen.",
    "hypot": "At the tip of the cone 0 is in the middle of all slopes, as for abs; elsewhere "
    "a/y and b/y need no squares, which overflow.",
    "atan2": "At the origin the angle has no derivative; elsewhere no squares are needed, "
    "which overflow.",
    "logsumexp": "Terms far below the largest are added up without it, which would swallow "
    "them; the derivatives are shares of one whole; exp(a - y) takes y rounded.",
    "sign": "NaN has no sign, and is not hidden.",
    "remainder": "⌊a / b⌋ is that of the exact quotient, of which the remainder is what is "
    "left; a / b rounds 9.99... to 10.",
    "copysign": "At a = 0 the size has a kink, with 0 in the middle of its slopes, as for abs.",
    "acosh": "√(a - 1) √(a + 1) does not overflow, as a² - 1 does.",
    "cbrt": "PyTorch has none; this is sgn(a) |a|^(1/3), whose slope at 0 is 0 · inf.",
    "asinh": "√(1 + a²) does not overflow, as 1 + a² does.",
    "sinc": "Whole multiples of π are taken off exactly, before π is rounded.",
    "digamma": "PyTorch's derivative has 9 digits.",
    "polygamma": "The order is a whole number: nothing varies with it. PyTorch's has 9 digits.",
    "fsum": "The terms are added exactly and rounded once.",
}


def table() -> str:
    """The table in Markdown."""
    ask = {name: peers.peer(name) for name in ("torch", "jax")}
    lines = [
        "| at | value | derivatives | PyTorch | JAX | why |",
        "|---|---|---|---|---|---|",
    ]
    for name, operands, value, derivatives in CORNERS:
        answers = [ask[peer](name, operands) for peer in ask]
        shown = ["same" if same((value, derivatives), a) else show(*a) for a in answers]
        reason = "" if shown == ["same", "same"] else REASONS[name]
        call = f"{name}({', '.join(map(number, operands))})"
        ours = ", ".join(map(number, derivatives))
        lines.append(f"| `{call}` | {number(value)} | {ours} | {' | '.join(shown)} | {reason} |")
    return "\n".join(lines)


def same(ours: tuple[float, Sequence[float]], theirs: tuple[float, Sequence[float]]) -> bool:
    """To 12 digits, NaN like NaN."""
    pairs = zip((ours[0], *ours[1]), (theirs[0], *theirs[1]), strict=True)
    return all(math.isclose(a, b, rel_tol=1e-12) or (a != a and b != b) for a, b in pairs)


def show(value: float, derivatives: Sequence[float]) -> str:
    return f"{number(value)}; {', '.join(map(number, derivatives))}"


def number(x: float) -> str:
    return f"{x:.4g}".replace("e+", "e")


def main() -> None:
    """Write the page."""
    warnings.simplefilter("ignore")
    page = f"""# Corners

Where a function has a kink, an edge or an overflow, a differentiation engine has to choose. This is
what autodiff answers, beside PyTorch and JAX (float64; "same" means the same to 12 digits, else
value; derivatives). The rows are checked by `tests/test_primitives.py`; `python -m
docs.corner_table` makes the page, and `make peers` compares it with what the peers answer.

{table()}

Finite operands outside a domain raise (`log(-1)`, `1/0`, overflow): they give no NaN or infinity.
"""
    (HERE / "corners.md").write_text(page)
    print(f"wrote {HERE / 'corners.md'}")


if __name__ == "__main__":
    main()
