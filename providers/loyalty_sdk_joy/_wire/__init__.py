"""Joy's JSON as classes with Joy's own names, and what it means in neutral words.

What reads answers is imported when the first one is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from loyalty_sdk._lazy import lazily

if TYPE_CHECKING:
    from ._answers import Pagination, acknowledges, read_refusal
    from ._bodies import cart, interaction, point_change
    from ._kinds import TYPES
    from ._pages import page, read_last_id
    from ._records import read_calculation, read_customer, read_customers, read_identity
    from ._transactions import ActivityRow, read_acknowledged, read_transaction, read_transactions
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "._answers": "Pagination acknowledges read_refusal",
            "._bodies": "cart interaction point_change",
            "._kinds": "TYPES",
            "._pages": "page read_last_id",
            "._records": "read_calculation read_customer read_customers read_identity",
            "._transactions": "ActivityRow read_acknowledged read_transaction read_transactions",
        },
    )

__all__ = [
    "TYPES",
    "ActivityRow",
    "Pagination",
    "acknowledges",
    "cart",
    "interaction",
    "page",
    "point_change",
    "read_acknowledged",
    "read_calculation",
    "read_customer",
    "read_customers",
    "read_identity",
    "read_last_id",
    "read_refusal",
    "read_transaction",
    "read_transactions",
]
