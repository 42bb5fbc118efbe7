"""Batches: a model called on many examples at once is one call of a compiled program.

The lines are those of PyTorch: ``loss = nn.cross_entropy(model(x), y); loss.backward()``. Nothing
is computed for ``model(x)`` by itself. The loss is a program with the model in it, whose gradient
comes from the same call; it is a Value whose parents are the model's parameters, so that all that
works on Values works on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff.compiler import Compiled
from autodiff.compiler.running import Call, run
from autodiff.data.dataset import real_numbers
from autodiff.functions import fsum
from autodiff.leaves import numbers_of
from autodiff.nn.batch_norm import Followed, batch_statistics
from autodiff.nn.dropout import dropped_units, factors, factors_given
from autodiff.nn.losses import OF_NUMBERS, Loss, target_rows
from autodiff.nn.module import Module, register_batch
from autodiff.nn.probabilities import threshold
from autodiff.nn.programs import Programs, programs_of
from autodiff.primitives import EVERYWHERE, Primitive
from autodiff.recording import no_grad, recording_now
from autodiff.value import Value, computed_value

Array = NDArray[Any]

BATCHED = ("example", "target", "kept")
"""The arguments of a loss's program: inputs, targets, and factors of dropped units."""
_NOTHING: NDArray[np.float64] = np.zeros(0)


class Outputs:
    """The outputs of a model for a batch; a loss of them can be differentiated.

    The model's parameters are those of now, even if they change before the numbers are asked for.

    >>> from autodiff import nn
    >>> model = nn.Linear(3, 2, seed=0)
    >>> outputs = model(np.ones((5, 3)))
    >>> outputs.shape, outputs.data.shape, outputs.argmax(1).shape
    ((5, 2), (5, 2), (5,))
    >>> loss = nn.cross_entropy(outputs, [0, 1, 0, 1, 1])
    >>> loss.backward()
    >>> sum(parameter.grad != 0.0 for parameter in model.parameters())
    8
    """

    __array_ufunc__ = None

    def __init__(self, model: Module, inputs: Array) -> None:
        self._model = model
        self._inputs = np.array(inputs, float)
        if not len(inputs) or not np.isfinite(self._inputs).all():
            raise ValueError(
                f"expected a batch of finite numbers, got shape {self._inputs.shape}"
                + (" with some that are not finite" if len(inputs) else "")
            )
        model.build_for(self._inputs.shape[1:])
        self._programs = programs_of(model)
        self._modes = self._programs.modes
        self._numbers = np.array(numbers_of(self._programs.leaves), float)
        key = ("probe", self._modes, self._inputs.shape[1:])
        self._probe = self._programs.get(key, lambda: probe(model, self._inputs[0]))
        self._kept = self._drawn()
        self._data: Array | None = None
        self._is_followed = False

    @property
    def shape(self) -> tuple[int, int]:
        """The number of examples, and of outputs for each."""
        return len(self._inputs), self._probe.outputs

    def __len__(self) -> int:
        return len(self._inputs)

    @property
    def data(self) -> Array:
        """The numbers, shape (count, outputs), cut off from the model."""
        if self._data is None:
            program = self._programs.get(
                ("outputs", "auto", "float64", self._modes),
                lambda: outputs_program(self._model),
            )
            ran = run(self._call(program, self._inputs, self._kept), None)
            self._data = self._one_by_one() if ran is None else ran[0].T
        return self._data

    def argmax(self, axis: int | None = None, *, dim: int | None = None) -> Any:
        """Return the place of the largest output, as for arrays; PyTorch's axis is ``dim``."""
        return self.data.argmax(axis if dim is None else dim)

    def mean_loss(self, loss: Loss, targets: ArrayLike) -> Value:
        """The mean of a loss over the batch, as a Value that can go backward.

        Args:
            loss: of one example, from its outputs and its target, a number for each output.
            targets: labels, of shape (count,), or numbers, of shape (count, outputs). To a loss of
                numbers of a model with one output, whole numbers are no labels.

        Raises:
            ValueError: if targets and outputs do not fit together.
            FloatingPointError, ValueError, ...: where the loss itself has no value; it is what the
                loss raises on that example.
        """
        if getattr(loss, "func", loss) in OF_NUMBERS and self._probe.outputs == 1:
            targets = np.asarray(real_numbers("targets", targets), float)
        rows = target_rows(loss, targets, len(self), self._probe.outputs)
        program, followed = self._programs.get(
            ("loss", "compiled", loss, self._modes), lambda: self._loss_program(loss)
        )
        call = self._call(program, self._inputs, rows, self._kept)
        captured = call.special.captured
        records = bool(captured) and bool(recording_now()[1])
        wanted = (len(call.special.inputs) - 1,) if records else None
        ran = run(call, wanted)
        if ran is None:
            return self._mean_one_by_one(loss, rows)
        out, gradients = ran
        self._data = followed.outputs_in(out).T
        if not self._is_followed:
            followed.follow(out)
            self._is_followed = True
        slopes = (gradients[0] / len(self)).tolist() if wanted else []
        parents = tuple(captured) if wanted else ()
        return computed_value(float(out[0].mean()), _MEAN_LOSS, parents, tuple(slopes))

    def _loss_program(self, loss: Loss) -> tuple[Compiled, Followed]:
        followed = Followed()
        return Compiled(loss_and_outputs(self._model, loss, followed), BATCHED), followed

    def _drawn(self) -> Array:
        """The factors of dropped units, a row for each example."""
        rates = self._probe.rates
        if not len(rates):
            return np.zeros((len(self), 0))
        generator = self._programs.get("generator", lambda: np.random.default_rng(0))
        return np.array(factors(generator.random((len(self), len(rates))), rates))

    def _call(self, program: Compiled, *arguments: Array) -> Call:
        """A call with the parameters as they were when the model was called."""
        call = program.prepare(arguments, {}, _NOTHING)
        if captured := call.special.captured:
            places = self._programs.get(
                ("places", call.special), lambda: _places(self._programs, captured)
            )
            numbers = np.empty(len(captured))
            numbers[places >= 0] = self._numbers[places[places >= 0]]
            for i in np.flatnonzero(places < 0):
                numbers[i] = captured[i].data
            call.blocks[-1] = numbers
        return call

    def _each(self) -> Any:
        for row, kept in zip(self._inputs, self._kept.tolist(), strict=True):
            with factors_given(kept):
                yield flattened(self._model.of_example(one_example(row)))

    def _one_by_one(self) -> Array:
        """The numbers where the program has none for some example: what Values say."""
        with no_grad():
            return np.array([[getattr(o, "data", o) for o in outputs] for outputs in self._each()])

    def _mean_one_by_one(self, loss: Loss, rows: Array) -> Value:
        losses = [loss(o, row) for o, row in zip(self._each(), rows.tolist(), strict=True)]
        mean: Value = fsum(losses) / len(losses)
        return mean

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError(
            "the outputs of a batch are numbers of a compiled program, and arithmetic on them "
            "would lose their gradient: give them to a loss of autodiff.nn, or to mean_loss(own, "
            "targets) with a loss of your own for one example; .data has the numbers"
        )

    __array__ = __getitem__ = __iter__ = __neg__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __truediv__ = __rtruediv__ = __pow__ = __matmul__ = _refuse

    def __repr__(self) -> str:
        return f"<outputs of {type(self._model).__name__} for a batch, shape {self.shape}>"


class Probe(NamedTuple):
    """The facts about a model that one example shows.

    Attributes:
        outputs: how many it has.
        rates: of its dropped units, in order; none in evaluation mode.
        threshold: what a single output is compared with to say yes.
    """

    outputs: int
    rates: NDArray[np.float64]
    threshold: float


def probe(model: Module, row: Array) -> Probe:
    """Run a model on one example, to see what comes out."""
    found: list[Any] = []
    with no_grad():
        rates = dropped_units(lambda: found.append(flattened(model.of_example(one_example(row)))))
    (outputs,) = found
    return Probe(len(outputs), np.array(rates), threshold(outputs))


def one_example(row: Any) -> Any:
    """One row of a batch as a model takes it: a list, or an array if it has more axes."""
    return list(row) if np.ndim(row) == 1 else row


def flattened(outputs: Any) -> list[Any]:
    """Return the outputs of a model as a list: planes row by row."""
    if isinstance(outputs, np.ndarray):
        return outputs.ravel().tolist()
    return outputs if isinstance(outputs, list) else list(outputs)


def outputs_program(model: Module, **options: Any) -> Compiled:
    """A model as a program on batches; the factors of dropped units are its second argument."""

    def run_model(example: Any, kept: Any) -> Any:
        with factors_given(list(kept)):
            return flattened(model.of_example(one_example(example)))

    return Compiled(run_model, ("example", "kept"), **options)


def loss_and_outputs(
    model: Module, loss: Loss, followed: Followed, label: int | None = None
) -> Callable[[Any, Any, Any], list[Any]]:
    """The loss of one example, the outputs, and what layers are told of the whole batch.

    The target is an input unless a label is given. Which layers are told is put in the list when
    the function is traced.
    """

    def run_both(example: Any, target: Any, kept: Any) -> Any:
        with factors_given(list(kept)), batch_statistics() as found:
            outputs = flattened(model.of_example(one_example(example)))
        value = loss(outputs, list(target) if label is None else label)
        if isinstance(value, list | tuple | np.ndarray):
            raise TypeError(
                f"a loss gives one number, and this one gave {type(value).__name__} of {len(value)}"
            )
        followed[:] = [own.layer for own in found]
        return [value, outputs, [(own.means, own.variances) for own in found]]

    return run_both


def _places(programs: Programs, captured: Sequence[Value]) -> NDArray[np.int64]:
    """Return the places of a program's parameters among those of the model; -1 for others."""
    place = programs.get("place", lambda: {leaf: i for i, leaf in enumerate(programs.leaves)})
    return np.array([place.get(leaf, -1) for leaf in captured], np.int64)


def _no_rule(*_: Any) -> NoReturn:
    raise TypeError(
        "the loss of a batch was computed by a compiled program, which is not drawn, replayed or "
        "differentiated twice; take the loss of one example, loss(model(x[0]), y[0]), for that"
    )


class _OfAProgram(Primitive):
    """The operation of a Value that a program computed; it is none of the table."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError("the loss of a batch cannot be pickled; keep its .data")


_MEAN_LOSS = _OfAProgram(
    "mean_loss", "mean loss", None, _no_rule, (_no_rule,), EVERYWHERE, None, frozenset(),
    frozenset(), compares=False, commutes=False, sees_zeros=False,
)  # fmt: skip

register_batch(Outputs)
