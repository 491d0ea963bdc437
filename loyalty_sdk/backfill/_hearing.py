"""Events on their way to whoever listens."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ._events import Event
    from ._run import Run

_MOST = 1000


class Heard:
    """A queue that holds the run back while its listener is behind.

    Args:
        run: The run, once there is one.
    """

    def __init__(self, run: Callable[[], Run | None]) -> None:
        self._run = run
        self._events: deque[Event] = deque()
        self._there = asyncio.Event()
        self._ended = False

    def tell(self, event: Event) -> None:
        """One more."""
        self._events.append(event)
        self._there.set()
        if len(self._events) >= _MOST and (run := self._run()) is not None:
            run.heard.clear()

    def end(self) -> None:
        """No more come."""
        self._ended = True
        self._there.set()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Each event once."""
        while True:
            while self._events:
                yield self._events.popleft()
            if (run := self._run()) is not None:
                run.heard.set()
            if self._ended:
                return
            self._there.clear()
            await self._there.wait()
