"""``python -m benchmarks eager``: speed and memory, beside the peers that are installed."""

from __future__ import annotations

import sys

from benchmarks import eager


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["eager"]):
        print(f"usage: python -m benchmarks [eager], got {' '.join(arguments)!r}", file=sys.stderr)
        return 2
    eager.main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
