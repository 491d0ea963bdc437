"""One measurement in this process, which does nothing else: what it prints last is the result."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

Run = Callable[[Mapping[str, Any]], Mapping[str, float]]


def load(name: str) -> Run:
    """The function that ``module:function`` names."""
    module, _, function = name.partition(":")
    run: Run = getattr(import_module(module), function)
    return run


def main() -> None:
    """Take ``module:function`` and settings from the command line and print the figures."""
    name, settings = sys.argv[1:]
    figures = load(name)(json.loads(settings))
    sys.stdout.write("\n" + json.dumps(dict(figures)) + "\n")


if __name__ == "__main__":
    main()
