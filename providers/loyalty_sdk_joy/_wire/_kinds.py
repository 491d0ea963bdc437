"""What Joy's types of transactions mean."""

from __future__ import annotations

from loyalty_sdk._models import TransactionKind

KINDS: dict[str | None, TransactionKind] = {
    "earn_point": TransactionKind.EARNED,
    "redeem_point": TransactionKind.REDEEMED,
    "adjust_point": TransactionKind.ADJUSTED,
    "expire_point": TransactionKind.EXPIRED,
}

TYPES = {kind: str(name) for name, kind in KINDS.items() if name != "expire_point"}
"""What the ``type`` filter takes; the documentation leaves ``expire_point`` out."""
