"""Training by name, and models in files, as the command line offers them."""

from __future__ import annotations

import dataclasses
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from autodiff import digits, nn
from autodiff.cli import main
from autodiff.data import Dataset, Pairs, load_subset
from autodiff.digits import learn_to_read, most_frequent_mistakes
from autodiff.digits.presets import PRESETS
from autodiff.nn import files
from autodiff.training import predict


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_idx(folder: Path, dataset: Dataset, prefix: str) -> None:
    """A data set as MNIST's own files."""
    images = np.round(dataset.images * 255).astype(np.uint8)
    header = struct.pack(">IIII", 2051, len(images), 28, 28)
    (folder / f"{prefix}-images-idx3-ubyte").write_bytes(header + images.tobytes())
    header = struct.pack(">II", 2049, len(images))
    labels = dataset.labels.astype(np.uint8).tobytes()
    (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(header + labels)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_model_for_mnist(name: str) -> None:
    preset = PRESETS[name]
    model = preset.model(0)
    outputs = 784 if preset.repeats_images else 10
    assert model.output_shape((784,)) == (outputs,)
    assert repr(preset.model(0)) == repr(model)
    same = [p.data for p in preset.model(0).parameters()]
    assert [p.data for p in model.parameters()] == same
    optimizer = preset.optimizer(model.parameters(), 100)
    assert optimizer.parameters == model.parameters()


def test_the_whole_of_mnist_is_divided_as_is_the_custom() -> None:
    assert 60_000 * digits.reading._share_aside(60_000) == pytest.approx(10_000)
    assert 5_000 * digits.reading._share_aside(5_000) == pytest.approx(500)


def test_the_lectures_network_is_the_lectures() -> None:
    preset = PRESETS["lecture"]
    model = preset.model(0)
    optimizer = preset.optimizer(model.parameters(), 1)
    assert len(model.parameters()) == 784 * 40 + 40 + 40 * 40 + 40 + 40 * 10 + 10
    assert (optimizer.learning_rate, optimizer.momentum) == (0.1, 0.0)  # type: ignore[attr-defined]
    assert (preset.batch_size, preset.epochs) == (32, 15)
    assert len(PRESETS["keras"].model(0).parameters()) == 476_490


def test_train_save_evaluate_and_predict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--images", "3000", "--epochs", "10", "--save", "m.npz"]) == 0
    out = capsys.readouterr().out
    assert "wrote m.npz" in out
    model = files.load("m.npz")
    test = load_subset().sample(300, seed=9)
    write_idx(tmp_path, test, "t10k")
    assert main(["evaluate", "m.npz", "--data", str(tmp_path)]) == 0
    right = int((predict(model, test.images) == test.labels).sum())
    out = capsys.readouterr().out
    assert out.startswith(f"test images: {right} of 300 right, {100 * right / 300:.1f} %\n")
    assert right > 250

    image_module = pytest.importorskip("PIL.Image", reason="pictures need Pillow")
    for i in range(30):
        pixels = (255 * (1 - test.images[i].reshape(28, 28))).astype(np.uint8)
        image_module.fromarray(pixels).resize((112, 112)).save(f"{i}.png")
    names = [f"{i}.png" for i in range(30)]
    assert main(["predict", "m.npz", *names]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == names
    said = [int(line.split()[1]) for line in lines]
    assert sum(a == b for a, b in zip(said, test.labels[:30].tolist(), strict=True)) >= 25


@pytest.mark.parametrize("seed", [0, 3])
def test_a_model_is_evaluated_on_the_tenth_that_it_was_not_trained_on(
    seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--seed", str(seed)]
    assert main(["train", "--hidden", "8", "--epochs", "1", "--save", "m.npz", *given]) == 0
    trained = capsys.readouterr().out
    assert main(["evaluate", "m.npz", "--data", "subset", *given]) == 0
    said = capsys.readouterr().out
    accuracy = re.search(r"validation accuracy: (\d+\.\d %)", trained)
    assert accuracy is not None
    assert said.startswith(f"packaged images that training with seed {seed} sets aside: ")
    assert f" of 500 right, {accuracy[1]}\n" in said


def test_the_hint_of_evaluate_leads_on(capsys: pytest.CaptureFixture[str]) -> None:
    files.save(PRESETS["quick"].model(0), "m.npz")
    assert main(["evaluate", "m.npz", "--data", "nowhere"]) == 2
    assert "--data subset, gives the 5,000 packaged images" in capsys.readouterr().err
    assert main(["evaluate", "m.npz", "--data", "subset"]) == 0


def test_a_folder_without_test_files_is_measured_on_its_training_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_idx(tmp_path, load_subset().sample(40), "train")
    files.save(PRESETS["quick"].model(0), "m.npz")
    assert main(["evaluate", "m.npz", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("training images (there are no test files): ")


def test_an_autoencoder_draws_its_codes_and_a_film(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    image_module = pytest.importorskip("PIL.Image", reason="plots need matplotlib")
    small = dataclasses.replace(
        PRESETS["autoencoder"], model=lambda seed: nn.Autoencoder(784, [8, 2], seed=seed)
    )
    monkeypatch.setitem(PRESETS, "autoencoder", small)
    arguments = ["--preset", "autoencoder", "--images", "200", "--epochs", "2", "--save", "a.npz"]
    assert main(["train", *arguments]) == 0
    assert "validation error: 0." in capsys.readouterr().out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a-codes.png", "a-morph.gif", "a.npz"]
    with image_module.open("a-morph.gif") as film:
        assert film.n_frames == 120


def test_a_run_goes_on_from_its_checkpoint(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "--images", "200", "--epochs", "2", "--checkpoint", "run.npz"]
    assert main([*arguments, "--save", "first.npz"]) == 0
    assert main([*arguments, "--save", "again.npz"]) == 0  # there is nothing left to do
    first, again = (files.load(name).parameters() for name in ("first.npz", "again.npz"))
    assert [p.data for p in first] == [p.data for p in again]


def test_a_model_must_read_digits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_idx(tmp_path, load_subset().sample(20), "t10k")
    files.save(nn.Autoencoder(784, [2]), "a.npz")
    assert main(["evaluate", "a.npz", "--data", str(tmp_path)]) == 2
    assert "a.npz is no network that reads digits: it has 784 outputs" in capsys.readouterr().err


BAD = [
    (["train", "--preset", "worst"], "invalid choice: 'worst'"),
    (["train", "--preset", "best", "--hidden", "3"], "says everything itself; leave --hidden out"),
    (["train", "--save", "m.pt"], "--save: expected a file name that ends in .npz, got 'm.pt'"),
    (["train", "--save", "none/m.npz"], "there is no folder none"),
    (["train", "--checkpoint", "run.txt"], "a checkpoint's name that ends in .npz"),
    (["evaluate", "none.npz", "--data", "."], "there is no file none.npz"),
    (["predict", "none.npz", "x.png"], "there is no file none.npz"),
    (["evaluate", "none.npz"], "the following arguments are required: --data"),
]


@pytest.mark.parametrize(("arguments", "complaint"), BAD, ids=range(len(BAD)))
def test_bad_input_is_one_sentence(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(arguments)
    except SystemExit as exit:
        code = exit.code
    said = capsys.readouterr().err
    assert code == 2
    assert complaint in said
    assert list(tmp_path.iterdir()) == []


def test_mistakes_in_words() -> None:
    labels, answers = np.array([1, 1, 1, 2, 3]), np.array([7, 7, 1, 0, 3])
    assert most_frequent_mistakes(labels, answers) == "1 read as 7 (2 times), 2 read as 0 (once)"
    assert most_frequent_mistakes(labels, labels) == ""
    with pytest.raises(ValueError, match="preset must be one of quick, lecture, keras, best"):
        learn_to_read(load_subset(), "worst")


def test_targets_of_an_autoencoder_are_its_images() -> None:
    some = load_subset().sample(5)
    pairs = digits.examples(some, PRESETS["autoencoder"])
    assert isinstance(pairs, Pairs)
    assert pairs.targets is some.images
    assert digits.examples(some, PRESETS["quick"]) is some
