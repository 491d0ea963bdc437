"""Callers that send as fast as a limit lets them, in a process of their own.

Run as a module with its plan as JSON. Prints ``ready``, starts when a line comes in, and prints
what it saw as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from typing import TYPE_CHECKING, Any

from loyalty_sdk import RateLimit, RedisBudget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loyalty_sdk._limiter import Limiter

_REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
_EVER = float("inf")


class Connection(asyncio.Protocol):
    """Sends one request at a time, and says whether it was accepted."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write to."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker: TCP gives this
        self._transport = transport
        self._answer: asyncio.Future[bool] | None = None

    def data_received(self, data: bytes) -> None:
        """An answer; it fits into one packet."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(data.startswith(b"HTTP/1.1 200"))

    async def ask(self) -> bool:
        """Whether the server accepts one request."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(_REQUEST)
        return await self._answer


class Load:
    """Callers of one limiter."""

    def __init__(self, limiter: Limiter, port: int) -> None:
        self.limiter = limiter
        self.waits: list[float] = []
        self._port = port
        self._idle: list[Connection] = []

    async def connect(self, count: int) -> None:
        """Open connections beforehand."""
        loop = asyncio.get_running_loop()
        for _ in range(count):
            _, connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
            self._idle.append(connection)

    async def send(self) -> None:
        """One request that was granted."""
        sent_at = time.monotonic()
        connection = self._idle.pop()
        if await connection.ask():
            self.limiter.answered(sent_at)
        else:
            self.limiter.throttled(sent_at, None)
        self._idle.append(connection)

    async def bulk(self) -> None:
        """One request after the other, for ever."""
        while True:
            await self.limiter.grant("bulk", _EVER)
            await self.send()

    async def interactive(self, rate: float) -> None:
        """Requests at random moments, ``rate`` a second, each by itself."""
        async with asyncio.TaskGroup() as group:
            while True:
                await asyncio.sleep(random.expovariate(rate))
                group.create_task(self._one())

    async def _one(self) -> None:
        self.waits.append(await self.limiter.grant("interactive", _EVER))
        await self.send()


def limit_of(plan: Mapping[str, Any]) -> RateLimit:
    """The limit that ``plan`` describes."""
    if plan.get("rate") is None:
        return RateLimit.adaptive()
    shared = RedisBudget(plan["redis"], timeout=10.0) if plan.get("redis") else None
    return RateLimit.fixed(plan["rate"], margin=plan.get("margin", 0.03), shared=shared)


def shift_clocks(seconds: float) -> None:
    """Let this process live in another time, by both its clocks and each in its own way."""
    monotonic, wall = time.monotonic, time.time
    time.monotonic = lambda: monotonic() + 100 * seconds
    time.time = lambda: wall() + seconds


async def run(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Send as planned, and say how it went."""
    load = Load(limit_of(plan).limiter([plan["key"]]), plan["port"])
    share = plan.get("interactive", 0.0)
    orphan = asyncio.create_task(_end_without(plan["parent"]))
    await load.connect(plan["callers"] + (64 if share else 0))
    await asyncio.get_running_loop().run_in_executor(None, _ready)
    tasks = [asyncio.create_task(load.bulk()) for _ in range(plan["callers"])]
    if share:
        tasks.append(asyncio.create_task(load.interactive(plan["rate"] * share)))
    spent = time.process_time()
    await asyncio.sleep(plan["seconds"])
    spent = time.process_time() - spent
    for task in (orphan, *tasks):
        task.cancel()
    await asyncio.gather(orphan, *tasks, return_exceptions=True)
    return {
        "grants": load.limiter.bulk.grants + load.limiter.interactive.grants,
        "trips": getattr(load.limiter, "leases", 0),
        "cpu": spent / plan["seconds"],
        "waits": sorted(load.waits),
    }


async def _end_without(parent: int) -> None:
    """Nobody reads what is found once the run that started this process is killed."""
    while os.getppid() == parent:  # noqa: ASYNC110 - no event says that it has ended
        await asyncio.sleep(1.0)
    os._exit(1)


def _ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    shift_clocks(given.get("shift", 0.0))
    sys.stdout.write(json.dumps(asyncio.run(run(given))) + "\n")
