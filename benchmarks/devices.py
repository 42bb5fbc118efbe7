"""Programs by JAX on the device that is there, beside JAX by hand and PyTorch.

A step of gradient descent of a network with 784-512-128-64-10 units, in float32, and value and
gradient of ADBench's mixture of five Gaussians, in float64. Every side keeps its arrays on the
device, and is waited for. Before anything is timed, all sides agree. ``scaling`` repeats the
programs on 1, 2, 4 and 8 virtual devices: a check that the numbers are the same, not of speed.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from autodiff import compile, dot, logsumexp, relu
from benchmarks.measure import interleaved, seconds_of, seconds_per_call
from benchmarks.workloads import mixture_workload

USAGE = "usage: python -m benchmarks devices [network] [mixture] [scaling]"
SIZES = (784, 512, 128, 64, 10)
BATCHES, POINTS = (256, 8_192, 65_536), (1_000, 1_000_000)
RATE = 0.01
LONG = 1.0
"""Seconds of a call from which on three rounds are enough."""

Layers = list[tuple[Any, Any]]


def main(arguments: Sequence[str]) -> int:
    parts = {"network": network, "mixture": mixture, "scaling": scaling}
    if not set(arguments) <= {*parts, "shares"}:
        print(USAGE, file=sys.stderr)
        return 2
    if importlib.util.find_spec("jax") is None:
        print('devices are those of JAX: pip install "autodiff-viz[jax]"', file=sys.stderr)
        return 2
    import jax

    jax.config.update("jax_enable_x64", True)
    if "shares" in arguments:
        on_shares()
        return 0
    print(f"{jax.devices()[0].device_kind}, JAX {jax.__version__}")
    for name in arguments or parts:
        parts[name]()
    return 0


class Side(NamedTuple):
    """One way to do the work: a call that waits for its results, which are numbers to compare."""

    name: str
    run: Callable[[], Any]
    reach: float | None = None
    first: float = 0.0
    """Seconds of the first call, in which it is traced and compiled."""


def print_rows(work: str, sides: Sequence[Side]) -> None:
    """A line for each other side; a ratio below 1 means that autodiff takes less time."""
    is_gpu = jax_platform() == "gpu"  # the ratios to reach are for one
    rounds = 3 if seconds_of(sides[0].run) > LONG else 9
    own, *others = interleaved([seconds_per_call(side.run) for side in sides], rounds)
    for side, seconds in zip(sides[1:], others, strict=True):
        ratio, reach = own / seconds, side.reach if is_gpu else None
        said = "" if reach is None else f"≤ {reach:g}{'' if ratio <= reach else ', missed'}"
        first = f"{sides[0].first / side.first:8.2f}" if side.first else " " * 8
        print(f"{work:<28}{1e3 * own:10.3f} ms{1e3 * seconds:10.3f} ms{ratio:8.2f}  "
              f"{said:<16}{first}  {side.name}", flush=True)  # fmt: skip


def jax_platform() -> str:
    import jax

    return str(jax.devices()[0].platform)


def started(name: str, run: Callable[[], Any], reach: float | None = None) -> Side:
    return Side(name, run, reach, seconds_of(run))


HEADING = (
    f"{'work':<28}{'autodiff':>13}{'other':>13}{'ratio':>8}  {'reach':<16}{'first':>8}  beside"
)

# ---------------------------------------------------------------------------------- the network


def random_layers() -> Layers:
    generator = np.random.default_rng(0)
    return [
        ((generator.normal(size=(n, m)) / np.sqrt(m)).astype(np.float32), np.zeros(n, np.float32))
        for m, n in pairwise(SIZES)
    ]


def scalar_loss(layers: Any, image: Any, target: Any) -> Any:
    """Softmax cross-entropy of one image, in scalars."""
    values = list(image)
    for i, (weights, bias) in enumerate(layers):
        values = [dot(list(row), values, b) for row, b in zip(weights, bias, strict=True)]
        values = values if i == len(layers) - 1 else [relu(value) for value in values]
    return logsumexp(values) - dot(list(target), values)


def jax_losses(layers: Any, images: Any, targets: Any) -> Any:
    """The same in JAX, by hand, for all images."""
    import jax
    import jax.numpy as jnp

    for i, (weights, bias) in enumerate(layers):
        images = images @ weights.T + bias
        images = images if i == len(layers) - 1 else jnp.maximum(images, 0)
    return jax.nn.logsumexp(images, axis=1) - (targets * images).sum(1)


def stepping(gradient: Callable[..., Any], layers: Any, images: Any, targets: Any) -> Any:
    """A call that moves the layers once, on the device, and waits."""
    import jax

    def step(layers: Any) -> Any:
        slopes = gradient(layers, images, targets)
        return jax.tree.map(lambda p, g: p - RATE / len(images) * g, layers, slopes)

    run, state = jax.jit(step), [layers]

    def once() -> Any:
        state[0] = jax.block_until_ready(run(state[0]))
        return state[0]

    return once


def network() -> None:
    import jax
    import jax.numpy as jnp

    print(f"\n{HEADING}")
    seconds = time.perf_counter()
    f = compile(scalar_loss, ("image", "target"), target="jax", dtype="float32")
    f.specialize(random_layers(), np.zeros((1, 784)), np.zeros((1, 10)))
    traced = time.perf_counter() - seconds
    by_hand = jax.grad(lambda *arguments: jax_losses(*arguments).sum())
    for batch in BATCHES:
        generator = np.random.default_rng(1)
        images = generator.random((batch, 784), np.float32)
        targets = np.eye(10, dtype=np.float32)[generator.integers(10, size=batch)]
        x, t, layers = jax.device_put((jnp.asarray(images), jnp.asarray(targets), random_layers()))
        ours = stepping(lambda *arguments: f.value_and_grad(*arguments)[1], layers, x, t)
        sides = [
            started("autodiff", ours),
            started("JAX by hand", stepping(by_hand, layers, x, t), 1.1),
        ]
        if importlib.util.find_spec("torch"):
            sides.append(Side("PyTorch, eager", torch_stepping(images, targets), 0.4))
        check_steps(sides)
        print_rows(f"step, {batch:,} images", sides)
    print(f"tracing {sum(w.size for w, _ in random_layers()):,} weights took {traced:.1f} s, once")


def torch_stepping(images: Any, targets: Any) -> Callable[[], Any]:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    x, t = (torch.from_numpy(a).to(device) for a in (images, targets))
    layers = [
        [torch.from_numpy(p.copy()).to(device).requires_grad_() for p in layer]
        for layer in random_layers()
    ]
    parameters = [p for layer in layers for p in layer]
    optimizer = torch.optim.SGD(parameters, lr=RATE)

    def once() -> Any:
        values = x
        for i, (weights, bias) in enumerate(layers):
            values = torch.nn.functional.linear(values, weights, bias)
            values = values if i == len(layers) - 1 else values.relu()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(values, t).backward()
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        return [[p.detach().cpu().numpy() for p in layer] for layer in layers]

    once()
    return once


def check_steps(sides: Sequence[Side]) -> None:
    """After two steps each side has the same layers, in float32."""
    import jax

    first, *others = [jax.tree.leaves(side.run()) for side in sides]
    for other in others:
        for a, b in zip(first, other, strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-2, atol=1e-4)


# ---------------------------------------------------------------------------------- the mixture


def mixture() -> None:
    import jax
    import jax.numpy as jnp

    from benchmarks.workloads_in_jax import gaussian_mixture

    print(f"\n{HEADING}")
    by_hand = jax.jit(
        jax.value_and_grad(lambda *arguments: gaussian_mixture(*arguments).sum(), (0, 1, 2))
    )
    for count in POINTS:
        work = mixture_workload(5, count)
        ours = compile(work.function, "x", target="jax")
        arguments = jax.device_put(tuple(map(jnp.asarray, work.arguments)))

        def own(ours: Any = ours, arguments: Any = arguments) -> Any:
            return jax.block_until_ready(ours.value_and_grad(*arguments, argnums=(0, 1, 2)))

        def others(arguments: Any = arguments) -> Any:
            return jax.block_until_ready(by_hand(*arguments))

        sides = [started("autodiff", own), started("JAX by hand", others, 1.0)]
        for a, b in zip(own()[1], others()[1], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * np.abs(b).max())
        print_rows(f"mixture, {count:,} points", sides)


# ---------------------------------------------------------------------------------- many devices


def scaling() -> None:
    """The gradients on 1, 2, 4 and 8 virtual devices, each in a process of its own."""
    print("\ndevices   largest difference, relative, from one device")
    for count in (1, 2, 4, 8):
        flags = f"--xla_force_host_platform_device_count={count}"
        environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
        command = [sys.executable, "-m", "benchmarks", "devices", "shares"]
        said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        print(f"{count:>7}   {said.stdout.strip()}", flush=True)


def on_shares() -> None:
    """The mixture's gradient of 1,001 points on all devices, and on one."""
    import jax

    work, found = mixture_workload(5, 1_001), []
    for devices in (jax.devices(), jax.devices()[:1]):
        f = compile(work.function, "x", target="jax", devices=devices)
        found.append(f.value_and_grad(*work.arguments, argnums=(0, 1, 2))[1])
    print(max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(*found, strict=True)))
