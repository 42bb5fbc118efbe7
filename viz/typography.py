"""Typography: how wide a text is, on every machine the same, and what of it can be shown.

Layout must not depend on the fonts that happen to be installed. So widths are those of DejaVu Sans,
the widest of the usual sans-serif faces: in the others a label has a little more air.
"""

from __future__ import annotations

import unicodedata

_THOUSANDTHS = {
    275: "'", 278: "ijl", 295: "IJ", 318: " ,.·", 337: "/:;\\|", 352: "f", 361: "-", 390: "()[]",
    392: "t", 401: "!₀₁₂₃₄₅₆₇₈₉⁰¹²³⁴⁵⁶⁷⁸⁹", 411: "r", 444: "ˣᵇ", 460: '"', 500: "*_`", 521: "s∂",
    525: "z", 531: "?", 550: "c", 557: "L", 575: "F", 579: "k", 592: "vxyλ", 603: "Pπ", 611: "TY",
    612: "oθ", 613: "a", 615: "e", 632: "EΣ", 634: "hnuσ", 635: "Sbdgpq", 636: "$0123456789{}√",
    656: "K", 659: "α", 684: "AV", 685: "XZ", 686: "B", 695: "R", 698: "C", 732: "U", 748: "N",
    752: "H", 770: "D", 775: "G", 780: "&", 787: "OQ", 818: "w", 838: "#+<=>^~×−÷≤≥→∞", 863: "M",
    950: "%", 974: "m", 989: "W", 1000: "@…",
}  # fmt: skip
_WIDTH = {letter: width / 1000 for width, letters in _THOUSANDTHS.items() for letter in letters}
_FULL_WIDTH = 1.2  # emoji, and the scripts of East Asia
_UNKNOWN = 0.7
_BOLD = 1.11

LONGEST = 40
"""Letters of a name; what is longer is cut, with an ellipsis."""


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a text, in the unit of ``size``.

    >>> width("0.5", 10), width("−4", 10)
    (15.9, 14.74)
    """
    total = sum(_WIDTH.get(letter) or _width_of_rare(letter) for letter in text)
    return round(total * size * (_BOLD if bold else 1.0), 3)


def is_common(letter: str) -> bool:
    """Return whether the width of a letter is known exactly: DejaVu Sans has it.

    >>> is_common("∂"), is_common("漢")
    (True, False)
    """
    return letter in _WIDTH


def printable(text: str, longest: int = LONGEST) -> str:
    """The text on one line and without what XML does not allow, shortened if it is long.

    >>> printable("two\\nlines"), len(printable("x" * 10_000))
    ('two lines', 40)
    """
    start = text[: longest + 1]
    visible = "".join(" " if _unprintable(letter) else letter for letter in start)
    return visible if len(text) <= longest else f"{visible[: longest - 1]}…"


def counted(count: int, noun: str) -> str:
    """A number of things, in words.

    >>> counted(1, "scope"), counted(1200, "node")
    ('1 scope', '1,200 nodes')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def factor(text: str) -> str:
    """A factor as it is written by hand: in parentheses if it is negative, a sum or a quotient.

    >>> factor("-4"), factor("1 - y"), factor("σ(1 - σ)")
    ('(-4)', '(1 - y)', 'σ(1 - σ)')
    """
    outside = text.partition("(")[0]
    is_compound = any(sign in outside for sign in (" + ", " - ", " / "))
    return f"({text})" if text.startswith("-") or is_compound else text


def wrapped(text: str, size: float, limit: float) -> list[str]:
    """The text in lines that are at most as wide as the limit, where words allow it."""
    lines: list[str] = []
    for word in text.split():
        if lines and width(f"{lines[-1]} {word}", size) <= limit:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _width_of_rare(letter: str) -> float:
    if unicodedata.combining(letter):
        return 0.0
    return _FULL_WIDTH if unicodedata.east_asian_width(letter) in "WF" else _UNKNOWN


def _unprintable(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs", "Cn", "Co", "Zl", "Zp")
