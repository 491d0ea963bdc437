"""What listeners hear of calls, and that they can break none."""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal
from typing import Any

import attrs
import pytest

from loyalty_sdk import (
    Activity,
    ConfigurationError,
    Customer,
    LoyaltyClient,
    Order,
    Outcome,
    OutcomeUnknownError,
    RateLimit,
    RateWaitTimeoutError,
    RetryPolicy,
    SessionPool,
    connect,
    hooks,
)
from loyalty_sdk._watch import without_ids
from loyalty_sdk.hooks import (
    CallEnded,
    CallStarted,
    Event,
    Retrying,
    TryEnded,
    TryStarted,
    Waited,
)

ADA = Customer(id="c-1", email="ada@example.com")
ORDER = Order(id="A-1", customer=ADA, total=Decimal(5))


def kinds(heard: list[Event]) -> list[type[Event]]:
    """What happened, in order."""
    return [type(event) for event in heard]


def only(heard: list[Event], kind: type[Any]) -> Any:
    """The one event of a kind."""
    [event] = [event for event in heard if type(event) is kind]
    return event


@pytest.fixture
def heard() -> list[Event]:
    """Every event, in order."""
    return []


@pytest.fixture
def watched(client: LoyaltyClient, heard: list[Event]) -> LoyaltyClient:
    """A client of the small provider, to which `heard` listens."""
    return client.with_options(listeners=[heard.append])


async def drop(writer: asyncio.StreamWriter) -> None:
    """Close the connection without an answer."""
    writer.transport.abort()


async def never(writer: asyncio.StreamWriter) -> None:
    """No answer, for long."""
    await asyncio.sleep(60)


async def test_a_call_begins_tries_and_ends(
    watched: LoyaltyClient, heard: list[Event], server: Any
) -> None:
    """The events of one call share its number, name its request and say how long it took."""

    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)
        writer.write(server.http())

    server.script = [slow]
    receipt = await watched.create_order(ORDER)

    assert Outcome.APPLIED is receipt.outcome
    assert [CallStarted, TryStarted, TryEnded, CallEnded] == kinds(heard)
    assert 1 == len({event.call for event in heard})
    assert {("tiny", "create_order")} == {(event.provider, event.operation) for event in heard}
    start, tried, ended = heard[1:]
    assert isinstance(start, TryStarted)
    assert isinstance(tried, TryEnded)
    assert isinstance(ended, CallEnded)
    assert ("POST", "/things/{id}", server.url) == (start.method, start.template, start.origin)
    assert (0, False, 200, None) == (start.resends, start.looks, tried.status, tried.error)
    assert (Outcome.APPLIED, False, 1, None) == (
        ended.outcome,
        ended.reconciled,
        ended.tries,
        ended.error,
    )
    assert 0.99 < tried.seconds <= ended.seconds < 1.25


async def test_calls_are_numbered_apart(watched: LoyaltyClient, heard: list[Event]) -> None:
    """Events of calls that run side by side can be told apart."""
    await asyncio.gather(*(watched.create_order(ORDER) for _ in range(3)))

    calls = [event.call for event in heard if type(event) is CallStarted]
    assert 3 == len(set(calls))
    for call in calls:
        mine = [event for event in heard if event.call == call]
        assert [CallStarted, TryStarted, TryEnded, CallEnded] == kinds(mine)


@pytest.mark.usefixtures("skipping")
async def test_a_repeat_is_told_with_its_reason(
    watched: LoyaltyClient, heard: list[Event], server: Any
) -> None:
    """A status is a reason, and so is an error; the next try knows how many came before."""
    server.script = [server.http(503), drop]
    await watched.request("GET", "/a")

    assert [TryStarted, TryEnded, Retrying] * 2 == kinds(heard)[1:7]
    tries = [event for event in heard if isinstance(event, TryStarted)]
    ends = [event for event in heard if isinstance(event, TryEnded)]
    repeats = [event for event in heard if isinstance(event, Retrying)]
    assert [0, 1, 2] == [event.resends for event in tries]
    assert [(503, None), (None, "TransportError"), (200, None)] == [
        (event.status, event.error) for event in ends
    ]
    assert ["503", "TransportError"] == [event.reason for event in repeats]
    assert all(0 <= event.seconds < 1 for event in repeats)
    ended = only(heard, CallEnded)
    assert (None, 3, None) == (ended.outcome, ended.tries, ended.error)


async def test_a_write_in_doubt_ends_unknown(
    watched: LoyaltyClient, heard: list[Event], server: Any
) -> None:
    """The end of a call that raises says what it raised and what is known of the write."""
    server.script = [drop]
    with pytest.raises(OutcomeUnknownError):
        await watched.create_order(ORDER)

    ended = only(heard, CallEnded)
    assert (Outcome.UNKNOWN, "OutcomeUnknownError", 1) == (
        ended.outcome,
        ended.error,
        ended.tries,
    )


async def test_an_acknowledged_write_succeeded_whatever_its_answer_says(
    watched: LoyaltyClient, heard: list[Event], server: Any
) -> None:
    """The caller gets a receipt, so listeners hear of no error."""
    server.script = [server.http(201, b"<unreadable>")]
    await watched.track_activity(Activity(name="a", customer=ADA))

    ended = only(heard, CallEnded)
    assert (Outcome.APPLIED, None) == (ended.outcome, ended.error)


async def test_an_answer_that_breaks_off_has_a_status_and_an_error(
    watched: LoyaltyClient, heard: list[Event], server: Any
) -> None:
    """Its head came; what kept the rest away is named beside it."""

    async def cut(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
        await writer.drain()
        writer.close()

    server.script = [cut]
    await watched.request("GET", "/a")

    first = next(event for event in heard if isinstance(event, TryEnded))
    assert (200, "TransportError") == (first.status, first.error)


async def test_a_cancelled_call_ends_too(
    watched: LoyaltyClient, heard: list[Event], server: Any
) -> None:
    """A visitor who leaves is an end like any other, and the write is in doubt."""
    server.script = [never]
    task = asyncio.create_task(watched.create_order(ORDER))
    while not server.arrivals:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    tried, ended = only(heard, TryEnded), only(heard, CallEnded)
    assert (None, "CancelledError") == (tried.status, tried.error)
    assert (Outcome.UNKNOWN, "CancelledError") == (ended.outcome, ended.error)


@pytest.mark.usefixtures("skipping")
async def test_waits_for_a_connection_and_for_the_rate_are_told(
    tiny: Any, server: Any, heard: list[Event]
) -> None:
    """Each with its seconds; whoever need not wait says nothing."""

    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.01)
        writer.write(server.http())

    server.script = [slow]
    ten = RateLimit.fixed(10, margin=0.001)
    async with (
        SessionPool(connections=1) as pool,
        connect(
            tiny(server.url, "waits"), pool=pool, rate_limit=ten, listeners=[heard.append]
        ) as client,
    ):
        await asyncio.gather(*(client.request("GET", "/a") for _ in range(2)))

    waits = [event for event in heard if isinstance(event, Waited)]
    assert ["connection", "rate"] == [event.reason for event in waits]
    assert all(event.granted and 0 < event.seconds < 1 for event in waits)


@pytest.mark.usefixtures("skipping")
async def test_a_turn_that_comes_too_late_is_told(
    tiny: Any, server: Any, heard: list[Event]
) -> None:
    """The call gave up waiting, and sent nothing."""
    slow = RateLimit.fixed(1, margin=0.001)
    async with connect(
        tiny(server.url, "late"), rate_limit=slow, deadline=0.5, listeners=[heard.append]
    ) as client:
        await client.request("GET", "/a")
        with pytest.raises(RateWaitTimeoutError):
            await client.request("GET", "/a")

    assert not only(heard, Waited).granted
    assert ("RateWaitTimeoutError", 0) == (heard[-1].error, heard[-1].tries)  # type: ignore[attr-defined]


@pytest.mark.parametrize("trouble", [ValueError("no"), asyncio.CancelledError()])
async def test_a_listener_that_fails_breaks_nothing(
    client: LoyaltyClient,
    heard: list[Event],
    caplog: pytest.LogCaptureFixture,
    trouble: BaseException,
) -> None:
    """It is logged once, the call goes on, and other listeners hear everything."""

    def fail(event: Event) -> None:
        raise trouble

    broken = client.with_options(listeners=[fail, heard.append])
    await broken.create_order(ORDER)
    await broken.with_options(deadline=1.0).create_order(ORDER)

    assert 8 == len(heard)
    records = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [("loyalty_sdk", trouble)] == [
        (record.name, record.exc_info[1]) for record in records if record.exc_info
    ]


class Async:
    """Its call is a coroutine, which nobody would await."""

    async def __call__(self, event: Event) -> None:
        """Never run."""


async def deaf(event: Event) -> None:
    """Never run."""


@pytest.mark.parametrize("listeners", [None, 5, [None], ["text"], [deaf], [Async()]])
def test_what_cannot_listen_is_refused(tiny: Any, listeners: Any) -> None:
    """An async function would never be awaited, so it is refused when the client is made."""
    with pytest.raises(ConfigurationError, match="listeners: wanted"):
        connect(tiny("http://127.0.0.1:1"), listeners=listeners)


async def test_other_listeners_take_the_place_of_those_there_are(
    watched: LoyaltyClient, heard: list[Event]
) -> None:
    """A copy with none is silent; the client it was made of is not."""
    silent = watched.with_options(listeners=())
    await silent.create_order(ORDER)
    assert [] == heard
    await watched.with_options(deadline=1.0).create_order(ORDER)
    assert 4 == len(heard)


async def test_without_listeners_nothing_is_made(
    client: LoyaltyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call to which nobody listens has no watch."""

    def refuse(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("loyalty_sdk._driver.Watch", refuse)
    await client.create_order(ORDER)
    with pytest.raises(AssertionError):
        await client.with_options(listeners=[print]).create_order(ORDER)


async def test_listeners_may_add_headers_that_change_nothing(
    client: LoyaltyClient, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trace context travels along; credentials, framing and nonsense do not."""

    def add(event: Event) -> None:
        if isinstance(event, TryStarted):
            event.headers.update(
                {
                    "traceparent": "00-1-2-01",
                    "authorization": "mine",
                    "Content-Length": "0",
                    "bad name": "x",
                    "x-break": "a\r\nb: c",
                    "x-umlaut": "ü",
                    "x-number": 5,  # type: ignore[dict-item]
                    7: "x",  # type: ignore[dict-item]
                }
            )

    sent: list[set[str]] = []
    send = SessionPool.send

    async def watch(self: Any, origin: str, request: Any, headers: Any, timeout: Any) -> Any:
        sent.append(set(headers))
        return await send(self, origin, request, headers, timeout)

    monkeypatch.setattr(SessionPool, "send", watch)
    await client.with_options(listeners=[add]).create_order(ORDER)

    assert [{"Authorization", "traceparent"}] == sent
    [arrival] = server.arrivals
    assert "00-1-2-01" == arrival.headers["traceparent"]
    assert "Bearer tiny-key" == arrival.headers["authorization"]


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("/v2/orders/{merchant_id}", "/v2/orders/{merchant_id}"),
        ("/rest_api/v2/points/adjust", "/rest_api/v2/points/adjust"),
        ("/v2/customers/1001/points", "/v2/customers/{}/points"),
        ("/v2/customers/ada@example.com", "/v2/customers/{}"),
        ("/v2/customers/" + "a" * 41, "/v2/customers/{}"),
        ("/", "/"),
    ],
)
def test_what_could_be_an_id_is_left_out_of_templates(template: str, shown: str) -> None:
    """A path that a caller wrote out may hold ids, which belong in no name."""
    assert shown == without_ids(template)


@pytest.mark.parametrize("name", sorted(set(hooks.__all__) - {"Listener"}))
def test_events_cannot_be_changed(name: str) -> None:
    """What one listener does to an event, the next one does not hear."""
    kind = getattr(hooks, name)
    values: dict[str, Any] = {field.name: 1 for field in attrs.fields(kind) if field.init}
    event = kind(**values)

    assert kind.__doc__
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.call = 2


def test_every_public_name_is_listed() -> None:
    """`__all__` is sorted and leaves nothing out."""
    public = {
        name
        for name, value in vars(hooks).items()
        if getattr(value, "__module__", "") == hooks.__name__ and not name.startswith("_")
    }

    assert sorted(hooks.__all__) == hooks.__all__
    assert public <= {*hooks.__all__}


async def test_pages_are_calls(watched: LoyaltyClient, heard: list[Event], server: Any) -> None:
    """Each page of a list is a call of its own, with the list's name."""
    server.script = [
        server.http(200, b'{"items": [1], "next": "a"}'),
        server.http(200, b'{"items": [2], "next": null}'),
    ]
    rows: list[object] = [row async for row in watched.list_transactions()]
    assert [1, 2] == rows

    started = [event for event in heard if type(event) is CallStarted]
    assert ["list_transactions"] * 2 == [event.operation for event in started]


async def test_closed_clients_are_told_too(watched: LoyaltyClient, heard: list[Event]) -> None:
    """A call that fails before anything is sent begins and ends all the same."""
    await watched.aclose()
    with pytest.raises(Exception, match="closed"):
        await watched.create_order(ORDER)

    assert [CallStarted, CallEnded] == kinds(heard)
    assert (Outcome.NOT_SENT, 0) == (heard[1].outcome, heard[1].tries)  # type: ignore[attr-defined]


async def test_retries_of_refused_connections_are_told(tiny: Any, heard: list[Event]) -> None:
    """No connection is a try that ended without a status."""
    async with connect(
        tiny("http://127.0.0.1:1"), retry=RetryPolicy(attempts=2), listeners=[heard.append]
    ) as client:
        with pytest.raises(Exception, match="cannot connect"):
            await client.create_order(ORDER)

    assert "ConnectError" == only(heard, Retrying).reason
    assert (Outcome.NOT_SENT, 2) == (heard[-1].outcome, heard[-1].tries)  # type: ignore[attr-defined]
