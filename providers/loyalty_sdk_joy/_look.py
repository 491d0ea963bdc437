"""How a write is found again in Joy's records: by the marker in its ``adminNote``.

What a row proves, and what its absence does, is argued in the documentation of writes; none
of it is the vendor's own statement.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import attrs

from loyalty_sdk._look import Finding, History, Sight, Trace, Window, by_marker, history

if TYPE_CHECKING:
    from loyalty_sdk._flow import Flow
    from loyalty_sdk._models import Transaction

    from ._provider import Joy


def look_for_marker(provider: Joy, trace: Trace, window: Window) -> Flow[Sight]:
    """Proven by the marker; absent without it, unless the list lags."""
    filters = {"customer_id": trace.customer_id, "page_size": 1000}
    listed = yield from history(provider.list_transactions, trace, window, filters)
    sight = by_marker(trace, listed.recent, _note, start=listed.start, others=window.others)
    if sight.finding is Finding.ABSENT and _has_gap(listed):
        note = "the balances show that a row is not listed yet"
        return attrs.evolve(sight, finding=Finding.UNDECIDED, note=note)
    return sight


def _note(row: Transaction) -> str | None:
    note = row.raw.get("adminNote")
    return note if isinstance(note, str) else None


def _has_gap(listed: History[Transaction]) -> bool:
    """Whether in the window a row's balance before is not the balance after the row before it."""
    return any(
        newer.balance is not None
        and older.balance is not None
        and newer.balance - newer.points != older.balance
        for newer, older in pairwise(listed.rows)
        if listed.holds(newer)
    )
