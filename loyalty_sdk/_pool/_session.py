"""The connections of one event loop.

aiohttp opens them and parses what comes; what is written on them, and when, is decided here.
Its `ClientSession` is not used: it sends some requests twice by itself, does not say what
has left, and costs more than all the rest of a call.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import attrs
from yarl import URL

from loyalty_sdk._flow import Safety
from loyalty_sdk._secrets import MaskedBytes, SecretStr
from loyalty_sdk._version import __version__
from loyalty_sdk.errors import ConfigurationError, MalformedResponseError

from ._connections import Connections
from ._conversation import Conversation
from ._deadlines import Deadlines

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from loyalty_sdk._flow import Request

    from ._trip import Trip

_OWN_HEADERS = (
    f"User-Agent: async-loyalty-sdk/{__version__}\r\n"
    "Accept: application/json\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
)


@attrs.frozen
class Route:
    """How requests reach one origin.

    Attributes:
        opener: What aiohttp's connector needs to know of a request.
        prefix: What stands before the path in a request line; a proxy wants the whole URL.
    """

    opener: aiohttp.ClientRequest
    prefix: str

    @classmethod
    def to(cls, origin: str, proxy: str | None) -> Route:
        """The route to ``origin``, a URL without a path."""
        url = URL(origin, encoded=True)
        opener = aiohttp.ClientRequest("GET", url)
        if proxy is not None:
            by_way = _by_way_of(URL(proxy), opener.headers["Host"])
            opener = aiohttp.ClientRequest("GET", url, **by_way)
        forwarded = proxy is not None and url.scheme == "http"
        return cls(opener, origin if forwarded else "")

    def message(self, request: Request, headers: Mapping[str, str]) -> bytes:
        """``request`` as it goes over the wire."""
        body = request.body
        lines = [f"{request.method} {self.prefix}{request.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if request.fresh:
            lines.append("Cache-Control: no-cache")
        if body is not None:
            lines.append("Content-Type: application/json")
        if not all(map(str.isprintable, lines)):
            raise ConfigurationError("a path or a header holds a control character")
        lines.append(f"Host: {self.opener.headers['Host']}")
        # The connector puts it there, for a proxy that wants a password.
        if secret := self.opener.headers.get("Proxy-Authorization"):
            lines.append(f"Proxy-Authorization: {secret}")
        if body is not None or request.safety is not Safety.SAFE:
            lines.append(f"Content-Length: {len(body or b'')}")
        head = SecretStr("\r\n".join(lines))
        return MaskedBytes(f"{head}\r\n{_OWN_HEADERS}\r\n".encode() + (body or b""))


def _by_way_of(proxy: URL, host: str) -> dict[str, Any]:
    """What aiohttp takes for a proxy; its password apart, since it shows the URL in locals."""
    if proxy.user is None:
        return {"proxy": proxy}
    secret = SecretStr(aiohttp.encode_basic_auth(proxy.user, proxy.password or ""))
    # The connector makes the proxy's own header of the first. It would add the second, and then
    # take the first connection for another proxy's.
    return {
        "proxy": proxy.with_user(None),
        "proxy_headers": {"Authorization": secret, "Host": host},
    }


class Session:
    """Connections that close with their event loop.

    Args:
        settings: Of aiohttp's `TCPConnector`.
        connect_timeout: Seconds to open a connection.
        max_response_bytes: Longer answers are refused while they are read.
    """

    def __init__(
        self, settings: dict[str, Any], connect_timeout: float, max_response_bytes: int
    ) -> None:
        self.connections = Connections(settings, connect_timeout)
        self.routes: dict[str, Route] = {}
        self.deadlines = Deadlines()
        self._max_response_bytes = max_response_bytes
        self._watch = self._until_shutdown()

    async def exchange(
        self, route: Route, request: Request, headers: Mapping[str, str], trip: Trip
    ) -> bytes:
        """Send ``request`` once and read the answer's body; ``trip`` knows the rest."""
        opener = route.opener
        connection = await self.connections.take(opener)
        try:
            conversation = Conversation.on(connection)
            bodiless = request.method == "HEAD"
            await conversation.ask(route.message(request, headers), trip, bodiless=bodiless)
            head, content = conversation.heard
            trip.head = head
            body = await content.readany()
            if len(body) > self._max_response_bytes or not content.at_eof():
                body = await self._read_on(content, body)
        except BaseException:
            # The rest of the answer may still be on its way: nobody else may read it.
            connection.close()
            raise
        self.connections.keep(opener, connection)
        return body

    async def _read_on(self, content: aiohttp.StreamReader, first: bytes) -> bytes:
        chunks = [first]
        left = self._max_response_bytes - len(first)
        while left >= 0 and not content.at_eof():
            chunks.append(await content.readany())
            left -= len(chunks[-1])
        if left < 0:
            raise MalformedResponseError(
                f"the answer is longer than {self._max_response_bytes} bytes",
                hint="Ask for smaller pages, or raise SessionPool(max_response_bytes=...)",
            )
        return b"".join(chunks)

    async def watch(self) -> None:
        """Close with the running event loop."""
        # A loop that shuts down closes the async generators that were started in it, which
        # is the only notice it gives: so the second asyncio.run finds no open sockets.
        await anext(self._watch)

    async def _until_shutdown(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self.deadlines.close()
            await self.connections.aclose()

    async def aclose(self) -> None:
        """Close every connection, of the running event loop."""
        await self._watch.aclose()

    def close_soon(self) -> None:
        """Close every connection when the loop comes to it."""
        self._closing = asyncio.get_running_loop().create_task(self.aclose())
