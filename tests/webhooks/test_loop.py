"""From a write at a vendor to the event in a receiver, both ways over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
from aiohttp import web

import loyalty_sdk
from loyalty_sdk import Activity, Customer, PointsAdjustment, WebhookError
from loyalty_sdk.sandbox import Sandbox
from loyalty_sdk.webhooks import (
    CustomerUpdated,
    EmailUnsubscribed,
    Event,
    MemoryStore,
    PointsEarned,
    PointsRedeemed,
    RewardFulfilment,
    once,
    verify,
)


@attrs.define
class Shop:
    """A receiver for both vendors that fails as often as it is told."""

    url: str = ""
    failures: int = 0
    events: list[Event] = attrs.field(factory=list[Event])
    store: MemoryStore = attrs.field(factory=MemoryStore)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """As an application would."""
        provider, topic = request.match_info["provider"], request.match_info["topic"]
        try:
            event = verify(
                provider, await request.read(), request.headers, "sandbox", topic=topic or None
            )
            async with once(event, self.store) as first:
                if first:
                    self.take(event)
        except WebhookError as error:
            return web.Response(status=error.status)
        return web.Response()

    def take(self, event: Event) -> None:
        """Handle it, or fail."""
        if self.failures:
            self.failures -= 1
            raise web.HTTPInternalServerError
        self.events.append(event)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """A running `Shop`."""
    made, app = Shop(), web.Application()
    app.router.add_post("/{provider}/{topic:.*}", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


ADA = Customer(id="1001", email="ada@example.com")


async def test_loyaltylion(shop: Shop) -> None:
    """Each write is told once, although it is delivered twice and refused the first time."""
    async with Sandbox() as sandbox:
        sandbox.webhooks.send_to(f"{shop.url}/loyaltylion/", "loyaltylion", copies=2, wait=0.01)
        shop.failures = 1
        settings = sandbox.settings("loyaltylion")
        async with loyalty_sdk.connect("loyaltylion", **settings) as client:
            await client.track_activity(Activity(name="$signup", customer=ADA))
            await client.adjust_points(PointsAdjustment(customer_id="1001", points=-4))
        await sandbox.webhooks.delivered()

    earned = [event for event in shop.events if isinstance(event, PointsEarned)]
    updated = [event for event in shop.events if isinstance(event, CustomerUpdated)]
    assert [(10, 10, ADA)] == [(event.points, event.balance, event.customer) for event in earned]
    assert [6, 10] == sorted(event.balance or 0 for event in updated)
    assert all(sent.taken for sent in sandbox.webhooks.sent)
    (row,) = [event.transaction for event in earned]
    assert row is not None
    assert sandbox.ledger("loyaltylion", "1001")[0].id == row.id


async def test_joy(shop: Shop) -> None:
    """The address says the topic that Joy's body does not."""
    async with Sandbox() as sandbox:
        sandbox.webhooks.send_to(f"{shop.url}/joy/{{topic}}", "joy", copies=2, wait=0.01)
        async with loyalty_sdk.connect("joy", **sandbox.settings("joy")) as client:
            await client.adjust_points(PointsAdjustment(customer_id="1001", points=50))
            await client.adjust_points(PointsAdjustment(customer_id="1001", points=-5))
            await client.run(client.provider.deduct_points("1001", 20))
        await sandbox.webhooks.delivered()

    assert [(PointsEarned, 50, 50), (PointsRedeemed, -20, 25)] == [
        (type(event), event.points, event.balance)
        for event in shop.events
        if isinstance(event, PointsEarned | PointsRedeemed)
    ]
    assert {"1001"} == {event.customer and event.customer.id for event in shop.events}
    assert all(sent.taken for sent in sandbox.webhooks.sent)


async def test_any_topic_can_be_sent(shop: Shop) -> None:
    """What no row causes is sent by hand, in the envelope that its topic has."""
    async with Sandbox() as sandbox:
        sandbox.webhooks.send_to(f"{shop.url}/loyaltylion/", "loyaltylion")
        told: dict[str, dict[str, Any]] = {
            "loyalty_emails/unsubscribe": {"customer": {"id": 5, "email": "ada@example.com"}},
            "rewards/store_fulfilment": {
                "test": False,
                "reward_id": 6,
                "reward_identifier": "gift",
                "customer_merchant_id": "1001",
            },
        }
        for topic, content in told.items():
            sandbox.webhooks.send("loyaltylion", topic, content)
            await sandbox.webhooks.delivered()

    unsubscribed, fulfilment = shop.events
    assert isinstance(unsubscribed, EmailUnsubscribed)
    assert "ada@example.com" == unsubscribed.email
    assert isinstance(fulfilment, RewardFulfilment)
    assert ("gift", None) == (fulfilment.reward, fulfilment.id)


async def test_a_wrong_secret_is_never_taken(shop: Shop) -> None:
    """A receiver with another secret answers 401 to every try, and handles nothing."""
    async with Sandbox() as sandbox:
        sandbox.webhooks.send_to(
            f"{shop.url}/joy/{{topic}}", "joy", secret="other", attempts=2, wait=0.01
        )
        sandbox.webhooks.send("joy", "points/earned", {"oldPoint": 0, "newPoint": 5})
        await sandbox.webhooks.delivered()

    assert [[401, 401]] == [sent.statuses for sent in sandbox.webhooks.sent]
    assert [] == shop.events
