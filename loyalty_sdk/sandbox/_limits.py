"""Rate limits, enforced when switched on."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from loyalty_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._clock import Clock


class SlidingLimit:
    """So many requests in any second, for each credential; refused ones do not count."""

    def __init__(self, clock: Clock, per_second: int) -> None:
        self.per_second = per_second
        self._clock = clock
        self._granted: dict[str, deque[float]] = {}

    def admits(self, key: str) -> bool:
        """Whether one more request fits, and if so count it."""
        now = self._clock.monotonic()
        granted = self._granted.setdefault(key, deque())
        while granted and granted[0] <= now - 1:
            granted.popleft()
        if len(granted) >= self.per_second:
            return False
        granted.append(now)
        return True


def limits_of(
    clock: Clock, documented: Mapping[str, int | None], *, given: bool | Mapping[str, int]
) -> dict[str, SlidingLimit]:
    """The limits in force by provider.

    Args:
        clock: What a second is measured with.
        documented: What each vendor documents.
        given: False for none, True for what each vendor documents, else requests a second by
            provider.
    """
    if isinstance(given, bool):
        wanted = {name: n for name, n in documented.items() if n is not None} if given else {}
        return {name: SlidingLimit(clock, n) for name, n in wanted.items()}
    for name, number in given.items():
        if name not in documented:
            raise ConfigurationError(f"limits: no provider is called {name!r}")
        if type(number) is not int or number < 1:
            raise ConfigurationError(f"limits[{name!r}] is a whole number of 1 or more")
    return {name: SlidingLimit(clock, number) for name, number in given.items()}
