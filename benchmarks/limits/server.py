"""A server that refuses what exceeds a rate in any one second, by its own clock.

Run as a module with its plan as JSON: ``schedule``, pairs of seconds and rate, counted from the
first arrival; ``skip``, the seconds at the beginning that do not count; ``latency``, the most
seconds a request takes to arrive, at random. Prints its port;
when its input ends it prints what arrived as JSON, and ends.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCEPTED = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"


class Gate:
    """What arrived, and whether it was accepted: at most so many in any one second."""

    def __init__(self, schedule: list[tuple[float, int]]) -> None:
        self.accepted: list[float] = []
        self.refused: list[float] = []
        self._schedule = schedule
        self._window: deque[float] = deque()
        self._began: float | None = None

    def arrive(self) -> bool:
        """Something arrives now; whether it is accepted."""
        now = time.monotonic()
        self._began = self._began or now
        window = self._window
        while window and window[0] <= now - 1.0:
            window.popleft()
        if len(window) >= self._limit(now - self._began):
            self.refused.append(now - self._began)
            return False
        window.append(now)
        self.accepted.append(now - self._began)
        return True

    def _limit(self, passed: float) -> int:
        for seconds, limit in self._schedule:
            if passed < seconds:
                return limit
            passed -= seconds
        return self._schedule[-1][1]

    def report(self, skip: float) -> dict[str, Any]:
        """What arrived while the schedule lasted, but for the first ``skip`` seconds."""
        lasted = sum(seconds for seconds, _ in self._schedule)
        accepted = [at for at in self.accepted if skip <= at < skip + lasted]
        refused = [at for at in self.refused if skip <= at < skip + lasted]
        return {
            "accepted": len(accepted),
            "refused": len(refused),
            "possible": sum(seconds * limit for seconds, limit in self._schedule),
            "most": most_in_a_second(sorted(accepted + refused)),
        }


def most_in_a_second(arrivals: list[float]) -> int:
    """The most arrivals in any second; that is half open, as the gate's."""
    most = start = 0
    for end, at in enumerate(arrivals):
        while arrivals[start] <= at - 1.0:
            start += 1
        most = max(most, end - start + 1)
    return most


class Connection(asyncio.Protocol):
    """One request after the other; what is asked does not matter."""

    def __init__(self, gate: Gate, latency: float) -> None:
        self._gate = gate
        self._latency = latency

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write to."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker: a TCP server gives this
        self._transport = transport

    def data_received(self, _: bytes) -> None:
        """A request; it arrives after its latency."""
        if self._latency:
            # A timer comes up to a millisecond late.
            delay = random.random() * (self._latency - 0.001)  # noqa: S311 - no secret
            asyncio.get_running_loop().call_later(delay, self._arrive)
        else:
            self._arrive()

    def _arrive(self) -> None:
        self._transport.write(ACCEPTED if self._gate.arrive() else REFUSED)


async def serve(plan: Mapping[str, Any]) -> None:
    """Serve until the input ends."""
    gate = Gate([(seconds, limit) for seconds, limit in plan["schedule"]])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(gate, plan.get("latency", 0.0)), "127.0.0.1", 0, backlog=1024
    )
    _say(str(server.sockets[0].getsockname()[1]))
    await loop.run_in_executor(None, sys.stdin.read)
    _say(json.dumps(gate.report(plan["skip"])))
    server.close()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
