"""Between the client and the sandbox: a proxy that cuts, delays and holds back bytes."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable
from random import Random
from types import TracebackType
from typing import Self

import attrs

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

Fault = Callable[["Exchange"], Awaitable[None]]


@attrs.define(eq=False)
class Exchange:
    """One request that has arrived, and what a fault can do with it.

    Attributes:
        request: All its bytes.
        draw: Decides where things are cut and how long they take.
    """

    request: bytes
    draw: Random
    _proxy: Proxy
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter
    stale: bool = False

    @property
    def method(self) -> str:
        """Upper case."""
        return self.request.partition(b" ")[0].decode()

    @property
    def path(self) -> str:
        """With the query, as it stood in the request line."""
        return self.request.split(b" ", 2)[1].decode()

    @property
    def body(self) -> bytes:
        """Whatever follows the head."""
        return self.request.partition(b"\r\n\r\n")[2]

    def say(self, header: str) -> None:
        """Add a header to the request."""
        first, rest = self.request.split(b"\r\n", 1)
        self.request = first + b"\r\n" + header.encode() + b"\r\n" + rest

    async def ask(self) -> bytes:
        """Send the request on; the whole answer."""
        return await self._proxy.ask(self.request)

    async def send_part(self, share: float) -> None:
        """Send a part of the request on, at least a byte too few, and hang up."""
        await self._proxy.send_part(self.request[: int(share * (len(self.request) - 1))])

    def write(self, data: bytes) -> None:
        """Let the client read ``data``."""
        self._writer.write(data)

    async def gone(self) -> None:
        """Wait until the client hangs up."""
        try:
            await self._reader.read(1)
        except ConnectionError:
            return

    def close(self) -> None:
        """Hang up after what was written."""
        self._writer.close()

    def reset(self) -> None:
        """Hang up as if the machine had gone; what was not sent yet is lost."""
        _linger(self._writer, 0)
        self._writer.transport.abort()

    def cut(self, data: bytes) -> None:
        """Let the client read ``data``, and then nothing any more."""
        self.write(data)
        self.close()

    @property
    def closed(self) -> bool:
        """Whether the connection to the client has ended."""
        return self._writer.is_closing()


def _linger(writer: asyncio.StreamWriter, seconds: int) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, seconds))


class Proxy:
    """Listens on a free port and lets ``fault_for`` choose a fault for every request.

    Args:
        port: Where the sandbox listens.
        fault_for: What becomes of a request.
        draw: For everything that is left to chance.
        resets: Share of the connections that are reset before anything is read.
        closes: Whether each connection takes one request only.
    """

    def __init__(
        self,
        port: int,
        fault_for: Callable[[Exchange], Fault],
        draw: Random,
        *,
        resets: float = 0.0,
        closes: bool = False,
    ) -> None:
        self.port = 0
        self._upstream = port
        self._fault_for = fault_for
        self._draw = draw
        self._resets = resets
        self._closes = closes
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        for _, writer in self._idle:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            if self._draw.random() < self._resets:
                _linger(writer, 0)
                return
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; whether the connection may bring another."""
        head = await reader.readuntil(b"\r\n\r\n")
        exchange = Exchange(
            head + await reader.readexactly(_length(head)), self._draw, self, reader, writer
        )
        await self._fault_for(exchange)(exchange)
        if exchange.stale:
            await reader.read(1)
            exchange.reset()
        elif self._closes:
            writer.close()
            await writer.wait_closed()
        return not exchange.closed

    async def ask(self, request: bytes) -> bytes:
        """The sandbox's answer."""
        reader, writer = await self._connection()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length(head))
        self._idle.append((reader, writer))
        return head + body

    async def send_part(self, data: bytes) -> None:
        """Send ``data`` on and hang up."""
        _, writer = await self._connection()
        writer.write(data)
        writer.close()
        await writer.wait_closed()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
        return await asyncio.open_connection("127.0.0.1", self._upstream)


def _length(head: bytes) -> int:
    found = _LENGTH.search(head)
    return int(found[1]) if found else 0
