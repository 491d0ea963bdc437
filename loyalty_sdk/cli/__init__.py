"""The command ``loyalty``; it needs the extra ``cli``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``loyalty`` and return its exit code.

    Args:
        arguments: Without the program's name; taken from ``sys.argv`` when None.

    Returns:
        0 done; 1 refused or failed; 2 bad usage or configuration, nothing was sent;
        3 the outcome of a write is unknown; 130 interrupted.
    """
    try:
        from ._app import run  # noqa: PLC0415 - click is an extra and may be missing

        return run(arguments)
    except ModuleNotFoundError as exc:
        if exc.name not in {"click", "rich"}:
            raise
        print("loyalty needs its extra: pip install 'async-loyalty-sdk[cli]'", file=sys.stderr)  # noqa: T201 - click is missing
        return 2
