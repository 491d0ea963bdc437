"""Joy's JSON as classes with Joy's own names, and what it means in neutral words.

https://devdocs.joy.so/joy-rest-api-v2/api-references/activities describes the rows. Joy
leaves out what is null, so nothing but a row's id and time is counted on; unknown fields stay
in ``raw``.
"""
# ruff: noqa: N815 - these are Joy's names, and the decoder matches them to the JSON

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from loyalty_sdk import _checks
from loyalty_sdk._models import (
    Customer,
    Identity,
    RawPage,
    Transaction,
    TransactionKind,
    transaction,
)
from loyalty_sdk._provider import Refusal
from loyalty_sdk._secrets import MaskedDict
from loyalty_sdk.errors import APIError, MalformedResponseError, error_for_status
from loyalty_sdk.wire import Aware, Id, Shape, convert, decode, in_utc, malformed, salvage

from ._models import CustomerRecord, PointsCalculation, Product

if TYPE_CHECKING:
    from loyalty_sdk._flow import Response

T = TypeVar("T")

Raw = tuple[RawPage, int] | Mapping[str, Any]

# "" stands for none in the OpenAPI document that comes with Joy's Node client, joy-api-node.
Amount = int | Literal[""] | None

_KINDS: dict[str | None, TransactionKind] = {
    "earn_point": TransactionKind.EARNED,
    "redeem_point": TransactionKind.REDEEMED,
    "adjust_point": TransactionKind.ADJUSTED,
    "expire_point": TransactionKind.EXPIRED,
}

_OTHER = TransactionKind.OTHER

TYPES = {kind: str(name) for name, kind in _KINDS.items() if name != "expire_point"}
"""What the ``type`` filter takes; the documentation leaves ``expire_point`` out."""


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


class Pagination(Shape):
    """``hasNext`` and ``hasPre`` are documented as required; None is not False, it is silence."""

    hasNext: bool | None = None
    hasPre: bool | None = None
    total: int | None = None
    totalPage: int | None = None


class Meta(Shape):
    """What stands beside the rows of a list."""

    pagination: Pagination | None = None


class ActivityPage(Shape):
    """One page of transactions, as it comes nearly always."""

    data: list[ActivityRow]
    success: bool | None = None
    meta: Meta | None = None


class CustomerRow(Shape):
    """The part of Joy's Customer that `CustomerRecord` names."""

    id: Id
    shopifyCustomerId: Id | None = None
    email: str | None = None
    name: str | None = None
    type: str | None = None
    point: int | None = None
    pendingPoint: int | None = None
    tierPoint: int | None = None
    totalEarnedPoints: int | None = None
    totalSpent: Decimal | None = None
    orderCount: int | None = None
    tierId: str | None = None
    tierName: str | None = None
    referralCode: str | None = None
    createdAt: Aware | None = None
    updatedAt: Aware | None = None


class ShopRow(Shape):
    """The part of Joy's Shop that `Identity` names."""

    id: Id
    name: str | None = None


class CalculationRow(Shape):
    """The answer of points/calculate."""

    pointsEarn: int
    products: list[dict[str, Any]] | None = None


# ---------------------------------------------------------------------- writing requests


def point_change(
    customer_id: str,
    points: int,
    *,
    reason: str | None,
    user_note: str | None,
    admin_note: str | None,
) -> dict[str, Any]:
    """The body of award, deduct, adjust and reset."""
    return _given(
        shopifyCustomerId=customer_id,
        point=points,
        reason=reason,
        userNote=user_note,
        adminNote=admin_note,
    )


def interaction(customer_id: str, event: str | None, earning_id: str | None) -> dict[str, Any]:
    """The body of social/interactions."""
    return _given(shopifyCustomerId=customer_id, event=event, earningId=earning_id)


def cart(
    products: Sequence[Product], customer_id: str | None, source_name: str | None
) -> dict[str, Any]:
    """The body of points/calculate."""
    lines = [{"id": one.id, "quantity": one.quantity, "price": one.price} for one in products]
    return _given(products=lines, shopifyCustomerId=customer_id, sourceName=source_name)


def _given(**members: Any) -> dict[str, Any]:
    return MaskedDict({name: value for name, value in members.items() if value is not None})


# ---------------------------------------------------------------------- reading answers


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
        raise _refused(response)
    raw = RawPage(response.body, "data")
    customers: dict[tuple[Any, ...], Customer | None] = {}
    rows = tuple(
        [_transaction(row, (raw, index), customers) for index, row in enumerate(page.data)]
    )
    return rows, (page.meta and page.meta.pagination) or Pagination()


def _transactions_one_by_one(
    response: Response,
) -> tuple[tuple[Transaction, ...], Pagination]:
    data, pagination = _rows(response)
    raw = RawPage(response.body, "data")
    customers: dict[tuple[Any, ...], Customer | None] = {}
    found = [
        _transaction(_salvaged_row(row, f"$.data[{index}]"), (raw, index), customers)
        for index, row in enumerate(data)
    ]
    return tuple(found), pagination


def _rows(response: Response) -> tuple[list[Any], Pagination]:
    """The rows of any list as plain JSON types.

    Raises:
        APIError: ``success`` is not true.
        MalformedResponseError: It is no list.
    """
    answer = _envelope(response)
    rows: list[Any] = convert(answer.get("data"), list[Any], "$.data")
    meta = answer.get("meta")
    found = salvage(meta, Meta, "$.meta") if _checks.is_mapping(meta) else Meta()
    return rows, found.pagination or Pagination()


def _data(response: Response, kind: type[T]) -> tuple[T, Mapping[str, Any]]:
    """The one object of an answer, read as ``kind`` and as plain JSON types.

    Raises:
        APIError: ``success`` is not true.
        MalformedResponseError: There is no such object, or it lacks what it must have.
    """
    raw: dict[str, Any] = convert(_envelope(response).get("data"), dict[str, Any], "$.data")
    return salvage(raw, kind, "$.data"), raw


def _envelope(response: Response) -> dict[str, Any]:
    answer: dict[str, Any] = decode(response.body, dict[str, Any])
    # Absent and null are the same to Joy; anything else than true is no success.
    success = answer.get("success")
    if success is not None and success is not True:
        raise _refused(response)
    return answer


# ---------------------------------------------------------------------- neutral meaning


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
        kind=_KINDS.get(row.type, _OTHER),
        created_at=moment if moment.tzinfo is UTC else _in_utc(moment, raw),
        reason=row.reason or row.userNote or row.content or None,
        order_id=_identifier(row.orderId),
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
    shopper = _identifier(row.shopifyCustomerId)
    return None if shopper is None else Customer(id=shopper, email=row.email)


def _identifier(value: int | str | None) -> str | None:
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
    """The one transaction of an answer; raises like `_data`."""
    _, raw = _data(response, ActivityRow)
    return _transaction(_salvaged_row(raw, "$.data"), raw, {})


def read_acknowledged(response: Response) -> Transaction | None:
    """The row that an acknowledged write brought back, if it is one. Never raises.

    Joy documents no content of ``data`` for its points calls: an Activity is likely.
    """
    try:
        return read_transaction(response)
    except (APIError, MalformedResponseError):
        return None


def read_customers(response: Response) -> tuple[tuple[CustomerRecord, ...], Pagination]:
    """A page of customers; raises like `read_transactions`."""
    data, pagination = _rows(response)
    found = [_record(raw, f"$.data[{index}]") for index, raw in enumerate(data)]
    return tuple(found), pagination


def read_customer(response: Response) -> CustomerRecord:
    """The one customer of an answer; raises like `_data`."""
    _, raw = _data(response, CustomerRow)
    return _record(raw, "$.data")


def _record(raw: Any, path: str) -> CustomerRecord:
    row = salvage(raw, CustomerRow, path)
    return CustomerRecord(
        id=str(row.id),
        customer_id=_identifier(row.shopifyCustomerId),
        email=row.email,
        name=row.name,
        type=row.type,
        points=row.point,
        pending_points=row.pendingPoint,
        tier_points=row.tierPoint,
        total_earned_points=row.totalEarnedPoints,
        total_spent=row.totalSpent,
        order_count=row.orderCount,
        tier_id=row.tierId,
        tier_name=row.tierName,
        referral_code=row.referralCode,
        created_at=row.createdAt,
        updated_at=row.updatedAt,
        raw=raw,
    )


def read_identity(response: Response) -> Identity:
    """The shop behind the keys; Joy does not say what they may do."""
    shop, raw = _data(response, ShopRow)
    return Identity(program=str(shop.id), name=shop.name, raw=raw)


def read_calculation(response: Response) -> PointsCalculation:
    """What points/calculate says."""
    row, _ = _data(response, CalculationRow)
    return PointsCalculation(points=row.pointsEarn, products=tuple(row.products or ()))


# ---------------------------------------------------------------------- refusals

_ERRORS = range(400, 600)


class Success(Shape):
    """The one member that says whether a write was applied."""

    success: bool


def acknowledges(response: Response) -> bool:
    """Whether the body says ``success: true``, and nothing but that. Never raises."""
    try:
        found: Success = decode(response.body, Success)
    except MalformedResponseError:
        return False
    return found.success


def read_refusal(response: Response) -> Refusal:
    """Joy's words in an answer that is no success. Never raises.

    ``error`` is an object, or plain text, or missing; ``message`` stands in for it then.
    """
    try:
        answer: dict[str, Any] = decode(response.body, dict[str, Any])
    except MalformedResponseError:
        return Refusal()
    error = answer.get("error")
    said: Mapping[str, Any] = error if _checks.is_mapping(error) else {"message": error}
    status, details = said.get("statusCode"), said.get("details")
    return Refusal(
        message=_text(said.get("message")) or _text(answer.get("message")),
        code=_text(said.get("code")),
        details=details if _checks.is_mapping(details) else {},
        status=status if isinstance(status, int) and status in _ERRORS else None,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _refused(response: Response) -> APIError:
    """The error for a 2xx whose body says that it is none; Joy's status picks the class."""
    said = read_refusal(response)
    words = f"HTTP {response.status}, but no success: {said.message or 'no reason given'}"
    error = error_for_status(said.status or response.status)(
        words, hint="Joy's body decides, not its status; reading again is safe"
    )
    error.status = response.status
    error.code = said.code
    error.vendor_message = said.message
    error.details = said.details
    return error
