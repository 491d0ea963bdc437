from __future__ import annotations

from typing import Any

import pytest

from loyalty_sdk.sandbox import Arrival, Sandbox

Ask = Any


async def test_every_request_is_recorded(acme: Any, ask: Ask) -> None:
    """An arrival has the request as it came and what became of it, applied or not."""
    async with Sandbox(vendors=[acme]) as sandbox:
        await ask(sandbox, "POST", "/acme/points/a%2Fb?x=1&x=2%203&y", {"points": 5})
        await ask(sandbox, "POST", "/acme/points/1", {"points": "many"})
        await ask(sandbox, "GET", "/elsewhere")
    applied, refused, lost = sandbox.arrivals
    assert ("POST", "/acme/points/a%2Fb", "x=1&x=2%203&y") == (
        applied.method, applied.path, applied.query,
    )  # fmt: skip
    assert {"x": "2 3", "y": ""} == applied.params
    assert {"points": 5} == applied.json()
    assert ("acme", "/acme/points/{customer}") == (applied.provider, applied.template)
    assert (200, True) == (applied.status, applied.applied)
    assert (400, False) == (refused.status, refused.applied)
    assert (404, False, None, None) == (lost.status, lost.applied, lost.provider, lost.template)
    assert None is lost.json()
    assert applied.time <= refused.time <= lost.time


@pytest.mark.parametrize("name", ["X-Acme-Key", "Authorization", "Cookie", "Proxy-Authorization"])
async def test_credentials_do_not_show(acme: Any, ask: Ask, name: str) -> None:
    """Credentials can be read by their header, but no repr shows them."""
    headers = {name.replace("-", "_"): "very-secret", "X_Other": "seen"}
    async with Sandbox(vendors=[acme]) as sandbox:
        await ask(sandbox, "GET", "/acme/echo/a/b", **headers)
    (arrival,) = sandbox.arrivals
    assert "very-secret" == arrival.headers[name.lower()]
    assert "seen" == arrival.headers["x-other"]
    assert "very-secret" not in repr(arrival)
    assert "very-secret" not in repr(arrival.headers)
    assert "seen" in repr(arrival.headers)


async def test_bounded_arrivals(acme: Any, ask: Ask) -> None:
    """With a number to keep, the newest arrivals stay and memory is bounded."""
    async with Sandbox(vendors=[acme], arrivals_kept=3) as sandbox:
        lengths = []
        for number in range(10):
            await ask(sandbox, "GET", f"/acme/echo/a/{number}")
            lengths.append(len(sandbox.arrivals))
    assert max(lengths) < 6
    assert ["/acme/echo/a/7", "/acme/echo/a/8", "/acme/echo/a/9"] == [
        arrival.path for arrival in sandbox.arrivals[-3:]
    ]


async def test_no_arrivals_kept(acme: Any, ask: Ask) -> None:
    """Nothing is kept when nothing is to be kept."""
    async with Sandbox(vendors=[acme], arrivals_kept=0) as sandbox:
        await ask(sandbox, "GET", "/acme/echo/a/b")
    assert [] == sandbox.arrivals


def test_arrivals_are_told_apart_by_identity(acme: Any) -> None:
    """Two equal requests are two arrivals."""
    sandbox = Sandbox(vendors=[acme])
    one = Arrival(time=sandbox.clock.now(), method="GET", path="/")
    other = Arrival(time=one.time, method="GET", path="/")
    assert one != other
