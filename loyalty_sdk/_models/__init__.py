"""The neutral values: what goes into a vendor's API and what comes out, whichever vendor.

All of them are frozen, keyword-only, compare, hash and pickle. `Activity`, `Order` and
`PointsAdjustment` check themselves and all they hold when they are made, so that one
`ValidationError` lists every problem by its path (``customer.id``); what only one vendor
refuses is found by its adapter before anything is sent.

Making one of these classes takes longer than importing a module: each is made when it is first
used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loyalty_sdk._lazy import lazily

if TYPE_CHECKING:
    from ._activity import Activity
    from ._adjustment import PointsAdjustment
    from ._customer import Customer
    from ._identity import Identity
    from ._order import DiscountCode, Order
    from ._page import Page
    from ._receipt import Receipt
    from ._transaction import RawPage, Transaction, transaction
    from ._value import Value, amount, plain, present, timestamp
    from ._words import Outcome, PaymentStatus, TransactionKind
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "._activity": "Activity",
            "._adjustment": "PointsAdjustment",
            "._customer": "Customer",
            "._identity": "Identity",
            "._order": "DiscountCode Order",
            "._page": "Page",
            "._receipt": "Receipt",
            "._transaction": "RawPage Transaction transaction",
            "._value": "Value amount plain present timestamp",
            "._words": "Outcome PaymentStatus TransactionKind",
        },
    )

__all__ = [
    "Activity",
    "Customer",
    "DiscountCode",
    "Identity",
    "Order",
    "Outcome",
    "Page",
    "PaymentStatus",
    "PointsAdjustment",
    "RawPage",
    "Receipt",
    "Transaction",
    "TransactionKind",
    "Value",
    "amount",
    "plain",
    "present",
    "timestamp",
    "transaction",
]
