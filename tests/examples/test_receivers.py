"""The receivers of webhooks, on real servers, told by the sandbox."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from loyalty_sdk.sandbox import Sandbox


@pytest.fixture(params=["aiohttp_webhooks", "fastapi_webhooks"])
def app(request: pytest.FixtureRequest, servers: dict[str, Any]) -> Any:
    """Each of the two."""
    return servers[request.param]


async def test_each_event_is_handled_once(app: Any, vendor: Sandbox) -> None:
    """Of three deliveries of one event one is handled, and all are taken."""
    vendor.webhooks.send_to(f"{app.url}/webhooks/loyaltylion", "loyaltylion", copies=3, wait=0.02)
    vendor.webhooks.send_to(f"{app.url}/webhooks/joy/{{topic}}", "joy", copies=3, wait=0.02)
    vendor.add_customer("loyaltylion", "1001", points=50)
    vendor.add_customer("joy", "2002", points=70)
    await vendor.webhooks.delivered()

    assert 9 == len(vendor.webhooks.sent)
    assert {204} == {sent.statuses[-1] for sent in vendor.webhooks.sent}
    await app.says("2002 earned 70 points")
    assert 1 == app.printed.count("1001 earned 50 points")
    assert 1 == app.printed.count("2002 earned 70 points")
    assert 1 == app.printed.count("customers/update")


async def test_other_events_are_told_apart(app: Any, vendor: Sandbox) -> None:
    """A topic that no row causes comes in its own envelope, and is another event."""
    vendor.webhooks.send_to(f"{app.url}/webhooks/loyaltylion", "loyaltylion")
    silver = {"id": 16, "name": "Silver"}
    content = {"customer": {"merchant_id": "3003"}, "new_tier": silver}
    vendor.webhooks.send("loyaltylion", "program_events/customer.tier_upgraded", content)
    await vendor.webhooks.delivered()

    await app.says("3003 is now in Silver")


async def test_what_nobody_signed_is_refused(app: Any, vendor: Sandbox) -> None:
    """A wrong secret gets 401, a missing signature too, an unknown vendor nothing at all."""
    vendor.webhooks.send_to(f"{app.url}/webhooks/joy", "joy", secret="guessed", attempts=1)
    vendor.webhooks.send("joy", "points/earned", {"newPoint": 47_110_815})
    await vendor.webhooks.delivered()

    assert [[401]] == [sent.statuses for sent in vendor.webhooks.sent]
    async with aiohttp.ClientSession() as stranger:
        for path, status in {"joy": {401}, "loyaltylion": {401}, "acme": {404, 422}}.items():
            async with stranger.post(f"{app.url}/webhooks/{path}", data=b"{}") as answer:
                assert answer.status in status
    assert "47110815" not in app.printed  # longer than any port, which is printed too
    assert "joy webhook: the signature does not match" in app.printed
    assert "guessed" not in app.printed
