"""Data: real digits, toy sets, and what training needs of them.

A packaged subset of MNIST, and the full set from a folder or the network; pictures of your own,
made like MNIST's; first names; points of the plane in two classes; batches, splits and
augmentation.
"""

from autodiff.data.augmentation import Augmentation
from autodiff.data.batches import DataLoader, batches, one_hot
from autodiff.data.dataset import Dataset, Pairs, Points, split
from autodiff.data.idx import read_idx
from autodiff.data.mnist import load_mnist, load_subset
from autodiff.data.names import load_names
from autodiff.data.pictures import read_digit
from autodiff.data.toys import circle, gaussians, moons, spiral, triangle, xor

__all__ = [
    "Augmentation",
    "DataLoader",
    "Dataset",
    "Pairs",
    "Points",
    "batches",
    "circle",
    "gaussians",
    "load_mnist",
    "load_names",
    "load_subset",
    "moons",
    "one_hot",
    "read_digit",
    "read_idx",
    "spiral",
    "split",
    "triangle",
    "xor",
]
