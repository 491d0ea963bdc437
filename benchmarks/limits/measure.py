"""The runs: what is set up, what came of it, and whether that is what is promised."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from threading import Barrier
from typing import TYPE_CHECKING, Any

import attrs

from loyalty_sdk import RateLimit

from . import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CALLERS = 200


@attrs.frozen(kw_only=True)
class Run:
    """One run with its settings.

    Attributes:
        name: What is asked.
        rate: Requests a second that are allowed; None for an adaptive limit.
        schedule: Pairs of seconds and what the server allows.
        margin: The limit's.
        latency: Most seconds a request takes to arrive, at random.
        interactive: Share of the rate that interactive calls ask for, beside bulk.
        processes: How many senders share the rate, through Redis where there are several.
        shift: Seconds by which their clocks are apart, from the first to the last.
        kill: Whether one of them is killed half way.
    """

    name: str
    rate: int | None
    schedule: tuple[tuple[float, int], ...]
    margin: float = 0.03
    latency: float = 0.0
    interactive: float = 0.0
    processes: int = 1
    shift: float = 0.0
    kill: bool = False

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return sum(seconds for seconds, _ in self.schedule)

    @property
    def skip(self) -> float:
        """Seconds at the beginning that do not count: what is asked is what goes on."""
        return 0.0 if self.rate is None else 1.0

    @property
    def is_light(self) -> bool:
        """Whether several of them do not disturb each other."""
        return self.rate is None or self.rate <= 100


def runs(seconds: float) -> Iterator[Run]:
    """Everything that is asked, with runs that last so long."""
    for latency in (0.0, 0.03):
        for rate in (20, 500, 2000):
            name = f"{rate}/s" + (", 30 ms random latency" if latency else "")
            yield Run(name=name, rate=rate, schedule=((seconds, rate),), latency=latency)
    for rate in (20, 500):
        shared = Run(
            name=f"{rate}/s, 4 processes", rate=rate, schedule=((seconds, rate),), processes=4
        )
        yield shared
        yield attrs.evolve(shared, name=f"{shared.name}, clocks 3 s apart", shift=3.0)
        # What it had leased is lost, so this one cannot keep back 3 % and use 97 %.
        killed = f"{shared.name}, one killed, margin 2.5 %"
        yield attrs.evolve(shared, name=killed, margin=0.025, kill=True)
    for rate in (20, 500, 2000):
        name = f"{rate}/s, bulk and 20 % interactive"
        yield Run(name=name, rate=rate, schedule=((seconds, rate),), interactive=0.2)


def adaptive(seconds: float) -> Run:
    """A server whose limit goes from 200 to 50 and to 400 a second."""
    schedule = tuple((seconds / 3, limit) for limit in (200, 50, 400))
    return Run(name="adaptive, 200, 50, 400/s", rate=None, schedule=schedule)


def measure(
    *, quick: bool, only: str = "", progress: Callable[[str], None] = lambda _: None
) -> list[dict[str, Any]]:
    """Every run's row: the median of five, or with ``quick`` one short run each."""
    times = 1 if quick else 5
    asked = [*runs(4.0 if quick else 20.0), adaptive(30.0 if quick else 60.0)]
    rows = [cost()] if not only else []
    with processes.redis() as redis:
        for run in asked:
            if only in run.name and (redis or run.processes == 1):
                progress(run.name)
                rows.append(summary(run, repeat(run, times, redis)))
                progress(str(rows[-1]))
    return rows


def repeat(run: Run, times: int, redis: str | None) -> list[dict[str, Any]]:
    """Some runs, all at once where they are light."""
    at_once = times if run.is_light else 1
    # Starting processes takes time from those that send already.
    ready = Barrier(at_once)
    with ThreadPoolExecutor(at_once) as pool:
        # Each has a rate of its own in Redis.
        urls = [redis and redis[:-1] + str(number) for number in range(times)]
        return list(pool.map(lambda url: perform(run, url, ready), urls))


def perform(run: Run, redis: str | None, ready: Barrier) -> dict[str, Any]:
    """One run: what the server counted, and what the senders saw."""
    server = processes.start(
        "server", {"schedule": run.schedule, "skip": run.skip, "latency": run.latency}
    )
    port = int(processes.line(server))
    plans = [
        {
            "port": port,
            "rate": run.rate,
            "margin": run.margin,
            "callers": _CALLERS // run.processes,
            "seconds": run.skip + run.seconds + 0.5,
            "interactive": run.interactive,
            "redis": redis if run.processes > 1 else None,
            "shift": run.shift * number / max(1, run.processes - 1),
        }
        for number in range(run.processes)
    ]
    senders = [processes.start("sender", plan) for plan in plans]
    for sender in senders:
        processes.line(sender)
    ready.wait()
    for sender in senders:
        processes.go(sender)
    if run.kill:
        time.sleep(run.seconds / 2)
        senders[0].kill()
    seen = [processes.finish(sender, run.seconds + 30) for sender in senders]
    return {**processes.finish(server), "seen": [each for each in seen if each]}


def summary(run: Run, results: list[dict[str, Any]]) -> dict[str, Any]:
    """The row of a run that was repeated."""
    sent = sum(each["accepted"] + each["refused"] for each in results)
    row: dict[str, Any] = {
        "name": run.name,
        "used": median(each["accepted"] / each["possible"] for each in results),
        "least": min(each["accepted"] / each["possible"] for each in results),
        "refused": sum(each["refused"] for each in results) / max(1, sent),
        "most": max(each["most"] for each in results),
        "cpu": median(sum(seen["cpu"] for seen in each["seen"]) for each in results),
    }
    if run.processes > 1:
        seen = [sender for each in results for sender in each["seen"]]
        row["trips"] = sum(each["trips"] for each in seen) / sum(each["grants"] for each in seen)
    if run.interactive:
        row["p95_ms"] = median(_p95(each["seen"][0]["waits"]) for each in results) * 1e3
        row["p95_allowed_ms"] = max(2e3 / (run.rate or 1), 5.0)
    row["kept"] = _is_kept(run, row)
    return row


def _p95(waits: list[float]) -> float:
    return waits[int(len(waits) * 0.95)] if waits else 0.0


def _is_kept(run: Run, row: dict[str, Any]) -> bool:
    if run.rate is None:
        return bool(row["used"] >= 0.85 and row["refused"] < 0.01)
    trips = 0.1 if run.rate >= 500 else 1.1
    return bool(
        row["used"] >= 0.97
        and row["refused"] <= 0.001
        and row.get("trips", 0.0) <= trips
        and row.get("p95_ms", 0.0) <= row.get("p95_allowed_ms", 0.0)
    )


def cost() -> dict[str, Any]:
    """Microseconds for a grant that has not to wait; the best of five."""
    microseconds = min(asyncio.run(_grants(50_000)) for _ in range(5)) * 1e6
    return {"name": "one grant, nothing to wait for", "us": microseconds, "kept": microseconds < 5}


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
