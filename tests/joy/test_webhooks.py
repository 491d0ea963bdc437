"""What Joy tells by webhook, in neutral words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_sdk import Customer, MalformedWebhookError
from loyalty_sdk.testing._mutations import bodies
from loyalty_sdk.webhooks import (
    ApproachingPointsExpiration,
    ApproachingTierChange,
    CustomerStatusChanged,
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
    verify,
)
from loyalty_sdk_joy import Joy

SECRET = "shop-secret"
SHOPPER = {
    "id": "cust_1",
    "shopifyCustomerId": 7800000000001,
    "email": "ada@example.com",
    "type": "member",
    "tierId": "tier_silver",
    "tierName": "Silver",
}
ADA = Customer(id="7800000000001", email="ada@example.com")
BODY: dict[str, Any] = {"webhookId": "w-1", "customer": SHOPPER, "oldPoint": 100, "newPoint": 150}


def read(body: dict[str, Any], topic: str | None) -> Event:
    """The event in ``body``, which arrived where ``topic`` was subscribed to."""
    return take(json.dumps(body).encode(), topic)


def take(body: bytes, topic: str | None) -> Event:
    """The same of bytes."""
    headers = {"x-joy-loyalty-hmac-sha256": Joy.webhook_format().sign(body, SECRET)}
    return verify("joy", body, headers, SECRET, topic=topic)


def test_points_earned() -> None:
    """The change is the difference of the two balances; the customer is Shopify's."""
    event = read(BODY, "points/earned")

    assert isinstance(event, PointsEarned)
    assert (50, None, 150) == (event.points, event.pending, event.balance)
    assert ("w-1", ADA, "ada@example.com") == (event.id, event.customer, event.email)
    assert BODY == event.raw


@pytest.mark.parametrize(
    ("topic", "kind"), [("points/redeemed", PointsRedeemed), ("points/expired", PointsExpired)]
)
def test_points_that_go(topic: str, kind: type[PointsChanged]) -> None:
    """What is spent or runs out is negative."""
    event = read(BODY | {"oldPoint": 150, "newPoint": 100}, topic)

    assert isinstance(event, kind)
    assert (-50, 100) == (event.points, event.balance)


@pytest.mark.parametrize(
    ("old", "new", "points"), [(None, 5, None), (5, None, None), ("", "", None), (0, 0, 0)]
)
def test_half_of_the_balances_is_no_change(old: Any, new: Any, points: int | None) -> None:
    """Points are not made up of one balance; an empty text stands for none."""
    event = read(BODY | {"oldPoint": old, "newPoint": new}, "points/earned")

    assert isinstance(event, PointsEarned)
    assert points == event.points


@pytest.mark.parametrize("value", ["5", 1.5, True, [5]])
@pytest.mark.parametrize("name", ["oldPoint", "newPoint"])
def test_points_that_are_no_whole_number_are_refused(name: str, value: Any) -> None:
    """Points are money: of another type they are an error with a path."""
    with pytest.raises(MalformedWebhookError) as caught:
        read(BODY | {name: value}, "points/earned")

    assert f"$.{name}" == caught.value.path


@pytest.mark.parametrize("days", [3, 7, 30])
def test_points_about_to_expire(days: int) -> None:
    """The topic says in how many days."""
    event = read(BODY, f"points/about_to_expire_{days}_days")

    assert isinstance(event, ApproachingPointsExpiration)
    assert (days, None) == (event.days, event.points)


@pytest.mark.parametrize(("name", "days"), [("4_weeks", 28), ("2_weeks", 14), ("1_day", 1)])
def test_tiers_about_to_reset(name: str, days: int) -> None:
    """The topic says in how many days, the customer which tier."""
    event = read(BODY, f"tier/about_to_reset_{name}")

    assert isinstance(event, ApproachingTierChange)
    assert (TierMove.RESET, days) == (event.move, event.days)
    assert Tier(id="tier_silver", name="Silver") == event.current


@pytest.mark.parametrize("move", TierMove)
def test_tier_changes(move: TierMove) -> None:
    """The new tier is the customer's; the old one is not documented."""
    event = read(BODY, f"tier/{move}")
    bare = read({"webhookId": "w-2", "customer": {"email": "x@example.com"}}, f"tier/{move}")

    assert isinstance(event, TierChanged)
    assert isinstance(bare, TierChanged)
    assert (move, None, Tier(id="tier_silver", name="Silver")) == (event.move, event.old, event.new)
    assert (None, None, "x@example.com") == (bare.new, bare.customer, bare.email)


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        ("reward/coupon_used", RewardUsed),
        ("referral/referee_claimed", RewardClaimed),
        ("referral/reward_earned", ReferralCompleted),
        ("referral/link_created", ReferralLinkCreated),
        ("birthday/reward_earned", RuleCompleted),
        ("milestone/achieved", RuleCompleted),
        ("customer/status_changed", CustomerStatusChanged),
    ],
)
def test_other_topics(topic: str, kind: type[Event]) -> None:
    """Each documented topic has an event of its own."""
    event = read(BODY | {"couponCode": "AB12"}, topic)

    assert kind is type(event)
    assert ADA == event.customer
    if isinstance(event, RewardUsed | RewardClaimed):
        assert "AB12" == event.code
    if isinstance(event, RuleCompleted):
        assert topic.partition("/")[0] == event.rule
    if isinstance(event, CustomerStatusChanged):
        assert "member" == event.status


def test_the_body_knows_its_topic_better() -> None:
    """If a body ever says its topic, that is signed; where nothing says it, it is unknown."""
    assert isinstance(read(BODY | {"topic": "points/expired"}, "points/earned"), PointsExpired)
    assert isinstance(read(BODY, None), UnknownEvent)
    assert isinstance(read(BODY, "points/lost"), UnknownEvent)


def test_times_are_utc() -> None:
    """A time that is there has an offset, or is none."""
    aware = read(BODY | {"timestamp": "2026-05-01T12:00:00+02:00"}, "points/earned")
    naive = read(BODY | {"timestamp": "2026-05-01T12:00:00"}, "points/earned")

    assert datetime(2026, 5, 1, 10, tzinfo=UTC) == aware.sent_at
    assert None is naive.sent_at


TOPICS = [
    "points/earned", "points/redeemed", "points/expired", "points/about_to_expire_3_days",
    "points/about_to_expire_7_days", "points/about_to_expire_30_days", "customer/status_changed",
    "reward/coupon_used", "tier/upgraded", "tier/downgraded", "tier/reset",
    "tier/about_to_reset_4_weeks", "tier/about_to_reset_2_weeks", "tier/about_to_reset_1_day",
    "referral/link_created", "referral/reward_earned", "referral/referee_claimed",
    "birthday/reward_earned", "milestone/achieved",
]  # fmt: skip
"""All nineteen that are documented."""


@pytest.mark.parametrize("topic", TOPICS)
def test_every_documented_topic_has_an_event(topic: str) -> None:
    """No documented topic is unknown."""
    assert not isinstance(read(BODY, topic), UnknownEvent)


SEED = json.dumps(BODY | {"couponCode": "AB12", "timestamp": "2026-05-01T12:00:00Z"}).encode()
EARLY = json.dumps(BODY | {"timestamp": "0001-01-01T00:00:00+14:00"}).encode()


@settings(deadline=None)
@given(body=bodies([SEED, EARLY]), topic=st.none() | st.sampled_from(TOPICS))
def test_any_body_is_an_event_or_one_of_our_errors(body: bytes, topic: str | None) -> None:
    """Nothing that is signed breaks the receiver: it is an event, or an error of this library."""
    try:
        event = take(body, topic)
    except MalformedWebhookError:
        return
    if isinstance(event, PointsChanged):
        assert {type(event.points), type(event.balance)} <= {int, type(None)}
    assert event.sent_at is None or UTC is event.sent_at.tzinfo
    hash(event)
    event.to_json()
