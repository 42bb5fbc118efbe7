"""Real digits: a packaged subset of MNIST, and the full set from a folder or the network."""

from autodiff.data.dataset import Dataset, split
from autodiff.data.idx import read_idx
from autodiff.data.mnist import load_mnist, load_subset

__all__ = ["Dataset", "load_mnist", "load_subset", "read_idx", "split"]
