"""Layers and losses: networks as ordinary functions of Values."""

from autodiff.nn import batch  # noqa: F401 (registers itself with Module)
from autodiff.nn.activations import (
    ELU,
    GELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from autodiff.nn.attention import MultiheadAttention
from autodiff.nn.autoencoder import Autoencoder
from autodiff.nn.batch_norm import BatchNorm1d, BatchNorm2d, batch_statistics
from autodiff.nn.convolution import AvgPool2d, Conv2d, ConvTranspose2d, Flatten, MaxPool2d, Reshape
from autodiff.nn.dense import Dense
from autodiff.nn.dropout import Dropout
from autodiff.nn.embedding import Embedding, PositionalEmbedding, Window, gather
from autodiff.nn.layers import MLP, Input, Linear, Neuron, Residual, Sequential
from autodiff.nn.losses import (
    binary_cross_entropy,
    cross_entropy,
    hinge,
    huber,
    kl_divergence,
    l1_penalty,
    l2_penalty,
    mean_absolute_error,
    mean_squared_error,
    negative_log_likelihood,
)
from autodiff.nn.module import Module
from autodiff.nn.normalization import LayerNorm, RMSNorm
from autodiff.nn.pytorch import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
)
from autodiff.nn.recurrent import GRU, LSTM, RNN
from autodiff.nn.summary import summary

__all__ = [
    "ELU", "GELU", "GRU", "LSTM", "MLP", "RNN", "Autoencoder", "AvgPool2d", "BCELoss",
    "BCEWithLogitsLoss", "BatchNorm1d", "BatchNorm2d", "Conv2d", "ConvTranspose2d",
    "CrossEntropyLoss", "Dense", "Dropout", "Embedding", "Flatten", "Input", "L1Loss", "LayerNorm",
    "LeakyReLU", "Linear", "LogSoftmax", "MSELoss", "MaxPool2d", "Module", "MultiheadAttention",
    "NLLLoss", "Neuron", "PositionalEmbedding", "RMSNorm", "ReLU", "Reshape", "Residual",
    "Sequential", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh", "Window", "batch_statistics",
    "binary_cross_entropy", "cross_entropy", "gather", "hinge", "huber", "kl_divergence",
    "l1_penalty", "l2_penalty", "mean_absolute_error", "mean_squared_error",
    "negative_log_likelihood", "summary",
]  # fmt: skip
