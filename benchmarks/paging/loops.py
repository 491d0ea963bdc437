"""Ways to go through 100,000 transactions, a page at a time."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp

from benchmarks.harness.usage import busy_seconds, idle_share, peak_mib

_KEY = "pat_sandbox"
_CURSOR = re.compile(rb'"next":\s*(?:"([^"]*)"|null)')

Walk = Callable[[Mapping[str, Any], int], Awaitable[int]]
"""Goes through a number of rows at most, and says through how many it went."""


def ours(settings: Mapping[str, Any]) -> dict[str, float]:
    """`LoyaltyClient.list_transactions`, row by row."""
    return asyncio.run(_measure(_ours, settings))


async def _ours(settings: Mapping[str, Any], most: int) -> int:
    import loyalty_sdk  # noqa: PLC0415 - only what is measured is imported
    from benchmarks.call.ours import limits  # noqa: PLC0415 - as above

    client = loyalty_sdk.connect(
        "loyaltylion", api_key=_KEY, base_url=settings["url"], deadline=None, **limits()
    )
    count = points = 0
    async with client:
        async for row in client.list_transactions(page_size=settings["size"]):
            count += 1
            points += row.points
            if count == most:
                break
    return count


def plain(settings: Mapping[str, Any]) -> dict[str, float]:
    """A loop as people write it: fetch, ``await response.json()``, rows, next page."""
    return asyncio.run(_measure(_plain, settings))


async def _plain(settings: Mapping[str, Any], most: int) -> int:
    count = points = 0
    query: dict[str, Any] = {"limit": settings["size"]}
    async with _session() as session:
        while True:
            url = f"{settings['url']}/v2/transactions"
            async with session.get(url, params=query) as response:
                page = await response.json()
            for row in page["transactions"]:
                count += 1
                points += row["points_approved"]
            query["cursor"] = page["cursor"]["next"]
            if query["cursor"] is None or count >= most:
                return count


def undecoded(settings: Mapping[str, Any]) -> dict[str, float]:
    """The cursor is searched in the bytes and the next page fetched: latency alone."""
    return asyncio.run(_measure(_undecoded, settings))


async def _undecoded(settings: Mapping[str, Any], most: int) -> int:
    count, cursor = 0, ""
    async with _session() as session:
        while True:
            url = f"{settings['url']}/v2/transactions?limit={settings['size']}{cursor}"
            async with session.get(url) as response:
                body = await response.read()
            # Counting is not decoding: it only makes sure that everything came.
            count += body.count(b'"points_spent"') - body.count(b'"activity":{')
            found = _CURSOR.search(body, len(body) - 200)
            if found is None or found[1] is None or count >= most:
                return count
            cursor = f"&cursor={found[1].decode()}"


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers={"Authorization": f"Bearer {_KEY}"})


async def _measure(walk: Walk, settings: Mapping[str, Any]) -> dict[str, float]:
    count = settings["server"]["pages"]["count"]
    await walk(settings, settings["size"])  # a first page imports what is needed
    before, pid = peak_mib(), settings["pid"]
    server, cpu, wall = busy_seconds(pid), time.process_time(), time.perf_counter()
    came = await walk(settings, count)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if came != count:
        raise RuntimeError(f"{came} rows came")
    return {
        "seconds": wall,
        "per_second": count / wall,
        "cpu_us": cpu / count * 1e6,
        "peak_mib": peak_mib() - before,
        **idle_share(pid, server, wall),
    }
