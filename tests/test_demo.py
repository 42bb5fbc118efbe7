"""The demo's choice of an image: the one that its network is least decided about."""

from __future__ import annotations

import math

import numpy as np

from autodiff import Value
from autodiff.demo import most_undecided, one_output_neuron
from autodiff.nn import MLP, cross_entropy


def test_the_image_that_is_least_decided_has_a_loss_of_about_log_2() -> None:
    generator = np.random.default_rng(0)
    model = MLP(16, [5, 3], seed=0)
    images, labels = generator.random((60, 16)), generator.integers(3, size=60)
    losses = [
        cross_entropy(model([Value(pixel) for pixel in image]), int(label)).data
        for image, label in zip(images, labels, strict=True)
    ]
    i = most_undecided(model, images, labels)
    logits = [abs(math.log(math.expm1(loss))) for loss in losses]  # of the class against the rest
    assert i == int(np.argmin(logits))
    loss = one_output_neuron(model, images[i].tolist(), int(labels[i]))
    assert math.isclose(loss.data, losses[i], rel_tol=1e-9)
