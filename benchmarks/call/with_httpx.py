"""httpx as people write it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from benchmarks.harness import load

from ._order import KEY, by_hand


def measure(settings: Mapping[str, Any]) -> dict[str, float]:
    """A client with its defaults and ``json=``."""
    return load.run(_calls(settings), settings["loop"])


async def _calls(settings: Mapping[str, Any]) -> dict[str, float]:
    url, connections = settings["url"], settings.get("connections")
    limits: dict[str, Any] = {}
    if connections is not None:
        kept = {"max_connections": connections, "max_keepalive_connections": connections}
        limits["limits"] = httpx.Limits(**kept)
    headers = {"Authorization": f"Bearer {KEY}"}

    async with httpx.AsyncClient(headers=headers, timeout=60.0, **limits) as client:

        async def call(number: int) -> Any:
            response = await client.post(f"{url}/v2/orders", json=by_hand(number))
            response.json()
            return response

        return await load.under_load(call, settings, lambda response: response.status_code)
