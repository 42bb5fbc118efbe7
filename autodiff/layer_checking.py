"""Are the gradients of a layer right that somebody wrote by hand, on NumPy arrays?

Such a layer has ``forward(input)`` and ``backward(input, grad_output)``, where ``grad_output`` is
the gradient of a loss on what forward gave, and backward returns its gradient on the input; a layer
with parameters takes a step of gradient descent in its backward, or leaves their gradients in
attributes. The first axis is that of the examples in a batch.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from autodiff import diagnosis
from autodiff.checking import GradientError, numerical_derivative
from autodiff.diagnosis import Array, Right
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
    elements: int = 500,
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
    >>> check_layer(ReLU(), [[1.0, -2.0, 3.0]])  # doctest: +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
    ...
    autodiff.checking.GradientError: grad_input, element (0, 1): expected 0, got -0.769787 (1 of 3
    elements is wrong): gradients get through where the input is negative
    """
    for method in ("forward", "backward"):
        if not callable(getattr(layer, method, None)):
            raise TypeError(f"{type(layer).__name__} has no method {method}(...)")
    trial = _Trial(layer, _floats(inputs), _Settings(tolerance, elements, seed))
    trial.check_forward(expected)
    names = trial.parameters() if parameters is None else parameters
    faults = [trial.fault_of_input(expected), *map(trial.fault_of_parameter, names)]
    if any(faults):
        raise GradientError("\n".join(filter(None, faults)))
    if nonlinear := trial.nonlinear():
        raise GradientError(f"grad_input: {nonlinear}")


def check_loss(
    loss: Callable[..., Any],
    gradient: Callable[..., Any],
    outputs: ArrayLike,
    *targets: Any,
    reduction: str = "mean",
    expected: Callable[..., Any] | None = None,
    tolerance: float = 1e-6,
    elements: int = 500,
    seed: int = 0,
) -> None:
    """Check a loss and its gradient, two functions that were written by hand.

    Args:
        loss: ``loss(outputs, *targets)``, one number, or one for each example of a batch.
        gradient: ``gradient(outputs, *targets)``, the derivative on the outputs, in their shape.
        outputs: of a network, say logits, a row for each example, as floats.
        targets: what else both are given, such as labels.
        reduction: ``"mean"`` or ``"sum"``: what is differentiated if there is one loss for each
            example.
        expected: the loss of one example as a function of Values, like those of
            :mod:`autodiff.nn`: of its outputs and its target.
        tolerance, elements, seed: as for :func:`check_layer`.

    Raises:
        GradientError: an AssertionError that says what is wrong, and if possible, why.
        ValueError: if there is no such reduction.

    >>> def squares(y, t):
    ...     return ((y - t) ** 2).sum(axis=1)
    >>> y, t = np.array([[1.0, 2.0], [0.5, 0.0]]), np.zeros((2, 2))
    >>> check_loss(squares, lambda y, t: 2 * (y - t) / len(y), y, t)
    >>> check_loss(squares, lambda y, t: 2 * (y - t), y, t)  # doctest: +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
    ...
    autodiff.checking.GradientError: gradient, element (0, 1): expected 2, got 4 (3 of 4 elements
    are wrong): it is 2 times too large, which is the batch size
    """
    if reduction not in ("mean", "sum"):
        raise ValueError(f'reduction must be "mean" or "sum", got {reduction!r}')
    settings = _Settings(tolerance, elements, seed)
    trial = _LossTrial(loss, gradient, _floats(outputs), targets, reduction, settings)
    if fault := trial.fault(expected):
        raise GradientError(fault)


class _Settings(NamedTuple):
    tolerance: float
    elements: int
    seed: int


# ------------------------------------------------------------------------------------------ layers


class _Trial:
    """A layer at one point, and one gradient to hand to its backward."""

    def __init__(
        self, layer: Any, inputs: Array, settings: _Settings, grad_output: Array | None = None
    ) -> None:
        self.layer, self.inputs, self.settings = layer, inputs, settings
        self.outputs = self.forward()
        if grad_output is None:
            grad_output = _random_like(self.outputs, settings.seed)
        self.grad_output = grad_output

    def forward(self) -> Array:
        """What a copy of the layer gives, and a check that it leaves its input as it was."""
        given = self.inputs.copy()
        result = _called("forward", copy.deepcopy(self.layer).forward, [("input", given)])
        return _array("forward", result).copy()

    def backward(self, grad_output: Array, layer: Any = None) -> tuple[Array, Any]:
        """The gradient on the input, and the layer afterwards."""
        layer = copy.deepcopy(self.layer if layer is None else layer)
        layer.forward(self.inputs.copy())  # it may keep something for backward
        given = [("input", self.inputs.copy()), ("grad_output", grad_output.copy())]
        found = _array("backward", _called("backward", layer.backward, given))
        _check_form("grad_input", found, self.inputs.shape)
        return found, layer

    def check_forward(self, expected: Callable[[Any], Any] | None) -> None:
        """Whether forward repeats itself, and agrees with the same layer on Values."""
        if not np.array_equal(self.outputs, self.forward(), equal_nan=True):
            raise GradientError(
                "forward gives something else each time: check it without its random draws"
            )
        if not np.isfinite(self.outputs).all():
            raise GradientError(f"forward gives {_not_finite(self.outputs)} for these inputs")
        if expected is not None:
            rows = [flatten(expected(_example(row)))[0] for row in self.inputs]
            right = Right(_like(self.outputs, rows, "forward"), self.settings.tolerance)
            if not right.agrees(self.outputs):
                raise GradientError(diagnosis.sentence("forward", self.outputs, right, ""))

    # ------------------------------------------------------------------- the gradient on the input

    def fault_of_input(self, expected: Callable[[Any], Any] | None = None) -> str:
        """What is wrong with grad_input; empty if nothing."""
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
                flatten(vjp(_in_a_list(expected), _example(row))[1](g.ravel().tolist()))[0]
                for row, g in zip(self.inputs, self.grad_output, strict=True)
            ]
            return Right(_like(self.inputs, rows, "grad_input"), self.settings.tolerance)
        layer, point = copy.deepcopy(self.layer), self.inputs.copy()
        return _slopes(lambda: self._loss(layer, point), point, "the input", self.settings)

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
        return (
            "each example alone is right, a batch of them is not; "
            "is something summed or divided along the wrong axis?"
        )

    def _impostors(self) -> dict[str, Array]:
        """What backward may return by mistake."""
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
        return sizes | _counts(self.inputs, "input") | _counts(self.outputs, "output")

    # ----------------------------------------------------------------- the gradients of parameters

    def parameters(self) -> list[str]:
        """The arrays among the attributes that forward depends on."""
        return [name for name, array in _arrays(self.layer) if self._depends_on(name, array)]

    def fault_of_parameter(self, name: str) -> str:
        """What is wrong with the gradient of a parameter; empty if nothing."""
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
        setattr(layer, name, array + _random_like(array, self.settings.seed))
        return not np.array_equal(layer.forward(self.inputs.copy()), self.outputs)

    def _gradient_of(self, name: str) -> Array:
        """What backward leaves as the gradient of a parameter, or the step that it takes."""
        before = np.array(getattr(self.layer, name), float)
        _, layer = self.backward(self.grad_output)
        for pattern in _GRADIENTS:
            left = getattr(layer, pattern.format(name), None)
            if left is not None:
                found = _array(pattern.format(name), left)
                _check_form(pattern.format(name), found, before.shape)
                return found
        after = np.asarray(getattr(layer, name))
        _check_form(f"{name}, after backward,", after, before.shape)
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
        return _slopes(lambda: self._loss(layer, inputs), array, name, self.settings)

    def _rate_name(self) -> str:
        return next((name for name in _RATES if getattr(self.layer, name, None)), "")


# ------------------------------------------------------------------------------------------ losses


class _LossTrial:
    """A loss and its gradient at one point."""

    def __init__(
        self,
        loss: Callable[..., Any],
        gradient: Callable[..., Any],
        outputs: Array,
        targets: tuple[Any, ...],
        reduction: str,
        settings: _Settings,
    ) -> None:
        self.loss, self.gradient, self.reduction = loss, gradient, reduction
        self.outputs, self.targets, self.settings = outputs, targets, settings

    def fault(self, expected: Callable[..., Any] | None = None) -> str:
        """What is wrong; empty if nothing."""
        self._check_loss(expected)
        found = self._called("gradient", self.gradient)
        _check_form("gradient", found, self.outputs.shape)
        right = self._right(expected)
        if right.agrees(found):
            return ""
        guesses = [
            partial(self._right_class_only, found, right),
            partial(diagnosis.transposed, found, right),
            partial(diagnosis.scaled, found, right, self._sizes()),
            partial(self._right_alone, expected),
        ]
        return diagnosis.sentence("gradient", found, right, diagnosis.first(guesses))

    def _check_loss(self, expected: Callable[..., Any] | None) -> None:
        found = self._called("loss", self.loss)
        if found.size != 1 and found.shape != self.outputs.shape[:1]:
            raise GradientError(
                f"loss gives shape {found.shape}: expected one number, or one for each example, "
                f"shape {self.outputs.shape[:1]}"
            )
        if not np.isfinite(found).all():
            raise GradientError(f"loss gives {_not_finite(found)} for these outputs")
        if expected is not None:
            losses = np.array([float(expected(row, *rest)) for row, *rest in self._examples()])
            wanted = np.array(self._reduced(losses)) if found.size == 1 else losses
            right = Right(wanted.reshape(found.shape), self.settings.tolerance)
            if not right.agrees(found):
                reason = diagnosis.scaled(found, right, self._sizes())
                raise GradientError(diagnosis.sentence("loss", found, right, reason))

    def _right(self, expected: Callable[..., Any] | None) -> Right:
        if expected is not None:
            share = self._reduced(np.ones(len(self.outputs))) / len(self.outputs)
            rows = [
                [share * slope for slope in flatten(_slope_of_loss(expected, *example))[0]]
                for example in self._examples()
            ]
            return Right(_like(self.outputs, rows, "gradient"), self.settings.tolerance)
        point = self.outputs.copy()
        return _slopes(lambda: self._total(point), point, "the outputs", self.settings)

    def _total(self, outputs: Array) -> float:
        return self._reduced(np.asarray(self.loss(outputs, *self.targets)))

    def _reduced(self, losses: Array) -> float:
        return float(losses.mean() if self.reduction == "mean" else losses.sum())

    def _called(self, name: str, function: Callable[..., Any]) -> Array:
        targets = copy.deepcopy(self.targets)
        given = [("outputs", self.outputs.copy())] + [("targets", target) for target in targets]
        return _array(name, _called(name, function, given))

    def _examples(self) -> Iterator[tuple[Any, ...]]:
        """One example after the other: its outputs as a list, and its targets."""
        rows = [_example(row) for row in self.outputs]
        return zip(rows, *[np.asarray(target).tolist() for target in self.targets], strict=True)

    def _sizes(self) -> dict[str, float]:
        return {"the batch size": len(self.outputs)} | _counts(self.outputs, "output")

    def _right_class_only(self, found: Array, right: Right) -> str:
        """Whether only the elements of the right classes are wrong."""
        if not self.targets or found.ndim != 2 or not right.known.all():
            return ""
        labels = np.asarray(self.targets[0])
        if labels.shape != found.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
            return ""
        is_right_class = np.arange(found.shape[1]) == labels[:, None]
        off = (found - right.values)[is_right_class]
        if not (right.wrong(found) == is_right_class).all() or np.ptp(off) > right.allowed:
            return ""
        return f"it is wrong in the right class of each example, by {off[0]:.6g}; is 1 subtracted?"

    def _right_alone(self, expected: Callable[..., Any] | None) -> str:
        if len(self.outputs) < 2 or any(len(t) != len(self.outputs) for t in self.targets):
            return ""
        for i in range(min(3, len(self.outputs))):
            part = slice(i, i + 1)
            targets = tuple(target[part] for target in self.targets)
            alone = copy.copy(self)
            alone.outputs, alone.targets = self.outputs[part], targets
            if alone.fault(expected):
                return ""
        return (
            "each example alone is right, a batch of them is not; "
            "is something summed or divided along the wrong axis?"
        )


def _slope_of_loss(expected: Callable[..., Any], row: Any, *rest: Any) -> Any:
    return vjp(lambda outputs: expected(outputs, *rest), row)[1](1.0)


# ----------------------------------------------------------------------------------------- helpers


def _slopes(function: Callable[[], float], point: Array, name: str, settings: _Settings) -> Right:
    """Numerical derivatives by the elements of an array that the function reads."""
    slopes = np.full(point.shape, np.nan)
    errors = np.zeros(point.shape)
    with np.errstate(all="ignore"):  # a step may leave the domain; then a smaller one is tried
        for place in _chosen(point.shape, settings):
            slopes[place], errors[place] = _slope(function, point, place)
    right = Right(slopes, settings.tolerance)
    slopes[errors > right.allowed] = np.nan  # a corner is too near
    if point.size and not right.known.any():
        raise GradientError(f"forward is not smooth enough here to check its gradient on {name}")
    return right


def _slope(function: Callable[[], float], point: Array, place: tuple[int, ...]) -> Any:
    here = point[place]

    def along(x: float) -> float:
        point[place] = x
        return function()

    try:
        return numerical_derivative(along, float(here))
    finally:
        point[place] = here


def _chosen(shape: tuple[int, ...], settings: _Settings) -> Iterable[tuple[int, ...]]:
    places = list(np.ndindex(shape))
    if len(places) <= settings.elements:
        return places
    chosen = np.random.default_rng(settings.seed).permutation(len(places))[: settings.elements]
    return [places[i] for i in np.sort(chosen)]


def _random_like(array: Array, seed: int) -> Array:
    """Of either sign, and none near 0, so that no mistake is lost in it."""
    generator = np.random.default_rng(seed)
    sizes: Array = generator.uniform(0.5, 1.5, array.shape)
    sizes *= generator.choice([-1.0, 1.0], array.shape)
    return sizes


def _called(name: str, function: Callable[..., Any], given: list[tuple[str, Any]]) -> Any:
    """A call that must leave its arguments as they are."""
    before = [copy.deepcopy(argument) for _, argument in given]
    try:
        result = function(*[argument for _, argument in given])
    except Exception as error:
        shapes = ", ".join(f"{what} of shape {np.shape(argument)}" for what, argument in given)
        error.add_note(f"in {name}, given {shapes}")
        raise
    if result is None:
        raise GradientError(f"{name} gives None: is there a return?")
    for (what, argument), old in zip(given, before, strict=True):
        if not np.array_equal(argument, old, equal_nan=True):
            raise GradientError(f"{name} changes its argument {what} in place: work on a copy")
    return result


def _array(name: str, result: Any) -> Array:
    array = np.asarray(result)
    if array.dtype != np.float64:
        raise GradientError(f"{name} gives dtype {array.dtype}, expected float64, as it is given")
    return array


def _check_form(name: str, found: Array, wanted: tuple[int, ...]) -> None:
    if found.shape != wanted:
        hint = diagnosis.misshapen(found.shape, wanted)
        raise GradientError(f"{name} has shape {found.shape}, expected {wanted}{hint}")
    if not np.isfinite(found).all():
        raise GradientError(f"{name} is {_not_finite(found)}")


def _not_finite(array: Array) -> str:
    place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
    return f"{array[place]} in element {place}"


def _arrays(layer: Any) -> list[tuple[str, Array]]:
    """The attributes that are arrays of floats, by name."""
    return [
        (name, attribute)
        for name, attribute in getattr(layer, "__dict__", {}).items()
        if isinstance(attribute, np.ndarray) and np.issubdtype(attribute.dtype, np.floating)
    ]


def _counts(array: Array, name: str) -> dict[str, float]:
    if array.ndim < 2:
        return {}
    return {f"the number of {name}s": array[0].size, f"the size of the whole {name}": array.size}


def _floats(inputs: ArrayLike) -> Array:
    array = np.array(inputs, float)
    if not np.isfinite(array).all():
        raise ValueError(f"expected finite numbers, got {_not_finite(array)}")
    return array


def _example(row: Array) -> Any:
    """One example for a function of Values: a list, or an array if it has more axes."""
    return row if np.ndim(row) > 1 else row.tolist()


def _in_a_list(function: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    return lambda example: flatten(function(example))[0]


def _like(array: Array, rows: list[list[Any]], name: str) -> Array:
    """One row of numbers for each example, in the shape of an array."""
    numbers = [getattr(number, "data", number) for row in rows for number in row]
    if len(numbers) != array.size:
        raise GradientError(
            f"{name} has shape {array.shape}: expected {len(rows[0])} numbers for each example"
        )
    return np.array(numbers, float).reshape(array.shape)
