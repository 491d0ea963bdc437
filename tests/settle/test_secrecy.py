"""Keys and addresses planted everywhere, and looked for in everything that is shown."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import re
import traceback
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from loyalty_sdk import (
    Activity,
    Customer,
    LoyaltyClient,
    LoyaltyError,
    Order,
    PointsAdjustment,
    SessionPool,
    connect,
)
from loyalty_sdk._secrets import without_addresses
from loyalty_sdk.hooks import Event, Listener
from loyalty_sdk.otel import OpenTelemetry

PLANTED: list[str] = []
IDS: list[str] = []
Do = Callable[[LoyaltyClient], Awaitable[Any]]


def secret(where: str) -> str:
    """A key that appears nowhere else."""
    PLANTED.append(f"key-{where}-7f3a")
    return PLANTED[-1]


def address(where: str) -> str:
    """An e-mail address that appears nowhere else."""
    PLANTED.append(f"planted.{where}")
    return f"planted.{where}@example.com"


def internet(number: int) -> str:
    """An IP address that appears nowhere else."""
    PLANTED.append(f"203.0.113.{number}")
    return PLANTED[-1]


def identity(where: str) -> str:
    """An id that appears nowhere else."""
    IDS.append(f"id-{where}-91c2")
    return IDS[-1]


def shopper(where: str) -> Customer:
    """Somebody with an address and an id."""
    return Customer(id=identity(where), email=address(where))


def activity(where: str, number: int) -> Activity:
    """Everything that an activity can carry."""
    return Activity(
        name="$review",
        customer=shopper(f"activity-{where}"),
        id=identity(f"activity-id-{where}"),
        properties={"contact": address(f"property-{where}"), "token": secret(f"property-{where}")},
        ip_address=internet(number),
        user_agent=secret(f"agent-{where}"),
    )


def order(where: str, number: int) -> Order:
    """Everything that an order can carry."""
    return Order(
        id=identity(f"order-{where}"),
        customer=shopper(f"order-{where}"),
        total=Decimal(5),
        ip_address=internet(number),
        user_agent=secret(f"order-agent-{where}"),
    )


def adjustment(where: str) -> PointsAdjustment:
    """Free text with an address in it."""
    return PointsAdjustment(
        customer_id=identity(f"points-{where}"),
        points=5,
        reason=f"asked by {address(f'reason-{where}')}",
        reference=identity(f"reference-{where}"),
    )


def operations(where: str, number: int) -> list[Do]:
    """A call of each kind."""
    planted = activity(where, number), order(where, number + 1), adjustment(where)
    query = {"email": address(f"query-{where}"), "token": secret(f"query-{where}")}
    body = {
        "email": address(f"body-{where}"),
        "nested": [{"token": secret(f"body-{where}")}],
        "points": 5,
    }
    segments = {"id": identity(f"segment-{where}")}
    path = f"/v2/customers/{identity(f'path-{where}')}"
    return [
        lambda client: client.track_activity(planted[0]),
        lambda client: client.create_order(planted[1]),
        lambda client: client.adjust_points(planted[2]),
        lambda client: client.request("POST", "/v2/x/{id}", segments=segments, json=body),
        lambda client: client.request("GET", path, query=query),
        lambda client: client.list_transactions(customer_id=segments["id"]).first_page(),
    ]


ANSWER = json.dumps({"error": f"no such shopper as {address('answer')}", "points": 5}).encode()
CLIENTS: dict[str, dict[str, Any]] = {
    "loyaltylion": {"api_key": secret("api"), "reference_in_reason": True},
    "joy": {"app_key": secret("app"), "secret_key": secret("joy")},
}
WORK = {
    (name, failure): operations(f"{name}-{failure}", 10 * number)
    for number, (name, failure) in enumerate(
        (name, failure) for name in CLIENTS for failure in ("refused", "dropped", "cancelled")
    )
}


@pytest.fixture
async def vendor(request: pytest.FixtureRequest) -> Any:
    """A server that refuses, drops or keeps silent, and quotes an address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            if request.param == "refused":
                head = f"HTTP/1.1 422 No\r\nContent-Length: {len(ANSWER)}\r\n"
                cookie = f"Set-Cookie: {PLANTED[0]}\r\nContent-Type: application/json\r\n\r\n"
                writer.write((head + cookie).encode() + ANSWER)
            elif request.param == "cancelled":
                await asyncio.sleep(60)
        finally:
            writer.close()

    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.get_running_loop().create_task(serve(reader, writer)))

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    listener.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def shown(error: BaseException | None) -> Iterator[str]:
    """Everything that can be printed of an error and its causes, locals of our frames included."""
    while error is not None:
        yield from (str(error), repr(error), str(getattr(error, "receipt", "")))
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        for frame in told.stack:
            if re.search(r"loyalty_sdk|aiohttp", frame.filename) and "tests" not in frame.filename:
                yield from (frame.locals or {}).values()
        error = error.__cause__ or error.__context__


def leaks(texts: Iterator[str] | list[str], planted: list[str]) -> set[tuple[str, str]]:
    """What stands in a text and must not."""
    return {(each, text[:200]) for text in texts for each in planted if each in text}


async def fail(client: LoyaltyClient, call: Do) -> BaseException:
    """How a call fails; one that would wait for long is cancelled."""
    task = asyncio.ensure_future(call(client))
    await asyncio.wait([task], timeout=0.15)
    task.cancel()
    error: BaseException
    try:
        await task
    except (LoyaltyError, asyncio.CancelledError) as exc:
        error = exc
    else:
        pytest.fail("it should have failed")
    return error


@pytest.mark.usefixtures("skipping")
@pytest.mark.parametrize(
    ("name", "vendor"), WORK, indirect=["vendor"], ids=[" ".join(each) for each in WORK]
)
async def test_nothing_that_is_shown_holds_a_key_or_an_address(
    name: str, vendor: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """Logs at DEBUG, errors, their tracebacks with locals, events, spans, reprs: none does.

    Logs, events and spans hold no ids either.
    """
    caplog.set_level(logging.DEBUG)
    exporter, tracers, heard = InMemorySpanExporter(), TracerProvider(), list[Event]()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    listeners: list[Listener] = [heard.append, OpenTelemetry(tracer_provider=tracers)]
    proxied = SessionPool(proxy=f"http://user:{secret('proxy')}@127.0.0.1:1")
    calls, errors = WORK[name, request.node.callspec.params["vendor"]], list[BaseException]()
    settings = {**CLIENTS[name], "base_url": vendor}
    async with connect(name, deadline=0.3, listeners=listeners, **settings) as client:
        errors += [await fail(client, call) for call in calls]
        reprs = [repr(client), repr(client.provider), repr(client.unresolved), repr(proxied)]
    async with connect(name, deadline=0.3, pool=proxied, **settings) as client:
        errors.append(await fail(client, calls[0]))
    await proxied.aclose()

    said = [str(vars(record)) + record.getMessage() for record in caplog.records]
    spans = [span.to_json() for span in exporter.get_finished_spans()]
    told = [repr(event) for event in heard]
    assert said
    assert spans
    assert told
    assert set() == leaks(said + spans + told, PLANTED + IDS)
    assert set() == leaks(reprs, PLANTED)
    assert set() == leaks([text for error in errors for text in shown(error)], PLANTED)
    loyal = [error for error in errors if isinstance(error, LoyaltyError)]
    again = pickle.loads(pickle.dumps(loyal))  # noqa: S301 - made one line above
    assert set() == leaks([text for error in again for text in shown(error)], PLANTED)
    assert len(PLANTED) + len(IDS) >= 40


def test_values_show_no_addresses() -> None:
    """Nor do those that a caller prints."""
    values = [activity("value", 90), order("value", 91), adjustment("value"), shopper("value")]

    assert set() == leaks([repr(values), str(values)], PLANTED)
    assert "email=None" in repr(Customer(id="1"))
    assert "reason=None" in repr(PointsAdjustment(customer_id="1", points=1))


def test_leaks_are_found() -> None:
    """The search itself can find what it looks for."""
    assert {("key", "a key")} == leaks(["a key", "none"], ["key"])


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("ada@example.com", "***"),
        ("to <ada@example.com>, bob%40example.com.", "to <***>, ***"),
        ("no address", "no address"),
        ('{"email":"ada@example.com"}', '{"email":"***"}'),
    ],
)
def test_addresses_are_taken_out_of_text(text: str, left: str) -> None:
    """Whatever stands around them stays."""
    assert left == without_addresses(text)
