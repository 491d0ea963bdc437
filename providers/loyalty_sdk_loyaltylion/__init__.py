"""LoyaltyLion for loyalty_sdk: ``connect("loyaltylion")`` or ``connect(LoyaltyLion(...))``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loyalty_sdk._lazy import lazily

if TYPE_CHECKING:
    from ._models import (
        ActivityRecord,
        CustomerRecord,
        CustomerSummary,
        OrderRecord,
        RuleSummary,
        Site,
    )
    from ._provider import LoyaltyLion
    from ._states import ActivityState, CancellationStatus, RefundStatus
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "._models": "ActivityRecord CustomerRecord CustomerSummary OrderRecord RuleSummary"
            " Site",
            "._provider": "LoyaltyLion",
            "._states": "ActivityState CancellationStatus RefundStatus",
        },
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
