from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk.errors import ConfigurationError
from loyalty_sdk.sandbox import FAULT_KINDS, Arrival, Clock, Faults, Sandbox

Ask = Any


def arrival(method: str = "POST", path: str = "/acme/points/1") -> Arrival:
    """A request."""
    return Arrival(time=Clock().now(), method=method, path=path)


def strikes(faults: Faults, *arrivals: Arrival) -> list[list[str]]:
    """The kinds that strike each arrival."""
    return [[fault.kind for fault in faults.draw(one)] for one in arrivals]


async def test_every_kind_leaves_the_sandbox_sound(acme: Any, ask: Ask, give: Ask) -> None:
    """After any fault the next request is answered truly."""
    for kind in FAULT_KINDS:
        if kind == "hang":
            continue
        async with Sandbox(vendors=[acme]) as sandbox:
            seconds: Any = {"seconds": 0.01} if kind in {"latency", "drip"} else {}
            sandbox.faults.add(kind, times=1, **seconds)
            await ask(sandbox, "POST", "/acme/points/1", {"points": 1})
            assert 200 == (await give(sandbox, 5)).status
            assert [kind, None] == [arrived.fault for arrived in sandbox.arrivals]


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("status", [400, 408, 500, 503, 504])
async def test_error(acme: Any, give: Ask, status: int, applied: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """An error comes in the vendor's shape, before or after the write was applied."""
    async with Sandbox(vendors=[acme]) as sandbox:
        sandbox.faults.add("error", status=status, applied=applied)
        answer = await give(sandbox, 5)
    assert (status, "Something went wrong") == (answer.status, answer.json["problem"])
    assert (5 if applied else 0) == sandbox.balance("acme", "1")
    (arrived,) = sandbox.arrivals
    assert (status, applied) == (arrived.status, arrived.applied)


async def test_error_with_a_body(acme: Any, give: Ask) -> None:
    """A gateway's own page can stand in for the vendor's error."""
    async with Sandbox(vendors=[acme]) as sandbox:
        sandbox.faults.add("error", status=504, body="<h1>Gateway</h1>", retry_after=3)
        answer = await give(sandbox, 5)
    assert (504, b"<h1>Gateway</h1>") == (answer.status, answer.body)
    assert "text/html; charset=utf-8" == answer.headers["content-type"]
    assert "3" == answer.headers["retry-after"]


@pytest.mark.parametrize("retry_after", [None, 0, 2, 10**9, "soon"])
async def test_rate_limit(acme: Any, give: Ask, retry_after: Any) -> None:
    """429 comes with, without, with a huge or with a malformed Retry-After, and applies nothing."""
    async with Sandbox(vendors=[acme]) as sandbox:
        sandbox.faults.add("rate_limit", retry_after=retry_after)
        answer = await give(sandbox, 5)
    assert 429 == answer.status
    wanted = None if retry_after is None else str(retry_after)
    assert wanted == answer.headers.get("retry-after")
    assert 0 == sandbox.balance("acme", "1")


async def test_rate_limit_as_date(acme: Any, give: Ask) -> None:
    """Retry-After can be an HTTP date, by the sandbox's clock, as is the Date header."""
    async with Sandbox(vendors=[acme]) as sandbox:
        sandbox.clock.advance(86_400)
        sandbox.faults.add("rate_limit", retry_after=90, as_date=True)
        answer = await give(sandbox, 5)
    until, sent = map(
        parsedate_to_datetime, (answer.headers["retry-after"], answer.headers["date"])
    )
    assert 89 <= (until - sent).total_seconds() <= 91
    assert abs((sent - sandbox.clock.now()).total_seconds()) < 5


async def test_redirect(acme: Any, give: Ask) -> None:
    """A redirect leads back to the sandbox unless told otherwise, so that following shows."""
    async with Sandbox(vendors=[acme]) as sandbox:
        sandbox.faults.add("redirect", times=1)
        sandbox.faults.add("redirect", status=302, location="https://example.com/")
        back = await give(sandbox, 5)
        away = await give(sandbox, 5)
    assert (307, "/acme/points/1?redirected=1") == (back.status, back.headers["location"])
    assert (302, "https://example.com/") == (away.status, away.headers["location"])
    assert 0 == sandbox.balance("acme", "1")


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("accepted", 202, b""),
        ("success_false", 200, b'{"success":false,"says":"acme"}'),
        ("captive", 200, b"<!DOCTYPE html>"),
    ],
)
@pytest.mark.parametrize("applied", [False, True])
async def test_replaced_answers(  # noqa: PLR0913, PLR0917 - the columns of one table
    acme: Any,
    give: Ask,
    kind: Any,
    status: int,
    body: bytes,
    applied: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A 202, a success that is none, a log-in page: whether or not the write was applied."""
    async with Sandbox(vendors=[acme]) as sandbox:
        sandbox.faults.add(kind, applied=applied)
        answer = await give(sandbox, 5)
    assert status == answer.status
    assert answer.body.startswith(body)
    assert (5 if applied else 0) == sandbox.balance("acme", "1")


async def test_success_false_without_an_envelope(acme: Any, give: Ask) -> None:
    """A vendor that has no such envelope answers a plain one."""

    class Bare(acme):  # type: ignore[misc, no-any-unimported]
        def unsuccessful(self) -> None:
            return None

    async with Sandbox(vendors=[Bare], write_success=False) as sandbox:
        assert {"success": True} == (await give(sandbox, 5)).json
        sandbox.faults.add("success_false")
        assert {"success": False} == (await give(sandbox, 5)).json


@pytest.mark.parametrize(
    ("options", "balance"),
    [({}, 0), ({"unread": True}, 0), ({"applied": True}, 5), ({"applied": True, "reset": True}, 5)],
)
async def test_drop(acme: Any, give: Ask, options: Any, balance: int) -> None:
    """A dropped connection gives no answer, before reading, before or after applying."""
    async with Sandbox(vendors=[acme]) as sandbox:
        fault = sandbox.faults.add("drop", **options)
        if options.get("reset"):
            with pytest.raises(ConnectionResetError):
                await give(sandbox, 5)
        else:
            assert b"" == (await give(sandbox, 5)).raw
    assert balance == sandbox.balance("acme", "1")
    (arrived,) = sandbox.arrivals
    assert (None, bool(balance), "drop") == (arrived.status, arrived.applied, arrived.fault)
    assert bool(options.get("unread")) is not bool(arrived.body)
    assert (1, 1) == (fault.struck, fault.seen)


@pytest.mark.usefixtures("skipping")
@pytest.mark.parametrize("applied", [False, True])
async def test_hang(acme: Any, give: Ask, applied: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A request that hangs gets no answer while the connection stays open."""
    async with Sandbox(vendors=[acme]) as sandbox:
        sandbox.faults.add("hang", applied=applied)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await give(sandbox, 5)
        assert (5 if applied else 0) == sandbox.balance("acme", "1")


@pytest.mark.parametrize("applied", [False, True])
async def test_latency(acme: Any, give: Ask, skipping: Any, applied: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Latency waits before the effect or after it, and the answer is true."""
    async with Sandbox(vendors=[acme]) as sandbox:
        began = skipping.now
        fault = sandbox.faults.add("latency", seconds=60, jitter=10, applied=applied)
        asked = asyncio.create_task(give(sandbox, 5))
        # While the loop is busy its clock stands still: it has struck, and nothing is over yet.
        while not fault.struck:
            await asyncio.sleep(0)
        assert (5 if applied else 0) == sandbox.balance("acme", "1")
        assert began == skipping.now
        assert {"success": True} == (await asked).json
    assert 50 <= skipping.now - began <= 70
    assert 5 == sandbox.balance("acme", "1")


async def test_latencies_add_up(acme: Any, give: Ask) -> None:
    """Two latencies last as long as both, and leave room for the fault that decides."""
    async with Sandbox(vendors=[acme]) as sandbox:
        sandbox.faults.add("error")
        for _ in range(2):
            sandbox.faults.add("latency", seconds=0.03)
        start = asyncio.get_running_loop().time()
        assert 500 == (await give(sandbox, 5)).status
    assert asyncio.get_running_loop().time() - start >= 0.06


async def test_truncate(acme: Any, give: Ask, ask: Ask) -> None:
    """A truncated answer announces more than it sends; the write was applied."""
    async with Sandbox(vendors=[acme]) as sandbox:
        sandbox.faults.add("truncate", match="POST")
        sandbox.faults.add("truncate", match="GET", keep=0)
        sandbox.faults.add("accepted", match="PUT")
        half = await give(sandbox, 5)
        nothing = await ask(sandbox, "GET", "/acme/points/1")
    assert (200, str(len(b'{"success":true}')), b'{"succes') == (
        half.status, half.headers["content-length"], half.body,
    )  # fmt: skip
    assert b"" == nothing.body
    assert int(nothing.headers["content-length"]) > 0
    assert 5 == sandbox.balance("acme", "1")


@pytest.mark.parametrize(("by", "length"), [(-1, 15), (4, 20), (-99, 0)])
async def test_wrong_length(acme: Any, give: Ask, by: int, length: int) -> None:
    """A wrong length is off by the number given, never below 0, and the body is sent whole."""
    async with Sandbox(vendors=[acme]) as sandbox:
        sandbox.faults.add("wrong_length", by=by)
        answer = await give(sandbox, 5)
    assert (str(length), b'{"success":true}') == (answer.headers["content-length"], answer.body)
    assert 5 == sandbox.balance("acme", "1")


async def test_garble(acme: Any, give: Ask) -> None:
    """A garbled body has the length it says and is neither JSON nor UTF-8."""
    async with Sandbox(vendors=[acme]) as sandbox:
        sandbox.faults.add("garble")
        answer = await give(sandbox, 5)
    assert str(len(answer.body)) == answer.headers["content-length"]
    with pytest.raises(UnicodeDecodeError):
        answer.body.decode()
    assert 5 == sandbox.balance("acme", "1")


async def test_drip(acme: Any, give: Ask) -> None:
    """A dripping answer is true and takes the time given."""
    async with Sandbox(vendors=[acme]) as sandbox:
        sandbox.faults.add("drip", seconds=0.1)
        start = asyncio.get_running_loop().time()
        answer = await give(sandbox, 5)
    assert {"success": True} == answer.json
    assert asyncio.get_running_loop().time() - start >= 0.1


@pytest.mark.usefixtures("skipping")
async def test_drip_to_nobody(acme: Any) -> None:
    """A dripping answer whose client left harms nothing."""
    async with Sandbox(vendors=[acme]) as sandbox:
        sandbox.faults.add("drip", seconds=0.2)
        port = int(sandbox.url.rsplit(":", 1)[1])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /acme/echo/a/b HTTP/1.1\r\nHost: a\r\nX-Acme-Key: sandbox\r\n\r\n")
        await asyncio.sleep(0.05)
        writer.transport.abort()
        await asyncio.sleep(0.25)
    assert 1 == len(sandbox.arrivals)


@pytest.mark.parametrize("kind", ["repeat", "cycle", "endless", "empty"])
async def test_paging_kinds_reach_the_vendor(acme: Any, ask: Ask, kind: Any) -> None:
    """Faults of pages are the vendor's to show: it is told the kind."""
    async with Sandbox(vendors=[acme]) as sandbox:
        sandbox.faults.add(kind, times=1)
        shown = await ask(sandbox, "GET", "/acme/points/1")
        true = await ask(sandbox, "GET", "/acme/points/1")
    assert (kind, None) == (shown.json["paging"], true.json["paging"])


@pytest.mark.parametrize(
    ("match", "hits"),
    [
        (None, [True, True, True, True]),
        ("POST", [True, False, True, False]),
        ("/acme/points/*", [True, True, False, False]),
        ("/acme/points/{customer}", [True, True, False, False]),
        ("/acme/**", [True, True, True, False]),
        ("POST /acme/**", [True, False, True, False]),
        ("GET *", [False, False, False, False]),
        ("/acme/points/1", [True, False, False, False]),
        (lambda one: one.path.endswith("%2F"), [False, True, False, False]),
    ],
)
def test_match(match: Any, hits: list[bool]) -> None:
    """A fault is for a method, a path with placeholders, both, or what a function says."""
    faults = Faults()
    faults.add("error", match=match)
    arrivals = [
        arrival(),
        arrival("GET", "/acme/points/a%2F"),
        arrival("POST", "/acme/points/1/more"),
        arrival("GET", "/other"),
    ]
    assert hits == [bool(struck) for struck in strikes(faults, *arrivals)]


@given(seed=st.integers(), share=st.floats(0, 1))
def test_draws_repeat(seed: int, share: float) -> None:
    """Which arrivals are struck depends on the seed and their number only."""

    def run(other: int) -> list[bool]:
        faults = Faults()
        faults.add("error", match="POST", share=share, seed=seed)
        struck = []
        for _ in range(20):
            struck.append(bool(faults.draw(arrival())))
            # Arrivals that do not match must not move the draw.
            strikes(faults, *[arrival("GET")] * other)
        return struck

    assert run(0) == run(3)


def test_share() -> None:
    """About the share that was asked for is struck."""
    faults = Faults()
    fault = faults.add("error", share=0.3, seed=5)
    hits = sum(bool(struck) for struck in strikes(faults, *[arrival()] * 1000))
    assert 250 < hits < 350
    assert (hits, 1000) == (fault.struck, fault.seen)


def test_times() -> None:
    """A fault strikes as often as it may and no more."""
    faults = Faults()
    fault = faults.add("error", times=2)
    assert [["error"], ["error"], []] == strikes(faults, *[arrival()] * 3)
    assert (0, 2) == (fault.times, fault.struck)


def test_first_fault_decides() -> None:
    """Of two that strike, the first decides, and the other keeps its number of times."""
    faults = Faults()
    first = faults.add("error", times=1)
    second = faults.add("drop", times=1)
    assert [["error"], ["drop"], []] == strikes(faults, *[arrival()] * 3)
    assert [first, second] == list(faults)


def test_remove_and_clear() -> None:
    """Faults can be taken away one by one and all at once."""
    faults = Faults()
    first = faults.add("error")
    faults.add("drop")
    faults.remove(first)
    faults.remove(first)
    assert [["drop"]] == strikes(faults, arrival())
    assert 1 == len(faults)
    faults.clear()
    assert [[]] == strikes(faults, arrival())


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("explode", {}, "no fault is called 'explode'.*There are: latency, rate_limit"),
        ("hang", {"seconds": 1}, "hang has no option seconds.*It has: none"),
        ("error", {"code": 1}, "error has no option code.*It has: status"),
        ("error", {"status": 200}, "status is from 300 to 599, not 200"),
        ("error", {"body": b""}, "body is text"),
        ("latency", {"seconds": -1}, "seconds is a number, 0 or more"),
        ("latency", {"jitter": True}, "jitter is a number"),
        ("truncate", {"keep": 2}, "keep is a number from 0 to 1"),
        ("wrong_length", {"by": 0}, "by is a whole number other than 0"),
        ("rate_limit", {"retry_after": -1}, "retry_after is seconds or text"),
        ("rate_limit", {"as_date": True}, "as_date needs a retry_after"),
        ("rate_limit", {"as_date": 1}, "as_date is True or False"),
        ("redirect", {"location": 5}, "location is text"),
        ("drop", {"unread": True, "applied": True}, "cannot be applied"),
        ("garble", {"applied": False}, "garble needs the true answer"),
        ("error", {"share": 1.1}, "share is a number from 0 to 1"),
        ("error", {"share": "1"}, "share is a number from 0 to 1"),
        ("error", {"times": -1}, "times is a whole number"),
        ("error", {"times": 1.5}, "times is a whole number"),
        ("error", {"match": "post"}, "match is 'POST'"),
        ("error", {"match": "POST orders"}, "match is 'POST'"),
    ],
)
def test_refused_faults(kind: Any, options: Any, message: str) -> None:
    """What is no fault, or no option of one, is refused with what there is."""
    faults = Faults()
    with pytest.raises(ConfigurationError, match=message):
        faults.add(kind, **options)
    assert 0 == len(faults)


def test_docstring_lists_every_kind() -> None:
    """The table in the docstring has every kind."""
    assert all(f"``{kind}``" in str(Faults.add.__doc__) for kind in FAULT_KINDS)
