"""How a write is found again in LoyaltyLion's records.

What each kind of record proves, and what its absence does, is argued in the documentation
of writes; none of it is the vendor's own statement.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from loyalty_sdk._flow import Flow, get
from loyalty_sdk._look import (
    Finding,
    Sight,
    Trace,
    Window,
    by_marker,
    by_points,
    check_seen,
    history,
)
from loyalty_sdk._models import TransactionKind
from loyalty_sdk.errors import ConflictError, MalformedResponseError

from ._wire import read_order, read_said

if TYPE_CHECKING:
    from ._models import ActivityRecord, OrderRecord
    from ._provider import LoyaltyLion

_PLAIN = re.compile(r"[A-Za-z0-9._-]+")
_EVERYTHING = {"page_size": 500}


def look_for_order(provider: LoyaltyLion, trace: Trace, window: Window) -> Flow[Sight]:
    """Proven by the order itself; absent if there is none under its id."""
    merchant_id = trace.reference or ""
    asked = get("/v2/orders/{merchant_id}", merchant_id=merchant_id)
    response = yield asked._replace(fresh=True, answers=frozenset({404}))
    check_seen(response, 404)
    if response.status == 404:
        if not read_said(response.body):
            raise MalformedResponseError("the 404 is not LoyaltyLion's")
        return (yield from _no_order(provider, trace, window))
    order = read_order(response.body)
    if order.total is None:
        return Sight(finding=Finding.UNDECIDED, note="the order is there, its total is not")
    if (order.merchant_id, order.total) != (merchant_id, trace.total):
        raise ConflictError(
            "another order stands under this id",
            hint="The shop, or another site of the program, may own it",
        )
    ids = (yield from _orders(provider, trace, window)) if window.resent else ()
    return Sight(finding=Finding.PROVEN, ids=ids)


def _no_order(provider: LoyaltyLion, trace: Trace, window: Window) -> Flow[Sight]:
    """An id that a URL must encode may be looked up wrongly: the list has to agree."""
    if _PLAIN.fullmatch(trace.reference or ""):
        return Sight(finding=Finding.ABSENT)
    ids = yield from _orders(provider, trace, window)
    if ids:
        return Sight(finding=Finding.UNDECIDED, note="listed, but not found by its id")
    return Sight(finding=Finding.ABSENT)


def _orders(provider: LoyaltyLion, trace: Trace, window: Window) -> Flow[tuple[str, ...]]:
    listed = yield from history(provider.list_orders, trace, window, _EVERYTHING)
    mine: list[OrderRecord] = [row for row in listed.rows if row.merchant_id == trace.reference]
    return tuple(str(row.id) for row in mine)


def look_for_activity(provider: LoyaltyLion, trace: Trace, window: Window) -> Flow[Sight]:
    """Proven by a listed activity with its id; never absent.

    An activity that no rule matched, or that a rule's limit capped, leaves no row.
    """
    listed = yield from history(provider.list_activities, trace, window, _EVERYTHING)
    mine = tuple(row.id for row in listed.recent if _is(row, trace))
    if mine:
        return Sight(finding=Finding.PROVEN, ids=mine[:1])
    return Sight(finding=Finding.UNDECIDED, note="not recorded, which an activity may never be")


def _is(row: ActivityRecord, trace: Trace) -> bool:
    name = row.rule and row.rule.name
    return row.merchant_id == trace.reference and name in {None, trace.name}


def look_for_adjustment(provider: LoyaltyLion, trace: Trace, window: Window) -> Flow[Sight]:
    """By the marker in the note where there is one, else by what could be its row."""
    filters = {**_EVERYTHING, "customer_id": trace.customer_id}
    listed = yield from history(provider.list_transactions, trace, window, filters)
    rows = [row for row in listed.recent if row.kind is TransactionKind.ADJUSTED]
    if trace.marker is not None:
        start, others = listed.start, window.others
        return by_marker(trace, rows, lambda row: row.reason, start=start, others=others)
    sole_writer = provider.sole_writer
    return by_points(trace, rows, window, sole_writer=sole_writer, start=listed.start)


LOOKS = {
    "track_activity": look_for_activity,
    "create_order": look_for_order,
    "adjust_points": look_for_adjustment,
}
"""How the writes of each operation are found again."""
