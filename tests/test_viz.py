"""Pictures, parsed back: every edge of the graph is there, with its numbers."""

from __future__ import annotations

import html
import os
import re
import shutil
import stat
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import viz
from autodiff import Graph, Value, dot, exp, sigmoid
from autodiff.testing import Example, expressions_at_points
from autodiff.worked_examples import product_of_sum, sigmoid_neuron
from viz import render

pygraphviz = pytest.importorskip("pygraphviz", reason="parsing pictures back needs pygraphviz")

SVG = "{http://www.w3.org/2000/svg}"


def rows(label: str) -> list[str]:
    """The texts of an HTML-like label, one for each row."""
    cells = re.findall(r"<TD>(.*?)</TD>", label)
    return [html.unescape(re.sub(r"<[^>]*>", "", cell)).strip() for cell in cells]


def parse(picture: viz.Picture) -> tuple[dict[str, list[str]], set[tuple[str, str]]]:
    """The rows of every node, and every line between two nodes, read by Graphviz itself."""
    graph = pygraphviz.AGraph(picture.dot)
    labels = {str(node): rows(node.attr["label"] or "") for node in graph.nodes()}
    return labels, {(str(a), str(b)) for a, b in graph.edges()}


def number(text: str) -> float:
    return float(text.rpartition("= ")[2])


def assert_complete(graph: Graph, view: str) -> None:
    labels, lines = parse(viz.draw(graph, view))
    uses: dict[Value, int] = {}
    for edge in graph.edges:
        uses[edge.tail] = uses.get(edge.tail, 0) + 1
    for edge in graph.edges:
        tail, head = graph.id(edge.tail), graph.id(edge.head)
        wire = f"{tail}_{head}_{edge.slot}"
        above, below = labels[wire]
        assert (wire, head) in lines
        forks = uses[edge.tail] > 1 and not is_constant(edge.tail)
        assert (f"{tail}_out" if forks else tail, wire) in lines
        if forks:
            assert (tail, f"{tail}_out") in lines
        if is_constant(edge.tail):
            assert number(above) == shown(graph.value(edge.tail))
            assert below == ""
            continue
        if view in ("both", "forward"):
            assert number(above) == shown(graph.value(edge.tail))
        elif view == "backward":
            local, upstream = above.split(" × ")
            assert float(local) == shown(edge.local)
            assert float(upstream.strip("()")) == shown(graph.gradient(edge.head))
        else:
            assert float(above) == shown(edge.local)
        if view in ("both", "backward"):
            assert float(below) == shown(edge.grad)
        else:
            assert below == ""
    gates = [node for node in graph.nodes if node.parents]
    assert all(graph.id(node) in labels for node in graph.nodes)
    assert len(labels) == len(graph.nodes) + len(graph.edges) + sum(
        uses.get(node, 0) > 1 and not is_constant(node) for node in graph.nodes
    ) + 2 * len(graph.outputs) - sum(uses.get(node, 0) > 1 for node in graph.outputs)
    assert gates or not graph.edges


def shown(value: float) -> float:
    return float(f"{value:.4g}")


def is_constant(node: Value) -> bool:
    return node.op is not None and not node.parents


@pytest.mark.parametrize("view", viz.draw.__globals__["VIEWS"])
@given(example=expressions_at_points(max_steps=12))
@settings(max_examples=60)
def test_every_edge_is_there_with_its_numbers(view: str, example: Example) -> None:
    leaves = [Value(leaf, f"x{i}") for i, leaf in enumerate(example.point)]
    assert_complete(Graph(example.expression(leaves)), view)


@pytest.mark.parametrize("view", ["both", "forward", "backward", "derivatives"])
def test_constants_repeated_operands_and_several_outputs(view: str) -> None:
    a = Value(3.0, "a")
    square = a * a
    assert_complete(Graph(1 / (exp(-square) + 1), square * 2), view)
    assert_complete(Graph(dot([a, a], [2.0, a], 1.0)), view)
    assert_complete(Graph(a), view)


def svg_wires(picture: viz.Picture) -> Iterator[tuple[str, list[str]]]:
    root = ElementTree.fromstring(picture.render("svg"))
    for group in root.iter(f"{SVG}g"):
        title = group.find(f"{SVG}title")
        if group.get("class") == "node" and title is not None:
            yield title.text or "", [text.text or "" for text in group.iter(f"{SVG}text")]


def test_the_rendered_picture_shows_the_lectures_numbers() -> None:
    wires = dict(svg_wires(viz.draw(product_of_sum()["f"])))
    shown_rows = [[text.strip() for text in wire if text.strip()] for wire in wires.values()]
    for expected in (["-2", "-4"], ["5", "-4"], ["-4", "3"], ["q = 3", "-4"], ["f = -12", "1"]):
        assert expected in shown_rows
    for name in ("x", "y", "z", "+", "×"):
        assert [name] in shown_rows


def test_the_same_graph_is_the_same_bytes() -> None:
    first, again = (viz.draw(sigmoid_neuron()["f"]) for _ in range(2))
    assert first.dot == again.dot
    assert first.render("svg") == again.render("svg")
    assert not re.search(r"0x[0-9a-f]{6}|\d{9,}", first.dot)


@pytest.mark.parametrize(
    "name", ["<b>", "a & b", "{x|y}", 'say "x"', "back\\slash\\N", "größe λ→∞", "😀", "", " ",
             "two\nlines", "nul\0", "\ud800", "&amp;", "<" * 9, "]]>", "x" * 10_000]
)  # fmt: skip
def test_any_name_can_be_drawn(name: str) -> None:
    x = Value(2.0, name)
    y = x * 3
    y.name = name
    wires = dict(svg_wires(viz.draw(y)))
    visible = "".join(c for c in name if c.isprintable()).strip()
    if visible and len(name) < 40 and "\n" not in name:
        assert visible in "".join(wires["n0"])
    if len(name) > 1000:
        assert "…" in "".join(wires["n0"])


@given(st.text(max_size=60))
@settings(max_examples=40)
def test_fuzzed_names_give_dot_that_graphviz_reads(name: str) -> None:
    labels, _ = parse(viz.draw(sigmoid(Value(2.0, name))))
    assert len(labels) == 5


def test_views_themes_and_limits_are_checked() -> None:
    x = Value(2.0)
    with pytest.raises(ValueError, match="view must be one of both, forward"):
        viz.draw(x, view="sideways")
    with pytest.raises(ValueError, match="theme must be one of light, dark"):
        viz.draw(x, theme="pink")
    with pytest.raises(TypeError, match="expected a Value"):
        viz.draw(3.0)
    y = x
    for _ in range(600):
        y = y * x
    with pytest.raises(ValueError, match=r"1,200 wires.*limit=1200"):
        viz.draw(y)
    assert viz.DARK.background in viz.draw(x, theme="dark").dot
    assert viz.draw(x, theme=viz.DARK).dot == viz.draw(x, theme="dark").dot


def test_drawing_never_writes_to_the_nodes() -> None:
    example = product_of_sum()
    viz.draw(example["f"])
    assert all(value.grad == 0.0 for value in example.values())


# --------------------------------------------------------------------------- saving and rendering


@pytest.mark.parametrize(
    ("suffix", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("dot", b"dig")]
)
def test_pictures_save_themselves(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = viz.draw(product_of_sum()["f"]).save(tmp_path / f"f.{suffix}")
    assert path.read_bytes().startswith(start)
    assert [p.name for p in tmp_path.iterdir()] == [f"f.{suffix}"]


def test_saving_says_what_is_wrong_and_leaves_nothing(tmp_path: Path) -> None:
    picture = viz.draw(Value(1.0))
    for name in ("f", "f.jpeg", ".svg"):
        with pytest.raises(ValueError, match=r"ends in \.svg, \.png, \.pdf or \.dot"):
            picture.save(tmp_path / name)
    (tmp_path / "f.svg").mkdir()
    with pytest.raises(IsADirectoryError, match="there is a folder of that name"):
        picture.save(tmp_path / "f.svg")
    (tmp_path / "f.svg").rmdir()
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        picture.save(tmp_path / "none" / "f.svg")
    with pytest.raises(ValueError, match="svg, png or pdf"):
        picture.render("jpeg")
    assert list(tmp_path.iterdir()) == []


def test_saving_over_a_link_keeps_the_link_and_the_mode(tmp_path: Path) -> None:
    target, link = tmp_path / "target.dot", tmp_path / "link.dot"
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to(target)
    viz.draw(Value(1.0)).save(link)
    assert link.is_symlink()
    assert target.read_text().startswith("digraph")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.fixture
def no_renderer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(render.importlib.util, "find_spec", lambda name: None)


@pytest.mark.usefixtures("no_renderer")
def test_without_graphviz_there_is_one_sentence_and_the_dot_text(tmp_path: Path) -> None:
    picture = viz.draw(product_of_sum()["f"])
    with pytest.raises(viz.RendererNotFoundError, match="pip install pygraphviz") as failure:
        picture.save(tmp_path / "f.svg")
    assert "\n" not in str(failure.value)
    assert not (tmp_path / "f.svg").exists()
    assert picture.save(tmp_path / "f.dot").read_text() == picture.dot
    shown_in_notebook = picture._repr_mimebundle_()
    assert list(shown_in_notebook) == ["text/plain"]
    assert shown_in_notebook["text/plain"].endswith(picture.dot)


@pytest.mark.usefixtures("no_renderer")
def test_the_command_line_without_graphviz(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from autodiff.cli import main

    assert main(["draw", "x*x", "x=2", "-o", str(tmp_path / "f.svg")]) == 2
    out, err = capsys.readouterr()
    assert "digraph" in out
    assert err.startswith("autodiff: error: drawing needs Graphviz")


def fake_dot(folder: Path, script: str) -> None:
    program = folder / "dot"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)


def test_dot_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_dot(tmp_path, 'cat >/dev/null; echo "<svg>drawn with $*"')
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert render.render("digraph {}", "svg") == b"<svg>drawn with -Tsvg\n"
    with pytest.raises(RuntimeError, match="it gave no png"):
        render.render("digraph {}", "png")


def test_a_dot_that_is_no_program_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_dot(tmp_path, "")
    (tmp_path / "dot").write_bytes(b"\x7fELF nonsense")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert b"<svg" in viz.draw(Value(1.0)).render("svg")


def test_a_failing_or_endless_layout_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    fake_dot(tmp_path, "cat >/dev/null; echo 'out of memory' >&2; exit 1")
    with pytest.raises(RuntimeError, match="Graphviz failed: out of memory"):
        render.render("digraph {}", "svg")
    picture = viz.draw(Value(1.0))
    assert picture._repr_mimebundle_() == {"text/plain": "Graphviz failed: out of memory"}
    fake_dot(tmp_path, "while :; do :; done")
    with pytest.raises(TimeoutError, match=r"did not finish the layout in 0\.1 s"):
        render.render("digraph {}", "svg", seconds=0.1)


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs the dot program")
def test_the_real_dot_program_draws_it_too() -> None:
    wires = dict(svg_wires(viz.draw(product_of_sum()["f"])))
    assert any("-12" in text for texts in wires.values() for text in texts)


def test_in_a_notebook_it_is_an_svg_and_plain_text() -> None:
    shown_in_notebook: dict[str, Any] = viz.draw(product_of_sum()["f"])._repr_mimebundle_()
    assert set(shown_in_notebook) == {"image/svg+xml", "text/plain"}
    ElementTree.fromstring(shown_in_notebook["image/svg+xml"].encode())
    picture = viz.draw(Value(1.0))
    assert set(picture._repr_mimebundle_(include=["text/plain"])) == {"text/plain"}
    assert set(picture._repr_mimebundle_(None, {"text/plain"})) == {"image/svg+xml"}
