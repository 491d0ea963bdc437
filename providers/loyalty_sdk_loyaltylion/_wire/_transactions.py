"""Rows of the points history, and what they mean in neutral words.

https://developers.loyaltylion.com/api-reference/v2/resources/transactions/list-transactions.
Pages are decoded whole, straight into these classes; only when that fails are they read row
by row. Points that are no integer fail the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any, cast

from loyalty_sdk._models import (
    Customer,
    Page,
    RawPage,
    Transaction,
    TransactionKind,
    transaction,
)
from loyalty_sdk.errors import MalformedResponseError
from loyalty_sdk.wire import Aware, Id, Shape, decode, in_utc, salvage

from ._lists import Cursor, after, rows_of

Raw = tuple[RawPage, int] | Mapping[Any, Any]


class CustomerRef(Shape):
    """A customer inside another row."""

    merchant_id: Id | None = None
    email: str | None = None


class _Rule(Shape):
    name: str | None = None
    title: str | None = None


class _Order(Shape):
    merchant_id: Id | None = None


class _Activity(Shape):
    rule: _Rule | None = None
    order: _Order | None = None


class _Adjustment(Shape):
    note: str | None = None


class _Transaction(Shape):
    id: Id
    created_at: Aware
    # No `| None`: other than what may be absent, points of another type are no small matter.
    points_approved: int = 0
    points_pending: int = 0
    resource: str | None = None
    customer: CustomerRef | None = None
    activity: _Activity | None = None
    adjustment: _Adjustment | None = None


class _TransactionPage(Shape):
    transactions: list[_Transaction]
    cursor: Cursor | None = None


_KINDS: Mapping[str | None, TransactionKind] = {
    "activity": TransactionKind.EARNED,
    "adjustment": TransactionKind.ADJUSTED,
    "claimed_reward": TransactionKind.REDEEMED,
    "expiry": TransactionKind.EXPIRED,
}


def read_transactions(body: bytes) -> Page[Transaction]:
    """A page of the points history.

    ``points`` is ``points_approved`` and ``pending`` is ``points_pending``; LoyaltyLion gives
    no balance. ``reason`` is the adjustment's note or the rule's title.

    Raises:
        MalformedResponseError: It is no page, or a row has no id, no time with an offset, or
            points that are no integer; ``path`` names it.
    """
    try:
        page = decode(body, _TransactionPage)
    except MalformedResponseError:
        rows, cursor = rows_of(body, "transactions")
        found = [salvage(row, _Transaction, f"$.transactions[{i}]") for i, row in enumerate(rows)]
    else:
        found, cursor = page.transactions, page.cursor
    source = RawPage(body, "transactions")
    items = [_neutral(row, (source, index)) for index, row in enumerate(found)]
    return Page(tuple(items), after(cursor))


def read_transaction(row: object, path: str) -> Transaction:
    """One row as it stands in a webhook, at ``path``; raises like `read_transactions`."""
    return _neutral(salvage(row, _Transaction, path), cast("dict[str, Any]", row), path)


def _neutral(row: _Transaction, raw: Raw, path: str | None = None) -> Transaction:
    moment, activity, adjustment = row.created_at, row.activity, row.adjustment
    if moment.tzinfo is not UTC:
        path = path or f"$.transactions[{raw[1]}]"
        moment = in_utc(moment, f"{path}.created_at")
    return transaction(
        id=str(row.id),
        customer=read_customer(row.customer),
        points=row.points_approved,
        pending=row.points_pending,
        balance=None,
        kind=_KINDS.get(row.resource, TransactionKind.OTHER),
        created_at=moment,
        reason=_title(activity) if adjustment is None else adjustment.note,
        order_id=None if activity is None else _order_id(activity),
        raw=raw,
    )


def read_customer(customer: CustomerRef | None) -> Customer | None:
    """The customer by the merchant's own id; None where there is no such id."""
    # LoyaltyLion's own id is there too, but ours is the merchant's.
    if customer is None or customer.merchant_id is None:
        return None
    return Customer(id=str(customer.merchant_id), email=customer.email)


def _title(activity: _Activity | None) -> str | None:
    rule = activity and activity.rule
    return (rule.title or rule.name) if rule else None


def _order_id(activity: _Activity) -> str | None:
    order = activity.order
    return None if order is None or order.merchant_id is None else str(order.merchant_id)
