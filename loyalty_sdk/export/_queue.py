"""Which unit is read next."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from ._windows import micros

if TYPE_CHECKING:
    from ._clock import Clock
    from ._spool import Spool, Unit
    from ._thread import Do

_AHEAD = 100


class Queue:
    """Hands out the open units of a spool, those that are added meanwhile too.

    What had not ended at the vendor when it was asked for the time waits until it has: rows may
    still be made in it.

    Args:
        spool: Whose.
        do: Awaits a call of the spool.
        clock: The vendor's.
    """

    def __init__(self, spool: Spool, do: Do, clock: Clock) -> None:
        self._spool = spool
        self._do = do
        self._clock = clock
        self._now = micros(clock.now)
        self._ready: deque[Unit] = deque()
        self._late: deque[Unit] = deque()
        self._passed = False
        self._last = 0
        self._taken = 0
        self._closed = False
        self._change = asyncio.Condition()

    async def wait(self) -> None:
        """Hand out what ended last as soon as it has."""
        await self._clock.passed()
        async with self._change:
            self._passed = True
            self._ready.extendleft(reversed(self._late))
            self._late.clear()
            self._change.notify_all()

    async def take(self) -> Unit | None:
        """The next unit; None when nothing is open and nobody can add anything."""
        async with self._change:
            while not self._closed:
                await self._fill()
                if self._ready:
                    self._taken += 1
                    return self._ready.popleft()
                if not self._taken and not self._late:
                    return None
                await self._change.wait()
            return None

    async def _fill(self) -> None:
        # Bounded, too, where everything is late, as customers are.
        if self._ready or len(self._late) >= _AHEAD:
            return
        for unit in await self._do(self._spool.open_units, self._last, _AHEAD):
            late = unit.window.high > self._now and not self._passed
            (self._late if late else self._ready).append(unit)
            self._last = unit.id

    async def release(self) -> None:
        """A unit that was taken adds no others any more: it is read, divided or failed."""
        async with self._change:
            self._taken -= 1
            self._change.notify_all()

    def close(self) -> None:
        """Hand out nothing more."""
        self._closed = True
