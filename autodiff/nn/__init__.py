"""Layers and losses: networks as ordinary functions of Values."""

from autodiff.nn import batch  # noqa: F401 (registers itself with Module)
from autodiff.nn.activations import GELU, LeakyReLU, LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from autodiff.nn.autoencoder import Autoencoder
from autodiff.nn.convolution import Conv2d, ConvTranspose2d, Flatten, MaxPool2d, Reshape
from autodiff.nn.dense import Dense
from autodiff.nn.dropout import Dropout
from autodiff.nn.layers import MLP, Input, Linear, Neuron, Sequential
from autodiff.nn.losses import (
    binary_cross_entropy,
    cross_entropy,
    hinge,
    l1_penalty,
    l2_penalty,
    mean_absolute_error,
    mean_squared_error,
    negative_log_likelihood,
)
from autodiff.nn.module import Module
from autodiff.nn.pytorch import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
)
from autodiff.nn.summary import summary

__all__ = [
    "GELU",
    "MLP",
    "Autoencoder",
    "BCELoss",
    "BCEWithLogitsLoss",
    "Conv2d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "Dense",
    "Dropout",
    "Flatten",
    "Input",
    "L1Loss",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "NLLLoss",
    "Neuron",
    "ReLU",
    "Reshape",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "binary_cross_entropy",
    "cross_entropy",
    "hinge",
    "l1_penalty",
    "l2_penalty",
    "mean_absolute_error",
    "mean_squared_error",
    "negative_log_likelihood",
    "summary",
]  # fmt: skip
