"""Checks of the gradients of a layer that somebody wrote by hand, on NumPy arrays.

Such a layer has ``forward(input)`` and ``backward(input, grad_output)``, where ``grad_output`` is
the gradient of a loss with respect to the outputs, and backward returns that with respect to the
input; a layer with parameters takes a step of gradient descent in its backward, or leaves their
gradients in attributes. The first axis is that of the examples in a batch.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from autodiff.checking import diagnosis
from autodiff.checking.diagnosis import Array, Right
from autodiff.checking.gradients import GradientError
from autodiff.checking.trials import (
    Settings,
    as_floats,
    called,
    check_form,
    counts,
    finite,
    in_shape_of,
    not_finite,
    numerical,
    one_example,
    random_like,
)
from autodiff.structure import flatten
from autodiff.transforms import vjp

_RATES = ("learning_rate", "lr")
_GRADIENTS = ("grad_{}", "{}_grad", "d{}", "d_{}")


def check_layer(
    layer: Any,
    inputs: ArrayLike,
    *,
    parameters: Sequence[str] | None = None,
    expected: Callable[[Any], Any] | None = None,
    tolerance: float = 1e-6,
    elements: int = 100,
    seed: int = 0,
) -> None:
    """Check a layer that was written by hand, and say what is wrong with it.

    Its gradients are compared with differences of Σ forward(input) · grad_output, for a random
    ``grad_output``. The layer itself is not changed: copies of it are at work.

    Args:
        layer: anything with ``forward(input)`` and ``backward(input, grad_output)``.
        inputs: a batch to try it on, as floats: negative and positive numbers, no zeros.
        parameters: names of the attributes whose gradients to check as well; by default all arrays
            that forward depends on. A gradient is looked for in ``grad_weights``, ``weights_grad``
            or ``dweights``, and so on, else it is the step that backward takes, divided by
            ``learning_rate`` or ``lr``.
        expected: the same layer as a function of Values, for one example, like those of
            :mod:`autodiff.nn`. Then forward is compared with it as well, and grad_input with its
            gradient.
        tolerance: how far off an element may be, relative to the largest of its array.
        elements: how many of each array's elements to check; of larger arrays, that many at random.
        seed: of what is random.

    Raises:
        GradientError: an AssertionError that says what is wrong, and if possible, why.
        TypeError: if there is no forward and backward, or no parameter of that name.

    >>> class ReLU:
    ...     def forward(self, input):
    ...         return np.maximum(input, 0)
    ...
    ...     def backward(self, input, grad_output):
    ...         return grad_output
    >>> check_layer(ReLU(), [[1.0, -2.0, 3.0]])  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    GradientError: grad_input, element (0, 1): expected 0, got -0.769787 (1 of 3
    elements is wrong): gradients get through where the input is negative
    """
    for method in ("forward", "backward"):
        if not callable(getattr(layer, method, None)):
            raise TypeError(f"{type(layer).__name__} has no method {method}(...)")
    trial = _Trial(layer, finite(inputs), Settings(tolerance, elements, seed))
    trial.check_forward(expected)
    names = trial.parameters() if parameters is None else parameters
    faults = [trial.fault_of_input(expected), *map(trial.fault_of_parameter, names)]
    if any(faults):
        raise GradientError("\n".join(filter(None, faults)))
    if nonlinear := trial.nonlinear():
        raise GradientError(f"grad_input: {nonlinear}")


class _Trial:
    """A layer at one point, and one gradient to hand to its backward."""

    def __init__(
        self, layer: Any, inputs: Array, settings: Settings, grad_output: Array | None = None
    ) -> None:
        self.layer, self.inputs, self.settings = layer, inputs, settings
        self.outputs = self.forward()
        if grad_output is None:
            grad_output = random_like(self.outputs, settings.seed)
        self.grad_output = grad_output

    def forward(self) -> Array:
        """Run a copy of the layer, and check that it leaves its input as it was."""
        given = self.inputs.copy()
        return called("forward", copy.deepcopy(self.layer).forward, [("input", given)]).copy()

    def backward(self, grad_output: Array, layer: Any = None) -> tuple[Array, Any]:
        """Return the gradient with respect to the input, and the layer afterwards."""
        layer = copy.deepcopy(self.layer if layer is None else layer)
        layer.forward(self.inputs.copy())  # it may keep something for backward
        given = [("input", self.inputs.copy()), ("grad_output", grad_output.copy())]
        found = called("backward", layer.backward, given)
        check_form("grad_input", found, self.inputs.shape)
        return found, layer

    def check_forward(self, expected: Callable[[Any], Any] | None) -> None:
        """Whether forward repeats itself, and agrees with the same layer on Values."""
        if not np.array_equal(self.outputs, self.forward(), equal_nan=True):
            raise GradientError(
                "forward gives something else each time: check it without its random draws"
            )
        if not np.isfinite(self.outputs).all():
            raise GradientError(f"forward gives {not_finite(self.outputs)} for these inputs")
        if expected is not None:
            rows = [flatten(expected(one_example(row)))[0] for row in self.inputs]
            right = Right(in_shape_of(self.outputs, rows, "forward"), self.settings.tolerance)
            if not right.agrees(self.outputs):
                raise GradientError(diagnosis.sentence("forward", self.outputs, right, ""))

    # ------------------------------------------------------------------- the gradient of the input

    def fault_of_input(self, expected: Callable[[Any], Any] | None = None) -> str:
        """Describe the fault of grad_input; empty if there is none."""
        found, _ = self.backward(self.grad_output)
        right = self._right_input(expected)
        if right.agrees(found):
            return ""
        guesses: list[diagnosis.Guess] = [
            partial(self._learned_too_early, right),
            self.nonlinear,
            partial(diagnosis.one_sided, found, right, self.inputs, self.grad_output),
            partial(diagnosis.impostor, found, right, self._impostors()),
            partial(diagnosis.transposed, found, right),
            partial(diagnosis.scaled, found, right, self._sizes()),
            partial(self._right_alone, lambda trial: trial.fault_of_input(expected)),
        ]
        return diagnosis.sentence("grad_input", found, right, diagnosis.first(guesses))

    def nonlinear(self) -> str:
        """Whether backward is proportional to grad_output, as every derivative is."""
        g = self.grad_output
        once, twice, back = (self.backward(factor * g)[0] for factor in (1, 2, -1))
        scale = float(np.abs(once).max(initial=0)) or 1.0
        close = partial(np.allclose, rtol=0, atol=self.settings.tolerance * scale)
        if close(twice, 2 * once) and close(back, -once):
            return ""
        if close(twice, once):
            return "it does not depend on the size of grad_output: multiply by grad_output"
        if close(twice, 2 * once):
            return (
                "it depends on the sign of grad_output: backward of -grad_output is not minus "
                "that of grad_output; is grad_output compared with 0, in place of the input?"
            )
        return "it is not proportional to grad_output, as a derivative is"

    def _right_input(self, expected: Callable[[Any], Any] | None) -> Right:
        if expected is not None:
            rows = [
                flatten(vjp(_in_a_list(expected), one_example(row))[1](g.ravel().tolist()))[0]
                for row, g in zip(self.inputs, self.grad_output, strict=True)
            ]
            return Right(in_shape_of(self.inputs, rows, "grad_input"), self.settings.tolerance)
        layer, point = copy.deepcopy(self.layer), self.inputs.copy()
        return numerical(lambda: self._loss(layer, point), point, "the input", self.settings)

    def _loss(self, layer: Any, inputs: Array) -> float:
        return float((np.asarray(layer.forward(inputs)) * self.grad_output).sum())

    def _learned_too_early(self, right: Right) -> str:
        rate = self._rate_name()
        if not rate:
            return ""
        still = copy.deepcopy(self.layer)
        setattr(still, rate, 0.0)
        if not right.agrees(self.backward(self.grad_output, still)[0]):
            return ""
        return "it is right if nothing is learned: compute it before the parameters are changed"

    def _right_alone(self, fault_of: Callable[[_Trial], str]) -> str:
        """Whether each of the first examples is right in a batch of its own."""
        if len(self.inputs) < 2 or len(self.outputs) != len(self.inputs):
            return ""
        parts = [slice(i, i + 1) for i in range(min(3, len(self.inputs)))]
        alone = (
            _Trial(self.layer, self.inputs[part], self.settings, self.grad_output[part])
            for part in parts
        )
        try:
            if any(fault_of(trial) for trial in alone):
                return ""
        except GradientError:
            return ""
        return diagnosis.ALONE

    def _impostors(self) -> dict[str, Array]:
        """Return arrays that backward may give by mistake."""
        x, y, g = self.inputs, self.outputs, self.grad_output
        found = {"backward returns what forward does": y}
        if x.shape == y.shape:
            found |= {
                "backward hands on grad_output as it is": g,
                "σ(1 - σ) takes the output, σ = forward(input), not the input": g * x * (1 - x),
                "1 - t² takes the output, t = forward(input), not the input": g * (1 - x * x),
                "it is grad_output · forward(input)": g * y,
                "it is grad_output · (1 - forward(input))": g * (1 - y),
                "it is grad_output · input": g * x,
            }
        for name, matrix in _arrays(self.layer):
            if matrix.ndim == 2 and g.ndim == 2:
                if g.shape[1] == matrix.shape[0]:
                    found[f"it is grad_output @ {name}; transpose {name}"] = g @ matrix
                if g.shape[1] == matrix.shape[1]:
                    found[f"it is grad_output @ {name}.T; take {name} as it is"] = g @ matrix.T
        return found

    def _sizes(self) -> dict[str, float]:
        sizes = {"the batch size": float(len(self.inputs))}
        if rate := self._rate_name():
            sizes["the learning rate"] = float(getattr(self.layer, rate))
        return sizes | counts(self.inputs, "input") | counts(self.outputs, "output")

    # ----------------------------------------------------------------- the gradients of parameters

    def parameters(self) -> list[str]:
        """The arrays among the attributes that forward depends on."""
        return [name for name, array in _arrays(self.layer) if self._depends_on(name, array)]

    def fault_of_parameter(self, name: str) -> str:
        """Describe the fault in the gradient of a parameter; empty if there is none."""
        if name not in dict(_arrays(self.layer)):
            raise TypeError(f"{type(self.layer).__name__} has no array of floats named {name!r}")
        found = self._gradient_of(name)
        right = self._right_parameter(name)
        if right.agrees(found):
            return ""
        guesses = [
            partial(diagnosis.transposed, found, right),
            partial(diagnosis.scaled, found, right, self._sizes()),
            partial(self._right_alone, lambda trial: trial.fault_of_parameter(name)),
        ]
        what = f"the gradient of {name}"
        return diagnosis.sentence(what, found, right, diagnosis.first(guesses))

    def _depends_on(self, name: str, array: Array) -> bool:
        layer = copy.deepcopy(self.layer)
        setattr(layer, name, array + random_like(array, self.settings.seed))
        return not np.array_equal(layer.forward(self.inputs.copy()), self.outputs)

    def _gradient_of(self, name: str) -> Array:
        """Return the gradient of a parameter that backward leaves, or the step that it takes."""
        before = np.array(getattr(self.layer, name), float)
        _, layer = self.backward(self.grad_output)
        for pattern in _GRADIENTS:
            left = getattr(layer, pattern.format(name), None)
            if left is not None:
                found = as_floats(pattern.format(name), left)
                check_form(pattern.format(name), found, before.shape)
                return found
        after = np.asarray(getattr(layer, name))
        check_form(f"{name}, after backward,", after, before.shape)
        rate = self._rate_name()
        if not rate:
            raise GradientError(
                f"backward gives no gradient of {name}: expected an attribute grad_{name}, or a "
                "step of gradient descent by learning_rate; parameters=() checks grad_input alone"
            )
        step: Array = before - after
        return step / float(getattr(self.layer, rate))

    def _right_parameter(self, name: str) -> Right:
        layer = copy.deepcopy(self.layer)
        array = np.array(getattr(layer, name), float)
        setattr(layer, name, array)
        inputs = self.inputs.copy()
        return numerical(lambda: self._loss(layer, inputs), array, name, self.settings)

    def _rate_name(self) -> str:
        return next((name for name in _RATES if getattr(self.layer, name, None)), "")


def _arrays(layer: Any) -> list[tuple[str, Array]]:
    """The attributes that are arrays of floats, by name."""
    return [
        (name, attribute)
        for name, attribute in getattr(layer, "__dict__", {}).items()
        if isinstance(attribute, np.ndarray) and np.issubdtype(attribute.dtype, np.floating)
    ]


def _in_a_list(function: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    return lambda example: flatten(function(example))[0]
