"""What becomes of connections between two requests, and of answers that end too late."""

from __future__ import annotations

import asyncio
import errno
import gc
import gzip
import select
import ssl
import weakref
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
import trustme

from loyalty_sdk import (
    ConnectError,
    DeadlineExceededError,
    Request,
    Safety,
    SessionPool,
    TransportError,
)
from loyalty_sdk._pool._conversation import Conversation
from loyalty_sdk._pool._trip import Trip
from loyalty_sdk._secrets import MaskedBytes

pytestmark = pytest.mark.usefixtures("skipping")

READ = Request(method="GET", template="/x", path="/x", safety=Safety.SAFE)
HEAD = READ._replace(method="HEAD")
PUT = READ._replace(method="PUT", safety=Safety.IDEMPOTENT)
WRITE = READ._replace(method="POST", safety=Safety.ONCE)


async def send(pool: SessionPool, url: str, request: Request = READ) -> Any:
    """Send to ``url`` and hand out the answer."""
    return await pool.send(url, request, {}, 2.0)


# ------------------------------------------------------------ opening


async def test_a_connection_that_does_not_come_in_time_says_nothing_of_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has its own time, `connect_timeout`, and the call's is far from over."""

    async def hang(**_: Any) -> None:
        await asyncio.sleep(9)

    monkeypatch.setattr("aiohappyeyeballs.start_connection", hang)
    async with SessionPool(connect_timeout=0.01) as pool:
        with pytest.raises(ConnectError, match="Connection timed out") as caught:
            await send(pool, "http://127.0.0.1:9")
    assert "within" not in str(caught.value)
    assert not caught.value.bytes_left


async def test_no_more_than_a_hundred_connections_are_opened_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of thousands the last would be late before the event loop came to them."""
    now = most = 0

    async def refuse(**_: Any) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        raise OSError(errno.ECONNREFUSED, "refused")

    monkeypatch.setattr("aiohappyeyeballs.start_connection", refuse)
    async with SessionPool(connections=250) as pool:
        calls = (send(pool, "http://127.0.0.1:9") for _ in range(250))
        failures = await asyncio.gather(*calls, return_exceptions=True)
    assert {ConnectError} == set(map(type, failures))
    assert 100 == most


async def test_a_connection_that_closes_at_once_is_opened_again(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was sent on it; the second is better."""
    connect = aiohttp.TCPConnector.connect
    spoilt: list[Any] = []

    async def closing(*args: Any) -> Any:
        made = await connect(*args)
        if not spoilt:
            spoilt.append(made.transport)
            spoilt[0].abort()
        return made

    monkeypatch.setattr("aiohttp.connector.BaseConnector.connect", closing)
    async with SessionPool() as pool:
        assert 200 == (await send(pool, server.url, WRITE)).status
    assert 1 == len(spoilt)


# ------------------------------------------------------------ closing


async def test_an_answer_half_read_ends_with_its_pool(server: Any) -> None:
    """Nothing else would wake who waits for the rest of it."""

    async def half(writer: asyncio.StreamWriter) -> None:
        writer.write(server.http(200, b"whole")[:-1])
        await asyncio.sleep(0.01)
        closing.append(asyncio.create_task(pool.aclose()))

    closing: list[asyncio.Task[None]] = []
    server.script = [half]
    pool = SessionPool()
    async with asyncio.timeout(1):
        answer = await pool.send(server.url, WRITE, {}, None)
        await closing[0]
    assert 200 == answer.status
    assert isinstance(answer.failure, TransportError)


async def test_what_has_not_left_of_a_write_that_was_given_up_never_leaves() -> None:
    """Else it could arrive at any time: whenever the server reads on."""
    arrived: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    given_up = asyncio.Event()

    async def read_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await given_up.wait()
        count = 0
        with suppress(ConnectionError):
            while data := await reader.read(2**20):
                count += len(data)
        writer.close()
        arrived.set_result(count)

    listener = await asyncio.start_server(read_late, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    large = WRITE._replace(body=MaskedBytes(2**25))
    async with listener, SessionPool() as pool:
        with pytest.raises(DeadlineExceededError):
            await pool.send(url, large, {}, 0.05)
        given_up.set()
        assert await arrived < 2**25


# ------------------------------------------------------------ between two requests


async def test_a_connection_that_the_server_is_done_with_is_closed(server: Any) -> None:
    """It would only be in the way."""
    server.script = [b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"]
    async with SessionPool() as pool:
        await send(pool, server.url)
        await asyncio.sleep(0.02)
        assert 0 == len(server.connections)


async def test_a_closed_pool_waits_for_nothing(server: Any) -> None:
    """A timer would keep all that it had alive until it rings."""
    async with SessionPool() as pool:
        await send(pool, server.url)
        [session] = pool._sessions.values()
        timer = session.connections._sweeps
        assert timer is not None
        assert not timer.cancelled()
    assert timer.cancelled()


async def test_an_idle_connection_makes_room_for_one_to_another_host(server: Any) -> None:
    """Else a pool that is used up by one host would have none for any other."""
    other = server.url.replace("127.0.0.1", "localhost")
    async with SessionPool(connections=1) as pool:
        for url in (server.url, other, server.url):
            assert 200 == (await send(pool, url)).status


async def test_any_number_of_connections_may_have_been_closed(server: Any) -> None:
    """A server that restarts closes all of them; the next request finds a new one."""
    async with SessionPool() as pool:
        await asyncio.gather(*(send(pool, server.url) for _ in range(4)))
        assert 4 == len(server.connections)
        for writer in server.connections:
            writer.transport.abort()
        await asyncio.sleep(0.01)
        assert 200 == (await send(pool, server.url, WRITE)).status


async def test_a_connection_that_made_room_grows_no_younger(server: Any, skipping: Any) -> None:
    """It is idle since its last answer, whoever keeps it."""
    other = server.url.replace("127.0.0.1", "localhost")
    ports: list[int] = []

    async def note(writer: asyncio.StreamWriter) -> None:
        ports.append(writer.get_extra_info("peername")[1])
        writer.write(server.http())

    server.script = [note] * 3
    async with SessionPool() as pool:
        for url in (server.url, other, server.url):
            await send(pool, url, WRITE)
            skipping.now += 9
    assert 3 == len(set(ports))


async def test_what_nobody_needs_is_closed(server: Any, skipping: Any) -> None:
    """Ten seconds after its last answer, each at its own time."""

    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)
        writer.write(server.http())

    server.script = [slow, slow]
    async with SessionPool() as pool:
        await asyncio.gather(send(pool, server.url), send(pool, server.url))
        assert 2 == len(server.connections)
        await asyncio.sleep(6)
        await send(pool, server.url)
        assert 2 == len(server.connections)
        await asyncio.sleep(6)
        assert 1 == len(server.connections)
        await asyncio.sleep(12)
        assert 0 == len(server.connections)


@pytest.mark.parametrize("missing", ["poll", "nothing"])
async def test_a_write_is_not_sent_on_a_connection_that_was_closed_just_now(
    server: Any, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """Although the event loop has not come to it; with or without poll() in the system."""
    monkeypatch.delattr(select, missing, raising=False)
    async with SessionPool() as pool:
        assert 200 == (await send(pool, server.url, WRITE)).status
        for writer in server.connections:
            writer.transport.abort()
        await asyncio.sleep(0)  # now the server's end is closed, and nobody has looked at ours
        assert 200 == (await send(pool, server.url, WRITE)).status
    assert 2 == len(server.arrivals)


async def test_a_write_is_not_sent_on_tls_that_was_closed_without_a_farewell() -> None:
    """The event loop takes a turn longer to tell."""
    authority, theirs = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    ours = ssl.create_default_context()
    authority.configure_trust(ours)
    opened: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    listener = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=theirs)
    url = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with listener, SessionPool(ssl=ours) as pool:
        await send(pool, url, WRITE)
        opened[0].transport.abort()
        await asyncio.sleep(0)
        assert 200 == (await send(pool, url, WRITE)).status
        opened[1].close()
    assert 2 == len(opened)


@pytest.mark.parametrize("request_", [READ, PUT, WRITE])
async def test_nothing_reads_an_answer_that_came_unasked(server: Any, request_: Request) -> None:
    """Although the event loop has not come to it."""
    async with SessionPool() as pool:
        await send(pool, server.url)
        for writer in server.connections:
            writer.write(server.http(200, b"another's"))
        assert b"{}" == (await send(pool, server.url, request_)).body


async def test_a_write_cancelled_while_it_listens_holds_no_connection(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection it had is closed, and nothing was sent."""
    monkeypatch.setattr(Conversation, "has_news", lambda _: True)
    async with SessionPool(connections=1) as pool:
        await send(pool, server.url)
        call = asyncio.create_task(send(pool, server.url, WRITE))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await call
        assert not caught.value.bytes_left  # type: ignore[attr-defined]  # what a client reads
        assert 200 == (await send(pool, server.url)).status
    assert ["GET", "GET"] == [arrival.method for arrival in server.arrivals]


async def test_a_closed_connection_is_no_work_for_the_garbage_collector(server: Any) -> None:
    """Nothing that it holds holds it."""
    gc.disable()
    try:
        async with SessionPool() as pool:
            await send(pool, server.url)
            [session] = pool._sessions.values()
            [[connection]] = session.connections._idle.values()
            closed = weakref.ref(connection.protocol)
            del session, connection
        await asyncio.sleep(0.01)
        assert closed() is None
    finally:
        gc.enable()


async def test_closing_that_is_cancelled_forgets_no_connection(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event loop that ends cancels what waits, and every connection is closed all the same."""

    async def cancelled(*_: Any, **__: Any) -> None:
        raise asyncio.CancelledError

    async with SessionPool() as pool:
        await send(pool, server.url)
        [session] = pool._sessions.values()
        with monkeypatch.context() as closing, pytest.raises(asyncio.CancelledError):
            closing.setattr("aiohttp.TCPConnector.close", cancelled)
            await session.connections.aclose()
        await asyncio.sleep(0.01)
        assert 0 == len(server.connections)


# ------------------------------------------------------------ answers


async def test_half_an_answer_too_many_is_not_finished_by_the_next(server: Any) -> None:
    """What follows an answer in one piece would else be taken for the next request's."""
    one, other = server.http(200, b"1"), server.http(200, b"22")
    server.script = [one + other[:20], other[20:] + one]
    async with SessionPool() as pool:
        assert b"1" == (await send(pool, server.url)).body
        with pytest.raises(TransportError) as caught:
            await send(pool, server.url, WRITE)
    assert caught.value.bytes_left


async def test_answers_without_a_body_are_told_from_those_with_one(server: Any) -> None:
    """The same connection answers HEAD and others in turn."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    empty = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    full = head + b"{}"
    server.script = [full, head, full, empty, full, empty, full]
    asked = [READ, HEAD, READ, HEAD, READ, READ, READ]
    async with SessionPool() as pool:
        answers = [await send(pool, server.url, request) for request in asked]
        assert [b"{}", b"", b"{}", b"", b"{}", b"", b"{}"] == [each.body for each in answers]
        assert {None} == {each.failure for each in answers}
        assert 1 == len(server.connections)


async def test_half_an_answer_that_nobody_asked_for_is_not_finished_by_the_next(
    server: Any,
) -> None:
    """The connection on which it came is not used again."""
    one, other = server.http(200, b"1"), server.http(200, b"22")
    ports: list[int] = []

    async def too_much(writer: asyncio.StreamWriter) -> None:
        ports.append(writer.get_extra_info("peername")[1])
        writer.write(one)
        await asyncio.sleep(0.01)
        writer.write(other[:20])

    server.script = [too_much, too_much]
    async with SessionPool() as pool:
        for _ in range(2):
            assert b"1" == (await send(pool, server.url)).body
            await asyncio.sleep(0.03)
    assert 2 == len(set(ports))


async def test_a_piece_too_many_spoils_the_parser() -> None:
    """It comes before the answer was read, which was all of the first: the rest may be next."""
    conversation = Conversation(asyncio.get_running_loop())
    conversation.connection_made(_Wire())
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    for pieces in ([answer, answer[:20]], [answer]):
        answered = conversation.ask(b"", Trip(), bodiless=False)
        for piece in pieces:
            conversation.data_received(piece)
        assert answered.done()
        assert not conversation.is_spoilt
        assert b"{}" == await conversation.heard[1].read()


async def test_a_connection_that_changes_its_protocol_is_not_used_again(server: Any) -> None:
    """Nobody asked for that, and whatever it says next is not HTTP."""
    server.script = [b"HTTP/1.1 101 Switching Protocols\r\n\r\n"]
    async with SessionPool() as pool:
        assert 101 == (await send(pool, server.url)).status
        await asyncio.sleep(0.01)
        assert 0 == len(server.connections)


@pytest.mark.parametrize("length", [600_000, 3_000_000])
async def test_an_answer_that_grows_is_read_to_its_end(server: Any, length: int) -> None:
    """What comes in one piece may be many when it is decompressed."""
    body = gzip.compress(b"x" * length)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    server.script = [head % len(body) + body] * 2
    async with SessionPool() as pool:
        for _ in range(2):
            assert length == len((await send(pool, server.url)).body)
        assert 1 == len(server.connections)


@pytest.mark.parametrize("length", [0, 5, 700_000])
async def test_answers_of_any_length_follow_each_other(server: Any, length: int) -> None:
    """In one piece or in many, on one connection."""
    body = b"x" * length
    server.script = [server.http(200, body), server.http(200, b"{}"), server.http(200, body)]
    async with SessionPool() as pool:
        answers = [await send(pool, server.url) for _ in range(3)]
        assert [body, b"{}", body] == [bytes(answer.body) for answer in answers]
        assert 1 == len(server.connections)


async def test_an_answer_that_comes_as_its_call_is_cancelled_is_nobodys() -> None:
    """The connection is closed with the call, so it does not matter what comes on it."""
    conversation = Conversation(asyncio.get_running_loop())
    conversation.connection_made(_Wire())
    conversation.ask(b"", Trip(), bodiless=False).cancel()
    conversation.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    assert 200 == conversation.heard[0].code


class _Wire(asyncio.Transport):
    """A transport that leads nowhere, and has no socket."""

    def write(self, data: Any) -> None:
        """Lose it."""

    def is_closing(self) -> bool:
        """Not yet."""
        return False


async def test_calls_made_in_one_turn_of_the_loop_leave_together(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server then has them all before it answers the first, and is heard once."""
    seen: list[str] = []
    ask = Conversation.ask

    def asked(self: Conversation, message: bytes, *rest: Any, **more: Any) -> Any:
        seen.append("left")
        return ask(self, message, *rest, **more)

    monkeypatch.setattr(Conversation, "ask", asked)
    async with SessionPool() as pool:

        async def one() -> None:
            seen.append("made")
            await send(pool, server.url)

        await asyncio.gather(*(one() for _ in range(3)))
        seen.clear()
        await asyncio.gather(*(one() for _ in range(3)))
    assert ["made"] * 3 + ["left"] * 3 == seen
