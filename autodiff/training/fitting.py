"""Training: a model learns from examples, epoch by epoch."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff.data.dataset import Dataset, real_numbers
from autodiff.nn import Module, cross_entropy
from autodiff.nn.batch import flattened, outputs_program, probe
from autodiff.nn.batch_norm import running_values
from autodiff.nn.losses import LOSSES, Loss
from autodiff.nn.programs import programs_of
from autodiff.optim import SGD, Optimizer
from autodiff.recording import no_grad
from autodiff.training.bar import EpochBar
from autodiff.training.checkpoints import Checkpoint, State
from autodiff.training.descriptions import described, fingerprint, rule
from autodiff.training.engines import ENGINES, Engine, Measured, dtype_on_jax
from autodiff.training.history import Epoch, History
from autodiff.training.interrupts import patient_interrupts
from autodiff.training.processes import (
    are_several,
    check_agreement,
    checkpoint_of,
    is_leader,
    naming_lost_processes,
)
from autodiff.transforms import is_index
from autodiff.value import Value, as_values

FEW = 32
"""Examples for which it does not pay to compile."""

Array = NDArray[Any]
Augment = Callable[[Array, np.random.Generator], Array]
"""Inputs as they are met, anew each time: the inputs of a batch and a generator give others."""
Callback = Callable[[int, Epoch, Module], object]
"""Called after each epoch with its number, from 1, and what was measured; True ends training."""


def fit(
    model: Module,
    training: Dataset,
    validation: Dataset | None = None,
    *,
    epochs: int = 3,
    batch_size: int = 16,
    optimizer: Optimizer | None = None,
    loss: Loss | str = cross_entropy,
    seed: int = 0,
    engine: str = "compiled",
    progress: bool = True,
    augment: Augment | None = None,
    callbacks: Sequence[Callback] = (),
    patience: int | None = None,
    keep_best: bool = False,
    checkpoint: Checkpoint | str | os.PathLike[str] | None = None,
) -> History:
    """Train a model by mini-batch gradient descent on the mean loss of each batch.

    Args:
        model: maps one example, a list of numbers, to one number per class, or per target.
        training, validation: examples with labels, or with targets.
        epochs: passes over the training examples.
        batch_size: examples per step, at most; they are divided into batches evenly.
        optimizer: of the model's parameters, or of some; made without parameters, it takes all. By
            default SGD with learning rate 0.02 and momentum 0.9.
        loss: of one example, from its outputs and its label or targets; or the name of one in
            ``autodiff.nn.losses.LOSSES``.
        seed: of the order in which examples are met, of dropout and of augmentation; the same seed
            gives the same run.
        engine: ``"compiled"`` traces the model once and runs whole batches; ``"eager"`` builds a
            graph of Values for each example; ``"jax"`` runs whole batches and the optimizer on
            all devices that JAX has. All give the same parameters; JAX computes in float32 unless
            its 64-bit mode is on.
        progress: whether to show a progress bar.
        augment: changes the inputs of a batch each time they are met, as
            :class:`autodiff.data.Augmentation` does.
        callbacks: called after each epoch.
        patience: stop after so many epochs without a better validation loss.
        keep_best: leave the model with the parameters of the best validation loss, not the last.
        checkpoint: a file, or a :class:`Checkpoint`, from which an interrupted run goes on.

    Returns:
        The history. Ctrl-C ends training early and returns what there is. The model is left in
        evaluation mode.

    Raises:
        ValueError: if examples, labels, options or the optimizer do not fit the model, before
            anything is trained.
        FloatingPointError: if the loss of an example is not finite; it says in which step, and the
            model keeps its last state.

    >>> from autodiff.data import moons
    >>> from autodiff.nn import MLP
    >>> from autodiff.optim import Adam
    >>> model = MLP(2, [8, 2])
    >>> optimizer = Adam(model.parameters(), 0.02)
    >>> history = fit(model, moons(), epochs=20, optimizer=optimizer, progress=False)
    >>> len(history.epochs), evaluate(model, moons(seed=1))[1] > 0.9
    (20, True)
    """
    task = _Task(
        model, training, validation, epochs, batch_size, optimizer, _loss(loss), seed, engine,
        progress, augment, callbacks, patience, keep_best, checkpoint,
    )  # fmt: skip
    task.check()
    run = _Run(task)
    if not task.is_shared:
        return run.until_done()
    with naming_lost_processes():
        check_agreement(run.agreement())
        return run.until_done()


@dataclass(frozen=True)
class _Task:
    """Everything that :func:`fit` was told."""

    model: Module
    training: Dataset
    validation: Dataset | None
    epochs: int
    batch_size: int
    optimizer: Optimizer | None
    loss: Loss
    seed: int
    engine: str
    progress: bool
    augment: Augment | None
    callbacks: Sequence[Callback]
    patience: int | None
    keep_best: bool
    checkpoint: Checkpoint | str | os.PathLike[str] | None

    @property
    def is_shared(self) -> bool:
        """Whether several processes do this together."""
        return self.engine == "jax" and are_several()

    @property
    def sets(self) -> dict[str, Dataset]:
        """The examples that were given, by name."""
        given = {"training": self.training, "validation": self.validation}
        return {name: examples for name, examples in given.items() if examples is not None}

    def check(self) -> None:
        """Raise TypeError or ValueError where something does not fit, before anything is done."""
        self._check_kinds()
        _check_engine(self.engine)
        for name, number in (("epochs", self.epochs), ("batch_size", self.batch_size)):
            if not is_index(number) or number < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {number!r}")
        for name, examples in self.sets.items():
            if len(examples) == 0:
                raise ValueError(f"there are no {name} images")
        patience = self.patience
        if patience is not None and (not is_index(patience) or patience < 1):
            raise ValueError(f"patience must be a whole number of at least 1, got {patience!r}")
        if self.validation is None and (self.keep_best or patience is not None):
            raise ValueError("patience and keep_best need validation examples to watch")
        for examples in self.sets.values():
            self._try(examples)

    def _check_kinds(self) -> None:
        for name, examples in self.sets.items():
            if not isinstance(examples, Dataset):
                raise TypeError(
                    f"{name}: expected a Dataset, got {type(examples).__name__}; arrays are for "
                    "model.fit(x, y)"
                )
        if self.optimizer is not None and not isinstance(self.optimizer, Optimizer):
            raise TypeError(
                "optimizer: expected one of autodiff.optim, such as Adam(model.parameters()), got "
                f"{self.optimizer!r:.60}"
            )
        if callable(self.callbacks) or not all(map(callable, self.callbacks)):
            raise TypeError(
                "callbacks: expected a list of functions of the epoch, what was measured, and the "
                "model; patience=, keep_best= and checkpoint= stop early and keep what was learned"
            )

    def _try(self, examples: Dataset) -> None:
        """The model and the loss on the example with the largest label."""
        with no_grad():
            last = int(examples.targets.argmax()) if examples.has_labels else 0
            outputs = flattened(self.model(examples.inputs[last].tolist()))
            self.loss(outputs, examples.targets[last].tolist())

    def optimizer_of_the_model(self) -> Optimizer:
        """The optimizer that was given, or the usual one, with parameters of the model.

        Raises:
            ValueError: if there is nothing to train, or it moves another model's parameters alone.
        """
        own = self.model.parameters()
        if self.optimizer is None:
            return SGD(own, learning_rate=0.02, momentum=0.9)
        if not self.optimizer.parameters:
            self.optimizer.bind(own)
        elif set(own).isdisjoint(self.optimizer.parameters):
            raise ValueError(
                f"{type(self.optimizer).__name__} moves none of the model's parameters; make it "
                "from this model's parameters()"
            )
        return self.optimizer


class _Run:
    """Training in progress: everything that happens between two batches."""

    def __init__(self, task: _Task) -> None:
        self.task = task
        self.model, self.training, self.validation = task.model, task.training, task.validation
        self.optimizer = task.optimizer_of_the_model()
        self.checkpoint = None
        if task.checkpoint is not None:
            self.checkpoint = checkpoint_of(task.checkpoint, task.is_shared)
        self.values = _in_order(self.model, self.optimizer)
        self.generator = np.random.default_rng(task.seed)
        self.engine: Engine = ENGINES[task.engine](
            self.model, task.loss, self.optimizer, self.generator
        )
        self.batches = math.ceil(len(self.training) / task.batch_size)
        self.state = State()
        self.shows_progress = task.progress and (is_leader() or not task.is_shared)
        # Nothing to go on from: before the checkpoint is read, and inside a step.
        self.is_stepping = True
        self.is_interrupted: Callable[[], bool] = lambda: False
        self.same = {
            "seed": task.seed,
            "batch_size": task.batch_size,
            "examples": len(self.training),
            "parameters": len(self.values),
            "loss": described(task.loss),
            "optimizer": type(self.optimizer).__name__,
            **rule(self.optimizer),
            "model": json.dumps(self.model.specification()),
            "data": fingerprint(self.training),
            "keep_best": task.keep_best,
        }

    def agreement(self) -> dict[str, Any]:
        """Everything that several processes must have been given alike, in words and numbers."""
        task = self.task
        return {
            **self.same,
            "epochs": task.epochs,
            "callbacks": len(task.callbacks),
            "patience": task.patience,
            "is_kept": self.checkpoint is not None,
            "augment": str(type(task.augment)),
            "validation": self.validation and fingerprint(self.validation),
            "numbers": [value.data for value in self.values],
        }

    def until_done(self) -> History:
        """Go on until all epochs are done, or there is a reason to stop."""
        history = History(self.state.epochs)
        try:
            self._restore()
            self.is_stepping = False
            history.epochs, history.stopped = self.state.epochs, self._earlier_reason()
            with patient_interrupts() as self.is_interrupted:
                while self.state.epoch < self.task.epochs and not history.stopped:
                    self._one_epoch()
                    self._watch_and_keep()
                    history.stopped = self.state.stopped
        except KeyboardInterrupt:
            history.interrupted = True
        finally:
            self._leave(history)
        return history

    def _leave(self, history: History) -> None:
        try:
            self.engine.finish()
        except KeyboardInterrupt:  # a second Ctrl-C waits until the model is whole
            self.engine.finish()
            history.interrupted = True
        if history.interrupted and self.checkpoint is not None and not self.is_stepping:
            self._write()
        if self.task.keep_best and not history.interrupted and len(self.state.best):
            for value, number in zip(self.values, self.state.best.tolist(), strict=True):
                value.data = number
        self.optimizer.zero_grad()
        self.model.eval()

    # -------------------------------------------------------------------------------- one epoch

    def _one_epoch(self) -> None:
        state = self.state
        if state.batch == 0:
            state.order = state.draws = dict(self.generator.bit_generator.state)
        order_generator = np.random.default_rng()
        order_generator.bit_generator.state = state.order
        order = order_generator.permutation(len(self.training))
        if state.batch == 0:
            self.generator.bit_generator.state = order_generator.bit_generator.state
        # Batches of nearly equal size: a last batch of a few would take as large a step as any.
        batches = np.array_split(order, self.batches)
        name = f"epoch {state.epoch + 1}/{self.task.epochs}"
        with EpochBar(name, len(self.training), state.seen, self.shows_progress) as bar:
            self.model.train()
            for indices in batches[state.batch :]:
                self._one_batch(indices)
                if self.is_interrupted():
                    raise KeyboardInterrupt
                if bar.update(len(indices)):
                    bar.show(_shown(*self._means()))
            bar.finish(self._finish_epoch())

    def _one_batch(self, indices: NDArray[np.int64]) -> None:
        state = self.state
        batch = self.training.take(indices)
        if self.task.augment is not None:
            batch = _augmented(batch, self.task.augment(batch.inputs, self.generator))
        self.is_stepping = True
        with self._said_in_which_step(state.epoch * self.batches + state.batch + 1):
            self._count(self.engine.step(batch))
        self.is_stepping = False
        state.seen += len(indices)
        state.batch += 1
        state.draws = dict(self.generator.bit_generator.state)
        if self.checkpoint is not None and self.checkpoint.is_due and state.batch < self.batches:
            self._write()

    def _settle(self) -> None:
        """Wait for the steps that were started, so that all of them are counted."""
        with self._said_in_which_step(self.state.epoch * self.batches + self.state.batch):
            self._count(self.engine.settle())

    def _count(self, measured: Measured) -> None:
        self.state.loss += measured.loss
        self.state.right += measured.right

    @contextmanager
    def _said_in_which_step(self, started: int) -> Iterator[None]:
        """Name the step in an error: the oldest that is not measured, of so many started."""
        try:
            yield
        except ArithmeticError as error:
            step = started - max(self.engine.unmeasured.steps, 1) + 1
            hint = "" if "learning rate" in str(error) else "; a smaller learning rate may help"
            failure = FloatingPointError(f"in step {step:,}, {error}{hint}")
            for note in getattr(error, "__notes__", ()):
                failure.add_note(note)
            raise failure from None

    def _finish_epoch(self) -> dict[str, str]:
        state = self.state
        self._settle()
        mean_loss, accuracy = self._means()
        shown = _shown(mean_loss, accuracy)
        aside = (math.nan, math.nan)
        self.model.eval()
        self._check_parameters()
        if self.validation is not None:
            aside = _means(self.engine, self.validation)
            is_loss = math.isnan(aside[1])  # the line is short: accuracy goes without saying
            shown["validation"] = f"loss {aside[0]:.3f}" if is_loss else f"{aside[1]:.1%}"
        state.epochs.append(Epoch(mean_loss, accuracy, *aside))
        state.epoch, state.batch = state.epoch + 1, 0
        state.loss, state.right, state.seen = 0.0, 0.0, 0
        return shown

    def _means(self) -> tuple[float, float]:
        seen = max(self.state.seen - self.engine.unmeasured.examples, 1)
        return self.state.loss / seen, self.state.right / seen

    def _check_parameters(self) -> None:
        """The last step of an epoch may have diverged without a loss that shows it."""
        self.engine.finish()
        if not np.isfinite(np.array([value.data for value in self.values], float)).all():
            step = (self.state.epoch + 1) * self.batches
            raise FloatingPointError(
                f"in step {step:,}, parameters became infinite or NaN; a smaller learning rate may "
                "help"
            )

    # ---------------------------------------------------------------------- watching, checkpoints

    def _watch_and_keep(self) -> None:
        """After an epoch: what was best, whether to stop, and all of it in the checkpoint."""
        self._watch(self.state.epochs[-1].validation_loss)
        self.state.stopped = self._reason_to_stop()
        if self.checkpoint is not None:
            self._write()

    def _earlier_reason(self) -> str:
        """Why a run that goes on had stopped; more patience lets it go on."""
        has_waited = "the validation loss" in self.state.stopped
        if has_waited and (self.task.patience is None or self.state.waited < self.task.patience):
            self.state.stopped = ""
        return self.state.stopped

    def _watch(self, validation_loss: float) -> None:
        """Remember the best parameters, and how long ago that was."""
        state = self.state
        if validation_loss < state.best_loss:
            state.best_loss, state.waited = validation_loss, 0
            if self.task.keep_best:
                self.engine.finish()
                state.best = np.array([value.data for value in self.values], float)
        else:
            state.waited += 1

    def _reason_to_stop(self) -> str:
        state = self.state
        if self.task.callbacks:
            self.engine.finish()
        for callback in self.task.callbacks:
            if callback(state.epoch, state.epochs[-1], self.model):
                return f"{getattr(callback, '__name__', 'a callback')} asked for it"
        if self.task.patience is not None and state.waited >= self.task.patience:
            return f"the validation loss has not improved for {state.waited} epochs"
        return ""

    def _write(self) -> None:
        assert self.checkpoint is not None
        self._settle()
        self.engine.finish()
        self.checkpoint.write(self.state, self.same, self.values, self.optimizer)

    def _restore(self) -> None:
        if self.checkpoint is None:
            return
        found = self.checkpoint.read(self.same, self.values, self.optimizer)
        if found is not None:
            self.state = found
            self.generator.bit_generator.state = found.draws


def _augmented(batch: Dataset, inputs: Any) -> Dataset:
    """A batch with its inputs changed."""
    inputs = np.asarray(inputs)
    if len(inputs) != len(batch) or inputs.ndim != 2 or not np.isfinite(inputs).all():
        raise ValueError(
            "augment must give as many finite inputs as it is given, of shape (count, size), "
            f"got shape {inputs.shape} for {len(batch)} targets"
        )
    return Dataset(inputs, batch.targets)


# ------------------------------------------------------------------------------- after training


def predict(
    model: Module, images: NDArray[np.float64], engine: str = "compiled"
) -> NDArray[np.int64]:
    """The most likely class of each image, shape (count,), for images of shape (count, pixels).

    A model with one output says 1 where it is positive, or where a Sigmoid says more than a half.

    Args:
        model, images, engine: as for :func:`outputs`.

    Raises:
        ValueError: as :func:`outputs` does.

    >>> from autodiff.nn import MLP
    >>> predict(MLP(3, [2]), np.zeros((5, 3)))
    array([0, 0, 0, 0, 0])
    """
    found = outputs(model, images, engine)
    answers: NDArray[np.int64] = found.argmax(1)
    if found.shape[1] == 1:
        with _evaluating(model):
            answers = (found[:, 0] > probe(model, np.asarray(images)[0]).threshold).astype(np.int64)
    return answers


def outputs(
    model: Module, inputs: NDArray[np.float64], engine: str = "compiled"
) -> NDArray[np.float64]:
    """Return the outputs for each example, shape (count, outputs), in evaluation mode.

    What was compiled for that stays with the model, until its structure changes.

    Args:
        model: see :func:`fit`.
        inputs: finite numbers of shape (count, size).
        engine: as in :func:`fit`; for a few examples nothing is compiled.

    Raises:
        ValueError: if the inputs are no such array, or do not fit the model.

    >>> from autodiff.nn import MLP
    >>> outputs(MLP(3, [2]), np.zeros((5, 3))).shape
    (5, 2)
    """
    _check_engine(engine)
    inputs = np.asarray(real_numbers("inputs", inputs), float)
    if inputs.ndim != 2 or not len(inputs) or not np.isfinite(inputs).all():
        raise ValueError(
            "predict() expected finite pixels in an array of shape (count, pixels), got shape "
            f"{inputs.shape}"
        )
    with _evaluating(model):
        if engine != "eager" and len(inputs) >= FEW:
            target, dtype = ("jax", dtype_on_jax()) if engine == "jax" else ("auto", "float64")
            programs = programs_of(model)
            run = programs.get(
                ("outputs", target, str(dtype), programs.modes),
                lambda: outputs_program(model, target=target, dtype=dtype),
            )
            return np.array(run(inputs, np.zeros((len(inputs), 0)))).T
        with no_grad():
            return np.array(
                [[v.data for v in as_values(flattened(model(row)))] for row in inputs.tolist()]
            )


def evaluate(
    model: Module,
    dataset: Dataset,
    loss: Loss | str = cross_entropy,
    engine: str = "compiled",
) -> tuple[float, float]:
    """Mean loss, and accuracy from 0 to 1 (NaN without labels), in evaluation mode.

    Args:
        model, loss, engine: as for :func:`fit`.
        dataset: examples with labels, or with targets.

    Raises:
        ValueError: if there are no examples, or they do not fit the model.

    >>> from autodiff.data import xor
    >>> from autodiff.nn import MLP
    >>> loss, accuracy = evaluate(MLP(2, [2]), xor())
    >>> 0 <= accuracy <= 1
    True
    """
    _check_engine(engine)
    if not len(dataset):
        raise ValueError("there are no images to evaluate the model on")
    kind = ENGINES[engine] if len(dataset) >= FEW else ENGINES["eager"]
    with _evaluating(model):
        return _means(kind(model, _loss(loss)), dataset)


@contextmanager
def _evaluating(model: Module) -> Iterator[None]:
    """Inside, a model is in evaluation mode; afterwards as it was."""
    changed = [module for module in model.modules() if module.is_training]
    for module in changed:
        module.is_training = False
    try:
        yield
    finally:
        for module in changed:
            module.is_training = True


def _means(engine: Engine, examples: Dataset) -> tuple[float, float]:
    measured = engine.measure(examples)
    return measured.loss / len(examples), measured.right / len(examples)


def _shown(loss: float, accuracy: float) -> dict[str, str]:
    shown = {"loss": f"{loss:.3f}"}
    return shown if math.isnan(accuracy) else shown | {"accuracy": f"{accuracy:.1%}"}


def _loss(loss: Loss | str) -> Loss:
    if not isinstance(loss, str):
        return loss
    if loss not in LOSSES:
        raise ValueError(f"loss must be a function or one of {', '.join(LOSSES)}, got {loss!r}")
    return LOSSES[loss]


def _in_order(model: Module, optimizer: Optimizer) -> list[Value]:
    """What changes in training, in the order of the model; an optimizer's own changes meanwhile."""
    trained = dict.fromkeys(optimizer.parameters)
    own = [parameter for parameter in model.parameters() if parameter in trained]
    return list(dict.fromkeys([*own, *trained, *running_values(model)]))


def _check_engine(engine: str) -> None:
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
