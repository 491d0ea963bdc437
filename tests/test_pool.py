"""SessionPool: connections that are shared, bounded, closed, and honest about what left."""

from __future__ import annotations

import asyncio
import gc
import gzip
import multiprocessing
import ssl
import threading
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp.connector
import pytest

from loyalty_sdk import (
    ClientClosedError,
    ConfigurationError,
    ConnectError,
    DeadlineExceededError,
    MalformedResponseError,
    Request,
    Safety,
    SessionPool,
    TransportError,
    wire,
)

READ = Request(method="GET", template="/x", path="/x", safety=Safety.SAFE)
WRITE = Request(
    method="PUT", template="/x", path="/x", safety=Safety.ONCE, body=wire.encode({"a": 1})
)


async def send(pool: SessionPool, url: str, request: Request = READ, timeout: float = 2.0) -> Any:
    """Send to ``url`` and hand out the answer."""
    return await pool.send(url, request, {"X-Key": "k"}, timeout)


async def test_an_answer_comes_back_whole(server: Any) -> None:
    """Status, headers and body of the answer are what the server sent."""
    server.script = [server.http(201, b'{"a":1}', X_Extra="yes")]
    async with SessionPool() as pool:
        response = await send(pool, server.url)
    assert (201, b'{"a":1}', "yes") == (response.status, response.body, response.headers["x-extra"])
    assert response.failure is None


async def test_an_answer_in_pieces_is_put_together(server: Any) -> None:
    """However it was cut on the way."""

    async def slowly(writer: asyncio.StreamWriter) -> None:
        answer = server.http(200, b"12345")
        writer.write(answer[:-3])
        await asyncio.sleep(0.02)
        writer.write(answer[-3:])

    server.script = [slowly]
    async with SessionPool() as pool:
        assert b"12345" == (await send(pool, server.url)).body


async def test_headers_and_body_arrive(server: Any) -> None:
    """The request carries the given headers, a user agent, and JSON with its type."""
    async with SessionPool() as pool:
        await send(pool, server.url, WRITE)
    [arrival] = server.arrivals
    assert ("PUT", "/x", b'{"a":1}') == (arrival.method, arrival.target, arrival.body)
    assert "k" == arrival.headers["x-key"]
    assert "application/json" == arrival.headers["content-type"]
    assert arrival.headers["user-agent"].startswith("async-loyalty-sdk/")


async def test_a_request_without_a_body_has_no_content_type(server: Any) -> None:
    """Reads announce no content."""
    async with SessionPool() as pool:
        await send(pool, server.url)
    assert "content-type" not in server.arrivals[0].headers


async def test_connections_are_kept_and_reused(server: Any) -> None:
    """Sequential requests share one connection."""
    async with SessionPool() as pool:
        for _ in range(3):
            await send(pool, server.url)
        assert 1 == len(server.connections)


async def test_connections_are_bounded(server: Any) -> None:
    """No more connections are open than the limit says."""
    most = 0

    async def slow(writer: asyncio.StreamWriter) -> None:
        nonlocal most
        most = max(most, len(server.connections))
        await asyncio.sleep(0.01)
        writer.write(server.http())

    server.script = [slow] * 6
    async with SessionPool(connections=2) as pool:
        await asyncio.gather(*(send(pool, server.url) for _ in range(6)))
    assert 2 == most


async def drop(writer: asyncio.StreamWriter) -> None:
    """Close the connection without an answer."""
    writer.transport.abort()


@pytest.mark.parametrize("request_", [READ, WRITE], ids=["GET", "PUT"])
async def test_one_send_is_one_arrival_when_the_connection_drops(
    server: Any, request_: Request
) -> None:
    """Nothing below the pool sends again by itself, and what left is open."""
    server.script = [drop, drop, drop]
    async with SessionPool() as pool:
        with pytest.raises(TransportError) as caught:
            await send(pool, server.url, request_)
    assert caught.value.bytes_left
    assert 1 == len(server.arrivals)


async def test_a_refused_connection_proves_that_nothing_left() -> None:
    """Connect failures say that nothing was sent."""
    async with SessionPool() as pool:
        with pytest.raises(ConnectError) as caught:
            await send(pool, "http://127.0.0.1:1")
    assert not caught.value.bytes_left


async def test_a_name_that_does_not_resolve_proves_that_nothing_left() -> None:
    """DNS failures say that nothing was sent."""
    async with SessionPool() as pool:
        with pytest.raises(ConnectError):
            await send(pool, "http://nowhere.invalid")


async def test_a_failed_handshake_proves_that_nothing_left() -> None:
    """TLS failures say that nothing was sent: plain text cannot be a handshake."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\r\n")
        writer.close()

    listener = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, SessionPool(ssl=ssl.create_default_context()) as pool:
        with pytest.raises(ConnectError):
            await send(pool, f"https://127.0.0.1:{port}")


@pytest.mark.usefixtures("skipping")
async def test_waiting_for_a_connection_is_not_sending(server: Any) -> None:
    """A request that never got a connection out of the pool was not sent."""

    async def hang(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        writer.write(server.http())

    server.script = [hang]
    async with SessionPool(connections=1) as pool:
        first = asyncio.create_task(send(pool, server.url))
        await asyncio.sleep(0.05)
        with pytest.raises(DeadlineExceededError) as caught:
            await send(pool, server.url, timeout=0.05)
        await first
    assert not caught.value.bytes_left
    assert 1 == len(server.arrivals)


@pytest.mark.usefixtures("skipping")
async def test_an_answer_that_does_not_come_in_time_is_open(server: Any) -> None:
    """After the request left, a timeout says that bytes left; and it comes in time."""

    async def hang(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)

    server.script = [hang]
    began = asyncio.get_running_loop().time()
    async with SessionPool() as pool:
        with pytest.raises(DeadlineExceededError) as caught:
            await send(pool, server.url, timeout=0.1)
    assert caught.value.bytes_left
    assert asyncio.get_running_loop().time() - began < 0.3


@pytest.mark.parametrize(
    "tail", [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"], ids=["cut body"]
)
async def test_a_cut_body_keeps_its_head(server: Any, tail: bytes) -> None:
    """A body that breaks off leaves status and headers, and says that it is cut."""

    async def cut(writer: asyncio.StreamWriter) -> None:
        writer.write(tail)
        await writer.drain()
        writer.close()

    server.script = [cut]
    async with SessionPool() as pool:
        response = await send(pool, server.url)
    assert (200, b"") == (response.status, response.body)
    assert isinstance(response.failure, TransportError)


@pytest.mark.usefixtures("skipping")
async def test_a_body_that_drips_past_the_timeout_keeps_its_head(server: Any) -> None:
    """A timeout between head and end of body is a cut body, not a lost answer."""

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        await asyncio.sleep(0.5)

    server.script = [drip]
    async with SessionPool() as pool:
        response = await send(pool, server.url, timeout=0.1)
    assert 200 == response.status
    assert isinstance(response.failure, DeadlineExceededError)


@pytest.mark.usefixtures("skipping")
async def test_no_connection_with_an_unread_answer_is_reused(server: Any) -> None:
    """After a cut read the next request gets a fresh connection and its own answer."""

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        await asyncio.sleep(0.2)
        writer.write(b"late")

    server.script = [drip, server.http(body=b"fresh")]
    async with SessionPool() as pool:
        await send(pool, server.url, timeout=0.1)
        assert b"fresh" == (await send(pool, server.url)).body


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_an_answer_over_the_limit_is_refused_while_reading(
    server: Any, *, packed: bool
) -> None:
    """The size that counts is the decompressed one."""
    body = b" " * 100_000
    extra = {"Content_Encoding": "gzip"} if packed else {}
    server.script = [server.http(body=gzip.compress(body) if packed else body, **extra)]
    async with SessionPool(max_response_bytes=50_000) as pool:
        response = await send(pool, server.url)
    assert isinstance(response.failure, MalformedResponseError)
    assert b"" == response.body


async def test_an_answer_that_is_no_http_is_open(server: Any) -> None:
    """Garbage instead of a head is a broken connection, whatever the parser raises."""
    server.script = [b"\x00\x01garbage\r\n\r\n"]
    async with SessionPool() as pool:
        with pytest.raises(TransportError) as caught:
            await send(pool, server.url)
    assert caught.value.bytes_left


async def test_redirects_are_not_followed(server: Any) -> None:
    """A redirect is an answer; credentials stay with the host they were meant for."""
    server.script = [server.http(307, Location="http://127.0.0.1:1/")]
    async with SessionPool() as pool:
        assert 307 == (await send(pool, server.url, WRITE)).status
    assert 1 == len(server.arrivals)


async def test_cookies_are_not_kept(server: Any) -> None:
    """One client's cookie never travels with another's request."""
    server.script = [server.http(Set_Cookie="who=me; Path=/")]
    async with SessionPool() as pool:
        await send(pool, server.url)
        await send(pool, server.url)
    assert "cookie" not in server.arrivals[1].headers


async def test_the_environment_does_not_choose_a_proxy(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxy variables count only with trust_env."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with SessionPool() as pool:
        assert 200 == (await send(pool, server.url)).status
    async with SessionPool(trust_env=True) as pool:
        with pytest.raises(ConnectError):
            await send(pool, server.url)


async def test_a_proxy_gets_the_request(server: Any) -> None:
    """With a proxy the request line holds the whole URL."""
    async with SessionPool(proxy=server.url) as pool:
        await send(pool, "http://vendor.invalid")
    assert "http://vendor.invalid/x" == server.arrivals[0].target


async def test_a_proxy_gets_its_password(server: Any) -> None:
    """It stands in the proxy's URL; the vendor's address keeps its own header."""
    async with SessionPool(proxy=server.url.replace("//", "//me:secret@")) as pool:
        await send(pool, "http://vendor.invalid")
    assert "Basic bWU6c2VjcmV0" == server.arrivals[0].headers["proxy-authorization"]
    assert "vendor.invalid" == server.arrivals[0].headers["host"]


async def test_a_proxy_with_a_password_keeps_its_connections(server: Any) -> None:
    """The second request goes over the connection of the first, and says the password again."""
    async with SessionPool(proxy=server.url.replace("//", "//me:secret@")) as pool:
        for _ in range(3):
            await send(pool, "http://vendor.invalid")
        assert 1 == len(server.connections)
    assert ["Basic bWU6c2VjcmV0"] * 3 == [
        arrival.headers["proxy-authorization"] for arrival in server.arrivals
    ]


async def test_an_interim_answer_is_no_answer(server: Any) -> None:
    """100 and its like come before the answer."""
    server.script = [b"HTTP/1.1 103 Early Hints\r\n\r\n" + server.http(201)]
    async with SessionPool() as pool:
        assert 201 == (await send(pool, server.url)).status


@pytest.mark.parametrize(
    "request_", [READ._replace(path="/x\r\nX-Evil: 1"), READ._replace(method="GET\n")]
)
async def test_what_would_break_the_head_is_refused(server: Any, request_: Request) -> None:
    """A line break in a path or a header would add headers of its own."""
    async with SessionPool() as pool:
        with pytest.raises(ConfigurationError, match="control character"):
            await send(pool, server.url, request_)
    assert [] == server.arrivals


@pytest.mark.usefixtures("skipping")
@pytest.mark.parametrize("late", [0.0, 0.02])
async def test_what_was_said_before_it_was_asked_is_no_answer(server: Any, late: float) -> None:
    """A server that speaks on an idle connection is not heard: its words would answer a write."""

    async def twice(writer: asyncio.StreamWriter) -> None:
        writer.write(server.http(200, b"1"))
        await asyncio.sleep(late)
        writer.write(server.http(200, b"2"))

    server.script = [twice, server.http(200, b"3")]
    async with SessionPool() as pool:
        assert b"1" == (await send(pool, server.url, WRITE)).body
        await asyncio.sleep(0.05)
        assert b"3" == (await send(pool, server.url, WRITE)).body


async def test_a_connection_that_closes_under_our_hands_carried_nothing(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one too: then it is better to say so than to go on for ever."""
    connect = aiohttp.connector.BaseConnector.connect

    async def closing(*args: Any) -> Any:
        made = await connect(*args)
        assert made.protocol is not None
        assert made.protocol.transport is not None
        made.protocol.transport.abort()
        return made

    monkeypatch.setattr("aiohttp.connector.BaseConnector.connect", closing)
    async with SessionPool() as pool:
        with pytest.raises(ConnectError, match="cannot connect") as caught:
            await send(pool, server.url, WRITE)
    assert not caught.value.bytes_left
    assert [] == server.arrivals


async def test_closing_twice_is_silent_and_using_it_then_is_not(server: Any) -> None:
    """A closed pool says so."""
    pool = SessionPool()
    await send(pool, server.url)
    await pool.aclose()
    await pool.aclose()
    with pytest.raises(ClientClosedError, match="closed"):
        await send(pool, server.url)
    assert "closed" in repr(pool)


def test_a_pool_left_open_warns_with_where_it_was_made(server_thread: str) -> None:
    """The warning names this file; a pool that never connected has nothing to say."""
    SessionPool()
    gc.collect()

    async def forget() -> None:
        await send(SessionPool(), server_thread)

    with pytest.warns(ResourceWarning, match=r"made at .*test_pool\.py:\d+"):
        asyncio.run(forget())


def test_the_same_pool_serves_one_event_loop_after_another(server_thread: str) -> None:
    """A second asyncio.run gets a session of its own, and the first one's sockets are closed."""
    pool = SessionPool()

    async def once() -> int:
        return int((await send(pool, server_thread)).status)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [200, 200] == [asyncio.run(once()), asyncio.run(once())]
        asyncio.run(pool.aclose())
        gc.collect()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # asyncio's own, of its sockets
def test_a_loop_that_ended_without_a_word_is_dropped_silently(
    server_thread: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Even a loop closed without shutting down its generators costs the next one nothing."""
    pool = SessionPool()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(send(pool, server_thread))
    loop.close()
    assert 200 == asyncio.run(send(pool, server_thread)).status
    asyncio.run(pool.aclose())
    del loop
    gc.collect()
    assert [] == caplog.records


def test_two_threads_share_one_pool(server_thread: str) -> None:
    """Each loop has its own session; closing from one does not wait for the other."""
    pool = SessionPool()
    statuses: list[int] = []
    ready, go_on = threading.Event(), threading.Event()

    async def other() -> None:
        statuses.append((await send(pool, server_thread)).status)
        ready.set()
        while not go_on.is_set():
            await asyncio.sleep(0.005)

    thread = threading.Thread(target=lambda: asyncio.run(other()))
    thread.start()
    ready.wait(5)

    async def here() -> None:
        statuses.append((await send(pool, server_thread)).status)
        assert "2 sessions" in repr(pool)
        await pool.aclose()
        go_on.set()

    asyncio.run(here())
    thread.join(5)
    assert [200, 200] == statuses


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_is_refused(server_thread: str) -> None:
    """Connections cannot be shared with a forked process; the error says what to do."""
    pool = SessionPool()
    fork = multiprocessing.get_context("fork")
    results = fork.SimpleQueue()
    child = fork.Process(target=_child, args=(pool, server_thread, results))
    child.start()
    child.join(10)
    assert "another process" in results.get()


def _child(pool: SessionPool, url: str, results: Any) -> None:
    try:
        asyncio.run(send(pool, url))
        results.put("it was sent")
    except ClientClosedError as exc:
        results.put(str(exc))


@pytest.mark.usefixtures("skipping")
async def test_closing_while_calls_are_on_their_way_says_so(server: Any) -> None:
    """Who waits for a connection was not sent; who waits for an answer may have been."""

    async def hang(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)

    server.script = [hang]
    pool = SessionPool(connections=1)
    calls = [asyncio.create_task(send(pool, server.url)) for _ in range(3)]
    await asyncio.sleep(0.05)
    await pool.aclose()
    first, *waiting = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(first, TransportError)
    assert first.bytes_left
    assert [ClientClosedError, ClientClosedError] == [type(failure) for failure in waiting]


async def test_a_cancelled_answer_of_a_closing_pool_is_open(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a closing session cancels after the request left may have been applied."""
    pool = SessionPool()

    async def cancel(*_: Any, **__: Any) -> None:
        pool._closed = True
        raise asyncio.CancelledError

    await send(pool, server.url)
    monkeypatch.setattr("aiohttp.StreamReader.readany", cancel)
    with pytest.raises(TransportError, match="closed before the answer") as caught:
        await send(pool, server.url)
    assert caught.value.bytes_left
    pool._closed = False
    await pool.aclose()


@pytest.mark.parametrize("proxy", ["::::", "socks5://x", "http://", 5])
def test_a_proxy_that_is_none_is_refused(proxy: Any) -> None:
    """At once, not with the first call."""
    with pytest.raises(ConfigurationError, match="proxy"):
        SessionPool(proxy=proxy)


async def test_a_netrc_adds_no_credentials(
    server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """trust_env is about proxies: an account in .netrc must not travel along."""
    (tmp_path / "netrc").write_text("default login u password planted\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with SessionPool(trust_env=True) as pool:
        await send(pool, server.url)
    assert "authorization" not in server.arrivals[0].headers


@pytest.mark.parametrize("setting", ["connections", "max_response_bytes"])
def test_numbers_out_of_range_are_refused(setting: str) -> None:
    """A setting below its least value is named."""
    wrong: dict[str, Any] = {setting: 0}
    with pytest.raises(ConfigurationError, match=setting):
        SessionPool(**wrong)


@pytest.mark.usefixtures("skipping")
async def test_cancelling_a_send_leaves_no_connection_in_use(server: Any) -> None:
    """The connection of a cancelled request is closed, and the pool goes on."""

    async def hang(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)

    server.script = [hang]
    async with SessionPool(connections=1) as pool:
        task = asyncio.create_task(send(pool, server.url))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert 200 == (await send(pool, server.url)).status


async def test_a_read_past_caches_says_so(server: Any) -> None:
    """Only a request that asks for it carries `no-cache`."""
    async with SessionPool() as pool:
        await send(pool, server.url, READ._replace(fresh=True))
        await send(pool, server.url)
    first, second = server.arrivals
    assert "no-cache" == first.headers["cache-control"]
    assert "cache-control" not in second.headers


async def test_an_answer_knows_when_it_was_complete(server: Any) -> None:
    """On the monotonic clock, whole or cut; the vendor's own clock stands beside it."""

    async def cut(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await writer.drain()
        writer.close()

    server.script = [server.http(Date="Fri, 01 May 2026 12:00:00 GMT"), cut]
    async with SessionPool() as pool:
        began = time.monotonic()
        whole = await send(pool, server.url)
        between = time.monotonic()
        half = await send(pool, server.url)
    assert began <= whole.received_at <= between <= half.received_at <= time.monotonic()
    assert datetime(2026, 5, 1, 12, tzinfo=UTC) == whole.date
    assert half.date is None


@pytest.mark.parametrize("timeout", [0.0, -1.0])
async def test_without_time_nothing_is_sent(server: Any, timeout: float) -> None:
    """Not even over a connection that is there: it would leave before anybody could stop it."""
    async with SessionPool() as pool:
        await send(pool, server.url)
        with pytest.raises(DeadlineExceededError) as caught:
            await send(pool, server.url, WRITE, timeout=timeout)
    assert not caught.value.bytes_left
    assert 1 == len(server.arrivals)


@pytest.mark.parametrize("keepalive", [0, -1.0, 10.1, float("nan")])
def test_no_connection_is_kept_for_long(keepalive: float) -> None:
    """Over ten seconds idle, a write could meet a connection that is being closed."""
    with pytest.raises(ConfigurationError, match="keepalive"):
        SessionPool(keepalive=keepalive)


async def test_nothing_goes_out_on_a_connection_that_was_idle_for_long(
    server: Any, skipping: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After nine seconds it is used again, after eleven it is not."""
    monkeypatch.setattr(aiohttp.connector, "monotonic", skipping.monotonic)
    ports: list[int] = []

    async def note(writer: asyncio.StreamWriter) -> None:
        ports.append(writer.get_extra_info("peername")[1])
        writer.write(server.http())

    server.script = [note] * 3
    async with SessionPool() as pool:
        for pause in (0.0, 9.0, 11.0):
            skipping.now += pause
            await send(pool, server.url, WRITE)
    assert ports[0] == ports[1] != ports[2]
