"""A queue that threads and event loops share: who waits is woken in turn, in its own loop."""

from __future__ import annotations

import heapq
import time
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Any

from . import _aio as asyncio
from ._lanes import Lanes, Waiter
from .errors import RateWaitTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ._lanes import Lane, LaneName
    from .errors import LoyaltyError

_EVER = float("inf")
_numbers = count()


class Desk:
    """What a queue has in one event loop: one timer, and the deadlines of who waits there."""

    def __init__(self, queue: Queue, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.waiting = 0
        self.rings_at = _EVER
        self._called = False
        self._queue = queue
        self._timer: asyncio.TimerHandle | None = None
        self._deadlines: list[tuple[float, int, Waiter]] = []

    def enter(self, waiter: Waiter) -> None:
        """``waiter`` waits in this loop."""
        self.waiting += 1
        if waiter.deadline == _EVER:
            return
        if len(self._deadlines) > 2 * self.waiting + 64:
            # Most were served long before their deadline.
            self._deadlines = [entry for entry in self._deadlines if entry[2].waits]
            heapq.heapify(self._deadlines)
        heapq.heappush(self._deadlines, (waiter.deadline, next(_numbers), waiter))

    def late(self, due: float, now: float) -> Iterator[Waiter]:
        """Those whose deadline has passed, or comes before what is due next."""
        while self._deadlines:
            deadline, _, waiter = self._deadlines[0]
            if not waiter.waits:
                heapq.heappop(self._deadlines)
            elif deadline <= now or deadline < due < _EVER:
                heapq.heappop(self._deadlines)
                yield waiter
            else:
                return

    def ring_at(self, when: float) -> None:
        """Set the timer, or take it away; called in this loop."""
        if self._deadlines:
            when = min(when, self._deadlines[0][0])
        if when == self.rings_at:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.rings_at = when
        if when < _EVER:
            wait = max(0.0, when - time.monotonic())
            self._timer = self.loop.call_later(wait, self._ring)

    def _ring(self) -> None:
        self._timer, self.rings_at = None, _EVER
        self._queue.look()

    def call(self) -> None:
        """Make this loop look at the queue, from another one; locked."""
        if not self._called:
            self._called = _call(self.loop, self._look)

    def _look(self) -> None:
        self._called = False
        self._queue.look()


class Queue:
    """Waiters of any number of loops and threads, in two lanes.

    What is handed out, and when, is the subclass's business: `due` and `next`.

    Attributes:
        interactive, bulk: The lanes; they say what became of those who came.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._lanes = Lanes()
        self._desks: dict[asyncio.AbstractEventLoop, Desk] = {}
        self.interactive: Lane = self._lanes.interactive
        self.bulk: Lane = self._lanes.bulk

    # ------------------------------------------------------------ for subclasses; locked

    def due(self, now: float) -> float:
        """When something may be handed out next; infinite when nobody knows."""
        raise NotImplementedError

    def next(self, now: float) -> Waiter:
        """Whose turn it is, now that somebody waits and it is due; it has what it waited for."""
        raise NotImplementedError

    def take_back(self, waiter: Waiter) -> None:
        """``waiter`` does not want any more what it was given."""
        raise NotImplementedError

    def replenish(self) -> None:
        """Get more of what is handed out, if it has to be got from somewhere."""

    def refusal(self, waiter: Waiter, now: float) -> LoyaltyError | None:
        """Why ``waiter`` need not even wait."""
        return None

    # ------------------------------------------------------------ waiting

    async def _wait(self, lane: LaneName, deadline: float, key: object) -> float:
        """Wait for one's turn; the seconds it took."""
        loop = asyncio.get_running_loop()
        waiter = Waiter(
            loop.create_future(), loop, self._lanes.of(lane), key, deadline, time.monotonic()
        )
        waiter.group = waiter if key is None else key
        with self._lock:
            error = self.refusal(waiter, waiter.began)
            if error is not None:
                raise error
            self._enter(waiter)
            self.serve()
            self.replenish()
        try:
            await waiter.future
        except asyncio.CancelledError:
            self._withdraw(waiter)
            raise
        except GeneratorExit:
            # The collector may have come here from anywhere, with the lock held.
            waiter.gone = True
            raise
        if waiter.error is not None:
            raise waiter.error
        return time.monotonic() - waiter.began

    def _enter(self, waiter: Waiter) -> None:
        desk = self._desks.get(waiter.loop)
        if desk is None:
            self._forget_dead_loops()
            desk = self._desks[waiter.loop] = Desk(self, waiter.loop)
        waiter.lane.add(waiter)
        desk.enter(waiter)

    def _forget_dead_loops(self) -> None:
        for loop in [loop for loop in self._desks if loop.is_closed()]:
            del self._desks[loop]

    def _withdraw(self, waiter: Waiter) -> None:
        with self._lock:
            if waiter.lane.discard(waiter):
                self._leave(waiter)
            elif waiter.served:
                waiter.lane.grants -= 1
                self.take_back(waiter)
            self.serve()

    def _leave(self, waiter: Waiter) -> None:
        """``waiter`` waits no more."""
        desk = self._desks.get(waiter.loop)
        if desk is not None:
            desk.waiting -= 1

    def look(self) -> None:
        """Serve whose turn it is; called when something has changed."""
        with self._lock:
            self.serve()
            self.replenish()

    # ------------------------------------------------------------ serving; locked

    def serve(self) -> None:
        """Hand out what is due, and set the timers for the rest."""
        loop, now = here(), time.monotonic()
        while self._lanes.waiting and self.due(now) <= now:
            waiter = self.next(now)
            self._leave(waiter)
            waiter.served = not (waiter.gone or waiter.future.cancelled()) and _tell(waiter, loop)
            if waiter.served:
                waiter.lane.count(now - waiter.began)
            else:
                self.take_back(waiter)
        self._set_timers(loop, now)

    def _set_timers(self, running: asyncio.AbstractEventLoop | None, now: float) -> None:
        due = self.due(now)
        for loop, desk in list(self._desks.items()):
            for waiter in desk.late(due, now):
                self.dismiss(waiter, too_late(early=now < waiter.deadline))
            when = due if desk.waiting else _EVER
            if loop is running:
                desk.ring_at(when)
                if not desk.waiting:
                    del self._desks[loop]
            elif when < desk.rings_at:
                desk.call()

    def dismiss(self, waiter: Waiter, error: LoyaltyError) -> None:
        """Let ``waiter`` wait no more, and know why."""
        waiter.lane.discard(waiter)
        self._leave(waiter)
        waiter.error = error
        _tell(waiter, here())


def too_late(*, early: bool) -> RateWaitTimeoutError:
    """The error for a turn that does not come in time, perhaps known early."""
    when = "would come after the deadline" if early else "did not come before the deadline"
    return RateWaitTimeoutError(
        f"the turn to send {when}", hint="Nothing was sent: send less at once, or wait longer"
    )


def _tell(waiter: Waiter, running: asyncio.AbstractEventLoop | None) -> bool:
    """Wake ``waiter``; False when its loop is dead."""
    if waiter.loop is running:
        _wake(waiter.future)
        return True
    return _call(waiter.loop, _wake, waiter.future)


def _call(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *args: Any) -> bool:
    try:
        loop.call_soon_threadsafe(call, *args)
    except RuntimeError:  # it was closed
        return False
    return True


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def here() -> asyncio.AbstractEventLoop | None:
    """The loop that runs in this thread; a limit may be told of things where none does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
