"""HTTP: from a request to the bytes that go back, true or damaged.

Answers are written as bytes, not with aiohttp's response classes: a fault must be able to lie
about a length, and it is faster.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._clock import Clock
    from .vendor import Answer

_REASONS = {status.value: status.phrase for status in HTTPStatus}


class Reply(web.StreamResponse):
    """Bytes, written as they are.

    Args:
        wire: Head and body.
        stays: Whether the connection can be used again.
    """

    def __init__(self, wire: bytes = b"", *, stays: bool = True) -> None:
        super().__init__()
        self._wire = wire
        self._stays = stays
        self._transport: asyncio.Transport | None = None

    @property
    def keep_alive(self) -> bool:
        """Whether the connection can be used again."""
        return self._stays

    async def prepare(self, request: web.BaseRequest) -> None:
        """Remember where to write to."""
        self._transport = request.transport
        self._stays = self._stays and request.keep_alive

    async def write_eof(self, data: bytes = b"") -> None:
        """Write everything, unless the client has gone."""
        if self._wire and self._transport is not None:
            self._transport.write(self._wire + data)


def wire(clock: Clock, answer: Answer, *, length: int | None = None, stays: bool = True) -> bytes:
    """``answer`` as bytes, with ``length`` for its true length."""
    lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Unknown')}"]
    if answer.body:
        lines.append(f"Content-Type: {answer.content_type}")
    if answer.status != HTTPStatus.NO_CONTENT or length is not None:
        lines.append(f"Content-Length: {len(answer.body) if length is None else length}")
    lines.append(f"Date: {clock.http_date()}")
    lines.extend(f"{name}: {value}" for name, value in answer.headers)
    if not stays:
        lines.append("Connection: close")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + answer.body


def abort(request: web.BaseRequest, *, reset: bool = False) -> Reply:
    """Close the connection without an answer; ``reset`` as if the peer's machine had gone."""
    if request.transport is not None:
        if reset and (sock := request.transport.get_extra_info("socket")):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return Reply(stays=False)


class Closing(Exception):  # noqa: N818 - it unwinds, and is no error
    """The sandbox stops."""


class Listener:
    """A socket on loopback and what is connected to it."""

    _server: asyncio.Server

    def __init__(self, handler: Callable[[Listener, web.BaseRequest], Awaitable[Reply]]) -> None:
        self._handler = handler
        self._closing = False
        self._paused: set[asyncio.Future[None]] = set()
        self._web = web.Server(self._handle, access_log=None)
        self.port = 0

    async def open(self, port: int) -> None:
        """Listen on ``port``, or on a free one when it is 0."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._web, "127.0.0.1", port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def pause(self, seconds: float) -> None:
        """Sleep, but not beyond the end of the sandbox."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._paused.add(waiter)
        timer = loop.call_later(0 if self._closing else seconds, _wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._paused.discard(waiter)
        if self._closing:
            raise Closing

    async def close(self) -> None:
        """Stop listening and drop every connection, idle or not."""
        self._closing = True
        self._server.close()
        for waiter in self._paused:
            _wake(waiter)
        # Connections that were accepted appear, and those aborted go, in the loop's next turns.
        for _ in range(2):
            await asyncio.sleep(0)
        while connections := self._web.connections:
            for protocol in connections:
                if protocol.transport is not None:
                    protocol.transport.abort()
            await asyncio.sleep(0)

    async def _handle(self, request: web.BaseRequest) -> Reply:
        try:
            return await self._handler(self, request)
        except Closing:
            return abort(request)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
