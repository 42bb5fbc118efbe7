"""Optimizers: how parameters move, once their gradients are known.

Every rule is written on vectors, one number for each parameter; :meth:`Optimizer.step` applies it
to Values, and the engines to the vector that they keep. Arrays of NumPy are changed in place; those
of another library with Python's array standard, such as JAX, are not, and new ones are returned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from autodiff.leaves import gradients_of, numbers_of, set_numbers
from autodiff.value import Value

Vector = NDArray[Any]
Schedule = Callable[[int], float]
"""The learning rate of each step, counted from 1; see :mod:`autodiff.schedules`."""


_CALLED = {
    "eps": "epsilon",
    "alpha": "smoothing",
    "rho": "smoothing",
    "beta_1": "betas, a pair,",
    "beta_2": "betas, a pair,",
    "clipnorm": "clip_norm",
    "global_clipnorm": "clip_norm",
}
"""Options by the names of PyTorch and Keras."""


class _Common(TypedDict, total=False):
    """The options of every optimizer, by name; see :class:`Optimizer`."""

    lr: float | Schedule | None
    weight_decay: float
    clip_norm: float | None


class Optimizer:
    """Base of all optimizers.

    Args:
        parameters: leaves to train; without them, ``model.compile`` or ``fit`` gives those of the
            model.
        learning_rate: step size, positive; or a schedule, which gives that of each step; by default
            ``usual_rate``.
        lr: PyTorch's name for it.
        weight_decay: how much of each parameter is added to its gradient (a penalty of half of it
            times the square); at least 0.
        clip_norm: the largest norm that the vector of all gradients may have; longer ones are
            scaled down to it (Pascanu, Mikolov and Bengio, On the difficulty of training recurrent
            neural networks, 2013, algorithm 1). None for no limit.

    Attributes:
        steps: how many were taken.
        state: what the rule remembers, one vector each, by name.

    Raises:
        TypeError: if a number is a Value, or a parameter is none, or an option is unknown.
        ValueError: if a number is out of its range, or there are no parameters in what was given.
    """

    usual_rate: ClassVar[float] = 0.01
    """The learning rate where none is given."""
    remembers: ClassVar[tuple[str, ...]] = ()
    """The names of what the rule remembers for each parameter, which starts at 0."""

    def __init__(
        self,
        parameters: Iterable[Value] | None = None,
        learning_rate: float | Schedule | None = None,
        *,
        lr: float | Schedule | None = None,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        **unknown: Any,
    ) -> None:
        name = type(self).__name__
        for option in unknown:
            advice = f"it is called {_CALLED[option]} here" if option in _CALLED else "leave it out"
            raise TypeError(f"{name} has no option {option}; {advice}")
        if isinstance(parameters, int | float):
            raise TypeError(
                f"the first argument of {name} is the parameters to train; write "
                f"{name}(learning_rate={parameters})"
            )
        if lr is not None and learning_rate is not None:
            raise TypeError(f"{name}: learning_rate and lr are the same; give one of them")
        learning_rate = lr if learning_rate is None else learning_rate
        self.learning_rate = self.usual_rate if learning_rate is None else learning_rate
        if not callable(self.learning_rate):
            _check("learning_rate", self.learning_rate, above=0)
        _check("weight_decay", weight_decay, at_least=0)
        if clip_norm is not None:
            _check("clip_norm", clip_norm, above=0)
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.parameters: list[Value] = []
        self.steps = 0
        self.state: dict[str, NDArray[Any]] = {}
        if parameters is not None:
            self.bind(parameters)

    def bind(self, parameters: Iterable[Value]) -> None:
        """Take these parameters, with nothing remembered of others.

        Raises:
            TypeError: if one of them is no Value.
            ValueError: if there are none.
        """
        found = list(dict.fromkeys(parameters))
        for parameter in found:
            if not isinstance(parameter, Value):
                raise TypeError(f"parameters are Values, got {type(parameter).__name__}")
        if not found:
            raise ValueError(
                f"{type(self).__name__} has nothing to train: it was given no parameters"
            )
        self.parameters = found
        self.steps = 0
        self.state = {name: np.zeros(len(found)) for name in self.remembers}

    def update(
        self, numbers: Vector, gradients: Vector, rate: float, state: list[Vector], step: int
    ) -> tuple[Vector, list[Vector]]:
        """The rule of one optimizer: the numbers after a step, and what is remembered then.

        Args:
            numbers, gradients: one for each parameter; both may be written over.
            rate: the learning rate of this step.
            state: what is remembered, one vector for each name in ``remembers``.
            step: its number, from 1.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update()")

    def step(self) -> None:
        """Move every parameter against its gradient.

        Raises:
            RuntimeError: if there are no parameters yet.
        """
        if not self.parameters:
            name = type(self).__name__
            raise RuntimeError(
                f"{name}() has no parameters yet; make it as {name}(model.parameters()), or give "
                "it to model.compile"
            )
        numbers = np.array(numbers_of(self.parameters))
        self.move(numbers, np.array(gradients_of(self.parameters)))
        set_numbers(self.parameters, numbers.tolist())

    def move(self, numbers: Vector, gradients: Vector) -> None:
        """The same step on a vector: the first parameters' numbers, which are changed in place.

        The vector of gradients may be written over.
        """
        self.steps += 1
        if numbers.dtype != object:  # exact numbers stay exact where the rule allows it
            gradients = gradients.astype(float, copy=False)
        state = [vector[: len(numbers)] for vector in self.state.values()]
        with np.errstate(over="ignore", invalid="ignore"):  # who trains looks at the numbers
            self.moved(numbers, gradients, self.rate, state, self.steps)

    def moved(
        self, numbers: Vector, gradients: Vector, rate: float, state: list[Vector], step: int
    ) -> tuple[Vector, list[Vector]]:
        """A whole step: gradients clipped, weights decayed, and the rule; see :meth:`update`."""
        if self.clip_norm is not None:
            gradients = clipped(gradients, self.clip_norm)
        if self.weight_decay:
            numbers, gradients = self.decay(numbers, gradients, rate)
        return self.update(numbers, gradients, rate, state, step)

    def decay(
        self,
        numbers: Vector,
        gradients: Vector,
        rate: float,  # noqa: ARG002
    ) -> tuple[Vector, Vector]:
        """The numbers, and the gradients with that of the penalty on large weights."""
        return numbers, gradients + self.weight_decay * numbers

    @property
    def rate(self) -> float:
        """The learning rate of the present step."""
        if not callable(self.learning_rate):
            return self.learning_rate
        step = max(self.steps, 1)
        rate = self.learning_rate(step)
        if not isinstance(rate, int | float) or not 0 <= rate < math.inf:
            raise ValueError(
                f"a schedule gives a rate of at least 0 and finite, and for step {step} it gave "
                f"{rate!r}"
            )
        return rate

    def arrange(self, first: Sequence[Value]) -> None:
        """Put some of the parameters first, in this order, so that a vector holds their numbers."""
        position = {parameter: i for i, parameter in enumerate(self.parameters)}
        order = [position.pop(parameter) for parameter in first] + list(position.values())
        self.parameters = [self.parameters[i] for i in order]
        self.state = {name: vector[order] for name, vector in self.state.items()}

    def zero_grad(self) -> None:
        """Set every gradient back to zero, since gradients add up over backward()."""
        for parameter in self.parameters:
            parameter.zero_grad()


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    v ← momentum · v + grad, then parameter ← parameter - rate · v. Sutskever et al., On the
    importance of initialization and momentum in deep learning (2013), in PyTorch's form; with
    ``nesterov``, parameter ← parameter - rate · (grad + momentum · v).

    Args:
        parameters, learning_rate, lr, weight_decay, clip_norm: see :class:`Optimizer`; by default
            the rate is 0.1.
        momentum: at least 0 and below 1; 0 is plain gradient descent.
        nesterov: whether to look ahead along the momentum, which must then be positive.

    Raises:
        TypeError, ValueError: as :class:`Optimizer` does.

    >>> x = Value(3.0)
    >>> optimizer = SGD([x], learning_rate=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> x.data
    2.4
    """

    usual_rate = 0.1
    remembers = ("velocity",)

    def __init__(
        self,
        parameters: Iterable[Value] | None = None,
        learning_rate: float | Schedule | None = None,
        momentum: float = 0.0,
        *,
        nesterov: bool = False,
        **common: Unpack[_Common],
    ) -> None:
        super().__init__(parameters, learning_rate, **common)
        _check("momentum", momentum, at_least=0, below=1)
        if nesterov and not momentum:
            raise ValueError("nesterov looks ahead along the momentum, which must be positive")
        self.momentum = momentum
        self.nesterov = nesterov

    def update(
        self,
        numbers: Vector,
        gradients: Vector,
        rate: float,
        state: list[Vector],
        step: int,  # noqa: ARG002
    ) -> tuple[Vector, list[Vector]]:
        """See the class."""
        if self.momentum:
            (velocity,) = state
            velocity *= self.momentum
            velocity += gradients
            state = [velocity]
            gradients = gradients + self.momentum * velocity if self.nesterov else velocity.copy()
        gradients *= rate
        numbers -= gradients
        return numbers, state


class RMSProp(Optimizer):
    """Steps divided by the recent size of each gradient.

    s ← decay · s + (1 - decay) · grad², then parameter ← parameter - rate · grad / (√s + epsilon).
    Tieleman and Hinton, Neural networks for machine learning, lecture 6.5 (2012).

    Args:
        parameters, learning_rate, lr, weight_decay, clip_norm: see :class:`Optimizer`; by default
            the rate is 0.01.
        smoothing: how much of the mean square is kept at each step, at least 0 and below 1.
        epsilon: added to the root, positive.

    Raises:
        TypeError, ValueError: as :class:`Optimizer` does.

    >>> x = Value(3.0)
    >>> optimizer = RMSProp([x], learning_rate=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.data, 6)
    2.0
    """

    remembers = ("mean_square",)

    def __init__(
        self,
        parameters: Iterable[Value] | None = None,
        learning_rate: float | Schedule | None = None,
        smoothing: float = 0.99,
        *,
        epsilon: float = 1e-8,
        **common: Unpack[_Common],
    ) -> None:
        super().__init__(parameters, learning_rate, **common)
        _check("smoothing", smoothing, at_least=0, below=1)
        _check("epsilon", epsilon, above=0)
        self.smoothing = smoothing
        self.epsilon = epsilon

    def update(
        self,
        numbers: Vector,
        gradients: Vector,
        rate: float,
        state: list[Vector],
        step: int,  # noqa: ARG002
    ) -> tuple[Vector, list[Vector]]:
        """See the class."""
        mean_square = _blended(state[0], gradients * gradients, self.smoothing)
        numbers -= rate * gradients / (_root(mean_square) + self.epsilon)
        return numbers, [mean_square]


RMSprop = RMSProp
"""PyTorch's and Keras' spelling."""


class Adam(Optimizer):
    """Steps by the recent mean of each gradient, divided by its recent size.

    m ← β₁ m + (1 - β₁) grad and s ← β₂ s + (1 - β₂) grad²; with both freed of their start at 0,
    m̂ = m / (1 - β₁ᵗ) and ŝ = s / (1 - β₂ᵗ), parameter ← parameter - rate · m̂ / (√ŝ + epsilon).
    Kingma and Ba, Adam: a method for stochastic optimization (2015), algorithm 1.

    Args:
        parameters, learning_rate, lr, weight_decay, clip_norm: see :class:`Optimizer`; by default
            the rate is 0.001.
        betas: β₁ and β₂, at least 0 and below 1.
        epsilon: added to the root, positive.

    Raises:
        TypeError, ValueError: as :class:`Optimizer` does.

    >>> x = Value(3.0)
    >>> optimizer = Adam([x], learning_rate=0.1)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.data, 6)
    2.9
    """

    usual_rate = 0.001
    remembers = ("mean", "mean_square")

    def __init__(
        self,
        parameters: Iterable[Value] | None = None,
        learning_rate: float | Schedule | None = None,
        betas: tuple[float, float] = (0.9, 0.999),
        *,
        epsilon: float = 1e-8,
        **common: Unpack[_Common],
    ) -> None:
        super().__init__(parameters, learning_rate, **common)
        for beta in betas:
            _check("betas", beta, at_least=0, below=1)
        _check("epsilon", epsilon, above=0)
        self.betas = betas
        self.epsilon = epsilon

    def update(
        self, numbers: Vector, gradients: Vector, rate: float, state: list[Vector], step: int
    ) -> tuple[Vector, list[Vector]]:
        """See the class."""
        first, second = self.betas
        mean = _blended(state[0], gradients, first)
        mean_square = _blended(state[1], gradients * gradients, second)
        size = _root(mean_square / (1 - second**step)) + self.epsilon
        numbers -= rate / (1 - first**step) * mean / size
        return numbers, [mean, mean_square]


class AdamW(Adam):
    """Adam whose weight decay acts on the parameters themselves, whatever the gradients are.

    parameter ← (1 - rate · decay) · parameter, then Adam's step. Loshchilov and Hutter, Decoupled
    weight decay regularization (2019), algorithm 2.

    Args:
        parameters, learning_rate, lr, betas, epsilon, clip_norm: see :class:`Adam`.
        weight_decay: how much of each parameter is taken away, times the rate; at least 0, by
            default 0.01.

    Raises:
        TypeError, ValueError: as :class:`Optimizer` does.

    >>> x = Value(3.0)
    >>> optimizer = AdamW([x], learning_rate=0.1, weight_decay=0.5)
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> round(x.data, 6)
    2.75
    """

    def __init__(
        self,
        parameters: Iterable[Value] | None = None,
        learning_rate: float | Schedule | None = None,
        betas: tuple[float, float] = (0.9, 0.999),
        *,
        epsilon: float = 1e-8,
        **common: Unpack[_Common],
    ) -> None:
        common.setdefault("weight_decay", 0.01)
        super().__init__(parameters, learning_rate, betas, epsilon=epsilon, **common)

    def decay(self, numbers: Vector, gradients: Vector, rate: float) -> tuple[Vector, Vector]:
        """The parameters, shrunk, and the gradients as they are."""
        numbers *= 1 - rate * self.weight_decay
        return numbers, gradients


def clipped(gradients: Vector, limit: float) -> Vector:
    """The gradients, scaled down so that their norm is at most the limit.

    Args:
        gradients: a vector.
        limit: of its Euclidean norm, positive.

    >>> clipped(np.array([3.0, 4.0]), 2.5).tolist()
    [1.5, 2.0]
    """
    library: Any = gradients.__array_namespace__()
    norm = library.linalg.vector_norm(gradients)
    scaled: Vector = gradients * (limit / library.maximum(norm, limit))
    return scaled


def clip_gradients(parameters: Iterable[Value], limit: float) -> float:
    """Scale the ``grad`` of all parameters down so that their norm is at most the limit.

    Args:
        parameters: leaves after ``backward()``.
        limit: of the Euclidean norm of all gradients together, positive.

    Returns:
        The norm before.

    Raises:
        ValueError: if the limit is not positive and finite.

    >>> x, y = Value(3.0), Value(4.0)
    >>> (x * x / 2 + y * y / 2).backward()
    >>> clip_gradients([x, y], 2.5), x.grad, y.grad
    (5.0, 1.5, 2.0)
    """
    _check("limit", limit, above=0)
    parameters = list(parameters)
    gradients = np.array([parameter.grad for parameter in parameters], float)
    norm = float(np.linalg.norm(gradients))
    if norm > limit:
        for parameter, gradient in zip(parameters, clipped(gradients, limit).tolist(), strict=True):
            parameter.grad = gradient
    return norm


def _blended(mean: Vector, new: Vector, kept: float) -> Vector:
    """A running mean that keeps this share of what it was."""
    mean *= kept
    mean += (1 - kept) * new
    return mean


def _root(vector: Vector) -> Vector:
    library: Any = vector.__array_namespace__()
    return library.sqrt(vector)  # type: ignore[no-any-return]


def _check(
    name: str,
    number: Any,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    below: float = math.inf,
) -> None:
    if isinstance(number, Value):
        raise TypeError(f"{name} is a number, got a Value; pass its .data")
    if not (above < number < math.inf and at_least <= number < below):
        low = f"above {above:g}" if at_least == -math.inf else f"at least {at_least:g}"
        low = "positive" if above == 0 else low
        high = f"below {below:g}" if below < math.inf else "finite"
        raise ValueError(f"{name} must be {low} and {high}, got {number}")
