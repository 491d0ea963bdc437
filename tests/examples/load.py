"""Visitors of a web app whose vendor misbehaves, and what became of what they asked for."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from zlib import crc32

import aiohttp
import attrs

from loyalty_sdk.sandbox import Sandbox

_MARKER = re.compile(r"\[ref:([^\]]+)\]")
_CUSTOMERS = 50
_DENIED = frozenset({"not_sent", "absent", "rejected"})


@attrs.define
class Load:
    """What happened.

    Attributes:
        told: What each visitor heard of a reference: an outcome, ``left`` for one who hung up
            first, or the status of an answer that holds none.
        waited: Seconds each answer took.
        landed: How often each reference stands in the ledger.
        arrivals: Requests that reached the vendor, by method: gifts, and looks for them.
    """

    told: dict[str, str] = attrs.field(factory=dict[str, str])
    waited: list[float] = attrs.field(factory=list[float])
    landed: Counter[str] = attrs.field(factory=Counter[str])
    arrivals: Counter[str] = attrs.field(factory=Counter[str])

    @property
    def outcomes(self) -> Counter[str]:
        """How many heard what."""
        return Counter(self.told.values())

    @property
    def doubled(self) -> list[str]:
        """Given twice."""
        return [reference for reference, times in self.landed.items() if times > 1]

    @property
    def lost(self) -> list[str]:
        """Told to be given, and not there."""
        return [
            ref for ref, said in self.told.items() if said == "applied" and not self.landed[ref]
        ]

    @property
    def hidden(self) -> list[str]:
        """Told not to be given, and there."""
        return [ref for ref, said in self.told.items() if said in _DENIED and self.landed[ref]]

    @property
    def tells(self) -> bool:
        """Whether most were sent and some looked for: of the others nothing can go wrong."""
        return 2 * self.outcomes["applied"] > len(self.told) and self.arrivals["GET"] > 0

    def slowest(self, share: float) -> float:
        """Seconds within which ``share`` of the answers came."""
        return sorted(self.waited)[int(share * (len(self.waited) - 1))]

    def table(self) -> str:
        """What to print."""
        rows = {
            "asked": len(self.told),
            **self.outcomes,
            "doubled": len(self.doubled),
            "lost": len(self.lost),
            "hidden": len(self.hidden),
            "gifts the vendor got": self.arrivals["POST"],
            "looks for them": self.arrivals["GET"],
            "median answer": f"{1000 * self.slowest(0.5):.0f} ms",
            "99 % of answers within": f"{1000 * self.slowest(0.99):.0f} ms",
        }
        return "\n".join(f"{name:24} {value:>10}" for name, value in rows.items())


def misbehave(sandbox: Sandbox, seed: int = 1) -> None:
    """About one request in six meets a fault, and as many again are slow."""
    add = sandbox.faults.add
    add("latency", share=0.15, seed=seed, seconds=0.05, jitter=0.15)
    add("rate_limit", share=0.03, seed=seed + 1, retry_after=0.1)
    add("error", share=0.03, seed=seed + 2, status=503)
    add("error", share=0.02, seed=seed + 3, status=500, applied=True)
    add("drop", share=0.03, seed=seed + 4)
    add("drop", share=0.03, seed=seed + 5, applied=True)
    add("drop", share=0.01, seed=seed + 6, reset=True)
    add("truncate", share=0.02, seed=seed + 7)
    add("hang", share=0.002, seed=seed + 8, applied=True)


async def visit(
    url: str, sandbox: Sandbox, *, visitors: int, seconds: float, deadline: float
) -> Load:
    """Let ``visitors`` ask for points at ``url``, again and again, for so many seconds."""
    load, until = Load(), time.monotonic() + seconds
    connector = aiohttp.TCPConnector(limit=0)
    headers = {"X-Deadline": str(deadline)}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        await asyncio.gather(
            *(_visitor(session, url, load, until, number) for number in range(visitors))
        )
    load.arrivals = Counter(arrival.method for arrival in sandbox.arrivals)
    return load


async def settle(load: Load, sandbox: Sandbox) -> None:
    """Count what stands in the ledger, once nothing more can come of what was asked."""
    await asyncio.sleep(0.5)
    for customer in range(_CUSTOMERS):
        for entry in sandbox.ledger("loyaltylion", str(customer)):
            found = _MARKER.match(entry.reason or "")
            load.landed[found[1] if found else "no marker"] += 1


async def _visitor(
    session: aiohttp.ClientSession, url: str, load: Load, until: float, number: int
) -> None:
    draw = random.Random(number)  # noqa: S311 - repeatable on purpose
    asked = 0
    while time.monotonic() < until:
        asked += 1
        patience = draw.uniform(0.001, 0.1) if draw.random() < 0.1 else 30.0
        await _ask(session, url, load, f"v{number}-{asked}", patience)


async def _ask(
    session: aiohttp.ClientSession, url: str, load: Load, reference: str, patience: float
) -> None:
    began = time.monotonic()
    gift = {"points": 5, "reference": reference}
    where = f"{url}/customers/{crc32(reference.encode()) % _CUSTOMERS}/points"
    load.told[reference] = "left"
    try:
        async with (
            asyncio.timeout(patience),
            session.post(where, json=gift) as answer,
        ):
            said = await answer.json(content_type=None) if answer.status != 500 else {}
    except TimeoutError:
        return
    load.told[reference] = said.get("outcome") or f"HTTP {answer.status}"
    load.waited.append(time.monotonic() - began)
