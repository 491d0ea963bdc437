"""What LoyaltyLion's own flows take and return, beyond the neutral values.

The records have the vendor's names: pages are decoded straight into them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from loyalty_sdk.wire import Aware


@attrs.frozen(kw_only=True)
class Record:
    """What all records have.

    Attributes:
        raw: The vendor's own row as plain JSON types; outside equality.
    """

    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], eq=False, repr=False)


@attrs.frozen(kw_only=True)
class CustomerSummary:
    """A customer inside another record: the state now, not at the time of the record.

    Attributes:
        id: LoyaltyLion's own id.
        merchant_id: The merchant's id.
        email: None where the vendor has none.
        points_approved: Points that can be spent.
        points_pending: Points not yet approved.
        points_spent: A lifetime counter.
    """

    id: str | None = None
    merchant_id: str | None = None
    email: str | None = None
    points_approved: int | None = None
    points_pending: int | None = None
    points_spent: int | None = None


@attrs.frozen(kw_only=True)
class CustomerRecord(Record):
    """A customer of the store, member or not.

    https://developers.loyaltylion.com/api-reference/v2/resources/customers/list-customers

    Attributes:
        id: LoyaltyLion's own id, the filter ``loyaltylion_customer_id`` of the transactions.
        merchant_id: The merchant's id.
        points_approved: Points that can be spent. ``points_spent`` is a lifetime counter and
            already taken off.
        linked_merchant_ids: Further ids of the same customer.
    """

    id: str
    merchant_id: str | None = None
    email: str | None = None
    points_approved: int | None = None
    points_pending: int | None = None
    points_spent: int | None = None
    rewards_claimed: int | None = None
    blocked: bool | None = None
    guest: bool | None = None
    enrolled: bool | None = None
    enrolled_at: Aware | None = None
    referral_id: str | None = None
    referral_url: str | None = None
    insights_segment: str | None = None
    birthday: str | None = None
    linked_merchant_ids: tuple[str, ...] | None = None
    created_at: Aware | None = None
    updated_at: Aware | None = None


@attrs.frozen(kw_only=True)
class RuleSummary:
    """The rule behind an activity; all None where no rule applied."""

    id: str | None = None
    name: str | None = None
    title: str | None = None


@attrs.frozen(kw_only=True)
class ActivityRecord(Record):
    """An activity that LoyaltyLion holds.

    https://developers.loyaltylion.com/api-reference/v2/resources/activities/list-activities

    Attributes:
        id: LoyaltyLion's own id.
        merchant_id: The id it was tracked with, if any.
        value: Points it is worth.
        state: ``pending``, ``approved``, ``declined`` or ``void``.
    """

    id: str
    merchant_id: str | None = None
    value: int | None = None
    state: str | None = None
    customer: CustomerSummary | None = None
    created_at: Aware | None = None
    rule: RuleSummary | None = None


@attrs.frozen(kw_only=True)
class OrderRecord(Record):
    """An order that LoyaltyLion holds; a list gives other parts of it than `get_order`.

    https://developers.loyaltylion.com/api-reference/v2/resources/orders/get-order and
    https://developers.loyaltylion.com/api-reference/v2/resources/orders/list-orders

    Attributes:
        merchant_id: The id it was created with.
        id: LoyaltyLion's own id; lists only, as are the total's parts, ``fulfillment_status``,
            ``created_at``, ``updated_at`` and ``customer``.
        merchant_created_at, merchant_updated_at: `get_order` only, as are the payments and
            refunds in ``raw``.
    """

    merchant_id: str
    id: str | None = None
    merchant_number: str | None = None
    total: Decimal | None = None
    total_tax: Decimal | None = None
    total_shipping: Decimal | None = None
    total_discounts: Decimal | None = None
    total_paid: Decimal | None = None
    total_refunded: Decimal | None = None
    payment_status: str | None = None
    fulfillment_status: str | None = None
    refund_status: str | None = None
    cancellation_status: str | None = None
    created_at: Aware | None = None
    updated_at: Aware | None = None
    merchant_created_at: Aware | None = None
    merchant_updated_at: Aware | None = None
    customer: CustomerSummary | None = None


@attrs.frozen(kw_only=True)
class Site(Record):
    """A shop of the program; ``site_id`` of `LoyaltyLion` chooses one.

    https://developers.loyaltylion.com/api-reference/v2/resources/sites/list-sites
    """

    id: str
    program_id: str | None = None
    account_id: str | None = None
    name: str | None = None
    url: str | None = None
    platform: str | None = None
    currencies: tuple[str, ...] | None = None
    languages: tuple[str, ...] | None = None
    created_at: Aware | None = None
    updated_at: Aware | None = None
