"""What happened at a vendor, in the same words for every vendor.

What a vendor does not say is None; its own words are in `Event.raw`, whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import attrs

from loyalty_sdk._models import Customer, Transaction, Value


@attrs.frozen(kw_only=True)
class Event(Value):
    """Something a vendor told. Frozen, compares, hashes and pickles.

    Attributes:
        provider: Registered name of the provider.
        topic: The vendor's own name for what happened; empty where nothing says it.
        id: What the vendor documents to tell deliveries apart by; None where it sends none.
        sent_at: When the vendor sent it; aware, UTC.
        customer: Whom it is about, by the merchant's own id.
        email: The address the vendor sent with it, with or without an id.
        raw: The vendor's body as plain JSON types; outside equality and `to_dict`.
    """

    provider: str
    topic: str
    id: str | None = None
    sent_at: datetime | None = None
    customer: Customer | None = None
    email: str | None = attrs.field(default=None, repr=False)
    _raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], eq=False, repr=False, alias="raw")

    @property
    def raw(self) -> Mapping[str, Any]:
        """The vendor's body."""
        return self._raw


@attrs.frozen(kw_only=True)
class UnknownEvent(Event):
    """A topic that this version does not know, or a body that does not say its topic."""


# ---------------------------------------------------------------------- points


@attrs.frozen(kw_only=True)
class PointsChanged(Event):
    """What all changes of points have.

    Attributes:
        points: Signed change of what can be spent.
        pending: Signed change of what is not yet approved.
        balance: What can be spent; of a vendor that sends the state now, not that after this
            change.
        transaction: The row of the customer's history, where the vendor sends it.
    """

    points: int | None = None
    pending: int | None = None
    balance: int | None = None
    transaction: Transaction | None = None


@attrs.frozen(kw_only=True)
class PointsEarned(PointsChanged):
    """Points were added."""


@attrs.frozen(kw_only=True)
class PointsRedeemed(PointsChanged):
    """Points were spent on a reward."""


@attrs.frozen(kw_only=True)
class PointsExpired(PointsChanged):
    """Points ran out of time."""


@attrs.frozen(kw_only=True)
class ApproachingPointsExpiration(Event):
    """Points are about to run out of time.

    Attributes:
        points: How many.
        expires_at: When; aware, UTC.
        days: In how many days, where the topic says it.
    """

    points: int | None = None
    expires_at: datetime | None = None
    days: int | None = None


# ---------------------------------------------------------------------- tiers


@attrs.frozen(kw_only=True)
class Tier(Value):
    """A level of the program.

    Attributes:
        id: The vendor's id.
        number: 1 for the first one.
    """

    id: str | None = None
    name: str | None = None
    number: int | None = None


class TierMove(StrEnum):
    """Which way a customer moves."""

    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    RESET = "reset"


@attrs.frozen(kw_only=True)
class TierChanged(Event):
    """A customer is in another tier.

    Attributes:
        move: Which way.
        old, new: The tiers; None where the vendor does not name them.
    """

    move: TierMove
    old: Tier | None = None
    new: Tier | None = None


@attrs.frozen(kw_only=True)
class ApproachingTierChange(Event):
    """A customer is about to be in another tier.

    Attributes:
        move: Which way; UPGRADED or RESET.
        current, next: The tiers; None where the vendor does not name them.
        points_needed, spend_needed: What is missing for an upgrade; one of them at most.
        days: Days until a reset.
    """

    move: TierMove
    current: Tier | None = None
    next: Tier | None = None
    points_needed: int | None = None
    spend_needed: Decimal | None = None
    days: int | None = None


# ---------------------------------------------------------------------- rewards


@attrs.frozen(kw_only=True)
class RewardAvailable(Event):
    """A customer can afford a reward.

    Attributes:
        titles: Of all rewards within reach.
    """

    titles: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class RewardClaimed(Event):
    """A customer has claimed a reward.

    Attributes:
        title: As shoppers read it.
        kind: The vendor's own word, ``voucher``.
        code: To be entered at the checkout.
    """

    title: str | None = None
    kind: str | None = None
    code: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class RewardFulfilment(Event):
    """A customer has claimed a reward that you hand out: **answering 2xx says that you did**.

    Attributes:
        reward_id: The vendor's id.
        reward: The identifier that the merchant gave it.
        test: Whether the vendor only tries the address. Hand out nothing then.
    """

    reward_id: str | None = None
    reward: str | None = None
    test: bool = False


@attrs.frozen(kw_only=True)
class RewardUsed(Event):
    """A customer has used what was claimed, on an order.

    Attributes:
        code: What was entered at the checkout.
    """

    code: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class ApproachingRewardExpiration(Event):
    """A claimed reward is about to run out of time.

    Attributes:
        title, kind, code: As in `RewardClaimed`.
        expires_at: When; aware, UTC.
    """

    title: str | None = None
    kind: str | None = None
    code: str | None = attrs.field(default=None, repr=False)
    expires_at: datetime | None = None


# ---------------------------------------------------------------------- customers


@attrs.frozen(kw_only=True)
class CustomerUpdated(Event):
    """Anything about a customer has changed.

    Attributes:
        balance, pending: Points, now.
        tier: Now.
    """

    balance: int | None = None
    pending: int | None = None
    tier: Tier | None = None


@attrs.frozen(kw_only=True)
class CustomerEnrolled(Event):
    """A customer has become a member.

    Attributes:
        enrolled_at: When; aware, UTC.
        trigger: The vendor's own word for why.
    """

    enrolled_at: datetime | None = None
    trigger: str | None = None


@attrs.frozen(kw_only=True)
class CustomerStatusChanged(Event):
    """A customer has joined the program, joined it again or left it.

    Attributes:
        status: The vendor's own word for what the customer is now.
    """

    status: str | None = None


@attrs.frozen(kw_only=True)
class CustomerSegmentChanged(Event):
    """A customer is in another segment of the vendor's analysis.

    Attributes:
        segment: ``at_risk``, ``defected``, ``loyal``.
    """

    segment: str


@attrs.frozen(kw_only=True)
class EmailUnsubscribed(Event):
    """An address wants no more of the vendor's e-mails; see `Event.email`."""


@attrs.frozen(kw_only=True)
class RuleCompleted(Event):
    """A customer did what a rule of the program rewards.

    Attributes:
        rule: The vendor's name of the rule.
        points: What it is worth.
        order_id: The merchant's id of the order behind it.
    """

    rule: str | None = None
    points: int | None = None
    order_id: str | None = None


@attrs.frozen(kw_only=True)
class ReferralLinkCreated(Event):
    """A customer has a link to recommend the shop by."""


@attrs.frozen(kw_only=True)
class ReferralCompleted(Event):
    """Somebody ordered whom a customer, the event's, had recommended the shop to.

    Attributes:
        referred: The new customer.
        order_id: The merchant's id of the new customer's order.
    """

    referred: Customer | None = None
    order_id: str | None = None
