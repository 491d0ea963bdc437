"""LoyaltyLion keeps the rules that every adapter keeps."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from loyalty_sdk.testing import ProviderConformance
from loyalty_sdk_loyaltylion import LoyaltyLion


class TestLoyaltyLion(ProviderConformance):
    """The four operations and every flow of its own."""

    name = "loyaltylion"
    lists = ("list_transactions", "list_orders", "list_activities", "list_customers")

    def flows(self, provider: LoyaltyLion, an_id: str) -> dict[str, Any]:
        """What only LoyaltyLion has."""
        return {
            "update_activity": lambda: provider.update_activity(an_id, an_id, "approved"),
            "get_order": lambda: provider.get_order(an_id),
            "update_order": lambda: provider.update_order(
                an_id,
                payment_status="paid",
                refund_status="partially_refunded",
                cancellation_status="not_cancelled",
                total_paid=Decimal("1E+2"),
                total_refunded=Decimal("0.30"),
            ),
            "list_orders": lambda: provider.list_orders(None, {}),
            "list_activities": lambda: provider.list_activities(None, {}),
            "list_customers": lambda: provider.list_customers(None, {}),
            "list_sites": provider.list_sites,
        }
