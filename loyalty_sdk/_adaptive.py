"""A pace for a limit that nobody documents: it is found by going over it, gently."""

from __future__ import annotations

from collections import deque

_NEVER = float("-inf")
_CATCH_UP = 0.1
_WINDOW = 1.0
# Where the pace stays for most of the time, as a share of the limit it has measured.
_UNDER = 0.97
_OVER = 1.005
# Seconds.
_HALVED_FOR = 0.05
_CREEPS_FOR = 2.0
# Requests for each 429 that looking for the limit costs, at the least.
_CREEPS_OVER = 150
# By which a second may multiply the rate, as an exponent.
_FASTEST_GROWTH = 4.0
_GROWTH_PER_ANSWER = 0.1


class AdaptivePace:
    """Halves on 429, wins back what it knows to work, and then grows by small steps.

    What was accepted in the second before a 429 is taken for the limit. From half of it the
    pace returns to just under it, creeps on for two seconds or more, and where it gets past
    the limit without a 429, grows faster and faster. Up to there no second holds more than the
    limit, so that what follows a 429 is not refused as well. A second 429 with nothing
    accepted in between halves again, the limit too. It grows only while somebody waits for it.

    How fast it creeps and grows depends on the time an answer takes: in that time requests
    still leave at a rate which may be too high.
    """

    def __init__(self, start: float, least: float, most: float) -> None:
        self.rate = start
        self.soonest = 1.0 / most
        self.paused_until = _NEVER
        self._least = least
        self._most = most
        self._next = _NEVER
        self._limit: float | None = None
        self._sent: deque[float] = deque()
        self._accepted: deque[float] = deque()
        self._halved_at = _NEVER
        self._grew_at = _NEVER
        self._refusals = 0
        self._pressed = False
        self._in_demand = False
        self._answer_takes = 0.2

    def due(self, now: float) -> float:
        """See `Pace`."""
        return max(self._next, self.paused_until, self._window_opens())

    def _window_opens(self) -> float:
        """When fewer than the limit have left within a second, where there is one."""
        if self._limit is None or self.rate >= _OVER * self._limit:
            return _NEVER
        most = max(1, int(max(self.rate, _UNDER * self._limit)))
        return self._sent[-most] + _WINDOW if len(self._sent) >= most else _NEVER

    def take(self, now: float, *, waited: bool) -> float:
        """See `Pace`."""
        since = now
        self._in_demand = waited
        if waited:
            self._pressed = True
            since = max(self.due(now), now - _CATCH_UP)
        self._next = since + 1.0 / self.rate
        self._sent.append(now)
        while self._sent[0] <= now - _WINDOW:
            self._sent.popleft()
        return now

    def give_back(self, slot: float) -> None:
        """See `Pace`."""
        # Only the latest: those after any other were spaced by it.
        if self._sent and self._sent[-1] == slot:
            self._sent.pop()
            self._next = slot

    def held_up(self, now: float, granted_at: float) -> None:
        """Changes nothing: what it finds out includes it."""

    def answered(self, now: float, sent_at: float) -> None:
        """See `Pace`."""
        self._answer_takes += 0.1 * (now - sent_at - self._answer_takes)
        self._accepted.append(now)
        self._forget(now)
        if sent_at >= self._halved_at:
            self._refusals = 0
        self._grow(now)

    def throttled(self, now: float, sent_at: float, retry_after: float | None) -> None:
        """See `Pace`."""
        if retry_after:
            self.paused_until = max(self.paused_until, now + retry_after)
        if sent_at < self._halved_at:
            return  # it left before we knew
        self._refusals += 1
        self._limit = self._measured(now)
        self.rate = max(self._least, self._limit / 2)
        self._halved_at = self._grew_at = now
        self._pressed = False

    def _measured(self, now: float) -> float:
        """The limit as far as it shows."""
        if self._refusals > 1 and self._limit is not None:
            return max(self._least, self._limit / 2)  # it has sunk: the past says nothing
        self._forget(now)
        if not self._in_demand:
            return self.rate  # few were sent, so that few were accepted says nothing
        return max(self._least, min(self.rate, len(self._accepted) / _WINDOW))

    def _forget(self, now: float) -> None:
        accepted = self._accepted
        while accepted and accepted[0] <= now - _WINDOW:
            accepted.popleft()

    def _grow(self, now: float) -> None:
        passed = now - self._grew_at
        if passed < 0.01:
            return
        self._grew_at = now
        if self._pressed and not self._refusals and now - self._halved_at >= _HALVED_FOR:
            self._pressed = False
            self.rate = min(self._most, self._grown(min(passed, 0.1)))

    def _grown(self, seconds: float) -> float:
        """The rate after ``seconds`` more without a 429."""
        limit = self._limit
        if limit is None or self.rate >= _OVER * limit:
            return self.rate * (1.0 + seconds * self._boldness(limit))
        if self.rate < _UNDER * limit:
            # Back to what is known to work.
            return min(_UNDER * limit, self.rate + limit / 2 * seconds / _HALVED_FOR)
        creeps = max(_CREEPS_FOR, _CREEPS_OVER / limit, 20.0 * self._answer_takes)
        return self.rate + limit * (_OVER - _UNDER) * seconds / creeps

    def _boldness(self, limit: float | None) -> float:
        """By how much a second would multiply the rate where no limit is known, less 1."""
        most = min(_FASTEST_GROWTH, _GROWTH_PER_ANSWER / max(self._answer_takes, 0.001))
        if limit is None:
            return most
        # The first steps past a limit are small: most of them end in a 429.
        return most * min(1.0, 0.1 + 8.0 * (self.rate / limit - 1.0))
