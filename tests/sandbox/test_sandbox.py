from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from importlib.metadata import EntryPoint
from typing import Any
from urllib.parse import urlsplit

import pytest

from loyalty_sdk.errors import ConfigurationError
from loyalty_sdk.sandbox import Sandbox
from loyalty_sdk.sandbox._sandbox import GROUP, registered
from loyalty_sdk.sandbox._server import Closing, Listener
from loyalty_sdk.sandbox.vendor import shapes

Ask = Any


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until ``condition`` holds."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def connect(sandbox: Sandbox) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare connection."""
    return await asyncio.open_connection("127.0.0.1", urlsplit(sandbox.url).port)


async def test_serves_on_loopback(acme: Any, give: Ask) -> None:
    """A running sandbox has an origin on 127.0.0.1 and applies what it is asked."""
    async with Sandbox(vendors=[acme]) as sandbox:
        assert sandbox.url.startswith("http://127.0.0.1:")
        assert f"<Sandbox {sandbox.url}>" == repr(sandbox)
        answer = await give(sandbox, 5, "welcome")
    assert 200 == answer.status
    assert {"success": True} == answer.json
    assert 5 == sandbox.balance("acme", "1")


async def test_ledger_oldest_first(acme: Any, give: Ask) -> None:
    """The ledger lists every change, oldest first, with id, points, balance, note and time."""
    async with Sandbox(vendors=[acme]) as sandbox:
        await give(sandbox, 5, "first")
        await give(sandbox, -2, "second")
        first, second = sandbox.ledger("acme", "1")
    assert (5, 5, "first", "adjusted", "api") == (
        first.points, first.balance, first.note, first.kind, first.origin,
    )  # fmt: skip
    assert (-2, 3, "second") == (second.points, second.balance, second.note)
    assert first.id.startswith("row-")
    assert first.number < second.number
    assert UTC is first.time.tzinfo
    assert first.time <= second.time


async def test_no_dedup(acme: Any, give: Ask) -> None:
    """The same request twice is applied twice."""
    async with Sandbox(vendors=[acme]) as sandbox:
        await give(sandbox, 5, "[ref:A-1] once")
        await give(sandbox, 5, "[ref:A-1] once")
    assert [5, 5] == [entry.points for entry in sandbox.ledger("acme", "1")]


async def test_unknown_customer_is_empty(acme: Any) -> None:
    """Nobody's balance is 0 and their ledger empty."""
    sandbox = Sandbox(vendors=[acme])
    assert 0 == sandbox.balance("acme", "nobody")
    assert [] == sandbox.ledger("acme", "nobody")


async def test_settings(acme: Any) -> None:
    """The settings are the adapter's keyword arguments, base_url included."""
    async with Sandbox(vendors=[acme]) as sandbox:
        assert {"key": "sandbox", "base_url": sandbox.url} == sandbox.settings("acme")
        assert ("acme",) == sandbox.providers


def test_no_url_before_start(acme: Any) -> None:
    """Asking a sandbox that does not run for its URL is an error that says what to do."""
    sandbox = Sandbox(vendors=[acme])
    assert "<Sandbox not started>" == repr(sandbox)
    with pytest.raises(ConfigurationError, match=r"not running.*async with"):
        _ = sandbox.url


def test_unknown_provider(acme: Any) -> None:
    """A provider the sandbox does not serve is refused by name, with those it does."""
    with pytest.raises(ConfigurationError, match=r"'nope'.*It has: acme"):
        Sandbox(vendors=[acme]).balance("nope", "1")


async def test_given_port(acme: Any, unused_tcp_port: int) -> None:
    """A given port is used, and a taken one is refused with its number."""
    async with Sandbox(unused_tcp_port, vendors=[acme]) as sandbox:
        assert f"http://127.0.0.1:{unused_tcp_port}" == sandbox.url
        with pytest.raises(ConfigurationError, match=f"port {unused_tcp_port}"):
            await Sandbox(unused_tcp_port, vendors=[acme]).start()


async def test_started_twice(acme: Any) -> None:
    """A sandbox that runs cannot be started again."""
    async with Sandbox(vendors=[acme]) as sandbox:
        with pytest.raises(ConfigurationError, match="runs already"):
            await sandbox.start()


async def test_restart_keeps_state(acme: Any, give: Ask) -> None:
    """A sandbox that was stopped and started again is at the same URL and knows everything."""
    sandbox = Sandbox(vendors=[acme])
    async with sandbox:
        url = sandbox.url
        await give(sandbox, 5)
    await sandbox.aclose()
    async with sandbox:
        assert url == sandbox.url
        await give(sandbox, 5)
    assert 10 == sandbox.balance("acme", "1")


@pytest.mark.parametrize("fault", [None, "hang", "latency", "drip"])
async def test_stops_with_connections_open(acme: Any, fault: Any) -> None:
    """Stopping drops idle, half-sent and stuck connections at once and leaves no task."""
    before = asyncio.all_tasks()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with Sandbox(vendors=[acme]) as sandbox:
            if fault:
                options: Any = {} if fault == "hang" else {"seconds": 60}
                sandbox.faults.add(fault, **options)
            _, idle = await connect(sandbox)
            _, half = await connect(sandbox)
            half.write(b"POST /acme/points/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
            reader, stuck = await connect(sandbox)
            stuck.write(b"GET /acme/echo/a/b HTTP/1.1\r\nHost: a\r\nX-Acme-Key: sandbox\r\n\r\n")
            await until(lambda: len(sandbox.arrivals) == 2)
            start = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - start < 30
        assert before == asyncio.all_tasks()
        for writer in (idle, half, stuck):
            writer.close()
        del reader


async def test_hang_ends_with_its_client(acme: Any) -> None:
    """A request that hangs occupies nothing once its client has gone."""
    before = asyncio.all_tasks()
    async with Sandbox(vendors=[acme]) as sandbox:
        sandbox.faults.add("hang")
        _, writer = await connect(sandbox)
        writer.write(b"GET /acme/echo/a/b HTTP/1.1\r\nHost: a\r\n\r\n")
        await until(lambda: sandbox.arrivals)
        assert before != asyncio.all_tasks()
        writer.transport.abort()
        await until(lambda: before == asyncio.all_tasks())


async def test_half_a_request_applies_nothing(acme: Any) -> None:
    """A request whose body never came is recorded as an arrival and not applied."""
    async with Sandbox(vendors=[acme]) as sandbox:
        _, writer = await connect(sandbox)
        writer.write(
            b"POST /acme/points/1 HTTP/1.1\r\nHost: a\r\nX-Acme-Key: sandbox\r\n"
            b'Content-Length: 13\r\n\r\n{"points"'
        )
        await until(lambda: sandbox.arrivals)
        writer.transport.abort()
        await asyncio.sleep(0.02)
    (arrival,) = sandbox.arrivals
    assert (None, False) == (arrival.status, arrival.applied)
    assert 0 == sandbox.balance("acme", "1")


async def test_client_that_goes_takes_nothing_back(acme: Any) -> None:
    """A request that was sent in full is applied although its client hung up at once."""
    async with Sandbox(vendors=[acme]) as sandbox:
        _, writer = await connect(sandbox)
        writer.write(
            b"POST /acme/points/1 HTTP/1.1\r\nHost: a\r\nX-Acme-Key: sandbox\r\n"
            b'Content-Length: 13\r\n\r\n{"points": 7}'
        )
        writer.transport.abort()
        await until(lambda: sandbox.balance("acme", "1"))
    assert 7 == sandbox.balance("acme", "1")


async def test_connection_is_kept(acme: Any) -> None:
    """Several requests fit on one connection."""
    async with Sandbox(vendors=[acme]) as sandbox:
        reader, writer = await connect(sandbox)
        for _ in range(3):
            writer.write(b"GET /acme/echo/a/b HTTP/1.1\r\nHost: a\r\nX-Acme-Key: sandbox\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split()[0]))
        writer.close()
    assert 3 == len(sandbox.arrivals)


async def test_errors_in_the_vendors_shape(acme: Any, ask: Ask) -> None:
    """No credentials, no scope, no such path: each comes in the vendor's own shape."""
    async with Sandbox(vendors=[acme], scopes={"acme": {"look"}}) as sandbox:
        nobody = await ask(sandbox, "GET", "/acme/echo/a/b", X_Acme_Key="wrong")
        forbidden = await ask(sandbox, "POST", "/acme/points/1", {"points": 1})
        unknown = await ask(sandbox, "GET", "/acme/nothing")
        elsewhere = await ask(sandbox, "GET", "/elsewhere")
    assert (401, "Unauthorized") == (nobody.status, nobody.json["problem"])
    assert (403, "Forbidden") == (forbidden.status, forbidden.json["problem"])
    assert (404, "Not found") == (unknown.status, unknown.json["problem"])
    assert (404, b"") == (elsewhere.status, elsewhere.body)
    assert [] == sandbox.ledger("acme", "1")


async def test_head_has_no_body(acme: Any, ask: Ask) -> None:
    """An answer to HEAD ends after its head."""
    async with Sandbox(vendors=[acme]) as sandbox:
        answer = await ask(sandbox, "HEAD", "/acme/echo/a/b")
    assert (404, b"") == (answer.status, answer.body)


async def test_more_keys(acme: Any, ask: Ask) -> None:
    """A key that a test adds works within its scopes."""
    async with Sandbox(vendors=[acme]) as sandbox:
        sandbox.add_key("acme", "reader", scopes={"look"})
        sandbox.add_key("acme", "writer")
        statuses = [
            (await ask(sandbox, method, "/acme/points/1", {"points": 1}, X_Acme_Key=key)).status
            for key in ("reader", "writer")
            for method in ("GET", "POST")
        ]
    assert [200, 403, 200, 200] == statuses


@pytest.mark.parametrize("scopes", [{"acme": {"fly"}}, {"nope": {"give"}}])
def test_unknown_scopes(acme: Any, scopes: Any) -> None:
    """Scopes a vendor does not have, and vendors the sandbox does not have, are refused."""
    with pytest.raises(ConfigurationError, match=r"fly.*It has: give, look|'nope'"):
        Sandbox(vendors=[acme], scopes=scopes)


async def test_seeding(acme: Any, ask: Ask) -> None:
    """Customers and rows can be made without requests."""
    async with Sandbox(vendors=[acme]) as sandbox:
        account = sandbox.add_customer("acme", "1", email="a@example.com", points=40)
        sandbox.add_customer("acme", "2")
        sandbox.add_transactions("acme", "1", 3, points=2)
        listed = (await ask(sandbox, "GET", "/acme/points/1")).json["rows"]
    assert ("1", "a@example.com") == (account.id, account.email)
    assert 46 == sandbox.balance("acme", "1")
    assert [40, 2, 2, 2] == [entry.points for entry in sandbox.ledger("acme", "1")]
    assert {"seed"} == {entry.origin for entry in sandbox.ledger("acme", "1")}
    assert listed == [entry.id for entry in reversed(sandbox.ledger("acme", "1"))]
    assert [] == sandbox.ledger("acme", "2")


def test_seeded_times(acme: Any) -> None:
    """Seeded rows end at the time given and lie the given seconds apart."""
    sandbox = Sandbox(vendors=[acme])
    until = datetime(2026, 5, 1, tzinfo=UTC)
    sandbox.add_transactions("acme", "1", 3, until=until, every=60)
    times = [entry.time for entry in sandbox.ledger("acme", "1")]
    assert [until - timedelta(minutes=2), until - timedelta(minutes=1), until] == times


def test_seeded_times_are_the_vendors(acme: Any) -> None:
    """Seeded rows are in UTC and whole milliseconds, whatever they were seeded with."""
    sandbox = Sandbox(vendors=[acme])
    until = datetime(2026, 5, 1, 2, 0, 0, 1999, tzinfo=timezone(timedelta(hours=2)))
    sandbox.add_transactions("acme", "1", 2, until=until, every=0.0015)
    assert ["2026-04-30T23:59:59.999Z", "2026-05-01T00:00:00.001Z"] == [
        shapes.print_time(entry.time) for entry in sandbox.ledger("acme", "1")
    ]
    with pytest.raises(ConfigurationError, match="no time zone"):
        sandbox.add_transactions("acme", "1", 2, until=until.replace(tzinfo=None))


async def test_reset(acme: Any, give: Ask) -> None:
    """A reset forgets everything and numbers go on."""
    async with Sandbox(vendors=[acme]) as sandbox:
        await give(sandbox, 5)
        (old,) = sandbox.ledger("acme", "1")
        sandbox.reset()
        assert [] == sandbox.ledger("acme", "1")
        await give(sandbox, 6)
        sandbox.reset("acme")
        await give(sandbox, 7)
    (new,) = sandbox.ledger("acme", "1")
    assert (7, 7) == (new.points, new.balance)
    assert old.number < new.number


async def test_state_outlives_the_server(acme: Any, give: Ask) -> None:
    """What was recorded can be read after the sandbox stopped."""
    async with Sandbox(vendors=[acme]) as sandbox:
        await give(sandbox, 5)
    assert 1 == len(sandbox.arrivals)
    assert 5 == sandbox.balance("acme", "1")


def test_registered_halves() -> None:
    """Installed adapters bring their halves through the entry-point group."""
    names = [vendor.name for vendor in registered()]
    assert names
    assert sorted(names) == names
    assert tuple(names) == Sandbox().providers


def test_broken_half(monkeypatch: pytest.MonkeyPatch) -> None:
    """An adapter whose half cannot be imported is named."""
    broken = EntryPoint("broken", "no_such_module:Sandbox", GROUP)
    monkeypatch.setattr("loyalty_sdk.sandbox._sandbox.entry_points", lambda **_: [broken])
    with pytest.raises(ConfigurationError, match="no_such_module:Sandbox, sandbox of broken"):
        Sandbox()


async def test_bodies_have_a_limit(acme: Any, ask: Ask) -> None:
    """A body of more than a megabyte is 413 and ends the connection."""
    async with Sandbox(vendors=[acme]) as sandbox:
        answer = await ask(
            sandbox, "POST", "/acme/points/1", {"points": 1, "note": "x" * 2**20}, Connection="Keep"
        )
    assert (413, "close") == (answer.status, answer.headers["connection"])
    assert (413, False) == (sandbox.arrivals[0].status, sandbox.arrivals[0].applied)


async def test_pause_that_ends_as_the_sandbox_stops(acme: Any) -> None:
    """A wait that is over in the moment the sandbox stops is cut short all the same."""
    listener = Listener(Sandbox(vendors=[acme])._serve)
    await listener.open(0)
    pause = asyncio.create_task(listener.pause(0))
    for _ in range(2):
        await asyncio.sleep(0)
    await listener.close()
    with pytest.raises(Closing):
        await pause
    with pytest.raises(Closing):
        await listener.pause(60)


async def test_two_sandboxes(acme: Any, give: Ask) -> None:
    """Two sandboxes share nothing."""
    async with Sandbox(vendors=[acme]) as one, Sandbox(vendors=[acme]) as other:
        await give(one, 5)
        assert one.url != other.url
        assert 0 == other.balance("acme", "1")
        assert [] == other.arrivals
