"""The sandbox's time: real, plus an offset that tests push forward."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import formatdate
from typing import TYPE_CHECKING

from loyalty_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator


class Clock:
    """What the sandbox takes for now.

    Rows, ``Date`` headers, delayed effects, caches and rate limits follow it. Faults that
    keep a connection waiting (latency, hang, drip) take real time, whatever the clock says.
    """

    def __init__(self) -> None:
        self._offset = 0.0
        self._date = (0, "")

    def time(self) -> float:
        """Seconds since 1970, as `time.time`."""
        return time.time() + self._offset

    def monotonic(self) -> float:
        """Seconds that never run backwards, as `time.monotonic`."""
        return time.monotonic() + self._offset

    def now(self) -> datetime:
        """Aware, UTC, in whole milliseconds, which is what vendors print."""
        return datetime.fromtimestamp(int(self.time() * 1000) / 1000, UTC)

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass at once.

        Raises:
            ConfigurationError: ``seconds`` is negative: time does not run backwards.
        """
        if not seconds >= 0:
            raise ConfigurationError("the clock is advanced by 0 seconds or more")
        self._offset += seconds

    @contextmanager
    def back(self, seconds: float) -> Generator[None]:
        """Let it be ``seconds`` ago: for what took place while nobody looked."""
        self._offset -= seconds
        try:
            yield
        finally:
            self._offset += seconds

    def http_date(self) -> str:
        """Now as a ``Date`` header prints it."""
        second = int(self.time())
        if self._date[0] != second:
            self._date = (second, formatdate(second, usegmt=True))
        return self._date[1]
