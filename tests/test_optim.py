"""Optimizers, step for step: against their papers' formulas, and against PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import Value
from autodiff.optim import SGD, Adam, AdamW, Optimizer, RMSProp, clip_gradients
from autodiff.schedules import Cosine, StepDecay, WarmUp

Slope = Callable[[float], float]


def slope(x: float) -> float:
    """Of a function with curvature of both signs, ∂(x²/2 + cos 3x)/∂x."""
    return x - 3 * math.sin(3 * x)


def sgd(x: float, rate: float, momentum: float, nesterov: bool, decay: float) -> Iterator[float]:
    velocity = 0.0
    while True:
        g = slope(x) + decay * x
        velocity = momentum * velocity + g
        x -= rate * (g + momentum * velocity if nesterov else velocity)
        yield x


def rmsprop(x: float, rate: float, kept: float, decay: float) -> Iterator[float]:
    s = 0.0
    while True:
        g = slope(x) + decay * x
        s = kept * s + (1 - kept) * g**2
        x -= rate * g / (math.sqrt(s) + 1e-8)
        yield x


def adam(x: float, rate: float, b1: float, b2: float, decay: float) -> Iterator[float]:
    m = s = 0.0
    t = 0
    while True:
        t += 1
        g = slope(x) + decay * x
        m = b1 * m + (1 - b1) * g
        s = b2 * s + (1 - b2) * g * g
        x -= rate * (m / (1 - b1**t)) / (math.sqrt(s / (1 - b2**t)) + 1e-8)
        yield x


def adamw(x: float, rate: float, b1: float, b2: float, decay: float) -> Iterator[float]:
    m = s = 0.0
    t = 0
    while True:
        t += 1
        g = slope(x)
        x -= rate * decay * x
        m = b1 * m + (1 - b1) * g
        s = b2 * s + (1 - b2) * g * g
        x -= rate * (m / (1 - b1**t)) / (math.sqrt(s / (1 - b2**t)) + 1e-8)
        yield x


CASES: dict[str, tuple[Callable[..., Optimizer], Callable[[float], Iterator[float]], Any]] = {
    "sgd": (lambda p: SGD(p, 0.1), lambda x: sgd(x, 0.1, 0, False, 0), ("SGD", {"lr": 0.1})),
    "momentum": (
        lambda p: SGD(p, 0.05, 0.9, weight_decay=0.2),
        lambda x: sgd(x, 0.05, 0.9, False, 0.2),
        ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.2}),
    ),
    "nesterov": (
        lambda p: SGD(p, 0.05, 0.9, nesterov=True),
        lambda x: sgd(x, 0.05, 0.9, True, 0),
        ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ),
    "rmsprop": (
        lambda p: RMSProp(p, 0.02, 0.9, weight_decay=0.1),
        lambda x: rmsprop(x, 0.02, 0.9, 0.1),
        ("RMSprop", {"lr": 0.02, "alpha": 0.9, "weight_decay": 0.1}),
    ),
    "adam": (
        lambda p: Adam(p, 0.05, (0.8, 0.99), weight_decay=0.1),
        lambda x: adam(x, 0.05, 0.8, 0.99, 0.1),
        ("Adam", {"lr": 0.05, "betas": (0.8, 0.99), "weight_decay": 0.1}),
    ),
    "adamw": (
        lambda p: AdamW(p, 0.05, weight_decay=0.1),
        lambda x: adamw(x, 0.05, 0.9, 0.999, 0.1),
        ("AdamW", {"lr": 0.05, "weight_decay": 0.1}),
    ),
}


@pytest.mark.parametrize("name", CASES)
@given(start=st.floats(-5, 5))
def test_every_step_is_the_papers(name: str, start: float) -> None:
    make, formula, _ = CASES[name]
    x = Value(start)
    optimizer, expected = make([x]), formula(start)
    for _ in range(30):
        x.grad = slope(x.data)
        optimizer.step()
        assert x.data == pytest.approx(next(expected), rel=1e-9, abs=1e-9)


@pytest.mark.peers
@pytest.mark.parametrize("name", CASES)
def test_every_step_is_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    make, _, (kind, options) = CASES[name]
    numbers = np.linspace(-4, 4, 9)
    theirs = torch.tensor(numbers, requires_grad=True)
    their_optimizer = getattr(torch.optim, kind)([theirs], **options)
    ours = [Value(number) for number in numbers.tolist()]
    optimizer = make(ours)
    for _ in range(50):
        their_optimizer.zero_grad()
        (theirs**2 / 2 + torch.cos(3 * theirs)).sum().backward()
        their_optimizer.step()
        for value in ours:
            value.grad = slope(value.data)
        optimizer.step()
        assert [value.data for value in ours] == pytest.approx(theirs.tolist(), rel=1e-9)


@pytest.mark.peers
def test_clipping_is_pytorchs() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    theirs = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
    theirs.grad = torch.tensor([3.0, -4.0, 12.0], dtype=torch.float64)
    ours = [Value(0.0) for _ in range(3)]
    for value, gradient in zip(ours, (3.0, -4.0, 12.0), strict=True):
        value.grad = gradient
    norm = torch.nn.utils.clip_grad_norm_([theirs], 2.0)
    assert clip_gradients(ours, 2.0) == pytest.approx(float(norm))
    assert [v.grad for v in ours] == pytest.approx(theirs.grad.tolist(), rel=1e-5)


@pytest.mark.parametrize("make", [SGD, RMSProp, Adam, AdamW])
def test_a_clipped_gradient_keeps_its_direction(make: Any) -> None:
    values = [Value(0.0), Value(0.0)]
    optimizer = make(values, 0.1, clip_norm=1.0)
    optimizer.move(np.zeros(2), np.array([300.0, 400.0]))
    seen = [Value(0.0), Value(0.0)]
    same = make(seen, 0.1)
    same.move(np.zeros(2), np.array([0.6, 0.8]))
    for name in optimizer.state:
        np.testing.assert_allclose(optimizer.state[name], same.state[name], rtol=1e-12)


def test_a_schedule_gives_the_rate_of_each_step() -> None:
    x = Value(0.0)
    optimizer = SGD([x], StepDecay(1.0, every=2, factor=0.5))
    places = []
    for _ in range(5):
        x.grad = -1.0
        optimizer.step()
        places.append(x.data)
    assert places == [1.0, 2.0, 2.5, 3.0, 3.25]
    warm = WarmUp(Cosine(1.0, steps=100), steps=10)
    rates = [warm(step) for step in range(1, 200)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9]
    assert rates[100:] == [0.0] * 99
    assert all(a >= b for a, b in pairwise(rates[9:]))


@pytest.mark.parametrize("rate", [math.nan, math.inf, -0.1, None])
def test_a_schedule_must_give_a_rate(rate: Any) -> None:
    with pytest.raises(ValueError, match="for step 1 it gave"):
        SGD([Value(1.0)], lambda step: rate).step()


def test_the_state_goes_with_its_parameter() -> None:
    a, b, c = (Value(number) for number in (1.0, 2.0, 3.0))
    moved, kept = Adam([a, b, c], 0.1), Adam([a, b, c], 0.1)
    first, again = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])
    moved.move(first, np.array([1.0, -2.0, 3.0]))
    kept.move(again, np.array([1.0, -2.0, 3.0]))
    moved.arrange([c, a])
    assert moved.parameters == [c, a, b]
    turned = first[[2, 0, 1]]
    moved.move(turned, np.array([1.0, 1.0, 1.0]))
    kept.move(again, np.array([1.0, 1.0, 1.0]))
    np.testing.assert_array_equal(turned, again[[2, 0, 1]])


BAD: list[tuple[Callable[[], object], str]] = [
    (lambda: SGD([Value(1.0)], 0.0), "learning_rate must be positive and finite, got 0.0"),
    (lambda: SGD([Value(1.0)], math.nan), "learning_rate must be positive"),
    (lambda: SGD([Value(1.0)], 0.1, 1.0), "momentum must be at least 0 and below 1, got 1.0"),
    (lambda: SGD([Value(1.0)], 0.1, nesterov=True), "the momentum, which must be positive"),
    (lambda: SGD([Value(1.0)], 0.1, weight_decay=-1.0), "weight_decay must be at least 0"),
    (lambda: SGD([Value(1.0)], 0.1, clip_norm=0.0), "clip_norm must be positive"),
    (lambda: Adam([Value(1.0)], 0.1, (0.9, 1.0)), "betas must be at least 0 and below 1"),
    (lambda: Adam([Value(1.0)], 0.1, epsilon=0.0), "epsilon must be positive"),
    (lambda: RMSProp([Value(1.0)], 0.1, -0.1), "smoothing must be at least 0"),
    (lambda: Adam([1.0], 0.1), "parameters are Values, got float"),  # type: ignore[list-item]
    (lambda: Adam([Value(1.0)], Value(0.1)), "learning_rate is a number, got a Value"),  # type: ignore[arg-type]
    (lambda: clip_gradients([Value(1.0)], -1.0), "limit must be positive"),
    (lambda: Cosine(0.1, 0), "Cosine: steps must be positive and finite, got 0"),
    (lambda: StepDecay(-0.1, 3), "StepDecay: rate must be positive and finite, got -0.1"),
    (lambda: WarmUp(0.1, -2), "WarmUp: steps must be positive"),
]


@pytest.mark.parametrize(("make", "complaint"), BAD, ids=range(len(BAD)))
def test_bad_numbers_are_one_sentence(make: Callable[[], object], complaint: str) -> None:
    with pytest.raises((ValueError, TypeError), match=complaint):
        make()
