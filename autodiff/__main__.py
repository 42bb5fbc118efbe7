"""``python -m autodiff``: the same as the ``autodiff`` command."""

import sys

try:
    from autodiff.cli import main
except KeyboardInterrupt:
    sys.exit(130)

sys.exit(main())
