"""Our client with everything on: validation, receipt, limits, retries, deadline, account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import loyalty_sdk
from benchmarks.harness import load
from loyalty_sdk import Customer, Order, RateLimit, SessionPool

from ._order import EMAIL, KEY, TOTAL


def measure(settings: Mapping[str, Any]) -> dict[str, float]:
    """The figures of `LoyaltyClient.create_order`."""
    return load.run(_calls(settings), settings["loop"])


def limits() -> dict[str, Any]:
    """A limiter that never makes anybody wait costs what any limiter costs."""
    return {"rate_limit": RateLimit.fixed(1_000_000)}


async def _calls(settings: Mapping[str, Any]) -> dict[str, float]:
    pool = SessionPool(connections=settings.get("connections", 100))
    client = loyalty_sdk.connect(
        "loyaltylion",
        api_key=KEY,
        base_url=settings["url"],
        pool=pool,
        deadline=settings.get("deadline", 30.0),
        **limits(),
    )

    async def call(number: int) -> None:
        await client.create_order(
            Order(
                id=f"A-{number}",
                customer=Customer(id="1001", email=EMAIL),
                total=TOTAL,
                payment_status="paid",
            )
        )

    async with pool, client:
        return await load.under_load(call, settings)
