"""The vendors' pages as attrs classes: every documented field, and no neutral mapping."""
# ruff: noqa: N815 - these are Joy's names

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

Id = int | str


@attrs.define
class Customer:
    """Whom a row is about."""

    id: int
    merchant_id: Id | None = None
    email: str | None = None
    points_pending: int = 0
    points_approved: int = 0
    points_spent: int = 0


@attrs.define
class Rule:
    """What earned the points."""

    id: int | None = None
    name: str | None = None
    title: str | None = None


@attrs.define
class Order:
    """The order behind a row."""

    id: int
    merchant_id: Id | None = None


@attrs.define
class Activity:
    """What the shopper did."""

    id: int
    created_at: datetime
    customer: Customer
    merchant_id: Id | None = None
    value: str | None = None
    state: str | None = None
    rule: Rule | None = None
    resource: str | None = None
    order: Order | None = None


@attrs.define
class Note:
    """What is said of a row that nobody earned."""

    note: str | None = None


@attrs.define
class Transaction:
    """A row of LoyaltyLion's."""

    id: int
    customer: Customer
    created_at: datetime
    points_approved: int = 0
    points_pending: int = 0
    resource: str | None = None
    activity: Activity | None = None
    adjustment: Note | None = None
    claimed_reward: Note | None = None
    expiry: Note | None = None


@attrs.define
class Cursor:
    """Where the pages beside this one begin."""

    prev: str | None = None
    next: str | None = None


@attrs.define
class LoyaltyLionPage:
    """A page of LoyaltyLion's."""

    transactions: list[Transaction]
    cursor: Cursor | None = None


@attrs.define
class JoyRow:
    """A row of Joy's."""

    id: Id
    createdAt: datetime
    updatedAt: datetime | None = None
    shopId: str | None = None
    customerId: str | None = None
    shopifyCustomerId: Id | None = None
    email: str | None = None
    content: str | None = None
    type: str | None = None
    source: str | None = None
    event: str | None = None
    oldPoint: int | None = None
    newPoint: int | None = None
    programId: str | None = None
    programTitle: str | None = None
    priceRuleId: str | None = None
    discountId: str | None = None
    couponCode: str | None = None
    orderId: Id | None = None
    orderName: str | None = None
    orderNumber: int | None = None
    orderCurrency: str | None = None
    earnBy: str | None = None
    rateMoney: float | None = None
    earnPoint: int | None = None
    spendPoint: int | None = None
    referralCustomerEmail: str | None = None
    referredCustomerEmail: str | None = None
    milestoneOrder: int | None = None
    isPendingPointPlaceOrder: bool | None = None
    refundPendingPoint: int | None = None
    pendingPointUntil: datetime | None = None
    adminNote: str | None = None
    userNote: str | None = None
    reason: str | None = None


@attrs.define
class Pagination:
    """What is known of the pages beside this one."""

    hasNext: bool | None = None
    hasPre: bool | None = None
    total: int | None = None
    totalPage: int | None = None


@attrs.define
class Meta:
    """What stands beside the rows."""

    pagination: Pagination | None = None


@attrs.define
class JoyPage:
    """A page of Joy's."""

    data: list[JoyRow]
    success: bool | None = None
    meta: Meta | None = None


PAGES: dict[str, Any] = {"loyaltylion": LoyaltyLionPage, "joy": JoyPage}
