"""The pool: one session per event loop, made when that loop first sends."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from loyalty_sdk import _aio as asyncio
from loyalty_sdk._fork import process
from loyalty_sdk._secrets import masked
from loyalty_sdk._settings import CONNECTIONS, PROXY, UNSET
from loyalty_sdk._slots import Slots
from loyalty_sdk.errors import ClientClosedError, ConfigurationError

from ._proxy import check_proxy, proxy_from_environment
from ._trip import Trip, closed, late

if TYPE_CHECKING:
    import ssl as tls
    from collections.abc import Mapping
    from types import TracebackType

    from loyalty_sdk._flow import Request, Response
    from loyalty_sdk._lanes import LaneName

    from ._deadlines import Limit
    from ._session import Route, Session

_MIB = 2**20
_LONGEST_IDLE = 10.0  # a write that must not be repeated goes out on nothing older


class SessionPool:
    """Connections to any number of hosts, for any number of clients.

    Inside is one session per event loop, made when that loop first sends. A session
    whose loop has ended is dropped. Cookies are not kept, redirects are not followed, and a
    request is never repeated here: one `send` is at most one arrival.

    Args:
        connections: Most requests under way at once, in all event loops together, and most
            connections open in each; at least 1. Unless given, ``LOYALTY_CONNECTIONS`` in the
            environment, or 100.
        connections_per_host: The same per host; 0 means no limit of its own.
        keepalive: Seconds an idle connection is kept, at most 10: a server may close an idle
            connection at the moment it is used again, and a write is then in doubt.
        connect_timeout: Seconds to open a connection.
        dns_ttl: Seconds a looked-up address is kept.
        proxy: URL of an HTTP proxy for every request; unless given, ``LOYALTY_PROXY``.
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
        connections: int | None = None,
        connections_per_host: int = 0,
        keepalive: float = 10.0,
        connect_timeout: float = 5.0,
        dns_ttl: float = 60.0,
        proxy: str | None = None,
        trust_env: bool = False,
        ssl: tls.SSLContext | None = None,
        max_response_bytes: int = 32 * _MIB,
    ) -> None:
        most: int = CONNECTIONS.value(UNSET if connections is None else connections)
        proxy = PROXY.value(UNSET if proxy is None else masked(proxy))
        for name, value, least in (
            ("connections", most, 1),
            ("connections_per_host", connections_per_host, 0),
            ("max_response_bytes", max_response_bytes, 1),
        ):
            if value < least:
                raise ConfigurationError(f"SessionPool: {name} must be at least {least}")
        if not 0 < keepalive <= _LONGEST_IDLE:
            raise ConfigurationError("SessionPool: keepalive must be over 0 and at most 10 seconds")
        connector: dict[str, Any] = {
            "limit": most,
            "limit_per_host": connections_per_host,
            "keepalive_timeout": keepalive,
            "ttl_dns_cache": dns_ttl,
            **({"ssl": ssl} if ssl is not None else {}),
        }
        self._slots = Slots(most)
        self._of_host: dict[str, Slots] = {}
        self._per_host = connections_per_host
        self._session_settings = connector, connect_timeout, max_response_bytes
        self._proxy = check_proxy(masked(proxy))
        self._trust_env = trust_env
        self._sessions: dict[asyncio.AbstractEventLoop, Session] = {}
        self._process = process()
        self._closed = False
        self._made_at = _caller()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self._sessions)} sessions"
        return f"<SessionPool {state}, made at {self._made_at}>"

    async def hold(self, origin: str, lane: LaneName, deadline: float, key: object) -> float:
        """Wait until a request to ``origin`` finds a connection; it is kept until `let_go`.

        Args:
            origin: The URL up to its path.
            lane: Who goes first.
            deadline: On `time.monotonic`.
            key: Those with one key take turns with the others.

        Returns:
            The seconds it took.

        Raises:
            RateWaitTimeoutError: There was none in time.
        """
        of_host = self._slots_of(origin)
        waited = await of_host.take(lane, deadline, key)
        if of_host is self._slots:
            return waited
        try:
            return waited + await self._slots.take(lane, deadline, key)
        except BaseException:
            of_host.give(lane)
            raise

    async def prepare(self, origin: str) -> None:
        """Do what the first request to ``origin`` takes, before its turn to leave has come.

        Raises:
            ClientClosedError: The pool is closed.
        """
        session = self._session() or await self._new_session()
        if origin not in session.routes:
            self._route(session, origin)

    async def within(self, seconds: float) -> Limit:
        """Like `asyncio.timeout`, but no async context manager, and cheap."""
        session = self._session() or await self._new_session()
        return session.deadlines.within(seconds)

    def let_go(self, origin: str, lane: LaneName) -> None:
        """Let the next request have the connection."""
        of_host = self._slots_of(origin)
        of_host.give(lane)
        if of_host is not self._slots:
            self._slots.give(lane)

    def _slots_of(self, origin: str) -> Slots:
        if not self._per_host:
            return self._slots
        slots = self._of_host.get(origin)
        return slots or self._of_host.setdefault(origin, Slots(self._per_host))

    async def send(
        self, origin: str, request: Request, headers: Mapping[str, str], timeout: float | None
    ) -> Response:
        """Send ``request`` once and read the answer.

        Args:
            origin: The URL up to its path.
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
            ConfigurationError: A path or header that HTTP has no room for; nothing was sent.
        """
        if timeout is not None and timeout <= 0:
            raise late("connection", 0.0, left=False)
        session = self._session() or await self._new_session()
        route = session.routes.get(origin) or self._route(session, origin)
        trip = Trip()
        try:
            with session.deadlines.within(timeout):
                body = await session.exchange(route, request, headers, trip)
        except asyncio.CancelledError as exc:
            # aiohttp cancels whoever waits for a connection of a pool that is closed.
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():
                raise trip.closed_meanwhile() from exc
            # The canceller wants to know as well as anybody whether anything was sent.
            exc.bytes_left = trip.left  # type: ignore[attr-defined]  # read by the client
            raise
        except ConfigurationError:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever a transport raises must not escape
            return trip.broken(exc, timeout)
        return trip.answer(body)

    def _session(self) -> Session | None:
        self._check_usable()
        return self._sessions.get(asyncio.get_running_loop())

    async def _new_session(self) -> Session:
        # Half of the start-up time; needed with the first call.
        from ._session import Session  # noqa: PLC0415

        session = Session(*self._session_settings)
        self._sessions[asyncio.get_running_loop()] = session
        await session.watch()
        await self._forget_dead_loops()
        return session

    def _route(self, session: Session, origin: str) -> Route:
        from ._session import Route  # noqa: PLC0415 - as above

        from_environment = proxy_from_environment(origin) if self._trust_env else None
        route = session.routes[origin] = Route.to(origin, self._proxy or from_environment)
        return route

    def _check_usable(self) -> None:
        if self._closed:
            raise closed()
        if self._process is not process():
            raise ClientClosedError(
                "the session pool was made in another process",
                hint="Connections cannot cross a fork: make the client in the child",
            )

    async def _forget_dead_loops(self) -> None:
        dead = [loop for loop in self._sessions if loop.is_closed()]
        for session in [self._sessions.pop(loop) for loop in dead]:
            # On a closed loop this only marks the connector closed, so that it does not
            # complain when it is collected.
            await session.connections.aclose()

    async def aclose(self) -> None:
        """Close every connection. Calls in flight fail; a second time does nothing."""
        self._closed = True
        sessions, self._sessions = self._sessions, {}
        here = asyncio.get_running_loop()
        for loop, session in sessions.items():
            if loop is here:
                await session.aclose()
            elif not loop.is_closed():
                # That loop closes its own session when it comes to it; waiting for another
                # thread's loop could wait for ever.
                loop.call_soon_threadsafe(session.close_soon)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True) and self._sessions and self._process is process():
            warnings.warn(
                f"a SessionPool made at {self._made_at} was not closed",
                ResourceWarning,
                stacklevel=1,
                source=self,
            )


def _caller() -> str:
    """File and line of the first frame outside this package."""
    package = str(Path(__file__).parent.parent)
    frame = inspect.currentframe()  # a whole stack would cost a hundred times more
    while frame is not None and frame.f_code.co_filename.startswith(package):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "an unknown place"
