"""LoyaltyLion's webhooks.

https://developers.loyaltylion.com/api-reference/v2/webhooks/overview and the pages beside it,
one for each topic under ``/webhooks/events/``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from loyalty_sdk import _checks
from loyalty_sdk.webhooks import (
    ApproachingPointsExpiration,
    ApproachingRewardExpiration,
    ApproachingTierChange,
    CustomerEnrolled,
    CustomerSegmentChanged,
    CustomerUpdated,
    Delivery,
    EmailUnsubscribed,
    Event,
    PointsEarned,
    ReferralCompleted,
    RewardAvailable,
    RewardClaimed,
    RewardFulfilment,
    RuleCompleted,
    Tier,
    TierChanged,
    TierMove,
    UnknownEvent,
    WebhookFormat,
)
from loyalty_sdk.wire import in_utc, salvage

from ._webhook_rows import (
    ActivityRow,
    Content,
    Enrollment,
    Envelope,
    Fulfilment,
    Rule,
    Shopper,
    TierRow,
)
from ._wire import CustomerRef, read_customer, read_transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from decimal import Decimal

_PROGRAM = "program_events/"
_FULFILMENT = "rewards/store_fulfilment"


@attrs.frozen
class _Told:
    """A delivery taken apart.

    Attributes:
        delivery: As it came.
        topic: What it is about.
        path: Where the topic's own content stands in the body.
        fields: That content.
        content: The part of it that is read.
    """

    delivery: Delivery
    topic: str
    path: str
    fields: Mapping[str, Any]
    content: Content

    def event(self, kind: Callable[..., Event], /, **facts: Any) -> Event:
        """An event about the content's customer, unless ``facts`` say another."""
        envelope = salvage(self.delivery.payload, Envelope)
        who = facts.pop("shopper", self.content.customer)
        return self.delivery.event(
            kind,
            topic=self.topic,
            id=_text(envelope.id),
            sent_at=_utc(envelope.created_at, "$.created_at"),
            customer=read_customer(who),
            email=who and who.email,
            **facts,
        )


class LoyaltyLionWebhooks(WebhookFormat):
    """Signature and topics of LoyaltyLion.

    The secret is that of the OAuth client which subscribed, else the site's
    (https://developers.loyaltylion.com/api-reference/v2/webhooks/overview). What signs for API
    keys once token and secret have ended, on 2027-01-10, is not documented.

    Bodies differ by topic: the content stands at the top, under ``payload``, under
    ``payload.properties`` or under ``payload.unsubscribe``. That of ``rewards/store_fulfilment``
    is flat and has no id: nothing tells two claims of one reward from one that came twice.
    """

    signature_header: ClassVar[str] = "x-loyaltylion-hmac-sha256"

    def read(self, delivery: Delivery, /) -> Event:
        """See `WebhookFormat.read`."""
        topic = _topic(delivery)
        if topic == _FULFILMENT:
            return _fulfilment(delivery)
        path, fields = _content(delivery.payload)
        told = _Told(delivery, topic, path, fields, salvage(fields, Content, path))
        reader = _READERS.get(topic.removeprefix(_PROGRAM), _unknown)
        return reader(told)


def _topic(delivery: Delivery) -> str:
    """What the signed body says; only where it says nothing, what the receiver does."""
    payload = delivery.payload
    inner = payload.get("payload")
    kind = inner.get("kind") if _checks.is_mapping(inner) else None
    if isinstance(topic := payload.get("topic"), str):
        return topic
    if isinstance(kind, str):
        return _PROGRAM + kind
    if "reward_identifier" in payload and "customer_merchant_id" in payload:
        return _FULFILMENT
    return delivery.topic or ""


def _content(payload: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    path, fields = "$", payload
    for names in (("payload",), ("properties", "unsubscribe")):
        for name in names:
            if _checks.is_mapping(inner := fields.get(name)):
                path, fields = f"{path}.{name}", inner
                break
        else:
            break
    return path, fields


def _fulfilment(delivery: Delivery) -> Event:
    fields = delivery.payload
    found = salvage(fields, Fulfilment)
    who = CustomerRef(merchant_id=found.customer_merchant_id, email=found.customer_email)
    return delivery.event(
        RewardFulfilment,
        topic=_FULFILMENT,
        customer=read_customer(who),
        email=who.email,
        reward_id=_text(found.reward_id),
        reward=found.reward_identifier,
        test=found.test,
    )


def _unknown(told: _Told) -> Event:
    return told.event(UnknownEvent)


def _points_earned(told: _Told) -> Event:
    raw, shopper = told.fields.get("transaction"), told.content.customer
    row = None if raw is None else read_transaction(raw, f"{told.path}.transaction")
    return told.event(
        PointsEarned,
        points=row and row.points,
        pending=row and row.pending,
        balance=shopper and shopper.points_approved,
        transaction=row,
    )


def _points_expiring(told: _Told) -> Event:
    at = _utc(told.content.expire_points_at, f"{told.path}.expire_points_at")
    return told.event(
        ApproachingPointsExpiration, points=told.content.points_to_expire, expires_at=at
    )


def _tier_changed(move: TierMove, told: _Told) -> Event:
    # The keys of both tiers are not documented. The customer is as of now: in the new tier.
    content = told.content
    new = content.new_tier or content.current_tier or _tier_now(content.customer)
    old = content.old_tier or content.previous_tier
    return told.event(TierChanged, move=move, old=_tier(old), new=_tier(new))


def _tier_near(told: _Told) -> Event:
    content = told.content
    return told.event(
        ApproachingTierChange,
        move=TierMove.UPGRADED,
        current=_tier(content.current_tier or _tier_now(content.customer)),
        next=_tier(content.next_tier),
        points_needed=content.points_required,
        spend_needed=_money(content.spend_required),
    )


def _tier_now(shopper: Shopper | None) -> TierRow | None:
    membership = shopper.loyalty_tier_membership if shopper else None
    return membership.loyalty_tier if membership else None


def _tier(tier: TierRow | None) -> Tier | None:
    return Tier(id=_text(tier.id), name=tier.name, number=tier.number) if tier else None


def _rewards_available(told: _Told) -> Event:
    rewards = told.content.available_rewards or []
    return told.event(RewardAvailable, titles=tuple(one.title for one in rewards if one.title))


def _reward_claimed(told: _Told) -> Event:
    return told.event(RewardClaimed, **_claim(told.content))


def _reward_expiring(told: _Told) -> Event:
    at = _utc(told.content.expires_at, f"{told.path}.expires_at")
    return told.event(ApproachingRewardExpiration, **_claim(told.content), expires_at=at)


def _claim(content: Content) -> dict[str, Any]:
    return {"title": content.title, "kind": content.reward_type, "code": content.voucher_code}


def _customer_updated(told: _Told) -> Event:
    shopper = told.content.customer
    return told.event(
        CustomerUpdated,
        balance=shopper and shopper.points_approved,
        pending=shopper and shopper.points_pending,
        tier=_tier(_tier_now(shopper)),
    )


def _enrolled(told: _Told) -> Event:
    enrollment = told.content.enrollment or Enrollment()
    at = _utc(enrollment.date, f"{told.path}.enrollment.date")
    return told.event(CustomerEnrolled, enrolled_at=at, trigger=enrollment.trigger)


def _segment(segment: str, told: _Told) -> Event:
    return told.event(CustomerSegmentChanged, segment=segment)


def _unsubscribed(told: _Told) -> Event:
    return told.event(EmailUnsubscribed)


def _rule_completed(told: _Told) -> Event:
    activity = told.content.activity or ActivityRow()
    rule = activity.rule or Rule()
    return told.event(
        RuleCompleted,
        rule=rule.name or rule.title,
        points=activity.value,
        order_id=_order_id(told.content),
    )


def _referral_complete(told: _Told) -> Event:
    return told.event(
        ReferralCompleted,
        shopper=told.content.referring_customer,
        referred=read_customer(told.content.referred_customer),
        order_id=_order_id(told.content),
    )


def _order_id(content: Content) -> str | None:
    return _text(content.order.merchant_id) if content.order else None


def _text(value: int | str | None) -> str | None:
    return None if value is None else str(value)


def _utc(moment: datetime | None, path: str) -> datetime | None:
    return in_utc(moment, path) if moment else None


def _money(amount: Decimal | None) -> Decimal | None:
    """``amount`` unless it is none, such as NaN."""
    problems: list[Any] = []
    _checks.money(problems, "amount", amount)
    return None if problems else amount


_READERS: Mapping[str, Callable[[_Told], Event]] = {
    "customers/update": _customer_updated,
    "loyalty_emails/unsubscribe": _unsubscribed,
    "customer.enrolled": _enrolled,
    "customer.tier_upgraded": partial(_tier_changed, TierMove.UPGRADED),
    "customer.tier_downgraded": partial(_tier_changed, TierMove.DOWNGRADED),
    "customer.approaching_tier_upgrade": _tier_near,
    "customer.points_earned": _points_earned,
    "customer.approaching_points_expiration": _points_expiring,
    "customer.reward_available_notification": _rewards_available,
    "customer.recurring_reward_available_reminder": _rewards_available,
    "customer.claimed_reward": _reward_claimed,
    "customer.approaching_reward_expiration": _reward_expiring,
    "customer.referral_complete": _referral_complete,
    "customer.rule_completed": _rule_completed,
    "customer.moved_to_at_risk_segment": partial(_segment, "at_risk"),
    "customer.moved_to_defected_segment": partial(_segment, "defected"),
    "customer.moved_to_loyal_segment": partial(_segment, "loyal"),
}
"""By topic, without what all program events begin with."""
