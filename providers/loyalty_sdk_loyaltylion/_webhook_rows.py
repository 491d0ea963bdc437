"""What stands in LoyaltyLion's webhooks, as classes with the vendor's names.

A part of an unexpected type reads as None, and nothing is coerced; the rest stays in `Event.raw`.
"""

from __future__ import annotations

from decimal import Decimal

from loyalty_sdk.wire import Aware, Id, Shape

from ._wire import CustomerRef


class TierRow(Shape):
    """A tier."""

    id: Id | None = None
    name: str | None = None
    number: int | None = None


class Membership(Shape):
    """The tier a customer is in."""

    loyalty_tier: TierRow | None = None


class Shopper(CustomerRef):
    """A customer, as of now."""

    points_approved: int | None = None
    points_pending: int | None = None
    loyalty_tier_membership: Membership | None = None


class Enrollment(Shape):
    """When and why somebody became a member."""

    date: Aware | None = None
    trigger: str | None = None


class Titled(Shape):
    """A reward."""

    title: str | None = None


class Rule(Shape):
    """What an activity earned by."""

    name: str | None = None
    title: str | None = None


class ActivityRow(Shape):
    """An activity."""

    value: int | None = None
    rule: Rule | None = None


class OrderRow(Shape):
    """An order."""

    merchant_id: Id | None = None


class Content(Shape):
    """What topics have in them; each page documents some of it."""

    customer: Shopper | None = None
    referring_customer: Shopper | None = None
    referred_customer: Shopper | None = None
    enrollment: Enrollment | None = None
    available_rewards: list[Titled] | None = None
    title: str | None = None
    reward_type: str | None = None
    voucher_code: str | None = None
    expires_at: Aware | None = None
    expire_points_at: Aware | None = None
    points_to_expire: int | None = None
    current_tier: TierRow | None = None
    next_tier: TierRow | None = None
    old_tier: TierRow | None = None
    previous_tier: TierRow | None = None
    new_tier: TierRow | None = None
    points_required: int | None = None
    spend_required: Decimal | None = None
    activity: ActivityRow | None = None
    order: OrderRow | None = None


class Fulfilment(Shape):
    """A body that is flat, with neither topic nor id."""

    reward_id: Id | None = None
    reward_identifier: str | None = None
    customer_merchant_id: Id | None = None
    customer_email: str | None = None
    # One that only tries the address must never be taken for a claim.
    test: bool = False


class Envelope(Shape):
    """What stands around a content."""

    id: Id | None = None
    created_at: Aware | None = None
