"""How many requests are under way at once."""

from __future__ import annotations

import time
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ._waiting import Queue, here

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ._lanes import LaneName, Waiter

_EVER = float("inf")
_KEPT_ONE_IN = 10


class Slots(Queue):
    """At most so many requests under way; whoever wants to send takes a slot first.

    It is taken before the rate's grant, so that a granted request never waits again. Bulk
    leaves one slot in ten to interactive calls (at least one, where there are two): else
    these would wait behind bulk requests that hold a slot and wait for their grant.

    Attributes:
        interactive, bulk: The lanes; see `Limiter`.
        limit: How many slots there are.
        taken: How many are taken now.
        taken_by_bulk: How many of these by bulk.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.taken = 0
        self.taken_by_bulk = 0
        self._given: deque[LaneName] = deque()
        self._most_bulk = limit if limit == 1 else limit - max(1, limit // _KEPT_ONE_IN)

    @asynccontextmanager
    async def slot(
        self, lane: LaneName, deadline: float, key: object = None
    ) -> AsyncGenerator[float]:
        """Hold a slot; gives the seconds it took to get one.

        Raises:
            RateWaitTimeoutError: None was free before ``deadline``.
        """
        waited = await self.take(lane, deadline, key)
        try:
            yield waited
        finally:
            self.give(lane)

    async def take(self, lane: LaneName, deadline: float, key: object = None) -> float:
        """Wait for a slot, which has to be given back; arguments as for `Limiter.grant`."""
        with self._lock:
            self._take_in()
            if not self._lanes.waiting and self._is_free(lane) and time.monotonic() <= deadline:
                self._count(lane, 1)
                self._lanes.of(lane).grants += 1
                return 0.0
        return await self._wait(lane, deadline, key)

    def give(self, lane: LaneName) -> None:
        """Give back a slot that ``lane`` took.

        A call that nobody awaits any more ends where it is collected, which may be in the
        middle of `serve`: so this does not wait for the lock.
        """
        self._given.append(lane)
        if self._lock.acquire(blocking=False):
            try:
                self._take_in()
                if self._lanes.waiting:
                    self.serve()
            finally:
                self._lock.release()
        elif (loop := here()) is not None:
            loop.call_soon(self.look)

    def _take_in(self) -> None:
        """Count what was given back."""
        while self._given:
            self._count(self._given.popleft(), -1)

    def _is_free(self, lane: LaneName) -> bool:
        if self.taken >= self.limit:
            return False
        return lane != "bulk" or self.taken_by_bulk < self._most_bulk

    def _count(self, lane: LaneName, change: int) -> None:
        self.taken += change
        if lane == "bulk":
            self.taken_by_bulk += change

    # ------------------------------------------------------------ what the queue asks

    def due(self, now: float) -> float:
        """See `Queue`."""
        self._take_in()
        somebody = self.interactive.waiting or self._is_free("bulk")
        return now if self.taken < self.limit and somebody else _EVER

    def next(self, now: float) -> Waiter:
        """See `Queue`."""
        lanes = self._lanes
        waiter = lanes.pop() if self._is_free("bulk") else lanes.interactive.pop()
        self._count("bulk" if waiter.lane is self.bulk else "interactive", 1)
        return waiter

    def take_back(self, waiter: Waiter) -> None:
        """See `Queue`."""
        self._count("bulk" if waiter.lane is self.bulk else "interactive", -1)
