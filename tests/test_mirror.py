"""The graph of somebody's own class, drawn with the numbers that it holds, right or wrong."""

from __future__ import annotations

from typing import Any

import pytest

import viz
from autodiff import Graph, Value
from autodiff.mirror import Mirror, is_node


class Node:
    def __init__(
        self,
        data: Any,
        parents: Any = (),
        local_derivatives: Any = (),
        op: str = "",
        grad: Any = 0.0,
    ) -> None:
        self.data, self.grad, self.op = data, grad, op
        self.parents, self.local_derivatives = parents, local_derivatives


def of(value: Value) -> tuple[Any, dict[Value, Any]]:
    """The same graph in nodes of another class."""
    nodes: dict[Value, Any] = {}
    for node in Graph(value).nodes:
        symbol = node.op.symbol if node.op else ""
        parents = [nodes[parent] for parent in node.parents]
        nodes[node] = Node(node.data, parents, node.local_derivatives, symbol, node.grad)
        nodes[node].name = node.name
    return nodes[value], nodes


def test_a_class_that_is_right_is_drawn_as_values_are() -> None:
    x, y = Value(-2.0, "x"), Value(5.0, "y")
    f = (x * y + x).tanh() * x
    f.name = "f"
    f.backward()
    twin, _ = of(f)
    assert viz.draw(twin, view="forward").dot == viz.draw(f, view="forward").dot
    mirror, graph = Mirror(twin), Graph(f)
    assert [edge[2:] for edge in mirror.edges] == [edge[2:] for edge in graph.edges]
    assert list(mirror.backward().values()) == list(graph.backward().values())
    paths = mirror.paths(mirror.leaves[0], mirror.outputs[0])
    assert paths.sum == pytest.approx(f.parents[1].grad)


def test_mistakes_are_drawn_as_they_are() -> None:
    a = Node(3.0, grad=3.0)  # = in the place of +=
    wrong = Node(10.0, (a, a), (2.0, 3.0), "×", grad=1.0)
    mirror = Mirror(wrong)
    assert mirror.value(mirror.outputs[0]) == 10
    assert [(edge.local, edge.grad) for edge in mirror.edges] == [(2, 2), (3, 3)]
    assert mirror.gradient(mirror.leaves[0]) == 3
    dot = viz.draw(wrong, view="backward").dot
    assert "2 + 3" in dot


def test_a_mirror_keeps_its_numbers() -> None:
    a = Node(3.0)
    mirror = Mirror(Node(6.0, (a, a), (1.0, 1.0), "+"))
    a.data = a.grad = 7.0
    assert (mirror.value(mirror.leaves[0]), mirror.gradient(mirror.leaves[0])) == (3, 0)


def test_a_deep_graph_and_several_outputs() -> None:
    node = leaf = Node(1.0)
    for _ in range(5000):
        node = Node(node.data, (node,), (1.0,), "id")
    assert len(Mirror(node, leaf).nodes) == 5001


def test_formulas_name_the_gate() -> None:
    a, b = Node(2.0), Node(3.0)
    mirror = Mirror(Node(1.0, (Node(6.0, (a, b), (3.0, 2.0), "×"),), (0.1,), "tanh"))
    product, tanh = mirror.nodes[2:]
    assert mirror.formula(product) == "a × b"
    assert mirror.formula(tanh) == "tanh(a)"
    assert [mirror.local_formula(edge) for edge in mirror.edges] == ["∂×/∂a", "∂×/∂b", "∂tanh/∂a"]


def test_pages_and_films_show_it_and_sliders_say_why_not() -> None:
    a = Node(3.0, grad=6.0)
    square = Node(9.0, (a, a), (3.0, 3.0), "×", grad=1.0)
    pytest.importorskip("pygraphviz", reason="pages and films are laid out")
    assert len(viz.animate(square).scenes) == 4
    assert "<svg" in viz.explore(square).html
    pytest.importorskip("ipywidgets", reason="sliders are made by ipywidgets")
    with pytest.raises(ValueError, match=r"give viz\.live\(\.\.\.\) a function"):
        viz.sliders(square)


def test_what_is_no_graph_is_refused_in_a_sentence() -> None:
    a = Node(3.0)
    with pytest.raises(ValueError, match="got 1 parents and 2 local derivatives"):
        Mirror(Node(9.0, {a}, (3.0, 3.0)))
    with pytest.raises(TypeError, match=r"got float 2\.0; a number has to become a leaf first"):
        Mirror(Node(6.0, (a, 2.0), (2.0, 3.0)))
    with pytest.raises(TypeError, match="got Value"):
        Mirror(Node(6.0, (a, Value(2.0)), (2.0, 3.0)))
    with pytest.raises(TypeError):
        Mirror(Node("3"))
    with pytest.raises(ValueError, match="rules are not known here"):
        Mirror(a).forward({Value(1.0): 2.0})
    assert [is_node(each) for each in (a, Value(1.0), 3.0)] == [True, False, False]
