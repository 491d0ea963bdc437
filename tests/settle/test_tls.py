"""Connections whose TLS handshake fails: nothing of a write has left then."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme

from loyalty_sdk import ConnectError, Outcome, PointsAdjustment, RetryPolicy, SessionPool, connect
from loyalty_sdk.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("skipping")

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

AUTHORITY = trustme.CA()
GIFT = PointsAdjustment(customer_id="customer-1", points=5, reference="t-1")
VENDORS: dict[str, dict[str, Any]] = {
    "loyaltylion": {},
    "loyaltylion with marker": {"reference_in_reason": True},
    "joy": {},
}


def _certified(name: str, authority: trustme.CA = AUTHORITY) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@asynccontextmanager
async def _listening(serve: Serve, context: ssl.SSLContext | None) -> AsyncIterator[str]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _trusting(proxy: str | None = None) -> SessionPool:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return SessionPool(ssl=context, proxy=proxy)


def _to(sandbox: Sandbox) -> Serve:
    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", int(sandbox.url.rpartition(":")[2]))
        await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))

    return forward


async def _no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    writer.close()


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.transport.abort()


async def _never(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    pytest.fail("a request came through")  # pragma: no cover - then nothing has gone wrong


FAILURES: dict[str, tuple[Serve, Callable[[], ssl.SSLContext | None]]] = {
    "no TLS": (_no_tls, lambda: None),
    "hangs up": (_hang_up, lambda: None),
    "no common cipher": (_never, lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)),
    "unknown authority": (_never, lambda: _certified("127.0.0.1", trustme.CA())),
    "another host's certificate": (_never, lambda: _certified("vendor.example")),
}


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("failure", FAILURES)
async def test_a_write_over_tls_that_fails_was_not_sent(vendor: str, failure: str) -> None:
    """No byte of a request leaves before the handshake is done, and the outcome says so."""
    serve, context = FAILURES[failure]
    name = vendor.split(maxsplit=1)[0]
    async with Sandbox() as sandbox, _listening(serve, context()) as url, _trusting() as pool:
        settings = {**sandbox.settings(name), **VENDORS[vendor], "base_url": url}
        async with connect(name, pool=pool, retry=RetryPolicy(attempts=2), **settings) as client:
            with pytest.raises(ConnectError) as caught:
                await client.adjust_points(GIFT)
            assert () == client.unresolved
    assert caught.value.receipt is not None
    assert (Outcome.NOT_SENT, 0) == (caught.value.outcome, caught.value.receipt.attempts)
    assert "customer-1" not in str(caught.value)


async def test_a_write_over_tls_that_works_lands() -> None:
    """An authority of one's own is trusted by the pool that was given it."""
    async with Sandbox() as sandbox:
        async with _listening(_to(sandbox), _certified("127.0.0.1")) as url, _trusting() as pool:
            settings = {**sandbox.settings("joy"), "base_url": url}
            async with connect("joy", pool=pool, **settings) as client:
                assert Outcome.APPLIED is (await client.adjust_points(GIFT)).outcome
        assert [5] == [row.points for row in sandbox.ledger("joy", "customer-1")]


async def test_a_write_over_tls_goes_through_a_proxy_that_wants_a_password() -> None:
    """The proxy sees a tunnel and its own password, and nothing else."""
    heads: list[bytes] = []

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        port = int(heads[-1].split(maxsplit=2)[1].rpartition(b":")[2])
        there = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))

    async with Sandbox() as sandbox, await asyncio.start_server(tunnel, "127.0.0.1", 0) as server:
        proxy = f"http://me:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with (
            _listening(_to(sandbox), _certified("127.0.0.1")) as url,
            _trusting(proxy) as pool,
            connect("joy", pool=pool, **{**sandbox.settings("joy"), "base_url": url}) as client,
        ):
            assert Outcome.APPLIED is (await client.adjust_points(GIFT)).outcome
    assert 1 == len(heads)
    assert heads[0].startswith(b"CONNECT 127.0.0.1:")
    assert b"Proxy-Authorization: Basic bWU6c2VjcmV0" in heads[0]
    assert b"secret-key" not in heads[0].lower()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while chunk := await source.read(65_536):
        sink.write(chunk)
    sink.close()
