"""The shop's own tests: the sandbox stands in for the vendor."""

from collections.abc import AsyncIterator

import loyalty_sdk
import pytest
from django.test import AsyncClient
from django_app import Shop
from loyalty_sdk.sandbox import Sandbox

GIFT = {"points": 50, "reference": "ticket-8812"}


@pytest.fixture
async def shop(loyalty_sandbox: Sandbox) -> AsyncIterator[AsyncClient]:
    """Django's test client; it runs no lifespan, so the fixture does what that does."""
    settings = loyalty_sandbox.settings("loyaltylion")
    async with loyalty_sdk.connect("loyaltylion", **settings) as Shop.client:
        yield AsyncClient()


async def test_points_arrive(shop: AsyncClient, loyalty_sandbox: Sandbox) -> None:
    """Who is given points has them."""
    answer = await shop.post("/customers/1001/points", GIFT, content_type="application/json")

    assert (200, {"outcome": "applied"}) == (answer.status_code, answer.json())
    assert 50 == loyalty_sandbox.balance("loyaltylion", "1001")


async def test_what_is_wrong_is_refused(shop: AsyncClient, loyalty_sandbox: Sandbox) -> None:
    """Points as text are none, and nothing is sent."""
    wrong = {"points": "50"}
    answer = await shop.post("/customers/1001/points", wrong, content_type="application/json")

    assert (422, {"outcome": None}) == (answer.status_code, answer.json())
    assert [] == loyalty_sandbox.arrivals
