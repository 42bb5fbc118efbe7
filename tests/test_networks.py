"""Pictures of networks: order, frames, sizes and the classic view of neurons."""

from __future__ import annotations

import itertools
import math
import re
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import viz
from autodiff import (
    Graph,
    Value,
    atan2,
    dot,
    exp,
    fsum,
    gate,
    log,
    relu,
    scope,
    sin,
    tanh,
    where,
)
from autodiff.nn import MLP
from svg import read
from viz.scene import Circle, Curve, Group, Rectangle, Scene, Text


def network(*sizes: int) -> list[Value]:
    inputs = [Value(0.3 * i - 0.4, f"x{i + 1}") for i in range(sizes[0])]
    outputs = MLP(sizes[0], list(sizes[1:]), seed=1)(inputs)
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]


def middle(group: Group) -> tuple[float, float]:
    shape = group.shapes[0]
    if isinstance(shape, Circle):
        return shape.x, shape.y
    assert isinstance(shape, Rectangle)
    return shape.x + shape.width / 2, shape.y + shape.height / 2


def texts(group: Group) -> list[str]:
    return [shape.text for shape in group.shapes if isinstance(shape, Text)]


def places(scene: Scene) -> dict[str, tuple[float, float]]:
    return {g.data["node"]: middle(g) for g in scene.groups if g.kind in KINDS}


KINDS = ("gate", "input", "parameter", "output", "group")


def points_of(group: Group) -> list[tuple[float, float]]:
    """Points along the line of a wire, twenty on each Bézier segment."""
    curve = next(shape for shape in group.shapes if isinstance(shape, Curve))
    found = []
    for i in range(0, len(curve.points) - 1, 3):
        a, b, c, d = curve.points[i : i + 4]
        for step in range(21):
            t = step / 20
            weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            found.append(
                tuple(
                    sum(w * p[k] for w, p in zip(weights, (a, b, c, d), strict=True))
                    for k in (0, 1)
                )
            )
    return found


# ------------------------------------------------------------------------------ frames and order


def recurrent(steps: int) -> list[Value]:
    w, u, h = Value(0.5, "w"), Value(-1.4, "u"), Value(0.0, "h0")
    for i in range(steps):
        with scope(f"step{i}"):
            h = tanh(w * Value(0.3 * i, f"x{i}") + u * h)
    return [h]


@pytest.mark.parametrize(
    ("outputs", "count"),
    [(network(2, 3, 1), 6), (network(2, 3, 3, 1), 10), (network(3, 4, 2), 8), (recurrent(4), 4)],
    ids=["2-3-1", "2-3-3-1", "3-4-2", "recurrent"],
)
@pytest.mark.parametrize("direction", ["right", "down"])
def test_no_wire_runs_through_a_frame_in_which_it_has_no_business(
    outputs: list[Value], count: int, direction: str
) -> None:
    graph = Graph(*outputs)
    scope_of = {graph.id(node): node.scope for node in graph.nodes}
    scene = viz.draw(graph, fold=None, direction=direction).scene
    frames = {
        group.data["scope"]: group.shapes[0] for group in scene.groups if group.kind == "cluster"
    }
    assert len(frames) == count
    for wire in (group for group in scene.groups if group.kind == "wire"):
        ends = [scope_of.get(wire.data[end], "") for end in ("tail", "head")]
        for path, frame in frames.items():
            assert isinstance(frame, Rectangle)
            if any(f"{end}/".startswith(f"{path}/") for end in ends):
                continue
            inside = [
                (x, y)
                for x, y in points_of(wire)
                if frame.x + 1 < x < frame.x + frame.width - 1
                and frame.y + 1 < y < frame.y + frame.height - 1
            ]
            assert not inside, (wire.data, path)


def test_operands_neurons_inputs_and_layers_keep_their_order() -> None:
    graph = Graph(*network(2, 3, 1))
    drawn = viz.draw(graph).scene
    at = places(drawn)
    of = {(node.scope, node.name): at[graph.id(node)] for node in graph.leaves}
    for path in {path for path, _ in of if path}:
        names = [name for other, name in of if other == path]
        heights = [of[path, name][1] for name in sorted(names, key=lambda n: (n == "b", n))]
        assert heights == sorted(heights), path
    assert of["", "x1"][1] < of["", "x2"][1]
    titles = [(texts(g)[0], middle(g)) for g in drawn.groups if g.kind == "cluster"]
    layers = [place[0] for title, place in titles if title.startswith("layer")]
    assert layers == sorted(layers)
    neurons = [place[1] for title, place in titles[1:4]]
    assert [title for title, _ in titles[1:4]] == ["neuron0", "neuron1", "neuron2"]
    assert neurons == sorted(neurons)


def test_weights_stand_beside_their_inputs() -> None:
    weights = [Value(float(i), f"w{i}") for i in range(4)]
    inputs = [Value(float(i), f"x{i}") for i in range(4)]
    y = dot(weights, inputs, Value(1.0, "b"))
    graph = Graph(y)
    at = places(viz.draw(graph).scene)
    by_height = sorted(graph.leaves, key=lambda leaf: at[graph.id(leaf)][1])
    assert [leaf.name for leaf in by_height] == [
        "w0", "x0", "w1", "x1", "w2", "x2", "w3", "x3", "b",
    ]  # fmt: skip


def test_numbers_of_many_operands_stand_beside_their_leaves() -> None:
    weights = [Value(0.1 * i, f"w{i}") for i in range(45)]
    inputs = [Value(0.2 * i, f"x{i}") for i in range(45)]
    scene = viz.draw(dot(weights, inputs), fold=None).scene
    at = places(scene)
    wires = [group for group in scene.groups if group.kind == "wire" and group.data["tail"] in at]
    leaves = {group.data["node"] for group in scene.groups if group.kind == "input"}
    for wire in wires:
        if wire.data["tail"] in leaves:
            above = next(shape for shape in wire.shapes if isinstance(shape, Text))
            assert abs(above.y - at[wire.data["tail"]][1]) < 16  # half a row


def test_several_outputs_keep_their_order() -> None:
    x, y = Value(2.0, "x"), Value(3.0, "y")
    outputs = [exp(x) * y, y - x, x + y, log(x * y), sin(x)]
    for wanted in itertools.islice(itertools.permutations(outputs), 0, 120, 17):
        graph = Graph(*wanted)
        at = places(viz.draw(graph).scene)
        heights = [at[f"{graph.id(output)}_end"][1] for output in wanted]
        assert heights == sorted(heights)


# ------------------------------------------------------------------------------------- the sizes


@pytest.mark.parametrize(
    "sizes", [(2, 3, 1), (2, 3, 3, 1), (3, 4, 4, 2), (4, 8, 3), (2, 8, 8, 1), (4, 10, 10, 3)]
)
def test_the_picture_of_a_network_fits_a_screen(sizes: tuple[int, ...]) -> None:
    graph = Graph(*network(*sizes))
    picture = viz.draw(graph)
    assert picture.scene.width <= 1740
    assert picture.scene.height <= 1110
    folded = read(picture).caption
    assert not folded or "draw all of it with fold=None" in " ".join(folded)
    assert len(read(viz.draw(graph, limit=1000)).parts) >= len(graph.nodes)


@settings(max_examples=15)
@given(st.integers(1, 90), st.integers(1, 4))
def test_small_graphs_are_never_folded_and_nothing_is_hidden_without_a_word(
    count: int, wide: int
) -> None:
    values = [Value(0.5 + i, f"x{i}") for i in range(wide)]
    for i in range(count):
        values.append(sin(values[i]) * values[-1])
    graph = Graph(values[-1])
    drawn = read(viz.draw(graph))
    shown = sum(kind != "output" for kind, _ in drawn.parts.values())
    assert shown == len(graph.nodes) or "folded" in drawn.caption[0]
    if len(graph.nodes) <= 15:
        assert shown == len(graph.nodes)


def test_folding_says_when_it_folds_nothing() -> None:
    x = Value(0.5, "x")
    drawn = read(viz.draw(sin(exp(x)), fold="layers"))
    assert " ".join(drawn.caption) == (
        "3 nodes, nothing to fold, since no operation is repeated at the same depth."
    )


# ------------------------------------------------------------------------------------- dot products


def test_a_dot_product_has_a_sign_of_its_own_and_no_bias_nobody_wrote() -> None:
    a, b, c, d = (Value(float(i), name) for i, name in enumerate("abcd", start=1))
    plain = read(viz.draw(dot([a, b], [c, d])))
    assert sorted(plain.parts.values()) == [
        ("gate", ["w·x"]), ("input", ["a"]), ("input", ["b"]), ("input", ["c"]), ("input", ["d"]),
        ("output", []),
    ]  # fmt: skip
    assert ("gate", ["w·x + b"]) in read(viz.draw(dot([a, b], [c, d], 1.0))).parts.values()
    assert ("gate", ["Σ"]) in read(viz.draw(fsum([a, b, c]))).parts.values()


@pytest.mark.parametrize("open", [True, "w·x + b", ["w·x + b"]])
def test_an_open_dot_product_shows_its_products(open: bool | str | list[str]) -> None:
    weights = [Value(0.5 * i, f"w{i}") for i in range(3)]
    inputs = [Value(1.0 - i, f"x{i}") for i in range(3)]
    y = dot(weights, inputs, Value(2.0, "b")).tanh()
    y.name = "y"
    drawn = read(viz.draw(y, open=open, paths=(weights[1], y)))
    signs = [lines[0] for kind, lines in drawn.parts.values() if kind == "gate"]
    assert signs == ["×", "×", "×", "Σ", "tanh"]
    assert drawn.frames == ["w·x + b"]
    assert drawn.caption[-1].startswith("1 path from w1 to y")
    assert y.parents[0].op is not None
    assert y.parents[0].op.name == "dot"  # the graph itself stays what it was


def test_an_open_dot_product_keeps_the_numbers_of_its_graph() -> None:
    w, x = Value(2.0, "w"), Value(3.0, "x")
    graph = Graph(dot([w], [x]) * 2)
    graph.forward({w: 5.0})
    drawn = read(viz.draw(graph, open=True))
    numbers = [row.get("value") for row in drawn.wires.values()]
    assert "30" in numbers
    assert "5" in numbers
    assert w.data == 2.0


# --------------------------------------------------------------------------- captions and gates


def test_every_call_of_an_open_gate_has_a_frame_of_its_own() -> None:
    @gate("σ")
    def logistic(x: Value) -> Value:
        return 1 / (1 + exp(-x))

    x = Value(0.3, "x")
    drawn = read(viz.draw(logistic(x) + logistic(2 * x) * logistic(x * x), open=True))
    assert drawn.frames == ["σ", "σ", "σ"]


def test_what_formulas_name_can_be_seen() -> None:
    w, b = Value(2.0, "w"), Value(0.5, "b")
    for value in (exp(w * b) * w, (w * b) ** w / (w + b), (w - b) * (w - b)):
        drawn = read(viz.draw(value, formulas=True))
        notes = " ".join(
            text for row in (*drawn.wires.values(), *drawn.trunks.values())
            for role, text in row.items() if role == "note"
        )  # fmt: skip
        seen = {line for _, lines in drawn.parts.values() for line in lines}
        assert set(re.findall(r"\bn\d+\b", notes)) <= seen
        assert not re.search(r"\b[acy]\b", notes)


def test_a_path_names_gates_as_the_picture_does() -> None:
    x, w, b = Value(0.3, "x"), Value(2.0, "w"), Value(0.5, "b")
    y = x * w - b
    z = log(y * y + x)
    drawn = read(viz.draw(z, paths=(x, z)))
    seen = {line for _, lines in drawn.parts.values() for line in lines}
    for line in drawn.caption[:-1]:
        assert set(re.findall(r"\bn\d+\b", line)) <= seen
        assert "→" in line


def test_a_long_path_is_shortened_in_the_middle() -> None:
    x = y = Value(1.0, "x")
    for i in range(200):
        y = y * (1.0 + i / 1000)
    caption = read(viz.draw(y, paths=(x, y), fold=None)).caption
    (path,) = [line for line in " ".join(caption).split(".") if "…" in line][:1]
    assert len(" ".join(caption)) < 600
    assert path.count("→") <= 12


@pytest.mark.parametrize(
    ("value", "roles"),
    [
        (lambda x, y: where(x > 0.0, x, y), ["if", "then", "else"]),
        (lambda x, y: atan2(x, y), ["y", "x"]),
        (lambda x, y: x**y, ["base", "exponent"]),
        (lambda x, _: x**3, []),
        (lambda x, y: x * y, []),
    ],
)
def test_operands_that_are_not_alike_are_told_apart(value: object, roles: list[str]) -> None:
    drawn = read(viz.draw(value(Value(2.0, "x"), Value(3.0, "y"))))  # type: ignore[operator]
    assert [row["note"] for row in drawn.wires.values() if "note" in row] == roles


# ---------------------------------------------------------------------------- the classic view


@pytest.mark.parametrize("sizes", [(1, 1), (2, 3, 1), (3, 4, 4, 2), (2, 8, 8, 1)])
def test_the_classic_view_has_a_circle_for_each_neuron_and_a_line_for_each_weight(
    sizes: tuple[int, ...],
) -> None:
    outputs = network(*sizes)
    scene = viz.draw(outputs, "network").scene
    circles = [group for group in scene.groups if group.kind == "neuron"]
    lines = [group for group in scene.groups if group.kind == "wire"]
    assert len(circles) == sum(sizes)
    assert len(lines) == sum(a * b for a, b in itertools.pairwise(sizes))
    columns = sorted({middle(circle)[0] for circle in circles})
    counts = [sum(middle(circle)[0] == x for circle in circles) for x in columns]
    assert counts == list(sizes)
    last = [texts(circle)[0] for circle in circles if middle(circle)[0] == columns[-1]]
    assert last == [format(output.data, ".4g") for output in outputs]


def test_weights_have_hue_and_width() -> None:
    weights = [Value(w, f"w{i}") for i, w in enumerate((1.0, -2.0, 0.5))]
    inputs = [Value(1.0, f"x{i}") for i in range(3)]
    scene = viz.draw(dot(weights, inputs, Value(3.0, "b")).tanh(), "network").scene
    drawn = [
        shape
        for group in scene.groups
        if group.kind == "wire"
        for shape in group.shapes
        if isinstance(shape, Curve)
    ]
    assert [shape.role for shape in drawn] == ["positive", "negative", "positive"]
    assert [shape.dashed for shape in drawn] == [False, True, False]
    widths = [shape.stroke_width for shape in drawn]
    assert widths[2] < widths[0] < widths[1]
    (neuron,) = [g for g in scene.groups if g.kind == "neuron" and "b 3" in texts(g)]
    assert texts(neuron)[0] == format(math.tanh(1.0 - 2.0 + 0.5 + 3.0), ".4g")


def test_large_layers_are_shown_in_part_and_say_so() -> None:
    picture = viz.draw(network(40, 3), "network")
    assert sum(group.kind == "more" for group in picture.scene.groups) == 1
    caption = " ".join(read(picture).caption)
    assert "the first 7 and the last 7" in caption
    assert picture.scene.height < 1200


def test_a_graph_without_dot_products_is_no_network() -> None:
    with pytest.raises(ValueError, match="expected dot products"):
        viz.draw(relu(Value(1.0, "x")), "network")


def test_an_option_that_does_not_exist_is_named_with_those_that_do() -> None:
    x = Value(1.0, "x")
    for function in (viz.draw, viz.explore, viz.animate):
        with pytest.raises(TypeError, match=r"has no option 'colour'; its options are: fold, open"):
            function(x, colour="red")  # type: ignore[call-arg]


def test_folded_neurons_keep_their_order_whatever_is_computed_first() -> None:
    first, second = network(2, 3, 2)
    loss = second - (first - second).tanh()  # the second neuron is computed first
    scene = viz.draw(loss, fold="layer*/neuron*").scene
    for count, layer in ((3, 0), (2, 1)):
        boxes = [(texts(g)[0], middle(g)) for g in scene.groups if g.kind == "group"]
        columns = sorted({place[0] for _, place in boxes}, key=lambda x: x)
        titles = [title for title, place in sorted(boxes, key=lambda b: b[1][1])
                  if place[0] == columns[layer]]  # fmt: skip
        assert titles == [f"neuron{i}" for i in range(count)]


SCOPES = st.sampled_from(["", "a", "b", "a/n0", "a/n1", "b/m", "b/m/deep"])


@settings(max_examples=12)
@given(st.data())
def test_every_wire_leads_to_its_part_and_stays_in_the_picture(data: st.DataObject) -> None:
    values = [Value(0.5 + i, f"x{i}") for i in range(3)]
    for _ in range(data.draw(st.integers(2, 10))):
        a, b = (data.draw(st.sampled_from(values)) for _ in range(2))
        with ExitStack() as around:
            for name in filter(None, data.draw(SCOPES).split("/")):
                around.enter_context(scope(name))
            values.append(data.draw(st.sampled_from([a * b, a + b, tanh(a), dot([a, b], [b, a])])))
    options = {
        "direction": data.draw(st.sampled_from(["right", "down"])),
        "fold": data.draw(st.sampled_from([None, "scopes", "identical"])),
        "open": data.draw(st.booleans()),
    }
    scene = viz.draw(values[-2:], **options).scene  # type: ignore[arg-type]
    boxes = {
        group.data["node"]: group.shapes[0]
        for group in scene.groups
        if group.kind in KINDS and isinstance(group.shapes[0], Circle | Rectangle)
    }
    for wire in (group for group in scene.groups if group.kind == "wire"):
        points = points_of(wire)
        assert all(-1 <= x <= scene.width + 1 for x, _ in points)
        assert all(-1 <= y <= scene.height + 1 for _, y in points)
        head, (x, y) = boxes[wire.data["head"]], points[-1]
        center = middle(Group("", {}, [head]))
        wide, high = (
            (2 * head.radius, 2 * head.radius)
            if isinstance(head, Circle)
            else (head.width, head.height)
        )
        assert abs(x - center[0]) < wide / 2 + 20  # an arrow, and the sheets of a stack
        assert abs(y - center[1]) < high / 2 + 20


def test_a_picture_that_cannot_fit_says_so() -> None:
    graph = Graph(*recurrent(12))
    picture = viz.draw(graph)
    too_large = "Larger than a screen" in " ".join(read(picture).caption)
    assert too_large == (picture.scene.width > 1740 or picture.scene.height > 1110)
    assert read(viz.draw(graph, limit=20)).caption


@pytest.mark.parametrize("option", ["paths", "formulas", "magnitudes", "open"])
def test_the_classic_view_refuses_what_it_does_not_show(option: str) -> None:
    (y,) = network(2, 1)
    given = (y, y) if option == "paths" else True
    with pytest.raises(ValueError, match=rf"{option}= does not go with view='network'"):
        viz.draw(y, "network", **{option: given})  # type: ignore[arg-type]
