"""Calls in a closed loop: a number of them in flight, for a number of seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from importlib import import_module
from itertools import count
from typing import Any, TypeVar

import attrs

from .usage import cpu_seconds, peak_mib, settle_garbage

Call = Callable[[int], Awaitable[object]]
"""Sends the order with this number and waits for the answer."""

T = TypeVar("T")


@attrs.define
class Window:
    """What happened while the clock ran: latencies in seconds, and who used how much."""

    latencies: list[float] = attrs.field(factory=list[float])
    wall: float = 0.0
    cpu: float = 0.0
    server: float | None = None

    def figures(self) -> dict[str, float]:
        """The columns of every question that is about calls."""
        ordered = sorted(self.latencies)
        calls = len(ordered)
        found = {
            "cpu_us": self.cpu / calls * 1e6,
            "per_second": calls / self.wall,
            "p50_ms": ordered[calls // 2] * 1e3,
            "p99_ms": ordered[calls * 99 // 100] * 1e3,
        }
        if self.server is not None:
            found["server_idle"] = max(0.0, 1 - self.server / self.wall) * 100
        return found


async def drive(call: Call, in_flight: int, seconds: float, pid: int | None = None) -> Window:
    """Keep ``in_flight`` calls going for ``seconds`` and account for those that ended.

    The first calls, which open connections and fill caches, are not counted: the clock starts
    when each of the callers has come back once, and a tenth of the time has passed.
    """
    numbers = count()
    await _callers(call, numbers, in_flight, seconds / 10, [])
    window = Window()
    server = None if pid is None else cpu_seconds(pid)
    cpu, wall = time.process_time(), time.perf_counter()
    await _callers(call, numbers, in_flight, seconds, window.latencies)
    window.cpu, window.wall = time.process_time() - cpu, time.perf_counter() - wall
    if pid is not None and server is not None:
        window.server = (cpu_seconds(pid) or server) - server
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
    """One call and ``number`` more; for counting instructions, where time means nothing."""
    await call(-1)  # what is imported with the first call is none of a call's cost
    settle_garbage()
    numbers = iter(range(number))

    async def caller() -> None:
        for each in numbers:
            await call(each)

    await asyncio.gather(*(caller() for _ in range(in_flight)))


async def under_load(call: Call, settings: Mapping[str, Any]) -> dict[str, float]:
    """The figures of ``call`` as ``settings`` ask for them: seconds, or a number of calls."""
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
