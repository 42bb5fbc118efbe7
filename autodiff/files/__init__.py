"""Files: written whole or not at all, read without trust; and streams that never fail."""

from autodiff.files.archives import check_unpacked, read_arrays
from autodiff.files.streams import SteadyStream, steady_output
from autodiff.files.whole import check_place, write_whole

__all__ = [
    "SteadyStream", "check_place", "check_unpacked", "read_arrays", "steady_output", "write_whole",
]  # fmt: skip
