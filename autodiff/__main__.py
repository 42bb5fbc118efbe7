"""``python -m autodiff``: the same as the ``autodiff`` command."""

import sys

from autodiff.cli import main

sys.exit(main())
