"""LoyaltyLion's JSON: classes with the vendor's names, and how they become values.

https://developers.loyaltylion.com/api-reference/v2/resources/transactions/list-transactions
and the pages beside it. Pages are decoded whole, straight into these classes; only when that
fails are they read row by row. Unknown fields stay in ``raw``, a part of an unexpected type
reads as None, and nothing is coerced: points that are no integer fail the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any, TypeVar, cast

from loyalty_sdk._models import (
    Customer,
    Identity,
    Page,
    RawPage,
    Transaction,
    TransactionKind,
    transaction,
)
from loyalty_sdk._provider import Refusal
from loyalty_sdk.errors import MalformedResponseError
from loyalty_sdk.wire import Aware, Id, Shape, convert, decode, decode_json, in_utc, salvage

from ._models import OrderRecord, Record

T = TypeVar("T", bound=Record)

Raw = tuple[RawPage, int] | Mapping[Any, Any]

# ------------------------------------------------------------ transactions


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


class _Cursor(Shape):
    next: str | None = None


class _TransactionPage(Shape):
    transactions: list[_Transaction]
    cursor: _Cursor | None = None


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
        rows, cursor = _rows(body, "transactions")
        found = [salvage(row, _Transaction, f"$.transactions[{i}]") for i, row in enumerate(rows)]
    else:
        found, cursor = page.transactions, page.cursor
    source = RawPage(body, "transactions")
    items = [_neutral(row, (source, index)) for index, row in enumerate(found)]
    return Page(tuple(items), _next(cursor))


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


# ------------------------------------------------------------ everything else


def read_records(body: bytes, key: str, kind: type[T]) -> Page[T]:
    """A page whose rows stand under ``key``.

    Raises:
        MalformedResponseError: It is no page, or a row lacks the id its class requires.
    """
    rows, cursor = _rows(body, key)
    items = [_record(row, kind, f"$.{key}[{index}]") for index, row in enumerate(rows)]
    return Page(tuple(items), _next(cursor))


def read_order(body: bytes) -> OrderRecord:
    """The one order of `get_order`, which comes without a wrapper."""
    return _record(decode_json(body), OrderRecord, "$")


def read_identity(body: bytes) -> Identity:
    """Program and scopes; kinds of identity other than an API key's are not documented."""
    raw: Any = decode(body, dict[str, Any]).get("identity")
    found = salvage(raw, _Identity, "$.identity")
    return Identity(program=str(found.program_id), scopes=found.scopes, raw=raw)


class _Identity(Shape):
    program_id: Id
    scopes: tuple[str, ...] | None = None


def read_refusal(body: bytes) -> Refusal:
    """The vendor's words: ``error`` is an object with a message, or a text; or there is none.

    Whatever else an answer says is in the details. Never raises.
    """
    said = read_said(body)
    message, code = (
        said.pop(key) if isinstance(said.get(key), str) else None for key in ("message", "code")
    )
    details: dict[str, Any] = said.pop("details") if isinstance(said.get("details"), dict) else {}
    return Refusal(message=message or None, code=code or None, details={**said, **details})


def read_said(body: bytes) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = decode(body, dict[str, Any])
    except MalformedResponseError:
        return {}
    error = answer.pop("error", None)
    if isinstance(error, dict):
        return answer | error
    if isinstance(error, str):
        return answer | {"message": error}
    return answer if error is None else answer | {"error": error}


def _rows(body: bytes, key: str) -> tuple[list[Any], _Cursor | None]:
    answer = decode(body, dict[str, Any])
    # Of the cursor nothing is salvaged: taken for none, it would end the list in silence.
    return (
        convert(answer.get(key), list[Any], f"$.{key}"),
        convert(answer.get("cursor"), _Cursor | None, "$.cursor"),
    )


def _next(cursor: _Cursor | None) -> str | None:
    return (cursor.next or None) if cursor else None


def _record(row: Any, kind: type[T], path: str) -> T:
    parts = _with_text_ids(convert(row, dict[str, Any], path))
    return salvage({**parts, "raw": row}, kind, path)


def _with_text_ids(parts: dict[str, Any]) -> dict[str, Any]:
    """``parts`` with the ids in it as text: LoyaltyLion has numbers and text, we have text."""
    return {name: _with_text_id(name, part) for name, part in parts.items()}


def _with_text_id(name: str, part: Any) -> Any:
    if isinstance(part, dict):
        return _with_text_ids(cast("dict[str, Any]", part))
    is_id = type(part) is int and (name == "id" or name.endswith("_id"))
    return str(part) if is_id else part
