"""The web applications, called over HTTP while they run on real servers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from loyalty_sdk.sandbox import Arrival, Sandbox

APPS = ("aiohttp_app", "django_app", "fastapi_app", "starlette_app")


@pytest.fixture(params=APPS)
def app(request: pytest.FixtureRequest, servers: dict[str, Any]) -> Any:
    """Each of the four."""
    return servers[request.param]


@pytest.fixture
async def visitor() -> AsyncIterator[aiohttp.ClientSession]:
    """Somebody with a browser."""
    async with aiohttp.ClientSession() as session:
        yield session


def gift(reference: str, points: Any = 50) -> dict[str, Any]:
    """What is posted."""
    return {"points": points, "reference": reference}


async def test_points_arrive_over_one_connection(
    app: Any, visitor: aiohttp.ClientSession, vendor: Sandbox
) -> None:
    """One client per process: visitors one after the other share its connection."""
    for number in range(5):
        url = f"{app.url}/customers/{app.name}/points"
        async with visitor.post(url, json=gift(f"{app.name}-{number}")) as answer:
            assert 200 == answer.status
            assert {"outcome": "applied"} == await answer.json()

    assert 250 == vendor.balance("loyaltylion", app.name)
    assert 1 == app.sockets(vendor.url)


async def test_what_is_wrong_is_refused(
    app: Any, visitor: aiohttp.ClientSession, vendor: Sandbox
) -> None:
    """A value that cannot be sent is the visitor's mistake, and nothing leaves."""
    async with visitor.post(f"{app.url}/customers/1/points", json=gift("x", 0)) as answer:
        assert 422 == answer.status
    assert [] == vendor.arrivals


async def test_a_request_has_its_own_deadline(
    app: Any, visitor: aiohttp.ClientSession, vendor: Sandbox
) -> None:
    """The visitor's deadline is the call's: a silent vendor does not hold them up."""
    vendor.faults.add("hang")
    headers = {"X-Deadline": "1"}
    began = asyncio.get_running_loop().time()
    url = f"{app.url}/customers/1/points"
    async with visitor.post(url, json=gift(f"{app.name}-late"), headers=headers) as answer:
        assert (202, {"outcome": "unknown"}) == (answer.status, await answer.json())

    assert 5 > asyncio.get_running_loop().time() - began
    assert f"{app.name}-late: unknown" in app.printed


def strike(vendor: Sandbox, kind: Any, reference: str, **options: Any) -> Any:
    """A fault for this gift alone: what an earlier test gave up may arrive late."""

    def match(arrival: Arrival) -> bool:
        return reference.encode() in arrival.body

    return vendor.faults.add(kind, times=1, match=match, **options)


async def leave(app: Any, vendor: Sandbox, reference: str) -> None:
    """Post a gift, and hang up when the vendor has it."""
    hang = strike(vendor, "hang", reference)
    body = f'{{"points": 50, "reference": "{reference}"}}'.encode()
    head = (
        f"POST /customers/{app.name}/points HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", app.port)
    writer.write(head.encode() + body)
    async with asyncio.timeout(10):
        while not hang.struck:
            await asyncio.sleep(0.002)
    writer.transport.abort()


async def test_a_visitor_who_leaves_cancels_the_call(
    app: Any, visitor: aiohttp.ClientSession, vendor: Sandbox
) -> None:
    """What became of the write is in the log, its connection is closed, and all goes on."""
    reference = f"{app.name}-gone"
    await leave(app, vendor, reference)
    await app.says(f"{reference}: visitor gone")

    assert re.search(rf"{reference}: visitor gone, Receipt.*Outcome\.UNKNOWN", app.printed)
    async with asyncio.timeout(5):
        while app.sockets(vendor.url):
            await asyncio.sleep(0.005)
    url = f"{app.url}/customers/{app.name}/points"
    async with visitor.post(url, json=gift(f"{app.name}-next")) as answer:
        assert 200 == answer.status
    assert 50 == vendor.balance("loyaltylion", app.name)


async def test_stopping_finishes_calls_in_flight(
    app: Any, visitor: aiohttp.ClientSession, vendor: Sandbox
) -> None:
    """Told to stop, the server answers whom it has let in, then closes what it opened."""
    latency = strike(vendor, "latency", f"{app.name}-last", seconds=0.5)
    url = f"{app.url}/customers/{app.name}/points"
    call = asyncio.create_task(visitor.post(url, json=gift(f"{app.name}-last")))
    async with asyncio.timeout(10):
        while not latency.struck:
            await asyncio.sleep(0.002)
    status = await asyncio.to_thread(app.stop)
    async with await call as answer:
        assert (200, {"outcome": "applied"}) == (answer.status, await answer.json())

    assert 50 == vendor.balance("loyaltylion", app.name)
    # uvicorn ends by the signal it was sent, after it has shut down.
    assert status in {0, -15}
    for trouble in ("Traceback", "Unclosed", "never retrieved", "was destroyed", "Warning"):
        assert trouble not in app.printed
