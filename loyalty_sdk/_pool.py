"""Connections, shared by any number of clients and adapters; the only user of aiohttp's client."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import time
import warnings
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import attrs

from ._flow import Response
from ._secrets import masked
from ._version import __version__
from .errors import (
    ClientClosedError,
    ConfigurationError,
    ConnectError,
    DeadlineExceededError,
    MalformedResponseError,
    TransportError,
)

if TYPE_CHECKING:
    import ssl as tls
    from collections.abc import AsyncGenerator, Mapping
    from types import TracebackType

    import aiohttp
    from aiohttp.abc import AbstractStreamWriter

    from ._flow import Request
    from .errors import LoyaltyError

USER_AGENT = f"async-loyalty-sdk/{__version__}"

_MIB = 2**20
_LONGEST_IDLE = 10.0  # a write that must not be repeated goes out on nothing older


@attrs.define
class _Departure:
    """How far the request at hand got."""

    left: bool = False
    head: aiohttp.ClientResponse | None = None


_departure: ContextVar[_Departure] = ContextVar("loyalty_sdk_departure")


class SessionPool:
    """Connections to any number of hosts, for any number of clients.

    Inside is one aiohttp session per event loop, made when that loop first sends. A session
    whose loop has ended is dropped. Cookies are not kept, redirects are not followed, and a
    request is never repeated here: one `send` is at most one arrival.

    Args:
        connections: Most connections open at once, per event loop; at least 1.
        connections_per_host: The same per host; 0 means no limit of its own.
        keepalive: Seconds an idle connection is kept, at most 10: a server may close an idle
            connection at the moment it is used again, and a write is then in doubt.
        connect_timeout: Seconds to open a connection.
        dns_ttl: Seconds a looked-up address is kept.
        proxy: URL of an HTTP proxy for every request.
        trust_env: Whether ``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY`` count. A
            ``.netrc`` never does: it would add credentials of its own.
        ssl: A TLS context of your own, for private authorities or client certificates.
        max_response_bytes: Longer answers are refused while they are read; the
            decompressed size counts.

    Raises:
        ConfigurationError: A number is out of range, or the proxy is no http URL.
    """

    def __init__(  # noqa: PLR0913 - each is one thing a deployment decides
        self,
        *,
        connections: int = 100,
        connections_per_host: int = 0,
        keepalive: float = 10.0,
        connect_timeout: float = 5.0,
        dns_ttl: float = 60.0,
        proxy: str | None = None,
        trust_env: bool = False,
        ssl: tls.SSLContext | None = None,
        max_response_bytes: int = 32 * _MIB,
    ) -> None:
        for name, value, least in (
            ("connections", connections, 1),
            ("connections_per_host", connections_per_host, 0),
            ("max_response_bytes", max_response_bytes, 1),
        ):
            if value < least:
                raise ConfigurationError(f"SessionPool: {name} must be at least {least}")
        if not 0 < keepalive <= _LONGEST_IDLE:
            raise ConfigurationError("SessionPool: keepalive must be over 0 and at most 10 seconds")
        self._connector_settings: dict[str, Any] = {
            "limit": connections,
            "limit_per_host": connections_per_host,
            "keepalive_timeout": keepalive,
            "ttl_dns_cache": dns_ttl,
            **({"ssl": ssl} if ssl is not None else {}),
        }
        self._connect_timeout = connect_timeout
        self._proxy = _check_proxy(masked(proxy))
        self._trust_env = trust_env
        self._max_response_bytes = max_response_bytes
        self._sessions: dict[asyncio.AbstractEventLoop, _LoopSession] = {}
        self._process = os.getpid()
        self._closed = False
        self._made_at = _caller()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self._sessions)} sessions"
        return f"<SessionPool {state}, made at {self._made_at}>"

    async def send(
        self, url: str, request: Request, headers: Mapping[str, str], timeout: float | None
    ) -> Response:
        """Send ``request`` once and read the answer.

        Args:
            url: The whole URL, percent-encoded.
            request: What to send.
            headers: Credentials; content headers are added here.
            timeout: Seconds for everything, waiting for a connection included.

        Returns:
            The answer; its ``failure`` is set when the body broke off after the head.

        Raises:
            ConnectError: No connection; nothing was sent.
            DeadlineExceededError: ``timeout`` passed before the head of an answer came.
            TransportError: No head of an answer came.
            ClientClosedError: The pool is closed.
        """
        if timeout is not None and timeout <= 0:
            raise _not_in_time("connection", 0.0, left=False)
        session = await self._session()
        departure = _Departure()
        _departure.set(departure)
        try:
            async with asyncio.timeout(timeout):
                body = await self._exchange(session, url, request, headers, departure)
        except asyncio.CancelledError as exc:
            # aiohttp cancels whoever waits for a connection of a session that is closed.
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():
                raise _closed_meanwhile(departure) from exc
            # The canceller wants to know as well as anybody whether anything was sent.
            exc.bytes_left = departure.left  # type: ignore[attr-defined]  # read by the client
            raise
        except MalformedResponseError as exc:
            return _answer(departure, failure=exc)
        except Exception as exc:  # whatever a transport raises must not escape
            failure = _failure(departure, exc, timeout)
            if departure.head is None:
                raise failure from exc
            return _answer(departure, failure=failure)
        return _answer(departure, body)

    async def _exchange(
        self,
        session: aiohttp.ClientSession,
        url: str,
        request: Request,
        headers: Mapping[str, str],
        departure: _Departure,
    ) -> bytes:
        from yarl import URL  # noqa: PLC0415 - comes with aiohttp, imported when first needed

        departure.head = await session.request(
            request.method,
            URL(url, encoded=True),
            data=request.body,
            headers=_with_own(headers, request),
            allow_redirects=False,
            proxy=self._proxy or (_proxy_from_environment(url) if self._trust_env else None),
        )
        async with departure.head as answer:
            return await self._read(answer.content)

    async def _read(self, content: aiohttp.StreamReader) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while chunk := await content.readany():
            size += len(chunk)
            if size > self._max_response_bytes:
                raise MalformedResponseError(
                    f"the answer is longer than {self._max_response_bytes} bytes",
                    hint="Ask for smaller pages, or raise SessionPool(max_response_bytes=...)",
                )
            chunks.append(chunk)
        return b"".join(chunks)

    async def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        self._check_usable()
        held = self._sessions.get(loop)
        if held is None:
            held = self._sessions[loop] = _LoopSession(self._open())
            await held.watch()
            await self._forget_dead_loops()
        return held.session

    def _check_usable(self) -> None:
        if self._closed:
            raise _closed()
        if os.getpid() != self._process:
            raise ClientClosedError(
                "the session pool was made in another process",
                hint="Connections cannot cross a fork: make the client in the child",
            )

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415 - half of the start-up time; needed with the first call

        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(**self._connector_settings),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            request_class=_marking_request(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout),
        )
        # aiohttp sends GET, PUT and DELETE again by itself when a connection drops; this is
        # the only switch (aio-libs/aiohttp issue 10790).
        session._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return session

    async def _forget_dead_loops(self) -> None:
        dead = [loop for loop in self._sessions if loop.is_closed()]
        for held in [self._sessions.pop(loop) for loop in dead]:
            # On a closed loop this only marks the session closed, so that it does not
            # complain when it is collected.
            await held.session.close()

    async def aclose(self) -> None:
        """Close every connection. Calls in flight fail; a second time does nothing."""
        self._closed = True
        sessions, self._sessions = self._sessions, {}
        here = asyncio.get_running_loop()
        for loop, held in sessions.items():
            if loop is here:
                await held.aclose()
            elif not loop.is_closed():
                # That loop closes its own session when it comes to it; waiting for another
                # thread's loop could wait for ever.
                loop.call_soon_threadsafe(held.close_soon)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True) and self._sessions and os.getpid() == self._process:
            warnings.warn(
                f"a SessionPool made at {self._made_at} was not closed",
                ResourceWarning,
                stacklevel=1,
                source=self,
            )


class _LoopSession:
    """A session that closes with its event loop."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self._watch = self._until_shutdown()

    async def watch(self) -> None:
        # A loop that shuts down closes the async generators that were started in it, which
        # is the only notice it gives: so the second asyncio.run finds no open sockets.
        await anext(self._watch)

    async def _until_shutdown(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await self.session.close()

    async def aclose(self) -> None:
        await self._watch.aclose()

    def close_soon(self) -> None:
        self._closing = asyncio.get_running_loop().create_task(self.aclose())


def _marking_request() -> type[aiohttp.ClientRequest]:
    """The request of aiohttp, made to say when it starts to leave."""
    global _MarkingRequest  # noqa: PLW0603 - made once, when aiohttp is there
    if _MarkingRequest is None:
        import aiohttp  # noqa: PLC0415 - see _open

        class MarkingRequest(aiohttp.ClientRequest):
            async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
                # A connection found closed raises before it takes a byte.
                transport = conn.transport
                _departure.get().left = transport is not None and not transport.is_closing()
                return await super().send(conn)

            async def write_bytes(
                self,
                writer: AbstractStreamWriter,
                conn: aiohttp.connector.Connection,
                content_length: int | None = None,
            ) -> None:
                # The head waits for the body, and the peer may have hung up meanwhile.
                transport = conn.transport
                closed = transport is None or transport.is_closing()
                if closed and not writer.output_size:
                    _departure.get().left = False
                await super().write_bytes(writer, conn, content_length)

        _MarkingRequest = MarkingRequest
    return _MarkingRequest


_MarkingRequest: type[aiohttp.ClientRequest] | None = None


def _with_own(headers: Mapping[str, str], request: Request) -> Mapping[str, str]:
    own = {"Content-Type": "application/json"} if request.body else {}
    if request.fresh:
        own["Cache-Control"] = "no-cache"
    return {**headers, **own}


def _answer(
    departure: _Departure, body: bytes = b"", failure: LoyaltyError | None = None
) -> Response:
    head = departure.head
    assert head is not None  # noqa: S101 - for the type checker: both callers have a head
    if failure is not None:
        # Closing instead of releasing: the rest of the answer is still on its way.
        head.close()
    return Response(
        status=head.status,
        headers=head.headers,
        body=body,
        failure=failure,
        received_at=time.monotonic(),
    )


def _closed() -> ClientClosedError:
    return ClientClosedError("the session pool is closed", hint="Make a new client")


def _closed_meanwhile(departure: _Departure) -> LoyaltyError:
    if departure.left:
        return TransportError("the session pool was closed before the answer was complete")
    return _closed()


def _failure(departure: _Departure, exc: Exception, timeout: float | None) -> TransportError:
    if type(exc) is TimeoutError:  # ours; aiohttp's own are subclasses
        what = "complete answer" if departure.left else "connection"
        return _not_in_time(what, timeout, left=departure.left)
    if departure.left:
        reason = _reason(exc)
        return TransportError(f"the connection broke before the answer was complete: {reason}")
    return ConnectError(f"cannot connect: {_reason(exc)}", hint="Nothing was sent")


def _reason(exc: Exception) -> str:
    # aiohttp's own texts may quote the URL, and with it ids: only the system's are taken.
    cause = getattr(exc, "os_error", None)
    number = getattr(exc, "errno", None)
    said = cause.strerror if cause else os.strerror(number) if number else None
    return said or type(exc).__name__


def _not_in_time(what: str, timeout: float | None, *, left: bool) -> DeadlineExceededError:
    error = DeadlineExceededError(f"no {what} within {timeout:.3g} s")
    error.bytes_left = left
    return error


def _check_proxy(proxy: Any) -> str | None:
    if proxy is None:
        return None
    if isinstance(proxy, str) and re.fullmatch(r"https?://[^/\s]+/?", proxy):
        return proxy
    raise ConfigurationError("SessionPool: proxy must be a URL like http://proxy.example.com:3128")


def _proxy_from_environment(url: str) -> str | None:
    """Not left to aiohttp, which would read ``.netrc`` along with it."""
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    proxy: str | None = masked(getproxies().get(parts.scheme))
    return proxy


def _caller() -> str:
    """File and line of the first frame outside this package."""
    package = str(Path(__file__).parent)
    frame = inspect.currentframe()  # a whole stack would cost a hundred times more
    while frame is not None and frame.f_code.co_filename.startswith(package):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "an unknown place"
