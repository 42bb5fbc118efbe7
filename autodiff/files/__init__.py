"""Files: written whole or not at all, and read without trust."""

from autodiff.files.archives import check_unpacked, read_arrays
from autodiff.files.whole import check_place, write_whole

__all__ = ["check_place", "check_unpacked", "read_arrays", "write_whole"]
