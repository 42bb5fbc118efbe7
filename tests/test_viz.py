"""Pictures, read back from the rendered SVG: every edge is there, with its numbers."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import viz
from autodiff import Graph, Value, dot, exp, gate, maximum, sigmoid, sin
from autodiff.testing import Example, expressions_at_points
from autodiff.worked_examples import (
    grouped_sigmoid_neuron,
    product_of_sum,
    sigmoid_neuron,
)
from conftest import THOROUGH
from svg import Drawn, number, read
from viz import files, layout, render, typography
from viz.diagram import Diagram, Part
from viz.theme import LIGHT

VIEWS = ("both", "forward", "backward", "derivatives")

pytestmark = pytest.mark.skipif(
    shutil.which("dot") is None and render.importlib.util.find_spec("pygraphviz") is None,
    reason="laying out pictures needs dot or pygraphviz",
)


def is_constant(node: Value) -> bool:
    return node.op is not None and not node.parents


def shown(value: Any) -> float:
    return float(f"{value:.4g}")


def assert_complete(graph: Graph, view: str) -> None:
    """Each number of the graph stands where this view has it, and nothing else is there."""
    drawn = read(viz.draw(graph, view, fold=None))
    uses = dict.fromkeys(graph.nodes, 0)
    for edge in graph.edges:
        uses[edge.tail] += 1
        assert_edge(graph, drawn, edge, view)
    for node in graph.nodes:
        kind, texts = drawn.parts[graph.id(node)]
        if is_constant(node):
            assert kind == "constant"
            assert float(texts[0]) == shown(graph.value(node))
        elif node.parents:
            assert (kind, texts) == ("gate", [graph.symbol(node)])
        else:
            assert (kind, texts) == ("input", [node.name] if node.name else [])
        ends = uses[node] + (node in graph.outputs)
        assert (graph.id(node) in drawn.trunks) == (ends > 1 and not is_constant(node))
    for name, texts in drawn.trunks.items():
        node = next(node for node in graph.nodes if graph.id(node) == name)
        if view in ("both", "forward"):
            assert number(texts["value"]) == shown(graph.value(node))
        if view in ("both", "backward"):
            assert float(texts["gradient"]) == shown(graph.gradient(node))
    outputs = set(graph.outputs)
    assert len(drawn.parts) == len(graph.nodes) + len(outputs)
    assert len(drawn.wires) == len(graph.edges) + len(outputs)


def assert_edge(graph: Graph, drawn: Drawn, edge: Any, view: str) -> None:
    texts = drawn.wires[graph.id(edge.tail), graph.id(edge.head), edge.slot]
    if is_constant(edge.tail):
        assert texts == {}
        return
    if view in ("both", "forward"):
        assert number(texts["value"]) == shown(graph.value(edge.tail))
    elif view == "backward":
        local, upstream = texts["ink"].split(" × ")
        assert float(local) == shown(edge.local)
        assert float(upstream.strip("()")) == shown(graph.gradient(edge.head))
    else:
        assert float(texts["ink"]) == shown(edge.local)
    if view in ("both", "backward"):
        assert float(texts["gradient"]) == shown(edge.grad)
    else:
        assert "gradient" not in texts


@pytest.mark.parametrize("view", VIEWS)
@given(example=expressions_at_points(max_steps=12))
@settings(max_examples=200 if THOROUGH else 12, deadline=None)
def test_every_edge_is_there_with_its_numbers(view: str, example: Example) -> None:
    leaves = [Value(leaf, f"x{i}") for i, leaf in enumerate(example.point)]
    assert_complete(Graph(example.expression(leaves)), view)


@pytest.mark.parametrize("view", VIEWS)
def test_constants_repeated_operands_and_several_outputs(view: str) -> None:
    a = Value(3.0, "a")
    square = a * a
    assert_complete(Graph(1 / (exp(-square) + 1), square * 2), view)
    assert_complete(Graph(dot([a, a], [2.0, a], 1.0)), view)
    assert_complete(Graph(a), view)


def test_the_rendered_picture_shows_the_lectures_numbers() -> None:
    drawn = read(viz.draw(product_of_sum()["f"]))
    pairs = [(texts["value"], texts["gradient"]) for texts in drawn.wires.values()]
    assert pairs == [("-2", "-4"), ("5", "-4"), ("q = 3", "-4"), ("-4", "3"), ("-12", "1")]
    assert sorted(texts[0] for _, texts in drawn.parts.values()) == ["+", "f", "x", "y", "z", "×"]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("theme", ["light", "dark", "print"])
@pytest.mark.parametrize("direction", ["right", "down"])
def test_every_theme_and_direction_shows_the_same(view: str, theme: str, direction: str) -> None:
    f = sigmoid_neuron()["f"]
    drawn = read(viz.draw(f, view, theme=theme, direction=direction))
    plain = read(viz.draw(f, view))
    assert drawn._replace(root=plain.root) == plain
    colors = viz.theme.THEMES[theme]
    assert drawn.root.find(".//*[@class='background']").get("fill") == colors.background  # type: ignore[union-attr]


def test_patterns_of_gates_are_visible() -> None:
    x, y = Value(3.0, "x"), Value(-1.0, "y")
    graph = Graph((x + y) * maximum(x, y))
    wires = read(viz.draw(graph, "backward")).wires
    gradients = {ends: texts.get("gradient") for ends, texts in wires.items()}
    # Add hands on, max routes to the larger, multiply swaps.
    assert gradients == {
        ("n0", "n2", 0): "3", ("n1", "n2", 1): "3",
        ("n0", "n3", 0): "2", ("n1", "n3", 1): "0",
        ("n2", "n4", 0): "3", ("n3", "n4", 1): "2",
        ("n4", "n4_end", 0): "1",
    }  # fmt: skip
    assert read(viz.draw(graph, "backward")).trunks["n0"] == {"ink": "3 + 2", "gradient": "5"}


# ---------------------------------------------------------------------------------------- paths


def test_paths_are_highlighted_and_added_up_in_the_caption() -> None:
    x = Value(2.0, "x")
    square = x * x
    h = square * sin(x)
    h.name = "h"
    graph = Graph(h)
    drawn = read(viz.draw(graph, paths=(x, h)))
    paths = list(graph.paths(x, h))
    assert len(drawn.caption) == len(paths) + 1
    for line, path in zip(drawn.caption, paths, strict=False):
        factors, product = line.partition(": ")[2].split(" = ")
        assert [float(f.strip("() ")) for f in factors.split("·")] == [
            shown(edge.local) for edge in path.edges
        ]
        assert float(product) == shown(path.product)
    assert drawn.caption[-1].startswith("3 paths from x to h: ∂h/∂x = ")
    assert float(drawn.caption[-1].rpartition("= ")[2]) == shown(graph.path_sum(x, h))


def test_only_edges_on_a_path_are_highlighted() -> None:
    x, y = Value(2.0, "x"), Value(3.0, "y")
    q = x * y
    root = read(viz.draw(q + y, paths=(x, q))).root
    lit = {
        (g.get("data-tail"), g.get("data-head"))
        for g in root.iter("{http://www.w3.org/2000/svg}g")
        if g.get("class") == "wire" and g.get("opacity") is None
    }
    assert lit == {("n0", "n2")}


def test_one_path_is_highlighted_alone() -> None:
    x = Value(2.0, "x")
    square = x * x
    graph = Graph(square * sin(x))
    paths = list(graph.paths(x, graph.outputs[0]))
    assert len(paths) == 3
    for path in paths:
        drawn = read(viz.draw(graph, paths=path))
        ends = [(graph.id(e.tail), graph.id(e.head), str(e.slot)) for e in path.edges]
        lit = {
            (g.get("data-tail"), g.get("data-head"), g.get("data-slot"))
            for g in drawn.root.iter("{http://www.w3.org/2000/svg}g")
            if g.get("class") == "wire" and g.get("opacity") is None
        }
        assert lit == {*ends, ("n3", "n3_end", "0")}
        (line,) = drawn.caption
        assert float(line.rpartition(" = ")[2]) == shown(path.product)


def test_a_path_that_is_not_to_be_seen_is_refused() -> None:
    x = Value(2.0, "x")
    y, z = sin(x), x * x
    (path,) = Graph(y).paths(x, y)
    (empty,) = Graph(y).paths(y, y)
    for refused in (path, empty):
        with pytest.raises(ValueError, match="paths: expected a path of the graph as it is drawn"):
            read(viz.draw(z, paths=refused))


def test_many_paths_are_counted_and_some_are_listed() -> None:
    x = Value(1.0, "x")
    y = x
    for _ in range(100):
        y = y + y
    caption = " ".join(read(viz.draw(y, paths=(x, y))).caption)
    assert "and about 10^30 more paths" in caption
    assert "1.268e+30" in caption
    nine = sum(x * i for i in range(9))
    assert "and 1 more path" in read(viz.draw(nine, paths=(x, nine))).caption
    z = Value(1.0, "z")
    none = read(viz.draw([y, z], paths=(z, y))).caption
    assert none == ["There is no path from z to n100: ∂n100/∂z = 0."]
    with pytest.raises(KeyError, match="not a node of this graph"):
        viz.draw(y, paths=(z, y))


# --------------------------------------------------------------- formulas, emphasis and gates


def test_formulas_stand_under_the_numbers() -> None:
    f = grouped_sigmoid_neuron()["f"]
    notes = [texts.get("note") for texts in read(viz.draw(f, formulas=True)).wires.values()]
    assert notes == [
        "× x0", "× w0", "× x1", "× w1", "× 1", "× 1", "× 1", "× 1", "× σ(1 - σ)", None
    ]  # fmt: skip


def test_magnitudes_give_sign_a_hue_and_size_a_width() -> None:
    x, y = Value(2.0, "x"), Value(-8.0, "y")
    root = read(viz.draw(x * y, magnitudes=True)).root
    lines = list(root.iter("{http://www.w3.org/2000/svg}path"))
    assert [line.get("class") for line in lines[:2]] == ["negative-line", "positive-line"]
    assert [float(line.get("stroke-width") or 0) for line in lines[:2]] == [5.0, 1.85]
    assert lines[0].get("stroke-dasharray")  # colour is not the only cue
    assert not lines[1].get("stroke-dasharray")


def test_magnitudes_weigh_the_line_before_a_fork_as_well() -> None:
    x = Value(2.0, "x")
    root = read(viz.draw(x * x + x * 3, magnitudes=True)).root
    svg = "{http://www.w3.org/2000/svg}"
    trunk = next(g for g in root.iter(f"{svg}g") if g.get("class") == "trunk")
    line = trunk.find(f"{svg}path")
    assert line is not None
    assert (line.get("class"), line.get("stroke-width")) == ("positive-line", "5")


def test_a_gate_is_one_part_and_can_be_opened() -> None:
    @gate("logistic")
    def logistic(x: Value) -> Value:
        return 1 / (1 + exp(-x))

    y = logistic(Value(0.0, "x") * 2.0)
    closed, opened = read(viz.draw(y)), read(viz.draw(y, open=True))
    assert ("gate", ["logistic"]) in closed.parts.values()
    assert "0.25" in [texts.get("ink") for texts in read(viz.draw(y, "derivatives")).wires.values()]
    assert closed.frames == []
    assert opened.frames == ["logistic"]
    assert ("gate", ["eˣ"]) in opened.parts.values()
    assert read(viz.draw(y, open="logistic")).parts == opened.parts


def test_leaves_of_different_roles_look_different() -> None:
    w, x = Value(2.0, "w"), Value(3.0, "x")
    y = w * x + 1
    y.name = "y"
    kinds = {texts[0]: kind for kind, texts in read(viz.draw(y, parameters=[w])).parts.values()}
    assert kinds == {
        "w": "parameter", "x": "input", "1": "constant", "×": "gate", "+": "gate", "y": "output"
    }  # fmt: skip


def test_number_formats() -> None:
    x = Value(1 / 3, "x")
    assert read(viz.draw(x * 3, number=".2f")).wires["n0", "n2", 0]["value"] == "0.33"
    with pytest.raises(ValueError, match=r"format specification like '\.4g' or '\.2f', got 'four'"):
        viz.draw(x, number="four")


# ------------------------------------------------------------------------- names, bytes, choices


def test_the_same_graph_is_the_same_bytes() -> None:
    first, again = (viz.draw(sigmoid_neuron()["f"]) for _ in range(2))
    assert first.dot == again.dot
    for format in ("svg", "png", "pdf", "html"):
        assert first.render(format) == again.render(format)
    assert not re.search(r"0x[0-9a-f]{6}|\d{9,}", first.dot)


def test_pictures_on_one_page_cannot_clash() -> None:
    assert not re.search(r"\bid=", viz.draw(sigmoid_neuron()["f"]).svg)


def test_an_unnamed_result_is_not_called_by_a_name_that_nobody_gave_it() -> None:
    x = Value(2.0, "x")
    assert repr(viz.draw(x)) == "<Picture: Computation graph of x: values and gradients>"
    assert repr(viz.draw(x * x)) == "<Picture: Computation graph of 2 nodes: values and gradients>"


def test_a_picture_has_a_title_and_a_description_for_screen_readers() -> None:
    root = read(viz.draw(product_of_sum()["f"])).root
    assert root.get("role") == "img"
    assert root.get("aria-label") == "Computation graph of f: values and gradients"
    title, description = root[0], root[1]
    assert title.text == root.get("aria-label")
    assert "f = -12" in (description.text or "")
    assert "z = -4 with gradient 3" in (description.text or "")


NAMES = ["<b>", "a & b", "{x|y}", 'say "x"', "back\\slash\\N", "größe λ→∞", "😀", "", " ",
         "two\nlines", "nul\0", "\ud800", "&amp;", "<" * 9, "]]>", "x" * 10_000, "$a_b$", "\x1b[1m",
         "\u202eright to left", "<<B>x</B>>"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_any_name_can_be_drawn(name: str) -> None:
    x = Value(2.0, name)
    y = x * 3
    y.name = name
    picture = viz.draw(y)
    drawn = read(picture)
    visible = "".join(c for c in name if c.isprintable()).strip()
    if visible and len(name) < 40 and "\n" not in name:
        assert visible in "".join(drawn.parts["n0"][1])
    if len(name) > 1000:
        assert "…" in "".join(drawn.parts["n0"][1])
    for format in ("png", "pdf", "html"):
        assert picture.render(format)


@given(st.text(max_size=60))
@settings(max_examples=300 if THOROUGH else 20, deadline=None)
def test_fuzzed_names_are_drawn(name: str) -> None:
    drawn = read(viz.draw(sigmoid(Value(2.0, name))))
    assert drawn.parts["n0"][1] in ([typography.printable(name)], [])


BAD_CHOICES: list[tuple[dict[str, Any], str]] = [
    ({"paths": (1, 2)}, r"paths: expected two Values, \(start, end\), got \(1, 2\)"),
    ({"paths": Value(1.0)}, "paths: expected two Values"),
    ({"parameters": [1.0]}, "parameters: expected Values, got float 1.0"),
    ({"limit": 0}, "limit must be a whole number of nodes, at least 1, got 0"),
    ({"limit": "a"}, "limit must be a whole number"),
    ({"fold": [3]}, r"fold: expected names of scopes, got \[3\]"),
    ({"open": "tanh"}, "there is no gate tanh to be seen; it has none"),
    ({"open": ["a", "b"]}, "no gate a or b"),
    ({"open": 3}, "open: expected symbols of gates, got 3"),
    ({"open": None}, "open: expected symbols of gates, got None"),
    ({"fold": 5}, "fold: expected names of scopes, got 5"),
    ({"theme": ["light"]}, r"theme must be one of light, dark, print or a Theme, got \['light'\]"),
    ({"seconds": "a"}, "seconds must be a number of seconds above 0, got 'a'"),
    ({"seconds": 0}, "seconds must be a number"),
    ({"seconds": float("inf")}, "seconds must be a number"),
    ({"seconds": float("nan")}, "seconds must be a number"),
]


@pytest.mark.parametrize(("options", "complaint"), BAD_CHOICES)
def test_bad_choices_are_one_sentence(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises((TypeError, ValueError), match=complaint):
        viz.draw(Value(2.0) * 3, **options)


def test_several_values_are_one_graph() -> None:
    x = Value(2.0, "x")
    together = viz.draw([x * 2, x * 3]).svg
    assert viz.draw(np.array([x * 2, x * 3], object)).svg == together
    assert viz.draw((x * 2, x * 3), parameters=x, fold=False).svg != together


def test_choices_are_checked() -> None:
    x = Value(2.0)
    with pytest.raises(ValueError, match="view must be one of both, forward"):
        viz.draw(x, view="sideways")
    with pytest.raises(ValueError, match="theme must be one of light, dark, print"):
        viz.draw(x, theme="pink")
    with pytest.raises(ValueError, match="direction must be one of right, down, got 'up'"):
        viz.draw(x, direction="up")
    with pytest.raises(TypeError, match="expected a Value"):
        viz.draw(3.0)
    assert viz.DARK.background in viz.draw(x, theme="dark").svg
    assert viz.draw(x, theme=viz.DARK).svg == viz.draw(x, theme="dark").svg


def test_drawing_never_writes_to_the_nodes() -> None:
    example = product_of_sum()
    viz.draw(example["f"])
    assert all(value.grad == 0.0 for value in example.values())


# --------------------------------------------------------------------------- saving and rendering


@pytest.mark.parametrize(
    ("suffix", "start"),
    [
        ("svg", b"<svg"),
        ("png", b"\x89PNG"),
        ("pdf", b"%PDF"),
        ("dot", b"dig"),
        ("html", b"<!DOCTYPE html>"),
    ],
)
def test_pictures_save_themselves(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = viz.draw(product_of_sum()["f"]).save(tmp_path / f"f.{suffix}")
    assert path.read_bytes().startswith(start)
    assert [p.name for p in tmp_path.iterdir()] == [f"f.{suffix}"]


def test_saving_says_what_is_wrong_and_leaves_nothing(tmp_path: Path) -> None:
    picture = viz.draw(Value(1.0))
    for name in ("f", "f.jpeg", ".svg"):
        with pytest.raises(ValueError, match=r"ends in \.svg, \.png, \.pdf, \.dot or \.html"):
            picture.save(tmp_path / name)
    (tmp_path / "f.svg").mkdir()
    with pytest.raises(IsADirectoryError, match="there is a folder of that name"):
        picture.save(tmp_path / "f.svg")
    (tmp_path / "f.svg").rmdir()
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        picture.save(tmp_path / "none" / "f.svg")
    with pytest.raises(ValueError, match="svg, png, pdf, dot or html"):
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
    assert out.splitlines()[1:3] == ["x         2         4", "f         4         1"]
    assert "digraph" in out
    assert err.startswith("autodiff: error: drawing needs Graphviz")


def fake_dot(folder: Path, script: str) -> None:
    program = folder / "dot"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)


def test_dot_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_dot(tmp_path, 'cat >/dev/null; echo "laid out with $*"')
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    answer = render.run(["digraph {}"], "json0", {"nslimit": "1"}, 60)
    assert answer == b"laid out with -Tjson0 -Gnslimit=1\n"
    with pytest.raises(RuntimeError, match="it gave no layout"):
        viz.draw(Value(1.0)).render("svg")


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
        render.run(["digraph {}"], "json0", {}, 60)
    picture = viz.draw(Value(1.0))
    assert picture._repr_mimebundle_() == {
        "text/plain": f"{picture!r} cannot be drawn: Graphviz failed: out of memory"
    }
    fake_dot(tmp_path, "while :; do :; done")
    with pytest.raises(TimeoutError, match=r"did not finish the layout in 0\.1 s"):
        render.run(["digraph {}"], "json0", {}, 0.1)


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs the dot program")
def test_the_real_dot_program_draws_it_too() -> None:
    assert read(viz.draw(product_of_sum()["f"])).wires["n4", "n4_end", 0]["value"] == "-12"


def test_dot_and_svg_are_one_diagram_also_if_the_layout_took_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = y = Value(0.5, "x")
    for _ in range(40):
        y = y * x
    as_asked, run = viz.draw(y, fold=None).dot, layout.run

    def slow(dots: list[str], *others: Any) -> bytes:
        if len(dots[0]) == len(as_asked):
            raise TimeoutError
        return run(dots, *others)

    monkeypatch.setattr(layout, "run", slow)
    for first in ("dot", "svg"):
        picture = viz.draw(y, fold=None)
        getattr(picture, first)
        assert len(picture.dot) < len(as_asked)
        assert all(part in picture.dot for part in read(picture).parts)


def test_of_a_large_graph_only_what_is_shown_is_folded() -> None:
    made = []

    def diagrams() -> Iterator[Diagram]:
        for title in ("as asked", "simpler"):
            made.append(title)
            yield Diagram(parts=[Part("n0", "input", "x")], wires=[], title=title)

    picture = viz.Picture(diagrams, LIGHT)
    assert picture.svg
    assert picture.dot
    assert made == ["as asked"]


def test_a_picture_that_was_interrupted_is_still_the_one_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture, whole = viz.draw(Value(2.0, "x") * 3), layout.run

    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(layout, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        picture.render()
    monkeypatch.setattr(layout, "run", whole)
    assert set(read(picture).parts) >= {"n0", "n1", "n2"}
    assert read(picture).caption == []


def test_a_script_shows_a_picture_in_a_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(files.webbrowser, "open", lambda url: shown.append(url) or True)
    picture = viz.draw(product_of_sum()["f"])
    picture.show()
    (page,) = tmp_path.iterdir()
    assert shown == [page.as_uri()]
    assert page.read_bytes() == picture.render("html")
    monkeypatch.setattr(files.webbrowser, "open", lambda url: False)
    with pytest.raises(RuntimeError, match=r"there is no browser to show it; the page is .*\.html"):
        picture.show()


def test_a_notebook_shows_a_picture_below_the_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []
    display = SimpleNamespace(display=shown.append)
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1), display=display)
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    picture = viz.draw(product_of_sum()["f"])
    picture.show()
    assert shown == [picture]


def test_in_a_notebook_it_is_an_svg_and_plain_text() -> None:
    shown_in_notebook: dict[str, Any] = viz.draw(product_of_sum()["f"])._repr_mimebundle_()
    assert set(shown_in_notebook) == {"image/svg+xml", "text/plain"}
    root = ElementTree.fromstring(shown_in_notebook["image/svg+xml"].encode())
    assert "max-width: 100%" in root.attrib["style"], "it gets smaller where there is less room"
    wide = viz.draw(sigmoid_neuron()["f"], "backward")
    root = ElementTree.fromstring(wide._repr_mimebundle_()["image/svg+xml"].encode())
    assert root.attrib["style"] == f"max-width: {wide.scene.width:g}px"
    assert "width" not in root.attrib, "a page that shows it as an image would cut it off"
    assert root.attrib["viewBox"] == f"0 0 {wide.scene.width:g} {wide.scene.height:g}"
    picture = viz.draw(Value(1.0))
    assert set(picture._repr_mimebundle_(include=["text/plain"])) == {"text/plain"}
    assert set(picture._repr_mimebundle_(None, {"text/plain"})) == {"image/svg+xml"}
