"""The connections of one event loop, kept for the next request."""

from __future__ import annotations

import asyncio
import errno
import time
from collections import defaultdict, deque
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp

from ._conversation import Conversation

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection

# More at once and the last of a thousand are late before the loop comes to them.
_OPENED_AT_ONCE = 100
# Fresh connections that close at once before it is better to say so.
_MOST_SPOILT = 2


class Connections(aiohttp.TCPConnector):
    """Opens connections, and keeps those that wait for their next request.

    aiohttp would keep them as well, but giving one back and getting it again takes it as long
    as a twentieth of a whole call.

    Args:
        settings: Of aiohttp's `TCPConnector`.
        connect_timeout: Seconds to open a connection.
    """

    def __init__(self, settings: dict[str, Any], connect_timeout: float) -> None:
        super().__init__(**settings)  # pyright: ignore[reportUnknownMemberType] - as typed there
        made: type[ResponseHandler] = Conversation
        self._factory = partial(made, loop=self._loop)
        self._longest_idle: float = settings["keepalive_timeout"]
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout)
        self._idle: defaultdict[aiohttp.ClientRequest, deque[Connection]] = defaultdict(deque)
        self._opening: defaultdict[object, asyncio.Semaphore] = defaultdict(
            partial(asyncio.Semaphore, _OPENED_AT_ONCE)
        )
        self._sweeps: asyncio.TimerHandle | None = None

    async def take(self, opener: aiohttp.ClientRequest) -> Connection:
        """A connection for the request after ``opener``, which is like all others there.

        It is looked at once more: an answer must be its own, not what came unasked.

        Raises:
            ConnectionResetError: The peer closes what is opened.
        """
        # Calls that are made in one turn of the loop leave together in the next. Sent in between,
        # each would be answered by itself, and that costs a fifth more.
        await asyncio.sleep(0)
        idle = self._idle[opener]
        latest = time.monotonic() - self._longest_idle
        fresh = 0
        while fresh < _MOST_SPOILT:
            connection = idle.pop() if idle else await self._open(opener)
            conversation = Conversation.on(connection)
            fresh += conversation.is_fresh
            if conversation.has_news():
                await _hear(connection)
            if conversation.idle_since >= latest and not conversation.is_spoilt:
                return connection
            connection.close()
        raise ConnectionResetError

    async def _open(self, opener: aiohttp.ClientRequest) -> Connection:
        # It may need the place of one that is idle: aiohttp, which counts them, finds out.
        for idle in self._idle.values():
            while idle:
                idle.pop().release()
        return await self.connect(opener, [], self._timeout)

    def keep(self, opener: aiohttp.ClientRequest, connection: Connection) -> None:
        """The answer on ``connection`` was read."""
        conversation = Conversation.on(connection)
        conversation.rest(time.monotonic())
        if self._waiters or conversation.is_spoilt:
            connection.release()  # to whoever waits for any
            return
        self._idle[opener].append(connection)
        if self._sweeps is None:
            self._sweeps = self._loop.call_later(self._longest_idle, self._sweep)

    def _sweep(self) -> None:
        """Close what nobody needed."""
        self._sweeps = None
        latest = time.monotonic() - self._longest_idle
        for idle in self._idle.values():
            while idle and Conversation.on(idle[0]).idle_since <= latest:
                idle.popleft().close()
        if any(self._idle.values()):
            self._sweeps = self._loop.call_later(self._longest_idle, self._sweep)

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        """See aiohttp; it opens any number at once."""
        async with self._opening[req.connection_key]:
            try:
                return await super()._create_connection(req, traces, timeout)
            except TimeoutError as exc:
                # Not to be taken for the end of what the call may take.
                late = f"no connection within {timeout.sock_connect} s"
                raise aiohttp.ClientOSError(errno.ETIMEDOUT, late) from exc

    async def aclose(self) -> None:
        """Close every connection; of an event loop that was closed, forget it."""
        if self._sweeps is not None:
            self._sweeps.cancel()
        try:
            await self.close()
        finally:
            for idle in self._idle.values():
                while idle:
                    idle.pop().close()  # it would complain of not having been


async def _hear(connection: Connection) -> None:
    """Let the event loop come to what there is on ``connection``."""
    try:
        # It looks at its sockets after the first, and has told us before the second ends; TLS
        # without a farewell is closed a turn later.
        for _ in range(3):
            await asyncio.sleep(0)
    except BaseException:
        connection.close()
        raise
