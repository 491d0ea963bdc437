"""Like `consumer`, for what only one vendor has, and for the sandbox. Type-checked, never run."""

from __future__ import annotations

from decimal import Decimal
from typing import assert_type

from loyalty_sdk import LoyaltyClient, Page, Pages, Transaction, connect
from loyalty_sdk.sandbox import (
    Account,
    Arrival,
    Clock,
    Entry,
    Fault,
    Faults,
    Rule,
    Sandbox,
    Switches,
)
from loyalty_sdk_joy import (
    PRODUCTION,
    STAGING,
    AwardPoints,
    CountedPage,
    Joy,
    JoyCalculator,
    PointsCalculation,
    PointsPerUnit,
    Product,
    SocialInteraction,
)
from loyalty_sdk_joy import CustomerRecord as JoyCustomer
from loyalty_sdk_loyaltylion import (
    ActivityRecord,
    ActivityState,
    CancellationStatus,
    CustomerRecord,
    CustomerSummary,
    LoyaltyLion,
    OrderRecord,
    RefundStatus,
    RuleSummary,
    Site,
)

STATE: ActivityState = "declined"
REFUND: RefundStatus = "not_refunded"
CANCELLATION: CancellationStatus = "not_cancelled"


async def loyaltylion() -> None:
    """A provider object gives its own flows their types."""
    vendor = LoyaltyLion(api_key="pat_...", site_id=7)
    async with connect(vendor) as client:
        assert_type(client.provider, LoyaltyLion)
        await client.run(vendor.update_activity("$signup", "a-1", STATE))
        order = await client.run(vendor.get_order("A-1"))
        assert_type(order, OrderRecord)
        assert_type(order.customer, CustomerSummary | None)
        await client.run(
            vendor.update_order(
                "A-1",
                payment_status="paid",
                refund_status=REFUND,
                cancellation_status=CANCELLATION,
                total_paid=Decimal("99.99"),
                total_refunded=Decimal(0),
            )
        )
        assert_type(client.pages(vendor.list_customers), Pages[CustomerRecord])
        async for activity in client.pages(vendor.list_activities, page_size=100):
            assert_type(activity, ActivityRecord)
            assert_type(activity.rule, RuleSummary | None)
        assert_type(await client.run(vendor.list_sites()), tuple[Site, ...])


async def joy() -> None:
    """The merchant's configuration is typed too."""
    vendor = Joy(
        app_key="id",
        secret_key="secret",
        base_url=STAGING,
        activities={"review": AwardPoints(50), "follow": SocialInteraction("follow_instagram")},
        orders=PointsPerUnit(Decimal("0.5")),
    )
    async with connect(vendor) as client:
        row = await client.run(vendor.reset_points("1001", 0, note="Closed"))
        assert_type(row, Transaction | None)
        cart = [Product(id="1", quantity=2, price=Decimal("9.50"))]
        assert_type(await client.run(vendor.calculate_points(cart)), PointsCalculation)
        async for page in client.pages(vendor.list_customers, has_count=True).by_page():
            assert_type(page, Page[JoyCustomer])
            if isinstance(page, CountedPage):
                assert_type(page.total, int | None)
    Joy(base_url=PRODUCTION, orders=JoyCalculator())


async def sandbox() -> None:
    """The stand-in can be asked what really happened."""
    async with Sandbox(limits=True, unknown_customers="create") as stand_in:
        client = connect("joy", **stand_in.settings("joy"))
        assert_type(client, LoyaltyClient)
        assert_type(stand_in.balance("joy", "1001"), int)
        assert_type(stand_in.ledger("joy", "1001"), list[Entry])
        assert_type(stand_in.arrivals, list[Arrival])
        assert_type(stand_in.faults, Faults)
        assert_type(stand_in.faults.add("drop", share=0.1, seed=7), Fault)
        assert_type(stand_in.clock, Clock)
        assert_type(stand_in.switches, Switches)
        assert_type(stand_in.add_customer("joy", "1001", points=50), Account)
    assert_type(Rule(50), Rule)
