"""The official openai SDK, which posts a text of the same size as the order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import openai

from benchmarks.harness import load

from ._order import EMAIL, KEY

_TEXT = f"an order of the shopper 1001, {EMAIL}, about 99.99, which was paid online, A-"


def measure(settings: Mapping[str, Any]) -> dict[str, float]:
    """The SDK with its defaults, over httpx or aiohttp as ``over`` says."""
    return load.run(_calls(settings), settings["loop"])


async def _calls(settings: Mapping[str, Any]) -> dict[str, float]:
    over: dict[str, Any] = {}
    if settings["over"] == "aiohttp":
        over["http_client"] = openai.DefaultAioHttpClient()

    async with openai.AsyncOpenAI(api_key=KEY, base_url=settings["url"], **over) as client:

        async def call(number: int) -> None:
            text = f"{_TEXT}{number}"
            await client.moderations.create(input=text, model="omni-moderation-latest")

        return await load.under_load(call, settings)
