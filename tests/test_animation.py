"""The film: its scenes show what is known at each step, and its file is a GIF that loops."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest

import viz
from autodiff import Graph, Value, compile
from autodiff.worked_examples import product_of_sum, sigmoid_neuron
from viz import animation, raster, render
from viz.scene import Curve, Scene, Text
from viz.theme import DARK, LIGHT

Image = pytest.importorskip("PIL.Image", reason="reading films needs Pillow")


def numbers(scene: Scene, role: str) -> list[str]:
    """The values or gradients that stand on wires."""
    groups = [group for group in scene.groups if group.kind in ("wire", "trunk")]
    return [
        shape.text
        for group in groups
        for shape in group.shapes
        if isinstance(shape, Text) and shape.role == role
    ]


def caption(scene: Scene) -> str:
    return " ".join(shape.text for shape in scene.groups[-1].shapes if isinstance(shape, Text))


def frames(content: bytes) -> list[Any]:
    film = Image.open(io.BytesIO(content))
    found = []
    for i in range(film.n_frames):
        film.seek(i)
        found.append((film.convert("RGB"), film.info["duration"]))
    return found


def test_values_appear_on_the_way_forward_and_gradients_on_the_way_back() -> None:
    scenes = viz.animate(product_of_sum()["f"]).scenes
    assert [sorted(numbers(scene, "value")) for scene in scenes[:3]] == [
        ["-2", "-4", "5"],
        ["-2", "-4", "5", "q = 3"],
        ["-12", "-2", "-4", "5", "q = 3"],
    ]
    assert [sorted(numbers(scene, "gradient")) for scene in scenes[2:]] == [
        [],
        ["1"],
        ["-4", "1", "3"],
        ["-4", "-4", "-4", "1", "3"],
    ]


def test_the_last_scene_is_the_whole_picture() -> None:
    picture = viz.draw(sigmoid_neuron()["f"]).scene
    last = viz.animate(sigmoid_neuron()["f"]).scenes[-1]
    for role in ("value", "gradient"):
        assert numbers(last, role) == numbers(picture, role)


def test_the_rule_of_the_step_stands_below() -> None:
    scenes = viz.animate(product_of_sum()["f"]).scenes
    assert caption(scenes[1]) == "Forward · 1 / 5 q = x + y = -2 + 5 = 3"
    assert "∂f/∂z += q · ∂f/∂f = 3 · 1 = 3" in caption(scenes[4])
    for scene in scenes:
        for shape in scene.groups[-1].shapes:
            assert isinstance(shape, Text)
            assert shape.y < scene.height


def test_only_the_wires_of_the_step_are_lit() -> None:
    scene = viz.animate(product_of_sum()["f"]).scenes[1]
    lit = {
        (group.data["tail"], group.data["head"])
        for group in scene.groups
        if group.kind == "wire"
        for shape in group.shapes
        if isinstance(shape, Curve) and shape.role == "highlight"
    }
    assert lit == {("n0", "n2"), ("n1", "n2")}


def test_all_scenes_have_one_size() -> None:
    scenes = viz.animate(sigmoid_neuron()["f"]).scenes
    assert len({(scene.width, scene.height) for scene in scenes}) == 1


def test_a_gate_with_many_operands_has_a_short_caption() -> None:
    total = sum((Value(float(i), f"x{i}") for i in range(20)), Value(0.0, "b"))
    for scene in viz.animate(total).scenes:
        assert len(scene.groups[-1].shapes) < 20


@pytest.mark.parametrize(("name", "theme"), [("light", LIGHT), ("dark", DARK)])
def test_the_file_is_a_film_that_loops(tmp_path: Path, name: str, theme: Any) -> None:
    film = viz.animate(product_of_sum()["f"], theme=name, seconds_per_step=0.5)
    path = film.save(tmp_path / "backward.gif")
    found = frames(path.read_bytes())
    assert [duration for _, duration in found] == [500, 500, 500, 500, 500, 1500]
    assert len({image.size for image, _ in found}) == 1
    assert len({image.tobytes() for image, _ in found}) == 6
    with Image.open(path) as opened:
        assert opened.info["loop"] == 0
    background = tuple(bytes.fromhex(theme.background[1:]))
    assert all(image.getpixel((0, 0)) == background for image, _ in found)


def test_the_same_graph_gives_the_same_bytes(tmp_path: Path) -> None:
    one = viz.animate(product_of_sum()["f"]).save(tmp_path / "one.gif").read_bytes()
    other = viz.animate(product_of_sum()["f"]).save(tmp_path / "other.gif").read_bytes()
    assert one == other


def test_a_png_is_the_last_picture(tmp_path: Path) -> None:
    film = viz.animate(product_of_sum()["f"])
    expected = raster.to_png(film.scenes[-1], LIGHT)
    assert film.save(tmp_path / "f.png").read_bytes() == expected
    with pytest.raises(ValueError, match=r"ends in \.gif or \.png"):
        film.save(tmp_path / "f.mp4")


def test_a_notebook_shows_it() -> None:
    f = product_of_sum()["f"]
    bundle, metadata = viz.animate(f)._repr_mimebundle_()
    assert bundle["text/plain"] == "<Animation: f, 6 steps>"
    assert ' alt="5 nodes. f = -12.' in bundle["text/html"]
    source = bundle["text/html"].partition("base64,")[2].partition('"')[0]
    found = frames(base64.b64decode(source))
    assert len(found) == 6
    width = round(viz.draw(f).scene.width)
    assert bundle["text/html"].startswith(f'<img width="{width}" '), "as its still"
    assert metadata == {"image/png": {"width": width}}
    assert abs(found[0][0].width - 2 * width) <= 1, "sharp on screens of high density"


def test_without_graphviz_a_notebook_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "_commands", lambda *_: iter(()))
    bundle, _ = viz.animate(product_of_sum()["f"])._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert "pip install pygraphviz" in bundle["text/plain"]


def test_a_film_that_is_stopped_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(animation, "_with_one_palette", interrupted)
    with pytest.raises(KeyboardInterrupt):
        viz.animate(product_of_sum()["f"]).save(tmp_path / "f.gif")
    assert list(tmp_path.iterdir()) == []


def test_a_film_that_would_be_too_long_is_refused() -> None:
    x = y = Value(1.0, "x")
    for _ in range(200):
        y = y * x
    with pytest.raises(ValueError, match="a film of 402 steps is too long"):
        viz.animate(y, fold=None)
    assert len(viz.animate(Graph(y)).scenes) <= 300


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seconds_per_step": 0}, "seconds_per_step must be a number of seconds above 0, got 0"),
        ({"seconds_per_step": 0.001}, "seconds_per_step must be from 0.02 to 60"),
        ({"seconds_per_step": None}, "seconds_per_step must be a number of seconds .*, got None"),
        ({"seconds_per_step": "a"}, "seconds_per_step must be a number of seconds .*, got 'a'"),
        ({"seconds_per_step": True}, "seconds_per_step must be a number of seconds .*, got True"),
        ({"seconds": "a"}, "seconds must be a number of seconds above 0, got 'a'"),
        ({"theme": "blue"}, "theme must be one of"),
        ({"direction": "up"}, "direction must be one of"),
    ],
)
def test_wrong_options_are_refused_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        viz.animate(product_of_sum()["f"], **options)


@pytest.mark.parametrize("path", [None, 3, b"f.gif"])
def test_what_is_no_file_name_is_refused(path: Any) -> None:
    with pytest.raises(TypeError, match=f"expected a file name, got {type(path).__name__} "):
        viz.animate(product_of_sum()["f"]).save(path)


def test_a_compiled_function_has_no_steps() -> None:
    function = compile(lambda x: x * x)
    function(2.0)
    with pytest.raises(TypeError, match=r"can be drawn with viz\.draw, but it has no steps"):
        viz.animate(function)


def test_parameters_are_values() -> None:
    for shown in (viz.explore, viz.animate):
        with pytest.raises(TypeError, match=r"parameters: expected Values, got float 1\.0"):
            shown(Value(1.0, "x") * 2, parameters=[1.0])  # type: ignore[operator]
