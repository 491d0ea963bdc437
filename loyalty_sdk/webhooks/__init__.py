"""What vendors tell by webhook: verified, in neutral words, each once.

    event = webhooks.verify("acme", body, headers, secret)
    async with webhooks.once(event, store) as first:
        if first:
            ...

An adapter says in a `WebhookFormat` how its vendor signs and words what it sends.
"""

from ._events import (
    ApproachingPointsExpiration,
    ApproachingRewardExpiration,
    ApproachingTierChange,
    CustomerEnrolled,
    CustomerSegmentChanged,
    CustomerStatusChanged,
    CustomerUpdated,
    EmailUnsubscribed,
    Event,
    PointsChanged,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    ReferralCompleted,
    ReferralLinkCreated,
    RewardAvailable,
    RewardClaimed,
    RewardFulfilment,
    RewardUsed,
    RuleCompleted,
    Tier,
    TierChanged,
    TierMove,
    UnknownEvent,
)
from ._format import Delivery, WebhookFormat
from ._replay import MemoryStore, Store, once
from ._verify import verify

__all__ = [
    "ApproachingPointsExpiration",
    "ApproachingRewardExpiration",
    "ApproachingTierChange",
    "CustomerEnrolled",
    "CustomerSegmentChanged",
    "CustomerStatusChanged",
    "CustomerUpdated",
    "Delivery",
    "EmailUnsubscribed",
    "Event",
    "MemoryStore",
    "PointsChanged",
    "PointsEarned",
    "PointsExpired",
    "PointsRedeemed",
    "ReferralCompleted",
    "ReferralLinkCreated",
    "RewardAvailable",
    "RewardClaimed",
    "RewardFulfilment",
    "RewardUsed",
    "RuleCompleted",
    "Store",
    "Tier",
    "TierChanged",
    "TierMove",
    "UnknownEvent",
    "WebhookFormat",
    "once",
    "verify",
]
