"""Being ended by a signal, and leaving nothing behind."""

from __future__ import annotations

import signal
from types import FrameType


def end_on_signals() -> None:
    """End servers and remove folders before a signal ends this process.

    By itself SIGTERM, or SIGHUP when a terminal is closed, would end this process alone.
    """
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # What `nohup` lets go on goes on.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, _: FrameType | None) -> None:
    # Another one must not break off the tidying up.
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)
