"""Deadlines of any number of tasks of one event loop, on one timer.

`asyncio.timeout` makes a timer for each use, which costs as much as sending a request. Nearly
all calls end in time, so it is enough to know when the next one could be late.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

# Calls that end within this of one another are ended together, or many would mean a scan each.
_TOGETHER = 0.002


class Deadlines:
    """What is to be cancelled when, in the running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = set[Limit]()
        self._wakes_at = float("inf")
        self._timer: asyncio.TimerHandle | None = None

    def within(self, seconds: float | None) -> Limit:
        """Like `asyncio.timeout`, but no async context manager."""
        when = float("inf") if seconds is None else self._loop.time() + seconds
        return Limit(self, when)

    def add(self, limit: Limit) -> None:
        """Cancel its task when it is late."""
        self._limits.add(limit)
        if limit.when < self._wakes_at:
            self._wake_at(limit.when)

    def discard(self, limit: Limit) -> None:
        """Its task has ended in time."""
        self._limits.discard(limit)

    def _wake_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._wakes_at = when
        self._timer = self._loop.call_at(when, self._sweep)

    def _sweep(self) -> None:
        now = self._loop.time()
        for limit in [limit for limit in self._limits if limit.when <= now]:
            self._limits.remove(limit)
            limit.expire()
        self._wakes_at, self._timer = float("inf"), None
        if self._limits:
            following = min(limit.when for limit in self._limits)
            if following < float("inf"):
                self._wake_at(max(following, now + _TOGETHER))

    def close(self) -> None:
        """Forget a timer that is of no use; it would keep all this alive until it rings."""
        if self._timer is not None and not self._limits:
            self._timer.cancel()


class Limit:
    """One deadline of the task that enters it."""

    __slots__ = ("_cancelling", "_deadlines", "_expired", "_task", "when")

    def __init__(self, deadlines: Deadlines, when: float) -> None:
        self._deadlines = deadlines
        self.when = when
        self._expired = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker: a coroutine runs in one
        self._task = task
        self._cancelling = task.cancelling()
        self._deadlines.add(self)

    @property
    def expired(self) -> bool:
        """Whether the task was cancelled because it was late."""
        return self._expired

    def expire(self) -> None:
        """Cancel the task."""
        self._expired = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if not self._expired:
            self._deadlines.discard(self)
        # Somebody else may have cancelled the task as well: then that is what happened.
        elif self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from exc
