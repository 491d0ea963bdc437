"""Calls in a closed loop: a number of them in flight, for a number of seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from importlib import import_module
from itertools import count
from typing import Any, TypeVar

import attrs

from .usage import busy_seconds, idle_share, peak_mib, settle_garbage

Call = Callable[[int], Awaitable[object]]
"""Sends the order with this number and waits for the answer."""

T = TypeVar("T")
Answered = TypeVar("Answered")


@attrs.define
class Window:
    """What happened while the clock ran: latencies in seconds, and who used how much."""

    latencies: list[float] = attrs.field(factory=list[float])
    wall: float = 0.0
    cpu: float = 0.0
    server: Mapping[str, float] = attrs.field(factory=dict[str, float])

    def figures(self) -> dict[str, float]:
        """The columns of every question that is about calls."""
        ordered = sorted(self.latencies)
        calls = len(ordered)
        return {
            "cpu_us": self.cpu / calls * 1e6,
            "per_second": calls / self.wall,
            "p50_ms": ordered[calls // 2] * 1e3,
            "p99_ms": ordered[calls * 99 // 100] * 1e3,
            **self.server,
        }


async def drive(call: Call, in_flight: int, seconds: float, pid: int | None = None) -> Window:
    """Keep ``in_flight`` calls going for ``seconds`` and account for those that ended.

    The first calls, which open connections and fill caches, are not counted: the clock starts
    when each of the callers has come back once, and a tenth of the time has passed.
    """
    numbers = count()
    await _callers(call, numbers, in_flight, seconds / 10, [])
    window = Window()
    server = None if pid is None else busy_seconds(pid)
    cpu, wall = time.process_time(), time.perf_counter()
    await _callers(call, numbers, in_flight, seconds, window.latencies)
    window.cpu, window.wall = time.process_time() - cpu, time.perf_counter() - wall
    if pid is not None:
        window.server = idle_share(pid, server, window.wall)
    return window


async def _callers(
    call: Call, numbers: count[int], in_flight: int, seconds: float, latencies: list[float]
) -> None:
    until = time.perf_counter() + seconds

    async def caller() -> None:
        now = time.perf_counter()
        while True:
            began = now
            await call(next(numbers))
            now = time.perf_counter()
            latencies.append(now - began)
            if now >= until:
                return

    await asyncio.gather(*(caller() for _ in range(in_flight)))


async def calls(call: Call, in_flight: int, number: int) -> None:
    """So many calls; for counting instructions, where time means nothing."""
    settle_garbage()
    numbers = iter(range(number))

    async def caller() -> None:
        for each in numbers:
            await call(each)

    await asyncio.gather(*(caller() for _ in range(in_flight)))


async def under_load(
    call: Callable[[int], Awaitable[Answered]],
    settings: Mapping[str, Any],
    status: Callable[[Answered], int] | None = None,
) -> dict[str, float]:
    """The figures of ``call`` as ``settings`` ask for them: seconds, or a number of calls.

    The first call counts for nothing: what is imported with it costs none of the others anything,
    and its memory is not theirs.

    Args:
        call: Sends an order and returns the answer.
        settings: What is asked, and of whom.
        status: Takes the status from the first answer; None for who raises on a bad one.

    Raises:
        RuntimeError: The first order was not taken.
    """
    first = await call(-1)
    if status is not None and not 200 <= status(first) < 300:
        raise RuntimeError(f"the server answered with {status(first)}")
    if "calls" in settings:
        await calls(call, settings["in_flight"], settings["calls"])
        return {}
    before = peak_mib()
    window = await drive(call, settings["in_flight"], settings["seconds"], settings.get("pid"))
    return {**window.figures(), "peak_mib": peak_mib() - before}


def run(main: Coroutine[Any, Any, T], loop: str) -> T:
    """Run ``main`` on asyncio's own event loop, or on uvloop's."""
    factory = import_module("uvloop").new_event_loop if loop == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
