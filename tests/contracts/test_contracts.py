"""Every request of both adapters, and every answer of the sandbox, keeps the vendor's contract.

Injected faults and 429 are outside the contracts, and so is what a switch makes of things that
no vendor documents.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

import loyalty_sdk
from loyalty_sdk import (
    Activity,
    Customer,
    DiscountCode,
    LoyaltyClient,
    LoyaltyError,
    Order,
    PointsAdjustment,
)
from loyalty_sdk.sandbox import Sandbox
from loyalty_sdk_joy import AwardPoints, JoyCalculator, PointsPerUnit, Product, SocialInteraction

NOW = datetime.now(UTC)
WINDOW = {"created_from": NOW - timedelta(days=1), "created_until": NOW + timedelta(days=1)}
UPDATED = {"updated_from": NOW - timedelta(days=1), "updated_until": NOW + timedelta(days=1)}
SHOPPER = Customer(id="7800000000001", email="shopper@example.com")
STRANGE_IDS = ["a/b", "é", "%2F", "../orders", "$signup", "a?b=c#d", "a b+c"]
TECHNICAL = {
    "ip_address": "203.0.113.9",
    "user_agent": "Mozilla/5.0",
    "referral_id": "r-1",
    "tracking_id": "t-1",
}


def order(an_id: str, **more: Any) -> Order:
    """A paid order."""
    return Order(id=an_id, customer=SHOPPER, total=Decimal("99.90"), payment_status="paid", **more)


class Session:
    """A client behind the proxy, and how it behaves on purpose."""

    def __init__(self, client: LoyaltyClient, proxy: Any, sandbox: Sandbox) -> None:
        self.client = client
        self.api = client.provider
        self.proxy = proxy
        self.sandbox = sandbox

    async def every(self, listing: Any, **filters: Any) -> list[Any]:
        """All rows of a list operation."""
        return [row async for row in self.client.pages(listing, **filters)]

    async def refused(self, status: int, call: Awaitable[Any]) -> None:
        """A call that the vendor refuses with ``status``."""
        with pytest.raises(LoyaltyError) as caught:
            await call
        assert status == getattr(caught.value, "status", None)

    async def wrong(self, status: int, method: str, path: str, **more: Any) -> None:
        """A request that is against the contract; its answer must not be."""
        self.proxy.deliberately_wrong = True
        await self.refused(status, self.client.request(method, path, **more))
        self.proxy.deliberately_wrong = False

    def other(self, **settings: Any) -> LoyaltyClient:
        """A client with other settings."""
        known = self.sandbox.settings(self.api.name) | {"base_url": self.proxy.url}
        return loyalty_sdk.connect(self.api.name, **known | settings)


# ---------------------------------------------------------------- LoyaltyLion


async def loyaltylion_activities(session: Session) -> None:
    """Tracked with everything and with little, listed, changed."""
    client, api = session.client, session.api
    everything = Activity(
        name="review",
        customer=SHOPPER,
        id="review-77",
        occurred_at=NOW,
        properties={"url": "https://store.example.com", "stars": 5, "tags": ["a", None]},
        guest=True,
        **TECHNICAL,
    )
    await client.track_activity(everything)
    await client.track_activity(Activity(name="$signup", customer=SHOPPER))
    clicked = Activity(name="clickthrough", customer=SHOPPER, properties={"url": "https://a.b"})
    await client.track_activity(clicked)
    for an_id in STRANGE_IDS:
        await client.track_activity(Activity(name="$signup", customer=SHOPPER, id=an_id))
        await client.run(api.update_activity("$signup", an_id, "declined"))
    await client.run(api.update_activity("review", "review-77", "approved"))
    assert 10 == len(await session.every(api.list_activities, page_size=3, **WINDOW))
    await session.wrong(400, "POST", "/v2/activities", json={"name": 5})
    await session.wrong(400, "PUT", "/v2/activities/review/review-77", json={"state": "gone"})
    await session.wrong(400, "GET", "/v2/activities", query={"limit": 501})
    empty = {"name": "", "customer_id": "1", "customer_email": "a@example.com"}
    await session.wrong(422, "POST", "/v2/activities", json=empty)


async def loyaltylion_orders(session: Session) -> None:
    """Created with everything and with little, read, updated, listed."""
    client, api = session.client, session.api
    everything = order(
        "A-1",
        total_shipping=Decimal("3.49"),
        total_paid=Decimal("1E+2"),
        number="1045",
        merchant_number="#1045",
        discount_codes=[DiscountCode(code="TEN", amount=Decimal("10.00"))],
        claimed_reward_ids=[1, 2],
        placed_at=NOW,
        **TECHNICAL,
    )
    await client.create_order(everything)
    await client.create_order(Order(id="A-2", customer=Customer(id="7"), total=Decimal(0)))
    state = {
        "payment_status": "paid",
        "refund_status": "partially_refunded",
        "cancellation_status": "not_cancelled",
        "total_paid": Decimal("99.90"),
        "total_refunded": Decimal("20.00"),
    }
    for an_id in STRANGE_IDS:
        await client.create_order(order(an_id))
        await client.run(api.update_order(an_id, **state))
        await client.run(api.get_order(an_id))
    assert 9 == len(await session.every(api.list_orders, page_size=4, **WINDOW, **UPDATED))
    await session.refused(404, client.run(api.get_order("nobody's")))
    await session.refused(404, client.run(api.update_order("nobody's", **state)))
    await session.wrong(400, "POST", "/v2/orders", json={"customer_id": 5, "coupon": "x"})
    await session.wrong(400, "PUT", "/v2/orders/A-1", json={"payment_status": "paid"})
    await session.wrong(400, "GET", "/v2/orders", query={"created_at_min": "yesterday"})


async def loyaltylion_points(session: Session) -> None:
    """Given and taken, listed for a customer and for the program."""
    client, api = session.client, session.api
    for an_id in ["7800000000001", *STRANGE_IDS]:
        for points in (50, -20):
            reason = "Goodwill" if points > 0 else None
            await client.adjust_points(
                PointsAdjustment(customer_id=an_id, points=points, reason=reason)
            )
        rows = [row async for row in client.list_transactions(customer_id=an_id, page_size=1)]
        assert [-20, 50] == [row.points for row in rows[:2]]
    await session.every(api.list_transactions, page_size=500)
    await session.every(api.list_transactions, page_size=7, **WINDOW)
    own = await session.every(api.list_customers, email="shopper")
    await session.every(api.list_transactions, loyaltylion_customer_id=own[0].id)
    await session.wrong(400, "POST", "/v2/customers/7/points", json={"points": 0})
    await session.wrong(400, "POST", "/v2/customers/7/remove_points", json={"points": "1"})
    await session.wrong(400, "GET", "/v2/transactions", query={"limit": 0})
    await session.wrong(400, "GET", "/v2/customers/7/transactions", query={"cursor": "?"})


async def loyaltylion_program(session: Session) -> None:
    """Who the key is, sites, customers, other credentials."""
    client, api = session.client, session.api
    await client.run(api.whoami())
    await client.run(api.list_sites())
    for direction in ("asc", "desc"):
        order_by = {"sort_field": "updated_at", "sort_direction": direction}
        await session.every(api.list_customers, page_size=3, **order_by, **WINDOW, **UPDATED)
    changed = {"customer": {"birthday": "1990-05-15", "blocked": True}}
    await client.request("PATCH", "/v2/customers/7", json=changed)
    await session.wrong(400, "PATCH", "/v2/customers/7", json={"birthday": "1990-05-15"})
    await session.wrong(400, "GET", "/v2/customers", query={"sort_field": "age"})
    async with session.other(api_key="pat_wrong") as stranger:
        await asyncio.gather(
            *(session.refused(401, call) for call in every_loyaltylion_call(stranger))
        )
    session.sandbox.add_key("loyaltylion", "pat_weak", scopes=[])
    async with session.other(api_key="pat_weak") as weak:
        for call in every_loyaltylion_call(weak, scoped=True):
            await session.refused(403, call)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        basic = session.other(api_key=None, token="sandbox", secret="sandbox")
    async with basic:
        await basic.run(basic.provider.whoami())
        # The contract has no such credentials for sites: the request is wrong, the answer right.
        session.proxy.deliberately_wrong = True
        await session.refused(403, basic.run(basic.provider.list_sites()))
        session.proxy.deliberately_wrong = False


async def loyaltylion_sites(session: Session) -> None:
    """A program with several sites names one."""
    async with session.other(site_id=501) as client:
        await client.create_order(order("S-1"))
        await client.track_activity(Activity(name="review", customer=SHOPPER))


def every_loyaltylion_call(client: LoyaltyClient, *, scoped: bool = False) -> Iterator[Any]:
    """One call for each operation; ``scoped``: of those that need a scope."""
    api = client.provider
    yield client.track_activity(Activity(name="review", customer=SHOPPER))
    yield client.create_order(order("A-3"))
    yield client.adjust_points(PointsAdjustment(customer_id="7", points=1))
    yield client.adjust_points(PointsAdjustment(customer_id="7", points=-1))
    yield client.list_transactions(customer_id="7").first_page()
    yield client.list_transactions().first_page()
    yield client.run(api.update_activity("review", "review-77", "void"))
    yield client.run(api.get_order("A-1"))
    yield client.run(api.list_orders(None, {}))
    yield client.run(api.list_activities(None, {}))
    yield client.run(api.list_customers(None, {}))
    yield client.request("PATCH", "/v2/customers/7", json={"customer": {}})
    if not scoped:
        yield client.run(api.whoami())
        yield client.run(api.list_sites())


# ---------------------------------------------------------------- Joy


async def joy_points(session: Session) -> None:
    """Every way to change points, for ids of every kind."""
    client, api = session.client, session.api
    for an_id in [SHOPPER.id, *STRANGE_IDS]:
        await client.run(api.award_points(an_id, 100, reason="r", note="n", reference="ref"))
        await client.run(api.deduct_points(an_id, 30))
        await client.adjust_points(
            PointsAdjustment(customer_id=an_id, points=-25, reason="Returned", note="Ticket 4711")
        )
        await client.run(api.reset_points(an_id, 10))
        rows = [row async for row in client.list_transactions(customer_id=an_id, page_size=3)]
        assert [-35, -25, -30, 100] == [row.points for row in rows[:4]]
        await client.run(api.get_transaction(rows[0].id))
    path = "/rest_api/v2/transactions/points/award"
    await session.wrong(400, "POST", path, json={"point": "5"})
    await session.refused(404, client.run(api.get_transaction("act_0")))


async def joy_lists(session: Session) -> None:
    """Every filter that is documented, forwards and backwards."""
    api = session.api
    mine = {"customer_id": SHOPPER.id}
    for filters in (
        {"type": "adjust_point", "event": "adjust_point_rest_api", "source": "rest_api"},
        {"order": "createdAt_asc", "page_size": 2, "has_count": True},
        {"kinds": ("adjusted",), "page_size": 1000, **WINDOW},
    ):
        await session.every(api.list_transactions, **mine, **filters)
    rows = await session.every(api.list_transactions, **mine)
    await session.every(api.list_transactions, **mine, after=rows[0].id)
    await session.every(api.list_transactions, **mine, before=rows[-1].id, page_size=1)
    customers = await session.every(
        api.list_customers, email="shopper", type="member", order="point_desc", has_count=True
    )
    await session.every(api.list_transactions, joy_customer_id=customers[0].id)
    await session.every(api.list_customers, page_size=3, created_until=NOW, **UPDATED)
    await session.every(api.list_customers, tier_id="tier_gold")
    await session.wrong(400, "GET", "/rest_api/v2/transactions")
    await session.wrong(400, "GET", "/rest_api/v2/customers", query={"order": "age"})


async def joy_program(session: Session) -> None:
    """Who the keys are, one customer, other credentials."""
    client, api = session.client, session.api
    await client.run(api.whoami())
    customer = await client.run(api.get_customer_by_shopify_id(SHOPPER.id))
    await client.run(api.get_customer(customer.id))
    for an_id in STRANGE_IDS:
        await client.run(api.get_customer_by_shopify_id(an_id))
        await session.refused(404, client.run(api.get_customer(an_id)))
    await session.refused(404, client.run(api.get_customer_by_shopify_id("nobody")))
    async with session.other(secret_key="wrong") as stranger:
        for call in every_joy_call(stranger):
            await session.refused(401, call)
    async with session.other(secret_key="ro_sandbox") as reader:
        await reader.run(reader.provider.whoami())
        await session.refused(403, reader.run(reader.provider.award_points("7", 1)))


async def joy_earning(session: Session) -> None:
    """What an activity and an order mean, as the merchant configured."""
    client, api = session.client, session.api
    cart = [Product(id="44000000000001", quantity=2, price=Decimal("19.90"))]
    await client.run(api.calculate_points(cart, customer_id=SHOPPER.id, source_name="web"))
    await client.run(api.social_interaction(SHOPPER.id, event="follow_instagram", earning_id="e1"))
    await client.track_activity(Activity(name="review", customer=SHOPPER, id="r-1"))
    await client.create_order(order("A-1", placed_at=NOW))
    meanings = {"follow": SocialInteraction("follow_instagram")}
    async with session.other(activities=meanings, orders=JoyCalculator(source_name="pos")) as other:
        await other.track_activity(Activity(name="follow", customer=SHOPPER))
        await other.create_order(order("A-2"))
    base = "/rest_api/v2/programs/earning"
    await session.wrong(400, "POST", f"{base}/points/calculate", json={"products": "none"})
    await session.wrong(400, "POST", f"{base}/social/interactions", json={"event": "x"})


def every_joy_call(client: LoyaltyClient) -> Iterator[Any]:
    """One call for each operation."""
    api = client.provider
    yield client.adjust_points(PointsAdjustment(customer_id="7", points=1))
    yield client.list_transactions(customer_id="7").first_page()
    for change in (api.award_points, api.deduct_points, api.reset_points):
        yield client.run(change("7", 1))
    yield client.run(api.get_transaction("act_1"))
    yield client.run(api.list_customers(None, {}))
    yield client.run(api.get_customer("cust_1"))
    yield client.run(api.get_customer_by_shopify_id("7"))
    yield client.run(api.whoami())
    yield client.run(api.social_interaction("7", event="follow_instagram"))
    cart = [Product(id="1", quantity=1, price=Decimal(1))]
    yield client.run(api.calculate_points(cart))


# ---------------------------------------------------------------- the tests


SCENES: dict[str, list[Callable[[Session], Awaitable[None]]]] = {
    "loyaltylion": [
        loyaltylion_activities,
        loyaltylion_orders,
        loyaltylion_points,
        loyaltylion_program,
        loyaltylion_sites,
    ],
    "joy": [joy_points, joy_lists, joy_program, joy_earning],
}
SETTINGS: dict[str, dict[str, Any]] = {
    "loyaltylion": {},
    "joy": {"activities": {"review": AwardPoints(50)}, "orders": PointsPerUnit(Decimal(1))},
}
# What a switch leaves within the contracts.
SWITCHES: list[dict[str, Any]] = [
    {},
    {"point_data": "empty", "notes": "dropped", "activity_time": "now", "below_zero": "negative"},
]
CASES = [(name, number) for name in SCENES for number in range(len(SWITCHES))]


@cache
def exchanged(proxy: Any, name: str, switches: int) -> list[Any]:
    """Everything that went over the wire."""

    async def play() -> list[Any]:
        async with (
            Sandbox(**SWITCHES[switches]) as sandbox,
            proxy(sandbox.url) as between,
            loyalty_sdk.connect(
                name,
                **sandbox.settings(name) | SETTINGS[name] | {"base_url": between.url},
            ) as client,
        ):
            sandbox.add_customer(name, SHOPPER.id, email=SHOPPER.email)
            for scene in SCENES[name]:
                await scene(Session(client, between, sandbox))
            return list(between.seen)

    return asyncio.run(play())


@pytest.mark.parametrize(("name", "switches"), CASES)
def test_every_exchange_keeps_the_contract(
    name: str, switches: int, proxy: Any, contract: Any
) -> None:
    """No request and no answer is against the vendor's OpenAPI document."""
    found = [
        violation
        for exchange in exchanged(proxy, name, switches)
        for violation in contract(name).violations(exchange)
    ]

    assert [] == found


@pytest.mark.parametrize("name", SCENES)
def test_every_operation_is_seen(name: str, proxy: Any, contract: Any) -> None:
    """Each operation of the contract was called, and succeeded."""
    seen = {
        contract(name).operation(exchange)["operationId"]
        for exchange in exchanged(proxy, name, 0)
        if exchange.status_code < 300
    }

    assert contract(name).operations == seen


@pytest.mark.parametrize(
    ("name", "statuses"),
    [("loyaltylion", {200, 201, 204, 400, 401, 403, 404, 422}), ("joy", {200, 400, 401, 403, 404})],
)
def test_every_status_is_seen(name: str, statuses: set[int], proxy: Any) -> None:
    """Refusals are checked like successes."""
    assert statuses == {exchange.status_code for exchange in exchanged(proxy, name, 0)}


BROKEN: list[tuple[str, Callable[[Any], dict[str, Any]], str]] = [
    ("joy", lambda _: {"raw_path": "/rest_api/v2/orders"}, "no such operation"),
    ("joy", lambda _: {"headers": {}}, "Security"),
    ("joy", lambda one: {"body": one.body.replace(b'"point":', b'"points":')}, "point"),
    ("joy", lambda one: {"body": one.body[:-1] + b',"extra":1}'}, "extra is not declared"),
    ("joy", lambda one: {"raw_path": one.raw_path + "?limits=5"}, "limits is not declared"),
    ("joy", lambda one: {"data": one.data.replace(b'"success":true', b'"success":1')}, "success"),
    ("joy", lambda _: {"status_code": 418}, "418"),
    ("loyaltylion", lambda _: {"data": b'"something"'}, "'' was expected"),
    ("loyaltylion", lambda one: {"body": one.body[:-1] + b',"x":1}'}, "x is not declared"),
    ("loyaltylion", lambda one: {"raw_path": one.raw_path + "?site_id=a"}, "site_id"),
]


@pytest.mark.parametrize(("name", "change", "complaint"), BROKEN)
def test_a_violation_is_found(
    name: str, change: Callable[[Any], dict[str, Any]], complaint: str, proxy: Any, contract: Any
) -> None:
    """The judge is awake: a request or answer with one thing wrong is complained about."""
    ends = "/points/award" if name == "joy" else "/v2/orders"
    sound = next(
        exchange
        for exchange in exchanged(proxy, name, 0)
        if exchange.raw_path.endswith(ends) and exchange.method == "post" and exchange.body
        if not exchange.deliberately_wrong
    )
    broken = sound.but(**change(sound))

    assert [] == list(contract(name).violations(sound))
    assert any(complaint in violation for violation in contract(name).violations(broken))
