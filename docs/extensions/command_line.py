"""``:::{command-line}``: what ``autodiff --help`` says, of every command."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from autodiff import cli

_WIDTH = 88
"""Letters in a line."""


def texts() -> Iterator[tuple[str, str]]:
    """Each command with its help; the program itself first."""
    parser = cli.argument_parser()
    yield parser.prog, _help(parser)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield command.prog, _help(command)


def _help(parser: argparse.ArgumentParser) -> str:
    parser.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=_WIDTH)
    return parser.format_help()


class CommandLine(SphinxDirective):
    """A section for each command."""

    def run(self) -> list[nodes.Node]:
        """Sphinx asks for this."""
        sections: list[nodes.Node] = []
        for command, text in texts():
            section = nodes.section(ids=[nodes.make_id(command)])
            section += nodes.title("", "", nodes.literal("", command))
            section += nodes.literal_block(text, text, language="text")
            sections.append(section)
        return sections


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.add_directive("command-line", CommandLine)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
