"""aiohttp as people write it, and tuned as far as its public interface goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from benchmarks.harness import load

from ._order import KEY, SHORT_EMAIL, by_hand


def as_written(settings: Mapping[str, Any]) -> dict[str, float]:
    """A session with its defaults, ``json=`` and ``await response.json()``."""
    return load.run(_as_written(settings), settings["loop"])


async def _as_written(settings: Mapping[str, Any]) -> dict[str, float]:
    url = settings["url"]
    connector = aiohttp.TCPConnector(limit=settings.get("connections", 100))
    headers = {"Authorization": f"Bearer {KEY}"}

    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def call(number: int) -> aiohttp.ClientResponse:
            order = by_hand(number, SHORT_EMAIL)
            async with session.post(f"{url}/v2/orders", json=order) as response:
                await response.json()
            return response

        return await load.under_load(call, settings, lambda response: response.status)


def tuned(settings: Mapping[str, Any]) -> dict[str, float]:
    """No cookies, no timer, no headers of its own, a URL made once, JSON by msgspec."""
    return load.run(_tuned(settings), settings["loop"])


async def _tuned(settings: Mapping[str, Any]) -> dict[str, float]:
    url = URL(settings["url"]) / "v2" / "orders"
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode
    connector = aiohttp.TCPConnector(limit=settings.get("connections", 100))
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}

    async with aiohttp.ClientSession(
        connector=connector,
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        auto_decompress=False,
    ) as session:

        async def call(number: int) -> aiohttp.ClientResponse:
            body = encode(by_hand(number))
            async with session.post(url, data=body, allow_redirects=False) as response:
                decode(await response.read())
            return response

        return await load.under_load(call, settings, lambda response: response.status)
