"""Transactions: Joy's rows, and what they mean in neutral words.

https://devdocs.joy.so/joy-rest-api-v2/api-references/activities describes the rows. Joy
leaves out what is null, so nothing but a row's id and time is counted on; unknown fields stay
in ``raw``.
"""
# ruff: noqa: N815 - these are Joy's names, and the decoder matches them to the JSON

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from loyalty_sdk._models import Customer, RawPage, Transaction, TransactionKind, transaction
from loyalty_sdk.errors import APIError, MalformedResponseError
from loyalty_sdk.wire import Aware, Id, Shape, decode, in_utc, malformed, salvage

from ._answers import Meta, Pagination, object_of, refused, rows_of
from ._kinds import KINDS

if TYPE_CHECKING:
    from loyalty_sdk._flow import Response

Raw = tuple[RawPage, int] | Mapping[str, Any]

# "" stands for none in the OpenAPI document that comes with Joy's Node client, joy-api-node.
Amount = int | Literal[""] | None

_OTHER = TransactionKind.OTHER


class ActivityRow(Shape):
    """The part of Joy's Activity that has a neutral meaning; the rest stays in ``raw``."""

    id: Id
    createdAt: Aware
    shopifyCustomerId: Id | None = None
    email: str | None = None
    type: str | None = None
    oldPoint: Amount = None
    newPoint: Amount = None
    earnPoint: Amount = None
    spendPoint: Amount = None
    isPendingPointPlaceOrder: bool | None = None
    orderId: Id | None = None
    reason: str | None = None
    userNote: str | None = None
    content: str | None = None


class ActivityPage(Shape):
    """One page of transactions, as it comes nearly always."""

    data: list[ActivityRow]
    success: bool | None = None
    meta: Meta | None = None


def read_transactions(response: Response) -> tuple[tuple[Transaction, ...], Pagination]:
    """A page of transactions: decoded whole, and row by row only where that fails.

    Raises:
        APIError: ``success`` is false.
        MalformedResponseError: It is no such page, or a row has no id, no time, or points
            that cannot be read; ``path`` names it.
    """
    try:
        page = decode(response.body, ActivityPage)
    except MalformedResponseError:
        return _transactions_one_by_one(response)
    if page.success is False:
        raise refused(response)
    raw = RawPage(response.body, "data")
    customers: dict[tuple[Any, ...], Customer | None] = {}
    rows = tuple(
        [_transaction(row, (raw, index), customers) for index, row in enumerate(page.data)]
    )
    return rows, (page.meta and page.meta.pagination) or Pagination()


def _transactions_one_by_one(
    response: Response,
) -> tuple[tuple[Transaction, ...], Pagination]:
    data, pagination = rows_of(response)
    raw = RawPage(response.body, "data")
    customers: dict[tuple[Any, ...], Customer | None] = {}
    found = [
        _transaction(_salvaged_row(row, f"$.data[{index}]"), (raw, index), customers)
        for index, row in enumerate(data)
    ]
    return tuple(found), pagination


def _transaction(
    row: ActivityRow,
    raw: Raw,
    customers: dict[tuple[Any, ...], Customer | None],
) -> Transaction:
    """``row`` in neutral words; ``customers`` keeps one `Customer` for equal ones."""
    who = row.shopifyCustomerId, row.email
    if who not in customers:
        customers[who] = _customer(row)
    points, pending = _change(row)
    moment = row.createdAt
    return transaction(
        id=str(row.id),
        customer=customers[who],
        points=points,
        pending=pending,
        balance=None if row.newPoint == "" else row.newPoint,
        kind=KINDS.get(row.type, _OTHER),
        created_at=moment if moment.tzinfo is UTC else _in_utc(moment, raw),
        reason=row.reason or row.userNote or row.content or None,
        order_id=identifier(row.orderId),
        raw=raw,
    )


def _in_utc(moment: datetime, raw: Raw) -> datetime:
    row = f"$.data[{raw[1]}]" if isinstance(raw, tuple) else "$.data"
    return in_utc(moment, f"{row}.createdAt")


def _change(row: ActivityRow) -> tuple[int, int]:
    """The change of what can be spent, and of what is not approved yet.

    The balances before and after decide where both are there. Of a row that waits for
    its order, whatever they do not show is pending.
    """
    change = (row.earnPoint or 0) - (row.spendPoint or 0)
    old, new, waits = row.oldPoint, row.newPoint, row.isPendingPointPlaceOrder
    points = 0 if waits else change
    if isinstance(old, int) and isinstance(new, int):
        points = new - old
    return points, change - points if waits and change else 0


def _customer(row: ActivityRow) -> Customer | None:
    shopper = identifier(row.shopifyCustomerId)
    return None if shopper is None else Customer(id=shopper, email=row.email)


def identifier(value: int | str | None) -> str | None:
    """Shopify's ids come as text or as a number; only their digits matter."""
    return None if value is None else str(value)


_AMOUNTS = ("oldPoint", "newPoint", "earnPoint", "spendPoint", "isPendingPointPlaceOrder")


def _salvaged_row(raw: Any, path: str) -> ActivityRow:
    """``raw`` with what is of another type than documented left out, but never its points."""
    row = salvage(raw, ActivityRow, path)
    lost = [
        name for name in _AMOUNTS if getattr(row, name) is None and raw.get(name) not in (None, "")
    ]
    if lost and (row.oldPoint is None or row.newPoint is None):
        raise malformed(f"{path}.{lost[0]}", "points that are not a whole number")
    return row


def read_transaction(response: Response) -> Transaction:
    """The one transaction of an answer; raises like `object_of`."""
    _, raw = object_of(response, ActivityRow)
    return _transaction(_salvaged_row(raw, "$.data"), raw, {})


def read_acknowledged(response: Response) -> Transaction | None:
    """The row that an acknowledged write brought back, if it is one. Never raises.

    Joy documents no content of ``data`` for its points calls: an Activity is likely.
    """
    try:
        return read_transaction(response)
    except (APIError, MalformedResponseError):
        return None
