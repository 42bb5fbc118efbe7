"""``{embed} worked_examples.product_of_sum:f``: the explorer of a worked example, live on a page.

``{embed} playgrounds.moons`` is a network that trains there. Pages that are read elsewhere as well
have the directive in a comment, which pages.py opens.
"""

from __future__ import annotations

import functools
import html
import inspect
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.util.logging import getLogger
from sphinx.util.osutil import relative_uri

import viz
from autodiff import Value, worked_examples
from autodiff.data import moons
from autodiff.nn import MLP

FOLDER = "explorers"
"""The folder of the site for pages that are embedded."""

_NAME = re.compile(r"worked_examples\.(\w+):(.+)")
_PLAYGROUND = re.compile(r"playgrounds\.(\w+)")
_HEIGHT = 560
_log = getLogger(__name__)


class embedded(nodes.General, nodes.Element):  # noqa: N801, as docutils calls its nodes
    """Stands for a live page; it has what :class:`Embed` was told, all options filled in."""


def two_moons() -> viz.Playground:
    """A network learns to tell two moons apart."""
    model = MLP(2, [8, 8, 1], activation="tanh", seed=0)
    return viz.playground(model, moons(300), validation=moons(100, seed=1))


PLAYGROUNDS = {"moons": two_moons}
"""The playgrounds that pages may embed, by name."""


def functions() -> dict[str, Callable[[], dict[str, Value]]]:
    """The worked examples that return their Values by name."""
    return {
        name: function
        for name, function in vars(worked_examples).items()
        if not name.startswith("_")
        and inspect.isfunction(function)
        and function.__annotations__.get("return") == "Example"
    }


@functools.cache
def live_page(name: str, number: str = ".4g") -> viz.Explorer | viz.Playground:
    """The page that a name stands for: a playground, or the explorer of a worked example.

    Raises:
        ValueError: if there is no such page.
    """
    if not (found := _PLAYGROUND.fullmatch(name)):
        return explorer(name, number)
    if found[1] not in PLAYGROUNDS:
        raise ValueError(f"there is no playground {name!r}; they are {', '.join(PLAYGROUNDS)}")
    return PLAYGROUNDS[found[1]]()


def explorer(example: str, number: str = ".4g") -> viz.Explorer:
    """The explorer of a worked example, such as ``worked_examples.product_of_sum:f``.

    Raises:
        ValueError: if there is no such example, or the format for numbers is unknown.
    """
    function, output = _parts(example)
    if function not in functions():
        known = ", ".join(functions())
        raise ValueError(f"there is no worked example {example!r}; the functions are {known}")
    values = functions()[function]()
    if output not in values:
        known = ", ".join(values)
        raise ValueError(f"worked_examples.{function} has no {output!r}; its Values are {known}")
    return viz.explore(values[output], number=number)


def summary(example: str) -> str:
    """Return the first line of the docstring of a worked example or a playground, for a title."""
    found = _PLAYGROUND.fullmatch(example)
    made = PLAYGROUNDS[found[1]] if found else functions()[_parts(example)[0]]
    text = inspect.getdoc(made) or example
    return text.partition("\n")[0].removesuffix(".")


def file_name(example: str, number: str = ".4g") -> str:
    """The name of the file of a live page: one for all pages that ask for the same."""
    if found := _PLAYGROUND.fullmatch(example):
        return f"playground-{found[1]}.html"
    return f"{'-'.join(_parts(example))}{'' if number == '.4g' else number}.html"


def write(node: embedded, builder: Any) -> str:
    """Write a live page into what is built, and return its address from there."""
    name = file_name(node["example"], node["number"])
    folder = Path(builder.outdir) / FOLDER
    folder.mkdir(exist_ok=True)
    if not _is_written(folder / name, page := live_page(node["example"], node["number"]).html):
        (folder / name).write_text(page, encoding="utf-8")
    return f"{FOLDER}/{quote(name)}"


def _in_state(address: str, node: embedded) -> str:
    return f"{address}#{node['state']}" if node["state"] else address


def _is_written(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def _parts(example: str) -> Sequence[str]:
    """The function and the name of a Value; of what is written otherwise, nothing."""
    found = _NAME.fullmatch(example)
    return found.groups() if found else ("", "")


def frame(address: str, title: str, height: int, width: int | None = None) -> str:
    """HTML of a page in a frame of at most that width, with a link to the page itself."""
    limit = f' style="max-width: {width}px"' if width else ""
    address, title = html.escape(address), html.escape(title)
    return (
        '<figure class="explorer">\n'
        f'<iframe src="{address}" title="{title}" loading="lazy" height="{height}"{limit}>'
        "</iframe>\n"
        f'<figcaption>{title}. <a href="{address}">Open the page</a></figcaption>\n'
        "</figure>\n"
    )


class Embed(SphinxDirective):
    """Checks what is asked for, and leaves a node for the builder.

    Options: ``height`` and the largest ``width`` in pixels, of which a page needs more than 760 to
    stand its words beside the graph and not below; the format of a ``number``; a ``title``; and the
    ``state`` in which the page begins, as its own links write it: ``step=9&x=3``.
    """

    required_arguments = 1
    option_spec: ClassVar[dict[str, Callable[[str], Any]]] = {
        "height": directives.positive_int,
        "number": directives.unchanged_required,
        "state": directives.unchanged_required,
        "title": directives.unchanged_required,
        "width": directives.positive_int,
    }

    def run(self) -> list[nodes.Node]:
        """Sphinx asks for this."""
        example, number = self.arguments[0], self.options.get("number", ".4g")
        try:
            live_page(example, number)
        except ValueError as error:
            _log.warning("%s", error, location=self.get_location(), type="embed")
            return []
        given = {"number": number, "title": summary(example), "height": _HEIGHT}
        given |= {"width": None, "state": ""}
        return [embedded(example=example, **given | self.options)]


class LinksElsewhere(SphinxPostTransform):
    """Puts a link in the place of a live page where there are no frames."""

    default_priority = 200

    def run(self, **_options: Any) -> None:
        """Sphinx asks for this."""
        builder = self.app.builder
        if builder.format in ("html", ""):  # without a format nothing is written
            return
        for node in list(self.document.findall(embedded)):
            link = nodes.reference("", node["title"], refuri=_in_state(write(node, builder), node))
            node.replace_self(nodes.paragraph("", "", link))


def visit(translator: Any, node: embedded) -> None:
    """Write the frame, and the page that it shows."""
    builder = translator.builder
    here = builder.get_target_uri(builder.current_docname)
    address = _in_state(relative_uri(here, write(node, builder)), node)
    translator.body.append(frame(address, *(node[key] for key in ("title", "height", "width"))))
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.add_node(embedded, html=(visit, None))
    app.add_directive("embed", Embed)
    app.add_post_transform(LinksElsewhere)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
