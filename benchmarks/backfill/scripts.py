"""What people write to send a file once: no journal, so a crash leaves them guessing."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from ._measure import KEY, measure

_HEADERS = {"Authorization": f"Bearer {KEY}"}


def with_aiohttp(settings: Mapping[str, Any]) -> dict[str, float]:
    """`asyncio.gather` and a semaphore over aiohttp."""

    async def send(path: Path, _: int) -> int:
        gate = asyncio.Semaphore(settings["concurrency"])
        async with aiohttp.ClientSession(headers=_HEADERS) as session:

            async def post(row: dict[str, str]) -> None:
                url = f"{settings['url']}/v2/orders"
                async with gate, session.post(url, json=_order(row)) as response:
                    response.raise_for_status()
                    await response.json()

            return len(await asyncio.gather(*(post(row) for row in _rows(path))))

    return measure(send, settings)


def with_httpx(settings: Mapping[str, Any]) -> dict[str, float]:
    """The same over httpx."""
    import httpx  # noqa: PLC0415 - the other script needs none

    async def send(path: Path, _: int) -> int:
        gate = asyncio.Semaphore(settings["concurrency"])
        async with httpx.AsyncClient(headers=_HEADERS, timeout=60.0) as client:

            async def post(row: dict[str, str]) -> None:
                async with gate:
                    response = await client.post(f"{settings['url']}/v2/orders", json=_order(row))
                    response.raise_for_status()
                    response.json()

            return len(await asyncio.gather(*(post(row) for row in _rows(path))))

    return measure(send, settings)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _order(row: dict[str, str]) -> dict[str, Any]:
    return {
        "merchant_id": row["id"],
        "customer_id": row["customer_id"],
        "customer_email": row["customer_email"],
        "total": row["total"],
        "payment_status": row["payment_status"],
        "guest": False,
    }
