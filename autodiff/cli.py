"""The command line: ``autodiff demo | train | predict | evaluate | names | draw``."""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import sys
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

import autodiff
from autodiff import demo
from autodiff.compiler.targets import JAX
from autodiff.digits import (
    Reader,
    as_shares,
    in_percent,
    learn_to_read,
    load,
    load_reader,
    load_to_evaluate,
    most_frequent_mistakes,
)
from autodiff.digits.presets import PRESETS, Preset, perceptron
from autodiff.expression import evaluate, number
from autodiff.files import check_place, steady_output
from autodiff.graph import Graph
from autodiff.names import command as names
from autodiff.names.learning import attention_of
from autodiff.nn import Sequential
from autodiff.report import table
from autodiff.training import Checkpoint, outputs, predict
from autodiff.training.engines import ENGINES
from autodiff.training.lifeline import Lifeline
from autodiff.training.processes import is_leader, join
from autodiff.value import Value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, or 2 with one sentence on what was wrong."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show × gets a ?
            stream.reconfigure(errors="replace")
    try:
        with steady_output() as (output, _):
            code = _run(given)
            output.flush()
            if output.is_lost and code == 0:
                print(f"autodiff: error: cannot print: {output.failure}", file=sys.stderr)
                code = 2
        return code
    except KeyboardInterrupt:  # between the command and its end
        return 130


def _run(arguments: list[str]) -> int:
    try:
        options = argument_parser().parse_args(_protect_leading_minus(arguments))
        options.run(options)
    except KeyboardInterrupt:
        print("autodiff: stopped", file=sys.stderr)
        return 130
    except _SAID_IN_ONE_SENTENCE as error:
        print(f"autodiff: error: {_sentence(error)}", file=sys.stderr)
        return 2
    return 0


_SAID_IN_ONE_SENTENCE = (
    ValueError, ArithmeticError, TypeError, OSError, ImportError, RuntimeError, MemoryError,
)  # fmt: skip


def _sentence(error: Exception) -> str:
    said = str(error) or "there is not enough memory"
    if isinstance(error, OSError) and error.strerror:  # the system's own words, without its number
        said = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return "; ".join([said, *getattr(error, "__notes__", [])])


_MOST_PARAMETERS = 10_000_000
"""Of a network on the command line: each takes a quarter of a kilobyte."""
_DRAW_OPTIONS = (
    "-h", "--help", "-o", "--output", "--view", "--paths", "--formulas", "--magnitudes", "--theme",
    "--direction", "--number",
)  # fmt: skip


def _protect_leading_minus(arguments: list[str]) -> list[str]:
    """Let ``draw "-x*y"`` through: argparse takes what holds a space for an argument, no option."""
    if arguments[:1] != ["draw"]:
        return arguments
    command, *given = arguments
    is_said = "--" in given  # that the next argument is no option
    place = given.index("--") if is_said else 0
    given[place : place + is_said] = []
    if given[place:] and given[place].startswith("-"):
        option = given[place].partition("=")[0]
        if is_said or option not in _DRAW_OPTIONS:
            given[place] = f" {given[place]}"
    return [command, *given]


# ------------------------------------------------------------------------------------- commands


def _demo(options: argparse.Namespace) -> None:
    if options.output.exists() and not options.output.is_dir():
        raise NotADirectoryError(f"--output: expected a folder, got the file {options.output}")
    demo.run(options.output, images=options.images, epochs=options.epochs, seed=options.seed)


def _train(options: argparse.Namespace) -> None:
    preset = _preset(options)
    if options.save is not None:
        _check_model_file(options.save)
    if options.checkpoint is not None:
        Checkpoint(options.checkpoint)
    lifeline = None
    if options.engine == "jax":
        lifeline = _prepare_jax(options)
    elif options.coordinator or options.processes or options.rank is not None:
        raise ValueError("--coordinator, --processes and --rank are for --engine jax")
    code = 2
    try:
        with contextlib.redirect_stdout(sys.stdout if is_leader() else io.StringIO()):
            _train_here(options, preset)
        code = 0
    except KeyboardInterrupt:
        code = 130
        raise
    finally:
        if lifeline is not None:
            lifeline.leave(code)


def _prepare_jax(options: argparse.Namespace) -> Lifeline | None:
    """Join the other processes, if there are any, and choose the precision."""
    lifeline = None
    given = [options.coordinator, options.processes, options.rank]
    if any(option is not None for option in given):
        if None in given:
            raise ValueError("--coordinator, --processes and --rank go together")
        lifeline = join(*given)
    JAX.check(np.dtype(np.float32))
    import jax

    # Digits are learned as well in float32, which graphics processors compute much faster in.
    jax.config.update("jax_enable_x64", jax.default_backend() == "cpu")
    return lifeline


def _train_here(options: argparse.Namespace, preset: Preset) -> None:
    reader = learn_to_read(
        load(options.data),
        preset,
        images=options.images,
        epochs=options.epochs,
        seed=options.seed,
        engine=options.engine,
        checkpoint=options.checkpoint,
        save=options.save,
    )
    if options.save is not None and is_leader():
        print(f"wrote {options.save}")
        if preset.repeats_images:
            _show_codes(reader, options.save)
    if reader.history.interrupted:
        raise KeyboardInterrupt  # for the exit code; what was learned is kept


def _preset(options: argparse.Namespace) -> Preset:
    """A named one, or a perceptron made of the other options."""
    given = {
        name: getattr(options, name)
        for name in ("hidden", "batch_size", "learning_rate", "momentum")
        if getattr(options, name) is not None
    }
    if options.preset is None:
        return perceptron(**given)
    if given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ValueError(f"--preset {options.preset} says everything itself; leave {names} out")
    return PRESETS[options.preset]


def _check_model_file(path: Path) -> None:
    """Before anything is trained, so that nothing is lost for want of a folder."""
    if path.suffix != ".npz":
        raise ValueError(f"--save: expected a file name that ends in .npz, got {path.name!r}")
    check_place(path)


def _show_codes(reader: Reader, path: Path) -> None:
    """Draw the codes that an autoencoder with two numbers in the middle made of the digits."""
    from autodiff.digits import morph

    for written in morph.pictures(reader.model, reader.validation, path.with_suffix("")):
        print(f"wrote {written}")


def _predict(options: argparse.Namespace) -> None:
    from autodiff.data.pictures import read_digit

    model = load_reader(options.model)
    images = np.array([read_digit(path) for path in options.images])
    scores = outputs(model, images)
    for path, row in zip(options.images, scores, strict=True):
        shares = as_shares(row)
        first, second = np.argsort(-row)[:2]
        print(
            f"{path}: {first} ({in_percent(shares[first])}; "
            f"then {second}, {in_percent(shares[second])})"
        )


def _evaluate(options: argparse.Namespace) -> None:
    model = load_reader(options.model)
    dataset, what = load_to_evaluate(options.data, options.seed)
    classes = predict(model, dataset.images)
    right = int((classes == dataset.labels).sum())
    print(f"{what}: {right:,} of {len(dataset):,} right, {in_percent(right / len(dataset))}")
    if mistakes := most_frequent_mistakes(dataset.labels, classes):
        print(f"most frequent mistakes: {mistakes}")


def _names(options: argparse.Namespace) -> None:
    names.run(options, _draw_attention)


def _draw_attention(model: Sequential, name: str, path: Path) -> Path:
    from viz import plots

    return plots.attention_map(attention_of(model, name), f".{name}").save(path)


def _cache(options: argparse.Namespace) -> None:
    from autodiff.compiler.native.cache import cache_folder, clear_cache, kept_bytes

    folder = cache_folder()
    if folder is None:
        print("no machine code is kept: AUTODIFF_CACHE is set to nothing, or the extra native is "
              "not installed")  # fmt: skip
    elif options.clear:
        print(f"removed {clear_cache() / 1e3:,.0f} kB of machine code from {folder}")
    else:
        print(f"{kept_bytes() / 1e3:,.0f} kB of machine code in {folder}")


def _draw(options: argparse.Namespace) -> None:
    from autodiff import viz

    variables = {name: Value(given, name) for name, given in _named_numbers(options.variables)}
    result = evaluate(options.expression, variables)
    if result.parents:
        result.name = "f" if "f" not in variables else "result"
    paths = None
    if options.paths:
        if options.paths not in variables:
            known = ", ".join(variables) or "none was given"
            raise ValueError(
                f"--paths: expected one of the variables ({known}), got {options.paths!r}"
            )
        paths = (variables[options.paths], result)
    graph = Graph(result)
    unused = [name for name, variable in variables.items() if variable not in graph]
    if unused:
        used = ", ".join(name for name in variables if name not in unused) or "none"
        raise ValueError(
            f"{unused[0]} is not used in the expression (the names that are: {used}); leave it out"
        )
    picture = viz.draw(
        graph,
        options.view,
        paths=paths,
        formulas=options.formulas,
        magnitudes=options.magnitudes,
        theme=options.theme,
        direction=options.direction,
        number=options.number,
    )
    print(table(graph, dict.fromkeys([*variables.values(), result])))
    try:
        path = picture.save(options.output)
    except viz.RendererNotFoundError:
        print(picture.dot)
        raise
    print(f"wrote {path}")


def _named_numbers(pairs: Sequence[str]) -> list[tuple[str, float]]:
    found: dict[str, float] = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        name = unicodedata.normalize("NFKC", name.strip())  # as Python itself reads names
        if not separator or not name.isidentifier():
            raise ValueError(f"expected NAME=NUMBER, such as x=-2, got {pair!r}")
        if name in found:
            raise ValueError(f"{name} was given twice")
        try:
            found[name] = number(text)
        except ValueError:
            raise ValueError(f"expected a number for {name}, got {text!r:.60}") from None
        if math.isinf(found[name]) and "inf" not in text.lower():
            raise ValueError(f"the number for {name} is too large for a float: {text[:40]}")
    return list(found.items())


# -------------------------------------------------------------------------------------- options


def argument_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="autodiff",
        description="Scalar automatic differentiation whose every computation is a graph.",
    )
    parser.add_argument("--version", action="version", version=f"autodiff {autodiff.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser(
        "demo", help="the worked examples, then a network that learns to read digits"
    )
    command.add_argument(
        "-o", "--output", type=Path, default=Path("demo"), metavar="FOLDER",
        help="folder for the pictures (default: %(default)s)",
    )  # fmt: skip
    _add_training_options(command)
    command.set_defaults(run=_demo)

    command = commands.add_parser("train", help="train a multilayer perceptron on real digits")
    command.add_argument(
        "--data", default="subset", metavar="subset|mnist|FOLDER",
        help="5,000 packaged images, the full MNIST, or a folder with its IDX files "
        "(default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--hidden", type=_widths, metavar="40,40",
        help="neurons in each hidden layer (default: 40,40; not with --preset)",
    )  # fmt: skip
    described = "; ".join(f"{name}: {preset.about}" for name, preset in PRESETS.items())
    command.add_argument(
        "--preset", choices=list(PRESETS), help=f"a network and how to train it. {described}"
    )
    _add_training_options(command)
    command.add_argument("--batch-size", type=_count, help="default: 16; not with --preset")
    command.add_argument("--learning-rate", type=float, help="default: 0.02; not with --preset")
    command.add_argument("--momentum", type=float, help="default: 0.9; not with --preset")
    command.add_argument(
        "--save", type=Path, metavar="M.npz", help="write the trained model to this file"
    )
    command.add_argument(
        "--checkpoint", type=Path, metavar="RUN.npz",
        help="keep the run in this file, and go on from it if it is there",
    )  # fmt: skip
    command.add_argument(
        "--engine", choices=list(ENGINES), default="compiled",
        help="jax trains on all devices that JAX has (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--coordinator", metavar="HOST:PORT",
        help="with --engine jax on several machines: the address of rank 0",
    )  # fmt: skip
    command.add_argument("--processes", type=_count, metavar="N", help="number of processes")
    command.add_argument("--rank", type=_seed, metavar="K", help="number of this process, from 0")
    command.set_defaults(run=_train)

    command = commands.add_parser("predict", help="read the digits in pictures")
    command.add_argument(
        "model", type=Path, metavar="M.npz", help="a model that train --save wrote"
    )
    command.add_argument(
        "images", nargs="+", type=Path, metavar="PICTURE",
        help="a picture of one digit, of any size, dark on light or light on dark",
    )  # fmt: skip
    command.set_defaults(run=_predict)

    command = commands.add_parser("evaluate", help="measure a model on labelled digits")
    command.add_argument(
        "model", type=Path, metavar="M.npz", help="a model that train --save wrote"
    )
    command.add_argument(
        "--data", required=True, metavar="subset|mnist|FOLDER",
        help="the packaged images that training sets aside, MNIST's test images, or a folder: its "
        "test files, else its training files",
    )  # fmt: skip
    command.add_argument(
        "--seed", type=_seed, default=0,
        help="seed of the training, with --data subset (default: %(default)s)",
    )  # fmt: skip
    command.set_defaults(run=_evaluate)

    command = commands.add_parser("names", help="train a model of characters on first names")
    names.add_options(command, _count, _seed)
    command.set_defaults(run=_names)

    command = commands.add_parser(
        "cache", help="show the folder and the size of the cache of machine code"
    )
    command.add_argument("--clear", action="store_true", help="remove all of it")
    command.set_defaults(run=_cache)

    command = commands.add_parser(
        "draw",
        help="draw the graph of an expression",
        epilog='example: autodiff draw "(x+y)*z" x=-2 y=5 z=-4 -o f.svg',
    )
    command.add_argument("expression", help="for example (x+y)*z; pi and e are known")
    command.add_argument(
        "variables", nargs="*", metavar="NAME=NUMBER", help="for example x=-2 or y=1/3"
    )
    command.add_argument(
        "-o", "--output", type=Path, default=Path("graph.svg"), metavar="FILE",
        help=".svg, .png, .pdf, .dot or .html (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--view", choices=["both", "forward", "backward", "derivatives"],
        help="default: both; with --paths, derivatives",
    )  # fmt: skip
    command.add_argument(
        "--paths", metavar="NAME",
        help="highlight the paths from this variable, with their products and their sum",
    )  # fmt: skip
    command.add_argument(
        "--formulas", action="store_true", help="write the formula of each local derivative"
    )
    command.add_argument(
        "--magnitudes", action="store_true",
        help="colour wires by the sign of their gradient, and widen them by its size",
    )  # fmt: skip
    command.add_argument(
        "--theme", choices=["light", "dark", "print"], default="light", help="default: %(default)s"
    )
    command.add_argument(
        "--direction", choices=["right", "down"], default="right", help="default: %(default)s"
    )
    command.add_argument(
        "--number", default=".4g", metavar="FORMAT",
        help="format of numbers, such as .2f (default: %(default)s)",
    )  # fmt: skip
    command.set_defaults(run=_draw)
    return parser


def _add_training_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--images",
        type=_count,
        help="number of images to train on (default: all but those set aside)",
    )
    command.add_argument("--epochs", type=_count, help="default: 15, or the preset's")
    command.add_argument(
        "--seed",
        type=_seed,
        default=0,
        help="the same seed gives the same run (default: %(default)s)",
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text!r}")
    return int(text)


def _widths(text: str) -> list[int]:
    try:
        widths = [int(width) for width in text.split(",")]
    except ValueError:
        widths = [0]
    if min(widths) < 1:
        raise argparse.ArgumentTypeError(
            f"expected positive whole numbers with commas between, such as 40,40, got {text!r:.60}"
        )
    sizes = [784, *widths, 10]
    parameters = sum((before + 1) * after for before, after in pairwise(sizes))
    if parameters > _MOST_PARAMETERS:
        raise argparse.ArgumentTypeError(
            f"expected a network of at most {_MOST_PARAMETERS:,} parameters, got {parameters:.4g}"
        )
    return widths
