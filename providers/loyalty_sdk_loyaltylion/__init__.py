"""LoyaltyLion for loyalty_sdk: ``connect("loyaltylion")`` or ``connect(LoyaltyLion(...))``."""

from __future__ import annotations

from ._models import (
    ActivityRecord,
    ActivityState,
    CancellationStatus,
    CustomerRecord,
    CustomerSummary,
    OrderRecord,
    RefundStatus,
    RuleSummary,
    Site,
)
from ._provider import LoyaltyLion

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
