"""The engine on JAX: parameters, and what the optimizer remembers, stay on the devices.

A step is one program: losses, gradients and the optimizer's own formula. Steps are only started
here; what they measured is told when it is there, so that batches are prepared while the devices
work. A step that finds a loss that is not finite, and all after it, leave the parameters alone.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from autodiff.compiler import Compiled
from autodiff.compiler.on_jax.devices import Placement, fetched
from autodiff.compiler.on_jax.specialization import JaxSpecialization
from autodiff.compiler.running import Call
from autodiff.data.dataset import Dataset
from autodiff.nn import Module
from autodiff.nn.batch import BATCHED
from autodiff.nn.losses import Loss
from autodiff.optim import Optimizer
from autodiff.training.engines import (
    CompiledEngine,
    Measured,
    Part,
    Unmeasured,
    check_example,
    dtype_on_jax,
)

MOST_WAITING = 8
"""Steps that are started before the oldest is waited for: batches must not fill the memory."""
_NOTHING: NDArray[np.float64] = np.zeros(0)
"""In place of the model's numbers, which stand on the devices."""


class JaxEngine(CompiledEngine):
    """A program of JAX for each step, with the examples split over all devices that JAX has.

    Numbers are float64 where JAX's 64-bit mode is on, else float32.

    Raises:
        TypeError: if the model or the loss cannot be traced, or the optimizer's rule changes
            vectors in place alone.
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        optimizer: Optimizer | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__(model, loss, optimizer, generator)
        self.dtype = dtype_on_jax()
        self.placement = Placement(jax.devices())
        self.kind = "jax", self.dtype, tuple(self.placement.devices)
        self._parameters: _Parameters | None = None
        self._functions: dict[Any, Callable[..., Any]] = {}
        self._waiting: deque[_Waiting] = deque()

    @property
    def unmeasured(self) -> Unmeasured:
        """The steps that were started and are not measured yet."""
        return Unmeasured(len(self._waiting), sum(len(w.batch) for w in self._waiting))

    def step(self, batch: Dataset) -> Measured:
        """Start a step; what was measured in those that have ended since."""
        drawn = self.draw(batch)
        parts = list(self._parts(batch, drawn))
        for program, *_ in parts:
            if not program.has_room:
                self.finish()
                self._parameters = None
                self._make_room(program)
        self._start(batch, parts, drawn)
        return self._measured(lambda: len(self._waiting) > MOST_WAITING or self._is_ready())

    def settle(self) -> Measured:
        """Wait for all steps that were started; what was measured in them."""
        return self._measured(lambda: True)

    def finish(self) -> None:
        """Write the parameters back to the model, and the optimizer's vectors to it."""
        if self._parameters is not None:
            assert self.optimizer is not None
            assert self.numbers is not None
            self.numbers[self.trained] = fetched(self._parameters.numbers)[self.trained]
            for name, vector in zip(self.optimizer.state, self._parameters.state, strict=True):
                self.optimizer.state[name][: len(self.trained)] = fetched(vector)
        super().finish()

    def _compiled(self, function: Callable[..., Any]) -> Compiled:
        return Compiled(function, BATCHED, self.dtype, "jax", devices=self.placement.devices)

    # --------------------------------------------------------------------------------- one step

    def _start(self, batch: Dataset, parts: Sequence[Part], drawn: NDArray[np.float64]) -> None:
        """Send a batch to the devices, and start a step on it."""
        assert self.optimizer is not None
        if self._parameters is None:
            self._parameters = self._on_devices()
        least = self.probed(batch).threshold
        calls = [p.compiled.prepare(tuple(inputs), {}, _NOTHING) for p, _, inputs in parts]
        key: Any = tuple([(call.special, _hashable(p.places))
                          for call, (p, *_) in zip(calls, parts, strict=True)])  # fmt: skip
        if key not in self._functions:
            self._functions[key] = self._step_of(key, least)
        sent = [self._sent(call, part) for call, (_, part, _) in zip(calls, parts, strict=True)]
        self.optimizer.steps += 1
        rate, number = self.optimizer.rate, self.optimizer.steps
        self._parameters, *told = self._functions[key](
            self._parameters, rate, float(number), float(len(batch)), sent
        )
        self._waiting.append(_Waiting(batch, drawn, *told))

    def _sent(self, call: Call, part: Dataset) -> _Sent:
        padding = self.placement.padding(len(part))
        inputs = call.special.inputs[:-1]  # without the captured parameters
        blocks = self.placement.put(call.blocks[:-1], inputs, padding)
        labels = part.targets if part.has_labels else np.zeros(len(part), int)
        labels = self.placement.split(np.concatenate([labels, np.zeros(padding, labels.dtype)]))
        return _Sent(blocks, labels, self.placement.weights(len(part), padding, call.dtype))

    def _on_devices(self) -> _Parameters:
        """The parameters of the model, and the optimizer's vectors, on all devices."""
        assert self.optimizer is not None
        assert self.numbers is not None
        count = len(self.trained)
        vectors = [self.numbers, *[v[:count] for v in self.optimizer.state.values()]]
        with np.errstate(over="ignore"):  # a loss that is not finite says what was too large
            vectors = [vector.astype(self.dtype) for vector in vectors]
        numbers, *state = map(self.placement.shared, vectors)
        return _Parameters(numbers, state, self.placement.shared(np.array(True)))

    def _step_of(
        self, key: Sequence[tuple[JaxSpecialization, Any]], least: float
    ) -> Callable[..., Any]:
        """A whole step as a function of JAX, for batches that these programs compute."""
        optimizer, trained = self.optimizer, np.array(self.trained)
        assert optimizer is not None
        _check_rule(optimizer)

        def step(
            before: _Parameters, rate: Any, number: Any, count: Any, sent: Sequence[_Sent]
        ) -> tuple[Any, ...]:
            gradient = jnp.zeros_like(before.numbers)
            losses, right = [], []
            for (special, places), part in zip(key, sent, strict=True):
                at = slice(None) if places is None else np.array(places)
                out, slopes = _gradient(special, before.numbers[at], part)
                gradient = gradient.at[at].add(slopes)
                losses.append(out[:, 0] * part.weights[:, 0])
                right.append(_right(out[:, 1:], part, least))
            every = jnp.concatenate(losses)
            moved = optimizer.moved(
                before.numbers[trained], gradient[trained] / count, rate, list(before.state), number
            )
            if moved is None:
                raise TypeError(
                    f'update() of {type(optimizer).__name__} returned nothing; engine="jax" needs '
                    "the new numbers and what is remembered, since it changes no array in place"
                )
            numbers, state = moved
            is_sound = before.is_sound & jnp.isfinite(every).all()
            after = _Parameters(before.numbers.at[trained].set(numbers), state, is_sound)
            kept = jax.tree.map(lambda new, old: jnp.where(is_sound, new, old), after, before)
            return kept._replace(is_sound=is_sound), every.sum(), sum(right), is_sound

        return jax.jit(step, donate_argnums=0)  # type: ignore[no-any-return]

    # ------------------------------------------------------------------------ what was measured

    def _is_ready(self) -> bool:
        """Whether the oldest step has ended; several processes, which must agree, do not ask."""
        return jax.process_count() == 1 and bool(self._waiting[0].is_sound.is_ready())

    def _measured(self, is_wanted: Callable[[], bool]) -> Measured:
        """Yield the measurements of the oldest steps, as long as they are wanted."""
        loss = right = 0.0
        while self._waiting and is_wanted():
            oldest = self._waiting[0]
            if not oldest.is_sound:
                self._explain(oldest)
            loss += float(oldest.loss)
            right += float(oldest.right) if oldest.batch.has_labels else math.nan
            self._waiting.popleft()
        return Measured(loss, right)

    def _explain(self, waiting: _Waiting) -> NoReturn:
        """Let the model itself say on which example the loss is not finite."""
        self.finish()
        for i, kept in enumerate(waiting.drawn.tolist()):
            check_example(self.model, self.loss, waiting.batch, i, kept)
        raise FloatingPointError(
            f"the loss of a training example is not finite in {self.dtype}; a smaller learning "
            "rate may help"
        )


class _Parameters(NamedTuple):
    """The numbers that a step changes, on the devices.

    Attributes:
        numbers: of all parameters.
        state: what the optimizer remembers of those that are trained.
        is_sound: whether all losses so far were finite.
    """

    numbers: Any
    state: list[Any]
    is_sound: Any


class _Sent(NamedTuple):
    """Dataset on the devices; those that were added to split them evenly have weight 0."""

    blocks: list[Any]
    labels: Any
    weights: Any


class _Waiting(NamedTuple):
    """A step that was started, and what it will have measured."""

    batch: Dataset
    drawn: NDArray[np.float64]
    loss: Any
    right: Any
    is_sound: Any


def _gradient(special: JaxSpecialization, numbers: Any, sent: _Sent) -> tuple[Any, Any]:
    """All outputs, and the gradient of the weighted sum of the first, the losses."""
    weights = special.weights_of_first(sent.weights)
    out, *gradients = special.weighted(*sent.blocks, numbers, weights)
    return special.by_example(out, len(weights)), gradients[-1]


def _right(outputs: Any, sent: _Sent, least: float) -> Any:
    """Count the examples whose largest output is at their label; a single one decides alone."""
    answers = outputs[:, 0] > least if outputs.shape[1] == 1 else outputs.argmax(1)
    return ((answers == sent.labels) * sent.weights[:, 0]).sum()


def _check_rule(optimizer: Optimizer) -> None:
    if type(optimizer).step is not Optimizer.step:
        raise TypeError(
            f'{type(optimizer).__name__} has a step() of its own, and engine="jax" steps on its '
            'devices; define update() instead, or use engine="compiled"'
        )


def _hashable(places: NDArray[np.int64] | None) -> tuple[int, ...] | None:
    return None if places is None else tuple(places.tolist())
