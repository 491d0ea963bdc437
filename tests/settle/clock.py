"""A loop that does not wait: where nothing is left to do, its clock jumps to the next timer.

Sockets are real. So a vendor that needs a minute is waited for in a moment, and how busy the
machine is decides nothing.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest import mock

import aiohttp.connector

T = TypeVar("T")

# What the kernel is given to carry bytes from one end of loopback to the other.
_GRACE = 0.0001


class Clock:
    """Time that only moves when it is pushed."""

    def __init__(self) -> None:
        self._monotonic = time.monotonic()
        self._time = time.time()
        self._passed = 0.0

    def monotonic(self) -> float:
        """In place of `time.monotonic`."""
        return self._monotonic + self._passed

    def time(self) -> float:
        """In place of `time.time`."""
        return self._time + self._passed

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self._passed += seconds


class _Selector(selectors.DefaultSelector):
    """Never sleeps longer than bytes need on loopback."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(0)
        if not ready:
            time.sleep(_GRACE)  # a timeout for epoll would be a whole millisecond
            ready = super().select(0)
        if not ready:
            self._clock.advance(timeout)
        return ready


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` in a loop of its own whose time is skipped."""
    with skipped() as clock, runner(clock) as running:
        return running.run(main)


def runner(clock: Clock) -> asyncio.Runner:
    """What runs coroutines one after the other in one such loop."""
    return asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(_Selector(clock)))


@contextmanager
def skipped() -> Iterator[Clock]:
    """Put a `Clock` in the place of the machine's."""
    clock = Clock()
    with (
        mock.patch.object(time, "monotonic", clock.monotonic),
        mock.patch.object(time, "time", clock.time),
        mock.patch.object(aiohttp.connector, "monotonic", clock.monotonic),
    ):
        yield clock
