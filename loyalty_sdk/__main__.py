"""``python -m loyalty_sdk``: the same as ``loyalty``."""

import sys

from .cli import main

sys.exit(main())
