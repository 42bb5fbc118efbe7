"""The main job: networks that learn to read digits, by name, and what they learned."""

from autodiff.digits.presets import PRESETS, Preset, perceptron
from autodiff.digits.reading import (
    Reader,
    as_shares,
    examples,
    in_percent,
    learn_to_read,
    load,
    load_reader,
    load_to_evaluate,
    most_frequent_mistakes,
)

__all__ = [
    "PRESETS", "Preset", "Reader", "as_shares", "examples", "in_percent", "learn_to_read", "load",
    "load_reader", "load_to_evaluate", "most_frequent_mistakes", "perceptron",
]  # fmt: skip
