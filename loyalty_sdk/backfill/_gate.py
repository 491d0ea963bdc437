"""Where every row waits before it is sent, while the vendor wants or needs a pause."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 60.0
# Seconds that a pause grows by before anybody is told again.
_NEWS = 1.0


class Gate:
    """Shut for a while after a failure that is not the row's own.

    Args:
        patience: Seconds of nothing but such failures after which the run ends.
        tell: Told of every pause: why, and its seconds.
    """

    def __init__(self, patience: float, tell: Callable[[str, float], None]) -> None:
        self.stopped = asyncio.Event()
        self._patience = patience
        self._tell = tell
        self._until = 0.0
        self._reason = ""
        self._failures = 0
        self._failing_since: float | None = None

    @property
    def reason(self) -> str | None:
        """Why it is shut; None while it is open."""
        left = self._until - time.monotonic()
        return f"{self._reason}: {left:.0f} s" if left > 0 else None

    def succeeded(self) -> None:
        """A row got through."""
        self._failures, self._failing_since = 0, None

    def failed(self, why: str, asked: float | None) -> bool:
        """Shut it; ``asked`` is what the vendor asked for. False when patience is at its end."""
        now = time.monotonic()
        since = self._failing_since = self._failing_since or now
        if now - since > self._patience and asked is None:
            return False
        wait = asked or 0.0
        if now >= self._until:  # else it is one of many at once
            wait = max(wait, min(_FIRST_PAUSE * 2**self._failures, _LONGEST_PAUSE))
            self._failures += 1
        if now + wait > self._until:
            # Many rows are told the same at once.
            news = now >= self._until or now + wait > self._until + _NEWS
            self._until, self._reason = now + wait, why
            if news:
                self._tell(why, wait)
        return True

    async def passed(self) -> bool:
        """Wait until it is open; False when the run is to stop."""
        left = self._until - time.monotonic()
        while left > 0 and await self.sleep(left):
            left = self._until - time.monotonic()
        return not self.stopped.is_set()

    async def sleep(self, seconds: float) -> bool:
        """Wait; False, at once, when the run is to stop."""
        stopping = asyncio.ensure_future(self.stopped.wait())
        done, _ = await asyncio.wait({stopping}, timeout=seconds)
        stopping.cancel()
        return not done
