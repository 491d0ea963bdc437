"""An asyncio protocol written for this one request: what no client can go below."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from benchmarks.harness import load

from ._order import KEY, SHORT_EMAIL, by_hand


class _Connection(asyncio.Protocol):
    """One request at a time, no errors expected."""

    def __init__(self) -> None:
        self.head = b""
        self._received = b""
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is none of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)

    def post(self, head: bytes, body: bytes) -> asyncio.Future[bytes]:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(head % len(body) + body)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        self.head, found, body = self._received.partition(b"\r\n\r\n")
        length = self.head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if found and len(body) >= int(length) and self._answer is not None:
            self._received = b""
            self._answer.set_result(body)

    def close(self) -> None:
        self._transport.close()


def measure(settings: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a protocol that knows what comes."""
    return load.run(_calls(settings), settings["loop"])


async def _calls(settings: Mapping[str, Any]) -> dict[str, float]:
    loop, url = asyncio.get_running_loop(), urlsplit(settings["url"])
    opened = [
        (await loop.create_connection(_Connection, url.hostname, url.port))[1]
        for _ in range(settings["in_flight"])
    ]
    idle = list(opened)
    head = (
        f"POST /v2/orders HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {KEY}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    ).encode() + b"%d\r\n\r\n"

    async def call(number: int) -> _Connection:
        connection = idle.pop()
        body = json.dumps(by_hand(number, SHORT_EMAIL)).encode()
        json.loads(await connection.post(head, body))
        idle.append(connection)
        return connection

    try:
        return await load.under_load(call, settings, lambda made: int(made.head.split()[1]))
    finally:
        for connection in opened:
            connection.close()
