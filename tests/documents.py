"""Pages of Markdown as the blocks of code in them, for the tests that run those."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]

PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    if "_build" not in page.parts
)

_FENCE = re.compile(r"(?P<indent> *)(?P<fence>```+)(?P<language>[^`]*)$")
_TESTED_BY = re.compile(r"<!-- tested by (tests/\w+\.py) -->$")
_LIST_ITEM = re.compile(r" *([-*+]|\d+[.)]) ")
_HEADING = re.compile(r"#+ +(.+?) *#*$")
_LINK = re.compile(r"\]\(<?([^)>\s]+)>?\)|(?:src|srcset|href)=\"([^\"]+)\"")


class Block(NamedTuple):
    """One fenced block, or one indented by four spaces, which has the language ``indented``.

    Attributes:
        line: of its first line of text, from 1.
        tested_by: the file of tests that a comment above the block leaves it to; mostly empty.
        cell: if it stands in a table, the heading of that table's column, the number of the table
            and that of the row.
    """

    language: str
    text: str
    line: int
    tested_by: str = ""
    cell: Cell | None = None


class Cell(NamedTuple):
    """Where in the tables of a page a block stands."""

    column: str
    kind: str
    table: int
    row: int


def lines_of(page: str) -> list[str]:
    return (ROOT / page).read_text().splitlines()


def blocks(page: str) -> list[Block]:
    """Every block of a page, in order."""
    return blocks_of(page, lines_of(page))


def blocks_of(page: str, lines: list[str]) -> list[Block]:
    """Every block of these lines; the page is for messages.

    Raises:
        ValueError: if a fence is not closed.
    """
    tables = _Tables()
    found: list[Block] = []
    tested_by, i = "", 0
    while i < len(lines):
        line = lines[i]
        if opening := _FENCE.match(line):
            closing = opening["indent"] + opening["fence"]
            try:
                end = next(j for j in range(i + 1, len(lines)) if lines[j].rstrip() == closing)
            except StopIteration:
                raise ValueError(f"{page}:{i + 1}: this fence is not closed") from None
            text = textwrap.dedent("\n".join(lines[i + 1 : end])) + "\n"
            language = opening["language"].strip()
            found.append(Block(language, text, i + 2, tested_by, tables.cell()))
            tested_by, i = "", end + 1
            continue
        if _begins_indented(lines, i):
            end = next((j for j in range(i, len(lines)) if lines[j][:4].strip()), len(lines))
            found.append(Block("indented", textwrap.dedent("\n".join(lines[i:end])), i + 1))
            i = end
            continue
        if line.strip():
            comment = _TESTED_BY.match(line.strip())
            tested_by = comment[1] if comment else ""
        tables.read(line)
        i += 1
    return found


def _begins_indented(lines: list[str], i: int) -> bool:
    """Whether Markdown takes this line for the first one of an indented block of code."""
    if not lines[i].startswith("    ") or not lines[i].strip() or (i and lines[i - 1].strip()):
        return False
    above = next((line for line in reversed(lines[:i]) if line[:1].strip()), "")
    return not _LIST_ITEM.match(above)


class _Tables:
    """The place in the HTML tables of a page, line by line."""

    def __init__(self) -> None:
        self.columns: list[str] = []
        self.kind = ""
        self.table = self.row = self.column = -1

    def read(self, line: str) -> None:
        if table := re.match(r'<table(?: class="([\w ]+)")?>', line):
            self.columns, self.kind = [], table[1] or ""
            self.table += 1
            self.row = self.column = -1
        for tag in re.findall(r"<tr|<td|<th>[^<]+|</table>", line):
            if tag == "<tr":
                self.row, self.column = self.row + 1, -1
            elif tag == "<td":
                self.column += 1
            elif tag.startswith("<th>"):
                self.columns.append(tag[4:])
            elif tag == "</table>":
                self.columns, self.column = [], -1

    def cell(self) -> Cell | None:
        if not self.columns:
            return None
        return Cell(self.columns[self.column], self.kind, self.table, self.row)


def prose(page: str) -> Iterator[str]:
    """The lines outside of fenced blocks."""
    closing = ""
    for line in lines_of(page):
        if closing:
            closing = "" if line.rstrip() == closing else closing
        elif opening := _FENCE.match(line):
            closing = opening["indent"] + opening["fence"]
        else:
            yield line


def inline_code(page: str) -> list[str]:
    """What stands between single backticks, also across the end of a line."""
    text = "\n".join(prose(page))
    return [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", text)]


def links(page: str) -> list[str]:
    """The targets of links and pictures."""
    return [a or b for a, b in _LINK.findall("\n".join(prose(page)))]


def anchors(page: str) -> set[str]:
    """What a link to a heading of this page ends in, as GitHub and MyST make it."""
    headings = [match[1] for line in prose(page) if (match := _HEADING.match(line))]
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}
