"""Joy's webhooks, https://devdocs.joy.so/webhook-api/webhook-api and the pages beside it.

Of the bodies only ``webhookId``, ``customer`` with its ``email``, ``oldPoint`` and ``newPoint``
are documented. The rest is read where it stands under the names that Joy's REST API v2 has.
"""
# ruff: noqa: N815 - these are Joy's names, and the decoder matches them to the JSON

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from loyalty_sdk._models import Customer
from loyalty_sdk.webhooks import (
    ApproachingPointsExpiration,
    ApproachingTierChange,
    CustomerStatusChanged,
    Delivery,
    Event,
    PointsChanged,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    ReferralCompleted,
    ReferralLinkCreated,
    RewardClaimed,
    RewardUsed,
    RuleCompleted,
    Tier,
    TierChanged,
    TierMove,
    UnknownEvent,
    WebhookFormat,
)
from loyalty_sdk.wire import Aware, Id, in_utc, malformed, salvage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@attrs.define
class _Shopper:
    shopifyCustomerId: Id | None = None
    email: str | None = None
    type: str | None = None
    tierId: str | None = None
    tierName: str | None = None


@attrs.define
class _Body:
    webhookId: Id | None = None
    timestamp: Aware | None = None
    customer: _Shopper | None = None
    couponCode: str | None = None


@attrs.frozen
class _Told:
    """A delivery taken apart."""

    delivery: Delivery
    topic: str
    body: _Body

    @property
    def shopper(self) -> _Shopper:
        """Whom it is about."""
        return self.body.customer or _Shopper()

    def event(self, kind: Callable[..., Event], /, **facts: Any) -> Event:
        """An event about the shopper."""
        who, body = self.shopper, self.body
        customer_id = _text(who.shopifyCustomerId)
        return self.delivery.event(
            kind,
            topic=self.topic,
            id=_text(body.webhookId),
            sent_at=body.timestamp and in_utc(body.timestamp, "$.timestamp"),
            customer=None if customer_id is None else Customer(id=customer_id, email=who.email),
            email=who.email,
            **facts,
        )


class JoyWebhooks(WebhookFormat):
    """Signature and topics of Joy.

    The secret is the shop's secret key (https://devdocs.joy.so/webhook-api/security). An address
    is registered for one topic (https://devdocs.joy.so/webhook-api/api-reference), and no
    documented part of a body repeats it: give the receiver's ``topic``.

    Joy says to tell deliveries apart by ``webhookId``
    (https://devdocs.joy.so/webhook-api/best-practices).
    """

    signature_header: ClassVar[str] = "X-Joy-Loyalty-Hmac-Sha256"

    def read(self, delivery: Delivery, /) -> Event:
        """See `WebhookFormat.read`."""
        said = delivery.payload.get("topic")
        topic = said if isinstance(said, str) else delivery.topic or ""
        told = _Told(delivery, topic, salvage(delivery.payload, _Body))
        return _READERS.get(topic, _unknown)(told)


def _unknown(told: _Told) -> Event:
    return told.event(UnknownEvent)


def _points(kind: type[PointsChanged], told: _Told) -> Event:
    old, new = _amount(told, "oldPoint"), _amount(told, "newPoint")
    change = None if old is None or new is None else new - old
    return told.event(kind, points=change, balance=new)


def _amount(told: _Told, name: str) -> int | None:
    """Points that may be absent; of another type they are no small matter."""
    value = told.delivery.payload.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise malformed(f"$.{name}", "points that are not a whole number")
    return value


def _points_expiring(days: int, told: _Told) -> Event:
    return told.event(ApproachingPointsExpiration, days=days)


def _tier_changed(move: TierMove, told: _Told) -> Event:
    return told.event(TierChanged, move=move, new=_tier(told.shopper))


def _tier_reset_near(days: int, told: _Told) -> Event:
    current = _tier(told.shopper)
    return told.event(ApproachingTierChange, move=TierMove.RESET, current=current, days=days)


def _tier(shopper: _Shopper) -> Tier | None:
    known = shopper.tierId is not None or shopper.tierName is not None
    return Tier(id=shopper.tierId, name=shopper.tierName) if known else None


def _status_changed(told: _Told) -> Event:
    return told.event(CustomerStatusChanged, status=told.shopper.type)


def _coupon(kind: type[Event], told: _Told) -> Event:
    return told.event(kind, code=told.body.couponCode)


def _rule(rule: str, told: _Told) -> Event:
    return told.event(RuleCompleted, rule=rule)


def _plain(kind: type[Event], told: _Told) -> Event:
    return told.event(kind)


def _text(value: int | str | None) -> str | None:
    return None if value is None else str(value)


_READERS: Mapping[str, Callable[[_Told], Event]] = {
    "points/earned": partial(_points, PointsEarned),
    "points/redeemed": partial(_points, PointsRedeemed),
    "points/expired": partial(_points, PointsExpired),
    "points/about_to_expire_3_days": partial(_points_expiring, 3),
    "points/about_to_expire_7_days": partial(_points_expiring, 7),
    "points/about_to_expire_30_days": partial(_points_expiring, 30),
    "customer/status_changed": _status_changed,
    "reward/coupon_used": partial(_coupon, RewardUsed),
    "tier/upgraded": partial(_tier_changed, TierMove.UPGRADED),
    "tier/downgraded": partial(_tier_changed, TierMove.DOWNGRADED),
    "tier/reset": partial(_tier_changed, TierMove.RESET),
    "tier/about_to_reset_4_weeks": partial(_tier_reset_near, 28),
    "tier/about_to_reset_2_weeks": partial(_tier_reset_near, 14),
    "tier/about_to_reset_1_day": partial(_tier_reset_near, 1),
    "referral/link_created": partial(_plain, ReferralLinkCreated),
    "referral/reward_earned": partial(_plain, ReferralCompleted),
    "referral/referee_claimed": partial(_coupon, RewardClaimed),
    "birthday/reward_earned": partial(_rule, "birthday"),
    "milestone/achieved": partial(_rule, "milestone"),
}
"""By topic: https://devdocs.joy.so/webhook-api/webhook-events."""
