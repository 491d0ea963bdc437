"""The order that every candidate reports, and what they all are told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

KEY = "pat_sandbox"
TOTAL = Decimal("99.99")
EMAIL = "ada.byron.king@example.com"
# `json.dumps` puts eleven spaces between the names and values of an order: with this address it
# is as long as without them.
SHORT_EMAIL = "ada@example.com"


def by_hand(number: int, email: str = EMAIL) -> dict[str, Any]:
    """The order as people write it down for LoyaltyLion's API."""
    return {
        "customer_id": "1001",
        "customer_email": email,
        "merchant_id": f"A-{number}",
        "total": str(TOTAL),
        "payment_status": "paid",
        "guest": False,
    }
