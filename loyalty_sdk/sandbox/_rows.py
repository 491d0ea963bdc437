"""What a ledger holds: changes of points, orders, activities, customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from ._tables import Table

if TYPE_CHECKING:
    from collections.abc import Hashable
    from datetime import datetime


@attrs.define(eq=False, kw_only=True)
class Entry:
    """One row of a ledger: a change of one customer's points.

    Attributes:
        number: Ascending within a vendor, in the order things were applied.
        customer_id: The merchant's id of the customer.
        points: Signed change of what can be spent.
        pending: Signed change of what is not yet approved.
        balance: What can be spent after it.
        kind: ``earned``, ``redeemed``, ``adjusted`` or ``expired``.
        time: Aware, UTC, whole milliseconds.
        reason: The text the shopper may see, as the vendor keeps it.
        note: The text for staff only, as the vendor keeps it.
        order_id: The merchant's id of the order behind it.
        activity_id: The merchant's id of the activity behind it.
        origin: ``api``, ``stranger`` (see `Switches.stranger`) or ``seed``.
        detail: What the vendor's half keeps with it.
        shown_at: Lists hide it until then, in seconds since 1970.
    """

    number: int
    prefix: str = attrs.field(default="", repr=False)
    customer_id: str
    points: int
    pending: int = 0
    balance: int
    kind: str
    time: datetime
    reason: str | None = None
    note: str | None = None
    order_id: str | None = None
    activity_id: str | None = None
    origin: str = "api"
    detail: Any = attrs.field(default=None, repr=False)
    shown_at: float = attrs.field(default=0.0, repr=False)

    @property
    def id(self) -> str:
        """The id the vendor's lists show."""
        return f"{self.prefix}{self.number}"


@attrs.define(eq=False, kw_only=True)
class Record:
    """An order or an activity.

    Attributes:
        number: The vendor's own id, ascending.
        key: What the merchant calls it, None when it was given no id.
        customer: Whose it is.
        time, updated: When it happened and when it last changed.
        data: What the vendor's half keeps of it.
    """

    number: int
    key: Hashable | None
    customer: Account
    time: datetime
    updated: datetime
    data: dict[str, Any]
    shown_at: float = 0.0


class Records(Table[Record]):
    """Orders or activities, which can be found by their keys."""

    def __init__(self) -> None:
        super().__init__()
        self._by_key: dict[Hashable, list[Record]] = {}

    def add(self, row: Record) -> None:
        """Like `Table.add`."""
        super().add(row)
        if row.key is not None:
            self._by_key.setdefault(row.key, []).append(row)

    def clear(self) -> None:
        """Like `Table.clear`."""
        super().clear()
        self._by_key.clear()

    def find(self, key: Hashable | None, *, oldest: bool = False) -> Record | None:
        """The newest record with that key, or the oldest; None when there is none."""
        found = self._by_key.get(key)
        return found[0 if oldest else -1] if found else None


@attrs.define(eq=False, kw_only=True)
class Account:
    """A customer and what the vendor keeps for them.

    Attributes:
        number: The vendor's own id.
        id: The merchant's id.
        balance: Points that can be spent.
        pending: Points not yet approved.
        spent: Points ever taken off.
        guest: Whether they are no member.
        data: What the vendor's half keeps of them.
    """

    number: int
    id: str
    email: str | None = None
    balance: int = 0
    pending: int = 0
    spent: int = 0
    earned: int = 0
    guest: bool = False
    time: datetime
    updated: datetime
    data: dict[str, Any] = attrs.field(factory=dict[str, Any])
    entries: Table[Entry] = attrs.field(factory=Table[Entry], repr=False)
    shown_at: float = 0.0
