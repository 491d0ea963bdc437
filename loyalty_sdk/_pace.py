"""When the next request may leave: arithmetic, no I/O. All times are on `time.monotonic`."""

from __future__ import annotations

from collections import deque
from typing import Protocol

_NEVER = float("-inf")
# Of the margin, so much may go to a grant that comes late, and as much to a journal between the
# grant and the first byte; the rest is left to the network.
LATENESS = 1 / 3
# Seconds that a busy loop may fall behind and still catch up; what is longer was no hurry.
_CATCH_UP = 0.1
# Shares of the rate: what a second with a 429 takes off at least and at most, what is left in any
# case, and what a second wins back.
_LEAST_CUT = 0.05
_MOST_CUT = 0.5
_SLOWEST = 0.1
_RECOVERY = 0.01


class Pace(Protocol):
    """What says when the next grant is due."""

    @property
    def rate(self) -> float:
        """Grants a second, now."""
        ...

    @property
    def soonest(self) -> float:
        """Seconds between two grants, at the very least."""
        ...

    @property
    def paused_until(self) -> float:
        """When the vendor wants to hear from us again."""
        ...

    def due(self, now: float) -> float:
        """When the next grant may be given; not after ``now``: at once."""
        ...

    def take(self, now: float, *, waited: bool) -> float:
        """Give the grant that is due; its slot.

        Args:
            now: When.
            waited: Whether somebody waited for it, so that it comes no later than it could.
        """
        ...

    def give_back(self, slot: float) -> None:
        """The grant of ``slot`` was not used."""
        ...

    def held_up(self, now: float, granted_at: float) -> None:
        """What was granted at ``granted_at`` leaves only ``now``."""
        ...

    def answered(self, now: float, sent_at: float) -> None:
        """An answer other than 429 came to what was sent at ``sent_at``."""
        ...

    def throttled(self, now: float, sent_at: float, retry_after: float | None) -> None:
        """A 429 came to what was sent at ``sent_at``."""
        ...


class FixedPace:
    """Never more than ``rate`` in any one second, evenly.

    Two rules. The grid: a grant every (1 + margin) / rate seconds. The window: a grant comes
    no sooner than 1 + margin seconds after the one ``rate`` grants before. The grid alone would
    do if every grant were on time; where a busy loop, a cancelled call or a slow journal moved
    some, the window keeps the promise.

    With ``part`` the grid is for that part of the rate.

    A second in which requests are refused slows the grid by as many a second, at least by a
    twentieth of the rate and at most by half of it, down to a tenth; every second since wins
    back a hundredth. Where it was the network that was less even than the margin allows, the
    slower grid is what allows more.
    """

    def __init__(self, rate: int, margin: float, part: float = 1.0) -> None:
        self.window = 1.0 + margin
        self.soonest = self.window / rate / part
        self.paused_until = _NEVER
        self._limit = rate
        self._part = part
        self._lateness = margin * LATENESS
        self._slots: deque[float] = deque(maxlen=rate)
        self._next = _NEVER
        self._share = 1.0
        self._slowed_at = _NEVER
        self._share_before = 1.0
        self._refused = 0
        self._eased_at = _NEVER

    @property
    def rate(self) -> float:
        """Requests a second the pace aims at; the margin is taken off it."""
        return self._limit * self._part * self._share

    @property
    def interval(self) -> float:
        """Seconds from one grant to the next."""
        return self.soonest / self._share

    def due(self, now: float) -> float:
        """See `Pace`."""
        due = self._next
        slots = self._slots
        if len(slots) == self._limit and slots[0] + self.window > due:
            due = slots[0] + self.window
        return max(self.paused_until, due)

    def take(self, now: float, *, waited: bool) -> float:
        """See `Pace`."""
        if self._share < 1:
            self.ease(now)
        slot = now
        if waited:
            slot = max(self.due(now), now - self._lateness)
            now = max(self._next, now - _CATCH_UP)
        slots = self._slots
        while slots and slots[0] + self.window <= slot:
            slots.popleft()  # it binds nobody any more, and a high rate would keep many
        slots.append(slot)
        self._next = now + self.soonest / self._share
        return slot

    def give_back(self, slot: float) -> None:
        """See `Pace`."""
        if slot in self._slots:
            self._slots.remove(slot)
            self._next -= self.interval

    def held_up(self, now: float, granted_at: float) -> None:
        """See `Pace`: it counts from then on, or many that a slow disk held up leave as one."""
        left = now - self._lateness
        if left <= granted_at:
            return
        for place, slot in enumerate(reversed(self._slots), 1):
            if slot <= granted_at:
                self._slots[-place] = left
                return
        self._slots.append(left)  # granted so long ago that nobody knows any more

    def answered(self, now: float, sent_at: float) -> None:
        """Changes nothing: the pace recovers with time."""

    def throttled(self, now: float, sent_at: float, retry_after: float | None) -> None:
        """See `Pace`."""
        if retry_after:
            self.paused_until = max(self.paused_until, now + retry_after)
        if now >= self._slowed_at + 1.0:
            self.ease(now)
            self._slowed_at, self._share_before, self._refused = now, self._share, 0
        self._refused += 1
        cut = min(_MOST_CUT, max(_LEAST_CUT, self._refused / self._limit))
        self._share = max(_SLOWEST, self._share_before - cut)
        self._eased_at = now

    def ease(self, now: float) -> None:
        """Win back what the time since the last 429 allows."""
        if self._share < 1:
            self._share = min(1.0, self._share + (now - self._eased_at) * _RECOVERY)
            self._eased_at = now
