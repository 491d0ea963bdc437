"""What is known of a write."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from ._transaction import Transaction
from ._value import Value
from ._words import Outcome


@attrs.frozen(kw_only=True)
class Receipt(Value):
    """What is known of one write.

    Attributes:
        operation: ``"create_order"``.
        provider: Registered name of the provider.
        reference: The key the write is known by, None when it has none.
        outcome: What is known.
        attempts: How many times the write itself left or may have left this process;
            lookups do not count.
        transaction: Its row in the vendor's records, where the vendor returned or showed it.
        reconciled: Whether the vendor's records decided, not its answer.
        resolve_after: When looking can decide a write that is UNKNOWN; None for any other.
    """

    operation: str
    provider: str
    reference: str | None
    outcome: Outcome
    attempts: int
    transaction: Transaction | None = None
    reconciled: bool = False
    resolve_after: datetime | None = None
    _trace: Any = attrs.field(default=None, eq=False, repr=False, alias="trace")
    _sent: Any = attrs.field(default=None, eq=False, repr=False, alias="sent")

    @property
    def trace(self) -> Any:
        """What the write left behind; for `LoyaltyClient.resolve`."""
        return self._trace

    @property
    def sent(self) -> Any:
        """When it left, by its process's own clock; for `LoyaltyClient.resolve`."""
        return self._sent
