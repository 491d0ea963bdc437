"""One run: what is set up, what came of it, and whether that is what is promised."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import attrs

from loyalty_sdk import RateLimit

from . import processes

_CALLERS = 200
_ADAPTIVE = (200, 50, 400)


@attrs.frozen(kw_only=True)
class Run:
    """One run with its settings.

    Attributes:
        rate: Requests a second that are allowed; None for an adaptive limit, whose server goes
            from 200 to 50 and to 400.
        seconds: How long a server keeps its rate.
        margin: The limit's.
        latency: Most seconds a request takes to arrive, at random.
        interactive: Share of the rate that interactive calls ask for, beside bulk.
        processes: How many senders share the rate, through Redis where there are several.
        shift: Seconds by which their clocks are apart, from the first to the last.
        kill: Whether one of them is killed half way.
        redis: Where several share the rate.
    """

    rate: int | None
    seconds: float
    margin: float = 0.03
    latency: float = 0.0
    interactive: float = 0.0
    processes: int = 1
    shift: float = 0.0
    kill: bool = False
    redis: str | None = None

    @property
    def schedule(self) -> list[tuple[float, int]]:
        """Pairs of seconds and what the server allows."""
        rates = _ADAPTIVE if self.rate is None else (self.rate,)
        return [(self.seconds, rate) for rate in rates]

    @property
    def lasts(self) -> float:
        """Seconds from the first arrival that counts to the last."""
        return sum(seconds for seconds, _ in self.schedule)

    @property
    def skip(self) -> float:
        """Seconds at the beginning that do not count: what is asked is what goes on."""
        return 0.0 if self.rate is None else 1.0

    def plans(self, port: int) -> Iterator[dict[str, Any]]:
        """What each sender is told."""
        key = str(uuid4())  # of a rate of its own in Redis
        for number in range(self.processes):
            yield {
                "port": port,
                "key": key,
                "rate": self.rate,
                "margin": self.margin,
                "callers": _CALLERS // self.processes,
                "seconds": self.skip + self.lasts + 0.5,
                "interactive": self.interactive,
                "redis": self.redis if self.processes > 1 else None,
                "shift": self.shift * number / max(1, self.processes - 1),
            }


def run(settings: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a run."""
    names = {field.name for field in attrs.fields(Run)}
    made = Run(**{name: value for name, value in settings.items() if name in names})
    return figures(made, *perform(made))


def perform(made: Run) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the server counted, and what the senders saw that lived to the end."""
    told = {"schedule": made.schedule, "skip": made.skip, "latency": made.latency}
    with processes.start("server", told) as server:
        port = int(processes.line(server))
        senders = [processes.start("sender", plan) for plan in made.plans(port)]
        for sender in senders:
            processes.line(sender)
        for sender in senders:
            processes.go(sender)
        if made.kill:
            time.sleep(made.lasts / 2)
            senders[0].kill()
        seen = [processes.finish(sender, made.lasts + 30) for sender in senders]
        return processes.finish(server), [each for each in seen if each]


def figures(made: Run, counted: Mapping[str, Any], seen: list[dict[str, Any]]) -> dict[str, float]:
    """What a run comes to."""
    used = 100 * counted["accepted"] / counted["possible"]
    sent = counted["accepted"] + counted["refused"]
    found = {
        "used": used,
        "used_least": used,
        "refused": 100 * counted["refused"] / max(1, sent),
        "most": counted["most"],
        "cpu": 100 * sum(each["cpu"] for each in seen),
    }
    if made.processes > 1:
        grants = sum(each["grants"] for each in seen)
        found["trips"] = sum(each["trips"] for each in seen) / max(1, grants)
    if made.interactive:
        waits = seen[0]["waits"]
        found["p95_ms"] = waits[int(len(waits) * 0.95)] * 1e3 if waits else 0.0
        found["p95_allowed_ms"] = max(2e3 / (made.rate or 1), 5.0)
    return {**found, "kept": float(is_kept(made.rate, found))}


def is_kept(rate: int | None, found: Mapping[str, float]) -> bool:
    """Whether these figures of a run are what is promised."""
    if rate is None:
        return found["used"] >= 85 and found["refused"] < 1
    trips = 0.1 if rate >= 500 else 1.1
    return (
        found["used"] >= 97
        and found["refused"] <= 0.1
        and found.get("trips", 0.0) <= trips
        and found.get("p95_ms", 0.0) <= found.get("p95_allowed_ms", 0.0)
    )


def grant(_: Mapping[str, Any]) -> dict[str, float]:
    """Microseconds for a grant that has not to wait; the best of five."""
    microseconds = min(asyncio.run(_grants(50_000)) for _ in range(5)) * 1e6
    return {"grant_us": microseconds, "kept": float(microseconds < 5)}


async def _grants(count: int) -> float:
    """Seconds for one grant, on average, of a limit that keeps nobody waiting."""
    limiter = RateLimit.adaptive(start=100_000, most=100_000).limiter(["benchmark"])
    spent = 0.0
    for _ in range(count):
        # Its next turn comes after 10 us, by when the loop has not come round again.
        began = time.perf_counter()
        await limiter.grant("interactive", float("inf"))
        spent += time.perf_counter() - began
        until = began + 0.000_015
        while time.perf_counter() < until:
            pass
    if limiter.interactive.waits > count // 100:
        raise RuntimeError("grants had to wait")
    return spent / count
