"""LoyaltyLion for loyalty_sdk: ``connect("loyaltylion")`` or ``connect(LoyaltyLion(...))``."""

from __future__ import annotations

from ._provider import (
    ActivityState,
    CancellationStatus,
    LoyaltyLion,
    RefundStatus,
)
from ._wire import (
    ActivityRecord,
    CustomerRecord,
    CustomerSummary,
    OrderRecord,
    RuleSummary,
    Site,
)

__all__ = [
    "ActivityRecord",
    "ActivityState",
    "CancellationStatus",
    "CustomerRecord",
    "CustomerSummary",
    "LoyaltyLion",
    "OrderRecord",
    "RefundStatus",
    "RuleSummary",
    "Site",
]
