"""The shop's own tests: the sandbox stands in for the vendor."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from aiohttp_app import make_app
from loyalty_sdk.sandbox import Sandbox

Shop = TestClient[Request, Application]
GIFT = {"points": 50, "reference": "ticket-8812"}


@pytest.fixture
async def shop(loyalty_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    """The app, whose vendor is the sandbox."""
    monkeypatch.setenv("LOYALTYLION_API_KEY", "pat_sandbox")
    monkeypatch.setenv("LOYALTYLION_BASE_URL", loyalty_sandbox.url)
    async with TestClient(TestServer(make_app())) as client:
        yield client


async def test_points_arrive(shop: Shop, loyalty_sandbox: Sandbox) -> None:
    """Who is given points has them."""
    answer = await shop.post("/customers/1001/points", json=GIFT)

    assert (200, {"outcome": "applied"}) == (answer.status, await answer.json())
    assert 50 == loyalty_sandbox.balance("loyaltylion", "1001")


async def test_what_is_wrong_is_refused(shop: Shop, loyalty_sandbox: Sandbox) -> None:
    """Points as text are none, and nothing is sent."""
    answer = await shop.post("/customers/1001/points", json={"points": "50"})

    assert (422, {"outcome": None}) == (answer.status, await answer.json())
    assert [] == loyalty_sandbox.arrivals
