"""The official stripe SDK, which posts a customer of the same size as the order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import stripe

from benchmarks.harness import load

from ._order import EMAIL, KEY


def measure(settings: Mapping[str, Any]) -> dict[str, float]:
    """The SDK with its defaults, over httpx or aiohttp as ``over`` says."""
    return load.run(_calls(settings), settings["loop"])


async def _calls(settings: Mapping[str, Any]) -> dict[str, float]:
    over = {"httpx": stripe.HTTPXClient, "aiohttp": stripe.AIOHTTPClient}[settings["over"]]()
    addresses: Any = {"api": settings["url"]}
    client = stripe.StripeClient(KEY, http_client=over, base_addresses=addresses)

    async def call(number: int) -> None:
        await client.v1.customers.create_async(
            {
                "email": EMAIL,
                "description": f"what.was.paid.by.order.A-{number}",
                "metadata": {"customer": "1001", "total": "99.99", "payment": "paid"},
            }
        )

    try:
        return await load.under_load(call, settings)
    finally:
        await over.close_async()
