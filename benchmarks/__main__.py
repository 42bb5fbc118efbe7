"""``python -m benchmarks eager`` or ``compiled``: speed and memory, beside installed peers."""

from __future__ import annotations

import sys

from benchmarks.measure import one_thread

USAGE = "usage: python -m benchmarks [eager | compiled [part ...]]"


def main(arguments: list[str]) -> int:
    one_thread()
    if arguments in ([], ["eager"]):
        from benchmarks import eager

        eager.main()
        return 0
    if arguments[0] == "compiled":
        from benchmarks import compiled

        return compiled.main(arguments[1:])
    print(f"{USAGE}, got {' '.join(arguments)!r}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
