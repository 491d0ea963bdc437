"""What the logger `loyalty_sdk` says of calls."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from loyalty_sdk import Customer, LoyaltyClient, Order, RateLimit, connect, logs
from loyalty_sdk._flow import Response, get
from loyalty_sdk._secrets import SecretStr

ORDER = Order(id="A-1", customer=Customer(id="c-1", email="ada@example.com"), total=Decimal(5))


@pytest.fixture
def debug(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The log, at its most talkative."""
    caplog.set_level(logging.DEBUG, "loyalty_sdk")
    return caplog


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test lets be shown, the next one does not see."""
    for name in ("_headers", "_query", "_body"):
        monkeypatch.setattr(logs, name, set(getattr(logs, name)))


def said(log: pytest.LogCaptureFixture) -> Iterator[str]:
    """The words of the records, without how long it took."""
    for record in log.records:
        yield record.getMessage().split(" after ")[0]


def of(log: pytest.LogCaptureFixture, event: str) -> Any:
    """The fields of the first record about an event."""
    return next(record for record in log.records if record.loyalty_event == event)  # type: ignore[attr-defined]


async def test_each_event_is_a_record(
    client: LoyaltyClient, server: Any, debug: pytest.LogCaptureFixture
) -> None:
    """A call can be followed at DEBUG, with nobody listening."""
    server.script = [server.http(503), server.http(200)]
    await client.request("GET", "/a")

    words = list(said(debug))
    again = words.pop(3)
    assert again.startswith("tiny request: again in 0.")
    assert again.endswith("because of 503")
    assert [
        "tiny request: begins",
        "tiny request: GET /a",
        "tiny request: 503",
        "tiny request: GET /a",
        "tiny request: 200",
        "tiny request: done",
    ] == words
    assert {("loyalty_sdk", logging.DEBUG)} == {
        (record.name, record.levelno) for record in debug.records
    }


async def test_records_have_fields(
    client: LoyaltyClient, server: Any, debug: pytest.LogCaptureFixture
) -> None:
    """Whoever writes structured logs finds every attribute of the event."""
    await client.create_order(ORDER)

    end = of(debug, "CallEnded")
    assert ("tiny", "create_order", "applied", 1, None) == (
        end.loyalty_provider,
        end.loyalty_operation,
        end.loyalty_outcome,
        end.loyalty_tries,
        end.loyalty_error,
    )
    assert "tiny create_order: applied after" in end.getMessage()
    assert of(debug, "CallStarted").loyalty_call == end.loyalty_call


@pytest.mark.usefixtures("skipping")
async def test_waits_are_logged(tiny: Any, server: Any, debug: pytest.LogCaptureFixture) -> None:
    """With what they were for."""
    ten = RateLimit.fixed(10, margin=0.001)
    async with connect(tiny(server.url, "logs"), rate_limit=ten) as client:
        await client.request("GET", "/a")
        await client.request("GET", "/a")

    assert of(debug, "Waited").getMessage().endswith("s for rate")


async def test_only_what_is_listed_is_shown(
    client: LoyaltyClient, server: Any, debug: pytest.LogCaptureFixture
) -> None:
    """Other headers and parameters have their names alone, other fields of bodies nothing."""
    body = b'{"points": 5, "email": "ada@example.com", "rows": [{"points": 6}]}'
    server.script = [server.http(200, body, X_Key="secret")]
    await client.request("GET", "/a", query={"limit": 5, "email": "ada@example.com"})

    start, end = of(debug, "TryStarted"), of(debug, "TryEnded")
    assert {"Authorization": "***"} == start.loyalty_headers
    assert {"limit": "5", "email": "***"} == start.loyalty_query
    assert {"Content-Length": str(len(body)), "X-Key": "***"} == end.loyalty_headers
    assert {"points": [5, 6]} == end.loyalty_body


async def test_more_can_be_shown(
    client: LoyaltyClient, server: Any, debug: pytest.LogCaptureFixture
) -> None:
    """By name; keys and addresses stay hidden all the same."""
    logs.show(headers=["X-Key", "AUTHORIZATION"], query=["email"], body=["email", "secret", "n"])
    body = json.dumps({"email": "ada@example.com", "n": None, "secret": {"n": "x" * 500}})
    server.script = [server.http(200, body.encode(), X_Key="seen")]
    await client.request("GET", "/a", query={"email": "to ada@example.com"})

    start, end = of(debug, "TryStarted"), of(debug, "TryEnded")
    assert {"Authorization": "***"} == start.loyalty_headers
    assert {"email": "to ***"} == start.loyalty_query
    assert "seen" == end.loyalty_headers["X-Key"]
    assert {"email": ["***"], "n": [None, "x" * 200]} == end.loyalty_body


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"points": 5' + b" " * 70_000 + b"}", b"[" * 50_000, b'"points"']
)
def test_what_cannot_be_read_is_not_shown(body: bytes) -> None:
    """Nothing, no JSON, too much, too deep, no field."""
    assert {} == logs.of_response(Response(status=200, body=body))["body"]


def test_a_long_list_is_shown_in_part() -> None:
    """A page of rows must not fill the log."""
    body = json.dumps([{"points": 1}] * 200).encode()

    assert {"points": [1] * 50} == logs.of_response(Response(status=200, body=body))["body"]


def test_a_secret_is_never_shown() -> None:
    """Not even where its header was asked for."""
    logs.show(headers=["X-Key"])
    shown = logs.of_request(get("/a"), {"X-Key": SecretStr("k"), "x-key": "open"})

    assert {"X-Key": "***", "x-key": "open"} == shown["headers"]


async def test_a_log_that_fails_breaks_nothing(
    client: LoyaltyClient, debug: pytest.LogCaptureFixture
) -> None:
    """A filter of the application may raise; the call goes on."""
    seen: list[str] = []

    def refuse(record: logging.LogRecord) -> bool:
        seen.append(record.getMessage())
        raise ValueError

    logs.log.addFilter(refuse)
    try:
        await client.create_order(ORDER)
    finally:
        logs.log.removeFilter(refuse)
    assert 4 == len(seen)


def test_it_is_silent_unless_set_up() -> None:
    """Even what is worse than DEBUG goes nowhere of itself."""
    code = "import loyalty_sdk.logs, logging; logging.getLogger('loyalty_sdk').error('x')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert (b"", b"") == (done.stdout, done.stderr)
