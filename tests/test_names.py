"""First names, the models that learn to spell them, and the command that trains these."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import compile
from autodiff.cli import main
from autodiff.data import load_names
from autodiff.data.names import ALPHABET, CONTEXT, NOTHING, decoded, encoded
from autodiff.names.learning import (
    HELD_OUT,
    Surprise,
    attention_of,
    held_out_nats,
    learn_to_spell,
    samples,
    split_names,
    symbols_per_name,
)
from autodiff.names.models import MODELS
from autodiff.nn import Sequential
from conftest import SHARED

LETTERS = st.text(ALPHABET[1:], min_size=1, max_size=CONTEXT - 1)


def test_the_packaged_names_are_the_shared_ones() -> None:
    names = load_names()
    assert len(names) == 32_033
    assert all(1 <= len(name) < CONTEXT and set(name) <= set(ALPHABET[1:]) for name in names)
    shared = SHARED / "names" / "names.txt"
    if not shared.is_file():
        pytest.skip("needs the names in shared, which are not here")
    assert names == shared.read_text().split()


@given(st.lists(LETTERS, min_size=1, max_size=4))
def test_names_as_numbers_and_back(names: list[str]) -> None:
    pairs = encoded(names)
    for name, x, t in zip(names, pairs.inputs, pairs.targets, strict=True):
        assert decoded(t[: len(name) + 1].astype(int)) == name
        assert x[1 : len(name) + 1].tolist() == t[: len(name)].tolist()
        assert (x[0], t[len(name)]) == (0, 0)
        assert set(t[len(name) + 1 :]) <= {NOTHING}
    assert symbols_per_name(pairs) == np.mean([len(name) + 1 for name in names])


@pytest.mark.parametrize("name", ["", "Ada", "a.b", "é", "a" * 16])
def test_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="a name has 1 to 15 letters from a to z"):
        encoded([name])


def test_held_out_names_are_never_trained_on() -> None:
    training, aside = split_names()
    assert (len(training), len(aside)) == (29_733, HELD_OUT)
    again, other = split_names(50)
    assert len(again) == 50
    np.testing.assert_array_equal(aside.inputs, other.inputs)
    np.testing.assert_array_equal(training.inputs[:50], again.inputs)
    assert not {row.tobytes() for row in training.inputs} & {row.tobytes() for row in aside.inputs}
    with pytest.raises(ValueError, match="expected 1 to 29,733 names to learn from, got 40,000"):
        split_names(40_000)


def by_hand(logits: np.ndarray, targets: np.ndarray) -> float:
    """-log of the probability of each symbol, by its definition."""
    total = 0.0
    for row, symbol in zip(logits, targets.astype(int), strict=True):
        if symbol >= 0:
            total -= math.log(math.exp(row[symbol]) / sum(map(math.exp, row)))
    return total


def test_the_surprise_of_a_name() -> None:
    pairs = encoded(["ada", "bo"])
    logits = np.random.default_rng(0).normal(size=(2, CONTEXT, len(ALPHABET)))
    loss = Surprise(symbols_per_name(pairs))
    expected = [by_hand(z, t) / 3.5 for z, t in zip(logits, pairs.targets, strict=True)]
    flat = logits.reshape(2, -1)
    rows = zip(flat.tolist(), pairs.targets.tolist(), strict=True)
    assert [loss(*row) for row in rows] == pytest.approx(expected, rel=1e-12)
    found = compile(loss, batched=("outputs", "target"))(flat, pairs.targets)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", MODELS)
def test_every_model_looks_back_alone(kind: str) -> None:
    model = MODELS[kind].model(0)
    generator = np.random.default_rng(0)
    for parameter in model.parameters():
        parameter.data += float(generator.normal(0, 0.1))
    first, second = encoded(["annabella", "annabelle"]).inputs
    assert model.output_shape((CONTEXT,)) == (CONTEXT, len(ALPHABET))
    found = np.array([[[v.data for v in row] for row in model(x)] for x in (first, second)])
    before = 9  # the stop and eight letters
    np.testing.assert_array_equal(found[0, :before], found[1, :before])
    assert not np.array_equal(found[0, before], found[1, before])


@pytest.mark.parametrize("kind", MODELS)
def test_every_model_learns(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    speller = learn_to_spell(kind, names=1_000, epochs=1, progress=False)
    assert speller.nats < math.log(27) - 0.2
    first = capsys.readouterr().out
    assert first.endswith("parameters: 1,000 names to learn from, 2,000 held out\n")


def test_the_seed_says_all() -> None:
    runs = [
        learn_to_spell("bigram", names=600, epochs=1, seed=s, progress=False) for s in (1, 1, 2)
    ]
    assert runs[0].nats == runs[1].nats != runs[2].nats
    assert runs[0].nats == held_out_nats(runs[0].model, split_names()[1])
    made = samples(runs[0].model, 5, seed=3)
    assert made == samples(runs[1].model, 5, seed=3) != samples(runs[1].model, 5, seed=4)
    assert all(set(name) <= set(ALPHABET[1:]) for name in made)


def test_a_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    options: dict[str, Any] = {"names": 200, "progress": False}
    whole = learn_to_spell("bigram", epochs=1, **options, checkpoint=path)
    again = learn_to_spell("bigram", epochs=1, **options, checkpoint=path)
    assert again.nats == whole.nats
    assert len(again.history.epochs) == 1


def test_samples_follow_the_probabilities() -> None:
    """A table that says b after the stop, and after b as often b as the end."""
    model = MODELS["bigram"].model(0)
    for row in model.layers[0].rows:  # type: ignore[attr-defined]
        for value in row:
            value.data = -50.0
    table = model.layers[0].rows  # type: ignore[attr-defined]
    table[0][2].data = table[2][0].data = table[2][2].data = 0.0
    lengths = [len(name) for name in samples(model, 2_000)]
    assert min(lengths) == 1
    assert np.mean(lengths) == pytest.approx(2, abs=5 * math.sqrt(2 / 2_000))


def test_attention_of_a_name() -> None:
    shares = attention_of(MODELS["gpt"].model(0), "emma")
    assert shares.shape == (4, 5, 5)
    np.testing.assert_allclose(shares.sum(2), 1, rtol=1e-12)
    assert not np.triu(shares, 1).any()
    with pytest.raises(ValueError, match="this model has no attention"):
        attention_of(MODELS["mlp"].model(0), "emma")
    with pytest.raises(ValueError, match="no attention"):
        attention_of(Sequential(), "emma")


# -------------------------------------------------------------------------------- the command


def test_the_command_trains_saves_and_loads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="plots need matplotlib")
    model, picture = tmp_path / "m.npz", tmp_path / "emma.svg"
    shown = ["--attention", "emma", "-o", str(picture)]
    quick = ["--names", "500", "--epochs", "1", "--samples", "3"]
    assert main(["names", *quick, "--save", str(model), *shown]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == f"wrote {model}"
    assert lines[2] == f"wrote {picture}"
    assert lines[3].startswith("made up: ")
    assert lines[3].count(", ") == 2
    words = lines[-1].split()
    assert words[0] == "held-out:"
    assert 2 < float(words[1]) < math.log(27)
    assert words[2:] == ["nats", "per", "character"]
    assert picture.read_text().count("head") >= 4
    assert main(["names", "--load", str(model), "--samples", "3"]) == 0
    assert capsys.readouterr().out.splitlines() == lines[3:]


WRONG = [
    (["--model", "bigram", "--attention", "emma"], "this model has no attention"),
    (["--attention", "Emma"], "a name has 1 to 15 letters"),
    (["--save", "m.txt"], "expected a file name that ends in .npz"),
    (["--save", "/no/such/m.npz"], "there is no folder /no/such"),
    (["--load", "m.npz"], "there is no file m.npz"),
    (["--load", "m.npz", "--epochs", "2"], "--load trains nothing; leave --epochs out"),
    (["--names", "99999"], "expected 1 to 29,733 names"),
]


@pytest.mark.parametrize(("options", "complaint"), WRONG)
def test_what_the_command_refuses(
    options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["names", *options]) == 2
    found = capsys.readouterr()
    assert found.err.count("\n") == 1
    assert complaint in found.err


def test_a_model_of_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from autodiff.nn import MLP

    path = MLP(16, [27]).save(tmp_path / "m.npz")
    assert main(["names", "--load", str(path)]) == 2
    assert "is no network that spells names; names --save writes one" in capsys.readouterr().err
