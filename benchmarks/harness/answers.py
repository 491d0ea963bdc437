"""A server in a process of its own that does nothing but answer; runs where nginx does not.

It parses no more of a request than it must, so it costs a fraction of any client, and it can
wait before it answers. Run as a module with its plan as JSON; prints the port it listens on.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from . import rows

ORDER = '{"id":"1","object":"order"}'
# https://developers.loyaltylion.com/api-reference/v2/resources/whoami
WHOAMI = '{"identity":{"type":"api_key","program_id":1}}'


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    """A whole HTTP answer with a JSON body."""
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(body)) + body


class Answering(asyncio.Protocol):
    """One connection; requests may not be pipelined."""

    def __init__(self, answers: Callable[[bytes], bytes], latency: float) -> None:
        self._answers = answers
        self._latency = latency
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write to."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker: a TCP server gives this
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer when the request is complete."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or len(self._received) < end + 4 + _length(self._received[:end]):
            return
        found = self._answers(self._received[: self._received.find(b"\r\n")])
        self._received = b""
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._transport.write, found)
        else:
            self._transport.write(found)


def _length(head: bytes) -> int:
    at = head.lower().find(b"\r\ncontent-length:")
    return 0 if at < 0 else int(head[at + 17 :].split(b"\r\n", 1)[0])


def orders() -> Callable[[bytes], bytes]:
    """An order was created, whatever is asked but for whose the credentials are."""
    created, whoami = answer(ORDER.encode(), b"201 Created"), answer(WHOAMI.encode())
    return lambda line: whoami if b"/whoami" in line else created


def pages(count: int, size: int) -> Callable[[bytes], bytes]:
    """``count`` transactions in pages of ``size``, by the cursor in the request line."""
    made = list(rows.pages(count, size))
    known = {rows.cursor(number): answer(body) for number, body in enumerate(made)}

    def find(line: bytes) -> bytes:
        cursor = line.partition(b"cursor=")[2].split(b" ")[0].split(b"&")[0].decode()
        return known[cursor or rows.cursor(0)]

    return find


async def serve(plan: Mapping[str, Any]) -> None:
    """Serve until cancelled."""
    answers = pages(**plan["pages"]) if "pages" in plan else orders()
    latency = plan.get("latency", 0.0)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Answering(answers, latency), "127.0.0.1", 0, backlog=4096
    )
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
