"""A rate that is shared with other processes: its slots are leased."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from typing import TYPE_CHECKING

from ._limiter import Limiter
from ._pace import LATENESS, FixedPace
from ._waiting import here
from .errors import RateWaitTimeoutError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._lanes import Waiter
    from ._redis import Link, RedisBudget, Reserved
    from .errors import LoyaltyError

_EVER = float("inf")
_log = logging.getLogger("loyalty_sdk")

# Seconds of the rate that one lease holds: a process that is killed takes no more with it.
_LEASE = 0.025
# Seconds of the rate that are still there when the next lease is asked for.
_AHEAD = 0.01
# Seconds between two looks whether Redis is back.
_AGAIN = 1.0


class LeasedPace:
    """Slots that were leased, and what stands in for them while Redis cannot be reached.

    The rate, the pauses and what slows them are those of a pace of this process; only when its
    slots are is Redis's business.
    """

    def __init__(self, rate: int, margin: float, fallback: float | None) -> None:
        self.own = FixedPace(rate, margin)
        self.soonest = self.own.soonest
        self.slots: deque[float] = deque()
        self.falling_back = False
        self._lateness = margin * LATENESS
        self._fallback = FixedPace(rate, margin, fallback or 1.0)

    @property
    def rate(self) -> float:
        """See `Pace`: that of all processes together, or of the fallback."""
        return (self._fallback if self.falling_back else self.own).rate

    @property
    def paused_until(self) -> float:
        """See `Pace`."""
        return self.own.paused_until

    def due(self, now: float) -> float:
        """See `Pace`; infinite while there is no slot."""
        slots = self.slots
        while slots and slots[0] < now - self._lateness:
            slots.popleft()  # the vendor hears from others at this time
        due = slots[0] if slots else _EVER
        if self.falling_back:
            due = min(due, self._fallback.due(now))
        return max(due, self.own.paused_until)

    def take(self, now: float, *, waited: bool) -> float:
        """See `Pace`."""
        if self.slots and self.slots[0] <= now:
            self.falling_back = False
            return self.slots.popleft()
        self._fallback.take(now, waited=waited)
        return _EVER

    def give_back(self, slot: float) -> None:
        """See `Pace`."""
        if slot < _EVER:
            self.slots.appendleft(slot)

    def held_up(self, now: float, granted_at: float) -> None:
        """Changes nothing: the others know of the lease alone."""

    def answered(self, now: float, sent_at: float) -> None:
        """See `Pace`."""

    def throttled(self, now: float, sent_at: float, retry_after: float | None) -> None:
        """See `Pace`."""
        self.own.throttled(now, sent_at, retry_after)


class SharedLimiter(Limiter):
    """Like `Limiter`, but its slots come from Redis, some at a time.

    Attributes:
        leases: How often Redis was asked.
        lost: Whether Redis cannot be reached.
    """

    _pace: LeasedPace

    def __init__(
        self, rate: int, margin: float, budget: RedisBudget, account: Sequence[str]
    ) -> None:
        budget.check()
        super().__init__(LeasedPace(rate, margin, budget.fallback))
        self.leases = 0
        self.lost = False
        self._budget = budget
        self._key = budget.key(account)
        self._most = math.ceil(rate * _LEASE)
        self._ahead = int(rate * _AHEAD)
        self._links: dict[asyncio.AbstractEventLoop, Link] = {}
        self._asking: asyncio.Task[None] | None = None
        self._again_at = -_EVER
        self._offset: float | None = None
        self._untold = False

    def refusal(self, waiter: Waiter, now: float) -> LoyaltyError | None:
        """See `Queue`."""
        if self.lost and self._budget.fallback is None and now < self._again_at:
            return _unreachable()
        return super().refusal(waiter, now)

    def throttled(self, sent_at: float, retry_after: float | None = None) -> None:
        """See `Limiter`; a ``retry_after`` pauses the other processes too."""
        super().throttled(sent_at, retry_after)
        if retry_after:
            with self._lock:
                self._untold = True
                self.replenish()

    def replenish(self) -> None:
        """See `Queue`: lease more slots where more wait."""
        slots = len(self._pace.slots)
        wanted = min(self._lanes.waiting - slots, self._most)
        if not (self._untold or (wanted > 0 and slots <= self._ahead)) or not self._may_ask():
            return
        loop = here()
        if loop is not None and (self._untold or loop in self._desks):
            self._untold = False
            self._asking = loop.create_task(self._lease(loop, max(0, wanted)))
        else:
            # Nobody waits in this loop, which may be about to end.
            self._call_others(loop)

    def _may_ask(self) -> bool:
        task = self._asking
        if task is not None and not task.get_loop().is_closed():
            return False
        return not self.lost or time.monotonic() >= self._again_at

    def _call_others(self, loop: asyncio.AbstractEventLoop | None) -> None:
        for desk in [desk for each, desk in self._desks.items() if each is not loop]:
            desk.call()

    async def _lease(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        asked_at = time.monotonic()
        self._pace.own.ease(asked_at)
        interval = self._pace.own.interval
        try:
            async with asyncio.timeout(self._budget.timeout):
                link = await self._link(loop)
                reserved = await link.reserve(self._key, interval, count, self._hold(asked_at))
        except asyncio.CancelledError:
            self._pass_on(loop)
            raise
        except Exception as error:  # whatever a client of somebody's raises
            if _is_cancelled():
                self._pass_on(loop)
                raise asyncio.CancelledError from error
            with self._lock:
                self._asking = None
                self._lose(error)
                self.serve()
                self.replenish()
            return
        with self._lock:
            self._asking = None
            self._win(asked_at, reserved)
            first = reserved.first + (self._offset or 0.0)
            self._pace.slots.extend(first + index * interval for index in range(count))
            self.serve()
            self.replenish()

    def _hold(self, now: float) -> float:
        """Seconds in which no process is to get a slot."""
        pause = max(0.0, self._pace.paused_until - now)
        # Others may not know yet that Redis is back, and still fall back.
        return max(pause, _AGAIN) if self._pace.falling_back else pause

    async def _link(self, loop: asyncio.AbstractEventLoop) -> Link:
        link = self._links.get(loop)
        if link is None:
            self._links = {each: it for each, it in self._links.items() if not each.is_closed()}
            link = self._links[loop] = await self._budget.link()
        return link

    def _pass_on(self, ending: asyncio.AbstractEventLoop) -> None:
        """Let another loop ask: the one named ends."""
        with self._lock:
            self._asking = None
            self._call_others(ending)

    def _win(self, asked_at: float, reserved: Reserved) -> None:
        """Learn what Redis's clock says, in this process's time."""
        self.leases += 1
        # Its time was read between these two; what was known before may be more exact.
        least, most = asked_at - reserved.now, time.monotonic() - reserved.now
        offset = most if self._offset is None else self._offset
        self._offset = min(max(offset, least), most)
        if self.lost:
            self.lost = False
            _log.warning("the rate shared through Redis is back")

    def _lose(self, error: Exception) -> None:
        self._again_at = time.monotonic() + _AGAIN
        share = self._budget.fallback
        if not self.lost:
            self.lost = True
            what = "nothing is sent" if share is None else f"going on with {share:.0%} of it"
            # Not its text, which may hold the address.
            _log.warning(
                "the rate shared through Redis is lost (%s): %s", type(error).__name__, what
            )
        if share is not None:
            self._pace.falling_back = True
            return
        for waiter in self._lanes.everybody():
            self.dismiss(waiter, _unreachable())


def _is_cancelled() -> bool:
    """Whether this task is to end; redis-py may say that the connection broke instead."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _unreachable() -> RateWaitTimeoutError:
    return RateWaitTimeoutError(
        "the rate shared through Redis cannot be reached",
        hint="Nothing was sent; RedisBudget(fallback=...) would go on with a share of the rate",
    )
