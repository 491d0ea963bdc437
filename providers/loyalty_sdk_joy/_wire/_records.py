"""Customers, shops and calculations."""
# ruff: noqa: N815 - these are Joy's names, and the decoder matches them to the JSON

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from loyalty_sdk._models import Identity
from loyalty_sdk.wire import Aware, Id, Shape, salvage
from loyalty_sdk_joy._models import CustomerRecord
from loyalty_sdk_joy._products import PointsCalculation

from ._answers import Pagination, object_of, rows_of
from ._transactions import identifier

if TYPE_CHECKING:
    from loyalty_sdk._flow import Response


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


def read_customers(response: Response) -> tuple[tuple[CustomerRecord, ...], Pagination]:
    """A page of customers; raises like `read_transactions`."""
    data, pagination = rows_of(response)
    found = [_record(raw, f"$.data[{index}]") for index, raw in enumerate(data)]
    return tuple(found), pagination


def read_customer(response: Response) -> CustomerRecord:
    """The one customer of an answer; raises like `object_of`."""
    _, raw = object_of(response, CustomerRow)
    return _record(raw, "$.data")


def _record(raw: Any, path: str) -> CustomerRecord:
    row = salvage(raw, CustomerRow, path)
    return CustomerRecord(
        id=str(row.id),
        customer_id=identifier(row.shopifyCustomerId),
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
    shop, raw = object_of(response, ShopRow)
    return Identity(program=str(shop.id), name=shop.name, raw=raw)


def read_calculation(response: Response) -> PointsCalculation:
    """What points/calculate says."""
    row, _ = object_of(response, CalculationRow)
    return PointsCalculation(points=row.pointsEarn, products=tuple(row.products or ()))
