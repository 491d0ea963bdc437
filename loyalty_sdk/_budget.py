"""What one credential's calls may spend on repeats, so that they do not make a bad hour worse."""

from __future__ import annotations

import time

_FREE = 20.0
_FREE_PER_SECOND = 10.0
_MOST = 200.0


class Budget:
    """Repeats that are left; shared by all clients of one credential.

    Every call pays in a share of a repeat and every repeat takes a whole one, so that repeats
    stay that share of the calls. At most 200 are saved up. Up to 20 come back by themselves,
    10 a second: calls one after the other may always repeat, only a storm may not.
    """

    def __init__(self) -> None:
        self._left = _FREE
        self._seen_at = time.monotonic()

    def pay(self, share: float) -> None:
        """A call begins."""
        self._left = min(_MOST, self._left + share)

    def take(self) -> bool:
        """Whether a call may send once more; if so, that is taken."""
        now = time.monotonic()
        back = (now - self._seen_at) * _FREE_PER_SECOND
        self._seen_at = now
        self._left = max(self._left, min(_FREE, self._left + back))
        if self._left < 1:
            return False
        self._left -= 1
        return True
