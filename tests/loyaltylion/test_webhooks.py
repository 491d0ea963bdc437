"""What LoyaltyLion tells by webhook, in neutral words."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loyalty_sdk import Customer, MalformedWebhookError, TransactionKind
from loyalty_sdk.testing._mutations import bodies
from loyalty_sdk.webhooks import (
    ApproachingPointsExpiration,
    ApproachingRewardExpiration,
    ApproachingTierChange,
    CustomerEnrolled,
    CustomerSegmentChanged,
    CustomerUpdated,
    EmailUnsubscribed,
    Event,
    PointsChanged,
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
    verify,
)
from loyalty_sdk_loyaltylion import LoyaltyLion

SECRET = "site-secret"
SENT = datetime(2026, 5, 1, 10, 0, 5, tzinfo=UTC)
ADA = Customer(id="5000001", email="ada@example.com")
BRONZE = {"id": 15, "name": "Bronze", "number": 1, "default": True, "lower_bound": "0.00"}
SILVER = {"id": 16, "name": "Silver", "number": 2, "default": False, "lower_bound": "50.00"}
SHOPPER = {
    "id": 1001,
    "merchant_id": "5000001",
    "email": "ada@example.com",
    "points_approved": 550,
    "points_pending": 30,
    "points_spent": 0,
    "properties": {"name": "Ada"},
    "loyalty_tier_membership": {"started_at": "2026-01-01T00:00:00Z", "loyalty_tier": SILVER},
}
ROW = {
    "id": 8001,
    "points_approved": 100,
    "points_pending": 0,
    "created_at": "2026-05-01T09:55:00.000Z",
    "resource": "activity",
    "activity": {"id": 9, "rule": {"name": "review", "title": "Write a review"}},
}


def read(body: dict[str, Any], topic: str | None = None) -> Event:
    """The event in ``body``, signed as the vendor signs."""
    return take(json.dumps(body).encode(), topic)


def take(body: bytes, topic: str | None = None) -> Event:
    """The same of bytes."""
    signature = LoyaltyLion.webhook_format().sign(body, SECRET)
    headers = {"X-LoyaltyLion-Hmac-SHA256": signature}
    return verify("loyaltylion", body, headers, SECRET, topic=topic)


def told(topic: str, **content: Any) -> dict[str, Any]:
    """A body as documented for the topics of a program."""
    return {
        "id": "bff1",
        "topic": topic,
        "created_at": "2026-05-01T10:00:05.000Z",
        "payload": {"properties": {"customer": SHOPPER, **content}},
    }


def test_points_earned() -> None:
    """Points, balance and the row of the history come along; the body stays whole in ``raw``."""
    body = told("program_events/customer.points_earned", transaction=ROW, available_rewards=[])
    event = read(body)

    assert isinstance(event, PointsEarned)
    assert isinstance(event, PointsChanged)
    assert (100, 0, 550) == (event.points, event.pending, event.balance)
    assert ("bff1", SENT, ADA) == (event.id, event.sent_at, event.customer)
    assert event.transaction is not None
    assert ("8001", TransactionKind.EARNED) == (event.transaction.id, event.transaction.kind)
    assert "Write a review" == event.transaction.reason
    assert (body, ROW) == (event.raw, event.transaction.raw)


def test_times_of_a_row_are_utc() -> None:
    """An offset in the vendor's time is no other moment."""
    row = ROW | {"created_at": "2026-05-01T12:00:00+02:00"}
    event = read(told("program_events/customer.points_earned", transaction=row))

    assert isinstance(event, PointsEarned)
    assert event.transaction is not None
    assert datetime(2026, 5, 1, 10, tzinfo=UTC) == event.transaction.created_at
    assert UTC is event.transaction.created_at.tzinfo


def test_points_without_a_row_are_not_made_up() -> None:
    """Where the vendor sends no transaction, nobody knows how many points."""
    event = read(told("program_events/customer.points_earned"))

    assert isinstance(event, PointsEarned)
    assert (None, None, 550, None) == (
        event.points, event.pending, event.balance, event.transaction
    )  # fmt: skip


@pytest.mark.parametrize("points", ["100", 1.5, True, None])
def test_points_that_are_no_whole_number(points: Any) -> None:
    """Points are money: of another type they are an error with a path, and absent is none."""
    body = told(
        "program_events/customer.points_earned", transaction=ROW | {"points_approved": points}
    )
    if points is None:
        event = read(body)
        assert isinstance(event, PointsEarned)
        assert 0 == event.points
        return
    with pytest.raises(MalformedWebhookError) as caught:
        read(body)
    assert "$.payload.properties.transaction.points_approved" == caught.value.path


CUSTOMER = SHOPPER | {"loyalty_tier_membership": {"loyalty_tier": BRONZE, "manual": False}}


@pytest.mark.parametrize(
    "place",
    [
        {"customer": CUSTOMER},
        {"payload": {"customer": CUSTOMER}},
        {"payload": {"properties": {"customer": CUSTOMER}}},
        {"customer": CUSTOMER, "payload": None},
    ],
    ids=["top", "payload", "properties", "null payload"],
)
def test_customers_update_in_every_shape(place: dict[str, Any]) -> None:
    """The example has the customer at the top, live code reads it under ``payload``."""
    event = read({"id": "u1", "topic": "customers/update"} | place)

    assert isinstance(event, CustomerUpdated)
    assert (ADA, 550, 30) == (event.customer, event.balance, event.pending)
    assert Tier(id="15", name="Bronze", number=1) == event.tier


def test_customers_without_a_tier() -> None:
    """No membership is no tier, and no customer is nobody."""
    event = read({"topic": "customers/update", "customer": {"merchant_id": 7}})
    nobody = read({"topic": "customers/update", "customer": "?"})

    assert isinstance(event, CustomerUpdated)
    assert (Customer(id="7"), None, None) == (event.customer, event.tier, event.balance)
    assert (None, None) == (nobody.customer, nobody.email)


def test_unsubscribed() -> None:
    """The address that wants no more e-mails; the vendor's own id is not the merchant's."""
    event = read(
        {
            "id": "n1",
            "topic": "loyalty_emails/unsubscribe",
            "payload": {"unsubscribe": {"customer": {"id": 1001, "email": "ada@example.com"}}},
        }
    )

    assert isinstance(event, EmailUnsubscribed)
    assert (None, "ada@example.com") == (event.customer, event.email)


@pytest.mark.parametrize("test", [True, False])
def test_store_fulfilment_is_flat(test: bool) -> None:  # noqa: FBT001 - a parameter
    """It has neither topic nor id; whether it only tries the address is never lost."""
    event = read(
        {
            "test": test,
            "reward_id": 6,
            "reward_identifier": "gift",
            "customer_id": 1001,
            "customer_merchant_id": 5000001,
            "customer_email": "ada@example.com",
        },
        topic="customers/update",
    )

    assert isinstance(event, RewardFulfilment)
    assert ("rewards/store_fulfilment", None) == (event.topic, event.id)
    assert ("6", "gift", test) == (event.reward_id, event.reward, event.test)
    assert (ADA, "ada@example.com") == (event.customer, event.email)


def test_a_trial_that_cannot_be_told_is_refused() -> None:
    """Nothing is handed out on a guess: ``test`` of another type is an error."""
    body = {"test": "true", "reward_identifier": "gift", "customer_merchant_id": "1"}
    with pytest.raises(MalformedWebhookError) as caught:
        read(body)

    assert "$.test" == caught.value.path


@pytest.mark.parametrize(
    ("name", "move"), [("upgraded", TierMove.UPGRADED), ("downgraded", TierMove.DOWNGRADED)]
)
@pytest.mark.parametrize(
    ("old", "new"), [("old_tier", "new_tier"), ("previous_tier", "current_tier")]
)
def test_tier_changes(name: str, move: TierMove, old: str, new: str) -> None:
    """Both tiers are read under the names they may have: the vendor documents none."""
    tiers = {old: BRONZE, new: SILVER}
    event = read(told(f"program_events/customer.tier_{name}", **tiers))

    assert isinstance(event, TierChanged)
    assert move is event.move
    assert Tier(id="15", name="Bronze", number=1) == event.old
    assert Tier(id="16", name="Silver", number=2) == event.new


def test_the_new_tier_is_the_customers() -> None:
    """Without known names, the new tier is the one the customer is in now."""
    event = read(told("program_events/customer.tier_upgraded"))

    assert isinstance(event, TierChanged)
    assert (None, Tier(id="16", name="Silver", number=2)) == (event.old, event.new)


@pytest.mark.parametrize(
    ("given", "kept"), [("49.50", Decimal("49.50")), (49.5, Decimal("49.5")), ("NaN", None)]
)
def test_approaching_tier_upgrade(given: Any, kept: Decimal | None) -> None:
    """What is missing is in points or in money, as the program counts."""
    event = read(
        told(
            "program_events/customer.approaching_tier_upgrade",
            current_tier=BRONZE,
            next_tier=SILVER,
            points_required=None,
            spend_required=given,
        )
    )

    assert isinstance(event, ApproachingTierChange)
    assert (TierMove.UPGRADED, None, kept) == (event.move, event.points_needed, event.spend_needed)
    assert ("Bronze", "Silver") == (
        event.current and event.current.name, event.next and event.next.name
    )  # fmt: skip


def test_approaching_points_expiration() -> None:
    """The topic may stand inside as ``kind``; the envelope inside has an id that is not ours."""
    body = told(
        "program_events/customer.approaching_points_expiration",
        expire_points_at="2027-01-01T03:00:05.000Z",
        points_to_expire=136,
    )
    del body["topic"]
    body["payload"] |= {"id": "332d", "kind": "customer.approaching_points_expiration"}
    event = read(body)

    assert isinstance(event, ApproachingPointsExpiration)
    assert "program_events/customer.approaching_points_expiration" == event.topic
    assert ("bff1", 136) == (event.id, event.points)
    assert datetime(2027, 1, 1, 3, 0, 5, tzinfo=UTC) == event.expires_at


@pytest.mark.parametrize(
    "name", ["reward_available_notification", "recurring_reward_available_reminder"]
)
def test_rewards_available(name: str) -> None:
    """The titles of what the customer can afford."""
    rewards = [{"id": 1, "title": "Mug"}, {"id": 2}, {"title": "Tea"}]
    event = read(told(f"program_events/customer.{name}", available_rewards=rewards))

    assert isinstance(event, RewardAvailable)
    assert ("Mug", "Tea") == event.titles


def test_rewards_claimed_and_expiring() -> None:
    """A voucher's code is there, and not in the event's repr."""
    claim = {"title": "5 off", "reward_type": "voucher", "voucher_code": "AB12-CD34"}
    claimed = read(told("program_events/customer.claimed_reward", **claim))
    expiring = read(
        told(
            "program_events/customer.approaching_reward_expiration",
            **claim,
            expires_at="2026-06-01T00:00:00Z",
        )
    )

    assert isinstance(claimed, RewardClaimed)
    assert isinstance(expiring, ApproachingRewardExpiration)
    for event in (claimed, expiring):
        assert ("5 off", "voucher", "AB12-CD34") == (event.title, event.kind, event.code)
        assert "AB12" not in repr(event)
    assert datetime(2026, 6, 1, tzinfo=UTC) == expiring.expires_at


def test_enrolled() -> None:
    """When and why; both may be missing."""
    enrollment = {"date": "2026-05-01T10:00:00.000Z", "trigger": "account_creation"}
    event = read(told("program_events/customer.enrolled", enrollment=enrollment))
    bare = read(told("program_events/customer.enrolled"))

    assert isinstance(event, CustomerEnrolled)
    assert isinstance(bare, CustomerEnrolled)
    assert datetime(2026, 5, 1, 10, tzinfo=UTC) == event.enrolled_at
    assert ("account_creation", None, None) == (event.trigger, bare.trigger, bare.enrolled_at)


@pytest.mark.parametrize("segment", ["at_risk", "defected", "loyal"])
def test_segments(segment: str) -> None:
    """Each of the three has a topic of its own."""
    event = read(told(f"program_events/customer.moved_to_{segment}_segment"))

    assert isinstance(event, CustomerSegmentChanged)
    assert segment == event.segment


def test_rule_completed() -> None:
    """The rule, its points, and the order where there is one."""
    activity = {"id": 9, "value": 50, "rule": {"name": "$purchase", "title": "Purchase"}}
    order = {"merchant_id": 100045, "total": "99.99"}
    event = read(told("program_events/customer.rule_completed", activity=activity, order=order))
    bare = read(told("program_events/customer.rule_completed", order=None))

    assert isinstance(event, RuleCompleted)
    assert isinstance(bare, RuleCompleted)
    assert ("$purchase", 50, "100045") == (event.rule, event.points, event.order_id)
    assert (None, None, None) == (bare.rule, bare.points, bare.order_id)


def test_referral_complete() -> None:
    """The event is about the customer who recommended; the new one stands beside."""
    body = told("program_events/customer.referral_complete")
    body["payload"]["properties"] = {
        "referring_customer": SHOPPER,
        "referred_customer": {"merchant_id": "77", "email": "bob@example.com"},
        "order": {"merchant_id": "A-1"},
    }
    event = read(body)

    assert isinstance(event, ReferralCompleted)
    assert (ADA, "A-1") == (event.customer, event.order_id)
    assert Customer(id="77", email="bob@example.com") == event.referred


@pytest.mark.parametrize(
    "topic", ["receipts/manual_approval_required", "program_events/customer.receipt_approved", "x"]
)
def test_unknown_topics(topic: str) -> None:
    """What a vendor adds later is an event, with its customer where one is found."""
    event = read(told(topic))

    assert isinstance(event, UnknownEvent)
    assert (topic, ADA, "bff1") == (event.topic, event.customer, event.id)


def test_a_body_without_a_topic() -> None:
    """Headers are not signed and not believed: only the receiver can say the topic."""
    body = {"customer": SHOPPER}

    assert "" == read(body).topic
    assert isinstance(read(body), UnknownEvent)
    assert isinstance(read(body, topic="customers/update"), CustomerUpdated)


@pytest.mark.parametrize("moment", ["2026-05-01T10:00:05", "yesterday", 5])
def test_a_time_without_a_zone_is_none(moment: Any) -> None:
    """Nobody knows which moment that is."""
    assert None is read(told("x") | {"created_at": moment}).sent_at


TOPICS = [
    "customers/update",
    "loyalty_emails/unsubscribe",
    "rewards/store_fulfilment",
    *(
        f"program_events/customer.{name}"
        for name in (
            "enrolled", "tier_upgraded", "tier_downgraded", "points_earned",
            "reward_available_notification", "recurring_reward_available_reminder",
            "claimed_reward", "referral_complete", "rule_completed", "approaching_tier_upgrade",
            "moved_to_at_risk_segment", "moved_to_defected_segment", "moved_to_loyal_segment",
            "approaching_points_expiration", "approaching_reward_expiration",
        )
    ),
]  # fmt: skip
"""Every topic that is documented."""

FULL = {
    "customer": SHOPPER,
    "referring_customer": SHOPPER,
    "referred_customer": SHOPPER,
    "transaction": ROW,
    "available_rewards": [{"title": "Mug"}],
    "enrollment": {"date": "2026-05-01T10:00:00.000Z", "trigger": "x"},
    "current_tier": BRONZE,
    "next_tier": SILVER,
    "spend_required": "1.50",
    "points_required": 5,
    "expire_points_at": "2027-01-01T03:00:05.000Z",
    "expires_at": "0001-01-01T00:00:00+14:00",
    "points_to_expire": 136,
    "activity": {"value": 50, "rule": {"name": "x"}},
    "order": {"merchant_id": "A-1"},
    "title": "Mug",
    "voucher_code": "AB12",
}


def seeds() -> Iterator[bytes]:
    """A body for every topic that has everything in it."""
    for topic in TOPICS:
        yield json.dumps(told(topic, **copy.deepcopy(FULL))).encode()
    yield json.dumps(
        {"test": False, "reward_id": 6, "reward_identifier": "g", "customer_merchant_id": "1"}
    ).encode()


@pytest.mark.parametrize("topic", TOPICS)
def test_every_documented_topic_has_an_event(topic: str) -> None:
    """No documented topic is unknown."""
    content = FULL | {"expires_at": "2026-06-01T00:00:00Z"}

    assert not isinstance(read(told(topic, **content)), UnknownEvent)


def check(event: Event) -> None:
    """What every event keeps, whatever was sent."""
    for name, value in event.to_dict().items():
        moment = getattr(event, name)
        if isinstance(moment, datetime):
            assert UTC is moment.tzinfo
        if name in {"points", "pending", "balance", "points_needed"}:
            assert value is None or type(value) is int
    hash(event)
    event.to_json()
    assert repr(event)


@settings(deadline=None)
@given(body=bodies(list(seeds())))
@example(body=b'{"id": true, "topic": 5, "payload": []}')
@example(body=b'{"payload": {"kind": "x", "properties": 1}}')
@example(body=b"[" * 100_000)
def test_any_body_is_an_event_or_one_of_our_errors(body: bytes) -> None:
    """Nothing that is signed breaks the receiver: it is an event, or an error of this library."""
    with contextlib.suppress(MalformedWebhookError):
        check(take(body))


@settings(deadline=None)
@given(body=st.sampled_from(list(seeds())), topic=st.none() | st.text(max_size=5))
def test_the_receivers_topic_never_overrules(body: bytes, topic: str | None) -> None:
    """What is signed is believed before anything else."""
    try:
        plain = take(body)
    except MalformedWebhookError:
        with pytest.raises(MalformedWebhookError):
            take(body, topic)
    else:
        assert plain == take(body, topic)
