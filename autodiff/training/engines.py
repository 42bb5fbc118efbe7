"""Engines: ways to run a model on examples, with the same numbers.

The eager engine builds a graph of Values for each example. The compiled engine traces the model and
its loss once, and runs the program on whole batches; the one of ``jax_engine.py`` does so by JAX.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autodiff.compiler import Compiled
from autodiff.compiler.targets import JAX
from autodiff.data.dataset import Dataset
from autodiff.nn import Module
from autodiff.nn.batch import BATCHED, Probe, flattened, loss_and_outputs, probe
from autodiff.nn.batch_norm import Followed, running_values
from autodiff.nn.dropout import factors, factors_given
from autodiff.nn.losses import LOSSES, Loss, target_rows
from autodiff.nn.probabilities import threshold
from autodiff.nn.programs import programs_of
from autodiff.optim import Optimizer
from autodiff.recording import no_grad
from autodiff.value import Value, as_values


class Measured(NamedTuple):
    """The sum of the losses of some examples, and how many were told right; NaN without labels."""

    loss: float
    right: float


class Unmeasured(NamedTuple):
    """Steps that were started, and examples in them, of which nothing was told yet."""

    steps: int
    examples: int


class Engine(Protocol):
    """The interface of an engine of training."""

    @property
    def unmeasured(self) -> Unmeasured:
        """The steps that were started and are not measured yet."""

    def step(self, batch: Dataset) -> Measured:
        """One optimizer step on the mean loss of a batch; what was measured since the last one."""

    def settle(self) -> Measured:
        """Wait for what was started; what was measured in it."""

    def measure(self, examples: Dataset) -> Measured:
        """Losses and right answers, without training."""

    def finish(self) -> None:
        """Leave the model with its present parameters."""


class _Local:
    """The common part of engines: a model, and the facts that one example shows about it.

    Steps have ended when they return.
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        optimizer: Optimizer | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.generator = generator or np.random.default_rng(0)
        self._probes: dict[bool, Probe] = {}

    def probed(self, examples: Dataset) -> Probe:
        """Return the facts that the first example shows about the model in its present mode."""
        if self.model.is_training not in self._probes:
            self._probes[self.model.is_training] = probe(self.model, examples.inputs[0])
        return self._probes[self.model.is_training]

    def draw(self, batch: Dataset) -> NDArray[np.float64]:
        """The factors of dropped units, one row for each example, drawn for a whole batch."""
        rates = self.probed(batch).rates
        if not len(rates):
            return np.zeros((len(batch), 0))
        return np.array(factors(self.generator.random((len(batch), len(rates))), rates))

    @property
    def unmeasured(self) -> Unmeasured:
        """Nothing is waited for."""
        return Unmeasured(0, 0)

    def settle(self) -> Measured:
        """There is nothing to wait for."""
        return Measured(0.0, 0.0)


class EagerEngine(_Local):
    """A graph of Values for each example."""

    def step(self, batch: Dataset) -> Measured:
        """One graph and one backward pass for each example; their gradients add up."""
        assert self.optimizer is not None
        self.optimizer.zero_grad()
        total, right = 0.0, 0.0
        drawn = self.draw(batch).tolist()
        rows = zip(batch.inputs.tolist(), batch.targets.tolist(), drawn, strict=True)
        for example, target, kept in rows:
            with factors_given(kept):
                outputs = flattened(self.model(example))
            (loss,) = as_values([self.loss(outputs, target)])
            _check_finite(loss.data, target)
            (loss / len(batch)).backward()
            total += loss.data
            right += _is_right(outputs, target)
        self.optimizer.step()
        return Measured(total, right)

    def measure(self, examples: Dataset) -> Measured:
        """Example by example, nothing recorded."""
        total, right = 0.0, 0.0
        for example, target in zip(
            examples.inputs.tolist(), examples.targets.tolist(), strict=True
        ):
            with no_grad():
                outputs = flattened(self.model(example))
                (loss,) = as_values([self.loss(outputs, target)])
            total += loss.data
            right += _is_right(outputs, target)
        return Measured(total, right)

    def finish(self) -> None:
        """The parameters are those of the model at any time."""


class _Key(NamedTuple):
    """The key of a program: training or not, and one label, or any."""

    is_training: bool
    label: int | None


class CompiledEngine(_Local):
    """A program for all examples of a batch; parameters are one vector while it trains.

    The losses of this package take targets as inputs, so that one program serves all examples.
    Another loss of labels is compiled for each label by itself, because it may be undefined for
    the labels that are wrong.

    Raises:
        TypeError: if the model or the loss cannot be traced.
    """

    kind: Hashable = "compiled"
    """The engine's part of the key under which a model keeps a program."""

    def __init__(
        self,
        model: Module,
        loss: Loss,
        optimizer: Optimizer | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__(model, loss, optimizer, generator)
        self.programs: dict[_Key, _Program] = {}
        self.numbers: NDArray[np.float64] | None = None
        self.place: dict[Value, int] = {}
        self.trained: list[int] = []

    def step(self, batch: Dataset) -> Measured:
        """Forward and adjoint on the whole batch, then one step on the vector of parameters."""
        drawn = self.draw(batch)
        parts = list(self._parts(batch, drawn))
        for program, *_ in parts:
            self._make_room(program)
        assert self.numbers is not None
        gradient: NDArray[np.float64] | None = None
        total, right = 0.0, 0.0
        for program, part, inputs in parts:
            places = program.places
            own = self.numbers if places is None else self.numbers[places]
            out, slopes = program.compiled.captured_gradient(own, *inputs)
            self._check(out, part, inputs)
            if places is not None:
                slopes, partial = np.zeros(len(self.numbers)), slopes
                slopes[places] = partial
            gradient = slopes if gradient is None else gradient + slopes
            total += float(out[0].sum())
            right += self._right(program.followed.outputs_in(out), part)
            program.followed.follow(out)
        assert gradient is not None
        gradient /= len(batch)
        self._move(gradient)
        return Measured(total, right)

    def measure(self, examples: Dataset) -> Measured:
        """Forward on the whole set."""
        self.finish()
        total, right = 0.0, 0.0
        drawn = np.zeros((len(examples), 0))
        for program, part, inputs in self._parts(examples, drawn):
            losses, outputs, _ = program.compiled(*inputs)
            total += float(np.sum(losses))
            right += self._right(np.array(outputs), part)
        return Measured(total, right)

    def finish(self) -> None:
        """Write the vector of parameters back to the model."""
        if self.numbers is not None:
            for parameter, number in zip(self.place, self.numbers.tolist(), strict=True):
                parameter.data = number

    # ------------------------------------------------------------------------------- programs

    def _parts(self, examples: Dataset, drawn: NDArray[np.float64]) -> Iterator[Part]:
        """The examples that one program computes: all of them, or those of each label."""
        training = self.model.is_training
        count = len(examples)
        takes_vectors = not examples.has_labels or self.loss in LOSSES.values()
        if takes_vectors:
            outputs = self.probed(examples).outputs if examples.has_labels else 0
            targets = target_rows(self.loss, examples.targets, count, outputs)
            inputs = [examples.inputs, targets, drawn]
            yield self._program(_Key(training, None), inputs), examples, inputs
            return
        if training and running_values(self.model):
            raise ValueError(
                "BatchNorm needs a whole batch, and a loss of labels that is not of autodiff.nn is "
                "computed for each label by itself; give targets as vectors"
            )
        for label in np.unique(examples.targets).tolist():
            at = np.flatnonzero(examples.targets == label)
            inputs = [examples.inputs[at], np.zeros((len(at), 0)), drawn[at]]
            yield self._program(_Key(training, label), inputs), examples.take(at), inputs

    def _program(self, key: _Key, inputs: list[NDArray[Any]]) -> _Program:
        if key not in self.programs:
            compiled, followed = self._kept(key)
            try:
                compiled.specialize(*inputs)
            except TypeError as error:
                error.add_note('engine="eager" also runs models that cannot be traced')
                raise
            self.programs[key] = _Program(compiled, followed)
        return self.programs[key]

    def _kept(self, key: _Key) -> tuple[Compiled, Followed]:
        """The program, and the layers that follow its batches.

        They belong to the model; with a loss that is not ours, to this run.
        """

        def make() -> tuple[Compiled, Followed]:
            followed = Followed()
            function = loss_and_outputs(self.model, self.loss, followed, key.label)
            return self._compiled(function), followed

        if self.loss not in LOSSES.values():  # it may see what changes between two runs
            return make()
        programs = programs_of(self.model)
        return programs.get(("loss", self.kind, self.loss, programs.modes), make)

    def _compiled(self, function: Callable[..., Any]) -> Compiled:
        return Compiled(function, BATCHED)

    def _right(self, outputs: NDArray[np.float64], part: Dataset) -> float:
        """Count the examples that are answered right."""
        least = self.probed(part).threshold if len(outputs) == 1 else 0.0
        return right_answers(outputs, part, least)

    # ----------------------------------------------------------------------------- parameters

    def _make_room(self, program: _Program) -> None:
        """Numbers for everything that the program captured, in the vector of parameters.

        They are read from the model once, in the order of the first program, which the optimizer
        takes over.
        """
        if program.has_room:
            return
        assert self.optimizer is not None
        captured = program.compiled.captured
        wanted = dict.fromkeys(
            [*captured, *self.optimizer.parameters]
        )  # others keep their momentum
        new = [value for value in wanted if value not in self.place]
        self.place.update({value: i for i, value in enumerate(new, start=len(self.place))})
        old = [] if self.numbers is None else self.numbers.tolist()
        self.numbers = np.array([*old, *[value.data for value in new]], float)
        own, values = set(self.optimizer.parameters), list(self.place)
        self.trained = [i for i, value in enumerate(values) if value in own]
        self.optimizer.arrange([values[i] for i in self.trained])
        program.has_room = True
        for other in self.programs.values():
            places = [self.place[value] for value in other.compiled.captured if value in self.place]
            is_whole = places == list(range(len(self.numbers)))
            other.places = None if is_whole else np.array(places, np.int64)

    def _move(self, gradient: NDArray[np.float64]) -> None:
        """One step of the optimizer, on the vector, or its own step where it has one."""
        optimizer, numbers = self.optimizer, self.numbers
        assert optimizer is not None
        assert numbers is not None
        if type(optimizer).step is not Optimizer.step:
            self._step_by_parameter(gradient)
        elif len(self.trained) == len(numbers):
            optimizer.move(numbers, gradient)
        else:
            moved = numbers[self.trained]
            optimizer.move(moved, gradient[self.trained])
            numbers[self.trained] = moved

    def _step_by_parameter(self, gradient: NDArray[np.float64]) -> None:
        assert self.optimizer is not None
        self.finish()
        self.optimizer.zero_grad()
        for parameter, slope in zip(self.place, gradient.tolist(), strict=True):
            parameter.grad = slope
        self.optimizer.step()
        self.numbers = np.array([parameter.data for parameter in self.place], float)

    def _check(self, out: NDArray[np.float64], batch: Dataset, inputs: list[NDArray[Any]]) -> None:
        """Raise what the model itself says on the first example whose loss is not finite."""
        bad = np.flatnonzero(~np.isfinite(out[0]))
        if len(bad):
            self.finish()
            at = int(bad[0])
            check_example(self.model, self.loss, batch, at, inputs[2][at].tolist())
            _check_finite(float(out[0, at]), batch.targets[at].tolist())


@dataclass
class _Program:
    """A compiled loss, and where its captured Values stand in the engine's vector; None: as is."""

    compiled: Compiled
    followed: Followed
    places: NDArray[np.int64] | None = None
    has_room: bool = False


Part: TypeAlias = "tuple[_Program, Dataset, list[NDArray[Any]]]"
"""A program, the examples of a batch that it computes, and its arguments."""


def right_answers(outputs: NDArray[np.float64], examples: Dataset, least: float = 0.0) -> float:
    """Count the examples whose largest output is at their label; NaN without labels.

    Args:
        outputs: shape (outputs, count).
        least: what a single output must exceed to stand for label 1.
    """
    if not examples.has_labels:
        return math.nan
    answers = outputs[0] > least if len(outputs) == 1 else outputs.argmax(0)
    return float((answers == examples.targets).sum())


def _is_right(outputs: Sequence[Any], target: Any) -> float:
    if isinstance(target, list):
        return math.nan
    numbers = [value.data for value in as_values(outputs)]
    if len(numbers) == 1:
        return float((numbers[0] > threshold(outputs)) == target)
    return float(numbers.index(max(numbers)) == target)


def _check_finite(loss: float, target: Any) -> None:
    if not math.isfinite(loss):
        of = "" if isinstance(target, list) else f" of class {target}"
        raise FloatingPointError(
            f"the loss of a training example{of} became {loss}; a smaller learning rate may help"
        )


def check_example(
    model: Module, loss: Loss, batch: Dataset, at: int, kept: Sequence[float] = ()
) -> None:
    """Raise what the model itself raises on an example, or that its loss is not finite.

    Args:
        kept: the factors of dropped units.
    """
    target = batch.targets[at].tolist()
    with factors_given(list(kept)):
        outputs = flattened(model(batch.inputs[at].tolist()))
    _check_finite(loss(outputs, target).data, target)


def dtype_on_jax() -> str:
    """The precision of the engine on JAX: as JAX's own mode is."""
    JAX.check(np.dtype(np.float32))
    import jax

    return "float64" if jax.config.jax_enable_x64 else "float32"


def _jax_engine(*arguments: Any) -> Engine:
    """The engine on JAX, which is imported only where it is wanted."""
    JAX.check(np.dtype(np.float32))
    from autodiff.training.jax_engine import JaxEngine

    return JaxEngine(*arguments)


ENGINES: dict[str, Callable[..., Engine]] = {
    "compiled": CompiledEngine,
    "eager": EagerEngine,
    "jax": _jax_engine,
}
