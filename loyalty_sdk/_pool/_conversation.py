"""One connection, on which one request at a time is answered."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

from aiohttp.client_proto import ResponseHandler

if TYPE_CHECKING:
    import asyncio

    from aiohttp import StreamReader
    from aiohttp.connector import Connection
    from aiohttp.http import RawResponseMessage

    from ._trip import Trip


class Conversation(ResponseHandler):
    """Like aiohttp's, but it hears nothing unasked, and goes on with the parser it has.

    Attributes:
        heard: The last answer's head, and what its body is read from. It stays until the next
            one takes its place: a thousand that come and go at once would be the garbage
            collector's work.
        idle_since: When it was read, on `time.monotonic`; infinite before there was any.
    """

    heard: tuple[RawResponseMessage, StreamReader]

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.idle_since = float("inf")
        self._poll: select.poll | None = None
        self._rests = False
        self._answered: asyncio.Future[None] | None = None
        # Since the question. An answer that was all of the first leaves the parser as it was.
        self._pieces = 1
        self._parser_is_as_new = False

    @classmethod
    def on(cls, connection: Connection) -> Conversation:
        """The conversation on ``connection``, which is in use."""
        protocol = connection.protocol
        assert isinstance(protocol, cls)  # noqa: S101 - for the type checker: it makes no others
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        socket = transport.get_extra_info("socket")
        if socket is not None and hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(socket.fileno(), select.POLLIN)

    def ask(self, message: bytes, trip: Trip, *, bodiless: bool) -> asyncio.Future[None]:
        """Write a request; the answer to one that is ``bodiless`` has a head only.

        Returns:
            Done when the head of the answer is ``heard``.
        """
        transport = self.transport
        assert transport is not None  # noqa: S101 - for the type checker: it is not spoilt
        if bodiless or not self._parser_is_as_new:
            self.set_response_params(skip_payload=bodiless, read_until_eof=True)
        self._rests, self._parser_is_as_new = False, False
        self._pieces = int(bodiless)
        self._answered = self._waiter = answered = self._loop.create_future()
        trip.left = True
        transport.write(message)
        return answered

    def rest(self, now: float) -> None:
        """The answer was read; nothing is expected until the next question."""
        self._rests, self.idle_since = True, now

    def close(self) -> None:
        """See aiohttp, which goes on writing, and lets who reads an answer wait for ever."""
        if self._rests:
            super().close()
            vars(self).pop("heard", None)  # it knows the connection, and would keep it alive
            return
        content = self._payload
        self.abort()  # nothing may leave any more of what was given up
        if content is not None and not content.is_eof():
            content.set_exception(ConnectionAbortedError())

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._rests:
            self.force_close()
            return
        self._pieces += 1
        super().data_received(data)
        first = self._pieces == 1 and self._answered is None
        self._parser_is_as_new = first and self._is_all(data)

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """See aiohttp: a head has come."""
        if 100 <= data[0].code < 200:
            if data[0].code != 101:
                return  # an interim answer is none
            self.force_close()  # what it speaks from now on is not HTTP
        answered, self._answered = self._answered, None
        if answered is None:
            super().feed_data(data, size)  # a proxy's, which aiohttp asked; or one too many
            return
        self.heard, self._waiter = data, None
        if not answered.done():
            answered.set_result(None)

    def _is_all(self, data: bytes) -> bool:
        """Whether ``data`` was the answer: one byte more could be half of somebody else's."""
        head, content = self.heard
        if not content.is_eof():
            return False  # it is long, and was not decompressed to its end
        length = len(data) - data.find(b"\r\n\r\n") - 4
        return head.headers.get("Content-Length") == str(length)

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's
        """See aiohttp, which parses on after every piece that was read; here none is left."""
        if not self._parser_is_as_new:
            super().resume_reading(resume_parser)

    @property
    def is_fresh(self) -> bool:
        """Whether nothing was asked on it."""
        return self.idle_since == float("inf")

    @property
    def is_spoilt(self) -> bool:
        """Whether the peer closed the connection, or spoke on it before it was asked."""
        return self.should_close or not self.is_connected()

    def has_news(self) -> bool:
        """Whether the peer may have done something that the event loop has not come to.

        That it closed an idle connection could be heard too late for a request that must not
        be repeated; asking the socket takes a tenth of a turn of the loop.
        """
        return self._poll is None or bool(self._poll.poll(0))
