"""A cache in front of lists, as a gateway might have one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._clock import Clock
    from ._switches import Switches
    from .vendor import Answer


class ListCache:
    """Answers of list requests, by credential and target; see `Switches.cached_lists`."""

    def __init__(self, clock: Clock, switches: Switches) -> None:
        self._clock = clock
        self._how = switches.cached_lists
        self._seconds = switches.cache_seconds
        self._kept: dict[tuple[str, str], tuple[float, Answer]] = {}

    @property
    def on(self) -> bool:
        """Whether it caches at all."""
        return self._how != "no"

    def get(self, key: tuple[str, str], headers: Mapping[str, str]) -> Answer | None:
        """The answer kept under ``key``, with its ``Age``; None when there is none to give."""
        if self._how == "polite" and "no-cache" in headers.get("Cache-Control", ""):
            return None
        stored, answer = self._kept.get(key, (0.0, None))
        age = self._clock.monotonic() - stored
        if answer is None or age >= self._seconds:
            return None
        return answer.plus(("Age", str(int(age))))

    def put(self, key: tuple[str, str], answer: Answer) -> None:
        """Keep ``answer``."""
        self._kept[key] = (self._clock.monotonic(), answer)
