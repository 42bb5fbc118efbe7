"""``python -m benchmarks``: speed and memory beside peers, and accuracy on digits."""

from __future__ import annotations

import sys

from benchmarks.measure import one_thread

USAGE = (
    "usage: python -m benchmarks [eager | compiled [part ...] | "
    "workloads [--target TARGET] [--memory] [name ...] | pictures | training | spelling | "
    "devices [network] [mixture] [scaling] | "
    "digits [choose | unseen M.npz FOLDER]]"
)


def main(arguments: list[str]) -> int:
    if arguments in (["-h"], ["--help"]):
        print(f"{USAGE}\n\nWithout a word it runs eager. What each measures: docs/benchmarks.md")
        return 0
    if arguments[:1] == ["devices"]:  # on all threads that JAX and PyTorch take
        from benchmarks import devices

        return devices.main(arguments[1:])
    one_thread()
    if arguments in ([], ["eager"]):
        from benchmarks import eager

        eager.main()
        return 0
    if arguments[0] == "compiled":
        from benchmarks import compiled

        return compiled.main(arguments[1:])
    if arguments[0] == "workloads":
        from benchmarks import beside_jax

        return beside_jax.main(arguments[1:])
    if arguments == ["pictures"]:
        from benchmarks import pictures

        pictures.main()
        return 0
    if arguments == ["training"]:
        from benchmarks import training

        training.main()
        return 0
    if arguments == ["spelling"]:
        from benchmarks import spelling

        spelling.main()
        return 0
    if arguments[0] == "digits":
        from benchmarks import digits

        return digits.main(arguments[1:])
    print(f"{USAGE}, got {' '.join(arguments)!r}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
