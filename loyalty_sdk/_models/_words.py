"""The words that values are made of."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

PaymentStatus = Literal["not_paid", "partially_paid", "paid"]


class Outcome(StrEnum):
    """What is known of a write when its call ends."""

    APPLIED = "applied"
    """The vendor acknowledged it, or its records show it."""
    REJECTED = "rejected"
    """The vendor refused it, and nothing was applied."""
    NOT_SENT = "not_sent"
    """Nothing left this process."""
    ABSENT = "absent"
    """It left, and the vendor's records show that it was not applied."""
    UNKNOWN = "unknown"
    """It left and was not acknowledged: it may have been applied."""

    @property
    def not_applied(self) -> bool:
        """Whether it is certain that nothing was applied; to send it again doubles nothing."""
        return self in {Outcome.REJECTED, Outcome.NOT_SENT, Outcome.ABSENT}


class TransactionKind(StrEnum):
    """Why points changed; whatever a vendor adds later is ``OTHER``."""

    EARNED = "earned"
    REDEEMED = "redeemed"
    ADJUSTED = "adjusted"
    EXPIRED = "expired"
    OTHER = "other"
