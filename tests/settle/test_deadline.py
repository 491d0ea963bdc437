"""No wait outlives the deadline of its call by more than 50 ms on an idle machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from loyalty_sdk import LoyaltyClient, LoyaltyError, PointsAdjustment, SessionPool, connect
from loyalty_sdk.sandbox import Sandbox
from loyalty_sdk_loyaltylion import LoyaltyLion

_DEADLINE = 0.6
_MOST = 0.05

Make = Callable[..., LoyaltyClient[Any]]


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A vendor on the real clock."""
    async with Sandbox() as started:
        yield started


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[Make]:
    """Makes clients of the sandbox, or of what listens on another port."""
    async with contextlib.AsyncExitStack() as closing:

        def make(port: int | None = None, **options: Any) -> LoyaltyClient[Any]:
            url = sandbox.url if port is None else f"http://127.0.0.1:{port}"
            provider = LoyaltyLion(base_url=url, api_key="pat_sandbox", reference_in_reason=True)
            pool = options.pop("pool", None) or SessionPool(connections=1)
            closing.push_async_callback(pool.aclose)
            options = {"deadline": _DEADLINE, "settle": 0.1} | options
            return connect(provider, pool=pool, **options)

        yield make


async def _overrun(call: Callable[[], Awaitable[object]], allowed: float = _MOST) -> float:
    """Seconds beyond the deadline; the least of five, since a machine is never quite idle.

    One that is ``allowed`` decides: the others could only be less.
    """
    overruns: list[float] = []
    while len(overruns) < 5 and allowed < min(overruns, default=float("inf")):
        began = time.monotonic()
        with pytest.raises(LoyaltyError):
            await call()
        overruns.append(time.monotonic() - began - _DEADLINE)
    print([f"{1000 * overrun:.1f} ms" for overrun in overruns])
    return min(overruns)


def _adjustment() -> PointsAdjustment:
    return PointsAdjustment(customer_id="1", points=5, reference="r")


@pytest.mark.usefixtures("skipping")
async def test_waiting_for_a_connection(sandbox: Sandbox, client: Make) -> None:
    """All connections of the pool are taken, and nothing is sent."""
    sandbox.faults.add("hang", match="GET")
    pool = SessionPool(connections=1)
    hog = client(pool=pool, deadline=30)
    busy = asyncio.ensure_future(hog.run(hog.provider.whoami()))
    await asyncio.sleep(0.1)
    waiting = client(pool=pool)
    assert _MOST >= await _overrun(lambda: waiting.adjust_points(_adjustment()))
    busy.cancel()
    assert [] == [arrival for arrival in sandbox.arrivals if arrival.method == "POST"]


async def test_connecting(client: Make) -> None:
    """The vendor's machine takes no connection any more, and refuses none."""
    with contextlib.ExitStack() as closing:
        listener = closing.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):  # its backlog is full: the kernel drops what comes
            filler = closing.enter_context(socket.socket())
            filler.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        stuck = client(listener.getsockname()[1])
        assert _MOST >= await _overrun(lambda: stuck.adjust_points(_adjustment()))


async def test_waiting_for_an_answer(sandbox: Sandbox, client: Make) -> None:
    """The answer never comes; what is left is spent on looking, and is too short to decide."""
    sandbox.faults.add("hang", match="POST")
    waiting = client(settle=30)
    assert _MOST >= await _overrun(lambda: waiting.adjust_points(_adjustment()))


async def test_waiting_for_an_answer_that_was_lost(
    sandbox: Sandbox, client: Make, skipping: Any
) -> None:
    """There is time to find the write before the deadline."""
    sandbox.faults.add("hang", match="POST", applied=True)
    began = skipping.now
    await client(settle=30).adjust_points(_adjustment())
    assert _DEADLINE >= skipping.now - began


async def test_reading(sandbox: Sandbox, client: Make) -> None:
    """A read is never answered."""
    sandbox.faults.add("hang", match="GET")
    reading = client()
    assert _MOST >= await _overrun(lambda: reading.run(reading.provider.whoami()))


async def test_a_body_that_drips(sandbox: Sandbox, client: Make) -> None:
    """The head is there at once, the body never ends."""
    sandbox.faults.add("drip", match="GET", seconds=30.0)
    reading = client()
    assert _MOST >= await _overrun(lambda: reading.run(reading.provider.whoami()))


async def test_sleeping_between_tries(sandbox: Sandbox, client: Make) -> None:
    """A wait that would end after the deadline is not begun."""
    sandbox.faults.add("rate_limit", match="POST", retry_after=0.25)
    assert 0 >= await _overrun(lambda: client().adjust_points(_adjustment()), allowed=0)


async def test_looking_for_a_write(sandbox: Sandbox, client: Make) -> None:
    """Its answer is an error, and no look is ever answered."""
    sandbox.faults.add("error", match="POST", status=500)
    sandbox.faults.add("hang", match="GET")
    looking = client()
    assert _MOST >= await _overrun(lambda: looking.adjust_points(_adjustment()))


@pytest.mark.usefixtures("skipping")
async def test_waiting_for_another_adjustment(sandbox: Sandbox, client: Make) -> None:
    """Another adjustment of the customer is in doubt for as long as this one may take."""
    sandbox.faults.add("error", match="POST", status=500, times=1)
    pool = SessionPool(connections=4)
    doubtful = client(pool=pool, deadline=30, settle=30)
    doubt = asyncio.ensure_future(doubtful.adjust_points(_adjustment()))
    await asyncio.sleep(0.1)
    waiting = client(pool=pool)
    assert _MOST >= await _overrun(lambda: waiting.adjust_points(_adjustment()))
    doubt.cancel()


async def test_waiting_for_the_hook(client: Make) -> None:
    """The journal is stuck."""

    async def stuck(_: object) -> None:
        await asyncio.sleep(30)

    hooked = client(before_send=stuck)
    assert _MOST >= await _overrun(lambda: hooked.adjust_points(_adjustment()))
