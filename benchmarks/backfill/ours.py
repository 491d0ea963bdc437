"""Our backfill, and our client alone with as many calls under way."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import loyalty_sdk
from benchmarks.call.ours import limits
from loyalty_sdk import Customer, LoyaltyClient, Order, RateLimit, Safety
from loyalty_sdk.backfill import Backfill, Progress, RowEnded

from ._measure import KEY, files, measure, measured, row

_ARRIVALS = "/_sandbox/arrivals"
_REFUSED = 429


def backfill(settings: Mapping[str, Any]) -> dict[str, float]:
    """A whole file, and then how long it takes to find that all of it is done."""
    with files(settings) as (first, orders):
        return asyncio.run(_backfill(first, orders, settings))


async def _backfill(first: Path, orders: Path, settings: Mapping[str, Any]) -> dict[str, float]:
    async with _client(settings, **limits()) as client:

        async def send(path: Path, _: int) -> int:
            return (await _made(client, path, settings).run()).applied

        figures = await measured(send, first, orders, settings)
        began = time.perf_counter()
        await _made(client, orders, settings).run()
        return {**figures, "resume_s": time.perf_counter() - began}


def alone(settings: Mapping[str, Any]) -> dict[str, float]:
    """`LoyaltyClient.create_order` with orders that are in memory."""

    async def send(_: Path, rows: int) -> int:
        orders = map(_order, range(rows))
        async with _client(settings, **limits()) as client:
            callers = (_caller(client, orders) for _ in range(settings["concurrency"]))
            return sum(await asyncio.gather(*callers))

    return measure(send, settings)


async def _caller(client: LoyaltyClient, orders: Iterator[Order]) -> int:
    sent = 0
    for order in orders:
        await client.create_order(order)
        sent += 1
    return sent


def half_done(settings: Mapping[str, Any]) -> dict[str, float]:
    """Stop half way, and go on: how long until another row is applied."""
    with files(settings) as (_, orders):
        return {"resume_s": asyncio.run(_half_done(orders, settings))}


async def _half_done(orders: Path, settings: Mapping[str, Any]) -> float:
    async with _client(settings, **limits()) as client:
        made = _made(client, orders, settings)

        def stop_half_way(progress: Progress) -> None:
            if 2 * progress.ended > settings["rows"]:
                made.stop()

        await made.run(stop_half_way)
        began = time.perf_counter()
        again = _made(client, orders, settings)
        async with aclosing(again.events()) as events:
            async for event in events:
                if isinstance(event, RowEnded):
                    return time.perf_counter() - began
    raise RuntimeError("there was nothing left to do")


def limited(settings: Mapping[str, Any]) -> dict[str, float]:
    """A file under a limit that the vendor keeps too; what arrived there is what counts."""
    with files(settings) as (first, orders):
        return asyncio.run(_limited(first, orders, settings))


async def _limited(first: Path, orders: Path, settings: Mapping[str, Any]) -> dict[str, float]:
    async with _client(settings, rate_limit=RateLimit.fixed(settings["limit"])) as client:

        async def send(path: Path, _: int) -> int:
            await client.request("DELETE", _ARRIVALS, safety=Safety.SAFE)
            return (await _made(client, path, settings).run()).applied

        figures = await measured(send, first, orders, settings)
        response = await client.request("GET", _ARRIVALS)
    arrived = [
        each for each in json.loads(response.body)["arrivals"] if each["template"] == "/v2/orders"
    ]
    times = [datetime.fromisoformat(each["time"]) for each in arrived if each["status"] != _REFUSED]
    lasted = (max(times) - min(times)).total_seconds()
    # Of n arrivals the first begins the time and the others fill it.
    used = (len(times) - 1) / lasted / settings["limit"]
    return {**figures, "used": 100 * used, "refused": len(arrived) - len(times)}


def _client(settings: Mapping[str, Any], **limit: Any) -> LoyaltyClient:
    return loyalty_sdk.connect("loyaltylion", api_key=KEY, base_url=settings["url"], **limit)


def _made(client: LoyaltyClient, path: Path, settings: Mapping[str, Any]) -> Backfill:
    return Backfill(
        client,
        path,
        journal=path.with_suffix(".journal"),
        operation="create_order",
        concurrency=settings["concurrency"],
        state_directory=path.with_name("state"),
    )


def _order(number: int) -> Order:
    cells = row(number)
    return Order(
        id=cells["id"],
        customer=Customer(id=cells["customer_id"], email=cells["customer_email"]),
        total=Decimal(cells["total"]),
        payment_status="paid",
    )
