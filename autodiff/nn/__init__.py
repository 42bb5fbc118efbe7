"""Layers and losses: networks as ordinary functions of Values."""

from autodiff.nn.layers import MLP, Layer, Neuron
from autodiff.nn.losses import cross_entropy
from autodiff.nn.module import Module

__all__ = ["MLP", "Layer", "Module", "Neuron", "cross_entropy"]
