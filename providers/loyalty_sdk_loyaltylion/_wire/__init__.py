"""LoyaltyLion's JSON: classes with the vendor's names, and how they become values.

Unknown fields stay in ``raw``, a part of an unexpected type reads as None, and nothing is
coerced. All of it is imported when the first answer is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loyalty_sdk._lazy import lazily

if TYPE_CHECKING:
    from ._lists import read_cursor
    from ._records import (
        read_activities,
        read_customers,
        read_order,
        read_orders,
        read_records,
        read_sites,
    )
    from ._said import read_identity, read_refusal, read_said
    from ._transactions import CustomerRef, read_customer, read_transaction, read_transactions
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "._lists": "read_cursor",
            "._records": "read_activities read_customers read_order read_orders read_records"
            " read_sites",
            "._said": "read_identity read_refusal read_said",
            "._transactions": "CustomerRef read_customer read_transaction read_transactions",
        },
    )

__all__ = [
    "CustomerRef",
    "read_activities",
    "read_cursor",
    "read_customer",
    "read_customers",
    "read_identity",
    "read_order",
    "read_orders",
    "read_records",
    "read_refusal",
    "read_said",
    "read_sites",
    "read_transaction",
    "read_transactions",
]
