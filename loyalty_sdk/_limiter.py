"""One credential's rate: every attempt takes a grant before it leaves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ._waiting import Queue, too_late

if TYPE_CHECKING:
    from ._lanes import LaneName, Waiter
    from ._pace import Pace
    from .errors import LoyaltyError


class Limiter(Queue):
    """Grants, shared by all clients of one credential, in every thread and event loop.

    Attributes:
        interactive, bulk: The lanes, each with its ``grants``, ``waits``, ``waited`` (seconds,
            all together) and ``waiting`` (now).
        throttles: How many 429s came.
    """

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self.throttles = 0
        self._pace = pace

    def __repr__(self) -> str:
        lanes = f"interactive={self.interactive} bulk={self.bulk}"
        return f"<Limiter rate={self.rate:.4g} throttles={self.throttles} {lanes}>"

    @property
    def rate(self) -> float:
        """Requests a second it aims at, now."""
        return self._pace.rate

    @property
    def paused_until(self) -> float:
        """Until when the vendor asked us to wait, on `time.monotonic`; in the past: not now."""
        return self._pace.paused_until

    async def grant(self, lane: LaneName, deadline: float, key: object = None) -> float:
        """Wait for the turn to send one request.

        Args:
            lane: ``"interactive"`` goes first; ``"bulk"`` takes what is left, and one grant
                in ten.
            deadline: On `time.monotonic`; infinite to wait for ever.
            key: Whose request it is: those with one key take turns with the others of the
                lane. Without one, it counts for itself.

        Returns:
            The seconds it took.

        Raises:
            RateWaitTimeoutError: The turn comes after the deadline; raised as soon as that
                is known. Those ahead count as if none of them gave up.
        """
        with self._lock:
            now = time.monotonic()
            if not self._lanes.waiting and self._pace.due(now) <= now <= deadline:
                self._pace.take(now, waited=False)
                self._lanes.of(lane).grants += 1
                return 0.0
        return await self._wait(lane, deadline, key)

    def held_up(self, granted_at: float) -> None:
        """A request that was granted at ``granted_at`` leaves only now."""
        with self._lock:
            self._pace.held_up(time.monotonic(), granted_at)

    def answered(self, sent_at: float) -> None:
        """An answer other than 429 came to a request that was sent at ``sent_at``."""
        with self._lock:
            self._pace.answered(time.monotonic(), sent_at)

    def throttled(self, sent_at: float, retry_after: float | None = None) -> None:
        """A 429 came to a request that was sent at ``sent_at``.

        Args:
            sent_at: On `time.monotonic`, after its grant: an adaptive pace is not halved again
                by 429s to requests that had left before it was.
            retry_after: Seconds for which the vendor wants to hear nothing.
        """
        with self._lock:
            self.throttles += 1
            self._pace.throttled(time.monotonic(), sent_at, retry_after)

    # ------------------------------------------------------------ what the queue asks

    def due(self, now: float) -> float:
        """See `Queue`."""
        return self._pace.due(now)

    def next(self, now: float) -> Waiter:
        """See `Queue`."""
        waiter = self._lanes.pop()
        waiter.slot = self._pace.take(now, waited=True)
        return waiter

    def take_back(self, waiter: Waiter) -> None:
        """See `Queue`."""
        self._pace.give_back(waiter.slot)

    def refusal(self, waiter: Waiter, now: float) -> LoyaltyError | None:
        """See `Queue`."""
        due = self._pace.due(now)
        if due == float("inf"):  # nobody knows yet
            due = self._pace.paused_until
        soonest = max(now, due) + waiter.lane.ahead(waiter.group) * self._pace.soonest
        return too_late(early=now < waiter.deadline) if soonest > waiter.deadline else None
